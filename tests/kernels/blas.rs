//! Vectors, products and factors against their definitions, at every level.

use crate::oracle::{Dense, allowed, assert_close, dirty, levels, numbers};
use quickcheck::{TestResult, quickcheck};
use subquad::blas::{self, Definite};
use subquad::simd::Float;
use subquad::{Error, Level, MatMut, MatRef};

/// Lengths around every vector, group and tail: LANES is 1 to 16, groups are of four.
fn lengths() -> impl Iterator<Item = usize> {
    (0..=70).chain([127, 128, 129, 1000])
}

fn vectors<T: Float>() {
    for (n, level) in lengths().flat_map(|n| levels().map(move |level| (n, level))) {
        for offset in [0, 1, 3] {
            let (x, y) = (&numbers::<T>(n + offset, 1)[offset..], &numbers::<T>(n + offset, 2)[offset..]);
            let products: Vec<f64> = x.iter().zip(y).map(|(x, y)| x.to_f64() * y.to_f64()).collect();
            let size = products.iter().map(|p| p.abs()).sum::<f64>();
            let what = format!("{level} n={n}");
            let dot = blas::dot(level, x, y).unwrap();
            assert_close(&[dot], &[products.iter().sum()], &[size], allowed::sum_of_products(n), &what);
            let norm = x.iter().map(|x| x.to_f64().powi(2)).sum::<f64>();
            assert_close(&[blas::norm_squared(level, x)], &[norm], &[norm], allowed::sum_of_products(n), &what);

            let a = T::from_f64(0.75);
            let wanted: Vec<f64> = x.iter().zip(y).map(|(x, y)| 0.75 * x.to_f64() + y.to_f64()).collect();
            let mut found = [&[T::ONE], y, &[T::ONE]].concat();
            blas::axpy(level, a, x, &mut found[1..=n]).unwrap();
            assert_close(&found[1..=n], &wanted, &vec![2.0; n], 2.0, &what);
            assert!(found[0] == T::ONE && found[n + 1] == T::ONE, "axpy stays inside: {what}");
            let mut found = [&[T::ONE], x, &[T::ONE]].concat();
            blas::xpby(level, y, a, &mut found[1..=n]).unwrap();
            assert_close(&found[1..=n], &wanted, &vec![2.0; n], 2.0, &what);
            assert!(found[0] == T::ONE && found[n + 1] == T::ONE, "xpby stays inside: {what}");
            let mut found = [&[T::ONE], x, &[T::ONE]].concat();
            blas::scale(level, a, &mut found[1..=n]);
            assert!(found[1..=n].iter().zip(x).all(|(&f, &x)| f == a * x), "{what}");
            assert!(found[0] == T::ONE && found[n + 1] == T::ONE, "scale stays inside: {what}");
        }
    }
}

#[test]
fn vectors_f32() {
    vectors::<f32>();
}

#[test]
fn vectors_f64() {
    vectors::<f64>();
}

#[test]
fn nothing_that_is_no_number_is_lost() {
    for level in levels() {
        for n in [1, 7, 40, 65] {
            for at in 0..n {
                for bad in [f32::NAN, f32::INFINITY] {
                    let mut x = vec![1.0f32; n];
                    x[at] = bad;
                    assert!(!blas::dot(level, &x, &vec![1.0; n]).unwrap().is_finite(), "{level} {n} {at}");
                    assert!(!blas::max_abs(&x).is_finite());
                }
            }
        }
    }
    assert_eq!(blas::max_abs::<f32>(&[]), 0.0);
    assert_eq!(blas::max_abs(&[1.0, -3.0, 2.0]), 3.0);
    assert!(blas::max_abs(&[f32::NAN, 1.0]).is_nan());
}

