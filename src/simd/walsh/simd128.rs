//! The transform's operations on wasm vectors; integers as elements.

use core::arch::wasm32::*;

use super::Walsh;
use crate::simd::Simd128;
use crate::simd::lanes::lanes;

#[inline(always)]
fn below_f32(n: usize, mut v: v128) -> v128 {
    const MINUS: i32 = i32::MIN;
    if n > 1 {
        v = f32x4_add(i32x4_shuffle::<1, 0, 3, 2>(v, v), v128_xor(v, i32x4(0, MINUS, 0, MINUS)));
    }
    if n > 2 {
        v = f32x4_add(i32x4_shuffle::<2, 3, 0, 1>(v, v), v128_xor(v, i32x4(0, 0, MINUS, MINUS)));
    }
    v
}

#[inline(always)]
fn below_f64(n: usize, v: v128) -> v128 {
    if n > 1 { f64x2_add(i64x2_shuffle::<1, 0>(v, v), v128_xor(v, i64x2(0, i64::MIN))) } else { v }
}

#[inline(always)]
fn below_i32(n: usize, mut v: v128) -> v128 {
    if n > 1 {
        let swapped = i32x4_shuffle::<1, 0, 3, 2>(v, v);
        v = i32x4_shuffle::<0, 5, 2, 7>(i32x4_add(v, swapped), i32x4_sub(swapped, v));
    }
    if n > 2 {
        let swapped = i32x4_shuffle::<2, 3, 0, 1>(v, v);
        v = i32x4_shuffle::<0, 1, 6, 7>(i32x4_add(v, swapped), i32x4_sub(swapped, v));
    }
    v
}

#[inline(always)]
fn below_i16(n: usize, mut v: v128) -> v128 {
    if n > 1 {
        let swapped = i16x8_shuffle::<1, 0, 3, 2, 5, 4, 7, 6>(v, v);
        v = i16x8_shuffle::<0, 9, 2, 11, 4, 13, 6, 15>(i16x8_add(v, swapped), i16x8_sub(swapped, v));
    }
    if n > 2 {
        let swapped = i32x4_shuffle::<1, 0, 3, 2>(v, v);
        v = i32x4_shuffle::<0, 5, 2, 7>(i16x8_add(v, swapped), i16x8_sub(swapped, v));
    }
    if n > 4 {
        let swapped = i32x4_shuffle::<2, 3, 0, 1>(v, v);
        v = i32x4_shuffle::<0, 1, 6, 7>(i16x8_add(v, swapped), i16x8_sub(swapped, v));
    }
    v
}

#[inline(always)]
fn negate_f32(bits: u64, v: v128) -> v128 {
    let lane = i32x4(1, 2, 4, 8);
    let minus = i32x4_eq(v128_and(i32x4_splat(bits as i32), lane), lane);
    v128_xor(v, v128_and(minus, i32x4_splat(i32::MIN)))
}

#[inline(always)]
fn negate_f64(bits: u64, v: v128) -> v128 {
    let lane = i64x2(1, 2);
    let minus = i64x2_eq(v128_and(i64x2_splat(bits as i64), lane), lane);
    v128_xor(v, v128_and(minus, i64x2_splat(i64::MIN)))
}

#[inline(always)]
fn negate_i32(bits: u64, v: v128) -> v128 {
    let lane = i32x4(1, 2, 4, 8);
    let minus = i32x4_eq(v128_and(i32x4_splat(bits as i32), lane), lane);
    i32x4_sub(v128_xor(v, minus), minus)
}

#[inline(always)]
fn negate_i16(bits: u64, v: v128) -> v128 {
    let lane = i16x8(1, 2, 4, 8, 16, 32, 64, 128);
    let minus = i16x8_eq(v128_and(i16x8_splat(bits as i16), lane), lane);
    i16x8_sub(v128_xor(v, minus), minus)
}

lanes! { Simd128, i32, 4, v128; load v128_load, store v128_store, splat i32x4_splat, add i32x4_add, sub i32x4_sub,
hadamard below_i32: 4 }
lanes! { Simd128, i16, 8, v128; load v128_load, store v128_store, splat i16x8_splat, add i16x8_add, sub i16x8_sub,
hadamard below_i16: 8 }

macro_rules! walsh {
    ($T:ty, $below:path, $negate:path, $times:path) => {
        impl Walsh<$T> for Simd128 {
            #[inline(always)]
            fn hadamard_below(self, n: usize, v: v128) -> v128 {
                $below(n, v)
            }
            #[inline(always)]
            fn negate(self, bits: u64, v: v128) -> v128 {
                $negate(bits, v)
            }
            #[inline(always)]
            fn times(self, a: v128, b: v128) -> v128 {
                $times(a, b)
            }
        }
    };
}
walsh!(f32, below_f32, negate_f32, f32x4_mul);
walsh!(f64, below_f64, negate_f64, f64x2_mul);
walsh!(i32, below_i32, negate_i32, i32x4_mul);
walsh!(i16, below_i16, negate_i16, i16x8_mul);
