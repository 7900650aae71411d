//! The two-layer network: forward pass, Jacobian-vector products, and the product with their Gram matrix.
//!
//! Neurons lie in lanes. A group of neurons is packed into panels of two vectors, which stay in the second-level
//! cache while all samples pass; every product is a register [tile](crate::blas) of samples times such a panel, and
//! what the pattern and the output weights do to it happens in registers, so that no n x m array is ever written (the
//! pattern, one bit per entry, aside).
//!
//! Formulas, shapes and source stand with the [room](super); each function has its cost. [`forward`] writes the pattern that the others read.
//!
//! Next: [`pattern`](super::pattern).

mod few;

use super::pattern::{PatternMut, PatternRef};
use crate::blas::tile::{self, with_rows};
use crate::error::{Error, Figure, expect_length, expect_not_negative};
use crate::float::Real;
use crate::matrix::{MatMut, MatRef};
use crate::scratch::{all_of, any_of, area, part, part_mut, split, take};
use crate::simd::{Float, Level, Simd};

/// Numbers of a group's panels: 512 KiB of f32, a quarter of a second-level cache.
const GROUP_LEN: usize = 128 * 1024;
/// Samples whose masked outputs `D o (U A)` are formed at once, for one panel: 16 KiB of f32.
const SAMPLES: usize = 128;

/// Neurons of a group, so that its panels of depth d fit; a multiple of the widest panel, so that pattern words are
/// not shared between groups.
pub(super) const fn group(d: usize, m: usize) -> usize {
    let fit = GROUP_LEN / if d == 0 { 1 } else { d };
    let fit = if fit > 1024 { 1024 } else { fit };
    let fit = if fit < 64 { 64 } else { fit / 64 * 64 };
    let all = m.div_ceil(64).saturating_mul(64);
    if all < fit { all } else { fit }
}

/// Scratch of [`forward`], in elements: a group's panels and output weights, a tile's inputs and sums.
///
/// ```
/// use subquad::relu::two_layer::forward_scratch_len;
///
/// // From some width on, panels are packed again and again into the same room.
/// assert_eq!(forward_scratch_len(64, 1 << 20, 1), forward_scratch_len(64, 1 << 16, 1));
/// ```
pub const fn forward_scratch_len(d: usize, m: usize, c: usize) -> usize {
    all_of(&[area(group(d, m), d), area(group(d, m), c), area(tile::MOST_ROWS, d), area(tile::MOST_ROWS * tile::MOST_WIDTH / 2, c)])
}

/// Scratch of [`jvp`], in elements.
///
/// ```
/// use subquad::relu::two_layer::{forward_scratch_len, jvp_scratch_len};
///
/// assert!(jvp_scratch_len(64, 4096, 1) >= forward_scratch_len(64, 4096, 1));
/// ```
pub const fn jvp_scratch_len(d: usize, m: usize, c: usize) -> usize {
    any_of(&[forward_scratch_len(d, m, c), few::scratch_len(d, m, c)])
}

/// Scratch of [`vjp`], in elements: one panel and its output weights, the masked outputs, a tile's inputs.
///
/// ```
/// use subquad::relu::two_layer::vjp_scratch_len;
///
/// let scratch = vec![0.0f32; vjp_scratch_len(64, 4096, 10)];
/// assert!(scratch.len() < 4096 * 64); // less than W itself
/// ```
pub const fn vjp_scratch_len(d: usize, m: usize, c: usize) -> usize {
    let panel = all_of(&[area(tile::MOST_WIDTH, d), area(tile::MOST_WIDTH, c), area(tile::MOST_WIDTH, SAMPLES), area(tile::MOST_ROWS, c)]);
    any_of(&[panel, few::scratch_len(d, m, c)])
}

/// Scratch of [`gram_product`], in elements.
///
/// ```
/// use subquad::relu::two_layer::{gram_product_scratch_len, jvp_scratch_len, vjp_scratch_len};
///
/// assert_eq!(gram_product_scratch_len(64, 4096, 1), jvp_scratch_len(64, 4096, 1) + vjp_scratch_len(64, 4096, 1));
/// ```
pub const fn gram_product_scratch_len(d: usize, m: usize, c: usize) -> usize {
    all_of(&[jvp_scratch_len(d, m, c), vjp_scratch_len(d, m, c)])
}

