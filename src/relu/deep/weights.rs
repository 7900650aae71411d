//! What a network needs of a layer's first weights, however they are stored.

use super::backward::{backward_panels, backward_panels_scratch_len};
use crate::error::Error;
use crate::matrix::MatMut;
use crate::simd::{Float, Level, Stored};
use crate::sparse::{Columns, Panels, SparseRef, Support, times_panels};

/// A weight matrix W, outputs x inputs, that is never asked for its entries: only for its products with sparse rows.
///
/// ```
/// use subquad::relu::deep::{Structured, Weights};
/// use subquad::sparse::Panels;
///
/// fn shape(w: &impl Weights<f32>) -> (usize, usize) {
///     (w.outputs(), w.inputs())
/// }
/// // Two neurons on three inputs: stored, as W^T; and not stored at all.
/// assert_eq!(shape(&Panels::row_major(&[1.0f32, 5.0, 2.0, 6.0, 3.0, 7.0], 3, 2)?), (2, 3));
/// assert_eq!(shape(&Structured::new(2, 3, 7)?), (2, 3));
/// # Ok::<(), subquad::Error>(())
/// ```
pub trait Weights<T: Float> {
    /// Rows of W.
    ///
    /// ```
    /// # use subquad::{relu::deep::Weights, sparse::Panels};
    /// assert_eq!(Panels::row_major(&[1.0f32, 5.0, 2.0, 6.0, 3.0, 7.0], 3, 2)?.outputs(), 2);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn outputs(&self) -> usize;

    /// Columns of W.
    ///
    /// ```
    /// # use subquad::{relu::deep::Weights, sparse::Panels};
    /// assert_eq!(Panels::row_major(&[1.0f32, 5.0, 2.0, 6.0, 3.0, 7.0], 3, 2)?.inputs(), 3);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn inputs(&self) -> usize;

    /// Scratch of [`forward`](Self::forward), in elements, for rows of so many places in all.
    ///
    /// ```
    /// use subquad::relu::deep::{Structured, Weights};
    ///
    /// assert_eq!(Weights::<f32>::forward_scratch_len(&Structured::new(10_000, 128, 7)?, 50), 2 * 128);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn forward_scratch_len(&self, places: usize) -> usize;

    /// `Z <- H W^T`: sparse rows H n x inputs of depth 1 with their [`Columns`], Z n x outputs.
    ///
    /// # Errors
    /// [`Error::Length`] where shapes disagree, [`Error::TooShort`] for too little scratch.
    ///
    /// ```
    /// use subquad::sparse::{Columns, Panels, SparseRef, Support};
    /// use subquad::{Level, MatMut, relu::deep::Weights};
    ///
    /// // W has the rows (1, 2, 3) and (5, 6, 7); h = (0, 0, 10).
    /// let w = Panels::row_major(&[1.0f32, 5.0, 2.0, 6.0, 3.0, 7.0], 3, 2)?;
    /// let h = (SparseRef::new(Support::new(&[0, 1], &[2], 3)?, 1, &[10.0])?, Columns::new(&[0, 0, 0, 1], &[0], &[0])?);
    /// let (mut z, mut scratch) = ([0.0; 2], vec![0.0; w.forward_scratch_len(1)]);
    /// w.forward(Level::detect(), h, MatMut::new(&mut z, 1, 2)?, &mut scratch)?;
    /// assert_eq!(z, [30.0, 70.0]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn forward(&self, level: Level, h: (SparseRef<'_, T>, Columns<'_>), z: MatMut<'_, T>, scratch: &mut [T]) -> Result<(), Error>;

    /// Scratch of [`backward`](Self::backward), in elements, for so many outputs of the network and so many places in the
    /// longest row above and in the longest one below.
    ///
    /// ```
    /// use subquad::relu::deep::{Structured, Weights};
    ///
    /// assert_eq!(Weights::<f32>::backward_scratch_len(&Structured::new(10_000, 128, 7)?, 1, 70, 50), 128 + 50);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn backward_scratch_len(&self, depth: usize, above: usize, below: usize) -> usize;

    /// `e[i, c, j] = sum_r W[r, j] g[i, c, r]` for the inputs j in `below`, in the order of a [`SparseRef`] of g's depth.
    ///
    /// # Errors
    /// [`Error::Length`] where shapes disagree, [`Error::TooShort`] for too little scratch.
    ///
    /// ```
    /// use subquad::sparse::{Panels, SparseRef, Support};
    /// use subquad::{Level, relu::deep::Weights};
    ///
    /// // W has the rows (1, 2, 3) and (5, 6, 7); the first one fires, with gradient 10; of the inputs only the second does.
    /// let w = Panels::row_major(&[1.0f32, 5.0, 2.0, 6.0, 3.0, 7.0], 3, 2)?;
    /// let g = SparseRef::new(Support::new(&[0, 1], &[0], 2)?, 1, &[10.0])?;
    /// let (mut e, mut scratch) = ([0.0], vec![0.0; w.backward_scratch_len(1, 1, 1)]);
    /// w.backward(Level::detect(), g, Support::new(&[0, 1], &[1], 3)?, &mut e, &mut scratch)?;
    /// assert_eq!(e, [20.0]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn backward(&self, level: Level, g: SparseRef<'_, T>, below: Support<'_>, e: &mut [T], scratch: &mut [T]) -> Result<(), Error>;
}

/// Dense weights, given as W^T in [`Panels`]: a column of W is a row there.
impl<E: Stored> Weights<E::Number> for Panels<'_, E> {
    fn outputs(&self) -> usize {
        self.cols()
    }

    fn inputs(&self) -> usize {
        self.rows()
    }

    fn forward_scratch_len(&self, _: usize) -> usize {
        0
    }

    fn forward(
        &self,
        level: Level,
        h: (SparseRef<'_, E::Number>, Columns<'_>),
        z: MatMut<'_, E::Number>,
        _: &mut [E::Number],
    ) -> Result<(), Error> {
        times_panels(level, h.0, *self, false, z)
    }

    fn backward_scratch_len(&self, depth: usize, above: usize, below: usize) -> usize {
        backward_panels_scratch_len(depth, above, below)
    }

    fn backward(
        &self,
        level: Level,
        g: SparseRef<'_, E::Number>,
        below: Support<'_>,
        e: &mut [E::Number],
        scratch: &mut [E::Number],
    ) -> Result<(), Error> {
        backward_panels(level, g, *self, below, e, scratch)
    }
}
