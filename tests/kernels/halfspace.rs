//! Half-space reporting against its definition, at every level.

use crate::oracle::{dirty, levels, numbers, words};
use quickcheck::quickcheck;
use subquad::hadamard::{Signs, is_minus};
use subquad::halfspace::{
    BallTree, Check, Hits, Packed, Reporter, Rotated, Screened, Structure, Workload, auto, peak, scan, scan_scratch_len,
};
use subquad::relu::{PatternMut, pattern, two_layer};
use subquad::simd::Float;
use subquad::{Error, Level, MatMut, MatRef};

/// `<w_r, x>` as the module defines it: one chain, fused where the level fuses.
fn value<T: Float>(level: Level, w: &[T], x: &[T]) -> T {
    let fused = !matches!(level.name(), "scalar" | "simd128");
    w.iter().zip(x).fold(T::ZERO, |sum, (&w, &x)| {
        if !fused {
            x * w + sum
        } else if size_of::<T>() == 4 {
            T::from_f64(f64::from((x.to_f64() as f32).mul_add(w.to_f64() as f32, sum.to_f64() as f32)))
        } else {
            T::from_f64(x.to_f64().mul_add(w.to_f64(), sum.to_f64()))
        }
    })
}

/// What must be reported of one query.
fn wanted<T: Float>(level: Level, w: MatRef<'_, T>, x: &[T], threshold: T) -> Vec<(u32, T)> {
    let rows = (0..w.rows()).map(|r| (0..w.cols()).map(|k| w.get(r, k).unwrap()).collect::<Vec<_>>());
    rows.enumerate().map(|(r, row)| (r as u32, value(level, &row, x))).filter(|&(_, z)| z > threshold).collect()
}

/// Memory for answers, dirty.
struct Room<T> {
    counts: Vec<u32>,
    indices: Vec<u32>,
    values: Vec<T>,
    room: usize,
}

impl<T: Float> Room<T> {
    fn new(queries: usize, room: usize) -> Self {
        Self { counts: vec![77; queries], indices: vec![u32::MAX; queries * room], values: dirty(queries * room), room }
    }
    fn hits(&mut self, values: bool) -> Hits<'_, T> {
        let hits = Hits::new(&mut self.counts, &mut self.indices, self.room).unwrap();
        if values { hits.with_values(&mut self.values).unwrap() } else { hits }
    }
}

#[track_caller]
fn assert_answers<T: Float>(hits: &Hits<'_, T>, i: usize, wanted: &[(u32, T)], values: bool, what: &str) {
    assert_eq!(hits.count(i), wanted.len(), "count of query {i}: {what}");
    let shown = wanted.len().min(hits.room());
    assert!(hits.indices(i).iter().eq(wanted[..shown].iter().map(|(r, _)| r)), "indices of query {i}: {what}");
    if values {
        let bits = |z: &T| z.to_f64().to_bits();
        assert!(hits.values(i).iter().map(bits).eq(wanted[..shown].iter().map(|(_, z)| bits(z))), "values of query {i}: {what}");
    } else {
        assert!(hits.values(i).is_empty());
    }
}

fn scan_equals_the_definition<T: Float>() {
    // Around tiles (6, 14 queries), strips (2 to 32 neurons), blocks (32), strips abreast (4), groups.
    let edges = [(1, 1, 1), (1, 3, 31), (2, 2, 33), (5, 7, 64), (7, 4, 130), (13, 5, 257), (15, 8, 97), (29, 3, 65)];
    let empty = [(0, 3, 4), (3, 0, 40), (3, 2, 0), (1, 0, 3)];
    let groups = [(2, 300, 500), (1, 1030, 300), (17, 2100, 140)];
    for (n, d, m) in edges.into_iter().chain(empty).chain(groups) {
        let (w, x) = (numbers::<T>(m * d, 3), numbers::<T>(n * d, 4));
        let (w, x) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, n, d).unwrap());
        for level in levels() {
            for threshold in [-0.5, 0.0, 0.3, 1.0] {
                let threshold = T::from_f64(threshold);
                for (room, values) in [(m, true), (m, false), (m / 3, true), (0, false)] {
                    let mut memory = Room::new(n, room);
                    let mut hits = memory.hits(values);
                    scan(level, w, x, threshold, &mut hits, &mut dirty(scan_scratch_len(d, m))).unwrap();
                    for i in 0..n {
                        let what = format!("{level} n={n} d={d} m={m} b={threshold} room={room}");
                        assert_answers(&hits, i, &wanted(level, w, x.row(i).unwrap(), threshold), values, &what);
                    }
                    assert_eq!(hits.complete(), (0..n).all(|i| hits.count(i) <= room));
                }
            }
        }
    }
}

#[test]
fn scan_equals_the_definition_f32() {
    scan_equals_the_definition::<f32>();
}

#[test]
fn scan_equals_the_definition_f64() {
    scan_equals_the_definition::<f64>();
}

/// Integers, so that sums are exact and many lie exactly on the threshold: none of those fires.
#[test]
fn exactly_on_the_threshold_is_not_above_it() {
    let (n, d, m) = (9, 6, 200);
    let coarse = |len, seed| numbers::<f32>(len, seed).into_iter().map(|x| (x * 2.5).round()).collect::<Vec<_>>();
    let (w, x) = (coarse(m * d, 1), coarse(n * d, 2));
    let (w, x) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, n, d).unwrap());
    let mut on_it = 0;
    for level in levels() {
        let mut memory = Room::new(n, m);
        let mut hits = memory.hits(true);
        scan(level, w, x, 3.0, &mut hits, &mut dirty(scan_scratch_len(d, m))).unwrap();
        for i in 0..n {
            assert_answers(&hits, i, &wanted(level, w, x.row(i).unwrap(), 3.0), true, "integers");
            on_it += wanted(level, w, x.row(i).unwrap(), 2.5).iter().filter(|&&(_, z)| z == 3.0).count();
        }
    }
    assert!(on_it > 50);
}

/// The pattern of the network's forward pass and the scan are the same comparison.
#[test]
fn the_scan_and_the_forward_pass_agree_on_every_bit() {
    let (n, d, m) = (21, 37, 331);
    let (w, x) = (numbers::<f32>(m * d, 5), numbers::<f32>(n * d, 6));
    let (w, x) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, n, d).unwrap());
    let a = vec![1.0; m];
    for level in levels() {
        // Thresholds that are values: a different rounding anywhere would flip a bit.
        for r in [3, 100, 330] {
            let row: Vec<f32> = (0..d).map(|k| w.get(r, k).unwrap()).collect();
            let threshold = value(level, &row, x.row(r % n).unwrap()).abs();
            let (mut f, mut words) = (vec![0.0; n], vec![0; pattern::pattern_len(n, m)]);
            let pattern = PatternMut::new(&mut words, n, m).unwrap();
            let (a, f) = (MatRef::new(&a, 1, m).unwrap(), MatMut::new(&mut f, n, 1).unwrap());
            two_layer::forward(level, x, w, a, threshold, Some(pattern), f, &mut dirty(two_layer::forward_scratch_len(d, m, 1))).unwrap();
            let mut memory = Room::new(n, m);
            let mut hits = memory.hits(false);
            scan(level, w, x, threshold, &mut hits, &mut dirty(scan_scratch_len(d, m))).unwrap();
            let pattern = subquad::relu::PatternRef::new(&words, n, m).unwrap();
            for i in 0..n {
                let fires: Vec<u32> = (0..m as u32).filter(|&r| pattern.fires(i, r as usize)).collect();
                assert_eq!(hits.indices(i), fires, "{level}");
            }
        }
    }
}

