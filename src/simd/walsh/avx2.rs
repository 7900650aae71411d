//! The transform's operations on 256-bit vectors; integers as elements.
//!
//! A stage is one shuffle and one fused multiply-add with +-1, which rounds once and so is the sum or the difference
//! itself; integers take an instruction that applies signs, and an addition.

use core::arch::x86_64::*;

use super::Walsh;
use crate::simd::Avx2;
use crate::simd::lanes::lanes;

#[inline(always)]
fn below_ps(from: usize, n: usize, mut v: __m256) -> __m256 {
    // SAFETY: called with a token that proves the features.
    unsafe {
        if from < 2 && n > 1 {
            v = _mm256_fmadd_ps(v, signs_1(), _mm256_permute_ps::<0b10_11_00_01>(v));
        }
        if n > 2 {
            let signs = _mm256_setr_ps(1.0, 1.0, -1.0, -1.0, 1.0, 1.0, -1.0, -1.0);
            v = _mm256_fmadd_ps(v, signs, _mm256_permute_ps::<0b01_00_11_10>(v));
        }
        if n > 4 {
            let signs = _mm256_setr_ps(1.0, 1.0, 1.0, 1.0, -1.0, -1.0, -1.0, -1.0);
            v = _mm256_fmadd_ps(v, signs, _mm256_permute2f128_ps::<0x01>(v, v));
        }
        v
    }
}

#[inline(always)]
fn signs_1() -> __m256 {
    // SAFETY: called with a token that proves the features.
    unsafe { _mm256_setr_ps(1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0) }
}

#[inline(always)]
fn below_pd(n: usize, mut v: __m256d) -> __m256d {
    // SAFETY: called with a token that proves the features.
    unsafe {
        if n > 1 {
            v = _mm256_fmadd_pd(v, _mm256_setr_pd(1.0, -1.0, 1.0, -1.0), _mm256_permute_pd::<0b0101>(v));
        }
        if n > 2 {
            v = _mm256_fmadd_pd(v, _mm256_setr_pd(1.0, 1.0, -1.0, -1.0), _mm256_permute2f128_pd::<0x01>(v, v));
        }
        v
    }
}

#[inline(always)]
fn below_epi32(n: usize, mut v: __m256i) -> __m256i {
    // SAFETY: called with a token that proves the features.
    unsafe {
        if n > 1 {
            let signs = _mm256_setr_epi32(1, -1, 1, -1, 1, -1, 1, -1);
            v = _mm256_add_epi32(_mm256_shuffle_epi32::<0b10_11_00_01>(v), _mm256_sign_epi32(v, signs));
        }
        if n > 2 {
            let signs = _mm256_setr_epi32(1, 1, -1, -1, 1, 1, -1, -1);
            v = _mm256_add_epi32(_mm256_shuffle_epi32::<0b01_00_11_10>(v), _mm256_sign_epi32(v, signs));
        }
        if n > 4 {
            let signs = _mm256_setr_epi32(1, 1, 1, 1, -1, -1, -1, -1);
            v = _mm256_add_epi32(_mm256_permute2x128_si256::<0x01>(v, v), _mm256_sign_epi32(v, signs));
        }
        v
    }
}

#[inline(always)]
fn below_epi16(n: usize, mut v: __m256i) -> __m256i {
    // SAFETY: called with a token that proves the features.
    unsafe {
        if n > 1 {
            let swap = _mm256_setr_epi8(
                2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13,
            );
            let signs = _mm256_setr_epi16(1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1);
            v = _mm256_add_epi16(_mm256_shuffle_epi8(v, swap), _mm256_sign_epi16(v, signs));
        }
        if n > 2 {
            let signs = _mm256_setr_epi16(1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1);
            v = _mm256_add_epi16(_mm256_shuffle_epi32::<0b10_11_00_01>(v), _mm256_sign_epi16(v, signs));
        }
        if n > 4 {
            let signs = _mm256_setr_epi16(1, 1, 1, 1, -1, -1, -1, -1, 1, 1, 1, 1, -1, -1, -1, -1);
            v = _mm256_add_epi16(_mm256_shuffle_epi32::<0b01_00_11_10>(v), _mm256_sign_epi16(v, signs));
        }
        if n > 8 {
            let signs = _mm256_setr_epi16(1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1, -1);
            v = _mm256_add_epi16(_mm256_permute2x128_si256::<0x01>(v, v), _mm256_sign_epi16(v, signs));
        }
        v
    }
}

