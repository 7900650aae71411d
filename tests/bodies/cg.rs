//! Conjugate gradients.

use super::bounds::{Sum, gamma};
use super::source::{Kind, Source, is_wide};
use core::ops::ControlFlow;
use subquad::cg::{self, Check, Column, Identity, Iteration, Jacobi, LinearOperator, Preconditioner, Report, Status, Stopping, Watch};
use subquad::simd::Float;
use subquad::{Error, Level, MatMut, MatRef};

struct Diagonal<T>(Vec<T>);
impl<T: Float> LinearOperator<T> for Diagonal<T> {
    fn dim(&self) -> usize {
        self.0.len()
    }
    fn apply(&self, _: Level, x: &[T], y: &mut [T], _: &mut [T]) -> Result<(), Error> {
        y.iter_mut().zip(x).zip(&self.0).for_each(|((y, &x), &d)| *y = d * x);
        Ok(())
    }
}

/// Any diagonal matrix, right-hand sides and preconditioner: it ends, what it says of its residual is true, and several right-hand
/// sides together are each of them alone.
pub fn cg(bytes: &[u8]) {
    if is_wide(bytes) { of_numbers::<f64>(bytes) } else { of_numbers::<f32>(bytes) }
}

fn of_numbers<T: Float>(bytes: &[u8]) {
    let mut source = Source(bytes);
    let (n, sides) = (source.below(70), source.below(4) + 1);
    let kind = source.kind();
    let any = kind == Kind::Any;
    let (a, b) = (Diagonal(source.numbers::<T>(n, kind)), source.numbers::<T>(sides * n, kind));
    let weights: Vec<T> = (0..n).map(|_| T::from_f64(f64::from(source.byte()) + 1.0)).collect();
    let stopping = Stopping { relative: 1e-3, absolute: 0.0, max_iterations: source.below(100) };
    let break_at = source.byte().is_multiple_of(4).then(|| source.below(20));
    for level in Level::available() {
        if weights.first().is_some_and(|&first| first.to_f64() > 128.0) {
            let jacobi = Jacobi::new(&weights, 1).expect("positive");
            solve(level, &a, &jacobi, &b, stopping, break_at, any);
        } else {
            solve(level, &a, &Identity, &b, stopping, break_at, any);
        }
    }
}

