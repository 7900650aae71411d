//! Some outputs only.

use core::slice;

use crate::scratch::split;
use crate::simd::{Element, Lanes, Level, Scalar, Walsh};

use super::{Order, Signs, row};

/// Numbers that are transformed at a time, for s outputs of n = 2^p: gathering s numbers from each block then costs less
/// than a stage or two.
pub(super) const fn block_len(n: usize, s: usize) -> usize {
    // What stays in the second-level cache costs less whole, but for a handful of outputs.
    if n <= 1 << 16 && s > n / 1024 {
        return n;
    }
    let wanted = match s.checked_mul(16) {
        Some(wanted) if wanted > 4096 => wanted,
        Some(_) => 4096,
        None => n,
    };
    if wanted < n { wanted.next_power_of_two() } else { n }
}

/// How often blocks of m numbers are added in pairs.
pub(super) const fn digits(n: usize, m: usize) -> usize {
    match (n.checked_ilog2(), m.checked_ilog2()) {
        (Some(n), Some(m)) => n.saturating_sub(m) as usize,
        _ => 0,
    }
}

/// `out[j] <- scale (H D x)[chosen[j]]`, one block of x at a time.
///
/// Behind the stages inside a block, an output needs one number of every block: these are added in pairs, then pairs of pairs, as
/// the remaining stages do. A sum waits for its partner like a digit of a binary counter.
pub(super) fn outputs<T: Element>(
    level: Level,
    source: &[T],
    n: usize,
    signs: Signs<'_>,
    order: Order,
    chosen: &[usize],
    out: &mut [T],
    scale: Option<T>,
    scratch: &mut [T],
) {
    let scalar = <T as Element>::Scalar::from(Scalar);
    let s = chosen.len();
    let m = block_len(n, s);
    let (block, waiting) = split(scratch, m);
    let mut left = source;
    for c in 0..1 << digits(n, m) {
        let part;
        (part, left) = left.split_at_checked(m).unwrap_or((left, &[]));
        row(level, block, Some(part), signs, c * m, None);
        let complete = c.trailing_ones() as usize;
        // The last block completes all sums.
        let last = complete == digits(n, m);
        let (lower, to) = split(waiting, complete * s);
        for (j, (&row, to)) in chosen.iter().zip(if last { &mut *out } else { to }).enumerate() {
            let row = order.natural(row, n);
            let mut v = scalar.load_part(block.get(row & (m - 1)..).unwrap_or_default());
            let mut bits = row >> m.trailing_zeros();
            let mut at = j;
            while let Some(low) = lower.get(at) {
                let low = scalar.load_part(slice::from_ref(low));
                v = if bits & 1 == 1 { scalar.sub(low, v) } else { scalar.add(low, v) };
                (at, bits) = (at + s, bits / 2);
            }
            if let (true, Some(factor)) = (last, scale) {
                v = scalar.times(v, scalar.splat(factor));
            }
            scalar.store_part(slice::from_mut(to), v);
        }
    }
}
