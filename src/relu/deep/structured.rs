//! Random weights that are never stored: two Hadamard transforms with random signs.

use super::weights::Weights;
use crate::error::{Error, expect_length};
use crate::hadamard::{Signs, Transform, is_len, len_above};
use crate::matrix::MatMut;
use crate::scratch::{area, copy, split, take};
use crate::simd::{Float, Level};
use crate::sparse::{Columns, SparseRef, Support};

/// The least block: shorter ones repeat themselves too soon.
const LEAST_BLOCK: usize = 128;

/// `W = c H D1 H D2` in blocks of N rows, cut off after the last output: entries of variance 1, rows orthogonal within a
/// block, two signs of memory per row, N log N per product. D1 and D2 are random signs from a seed, other ones for each
/// block; inputs are followed by zeros up to N; c = N^(-1/2).
///
/// Networks train as with Gaussian weights: the same steps, condition numbers and accuracy. One transform alone is not enough: on an input of few
/// non-zeros its outputs all have the same size.
///
/// # Source
/// Le, Sarlos, Smola, *Fastfood*, 2013; Yu et al., *Orthogonal random features*, 2016.
///
/// ```
/// use subquad::relu::deep::{Structured, Weights};
/// use subquad::sparse::{Columns, SparseRef, Support};
/// use subquad::{Level, MatMut};
///
/// // 128 neurons on 3 inputs, of which only input 1 is not zero: a column of W, of norm sqrt(128).
/// let w = Structured::new(128, 3, 7)?;
/// let h = (SparseRef::new(Support::new(&[0, 1], &[1], 3)?, 1, &[1.0f64])?, Columns::new(&[0, 0, 1, 1], &[0], &[0])?);
/// let (mut z, mut scratch) = ([0.0; 128], [0.0; 256]);
/// assert_eq!(Weights::<f64>::forward_scratch_len(&w, 1), scratch.len());
/// w.forward(Level::detect(), h, MatMut::new(&mut z, 1, 128)?, &mut scratch)?;
/// assert!((z.iter().map(|z| z * z).sum::<f64>() - 128.0).abs() < 1e-9);
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Structured {
    outputs: usize,
    inputs: usize,
    block: usize,
    seed: u64,
}

impl Structured {
    /// Weights of this shape, in the shortest blocks that hold the inputs (at least 128).
    ///
    /// # Errors
    /// [`Error::Overflow`] if there is no transform that long.
    ///
    /// ```
    /// use subquad::relu::deep::{Structured, Weights};
    ///
    /// let w = Structured::new(10_000, 700, 7)?;
    /// assert_eq!((Weights::<f32>::outputs(&w), Weights::<f32>::inputs(&w)), (10_000, 700));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn new(outputs: usize, inputs: usize, seed: u64) -> Result<Self, Error> {
        let least = inputs.max(LEAST_BLOCK);
        let block = len_above(least).filter(|&n| is_len(n)).ok_or_else(|| Error::overflow("structured weights: block", least, 1))?;
        Ok(Self { outputs, inputs, block, seed })
    }

    /// Rows of a block.
    ///
    /// ```
    /// use subquad::relu::deep::Structured;
    ///
    /// assert_eq!(Structured::new(10_000, 700, 7)?.block(), 768);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn block(&self) -> usize {
        self.block
    }

    /// The signs D1 (`which` 0) or D2 (1) of block k.
    ///
    /// ```
    /// use subquad::relu::deep::Structured;
    ///
    /// let w = Structured::new(10_000, 700, 7)?;
    /// assert_ne!(w.signs(0, 0), w.signs(0, 1));
    /// assert_ne!(w.signs(0, 0), w.signs(1, 0));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn signs(&self, k: usize, which: u64) -> Signs<'static> {
        // Seeds of SplitMix64 that differ by a multiple of its increment would share their numbers: mixed first.
        let mut z = self.seed ^ ((k as u64) << 1 | which).wrapping_add(1).wrapping_mul(0xD1B5_4A32_D192_ED03);
        z = (z ^ (z >> 29)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
        z = (z ^ (z >> 32)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
        Signs::Seed(z ^ (z >> 29))
    }

    fn scale<T: Float>(&self) -> T {
        T::from_f64(1.0 / crate::Real::sqrt(self.block as f64))
    }
}

