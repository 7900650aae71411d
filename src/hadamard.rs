//! The fast Walsh-Hadamard transform: H x for the matrix of +1 and -1 with orthogonal rows.
//!
//! H_1 = \[1\], H_2n = \[\[H_n, H_n\], \[H_n, -H_n\]\]: entry (i, j) of H_N is (-1)^popcount(i and j), natural order, unnormalised. H is
//! symmetric and H H = N I: the transform undoes itself but for the factor N.
//!
//! [`fwht`] is the front door. [`Transform`] is the same with more said: a factor fused into the last pass, random signs into the first,
//! another order of the outputs, another source, many transforms along the rows or the columns of a matrix, a few outputs only.
//!
//! ```
//! use subquad::hadamard::{Order, Signs, Transform, fwht};
//! use subquad::{Level, MatMut};
//!
//! let level = Level::detect();
//! let mut x = [1.0f32, 2.0, 3.0, 4.0];
//! fwht(level, &mut x)?;
//! assert_eq!(x, [10.0, -2.0, -4.0, 0.0]);
//!
//! // Randomised and orthonormal, as quantisation and sketching want it: y = N^(-1/2) H D x.
//! let rotation = Transform::new().signs(Signs::Seed(7)).orthonormal();
//! let mut rows = [0.5f32; 3 * 768]; // 768 = 12 * 2^6: no padding
//! rotation.rows(level, MatMut::new(&mut rows, 3, 768)?)?;
//!
//! // Walsh's order: output k belongs to the row with k changes of sign.
//! let mut x = [1.0f32, 2.0, 3.0, 4.0];
//! Transform::new().order(Order::Sequency).run(level, &mut x)?;
//! assert_eq!(x, [10.0, -4.0, 0.0, -2.0]);
//! # Ok::<(), subquad::Error>(())
//! ```
//!
//! # Lengths
//! Every 2^p, and q 2^p for q = 12, 20, 28 and so 40 = 20 * 2: then the matrix is H_q (x) H_(2^p), with H_q as in [`is_minus`], again
//! symmetric, and H H = N I holds. Other lengths are errors that name the nearest valid ones.
//!
//! # Numerics
//! Sums are computed in a fixed order: stages h = 1, 2, 4, .., each `(x[i], x[i + h]) = (x[i] + x[i + h], x[i] - x[i + h])`, then for q > 1 the
//! sum over groups of four pieces, in ascending order, of `(x0 +- x1) +- (x2 +- x3)`; signs are exact; a factor is multiplied last. Every addition
//! rounds once. The results are the same bits on every [`Level`], in and out of place, alone and in a batch, along rows and columns,
//! on one thread and on many (of a NaN only that it is one). Integers wrap around, and are exact where nothing overflows: |x_i| < 2^k
//! needs k + log2 N bits and the sign. The error of a float output is at most log2(N) eps sum |x_i| to first order.
//!
//! # Cost
//! N log2 N additions. One read and one write of memory where x fits the second-level cache, two up to 2^8 times as much.
//!
//! # Source
//! B. J. Fino, V. R. Algazi: Unified matrix treatment of the fast Walsh-Hadamard transform, IEEE Trans. Computers C-25, 1976.
//!
//! Next: [`cg`](crate::cg).

mod codelet;
mod odd;
mod order;
mod outputs;
mod paley;
#[cfg(feature = "parallel")]
mod parallel;
mod schedule;
mod signs;
mod small;

pub use order::Order;
pub use signs::Signs;

use crate::error::{Error, Figure, expect_contiguous, expect_length};
use crate::matrix::{MatMut, MatRef};
use crate::scratch::{part_mut, split};
use crate::simd::{Element, Float, Level};
use schedule::{Input, NEAR, Rows, outer_len};

