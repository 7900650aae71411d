//! Transform, products, factorisations, conjugate gradients, the two-layer network, sketches.

use core::cell::Cell;
use core::ffi::{c_int, c_void};

use super::{Failure, guard, level, matrix, matrix_mut, one, one_mut, slice, slice_mut, subquad_error};
use crate::blas::{self, Definite};
use crate::cg::{self, Identity, LinearOperator, Preconditioner, Status, Stopping};
use crate::hadamard::{self, Order, Signs, Transform};
use crate::relu::{PatternMut, PatternRef, gram, pattern, two_layer};
use crate::sketch::{Srht, TensorSrht};
use crate::{Element, Error, Level, random};

/// y = c P H D x: how a transform differs from H itself. All zero is H.
#[cfg_attr(
    doc,
    doc = "\n```c\nsubquad_transform how = {0};\nhow.order = 2;   // sequency\nhow.scaling = 2; // orthonormal\nsubquad_transform_rows_f32(0, &how, x, rows, 256, &error);\n```"
)]
#[repr(C)]
pub struct subquad_transform {
    /// Order of the outputs: 0 natural, 1 dyadic, 2 sequency.
    pub order: u32,
    /// Signs of the inputs: 0 none, 1 from `seed`, 2 from `bits`.
    pub signs: u32,
    /// Seed of the signs.
    pub seed: u64,
    /// Input i is negated where bit i % 64 of word i / 64 is 1.
    pub bits: *const u64,
    /// Words behind `bits`.
    pub words: usize,
    /// Factor: 0 none, 1 `factor`, 2 the inverse root of the length (floats only).
    pub scaling: u32,
    /// The factor, converted to the type of the numbers.
    pub factor: f64,
}

/// When conjugate gradients stop.
#[cfg_attr(doc, doc = "\n```c\nsubquad_stopping stopping = {.relative = 1e-6, .absolute = 0, .max_iterations = 100};\n```")]
#[repr(C)]
pub struct subquad_stopping {
    /// Converged when the residual's norm is at most this times the right-hand side's.
    pub relative: f64,
    /// Converged when the residual's norm is at most this.
    pub absolute: f64,
    /// Products with the operator at most.
    pub max_iterations: usize,
}

/// How conjugate gradients ended.
#[cfg_attr(
    doc,
    doc = "\n```c\nsubquad_report report;\nsubquad_cg_f64(0, n, product, NULL, &matrix, b, x, &stopping, &report, scratch, scratch_len, &error);\nif (report.status != 0) printf(\"|r| = %g after %zu products\\n\", report.residual_norm, report.iterations);\n```"
)]
#[repr(C)]
pub struct subquad_report {
    /// 0 converged, 1 iteration limit, 2 indefinite operator, 3 indefinite preconditioner, 4 not finite, 5 stagnated,
    /// 6 broken down, 7 stopped.
    pub status: c_int,
    /// Products with the operator that led to x.
    pub iterations: usize,
    /// The norm of the residual of the x that is handed back.
    pub residual_norm: f64,
    /// The norm of the right-hand side.
    pub rhs_norm: f64,
}

/// The signs, order and factor of a description. Null is H itself.
///
/// # Safety
/// As `slice`, for the description and for its bits.
unsafe fn described<'a, T: Element>(
    how: *const subquad_transform,
    factor: impl FnOnce(f64) -> T,
    orthonormal: impl FnOnce(Transform<'a, T>) -> Result<Transform<'a, T>, Failure>,
) -> Result<Transform<'a, T>, Failure> {
    if how.is_null() {
        return Ok(Transform::new());
    }
    // SAFETY: the caller's promise.
    let how = unsafe { one("transform", how) }?;
    let order = match how.order {
        0 => Order::Natural,
        1 => Order::Dyadic,
        2 => Order::Sequency,
        _ => return Err(Error::value("transform: order", "0, 1 or 2").into()),
    };
    let signs = match how.signs {
        0 => Signs::None,
        1 => Signs::Seed(how.seed),
        // SAFETY: the caller's promise.
        2 => Signs::Bits(unsafe { slice("transform: bits", how.bits, how.words) }?),
        _ => return Err(Error::value("transform: signs", "0, 1 or 2").into()),
    };
    let plain = Transform::new().signs(signs).order(order);
    match how.scaling {
        0 => Ok(plain),
        1 => Ok(plain.scaled(factor(how.factor))),
        2 => orthonormal(plain),
        _ => Err(Error::value("transform: scaling", "0, 1 or 2").into()),
    }
}

