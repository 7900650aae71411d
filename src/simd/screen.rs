//! Products of bytes, summed in 32 bits: exact, and four times as many in a vector as floats.

use super::{Scalar, Token};

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod avx2;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod avx512;
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
mod neon;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;

/// Sums of products of signed bytes.
///
/// One factor has a number between -127 and 127 per byte; the other, broadcast, one between `-LIMIT` and `LIMIT`, to
/// which [`OFFSET`](Self::OFFSET) is added, because the instructions of x86-64 want it unsigned. The sums then
/// contain `OFFSET` times the first factor's sum, which [`start`](Self::start) takes off beforehand.
///
/// ```
/// use subquad::simd::{Scalar, Screen};
///
/// fn sum_of_products<S: Screen>(s: S, w: &[[i8; 4]], x: &[[u8; 4]], start: &[i32]) -> S::Sums {
///     s.quads(w).iter().zip(x).fold(s.start(start), |sums, (w, &x)| s.dot(sums, w, s.splat_quad(x)))
/// }
/// // 1 * 5 - 2 * 6 + 3 * 7 - 4 * 8; the scalar level's offset is 0.
/// assert_eq!(sum_of_products(Scalar, &[[1, -2, 3, -4]], &[[5, 6, 7, 8]], &[0]), -18);
/// ```
pub trait Screen: Token {
    /// Sums in a vector.
    const SUMS: usize;
    /// What is added to the broadcast factor.
    const OFFSET: i32;
    /// The broadcast factor's largest number, so that no intermediate sum saturates.
    const LIMIT: i32;
    /// Memory of one vector: four bytes for each sum.
    type Quads: Copy;
    /// A vector of sums, or of broadcast bytes.
    type Sums: Copy;
    /// What is known of the rows behind a vector of sums.
    type Rows: Copy;
    /// Two bounds for each sum of a vector: floats, or the largest integers that are not above them.
    type Bounds: Copy;

    /// Cuts a slice into vectors.
    ///
    /// ```
    /// use subquad::simd::{Scalar, Screen};
    ///
    /// assert_eq!(Scalar.quads(&[[1, 2, 3, 4], [5, 6, 7, 8]]).len(), 2 / Scalar::SUMS);
    /// ```
    fn quads(self, x: &[[i8; 4]]) -> &[Self::Quads];
    /// `-OFFSET x` for the first `SUMS` elements; zeros behind the end of a shorter slice.
    ///
    /// ```
    /// use subquad::simd::{Scalar, Screen};
    ///
    /// assert_eq!(Scalar.start(&[9]), -Scalar::OFFSET * 9);
    /// ```
    fn start(self, x: &[i32]) -> Self::Sums;
    /// Four bytes in every lane.
    ///
    /// ```
    /// use subquad::simd::{Scalar, Screen};
    ///
    /// let x = Scalar.splat_quad([1, 0, 0, 0]);
    /// assert_eq!(Scalar.dot(0, &[7, 100, 100, 100], x), 7);
    /// ```
    fn splat_quad(self, x: [u8; 4]) -> Self::Sums;
    /// Adds four products to each lane.
    ///
    /// ```
    /// use subquad::simd::{Scalar, Screen};
    ///
    /// assert_eq!(Scalar.dot(1000, &[1, 1, 1, 1], Scalar.splat_quad([1, 2, 3, 4])), 1010);
    /// ```
    fn dot(self, sums: Self::Sums, w: &Self::Quads, x: Self::Sums) -> Self::Sums;
    /// Loads what [`bounds`](Self::bounds) wants to know of the rows behind a vector of sums: their scales, errors and lengths, as many of each.
    /// Shorter slices stand for fewer rows.
    ///
    /// ```
    /// use subquad::simd::{Scalar, Screen};
    ///
    /// // No row at all: neither possible nor certain.
    /// let rows = Scalar.rows(&[], &[], &[]);
    /// assert_eq!(Scalar.beyond(10, &Scalar.bounds(&rows, &[0.0; 4])), [0, 0]);
    /// ```
    fn rows(self, scale: &[f32], error: &[f32], length: &[f32]) -> Self::Rows;
    /// `scale low - m` and `scale high + m`, with `m = error e + length l`, for a query `[low, high, e, l]`.
    ///
    /// ```
    /// use subquad::simd::{Scalar, Screen};
    ///
    /// let rows = Scalar.rows(&[2.0], &[0.25], &[1.0]);
    /// assert_eq!(Scalar.bounds(&rows, &[5.0, 5.0, 2.0, 0.0]), [9.5, 10.5]);
    /// ```
    fn bounds(self, rows: &Self::Rows, query: &[f32; 4]) -> Self::Bounds;
    /// The bits of the sums that are above the first bound, and of those above the second. A sum is above the first where that is NaN, and not
    /// above the second; where there is no row, it is above neither. No sum is as large as 2^31 - 128.
    ///
    /// ```
    /// use subquad::simd::{Scalar, Screen};
    ///
    /// assert_eq!([9, 10, 11].map(|sum| Scalar.beyond(sum, &[9.5, 10.5])), [[0, 0], [1, 0], [1, 1]]);
    /// ```
    fn beyond(self, sums: Self::Sums, bounds: &Self::Bounds) -> [u64; 2];
}

