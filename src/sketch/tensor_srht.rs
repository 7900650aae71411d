//! The subsampled randomised Hadamard transform of a tensor product, factor by factor.

use super::transform::{Transform, check_jacobian, copy_row, masked, unit};
use crate::error::{Error, expect_length};
use crate::matrix::{MatMut, MatRef};
use crate::relu::PatternRef;
use crate::scratch::{all_of, copy, part_mut, take};
use crate::simd::{Float, Level};

/// `(S (u (x) v))_j = s^(-1/2) (H D1 u)[p_j] (H D2 v)[q_j]`: D1, D2 random signs, H Walsh-Hadamard transforms of the next
/// powers of two, p_j and q_j uniform over all of each.
///
/// # Numerics
/// `E[S^T S] = I`. Bit-identical on all levels.
///
/// # Source
/// Ahle et al., *Oblivious sketching of high-degree polynomial kernels*, 2020, definition 15; Song, Zhang, Zhang,
/// ITCS 2024.
///
/// ```
/// use subquad::{Level, sketch::TensorSrht};
///
/// let sketch = TensorSrht::new((3, 2), 5, 7)?;
/// let mut y = [0.0f64; 5];
/// let mut scratch = vec![0.0; sketch.scratch_len()];
/// sketch.accumulate(Level::detect(), &[0.0, 2.0, 0.0], &[3.0, 0.0], &mut y, &mut scratch)?;
/// // Where one entry of u (x) v is not zero, the length is kept exactly.
/// assert!((y.iter().map(|y| y * y).sum::<f64>() - 36.0).abs() < 1e-12);
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TensorSrht {
    left: Transform,
    right: Transform,
    rows: usize,
}

impl TensorSrht {
    /// A sketch of `u (x) v` by `rows` numbers, for the lengths of u and v: signs and positions of u are streams 0 and 1
    /// of the seed ([`random::stream`](crate::random::stream)), those of v streams 2 and 3.
    ///
    /// # Errors
    /// [`Error::Overflow`] if there is no power of two from a length on.
    ///
    /// ```
    /// use subquad::sketch::TensorSrht;
    ///
    /// let sketch = TensorSrht::new((1000, 20), 40, 7)?;
    /// assert_eq!((sketch.lens(), sketch.rows()), ((1000, 20), 40));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn new(lens: (usize, usize), rows: usize, seed: u64) -> Result<Self, Error> {
        Ok(Self { left: Transform::new(lens.0, seed, 0)?, right: Transform::new(lens.1, seed, 2)?, rows })
    }

    /// Numbers of u, and of v.
    ///
    /// ```
    /// assert_eq!(subquad::sketch::TensorSrht::new((1000, 20), 40, 7)?.lens(), (1000, 20));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn lens(&self) -> (usize, usize) {
        (self.left.len, self.right.len)
    }

    /// Numbers of a sketch.
    ///
    /// ```
    /// assert_eq!(subquad::sketch::TensorSrht::new((1000, 20), 40, 7)?.rows(), 40);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Scratch of [`accumulate`](Self::accumulate) and [`jacobian`](Self::jacobian), in elements: both factors, padded.
    ///
    /// ```
    /// assert_eq!(subquad::sketch::TensorSrht::new((1000, 20), 40, 7)?.scratch_len(), 1024 + 32);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn scratch_len(&self) -> usize {
        all_of(&[self.left.padded(), self.right.padded()])
    }

    /// `y <- y + S (u (x) v)`
    ///
    /// # Errors
    /// [`Error::Length`] where lengths disagree, [`Error::TooShort`] if scratch is less than
    /// [`scratch_len`](Self::scratch_len).
    ///
    /// # Cost
    /// M log2 M + N log2 N additions for padded lengths M and N, 2 s products.
    ///
    /// ```
    /// use subquad::{Level, sketch::TensorSrht};
    ///
    /// // u (x) v and (2 u) (x) (-v / 2) cancel.
    /// let (sketch, mut y) = (TensorSrht::new((3, 2), 5, 7)?, [0.0f64; 5]);
    /// let mut scratch = vec![0.0; sketch.scratch_len()];
    /// sketch.accumulate(Level::detect(), &[1.0, 2.0, 3.0], &[4.0, 6.0], &mut y, &mut scratch)?;
    /// sketch.accumulate(Level::detect(), &[2.0, 4.0, 6.0], &[-2.0, -3.0], &mut y, &mut scratch)?;
    /// assert_eq!(y, [0.0; 5]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn accumulate<T: Float>(&self, level: Level, u: &[T], v: &[T], y: &mut [T], scratch: &mut [T]) -> Result<(), Error> {
        expect_length("TensorSrht: u", self.left.len, u.len())?;
        expect_length("TensorSrht: v", self.right.len, v.len())?;
        expect_length("TensorSrht: y", self.rows, y.len())?;
        let (scratch, _) = take(scratch, self.scratch_len())?;
        let (left, scratch) = take(scratch, self.left.padded())?;
        let (right, _) = take(scratch, self.right.padded())?;
        copy(u, left);
        copy(v, right);
        self.finish(level, left, right, y)
    }

    /// Sketches the tensor product of what both buffers begin with.
    fn finish<T: Float>(&self, level: Level, left: &mut [T], right: &mut [T], y: &mut [T]) -> Result<(), Error> {
        self.left.apply(level, left)?;
        self.right.apply(level, right)?;
        let scale = unit::<T>(self.rows);
        for ((y, p), q) in y.iter_mut().zip(self.left.positions()).zip(self.right.positions()) {
            if let (Some(&u), Some(&v)) = (left.get(p), right.get(q)) {
                *y += scale * u * v;
            }
        }
        Ok(())
    }

    /// `Y <- Y + S J^T` for one output of the [two-layer network](crate::relu), whose gradients are tensor products:
    /// row i of J is `m^(-1/2) (a o D_i) (x) x_i`.
    ///
    /// # Shapes
    /// X n x d with any strides, a the output's m weights, D n x m, Y by its columns, n x s. The sketch is one of the
    /// lengths (m, d).
    ///
    /// # Errors
    /// [`Error::Length`] where shapes disagree, [`Error::TooShort`] if scratch is less than
    /// [`scratch_len`](Self::scratch_len).
    ///
    /// # Cost
    /// n (M log2 M + N log2 N + 2 s) for the padded m and d.
    ///
    /// ```
    /// use subquad::{Level, MatMut, MatRef, relu::PatternRef, sketch::TensorSrht};
    ///
    /// // One sample (2, 0); neuron 0 of four fires: its row of J has the only entry 2 / sqrt(4).
    /// let (x, a, bits) = (MatRef::new(&[2.0f64, 0.0], 1, 2)?, [1.0; 4], [0b0001]);
    /// let sketch = TensorSrht::new((4, 2), 16, 7)?;
    /// let (mut y, mut scratch) = ([0.0; 16], vec![0.0; sketch.scratch_len()]);
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
        check_jacobian(x, a, pattern, (y.rows(), y.cols()), self.rows)?;
        expect_length("jacobian: neurons", self.left.len, a.len())?;
        expect_length("jacobian: columns of X", self.right.len, x.cols())?;
        let (scratch, _) = take(scratch, self.scratch_len())?;
        let (left, scratch) = take(scratch, self.left.padded())?;
        let (right, _) = take(scratch, self.right.padded())?;
        for i in 0..x.rows() {
            masked(level, a, pattern.sample(i), part_mut(left, 0, a.len()));
            copy_row(x, i, part_mut(right, 0, x.cols()));
            self.finish(level, left, right, y.row(i).unwrap_or_default())?;
        }
        Ok(())
    }
}
