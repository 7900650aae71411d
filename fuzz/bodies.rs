//! What the fuzz targets do with their bytes: every level against the others, nothing may panic, and what a report says
//! must be true. The same bodies run as ordinary tests, on a fixed set of inputs, in `tests/kernels/fuzz_bodies.rs`.

use subquad::blas::{self, Definite};
use subquad::cg::{self, Identity, LinearOperator, Status, Stopping};
use subquad::hadamard::{self, Order, Signs, Transform};
use subquad::halfspace::{
    BallTree, Candidates, Check, Hits, MaxTree, Packed, Reporter, Rotated, Screened, Watcher, scan, scan_scratch_len,
};
use subquad::low_rank::Update;
use subquad::relu::{PatternMut, PatternRef, gram, pattern, two_layer};
use subquad::sketch::{Srht, TensorSketch, TensorSrht};
use subquad::sparse::{Columns, Panels, PanelsMut, SparseRef, Support, panels_len, transpose};
use subquad::{Element, Error, Level, MatMut, MatRef};

/// Bytes, handed out piece by piece; zeros when there are no more.
struct Source<'a>(&'a [u8]);

impl Source<'_> {
    fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }
    fn below(&mut self, n: usize) -> usize {
        usize::from(u16::from_le_bytes([self.byte(), self.byte()])) % n
    }
    fn u32(&mut self) -> u32 {
        u32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }
    /// Any bits at all, or numbers between -8 and 8 in steps of 1/16, whose sums and products are exact.
    fn floats(&mut self, n: usize, any: bool) -> Vec<f32> {
        (0..n).map(|_| if any { f32::from_bits(self.u32()) } else { f32::from(self.byte() as i8) / 16.0 }).collect()
    }
}