macro_rules! transforms {
    ($T:ty, $orthonormal:expr; $fwht:ident $rows:ident $columns:ident) => {
        /// x <- H x, in place: n = 2^p, or 12, 20 or 28 times 2^p.
        #[cfg_attr(doc, doc = concat!("\n```c\n// x = {1, 2, 3, 4} becomes {10, -2, -4, 0}\nif (", stringify!($fwht), "(0, x, 4, &error) != SUBQUAD_OK) puts(error.message);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $fwht(level_number: u8, x: *mut $T, n: usize, error: *mut subquad_error) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let x = unsafe { slice_mut("x", x, n) }?;
                Ok(hadamard::fwht(level(level_number)?, x)?)
            })
        }

        /// Transforms every row of a matrix of rows x cols numbers, as described; null for H itself.
        #[cfg_attr(doc, doc = concat!("\n```c\n// {1, 2; 3, 4} becomes {3, -1; 7, -1}\n", stringify!($rows), "(0, NULL, x, 2, 2, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $rows(
            level_number: u8,
            how: *const subquad_transform,
            x: *mut $T,
            rows: usize,
            cols: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (how, x) = unsafe { (described(how, |c| c as $T, $orthonormal)?, matrix_mut("x", x, rows, cols)?) };
                Ok(how.rows(level(level_number)?, x)?)
            })
        }

        /// Transforms every column of a matrix of rows x cols numbers, as described; null for H itself.
        #[cfg_attr(doc, doc = concat!("\n```c\n// {1, 2; 3, 4} becomes {4, 6; -2, -2}\n", stringify!($columns), "(0, NULL, x, 2, 2, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $columns(
            level_number: u8,
            how: *const subquad_transform,
            x: *mut $T,
            rows: usize,
            cols: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (how, x) = unsafe { (described(how, |c| c as $T, $orthonormal)?, matrix_mut("x", x, rows, cols)?) };
                Ok(how.columns(level(level_number)?, x)?)
            })
        }
    };
}

/// Integers have no inverse roots.
fn no_root<T>(_: Transform<'_, T>) -> Result<Transform<'_, T>, Failure> {
    Err(Error::value("transform: scaling of integers", "0 or 1").into())
}

transforms! { f32, |how| Ok(how.orthonormal()); subquad_fwht_f32 subquad_transform_rows_f32 subquad_transform_columns_f32 }
transforms! { f64, |how| Ok(how.orthonormal()); subquad_fwht_f64 subquad_transform_rows_f64 subquad_transform_columns_f64 }
transforms! { i32, no_root; subquad_fwht_i32 subquad_transform_rows_i32 subquad_transform_columns_i32 }
transforms! { i16, no_root; subquad_fwht_i16 subquad_transform_rows_i16 subquad_transform_columns_i16 }

/// Whether there is a transform of this length.
#[cfg_attr(doc, doc = "\n```c\nassert(subquad_fwht_is_len(768) && !subquad_fwht_is_len(9));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_fwht_is_len(n: usize) -> bool {
    hadamard::is_len(n)
}

/// The 64-bit words of a firing pattern: neuron r of sample i is bit r % 64 of word r / 64 of row i, whose length is
/// this for one sample.
#[cfg_attr(doc, doc = "\n```c\nassert(subquad_pattern_len(10, 65) == 20);\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_pattern_len(samples: usize, neurons: usize) -> usize {
    pattern::pattern_len(samples, neurons)
}

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

/// Scratch of conjugate gradients with callbacks.
#[cfg_attr(doc, doc = "\n```c\ndouble *scratch = malloc(subquad_cg_scratch_len(dim) * sizeof(double));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_cg_scratch_len(dim: usize) -> usize {
    cg::conjugate_gradient_scratch_len(dim, 0, 0)
}

/// Scratch of a forward pass: d inputs, m neurons, c outputs.
#[cfg_attr(doc, doc = "\n```c\nfloat *scratch = malloc(subquad_forward_scratch_len(d, m, c) * sizeof(float));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_forward_scratch_len(d: usize, m: usize, c: usize) -> usize {
    two_layer::forward_scratch_len(d, m, c)
}

