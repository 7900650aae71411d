//! VNNI: four products per lane and their sum in one instruction.

use core::arch::x86_64::*;

use super::super::Avx512;
use super::Screen;

/// The largest float below 2^31: a conversion makes the least integer of what is above.
const MOST_BOUND: f32 = 2_147_483_520.0;
const FLOOR: i32 = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC;

/// Scales, errors and lengths of sixteen rows, and which of them there are.
#[derive(Clone, Copy)]
pub struct Rows {
    scale: __m512,
    error: __m512,
    length: __m512,
    inside: u16,
}

impl Screen for Avx512 {
    const SUMS: usize = 16;
    const OFFSET: i32 = 128;
    const LIMIT: i32 = 127;
    type Quads = [[i8; 4]; 16];
    type Sums = __m512i;
    type Rows = Rows;
    type Bounds = [__m512i; 2];

    #[inline(always)]
    fn quads(self, x: &[[i8; 4]]) -> &[[[i8; 4]; 16]] {
        x.as_chunks().0
    }
    #[inline(always)]
    fn start(self, x: &[i32]) -> __m512i {
        let mask = ((1u32 << x.len().min(16)) - 1) as u16;
        // SAFETY: the token proves the features; only lanes inside the slice are read.
        unsafe { _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_slli_epi32::<7>(_mm512_maskz_loadu_epi32(mask, x.as_ptr()))) }
    }
    #[inline(always)]
    fn splat_quad(self, x: [u8; 4]) -> __m512i {
        // SAFETY: the token proves the feature.
        unsafe { _mm512_set1_epi32(i32::from_le_bytes(x)) }
    }
    #[inline(always)]
    fn dot(self, sums: __m512i, w: &[[i8; 4]; 16], x: __m512i) -> __m512i {
        // SAFETY: the token proves the features; the array is the memory of one vector, the load unaligned.
        unsafe { _mm512_dpbusd_epi32(sums, x, _mm512_loadu_si512(w.as_ptr().cast())) }
    }
    #[inline(always)]
    fn rows(self, scale: &[f32], error: &[f32], length: &[f32]) -> Rows {
        let inside = ((1u32 << scale.len().min(error.len()).min(length.len()).min(16)) - 1) as u16;
        // SAFETY: the token proves the features; only lanes inside the slices are read.
        unsafe {
            Rows {
                scale: _mm512_maskz_loadu_ps(inside, scale.as_ptr()),
                error: _mm512_maskz_loadu_ps(inside, error.as_ptr()),
                length: _mm512_maskz_loadu_ps(inside, length.as_ptr()),
                inside,
            }
        }
    }
    #[inline(always)]
    fn bounds(self, rows: &Rows, &[low, high, e, l]: &[f32; 4]) -> [__m512i; 2] {
        // SAFETY: the token proves the features.
        unsafe {
            let m = _mm512_fmadd_ps(rows.error, _mm512_set1_ps(e), _mm512_mul_ps(rows.length, _mm512_set1_ps(l)));
            let low = _mm512_fmsub_ps(rows.scale, _mm512_set1_ps(low), m);
            let high = _mm512_fmadd_ps(rows.scale, _mm512_set1_ps(high), m);
            // Of two numbers of which one is NaN the minimum is the second; a conversion makes the least integer of what does not fit.
            let most = _mm512_set1_ps(MOST_BOUND);
            let low = _mm512_cvt_roundps_epi32::<FLOOR>(_mm512_min_ps(most, low));
            let high = _mm512_cvt_roundps_epi32::<FLOOR>(_mm512_min_ps(high, most));
            [
                _mm512_mask_mov_epi32(_mm512_set1_epi32(i32::MAX), rows.inside, low),
                _mm512_mask_mov_epi32(_mm512_set1_epi32(i32::MAX), rows.inside, high),
            ]
        }
    }
    #[inline(always)]
    fn beyond(self, sums: __m512i, bounds: &[__m512i; 2]) -> [u64; 2] {
        // SAFETY: the token proves the features.
        unsafe { [_mm512_cmpgt_epi32_mask(sums, bounds[0]).into(), _mm512_cmpgt_epi32_mask(sums, bounds[1]).into()] }
    }
}
