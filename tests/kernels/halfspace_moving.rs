//! Structures for weights that move: equal to the scan after every step, through thousands of updates; and bytes that
//! were damaged.

use crate::oracle::{dirty, levels, numbers, words};
use quickcheck::quickcheck;
use subquad::halfspace::{
    BallTree, Candidates, Check, Hits, MaxTree, Packed, Reporter, Rotated, Screened, Watcher, scan, scan_scratch_len,
};
use subquad::simd::Float;
use subquad::{Error, Level, MatRef};

fn bytes(words: &mut [u64]) -> &mut [u8] {
    bytemuck::cast_slice_mut(words)
}

type Answers<T> = Vec<(Vec<u32>, Vec<u64>, std::marker::PhantomData<T>)>;

/// Indices and the bits of values, of every query.
fn answers<T: Float>(n: usize, m: usize, ask: impl FnOnce(&mut Hits<'_, T>)) -> Answers<T> {
    let (mut counts, mut indices, mut values) = (vec![9; n], vec![9; n * m], dirty::<T>(n * m));
    let mut hits = Hits::new(&mut counts, &mut indices, m).unwrap().with_values(&mut values).unwrap();
    ask(&mut hits);
    assert!(hits.complete());
    let bits = |values: &[T]| values.iter().map(|z| z.to_f64().to_bits()).collect();
    (0..n).map(|i| (hits.indices(i).to_vec(), bits(hits.values(i)), std::marker::PhantomData)).collect()
}

fn scanned<T: Float>(level: Level, w: MatRef<'_, T>, x: MatRef<'_, T>, b: T) -> Answers<T> {
    answers(x.rows(), w.rows(), |hits| scan(level, w, x, b, hits, &mut dirty(scan_scratch_len(w.cols(), w.rows()))).unwrap())
}

/// What may happen to a row, from nothing to NaN.
fn moved<T: Float>(row: &mut [T], how: u64) {
    let d = row.len();
    let by = numbers::<T>(d, how);
    let step = T::from_f64([0.0, 1e-6, 1e-3, 0.05, 0.5, 3.0, 1e-30, 1e25][how as usize % 8]);
    match how % 23 {
        0 => row.fill(T::ZERO),
        1 => row[how as usize / 23 % d] = T::from_f64(f64::NAN),
        2 => row[how as usize / 23 % d] = T::INFINITY,
        3 => row.iter_mut().for_each(|x| *x *= T::from_f64(1e-42)),
        4 => row.copy_from_slice(&by),
        _ => row.iter_mut().zip(by).for_each(|(x, by)| *x = if x.is_finite() { *x + step * by } else { by }),
    }
}

fn candidates_follow<T: Float>() {
    for level in levels() {
        for (m, n, d, room) in [(150, 11, 5, 150), (97, 3, 18, 20), (33, 2, 1, 33)] {
            let mut x = numbers::<T>(n * d, 2);
            x[0] = T::ZERO;
            let mut w = numbers::<T>(m * d, 1);
            let b = T::from_f64(0.4);
            let mut memory = words(Candidates::<&[u8], T>::storage_len(m, d, n, room));
            let mut scratch = dirty(Candidates::<&[u8], T>::build_scratch_len(m, d, n));
            let xs = MatRef::new(&x, n, d).unwrap();
            let first = MatRef::new(&w, m, d).unwrap();
            let mut index = Candidates::build(level, first, xs, b, 0.1, room, bytes(&mut memory), &mut scratch).unwrap();
            let mut rebuilds = 0;
            for step in 0..60u64 {
                // Few rows, or all of them by a little, or some of them by much.
                for r in 0..m {
                    let how = step * 1000 + r as u64;
                    let row = &mut w[r * d..(r + 1) * d];
                    match step % 4 {
                        0 if r % 29 == 3 => moved(row, how),
                        1 | 2 => moved(row, how / 23 * 23 + 5 + step % 2 * 3),
                        3 if r % 3 == 0 => moved(row, how),
                        _ => {}
                    }
                }
                let ws = MatRef::new(&w, m, d).unwrap();
                match step % 3 {
                    0 => (0..m).for_each(|r| index.update(level, r, &w[r * d..(r + 1) * d]).unwrap()),
                    1 => index.update_all(level, ws).unwrap(),
                    _ => {
                        let anew = index.advance(level, ws, &mut scratch).unwrap();
                        assert_eq!(anew, index.rebuilds() > rebuilds);
                        rebuilds = index.rebuilds();
                    }
                }
                assert_eq!(index.rebuilds(), rebuilds);
                index.verify(level, ws, &mut []).unwrap();
                let wanted = scanned(level, ws, xs, b);
                let found = answers(n, m, |hits| index.query_batch(level, ws, b, hits, &mut []).unwrap());
                assert!(found == wanted, "{level} step {step}");
                let one = answers(1, m, |hits| index.query(level, ws, n - 1, b, hits, &mut []).unwrap());
                assert!(one[0] == wanted[n - 1], "{level} step {step}, alone");
            }
            assert!(rebuilds > 1);
        }
    }
}

#[test]
fn candidates_follow_the_weights_f32() {
    candidates_follow::<f32>();
}

#[test]
fn candidates_follow_the_weights_f64() {
    candidates_follow::<f64>();
}

/// At thresholds of every sign and size, and with samples that no bound holds for.
#[test]
fn candidates_at_every_threshold() {
    let (m, n, d) = (120, 6, 4);
    let mut x = numbers::<f32>(n * d, 2);
    x[d] = f32::NAN;
    x[2 * d] = f32::INFINITY;
    x[3 * d..4 * d].fill(1e-43);
    x[4 * d..5 * d].fill(0.0);
    for level in levels() {
        for b in [0.0, -0.3, 1e-42, 1e30, -1e30, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut w = numbers::<f32>(m * d, 1);
            w[7 * d] = f32::NAN;
            w[8 * d] = f32::NEG_INFINITY;
            w[9 * d..10 * d].fill(0.0);
            let mut memory = words(Candidates::<&[u8], f32>::storage_len(m, d, n, m));
            let mut scratch = dirty(Candidates::<&[u8], f32>::build_scratch_len(m, d, n));
            let xs = MatRef::new(&x, n, d).unwrap();
            let mut index =
                Candidates::build(level, MatRef::new(&w, m, d).unwrap(), xs, b, 0.2, m, bytes(&mut memory), &mut scratch).unwrap();
            for step in 0..20 {
                for r in (0..m).filter(|r| r % 5 == step % 5) {
                    moved(&mut w[r * d..(r + 1) * d], (step * 131 + r) as u64);
                }
                let ws = MatRef::new(&w, m, d).unwrap();
                index.update_all(level, ws).unwrap();
                let found = answers(n, m, |hits| index.query_batch(level, ws, b, hits, &mut []).unwrap());
                assert!(found == scanned(level, ws, xs, b), "{level} {b} step {step}");
            }
        }
    }
}

/// Samples of very different lengths: each has a skin of its own.
#[test]
fn every_sample_has_its_own_skin() {
    let (m, n, d) = (70, 13, 6);
    let mut x = numbers::<f32>(n * d, 12);
    for (i, row) in x.chunks_mut(d).enumerate() {
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter_mut().for_each(|x| *x *= 1.7f32.powi(i as i32) / length);
    }
    let (xs, w) = (MatRef::new(&x, n, d).unwrap(), numbers::<f32>(m * d, 13));
    for (level, target) in levels().flat_map(|level| (0..n).map(move |target| (level, target))) {
        let mut memory = words(Candidates::<&[u8], f32>::storage_len(m, d, n, m));
        let mut scratch = dirty(Candidates::<&[u8], f32>::build_scratch_len(m, d, n));
        let first = MatRef::new(&w, m, d).unwrap();
        let mut index = Candidates::build(level, first, xs, 0.4, 0.3, m, bytes(&mut memory), &mut scratch).unwrap();
        let along = &x[target * d..(target + 1) * d];
        let moved: Vec<f32> = w.iter().enumerate().map(|(k, w)| w + 0.29 * along[k % d] / 1.7f32.powi(target as i32)).collect();
        let ws = MatRef::new(&moved, m, d).unwrap();
        index.update_all(level, ws).unwrap();
        assert_eq!(index.hot(), 0, "{level}: nobody has moved too far");
        let found = answers(n, m, |hits| index.query_batch(level, ws, 0.4, hits, &mut []).unwrap());
        assert!(found == scanned(level, ws, xs, 0.4), "{level}: along sample {target}");
    }
}

/// Rows that move along a sample, by nearly as much as the lists allow for or by a little more, from everywhere around the threshold: a
/// bound that is a fiftieth too small misses one, or takes one that fires no longer.
fn lists_are_needed_whole<T: Float>() {
    let rho = 0.5;
    for d in [1, 3, 18, 40] {
        let (m, threshold) = (241, 0.7);
        let x = numbers::<T>(d, 2);
        let size = x.iter().map(|x| x.to_f64().powi(2)).sum::<f64>().sqrt();
        let along: Vec<f64> = x.iter().map(|x| x.to_f64() / size).collect();
        let rows = |by: f64| -> Vec<T> {
            (0..m)
                .flat_map(|r| {
                    let free = numbers::<f64>(d, 50 + r as u64);
                    let share: f64 = free.iter().zip(&along).map(|(x, u)| x * u).sum();
                    let to = threshold / size + rho * ((r as f64 - 120.0) / 100.0 + by);
                    free.iter().zip(&along).map(|(x, u)| T::from_f64(x + (to - share) * u)).collect::<Vec<_>>()
                })
                .collect()
        };
        let (before, b) = (rows(0.0), T::from_f64(threshold));
        let xs = MatRef::new(&x, 1, d).unwrap();
        for level in levels() {
            for by in [0.3, 0.6, 0.9, 0.995, 1.015, 1.1] {
                for (w, all) in [(rows(by), true), (rows(by), false), (rows(-by), true), (rows(-by), false)] {
                    let mut memory = words(Candidates::<&[u8], T>::storage_len(m, d, 1, m));
                    let mut scratch = dirty(Candidates::<&[u8], T>::build_scratch_len(m, d, 1));
                    let first = MatRef::new(&before, m, d).unwrap();
                    let mut index = Candidates::build(level, first, xs, b, rho, m, bytes(&mut memory), &mut scratch).unwrap();
                    let ws = MatRef::new(&w, m, d).unwrap();
                    if all {
                        index.update_all(level, ws).unwrap();
                    } else {
                        (0..m).for_each(|r| index.update(level, r, ws.row(r).unwrap()).unwrap());
                    }
                    let found = answers(1, m, |hits| index.query_batch(level, ws, b, hits, &mut []).unwrap());
                    assert!(found == scanned(level, ws, xs, b), "{level} d={d} moved by {by}, all at once: {all}");
                    index.verify(level, ws, &mut []).unwrap();
                }
            }
        }
    }
}

#[test]
fn the_bounds_of_the_lists_are_needed_whole() {
    lists_are_needed_whole::<f32>();
    lists_are_needed_whole::<f64>();
}

/// Rows that were zero, and moved to where their values are the thresholds: what rounding may do grows with the row.
#[test]
fn candidates_on_the_threshold_after_a_long_way() {
    let (m, n, d) = (60, 3, 50);
    let (x, w) = (numbers::<f32>(n * d, 2), numbers::<f32>(m * d, 3));
    let (xs, ws) = (MatRef::new(&x, n, d).unwrap(), MatRef::new(&w, m, d).unwrap());
    for level in levels() {
        let mut memory = words(Candidates::<&[u8], f32>::storage_len(m, d, n, m));
        let mut scratch = dirty(Candidates::<&[u8], f32>::build_scratch_len(m, d, n));
        let zeros = vec![0.0; m * d];
        let nothing = MatRef::new(&zeros, m, d).unwrap();
        let mut index = Candidates::build(level, nothing, xs, -100.0, 100.0, m, bytes(&mut memory), &mut scratch).unwrap();
        index.update_all(level, ws).unwrap();
        assert_eq!(index.hot(), 0);
        for (_, values, _) in scanned(level, ws, xs, -100.0) {
            for z in values.iter().map(|&z| f64::from_bits(z) as f32) {
                for b in [z, z.next_down()] {
                    let found = answers(n, m, |hits| index.query_batch(level, ws, b, hits, &mut []).unwrap());
                    assert!(found == scanned(level, ws, xs, b), "{level} {b}");
                }
            }
        }
    }
}

/// What lists and trees say of themselves; their checksums after they were changed.
#[test]
fn what_is_kept_can_be_asked_and_sealed() {
    let (level, w, x) = (Level::detect(), [1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], [2.0f32, 0.5]);
    let (ws, xs) = (MatRef::new(&w, 3, 2).unwrap(), MatRef::new(&x, 1, 2).unwrap());
    let mut memory = words(Candidates::<&[u8], f32>::storage_len(3, 2, 1, 3));
    let mut scratch = dirty(1000);
    // Values 2, 1/2 and 5/2: all are above 1 - rho |x|, which is about -0.03.
    let mut index = Candidates::build(level, ws, xs, 1.0, 0.5, 3, bytes(&mut memory), &mut scratch).unwrap();
    assert_eq!((index.rho(), index.most_candidates(), index.scratch_len()), (0.5, 3, 0));
    assert_eq!(Candidates::<&[u8], f32>::query_scratch_len(3, 2, 1), 0);
    index.rebuild(level, ws, 0.25, &mut scratch).unwrap();
    // Now 1/2 is above 0.48.
    assert_eq!((index.rho(), index.most_candidates()), (0.25, 3));
    index.rebuild(level, ws, 0.125, &mut scratch).unwrap();
    assert_eq!((index.rho(), index.most_candidates()), (0.125, 2));
    index.update(level, 1, &[0.0, 1.01]).unwrap();
    assert!(Candidates::<_, f32>::open(&*bytes(&mut memory), Check::Everything).is_err());
    Candidates::<_, f32>::open(bytes(&mut memory), Check::Header).unwrap().seal();
    assert!(Candidates::<_, f32>::open(&*bytes(&mut memory), Check::Everything).is_ok());
    let mut memory = words(MaxTree::<&[u8], f32>::storage_len(3, 2, 1));
    MaxTree::build(level, ws, xs, bytes(&mut memory), &mut scratch).unwrap().update(level, 1, &[0.0, 1.01]).unwrap();
    assert!(MaxTree::<_, f32>::open(&*bytes(&mut memory), Check::Everything).is_err());
    MaxTree::<_, f32>::open(bytes(&mut memory), Check::Header).unwrap().seal();
    assert!(MaxTree::<_, f32>::open(&*bytes(&mut memory), Check::Everything).is_ok());
}

/// More fire than there is room for, of lists too short to be kept: the place of the next answer stays as it was.
#[test]
fn what_finds_no_room_goes_nowhere() {
    let (level, w, x) = (Level::detect(), [1.0f32, 2.0, 3.0], [1.0f32, -1.0]);
    let (ws, xs) = (MatRef::new(&w, 3, 1).unwrap(), MatRef::new(&x, 2, 1).unwrap());
    let mut memory = words(Candidates::<&[u8], f32>::storage_len(3, 1, 2, 1));
    let mut scratch = dirty(Candidates::<&[u8], f32>::build_scratch_len(3, 1, 2));
    let index = Candidates::build(level, ws, xs, 0.0, 0.1, 1, bytes(&mut memory), &mut scratch).unwrap();
    let (mut counts, mut ids, mut values) = ([9; 2], [7; 4], [0.5; 4]);
    let mut hits = Hits::new(&mut counts, &mut ids, 2).unwrap().with_values(&mut values).unwrap();
    index.query_batch(level, ws, 0.0, &mut hits, &mut []).unwrap();
    assert_eq!((counts, ids, values), ([3, 0], [0, 1, 7, 7], [1.0, 2.0, 0.5, 0.5]));
}

/// Neurons that went far and came back, one by one; a sample without a length; a threshold that is none.
#[test]
fn candidates_that_come_back() {
    let (m, n, d) = (90, 3, 4);
    let mut x = numbers::<f32>(n * d, 2);
    x[d] = f32::INFINITY;
    let before: Vec<f32> =
        numbers::<f32>(m * d, 1).iter().enumerate().map(|(i, x)| if i % d == 0 { -0.01 - x.abs() } else { *x }).collect();
    let (xs, first) = (MatRef::new(&x, n, d).unwrap(), MatRef::new(&before, m, d).unwrap());
    for level in levels() {
        let mut memory = words(Candidates::<&[u8], f32>::storage_len(m, d, n, m));
        let mut scratch = dirty(Candidates::<&[u8], f32>::build_scratch_len(m, d, n));
        let mut index = Candidates::build(level, first, xs, 0.2, 0.5, m, bytes(&mut memory), &mut scratch).unwrap();
        let mut w = before.clone();
        // Out by a little, over the sign of the first entry; out by much; back.
        for (by, far) in [(0.45f32, false), (3.0, true), (0.0, false)] {
            for r in (0..m).map(|r| r * 29 % m).filter(|r| r % 7 != 0) {
                w[r * d] = before[r * d] + by;
                index.update(level, r, &w[r * d..(r + 1) * d]).unwrap();
                if r % 5 == 0 {
                    let ws = MatRef::new(&w, m, d).unwrap();
                    index.verify(level, ws, &mut []).unwrap();
                    let found = answers(n, m, |hits| index.query_batch(level, ws, 0.2, hits, &mut []).unwrap());
                    assert!(found == scanned(level, ws, xs, 0.2), "{level} neuron {r} by {by}");
                }
            }
            assert_eq!(index.hot(), if far { (0..m).filter(|r| r % 7 != 0).count() } else { 0 }, "{level} by {by}");
        }
        let mut none = Candidates::build(level, first, xs, f32::NAN, 0.5, m, bytes(&mut memory), &mut scratch).unwrap();
        none.update_all(level, first).unwrap();
        let (mut counts, mut ids) = (vec![0; n], vec![0; n * m]);
        let mut hits = Hits::new(&mut counts, &mut ids, m).unwrap();
        assert!(none.query_batch(level, first, 0.2, &mut hits, &mut []).is_err(), "lists of a threshold that is none hold nobody");
        none.query_batch(level, first, f32::NAN, &mut hits, &mut []).unwrap();
    }
}

/// What memory held before it became an index cannot be seen in it.
#[test]
fn equal_indexes_are_equal_bytes() {
    let (m, n, d) = (70, 3, 5);
    let (w, x) = (numbers::<f32>(m * d, 1), numbers::<f32>(n * d, 2));
    let (w, x) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, n, d).unwrap());
    let level = Level::detect();
    type Build<'a> = &'a dyn Fn(&mut [u8]);
    let builds: [(&str, usize, Build<'_>); 6] = [
        ("packed", Packed::<&[u8], f32>::storage_len(m, d), &|to| {
            Packed::build(w, to).unwrap();
        }),
        ("screened", Screened::<&[u8], f32>::storage_len(m, d), &|to| {
            Screened::build(w, to).unwrap();
        }),
        ("rotated", Rotated::<&[u8], f32>::storage_len(m, d), &|to| {
            Rotated::build(level, w, 9, to).unwrap();
        }),
        ("ball tree", BallTree::<&[u8], f32>::storage_len(m, d), &|to| {
            BallTree::build(w, to, &mut dirty(10_000)).unwrap();
        }),
        ("max tree", MaxTree::<&[u8], f32>::storage_len(m, d, n), &|to| {
            MaxTree::build(level, w, x, to, &mut dirty(10_000)).unwrap();
        }),
        ("candidates", Candidates::<&[u8], f32>::storage_len(m, d, n, 40), &|to| {
            Candidates::build(level, w, x, 0.2, 0.1, 40, to, &mut dirty(10_000)).unwrap();
        }),
    ];
    for (what, len, build) in builds {
        let built = [0, u64::MAX, 0x1234_5678_9ABC_DEF0].map(|before| {
            let mut memory = vec![before; len.div_ceil(8)];
            build(&mut bytes(&mut memory)[..len]);
            memory
        });
        assert!(built[1] == built[0] && built[2] == built[0], "{what}");
    }
}