/// C = alpha A B + beta C over a strided C with canaries, A and B as they lie or transposed.
fn product<T: Float>(level: Level, (m, n, k): (usize, usize, usize), transposed: (bool, bool), alpha: f64, beta: f64) {
    let what = format!("{level} {m}x{n}x{k} {transposed:?} {alpha} {beta}");
    let (a, b) = (numbers::<T>(m * k, 3), numbers::<T>(k * n, 4));
    let a = if transposed.0 { MatRef::new(&a, k, m).unwrap().t() } else { MatRef::new(&a, m, k).unwrap() };
    let b = if transposed.1 { MatRef::new(&b, n, k).unwrap().t() } else { MatRef::new(&b, k, n).unwrap() };
    let stride = n + 3;
    let canary = T::from_f64(77.0);
    let mut c = vec![canary; m * stride];
    let before = numbers::<T>(m * n, 5);
    for i in 0..m {
        // With beta = 0 nothing may be read.
        let row = &before[i * n..(i + 1) * n];
        c[i * stride..][..n].copy_from_slice(&if beta == 0.0 { dirty::<T>(n) } else { row.to_vec() });
    }
    let mut scratch = dirty::<T>(blas::gemm_scratch_len(m, n, k));
    let view = MatMut::with_stride(&mut c, m, n, stride).unwrap();
    blas::gemm(level, T::from_f64(alpha), a, b, T::from_f64(beta), view, &mut scratch).unwrap();

    let (da, db, dc) = (Dense::of(a), Dense::of(b), Dense::of(MatRef::new(&before, m, n).unwrap()));
    let wanted = da.times(&db).with(&dc, |p, c| alpha * p + beta * c);
    let size = da.map(f64::abs).times(&db.map(f64::abs)).with(&dc, |p, c| alpha.abs() * p + (beta * c).abs());
    for i in 0..m {
        let row = &c[i * stride..(i + 1) * stride];
        assert_close(&row[..n], &wanted.data[i * n..(i + 1) * n], &size.data[i * n..(i + 1) * n], allowed::sum_of_products(k + 2), &what);
        assert!(row[n..].iter().all(|&x| x == canary), "stays inside: {what}");
    }
}

fn products<T: Float>() {
    for level in levels() {
        for m in [0, 1, 2, 5, 6, 7, 13, 14, 15, 29] {
            for n in [0, 1, 3, 8, 31, 32, 33, 70] {
                for k in [0, 1, 2, 17] {
                    product::<T>(level, (m, n, k), (false, false), 1.0, 0.0);
                    product::<T>(level, (m, n, k), (k % 2 == 0, true), -0.5, 1.0);
                    product::<T>(level, (m, n, k), (true, false), 2.0, -0.25);
                }
            }
        }
        // Beyond one block of columns and of depth.
        product::<T>(level, (15, 530, 530), (false, true), 1.0, 0.5);
        product::<T>(level, (3, 512, 256), (true, false), 1.0, 0.0);
        product::<T>(level, (3, 513, 257), (true, false), 1.0, 1.0);
    }
}

#[test]
fn products_f32() {
    products::<f32>();
}

#[test]
fn products_f64() {
    products::<f64>();
}

/// Matrices of which neither rows nor columns lie in line.
#[test]
fn products_of_every_other_number() {
    let (m, n, k) = (9, 21, 13);
    let (a, b) = (numbers::<f64>(2 * m * (3 * k), 7), numbers::<f64>(2 * k * (3 * n), 8));
    let (a, b) = (MatRef::with_strides(&a, m, k, 6 * k, 3).unwrap(), MatRef::with_strides(&b, k, n, 2, 2 * k).unwrap());
    for b in [b, MatRef::with_strides(b.data(), k, n, 3 * n, 2).unwrap()] {
        for level in levels() {
            let (mut c, mut scratch) = (dirty(m * n), dirty(blas::gemm_scratch_len(m, n, k)));
            blas::gemm(level, 1.0, a, b, 0.0, MatMut::new(&mut c, m, n).unwrap(), &mut scratch).unwrap();
            let wanted = Dense::of(a).times(&Dense::of(b));
            let size = Dense::of(a).map(f64::abs).times(&Dense::of(b).map(f64::abs));
            assert_close(&c, &wanted.data, &size.data, k as f64, &format!("{level}"));
        }
    }
}

fn symmetric<T: Float>(n: usize, k: usize, beta: f64) {
    let a = numbers::<T>(n * k, 6);
    let before = numbers::<T>(n * n, 7);
    let da = Dense::of(MatRef::new(&a, n, k).unwrap());
    let dc = Dense::of(MatRef::new(&before, n, n).unwrap());
    let wanted = da.times(&da.t()).with(&dc, |p, c| -p + beta * c);
    let size = da.map(f64::abs).times(&da.t().map(f64::abs)).with(&dc, |p, c| p + (beta * c).abs());
    for level in levels() {
        let mut c = before.clone();
        let mut scratch = dirty::<T>(blas::syrk_scratch_len(n, k));
        let view = MatMut::new(&mut c, n, n).unwrap();
        blas::syrk(level, -T::ONE, MatRef::new(&a, n, k).unwrap(), T::from_f64(beta), view, &mut scratch).unwrap();
        for i in 0..n {
            let row = i * n..i * n + i + 1;
            let what = format!("{level} n={n} k={k} row {i}");
            assert_close(&c[row.clone()], &wanted.data[row.clone()], &size.data[row], allowed::sum_of_products(k + 1), &what);
        }
    }
}

