//! The two-layer network on the neurons that fire alone, from lists instead of a pattern.
//!
//! For every neuron the lists name the samples it fires on, ascending, with its pre-activations. Work is in proportion
//! to their length, k n instead of m n, and the results are those of the dense kernels, bit for bit: what does not fire
//! adds zero there, and the rest is added here in the same order.
//!
//! # Shapes
//! Starts m + 1; samples and values, one for each of the n k entries that fire. The other matrices are those of the [room](super).
//!
//! # Cost
//! 2 C to 4 (d + C) flops for each entry; see each function.
//!
//! # Source
//! Song, Yang, Zhang, *Does Preprocessing Help Training Over-parameterized Neural Networks?*, NeurIPS 2021.
//!
//! Next: [`deep`](super::deep).

use super::two_layer::{group, normaliser};
use crate::error::{Error, descending, expect_contiguous, expect_length};
use crate::matrix::{MatMut, MatRef};
use crate::scratch::{all_of, area, copy, part_mut, split, take};
use crate::simd::{Float, Level, MOST_LANES, Simd};

/// Neurons whose outputs are summed up together; m of them make [`groups`] groups.
///
/// ```
/// // A multiple of 64, even for few neurons; never more than 1024.
/// assert_eq!(subquad::relu::fired::group_len(2, 4), 64);
/// assert_eq!(subquad::relu::fired::group_len(2, 1 << 20), 1024);
/// ```
pub const fn group_len(d: usize, m: usize) -> usize {
    group(d, m)
}

/// Groups of neurons.
///
/// ```
/// assert_eq!(subquad::relu::fired::groups(2, 3000), 3); // of 1024, 1024, 952
/// ```
pub const fn groups(d: usize, m: usize) -> usize {
    if m == 0 { 0 } else { m.div_ceil(group(d, m)) }
}

/// Which samples each of m neurons fires on: entries `starts[r] .. starts[r + 1]` are those of neuron r.
///
/// ```
/// use subquad::relu::FiredRef;
///
/// // Two samples, three neurons: neuron 0 fires on sample 1, neuron 1 never, neuron 2 on both.
/// let fired = FiredRef::new(&[0, 1, 1, 3], &[1, 0, 1], &[0.5, 2.0, 0.25], 2)?;
/// assert_eq!(fired.of(2), (&[0, 1][..], &[2.0, 0.25][..]));
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FiredRef<'a, T> {
    starts: &'a [usize],
    samples: &'a [u32],
    values: &'a [T],
    n: usize,
}

impl<'a, T: Float> FiredRef<'a, T> {
    /// Lists over n samples: `starts` has one number more than there are neurons, and never falls; samples are
    /// ascending and below n; `values` are the pre-activations, one for each.
    ///
    /// # Errors
    /// [`Error::Length`] and [`Error::Value`] where that is not so.
    ///
    /// ```
    /// # use subquad::relu::FiredRef;
    /// assert!(FiredRef::new(&[0, 1, 1], &[1], &[0.5], 2).is_ok());
    /// assert!(FiredRef::new(&[0, 1, 1], &[2], &[0.5], 2).is_err()); // there is no sample 2
    /// ```
    pub fn new(starts: &'a [usize], samples: &'a [u32], values: &'a [T], n: usize) -> Result<Self, Error> {
        expect_length("fired: values, against samples", samples.len(), values.len())?;
        expect_length("fired: last start, against samples", samples.len(), starts.last().copied().unwrap_or(0))?;
        // The largest of all, which is found many at a time.
        let most = samples.iter().fold(0, |most, &i| if i > most { i } else { most });
        if let Some(r) = starts.iter().zip(starts.iter().skip(1)).position(|(from, to)| from > to) {
            return Err(descending("fired: starts", starts, r));
        }
        if !samples.is_empty() && most as usize >= n {
            return Err(Error::less("fired: samples", n, most as usize));
        }
        Ok(Self { starts, samples, values, n })
    }

