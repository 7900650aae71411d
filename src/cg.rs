//! The conjugate-gradient method, preconditioned, in the caller's memory, with a truthful report.
//!
//! Solves `A x = b` for a symmetric positive definite A that is known by its products alone, with an M^-1 near A^-1:
//!
//! ```text
//! z = M^-1 r,    rho = <r, z>,    p <- z + (rho / rho_before) p,    q = A p
//! x <- x + (rho / <p, q>) p,      r <- r - (rho / <p, q>) q
//! ```
//!
//! After k steps `|x - x*|_A <= 2 ((c - 1) / (c + 1))^k |x_0 - x*|_A`, where c^2 is the condition number of M^-1 A.
//!
//! * [`conjugate_gradient`] for one right-hand side, [`conjugate_gradient_watched`] with a [`Watch`] on it: the course of
//!   the residual, a callback that can stop it, the residual recomputed
//! * [`conjugate_gradient_rows`] for several, one product with all of them per step
//! * [`least_squares`] where only a matrix and its transpose are at hand ([`TallOperator`])
//! * [`Identity`], [`Jacobi`] and [`SharedCholesky`] as preconditioners; [`sketch`](crate::sketch) makes one more
//!
//! # Shapes
//! Vectors of `dim` numbers; several right-hand sides are the rows of a k x dim matrix.
//!
//! # Cost
//! A step is one product with A, one with M^-1, and 10 dim flops. Memory: four vectors for each right-hand side.
//!
//! # Source
//! Hestenes and Stiefel, *Methods of Conjugate Gradients for Solving Linear Systems*, 1952; Saad, *Iterative Methods for Sparse Linear Systems*,
//! algorithm 9.1 and, for the bound, section 6.11.
//!
//! Next: [`sparse`](crate::sparse).

mod least_squares;
mod preconditioner;
mod rows;
mod single;
mod step;

pub use least_squares::{LeastSquares, LeastSquaresStopping, TallOperator, least_squares, least_squares_scratch_len};
pub use preconditioner::{Identity, Jacobi, SharedCholesky};
pub use rows::{Column, conjugate_gradient_rows, conjugate_gradient_rows_scratch_len};
pub use single::{conjugate_gradient, conjugate_gradient_scratch_len, conjugate_gradient_watched};

use core::ops::ControlFlow;

use crate::error::{Error, expect_length};
use crate::matrix::{MatMut, MatRef};
use crate::simd::{Float, Level};

/// A symmetric positive definite matrix, known by what it does to a vector.
///
/// ```
/// use subquad::{Error, Level, cg::{self, Identity, LinearOperator, Stopping}};
///
/// /// I + 1 1^T, without its entries.
/// struct IdentityAndOnes(usize);
/// impl LinearOperator<f64> for IdentityAndOnes {
///     fn dim(&self) -> usize {
///         self.0
///     }
///     fn apply(&self, _: Level, x: &[f64], y: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
///         let sum: f64 = x.iter().sum();
///         y.iter_mut().zip(x).for_each(|(y, x)| *y = x + sum);
///         Ok(())
///     }
/// }
/// let (mut x, mut scratch) = ([0.0; 3], [0.0; cg::conjugate_gradient_scratch_len(3, 0, 0)]);
/// let stopping = Stopping { relative: 1e-12, absolute: 0.0, max_iterations: 9 };
/// cg::conjugate_gradient(Level::detect(), &IdentityAndOnes(3), &Identity, &[4.0; 3], &mut x, stopping, &mut scratch)?;
/// assert_eq!(x, [1.0; 3]);
/// # Ok::<(), subquad::Error>(())
/// ```
pub trait LinearOperator<T: Float> {
    /// Rows, and columns.
    ///
    /// ```
    /// # use subquad::{Error, Level, cg::{self, Identity, LinearOperator, Status, Stopping}};
    /// # struct Times(f64);
    /// # impl LinearOperator<f64> for Times {
    /// #     fn dim(&self) -> usize {
    /// #         2
    /// #     }
    /// #     fn apply(&self, _: Level, x: &[f64], y: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
    /// #         y.iter_mut().zip(x).for_each(|(y, x)| *y = self.0 * x);
    /// #         Ok(())
    /// #     }
    /// # }
    /// let a = Times(2.0); // 2 I, of two rows
    /// assert_eq!(a.dim(), 2);
    /// ```
    fn dim(&self) -> usize;

