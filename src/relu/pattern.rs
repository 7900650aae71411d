//! Firing patterns: which neuron fires on which sample, one bit each.

use crate::error::Error;
use crate::simd::{Level, Token};

/// Words of one sample's row: 64 neurons each, the last filled up with zeros.
pub const fn words_per_sample(neurons: usize) -> usize {
    neurons.div_ceil(64)
}

/// Words of a whole pattern; saturates, so that an overflow is never enough.
pub const fn pattern_len(samples: usize, neurons: usize) -> usize {
    samples.saturating_mul(words_per_sample(neurons))
}

/// A firing pattern to read: neuron r of sample i is bit `r % 64` of word `i * words_per_sample(neurons) + r / 64`.
#[derive(Clone, Copy, Debug)]
pub struct PatternRef<'a> {
    words: &'a [u64],
    samples: usize,
    neurons: usize,
}

impl<'a> PatternRef<'a> {
    /// A view over `words`, which has exactly [`pattern_len`]`(samples, neurons)` of them. Bits behind the last neuron
    /// must be zero, as every kernel of this crate leaves them.
    pub const fn new(words: &'a [u64], samples: usize, neurons: usize) -> Result<Self, Error> {
        if pattern_len(samples, neurons) != words.len() {
            return Err(Error::length("pattern: words", pattern_len(samples, neurons), words.len()));
        }
        Ok(Self { words, samples, neurons })
    }

    /// Number of samples.
    #[inline(always)]
    pub const fn samples(&self) -> usize {
        self.samples
    }

    /// Number of neurons.
    #[inline(always)]
    pub const fn neurons(&self) -> usize {
        self.neurons
    }

    /// All words.
    #[inline(always)]
    pub const fn words(&self) -> &'a [u64] {
        self.words
    }

    /// The words of one sample; none behind the last one.
    #[inline(always)]
    pub fn sample(&self, i: usize) -> &'a [u64] {
        let len = words_per_sample(self.neurons);
        self.words.get(i * len..).and_then(|rest| rest.get(..len)).unwrap_or_default()
    }

    /// Whether neuron r fires on sample i.
    #[inline]
    pub fn fires(&self, i: usize, r: usize) -> bool {
        r < self.neurons && self.sample(i).get(r / 64).is_some_and(|word| word >> (r % 64) & 1 == 1)
    }

    /// How many entries fire, over all samples.
    pub fn count(&self, level: Level) -> u64 {
        count_entry(level, self.words, self.words)
    }

    /// How many neurons fire on both samples.
    pub fn overlap(&self, level: Level, i: usize, j: usize) -> u64 {
        count_entry(level, self.sample(i), self.sample(j))
    }

    /// How many entries differ from another pattern of the same shape.
    ///
    /// # Errors
    /// [`Error::Length`] where the shapes disagree.
    pub fn flips(&self, level: Level, other: PatternRef<'_>) -> Result<u64, Error> {
        crate::error::expect_length("pattern: samples", self.samples, other.samples)?;
        crate::error::expect_length("pattern: neurons", self.neurons, other.neurons)?;
        // |A xor B| = |A| + |B| - 2 |A and B|
        Ok(self.count(level) + other.count(level) - 2 * count_entry(level, self.words, other.words))
    }
}

/// A firing pattern to write.
#[derive(Debug)]
pub struct PatternMut<'a> {
    words: &'a mut [u64],
    samples: usize,
    neurons: usize,
}

impl<'a> PatternMut<'a> {
    /// A view over `words`, which has exactly [`pattern_len`]`(samples, neurons)` of them and may hold anything.
    pub const fn new(words: &'a mut [u64], samples: usize, neurons: usize) -> Result<Self, Error> {
        if pattern_len(samples, neurons) != words.len() {
            return Err(Error::length("pattern: words", pattern_len(samples, neurons), words.len()));
        }
        Ok(Self { words, samples, neurons })
    }

    /// Number of samples.
    #[inline(always)]
    pub const fn samples(&self) -> usize {
        self.samples
    }

    /// Number of neurons.
    #[inline(always)]
    pub const fn neurons(&self) -> usize {
        self.neurons
    }

    /// The same pattern, to read.
    #[inline(always)]
    pub const fn as_ref(&self) -> PatternRef<'_> {
        PatternRef { words: self.words, samples: self.samples, neurons: self.neurons }
    }

    /// Nobody fires.
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
