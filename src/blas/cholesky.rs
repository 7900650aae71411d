//! The Cholesky factorisation, blocked, in place, with a diagnosis; and solving with it.

use super::gemm::{syrk, syrk_scratch_len};
use super::triangular::{panel_scratch_len, right_solve_entry, solve_panels};
use super::vector::axpy_body;
use crate::error::{Error, expect_length};
use crate::matrix::{MatMut, MatRef};
use crate::scratch::{all_of, any_of, area, take};
use crate::simd::{Float, Level, Simd};

/// Columns that are factored at once; everything right of them is updated by one matrix product.
const BLOCK: usize = 64;

/// What a factorisation found out.
///
/// ```
/// use subquad::{Level, MatMut, blas::{self, Definite}};
///
/// // (1 2; 2 3) is not definite: 3 - 2^2 = -1 is left for the second pivot.
/// let (mut a, mut scratch) = ([1.0f64, 0.0, 2.0, 3.0], vec![0.0; blas::cholesky_scratch_len(2)]);
/// let found = blas::cholesky(Level::detect(), MatMut::new(&mut a, 2, 2)?, &mut scratch)?;
/// assert_eq!(found, Definite::No { pivot: 1, value: -1.0 });
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Definite {
    /// The matrix is positive definite, as far as rounding can tell: the factor is complete.
    Yes,
    /// A pivot was not positive, or not a finite number: nothing from its block on is a factor.
    No {
        /// Its row.
        pivot: usize,
        /// What was left on the diagonal there. Adding more than its negative to the diagonal helps up to this row.
        value: f64,
    },
}

/// Scratch of [`cholesky`], in elements: the columns that were factored last, and room to multiply them.
///
/// ```
/// assert!(subquad::blas::cholesky_scratch_len(10_000) < 10_000 * 10_000 / 10);
/// ```
pub const fn cholesky_scratch_len(n: usize) -> usize {
    all_of(&[area(n, BLOCK), any_of(&[syrk_scratch_len(n, BLOCK), panel_scratch_len(BLOCK), area(BLOCK, BLOCK)])])
}

/// `A = L L^T`: overwrites the lower triangle of A by L.
///
/// # Shapes
/// A n x n, symmetric, given by its lower triangle. What stands above the diagonal is not read, and is meaningless
/// afterwards.
///
/// # Errors
/// [`Error::Length`] unless A is square, [`Error::TooShort`] if scratch is less than [`cholesky_scratch_len`]`(n)`.
/// A matrix that is not positive definite is not an error but the report [`Definite::No`].
///
/// # Numerics
/// Backward stable: `|L L^T - A| <= (n + 1) eps |L| |L|^T`, entry by entry.
///
/// # Cost
/// n^3 / 3 flops, nearly all of them in [`syrk`].
///
/// ```
/// use subquad::{Level, MatMut, blas::{self, Definite}};
///
/// let mut a = [4.0f64, 0.0, 2.0, 5.0];
/// let mut scratch = vec![0.0; blas::cholesky_scratch_len(2)];
/// let found = blas::cholesky(Level::detect(), MatMut::new(&mut a, 2, 2)?, &mut scratch)?;
/// assert_eq!(found, Definite::Yes);
/// assert_eq!((a[0], a[2], a[3]), (2.0, 1.0, 2.0));
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn cholesky<T: Float>(level: Level, mut a: MatMut<'_, T>, scratch: &mut [T]) -> Result<Definite, Error> {
    let n = a.rows();
    expect_length("cholesky: columns", n, a.cols())?;
    let (scratch, _) = take(scratch, cholesky_scratch_len(n))?;
    let (columns, scratch) = take(scratch, area(n, BLOCK))?;
    let mut from = 0;
    while from < n {
        let block = BLOCK.min(n - from);
        let rest = n - from - block;
        let (mut top, mut below) = a.reborrow().block(from, from, n, n).split_rows(block);
        if let Definite::No { pivot, value } = diagonal_entry(level, top.reborrow().block(0, 0, block, block), scratch) {
            return Ok(Definite::No { pivot: from + pivot, value });
        }
        // The product below reads these columns while it writes those right of them in the same rows: it reads a copy.
        let columns = columns.get_mut(..rest * block).unwrap_or_default();
        right_solve_entry(level, top.as_ref().col_range(0, block), below.reborrow().block(0, 0, rest, block), columns, scratch);
        let columns = MatRef::new(columns, rest, block)?;
        syrk(level, -T::ONE, columns, T::ONE, below.block(0, block, rest, rest), scratch)?;
        from += block;
    }
    Ok(Definite::Yes)
}

