//! The conjugate-gradient method: what it finds, and whether it tells the truth about it.

use std::cell::Cell;

use crate::oracle::{dirty, levels, numbers};
use quickcheck::{TestResult, quickcheck};
use std::ops::ControlFlow;

use subquad::cg::{
    Check, Column, Identity, Iteration, Jacobi, LeastSquaresStopping, LinearOperator, Preconditioner, Report, SharedCholesky, Status,
    Stopping, TallOperator, Watch, conjugate_gradient, conjugate_gradient_rows, conjugate_gradient_rows_scratch_len,
    conjugate_gradient_scratch_len, conjugate_gradient_watched, least_squares, least_squares_scratch_len,
};
use subquad::simd::Float;
use subquad::{Error, Level, MatMut, MatRef, blas};

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
    assert_eq!(run([0.0; 4], [1.0, 1.0], &b), Status::Breakdown);
    assert_eq!(run([1.0, 0.0, 0.0, -1.0], [1.0, 1.0], &b), Status::Breakdown, "curvatures that make up for each other");
    // A curvature that is not zero, and a step that is no number.
    assert_eq!(run([1e-310, 0.0, 0.0, 1e-310], [1.0, 1.0], &b), Status::Breakdown);
    assert_eq!(run(identity, [f64::INFINITY, f64::INFINITY], &b), Status::Breakdown);
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

fn watched<T: Float>(a: &Dense<T>, b: &[T], x: &mut [T], stopping: Stopping, watch: &mut Watch<'_>) -> Report {
    let mut scratch = dirty(conjugate_gradient_scratch_len(a.n, DEMANDED, 0));
    conjugate_gradient_watched(Level::detect(), a, &Identity, b, x, stopping, watch, &mut scratch).unwrap()
}