fn max_trees_follow<T: Float>() {
    for level in levels() {
        for (m, n, d) in [(150, 40, 5), (1100, 3, 3), (31, 2, 9)] {
            let (mut w, mut x) = (numbers::<T>(m * d, 1), numbers::<T>(n * d, 2));
            let mut memory = words(MaxTree::<&[u8], T>::storage_len(m, d, n));
            let mut scratch = dirty(MaxTree::<&[u8], T>::build_scratch_len(m, d));
            let mut index =
                MaxTree::build(level, MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, n, d).unwrap(), bytes(&mut memory), &mut scratch)
                    .unwrap();
            for step in 0..40u64 {
                match step % 4 {
                    0 | 1 => {
                        for j in 0..5 {
                            let r = (step * 37 + j * 11) as usize % m;
                            moved(&mut w[r * d..(r + 1) * d], step * 100 + j);
                            index.update(level, r, &w[r * d..(r + 1) * d]).unwrap();
                        }
                    }
                    2 => {
                        let rows: Vec<u32> = (0..m as u32).filter(|r| r % (step as u32 + 2) == 1).collect();
                        let mut new = Vec::new();
                        for &r in &rows {
                            let row = &mut w[r as usize * d..(r as usize + 1) * d];
                            moved(row, step * 100 + u64::from(r));
                            new.extend_from_slice(row);
                        }
                        index.update_batch(level, &rows, MatRef::new(&new, rows.len(), d).unwrap(), &mut scratch).unwrap();
                    }
                    _ => {
                        let i = step as usize % n;
                        moved(&mut x[i * d..(i + 1) * d], step);
                        index.replace(level, i, &x[i * d..(i + 1) * d], MatRef::new(&w, m, d).unwrap(), &mut scratch).unwrap();
                    }
                }
                let (ws, xs) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, n, d).unwrap());
                index.verify(level, ws, &mut scratch).unwrap();
                for b in [-0.5, 0.0, 0.7, 1.5, f64::NEG_INFINITY, f64::NAN] {
                    let b = T::from_f64(b);
                    let wanted = scanned(level, ws, xs, b);
                    assert!(answers(n, m, |hits| index.query_batch(level, ws, b, hits, &mut scratch).unwrap()) == wanted, "{level}");
                    assert!(answers(1, m, |hits| index.query(level, ws, 1, b, hits, &mut scratch).unwrap())[0] == wanted[1], "{level}");
                }
            }
        }
    }
}

