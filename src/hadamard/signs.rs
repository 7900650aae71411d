//! The diagonal D of H D x: random signs, as bits or from a seed.

/// Signs of the inputs of a transform: the diagonal of D in H D x.
///
/// ```
/// use subquad::{Level, hadamard::{Signs, Transform}};
///
/// // D and then H; H and then D take it back, but for the factor N.
/// let mut x = [1, 2, 3, 4];
/// let signs = Signs::Seed(1);
/// Transform::new().signs(signs).run(Level::detect(), &mut x)?;
/// Transform::new().run(Level::detect(), &mut x)?;
/// for (i, x) in x.iter_mut().enumerate().filter(|&(i, _)| signs.is_minus(i)) {
///     *x = -*x;
/// }
/// assert_eq!(x, [4, 8, 12, 16]);
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signs<'a> {
    /// All +1.
    #[default]
    None,
    /// Input i is negated where bit i % 64 of word i / 64 is 1. At least `len / 64` words, rounded up.
    Bits(&'a [u64]),
    /// The same, word k being the k-th output of SplitMix64 with this seed: equal on every platform, and nothing to store.
    Seed(u64),
}

impl Signs<'_> {
    /// The bits from index `at` on, of the word that it lies in.
    #[inline(always)]
    pub(super) fn at(self, at: usize) -> u64 {
        match self {
            Signs::None => 0,
            // Lengths are checked at the door.
            Signs::Bits(words) => words.get(at / 64).map_or(0, |&word| word >> (at % 64)),
            Signs::Seed(seed) => word(seed, (at / 64) as u64) >> (at % 64),
        }
    }

    /// Whether input i is negated.
    ///
    /// ```
    /// use subquad::hadamard::Signs;
    ///
    /// assert_eq!([0, 1, 2].map(|i| Signs::Bits(&[0b101]).is_minus(i)), [true, false, true]);
    /// assert_eq!((0..1000).filter(|&i| Signs::Seed(7).is_minus(i)).count(), 511);
    /// ```
    pub fn is_minus(self, i: usize) -> bool {
        self.at(i) & 1 == 1
    }
}

/// Output k of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014): its state
/// is a counter, so that any output can be had at once.
#[inline(always)]
fn word(seed: u64, k: u64) -> u64 {
    let z = seed.wrapping_add(k.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::word;
    use rand_core::{Rng, SeedableRng};

    #[test]
    fn any_word_of_split_mix_64_at_once() {
        for seed in [0, 1, 77, u64::MAX] {
            let mut generator = rand_xoshiro::SplitMix64::from_seed(seed.to_le_bytes());
            for k in 0..50 {
                assert_eq!(word(seed, k), generator.next_u64());
            }
        }
    }
}
