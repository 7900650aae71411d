//! The shifted, normalised ReLU: which neurons fire, what they say, and the derivative of it.

use crate::error::{Error, Figure, expect_contiguous, expect_length, expect_not_negative};
use crate::matrix::MatRef;
use crate::simd::{Float, Level, Simd};
use crate::sparse::{SparseRef, Support};

/// What a neuron that fires hands on, before normalisation.
///
/// ```
/// use subquad::{Level, MatRef, relu::deep::{Form, activate}};
///
/// // Pre-activations 3, -1, 4 and a shift of 1: hard, the neurons hand on (3, 4) / 5.
/// let (mut starts, mut indices, mut values, mut norms) = ([0; 2], [0; 3], [0.0f64; 3], [0.0]);
/// activate(Level::detect(), Form::Hard, 1.0, MatRef::new(&[3.0, -1.0, 4.0], 1, 3)?, &mut starts, &mut indices, &mut values, &mut norms)?;
/// assert_eq!(norms, [5.0]);
/// // Soft, they hand on (2, 3), brought to norm 1.
/// activate(Level::detect(), Form::Soft, 1.0, MatRef::new(&[3.0, -1.0, 4.0], 1, 3)?, &mut starts, &mut indices, &mut values, &mut norms)?;
/// assert_eq!(norms, [13f64.sqrt()]);
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// z - b: continuous.
    #[default]
    Soft,
    /// z: jumps at b, as the papers have it. The derivative ignores the jump, so steps want a line search.
    Hard,
}

/// The share of neurons that fire on pre-activations of variance 1: `P(N(0, 1) > b)`.
///
/// ```
/// assert_eq!(subquad::relu::deep::fired_share(0.0), 0.5);
/// ```
pub fn fired_share(shift: f64) -> f64 {
    0.5 * libm::erfc(shift / core::f64::consts::SQRT_2)
}

/// The shift at which a share p of the neurons fires: the inverse of [`fired_share`], for 0 < p <= 1/2.
///
/// # Errors
/// [`Error::Value`] for another p.
///
/// ```
/// use subquad::relu::deep::{fired_share, shift_for};
/// assert!((fired_share(shift_for(0.1)?) - 0.1).abs() < 1e-12);
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn shift_for(share: f64) -> Result<f64, Error> {
    if !(share > 0.0 && share <= 0.5) {
        return Err(Error::value("share that fires", "above 0 and at most 1/2", Figure::number(share)));
    }
    // Bisection: P(N > 39) is below every positive double.
    let (mut low, mut high) = (0.0, 39.0);
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if fired_share(middle) > share { low = middle } else { high = middle }
    }
    Ok(0.5 * (low + high))
}

/// The papers' shift, `sqrt(0.4 ln m)`.
///
/// ```
/// // ln 22026 = 10.0000
/// assert!((subquad::relu::deep::paper_shift(22026) - 2.0).abs() < 1e-5);
/// ```
pub fn paper_shift(m: usize) -> f64 {
    crate::Real::sqrt(0.4 * libm::log(m.max(1) as f64))
}

/// Finds which neurons fire on each row of Z, and their normalised outputs.
///
/// # Shapes
/// Z n x m, its columns next to each other in memory; starts n + 1, norms n; indices and values: as much room as there is. All may hold
/// anything before. What is written is a [`Support`] with its numbers: `starts`, the first `starts[n]` indices and
/// values; `norms[i]` is |u_i|, 0 for a sample on which nobody fires (it is then zero from here on).
///
/// Hands back how many places there are. Where that is more than there is room for, only starts are of use: call again.
///
/// # Errors
/// [`Error::Length`] where lengths disagree, [`Error::Value`] for a shift that is negative or not finite, or where columns of Z
/// are not neighbours.
///
/// # Numerics
/// A pre-activation that is NaN does not fire. Norms are summed over vectors, then lanes, then rounded once.
///
/// # Cost
/// One pass over Z.
///
/// ```
/// use subquad::{Level, MatRef, relu::deep::{Form, activate}};
///
/// // Two of four neurons exceed the shift 1, by 3 and by 4.
/// let (mut starts, mut indices, mut values, mut norms) = ([0; 2], [0; 4], [0.0f64; 4], [0.0]);
/// let z = MatRef::new(&[4.0, -1.0, 5.0, 0.5], 1, 4)?;
/// let places = activate(Level::detect(), Form::Soft, 1.0, z, &mut starts, &mut indices, &mut values, &mut norms)?;
/// assert_eq!((places, starts, &indices[..2]), (2, [0, 2], &[0, 2][..]));
/// assert!((values[0] - 0.6).abs() < 1e-15 && (values[1] - 0.8).abs() < 1e-15 && norms == [5.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn activate<T: Float>(
    level: Level,
    form: Form,
    shift: T,
    z: MatRef<'_, T>,
    starts: &mut [usize],
    indices: &mut [u32],
    values: &mut [T],
    norms: &mut [T],
) -> Result<usize, Error> {
    expect_length("activate: starts", z.rows().saturating_add(1), starts.len())?;
    expect_length("activate: norms", z.rows(), norms.len())?;
    expect_length("activate: values, against indices", indices.len(), values.len())?;
    expect_not_negative("activate: shift", shift.to_f64())?;
    if z.cols() > u32::MAX as usize {
        return Err(Error::index("activate: number of neurons", z.cols() as u64));
    }
    if z.cols() > 1 {
        expect_contiguous("activate: stride of the columns of Z", z.col_stride())?;
    }
    Ok(activate_entry(level, form == Form::Soft, shift, z, starts, indices, values, norms))
}