/// Weights and queries of one kind.
struct Data<T> {
    what: &'static str,
    w: Vec<T>,
    x: Vec<T>,
}

/// Everything that could break a bound: m rows and n queries of length d of each kind.
fn kinds<T: Float>(m: usize, n: usize, d: usize) -> Vec<Data<T>> {
    let f = T::from_f64;
    let (w, x) = (numbers::<T>(m * d, 31), numbers::<T>(n * d, 32));
    let each = |v: &[T], g: &dyn Fn(usize, usize, f64) -> f64| -> Vec<T> {
        v.iter().enumerate().map(|(i, x)| f(g(i / d.max(1), i % d.max(1), x.to_f64()))).collect()
    };
    let same = |_: usize, _: usize, x: f64| x;
    let (tiny, least) = if size_of::<T>() == 4 { (1e-40, 1e-45) } else { (1e-310, 5e-324) };
    let huge = if size_of::<T>() == 4 { 3e38 } else { 1.7e308 };
    let data = |what, of_w: &dyn Fn(usize, usize, f64) -> f64, of_x: &dyn Fn(usize, usize, f64) -> f64| Data {
        what,
        w: each(&w, of_w),
        x: each(&x, of_x),
    };
    vec![
        data("random", &same, &same),
        data("clustered", &|r, k, x| ((r / 40 * 7 + k) as f64 * 1.7).sin() + 1e-3 * x, &same),
        data("duplicated", &|_, k, _| (k as f64 * 0.9).cos(), &same),
        data("zero weights", &|_, _, _| 0.0, &same),
        data("zero queries", &same, &|_, _, _| 0.0),
        data("minus zero", &|r, _, x| if r % 2 == 0 { -0.0 } else { x }, &|_, _, x| if x < 0.0 { -0.0 } else { x }),
        data("some rows zero", &|r, _, x| if r % 3 == 0 { 0.0 } else { x }, &|i, _, x| if i % 4 == 0 { 0.0 } else { x }),
        data("huge", &|r, _, x| x * if r % 2 == 0 { huge } else { 1.0 }, &same),
        data("huge queries", &same, &|i, _, x| x * if i % 2 == 0 { huge } else { 1e10 }),
        data("denormal", &|r, _, x| x * if r % 2 == 0 { tiny } else { 1.0 }, &same),
        data("denormal queries", &same, &|i, _, x| x * if i % 2 == 0 { tiny } else { 1.0 }),
        data("least numbers", &|_, _, x| least * (x * 3.0).round(), &|_, _, x| x * 4.0),
        data("one large coordinate", &|_, k, x| if k == 1 { 1e4 * x } else { x }, &same),
        data("many scales", &|r, _, x| x * (r as f64 / 8.0 - 20.0).exp(), &same),
        data("integers", &|_, _, x| (x * 2.5).round(), &|_, _, x| (x * 2.5).round()),
        data(
            "not finite",
            &|r, k, x| match (r % 11, k) {
                (3, 0) => f64::NAN,
                (5, 1) => f64::INFINITY,
                (7, 0) => f64::NEG_INFINITY,
                _ => x,
            },
            &|i, k, x| match (i % 5, k) {
                (1, 0) => f64::NAN,
                (2, 1) => f64::INFINITY,
                (3, 1) => 0.0,
                _ => x,
            },
        ),
    ]
}

/// Thresholds of all kinds, among them values that occur: exactly on the threshold.
fn thresholds<T: Float>(level: Level, w: MatRef<'_, T>, x: MatRef<'_, T>) -> Vec<T> {
    let mut all: Vec<T> = [0.0, -0.0, 0.3, 3.0, -0.4, 1e-42, -1e-42, 1e30, -1e30, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]
        .into_iter()
        .map(T::from_f64)
        .collect();
    for at in 0..5 {
        if w.rows() > 0 && x.rows() > 0 {
            let (r, i) = ((at * 37 + 1) % w.rows(), at % x.rows());
            all.push(value(level, w.row(r).unwrap(), x.row(i).unwrap()));
        }
    }
    all
}

/// One structure against the scan: every level, query by query and all together.
#[track_caller]
fn equals_the_scan<T: Float>(index: &impl Reporter<T>, w: MatRef<'_, T>, x: MatRef<'_, T>, what: &str) {
    let (m, n, d) = (w.rows(), x.rows(), w.cols());
    assert_eq!((index.neurons(), index.dim()), (m, d));
    let mut scratch = dirty(index.scratch_len().max(scan_scratch_len(d, m)));
    for level in levels() {
        for threshold in thresholds(level, w, x) {
            let (mut wanted, mut found) = (Room::new(n, m), Room::new(n, m));
            let mut all = wanted.hits(true);
            scan(level, w, x, threshold, &mut all, &mut scratch).unwrap();
            let answers: Vec<Vec<(u32, T)>> =
                (0..n).map(|i| all.indices(i).iter().copied().zip(all.values(i).iter().copied()).collect()).collect();
            for values in [true, false] {
                let mut hits = found.hits(values);
                index.query_batch(level, x, threshold, &mut hits, &mut scratch[..index.scratch_len()]).unwrap();
                for (i, answer) in answers.iter().enumerate() {
                    assert_answers(&hits, i, answer, values, &format!("{what}, {level}, b={threshold}, of {n}"));
                }
            }
            let mut little = Room::new(1, m / 3);
            for (i, answer) in answers.iter().enumerate() {
                let mut hits = little.hits(true);
                index.query(level, x.row(i).unwrap(), threshold, &mut hits, &mut scratch).unwrap();
                assert_answers(&hits, 0, answer, true, &format!("{what}, {level}, b={threshold}, alone"));
            }
        }
    }
    index.verify(w).unwrap();
}

