//! Least squares on a matrix itself: only its products and its transpose's are at hand.

use super::Status;
use super::step::inner;
use crate::blas::{axpy, norm_squared, xpby};
use crate::error::{Error, expect_length, expect_not_negative, expect_tolerance};
use crate::scratch::{all_of, take};
use crate::simd::{Float, Level};

/// A matrix of any shape, known by what it and its transpose do to a vector.
///
/// ```
/// use subquad::{Error, Level, cg::TallOperator};
///
/// /// The matrix of one column, (3, 4).
/// struct ThreeFour;
/// impl TallOperator<f64> for ThreeFour {
///     fn rows(&self) -> usize {
///         2
///     }
///     fn cols(&self) -> usize {
///         1
///     }
///     fn apply(&self, _: Level, x: &[f64], y: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
///         (y[0], y[1]) = (3.0 * x[0], 4.0 * x[0]);
///         Ok(())
///     }
///     fn apply_transpose(&self, _: Level, y: &[f64], x: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
///         x[0] = 3.0 * y[0] + 4.0 * y[1];
///         Ok(())
///     }
/// }
/// let (mut y, mut x) = ([0.0; 2], [0.0]);
/// ThreeFour.apply(Level::detect(), &[1.0], &mut y, &mut [])?;
/// ThreeFour.apply_transpose(Level::detect(), &y, &mut x, &mut [])?;
/// assert_eq!(x, [25.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
pub trait TallOperator<T: Float> {
    /// Rows.
    ///
    /// ```
    /// # use subquad::{Error, Level, cg::{self, LeastSquaresStopping, Status, TallOperator}};
    /// # struct ThreeFour;
    /// # impl TallOperator<f64> for ThreeFour {
    /// #     fn rows(&self) -> usize {
    /// #         2
    /// #     }
    /// #     fn cols(&self) -> usize {
    /// #         1
    /// #     }
    /// #     fn apply(&self, _: Level, x: &[f64], y: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
    /// #         (y[0], y[1]) = (3.0 * x[0], 4.0 * x[0]);
    /// #         Ok(())
    /// #     }
    /// #     fn apply_transpose(&self, _: Level, y: &[f64], x: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
    /// #         x[0] = 3.0 * y[0] + 4.0 * y[1];
    /// #         Ok(())
    /// #     }
    /// # }
    /// assert_eq!(ThreeFour.rows(), 2); // the matrix of one column, (3, 4)
    /// ```
    fn rows(&self) -> usize;

    /// Columns.
    ///
    /// ```
    /// # use subquad::{Error, Level, cg::{self, LeastSquaresStopping, Status, TallOperator}};
    /// # struct ThreeFour;
    /// # impl TallOperator<f64> for ThreeFour {
    /// #     fn rows(&self) -> usize {
    /// #         2
    /// #     }
    /// #     fn cols(&self) -> usize {
    /// #         1
    /// #     }
    /// #     fn apply(&self, _: Level, x: &[f64], y: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
    /// #         (y[0], y[1]) = (3.0 * x[0], 4.0 * x[0]);
    /// #         Ok(())
    /// #     }
    /// #     fn apply_transpose(&self, _: Level, y: &[f64], x: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
    /// #         x[0] = 3.0 * y[0] + 4.0 * y[1];
    /// #         Ok(())
    /// #     }
    /// # }
    /// assert_eq!(ThreeFour.cols(), 1); // the matrix of one column, (3, 4)
    /// ```
    fn cols(&self) -> usize;

    /// Scratch of both products, in elements.
    ///
    /// ```
    /// # use subquad::{Error, Level, cg::{self, LeastSquaresStopping, Status, TallOperator}};
    /// # struct ThreeFour;
    /// # impl TallOperator<f64> for ThreeFour {
    /// #     fn rows(&self) -> usize {
    /// #         2
    /// #     }
    /// #     fn cols(&self) -> usize {
    /// #         1
    /// #     }
    /// #     fn apply(&self, _: Level, x: &[f64], y: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
    /// #         (y[0], y[1]) = (3.0 * x[0], 4.0 * x[0]);
    /// #         Ok(())
    /// #     }
    /// #     fn apply_transpose(&self, _: Level, y: &[f64], x: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
    /// #         x[0] = 3.0 * y[0] + 4.0 * y[1];
    /// #         Ok(())
    /// #     }
    /// # }
    /// assert_eq!(ThreeFour.scratch_len(), 0); // unless the operator says otherwise
    /// ```
    fn scratch_len(&self) -> usize {
        0
    }