#[test]
fn max_trees_follow_the_weights_f32() {
    max_trees_follow::<f32>();
}

#[test]
fn max_trees_follow_the_weights_f64() {
    max_trees_follow::<f64>();
}

/// Maxima that are not the largest of what is below them, on both levels above the values.
#[test]
fn maxima_that_are_none_are_refused() {
    let (m, n, d) = (1100usize, 2, 3);
    let (w, x) = (numbers::<f32>(m * d, 1), numbers::<f32>(n * d, 2));
    let (ws, xs) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, n, d).unwrap());
    for level in levels() {
        let mut memory = words(MaxTree::<&[u8], f32>::storage_len(m, d, n));
        let mut scratch = dirty(MaxTree::<&[u8], f32>::build_scratch_len(m, d));
        MaxTree::build(level, ws, xs, bytes(&mut memory), &mut scratch).unwrap();
        // Numbers that are none are not those of weights that are all numbers.
        let index = MaxTree::<_, f32>::open(&*bytes(&mut memory), Check::Header).unwrap();
        index.verify(level, ws, &mut scratch).unwrap();
        let mut other = w.clone();
        other[7 * d] = f32::NAN;
        assert!(index.verify(level, MatRef::new(&other, m, d).unwrap(), &mut scratch).is_err());
        // A block of samples, and for each a tree: 35 blocks of values, their maxima in two blocks, and the maxima of those.
        let tree = (35 + 2 + 1) * 32;
        for at in (0..n).flat_map(|i| (0..35).chain([64, 65]).map(move |k| 128 / 4 + 32 * d + i * tree + 35 * 32 + k)) {
            for by in [-0.25, 0.25] {
                let mut other = memory.clone();
                bytemuck::cast_slice_mut::<u64, f32>(&mut other)[at] += by;
                let index = MaxTree::<_, f32>::open(&*bytes(&mut other), Check::Header).unwrap();
                assert!(index.verify(level, ws, &mut scratch).is_err(), "{level}: number {at}");
            }
        }
    }
}

