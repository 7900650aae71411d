//! The scan over weights that were packed once.

use core::marker::PhantomData;

use super::bytes::{self, Check, Index, Kind};
use super::hits::Hits;
use super::scan::{self, BLOCK, Blocks};
use super::{Reporter, check_query};
use crate::blas::tile;
use crate::error::{Error, expect_length};
use crate::matrix::MatRef;
use crate::scratch::{area, take};
use crate::simd::{Float, Level, Simd};

/// The weights in blocks, as [`scan`](super::scan()) packs them: without that copy a single query reads every weight once and
/// does nothing else.
///
/// ```
/// use subquad::halfspace::{Check, Hits, Packed, Reporter};
/// use subquad::{Level, MatRef};
///
/// let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
/// let mut bytes = vec![0u64; Packed::<&[u8], f32>::storage_len(3, 2) / 8];
/// Packed::build(w, bytemuck::cast_slice_mut(&mut bytes))?;
///
/// // Later, from a file or from flash:
/// let index = Packed::<_, f32>::open(bytemuck::cast_slice::<u64, u8>(&bytes), Check::Everything)?;
/// let (mut counts, mut indices) = ([0; 1], [0; 3]);
/// let mut hits = Hits::new(&mut counts, &mut indices, 3)?;
/// let mut scratch = vec![0.0; index.scratch_len()];
/// index.query(Level::detect(), &[2.0, 0.5], 1.0, &mut hits, &mut scratch)?;
/// assert_eq!(hits.indices(0), [0, 2]);
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Packed<B, T> {
    index: Index<B>,
    float: PhantomData<T>,
}

impl<B: AsRef<[u8]>, T: Float> Packed<B, T> {
    /// Bytes of an index over m neurons of length d; a multiple of 8.
    ///
    /// ```
    /// use subquad::halfspace::Packed;
    ///
    /// // A header, and whole blocks of 32 neurons.
    /// assert_eq!(Packed::<&[u8], f32>::storage_len(64, 10), 128 + 64 * 10 * 4);
    /// ```
    pub const fn storage_len(m: usize, d: usize) -> usize {
        bytes::index_len(&[bytes::section_len(area(area(m.div_ceil(BLOCK), BLOCK), d), size_of::<T>())])
    }

    /// Scratch of queries, in elements: what [`Reporter::scratch_len`] says of an open index, for static buffers.
    ///
    /// ```
    /// use subquad::halfspace::Packed;
    ///
    /// let scratch = [0.0f32; Packed::<&[u8], f32>::query_scratch_len(64, 10)];
    /// assert!(scratch.len() < 64 * 10);
    /// ```
    pub const fn query_scratch_len(m: usize, d: usize) -> usize {
        let _ = m;
        area(tile::MOST_ROWS, d)
    }

    /// A view over the bytes of an index, which begin at a multiple of 8; there may be more of them.
    ///
    /// # Errors
    /// What the header says that does not fit, with the figures; too few bytes; with [`Check::Everything`], a checksum
    /// that is not that of the bytes.
    ///
    /// ```
    /// # use subquad::halfspace::{Check, Packed};
    /// // These bytes are no index.
    /// assert!(Packed::<_, f32>::open(bytemuck::cast_slice::<u64, u8>(&[0; 100]), Check::Header).is_err());
    /// ```
    pub fn open(bytes: B, check: Check) -> Result<Self, Error> {
        let index = Index::open(bytes, Kind::Packed, size_of::<T>(), check, |[m, d, ..]| Self::storage_len(m, d))?;
        Ok(Self { index, float: PhantomData })
    }

    fn numbers(&self) -> &[T] {
        let [m, d, ..] = self.index.dims;
        bytes::next(&mut self.index.body(), m.div_ceil(BLOCK) * BLOCK * d)
    }