    /// `y <- J x`; y may hold anything before.
    ///
    /// # Errors
    /// Whatever makes the product impossible; [`least_squares`] hands it on.
    ///
    /// ```
    /// # use subquad::{Error, Level, cg::{self, LeastSquaresStopping, Status, TallOperator}};
    /// # struct ThreeFour;
    /// # impl TallOperator<f64> for ThreeFour {
    /// #     fn rows(&self) -> usize {
    /// #         2
    /// #     }
    /// #     fn cols(&self) -> usize {
    /// #         1
    /// #     }
    /// #     fn apply(&self, _: Level, x: &[f64], y: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
    /// #         (y[0], y[1]) = (3.0 * x[0], 4.0 * x[0]);
    /// #         Ok(())
    /// #     }
    /// #     fn apply_transpose(&self, _: Level, y: &[f64], x: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
    /// #         x[0] = 3.0 * y[0] + 4.0 * y[1];
    /// #         Ok(())
    /// #     }
    /// # }
    /// let mut y = [0.0; 2];
    /// ThreeFour.apply(Level::detect(), &[10.0], &mut y, &mut [])?;
    /// assert_eq!(y, [30.0, 40.0]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn apply(&self, level: Level, x: &[T], y: &mut [T], scratch: &mut [T]) -> Result<(), Error>;

    /// `x <- J^T y`; x may hold anything before.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    ///
    /// ```
    /// # use subquad::{Error, Level, cg::{self, LeastSquaresStopping, Status, TallOperator}};
    /// # struct ThreeFour;
    /// # impl TallOperator<f64> for ThreeFour {
    /// #     fn rows(&self) -> usize {
    /// #         2
    /// #     }
    /// #     fn cols(&self) -> usize {
    /// #         1
    /// #     }
    /// #     fn apply(&self, _: Level, x: &[f64], y: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
    /// #         (y[0], y[1]) = (3.0 * x[0], 4.0 * x[0]);
    /// #         Ok(())
    /// #     }
    /// #     fn apply_transpose(&self, _: Level, y: &[f64], x: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
    /// #         x[0] = 3.0 * y[0] + 4.0 * y[1];
    /// #         Ok(())
    /// #     }
    /// # }
    /// let mut x = [0.0];
    /// ThreeFour.apply_transpose(Level::detect(), &[1.0, 10.0], &mut x, &mut [])?;
    /// assert_eq!(x, [43.0]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn apply_transpose(&self, level: Level, y: &[T], x: &mut [T], scratch: &mut [T]) -> Result<(), Error>;
}

/// When [`least_squares`] stops.
///
/// ```
/// # use subquad::{Error, Level, cg::{self, LeastSquaresStopping, Status, TallOperator}};
/// # struct ThreeFour;
/// # impl TallOperator<f64> for ThreeFour {
/// #     fn rows(&self) -> usize {
/// #         2
/// #     }
/// #     fn cols(&self) -> usize {
/// #         1
/// #     }
/// #     fn apply(&self, _: Level, x: &[f64], y: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
/// #         (y[0], y[1]) = (3.0 * x[0], 4.0 * x[0]);
/// #         Ok(())
/// #     }
/// #     fn apply_transpose(&self, _: Level, y: &[f64], x: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
/// #         x[0] = 3.0 * y[0] + 4.0 * y[1];
/// #         Ok(())
/// #     }
/// # }
/// # let (mut x, mut scratch) = ([0.0], [0.0; cg::least_squares_scratch_len(2, 1, 0)]);
/// // (4, -3) is orthogonal to the only column (3, 4): the gradient is zero from the beginning, the residual stays.
/// let stopping = LeastSquaresStopping { relative: 1e-9, gradient: 1e-9, max_iterations: 9 };
/// let found = cg::least_squares(Level::detect(), &ThreeFour, &[4.0, -3.0], 0.0, &mut x, stopping, &mut scratch)?;
/// assert_eq!((found.status, found.iterations, x), (Status::Converged, 0, [0.0]));
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeastSquaresStopping {
    /// Converged when `|b - J x| <= relative |b|`: for systems that have a solution.
    pub relative: f64,
    /// Converged when the gradient `|J^T (b - J x) - damping x|` is at most this share of the first one: for those that have
    /// none.
    pub gradient: f64,
    /// Pairs of products at most, not counting those that a start other than zero and the first gradient cost.
    pub max_iterations: usize,
}