#[test]
fn symmetric_products() {
    for n in [0, 1, 5, 32, 111, 112, 113, 230, 600] {
        symmetric::<f32>(n, 9, 0.0);
        symmetric::<f64>(n, 3, 1.0);
    }
    symmetric::<f32>(530, 300, 0.5);
}

/// A = B B^T + n I.
fn definite<T: Float>(n: usize) -> Vec<T> {
    let b = Dense { rows: n, cols: n, data: numbers::<f64>(n * n, 8) };
    let a = b.times(&b.t());
    Dense::from_fn(n, n, |i, j| a.at(i, j) + if i == j { n as f64 } else { 0.0 }).data.into_iter().map(T::from_f64).collect()
}

fn factor<T: Float>(level: Level, n: usize) {
    let what = format!("{level} n={n}");
    let a = definite::<T>(n);
    // Above the diagonal nothing may be read.
    let mut l: Vec<T> = (0..n * n).map(|k| if k % n > k / n { T::from_f64(f64::NAN) } else { a[k] }).collect();
    let mut scratch = dirty::<T>(blas::cholesky_scratch_len(n));
    assert_eq!(blas::cholesky(level, MatMut::new(&mut l, n, n).unwrap(), &mut scratch), Ok(Definite::Yes), "{what}");
    let dl = Dense::from_fn(n, n, |i, j| if j <= i { l[i * n + j].to_f64() } else { 0.0 });
    let size = dl.map(f64::abs).times(&dl.t().map(f64::abs));
    let found: Vec<f64> = dl.times(&dl.t()).data;
    let wanted: Vec<f64> = a.iter().map(|a| a.to_f64()).collect();
    let units = allowed::cholesky(n) * T::EPSILON.to_f64() / f64::EPSILON;
    assert_close(&found, &wanted, &size.data, units, &what);

    for columns in [1, 3, 33] {
        let b = numbers::<T>(n * columns, 9);
        let mut x = b.clone();
        let mut scratch = dirty::<T>(blas::cholesky_solve_scratch_len(n));
        let view = MatMut::new(&mut x, n, columns).unwrap();
        blas::cholesky_solve(level, MatRef::new(&l, n, n).unwrap(), view, &mut scratch).unwrap();
        let dx = Dense::of(MatRef::new(&x, n, columns).unwrap());
        let da = Dense { rows: n, cols: n, data: wanted.clone() };
        let found = da.times(&dx);
        let size = da.map(f64::abs).times(&dx.map(f64::abs));
        let b: Vec<f64> = b.iter().map(|b| b.to_f64()).collect();
        let units = 3.0 * allowed::cholesky(n) * T::EPSILON.to_f64() / f64::EPSILON;
        assert_close(&found.data, &b, &size.data, units, &format!("solve {what} columns={columns}"));
    }
}

#[test]
fn factors_and_solutions() {
    for level in levels() {
        for n in [0, 1, 2, 5, 6, 7, 13, 63, 64, 65, 96, 128, 150, 200] {
            factor::<f32>(level, n);
            factor::<f64>(level, n);
        }
    }
}

#[test]
fn a_bad_pivot_is_diagnosed() {
    for level in levels() {
        for n in [1, 5, 64, 130] {
            for pivot in [0, n / 2, n - 1] {
                for (value, found) in [(-3.0, -3.0), (0.0, 0.0), (f64::NAN, f64::NAN), (f64::INFINITY, f64::INFINITY)] {
                    let mut a: Vec<f64> = (0..n * n).map(|k| if k / n == k % n { 2.0 } else { 0.0 }).collect();
                    a[pivot * n + pivot] = value;
                    let mut scratch = dirty(blas::cholesky_scratch_len(n));
                    match blas::cholesky(level, MatMut::new(&mut a, n, n).unwrap(), &mut scratch).unwrap() {
                        Definite::No { pivot: p, value: v } => {
                            assert_eq!(p, pivot, "{level} {n}");
                            assert!(v == found || v.is_nan() == f64::is_nan(found), "{v} {found}");
                        }
                        Definite::Yes => panic!("{level}: {n} x {n} with {value} at {pivot} passed"),
                    }
                }
            }
        }
    }
}

