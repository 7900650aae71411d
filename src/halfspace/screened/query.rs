//! Queries: bytes first, floats where they leave it open.

use super::super::hits::{Hits, put_bits, where_any};
use super::super::scan::{self, BLOCK};
use super::super::{Reporter, check_query, values, verify_rows};
use super::quantise::{Quantised, Size, by_reach, common_reach, prepare, quantise, share, turning_error};
use super::rotated::Turn;
use super::{MOST_BLOCKS, Parts, Screened, blocks_of, place, queries_of};
use crate::blas::tile::{self, with_rows};
use crate::error::{Error, Figure};
use crate::matrix::MatRef;
use crate::scratch::{part, split, take};
use crate::simd::{Float, Level, MOST_LANES, Simd, fetch_ahead};

/// Open neurons that are decided together: as many chains as do not wait for each other.
const ABREAST: usize = 8;
/// Bytes of open rows that are asked for before they are needed: a sixth of a first-level cache.
const MOST_AHEAD: usize = 8 * 1024;

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
        let (parts, d, width) = (self.parts(), self.dim(), self.width());
        verify_rows(self, w, |r, k| parts.rows.get(r * d + k).copied())?;
        for r in 0..self.neurons() {
            let byte = |k| {
                let (quad, byte) = place(r, k, width);
                // What no weight is quantised to, where there is none.
                parts.quads.get(quad).map_or(i8::MIN, |quad| quad[byte])
            };
            if !parts.kept(r).is_some_and(|kept| sound(part(parts.rows, r * d, d), kept, &byte)) {
                return Err(Error::at("verify: bytes of the index", "the weights, quantised", Figure::Nothing, Figure::Nothing, r));
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
    rows: MatRef<'a, T>,
    /// Their bytes, tile by tile, interleaved.
    quads: &'a [[u8; 4]],
    known: &'a [[f32; 4]],
    /// Above `|x|`, times the relative error of products in any order; NaN where nothing is known. In the order of the rows, not of the tiles.
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
    let deep = width.div_ceil(4);
    let (most, most_blocks) = (queries_of::<T>(m, d), blocks_of::<T>(m, d));
    let (row, scratch) = split(scratch, d);
    let (turned, scratch) = split(scratch, turn.map_or(0, |turn| turn.width));
    let (bytes, scratch) = split(scratch, most * deep);
    let (known, scratch) = split(scratch, most * 4);
    let (slack, scratch) = split(scratch, most);
    let words: &mut [u32] = bytemuck::try_cast_slice_mut(scratch).unwrap_or_default();
    let (masks, words) = split(words, 2 * tile::MOST_ROWS * most_blocks);
    let (open, words) = split(words, most_blocks * BLOCK);
    let (then, order) = split(words, most_blocks * BLOCK);
    let masks = masks.as_chunks_mut::<2>().0;
    let bytes: &mut [[u8; 4]] = bytemuck::try_cast_slice_mut(bytes).unwrap_or_default();
    let known: &mut [[f32; 4]] = bytemuck::try_cast_slice_mut(known).unwrap_or_default();
    let tallest = tile::rows(S::REGISTERS);
    let (mut undecided, mut first) = (0, 0);
    while first < x.rows() {
        let queries = most.min(x.rows() - first);
        let x = x.row_range(first, queries);
        let order = order.get_mut(..queries).unwrap_or_default();
        make_ready::<T, S>(x, turn, threshold, order, row, turned, bytes, known, slack);
        let chunk = Chunk { rows: x, quads: bytes, known, slack };
        let mut from = 0;
        while from < m {
            let neurons = (most_blocks * BLOCK).min(m - from);
            let mut i = 0;
            while i < queries {
                let tall = tile::next_rows(queries - i, tallest);
                with_rows!(tall, screen::<T, S>(s, &parts, from, neurons, &chunk, deep, i, masks, most_blocks));
                // What one query leaves open is on its way to the cache while the one before is settled.
                let (mut now, mut next) = (&mut *open, &mut *then);
                let mut count = list_open(s, &parts, from, masks_of(masks, 0, most_blocks, neurons), d, now);
                for (j, &at) in order.iter().skip(i).take(tall).enumerate() {
                    let at = at as usize;
                    let count_next = list_open(s, &parts, from, masks_of(masks, j + 1, most_blocks, neurons), d, next);
                    let masks = masks_of(masks, j, most_blocks, neurons);
                    let x = row_of(chunk.rows, at, row);
                    let slack = chunk.slack.get(at).copied().unwrap_or_default();
                    decide(s, &parts, from, x, slack, threshold, masks, now.get(..count).unwrap_or_default());
                    report(s, &parts, from, x, first + at, masks, hits);
                    undecided += count as u64;
                    count = count_next;
                    (now, next) = (next, now);
                }
                i += tall;
            }
            from += neurons;
        }
        first += queries;
    }
    undecided
}

/// Quantises a chunk of queries, tile by tile in an order that is found here.
#[inline(always)]
fn make_ready<T: Float, S: Simd<T>>(
    x: MatRef<'_, T>,
    turn: Option<Turn>,
    threshold: T,
    order: &mut [u32],
    row: &mut [T],
    turned: &mut [T],
    bytes: &mut [[u8; 4]],
    known: &mut [[f32; 4]],
    slack: &mut [T],
) {
    let deep = turn.map_or(x.cols(), |turn| turn.width).div_ceil(4);
    let turning = turn.map_or(0.0, |turn| turning_error::<T>(turn.width));
    // Bounds are cheap next to sums that are formed one by one, or four at a time.
    let sharing = S::SUMS >= 8;
    order.iter_mut().enumerate().for_each(|(i, at)| *at = i as u32);
    if sharing {
        // Queries of like size come together; until they are quantised, their reach stands where their slack will.
        for (i, to) in slack.iter_mut().enumerate().take(x.rows()) {
            let row = row_of(x, i, row);
            *to = Size::of(row, turned_of(turn, row, turned), threshold).reach();
        }
        by_reach(order, slack);
    }
    let mut i = 0;
    while i < x.rows() {
        let tall = tile::next_rows(x.rows() - i, tile::rows(S::REGISTERS));
        let tile = order.get(i..i + tall).unwrap_or_default();
        let reach = if sharing { common_reach(tile, slack) } else { None };
        for (j, &at) in tile.iter().enumerate() {
            let row = row_of(x, at as usize, row);
            let turned = turned_of(turn, row, turned);
            let of = Size::of(row, turned, threshold);
            let bytes = split(bytes, i * deep).1;
            let (to, bound) = prepare(row, turned, turning, of, reach, threshold, S::LIMIT, S::OFFSET, bytes, j, tall);
            if let (Some(known), Some(slack)) = (known.get_mut(i + j), slack.get_mut(at as usize)) {
                (*known, *slack) = (to, bound);
            }
        }
        if reach.is_some() {
            share(known.get_mut(i..i + tall).unwrap_or_default());
        }
        i += tall;
    }
}

/// A row rotated, where there is a rotation.
#[inline(always)]
fn turned_of<'a, T: Float>(turn: Option<Turn>, row: &[T], turned: &'a mut [T]) -> Option<&'a [T]> {
    turn?.run(row, turned);
    Some(turned)
}

