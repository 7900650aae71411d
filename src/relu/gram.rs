//! The Gram matrix of one output's tangents: from the firing pattern by counting bits, or from the limit of infinite
//! width without looking at any neuron.
//!
//! ```text
//! K[i][j] = <x_i, x_j> |S_i and S_j| / m              S_i: the neurons that fire on sample i
//! K[i][j] -> <x_i, x_j> P(z_i > b and z_j > b)        as m grows; z normal, with covariances <x_i, x_j>
//! ```
//!
//! # Shapes
//! X n x d, the pattern n x m, K n x n, its lower triangle.
//!
//! # Cost
//! n^2 d flops, and n^2 m / 128 words to count, or n^2 / 2 arc sines.
//!
//! # Source
//! The first as in the [room](super). The probability is, for b = 0, half the arc-cosine kernel of degree 0 of Cho and Saul, *Kernel Methods for
//! Deep Learning*, NIPS 2009.
//!
//! Next: [`fired`](super::fired).

use super::pattern::{PatternRef, count_and, words_per_sample};
use crate::blas::{syrk, syrk_scratch_len};
use crate::error::{Error, expect_length, expect_not_negative};
use crate::matrix::{MatMut, MatRef};
use crate::simd::{Float, Level, Simd, Token};

/// Scratch of [`gram`] and [`analytic_gram`], in elements.
///
/// ```
/// use subquad::relu::gram::gram_scratch_len;
///
/// let scratch = vec![0.0f32; gram_scratch_len(1000, 20)];
/// assert!(scratch.len() < 1000 * 1000); // far less than the matrix
/// ```
pub const fn gram_scratch_len(n: usize, d: usize) -> usize {
    syrk_scratch_len(n, d)
}

/// `out[i][j] = |S_i and S_j|`, how many neurons fire on both samples, for j <= i.
///
/// # Shapes
/// The pattern n x m, the result n x n; above the diagonal nothing is written.
///
/// # Errors
/// [`Error::Length`] where shapes disagree.
///
/// # Numerics
/// Exact as long as the float holds the count: m <= 2^24 for f32, 2^53 for f64.
///
/// # Cost
/// n^2 m / 128 AND-and-count operations on words; a vector holds up to eight.
///
/// ```
/// use subquad::{Level, MatMut, relu::{PatternRef, gram::overlaps}};
///
/// // Three neurons fire on either sample, two of them on both.
/// let pattern = PatternRef::new(&[0b1101, 0b0111], 2, 4)?;
/// let mut out = [0.0f32; 4];
/// overlaps(Level::detect(), pattern, MatMut::new(&mut out, 2, 2)?)?;
/// assert_eq!((out[0], out[2], out[3]), (3.0, 2.0, 3.0));
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn overlaps<T: Float>(level: Level, pattern: PatternRef<'_>, out: MatMut<'_, T>) -> Result<(), Error> {
    expect_length("overlaps: rows, against samples", pattern.samples(), out.rows())?;
    expect_length("overlaps: columns, against samples", pattern.samples(), out.cols())?;
    overlaps_entry(level, pattern, out);
    Ok(())
}

