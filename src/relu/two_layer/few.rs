//! The same products where few neurons fire: entry by entry of the pattern, nothing for those that are silent.
//!
//! A tile is 64 neurons, a word of the pattern, by 64 samples: both factors stay in the first-level cache, packed into whole
//! vectors that begin at its lines. The words of a tile's samples lie a row of the pattern apart, mostly a power of two, and
//! would push each other out of the cache: those of eight tiles, a line of each sample, are copied together first. The bits
//! of a tile become a list of entries, four at a time, because a loop that ends with the last bit of each word is foreseen
//! wrongly every time; the list is walked without a branch that depends on it.
//!
//! An entry costs 2 (d + C) flops.

use core::borrow::{Borrow, BorrowMut};

use super::normaliser;
use crate::matrix::{MatMut, MatRef};
use crate::relu::pattern::PatternRef;
use crate::scratch::{all_of, area, copy, part_mut, split};
use crate::simd::{Float, Level, MOST_LANES, Simd, Token, to_cache_line};

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
    area(SAMPLES, if c == 1 { MOST_LANES } else { padded(c) })
}

/// Numbers of a packed row: whole vectors of any level that the target may have.
const fn row_len(d: usize) -> usize {
    d.div_ceil(UNIT).saturating_mul(UNIT)
}

/// Lanes of the target's widest vector: machines without vectors have no room to give away.
const UNIT: usize = if cfg!(target_arch = "x86_64") {
    MOST_LANES
} else if cfg!(any(target_arch = "aarch64", target_arch = "wasm32")) {
    4
} else {
    1
};

/// Scratch of all three: a tile's samples, the sums of these, a group's weights or gradients and output weights; and what it takes to
/// the next line of the cache.
pub(super) const fn scratch_len(d: usize, m: usize, c: usize) -> usize {
    let neurons = group(d, m) * WORD;
    all_of(&[UNIT - 1, area(SAMPLES, row_len(d)), sums_len(c), area(neurons, row_len(d)), area(neurons, padded(c))])
}

/// The pieces of the scratch.
struct Room<'a, T> {
    samples: &'a mut [T],
    sums: &'a mut [T],
    neurons: &'a mut [T],
    weights: &'a mut [T],
}

/// Cuts the scratch for groups of some neurons.
#[inline(always)]
fn room<T>(scratch: &mut [T], d: usize, neurons: usize, c: usize) -> Room<'_, T> {
    // Only vectors as long as a line lie across two otherwise.
    let (_, scratch) = split(scratch, if UNIT == MOST_LANES { to_cache_line(scratch) } else { 0 });
    let (samples, scratch) = split(scratch, SAMPLES * row_len(d));
    let (sums, scratch) = split(scratch, sums_len(c));
    let (rows, scratch) = split(scratch, neurons * row_len(d));
    Room { samples, sums, neurons: rows, weights: part_mut(scratch, 0, neurons * padded(c)) }
}

/// Packs rows, each into `wide` vectors; zeros behind its end. Of those that `some` leaves out, and behind the last, nothing is written.
#[inline(always)]
fn pack<T: Float, S: Simd<T>>(s: S, from: MatRef<'_, T>, wide: usize, some: &[u64], to: &mut [T]) {
    for (i, to) in to.chunks_exact_mut((wide * S::LANES).max(1)).enumerate().take(from.rows()) {
        if some.get(i / WORD).is_some_and(|word| word >> (i % WORD) & 1 == 0) {
            continue;
        }
        let row = from.row(i).unwrap_or_default();
        let ((chunks, tail), (places, _)) = (s.chunks(row), s.chunks_mut(to));
        let (places, rest) = places.split_at_mut(chunks.len().min(places.len()));
        for (from, to) in chunks.iter().zip(places) {
            s.store(to, s.load(from));
        }
        if let Some(last) = rest.first_mut() {
            s.store(last, s.load_part(tail));
        }
    }
}

/// Entries of a list: some tiles need several.
const ROOM: usize = 1024;

/// Lists the entries of the words from `next` on, as far as there is room: 64 times the sample plus the neuron.
#[inline(always)]
fn list<S: Token>(s: S, words: &[u64; SAMPLES], next: &mut usize, entries: &mut [u16; ROOM]) -> usize {
    let mut len = 0;
    while let Some(&word) = words.get(*next)
        && len <= ROOM - WORD
    {
        // What is written behind the last bit, the next word's entries replace.
        let Some(to) = entries.get_mut(len..).and_then(|rest| rest.first_chunk_mut()) else { break };
        len += s.set_bits(word, (*next * WORD) as u16, to);
        *next += 1;
    }
    len
}

/// Row i of rows of a length.
#[inline(always)]
fn row_at<T>(data: &[T], i: usize, len: usize) -> &[T] {
    data.get(i * len..(i + 1) * len).unwrap_or_default()
}

