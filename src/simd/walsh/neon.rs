//! The transform's operations on NEON vectors; integers as elements.
//!
//! A stage is one shuffle and one multiply-add with +-1, which rounds once and so is the sum or the difference itself.

use core::arch::aarch64::*;

use super::Walsh;
use crate::simd::Neon;
use crate::simd::lanes::lanes;

#[inline(always)]
fn below_f32(n: usize, mut v: float32x4_t) -> float32x4_t {
    // SAFETY: called with a token that proves the feature; the arrays hold four floats.
    unsafe {
        if n > 1 {
            v = vfmaq_f32(vrev64q_f32(v), v, vld1q_f32([1.0, -1.0, 1.0, -1.0].as_ptr()));
        }
        if n > 2 {
            v = vfmaq_f32(vextq_f32::<2>(v, v), v, vld1q_f32([1.0, 1.0, -1.0, -1.0].as_ptr()));
        }
        v
    }
}

#[inline(always)]
fn below_f64(n: usize, v: float64x2_t) -> float64x2_t {
    // SAFETY: called with a token that proves the feature; the array holds two doubles.
    unsafe { if n > 1 { vfmaq_f64(vextq_f64::<1>(v, v), v, vld1q_f64([1.0, -1.0].as_ptr())) } else { v } }
}

#[inline(always)]
fn below_s32(n: usize, mut v: int32x4_t) -> int32x4_t {
    // SAFETY: called with a token that proves the feature; the arrays hold four integers.
    unsafe {
        if n > 1 {
            v = vmlaq_s32(vrev64q_s32(v), v, vld1q_s32([1, -1, 1, -1].as_ptr()));
        }
        if n > 2 {
            v = vmlaq_s32(vextq_s32::<2>(v, v), v, vld1q_s32([1, 1, -1, -1].as_ptr()));
        }
        v
    }
}

#[inline(always)]
fn below_s16(n: usize, mut v: int16x8_t) -> int16x8_t {
    // SAFETY: called with a token that proves the feature; the arrays hold eight integers.
    unsafe {
        if n > 1 {
            v = vmlaq_s16(vrev32q_s16(v), v, vld1q_s16([1, -1, 1, -1, 1, -1, 1, -1].as_ptr()));
        }
        if n > 2 {
            let swapped = vreinterpretq_s16_s32(vrev64q_s32(vreinterpretq_s32_s16(v)));
            v = vmlaq_s16(swapped, v, vld1q_s16([1, 1, -1, -1, 1, 1, -1, -1].as_ptr()));
        }
        if n > 4 {
            v = vmlaq_s16(vextq_s16::<4>(v, v), v, vld1q_s16([1, 1, 1, 1, -1, -1, -1, -1].as_ptr()));
        }
        v
    }
}

/// +1, or -1 where the bit is 1.
#[inline(always)]
fn signs_f32(bits: u64) -> float32x4_t {
    // SAFETY: called with a token that proves the feature; the array holds four words.
    unsafe {
        let minus = vtstq_u32(vdupq_n_u32(bits as u32), vld1q_u32([1, 2, 4, 8].as_ptr()));
        vbslq_f32(minus, vdupq_n_f32(-1.0), vdupq_n_f32(1.0))
    }
}

#[inline(always)]
fn negate_f32(bits: u64, v: float32x4_t) -> float32x4_t {
    // SAFETY: called with a token that proves the feature.
    unsafe { vmulq_f32(v, signs_f32(bits)) }
}

#[inline(always)]
fn negate_f64(bits: u64, v: float64x2_t) -> float64x2_t {
    // SAFETY: called with a token that proves the feature; the array holds two words.
    unsafe {
        let minus = vtstq_u64(vdupq_n_u64(bits), vld1q_u64([1, 2].as_ptr()));
        vmulq_f64(v, vbslq_f64(minus, vdupq_n_f64(-1.0), vdupq_n_f64(1.0)))
    }
}

#[inline(always)]
fn negate_s32(bits: u64, v: int32x4_t) -> int32x4_t {
    // SAFETY: called with a token that proves the feature; the array holds four words.
    unsafe {
        let minus = vreinterpretq_s32_u32(vtstq_u32(vdupq_n_u32(bits as u32), vld1q_u32([1, 2, 4, 8].as_ptr())));
        vsubq_s32(veorq_s32(v, minus), minus)
    }
}

#[inline(always)]
fn negate_s16(bits: u64, v: int16x8_t) -> int16x8_t {
    // SAFETY: called with a token that proves the feature; the array holds eight words.
    unsafe {
        let minus = vreinterpretq_s16_u16(vtstq_u16(vdupq_n_u16(bits as u16), vld1q_u16([1, 2, 4, 8, 16, 32, 64, 128].as_ptr())));
        vsubq_s16(veorq_s16(v, minus), minus)
    }
}

lanes! { Neon, i32, 4, int32x4_t; load vld1q_s32, store vst1q_s32, splat vdupq_n_s32, add vaddq_s32, sub vsubq_s32,
hadamard below_s32: 4 }
lanes! { Neon, i16, 8, int16x8_t; load vld1q_s16, store vst1q_s16, splat vdupq_n_s16, add vaddq_s16, sub vsubq_s16,
hadamard below_s16: 8 }

macro_rules! walsh {
    ($T:ty, $V:ty, $below:path, $negate:path, $times:path) => {
        impl Walsh<$T> for Neon {
            #[inline(always)]
            fn hadamard_below(self, n: usize, v: $V) -> $V {
                $below(n, v)
            }
            #[inline(always)]
            fn negate(self, bits: u64, v: $V) -> $V {
                $negate(bits, v)
            }
            #[inline(always)]
            fn times(self, a: $V, b: $V) -> $V {
                // SAFETY: the token proves the feature.
                unsafe { $times(a, b) }
            }
        }
    };
}
walsh!(f32, float32x4_t, below_f32, negate_f32, vmulq_f32);
walsh!(f64, float64x2_t, below_f64, negate_f64, vmulq_f64);
walsh!(i32, int32x4_t, below_s32, negate_s32, vmulq_s32);
walsh!(i16, int16x8_t, below_s16, negate_s16, vmulq_s16);