/// `F = m^(-1/2) max(X W^T - b, 0) A^T`, and which neurons fire.
///
/// # Shapes
/// X n x d, W m x d, A C x m, any strides; F n x C; the pattern, if wanted, n x m. It may hold anything before.
///
/// # Errors
/// [`Error::Length`] where shapes disagree, [`Error::Value`] if the shift b is negative or not finite,
/// [`Error::TooShort`] if scratch is less than [`forward_scratch_len`]`(d, m, C)`.
///
/// # Numerics
/// Pre-activations are chains of multiply-adds in ascending k, so a neuron fires or not whatever the blocking and
/// however many samples come along, with the same answer on all levels that fuse. A pre-activation that is NaN does
/// not fire. Outputs are summed over lanes, then over panels: their last bits depend on the level, never on n.
///
/// # Cost
/// 2 n m (d + C) flops.
///
/// ```
/// use subquad::relu::{PatternMut, pattern, two_layer};
/// use subquad::{Level, MatMut, MatRef};
///
/// let (n, d, m, c) = (1, 2, 4, 1);
/// let x = [3.0f32, 1.0];
/// let w = [1.0, 0.0, 0.0, 1.0, -1.0, 0.0, 1.0, 1.0];
/// let a = [1.0, 1.0, 1.0, -1.0];
/// let (mut f, mut bits) = ([0.0; 1], [0; pattern::pattern_len(1, 4)]);
/// let mut scratch = vec![0.0; two_layer::forward_scratch_len(d, m, c)];
/// two_layer::forward(
///     Level::detect(),
///     MatRef::new(&x, n, d)?,
///     MatRef::new(&w, m, d)?,
///     MatRef::new(&a, c, m)?,
///     0.0,
///     Some(PatternMut::new(&mut bits, n, m)?),
///     MatMut::new(&mut f, n, c)?,
///     &mut scratch,
/// )?;
/// assert_eq!(bits, [0b1011]);
/// assert_eq!(f, [(3.0 + 1.0 - 4.0) / 2.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn forward<T: Float>(
    level: Level,
    x: MatRef<'_, T>,
    w: MatRef<'_, T>,
    a: MatRef<'_, T>,
    shift: T,
    pattern: Option<PatternMut<'_>>,
    mut f: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), Error> {
    check(x, w.rows(), Some(w.cols()), a, Some((f.rows(), f.cols())))?;
    expect_not_negative("forward: shift", shift.to_f64())?;
    let mut pattern = pattern;
    if let Some(pattern) = &mut pattern {
        expect_length("forward: samples of the pattern", x.rows(), pattern.samples())?;
        expect_length("forward: neurons of the pattern", w.rows(), pattern.neurons())?;
        pattern.clear();
    }
    let (scratch, _) = take(scratch, forward_scratch_len(x.cols(), w.rows(), a.rows()))?;
    // No outputs to compute, and no pattern: nothing, for however many samples and neurons.
    if x.rows() == 0 || f.cols() == 0 && pattern.is_none() {
        return Ok(());
    }
    clear(&mut f);
    forward_entry(level, x, w, a, shift, pattern, f, scratch);
    Ok(())
}

