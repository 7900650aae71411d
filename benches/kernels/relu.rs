//! The two-layer network: its outputs, its Jacobian from both sides, `K u`, the Gram matrices, and the lists of what fires.
//!
//! `cargo bench --bench relu -- <filter>`. Work is counted as if all neurons fired, so that a share above 1 is what was
//! saved where few do. Peers (JAX, matrix products by other crates) are in `peers`.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group};
use subquad::relu::{PatternMut, PatternRef, fired, gram, pattern, two_layer};
use subquad::{Level, MatRef};

use crate::common::{Limit, bench, close, gaussian, inner, mat, mat_mut, near, plain, signs, unit};

/// Shares of the neurons that fire, and the shifts that they belong to.
const SHARES: [(&str, f32); 4] = [("50%", 0.0), ("20%", 0.8416), ("5%", 1.6449), ("1%", 2.3263)];

/// f_c by its definition, one sample.
fn output(x: MatRef<'_, f32>, w: MatRef<'_, f32>, a: MatRef<'_, f32>, b: f32, i: usize, c: usize) -> f64 {
    let neuron =
        |r: usize| (inner((0..x.cols()).filter_map(|k| w.get(r, k)), (0..x.cols()).filter_map(|k| x.get(i, k))) - f64::from(b)).max(0.0);
    (0..w.rows()).map(|r| f64::from(a.get(c, r).unwrap()) * neuron(r)).sum::<f64>() / (w.rows() as f64).sqrt()
}

fn networks(c: &mut Criterion) {
    let best = Level::detect();
    for (d, outputs) in [(64, 1), (64, 10), (16, 1), (256, 1)] {
        // Every level where the network is the plainest; otherwise the best.
        for level in Level::available().filter(|level| *level == best || (d, outputs) == (64, 1)) {
            let (n, m) = if level.name() == "scalar" { (256, 4096) } else { (1024, 16384) };
            let (x, w, a) = (unit(gaussian(n * d, 1), d), gaussian(m * d, 2), signs::<f32>(outputs * m, 3));
            let u = gaussian::<f32>(n * outputs, 4);
            let (x, w, a, u) = (mat(&x, n, d), mat(&w, m, d), mat(&a, outputs, m), mat(&u, n, outputs));
            let work = n * m * (d + outputs);
            let shares = if (d, outputs) == (64, 1) && level == best { &SHARES[..] } else { &SHARES[..3] };
            for &(share, b) in shares {
                let mut words = vec![0; pattern::pattern_len(n, m)];
                let (mut f, mut g, mut k) = (vec![0.0f32; n * outputs], vec![0.0f32; m * d], vec![0.0f32; n * outputs]);
                let mut scratch = vec![0.0f32; two_layer::gram_product_scratch_len(d, m, outputs)];
                let mut group = c.benchmark_group(format!("relu/{level}/d={d}/C={outputs}/{share}"));
                let id = |name: &str| BenchmarkId::from_parameter(name);
                let forward = |words: &mut Vec<u64>, f: &mut Vec<f32>, scratch: &mut [f32]| {
                    let pattern = PatternMut::new(words, n, m).unwrap();
                    two_layer::forward(level, x, w, a, b, Some(pattern), mat_mut(f, n, outputs), scratch).unwrap();
                };
                forward(&mut words, &mut f, &mut scratch);
                for i in [0, n / 2, n - 1] {
                    near(f64::from(f[i * outputs]), output(x, w, a, b, i, 0), 1e-3);
                }
                bench::<f32, _>(&mut group, id("forward"), level, Limit::MultiplyAdds, work, || forward(&mut words, &mut f, &mut scratch));
                let pattern = PatternRef::new(&words, n, m).unwrap();
                two_layer::jvp(level, x, a, pattern, w, mat_mut(&mut f, n, outputs), &mut scratch).unwrap();
                two_layer::vjp(level, x, a, pattern, u, mat_mut(&mut g, m, d), &mut scratch).unwrap();
                two_layer::gram_product(level, x, a, pattern, u, mat_mut(&mut k, n, outputs), &mut scratch).unwrap();
                // One number of J W by its definition; <J W, U> = <W, J^T U>; <U, K U> = |J^T U|^2.
                let last = outputs - 1;
                let by_hand: f64 = (0..m)
                    .filter(|&r| pattern.fires(5, r))
                    .map(|r| f64::from(a.get(last, r).unwrap()) * inner(w.row(r).unwrap().to_vec(), x.row(5).unwrap().to_vec()))
                    .sum::<f64>()
                    / (m as f64).sqrt();
                near(f64::from(f[5 * outputs + last]), by_hand, 1e-3);
                let square = |v: &[f32]| inner(v.to_vec(), v.to_vec());
                near(
                    inner(f.clone(), u.data().to_vec()),
                    inner(g.clone(), w.data().to_vec()),
                    1e-4 * (square(&f) * square(u.data())).sqrt(),
                );
                near(inner(k.clone(), u.data().to_vec()), square(&g), 1e-4 * square(&g));
                bench::<f32, _>(&mut group, id("jvp"), level, Limit::MultiplyAdds, work, || {
                    two_layer::jvp(level, x, a, pattern, black_box(w), mat_mut(&mut f, n, outputs), &mut scratch).unwrap();
                });
                bench::<f32, _>(&mut group, id("vjp"), level, Limit::MultiplyAdds, work, || {
                    two_layer::vjp(level, x, a, pattern, black_box(u), mat_mut(&mut g, m, d), &mut scratch).unwrap();
                });
                bench::<f32, _>(&mut group, id("gram product"), level, Limit::MultiplyAdds, 2 * work, || {
                    two_layer::gram_product(level, x, a, pattern, black_box(u), mat_mut(&mut k, n, outputs), &mut scratch).unwrap();
                });
                group.finish();
            }
        }
    }
}

