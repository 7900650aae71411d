//! Which passes run over which memory: loops only, over the codelets.
//!
//! A transform of n = q 2^p numbers is q transforms of 2^p and one pass across them. Of 2^p numbers, blocks that fit the first-level
//! cache are finished first, then blocks that fit the second-level one, then the rest: stages always in the order
//! h = 1, 2, 4, .., so that every path computes the same bits.

use crate::simd::{Element, Strides, Walk, Walsh, to_cache_line};

use super::Signs;
use super::codelet::{across, finish, first, flip, later, most_stages};

/// Bytes that are finished in the first-level cache before anything else is touched: two thirds of the smallest one that vector machines
/// have.
pub(super) const NEAR: usize = 32 << 10;
/// Bytes of a row that are finished by a pass over rows far apart, before it moves on: some cache lines, so that the processor's own
/// prefetching gets going, and few enough that 2^8 rows stay in the second-level cache.
const STRIP: usize = 2 << 10;
/// log2 of the rows that are read together where they lie a power of two apart: eight lines fit into one set of the first-level cache,
/// the sixteen of a full codelet do not, and cost half of the speed.
const SPREAD: u32 = 3;
/// log2 of the rows that a pass over memory brings together, in codelets of `SPREAD`.
const FAR: u32 = 8;
/// Numbers between a codelet and what it asks the cache for.
const AHEAD: usize = 4 << 10;

/// Numbers of 2^p that are finished in the second-level cache before anything else is touched: few, because each cache level adds a pass,
/// but so many that 2^6 rows are left to be brought together, as many as have room in the smaller table of page addresses.
pub(super) const fn outer_len<T>(n: usize) -> usize {
    let (least, most) = ((256 << 10) / size_of::<T>(), (1 << 20) / size_of::<T>());
    let wanted = n / 64;
    let len = if wanted < least {
        least
    } else if wanted > most {
        most
    } else {
        wanted
    };
    if len < n { len } else { n }
}

/// What a transform reads, and with which signs.
#[derive(Clone, Copy)]
pub(super) struct Input<'a, T> {
    /// The numbers, if they are not there already; zeros follow where they are fewer than the transform has.
    pub source: Option<&'a [T]>,
    pub signs: Signs<'a>,
    /// Index of the first number in the signs.
    pub at: usize,
}

impl<T> Input<'_, T> {
    /// A row of n numbers.
    #[inline(always)]
    fn row(self, at: usize, n: usize) -> Self {
        match self.source {
            // A source shorter than a transform is a single row.
            Some(source) if source.len() > n => Self { source: source.get(at..at + n), ..self },
            _ => self,
        }
    }

    /// `len` numbers from `from` on.
    #[inline(always)]
    fn part(self, from: usize, len: usize) -> Self {
        let source = match self.source {
            Some(source) => {
                let from = from.min(source.len());
                Some(&source[from..source.len().min(from + len)])
            }
            None => None,
        };
        Self { source, signs: self.signs, at: self.at + from }
    }
}

/// A number only where a pass is the last.
#[inline(always)]
fn only_if<T>(last: bool, scale: Option<T>) -> Option<T> {
    if last { scale } else { None }
}

/// Brings a source that is shorter than x into it, zeros behind; a full one stays where it is.
#[inline(always)]
fn fill<'a, T: Element>(x: &mut [T], source: Option<&'a [T]>) -> Option<&'a [T]> {
    let source = source?;
    if source.len() >= x.len() {
        return Some(&source[..x.len()]);
    }
    let (head, tail) = x.split_at_mut(source.len());
    head.copy_from_slice(source);
    tail.fill(T::zeroed());
    None
}

/// Rows to transform: `count` rows of n = 2^p numbers, `stride` apart.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    pub n: usize,
    pub count: usize,
    pub stride: usize,
    /// How far the signs of a row lie behind those of the one before.
    pub advance: usize,
}