#[test]
fn history_and_callback_see_every_residual() {
    let a = Dense::<f64>::definite(40, 21);
    let b = numbers::<f64>(40, 22);
    let mut seen = Vec::new();
    let mut history = [f64::NAN; 6];
    let (mut x, mut callback) = (vec![0.0; 40], |now: &Iteration| {
        seen.push((now.iterations, now.residual_norm));
        assert_eq!((now.unfinished, now.rhs_norm), (1, norm(&b)));
        if now.iterations == 9 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let mut watch = Watch { history: &mut history, callback: Some(&mut callback), ..Watch::default() };
    let report = watched(&a, &b, &mut x, TIGHT, &mut watch);
    assert_eq!((report.status, report.iterations), (Status::Stopped, 9));
    assert_eq!(seen.len(), 10);
    assert!(seen.iter().enumerate().all(|(i, (iterations, _))| i == *iterations));
    assert!(history.iter().zip(&seen).all(|(h, (_, s))| h == s), "as long as there is room");
    assert_eq!(seen[9].1, report.residual_norm);
    // Each residual is the one of the x of its time.
    for iterations in [0, 3, 5] {
        let mut x = vec![0.0; 40];
        let report = watched(&a, &b, &mut x, Stopping { max_iterations: iterations, ..TIGHT }, &mut Watch::default());
        assert_eq!((report.residual_norm, report.true_residual_norm), (history[iterations], None));
        assert!((residual(&a, &b, &x) - history[iterations]).abs() < 1e-12 * norm(&b));
    }
}

/// In f32 the recurrence goes on to zero where the true residual cannot follow.
#[test]
fn a_recurrence_that_drifts_is_found_out() {
    let n = 60;
    let mut a = Dense::<f32>::definite(n, 23);
    (0..n).for_each(|i| a.data[i * n + i] += if i < 3 { 3e4 } else { 0.0 });
    let b = numbers::<f32>(n, 24);
    let stopping = Stopping { relative: 1e-6, absolute: 0.0, max_iterations: 1000 };
    let mut x = vec![0.0; n];
    let trusted = watched(&a, &b, &mut x, stopping, &mut Watch { check: Check::Report, ..Watch::default() });
    let truth = trusted.true_residual_norm.unwrap();
    assert_eq!(trusted.status, Status::Converged, "{trusted:?}");
    assert!(truth > 4.0 * trusted.residual_norm, "{truth} {}", trusted.residual_norm);
    assert!((truth - residual(&a, &b, &x)).abs() <= 1e-3 * truth);
    x.fill(0.0);
    let checked = watched(&a, &b, &mut x, stopping, &mut Watch { check: Check::Insist, ..Watch::default() });
    assert_eq!(checked.status, Status::Stagnated, "{checked:?}");
    assert_eq!(Some(checked.residual_norm), checked.true_residual_norm);
    // What can be reached is reached, and then it is true.
    x.fill(0.0);
    let checked = watched(&a, &b, &mut x, Stopping { relative: 1e-2, ..stopping }, &mut Watch { check: Check::Insist, ..Watch::default() });
    assert_eq!(checked.status, Status::Converged);
    assert!(residual(&a, &b, &x) <= 1.01e-2 * norm(&b));
}

#[test]
fn stagnation_is_told_from_the_limit() {
    // Nothing in the range of A reaches the second entry of b, whose residual stays.
    let a = Dense::new(2, vec![1.0, 0.0, 0.0, 1e-40]);
    let mut x = [1.0, 0.0];
    let report = watched(&a, &[1.0, 1e-25], &mut x, Stopping { relative: 0.0, absolute: 1e-30, max_iterations: 50 }, &mut Watch::default());
    assert_eq!(report.status, Status::Converged, "a tiny pivot is a pivot: {report:?}");
    // An operator that answers with noise: residuals do not fall.
    struct Noisy(Cell<u64>);
    impl LinearOperator<f64> for Noisy {
        fn dim(&self) -> usize {
            4
        }
        fn apply(&self, _: Level, x: &[f64], y: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
            self.0.set(self.0.get() + 1);
            let noise = numbers::<f64>(4, self.0.get());
            y.iter_mut().zip(x).zip(noise).for_each(|((y, x), e)| *y = x * (1.5 + e));
            Ok(())
        }
    }
    let mut scratch = [0.0; conjugate_gradient_scratch_len(4, 0, 0)];
    let mut watch = Watch { patience: 2, ..Watch::default() };
    let stopping = Stopping { relative: 1e-30, absolute: 0.0, max_iterations: 100_000 };
    let (mut x, noisy) = ([0.0; 4], Noisy(Cell::new(7)));
    let report =
        conjugate_gradient_watched(Level::detect(), &noisy, &Identity, &[1.0, 2.0, 3.0, 4.0], &mut x, stopping, &mut watch, &mut scratch)
            .unwrap();
    assert_eq!(report.status, Status::Stagnated);
    assert!(report.iterations < 1000);
    // x at its last bit: tighter than that the recurrence may say, but x no longer moves.
    let a = Dense::<f32>::definite(30, 25);
    let b = numbers::<f32>(30, 26);
    let mut x = vec![0.0; 30];
    let report = watched(&a, &b, &mut x, Stopping { relative: 1e-30, absolute: 0.0, max_iterations: 100_000 }, &mut Watch::default());
    assert_eq!(report.status, Status::Stagnated);
    assert!(report.iterations < 1000 && residual(&a, &b, &x) < 1e-4 * norm(&b));
}

/// A diagonal matrix, and a start that is exact in one huge entry: the others are solved beside it.
fn beside_a_huge_entry<T: Float>(n: usize, place: usize, huge: f64) -> (Dense<T>, Vec<T>, Vec<T>) {
    let entry = |k: usize| if k / n == k % n { T::from_f64((k / n + 1) as f64) } else { T::ZERO };
    let a = Dense::new(n, (0..n * n).map(entry).collect());
    let mut x = vec![T::ZERO; n];
    x[place] = T::from_f64(huge);
    let b = (0..n).map(|i| if i == place { a.data[i * n + i] * x[i] } else { a.data[i * n + i] }).collect();
    (a, b, x)
}

fn stagnates_after_three<T: Float>(huge: f64) {
    let n = 37;
    let stopping = Stopping { relative: 0.0, absolute: 1e-3, max_iterations: 1000 };
    for (level, place) in levels().flat_map(|level| (0..n).map(move |place| (level, place))) {
        let (a, b, start) = beside_a_huge_entry::<T>(n, place, huge);
        let report = solve(level, &a, &Identity, &b, &mut start.clone(), stopping);
        assert_eq!((report.status, report.iterations), (Status::Stagnated, 3), "{level} place {place}");
        let j = Tall(n, n, a.data);
        let stopping = LeastSquaresStopping { relative: 0.0, gradient: 0.0, max_iterations: 1000 };
        let mut scratch = dirty(least_squares_scratch_len(n, n, DEMANDED));
        let report = least_squares(level, &j, &b, 0.0, &mut start.clone(), stopping, &mut scratch).unwrap();
        assert_eq!((report.status, report.iterations), (Status::Stagnated, 3), "{level} place {place}, least squares");
    }
}

/// Steps that are lost in the last bit of x: three in turn end it, wherever in x the huge number stands.
#[test]
fn three_steps_below_the_precision_of_x_end_it() {
    stagnates_after_three::<f64>(2f64.powi(90));
    stagnates_after_three::<f32>(2f64.powi(50));
}

/// Steps a hundred times as large as the last bit of x are steps.
#[test]
fn small_steps_beside_a_huge_entry_count() {
    let n = 40;
    let stopping = Stopping { relative: 0.0, absolute: 1e-3, max_iterations: 1000 };
    for (level, place) in levels().flat_map(|level| (0..n).map(move |place| (level, place))) {
        let (a, b, mut x) = beside_a_huge_entry::<f64>(n, place, 2f64.powi(34));
        let report = solve(level, &a, &Identity, &b, &mut x, stopping);
        assert_eq!(report.status, Status::Converged, "{level} place {place}: {report:?}");
        assert!(x.iter().enumerate().all(|(i, x)| i == place || (x - 1.0).abs() <= 1e-3), "{level} place {place}");
    }
}

/// A recomputed residual begins anew, and so does the counting of steps that are lost in x: two before it and one behind it are not three.
#[test]
fn a_residual_that_was_recomputed_forgets_lost_steps() {
    /// diag(1, 2, 5), but for a product whose last two entries are too large by a tenth.
    struct LiesOnce(Cell<usize>);
    impl LinearOperator<f64> for LiesOnce {
        fn dim(&self) -> usize {
            3
        }
        fn apply(&self, _: Level, x: &[f64], y: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
            self.0.set(self.0.get() + 1);
            let by = if self.0.get() == 4 { 0.1 } else { 0.0 };
            y.copy_from_slice(&[x[0], 2.0 * x[1] + by, 5.0 * x[2] + by]);
            Ok(())
        }
    }
    let huge = 2f64.powi(90);
    for level in levels() {
        let (mut x, mut scratch) = ([huge, 0.0, 0.0], [0.0; conjugate_gradient_scratch_len(3, 0, 0)]);
        let stopping = Stopping { relative: 0.0, absolute: 1e-6, max_iterations: 50 };
        let mut watch = Watch { check: Check::Insist, ..Watch::default() };
        let a = LiesOnce(Cell::new(0));
        let report =
            conjugate_gradient_watched(level, &a, &Identity, &[huge, 1.0, 1.0], &mut x, stopping, &mut watch, &mut scratch).unwrap();
        // The first residual, two steps, the lie; two steps, and the truth, no better than the lie; once more for the report.
        assert_eq!((report.status, report.iterations, a.0.get()), (Status::Stagnated, 4, 8), "{level}");
    }
}

/// The first residual is smaller than the second: patience of one step ends there, patience of two sees the third.
#[test]
fn patience_counts_the_steps_since_the_smallest_residual() {
    let a = Dense::new(2, vec![1.0, 0.0, 0.0, 100.0]);
    let b = [10.0, 1.0];
    for (patience, wanted) in [(1, (Status::Stagnated, 1)), (2, (Status::Converged, 2)), (0, (Status::Converged, 2))] {
        let mut history = [0.0; 2];
        let mut watch = Watch { patience, history: &mut history, ..Watch::default() };
        let report = watched(&a, &b, &mut [0.0; 2], TIGHT, &mut watch);
        assert_eq!((report.status, report.iterations), wanted, "patience {patience}");
        assert!(history[1] > history[0]);
    }
}

/// A smallest residual that falls all the time is never old; one that is reached again is as old as the first time.
#[test]
fn patience_follows_the_smallest_residual() {
    let a = Dense::<f64>::definite(40, 27);
    let report = watched(&a, &numbers(40, 28), &mut [0.0; 40], TIGHT, &mut Watch { patience: 8, ..Watch::default() });
    assert!(report.status == Status::Converged && report.iterations > 20, "{report:?}");
    // (2, 1), then (1, -2), to the bit.
    let a = Dense::new(2, vec![1.0, 0.0, 0.0, 6.0]);
    let report = watched(&a, &[2.0, 1.0], &mut [0.0; 2], TIGHT, &mut Watch { patience: 1, ..Watch::default() });
    assert_eq!((report.status, report.iterations), (Status::Stagnated, 1));
}

/// A product, from what it is of.
type Product = fn(&[f64]) -> Vec<f64>;

/// An operator whose products somebody wrote down.
struct Told<'a>(usize, Cell<usize>, &'a [Product]);
impl LinearOperator<f64> for Told<'_> {
    fn dim(&self) -> usize {
        self.0
    }
    fn apply(&self, _: Level, x: &[f64], y: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
        y.copy_from_slice(&self.2[self.1.get()](x));
        self.1.set(self.1.get() + 1);
        Ok(())
    }
}