/// Numbers of an element type from the source: floats of any bits or exact ones, integers of any bits.
trait Number: Element {
    fn take(source: &mut Source<'_>, any: bool) -> Self;
    /// Equal bits, or both no numbers.
    fn same(self, other: Self) -> bool;
    fn exact(self) -> f64;
    /// Whether sums of such numbers are exact.
    fn from_small(x: i8) -> Self;
    const INTEGER: bool;
}

macro_rules! float {
    ($T:ty, $bits:ty) => {
        impl Number for $T {
            fn take(source: &mut Source<'_>, any: bool) -> Self {
                if any {
                    <$T>::from_bits((u64::from(source.u32()) << 32 | u64::from(source.u32())) as $bits)
                } else {
                    Self::from_small(source.byte() as i8)
                }
            }
            fn same(self, other: Self) -> bool {
                self.to_bits() == other.to_bits() || self.is_nan() && other.is_nan()
            }
            fn exact(self) -> f64 {
                self.into()
            }
            fn from_small(x: i8) -> Self {
                <$T>::from(x) / 16.0
            }
            const INTEGER: bool = false;
        }
    };
}
float!(f32, u32);
float!(f64, u64);

macro_rules! integer {
    ($T:ty) => {
        impl Number for $T {
            fn take(source: &mut Source<'_>, any: bool) -> Self {
                if any { source.u32() as $T } else { Self::from_small(source.byte() as i8) }
            }
            fn same(self, other: Self) -> bool {
                self == other
            }
            fn exact(self) -> f64 {
                self.into()
            }
            fn from_small(x: i8) -> Self {
                x.into()
            }
            const INTEGER: bool = true;
        }
    };
}
integer!(i32);
integer!(i16);

/// Entry i of H D x, by the definition, for numbers whose sums are exact.
fn row_of_hadamard<T: Number>(x: &[T], signs: Signs<'_>, n: usize, i: usize) -> f64 {
    let term = |(j, x): (usize, &T)| if hadamard::is_minus(n, i, j) != signs.is_minus(j) { -x.exact() } else { x.exact() };
    x.iter().enumerate().map(term).sum()
}

/// The transform in every form: at every level the same bits, and for exact numbers those of the definition.
pub fn hadamard(bytes: &[u8]) {
    let mut source = Source(bytes);
    match source.byte() % 4 {
        0 => transforms::<f32>(&mut source),
        1 => transforms::<f64>(&mut source),
        2 => transforms::<i32>(&mut source),
        _ => transforms::<i16>(&mut source),
    }
}

/// Every way to run a transform, for one element type.
fn transforms<T: Number>(source: &mut Source<'_>) {
    let (kind, any) = (source.byte(), source.byte().is_multiple_of(2));
    let wanted = source.below(if kind % 16 == 15 { 20_000 } else { 1500 });
    // Mostly lengths that exist, q 2^p among them.
    let n = if source.byte().is_multiple_of(8) { wanted } else { hadamard::len_above(wanted).unwrap_or(1) };
    let seed = u64::from(source.u32());
    let words: Vec<u64> = (0..n.div_ceil(64)).map(|_| u64::from(source.u32()) << 32 | u64::from(source.u32())).collect();
    let signs = match source.byte() % 3 {
        0 => Signs::None,
        1 => Signs::Bits(&words),
        _ => Signs::Seed(seed),
    };
    let order = [Order::Natural, Order::Dyadic, Order::Sequency][usize::from(source.byte() % 3)];
    let mut transform = Transform::new().signs(signs).order(order);
    let scaled = source.byte().is_multiple_of(3);
    if scaled {
        transform = transform.scaled(T::from_small(source.byte() as i8));
    }
    let valid = hadamard::is_len(n) && (order == Order::Natural || n.is_power_of_two());
    let have = if source.byte().is_multiple_of(2) { n } else { source.below(n + 1) };
    let x: Vec<T> = (0..have).map(|_| T::take(source, any)).collect();
    let (rows, extra) = (source.below(4) + 1, source.below(3));
    let chosen: Vec<usize> = (0..source.below(9)).map(|_| source.below(n.max(1))).collect();
    let dirt = T::from_small(-77);

    let mut first: Option<Vec<T>> = None;
    for level in Level::available() {
        let mut out = vec![dirt; n];
        let done = transform.run_from(level, &x, &mut out);
        assert_eq!(done.is_ok(), valid, "{level}: length {n}");
        if !valid {
            continue;
        }
        let first = first.get_or_insert_with(|| out.clone());
        let equal = |found: &[T], how: &str| {
            assert!(found.len() == first.len() && found.iter().zip(&*first).all(|(a, b)| a.same(*b)), "{level}: {how} of {n}");
        };
        equal(&out, "from a source");
        if have == n {
            let mut alone = x.clone();
            transform.run(level, &mut alone).expect("valid before");
            equal(&alone, "in place");
            if order == Order::Natural && signs == Signs::None && !scaled {
                let mut plain = x.clone();
                hadamard::fwht(level, &mut plain).expect("valid before");
                equal(&plain, "the front door");
            }
        }
        if n <= 4096 {
            // Rows of a matrix with a stride, in place and from a source; what lies between them stays.
            let stride = n + extra;
            let mut data = vec![dirt; rows * stride];
            for row in data.chunks_mut(stride) {
                row[..have].copy_from_slice(&x);
                row[have..n].fill(T::from_small(0));
            }
            transform.rows(level, MatMut::with_stride(&mut data, rows, n, stride).expect("fits")).expect("valid before");
            for row in data.chunks(stride) {
                equal(&row[..n], "rows");
                assert!(row[n..].iter().all(|x| x.same(dirt)), "{level}: wrote between rows");
            }
            let from: Vec<T> = (0..rows).flat_map(|_| x.iter().copied()).collect();
            let mut to = vec![dirt; rows * n];
            let source = MatRef::new(&from, rows, have).expect("fits");
            transform.rows_from(level, source, MatMut::new(&mut to, rows, n).expect("fits")).expect("valid before");
            to.chunks(n).for_each(|row| equal(row, "rows from a source"));
            // Columns.
            let mut data = vec![dirt; n * (rows + extra)];
            for (row, i) in data.chunks_mut(rows + extra).zip(0..) {
                row[..rows].fill(x.get(i).copied().unwrap_or(T::from_small(0)));
            }
            transform.columns(level, MatMut::with_stride(&mut data, n, rows, rows + extra).expect("fits")).expect("valid before");
            for j in 0..rows {
                let column: Vec<T> = data.chunks(rows + extra).map(|row| row[j]).collect();
                equal(&column, "columns");
            }
            assert!(data.chunks(rows + extra).all(|row| row[rows..].iter().all(|x| x.same(dirt))), "{level}: wrote between columns");
        }
        if n.is_power_of_two() {
            let mut out = vec![dirt; chosen.len()];
            let mut scratch = vec![dirt; hadamard::outputs_scratch_len(n, chosen.len())];
            transform.outputs(level, &x, n, &chosen, &mut out, &mut scratch).expect("valid before");
            assert!(out.iter().zip(&chosen).all(|(found, &k)| found.same(first[k])), "{level}: chosen outputs of {n}");
        }
    }
    // Exact numbers: sums of 1500 of them, times 16, fit 24 bits; those of 16-bit integers may wrap.
    if let Some(found) = first.filter(|_| !any && !scaled && n <= 1500) {
        for k in [0, 1, n / 2, n - 1, seed as usize % n] {
            let natural = order.natural(k, n);
            let wanted = row_of_hadamard(&x, signs, n, natural.min(n - 1));
            let found = found[k.min(n - 1)].exact();
            assert!(found == wanted || T::INTEGER && (found - wanted) % 65_536.0 == 0.0, "output {k} of {n}: {found}, should be {wanted}");
        }
    }
}

/// Products of exact numbers are exact; any bits give a factor or a diagnosis.
pub fn blas(bytes: &[u8]) {
    let mut source = Source(bytes);
    let (m, n, k) = (source.below(40), source.below(80), source.below(300));
    let (a, b) = (source.floats(m * k, false), source.floats(k * n, false));
    let (a, b) = (MatRef::new(&a, m, k).expect("m k numbers"), MatRef::new(&b, n, k).expect("n k numbers").t());
    for level in Level::available() {
        let (mut c, mut scratch) = (vec![f32::NAN; m * n], vec![f32::NAN; blas::gemm_scratch_len(m, n, k)]);
        blas::gemm(level, 1.0, a, b, 0.0, MatMut::new(&mut c, m, n).expect("m n numbers"), &mut scratch).expect("shapes fit");
        for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
            let wanted: f64 = (0..k).map(|p| f64::from(a.get(i, p).unwrap_or(0.0)) * f64::from(b.get(p, j).unwrap_or(0.0))).sum();
            assert_eq!(f64::from(c[i * n + j]), wanted, "{level} {m}x{n}x{k} ({i}, {j})");
        }
    }
    let n = source.below(90);
    let any = source.byte().is_multiple_of(2);
    let mut matrix = source.floats(n * n, any);
    if !any {
        (0..n).for_each(|i| matrix[i * n + i] = 8.0 * n as f32 + 1.0); // dominant, so definite
    }
    for level in Level::available() {
        let (mut l, mut scratch) = (matrix.clone(), vec![f32::NAN; blas::cholesky_scratch_len(n)]);
        match blas::cholesky(level, MatMut::new(&mut l, n, n).expect("n n numbers"), &mut scratch).expect("square") {
            Definite::Yes => assert!((0..n).all(|i| l[i * n + i] > 0.0), "{level} {n}"),
            Definite::No { pivot, value } => {
                assert!(any && pivot < n && !(value > 0.0 && value.is_finite()), "{level} {n}: {pivot} {value}");
            }
        }
    }
}