impl Screen for Scalar {
    const SUMS: usize = 1;
    const OFFSET: i32 = 0;
    const LIMIT: i32 = 127;
    type Quads = [i8; 4];
    type Sums = i32;
    type Rows = Option<[f32; 3]>;
    type Bounds = [f32; 2];

    #[inline(always)]
    fn quads(self, x: &[[i8; 4]]) -> &[[i8; 4]] {
        x
    }
    #[inline(always)]
    fn start(self, _: &[i32]) -> i32 {
        0
    }
    #[inline(always)]
    fn splat_quad(self, x: [u8; 4]) -> i32 {
        i32::from_le_bytes(x)
    }
    #[inline(always)]
    fn dot(self, sums: i32, w: &[i8; 4], x: i32) -> i32 {
        let x = x.to_le_bytes().map(|x| i32::from(x as i8));
        let [a, b, c, d] = w.map(i32::from);
        sums.wrapping_add(a * x[0] + b * x[1] + c * x[2] + d * x[3])
    }
    #[inline(always)]
    fn rows(self, scale: &[f32], error: &[f32], length: &[f32]) -> Option<[f32; 3]> {
        Some([*scale.first()?, *error.first()?, *length.first()?])
    }
    #[inline(always)]
    fn bounds(self, rows: &Option<[f32; 3]>, query: &[f32; 4]) -> [f32; 2] {
        let &Some([scale, error, length]) = rows else { return [f32::INFINITY; 2] };
        let &[low, high, e, l] = query;
        let m = error * e + length * l;
        [scale * low - m, scale * high + m]
    }
    #[inline(always)]
    fn beyond(self, sums: i32, &[low, high]: &[f32; 2]) -> [u64; 2] {
        let value = sums as f32;
        [u64::from(low.partial_cmp(&value).is_none_or(core::cmp::Ordering::is_lt)), u64::from(value > high)]
    }
}