/// Scratch of a Jacobian-vector product.
#[cfg_attr(doc, doc = "\n```c\nfloat *scratch = malloc(subquad_jvp_scratch_len(d, m, c) * sizeof(float));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_jvp_scratch_len(d: usize, m: usize, c: usize) -> usize {
    two_layer::jvp_scratch_len(d, m, c)
}

/// Scratch of a vector-Jacobian product.
#[cfg_attr(doc, doc = "\n```c\nfloat *scratch = malloc(subquad_vjp_scratch_len(d, m, c) * sizeof(float));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_vjp_scratch_len(d: usize, m: usize, c: usize) -> usize {
    two_layer::vjp_scratch_len(d, m, c)
}

/// Scratch of a product with the Gram matrix of the tangents.
#[cfg_attr(doc, doc = "\n```c\nfloat *scratch = malloc(subquad_gram_product_scratch_len(d, m, c) * sizeof(float));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_gram_product_scratch_len(d: usize, m: usize, c: usize) -> usize {
    two_layer::gram_product_scratch_len(d, m, c)
}

/// Scratch of a Gram matrix of n samples of d inputs.
#[cfg_attr(doc, doc = "\n```c\nfloat *scratch = malloc(subquad_gram_scratch_len(n, d) * sizeof(float));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_gram_scratch_len(n: usize, d: usize) -> usize {
    gram::gram_scratch_len(n, d)
}

/// Scratch of an SRHT of vectors of `len` numbers; 0 where there is none.
#[cfg_attr(doc, doc = "\n```c\nassert(subquad_srht_scratch_len(1000) == 1024);\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_srht_scratch_len(len: usize) -> usize {
    Srht::new(len, 1, 0).map_or(0, |sketch| sketch.scratch_len())
}

/// Scratch of a TensorSRHT of factors of these lengths; 0 where there is none.
#[cfg_attr(doc, doc = "\n```c\nassert(subquad_tensor_srht_scratch_len(1000, 20) == 1024 + 32);\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_tensor_srht_scratch_len(left: usize, right: usize) -> usize {
    TensorSrht::new((left, right), 1, 0).map_or(0, |sketch| sketch.scratch_len())
}

/// A callback that failed stops the iteration: what it returned is kept here.
struct Called<'a, F> {
    dim: usize,
    call: F,
    failed: &'a Cell<Option<(&'static str, c_int)>>,
}

impl<F> Called<'_, F> {
    fn done(&self, what: &'static str, code: c_int) -> Result<(), Error> {
        if code == 0 {
            return Ok(());
        }
        self.failed.set(Some((what, code)));
        Err(Error::value(what, "a callback that returns 0"))
    }
}

impl<T: crate::Float, F: Fn(&[T], &mut [T]) -> c_int> LinearOperator<T> for Called<'_, F> {
    fn dim(&self) -> usize {
        self.dim
    }
    fn apply(&self, _: Level, x: &[T], y: &mut [T], _: &mut [T]) -> Result<(), Error> {
        self.done("operator", (self.call)(x, y))
    }
}

impl<T: crate::Float, F: Fn(&[T], &mut [T]) -> c_int> Preconditioner<T> for Called<'_, F> {
    fn precondition(&self, _: Level, r: &[T], z: &mut [T], _: &mut [T]) -> Result<(), Error> {
        self.done("preconditioner", (self.call)(r, z))
    }
}

fn put_report(report: cg::Report, to: &mut subquad_report) {
    let status = match report.status {
        Status::Converged => 0,
        Status::IterationLimit => 1,
        Status::IndefiniteOperator => 2,
        Status::IndefinitePreconditioner => 3,
        Status::NotFinite => 4,
        Status::Stagnated => 5,
        Status::Breakdown => 6,
        Status::Stopped => 7,
    };
    *to = subquad_report { status, iterations: report.iterations, residual_norm: report.residual_norm, rhs_norm: report.rhs_norm };
}

