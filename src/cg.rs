//! The conjugate-gradient method, preconditioned, in the caller's memory, with a truthful report.

use crate::blas::{axpy, dot, norm_squared, xpby};
use crate::error::{Error, expect_length};
use crate::scratch::{all_of, any_of, area, take};
use crate::simd::{Float, Level};

/// A symmetric positive definite matrix, known by what it does to a vector.
pub trait LinearOperator<T: Float> {
    /// Rows, and columns.
    fn dim(&self) -> usize;

    /// Scratch of [`apply`](Self::apply), in elements.
    fn scratch_len(&self) -> usize {
        0
    }

    /// `y <- A x`. The buffers have [`dim`](Self::dim) elements; y may hold anything before.
    ///
    /// # Errors
    /// Whatever makes the product impossible; [`conjugate_gradient`] hands it on.
    fn apply(&self, level: Level, x: &[T], y: &mut [T], scratch: &mut [T]) -> Result<(), Error>;
}

/// A symmetric positive definite approximation of a matrix's inverse.
pub trait Preconditioner<T: Float> {
    /// Scratch of [`precondition`](Self::precondition), in elements.
    fn scratch_len(&self) -> usize {
        0
    }

    /// `z <- M^-1 r`. The buffers have as many elements as the operator has rows; z may hold anything before.
    ///
    /// # Errors
    /// Whatever makes it impossible; [`conjugate_gradient`] hands it on.
    fn precondition(&self, level: Level, r: &[T], z: &mut [T], scratch: &mut [T]) -> Result<(), Error>;
}

/// No preconditioner: M = I.
#[derive(Clone, Copy, Debug, Default)]
pub struct Identity;

impl<T: Float> Preconditioner<T> for Identity {
    fn precondition(&self, _: Level, r: &[T], z: &mut [T], _: &mut [T]) -> Result<(), Error> {
        expect_length("precondition: z", r.len(), z.len())?;
        z.copy_from_slice(r);
        Ok(())
    }
}

/// When to stop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stopping {
    /// Converged when `|r| <= relative |b|`.
    pub relative: f64,
    /// Converged when `|r| <= absolute`.
    pub absolute: f64,
    /// Products with the operator at most, not counting the one that a start other than zero costs.
    pub max_iterations: usize,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// The residual is as small as was asked for.
    Converged,
    /// It is not, after as many iterations as were allowed.
    IterationLimit,
    /// A direction p with `<p, A p> <= 0` turned up: the operator is not positive definite. x is the last good one.
    IndefiniteOperator,
    /// A residual r with `<r, M^-1 r> <= 0` turned up: the preconditioner is not positive definite.
    IndefinitePreconditioner,
    /// NaN or infinity turned up: in the data, from the operator, or by overflow. x is of no use.
    NotFinite,
}

/// What the iteration found out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// How it ended.
    pub status: Status,
    /// Products with the operator that led to x.
    pub iterations: usize,
    /// `|r|` of the x that is handed back, as the recurrence has it: the last one, never the first.
    pub residual_norm: f64,
    /// `|b|`.
    pub rhs_norm: f64,
}

/// Scratch of [`conjugate_gradient`], in elements: four vectors, and what the operator or the preconditioner needs.
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
/// Inner products as in [`dot`], scalars in f64. The residual follows the recurrence, which drifts from the true one
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
    let n = operator.dim();
    expect_length("conjugate_gradient: b", n, b.len())?;
    expect_length("conjugate_gradient: x", n, x.len())?;
    if !(stopping.relative >= 0.0 && stopping.absolute >= 0.0) {
        return Err(Error::value("conjugate_gradient: tolerance", "a number, and not negative"));
    }
    let (scratch, _) = take(scratch, conjugate_gradient_scratch_len(n, operator.scratch_len(), preconditioner.scratch_len()))?;
    let (r, scratch) = take(scratch, n)?;
    let (z, scratch) = take(scratch, n)?;
    let (p, scratch) = take(scratch, n)?;
    let (q, scratch) = take(scratch, n)?;

    r.copy_from_slice(b);
    if x.iter().any(|&x| x != T::ZERO) {
        operator.apply(level, x, q, scratch)?;
        axpy(level, -T::ONE, q, r)?;
    }
    let norm = |v: &[T]| libm::sqrt(norm_squared(level, v).to_f64());
    let rhs_norm = norm(b);
    let enough = (stopping.relative * rhs_norm).max(stopping.absolute);
    let mut residual_norm = norm(r);
    let mut iterations = 0;
    let mut rho = 0.0f64;
    let status = loop {
        if !residual_norm.is_finite() {
            break Status::NotFinite;
        }
        if residual_norm <= enough {
            break Status::Converged;
        }
        if iterations == stopping.max_iterations {
            break Status::IterationLimit;
        }
        preconditioner.precondition(level, r, z, scratch)?;
        let next = dot(level, r, z)?.to_f64();
        if !next.is_finite() {
            break Status::NotFinite;
        }
        if next <= 0.0 {
            break Status::IndefinitePreconditioner;
        }
        if iterations == 0 {
            p.copy_from_slice(z);
        } else {
            xpby(level, z, T::from_f64(next / rho), p)?;
        }
        rho = next;
        operator.apply(level, p, q, scratch)?;
        let curvature = dot(level, p, q)?.to_f64();
        if !curvature.is_finite() {
            break Status::NotFinite;
        }
        if curvature <= 0.0 {
            break Status::IndefiniteOperator;
        }
        let alpha = T::from_f64(rho / curvature);
        if !alpha.is_finite() {
            break Status::NotFinite;
        }
        axpy(level, alpha, p, x)?;
        axpy(level, -alpha, q, r)?;
        residual_norm = norm(r);
        iterations += 1;
    };
    Ok(Report { status, iterations, residual_norm, rhs_norm })
}
