//! Triangular factors of tall matrices, and triangular systems, against their definitions, at every level.

use crate::oracle::{Dense, allowed, assert_close, dirty, levels, numbers};
use subquad::blas::{self, Definite, Triangle};
use subquad::simd::Float;
use subquad::{Error, Level, MatMut, MatRef};

/// Runs `qr` on a strided copy between canaries and gives R^T (n x s, zeros right of the diagonal).
fn factor<T: Float>(level: Level, columns: &[T], n: usize, s: usize) -> Dense {
    let stride = s + 3;
    let canary = T::from_f64(77.0);
    let mut a = vec![canary; n * stride];
    for i in 0..n {
        a[i * stride..][..s].copy_from_slice(&columns[i * s..(i + 1) * s]);
    }
    let mut scratch = dirty::<T>(blas::qr_scratch_len(s, n));
    blas::qr(level, MatMut::with_stride(&mut a, n, s, stride).unwrap(), &mut scratch).unwrap();
    for i in 0..n {
        assert!(a[i * stride + s..(i + 1) * stride].iter().all(|&x| x == canary), "{level} {n}x{s}: stays inside");
    }
    Dense::from_fn(n, s, |i, j| if j <= i { a[i * stride + j].to_f64() } else { 0.0 })
}

/// Modified Gram-Schmidt, twice: R^T with a positive diagonal.
fn definition(columns: &Dense) -> Dense {
    let mut q = columns.clone();
    let mut r = Dense::from_fn(columns.rows, columns.cols.min(columns.rows), |_, _| 0.0);
    let s = q.cols;
    for i in 0..q.rows.min(s) {
        for _ in 0..2 {
            for j in 0..i {
                let by: f64 = (0..s).map(|k| q.at(i, k) * q.at(j, k)).sum();
                (0..s).for_each(|k| q.data[i * s + k] -= by * q.data[j * s + k]);
                r.data[i * r.cols + j] += by;
            }
        }
        let norm = (0..s).map(|k| q.at(i, k).powi(2)).sum::<f64>().sqrt();
        (0..s).for_each(|k| q.data[i * s + k] /= norm);
        r.data[i * r.cols + i] = norm;
    }
    r
}

fn factors<T: Float>() {
    let shapes = [(0, 0), (0, 3), (3, 0), (1, 1), (1, 5), (2, 2), (5, 1), (5, 5), (16, 40), (17, 17), (40, 130), (64, 200), (65, 70)];
    for level in levels() {
        for (n, s) in shapes.into_iter().chain([(130, 300), (140, 90), (200, 200)]) {
            let what = format!("{level} n={n} s={s}");
            let columns = numbers::<T>(n * s, 3);
            let a = Dense::of(MatRef::new(&columns, n, s).unwrap());
            let r = factor(level, &columns, n, s);
            let norms: Vec<f64> = a.times(&a.t()).data.iter().step_by(n + 1).map(|x| x.sqrt()).collect();
            let size = Dense::from_fn(n, n, |i, j| norms[i] * norms[j]);
            let units = allowed::qr(s, n) * T::EPSILON.to_f64() / f64::EPSILON;
            assert_close(&r.times(&r.t()).data, &a.times(&a.t()).data, &size.data, units, &what);
            // Twice as tall as wide, these columns are nearly orthogonal: R itself is known, but for signs.
            if s >= 2 * n && n > 0 {
                let wanted = definition(&a);
                for j in 0..n {
                    let sign = r.at(j, j).signum();
                    for (i, norm) in norms.iter().enumerate().skip(j) {
                        let error = (sign * r.at(i, j) - wanted.at(i, j)).abs();
                        assert!(error <= 20.0 * allowed::qr(s, n) * T::EPSILON.to_f64() * norm, "{what}: ({i}, {j}) off by {error:e}");
                    }
                }
            }
        }
    }
}

#[test]
fn factors_f32() {
    factors::<f32>();
}