#[test]
fn shapes_and_scratch_are_checked() {
    let level = Level::detect();
    let data = [1.0f32; 64];
    let mut c = [0.0f32; 64];
    let a = MatRef::new(&data[..6], 2, 3).unwrap();
    let mut scratch = vec![0.0; 10_000];
    let mut run = |b: (usize, usize), c_shape: (usize, usize), scratch: &mut [f32]| {
        let b = MatRef::new(&data[..b.0 * b.1], b.0, b.1).unwrap();
        let c = MatMut::new(&mut c[..c_shape.0 * c_shape.1], c_shape.0, c_shape.1).unwrap();
        blas::gemm(level, 1.0, a, b, 0.0, c, scratch)
    };
    let length = |what, expected, found| Err(Error::Length { what, expected, found });
    assert_eq!(run((4, 2), (2, 2), &mut scratch), length("gemm: rows of B", 3, 4));
    assert_eq!(run((3, 2), (3, 2), &mut scratch), length("gemm: rows of C", 2, 3));
    assert_eq!(run((3, 2), (2, 3), &mut scratch), length("gemm: columns of C", 2, 3));
    let need = blas::gemm_scratch_len(2, 2, 3);
    assert_eq!(run((3, 2), (2, 2), &mut scratch[..need - 1]), Err(Error::TooShort { what: "scratch", needed: need, found: need - 1 }));
    assert_eq!(run((3, 2), (2, 2), &mut scratch[..need]), Ok(()));

    let mut square = vec![1.0f32; 6];
    let shape = MatMut::new(&mut square, 2, 3).unwrap();
    assert_eq!(blas::cholesky(level, shape, &mut scratch), Err(Error::Length { what: "cholesky: columns", expected: 2, found: 3 }));
    let need = blas::cholesky_scratch_len(2);
    let mut square = vec![1.0f32; 4];
    let shape = MatMut::new(&mut square, 2, 2).unwrap();
    assert!(matches!(blas::cholesky(level, shape, &mut scratch[..need - 1]), Err(Error::TooShort { .. })));
    assert_eq!(blas::dot(level, &data[..3], &data[..4]), Err(Error::Length { what: "dot: y", expected: 3, found: 4 }));
    assert!(blas::axpy(level, 1.0, &data[..3], &mut c[..4]).is_err());
    assert!(blas::xpby(level, &data[..3], 1.0, &mut c[..4]).is_err());
    assert!(blas::syrk(level, 1.0, a, 0.0, MatMut::new(&mut c[..6], 2, 3).unwrap(), &mut scratch).is_err());
    assert!(blas::cholesky_solve(level, a, MatMut::new(&mut c[..2], 2, 1).unwrap(), &mut scratch).is_err());
    assert_eq!(blas::gemm_scratch_len(1, usize::MAX, 1), blas::gemm_scratch_len(1, 512, 1), "one block at most");
}

quickcheck! {
    /// A product is linear in each factor: exact on small integers, at every level.
    fn products_of_integers_are_exact(m: u8, n: u8, k: u8, seed: u64) -> TestResult {
        let (m, n, k) = (usize::from(m) % 40, usize::from(n) % 80, usize::from(k) % 300);
        let whole = |len, seed| numbers::<f32>(len, seed).into_iter().map(|x| (x * 50.0).round()).collect::<Vec<f32>>();
        let (a, b) = (whole(m * k, seed), whole(k * n, seed ^ 1));
        let (a, b) = (MatRef::new(&a, m, k).unwrap(), MatRef::new(&b, k, n).unwrap());
        let wanted = Dense::of(a).times(&Dense::of(b));
        TestResult::from_bool(levels().all(|level| {
            let mut c = dirty::<f32>(m * n);
            let mut scratch = dirty::<f32>(blas::gemm_scratch_len(m, n, k));
            blas::gemm(level, 1.0, a, b, 0.0, MatMut::new(&mut c, m, n).unwrap(), &mut scratch).unwrap();
            c.iter().zip(&wanted.data).all(|(&c, &w)| f64::from(c) == w)
        }))
    }
}
