//! Products in 16 bits, summed by pairs in 32: in the baseline, without the dot product extension.

use core::arch::aarch64::*;

use super::super::Neon;
use super::{Screen, padded};

/// Scales, errors and lengths of four rows, and which of them there are.
#[derive(Clone, Copy)]
pub struct Rows {
    scale: float32x4_t,
    error: float32x4_t,
    length: float32x4_t,
    inside: uint32x4_t,
}

impl Screen for Neon {
    const SUMS: usize = 4;
    const OFFSET: i32 = 0;
    const LIMIT: i32 = 127;
    type Quads = [[i8; 4]; 4];
    type Sums = int32x4_t;
    type Rows = Rows;
    type Bounds = [float32x4_t; 2];

    #[inline(always)]
    fn quads(self, x: &[[i8; 4]]) -> &[[[i8; 4]; 4]] {
        x.as_chunks().0
    }
    #[inline(always)]
    fn start(self, _: &[i32]) -> int32x4_t {
        // SAFETY: the token proves the feature.
        unsafe { vdupq_n_s32(0) }
    }
    #[inline(always)]
    fn splat_quad(self, x: [u8; 4]) -> int32x4_t {
        // SAFETY: the token proves the feature.
        unsafe { vdupq_n_s32(i32::from_le_bytes(x)) }
    }
    #[inline(always)]
    fn dot(self, sums: int32x4_t, w: &[[i8; 4]; 4], x: int32x4_t) -> int32x4_t {
        // SAFETY: the token proves the feature; the array is the memory of one vector.
        unsafe {
            let (w, x) = (vld1q_s8(w.as_ptr().cast()), vreinterpretq_s8_s32(x));
            let low = vpaddlq_s16(vmull_s8(vget_low_s8(w), vget_low_s8(x)));
            let high = vpaddlq_s16(vmull_high_s8(w, x));
            vaddq_s32(sums, vpaddq_s32(low, high))
        }
    }
    #[inline(always)]
    fn rows(self, scale: &[f32], error: &[f32], length: &[f32]) -> Rows {
        let ([scale, error, length], inside) = padded::<4>([scale, error, length]);
        // SAFETY: the token proves the feature; the arrays are the memory of one vector each.
        unsafe {
            let inside = vreinterpretq_u32_s32(vld1q_s32(inside.as_ptr()));
            Rows { scale: vld1q_f32(scale.as_ptr()), error: vld1q_f32(error.as_ptr()), length: vld1q_f32(length.as_ptr()), inside }
        }
    }
    #[inline(always)]
    fn bounds(self, rows: &Rows, &[low, high, e, l]: &[f32; 4]) -> [float32x4_t; 2] {
        // SAFETY: the token proves the feature.
        unsafe {
            let m = vfmaq_f32(vmulq_f32(rows.length, vdupq_n_f32(l)), rows.error, vdupq_n_f32(e));
            let low = vsubq_f32(vmulq_f32(rows.scale, vdupq_n_f32(low)), m);
            let high = vfmaq_f32(m, rows.scale, vdupq_n_f32(high));
            // Nothing is above infinity.
            let none = vdupq_n_f32(f32::INFINITY);
            [vbslq_f32(rows.inside, low, none), vbslq_f32(rows.inside, high, none)]
        }
    }
    #[inline(always)]
    fn beyond(self, sums: int32x4_t, &[low, high]: &[float32x4_t; 2]) -> [u64; 2] {
        // SAFETY: the token proves the feature; the array is the memory of one vector.
        unsafe {
            let bits = |mask| u64::from(vaddvq_u32(vandq_u32(mask, vld1q_u32([1, 2, 4, 8].as_ptr()))));
            let value = vcvtq_f32_s32(sums);
            [bits(vmvnq_u32(vcleq_f32(value, low))), bits(vcgtq_f32(value, high))]
        }
    }
}