/// Any weights: nobody fires on NaN, levels that fuse agree on who fires; and on exact numbers every level agrees on all.
pub fn relu(bytes: &[u8]) {
    let mut source = Source(bytes);
    let (n, d, m, c) = (source.below(20), source.below(12), source.below(150), source.below(4));
    let any = source.byte().is_multiple_of(2);
    let (x, w, u) = (source.floats(n * d, any), source.floats(m * d, any), source.floats(n * c, any));
    let a: Vec<f32> = (0..c * m).map(|_| if source.byte().is_multiple_of(2) { 1.0 } else { -1.0 }).collect();
    let shift = f32::from(source.byte()) / 64.0;
    let shape = "as many numbers as the shape says";
    let (x, w) = (MatRef::new(&x, n, d).expect(shape), MatRef::new(&w, m, d).expect(shape));
    let (a, u) = (MatRef::new(&a, c, m).expect(shape), MatRef::new(&u, n, c).expect(shape));
    let mut first: Option<(Level, Vec<u64>, Vec<f32>)> = None;
    for level in Level::available() {
        let mut words = vec![u64::MAX; pattern::pattern_len(n, m)];
        let mut scratch = vec![f32::NAN; two_layer::gram_product_scratch_len(d, m, c)];
        let (mut f, mut g) = (vec![f32::NAN; n * c], vec![f32::NAN; n * c]);
        let to = PatternMut::new(&mut words, n, m).expect(shape);
        two_layer::forward(level, x, w, a, shift, Some(to), MatMut::new(&mut f, n, c).expect(shape), &mut scratch).expect("shapes fit");
        let fired = PatternRef::new(&words, n, m).expect(shape);
        for (i, r) in (0..n).flat_map(|i| (0..m).map(move |r| (i, r))) {
            let entries = || (0..d).map(|k| (x.get(i, k).unwrap_or(0.0), w.get(r, k).unwrap_or(0.0)));
            if entries().any(|(x, w)| x.is_nan() || w.is_nan()) {
                assert!(!fired.fires(i, r), "{level}: fires on NaN");
            } else if !any {
                let z: f32 = entries().map(|(x, w)| x * w).sum();
                assert_eq!(fired.fires(i, r), z > shift, "{level} sample {i} neuron {r}");
            }
        }
        two_layer::gram_product(level, x, a, fired, u, MatMut::new(&mut g, n, c).expect(shape), &mut scratch).expect("shapes fit");
        let (mut jv, mut jtu) = (vec![f32::NAN; n * c], vec![f32::NAN; m * d]);
        two_layer::vjp(level, x, a, fired, u, MatMut::new(&mut jtu, m, d).expect(shape), &mut scratch).expect("shapes fit");
        let v = MatRef::new(&jtu, m, d).expect(shape);
        two_layer::jvp(level, x, a, fired, v, MatMut::new(&mut jv, n, c).expect(shape), &mut scratch).expect("shapes fit");
        if !any {
            // K u = J (J^T u), and each entry of J^T u by its definition.
            let size = 64.0 * 8.0 * (n * c * d.max(1)) as f32;
            assert!(jv.iter().zip(&g).all(|(a, b)| (a - b).abs() <= 1e-5 * size), "{level}: two ways to the Gram product");
            for (r, k) in [(0, 0), (m / 2, d / 2), (m.max(1) - 1, d.max(1) - 1)].into_iter().filter(|&(r, k)| r < m && k < d) {
                let back = |i: usize| -> f64 {
                    (0..c).map(|j| f64::from(u.get(i, j).unwrap_or(0.0)) * f64::from(a.get(j, r).unwrap_or(0.0))).sum()
                };
                let sum: f64 = (0..n).filter(|&i| fired.fires(i, r)).map(|i| back(i) * f64::from(x.get(i, k).unwrap_or(0.0))).sum();
                let wanted = sum / (m as f64).sqrt();
                assert!((f64::from(jtu[r * d + k]) - wanted).abs() <= 1e-5 * 64.0 * (n * c) as f64, "{level}: ({r}, {k}) of J^T u");
            }
        }
        let (mut counts, mut room) = (vec![f32::NAN; n * n], vec![f32::NAN; gram::gram_scratch_len(n, d)]);
        gram::overlaps(level, fired, MatMut::new(&mut counts, n, n).expect(shape)).expect("shapes fit");
        for i in 0..n {
            let wanted: u32 = fired.sample(i).iter().map(|word| word.count_ones()).sum();
            assert_eq!(counts[i * n + i], wanted as f32);
        }
        gram::gram(level, x, fired, MatMut::new(&mut counts, n, n).expect(shape), &mut room).expect("shapes fit");
        gram::analytic_gram(level, x, shift, MatMut::new(&mut counts, n, n).expect(shape), &mut room).expect("shapes fit");
        let fuses = ["avx2", "avx512", "neon"].contains(&level.name());
        if let Some((other, pattern, outputs)) = &first {
            if fuses || !any {
                assert_eq!(pattern, &words, "{level} and {other} differ on who fires");
            }
            if !any {
                let size = 64.0 * (m * d.max(1)) as f32;
                assert!(f.iter().zip(outputs).all(|(f, o)| (f - o).abs() <= 1e-5 * size), "{level} and {other} differ in outputs");
            }
        } else {
            first = Some((level, words, f));
        }
    }
}

