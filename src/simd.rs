//! Vectors of every instruction set behind one trait, and the dispatch to them.
//!
//! A kernel is written once, as an `#[inline(always)]` function over [`Simd`] (floats) or [`Walsh`] (any element), and
//! entered once per call through a `#[target_feature]` function that the `multiversion!` macro makes for each
//! row of the table in `level.rs`. Which one runs is the caller's choice: a [`Level`] is a value, and the first
//! argument of every kernel.
//!
//! This room and `capi` are the only ones with `unsafe` and `core::arch`; one call that maps a file, in `train`, has to say it too.
//!
//! # Shapes
//! A vector has `LANES` numbers: of f32 sixteen on AVX-512, eight on AVX2, four on NEON and on wasm's simd128, one on the scalar level, which is
//! plain code and always there; of f64 half as many, but one on the scalar level.
//!
//! # Cost
//! Choosing a level is a comparison of a byte for each call of a kernel. The operations of the traits are instructions, or a few.
//!
//! ```
//! use subquad::Level;
//!
//! // Every level of this machine, the best first; each by its name.
//! for level in Level::available() {
//!     assert_eq!(level.name().parse(), Ok(level));
//! }
//! ```
//!
//! # Source
//! Tokens as in the crate fearless_simd: values that can only be had where the processor has the instructions.
//!
//! Next: [`blas`](crate::blas).

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
mod stored;
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
pub use level::{Element, Float, Level, Scalar, Stored, UnknownLevel};
pub use report::Report;
pub use walsh::Walsh;

pub use abreast::{Abreast, MOST_LANES};
pub(crate) use ahead::fetch_ahead;
pub use screen::Screen;
pub use stored::{Bf16x2, LINE, Reads, Widen};
pub(crate) use walsh::{Strides, Walk, to_cache_line};

/// A zero-sized proof that the processor has an instruction set, and what it does with machine words.
///
/// Sealed: implemented by the tokens of this module.
///
/// ```
/// use subquad::simd::{Scalar, Token};
///
/// fn common_bits<S: Token>(s: S, a: &[u64], b: &[u64]) -> u64 {
///     let ((a, _), (b, _)) = (s.word_chunks(a), s.word_chunks(b)); // the scalar level has no tails
///     let sums = a.iter().zip(b).fold(s.zero_words(), |sums, (a, b)| s.count_and(sums, s.load_words(a), s.load_words(b)));
///     s.sum_words(sums)
/// }
/// assert_eq!(common_bits(Scalar, &[0b1110, 1], &[0b0111, 1]), 3);
/// ```
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
    ///
    /// ```
    /// use subquad::simd::{Scalar, Token};
    ///
    /// let (chunks, tail) = Scalar.word_chunks(&[1, 2, 3]); // a vector of one word leaves no tail
    /// assert_eq!((chunks.len(), tail.len()), (3, 0));
    /// ```
    fn word_chunks(self, x: &[u64]) -> (&[Self::WordChunk], &[u64]);
    /// Reads a vector of words.
    ///
    /// ```
    /// use subquad::simd::{Scalar, Token};
    ///
    /// assert_eq!(Scalar.sum_words(Scalar.load_words(&7)), 7);
    /// ```
    fn load_words(self, x: &Self::WordChunk) -> Self::W;
    /// All words 0.
    ///
    /// ```
    /// use subquad::simd::{Scalar, Token};
    ///
    /// assert_eq!(Scalar.sum_words(Scalar.zero_words()), 0);
    /// ```
    fn zero_words(self) -> Self::W;
    /// `acc + popcount(a & b)`, in each 64-bit lane.
    ///
    /// ```
    /// use subquad::simd::{Scalar, Token};
    ///
    /// assert_eq!(Scalar.count_and(10, 0b1110, 0b0111), 10 + 2);
    /// ```
    fn count_and(self, acc: Self::W, a: Self::W, b: Self::W) -> Self::W;
    /// The sum of the lanes.
    ///
    /// ```
    /// use subquad::simd::{Scalar, Token};
    ///
    /// fn lanes_of_ones<S: Token>(s: S, ones: &S::WordChunk) -> u64 {
    ///     s.sum_words(s.load_words(ones))
    /// }
    /// assert_eq!(lanes_of_ones(Scalar, &1), Scalar::WORDS as u64);
    /// ```
    fn sum_words(self, x: Self::W) -> u64;
    /// The sums of the lanes of four vectors, which share their shuffles where there are wide ones.
    ///
    /// ```
    /// use subquad::simd::{Scalar, Token};
    ///
    /// assert_eq!(Scalar.sum_four([1, 2, 3, 4]), [1, 2, 3, 4]); // one lane each
    /// ```
    #[inline(always)]
    fn sum_four(self, x: [Self::W; 4]) -> [u64; 4] {
        [self.sum_words(x[0]), self.sum_words(x[1]), self.sum_words(x[2]), self.sum_words(x[3])]
    }
    /// Lists where a word's bits are set, in ascending order, each with `base`, a multiple of 64, on top; and says how many there are.
    /// What is behind these may have been written over.
    ///
    /// Four at a time, because a loop that ends with the last bit of each word is foreseen wrongly every time.
    ///
    /// ```
    /// use subquad::simd::{Scalar, Token};
    ///
    /// let mut places = [0; 64];
    /// assert_eq!(Scalar.set_bits(1 << 63 | 0b1001, 128, &mut places), 3);
    /// assert_eq!(places[..3], [128, 131, 191]);
    /// ```
    #[inline(always)]
    fn set_bits(self, word: u64, base: u16, to: &mut [u16; 64]) -> usize {
        let mut bits = word;
        for four in to.as_chunks_mut::<4>().0 {
            for place in four {
                *place = base | (bits.trailing_zeros() % 64) as u16;
                bits &= bits.wrapping_sub(1);
            }
            if bits == 0 {
                break;
            }
        }
        word.count_ones() as usize
    }
}