/// `J V = m^(-1/2) (D o (X V^T)) A^T`: how the outputs move when the weights move along V.
///
/// # Shapes
/// X n x d, V m x d, A C x m, any strides; D n x m; the result n x C.
///
/// # Errors
/// [`Error::Length`] where shapes disagree, [`Error::TooShort`] if scratch is less than [`jvp_scratch_len`]`(d, m, C)`.
///
/// # Numerics
/// As [`forward`]: error at most `(m + d + 2) eps` times the sum of absolute terms.
///
/// # Cost
/// 2 n m (d + C) flops.
///
/// ```
/// use subquad::relu::{PatternRef, two_layer};
/// use subquad::{Level, MatMut, MatRef};
///
/// // Neurons 0, 1 and 3 of four fire on the sample (3, 1); only neuron 0 moves, by (1, 0).
/// let (x, a, bits) = (MatRef::new(&[3.0, 1.0], 1, 2)?, MatRef::new(&[1.0, 1.0, 1.0, -1.0], 1, 4)?, [0b1011]);
/// let v = MatRef::new(&[1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], 4, 2)?;
/// let (mut out, mut scratch) = ([0.0], vec![0.0; two_layer::jvp_scratch_len(2, 4, 1)]);
/// two_layer::jvp(Level::detect(), x, a, PatternRef::new(&bits, 1, 4)?, v, MatMut::new(&mut out, 1, 1)?, &mut scratch)?;
/// assert_eq!(out, [3.0 / 2.0]); // / sqrt(m)
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn jvp<T: Float>(
    level: Level,
    x: MatRef<'_, T>,
    a: MatRef<'_, T>,
    pattern: PatternRef<'_>,
    v: MatRef<'_, T>,
    mut out: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), Error> {
    check(x, v.rows(), Some(v.cols()), a, Some((out.rows(), out.cols())))?;
    check_pattern(x, a, pattern)?;
    let (scratch, _) = take(scratch, jvp_scratch_len(x.cols(), v.rows(), a.rows()))?;
    if out.rows() == 0 || out.cols() == 0 {
        return Ok(());
    }
    clear(&mut out);
    if v.col_stride() == 1 && few::pays(level, x, a.rows(), pattern) {
        few::jvp_entry(level, x, a, pattern, v, out, scratch);
        return Ok(());
    }
    jvp_entry(level, x, a, pattern, v, out, scratch);
    Ok(())
}

/// Whether [`jvp`] and [`gram_product`] go entry by entry for this pattern.
#[cfg(feature = "std")]
pub(crate) fn by_entries<T: Float>(level: Level, x: MatRef<'_, T>, c: usize, pattern: PatternRef<'_>) -> bool {
    few::pays(level, x, c, pattern)
}

/// [`jvp`] for some of the samples, in the way that all of them were decided on: what several threads share.
#[cfg(feature = "std")]
pub(crate) fn jvp_of_part<T: Float>(
    level: Level,
    x: MatRef<'_, T>,
    a: MatRef<'_, T>,
    pattern: PatternRef<'_>,
    v: MatRef<'_, T>,
    by_entries: bool,
    mut out: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), Error> {
    check(x, v.rows(), Some(v.cols()), a, Some((out.rows(), out.cols())))?;
    check_pattern(x, a, pattern)?;
    let (scratch, _) = take(scratch, jvp_scratch_len(x.cols(), v.rows(), a.rows()))?;
    clear(&mut out);
    if by_entries && v.col_stride() == 1 {
        few::jvp_entry(level, x, a, pattern, v, out, scratch);
    } else {
        jvp_entry(level, x, a, pattern, v, out, scratch);
    }
    Ok(())
}

/// `J^T U = m^(-1/2) (D o (U A))^T X`: the transpose of [`jvp`]; the gradient of `|F - Y|^2 / 2` for U = F - Y.
///
/// # Shapes
/// X n x d, A C x m, U n x C, any strides; D n x m; the result m x d.
///
/// # Errors
/// [`Error::Length`] where shapes disagree, [`Error::TooShort`] if scratch is less than [`vjp_scratch_len`]`(d, m, C)`.
///
/// # Numerics
/// Every entry is one chain of multiply-adds over the samples, in order. `<J V, U> = <V, J^T U>` to rounding.
///
/// # Cost
/// 2 n m (d + C) flops.
///
/// ```
/// use subquad::relu::{PatternRef, two_layer};
/// use subquad::{Level, MatMut, MatRef};
///
/// // The output is 2 too high: row r of the gradient is 2 a_r x / sqrt(4) where neuron r fires.
/// let (x, a, bits) = (MatRef::new(&[3.0, 1.0], 1, 2)?, MatRef::new(&[1.0, 1.0, 1.0, -1.0], 1, 4)?, [0b1011]);
/// let u = MatRef::new(&[2.0], 1, 1)?;
/// let (mut out, mut scratch) = ([0.0; 8], vec![0.0; two_layer::vjp_scratch_len(2, 4, 1)]);
/// two_layer::vjp(Level::detect(), x, a, PatternRef::new(&bits, 1, 4)?, u, MatMut::new(&mut out, 4, 2)?, &mut scratch)?;
/// assert_eq!(out, [3.0, 1.0, 3.0, 1.0, 0.0, 0.0, -3.0, -1.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn vjp<T: Float>(
    level: Level,
    x: MatRef<'_, T>,
    a: MatRef<'_, T>,
    pattern: PatternRef<'_>,
    u: MatRef<'_, T>,
    out: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), Error> {
    check(x, out.rows(), Some(out.cols()), a, Some((u.rows(), u.cols())))?;
    vjp_rows(level, x, a, pattern, u, 0, out, scratch)
}