    /// m
    ///
    /// ```
    /// # use subquad::relu::FiredRef;
    /// assert_eq!(FiredRef::new(&[0, 1, 1], &[1], &[0.5], 9)?.neurons(), 2);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn neurons(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// n
    ///
    /// ```
    /// # use subquad::relu::FiredRef;
    /// assert_eq!(FiredRef::new(&[0, 1, 1], &[1], &[0.5], 9)?.samples(), 9);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn samples(&self) -> usize {
        self.n
    }

    /// How many entries fire.
    ///
    /// ```
    /// # use subquad::relu::FiredRef;
    /// assert_eq!(FiredRef::new(&[0, 1, 1], &[1], &[0.5], 9)?.count(), 1);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn count(&self) -> usize {
        self.samples.len()
    }

    /// The samples that neuron r fires on, and its pre-activations.
    ///
    /// ```
    /// # use subquad::relu::FiredRef;
    /// let fired = FiredRef::new(&[0, 1, 1], &[1], &[0.5], 2)?;
    /// assert_eq!(fired.of(0), (&[1][..], &[0.5][..]));
    /// assert!(fired.of(1).0.is_empty() && fired.of(7).0.is_empty());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    #[inline(always)]
    pub fn of(&self, r: usize) -> (&'a [u32], &'a [T]) {
        let (from, to) = match self.starts.get(r..) {
            Some(&[from, to, ..]) => (from, to),
            _ => (0, 0),
        };
        (self.samples.get(from..to).unwrap_or_default(), self.values.get(from..to).unwrap_or_default())
    }
}

/// Scratch of [`outputs_of_group`], in elements: a sum for each lane, and the group's output weights.
///
/// ```
/// use subquad::relu::fired::outputs_scratch_len;
///
/// // For each sample and output a sum in every lane of the widest vector.
/// assert_eq!(outputs_scratch_len(1000, 10, 64, 1), 1000 * outputs_scratch_len(1, 10, 64, 1) - 999 * 64);
/// ```
pub const fn outputs_scratch_len(n: usize, d: usize, m: usize, c: usize) -> usize {
    all_of(&[area(area(n, c), MOST_LANES), area(group(d, m), c)])
}

/// What group g of neurons contributes to `F = m^(-1/2) max(Z - b, 0) A^T`. F is the sum of these in the order of the
/// groups: bit by bit that of [`two_layer::forward`](super::two_layer::forward).
///
/// # Shapes
/// A C x m; the result n x C, may hold anything before.
///
/// # Errors
/// [`Error::Length`] where shapes disagree, [`Error::TooShort`] if scratch is less than
/// [`outputs_scratch_len`]`(n, d, m, C)`.
///
/// # Cost
/// 2 C flops for each entry, and n C times the lanes of a vector.
///
/// ```
/// use subquad::relu::{FiredRef, fired};
/// use subquad::{Level, MatMut, MatRef};
///
/// // Three of four neurons fire on the only sample, with values 3, 4 and 7.
/// let lists = FiredRef::new(&[0, 1, 2, 2, 3], &[0, 0, 0], &[3.0, 4.0, 7.0], 1)?;
/// let a = MatRef::new(&[1.0, 1.0, 1.0, -1.0], 1, 4)?;
/// let (mut f, mut scratch) = ([0.0], vec![0.0; fired::outputs_scratch_len(1, 2, 4, 1)]);
/// fired::outputs_of_group(Level::detect(), lists, a, 2, 0, 0.0, MatMut::new(&mut f, 1, 1)?, &mut scratch)?;
/// assert_eq!(f, [(3.0 + 4.0 - 7.0) / 2.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn outputs_of_group<T: Float>(
    level: Level,
    fired: FiredRef<'_, T>,
    a: MatRef<'_, T>,
    d: usize,
    g: usize,
    shift: T,
    mut out: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), Error> {
    let (n, m, c) = (fired.samples(), a.cols(), a.rows());
    expect_length("fired: neurons, against columns of A", m, fired.neurons())?;
    expect_length("fired: rows of the outputs", n, out.rows())?;
    expect_length("fired: columns of the outputs", c, out.cols())?;
    let (scratch, _) = take(scratch, outputs_scratch_len(n, d, m, c))?;
    let (sums, weights) = split(scratch, n * c * MOST_LANES);
    let first = g.saturating_mul(group(d, m));
    let neurons = group(d, m).min(m.saturating_sub(first));
    let weights = part_mut(weights, 0, neurons * c);
    for (r, weights) in weights.chunks_exact_mut(c.max(1)).enumerate() {
        for (o, to) in weights.iter_mut().enumerate() {
            *to = normaliser::<T>(m) * a.get(o, first + r).unwrap_or(T::ZERO);
        }
    }
    outputs_entry(level, fired, weights, first, shift, out.reborrow(), sums);
    Ok(())
}