    /// Scratch of [`apply`](Self::apply), in elements.
    ///
    /// ```
    /// # use subquad::{Error, Level, cg::{self, Identity, LinearOperator, Status, Stopping}};
    /// # struct Times(f64);
    /// # impl LinearOperator<f64> for Times {
    /// #     fn dim(&self) -> usize {
    /// #         2
    /// #     }
    /// #     fn apply(&self, _: Level, x: &[f64], y: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
    /// #         y.iter_mut().zip(x).for_each(|(y, x)| *y = self.0 * x);
    /// #         Ok(())
    /// #     }
    /// # }
    /// assert_eq!(Times(2.0).scratch_len(), 0); // unless the operator says otherwise
    /// ```
    fn scratch_len(&self) -> usize {
        0
    }

    /// `y <- A x`. The buffers have [`dim`](Self::dim) elements; y may hold anything before.
    ///
    /// # Errors
    /// Whatever makes the product impossible; [`conjugate_gradient`] hands it on.
    ///
    /// ```
    /// # use subquad::{Error, Level, cg::{self, Identity, LinearOperator, Status, Stopping}};
    /// # struct Times(f64);
    /// # impl LinearOperator<f64> for Times {
    /// #     fn dim(&self) -> usize {
    /// #         2
    /// #     }
    /// #     fn apply(&self, _: Level, x: &[f64], y: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
    /// #         y.iter_mut().zip(x).for_each(|(y, x)| *y = self.0 * x);
    /// #         Ok(())
    /// #     }
    /// # }
    /// let mut y = [f64::NAN; 2];
    /// Times(2.0).apply(Level::detect(), &[1.0, 3.0], &mut y, &mut [])?;
    /// assert_eq!(y, [2.0, 6.0]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn apply(&self, level: Level, x: &[T], y: &mut [T], scratch: &mut [T]) -> Result<(), Error>;

    /// Scratch of [`apply_rows`](Self::apply_rows) for so many vectors, in elements.
    ///
    /// ```
    /// # use subquad::{Error, Level, cg::{self, Identity, LinearOperator, Status, Stopping}};
    /// # struct Times(f64);
    /// # impl LinearOperator<f64> for Times {
    /// #     fn dim(&self) -> usize {
    /// #         2
    /// #     }
    /// #     fn apply(&self, _: Level, x: &[f64], y: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
    /// #         y.iter_mut().zip(x).for_each(|(y, x)| *y = self.0 * x);
    /// #         Ok(())
    /// #     }
    /// # }
    /// assert_eq!(Times(2.0).rows_scratch_len(10), 0);
    /// ```
    fn rows_scratch_len(&self, rows: usize) -> usize {
        let _ = rows;
        self.scratch_len()
    }

    /// `Y <- X A`: the product with every row of X. One after the other, unless the operator knows better.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    ///
    /// ```
    /// # use subquad::{Error, Level, cg::{self, Identity, LinearOperator, Status, Stopping}};
    /// # struct Times(f64);
    /// # impl LinearOperator<f64> for Times {
    /// #     fn dim(&self) -> usize {
    /// #         2
    /// #     }
    /// #     fn apply(&self, _: Level, x: &[f64], y: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
    /// #         y.iter_mut().zip(x).for_each(|(y, x)| *y = self.0 * x);
    /// #         Ok(())
    /// #     }
    /// # }
    /// use subquad::{MatMut, MatRef};
    ///
    /// let (x, mut y) = ([1.0, 3.0, 5.0, 7.0], [0.0; 4]);
    /// Times(2.0).apply_rows(Level::detect(), MatRef::new(&x, 2, 2)?, MatMut::new(&mut y, 2, 2)?, &mut [])?;
    /// assert_eq!(y, [2.0, 6.0, 10.0, 14.0]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn apply_rows(&self, level: Level, x: MatRef<'_, T>, mut y: MatMut<'_, T>, scratch: &mut [T]) -> Result<(), Error> {
        expect_length("apply_rows: rows of Y", x.rows(), y.rows())?;
        // One row of no numbers stands for all of them.
        let rows = if x.cols() == 0 { x.rows().min(1) } else { x.rows() };
        for i in 0..rows {
            if let (Some(x), Some(y)) = (x.row(i), y.row(i)) {
                self.apply(level, x, y, scratch)?;
            }
        }
        Ok(())
    }
}