/// The triangular factor of exact numbers, and solving with it; any bits give something, and no panic.
pub fn factors(bytes: &[u8]) {
    let mut source = Source(bytes);
    let (s, n) = (source.below(70), source.below(50));
    let any = source.byte().is_multiple_of(2);
    let columns = source.floats(n * s, any);
    let shape = "as many numbers as the shape says";
    let inner = |i: usize, j: usize| -> f64 { (0..s).map(|k| f64::from(columns[i * s + k]) * f64::from(columns[j * s + k])).sum() };
    for level in Level::available() {
        let (mut r, mut scratch) = (columns.clone(), vec![f32::NAN; blas::qr_scratch_len(s, n)]);
        blas::qr(level, MatMut::new(&mut r, n, s).expect(shape), &mut scratch).expect("shapes fit");
        if !any {
            // R^T R = A^T A.
            for (i, j) in (0..n).flat_map(|i| (0..=i).map(move |j| (i, j))) {
                let found: f64 =
                    (0..=j.min(s.max(1) - 1)).filter(|_| s > 0).map(|k| f64::from(r[i * s + k]) * f64::from(r[j * s + k])).sum();
                let size = (inner(i, i) * inner(j, j)).sqrt();
                assert!(
                    (found - inner(i, j)).abs() <= 1e-4 * size + 1e-6,
                    "{level} {s}x{n} ({i}, {j}): {found}, should be {}",
                    inner(i, j)
                );
            }
        }
        let mut out = vec![0.5f32; n * n];
        let mut wide = vec![f64::NAN; blas::cholesky_qr_scratch_len(s, n)];
        let a = MatRef::new(&columns, n, s).expect(shape);
        let found = blas::cholesky_qr(level, a, MatMut::new(&mut out, n, n).expect(shape), &mut wide).expect("shapes fit");
        if matches!(found, Definite::No { .. }) {
            assert!(any || (0..n).all(|i| inner(i, i) == 0.0), "{level}: a matrix with the jitter is definite");
            assert!(out.iter().all(|&x| x == 0.5), "{level}: left alone");
        }
        // A triangle with a dominant diagonal, from the columns that there are.
        let mut t = vec![0.0f32; n * n];
        t.iter_mut().zip(&columns).for_each(|(to, &x)| *to = x);
        (0..n).for_each(|i| t[i * n + i] = 16.0 * (n + 1) as f32);
        let b = source.floats(n * 3, any);
        let mut x = b.clone();
        let mut scratch = vec![f32::NAN; blas::triangular_solve_scratch_len(n)];
        let side = if n % 2 == 0 { blas::Triangle::Lower } else { blas::Triangle::Upper };
        blas::triangular_solve(level, side, MatRef::new(&t, n, n).expect(shape), MatMut::new(&mut x, n, 3).expect(shape), &mut scratch)
            .expect("shapes fit");
        if !any {
            for (i, j) in (0..n).flat_map(|i| (0..3).map(move |j| (i, j))) {
                let inside = if n % 2 == 0 { 0..i + 1 } else { i..n };
                let found: f64 = inside.map(|k| f64::from(t[i * n + k]) * f64::from(x[k * 3 + j])).sum();
                assert!((found - f64::from(b[i * 3 + j])).abs() <= 1e-3, "{level} {n}: row {i}");
            }
        }
    }
}

/// The answers of the definition: one chain of multiply-adds, fused where the level fuses.
type Answer = (Vec<u32>, Vec<u32>);