/// A structure on data of every kind, and after every row was replaced, some often.
macro_rules! battery {
    ($name:ident, $Index:ident, $T:ty $(, $scratch:ident)?) => {
        #[test]
        fn $name() {
            for (m, n, d) in [(131, 9, 7), (70, 3, 1), (64, 17, 33), (33, 2, 130)] {
                let all = kinds::<$T>(m, n, d);
                for (at, data) in all.iter().enumerate() {
                    let (w, x) = (MatRef::new(&data.w, m, d).unwrap(), MatRef::new(&data.x, n, d).unwrap());
                    let mut bytes = words($Index::<&[u8], $T>::storage_len(m, d));
                    $(let mut $scratch = dirty::<$T>($Index::<&[u8], $T>::build_scratch_len(m, d));)?
                    let mut index = $Index::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes) $(, &mut $scratch)?).unwrap();
                    equals_the_scan(&index, w, x, data.what);
                    // Every row becomes one of another kind.
                    let other = &all[(at + 5) % all.len()];
                    for r in (0..m).map(|r| r * 29 % m) {
                        index.update(Level::detect(), r, &other.w[r * d..(r + 1) * d]).unwrap();
                    }
                    let w = MatRef::new(&other.w, m, d).unwrap();
                    equals_the_scan(&index, w, x, &format!("{} after {}", other.what, data.what));
                    index.seal();
                    let index = $Index::<_, $T>::open(bytemuck::cast_slice::<u64, u8>(&bytes), Check::Everything).unwrap();
                    index.verify(w).unwrap();
                }
            }
            for (m, n, d) in [(0, 2, 3), (40, 2, 0), (5, 0, 3)] {
                let (w, x) = (numbers::<$T>(m * d, 1), numbers::<$T>(n * d, 2));
                let (w, x) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, n, d).unwrap());
                let mut bytes = words($Index::<&[u8], $T>::storage_len(m, d));
                $(let mut $scratch = dirty::<$T>($Index::<&[u8], $T>::build_scratch_len(m, d));)?
                let index = $Index::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes) $(, &mut $scratch)?).unwrap();
                let mut hits = Room::new(n, m);
                let mut hits = hits.hits(true);
                index.query_batch(Level::detect(), x, -1.0, &mut hits, &mut dirty(index.scratch_len())).unwrap();
                assert!((0..n).all(|i| hits.count(i) == if d == 0 { m } else { 0 }));
            }
        }
    };
}
battery!(packed_equals_the_scan_f32, Packed, f32);
battery!(packed_equals_the_scan_f64, Packed, f64);
battery!(screened_equals_the_scan_f32, Screened, f32);
battery!(screened_equals_the_scan_f64, Screened, f64);
battery!(ball_tree_equals_the_scan_f32, BallTree, f32, scratch);
battery!(ball_tree_equals_the_scan_f64, BallTree, f64, scratch);

/// The bytes of a screen over these rows.
fn screened(w: MatRef<'_, f32>) -> Vec<u64> {
    let mut memory = words(Screened::<&[u8], f32>::storage_len(w.rows(), w.cols()));
    Screened::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut memory)).unwrap();
    memory
}

fn screen(memory: &[u64]) -> Screened<&[u8], f32> {
    Screened::open(bytemuck::cast_slice(memory), Check::Header).unwrap()
}

/// Queries of a tile share their steps where they are of like size: here are tiles of like ones, of unlike ones, of zeros, and with queries of
/// which nothing is known.
#[test]
fn queries_of_all_sizes() {
    let (m, n, d) = (97, 61, 20);
    for (what, size) in [
        ("like", (|i| [1.0, 1.9, 1.4, 1.0][i % 4]) as fn(usize) -> f32),
        ("unlike", |i| 10f32.powi(i as i32 * 7 % 13 - 6)),
        ("some zeros", |i| [0.0, 1.0, 1.5][i % 3]),
        ("some unknown", |i| [1.0, f32::NAN, 2.0, f32::INFINITY, 1e-30, 1e30, 0.0][i * 5 % 7]),
    ] {
        let w = numbers::<f32>(m * d, 1);
        let x: Vec<f32> = numbers::<f32>(n * d, 2).iter().enumerate().map(|(k, x)| x * size(k / d)).collect();
        let (w, x) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, n, d).unwrap());
        equals_the_scan(&screen(&screened(w)), w, x, what);
    }
}

/// Small queries lose next to nothing by the large ones between them: like comes to like, but for a tile that has both.
#[test]
fn queries_of_like_size_meet_in_a_tile() {
    let (m, n, d) = (1500, 112, 24);
    let (w, mut x) = (numbers::<f32>(m * d, 1), numbers::<f32>(n * d, 2));
    for (i, row) in x.chunks_mut(d).enumerate() {
        row[i % d] = 1.0;
        row.iter_mut().for_each(|x| *x *= if i % 2 == 0 { 1.0 } else { 1.95 });
    }
    let apart: Vec<f32> = [0, 1].iter().flat_map(|odd| x.chunks(d).skip(*odd).step_by(2)).flatten().copied().collect();
    let bytes = screened(MatRef::new(&w, m, d).unwrap());
    let index = screen(&bytes);
    let mut memory = Room::<f32>::new(n, 0);
    for level in levels() {
        let mut open = |x: &[f32]| {
            let x = MatRef::new(x, x.len() / d, d).unwrap();
            let mut hits = Hits::new(&mut memory.counts[..x.rows()], &mut [], 0).unwrap();
            index.query_batch_counting(level, x, 1.0, &mut hits, &mut dirty(index.scratch_len())).unwrap()
        };
        let (mixed, small, large) = (open(&x), open(&apart[..n / 2 * d]), open(&apart[n / 2 * d..]));
        assert!(small > 500 && mixed * 100 <= (small + large) * 108, "{level}: {mixed} together, {small} and {large} apart");
    }
}

/// Rows so long, or neurons so many, that they are looked at in several groups, the last of which is not full.
#[test]
fn groups_that_are_not_full() {
    let (m, n, d) = (131, 2, 1500);
    let (w, x) = (numbers::<f32>(m * d, 1), numbers::<f32>(n * d, 2));
    let (w, x) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, n, d).unwrap());
    let mut bytes = words(Packed::<&[u8], f32>::storage_len(m, d));
    equals_the_scan(&Packed::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes)).unwrap(), w, x, "packed");
    // The bytes decide nothing about numbers so large: as many open neurons as a group has, for as many queries as a tile.
    let (m, n, d) = (32 * 128 + 5, 15, 4);
    let (mut w, x) = (numbers::<f32>(m * d, 1), numbers::<f32>(n * d, 2));
    w.iter_mut().for_each(|w| *w *= 1e30);
    let (w, x) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, n, d).unwrap());
    equals_the_scan(&screen(&screened(w)), w, x, "screened");
}

/// More queries than are made bytes of together, more neurons than are looked at together, or more queries of few neurons; no number is a
/// multiple of anything.
#[test]
fn many_queries_of_many_neurons() {
    for (m, n, d) in [(3300, 15, 100), (1700, 571, 100), (300, 115, 10)] {
        let (w, x) = (numbers::<f32>(m * d, 1), numbers::<f32>(n * d, 2));
        let (w, x) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, n, d).unwrap());
        let bytes = screened(w);
        let index = screen(&bytes);
        let (mut wanted, mut found) = (Room::<f32>::new(n, m), Room::<f32>::new(n, m));
        for level in levels() {
            // Nearly all, a tenth, next to none.
            for share in [-0.3, 0.4, 1.2] {
                let threshold = share * (d as f32).sqrt();
                let (mut wanted, mut found) = (wanted.hits(false), found.hits(false));
                scan(level, w, x, threshold, &mut wanted, &mut dirty(scan_scratch_len(d, m))).unwrap();
                index.query_batch(level, x, threshold, &mut found, &mut dirty(index.scratch_len())).unwrap();
                assert!((0..n).all(|i| found.indices(i) == wanted.indices(i)), "{level} {threshold}, {m} x {d}");
            }
        }
    }
}