/// A symmetric positive definite approximation of a matrix's inverse.
///
/// ```
/// use subquad::{Error, Level, cg::Preconditioner};
///
/// /// Each number is divided by its place.
/// struct ByPlace;
/// impl Preconditioner<f64> for ByPlace {
///     fn precondition(&self, _: Level, r: &[f64], z: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
///         z.iter_mut().zip(r).zip(1..).for_each(|((z, r), i)| *z = r / f64::from(i));
///         Ok(())
///     }
/// }
/// let mut z = [0.0; 3];
/// ByPlace.precondition(Level::detect(), &[6.0; 3], &mut z, &mut [])?;
/// assert_eq!(z, [6.0, 3.0, 2.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
pub trait Preconditioner<T: Float> {
    /// Scratch of [`precondition`](Self::precondition), in elements.
    ///
    /// ```
    /// use subquad::cg::{Identity, Preconditioner};
    ///
    /// assert_eq!(Preconditioner::<f32>::scratch_len(&Identity), 0);
    /// ```
    fn scratch_len(&self) -> usize {
        0
    }

    /// `z <- M^-1 r`. The buffers have as many elements as the operator has rows; z may hold anything before.
    ///
    /// # Errors
    /// Whatever makes it impossible; [`conjugate_gradient`] hands it on.
    ///
    /// ```
    /// use subquad::{Level, cg::{Jacobi, Preconditioner}};
    ///
    /// let mut z = [0.0; 2];
    /// Jacobi::new(&[2.0, 4.0], 1)?.precondition(Level::detect(), &[2.0, 2.0], &mut z, &mut [])?;
    /// assert_eq!(z, [1.0, 0.5]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn precondition(&self, level: Level, r: &[T], z: &mut [T], scratch: &mut [T]) -> Result<(), Error>;

    /// Whether M = I: then nobody asks for z.
    ///
    /// ```
    /// use subquad::cg::{Identity, Jacobi, Preconditioner};
    ///
    /// assert!(Preconditioner::<f32>::is_identity(&Identity));
    /// assert!(!Jacobi::new(&[1.0f32], 1)?.is_identity());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn is_identity(&self) -> bool {
        false
    }

    /// Scratch of [`precondition_rows`](Self::precondition_rows) for so many vectors, in elements.
    ///
    /// ```
    /// use subquad::cg::{Jacobi, Preconditioner};
    ///
    /// assert_eq!(Jacobi::new(&[2.0, 4.0], 1)?.rows_scratch_len(10), 0);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn rows_scratch_len(&self, rows: usize) -> usize {
        let _ = rows;
        self.scratch_len()
    }

    /// `Z <- R M^-1`: every row preconditioned. One after the other, unless the preconditioner knows better.
    ///
    /// # Errors
    /// As [`precondition`](Self::precondition).
    ///
    /// ```
    /// use subquad::{Level, MatMut, MatRef, cg::{Jacobi, Preconditioner}};
    ///
    /// let (r, mut z) = ([2.0, 2.0, 4.0, 4.0], [0.0; 4]);
    /// let halves_and_quarters = Jacobi::new(&[2.0, 4.0], 1)?;
    /// halves_and_quarters.precondition_rows(Level::detect(), MatRef::new(&r, 2, 2)?, MatMut::new(&mut z, 2, 2)?, &mut [])?;
    /// assert_eq!(z, [1.0, 0.5, 2.0, 1.0]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn precondition_rows(&self, level: Level, r: MatRef<'_, T>, mut z: MatMut<'_, T>, scratch: &mut [T]) -> Result<(), Error> {
        expect_length("precondition_rows: rows of Z", r.rows(), z.rows())?;
        let rows = if r.cols() == 0 { r.rows().min(1) } else { r.rows() };
        for i in 0..rows {
            if let (Some(r), Some(z)) = (r.row(i), z.row(i)) {
                self.precondition(level, r, z, scratch)?;
            }
        }
        Ok(())
    }
}