multiversion! {
    fn outputs_entry<T: Float>(fired: FiredRef<'_, T>, weights: &[T], first: usize, shift: T, out: MatMut<'_, T>, sums: &mut [T])
        = outputs_body;
}

#[inline(always)]
fn outputs_body<T: Float, S: Simd<T>>(
    s: S,
    fired: FiredRef<'_, T>,
    weights: &[T],
    first: usize,
    shift: T,
    mut out: MatMut<'_, T>,
    sums: &mut [T],
) {
    let (n, c) = (out.rows(), out.cols());
    if c == 0 || n == 0 {
        return;
    }
    // A slab for each lane: one neuron's sums lie together.
    let slab = n * c;
    let sums = part_mut(sums, 0, slab * S::LANES);
    sums.fill(T::ZERO);
    for (r, weights) in weights.chunks_exact(c).enumerate() {
        let (samples, values) = fired.of(first + r);
        let slab = part_mut(sums, r % S::LANES * slab, slab);
        if let &[weight] = weights {
            for (&i, &z) in samples.iter().zip(values) {
                if let Some(sum) = slab.get_mut(i as usize) {
                    *sum = s.mul_add_one(z - shift, weight, *sum);
                }
            }
        } else {
            for (&i, &z) in samples.iter().zip(values) {
                let Some(sums) = slab.get_mut(i as usize * c..).and_then(|slab| slab.get_mut(..c)) else { continue };
                for (sum, &weight) in sums.iter_mut().zip(weights) {
                    *sum = s.mul_add_one(z - shift, weight, *sum);
                }
            }
        }
    }
    // The sums of as many numbers at a time as a vector has lanes, into the first slab.
    let mut at = 0;
    while at < slab {
        let len = S::LANES.min(slab - at);
        let mut lanes = [s.splat(T::ZERO); MOST_LANES];
        for (lane, to) in lanes.iter_mut().take(S::LANES).enumerate() {
            *to = s.load_part(sums.get(lane * slab + at..).and_then(|sums| sums.get(..len)).unwrap_or_default());
        }
        // Halves are added to halves, as one vector's lanes would be.
        let mut half = S::LANES / 2;
        while half > 0 {
            for lane in 0..half {
                lanes[lane] = s.add(lanes[lane], lanes[lane + half]);
            }
            half /= 2;
        }
        s.store_part(sums.get_mut(at..at + len).unwrap_or_default(), lanes[0]);
        at += len;
    }
    for (i, sums) in sums.chunks_exact(c).take(n).enumerate() {
        if let Some(row) = out.row(i) {
            copy(sums, row);
        }
    }
}

/// Scratch of [`descend`], in elements.
///
/// ```
/// assert_eq!(subquad::relu::fired::descend_scratch_len(10, 3), 13);
/// ```
pub const fn descend_scratch_len(d: usize, c: usize) -> usize {
    all_of(&[d, c])
}

