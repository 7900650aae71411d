//! The Cholesky factorisation, blocked, in place, with a diagnosis; and solving with it.

use super::gemm::{syrk, syrk_scratch_len};
use super::tile::{self, with_rows};
use super::vector::dot_body;
use crate::error::{Error, expect_length};
use crate::matrix::{MatMut, MatRef};
use crate::scratch::{all_of, any_of, area, take};
use crate::simd::{Float, Level, Simd};

/// Columns that are factored at once; everything right of them is updated by one matrix product.
const BLOCK: usize = 64;

/// What a factorisation found out.
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
pub const fn cholesky_scratch_len(n: usize) -> usize {
    all_of(&[area(n, BLOCK), any_of(&[syrk_scratch_len(n, BLOCK), area(BLOCK, tile::MOST_WIDTH + GROUP)])])
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
        if let Definite::No { pivot, value } = diagonal_entry(level, top.reborrow().block(0, 0, block, block)) {
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
    fn diagonal_entry<T: Float>(a: MatMut<'_, T>) -> Definite = diagonal;
}

/// Factors one block, row by row: what stands left in two rows is multiplied, the rest divided by the pivot.
#[inline(always)]
fn diagonal<T: Float, S: Simd<T>>(s: S, mut a: MatMut<'_, T>) -> Definite {
    let n = a.rows();
    for i in 0..n {
        let (above, mut rest) = a.reborrow().split_rows(i);
        let above = above.as_ref();
        let Some(row) = rest.row(0) else { break };
        for j in 0..i {
            let Some(other) = above.row(j) else { break };
            let (left, right) = row.split_at_mut(j);
            right[0] = (right[0] - dot_body(s, left, &other[..j])) / other[j];
        }
        let (left, right) = row.split_at_mut(i);
        let pivot = right[0] - dot_body(s, left, left);
        if !(pivot > T::ZERO && pivot.is_finite()) {
            return Definite::No { pivot: i, value: pivot.to_f64() };
        }
        right[0] = pivot.sqrt();
    }
    Definite::Yes
}

multiversion! {
    fn right_solve_entry<T: Float>(l: MatRef<'_, T>, b: MatMut<'_, T>, copy: &mut [T], scratch: &mut [T]) = right_solve;
}

/// `B <- B L^-T`, and once more into `copy`: panels of rows are turned, solved from the left, and turned back.
#[inline(always)]
fn right_solve<T: Float, S: Simd<T>>(s: S, l: MatRef<'_, T>, mut b: MatMut<'_, T>, copy: &mut [T], scratch: &mut [T]) {
    let width = tile::width::<T, S>();
    let (rows, n) = (b.rows(), l.rows());
    let mut from = 0;
    let mut copies = copy.chunks_exact_mut(n);
    while from < rows {
        let mut some = b.reborrow().block(from, 0, width, n);
        let (panel, strip) = scratch.split_at_mut(n * width);
        gather(some.as_ref().t(), panel, width);
        let (chunks, _) = s.chunks_mut(panel).0.as_chunks_mut::<2>();
        forward(s, l, chunks, strip);
        scatter(panel, width, |i, p, x| {
            if let Some(row) = some.row(i) {
                row[p] = x;
            }
        });
        for i in 0..some.rows() {
            if let (Some(to), Some(row)) = (copies.next(), some.row(i)) {
                to.copy_from_slice(row);
            }
        }
        from += width;
    }
}

/// Copies a matrix of at most `width` columns into a panel, zeros behind the last column.
#[inline(always)]
fn gather<T: Float>(b: MatRef<'_, T>, panel: &mut [T], width: usize) {
    for (p, row) in panel.chunks_exact_mut(width).enumerate() {
        for (j, to) in row.iter_mut().enumerate() {
            *to = b.get(p, j).unwrap_or(T::ZERO);
        }
    }
}

/// Hands every number of a panel out: (column, row, number).
#[inline(always)]
fn scatter<T: Float>(panel: &[T], width: usize, mut to: impl FnMut(usize, usize, T)) {
    for (p, row) in panel.chunks_exact(width).enumerate() {
        for (j, &x) in row.iter().enumerate() {
            to(j, p, x);
        }
    }
}

/// Rows of a panel that are solved together: what stands before them is one tile product.
const GROUP: usize = 6;

/// `X <- L^-1 X` for a panel X.
#[inline(always)]
fn forward<T: Float, S: Simd<T>>(s: S, l: MatRef<'_, T>, panel: &mut [[S::Chunk; 2]], strip: &mut [T]) {
    let n = panel.len();
    let mut from = 0;
    while from < n {
        let rows = GROUP.min(n - from);
        let (done, rest) = panel.split_at_mut(from);
        let l = l.row_range(from, rows);
        with_rows!(rows, group::<T, S>(s, l.col_range(0, from), done, l.col_range(from, rows), rest, strip, false));
        from += rows;
    }
}

/// `X <- L^-T X` for a panel X: the same from the last row up, along the columns of L.
#[inline(always)]
fn backward<T: Float, S: Simd<T>>(s: S, l: MatRef<'_, T>, panel: &mut [[S::Chunk; 2]], strip: &mut [T]) {
    let n = panel.len();
    let mut to = n;
    while to > 0 {
        let rows = GROUP.min(to);
        let from = to - rows;
        let (rest, done) = panel.split_at_mut(to);
        let u = l.t().row_range(from, rows);
        with_rows!(rows, group::<T, S>(s, u.col_range(to, n), done, u.col_range(from, rows), &mut rest[from..], strip, true));
        to = from;
    }
}

/// Solves J rows: minus the tile product with the rows that are done, then the small triangle in registers.
#[inline(always)]
fn group<T: Float, S: Simd<T>, const J: usize>(
    s: S,
    left: MatRef<'_, T>,
    done: &[[S::Chunk; 2]],
    triangle: MatRef<'_, T>,
    rows: &mut [[S::Chunk; 2]],
    strip: &mut [T],
    upwards: bool,
) {
    let mut acc = [[s.splat(T::ZERO); 2]; J];
    let strip = tile::interleave::<T, J>(left, strip);
    tile::accumulate(s, &mut acc, strip.iter(), done);
    for step in 0..J {
        let j = if upwards { J - 1 - step } else { step };
        let Some(row) = rows.get_mut(j) else { return };
        let inverse = s.splat(T::ONE / triangle.get(j, j).unwrap_or(T::ONE));
        let x = [s.mul(inverse, s.sub(s.load(&row[0]), acc[j][0])), s.mul(inverse, s.sub(s.load(&row[1]), acc[j][1]))];
        s.store(&mut row[0], x[0]);
        s.store(&mut row[1], x[1]);
        for (i, acc) in acc.iter_mut().enumerate() {
            if if upwards { i < j } else { i > j } {
                let factor = s.splat(triangle.get(i, j).unwrap_or(T::ZERO));
                *acc = [s.mul_add(factor, x[0], acc[0]), s.mul_add(factor, x[1], acc[1])];
            }
        }
    }
}

/// Scratch of [`cholesky_solve`], in elements.
pub const fn cholesky_solve_scratch_len(n: usize) -> usize {
    area(n, tile::MOST_WIDTH + GROUP)
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
fn solve<T: Float, S: Simd<T>>(s: S, l: MatRef<'_, T>, mut b: MatMut<'_, T>, scratch: &mut [T]) {
    let width = tile::width::<T, S>();
    let n = l.rows();
    let mut col = 0;
    while col < b.cols() {
        let mut some = b.reborrow().block(0, col, n, width);
        let cols = some.cols();
        let (panel, strip) = scratch.split_at_mut(n * width);
        gather(some.as_ref(), panel, width);
        let (chunks, _) = s.chunks_mut(panel).0.as_chunks_mut::<2>();
        forward(s, l, chunks, strip);
        backward(s, l, chunks, strip);
        for (p, row) in panel.chunks_exact(width).take(n).enumerate() {
            if let Some(to) = some.row(p) {
                to.copy_from_slice(&row[..cols]);
            }
        }
        col += width;
    }
}