/// When to stop.
///
/// ```
/// # use subquad::{Error, Level, cg::{self, Identity, LinearOperator, Status, Stopping}};
/// # struct Times(f64);
/// # impl LinearOperator<f64> for Times {
/// #     fn dim(&self) -> usize {
/// #         2
/// #     }
/// #     fn apply(&self, _: Level, x: &[f64], y: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
/// #         y.iter_mut().zip(x).for_each(|(y, x)| *y = self.0 * x);
/// #         Ok(())
/// #     }
/// # }
/// let (mut x, mut scratch) = ([0.0; 2], [0.0; cg::conjugate_gradient_scratch_len(2, 0, 0)]);
/// let easily_pleased = Stopping { relative: 0.0, absolute: 10.0, max_iterations: 9 };
/// let report = cg::conjugate_gradient(Level::detect(), &Times(2.0), &Identity, &[3.0, 4.0], &mut x, easily_pleased, &mut scratch)?;
/// assert_eq!((report.status, report.iterations, x), (Status::Converged, 0, [0.0; 2])); // |b| = 5 <= 10
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stopping {
    /// Converged when `|r| <= relative |b|`.
    pub relative: f64,
    /// Converged when `|r| <= absolute`.
    pub absolute: f64,
    /// Products with the operator at most, not counting the one that a start other than zero costs, nor those that
    /// recompute a residual.
    pub max_iterations: usize,
}

/// How it ended.
///
/// ```
/// # use subquad::{Error, Level, cg::{self, Identity, LinearOperator, Status, Stopping}};
/// # struct Times(f64);
/// # impl LinearOperator<f64> for Times {
/// #     fn dim(&self) -> usize {
/// #         2
/// #     }
/// #     fn apply(&self, _: Level, x: &[f64], y: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
/// #         y.iter_mut().zip(x).for_each(|(y, x)| *y = self.0 * x);
/// #         Ok(())
/// #     }
/// # }
/// # let (mut x, mut scratch) = ([0.0; 2], [0.0; cg::conjugate_gradient_scratch_len(2, 0, 0)]);
/// # let stopping = Stopping { relative: 1e-9, absolute: 0.0, max_iterations: 9 };
/// for (factor, status) in [(2.0, Status::Converged), (-2.0, Status::IndefiniteOperator), (0.0, Status::Breakdown), (f64::NAN, Status::NotFinite)] {
///     let report = cg::conjugate_gradient(Level::detect(), &Times(factor), &Identity, &[3.0, 4.0], &mut x, stopping, &mut scratch)?;
///     assert_eq!(report.status, status);
/// #   x.fill(0.0);
/// }
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// The residual is as small as was asked for.
    Converged,
    /// It is not, after as many iterations as were allowed.
    IterationLimit,
    /// A direction p with `<p, A p> < 0` turned up: the operator is not positive definite. x is the last good one.
    IndefiniteOperator,
    /// A residual r with `<r, M^-1 r> < 0` turned up: the preconditioner is not positive definite.
    IndefinitePreconditioner,
    /// Nothing comes of going on: three steps in turn did not change x within the precision of its numbers, or the
    /// smallest residual is older than [`Watch::patience`], or a recomputed residual did not halve since the last time, or
    /// the residual exceeds the smallest by more than 1 / eps, as it does where A is singular and b outside its range.
    Stagnated,
    /// `<p, A p>` or `<r, M^-1 r>` is zero although p or r is not, or within rounding of it: singular, or so small that it
    /// underflows. (For `<p, A p>`: at most `eps |p| |A p|`, which no operator reaches whose condition number is below
    /// 4 / eps^2, or so small that the length of the step is no number.) Neither definite nor indefinite has been shown. x
    /// is the last good one.
    Breakdown,
    /// The callback stopped it.
    Stopped,
    /// NaN or infinity turned up: in the data, from the operator, or by overflow. x is of no use.
    NotFinite,
}

