//! A matrix that owns its numbers.

use crate::{Error, MatRef};

/// A dense row-major matrix that owns its entries.
///
/// ```
/// use subquad::train::Matrix;
///
/// let x = Matrix::new(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3)?;
/// assert_eq!((x.row(1), x.as_ref().t().get(0, 1)), (&[4.0, 5.0, 6.0][..], Some(4.0)));
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    data: Vec<f32>,
    rows: usize,
    cols: usize,
}

impl Matrix {
    /// A matrix of `rows x cols` entries.
    ///
    /// # Errors
    /// When `data` does not have exactly that many.
    ///
    /// ```
    /// # use subquad::train::Matrix;
    /// assert_eq!(Matrix::new(vec![0.0; 6], 2, 3)?.rows(), 2);
    /// assert!(Matrix::new(vec![0.0; 5], 2, 3).is_err());
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn new(data: Vec<f32>, rows: usize, cols: usize) -> Result<Self, Error> {
        MatRef::new(&data, rows, cols)?;
        Ok(Self { data, rows, cols })
    }

    /// The matrix as a view.
    ///
    /// ```
    /// # use subquad::train::Matrix;
    /// assert_eq!(Matrix::new(vec![1.0, 2.0], 1, 2)?.as_ref().get(0, 1), Some(2.0));
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn as_ref(&self) -> MatRef<'_, f32> {
        MatRef::new(&self.data, self.rows, self.cols).expect("the length was checked at construction")
    }

    /// Number of rows.
    ///
    /// ```
    /// # use subquad::train::Matrix;
    /// assert_eq!(Matrix::new(vec![0.0; 6], 2, 3)?.rows(), 2);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    ///
    /// ```
    /// # use subquad::train::Matrix;
    /// assert_eq!(Matrix::new(vec![0.0; 6], 2, 3)?.cols(), 3);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Row `i`; empty behind the end.
    ///
    /// ```
    /// # use subquad::train::Matrix;
    /// let x = Matrix::new(vec![1.0, 2.0, 3.0, 4.0], 2, 2)?;
    /// assert_eq!(x.row(1), [3.0, 4.0]);
    /// assert!(x.row(2).is_empty());
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn row(&self, i: usize) -> &[f32] {
        if i < self.rows { &self.data[i * self.cols..][..self.cols] } else { &[] }
    }

    /// All entries, row after row.
    ///
    /// ```
    /// # use subquad::train::Matrix;
    /// assert_eq!(Matrix::new(vec![1.0, 2.0], 1, 2)?.data(), [1.0, 2.0]);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn data(&self) -> &[f32] {
        &self.data
    }
}