/// A row as it lies, or copied where its numbers do not lie side by side.
#[inline(always)]
fn row_of<'a, T: Float>(x: MatRef<'a, T>, i: usize, copy: &'a mut [T]) -> &'a [T] {
    if let Some(row) = x.row(i) {
        return row;
    }
    for (k, to) in copy.iter_mut().enumerate() {
        *to = x.get(i, k).unwrap_or_default();
    }
    copy
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
    stride: usize,
) {
    let (wide, strips) = (2 * S::SUMS, BLOCK / (2 * S::SUMS));
    let x = chunk.quads.get(i * deep..).unwrap_or_default().as_chunks::<J>().0;
    let x = &x[..deep.min(x.len())];
    let Some(known) = chunk.known.get(i..).and_then(|known| known.first_chunk::<J>()) else { return };
    let shared = J == 1 || S::SUMS >= 8 && known.iter().all(|one| one == &known[0]);
    for at in 0..neurons.div_ceil(BLOCK) {
        let block = from / BLOCK + at;
        let quads = parts.quads.get(block * BLOCK * deep..(block + 1) * BLOCK * deep).unwrap_or_default();
        let pairs = s.quads(quads).as_chunks::<2>().0;
        // What is possible, and above it what is certain.
        let mut found = [0u64; J];
        for strip in 0..strips {
            let r = block * BLOCK + strip * wide;
            let sums = parts.sums.get(r..).unwrap_or_default();
            let mut acc = [[s.start(sums), s.start(sums.get(S::SUMS..).unwrap_or_default())]; J];
            for (w, x) in pairs.chunks_exact(strips).zip(x) {
                for j in 0..J {
                    let x = s.splat_quad(x[j]);
                    acc[j][0] = s.dot(acc[j][0], &w[strip][0], x);
                    acc[j][1] = s.dot(acc[j][1], &w[strip][1], x);
                }
            }
            let rows = [rows_from(s, parts, r), rows_from(s, parts, r + S::SUMS)];
            let to = masks.iter_mut().skip(at).step_by(stride.max(1)).zip(&acc);
            if S::SUMS < 8 {
                for j in 0..J {
                    found[j] |= beyond(s, &acc[j], &bounds_of(s, &rows, &known[j])) << (strip * wide);
                }
            } else if shared {
                let bounds = bounds_of(s, &rows, &known[0]);
                to.for_each(|(to, acc)| mark(s, acc, &bounds, strip * wide, to));
            } else {
                to.zip(known).for_each(|((to, acc), known)| mark(s, acc, &bounds_of(s, &rows, known), strip * wide, to));
            }
        }
        if S::SUMS < 8 {
            for (to, found) in masks.iter_mut().skip(at).step_by(stride.max(1)).zip(found) {
                *to = [found as u32, (found >> 32) as u32];
            }
        }
    }
}

