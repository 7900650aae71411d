//! Sketches (SRHT, TensorSRHT, TensorSketch) of vectors and of a two-layer network's Jacobian.
//!
//! Each is compared with the scalar level's, and its squared length with that of what it is a sketch of: half a
//! promise, but one that any wrong sign or sample breaks.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group};
use subquad::relu::{PatternMut, PatternRef, pattern, two_layer};
use subquad::sketch::{Factor, Srht, TensorSketch, TensorSrht};
use subquad::{Level, MatMut};

use crate::common::{close, gaussian, inner, mat, mat_mut, plain, signs, unit};

fn scalar() -> Level {
    Level::available().last().unwrap()
}

#[track_caller]
fn keeps_length(sketch: &[f32], squared: f64, share: f64) {
    let found = inner(sketch.to_vec(), sketch.to_vec()) / squared;
    assert!((found - 1.0).abs() < share, "{found} of the squared length");
}

fn vectors(c: &mut Criterion) {
    let (m, d, s) = (4096usize, 64usize, 1024usize);
    let (u, v) = (gaussian::<f32>(m, 1), gaussian::<f32>(d, 2));
    let x: Vec<f32> = u.iter().flat_map(|u| v.iter().map(move |v| u * v)).collect();
    let squared = inner(x.clone(), x.clone());
    // A tenth of the neurons.
    let indices: Vec<usize> = (0..m).step_by(10).collect();
    let values: Vec<f32> = indices.iter().map(|&i| u[i]).collect();
    let (srht, tensor_srht, tensor_sketch) =
        (Srht::new(m * d, s, 1).unwrap(), TensorSrht::new((m, d), s, 1).unwrap(), TensorSketch::new((m, d), s, 1).unwrap());
    let mut scratch = vec![0.0f32; srht.scratch_len().max(tensor_srht.scratch_len()).max(tensor_sketch.scratch_len())];
    let mut sketch = |level: Level, which: usize, y: &mut Vec<f32>| {
        y.fill(0.0);
        match which {
            0 => srht.accumulate(level, black_box(&x), y, &mut scratch),
            1 => tensor_srht.accumulate(level, black_box(&u), &v, y, &mut scratch),
            2 => tensor_sketch.accumulate(level, black_box(&u[..]), &v[..], y, &mut scratch),
            _ => tensor_sketch.accumulate(level, Factor::Sparse { indices: black_box(&indices), values: &values }, &v[..], y, &mut scratch),
        }
        .unwrap();
    };
    let names = ["SRHT", "TensorSRHT", "TensorSketch", "TensorSketch, a tenth"];
    let amounts = [m * d, m + d, m + d, m / 10 + d];
    for (which, (name, amount)) in names.into_iter().zip(amounts).enumerate() {
        let mut group = c.benchmark_group(format!("sketch/vector/{name}"));
        let (mut y, mut wanted) = (vec![0.0f32; s], vec![0.0f32; s]);
        sketch(scalar(), which, &mut wanted);
        keeps_length(
            &wanted,
            squared * if which == 3 { inner(values.clone(), values.clone()) / inner(u.clone(), u.clone()) } else { 1.0 },
            0.35,
        );
        for level in Level::available() {
            sketch(level, which, &mut y);
            close(&y, &wanted, 1e-4);
            plain(&mut group, BenchmarkId::from_parameter(level), amount, || sketch(level, which, &mut y));
        }
    }
}

fn jacobians(c: &mut Criterion) {
    let (n, m, d) = (64, 4096, 64);
    let s = 4 * n;
    let (x, w, a) = (unit(gaussian(n * d, 1), d), gaussian::<f32>(m * d, 2), signs::<f32>(m, 3));
    let (x, w) = (mat(&x, n, d), mat(&w, m, d));
    let (srht, tensor_srht, tensor_sketch) =
        (Srht::new(m * d, s, 1).unwrap(), TensorSrht::new((m, d), s, 1).unwrap(), TensorSketch::new((m, d), s, 1).unwrap());
    let room = srht.jacobian_scratch_len(d, m).max(2 * (m * d).next_power_of_two()).max(tensor_sketch.jacobian_scratch_len());
    let mut words = vec![0; pattern::pattern_len(n, m)];
    let (mut f, mut scratch) = (vec![0.0; n], vec![0.0; two_layer::forward_scratch_len(d, m, 1).max(room)]);
    let to = Some(PatternMut::new(&mut words, n, m).unwrap());
    two_layer::forward(Level::detect(), x, w, mat(&a, 1, m), 0.0, to, mat_mut(&mut f, n, 1), &mut scratch).unwrap();
    let pattern = PatternRef::new(&words, n, m).unwrap();
    // |J_i|^2 = |x_i|^2 |S_i| / m
    let squared = (0..n).map(|i| pattern.overlap(scalar(), i, i) as f64 / m as f64).sum::<f64>();
    let mut run = |level: Level, which: usize, y: &mut Vec<f32>| {
        y.fill(0.0);
        let to = MatMut::new(y, n, s).unwrap();
        match which {
            0 => srht.jacobian(level, x, &a, pattern, to, &mut scratch),
            1 => tensor_srht.jacobian(level, x, &a, pattern, to, &mut scratch),
            _ => tensor_sketch.jacobian(level, x, &a, pattern, to, &mut scratch),
        }
        .unwrap();
    };
    for (which, name) in ["SRHT", "TensorSRHT", "TensorSketch"].into_iter().enumerate() {
        let mut group = c.benchmark_group(format!("sketch/jacobian/{name}"));
        let (mut y, mut wanted) = (vec![0.0f32; n * s], vec![0.0f32; n * s]);
        run(scalar(), which, &mut wanted);
        keeps_length(&wanted, squared, 0.2);
        for level in Level::available() {
            run(level, which, &mut y);
            close(&y, &wanted, 1e-4);
            // In samples.
            plain(&mut group, BenchmarkId::from_parameter(level), n, || run(level, which, &mut y));
        }
    }
}

criterion_group! {
    name = benches;
    config = crate::common::criterion();
    targets = vectors, jacobians
}