#[test]
fn factors_f64() {
    factors::<f64>();
}

/// What the Gram matrix of the columns, whose rounding is of the order of eps, could not see.
#[test]
fn a_dependent_column_leaves_rounding_on_the_diagonal() {
    for level in levels() {
        for n in [2, 20, 70] {
            let s = 2 * n + 5;
            let mut columns = numbers::<f64>(n * s, 5);
            let copy = columns[..s].to_vec();
            columns[(n - 1) * s..].copy_from_slice(&copy);
            let r = factor(level, &columns, n, s);
            assert!(r.at(n - 1, n - 1).abs() < 1e-13 * r.at(0, 0).abs(), "{level} n={n}");
        }
        let r = factor(level, &[0.0f32; 12], 3, 4);
        assert!(r.data.iter().all(|&x| x == 0.0), "{level}: nothing but zeros");
        let r = factor(level, &[1.0f32, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0, 3.0, 4.0], 3, 3);
        assert_eq!((r.at(0, 0).abs(), r.at(1, 1), r.at(2, 2).abs() > 0.1), (3.0, 0.0, true), "{level}: a column of zeros between others");
    }
}

/// Reflectors of zeros, in the panel of 32 and in the block of 64 whose reflections are applied together.
fn columns_of_zeros<T: Float>() {
    for level in levels() {
        for (n, s) in [(40, 90), (70, 100), (140, 150), (70, 40)] {
            for zeros in [&[0][..], &[5, 31], &[32, 33], &[20, 63, 64], &[0, 1, 2, 3, 39]] {
                let mut columns = numbers::<T>(n * s, 9);
                zeros.iter().filter(|&&zero| zero < n).for_each(|zero| columns[zero * s..(zero + 1) * s].fill(T::ZERO));
                let a = Dense::of(MatRef::new(&columns, n, s).unwrap());
                let r = factor(level, &columns, n, s);
                let norms: Vec<f64> = a.times(&a.t()).data.iter().step_by(n + 1).map(|x| x.sqrt()).collect();
                let size = Dense::from_fn(n, n, |i, j| norms[i] * norms[j]);
                let units = allowed::qr(s, n) * T::EPSILON.to_f64() / f64::EPSILON;
                let what = format!("{level} n={n} s={s}, zeros at {zeros:?}");
                assert_close(&r.times(&r.t()).data, &a.times(&a.t()).data, &size.data, units, &what);
            }
        }
    }
}

#[test]
fn columns_of_zeros_among_others() {
    columns_of_zeros::<f32>();
    columns_of_zeros::<f64>();
}

/// Columns along the negative axes: the norm with a first entry's other sign would leave nothing of it but rounding, or nothing at all.
fn columns_along_negative_axes<T: Float>() {
    for level in levels() {
        for (n, s) in [(1, 1), (2, 2), (5, 9), (40, 90)] {
            for noise in [0.0, 1e-3] {
                let mut columns: Vec<T> = numbers::<T>(n * s, 6).iter().map(|x| T::from_f64(noise * x.to_f64())).collect();
                (0..n).for_each(|j| columns[j * s + j] = -T::ONE);
                let a = Dense::of(MatRef::new(&columns, n, s).unwrap());
                let r = factor(level, &columns, n, s);
                let size = Dense::from_fn(n, n, |_, _| 1.0);
                let units = allowed::qr(s, n) * T::EPSILON.to_f64() / f64::EPSILON;
                assert_close(
                    &r.times(&r.t()).data,
                    &a.times(&a.t()).data,
                    &size.data,
                    units,
                    &format!("{level} n={n} s={s} noise {noise}"),
                );
            }
        }
    }
}

#[test]
fn columns_along_the_negative_axes() {
    columns_along_negative_axes::<f32>();
    columns_along_negative_axes::<f64>();
}

