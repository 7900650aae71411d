//! Compression by a table: for each mask of eight bits, which lanes come first.

use core::arch::x86_64::*;

use super::super::{Abreast, Avx2, Lanes};
use super::Report;

/// For each mask of eight bits, the lanes that are set, ascending; zeros behind them. 2 KiB.
const LANES_OF: [[u8; 8]; 256] = {
    let mut table = [[0; 8]; 256];
    let mut mask = 0;
    while mask < 256 {
        let (mut lane, mut at) = (0, 0);
        while lane < 8 {
            if mask >> lane & 1 == 1 {
                table[mask][at] = lane;
                at += 1;
            }
            lane += 1;
        }
        mask += 1;
    }
    table
};

#[inline(always)]
pub(super) fn mul_add_f32(a: f32, b: f32, c: f32) -> f32 {
    // SAFETY: called with a token that proves the feature.
    unsafe { _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(a), _mm_set_ss(b), _mm_set_ss(c))) }
}

#[inline(always)]
pub(super) fn mul_add_f64(a: f64, b: f64, c: f64) -> f64 {
    // SAFETY: called with a token that proves the feature.
    unsafe { _mm_cvtsd_f64(_mm_fmadd_sd(_mm_set_sd(a), _mm_set_sd(b), _mm_set_sd(c))) }
}

#[inline(always)]
pub(super) fn sqrt_f32(x: f32) -> f32 {
    // SAFETY: called with a token that proves the feature.
    unsafe { _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))) }
}

#[inline(always)]
pub(super) fn sqrt_f64(x: f64) -> f64 {
    // SAFETY: called with a token that proves the feature.
    unsafe { _mm_cvtsd_f64(_mm_sqrt_sd(_mm_set_sd(x), _mm_set_sd(x))) }
}

/// The lanes of a mask as eight 32-bit numbers.
#[inline(always)]
fn lanes(bits: u64) -> __m256i {
    // SAFETY: called with a token that proves the features; a row of the table is eight bytes.
    unsafe { _mm256_cvtepu8_epi32(_mm_loadl_epi64(LANES_OF[bits as usize & 255].as_ptr().cast())) }
}

impl Report<f32> for Avx2 {
    #[inline(always)]
    fn put_indices(self, bits: u64, base: u32, to: &mut [u32]) {
        let mut last = [0; 8];
        let whole = to.first_chunk_mut::<8>().is_some();
        let first = if whole { to.as_mut_ptr() } else { last.as_mut_ptr() };
        // SAFETY: the token proves the features; eight numbers fit the slice, or else the array.
        unsafe { _mm256_storeu_si256(first.cast(), _mm256_add_epi32(lanes(bits), _mm256_set1_epi32(base as i32))) };
        if !whole {
            to.iter_mut().zip(last).for_each(|(to, from)| *to = from);
        }
    }
    #[inline(always)]
    fn put_values(self, bits: u64, v: __m256, to: &mut [f32]) {
        // SAFETY: the token proves the features.
        let packed = unsafe { _mm256_permutevar8x32_ps(v, lanes(bits)) };
        match to.first_chunk_mut() {
            Some(to) => Lanes::<f32>::store(self, to, packed),
            None => Lanes::<f32>::store_part(self, to, packed),
        }
    }
    #[inline(always)]
    fn turn<const Q: usize>(self, rows: &Abreast<'_, f32>, k: usize) -> [[__m256; 4]; Q] {
        // SAFETY: the token proves the features; rows have 4 Q numbers from k on where they are read.
        unsafe {
            let mut out = [[_mm256_setzero_ps(); 4]; Q];
            if !rows.has(k, 4 * Q) {
                return out;
            }
            // Row by row, so that each address is fetched once.
            let mut j = 0;
            while j < 4 {
                let (first, second) = (rows.at(j, k), rows.at(j + 4, k));
                let mut q = 0;
                while q < Q {
                    // Four numbers of every fourth row.
                    let v = _mm256_castps128_ps256(_mm_loadu_ps(first.add(4 * q)));
                    out[q][j] = _mm256_insertf128_ps::<1>(v, _mm_loadu_ps(second.add(4 * q)));
                    q += 1;
                }
                j += 1;
            }
            let mut q = 0;
            while q < Q {
                let [a, b, c, d] = out[q];
                // Squares of four by four in each half.
                let (ab, cd) = (_mm256_castps_pd(_mm256_unpacklo_ps(a, b)), _mm256_castps_pd(_mm256_unpacklo_ps(c, d)));
                let (ab_high, cd_high) = (_mm256_castps_pd(_mm256_unpackhi_ps(a, b)), _mm256_castps_pd(_mm256_unpackhi_ps(c, d)));
                out[q] = [
                    _mm256_castpd_ps(_mm256_unpacklo_pd(ab, cd)),
                    _mm256_castpd_ps(_mm256_unpackhi_pd(ab, cd)),
                    _mm256_castpd_ps(_mm256_unpacklo_pd(ab_high, cd_high)),
                    _mm256_castpd_ps(_mm256_unpackhi_pd(ab_high, cd_high)),
                ];
                q += 1;
            }
            out
        }
    }
    #[inline(always)]
    fn sqrt_one(self, x: f32) -> f32 {
        sqrt_f32(x)
    }
    #[inline(always)]
    fn mul_add_one(self, a: f32, b: f32, c: f32) -> f32 {
        mul_add_f32(a, b, c)
    }
}

