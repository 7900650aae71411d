//! The scan behind a screen: products of bytes bound every value from both sides, and few neurons need more.
//!
//! Weights are quantised row by row, `w_r = s_r q_r + error` with q_r in -127 .. 127, queries alike, `x = t p + error`.
//! Then
//!
//! ```text
//! |<w_r, x> - s_r t <q_r, p>| <= |w_r - s_r q_r| |x| + s_r |q_r| |x - t p|
//! ```
//!
//! by Cauchy-Schwarz, and the norms on the right are known, not estimated. With the rounding errors of the value as
//! computed, and of the bound itself, added to it, a neuron below the bound does not fire and one above it does. What
//! lies between is decided by a product in floats, in any order, and its error bound; what even that cannot decide, by
//! the chain of the definition.
//!
//! Rows and queries with numbers so small or so large that these bounds would underflow or overflow, or that are not
//! finite, are never decided by them.

use core::marker::PhantomData;

use super::bytes::{self, Check, Index, Kind};
use super::hits::{Hits, put_bits};
use super::scan::{self, BLOCK};
use super::values;
use super::{Reporter, SANE, check_query, size};
use crate::blas::tile::{self, with_rows};
use crate::error::{Error, expect_length};
use crate::float::Real;
use crate::matrix::MatRef;
use crate::scratch::{all_of, area, part_mut, split, take};
use crate::simd::{Float, Level, Simd};

/// Queries that are quantised together, and then meet all neurons.
const CHUNK: usize = 8 * tile::MOST_ROWS;
/// Bytes of a group of neurons, floats and bytes together: three eighths of a second-level cache.
const GROUP_BYTES: usize = 768 * 1024;
/// Blocks of a group, at most: what has to be remembered of each is two words per query.
const MOST_BLOCKS: usize = 128;
/// Columns for which sums of 127 x 255 fit 32 bits.
const MOST_COLUMNS: usize = 65_536;
/// Relative slack for everything that is computed in f32: about 32 roundings.
const DELTA: f64 = 1.0 / (1u32 << 19) as f64;

/// The weights, and beside them a copy in bytes that decides about almost all of them.
///
/// # Storage
/// Floats and a byte per weight, 24 bytes per neuron.
///
/// # Cost
/// Per query m d products of bytes, four to one of floats on AVX-512; and a product of floats for the neurons whose
/// value lies within about `0.3 sqrt(d) / 127` of the threshold, for rows and queries of Gaussian numbers and unit
/// norm `|x| = 1`. Values on request are a chain of multiply-adds for each neuron that fires.
///
/// # Formula
/// For bytes q_r and p with scales s_r and t, `|<w_r, x> - s_r t <q_r, p>| <= |w_r - s_r q_r| |x| + s_r |q_r| |x - t p|`, by Cauchy-Schwarz.
///
/// ```
/// use subquad::{Level, MatRef, halfspace::{Hits, Reporter, Screened}};
///
/// let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
/// let mut bytes = vec![0u64; Screened::<&[u8], f32>::storage_len(3, 2) / 8];
/// let index = Screened::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes))?;
/// let (mut counts, mut indices, mut scratch) = ([0], [0; 3], vec![0.0; index.scratch_len()]);
/// let mut hits = Hits::new(&mut counts, &mut indices, 3)?;
/// index.query(Level::detect(), &[2.0, 0.5], 1.0, &mut hits, &mut scratch)?;
/// assert_eq!(hits.indices(0), [0, 2]);
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Screened<B, T> {
    index: Index<B>,
    float: PhantomData<T>,
}

/// The sections.
struct Parts<'a, T> {
    /// m x d
    rows: &'a [T],
    /// Blocks of 32 neurons: d / 4 rows of 32 times four bytes.
    quads: &'a [[i8; 4]],
    /// `1 / s_r`
    scales: &'a [f32],
    /// The sum of q_r.
    sums: &'a [i32],
    /// Above `|w_r|`.
    norms: &'a [f32],
    /// Above `|w_r - s_r q_r| / s_r` and `|q_r|`.
    errors: &'a [[f32; 2]],
    /// Their maxima over each block, and that of the scales.
    blocks: &'a [[f32; 3]],
}