/// What conjugate gradients make of such an operator, and x.
fn told<const N: usize>(b: [f64; N], check: Check, products: &[Product]) -> (Report, [f64; N]) {
    let (mut x, mut scratch) = ([0.0; N], vec![0.0; conjugate_gradient_scratch_len(N, 0, 0)]);
    let (operator, mut watch) = (Told(N, Cell::new(0), products), Watch { check, ..Watch::default() });
    let level = Level::detect();
    let report = conjugate_gradient_watched(level, &operator, &Identity, &b, &mut x, TIGHT, &mut watch, &mut scratch).unwrap();
    assert_eq!(operator.1.get(), products.len(), "as many products as were written down: {report:?}");
    (report, x)
}

/// p times c, and s |p| in a direction of its own: the angle between p and its product is s / c.
fn aside(p: &[f64], c: f64, s: f64, k: usize) -> Vec<f64> {
    (0..p.len()).map(|i| c * p[i] + if i == k { s * norm(p) } else { 0.0 }).collect()
}

/// Where a product is orthogonal to what it is of, within rounding, x stays at the last good one.
#[test]
fn curvatures_within_rounding_of_zero_are_a_breakdown() {
    // The first direction: alone.
    let (report, x) = told([1.0, 0.0], Check::Trust, &[|p| aside(p, 1e-17, 1.0, 1)]);
    assert_eq!((report.status, report.iterations, x), (Status::Breakdown, 0, [0.0; 2]));
    // Negative, too: nothing is shown.
    let (report, x) = told([1.0, 0.0], Check::Trust, &[|p| aside(p, -1e-17, 1.0, 1)]);
    assert_eq!((report.status, report.iterations, x), (Status::Breakdown, 0, [0.0; 2]));
    let (report, _) = told([1.0, 0.0], Check::Trust, &[|p| aside(p, -1e-15, 1.0, 1)]);
    assert_eq!(report.status, Status::IndefiniteOperator);
    // The third one, after steps of 1 and 1e6.
    let products: [Product; 3] = [|p| aside(p, 1.0, 1.0, 1), |p| aside(p, 5e-7, 5e-7, 2), |p| aside(p, 1e-10, 1e7, 3)];
    let (report, _) = told([1.0, 0.0, 0.0, 0.0], Check::Trust, &products);
    assert_eq!((report.status, report.iterations), (Status::Breakdown, 2));
    // A product whose square overflows is not orthogonal for that.
    let (report, x) = told([1.0, 0.0], Check::Trust, &[|p| vec![1e200 * p[0], 0.0]]);
    assert_eq!((report.status, x), (Status::Converged, [1e-200, 0.0]));
}

