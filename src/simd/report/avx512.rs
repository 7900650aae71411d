//! Compression is an instruction. Its form with a memory destination is microcoded on some processors: compress in
//! registers, store whole.

use core::arch::x86_64::*;

use super::super::Avx512;
use super::Report;

impl Report<f32> for Avx512 {
    #[inline(always)]
    fn put_indices(self, bits: u64, base: u32, to: &mut [u32]) {
        let room = ((1u32 << to.len().min(16)) - 1) as u16;
        // SAFETY: the token proves the features; only lanes inside the slice are written.
        unsafe {
            let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
            let packed = _mm512_maskz_compress_epi32(bits as u16, _mm512_add_epi32(lanes, _mm512_set1_epi32(base as i32)));
            _mm512_mask_storeu_epi32(to.as_mut_ptr().cast(), room, packed);
        }
    }
    #[inline(always)]
    fn put_values(self, bits: u64, v: __m512, to: &mut [f32]) {
        let room = ((1u32 << to.len().min(16)) - 1) as u16;
        // SAFETY: the token proves the features; only lanes inside the slice are written.
        unsafe { _mm512_mask_storeu_ps(to.as_mut_ptr(), room, _mm512_maskz_compress_ps(bits as u16, v)) }
    }
    #[inline(always)]
    fn put_selected(self, bits: u64, from: &[u32], to: &mut [u32]) {
        let inside = ((1u32 << from.len().min(16)) - 1) as u16;
        let room = ((1u32 << to.len().min(16)) - 1) as u16;
        // SAFETY: the token proves the features; only lanes inside the slices are read and written.
        unsafe {
            let packed = _mm512_maskz_compress_epi32(bits as u16 & inside, _mm512_maskz_loadu_epi32(inside, from.as_ptr().cast()));
            _mm512_mask_storeu_epi32(to.as_mut_ptr().cast(), room, packed);
        }
    }
    #[inline(always)]
    fn sqrt_one(self, x: f32) -> f32 {
        super::avx2::sqrt_f32(x)
    }
    #[inline(always)]
    fn mul_add_one(self, a: f32, b: f32, c: f32) -> f32 {
        super::avx2::mul_add_f32(a, b, c)
    }
}

impl Report<f64> for Avx512 {
    #[inline(always)]
    fn put_indices(self, bits: u64, base: u32, to: &mut [u32]) {
        let room = ((1u32 << to.len().min(8)) - 1) as u8;
        // SAFETY: the token proves the features; only lanes inside the slice are written.
        unsafe {
            let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            let packed = _mm256_maskz_compress_epi32(bits as u8, _mm256_add_epi32(lanes, _mm256_set1_epi32(base as i32)));
            _mm256_mask_storeu_epi32(to.as_mut_ptr().cast(), room, packed);
        }
    }
    #[inline(always)]
    fn put_values(self, bits: u64, v: __m512d, to: &mut [f64]) {
        let room = ((1u32 << to.len().min(8)) - 1) as u8;
        // SAFETY: the token proves the features; only lanes inside the slice are written.
        unsafe { _mm512_mask_storeu_pd(to.as_mut_ptr(), room, _mm512_maskz_compress_pd(bits as u8, v)) }
    }
    #[inline(always)]
    fn put_selected(self, bits: u64, from: &[u32], to: &mut [u32]) {
        let inside = ((1u32 << from.len().min(8)) - 1) as u8;
        let room = ((1u32 << to.len().min(8)) - 1) as u8;
        // SAFETY: the token proves the features; only lanes inside the slices are read and written.
        unsafe {
            let packed = _mm256_maskz_compress_epi32(bits as u8 & inside, _mm256_maskz_loadu_epi32(inside, from.as_ptr().cast()));
            _mm256_mask_storeu_epi32(to.as_mut_ptr().cast(), room, packed);
        }
    }
    #[inline(always)]
    fn sqrt_one(self, x: f64) -> f64 {
        super::avx2::sqrt_f64(x)
    }
    #[inline(always)]
    fn mul_add_one(self, a: f64, b: f64, c: f64) -> f64 {
        super::avx2::mul_add_f64(a, b, c)
    }
}