fn ask(n: usize, room: usize, to: impl FnOnce(&mut Hits<'_, f32>)) -> Vec<Answer> {
    let (mut counts, mut indices, mut values) = (vec![9; n], vec![9; n * room], vec![f32::NAN; n * room]);
    let mut hits = Hits::new(&mut counts, &mut indices, room).expect("n rooms").with_values(&mut values).expect("as many");
    to(&mut hits);
    let answer = |i: usize| {
        let mut ids = vec![hits.count(i) as u32];
        ids.extend(hits.indices(i));
        (ids, hits.values(i).iter().map(|z| z.to_bits()).collect())
    };
    (0..n).map(answer).collect()
}

/// Bytes for an index where it may begin, dirty.
struct Words(Vec<u64>);
impl Words {
    fn of(bytes: usize) -> Self {
        Self(vec![0x7FF8_7FC0_FFFF_FFFF; bytes.div_ceil(8) + 1])
    }
    fn bytes(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut(&mut self.0)
    }
}

/// Every structure answers as the scan does, bit by bit, before and after any sequence of updates; the scan answers as
/// the definition does.
pub fn halfspace(bytes: &[u8]) {
    let mut source = Source(bytes);
    let (m, d, n) = (source.below(140), source.below(9), source.below(7));
    let any = source.byte().is_multiple_of(2);
    let room = if source.byte().is_multiple_of(2) { m } else { source.below(m + 1) };
    let threshold = if any { f32::from_bits(source.u32()) } else { f32::from(source.byte() as i8) / 4.0 };
    let rho = f64::from(source.byte()) / 32.0;
    let mut w = source.floats(m * d, any);
    let x = source.floats(n * d, any);
    let levels: Vec<Level> = Level::available().collect();
    let level = levels[usize::from(source.byte()) % levels.len()];
    let fits = "as many numbers as the shape says";
    let xs = MatRef::new(&x, n, d).expect(fits);

    let ws = MatRef::new(&w, m, d).expect(fits);
    let mut bytes = [
        Words::of(Packed::<&[u8], f32>::storage_len(m, d)),
        Words::of(Screened::<&[u8], f32>::storage_len(m, d)),
        Words::of(Rotated::<&[u8], f32>::storage_len(m, d)),
        Words::of(BallTree::<&[u8], f32>::storage_len(m, d)),
        Words::of(MaxTree::<&[u8], f32>::storage_len(m, d, n)),
        Words::of(Candidates::<&[u8], f32>::storage_len(m, d, n, room)),
    ];
    let [packed, screened, rotated, balls, maxima, candidates] = &mut bytes;
    let most = [
        scan_scratch_len(d, m),
        BallTree::<&[u8], f32>::rebalance_scratch_len(m, d),
        BallTree::<&[u8], f32>::query_scratch_len(m, d),
        Rotated::<&[u8], f32>::query_scratch_len(m, d),
        Packed::<&[u8], f32>::query_scratch_len(m, d),
        MaxTree::<&[u8], f32>::build_scratch_len(m, d),
        Candidates::<&[u8], f32>::build_scratch_len(m, d, n),
    ];
    let mut scratch = vec![f32::NAN; most.into_iter().max().unwrap_or(0)];
    let mut packed = Packed::<_, f32>::build(ws, packed.bytes()).expect(fits);
    let mut screened = Screened::<_, f32>::build(ws, screened.bytes()).expect(fits);
    let mut rotated = Rotated::<_, f32>::build(level, ws, m as u64, rotated.bytes()).expect(fits);
    let mut balls = BallTree::<_, f32>::build(ws, balls.bytes(), &mut scratch).expect(fits);
    let mut maxima = MaxTree::build(level, ws, xs, maxima.bytes(), &mut scratch).expect(fits);
    let mut candidates = Candidates::build(level, ws, xs, threshold, rho, room, candidates.bytes(), &mut scratch).expect(fits);
    // Of the ball tree neurons come and go as well: NaN where none is, which never fires.
    let mut there = vec![true; m];
    for step in 0..6 {
        let ws = MatRef::new(&w, m, d).expect(fits);
        let left: Vec<f32> = w.iter().enumerate().map(|(at, &x)| if there[at / d.max(1)] { x } else { f32::NAN }).collect();
        let left = MatRef::new(&left, m, d).expect(fits);
        let of_those = ask(n, room, |hits| scan(level, left, xs, threshold, hits, &mut scratch).expect(fits));
        let wanted = ask(n, room, |hits| scan(level, ws, xs, threshold, hits, &mut scratch).expect(fits));
        if !any {
            for (i, (ids, _)) in wanted.iter().enumerate() {
                let z = |r: usize| -> f32 { (0..d).map(|k| w[r * d + k] * x[i * d + k]).sum() };
                let fired: Vec<u32> = (0..m as u32).filter(|&r| z(r as usize) > threshold).collect();
                assert_eq!((ids[0] as usize, &ids[1..]), (fired.len(), &fired[..fired.len().min(room)]), "{level}: the scan itself");
            }
        }
        let mut check = |what: &str, to: &mut dyn FnMut(&mut Hits<'_, f32>, &mut [f32])| {
            scratch.fill(f32::NAN);
            let found = ask(n, room, |hits| to(hits, &mut scratch));
            let wanted = if what == "ball tree" { &of_those } else { &wanted };
            assert!(found == *wanted, "{level} step {step}: {what}: {found:?} is not {wanted:?}");
        };
        check("packed", &mut |hits, scratch| packed.query_batch(level, xs, threshold, hits, scratch).expect(fits));
        check("screened", &mut |hits, scratch| screened.query_batch(level, xs, threshold, hits, scratch).expect(fits));
        check("rotated", &mut |hits, scratch| rotated.query_batch(level, xs, threshold, hits, scratch).expect(fits));
        check("ball tree", &mut |hits, scratch| balls.query_batch(level, xs, threshold, hits, scratch).expect(fits));
        check("max tree", &mut |hits, scratch| maxima.query_batch(level, ws, threshold, hits, scratch).expect(fits));
        check("candidates", &mut |hits, _| candidates.query_batch(level, ws, threshold, hits, &mut []).expect(fits));
        packed.verify(ws).expect("sound");
        screened.verify(ws).expect("sound");
        rotated.verify(ws).expect("sound");
        balls.verify(ws).expect("sound");
        maxima.verify(level, ws, &mut scratch).expect("sound");
        candidates.verify(level, ws, &mut []).expect("sound");
        if m == 0 || d == 0 {
            return;
        }
        for _ in 0..source.below(9) {
            let r = source.below(m);
            let how = source.byte();
            if how >= 240 {
                // All of them.
                (0..m).filter(|&r| there[r]).for_each(|r| balls.delete(r).expect("there"));
                there.fill(false);
            } else if how >= 128 {
                assert_eq!(balls.delete(r).is_ok(), there[r]);
                there[r] = false;
                continue;
            }
            match how % 4 {
                0 => w[r * d..(r + 1) * d].copy_from_slice(&source.floats(d, any)),
                1 => w[r * d + usize::from(source.byte()) % d] = source.floats(1, true)[0],
                2 => w[r * d..(r + 1) * d].iter_mut().for_each(|x| *x *= 1.5),
                _ => w.copy_within(0..d, r * d),
            }
            let row = &w[r * d..(r + 1) * d];
            packed.update(level, r, row).expect(fits);
            screened.update(level, r, row).expect(fits);
            rotated.update(level, r, row).expect(fits);
            assert_eq!(balls.insert(level, r, row).is_ok(), !there[r]);
            if there[r] {
                balls.update(level, r, row).expect(fits);
            }
            there[r] = true;
            maxima.update(level, r, row).expect(fits);
            candidates.update(level, r, row).expect(fits);
        }
        let ws = MatRef::new(&w, m, d).expect(fits);
        match source.byte() % 4 {
            0 => balls.rebalance(&mut scratch).expect(fits),
            1 => candidates.update_all(level, ws).expect(fits),
            2 => drop(candidates.advance(level, ws, &mut scratch).expect(fits)),
            _ => {}
        }
        // Numbers of any bits may be there now: the plain definition no longer holds, the scan's does.
        if w.iter().any(|x| !x.is_finite() || x.abs() > 1e3 || (x * 256.0).fract() != 0.0) && !any {
            return;
        }
    }
}

/// Any bytes, or a sound index with some of them changed: an error, or answers of whatever kind, but no panic.
pub fn index(bytes: &[u8]) {
    let mut source = Source(bytes);
    let kind = source.byte();
    let (m, d, n) = (source.below(80), source.below(6), source.below(5) + 1);
    let level = Level::detect();
    let fits = "as many numbers as the shape says";
    let (w, x) = (source.floats(m * d, false), source.floats(n * d, false));
    let (ws, xs) = (MatRef::new(&w, m, d).expect(fits), MatRef::new(&x, n, d).expect(fits));
    let mut words = Words::of(
        Candidates::<&[u8], f32>::storage_len(m, d, n, m)
            + MaxTree::<&[u8], f32>::storage_len(m, d, n)
            + BallTree::<&[u8], f32>::storage_len(m, d)
            + Rotated::<&[u8], f32>::storage_len(m, d),
    );
    let mut scratch = vec![0.0f32; 1 << 16];
    let all = words.bytes();
    match kind % 7 {
        0 => drop(Packed::<_, f32>::build(ws, &mut *all).expect(fits)),
        1 => drop(Screened::<_, f32>::build(ws, &mut *all).expect(fits)),
        2 => drop(BallTree::<_, f32>::build(ws, &mut *all, &mut scratch).expect(fits)),
        3 => drop(MaxTree::<_, f32>::build(level, ws, xs, &mut *all, &mut scratch).expect(fits)),
        4 => drop(Candidates::<_, f32>::build(level, ws, xs, 0.5, 0.5, m, &mut *all, &mut scratch).expect(fits)),
        6 => drop(Rotated::<_, f32>::build(level, ws, 3, &mut *all).expect(fits)),
        _ => {}
    }
    let raw = source.0.len().min(all.len());
    if kind % 7 == 5 {
        all[..raw].copy_from_slice(&source.0[..raw]);
    }
    for _ in 0..source.below(12) {
        let (at, value) = (source.below(all.len().clamp(1, 65_535)), source.byte());
        if let Some(byte) = all.get_mut(at) {
            *byte = value;
        }
    }
    let end = if source.byte().is_multiple_of(8) { source.below(all.len().min(60_000) + 1) } else { all.len() };
    let all = &mut all[..end];
    // Dimensions of a damaged header are bounded by the bytes that are there.
    let mut room = (vec![0; 4096], vec![0; 4096], vec![0.0f32; 4096]);
    fn ask_any(room: &mut (Vec<u32>, Vec<u32>, Vec<f32>), n: usize, to: impl FnOnce(&mut Hits<'_, f32>) -> Result<(), Error>) {
        let n = n.min(4096);
        let each = 4096 / n.max(1);
        let mut hits = Hits::new(&mut room.0[..n], &mut room.1[..n * each], each)
            .expect("n rooms")
            .with_values(&mut room.2[..n * each])
            .expect("as many");
        let _ = to(&mut hits);
    }
    let row = [0.25f32; 4096];
    macro_rules! reporter {
        ($Index:ident) => {
            if let Ok(mut index) = $Index::<_, f32>::open(&mut *all, Check::Header) {
                let width = index.dim().min(4096);
                let mut scratch = vec![f32::NAN; index.scratch_len().min(1 << 20)];
                ask_any(&mut room, 1, |hits| index.query(level, &row[..width], 0.25, hits, &mut scratch));
                let _ = index.verify(ws);
                for r in 0..3 {
                    let _ = index.update(level, r * 7, &row[..width]);
                }
                ask_any(&mut room, 1, |hits| index.query(level, &row[..width], 0.25, hits, &mut scratch));
            }
        };
    }
    reporter!(Packed);
    reporter!(Screened);
    reporter!(Rotated);
    reporter!(BallTree);
    if let Ok(mut index) = BallTree::<_, f32>::open(&mut *all, Check::Header) {
        let width = index.dim().min(4096);
        for r in [0, 1, 5, 9, 40] {
            let _ = (index.delete(r), index.insert(level, r + 1, &row[..width]), index.contains(r), index.len());
        }
        let _ = index.rebalance(&mut scratch);
        let _ = index.insert(level, 9, &row[..width]);
    }
    if let Ok(mut index) = MaxTree::<_, f32>::open(&mut *all, Check::Header) {
        let n = index.samples();
        if n <= 4096 {
            ask_any(&mut room, n, |hits| index.query_batch(level, ws, 0.25, hits, &mut scratch));
        }
        ask_any(&mut room, 1, |hits| index.query(level, ws, 0, 0.25, hits, &mut scratch));
        let _ = index.verify(level, ws, &mut scratch);
        let _ = index.update(level, 0, &row[..d]);
        let _ = index.replace(level, 0, &row[..d], ws, &mut scratch);
    }
    if let Ok(mut index) = Candidates::<_, f32>::open(&mut *all, Check::Header) {
        let n = index.samples();
        if n <= 4096 {
            ask_any(&mut room, n, |hits| index.query_batch(level, ws, 0.5, hits, &mut []));
        }
        let _ = index.verify(level, ws, &mut []);
        let _ = index.update(level, 0, &row[..d]);
        let _ = index.update_all(level, ws);
        let _ = index.advance(level, ws, &mut scratch);
        let _ = index.rebuild(level, ws, 0.5, &mut scratch);
        ask_any(&mut room, 1, |hits| index.query(level, ws, 0, 0.5, hits, &mut []));
    }
}

/// Sketches: the same bits at every level where they are promised, linear, and of exact numbers what the definition says.
pub fn sketch(bytes: &[u8]) {
    let mut source = Source(bytes);
    let (left, right, rows) = (source.below(60), source.below(60), source.below(70));
    let seed = u64::from(source.u32());
    let any = source.byte().is_multiple_of(2);
    let (u, v) = (source.floats(left, any), source.floats(right, any));
    let same = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan());
    let mut first: Option<(Vec<f32>, Vec<f32>)> = None;
    for level in Level::available() {
        let mut y = vec![0.0f32; rows];
        let srht = Srht::new(left, rows, seed).expect("short");
        srht.accumulate(level, &u, &mut y, &mut vec![f32::NAN; srht.scratch_len()]).expect("lengths fit");
        let mut z = vec![0.0f32; rows];
        let tensor = TensorSrht::new((left, right), rows, seed).expect("short");
        tensor.accumulate(level, &u, &v, &mut z, &mut vec![f32::NAN; tensor.scratch_len()]).expect("lengths fit");
        let (y0, z0) = first.get_or_insert_with(|| (y.clone(), z.clone()));
        assert!(same(&y, y0) && same(&z, z0), "{level}: {left} x {right} by {rows}");

        let hashed = TensorSketch::new((left, right), rows.next_power_of_two(), seed).expect("a power of two");
        let mut t = vec![0.0f32; hashed.rows()];
        hashed.accumulate(level, &u[..], &v[..], &mut t, &mut vec![f32::NAN; hashed.scratch_len()]).expect("lengths fit");
        if !any {
            // The hash of a sum of products: its total is that of the factors' hashes, up to signs; sizes are bounded.
            let most = u.iter().map(|x| f64::from(x.abs())).sum::<f64>() * v.iter().map(|x| f64::from(x.abs())).sum::<f64>();
            assert!(t.iter().all(|t| f64::from(t.abs()) <= most * 1.0001 + 1e-3), "{level}: an entry above the sum of all");
        }
    }
}

/// A sparse matrix with its columns.
struct Sparse {
    cols: usize,
    starts: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f32>,
    depth: usize,
    columns: (Vec<usize>, Vec<u32>, Vec<u32>),
}

impl Sparse {
    /// Small integers at random places; with `wild`, columns that belong to something else.
    fn take(source: &mut Source<'_>, rows: usize, cols: usize, depth: usize, wild: bool) -> Self {
        let (mut starts, mut indices) = (vec![0], Vec::new());
        for _ in 0..rows {
            let dense = source.byte() % 4;
            indices.extend((0..cols as u32).filter(|_| source.byte() % 4 <= dense && dense > 0));
            starts.push(indices.len());
        }
        let values = (0..depth * indices.len()).map(|_| f32::from(source.byte() as i8 % 4)).collect();
        let mut columns = (vec![0; cols + 1], vec![0; indices.len()], vec![0; indices.len()]);
        let support = Support::new(&starts, &indices, cols).expect("ascending");
        transpose(support, &mut columns.0, &mut columns.1, &mut columns.2).expect("as many as there are");
        if wild {
            columns.1.iter_mut().chain(&mut columns.2).filter(|x| (**x + 1) % 3 == 0).for_each(|x| *x = source.u32());
        }
        Self { cols, starts, indices, values, depth, columns }
    }
    fn support(&self) -> Support<'_> {
        Support::new(&self.starts, &self.indices, self.cols).expect("checked before")
    }
    fn get(&self) -> (SparseRef<'_, f32>, Columns<'_>) {
        let (starts, rows, places) = &self.columns;
        let values = SparseRef::new(self.support(), self.depth, &self.values).expect("as many as there are");
        (values, Columns::new(starts, rows, places).expect("ascending"))
    }
    fn at(&self, i: usize, c: usize, j: usize) -> f64 {
        let row = self.support().row(i);
        row.iter().position(|&k| k as usize == j).map_or(0.0, |at| f64::from(self.get().0.row(i, c)[at]))
    }
}

