//! The same products where few neurons fire: entry by entry of the pattern, nothing for those that are silent.
//!
//! A tile is 64 neurons, a word of the pattern, by 64 samples: both factors stay in the first-level cache. The words of
//! a tile's samples lie a row of the pattern apart, mostly a power of two, and would push each other out of the cache:
//! those of eight tiles, a line of each sample, are copied together first. The bits of a tile become a list of entries,
//! four at a time, because a loop that ends with the last bit of each word is foreseen wrongly every time; the list is
//! walked without a branch that depends on it.
//!
//! An entry costs 2 (d + C) flops.

use super::normaliser;
use crate::blas::{axpy_body, tile};
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

/// Sums of a tile's samples: a vector for one output, a padded row for several.
const fn sums_len(c: usize) -> usize {
    area(SAMPLES, if c == 1 { tile::MOST_WIDTH / 2 } else { padded(c) })
}

/// Scratch of all three: a group's gradients and output weights, the sums of a tile's samples.
pub(super) const fn scratch_len(d: usize, m: usize, c: usize) -> usize {
    let neurons = group(d, m) * WORD;
    all_of(&[area(neurons, d), area(neurons, padded(c)), sums_len(c)])
}

/// Entries of a list: some tiles need several.
const ROOM: usize = 1024;

/// Lists the entries of the words from `next` on, as far as there is room: 64 times the sample plus the neuron.
#[inline(always)]
fn list(words: &[u64; SAMPLES], next: &mut usize, entries: &mut [u16; ROOM]) -> usize {
    let mut len = 0;
    while let Some(&word) = words.get(*next)
        && len <= ROOM - WORD
    {
        let (mut bits, mut at) = (word, len);
        loop {
            let Some(four) = entries.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<4>()) else { break };
            for entry in four {
                // Behind the last bit something is written that the next word overwrites.
                *entry = (*next * WORD) as u16 | (bits.trailing_zeros() % WORD as u32) as u16;
                bits &= bits.wrapping_sub(1);
            }
            at += 4;
            if bits == 0 {
                break;
            }
        }
        len += word.count_ones() as usize;
        *next += 1;
    }
    len
}

/// Row i of rows that lie `stride` apart.
#[inline(always)]
fn row_at<T>(data: &[T], i: usize, stride: usize, len: usize) -> &[T] {
    data.get(i * stride..).and_then(|rest| rest.get(..len)).unwrap_or_default()
}

/// `<x, y>`, before the lanes are added.
#[inline(always)]
fn dot_lanes<T: Float, S: Simd<T>>(s: S, x: &[T], y: &[T]) -> S::V {
    let ((xs, x_tail), (ys, y_tail)) = (s.chunks(x), s.chunks(y));
    let ((x_pairs, x_rest), (y_pairs, y_rest)) = (xs.as_chunks::<2>(), ys.as_chunks::<2>());
    let mut sums = [s.splat(T::ZERO); 2];
    for (x, y) in x_pairs.iter().zip(y_pairs) {
        sums[0] = s.mul_add(s.load(&x[0]), s.load(&y[0]), sums[0]);
        sums[1] = s.mul_add(s.load(&x[1]), s.load(&y[1]), sums[1]);
    }
    for (x, y) in x_rest.iter().zip(y_rest) {
        sums[0] = s.mul_add(s.load(x), s.load(y), sums[0]);
    }
    if !x_tail.is_empty() {
        sums[1] = s.mul_add(s.load_part(x_tail), s.load_part(y_tail), sums[1]);
    }
    s.add(sums[0], sums[1])
}

/// Whether entry by entry is faster than all neurons: from the share that fires, and what an entry and a word cost,
/// counted in a register tile's multiply-adds.
///
/// Measured at n = 1024, m = 16384, f32, AVX-512: both take the same time where about 3 % of the neurons fire with d = 16
/// and one output, 15 % with d = 64, 18 % with d = 64 and ten outputs, 18 % with d = 256. This stays a little below. Other
/// levels have slower tiles and would gain from more.
pub(super) fn pays<T: Float>(level: Level, x: MatRef<'_, T>, c: usize, pattern: PatternRef<'_>) -> bool {
    if x.col_stride() != 1 || pattern.neurons() < WORD {
        return false;
    }
    let entries = pattern.samples() as u64 * pattern.neurons() as u64;
    let (d, c) = (x.cols() as u64, c as u64);
    let one = ENTRY.saturating_add(d.saturating_mul(4)).saturating_add(c.saturating_mul(12));
    let dense = d.saturating_add(c).saturating_sub(SILENT);
    pattern.count(level).saturating_mul(one) < entries.saturating_mul(dense)
}

