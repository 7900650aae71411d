//! Products of rows with rows, from the columns where both are not zero.

use super::{Columns, SparseRef};
use crate::error::{Error, expect_length};
use crate::matrix::MatMut;
use crate::scratch::{all_of, area, split, take};
use crate::simd::{Float, Level, Simd};

/// More than the lanes of any vector.
const PAD: usize = 64;

/// Scratch of [`overlap`], in elements: a column of both, and a row of products.
///
/// ```
/// use subquad::sparse::overlap_scratch_len;
///
/// // Grows with the rows, not with the columns, of which there may be many.
/// assert!(overlap_scratch_len(1, 100, 100) < 1000);
/// ```
pub const fn overlap_scratch_len(depth: usize, rows_a: usize, rows_b: usize) -> usize {
    let padded = rows_b.saturating_add(PAD);
    all_of(&[area(depth, rows_a), area(depth, padded), padded])
}

/// `Out[a, b] <- Out[a, b] + sum_c <A_c[a], B_c[b]>`: inner products of the rows of two stacks of sparse matrices, summed
/// over the stack.
///
/// # Shapes
/// A rows_a x m and B rows_b x m of the same depth, each with its [`Columns`]; Out rows_a x rows_b. With `symmetric`, A
/// and B are the same, and entries above the diagonal are left alone.
///
/// # Errors
/// [`Error::Length`] where shapes disagree, [`Error::TooShort`] if scratch is less than
/// [`overlap_scratch_len`]`(depth, rows_a, rows_b)`.
///
/// # Numerics
/// Columns are added in ascending order, each one's sum over the stack being one chain.
///
/// # Cost
/// For each column, the product of how many rows of A and of B it is in, times depth: n^2 p^2 m for n samples that fire
/// on a share p of m neurons, where the dense product costs n^2 m. Half of it with `symmetric`.
///
/// ```
/// use subquad::sparse::{Columns, SparseRef, Support, overlap, overlap_scratch_len};
/// use subquad::{Level, MatMut};
///
/// // The rows (2, 0) and (3, 5), with themselves: 4, 6 and 34.
/// let rows = SparseRef::new(Support::new(&[0, 1, 3], &[0, 0, 1], 2)?, 1, &[2.0, 3.0, 5.0])?;
/// let both = (rows, Columns::new(&[0, 2, 3], &[0, 1, 1], &[0, 0, 1])?);
/// let (mut out, mut scratch) = ([0.0; 4], [0.0; overlap_scratch_len(1, 2, 2)]);
/// overlap(Level::detect(), both, both, true, MatMut::new(&mut out, 2, 2)?, &mut scratch)?;
/// assert_eq!(out, [4.0, 0.0, 6.0, 34.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn overlap<T: Float>(
    level: Level,
    a: (SparseRef<'_, T>, Columns<'_>),
    b: (SparseRef<'_, T>, Columns<'_>),
    symmetric: bool,
    out: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), Error> {
    let depth = a.0.depth();
    expect_length("overlap: depth of B", depth, b.0.depth())?;
    expect_length("overlap: columns of B", a.0.support().cols(), b.0.support().cols())?;
    for (matrix, columns) in [a, b] {
        expect_length("overlap: columns", matrix.support().cols(), columns.cols())?;
        expect_length("overlap: places", matrix.support().len(), columns.len())?;
    }
    expect_length("overlap: rows of the result", a.0.rows(), out.rows())?;
    expect_length("overlap: columns of the result", b.0.rows(), out.cols())?;
    let (scratch, _) = take(scratch, overlap_scratch_len(depth, a.0.rows(), b.0.rows()))?;
    overlap_entry(level, a, b, symmetric, out, scratch);
    Ok(())
}

multiversion! {
    fn overlap_entry<T: Float>(
        a: (SparseRef<'_, T>, Columns<'_>), b: (SparseRef<'_, T>, Columns<'_>), symmetric: bool, out: MatMut<'_, T>, scratch: &mut [T],
    ) = overlap_body;
}

#[inline(always)]
fn overlap_body<T: Float, S: Simd<T>>(
    s: S,
    a: (SparseRef<'_, T>, Columns<'_>),
    b: (SparseRef<'_, T>, Columns<'_>),
    symmetric: bool,
    mut out: MatMut<'_, T>,
    scratch: &mut [T],
) {
    let depth = a.0.depth();
    if depth == 0 {
        return;
    }
    let (left, scratch) = split(scratch, depth * a.0.rows());
    let (right, products) = split(scratch, depth * (b.0.rows() + PAD));
    for r in 0..a.1.cols() {
        let (rows_a, rows_b) = (a.1.column(r).0, b.1.column(r).0);
        if rows_a.is_empty() || rows_b.is_empty() {
            continue;
        }
        // A's numbers row by row, B's in groups of as many rows as a vector has lanes: both are read in order.
        collect(a.0, a.1.column(r), 1, left);
        if symmetric {
            for e in 0..rows_b.len() {
                let Some(x) = left.get(e * depth..(e + 1) * depth) else { continue };
                for (to, &x) in lanes(right, S::LANES, depth, e).zip(x) {
                    if let Some(to) = to.get_mut(e % S::LANES) {
                        *to = x;
                    }
                }
            }
        } else {
            collect(b.0, b.1.column(r), S::LANES, right);
        }
        let (vectors, _) = s.chunks(right);
        for (e, &row) in rows_a.iter().enumerate() {
            let Some(x) = left.get(e * depth..(e + 1) * depth) else { continue };
            let rows_b = if symmetric { rows_b.get(..=e).unwrap_or_default() } else { rows_b };
            for (group, to) in s.chunks_mut(products).0.iter_mut().take(rows_b.len().div_ceil(S::LANES)).enumerate() {
                let Some(y) = vectors.get(group * depth..(group + 1) * depth) else { continue };
                let mut sum = s.splat(T::ZERO);
                for (&x, y) in x.iter().zip(y) {
                    sum = s.mul_add(s.splat(x), s.load(y), sum);
                }
                s.store(to, sum);
            }
            let Some(out) = out.row(row as usize) else { continue };
            for (&product, &b) in products.iter().zip(rows_b) {
                if let Some(out) = out.get_mut(b as usize) {
                    *out += product;
                }
            }
        }
    }
}

/// The numbers of a column's rows, in groups of `width` rows: number c of lane l in group g goes to `to[(g depth + c) width + l]`. Lanes
/// behind the last row keep what was there: their products are not looked at.
#[inline(always)]
fn collect<T: Float>(matrix: SparseRef<'_, T>, column: (&[u32], &[u32]), width: usize, to: &mut [T]) {
    for (e, (&row, &place)) in column.0.iter().zip(column.1).enumerate() {
        let (stack, k) = (matrix.stack(row as usize), matrix.support().range(row as usize).len());
        // (Chunks of k numbers would have to be counted: a division for each row.)
        let mut at = place as usize;
        for to in lanes(to, width, matrix.depth(), e) {
            if let (Some(to), Some(&x)) = (to.get_mut(e % width), stack.get(at)) {
                *to = x;
            }
            at += k;
        }
    }
}

/// The `depth` vectors, or runs of `width`, that hold row e's numbers in lane e mod width.
#[inline(always)]
fn lanes<T: Float>(groups: &mut [T], width: usize, depth: usize, e: usize) -> core::slice::ChunksExactMut<'_, T> {
    let group = groups.get_mut(e / width * depth * width..).and_then(|rest| rest.get_mut(..depth * width)).unwrap_or_default();
    group.chunks_exact_mut(width)
}
