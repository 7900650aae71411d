//! Dense linear algebra: vectors, matrix products in every orientation, Cholesky, QR, triangular solves, at every level.
//!
//! `cargo bench --bench blas -- <filter>`. Each result is compared with its definition, entry by entry where that is cheap;
//! shares are of the multiply-adds that registers alone do, or of the bytes that the cache hands over.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group};
use subquad::blas::{self, Definite, Triangle};
use subquad::{Float, Level};

use crate::common::{Limit, bench, close, gaussian, inner, mat, mat_mut, near};

/// The name of a group.
fn of<T>(what: &str) -> String {
    format!("blas/{what}/{}", std::any::type_name::<T>())
}

fn vectors<T: Float>(c: &mut Criterion) {
    let mut group = c.benchmark_group(of::<T>("vectors"));
    // In the first-level cache, and in memory.
    for n in [1024usize, 1 << 24] {
        let (x, y) = (gaussian::<T>(n, 1), gaussian::<T>(n, 2));
        let wanted = inner(x.iter().copied(), y.iter().copied());
        let id = |what: &str, level: Level| BenchmarkId::new(format!("{what}/{level}"), n);
        for level in Level::available() {
            near(blas::dot(level, &x, &y).unwrap().to_f64(), wanted, 1e-4 * n as f64);
            let bytes = 2 * n * size_of::<T>();
            bench::<T, _>(&mut group, id("dot", level), level, Limit::Read(bytes), bytes, || {
                black_box(blas::dot(level, black_box(&x), &y).unwrap());
            });
            let mut z = y.clone();
            blas::axpy(level, T::from_f64(0.5), &x, &mut z).unwrap();
            let right: Vec<T> = x.iter().zip(&y).map(|(x, y)| T::from_f64(0.5) * *x + *y).collect();
            close(&z, &right, 1e-6);
            // Reads both, writes one: three halves of a copy of as much.
            bench::<T, _>(&mut group, id("axpy", level), level, Limit::Copy(bytes), 3 * n * size_of::<T>(), || {
                blas::axpy(level, black_box(T::from_f64(1e-9)), &x, &mut z).unwrap();
            });
        }
    }
}

fn products<T: Float>(c: &mut Criterion) {
    for n in [256usize, 1024] {
        let (a, b) = (gaussian::<T>(n * n, 1), gaussian::<T>(n * n, 2));
        let (a, b) = (mat(&a, n, n), mat(&b, n, n));
        let mut out = vec![T::ZERO; n * n];
        let mut scratch = vec![T::ZERO; blas::gemm_scratch_len(n, n, n).max(blas::syrk_scratch_len(n, n))];
        for level in Level::available() {
            let mut group = c.benchmark_group(of::<T>("products"));
            for (name, left, right) in [("A B", a, b), ("A B^T", a, b.t()), ("A^T B", a.t(), b)] {
                blas::gemm(level, T::ONE, left, right, T::ZERO, mat_mut(&mut out, n, n), &mut scratch).unwrap();
                for (i, j) in [(0, 0), (n - 1, n / 2), (n / 3, n - 1)] {
                    let wanted = inner((0..n).filter_map(|k| left.get(i, k)), (0..n).filter_map(|k| right.get(k, j)));
                    near(out[i * n + j].to_f64(), wanted, 1e-4 * n as f64);
                }
                bench::<T, _>(&mut group, BenchmarkId::new(format!("{name}/{level}"), n), level, Limit::MultiplyAdds, n * n * n, || {
                    blas::gemm(level, T::ONE, black_box(left), right, T::ZERO, mat_mut(&mut out, n, n), &mut scratch).unwrap();
                });
            }
            blas::syrk(level, T::ONE, a, T::ZERO, mat_mut(&mut out, n, n), &mut scratch).unwrap();
            for (i, j) in [(0, 0), (n - 1, n / 2), (n - 1, n - 1)] {
                near(
                    out[i * n + j].to_f64(),
                    inner((0..n).filter_map(|k| a.get(i, k)), (0..n).filter_map(|k| a.get(j, k))),
                    1e-4 * n as f64,
                );
            }
            let id = BenchmarkId::new(format!("syrk/{level}"), n);
            bench::<T, _>(&mut group, id, level, Limit::MultiplyAdds, n * n * (n + 1) / 2, || {
                blas::syrk(level, T::ONE, black_box(a), T::ZERO, mat_mut(&mut out, n, n), &mut scratch).unwrap();
            });
            group.finish();
        }
    }
}

/// A A^T / 8 + 2: A has columns of an eighth of n, so that this is quick.
fn definite<T: Float>(n: usize) -> Vec<T> {
    let a = gaussian::<T>(n * (n / 8), 3);
    let mut spd = vec![T::ZERO; n * n];
    let mut scratch = vec![T::ZERO; blas::gemm_scratch_len(n, n, n / 8)];
    let a = mat(&a, n, n / 8);
    blas::gemm(Level::detect(), T::from_f64(0.125), a, a.t(), T::ZERO, mat_mut(&mut spd, n, n), &mut scratch).unwrap();
    (0..n).for_each(|i| spd[i * n + i] += T::from_f64(2.0));
    spd
}

