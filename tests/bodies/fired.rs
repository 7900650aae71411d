//! The two-layer network on the neurons that fire.

use super::network::Network;
use super::source::{Kind, Source, is_wide};
use subquad::relu::{FiredRef, PatternMut, PatternRef, fired, pattern, two_layer};
use subquad::simd::Float;
use subquad::{Level, MatMut};

/// Lists give the bits of the dense kernels; lists of any numbers are no panic.
pub fn fired(bytes: &[u8]) {
    if is_wide(bytes) { of_numbers::<f64>(bytes) } else { of_numbers::<f32>(bytes) }
}

fn of_numbers<T: Float>(bytes: &[u8]) {
    let mut source = Source(bytes);
    let network = Network::<T>::take(&mut source, 40, 0.125);
    let unset = T::from_f64(f64::NAN);
    let (n, d, m, c) = network.shape;
    let (any, shift, shape) = (network.kind == Kind::Any, network.shift, "as many numbers as the shape says");
    let (x, w, a, u) = (network.x(), network.w(), network.a(), network.u());
    for level in Level::available() {
        let mut words = vec![u64::MAX; pattern::pattern_len(n, m)];
        let mut scratch = vec![unset; two_layer::gram_product_scratch_len(d, m, c)];
        let mut f = vec![unset; n * c];
        let to = PatternMut::new(&mut words, n, m).expect(shape);
        two_layer::forward(level, x, w, a, shift, Some(to), MatMut::new(&mut f, n, c).expect(shape), &mut scratch).expect("shapes fit");
        let fires = PatternRef::new(&words, n, m).expect(shape);
        // Each neuron's values on all samples; of those that fire a list.
        let all: Vec<u32> = (0..n as u32).collect();
        let (mut starts, mut samples, mut values) = (vec![0], Vec::new(), Vec::new());
        for r in 0..m {
            let mut z = vec![unset; n];
            fired::values(level, x, w.row(r).unwrap_or_default(), &all, &mut z).expect("shapes fit");
            for i in (0..n).filter(|&i| fires.fires(i, r)) {
                assert!(z[i] > shift, "{level}: neuron {r} on sample {i}");
                samples.push(i as u32);
                values.push(z[i]);
            }
            starts.push(samples.len());
        }
        let lists = FiredRef::new(&starts, &samples, &values, n).expect("ascending");
        let (mut sum, mut part) = (vec![T::ZERO; n * c], vec![unset; n * c]);
        let mut room = vec![unset; fired::outputs_scratch_len(n, d, m, c)];
        for g in 0..fired::groups(d, m) {
            let to = MatMut::new(&mut part, n, c).expect(shape);
            fired::outputs_of_group(level, lists, a, d, g, shift, to, &mut room).expect("shapes fit");
            sum.iter_mut().zip(&part).for_each(|(sum, &part)| *sum += part);
        }
        let mut gradient = vec![unset; m * d];
        two_layer::vjp(level, x, a, fires, u, MatMut::new(&mut gradient, m, d).expect(shape), &mut scratch).expect("shapes fit");
        let mut dense = vec![unset; n * c];
        two_layer::gram_product(level, x, a, fires, u, MatMut::new(&mut dense, n, c).expect(shape), &mut scratch).expect("shapes fit");

        let mut room = vec![unset; fired::descend_scratch_len(d, c)];
        let (mut down, mut moved) = (vec![T::ZERO; m * d], vec![unset; m]);
        let to = MatMut::new(&mut down, m, d).expect(shape);
        fired::descend(level, x, a, lists, u, -T::ONE, 0, to, &mut moved, &mut room).expect("shapes fit");
        let mut product = vec![T::ZERO; n * c];
        // In two pieces, of which one may be empty.
        let half = source.below(m + 1);
        for (from, count) in [(0, half), (half, m - half)] {
            let to = MatMut::new(&mut product, n, c).expect(shape);
            fired::gram_product(level, x, a, lists, u, from, count, to, &mut room).expect("shapes fit");
        }
        let mut inputs = vec![T::ZERO; n * d];
        fired::input_gradient(level, w, a, lists, u, MatMut::new(&mut inputs, n, d).expect(shape), &mut room).expect("shapes fit");
        if any {
            continue;
        }
        assert!(sum == f, "{level}: outputs");
        assert!(down == gradient, "{level}: gradient");
        let size = 64.0 * 8.0 * (n * c * d.max(1)) as f64;
        for (found, wanted) in product.iter().zip(&dense) {
            assert!((found.to_f64() - wanted.to_f64()).abs() <= 84.0 * T::EPSILON.to_f64() * size, "{level}: {found}, should be {wanted}");
        }
        for (i, k) in (0..n).flat_map(|i| (0..d).map(move |k| (i, k))) {
            let back = |r: usize| -> f64 {
                (0..c).map(|o| u.get(i, o).unwrap_or_default().to_f64() * a.get(o, r).unwrap_or_default().to_f64()).sum()
            };
            let sum: f64 = (0..m).filter(|&r| fires.fires(i, r)).map(|r| back(r) * w.get(r, k).unwrap_or_default().to_f64()).sum();
            let wanted = sum / (m.max(1) as f64).sqrt();
            let error = (inputs[i * d + k].to_f64() - wanted).abs();
            assert!(error <= 84.0 * T::EPSILON.to_f64() * 64.0 * (m * c) as f64, "{level}: ({i}, {k}) of the derivative by the inputs");
        }
        for (r, &moved) in moved.iter().enumerate() {
            let far = gradient[r * d..(r + 1) * d].iter().map(|&g| g.to_f64().powi(2)).sum::<f64>().sqrt();
            assert!((moved.to_f64() - far).abs() <= 84.0 * T::EPSILON.to_f64() * far, "{level}: neuron {r} moved by {moved}, not {far}");
        }
    }
}
