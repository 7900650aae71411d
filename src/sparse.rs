//! Matrices of few non-zeros: which neurons fire on every sample, and products that touch those alone.
//!
//! * [`Support`]: which columns of each row are not zero, as compressed sparse rows. [`SparseRef`] adds the numbers: one
//!   for each place, or a stack of several.
//! * [`Columns`]: the same places column by column, made by [`transpose`].
//! * [`Panels`]: a dense matrix in the order in which [`times_panels`] and [`spread`] read it.
//! * [`overlap`]: products of rows with rows, from the columns where both are not zero.
//!
//! ```
//! use subquad::sparse::{Panels, SparseRef, Support, panels_len, times_panels};
//! use subquad::{Level, MatMut, MatRef};
//!
//! // Two rows of four columns: (0, 2, 0, 1) and (3, 0, 0, 0).
//! let support = Support::new(&[0, 2, 3], &[1, 3, 0], 4)?;
//! let rows = SparseRef::new(support, 1, &[2.0f32, 1.0, 3.0])?;
//! // Times the column (1, 10, 100, 1000).
//! let mut packed = [0.0f32; panels_len(4, 1)];
//! subquad::sparse::pack(MatRef::new(&[1.0, 10.0, 100.0, 1000.0], 4, 1)?, &mut packed)?;
//! let mut out = [0.0; 2];
//! times_panels(Level::detect(), rows, Panels::packed(&packed, 4, 1)?, false, MatMut::new(&mut out, 2, 1)?)?;
//! assert_eq!(out, [1020.0, 3.0]);
//! # Ok::<(), subquad::Error>(())
//! ```
//!
//! # Shapes
//! n rows (samples) of m columns (neurons), k places in each: starts n + 1, indices and numbers n k. Numbers of a stack of depth C: n k C.
//!
//! # Cost
//! `A B` for B m x N: 2 N flops for each place of A. `A A^T`: for each column the square of the number of rows that it is in, n^2 p^2 m in all
//! where a share p = k / m fires. [`transpose`]: two passes over the places.
//!
//! # Source
//! F. Gustavson, *Two Fast Algorithms for Sparse Matrices: Multiplication and Permuted Transposition*, ACM TOMS 4, 1978; the panels are ours.
//!
//! Next: [`relu`](crate::relu).

mod overlap;
mod panels;

pub use overlap::{overlap, overlap_scratch_len};
#[cfg(feature = "std")]
pub(crate) use panels::unpack;
pub(crate) use panels::{BLOCK, touch, turn};
pub use panels::{PANEL, Panels, PanelsMut, pack, panels_len, spread, spread_scratch_len, times_panels};

use core::ops::Range;

use crate::error::{Error, Figure, descending, expect_length};
use crate::scratch::area;
use crate::simd::{Float, MOST_LANES, Simd};

/// Which columns of each row are not zero: compressed sparse rows, columns ascending in each.
///
/// ```
/// use subquad::sparse::Support;
///
/// // Columns 1 and 3 of the first row, column 0 of the second, nothing in the third.
/// let support = Support::new(&[0, 2, 3, 3], &[1, 3, 0], 4)?;
/// assert_eq!((support.row(0), support.row(1), support.row(2)), (&[1, 3][..], &[0][..], &[][..]));
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Support<'a> {
    starts: &'a [usize],
    indices: &'a [u32],
    cols: usize,
}

impl<'a> Support<'a> {
    /// Row i has the columns `indices[starts[i] .. starts[i + 1]]`; `starts` has one number more than there are rows,
    /// begins with 0 and ends with the length of `indices`.
    ///
    /// # Errors
    /// [`Error::Length`] where the ends do not fit, [`Error::Value`] unless starts ascend, and the columns of every row
    /// do, strictly, and are below `cols`.
    ///
    /// # Cost
    /// One pass over both.
    ///
    /// ```
    /// # use subquad::sparse::Support;
    /// assert!(Support::new(&[0, 2, 3], &[1, 3, 0], 4).is_ok());
    /// assert!(Support::new(&[0, 2, 3], &[3, 1, 0], 4).is_err()); // not ascending
    /// assert!(Support::new(&[0, 2, 3], &[1, 4, 0], 4).is_err()); // there is no column 4
    /// ```
    pub fn new(starts: &'a [usize], indices: &'a [u32], cols: usize) -> Result<Self, Error> {
        let (Some(&first), Some(&last)) = (starts.first(), starts.last()) else {
            return Err(Error::too_short("support: starts", 1, 0));
        };
        expect_length("support: first start", 0, first)?;
        expect_length("support: indices", last, indices.len())?;
        for (i, pair) in starts.windows(2).enumerate() {
            let Some(row) = indices.get(pair[0]..pair[1]) else {
                return Err(descending("support: starts", starts, i));
            };
            if row.last().is_some_and(|&last| last as usize >= cols) || row.windows(2).any(|two| two[0] >= two[1]) {
                return Err(bad_row(row, pair[0], cols));
            }
        }
        Ok(Self { starts, indices, cols })
    }