/// `K[i][j] = <x_i, x_j> |S_i and S_j| / m`, for j <= i: the Gram matrix of the tangents of one output with weights +-1.
///
/// With several outputs the full matrix is close to this one for each of them ([`two_layer::gram_product`] applies the
/// full one): its Cholesky factor, shared by all outputs, is the best preconditioner there is.
///
/// # Shapes
/// X n x d, the pattern n x m, the result n x n; what stands above the diagonal must not be read.
///
/// # Errors
/// [`Error::Length`] where shapes disagree, [`Error::TooShort`] if scratch is less than [`gram_scratch_len`]`(n, d)`.
///
/// # Cost
/// n^2 d flops and the counting of [`overlaps`].
///
/// [`two_layer::gram_product`]: super::two_layer::gram_product
///
/// ```
/// use subquad::{Level, MatMut, MatRef, relu::{PatternRef, gram::{gram, gram_scratch_len}}};
///
/// // The samples (1, 0) and (1, 1): products 1, 1, 2; overlaps 3, 2, 3 of four neurons.
/// let (x, pattern) = (MatRef::new(&[1.0, 0.0, 1.0, 1.0], 2, 2)?, PatternRef::new(&[0b1101, 0b0111], 2, 4)?);
/// let (mut k, mut scratch) = ([0.0f64; 4], vec![0.0; gram_scratch_len(2, 2)]);
/// gram(Level::detect(), x, pattern, MatMut::new(&mut k, 2, 2)?, &mut scratch)?;
/// assert_eq!((k[0], k[2], k[3]), (1.0 * 0.75, 1.0 * 0.5, 2.0 * 0.75));
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn gram<T: Float>(
    level: Level,
    x: MatRef<'_, T>,
    pattern: PatternRef<'_>,
    mut out: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), Error> {
    expect_length("gram: samples of the pattern", x.rows(), pattern.samples())?;
    let scale = T::from_f64(1.0 / pattern.neurons().max(1) as f64);
    syrk(level, scale, x, T::ZERO, out.reborrow(), scratch)?;
    scale_by_overlaps_entry(level, pattern, out);
    Ok(())
}

multiversion! {
    fn overlaps_entry<T: Float>(pattern: PatternRef<'_>, out: MatMut<'_, T>) = overlaps_body;
}
multiversion! {
    fn scale_by_overlaps_entry<T: Float>(pattern: PatternRef<'_>, out: MatMut<'_, T>) = scale_by_overlaps_body;
}

#[inline(always)]
fn overlaps_body<T: Float, S: Simd<T>>(s: S, pattern: PatternRef<'_>, out: MatMut<'_, T>) {
    count_triangle(s, pattern, out, |_, count| count);
}

#[inline(always)]
fn scale_by_overlaps_body<T: Float, S: Simd<T>>(s: S, pattern: PatternRef<'_>, out: MatMut<'_, T>) {
    count_triangle(s, pattern, out, |inner, count| inner * count);
}

/// Tiles over the lower triangle: with 32 registers 16 counts and 8 rows of words are in flight, with 16 a quarter. With
/// fewer, entry by entry: such machines have little room for code, and count bits so slowly that loads do not matter.
#[inline(always)]
fn count_triangle<T: Float, S: Token>(s: S, pattern: PatternRef<'_>, mut out: MatMut<'_, T>, to: impl Fn(T, T) -> T) {
    let n = pattern.samples();
    if S::REGISTERS < 16 {
        for i in 0..n {
            let Some(row) = out.row(i) else { return };
            for (j, x) in row.iter_mut().enumerate().take(i + 1) {
                *x = to(*x, T::from_f64(count_and(s, pattern.sample(i), pattern.sample(j)) as f64));
            }
        }
        return;
    }
    let side = if S::REGISTERS >= 32 { 4 } else { 2 };
    let block = (BLOCK_LEN / words_per_sample(pattern.neurons()).max(1)).max(side) / side * side;
    for rows in (0..n).step_by(block) {
        for cols in (0..=rows).step_by(block) {
            for i in (rows..n.min(rows + block)).step_by(side) {
                for j in (cols..=i.min(cols + block - 1)).step_by(side) {
                    if S::REGISTERS >= 32 {
                        count_tile::<T, S, 4>(s, pattern, i, j, &mut out, &to);
                    } else {
                        count_tile::<T, S, 2>(s, pattern, i, j, &mut out, &to);
                    }
                }
            }
        }
    }
}

/// Words of the samples of a block, 512 KiB: two blocks stay in the second-level cache while each row of the one meets
/// each of the other.
const BLOCK_LEN: usize = 64 * 1024;

