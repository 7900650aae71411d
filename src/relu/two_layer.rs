//! Stub: replaced by the kernels. Plain loops, one row after the other.
#![allow(missing_docs)]
use crate::{Error, Float, Level, MatMut, MatRef};

#[derive(Debug)]
pub struct PatternMut;

pub const fn forward_scratch_len(_n: usize, _d: usize, m: usize, _c: usize) -> usize {
    m
}

pub fn forward<T: Float>(
    _level: Level,
    x: MatRef<'_, T>,
    w: MatRef<'_, T>,
    a: MatRef<'_, T>,
    shift: T,
    _pattern: Option<PatternMut>,
    mut out: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), Error> {
    let (n, d, m, c) = (x.rows(), x.cols(), w.rows(), a.rows());
    let h = &mut scratch[..m];
    let scale = T::ONE / T::from_f64(m as f64).sqrt();
    for i in 0..n {
        for (r, h) in h.iter_mut().enumerate() {
            let mut z = T::ZERO;
            for k in 0..d {
                z += x.get(i, k).unwrap() * w.get(r, k).unwrap();
            }
            *h = if z > shift { z - shift } else { T::ZERO };
        }
        for o in 0..c {
            let mut f = T::ZERO;
            for (r, h) in h.iter().enumerate() {
                f += *h * a.get(o, r).unwrap();
            }
            out.row(i).unwrap()[o] = f * scale;
        }
    }
    Ok(())
}