/// Steps of a usual length along directions that are nearly orthogonal to their products: the residual grows beyond what any operator
/// could do.
#[test]
fn a_residual_that_grows_beyond_reason_stagnates() {
    let products: [Product; 2] = [|p| aside(p, 1.0, 1e10, 1), |p| aside(p, 0.5e-20, 1.0, 2)];
    let (report, _) = told([1.0, 0.0, 0.0], Check::Trust, &products);
    assert_eq!((report.status, report.iterations), (Status::Stagnated, 2));
    assert!(report.residual_norm > 1e16);
}

/// A recomputed residual that halved goes on, and is compared with the one recomputed before, or the first.
#[test]
fn a_recomputed_residual_has_to_halve() {
    // 1 -> 0, which is 1/2 in truth -> 0.
    let products: [Product; 4] = [|p| p.into(), |_| vec![0.5], |p| p.into(), |_| vec![1.0]];
    let (report, x) = told([1.0], Check::Insist, &products);
    assert_eq!((report.status, report.true_residual_norm, x), (Status::Converged, Some(0.0), [1.5]));
    let (report, _) = told([1.0], Check::Insist, &[|p| p.into(), |_| vec![0.49], |_| vec![0.49]]);
    assert_eq!((report.status, report.residual_norm), (Status::Stagnated, 0.51));
    // A step to a residual of 0.33 lies between: it is not what 0.4 is compared with.
    let two = |p: &[f64]| vec![p[0], 2.0 * p[1]];
    let far = |_: &[f64]| vec![0.6, 1.0];
    let right = |_: &[f64]| vec![1.0, 1.0];
    let (report, _) = told([1.0, 1.0], Check::Insist, &[two, two, far, two, right]);
    assert_eq!(report.status, Status::Converged);
}

/// Several right-hand sides whose residuals are recomputed: each its own, to the bits of it alone.
#[test]
fn residuals_of_several_are_recomputed_each_for_itself() {
    let (n, k) = (30, 3);
    let a = Dense::<f32>::definite(n, 29);
    let b = numbers::<f32>(n * k, 30);
    let stopping = Stopping { relative: 1e-3, ..TIGHT };
    for level in levels() {
        let (mut x, mut columns) = (vec![0.0; n * k], vec![Column::default(); k]);
        let mut scratch = dirty(conjugate_gradient_rows_scratch_len(n, k, DEMANDED, 0));
        let mut watch = Watch { check: Check::Insist, ..Watch::default() };
        let (rows, solution) = (MatRef::new(&b, k, n).unwrap(), MatMut::new(&mut x, k, n).unwrap());
        conjugate_gradient_rows(level, &a, &Identity, rows, solution, stopping, &mut watch, &mut columns, &mut scratch).unwrap();
        for (i, column) in columns.iter().enumerate() {
            let (b, mut alone) = (&b[i * n..(i + 1) * n], vec![0.0; n]);
            let mut watch = Watch { check: Check::Insist, ..Watch::default() };
            let mut scratch = dirty(conjugate_gradient_scratch_len(n, DEMANDED, 0));
            let report = conjugate_gradient_watched(level, &a, &Identity, b, &mut alone, stopping, &mut watch, &mut scratch).unwrap();
            assert_eq!((column.report(), &x[i * n..(i + 1) * n]), (report, &alone[..]), "{level} row {i}");
            assert_eq!(report.status, Status::Converged);
        }
    }
}

/// Lost steps are told by their length, not by that of the direction or the factor.
#[test]
fn lost_steps_are_measured_by_their_length() {
    let n = 5;
    for scale in [1e-16, 1e-8, 1e8, 1e16] {
        let (mut a, mut b, start) = beside_a_huge_entry::<f64>(n, 2, 2f64.powi(34));
        a.data.iter_mut().chain(&mut b).for_each(|x| *x *= scale);
        let report =
            solve(Level::detect(), &a, &Identity, &b, &mut start.clone(), Stopping { relative: 0.0, absolute: 1e-3 * scale, ..TIGHT });
        assert_eq!(report.status, Status::Converged, "scale {scale}");
        let (mut a, mut b, start) = beside_a_huge_entry::<f64>(n, 2, 2f64.powi(90));
        a.data.iter_mut().chain(&mut b).for_each(|x| *x *= scale);
        let report =
            solve(Level::detect(), &a, &Identity, &b, &mut start.clone(), Stopping { relative: 0.0, absolute: 1e-3 * scale, ..TIGHT });
        assert_eq!((report.status, report.iterations), (Status::Stagnated, 3), "scale {scale}");
        // Least squares: a column of zeros holds the huge entry.
        let j: Vec<f64> = (0..n * n).map(|k| if k / n == k % n && k / n != 2 { scale * (k / n + 1) as f64 } else { 0.0 }).collect();
        let b: Vec<f64> = (0..n).map(|i| if i == 2 { 0.0 } else { scale * (i + 1) as f64 }).collect();
        let stopping = LeastSquaresStopping { relative: 1e-9, gradient: 0.0, max_iterations: 100 };
        for (huge, wanted) in [(2f64.powi(90), Status::Stagnated), (2f64.powi(34), Status::Converged)] {
            let (mut x, mut scratch) = ([0.0, 0.0, huge, 0.0, 0.0], dirty(least_squares_scratch_len(n, n, DEMANDED)));
            let report = least_squares(Level::detect(), &Tall(n, n, j.clone()), &b, 0.0, &mut x, stopping, &mut scratch).unwrap();
            assert_eq!(report.status, wanted, "scale {scale}");
        }
    }
}