impl<T: Float> Weights<T> for Structured {
    fn outputs(&self) -> usize {
        self.outputs
    }

    fn inputs(&self) -> usize {
        self.inputs
    }

    fn forward_scratch_len(&self, _: usize) -> usize {
        area(2, self.block)
    }

    fn forward(&self, level: Level, h: (SparseRef<'_, T>, Columns<'_>), mut z: MatMut<'_, T>, scratch: &mut [T]) -> Result<(), Error> {
        let h = h.0;
        expect_length("structured: depth", 1, h.depth())?;
        expect_length("structured: inputs", self.inputs, h.support().cols())?;
        expect_length("structured: rows of Z", h.rows(), z.rows())?;
        expect_length("structured: columns of Z", self.outputs, z.cols())?;
        let (scratch, _) = take(scratch, area(2, self.block))?;
        let (input, work) = split(scratch, self.block);
        for i in 0..h.rows() {
            input.fill(T::ZERO);
            for (&j, &x) in h.support().row(i).iter().zip(h.row(i, 0)) {
                if let Some(to) = input.get_mut(j as usize) {
                    *to = x;
                }
            }
            let Some(row) = z.row(i) else { continue };
            for (k, z) in row.chunks_mut(self.block.max(1)).enumerate() {
                let first = Transform::new().signs(self.signs(k, 1));
                let second = Transform::new().signs(self.signs(k, 0)).scaled(self.scale());
                if z.len() == self.block {
                    first.run_from(level, input, z)?;
                    second.run(level, z)?;
                } else {
                    first.run_from(level, input, work)?;
                    second.run(level, work)?;
                    copy(work, z);
                }
            }
        }
        Ok(())
    }

    fn backward_scratch_len(&self, _: usize, _: usize, below: usize) -> usize {
        self.block.saturating_add(below)
    }

    fn backward(&self, level: Level, g: SparseRef<'_, T>, below: Support<'_>, e: &mut [T], scratch: &mut [T]) -> Result<(), Error> {
        expect_length("structured: outputs", self.outputs, g.support().cols())?;
        expect_length("structured: inputs", self.inputs, below.cols())?;
        expect_length("structured: rows", g.rows(), below.rows())?;
        let depth = g.depth();
        expect_length("structured: result", area(depth, below.len()), e.len())?;
        let (scratch, _) = take(scratch, Weights::<T>::backward_scratch_len(self, depth, g.support().longest(), below.longest()))?;
        let (work, signs) = split(scratch, self.block);
        e.fill(T::ZERO);
        let first = Transform::new();
        for i in 0..g.rows() {
            let (rows, columns, place) = (g.support().row(i), below.row(i), below.range(i));
            let Some(e) = e.get_mut(depth * place.start..depth * place.end) else { continue };
            let (mut at, mut left) = (0, rows);
            let mut k = 0;
            while !left.is_empty() {
                // The rows of block k.
                let begin = k * self.block;
                let some;
                let count = left.partition_point(|&r| (r as usize) < begin + self.block);
                (some, left) = left.split_at_checked(count).unwrap_or_default();
                if count > 0 {
                    let diagonal = self.signs(k, 1);
                    for (sign, &j) in signs.iter_mut().zip(columns) {
                        *sign = if diagonal.is_minus(j as usize) { -T::ONE } else { T::ONE };
                    }
                    let second = Transform::new().signs(self.signs(k, 0)).scaled(self.scale());
                    for (c, e) in e.chunks_exact_mut(columns.len().max(1)).enumerate() {
                        work.fill(T::ZERO);
                        for (&r, &x) in some.iter().zip(g.row(i, c).get(at..).unwrap_or_default()) {
                            if let Some(to) = work.get_mut(r as usize - begin) {
                                *to = x;
                            }
                        }
                        first.run(level, work)?;
                        second.run(level, work)?;
                        for ((e, &sign), &j) in e.iter_mut().zip(signs.iter()).zip(columns) {
                            *e += sign * work.get(j as usize).copied().unwrap_or(T::ZERO);
                        }
                    }
                }
                at += count;
                k += 1;
            }
        }
        Ok(())
    }
}
