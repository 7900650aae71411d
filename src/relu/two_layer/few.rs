//! The same products where few neurons fire: entry by entry of the pattern, nothing for those that are silent.
//!
//! A tile is 64 neurons, a word of the pattern, by 64 samples: both factors stay in the first-level cache while the
//! words are walked bit by bit. The words of a tile's samples lie a row of the pattern apart, mostly a power of two, and
//! would push each other out of the cache: those of eight tiles, a line of each sample, are copied together first.
//!
//! An entry costs 2 (d + C) flops, a word the branch that ends its walk.

use super::normaliser;
use crate::blas::{axpy_body, dot_body};
use crate::matrix::{MatMut, MatRef};
use crate::relu::pattern::PatternRef;
use crate::scratch::{all_of, area, part_mut, split};
use crate::simd::{Float, Level, Simd};

/// Neurons of a word.
const WORD: usize = 64;

/// Output weights of a neuron, filled up to whole vectors.
const fn padded(c: usize) -> usize {
    if c == 1 { 1 } else { c.div_ceil(16).saturating_mul(16) }
}

/// Words of a group, a line of the cache, or as many as keep a group's gradients in the second-level cache.
const fn group(d: usize, m: usize) -> usize {
    let fit = super::GROUP_LEN / WORD / if d == 0 { 1 } else { d };
    let fit = if fit > LINE { LINE } else { fit };
    let all = m.div_ceil(WORD);
    let fit = if all < fit { all } else { fit };
    if fit < 1 { 1 } else { fit }
}

/// Words of a line of the cache.
const LINE: usize = 8;
/// Samples of a tile.
const SAMPLES: usize = 64;

/// Scratch of all three: a group's gradients and output weights, one sample's sums.
pub(super) const fn scratch_len(d: usize, m: usize, c: usize) -> usize {
    let neurons = group(d, m) * WORD;
    all_of(&[area(neurons, d), area(neurons, padded(c)), padded(c)])
}

/// Whether entry by entry is faster than all neurons: from the share that fires, and what an entry costs against a
/// register tile.
///
/// Measured at n = 1024, m = 16384 on AVX-512, f32 (percent of neurons firing at which both take the same time; the
/// product's is between): C = 1: d = 16: ..; the line below stays under all of them.
pub(super) fn pays<T: Float>(level: Level, x: MatRef<'_, T>, c: usize, pattern: PatternRef<'_>) -> bool {
    if x.col_stride() != 1 || pattern.neurons() < WORD {
        return false;
    }
    let entries = pattern.samples() as u64 * pattern.neurons() as u64;
    // An entry's own work shrinks with the vectors; what surrounds it does not.
    let (d, c) = (x.cols() as u64, c as u64);
    let fired = pattern.count(level);
    fired.saturating_mul(ENTRY + 2 * d + 4 * c) < entries.saturating_mul(d + c)
}

/// What surrounds an entry's multiply-adds, in multiply-adds of a tile.
const ENTRY: u64 = 128;