/// Bytes that changed places have the same sum and the same norm.
#[test]
fn bytes_that_changed_places_are_refused() {
    let (m, d) = (40, 8);
    let w = numbers::<f32>(m * d, 1);
    let w = MatRef::new(&w, m, d).unwrap();
    let bytes = screened(w);
    let at = 128 + m * d * 4;
    for r in 0..m {
        // Four bytes of a row lie next to each other: the first of block r / 32.
        let mut other = bytes.clone();
        let quad = at + (r / 32 * 32 * 2 + r % 32) * 4;
        let quad = &mut bytemuck::cast_slice_mut::<u64, u8>(&mut other)[quad..quad + 4];
        if quad[0] != quad[1] {
            quad.swap(0, 1);
            assert!(screen(&other).verify(w).is_err(), "row {r}");
        }
    }
}

/// Sums of bytes fit 32 bits up to a length, and up to it alone.
#[test]
fn rows_as_long_as_sums_of_bytes_allow() {
    const MOST: usize = 65_536;
    let (w, level) = (vec![1.0f32; MOST + 1], Level::detect());
    let mut bytes = words(Screened::<&[u8], f32>::storage_len(1, MOST + 1));
    let to = bytemuck::cast_slice_mut::<u64, u8>(&mut bytes);
    assert!(Screened::build(MatRef::new(&w, 1, MOST + 1).unwrap(), &mut *to).is_err());
    Screened::build(MatRef::new(&w[..MOST], 1, MOST).unwrap(), &mut *to).unwrap();
    let index = Screened::<_, f32>::open(&*to, Check::Everything).unwrap();
    let (mut found, mut scratch) = (Room::<f32>::new(1, 1), dirty(index.scratch_len()));
    let mut hits = found.hits(true);
    index.query(level, &w[..MOST], MOST as f32 - 1.0, &mut hits, &mut scratch).unwrap();
    assert_answers(&hits, 0, &[(0, MOST as f32)], true, "as long as can be");
    // Without neurons there are no bytes whose number could tell.
    Screened::build(MatRef::<f32>::new(&[], 0, MOST).unwrap(), &mut *to).unwrap();
    for (d, sound) in [(MOST, true), (MOST + 1, false), (MOST + 2, false)] {
        bytes[5] = d as u64;
        let found = Screened::<_, f32>::open(bytemuck::cast_slice::<u64, u8>(&bytes), Check::Header);
        assert_eq!(found.map(|_| ()).map_err(|error| error.to_string().contains("65536")), if sound { Ok(()) } else { Err(true) }, "{d}");
    }
}

/// The rotated screen on data of every kind, and after every row was replaced.
fn rotated_equals_the_scan<T: Float>() {
    for (at, (m, n, d)) in [(131, 9, 7), (70, 3, 1), (64, 17, 33), (33, 2, 130), (40, 3, 12)].into_iter().enumerate() {
        let all = kinds::<T>(m, n, d);
        for (kind, data) in all.iter().enumerate() {
            let (w, x) = (MatRef::new(&data.w, m, d).unwrap(), MatRef::new(&data.x, n, d).unwrap());
            let mut bytes = words(Rotated::<&[u8], T>::storage_len(m, d));
            let seed = (at * 100 + kind) as u64;
            let mut index = Rotated::build(Level::detect(), w, seed, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes)).unwrap();
            assert_eq!(index.seed(), seed);
            assert_eq!(index.scratch_len(), Rotated::<&[u8], T>::query_scratch_len(m, d));
            equals_the_scan(&index, w, x, data.what);
            let other = &all[(kind + 5) % all.len()];
            for r in (0..m).map(|r| r * 29 % m) {
                index.update(Level::detect(), r, &other.w[r * d..(r + 1) * d]).unwrap();
            }
            let (w, x) = (MatRef::new(&other.w, m, d).unwrap(), MatRef::new(&other.x, n, d).unwrap());
            equals_the_scan(&index, w, x, &format!("{} after {}", other.what, data.what));
            index.seal();
            // The same bytes at every level, and after every detour.
            for level in levels() {
                let mut anew = words(Rotated::<&[u8], T>::storage_len(m, d));
                Rotated::build(level, w, seed, bytemuck::cast_slice_mut::<u64, u8>(&mut anew)).unwrap();
                assert!(anew == bytes, "{level}: {}", other.what);
            }
            let index = Rotated::<_, T>::open(bytemuck::cast_slice::<u64, u8>(&bytes), Check::Everything).unwrap();
            index.verify(w).unwrap();
        }
    }
    // Without columns there is nothing to rotate.
    for (m, n, d) in [(0, 2, 3), (40, 2, 0), (5, 0, 3)] {
        let (w, x) = (numbers::<T>(m * d, 1), numbers::<T>(n * d, 2));
        let (w, x) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, n, d).unwrap());
        let mut bytes = words(Rotated::<&[u8], T>::storage_len(m, d));
        let index = Rotated::build(Level::detect(), w, 1, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes)).unwrap();
        let mut hits = Room::new(n, m);
        let mut hits = hits.hits(true);
        index.query_batch(Level::detect(), x, T::from_f64(-1.0), &mut hits, &mut dirty(index.scratch_len())).unwrap();
        assert!((0..n).all(|i| hits.count(i) == if d == 0 { m } else { 0 }));
    }
}

#[test]
fn the_rotated_screen_equals_the_scan_f32() {
    rotated_equals_the_scan::<f32>();
}

#[test]
fn the_rotated_screen_equals_the_scan_f64() {
    rotated_equals_the_scan::<f64>();
}

/// The least number of all, alone in its row, is rotated to nothing: it is not nothing, and fires at a threshold of zero.
fn least_numbers_vanish_in_the_rotation<T: Float>() {
    let least = T::from_f64(if size_of::<T>() == 4 { 1e-45 } else { 5e-324 });
    let m = 40;
    for d in [3, 7, 33, 64] {
        let tiny = |n: usize| -> Vec<T> {
            let sign = |r: usize| if r.is_multiple_of(3) { -least } else { least };
            (0..n * d).map(|i| if i % d == i / d * 5 % d { sign(i / d) } else { T::ZERO }).collect()
        };
        let large = |n: usize, seed: u64| -> Vec<T> { numbers::<T>(n * d, seed).iter().map(|x| T::from_f64(1e3 * x.to_f64())).collect() };
        for (w, x) in [(tiny(m), large(9, 2)), (large(m, 1), tiny(9))] {
            let (ws, xs) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, 9, d).unwrap());
            let mut bytes = words(Rotated::<&[u8], T>::storage_len(m, d));
            let index = Rotated::build(Level::detect(), ws, 3, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes)).unwrap();
            index.verify(ws).unwrap();
            for level in levels() {
                let mut memory = Room::new(9, m);
                let mut hits = memory.hits(true);
                index.query_batch(level, xs, T::ZERO, &mut hits, &mut dirty(index.scratch_len())).unwrap();
                for i in 0..9 {
                    assert_answers(&hits, i, &wanted(level, ws, xs.row(i).unwrap(), T::ZERO), true, &format!("{level} d={d}"));
                }
                assert!((0..9).any(|i| hits.count(i) > 0), "{level} d={d}");
            }
        }
    }
}