/// `<x, y>`, before the lanes are added.
#[inline(always)]
fn dot_lanes<T: Float, S: Simd<T>>(s: S, x: &[S::Chunk], y: &[S::Chunk]) -> S::V {
    let ((x_pairs, x_rest), (y_pairs, y_rest)) = (x.as_chunks::<2>(), y.as_chunks::<2>());
    let mut sums = [s.splat(T::ZERO); 2];
    for (x, y) in x_pairs.iter().zip(y_pairs) {
        sums[0] = s.mul_add(s.load(&x[0]), s.load(&y[0]), sums[0]);
        sums[1] = s.mul_add(s.load(&x[1]), s.load(&y[1]), sums[1]);
    }
    for (x, y) in x_rest.iter().zip(y_rest) {
        sums[0] = s.mul_add(s.load(x), s.load(y), sums[0]);
    }
    s.add(sums[0], sums[1])
}

/// Runs an expression with the width of packed rows: known to the compiler where it is small enough to read rows without a
/// loop. Where a vector is one number, rows are long.
macro_rules! with_width {
    ($S:ident, $wide:expr, $width:ident => $run:expr) => {
        with_width!($S, $wide, $width => $run, of 1 2 3 4 8)
    };
    ($S:ident, $wide:expr, $width:ident => $run:expr, of $($number:literal)*) => {
        match $wide {
            $($number if $S::LANES > 1 => {
                let $width = Fixed::<$number>;
                $run
            })*
            wide => {
                let $width = Any(wide);
                $run
            }
        }
    };
}

/// How many vectors a packed row has. A row that has a type of its length keeps it on the way through an `Option`; of a slice
/// the compiler would count the vectors again for every entry.
trait Width<C>: Copy {
    type Row: ?Sized + BorrowMut<[C]>;

    fn row(self, rows: &[C], i: usize) -> Option<&Self::Row>;
    fn row_mut(self, rows: &mut [C], i: usize) -> Option<&mut Self::Row>;
}

/// W vectors.
#[derive(Clone, Copy)]
struct Fixed<const W: usize>;

impl<C, const W: usize> Width<C> for Fixed<W> {
    type Row = [C; W];

    #[inline(always)]
    fn row(self, rows: &[C], i: usize) -> Option<&[C; W]> {
        rows.as_chunks().0.get(i)
    }

    #[inline(always)]
    fn row_mut(self, rows: &mut [C], i: usize) -> Option<&mut [C; W]> {
        rows.as_chunks_mut().0.get_mut(i)
    }
}

/// As many vectors as it says.
#[derive(Clone, Copy)]
struct Any(usize);

impl<C> Width<C> for Any {
    type Row = [C];

    #[inline(always)]
    fn row(self, rows: &[C], i: usize) -> Option<&[C]> {
        rows.get(i * self.0..(i + 1) * self.0)
    }

    #[inline(always)]
    fn row_mut(self, rows: &mut [C], i: usize) -> Option<&mut [C]> {
        rows.get_mut(i * self.0..(i + 1) * self.0)
    }
}

/// Whether entry by entry is faster than all neurons: from the share that fires, and what an entry and a word cost,
/// counted in a register tile's multiply-adds.
///
/// Measured at n = 1024, m = 16384, f32, AVX-512: both take the same time for K U where about 16 % of the neurons fire with d = 16
/// and one output, 23 % with d = 48, 25 % with d = 64, 18 % with d = 64 and ten outputs, 22 % with d = 100, 31 % with d = 256. This
/// stays below all of these. Other levels have slower tiles and would gain from more.
pub(super) fn pays<T: Float>(level: Level, x: MatRef<'_, T>, c: usize, pattern: PatternRef<'_>) -> bool {
    if x.col_stride() != 1 || pattern.neurons() < WORD {
        return false;
    }
    let entries = pattern.samples() as u64 * pattern.neurons() as u64;
    let (d, c) = (x.cols() as u64, c as u64);
    let one = ENTRY.saturating_add(d.saturating_mul(7) / 2).saturating_add(c.saturating_mul(16));
    let dense = d.saturating_add(c).saturating_sub(SILENT);
    pattern.count(level).saturating_mul(one) < entries.saturating_mul(dense)
}

/// What surrounds an entry's own multiply-adds.
const ENTRY: u64 = 30;
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

/// Which neurons of a group fire on any sample.
#[inline(always)]
fn fires_at_all<'a>(pattern: PatternRef<'_>, first: usize, some: &'a mut [u64; LINE]) -> &'a [u64] {
    for i in 0..pattern.samples() {
        for (to, word) in some.iter_mut().zip(pattern.sample(i).get(first / WORD..).unwrap_or_default()) {
            *to |= word;
        }
    }
    some
}

