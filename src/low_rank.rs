//! A large matrix and what was added to it: `W = W(0) + sum_f u_f v_f^T`, the sum kept apart.
//!
//! A training step moves an m x m weight matrix by `-J^T g`, a sum of n outer products of sparse vectors. Written into
//! the matrix, that costs n k^2 places all over memory, and W(0) is lost; kept apart, every later pass pays for it a
//! little. [`Update`] is such a sum; a matrix that is read-only, or has no entries at all, lives with it for good.
//!
//! * [`Update::query`]: its share of `W h` for sparse rows h
//! * [`Update::transposed_query`]: its share of `W^T g`, for the columns that fire
//! * [`Update::fold_sparse`], [`Update::fold_dense`]: writes it into the matrix
//! * [`cheapest`]: which of the three is worth it; to append is to hold one more `Update`
//!
//! Source: Song, Zhang, Zhang, *Training Multi-Layer Over-Parametrized Neural Network in Subquadratic Time*, ITCS 2024,
//! section 5: lazy low-rank maintenance.
//!
//! # Shapes
//! U R x outputs and V R x inputs, sparse rows of k places in m columns; a step of n samples adds R = n terms.
//!
//! # Cost
//! A query of n rows: R n k (1 + p) multiply-adds, p = k / m, most of them in vectors; to fold: R k^2 in memory, or R m^2 in a blocked product.
//!
//! Next: [`halfspace`](crate::halfspace).

use crate::blas::{gemm, gemm_scratch_len};
use crate::error::{Error, expect_length};
use crate::matrix::{MatMut, MatRef};
use crate::scratch::{all_of, any_of, area, split, take};
use crate::simd::{Float, Level, MOST_LANES, Simd};
use crate::sparse::{
    BLOCK, Columns, PANEL, Panels, PanelsMut, SparseRef, Support, overlap, overlap_scratch_len, side_by_side, spread, spread_scratch_len,
    touch, turn,
};

/// What is done with an update after a step.
///
/// ```
/// use subquad::low_rank::Flush;
///
/// assert_eq!(Flush::default(), Flush::Never);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flush {
    /// It stays apart.
    #[default]
    Never,
    /// It is added to the entries of the matrix that it touches.
    Sparse,
    /// It is added to the whole matrix, by one product.
    Dense,
}

/// What a choice between the three depends on.
///
/// ```
/// use subquad::low_rank::{Flush, Situation, cheapest};
///
/// // Nothing is ever read again: leave it.
/// let last = Situation { samples: 1000, outputs: 10, width: 4096, fired: 0.1, passes: 0 };
/// assert_eq!(cheapest(last), Flush::Never);
/// assert_ne!(cheapest(Situation { passes: 100, ..last }), Flush::Never);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Situation {
    /// Samples n of a pass, which is the rank of a step's update too.
    pub samples: usize,
    /// Outputs C of the network: a backward pass carries as many gradients.
    pub outputs: usize,
    /// Width m of the layer.
    pub width: usize,
    /// Share p of the neurons that fire.
    pub fired: f64,
    /// Passes that are still expected.
    pub passes: usize,
}

/// What a pass pays for a place of an update's U and a sample, in vectors along samples. All prices in units of one addition to an entry
/// of a large matrix that lies who knows where, 4 ns; as measured on one core with AVX-512.
const ALONG_SAMPLES: f64 = 1.0 / 40.0;
/// .. for a pair of a sample and a term that share a neuron.
const PAIR: f64 = 0.2;
/// .. for each output's gradient of such a pair.
const GRADIENT: f64 = 0.05;
/// A multiply-add of a blocked product.
const BLOCKED: f64 = 1.0 / 160.0;

