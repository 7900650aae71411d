//! The subsampled randomised Hadamard transform.

use super::transform::{Transform, check_jacobian, copy_row, masked, outer, unit};
use crate::error::{Error, expect_length};
use crate::matrix::{MatMut, MatRef};
use crate::relu::PatternRef;
use crate::scratch::{all_of, copy, take};
use crate::simd::{Float, Level};

/// `S = s^(-1/2) P H D` for vectors of one length: D random signs, H the Walsh-Hadamard transform of the next power of
/// two N, P s of its N rows, drawn with replacement.
///
/// # Numerics
/// `E[S^T S] = I`. Bit-identical on all levels: signs are exact, the transform is, and so is each number's one product
/// and one sum.
///
/// # Source
/// Ailon and Chazelle 2006; Tropp, *Improved analysis of the subsampled randomized Hadamard transform*, 2011, but with
/// replacement.
///
/// ```
/// use subquad::{Level, sketch::Srht};
///
/// let sketch = Srht::new(3, 2, 7)?;
/// let (mut y, mut scratch) = ([0.0; 2], [0.0; 4]);
/// sketch.accumulate(Level::detect(), &[0.0f64, 2.0, 0.0], &mut y, &mut scratch)?;
/// // Every sketch of one entry has its length exactly.
/// assert!((y[0] * y[0] + y[1] * y[1] - 4.0).abs() < 1e-12);
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Srht {
    transform: Transform,
    rows: usize,
}