/// `sums[i] += sum_r (<x_i, v_r>) a_r` over a tile's entries that fire.
#[inline(always)]
fn outputs_of_tile<T: Float, S: Simd<T>>(
    s: S,
    width: impl Width<S::Chunk>,
    x: &[S::Chunk],
    words: &[u64; SAMPLES],
    v: &[S::Chunk],
    weights: &[T],
    outputs: usize,
    sums: &mut [T],
) {
    let (mut entries, mut next) = ([0; ROOM], 0);
    while next < SAMPLES {
        let len = list(s, words, &mut next, &mut entries);
        let entries = entries.get(..len).unwrap_or_default();
        if outputs == 1 {
            let (sums, _) = s.chunks_mut(sums);
            for &entry in entries {
                let (i, r) = (usize::from(entry) / WORD, usize::from(entry) % WORD);
                // One after the other: of a tuple of options the compiler selects pointers, and forgets how long the rows are.
                let Some(x) = width.row(x, i) else { continue };
                let Some(v) = width.row(v, r) else { continue };
                let (Some(sum), Some(&weight)) = (sums.get_mut(i), weights.get(r)) else { continue };
                let sum_of_lanes = s.mul_add(dot_lanes(s, x.borrow(), v.borrow()), s.splat(weight), s.load(sum));
                s.store(sum, sum_of_lanes);
            }
        } else {
            let many = padded(outputs);
            for &entry in entries {
                let (i, r) = (usize::from(entry) / WORD, usize::from(entry) % WORD);
                let Some(x) = width.row(x, i) else { continue };
                let Some(v) = width.row(v, r) else { continue };
                let product = s.splat(s.sum(dot_lanes(s, x.borrow(), v.borrow())));
                if let (Some(sums), Some(weights)) = (sums.get_mut(i * many..(i + 1) * many), weights.get(r * many..(r + 1) * many)) {
                    // Whole vectors, at any level.
                    for (sum, weights) in s.chunks_mut(sums).0.iter_mut().zip(s.chunks(weights).0) {
                        let next = s.mul_add(product, s.load(weights), s.load(sum));
                        s.store(sum, next);
                    }
                }
            }
        }
    }
}

/// `G[r] += (u_i . a_r) x_i` over a tile's entries that fire: each number one chain over the samples, in order.
#[inline(always)]
fn gradients_of_tile<T: Float, S: Simd<T>>(
    s: S,
    width: impl Width<S::Chunk>,
    x: &[S::Chunk],
    words: &[u64; SAMPLES],
    u: MatRef<'_, T>,
    weights: &[T],
    g: &mut [S::Chunk],
) {
    let (c, many) = (u.cols(), padded(u.cols()));
    let (u, u_stride) = (u.data(), u.row_stride());
    let (mut entries, mut next) = ([0; ROOM], 0);
    while next < SAMPLES {
        let len = list(s, words, &mut next, &mut entries);
        let entries = entries.get(..len).unwrap_or_default();
        if c == 1 {
            for &entry in entries {
                let (i, r) = (usize::from(entry) / WORD, usize::from(entry) % WORD);
                let (Some(&u), Some(&weight)) = (u.get(i * u_stride), weights.get(r)) else { continue };
                add_row(s, width, u * weight, (x, i), (g, r));
            }
        } else {
            for &entry in entries {
                let (i, r) = (usize::from(entry) / WORD, usize::from(entry) % WORD);
                let u = u.get(i * u_stride..).and_then(|u| u.get(..c)).unwrap_or_default();
                let mut masked = T::ZERO;
                for (&u, &weight) in u.iter().zip(row_at(weights, r, many)) {
                    masked = s.mul_add_one(u, weight, masked);
                }
                add_row(s, width, masked, (x, i), (g, r));
            }
        }
    }
}

/// `G[r] += factor x_i`
#[inline(always)]
fn add_row<T: Float, S: Simd<T>>(
    s: S,
    width: impl Width<S::Chunk>,
    factor: T,
    (x, i): (&[S::Chunk], usize),
    (g, r): (&mut [S::Chunk], usize),
) {
    let Some(x) = width.row(x, i) else { return };
    let Some(g) = width.row_mut(g, r) else { return };
    let factor = s.splat(factor);
    for (x, g) in x.borrow().iter().zip(g.borrow_mut()) {
        let sum = s.mul_add(s.load(x), factor, s.load(g));
        s.store(g, sum);
    }
}