#[test]
fn the_scale_of_a_column_does_not_matter() {
    for level in levels() {
        for scale in [1e-30f32, 1e-44, 1e30] {
            let columns: Vec<f32> = [3.0, 0.0, 4.0, 0.0].iter().map(|x| x * scale).collect();
            let r = factor(level, &columns, 1, 4);
            let wanted = (f64::from(columns[0]).powi(2) + f64::from(columns[2]).powi(2)).sqrt();
            assert!((r.at(0, 0).abs() - wanted).abs() <= 1e-6 * wanted + 1.5e-45, "{level} {scale}: {}", r.at(0, 0));
        }
        let bad = [f32::NAN, 1.0, f32::INFINITY, 2.0];
        assert!(factor(level, &bad, 2, 2).data[0].is_nan(), "{level}: not lost");
    }
}

fn cholesky_qr<T: Float>(level: Level, n: usize, s: usize, transposed: bool) {
    let what = format!("{level} n={n} s={s}");
    let columns = numbers::<T>(n * s, 4);
    let view = if transposed { MatRef::new(&columns, s, n).unwrap().t() } else { MatRef::new(&columns, n, s).unwrap() };
    let a = Dense::of(view);
    let mut out = dirty::<T>(n * n);
    let mut scratch = dirty::<f64>(blas::cholesky_qr_scratch_len(s, n));
    let found = blas::cholesky_qr(level, view, MatMut::new(&mut out, n, n).unwrap(), &mut scratch).unwrap();
    assert_eq!(found, Definite::Yes, "{what}");
    let r = Dense::from_fn(n, n, |i, j| if j <= i { out[i * n + j].to_f64() } else { 0.0 });
    let gram = a.times(&a.t());
    let trace: f64 = gram.data.iter().step_by(n + 1).sum();
    for (k, (found, wanted)) in r.times(&r.t()).data.iter().zip(&gram.data).enumerate() {
        let (i, j) = (k / n, k % n);
        let size = (gram.at(i, i) * gram.at(j, j)).sqrt();
        let wanted = wanted + if i == j { 1e-12 * trace } else { 0.0 };
        let bound = (4.0 * T::EPSILON.to_f64() + allowed::sum_of_products(s + n) * f64::EPSILON) * size;
        assert!((found - wanted).abs() <= bound, "{what}: ({i}, {j}) {found} {wanted}");
    }
    assert!((0..n).all(|i| r.at(i, i) > 0.0 && (i + 1..n).all(|j| out[i * n + j].is_nan())), "{what}: positive, and nothing above");
}

#[test]
fn the_gram_matrix_has_the_same_factor() {
    for level in levels() {
        for (n, s) in [(0, 0), (0, 4), (1, 1), (3, 7), (20, 256), (33, 257), (70, 600)] {
            cholesky_qr::<f32>(level, n, s, false);
            cholesky_qr::<f64>(level, n, s, true);
        }
        // Dependent columns are definite by the jitter; zeros and what is no number are not.
        let run = |columns: &[f32]| {
            let mut scratch = dirty::<f64>(blas::cholesky_qr_scratch_len(2, 2));
            let mut out = [9.0f32; 4];
            let columns = MatRef::new(columns, 2, 2).unwrap();
            (blas::cholesky_qr(level, columns, MatMut::new(&mut out, 2, 2).unwrap(), &mut scratch).unwrap(), out)
        };
        let (found, out) = run(&[1.0, 2.0, 1.0, 2.0]);
        assert!(found == Definite::Yes && out[3] > 1e-6 && out[3] < 1e-5, "{level} {out:?}");
        assert_eq!(run(&[0.0; 4]), (Definite::No { pivot: 0, value: 0.0 }, [9.0; 4]));
        assert!(matches!(run(&[1.0, f32::NAN, 1.0, 2.0]), (Definite::No { .. }, [9.0, ..])));
    }
}