    /// What [`new`](Self::new) has looked through before, in no time.
    #[cfg(feature = "std")]
    pub(crate) fn again(starts: &'a [usize], indices: &'a [u32], cols: usize) -> Self {
        debug_assert!(Self::new(starts, indices, cols).is_ok());
        Self { starts, indices, cols }
    }

    /// Number of rows.
    ///
    /// ```
    /// # use subquad::sparse::Support;
    /// assert_eq!(Support::new(&[0, 2, 3], &[1, 3, 0], 4)?.rows(), 2);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// Number of columns.
    ///
    /// ```
    /// # use subquad::sparse::Support;
    /// assert_eq!(Support::new(&[0, 2, 3], &[1, 3, 0], 4)?.cols(), 4);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn cols(&self) -> usize {
        self.cols
    }

    /// Places in all rows.
    ///
    /// ```
    /// # use subquad::sparse::Support;
    /// assert_eq!(Support::new(&[0, 2, 3], &[1, 3, 0], 4)?.len(), 3);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether every row is empty.
    ///
    /// ```
    /// # use subquad::sparse::Support;
    /// assert!(Support::new(&[0, 0, 0], &[], 4)?.is_empty());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// All places, row after row.
    ///
    /// ```
    /// # use subquad::sparse::Support;
    /// assert_eq!(Support::new(&[0, 2, 3], &[1, 3, 0], 4)?.indices(), [1, 3, 0]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn indices(&self) -> &'a [u32] {
        self.indices
    }

    /// Where each row begins, and where the last one ends.
    ///
    /// ```
    /// # use subquad::sparse::Support;
    /// assert_eq!(Support::new(&[0, 2, 3], &[1, 3, 0], 4)?.starts(), [0, 2, 3]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn starts(&self) -> &'a [usize] {
        self.starts
    }

    /// Where row i lies in `indices`; empty behind the last row.
    ///
    /// ```
    /// # use subquad::sparse::Support;
    /// let support = Support::new(&[0, 2, 3], &[1, 3, 0], 4)?;
    /// assert_eq!((support.range(0), support.range(9)), (0..2, 0..0));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline(always)]
    pub fn range(&self, i: usize) -> Range<usize> {
        match (self.starts.get(i), self.starts.get(i + 1)) {
            (Some(&from), Some(&to)) => from..to,
            _ => 0..0,
        }
    }

    /// The columns of row i; none behind the last row.
    ///
    /// ```
    /// # use subquad::sparse::Support;
    /// assert_eq!(Support::new(&[0, 2, 3], &[1, 3, 0], 4)?.row(0), [1, 3]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline(always)]
    pub fn row(&self, i: usize) -> &'a [u32] {
        self.indices.get(self.range(i)).unwrap_or_default()
    }

    /// Places of the longest row.
    ///
    /// ```
    /// # use subquad::sparse::Support;
    /// assert_eq!(Support::new(&[0, 2, 3], &[1, 3, 0], 4)?.longest(), 2);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn longest(&self) -> usize {
        self.starts.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
    }
}

/// What is wrong with the columns of a row that begins at place `start`.
#[cold]
fn bad_row(row: &[u32], start: usize, cols: usize) -> Error {
    let what = "support: columns of a row";
    let figure = |i: usize| row.get(i).map_or(Figure::Nothing, |&column| Figure::Count(column as usize));
    match row.windows(2).position(|two| two[0] >= two[1]) {
        Some(i) => Error::at(what, "strictly ascending, so more than", figure(i), figure(i + 1), start + i + 1),
        None => {
            Error::at(what, "less than", Figure::Count(cols), figure(row.len().saturating_sub(1)), (start + row.len()).saturating_sub(1))
        }
    }
}

