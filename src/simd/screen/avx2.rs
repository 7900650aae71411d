//! `vpmaddubsw` sums pairs of products in 16 bits, saturating: the broadcast factor stays within 0 .. 128, so that
//! 2 x 128 x 127 fits.

use core::arch::x86_64::*;

use super::super::Avx2;
use super::{Screen, padded};

/// Scales, errors and lengths of eight rows, and which of them there are.
#[derive(Clone, Copy)]
pub struct Rows {
    scale: __m256,
    error: __m256,
    length: __m256,
    inside: __m256,
}

impl Screen for Avx2 {
    const SUMS: usize = 8;
    const OFFSET: i32 = 64;
    const LIMIT: i32 = 64;
    type Quads = [[i8; 4]; 8];
    type Sums = __m256i;
    type Rows = Rows;
    type Bounds = [__m256; 2];

    #[inline(always)]
    fn quads(self, x: &[[i8; 4]]) -> &[[[i8; 4]; 8]] {
        x.as_chunks().0
    }
    #[inline(always)]
    fn start(self, x: &[i32]) -> __m256i {
        let mut chunk = [0i32; 8];
        chunk.iter_mut().zip(x).for_each(|(to, &x)| *to = x.wrapping_mul(-64));
        // SAFETY: the token proves the feature; the array is the memory of one vector, the load unaligned.
        unsafe { _mm256_loadu_si256(chunk.as_ptr().cast()) }
    }
    #[inline(always)]
    fn splat_quad(self, x: [u8; 4]) -> __m256i {
        // SAFETY: the token proves the feature.
        unsafe { _mm256_set1_epi32(i32::from_le_bytes(x)) }
    }
    #[inline(always)]
    fn dot(self, sums: __m256i, w: &[[i8; 4]; 8], x: __m256i) -> __m256i {
        // SAFETY: the token proves the features; the array is the memory of one vector, the load unaligned.
        unsafe {
            let pairs = _mm256_maddubs_epi16(x, _mm256_loadu_si256(w.as_ptr().cast()));
            _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
        }
    }
    #[inline(always)]
    fn rows(self, scale: &[f32], error: &[f32], length: &[f32]) -> Rows {
        let ([scale, error, length], inside) = padded::<8>([scale, error, length]);
        // SAFETY: the token proves the features; the arrays are the memory of one vector each, the loads unaligned.
        unsafe {
            Rows {
                scale: _mm256_loadu_ps(scale.as_ptr()),
                error: _mm256_loadu_ps(error.as_ptr()),
                length: _mm256_loadu_ps(length.as_ptr()),
                inside: _mm256_loadu_ps(inside.as_ptr().cast()),
            }
        }
    }
    #[inline(always)]
    fn bounds(self, rows: &Rows, &[low, high, e, l]: &[f32; 4]) -> [__m256; 2] {
        // SAFETY: the token proves the features.
        unsafe {
            let m = _mm256_fmadd_ps(rows.error, _mm256_set1_ps(e), _mm256_mul_ps(rows.length, _mm256_set1_ps(l)));
            let low = _mm256_fmsub_ps(rows.scale, _mm256_set1_ps(low), m);
            let high = _mm256_fmadd_ps(rows.scale, _mm256_set1_ps(high), m);
            // Nothing is above infinity.
            let none = _mm256_set1_ps(f32::INFINITY);
            [_mm256_blendv_ps(none, low, rows.inside), _mm256_blendv_ps(none, high, rows.inside)]
        }
    }
    #[inline(always)]
    fn beyond(self, sums: __m256i, &[low, high]: &[__m256; 2]) -> [u64; 2] {
        // SAFETY: the token proves the features.
        unsafe {
            let value = _mm256_cvtepi32_ps(sums);
            let bits = |mask| u64::from(_mm256_movemask_ps(mask) as u32);
            [bits(_mm256_cmp_ps::<_CMP_NLE_UQ>(value, low)), bits(_mm256_cmp_ps::<_CMP_GT_OQ>(value, high))]
        }
    }
}
