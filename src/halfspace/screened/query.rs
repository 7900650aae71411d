//! Queries: bytes first, floats where they leave it open.

use super::super::hits::{Hits, put_bits};
use super::super::scan::{self, BLOCK};
use super::super::{Reporter, check_query, values, verify_rows};
use super::quantise::{Quantised, margin, prepare, quantise, turning_error};
use super::rotated::Turn;
use super::{CHUNK, GROUP_BYTES, MOST_BLOCKS, Parts, Screened, bound_of, place};
use crate::blas::tile::{self, with_rows};
use crate::error::Error;
use crate::matrix::MatRef;
use crate::scratch::{part_mut, split, take};
use crate::simd::{Float, Level, Simd};

impl<B: AsRef<[u8]>, T: Float> Reporter<T> for Screened<B, T> {
    fn neurons(&self) -> usize {
        self.index.dims[0]
    }
    fn dim(&self) -> usize {
        self.index.dims[1]
    }
    fn scratch_len(&self) -> usize {
        Self::query_scratch_len(self.neurons(), self.dim())
    }
    fn query_batch(&self, level: Level, x: MatRef<'_, T>, threshold: T, hits: &mut Hits<'_, T>, scratch: &mut [T]) -> Result<(), Error> {
        self.query_batch_counting(level, x, threshold, hits, scratch).map(drop)
    }
    fn verify(&self, w: MatRef<'_, T>) -> Result<(), Error> {
        self.verify_rows(w, |row, kept, byte| {
            let mut same = true;
            kept == quantise(row, None, |k, q| same &= byte(k) == q) && same
        })
    }
}

impl<B: AsRef<[u8]>, T: Float> Screened<B, T> {
    /// [`query_batch`](Reporter::query_batch), and of how many pairs of neuron and query the bytes did not decide: what a query
    /// costs beyond the bytes is a product of floats for each. Few of n m mean that the screen pays; whether a
    /// [rotation](super::Rotated) makes them fewer, this tells without a clock.
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// use subquad::{Level, MatRef, halfspace::{Hits, Reporter, Screened}};
    ///
    /// let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// let mut bytes = vec![0u64; Screened::<&[u8], f32>::storage_len(3, 2) / 8];
    /// let index = Screened::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes))?;
    /// let (mut count, mut scratch) = ([0], vec![0.0; index.scratch_len()]);
    /// let mut hits = Hits::new(&mut count, &mut [], 0)?;
    /// let x = MatRef::new(&[2.0, 0.5], 1, 2)?;
    /// // The values are 2, 1/2 and 5/2: none is near 1, one is 2.
    /// assert_eq!(index.query_batch_counting(Level::detect(), x, 1.0, &mut hits, &mut scratch)?, 0);
    /// assert_eq!(index.query_batch_counting(Level::detect(), x, 2.0, &mut hits, &mut scratch)?, 1);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn query_batch_counting(
        &self,
        level: Level,
        x: MatRef<'_, T>,
        threshold: T,
        hits: &mut Hits<'_, T>,
        scratch: &mut [T],
    ) -> Result<u64, Error> {
        check_query(self, x, hits)?;
        let (scratch, _) = take(scratch, self.scratch_len())?;
        hits.clear();
        // Nothing is above it; a comparison with NaN is false.
        if threshold < T::INFINITY {
            return Ok(screened_entry(level, self.parts(), self.neurons(), self.dim(), x, threshold, hits, scratch));
        }
        Ok(0)
    }

    /// [`verify`](Reporter::verify), where `sound` says whether what is kept of a row, and its bytes, are right.
    pub(super) fn verify_rows(&self, w: MatRef<'_, T>, sound: impl Fn(&[T], Quantised, &dyn Fn(usize) -> i8) -> bool) -> Result<(), Error> {
        let (parts, d) = (self.parts(), self.dim());
        verify_rows(self, w, |r, k| parts.rows.get(r * d + k).copied())?;
        for r in 0..self.neurons() {
            let kept = Quantised { scale: parts.scales[r], sum: parts.sums[r], norm: parts.norms[r], error: parts.errors[r] };
            let byte = |k| {
                let (quad, byte) = place(r, k, self.width());
                parts.quads[quad][byte]
            };
            let blocks = bound_of(parts.errors, parts.scales, r / BLOCK);
            if !sound(&parts.rows[r * d..(r + 1) * d], kept, &byte) || parts.blocks[r / BLOCK] != blocks {
                return Err(Error::value("verify: bytes of the index", "the weights, quantised"));
            }
        }
        Ok(())
    }
}