/// A stack of sparse matrices of one [`Support`]: for row i of k places, `depth` runs of k numbers.
///
/// Depth 1 is an ordinary sparse matrix; depth C holds the gradients of C outputs, which are zero at the same places.
///
/// ```
/// use subquad::sparse::{SparseRef, Support};
///
/// // Two matrices, the second ten times the first: (0, 2, 0, 1) and (3, 0, 0, 0).
/// let support = Support::new(&[0, 2, 3], &[1, 3, 0], 4)?;
/// let stack = SparseRef::new(support, 2, &[2.0, 1.0, 20.0, 10.0, 3.0, 30.0])?;
/// assert_eq!((stack.row(0, 1), stack.row(1, 0)), (&[20.0, 10.0][..], &[3.0][..]));
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SparseRef<'a, T> {
    support: Support<'a>,
    depth: usize,
    values: &'a [T],
}

impl<'a, T> SparseRef<'a, T> {
    /// A support with its numbers: `depth` times as many as it has places.
    ///
    /// # Errors
    /// [`Error::Length`] where there are more or fewer.
    ///
    /// ```
    /// # use subquad::sparse::{SparseRef, Support};
    /// let support = Support::new(&[0, 2, 3], &[1, 3, 0], 4)?;
    /// assert!(SparseRef::new(support, 1, &[2.0, 1.0, 3.0]).is_ok());
    /// assert!(SparseRef::new(support, 2, &[2.0, 1.0, 3.0]).is_err()); // six are wanted
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn new(support: Support<'a>, depth: usize, values: &'a [T]) -> Result<Self, Error> {
        expect_length("sparse: numbers, against places x depth", area(support.len(), depth), values.len())?;
        Ok(Self { support, depth, values })
    }

    /// The places.
    ///
    /// ```
    /// # use subquad::sparse::{SparseRef, Support};
    /// # let support = Support::new(&[0, 2, 3], &[1, 3, 0], 4)?;
    /// let matrix = SparseRef::new(support, 1, &[2.0, 1.0, 3.0])?;
    /// for (&column, &number) in matrix.support().row(0).iter().zip(matrix.row(0, 0)) {
    ///     assert!(matches!((column, number), (1, 2.0) | (3, 1.0)));
    /// }
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn support(&self) -> Support<'a> {
        self.support
    }

    /// Matrices in the stack.
    ///
    /// ```
    /// # use subquad::sparse::{SparseRef, Support};
    /// # let support = Support::new(&[0, 2, 3], &[1, 3, 0], 4)?;
    /// assert_eq!(SparseRef::new(support, 2, &[0.0; 6])?.depth(), 2);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn depth(&self) -> usize {
        self.depth
    }

    /// All numbers.
    ///
    /// ```
    /// # use subquad::sparse::{SparseRef, Support};
    /// # let support = Support::new(&[0, 2, 3], &[1, 3, 0], 4)?;
    /// assert_eq!(SparseRef::new(support, 1, &[2.0, 1.0, 3.0])?.values(), [2.0, 1.0, 3.0]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn values(&self) -> &'a [T] {
        self.values
    }

    /// Number of rows.
    ///
    /// ```
    /// # use subquad::sparse::{SparseRef, Support};
    /// # let support = Support::new(&[0, 2, 3], &[1, 3, 0], 4)?;
    /// assert_eq!(SparseRef::new(support, 1, &[2.0, 1.0, 3.0])?.rows(), 2);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn rows(&self) -> usize {
        self.support.rows()
    }

    /// All numbers of row i, matrix by matrix.
    ///
    /// ```
    /// # use subquad::sparse::{SparseRef, Support};
    /// # let support = Support::new(&[0, 2, 3], &[1, 3, 0], 4)?;
    /// let stack = SparseRef::new(support, 2, &[2.0, 1.0, 20.0, 10.0, 3.0, 30.0])?;
    /// assert_eq!(stack.stack(0), [2.0, 1.0, 20.0, 10.0]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline(always)]
    pub fn stack(&self, i: usize) -> &'a [T] {
        let range = self.support.range(i);
        self.values.get(self.depth * range.start..self.depth * range.end).unwrap_or_default()
    }

    /// The numbers of row i in matrix c.
    ///
    /// ```
    /// # use subquad::sparse::{SparseRef, Support};
    /// # let support = Support::new(&[0, 2, 3], &[1, 3, 0], 4)?;
    /// let stack = SparseRef::new(support, 2, &[2.0, 1.0, 20.0, 10.0, 3.0, 30.0])?;
    /// assert_eq!(stack.row(1, 1), [30.0]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline(always)]
    pub fn row(&self, i: usize, c: usize) -> &'a [T] {
        let k = self.support.range(i).len();
        self.stack(i).get(c * k..).and_then(|rest| rest.get(..k)).unwrap_or_default()
    }
}

