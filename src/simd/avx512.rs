//! AVX-512 of the Ice Lake tier: 512-bit vectors, mask registers, population counts.

use core::arch::x86_64::*;

use super::{Avx512, Lanes, Simd, Token};

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

macro_rules! floats {
    ($T:ty, $n:literal, $V:ty, $Mask:ty, $load:path, $store:path, $load_part:path, $store_part:path, $splat:path, $add:path, $sub:path,
     $mul:path, $fma:path, $cmp:path, $keep:path, $hadamard:path, $sum:path) => {
        impl Lanes<$T> for Avx512 {
            const LANES: usize = $n;
            type Chunk = [$T; $n];
            type V = $V;

            #[inline(always)]
            fn chunks(self, x: &[$T]) -> (&[[$T; $n]], &[$T]) {
                x.as_chunks()
            }
            #[inline(always)]
            fn chunks_mut(self, x: &mut [$T]) -> (&mut [[$T; $n]], &mut [$T]) {
                x.as_chunks_mut()
            }
            #[inline(always)]
            fn load(self, x: &[$T; $n]) -> $V {
                // SAFETY: the token proves the feature; the array is the memory of one vector, the load unaligned.
                unsafe { $load(x.as_ptr()) }
            }
            #[inline(always)]
            fn store(self, to: &mut [$T; $n], v: $V) {
                // SAFETY: the token proves the feature; the array is the memory of one vector, the store unaligned.
                unsafe { $store(to.as_mut_ptr(), v) }
            }
            #[inline(always)]
            fn load_part(self, x: &[$T]) -> $V {
                let mask = ((1u32 << x.len().min($n)) - 1) as $Mask;
                // SAFETY: the token proves the feature; only lanes inside the slice are read.
                unsafe { $load_part(mask, x.as_ptr()) }
            }
            #[inline(always)]
            fn store_part(self, to: &mut [$T], v: $V) {
                let mask = ((1u32 << to.len().min($n)) - 1) as $Mask;
                // SAFETY: the token proves the feature; only lanes inside the slice are written.
                unsafe { $store_part(to.as_mut_ptr(), mask, v) }
            }
            #[inline(always)]
            fn splat(self, x: $T) -> $V {
                // SAFETY: the token proves the feature.
                unsafe { $splat(x) }
            }
            #[inline(always)]
            fn add(self, a: $V, b: $V) -> $V {
                // SAFETY: the token proves the feature.
                unsafe { $add(a, b) }
            }
            #[inline(always)]
            fn sub(self, a: $V, b: $V) -> $V {
                // SAFETY: the token proves the feature.
                unsafe { $sub(a, b) }
            }
            #[inline(always)]
            fn hadamard_lanes(self, v: $V) -> $V {
                $hadamard(v)
            }
        }

        impl Simd<$T> for Avx512 {
            #[inline(always)]
            fn mul(self, a: $V, b: $V) -> $V {
                // SAFETY: the token proves the feature.
                unsafe { $mul(a, b) }
            }
            #[inline(always)]
            fn mul_add(self, a: $V, b: $V, c: $V) -> $V {
                // SAFETY: the token proves the feature.
                unsafe { $fma(a, b, c) }
            }
            #[inline(always)]
            fn gt(self, a: $V, b: $V) -> u64 {
                // SAFETY: the token proves the feature.
                u64::from(unsafe { $cmp(a, b) })
            }
            #[inline(always)]
            fn keep(self, bits: u64, v: $V) -> $V {
                // SAFETY: the token proves the feature.
                unsafe { $keep(bits as $Mask, v) }
            }
            #[inline(always)]
            fn sum(self, v: $V) -> $T {
                $sum(v)
            }
        }
    };
}

floats!(
    f32,
    16,
    __m512,
    __mmask16,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_maskz_loadu_ps,
    _mm512_mask_storeu_ps,
    _mm512_set1_ps,
    _mm512_add_ps,
    _mm512_sub_ps,
    _mm512_mul_ps,
    _mm512_fmadd_ps,
    _mm512_cmp_ps_mask::<_CMP_GT_OQ>,
    _mm512_maskz_mov_ps,
    hadamard_ps,
    sum_ps
);
floats!(
    f64,
    8,
    __m512d,
    __mmask8,
    _mm512_loadu_pd,
    _mm512_storeu_pd,
    _mm512_maskz_loadu_pd,
    _mm512_mask_storeu_pd,
    _mm512_set1_pd,
    _mm512_add_pd,
    _mm512_sub_pd,
    _mm512_mul_pd,
    _mm512_fmadd_pd,
    _mm512_cmp_pd_mask::<_CMP_GT_OQ>,
    _mm512_maskz_mov_pd,
    hadamard_pd,
    sum_pd
);
