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
//! * [`Screened`]: products of bytes decide almost everything. [`Rotated`]: of rows with few large numbers, too.
//! * [`BallTree`]: whole groups of neurons at once, in few dimensions.
//!
//! For samples that stay while the weights move, behind another, [`Watcher`], because what they keep belongs to a sample:
//! * [`Candidates`]: per sample the neurons that can have come to fire since the lists were built.
//! * [`MaxTree`]: all values, kept, under trees of maxima.
//!
//! All of them follow neurons that move, behind a third, [`Moving`]. Their functions have the same names everywhere:
//!
//! | | [`Packed`] | [`Screened`], [`Rotated`] | [`BallTree`] | [`MaxTree`] | [`Candidates`] |
//! |---|---|---|---|---|---|
//! | bytes: `storage_len(..)` | m, d | m, d | m, d | m, d, n | m, d, n, room |
//! | scratch: `build_scratch_len(..)` | none | none | m, d | m, d | m, d, n |
//! | scratch: `query_scratch_len(..)`, `scratch_len()` | m, d | m, d | m, d | m, d | m, d, n: 0 |
//! | `build`, which seals; `open`, which checks | W | W; W, seed | W | W, X | W, X, threshold, skin |
//! | `query`, `query_batch` | any x | any x | any x | samples, any threshold | samples, thresholds from that of the lists on |
//! | `update` of a neuron | yes | yes | yes | yes | yes |
//! | of many | | | | `update_batch` | `update_all`, `advance` |
//! | neurons that come and go | | | `insert`, `delete` | | |
//! | made good as a whole | | | `rebalance` | | `rebuild`, `advance` |
//! | `verify` against W | yes | yes | yes | yes | yes |
//! | `seal` after changes | yes | yes | yes | yes | yes |
//! | weights | a copy | a copy | a copy | the caller's, for `replace` and `verify` | the caller's |
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

pub use auto::{Structure, Workload, auto, peak};
pub use ball_tree::BallTree;
pub use bytes::Check;
pub use candidates::Candidates;
pub use hits::Hits;
pub use max_tree::MaxTree;
pub use packed::Packed;
pub use scan::{scan, scan_scratch_len};
pub use screened::{Rotated, Screened};
pub(crate) use values::values_of;

use crate::error::{Error, Figure, expect_length};
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

