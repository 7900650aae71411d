//! Matrix products: packed panels, register tiles, cache blocks.

use super::tile::{self, with_rows};
use crate::error::{Error, expect_length};
use crate::matrix::{MatMut, MatRef};
use crate::scratch::{all_of, area, split, take};
use crate::simd::{Float, Level, Simd};

/// Depth of a block: a panel of this depth (32 KiB of f32) stays in the first-level cache while it meets a tile.
const DEPTH: usize = 256;
/// Columns of a block: its panels (512 KiB of f32) stay in the second-level cache while all rows meet them.
const COLS: usize = 512;

/// Rows of C that [`syrk`] computes as one product; entries above the diagonal inside a block are computed in vain.
const TRIANGLE: usize = 112;

/// Scratch of [`gemm`], in elements: room for one block of packed panels and one tile's rows.
///
/// ```
/// // One cache block, however large the product.
/// let len = subquad::blas::gemm_scratch_len(1000, 1000, 1000);
/// assert_eq!(subquad::blas::gemm_scratch_len(100_000, 100_000, 100_000), len);
/// ```
pub const fn gemm_scratch_len(_rows: usize, cols: usize, depth: usize) -> usize {
    let cols = if cols < COLS { cols } else { COLS };
    let depth = if depth < DEPTH { depth } else { DEPTH };
    all_of(&[area(cols.div_ceil(tile::MOST_WIDTH) * tile::MOST_WIDTH, depth), area(tile::MOST_ROWS, depth)])
}

/// `C <- alpha A B + beta C`
///
/// # Shapes
/// A m x k and B k x n with any strides (so `a.t()` is a factor like any other), C m x n. With `beta = 0` C may hold
/// anything, NaN included.
///
/// # Errors
/// [`Error::Length`] where shapes disagree, [`Error::TooShort`] if scratch is less than [`gemm_scratch_len`]`(m, n, k)`.
///
/// # Numerics
/// Each entry is one chain of multiply-adds, `beta c` first, then `a[i][p] (alpha b[p][j])` in ascending p: the same
/// bits for every blocking, and on every level that has fused multiply-adds. Error at most `k eps sum |a b|`.
///
/// # Cost
/// 2 m n k flops.
///
/// ```
/// use subquad::{Level, MatMut, MatRef, blas};
///
/// let a = MatRef::new(&[1.0f32, 2.0, 3.0, 4.0], 2, 2)?;
/// let mut c = [0.0f32; 4];
/// let mut scratch = [0.0f32; blas::gemm_scratch_len(2, 2, 2)];
/// blas::gemm(Level::detect(), 1.0, a, a.t(), 0.0, MatMut::new(&mut c, 2, 2)?, &mut scratch)?;
/// assert_eq!(c, [5.0, 11.0, 11.0, 25.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn gemm<T: Float>(
    level: Level,
    alpha: T,
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    beta: T,
    c: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), Error> {
    expect_length("gemm: rows of B", a.cols(), b.rows())?;
    expect_length("gemm: rows of C", a.rows(), c.rows())?;
    expect_length("gemm: columns of C", b.cols(), c.cols())?;
    let (scratch, _) = take(scratch, gemm_scratch_len(c.rows(), c.cols(), a.cols()))?;
    // Nothing to write, however many rows of it there are.
    if c.rows() == 0 || c.cols() == 0 {
        return Ok(());
    }
    gemm_entry(level, alpha, a, b, beta, c, scratch);
    Ok(())
}

/// Scratch of [`syrk`], in elements.
///
/// ```
/// assert!(subquad::blas::syrk_scratch_len(1000, 10) < 1000 * 1000);
/// ```
pub const fn syrk_scratch_len(n: usize, depth: usize) -> usize {
    gemm_scratch_len(TRIANGLE, n, depth)
}

/// `C <- alpha A A^T + beta C`, on and below the diagonal; what stands above is left alone or overwritten with the
/// same product, and must not be read.
///
/// # Shapes
/// A n x k with any strides, C n x n.
///
/// # Errors, numerics
/// As [`gemm`]; scratch is [`syrk_scratch_len`]`(n, k)`.
///
/// # Cost
/// n^2 k flops, and a margin of 112 columns.
///
/// ```
/// use subquad::{Level, MatMut, MatRef, blas};
///
/// let (mut c, mut scratch) = ([0.0f32; 4], vec![0.0; blas::syrk_scratch_len(2, 2)]);
/// blas::syrk(Level::detect(), 2.0, MatRef::new(&[1.0, 2.0, 3.0, 4.0], 2, 2)?, 0.0, MatMut::new(&mut c, 2, 2)?, &mut scratch)?;
/// assert_eq!((c[0], c[2], c[3]), (10.0, 22.0, 50.0));
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn syrk<T: Float>(level: Level, alpha: T, a: MatRef<'_, T>, beta: T, c: MatMut<'_, T>, scratch: &mut [T]) -> Result<(), Error> {
    expect_length("syrk: rows of C", a.rows(), c.rows())?;
    expect_length("syrk: columns of C", a.rows(), c.cols())?;
    let (scratch, _) = take(scratch, syrk_scratch_len(c.rows(), a.cols()))?;
    if c.rows() == 0 {
        return Ok(());
    }
    syrk_entry(level, alpha, a, beta, c, scratch);
    Ok(())
}