/// Notes which of two vectors of sums are possible, and which are certain, from bit `from` on: whole bytes or words, which go to memory from where
/// a comparison leaves them, so that no instruction has to gather them. On x86-64 alone are vectors so long, and bytes in this order.
#[inline(always)]
fn mark<T: Float, S: Simd<T>>(s: S, sums: &[S::Sums; 2], bounds: &[S::Bounds; 2], from: usize, to: &mut [u32; 2]) {
    let (first, second) = (s.beyond(sums[0], &bounds[0]), s.beyond(sums[1], &bounds[1]));
    if S::SUMS == 16 {
        let to: &mut [u16; 4] = bytemuck::cast_mut(to);
        *to = [first[0] as u16, second[0] as u16, first[1] as u16, second[1] as u16];
        return;
    }
    let to: &mut [[u8; 4]; 2] = bytemuck::cast_mut(to);
    for (to, (first, second)) in to.iter_mut().zip(first.into_iter().zip(second)) {
        if let Some(to) = to.get_mut(from / 8..from / 8 + 2) {
            to.copy_from_slice(&[first as u8, second as u8]);
        }
    }
}

#[inline(always)]
fn bounds_of<T: Float, S: Simd<T>>(s: S, rows: &[S::Rows; 2], known: &[f32; 4]) -> [S::Bounds; 2] {
    [s.bounds(&rows[0], known), s.bounds(&rows[1], known)]
}

/// Which of two vectors of sums are possible, and in the upper half which are certain.
#[inline(always)]
fn beyond<T: Float, S: Simd<T>>(s: S, sums: &[S::Sums; 2], bounds: &[S::Bounds; 2]) -> u64 {
    let (first, second) = (s.beyond(sums[0], &bounds[0]), s.beyond(sums[1], &bounds[1]));
    let (possible, certain) = (first[0] | second[0] << S::SUMS, first[1] | second[1] << S::SUMS);
    possible | certain << 32
}

/// What is known of the rows from r on.
#[inline(always)]
fn rows_from<T: Float, S: Simd<T>>(s: S, parts: &Parts<'_, T>, r: usize) -> S::Rows {
    let (scales, errors) = (parts.scales.get(r..).unwrap_or_default(), parts.errors.get(r..).unwrap_or_default());
    s.rows(scales, errors, parts.lengths.get(r..).unwrap_or_default())
}

/// The masks of query j of a tile; none behind the last.
#[inline(always)]
fn masks_of(masks: &mut [[u32; 2]], j: usize, most_blocks: usize, neurons: usize) -> &mut [[u32; 2]] {
    let from = j * most_blocks;
    masks.get_mut(from..from + neurons.div_ceil(BLOCK)).unwrap_or_default()
}

