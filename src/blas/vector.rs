//! Vectors: sums of products in one stated order, and updates.

use crate::error::{Error, expect_length};
use crate::simd::{Float, Level, Simd};

/// Vectors that are summed side by side: enough to hide the latency of an addition behind the others.
const CHAINS: usize = 4;

/// `sum_i x[i] y[i]`
///
/// # Errors
/// [`Error::Length`] unless both have the same length.
///
/// # Numerics
/// Four vector accumulators take every fourth vector, the tail is a vector with zeros behind its end; then
/// `(0 + 1) + (2 + 3)`, then the lanes by halves. Error at most `(n / (4 LANES) + log2(4 LANES) + 1) eps sum |x y|`.
/// The order depends on the level, so the last bits do too; NaN and infinity propagate.
///
/// ```
/// use subquad::{Level, blas::dot};
/// assert_eq!(dot(Level::detect(), &[1.0f32, 2.0, 3.0], &[4.0, 5.0, 6.0])?, 32.0);
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn dot<T: Float>(level: Level, x: &[T], y: &[T]) -> Result<T, Error> {
    expect_length("dot: y", x.len(), y.len())?;
    Ok(dot_entry(level, x, y))
}

multiversion! {
    fn dot_entry<T: Float>(x: &[T], y: &[T]) -> T = dot_body;
}

#[inline(always)]
pub(crate) fn dot_body<T: Float, S: Simd<T>>(s: S, x: &[T], y: &[T]) -> T {
    let (x_chunks, x_tail) = s.chunks(x);
    let (y_chunks, y_tail) = s.chunks(y);
    let (x_groups, x_rest) = x_chunks.as_chunks::<CHAINS>();
    let (y_groups, y_rest) = y_chunks.as_chunks::<CHAINS>();
    let mut sums = [s.splat(T::ZERO); CHAINS];
    for (xs, ys) in x_groups.iter().zip(y_groups) {
        for i in 0..CHAINS {
            sums[i] = s.mul_add(s.load(&xs[i]), s.load(&ys[i]), sums[i]);
        }
    }
    for ((sum, x), y) in sums.iter_mut().zip(x_rest).zip(y_rest) {
        *sum = s.mul_add(s.load(x), s.load(y), *sum);
    }
    if !x_tail.is_empty() {
        sums[CHAINS - 1] = s.mul_add(s.load_part(x_tail), s.load_part(y_tail), sums[CHAINS - 1]);
    }
    s.sum(s.add(s.add(sums[0], sums[1]), s.add(sums[2], sums[3])))
}

/// `sum_i x[i]^2`, summed as [`dot`] does.
///
/// ```
/// assert_eq!(subquad::blas::norm_squared(subquad::Level::detect(), &[3.0f32, 4.0]), 25.0);
/// ```
pub fn norm_squared<T: Float>(level: Level, x: &[T]) -> T {
    dot_entry(level, x, x)
}

/// `max_i |x[i]|`; 0 for no elements, NaN if there is one.
///
/// ```
/// assert_eq!(subquad::blas::max_abs(&[1.0f32, -7.0, 3.0]), 7.0);
/// ```
pub fn max_abs<T: Float>(x: &[T]) -> T {
    let mut most = T::ZERO;
    for &x in x {
        if x.is_nan() {
            return x;
        }
        if x.abs() > most {
            most = x.abs();
        }
    }
    most
}

/// `y <- y + a x`
///
/// # Errors
/// [`Error::Length`] unless both have the same length.
///
/// # Numerics
/// One multiply-add per element: fused on AVX2, AVX-512 and NEON, rounded twice elsewhere.
///
/// ```
/// let mut y = [1.0f32, 2.0];
/// subquad::blas::axpy(subquad::Level::detect(), 10.0, &[3.0, 4.0], &mut y)?;
/// assert_eq!(y, [31.0, 42.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn axpy<T: Float>(level: Level, a: T, x: &[T], y: &mut [T]) -> Result<(), Error> {
    expect_length("axpy: y", x.len(), y.len())?;
    axpy_entry(level, a, x, y);
    Ok(())
}

multiversion! {
    fn axpy_entry<T: Float>(a: T, x: &[T], y: &mut [T]) = axpy_body;
}

#[inline(always)]
pub(crate) fn axpy_body<T: Float, S: Simd<T>>(s: S, a: T, x: &[T], y: &mut [T]) {
    let factor = s.splat(a);
    let (x_chunks, x_tail) = s.chunks(x);
    let (y_chunks, y_tail) = s.chunks_mut(y);
    for (x, y) in x_chunks.iter().zip(y_chunks) {
        let v = s.mul_add(factor, s.load(x), s.load(y));
        s.store(y, v);
    }
    if !x_tail.is_empty() {
        let v = s.mul_add(factor, s.load_part(x_tail), s.load_part(y_tail));
        s.store_part(y_tail, v);
    }
}

/// `y <- x + b y`, the update of a search direction.
///
/// # Errors
/// [`Error::Length`] unless both have the same length.
///
/// # Numerics
/// As [`axpy`].
///
/// ```
/// let mut y = [1.0f32, 2.0];
/// subquad::blas::xpby(subquad::Level::detect(), &[3.0, 4.0], 10.0, &mut y)?;
/// assert_eq!(y, [13.0, 24.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn xpby<T: Float>(level: Level, x: &[T], b: T, y: &mut [T]) -> Result<(), Error> {
    expect_length("xpby: y", x.len(), y.len())?;
    xpby_entry(level, x, b, y);
    Ok(())
}

multiversion! {
    fn xpby_entry<T: Float>(x: &[T], b: T, y: &mut [T]) = xpby_body;
}

#[inline(always)]
fn xpby_body<T: Float, S: Simd<T>>(s: S, x: &[T], b: T, y: &mut [T]) {
    let factor = s.splat(b);
    let (x_chunks, x_tail) = s.chunks(x);
    let (y_chunks, y_tail) = s.chunks_mut(y);
    for (x, y) in x_chunks.iter().zip(y_chunks) {
        let v = s.mul_add(factor, s.load(y), s.load(x));
        s.store(y, v);
    }
    if !x_tail.is_empty() {
        let v = s.mul_add(factor, s.load_part(y_tail), s.load_part(x_tail));
        s.store_part(y_tail, v);
    }
}

/// `x <- a x`
///
/// ```
/// let mut x = [1.0f32, 2.0];
/// subquad::blas::scale(subquad::Level::detect(), 3.0, &mut x);
/// assert_eq!(x, [3.0, 6.0]);
/// ```
pub fn scale<T: Float>(level: Level, a: T, x: &mut [T]) {
    scale_entry(level, a, x);
}

multiversion! {
    fn scale_entry<T: Float>(a: T, x: &mut [T]) = scale_body;
}

#[inline(always)]
fn scale_body<T: Float, S: Simd<T>>(s: S, a: T, x: &mut [T]) {
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