/// The places of a [`Support`] column by column: which rows each is in, and at which place of the row.
///
/// ```
/// use subquad::sparse::Columns;
///
/// // Of the rows (2, 0) and (3, 5): column 0 is in both, as their first place; column 1 is the second row's second.
/// let columns = Columns::new(&[0, 2, 3], &[0, 1, 1], &[0, 0, 1])?;
/// assert_eq!(columns.column(1), (&[1][..], &[1][..]));
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    starts: &'a [usize],
    rows: &'a [u32],
    places: &'a [u32],
}

impl<'a> Columns<'a> {
    /// What [`transpose`] wrote.
    ///
    /// # Errors
    /// [`Error::Length`] where lengths disagree, [`Error::Value`] where starts do not ascend.
    ///
    /// ```
    /// # use subquad::sparse::Columns;
    /// assert!(Columns::new(&[0, 2, 3], &[0, 1, 1], &[0, 0, 1]).is_ok());
    /// assert!(Columns::new(&[0, 2, 4], &[0, 1, 1], &[0, 0, 1]).is_err()); // three places, not four
    /// ```
    pub fn new(starts: &'a [usize], rows: &'a [u32], places: &'a [u32]) -> Result<Self, Error> {
        let (Some(&first), Some(&last)) = (starts.first(), starts.last()) else {
            return Err(Error::too_short("columns: starts", 1, 0));
        };
        expect_length("columns: first start", 0, first)?;
        expect_length("columns: rows", last, rows.len())?;
        expect_length("columns: places", last, places.len())?;
        if let Some(i) = starts.windows(2).position(|pair| pair[0] > pair[1]) {
            return Err(descending("columns: starts", starts, i));
        }
        Ok(Self { starts, rows, places })
    }

    /// Number of columns.
    ///
    /// ```
    /// # use subquad::sparse::Columns;
    /// assert_eq!(Columns::new(&[0, 2, 3], &[0, 1, 1], &[0, 0, 1])?.cols(), 2);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn cols(&self) -> usize {
        self.starts.len() - 1
    }

    /// Places in all columns.
    ///
    /// ```
    /// # use subquad::sparse::Columns;
    /// assert_eq!(Columns::new(&[0, 2, 3], &[0, 1, 1], &[0, 0, 1])?.len(), 3);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether every column is empty.
    ///
    /// ```
    /// # use subquad::sparse::Columns;
    /// assert!(Columns::new(&[0, 0], &[], &[])?.is_empty());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Where each column begins, and where the last one ends.
    ///
    /// ```
    /// # use subquad::sparse::Columns;
    /// assert_eq!(Columns::new(&[0, 2, 3], &[0, 1, 1], &[0, 0, 1])?.starts(), [0, 2, 3]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn starts(&self) -> &'a [usize] {
        self.starts
    }

    /// The rows, column after column.
    ///
    /// ```
    /// # use subquad::sparse::Columns;
    /// assert_eq!(Columns::new(&[0, 2, 3], &[0, 1, 1], &[0, 0, 1])?.rows(), [0, 1, 1]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn rows(&self) -> &'a [u32] {
        self.rows
    }

    /// Where column r lies in [`rows`](Self::rows).
    ///
    /// ```
    /// # use subquad::sparse::Columns;
    /// let columns = Columns::new(&[0, 2, 3], &[0, 1, 1], &[0, 0, 1])?;
    /// assert_eq!((columns.range(1), columns.range(2)), (Some(2..3), None));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline(always)]
    pub fn range(&self, r: usize) -> Option<Range<usize>> {
        Some(*self.starts.get(r)?..*self.starts.get(r + 1)?)
    }

    /// The rows of column r, ascending, and the column's place in each of them.
    ///
    /// ```
    /// # use subquad::sparse::Columns;
    /// let columns = Columns::new(&[0, 2, 3], &[0, 1, 1], &[0, 0, 1])?;
    /// assert_eq!(columns.column(0), (&[0, 1][..], &[0, 0][..]));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline(always)]
    pub fn column(&self, r: usize) -> (&'a [u32], &'a [u32]) {
        let range = self.range(r).unwrap_or(0..0);
        (self.rows.get(range.clone()).unwrap_or_default(), self.places.get(range).unwrap_or_default())
    }

    /// Rows of the fullest column.
    ///
    /// ```
    /// # use subquad::sparse::Columns;
    /// assert_eq!(Columns::new(&[0, 2, 3], &[0, 1, 1], &[0, 0, 1])?.longest(), 2);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn longest(&self) -> usize {
        self.starts.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
    }

    /// Pairs of rows that share a column, each pair in both orders: what sums over them cost.
    ///
    /// ```
    /// # use subquad::sparse::Columns;
    /// assert_eq!(Columns::new(&[0, 2, 3], &[0, 1, 1], &[0, 0, 1])?.pairs(), 2 * 2 + 1);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn pairs(&self) -> u64 {
        self.starts.windows(2).map(|pair| ((pair[1] - pair[0]) as u64).pow(2)).sum()
    }
}