/// Lists the neurons of a group that are open, and asks for their rows. How many they are.
///
/// First the blocks where there are any, then the neurons: which those are nobody can foresee; a loop over a list does not depend on it,
/// and so its loads and products overlap.
#[inline(always)]
fn list_open<T: Float, S: Simd<T>>(s: S, parts: &Parts<'_, T>, from: usize, masks: &[[u32; 2]], d: usize, open: &mut [u32]) -> usize {
    let mut count = 0;
    for &at in where_any(masks.iter().map(|[possible, certain]| possible & !certain), &mut [0; MOST_BLOCKS]) {
        let at = usize::from(at);
        let bits = masks.get(at).map_or(0, |[possible, certain]| possible & !certain);
        put_bits(s, bits, (at * BLOCK) as u32, open.get_mut(count..).unwrap_or_default());
        count += bits.count_ones() as usize;
    }
    // Of many long rows the next is asked for while one is summed, and most are in the cache from queries before.
    if count * 2 <= S::LANES || count * d * size_of::<T>() <= MOST_AHEAD {
        for &at in open.iter().take(count) {
            fetch_ahead(row_at(parts, from, at, d));
        }
    }
    count
}

#[inline(always)]
fn row_at<'a, T>(parts: &Parts<'a, T>, from: usize, at: u32, d: usize) -> &'a [T] {
    let r = from + at as usize;
    parts.rows.get(r * d..(r + 1) * d).unwrap_or_default()
}

/// Decides what the screen left open for one query and a group.
#[inline(always)]
fn decide<T: Float, S: Simd<T>>(
    s: S,
    parts: &Parts<'_, T>,
    from: usize,
    x: &[T],
    slack: T,
    threshold: T,
    masks: &mut [[u32; 2]],
    open: &[u32],
) {
    let mut sets = |at: u32, fires: bool| {
        if let Some([_, certain]) = masks.get_mut(at as usize / BLOCK) {
            *certain |= u32::from(fires) << (at % BLOCK as u32);
        }
    };
    if S::LANES == 1 {
        for &at in open {
            let norm = parts.norms.get(from + at as usize).map_or(T::INFINITY, |&norm| T::from_f64(norm.into()));
            sets(at, scan::decide(s, x, row_at(parts, from, at, x.len()), threshold, slack * norm));
        }
        return;
    }
    let (rows, norms) = (parts.rows.get(from * x.len()..).unwrap_or_default(), parts.norms.get(from..).unwrap_or_default());
    for open in open.chunks(ABREAST) {
        // Behind the last one, the first again, for nothing.
        let first = open.first().copied().unwrap_or_default();
        let mut here = [&[][..]; ABREAST];
        let mut slacks = [T::ZERO; MOST_LANES];
        for i in 0..ABREAST {
            let at = open.get(i).copied().unwrap_or(first) as usize;
            here[i] = rows.get(at * x.len()..(at + 1) * x.len()).unwrap_or_default();
            slacks[i] = T::from_f64(norms.get(at).map_or(f64::NAN, |&norm| norm.into())) * slack;
        }
        let fires = scan::decide_rows::<T, S, ABREAST>(s, x, &here, threshold, &slacks);
        for (i, &at) in open.iter().enumerate() {
            sets(at, fires >> i & 1 != 0);
        }
    }
}

/// Reports those that fire, of a query and a group.
#[inline(always)]
fn report<T: Float, S: Simd<T>>(
    s: S,
    parts: &Parts<'_, T>,
    from: usize,
    x: &[T],
    query: usize,
    masks: &[[u32; 2]],
    hits: &mut Hits<'_, T>,
) {
    let before = hits.count(query);
    for &at in where_any(masks.iter().map(|[_, fires]| *fires), &mut [0; MOST_BLOCKS]) {
        let (at, fires) = (usize::from(at), masks.get(usize::from(at)).map_or(0, |[_, fires]| *fires));
        hits.put_block(s, query, (from + at * BLOCK) as u32, fires);
    }
    if hits.wants_values() {
        let (indices, values) = hits.unfilled(query, before);
        values::values_of(s, x, 1, indices, values, |r| row_at(parts, 0, r, x.len()));
    }
}
