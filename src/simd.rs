//! Vectors of every instruction set behind one trait, and the dispatch to them.
//!
//! A kernel is written once, as an `#[inline(always)]` function over [`Simd`] (floats) or [`Walsh`] (any element), and
//! entered once per call through a `#[target_feature]` function that the `multiversion!` macro makes for each
//! row of the table in `level.rs`. Which one runs is the caller's choice: a [`Level`] is a value, and the first
//! argument of every kernel.
//!
//! This room and `capi` are the only ones with `unsafe` and `core::arch`; one call that maps a file, in `train`, has to say it too.

#![allow(unsafe_code)]

mod abreast;
mod ahead;
#[cfg(all(feature = "cpuid", not(feature = "std"), target_arch = "x86_64"))]
mod cpuid;
mod lanes;
#[macro_use]
mod level;
mod report;
mod scalar;
mod screen;
mod walsh;

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod avx2;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod avx512;
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
mod neon;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;

#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
pub use level::Neon;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub use level::Simd128;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub use level::{Avx2, Avx512};
pub use level::{Element, Float, Level, Scalar, UnknownLevel};
pub use report::Report;
pub use walsh::Walsh;

pub use abreast::{Abreast, MOST_LANES};
pub(crate) use ahead::fetch_ahead;
pub use screen::Screen;
pub(crate) use walsh::{Strides, Walk, to_cache_line};

/// A zero-sized proof that the processor has an instruction set, and what it does with machine words.
///
/// Sealed: implemented by the tokens of this module.
pub trait Token: Copy + Send + Sync + 'static + level::Sealed {
    /// The level's name, as [`Level`] prints and parses it.
    const NAME: &'static str;
    /// Vector registers to plan register tiles with.
    const REGISTERS: usize;
    /// 64-bit words in a vector.
    const WORDS: usize;
    /// Memory of one vector of words.
    type WordChunk: Copy;
    /// A vector of words.
    type W: Copy;

    /// Cuts a slice into vectors of words and a tail shorter than one.
    fn word_chunks(self, x: &[u64]) -> (&[Self::WordChunk], &[u64]);
    /// Reads a vector of words.
    fn load_words(self, x: &Self::WordChunk) -> Self::W;
    /// All words 0.
    fn zero_words(self) -> Self::W;
    /// `acc + popcount(a & b)`, in each 64-bit lane.
    fn count_and(self, acc: Self::W, a: Self::W, b: Self::W) -> Self::W;
    /// The sum of the lanes.
    fn sum_words(self, x: Self::W) -> u64;
    /// The sums of the lanes of four vectors, which share their shuffles where there are wide ones.
    #[inline(always)]
    fn sum_four(self, x: [Self::W; 4]) -> [u64; 4] {
        [self.sum_words(x[0]), self.sum_words(x[1]), self.sum_words(x[2]), self.sum_words(x[3])]
    }
}

/// A vector of `T` on one instruction set: memory, sums and differences.
pub trait Lanes<T>: Token {
    /// Elements in a vector: a power of two.
    const LANES: usize;
    /// Memory of one vector: `[T; LANES]`.
    type Chunk: Copy;
    /// A vector.
    type V: Copy;

    /// Cuts a slice into vectors and a tail shorter than one.
    fn chunks(self, x: &[T]) -> (&[Self::Chunk], &[T]);
    /// Cuts a slice into vectors and a tail shorter than one.
    fn chunks_mut(self, x: &mut [T]) -> (&mut [Self::Chunk], &mut [T]);
    /// Reads a vector.
    fn load(self, x: &Self::Chunk) -> Self::V;
    /// Writes a vector.
    fn store(self, to: &mut Self::Chunk, v: Self::V);
    /// Reads the first `LANES` elements, zeros behind the end of a shorter slice.
    fn load_part(self, x: &[T]) -> Self::V;
    /// Writes the first `LANES` elements, or as many as there is room for.
    fn store_part(self, to: &mut [T], v: Self::V);
    /// x in every lane.
    fn splat(self, x: T) -> Self::V;
    /// a + b
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// a - b
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// The Walsh-Hadamard transform of the lanes: all stages h = 1, 2, .. LANES / 2, in this order, each
    /// `(x[i], x[i + h]) = (x[i] + x[i + h], x[i] - x[i + h])`, each sum rounded once.
    fn hadamard_lanes(self, v: Self::V) -> Self::V;
}

/// A vector of floats: products, comparisons, sums over lanes.
///
/// Bit masks have lane i in bit i; bits above the lanes are ignored.
pub trait Simd<T>: Report<T> {
    /// a b
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// a b + c: rounded once on AVX2, AVX-512 and NEON, twice on the scalar level and on wasm, where no fused
    /// instruction exists.
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The bits of the lanes where a > b; a comparison with NaN is false.
    fn gt(self, a: Self::V, b: Self::V) -> u64;
    /// v where the bit is 1, +0 where it is 0.
    fn keep(self, bits: u64, v: Self::V) -> Self::V;
    /// The sum of the lanes: halves are added, `v[i] + v[i + LANES/2]`, until one is left.
    fn sum(self, v: Self::V) -> T;
}

#[cfg(test)]
mod tests;