/// `W <- W - rate J^T U`, on neurons `first, first + 1, ..` and of these only on those that fire: the same bits as
/// [`two_layer::vjp`](super::two_layer::vjp) and [`axpy`](crate::blas::axpy).
///
/// # Shapes
/// X n x d with contiguous rows, A C x m, U n x C with contiguous rows; W k x d; `moved` k numbers: how far each neuron
/// went, `rate |gradient|`.
///
/// # Errors
/// [`Error::Length`] where shapes disagree, [`Error::Value`] where rows are not contiguous, [`Error::TooShort`] if scratch
/// is less than [`descend_scratch_len`]`(d, C)`.
///
/// # Cost
/// 2 (d + C) flops for each entry.
///
/// ```
/// use subquad::relu::{FiredRef, fired};
/// use subquad::{Level, MatMut, MatRef};
///
/// // The gradient of a neuron that fires is 2 a_r x / sqrt(4) = (3, 4); half of it is taken off.
/// let lists = FiredRef::new(&[0, 1, 2, 2, 3], &[0, 0, 0], &[3.0, 4.0, 7.0], 1)?;
/// let (x, a, u) = (MatRef::new(&[3.0, 4.0], 1, 2)?, MatRef::new(&[1.0; 4], 1, 4)?, MatRef::new(&[2.0], 1, 1)?);
/// let (mut w, mut moved) = ([1.0, 0.0, 0.0, 1.0, -1.0, 0.0, 1.0, 1.0], [0.0; 4]);
/// let mut scratch = [0.0; fired::descend_scratch_len(2, 1)];
/// fired::descend(Level::detect(), x, a, lists, u, 0.5, 0, MatMut::new(&mut w, 4, 2)?, &mut moved, &mut scratch)?;
/// assert_eq!(w, [-0.5, -2.0, -1.5, -1.0, -1.0, 0.0, -0.5, -1.0]);
/// assert_eq!(moved, [2.5, 2.5, 0.0, 2.5]);
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn descend<T: Float>(
    level: Level,
    x: MatRef<'_, T>,
    a: MatRef<'_, T>,
    fired: FiredRef<'_, T>,
    u: MatRef<'_, T>,
    rate: T,
    first: usize,
    w: MatMut<'_, T>,
    moved: &mut [T],
    scratch: &mut [T],
) -> Result<(), Error> {
    expect_length("fired: neurons, against columns of A", a.cols(), fired.neurons())?;
    expect_length("fired: rows of X", fired.samples(), x.rows())?;
    expect_length("fired: rows of U", fired.samples(), u.rows())?;
    expect_length("fired: columns of U, against rows of A", a.rows(), u.cols())?;
    expect_length("fired: columns of W, against columns of X", x.cols(), w.cols())?;
    expect_length("fired: distances, against rows of W", w.rows(), moved.len())?;
    expect_contiguous("fired: column stride of X", x.col_stride())?;
    expect_contiguous("fired: column stride of U", u.col_stride())?;
    let (scratch, _) = take(scratch, descend_scratch_len(x.cols(), a.rows()))?;
    descend_entry(level, x, a, fired, u, rate, first, w, moved, scratch);
    Ok(())
}