/// The same, to write.
struct PartsMut<'a, T> {
    rows: &'a mut [T],
    quads: &'a mut [[i8; 4]],
    scales: &'a mut [f32],
    sums: &'a mut [i32],
    norms: &'a mut [f32],
    errors: &'a mut [[f32; 2]],
    blocks: &'a mut [[f32; 3]],
}

/// What is known of one quantised row.
#[derive(Clone, Copy, PartialEq)]
struct Quantised {
    scale: f32,
    sum: i32,
    norm: f32,
    error: [f32; 2],
}

/// At least x, as f32.
fn up(x: f64) -> f32 {
    (x * (1.0 + 1e-6)) as f32
}

/// Rounds to the nearest integer, without std.
fn round(x: f64) -> f64 {
    libm::rint(x)
}

/// Quantises a row; `put(k, q)` takes its bytes.
fn quantise<T: Float>(row: &[T], mut put: impl FnMut(usize, i8)) -> Quantised {
    let (most, norm) = size(row.iter().copied());
    if most == 0.0 || !SANE.contains(&most) {
        (0..row.len()).for_each(|k| put(k, 0));
        // A row of zeros is known exactly, any other of these never.
        let unknown = if most == 0.0 { 0.0 } else { f32::INFINITY };
        return Quantised { scale: 1.0, sum: 0, norm: unknown, error: [unknown, 0.0] };
    }
    let s = most / 127.0;
    let (mut sum, mut squares, mut errors) = (0, 0.0, 0.0);
    for (k, x) in row.iter().enumerate() {
        let q = round(x.to_f64() / s).clamp(-127.0, 127.0);
        let error = x.to_f64() / s - q;
        put(k, q as i8);
        sum += q as i32;
        squares += q * q;
        errors += error * error;
    }
    Quantised { scale: (1.0 / s) as f32, sum, norm: up(norm), error: [up(Real::sqrt(errors)), up(Real::sqrt(squares))] }
}

/// Quantises a query as column j of a tile of `tall`. Returns what [`margin`] wants: `b / t`, and the margin per unit of
/// a row's error, norm and scale; and above `|x|`, times the relative error of two products. NaN where nothing is known.
#[inline(always)]
fn prepare<T: Float>(x: &[T], threshold: T, limit: i32, offset: i32, to: &mut [[u8; 4]], j: usize, tall: usize) -> ([f32; 4], T) {
    let (most, norm) = size(x.iter().copied());
    let (b, d) = (threshold.to_f64(), x.len());
    let sane = |size: f64| size == 0.0 || SANE.contains(&size);
    let known = sane(most) && sane(b.abs());
    let limit = f64::from(limit);
    let t = if known && most > 0.0 { most / limit } else { 1.0 };
    let mut errors = 0.0;
    for (quad, k) in to.iter_mut().skip(j).step_by(tall).zip((0..d).step_by(4)) {
        for (byte, to) in quad.iter_mut().enumerate() {
            let x = if known { x.get(k + byte).map_or(0.0, |x| x.to_f64() / t) } else { 0.0 };
            let q = round(x).clamp(-limit, limit);
            errors += (x - q) * (x - q);
            *to = (q as i32 + offset) as u8;
        }
    }
    if !known {
        return ([0.0, f32::NAN, f32::NAN, f32::NAN], T::from_f64(f64::NAN));
    }
    // Relative to |w| |x|: what the value as computed may be off.
    let gamma = (d + 4) as f64 * T::EPSILON.to_f64();
    let (n, e, over) = (norm / t, Real::sqrt(errors), b / t);
    let by_error = n * (1.0 + gamma) * (1.0 + DELTA);
    let by_norm = (e + gamma * n) * (1.0 + DELTA) + DELTA * (n + e);
    ([over as f32, up(by_error), up(by_norm), up(DELTA * over.abs())], T::from_f64(4.0 * gamma * norm * (1.0 + 1e-6)))
}

