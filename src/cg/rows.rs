//! Several right-hand sides at once; and the iteration itself, of which one right-hand side is a case.

use super::step::{inner, move_along};
use super::{Check, Iteration, LinearOperator, Preconditioner, Report, Status, Stopping, Watch};
use crate::blas::{axpy, norm_squared, xpby};
use crate::error::{Error, expect_contiguous, expect_length, expect_tolerance};
use crate::matrix::{MatMut, MatRef};
use crate::scratch::{all_of, any_of, area, copy, part, part_mut, take};
use crate::simd::{Float, Level};

/// Steps in turn that leave x as it was, after which the iteration has stagnated.
const IDLE: u8 = 3;

/// One right-hand side's course: the room that [`conjugate_gradient_rows`] wants for each.
///
/// ```
/// use subquad::cg::{Column, Status};
///
/// // Room for ten right-hand sides; nothing has been found out yet.
/// let columns = [Column::default(); 10];
/// assert_eq!(columns[0].report().status, Status::IterationLimit);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Column {
    status: Option<Status>,
    iterations: usize,
    residual_norm: f64,
    rhs_norm: f64,
    true_residual_norm: Option<f64>,
    /// Its row in r, p and q.
    seat: usize,
    /// `<r, M^-1 r>`; 0 where the next direction forgets those before it.
    rho: f64,
    /// Steps in turn that left x as it was.
    idle: u8,
    /// The smallest residual so far, and when it was.
    best: (f64, usize),
    /// The last residual that was recomputed.
    checked: f64,
    /// The shortest step so far, as a multiple of its direction; 0 before the first.
    shortest: f64,
}

impl Column {
    /// What was found out about this right-hand side.
    ///
    /// ```
    /// use subquad::cg::Column;
    ///
    /// assert_eq!(Column::default().report().iterations, 0);
    /// ```
    pub fn report(&self) -> Report {
        Report {
            status: self.status.unwrap_or(Status::IterationLimit),
            iterations: self.iterations,
            residual_norm: self.residual_norm,
            rhs_norm: self.rhs_norm,
            true_residual_norm: self.true_residual_norm,
        }
    }
}

/// Scratch of [`conjugate_gradient_rows`], in elements: four vectors for each right-hand side, and what the operator
/// or the preconditioner needs for all of them.
///
/// ```
/// assert_eq!(subquad::cg::conjugate_gradient_rows_scratch_len(100, 3, 50, 70), 4 * 3 * 100 + 70);
/// ```
pub const fn conjugate_gradient_rows_scratch_len(dim: usize, rows: usize, operator: usize, preconditioner: usize) -> usize {
    all_of(&[area(area(4, rows), dim), any_of(&[operator, preconditioner])])
}

