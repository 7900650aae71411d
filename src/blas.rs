//! Dense linear algebra: what the solvers and the trainers stand on.
//!
//! * vectors: [`dot`], [`axpy`], [`norm_squared`], [`max_abs`], ..
//! * matrices: [`gemm`] and [`syrk`], packed and register-blocked over one tile ([`tile`](self)) that the ReLU
//!   kernels share
//! * factorisations: [`cholesky`] with a diagnosis, and [`cholesky_solve`]; [`qr`] by reflections and [`cholesky_qr`],
//!   which find R and leave Q alone
//! * triangles: [`triangular_solve`]

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
