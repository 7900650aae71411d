//! Dense linear algebra: what the solvers and the trainers stand on.
//!
//! | | formula | flops |
//! |---|---|---|
//! | [`dot`], [`norm_squared`] | `sum_i x_i y_i`, for vectors of length n | 2 n |
//! | [`axpy`], [`xpby`], [`scale`] | `y <- y + a x`, `y <- x + b y`, `x <- a x` | 2 n, 2 n, n |
//! | [`gemm`] | `C <- alpha A B + beta C`, for A m x k and B k x n | 2 m n k |
//! | [`syrk`] | `C <- alpha A A^T + beta C`, its lower triangle, for A n x k | n^2 k |
//! | [`cholesky`], [`cholesky_solve`] | `A = L L^T` with a diagnosis; `B <- (L L^T)^-1 B`, for A n x n | n^3 / 3; 2 n^2 a column |
//! | [`triangular_solve`] | `B <- T^-1 B`, for T n x n | n^2 a column |
//! | [`qr`], [`cholesky_qr`] | `A = Q R`, R alone, for A s x n | 2 n^2 (s - n / 3); n^2 s + n^3 / 3 |
//!
//! Matrices are views with any strides, so that `a.t()` is a factor like any other. All products run over one register tile, which the ReLU
//! kernels share: every entry is one chain of multiply-adds in a stated order, the same bits for every blocking.
//!
//! ```
//! use subquad::{Level, MatMut, MatRef, blas};
//!
//! // Least squares by the normal equations: A = (1 0; 1 1; 1 2), b = (1, 3, 5), so A^T A = (3 3; 3 5), A^T b = (9, 13).
//! let (level, mut scratch) = (Level::detect(), vec![0.0; 1 << 14]);
//! let a = MatRef::new(&[1.0f64, 0.0, 1.0, 1.0, 1.0, 2.0], 3, 2)?;
//! let (mut gram, mut x) = ([0.0; 4], [0.0; 2]);
//! blas::syrk(level, 1.0, a.t(), 0.0, MatMut::new(&mut gram, 2, 2)?, &mut scratch)?;
//! blas::gemm(level, 1.0, a.t(), MatRef::new(&[1.0, 3.0, 5.0], 3, 1)?, 0.0, MatMut::new(&mut x, 2, 1)?, &mut scratch)?;
//! blas::cholesky(level, MatMut::new(&mut gram, 2, 2)?, &mut scratch)?;
//! blas::cholesky_solve(level, MatRef::new(&gram, 2, 2)?, MatMut::new(&mut x, 2, 1)?, &mut scratch)?;
//! assert!((x[0] - 1.0).abs() < 1e-12 && (x[1] - 2.0).abs() < 1e-12); // b = 1 + 2 t
//! # Ok::<(), subquad::Error>(())
//! ```
//!
//! # Source
//! The blocks of the products are those of Goto and van de Geijn, *Anatomy of High-Performance Matrix Multiplication*, ACM TOMS 34, 2008; the
//! factorisations name theirs.
//!
//! Next: [`hadamard`](crate::hadamard).

mod cholesky;
mod gemm;
mod qr;
pub(crate) mod tile;
mod triangular;
mod vector;

pub use cholesky::{Definite, cholesky, cholesky_scratch_len, cholesky_solve, cholesky_solve_scratch_len};
pub use gemm::{gemm, gemm_scratch_len, syrk, syrk_scratch_len};
pub use qr::{cholesky_qr, cholesky_qr_scratch_len, qr, qr_scratch_len};
pub use triangular::{Triangle, triangular_solve, triangular_solve_scratch_len};
pub use vector::{axpy, dot, max_abs, norm_squared, scale, xpby};
pub(crate) use vector::{axpy_body, dot_body};