/// In units of `s_r t`, for the rows of a block: above `|<w_r, x> / (s_r t) - <q_r, p>|` and all rounding errors.
/// Infinite where nothing is known.
#[inline(always)]
fn margin(query: [f32; 4], block: [f32; 3]) -> f32 {
    let margin = block[0] * query[1] + block[1] * query[2] + block[2] * query[3];
    if margin < f32::INFINITY { margin } else { f32::INFINITY }
}

impl<B: AsRef<[u8]>, T: Float> Screened<B, T> {
    /// Bytes of an index over m neurons of length d.
    ///
    /// ```
    /// use subquad::halfspace::{Packed, Screened};
    ///
    /// // About a byte more for each weight of four.
    /// let (floats, screened) = (Packed::<&[u8], f32>::storage_len(1 << 16, 64), Screened::<&[u8], f32>::storage_len(1 << 16, 64));
    /// assert!(screened > floats && screened < floats * 3 / 2);
    /// ```
    pub const fn storage_len(m: usize, d: usize) -> usize {
        let blocks = m.div_ceil(BLOCK);
        bytes::index_len(&[
            bytes::section_len(area(m, d), size_of::<T>()),
            bytes::section_len(area(area(blocks, BLOCK), d.div_ceil(4)), 4),
            bytes::section_len(m, 4),
            bytes::section_len(m, 4),
            bytes::section_len(m, 4),
            bytes::section_len(m, 8),
            bytes::section_len(blocks, 12),
        ])
    }

    /// Scratch of queries, in elements: what [`Reporter::scratch_len`] says of an open index, for static buffers.
    ///
    /// ```
    /// use subquad::halfspace::Screened;
    ///
    /// let scratch = vec![0.0f32; Screened::<&[u8], f32>::query_scratch_len(1 << 16, 64)];
    /// assert!(scratch.len() < (1 << 16) * 64);
    /// ```
    pub const fn query_scratch_len(m: usize, d: usize) -> usize {
        let _ = m;
        // The rows, their bytes, what is known of each, and their norms; a float is at least four bytes.
        // And what is possible and what is certain of a tile in a group, and the neurons that are open.
        all_of(&[area(CHUNK, all_of(&[d, d.div_ceil(4), 4, 1])), 2 * tile::MOST_ROWS * MOST_BLOCKS, MOST_BLOCKS * BLOCK])
    }

