//! Conjugate gradients: one right-hand side, several together, and least squares, where the vectors' own cost is what is
//! seen. The solver inside a training step is in `relu.rs` and `train.rs`; faer's, on the same operators, in `peers`.

use criterion::{BenchmarkId, Criterion, criterion_group};
use subquad::cg::{self, Check, Column, Identity, LeastSquaresStopping, LinearOperator, Status, Stopping, TallOperator, Watch};
use subquad::{Error, Float, Level};

use crate::common::{close, gaussian, mat, mat_mut, plain};

/// A chain of springs, each end held: tridiagonal.
struct Chain(usize);

impl<T: Float> LinearOperator<T> for Chain {
    fn dim(&self) -> usize {
        self.0
    }
    fn apply(&self, _: Level, x: &[T], y: &mut [T], _: &mut [T]) -> Result<(), Error> {
        let (n, two) = (x.len(), T::from_f64(2.1));
        (y[0], y[n - 1]) = (two * x[0] - x[1], two * x[n - 1] - x[n - 2]);
        for (y, x) in y[1..].iter_mut().zip(x.windows(3)) {
            *y = two * x[1] - x[0] - x[2];
        }
        Ok(())
    }
}

/// Differences and the numbers themselves: 2 n - 1 rows, n columns.
struct Differences(usize);

impl<T: Float> TallOperator<T> for Differences {
    fn rows(&self) -> usize {
        2 * self.0 - 1
    }
    fn cols(&self) -> usize {
        self.0
    }
    fn apply(&self, _: Level, x: &[T], y: &mut [T], _: &mut [T]) -> Result<(), Error> {
        let (same, steps) = y.split_at_mut(self.0);
        same.copy_from_slice(x);
        steps.iter_mut().zip(x.windows(2)).for_each(|(y, x)| *y = x[1] - x[0]);
        Ok(())
    }
    fn apply_transpose(&self, _: Level, y: &[T], x: &mut [T], _: &mut [T]) -> Result<(), Error> {
        let (same, steps) = y.split_at(self.0);
        x.copy_from_slice(same);
        for (k, step) in steps.iter().enumerate() {
            x[k] -= *step;
            x[k + 1] += *step;
        }
        Ok(())
    }
}

const STOPPING: Stopping = Stopping { relative: 1e-5, absolute: 0.0, max_iterations: 500 };

fn single<T: Float>(c: &mut Criterion) {
    let mut group = c.benchmark_group(format!("cg/single/{}", std::any::type_name::<T>()));
    for n in [1000usize, 10_000, 100_000] {
        let (chain, b, mut x) = (Chain(n), gaussian::<T>(n, 1), vec![T::ZERO; n]);
        let mut scratch = vec![T::ZERO; cg::conjugate_gradient_scratch_len(n, 0, 0)];
        for level in Level::available() {
            let mut run = |check| {
                x.fill(T::ZERO);
                let mut watch = Watch { check, ..Watch::default() };
                cg::conjugate_gradient_watched(level, &chain, &Identity, &b, &mut x, STOPPING, &mut watch, &mut scratch).unwrap()
            };
            let report = run(Check::Report);
            assert!(report.status == Status::Converged && report.true_residual_norm.unwrap() <= 1e-4 * report.rhs_norm, "{report:?}");
            // In numbers of the vectors, over all iterations.
            plain(&mut group, BenchmarkId::new(level.name(), n), n * report.iterations, || run(Check::Trust));
        }
    }
}

fn rows(c: &mut Criterion) {
    let mut group = c.benchmark_group("cg/rows");
    for (n, k) in [(1000usize, 10usize), (10_000, 10)] {
        let (b, mut x) = (gaussian::<f32>(n * k, 1), vec![0.0f32; n * k]);
        let mut scratch = vec![0.0f32; cg::conjugate_gradient_rows_scratch_len(n, k, 0, 0)];
        let mut columns = vec![Column::default(); k];
        for level in Level::available() {
            let operator = Chain(n);
            let mut run = |x: &mut Vec<f32>| {
                x.fill(0.0);
                let (b, x) = (mat(&b, k, n), mat_mut(x, k, n));
                let mut watch = Watch::default();
                cg::conjugate_gradient_rows(level, &operator, &Identity, b, x, STOPPING, &mut watch, &mut columns, &mut scratch).unwrap();
                columns.iter().map(|column| column.report().iterations).sum::<usize>()
            };
            let iterations = run(&mut x);
            let mut product = vec![0.0; n * k];
            for (x, y) in x.chunks_exact(n).zip(product.chunks_exact_mut(n)) {
                operator.apply(level, x, y, &mut []).unwrap();
            }
            close(&product, &b, 1e-4);
            plain(&mut group, BenchmarkId::new(level.name(), format!("{k}x{n}")), n * iterations, || run(&mut x));
        }
    }
}

fn least_squares(c: &mut Criterion) {
    let mut group = c.benchmark_group("cg/least squares");
    for n in [1000usize, 100_000] {
        let operator = Differences(n);
        let (b, mut x) = (gaussian::<f32>(2 * n - 1, 1), vec![0.0f32; n]);
        let mut scratch = vec![0.0f32; cg::least_squares_scratch_len(2 * n - 1, n, 0)];
        for level in Level::available() {
            let mut run = |x: &mut Vec<f32>| {
                x.fill(0.0);
                let stopping = LeastSquaresStopping { relative: 0.0, gradient: 1e-5, max_iterations: 500 };
                cg::least_squares(level, &operator, &b, 0.0, x, stopping, &mut scratch).unwrap()
            };
            let report = run(&mut x);
            assert_eq!(report.status, Status::Converged);
            // The gradient J^T (b - J x), against J^T b.
            let (mut jx, mut gradient, mut first) = (vec![0.0; 2 * n - 1], vec![0.0; n], vec![0.0; n]);
            operator.apply(level, &x, &mut jx, &mut []).unwrap();
            operator.apply_transpose(level, &jx, &mut gradient, &mut []).unwrap();
            operator.apply_transpose(level, &b, &mut first, &mut []).unwrap();
            close(&gradient, &first, 1e-4);
            plain(&mut group, BenchmarkId::new(level.name(), n), n * report.iterations, || run(&mut x));
        }
    }
}

criterion_group! {
    name = benches;
    config = crate::common::criterion();
    targets = single::<f32>, single::<f64>, rows, least_squares
}