/// An index that answers for n samples of its own, while the weights move.
///
/// What it keeps belongs to a sample: values, or who may have come to fire. Other queries it cannot answer; that is what
/// [`Reporter`] is for. Every call is handed the weights as the last update left them. A structure that keeps all values
/// ([`MaxTree`]) asks a query's weights for their shape alone.
///
/// ```
/// use subquad::halfspace::{Candidates, Hits, MaxTree, Watcher};
/// use subquad::{Error, Level, MatRef};
///
/// fn who_fires_on_the_last(index: &impl Watcher<f32>, w: MatRef<'_, f32>) -> Result<Vec<u32>, Error> {
///     let (mut count, mut indices, mut scratch) = ([0], vec![0; w.rows()], vec![0.0; index.scratch_len()]);
///     let mut hits = Hits::new(&mut count, &mut indices, w.rows())?;
///     index.query(Level::detect(), w, index.samples() - 1, 1.0, &mut hits, &mut scratch)?;
///     Ok(hits.indices(0).to_vec())
/// }
/// let level = Level::detect();
/// let w = MatRef::new(&[1.0, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
/// let x = MatRef::new(&[0.0, 0.0, 2.0, 0.5], 2, 2)?;
/// let mut scratch = vec![0.0; 10_000];
/// let mut bytes = vec![0u64; MaxTree::<&[u8], f32>::storage_len(3, 2, 2) / 8];
/// let trees = MaxTree::build(level, w, x, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?;
/// assert_eq!(who_fires_on_the_last(&trees, w)?, [0, 2]);
/// let mut bytes = vec![0u64; Candidates::<&[u8], f32>::storage_len(3, 2, 2, 3) / 8];
/// let lists = Candidates::build(level, w, x, 1.0, 0.5, 3, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?;
/// assert_eq!(who_fires_on_the_last(&lists, w)?, [0, 2]);
/// # Ok::<(), subquad::Error>(())
/// ```
pub trait Watcher<T: Float> {
    /// m
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Hits, MaxTree, Watcher}};
    /// # let (level, mut bytes) = (Level::detect(), vec![0u64; MaxTree::<&[u8], f32>::storage_len(3, 2, 1) / 8]);
    /// # let mut scratch = vec![0.0; MaxTree::<&[u8], f32>::build_scratch_len(3, 2)];
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let x = MatRef::new(&[2.0, 0.5], 1, 2)?;
    /// let trees = MaxTree::build(level, w, x, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?;
    /// assert_eq!(trees.neurons(), 3);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn neurons(&self) -> usize;

    /// d
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Hits, MaxTree, Watcher}};
    /// # let (level, mut bytes) = (Level::detect(), vec![0u64; MaxTree::<&[u8], f32>::storage_len(3, 2, 1) / 8]);
    /// # let mut scratch = vec![0.0; MaxTree::<&[u8], f32>::build_scratch_len(3, 2)];
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let x = MatRef::new(&[2.0, 0.5], 1, 2)?;
    /// let trees = MaxTree::build(level, w, x, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?;
    /// assert_eq!(trees.dim(), 2);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn dim(&self) -> usize;

    /// n
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Hits, MaxTree, Watcher}};
    /// # let (level, mut bytes) = (Level::detect(), vec![0u64; MaxTree::<&[u8], f32>::storage_len(3, 2, 1) / 8]);
    /// # let mut scratch = vec![0.0; MaxTree::<&[u8], f32>::build_scratch_len(3, 2)];
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let x = MatRef::new(&[2.0, 0.5], 1, 2)?;
    /// let trees = MaxTree::build(level, w, x, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?;
    /// assert_eq!(trees.samples(), 1);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn samples(&self) -> usize;

    /// Scratch of queries, in elements: it does not depend on their number.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Hits, MaxTree, Watcher}};
    /// # let (level, mut bytes) = (Level::detect(), vec![0u64; MaxTree::<&[u8], f32>::storage_len(3, 2, 1) / 8]);
    /// # let mut scratch = vec![0.0; MaxTree::<&[u8], f32>::build_scratch_len(3, 2)];
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let x = MatRef::new(&[2.0, 0.5], 1, 2)?;
    /// let trees = MaxTree::build(level, w, x, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?;
    /// assert_eq!(trees.scratch_len(), MaxTree::<&[u8], f32>::query_scratch_len(3, 2));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn scratch_len(&self) -> usize;

    /// Reports, for sample `first` and those after it, as many as `hits` has queries, every r with `<w_r, x_i> > b`.
    ///
    /// # Errors
    /// [`Error::Length`] where shapes disagree; [`Error::Value`] if there are not as many samples, if W has a column
    /// stride (of lists), or for a threshold below that of the lists; [`Error::TooShort`] if scratch is less than
    /// [`scratch_len`](Self::scratch_len).
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Hits, MaxTree, Watcher}};
    /// # let (level, mut bytes) = (Level::detect(), vec![0u64; MaxTree::<&[u8], f32>::storage_len(3, 2, 2) / 8]);
    /// # let mut scratch = vec![0.0; MaxTree::<&[u8], f32>::build_scratch_len(3, 2)];
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let x = MatRef::new(&[0.0, 0.0, 2.0, 0.5], 2, 2)?;
    /// let trees = MaxTree::build(level, w, x, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?;
    /// let (mut counts, mut indices) = ([0], [0; 3]);
    /// let mut hits = Hits::new(&mut counts, &mut indices, 3)?; // for one query: of two samples, the second
    /// trees.query_from(level, w, 1, 1.0, &mut hits, &mut scratch)?;
    /// assert_eq!(hits.indices(0), [0, 2]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn query_from(
        &self,
        level: Level,
        w: MatRef<'_, T>,
        first: usize,
        threshold: T,
        hits: &mut Hits<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), Error>;

    /// Reports the neurons that fire on each sample.
    ///
    /// # Errors
    /// As [`query_from`](Self::query_from); `hits` has room for n queries.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Hits, MaxTree, Watcher}};
    /// # let (level, mut bytes) = (Level::detect(), vec![0u64; MaxTree::<&[u8], f32>::storage_len(3, 2, 1) / 8]);
    /// # let mut scratch = vec![0.0; MaxTree::<&[u8], f32>::build_scratch_len(3, 2)];
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let x = MatRef::new(&[2.0, 0.5], 1, 2)?;
    /// let trees = MaxTree::build(level, w, x, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?;
    /// let (mut counts, mut indices) = ([0], [0; 3]);
    /// let mut hits = Hits::new(&mut counts, &mut indices, 3)?;
    /// trees.query_batch(level, w, 1.0, &mut hits, &mut scratch)?;
    /// assert_eq!(hits.indices(0), [0, 2]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn query_batch(&self, level: Level, w: MatRef<'_, T>, threshold: T, hits: &mut Hits<'_, T>, scratch: &mut [T]) -> Result<(), Error> {
        expect_length("query: queries of the hits, against samples", self.samples(), hits.queries())?;
        self.query_from(level, w, 0, threshold, hits, scratch)
    }

    /// Reports the neurons that fire on sample i, as query 0 of `hits`.
    ///
    /// # Errors
    /// As [`query_from`](Self::query_from); `hits` has room for one query.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Hits, MaxTree, Watcher}};
    /// # let (level, mut bytes) = (Level::detect(), vec![0u64; MaxTree::<&[u8], f32>::storage_len(3, 2, 1) / 8]);
    /// # let mut scratch = vec![0.0; MaxTree::<&[u8], f32>::build_scratch_len(3, 2)];
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let x = MatRef::new(&[2.0, 0.5], 1, 2)?;
    /// let trees = MaxTree::build(level, w, x, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?;
    /// let mut count = [0];
    /// let mut hits = Hits::new(&mut count, &mut [], 0)?;
    /// for (threshold, fire) in [(0.0, 3), (1.0, 2), (2.0, 1)] {
    ///     trees.query(level, w, 0, threshold, &mut hits, &mut scratch)?; // of the values 2, 1/2, 5/2
    ///     assert_eq!(hits.count(0), fire);
    /// }
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn query(
        &self,
        level: Level,
        w: MatRef<'_, T>,
        i: usize,
        threshold: T,
        hits: &mut Hits<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), Error> {
        expect_length("query: queries of the hits", 1, hits.queries())?;
        self.query_from(level, w, i, threshold, hits, scratch)
    }

    /// Whether this is a sound index for these weights, as the last update left them.
    ///
    /// # Errors
    /// [`Error::Length`] where shapes disagree, [`Error::Value`] at the first part that does not fit, [`Error::TooShort`] if
    /// scratch is less than the structure's `build_scratch_len` (of trees; lists want none).
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Hits, MaxTree, Watcher}};
    /// # let (level, mut bytes) = (Level::detect(), vec![0u64; MaxTree::<&[u8], f32>::storage_len(3, 2, 1) / 8]);
    /// # let mut scratch = vec![0.0; MaxTree::<&[u8], f32>::build_scratch_len(3, 2)];
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let x = MatRef::new(&[2.0, 0.5], 1, 2)?;
    /// let trees = MaxTree::build(level, w, x, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?;
    /// assert!(trees.verify(level, w, &mut scratch).is_ok());
    /// assert!(trees.verify(level, MatRef::new(&[0.0; 6], 3, 2)?, &mut scratch).is_err());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn verify(&self, level: Level, w: MatRef<'_, T>, scratch: &mut [T]) -> Result<(), Error>;
}