/// A vector of `T` on one instruction set: memory, sums and differences.
///
/// ```
/// use subquad::simd::{Lanes, Scalar};
///
/// fn add_to<S: Lanes<f32>>(s: S, x: &mut [f32], by: f32) {
///     let (chunks, tail) = s.chunks_mut(x);
///     for chunk in chunks {
///         s.store(chunk, s.add(s.load(chunk), s.splat(by)));
///     }
///     s.store_part(tail, s.add(s.load_part(tail), s.splat(by)));
/// }
/// let mut x = [1.0, 2.0, 3.0];
/// add_to(Scalar, &mut x, 10.0);
/// assert_eq!(x, [11.0, 12.0, 13.0]);
/// ```
pub trait Lanes<T>: Token {
    /// Elements in a vector: a power of two.
    const LANES: usize;
    /// Memory of one vector: `[T; LANES]`.
    type Chunk: Copy;
    /// A vector.
    type V: Copy;

    /// Cuts a slice into vectors and a tail shorter than one.
    ///
    /// ```
    /// use subquad::simd::{Lanes, Scalar};
    ///
    /// let (chunks, tail) = Scalar.chunks(&[1.0f32, 2.0, 3.0]);
    /// assert_eq!(chunks.len() * <Scalar as Lanes<f32>>::LANES + tail.len(), 3);
    /// ```
    fn chunks(self, x: &[T]) -> (&[Self::Chunk], &[T]);
    /// Cuts a slice into vectors and a tail shorter than one.
    ///
    /// ```
    /// use subquad::simd::{Lanes, Scalar};
    ///
    /// let mut x = [1.0f32, 2.0];
    /// let (chunks, _) = Scalar.chunks_mut(&mut x);
    /// Lanes::<f32>::store(Scalar, &mut chunks[1], 5.0);
    /// assert_eq!(x, [1.0, 5.0]);
    /// ```
    fn chunks_mut(self, x: &mut [T]) -> (&mut [Self::Chunk], &mut [T]);
    /// Reads a vector.
    ///
    /// ```
    /// use subquad::simd::{Lanes, Scalar};
    ///
    /// let (chunks, _) = Scalar.chunks(&[4.0f32]);
    /// assert_eq!(Lanes::<f32>::load(Scalar, &chunks[0]), 4.0);
    /// ```
    fn load(self, x: &Self::Chunk) -> Self::V;
    /// Writes a vector.
    ///
    /// ```
    /// use subquad::simd::{Lanes, Scalar};
    ///
    /// let mut to = 0.0f32;
    /// Lanes::<f32>::store(Scalar, &mut to, 2.0);
    /// assert_eq!(to, 2.0);
    /// ```
    fn store(self, to: &mut Self::Chunk, v: Self::V);
    /// Reads the first `LANES` elements, zeros behind the end of a shorter slice.
    ///
    /// ```
    /// use subquad::simd::{Lanes, Scalar, Simd};
    ///
    /// let nothing: [f32; 0] = [];
    /// assert_eq!(Simd::<f32>::sum(Scalar, Scalar.load_part(&nothing)), 0.0);
    /// ```
    fn load_part(self, x: &[T]) -> Self::V;
    /// Writes the first `LANES` elements, or as many as there is room for.
    ///
    /// ```
    /// use subquad::simd::{Lanes, Scalar};
    ///
    /// let mut to = [0.0f32; 1];
    /// Lanes::<f32>::store_part(Scalar, &mut to[1..], 3.0); // no room: nothing is written
    /// Lanes::<f32>::store_part(Scalar, &mut to, 2.0);
    /// assert_eq!(to, [2.0]);
    /// ```
    fn store_part(self, to: &mut [T], v: Self::V);
    /// x in every lane.
    ///
    /// ```
    /// use subquad::simd::{Lanes, Scalar, Simd};
    ///
    /// fn ones<S: Simd<f64>>(s: S) -> f64 {
    ///     s.sum(s.splat(1.0))
    /// }
    /// assert_eq!(ones(Scalar), <Scalar as Lanes<f64>>::LANES as f64);
    /// ```
    fn splat(self, x: T) -> Self::V;
    /// a + b
    ///
    /// ```
    /// use subquad::simd::{Lanes, Scalar};
    ///
    /// assert_eq!(Lanes::<f32>::add(Scalar, 2.0, 3.0), 5.0);
    /// assert_eq!(Lanes::<i16>::add(Scalar, i16::MAX, 1), i16::MIN); // integers wrap
    /// ```
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// a - b
    ///
    /// ```
    /// use subquad::simd::{Lanes, Scalar};
    ///
    /// assert_eq!(Lanes::<f32>::sub(Scalar, 2.0, 3.0), -1.0);
    /// ```
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// The Walsh-Hadamard transform of the lanes: all stages h = 1, 2, .. LANES / 2, in this order, each
    /// `(x[i], x[i + h]) = (x[i] + x[i + h], x[i] - x[i + h])`, each sum rounded once.
    ///
    /// ```
    /// use subquad::simd::{Lanes, Scalar};
    ///
    /// assert_eq!(Lanes::<i32>::hadamard_lanes(Scalar, 5), 5); // of one lane: H_1 = [1]
    /// ```
    fn hadamard_lanes(self, v: Self::V) -> Self::V;
}

