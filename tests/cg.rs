//! The conjugate-gradient method: what it finds, and whether it tells the truth about it.

mod oracle;

use std::cell::Cell;

use oracle::{dirty, levels, numbers};
use quickcheck::{TestResult, quickcheck};
use subquad::cg::{Identity, LinearOperator, Preconditioner, Report, Status, Stopping, conjugate_gradient, conjugate_gradient_scratch_len};
use subquad::simd::Float;
use subquad::{Error, Level};

/// A dense matrix that counts its products and demands scratch, which it soils.
struct Dense<T> {
    n: usize,
    data: Vec<T>,
    products: Cell<usize>,
}

const DEMANDED: usize = 1000;

impl<T: Float> Dense<T> {
    fn new(n: usize, data: Vec<T>) -> Self {
        Self { n, data, products: Cell::new(0) }
    }
    /// Eigenvalues between 1 and n, eigenvectors anything.
    fn definite(n: usize, seed: u64) -> Self {
        let b = numbers::<T>(n * n, seed);
        let data = (0..n * n)
            .map(|k| {
                let (i, j) = (k / n, k % n);
                let product: T = (0..n).map(|p| b[i * n + p] * b[j * n + p]).sum();
                if i == j { product + T::ONE } else { product }
            })
            .collect();
        Self::new(n, data)
    }
    fn times(&self, x: &[T]) -> Vec<T> {
        self.data.chunks(self.n.max(1)).map(|row| row.iter().zip(x).map(|(&a, &x)| a * x).sum()).collect()
    }
}

impl<T: Float> LinearOperator<T> for Dense<T> {
    fn dim(&self) -> usize {
        self.n
    }
    fn scratch_len(&self) -> usize {
        DEMANDED
    }
    fn apply(&self, _: Level, x: &[T], y: &mut [T], scratch: &mut [T]) -> Result<(), Error> {
        assert!(scratch.len() >= DEMANDED, "the operator gets what it asked for");
        scratch.fill(T::from_f64(f64::NAN));
        self.products.set(self.products.get() + 1);
        y.copy_from_slice(&self.times(x));
        Ok(())
    }
}

struct Diagonal<T>(Vec<T>);
impl<T: Float> Preconditioner<T> for Diagonal<T> {
    fn precondition(&self, _: Level, r: &[T], z: &mut [T], _: &mut [T]) -> Result<(), Error> {
        z.iter_mut().zip(r).zip(&self.0).for_each(|((z, &r), &d)| *z = r / d);
        Ok(())
    }
}

fn solve<T: Float>(level: Level, a: &Dense<T>, m: &impl Preconditioner<T>, b: &[T], x: &mut [T], stopping: Stopping) -> Report {
    let mut scratch = dirty(conjugate_gradient_scratch_len(a.n, DEMANDED, 0));
    conjugate_gradient(level, a, m, b, x, stopping, &mut scratch).unwrap()
}

fn norm<T: Float>(x: &[T]) -> f64 {
    x.iter().map(|x| x.to_f64().powi(2)).sum::<f64>().sqrt()
}

fn residual<T: Float>(a: &Dense<T>, b: &[T], x: &[T]) -> f64 {
    norm(&a.times(x).iter().zip(b).map(|(&p, &b)| b - p).collect::<Vec<_>>())
}

const TIGHT: Stopping = Stopping { relative: 1e-10, absolute: 0.0, max_iterations: 1000 };

#[test]
fn converges_and_reports_what_is_true() {
    for level in levels() {
        for n in [0, 1, 2, 5, 33, 100] {
            let a = Dense::<f64>::definite(n, 3);
            let b = numbers::<f64>(n, 4);
            let mut x = vec![0.0; n];
            let report = solve(level, &a, &Identity, &b, &mut x, TIGHT);
            assert_eq!(report.status, Status::Converged, "{level} n={n}");
            assert_eq!(report.iterations, a.products.get(), "a start from zero costs no product");
            assert!(report.iterations <= 2 * n, "{level} n={n}: {}", report.iterations);
            let truth = residual(&a, &b, &x);
            assert!(truth <= 1.1e-10 * norm(&b) && (truth - report.residual_norm).abs() <= 1e-11 * norm(&b), "{level} n={n}");
            assert!((report.rhs_norm - norm(&b)).abs() <= 1e-12 * norm(&b));
        }
    }
}

#[test]
fn f32_reaches_its_own_precision() {
    for level in levels() {
        let a = Dense::<f32>::definite(50, 5);
        let b = numbers::<f32>(50, 6);
        let mut x = vec![0.0; 50];
        let stopping = Stopping { relative: 1e-5, ..TIGHT };
        let report = solve(level, &a, &Identity, &b, &mut x, stopping);
        assert_eq!(report.status, Status::Converged);
        assert!(residual(&a, &b, &x) <= 2e-5 * norm(&b), "{level}");
    }
}

/// The residual of a solver that gives up is the one of the x it hands back, not the one it began with.
#[test]
fn giving_up_is_told_with_the_last_residual() {
    let a = Dense::<f64>::definite(80, 7);
    let b = numbers::<f64>(80, 8);
    for level in levels() {
        for max_iterations in [0, 1, 5] {
            let mut x = vec![0.0; 80];
            let report = solve(level, &a, &Identity, &b, &mut x, Stopping { max_iterations, ..TIGHT });
            assert_eq!((report.status, report.iterations), (Status::IterationLimit, max_iterations));
            let truth = residual(&a, &b, &x);
            assert!((report.residual_norm - truth).abs() <= 1e-10 * truth, "{level}: {} {truth}", report.residual_norm);
        }
    }
}

