//! The solver's kernels: matrix products, factorisations, conjugate gradients, the two-layer products, the pattern Gram
//! matrix, sketches. Every result is checked before it is timed. One thread.
//!
//! `benches/peers` has the same kernels next to other crates and to the machine's limits, in processor time.

#![allow(missing_docs, reason = "made by criterion's macros")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use subquad::cg::{self, Check, Identity, LinearOperator, Status, Stopping, Watch};
use subquad::relu::{PatternMut, PatternRef, gram, pattern, two_layer};
use subquad::sketch::{Srht, TensorSketch, TensorSrht};
use subquad::{Error, Level, MatMut, MatRef, blas, random};

fn gaussian(n: usize, stream: u32) -> Vec<f32> {
    let mut x = vec![0.0; n];
    random::gaussian(&mut random::stream(1, stream), &mut x);
    x
}

fn unit(mut x: Vec<f32>, d: usize) -> Vec<f32> {
    for row in x.chunks_mut(d) {
        let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter_mut().for_each(|x| *x /= norm);
    }
    x
}

fn inner(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

fn near(found: f64, wanted: f64, size: f64) {
    assert!((found - wanted).abs() <= 1e-4 * size, "{found} instead of {wanted}");
}

fn matrices(c: &mut Criterion) {
    for level in Level::available() {
        let mut group = c.benchmark_group(format!("matrices/{level}"));
        for n in [256, 1024] {
            let (a, b) = (gaussian(n * n, 1), gaussian(n * n, 2));
            let (av, bv) = (MatRef::new(&a, n, n).unwrap(), MatRef::new(&b, n, n).unwrap());
            let (mut out, mut scratch) = (vec![0.0; n * n], vec![0.0; blas::gemm_scratch_len(n, n, n)]);
            blas::gemm(level, 1.0, av, bv.t(), 0.0, MatMut::new(&mut out, n, n).unwrap(), &mut scratch).unwrap();
            for (i, j) in [(0, 0), (n - 1, n / 2)] {
                near(out[i * n + j].into(), inner(&a[i * n..][..n], &b[j * n..][..n]), n as f64);
            }
            group.throughput(Throughput::Elements((n * n * n) as u64));
            group.bench_function(BenchmarkId::new("gemm", n), |bench| {
                bench.iter(|| blas::gemm(level, 1.0, av, bv.t(), 0.0, MatMut::new(&mut out, n, n).unwrap(), &mut scratch).unwrap());
            });

            let mut spd = vec![0.0; n * n];
            let mut scratch = vec![0.0; blas::syrk_scratch_len(n, n).max(blas::cholesky_scratch_len(n))];
            blas::syrk(level, 1.0, av, 0.0, MatMut::new(&mut spd, n, n).unwrap(), &mut scratch).unwrap();
            (0..n).for_each(|i| spd[i * n + i] += n as f32);
            let mut factor = spd.clone();
            let mut run = |factor: &mut Vec<f32>| {
                factor.copy_from_slice(&spd);
                blas::cholesky(level, MatMut::new(factor, n, n).unwrap(), &mut scratch).unwrap()
            };
            assert_eq!(run(&mut factor), blas::Definite::Yes);
            let last = &factor[(n - 1) * n..];
            near(inner(last, last), spd[n * n - 1].into(), n as f64);
            group.throughput(Throughput::Elements((n * n * n / 6) as u64));
            group.bench_function(BenchmarkId::new("cholesky", n), |bench| bench.iter(|| run(&mut factor)));

            let (mut columns, mut scratch) = (a.clone(), vec![0.0; blas::qr_scratch_len(n, n)]);
            let mut run = |columns: &mut Vec<f32>| {
                columns.copy_from_slice(&a);
                blas::qr(level, MatMut::new(columns, n, n).unwrap(), &mut scratch).unwrap();
            };
            run(&mut columns);
            near(f64::from(columns[0]).abs(), inner(&a[..n], &a[..n]).sqrt(), n as f64);
            group.bench_function(BenchmarkId::new("qr", n), |bench| bench.iter(|| run(&mut columns)));
        }
        group.finish();
    }
}

/// Tridiagonal: the vectors' own cost is what is seen.
struct Chain(usize);
impl LinearOperator<f32> for Chain {
    fn dim(&self) -> usize {
        self.0
    }
    fn apply(&self, _: Level, x: &[f32], y: &mut [f32], _: &mut [f32]) -> Result<(), Error> {
        let n = x.len();
        (y[0], y[n - 1]) = (2.1 * x[0] - x[1], 2.1 * x[n - 1] - x[n - 2]);
        for (y, x) in y[1..].iter_mut().zip(x.windows(3)) {
            *y = 2.1 * x[1] - x[0] - x[2];
        }
        Ok(())
    }
}

fn conjugate_gradients(c: &mut Criterion) {
    let level = Level::detect();
    let mut group = c.benchmark_group("cg");
    for n in [1000, 10_000, 100_000] {
        let (chain, b, mut x) = (Chain(n), gaussian(n, 1), vec![0.0; n]);
        let mut scratch = vec![0.0; cg::conjugate_gradient_scratch_len(n, 0, 0)];
        let stopping = Stopping { relative: 1e-5, absolute: 0.0, max_iterations: 500 };
        let mut run = |check| {
            x.fill(0.0);
            let mut watch = Watch { check, ..Watch::default() };
            cg::conjugate_gradient_watched(level, &chain, &Identity, &b, &mut x, stopping, &mut watch, &mut scratch).unwrap()
        };
        let report = run(Check::Report);
        assert!(report.status == Status::Converged && report.true_residual_norm.unwrap() <= 1e-4 * report.rhs_norm, "{report:?}");
        group.throughput(Throughput::Elements((n * report.iterations) as u64));
        group.bench_function(BenchmarkId::from_parameter(n), |bench| bench.iter(|| run(Check::Trust)));
    }
    group.finish();
}

fn networks(c: &mut Criterion) {
    let level = Level::detect();
    let (n, m, d) = (1024, 16384, 64);
    let (x, w) = (unit(gaussian(n * d, 1), d), gaussian(m * d, 2));
    for outputs in [1, 10] {
        let mut a = vec![0.0f32; outputs * m];
        random::signs(&mut random::stream(1, 3), &mut a);
        let u = gaussian(n * outputs, 4);
        let (x, w, a) = (MatRef::new(&x, n, d).unwrap(), MatRef::new(&w, m, d).unwrap(), MatRef::new(&a, outputs, m).unwrap());
        for (share, b) in [("50%", 0.0), ("20%", 0.8416), ("5%", 1.6449), ("1%", 2.3263)] {
            let mut words = vec![0; pattern::pattern_len(n, m)];
            let (mut f, mut g, mut k) = (vec![0.0f32; n * outputs], vec![0.0f32; m * d], vec![0.0f32; n * outputs]);
            let mut scratch = vec![0.0f32; two_layer::gram_product_scratch_len(d, m, outputs)];
            let forward = |words: &mut Vec<u64>, f: &mut Vec<f32>, scratch: &mut [f32]| {
                let pattern = PatternMut::new(words, n, m).unwrap();
                two_layer::forward(level, x, w, a, b, Some(pattern), MatMut::new(f, n, outputs).unwrap(), scratch).unwrap();
            };
            forward(&mut words, &mut f, &mut scratch);
            let mut group = c.benchmark_group(format!("network/C={outputs}/{share}"));
            group.throughput(Throughput::Elements((n * m * (d + outputs)) as u64));
            group.bench_function("forward", |bench| bench.iter(|| forward(&mut words, &mut f, &mut scratch)));
            let pattern = PatternRef::new(&words, n, m).unwrap();
            let u = MatRef::new(&u, n, outputs).unwrap();
            two_layer::jvp(level, x, a, pattern, w, MatMut::new(&mut f, n, outputs).unwrap(), &mut scratch).unwrap();
            two_layer::vjp(level, x, a, pattern, u, MatMut::new(&mut g, m, d).unwrap(), &mut scratch).unwrap();
            two_layer::gram_product(level, x, a, pattern, u, MatMut::new(&mut k, n, outputs).unwrap(), &mut scratch).unwrap();
            // <J W, U> = <W, J^T U>, <U, K U> = |J^T U|^2
            let (left, right) = (inner(&f, u.data()), inner(&g, w.data()));
            near(left, right, inner(&f, &f).sqrt() * inner(u.data(), u.data()).sqrt());
            near(inner(&k, u.data()), inner(&g, &g), inner(&g, &g));
            group.bench_function("jvp", |bench| {
                bench.iter(|| two_layer::jvp(level, x, a, pattern, w, MatMut::new(&mut f, n, outputs).unwrap(), &mut scratch).unwrap());
            });
            group.bench_function("vjp", |bench| {
                bench.iter(|| two_layer::vjp(level, x, a, pattern, u, MatMut::new(&mut g, m, d).unwrap(), &mut scratch).unwrap());
            });
            group.bench_function("gram product", |bench| {
                bench.iter(|| {
                    two_layer::gram_product(level, x, a, pattern, u, MatMut::new(&mut k, n, outputs).unwrap(), &mut scratch).unwrap()
                });
            });
            group.finish();
        }
    }
}

fn patterns(c: &mut Criterion) {
    let n = 1024;
    for level in Level::available() {
        let mut group = c.benchmark_group(format!("pattern gram/{level}"));
        for m in [4096, 16384, 65536] {
            let words: Vec<u64> =
                (0..pattern::pattern_len(n, m) as u64).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29) ^ i << 7).collect();
            let (pattern, mut out) = (PatternRef::new(&words, n, m).unwrap(), vec![0.0f32; n * n]);
            gram::overlaps(level, pattern, MatMut::new(&mut out, n, n).unwrap()).unwrap();
            for (i, j) in [(0, 0), (n - 1, 0), (n - 1, n - 1), (n / 2 + 1, n / 3)] {
                assert_eq!(out[i * n + j], pattern.overlap(level, i, j) as f32);
            }
            group.throughput(Throughput::Elements((n * (n + 1) / 2 * m) as u64));
            group.bench_function(BenchmarkId::from_parameter(m), |bench| {
                bench.iter(|| gram::overlaps(level, black_box(pattern), MatMut::new(&mut out, n, n).unwrap()).unwrap());
            });
        }
        group.finish();
    }
}

