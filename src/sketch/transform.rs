//! What the Hadamard sketches share: random signs, the transform, positions in it; and rows of the Jacobian.

use rand_core::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::error::{Error, expect_length};
use crate::float::Real;
use crate::hadamard::fwht;
use crate::matrix::MatRef;
use crate::random::stream;
use crate::relu::PatternRef;
use crate::scratch::split;
use crate::simd::{Float, Level, Simd};

/// `P H D` for vectors of one length: D random signs, H the transform of the next power of two, P random positions in
/// all of it.
#[derive(Clone, Debug)]
pub(super) struct Transform {
    pub len: usize,
    log2: u32,
    signs: Xoshiro256PlusPlus,
    positions: Xoshiro256PlusPlus,
}

impl Transform {
    /// Streams `purpose` and `purpose + 1` of the seed.
    pub fn new(len: usize, seed: u64, purpose: u32) -> Result<Self, Error> {
        let Some(padded) = len.checked_next_power_of_two() else {
            return Err(Error::overflow("sketch: the next power of two of a length", len, 1));
        };
        Ok(Self { len, log2: padded.trailing_zeros(), signs: stream(seed, purpose), positions: stream(seed, purpose + 1) })
    }

    pub fn padded(&self) -> usize {
        1 << self.log2
    }

    /// `z <- H D z`: of z, with the padded length, the first numbers count.
    pub fn apply<T: Float>(&self, level: Level, z: &mut [T]) -> Result<(), Error> {
        expect_length("sketch: padded length", self.padded(), z.len())?;
        let (head, tail) = split(z, self.len);
        flip_entry(level, head, self.signs.clone());
        tail.fill(T::ZERO);
        fwht(level, z)
    }

    /// The positions of P, one after the other.
    pub fn positions(&self) -> impl Iterator<Item = usize> {
        let mut rng = self.positions.clone();
        // In two steps: a shift by 64 bits is none.
        let shift = 63 - self.log2;
        core::iter::repeat_with(move || (rng.next_u64() >> 1 >> shift) as usize)
    }
}

/// s^(-1/2)
pub(super) fn unit<T: Float>(rows: usize) -> T {
    T::from_f64(1.0 / Real::sqrt(rows as f64))
}

multiversion! {
    fn flip_entry<T: Float>(x: &mut [T], rng: Xoshiro256PlusPlus) = flip;
}

/// Multiplies by the signs that [`random::signs`](crate::random::signs) would write.
#[inline(always)]
fn flip<T: Float, S: Simd<T>>(s: S, x: &mut [T], mut rng: Xoshiro256PlusPlus) {
    for group in x.chunks_mut(64) {
        let mut bits = rng.next_u64();
        let (chunks, tail) = s.chunks_mut(group);
        for x in chunks {
            let v = s.load(x);
            s.store(x, s.sub(s.keep(!bits, v), s.keep(bits, v)));
            bits >>= S::LANES;
        }
        if !tail.is_empty() {
            let v = s.load_part(tail);
            s.store_part(tail, s.sub(s.keep(!bits, v), s.keep(bits, v)));
        }
    }
}

/// Checks the shapes that belong together: X n x d, m output weights, the pattern n x m, Y n x s by its columns.
pub(super) fn check_jacobian<T: Float>(
    x: MatRef<'_, T>,
    a: &[T],
    pattern: PatternRef<'_>,
    y: (usize, usize),
    rows: usize,
) -> Result<(), Error> {
    expect_length("jacobian: samples of the pattern", x.rows(), pattern.samples())?;
    expect_length("jacobian: neurons of the pattern", a.len(), pattern.neurons())?;
    expect_length("jacobian: rows of Y, against samples", x.rows(), y.0)?;
    expect_length("jacobian: columns of Y, against rows of the sketch", rows, y.1)
}

/// Copies row i of X.
pub(super) fn copy_row<T: Float>(x: MatRef<'_, T>, i: usize, to: &mut [T]) {
    for (k, to) in to.iter_mut().enumerate() {
        *to = x.get(i, k).unwrap_or(T::ZERO);
    }
}

multiversion! {
    /// `to[r] = m^(-1/2) a[r] [r fires]`
    pub(super) fn masked<T: Float>(a: &[T], words: &[u64], to: &mut [T]) = masked_body;
}

#[inline(always)]
fn masked_body<T: Float, S: Simd<T>>(s: S, a: &[T], words: &[u64], to: &mut [T]) {
    let scale = s.splat(unit(a.len()));
    for ((a, to), &word) in a.chunks(64).zip(to.chunks_mut(64)).zip(words) {
        let mut bits = word;
        let ((a, a_tail), (to, to_tail)) = (s.chunks(a), s.chunks_mut(to));
        for (a, to) in a.iter().zip(to) {
            s.store(to, s.keep(bits, s.mul(scale, s.load(a))));
            bits >>= S::LANES;
        }
        if !a_tail.is_empty() {
            s.store_part(to_tail, s.keep(bits, s.mul(scale, s.load_part(a_tail))));
        }
    }
}

multiversion! {
    /// `to[r d + k] = u[r] x[k]`
    pub(super) fn outer<T: Float>(u: &[T], x: &[T], to: &mut [T]) = outer_body;
}

#[inline(always)]
fn outer_body<T: Float, S: Simd<T>>(s: S, u: &[T], x: &[T], to: &mut [T]) {
    let (x_chunks, x_tail) = s.chunks(x);
    for (&u, to) in u.iter().zip(to.chunks_exact_mut(x.len().max(1))) {
        let factor = s.splat(u);
        let (chunks, tail) = s.chunks_mut(to);
        for (x, to) in x_chunks.iter().zip(chunks) {
            s.store(to, s.mul(factor, s.load(x)));
        }
        if !x_tail.is_empty() {
            s.store_part(tail, s.mul(factor, s.load_part(x_tail)));
        }
    }
}
