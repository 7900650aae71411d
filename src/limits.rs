//! What a core can do at most: loops of nothing but multiply-adds, additions, counted bits, reads or copies.
//!
//! A benchmark that says "fast" should say of what. Time one of these in the same minute as the kernel, and quote the kernel as a share of
//! it: clocks change, shares stay. The loops keep everything but the arrays of [`read`] and [`copy`] in registers: twelve vectors, as two units
//! with a latency of four cycles need eight at least. The scalar level's loops take one number at a time, as their source says, while the
//! compiler puts several numbers of a kernel's loop into one register of the baseline (SSE2, NEON) where it can: kernels may exceed the scalar
//! limit there, up to four times.
//!
//! ```text
//! multiply_adds    v <- v x + x            2 flops for each lane, chain and round
//! additions        v <- v + x              1
//! counted_bits     v <- v + popcount(v and x)
//! read             sum_i x_i               one pass over memory
//! copy             y_i <- a x_i            a read and a write of memory
//! ```
//!
//! ```
//! use std::hint::black_box;
//! use std::time::Instant;
//! use subquad::{Level, limits};
//!
//! let rounds = 10_000;
//! let start = Instant::now();
//! black_box(limits::multiply_adds::<f32>(Level::detect(), rounds, black_box(0.5)));
//! let flops_per_second = limits::flops::<f32>(Level::detect(), rounds) as f64 / start.elapsed().as_secs_f64();
//! assert!(flops_per_second > 0.0);
//! ```

use crate::simd::{Float, Level, Simd, Token};

/// Chains side by side: two units of a latency of four need eight; twelve leave three of sixteen registers for the rest.
const CHAINS: usize = 12;

/// `rounds` multiply-adds (fused where the level has them) in each of twelve vectors, and a number made from all of them.
///
/// ```
/// use subquad::{Level, limits, simd::Scalar};
///
/// // x -> x / 2 + 1 / 2, from 1/2: 3/4 after one round, in each of the scalar level's twelve chains.
/// assert_eq!(limits::multiply_adds(Level::Scalar(Scalar), 1, 0.5f32), 12.0 * 0.75);
/// ```
pub fn multiply_adds<T: Float>(level: Level, rounds: usize, x: T) -> T {
    multiply_adds_entry(level, rounds, x)
}

/// `rounds` additions in each of twelve vectors, and a number made from all of them.
///
/// ```
/// use subquad::{Level, limits, simd::Scalar};
///
/// // 1 and then five times 1 more, in each of twelve chains.
/// assert_eq!(limits::additions(Level::Scalar(Scalar), 5, 1.0f64), 12.0 * 6.0);
/// ```
pub fn additions<T: Float>(level: Level, rounds: usize, x: T) -> T {
    additions_entry(level, rounds, x)
}

/// `rounds` times AND, population count and addition in each of twelve vectors of words, and a number made from all of them.
///
/// ```
/// use subquad::{Level, limits, simd::Scalar};
///
/// // A chain begins at 7; 7 and 7 have three bits in common.
/// assert_eq!(limits::counted_bits::<f32>(Level::Scalar(Scalar), 1, 7), 12 * (7 + 3));
/// ```
pub fn counted_bits<T: Float>(level: Level, rounds: usize, x: u64) -> u64 {
    counted_bits_entry::<T>(level, rounds, x)
}

/// The sum of the elements: one read of memory.
///
/// ```
/// assert_eq!(subquad::limits::read(subquad::Level::detect(), &[1.0f32; 1000]), 1000.0);
/// ```
pub fn read<T: Float>(level: Level, x: &[T]) -> T {
    read_entry(level, x)
}

/// `y <- a x`, as far as both reach: a read and a write of memory. (A plain copy would become a call of the library's.)
///
/// ```
/// use subquad::{Level, limits};
///
/// let mut y = [0.0f32; 3];
/// limits::copy(Level::detect(), 2.0, &[1.0, 2.0, 3.0], &mut y);
/// assert_eq!(y, [2.0, 4.0, 6.0]);
/// ```
pub fn copy<T: Float>(level: Level, a: T, x: &[T], y: &mut [T]) {
    copy_entry(level, a, x, y);
}

/// Floating-point operations of [`multiply_adds`]: two for each lane.
///
/// ```
/// use subquad::{Level, limits, simd::Scalar};
///
/// assert_eq!(limits::flops::<f32>(Level::Scalar(Scalar), 10), 2 * 12 * 10);
/// ```
pub fn flops<T: Float>(level: Level, rounds: usize) -> u64 {
    2 * adds::<T>(level, rounds)
}

/// Additions of [`additions`].
///
/// ```
/// use subquad::{Level, limits};
///
/// // Half as many f64 as f32 fit a vector, except where a vector is one number.
/// let level = Level::detect();
/// let (single, double) = (limits::adds::<f32>(level, 10), limits::adds::<f64>(level, 10));
/// assert!(single == 2 * double || level.name() == "scalar");
/// ```
pub fn adds<T: Float>(level: Level, rounds: usize) -> u64 {
    lanes_entry::<T>(level) as u64 * (CHAINS * rounds) as u64
}

/// 64-bit words of [`counted_bits`].
///
/// ```
/// use subquad::{Level, limits, simd::Scalar};
///
/// assert_eq!(limits::words::<f32>(Level::Scalar(Scalar), 10), 12 * 10);
/// ```
pub fn words<T: Float>(level: Level, rounds: usize) -> u64 {
    words_entry::<T>(level) as u64 * (CHAINS * rounds) as u64
}