fn sketches(c: &mut Criterion) {
    let level = Level::detect();
    let (n, m, d) = (64, 4096, 64);
    let s = 4 * n;
    let x = unit(gaussian(n * d, 1), d);
    let w = gaussian(m * d, 2);
    let mut a = vec![0.0f32; m];
    random::signs(&mut random::stream(1, 3), &mut a);
    let mut words = vec![0; pattern::pattern_len(n, m)];
    let (x, w, av) = (MatRef::new(&x, n, d).unwrap(), MatRef::new(&w, m, d).unwrap(), MatRef::new(&a, 1, m).unwrap());
    let (mut f, mut scratch) = (vec![0.0; n], vec![0.0; two_layer::forward_scratch_len(d, m, 1).max(2 * (m * d).next_power_of_two())]);
    two_layer::forward(
        level,
        x,
        w,
        av,
        0.0,
        Some(PatternMut::new(&mut words, n, m).unwrap()),
        MatMut::new(&mut f, n, 1).unwrap(),
        &mut scratch,
    )
    .unwrap();
    let pattern = PatternRef::new(&words, n, m).unwrap();
    let mut group = c.benchmark_group("sketch of the Jacobian");
    group.throughput(Throughput::Elements(n as u64));
    let (srht, tensor_srht) = (Srht::new(m * d, s, 1).unwrap(), TensorSrht::new((m, d), s, 1).unwrap());
    let tensor_sketch = TensorSketch::new((m, d), s, 1).unwrap();
    let mut y = vec![0.0f32; n * s];
    let mut run = |which: usize, y: &mut Vec<f32>| {
        y.fill(0.0);
        let to = MatMut::new(y, n, s).unwrap();
        match which {
            0 => srht.jacobian(level, x, &a, pattern, to, &mut scratch),
            1 => tensor_srht.jacobian(level, x, &a, pattern, to, &mut scratch),
            _ => tensor_sketch.jacobian(level, x, &a, pattern, to, &mut scratch),
        }
        .unwrap();
    };
    for (which, name) in ["srht", "tensor-srht", "tensor-sketch"].into_iter().enumerate() {
        run(which, &mut y);
        // Lengths are kept: |J_i|^2 = |x_i|^2 |S_i| / m.
        let (found, wanted) = (inner(&y, &y), (0..n).map(|i| pattern.overlap(level, i, i) as f64 / m as f64).sum::<f64>());
        assert!((found / wanted - 1.0).abs() < 0.2, "{name}: {found} {wanted}");
        group.bench_function(name, |bench| bench.iter(|| run(which, &mut y)));
    }
    group.finish();
}

criterion_group! {
    name = solver;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1)).sample_size(10);
    targets = matrices, conjugate_gradients, networks, patterns, sketches
}
criterion_main!(solver);
