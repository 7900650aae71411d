//! What the fuzz targets do with their bytes: every level against the others, nothing may panic, and what a report says
//! must be true. The same bodies run as ordinary tests, on a fixed set of inputs, in `tests/fuzz_bodies.rs`.

use subquad::blas::{self, Definite};
use subquad::cg::{self, Identity, LinearOperator, Status, Stopping};
use subquad::hadamard;
use subquad::relu::{PatternMut, PatternRef, gram, pattern, two_layer};
use subquad::{Error, Level, MatMut, MatRef};

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

/// Equal bits, or both no numbers.
fn same(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan())
}

fn scalar() -> Level {
    Level::available().last().expect("the scalar level is always there")
}

/// The transform is the same at every level, bit for bit; exact numbers come back multiplied by the length.
pub fn hadamard(bytes: &[u8]) {
    let mut source = Source(bytes);
    let n = source.below(3000);
    let any = source.byte() % 2 == 0;
    let x = source.floats(n, any);
    let mut wanted = x.clone();
    let done = hadamard::fwht(scalar(), &mut wanted);
    assert_eq!(done.is_ok(), hadamard::is_len(n), "length {n}");
    for level in Level::available() {
        let mut found = x.clone();
        assert_eq!(hadamard::fwht(level, &mut found), done);
        assert!(same(&found, &wanted), "{level} {n}");
        if done.is_ok() && !any {
            hadamard::fwht(level, &mut found).expect("the length was valid before");
            assert!(found.iter().zip(&x).all(|(f, x)| *f == x * n as f32), "{level} {n}: not its own inverse");
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
    let any = source.byte() % 2 == 0;
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
    let any = source.byte() % 2 == 0;
    let (x, w, u) = (source.floats(n * d, any), source.floats(m * d, any), source.floats(n * c, any));
    let a: Vec<f32> = (0..c * m).map(|_| if source.byte() % 2 == 0 { 1.0 } else { -1.0 }).collect();
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
    let any = source.byte() % 2 == 0;
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

/// Any bytes as a table: a data set or a message.
pub fn table(bytes: &[u8]) {
    use subquad::train::{TableOptions, read_dataset_from};
    match read_dataset_from(bytes, "fuzz.csv", &TableOptions::default()) {
        Ok(data) => {
            assert!(data.rows() > 0 && data.features().data().iter().all(|x| x.is_finite()));
            if let Ok(split) = data.split(0.3, 1) {
                assert_eq!(split.train.len() + split.test.len(), data.rows());
            }
        }
        Err(error) => assert!(error.to_string().contains("fuzz.csv"), "{error}"),
    }
}

/// Any bytes as a model: one that predicts, or a message.
pub fn model(bytes: &[u8]) {
    use subquad::train::{Matrix, Model};
    match Model::from_bytes(bytes, "fuzz.safetensors") {
        Ok(model) => {
            let p = model.preparation().features();
            let row = Matrix::new(vec![0.5; p], 1, p).expect("one row");
            let _ = model.predict(scalar(), &row, &[0]);
        }
        Err(error) => assert!(error.to_string().contains("fuzz.safetensors"), "{error}"),
    }
}
