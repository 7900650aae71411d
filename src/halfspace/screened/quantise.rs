//! Rows and queries as bytes, and what is certain about their products.
//!
//! # The bound
//! For a row w and a query x let W and X be what is quantised: the rows themselves, or both rotated. With W = s q + f and
//! X = t p + g, where f and g are known exactly,
//!
//! ```text
//! |<W, X> - s t <q, p>| = |<f, X> + s <q, g>| <= |f| |X| + s |q| |g|
//! ```
//!
//! by Cauchy-Schwarz. The value as computed, a chain of d multiply-adds, is within gamma |w| |x| of `<w, x>`, gamma = (d + 4) eps. Not
//! rotated, that is all, but for the rounding errors of the bound, which `DELTA` covers.
//!
//! With u = eps / 2, d multiply-adds in any order are within `d u (1 + 2 d u)` of the exact product, relative to |w| |x|: two orders within
//! `d eps (1 + gamma)` of each other, which with the four roundings of the comparison is what decides where floats are asked: `gamma (1 + gamma) |w| |x|`.
//!
//! # Rotated
//! Let R = N^(-1/2) H D, which is orthogonal (H H = N I), applied to rows with zeros behind: `<w, x> = <R w, R x>`. What
//! is computed is W = R w + a and X = R x + b with |a| <= delta |w| and |b| <= delta |x|, so that
//!
//! ```text
//! <w, x> = <W - a, X - b> = <W, X> - <a, X> - <W, b> + <a, b>
//! |<w, x> - <W, X>| <= (2 delta (1 + delta) + delta^2) |w| |x| <= 2.1 delta |w| |x|
//! ```
//!
//! and |w| <= |W| / (1 - delta), |x| <= |X| / (1 - delta). The errors relative to |w| |x| are then no more than (gamma + 3 delta) |W| |X|.
//!
//! delta: u = eps / 2 bounds the relative error of an addition. A stage of the transform replaces z by B z, where B^T B = 2 I; computed
//! it is E B z with E diagonal, of entries 1 + e, |e| <= u, which is an error of at most u |B z|: relative to the norm, u. The
//! factor 12, 20 or 28 adds q pieces in a tree no deeper than 8: an error of at most 8 u || |H_q| |z| || <= 8 u q |z| to first order, where
//! |H_q z| = sqrt(q) |z|: relative to the norm, 8 sqrt(28) u < 43 u. The factor N^(-1/2) is rounded once and multiplied once:
//! 2 u. To first order delta is (log2 N + 2) u, or (log2 N + 45) u for lengths that are not powers of two. Twice that covers the
//! higher orders: `turning_error`. Numbers so small that they underflow do not occur, because bounds are only used where the largest number
//! of a row, before and after, is within `SANE`.

use super::super::{SANE, size};
use super::DELTA;
use crate::float::Real;
use crate::simd::Float;

/// What is known of one quantised row.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Quantised {
    pub scale: f32,
    pub sum: i32,
    pub norm: f32,
    pub error: f32,
    pub length: f32,
}

/// Above |computed - exact| / |exact| of a rotation of length n, in Euclidean norm: see above.
pub(super) fn turning_error<T: Float>(n: usize) -> f64 {
    let odd = if n.is_power_of_two() { 0 } else { 43 };
    (n.checked_ilog2().unwrap_or(0) + 4 + odd) as f64 * T::EPSILON.to_f64()
}

/// Queries whose largest numbers differ by more than this do not share their steps: the errors of the smaller would be as much larger.
const UNLIKE: f64 = 2.0;

/// At least x, as f32.
fn up(x: f64) -> f32 {
    (x * (1.0 + 1e-6)) as f32
}

/// Rounds to the nearest integer, without std.
fn round(x: f64) -> f64 {
    libm::rint(x)
}