/// Behind the last neuron are no zeros, which would be the largest of values that are all below.
#[test]
fn maxima_are_of_neurons_that_exist() {
    let (m, d) = (1100usize, 1);
    let w: Vec<f32> = (0..m).map(|r| -1.0 - r as f32).collect();
    let (ws, xs) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&[1.0f32], 1, d).unwrap());
    for level in levels() {
        let mut memory = words(MaxTree::<&[u8], f32>::storage_len(m, d, 1));
        // All of it serves queries too, also of trees as wide as they are in no other way.
        assert!(MaxTree::<&[u8], f32>::build_scratch_len(5000, 1) >= MaxTree::<&[u8], f32>::query_scratch_len(5000, 1));
        let mut scratch = dirty(MaxTree::<&[u8], f32>::build_scratch_len(m, d));
        let index = MaxTree::build(level, ws, xs, bytes(&mut memory), &mut scratch).unwrap();
        let found = answers(1, m, |hits| index.query(level, ws, 0, -3.5, hits, &mut scratch).unwrap());
        assert_eq!(found[0].0, [0, 1, 2]);
        let tree = &bytemuck::cast_slice::<u64, f32>(&memory)[128 / 4 + 32 * d..];
        assert_eq!((tree[35 * 32 + 34], tree[35 * 32 + 64 + 1]), (-1089.0, -1025.0), "{level}");
    }
}

