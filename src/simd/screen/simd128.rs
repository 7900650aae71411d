//! Products in 16 bits, summed by pairs in 32.

use core::arch::wasm32::*;

use super::super::Simd128;
use super::{Screen, padded};

/// Scales, errors and lengths of four rows, and which of them there are.
#[derive(Clone, Copy)]
pub struct Rows {
    scale: v128,
    error: v128,
    length: v128,
    inside: v128,
}

impl Screen for Simd128 {
    const SUMS: usize = 4;
    const OFFSET: i32 = 0;
    const LIMIT: i32 = 127;
    type Quads = [[i8; 4]; 4];
    type Sums = v128;
    type Rows = Rows;
    type Bounds = [v128; 2];

    #[inline(always)]
    fn quads(self, x: &[[i8; 4]]) -> &[[[i8; 4]; 4]] {
        x.as_chunks().0
    }
    #[inline(always)]
    fn start(self, _: &[i32]) -> v128 {
        i32x4_splat(0)
    }
    #[inline(always)]
    fn splat_quad(self, x: [u8; 4]) -> v128 {
        i32x4_splat(i32::from_le_bytes(x))
    }
    #[inline(always)]
    fn dot(self, sums: v128, w: &[[i8; 4]; 4], x: v128) -> v128 {
        // SAFETY: the array is the memory of one vector; wasm loads need no alignment.
        let w = unsafe { v128_load(w.as_ptr().cast()) };
        let low = i32x4_extadd_pairwise_i16x8(i16x8_extmul_low_i8x16(w, x));
        let high = i32x4_extadd_pairwise_i16x8(i16x8_extmul_high_i8x16(w, x));
        let (even, odd) = (i32x4_shuffle::<0, 2, 4, 6>(low, high), i32x4_shuffle::<1, 3, 5, 7>(low, high));
        i32x4_add(sums, i32x4_add(even, odd))
    }
    #[inline(always)]
    fn rows(self, scale: &[f32], error: &[f32], length: &[f32]) -> Rows {
        let ([scale, error, length], inside) = padded::<4>([scale, error, length]);
        let load = |x: [f32; 4]| f32x4(x[0], x[1], x[2], x[3]);
        Rows { scale: load(scale), error: load(error), length: load(length), inside: i32x4(inside[0], inside[1], inside[2], inside[3]) }
    }
    #[inline(always)]
    fn bounds(self, rows: &Rows, &[low, high, e, l]: &[f32; 4]) -> [v128; 2] {
        let m = f32x4_add(f32x4_mul(rows.error, f32x4_splat(e)), f32x4_mul(rows.length, f32x4_splat(l)));
        let low = f32x4_sub(f32x4_mul(rows.scale, f32x4_splat(low)), m);
        let high = f32x4_add(f32x4_mul(rows.scale, f32x4_splat(high)), m);
        // Nothing is above infinity.
        let none = f32x4_splat(f32::INFINITY);
        [v128_bitselect(low, none, rows.inside), v128_bitselect(high, none, rows.inside)]
    }
    #[inline(always)]
    fn beyond(self, sums: v128, &[low, high]: &[v128; 2]) -> [u64; 2] {
        let value = f32x4_convert_i32x4(sums);
        [i32x4_bitmask(v128_not(f32x4_le(value, low))).into(), i32x4_bitmask(f32x4_gt(value, high)).into()]
    }
}
