//! Training from the first to the last step on the handwritten digits: the program's main job, the other methods that a step
//! can be taken by, and a deep network.
//!
//! `cargo bench --bench train`. Each run must reach the error that it is asked for before it is timed. How time grows with the
//! sizes is in `scaling.rs`; the phases of a deep step are in `deep.rs`; other libraries on the same digits in `peers`.

#![allow(missing_docs, reason = "made by criterion's macros")]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use subquad::Level;
use subquad::train::{Deep, Init, Method, Status, TwoLayer};

mod common;
use common::{digits, mat, plain};

fn two_layer(c: &mut Criterion) {
    let (x, y, n, d) = digits(1437);
    let (x, y) = (mat(&x, n, d), mat(&y, n, 10));
    let mut group = c.benchmark_group("train/digits");
    for level in Level::available().filter(|level| level.name() != "scalar") {
        let train = |width: usize, tolerance: f64| {
            let builder = TwoLayer::builder().width(width).tolerance(tolerance).number_of_threads(1).level(level);
            let mut run = builder.build(x, y).unwrap();
            while run.step().unwrap().is_some() {}
            run
        };
        for (width, tolerance) in [(1024, 1e-3), (4096, 1e-6)] {
            let run = train(width, tolerance);
            assert!(run.status() == Status::Converged && run.train_mse() <= tolerance && run.history().len() <= 8);
            let id = BenchmarkId::new(format!("gauss-newton to {tolerance:e}/{level}"), width);
            plain(&mut group, id, n * run.history().len(), || train(width, tolerance));
        }
    }
    for (name, method, steps) in [("gradient descent", Method::Gradient, 20), ("adam", Method::Adam, 20)] {
        let train = || {
            let builder = TwoLayer::builder().method(method).init(Init::default()).width(4096).steps(steps).tolerance(0.0);
            let mut run = builder.number_of_threads(1).build(x, y).unwrap();
            while run.step().unwrap().is_some() {}
            run
        };
        let run = train();
        assert!(run.history().len() == steps && run.train_mse() < run.first_mse());
        plain(&mut group, BenchmarkId::new(format!("{name}, {steps} steps"), 4096), n * steps, train);
    }
}

fn deep(c: &mut Criterion) {
    let (x, y, n, d) = digits(256);
    let (x, y) = (mat(&x, n, d), mat(&y, n, 10));
    let mut group = c.benchmark_group("train/digits, deep");
    for layers in [2, 3] {
        let train = || {
            let mut run = Deep::builder().layers(layers).width(2048).tolerance(1e-6).build(x, y).unwrap();
            let mut steps = 0;
            while run.step().unwrap().is_some() {
                steps += 1;
            }
            (run, steps)
        };
        let (run, steps) = train();
        assert!(run.status() == Status::Converged && run.train_mse() <= 1e-6);
        plain(&mut group, BenchmarkId::new(format!("gauss-newton, L = {layers}"), 2048), n * steps, train);
    }
}

criterion_group! {
    name = benches;
    config = common::criterion();
    targets = two_layer, deep
}
criterion_main!(benches);