/// The first elements of slices that may be too short, zeros behind them, and all bits of the rows that all of them have.
#[allow(dead_code, reason = "instruction sets without masked loads")]
#[inline(always)]
fn padded<const N: usize>(parts: [&[f32]; 3]) -> ([[f32; N]; 3], [i32; N]) {
    let (mut out, mut len, mut inside) = ([[0.0; N]; 3], N, [0; N]);
    for (to, part) in out.iter_mut().zip(parts) {
        to.iter_mut().zip(part).for_each(|(to, &from)| *to = from);
        len = len.min(part.len());
    }
    inside.iter_mut().take(len).for_each(|inside| *inside = -1);
    (out, inside)
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::super::Level;
    use super::Screen;

    #[inline(always)]
    fn judged<S: Screen>(s: S, sums: S::Sums, rows: &S::Rows, query: &[f32; 4]) -> [u64; 2] {
        s.beyond(sums, &s.bounds(rows, query))
    }

    #[inline(always)]
    fn products<S: Screen>(s: S) {
        // Every extreme pair in one lane or another, and enough of them that a sum in 16 bits would not do.
        let deep = 40;
        let extremes = [-127i8, 127, 1, -1, 0, 100, -77];
        let w: Vec<[i8; 4]> = (0..deep * S::SUMS).map(|i| core::array::from_fn(|k| extremes[(i * 5 + k * 3 + i / 11) % 7])).collect();
        for pick in 0..4 {
            let limit = S::LIMIT as i8;
            let x: Vec<[i8; 4]> = (0..deep)
                .map(|p| {
                    core::array::from_fn(|k| match pick {
                        0 => limit,
                        1 => -limit,
                        2 => [limit, -limit, 3, 0][(p + k) % 4],
                        _ => (((p * 7 + k * 29) % (2 * limit as usize + 1)) as i32 - S::LIMIT) as i8,
                    })
                })
                .collect();
            let mut sums = vec![0i32; S::SUMS];
            let mut wanted = vec![0i32; S::SUMS];
            for (p, w) in w.chunks(S::SUMS).enumerate() {
                for (lane, w) in w.iter().enumerate() {
                    sums[lane] += w.iter().map(|&w| i32::from(w)).sum::<i32>();
                    wanted[lane] += w.iter().zip(x[p]).map(|(&w, x)| i32::from(w) * i32::from(x)).sum::<i32>();
                }
            }
            let mut acc = s.start(&sums);
            for (w, x) in s.quads(&w).iter().zip(&x) {
                acc = s.dot(acc, w, s.splat_quad(x.map(|x| (i32::from(x) + S::OFFSET) as u8)));
            }
            let ones = vec![1.0f32; S::SUMS];
            let rows = s.rows(&ones, &ones, &ones);
            for (lane, &wanted) in wanted.iter().enumerate() {
                let wanted = wanted as f32;
                // Above by a half, equal, below; the margin added by error or by length, or NaN.
                for (query, found) in [
                    ([wanted - 0.5, wanted - 0.5, 0.0, 0.0], [1, 1]),
                    ([wanted, wanted, 0.0, 0.0], [0, 0]),
                    ([wanted + 0.5, wanted + 0.5, 0.0, 0.0], [0, 0]),
                    ([wanted + 0.5, wanted - 0.5, 0.0, 0.0], [0, 1]),
                    ([wanted + 0.5, wanted - 0.5, 0.75, 0.0], [1, 0]),
                    ([wanted + 0.5, wanted - 0.5, 0.0, 0.75], [1, 0]),
                    ([wanted + 0.5, wanted - 1.0, 0.25, 0.25], [0, 1]),
                    ([wanted, wanted, f32::INFINITY, 0.0], [1, 0]),
                    ([wanted, wanted, f32::NAN, 0.0], [1, 0]),
                    // Bounds that are no integers of 32 bits, and the last that are.
                    ([1e30, -1e30, 0.0, 0.0], [0, 1]),
                    ([-1e30, 1e30, 0.0, 0.0], [1, 0]),
                    ([f32::INFINITY, f32::NEG_INFINITY, 0.0, 0.0], [0, 1]),
                    ([f32::NEG_INFINITY, f32::INFINITY, 0.0, 0.0], [1, 0]),
                    ([2_147_483_520.0, -2_147_483_648.0, 0.0, 0.0], [0, 1]),
                    ([2_147_483_648.0, -2_147_483_904.0, 0.0, 0.0], [0, 1]),
                    ([-2_147_483_648.0, 2_147_483_520.0, 0.0, 0.0], [1, 0]),
                    ([-2_147_483_904.0, 2_147_483_648.0, 0.0, 0.0], [1, 0]),
                ] {
                    let bits = judged(s, acc, &rows, &query).map(|bits| bits >> lane & 1);
                    assert_eq!(bits, found, "lane {lane} of pick {pick}, {query:?}");
                }
            }
            let all = (1u64 << S::SUMS) - 1;
            let (low, query) = ([-1e9, -1e9, 0.0, 0.0], [0.0, 0.0, f32::INFINITY, 0.0]);
            assert_eq!((judged(s, acc, &rows, &low), judged(s, acc, &rows, &query)), ([all; 2], [all, 0]));
            for len in 0..S::SUMS {
                for short in [[len, S::SUMS, S::SUMS], [S::SUMS, len, S::SUMS], [S::SUMS, S::SUMS, len]] {
                    let rows = s.rows(&ones[..short[0]], &ones[..short[1]], &ones[..short[2]]);
                    assert_eq!(judged(s, acc, &rows, &low), [(1 << len) - 1; 2], "no rows behind {len}");
                    assert_eq!(judged(s, acc, &rows, &query), [(1 << len) - 1, 0], "nor where nothing is known");
                }
            }
            // Each row's own numbers, in its lane.
            let ramp: Vec<f32> = (1..=S::SUMS).map(|x| x as f32).collect();
            for lane in 0..S::SUMS {
                let (value, at) = (wanted[lane] as f32, ramp[lane]);
                let near = |rows, query: [f32; 4]| judged(s, acc, rows, &query)[1] >> lane & 1;
                let (scaled, error, length) = (s.rows(&ramp, &ones, &ones), s.rows(&ones, &ramp, &ones), s.rows(&ones, &ones, &ramp));
                assert_eq!(
                    (near(&scaled, [0.0, (value - 0.5) / at, 0.0, 0.0]), near(&scaled, [0.0, (value + 0.5) / at, 0.0, 0.0])),
                    (1, 0)
                );
                for (query, fires) in [(value - at - 0.5, 1), (value - at + 0.5, 0)] {
                    assert_eq!(near(&error, [0.0, query, 1.0, 0.0]), fires);
                    assert_eq!(near(&length, [0.0, query, 0.0, 1.0]), fires);
                }
            }
        }
    }

    multiversion! { fn run_products() = products; }

    #[test]
    fn products_of_bytes_at_every_level() {
        for level in Level::available() {
            run_products(level);
        }
    }
}