/// Solves `A x = b` for every row b of B, starting from the rows of X: one product with all of them per step.
///
/// Each right-hand side has coefficients of its own, and drops out when it is finished, so that the products become
/// smaller. (A block method with one matrix of coefficients would need fewer steps where right-hand sides share
/// eigenvectors, but k x k systems that become singular just when one of them converges; with the preconditioners of
/// this crate the steps are few as they are.)
///
/// # Shapes
/// B and X k x dim, one right-hand side in each row; `columns` has one element for each, which may hold anything before.
///
/// # Errors
/// As [`conjugate_gradient`](super::conjugate_gradient); scratch is [`conjugate_gradient_rows_scratch_len`]`(dim, k,
/// operator.rows_scratch_len(k), preconditioner.rows_scratch_len(k))`. What became of each is in its [`Column`].
///
/// # Numerics
/// The same bits as one after the other, provided that the operator's and the preconditioner's rows are.
///
/// ```
/// use subquad::cg::{self, Column, Identity, LinearOperator, Status, Stopping, Watch};
/// use subquad::{Error, Level, MatMut, MatRef};
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
/// let b = [1.0, 1.0, 1.0, 0.0, 2.0, 0.0];
/// let (mut x, mut columns) = ([0.0; 6], [Column::default(); 2]);
/// let mut scratch = [0.0; cg::conjugate_gradient_rows_scratch_len(3, 2, 0, 0)];
/// let stopping = Stopping { relative: 1e-12, absolute: 0.0, max_iterations: 3 };
/// let (b, a) = (MatRef::new(&b, 2, 3)?, Diagonal([1.0, 2.0, 4.0]));
/// let solution = MatMut::new(&mut x, 2, 3)?;
/// cg::conjugate_gradient_rows(Level::detect(), &a, &Identity, b, solution, stopping, &mut Watch::default(), &mut columns, &mut scratch)?;
/// assert_eq!(columns.map(|c| (c.report().status, c.report().iterations)), [(Status::Converged, 3), (Status::Converged, 1)]);
/// assert!((x[2] - 0.25).abs() < 1e-12 && x[3..] == [0.0, 1.0, 0.0]);
/// # Ok::<(), Error>(())
/// ```
pub fn conjugate_gradient_rows<T: Float>(
    level: Level,
    operator: &impl LinearOperator<T>,
    preconditioner: &impl Preconditioner<T>,
    b: MatRef<'_, T>,
    x: MatMut<'_, T>,
    stopping: Stopping,
    watch: &mut Watch<'_>,
    columns: &mut [Column],
    scratch: &mut [T],
) -> Result<(), Error> {
    let (n, rows) = (operator.dim(), b.rows());
    expect_length("conjugate_gradient_rows: columns of B", n, b.cols())?;
    expect_length("conjugate_gradient_rows: rows of X", rows, x.rows())?;
    expect_length("conjugate_gradient_rows: columns of X", n, x.cols())?;
    expect_length("conjugate_gradient_rows: reports", rows, columns.len())?;
    if n > 0 {
        expect_contiguous("conjugate_gradient_rows: column stride of B", b.col_stride())?;
    }
    check_tolerances(stopping)?;
    let need = (operator.rows_scratch_len(rows), preconditioner.rows_scratch_len(rows));
    let (scratch, _) = take(scratch, conjugate_gradient_rows_scratch_len(n, rows, need.0, need.1))?;
    let system = System {
        product: |p: MatRef<'_, T>, q: MatMut<'_, T>, scratch: &mut [T]| operator.apply_rows(level, p, q, scratch),
        precondition: |r: MatRef<'_, T>, z: MatMut<'_, T>, scratch: &mut [T]| preconditioner.precondition_rows(level, r, z, scratch),
        identity: preconditioner.is_identity(),
    };
    iterate(level, system, b, x, stopping, watch, columns, scratch)
}

pub(super) fn check_tolerances(stopping: Stopping) -> Result<(), Error> {
    expect_tolerance("conjugate_gradient: relative tolerance", stopping.relative)?;
    expect_tolerance("conjugate_gradient: absolute tolerance", stopping.absolute)
}

/// What is solved: a product and a preconditioner of several rows.
pub(super) struct System<P, M> {
    pub product: P,
    pub precondition: M,
    pub identity: bool,
}

