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
//! lies between is decided by the value as defined, a chain of multiply-adds, of many neurons side by side; where they are few for one query, by a product in any
//! order, and its error bound first.
//!
//! # Bits
//! A bit per weight in place of a byte, w = a sign(w) + error, does not pay: of Gaussian numbers the error is 0.6 |w|
//! (`sqrt(1 - 2 / pi)`), and Cauchy-Schwarz makes of it a margin of `0.6 sqrt(d)` standard deviations of the values. Left
//! open are, of Gaussian rows and 2 % that fire, 58 % of all neurons at d = 16 and 99.9 % at d = 64, against 0.4 % and 0.9 % by
//! bytes, with a margin for each row; of rows with Student's t (2 degrees), 98.6 % at d = 64, rotated 92.6 %. Every one of them costs a product of floats.
//!
//! # Limits
//! Rows and queries with numbers so small or so large that these bounds would underflow or overflow, or that are not
//! finite, are never decided by them.

mod quantise;
mod query;
mod rotated;

use core::marker::PhantomData;

pub use self::rotated::Rotated;

use self::quantise::{Quantised, quantise};
use self::rotated::Turn;
use super::bytes::{self, Check, Index, Kind};
use super::scan::BLOCK;
use crate::blas::tile;
use crate::error::{Error, Figure, expect_length};
use crate::matrix::MatRef;
use crate::scratch::{all_of, any_of, area, copy, part, part_mut};
use crate::simd::{Float, Level};

/// Queries that are quantised together, and then meet all neurons: where the weights are not in the cache when the next ones come, it has
/// to be many that share the reading of them.
const FEW: usize = 8 * tile::MOST_ROWS;
const MANY: usize = 40 * tile::MOST_ROWS;
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
/// Floats and a byte per weight, 20 bytes per neuron.
///
/// # Cost
/// Per query m d products of bytes, four to one of floats on AVX-512; and a product of floats for the neurons whose
/// value lies within about `1.5 sqrt(d) / 127` standard deviations of the threshold, for rows and queries
/// of Gaussian numbers. Values on request are a chain of multiply-adds for each neuron that fires.
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
    /// Above `|w_r - s_r q_r| / s_r`.
    errors: &'a [f32],
    /// Above `|q_r|`.
    lengths: &'a [f32],
}

/// The same, to write.
struct PartsMut<'a, T> {
    rows: &'a mut [T],
    quads: &'a mut [[i8; 4]],
    scales: &'a mut [f32],
    sums: &'a mut [i32],
    norms: &'a mut [f32],
    errors: &'a mut [f32],
    lengths: &'a mut [f32],
    /// Where a row is rotated; zeros at all other times.
    work: &'a mut [T],
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
        Self::len_of(m, d, 0)
    }

    /// Of bytes that are `width` wide, or d if that is 0.
    const fn len_of(m: usize, d: usize, width: usize) -> usize {
        let blocks = m.div_ceil(BLOCK);
        let wide = if width == 0 { d } else { width };
        bytes::index_len(&[
            bytes::section_len(width, size_of::<T>()),
            bytes::section_len(area(m, d), size_of::<T>()),
            bytes::section_len(area(area(blocks, BLOCK), wide.div_ceil(4)), 4),
            bytes::section_len(m, 4),
            bytes::section_len(m, 4),
            bytes::section_len(m, 4),
            bytes::section_len(m, 4),
            bytes::section_len(m, 4),
        ])
    }

    /// Scratch of queries, in elements: what [`Reporter::scratch_len`](crate::halfspace::Reporter::scratch_len) says of an open index, for static buffers.
    ///
    /// ```
    /// use subquad::halfspace::Screened;
    ///
    /// let scratch = vec![0.0f32; Screened::<&[u8], f32>::query_scratch_len(1 << 16, 64)];
    /// assert!(scratch.len() < (1 << 16) * 64);
    /// ```
    pub const fn query_scratch_len(m: usize, d: usize) -> usize {
        Self::scratch_of(m, d, 0)
    }

    const fn scratch_of(m: usize, d: usize, width: usize) -> usize {
        // The bytes of queries, what is known of each, and their norms; a float is at least four bytes. A row as it is, and rotated.
        let rows = area(queries_of::<T>(m, d), all_of(&[any_of(&[d, width]).div_ceil(4), 4, 1]));
        // And what is possible and what is certain of a tile in a group, the neurons that are open, now and next, and the order of the queries.
        let blocks = blocks_of::<T>(m, d);
        all_of(&[rows, d, width, 2 * tile::MOST_ROWS * blocks, 2 * blocks * BLOCK, queries_of::<T>(m, d)])
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
        Self::open_as(Kind::Screened, bytes, check, |_| 0)
    }

    /// Opens an index of a kind; `width_of` says, from d, how wide rotated bytes are.
    fn open_as(kind: Kind, bytes: B, check: Check, width_of: impl FnOnce(usize) -> usize) -> Result<Self, Error> {
        let index = Index::open(bytes, kind, size_of::<T>(), check, |[m, d, width, _]| Self::len_of(m, d, width))?;
        let [_, d, width, _] = index.dims;
        expect_narrow(d)?;
        expect_length("screened: columns of rotated bytes", width_of(d), width)?;
        Ok(Self { index, float: PhantomData })
    }

    /// Columns of the bytes.
    fn width(&self) -> usize {
        let [_, d, width, _] = self.index.dims;
        if width == 0 { d } else { width }
    }

    fn parts(&self) -> Parts<'_, T> {
        let [m, d, width, _] = self.index.dims;
        let blocks = m.div_ceil(BLOCK);
        let rest = &mut self.index.body();
        let _: &[T] = bytes::next(rest, width);
        Parts {
            rows: bytes::next(rest, m * d),
            quads: bytes::next(rest, blocks * BLOCK * self.width().div_ceil(4)),
            scales: bytes::next(rest, m),
            sums: bytes::next(rest, m),
            norms: bytes::next(rest, m),
            errors: bytes::next(rest, m),
            lengths: bytes::next(rest, m),
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
        Self::fill(Kind::Screened, w, bytes, 0, |_| None)
    }

    /// Builds an index of a kind, rotated where there is a rotation for d.
    #[inline(always)]
    fn fill(kind: Kind, w: MatRef<'_, T>, bytes: B, seed: u64, rotation: impl FnOnce(usize) -> Option<Turn>) -> Result<Self, Error> {
        let (m, d) = (w.rows(), w.cols());
        expect_narrow(d)?;
        let turn = rotation(d);
        let width = turn.map_or(0, |turn| turn.width);
        let index = Index::create(bytes, kind, size_of::<T>(), [m, d, width, 0], Self::len_of(m, d, width))?;
        let mut built = Self { index, float: PhantomData };
        built.index.set_state([seed, 0, 0, 0, 0, 0, 0, 0]);
        let mut parts = built.parts_mut();
        for r in 0..m {
            for (k, to) in part_mut(parts.rows, r * d, d).iter_mut().enumerate() {
                *to = w.get(r, k).unwrap_or_default();
            }
            parts.requantise(r, d, turn);
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
        self.replace(r, row, None)
    }

    #[inline(always)]
    fn replace(&mut self, r: usize, row: &[T], turn: Option<Turn>) -> Result<(), Error> {
        let [m, d, ..] = self.index.dims;
        expect_length("update: length of the row", d, row.len())?;
        if r >= m {
            return Err(Error::less("update: neuron", m, r));
        }
        let mut parts = self.parts_mut();
        copy(row, part_mut(parts.rows, r * d, d));
        parts.requantise(r, d, turn);
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
        let [m, d, width, _] = self.index.dims;
        let blocks = m.div_ceil(BLOCK);
        let wide = self.width();
        let rest = &mut self.index.body_mut();
        PartsMut {
            work: bytes::next_mut(rest, width),
            rows: bytes::next_mut(rest, m * d),
            quads: bytes::next_mut(rest, blocks * BLOCK * wide.div_ceil(4)),
            scales: bytes::next_mut(rest, m),
            sums: bytes::next_mut(rest, m),
            norms: bytes::next_mut(rest, m),
            errors: bytes::next_mut(rest, m),
            lengths: bytes::next_mut(rest, m),
        }
    }
}