/// `x <- H x`, in place: natural order, unnormalised.
///
/// # Shapes
/// x: N = 2^p or q 2^p, q in {12, 20, 28}. f32, f64, i32, i16.
///
/// # Errors
/// [`Error::TransformLength`] for any other length.
///
/// # Numerics, cost
/// As the [module](self) says. No scratch.
///
/// ```
/// use subquad::{Level, hadamard::fwht};
///
/// let mut x = [3i32, 1, 4, 1];
/// fwht(Level::detect(), &mut x)?;
/// assert_eq!(x, [9, 5, -1, -1]);
/// assert_eq!(
///     fwht(Level::detect(), &mut [0.0f32; 9]).unwrap_err().to_string(),
///     "no Walsh-Hadamard transform of length 9; the nearest valid lengths are 8 and 12"
/// );
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn fwht<T: Element>(level: Level, x: &mut [T]) -> Result<(), Error> {
    let n = x.len();
    if !small::SMALL && n.is_power_of_two() && size_of_val(x) <= NEAR && run_single(level, x) {
        return Ok(());
    }
    check_len(n)?;
    rows(level, x, 1, n, n, None, Signs::None, None);
    Ok(())
}

/// `x <- H x` for an array whose length is known: nothing is left to go wrong at run time. A length that is not valid does not compile.
///
/// On targets with a single level (microcontrollers) the loops are compiled for this very length.
///
/// ```
/// use subquad::{Level, hadamard::fwht_array};
///
/// let mut x = [1.0f32; 256];
/// fwht_array(Level::detect(), &mut x);
/// assert_eq!((x[0], x[1]), (256.0, 0.0));
/// ```
#[inline]
pub fn fwht_array<T: Element, const N: usize>(level: Level, x: &mut [T; N]) {
    const { assert!(is_len(N), "the length must be 2^p, 12 * 2^p, 20 * 2^p or 28 * 2^p") };
    rows(level, x, 1, N, N, None, Signs::None, None);
}

/// Whether there is a transform of this length.
///
/// ```
/// use subquad::hadamard::is_len;
///
/// assert!(is_len(512) && is_len(768) && is_len(40));
/// assert!(!is_len(0) && !is_len(9) && !is_len(36));
/// ```
pub const fn is_len(n: usize) -> bool {
    n.is_power_of_two() || (n > 0 && odd_part(n) > 1 && n.trailing_zeros() >= 2)
}

/// The least length >= n of a transform, if it fits a `usize`.
///
/// ```
/// assert_eq!(subquad::hadamard::len_above(700), Some(768));
/// ```
pub const fn len_above(n: usize) -> Option<usize> {
    let mut best = n.checked_next_power_of_two();
    let mut odd = 3;
    while odd < 8 {
        // The least odd 2^p >= n with p >= 2.
        let mut len = Some(4 * odd);
        while let Some(found) = len {
            if found >= n {
                if best.is_none() || matches!(best, Some(best) if found < best) {
                    best = len;
                }
                break;
            }
            len = found.checked_mul(2);
        }
        odd += 2;
    }
    best
}

/// The greatest length <= n of a transform, if there is one.
///
/// ```
/// assert_eq!(subquad::hadamard::len_below(700), Some(640));
/// ```
pub const fn len_below(n: usize) -> Option<usize> {
    if n == 0 {
        return None;
    }
    let mut best = 1 << n.ilog2();
    let mut odd = 3;
    while odd < 8 {
        let mut len = 4 * odd;
        while len <= n / 2 {
            len *= 2;
        }
        if len <= n && len > best {
            best = len;
        }
        odd += 2;
    }
    Some(best)
}

/// Whether entry (i, j) of the matrix of n rows, in natural order, is -1.
///
/// H_(2^p) has (-1)^popcount(i and j). For n = q 2^p, q = 12, 20, 28, the entry is that of H_q at (i / 2^p, j / 2^p) times that of H_(2^p) at the
/// remainders; H_q is symmetric, by Paley's second construction (On orthogonal matrices, J. Math. Phys. 12, 1933). Of no meaning where n is not
/// [a valid length](is_len), or i or j is not below n.
///
/// ```
/// // The last row of H_4 is 1, -1, -1, 1.
/// assert_eq!([0, 1, 2, 3].map(|j| subquad::hadamard::is_minus(4, 3, j)), [false, true, true, false]);
/// ```
pub const fn is_minus(n: usize, i: usize, j: usize) -> bool {
    let q = odd_part(n);
    let p = if n == 0 { 0 } else { n.trailing_zeros().saturating_sub(if q == 1 { 0 } else { 2 }) };
    let minus = (i & j & !(usize::MAX << p)).count_ones() % 2 == 1;
    let rows = paley::rows_of(q);
    if i >> p >= rows.len() || j >> p >= rows.len() { minus } else { minus != (rows[i >> p] >> (j >> p) & 1 == 1) }
}

