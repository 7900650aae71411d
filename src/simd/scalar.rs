//! Plain code: one element is a vector.

use super::{Lanes, Scalar, Simd, Token};

impl Token for Scalar {
    const NAME: &'static str = "scalar";
    // Without an operating system flash is short: few heights of tiles, each of which is code of its own.
    const REGISTERS: usize = if cfg!(target_os = "none") { 8 } else { 16 };
    const WORDS: usize = 1;
    type WordChunk = u64;
    type W = u64;

    #[inline(always)]
    fn word_chunks(self, x: &[u64]) -> (&[u64], &[u64]) {
        (x, &[])
    }
    #[inline(always)]
    fn load_words(self, x: &u64) -> u64 {
        *x
    }
    #[inline(always)]
    fn zero_words(self) -> u64 {
        0
    }
    #[inline(always)]
    fn count_and(self, acc: u64, a: u64, b: u64) -> u64 {
        acc + u64::from((a & b).count_ones())
    }
    #[inline(always)]
    fn sum_words(self, x: u64) -> u64 {
        x
    }
}

macro_rules! lanes {
    ($T:ty, $add:path, $sub:path) => {
        impl Lanes<$T> for Scalar {
            const LANES: usize = 1;
            type Chunk = $T;
            type V = $T;

            #[inline(always)]
            fn chunks(self, x: &[$T]) -> (&[$T], &[$T]) {
                (x, &[])
            }
            #[inline(always)]
            fn chunks_mut(self, x: &mut [$T]) -> (&mut [$T], &mut [$T]) {
                (x, &mut [])
            }
            #[inline(always)]
            fn load(self, x: &$T) -> $T {
                *x
            }
            #[inline(always)]
            fn store(self, to: &mut $T, v: $T) {
                *to = v;
            }
            #[inline(always)]
            fn load_part(self, x: &[$T]) -> $T {
                x.first().copied().unwrap_or_default()
            }
            #[inline(always)]
            fn store_part(self, to: &mut [$T], v: $T) {
                if let Some(first) = to.first_mut() {
                    *first = v;
                }
            }
            #[inline(always)]
            fn splat(self, x: $T) -> $T {
                x
            }
            #[inline(always)]
            fn add(self, a: $T, b: $T) -> $T {
                $add(a, b)
            }
            #[inline(always)]
            fn sub(self, a: $T, b: $T) -> $T {
                $sub(a, b)
            }
            #[inline(always)]
            fn hadamard_lanes(self, v: $T) -> $T {
                v
            }
        }
    };
}
lanes!(f32, core::ops::Add::add, core::ops::Sub::sub);
lanes!(f64, core::ops::Add::add, core::ops::Sub::sub);
lanes!(i32, i32::wrapping_add, i32::wrapping_sub);
lanes!(i16, i16::wrapping_add, i16::wrapping_sub);

macro_rules! simd {
    ($T:ty) => {
        impl Simd<$T> for Scalar {
            #[inline(always)]
            fn mul(self, a: $T, b: $T) -> $T {
                a * b
            }
            // Never `f32::mul_add`: without the instruction it is a library call of some hundred cycles.
            #[inline(always)]
            fn mul_add(self, a: $T, b: $T, c: $T) -> $T {
                a * b + c
            }
            #[inline(always)]
            fn gt(self, a: $T, b: $T) -> u64 {
                u64::from(a > b)
            }
            #[inline(always)]
            fn keep(self, bits: u64, v: $T) -> $T {
                if bits & 1 == 1 { v } else { 0.0 }
            }
            #[inline(always)]
            fn sum(self, v: $T) -> $T {
                v
            }
        }
    };
}
simd!(f32);
simd!(f64);