/// The iteration, its arguments checked.
pub(super) fn iterate<T: Float, P, M>(
    level: Level,
    mut system: System<P, M>,
    b: MatRef<'_, T>,
    mut x: MatMut<'_, T>,
    stopping: Stopping,
    watch: &mut Watch<'_>,
    columns: &mut [Column],
    scratch: &mut [T],
) -> Result<(), Error>
where
    P: FnMut(MatRef<'_, T>, MatMut<'_, T>, &mut [T]) -> Result<(), Error>,
    M: FnMut(MatRef<'_, T>, MatMut<'_, T>, &mut [T]) -> Result<(), Error>,
{
    let (rows, n) = (b.rows(), b.cols());
    let all = area(rows, n);
    let (r, scratch) = take(scratch, all)?;
    let (p, scratch) = take(scratch, all)?;
    let (q, scratch) = take(scratch, all)?;
    let (z, scratch) = take(scratch, all)?;
    let norm = |v: &[T]| crate::Real::sqrt(norm_squared(level, v).to_f64());

    for (i, column) in columns.iter_mut().enumerate() {
        let (b, x, r) = (b.row(i).unwrap_or_default(), x.row(i).unwrap_or_default(), part_mut(r, i * n, n));
        copy(b, r);
        if x.iter().any(|&x| x != T::ZERO) {
            (system.product)(MatRef::new(x, 1, n)?, MatMut::new(part_mut(q, 0, n), 1, n)?, scratch)?;
            axpy(level, -T::ONE, part(q, 0, n), r)?;
        }
        let residual_norm = norm(r);
        *column =
            Column { residual_norm, rhs_norm: norm(b), seat: i, best: (residual_norm, 0), checked: f64::INFINITY, ..Column::default() };
    }
    let mut iterations = 0;
    loop {
        if let Some(to) = watch.history.get_mut(iterations * rows..).and_then(|rest| rest.get_mut(..rows)) {
            to.iter_mut().zip(columns.iter()).for_each(|(to, column)| *to = column.residual_norm);
        }
        let stop = tell(watch, columns, iterations);
        for (i, column) in columns.iter_mut().enumerate().filter(|(_, column)| column.status.is_none()) {
            let enough = (stopping.relative * column.rhs_norm).max(stopping.absolute);
            if column.residual_norm <= enough && watch.check == Check::Insist {
                // Said to be converged: is it?
                let (b, x) = (b.row(i).unwrap_or_default(), x.row(i).unwrap_or_default());
                (system.product)(MatRef::new(x, 1, n)?, MatMut::new(part_mut(q, 0, n), 1, n)?, scratch)?;
                let r = part_mut(r, column.seat * n, n);
                copy(b, r);
                axpy(level, -T::ONE, part(q, 0, n), r)?;
                column.residual_norm = norm(r);
                column.true_residual_norm = Some(column.residual_norm);
                column.rho = 0.0;
                column.idle = 0;
            }
            if column.residual_norm < column.best.0 {
                column.best = (column.residual_norm, iterations);
            }
            column.status = if !column.residual_norm.is_finite() {
                Some(Status::NotFinite)
            } else if column.residual_norm <= enough {
                Some(Status::Converged)
            } else if (column.rho == 0.0 && column.residual_norm > 0.5 * column.checked)
                || column.residual_norm * T::EPSILON.to_f64() > column.best.0
                || column.idle >= IDLE
                || (watch.patience > 0 && iterations - column.best.1 >= watch.patience)
            {
                Some(Status::Stagnated)
            } else if iterations >= stopping.max_iterations {
                Some(Status::IterationLimit)
            } else if stop {
                Some(Status::Stopped)
            } else {
                None
            };
            if column.rho == 0.0 {
                column.checked = column.residual_norm;
            }
        }
        let mut active = gather(columns, n, r, p);
        if active == 0 {
            break;
        }
        if !system.identity {
            let (r, z) = (MatRef::new(part(r, 0, active * n), active, n)?, MatMut::new(part_mut(z, 0, active * n), active, n)?);
            (system.precondition)(r, z, scratch)?;
        }
        for column in columns.iter_mut().filter(|column| column.status.is_none()) {
            let (r, p) = (part(r, column.seat * n, n), part_mut(p, column.seat * n, n));
            let z = if system.identity { r } else { part(z, column.seat * n, n) };
            let rho = inner(level, r, z);
            if !(rho > 0.0 && rho.is_finite()) {
                column.status = Some(if !rho.is_finite() {
                    Status::NotFinite
                } else if rho < 0.0 {
                    Status::IndefinitePreconditioner
                } else {
                    Status::Breakdown
                });
                continue;
            }
            if column.rho == 0.0 {
                copy(z, p);
            } else {
                xpby(level, z, T::from_f64(rho / column.rho), p)?;
            }
            column.rho = rho;
        }
        active = gather(columns, n, r, p);
        if active == 0 {
            break;
        }
        (system.product)(MatRef::new(part(p, 0, active * n), active, n)?, MatMut::new(part_mut(q, 0, active * n), active, n)?, scratch)?;
        iterations += 1;
        for (i, column) in columns.iter_mut().enumerate().filter(|(_, column)| column.status.is_none()) {
            let (p, q, r) = (part(p, column.seat * n, n), part(q, column.seat * n, n), part_mut(r, column.seat * n, n));
            let (curvature, eps) = (inner(level, p, q), T::EPSILON.to_f64());
            let alpha = T::from_f64(column.rho / curvature);
            let length = alpha.to_f64();
            // Only looked at where the lengths of the steps tell of a condition number beyond 1 / sqrt(eps).
            let flat = || {
                let most = crate::Real::sqrt(inner(level, p, p)) * crate::Real::sqrt(inner(level, q, q));
                most.is_finite() && curvature.abs() <= eps * most
            };
            column.status = if !curvature.is_finite() {
                Some(Status::NotFinite)
            } else if !alpha.is_finite() || (length.abs() * crate::Real::sqrt(eps) > column.shortest && flat()) {
                Some(Status::Breakdown)
            } else if curvature < 0.0 {
                Some(Status::IndefiniteOperator)
            } else {
                None
            };
            if column.status.is_some() {
                continue;
            }
            let norms = move_along(level, alpha, p, q, x.row(i).unwrap_or_default(), r);
            column.residual_norm = crate::Real::sqrt(norms.r.to_f64());
            column.iterations = iterations;
            let (step, size) = ((alpha * alpha).to_f64() * norms.p.to_f64(), norms.x.to_f64());
            column.shortest = if column.shortest > 0.0 { column.shortest.min(length) } else { length };
            column.idle = if size.is_finite() && step <= 0.25 * eps * eps * size { column.idle + 1 } else { 0 };
        }
    }
    if watch.check != Check::Trust {
        for (i, column) in columns.iter_mut().enumerate() {
            let (b, x) = (b.row(i).unwrap_or_default(), x.row(i).unwrap_or_default());
            if watch.check == Check::Insist && column.status == Some(Status::Converged) {
                continue;
            }
            (system.product)(MatRef::new(x, 1, n)?, MatMut::new(part_mut(q, 0, n), 1, n)?, scratch)?;
            let r = part_mut(r, 0, n);
            copy(b, r);
            axpy(level, -T::ONE, part(q, 0, n), r)?;
            column.true_residual_norm = Some(norm(r));
        }
    }
    Ok(())
}