fn gram_matrices(c: &mut Criterion) {
    let (n, d) = (1024, 64);
    let x = unit(gaussian(n * d, 1), d);
    let x = mat(&x, n, d);
    for level in Level::available() {
        let mut group = c.benchmark_group(format!("relu/{level}/gram"));
        let mut out = vec![0.0f32; n * n];
        let mut scratch = vec![0.0f32; gram::gram_scratch_len(n, d)];
        for m in [4096, 16384, 65536] {
            let words: Vec<u64> =
                (0..pattern::pattern_len(n, m) as u64).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29) ^ (i << 7)).collect();
            let pattern = PatternRef::new(&words, n, m).unwrap();
            let places = [(0, 0), (n - 1, 0), (n - 1, n - 1), (n / 2 + 1, n / 3)];
            let both = |i: usize, j: usize| pattern.sample(i).iter().zip(pattern.sample(j)).map(|(a, b)| (a & b).count_ones()).sum::<u32>();
            gram::overlaps(level, pattern, mat_mut(&mut out, n, n)).unwrap();
            for (i, j) in places {
                assert_eq!(out[i * n + j], both(i, j) as f32);
            }
            let amount = n * (n + 1) / 2 * pattern::words_per_sample(m);
            bench::<f32, _>(&mut group, BenchmarkId::new("overlaps", m), level, Limit::Words, amount, || {
                gram::overlaps(level, black_box(pattern), mat_mut(&mut out, n, n)).unwrap();
            });
            gram::gram(level, x, pattern, mat_mut(&mut out, n, n), &mut scratch).unwrap();
            for (i, j) in places {
                let along = inner(x.row(i).unwrap().to_vec(), x.row(j).unwrap().to_vec());
                near(f64::from(out[i * n + j]), along * f64::from(both(i, j)) / m as f64, 1e-5);
            }
            plain(&mut group, BenchmarkId::new("gram", m), n * (n + 1) / 2, || {
                gram::gram(level, black_box(x), pattern, mat_mut(&mut out, n, n), &mut scratch).unwrap();
            });
        }
        gram::analytic_gram(level, x, 0.0, mat_mut(&mut out, n, n), &mut scratch).unwrap();
        // <x, y> (pi - angle) / 2 pi
        let along = inner(x.row(9).unwrap().to_vec(), x.row(4).unwrap().to_vec());
        near(f64::from(out[9 * n + 4]), along * (0.5 - along.acos() / std::f64::consts::TAU), 1e-5);
        plain(&mut group, BenchmarkId::from_parameter("analytic"), n * (n + 1) / 2, || {
            gram::analytic_gram(level, black_box(x), 0.0, mat_mut(&mut out, n, n), &mut scratch).unwrap();
        });
    }
}

/// What gradient descent by lists consists of: values of some samples for each neuron, and the descent on them.
fn lists(c: &mut Criterion) {
    let (n, m, d) = (1024, 4096, 64);
    let (x, w, a, u) = (unit(gaussian(n * d, 1), d), gaussian(m * d, 2), signs::<f32>(m, 3), gaussian::<f32>(n, 4));
    let (x, a, u) = (mat(&x, n, d), mat(&a, 1, m), mat(&u, n, 1));
    // Every 50th, from another place for each neuron.
    let samples: Vec<u32> = (0..m).flat_map(|r| (r % 50..n).step_by(50).map(|i| i as u32)).collect();
    let starts: Vec<usize> = (0..=m).scan(0, |at, r| Some(std::mem::replace(at, *at + (r % 50..n).step_by(50).count()))).collect();
    let mut values = vec![0.0f32; samples.len()];
    for level in Level::available() {
        let mut group = c.benchmark_group(format!("relu/{level}/lists"));
        let run = |values: &mut Vec<f32>| {
            for r in 0..m {
                let at = starts[r]..starts[r + 1];
                fired::values(level, x, &w[r * d..][..d], &samples[at.clone()], &mut values[at]).unwrap();
            }
        };
        run(&mut values);
        let last = samples[values.len() - 1] as usize;
        near(f64::from(values[values.len() - 1]), inner(w[(m - 1) * d..].to_vec(), x.row(last).unwrap().to_vec()), 1e-4);
        bench::<f32, _>(&mut group, BenchmarkId::from_parameter("values"), level, Limit::MultiplyAdds, samples.len() * d, || {
            run(&mut values)
        });
        let lists = fired::FiredRef::new(&starts, &samples, &values, n).unwrap();
        let (mut next, mut moved, mut scratch) = (w.clone(), vec![0.0; m], vec![0.0; fired::descend_scratch_len(d, 1)]);
        let mut descend = |next: &mut Vec<f32>, rate| {
            fired::descend(level, x, a, lists, u, rate, 0, mat_mut(next, m, d), &mut moved, &mut scratch).unwrap()
        };
        descend(&mut next, 1.0);
        let by_hand = |r: usize| -> Vec<f32> {
            let mut row = w[r * d..][..d].to_vec();
            for &i in lists.of(r).0 {
                let weight = a.get(0, r).unwrap() * u.get(i as usize, 0).unwrap() / (m as f32).sqrt();
                row.iter_mut().zip(x.row(i as usize).unwrap()).for_each(|(w, x)| *w -= weight * x);
            }
            row
        };
        close(&next[7 * d..][..d], &by_hand(7), 1e-5);
        bench::<f32, _>(&mut group, BenchmarkId::from_parameter("descend"), level, Limit::MultiplyAdds, samples.len() * d, || {
            descend(&mut next, black_box(1e-9));
        });
    }
}

criterion_group! {
    name = benches;
    config = crate::common::criterion();
    targets = networks, gram_matrices, lists
}
