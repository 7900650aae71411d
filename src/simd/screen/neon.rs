//! Products in 16 bits, summed by pairs in 32: in the baseline, without the dot product extension.

use core::arch::aarch64::*;

use super::super::Neon;
use super::Screen;

impl Screen for Neon {
    const SUMS: usize = 4;
    const OFFSET: i32 = 0;
    const LIMIT: i32 = 127;
    type Quads = [[i8; 4]; 4];
    type Sums = int32x4_t;

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
    fn above(self, sums: int32x4_t, scale: &[f32], over: f32, margin: f32) -> u64 {
        let mut last = [0.0; 4];
        let (scale, inside) = match scale.first_chunk::<4>() {
            Some(scale) => (scale, 0xF),
            None => {
                last.iter_mut().zip(scale).for_each(|(to, &from)| *to = from);
                (&last, (1u64 << scale.len()) - 1)
            }
        };
        // SAFETY: the token proves the feature; the arrays are the memory of one vector each.
        unsafe {
            let bound = vfmaq_f32(vdupq_n_f32(margin), vld1q_f32(scale.as_ptr()), vdupq_n_f32(over));
            let mask = vcgtq_f32(vcvtq_f32_s32(sums), bound);
            u64::from(vaddvq_u32(vandq_u32(mask, vld1q_u32([1, 2, 4, 8].as_ptr())))) & inside
        }
    }
}
