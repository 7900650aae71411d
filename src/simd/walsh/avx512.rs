//! The transform's operations on 512-bit vectors; integers as elements.
//!
//! Two ports do all the arithmetic of 512-bit vectors, and one of them is also the only one that moves lanes: what
//! counts is the number of instructions. A stage is one shuffle and one fused multiply-add with +-1, which rounds once and so
//! is the sum or the difference itself; integers have no such instruction and take an addition and a masked subtraction.

use core::arch::x86_64::*;

use super::Walsh;
use crate::simd::Avx512;
use crate::simd::lanes::lanes;

/// +1 where bit h of the lane is 0, -1 where it is 1.
#[inline(always)]
fn signs_ps(h: usize) -> __m512 {
    const SIGNS: [[f32; 16]; 4] = {
        let mut signs = [[1.0; 16]; 4];
        let mut i = 0;
        while i < 64 {
            if (i % 16) >> (i / 16) & 1 == 1 {
                signs[i / 16][i % 16] = -1.0;
            }
            i += 1;
        }
        signs
    };
    // SAFETY: called with a token that proves the features; the array is the memory of one vector.
    unsafe { _mm512_loadu_ps(SIGNS[h].as_ptr()) }
}

/// +1 where bit h of the lane is 0, -1 where it is 1.
#[inline(always)]
fn signs_pd(h: usize) -> __m512d {
    const SIGNS: [[f64; 8]; 3] = {
        let mut signs = [[1.0; 8]; 3];
        let mut i = 0;
        while i < 24 {
            if (i % 8) >> (i / 8) & 1 == 1 {
                signs[i / 8][i % 8] = -1.0;
            }
            i += 1;
        }
        signs
    };
    // SAFETY: called with a token that proves the features; the array is the memory of one vector.
    unsafe { _mm512_loadu_pd(SIGNS[h].as_ptr()) }
}

#[inline(always)]
fn below_ps(from: usize, n: usize, mut v: __m512) -> __m512 {
    // SAFETY: called with a token that proves the features.
    unsafe {
        if from < 2 && n > 1 {
            v = _mm512_fmadd_ps(v, signs_ps(0), _mm512_permute_ps::<0b10_11_00_01>(v));
        }
        if n > 2 {
            v = _mm512_fmadd_ps(v, signs_ps(1), _mm512_permute_ps::<0b01_00_11_10>(v));
        }
        if n > 4 {
            v = _mm512_fmadd_ps(v, signs_ps(2), _mm512_shuffle_f32x4::<0b10_11_00_01>(v, v));
        }
        if n > 8 {
            v = _mm512_fmadd_ps(v, signs_ps(3), _mm512_shuffle_f32x4::<0b01_00_11_10>(v, v));
        }
        v
    }
}

#[inline(always)]
fn below_pd(n: usize, mut v: __m512d) -> __m512d {
    // SAFETY: called with a token that proves the features.
    unsafe {
        if n > 1 {
            v = _mm512_fmadd_pd(v, signs_pd(0), _mm512_permute_pd::<0b0101_0101>(v));
        }
        if n > 2 {
            v = _mm512_fmadd_pd(v, signs_pd(1), _mm512_shuffle_f64x2::<0b10_11_00_01>(v, v));
        }
        if n > 4 {
            v = _mm512_fmadd_pd(v, signs_pd(2), _mm512_shuffle_f64x2::<0b01_00_11_10>(v, v));
        }
        v
    }
}

macro_rules! stage {
    ($add:path, $mask_sub:path, $v:ident, $swapped:expr, $minus:literal) => {{
        let swapped = $swapped;
        $v = $mask_sub($add($v, swapped), $minus, swapped, $v);
    }};
}

#[inline(always)]
fn below_epi32(n: usize, mut v: __m512i) -> __m512i {
    // SAFETY: called with a token that proves the features.
    unsafe {
        if n > 1 {
            stage!(_mm512_add_epi32, _mm512_mask_sub_epi32, v, _mm512_shuffle_epi32::<0b10_11_00_01>(v), 0xAAAA);
        }
        if n > 2 {
            stage!(_mm512_add_epi32, _mm512_mask_sub_epi32, v, _mm512_shuffle_epi32::<0b01_00_11_10>(v), 0xCCCC);
        }
        if n > 4 {
            stage!(_mm512_add_epi32, _mm512_mask_sub_epi32, v, _mm512_shuffle_i32x4::<0b10_11_00_01>(v, v), 0xF0F0);
        }
        if n > 8 {
            stage!(_mm512_add_epi32, _mm512_mask_sub_epi32, v, _mm512_shuffle_i32x4::<0b01_00_11_10>(v, v), 0xFF00);
        }
        v
    }
}

