//! Hadamard matrices of order 12, 20 and 28, and the transform across as many vectors.
//!
//! Paley's second construction (R. E. A. C. Paley, On orthogonal matrices, J. Math. Phys. 12, 1933): with the quadratic
//! character of the field of q = 5, 9, 13 elements, C the conference matrix of order q + 1 with a zero diagonal, it is
//! C (x) \[\[1, 1\], \[1, -1\]\] + I (x) \[\[1, -1\], \[-1, -1\]\], of order 2 (q + 1). Rows and columns are then negated alike, so that the
//! first row and column are all +1. The matrix is symmetric: the transform is its own inverse but for the factor.

use crate::simd::Walsh;

/// The greatest order.
pub(super) const MOST: usize = 28;

/// Whether a - b is a square of the field of q elements: 1, or -1 if not, or 0 where they are equal. Elements of the field of
/// nine are u + v i with i i = -1, numbered u + 3 v; there z^4 is the norm u^2 + v^2.
const fn character(q: usize, a: usize, b: usize) -> i8 {
    let power = if q == 9 {
        let (u, v) = ((a % 3 + 3 - b % 3) % 3, (a / 3 + 3 - b / 3) % 3);
        (u * u + v * v) % 3
    } else {
        let (x, mut power, mut i) = ((a + q - b) % q, 1, 0);
        while i < (q - 1) / 2 {
            power = power * x % q;
            i += 1;
        }
        power
    };
    match power {
        0 => 0,
        1 => 1,
        _ => -1,
    }
}

/// Entry (i, j) before the first row and column are made positive.
const fn raw(order: usize, i: usize, j: usize) -> i8 {
    let q = order / 2 - 1;
    let (row, col) = (i / 2, j / 2);
    let both_odd = i % 2 == 1 && j % 2 == 1;
    if row == col {
        return if i % 2 + j % 2 == 0 { 1 } else { -1 };
    }
    let c = if row == 0 || col == 0 { 1 } else { character(q, row - 1, col - 1) };
    if both_odd { -c } else { c }
}

/// Whether entry (i, j) of the matrix of this order is -1.
const fn minus(order: usize, i: usize, j: usize) -> bool {
    raw(order, i, j) * raw(order, i, 0) * raw(order, j, 0) < 0
}

/// Bit j of word i: whether entry (i, j) is -1.
const fn rows(order: usize) -> [u32; MOST] {
    let mut rows = [0; MOST];
    let mut i = 0;
    while i < order {
        let mut j = 0;
        while j < order {
            if minus(order, i, j) {
                rows[i] |= 1 << j;
            }
            j += 1;
        }
        i += 1;
    }
    rows
}

// Once, and not for every type and level that looks something up at compile time.
const ROWS_12: &[u32; MOST] = &rows(12);
const ROWS_20: &[u32; MOST] = &rows(20);
const ROWS_28: &[u32; MOST] = &rows(28);

/// The rows of the matrix of order 12, 20 or 28, as bits; of order 1 for any other.
pub(super) const fn rows_of(order: usize) -> &'static [u32; MOST] {
    match order {
        12 => ROWS_12,
        20 => ROWS_20,
        28 => ROWS_28,
        _ => &[0; MOST],
    }
}

/// The product with the matrix of order Q, of Q vectors.
///
/// Output i is the sum, over groups of four inputs in ascending order, of (x0 +- x1) +- (x2 +- x3). A group has eight such sums up to
/// sign, and all outputs share them: 60, 140, 252 additions for 12, 20, 28 inputs, where row by row it were 132, 380, 756.
#[inline(always)]
pub(super) fn product<T, S: Walsh<T>, const Q: usize>(s: S, x: &mut [S::V; Q]) {
    let mut sums = [[x[0]; 8]; MOST / 4];
    let mut g = 0;
    while g < Q / 4 {
        let (a, b, c, d) = (x[4 * g], x[4 * g + 1], x[4 * g + 2], x[4 * g + 3]);
        let left = [s.add(a, b), s.sub(a, b)];
        let right = [s.add(c, d), s.sub(c, d)];
        sums[g] = [
            s.add(left[0], right[0]),
            s.add(left[1], right[0]),
            s.add(left[0], right[1]),
            s.add(left[1], right[1]),
            s.sub(left[0], right[0]),
            s.sub(left[1], right[0]),
            s.sub(left[0], right[1]),
            s.sub(left[1], right[1]),
        ];
        g += 1;
    }
    macro_rules! outputs {
        ($($i:literal)*) => {$(
            if $i < Q {
                x[$i] = output::<T, S, Q, $i>(s, &sums);
            }
        )*};
    }
    outputs!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27);
}

/// Which of the eight sums of a group, and whether it is subtracted, from the four signs of a row.
#[inline(always)]
const fn choose(row: u32, g: usize) -> (usize, bool) {
    let signs = row >> (4 * g) & 15;
    let minus = signs & 1 == 1;
    let signs = if minus { !signs & 15 } else { signs };
    let (b, c, d) = (signs >> 1 & 1, signs >> 2 & 1, signs >> 3 & 1);
    ((b | (c ^ d) << 1 | c << 2) as usize, minus)
}

