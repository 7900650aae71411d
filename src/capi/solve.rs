//! Conjugate gradients, least squares, the steps of fixed length of a sketched system.

use core::cell::Cell;
use core::ffi::{c_int, c_void};

use super::{Failure, guard, level, matrix, one, one_mut, slice, slice_mut, subquad_error};
use crate::blas;
use crate::cg::{self, Identity, LeastSquaresStopping, LinearOperator, Preconditioner, Status, Stopping, TallOperator};
use crate::sketch::{Bounds, FixedStep, Sketched, fixed_step, fixed_step_scratch_len};
use crate::{Error, Figure, Level};

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

/// When least squares stop.
#[cfg_attr(doc, doc = "\n```c\nsubquad_least_squares_stopping stopping = {.relative = 0, .gradient = 1e-9, .max_iterations = 100};\n```")]
#[repr(C)]
pub struct subquad_least_squares_stopping {
    /// Converged when |b - J x| is at most this times |b|: for systems that have a solution.
    pub relative: f64,
    /// Converged when the gradient's norm is at most this times the first one's: for those that have none.
    pub gradient: f64,
    /// Pairs of products at most.
    pub max_iterations: usize,
}

/// How least squares ended.
#[cfg_attr(
    doc,
    doc = "\n```c\nsubquad_least_squares_report report;\nsubquad_least_squares_f64(0, rows, cols, product, transposed, &matrix, b, 0, x, &stopping, &report, scratch, scratch_len, &error);\nprintf(\"|b - J x| = %g\\n\", report.residual_norm);\n```"
)]
#[repr(C)]
pub struct subquad_least_squares_report {
    /// As in subquad_report.
    pub status: c_int,
    /// Pairs of products that led to x.
    pub iterations: usize,
    /// |b - J x|
    pub residual_norm: f64,
    /// |J^T (b - J x) - damping x|
    pub gradient_norm: f64,
}

/// Scratch of conjugate gradients with callbacks.
#[cfg_attr(doc, doc = "\n```c\ndouble *scratch = malloc(subquad_cg_scratch_len(dim) * sizeof(double));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_cg_scratch_len(dim: usize) -> usize {
    cg::conjugate_gradient_scratch_len(dim, 0, 0)
}

/// Scratch of least squares with callbacks.
#[cfg_attr(doc, doc = "\n```c\ndouble *scratch = malloc(subquad_least_squares_scratch_len(rows, cols) * sizeof(double));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_least_squares_scratch_len(rows: usize, cols: usize) -> usize {
    cg::least_squares_scratch_len(rows, cols, 0)
}

/// Scratch of steps of a fixed length: n samples, outputs.
#[cfg_attr(doc, doc = "\n```c\ndouble *scratch = malloc(subquad_fixed_step_scratch_len(n, outputs) * sizeof(double));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_fixed_step_scratch_len(n: usize, outputs: usize) -> usize {
    fixed_step_scratch_len(n.saturating_mul(outputs), 0, blas::cholesky_solve_scratch_len(n))
}

/// A callback that failed stops the iteration: what it returned is kept here.
struct Called<'a, F> {
    dim: usize,
    call: F,
    failed: &'a Cell<Option<(&'static str, c_int)>>,
}

pub(super) fn stop_at(failed: &Cell<Option<(&'static str, c_int)>>, what: &'static str, code: c_int) -> Result<(), Error> {
    if code == 0 {
        return Ok(());
    }
    failed.set(Some((what, code)));
    Err(Error::value(what, "a callback that returns 0", Figure::number(code.into())))
}

impl<T: crate::Float, F: Fn(&[T], &mut [T]) -> c_int> LinearOperator<T> for Called<'_, F> {
    fn dim(&self) -> usize {
        self.dim
    }
    fn apply(&self, _: Level, x: &[T], y: &mut [T], _: &mut [T]) -> Result<(), Error> {
        stop_at(self.failed, "operator", (self.call)(x, y))
    }
}

impl<T: crate::Float, F: Fn(&[T], &mut [T]) -> c_int> Preconditioner<T> for Called<'_, F> {
    fn precondition(&self, _: Level, r: &[T], z: &mut [T], _: &mut [T]) -> Result<(), Error> {
        stop_at(self.failed, "preconditioner", (self.call)(r, z))
    }
}

