//! The two-layer network by its patterns.

use super::network::Network;
use super::source::Source;
use subquad::relu::{PatternMut, PatternRef, gram, pattern, two_layer};
use subquad::{Level, MatMut, MatRef};

/// Any weights: nobody fires on NaN, levels that fuse agree on who fires; and on exact numbers every level agrees on all.
pub fn relu(bytes: &[u8]) {
    let mut source = Source(bytes);
    let network = Network::take(&mut source, 12, 1.0 / 64.0);
    let (n, d, m, c) = network.shape;
    let (any, shift, shape) = (network.any, network.shift, "as many numbers as the shape says");
    let (x, w, a, u) = (network.x(), network.w(), network.a(), network.u());
    let mut first: Option<(Level, Vec<u64>, Vec<f32>)> = None;
    for level in Level::available() {
        let mut words = vec![u64::MAX; pattern::pattern_len(n, m)];
        let mut scratch = vec![f32::NAN; two_layer::gram_product_scratch_len(d, m, c)];
        let (mut f, mut g) = (vec![f32::NAN; n * c], vec![f32::NAN; n * c]);
        let to = PatternMut::new(&mut words, n, m).expect(shape);
        two_layer::forward(level, x, w, a, shift, Some(to), MatMut::new(&mut f, n, c).expect(shape), &mut scratch).expect("shapes fit");
        let fired = PatternRef::new(&words, n, m).expect(shape);
        for (i, r) in (0..n).flat_map(|i| (0..m).map(move |r| (i, r))) {
            let entries = || (0..d).map(|k| (x.get(i, k).unwrap_or(0.0), w.get(r, k).unwrap_or(0.0)));
            if entries().any(|(x, w)| x.is_nan() || w.is_nan()) {
                assert!(!fired.fires(i, r), "{level}: fires on NaN");
            } else if !any {
                let z: f32 = entries().map(|(x, w)| x * w).sum();
                assert_eq!(fired.fires(i, r), z > shift, "{level} sample {i} neuron {r}");
            }
        }
        two_layer::gram_product(level, x, a, fired, u, MatMut::new(&mut g, n, c).expect(shape), &mut scratch).expect("shapes fit");
        let (mut jv, mut jtu) = (vec![f32::NAN; n * c], vec![f32::NAN; m * d]);
        two_layer::vjp(level, x, a, fired, u, MatMut::new(&mut jtu, m, d).expect(shape), &mut scratch).expect("shapes fit");
        let v = MatRef::new(&jtu, m, d).expect(shape);
        two_layer::jvp(level, x, a, fired, v, MatMut::new(&mut jv, n, c).expect(shape), &mut scratch).expect("shapes fit");
        if !any {
            // K u = J (J^T u), and each entry of J^T u by its definition.
            let size = 64.0 * 8.0 * (n * c * d.max(1)) as f32;
            assert!(jv.iter().zip(&g).all(|(a, b)| (a - b).abs() <= 1e-5 * size), "{level}: two ways to the Gram product");
            for (r, k) in [(0, 0), (m / 2, d / 2), (m.max(1) - 1, d.max(1) - 1)].into_iter().filter(|&(r, k)| r < m && k < d) {
                let back = |i: usize| -> f64 {
                    (0..c).map(|j| f64::from(u.get(i, j).unwrap_or(0.0)) * f64::from(a.get(j, r).unwrap_or(0.0))).sum()
                };
                let sum: f64 = (0..n).filter(|&i| fired.fires(i, r)).map(|i| back(i) * f64::from(x.get(i, k).unwrap_or(0.0))).sum();
                let wanted = sum / (m as f64).sqrt();
                assert!((f64::from(jtu[r * d + k]) - wanted).abs() <= 1e-5 * 64.0 * (n * c) as f64, "{level}: ({r}, {k}) of J^T u");
            }
        }
        let (mut counts, mut room) = (vec![f32::NAN; n * n], vec![f32::NAN; gram::gram_scratch_len(n, d)]);
        gram::overlaps(level, fired, MatMut::new(&mut counts, n, n).expect(shape)).expect("shapes fit");
        for i in 0..n {
            let wanted: u32 = fired.sample(i).iter().map(|word| word.count_ones()).sum();
            assert_eq!(counts[i * n + i], wanted as f32);
        }
        gram::gram(level, x, fired, MatMut::new(&mut counts, n, n).expect(shape), &mut room).expect("shapes fit");
        gram::analytic_gram(level, x, shift, MatMut::new(&mut counts, n, n).expect(shape), &mut room).expect("shapes fit");
        let fuses = ["avx2", "avx512", "neon"].contains(&level.name());
        if let Some((other, pattern, outputs)) = &first {
            if fuses || !any {
                assert_eq!(pattern, &words, "{level} and {other} differ on who fires");
            }
            if !any {
                let size = 64.0 * (m * d.max(1)) as f32;
                assert!(f.iter().zip(outputs).all(|(f, o)| (f - o).abs() <= 1e-5 * size), "{level} and {other} differ in outputs");
            }
        } else {
            first = Some((level, words, f));
        }
    }
}