/// What a low-rank update adds, by the definition; both ways to fold it agree; columns that lie are no panic.
pub fn low_rank(bytes: &[u8]) {
    let mut source = Source(bytes);
    let (rank, n, outs, ins) = (source.below(6), source.below(9), source.below(50), source.below(50));
    let wild = source.byte().is_multiple_of(4);
    let u = Sparse::take(&mut source, rank, outs, 1, wild);
    let v = Sparse::take(&mut source, rank, ins, 1, wild);
    let x = Sparse::take(&mut source, n, ins, 1, wild);
    let g = Sparse::take(&mut source, n, outs, 2, wild);
    let update = Update::new(u.get(), v.get()).expect("shapes fit");
    for level in Level::available() {
        let mut z = vec![1.0f32; n * outs];
        let mut scratch = vec![f32::NAN; update.query_scratch_len(n)];
        let done = update.query(level, 2.0, x.get(), MatMut::new(&mut z, n, outs).expect("fits"), &mut scratch);
        let mut e = vec![1.0f32; 2 * x.indices.len()];
        let mut scratch = vec![f32::NAN; update.transposed_query_scratch_len(2)];
        let back = update.transposed_query(level, g.get().0, x.support(), &mut e, &mut scratch);
        let (mut a, mut b) = (vec![0.0f32; panels_len(ins, outs)], vec![0.0f32; panels_len(ins, outs)]);
        update.fold_sparse(&mut PanelsMut::packed(&mut a, ins, outs).expect("fits")).expect("shapes fit");
        let mut scratch = vec![f32::NAN; update.fold_dense_scratch_len()];
        update.fold_dense(level, &mut PanelsMut::packed(&mut b, ins, outs).expect("fits"), &mut scratch).expect("shapes fit");
        if wild {
            continue;
        }
        done.expect("shapes fit");
        back.expect("shapes fit");
        let term = |j: usize, r: usize| -> f64 { (0..rank).map(|f| v.at(f, 0, j) * u.at(f, 0, r)).sum() };
        let (a, b) = (Panels::packed(&a, ins, outs).expect("fits"), Panels::packed(&b, ins, outs).expect("fits"));
        for (j, r) in (0..ins).flat_map(|j| (0..outs).map(move |r| (j, r))) {
            let wanted = Some(term(j, r) as f32);
            assert!(a.get(j, r) == wanted && b.get(j, r) == wanted, "{level}: ({j}, {r}) of the update");
        }
        for (i, r) in (0..n).flat_map(|i| (0..outs).map(move |r| (i, r))) {
            let wanted = 1.0 + 2.0 * (0..ins).map(|j| x.at(i, 0, j) * term(j, r)).sum::<f64>();
            assert_eq!(f64::from(z[i * outs + r]), wanted, "{level}: ({i}, {r}) of a query");
        }
        let e = SparseRef::new(x.support(), 2, &e).expect("as many as there are");
        for (i, c) in (0..n).flat_map(|i| [(i, 0), (i, 1)]) {
            for (&j, &found) in x.support().row(i).iter().zip(e.row(i, c)) {
                let wanted = 1.0 + (0..outs).map(|r| g.at(i, c, r) * term(j as usize, r)).sum::<f64>();
                assert_eq!(f64::from(found), wanted, "{level}: ({i}, {c}, {j}) of a transposed query");
            }
        }
    }
}