multiversion! {
    fn diagonal_entry<T: Float>(a: MatMut<'_, T>, turned: &mut [T]) -> Definite = diagonal;
}

/// Factors one block: turned, so that what a row takes off those below it lies in line, in vectors.
#[inline(always)]
fn diagonal<T: Float, S: Simd<T>>(s: S, mut a: MatMut<'_, T>, turned: &mut [T]) -> Definite {
    let n = a.rows();
    let Some(turned) = turned.get_mut(..n * n) else { return Definite::Yes };
    for i in 0..n {
        let row = a.row(i).unwrap_or_default();
        for (&x, to) in row.iter().zip(turned.chunks_exact_mut(n.max(1))).take(i + 1) {
            to.get_mut(i).into_iter().for_each(|to| *to = x);
        }
    }
    for k in 0..n {
        let Some((done, rest)) = turned.split_at_mut_checked((k + 1) * n) else { break };
        let Some([first, row @ ..]) = done.get_mut(k * n + k..) else { break };
        let pivot = *first;
        if !(pivot > T::ZERO && pivot.is_finite()) {
            return Definite::No { pivot: k, value: pivot.to_f64() };
        }
        *first = pivot.sqrt();
        let inverse = T::ONE / *first;
        row.iter_mut().for_each(|x| *x *= inverse);
        for (i, below) in rest.chunks_exact_mut(n.max(1)).enumerate() {
            if let (Some(row @ [x, ..]), Some(below)) = (row.get(i..), below.get_mut(k + 1 + i..)) {
                axpy_body(s, -*x, row, below);
            }
        }
    }
    for i in 0..n {
        let row = a.row(i).unwrap_or_default();
        for (to, from) in row.iter_mut().zip(turned.chunks_exact(n.max(1))).take(i + 1) {
            from.get(i).into_iter().for_each(|&x| *to = x);
        }
    }
    Definite::Yes
}

/// Scratch of [`cholesky_solve`], in elements.
///
/// ```
/// // Grows with n alone, not with the number of right-hand sides.
/// assert_eq!(subquad::blas::cholesky_solve_scratch_len(200), 2 * subquad::blas::cholesky_solve_scratch_len(100));
/// ```
pub const fn cholesky_solve_scratch_len(n: usize) -> usize {
    panel_scratch_len(n)
}

/// `B <- (L L^T)^-1 B` with the factor that [`cholesky`] left in the lower triangle.
///
/// # Shapes
/// L n x n (its lower triangle is read), B n x r.
///
/// # Errors
/// [`Error::Length`] where shapes disagree, [`Error::TooShort`] if scratch is less than
/// [`cholesky_solve_scratch_len`]`(n)`.
///
/// # Numerics
/// Backward stable. A zero on the diagonal gives infinities, as a division does.
///
/// # Cost
/// 2 n^2 flops for each column, in panels of 2 LANES columns: one column costs as much as a full panel.
///
/// ```
/// use subquad::{Level, MatMut, MatRef, blas};
///
/// // L = (2 0; 1 2), A = L L^T = (4 2; 2 5), and A (1, 1) = (6, 7).
/// let (l, mut b, mut scratch) = ([2.0f64, 99.0, 1.0, 2.0], [6.0, 7.0], [0.0; blas::cholesky_solve_scratch_len(2)]);
/// blas::cholesky_solve(Level::detect(), MatRef::new(&l, 2, 2)?, MatMut::new(&mut b, 2, 1)?, &mut scratch)?;
/// assert_eq!(b, [1.0, 1.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn cholesky_solve<T: Float>(level: Level, l: MatRef<'_, T>, b: MatMut<'_, T>, scratch: &mut [T]) -> Result<(), Error> {
    expect_length("cholesky_solve: columns of L", l.rows(), l.cols())?;
    expect_length("cholesky_solve: rows of B", l.rows(), b.rows())?;
    let (scratch, _) = take(scratch, cholesky_solve_scratch_len(l.rows()))?;
    solve_entry(level, l, b, scratch);
    Ok(())
}

multiversion! {
    fn solve_entry<T: Float>(l: MatRef<'_, T>, b: MatMut<'_, T>, scratch: &mut [T]) = solve;
}

#[inline(always)]
fn solve<T: Float, S: Simd<T>>(s: S, l: MatRef<'_, T>, b: MatMut<'_, T>, scratch: &mut [T]) {
    solve_panels(s, Some(l), Some(l.t()), b, scratch);
}
