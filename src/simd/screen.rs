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
    /// The bits of the lanes where the sum, as f32, is above `scale[lane] over + margin`; none behind the end of a
    /// shorter slice.
    ///
    /// ```
    /// use subquad::simd::{Scalar, Screen};
    ///
    /// // 10 > 2 * 3 + 1, but not 10 > 2 * 3 + 4.
    /// assert_eq!(Scalar.above(10, &[2.0], 3.0, 1.0), 1);
    /// assert_eq!(Scalar.above(10, &[2.0], 3.0, 4.0), 0);
    /// ```
    fn above(self, sums: Self::Sums, scale: &[f32], over: f32, margin: f32) -> u64;
}

impl Screen for Scalar {
    const SUMS: usize = 1;
    const OFFSET: i32 = 0;
    const LIMIT: i32 = 127;
    type Quads = [i8; 4];
    type Sums = i32;

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
    fn above(self, sums: i32, scale: &[f32], over: f32, margin: f32) -> u64 {
        scale.first().map_or(0, |&scale| u64::from(sums as f32 > scale * over + margin))
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::super::Level;
    use super::Screen;

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
            for (lane, &wanted) in wanted.iter().enumerate() {
                for (near, above) in [(-0.5, 1), (0.0, 0), (0.5, 0)] {
                    let bits = s.above(acc, &ones, wanted as f32, near);
                    assert_eq!(bits >> lane & 1, above, "lane {lane} of pick {pick}");
                }
            }
            for len in 0..S::SUMS {
                assert_eq!(s.above(acc, &ones[..len], -1e9, 0.0), (1 << len) - 1, "no lanes behind {len}");
            }
            assert_eq!(s.above(acc, &ones, 0.0, f32::NEG_INFINITY) + 1, 1 << S::SUMS);
            assert_eq!((s.above(acc, &ones, 0.0, f32::INFINITY), s.above(acc, &ones, 0.0, f32::NAN)), (0, 0));
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
