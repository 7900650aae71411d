//! The register tile under every matrix product: J rows of broadcast numbers times a panel two vectors wide.
//!
//! A *panel* is a block of p = 0 .. depth rows of 2 LANES numbers, next to each other in memory. The other factor
//! comes as J numbers per p, next to each other too: with rows a stride apart, J pointers and J broadcast registers
//! do not fit, and the compiler spills accumulators.
//!
//! The limit is the register file: 2 J accumulators, the panel's two vectors and one broadcast. Every output is one
//! chain of multiply-adds in ascending p, whatever the tile, the blocking and the level: products of all kernels are
//! bit-identical on levels that fuse.

use crate::matrix::MatRef;
use crate::simd::{Float, Simd};

/// Rows of the largest tile that fits the registers of an instruction set: 2 J + 3 of them are in use.
#[inline(always)]
pub(crate) const fn rows(registers: usize) -> usize {
    if registers >= 32 {
        MOST_ROWS
    } else if registers >= 16 {
        6
    } else {
        3
    }
}

/// Rows of the largest tile of any instruction set.
pub(crate) const MOST_ROWS: usize = 14;

/// Width of a panel.
#[inline(always)]
pub(crate) const fn width<T: Float, S: Simd<T>>() -> usize {
    2 * S::LANES
}

/// The widest panel of any instruction set and float: what scratch lengths are computed with.
pub(crate) const MOST_WIDTH: usize = 32;

/// How many rows the next tile takes, when `left` rows are left: tiles are of nearly equal height, because a short
/// last tile cannot hide the latency of its multiply-adds.
#[inline(always)]
pub(crate) fn next_rows(left: usize, most: usize) -> usize {
    left.div_ceil(left.div_ceil(most).max(1))
}

/// `acc[j][v] += sum_p a[p][j] panel[p][v]`
#[inline(always)]
pub(crate) fn accumulate<'a, T: Float, S: Simd<T>, const J: usize>(
    s: S,
    acc: &mut [[S::V; 2]; J],
    a: impl Iterator<Item = &'a [T; J]>,
    panel: &[[S::Chunk; 2]],
) {
    let mut sums = *acc;
    for (b, a) in panel.iter().zip(a) {
        let (b0, b1) = (s.load(&b[0]), s.load(&b[1]));
        for j in 0..J {
            let x = s.splat(a[j]);
            sums[j][0] = s.mul_add(x, b0, sums[j][0]);
            sums[j][1] = s.mul_add(x, b1, sums[j][1]);
        }
    }
    *acc = sums;
}

/// Copies J rows so that the J numbers of each column lie next to each other, and hands them out.
///
/// Rows behind the last one of the matrix are zero. `to` has room for `J * columns` numbers.
#[inline(always)]
pub(crate) fn interleave<'a, T: Float, const J: usize>(rows: MatRef<'_, T>, to: &'a mut [T]) -> &'a [[T; J]] {
    let (to, _) = to.as_chunks_mut::<J>();
    let to = to.get_mut(..rows.cols()).unwrap_or_default();
    let (data, stride, step) = (rows.data(), rows.row_stride(), rows.col_stride());
    for j in 0..J {
        let row = if j < rows.rows() { data.get(j * stride..).unwrap_or_default() } else { &[] };
        if step == 1 {
            for (to, &x) in to.iter_mut().zip(row) {
                to[j] = x;
            }
        } else {
            for (to, &x) in to.iter_mut().zip(row.iter().step_by(step.max(1))) {
                to[j] = x;
            }
        }
        if row.is_empty() || step == 0 {
            // No row, or one whose columns are all the same number.
            let x = row.first().copied().unwrap_or(T::ZERO);
            to.iter_mut().for_each(|to| to[j] = x);
        }
    }
    to
}

/// Copies `alpha B` into panels, zeros behind the last column.
#[inline(always)]
pub(crate) fn pack<T: Float, S: Simd<T>>(alpha: T, b: MatRef<'_, T>, to: &mut [T]) {
    let width = width::<T, S>();
    let deep = b.rows();
    let (rs, cs, data) = (b.row_stride(), b.col_stride(), b.data());
    if deep == 0 {
        return;
    }
    let mut col = 0;
    for panel in to.chunks_exact_mut((width * deep).max(1)).take(b.cols().div_ceil(width)) {
        let cols = width.min(b.cols() - col);
        if rs == 1 && cs != 1 {
            // Down the columns: they are what lies in line.
            for j in 0..width {
                let column = if j < cols { data.get((col + j) * cs..).unwrap_or(&[]) } else { &[] };
                for (p, row) in panel.chunks_exact_mut(width).enumerate() {
                    row[j] = column.get(p).map_or(T::ZERO, |&x| alpha * x);
                }
            }
        } else {
            for (p, row) in panel.chunks_exact_mut(width).enumerate() {
                for (j, x) in row.iter_mut().enumerate() {
                    *x = if j < cols { data.get(p * rs + (col + j) * cs).map_or(T::ZERO, |&x| alpha * x) } else { T::ZERO };
                }
            }
        }
        col += width;
    }
}

/// `with_rows!(rows, f::<T, S>(args))` calls `f::<T, S, J>(args)` with J = `rows`, at most as many as the instruction set's
/// tiles have; `with_rows!(rows up to MOST, ..)` has its own limit. Others are not compiled.
macro_rules! with_rows {
    ($rows:ident up to $most:ident, $f:ident::<$T:ident, $S:ident>$args:tt) => {
        $crate::blas::tile::with_rows!(@ $rows, $most, $f, $T, $S, $args, 1 2 3 4 5 6 7 8 9 10 11 12 13 14)
    };
    ($rows:expr, $f:ident::<$T:ident, $S:ident>$args:tt) => {
        $crate::blas::tile::with_rows!(@ $rows, $crate::blas::tile::rows($S::REGISTERS), $f, $T, $S, $args, 1 2 3 4 5 6 7 8 9 10 11 12 13 14)
    };
    (@ $rows:expr, $most:expr, $f:ident, $T:ident, $S:ident, $args:tt, $($n:literal)*) => {
        match $rows {
            $($n if $n <= $most => $f::<$T, $S, $n>$args,)*
            _ => {}
        }
    };
}
pub(crate) use with_rows;