/// A vector of floats: products, comparisons, sums over lanes.
///
/// Bit masks have lane i in bit i; bits above the lanes are ignored.
///
/// ```
/// use subquad::simd::{Scalar, Simd};
///
/// fn dot<S: Simd<f32>>(s: S, x: &[f32], y: &[f32]) -> f32 {
///     let ((xs, x), (ys, y)) = (s.chunks(x), s.chunks(y));
///     let sums = xs.iter().zip(ys).fold(s.splat(0.0), |sums, (x, y)| s.mul_add(s.load(x), s.load(y), sums));
///     s.sum(s.mul_add(s.load_part(x), s.load_part(y), sums))
/// }
/// assert_eq!(dot(Scalar, &[1.0, 2.0], &[3.0, 4.0]), 11.0);
/// ```
pub trait Simd<T>: Report<T> {
    /// a b
    ///
    /// ```
    /// use subquad::simd::{Scalar, Simd};
    ///
    /// assert_eq!(Simd::<f32>::mul(Scalar, 2.0, 3.0), 6.0);
    /// ```
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// a b + c: rounded once on AVX2, AVX-512 and NEON, twice on the scalar level and on wasm, where no fused
    /// instruction exists.
    ///
    /// ```
    /// use subquad::simd::{Scalar, Simd};
    ///
    /// assert_eq!(Simd::<f32>::mul_add(Scalar, 2.0, 3.0, 4.0), 10.0);
    /// ```
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The bits of the lanes where a > b; a comparison with NaN is false.
    ///
    /// ```
    /// use subquad::simd::{Scalar, Simd};
    ///
    /// assert_eq!([2.0, 1.0, f32::NAN].map(|x| Simd::<f32>::gt(Scalar, x, 1.0)), [1, 0, 0]);
    /// ```
    fn gt(self, a: Self::V, b: Self::V) -> u64;
    /// v where the bit is 1, +0 where it is 0.
    ///
    /// ```
    /// use subquad::simd::{Scalar, Simd};
    ///
    /// fn relu<S: Simd<f32>>(s: S, v: S::V) -> S::V {
    ///     s.keep(s.gt(v, s.splat(0.0)), v)
    /// }
    /// assert_eq!((relu(Scalar, 2.0), relu(Scalar, -2.0)), (2.0, 0.0));
    /// ```
    fn keep(self, bits: u64, v: Self::V) -> Self::V;
    /// The sum of the lanes: halves are added, `v[i] + v[i + LANES/2]`, until one is left.
    ///
    /// ```
    /// use subquad::simd::{Scalar, Simd};
    ///
    /// assert_eq!(Simd::<f64>::sum(Scalar, 4.0), 4.0);
    /// ```
    fn sum(self, v: Self::V) -> T;
}

#[cfg(test)]
mod tests;