multiversion! {
    fn gemm_entry<T: Float>(alpha: T, a: MatRef<'_, T>, b: MatRef<'_, T>, beta: T, c: MatMut<'_, T>, scratch: &mut [T]) = gemm_body;
}

multiversion! {
    fn syrk_entry<T: Float>(alpha: T, a: MatRef<'_, T>, beta: T, c: MatMut<'_, T>, scratch: &mut [T]) = syrk_body;
}

/// Which entries of C are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    All,
    /// Those on and below the diagonal.
    Lower,
}

#[inline(always)]
fn gemm_body<T: Float, S: Simd<T>>(s: S, alpha: T, a: MatRef<'_, T>, b: MatRef<'_, T>, beta: T, c: MatMut<'_, T>, scratch: &mut [T]) {
    blocks(s, alpha, a, b, beta, c, Wanted::All, scratch);
}

#[inline(always)]
fn syrk_body<T: Float, S: Simd<T>>(s: S, alpha: T, a: MatRef<'_, T>, beta: T, c: MatMut<'_, T>, scratch: &mut [T]) {
    blocks(s, alpha, a, a.t(), beta, c, Wanted::Lower, scratch);
}

/// The loops over cache blocks: columns, then depth, then tiles of rows.
#[inline(always)]
fn blocks<T: Float, S: Simd<T>>(
    s: S,
    alpha: T,
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    beta: T,
    mut c: MatMut<'_, T>,
    wanted: Wanted,
    scratch: &mut [T],
) {
    let depth = a.cols();
    if depth == 0 {
        for i in 0..c.rows() {
            for x in c.row(i).into_iter().flatten() {
                *x = if beta == T::ZERO { T::ZERO } else { beta * *x };
            }
        }
        return;
    }
    let (strip, panels) = split(scratch, tile::MOST_ROWS * DEPTH.min(depth));
    let mut col = 0;
    while col < b.cols() {
        let cols = COLS.min(b.cols() - col);
        let mut from = 0;
        while from < depth {
            let deep = DEPTH.min(depth - from);
            tile::pack::<T, S>(alpha, b.row_range(from, deep).col_range(col, cols), panels);
            // What the chains of this block start from.
            let start = if from > 0 { T::ONE } else { beta };
            let mut row = if wanted == Wanted::Lower { col } else { 0 };
            while row < a.rows() {
                // A triangle's tiles stop at its diagonal: in steps of a block, so that tiles keep their height.
                let last = match wanted {
                    Wanted::All => a.rows(),
                    Wanted::Lower => a.rows().min(row + TRIANGLE),
                };
                let block_cols = match wanted {
                    Wanted::All => cols,
                    Wanted::Lower => cols.min(last - col),
                };
                while row < last {
                    let rows = tile::next_rows(last - row, tile::rows(S::REGISTERS));
                    let a = a.row_range(row, rows).col_range(from, deep);
                    let c = c.reborrow().block(row, col, rows, block_cols);
                    with_rows!(rows, tiles::<T, S>(s, a, start, c, strip, panels));
                    row += rows;
                }
            }
            from += deep;
        }
        col += cols;
    }
}

/// J rows of C: one tile per panel.
#[inline(always)]
fn tiles<T: Float, S: Simd<T>, const J: usize>(s: S, a: MatRef<'_, T>, start: T, mut c: MatMut<'_, T>, strip: &mut [T], panels: &[T]) {
    let width = tile::width::<T, S>();
    let deep = a.cols();
    let strip = tile::interleave::<T, J>(a, strip);
    let cols = c.cols();
    let stride = c.stride();
    let c = c.data();
    let mut col = 0;
    for panel in panels.chunks_exact((width * deep).max(1)).take(cols.div_ceil(width)) {
        let panel = s.chunks(panel).0.as_chunks::<2>().0;
        let wide = width.min(cols - col);
        let mut acc = [[s.splat(T::ZERO); 2]; J];
        if start != T::ZERO {
            let factor = s.splat(start);
            for (j, acc) in acc.iter_mut().enumerate() {
                let [v0, v1] = load_pair(s, c.get(j * stride + col..).unwrap_or(&[]), wide);
                *acc = if start == T::ONE { [v0, v1] } else { [s.mul(factor, v0), s.mul(factor, v1)] };
            }
        }
        tile::accumulate(s, &mut acc, strip.iter(), panel);
        for (j, &acc) in acc.iter().enumerate() {
            store_pair(s, c.get_mut(j * stride + col..).unwrap_or(&mut []), wide, acc);
        }
        col += width;
    }
}

/// Two vectors of which the first `wide` elements lie in the slice.
#[inline(always)]
fn load_pair<T: Float, S: Simd<T>>(s: S, x: &[T], wide: usize) -> [S::V; 2] {
    if wide == 2 * S::LANES
        && let Some(pair) = s.chunks(x).0.first_chunk::<2>()
    {
        return [s.load(&pair[0]), s.load(&pair[1])];
    }
    let x = &x[..wide.min(x.len())];
    [s.load_part(x), s.load_part(x.get(S::LANES..).unwrap_or_default())]
}

/// The counterpart of [`load_pair`].
#[inline(always)]
fn store_pair<T: Float, S: Simd<T>>(s: S, x: &mut [T], wide: usize, v: [S::V; 2]) {
    if wide == 2 * S::LANES
        && let Some(pair) = s.chunks_mut(x).0.first_chunk_mut::<2>()
    {
        s.store(&mut pair[0], v[0]);
        s.store(&mut pair[1], v[1]);
        return;
    }
    let len = x.len();
    let x = &mut x[..wide.min(len)];
    s.store_part(x, v[0]);
    if let Some(high) = x.get_mut(S::LANES..) {
        s.store_part(high, v[1]);
    }
}