/// An index that follows neurons that move, without being built anew.
///
/// ```
/// use subquad::halfspace::{BallTree, Moving, Packed, Reporter};
/// use subquad::{Error, Level, MatRef};
///
/// fn negate_the_first(index: &mut (impl Reporter<f32> + Moving<f32>), row: &[f32]) -> Result<(), Error> {
///     let row: Vec<f32> = row.iter().map(|x| -x).collect();
///     index.update(Level::detect(), 0, &row)?;
///     index.seal(); // its bytes can be stored
///     Ok(())
/// }
/// let w = MatRef::new(&[1.0, 0.0, 0.0, 1.0], 2, 2)?;
/// let after = MatRef::new(&[-1.0, -0.0, 0.0, 1.0], 2, 2)?;
/// let mut bytes = vec![0u64; Packed::<&[u8], f32>::storage_len(2, 2) / 8];
/// let mut index = Packed::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes))?;
/// negate_the_first(&mut index, &[1.0, 0.0])?;
/// assert!(index.verify(after).is_ok());
/// let mut bytes = vec![0u64; BallTree::<&[u8], f32>::storage_len(2, 2) / 8];
/// let mut scratch = vec![0.0; BallTree::<&[u8], f32>::build_scratch_len(2, 2)];
/// let mut index = BallTree::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?;
/// negate_the_first(&mut index, &[1.0, 0.0])?;
/// assert!(index.verify(after).is_ok());
/// # Ok::<(), subquad::Error>(())
/// ```
pub trait Moving<T: Float> {
    /// Neuron r has moved to `row`. The index is no longer sealed.
    ///
    /// # Errors
    /// [`Error::Length`] unless the row has length d; [`Error::Value`] if there is no neuron r.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Moving, Packed, Reporter}};
    /// # let mut bytes = vec![0u64; Packed::<&[u8], f32>::storage_len(1, 2) / 8];
    /// let mut index = Packed::build(MatRef::new(&[1.0f32, 0.0], 1, 2)?, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes))?;
    /// Moving::update(&mut index, Level::detect(), 0, &[2.0, 3.0])?;
    /// assert!(index.verify(MatRef::new(&[2.0, 3.0], 1, 2)?).is_ok());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn update(&mut self, level: Level, r: usize, row: &[T]) -> Result<(), Error>;

