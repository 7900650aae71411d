//! AVX2 with FMA: 256-bit vectors.

use core::arch::x86_64::*;

use super::lanes::{lanes, simd};
use super::stored::widen;
use super::{Avx2, Bf16x2, Token};

impl Token for Avx2 {
    const NAME: &'static str = "avx2";
    const REGISTERS: usize = 16;
    const WORDS: usize = 4;
    type WordChunk = [u64; 4];
    type W = __m256i;

    #[inline(always)]
    fn word_chunks(self, x: &[u64]) -> (&[[u64; 4]], &[u64]) {
        x.as_chunks()
    }
    #[inline(always)]
    fn load_words(self, x: &[u64; 4]) -> __m256i {
        // SAFETY: the token proves the feature; the array is the memory of one vector, and the load is unaligned.
        unsafe { _mm256_loadu_si256(x.as_ptr().cast()) }
    }
    #[inline(always)]
    fn zero_words(self) -> __m256i {
        // SAFETY: the token proves the feature.
        unsafe { _mm256_setzero_si256() }
    }
    /// Two table look-ups of four bits each, summed over bytes by `vpsadbw`.
    #[inline(always)]
    fn count_and(self, acc: __m256i, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the token proves the feature.
        unsafe {
            let table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
            let low = _mm256_set1_epi8(15);
            let x = _mm256_and_si256(a, b);
            let bytes = _mm256_add_epi8(
                _mm256_shuffle_epi8(table, _mm256_and_si256(x, low)),
                _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16::<4>(x), low)),
            );
            _mm256_add_epi64(acc, _mm256_sad_epu8(bytes, _mm256_setzero_si256()))
        }
    }
    #[inline(always)]
    fn sum_words(self, x: __m256i) -> u64 {
        // SAFETY: the token proves the feature.
        unsafe {
            let x = _mm_add_epi64(_mm256_castsi256_si128(x), _mm256_extracti128_si256::<1>(x));
            _mm_cvtsi128_si64(_mm_add_epi64(x, _mm_unpackhi_epi64(x, x))) as u64
        }
    }
}

/// Stages h = 1, 2, 4 of 8 floats: swap partners, flip the sign of the upper one, add.
#[inline(always)]
fn hadamard_ps(v: __m256) -> __m256 {
    // SAFETY: called with a token that proves the features.
    unsafe {
        let swapped = _mm256_permute_ps::<0b10_11_00_01>(v);
        let v = _mm256_blend_ps::<0b1010_1010>(_mm256_add_ps(v, swapped), _mm256_sub_ps(swapped, v));
        let swapped = _mm256_permute_ps::<0b01_00_11_10>(v);
        let v = _mm256_blend_ps::<0b1100_1100>(_mm256_add_ps(v, swapped), _mm256_sub_ps(swapped, v));
        let swapped = _mm256_permute2f128_ps::<0x01>(v, v);
        _mm256_blend_ps::<0b1111_0000>(_mm256_add_ps(v, swapped), _mm256_sub_ps(swapped, v))
    }
}

/// Stages h = 1, 2 of 4 doubles.
#[inline(always)]
fn hadamard_pd(v: __m256d) -> __m256d {
    // SAFETY: called with a token that proves the features.
    unsafe {
        let swapped = _mm256_permute_pd::<0b0101>(v);
        let v = _mm256_blend_pd::<0b1010>(_mm256_add_pd(v, swapped), _mm256_sub_pd(swapped, v));
        let swapped = _mm256_permute2f128_pd::<0x01>(v, v);
        _mm256_blend_pd::<0b1100>(_mm256_add_pd(v, swapped), _mm256_sub_pd(swapped, v))
    }
}

/// Lanes added by halves; also the end of the AVX-512 sum.
#[inline(always)]
pub(super) fn sum_ps(v: __m256) -> f32 {
    // SAFETY: called with a token that proves the features.
    unsafe {
        let v = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
        let v = _mm_add_ps(v, _mm_movehl_ps(v, v));
        _mm_cvtss_f32(_mm_add_ss(v, _mm_shuffle_ps::<1>(v, v)))
    }
}

/// Lanes added by halves; also the end of the AVX-512 sum.
#[inline(always)]
pub(super) fn sum_pd(v: __m256d) -> f64 {
    // SAFETY: called with a token that proves the features.
    unsafe {
        let v = _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd::<1>(v));
        _mm_cvtsd_f64(_mm_add_sd(v, _mm_unpackhi_pd(v, v)))
    }
}

/// Lanes of a bit mask as a vector mask: each lane tests its own bit.
#[inline(always)]
fn keep_ps(bits: u64, v: __m256) -> __m256 {
    // SAFETY: called with a token that proves the features.
    unsafe {
        let lane = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
        let mask = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(bits as i32), lane), lane);
        _mm256_and_ps(v, _mm256_castsi256_ps(mask))
    }
}

/// Lanes of a bit mask as a vector mask: each lane tests its own bit.
#[inline(always)]
fn keep_pd(bits: u64, v: __m256d) -> __m256d {
    // SAFETY: called with a token that proves the features.
    unsafe {
        let lane = _mm256_setr_epi64x(1, 2, 4, 8);
        let mask = _mm256_cmpeq_epi64(_mm256_and_si256(_mm256_set1_epi64x(bits as i64), lane), lane);
        _mm256_and_pd(v, _mm256_castsi256_pd(mask))
    }
}

#[inline(always)]
fn gt_ps(a: __m256, b: __m256) -> u64 {
    // SAFETY: called with a token that proves the features.
    unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(a, b)) as u64 }
}

#[inline(always)]
fn gt_pd(a: __m256d, b: __m256d) -> u64 {
    // SAFETY: called with a token that proves the features.
    unsafe { _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_GT_OQ>(a, b)) as u64 }
}

#[inline(always)]
fn low_halves(x: &[Bf16x2; 8]) -> __m256 {
    // SAFETY: called with a token that proves the features; the array is the memory of one vector, the load unaligned.
    unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_loadu_si256(x.as_ptr().cast()))) }
}

#[inline(always)]
fn high_halves(x: &[Bf16x2; 8]) -> __m256 {
    // SAFETY: called with a token that proves the features; the array is the memory of one vector, the load unaligned.
    unsafe { _mm256_castsi256_ps(_mm256_and_si256(_mm256_loadu_si256(x.as_ptr().cast()), _mm256_set1_epi32(-0x1_0000))) }
}

lanes! { Avx2, f32, 8, __m256; load _mm256_loadu_ps, store _mm256_storeu_ps, splat _mm256_set1_ps, add _mm256_add_ps,
sub _mm256_sub_ps, hadamard hadamard_ps }
lanes! { Avx2, f64, 4, __m256d; load _mm256_loadu_pd, store _mm256_storeu_pd, splat _mm256_set1_pd, add _mm256_add_pd,
sub _mm256_sub_pd, hadamard hadamard_pd }
simd! { Avx2, f32, __m256; mul _mm256_mul_ps, mul_add _mm256_fmadd_ps, gt gt_ps, keep keep_ps, sum sum_ps }
simd! { Avx2, f64, __m256d; mul _mm256_mul_pd, mul_add _mm256_fmadd_pd, gt gt_pd, keep keep_pd, sum sum_pd }
widen! { Avx2, 8, __m256; low low_halves, high high_halves }
