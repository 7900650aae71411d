//! Firing patterns: which neuron fires on which sample, one bit each.
//!
//! ```text
//! D[i, r] = 1 where <x_i, w_r> > b, else 0
//! ```
//!
//! # Shapes
//! n samples, m neurons: n rows of m / 64 words, rounded up; bits behind the last neuron are zero.
//!
//! # Cost
//! n m / 8 bytes. Counts and overlaps look at m / 64 words a row: AND and population count, up to eight words in a vector.
//!
//! # Source
//! Section 2 of the paper of the [room](super); as bits, so that the Gram matrix of the tangents is a matter of counting.
//!
//! Next: [`gram`](super::gram).

use crate::error::Error;
use crate::simd::{Level, Token};

/// Words of one sample's row: 64 neurons each, the last filled up with zeros.
///
/// ```
/// assert_eq!(subquad::relu::pattern::words_per_sample(65), 2);
/// ```
pub const fn words_per_sample(neurons: usize) -> usize {
    neurons.div_ceil(64)
}

/// Words of a whole pattern; saturates, so that an overflow is never enough.
///
/// ```
/// assert_eq!(subquad::relu::pattern::pattern_len(10, 65), 20);
/// ```
pub const fn pattern_len(samples: usize, neurons: usize) -> usize {
    samples.saturating_mul(words_per_sample(neurons))
}

/// A firing pattern to read: neuron r of sample i is bit `r % 64` of word `i * words_per_sample(neurons) + r / 64`.
///
/// ```
/// use subquad::relu::pattern::PatternRef;
///
/// // Two samples, three neurons: on the first fire neurons 0 and 2, on the second neuron 2.
/// let pattern = PatternRef::new(&[0b101, 0b100], 2, 3)?;
/// assert!(pattern.fires(0, 2) && !pattern.fires(0, 1));
/// assert_eq!(pattern.count(subquad::Level::detect()), 3);
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct PatternRef<'a> {
    words: &'a [u64],
    samples: usize,
    neurons: usize,
}

impl<'a> PatternRef<'a> {
    /// A view over `words`, which has exactly [`pattern_len`]`(samples, neurons)` of them. Bits behind the last neuron
    /// must be zero, as every kernel of this crate leaves them.
    ///
    /// ```
    /// use subquad::{Error, relu::pattern::PatternRef};
    ///
    /// // 100 neurons take two words a sample.
    /// assert!(PatternRef::new(&[0; 6], 3, 100).is_ok());
    /// let error = PatternRef::new(&[0; 3], 3, 100).unwrap_err();
    /// assert_eq!(error, Error::Length { what: "pattern: words", expected: 6, found: 3 });
    /// ```
    pub const fn new(words: &'a [u64], samples: usize, neurons: usize) -> Result<Self, Error> {
        if pattern_len(samples, neurons) != words.len() {
            return Err(Error::length("pattern: words", pattern_len(samples, neurons), words.len()));
        }
        Ok(Self { words, samples, neurons })
    }

    /// Number of samples.
    ///
    /// ```
    /// # use subquad::relu::pattern::PatternRef;
    /// assert_eq!(PatternRef::new(&[0; 6], 3, 100)?.samples(), 3);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline(always)]
    pub const fn samples(&self) -> usize {
        self.samples
    }

    /// Number of neurons.
    ///
    /// ```
    /// # use subquad::relu::pattern::PatternRef;
    /// assert_eq!(PatternRef::new(&[0; 6], 3, 100)?.neurons(), 100);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline(always)]
    pub const fn neurons(&self) -> usize {
        self.neurons
    }

    /// All words.
    ///
    /// ```
    /// # use subquad::relu::pattern::PatternRef;
    /// assert_eq!(PatternRef::new(&[0b101, 0b100], 2, 3)?.words(), [0b101, 0b100]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline(always)]
    pub const fn words(&self) -> &'a [u64] {
        self.words
    }

    /// The words of one sample; none behind the last one.
    ///
    /// ```
    /// # use subquad::relu::pattern::PatternRef;
    /// let pattern = PatternRef::new(&[0b101, 0b100], 2, 3)?;
    /// assert_eq!(pattern.sample(1), [0b100]);
    /// assert!(pattern.sample(2).is_empty());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline(always)]
    pub fn sample(&self, i: usize) -> &'a [u64] {
        let len = words_per_sample(self.neurons);
        self.words.get(i * len..).and_then(|rest| rest.get(..len)).unwrap_or_default()
    }

    /// Whether neuron r fires on sample i.
    ///
    /// ```
    /// # use subquad::relu::pattern::PatternRef;
    /// let pattern = PatternRef::new(&[0b101], 1, 3)?;
    /// assert_eq!([0, 1, 2, 3].map(|r| pattern.fires(0, r)), [true, false, true, false]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline]
    pub fn fires(&self, i: usize, r: usize) -> bool {
        r < self.neurons && self.sample(i).get(r / 64).is_some_and(|word| word >> (r % 64) & 1 == 1)
    }

    /// How many entries fire, over all samples.
    ///
    /// ```
    /// # use subquad::{Level, relu::pattern::PatternRef};
    /// assert_eq!(PatternRef::new(&[0b101, 0b100], 2, 3)?.count(Level::detect()), 3);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn count(&self, level: Level) -> u64 {
        count_entry(level, self.words, self.words)
    }

    /// How many neurons fire on both samples.
    ///
    /// ```
    /// # use subquad::{Level, relu::pattern::PatternRef};
    /// let pattern = PatternRef::new(&[0b1101, 0b0111], 2, 4)?;
    /// assert_eq!(pattern.overlap(Level::detect(), 0, 1), 2); // neurons 0 and 2
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn overlap(&self, level: Level, i: usize, j: usize) -> u64 {
        count_entry(level, self.sample(i), self.sample(j))
    }

    /// How many entries differ from another pattern of the same shape.
    ///
    /// # Errors
    /// [`Error::Length`] where the shapes disagree.
    ///
    /// ```
    /// # use subquad::{Level, relu::pattern::PatternRef};
    /// let before = PatternRef::new(&[0b101, 0b100], 2, 3)?;
    /// let after = PatternRef::new(&[0b110, 0b100], 2, 3)?;
    /// assert_eq!(before.flips(Level::detect(), after)?, 2);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn flips(&self, level: Level, other: PatternRef<'_>) -> Result<u64, Error> {
        crate::error::expect_length("pattern: samples", self.samples, other.samples)?;
        crate::error::expect_length("pattern: neurons", self.neurons, other.neurons)?;
        // |A xor B| = |A| + |B| - 2 |A and B|
        Ok(self.count(level) + other.count(level) - 2 * count_entry(level, self.words, other.words))
    }
}