/// What the iteration found out.
///
/// ```
/// # use subquad::{Error, Level, cg::{self, Identity, LinearOperator, Status, Stopping}};
/// # struct Times(f64);
/// # impl LinearOperator<f64> for Times {
/// #     fn dim(&self) -> usize {
/// #         2
/// #     }
/// #     fn apply(&self, _: Level, x: &[f64], y: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
/// #         y.iter_mut().zip(x).for_each(|(y, x)| *y = self.0 * x);
/// #         Ok(())
/// #     }
/// # }
/// # let (mut x, mut scratch) = ([0.0; 2], [0.0; cg::conjugate_gradient_scratch_len(2, 0, 0)]);
/// let stopping = Stopping { relative: 1e-9, absolute: 0.0, max_iterations: 0 }; // no step at all
/// let report = cg::conjugate_gradient(Level::detect(), &Times(2.0), &Identity, &[3.0, 4.0], &mut x, stopping, &mut scratch)?;
/// assert_eq!((report.status, report.residual_norm, report.rhs_norm), (Status::IterationLimit, 5.0, 5.0));
/// assert_eq!(report.true_residual_norm, None); // nobody asked
/// # Ok::<(), subquad::Error>(())
/// ```
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
    /// `|b - A x|` of the x that is handed back, computed anew, where a [`Check`] asked for it.
    pub true_residual_norm: Option<f64>,
}

/// Whether residuals are computed anew. The recurrence's drifts from the true one by about
/// `iterations * eps * |A| |x|`, and may converge to zero where the true one does not.
///
/// ```
/// # use subquad::{Error, Level, cg::{self, Identity, LinearOperator, Status, Stopping}};
/// # struct Times(f64);
/// # impl LinearOperator<f64> for Times {
/// #     fn dim(&self) -> usize {
/// #         2
/// #     }
/// #     fn apply(&self, _: Level, x: &[f64], y: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
/// #         y.iter_mut().zip(x).for_each(|(y, x)| *y = self.0 * x);
/// #         Ok(())
/// #     }
/// # }
/// use subquad::cg::{Check, Watch};
///
/// # let (mut x, mut scratch) = ([0.0; 2], [0.0; cg::conjugate_gradient_scratch_len(2, 0, 0)]);
/// # let stopping = Stopping { relative: 1e-9, absolute: 0.0, max_iterations: 9 };
/// let mut watch = Watch { check: Check::Report, ..Watch::default() };
/// let report = cg::conjugate_gradient_watched(Level::detect(), &Times(2.0), &Identity, &[3.0, 4.0], &mut x, stopping, &mut watch, &mut scratch)?;
/// assert_eq!(report.true_residual_norm, Some(0.0));
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Check {
    /// The recurrence is taken at its word.
    #[default]
    Trust,
    /// Once, at the end, for the report: one product more.
    Report,
    /// Whenever the recurrence says that it has converged: if it is wrong the iteration starts anew from the true
    /// residual, so that [`Status::Converged`] is true of `b - A x`. At least one product more.
    Insist,
}