fn solve<T: Float>(
    level: Level,
    a: &Diagonal<T>,
    m: &impl Preconditioner<T>,
    b: &[T],
    stopping: Stopping,
    break_at: Option<usize>,
    any: bool,
) {
    let n = a.dim();
    let sides = b.len().checked_div(n).unwrap_or(1);
    let mut alone: Vec<(Vec<T>, Report)> = Vec::new();
    for b in (0..sides).map(|i| &b[i * n..(i + 1) * n]) {
        let (mut x, mut scratch) = (vec![T::ZERO; n], vec![T::from_f64(f64::NAN); cg::conjugate_gradient_scratch_len(n, 0, 0)]);
        let (mut history, mut calls) = (vec![-1.0; 200], 0);
        let mut callback = |now: &Iteration| {
            calls += 1;
            if Some(now.iterations) == break_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let mut watch = Watch { history: &mut history, callback: Some(&mut callback), check: Check::Report, patience: 0 };
        let report = cg::conjugate_gradient_watched(level, a, m, b, &mut x, stopping, &mut watch, &mut scratch).expect("lengths fit");
        judge(level, a, b, &x, &report, stopping, any);
        check_anew(level, a, b, &x, &report);
        assert!(report.status != Status::Stopped || Some(report.iterations) == break_at, "{level}: stopped by nobody");
        assert!(calls <= report.iterations + 1, "{level}: {calls} calls for {} iterations", report.iterations);
        // A product that leads nowhere is the last, and repeats the residual of the one before.
        let nowhere = matches!(report.status, Status::IndefiniteOperator | Status::Breakdown | Status::NotFinite);
        let rest = &history[report.iterations + 1..];
        let rest = if nowhere && rest[0].to_bits() == report.residual_norm.to_bits() { &rest[1..] } else { rest };
        assert!(rest.iter().all(|&x| x == -1.0), "{level}: a history longer than the run");
        alone.push((x, report));
    }
    if break_at.is_some() {
        return;
    }
    let (mut x, mut columns) = (vec![T::ZERO; sides * n], vec![Column::default(); sides]);
    let mut scratch = vec![T::from_f64(f64::NAN); cg::conjugate_gradient_rows_scratch_len(n, sides, 0, 0)];
    let (b, to) = (MatRef::new(b, sides, n).expect("fits"), MatMut::new(&mut x, sides, n).expect("fits"));
    cg::conjugate_gradient_rows(level, a, m, b, to, stopping, &mut Watch::default(), &mut columns, &mut scratch).expect("lengths fit");
    for (i, (column, (wanted, report))) in columns.iter().zip(&alone).enumerate() {
        let together = column.report();
        assert_eq!((together.status, together.iterations), (report.status, report.iterations), "{level}: right-hand side {i} of {sides}");
        let same = x[i * n..].iter().zip(wanted).all(|(a, b)| bytemuck::bytes_of(a) == bytemuck::bytes_of(b) || a.is_nan() && b.is_nan());
        assert!(same, "{level}: right-hand side {i} of {sides}");
    }
}

/// Whether a report says the truth.
fn judge<T: Float>(level: Level, a: &Diagonal<T>, b: &[T], x: &[T], report: &Report, stopping: Stopping, any: bool) {
    assert!(report.iterations <= stopping.max_iterations);
    match report.status {
        Status::Converged => assert!(report.residual_norm <= 1e-3 * report.rhs_norm),
        Status::IterationLimit => assert_eq!(report.iterations, stopping.max_iterations),
        Status::IndefiniteOperator => assert!(a.0.iter().any(|&d| d < T::ZERO), "{level} {:?}", a.0),
        // A direction that only zeros reach, or whose curvatures of both signs make up for each other, or whose square underflows.
        Status::Breakdown => {
            let both = a.0.iter().any(|&d| d < T::ZERO) && a.0.iter().any(|&d| d > T::ZERO);
            assert!(any || both || a.0.contains(&T::ZERO), "{level} {:?}", a.0);
        }
        Status::NotFinite => assert!(any, "{level}: small numbers overflowed"),
        // A part of b that only a tiny or no entry of the diagonal reaches.
        Status::Stagnated => assert!(a.0.iter().any(|&d| d <= T::ONE) || any, "{level} {:?}", a.0),
        Status::Stopped => {}
        other => panic!("{level}: {other:?} with a positive preconditioner"),
    }
    if !any && matches!(report.status, Status::Converged | Status::IterationLimit | Status::Stopped) {
        let truth: f64 = a.0.iter().zip(x).zip(b).map(|((d, x), b)| (b.to_f64() - d.to_f64() * x.to_f64()).powi(2)).sum();
        let drift = 839.0 * T::EPSILON.to_f64() * (report.rhs_norm + 8.0 * x.iter().map(|x| x.abs().to_f64()).sum::<f64>());
        assert!((truth.sqrt() - report.residual_norm).abs() <= drift, "{level}: {} says {}", truth.sqrt(), report.residual_norm);
    }
}

/// `|b - A x|` computed anew: two roundings for each difference, and a sum of n squares with its root.
fn check_anew<T: Float>(level: Level, a: &Diagonal<T>, b: &[T], x: &[T], report: &Report) {
    let found = report.true_residual_norm.expect("asked for");
    let (mut square, mut doubt) = (0.0, 0.0);
    for ((d, x), b) in a.0.iter().zip(x).zip(b) {
        let mut row = Sum::of([(d.to_f64(), -x.to_f64())].into_iter());
        row.add(b.to_f64());
        // Squares in T leave the range long before the numbers do.
        if !(row.size < 1e15 && (row.value == 0.0 || row.value.abs() > 1e-15)) {
            return;
        }
        square += row.value.powi(2);
        doubt += row.allowed::<T>(2).powi(2);
    }
    let (wanted, allowed) = (square.sqrt(), doubt.sqrt() + gamma::<T>(x.len() + 4) * (square.sqrt() + doubt.sqrt()));
    assert!((found - wanted).abs() <= allowed, "{level}: |b - A x| is {wanted}, said {found}, allowed {allowed:e}");
}
