//! QR factors and triangular systems.

use super::source::Source;
use subquad::blas::{self, Definite};
use subquad::{Level, MatMut, MatRef};

/// The triangular factor of exact numbers, and solving with it; any bits give something, and no panic.
pub fn factors(bytes: &[u8]) {
    let mut source = Source(bytes);
    let (s, n) = (source.below(70), source.below(50));
    let any = source.byte().is_multiple_of(2);
    let columns = source.floats(n * s, any);
    let shape = "as many numbers as the shape says";
    let inner = |i: usize, j: usize| -> f64 { (0..s).map(|k| f64::from(columns[i * s + k]) * f64::from(columns[j * s + k])).sum() };
    for level in Level::available() {
        let (mut r, mut scratch) = (columns.clone(), vec![f32::NAN; blas::qr_scratch_len(s, n)]);
        blas::qr(level, MatMut::new(&mut r, n, s).expect(shape), &mut scratch).expect("shapes fit");
        if !any {
            // R^T R = A^T A.
            for (i, j) in (0..n).flat_map(|i| (0..=i).map(move |j| (i, j))) {
                let found: f64 =
                    (0..=j.min(s.max(1) - 1)).filter(|_| s > 0).map(|k| f64::from(r[i * s + k]) * f64::from(r[j * s + k])).sum();
                let size = (inner(i, i) * inner(j, j)).sqrt();
                assert!(
                    (found - inner(i, j)).abs() <= 1e-4 * size + 1e-6,
                    "{level} {s}x{n} ({i}, {j}): {found}, should be {}",
                    inner(i, j)
                );
            }
        }
        let mut out = vec![0.5f32; n * n];
        let mut wide = vec![f64::NAN; blas::cholesky_qr_scratch_len(s, n)];
        let a = MatRef::new(&columns, n, s).expect(shape);
        let found = blas::cholesky_qr(level, a, MatMut::new(&mut out, n, n).expect(shape), &mut wide).expect("shapes fit");
        if matches!(found, Definite::No { .. }) {
            assert!(any || (0..n).all(|i| inner(i, i) == 0.0), "{level}: a matrix with the jitter is definite");
            assert!(out.iter().all(|&x| x == 0.5), "{level}: left alone");
        }
        // A triangle with a dominant diagonal, from the columns that there are.
        let mut t = vec![0.0f32; n * n];
        t.iter_mut().zip(&columns).for_each(|(to, &x)| *to = x);
        (0..n).for_each(|i| t[i * n + i] = 16.0 * (n + 1) as f32);
        let b = source.floats(n * 3, any);
        let mut x = b.clone();
        let mut scratch = vec![f32::NAN; blas::triangular_solve_scratch_len(n)];
        let side = if n % 2 == 0 { blas::Triangle::Lower } else { blas::Triangle::Upper };
        blas::triangular_solve(level, side, MatRef::new(&t, n, n).expect(shape), MatMut::new(&mut x, n, 3).expect(shape), &mut scratch)
            .expect("shapes fit");
        if !any {
            for (i, j) in (0..n).flat_map(|i| (0..3).map(move |j| (i, j))) {
                let inside = if n % 2 == 0 { 0..i + 1 } else { i..n };
                let found: f64 = inside.map(|k| f64::from(t[i * n + k]) * f64::from(x[k * 3 + j])).sum();
                assert!((found - f64::from(b[i * 3 + j])).abs() <= 1e-3, "{level} {n}: row {i}");
            }
        }
    }
}