multiversion! {
    pub(super) fn jvp_entry<T: Float>(x: MatRef<'_, T>, a: MatRef<'_, T>, pattern: PatternRef<'_>, v: MatRef<'_, T>,
        out: MatMut<'_, T>, scratch: &mut [T]) = jvp_body;
}
multiversion! {
    pub(super) fn vjp_entry<T: Float>(x: MatRef<'_, T>, a: MatRef<'_, T>, pattern: PatternRef<'_>, u: MatRef<'_, T>, first: usize,
        out: MatMut<'_, T>, scratch: &mut [T]) = vjp_body;
}
multiversion! {
    pub(super) fn gram_product_entry<T: Float>(x: MatRef<'_, T>, a: MatRef<'_, T>, pattern: PatternRef<'_>, u: MatRef<'_, T>,
        out: MatMut<'_, T>, scratch: &mut [T]) = gram_product_body;
}

/// `to[r][c] = m^(-1/2) A[c][first + r]` for a group's neurons, zeros behind the last output.
#[inline(always)]
fn pack_outputs<T: Float>(a: MatRef<'_, T>, first: usize, to: &mut [T]) {
    let scale: T = normaliser(a.cols());
    for (r, to) in to.chunks_exact_mut(padded(a.rows()).max(1)).enumerate() {
        for (c, to) in to.iter_mut().enumerate() {
            *to = scale * a.get(c, first + r).unwrap_or(T::ZERO);
        }
    }
}

/// The words of a group, tile by tile.
type Words = [[u64; SAMPLES]; LINE];

/// Copies the words `first ..` of some samples.
#[inline(always)]
fn copy_words(pattern: PatternRef<'_>, sample: usize, first: usize, words: usize, to: &mut Words) {
    for i in 0..SAMPLES {
        let from = pattern.sample(sample + i).get(first..).unwrap_or_default();
        for (k, to) in to.iter_mut().enumerate().take(words) {
            to[i] = from.get(k).copied().unwrap_or(0);
        }
    }
}

/// `F[i] += sum_r (<x_i, v_r>) a_r` over a tile's entries that fire.
#[inline(always)]
fn outputs_of_tile<T: Float, S: Simd<T>>(
    s: S,
    x: MatRef<'_, T>,
    words: &[u64; SAMPLES],
    v: MatRef<'_, T>,
    weights: &[T],
    sums: &mut [T],
    out: &mut MatMut<'_, T>,
) {
    let wide = sums.len();
    for (i, &word) in words.iter().enumerate().filter(|(_, word)| **word != 0) {
        let mut bits = word;
        let (Some(row), Some(to)) = (x.row(i), out.row(i)) else { return };
        if let [to] = to {
            let mut sum = *to;
            while bits != 0 {
                let r = bits.trailing_zeros() as usize;
                bits &= bits - 1;
                if let (Some(v), Some(&weight)) = (v.row(r), weights.get(r)) {
                    sum = s.mul_add_one(dot_body(s, row, v), weight, sum);
                }
            }
            *to = sum;
            continue;
        }
        sums.fill(T::ZERO);
        while bits != 0 {
            let r = bits.trailing_zeros() as usize;
            bits &= bits - 1;
            if let (Some(v), Some(weights)) = (v.row(r), weights.get(r * wide..(r + 1) * wide)) {
                axpy_body(s, dot_body(s, row, v), weights, sums);
            }
        }
        to.iter_mut().zip(sums.iter()).for_each(|(to, &sum)| *to += sum);
    }
}

/// `G[r] += (u_i . a_r) x_i` over a tile's entries that fire: each number one chain over the samples, in order.
#[inline(always)]
fn gradients_of_tile<T: Float, S: Simd<T>>(
    s: S,
    x: MatRef<'_, T>,
    words: &[u64; SAMPLES],
    u: MatRef<'_, T>,
    weights: &[T],
    g: &mut MatMut<'_, T>,
) {
    let wide = padded(u.cols());
    for (i, &word) in words.iter().enumerate().filter(|(_, word)| **word != 0) {
        let mut bits = word;
        let (Some(row), Some(u)) = (x.row(i), u.row(i)) else { return };
        while bits != 0 {
            let r = bits.trailing_zeros() as usize;
            bits &= bits - 1;
            if let (Some(g), Some(weights)) = (g.row(r), weights.get(r * wide..(r + 1) * wide)) {
                let masked = u.iter().zip(weights).fold(T::ZERO, |sum, (&u, &weight)| s.mul_add_one(u, weight, sum));
                axpy_body(s, masked, row, g);
            }
        }
    }
}

/// [`outputs_of_tile`] for all samples and a group's neurons, whose rows `v` holds.
#[inline(always)]
fn outputs_of_group<T: Float, S: Simd<T>>(
    s: S,
    x: MatRef<'_, T>,
    pattern: PatternRef<'_>,
    first: usize,
    v: MatRef<'_, T>,
    weights: &[T],
    sums: &mut [T],
    out: &mut MatMut<'_, T>,
) {
    let mut words = [[0; SAMPLES]; LINE];
    let tiles = v.rows().div_ceil(WORD).min(LINE);
    for sample in (0..x.rows()).step_by(SAMPLES) {
        copy_words(pattern, sample, first / WORD, tiles, &mut words);
        let x = x.row_range(sample, SAMPLES);
        let mut out = out.reborrow().block(sample, 0, SAMPLES, usize::MAX);
        for (k, words) in words.iter().enumerate().take(tiles) {
            let weights = weights.get(k * WORD * sums.len()..).unwrap_or_default();
            outputs_of_tile(s, x, words, v.row_range(k * WORD, WORD), weights, sums, &mut out);
        }
    }
}

/// [`gradients_of_tile`] for all samples and a group's neurons.
#[inline(always)]
fn gradients_of_group<T: Float, S: Simd<T>>(
    s: S,
    x: MatRef<'_, T>,
    pattern: PatternRef<'_>,
    first: usize,
    u: MatRef<'_, T>,
    weights: &[T],
    g: &mut MatMut<'_, T>,
) {
    let mut words = [[0; SAMPLES]; LINE];
    let tiles = g.rows().div_ceil(WORD).min(LINE);
    for r in 0..g.rows() {
        g.row(r).into_iter().for_each(|row| row.fill(T::ZERO));
    }
    for sample in (0..x.rows()).step_by(SAMPLES) {
        copy_words(pattern, sample, first / WORD, tiles, &mut words);
        let (x, u) = (x.row_range(sample, SAMPLES), u.row_range(sample, SAMPLES));
        for (k, words) in words.iter().enumerate().take(tiles) {
            let weights = weights.get(k * WORD * padded(u.cols())..).unwrap_or_default();
            gradients_of_tile(s, x, words, u, weights, &mut g.reborrow().block(k * WORD, 0, WORD, usize::MAX));
        }
    }
}

#[inline(always)]
fn jvp_body<T: Float, S: Simd<T>>(
    s: S,
    x: MatRef<'_, T>,
    a: MatRef<'_, T>,
    pattern: PatternRef<'_>,
    v: MatRef<'_, T>,
    mut out: MatMut<'_, T>,
    scratch: &mut [T],
) {
    let neurons = group(x.cols(), a.cols()) * WORD;
    let (sums, scratch) = split(scratch, padded(a.rows()));
    let weights = part_mut(scratch, 0, neurons * padded(a.rows()));
    for first in (0..v.rows()).step_by(neurons) {
        pack_outputs(a, first, weights);
        outputs_of_group(s, x, pattern, first, v.row_range(first, neurons), weights, sums, &mut out);
    }
}

#[inline(always)]
fn vjp_body<T: Float, S: Simd<T>>(
    s: S,
    x: MatRef<'_, T>,
    a: MatRef<'_, T>,
    pattern: PatternRef<'_>,
    u: MatRef<'_, T>,
    from: usize,
    mut out: MatMut<'_, T>,
    scratch: &mut [T],
) {
    // Not a.cols(): a caller with fewer rows hands over the scratch for these.
    let neurons = group(x.cols(), out.rows()) * WORD;
    let weights = part_mut(scratch, 0, neurons * padded(a.rows()));
    for first in (0..out.rows()).step_by(neurons) {
        pack_outputs(a, from + first, weights);
        let mut g = out.reborrow().block(first, 0, neurons, usize::MAX);
        gradients_of_group(s, x, pattern, from + first, u, weights, &mut g);
    }
}

#[inline(always)]
fn gram_product_body<T: Float, S: Simd<T>>(
    s: S,
    x: MatRef<'_, T>,
    a: MatRef<'_, T>,
    pattern: PatternRef<'_>,
    u: MatRef<'_, T>,
    mut out: MatMut<'_, T>,
    scratch: &mut [T],
) {
    let (d, m) = (x.cols(), a.cols());
    let neurons = group(d, m) * WORD;
    let (g, scratch) = split(scratch, neurons * d);
    let (sums, scratch) = split(scratch, padded(a.rows()));
    let weights = part_mut(scratch, 0, neurons * padded(a.rows()));
    for first in (0..m).step_by(neurons) {
        pack_outputs(a, first, weights);
        if let Ok(g) = MatMut::new(g, neurons, d) {
            let mut g = g.block(0, 0, m - first, d);
            gradients_of_group(s, x, pattern, first, u, weights, &mut g);
            outputs_of_group(s, x, pattern, first, g.as_ref(), weights, sums, &mut out);
        }
    }
}