impl Srht {
    /// A sketch of vectors of `len` numbers by `rows` numbers: signs are stream 0 of the seed
    /// ([`random::stream`](crate::random::stream)), positions the top bits of stream 1.
    ///
    /// # Errors
    /// [`Error::Overflow`] if there is no power of two from `len` on.
    ///
    /// ```
    /// use subquad::sketch::Srht;
    ///
    /// let sketch = Srht::new(1000, 40, 7)?;
    /// assert_eq!((sketch.len(), sketch.rows()), (1000, 40));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn new(len: usize, rows: usize, seed: u64) -> Result<Self, Error> {
        Ok(Self { transform: Transform::new(len, seed, 0)?, rows })
    }

    /// Numbers of a vector.
    ///
    /// ```
    /// assert_eq!(subquad::sketch::Srht::new(1000, 40, 7)?.len(), 1000);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn len(&self) -> usize {
        self.transform.len
    }

    /// Whether vectors have no numbers at all.
    ///
    /// ```
    /// assert!(subquad::sketch::Srht::new(0, 40, 7)?.is_empty());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn is_empty(&self) -> bool {
        self.transform.len == 0
    }

    /// Numbers of a sketch.
    ///
    /// ```
    /// assert_eq!(subquad::sketch::Srht::new(1000, 40, 7)?.rows(), 40);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Scratch of [`accumulate`](Self::accumulate), in elements: the padded vector.
    ///
    /// ```
    /// assert_eq!(subquad::sketch::Srht::new(1000, 40, 7)?.scratch_len(), 1024);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn scratch_len(&self) -> usize {
        self.transform.padded()
    }

    /// `y <- y + S x`
    ///
    /// # Errors
    /// [`Error::Length`] unless x has [`len`](Self::len) and y [`rows`](Self::rows) numbers, [`Error::TooShort`] if
    /// scratch is less than [`scratch_len`](Self::scratch_len).
    ///
    /// # Cost
    /// N log2 N additions.
    ///
    /// ```
    /// use subquad::{Level, sketch::Srht};
    ///
    /// // Sketches of x and of -x cancel.
    /// let (sketch, mut y, mut scratch) = (Srht::new(3, 2, 7)?, [0.0f64; 2], [0.0; 4]);
    /// sketch.accumulate(Level::detect(), &[1.0, 2.0, 3.0], &mut y, &mut scratch)?;
    /// assert_ne!(y, [0.0; 2]);
    /// sketch.accumulate(Level::detect(), &[-1.0, -2.0, -3.0], &mut y, &mut scratch)?;
    /// assert_eq!(y, [0.0; 2]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn accumulate<T: Float>(&self, level: Level, x: &[T], y: &mut [T], scratch: &mut [T]) -> Result<(), Error> {
        expect_length("Srht: x", self.len(), x.len())?;
        expect_length("Srht: y", self.rows, y.len())?;
        let (z, _) = take(scratch, self.transform.padded())?;
        copy(x, z);
        self.finish(level, z, y)
    }

    /// Sketches the first numbers of z, which has room for the padding.
    fn finish<T: Float>(&self, level: Level, z: &mut [T], y: &mut [T]) -> Result<(), Error> {
        self.transform.apply(level, z)?;
        let scale = unit::<T>(self.rows);
        for (y, p) in y.iter_mut().zip(self.transform.positions()) {
            *y += scale * z.get(p).copied().unwrap_or(T::ZERO);
        }
        Ok(())
    }

    /// Scratch of [`jacobian`](Self::jacobian), in elements: the padded vector, one row of X, one row of the masked
    /// output weights.
    ///
    /// ```
    /// // A row of J has m d = 500 numbers, padded to 512; then a row of X and one of the weights.
    /// assert_eq!(subquad::sketch::Srht::new(500, 40, 7)?.jacobian_scratch_len(5, 100), 512 + 5 + 100);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn jacobian_scratch_len(&self, d: usize, m: usize) -> usize {
        all_of(&[self.transform.padded(), d, m])
    }

    /// `Y <- Y + S J^T` for one output of the [two-layer network](crate::relu), one row of J at a time:
    /// `J[i][r d + k] = m^(-1/2) a[r] D[i][r] X[i][k]`.
    ///
    /// # Shapes
    /// X n x d with any strides, a the output's m weights, D n x m, Y by its columns, n x s. The sketch is one of
    /// vectors of m d numbers.
    ///
    /// # Errors
    /// [`Error::Length`] where shapes disagree, [`Error::TooShort`] if scratch is less than
    /// [`jacobian_scratch_len`](Self::jacobian_scratch_len)`(d, m)`.
    ///
    /// # Cost
    /// n N log2 N additions, N the next power of two of m d: [`TensorSrht`](super::TensorSrht) needs far fewer.
    ///
    /// ```
    /// use subquad::{Level, MatMut, MatRef, relu::PatternRef, sketch::Srht};
    ///
    /// // One sample (2, 0); neuron 0 of four fires: its row of J has the only entry 2 / sqrt(4).
    /// let (x, a, bits) = (MatRef::new(&[2.0f64, 0.0], 1, 2)?, [1.0; 4], [0b0001]);
    /// let sketch = Srht::new(8, 16, 7)?;
    /// let (mut y, mut scratch) = ([0.0; 16], vec![0.0; sketch.jacobian_scratch_len(2, 4)]);
    /// sketch.jacobian(Level::detect(), x, &a, PatternRef::new(&bits, 1, 4)?, MatMut::new(&mut y, 1, 16)?, &mut scratch)?;
    /// assert!((y.iter().map(|y| y * y).sum::<f64>() - 1.0).abs() < 1e-12);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn jacobian<T: Float>(
        &self,
        level: Level,
        x: MatRef<'_, T>,
        a: &[T],
        pattern: PatternRef<'_>,
        mut y: MatMut<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), Error> {
        let (d, m) = (x.cols(), a.len());
        check_jacobian(x, a, pattern, (y.rows(), y.cols()), self.rows)?;
        let Some(weights) = d.checked_mul(m) else {
            return Err(Error::overflow("jacobian: neurons x inputs", m, d));
        };
        expect_length("jacobian: length of the sketched vectors, against neurons x inputs", weights, self.len())?;
        let (scratch, _) = take(scratch, self.jacobian_scratch_len(d, m))?;
        let (z, scratch) = take(scratch, self.transform.padded())?;
        let (row, scratch) = take(scratch, d)?;
        let (u, _) = take(scratch, m)?;
        for i in 0..x.rows() {
            copy_row(x, i, row);
            masked(level, a, pattern.sample(i), u);
            outer(level, u, row, z);
            self.finish(level, z, y.row(i).unwrap_or_default())?;
        }
        Ok(())
    }
}