/// What surrounds an entry's own multiply-adds.
const ENTRY: u64 = 290;
/// What a neuron costs that does not fire: its part of a word's walk.
const SILENT: u64 = 10;

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

/// `sums[i] += sum_r (<x_i, v_r>) a_r` over a tile's entries that fire.
#[inline(always)]
fn outputs_of_tile<T: Float, S: Simd<T>>(
    s: S,
    x: MatRef<'_, T>,
    words: &[u64; SAMPLES],
    v: MatRef<'_, T>,
    weights: &[T],
    outputs: usize,
    sums: &mut [T],
) {
    let (d, wide) = (x.cols(), padded(outputs));
    let (x, x_stride, v, v_stride) = (x.data(), x.row_stride(), v.data(), v.row_stride());
    let (mut entries, mut next) = ([0; ROOM], 0);
    while next < SAMPLES {
        let len = list(words, &mut next, &mut entries);
        let entries = entries.get(..len).unwrap_or_default();
        if outputs == 1 {
            let (sums, _) = s.chunks_mut(sums);
            for &entry in entries {
                let (i, r) = (usize::from(entry) / WORD, usize::from(entry) % WORD);
                let product = dot_lanes(s, row_at(x, i, x_stride, d), row_at(v, r, v_stride, d));
                if let (Some(sum), Some(&weight)) = (sums.get_mut(i), weights.get(r)) {
                    let sum_of_lanes = s.mul_add(product, s.splat(weight), s.load(sum));
                    s.store(sum, sum_of_lanes);
                }
            }
        } else {
            for &entry in entries {
                let (i, r) = (usize::from(entry) / WORD, usize::from(entry) % WORD);
                let product = s.sum(dot_lanes(s, row_at(x, i, x_stride, d), row_at(v, r, v_stride, d)));
                if let (Some(sums), Some(weights)) = (sums.get_mut(i * wide..(i + 1) * wide), weights.get(r * wide..(r + 1) * wide)) {
                    axpy_body(s, product, weights, sums);
                }
            }
        }
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
    mut g: MatMut<'_, T>,
) {
    let (d, c, wide) = (x.cols(), u.cols(), padded(u.cols()));
    let (x, x_stride, u, u_stride) = (x.data(), x.row_stride(), u.data(), u.row_stride());
    let g_stride = g.stride();
    let g = g.data();
    let (mut entries, mut next) = ([0; ROOM], 0);
    while next < SAMPLES {
        let len = list(words, &mut next, &mut entries);
        for &entry in entries.get(..len).unwrap_or_default() {
            let (i, r) = (usize::from(entry) / WORD, usize::from(entry) % WORD);
            let (u, weights) = (row_at(u, i, u_stride, c), row_at(weights, r, wide, wide));
            let masked = u.iter().zip(weights).fold(T::ZERO, |sum, (&u, &weight)| s.mul_add_one(u, weight, sum));
            if let Some(g) = g.get_mut(r * g_stride..).and_then(|rest| rest.get_mut(..d)) {
                axpy_body(s, masked, row_at(x, i, x_stride, d), g);
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
        sums.fill(T::ZERO);
        for (k, words) in words.iter().enumerate().take(tiles) {
            let weights = weights.get(k * WORD * padded(out.cols())..).unwrap_or_default();
            outputs_of_tile(s, x, words, v.row_range(k * WORD, WORD), weights, out.cols(), sums);
        }
        let mut out = out.reborrow().block(sample, 0, SAMPLES, usize::MAX);
        for i in 0..out.rows() {
            match out.row(i) {
                Some([to]) => *to += s.chunks(sums).0.get(i).map_or(T::ZERO, |sum| s.sum(s.load(sum))),
                Some(to) => {
                    let wide = padded(to.len());
                    to.iter_mut().zip(row_at(sums, i, wide, wide)).for_each(|(to, &sum)| *to += sum);
                }
                None => {}
            }
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
            gradients_of_tile(s, x, words, u, weights, g.reborrow().block(k * WORD, 0, WORD, usize::MAX));
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
    let (sums, scratch) = split(scratch, sums_len(a.rows()));
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
    let (sums, scratch) = split(scratch, sums_len(a.rows()));
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