/// Where byte k of row r lies: quad and byte.
#[inline(always)]
const fn place(r: usize, k: usize, d: usize) -> (usize, usize) {
    (r / BLOCK * BLOCK * d.div_ceil(4) + k / 4 * BLOCK + r % BLOCK, k % 4)
}

impl<T> Parts<'_, T> {
    /// What is kept of row r.
    fn kept(&self, r: usize) -> Option<Quantised> {
        let (scale, sum, norm) = (*self.scales.get(r)?, *self.sums.get(r)?, *self.norms.get(r)?);
        Some(Quantised { scale, sum, norm, error: *self.errors.get(r)?, length: *self.lengths.get(r)? })
    }
}

impl<T: Float> PartsMut<'_, T> {
    #[inline(always)]
    fn requantise(&mut self, r: usize, d: usize, turn: Option<Turn>) {
        let row = part(self.rows, r * d, d);
        if let Some(turn) = turn {
            turn.run(row, self.work);
        }
        let found = quantise(row, turn.map(|_| &*self.work), |k, q| {
            let (quad, byte) = place(r, k, turn.map_or(d, |turn| turn.width));
            if let Some(quad) = self.quads.get_mut(quad) {
                quad[byte] = q;
            }
        });
        // Equal indexes are equal bytes.
        self.work.fill(T::ZERO);
        put(self.scales, r, found.scale);
        put(self.sums, r, found.sum);
        put(self.norms, r, found.norm);
        put(self.errors, r, found.error);
        put(self.lengths, r, found.length);
    }
}

/// Writes number r, which there is.
#[inline(always)]
fn put<U>(to: &mut [U], r: usize, x: U) {
    if let Some(to) = to.get_mut(r) {
        *to = x;
    }
}

/// Blocks of a group: floats and bytes together, they fit the cache.
const fn blocks_of<T>(m: usize, d: usize) -> usize {
    let block = area(area(BLOCK, size_of::<T>() + 1), d);
    let (fit, all) = (GROUP_BYTES / if block == 0 { 1 } else { block }, m.div_ceil(BLOCK));
    let fit = if fit > MOST_BLOCKS { MOST_BLOCKS } else { fit };
    let fit = if fit == 0 { 1 } else { fit };
    if all < fit { all } else { fit }
}

/// Queries that meet all groups together.
const fn queries_of<T>(m: usize, d: usize) -> usize {
    if area(m, area(size_of::<T>() + 1, d)) <= GROUP_BYTES { FEW } else { MANY }
}

/// Sums of products of bytes fit 32 bits up to so many columns.
fn expect_narrow(d: usize) -> Result<(), Error> {
    if d <= MOST_COLUMNS {
        return Ok(());
    }
    Err(Error::limited("screened: d", "small enough for sums of 32 bits, at most", Figure::Count(MOST_COLUMNS), Figure::Count(d)))
}
