//! Products of matrices, and the Gram matrix of firing patterns as one.

use faer::{Accum, MatMut as FaerMut, MatRef as FaerRef, Par};
use nalgebra::{DMatrixView, DMatrixViewMut};
use subquad::relu::{PatternMut, PatternRef, gram, pattern as bits, two_layer};
use subquad::{Level, MatMut, MatRef, blas};

use crate::race::{close, gaussian, race, unit};

/// C = A B^T: all row-major, A n x k, B n x k.
pub fn by_faer(a: &[f32], b: &[f32], c: &mut [f32], n: usize, k: usize) {
    let (a, b) = (FaerRef::from_row_major_slice(a, n, k), FaerRef::from_row_major_slice(b, n, k));
    let c = FaerMut::from_row_major_slice_mut(c, n, n);
    faer::linalg::matmul::matmul(c, Accum::Replace, a, b.transpose(), 1.0f32, Par::Seq);
}

fn by_gemm(a: &[f32], b: &[f32], c: &mut [f32], n: usize, k: usize) {
    let (m, none) = (n, gemm::Parallelism::None);
    // SAFETY: the slices hold the matrices.
    unsafe {
        let (c, a, b) = (c.as_mut_ptr(), a.as_ptr(), b.as_ptr());
        gemm::gemm(m, n, k, c, 1, n as isize, false, a, 1, k as isize, b, k as isize, 1, 0.0f32, 1.0f32, false, false, false, none);
    }
}

fn by_matrixmultiply(a: &[f32], b: &[f32], c: &mut [f32], n: usize, k: usize) {
    // SAFETY: the slices hold the matrices.
    unsafe { matrixmultiply::sgemm(n, k, n, 1.0, a.as_ptr(), k as isize, 1, b.as_ptr(), 1, k as isize, 0.0, c.as_mut_ptr(), n as isize, 1) }
}

/// nalgebra stores columns: A^T lies in A's slice, B in that of B^T, and C^T = B A^T is what comes out.
fn by_nalgebra(a: &[f32], b_transposed: &[f32], c: &mut [f32], n: usize, k: usize) {
    let (a, b) = (DMatrixView::from_slice(a, k, n), DMatrixView::from_slice(b_transposed, n, k));
    DMatrixViewMut::from_slice(c, n, n).gemm(1.0, &b, &a, 0.0);
}

pub fn products() {
    let level = Level::detect();
    for n in [128, 256, 512, 1024, 2048] {
        let (a, b) = (gaussian(n * n, 1), gaussian(n * n, 2));
        let turned: Vec<f32> = (0..n * n).map(|k| b[k % n * n + k / n]).collect();
        let [mut c, mut c1, mut c2, mut c3, mut c4] = [(); 5].map(|()| vec![0.0f32; n * n]);
        let mut scratch = vec![0.0f32; blas::gemm_scratch_len(n, n, n)];
        let (av, bv) = (MatRef::new(&a, n, n).unwrap(), MatRef::new(&b, n, n).unwrap());
        let mut ours = || blas::gemm(level, 1.0, av, bv.t(), 0.0, MatMut::new(&mut c, n, n).unwrap(), &mut scratch).unwrap();
        ours();
        by_faer(&a, &b, &mut c1, n, n);
        by_gemm(&a, &b, &mut c2, n, n);
        by_matrixmultiply(&a, &b, &mut c3, n, n);
        by_nalgebra(&a, &turned, &mut c4, n, n);
        [&c1, &c2, &c3, &c4].into_iter().for_each(|other| close(&c, other, 1e-5));
        let mut ours = || blas::gemm(level, 1.0, av, bv.t(), 0.0, MatMut::new(&mut c, n, n).unwrap(), &mut scratch).unwrap();
        race(
            "products",
            &format!("A B^T, {n}"),
            &mut [
                ("", &mut ours),
                ("faer 0.24", &mut || by_faer(&a, &b, &mut c1, n, n)),
                ("gemm 0.19", &mut || by_gemm(&a, &b, &mut c2, n, n)),
                ("matrixmultiply 0.3", &mut || by_matrixmultiply(&a, &b, &mut c3, n, n)),
                ("nalgebra 0.35", &mut || by_nalgebra(&a, &turned, &mut c4, n, n)),
            ],
        );
    }
}

pub fn pattern() {
    let level = Level::detect();
    let (n, d) = (1024, 8);
    for m in [4096, 16384, 65536] {
        let (x, w) = (unit(gaussian(n * d, 1), d), gaussian(m * d, 2));
        let a = vec![1.0f32; m];
        let (x, w, a) = (MatRef::new(&x, n, d).unwrap(), MatRef::new(&w, m, d).unwrap(), MatRef::new(&a, 1, m).unwrap());
        let mut words = vec![0; bits::pattern_len(n, m)];
        let (mut f, mut scratch) = (vec![0.0f32; n], vec![0.0f32; two_layer::forward_scratch_len(d, m, 1)]);
        let to = Some(PatternMut::new(&mut words, n, m).unwrap());
        two_layer::forward(level, x, w, a, 0.0, to, MatMut::new(&mut f, n, 1).unwrap(), &mut scratch).unwrap();
        let pattern = PatternRef::new(&words, n, m).unwrap();
        let dense: Vec<f32> = (0..n).flat_map(|i| (0..m).map(move |r| f32::from(u8::from(pattern.fires(i, r))))).collect();
        let [mut c, mut c1, mut c2, mut c3] = [(); 4].map(|()| vec![0.0f32; n * n]);
        gram::overlaps(level, pattern, MatMut::new(&mut c, n, n).unwrap()).unwrap();
        by_faer(&dense, &dense, &mut c1, n, m);
        by_gemm(&dense, &dense, &mut c2, n, m);
        by_matrixmultiply(&dense, &dense, &mut c3, n, m);
        for i in 0..n {
            let row = i * n..=i * n + i;
            assert!(c[row.clone()] == c1[row.clone()] && c[row.clone()] == c2[row.clone()] && c[row.clone()] == c3[row]);
        }
        race(
            "pattern",
            &format!("m = {m}"),
            &mut [
                ("", &mut || gram::overlaps(level, pattern, MatMut::new(&mut c, n, n).unwrap()).unwrap()),
                ("faer 0.24", &mut || by_faer(&dense, &dense, &mut c1, n, m)),
                ("gemm 0.19", &mut || by_gemm(&dense, &dense, &mut c2, n, m)),
                ("matrixmultiply 0.3", &mut || by_matrixmultiply(&dense, &dense, &mut c3, n, m)),
            ],
        );
    }
}