/// q of n = q 2^p, for a valid length.
#[inline(always)]
const fn odd_part(n: usize) -> usize {
    if n == 0 {
        return 1;
    }
    match n >> n.trailing_zeros() {
        3 => 12,
        5 => 20,
        7 => 28,
        _ => 1,
    }
}

#[inline]
fn check_len(n: usize) -> Result<(), Error> {
    if is_len(n) { Ok(()) } else { Err(no_len(n)) }
}

#[cold]
fn no_len(n: usize) -> Error {
    Error::TransformLength { found: n, below: len_below(n), above: len_above(n) }
}

/// What a factor is made from.
#[derive(Clone, Copy, Debug)]
enum Scale<T> {
    One,
    By(T),
    /// From the length.
    For(fn(usize) -> T),
}

/// A transform with everything said: y = c P H D x. A value that can be kept, copied, and be a constant.
///
/// D are random [signs](Transform::signs), fused into the first pass; c is a [factor](Transform::scaled), fused into the last; P brings the
/// outputs into another [order](Transform::order), after it.
///
/// ```
/// use subquad::{Level, hadamard::Transform};
///
/// const MEAN_AND_HALF_DIFFERENCE: Transform<f32> = Transform::new().scaled(0.5);
/// let mut x = [7.0, 3.0];
/// MEAN_AND_HALF_DIFFERENCE.run(Level::detect(), &mut x)?;
/// assert_eq!(x, [5.0, 2.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Transform<'a, T> {
    scale: Scale<T>,
    order: Order,
    signs: Signs<'a>,
}

impl<T> Default for Transform<'_, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a, T> Transform<'a, T> {
    /// H itself.
    ///
    /// ```
    /// # use subquad::{Level, hadamard::Transform};
    /// let mut x = [7, 3];
    /// Transform::new().run(Level::detect(), &mut x)?;
    /// assert_eq!(x, [10, 4]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn new() -> Self {
        Self { scale: Scale::One, order: Order::Natural, signs: Signs::None }
    }

    /// Signs of the inputs. In a batch every transform has the same.
    ///
    /// ```
    /// # use subquad::{Level, hadamard::{Signs, Transform}};
    /// let mut x = [7, 3]; // becomes 7, -3 before the transform
    /// Transform::new().signs(Signs::Bits(&[0b10])).run(Level::detect(), &mut x)?;
    /// assert_eq!(x, [4, 10]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn signs<'b>(self, signs: Signs<'b>) -> Transform<'b, T>
    where
        T: Copy,
    {
        Transform { scale: self.scale, order: self.order, signs }
    }

    /// The order of the outputs. Others than the natural one exist for powers of two.
    ///
    /// They are made by exchanges in place, after the transform: one more pass over the data, two for sequency order.
    ///
    /// ```
    /// # use subquad::{Level, hadamard::{Order, Transform}};
    /// let mut x = [1, 2, 3, 4]; // in natural order: 10, -2, -4, 0
    /// Transform::new().order(Order::Dyadic).run(Level::detect(), &mut x)?;
    /// assert_eq!(x, [10, -4, -2, 0]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[must_use]
    pub const fn order(self, order: Order) -> Self
    where
        T: Copy,
    {
        Self { order, ..self }
    }

    /// Every output times c. Integers wrap.
    ///
    /// ```
    /// # use subquad::{Level, hadamard::{Transform, fwht}};
    /// let mut x = [1.0f32, 2.0, 3.0, 4.0];
    /// fwht(Level::detect(), &mut x)?;
    /// Transform::new().scaled(0.25).run(Level::detect(), &mut x)?; // the inverse: H H = 4 I
    /// assert_eq!(x, [1.0, 2.0, 3.0, 4.0]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[must_use]
    pub const fn scaled(self, c: T) -> Self
    where
        T: Copy,
    {
        Self { scale: Scale::By(c), ..self }
    }
}

