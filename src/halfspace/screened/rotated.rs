//! The screen, of rows that were rotated before they were quantised.
//!
//! What is lost is relative to the largest number of a row: a byte for all of them, and a row with one number that is much
//! larger than the others has few steps left for those. A random rotation, which leaves products as they are, spreads such a
//! number over the whole row: then the largest is about `sqrt(2 ln d)` times their root mean square, whatever it was before.
//! Rows that are Gaussian gain nothing, because they are like that already.
//!
//! Pairs of neuron and query that the bytes leave open, in percent, without and with a rotation, m = 4096, unit queries
//! (`cargo bench --bench screen -- --quick`; a function of the data, not of a clock):
//!
//! | weights | `peak` | d | 0.1 % fired | 2 % | 10 % |
//! |---|---|---|---|---|---|
//! | Gaussian | 0.99 | 64 | 0.09, 0.09 | 1.17, 1.15 | 3.94, 3.90 |
//! | Gaussian | 0.99 | 784, rotated in 896 | 0.48, 0.49 | 5.11, 5.20 | 17.0, 17.1 |
//! | Student's t, 2 degrees | 1.79 | 64 | 0.08, 0.02 | 1.70, 0.72 | 6.18, 3.66 |
//! | Student's t, 2 degrees | 2.71 | 256 | 0.32, 0.05 | 6.24, 1.91 | 19.9, 9.33 |
//! | Student's t, 2 degrees | 4.04 | 784 | 1.26, 0.09 | 20.1, 4.05 | 47.1, 18.6 |
//! | two of a row 30 times as large | 2.58 | 64 | 0.12, 0.04 | 1.94, 0.71 | 7.09, 2.79 |
//! | two of a row 30 times as large | 3.98 | 256 | 0.74, 0.10 | 8.47, 1.65 | 26.4, 7.01 |
//! | two of a row 30 times as large | 5.36 | 784 | 10.5, 0.23 | 39.5, 3.77 | 67.1, 15.7 |

use super::super::bytes::{Check, Kind};
use super::super::hits::Hits;
use super::super::{Reporter, SANE, check_query, size};
use super::quantise::{Quantised, turning_error};
use super::query::query_body;
use super::{Parts, Screened};
use crate::error::Error;
use crate::float::Real;
use crate::hadamard::{Signs, Transform, is_minus, len_above};
use crate::matrix::MatRef;
use crate::scratch::take;
use crate::simd::{Float, Level, Simd};

/// [`Screened`], of rows that are rotated before they are quantised, by `N^(-1/2) H D`: signs D from a seed, H the
/// [transform](crate::hadamard) of the next length N that has one.
///
/// For rows with few large numbers among many small ones, which [`peak`](crate::halfspace::peak) tells: a byte for the large ones leaves few
/// steps for the others, and a rotation, which leaves products as they are, makes them all alike. Answers and values are the same
/// bits as without. A type of its own, so that who does not rotate does not link the transform.
///
/// # Storage
/// As [`Screened`], with bytes for N columns in place of d; and a row.
///
/// # Cost
/// As [`Screened`], and a transform for each query, and for each row when it is built or updated. The bytes are the same at
/// every level.
///
/// # Formula
/// `<w, x> = <R w, R x>` for R orthogonal; the errors of both rotations as computed are in the bound.
///
/// ```
/// use subquad::{Level, MatRef, halfspace::{Hits, Reporter, Rotated}};
///
/// let level = Level::detect();
/// let w = MatRef::new(&[100.0f32, 0.1, -0.1, 0.1, 0.2, -0.1, 100.0, 0.1, 0.1], 3, 3)?;
/// let mut bytes = vec![0u64; Rotated::<&[u8], f32>::storage_len(3, 3) / 8];
/// let index = Rotated::build(level, w, 1, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes))?;
/// let (mut counts, mut indices, mut scratch) = ([0], [0; 3], vec![0.0; index.scratch_len()]);
/// let mut hits = Hits::new(&mut counts, &mut indices, 3)?;
/// index.query(level, &[0.0, 1.0, 1.0], 0.15, &mut hits, &mut scratch)?;
/// assert_eq!(hits.indices(0), [2]); // of 0, 0.1 and 0.2
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Rotated<B, T> {
    screened: Screened<B, T>,
}

/// The rotation `N^(-1/2) H D`, of rows with zeros behind.
#[derive(Clone, Copy)]
pub(super) struct Turn {
    level: Level,
    seed: u64,
    /// N
    pub width: usize,
}

impl Turn {
    /// Rotates a row into `to`, N long.
    pub fn run<T: Float>(self, row: &[T], to: &mut [T]) {
        let rotation = Transform::new().signs(Signs::Seed(self.seed)).orthonormal();
        // There is a transform of this length: the index would not have been opened else.
        let _ = rotation.run_from(self.level, row, to);
    }
}