/// Quantises a row, as it is or `turned`; `put(k, q)` takes its bytes.
pub(super) fn quantise<T: Float>(row: &[T], turned: Option<&[T]>, mut put: impl FnMut(usize, i8)) -> Quantised {
    let (before, norm) = size(row.iter().copied());
    let row = turned.unwrap_or(row);
    let (most, _) = size(row.iter().copied());
    // A row of which nothing is known may turn into anything.
    let most = if before == 0.0 || SANE.contains(&before) { most } else { before };
    if most == 0.0 || !SANE.contains(&most) {
        (0..row.len()).for_each(|k| put(k, 0));
        // A row of zeros is known exactly, any other of these never.
        let unknown = if most == 0.0 { 0.0 } else { f32::INFINITY };
        return Quantised { scale: 1.0, sum: 0, norm: unknown, error: unknown, length: 0.0 };
    }
    let s = most / 127.0;
    let (mut sum, mut squares, mut errors) = (0, 0.0, 0.0);
    for (k, x) in row.iter().enumerate() {
        let q = round(x.to_f64() / s).clamp(-127.0, 127.0);
        let error = x.to_f64() / s - q;
        put(k, q as i8);
        sum += q as i32;
        squares += q * q;
        errors += error * error;
    }
    Quantised { scale: (1.0 / s) as f32, sum, norm: up(norm), error: up(Real::sqrt(errors)), length: up(Real::sqrt(squares)) }
}

/// What is known of a query before it is quantised.
#[derive(Clone, Copy, Default)]
pub(super) struct Size {
    /// |x|
    length: f64,
    /// Of what is quantised, the largest absolute number, and the norm.
    most: f64,
    norm: f64,
    /// Whether bounds can be trusted.
    known: bool,
}

impl Size {
    /// Of a query, as it is or `turned`.
    #[inline(always)]
    pub(super) fn of<T: Float>(x: &[T], turned: Option<&[T]>, threshold: T) -> Self {
        let (before, length) = size(x.iter().copied());
        let (most, norm) = turned.map_or((before, length), |x| size(x.iter().copied()));
        let sane = |size: f64| size == 0.0 || SANE.contains(&size);
        Self { length, most, norm, known: sane(before) && sane(most) && sane(threshold.to_f64().abs()) }
    }

    /// The largest number that the query is quantised to; infinite where nothing is known.
    pub(super) fn reach<T: Float>(&self) -> T {
        if self.known { T::from_f64(self.most) } else { T::INFINITY }
    }
}

/// Sorts queries by their reach: what they lose by sharing their steps with their neighbours is then little.
pub(super) fn by_reach<T: Float>(order: &mut [u32], reach: &[T]) {
    let of = |i: u32| reach.get(i as usize).copied().unwrap_or_default();
    // Shell's sort.
    for gap in [301, 132, 57, 23, 10, 4, 1] {
        for last in gap..order.len() {
            let mut at = last;
            while let Some([low, .., high]) = at.checked_sub(gap).and_then(|from| order.get_mut(from..=at)) {
                if of(*low) <= of(*high) {
                    break;
                }
                core::mem::swap(low, high);
                at -= gap;
            }
        }
    }
}

/// The reach of a tile of queries, in ascending order: one for all, so that all have the same bounds, or none where the errors of some would be
/// `UNLIKE` times as large. Zeros are quantised without errors.
pub(super) fn common_reach<T: Float>(tile: &[u32], reach: &[T]) -> Option<f64> {
    let mut all = tile.iter().map(|&i| reach.get(i as usize).map_or(f64::INFINITY, |x| x.to_f64())).filter(|&x| x > 0.0);
    let least = all.next()?;
    let most = all.last().unwrap_or(least);
    (most <= UNLIKE * least && most.is_finite()).then_some(most)
}

/// What a tile of queries that share their reach knows of its sums: the margins are those of the worst.
#[inline(always)]
pub(super) fn share(known: &mut [[f32; 4]]) {
    let worst = known.iter().fold([0.0f32; 2], |[e, l], &[.., by_error, by_norm]| [e.max(by_error), l.max(by_norm)]);
    for [.., by_error, by_norm] in known {
        [*by_error, *by_norm] = worst;
    }
}