/// Rows `first, first + 1, ..` of [`vjp`], as many as `out` has: the same bits. What several threads share.
///
/// # Shapes
/// As [`vjp`]; the result k x d with `first + k <= m`, and first a multiple of 64.
///
/// # Errors
/// As [`vjp`]; [`Error::Value`] if `first` is not a multiple of 64, or the rows do not exist.
///
/// ```
/// use subquad::relu::{PatternRef, two_layer};
/// use subquad::{Level, MatMut, MatRef};
///
/// // The first two of four rows.
/// let (x, a, bits) = (MatRef::new(&[3.0, 1.0], 1, 2)?, MatRef::new(&[1.0, 1.0, 1.0, -1.0], 1, 4)?, [0b1011]);
/// let (u, pattern) = (MatRef::new(&[2.0], 1, 1)?, PatternRef::new(&bits, 1, 4)?);
/// let (mut out, mut scratch) = ([0.0; 4], vec![0.0; two_layer::vjp_scratch_len(2, 2, 1)]);
/// two_layer::vjp_rows(Level::detect(), x, a, pattern, u, 0, MatMut::new(&mut out, 2, 2)?, &mut scratch)?;
/// assert_eq!(out, [3.0, 1.0, 3.0, 1.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn vjp_rows<T: Float>(
    level: Level,
    x: MatRef<'_, T>,
    a: MatRef<'_, T>,
    pattern: PatternRef<'_>,
    u: MatRef<'_, T>,
    first: usize,
    out: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), Error> {
    check(x, a.cols(), Some(out.cols()), a, Some((u.rows(), u.cols())))?;
    check_pattern(x, a, pattern)?;
    if !first.is_multiple_of(64) {
        return Err(Error::value("vjp_rows: first row", "a multiple of 64", Figure::Count(first)));
    }
    let end = first.saturating_add(out.rows());
    if end > a.cols() {
        return Err(Error::limited("vjp_rows: end of the rows", "at most", Figure::Count(a.cols()), Figure::Count(end)));
    }
    let (scratch, _) = take(scratch, vjp_scratch_len(x.cols(), out.rows(), a.rows()))?;
    if out.cols() == 0 {
        return Ok(());
    }
    if u.col_stride() == 1 && few::pays(level, x, a.rows(), pattern) {
        few::vjp_entry(level, x, a, pattern, u, first, out, scratch);
    } else {
        vjp_entry(level, x, a, pattern, u, first, out, scratch);
    }
    Ok(())
}

/// `K U = J (J^T U)`: the product with the Gram matrix of the tangents, for all outputs together, never forming it.
///
/// # Shapes
/// X n x d, A C x m, U n x C, any strides; D n x m; the result n x C.
///
/// # Errors
/// [`Error::Length`] where shapes disagree, [`Error::TooShort`] if scratch is less than
/// [`gram_product_scratch_len`]`(d, m, C)`.
///
/// # Numerics
/// Symmetric and positive semidefinite to rounding.
///
/// # Cost
/// Two passes of 2 n m (d + C) flops; `J^T U` exists one group of neurons at a time, in the cache.
///
/// ```
/// use subquad::relu::{PatternRef, two_layer};
/// use subquad::{Level, MatMut, MatRef};
///
/// // One sample of squared norm 10, on which three of four neurons fire: K = 10 * 3 / 4.
/// let (x, a, bits) = (MatRef::new(&[3.0, 1.0], 1, 2)?, MatRef::new(&[1.0, 1.0, 1.0, -1.0], 1, 4)?, [0b1011]);
/// let (u, pattern) = (MatRef::new(&[2.0], 1, 1)?, PatternRef::new(&bits, 1, 4)?);
/// let (mut out, mut scratch) = ([0.0], vec![0.0; two_layer::gram_product_scratch_len(2, 4, 1)]);
/// two_layer::gram_product(Level::detect(), x, a, pattern, u, MatMut::new(&mut out, 1, 1)?, &mut scratch)?;
/// assert_eq!(out, [7.5 * 2.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn gram_product<T: Float>(
    level: Level,
    x: MatRef<'_, T>,
    a: MatRef<'_, T>,
    pattern: PatternRef<'_>,
    u: MatRef<'_, T>,
    mut out: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), Error> {
    check(x, a.cols(), None, a, Some((out.rows(), out.cols())))?;
    check(x, a.cols(), None, a, Some((u.rows(), u.cols())))?;
    check_pattern(x, a, pattern)?;
    let (scratch, _) = take(scratch, gram_product_scratch_len(x.cols(), a.cols(), a.rows()))?;
    if out.rows() == 0 || out.cols() == 0 {
        return Ok(());
    }
    clear(&mut out);
    if u.col_stride() == 1 && few::pays(level, x, a.rows(), pattern) {
        few::gram_product_entry(level, x, a, pattern, u, out, scratch);
        return Ok(());
    }
    gram_product_entry(level, x, a, pattern, u, out, scratch);
    Ok(())
}

