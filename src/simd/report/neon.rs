//! Compression by the table of four lanes; one number's fused multiply-add.

use core::arch::aarch64::*;

use super::super::{Abreast, Lanes, Neon};
use super::{Report, put_values_by_table};

impl Report<f32> for Neon {
    put_values_by_table!(f32);
    #[inline(always)]
    fn turn<const Q: usize>(self, rows: &Abreast<'_, f32>, k: usize) -> [[float32x4_t; 4]; Q] {
        // SAFETY: the token proves the features; rows have 4 Q numbers from k on where they are read.
        unsafe {
            let mut out = [[vdupq_n_f32(0.0); 4]; Q];
            if !rows.has(k, 4 * Q) {
                return out;
            }
            // Row by row, so that each address is fetched once.
            let mut j = 0;
            while j < 4 {
                let mut q = 0;
                while q < Q {
                    out[q][j] = vld1q_f32(rows.at(j, k).add(4 * q));
                    q += 1;
                }
                j += 1;
            }
            let mut q = 0;
            while q < Q {
                let [a, b, c, d] = out[q];
                // Even and odd numbers of two rows, then of all four.
                let (ab, ab_odd) = (vreinterpretq_f64_f32(vtrn1q_f32(a, b)), vreinterpretq_f64_f32(vtrn2q_f32(a, b)));
                let (cd, cd_odd) = (vreinterpretq_f64_f32(vtrn1q_f32(c, d)), vreinterpretq_f64_f32(vtrn2q_f32(c, d)));
                out[q] = [
                    vreinterpretq_f32_f64(vtrn1q_f64(ab, cd)),
                    vreinterpretq_f32_f64(vtrn1q_f64(ab_odd, cd_odd)),
                    vreinterpretq_f32_f64(vtrn2q_f64(ab, cd)),
                    vreinterpretq_f32_f64(vtrn2q_f64(ab_odd, cd_odd)),
                ];
                q += 1;
            }
            out
        }
    }
    #[inline(always)]
    fn sqrt_one(self, x: f32) -> f32 {
        // SAFETY: the token proves the feature.
        unsafe { vget_lane_f32::<0>(vsqrt_f32(vdup_n_f32(x))) }
    }
    #[inline(always)]
    fn mul_add_one(self, a: f32, b: f32, c: f32) -> f32 {
        // SAFETY: the token proves the feature.
        unsafe { vget_lane_f32::<0>(vfma_f32(vdup_n_f32(c), vdup_n_f32(a), vdup_n_f32(b))) }
    }
}

impl Report<f64> for Neon {
    put_values_by_table!(f64);
    #[inline(always)]
    fn turn<const Q: usize>(self, rows: &Abreast<'_, f64>, k: usize) -> [[float64x2_t; 4]; Q] {
        // SAFETY: the token proves the features; rows have 4 Q numbers from k on where they are read.
        unsafe {
            let mut out = [[vdupq_n_f64(0.0); 4]; Q];
            if !rows.has(k, 4 * Q) {
                return out;
            }
            // Row by row, so that each address is fetched once.
            let mut j = 0;
            while j < 2 {
                let mut half = 0;
                while half < 2 * Q {
                    out[half / 2][half % 2 * 2 + j] = vld1q_f64(rows.at(j, k).add(2 * half));
                    half += 1;
                }
                j += 1;
            }
            let mut q = 0;
            while q < Q {
                let [a, b, c, d] = out[q];
                out[q] = [vtrn1q_f64(a, b), vtrn2q_f64(a, b), vtrn1q_f64(c, d), vtrn2q_f64(c, d)];
                q += 1;
            }
            out
        }
    }
    #[inline(always)]
    fn sqrt_one(self, x: f64) -> f64 {
        // SAFETY: the token proves the feature.
        unsafe { vget_lane_f64::<0>(vsqrt_f64(vdup_n_f64(x))) }
    }
    #[inline(always)]
    fn mul_add_one(self, a: f64, b: f64, c: f64) -> f64 {
        // SAFETY: the token proves the feature.
        unsafe { vget_lane_f64::<0>(vfma_f64(vdup_n_f64(c), vdup_n_f64(a), vdup_n_f64(b))) }
    }
}