/// T with nothing to be read in the other triangle, and a diagonal that dominates.
fn triangle<T: Float>(n: usize, which: Triangle) -> Vec<T> {
    let mut t = numbers::<T>(n * n, 6);
    for i in 0..n {
        for j in 0..n {
            let other = if which == Triangle::Lower { j > i } else { j < i };
            if other {
                t[i * n + j] = T::from_f64(f64::NAN);
            } else if i == j {
                t[i * n + j] = T::from_f64(2.0 + n as f64 / 4.0);
            }
        }
    }
    t
}

fn triangles<T: Float>() {
    for level in levels() {
        for n in [0, 1, 2, 5, 6, 7, 13, 40, 65] {
            for columns in [0, 1, 3, 16, 33] {
                for (which, transposed) in
                    [(Triangle::Lower, false), (Triangle::Lower, true), (Triangle::Upper, false), (Triangle::Upper, true)]
                {
                    let what = format!("{level} n={n} r={columns} {which:?} {transposed}");
                    let t = triangle::<T>(n, which);
                    let view = MatRef::new(&t, n, n).unwrap();
                    let (view, used) = match (transposed, which) {
                        (false, _) => (view, which),
                        (true, Triangle::Lower) => (view.t(), Triangle::Upper),
                        (true, Triangle::Upper) => (view.t(), Triangle::Lower),
                    };
                    let b = numbers::<T>(n * columns, 7);
                    let mut x = b.clone();
                    let mut scratch = dirty::<T>(blas::triangular_solve_scratch_len(n));
                    blas::triangular_solve(level, used, view, MatMut::new(&mut x, n, columns).unwrap(), &mut scratch).unwrap();
                    let dt = Dense::of(view).map(|x| if x.is_nan() { 0.0 } else { x });
                    let dx = Dense::of(MatRef::new(&x, n, columns).unwrap());
                    let wanted: Vec<f64> = b.iter().map(|b| b.to_f64()).collect();
                    let size = dt.map(f64::abs).times(&dx.map(f64::abs));
                    let units = allowed::sum_of_products(n + 2) * T::EPSILON.to_f64() / f64::EPSILON;
                    assert_close(&dt.times(&dx).data, &wanted, &size.data, units, &what);
                }
            }
        }
    }
}

#[test]
fn triangles_f32() {
    triangles::<f32>();
}

#[test]
fn triangles_f64() {
    triangles::<f64>();
}

#[test]
fn shapes_and_scratch_are_checked() {
    let level = Level::detect();
    let mut data = [1.0f64; 6];
    let need = blas::qr_scratch_len(3, 2);
    let mut scratch = vec![0.0; need];
    let short = blas::qr(level, MatMut::new(&mut data, 2, 3).unwrap(), &mut scratch[..need - 1]);
    assert_eq!(short, Err(Error::TooShort { what: "scratch", needed: need, found: need - 1 }));
    let a = [1.0f64; 6];
    let a = MatRef::new(&a, 2, 3).unwrap();
    assert!(blas::cholesky_qr(level, a, MatMut::new(&mut data, 2, 3).unwrap(), &mut [0.0; 9999]).is_err());
    assert!(blas::cholesky_qr(level, a, MatMut::new(&mut data[..4], 2, 2).unwrap(), &mut [0.0; 9]).is_err());
    let square = a.col_range(0, 2);
    let mut solve = |t, rows, scratch: &mut [f64]| {
        blas::triangular_solve(level, Triangle::Lower, t, MatMut::new(&mut data[..rows], rows, 1).unwrap(), scratch)
    };
    assert_eq!(solve(a, 2, &mut scratch), Err(Error::Length { what: "triangular_solve: columns of T", expected: 2, found: 3 }));
    assert_eq!(solve(square, 3, &mut scratch), Err(Error::Length { what: "triangular_solve: rows of B", expected: 2, found: 3 }));
    assert!(matches!(solve(square, 2, &mut [0.0; 3]), Err(Error::TooShort { .. })));
    assert_eq!(solve(square, 2, &mut scratch), Ok(()));
}
