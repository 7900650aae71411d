//! Vectors, products, factorisations, triangular solves.

use core::ffi::c_int;

use super::{Failure, guard, level, matrix, matrix_mut, one_mut, slice, slice_mut, subquad_error};
use crate::blas::{self, Definite, Triangle};
use crate::{Error, Figure};

/// Scratch of the product of m x k and k x n numbers.
#[cfg_attr(doc, doc = "\n```c\nfloat *scratch = malloc(subquad_gemm_scratch_len(m, n, k) * sizeof(float));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_gemm_scratch_len(m: usize, n: usize, k: usize) -> usize {
    blas::gemm_scratch_len(m, n, k)
}

/// Scratch of a Cholesky factorisation.
#[cfg_attr(doc, doc = "\n```c\nfloat *scratch = malloc(subquad_cholesky_scratch_len(n) * sizeof(float));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_cholesky_scratch_len(n: usize) -> usize {
    blas::cholesky_scratch_len(n)
}

/// Scratch of solving with a Cholesky factor.
#[cfg_attr(doc, doc = "\n```c\nfloat *scratch = malloc(subquad_cholesky_solve_scratch_len(n) * sizeof(float));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_cholesky_solve_scratch_len(n: usize) -> usize {
    blas::cholesky_solve_scratch_len(n)
}

/// Scratch of a QR factorisation.
#[cfg_attr(doc, doc = "\n```c\nfloat *scratch = malloc(subquad_qr_scratch_len(rows, cols) * sizeof(float));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_qr_scratch_len(rows: usize, cols: usize) -> usize {
    blas::qr_scratch_len(rows, cols)
}

/// Scratch of the product of an n x k matrix with its transpose.
#[cfg_attr(doc, doc = "\n```c\nfloat *scratch = malloc(subquad_syrk_scratch_len(n, k) * sizeof(float));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_syrk_scratch_len(n: usize, k: usize) -> usize {
    blas::syrk_scratch_len(n, k)
}

/// Scratch of solving with a triangle of n rows.
#[cfg_attr(doc, doc = "\n```c\nfloat *scratch = malloc(subquad_triangular_solve_scratch_len(n) * sizeof(float));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_triangular_solve_scratch_len(n: usize) -> usize {
    blas::triangular_solve_scratch_len(n)
}

/// Scratch of a QR factorisation by Cholesky, in doubles.
#[cfg_attr(doc, doc = "\n```c\ndouble *scratch = malloc(subquad_cholesky_qr_scratch_len(rows, cols) * sizeof(double));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_cholesky_qr_scratch_len(rows: usize, cols: usize) -> usize {
    blas::cholesky_qr_scratch_len(rows, cols)
}

/// Says whether there is a factor, where somebody wants to know.
///
/// # Safety
/// As `one_mut`, if `to` is not null.
unsafe fn put_definite(found: Definite, to: *mut bool) -> Result<(), Failure> {
    if !to.is_null() {
        // SAFETY: the caller's promise.
        *unsafe { one_mut("definite", to) }? = found == Definite::Yes;
    }
    Ok(())
}