/// Tells the callback where the iteration stands; whether it wants to stop.
fn tell(watch: &mut Watch<'_>, columns: &[Column], iterations: usize) -> bool {
    let Some(callback) = &mut watch.callback else { return false };
    let unfinished = columns.iter().filter(|column| column.status.is_none());
    let share = |column: &Column| column.residual_norm / column.rhs_norm.max(f64::MIN_POSITIVE);
    let Some(worst) = unfinished.clone().max_by(|a, b| share(a).total_cmp(&share(b))) else { return false };
    let (residual_norm, rhs_norm) = (worst.residual_norm, worst.rhs_norm);
    callback(&Iteration { iterations, residual_norm, rhs_norm, unfinished: unfinished.count() }).is_break()
}

/// Moves the rows of what is not finished together, and counts it.
fn gather<T: Float>(columns: &mut [Column], n: usize, r: &mut [T], p: &mut [T]) -> usize {
    let mut seat = 0;
    for column in columns.iter_mut().filter(|column| column.status.is_none()) {
        if column.seat != seat {
            let from = column.seat * n;
            for v in [&mut *r, &mut *p] {
                // Seats move forward only: the new one ends where the old one begins, or before.
                if let Some((before, row)) = v.split_at_mut_checked(from) {
                    copy(row, part_mut(before, seat * n, n));
                }
            }
            column.seat = seat;
        }
        seat += 1;
    }
    seat
}
