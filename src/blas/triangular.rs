//! Triangular systems with many right-hand sides: panels of columns in registers, six rows at a time.

use super::tile::{self, with_rows};
use crate::error::{Error, expect_length};
use crate::matrix::{MatMut, MatRef};
use crate::scratch::{area, split, take};
use crate::simd::{Float, Level, Simd};

/// Which half of a matrix is meant; the other is not read.
///
/// ```
/// use subquad::{Level, MatMut, MatRef, blas::{self, Triangle}};
///
/// // The same four numbers are two triangles: x0 = 2, 3 x1 = 6 - 5 x0 or x1 = 2, x0 = 4 - 1 x1.
/// let (t, mut scratch) = (MatRef::new(&[1.0f64, 1.0, 5.0, 3.0], 2, 2)?, [0.0; blas::triangular_solve_scratch_len(2)]);
/// for (triangle, mut b, x) in [(Triangle::Lower, [2.0, 16.0], [2.0, 2.0]), (Triangle::Upper, [4.0, 6.0], [2.0, 2.0])] {
///     blas::triangular_solve(Level::detect(), triangle, t, MatMut::new(&mut b, 2, 1)?, &mut scratch)?;
///     assert_eq!(b, x);
/// }
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Triangle {
    /// On and below the diagonal.
    Lower,
    /// On and above the diagonal.
    Upper,
}

/// Scratch of everything that solves a panel: the panel, and room to interleave a group of the triangle's rows.
pub(super) const fn panel_scratch_len(n: usize) -> usize {
    area(n, tile::MOST_WIDTH + GROUP)
}

/// Scratch of [`triangular_solve`], in elements.
///
/// ```
/// use subquad::blas::{cholesky_solve_scratch_len, triangular_solve_scratch_len};
///
/// assert_eq!(triangular_solve_scratch_len(100), cholesky_solve_scratch_len(100));
/// ```
pub const fn triangular_solve_scratch_len(n: usize) -> usize {
    panel_scratch_len(n)
}

/// `B <- T^-1 B` with one triangle of T.
///
/// # Shapes
/// T n x n with any strides, so that `t.t()` with the other triangle solves with the transpose; B n x r.
///
/// # Errors
/// [`Error::Length`] where shapes disagree, [`Error::TooShort`] if scratch is less than
/// [`triangular_solve_scratch_len`]`(n)`.
///
/// # Numerics
/// Backward stable: each column x solves `(T + E) x = b` with `|E| <= (n + 2) eps |T|`. A zero on the diagonal gives
/// infinities, as a division does.
///
/// # Cost
/// n^2 flops for each column, in panels of 2 LANES columns: one column costs as much as a full panel.
///
/// ```
/// use subquad::blas::{self, Triangle};
/// use subquad::{Level, MatMut, MatRef};
///
/// let t = [2.0f64, 99.0, 1.0, 4.0];
/// let mut b = [2.0, 9.0];
/// let mut scratch = [0.0; blas::triangular_solve_scratch_len(2)];
/// blas::triangular_solve(Level::detect(), Triangle::Lower, MatRef::new(&t, 2, 2)?, MatMut::new(&mut b, 2, 1)?, &mut scratch)?;
/// assert_eq!(b, [1.0, 2.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn triangular_solve<T: Float>(
    level: Level,
    triangle: Triangle,
    t: MatRef<'_, T>,
    b: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), Error> {
    expect_length("triangular_solve: columns of T", t.rows(), t.cols())?;
    expect_length("triangular_solve: rows of B", t.rows(), b.rows())?;
    let (scratch, _) = take(scratch, triangular_solve_scratch_len(t.rows()))?;
    match triangle {
        Triangle::Lower => panels_entry(level, Some(t), None, b, scratch),
        Triangle::Upper => panels_entry(level, None, Some(t), b, scratch),
    }
    Ok(())
}