/// A firing pattern to write.
///
/// ```
/// use subquad::relu::{pattern::PatternMut, two_layer};
/// use subquad::{Level, MatMut, MatRef};
///
/// // One sample (2, 1); neuron 0 sees its first entry, neuron 1 its negated second.
/// let (x, w, a) = (MatRef::new(&[2.0f32, 1.0], 1, 2)?, MatRef::new(&[1.0, 0.0, 0.0, -1.0], 2, 2)?, MatRef::new(&[1.0, 1.0], 1, 2)?);
/// let (mut words, mut f, mut scratch) = ([u64::MAX], [0.0], [0.0; two_layer::forward_scratch_len(2, 2, 1)]);
/// let pattern = PatternMut::new(&mut words, 1, 2)?;
/// two_layer::forward(Level::detect(), x, w, a, 0.0, Some(pattern), MatMut::new(&mut f, 1, 1)?, &mut scratch)?;
/// assert_eq!(words, [0b01]);
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Debug)]
pub struct PatternMut<'a> {
    words: &'a mut [u64],
    samples: usize,
    neurons: usize,
}

impl<'a> PatternMut<'a> {
    /// A view over `words`, which has exactly [`pattern_len`]`(samples, neurons)` of them and may hold anything.
    ///
    /// ```
    /// use subquad::relu::pattern::{PatternMut, pattern_len};
    ///
    /// let mut words = [0; pattern_len(3, 100)];
    /// assert!(PatternMut::new(&mut words, 3, 100).is_ok());
    /// assert!(PatternMut::new(&mut words, 4, 100).is_err());
    /// ```
    pub const fn new(words: &'a mut [u64], samples: usize, neurons: usize) -> Result<Self, Error> {
        if pattern_len(samples, neurons) != words.len() {
            return Err(Error::length("pattern: words", pattern_len(samples, neurons), words.len()));
        }
        Ok(Self { words, samples, neurons })
    }

    /// Number of samples.
    ///
    /// ```
    /// # use subquad::relu::pattern::PatternMut;
    /// assert_eq!(PatternMut::new(&mut [0; 6], 3, 100)?.samples(), 3);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline(always)]
    pub const fn samples(&self) -> usize {
        self.samples
    }

    /// Number of neurons.
    ///
    /// ```
    /// # use subquad::relu::pattern::PatternMut;
    /// assert_eq!(PatternMut::new(&mut [0; 6], 3, 100)?.neurons(), 100);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline(always)]
    pub const fn neurons(&self) -> usize {
        self.neurons
    }

    /// The same pattern, to read.
    ///
    /// ```
    /// # use subquad::relu::pattern::PatternMut;
    /// assert!(PatternMut::new(&mut [0b10], 1, 2)?.as_ref().fires(0, 1));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline(always)]
    pub const fn as_ref(&self) -> PatternRef<'_> {
        PatternRef { words: self.words, samples: self.samples, neurons: self.neurons }
    }

    /// Nobody fires.
    ///
    /// ```
    /// # use subquad::relu::pattern::PatternMut;
    /// let mut words = [u64::MAX; 2];
    /// PatternMut::new(&mut words, 2, 3)?.clear();
    /// assert_eq!(words, [0, 0]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn clear(&mut self) {
        self.words.fill(0);
    }

    /// Sets bits `r ..` of sample i that are 1 in `bits`: the group must not cross a word.
    #[inline(always)]
    pub(crate) fn set(&mut self, i: usize, r: usize, bits: u64) {
        if let Some(word) = self.words.get_mut(i * words_per_sample(self.neurons) + r / 64) {
            *word |= bits << (r % 64);
        }
    }
}

multiversion! {
    fn count_entry(a: &[u64], b: &[u64]) -> u64 = count_and;
}

/// `popcount(a & b)` over two rows of words.
#[inline(always)]
pub(super) fn count_and<S: Token>(s: S, a: &[u64], b: &[u64]) -> u64 {
    let (a_chunks, a_tail) = s.word_chunks(a);
    let (b_chunks, b_tail) = s.word_chunks(b);
    let mut counts = s.zero_words();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        counts = s.count_and(counts, s.load_words(a), s.load_words(b));
    }
    s.sum_words(counts) + a_tail.iter().zip(b_tail).map(|(a, b)| u64::from((a & b).count_ones())).sum::<u64>()
}