#[test]
fn numbers_that_vanish_in_the_rotation() {
    least_numbers_vanish_in_the_rotation::<f32>();
    least_numbers_vanish_in_the_rotation::<f64>();
}

/// Both sides of every border between two structures.
#[test]
fn borders_between_structures() {
    use Structure::{BallTree, Candidates, Packed, Rotated, Scan, Screened};
    let one = Workload { m: 1 << 16, d: 64, n: 1, fired: 0.02, drift: None, reuse: 100, peak: 1.0 };
    let leaves = Workload { d: 8, fired: 0.002, reuse: 64, ..one };
    let bytes = Workload { m: 1 << 15, d: 16, fired: 0.05, ..one };
    let batch = Workload { m: 100, d: 48, n: 8, fired: 0.002, ..one };
    let long = Workload { d: 192, fired: 0.02, ..batch };
    for (work, wanted) in [
        (one, Screened),
        // Samples that stay, weights that hardly move, neurons that seldom fire.
        (Workload { drift: Some(0.19), ..one }, Candidates),
        (Workload { drift: Some(0.2), ..one }, Screened),
        (Workload { drift: Some(0.1), fired: 0.19, ..one }, Candidates),
        (Workload { drift: Some(0.1), fired: 0.2, ..one }, Packed),
        // As many queries as pay for an index.
        (Workload { n: 7, reuse: 1, ..one }, Scan),
        (Workload { n: 8, reuse: 1, ..one }, Packed),
        (Workload { reuse: 7, ..one }, Scan),
        (Workload { reuse: 8, ..one }, Screened),
        (Workload { n: usize::MAX, reuse: 2, ..one }, Packed),
        // Few queries, or many.
        (Workload { n: 7, ..one }, Screened),
        (Workload { n: 8, ..one }, Packed),
        // Leaves of a tree.
        (leaves, BallTree),
        (Workload { n: 8, reuse: 8, ..leaves }, Packed),
        (Workload { d: 9, ..leaves }, Packed),
        (Workload { m: (1 << 16) - 1, ..leaves }, Packed),
        (Workload { fired: 0.0021, ..leaves }, Packed),
        (Workload { reuse: 63, ..leaves }, Packed),
        // Bytes, for one query.
        (bytes, Screened),
        (Workload { m: (1 << 15) - 1, ..bytes }, Packed),
        (Workload { m: 1 << 16, d: 15, ..bytes }, Packed),
        (Workload { fired: 0.051, ..bytes }, Packed),
        (Workload { n: 8, ..bytes }, Packed),
        // Bytes, for a batch.
        (batch, Screened),
        (Workload { n: 1, ..batch }, Packed),
        (Workload { d: 47, ..batch }, Packed),
        (Workload { fired: 0.0021, ..batch }, Packed),
        (long, Screened),
        (Workload { n: 1, ..long }, Packed),
        (Workload { d: 191, ..long }, Packed),
        (Workload { fired: 0.021, ..long }, Packed),
        // Rows with few large numbers.
        (Workload { peak: 1.25, ..one }, Screened),
        (Workload { peak: 1.26, ..one }, Rotated),
    ] {
        assert_eq!(auto(work), wanted, "{work:?}");
    }
}

/// Rows with few large numbers: the rotation leaves fewer open. Gaussian rows, which it changes nothing about: as many.
/// One row of eight numbers of which one is not zero: its largest is sqrt(8) root mean squares, where Gaussian numbers' would be 1.8387 (the
/// square root of 2 ln 16 - ln ln 16 - 1.1447). Rows without a norm do not count.
#[test]
fn peaks_of_rows() {
    let one = 8f64.sqrt() / (2.0 * 16f64.ln() - 16f64.ln().ln() - 1.1447).sqrt();
    let mut w = vec![0.0f64; 5 * 8];
    (w[3], w[8 + 1], w[16], w[24 + 5]) = (-3.0, 0.25, f64::INFINITY, f64::NAN);
    let found = peak(MatRef::new(&w, 5, 8).unwrap());
    assert!((found - one).abs() < 1e-12, "{found} {one}");
    assert_eq!((peak(MatRef::new(&w[32..], 1, 8).unwrap()), peak(MatRef::<f32>::new(&[], 0, 8).unwrap())), (1.0, 1.0));
    // One number is its own largest.
    assert_eq!(peak(MatRef::new(&w[3..4], 1, 1).unwrap()), 1.0);
}

#[test]
fn a_rotation_leaves_fewer_open() {
    let (m, n, d) = (2000, 20, 64);
    let gaussian = |len: usize, seed: u64| -> Vec<f32> {
        let sums = numbers::<f32>(12 * len, seed);
        sums.chunks(12).map(|x| x.iter().sum::<f32>() / 2.0).collect()
    };
    let x = gaussian(n * d, 2);
    let plain = gaussian(m * d, 1);
    let uneven: Vec<f32> = plain.iter().enumerate().map(|(i, x)| if i % d == i / d * 7 % d { 40.0 * x } else { *x }).collect();
    for (what, w, b, fewer) in [("even", plain, 15.0, 1.3), ("uneven", uneven, 60.0, 0.6)] {
        let (ws, xs) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, n, d).unwrap());
        let mut bytes = (words(Screened::<&[u8], f32>::storage_len(m, d)), words(Rotated::<&[u8], f32>::storage_len(m, d)));
        let level = Level::detect();
        let index = Screened::build(ws, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes.0)).unwrap();
        let rotated = Rotated::build(level, ws, 3, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes.1)).unwrap();
        let mut memory = Room::new(n, 0);
        let mut scratch = dirty(rotated.scratch_len());
        let before = index.query_batch_counting(level, xs, b, &mut memory.hits(false), &mut scratch).unwrap();
        let after = rotated.query_batch_counting(level, xs, b, &mut memory.hits(false), &mut scratch).unwrap();
        assert!(before > 50 && (after as f64) < fewer * before as f64, "{what}: {before} without, {after} with");
        assert!((what == "even") == (peak(ws) < 1.25), "{what}: {}", peak(ws));
    }
}