impl<T: Float> Transform<'_, T> {
    /// Every output times N^(-1/2), correctly rounded from double precision: lengths of vectors stay what they are.
    ///
    /// ```
    /// # use subquad::{Level, hadamard::Transform};
    /// let mut x = [2.0f32, 0.0, 0.0, 0.0];
    /// Transform::new().orthonormal().run(Level::detect(), &mut x)?;
    /// assert_eq!(x, [1.0; 4]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[must_use]
    pub const fn orthonormal(self) -> Self {
        Self { scale: Scale::For(inverse_root::<T>), ..self }
    }
}

fn inverse_root<T: Float>(n: usize) -> T {
    T::from_f64(1.0 / crate::Real::sqrt(n as f64))
}

impl<T: Element> Transform<'_, T> {
    /// The factor for this length, if all is well.
    fn check(&self, n: usize) -> Result<Option<T>, Error> {
        // Lengths that are near, and that this order would refuse as well, are no help.
        if self.order != Order::Natural && !n.is_power_of_two() {
            let below = if n == 0 { None } else { Some(1 << n.ilog2()) };
            return Err(Error::TransformLength { found: n, below, above: n.checked_next_power_of_two() });
        }
        check_len(n)?;
        if let Signs::Bits(words) = self.signs
            && words.len() < n.div_ceil(64)
        {
            return Err(Error::too_short("signs", n.div_ceil(64), words.len()));
        }
        Ok(match self.scale {
            Scale::One => None,
            Scale::By(c) => Some(c),
            Scale::For(f) => Some(f(n)),
        })
    }

    /// `x <- c P H D x`, in place.
    ///
    /// # Errors
    /// [`Error::TransformLength`] unless the length is valid, and a power of two for orders other than the natural one;
    /// [`Error::TooShort`] for too few sign bits.
    ///
    /// ```
    /// # use subquad::{Level, hadamard::Transform};
    /// let mut x = [0i32, 1, 0, 0];
    /// Transform::new().run(Level::detect(), &mut x)?;
    /// assert_eq!(x, [1, -1, 1, -1]); // a column of H
    /// assert!(Transform::new().run(Level::detect(), &mut x[..3]).is_err());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn run(&self, level: Level, x: &mut [T]) -> Result<(), Error> {
        let n = x.len();
        let scale = self.check(n)?;
        rows(level, x, 1, n, n, None, self.signs, scale);
        order::permute(self.order, n, |i, j| order::exchange(x, i, j));
        Ok(())
    }

    /// `to <- c P H D [source; 0]`: the source stays as it is, and may be shorter than the transform, which it then is as if zeros
    /// followed. No more passes over memory than in place; blocks of zeros are not read.
    ///
    /// # Errors
    /// As [`run`](Self::run); [`Error::TooShort`] where `to` is shorter than the source.
    ///
    /// ```
    /// use subquad::{Level, hadamard::Transform};
    ///
    /// let mut y = [0.0f32; 4];
    /// Transform::new().run_from(Level::detect(), &[1.0, 2.0, 3.0], &mut y)?;
    /// assert_eq!(y, [6.0, 2.0, 0.0, -4.0]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn run_from(&self, level: Level, source: &[T], to: &mut [T]) -> Result<(), Error> {
        let n = to.len();
        let scale = self.check(n)?;
        if n < source.len() {
            return Err(Error::too_short("to", source.len(), n));
        }
        rows(level, to, 1, n, n, Some((source, source.len(), source.len())), self.signs, scale);
        order::permute(self.order, n, |i, j| order::exchange(to, i, j));
        Ok(())
    }

    /// Transforms every row of a matrix, in place.
    ///
    /// # Errors
    /// As [`run`](Self::run), for the number of columns.
    ///
    /// ```
    /// # use subquad::{Level, MatMut, hadamard::Transform};
    /// let mut x = [1, 2, 3, 4];
    /// Transform::new().rows(Level::detect(), MatMut::new(&mut x, 2, 2)?)?;
    /// assert_eq!(x, [3, -1, 7, -1]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn rows(&self, level: Level, mut x: MatMut<'_, T>) -> Result<(), Error> {
        let (count, n, stride) = (x.rows(), x.cols(), x.stride());
        let scale = self.check(n)?;
        rows(level, x.data(), count, n, stride, None, self.signs, scale);
        self.order_rows(x);
        Ok(())
    }

    /// Transforms every row of `source` into the row of `to`; zeros follow where the source has fewer columns.
    ///
    /// # Errors
    /// As [`run`](Self::run), for the number of columns of `to`; [`Error::Length`] where the rows are not as many;
    /// [`Error::TooShort`] where the source has more columns; [`Error::Value`] where columns of the source are not neighbours in memory.
    ///
    /// ```
    /// # use subquad::{Level, MatMut, MatRef, hadamard::Transform};
    /// let mut y = [0; 4];
    /// Transform::new().rows_from(Level::detect(), MatRef::new(&[5, 6], 2, 1)?, MatMut::new(&mut y, 2, 2)?)?;
    /// assert_eq!(y, [5, 5, 6, 6]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn rows_from(&self, level: Level, source: MatRef<'_, T>, mut to: MatMut<'_, T>) -> Result<(), Error> {
        let (count, n, stride) = (to.rows(), to.cols(), to.stride());
        let scale = self.check(n)?;
        expect_length("source: rows", count, source.rows())?;
        if n < source.cols() {
            return Err(Error::too_short("to: columns", source.cols(), n));
        }
        if source.cols() > 1 {
            expect_contiguous("source: stride of the columns", source.col_stride())?;
        }
        rows(level, to.data(), count, n, stride, Some((source.data(), source.row_stride(), source.cols())), self.signs, scale);
        self.order_rows(to);
        Ok(())
    }

    fn order_rows(&self, mut x: MatMut<'_, T>) {
        if self.order != Order::Natural {
            for i in 0..x.rows() {
                if let Some(row) = x.row(i) {
                    order::permute(self.order, row.len(), |i, j| order::exchange(row, i, j));
                }
            }
        }
    }

    /// Transforms every column of a row-major matrix, in place and without transposing it.
    ///
    /// # Errors
    /// As [`run`](Self::run), for the number of rows.
    ///
    /// ```
    /// # use subquad::{Level, MatMut, hadamard::Transform};
    /// let mut x = [1, 2, 3, 4];
    /// Transform::new().columns(Level::detect(), MatMut::new(&mut x, 2, 2)?)?;
    /// assert_eq!(x, [4, 6, -2, -2]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn columns(&self, level: Level, mut x: MatMut<'_, T>) -> Result<(), Error> {
        let (n, width, stride) = (x.rows(), x.cols(), x.stride());
        let scale = self.check(n)?;
        if n == 1 {
            // Transforms of one number are rows as well, and there are many.
            rows(level, part_mut(x.data(), 0, width), width, 1, 1, None, self.signs, scale);
            return Ok(());
        }
        if width == 0 {
            return Ok(());
        }
        let q = odd_part(n);
        let m = n / q;
        if m == 1 && !matches!(self.signs, Signs::None) {
            // The only pass is that of the matrix of order q, which knows no signs.
            for i in (0..n).filter(|&i| self.signs.is_minus(i)) {
                if let Some(row) = x.row(i) {
                    negate(level, row);
                }
            }
        }
        for r in 0..q {
            let x = x.data().get_mut(r * m * stride..).unwrap_or_default();
            run_columns(level, x, m, stride, width, self.signs, r * m, if q == 1 { scale } else { None });
        }
        if q > 1 {
            run_pieces(level, x.data(), q, m, stride, width, scale);
        }
        let data = x.data();
        order::permute(self.order, n, |i, j| {
            let (i, j) = (i.min(j), i.max(j));
            let (low, high) = split(data, j * stride);
            let (low, high) = (part_mut(low, i * stride, width), part_mut(high, 0, width));
            if low.len() == high.len() {
                low.swap_with_slice(high);
            }
        });
        Ok(())
    }

    /// `out[j] <- c (H D [source; 0])[chosen[j]]` for a transform of n = 2^p numbers: some outputs, from a source that stays as it is.
    ///
    /// `chosen` counts in this transform's order, may repeat, and need not be sorted. The bits are those of the whole transform.
    ///
    /// # Scratch
    /// [`outputs_scratch_len`]`(n, chosen.len())` elements.
    ///
    /// # Cost
    /// N log2(b) additions for a block length b of 16 s at least, and N s / b more: the source is read once, and nothing of its length is
    /// written.
    ///
    /// # Errors
    /// [`Error::TransformLength`] unless n is a power of two; [`Error::TooShort`] for n below the source's length, too short scratch, too few
    /// sign bits; [`Error::Length`] unless `out` is as long as `chosen`; [`Error::Value`] where an index is not below n.
    ///
    /// ```
    /// use subquad::{Level, hadamard::{Transform, outputs_scratch_len}};
    ///
    /// let (mut out, mut scratch) = ([0; 2], [0; outputs_scratch_len(4, 2)]);
    /// Transform::new().outputs(Level::detect(), &[1, 2, 3, 4], 4, &[3, 0], &mut out, &mut scratch)?;
    /// assert_eq!(out, [0, 10]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn outputs(&self, level: Level, source: &[T], n: usize, chosen: &[usize], out: &mut [T], scratch: &mut [T]) -> Result<(), Error> {
        let scale = Transform { order: Order::Dyadic, ..*self }.check(n)?; // powers of two only
        if n < source.len() {
            return Err(Error::too_short("n", source.len(), n));
        }
        expect_length("out", chosen.len(), out.len())?;
        if let Some((i, &row)) = chosen.iter().enumerate().find(|&(_, &row)| row >= n) {
            return Err(Error::at("chosen", "less than", Figure::Count(n), Figure::Count(row), i));
        }
        let need = outputs_scratch_len(n, chosen.len());
        let found = scratch.len();
        let Some(scratch) = scratch.get_mut(..need) else { return Err(Error::too_short("scratch", need, found)) };
        outputs::outputs(level, source, n, self.signs, self.order, chosen, out, scale, scratch);
        Ok(())
    }
}

