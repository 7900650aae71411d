//! Transforms in registers: the lanes of a vector, and R vectors across.

use crate::simd::{Walk, Walsh};

use super::Signs;

/// log2 of the vectors that a codelet holds: 16 leave room for the constants of the lane stages where there are 32
/// registers (32 vectors would leave none for the difference of a butterfly), 8 where there are 16. Plain code stays small.
#[inline(always)]
pub(super) const fn most_stages<T, S: Walsh<T>>() -> u32 {
    if S::LANES == 1 {
        2
    } else if S::REGISTERS >= 32 {
        4
    } else {
        3
    }
}

/// One stage across vectors: pairs H apart.
#[inline(always)]
fn stage<T, S: Walsh<T>, const R: usize, const H: usize>(s: S, v: &mut [S::V; R]) {
    let mut i = 0;
    while i < R / 2 {
        let low = i / H * (2 * H) + i % H;
        let (a, b) = (v[low], v[low + H]);
        v[low] = s.add(a, b);
        v[low + H] = s.sub(a, b);
        i += 1;
    }
}

/// All stages across R vectors, in ascending order.
#[inline(always)]
pub(super) fn across<T, S: Walsh<T>, const R: usize>(s: S, v: &mut [S::V; R]) {
    if R > 1 {
        stage::<T, S, R, 1>(s, v);
    }
    if R > 2 {
        stage::<T, S, R, 2>(s, v);
    }
    if R > 4 {
        stage::<T, S, R, 4>(s, v);
    }
    if R > 8 {
        stage::<T, S, R, 8>(s, v);
    }
}

/// Every vector times c, where there is one.
#[inline(always)]
pub(super) fn finish<T: Copy, S: Walsh<T>, const R: usize>(s: S, scale: Option<T>, v: &mut [S::V; R]) {
    if let Some(c) = scale {
        let c = s.splat(c);
        let mut r = 0;
        while r < R {
            v[r] = s.times(v[r], c);
            r += 1;
        }
    }
}

/// A first pass: `log2(R LANES)` stages of every column, whose R vectors are R LANES consecutive numbers of the transform.
///
/// The signs are those from index `at` on; `advance` is how far the next column lies behind.
#[inline(always)]
pub(super) fn first<T: Copy, S: Walsh<T>, const R: usize>(
    s: S,
    mut walk: Walk<'_, T, S, R>,
    signs: Signs<'_>,
    mut at: usize,
    advance: usize,
    scale: Option<T>,
) {
    if matches!(signs, Signs::None) {
        while let Some(column) = walk.next() {
            let mut v = column.load_hadamard();
            across(s, &mut v);
            finish(s, scale, &mut v);
            column.store(&v);
        }
        return;
    }
    while let Some(column) = walk.next() {
        let mut v = column.load();
        let mut r = 0;
        while r < R {
            v[r] = s.hadamard_below(S::LANES, s.negate(signs.at(at + r * S::LANES), v[r]));
            r += 1;
        }
        across(s, &mut v);
        finish(s, scale, &mut v);
        column.store(&v);
        at += advance;
    }
}

/// Vector r is negated where bit r is 1.
#[inline(always)]
pub(super) fn flip<T, S: Walsh<T>, const R: usize>(s: S, minus: u64, v: &mut [S::V; R]) {
    let mut r = 0;
    while r < R {
        v[r] = s.negate_if(minus >> r & 1 == 1, v[r]);
        r += 1;
    }
}

/// A later pass, or the first along columns: log2(R) stages across the rows of every column. Row r is negated first where bit r is 1.
#[inline(always)]
pub(super) fn later<T: Copy, S: Walsh<T>, const R: usize>(s: S, mut walk: Walk<'_, T, S, R>, minus: u64, scale: Option<T>) {
    while let Some(column) = walk.next() {
        let mut v = column.load();
        if minus != 0 {
            flip(s, minus, &mut v);
        }
        across(s, &mut v);
        finish(s, scale, &mut v);
        column.store(&v);
    }
}
