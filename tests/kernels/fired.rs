//! The network on the neurons that fire alone, against the dense kernels (bit for bit) and the oracle.

use crate::oracle::{Dense, allowed, assert_close, dirty, levels, numbers};
use subquad::relu::{FiredRef, PatternMut, PatternRef, fired, pattern, two_layer};
use subquad::simd::Float;
use subquad::{Error, MatMut, MatRef};

struct Lists<T> {
    starts: Vec<usize>,
    samples: Vec<u32>,
    values: Vec<T>,
}

fn lists<T: Float>(z: impl Fn(usize, usize) -> T, fires: &PatternRef<'_>) -> Lists<T> {
    let (mut starts, mut samples, mut values) = (vec![0], Vec::new(), Vec::new());
    for r in 0..fires.neurons() {
        for i in (0..fires.samples()).filter(|&i| fires.fires(i, r)) {
            samples.push(i as u32);
            values.push(z(i, r));
        }
        starts.push(samples.len());
    }
    Lists { starts, samples, values }
}

fn check<T: Float + Into<f64>>() {
    for (n, d, m, c, shift) in
        [(1, 1, 1, 1, 0.0), (5, 3, 70, 2, 0.1), (17, 33, 1100, 1, 0.4), (9, 65, 64, 3, 0.0), (12, 130, 2049, 1, 1.0), (3, 0, 5, 1, 0.0)]
    {
        let (x, w, a, u) = (numbers::<T>(n * d, 1), numbers::<T>(m * d, 2), numbers::<T>(c * m, 3), numbers::<T>(n * c, 4));
        let shift = T::from_f64(shift);
        let (x, w) = (MatRef::new(&x, n, d).unwrap(), MatRef::new(&w, m, d).unwrap());
        let (a, u) = (MatRef::new(&a, c, m).unwrap(), MatRef::new(&u, n, c).unwrap());
        for level in levels() {
            let place = format!("{level} n={n} d={d} m={m} C={c}");
            let mut bits = vec![0; pattern::pattern_len(n, m)];
            let mut f = vec![T::ZERO; n * c];
            let mut scratch = dirty(two_layer::gram_product_scratch_len(d, m, c));
            let to = PatternMut::new(&mut bits, n, m).unwrap();
            two_layer::forward(level, x, w, a, shift, Some(to), MatMut::new(&mut f, n, c).unwrap(), &mut scratch).unwrap();
            let fires = PatternRef::new(&bits, n, m).unwrap();
            // The values, each neuron's over all samples.
            let all: Vec<u32> = (0..n as u32).collect();
            let mut z = vec![T::ZERO; m * n];
            for (r, z) in z.chunks_mut(n).enumerate() {
                fired::values(level, x, w.row(r).unwrap(), &all, z).unwrap();
            }
            for r in 0..m {
                assert!((0..n).all(|i| (z[r * n + i] > shift) == fires.fires(i, r)), "{place}: the values decide alike");
            }
            let lists = lists(|i, r| z[r * n + i], &fires);
            let sets = FiredRef::new(&lists.starts, &lists.samples, &lists.values, n).unwrap();
            assert_eq!((sets.neurons(), sets.samples(), sets.count() as u64), (m, n, fires.count(level)));

            let mut sum = vec![T::ZERO; n * c];
            let mut part = dirty(n * c);
            let mut room = dirty(fired::outputs_scratch_len(n, d, m, c) + 3);
            let len = fired::group_len(d, m);
            assert!(len.is_multiple_of(64) && fired::groups(d, m) == m.div_ceil(len), "{place}");
            for g in 0..fired::groups(d, m) {
                fired::outputs_of_group(level, sets, a, d, g, shift, MatMut::new(&mut part, n, c).unwrap(), &mut room).unwrap();
                sum.iter_mut().zip(&part).for_each(|(sum, &part)| *sum += part);
            }
            assert!(sum == f, "{place}: outputs");

            let mut gradient = dirty(m * d);
            two_layer::vjp(level, x, a, fires, u, MatMut::new(&mut gradient, m, d).unwrap(), &mut scratch).unwrap();
            let (mut found, mut moved) = (vec![T::ZERO; m * d], dirty(m));
            let mut room = dirty(fired::descend_scratch_len(d, c));
            let rate = -T::ONE;
            fired::descend(level, x, a, sets, u, rate, 0, MatMut::new(&mut found, m, d).unwrap(), &mut moved, &mut room).unwrap();
            assert!(found == gradient, "{place}: gradient");
            for (r, moved) in moved.iter().enumerate() {
                let far = gradient[r * d..(r + 1) * d].iter().map(|g| g.to_f64().powi(2)).sum::<f64>().sqrt();
                assert!((moved.to_f64() - far).abs() <= 1e-5 * far, "{place}: neuron {r}");
            }

            // K U and the derivative by the inputs, in f64.
            let masked = Dense::of(u).times(&Dense::of(a));
            let scale = 1.0 / (m as f64).sqrt();
            let masked = Dense::from_fn(n, m, |i, r| if fires.fires(i, r) { scale * masked.at(i, r) } else { 0.0 });
            let size = |a: &Dense, b: &Dense| a.map(f64::abs).times(&b.map(f64::abs)).data;
            let slope = masked.times(&Dense::of(w));
            let mut found = vec![T::ZERO; n * d];
            fired::input_gradient(level, w, a, sets, u, MatMut::new(&mut found, n, d).unwrap(), &mut room).unwrap();
            let units = allowed::sum_of_products(m + c);
            let sizes: Vec<f64> = size(&masked, &Dense::of(w)).iter().map(|s| s + 4.0 * scale * c as f64).collect();
            assert_close(&found, &slope.data, &sizes, units, &format!("{place}: input gradient"));

            let mut whole = dirty(n * c);
            two_layer::gram_product(level, x, a, fires, u, MatMut::new(&mut whole, n, c).unwrap(), &mut scratch).unwrap();
            let mut found = vec![T::ZERO; n * c];
            for first in (0..m).step_by(37) {
                fired::gram_product(level, x, a, sets, u, first, 37, MatMut::new(&mut found, n, c).unwrap(), &mut room).unwrap();
            }
            let most = whole.iter().map(|x| x.to_f64().abs()).fold(0.0, f64::max) + f64::from(d as u32) * scale;
            let close =
                found.iter().zip(&whole).all(|(f, w)| (f.to_f64() - w.to_f64()).abs() <= 100.0 * T::EPSILON.to_f64() * most * n as f64);
            assert!(close, "{place}: Gram product");

            // Shapes are checked.
            assert!(
                fired::descend(level, x, a, sets, u, rate, 0, MatMut::new(&mut vec![T::ZERO; m * d], m, d).unwrap(), &mut [], &mut room)
                    .is_err()
            );
            assert!(matches!(
                fired::outputs_of_group(level, sets, a, d, 0, shift, MatMut::new(&mut part, n, c).unwrap(), &mut []),
                Err(Error::TooShort { .. })
            ));
        }
    }
    assert!(FiredRef::<f32>::new(&[0, 2], &[0, 1], &[0.0, 0.0], 1).is_err(), "no such sample");
    assert!(FiredRef::<f32>::new(&[0, 3], &[0, 1], &[0.0, 0.0], 2).is_err(), "no such entry");
    assert!(FiredRef::<f32>::new(&[2, 0, 2], &[0, 1], &[0.0, 0.0], 2).is_err(), "starts fall");
    assert!(FiredRef::<f32>::new(&[0, 2], &[0, 1], &[0.0], 2).is_err(), "values lack");
}

#[test]
fn lists_do_what_the_dense_kernels_do() {
    check::<f32>();
    check::<f64>();
}
