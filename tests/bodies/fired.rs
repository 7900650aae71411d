//! The two-layer network on the neurons that fire.

use super::network::Network;
use super::source::Source;
use subquad::relu::{FiredRef, PatternMut, PatternRef, fired, pattern, two_layer};
use subquad::{Level, MatMut};

/// Lists give the bits of the dense kernels; lists of any numbers are no panic.
pub fn fired(bytes: &[u8]) {
    let mut source = Source(bytes);
    let network = Network::take(&mut source, 40, 0.125);
    let (n, d, m, c) = network.shape;
    let (any, shift, shape) = (network.any, network.shift, "as many numbers as the shape says");
    let (x, w, a, u) = (network.x(), network.w(), network.a(), network.u());
    for level in Level::available() {
        let mut words = vec![u64::MAX; pattern::pattern_len(n, m)];
        let mut scratch = vec![f32::NAN; two_layer::gram_product_scratch_len(d, m, c)];
        let mut f = vec![f32::NAN; n * c];
        let to = PatternMut::new(&mut words, n, m).expect(shape);
        two_layer::forward(level, x, w, a, shift, Some(to), MatMut::new(&mut f, n, c).expect(shape), &mut scratch).expect("shapes fit");
        let fires = PatternRef::new(&words, n, m).expect(shape);
        // Each neuron's values on all samples; of those that fire a list.
        let all: Vec<u32> = (0..n as u32).collect();
        let (mut starts, mut samples, mut values) = (vec![0], Vec::new(), Vec::new());
        for r in 0..m {
            let mut z = vec![f32::NAN; n];
            fired::values(level, x, w.row(r).unwrap_or_default(), &all, &mut z).expect("shapes fit");
            for i in (0..n).filter(|&i| fires.fires(i, r)) {
                assert!(z[i] > shift, "{level}: neuron {r} on sample {i}");
                samples.push(i as u32);
                values.push(z[i]);
            }
            starts.push(samples.len());
        }
        let lists = FiredRef::new(&starts, &samples, &values, n).expect("ascending");
        let (mut sum, mut part) = (vec![0.0f32; n * c], vec![f32::NAN; n * c]);
        let mut room = vec![f32::NAN; fired::outputs_scratch_len(n, d, m, c)];
        for g in 0..fired::groups(d, m) {
            let to = MatMut::new(&mut part, n, c).expect(shape);
            fired::outputs_of_group(level, lists, a, d, g, shift, to, &mut room).expect("shapes fit");
            sum.iter_mut().zip(&part).for_each(|(sum, part)| *sum += part);
        }
        let mut gradient = vec![f32::NAN; m * d];
        two_layer::vjp(level, x, a, fires, u, MatMut::new(&mut gradient, m, d).expect(shape), &mut scratch).expect("shapes fit");
        let mut dense = vec![f32::NAN; n * c];
        two_layer::gram_product(level, x, a, fires, u, MatMut::new(&mut dense, n, c).expect(shape), &mut scratch).expect("shapes fit");

        let mut room = vec![f32::NAN; fired::descend_scratch_len(d, c)];
        let (mut down, mut moved) = (vec![0.0f32; m * d], vec![f32::NAN; m]);
        let to = MatMut::new(&mut down, m, d).expect(shape);
        fired::descend(level, x, a, lists, u, -1.0, 0, to, &mut moved, &mut room).expect("shapes fit");
        let mut product = vec![0.0f32; n * c];
        // In two pieces, of which one may be empty.
        let half = source.below(m + 1);
        for (from, count) in [(0, half), (half, m - half)] {
            let to = MatMut::new(&mut product, n, c).expect(shape);
            fired::gram_product(level, x, a, lists, u, from, count, to, &mut room).expect("shapes fit");
        }
        let mut inputs = vec![0.0f32; n * d];
        fired::input_gradient(level, w, a, lists, u, MatMut::new(&mut inputs, n, d).expect(shape), &mut room).expect("shapes fit");
        if any {
            continue;
        }
        assert!(sum == f, "{level}: outputs");
        assert!(down == gradient, "{level}: gradient");
        let size = 64.0 * 8.0 * (n * c * d.max(1)) as f64;
        for (found, wanted) in product.iter().zip(&dense) {
            assert!((f64::from(*found) - f64::from(*wanted)).abs() <= 1e-5 * size, "{level}: {found}, should be {wanted}");
        }
        for (i, k) in (0..n).flat_map(|i| (0..d).map(move |k| (i, k))) {
            let back =
                |r: usize| -> f64 { (0..c).map(|o| f64::from(u.get(i, o).unwrap_or(0.0)) * f64::from(a.get(o, r).unwrap_or(0.0))).sum() };
            let sum: f64 = (0..m).filter(|&r| fires.fires(i, r)).map(|r| back(r) * f64::from(w.get(r, k).unwrap_or(0.0))).sum();
            let wanted = sum / (m.max(1) as f64).sqrt();
            let error = (f64::from(inputs[i * d + k]) - wanted).abs();
            assert!(error <= 1e-5 * 64.0 * (m * c) as f64, "{level}: ({i}, {k}) of the derivative by the inputs");
        }
        for (r, &moved) in moved.iter().enumerate() {
            let far = gradient[r * d..(r + 1) * d].iter().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt();
            assert!((f64::from(moved) - far).abs() <= 1e-5 * far, "{level}: neuron {r} moved by {moved}, not {far}");
        }
    }
}
