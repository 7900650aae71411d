//! Products and Cholesky factors.

use super::source::Source;
use subquad::blas::{self, Definite};
use subquad::{Level, MatMut, MatRef};

/// Products of exact numbers are exact; any bits give a factor or a diagnosis.
pub fn blas(bytes: &[u8]) {
    let mut source = Source(bytes);
    let (m, n, k) = (source.below(40), source.below(80), source.below(300));
    let (a, b) = (source.floats(m * k, false), source.floats(k * n, false));
    let (a, b) = (MatRef::new(&a, m, k).expect("m k numbers"), MatRef::new(&b, n, k).expect("n k numbers").t());
    for level in Level::available() {
        let (mut c, mut scratch) = (vec![f32::NAN; m * n], vec![f32::NAN; blas::gemm_scratch_len(m, n, k)]);
        blas::gemm(level, 1.0, a, b, 0.0, MatMut::new(&mut c, m, n).expect("m n numbers"), &mut scratch).expect("shapes fit");
        for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
            let wanted: f64 = (0..k).map(|p| f64::from(a.get(i, p).unwrap_or(0.0)) * f64::from(b.get(p, j).unwrap_or(0.0))).sum();
            assert_eq!(f64::from(c[i * n + j]), wanted, "{level} {m}x{n}x{k} ({i}, {j})");
        }
    }
    let n = source.below(90);
    let any = source.byte().is_multiple_of(2);
    let mut matrix = source.floats(n * n, any);
    if !any {
        (0..n).for_each(|i| matrix[i * n + i] = 8.0 * n as f32 + 1.0); // dominant, so definite
    }
    for level in Level::available() {
        let (mut l, mut scratch) = (matrix.clone(), vec![f32::NAN; blas::cholesky_scratch_len(n)]);
        match blas::cholesky(level, MatMut::new(&mut l, n, n).expect("n n numbers"), &mut scratch).expect("square") {
            Definite::Yes => assert!((0..n).all(|i| l[i * n + i] > 0.0), "{level} {n}"),
            Definite::No { pivot, value } => {
                assert!(any && pivot < n && !(value > 0.0 && value.is_finite()), "{level} {n}: {pivot} {value}");
            }
        }
    }
}