/// One transform in place in the first-level cache, nothing else being asked: the shortest way there, which asks no cache for what is there.
/// `false` where it does not fit.
#[inline(always)]
pub(super) fn single<T: Element, S: Walsh<T>>(s: S, x: &mut [T]) -> bool {
    let at = Strides { row: S::LANES, step: 0 };
    let n = x.len();
    if n == S::LANES {
        first(s, Walk::<T, S, 1>::in_place(s, x, at, 1), Signs::None, 0, 0, None);
    } else if n == 2 * S::LANES {
        first(s, Walk::<T, S, 2>::in_place(s, x, at, 1), Signs::None, 0, 0, None);
    } else if n == 4 * S::LANES {
        first(s, Walk::<T, S, 4>::in_place(s, x, at, 1), Signs::None, 0, 0, None);
    } else if n == 8 * S::LANES && most_stages::<T, S>() > 2 {
        first(s, Walk::<T, S, 8>::in_place(s, x, at, 1), Signs::None, 0, 0, None);
    } else if n == 16 * S::LANES && most_stages::<T, S>() > 2 {
        // With 16 registers some wait on the stack, which costs less than a second pass.
        first(s, Walk::<T, S, 16>::in_place(s, x, at, 1), Signs::None, 0, 0, None);
    } else {
        let most = most_stages::<T, S>();
        let codelet = S::LANES << most;
        if most < 3 || !n.is_power_of_two() || n <= codelet || size_of_val(x) > NEAR {
            return false;
        }
        let strides = Strides { row: S::LANES, step: codelet };
        if most > 3 {
            first(s, Walk::<T, S, 16>::in_place(s, x, strides, n / codelet), Signs::None, 0, 0, None);
        } else {
            first(s, Walk::<T, S, 8>::in_place(s, x, strides, n / codelet), Signs::None, 0, 0, None);
        }
        stages(s, x, codelet, n, most, None);
    }
    true
}

/// Transforms of rows that fit a codelet, in place or from full rows `from_stride` apart; `false` where they do not.
#[inline(always)]
pub(super) fn short<T: Element, S: Walsh<T>>(
    s: S,
    x: &mut [T],
    rows: Rows,
    input: Input<'_, T>,
    from_stride: usize,
    scale: Option<T>,
) -> bool {
    let Rows { n, count, stride, advance } = rows;
    if n > S::LANES << most_stages::<T, S>() {
        return false;
    }
    if n < S::LANES {
        parts(s, x, rows, input, from_stride, scale);
        return true;
    }
    let to = Strides { row: S::LANES, step: stride };
    macro_rules! codelet {
        ($R:literal) => {{
            let walk = match input.source {
                Some(from) => Walk::<T, S, $R>::between(s, from, Strides { row: S::LANES, step: from_stride }, x, to, count),
                None => Walk::<T, S, $R>::in_place(s, x, to, count),
            };
            first(s, walk, input.signs, input.at, advance, scale)
        }};
    }
    match n / S::LANES {
        1 => codelet!(1),
        2 => codelet!(2),
        4 => codelet!(4),
        8 if most_stages::<T, S>() > 2 => codelet!(8),
        _ if most_stages::<T, S>() > 3 => codelet!(16),
        _ => {}
    }
    true
}

/// Rows shorter than a vector, each in a part of one: none of them is a piece of a longer one, and the signs of each are the same.
#[inline(always)]
fn parts<T: Element, S: Walsh<T>>(s: S, x: &mut [T], rows: Rows, input: Input<'_, T>, from_stride: usize, scale: Option<T>) {
    let Rows { n, count, stride, .. } = rows;
    let mut i = 0;
    while i < count {
        let to = &mut x[i * stride..i * stride + n];
        let v = match input.source {
            Some(from) => s.load_part(&from[i * from_stride..i * from_stride + n]),
            None => s.load_part(to),
        };
        let mut v = [s.hadamard_below(n, s.negate(input.signs.at(input.at), v))];
        finish(s, scale, &mut v);
        s.store_part(to, v[0]);
        i += 1;
    }
}

/// Transforms of rows that fit the second-level cache and no codelet.
#[inline(always)]
pub(super) fn blocks<T: Element, S: Walsh<T>>(s: S, x: &mut [T], rows: Rows, input: Input<'_, T>, from_stride: usize, scale: Option<T>) {
    let most = most_stages::<T, S>();
    let n = rows.n;
    let near = NEAR / size_of::<T>();
    // A pass over the second-level cache waits for it anyway: let it do as many stages as it can.
    let inner = if n > near { near.min((n >> SPREAD).max(S::LANES << most)) } else { n };
    let mut i = 0;
    while i < rows.count {
        let x = &mut x[i * rows.stride..i * rows.stride + n];
        let input = Input { at: input.at + i * rows.advance, ..input.row(i * from_stride, n) };
        let mut at = 0;
        while at < n {
            block(s, &mut x[at..at + inner], input.part(at, inner), only_if(n == inner, scale));
            at += inner;
        }
        stages(s, x, inner, n, SPREAD.min(most), scale);
        i += 1;
    }
}