/// The cheapest of the three, by counted multiply-adds and what they cost where they are done.
///
/// An update of rank n that stays apart costs each later pass `n k (n / 40 + n p (1 / 5 + C / 20))` additions to memory, k = p m; to fold
/// it costs `n k^2` once, or `n m^2 / 160` densely. So few steps stay lazy, unless samples are many.
///
/// ```
/// use subquad::low_rank::{Flush, Situation, cheapest};
/// let few = Situation { samples: 256, outputs: 10, width: 4096, fired: 0.034, passes: 4 };
/// assert_eq!(cheapest(few), Flush::Never);
/// assert_eq!(cheapest(Situation { passes: 40, ..few }), Flush::Sparse);
/// assert_eq!(cheapest(Situation { samples: 4096, fired: 0.5, width: 1024, ..few }), Flush::Dense);
/// ```
pub fn cheapest(situation: Situation) -> Flush {
    let Situation { samples, outputs, width, fired, passes } = situation;
    let (n, m, p) = (samples as f64, width as f64, fired);
    let k = p * m;
    let lazy = passes as f64 * k * (n * ALONG_SAMPLES + n * p * (PAIR + outputs as f64 * GRADIENT));
    let (sparse, dense) = (k * k, m * m * BLOCKED);
    if lazy <= sparse && lazy <= dense {
        Flush::Never
    } else if sparse <= dense {
        Flush::Sparse
    } else {
        Flush::Dense
    }
}

/// `sum_f u_f v_f^T`: rows of U and of V, both sparse, with their columns.
///
/// ```
/// use subquad::sparse::{Columns, SparseRef, Support};
/// use subquad::low_rank::Update;
///
/// // One term: u = (0, 2) and v = (3, 0, 4), each row by row and column by column.
/// let u = (SparseRef::new(Support::new(&[0, 1], &[1], 2)?, 1, &[2.0])?, Columns::new(&[0, 0, 1], &[0], &[0])?);
/// let v = (SparseRef::new(Support::new(&[0, 2], &[0, 2], 3)?, 1, &[3.0, 4.0])?, Columns::new(&[0, 1, 1, 2], &[0, 0], &[0, 1])?);
/// assert_eq!(Update::new(u, v)?.rank(), 1);
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Update<'a, T> {
    u: SparseRef<'a, T>,
    u_columns: Columns<'a>,
    v: SparseRef<'a, T>,
    v_columns: Columns<'a>,
}

