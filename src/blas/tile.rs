//! The register tile under every matrix product: J rows of broadcast numbers times a panel two vectors wide.
//!
//! A *panel* is a block of p = 0 .. depth rows of 2 LANES numbers, next to each other in memory. The other factor is
//! not packed: its numbers are broadcast straight from where they lie, along any two strides.
//!
//! The limit is the register file: 2 J accumulators, the panel's two vectors and one broadcast. Every output is one
//! chain of multiply-adds in ascending p, whatever the tile, the blocking and the level: products of all kernels are
//! bit-identical on levels that fuse.

use crate::simd::{Float, Simd, columns};

/// Rows of the largest tile that fits the registers of an instruction set: 2 J + 3 of them are in use.
#[inline(always)]
pub(crate) const fn rows(registers: usize) -> usize {
    if registers >= 32 { MOST_ROWS } else { 6 }
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
    left.div_ceil(left.div_ceil(most))
}

/// `acc[j][v] += sum_p a[p * step + j * stride] panel[p][v]`
///
/// The caller's shapes guarantee that the walk stays inside `a`; if it did not, nothing would be added.
#[inline(always)]
pub(crate) fn accumulate<T: Float, S: Simd<T>, const J: usize>(
    s: S,
    acc: &mut [[S::V; 2]; J],
    a: &[T],
    stride: usize,
    step: usize,
    panel: &[[S::Chunk; 2]],
) {
    let Some(columns) = columns::<T, J>(a, stride, step, panel.len()) else {
        debug_assert!(false, "a tile's walk leaves its slice");
        return;
    };
    let mut sums = *acc;
    for (b, column) in panel.iter().zip(columns) {
        let (b0, b1) = (s.load(&b[0]), s.load(&b[1]));
        for j in 0..J {
            let x = s.splat(column[j]);
            sums[j][0] = s.mul_add(x, b0, sums[j][0]);
            sums[j][1] = s.mul_add(x, b1, sums[j][1]);
        }
    }
    *acc = sums;
}

/// `with_rows!(rows, f::<T, S>(args))` calls `f::<T, S, J>(args)` with J = `rows`.
macro_rules! with_rows {
    ($rows:expr, $f:ident::<$T:ident, $S:ident>$args:tt) => {
        $crate::blas::tile::with_rows!(@ $rows, $f, $T, $S, $args, 1 2 3 4 5 6 7 8 9 10 11 12 13 14)
    };
    (@ $rows:expr, $f:ident, $T:ident, $S:ident, $args:tt, $($n:literal)*) => {
        match $rows {
            // Tiles that an instruction set of few registers never uses are not compiled for it.
            $($n if $n <= $crate::blas::tile::rows($S::REGISTERS) => $f::<$T, $S, $n>$args,)*
            _ => {}
        }
    };
}
pub(crate) use with_rows;