multiversion! {
    fn descend_entry<T: Float>(x: MatRef<'_, T>, a: MatRef<'_, T>, fired: FiredRef<'_, T>, u: MatRef<'_, T>, rate: T, first: usize,
        w: MatMut<'_, T>, moved: &mut [T], scratch: &mut [T]) = descend_body;
}

#[inline(always)]
fn descend_body<T: Float, S: Simd<T>>(
    s: S,
    x: MatRef<'_, T>,
    a: MatRef<'_, T>,
    fired: FiredRef<'_, T>,
    u: MatRef<'_, T>,
    rate: T,
    first: usize,
    mut w: MatMut<'_, T>,
    moved: &mut [T],
    scratch: &mut [T],
) {
    let scale: T = normaliser(a.cols());
    let (weights, gradient) = split(scratch, a.rows());
    let gradient = part_mut(gradient, 0, x.cols());
    for (k, moved) in moved.iter_mut().enumerate() {
        *moved = T::ZERO;
        let (samples, _) = fired.of(first.saturating_add(k));
        let Some(row) = w.row(k) else { continue };
        if samples.is_empty() {
            continue;
        }
        for (o, to) in weights.iter_mut().enumerate() {
            *to = scale * a.get(o, first.saturating_add(k)).unwrap_or(T::ZERO);
        }
        sum_of_rows(s, x, u, samples, weights, gradient);
        let mut square = s.splat(T::ZERO);
        let factor = s.splat(-rate);
        let (g_chunks, g_tail) = s.chunks(gradient);
        let (w_chunks, w_tail) = s.chunks_mut(row);
        for (g, w) in g_chunks.iter().zip(w_chunks) {
            let g = s.load(g);
            square = s.mul_add(g, g, square);
            let v = s.mul_add(factor, g, s.load(w));
            s.store(w, v);
        }
        if !g_tail.is_empty() {
            let g = s.load_part(g_tail);
            square = s.mul_add(g, g, square);
            let v = s.mul_add(factor, g, s.load_part(w_tail));
            s.store_part(w_tail, v);
        }
        *moved = rate.abs() * s.sqrt_one(s.sum(square));
    }
}

/// `sum_i (u_i a) x_i` over some samples, each number one chain in their order; `weights` is m^(-1/2) a.
#[inline(always)]
fn sum_of_rows<T: Float, S: Simd<T>>(s: S, x: MatRef<'_, T>, u: MatRef<'_, T>, samples: &[u32], weights: &[T], to: &mut [T]) {
    /// Vectors that stay in registers.
    const WIDE: usize = 4;
    let (x_data, x_stride, u_data, u_stride) = (x.data(), x.row_stride(), u.data(), u.row_stride());
    let masked = |i: usize| -> T {
        let u = u_data.get(i * u_stride..).unwrap_or_default();
        u.iter().zip(weights).fold(T::ZERO, |sum, (&u, &weight)| s.mul_add_one(u, weight, sum))
    };
    let mut at = 0;
    while at < to.len() {
        let part = to.get_mut(at..).unwrap_or_default();
        if part.len() >= WIDE * S::LANES {
            let mut sums = [s.splat(T::ZERO); WIDE];
            for &i in samples {
                let factor = s.splat(masked(i as usize));
                let row = x_data.get(i as usize * x_stride + at..).unwrap_or_default();
                if let Some(row) = s.chunks(row).0.first_chunk::<WIDE>() {
                    for (sum, x) in sums.iter_mut().zip(row) {
                        *sum = s.mul_add(s.load(x), factor, *sum);
                    }
                }
            }
            for (sum, to) in sums.iter().zip(s.chunks_mut(part).0) {
                s.store(to, *sum);
            }
            at += WIDE * S::LANES;
        } else {
            let len = part.len().min(S::LANES);
            let mut sum = s.splat(T::ZERO);
            for &i in samples {
                let row = x_data.get(i as usize * x_stride + at..).and_then(|row| row.get(..len)).unwrap_or_default();
                sum = s.mul_add(s.load_part(row), s.splat(masked(i as usize)), sum);
            }
            s.store_part(&mut part[..len], sum);
            at += S::LANES;
        }
    }
}

/// What neurons `first ..` of some contribute to `J J^T U`: for each neuron the sum over its samples of
/// `(u_i a_r) x_i`, and its product with each of these samples again. Added to `out`.
///
/// # Shapes
/// As [`descend`]; `count` neurons; out n x C.
///
/// # Errors
/// As [`descend`].
///
/// # Numerics
/// Sums in another order than [`two_layer::gram_product`](super::two_layer::gram_product).
///
/// # Cost
/// 4 (d + C) flops for each entry.
///
/// ```
/// use subquad::relu::{FiredRef, fired};
/// use subquad::{Level, MatMut, MatRef};
///
/// // |x|^2 = 25, and three of four neurons fire: K = 25 * 3 / 4.
/// let lists = FiredRef::new(&[0, 1, 2, 2, 3], &[0, 0, 0], &[3.0, 4.0, 7.0], 1)?;
/// let (x, a, u) = (MatRef::new(&[3.0, 4.0], 1, 2)?, MatRef::new(&[1.0; 4], 1, 4)?, MatRef::new(&[4.0], 1, 1)?);
/// let (mut out, mut scratch) = ([0.0], [0.0; fired::descend_scratch_len(2, 1)]);
/// fired::gram_product(Level::detect(), x, a, lists, u, 0, 4, MatMut::new(&mut out, 1, 1)?, &mut scratch)?;
/// assert_eq!(out, [75.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn gram_product<T: Float>(
    level: Level,
    x: MatRef<'_, T>,
    a: MatRef<'_, T>,
    fired: FiredRef<'_, T>,
    u: MatRef<'_, T>,
    first: usize,
    count: usize,
    out: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), Error> {
    expect_length("fired: neurons, against columns of A", a.cols(), fired.neurons())?;
    expect_length("fired: rows of X", fired.samples(), x.rows())?;
    expect_length("fired: rows of U", fired.samples(), u.rows())?;
    expect_length("fired: columns of U, against rows of A", a.rows(), u.cols())?;
    expect_length("fired: rows of the result", fired.samples(), out.rows())?;
    expect_length("fired: columns of the result", a.rows(), out.cols())?;
    expect_contiguous("fired: column stride of X", x.col_stride())?;
    expect_contiguous("fired: column stride of U", u.col_stride())?;
    let (scratch, _) = take(scratch, descend_scratch_len(x.cols(), a.rows()))?;
    gram_product_entry(level, x, a, fired, u, first, count, out, scratch);
    Ok(())
}