    /// Writes the checksum that [`Check::Everything`] asks for.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Moving, Packed}};
    /// # let mut bytes = vec![0u64; Packed::<&[u8], f32>::storage_len(1, 2) / 8];
    /// let mut index = Packed::build(MatRef::new(&[1.0f32, 0.0], 1, 2)?, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes))?;
    /// Moving::update(&mut index, Level::detect(), 0, &[2.0, 3.0])?;
    /// Moving::seal(&mut index);
    /// assert!(Packed::<_, f32>::open(bytemuck::cast_slice::<u64, u8>(&bytes), Check::Everything).is_ok());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    fn seal(&mut self);
}

macro_rules! moving {
    ($($Index:ident)+) => {
        $(impl<B: AsRef<[u8]> + AsMut<[u8]>, T: Float> Moving<T> for $Index<B, T> {
            fn update(&mut self, level: Level, r: usize, row: &[T]) -> Result<(), Error> {
                self.update(level, r, row)
            }
            fn seal(&mut self) {
                self.seal();
            }
        })+
    };
}
moving!(Packed Screened Rotated BallTree MaxTree Candidates);

/// Shapes of a query for samples that stay.
fn check_watch<T: Float>(index: &(impl Watcher<T> + ?Sized), w: MatRef<'_, T>, first: usize, hits: &Hits<'_, T>) -> Result<(), Error> {
    expect_length("query: rows of W", index.neurons(), w.rows())?;
    expect_length("query: columns of W", index.dim(), w.cols())?;
    let (n, queries) = (index.samples(), hits.queries());
    if first.checked_add(queries).is_some_and(|end| end <= n) {
        return Ok(());
    }
    Err(Error::limited("query: end of the samples", "at most", Figure::Count(n), Figure::Count(first.saturating_add(queries))))
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
            let (kept, wanted) = (weight(r, k).map(T::to_f64), w.get(r, k).map(T::to_f64));
            if kept.map(f64::to_bits) != wanted.map(f64::to_bits) {
                let (wanted, kept) = (wanted.map_or(Figure::Nothing, Figure::number), kept.map_or(Figure::Nothing, Figure::number));
                return Err(Error::at("verify: weights of the index", "those handed over, bit for bit,", wanted, kept, r));
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