/// A tall matrix behind two callbacks.
struct Tall<'a, F, G> {
    dims: (usize, usize),
    product: F,
    transposed: G,
    failed: &'a Cell<Option<(&'static str, c_int)>>,
}

impl<T: crate::Float, F: Fn(&[T], &mut [T]) -> c_int, G: Fn(&[T], &mut [T]) -> c_int> TallOperator<T> for Tall<'_, F, G> {
    fn rows(&self) -> usize {
        self.dims.0
    }
    fn cols(&self) -> usize {
        self.dims.1
    }
    fn apply(&self, _: Level, x: &[T], y: &mut [T], _: &mut [T]) -> Result<(), Error> {
        stop_at(self.failed, "product", (self.product)(x, y))
    }
    fn apply_transpose(&self, _: Level, y: &[T], x: &mut [T], _: &mut [T]) -> Result<(), Error> {
        stop_at(self.failed, "transposed product", (self.transposed)(y, x))
    }
}

/// The callback's failure rather than what came of it.
pub(super) fn outcome<R>(done: Result<R, Error>, failed: &Cell<Option<(&'static str, c_int)>>) -> Result<R, Failure> {
    match failed.get() {
        Some((what, code)) => Err(Failure::Callback(what, code)),
        None => Ok(done?),
    }
}

fn number(status: Status) -> c_int {
    match status {
        Status::Converged => 0,
        Status::IterationLimit => 1,
        Status::IndefiniteOperator => 2,
        Status::IndefinitePreconditioner => 3,
        Status::NotFinite => 4,
        Status::Stagnated => 5,
        Status::Breakdown => 6,
        Status::Stopped => 7,
    }
}

pub(super) fn put_report(report: cg::Report, to: &mut subquad_report) {
    let status = number(report.status);
    *to = subquad_report { status, iterations: report.iterations, residual_norm: report.residual_norm, rhs_norm: report.rhs_norm };
}

macro_rules! solvers {
    ($T:ty; $product:ident $cg:ident $tall_product:ident $least_squares:ident $fixed_step:ident) => {
        /// y <- A x, or z <- M^-1 r, for dim numbers: returns 0, or anything else to stop. It must not unwind.
        #[cfg_attr(doc, doc = "\n```c\n// The matrix diag(d), whose numbers are the context. With `float` for the functions that end in `f32`.\nint product(void *context, const double *x, double *y, size_t dim) {\n    const double *d = context;\n    for (size_t i = 0; i < dim; i++) y[i] = d[i] * x[i];\n    return 0;\n}\n```")]
        pub type $product = Option<unsafe extern "C" fn(context: *mut c_void, from: *const $T, to: *mut $T, dim: usize) -> c_int>;

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
                put_report(outcome(done, &failed)?, report);
                Ok(())
            })
        }

        /// y <- J x, or x <- J^T y, for a matrix J of rows x cols numbers: returns 0, or anything else to stop. It must
        /// not unwind.
        #[cfg_attr(doc, doc = "\n```c\n// A row-major matrix, whose numbers are the context. With `float` for the functions that end in `f32`.\nint product(void *context, const double *x, double *y, size_t rows, size_t cols) {\n    const double *j = context;\n    for (size_t i = 0; i < rows; i++) {\n        y[i] = 0;\n        for (size_t k = 0; k < cols; k++) y[i] += j[i * cols + k] * x[k];\n    }\n    return 0;\n}\n```")]
        pub type $tall_product = Option<unsafe extern "C" fn(context: *mut c_void, from: *const $T, to: *mut $T, rows: usize, cols: usize) -> c_int>;

        /// Minimises |b - J x|^2 + damping |x|^2, from the x that is handed over; from zero it finds the shortest
        /// minimiser. `product` is J, of rows x cols numbers, `transposed` its transpose; b has rows numbers, x has cols.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($least_squares), "(0, rows, cols, product, transposed, j, b, 0, x, &stopping, &report, scratch, subquad_least_squares_scratch_len(rows, cols), &error);\nif (report.status != 0) puts(\"not converged\");\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $least_squares(
            level_number: u8,
            rows: usize,
            cols: usize,
            product: $tall_product,
            transposed: $tall_product,
            context: *mut c_void,
            b: *const $T,
            damping: f64,
            x: *mut $T,
            stopping: *const subquad_least_squares_stopping,
            report: *mut subquad_least_squares_report,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                let Some(product) = product else { return Err(Failure::Null("product")) };
                let Some(transposed) = transposed else { return Err(Failure::Null("transposed")) };
                // SAFETY: the caller's promise.
                let (b, x, stopping) = unsafe { (slice("b", b, rows)?, slice_mut("x", x, cols)?, one("stopping", stopping)?) };
                // SAFETY: the caller's promise.
                let (report, scratch) = unsafe { (one_mut("report", report)?, slice_mut("scratch", scratch, scratch_len)?) };
                let subquad_least_squares_stopping { relative, gradient, max_iterations } = *stopping;
                let failed = Cell::new(None);
                let j = Tall {
                    dims: (rows, cols),
                    // SAFETY: the caller's function, with cols numbers to read and rows to write.
                    product: |x: &[$T], y: &mut [$T]| unsafe { product(context, x.as_ptr(), y.as_mut_ptr(), rows, cols) },
                    // SAFETY: the caller's function, with rows numbers to read and cols to write.
                    transposed: |y: &[$T], x: &mut [$T]| unsafe { transposed(context, y.as_ptr(), x.as_mut_ptr(), rows, cols) },
                    failed: &failed,
                };
                let stopping = LeastSquaresStopping { relative, gradient, max_iterations };
                let found = outcome(cg::least_squares(level(level_number)?, &j, b, damping, x, stopping, scratch), &failed)?;
                let (iterations, residual_norm, gradient_norm) = (found.iterations, found.residual_norm, found.gradient_norm);
                *report = subquad_least_squares_report { status: number(found.status), iterations, residual_norm, gradient_norm };
                Ok(())
            })
        }

        /// Solves K g = b by steps of a fixed length, preconditioned by a sketch, from the g that is handed over: n
        /// samples, n x outputs numbers in b and g. `operator_` is K; `factor`, n x n, has R^T in its lower triangle, as
        /// subquad_qr and subquad_cholesky_qr leave it, for a sketch of `sketch_rows` rows. `low` and `high` bound the
        /// singular values of the preconditioned tangents; both 0 is a step of 1, for 64 rows a sample and more.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($fixed_step), "(0, n, outputs, product, gram, factor, rows, 0, 0, b, g, &stopping, &report, scratch, subquad_fixed_step_scratch_len(n, outputs), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $fixed_step(
            level_number: u8,
            n: usize,
            outputs: usize,
            operator_: $product,
            context: *mut c_void,
            factor: *const $T,
            sketch_rows: usize,
            low: f64,
            high: f64,
            b: *const $T,
            g: *mut $T,
            stopping: *const subquad_stopping,
            report: *mut subquad_report,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                let Some(product) = operator_ else { return Err(Failure::Null("operator")) };
                let dim = super::area("b: samples x outputs", n, outputs)?;
                // SAFETY: the caller's promise.
                let (factor, b, g) = unsafe { (matrix("factor", factor, n, n)?, slice("b", b, dim)?, slice_mut("g", g, dim)?) };
                // SAFETY: the caller's promise.
                let (stopping, report) = unsafe { (one("stopping", stopping)?, one_mut("report", report)?) };
                // SAFETY: the caller's promise.
                let scratch = unsafe { slice_mut("scratch", scratch, scratch_len) }?;
                let stopping =
                    Stopping { relative: stopping.relative, absolute: stopping.absolute, max_iterations: stopping.max_iterations };
                let failed = Cell::new(None);
                // SAFETY: the caller's function, with dim numbers to read and as many to write.
                let call = |x: &[$T], y: &mut [$T]| unsafe { product(context, x.as_ptr(), y.as_mut_ptr(), dim) };
                let k = Called { dim, call, failed: &failed };
                let step = if low == 0.0 && high == 0.0 { FixedStep::Unit } else { FixedStep::Within(Bounds { low, high }) };
                let sketched = Sketched::new(factor, sketch_rows, outputs)?;
                put_report(outcome(fixed_step(level(level_number)?, &k, &sketched, step, b, g, stopping, scratch), &failed)?, report);
                Ok(())
            })
        }
    };
}

solvers! { f32; subquad_product_f32 subquad_cg_f32 subquad_tall_product_f32 subquad_least_squares_f32 subquad_fixed_step_f32 }
solvers! { f64; subquad_product_f64 subquad_cg_f64 subquad_tall_product_f64 subquad_least_squares_f64 subquad_fixed_step_f64 }
