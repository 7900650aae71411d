//! Matrices as views: a flat slice plus its shape, checked once, at construction.

use crate::error::Error;

/// A read-only matrix over a flat slice, with any strides: entry (i, j) is `data[i * row_stride + j * col_stride]`.
///
/// ```
/// use subquad::MatRef;
///
/// let a = MatRef::new(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3)?;
/// assert_eq!(a.get(1, 0), Some(4.0));
/// assert_eq!(a.t().get(0, 1), Some(4.0));
/// assert!(MatRef::new(&[1.0; 5], 2, 3).is_err());
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MatRef<'a, T> {
    data: &'a [T],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

/// The least slice that holds a strided matrix, or an error where the product does not fit.
const fn extent(rows: usize, cols: usize, row_stride: usize, col_stride: usize) -> Result<usize, Error> {
    if rows == 0 || cols == 0 {
        return Ok(0);
    }
    let Some(down) = (rows - 1).checked_mul(row_stride) else {
        return Err(Error::overflow("matrix: rows x stride", rows, row_stride));
    };
    let Some(right) = (cols - 1).checked_mul(col_stride) else {
        return Err(Error::overflow("matrix: columns x stride", cols, col_stride));
    };
    let Some(last) = down.checked_add(right) else {
        return Err(Error::overflow("matrix: rows x stride, and a row", rows, row_stride));
    };
    match last.checked_add(1) {
        Some(len) => Ok(len),
        None => Err(Error::overflow("matrix: rows x stride, and a row", rows, row_stride)),
    }
}

impl<'a, T> MatRef<'a, T> {
    /// A dense row-major matrix; `data` has exactly `rows * cols` elements.
    ///
    /// ```
    /// let entries = [1, 2, 3, 4, 5, 6];
    /// assert_eq!(subquad::MatRef::new(&entries, 2, 3)?.get(1, 2), Some(6));
    /// assert!(subquad::MatRef::new(&entries, 2, 2).is_err());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn new(data: &'a [T], rows: usize, cols: usize) -> Result<Self, Error> {
        match rows.checked_mul(cols) {
            None => Err(Error::overflow("matrix: rows x columns", rows, cols)),
            Some(len) if len != data.len() => Err(Error::length("matrix: rows x columns", len, data.len())),
            Some(_) => Ok(Self { data, rows, cols, row_stride: cols, col_stride: 1 }),
        }
    }

    /// A matrix with any strides; `data` may be longer than the last entry needs.
    ///
    /// ```
    /// // Every second column of a matrix of two rows and four columns.
    /// let even = subquad::MatRef::with_strides(&[1, 2, 3, 4, 5, 6, 7, 8], 2, 2, 4, 2)?;
    /// assert_eq!((even.get(0, 1), even.get(1, 1)), (Some(3), Some(7)));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn with_strides(data: &'a [T], rows: usize, cols: usize, row_stride: usize, col_stride: usize) -> Result<Self, Error> {
        match extent(rows, cols, row_stride, col_stride) {
            Err(error) => Err(error),
            Ok(len) if len > data.len() => Err(Error::too_short("matrix", len, data.len())),
            Ok(_) => Ok(Self { data, rows, cols, row_stride, col_stride }),
        }
    }

    /// Number of rows.
    ///
    /// ```
    /// assert_eq!(subquad::MatRef::new(&[0; 6], 2, 3)?.rows(), 2);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline(always)]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    ///
    /// ```
    /// assert_eq!(subquad::MatRef::new(&[0; 6], 2, 3)?.cols(), 3);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline(always)]
    pub const fn cols(&self) -> usize {
        self.cols
    }

    /// Elements from one row to the next.
    ///
    /// ```
    /// let a = subquad::MatRef::new(&[0; 6], 2, 3)?;
    /// assert_eq!((a.row_stride(), a.t().row_stride()), (3, 1));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline(always)]
    pub const fn row_stride(&self) -> usize {
        self.row_stride
    }

    /// Elements from one column to the next.
    ///
    /// ```
    /// let a = subquad::MatRef::new(&[0; 6], 2, 3)?;
    /// assert_eq!((a.col_stride(), a.t().col_stride()), (1, 3));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline(always)]
    pub const fn col_stride(&self) -> usize {
        self.col_stride
    }

    /// The flat slice below, from entry (0, 0) on.
    ///
    /// ```
    /// let a = subquad::MatRef::new(&[1, 2, 3, 4], 2, 2)?;
    /// assert_eq!((a.data(), a.row_range(1, 1).data()), (&[1, 2, 3, 4][..], &[3, 4][..]));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline(always)]
    pub const fn data(&self) -> &'a [T] {
        self.data
    }

    /// The transpose: the same data, the strides exchanged.
    ///
    /// ```
    /// let a = subquad::MatRef::new(&[1, 2, 3, 4, 5, 6], 2, 3)?;
    /// assert_eq!((a.t().rows(), a.t().cols(), a.t().get(2, 0)), (3, 2, Some(3)));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline(always)]
    pub const fn t(self) -> Self {
        Self { data: self.data, rows: self.cols, cols: self.rows, row_stride: self.col_stride, col_stride: self.row_stride }
    }

    /// Rows `from .. from + rows`, cut off at the end of the matrix.
    ///
    /// ```
    /// let a = subquad::MatRef::new(&[1, 2, 3, 4, 5, 6], 3, 2)?;
    /// assert_eq!(a.row_range(1, 9).rows(), 2);
    /// assert_eq!(a.row_range(1, 9).row(0), Some(&[3, 4][..]));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline]
    pub fn row_range(self, from: usize, rows: usize) -> Self {
        let from = from.min(self.rows);
        let rows = rows.min(self.rows - from);
        // The product cannot overflow: it was checked at construction for the last row. Behind an empty range there
        // may be no data at all.
        let data = if rows == 0 || self.cols == 0 { &[] } else { self.data.get(from * self.row_stride..).unwrap_or_default() };
        Self { data, rows, ..self }
    }

    /// Columns `from .. from + cols`, cut off at the end of the matrix.
    ///
    /// ```
    /// let a = subquad::MatRef::new(&[1, 2, 3, 4, 5, 6], 2, 3)?;
    /// assert_eq!(a.col_range(1, 2).row(1), Some(&[5, 6][..]));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline]
    pub fn col_range(self, from: usize, cols: usize) -> Self {
        self.t().row_range(from, cols).t()
    }

    /// Row i as a slice, where the columns lie next to each other.
    ///
    /// ```
    /// let a = subquad::MatRef::new(&[1, 2, 3, 4], 2, 2)?;
    /// assert_eq!(a.row(1), Some(&[3, 4][..]));
    /// assert_eq!(a.t().row(1), None);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline]
    pub fn row(&self, i: usize) -> Option<&'a [T]> {
        if i >= self.rows || self.col_stride != 1 {
            return None;
        }
        if self.cols == 0 {
            return Some(&[]);
        }
        self.data.get(i * self.row_stride..)?.get(..self.cols)
    }
}