#[inline(always)]
fn count_tile<T: Float, S: Token, const N: usize>(
    s: S,
    pattern: PatternRef<'_>,
    i: usize,
    j: usize,
    out: &mut MatMut<'_, T>,
    to: &impl Fn(T, T) -> T,
) {
    let n = pattern.samples();
    if i + N > n {
        for i in i..n {
            let Some(row) = out.row(i) else { return };
            for (j, x) in row.iter_mut().enumerate().take(i + 1).skip(j).take(N) {
                *x = to(*x, T::from_f64(count_and(s, pattern.sample(i), pattern.sample(j)) as f64));
            }
        }
        return;
    }
    // Loops: closures that make arrays are called here, not inlined.
    let len = s.word_chunks(pattern.sample(i)).0.len();
    let mut a_words: [&[S::WordChunk]; N] = [&[]; N];
    let (mut a_tails, mut b_words, mut b_tails) = ([&[][..]; N], a_words, [&[][..]; N]);
    for k in 0..N {
        let (a, b) = (s.word_chunks(pattern.sample(i + k)), s.word_chunks(pattern.sample(j + k)));
        (a_words[k], a_tails[k], b_words[k], b_tails[k]) = (&a.0[..len], a.1, &b.0[..len], b.1);
    }
    let mut counts = [[s.zero_words(); N]; N];
    for p in 0..len {
        let mut b = [s.zero_words(); N];
        for (b, words) in b.iter_mut().zip(&b_words) {
            *b = s.load_words(&words[p]);
        }
        for (counts, a) in counts.iter_mut().zip(&a_words) {
            let a = s.load_words(&a[p]);
            for (count, &b) in counts.iter_mut().zip(&b) {
                *count = s.count_and(*count, a, b);
            }
        }
    }
    for k in 0..N {
        let Some(row) = out.row(i + k) else { return };
        let mut sums = [0; N];
        if let (Some(four), Some(sums)) = (counts[k].first_chunk::<4>(), sums.first_chunk_mut::<4>()) {
            *sums = s.sum_four(*four);
        } else {
            sums.iter_mut().zip(counts[k]).for_each(|(sum, count)| *sum = s.sum_words(count));
        }
        for (l, x) in row.iter_mut().skip(j).take(N.min(i + k + 1 - j)).enumerate() {
            let tail: u32 = a_tails[k].iter().zip(b_tails[l]).map(|(a, b)| (a & b).count_ones()).sum();
            *x = to(*x, T::from_f64((sums[l] + u64::from(tail)) as f64));
        }
    }
}

/// The limit of [`gram`] for infinitely many Gaussian neurons: `K[i][j] = <x_i, x_j> P(z_i > b, z_j > b)` for j <= i,
/// where z_i and z_j are normal with covariances `<x_i, x_j>`.
///
/// For b = 0 that is `<x_i, x_j> (pi - angle(x_i, x_j)) / (2 pi)`. Otherwise the probability is an integral over the
/// angle, done by a Gauss-Legendre rule of 24 points: one piece where both rows
/// have the same norm, else as many as halve the way to a right angle.
///
/// # Shapes
/// X n x d, rows of any norm; the result n x n; what stands above the diagonal must not be read.
///
/// # Errors
/// [`Error::Length`] where shapes disagree, [`Error::Value`] if the shift is negative or not finite,
/// [`Error::TooShort`] if scratch is less than [`gram_scratch_len`]`(n, d)`.
///
/// # Numerics
/// The probability is good to 1e-9; the matrix is positive definite wherever no two rows are parallel.
///
/// # Cost
/// n^2 d flops, then n^2 / 2 arc sines; with b > 0, twelve n^2 exponentials. Independent of m.
///
/// ```
/// use subquad::{Level, MatMut, MatRef, relu::gram::{analytic_gram, gram_scratch_len}};
///
/// // Half of all neurons fire on a sample; on two that are 45 degrees apart, 3/8 of them fire on both.
/// let x = MatRef::new(&[1.0, 0.0, 1.0, 1.0], 2, 2)?;
/// let (mut k, mut scratch) = ([0.0f64; 4], vec![0.0; gram_scratch_len(2, 2)]);
/// analytic_gram(Level::detect(), x, 0.0, MatMut::new(&mut k, 2, 2)?, &mut scratch)?;
/// for (k, wanted) in [(k[0], 1.0 * 0.5), (k[2], 1.0 * 0.375), (k[3], 2.0 * 0.5)] {
///     assert!((k - wanted).abs() < 1e-9);
/// }
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn analytic_gram<T: Float>(level: Level, x: MatRef<'_, T>, shift: T, mut out: MatMut<'_, T>, scratch: &mut [T]) -> Result<(), Error> {
    expect_not_negative("analytic_gram: shift", shift.to_f64())?;
    syrk(level, T::ONE, x, T::ZERO, out.reborrow(), scratch)?;
    let n = x.rows();
    let shift = shift.to_f64();
    // From the last row up: a row needs the squared norms on the diagonal of all rows before it.
    for i in (0..n).rev() {
        let (above, mut rest) = out.reborrow().split_rows(i);
        let above = above.as_ref();
        let Some(row) = rest.row(0) else { continue };
        let norm = crate::Real::sqrt(row[i].to_f64());
        for (j, entry) in row.iter_mut().enumerate().take(i + 1) {
            let inner = entry.to_f64();
            let other = if i == j { norm } else { crate::Real::sqrt(above.get(j, j).unwrap_or(T::ZERO).to_f64()) };
            let size = norm * other;
            *entry = if size > 0.0 {
                let correlation = if i == j { 1.0 } else { (inner / size).clamp(-1.0, 1.0) };
                T::from_f64(inner * both_exceed(shift / norm, shift / other, correlation))
            } else {
                T::ZERO
            };
        }
    }
    Ok(())
}