/// Thousands of neurons leave their leaves and find others.
#[test]
fn ball_trees_follow_the_weights() {
    let (m, n, d) = (1500, 5, 4);
    let mut w = numbers::<f32>(m * d, 1);
    let x = numbers::<f32>(n * d, 2);
    let xs = MatRef::new(&x, n, d).unwrap();
    let level = Level::detect();
    let mut memory = words(BallTree::<&[u8], f32>::storage_len(m, d));
    let mut scratch = dirty(BallTree::<&[u8], f32>::rebalance_scratch_len(m, d));
    let mut index = BallTree::build(MatRef::new(&w, m, d).unwrap(), bytes(&mut memory), &mut scratch).unwrap();
    for step in 0..6000u64 {
        let r = (step * 7919 % 1500) as usize;
        let row = &mut w[r * d..(r + 1) * d];
        moved(row, step);
        index.update(level, r, row).unwrap();
        if step % 500 == 499 {
            let ws = MatRef::new(&w, m, d).unwrap();
            index.verify(ws).unwrap();
            for b in [-0.2, 0.4, 1.1] {
                let ask = |hits: &mut Hits<'_, f32>| index.query_batch(level, xs, b, hits, &mut scratch).unwrap();
                assert!(answers(n, m, ask) == scanned(level, ws, xs, b), "step {step}");
            }
            if index.is_worn() {
                index.rebalance(&mut scratch).unwrap();
                assert!(!index.is_worn());
                index.verify(ws).unwrap();
            }
        }
    }
}