/// [`outputs_of_tile`] for all samples and a group's neurons, whose rows `v` holds, packed.
#[inline(always)]
fn outputs_of_group<T: Float, S: Simd<T>>(
    s: S,
    x: MatRef<'_, T>,
    pattern: PatternRef<'_>,
    (first, neurons): (usize, usize),
    v: &[T],
    weights: &[T],
    packed: &mut [T],
    sums: &mut [T],
    out: &mut MatMut<'_, T>,
) {
    let mut words = [[0; SAMPLES]; LINE];
    let (tiles, wide) = (neurons.div_ceil(WORD).min(LINE), x.cols().div_ceil(S::LANES));
    for sample in (0..x.rows()).step_by(SAMPLES) {
        copy_words(pattern, sample, first / WORD, tiles, &mut words);
        pack(s, x.row_range(sample, SAMPLES), wide, &[], packed);
        sums.fill(T::ZERO);
        for (k, words) in words.iter().enumerate().take(tiles) {
            let weights = weights.get(k * WORD * padded(out.cols())..).unwrap_or_default();
            let (x, v) = (s.chunks(packed).0, s.chunks(v.get(k * WORD * wide * S::LANES..).unwrap_or_default()).0);
            with_width!(S, wide, width => outputs_of_tile(s, width, x, words, v, weights, out.cols(), sums));
        }
        let mut out = out.reborrow().block(sample, 0, SAMPLES, usize::MAX);
        for i in 0..out.rows() {
            match out.row(i) {
                Some([to]) => *to += s.chunks(sums).0.get(i).map_or(T::ZERO, |sum| s.sum(s.load(sum))),
                Some(to) => {
                    let many = padded(to.len());
                    for (to, &sum) in to.iter_mut().zip(row_at(sums, i, many)) {
                        *to += sum;
                    }
                }
                None => {}
            }
        }
    }
}

/// [`gradients_of_tile`] for all samples and a group's neurons, packed.
#[inline(always)]
fn gradients_of_group<T: Float, S: Simd<T>>(
    s: S,
    x: MatRef<'_, T>,
    pattern: PatternRef<'_>,
    (first, neurons): (usize, usize),
    u: MatRef<'_, T>,
    weights: &[T],
    packed: &mut [T],
    g: &mut [T],
) {
    let mut words = [[0; SAMPLES]; LINE];
    let (tiles, wide) = (neurons.div_ceil(WORD).min(LINE), x.cols().div_ceil(S::LANES));
    g.fill(T::ZERO);
    for sample in (0..x.rows()).step_by(SAMPLES) {
        copy_words(pattern, sample, first / WORD, tiles, &mut words);
        let (x, u) = (x.row_range(sample, SAMPLES), u.row_range(sample, SAMPLES));
        pack(s, x, wide, &[], packed);
        for (k, words) in words.iter().enumerate().take(tiles) {
            let weights = weights.get(k * WORD * padded(u.cols())..).unwrap_or_default();
            let (x, g) = (s.chunks(packed).0, s.chunks_mut(g.get_mut(k * WORD * wide * S::LANES..).unwrap_or_default()).0);
            with_width!(S, wide, width => gradients_of_tile(s, width, x, words, u, weights, g));
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
    let room = room(scratch, x.cols(), neurons, a.rows());
    let wide = x.cols().div_ceil(S::LANES);
    for first in (0..v.rows()).step_by(neurons) {
        pack_outputs(a, first, room.weights);
        let here = neurons.min(v.rows() - first);
        // Few samples: most neurons fire on none of them.
        let mut some = [0; LINE];
        let some = if x.rows() <= SAMPLES { fires_at_all(pattern, first, &mut some) } else { &[] };
        pack(s, v.row_range(first, here), wide, some, room.neurons);
        outputs_of_group(s, x, pattern, (first, here), room.neurons, room.weights, room.samples, room.sums, &mut out);
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
    let room = room(scratch, x.cols(), neurons, a.rows());
    let len = x.cols().div_ceil(S::LANES) * S::LANES;
    for first in (0..out.rows()).step_by(neurons) {
        pack_outputs(a, from + first, room.weights);
        let here = neurons.min(out.rows() - first);
        gradients_of_group(s, x, pattern, (from + first, here), u, room.weights, room.samples, room.neurons);
        for r in 0..here {
            if let Some(to) = out.row(first + r) {
                copy(row_at(room.neurons, r, len), to);
            }
        }
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
    let m = a.cols();
    let neurons = group(x.cols(), m) * WORD;
    let room = room(scratch, x.cols(), neurons, a.rows());
    for first in (0..m).step_by(neurons) {
        pack_outputs(a, first, room.weights);
        let here = (first, neurons.min(m - first));
        gradients_of_group(s, x, pattern, here, u, room.weights, room.samples, room.neurons);
        // Where u is infinite, infinity times the zeros behind a row's end is not.
        let (d, len) = (x.cols(), x.cols().div_ceil(S::LANES) * S::LANES);
        if len > d {
            for row in room.neurons.chunks_exact_mut(len) {
                part_mut(row, d, len - d).fill(T::ZERO);
            }
        }
        outputs_of_group(s, x, pattern, here, room.neurons, room.weights, room.samples, room.sums, &mut out);
    }
}