impl<T: Copy> MatRef<'_, T> {
    /// Entry (i, j), if there is one.
    ///
    /// ```
    /// let a = subquad::MatRef::new(&[1, 2, 3, 4], 2, 2)?;
    /// assert_eq!((a.get(1, 0), a.get(2, 0)), (Some(3), None));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline]
    pub fn get(&self, i: usize, j: usize) -> Option<T> {
        if i >= self.rows || j >= self.cols {
            return None;
        }
        self.data.get(i * self.row_stride + j * self.col_stride).copied()
    }
}

/// A row-major matrix to write to: rows are contiguous, `stride` elements apart.
///
/// ```
/// use subquad::MatMut;
///
/// let mut data = [0; 6];
/// let mut a = MatMut::new(&mut data, 2, 3)?;
/// a.row(1).unwrap()[2] = 7;
/// a.block(0, 0, 1, 2).row(0).unwrap().fill(5);
/// assert_eq!(data, [5, 5, 0, 0, 0, 7]);
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Debug)]
pub struct MatMut<'a, T> {
    data: &'a mut [T],
    rows: usize,
    cols: usize,
    stride: usize,
}

impl<'a, T> MatMut<'a, T> {
    /// A dense matrix; `data` has exactly `rows * cols` elements.
    ///
    /// ```
    /// let mut entries = [0; 6];
    /// assert_eq!(subquad::MatMut::new(&mut entries, 2, 3)?.rows(), 2);
    /// assert!(subquad::MatMut::new(&mut entries, 2, 2).is_err());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn new(data: &'a mut [T], rows: usize, cols: usize) -> Result<Self, Error> {
        match rows.checked_mul(cols) {
            None => Err(Error::overflow("matrix: rows x columns", rows, cols)),
            Some(len) if len != data.len() => Err(Error::length("matrix: rows x columns", len, data.len())),
            Some(_) => Ok(Self { data, rows, cols, stride: cols }),
        }
    }

    /// A matrix whose rows are `stride >= cols` elements apart; `data` may be longer than the last row needs.
    ///
    /// ```
    /// let mut entries = [0; 8];
    /// let mut a = subquad::MatMut::with_stride(&mut entries, 2, 3, 4)?;
    /// a.row(1).unwrap().fill(1);
    /// assert_eq!(entries, [0, 0, 0, 0, 1, 1, 1, 0]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn with_stride(data: &'a mut [T], rows: usize, cols: usize, stride: usize) -> Result<Self, Error> {
        if stride < cols {
            return Err(Error::too_short("matrix: stride", cols, stride));
        }
        match extent(rows, cols, stride, 1) {
            Err(error) => Err(error),
            Ok(len) if len > data.len() => Err(Error::too_short("matrix", len, data.len())),
            Ok(_) => Ok(Self { data, rows, cols, stride }),
        }
    }

    /// Number of rows.
    ///
    /// ```
    /// assert_eq!(subquad::MatMut::new(&mut [0; 6], 2, 3)?.rows(), 2);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline(always)]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    ///
    /// ```
    /// assert_eq!(subquad::MatMut::new(&mut [0; 6], 2, 3)?.cols(), 3);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline(always)]
    pub const fn cols(&self) -> usize {
        self.cols
    }

    /// Elements from one row to the next.
    ///
    /// ```
    /// assert_eq!(subquad::MatMut::with_stride(&mut [0; 8], 2, 3, 4)?.stride(), 4);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline(always)]
    pub const fn stride(&self) -> usize {
        self.stride
    }

    /// The flat slice below, from entry (0, 0) on.
    ///
    /// ```
    /// let mut entries = [0; 4];
    /// subquad::MatMut::new(&mut entries, 2, 2)?.data().fill(5);
    /// assert_eq!(entries, [5; 4]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline(always)]
    pub const fn data(&mut self) -> &mut [T] {
        self.data
    }

    /// The same matrix, to read.
    ///
    /// ```
    /// let mut entries = [1, 2, 3, 4];
    /// let a = subquad::MatMut::new(&mut entries, 2, 2)?;
    /// assert_eq!(a.as_ref().t().get(0, 1), Some(3));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline(always)]
    pub const fn as_ref(&self) -> MatRef<'_, T> {
        MatRef { data: self.data, rows: self.rows, cols: self.cols, row_stride: self.stride, col_stride: 1 }
    }

    /// The same matrix for a shorter time.
    ///
    /// ```
    /// let mut entries = [0; 4];
    /// let mut a = subquad::MatMut::new(&mut entries, 2, 2)?;
    /// a.reborrow().block(0, 0, 2, 1).row(1).unwrap()[0] = 3;
    /// assert_eq!(a.row(1), Some(&mut [3, 0][..]));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline(always)]
    pub const fn reborrow(&mut self) -> MatMut<'_, T> {
        MatMut { data: self.data, rows: self.rows, cols: self.cols, stride: self.stride }
    }

    /// The block of at most `rows x cols` entries whose first is (i, j), cut off at the end of the matrix.
    ///
    /// ```
    /// let mut entries = [0; 9];
    /// let mut corner = subquad::MatMut::new(&mut entries, 3, 3)?.block(1, 1, 9, 9);
    /// assert_eq!((corner.rows(), corner.cols()), (2, 2));
    /// corner.row(0).unwrap()[0] = 5;
    /// assert_eq!(entries[4], 5);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline]
    pub fn block(self, i: usize, j: usize, rows: usize, cols: usize) -> Self {
        let (i, j) = (i.min(self.rows), j.min(self.cols));
        let (rows, cols) = (rows.min(self.rows - i), cols.min(self.cols - j));
        let data = if rows == 0 || cols == 0 { &mut [] } else { self.data.get_mut(i * self.stride + j..).unwrap_or_default() };
        Self { data, rows, cols, stride: self.stride }
    }

    /// Row i.
    ///
    /// ```
    /// let mut entries = [0; 4];
    /// subquad::MatMut::new(&mut entries, 2, 2)?.row(1).unwrap()[0] = 3;
    /// assert_eq!(entries, [0, 0, 3, 0]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline]
    pub fn row(&mut self, i: usize) -> Option<&mut [T]> {
        if i >= self.rows {
            return None;
        }
        if self.cols == 0 {
            return Some(&mut []);
        }
        self.data.get_mut(i * self.stride..)?.get_mut(..self.cols)
    }

    /// The rows above `i` and those from `i` on, as two matrices.
    ///
    /// ```
    /// let mut entries = [1, 2, 3, 4, 5, 6];
    /// let (mut above, mut below) = subquad::MatMut::new(&mut entries, 3, 2)?.split_rows(1);
    /// above.row(0).unwrap().swap_with_slice(below.row(1).unwrap());
    /// assert_eq!(entries, [5, 6, 3, 4, 1, 2]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline]
    pub fn split_rows(self, i: usize) -> (Self, Self) {
        let i = i.min(self.rows);
        let at = if i == self.rows { self.data.len() } else { i * self.stride };
        let (above, below) = crate::scratch::split(self.data, at);
        (
            Self { data: above, rows: i, cols: self.cols, stride: self.stride },
            Self { data: below, rows: self.rows - i, cols: self.cols, stride: self.stride },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever begins or ends behind the matrix is cut off there, and what is empty has no data.
    #[test]
    fn ranges_end_where_the_matrix_does() {
        let a = MatRef::new(&[1, 2, 3, 4, 5, 6], 3, 2).unwrap();
        let found = [(0, 2), (1, 9), (3, 1), (4, 1), (1, 0)].map(|(from, rows)| {
            let some = a.row_range(from, rows);
            (some.rows(), some.cols(), some.data())
        });
        assert_eq!(found, [(2, 2, &[1, 2, 3, 4, 5, 6][..]), (2, 2, &[3, 4, 5, 6]), (0, 2, &[]), (0, 2, &[]), (0, 2, &[])]);
        let none = MatRef::with_strides(&[1, 2, 3], 3, 0, 1, 1).unwrap().row_range(1, 2);
        assert_eq!((none.rows(), none.cols(), none.data()), (2, 0, &[][..]));
        let mut entries = [1, 2, 3, 4, 5, 6];
        let cases = [(0, 0, 2, 1), (1, 1, 9, 9), (3, 0, 1, 1), (4, 0, 1, 1), (0, 2, 1, 1), (0, 3, 1, 1), (1, 1, 0, 1), (1, 1, 1, 0)];
        let found = cases.map(|(i, j, rows, cols)| {
            let mut some = MatMut::new(&mut entries, 3, 2).unwrap().block(i, j, rows, cols);
            (some.rows(), some.cols(), some.data().first().copied())
        });
        let some = |rows, cols, first| (rows, cols, Some(first));
        let none = |rows, cols| (rows, cols, None);
        assert_eq!(found, [some(2, 1, 1), some(2, 1, 4), none(0, 1), none(0, 1), none(1, 0), none(1, 0), none(0, 1), none(1, 0)]);
        for (i, wanted) in [(0, (0, 3)), (2, (2, 1)), (3, (3, 0)), (4, (3, 0))] {
            let (above, below) = MatMut::new(&mut entries, 3, 2).unwrap().split_rows(i);
            assert_eq!(((above.rows(), below.rows()), above.data.len(), below.data.len()), (wanted, 2 * wanted.0, 2 * wanted.1), "at {i}");
        }
    }

    #[test]
    fn shapes_are_checked_with_figures() {
        assert_eq!(MatRef::new(&[0u8; 5], 2, 3).unwrap_err(), Error::length("matrix: rows x columns", 6, 5));
        assert_eq!(MatRef::new(&[0u8; 5], usize::MAX, 3).unwrap_err(), Error::overflow("matrix: rows x columns", usize::MAX, 3));
        assert_eq!(MatRef::with_strides(&[0u8; 5], 2, 3, 3, 1).unwrap_err(), Error::too_short("matrix", 6, 5));
        assert_eq!(
            MatRef::with_strides(&[0u8; 5], 3, 2, usize::MAX, 1).unwrap_err(),
            Error::overflow("matrix: rows x stride", 3, usize::MAX)
        );
        assert_eq!(MatMut::with_stride(&mut [0u8; 9], 2, 3, 2).unwrap_err(), Error::too_short("matrix: stride", 3, 2));
        assert!(MatRef::with_strides(&[0u8; 0], 0, 3, 3, 1).is_ok());
        assert!(MatMut::with_stride(&mut [0u8; 7], 2, 3, 4).is_ok());
    }

    #[test]
    fn ranges_blocks_and_transposes_agree() {
        let data: [usize; 12] = core::array::from_fn(|i| i);
        let a = MatRef::new(&data, 3, 4).unwrap();
        assert_eq!(a.row_range(1, 9).rows(), 2);
        assert_eq!(a.row_range(1, 1).get(0, 2), Some(6));
        assert_eq!(a.col_range(2, 2).get(2, 1), Some(11));
        assert_eq!(a.col_range(2, 2).t().get(1, 2), Some(11));
        assert_eq!(a.row_range(7, 1).rows(), 0);
        assert_eq!((a.row(2), a.row(3), a.t().row(0)), (Some(&data[8..]), None, None));
        assert_eq!((a.get(3, 0), a.get(0, 4)), (None, None));

        let mut data = data;
        let mut b = MatMut::new(&mut data, 3, 4).unwrap();
        assert_eq!(b.reborrow().block(1, 1, 5, 2).row(1).unwrap(), &[9, 10]);
        let (mut above, mut below) = b.split_rows(2);
        assert_eq!((above.rows(), below.rows()), (2, 1));
        assert_eq!((above.row(1).unwrap()[0], below.row(0).unwrap()[3]), (4, 11));
    }
}
