//! What a network needs of a layer's first weights, however they are stored.

use super::backward::{backward_panels, backward_panels_scratch_len};
use crate::error::Error;
use crate::matrix::MatMut;
use crate::simd::{Float, Level};
use crate::sparse::{Columns, Panels, SparseRef, Support, times_panels};

/// A weight matrix W, outputs x inputs, that is never asked for its entries: only for its products with sparse rows.
pub trait Weights<T: Float> {
    /// Rows of W.
    fn outputs(&self) -> usize;

    /// Columns of W.
    fn inputs(&self) -> usize;

    /// Scratch of [`forward`](Self::forward), in elements, for rows of so many places in all.
    fn forward_scratch_len(&self, places: usize) -> usize;

    /// `Z <- H W^T`: sparse rows H n x inputs of depth 1 with their [`Columns`], Z n x outputs.
    ///
    /// # Errors
    /// [`Error::Length`] where shapes disagree, [`Error::TooShort`] for too little scratch.
    fn forward(&self, level: Level, h: (SparseRef<'_, T>, Columns<'_>), z: MatMut<'_, T>, scratch: &mut [T]) -> Result<(), Error>;

    /// Scratch of [`backward`](Self::backward), in elements, for so many outputs of the network and so many places in the
    /// longest row below.
    fn backward_scratch_len(&self, depth: usize, longest: usize) -> usize;

    /// `e[i, c, j] = sum_r W[r, j] g[i, c, r]` for the inputs j in `below`, in the order of a [`SparseRef`] of g's depth.
    ///
    /// # Errors
    /// [`Error::Length`] where shapes disagree, [`Error::TooShort`] for too little scratch.
    fn backward(&self, level: Level, g: SparseRef<'_, T>, below: Support<'_>, e: &mut [T], scratch: &mut [T]) -> Result<(), Error>;
}

/// Dense weights, given as W^T in [`Panels`]: a column of W is a row there.
impl<T: Float> Weights<T> for Panels<'_, T> {
    fn outputs(&self) -> usize {
        self.cols()
    }

    fn inputs(&self) -> usize {
        self.rows()
    }

    fn forward_scratch_len(&self, _: usize) -> usize {
        0
    }

    fn forward(&self, level: Level, h: (SparseRef<'_, T>, Columns<'_>), z: MatMut<'_, T>, _: &mut [T]) -> Result<(), Error> {
        times_panels(level, h.0, *self, false, z)
    }

    fn backward_scratch_len(&self, depth: usize, longest: usize) -> usize {
        backward_panels_scratch_len(depth, longest)
    }

    fn backward(&self, level: Level, g: SparseRef<'_, T>, below: Support<'_>, e: &mut [T], scratch: &mut [T]) -> Result<(), Error> {
        backward_panels(level, g, *self, below, e, scratch)
    }
}
