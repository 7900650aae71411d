//! The product with one layer's part of the Gram matrix, on the neurons that fire.

use super::activation::dot;
use crate::error::{Error, expect_contiguous, expect_length};
use crate::matrix::{MatMut, MatRef};
use crate::scratch::{all_of, area, split, take};
use crate::simd::{Float, Level, Simd};
use crate::sparse::{Columns, SparseRef};

/// Scratch of [`gram_product`], in elements: two numbers for each place, and two for each row of the longest column.
///
/// ```
/// assert_eq!(subquad::relu::deep::gram_product_scratch_len(1000, 30), 2060);
/// ```
pub const fn gram_product_scratch_len(places: usize, longest_column: usize) -> usize {
    all_of(&[area(2, places), area(2, longest_column)])
}

/// `Out <- Out + ((G G^T) o (P (x) 1)) U`: what one trained layer adds to K U, where P = H H^T of the layer below.
///
/// With `s_i = sum_c U[i, c] g_(i, c)`, which is what J^T U is made of, sample j receives `<g_(j, c), sum_i P[j, i] s_i>`; of the
/// inner sum only neurons that fire on j are wanted, and only samples that fire on them contribute.
///
/// # Shapes
/// G n x m of depth C with its [`Columns`], P n x n, symmetric, its columns next to each other (above the diagonal it is not read), U and the
/// result n x C.
///
/// # Errors
/// [`Error::Length`] where shapes disagree, [`Error::Value`] where columns of P are not neighbours, [`Error::TooShort`] if scratch is less
/// than [`gram_product_scratch_len`] of G's places and longest column.
///
/// # Cost
/// For every neuron the square of the number of samples that fire on it, n^2 p^2 m in all, each entry of P serving both of its samples, and
/// 2 C for each place of G.
///
/// ```
/// use subquad::relu::deep::{gram_product, gram_product_scratch_len};
/// use subquad::sparse::{Columns, SparseRef, Support};
/// use subquad::{Level, MatMut, MatRef};
///
/// // One sample with the gradient (3, 4); below, |h|^2 = 2. So K = 25 * 2.
/// let g = SparseRef::new(Support::new(&[0, 2], &[0, 1], 2)?, 1, &[3.0, 4.0])?;
/// let columns = Columns::new(&[0, 1, 2], &[0, 0], &[0, 1])?;
/// let (p, u) = (MatRef::new(&[2.0], 1, 1)?, MatRef::new(&[1.0], 1, 1)?);
/// let (mut out, mut scratch) = ([0.0], [0.0; gram_product_scratch_len(2, 1)]);
/// gram_product(Level::detect(), g, columns, p, u, MatMut::new(&mut out, 1, 1)?, &mut scratch)?;
/// assert_eq!(out, [50.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn gram_product<T: Float>(
    level: Level,
    g: SparseRef<'_, T>,
    columns: Columns<'_>,
    p: MatRef<'_, T>,
    u: MatRef<'_, T>,
    out: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), Error> {
    let (n, c) = (g.rows(), g.depth());
    expect_length("gram_product: columns", g.support().cols(), columns.cols())?;
    expect_length("gram_product: places", g.support().len(), columns.len())?;
    expect_length("gram_product: rows of P", n, p.rows())?;
    expect_length("gram_product: columns of P", n, p.cols())?;
    expect_length("gram_product: rows of U", n, u.rows())?;
    expect_length("gram_product: columns of U", c, u.cols())?;
    expect_length("gram_product: rows of the result", n, out.rows())?;
    expect_length("gram_product: columns of the result", c, out.cols())?;
    if n > 1 {
        expect_contiguous("gram_product: stride of the columns of P", p.col_stride())?;
    }
    let (scratch, _) = take(scratch, gram_product_scratch_len(g.support().len(), columns.longest()))?;
    product_entry(level, g, columns, p, u, out, scratch);
    Ok(())
}

/// `s_i = sum_c U[i, c] g_(i, c)`: the left factors of J^T U, whose right factors are the rows of H below.
///
/// # Shapes
/// G n x m of depth C, U n x C; `out`: as many numbers as G has places.
///
/// # Errors
/// [`Error::Length`] where shapes disagree.
///
/// ```
/// use subquad::sparse::{SparseRef, Support};
/// use subquad::{Level, MatRef, relu::deep::combine};
///
/// // Gradients (1, 2) and (10, 20) of two outputs, taken 3 times and once.
/// let g = SparseRef::new(Support::new(&[0, 2], &[0, 1], 2)?, 2, &[1.0, 2.0, 10.0, 20.0])?;
/// let mut s = [0.0; 2];
/// combine(Level::detect(), g, MatRef::new(&[3.0, 1.0], 1, 2)?, &mut s)?;
/// assert_eq!(s, [13.0, 26.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn combine<T: Float>(level: Level, g: SparseRef<'_, T>, u: MatRef<'_, T>, out: &mut [T]) -> Result<(), Error> {
    expect_length("combine: rows of U", g.rows(), u.rows())?;
    expect_length("combine: columns of U", g.depth(), u.cols())?;
    expect_length("combine: result", g.support().len(), out.len())?;
    if !out.is_empty() {
        combine_entry(level, g, u, out);
    }
    Ok(())
}

