//! One right-hand side.

use super::rows::{Column, System, check_tolerances, iterate};
use super::{LinearOperator, Preconditioner, Report, Stopping, Watch};
use crate::error::{Error, expect_length};
use crate::matrix::{MatMut, MatRef};
use crate::scratch::{all_of, any_of, area, take};
use crate::simd::{Float, Level};

/// Scratch of [`conjugate_gradient`], in elements: four vectors, and what the operator or the preconditioner needs.
///
/// ```
/// // The operator and the preconditioner never work at the same time.
/// assert_eq!(subquad::cg::conjugate_gradient_scratch_len(100, 50, 70), 4 * 100 + 70);
/// ```
pub const fn conjugate_gradient_scratch_len(dim: usize, operator: usize, preconditioner: usize) -> usize {
    all_of(&[area(4, dim), any_of(&[operator, preconditioner])])
}

/// Solves `A x = b`, starting from the x that is handed over.
///
/// # Shapes
/// b and x have as many elements as the operator has rows. Where x is zero throughout, the first residual costs no
/// product.
///
/// # Errors
/// [`Error::Length`] where lengths disagree, [`Error::TooShort`] if scratch is less than
/// [`conjugate_gradient_scratch_len`]`(dim, operator.scratch_len(), preconditioner.scratch_len())`, [`Error::Value`] if
/// a tolerance is negative or not a number, and whatever the operator or the preconditioner return. Not to converge
/// is a report, not an error.
///
/// # Numerics
/// Inner products as in [`dot`](crate::blas::dot), scalars in f64. The residual follows the recurrence, which drifts from the true one
/// by about `iterations * eps * |A| |x|`.
///
/// # Cost
/// Per iteration one product, one preconditioner, 10 dim flops.
///
/// # Source
/// Hestenes and Stiefel, 1952, in the form of Saad, *Iterative Methods for Sparse Linear Systems*, algorithm 9.1.
///
/// ```
/// use subquad::cg::{self, Identity, LinearOperator, Status, Stopping};
/// use subquad::{Error, Level};
///
/// struct Diagonal([f64; 3]);
/// impl LinearOperator<f64> for Diagonal {
///     fn dim(&self) -> usize {
///         3
///     }
///     fn apply(&self, _: Level, x: &[f64], y: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
///         y.iter_mut().zip(x).zip(&self.0).for_each(|((y, x), d)| *y = d * x);
///         Ok(())
///     }
/// }
///
/// let mut x = [0.0; 3];
/// let mut scratch = [0.0; cg::conjugate_gradient_scratch_len(3, 0, 0)];
/// let stopping = Stopping { relative: 1e-12, absolute: 0.0, max_iterations: 3 };
/// let a = Diagonal([1.0, 2.0, 4.0]);
/// let report = cg::conjugate_gradient(Level::detect(), &a, &Identity, &[1.0; 3], &mut x, stopping, &mut scratch)?;
/// assert_eq!((report.status, report.iterations), (Status::Converged, 3));
/// assert!((x[2] - 0.25).abs() < 1e-12);
/// # Ok::<(), Error>(())
/// ```
pub fn conjugate_gradient<T: Float>(
    level: Level,
    operator: &impl LinearOperator<T>,
    preconditioner: &impl Preconditioner<T>,
    b: &[T],
    x: &mut [T],
    stopping: Stopping,
    scratch: &mut [T],
) -> Result<Report, Error> {
    conjugate_gradient_watched(level, operator, preconditioner, b, x, stopping, &mut Watch::default(), scratch)
}

/// [`conjugate_gradient`] with a [`Watch`] on it.
///
/// # Errors
/// As [`conjugate_gradient`].
///
/// ```
/// use core::ops::ControlFlow;
/// use subquad::cg::{self, Check, Identity, LinearOperator, Status, Stopping, Watch};
/// use subquad::{Error, Level};
///
/// struct Diagonal([f32; 3]);
/// impl LinearOperator<f32> for Diagonal {
///     fn dim(&self) -> usize {
///         3
///     }
///     fn apply(&self, _: Level, x: &[f32], y: &mut [f32], _: &mut [f32]) -> Result<(), Error> {
///         y.iter_mut().zip(x).zip(&self.0).for_each(|((y, x), d)| *y = d * x);
///         Ok(())
///     }
/// }
///
/// let (mut x, mut scratch, mut history) = ([0.0; 3], [0.0; cg::conjugate_gradient_scratch_len(3, 0, 0)], [0.0; 8]);
/// let mut two_are_enough = |now: &cg::Iteration| if now.iterations == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
/// let mut watch = Watch { history: &mut history, callback: Some(&mut two_are_enough), check: Check::Report, patience: 0 };
/// let stopping = Stopping { relative: 1e-6, absolute: 0.0, max_iterations: 9 };
/// let a = Diagonal([1.0, 2.0, 4.0]);
/// let report = cg::conjugate_gradient_watched(Level::detect(), &a, &Identity, &[1.0; 3], &mut x, stopping, &mut watch, &mut scratch)?;
/// assert_eq!((report.status, report.iterations), (Status::Stopped, 2));
/// assert_eq!(history[2], report.residual_norm);
/// assert!((report.true_residual_norm.unwrap() - report.residual_norm).abs() < 1e-6);
/// # Ok::<(), Error>(())
/// ```
pub fn conjugate_gradient_watched<T: Float>(
    level: Level,
    operator: &impl LinearOperator<T>,
    preconditioner: &impl Preconditioner<T>,
    b: &[T],
    x: &mut [T],
    stopping: Stopping,
    watch: &mut Watch<'_>,
    scratch: &mut [T],
) -> Result<Report, Error> {
    let n = operator.dim();
    expect_length("conjugate_gradient: b", n, b.len())?;
    expect_length("conjugate_gradient: x", n, x.len())?;
    check_tolerances(stopping)?;
    let (scratch, _) = take(scratch, conjugate_gradient_scratch_len(n, operator.scratch_len(), preconditioner.scratch_len()))?;
    let system = System {
        product: |p: MatRef<'_, T>, mut q: MatMut<'_, T>, scratch: &mut [T]| {
            operator.apply(level, p.row(0).unwrap_or_default(), q.row(0).unwrap_or_default(), scratch)
        },
        precondition: |r: MatRef<'_, T>, mut z: MatMut<'_, T>, scratch: &mut [T]| {
            preconditioner.precondition(level, r.row(0).unwrap_or_default(), z.row(0).unwrap_or_default(), scratch)
        },
        identity: preconditioner.is_identity(),
    };
    let mut column = [Column::default()];
    iterate(level, system, MatRef::new(b, 1, n)?, MatMut::new(x, 1, n)?, stopping, watch, &mut column, scratch)?;
    Ok(column[0].report())
}