/// Shapes that belong together: X n x d, m neurons of length d, A C x m, outputs n x C.
fn check<T: Float>(x: MatRef<'_, T>, m: usize, d: Option<usize>, a: MatRef<'_, T>, outputs: Option<(usize, usize)>) -> Result<(), Error> {
    expect_length("two_layer: columns of the weights, against columns of X", x.cols(), d.unwrap_or(x.cols()))?;
    expect_length("two_layer: columns of A, against rows of the weights", m, a.cols())?;
    if let Some((rows, cols)) = outputs {
        expect_length("two_layer: rows of the outputs, against rows of X", x.rows(), rows)?;
        expect_length("two_layer: columns of the outputs, against rows of A", a.rows(), cols)?;
    }
    Ok(())
}

fn check_pattern<T: Float>(x: MatRef<'_, T>, a: MatRef<'_, T>, pattern: PatternRef<'_>) -> Result<(), Error> {
    expect_length("two_layer: samples of the pattern", x.rows(), pattern.samples())?;
    expect_length("two_layer: neurons of the pattern", a.cols(), pattern.neurons())
}

fn clear<T: Float>(out: &mut MatMut<'_, T>) {
    let with_numbers = if out.cols() == 0 { 0 } else { out.rows() };
    for i in 0..with_numbers {
        out.row(i).into_iter().for_each(|row| row.fill(T::ZERO));
    }
}

/// m^(-1/2)
pub(super) fn normaliser<T: Float>(m: usize) -> T {
    T::from_f64(1.0 / Real::sqrt(m as f64))
}