/// A preconditioner that answers zero ends it before the product, and one that says nothing of several vectors gets its scratch for each.
#[test]
fn preconditioners_are_asked_as_they_say() {
    struct Zero;
    impl Preconditioner<f64> for Zero {
        fn scratch_len(&self) -> usize {
            7
        }
        fn precondition(&self, _: Level, _: &[f64], z: &mut [f64], scratch: &mut [f64]) -> Result<(), Error> {
            assert!(scratch.len() >= 7);
            z.fill(0.0);
            Ok(())
        }
    }
    assert_eq!(Zero.rows_scratch_len(3), 7);
    let a = Dense::<f64>::definite(4, 33);
    let mut scratch = dirty(conjugate_gradient_scratch_len(4, DEMANDED, 7));
    let report = conjugate_gradient(Level::detect(), &a, &Zero, &[1.0; 4], &mut [0.0; 4], TIGHT, &mut scratch).unwrap();
    assert_eq!((report.status, a.products.get()), (Status::Breakdown, 0));
    // No unknowns, in columns: nothing lies apart.
    let (none, mut columns) = (MatRef::<f64>::new(&[], 0, 2).unwrap().t(), [Column::default(); 2]);
    let to = MatMut::new(&mut [], 2, 0).unwrap();
    let nothing = Dense::<f64>::new(0, vec![]);
    let mut scratch = dirty(conjugate_gradient_rows_scratch_len(0, 2, DEMANDED, 0));
    conjugate_gradient_rows(Level::detect(), &nothing, &Identity, none, to, TIGHT, &mut Watch::default(), &mut columns, &mut scratch)
        .unwrap();
    assert!(format!("{:?}", Watch { patience: 12, ..Watch::default() }).contains("12"));
}

/// Of several right-hand sides the callback hears of the one that has the largest share of its own size left.
#[test]
fn the_callback_hears_of_the_worst() {
    let (n, k) = (30, 4);
    let a = Dense::<f64>::definite(n, 61);
    let mut b = numbers::<f64>(n * k, 62);
    b.iter_mut().enumerate().for_each(|(at, b)| *b *= [1e3, 1.0, 1e-4, 30.0][at / n]);
    // An easy one: an eigenvector, nearly.
    let easy = {
        let mut v = numbers::<f64>(n, 63);
        (0..200).for_each(|_| {
            let w = a.times(&v);
            let size = norm(&w);
            v = w.iter().map(|x| x / size).collect();
        });
        v
    };
    b[2 * n..3 * n].iter_mut().zip(&easy).for_each(|(b, v)| *b = 1e-4 * v);
    let courses: Vec<Vec<f64>> = b
        .chunks(n)
        .map(|b| {
            let mut history = [f64::NAN; 200];
            let report = watched(&a, b, &mut vec![0.0; n], TIGHT, &mut Watch { history: &mut history, ..Watch::default() });
            assert_eq!(report.status, Status::Converged);
            history[..=report.iterations].to_vec()
        })
        .collect();
    let mut told = 0;
    let mut callback = |now: &Iteration| {
        let share = |i: &usize| courses[*i][now.iterations] / courses[*i][0];
        let unfinished: Vec<usize> = (0..k).filter(|&i| courses[i].len() > now.iterations).collect();
        let worst = unfinished.iter().copied().max_by(|i, j| share(i).total_cmp(&share(j))).unwrap();
        assert_eq!((now.unfinished, now.residual_norm), (unfinished.len(), courses[worst][now.iterations]), "{}", now.iterations);
        assert!((now.rhs_norm - norm(&b[worst * n..(worst + 1) * n])).abs() <= 1e-12 * now.rhs_norm);
        told += 1;
        ControlFlow::Continue(())
    };
    let (mut x, mut columns) = (vec![0.0; n * k], [Column::default(); 4]);
    let mut scratch = dirty(conjugate_gradient_rows_scratch_len(n, k, DEMANDED, 0));
    let mut watch = Watch { callback: Some(&mut callback), ..Watch::default() };
    let (rows, solution) = (MatRef::new(&b, k, n).unwrap(), MatMut::new(&mut x, k, n).unwrap());
    conjugate_gradient_rows(Level::detect(), &a, &Identity, rows, solution, TIGHT, &mut watch, &mut columns, &mut scratch).unwrap();
    let (longest, shortest) = (courses.iter().map(Vec::len).max().unwrap(), courses.iter().map(Vec::len).min().unwrap());
    assert!(told == longest && shortest < longest / 2, "{told} {longest} {shortest}");
}

