//! Half-space reporting: which neurons fire on this input, exactly.
//!
//! Given weights W (m x d), a query x and a threshold b, report every r with `<w_r, x> > b`: ascending, with values on
//! request, for one query or a batch.
//!
//! # One answer
//! Every structure of this module reports the same set, bit for bit, because there is one definition of the value:
//! `<w_r, x>` is one chain of multiply-adds that starts from 0 and takes k in ascending order, as in
//! [`two_layer::forward`](crate::relu::two_layer::forward). Multiply-adds are fused on levels that fuse, so that a
//! neuron within rounding of the threshold may differ between levels, never between structures of one level.
//! What a structure skips, it skips on a certificate: a bound that holds for the value as computed, rounding included.
//!
//! # NaN
//! A value that is NaN does not fire: neither do rows or queries that contain NaN, nor anything at a threshold that is
//! NaN. Infinities follow IEEE arithmetic.
//!
//! # Structures
//! For queries that nobody has seen before, behind one trait, [`Reporter`]:
//! * [`scan()`]: no index; packs the weights as it goes. [`Packed`]: the scan over weights packed once.
//! * [`Screened`]: products of bytes decide almost everything.
//! * [`BallTree`]: whole groups of neurons at once, in few dimensions.
//!
//! For samples that stay while the weights move:
//! * [`Candidates`]: per sample the neurons that can have come to fire since the lists were built.
//! * [`MaxTree`]: all values, kept, under trees of maxima.
//!
//! [`auto()`] says which one for which work.
//!
//! An index is a view over bytes with a versioned, checked, little-endian header; it is built into the caller's
//! memory, stored as it is, and opened in place, in flash or in a mapped file. Bytes that do not fit are an
//! [`Error`]; damaged bytes may give wrong answers if their checksum is not asked for,
//! and never read outside the buffer.
//!
//! # Cost and source
//! The scan takes 2 n m d flops for n queries. Each of the others says what it looks at instead, and whom it is from.
//!
//! Next: [`sketch`](crate::sketch).

mod auto;
mod ball_tree;
mod bytes;
mod candidates;
mod hits;
mod max_tree;
mod packed;
mod scan;
mod screened;
mod values;

pub use auto::{Structure, Workload, auto};
pub use ball_tree::BallTree;
pub use bytes::Check;
pub use candidates::Candidates;
pub use hits::Hits;
pub use max_tree::MaxTree;
pub use packed::Packed;
pub use scan::{scan, scan_scratch_len};
pub use screened::Screened;
pub(crate) use values::values_of;

use crate::error::{Error, expect_length};
use crate::float::Real;
use crate::matrix::MatRef;
use crate::simd::{Float, Level};