/// Transforms of all `width` columns of n = 2^p > 1 rows, `stride` apart, whose signs are those from index `at` on, a multiple of n.
#[inline(always)]
pub(super) fn columns<T: Element, S: Walsh<T>>(
    s: S,
    x: &mut [T],
    n: usize,
    stride: usize,
    width: usize,
    signs: Signs<'_>,
    at: usize,
    scale: Option<T>,
) {
    let mut h = 1;
    while h < n {
        // Powers of two; of 0 the logarithm would panic.
        let k = even(n.trailing_zeros() - h.trailing_zeros(), FAR);
        let scale = only_if(h << k == n, scale);
        let signs = if h == 1 { signs } else { Signs::None };
        let mut row = 0;
        while row < n {
            // The first rows of the groups of 2^k rows h apart.
            if row & ((h << k) - h) == 0 {
                let Some(x) = x.get_mut(row * stride..) else { return };
                spread(s, x, h * stride, k, width, signs, at + row, scale);
            }
            row += 1;
        }
        h <<= k;
    }
}

/// One transform inside the first-level cache.
#[inline(always)]
fn block<T: Element, S: Walsh<T>>(s: S, x: &mut [T], input: Input<'_, T>, scale: Option<T>) {
    let n = x.len();
    if matches!(input.source, Some([])) && matches!(input.signs, Signs::None) && scale.is_none() {
        x.fill(T::zeroed()); // the transform of zeros; times a scale they may be -0 or NaN
        return;
    }
    let most = most_stages::<T, S>();
    let codelet = S::LANES << most;
    let strides = Strides { row: S::LANES, step: codelet };
    let source = fill(x, input.source);
    macro_rules! codelet {
        ($R:literal) => {{
            let walk = match source {
                Some(from) => Walk::<T, S, $R>::between(s, from, strides, x, strides, n / codelet),
                None => Walk::<T, S, $R>::in_place(s, x, strides, n / codelet),
            };
            let walk = walk.ahead(AHEAD / size_of::<T>());
            first(s, walk, input.signs, input.at, codelet, only_if(n == codelet, scale))
        }};
    }
    if most > 3 {
        codelet!(16);
    } else if most > 2 {
        codelet!(8);
    } else {
        codelet!(4);
    }
    stages(s, x, codelet, n, most, scale);
}

/// The stages of the next pass, where `left` stages are to be done in as few passes of at most `most` as can be, as evenly as can be.
#[inline(always)]
const fn even(left: u32, most: u32) -> u32 {
    if left <= most {
        left
    } else if left <= 2 * most {
        left.div_ceil(2)
    } else if left <= 3 * most {
        left.div_ceil(3)
    } else {
        most
    }
}

/// The stages h = from .. to / 2 of every `to` numbers, at most `most` in a pass and as evenly as can be.
#[inline(always)]
fn stages<T: Element, S: Walsh<T>>(s: S, x: &mut [T], from: usize, to: usize, most: u32, scale: Option<T>) {
    let mut h = from;
    while h < to {
        let k = even(to.ilog2() - h.ilog2(), most);
        let last = h << k == to;
        let mut at = 0;
        while at < x.len() {
            direct(s, &mut x[at..at + (h << k)], h, k, h, 0, only_if(last, scale));
            at += h << k;
        }
        h <<= k;
    }
}

/// k stages across 2^k rows, `distance` apart, of `width` numbers, a multiple of a vector's. Row r is negated first where bit r is 1.
#[inline(always)]
fn direct<T: Element, S: Walsh<T>>(s: S, x: &mut [T], distance: usize, k: u32, width: usize, minus: u64, scale: Option<T>) {
    let strides = Strides { row: distance, step: S::LANES };
    let columns = width / S::LANES;
    match k {
        1 => later(s, Walk::<T, S, 2>::in_place(s, x, strides, columns), minus, scale),
        2 => later(s, Walk::<T, S, 4>::in_place(s, x, strides, columns), minus, scale),
        3 if most_stages::<T, S>() > 2 => later(s, Walk::<T, S, 8>::in_place(s, x, strides, columns), minus, scale),
        _ if most_stages::<T, S>() > 3 => later(s, Walk::<T, S, 16>::in_place(s, x, strides, columns), minus, scale),
        _ => {}
    }
}