/// P(y > h, z > k) for standard normal y, z with the given correlation:
/// `Q(h) Q(k) + 1/(2 pi) integral_0^asin(rho) exp(-(h - k)^2 / (2 cos^2 t) - h k / (1 + sin t)) dt`.
fn both_exceed(h: f64, k: f64, correlation: f64) -> f64 {
    use core::f64::consts::{FRAC_1_SQRT_2, FRAC_PI_2, PI};
    let angle = libm::asin(correlation);
    if h == 0.0 && k == 0.0 {
        return 0.25 + angle / (2.0 * PI);
    }
    let tail = |h: f64| 0.5 * libm::erfc(h * FRAC_1_SQRT_2);
    let integrand = |t: f64| {
        let (sin, cos) = (libm::sin(t), libm::cos(t));
        libm::exp(-(h - k) * (h - k) / (2.0 * cos * cos) - h * k / (1.0 + sin))
    };
    // With h = k the integrand is smooth up to a right angle. Otherwise it changes on the scale of the distance from
    // there: each piece takes half of what is left of it, until nothing of the integrand is left.
    let (mut from, end) = (0.0, angle.abs());
    let mut sum = 0.0;
    while from < end && FRAC_PI_2 - from > (h - k).abs() / 9.0 {
        let to = if h == k && angle > 0.0 { end } else { end.min(0.5 * (FRAC_PI_2 + from)) };
        let (middle, half) = (0.5 * (from + to) * angle.signum(), 0.5 * (to - from));
        sum += half
            * LEGENDRE
                .iter()
                .map(|&(node, weight)| weight * (integrand(middle - half * node) + integrand(middle + half * node)))
                .sum::<f64>();
        // Closer to a right angle than this, pieces no longer advance.
        if FRAC_PI_2 - to < 1e-12 {
            break;
        }
        from = to;
    }
    tail(h) * tail(k) + angle.signum() * sum / (2.0 * PI)
}

/// The positive nodes of the Gauss-Legendre rule of 24 points on [-1, 1], with their weights (Abramowitz and Stegun,
/// table 25.4).
const LEGENDRE: [(f64, f64); 12] = [
    (0.064_056_892_862_605_63, 0.127_938_195_346_752_02),
    (0.191_118_867_473_616_3, 0.125_837_456_346_828_25),
    (0.315_042_679_696_163_4, 0.121_670_472_927_803_3),
    (0.433_793_507_626_045_1, 0.115_505_668_053_725_52),
    (0.545_421_471_388_839_6, 0.107_444_270_115_965_56),
    (0.648_093_651_936_975_5, 0.097_618_652_104_113_93),
    (0.740_124_191_578_554_4, 0.086_190_161_531_953_2),
    (0.820_001_985_973_903, 0.073_346_481_411_080_16),
    (0.886_415_527_004_401_1, 0.059_298_584_915_436_36),
    (0.938_274_552_002_732_8, 0.044_277_438_817_419_41),
    (0.974_728_555_971_309_5, 0.028_531_388_628_933_56),
    (0.995_187_219_997_021_3, 0.012_341_229_799_988_69),
];