/// Each right-hand side goes its own way: the same bits as alone, and no product after its end.
#[test]
fn several_right_hand_sides_are_each_alone() {
    for (n, k) in [(33, 4), (1, 3), (0, 2), (7, 0), (50, 1)] {
        let a = Dense::<f64>::definite(n, 31);
        let diagonal: Vec<f64> = (0..n).map(|i| a.data[i * n + i]).collect();
        let mut b = numbers::<f64>(n * k, 32);
        if let Some(row) = b.chunks_mut(n.max(1)).nth(1) {
            row.fill(0.0); // finished at once
        }
        if let Some(row) = b.chunks_mut(n.max(1)).nth(2) {
            row[0] = f64::NAN;
        }
        for level in levels() {
            let m = Jacobi::new(&diagonal, 1).unwrap();
            let (mut x, mut columns, mut history) = (vec![0.0; n * k], vec![Column::default(); k], vec![f64::NAN; 3 * k]);
            let mut scratch = dirty(conjugate_gradient_rows_scratch_len(n, k, DEMANDED, 0));
            a.products.set(0);
            let mut watch = Watch { history: &mut history, check: Check::Report, ..Watch::default() };
            let (rows, solution) = (MatRef::new(&b, k, n).unwrap(), MatMut::new(&mut x, k, n).unwrap());
            conjugate_gradient_rows(level, &a, &m, rows, solution, TIGHT, &mut watch, &mut columns, &mut scratch).unwrap();
            let products: usize = columns.iter().map(|column| column.report().iterations + 1).sum();
            assert_eq!(a.products.get(), products, "one more for each true residual");
            for (i, column) in columns.iter().enumerate() {
                let mut alone = vec![0.0; n];
                let b = &b[i * n..(i + 1) * n];
                let wanted = solve(level, &a, &m, b, &mut alone, TIGHT);
                let found = Report { true_residual_norm: None, ..column.report() };
                if found.status == Status::NotFinite {
                    assert_eq!(wanted.status, Status::NotFinite);
                    continue;
                }
                assert_eq!(found, wanted, "{level} n={n} right-hand side {i}");
                assert_eq!(x[i * n..(i + 1) * n], alone);
                assert!(column.report().true_residual_norm.unwrap() <= 1.1e-10 * norm(b));
                assert_eq!(history[i], wanted.rhs_norm);
                assert!(n < 5 || (history[2 * k + i] == wanted.residual_norm) == (wanted.iterations == 0), "finished: its last one");
            }
        }
    }
}

#[test]
fn a_shared_factor_is_the_exact_inverse_for_every_output() {
    let (n, outputs) = (20, 3);
    for level in levels() {
        let a = Dense::<f64>::definite(n, 41);
        let mut factor = a.data.clone();
        blas::cholesky(level, MatMut::new(&mut factor, n, n).unwrap(), &mut vec![0.0; blas::cholesky_scratch_len(n)]).unwrap();
        let m = SharedCholesky::new(MatRef::new(&factor, n, n).unwrap(), outputs).unwrap();
        struct Outputs<'a>(&'a Dense<f64>, usize);
        impl LinearOperator<f64> for Outputs<'_> {
            fn dim(&self) -> usize {
                self.0.n * self.1
            }
            fn apply(&self, _: Level, x: &[f64], y: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
                for c in 0..self.1 {
                    let x: Vec<f64> = x.iter().skip(c).step_by(self.1).copied().collect();
                    y.iter_mut().skip(c).step_by(self.1).zip(self.0.times(&x)).for_each(|(y, p)| *y = p);
                }
                Ok(())
            }
        }
        let b = numbers::<f64>(n * outputs, 42);
        let mut x = vec![0.0; n * outputs];
        let mut scratch = dirty(conjugate_gradient_scratch_len(n * outputs, 0, blas::cholesky_solve_scratch_len(n)));
        let report = conjugate_gradient(level, &Outputs(&a, outputs), &m, &b, &mut x, TIGHT, &mut scratch).unwrap();
        assert_eq!((report.status, report.iterations), (Status::Converged, 1));
        let diagonal: Vec<f64> = (0..n).map(|i| a.data[i * n + i]).collect();
        let mut z = vec![0.0; n * outputs];
        Jacobi::new(&diagonal, outputs).unwrap().precondition(level, &b, &mut z, &mut []).unwrap();
        assert!(z.iter().zip(&b).enumerate().all(|(i, (z, b))| *z == b / diagonal[i / outputs]));
    }
    assert!(matches!(Jacobi::new(&[1.0, 0.0], 1), Err(Error::Value { .. })));
    assert!(matches!(Jacobi::new(&[1.0, f32::NAN], 1), Err(Error::Value { .. })));
    let singular = [1.0f32, 0.0, 0.0, 0.0];
    assert!(matches!(SharedCholesky::new(MatRef::new(&singular, 2, 2).unwrap(), 1), Err(Error::Value { .. })));
    let endless = [1.0f32, 0.0, 0.0, f32::INFINITY];
    assert!(matches!(SharedCholesky::new(MatRef::new(&endless, 2, 2).unwrap(), 1), Err(Error::Value { .. })));
    assert!(matches!(SharedCholesky::new(MatRef::new(&singular, 4, 1).unwrap(), 1), Err(Error::Length { .. })));
    let short = Jacobi::new(&[1.0f32], 2).unwrap().precondition(Level::detect(), &[1.0; 3], &mut [0.0; 3], &mut []);
    assert_eq!(short, Err(Error::Length { what: "Jacobi: r", expected: 2, found: 3 }));
}

/// rows x cols, dense.
struct Tall<T>(usize, usize, Vec<T>);

