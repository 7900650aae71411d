//! Some outputs only.

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
    let (block, waiting) = scratch.split_at_mut(m);
    for c in 0..n / m {
        let from = source.len().min(c * m);
        let part = &source[from..source.len().min(from + m)];
        row(level, block, Some(part), signs, c * m, None);
        let digits = c.trailing_ones() as usize;
        for (j, &row) in chosen.iter().enumerate() {
            let row = order.natural(row, n);
            let mut v = at(scalar, block, row & (m - 1));
            for digit in 0..digits {
                let low = at(scalar, waiting, digit * s + j);
                v = if (row >> (digit + m.ilog2() as usize)) & 1 == 1 { scalar.sub(low, v) } else { scalar.add(low, v) };
            }
            if c + 1 == n / m {
                // The last block completes all sums.
                if let Some(factor) = scale {
                    v = scalar.times(v, scalar.splat(factor));
                }
                scalar.store_part(&mut out[j..], v);
            } else {
                scalar.store_part(&mut waiting[digits * s + j..], v);
            }
        }
    }
}

/// One number.
#[inline(always)]
fn at<T: Element>(scalar: <T as Element>::Scalar, x: &[T], i: usize) -> <<T as Element>::Scalar as Lanes<T>>::V {
    scalar.load_part(&x[i..])
}