/// k stages across 2^k rows, `distance` apart, of `width` numbers: over memory once. The signs are those from index `at` on.
///
/// Strips of columns are finished one after the other. They begin at a cache line where that is possible: a vector across two costs two
/// accesses, and rows have a power of two between them, so that all of them lie alike.
#[inline(always)]
fn spread<T: Element, S: Walsh<T>>(
    s: S,
    x: &mut [T],
    distance: usize,
    k: u32,
    width: usize,
    signs: Signs<'_>,
    at: usize,
    scale: Option<T>,
) {
    let line = 64 / size_of::<T>();
    let head = if width >= 4 * line && distance.is_multiple_of(line) { to_cache_line(x) } else { 0 };
    let body = (width - head) / S::LANES * S::LANES;
    edge(s, x, distance, k, 0, head, signs, at, scale);
    edge(s, x, distance, k, head + body, width - head - body, signs, at, scale);
    let Some(x) = x.get_mut(head..) else { return };
    let most = SPREAD.min(most_stages::<T, S>());
    let mut from = 0;
    while from < body {
        let columns = (STRIP / size_of::<T>()).min(body - from);
        let mut done = 0;
        while done < k {
            let step = even(k - done, most);
            let h = 1 << done;
            let scale = only_if(done + step == k, scale);
            let mut row = 0;
            while row < 1 << k {
                // The first rows of the groups of 2^step rows h apart.
                if row & ((h << step) - h) == 0 {
                    let minus = if done == 0 { signs.at(at + row) } else { 0 };
                    let Some(x) = x.get_mut(row * distance + from..) else { return };
                    direct(s, x, h * distance, step, columns, minus, scale);
                }
                row += 1;
            }
            done += step;
        }
        from += columns;
    }
}

/// As [`spread`], of fewer columns than a vector has lanes, or up to a cache line. Where the array ends too early, which its door rules out, the
/// rest is left: a way on from there would cost a fifth of the instructions.
#[inline(always)]
fn edge<T: Element, S: Walsh<T>>(
    s: S,
    x: &mut [T],
    distance: usize,
    k: u32,
    from: usize,
    width: usize,
    signs: Signs<'_>,
    at: usize,
    scale: Option<T>,
) {
    let end = from + width;
    let mut from = from;
    while from < end {
        let lanes = S::LANES.min(end - from);
        let mut done = 0;
        while done < k {
            // One stage more for an odd number, then two at a time.
            let two = (k - done).is_multiple_of(2);
            let step = if two { 2 } else { 1 };
            let h = 1 << done;
            let scale = only_if(done + step == k, scale);
            let mut row = 0;
            while row < 1 << k {
                if row & ((h << step) - h) == 0 {
                    let minus = if done == 0 { signs.at(at + row) } else { 0 };
                    let mut place = row * distance + from;
                    if two {
                        let mut v = [s.splat(T::zeroed()); 4];
                        for v in &mut v {
                            let Some(from) = x.get(place..place + lanes) else { return };
                            *v = s.load_part(from);
                            place += h * distance;
                        }
                        flip(s, minus, &mut v);
                        across(s, &mut v);
                        finish(s, scale, &mut v);
                        for v in v.iter().rev() {
                            place -= h * distance;
                            let Some(to) = x.get_mut(place..place + lanes) else { return };
                            s.store_part(to, *v);
                        }
                    } else {
                        let next = place + h * distance;
                        let (Some(first), Some(second)) = (x.get(place..place + lanes), x.get(next..next + lanes)) else { return };
                        let mut v = [s.load_part(first), s.load_part(second)];
                        flip(s, minus, &mut v);
                        across(s, &mut v);
                        finish(s, scale, &mut v);
                        let Some(to) = x.get_mut(place..place + lanes) else { return };
                        s.store_part(to, v[0]);
                        let Some(to) = x.get_mut(next..next + lanes) else { return };
                        s.store_part(to, v[1]);
                    }
                }
                row += 1;
            }
            done += step;
        }
        from += lanes;
    }
}

/// x <- -x
#[inline(always)]
pub(super) fn negate<T: Element, S: Walsh<T>>(s: S, x: &mut [T]) {
    let (chunks, rest) = s.chunks_mut(x);
    for chunk in chunks {
        let v = s.negate(u64::MAX, s.load(chunk));
        s.store(chunk, v);
    }
    if !rest.is_empty() {
        let v = s.negate(u64::MAX, s.load_part(rest));
        s.store_part(rest, v);
    }
}
