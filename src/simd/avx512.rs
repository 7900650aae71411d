//! AVX-512 of the Ice Lake tier: 512-bit vectors, mask registers, population counts.

use core::arch::x86_64::*;

use super::lanes::{lanes, simd};
use super::stored::widen;
use super::{Avx512, Bf16x2, Token};

/// Numbers of a word's bits.
static PLACES: [u8; 64] = {
    let mut places = [0; 64];
    let mut i = 0;
    while i < 64 {
        places[i] = i as u8;
        i += 1;
    }
    places
};

impl Token for Avx512 {
    const NAME: &'static str = "avx512";
    const REGISTERS: usize = 32;
    const WORDS: usize = 8;
    type WordChunk = [u64; 8];
    type W = __m512i;

    #[inline(always)]
    fn word_chunks(self, x: &[u64]) -> (&[[u64; 8]], &[u64]) {
        x.as_chunks()
    }
    #[inline(always)]
    fn load_words(self, x: &[u64; 8]) -> __m512i {
        // SAFETY: the token proves the feature; the array is the memory of one vector, and the load is unaligned.
        unsafe { _mm512_loadu_si512(x.as_ptr().cast()) }
    }
    #[inline(always)]
    fn zero_words(self) -> __m512i {
        // SAFETY: the token proves the feature.
        unsafe { _mm512_setzero_si512() }
    }
    #[inline(always)]
    fn count_and(self, acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the token proves the features.
        unsafe { _mm512_add_epi64(acc, _mm512_popcnt_epi64(_mm512_and_si512(a, b))) }
    }
    #[inline(always)]
    fn sum_words(self, x: __m512i) -> u64 {
        // SAFETY: the token proves the feature.
        unsafe { _mm512_reduce_add_epi64(x) as u64 }
    }
    /// Numbers in ascending order, from which the word picks.
    #[inline(always)]
    fn set_bits(self, word: u64, base: u16, to: &mut [u16; 64]) -> usize {
        let (low, high) = to.split_at_mut(32);
        // SAFETY: the token proves the features; 32 numbers of 16 bits are a vector.
        unsafe {
            let places = _mm512_maskz_compress_epi8(word, _mm512_loadu_si512(PLACES.as_ptr().cast()));
            let base = _mm512_set1_epi16(base.cast_signed());
            let half = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(places));
            _mm512_storeu_si512(low.as_mut_ptr().cast(), _mm512_or_si512(half, base));
            if word.count_ones() > 32 {
                let half = _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64::<1>(places));
                _mm512_storeu_si512(high.as_mut_ptr().cast(), _mm512_or_si512(half, base));
            }
        }
        word.count_ones() as usize
    }
    /// Two halvings in common: twelve instructions instead of some thirty.
    #[inline(always)]
    fn sum_four(self, [a, b, c, d]: [__m512i; 4]) -> [u64; 4] {
        // SAFETY: the token proves the feature.
        unsafe {
            let ab = _mm512_add_epi64(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
            let cd = _mm512_add_epi64(_mm512_unpacklo_epi64(c, d), _mm512_unpackhi_epi64(c, d));
            // Quarters 0 + 1, 2 + 3 of the first pair, then of the second.
            let halves = _mm512_add_epi64(_mm512_shuffle_i64x2::<0b10_00_10_00>(ab, cd), _mm512_shuffle_i64x2::<0b11_01_11_01>(ab, cd));
            let all = _mm512_add_epi64(halves, _mm512_shuffle_i64x2::<0b10_11_00_01>(halves, halves));
            let (ab, cd) = (_mm512_castsi512_si128(all), _mm512_extracti64x2_epi64::<2>(all));
            [
                _mm_cvtsi128_si64(ab) as u64,
                _mm_extract_epi64::<1>(ab) as u64,
                _mm_cvtsi128_si64(cd) as u64,
                _mm_extract_epi64::<1>(cd) as u64,
            ]
        }
    }
}

/// Stages h = 1 .. 8 of 16 floats: swap partners, then `partner + v * sign`, which rounds once and so is the sum or
/// the difference itself.
#[inline(always)]
fn hadamard_ps(v: __m512) -> __m512 {
    macro_rules! stage {
        ($v:ident, $swapped:expr, $minus:literal) => {{
            let swapped = $swapped;
            _mm512_mask_sub_ps(_mm512_add_ps($v, swapped), $minus, swapped, $v)
        }};
    }
    // SAFETY: called with a token that proves the features.
    unsafe {
        let v = stage!(v, _mm512_permute_ps::<0b10_11_00_01>(v), 0xAAAA);
        let v = stage!(v, _mm512_permute_ps::<0b01_00_11_10>(v), 0xCCCC);
        let v = stage!(v, _mm512_shuffle_f32x4::<0b10_11_00_01>(v, v), 0xF0F0);
        stage!(v, _mm512_shuffle_f32x4::<0b01_00_11_10>(v, v), 0xFF00)
    }
}

