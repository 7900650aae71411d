//! VNNI: four products per lane and their sum in one instruction.

use core::arch::x86_64::*;

use super::super::Avx512;
use super::Screen;

impl Screen for Avx512 {
    const SUMS: usize = 16;
    const OFFSET: i32 = 128;
    const LIMIT: i32 = 127;
    type Quads = [[i8; 4]; 16];
    type Sums = __m512i;

    #[inline(always)]
    fn quads(self, x: &[[i8; 4]]) -> &[[[i8; 4]; 16]] {
        x.as_chunks().0
    }
    #[inline(always)]
    fn start(self, x: &[i32]) -> __m512i {
        let mask = ((1u32 << x.len().min(16)) - 1) as u16;
        // SAFETY: the token proves the features; only lanes inside the slice are read.
        unsafe { _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_slli_epi32::<7>(_mm512_maskz_loadu_epi32(mask, x.as_ptr()))) }
    }
    #[inline(always)]
    fn splat_quad(self, x: [u8; 4]) -> __m512i {
        // SAFETY: the token proves the feature.
        unsafe { _mm512_set1_epi32(i32::from_le_bytes(x)) }
    }
    #[inline(always)]
    fn dot(self, sums: __m512i, w: &[[i8; 4]; 16], x: __m512i) -> __m512i {
        // SAFETY: the token proves the features; the array is the memory of one vector, the load unaligned.
        unsafe { _mm512_dpbusd_epi32(sums, x, _mm512_loadu_si512(w.as_ptr().cast())) }
    }
    #[inline(always)]
    fn above(self, sums: __m512i, scale: &[f32], over: f32, margin: f32) -> u64 {
        let mask = ((1u32 << scale.len().min(16)) - 1) as u16;
        // SAFETY: the token proves the features; only lanes inside the slice are read.
        unsafe {
            let scale = _mm512_maskz_loadu_ps(mask, scale.as_ptr());
            let bound = _mm512_fmadd_ps(scale, _mm512_set1_ps(over), _mm512_set1_ps(margin));
            u64::from(_mm512_mask_cmp_ps_mask::<_CMP_GT_OQ>(mask, _mm512_cvtepi32_ps(sums), bound))
        }
    }
}