macro_rules! products {
    ($T:ty; $gemm:ident $cholesky:ident $cholesky_solve:ident $qr:ident $dot:ident $axpy:ident $xpby:ident $scale:ident $syrk:ident $triangular_solve:ident $cholesky_qr:ident
        $norm_squared:ident $max_abs:ident) => {
        /// C <- alpha A B + beta C: A m x k, B k x n, C m x n.
        #[cfg_attr(doc, doc = concat!("\n```c\nsize_t len = subquad_gemm_scratch_len(m, n, k);\n", stringify!($gemm), "(0, m, n, k, 1, a, b, 0, c, scratch, len, &error); // C = A B\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $gemm(
            level_number: u8,
            m: usize,
            n: usize,
            k: usize,
            alpha: $T,
            a: *const $T,
            b: *const $T,
            beta: $T,
            c: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (a, b, c, scratch) = unsafe {
                    (matrix("a", a, m, k)?, matrix("b", b, k, n)?, matrix_mut("c", c, m, n)?, slice_mut("scratch", scratch, scratch_len)?)
                };
                Ok(blas::gemm(level(level_number)?, alpha, a, b, beta, c, scratch)?)
            })
        }

        /// A = L L^T: the lower triangle of A, n x n, becomes L; what stands above the diagonal is not read, and is
        /// meaningless afterwards. `definite`, if not null, says whether there is such a factor.
        #[cfg_attr(doc, doc = concat!("\n```c\nbool definite;\n", stringify!($cholesky), "(0, n, a, &definite, scratch, subquad_cholesky_scratch_len(n), &error);\nif (!definite) puts(\"not positive definite\");\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $cholesky(
            level_number: u8,
            n: usize,
            a: *mut $T,
            definite: *mut bool,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (a, scratch) = unsafe { (matrix_mut("a", a, n, n)?, slice_mut("scratch", scratch, scratch_len)?) };
                let found = blas::cholesky(level(level_number)?, a, scratch)?;
                // SAFETY: the caller's promise.
                unsafe { put_definite(found, definite) }
            })
        }

        /// B <- (L L^T)^-1 B: L n x n, its lower triangle, B n x columns.
        #[cfg_attr(doc, doc = concat!("\n```c\n// A x = b, with the factor that the Cholesky factorisation left in a; b becomes x\n", stringify!($cholesky_solve), "(0, n, 1, a, b, scratch, subquad_cholesky_solve_scratch_len(n), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $cholesky_solve(
            level_number: u8,
            n: usize,
            columns: usize,
            l: *const $T,
            b: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                let (l, b, scratch) =
                    // SAFETY: the caller's promise.
                    unsafe { (matrix("l", l, n, n)?, matrix_mut("b", b, n, columns)?, slice_mut("scratch", scratch, scratch_len)?) };
                Ok(blas::cholesky_solve(level(level_number)?, l, b, scratch)?)
            })
        }

        /// A = Q R for A of rows x cols numbers, handed over by its columns (cols x rows): entry (j, i) becomes
        /// `R[i][j]` for i <= j and i < rows; the rest is meaningless afterwards.
        #[cfg_attr(doc, doc = concat!("\n```c\n// the columns (3, 4) and (1, 1): columns[0] becomes 5 or -5\n", stringify!($qr), "(0, 2, 2, columns, scratch, subquad_qr_scratch_len(2, 2), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $qr(
            level_number: u8,
            rows: usize,
            cols: usize,
            columns: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                let (columns, scratch) =
                    // SAFETY: the caller's promise.
                    unsafe { (matrix_mut("columns", columns, cols, rows)?, slice_mut("scratch", scratch, scratch_len)?) };
                Ok(blas::qr(level(level_number)?, columns, scratch)?)
            })
        }

        /// `to <- <x, y>`, n numbers each, with the same bits on every run of a level.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($dot), "(0, n, x, x, &square, &error); // |x|^2\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $dot(level_number: u8, n: usize, x: *const $T, y: *const $T, to: *mut $T, error: *mut subquad_error) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (x, y, to) = unsafe { (slice("x", x, n)?, slice("y", y, n)?, one_mut("to", to)?) };
                *to = blas::dot(level(level_number)?, x, y)?;
                Ok(())
            })
        }

        /// y <- a x + y, n numbers each.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($axpy), "(0, n, -1, x, y, &error); // y -= x\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $axpy(level_number: u8, n: usize, a: $T, x: *const $T, y: *mut $T, error: *mut subquad_error) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (x, y) = unsafe { (slice("x", x, n)?, slice_mut("y", y, n)?) };
                Ok(blas::axpy(level(level_number)?, a, x, y)?)
            })
        }

        /// y <- x + b y, n numbers each.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($xpby), "(0, n, r, beta, p, &error); // the next direction\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $xpby(level_number: u8, n: usize, x: *const $T, b: $T, y: *mut $T, error: *mut subquad_error) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (x, y) = unsafe { (slice("x", x, n)?, slice_mut("y", y, n)?) };
                Ok(blas::xpby(level(level_number)?, x, b, y)?)
            })
        }

        /// x <- a x, n numbers.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($scale), "(0, n, 0.5, x, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $scale(level_number: u8, n: usize, a: $T, x: *mut $T, error: *mut subquad_error) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                blas::scale(level(level_number)?, a, unsafe { slice_mut("x", x, n) }?);
                Ok(())
            })
        }

        /// The sum of the squares of n numbers.
        #[cfg_attr(doc, doc = concat!("\n```c\n// x = {3, 4}: 25\n", stringify!($norm_squared), "(0, 2, x, &sum, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $norm_squared(level_number: u8, n: usize, x: *const $T, to: *mut $T, error: *mut subquad_error) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (x, to) = unsafe { (slice("x", x, n)?, one_mut("to", to)?) };
                *to = blas::norm_squared(level(level_number)?, x);
                Ok(())
            })
        }

        /// The largest absolute value of n numbers.
        #[cfg_attr(doc, doc = concat!("\n```c\n// x = {3, -4}: 4\n", stringify!($max_abs), "(2, x, &most, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $max_abs(n: usize, x: *const $T, to: *mut $T, error: *mut subquad_error) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (x, to) = unsafe { (slice("x", x, n)?, one_mut("to", to)?) };
                *to = blas::max_abs(x);
                Ok(())
            })
        }

        /// C <- alpha A A^T + beta C, on and below the diagonal: A n x k, C n x n; what stands above is meaningless.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($syrk), "(0, n, k, 1, a, 0, c, scratch, subquad_syrk_scratch_len(n, k), &error); // C = A A^T\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $syrk(
            level_number: u8,
            n: usize,
            k: usize,
            alpha: $T,
            a: *const $T,
            beta: $T,
            c: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                let (a, c, scratch) =
                    // SAFETY: the caller's promise.
                    unsafe { (matrix("a", a, n, k)?, matrix_mut("c", c, n, n)?, slice_mut("scratch", scratch, scratch_len)?) };
                Ok(blas::syrk(level(level_number)?, alpha, a, beta, c, scratch)?)
            })
        }

        /// B <- T^-1 B: T n x n, of which the triangle on and below the diagonal (`triangle` 0) or on and above it (1) is
        /// read; B n x columns.
        #[cfg_attr(doc, doc = concat!("\n```c\n// {2, .; 1, 4} x = {2, 9}: b becomes {1, 2}\n", stringify!($triangular_solve), "(0, 0, 2, 1, t, b, scratch, subquad_triangular_solve_scratch_len(2), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $triangular_solve(
            level_number: u8,
            triangle: u32,
            n: usize,
            columns: usize,
            t: *const $T,
            b: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                let (t, b, scratch) =
                    // SAFETY: the caller's promise.
                    unsafe { (matrix("t", t, n, n)?, matrix_mut("b", b, n, columns)?, slice_mut("scratch", scratch, scratch_len)?) };
                let triangle = match triangle {
                    0 => Triangle::Lower,
                    1 => Triangle::Upper,
                    other => return Err(Error::value("triangle", "0 (lower) or 1 (upper)", Figure::Count(other as usize)).into()),
                };
                Ok(blas::triangular_solve(level(level_number)?, triangle, t, b, scratch)?)
            })
        }

        /// `A^T A + 1e-12 trace(A^T A) I = R^T R`, in doubles, for A of rows x cols numbers, handed over by its columns
        /// (cols x rows): R^T goes to the lower triangle of `out`, cols x cols. `definite`, if not null, says whether
        /// there is such a factor.
        #[cfg_attr(doc, doc = concat!("\n```c\n// the columns (3, 4) and (1, 1): r becomes {5, .; 1.4, ..}\n", stringify!($cholesky_qr), "(0, 2, 2, columns, r, NULL, scratch, subquad_cholesky_qr_scratch_len(2, 2), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $cholesky_qr(
            level_number: u8,
            rows: usize,
            cols: usize,
            columns: *const $T,
            out: *mut $T,
            definite: *mut bool,
            scratch: *mut f64,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                let (columns, out, scratch) =
                    // SAFETY: the caller's promise.
                    unsafe { (matrix("columns", columns, cols, rows)?, matrix_mut("out", out, cols, cols)?, slice_mut("scratch", scratch, scratch_len)?) };
                let found = blas::cholesky_qr(level(level_number)?, columns, out, scratch)?;
                // SAFETY: the caller's promise.
                unsafe { put_definite(found, definite) }
            })
        }
    };
}

products! { f32; subquad_gemm_f32 subquad_cholesky_f32 subquad_cholesky_solve_f32 subquad_qr_f32 subquad_dot_f32
subquad_axpy_f32 subquad_xpby_f32 subquad_scale_f32 subquad_syrk_f32 subquad_triangular_solve_f32
subquad_cholesky_qr_f32 subquad_norm_squared_f32 subquad_max_abs_f32 }
products! { f64; subquad_gemm_f64 subquad_cholesky_f64 subquad_cholesky_solve_f64 subquad_qr_f64 subquad_dot_f64
subquad_axpy_f64 subquad_xpby_f64 subquad_scale_f64 subquad_syrk_f64 subquad_triangular_solve_f64
subquad_cholesky_qr_f64 subquad_norm_squared_f64 subquad_max_abs_f64 }