/// Rows that the rotation turns into those whose errors all point one way.
#[test]
fn the_bound_of_the_rotated_screen_is_needed_whole() {
    for (d, seed) in [(8usize, 1u64), (12, 2), (64, 3), (80, 4)] {
        let back = |rows: Vec<f64>| -> Vec<f32> {
            let sign = |j: usize, k: usize| if Signs::Seed(seed).is_minus(j) != is_minus(d, k, j) { -1.0 } else { 1.0 };
            let entry = |row: &[f64], j: usize| (0..d).map(|k| sign(j, k) * row[k]).sum::<f64>() / (d as f64).sqrt();
            rows.chunks(d).flat_map(|row| (0..d).map(|j| entry(row, j) as f32).collect::<Vec<_>>()).collect()
        };
        let ramp = |sign: f64, m: usize| -> Vec<f64> {
            let entry = |r: usize, k: usize| if k == 0 { 127.0 } else { ((r * 7 + k * 3) % 40) as f64 + sign * 0.49 };
            (0..m * d).map(|i| entry(i / d, i % d)).collect()
        };
        for sign in [1.0, -1.0] {
            for rough_rows in [true, false] {
                let m = 40;
                let ones = |n: usize| vec![127.0; n * d];
                let (w, x) = if rough_rows { (back(ramp(sign, m)), back(ones(1))) } else { (back(ones(m)), back(ramp(sign, 1))) };
                let (ws, xs) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, 1, d).unwrap());
                let mut bytes = words(Rotated::<&[u8], f32>::storage_len(m, d));
                let index = Rotated::build(Level::detect(), ws, seed, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes)).unwrap();
                for level in levels() {
                    for r in 0..m {
                        let z = value(level, &w[r * d..(r + 1) * d], &x);
                        for threshold in [z.next_down(), z, z * 0.999, z * 1.001] {
                            let mut memory = Room::new(1, m);
                            let mut hits = memory.hits(true);
                            index.query_batch(level, xs, threshold, &mut hits, &mut dirty(index.scratch_len())).unwrap();
                            assert_answers(&hits, 0, &wanted(level, ws, &x, threshold), true, &format!("{level} d={d} row {r}"));
                        }
                    }
                }
            }
        }
    }
}

/// Bytes that claim to be of another width; bounds that claim too much.
#[test]
fn rotated_bytes_that_do_not_fit_are_refused() {
    let (m, d) = (40, 12);
    let w = numbers::<f32>(m * d, 1);
    let w = MatRef::new(&w, m, d).unwrap();
    let len = Rotated::<&[u8], f32>::storage_len(m, d);
    let mut bytes = words(len);
    let mut index = Rotated::build(Level::detect(), w, 5, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes)).unwrap();
    index.verify(w).unwrap();
    assert!(index.update(Level::detect(), m, &[0.0; 12]).is_err() && index.update(Level::detect(), 0, &[0.0; 11]).is_err());
    // Another seed is another rotation: the bytes no longer bound the rows.
    let mut other = bytes.clone();
    other[8] = 6;
    assert!(Rotated::<_, f32>::open(bytemuck::cast_slice::<u64, u8>(&other), Check::Header).unwrap().verify(w).is_err());
    // Bounds that claim too much; bytes of another row, with and without their sum.
    let (blocks, wide) = (m.div_ceil(32), 12usize);
    let lens = [wide * 4, m * d * 4, blocks * 32 * wide, m * 4, m * 4, m * 4, m * 4, m * 4];
    let at = |section: usize| 128 + lens[..section].iter().map(|len| len.next_multiple_of(64)).sum::<usize>();
    type Change = fn(f32) -> f32;
    let changes: [(&str, usize, Change); 6] = [
        ("scale", at(3) + 7 * 4, |x| x * 1.01),
        ("sum", at(4) + 7 * 4, |x| f32::from_bits(x.to_bits().wrapping_add(1))),
        ("norm", at(5) + 7 * 4, |x| x * 0.999),
        ("error", at(6) + 7 * 4, |x| x * 0.98),
        ("norm of the bytes", at(7) + 7 * 4, |x| x * 0.999),
        ("bytes", at(2), |x| f32::from_bits(x.to_bits() ^ 1)),
    ];
    for (what, at, change) in changes {
        let mut other = bytes.clone();
        let number: &mut [u8] = &mut bytemuck::cast_slice_mut::<u64, u8>(&mut other)[at..at + 4];
        let old = f32::from_le_bytes(number.try_into().unwrap());
        number.copy_from_slice(&change(old).to_le_bytes());
        let index = Rotated::<_, f32>::open(bytemuck::cast_slice::<u64, u8>(&other), Check::Header).unwrap();
        assert!(index.verify(w).is_err(), "{what}: {old} became {}", change(old));
    }
    for r in 0..m {
        let mut other = bytes.clone();
        let error = &mut bytemuck::cast_slice_mut::<u64, f32>(&mut other)[at(6) / 4 + r];
        *error *= 0.98;
        let index = Rotated::<_, f32>::open(bytemuck::cast_slice::<u64, u8>(&other), Check::Header).unwrap();
        assert!(index.verify(w).is_err(), "error of row {r}");
    }
    // Of a row that is no number nothing is known, and nothing may be said: no norm, no bytes.
    let mut unknown = numbers::<f32>(m * d, 1);
    unknown[7 * d] = f32::NAN;
    let w = MatRef::new(&unknown, m, d).unwrap();
    let mut other = bytes.clone();
    let index = Rotated::build(Level::detect(), w, 5, bytemuck::cast_slice_mut::<u64, u8>(&mut other)).unwrap();
    index.verify(w).unwrap();
    bytemuck::cast_slice_mut::<u64, f32>(&mut other)[at(5) / 4 + 7] = 1e6;
    assert!(Rotated::<_, f32>::open(bytemuck::cast_slice::<u64, u8>(&other), Check::Header).unwrap().verify(w).is_err());
    // Without columns nothing is rotated.
    assert_eq!(Rotated::<&[u8], f32>::storage_len(m, 0), Screened::<&[u8], f32>::storage_len(m, 0));
    // A width that a row of 12 is not rotated in.
    let mut other = words(len * 8);
    other[..bytes.len()].copy_from_slice(&bytes);
    for width in 1..40 {
        other[6] = width;
        assert_eq!(Rotated::<_, f32>::open(bytemuck::cast_slice::<u64, u8>(&other), Check::Header).is_ok(), width == 12, "{width}");
    }
}