multiversion! {
    fn multiply_adds_entry<T: Float>(rounds: usize, x: T) -> T = multiply_adds_body;
}

multiversion! {
    fn additions_entry<T: Float>(rounds: usize, x: T) -> T = additions_body;
}

multiversion! {
    fn counted_bits_entry<T: Float>(rounds: usize, x: u64) -> u64 = counted_bits_body;
}

multiversion! {
    fn read_entry<T: Float>(x: &[T]) -> T = read_body;
}

multiversion! {
    fn copy_entry<T: Float>(a: T, x: &[T], y: &mut [T]) = copy_body;
}

multiversion! {
    fn lanes_entry<T: Float>() -> usize = lanes_body;
}

multiversion! {
    fn words_entry<T: Float>() -> usize = words_body;
}

#[inline(always)]
fn lanes_body<T: Float, S: Simd<T>>(_: S) -> usize {
    S::LANES
}

#[inline(always)]
fn words_body<T: Float, S: Simd<T>>(_: S) -> usize {
    <S as Token>::WORDS
}

#[inline(always)]
fn multiply_adds_body<T: Float, S: Simd<T>>(s: S, rounds: usize, x: T) -> T {
    let x = s.splat(x);
    let mut sums = [x; CHAINS];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = s.mul_add(*sum, x, x);
        }
    }
    let mut all = sums[0];
    for sum in &sums[1..] {
        all = s.add(all, *sum);
    }
    s.sum(all)
}

#[inline(always)]
fn additions_body<T: Float, S: Simd<T>>(s: S, rounds: usize, x: T) -> T {
    let x = s.splat(x);
    let mut sums = [x; CHAINS];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = s.add(*sum, x);
        }
    }
    let mut all = sums[0];
    for sum in &sums[1..] {
        all = s.add(all, *sum);
    }
    s.sum(all)
}

#[inline(always)]
fn counted_bits_body<T: Float, S: Simd<T>>(s: S, rounds: usize, x: u64) -> u64 {
    // The counted words change with every round, so that none is counted once for all.
    let memory = [x; 16];
    let (chunks, _) = s.word_chunks(&memory);
    let mask = match chunks.first() {
        Some(chunk) => s.load_words(chunk),
        None => s.zero_words(),
    };
    let mut sums = [mask; CHAINS];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = s.count_and(*sum, *sum, mask);
        }
    }
    sums.iter().fold(0, |all, &sum| all.wrapping_add(s.sum_words(sum)))
}

#[inline(always)]
fn read_body<T: Float, S: Simd<T>>(s: S, x: &[T]) -> T {
    let (chunks, rest) = s.chunks(x);
    let (groups, tail) = chunks.as_chunks::<8>();
    let mut sums = [s.splat(T::ZERO); 8];
    for group in groups {
        for (sum, x) in sums.iter_mut().zip(group) {
            *sum = s.add(*sum, s.load(x));
        }
    }
    for x in tail {
        sums[0] = s.add(sums[0], s.load(x));
    }
    sums[1] = s.add(sums[1], s.load_part(rest));
    let mut all = sums[0];
    for sum in &sums[1..] {
        all = s.add(all, *sum);
    }
    s.sum(all)
}

#[inline(always)]
fn copy_body<T: Float, S: Simd<T>>(s: S, a: T, x: &[T], y: &mut [T]) {
    let least = x.len().min(y.len());
    let (from, from_tail) = s.chunks(&x[..least]);
    let (to, to_tail) = s.chunks_mut(&mut y[..least]);
    let all = s.splat(a);
    for (to, from) in to.iter_mut().zip(from) {
        s.store(to, s.mul(s.load(from), all));
    }
    for (to, from) in to_tail.iter_mut().zip(from_tail) {
        *to = a * *from;
    }
}

#[cfg(test)]
mod tests {
    use super::{additions, adds, copy, counted_bits, flops, multiply_adds, read, words};
    use crate::simd::Level;
    use std::vec::Vec;

    #[test]
    fn the_loops_compute_what_they_say() {
        for level in Level::available() {
            let lanes = adds::<f64>(level, 1) as f64 / 12.0;
            assert_eq!(additions::<f64>(level, 7, 0.5), 12.0 * lanes * 8.0 * 0.5, "{level}");
            // x -> x / 2 + 1 / 2 from 1/2: 3/4, 7/8
            assert_eq!(multiply_adds::<f64>(level, 2, 0.5), 12.0 * lanes * 0.875, "{level}");
            assert_eq!(flops::<f64>(level, 3), 6 * adds::<f64>(level, 1), "{level}");
            let lanes = words::<f32>(level, 1) / 12;
            // 7 & 7 has 3 bits: 10; 10 & 7 has 1: 11
            assert_eq!(counted_bits::<f32>(level, 2, 7), 12 * lanes * 11, "{level}");
            for n in [0usize, 1, 7, 64, 1000] {
                let x: Vec<f32> = (0..n).map(|i| i as f32).collect();
                assert_eq!(read(level, &x), (n * n.saturating_sub(1) / 2) as f32, "{level}, {n}");
                let mut y = std::vec![-1.0; n + 3];
                copy(level, 2.0, &x, &mut y);
                assert!(y[..n].iter().zip(&x).all(|(y, x)| *y == 2.0 * x) && y[n..] == [-1.0; 3], "{level}, {n}");
            }
        }
    }
}