/// An index that answers for any query.
///
/// ```
/// use subquad::halfspace::{BallTree, Hits, Packed, Reporter};
/// use subquad::{Error, Level, MatRef};
///
/// fn how_many_fire(index: &impl Reporter<f32>, x: &[f32]) -> Result<usize, Error> {
///     let (mut count, mut scratch) = ([0], vec![0.0; index.scratch_len()]);
///     let mut hits = Hits::new(&mut count, &mut [], 0)?; // no room for indices: only the count
///     index.query(Level::detect(), x, 1.0, &mut hits, &mut scratch)?;
///     Ok(hits.count(0))
/// }
/// let w = MatRef::new(&[1.0, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
/// let mut bytes = vec![0u64; Packed::<&[u8], f32>::storage_len(3, 2) / 8];
/// assert_eq!(how_many_fire(&Packed::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes))?, &[2.0, 0.5])?, 2);
/// let mut bytes = vec![0u64; BallTree::<&[u8], f32>::storage_len(3, 2) / 8];
/// let mut scratch = vec![0.0; BallTree::<&[u8], f32>::build_scratch_len(3, 2)];
/// assert_eq!(how_many_fire(&BallTree::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?, &[2.0, 0.5])?, 2);
/// # Ok::<(), subquad::Error>(())
/// ```
pub trait Reporter<T: Float> {
    /// m
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, Packed}};
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let mut bytes = vec![0u64; Packed::<&[u8], f32>::storage_len(3, 2) / 8];
    /// let mut index = Packed::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes))?; // (1, 0), (0, 1), (1, 1)
    /// assert_eq!(index.neurons(), 3);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn neurons(&self) -> usize;

    /// d
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, Packed}};
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let mut bytes = vec![0u64; Packed::<&[u8], f32>::storage_len(3, 2) / 8];
    /// let mut index = Packed::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes))?; // (1, 0), (0, 1), (1, 1)
    /// assert_eq!(index.dim(), 2);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn dim(&self) -> usize;

    /// Scratch of queries, in elements: it does not depend on their number.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, Packed}};
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let mut bytes = vec![0u64; Packed::<&[u8], f32>::storage_len(3, 2) / 8];
    /// let mut index = Packed::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes))?; // (1, 0), (0, 1), (1, 1)
    /// assert_eq!(index.scratch_len(), Packed::<&[u8], f32>::query_scratch_len(3, 2));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn scratch_len(&self) -> usize;

    /// Reports, for each row x of X, every r with `<w_r, x> > b`.
    ///
    /// # Shapes
    /// X n x d with any strides; room in `hits` for n queries.
    ///
    /// # Errors
    /// [`Error::Length`] where shapes disagree, [`Error::TooShort`] if scratch is less than
    /// [`scratch_len`](Self::scratch_len).
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, Packed}};
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let mut bytes = vec![0u64; Packed::<&[u8], f32>::storage_len(3, 2) / 8];
    /// let mut index = Packed::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes))?; // (1, 0), (0, 1), (1, 1)
    /// let (mut counts, mut indices, mut scratch) = ([0; 2], [0; 6], vec![0.0; index.scratch_len()]);
    /// let mut hits = Hits::new(&mut counts, &mut indices, 3)?;
    /// let x = MatRef::new(&[2.0, 0.5, 0.5, 0.75], 2, 2)?;
    /// index.query_batch(Level::detect(), x, 1.0, &mut hits, &mut scratch)?;
    /// assert_eq!((hits.indices(0), hits.indices(1)), (&[0, 2][..], &[2][..]));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn query_batch(&self, level: Level, x: MatRef<'_, T>, threshold: T, hits: &mut Hits<'_, T>, scratch: &mut [T]) -> Result<(), Error>;

    /// Reports every r with `<w_r, x> > b`, as query 0 of `hits`.
    ///
    /// # Errors
    /// As [`query_batch`](Self::query_batch).
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, Packed}};
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let mut bytes = vec![0u64; Packed::<&[u8], f32>::storage_len(3, 2) / 8];
    /// let mut index = Packed::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes))?; // (1, 0), (0, 1), (1, 1)
    /// let (mut counts, mut indices, mut values, mut scratch) = ([0], [0; 3], [0.0; 3], vec![0.0; index.scratch_len()]);
    /// let mut hits = Hits::new(&mut counts, &mut indices, 3)?.with_values(&mut values)?;
    /// index.query(Level::detect(), &[2.0, 0.5], 1.0, &mut hits, &mut scratch)?;
    /// assert_eq!((hits.indices(0), hits.values(0)), (&[0, 2][..], &[2.0, 2.5][..]));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn query(&self, level: Level, x: &[T], threshold: T, hits: &mut Hits<'_, T>, scratch: &mut [T]) -> Result<(), Error> {
        self.query_batch(level, MatRef::new(x, 1, x.len())?, threshold, hits, scratch)
    }

    /// Whether this is a sound index over exactly these weights, bit for bit: one pass over both.
    ///
    /// # Errors
    /// [`Error::Length`] where shapes disagree, [`Error::Value`] at the first part that does not fit.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, Packed}};
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let mut bytes = vec![0u64; Packed::<&[u8], f32>::storage_len(3, 2) / 8];
    /// let mut index = Packed::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes))?; // (1, 0), (0, 1), (1, 1)
    /// assert!(index.verify(w).is_ok());
    /// let others = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.5], 3, 2)?;
    /// assert!(index.verify(others).is_err());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn verify(&self, w: MatRef<'_, T>) -> Result<(), Error>;
}

/// Shapes of a query.
fn check_query<T: Float>(index: &(impl Reporter<T> + ?Sized), x: MatRef<'_, T>, hits: &Hits<'_, T>) -> Result<(), Error> {
    expect_length("query: columns of X, against columns of W", index.dim(), x.cols())?;
    expect_length("query: queries of the hits, against rows of X", x.rows(), hits.queries())
}

/// Whether an index's weights are these, bit for bit.
fn verify_rows<T: Float>(
    index: &(impl Reporter<T> + ?Sized),
    w: MatRef<'_, T>,
    weight: impl Fn(usize, usize) -> Option<T>,
) -> Result<(), Error> {
    expect_length("verify: rows of W", index.neurons(), w.rows())?;
    expect_length("verify: columns of W", index.dim(), w.cols())?;
    for r in 0..w.rows() {
        for k in 0..w.cols() {
            // Compared as numbers of twice the width, which is exact; NaN equals NaN.
            if weight(r, k).map(|x| x.to_f64().to_bits()) != w.get(r, k).map(|x| x.to_f64().to_bits()) {
                return Err(Error::value("verify: weights of the index", "those handed over, bit for bit"));
            }
        }
    }
    Ok(())
}

/// Largest numbers of rows and queries whose bounds neither underflow nor overflow in f32.
const SANE: core::ops::RangeInclusive<f64> = 8.8e-16..=1.2e15;

/// The largest absolute value and the norm; NaN if there is one.
fn size<T: Float>(x: impl Iterator<Item = T>) -> (f64, f64) {
    let (mut most, mut squares) = (0.0f64, 0.0);
    for x in x {
        let x = x.to_f64().abs();
        // A NaN stays.
        if x > most || x.is_nan() {
            most = x;
        }
        squares += x * x;
    }
    (most, Real::sqrt(squares))
}