#[inline(always)]
fn below_epi16(n: usize, mut v: __m512i) -> __m512i {
    // SAFETY: called with a token that proves the features.
    unsafe {
        if n > 1 {
            stage!(_mm512_add_epi16, _mm512_mask_sub_epi16, v, _mm512_rol_epi32::<16>(v), 0xAAAA_AAAA);
        }
        if n > 2 {
            stage!(_mm512_add_epi16, _mm512_mask_sub_epi16, v, _mm512_shuffle_epi32::<0b10_11_00_01>(v), 0xCCCC_CCCC);
        }
        if n > 4 {
            stage!(_mm512_add_epi16, _mm512_mask_sub_epi16, v, _mm512_shuffle_epi32::<0b01_00_11_10>(v), 0xF0F0_F0F0);
        }
        if n > 8 {
            stage!(_mm512_add_epi16, _mm512_mask_sub_epi16, v, _mm512_shuffle_i32x4::<0b10_11_00_01>(v, v), 0xFF00_FF00);
        }
        if n > 16 {
            stage!(_mm512_add_epi16, _mm512_mask_sub_epi16, v, _mm512_shuffle_i32x4::<0b01_00_11_10>(v, v), 0xFFFF_0000);
        }
        v
    }
}

impl Walsh<f32> for Avx512 {
    #[inline(always)]
    fn hadamard_below(self, n: usize, v: __m512) -> __m512 {
        below_ps(1, n, v)
    }
    #[inline(always)]
    fn negate(self, bits: u64, v: __m512) -> __m512 {
        // SAFETY: the token proves the features.
        unsafe {
            let x = _mm512_castps_si512(v);
            _mm512_castsi512_ps(_mm512_mask_xor_epi32(x, bits as __mmask16, x, _mm512_set1_epi32(i32::MIN)))
        }
    }
    #[inline(always)]
    fn times(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves the features.
        unsafe { _mm512_mul_ps(a, b) }
    }
    /// Stage 1 takes its partners from two loads that duplicate even and odd lanes on the way: no shuffle.
    #[inline(always)]
    fn load_hadamard(self, x: &[f32; 16], same: &[f32; 16]) -> __m512 {
        // SAFETY: the token proves the features; the arrays are the memory of one vector, the loads are unaligned.
        let v = unsafe {
            let (even, odd) = (_mm512_moveldup_ps(_mm512_loadu_ps(x.as_ptr())), _mm512_movehdup_ps(_mm512_loadu_ps(same.as_ptr())));
            _mm512_fmadd_ps(odd, signs_ps(0), even)
        };
        below_ps(2, 16, v)
    }
}

impl Walsh<f64> for Avx512 {
    #[inline(always)]
    fn hadamard_below(self, n: usize, v: __m512d) -> __m512d {
        below_pd(n, v)
    }
    #[inline(always)]
    fn negate(self, bits: u64, v: __m512d) -> __m512d {
        // SAFETY: the token proves the features.
        unsafe {
            let x = _mm512_castpd_si512(v);
            _mm512_castsi512_pd(_mm512_mask_xor_epi64(x, bits as __mmask8, x, _mm512_set1_epi64(i64::MIN)))
        }
    }
    #[inline(always)]
    fn times(self, a: __m512d, b: __m512d) -> __m512d {
        // SAFETY: the token proves the features.
        unsafe { _mm512_mul_pd(a, b) }
    }
}

lanes! { Avx512, i32, 16, __m512i; load _mm512_loadu_si512, store _mm512_storeu_si512, splat _mm512_set1_epi32, add _mm512_add_epi32,
sub _mm512_sub_epi32, hadamard below_epi32: 16, parts (__mmask16) _mm512_maskz_loadu_epi32, _mm512_mask_storeu_epi32 }
lanes! { Avx512, i16, 32, __m512i; load _mm512_loadu_si512, store _mm512_storeu_si512, splat _mm512_set1_epi16, add _mm512_add_epi16,
sub _mm512_sub_epi16, hadamard below_epi16: 32, parts (__mmask32) _mm512_maskz_loadu_epi16, _mm512_mask_storeu_epi16 }

macro_rules! integers {
    ($T:ty, $Mask:ty, $mask_sub:path, $mul:path, $below:path) => {
        impl Walsh<$T> for Avx512 {
            #[inline(always)]
            fn hadamard_below(self, n: usize, v: __m512i) -> __m512i {
                $below(n, v)
            }
            #[inline(always)]
            fn negate(self, bits: u64, v: __m512i) -> __m512i {
                // SAFETY: the token proves the features.
                unsafe { $mask_sub(v, bits as $Mask, _mm512_setzero_si512(), v) }
            }
            #[inline(always)]
            fn times(self, a: __m512i, b: __m512i) -> __m512i {
                // SAFETY: the token proves the features.
                unsafe { $mul(a, b) }
            }
        }
    };
}

integers!(i32, __mmask16, _mm512_mask_sub_epi32, _mm512_mullo_epi32, below_epi32);
integers!(i16, __mmask32, _mm512_mask_sub_epi16, _mm512_mullo_epi16, below_epi16);