/// Where an iteration stands, for its callback.
///
/// ```
/// # use subquad::{Error, Level, cg::{self, Identity, LinearOperator, Status, Stopping}};
/// # struct Times(f64);
/// # impl LinearOperator<f64> for Times {
/// #     fn dim(&self) -> usize {
/// #         2
/// #     }
/// #     fn apply(&self, _: Level, x: &[f64], y: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
/// #         y.iter_mut().zip(x).for_each(|(y, x)| *y = self.0 * x);
/// #         Ok(())
/// #     }
/// # }
/// use std::ops::ControlFlow;
/// use subquad::cg::{Iteration, Watch};
///
/// # let (mut x, mut scratch) = ([0.0; 2], [0.0; cg::conjugate_gradient_scratch_len(2, 0, 0)]);
/// # let stopping = Stopping { relative: 1e-9, absolute: 0.0, max_iterations: 9 };
/// let mut course = Vec::new();
/// let mut watcher = |at: &Iteration| {
///     course.push((at.iterations, at.residual_norm, at.unfinished));
///     ControlFlow::Continue(())
/// };
/// let mut watch = Watch { callback: Some(&mut watcher), ..Watch::default() };
/// cg::conjugate_gradient_watched(Level::detect(), &Times(2.0), &Identity, &[3.0, 4.0], &mut x, stopping, &mut watch, &mut scratch)?;
/// assert_eq!(course[0], (0, 5.0, 1));
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Iteration {
    /// Products that led here.
    pub iterations: usize,
    /// `|r|` of the right-hand side whose residual is the largest, measured in its `|b|`.
    pub residual_norm: f64,
    /// `|b|` of that one.
    pub rhs_norm: f64,
    /// Right-hand sides that are not finished.
    pub unfinished: usize,
}

/// The callback of a [`Watch`].
///
/// ```
/// use std::ops::ControlFlow;
/// use subquad::cg::{Callback, Iteration};
///
/// let mut at_most_three = |at: &Iteration| if at.iterations < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
/// let callback: Callback<'_> = &mut at_most_three;
/// assert!(callback(&Iteration { iterations: 3, residual_norm: 1.0, rhs_norm: 5.0, unfinished: 1 }).is_break());
/// ```
pub type Callback<'a> = &'a mut dyn FnMut(&Iteration) -> ControlFlow<()>;

/// What else is wanted from an iteration. The default is nothing.
///
/// ```
/// # use subquad::{Error, Level, cg::{self, Identity, LinearOperator, Status, Stopping}};
/// # struct Times(f64);
/// # impl LinearOperator<f64> for Times {
/// #     fn dim(&self) -> usize {
/// #         2
/// #     }
/// #     fn apply(&self, _: Level, x: &[f64], y: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
/// #         y.iter_mut().zip(x).for_each(|(y, x)| *y = self.0 * x);
/// #         Ok(())
/// #     }
/// # }
/// use subquad::cg::Watch;
///
/// # let (mut x, mut scratch) = ([0.0; 2], [0.0; cg::conjugate_gradient_scratch_len(2, 0, 0)]);
/// # let stopping = Stopping { relative: 1e-9, absolute: 0.0, max_iterations: 9 };
/// let mut history = [f64::NAN; 3];
/// let mut watch = Watch { history: &mut history, ..Watch::default() };
/// cg::conjugate_gradient_watched(Level::detect(), &Times(2.0), &Identity, &[3.0, 4.0], &mut x, stopping, &mut watch, &mut scratch)?;
/// assert_eq!(history[..2], [5.0, 0.0]); // |b|, and after the only step nothing is left
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Default)]
pub struct Watch<'a> {
    /// Takes `|r|` after 0, 1, 2, .. iterations, as long as there is room. With k right-hand sides, k numbers each time;
    /// of one that is finished, its last.
    pub history: &'a mut [f64],
    /// Called with every number of iterations from 0 on; `Break` ends it with [`Status::Stopped`].
    pub callback: Option<Callback<'a>>,
    /// Whether residuals are recomputed.
    pub check: Check,
    /// Iterations without a new smallest residual after which it has stagnated; 0: that is no reason. Residuals need not
    /// fall in every step, so a few dozen are reasonable.
    pub patience: usize,
}

impl core::fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Watch")
            .field("history", &self.history.len())
            .field("callback", &self.callback.is_some())
            .field("check", &self.check)
            .field("patience", &self.patience)
            .finish()
    }
}