struct Diagonal(Vec<f32>);
impl LinearOperator<f32> for Diagonal {
    fn dim(&self) -> usize {
        self.0.len()
    }
    fn apply(&self, _: Level, x: &[f32], y: &mut [f32], _: &mut [f32]) -> Result<(), Error> {
        y.iter_mut().zip(x).zip(&self.0).for_each(|((y, x), d)| *y = d * x);
        Ok(())
    }
}

/// Any diagonal matrix and right-hand side: it ends, and what it says of its residual is true.
pub fn cg(bytes: &[u8]) {
    let mut source = Source(bytes);
    let n = source.below(70);
    let any = source.byte().is_multiple_of(2);
    let diagonal = source.floats(n, any);
    let (a, b) = (Diagonal(diagonal), source.floats(n, any));
    let stopping = Stopping { relative: 1e-3, absolute: 0.0, max_iterations: source.below(100) };
    for level in Level::available() {
        let (mut x, mut scratch) = (vec![0.0; n], vec![f32::NAN; cg::conjugate_gradient_scratch_len(n, 0, 0)]);
        let report = cg::conjugate_gradient(level, &a, &Identity, &b, &mut x, stopping, &mut scratch).expect("lengths fit");
        assert!(report.iterations <= stopping.max_iterations);
        match report.status {
            Status::Converged => assert!(report.residual_norm <= 1e-3 * report.rhs_norm),
            Status::IterationLimit => assert_eq!(report.iterations, stopping.max_iterations),
            Status::IndefiniteOperator | Status::Breakdown => assert!(a.0.iter().any(|&d| d <= 1e-30), "{level} {:?}", a.0),
            Status::NotFinite => assert!(any, "{level}: small numbers overflowed"),
            // A part of b that only a tiny or no entry of the diagonal reaches.
            Status::Stagnated => assert!(a.0.iter().any(|&d| d <= 1.0) || any, "{level} {:?}", a.0),
            other => panic!("{level}: {other:?} without a preconditioner"),
        }
        if !any && matches!(report.status, Status::Converged | Status::IterationLimit) {
            let truth: f64 = a.0.iter().zip(&x).zip(&b).map(|((d, x), b)| (f64::from(*b) - f64::from(*d) * f64::from(*x)).powi(2)).sum();
            let drift = 1e-4 * (report.rhs_norm + 8.0 * x.iter().map(|x| f64::from(x.abs())).sum::<f64>());
            assert!((truth.sqrt() - report.residual_norm).abs() <= drift, "{level}: {} says {}", truth.sqrt(), report.residual_norm);
        }
    }
}