multiversion! {
    fn gram_product_entry<T: Float>(x: MatRef<'_, T>, a: MatRef<'_, T>, fired: FiredRef<'_, T>, u: MatRef<'_, T>, first: usize,
        count: usize, out: MatMut<'_, T>, scratch: &mut [T]) = gram_product_body;
}

#[inline(always)]
fn gram_product_body<T: Float, S: Simd<T>>(
    s: S,
    x: MatRef<'_, T>,
    a: MatRef<'_, T>,
    fired: FiredRef<'_, T>,
    u: MatRef<'_, T>,
    first: usize,
    count: usize,
    mut out: MatMut<'_, T>,
    scratch: &mut [T],
) {
    let scale: T = normaliser(a.cols());
    let (weights, gradient) = split(scratch, a.rows());
    let gradient = part_mut(gradient, 0, x.cols());
    for r in first..first.saturating_add(count).min(fired.neurons()) {
        let (samples, _) = fired.of(r);
        if samples.is_empty() {
            continue;
        }
        for (o, to) in weights.iter_mut().enumerate() {
            *to = scale * a.get(o, r).unwrap_or(T::ZERO);
        }
        sum_of_rows(s, x, u, samples, weights, gradient);
        for &i in samples {
            let row = x.data().get(i as usize * x.row_stride()..).and_then(|row| row.get(..x.cols())).unwrap_or_default();
            let inner = crate::blas::dot_body(s, row, gradient);
            if let Some(out) = out.row(i as usize) {
                for (to, &weight) in out.iter_mut().zip(weights.iter()) {
                    *to = s.mul_add_one(inner, weight, *to);
                }
            }
        }
    }
}

/// `<x_i, w>` for some samples, each one chain in ascending k: the values of
/// [`two_layer::forward`](super::two_layer::forward).
///
/// # Shapes
/// X n x d with contiguous rows, w of length d, one value for each sample.
///
/// # Errors
/// [`Error::Length`] where shapes disagree, [`Error::Value`] where rows are not contiguous.
///
/// ```
/// use subquad::{Level, MatRef, relu::fired};
///
/// // Samples 2 and 0 of three, against the weights (1, 10).
/// let x = MatRef::new(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3, 2)?;
/// let mut values = [0.0f32; 2];
/// fired::values(Level::detect(), x, &[1.0, 10.0], &[2, 0], &mut values)?;
/// assert_eq!(values, [65.0, 21.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn values<T: Float>(level: Level, x: MatRef<'_, T>, w: &[T], samples: &[u32], values: &mut [T]) -> Result<(), Error> {
    expect_length("fired: length of w", x.cols(), w.len())?;
    expect_length("fired: values, against samples", samples.len(), values.len())?;
    expect_contiguous("fired: column stride of X", x.col_stride())?;
    values_entry(level, x, w, samples, values);
    Ok(())
}