#[test]
fn a_warm_start_goes_on_where_it_stands() {
    let a = Dense::<f64>::definite(60, 9);
    let b = numbers::<f64>(60, 10);
    let level = Level::detect();
    let mut x = vec![0.0; 60];
    solve(level, &a, &Identity, &b, &mut x, TIGHT);
    a.products.set(0);
    let report = solve(level, &a, &Identity, &b, &mut x, Stopping { relative: 1e-9, ..TIGHT });
    assert_eq!((report.status, report.iterations, a.products.get()), (Status::Converged, 0, 1));
}

#[test]
fn the_exact_inverse_needs_one_step() {
    let n = 40;
    let diagonal: Vec<f64> = (1..=n).map(|i| (i * i) as f64).collect();
    let data = (0..n * n).map(|k| if k / n == k % n { diagonal[k / n] } else { 0.0 }).collect();
    let a = Dense::new(n, data);
    let b = numbers::<f64>(n, 11);
    for level in levels() {
        let mut x = vec![0.0; n];
        let report = solve(level, &a, &Diagonal(diagonal.clone()), &b, &mut x, TIGHT);
        assert_eq!((report.status, report.iterations), (Status::Converged, 1));
        x.fill(0.0);
        assert!(solve(level, &a, &Identity, &b, &mut x, TIGHT).iterations > 10, "and without it many");
    }
}

#[test]
fn failures_are_told_apart() {
    let level = Level::detect();
    let b = [1.0, 1.0];
    let run = |data: [f64; 4], m: [f64; 2], b: &[f64]| {
        let mut x = [0.0; 2];
        solve(level, &Dense::new(2, data.to_vec()), &Diagonal(m.to_vec()), b, &mut x, TIGHT).status
    };
    let identity = [1.0, 0.0, 0.0, 1.0];
    assert_eq!(run(identity, [1.0, 1.0], &b), Status::Converged);
    assert_eq!(run([1.0, 0.0, 0.0, -2.0], [1.0, 1.0], &b), Status::IndefiniteOperator);
    assert_eq!(run([0.0; 4], [1.0, 1.0], &b), Status::IndefiniteOperator);
    assert_eq!(run(identity, [1.0, -0.5], &b), Status::IndefinitePreconditioner);
    assert_eq!(run([f64::NAN, 0.0, 0.0, 1.0], [1.0, 1.0], &b), Status::NotFinite);
    assert_eq!(run(identity, [0.0, 1.0], &b), Status::NotFinite);
    assert_eq!(run(identity, [1.0, 1.0], &[f64::INFINITY, 1.0]), Status::NotFinite);
    assert_eq!(run(identity, [1.0, 1.0], &[0.0, 0.0]), Status::Converged);
    assert_eq!(run([1e-300, 0.0, 0.0, 1e-300], [1e300, 1e300], &[1e300, 0.0]), Status::NotFinite);
}

#[test]
fn absolute_tolerance_counts_too() {
    let a = Dense::<f64>::definite(30, 12);
    let b = numbers::<f64>(30, 13);
    let mut x = vec![0.0; 30];
    let stopping = Stopping { relative: 0.0, absolute: 1e-3, max_iterations: 100 };
    let report = solve(Level::detect(), &a, &Identity, &b, &mut x, stopping);
    assert_eq!(report.status, Status::Converged);
    assert!(report.residual_norm <= 1e-3 && report.residual_norm > 1e-8);
}

#[test]
fn bad_arguments_are_errors() {
    let a = Dense::<f64>::definite(3, 1);
    let level = Level::detect();
    let need = conjugate_gradient_scratch_len(3, DEMANDED, 0);
    let mut scratch = vec![0.0; need];
    let run = |b: usize, x: usize, stopping, scratch: &mut [f64]| {
        conjugate_gradient(level, &a, &Identity, &[1.0; 5][..b], &mut [0.0; 5][..x], stopping, scratch)
    };
    assert_eq!(run(4, 3, TIGHT, &mut scratch), Err(Error::Length { what: "conjugate_gradient: b", expected: 3, found: 4 }));
    assert_eq!(run(3, 2, TIGHT, &mut scratch), Err(Error::Length { what: "conjugate_gradient: x", expected: 3, found: 2 }));
    for bad in [-1.0, f64::NAN] {
        assert!(matches!(run(3, 3, Stopping { relative: bad, ..TIGHT }, &mut scratch), Err(Error::Value { .. })));
        assert!(matches!(run(3, 3, Stopping { absolute: bad, ..TIGHT }, &mut scratch), Err(Error::Value { .. })));
    }
    assert_eq!(run(3, 3, TIGHT, &mut scratch[1..]), Err(Error::TooShort { what: "scratch", needed: need, found: need - 1 }));
    assert_eq!(conjugate_gradient_scratch_len(usize::MAX / 3, 0, 0), usize::MAX);
}

quickcheck! {
    /// Directions are A-conjugate: after n steps at most n + a few are needed, whatever the matrix.
    fn n_steps_are_enough(n: u8, seed: u64) -> TestResult {
        let n = usize::from(n) % 24 + 1;
        let a = Dense::<f64>::definite(n, seed);
        let b = numbers::<f64>(n, seed ^ 77);
        TestResult::from_bool(levels().all(|level| {
            let mut x = vec![0.0; n];
            let report = solve(level, &a, &Identity, &b, &mut x, Stopping { relative: 1e-8, ..TIGHT });
            report.status == Status::Converged && report.iterations <= n + 3 && residual(&a, &b, &x) <= 2e-8 * norm(&b)
        }))
    }
}