multiversion! {
    fn activate_entry<T: Float>(
        soft: bool, shift: T, z: MatRef<'_, T>, starts: &mut [usize], indices: &mut [u32], values: &mut [T], norms: &mut [T],
    ) -> usize = activate_body;
}

#[inline(always)]
fn activate_body<T: Float, S: Simd<T>>(
    s: S,
    soft: bool,
    shift: T,
    z: MatRef<'_, T>,
    starts: &mut [usize],
    indices: &mut [u32],
    values: &mut [T],
    norms: &mut [T],
) -> usize {
    let threshold = s.splat(shift);
    let taken = s.splat(if soft { shift } else { T::ZERO });
    let mut at = 0;
    if let Some(first) = starts.first_mut() {
        *first = 0;
    }
    for (i, norm) in norms.iter_mut().enumerate() {
        let begin = at;
        let (chunks, tail) = s.chunks(row(&z, i));
        for (v, chunk) in chunks.iter().enumerate() {
            let x = s.load(chunk);
            at += put(s, s.gt(x, threshold), (v * S::LANES) as u32, s.sub(x, taken), at, indices, values);
        }
        if !tail.is_empty() {
            // Zeros behind the end never exceed a shift that is not negative.
            let x = s.load_part(tail);
            let bits = s.gt(x, threshold) & ((1 << tail.len()) - 1);
            at += put(s, bits, (chunks.len() * S::LANES) as u32, s.sub(x, taken), at, indices, values);
        }
        if let Some(end) = starts.get_mut(i + 1) {
            *end = at;
        }
        let Some(u) = values.get_mut(begin..at) else { continue };
        let square = sum_of_squares(s, u);
        *norm = s.sqrt_one(square);
        let inverse = if *norm > T::ZERO { T::ONE / *norm } else { T::ZERO };
        scale(s, inverse, u);
    }
    at
}

#[inline(always)]
fn row<'a, T: Float>(z: &MatRef<'a, T>, i: usize) -> &'a [T] {
    z.data().get(i * z.row_stride()..).and_then(|rest| rest.get(..z.cols())).unwrap_or_default()
}

/// Writes the lanes whose bit is set, and says how many they are.
#[inline(always)]
fn put<T: Float, S: Simd<T>>(s: S, bits: u64, base: u32, x: S::V, at: usize, indices: &mut [u32], values: &mut [T]) -> usize {
    if bits != 0
        && let (Some(indices), Some(values)) = (indices.get_mut(at..), values.get_mut(at..))
    {
        s.put_indices(bits, base, indices);
        s.put_values(bits, x, values);
    }
    bits.count_ones() as usize
}

#[inline(always)]
fn sum_of_squares<T: Float, S: Simd<T>>(s: S, x: &[T]) -> T {
    dot(s, x, x)
}

#[inline(always)]
pub(super) fn dot<T: Float, S: Simd<T>>(s: S, x: &[T], y: &[T]) -> T {
    let ((x, x_tail), (y, y_tail)) = (s.chunks(x), s.chunks(y));
    let ((x_pairs, x_rest), (y_pairs, y_rest)) = (x.as_chunks::<2>(), y.as_chunks::<2>());
    let mut sums = [s.splat(T::ZERO); 2];
    for (x, y) in x_pairs.iter().zip(y_pairs) {
        sums[0] = s.mul_add(s.load(&x[0]), s.load(&y[0]), sums[0]);
        sums[1] = s.mul_add(s.load(&x[1]), s.load(&y[1]), sums[1]);
    }
    for (x, y) in x_rest.iter().zip(y_rest) {
        sums[0] = s.mul_add(s.load(x), s.load(y), sums[0]);
    }
    if !x_tail.is_empty() {
        sums[1] = s.mul_add(s.load_part(x_tail), s.load_part(y_tail), sums[1]);
    }
    s.sum(s.add(sums[0], sums[1]))
}