/// All kinds of index over the same small network, sealed.
fn sealed() -> Vec<(&'static str, Vec<u64>)> {
    let (m, n, d) = (70, 3, 5);
    let (w, x) = (numbers::<f32>(m * d, 1), numbers::<f32>(n * d, 2));
    let (w, x) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, n, d).unwrap());
    let level = Level::detect();
    let mut scratch = dirty(10_000);
    let mut all = Vec::new();
    let mut memory = words(Packed::<&[u8], f32>::storage_len(m, d));
    Packed::build(w, bytes(&mut memory)).unwrap();
    all.push(("packed", memory));
    let mut memory = words(Screened::<&[u8], f32>::storage_len(m, d));
    Screened::build(w, bytes(&mut memory)).unwrap();
    all.push(("screened", memory));
    let mut memory = words(Rotated::<&[u8], f32>::storage_len(m, d));
    Rotated::build(level, w, 9, bytes(&mut memory)).unwrap();
    all.push(("rotated", memory));
    let mut memory = words(BallTree::<&[u8], f32>::storage_len(m, d));
    BallTree::build(w, bytes(&mut memory), &mut scratch).unwrap();
    all.push(("ball tree", memory));
    let mut memory = words(MaxTree::<&[u8], f32>::storage_len(m, d, n));
    MaxTree::build(level, w, x, bytes(&mut memory), &mut scratch).unwrap();
    all.push(("max tree", memory));
    let mut memory = words(Candidates::<&[u8], f32>::storage_len(m, d, n, 40));
    Candidates::build(level, w, x, 0.2, 0.1, 40, bytes(&mut memory), &mut scratch).unwrap();
    all.push(("candidates", memory));
    all
}