/// Scratch for [`Transform::outputs`], in elements: n numbers transformed, s of them wanted.
///
/// ```
/// // Eight of a million outputs: the room is a small share of a whole transform's.
/// assert!(subquad::hadamard::outputs_scratch_len(1 << 20, 8) < (1 << 20) / 100);
/// ```
pub const fn outputs_scratch_len(n: usize, s: usize) -> usize {
    if n == 0 {
        return 0;
    }
    let block = outputs::block_len(n, s);
    crate::scratch::all_of(&[block, crate::scratch::area(s, outputs::digits(n, block))])
}

/// Bytes that no level's codelet exceeds: 16 vectors of 512 bits.
const CODELET: usize = 16 * 64;
/// Bytes that no level's shortest transforms of q pieces exceed: 28 vectors.
const ODD: usize = 28 * 64;

/// Rows of a source: the slice, its stride, and how many numbers of a row there are.
type Source<'a, T> = Option<(&'a [T], usize, usize)>;

/// Transforms of `count` rows of n numbers, `stride` apart: arguments are sound.
fn rows<T: Element>(
    level: Level,
    x: &mut [T],
    count: usize,
    n: usize,
    stride: usize,
    source: Source<'_, T>,
    signs: Signs<'_>,
    scale: Option<T>,
) {
    let q = odd_part(n);
    if !small::SMALL && q == 1 && outer_len::<T>(n) == n && source.is_none_or(|(_, _, have)| have == n) {
        return batch(level, x, Rows { n, count, stride, advance: 0 }, source.map(|(from, stride, _)| (from, stride)), signs, 0, scale);
    }
    if !small::SMALL && q > 1 && n * size_of::<T>() <= ODD && source.is_none_or(|(_, _, have)| have == n) {
        let (from, from_stride) = source.map_or((None, 0), |(from, stride, _)| (Some(from), stride));
        let rows = Rows { n, count, stride, advance: 0 };
        if run_odd(level, x, q, rows, Input { source: from, signs, at: 0 }, from_stride, scale) {
            return;
        }
    }
    for i in 0..count {
        let Some(x) = x.get_mut(i * stride..i * stride + n) else { return };
        let source = match source {
            Some((from, stride, have)) => from.get(i * stride..i * stride + have),
            None => None,
        };
        row(level, x, source, signs, 0, scale);
    }
}

