//! WebAssembly simd128: 128-bit vectors, no fused multiply-add (relaxed SIMD is left out: its results depend on the
//! host).

use core::arch::wasm32::*;

use super::lanes::{lanes, simd};
use super::stored::widen;
use super::{Bf16x2, Simd128, Token};

impl Token for Simd128 {
    const NAME: &'static str = "simd128";
    // The registers of the usual hosts: wasm itself has any number of locals.
    const REGISTERS: usize = 16;
    const WORDS: usize = 2;
    type WordChunk = [u64; 2];
    type W = v128;

    #[inline(always)]
    fn word_chunks(self, x: &[u64]) -> (&[[u64; 2]], &[u64]) {
        x.as_chunks()
    }
    #[inline(always)]
    fn load_words(self, x: &[u64; 2]) -> v128 {
        // SAFETY: the array is the memory of one vector; wasm loads need no alignment.
        unsafe { v128_load(x.as_ptr().cast()) }
    }
    #[inline(always)]
    fn zero_words(self) -> v128 {
        u64x2_splat(0)
    }
    #[inline(always)]
    fn count_and(self, acc: v128, a: v128, b: v128) -> v128 {
        let bytes = u8x16_popcnt(v128_and(a, b));
        let quads = u32x4_extadd_pairwise_u16x8(u16x8_extadd_pairwise_u8x16(bytes));
        // Both halves of a word, in its own lane.
        i64x2_add(acc, i64x2_add(v128_and(quads, u64x2_splat(0xFFFF_FFFF)), u64x2_shr(quads, 32)))
    }
    #[inline(always)]
    fn sum_words(self, x: v128) -> u64 {
        u64x2_extract_lane::<0>(x) + u64x2_extract_lane::<1>(x)
    }
}

/// Stages h = 1, 2 of 4 floats.
#[inline(always)]
fn hadamard_f32(v: v128) -> v128 {
    let swapped = i32x4_shuffle::<1, 0, 3, 2>(v, v);
    let v = i32x4_shuffle::<0, 5, 2, 7>(f32x4_add(v, swapped), f32x4_sub(swapped, v));
    let swapped = i32x4_shuffle::<2, 3, 0, 1>(v, v);
    i32x4_shuffle::<0, 1, 6, 7>(f32x4_add(v, swapped), f32x4_sub(swapped, v))
}

/// The one stage of 2 doubles.
#[inline(always)]
fn hadamard_f64(v: v128) -> v128 {
    let swapped = i64x2_shuffle::<1, 0>(v, v);
    i64x2_shuffle::<0, 3>(f64x2_add(v, swapped), f64x2_sub(swapped, v))
}

#[inline(always)]
fn sum_f32(v: v128) -> f32 {
    let half = f32x4_add(v, i32x4_shuffle::<2, 3, 0, 1>(v, v));
    f32x4_extract_lane::<0>(half) + f32x4_extract_lane::<1>(half)
}

#[inline(always)]
fn sum_f64(v: v128) -> f64 {
    f64x2_extract_lane::<0>(v) + f64x2_extract_lane::<1>(v)
}

#[inline(always)]
fn gt_f32(a: v128, b: v128) -> u64 {
    u64::from(i32x4_bitmask(f32x4_gt(a, b)))
}

#[inline(always)]
fn gt_f64(a: v128, b: v128) -> u64 {
    u64::from(i64x2_bitmask(f64x2_gt(a, b)))
}

#[inline(always)]
fn keep_f32(bits: u64, v: v128) -> v128 {
    let lane = i32x4(1, 2, 4, 8);
    v128_and(v, i32x4_eq(v128_and(i32x4_splat(bits as i32), lane), lane))
}

#[inline(always)]
fn keep_f64(bits: u64, v: v128) -> v128 {
    let lane = i64x2(1, 2);
    v128_and(v, i64x2_eq(v128_and(i64x2_splat(bits as i64), lane), lane))
}

#[inline(always)]
fn mul_add_f32(a: v128, b: v128, c: v128) -> v128 {
    f32x4_add(f32x4_mul(a, b), c)
}

#[inline(always)]
fn mul_add_f64(a: v128, b: v128, c: v128) -> v128 {
    f64x2_add(f64x2_mul(a, b), c)
}

#[inline(always)]
fn low_halves(x: &[Bf16x2; 4]) -> v128 {
    // SAFETY: called with a token that proves the features; the array is the memory of one vector, the load unaligned.
    unsafe { u32x4_shl(v128_load(x.as_ptr().cast()), 16) }
}

#[inline(always)]
fn high_halves(x: &[Bf16x2; 4]) -> v128 {
    // SAFETY: called with a token that proves the features; the array is the memory of one vector, the load unaligned.
    unsafe { v128_and(v128_load(x.as_ptr().cast()), u32x4_splat(0xFFFF_0000)) }
}

lanes! { Simd128, f32, 4, v128; load v128_load, store v128_store, splat f32x4_splat, add f32x4_add, sub f32x4_sub,
hadamard hadamard_f32 }
lanes! { Simd128, f64, 2, v128; load v128_load, store v128_store, splat f64x2_splat, add f64x2_add, sub f64x2_sub,
hadamard hadamard_f64 }
simd! { Simd128, f32, v128; mul f32x4_mul, mul_add mul_add_f32, gt gt_f32, keep keep_f32, sum sum_f32 }
simd! { Simd128, f64, v128; mul f64x2_mul, mul_add mul_add_f64, gt gt_f64, keep keep_f64, sum sum_f64 }
widen! { Simd128, 4, v128; low low_halves, high high_halves }