/// Errors of quantisation that point along the query, or along the row: Cauchy-Schwarz is an equality, and a bound that
/// is a hundredth too small misses neurons.
#[test]
fn the_bound_of_the_screen_is_needed_whole() {
    for d in [8usize, 33, 64] {
        // Steps of 1, of which the first entry makes sure: 127 is the largest, at every level a multiple of the step.
        let ramp = |sign: f32, m: usize, limit: f32| -> Vec<f32> {
            let entry = |r: usize, k: usize| if k == 0 { limit } else { ((r * 7 + k * 3) % 40) as f32 + sign * 0.49 };
            (0..m * d).map(|i| entry(i / d, i % d)).collect()
        };
        for sign in [1.0, -1.0] {
            for (rough_rows, limit) in [(true, 127.0f32), (false, 127.0), (false, 64.0)] {
                let m = 40;
                let ones = |n: usize| vec![127.0f32; n * d];
                let (w, x) = if rough_rows { (ramp(sign, m, limit), ones(1)) } else { (ones(m), ramp(sign, 1, limit)) };
                let (ws, xs) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, 1, d).unwrap());
                let mut bytes = words(Screened::<&[u8], f32>::storage_len(m, d));
                let index = Screened::build(ws, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes)).unwrap();
                for level in levels() {
                    for r in 0..m {
                        let z = value(level, &w[r * d..(r + 1) * d], &x);
                        for threshold in [z.next_down(), z, z * 0.999, z * 1.001] {
                            let mut memory = Room::new(1, m);
                            let mut hits = memory.hits(true);
                            index.query_batch(level, xs, threshold, &mut hits, &mut dirty(index.scratch_len())).unwrap();
                            assert_answers(&hits, 0, &wanted(level, ws, &x, threshold), true, &format!("{level} d={d} row {r}"));
                        }
                    }
                }
            }
        }
    }
}

/// Rows and queries that the bytes hold exactly, so that nothing is left of the bound but its rounding: of a chain whose every addition is
/// off the same way, and of a screen that counts in f32.
fn nothing_but_rounding<T: Float>() {
    let f = T::from_f64;
    let whole = |len: usize, seed: u64| numbers::<f64>(len, seed).into_iter().map(|x| (x * 127.0).round()).collect::<Vec<_>>();
    for (d, same) in [(4096, true), (8, false), (100, false), (1000, false)] {
        let m = 40;
        // All of a row alike, a tenth and a bit; or whole multiples of the row's own step, of which the first entry makes sure.
        let entry = |row: &[f64], r: usize, k: usize| match (same, k) {
            (true, _) => 0.1 + r as f64 * 1e-3,
            (false, 0) => 127.0 * (1.0 + r as f64 * 1e-3),
            (false, _) => row[k] * (1.0 + r as f64 * 1e-3),
        };
        let rough = whole(m * d, 71);
        let w: Vec<T> = rough.chunks(d).enumerate().flat_map(|(r, row)| (0..d).map(move |k| f(entry(row, r, k)))).collect();
        let rough = whole(d, 72);
        let x: Vec<T> = (0..d).map(|k| f(if same { 1.0 } else { entry(&rough, 7, k) })).collect();
        let (ws, xs) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, 1, d).unwrap());
        let mut bytes = (words(Screened::<&[u8], T>::storage_len(m, d)), words(Rotated::<&[u8], T>::storage_len(m, d)));
        let plain = Screened::build(ws, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes.0)).unwrap();
        let rotated = Rotated::build(Level::detect(), ws, 3, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes.1)).unwrap();
        for level in levels() {
            let values: Vec<f64> = w.chunks(d).map(|row| value(level, row, &x).to_f64()).collect();
            for z in values {
                for threshold in [1.0, 1.0 - 1.2e-7, 1.0 - 2e-7, 1.0 - 1e-6, 1.0 + 1e-7, 1.0 - 1e-15, 1.0 + 1e-15].map(|by| f(z * by)) {
                    let wanted = wanted(level, ws, &x, threshold);
                    for index in [&plain as &dyn Reporter<T>, &rotated] {
                        let mut memory = Room::new(1, m);
                        let mut hits = memory.hits(true);
                        index.query_batch(level, xs, threshold, &mut hits, &mut dirty(index.scratch_len())).unwrap();
                        assert_answers(&hits, 0, &wanted, true, &format!("{level} d={d} b={threshold}"));
                    }
                }
            }
        }
    }
}

#[test]
fn rounding_is_in_the_bounds_of_the_screens() {
    nothing_but_rounding::<f32>();
    nothing_but_rounding::<f64>();
}

/// Neurons on the very edge of their balls, as seen along the query: far clusters, where rounding is larger than the ball, among them.
fn balls_are_needed_whole<T: Float>() {
    for (d, centre, radius) in [(1, 0.0, 1.0), (3, 0.0, 1.0), (3, 900.0, 1e-3), (2, 900.0, 1.0), (40, 30.0, 1e-4)] {
        let m = 120;
        let w: Vec<T> = numbers::<f64>(m * d, 7).iter().map(|x| T::from_f64(centre + radius * x)).collect();
        let ws = MatRef::new(&w, m, d).unwrap();
        let mut bytes = words(BallTree::<&[u8], T>::storage_len(m, d));
        let mut scratch = dirty::<T>(BallTree::<&[u8], T>::rebalance_scratch_len(m, d));
        let mut tree = BallTree::build(ws, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch).unwrap();
        for moved in [false, true] {
            if moved {
                // The same rows again: balls grow where they have to.
                (0..m).for_each(|r| tree.update(Level::detect(), r, ws.row(r).unwrap()).unwrap());
            }
            for (level, r) in levels().flat_map(|level| (0..m).step_by(3).map(move |r| (level, r))) {
                // From the middle of all to this one, and back.
                for sign in [1.0, -1.0] {
                    let x: Vec<T> = w[r * d..(r + 1) * d].iter().map(|x| T::from_f64(sign * (x.to_f64() - centre) / radius)).collect();
                    let z = value(level, &w[r * d..(r + 1) * d], &x).to_f64();
                    for threshold in [z * (1.0 - z.signum() * T::EPSILON.to_f64()), z].map(T::from_f64) {
                        let mut memory = Room::new(1, m);
                        let mut hits = memory.hits(true);
                        tree.query(level, &x, threshold, &mut hits, &mut dirty(tree.scratch_len())).unwrap();
                        let what = format!("{level} d={d} centre={centre} row {r}");
                        assert_answers(&hits, 0, &wanted(level, ws, &x, threshold), true, &what);
                    }
                }
            }
        }
    }
}

#[test]
fn the_balls_are_needed_whole() {
    balls_are_needed_whole::<f32>();
    balls_are_needed_whole::<f64>();
}

/// Two neurons far away, at both ends of the ball around them: between their values and the ball's bound there is nothing but what is
/// said of rounding, which at that distance is larger than the ball.
fn balls_far_away<T: Float>() {
    let apart = T::EPSILON.to_f64().powf(0.75);
    for (d, seed) in [3usize, 17, 40].into_iter().flat_map(|d| (0..20).map(move |seed| (d, seed))) {
        let (middle, by) = (numbers::<T>(d, 2 * seed), numbers::<f64>(d, 2 * seed + 1));
        let end = |sign: f64| middle.iter().zip(&by).map(move |(c, by)| T::from_f64(c.to_f64() + sign * apart * by));
        let w: Vec<T> = end(1.0).chain(end(-1.0)).collect();
        let ws = MatRef::new(&w, 2, d).unwrap();
        let mut bytes = words(BallTree::<&[u8], T>::storage_len(2, d));
        let mut scratch = dirty::<T>(BallTree::<&[u8], T>::build_scratch_len(2, d));
        let tree = BallTree::build(ws, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch).unwrap();
        for level in levels() {
            for r in 0..2 {
                let x: Vec<T> = (0..d).map(|k| ws.get(r, k).unwrap() - ws.get(1 - r, k).unwrap()).collect();
                let z = value(level, ws.row(r).unwrap(), &x).to_f64();
                let threshold = T::from_f64(z * (1.0 - z.signum() * T::EPSILON.to_f64()));
                let mut memory = Room::new(1, 2);
                let mut hits = memory.hits(true);
                tree.query(level, &x, threshold, &mut hits, &mut dirty(tree.scratch_len())).unwrap();
                assert_answers(&hits, 0, &wanted(level, ws, &x, threshold), true, &format!("{level} d={d} seed {seed} row {r}"));
            }
        }
    }
}