multiversion! {
    fn screened_entry<T: Float>(parts: Parts<'_, T>, m: usize, d: usize, x: MatRef<'_, T>, threshold: T, hits: &mut Hits<'_, T>,
        scratch: &mut [T]) -> u64 = screened_body;
}

#[inline(always)]
fn screened_body<T: Float, S: Simd<T>>(
    s: S,
    parts: Parts<'_, T>,
    m: usize,
    d: usize,
    x: MatRef<'_, T>,
    threshold: T,
    hits: &mut Hits<'_, T>,
    scratch: &mut [T],
) -> u64 {
    query_body(s, parts, None, m, d, x, threshold, hits, scratch)
}

/// A chunk of queries, ready.
struct Chunk<'a, T> {
    /// The rows.
    rows: &'a [T],
    /// Their bytes, tile by tile, interleaved.
    quads: &'a [[u8; 4]],
    known: &'a [[f32; 4]],
    /// Above `|x|`, times the relative error of products in any order; NaN where nothing is known.
    slack: &'a [T],
}

/// All queries; how many pairs of neuron and query the bytes did not decide. Where there is no rotation, that is known when this
/// is compiled, and nothing of the transform is linked.
#[inline(always)]
pub(super) fn query_body<T: Float, S: Simd<T>>(
    s: S,
    parts: Parts<'_, T>,
    turn: Option<Turn>,
    m: usize,
    d: usize,
    x: MatRef<'_, T>,
    threshold: T,
    hits: &mut Hits<'_, T>,
    scratch: &mut [T],
) -> u64 {
    // Columns of the bytes.
    let width = turn.map_or(d, |turn| turn.width);
    let turning = turn.map_or(0.0, |turn| turning_error::<T>(turn.width));
    let deep = width.div_ceil(4);
    let mut undecided = 0;
    let (rows, scratch) = split(scratch, CHUNK * d);
    let (turned, scratch) = split(scratch, turn.map_or(0, |turn| turn.width));
    let (bytes, scratch) = split(scratch, CHUNK * deep);
    let (known, scratch) = split(scratch, CHUNK * 4);
    let (slack, scratch) = split(scratch, CHUNK);
    let words: &mut [u32] = bytemuck::try_cast_slice_mut(scratch).unwrap_or_default();
    let (masks, open) = split(words, 2 * tile::MOST_ROWS * MOST_BLOCKS);
    let masks = masks.as_chunks_mut::<2>().0;
    let bytes: &mut [[u8; 4]] = bytemuck::try_cast_slice_mut(bytes).unwrap_or_default();
    let known: &mut [[f32; 4]] = bytemuck::try_cast_slice_mut(known).unwrap_or_default();
    let most = tile::rows(S::REGISTERS);
    // Neurons of a group: whole blocks.
    let group = (GROUP_BYTES / BLOCK / (d * (size_of::<T>() + 1)).max(1)).clamp(1, MOST_BLOCKS) * BLOCK;
    let mut first = 0;
    while first < x.rows() {
        let queries = CHUNK.min(x.rows() - first);
        let mut i = 0;
        while i < queries {
            let tall = tile::next_rows(queries - i, most);
            for j in 0..tall {
                let row = part_mut(rows, (i + j) * d, d);
                for (k, to) in row.iter_mut().enumerate() {
                    *to = x.get(first + i + j, k).unwrap_or_default();
                }
                if let Some(turn) = turn {
                    turn.run(row, turned);
                }
                let turned = turn.map(|_| &*turned);
                let (to, bound) = prepare(row, turned, turning, threshold, S::LIMIT, S::OFFSET, split(bytes, i * deep).1, j, tall);
                if let (Some(known), Some(slack)) = (known.get_mut(i + j), slack.get_mut(i + j)) {
                    (*known, *slack) = (to, bound);
                }
            }
            i += tall;
        }
        let chunk = Chunk { rows, quads: bytes, known, slack };
        let mut from = 0;
        while from < m {
            let neurons = group.min(m - from);
            let mut i = 0;
            while i < queries {
                let tall = tile::next_rows(queries - i, most);
                with_rows!(tall, screen::<T, S>(s, &parts, from, neurons, &chunk, deep, i, masks));
                for (j, masks) in masks.chunks_mut(MOST_BLOCKS).take(tall).enumerate() {
                    undecided += settle(s, &parts, from, neurons, &chunk, d, first, i + j, threshold, masks, open, hits);
                }
                i += tall;
            }
            from += neurons;
        }
        first += queries;
    }
    undecided
}

