//! The conjugate-gradient method, preconditioned, in the caller's memory, with a truthful report.
//!
//! * [`conjugate_gradient`] for one right-hand side, [`conjugate_gradient_watched`] with a [`Watch`] on it: the course of
//!   the residual, a callback that can stop it, the residual recomputed
//! * [`conjugate_gradient_rows`] for several, one product with all of them per step
//! * [`least_squares`] where only a matrix and its transpose are at hand ([`TallOperator`])
//! * [`Identity`], [`Jacobi`] and [`SharedCholesky`] as preconditioners; [`sketch`](crate::sketch) makes one more

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

    /// Scratch of [`apply_rows`](Self::apply_rows) for so many vectors, in elements.
    fn rows_scratch_len(&self, rows: usize) -> usize {
        let _ = rows;
        self.scratch_len()
    }

    /// `Y <- X A`: the product with every row of X. One after the other, unless the operator knows better.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    fn apply_rows(&self, level: Level, x: MatRef<'_, T>, mut y: MatMut<'_, T>, scratch: &mut [T]) -> Result<(), Error> {
        expect_length("apply_rows: rows of Y", x.rows(), y.rows())?;
        for i in 0..x.rows() {
            if let (Some(x), Some(y)) = (x.row(i), y.row(i)) {
                self.apply(level, x, y, scratch)?;
            }
        }
        Ok(())
    }
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

    /// Whether M = I: then nobody asks for z.
    fn is_identity(&self) -> bool {
        false
    }

    /// Scratch of [`precondition_rows`](Self::precondition_rows) for so many vectors, in elements.
    fn rows_scratch_len(&self, rows: usize) -> usize {
        let _ = rows;
        self.scratch_len()
    }

    /// `Z <- R M^-1`: every row preconditioned. One after the other, unless the preconditioner knows better.
    ///
    /// # Errors
    /// As [`precondition`](Self::precondition).
    fn precondition_rows(&self, level: Level, r: MatRef<'_, T>, mut z: MatMut<'_, T>, scratch: &mut [T]) -> Result<(), Error> {
        expect_length("precondition_rows: rows of Z", r.rows(), z.rows())?;
        for i in 0..r.rows() {
            if let (Some(r), Some(z)) = (r.row(i), z.row(i)) {
                self.precondition(level, r, z, scratch)?;
            }
        }
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
    /// Products with the operator at most, not counting the one that a start other than zero costs, nor those that
    /// recompute a residual.
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
    /// A direction p with `<p, A p> < 0` turned up: the operator is not positive definite. x is the last good one.
    IndefiniteOperator,
    /// A residual r with `<r, M^-1 r> < 0` turned up: the preconditioner is not positive definite.
    IndefinitePreconditioner,
    /// Nothing comes of going on: three steps in turn did not change x within the precision of its numbers, or the
    /// smallest residual is older than [`Watch::patience`], or a recomputed residual did not halve since the last time.
    Stagnated,
    /// `<p, A p>` or `<r, M^-1 r>` is zero although p or r is not: singular, or so small that it underflows. Neither
    /// definite nor indefinite has been shown. x is the last good one.
    Breakdown,
    /// The callback stopped it.
    Stopped,
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
    /// `|b - A x|` of the x that is handed back, computed anew, where a [`Check`] asked for it.
    pub true_residual_norm: Option<f64>,
}

/// Whether residuals are computed anew. The recurrence's drifts from the true one by about
/// `iterations * eps * |A| |x|`, and may converge to zero where the true one does not.
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
pub type Callback<'a> = &'a mut dyn FnMut(&Iteration) -> ControlFlow<()>;

/// What else is wanted from an iteration. The default is nothing.
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