#[test]
fn rounding_is_in_the_bounds_of_far_balls() {
    balls_far_away::<f32>();
    balls_far_away::<f64>();
}

/// The documented outcome: what is NaN does not fire, infinities follow IEEE.
#[test]
fn nan_never_fires() {
    let (d, m) = (3, 70);
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    let mut w = vec![1.0f32; m * d];
    w[5 * d] = nan;
    w[40 * d + 2] = nan;
    w[41 * d] = inf;
    w[42 * d] = -inf;
    w[43 * d..44 * d].copy_from_slice(&[inf, -inf, 0.0]);
    let w = MatRef::new(&w, m, d).unwrap();
    let x = [1.0, 1.0, 1.0, nan, 1.0, 1.0, -1.0, 0.0, 0.0, inf, 0.0, 0.0];
    let x = MatRef::new(&x, 4, d).unwrap();
    for level in levels() {
        let mut memory = Room::new(4, m);
        let mut hits = memory.hits(true);
        let mut scratch = dirty(scan_scratch_len(d, m));
        scan(level, w, x, 2.0, &mut hits, &mut scratch).unwrap();
        assert!(hits.indices(0).iter().copied().eq((0..70).filter(|r| ![5, 40, 42, 43].contains(r))));
        assert_eq!(hits.values(0)[39], inf);
        assert_eq!((hits.count(1), hits.indices(2)), (0, &[42][..]));
        assert_eq!(hits.count(3), 70 - 4);
        for (threshold, count) in [(nan, 0), (inf, 0), (-inf, 70 - 4)] {
            scan(level, w, x, threshold, &mut hits, &mut scratch).unwrap();
            assert_eq!(hits.count(0), count, "{threshold}");
        }
    }
}

#[test]
fn strided_weights_and_queries() {
    let (n, d, m) = (8, 5, 90);
    let (w, x) = (numbers::<f64>(d * (m + 2), 8), numbers::<f64>(n * 9, 9));
    let w = MatRef::with_strides(&w, m, d, 1, m + 2).unwrap();
    let x = MatRef::with_strides(&x, n, d, 9, 1).unwrap();
    for level in levels() {
        let mut memory = Room::new(n, m);
        let mut hits = memory.hits(true);
        scan(level, w, x, 0.2, &mut hits, &mut dirty(scan_scratch_len(d, m))).unwrap();
        for i in 0..n {
            assert_answers(&hits, i, &wanted(level, w, x.row(i).unwrap(), 0.2), true, "strided");
        }
    }
    // Queries whose numbers do not lie side by side, of every index.
    let x = numbers::<f64>(d * (n + 1), 9);
    let across = MatRef::with_strides(&x, n, d, 1, n + 1).unwrap();
    let rows: Vec<f64> = (0..n * d).map(|at| across.get(at / d, at % d).unwrap()).collect();
    let mut bytes = words(Packed::<&[u8], f64>::storage_len(m, d));
    let packed = Packed::<_, f64>::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes)).unwrap();
    let mut bytes = words(Screened::<&[u8], f64>::storage_len(m, d));
    let screened = Screened::<_, f64>::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes)).unwrap();
    let mut bytes = words(Rotated::<&[u8], f64>::storage_len(m, d));
    let rotated = Rotated::<_, f64>::build(Level::detect(), w, 3, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes)).unwrap();
    for level in levels() {
        for (index, what) in [(&packed as &dyn Reporter<f64>, "packed"), (&screened, "screened"), (&rotated, "rotated")] {
            let mut memory = Room::new(n, m);
            let mut hits = memory.hits(true);
            index.query_batch(level, across, 0.2, &mut hits, &mut dirty(index.scratch_len())).unwrap();
            for (i, x) in rows.chunks(d).enumerate() {
                assert_answers(&hits, i, &wanted(level, w, x, 0.2), true, what);
            }
        }
    }
}

#[test]
fn errors_name_the_figures() {
    let (w, x) = ([0.0f32; 12], [0.0f32; 8]);
    let (w, x) = (MatRef::new(&w, 3, 4).unwrap(), MatRef::new(&x, 2, 4).unwrap());
    let (mut counts, mut indices, mut values) = ([0; 2], [0; 6], [0.0; 5]);
    assert_eq!(
        Hits::<f32>::new(&mut counts, &mut indices, 4).unwrap_err(),
        Error::Length { what: "hits: indices, against queries x room", expected: 8, found: 6 }
    );
    assert!(Hits::new(&mut counts, &mut indices, 3).unwrap().with_values(&mut values).is_err());
    let mut hits = Hits::new(&mut counts, &mut indices, 3).unwrap();
    let level = Level::detect();
    let mut scratch = dirty(scan_scratch_len(4, 3));
    let short = scratch.len() - 1;
    assert_eq!(
        scan(level, w, x, 0.0, &mut hits, &mut scratch[..short]),
        Err(Error::TooShort { what: "scratch", needed: short + 1, found: short })
    );
    assert!(scan(level, w, x.row_range(0, 1), 0.0, &mut hits, &mut scratch).is_err());
    assert!(scan(level, w.col_range(0, 3), x, 0.0, &mut hits, &mut scratch).is_err());
    assert!(hits.indices(7).is_empty() && hits.count(7) == 0);
}

quickcheck! {
    fn scan_is_the_definition(n: u8, d: u8, m: u16, seed: u64, threshold: i8) -> bool {
        let (n, d, m) = (n as usize % 20, d as usize % 40, m as usize % 300);
        let (w, x) = (numbers::<f32>(m * d, seed), numbers::<f32>(n * d, !seed));
        let (w, x) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, n, d).unwrap());
        let threshold = f32::from(threshold) / 64.0;
        levels().all(|level| {
            let mut memory = Room::new(n, m);
            let mut hits = memory.hits(true);
            scan(level, w, x, threshold, &mut hits, &mut dirty(scan_scratch_len(d, m))).unwrap();
            (0..n).all(|i| {
                let (indices, values): (Vec<_>, Vec<_>) = wanted(level, w, x.row(i).unwrap(), threshold).into_iter().unzip();
                hits.indices(i) == indices && hits.values(i) == values
            })
        })
    }
}