/// Stages h = 1, 2, 4 of 8 doubles.
#[inline(always)]
fn hadamard_pd(v: __m512d) -> __m512d {
    macro_rules! stage {
        ($v:ident, $swapped:expr, $minus:literal) => {{
            let swapped = $swapped;
            _mm512_mask_sub_pd(_mm512_add_pd($v, swapped), $minus, swapped, $v)
        }};
    }
    // SAFETY: called with a token that proves the features.
    unsafe {
        let v = stage!(v, _mm512_permute_pd::<0b0101_0101>(v), 0xAA);
        let v = stage!(v, _mm512_shuffle_f64x2::<0b10_11_00_01>(v, v), 0xCC);
        stage!(v, _mm512_shuffle_f64x2::<0b01_00_11_10>(v, v), 0xF0)
    }
}

#[inline(always)]
fn sum_ps(v: __m512) -> f32 {
    // SAFETY: called with a token that proves the features.
    unsafe {
        let v = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps::<1>(v));
        super::avx2::sum_ps(v)
    }
}

#[inline(always)]
fn sum_pd(v: __m512d) -> f64 {
    // SAFETY: called with a token that proves the features.
    unsafe {
        let v = _mm256_add_pd(_mm512_castpd512_pd256(v), _mm512_extractf64x4_pd::<1>(v));
        super::avx2::sum_pd(v)
    }
}

#[inline(always)]
fn gt_ps(a: __m512, b: __m512) -> u64 {
    // SAFETY: called with a token that proves the features.
    u64::from(unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b) })
}

#[inline(always)]
fn gt_pd(a: __m512d, b: __m512d) -> u64 {
    // SAFETY: called with a token that proves the features.
    u64::from(unsafe { _mm512_cmp_pd_mask::<_CMP_GT_OQ>(a, b) })
}

#[inline(always)]
fn keep_ps(bits: u64, v: __m512) -> __m512 {
    // SAFETY: called with a token that proves the features.
    unsafe { _mm512_maskz_mov_ps(bits as __mmask16, v) }
}

#[inline(always)]
fn keep_pd(bits: u64, v: __m512d) -> __m512d {
    // SAFETY: called with a token that proves the features.
    unsafe { _mm512_maskz_mov_pd(bits as __mmask8, v) }
}

#[inline(always)]
fn low_halves(x: &[Bf16x2; 16]) -> __m512 {
    // SAFETY: called with a token that proves the features; the array is the memory of one vector, the load unaligned.
    unsafe { _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_loadu_si512(x.as_ptr().cast()))) }
}

#[inline(always)]
fn high_halves(x: &[Bf16x2; 16]) -> __m512 {
    // SAFETY: called with a token that proves the features; the array is the memory of one vector, the load unaligned.
    unsafe { _mm512_castsi512_ps(_mm512_and_si512(_mm512_loadu_si512(x.as_ptr().cast()), _mm512_set1_epi32(-0x1_0000))) }
}

lanes! { Avx512, f32, 16, __m512; load _mm512_loadu_ps, store _mm512_storeu_ps, splat _mm512_set1_ps, add _mm512_add_ps,
sub _mm512_sub_ps, hadamard hadamard_ps, parts (__mmask16) _mm512_maskz_loadu_ps, _mm512_mask_storeu_ps }
lanes! { Avx512, f64, 8, __m512d; load _mm512_loadu_pd, store _mm512_storeu_pd, splat _mm512_set1_pd, add _mm512_add_pd,
sub _mm512_sub_pd, hadamard hadamard_pd, parts (__mmask8) _mm512_maskz_loadu_pd, _mm512_mask_storeu_pd }
simd! { Avx512, f32, __m512; mul _mm512_mul_ps, mul_add _mm512_fmadd_ps, gt gt_ps, keep keep_ps, sum sum_ps }
simd! { Avx512, f64, __m512d; mul _mm512_mul_pd, mul_add _mm512_fmadd_pd, gt gt_pd, keep keep_pd, sum sum_pd }
widen! { Avx512, 16, __m512; low low_halves, high high_halves }
