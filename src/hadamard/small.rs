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
    use crate::simd::Level;
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn the_small_code_computes_the_same_bits() {
        let x: Vec<f32> = (0..2048u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 - 7e6).collect();
        for n in (1..=2048).filter(|&n| is_len(n)) {
            for (have, signs, scale) in
                [(n, Signs::None, None), (n / 2, Signs::Seed(3), Some(0.7f32)), (0, Signs::None, None), (n, Signs::Seed(9), None)]
            {
                let (mut small, mut large) = (vec![1.0; n], vec![2.0; n]);
                row(&mut small, Some(&x[..have]), signs, 0, scale);
                let job = Transform::new().signs(signs).scaled(scale.unwrap_or(1.0));
                job.run_from(Level::detect(), &x[..have], &mut large).unwrap();
                assert!(small.iter().zip(&large).all(|(a, b)| a.to_bits() == b.to_bits()), "{n}");
            }
        }
    }
}