impl Report<f64> for Avx2 {
    /// Doubles move as pairs of 32-bit lanes: each bit of the mask counts for two.
    #[inline(always)]
    fn put_values(self, bits: u64, v: __m256d, to: &mut [f64]) {
        // 0 1 2 3 spread to 00 11 22 33.
        let pairs = (bits & 1 | (bits & 2) << 1 | (bits & 4) << 2 | (bits & 8) << 3) * 3;
        // SAFETY: the token proves the features.
        let packed = unsafe { _mm256_castps_pd(_mm256_permutevar8x32_ps(_mm256_castpd_ps(v), lanes(pairs))) };
        match to.first_chunk_mut() {
            Some(to) => Lanes::<f64>::store(self, to, packed),
            None => Lanes::<f64>::store_part(self, to, packed),
        }
    }
    #[inline(always)]
    fn turn<const Q: usize>(self, rows: &Abreast<'_, f64>, k: usize) -> [[__m256d; 4]; Q] {
        // SAFETY: the token proves the features; rows have 4 Q numbers from k on where they are read.
        unsafe {
            let mut out = [[_mm256_setzero_pd(); 4]; Q];
            if !rows.has(k, 4 * Q) {
                return out;
            }
            // Row by row, so that each address is fetched once.
            let mut j = 0;
            while j < 2 {
                let (first, second) = (rows.at(j, k), rows.at(j + 2, k));
                let mut half = 0;
                while half < 2 * Q {
                    // Two numbers of every second row.
                    let v = _mm256_castpd128_pd256(_mm_loadu_pd(first.add(2 * half)));
                    out[half / 2][half % 2 * 2 + j] = _mm256_insertf128_pd::<1>(v, _mm_loadu_pd(second.add(2 * half)));
                    half += 1;
                }
                j += 1;
            }
            let mut q = 0;
            while q < Q {
                let [a, b, c, d] = out[q];
                out[q] = [_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b), _mm256_unpacklo_pd(c, d), _mm256_unpackhi_pd(c, d)];
                q += 1;
            }
            out
        }
    }
    #[inline(always)]
    fn sqrt_one(self, x: f64) -> f64 {
        sqrt_f64(x)
    }
    #[inline(always)]
    fn mul_add_one(self, a: f64, b: f64, c: f64) -> f64 {
        mul_add_f64(a, b, c)
    }
}