multiversion! {
    fn forward_entry<T: Float>(x: MatRef<'_, T>, w: MatRef<'_, T>, a: MatRef<'_, T>, shift: T, pattern: Option<PatternMut<'_>>,
        f: MatMut<'_, T>, scratch: &mut [T]) = forward_body;
}
multiversion! {
    fn jvp_entry<T: Float>(x: MatRef<'_, T>, a: MatRef<'_, T>, pattern: PatternRef<'_>, v: MatRef<'_, T>,
        out: MatMut<'_, T>, scratch: &mut [T]) = jvp_body;
}
multiversion! {
    fn vjp_entry<T: Float>(x: MatRef<'_, T>, a: MatRef<'_, T>, pattern: PatternRef<'_>, u: MatRef<'_, T>, first: usize,
        out: MatMut<'_, T>, scratch: &mut [T]) = vjp_body;
}
multiversion! {
    fn gram_product_entry<T: Float>(x: MatRef<'_, T>, a: MatRef<'_, T>, pattern: PatternRef<'_>, u: MatRef<'_, T>,
        out: MatMut<'_, T>, scratch: &mut [T]) = gram_product_body;
}

#[inline(always)]
fn forward_body<T: Float, S: Simd<T>>(
    s: S,
    x: MatRef<'_, T>,
    w: MatRef<'_, T>,
    a: MatRef<'_, T>,
    shift: T,
    mut pattern: Option<PatternMut<'_>>,
    mut f: MatMut<'_, T>,
    scratch: &mut [T],
) {
    let m = w.rows();
    let group = group(x.cols(), m);
    let (panels, scratch) = split(scratch, group * x.cols());
    let (outputs, strip) = split(scratch, group * a.rows());
    let mut from = 0;
    while from < m {
        tile::pack::<T, S>(T::ONE, w.row_range(from, group).t(), panels);
        tile::pack::<T, S>(normaliser(m), a.col_range(from, group), outputs);
        let epilogue = Firing { shift: s.splat(shift), pattern: pattern.as_mut(), from };
        outputs_of_group(s, x, panels, outputs, group.min(m - from), epilogue, &mut f, strip);
        from += group;
    }
}

#[inline(always)]
fn jvp_body<T: Float, S: Simd<T>>(
    s: S,
    x: MatRef<'_, T>,
    a: MatRef<'_, T>,
    pattern: PatternRef<'_>,
    v: MatRef<'_, T>,
    mut out: MatMut<'_, T>,
    scratch: &mut [T],
) {
    let m = v.rows();
    let group = group(x.cols(), m);
    let (panels, scratch) = split(scratch, group * x.cols());
    let (outputs, strip) = split(scratch, group * a.rows());
    let mut from = 0;
    while from < m {
        tile::pack::<T, S>(T::ONE, v.row_range(from, group).t(), panels);
        tile::pack::<T, S>(normaliser(m), a.col_range(from, group), outputs);
        outputs_of_group(s, x, panels, outputs, group.min(m - from), Fired { pattern, from }, &mut out, strip);
        from += group;
    }
}

#[inline(always)]
fn vjp_body<T: Float, S: Simd<T>>(
    s: S,
    x: MatRef<'_, T>,
    a: MatRef<'_, T>,
    pattern: PatternRef<'_>,
    u: MatRef<'_, T>,
    first: usize,
    mut out: MatMut<'_, T>,
    scratch: &mut [T],
) {
    let width = tile::width::<T, S>();
    let rows = out.rows();
    let (panel, scratch) = split(scratch, width * x.cols());
    let (outputs, scratch) = split(scratch, width * a.rows());
    let mut from = 0;
    while from < rows {
        tile::pack::<T, S>(normaliser(a.cols()), a.col_range(first + from, width), outputs);
        panel_of_gradients(s, x, outputs, pattern, u, first + from, panel, scratch);
        for lane in 0..width.min(rows - from) {
            if let Some(row) = out.row(from + lane) {
                for (to, numbers) in row.iter_mut().zip(panel.chunks_exact(width)) {
                    *to = numbers[lane];
                }
            }
        }
        from += width;
    }
}

#[inline(always)]
fn gram_product_body<T: Float, S: Simd<T>>(
    s: S,
    x: MatRef<'_, T>,
    a: MatRef<'_, T>,
    pattern: PatternRef<'_>,
    u: MatRef<'_, T>,
    mut out: MatMut<'_, T>,
    scratch: &mut [T],
) {
    let width = tile::width::<T, S>();
    let (m, d, c) = (a.cols(), x.cols(), a.rows());
    let group = group(d, m);
    let (panels, scratch) = split(scratch, group * d);
    let (outputs, scratch) = split(scratch, group * c);
    let mut from = 0;
    while from < m {
        let neurons = group.min(m - from);
        tile::pack::<T, S>(normaliser(m), a.col_range(from, group), outputs);
        for p in 0..neurons.div_ceil(width) {
            let outputs = part(outputs, p * width * c, width * c);
            let panel = part_mut(panels, p * width * d, width * d);
            panel_of_gradients(s, x, outputs, pattern, u, from + p * width, panel, scratch);
        }
        outputs_of_group(s, x, panels, outputs, neurons, Fired { pattern, from }, &mut out, scratch);
        from += group;
    }
}

/// What happens to a tile of pre-activations, in registers, before it meets the output weights.
trait Epilogue<T, S: Simd<T>> {
    /// The tile's row for sample i and the panel that begins at neuron r of the group.
    fn apply(&mut self, s: S, i: usize, r: usize, z: [S::V; 2]) -> [S::V; 2];
}

/// The forward pass: subtract the shift where it is exceeded, and write down where.
struct Firing<'a, 'p, V> {
    shift: V,
    pattern: Option<&'a mut PatternMut<'p>>,
    /// The first neuron of the group.
    from: usize,
}

impl<T: Float, S: Simd<T>> Epilogue<T, S> for Firing<'_, '_, S::V> {
    #[inline(always)]
    fn apply(&mut self, s: S, i: usize, r: usize, z: [S::V; 2]) -> [S::V; 2] {
        let bits = [s.gt(z[0], self.shift), s.gt(z[1], self.shift)];
        if let Some(pattern) = &mut self.pattern {
            pattern.set(i, self.from + r, bits[0] | bits[1] << S::LANES);
        }
        [s.keep(bits[0], s.sub(z[0], self.shift)), s.keep(bits[1], s.sub(z[1], self.shift))]
    }
}

/// A derivative: keep what fired.
struct Fired<'a> {
    pattern: PatternRef<'a>,
    /// The first neuron of the group.
    from: usize,
}

/// The pattern's bits of one panel.
#[inline(always)]
fn bits_at(pattern: PatternRef<'_>, i: usize, r: usize) -> u64 {
    pattern.sample(i).get(r / 64).map_or(0, |word| word >> (r % 64))
}

impl<T: Float, S: Simd<T>> Epilogue<T, S> for Fired<'_> {
    #[inline(always)]
    fn apply(&mut self, s: S, i: usize, r: usize, z: [S::V; 2]) -> [S::V; 2] {
        let bits = bits_at(self.pattern, i, self.from + r);
        [s.keep(bits, z[0]), s.keep(bits >> S::LANES, z[1])]
    }
}

/// `F += epilogue(X V^T) A^T` for the packed neurons of a group.
#[inline(always)]
fn outputs_of_group<T: Float, S: Simd<T>>(
    s: S,
    x: MatRef<'_, T>,
    panels: &[T],
    outputs: &[T],
    neurons: usize,
    mut epilogue: impl Epilogue<T, S>,
    f: &mut MatMut<'_, T>,
    strip: &mut [T],
) {
    let n = x.rows();
    let mut i = 0;
    while i < n {
        let rows = tile::next_rows(n - i, tile::rows(S::REGISTERS));
        with_rows!(rows, outputs_of_tile::<T, S>(s, x.row_range(i, rows), i, panels, outputs, neurons, &mut epilogue, f, strip));
        i += rows;
    }
}

#[inline(always)]
fn outputs_of_tile<T: Float, S: Simd<T>, const J: usize>(
    s: S,
    x: MatRef<'_, T>,
    i: usize,
    panels: &[T],
    outputs: &[T],
    neurons: usize,
    epilogue: &mut impl Epilogue<T, S>,
    f: &mut MatMut<'_, T>,
    strip: &mut [T],
) {
    let width = tile::width::<T, S>();
    let (d, c) = (x.cols(), f.cols());
    let (strip, sums) = split(strip, J * d);
    let x = tile::interleave::<T, J>(x, strip);
    // Sums stay in lanes for a whole group: adding lanes up per panel would cost as much as the output weights do.
    let (sums, _) = s.chunks_mut(sums).0.as_chunks_mut::<J>();
    let sums = part_mut(sums, 0, c);
    for sum in sums.iter_mut().flatten() {
        s.store(sum, s.splat(T::ZERO));
    }
    for p in 0..neurons.div_ceil(width) {
        let (panel, _) = s.chunks(part(panels, p * width * d, width * d)).0.as_chunks::<2>();
        let mut z = [[s.splat(T::ZERO); 2]; J];
        tile::accumulate(s, &mut z, x.iter(), panel);
        for (j, z) in z.iter_mut().enumerate() {
            *z = epilogue.apply(s, i + j, p * width, *z);
        }
        let (outputs, _) = s.chunks(part(outputs, p * width * c, width * c)).0.as_chunks::<2>();
        for (sums, a) in sums.iter_mut().zip(outputs) {
            let (a0, a1) = (s.load(&a[0]), s.load(&a[1]));
            for (sum, z) in sums.iter_mut().zip(&z) {
                let v = s.mul_add(z[1], a1, s.mul_add(z[0], a0, s.load(sum)));
                s.store(sum, v);
            }
        }
    }
    for j in 0..J {
        if let Some(row) = f.row(i + j) {
            for (to, sums) in row.iter_mut().zip(sums.iter()) {
                *to += s.sum(s.load(&sums[j]));
            }
        }
    }
}

/// One panel of `J^T U`, feature by feature: `G[k][r] = sum_i X[i][k] (D o (U A))[i][r]`.
#[inline(always)]
fn panel_of_gradients<T: Float, S: Simd<T>>(
    s: S,
    x: MatRef<'_, T>,
    outputs: &[T],
    pattern: PatternRef<'_>,
    u: MatRef<'_, T>,
    from: usize,
    panel: &mut [T],
    scratch: &mut [T],
) {
    let width = tile::width::<T, S>();
    let (n, d) = (x.rows(), x.cols());
    let (masked, strip) = split(scratch, width * SAMPLES);
    let (outputs, _) = s.chunks(outputs).0.as_chunks::<2>();
    panel.fill(T::ZERO);
    let (panel, _) = s.chunks_mut(panel).0.as_chunks_mut::<2>();
    let mut first = 0;
    while first < n {
        let samples = SAMPLES.min(n - first);
        let (masked, _) = s.chunks_mut(masked).0.as_chunks_mut::<2>();
        let mut i = 0;
        while i < samples {
            let rows = tile::next_rows(samples - i, tile::rows(S::REGISTERS));
            let u = u.row_range(first + i, rows);
            with_rows!(rows, masked_tile::<T, S>(s, u, outputs, pattern, first + i, from, split(masked, i).1, strip));
            i += rows;
        }
        let masked = part(masked, 0, samples);
        let x = x.row_range(first, samples);
        let mut k = 0;
        while k < d {
            let rows = tile::next_rows(d - k, tile::rows(S::REGISTERS));
            with_rows!(rows, gradient_tile::<T, S>(s, x, k, masked, split(panel, k).1));
            k += rows;
        }
        first += samples;
    }
}

/// `D o (U A)` for J samples and one panel.
#[inline(always)]
fn masked_tile<T: Float, S: Simd<T>, const J: usize>(
    s: S,
    u: MatRef<'_, T>,
    outputs: &[[S::Chunk; 2]],
    pattern: PatternRef<'_>,
    i: usize,
    r: usize,
    to: &mut [[S::Chunk; 2]],
    strip: &mut [T],
) {
    let u = tile::interleave::<T, J>(u, strip);
    let mut sums = [[s.splat(T::ZERO); 2]; J];
    tile::accumulate(s, &mut sums, u.iter(), outputs);
    for (j, (to, sum)) in to.iter_mut().zip(sums).enumerate() {
        let bits = bits_at(pattern, i + j, r);
        s.store(&mut to[0], s.keep(bits, sum[0]));
        s.store(&mut to[1], s.keep(bits >> S::LANES, sum[1]));
    }
}

/// `G[k + j] += sum_i X[i][k + j] masked[i]` for J features and one panel.
#[inline(always)]
fn gradient_tile<T: Float, S: Simd<T>, const J: usize>(
    s: S,
    x: MatRef<'_, T>,
    k: usize,
    masked: &[[S::Chunk; 2]],
    panel: &mut [[S::Chunk; 2]],
) {
    let Some(panel) = panel.first_chunk_mut::<J>() else { return };
    let mut sums = [[s.splat(T::ZERO); 2]; J];
    for (sum, panel) in sums.iter_mut().zip(panel.iter()) {
        *sum = [s.load(&panel[0]), s.load(&panel[1])];
    }
    if x.col_stride() == 1 && x.row_stride() >= J {
        // The J features lie next to each other as they are, and rows do not overlap.
        let rows = x.data().get(k..).unwrap_or_default().chunks(x.row_stride().max(1));
        tile::accumulate(s, &mut sums, rows.map_while(|row| row.first_chunk::<J>()), masked);
    } else {
        for (i, masked) in masked.iter().enumerate() {
            let mut row = [T::ZERO; J];
            for (j, to) in row.iter_mut().enumerate() {
                *to = x.get(i, k + j).unwrap_or(T::ZERO);
            }
            tile::accumulate(s, &mut sums, core::iter::once(&row), core::slice::from_ref(masked));
        }
    }
    for (sum, panel) in sums.iter().zip(panel) {
        s.store(&mut panel[0], sum[0]);
        s.store(&mut panel[1], sum[1]);
    }
}