/// J queries against a group of neurons: per query and block, which neurons may fire, and which certainly do.
#[inline(always)]
fn screen<T: Float, S: Simd<T>, const J: usize>(
    s: S,
    parts: &Parts<'_, T>,
    from: usize,
    neurons: usize,
    chunk: &Chunk<'_, T>,
    deep: usize,
    i: usize,
    masks: &mut [[u32; 2]],
) {
    let (wide, strips) = (2 * S::SUMS, BLOCK / (2 * S::SUMS));
    let x = chunk.quads.get(i * deep..).unwrap_or_default().as_chunks::<J>().0;
    let x = &x[..deep.min(x.len())];
    let Some(known) = chunk.known.get(i..).and_then(|known| known.first_chunk::<J>()) else { return };
    for at in 0..neurons.div_ceil(BLOCK) {
        let block = from / BLOCK + at;
        let quads = parts.quads.get(block * BLOCK * deep..(block + 1) * BLOCK * deep).unwrap_or_default();
        let pairs = s.quads(quads).as_chunks::<2>().0;
        let bound = parts.blocks.get(block).copied().unwrap_or([f32::NAN; 3]);
        let mut found = [[0u32; 2]; J];
        for strip in 0..strips {
            let r = block * BLOCK + strip * wide;
            let sums = parts.sums.get(r..).unwrap_or_default();
            let scales = parts.scales.get(r..).unwrap_or_default();
            let more = scales.get(S::SUMS..).unwrap_or_default();
            let mut acc = [[s.start(sums), s.start(sums.get(S::SUMS..).unwrap_or_default())]; J];
            for (w, x) in pairs.chunks_exact(strips).zip(x) {
                for j in 0..J {
                    let x = s.splat_quad(x[j]);
                    acc[j][0] = s.dot(acc[j][0], &w[strip][0], x);
                    acc[j][1] = s.dot(acc[j][1], &w[strip][1], x);
                }
            }
            for j in 0..J {
                let (over, margin) = (known[j][0], margin(known[j], bound));
                let possible = s.above(acc[j][0], scales, over, -margin) | s.above(acc[j][1], more, over, -margin) << S::SUMS;
                let certain = s.above(acc[j][0], scales, over, margin) | s.above(acc[j][1], more, over, margin) << S::SUMS;
                found[j][0] |= (possible << (strip * wide)) as u32;
                found[j][1] |= (certain << (strip * wide)) as u32;
            }
        }
        for (j, found) in found.into_iter().enumerate() {
            if let Some(to) = masks.get_mut(j * MOST_BLOCKS + at) {
                *to = found;
            }
        }
    }
}

/// Decides what the screen left open for one query and a group, and reports it. How many that were.
///
/// The open neurons are listed first: a loop over the list does not depend on what it finds, and so its loads and
/// products overlap.
#[inline(always)]
fn settle<T: Float, S: Simd<T>>(
    s: S,
    parts: &Parts<'_, T>,
    from: usize,
    neurons: usize,
    chunk: &Chunk<'_, T>,
    d: usize,
    first: usize,
    i: usize,
    threshold: T,
    masks: &mut [[u32; 2]],
    open: &mut [u32],
    hits: &mut Hits<'_, T>,
) -> u64 {
    let x = chunk.rows.get(i * d..(i + 1) * d).unwrap_or_default();
    let slack = chunk.slack.get(i).copied().unwrap_or_default();
    let blocks = neurons.div_ceil(BLOCK);
    let mut count = 0;
    for (at, &[possible, certain]) in masks.iter().take(blocks).enumerate() {
        let bits = possible & !certain;
        if bits != 0 {
            put_bits(s, bits, (at * BLOCK) as u32, open.get_mut(count..).unwrap_or_default());
            count += bits.count_ones() as usize;
        }
    }
    for &at in open.iter().take(count) {
        let r = from + at as usize;
        let row = parts.rows.get(r * d..(r + 1) * d).unwrap_or_default();
        let norm = parts.norms.get(r).map_or(T::INFINITY, |&norm| T::from_f64(norm.into()));
        let fires = scan::decide(s, x, row, threshold, slack * norm);
        if let Some([_, certain]) = masks.get_mut(at as usize / BLOCK) {
            *certain |= u32::from(fires) << (at % BLOCK as u32);
        }
    }
    let before = hits.count(first + i);
    for (at, &[_, fires]) in masks.iter().take(blocks).enumerate() {
        if fires != 0 {
            hits.put_block(s, first + i, (from + at * BLOCK) as u32, fires);
        }
    }
    if hits.wants_values() {
        let (indices, values) = hits.unfilled(first + i, before);
        values::values_of(s, x, 1, indices, values, |r| parts.rows.get(r as usize * d..).unwrap_or_default());
    }
    count as u64
}