impl<T: Float> TallOperator<T> for Tall<T> {
    fn rows(&self) -> usize {
        self.0
    }
    fn cols(&self) -> usize {
        self.1
    }
    fn scratch_len(&self) -> usize {
        DEMANDED
    }
    fn apply(&self, _: Level, x: &[T], y: &mut [T], scratch: &mut [T]) -> Result<(), Error> {
        scratch[..DEMANDED].fill(T::from_f64(f64::NAN));
        y.iter_mut().enumerate().for_each(|(i, y)| *y = (0..self.1).map(|j| self.2[i * self.1 + j] * x[j]).sum());
        Ok(())
    }
    fn apply_transpose(&self, _: Level, y: &[T], x: &mut [T], scratch: &mut [T]) -> Result<(), Error> {
        scratch[..DEMANDED].fill(T::from_f64(f64::NAN));
        x.iter_mut().enumerate().for_each(|(j, x)| *x = (0..self.0).map(|i| self.2[i * self.1 + j] * y[i]).sum());
        Ok(())
    }
}

#[test]
fn least_squares_finds_the_damped_minimiser() {
    for (rows, cols) in [(40, 7), (7, 40), (1, 1), (12, 12), (3, 0), (0, 3)] {
        for (level, damping) in levels().flat_map(|level| [(level, 0.0), (level, 0.3)]) {
            let j = Tall(rows, cols, numbers::<f64>(rows * cols, 51));
            let b = numbers::<f64>(rows, 52);
            let mut x = vec![0.0; cols];
            let mut scratch = dirty(least_squares_scratch_len(rows, cols, DEMANDED));
            let stopping = LeastSquaresStopping { relative: 1e-13, gradient: 1e-11, max_iterations: 400 };
            let report = least_squares(level, &j, &b, damping, &mut x, stopping, &mut scratch).unwrap();
            assert_eq!(report.status, Status::Converged, "{level} {rows} x {cols}");
            let mut left = vec![0.0; rows];
            j.apply(level, &x, &mut left, &mut scratch).unwrap();
            left.iter_mut().zip(&b).for_each(|(l, b)| *l = b - *l);
            assert!((norm(&left) - report.residual_norm).abs() <= 1e-12 * (1.0 + norm(&b)));
            let mut gradient = vec![0.0; cols];
            j.apply_transpose(level, &left, &mut gradient, &mut scratch).unwrap();
            gradient.iter_mut().zip(&x).for_each(|(g, x)| *g -= damping * x);
            assert!(norm(&gradient) <= 1e-9, "{level} {rows} x {cols} damping {damping}: {gradient:?}");
            if rows < cols && damping == 0.0 {
                // The shortest solution is orthogonal to the null space, so it is J^T of something: J J^T y = b, x = J^T y.
                assert!(norm(&left) <= 1e-10);
                let longer = numbers::<f64>(cols, 53);
                let mut start = longer.clone();
                least_squares(level, &j, &b, 0.0, &mut start, stopping, &mut scratch).unwrap();
                assert!(norm(&start) > norm(&x));
                let along: f64 = start.iter().zip(&x).map(|(s, x)| (s - x) * x).sum();
                assert!(along.abs() < 1e-9, "what another start adds is orthogonal to it");
            }
        }
    }
}

/// As many steps as there are unknowns, from any start and with any damping.
#[test]
fn least_squares_from_any_start_needs_no_more_steps() {
    for (rows, cols) in [(40, 1), (40, 5), (9, 3)] {
        for (level, damping) in levels().flat_map(|level| [0.0, 0.3, 40.0].map(|damping| (level, damping))) {
            let j = Tall(rows, cols, numbers::<f64>(rows * cols, 51));
            let b = numbers::<f64>(rows, 52);
            let mut scratch = dirty(least_squares_scratch_len(rows, cols, DEMANDED));
            let stopping = LeastSquaresStopping { relative: 0.0, gradient: 1e-9, max_iterations: 400 };
            let mut solutions = [vec![0.0; cols], numbers::<f64>(cols, 53)];
            for x in &mut solutions {
                let report = least_squares(level, &j, &b, damping, x, stopping, &mut scratch).unwrap();
                assert_eq!(report.status, Status::Converged);
                assert!(report.iterations <= cols, "{level} {rows} x {cols} damping {damping}: {}", report.iterations);
            }
            assert!(solutions[0].iter().zip(&solutions[1]).all(|(a, b)| (a - b).abs() <= 1e-7), "one minimiser");
        }
    }
}

#[test]
fn least_squares_tells_its_failures_apart() {
    let level = Level::detect();
    let run = |data: [f32; 2], b: [f32; 2], damping: f64, stopping: LeastSquaresStopping| {
        let mut scratch = dirty(least_squares_scratch_len(2, 1, DEMANDED));
        least_squares(level, &Tall(2, 1, data.to_vec()), &b, damping, &mut [0.0], stopping, &mut scratch).map(|report| report.status)
    };
    let stopping = LeastSquaresStopping { relative: 1e-6, gradient: 1e-6, max_iterations: 5 };
    assert_eq!(run([1.0, 2.0], [1.0, 2.0], 0.0, stopping), Ok(Status::Converged));
    assert_eq!(run([1.0, 2.0], [1.0, 2.0], 0.0, LeastSquaresStopping { max_iterations: 0, ..stopping }), Ok(Status::IterationLimit));
    assert_eq!(run([f32::NAN, 2.0], [1.0, 2.0], 0.0, stopping), Ok(Status::NotFinite));
    assert_eq!(run([1e-13, 0.0], [1.0, 2.0], 0.0, LeastSquaresStopping { gradient: 0.0, ..stopping }), Ok(Status::Breakdown));
    // The step, 4e38, is no number.
    assert_eq!(run([5e-20, 0.0], [1e19, 0.0], 0.0, LeastSquaresStopping { gradient: 0.0, ..stopping }), Ok(Status::Breakdown));
    // Nothing in the range of J comes nearer: the gradient is zero, and that is as flat as was asked for.
    assert_eq!(run([1.0, 0.0], [0.0, 1.0], 0.0, LeastSquaresStopping { gradient: 0.0, ..stopping }), Ok(Status::Converged));
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(run([1.0, 2.0], [1.0, 2.0], bad, stopping), Err(Error::Value { .. })), "{bad}");
    }
    assert!(matches!(run([1.0, 2.0], [1.0, 2.0], 0.0, LeastSquaresStopping { relative: f64::NAN, ..stopping }), Err(Error::Value { .. })));
}

