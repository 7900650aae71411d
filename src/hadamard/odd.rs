//! Lengths q 2^p: the pass across q pieces, and transforms so short that their pieces are vectors.

use crate::scratch::{part, part_mut};
use crate::simd::{Element, Strides, Walk, Walsh};

use super::Signs;
use super::codelet::finish;
use super::paley;
use super::schedule::{Input, Rows};

/// Transforms of rows of q m numbers, in place or from full rows `from_stride` apart, that stay in registers as a whole: m is at most a vector.
/// `false` where it is more.
#[inline(always)]
pub(super) fn short<T: Element, S: Walsh<T>>(
    s: S,
    x: &mut [T],
    q: usize,
    rows: Rows,
    input: Input<'_, T>,
    from_stride: usize,
    scale: Option<T>,
) -> bool {
    if S::LANES == 1 || rows.n > q * S::LANES {
        return false;
    }
    match q {
        12 => whole::<T, S, 12>(s, x, rows, input, from_stride, scale),
        20 => whole::<T, S, 20>(s, x, rows, input, from_stride, scale),
        28 => whole::<T, S, 28>(s, x, rows, input, from_stride, scale),
        _ => return false,
    }
    true
}

#[inline(always)]
fn whole<T: Element, S: Walsh<T>, const Q: usize>(
    s: S,
    x: &mut [T],
    rows: Rows,
    input: Input<'_, T>,
    from_stride: usize,
    scale: Option<T>,
) {
    let Rows { n, count, stride, .. } = rows;
    let m = n / Q;
    let mut i = 0;
    while i < count {
        let to = &mut x[i * stride..i * stride + n];
        let from = match input.source {
            Some(from) => &from[i * from_stride..i * from_stride + n],
            None => &*to,
        };
        let mut v = [s.splat(T::zeroed()); Q];
        if m == S::LANES && matches!(input.signs, Signs::None) {
            for (v, part) in v.iter_mut().zip(s.chunks(from).0) {
                *v = s.hadamard_below(S::LANES, s.load(part));
            }
        } else {
            let mut at = input.at;
            for (v, part) in v.iter_mut().zip(from.chunks_exact(m)) {
                *v = s.hadamard_below(m, s.negate(input.signs.at(at), s.load_part(part)));
                at += m;
            }
        }
        paley::product::<T, S, Q>(s, &mut v);
        finish(s, scale, &mut v);
        if m == S::LANES {
            for (v, part) in v.iter().zip(s.chunks_mut(to).0) {
                s.store(part, *v);
            }
        } else {
            for (v, part) in v.iter().zip(to.chunks_exact_mut(m)) {
                s.store_part(part, *v);
            }
        }
        i += 1;
    }
}

/// The last pass of q 2^p rows: the product with the matrix of order q across pieces of `m` rows, `stride` apart, of `width` numbers.
#[inline(always)]
pub(super) fn pieces<T: Element, S: Walsh<T>>(s: S, x: &mut [T], q: usize, m: usize, stride: usize, width: usize, scale: Option<T>) {
    let mut row = 0;
    while row < m {
        let x = x.get_mut(row * stride..).unwrap_or_default();
        match q {
            12 => across::<T, S, 12>(s, x, m * stride, width, scale),
            20 => across::<T, S, 20>(s, x, m * stride, width, scale),
            28 => across::<T, S, 28>(s, x, m * stride, width, scale),
            _ => {}
        }
        row += 1;
    }
}

/// The product with the matrix of order Q, across Q rows, `distance` apart, of `width` numbers.
///
/// A column's vectors lie in as many cache lines, and 20 or 28 rows a multiple of 2 KiB apart push one another out of the first-level
/// cache; writing the last first spares a tenth. Prefetching them and copying them to a tile both cost what they save.
#[inline(always)]
fn across<T: Element, S: Walsh<T>, const Q: usize>(s: S, x: &mut [T], distance: usize, width: usize, scale: Option<T>) {
    let vectors = width / S::LANES;
    let mut walk = Walk::<T, S, Q>::in_place(s, x, Strides { row: distance, step: S::LANES }, vectors);
    while let Some(column) = walk.next() {
        let mut v = column.load();
        if S::LANES == 1 {
            paley::product_small::<T, S, Q>(s, &mut v); // plain code stays small
        } else {
            paley::product::<T, S, Q>(s, &mut v);
        }
        finish(s, scale, &mut v);
        column.store(&v);
    }
    let (at, lanes) = (vectors * S::LANES, width % S::LANES);
    if lanes > 0 {
        let mut v = [s.splat(T::zeroed()); Q];
        let mut r = 0;
        while r < Q {
            v[r] = s.load_part(part(x, r * distance + at, lanes));
            r += 1;
        }
        paley::product_small::<T, S, Q>(s, &mut v);
        finish(s, scale, &mut v);
        while r > 0 {
            r -= 1;
            s.store_part(part_mut(x, r * distance + at, lanes), v[r]);
        }
    }
}