multiversion! {
    fn combine_entry<T: Float>(g: SparseRef<'_, T>, u: MatRef<'_, T>, out: &mut [T]) = combine_body;
}

multiversion! {
    fn product_entry<T: Float>(
        g: SparseRef<'_, T>, columns: Columns<'_>, p: MatRef<'_, T>, u: MatRef<'_, T>, out: MatMut<'_, T>, scratch: &mut [T],
    ) = product_body;
}

#[inline(always)]
fn combine_body<T: Float, S: Simd<T>>(s: S, g: SparseRef<'_, T>, u: MatRef<'_, T>, out: &mut [T]) {
    out.fill(T::ZERO);
    for i in 0..g.rows() {
        let Some(to) = out.get_mut(g.support().range(i)) else { continue };
        for c in 0..g.depth() {
            let x = s.splat(u.get(i, c).unwrap_or(T::ZERO));
            let ((from, from_tail), (to, to_tail)) = (s.chunks(g.row(i, c)), s.chunks_mut(to));
            for (from, to) in from.iter().zip(to) {
                let sum = s.mul_add(x, s.load(from), s.load(to));
                s.store(to, sum);
            }
            if !from_tail.is_empty() {
                let sum = s.mul_add(x, s.load_part(from_tail), s.load_part(to_tail));
                s.store_part(to_tail, sum);
            }
        }
    }
}

#[inline(always)]
fn product_body<T: Float, S: Simd<T>>(
    s: S,
    g: SparseRef<'_, T>,
    columns: Columns<'_>,
    p: MatRef<'_, T>,
    u: MatRef<'_, T>,
    mut out: MatMut<'_, T>,
    scratch: &mut [T],
) {
    let support = g.support();
    let (combined, scratch) = split(scratch, support.len());
    let (mixed, scratch) = split(scratch, support.len());
    let (column, sums) = split(scratch, columns.longest());
    combine_body(s, g, u, combined);
    for r in 0..columns.cols() {
        let (rows, places) = columns.column(r);
        let (Some(column), Some(sums)) = (column.get_mut(..rows.len()), sums.get_mut(..rows.len())) else { continue };
        for ((to, &i), &place) in column.iter_mut().zip(rows).zip(places) {
            *to = combined.get(support.range(i as usize).start + place as usize).copied().unwrap_or(T::ZERO);
        }
        for (e, &j) in rows.iter().enumerate() {
            let Some(row) = p.data().get(j as usize * p.row_stride()..).and_then(|rest| rest.get(..=j as usize)) else { continue };
            let (before, behind) = split(sums, e);
            if let Some(sum) = behind.first_mut() {
                *sum = both_ways(row, rows, column, before);
            }
        }
        for ((&j, &place), &sum) in rows.iter().zip(places).zip(sums.iter()) {
            if let Some(to) = mixed.get_mut(support.range(j as usize).start + place as usize) {
                *to = sum;
            }
        }
    }
    for j in 0..g.rows() {
        let (Some(mixed), Some(out)) = (mixed.get(support.range(j)), out.row(j)) else { continue };
        for (c, out) in out.iter_mut().enumerate() {
            *out += dot(s, g.row(j, c), mixed);
        }
    }
}

/// What the pairs of sample e = `before.len()` with itself and those before it contribute, `row` being P's: `sum_(f <= e) row[at[f]] x[f]` for e
/// itself, in two chains, and `row[at[f]] x[e]` for each f before it.
#[inline(always)]
fn both_ways<T: Float>(row: &[T], at: &[u32], x: &[T], before: &mut [T]) -> T {
    let e = before.len();
    let own = x.get(e).copied().unwrap_or(T::ZERO);
    let mut sums = [row.last().copied().unwrap_or(T::ZERO) * own, T::ZERO];
    let (pairs, rest) = before.as_chunks_mut::<2>();
    let ((ats, at_rest), (xs, x_rest)) = (at[..e].as_chunks::<2>(), x[..e].as_chunks::<2>());
    for ((to, at), x) in pairs.iter_mut().zip(ats).zip(xs) {
        for q in 0..2 {
            if let Some(&p) = row.get(at[q] as usize) {
                sums[q] += p * x[q];
                to[q] += p * own;
            }
        }
    }
    for ((to, &at), &x) in rest.iter_mut().zip(at_rest).zip(x_rest) {
        if let Some(&p) = row.get(at as usize) {
            sums[0] += p * x;
            *to += p * own;
        }
    }
    sums[0] + sums[1]
}