/// Opens, and if that succeeds asks and changes everything: nothing may panic.
fn use_it(what: &str, memory: &mut [u8], check: Check) -> Result<(), Error> {
    // Dimensions that were damaged and still fit are used as they are.
    fn reporter<B: AsRef<[u8]>>(index: &(impl Reporter<f32> + ?Sized), _: std::marker::PhantomData<B>) {
        let (m, d) = (index.neurons(), index.dim());
        if m > 5000 || d > 5000 {
            return;
        }
        let (x, w) = (numbers::<f32>(3 * d, 5), numbers::<f32>(m * d, 1));
        let mut scratch = dirty(index.scratch_len());
        for level in levels() {
            for b in [-1.0, 0.2] {
                let mut ask = |hits: &mut Hits<'_, f32>| {
                    index.query_batch(level, MatRef::new(&x, 3, d).unwrap(), b, hits, &mut scratch).unwrap();
                };
                let (mut counts, mut indices, mut values) = (vec![0; 3], vec![0; 3 * m], vec![0.0; 3 * m]);
                ask(&mut Hits::new(&mut counts, &mut indices, m).unwrap().with_values(&mut values).unwrap());
            }
        }
        let _ = index.verify(MatRef::new(&w, m, d).unwrap());
    }
    let none = std::marker::PhantomData::<&[u8]>;
    match what {
        "packed" => reporter(&Packed::<_, f32>::open(&*memory, check)?, none),
        "screened" => reporter(&Screened::<_, f32>::open(&*memory, check)?, none),
        "rotated" => {
            let mut index = Rotated::<_, f32>::open(memory, check)?;
            reporter(&index, none);
            let (m, d) = (index.neurons(), index.dim());
            if (1..5000).contains(&m) && d < 5000 {
                index.update(Level::detect(), m / 2, &numbers::<f32>(d, 3)).unwrap();
            }
        }
        "ball tree" => {
            let mut index = BallTree::<_, f32>::open(memory, check)?;
            reporter(&index, none);
            let (m, d) = (index.neurons(), index.dim());
            if (1..5000).contains(&m) && d < 5000 {
                // Of damaged bytes a neuron may not be there.
                let level = Level::detect();
                let row = numbers::<f32>(d, 3);
                if index.contains(m / 2) {
                    index.update(level, m / 2, &row).unwrap();
                    index.delete(m / 2).unwrap();
                }
                let _ = index.insert(level, m / 2, &row);
                let _ = (index.len(), index.is_empty(), index.is_worn());
                index.rebalance(&mut dirty(BallTree::<&[u8], f32>::rebalance_scratch_len(m, d))).unwrap();
            }
        }
        "max tree" => {
            let index = MaxTree::<_, f32>::open(&*memory, check)?;
            let (m, n, d) = (index.neurons(), index.samples(), index.dim());
            if m < 5000 && n < 100 && d < 5000 {
                let w = numbers::<f32>(m * d, 1);
                let w = MatRef::new(&w, m, d).unwrap();
                let (mut counts, mut indices) = (vec![0; n], vec![0; n * m]);
                let mut scratch = dirty(100_000);
                for level in levels() {
                    index.query_batch(level, w, 0.2, &mut Hits::new(&mut counts, &mut indices, m).unwrap(), &mut scratch).unwrap();
                }
            }
        }
        _ => {
            let mut index = Candidates::<_, f32>::open(memory, check)?;
            let (m, n) = (index.neurons(), index.samples());
            let w = numbers::<f32>(m.min(5000) * 5, 1);
            if let Ok(w) = MatRef::new(&w, m, 5)
                && n < 100
            {
                let (mut counts, mut indices, mut values) = (vec![0; n], vec![0; n * m], vec![0.0; n * m]);
                for level in levels() {
                    let _ = index.verify(level, w, &mut []);
                    let mut hits = Hits::new(&mut counts, &mut indices, m).unwrap().with_values(&mut values).unwrap();
                    let _ = index.query_batch(level, w, 0.2, &mut hits, &mut []);
                    let _ = index.update(level, m / 2, &[1.0; 5]);
                    let _ = index.query_batch(level, w, 0.2, &mut hits, &mut []);
                    let _ = index.update_all(level, w);
                }
            }
        }
    }
    Ok(())
}

