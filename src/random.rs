//! Weights, signs and samples from a seed: the same on every platform and at every level.
//!
//! A seed has streams, one for each purpose: stream p begins p 2^128 numbers behind the first. [`gaussian`] turns two uniform numbers u, v into
//! `sqrt(-2 ln u) (cos 2 pi v, sin 2 pi v)`; [`signs`] takes a bit for each.
//!
//! # Cost
//! A jump for each stream before the one that is asked for; a logarithm, a root, a sine and a cosine for two Gaussian numbers.
//!
//! # Source
//! xoshiro256++: Blackman and Vigna, *Scrambled Linear Pseudorandom Number Generators*, ACM TOMS 47, 2021. Box and Muller, 1958.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::float::Real;

/// A generator for one purpose: streams of one seed never overlap (each is 2^128 numbers away from the next).
///
/// ```
/// use rand_core::Rng;
/// use subquad::random::stream;
///
/// assert_eq!(stream(7, 1).next_u64(), stream(7, 1).next_u64());
/// assert_ne!(stream(7, 0).next_u64(), stream(7, 1).next_u64());
/// ```
pub fn stream(seed: u64, purpose: u32) -> Xoshiro256PlusPlus {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    for _ in 0..purpose {
        rng.jump();
    }
    rng
}

/// Fills with independent standard normal numbers.
///
/// # Numerics
/// Box-Muller in f64 with libm's functions, rounded once to T: the same bits on every platform.
///
/// ```
/// let mut w = [0.0f32; 1000];
/// subquad::random::gaussian(&mut subquad::random::stream(1, 0), &mut w);
/// assert!(w.iter().sum::<f32>().abs() < 100.0);
/// ```
pub fn gaussian<T: Real>(rng: &mut impl Rng, out: &mut [T]) {
    const UNIT: f64 = 1.0 / (1u64 << 53) as f64;
    for pair in out.chunks_mut(2) {
        // The first is in (0, 1], so that its logarithm is finite.
        let u = ((rng.next_u64() >> 11) + 1) as f64 * UNIT;
        let v = (rng.next_u64() >> 11) as f64 * UNIT;
        let radius = crate::Real::sqrt(-2.0 * libm::log(u));
        let (sin, cos) = libm::sincos(core::f64::consts::TAU * v);
        for (x, part) in pair.iter_mut().zip([cos, sin]) {
            *x = T::from_f64(radius * part);
        }
    }
}

/// Fills with independent signs, +1 or -1.
///
/// ```
/// use subquad::random::{signs, stream};
///
/// let mut a = [0.0f32; 100];
/// signs(&mut stream(1, 2), &mut a);
/// assert!(a.iter().all(|a| a.abs() == 1.0));
/// assert!(a.contains(&1.0) && a.contains(&-1.0));
/// ```
pub fn signs<T: Real>(rng: &mut impl Rng, out: &mut [T]) {
    for group in out.chunks_mut(64) {
        let bits = rng.next_u64();
        for (i, x) in group.iter_mut().enumerate() {
            *x = if bits >> i & 1 == 0 { T::ONE } else { -T::ONE };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_the_normal_distribution() {
        let mut x = [0.0f64; 100_001];
        gaussian(&mut stream(3, 0), &mut x);
        let moment = |k: i32| x.iter().map(|x| x.powi(k)).sum::<f64>() / x.len() as f64;
        // Six standard errors each: sqrt(Var(x^k) / n).
        assert!(moment(1).abs() < 6.0 * 0.0032);
        assert!((moment(2) - 1.0).abs() < 6.0 * 0.0045);
        assert!(moment(3).abs() < 6.0 * 0.0123);
        assert!((moment(4) - 3.0).abs() < 6.0 * 0.031);
        assert!((x.iter().filter(|x| x.abs() > 2.0).count() as f64 / x.len() as f64 - 0.0455).abs() < 0.005);
    }

    #[test]
    fn signs_are_balanced_and_reproducible() {
        let (mut a, mut b) = ([0.0f32; 1000], [0.0f64; 1000]);
        signs(&mut stream(5, 2), &mut a);
        signs(&mut stream(5, 2), &mut b);
        assert!(a.iter().zip(&b).all(|(&a, &b)| f64::from(a) == b && b.abs() == 1.0));
        assert!(b.iter().sum::<f64>().abs() < 200.0);
    }

    /// Numbers that were chosen.
    struct Chosen<'a>(&'a [u64]);
    impl rand_core::TryRng for Chosen<'_> {
        type Error = core::convert::Infallible;
        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            self.try_next_u64().map(|x| x as u32)
        }
        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            let (first, rest) = self.0.split_first().unwrap();
            self.0 = rest;
            Ok(*first)
        }
        fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Self::Error> {
            unreachable!()
        }
    }

    #[test]
    fn every_bit_and_every_uniform_number_has_its_place() {
        let words = [0x8000_0000_0000_0005, 0b10];
        let mut x = [0.0f32; 66];
        signs(&mut Chosen(&words), &mut x);
        assert!(x.iter().enumerate().all(|(i, &x)| (x == -1.0) == (words[i / 64] >> (i % 64) & 1 == 1)));
        // The least and the greatest numbers of the generator: finite, all of them.
        for u in [0, u64::MAX] {
            for (v, wanted) in [(0, [1.0, 0.0]), (1 << 62, [0.0, 1.0]), (1 << 63, [-1.0, 0.0])] {
                let mut pair = [0.0f64; 2];
                gaussian(&mut Chosen(&[u, v]), &mut pair);
                let radius = if u == 0 { (2.0 * 53.0 * core::f64::consts::LN_2).sqrt() } else { 0.0 };
                assert!(pair.iter().zip(wanted).all(|(x, part)| (x - radius * part).abs() < 1e-14), "{u} {v}: {pair:?}");
            }
        }
    }

    #[test]
    fn a_stream_is_so_many_jumps_behind_its_seed() {
        for purpose in 0..4 {
            let mut jumped = Xoshiro256PlusPlus::seed_from_u64(99);
            (0..purpose).for_each(|_| jumped.jump());
            assert_eq!(stream(99, purpose).next_u64(), jumped.next_u64());
        }
    }

    /// The promise over platforms and releases: these bits never change.
    #[test]
    fn the_first_numbers_of_a_seed_are_fixed() {
        let mut x = [0.0f64; 3];
        gaussian(&mut stream(42, 0), &mut x);
        let mut y = [0.0f32; 3];
        gaussian(&mut stream(42, 0), &mut y);
        assert_eq!(y, x.map(|x| x as f32));
        assert_eq!(x.map(f64::to_bits), FIRST, "{x:?}");
    }
    const FIRST: [u64; 3] = [13_821_882_456_968_755_569, 4_603_417_148_769_896_605, 13_811_381_683_778_725_670];
}