macro_rules! kernels {
    ($T:ty; $product:ident $gemm:ident $cholesky:ident $cholesky_solve:ident $qr:ident $cg:ident $forward:ident $jvp:ident $vjp:ident
        $gram_product:ident $gram:ident $analytic_gram:ident $srht:ident $tensor_srht:ident $gaussian:ident $signs:ident) => {
        /// y <- A x, or z <- M^-1 r, for dim numbers: returns 0, or anything else to stop. It must not unwind.
        #[cfg_attr(doc, doc = "\n```c\n// The matrix diag(d), whose numbers are the context. With `float` for the functions that end in `f32`.\nint product(void *context, const double *x, double *y, size_t dim) {\n    const double *d = context;\n    for (size_t i = 0; i < dim; i++) y[i] = d[i] * x[i];\n    return 0;\n}\n```")]
        pub type $product = Option<unsafe extern "C" fn(context: *mut c_void, from: *const $T, to: *mut $T, dim: usize) -> c_int>;

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
                if !definite.is_null() {
                    // SAFETY: the caller's promise.
                    *unsafe { one_mut("definite", definite) }? = found == Definite::Yes;
                }
                Ok(())
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

        /// Solves A x = b by conjugate gradients, from the x that is handed over. `operator_` is A, a symmetric positive
        /// definite matrix of dim rows; `preconditioner`, if not null, approximates its inverse. Not to converge is no
        /// error: `report` says it.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($cg), "(0, n, product, NULL, diagonal, b, x, &stopping, &report, scratch, subquad_cg_scratch_len(n), &error);\nif (report.status != 0) puts(\"not converged\");\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $cg(
            level_number: u8,
            dim: usize,
            operator_: $product,
            preconditioner: $product,
            context: *mut c_void,
            b: *const $T,
            x: *mut $T,
            stopping: *const subquad_stopping,
            report: *mut subquad_report,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                let Some(product) = operator_ else { return Err(Failure::Null("operator")) };
                // SAFETY: the caller's promise.
                let (b, x, stopping, report, scratch) = unsafe {
                    (
                        slice("b", b, dim)?,
                        slice_mut("x", x, dim)?,
                        one("stopping", stopping)?,
                        one_mut("report", report)?,
                        slice_mut("scratch", scratch, scratch_len)?,
                    )
                };
                let stopping =
                    Stopping { relative: stopping.relative, absolute: stopping.absolute, max_iterations: stopping.max_iterations };
                let failed = Cell::new(None);
                // SAFETY: the caller's function, with dim numbers to read and as many to write.
                let call = |x: &[$T], y: &mut [$T]| unsafe { product(context, x.as_ptr(), y.as_mut_ptr(), dim) };
                let a = Called { dim, call, failed: &failed };
                let level = level(level_number)?;
                let done = match preconditioner {
                    None => cg::conjugate_gradient(level, &a, &Identity, b, x, stopping, scratch),
                    Some(product) => {
                        // SAFETY: as above.
                        let call = |r: &[$T], z: &mut [$T]| unsafe { product(context, r.as_ptr(), z.as_mut_ptr(), dim) };
                        cg::conjugate_gradient(level, &a, &Called { dim, call, failed: &failed }, b, x, stopping, scratch)
                    }
                };
                match (done, failed.get()) {
                    (_, Some((what, code))) => Err(Failure::Callback(what, code)),
                    (done, None) => {
                        put_report(done?, report);
                        Ok(())
                    }
                }
            })
        }

        /// F = m^(-1/2) max(X W^T - shift, 0) A^T: X n x d, W m x d, A c x m, F n x c. `words`, if not null, gets the
        /// firing pattern.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($forward), "(0, n, d, m, c, x, w, a, 0, words, f, scratch, subquad_forward_scratch_len(d, m, c), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $forward(
            level_number: u8,
            n: usize,
            d: usize,
            m: usize,
            c: usize,
            x: *const $T,
            w: *const $T,
            a: *const $T,
            shift: $T,
            words: *mut u64,
            f: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (x, w, a) = unsafe { (matrix("x", x, n, d)?, matrix("w", w, m, d)?, matrix("a", a, c, m)?) };
                // SAFETY: the caller's promise.
                let (f, scratch) = unsafe { (matrix_mut("f", f, n, c)?, slice_mut("scratch", scratch, scratch_len)?) };
                let pattern = if words.is_null() {
                    None
                } else {
                    // SAFETY: the caller's promise.
                    Some(PatternMut::new(unsafe { slice_mut("words", words, pattern::pattern_len(n, m)) }?, n, m)?)
                };
                Ok(two_layer::forward(level(level_number)?, x, w, a, shift, pattern, f, scratch)?)
            })
        }

        /// J V = m^(-1/2) (D o (X V^T)) A^T: X n x d, A c x m, D the pattern, V m x d, the result n x c.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($jvp), "(0, n, d, m, c, x, a, words, v, out, scratch, subquad_jvp_scratch_len(d, m, c), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $jvp(
            level_number: u8,
            n: usize,
            d: usize,
            m: usize,
            c: usize,
            x: *const $T,
            a: *const $T,
            words: *const u64,
            v: *const $T,
            out: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (x, a, v) = unsafe { (matrix("x", x, n, d)?, matrix("a", a, c, m)?, matrix("v", v, m, d)?) };
                // SAFETY: the caller's promise.
                let (out, scratch) = unsafe { (matrix_mut("out", out, n, c)?, slice_mut("scratch", scratch, scratch_len)?) };
                // SAFETY: the caller's promise.
                let pattern = PatternRef::new(unsafe { slice("words", words, pattern::pattern_len(n, m)) }?, n, m)?;
                Ok(two_layer::jvp(level(level_number)?, x, a, pattern, v, out, scratch)?)
            })
        }

        /// J^T U = m^(-1/2) (D o (U A))^T X: X n x d, A c x m, D the pattern, U n x c, the result m x d.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($vjp), "(0, n, d, m, c, x, a, words, u, out, scratch, subquad_vjp_scratch_len(d, m, c), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $vjp(
            level_number: u8,
            n: usize,
            d: usize,
            m: usize,
            c: usize,
            x: *const $T,
            a: *const $T,
            words: *const u64,
            u: *const $T,
            out: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (x, a, u) = unsafe { (matrix("x", x, n, d)?, matrix("a", a, c, m)?, matrix("u", u, n, c)?) };
                // SAFETY: the caller's promise.
                let (out, scratch) = unsafe { (matrix_mut("out", out, m, d)?, slice_mut("scratch", scratch, scratch_len)?) };
                // SAFETY: the caller's promise.
                let pattern = PatternRef::new(unsafe { slice("words", words, pattern::pattern_len(n, m)) }?, n, m)?;
                Ok(two_layer::vjp(level(level_number)?, x, a, pattern, u, out, scratch)?)
            })
        }

        /// K U = J (J^T U), the product with the Gram matrix of the tangents of all outputs: the result n x c.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($gram_product), "(0, n, d, m, c, x, a, words, u, out, scratch, subquad_gram_product_scratch_len(d, m, c), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $gram_product(
            level_number: u8,
            n: usize,
            d: usize,
            m: usize,
            c: usize,
            x: *const $T,
            a: *const $T,
            words: *const u64,
            u: *const $T,
            out: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (x, a, u) = unsafe { (matrix("x", x, n, d)?, matrix("a", a, c, m)?, matrix("u", u, n, c)?) };
                // SAFETY: the caller's promise.
                let (out, scratch) = unsafe { (matrix_mut("out", out, n, c)?, slice_mut("scratch", scratch, scratch_len)?) };
                // SAFETY: the caller's promise.
                let pattern = PatternRef::new(unsafe { slice("words", words, pattern::pattern_len(n, m)) }?, n, m)?;
                Ok(two_layer::gram_product(level(level_number)?, x, a, pattern, u, out, scratch)?)
            })
        }

        /// `K[i][j] = <x_i, x_j> |S_i and S_j| / m` for j <= i: X n x d, the pattern n x m, the result n x n; what stands
        /// above the diagonal is meaningless.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($gram), "(0, n, d, m, x, words, k, scratch, subquad_gram_scratch_len(n, d), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $gram(
            level_number: u8,
            n: usize,
            d: usize,
            m: usize,
            x: *const $T,
            words: *const u64,
            out: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                let (x, out, scratch) =
                    // SAFETY: the caller's promise.
                    unsafe { (matrix("x", x, n, d)?, matrix_mut("out", out, n, n)?, slice_mut("scratch", scratch, scratch_len)?) };
                // SAFETY: the caller's promise.
                let pattern = PatternRef::new(unsafe { slice("words", words, pattern::pattern_len(n, m)) }?, n, m)?;
                Ok(gram::gram(level(level_number)?, x, pattern, out, scratch)?)
            })
        }

        /// The limit of the Gram matrix for infinitely many Gaussian neurons; what stands above the diagonal is
        /// meaningless.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($analytic_gram), "(0, n, d, x, 0, k, scratch, subquad_gram_scratch_len(n, d), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $analytic_gram(
            level_number: u8,
            n: usize,
            d: usize,
            x: *const $T,
            shift: $T,
            out: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                let (x, out, scratch) =
                    // SAFETY: the caller's promise.
                    unsafe { (matrix("x", x, n, d)?, matrix_mut("out", out, n, n)?, slice_mut("scratch", scratch, scratch_len)?) };
                Ok(gram::analytic_gram(level(level_number)?, x, shift, out, scratch)?)
            })
        }

        /// y <- y + S x, the subsampled randomised Hadamard transform of `len` numbers by `rows`.
        #[cfg_attr(doc, doc = concat!("\n```c\n// 1000 numbers to 40; y is added to, so it begins as zeros\n", stringify!($srht), "(0, 1000, 40, 7, x, y, scratch, subquad_srht_scratch_len(1000), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $srht(
            level_number: u8,
            len: usize,
            rows: usize,
            seed: u64,
            x: *const $T,
            y: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                let (x, y, scratch) =
                    // SAFETY: the caller's promise.
                    unsafe { (slice("x", x, len)?, slice_mut("y", y, rows)?, slice_mut("scratch", scratch, scratch_len)?) };
                Ok(Srht::new(len, rows, seed)?.accumulate(level(level_number)?, x, y, scratch)?)
            })
        }

        /// y <- y + S (u (x) v), the TensorSRHT of factors of `left` and `right` numbers by `rows`.
        #[cfg_attr(doc, doc = concat!("\n```c\n// the tensor product of 1000 numbers and 20 to 40\n", stringify!($tensor_srht), "(0, 1000, 20, 40, 7, u, v, y, scratch, subquad_tensor_srht_scratch_len(1000, 20), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $tensor_srht(
            level_number: u8,
            left: usize,
            right: usize,
            rows: usize,
            seed: u64,
            u: *const $T,
            v: *const $T,
            y: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (u, v, y) = unsafe { (slice("u", u, left)?, slice("v", v, right)?, slice_mut("y", y, rows)?) };
                // SAFETY: the caller's promise.
                let scratch = unsafe { slice_mut("scratch", scratch, scratch_len) }?;
                Ok(TensorSrht::new((left, right), rows, seed)?.accumulate(level(level_number)?, u, v, y, scratch)?)
            })
        }

        /// n standard normal numbers of a stream of a seed: the same bits on every platform.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($gaussian), "(1, 0, w, m * d, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $gaussian(seed: u64, stream: u32, to: *mut $T, n: usize, error: *mut subquad_error) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                random::gaussian(&mut random::stream(seed, stream), unsafe { slice_mut("to", to, n) }?);
                Ok(())
            })
        }

        /// n random signs, +1 and -1, of a stream of a seed.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($signs), "(1, 1, a, c * m, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $signs(seed: u64, stream: u32, to: *mut $T, n: usize, error: *mut subquad_error) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                random::signs(&mut random::stream(seed, stream), unsafe { slice_mut("to", to, n) }?);
                Ok(())
            })
        }
    };
}

kernels! { f32; subquad_product_f32 subquad_gemm_f32 subquad_cholesky_f32 subquad_cholesky_solve_f32 subquad_qr_f32 subquad_cg_f32
subquad_forward_f32 subquad_jvp_f32 subquad_vjp_f32 subquad_gram_product_f32 subquad_gram_f32 subquad_analytic_gram_f32
subquad_srht_f32 subquad_tensor_srht_f32 subquad_gaussian_f32 subquad_signs_f32 }
kernels! { f64; subquad_product_f64 subquad_gemm_f64 subquad_cholesky_f64 subquad_cholesky_solve_f64 subquad_qr_f64 subquad_cg_f64
subquad_forward_f64 subquad_jvp_f64 subquad_vjp_f64 subquad_gram_product_f64 subquad_gram_f64 subquad_analytic_gram_f64
subquad_srht_f64 subquad_tensor_srht_f64 subquad_gaussian_f64 subquad_signs_f64 }