/// Columns of the bytes of rotated rows; without columns there is nothing to rotate.
const fn rotated_width(d: usize) -> usize {
    match len_above(d) {
        Some(width) if d > 0 => width,
        Some(_) => 0,
        None => usize::MAX,
    }
}

impl<B: AsRef<[u8]>, T: Float> Rotated<B, T> {
    /// Bytes of an index over m neurons of length d.
    ///
    /// ```
    /// use subquad::halfspace::{Rotated, Screened};
    ///
    /// // Of 64 columns only the row that is rotated comes on top; of 700 there are bytes for 768.
    /// assert_eq!(Rotated::<&[u8], f32>::storage_len(1000, 64), Screened::<&[u8], f32>::storage_len(1000, 64) + 64 * 4);
    /// let more = Rotated::<&[u8], f32>::storage_len(1 << 16, 700) - Screened::<&[u8], f32>::storage_len(1 << 16, 700);
    /// assert_eq!(more, 68 * (1 << 16) + 768 * 4);
    /// ```
    pub const fn storage_len(m: usize, d: usize) -> usize {
        Screened::<B, T>::len_of(m, d, rotated_width(d))
    }

    /// Scratch of queries, in elements: what [`Reporter::scratch_len`] says of an open index, for static buffers.
    ///
    /// ```
    /// use subquad::halfspace::{Rotated, Screened};
    ///
    /// // A row more.
    /// assert_eq!(Rotated::<&[u8], f32>::query_scratch_len(1000, 64), Screened::<&[u8], f32>::query_scratch_len(1000, 64) + 64);
    /// ```
    pub const fn query_scratch_len(m: usize, d: usize) -> usize {
        let _ = m;
        Screened::<B, T>::scratch_of(m, d, rotated_width(d))
    }

    /// A view over the bytes of an index: see [`Packed::open`](crate::halfspace::Packed::open).
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, Rotated}};
    /// # let (level, w) = (Level::detect(), MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?);
    /// # let mut bytes = vec![0u64; Rotated::<&[u8], f32>::storage_len(3, 2) / 8];
    /// let mut index = Rotated::build(level, w, 7, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes))?; // (1, 0), (0, 1), (1, 1)
    /// assert_eq!(Rotated::<_, f32>::open(bytemuck::cast_slice::<u64, u8>(&bytes), Check::Everything)?.neurons(), 3);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn open(bytes: B, check: Check) -> Result<Self, Error> {
        Ok(Self { screened: Screened::open_as(Kind::Rotated, bytes, check, rotated_width)? })
    }

    /// The seed of the rotation.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, Rotated}};
    /// # let (level, w) = (Level::detect(), MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?);
    /// # let mut bytes = vec![0u64; Rotated::<&[u8], f32>::storage_len(3, 2) / 8];
    /// let mut index = Rotated::build(level, w, 7, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes))?; // (1, 0), (0, 1), (1, 1)
    /// assert_eq!(index.seed(), 7);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn seed(&self) -> u64 {
        self.screened.index.state()[0]
    }

    fn turn(&self, level: Level) -> Turn {
        Turn { level, seed: self.seed(), width: rotated_width(self.dim()) }
    }

    /// As [`Screened::query_batch_counting`].
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, Rotated}};
    /// # let (level, w) = (Level::detect(), MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?);
    /// # let mut bytes = vec![0u64; Rotated::<&[u8], f32>::storage_len(3, 2) / 8];
    /// let mut index = Rotated::build(level, w, 7, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes))?; // (1, 0), (0, 1), (1, 1)
    /// let (mut count, mut scratch) = ([0], vec![0.0; index.scratch_len()]);
    /// let mut hits = Hits::new(&mut count, &mut [], 0)?;
    /// let x = MatRef::new(&[2.0, 0.5], 1, 2)?;
    /// assert_eq!(index.query_batch_counting(level, x, 1.0, &mut hits, &mut scratch)?, 0); // none is near 1
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
        if threshold < T::INFINITY {
            let (parts, turn) = (self.screened.parts(), self.turn(level));
            return Ok(rotated_entry(level, parts, turn, self.neurons(), self.dim(), x, threshold, hits, scratch));
        }
        Ok(0)
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>, T: Float> Rotated<B, T> {
    /// Copies, rotates and quantises W, m x d with any strides, and seals the index.
    ///
    /// # Errors
    /// As [`Screened::build`].
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, Rotated}};
    /// # let (level, w) = (Level::detect(), MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?);
    /// # let mut bytes = vec![0u64; Rotated::<&[u8], f32>::storage_len(3, 2) / 8];
    /// let mut index = Rotated::build(level, w, 7, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes))?; // (1, 0), (0, 1), (1, 1)
    /// assert!(index.verify(w).is_ok());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn build(level: Level, w: MatRef<'_, T>, seed: u64, bytes: B) -> Result<Self, Error> {
        let turn = |d| Some(Turn { level, seed, width: rotated_width(d) });
        Ok(Self { screened: Screened::fill(Kind::Rotated, w, bytes, seed, turn)? })
    }

    /// Neuron r has moved to `row`. The index is no longer sealed.
    ///
    /// # Errors
    /// [`Error::Length`] unless the row has length d; [`Error::Value`] if there is no neuron r.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, Rotated}};
    /// # let (level, w) = (Level::detect(), MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?);
    /// # let mut bytes = vec![0u64; Rotated::<&[u8], f32>::storage_len(3, 2) / 8];
    /// let mut index = Rotated::build(level, w, 7, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes))?; // (1, 0), (0, 1), (1, 1)
    /// index.update(level, 2, &[0.0, 0.0])?;
    /// assert!(index.verify(MatRef::new(&[1.0, 0.0, 0.0, 1.0, 0.0, 0.0], 3, 2)?).is_ok());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn update(&mut self, level: Level, r: usize, row: &[T]) -> Result<(), Error> {
        let turn = self.turn(level);
        self.screened.replace(r, row, Some(turn))
    }

    /// Writes the checksum that [`Check::Everything`] asks for.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, Rotated}};
    /// # let (level, w) = (Level::detect(), MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?);
    /// # let mut bytes = vec![0u64; Rotated::<&[u8], f32>::storage_len(3, 2) / 8];
    /// let mut index = Rotated::build(level, w, 7, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes))?; // (1, 0), (0, 1), (1, 1)
    /// index.update(level, 2, &[0.0, 0.0])?;
    /// index.seal();
    /// assert!(Rotated::<_, f32>::open(bytemuck::cast_slice::<u64, u8>(&bytes), Check::Everything).is_ok());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn seal(&mut self) {
        self.screened.seal();
    }
}

