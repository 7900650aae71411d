//! Compression is an instruction. Its form with a memory destination is microcoded on some processors: compress in
//! registers, store whole.

use core::arch::x86_64::*;

use super::super::{Abreast, Avx512};
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
    fn turn<const Q: usize>(self, rows: &Abreast<'_, f32>, k: usize) -> [[__m512; 4]; Q] {
        // SAFETY: the token proves the features; rows have 4 Q numbers from k on where they are read.
        unsafe {
            let mut out = [[_mm512_setzero_ps(); 4]; Q];
            if !rows.has(k, 4 * Q) {
                return out;
            }
            // Row by row, so that each address is fetched once.
            let mut j = 0;
            while j < 4 {
                let (first, second, third, fourth) = (rows.at(j, k), rows.at(j + 4, k), rows.at(j + 8, k), rows.at(j + 12, k));
                let mut q = 0;
                while q < Q {
                    // Four numbers of every fourth row. Broadcast under a mask, which is no shuffle.
                    let v = _mm512_castps128_ps512(_mm_loadu_ps(first.add(4 * q)));
                    let v = _mm512_mask_broadcast_f32x4(v, 0x00F0, _mm_loadu_ps(second.add(4 * q)));
                    let v = _mm512_mask_broadcast_f32x4(v, 0x0F00, _mm_loadu_ps(third.add(4 * q)));
                    out[q][j] = _mm512_mask_broadcast_f32x4(v, 0xF000, _mm_loadu_ps(fourth.add(4 * q)));
                    q += 1;
                }
                j += 1;
            }
            let mut q = 0;
            while q < Q {
                let [a, b, c, d] = out[q];
                // Squares of four by four in each quarter.
                let (ab, cd) = (_mm512_castps_pd(_mm512_unpacklo_ps(a, b)), _mm512_castps_pd(_mm512_unpacklo_ps(c, d)));
                let (ab_high, cd_high) = (_mm512_castps_pd(_mm512_unpackhi_ps(a, b)), _mm512_castps_pd(_mm512_unpackhi_ps(c, d)));
                out[q] = [
                    _mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd)),
                    _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd)),
                    _mm512_castpd_ps(_mm512_unpacklo_pd(ab_high, cd_high)),
                    _mm512_castpd_ps(_mm512_unpackhi_pd(ab_high, cd_high)),
                ];
                q += 1;
            }
            out
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
    fn turn<const Q: usize>(self, rows: &Abreast<'_, f64>, k: usize) -> [[__m512d; 4]; Q] {
        // SAFETY: the token proves the features; rows have 4 Q numbers from k on where they are read.
        unsafe {
            let mut out = [[_mm512_setzero_pd(); 4]; Q];
            if !rows.has(k, 4 * Q) {
                return out;
            }
            // Row by row, so that each address is fetched once.
            let mut j = 0;
            while j < 2 {
                let (first, second, third, fourth) = (rows.at(j, k), rows.at(j + 2, k), rows.at(j + 4, k), rows.at(j + 6, k));
                let mut half = 0;
                while half < 2 * Q {
                    // Two numbers of every second row.
                    let v = _mm512_castpd128_pd512(_mm_loadu_pd(first.add(2 * half)));
                    let v = _mm512_mask_broadcast_f64x2(v, 0x0C, _mm_loadu_pd(second.add(2 * half)));
                    let v = _mm512_mask_broadcast_f64x2(v, 0x30, _mm_loadu_pd(third.add(2 * half)));
                    out[half / 2][half % 2 * 2 + j] = _mm512_mask_broadcast_f64x2(v, 0xC0, _mm_loadu_pd(fourth.add(2 * half)));
                    half += 1;
                }
                j += 1;
            }
            let mut q = 0;
            while q < Q {
                let [a, b, c, d] = out[q];
                out[q] = [_mm512_unpacklo_pd(a, b), _mm512_unpackhi_pd(a, b), _mm512_unpacklo_pd(c, d), _mm512_unpackhi_pd(c, d)];
                q += 1;
            }
            out
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
