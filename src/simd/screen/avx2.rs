//! `vpmaddubsw` sums pairs of products in 16 bits, saturating: the broadcast factor stays within 0 .. 128, so that
//! 2 x 128 x 127 fits.

use core::arch::x86_64::*;

use super::super::Avx2;
use super::Screen;

impl Screen for Avx2 {
    const SUMS: usize = 8;
    const OFFSET: i32 = 64;
    const LIMIT: i32 = 64;
    type Quads = [[i8; 4]; 8];
    type Sums = __m256i;

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
    fn above(self, sums: __m256i, scale: &[f32], over: f32, margin: f32) -> u64 {
        let mut last = [0.0; 8];
        let (scale, inside) = match scale.first_chunk::<8>() {
            Some(scale) => (scale, 0xFF),
            None => {
                last.iter_mut().zip(scale).for_each(|(to, &from)| *to = from);
                (&last, (1u64 << scale.len()) - 1)
            }
        };
        // SAFETY: the token proves the features; the array is the memory of one vector, the load unaligned.
        unsafe {
            let bound = _mm256_fmadd_ps(_mm256_loadu_ps(scale.as_ptr()), _mm256_set1_ps(over), _mm256_set1_ps(margin));
            _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(_mm256_cvtepi32_ps(sums), bound)) as u64 & inside
        }
    }
}
