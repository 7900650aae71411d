//! How the time of a training step grows with the width m, the samples n and the inputs d, for the two-layer network.
//!
//! `cargo bench --bench scaling [-- --quick]` prints a JSON line for each point: a Gauss-Newton step of the trainer
//! (`gauss-newton`), the same step by the textbook, with the Jacobian written out, its Gram matrix by a product of
//! matrices and a Cholesky factor (`dense`, as far as its memory reaches), and a step of gradient descent, which is what
//! any first-order method costs at least (`gradient`). One thread, one output, half of the neurons fire; the least of several steps.
//! `figures.py` draws them. The deep network's points come from `deep.rs`.

use std::time::Instant;

use subquad::blas::{self, Definite};
use subquad::train::{Lookup, Method, Over, TwoLayer};
use subquad::{Level, MatRef};

mod common;
use common::{close, gaussian, mat, mat_mut, testing, unit};

/// Where all lines meet.
const M: usize = 4096;
const N: usize = 512;
const D: usize = 32;

struct Problem {
    n: usize,
    d: usize,
    m: usize,
    x: Vec<f32>,
    y: Vec<f32>,
}

impl Problem {
    fn new(n: usize, d: usize, m: usize) -> Self {
        let x = unit(gaussian(n * d, 1), d);
        let y = x.chunks(d).map(|x| (4.0 * x[0]).sin() + 4.0 * x[1] * x[2]).collect();
        Self { n, d, m, x, y }
    }

    fn x(&self) -> MatRef<'_, f32> {
        mat(&self.x, self.n, self.d)
    }

    /// The least seconds of a trainer's step.
    fn trainer(&self, method: Method, steps: usize) -> f64 {
        let y = mat(&self.y, self.n, 1);
        let builder = TwoLayer::builder().method(method).width(self.m).steps(steps).tolerance(0.0).lookup(Lookup::Dense, Over::Data);
        let mut best = f64::INFINITY;
        let begun = Instant::now();
        // Short steps are tried more often: what disturbs them is as long as they are.
        while best.is_infinite() || begun.elapsed().as_secs_f64() < 0.6 {
            let mut run = builder.clone().number_of_threads(1).seed(1).build(self.x(), y).unwrap();
            while let Some(step) = run.step().unwrap() {
                best = best.min(step.seconds);
            }
            assert!(run.train_mse() < run.first_mse());
        }
        best
    }

    /// Seconds of a step with everything written out, from random weights.
    fn dense(&self) -> f64 {
        let level = Level::detect();
        let Self { n, d, m, .. } = *self;
        let (mut w, a) = (gaussian::<f32>(m * d, 2), common::signs::<f32>(m, 3));
        let scale = 1.0 / (m as f32).sqrt();
        let mut z = vec![0.0f32; n * m];
        let mut jacobian = vec![0.0f32; n * m * d];
        let mut gram = vec![0.0f32; n * n];
        let room = blas::gemm_scratch_len(n, m, d).max(blas::syrk_scratch_len(n, m * d)).max(blas::cholesky_scratch_len(n));
        let mut scratch = vec![0.0f32; room.max(blas::cholesky_solve_scratch_len(n))];
        let begun = Instant::now();
        blas::gemm(level, 1.0, self.x(), mat(&w, m, d).t(), 0.0, mat_mut(&mut z, n, m), &mut scratch).unwrap();
        let mut g: Vec<f32> =
            (0..n).map(|i| scale * z[i * m..][..m].iter().zip(&a).map(|(z, a)| a * z.max(0.0)).sum::<f32>() - self.y[i]).collect();
        let residual = g.clone();
        for (i, row) in jacobian.chunks_exact_mut(m * d).enumerate() {
            for ((part, z), a) in row.chunks_exact_mut(d).zip(&z[i * m..]).zip(&a) {
                let weight = if *z > 0.0 { scale * a } else { 0.0 };
                part.iter_mut().zip(&self.x[i * d..]).for_each(|(to, x)| *to = weight * x);
            }
        }
        let j = mat(&jacobian, n, m * d);
        blas::syrk(level, 1.0, j, 0.0, mat_mut(&mut gram, n, n), &mut scratch).unwrap();
        (0..n).for_each(|i| gram[i * n + i] += 1e-3);
        let damped = gram.clone();
        assert_eq!(blas::cholesky(level, mat_mut(&mut gram, n, n), &mut scratch).unwrap(), Definite::Yes);
        blas::cholesky_solve(level, mat(&gram, n, n), mat_mut(&mut g, n, 1), &mut scratch).unwrap();
        for (row, g) in jacobian.chunks_exact(m * d).zip(&g) {
            blas::axpy(level, -*g, row, &mut w).unwrap();
        }
        let seconds = begun.elapsed().as_secs_f64();
        // (K + damping) g = r, with the half of K that was computed.
        let back: Vec<f32> = (0..n).map(|i| (0..n).map(|k| damped[i.max(k) * n + i.min(k)] * g[k]).sum()).collect();
        close(&back, &residual, 1e-2);
        seconds
    }
}

fn line(of: &str, series: &str, problem: &Problem, seconds: f64) {
    println!(
        "{{\"of\":\"{of}\",\"series\":\"{series}\",\"m\":{},\"n\":{},\"d\":{},\"ms\":{:.4},\"level\":\"{}\"}}",
        problem.m,
        problem.n,
        problem.d,
        1e3 * seconds,
        Level::detect()
    );
}

fn main() {
    let quick = testing() || std::env::args().any(|arg| arg == "--quick");
    let powers = |from: u32, to: u32| (from..=if quick { from + 1 } else { to }).map(|p| 1usize << p);
    let mut points: Vec<(&str, Problem)> = vec![];
    points.extend(powers(10, 17).map(|m| ("m", Problem::new(N, D, m))));
    points.extend(powers(7, 12).map(|n| ("n", Problem::new(n, D, M))));
    points.extend(powers(4, 10).map(|d| ("d", Problem::new(N, d, M))));
    for (of, problem) in points {
        line(of, "gauss-newton", &problem, problem.trainer(Method::GaussNewton, 4));
        line(of, "gradient", &problem, problem.trainer(Method::Gradient, 5));
        // The Jacobian is written out: no more than a gigabyte of it.
        if problem.n * problem.d * problem.m <= if quick { 1 << 24 } else { 1 << 28 } {
            line(of, "dense", &problem, problem.dense());
        }
    }
}