multiversion! {
    fn panels_entry<T: Float>(lower: Option<MatRef<'_, T>>, upper: Option<MatRef<'_, T>>, b: MatMut<'_, T>, scratch: &mut [T]) = solve_panels;
}

/// `B <- U^-1 L^-1 B`, either of them the identity where it is not given.
#[inline(always)]
pub(super) fn solve_panels<T: Float, S: Simd<T>>(
    s: S,
    lower: Option<MatRef<'_, T>>,
    upper: Option<MatRef<'_, T>>,
    mut b: MatMut<'_, T>,
    scratch: &mut [T],
) {
    let width = tile::width::<T, S>();
    let n = b.rows();
    // Columns of no numbers may be as many as there are addresses.
    let cols = if n == 0 { 0 } else { b.cols() };
    let mut col = 0;
    while col < cols {
        let mut some = b.reborrow().block(0, col, n, width);
        let (panel, strip) = split(scratch, n * width);
        gather(some.as_ref(), panel, width);
        let (chunks, _) = s.chunks_mut(panel).0.as_chunks_mut::<2>();
        if let Some(l) = lower {
            forward(s, l, chunks, strip);
        }
        if let Some(u) = upper {
            backward(s, u, chunks, strip);
        }
        for (p, row) in panel.chunks_exact(width).take(n).enumerate() {
            if let Some(to) = some.row(p) {
                to.iter_mut().zip(row).for_each(|(to, &x)| *to = x);
            }
        }
        col += width;
    }
}

multiversion! {
    pub(super) fn right_solve_entry<T: Float>(l: MatRef<'_, T>, b: MatMut<'_, T>, copy: &mut [T], scratch: &mut [T]) = right_solve;
}

/// `B <- B L^-T`, and once more into `copy`, if that is not empty: panels of rows are turned, solved from the left, and
/// turned back. L has at least one row.
#[inline(always)]
fn right_solve<T: Float, S: Simd<T>>(s: S, l: MatRef<'_, T>, mut b: MatMut<'_, T>, copy: &mut [T], scratch: &mut [T]) {
    let width = tile::width::<T, S>();
    let (rows, n) = (b.rows(), l.rows());
    let mut from = 0;
    let mut copies = copy.chunks_exact_mut(n.max(1));
    while from < rows {
        let mut some = b.reborrow().block(from, 0, width, n);
        let (panel, strip) = split(scratch, n * width);
        gather(some.as_ref().t(), panel, width);
        let (chunks, _) = s.chunks_mut(panel).0.as_chunks_mut::<2>();
        forward(s, l, chunks, strip);
        for i in 0..some.rows() {
            if let Some(row) = some.row(i) {
                for (to, numbers) in row.iter_mut().zip(panel.chunks_exact(width)) {
                    numbers.get(i).into_iter().for_each(|&x| *to = x);
                }
                if let Some(to) = copies.next() {
                    to.iter_mut().zip(row).for_each(|(to, &mut x)| *to = x);
                }
            }
        }
        from += width;
    }
}

/// Copies a matrix of at most `width` columns into a panel, zeros behind the last column.
#[inline(always)]
fn gather<T: Float>(b: MatRef<'_, T>, panel: &mut [T], width: usize) {
    if b.col_stride() == 1 {
        for (p, to) in panel.chunks_exact_mut(width).enumerate() {
            let row = b.row(p).unwrap_or_default();
            if let Some((head, tail)) = to.split_at_mut_checked(row.len()) {
                head.copy_from_slice(row);
                tail.fill(T::ZERO);
            }
        }
        return;
    }
    // Down the columns, which lie in line where the matrix is turned.
    for j in 0..width {
        let rows = panel.chunks_exact_mut(width).filter_map(|row| row.get_mut(j));
        if let Some(column) = b.t().row(j) {
            rows.zip(column).for_each(|(to, &x)| *to = x);
        } else {
            rows.enumerate().for_each(|(p, to)| *to = b.get(p, j).unwrap_or(T::ZERO));
        }
    }
}

/// Rows of a panel that are solved together: what stands before them is one tile product. The same at every level, because
/// the order of sums depends on it.
const GROUP: usize = 6;

/// `X <- L^-1 X` for a panel X.
#[inline(always)]
fn forward<T: Float, S: Simd<T>>(s: S, l: MatRef<'_, T>, panel: &mut [[S::Chunk; 2]], strip: &mut [T]) {
    let n = panel.len();
    let mut from = 0;
    while from < n {
        let rows = GROUP.min(n - from);
        let (done, rest) = split(panel, from);
        let l = l.row_range(from, rows);
        with_rows!(rows up to GROUP, group::<T, S>(s, l.col_range(0, from), done, l.col_range(from, rows), rest, strip, false));
        from += rows;
    }
}

/// `X <- U^-1 X` for a panel X: the same from the last row up.
#[inline(always)]
fn backward<T: Float, S: Simd<T>>(s: S, u: MatRef<'_, T>, panel: &mut [[S::Chunk; 2]], strip: &mut [T]) {
    let n = panel.len();
    let mut to = n;
    while to > 0 {
        let rows = GROUP.min(to);
        let from = to - rows;
        let (rest, done) = split(panel, to);
        let u = u.row_range(from, rows);
        with_rows!(rows up to GROUP, group::<T, S>(s, u.col_range(to, n), done, u.col_range(from, rows), split(rest, from).1, strip, true));
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