/// Quantises a query, as it is or `turned` with a relative error `turning`, as column j of a tile of `tall`; in steps of its own, or of a common reach. Returns what
/// [`bounds`](crate::simd::Screen::bounds) wants, in units of t: below and above `b / t`, and the margins per unit of a row's error and norm; and above `|x|`,
/// times the relative error of two products. NaN where nothing is known.
#[inline(always)]
pub(super) fn prepare<T: Float>(
    x: &[T],
    turned: Option<&[T]>,
    turning: f64,
    of: Size,
    reach: Option<f64>,
    threshold: T,
    limit: i32,
    offset: i32,
    to: &mut [[u8; 4]],
    j: usize,
    tall: usize,
) -> ([f32; 4], T) {
    let Size { length, norm, known, .. } = of;
    // Relative to |w| |x|: what the value as computed may be off.
    let gamma = (x.len() + 4) as f64 * T::EPSILON.to_f64();
    let x = turned.unwrap_or(x);
    let (b, d) = (threshold.to_f64(), x.len());
    let limit = f64::from(limit);
    let own = if known && of.most > 0.0 { of.most } else { 1.0 };
    let t = reach.unwrap_or(own) / limit;
    let mut errors = 0.0;
    for (quad, k) in to.iter_mut().skip(j).step_by(tall.max(1)).zip((0..d).step_by(4)) {
        for (byte, to) in quad.iter_mut().enumerate() {
            let x = if known { x.get(k + byte).map_or(0.0, |x| x.to_f64() / t) } else { 0.0 };
            let q = round(x).clamp(-limit, limit);
            errors += (x - q) * (x - q);
            *to = (q as i32 + offset) as u8;
        }
    }
    if !known {
        return ([0.0, 0.0, f32::NAN, f32::NAN], T::from_f64(f64::NAN));
    }
    let off = gamma + 3.0 * turning;
    let (n, e, over) = (norm / t, Real::sqrt(errors), b / t);
    let by_error = n * (1.0 + off) * (1.0 + DELTA);
    let by_norm = (e + off * n) * (1.0 + DELTA) + DELTA * (n + e);
    let slack = DELTA * over.abs();
    ([(over - slack) as f32, (over + slack) as f32, up(by_error), up(by_norm)], T::from_f64(gamma * (1.0 + gamma) * length * (1.0 + 1e-6)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is lost of one term the others make good, so that no answer shows it; the proof at the top has each of them.
    #[test]
    fn every_term_of_the_bound_is_there() {
        // In steps of 1, exactly or but for the last one.
        for (last, turning) in [(-7.0, 0.0), (-7.0, 1e-3), (6.75, 0.0), (6.75, 1e-3)] {
            let x = [127.0, 3.0, -40.0, 0.0, 5.0, last];
            let (mut bytes, threshold) = ([[0; 4]; 2], -1e4);
            let of = Size::of(&x, None, threshold);
            let (found, slack) = prepare(&x, None, turning, of, None, threshold, 127, 0, &mut bytes, 0, 1);
            let (_, n) = size(x.iter().copied());
            let (e, off) = ((last - round(last)).abs(), 10.0 * f64::EPSILON + 3.0 * turning);
            let wanted = [n * (1.0 + off) * (1.0 + DELTA), (e + off * n) * (1.0 + DELTA) + DELTA * (n + e)];
            let around = [0, 1].map(|i| f64::from(found[i]) / threshold - 1.0);
            assert!((around[0] / DELTA - 1.0).abs() < 0.05 && (around[1] / DELTA + 1.0).abs() < 0.05, "{around:?}");
            // Two products of six terms, whatever the rotation.
            let rounding = 10.0 * f64::EPSILON * (1.0 + 10.0 * f64::EPSILON) * n;
            assert!(slack >= rounding && slack <= rounding * (1.0 + 2e-6), "{slack:e}, should be {rounding:e}");
            for (found, wanted) in found[2..].iter().map(|&x| f64::from(x)).zip(wanted) {
                assert!(found >= wanted && found <= wanted * (1.0 + 2e-6), "{last} {turning}: {found:e}, should be {wanted:e}");
            }
        }
        let mut bytes = [[9; 4]; 1];
        let (found, slack) = prepare(&[0.0; 4], None, 0.0, Size::of(&[0.0; 4], None, 3.0), None, 3.0, 127, 5, &mut bytes, 0, 1);
        assert_eq!((found[2..].to_vec(), slack, bytes), (vec![0.0, 0.0], 0.0, [[5; 4]]), "zeros are known");
        for n in [8usize, 12, 28, 40, 1024, 896] {
            let stages = libm::log2(n as f64) + if n.is_power_of_two() { 2.0 } else { 45.0 };
            let found = turning_error::<f64>(n) / f64::EPSILON;
            assert!(found >= stages && found <= stages + 3.0, "{n}: {found}");
        }
    }

    #[test]
    fn tiles_share_their_steps_where_no_query_loses_much() {
        let sorted = |xs: &[f64]| -> (std::vec::Vec<u32>, std::vec::Vec<f64>) {
            let reach: std::vec::Vec<f64> = xs.iter().map(|&x| Size::of(&[x, 0.0, -x / 2.0], None, 1.0).reach()).collect();
            let mut order: std::vec::Vec<u32> = (0..xs.len() as u32).collect();
            by_reach(&mut order, &reach);
            (order, reach)
        };
        let reach = |xs: &[f64]| {
            let (order, reach) = sorted(xs);
            common_reach(&order, &reach)
        };
        assert_eq!(reach(&[1.0, -2.0, 1.5]), Some(2.0));
        assert_eq!(reach(&[1.5, 0.0, 1.0]), Some(1.5), "zeros are no errors, whatever the steps");
        assert_eq!([&[1.0, 2.001][..], &[0.0, 0.0], &[1.0, f64::NAN], &[1.0, 1e-200], &[]].map(reach), [None; 5]);
        assert_eq!(reach(&[f64::INFINITY]), None);
        for n in [1usize, 2, 5, 24, 100, 560] {
            let (order, reach) = sorted(&(0..n).map(|i| ((i * 7919 + 13) % n + 1) as f64).collect::<std::vec::Vec<_>>());
            assert!(order.windows(2).all(|pair| reach[pair[0] as usize] <= reach[pair[1] as usize]), "{n}");
            assert_eq!(order.iter().map(|&i| i as usize).sum::<usize>(), n * (n - 1) / 2);
        }
        let mut known = [[-1.0, 1.0, 3.0, 4.0], [-1.0, 1.0, 2.0, 5.0], [-1.0, 1.0, 0.0, 0.0]];
        share(&mut known);
        assert_eq!(known, [[-1.0, 1.0, 3.0, 5.0]; 3]);
        // In steps of 2 / 127 the error of a query of ones is that of its bytes, 63 and a half.
        let (mut bytes, x) = ([[0; 4]; 1], [1.0, -1.0, 1.0, 0.0]);
        let (found, _) = prepare(&x, None, 0.0, Size::of(&x, None, 1.0), Some(2.0), 1.0, 127, 0, &mut bytes, 0, 1);
        let (n, e) = (63.5 * f64::sqrt(3.0), 0.5 * f64::sqrt(3.0));
        let near = |x: f32, wanted: f64| (f64::from(x) / wanted - 1.0).abs() < 1e-3;
        assert!(near(found[0], 63.5) && near(found[2], n) && near(found[3], e), "{found:?}");
        assert_eq!(bytes.map(|quad| quad.map(|x| (x as i8).unsigned_abs())), [[64, 64, 64, 0]]);
    }
}