/// One transform of any length, from a source that may be shorter; the first sign is that of index `at`.
fn row<T: Element>(level: Level, x: &mut [T], source: Option<&[T]>, signs: Signs<'_>, at: usize, scale: Option<T>) {
    if small::SMALL {
        return small::row(x, source, signs, at, scale);
    }
    let n = x.len();
    let q = odd_part(n);
    let m = if q == 1 { n } else { n / q };
    let outer = outer_len::<T>(m);
    if outer == n && source.is_none_or(|source| source.len() == n) {
        let rows = Rows { n, count: 1, stride: n, advance: 0 };
        return batch(level, x, rows, source.map(|source| (source, n)), signs, at, scale);
    }
    let inside = if outer == n { scale } else { None };
    match source {
        // Zeros follow the source somewhere.
        Some(source) if source.len() < n => {
            for (i, x) in x.chunks_exact_mut(outer).enumerate() {
                let from = source.len().min(i * outer);
                let part = &source[from..source.len().min(from + outer)];
                let rows = Rows { n: outer, count: 1, stride: outer, advance: 0 };
                batch(level, x, rows, Some((part, outer)), signs, at + i * outer, inside);
            }
        }
        _ => {
            let rows = Rows { n: outer, count: n / outer, stride: outer, advance: outer };
            batch(level, x, rows, source.map(|source| (source, outer)), signs, at, inside);
        }
    }
    if outer < m {
        for x in x.chunks_exact_mut(m) {
            run_columns(level, x, m / outer, outer, outer, Signs::None, 0, if q == 1 { scale } else { None });
        }
    }
    if q > 1 {
        run_pieces(level, x, q, 1, m, m, scale);
    }
}