/// Finds the places of each column.
///
/// # Shapes
/// `starts`: one more than there are columns; `rows` and `places`: as many as there are places. They may hold anything
/// before, and are what [`Columns::new`] takes.
///
/// # Errors
/// [`Error::Length`] for other lengths, [`Error::Overflow`] where a row's number does not fit 32 bits.
///
/// ```
/// use subquad::sparse::{Support, transpose};
///
/// // The rows (2, 0) and (3, 5).
/// let support = Support::new(&[0, 1, 3], &[0, 0, 1], 2)?;
/// let (mut starts, mut rows, mut places) = ([0; 3], [0; 3], [0; 3]);
/// transpose(support, &mut starts, &mut rows, &mut places)?;
/// assert_eq!((starts, rows, places), ([0, 2, 3], [0, 1, 1], [0, 0, 1]));
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn transpose(support: Support<'_>, starts: &mut [usize], rows: &mut [u32], places: &mut [u32]) -> Result<(), Error> {
    expect_length("transpose: starts", support.cols().saturating_add(1), starts.len())?;
    expect_length("transpose: rows", support.len(), rows.len())?;
    expect_length("transpose: places", support.len(), places.len())?;
    if support.rows() > u32::MAX as usize {
        return Err(Error::index("transpose: number of rows", support.rows() as u64));
    }
    // Counted one column to the right; then, while columns are filled, each start moves on to the next one's.
    starts.fill(0);
    for &r in support.indices() {
        if let Some(count) = starts.get_mut(r as usize + 1) {
            *count += 1;
        }
    }
    let mut sum = 0;
    for start in starts.iter_mut() {
        sum += *start;
        *start = sum;
    }
    for i in 0..support.rows() {
        for (place, &r) in support.row(i).iter().enumerate() {
            let Some(at) = starts.get_mut(r as usize) else { continue };
            if let (Some(row), Some(to)) = (rows.get_mut(*at), places.get_mut(*at)) {
                (*row, *to) = (i as u32, place as u32);
            }
            *at += 1;
        }
    }
    // Each start stands where the next one belongs.
    starts.rotate_right(1);
    if let Some(first) = starts.first_mut() {
        *first = 0;
    }
    Ok(())
}

/// The numbers of one place, number `at` of k, in the matrices of a row's stack: as many as a vector holds, from matrix `from` on, and
/// zeros behind the last one.
#[inline(always)]
pub(crate) fn side_by_side<T: Float, S: Simd<T>>(s: S, stack: &[T], k: usize, at: usize, from: usize) -> S::V {
    let mut numbers = [T::ZERO; MOST_LANES];
    for (to, &x) in numbers[..S::LANES].iter_mut().zip(stack.iter().skip(from * k + at).step_by(k.max(1))) {
        *to = x;
    }
    match s.chunks(&numbers).0 {
        [numbers, ..] => s.load(numbers),
        [] => s.splat(T::ZERO),
    }
}
