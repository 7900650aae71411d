//! QR factors and triangular systems.

use super::bounds::{Sum, gamma};
use super::source::{Kind, Source, is_wide};
use subquad::blas::{self, Definite};
use subquad::simd::Float;
use subquad::{Level, MatMut, MatRef};

/// The triangular factor of exact numbers, and solving with it; any bits give something, and no panic.
pub fn factors(bytes: &[u8]) {
    if is_wide(bytes) { of_numbers::<f64>(bytes) } else { of_numbers::<f32>(bytes) }
}

fn of_numbers<T: Float>(bytes: &[u8]) {
    let mut source = Source(bytes);
    let (s, n) = (source.below(70), source.below(50));
    let kind = source.kind();
    let any = kind == Kind::Any;
    let columns = source.numbers::<T>(n * s, kind);
    let b = source.numbers::<T>(n * 3, kind);
    let unset = T::from_f64(f64::NAN);
    let shape = "as many numbers as the shape says";
    let inner = |i: usize, j: usize| Sum::of((0..s).map(|k| (columns[i * s + k].to_f64(), columns[j * s + k].to_f64())));
    let trace: f64 = (0..n).map(|i| inner(i, i).value).sum();
    let lower: Vec<(usize, usize, Sum)> = (0..n).flat_map(|i| (0..=i).map(move |j| (i, j))).map(|(i, j)| (i, j, inner(i, j))).collect();
    for level in Level::available() {
        let (mut r, mut scratch) = (columns.clone(), vec![unset; blas::qr_scratch_len(s, n)]);
        blas::qr(level, MatMut::new(&mut r, n, s).expect(shape), &mut scratch).expect("shapes fit");
        if !any {
            // R^T R = A^T A, relative to the columns' norms.
            for &(i, j, wanted) in &lower {
                let found: f64 = (0..s.min(j + 1)).map(|k| r[i * s + k].to_f64() * r[j * s + k].to_f64()).sum();
                let size = (inner(i, i).value * inner(j, j).value).sqrt();
                let allowed = 839.0 * T::EPSILON.to_f64() * size;
                assert!((found - wanted.value).abs() <= allowed, "{level} {s}x{n} ({i}, {j}): {found}, should be {}", wanted.value);
            }
        }
        let mut out = vec![T::from_f64(0.5); n * n];
        let mut wide = vec![f64::NAN; blas::cholesky_qr_scratch_len(s, n)];
        let a = MatRef::new(&columns, n, s).expect(shape);
        let found = blas::cholesky_qr(level, a, MatMut::new(&mut out, n, n).expect(shape), &mut wide).expect("shapes fit");
        if matches!(found, Definite::No { .. }) {
            assert!(any || trace == 0.0, "{level}: a matrix with the jitter is definite");
            assert!(out.iter().all(|&x| x == T::from_f64(0.5)), "{level}: left alone");
        } else if !any {
            // All in f64: s for a product, n + 2 for the factor; then each of its numbers is rounded.
            for &(i, j, wanted) in &lower {
                let product = Sum::of((0..=j).map(|k| (out[i * n + k].to_f64(), out[j * n + k].to_f64())));
                let jitter = if i == j { 1e-12 * trace } else { 0.0 };
                let error = (product.value - wanted.value - jitter).abs();
                let allowed =
                    (gamma::<T>(2) + 2.0 * gamma::<f64>(n + 2)) * product.size + 2.0 * gamma::<f64>(s + n + 3) * (wanted.size + jitter);
                assert!(error <= allowed, "{level} {s}x{n}: R^T R at ({i}, {j}) is off by {error:e}, allowed {allowed:e}");
            }
            assert!((0..n * n).all(|at| at % n <= at / n || out[at] == T::from_f64(0.5)), "{level}: above the diagonal");
        }
        // A triangle with a dominant diagonal, from the columns that there are, and nothing on the other side.
        let side = if n % 2 == 0 { blas::Triangle::Lower } else { blas::Triangle::Upper };
        let inside = |i: usize| if n % 2 == 0 { 0..i + 1 } else { i..n };
        let mut t = vec![unset; n * n];
        for (i, k) in (0..n).flat_map(|i| inside(i).map(move |k| (i, k))) {
            let dominant = T::from_f64(16.0 * (n + 1) as f64);
            t[i * n + k] = if i == k { dominant } else { columns.get(i * n + k).copied().unwrap_or_default() };
        }
        let mut x = b.clone();
        let mut scratch = vec![unset; blas::triangular_solve_scratch_len(n)];
        blas::triangular_solve(level, side, MatRef::new(&t, n, n).expect(shape), MatMut::new(&mut x, n, 3).expect(shape), &mut scratch)
            .expect("shapes fit");
        if !any {
            // Each term meets n multiply-adds at most, or a product with a rounded inverse.
            for (i, j) in (0..n).flat_map(|i| (0..3).map(move |j| (i, j))) {
                let found = Sum::of(inside(i).map(|k| (t[i * n + k].to_f64(), x[k * 3 + j].to_f64())));
                found.check(b[i * 3 + j], n + 2, || format!("{level} {n}: T x at ({i}, {j})"));
            }
        }
    }
}