    /// A view over the bytes of an index: see [`Packed::open`](super::Packed::open).
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, Screened}};
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let mut bytes = vec![0u64; Screened::<&[u8], f32>::storage_len(3, 2) / 8];
    /// let mut index = Screened::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes))?; // (1, 0), (0, 1), (1, 1)
    /// assert_eq!(Screened::<_, f32>::open(bytemuck::cast_slice::<u64, u8>(&bytes), Check::Everything)?.neurons(), 3);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn open(bytes: B, check: Check) -> Result<Self, Error> {
        let index = Index::open(bytes, Kind::Screened, size_of::<T>(), check, |[m, d, ..]| Self::storage_len(m, d))?;
        if index.dims[1] > MOST_COLUMNS {
            return Err(Error::value("screened: d", "at most 65536, so that sums fit 32 bits"));
        }
        Ok(Self { index, float: PhantomData })
    }

    fn parts(&self) -> Parts<'_, T> {
        let [m, d, ..] = self.index.dims;
        let blocks = m.div_ceil(BLOCK);
        let rest = &mut self.index.body();
        Parts {
            rows: bytes::next(rest, m * d),
            quads: bytes::next(rest, blocks * BLOCK * d.div_ceil(4)),
            scales: bytes::next(rest, m),
            sums: bytes::next(rest, m),
            norms: bytes::next(rest, m),
            errors: bytes::next(rest, m),
            blocks: bytes::next(rest, blocks),
        }
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>, T: Float> Screened<B, T> {
    /// Copies and quantises W, m x d with any strides, and seals the index.
    ///
    /// # Errors
    /// As [`Packed::build`](super::Packed::build); [`Error::Value`] if d is above 65536.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, Screened}};
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let mut bytes = vec![0u64; Screened::<&[u8], f32>::storage_len(3, 2) / 8];
    /// let mut index = Screened::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes))?; // (1, 0), (0, 1), (1, 1)
    /// assert!(index.verify(w).is_ok());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn build(w: MatRef<'_, T>, bytes: B) -> Result<Self, Error> {
        let (m, d) = (w.rows(), w.cols());
        if d > MOST_COLUMNS {
            return Err(Error::value("screened: d", "at most 65536, so that sums fit 32 bits"));
        }
        let index = Index::create(bytes, Kind::Screened, size_of::<T>(), [m, d, 0, 0], Self::storage_len(m, d))?;
        let mut built = Self { index, float: PhantomData };
        let mut parts = built.parts_mut();
        for r in 0..m {
            for (k, to) in parts.rows[r * d..(r + 1) * d].iter_mut().enumerate() {
                *to = w.get(r, k).unwrap_or_default();
            }
            parts.requantise(r, d);
        }
        for block in 0..m.div_ceil(BLOCK) {
            parts.bound(block);
        }
        built.index.seal();
        Ok(built)
    }

    /// Neuron r has moved to `row`. The index is no longer sealed.
    ///
    /// # Errors
    /// [`Error::Length`] unless the row has length d; [`Error::Value`] if there is no neuron r.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, Screened}};
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let mut bytes = vec![0u64; Screened::<&[u8], f32>::storage_len(3, 2) / 8];
    /// let mut index = Screened::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes))?; // (1, 0), (0, 1), (1, 1)
    /// index.update(Level::detect(), 2, &[0.0, 0.0])?;
    /// assert!(index.verify(MatRef::new(&[1.0, 0.0, 0.0, 1.0, 0.0, 0.0], 3, 2)?).is_ok());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn update(&mut self, _: Level, r: usize, row: &[T]) -> Result<(), Error> {
        let [m, d, ..] = self.index.dims;
        expect_length("update: length of the row", d, row.len())?;
        if r >= m {
            return Err(Error::value("update: neuron", "less than m"));
        }
        let mut parts = self.parts_mut();
        parts.rows[r * d..(r + 1) * d].copy_from_slice(row);
        parts.requantise(r, d);
        parts.bound(r / BLOCK);
        Ok(())
    }

    /// Writes the checksum that [`Check::Everything`] asks for.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, Screened}};
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let mut bytes = vec![0u64; Screened::<&[u8], f32>::storage_len(3, 2) / 8];
    /// let mut index = Screened::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes))?; // (1, 0), (0, 1), (1, 1)
    /// index.update(Level::detect(), 2, &[0.0, 0.0])?;
    /// assert!(Screened::<_, f32>::open(bytemuck::cast_slice::<u64, u8>(&bytes), Check::Everything).is_err()); // not sealed
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn seal(&mut self) {
        self.index.seal();
    }

    fn parts_mut(&mut self) -> PartsMut<'_, T> {
        let [m, d, ..] = self.index.dims;
        let blocks = m.div_ceil(BLOCK);
        let rest = &mut self.index.body_mut();
        PartsMut {
            rows: bytes::next_mut(rest, m * d),
            quads: bytes::next_mut(rest, blocks * BLOCK * d.div_ceil(4)),
            scales: bytes::next_mut(rest, m),
            sums: bytes::next_mut(rest, m),
            norms: bytes::next_mut(rest, m),
            errors: bytes::next_mut(rest, m),
            blocks: bytes::next_mut(rest, blocks),
        }
    }
}