impl<B: AsRef<[u8]>, T: Float> Reporter<T> for Rotated<B, T> {
    fn neurons(&self) -> usize {
        self.screened.neurons()
    }
    fn dim(&self) -> usize {
        self.screened.dim()
    }
    fn scratch_len(&self) -> usize {
        Self::query_scratch_len(self.neurons(), self.dim())
    }
    fn query_batch(&self, level: Level, x: MatRef<'_, T>, threshold: T, hits: &mut Hits<'_, T>, scratch: &mut [T]) -> Result<(), Error> {
        self.query_batch_counting(level, x, threshold, hits, scratch).map(drop)
    }
    /// There is no room to rotate a row in as it was when it was quantised: the bytes are not compared, but the bounds are checked, by the
    /// rotation's definition. 2 m d N flops.
    fn verify(&self, w: MatRef<'_, T>) -> Result<(), Error> {
        let turn = self.turn(Level::detect());
        self.screened.verify_rows(w, |row, kept, byte| covers(kept, row, turn, byte))
    }
}

/// Whether what is kept of a rotated row bounds it.
fn covers<T: Float>(kept: Quantised, row: &[T], turn: Turn, byte: &dyn Fn(usize) -> i8) -> bool {
    let width = turn.width;
    let sum: i32 = (0..width).map(|k| i32::from(byte(k))).sum();
    let square = |x: f64| x * x;
    let q = Real::sqrt((0..width).map(|k| square(byte(k).into())).sum::<f64>());
    let (most, norm) = size(row.iter().copied());
    if sum != kept.sum || q > kept.length.into() {
        return false;
    }
    // Of rows that no bound holds for nothing may be claimed.
    if kept.error == f32::INFINITY {
        return q == 0.0 && kept.norm == f32::INFINITY;
    }
    if !(most == 0.0 || SANE.contains(&most)) || norm > kept.norm.into() {
        return false;
    }
    let signs = Signs::Seed(turn.seed);
    let entry = |k: usize| {
        let signed = |(j, x): (usize, &T)| if signs.is_minus(j) != is_minus(width, k, j) { -x.to_f64() } else { x.to_f64() };
        row.iter().enumerate().map(signed).sum::<f64>() / Real::sqrt(width as f64)
    };
    let scale = f64::from(kept.scale);
    let far = Real::sqrt((0..width).map(|k| square(entry(k) * scale - f64::from(byte(k)))).sum::<f64>());
    // The scale is rounded to f32, the rotation to T.
    far <= f64::from(kept.error) + (turning_error::<T>(width) + 2e-7) * norm * scale
}

multiversion! {
    fn rotated_entry<T: Float>(parts: Parts<'_, T>, turn: Turn, m: usize, d: usize, x: MatRef<'_, T>, threshold: T,
        hits: &mut Hits<'_, T>, scratch: &mut [T]) -> u64 = rotated_body;
}

#[inline(always)]
fn rotated_body<T: Float, S: Simd<T>>(
    s: S,
    parts: Parts<'_, T>,
    turn: Turn,
    m: usize,
    d: usize,
    x: MatRef<'_, T>,
    threshold: T,
    hits: &mut Hits<'_, T>,
    scratch: &mut [T],
) -> u64 {
    query_body(s, parts, Some(turn), m, d, x, threshold, hits, scratch)
}
