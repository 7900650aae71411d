//! The fast Walsh-Hadamard transform.
//!
//! H_1 = \[1\], H_2n = \[\[H_n, H_n\], \[H_n, -H_n\]\]: natural order, unnormalised, H H = N I.

use crate::error::Error;
use crate::simd::{Float, Lanes, Level};

/// `x <- H x`, in place: natural order, unnormalised.
///
/// # Errors
/// [`Error::TransformLength`] unless the length is a power of two.
///
/// # Numerics
/// Bit-identical on all levels: stages run in the order h = 1, 2, 4, .. N/2, each sum rounded once.
///
/// # Cost
/// N log2 N additions.
pub fn fwht<T: Float>(level: Level, x: &mut [T]) -> Result<(), Error> {
    let n = x.len();
    if !n.is_power_of_two() {
        let above = n.checked_next_power_of_two();
        return Err(Error::TransformLength {
            found: n,
            below: above.map_or(Some(1 << (usize::BITS - 1)), |a| (a > 1).then_some(a / 2)),
            above,
        });
    }
    stages(level, x);
    Ok(())
}

multiversion! {
    fn stages<T: Float>(x: &mut [T]) = body;
}

#[inline(always)]
fn body<T: Float, S: Lanes<T>>(s: S, x: &mut [T]) {
    let n = x.len();
    let mut h = 1;
    if n >= S::LANES {
        for chunk in s.chunks_mut(x).0 {
            let v = s.hadamard_lanes(s.load(chunk));
            s.store(chunk, v);
        }
        h = S::LANES;
    }
    while h < n {
        for pair in x.chunks_exact_mut(2 * h) {
            let (low, high) = pair.split_at_mut(h);
            let (low_chunks, low_rest) = s.chunks_mut(low);
            let (high_chunks, high_rest) = s.chunks_mut(high);
            for (l, h) in low_chunks.iter_mut().zip(high_chunks) {
                let (a, b) = (s.load(l), s.load(h));
                s.store(l, s.add(a, b));
                s.store(h, s.sub(a, b));
            }
            for (l, h) in low_rest.iter_mut().zip(high_rest) {
                (*l, *h) = (*l + *h, *l - *h);
            }
        }
        h *= 2;
    }
}