#[test]
fn truncated_bytes_are_errors() {
    for (what, mut memory) in sealed() {
        let all = bytes(&mut memory).len();
        use_it(what, bytes(&mut memory.clone()), Check::Everything).unwrap();
        for len in (0..all).step_by(8).chain([all - 1, 1, 127]) {
            assert!(use_it(what, &mut bytes(&mut memory)[..len], Check::Header).is_err(), "{what}: {len} of {all}");
        }
        // Not at a multiple of 8.
        let mut aside = words(all + 8);
        bytes(&mut aside)[4..4 + all].copy_from_slice(bytes(&mut memory));
        assert!(matches!(use_it(what, &mut bytes(&mut aside)[4..], Check::Header), Err(Error::Value { .. })));
        // Longer is fine.
        let mut longer = memory.clone();
        longer.push(7);
        use_it(what, bytes(&mut longer), Check::Everything).unwrap();
    }
}

#[test]
fn every_damaged_byte_is_found_by_the_checksum() {
    for (what, mut memory) in sealed() {
        for at in 0..bytes(&mut memory).len() {
            bytes(&mut memory)[at] ^= 0x40;
            assert!(use_it(what, bytes(&mut memory), Check::Everything).is_err(), "{what}: byte {at}");
            bytes(&mut memory)[at] ^= 0x40;
        }
    }
}

/// Without the checksum damage may give wrong answers, but nothing else.
#[test]
fn damaged_bytes_never_panic() {
    for (what, memory) in sealed() {
        let len = memory.len() * 8;
        for seed in 0..400u64 {
            let mut memory = memory.clone();
            let places = numbers::<f64>(40, seed);
            for (at, x) in places.iter().enumerate() {
                // Anywhere, or behind the header only; single bytes, or words of ones.
                let place = ((x.abs() * 1e9) as usize + at) % len;
                let place = if seed % 4 == 0 { place } else { place.max(128) };
                bytes(&mut memory)[place] = if seed % 3 == 0 { 0xFF } else { (x.to_bits() >> 7) as u8 };
            }
            let _ = use_it(what, bytes(&mut memory), Check::Header);
        }
    }
}

quickcheck! {
    fn any_bytes_are_an_error(noise: Vec<u64>) -> bool {
        let mut noise = noise;
        ["packed", "screened", "rotated", "ball tree", "max tree", "candidates"].iter().all(|what| use_it(what, bytes(&mut noise), Check::Header).is_err())
    }
}

/// Found by the fuzz target: without columns, verifying wanted more room than was asked for.
#[test]
fn max_trees_without_columns() {
    let (m, n) = (3, 40);
    for level in levels() {
        let (w, x) = (MatRef::<f32>::new(&[], m, 0).unwrap(), MatRef::new(&[], n, 0).unwrap());
        let mut memory = words(MaxTree::<&[u8], f32>::storage_len(m, 0, n));
        let mut scratch = dirty(MaxTree::<&[u8], f32>::build_scratch_len(m, 0));
        let index = MaxTree::build(level, w, x, bytes(&mut memory), &mut scratch).unwrap();
        index.verify(level, w, &mut scratch).unwrap();
        let found = answers(n, m, |hits| index.query_batch(level, w, -1.0, hits, &mut scratch).unwrap());
        assert!(found.iter().all(|(ids, ..)| ids == &[0, 1, 2]));
    }
}