/// What [`least_squares`] found out.
///
/// ```
/// # use subquad::{Error, Level, cg::{self, LeastSquaresStopping, Status, TallOperator}};
/// # struct ThreeFour;
/// # impl TallOperator<f64> for ThreeFour {
/// #     fn rows(&self) -> usize {
/// #         2
/// #     }
/// #     fn cols(&self) -> usize {
/// #         1
/// #     }
/// #     fn apply(&self, _: Level, x: &[f64], y: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
/// #         (y[0], y[1]) = (3.0 * x[0], 4.0 * x[0]);
/// #         Ok(())
/// #     }
/// #     fn apply_transpose(&self, _: Level, y: &[f64], x: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
/// #         x[0] = 3.0 * y[0] + 4.0 * y[1];
/// #         Ok(())
/// #     }
/// # }
/// # let (mut x, mut scratch) = ([0.0], [0.0; cg::least_squares_scratch_len(2, 1, 0)]);
/// # let stopping = LeastSquaresStopping { relative: 0.0, gradient: 1e-9, max_iterations: 9 };
/// // (10, 5) = 2 (3, 4) + (4, -3) on the column (3, 4): what stays is (4, -3).
/// let found = cg::least_squares(Level::detect(), &ThreeFour, &[10.0, 5.0], 0.0, &mut x, stopping, &mut scratch)?;
/// assert!((x[0] - 2.0).abs() < 1e-12 && (found.residual_norm - 5.0).abs() < 1e-12);
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeastSquares {
    /// How it ended: [`Status::Converged`], [`Status::IterationLimit`], [`Status::Stagnated`] where steps no longer change x
    /// or what is minimised grows (the gradient is rounding alone), [`Status::Breakdown`] where a direction that is not zero
    /// has a product that is, or one so small that no step is a number, or [`Status::NotFinite`].
    pub status: Status,
    /// Pairs of products that led to x.
    pub iterations: usize,
    /// `|b - J x|`, as the recurrence has it.
    pub residual_norm: f64,
    /// `|J^T (b - J x) - damping x|`.
    pub gradient_norm: f64,
}

/// Roundings by which `|b - J x|^2 + damping |x|^2` may exceed its least value so far.
const GROWTH: f64 = 1024.0;

/// Scratch of [`least_squares`], in elements: two vectors of each length, and what the operator needs.
///
/// ```
/// assert_eq!(subquad::cg::least_squares_scratch_len(1000, 20, 7), 2 * 1000 + 2 * 20 + 7);
/// ```
pub const fn least_squares_scratch_len(rows: usize, cols: usize, operator: usize) -> usize {
    all_of(&[rows, rows, cols, cols, operator])
}