#[inline(always)]
fn scale<T: Float, S: Simd<T>>(s: S, a: T, x: &mut [T]) {
    let factor = s.splat(a);
    let (chunks, tail) = s.chunks_mut(x);
    for x in chunks {
        let v = s.mul(factor, s.load(x));
        s.store(x, v);
    }
    if !tail.is_empty() {
        let v = s.mul(factor, s.load_part(tail));
        s.store_part(tail, v);
    }
}

/// `e[i, c, j] = A[c, j]` on the neurons that fire: where the backward pass begins.
///
/// # Shapes
/// A C x m; `out` C times as many numbers as there are places, in the order of a [`SparseRef`] of depth C.
///
/// # Errors
/// [`Error::Length`] where shapes disagree.
///
/// ```
/// use subquad::{MatRef, relu::deep::output_gradients, sparse::Support};
///
/// // Neurons 0 and 3 of four fire on the only sample.
/// let mut e = [0.0f32; 2];
/// output_gradients(MatRef::new(&[1.0, -1.0, 1.0, -1.0], 1, 4)?, Support::new(&[0, 2], &[0, 3], 4)?, &mut e)?;
/// assert_eq!(e, [1.0, -1.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn output_gradients<T: Float>(a: MatRef<'_, T>, fired: Support<'_>, out: &mut [T]) -> Result<(), Error> {
    expect_length("output_gradients: columns of A", fired.cols(), a.cols())?;
    expect_length("output_gradients: result", a.rows().saturating_mul(fired.len()), out.len())?;
    if out.is_empty() {
        return Ok(());
    }
    let mut rest = out;
    for i in 0..fired.rows() {
        let indices = fired.row(i);
        for c in 0..a.rows() {
            let (now, later) = rest.split_at_mut(indices.len().min(rest.len()));
            rest = later;
            for (to, &j) in now.iter_mut().zip(indices) {
                *to = a.get(c, j as usize).unwrap_or(T::ZERO);
            }
        }
    }
    Ok(())
}

/// `g = (e - h <h, e>) / |u|` for each sample and output, in place: the derivative of the normalisation.
///
/// # Shapes
/// h as [`activate`] made it, norms n; e of depth C on the same places.
///
/// # Errors
/// [`Error::Length`] where lengths disagree.
///
/// # Numerics
/// The gradient of a sample on which nobody fires is zero.
///
/// ```
/// use subquad::sparse::{SparseRef, Support};
/// use subquad::{Level, relu::deep::unnormalise};
///
/// // What lies along h = (0.6, 0.8) does not get through the normalisation; what is orthogonal is divided by |u| = 5.
/// let h = SparseRef::new(Support::new(&[0, 2], &[0, 2], 4)?, 1, &[0.6f64, 0.8])?;
/// let mut e = [0.6, 0.8, -4.0, 3.0]; // two outputs
/// unnormalise(Level::detect(), h, &[5.0], 2, &mut e)?;
/// assert!(e.iter().zip([0.0, 0.0, -0.8, 0.6]).all(|(e, wanted)| (e - wanted).abs() < 1e-15));
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn unnormalise<T: Float>(level: Level, h: SparseRef<'_, T>, norms: &[T], depth: usize, e: &mut [T]) -> Result<(), Error> {
    expect_length("unnormalise: depth of h", 1, h.depth())?;
    expect_length("unnormalise: norms", h.rows(), norms.len())?;
    expect_length("unnormalise: gradients", depth.saturating_mul(h.support().len()), e.len())?;
    if !e.is_empty() {
        unnormalise_entry(level, h, norms, depth, e);
    }
    Ok(())
}

multiversion! {
    fn unnormalise_entry<T: Float>(h: SparseRef<'_, T>, norms: &[T], depth: usize, e: &mut [T]) = unnormalise_body;
}

#[inline(always)]
fn unnormalise_body<T: Float, S: Simd<T>>(s: S, h: SparseRef<'_, T>, norms: &[T], depth: usize, e: &mut [T]) {
    let mut rest = e;
    for (i, &norm) in norms.iter().enumerate() {
        let h = h.row(i, 0);
        let inverse = if norm > T::ZERO { T::ONE / norm } else { T::ZERO };
        for _ in 0..depth {
            let (now, later) = rest.split_at_mut(h.len().min(rest.len()));
            rest = later;
            let along = dot(s, h, now);
            let (by, factor) = (s.splat(-along * inverse), s.splat(inverse));
            let ((h, h_tail), (now, now_tail)) = (s.chunks(h), s.chunks_mut(now));
            for (h, now) in h.iter().zip(now) {
                let v = s.mul_add(by, s.load(h), s.mul(factor, s.load(now)));
                s.store(now, v);
            }
            if !h_tail.is_empty() {
                let v = s.mul_add(by, s.load_part(h_tail), s.mul(factor, s.load_part(now_tail)));
                s.store_part(now_tail, v);
            }
        }
    }
}
