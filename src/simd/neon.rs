//! NEON of 64-bit Arm: 128-bit vectors, part of the baseline of every hard-float aarch64 target.

use core::arch::aarch64::*;

use super::lanes::{lanes, simd};
use super::stored::widen;
use super::{Bf16x2, Neon, Token};

impl Token for Neon {
    const NAME: &'static str = "neon";
    const REGISTERS: usize = 32;
    const WORDS: usize = 2;
    type WordChunk = [u64; 2];
    type W = uint64x2_t;

    #[inline(always)]
    fn word_chunks(self, x: &[u64]) -> (&[[u64; 2]], &[u64]) {
        x.as_chunks()
    }
    #[inline(always)]
    fn load_words(self, x: &[u64; 2]) -> uint64x2_t {
        // SAFETY: the token proves the feature; the array is the memory of one vector.
        unsafe { vld1q_u64(x.as_ptr()) }
    }
    #[inline(always)]
    fn zero_words(self) -> uint64x2_t {
        // SAFETY: the token proves the feature.
        unsafe { vdupq_n_u64(0) }
    }
    #[inline(always)]
    fn count_and(self, acc: uint64x2_t, a: uint64x2_t, b: uint64x2_t) -> uint64x2_t {
        // SAFETY: the token proves the feature.
        unsafe {
            let bytes = vcntq_u8(vreinterpretq_u8_u64(vandq_u64(a, b)));
            vaddq_u64(acc, vpaddlq_u32(vpaddlq_u16(vpaddlq_u8(bytes))))
        }
    }
    #[inline(always)]
    fn sum_words(self, x: uint64x2_t) -> u64 {
        // SAFETY: the token proves the feature.
        unsafe { vaddvq_u64(x) }
    }
}

/// Stages h = 1, 2 of 4 floats: even and odd lanes, sums and differences, interleaved again.
#[inline(always)]
fn hadamard_f32(v: float32x4_t) -> float32x4_t {
    // SAFETY: called with a token that proves the feature.
    unsafe {
        let (even, odd) = (vtrn1q_f32(v, v), vtrn2q_f32(v, v));
        let v = vtrn1q_f32(vaddq_f32(even, odd), vsubq_f32(even, odd));
        let (low, high) = (vcombine_f32(vget_low_f32(v), vget_low_f32(v)), vcombine_f32(vget_high_f32(v), vget_high_f32(v)));
        vcombine_f32(vget_low_f32(vaddq_f32(low, high)), vget_low_f32(vsubq_f32(low, high)))
    }
}

/// The one stage of 2 doubles.
#[inline(always)]
fn hadamard_f64(v: float64x2_t) -> float64x2_t {
    // SAFETY: called with a token that proves the feature.
    unsafe {
        let (low, high) = (vtrn1q_f64(v, v), vtrn2q_f64(v, v));
        vtrn1q_f64(vaddq_f64(low, high), vsubq_f64(low, high))
    }
}

#[inline(always)]
fn sum_f32(v: float32x4_t) -> f32 {
    // SAFETY: called with a token that proves the feature.
    unsafe {
        let half = vadd_f32(vget_low_f32(v), vget_high_f32(v));
        vget_lane_f32::<0>(half) + vget_lane_f32::<1>(half)
    }
}

#[inline(always)]
fn sum_f64(v: float64x2_t) -> f64 {
    // SAFETY: called with a token that proves the feature.
    unsafe { vgetq_lane_f64::<0>(v) + vgetq_lane_f64::<1>(v) }
}

#[inline(always)]
fn gt_f32(a: float32x4_t, b: float32x4_t) -> u64 {
    // SAFETY: called with a token that proves the feature; the array holds four words.
    unsafe { u64::from(vaddvq_u32(vandq_u32(vcgtq_f32(a, b), vld1q_u32([1, 2, 4, 8].as_ptr())))) }
}

#[inline(always)]
fn gt_f64(a: float64x2_t, b: float64x2_t) -> u64 {
    // SAFETY: called with a token that proves the feature; the array holds two words.
    unsafe { vaddvq_u64(vandq_u64(vcgtq_f64(a, b), vld1q_u64([1, 2].as_ptr()))) }
}

#[inline(always)]
fn keep_f32(bits: u64, v: float32x4_t) -> float32x4_t {
    // SAFETY: called with a token that proves the feature; the array holds four words.
    unsafe {
        let mask = vtstq_u32(vdupq_n_u32(bits as u32), vld1q_u32([1, 2, 4, 8].as_ptr()));
        vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(v), mask))
    }
}

#[inline(always)]
fn keep_f64(bits: u64, v: float64x2_t) -> float64x2_t {
    // SAFETY: called with a token that proves the feature; the array holds two words.
    unsafe {
        let mask = vtstq_u64(vdupq_n_u64(bits), vld1q_u64([1, 2].as_ptr()));
        vreinterpretq_f64_u64(vandq_u64(vreinterpretq_u64_f64(v), mask))
    }
}

/// NEON names the addend first.
#[inline(always)]
fn mul_add_f32(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
    // SAFETY: called with a token that proves the feature.
    unsafe { vfmaq_f32(c, a, b) }
}

/// NEON names the addend first.
#[inline(always)]
fn mul_add_f64(a: float64x2_t, b: float64x2_t, c: float64x2_t) -> float64x2_t {
    // SAFETY: called with a token that proves the feature.
    unsafe { vfmaq_f64(c, a, b) }
}

#[inline(always)]
fn low_halves(x: &[Bf16x2; 4]) -> float32x4_t {
    // SAFETY: called with a token that proves the features; the array is the memory of one vector, the load unaligned.
    unsafe { vreinterpretq_f32_u32(vshlq_n_u32::<16>(vld1q_u32(x.as_ptr().cast()))) }
}

#[inline(always)]
fn high_halves(x: &[Bf16x2; 4]) -> float32x4_t {
    // SAFETY: called with a token that proves the features; the array is the memory of one vector, the load unaligned.
    unsafe { vreinterpretq_f32_u32(vandq_u32(vld1q_u32(x.as_ptr().cast()), vdupq_n_u32(0xFFFF_0000))) }
}

lanes! { Neon, f32, 4, float32x4_t; load vld1q_f32, store vst1q_f32, splat vdupq_n_f32, add vaddq_f32, sub vsubq_f32,
hadamard hadamard_f32 }
lanes! { Neon, f64, 2, float64x2_t; load vld1q_f64, store vst1q_f64, splat vdupq_n_f64, add vaddq_f64, sub vsubq_f64,
hadamard hadamard_f64 }
simd! { Neon, f32, float32x4_t; mul vmulq_f32, mul_add mul_add_f32, gt gt_f32, keep keep_f32, sum sum_f32 }
simd! { Neon, f64, float64x2_t; mul vmulq_f64, mul_add mul_add_f64, gt gt_f64, keep keep_f64, sum sum_f64 }
widen! { Neon, 4, float32x4_t; low low_halves, high high_halves }
