//! Products in 16 bits, summed by pairs in 32.

use core::arch::wasm32::*;

use super::super::Simd128;
use super::Screen;

impl Screen for Simd128 {
    const SUMS: usize = 4;
    const OFFSET: i32 = 0;
    const LIMIT: i32 = 127;
    type Quads = [[i8; 4]; 4];
    type Sums = v128;

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
    fn above(self, sums: v128, scale: &[f32], over: f32, margin: f32) -> u64 {
        let mut last = [0.0; 4];
        let (scale, inside) = match scale.first_chunk::<4>() {
            Some(scale) => (scale, 0xF),
            None => {
                last.iter_mut().zip(scale).for_each(|(to, &from)| *to = from);
                (&last, (1u64 << scale.len()) - 1)
            }
        };
        // SAFETY: the array is the memory of one vector; wasm loads need no alignment.
        let scale = unsafe { v128_load(scale.as_ptr().cast()) };
        let bound = f32x4_add(f32x4_mul(scale, f32x4_splat(over)), f32x4_splat(margin));
        u64::from(i32x4_bitmask(f32x4_gt(f32x4_convert_i32x4(sums), bound))) & inside
    }
}
