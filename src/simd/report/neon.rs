//! Compression by the table of four lanes; one number's fused multiply-add.

use core::arch::aarch64::*;

use super::super::{Lanes, Neon};
use super::{Report, put_values_by_table};

impl Report<f32> for Neon {
    put_values_by_table!(f32);
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