impl<'a, T: Float> Update<'a, T> {
    /// U R x outputs and V R x inputs, of depth 1, each with its [`Columns`].
    ///
    /// # Errors
    /// [`Error::Length`] where they do not belong together.
    ///
    /// ```
    /// # use subquad::{Level, MatMut, low_rank::Update, sparse::{Columns, Panels, PanelsMut, SparseRef, Support, panels_len}};
    /// # let u = (SparseRef::new(Support::new(&[0, 1], &[1], 2)?, 1, &[2.0])?, Columns::new(&[0, 0, 1], &[0], &[0])?);
    /// # let v = (SparseRef::new(Support::new(&[0, 2], &[0, 2], 3)?, 1, &[3.0, 4.0])?, Columns::new(&[0, 1, 1, 2], &[0, 0], &[0, 1])?);
    /// let update = Update::new(u, v)?; // u = (0, 2), v = (3, 0, 4)
    /// assert_eq!(update.rank(), 1);
    /// // Two terms against one do not make a sum.
    /// let two = (SparseRef::new(Support::new(&[0, 1, 2], &[1, 1], 2)?, 1, &[2.0, 2.0])?, Columns::new(&[0, 0, 2], &[0, 1], &[0, 0])?);
    /// assert!(Update::new(two, v).is_err());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn new(u: (SparseRef<'a, T>, Columns<'a>), v: (SparseRef<'a, T>, Columns<'a>)) -> Result<Self, Error> {
        expect_length("update: rows of V", u.0.rows(), v.0.rows())?;
        for (matrix, columns) in [u, v] {
            expect_length("update: depth", 1, matrix.depth())?;
            expect_length("update: columns", matrix.support().cols(), columns.cols())?;
            expect_length("update: places", matrix.support().len(), columns.len())?;
        }
        Ok(Self { u: u.0, u_columns: u.1, v: v.0, v_columns: v.1 })
    }

    /// Terms of the sum.
    ///
    /// ```
    /// # use subquad::{Level, MatMut, low_rank::Update, sparse::{Columns, Panels, PanelsMut, SparseRef, Support, panels_len}};
    /// # let u = (SparseRef::new(Support::new(&[0, 1], &[1], 2)?, 1, &[2.0])?, Columns::new(&[0, 0, 1], &[0], &[0])?);
    /// # let v = (SparseRef::new(Support::new(&[0, 2], &[0, 2], 3)?, 1, &[3.0, 4.0])?, Columns::new(&[0, 1, 1, 2], &[0, 0], &[0, 1])?);
    /// let update = Update::new(u, v)?; // u = (0, 2), v = (3, 0, 4)
    /// assert_eq!(update.rank(), 1);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn rank(&self) -> usize {
        self.u.rows()
    }

    /// The left factors.
    ///
    /// ```
    /// # use subquad::{Level, MatMut, low_rank::Update, sparse::{Columns, Panels, PanelsMut, SparseRef, Support, panels_len}};
    /// # let u = (SparseRef::new(Support::new(&[0, 1], &[1], 2)?, 1, &[2.0])?, Columns::new(&[0, 0, 1], &[0], &[0])?);
    /// # let v = (SparseRef::new(Support::new(&[0, 2], &[0, 2], 3)?, 1, &[3.0, 4.0])?, Columns::new(&[0, 1, 1, 2], &[0, 0], &[0, 1])?);
    /// let update = Update::new(u, v)?; // u = (0, 2), v = (3, 0, 4)
    /// assert_eq!((update.left().support().row(0), update.left().row(0, 0)), (&[1][..], &[2.0][..]));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn left(&self) -> SparseRef<'a, T> {
        self.u
    }

    /// The right factors.
    ///
    /// ```
    /// # use subquad::{Level, MatMut, low_rank::Update, sparse::{Columns, Panels, PanelsMut, SparseRef, Support, panels_len}};
    /// # let u = (SparseRef::new(Support::new(&[0, 1], &[1], 2)?, 1, &[2.0])?, Columns::new(&[0, 0, 1], &[0], &[0])?);
    /// # let v = (SparseRef::new(Support::new(&[0, 2], &[0, 2], 3)?, 1, &[3.0, 4.0])?, Columns::new(&[0, 1, 1, 2], &[0, 0], &[0, 1])?);
    /// let update = Update::new(u, v)?; // u = (0, 2), v = (3, 0, 4)
    /// assert_eq!((update.right().support().row(0), update.right().row(0, 0)), (&[0, 2][..], &[3.0, 4.0][..]));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn right(&self) -> SparseRef<'a, T> {
        self.v
    }

    /// Scratch of [`query`](Self::query) for n rows, in elements.
    ///
    /// ```
    /// # use subquad::{Level, MatMut, low_rank::Update, sparse::{Columns, Panels, PanelsMut, SparseRef, Support, panels_len}};
    /// # let u = (SparseRef::new(Support::new(&[0, 1], &[1], 2)?, 1, &[2.0])?, Columns::new(&[0, 0, 1], &[0], &[0])?);
    /// # let v = (SparseRef::new(Support::new(&[0, 2], &[0, 2], 3)?, 1, &[3.0, 4.0])?, Columns::new(&[0, 1, 1, 2], &[0, 0], &[0, 1])?);
    /// let update = Update::new(u, v)?; // u = (0, 2), v = (3, 0, 4)
    /// assert!(update.query_scratch_len(100) > update.query_scratch_len(10));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn query_scratch_len(&self, n: usize) -> usize {
        let rank = self.rank();
        all_of(&[area(rank, n), any_of(&[overlap_scratch_len(1, rank, n), spread_scratch_len(self.u.support().len())])])
    }

    /// `Z <- Z + alpha X V U^T` (V by columns): what the update adds to `X W^T`.
    ///
    /// # Shapes
    /// X n x inputs of depth 1 with its [`Columns`], Z n x outputs.
    ///
    /// # Errors
    /// [`Error::Length`] where shapes disagree, [`Error::TooShort`] if scratch is less than
    /// [`query_scratch_len`](Self::query_scratch_len).
    ///
    /// # Cost
    /// For R terms and k places in each row `R n p k + R n k` multiply-adds, and n m additions; the second part in vectors.
    ///
    /// ```
    /// # use subquad::{Level, MatMut, low_rank::Update, sparse::{Columns, Panels, PanelsMut, SparseRef, Support, panels_len}};
    /// # let u = (SparseRef::new(Support::new(&[0, 1], &[1], 2)?, 1, &[2.0])?, Columns::new(&[0, 0, 1], &[0], &[0])?);
    /// # let v = (SparseRef::new(Support::new(&[0, 2], &[0, 2], 3)?, 1, &[3.0, 4.0])?, Columns::new(&[0, 1, 1, 2], &[0, 0], &[0, 1])?);
    /// let update = Update::new(u, v)?; // u = (0, 2), v = (3, 0, 4)
    /// let x = (SparseRef::new(Support::new(&[0, 1], &[2], 3)?, 1, &[1.0])?, Columns::new(&[0, 0, 0, 1], &[0], &[0])?); // (0, 0, 1)
    /// let (mut z, mut scratch) = ([1.0; 2], vec![0.0; update.query_scratch_len(1)]);
    /// update.query(Level::detect(), 1.0, x, MatMut::new(&mut z, 1, 2)?, &mut scratch)?;
    /// assert_eq!(z, [1.0, 1.0 + 4.0 * 2.0]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn query(
        &self,
        level: Level,
        alpha: T,
        x: (SparseRef<'_, T>, Columns<'_>),
        z: MatMut<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), Error> {
        let (rank, n) = (self.rank(), x.0.rows());
        let (scratch, _) = take(scratch, self.query_scratch_len(n))?;
        let (shares, scratch) = take(scratch, area(rank, n))?;
        shares.fill(T::ZERO);
        overlap(level, (self.v, self.v_columns), x, false, MatMut::new(shares, rank, n)?, scratch)?;
        spread(level, alpha, self.u, self.u_columns, Panels::row_major(shares, rank, n)?, z, scratch)
    }

    /// Scratch of [`transposed_query`](Self::transposed_query), in elements: U and V column by column, and a sample's shares
    /// of every term, for all outputs in whole vectors.
    ///
    /// ```
    /// # use subquad::{Level, MatMut, low_rank::Update, sparse::{Columns, Panels, PanelsMut, SparseRef, Support, panels_len}};
    /// # let u = (SparseRef::new(Support::new(&[0, 1], &[1], 2)?, 1, &[2.0])?, Columns::new(&[0, 0, 1], &[0], &[0])?);
    /// # let v = (SparseRef::new(Support::new(&[0, 2], &[0, 2], 3)?, 1, &[3.0, 4.0])?, Columns::new(&[0, 1, 1, 2], &[0, 0], &[0, 1])?);
    /// let update = Update::new(u, v)?; // u = (0, 2), v = (3, 0, 4)
    /// // Grows with the outputs, vector by vector, not with the samples.
    /// assert!(update.transposed_query_scratch_len(100) > update.transposed_query_scratch_len(10));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn transposed_query_scratch_len(&self, depth: usize) -> usize {
        let shares = area(self.rank(), area(depth.div_ceil(MOST_LANES), MOST_LANES));
        all_of(&[self.u.support().len(), self.v.support().len(), shares])
    }

    /// `e[i, c, j] <- e[i, c, j] + (sum_f v_f u_f^T g_(i, c))[j]` for the inputs j in `below`: what the update adds to `W^T g`.
    ///
    /// # Shapes
    /// g n x outputs of depth C, `below` n x inputs, e in the order of a [`SparseRef`] of depth C over `below`.
    ///
    /// # Errors
    /// [`Error::Length`] where shapes disagree, [`Error::TooShort`] if scratch is less than
    /// [`transposed_query_scratch_len`](Self::transposed_query_scratch_len).
    ///
    /// # Cost
    /// `2 R n p k C` multiply-adds.
    ///
    /// ```
    /// # use subquad::{Level, MatMut, low_rank::Update, sparse::{Columns, Panels, PanelsMut, SparseRef, Support, panels_len}};
    /// # let u = (SparseRef::new(Support::new(&[0, 1], &[1], 2)?, 1, &[2.0])?, Columns::new(&[0, 0, 1], &[0], &[0])?);
    /// # let v = (SparseRef::new(Support::new(&[0, 2], &[0, 2], 3)?, 1, &[3.0, 4.0])?, Columns::new(&[0, 1, 1, 2], &[0, 0], &[0, 1])?);
    /// let update = Update::new(u, v)?; // u = (0, 2), v = (3, 0, 4)
    /// let g = SparseRef::new(Support::new(&[0, 1], &[1], 2)?, 1, &[1.0])?; // (0, 1)
    /// let (mut e, mut scratch) = ([0.0; 2], vec![0.0; update.transposed_query_scratch_len(1)]);
    /// update.transposed_query(Level::detect(), g, Support::new(&[0, 2], &[0, 2], 3)?, &mut e, &mut scratch)?;
    /// assert_eq!(e, [2.0 * 3.0, 2.0 * 4.0]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn transposed_query(
        &self,
        level: Level,
        g: SparseRef<'_, T>,
        below: Support<'_>,
        e: &mut [T],
        scratch: &mut [T],
    ) -> Result<(), Error> {
        let depth = g.depth();
        expect_length("transposed query: outputs", self.u.support().cols(), g.support().cols())?;
        expect_length("transposed query: inputs", self.v.support().cols(), below.cols())?;
        expect_length("transposed query: rows", g.rows(), below.rows())?;
        expect_length("transposed query: result", area(depth, below.len()), e.len())?;
        let (scratch, _) = take(scratch, self.transposed_query_scratch_len(depth))?;
        // Without places a stack may be of any depth, and there is nothing to add to.
        if !e.is_empty() {
            transposed_entry(level, *self, g, below, e, scratch);
        }
        Ok(())
    }

    /// Adds the sum to W^T, entry by entry.
    ///
    /// # Errors
    /// [`Error::Length`] unless W^T is inputs x outputs.
    ///
    /// # Cost
    /// One multiply-add in memory for each place of u_f and of v_f: R k^2.
    ///
    /// ```
    /// # use subquad::{Level, MatMut, low_rank::Update, sparse::{Columns, Panels, PanelsMut, SparseRef, Support, panels_len}};
    /// # let u = (SparseRef::new(Support::new(&[0, 1], &[1], 2)?, 1, &[2.0])?, Columns::new(&[0, 0, 1], &[0], &[0])?);
    /// # let v = (SparseRef::new(Support::new(&[0, 2], &[0, 2], 3)?, 1, &[3.0, 4.0])?, Columns::new(&[0, 1, 1, 2], &[0, 0], &[0, 1])?);
    /// let update = Update::new(u, v)?; // u = (0, 2), v = (3, 0, 4)
    /// let mut w = [0.0; panels_len(3, 2)]; // W^T
    /// update.fold_sparse(&mut PanelsMut::packed(&mut w, 3, 2)?)?;
    /// assert_eq!(Panels::packed(&w, 3, 2)?.get(2, 1), Some(4.0 * 2.0));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn fold_sparse(&self, w: &mut PanelsMut<'_, T>) -> Result<(), Error> {
        self.check_matrix(w)?;
        // Whether most lines (of 16 entries, say) are touched by some term.
        let wanted = self.u.support().len() as f64 * self.v.support().len() as f64 / self.rank().max(1) as f64;
        let busy = wanted * 16.0 > w.rows() as f64 * w.cols() as f64;
        // Blocks of panels outside, as everywhere: one of them fits the second-level cache.
        for p in 0..w.cols().div_ceil(PANEL) {
            for from in (0..w.rows()).step_by(2 * BLOCK) {
                let block = w.rows_of(p, from, 2 * BLOCK);
                if busy {
                    touch(block);
                }
                for f in 0..self.rank() {
                    let (rows, values) = within(self.u, f, p * PANEL, PANEL);
                    if rows.is_empty() {
                        continue;
                    }
                    let (columns, factors) = within(self.v, f, from, 2 * BLOCK);
                    for (&r, &u) in rows.iter().zip(values) {
                        let place = r as usize % PANEL;
                        for (&j, &v) in columns.iter().zip(factors) {
                            if let Some(w) = block.get_mut((j as usize - from) * PANEL + place) {
                                *w += u * v;
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Scratch of [`fold_dense`](Self::fold_dense), in elements: V, and a panel of U.
    ///
    /// ```
    /// # use subquad::{Level, MatMut, low_rank::Update, sparse::{Columns, Panels, PanelsMut, SparseRef, Support, panels_len}};
    /// # let u = (SparseRef::new(Support::new(&[0, 1], &[1], 2)?, 1, &[2.0])?, Columns::new(&[0, 0, 1], &[0], &[0])?);
    /// # let v = (SparseRef::new(Support::new(&[0, 2], &[0, 2], 3)?, 1, &[3.0, 4.0])?, Columns::new(&[0, 1, 1, 2], &[0, 0], &[0, 1])?);
    /// let update = Update::new(u, v)?; // u = (0, 2), v = (3, 0, 4)
    /// assert!(update.fold_dense_scratch_len() >= 3); // V, and more
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn fold_dense_scratch_len(&self) -> usize {
        let (rank, inputs) = (self.rank(), self.v.support().cols());
        all_of(&[area(rank, inputs), area(rank, PANEL), gemm_scratch_len(inputs, PANEL, rank)])
    }

    /// Adds the sum to W^T by matrix products.
    ///
    /// # Errors
    /// [`Error::Length`] unless W^T is inputs x outputs, [`Error::TooShort`] if scratch is less than
    /// [`fold_dense_scratch_len`](Self::fold_dense_scratch_len).
    ///
    /// # Cost
    /// R m^2 multiply-adds.
    ///
    /// ```
    /// # use subquad::{Level, MatMut, low_rank::Update, sparse::{Columns, Panels, PanelsMut, SparseRef, Support, panels_len}};
    /// # let u = (SparseRef::new(Support::new(&[0, 1], &[1], 2)?, 1, &[2.0])?, Columns::new(&[0, 0, 1], &[0], &[0])?);
    /// # let v = (SparseRef::new(Support::new(&[0, 2], &[0, 2], 3)?, 1, &[3.0, 4.0])?, Columns::new(&[0, 1, 1, 2], &[0, 0], &[0, 1])?);
    /// let update = Update::new(u, v)?; // u = (0, 2), v = (3, 0, 4)
    /// let (mut w, mut scratch) = ([1.0; panels_len(3, 2)], vec![0.0; update.fold_dense_scratch_len()]);
    /// update.fold_dense(Level::detect(), &mut PanelsMut::packed(&mut w, 3, 2)?, &mut scratch)?;
    /// assert_eq!(Panels::packed(&w, 3, 2)?.get(0, 1), Some(1.0 + 3.0 * 2.0));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn fold_dense(&self, level: Level, w: &mut PanelsMut<'_, T>, scratch: &mut [T]) -> Result<(), Error> {
        self.check_matrix(w)?;
        let (rank, inputs) = (self.rank(), w.rows());
        let (scratch, _) = take(scratch, self.fold_dense_scratch_len())?;
        let (v, scratch) = take(scratch, area(rank, inputs))?;
        let (u, scratch) = take(scratch, area(rank, PANEL))?;
        v.fill(T::ZERO);
        for f in 0..rank {
            for (&j, &x) in self.v.support().row(f).iter().zip(self.v.row(f, 0)) {
                if let Some(to) = v.get_mut(f * inputs + j as usize) {
                    *to = x;
                }
            }
        }
        for p in 0..w.cols().div_ceil(PANEL) {
            u.fill(T::ZERO);
            for f in 0..rank {
                let rows = self.u.support().row(f);
                let first = rows.partition_point(|&r| (r as usize) < p * PANEL);
                for (&r, &x) in rows[first..].iter().zip(self.u.row(f, 0).get(first..).unwrap_or_default()) {
                    let r = r as usize - p * PANEL;
                    if r >= PANEL {
                        break;
                    }
                    if let Some(to) = u.get_mut(f * PANEL + r) {
                        *to = x;
                    }
                }
            }
            let panel = w.panel(p)?;
            let u = MatRef::new(u, rank, PANEL)?.col_range(0, panel.cols());
            gemm(level, T::ONE, MatRef::new(v, rank, inputs)?.t(), u, T::ONE, panel, scratch)?;
        }
        Ok(())
    }

    fn check_matrix(&self, w: &PanelsMut<'_, T>) -> Result<(), Error> {
        expect_length("fold: rows of W^T", self.v.support().cols(), w.rows())?;
        expect_length("fold: columns of W^T", self.u.support().cols(), w.cols())
    }
}

/// The places of row f from column `from` on, `count` columns at most, and their numbers.
#[inline(always)]
fn within<'a, T>(matrix: SparseRef<'a, T>, f: usize, from: usize, count: usize) -> (&'a [u32], &'a [T]) {
    let indices = matrix.support().row(f);
    let first = indices.partition_point(|&r| (r as usize) < from);
    let rest = &indices[first..];
    let len = rest.partition_point(|&r| (r as usize) < from + count);
    (&rest[..len], matrix.row(f, 0).get(first..first + len).unwrap_or_default())
}

multiversion! {
    fn transposed_entry<T: Float>(
        update: Update<'_, T>, g: SparseRef<'_, T>, below: Support<'_>, e: &mut [T], scratch: &mut [T],
    ) = transposed_body;
}

/// Sample by sample, so that its shares of all terms stay in the first-level cache.
#[inline(always)]
fn transposed_body<T: Float, S: Simd<T>>(
    s: S,
    update: Update<'_, T>,
    g: SparseRef<'_, T>,
    below: Support<'_>,
    e: &mut [T],
    scratch: &mut [T],
) {
    let depth = g.depth();
    let vectors = depth.div_ceil(S::LANES);
    let (us, scratch) = split(scratch, update.u.support().len());
    let (vs, scratch) = split(scratch, update.v.support().len());
    turn(update.u, update.u_columns, T::ONE, us);
    turn(update.v, update.v_columns, T::ONE, vs);
    let Some(shares) = s.chunks_mut(scratch).0.get_mut(..update.rank()) else { return };
    for i in 0..g.rows() {
        let (above, columns, place) = (g.support().row(i), below.row(i), below.range(i));
        let Some(e) = e.get_mut(depth * place.start..depth * place.end) else { continue };
        for v in 0..vectors {
            // shares[f] = <u_f, g_i> for vector v of the outputs.
            for share in shares.iter_mut() {
                s.store(share, s.splat(T::ZERO));
            }
            for (at, &r) in above.iter().enumerate() {
                let (terms, _) = update.u_columns.column(r as usize);
                if terms.is_empty() {
                    continue;
                }
                let us = update.u_columns.range(r as usize).and_then(|range| us.get(range)).unwrap_or_default();
                let g = side_by_side(s, g.stack(i), above.len(), at, v * S::LANES);
                for (&f, &u) in terms.iter().zip(us) {
                    if let Some(share) = shares.get_mut(f as usize) {
                        let sum = s.mul_add(s.splat(u), g, s.load(share));
                        s.store(share, sum);
                    }
                }
            }
            for (at, &j) in columns.iter().enumerate() {
                let (terms, _) = update.v_columns.column(j as usize);
                let vs = update.v_columns.range(j as usize).and_then(|range| vs.get(range)).unwrap_or_default();
                let mut sum = s.splat(T::ZERO);
                for (&f, &x) in terms.iter().zip(vs) {
                    if let Some(share) = shares.get(f as usize) {
                        sum = s.mul_add(s.splat(x), s.load(share), sum);
                    }
                }
                let mut sums = [T::ZERO; MOST_LANES];
                if let Some(to) = s.chunks_mut(&mut sums).0.first_mut() {
                    s.store(to, sum);
                }
                let mut place = v * S::LANES * columns.len() + at;
                for &x in &sums[..S::LANES] {
                    let Some(e) = e.get_mut(place) else { break };
                    *e += x;
                    place += columns.len();
                }
            }
        }
    }
}