/// Output I: the first column is +1, so that the first group is never subtracted.
#[inline(always)]
fn output<T, S: Walsh<T>, const Q: usize, const I: usize>(s: S, sums: &[[S::V; 8]; MOST / 4]) -> S::V {
    let mut y = sums[0][const { choose(rows_of(Q)[I], 0).0 }];
    macro_rules! groups {
        ($($g:literal)*) => {$(
            if $g < Q / 4 {
                let sum = sums[$g][const { choose(rows_of(Q)[I], $g).0 }];
                y = if const { choose(rows_of(Q)[I], $g).1 } { s.sub(y, sum) } else { s.add(y, sum) };
            }
        )*};
    }
    groups!(1 2 3 4 5 6);
    y
}

/// The same product in the same order as a loop: small code.
#[inline(always)]
pub(super) fn product_small<T, S: Walsh<T>, const Q: usize>(s: S, x: &mut [S::V; Q]) {
    let from = *x;
    let mut i = 0;
    while i < Q {
        x[i] = sum_small(s, &from, rows_of(Q)[i]);
        i += 1;
    }
}

#[inline(always)]
pub(super) fn sum_small<T, S: Walsh<T>>(s: S, x: &[S::V], mut signs: u32) -> S::V {
    let mut y = x[0];
    let mut g = 0;
    while 4 * g + 3 < x.len() {
        let (a, b, c, d) = (x[4 * g], x[4 * g + 1], x[4 * g + 2], x[4 * g + 3]);
        // Relative to the sign of the first of the group, as in `choose`.
        let left = add_or_sub(s, signs ^ signs >> 1, a, b);
        let right = add_or_sub(s, (signs >> 2) ^ (signs >> 3), c, d);
        let sum = add_or_sub(s, signs ^ signs >> 2, left, right);
        y = if g == 0 { sum } else { add_or_sub(s, signs, y, sum) };
        signs >>= 4;
        g += 1;
    }
    y
}

#[inline(always)]
fn add_or_sub<T, S: Walsh<T>>(s: S, minus: u32, a: S::V, b: S::V) -> S::V {
    if minus & 1 == 1 { s.sub(a, b) } else { s.add(a, b) }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{MOST, choose, rows, rows_of};
    use std::{vec, vec::Vec};

    /// Products in the field of q elements, by the rules of arithmetic; of nine, (u + v i)(x + y i) with i i = -1.
    fn times(q: i32, a: i32, b: i32) -> i32 {
        let (u, v, x, y) = (a % 3, a / 3, b % 3, b / 3);
        if q == 9 { (u * x - v * y).rem_euclid(3) + (u * y + v * x) % 3 * 3 } else { a * b % q }
    }
    fn minus(q: i32, a: i32, b: i32) -> i32 {
        if q == 9 { (a % 3 - b % 3).rem_euclid(3) + (a / 3 - b / 3).rem_euclid(3) * 3 } else { (a - b).rem_euclid(q) }
    }

    /// Against C (x) [[1, 1], [1, -1]] + I (x) [[1, -1], [-1, -1]], with the squares of the field found by squaring everything.
    #[test]
    fn the_matrices_are_paleys() {
        for order in [12usize, 20, 28] {
            let q = order as i32 / 2 - 1;
            let squares: Vec<i32> = (1..q).map(|x| times(q, x, x)).collect();
            let conference = |i: i32, j: i32| match (i, j) {
                (i, j) if i == j => 0,
                (0, _) | (_, 0) => 1,
                (i, j) if squares.contains(&minus(q, i - 1, j - 1)) => 1,
                _ => -1,
            };
            let entry = |i: usize, j: usize| {
                let (first, second) = ([[1, 1], [1, -1]], [[1, -1], [-1, -1]]);
                let identity = i32::from(i / 2 == j / 2);
                conference(i as i32 / 2, j as i32 / 2) * first[i % 2][j % 2] + identity * second[i % 2][j % 2]
            };
            let found = rows(order);
            assert_eq!(&found, rows_of(order));
            assert_eq!(found[0], 0);
            let sign = |i: usize, j: usize| if found[i] >> j & 1 == 1 { -1 } else { 1 };
            for (i, j) in (0..order).flat_map(|i| (0..order).map(move |j| (i, j))) {
                assert_eq!(sign(i, j), entry(i, j) * entry(i, 0) * entry(j, 0), "order {order}: {i}, {j}");
                let product: i32 = (0..order).map(|k| sign(i, k) * sign(j, k)).sum();
                assert_eq!(found[i] >> j & 1, found[j] >> i & 1, "order {order}: symmetric");
                assert_eq!(product, if i == j { order as i32 } else { 0 }, "order {order}: rows {i} and {j}");
            }
            assert!(found[order..].iter().all(|&row| row == 0) && order <= MOST);
        }
        assert_eq!(rows_of(1), &[0; MOST]);
    }

    /// Four numbers with any signs are one of the eight sums, or its negative.
    #[test]
    fn eight_sums_are_all_there_are() {
        let (left, right) = ([1 + 20, 1 - 20], [300 + 4000, 300 - 4000]);
        let mut sums = vec![];
        for sign in [1, -1] {
            sums.extend([0, 1].map(|r| left.map(|left: i32| left + sign * right[r])).concat());
        }
        for signs in 0..16u32 {
            let sign = |k: u32| if signs >> k & 1 == 1 { -1 } else { 1 };
            for g in 0..7 {
                let (at, minus) = choose(signs << (4 * g), g);
                assert_eq!(
                    if minus { -sums[at] } else { sums[at] },
                    sign(0) + 20 * sign(1) + 300 * sign(2) + 4000 * sign(3),
                    "{signs:b} {g}"
                );
            }
        }
    }
}