/// Rows that fit the second-level cache.
#[inline]
fn batch<T: Element>(level: Level, x: &mut [T], rows: Rows, source: Option<(&[T], usize)>, signs: Signs<'_>, at: usize, scale: Option<T>) {
    let Rows { n, count, .. } = rows;
    let (mut source, from_stride) = match source {
        Some((source, stride)) => (Some(source), stride),
        None => (None, 0),
    };
    if let Some(short) = source
        && count == 1
        && short.len() < n
        && n < 2048
    {
        // Shorter than any codelet's transform: worth no care for zeros.
        x[..short.len()].copy_from_slice(short);
        x[short.len()..n].fill(T::zeroed());
        source = None;
    }
    if n * size_of::<T>() > CODELET || !run_short(level, x, rows, Input { source, signs, at }, from_stride, scale) {
        run_blocks(level, x, rows, Input { source, signs, at }, from_stride, scale);
    }
}

multiversion! {
    #[inline]
    fn run_single<T: Element>(x: &mut [T]) -> bool = schedule::single;
}

multiversion! {
    fn run_short<T: Element>(x: &mut [T], rows: Rows, input: Input<'_, T>, from_stride: usize, scale: Option<T>) -> bool = schedule::short;
}

multiversion! {
    fn run_blocks<T: Element>(x: &mut [T], rows: Rows, input: Input<'_, T>, from_stride: usize, scale: Option<T>) = schedule::blocks;
}

multiversion! {
    fn run_columns<T: Element>(x: &mut [T], n: usize, stride: usize, width: usize, signs: Signs<'_>, at: usize, scale: Option<T>) = schedule::columns;
}

multiversion! {
    fn run_odd<T: Element>(x: &mut [T], q: usize, rows: Rows, input: Input<'_, T>, from_stride: usize, scale: Option<T>) -> bool = odd::short;
}

multiversion! {
    fn run_pieces<T: Element>(x: &mut [T], q: usize, m: usize, stride: usize, width: usize, scale: Option<T>) = odd::pieces;
}

multiversion! {
    fn negate<T: Element>(x: &mut [T]) = schedule::negate;
}