fn factors<T: Float>(c: &mut Criterion) {
    for n in [256usize, 1024] {
        let spd = definite::<T>(n);
        let (mut factor, mut scratch) = (spd.clone(), vec![T::ZERO; blas::cholesky_scratch_len(n)]);
        let rhs = gaussian::<T>(n * 10, 4);
        let mut solved = rhs.clone();
        let mut room = vec![T::ZERO; blas::cholesky_solve_scratch_len(n).max(blas::triangular_solve_scratch_len(n))];
        for level in Level::available() {
            let mut group = c.benchmark_group(of::<T>("cholesky"));
            let mut run = |factor: &mut Vec<T>| {
                factor.copy_from_slice(&spd);
                blas::cholesky(level, mat_mut(factor, n, n), &mut scratch).unwrap()
            };
            assert_eq!(run(&mut factor), Definite::Yes);
            let row = |i: usize| factor[i * n..=i * n + i].iter().copied();
            for (i, j) in [(0, 0), (n - 1, n / 2), (n - 1, n - 1)] {
                near(inner(row(i), row(j)), spd[i * n + j].to_f64(), 1e-4 * n as f64);
            }
            solved.copy_from_slice(&rhs);
            blas::cholesky_solve(level, mat(&factor, n, n), mat_mut(&mut solved, n, 10), &mut room).unwrap();
            let back = inner(spd[7 * n..8 * n].iter().copied(), (0..n).map(|i| solved[i * 10 + 3]));
            near(back, rhs[73].to_f64(), 1e-3);
            // The right-hand sides are solved again and again: they shrink, and are renewed before they vanish.
            let mut rounds = 0;
            let ready = factor.clone();
            bench::<T, _>(&mut group, BenchmarkId::new(format!("solve of 10/{level}"), n), level, Limit::MultiplyAdds, 10 * n * n, || {
                rounds += 1;
                if rounds % 8 == 0 {
                    solved.copy_from_slice(&rhs);
                }
                blas::cholesky_solve(level, mat(&ready, n, n), mat_mut(&mut solved, n, 10), &mut room).unwrap();
            });
            solved.copy_from_slice(&rhs);
            blas::triangular_solve(level, Triangle::Lower, mat(&ready, n, n), mat_mut(&mut solved, n, 10), &mut room).unwrap();
            near(inner(ready[9 * n..=9 * n + 9].iter().copied(), (0..10).map(|i| solved[i * 10])), rhs[90].to_f64(), 1e-3);
            bench::<T, _>(&mut group, BenchmarkId::new(format!("triangle, 10/{level}"), n), level, Limit::MultiplyAdds, 5 * n * n, || {
                rounds += 1;
                if rounds % 8 == 0 {
                    solved.copy_from_slice(&rhs);
                }
                blas::triangular_solve(level, Triangle::Lower, mat(&ready, n, n), mat_mut(&mut solved, n, 10), &mut room).unwrap();
            });
            let id = BenchmarkId::new(format!("factor/{level}"), n);
            bench::<T, _>(&mut group, id, level, Limit::MultiplyAdds, n * n * n / 6, || {
                black_box(run(&mut factor));
            });
            group.finish();
        }
    }
}

fn orthogonal<T: Float>(c: &mut Criterion) {
    for (s, n) in [(1024usize, 256usize), (1024, 1024)] {
        let columns = gaussian::<T>(s * n, 5);
        let (mut work, mut scratch) = (columns.clone(), vec![T::ZERO; blas::qr_scratch_len(s, n)]);
        let mut r = vec![T::ZERO; n * n];
        let mut room = vec![0.0f64; blas::cholesky_qr_scratch_len(s, n)];
        for level in Level::available() {
            let mut group = c.benchmark_group(of::<T>("qr"));
            let mut run = |work: &mut Vec<T>| {
                work.copy_from_slice(&columns);
                blas::qr(level, mat_mut(work, n, s), &mut scratch).unwrap();
            };
            run(&mut work);
            // R^T R = A^T A: column j of R lies in row j.
            let column = |j: usize| work[j * s..=j * s + j].iter().copied();
            for (i, j) in [(0, 0), (n / 3, n / 2), (n - 1, n / 4)] {
                let wanted = inner(columns[i * s..][..s].iter().copied(), columns[j * s..][..s].iter().copied());
                near(inner(column(i), column(j)), wanted, 1e-4 * s as f64);
            }
            let id = BenchmarkId::new(format!("householder/{level}"), format!("{s}x{n}"));
            bench::<T, _>(&mut group, id, level, Limit::MultiplyAdds, n * n * s - n * n * n / 3, || run(&mut work));
            if n < s {
                let found = blas::cholesky_qr(level, mat(&columns, n, s), mat_mut(&mut r, n, n), &mut room).unwrap();
                assert_eq!(found, Definite::Yes);
                near(r[0].to_f64().abs(), inner(columns[..s].iter().copied(), columns[..s].iter().copied()).sqrt(), 1e-3);
                let id = BenchmarkId::new(format!("by cholesky in f64/{level}"), format!("{s}x{n}"));
                // The Gram matrix and its factor, in f64.
                bench::<f64, _>(&mut group, id, level, Limit::MultiplyAdds, n * n * s / 2 + n * n * n / 6, || {
                    blas::cholesky_qr(level, mat(&columns, n, s), mat_mut(&mut r, n, n), &mut room).unwrap();
                });
            }
            group.finish();
        }
    }
}

criterion_group! {
    name = benches;
    config = crate::common::criterion();
    targets = vectors::<f32>, vectors::<f64>, products::<f32>, products::<f64>, factors::<f32>, factors::<f64>, orthogonal::<f32>
}