impl Walsh<f32> for Avx2 {
    #[inline(always)]
    fn hadamard_below(self, n: usize, v: __m256) -> __m256 {
        below_ps(1, n, v)
    }
    #[inline(always)]
    fn negate(self, bits: u64, v: __m256) -> __m256 {
        // SAFETY: the token proves the features.
        unsafe {
            // Each lane shifts its own bit to the top.
            let up = _mm256_setr_epi32(31, 30, 29, 28, 27, 26, 25, 24);
            let bits = _mm256_sllv_epi32(_mm256_set1_epi32(bits as i32), up);
            _mm256_xor_ps(v, _mm256_castsi256_ps(_mm256_and_si256(bits, _mm256_set1_epi32(i32::MIN))))
        }
    }
    #[inline(always)]
    fn times(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves the features.
        unsafe { _mm256_mul_ps(a, b) }
    }
    /// Stage 1 takes its partners from two loads that duplicate even and odd lanes on the way: no shuffle.
    #[inline(always)]
    fn load_hadamard(self, x: &[f32; 8], same: &[f32; 8]) -> __m256 {
        // SAFETY: the token proves the features; the arrays are the memory of one vector, the loads are unaligned.
        let v = unsafe {
            let (even, odd) = (_mm256_moveldup_ps(_mm256_loadu_ps(x.as_ptr())), _mm256_movehdup_ps(_mm256_loadu_ps(same.as_ptr())));
            _mm256_fmadd_ps(odd, signs_1(), even)
        };
        below_ps(2, 8, v)
    }
}

impl Walsh<f64> for Avx2 {
    #[inline(always)]
    fn hadamard_below(self, n: usize, v: __m256d) -> __m256d {
        below_pd(n, v)
    }
    #[inline(always)]
    fn negate(self, bits: u64, v: __m256d) -> __m256d {
        // SAFETY: the token proves the features.
        unsafe {
            // Each lane shifts its own bit to the top.
            let bits = _mm256_sllv_epi64(_mm256_set1_epi64x(bits as i64), _mm256_setr_epi64x(63, 62, 61, 60));
            _mm256_xor_pd(v, _mm256_castsi256_pd(_mm256_and_si256(bits, _mm256_set1_epi64x(i64::MIN))))
        }
    }
    #[inline(always)]
    fn times(self, a: __m256d, b: __m256d) -> __m256d {
        // SAFETY: the token proves the features.
        unsafe { _mm256_mul_pd(a, b) }
    }
}

/// -1 in the lanes whose bit is 1, else 0.
#[inline(always)]
fn minus_epi32(bits: u64) -> __m256i {
    // SAFETY: called with a token that proves the features.
    unsafe {
        let up = _mm256_setr_epi32(31, 30, 29, 28, 27, 26, 25, 24);
        _mm256_srai_epi32::<31>(_mm256_sllv_epi32(_mm256_set1_epi32(bits as i32), up))
    }
}

/// -1 in the lanes whose bit is 1, else 0.
#[inline(always)]
fn minus_epi16(bits: u64) -> __m256i {
    // SAFETY: called with a token that proves the features.
    unsafe {
        let lane = _mm256_setr_epi16(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, i16::MIN);
        _mm256_cmpeq_epi16(_mm256_and_si256(_mm256_set1_epi16(bits as i16), lane), lane)
    }
}

lanes! { Avx2, i32, 8, __m256i; load _mm256_loadu_si256, store _mm256_storeu_si256, splat _mm256_set1_epi32, add _mm256_add_epi32,
sub _mm256_sub_epi32, hadamard below_epi32: 8 }
lanes! { Avx2, i16, 16, __m256i; load _mm256_loadu_si256, store _mm256_storeu_si256, splat _mm256_set1_epi16, add _mm256_add_epi16,
sub _mm256_sub_epi16, hadamard below_epi16: 16 }

macro_rules! integers {
    ($T:ty, $sub:path, $mul:path, $below:path, $minus:path) => {
        impl Walsh<$T> for Avx2 {
            #[inline(always)]
            fn hadamard_below(self, n: usize, v: __m256i) -> __m256i {
                $below(n, v)
            }
            #[inline(always)]
            fn negate(self, bits: u64, v: __m256i) -> __m256i {
                let minus = $minus(bits);
                // SAFETY: the token proves the features.
                unsafe { $sub(_mm256_xor_si256(v, minus), minus) }
            }
            #[inline(always)]
            fn times(self, a: __m256i, b: __m256i) -> __m256i {
                // SAFETY: the token proves the features.
                unsafe { $mul(a, b) }
            }
        }
    };
}

integers!(i32, _mm256_sub_epi32, _mm256_mullo_epi32, below_epi32, minus_epi32);
integers!(i16, _mm256_sub_epi16, _mm256_mullo_epi16, below_epi16, minus_epi16);
