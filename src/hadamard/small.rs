//! The whole transform in plain loops: for machines that count bytes of code and have neither vectors nor caches.

use crate::simd::{Element, Lanes, Scalar, Walsh};

use super::{Signs, odd_part, paley};

/// Whether this machine is one: then a transform of a row is this one.
pub(super) const SMALL: bool = !cfg!(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "wasm32"));

/// As [`row`](super::row): the same additions in the same order.
pub(super) fn row<T: Element>(x: &mut [T], source: Option<&[T]>, signs: Signs<'_>, at: usize, scale: Option<T>) {
    let s = <T as Element>::Scalar::from(Scalar);
    let map = |x: &mut T, f: &dyn Fn(Vector<T>) -> Vector<T>| {
        let v = f(get(*x));
        s.store_part(core::slice::from_mut(x), v);
    };
    if let Some(source) = source {
        x.fill(T::zeroed());
        x.iter_mut().zip(source).for_each(|(x, &from)| *x = from);
    }
    if !matches!(signs, Signs::None) {
        for (i, x) in x.iter_mut().enumerate() {
            map(x, &|v| s.negate(signs.at(at + i), v));
        }
    }
    let q = odd_part(x.len());
    let m = if q == 1 { x.len() } else { x.len() / q };
    let mut h = 1;
    while h < m {
        let mut rest = &mut *x;
        while let Some((pair, behind)) = rest.split_at_mut_checked(2 * h) {
            if let Some((low, high)) = pair.split_at_mut_checked(h) {
                for (low, high) in low.iter_mut().zip(high) {
                    let (a, b) = (get(*low), get(*high));
                    s.store_part(core::slice::from_mut(low), s.add(a, b));
                    s.store_part(core::slice::from_mut(high), s.sub(a, b));
                }
            }
            rest = behind;
        }
        h *= 2;
    }
    if q > 1 {
        for c in 0..m {
            let mut v = [get(T::zeroed()); paley::MOST];
            v.iter_mut().zip(x.iter().skip(c).step_by(m)).for_each(|(v, &x)| *v = get(x));
            for (x, &row) in x.iter_mut().skip(c).step_by(m).zip(paley::rows_of(q)) {
                s.store_part(core::slice::from_mut(x), paley::sum_small(s, v.get(..q).unwrap_or(&v), row));
            }
        }
    }
    if let Some(c) = scale {
        for x in x {
            map(x, &|v| s.times(v, get(c)));
        }
    }
}

type Vector<T> = <<T as Element>::Scalar as Lanes<T>>::V;

#[inline(always)]
fn get<T: Element>(x: T) -> Vector<T> {
    <T as Element>::Scalar::from(Scalar).splat(x)
}

#[cfg(test)]
mod tests {
    use super::{Signs, row};
    use crate::hadamard::{Transform, is_len};
    use crate::simd::{Element, Level};
    use std::vec;
    use std::vec::Vec;

    /// Signs from a seed, a source that is too short, a factor: every level against the plain loops.
    fn same_bits<T: Element>(of: fn(i32) -> T, one: T, c: T) {
        let x: Vec<T> = (0..4096u32).map(|i| of((i.wrapping_mul(2_654_435_761) >> 8) as i32 - 7_000_000)).collect();
        for n in (1..=4096).filter(|&n| is_len(n)) {
            for (have, signs, scale) in
                [(n, Signs::None, None), (n / 2, Signs::Seed(3), Some(c)), (0, Signs::None, None), (n, Signs::Seed(9), None)]
            {
                let mut small = vec![c; n];
                row(&mut small, Some(&x[..have]), signs, 0, scale);
                for level in Level::available() {
                    let mut large = vec![one; n];
                    let job = Transform::new().signs(signs).scaled(scale.unwrap_or(one));
                    job.run_from(level, &x[..have], &mut large).unwrap();
                    assert!(bytemuck::cast_slice::<T, u8>(&small) == bytemuck::cast_slice::<T, u8>(&large), "{level}, {n}");
                }
            }
        }
    }

    #[test]
    fn the_small_code_computes_the_same_bits() {
        same_bits::<f32>(|i| i as f32, 1.0, 0.7);
        same_bits::<f64>(|i| f64::from(i) / 3.0, 1.0, 0.7);
        same_bits::<i32>(|i| i.wrapping_mul(99), 1, 7);
        same_bits::<i16>(|i| i as i16, 1, 7);
    }
}