multiversion! {
    fn values_entry<T: Float>(x: MatRef<'_, T>, w: &[T], samples: &[u32], values: &mut [T]) = values_body;
}

#[inline(always)]
fn values_body<T: Float, S: Simd<T>>(s: S, x: MatRef<'_, T>, w: &[T], samples: &[u32], values: &mut [T]) {
    crate::halfspace::values_of(s, w, 1, samples, values, |i| {
        // On a machine of 32 bits the place of a sample that there is none of may be beyond all addresses.
        x.data().get((i as usize).saturating_mul(x.row_stride())..).unwrap_or_default()
    });
}

/// `H_i += m^(-1/2) sum_r (u_i a_r) w_r` over the neurons that fire on sample i: the derivative by the inputs of the
/// outputs against U.
///
/// # Shapes
/// W m x d with contiguous rows, A C x m, U n x C with contiguous rows; H n x d.
///
/// # Errors
/// As [`descend`].
///
/// # Cost
/// 2 (d + C) flops for each entry.
///
/// ```
/// use subquad::relu::{FiredRef, fired};
/// use subquad::{Level, MatMut, MatRef};
///
/// // Neurons (1, 0), (0, 1) and (1, 1) of four fire; with u = 2, a = 1 each adds its weights, as 2 / sqrt(4) = 1.
/// let lists = FiredRef::new(&[0, 1, 2, 2, 3], &[0, 0, 0], &[3.0, 4.0, 7.0], 1)?;
/// let w = MatRef::new(&[1.0, 0.0, 0.0, 1.0, -1.0, 0.0, 1.0, 1.0], 4, 2)?;
/// let (a, u) = (MatRef::new(&[1.0; 4], 1, 4)?, MatRef::new(&[2.0], 1, 1)?);
/// let (mut h, mut scratch) = ([0.0; 2], [0.0; fired::descend_scratch_len(2, 1)]);
/// fired::input_gradient(Level::detect(), w, a, lists, u, MatMut::new(&mut h, 1, 2)?, &mut scratch)?;
/// assert_eq!(h, [2.0, 2.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn input_gradient<T: Float>(
    level: Level,
    w: MatRef<'_, T>,
    a: MatRef<'_, T>,
    fired: FiredRef<'_, T>,
    u: MatRef<'_, T>,
    out: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), Error> {
    expect_length("fired: neurons, against columns of A", a.cols(), fired.neurons())?;
    expect_length("fired: rows of W", fired.neurons(), w.rows())?;
    expect_length("fired: rows of U", fired.samples(), u.rows())?;
    expect_length("fired: columns of U, against rows of A", a.rows(), u.cols())?;
    expect_length("fired: rows of the result", fired.samples(), out.rows())?;
    expect_length("fired: columns of the result, against columns of W", w.cols(), out.cols())?;
    expect_contiguous("fired: column stride of W", w.col_stride())?;
    expect_contiguous("fired: column stride of U", u.col_stride())?;
    let (scratch, _) = take(scratch, descend_scratch_len(w.cols(), a.rows()))?;
    input_gradient_entry(level, w, a, fired, u, out, scratch);
    Ok(())
}

multiversion! {
    fn input_gradient_entry<T: Float>(w: MatRef<'_, T>, a: MatRef<'_, T>, fired: FiredRef<'_, T>, u: MatRef<'_, T>,
        out: MatMut<'_, T>, scratch: &mut [T]) = input_gradient_body;
}

#[inline(always)]
fn input_gradient_body<T: Float, S: Simd<T>>(
    s: S,
    w: MatRef<'_, T>,
    a: MatRef<'_, T>,
    fired: FiredRef<'_, T>,
    u: MatRef<'_, T>,
    mut out: MatMut<'_, T>,
    scratch: &mut [T],
) {
    let scale: T = normaliser(a.cols());
    let weights = &mut scratch[..a.rows()];
    for r in 0..fired.neurons() {
        let (samples, _) = fired.of(r);
        let (Some(row), false) = (w.row(r), samples.is_empty()) else { continue };
        for (o, to) in weights.iter_mut().enumerate() {
            *to = scale * a.get(o, r).unwrap_or(T::ZERO);
        }
        for &i in samples {
            let u = u.row(i as usize).unwrap_or_default();
            let factor = u.iter().zip(weights.iter()).fold(T::ZERO, |sum, (&u, &weight)| s.mul_add_one(u, weight, sum));
            if let Some(to) = out.row(i as usize) {
                crate::blas::axpy_body(s, factor, row, to);
            }
        }
    }
}