/// Where byte k of row r lies: quad and byte.
#[inline(always)]
const fn place(r: usize, k: usize, d: usize) -> (usize, usize) {
    (r / BLOCK * BLOCK * d.div_ceil(4) + k / 4 * BLOCK + r % BLOCK, k % 4)
}

impl<T: Float> PartsMut<'_, T> {
    fn requantise(&mut self, r: usize, d: usize) {
        let found = quantise(&self.rows[r * d..(r + 1) * d], |k, q| {
            let (quad, byte) = place(r, k, d);
            self.quads[quad][byte] = q;
        });
        (self.scales[r], self.sums[r], self.norms[r], self.errors[r]) = (found.scale, found.sum, found.norm, found.error);
    }

    fn bound(&mut self, block: usize) {
        self.blocks[block] = bound_of(self.errors, self.scales, block);
    }
}

/// The maxima of a block.
fn bound_of(errors: &[[f32; 2]], scales: &[f32], block: usize) -> [f32; 3] {
    let rows = errors.iter().zip(scales).skip(block * BLOCK).take(BLOCK);
    rows.fold([0.0; 3], |most, (error, &scale)| [most[0].max(error[0]), most[1].max(error[1]), most[2].max(scale)])
}

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
        check_query(self, x, hits)?;
        let (scratch, _) = take(scratch, self.scratch_len())?;
        hits.clear();
        let [m, d, ..] = self.index.dims;
        // Nothing is above it; a comparison with NaN is false.
        if threshold < T::INFINITY {
            screened_entry(level, self.parts(), m, d, x, threshold, hits, scratch);
        }
        Ok(())
    }
    fn verify(&self, w: MatRef<'_, T>) -> Result<(), Error> {
        let (parts, d) = (self.parts(), self.dim());
        super::verify_rows(self, w, |r, k| parts.rows.get(r * d + k).copied())?;
        for r in 0..self.neurons() {
            let mut same = true;
            let found = quantise(&parts.rows[r * d..(r + 1) * d], |k, q| {
                let (quad, byte) = place(r, k, d);
                same &= parts.quads[quad][byte] == q;
            });
            let kept = Quantised { scale: parts.scales[r], sum: parts.sums[r], norm: parts.norms[r], error: parts.errors[r] };
            if !same || kept != found || parts.blocks[r / BLOCK] != bound_of(parts.errors, parts.scales, r / BLOCK) {
                return Err(Error::value("verify: bytes of the index", "the weights, quantised"));
            }
        }
        Ok(())
    }
}

multiversion! {
    fn screened_entry<T: Float>(parts: Parts<'_, T>, m: usize, d: usize, x: MatRef<'_, T>, threshold: T,
        hits: &mut Hits<'_, T>, scratch: &mut [T]) = screened_body;
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
) {
    let deep = d.div_ceil(4);
    let (rows, scratch) = split(scratch, CHUNK * d);
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
                let (to, bound) = prepare(row, threshold, S::LIMIT, S::OFFSET, split(bytes, i * deep).1, j, tall);
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
                with_rows!(tall, screen::<T, S>(s, &parts, from, neurons, &chunk, d, i, masks));
                for (j, masks) in masks.chunks_mut(MOST_BLOCKS).take(tall).enumerate() {
                    settle(s, &parts, from, neurons, &chunk, d, first, i + j, threshold, masks, open, hits);
                }
                i += tall;
            }
            from += neurons;
        }
        first += queries;
    }
}

/// J queries against a group of neurons: per query and block, which neurons may fire, and which certainly do.
#[inline(always)]
fn screen<T: Float, S: Simd<T>, const J: usize>(
    s: S,
    parts: &Parts<'_, T>,
    from: usize,
    neurons: usize,
    chunk: &Chunk<'_, T>,
    d: usize,
    i: usize,
    masks: &mut [[u32; 2]],
) {
    let (deep, wide, strips) = (d.div_ceil(4), 2 * S::SUMS, BLOCK / (2 * S::SUMS));
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

/// Decides what the screen left open for one query and a group, and reports it.
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
) {
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
}