    /// Entry (r, k).
    fn weight(&self, r: usize, k: usize) -> Option<T> {
        self.numbers().get(r / BLOCK * BLOCK * self.dim() + k * BLOCK + r % BLOCK).copied()
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>, T: Float> Packed<B, T> {
    /// Packs W, m x d with any strides, and seals the index.
    ///
    /// # Errors
    /// [`Error::TooShort`] if there are fewer than [`storage_len`](Self::storage_len)`(m, d)` bytes, [`Error::Value`]
    /// unless they begin at a multiple of 8, [`Error::Overflow`] if m does not fit 32 bits.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, Packed}};
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let mut bytes = vec![0u64; Packed::<&[u8], f32>::storage_len(3, 2) / 8];
    /// let mut index = Packed::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes))?; // (1, 0), (0, 1), (1, 1)
    /// assert_eq!((index.neurons(), index.dim()), (3, 2));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn build(w: MatRef<'_, T>, bytes: B) -> Result<Self, Error> {
        let (m, d) = (w.rows(), w.cols());
        let mut index = Index::create(bytes, Kind::Packed, size_of::<T>(), [m, d, 0, 0], Self::storage_len(m, d))?;
        scan::pack(w, bytes::next_mut(&mut index.body_mut(), m.div_ceil(BLOCK) * BLOCK * d));
        index.seal();
        Ok(Self { index, float: PhantomData })
    }

    /// Neuron r has moved to `row`. The index is no longer sealed.
    ///
    /// # Errors
    /// [`Error::Length`] unless the row has length d; [`Error::Value`] if there is no neuron r.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, Packed}};
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let mut bytes = vec![0u64; Packed::<&[u8], f32>::storage_len(3, 2) / 8];
    /// let mut index = Packed::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes))?; // (1, 0), (0, 1), (1, 1)
    /// index.update(Level::detect(), 1, &[5.0, 0.0])?;
    /// let (mut count, mut scratch) = ([0], vec![0.0; index.scratch_len()]);
    /// let mut hits = Hits::new(&mut count, &mut [], 0)?;
    /// index.query(Level::detect(), &[2.0, 0.5], 1.0, &mut hits, &mut scratch)?;
    /// assert_eq!(hits.count(0), 3); // now neuron 1 fires too
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn update(&mut self, _: Level, r: usize, row: &[T]) -> Result<(), Error> {
        let [m, d, ..] = self.index.dims;
        expect_length("update: length of the row", d, row.len())?;
        if r >= m {
            return Err(Error::less("update: neuron", m, r));
        }
        let mut body = self.index.body_mut();
        let numbers: &mut [T] = bytes::next_mut(&mut body, m.div_ceil(BLOCK) * BLOCK * d);
        for (to, &x) in numbers.iter_mut().skip(r / BLOCK * BLOCK * d + r % BLOCK).step_by(BLOCK).zip(row) {
            *to = x;
        }
        Ok(())
    }

    /// Writes the checksum that [`Check::Everything`] asks for: after updates, before the bytes are stored away.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, Packed}};
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let mut bytes = vec![0u64; Packed::<&[u8], f32>::storage_len(3, 2) / 8];
    /// let mut index = Packed::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes))?; // (1, 0), (0, 1), (1, 1)
    /// index.update(Level::detect(), 1, &[5.0, 0.0])?;
    /// index.seal();
    /// assert!(Packed::<_, f32>::open(bytemuck::cast_slice::<u64, u8>(&bytes), Check::Everything).is_ok());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn seal(&mut self) {
        self.index.seal();
    }
}

impl<B: AsRef<[u8]>, T: Float> Reporter<T> for Packed<B, T> {
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
        let (strip, _) = take(scratch, self.scratch_len())?;
        hits.clear();
        let [m, d, ..] = self.index.dims;
        packed_entry(level, self.numbers(), d, m, x, threshold, hits, strip);
        Ok(())
    }
    fn verify(&self, w: MatRef<'_, T>) -> Result<(), Error> {
        super::verify_rows(self, w, |r, k| self.weight(r, k))
    }
}

multiversion! {
    fn packed_entry<T: Float>(numbers: &[T], d: usize, m: usize, x: MatRef<'_, T>, threshold: T, hits: &mut Hits<'_, T>,
        strip: &mut [T]) = packed_body;
}

#[inline(always)]
fn packed_body<T: Float, S: Simd<T>>(
    s: S,
    numbers: &[T],
    d: usize,
    m: usize,
    x: MatRef<'_, T>,
    threshold: T,
    hits: &mut Hits<'_, T>,
    strip: &mut [T],
) {
    let group = scan::group(d, m) * BLOCK;
    let mut from = 0;
    while from < m {
        let neurons = group.min(m - from);
        let numbers = numbers.get(from * d..).unwrap_or_default();
        scan::scan_blocks(s, Blocks { numbers, d, from, neurons }, x, &[threshold], hits, strip);
        from += neurons;
    }
}
