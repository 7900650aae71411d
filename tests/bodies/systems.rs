//! Systems with dense definite matrices: conjugate gradients, their preconditioners, and steps of a fixed length.

use super::bounds::{Sum, gamma};
use super::source::{Kind, Source, is_wide};
use subquad::blas::{self, Definite};
use subquad::cg::{self, Check, Identity, LinearOperator, Preconditioner, Report, SharedCholesky, Status, Stopping, Watch};
use subquad::simd::Float;
use subquad::sketch::{Bounds, FixedStep, Sketched, fixed_step, fixed_step_scratch_len};
use subquad::{Error, Level, MatMut, MatRef};

/// Of a symmetric matrix all numbers.
struct Dense<T>(Vec<T>, usize);

impl<T: Float> LinearOperator<T> for Dense<T> {
    fn dim(&self) -> usize {
        self.1
    }
    fn apply(&self, _: Level, x: &[T], y: &mut [T], _: &mut [T]) -> Result<(), Error> {
        y.iter_mut().zip(self.0.chunks(self.1.max(1))).for_each(|(y, row)| *y = row.iter().zip(x).map(|(&a, &x)| a * x).sum());
        Ok(())
    }
}

const RELATIVE: f64 = 1e-2;
const SHAPE: &str = "as many numbers as the shape says";

/// Matrices with no eigenvalue below 1 - rounding, of a condition below 1601: everybody converges in the iterations that theory allows, and
/// what reports say of residuals is true.
pub fn systems(bytes: &[u8]) {
    if is_wide(bytes) { of_numbers::<f64>(bytes) } else { of_numbers::<f32>(bytes) }
}

fn of_numbers<T: Float>(bytes: &[u8]) {
    let mut source = Source(bytes);
    let n = source.below(41);
    let rank = source.below(n + 1);
    let most = source.below(400);
    let above = 1.0 + f64::from(source.byte()) / 16.0;
    let kind = if source.byte().is_multiple_of(2) { Kind::Exact } else { Kind::Rough };
    let rows = source.numbers::<T>(n * rank, kind);
    let b = source.numbers::<T>(n, kind);
    // B B^T / 64 of numbers below 8, and that on the diagonal.
    let entry = |i: usize, j: usize| {
        let inner: f64 = (0..rank).map(|k| rows[i * rank + k].to_f64() * rows[j * rank + k].to_f64()).sum();
        T::from_f64(inner / 64.0 + if i == j { above } else { 0.0 })
    };
    let a = Dense((0..n * n).map(|at| entry(at / n, at % n)).collect(), n);
    let stopping = Stopping { relative: RELATIVE, absolute: 0.0, max_iterations: most };
    for level in Level::available() {
        let unset = T::from_f64(f64::NAN);
        let mut l = a.0.clone();
        let mut scratch = vec![unset; blas::cholesky_scratch_len(n)];
        let found = blas::cholesky(level, MatMut::new(&mut l, n, n).expect(SHAPE), &mut scratch).expect("square");
        assert_eq!(found, Definite::Yes, "{level}: {above} and more on the diagonal");
        let factor = MatRef::new(&l, n, n).expect(SHAPE);
        // After k iterations 2 sqrt(1601) (39 / 41)^k of the residual is left, at most: less than a hundredth after 180.
        solve(level, &a, &Identity, &b, stopping, 250, "alone");
        // The factor's product is off by n eps of the matrix: a step or two.
        solve(level, &a, &SharedCholesky::new(factor, 1).expect("positive"), &b, stopping, 4, "with the factor");

        let sketched = Sketched::new(factor, 64 * n, 1).expect("positive");
        for (step, enough) in [(FixedStep::Unit, 4), (FixedStep::Within(Bounds { low: 0.5, high: 2.0 }), 20)] {
            // Of all eigenvalues 1 little but 1 - 2 / (0.5^2 + 2^2) is left, 0.53.
            let mut g = vec![T::ZERO; n];
            let mut scratch = vec![unset; fixed_step_scratch_len(n, 0, Preconditioner::<T>::scratch_len(&sketched))];
            let report = fixed_step(level, &a, &sketched, step, &b, &mut g, stopping, &mut scratch).expect("lengths fit");
            judge(level, &report, stopping, enough, "a fixed step");
            check_residual(level, &a, &b, &g, report.residual_norm, "a fixed step");
        }
    }
}

fn solve<T: Float>(level: Level, a: &Dense<T>, m: &impl Preconditioner<T>, b: &[T], stopping: Stopping, enough: usize, what: &str) {
    let n = a.1;
    for check in [Check::Report, Check::Insist] {
        let (mut x, mut history) = (vec![T::ZERO; n], vec![-1.0; 401]);
        let mut scratch = vec![T::from_f64(f64::NAN); cg::conjugate_gradient_scratch_len(n, 0, m.scratch_len())];
        let mut watch = Watch { history: &mut history, callback: None, check, patience: 0 };
        let report = cg::conjugate_gradient_watched(level, a, m, b, &mut x, stopping, &mut watch, &mut scratch).expect("lengths fit");
        judge(level, &report, stopping, enough, what);
        let anew = report.true_residual_norm.expect("asked for");
        check_residual(level, a, b, &x, anew, what);
        if check == Check::Insist && report.status == Status::Converged {
            assert!(anew <= RELATIVE * report.rhs_norm, "{level} {what}: {anew} of {} is not converged", report.rhs_norm);
        }
    }
}

fn judge(level: Level, report: &Report, stopping: Stopping, enough: usize, what: &str) {
    assert!(report.iterations <= stopping.max_iterations, "{level} {what}");
    match report.status {
        Status::Converged => assert!(report.residual_norm <= RELATIVE * report.rhs_norm, "{level} {what}: {report:?}"),
        Status::IterationLimit => {
            assert!(stopping.max_iterations < enough && report.iterations == stopping.max_iterations, "{level} {what}: {report:?}")
        }
        _ => panic!("{level} {what}: {report:?} of a definite matrix"),
    }
}

/// `|b - A x|` as it is computed: n products and sums, a difference; then a norm.
fn check_residual<T: Float>(level: Level, a: &Dense<T>, b: &[T], x: &[T], found: f64, what: &str) {
    let n = a.1;
    let (mut square, mut doubt) = (0.0, 0.0);
    for (i, b) in b.iter().enumerate() {
        let mut row = Sum::of((0..n).map(|k| (a.0[i * n + k].to_f64(), -x[k].to_f64())));
        row.add(b.to_f64());
        square += row.value.powi(2);
        doubt += row.allowed::<T>(n + 2).powi(2);
    }
    let (wanted, allowed) = (square.sqrt(), doubt.sqrt() * (1.0 + gamma::<T>(n + 4)) + gamma::<T>(n + 4) * square.sqrt());
    assert!((found - wanted).abs() <= allowed, "{level} {what}: |b - A x| is {wanted}, said {found}, allowed {allowed:e}");
}