/// A tolerance is a share of |b|, whatever its size, and what is not finite never is small enough.
#[test]
fn least_squares_tolerance_is_a_share_of_b() {
    let (rows, cols) = (20, 20);
    let j = Tall(rows, cols, numbers::<f64>(rows * cols, 61));
    for scale in [1e-3, 1.0, 1e3] {
        let b: Vec<f64> = numbers::<f64>(rows, 62).iter().map(|b| scale * b).collect();
        let run = |relative: f64, max_iterations: usize| {
            let mut scratch = dirty(least_squares_scratch_len(rows, cols, DEMANDED));
            let stopping = LeastSquaresStopping { relative, gradient: 0.0, max_iterations };
            least_squares(Level::detect(), &j, &b, 0.0, &mut vec![0.0; cols], stopping, &mut scratch).unwrap()
        };
        let report = run(0.3, 400);
        assert_eq!(report.status, Status::Converged);
        assert!(report.residual_norm <= 0.3 * norm(&b));
        let before = run(0.0, report.iterations - 1);
        assert!(before.residual_norm > 0.3 * norm(&b), "no step too many");
    }
    let mut scratch = dirty(least_squares_scratch_len(1, 1, DEMANDED));
    let stopping = LeastSquaresStopping { relative: 1e-6, gradient: 1e-6, max_iterations: 9 };
    let report = least_squares(Level::detect(), &Tall(1, 1, vec![1e-30f32]), &[1e30], 0.0, &mut [0.0], stopping, &mut scratch).unwrap();
    assert_eq!(report.status, Status::NotFinite, "|b|^2 is not a number");
}

/// Where the residual is large, the last steps lower it by less than a ten-thousandth; they count.
#[test]
fn least_squares_goes_on_while_the_gradient_falls() {
    let (rows, cols) = (60, 12);
    for (level, seed) in levels().flat_map(|level| (0..10).map(move |seed| (level, seed))) {
        let (j, b) = (Tall(rows, cols, numbers::<f32>(rows * cols, seed)), numbers::<f32>(rows, 64));
        let (mut x, mut scratch) = (vec![0.0; cols], dirty(least_squares_scratch_len(rows, cols, DEMANDED)));
        let stopping = LeastSquaresStopping { relative: 0.0, gradient: 3e-5, max_iterations: 100 };
        let report = least_squares(level, &j, &b, 0.0, &mut x, stopping, &mut scratch).unwrap();
        assert!(report.status == Status::Converged && report.residual_norm > 1.0, "{level} seed {seed}: {report:?}");
    }
}

/// Asked for a gradient of zero, it ends where the gradient is rounding, near the minimiser and not behind it.
#[test]
fn least_squares_stops_at_rounding() {
    let (rows, cols) = (12, 4);
    for (level, seed) in levels().flat_map(|level| (0..20).map(move |seed| (level, seed))) {
        for scale in [1e-3f32, 1.0, 1e3] {
            let j = Tall(rows, cols, numbers::<f32>(rows * cols, seed));
            let b: Vec<f32> = numbers::<f32>(rows, 63).iter().map(|b| scale * b).collect();
            let (mut x, mut scratch) = (vec![0.0; cols], dirty(least_squares_scratch_len(rows, cols, DEMANDED)));
            let stopping = LeastSquaresStopping { relative: 0.0, gradient: 0.0, max_iterations: 2000 };
            let report = least_squares(level, &j, &b, 0.0, &mut x, stopping, &mut scratch).unwrap();
            assert!(matches!(report.status, Status::Stagnated | Status::Converged), "{level} seed {seed}: {report:?}");
            let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
            let (j, b, x, mut least) = (Tall(rows, cols, wide(&j.2)), wide(&b), wide(&x), vec![0.0; cols]);
            let (stopping, mut scratch) =
                (LeastSquaresStopping { gradient: 1e-10, ..stopping }, dirty(least_squares_scratch_len(rows, cols, DEMANDED)));
            least_squares(level, &j, &b, 0.0, &mut least, stopping, &mut scratch).unwrap();
            let left = |x: &[f64]| {
                let mut y = vec![0.0; rows];
                j.apply(level, x, &mut y, &mut vec![0.0; DEMANDED]).unwrap();
                norm(&y.iter().zip(&b).map(|(y, b)| b - y).collect::<Vec<_>>())
            };
            assert!(left(&x) <= 1.01 * left(&least), "{level} seed {seed} scale {scale}: {} of {}", left(&x), left(&least));
        }
    }
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