/// Minimises `|b - J x|^2 + damping |x|^2`, starting from the x that is handed over; from zero it finds the shortest
/// minimiser.
///
/// # Shapes
/// b has as many elements as J has rows, x as many as it has columns.
///
/// # Errors
/// [`Error::Length`] where lengths disagree, [`Error::TooShort`] if scratch is less than
/// [`least_squares_scratch_len`]`(rows, cols, operator.scratch_len())`, [`Error::Value`] if the damping or a tolerance is
/// negative or not a number, and whatever the operator returns.
///
/// # Numerics
/// The conjugate gradients of `J^T J + damping I` without forming it: residuals are those of J itself, so that the
/// precision of the solution suffers from its condition number, not from its square. Scalars in f64.
///
/// # Cost
/// Per iteration one product with J and one with its transpose.
///
/// # Source
/// CGLS: Hestenes and Stiefel, 1952; Björck, *Numerical Methods for Least Squares Problems*, algorithm 7.4.1.
///
/// ```
/// use subquad::cg::{self, LeastSquaresStopping, Status, TallOperator};
/// use subquad::{Error, Level};
///
/// /// A line through points: value = x0 + x1 t.
/// struct Line([f64; 4]);
/// impl TallOperator<f64> for Line {
///     fn rows(&self) -> usize {
///         4
///     }
///     fn cols(&self) -> usize {
///         2
///     }
///     fn apply(&self, _: Level, x: &[f64], y: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
///         y.iter_mut().zip(&self.0).for_each(|(y, t)| *y = x[0] + x[1] * t);
///         Ok(())
///     }
///     fn apply_transpose(&self, _: Level, y: &[f64], x: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
///         (x[0], x[1]) = (y.iter().sum(), y.iter().zip(&self.0).map(|(y, t)| y * t).sum());
///         Ok(())
///     }
/// }
///
/// let (mut x, mut scratch) = ([0.0; 2], [0.0; cg::least_squares_scratch_len(4, 2, 0)]);
/// let stopping = LeastSquaresStopping { relative: 0.0, gradient: 1e-12, max_iterations: 9 };
/// let j = Line([0.0, 1.0, 2.0, 3.0]);
/// let report = cg::least_squares(Level::detect(), &j, &[1.0, 3.0, 4.0, 4.0], 0.0, &mut x, stopping, &mut scratch)?;
/// assert_eq!((report.status, report.iterations), (Status::Converged, 2));
/// assert!((x[0] - 1.5).abs() < 1e-12 && (x[1] - 1.0).abs() < 1e-12);
/// # Ok::<(), Error>(())
/// ```
pub fn least_squares<T: Float>(
    level: Level,
    operator: &impl TallOperator<T>,
    b: &[T],
    damping: f64,
    x: &mut [T],
    stopping: LeastSquaresStopping,
    scratch: &mut [T],
) -> Result<LeastSquares, Error> {
    let (rows, cols) = (operator.rows(), operator.cols());
    expect_length("least_squares: b", rows, b.len())?;
    expect_length("least_squares: x", cols, x.len())?;
    expect_tolerance("least_squares: relative tolerance", stopping.relative)?;
    expect_tolerance("least_squares: gradient tolerance", stopping.gradient)?;
    expect_not_negative("least_squares: damping", damping)?;
    let (scratch, _) = take(scratch, least_squares_scratch_len(rows, cols, operator.scratch_len()))?;
    let (r, scratch) = take(scratch, rows)?;
    let (q, scratch) = take(scratch, rows)?;
    let (s, scratch) = take(scratch, cols)?;
    let (p, scratch) = take(scratch, cols)?;
    let norm = |v: &[T]| crate::Real::sqrt(norm_squared(level, v).to_f64());
    let minus = T::from_f64(-damping);

    r.copy_from_slice(b);
    if x.iter().any(|&x| x != T::ZERO) {
        operator.apply(level, x, q, scratch)?;
        axpy(level, -T::ONE, q, r)?;
    }
    operator.apply_transpose(level, r, s, scratch)?;
    axpy(level, minus, x, s)?;
    p.copy_from_slice(s);
    let enough = stopping.relative * norm(b);
    let mut gamma = inner(level, s, s);
    let flat = stopping.gradient * crate::Real::sqrt(gamma);
    let mut residual_norm = norm(r);
    let (mut iterations, mut idle) = (0, 0);
    let mut least = f64::INFINITY;
    loop {
        let gradient_norm = crate::Real::sqrt(gamma);
        let end = |status| Ok(LeastSquares { status, iterations, residual_norm, gradient_norm });
        if !(residual_norm.is_finite() && gradient_norm.is_finite()) {
            return end(Status::NotFinite);
        }
        if residual_norm <= enough || gradient_norm <= flat {
            return end(Status::Converged);
        }
        if idle == 3 {
            return end(Status::Stagnated);
        }
        if iterations == stopping.max_iterations {
            return end(Status::IterationLimit);
        }
        // What is minimised never grows, unless the gradient is rounding alone: then directions are too, and would grow
        // without end.
        let before = norm(x);
        let objective = residual_norm * residual_norm + damping * before * before;
        if objective > least * (1.0 + GROWTH * T::EPSILON.to_f64()) {
            return end(Status::Stagnated);
        }
        least = least.min(objective);
        operator.apply(level, p, q, scratch)?;
        let delta = inner(level, q, q) + damping * inner(level, p, p);
        let alpha = T::from_f64(gamma / delta);
        if !delta.is_finite() {
            return end(Status::NotFinite);
        }
        if delta == 0.0 || !alpha.is_finite() {
            return end(Status::Breakdown);
        }
        let step = alpha.abs().to_f64() * norm(p);
        axpy(level, alpha, p, x)?;
        axpy(level, -alpha, q, r)?;
        idle = if step <= 0.5 * T::EPSILON.to_f64() * before { idle + 1 } else { 0 };
        iterations += 1;
        residual_norm = norm(r);
        operator.apply_transpose(level, r, s, scratch)?;
        axpy(level, minus, x, s)?;
        let next = inner(level, s, s);
        xpby(level, s, T::from_f64(next / gamma), p)?;
        gamma = next;
    }
}
