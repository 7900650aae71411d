//! Conjugate gradients for several right-hand sides, and with somebody watching.

use core::cell::Cell;
use core::ffi::{c_int, c_void};
use core::ops::ControlFlow;

use super::solve::{outcome, put_report, stop_at, subquad_report, subquad_stopping};
use super::{Failure, check, guard, level, matrix, matrix_mut, one, slice_mut, subquad_error};
use crate::cg::{self, Callback, Column, Identity, Iteration, LinearOperator, Preconditioner, Stopping, Watch};
use crate::scratch::{all_of, area};
use crate::{Error, Figure, Float, Level, MatMut, MatRef};

/// Where conjugate gradients stand.
#[cfg_attr(
    doc,
    doc = "\n```c\nint print(void *context, const subquad_iteration *at) {\n    printf(\"%zu: %g of %g\\n\", at->iterations, at->residual_norm, at->rhs_norm);\n    return 0; // go on\n}\n```"
)]
#[repr(C)]
pub struct subquad_iteration {
    /// Products that led here.
    pub iterations: usize,
    /// The residual's norm of the right-hand side whose residual is the largest, measured in its own norm.
    pub residual_norm: f64,
    /// The norm of that right-hand side.
    pub rhs_norm: f64,
    /// Right-hand sides that are not finished.
    pub unfinished: usize,
}

/// Called before every product and at the end; returns 0 to go on, or anything else to end with status 7. It must not unwind.
#[cfg_attr(
    doc,
    doc = "\n```c\n// not more than ten\nint ten(void *context, const subquad_iteration *at) { return at->iterations >= 10; }\n```"
)]
pub type subquad_watcher = Option<unsafe extern "C" fn(context: *mut c_void, at: *const subquad_iteration) -> c_int>;

/// What else is wanted from conjugate gradients. All zero is nothing.
#[cfg_attr(
    doc,
    doc = "\n```c\ndouble history[100];\nsubquad_watch watch = {.history = history, .history_len = 100, .check = 1, .true_residual_norms = truth};\n```"
)]
#[repr(C)]
pub struct subquad_watch {
    /// Takes the residuals' norms after 0, 1, 2, .. products, as long as there is room: as many numbers each time as there are
    /// right-hand sides; of one that is finished, its last.
    pub history: *mut f64,
    /// Numbers behind `history`.
    pub history_len: usize,
    /// Called with the context of the products.
    pub callback: subquad_watcher,
    /// Whether residuals are computed anew: 0 never, 1 at the end, 2 whenever one is said to have converged, which then holds.
    pub check: u32,
    /// Products without a new smallest residual after which one has stagnated; 0 for never.
    pub patience: usize,
    /// If not null, takes each residual's norm as it was computed anew; NaN where it was not.
    pub true_residual_norms: *mut f64,
}

/// A function of C that takes rows to rows.
struct CalledRows<'a, F> {
    what: &'static str,
    dim: usize,
    call: F,
    failed: &'a Cell<Option<(&'static str, c_int)>>,
}

impl<F> CalledRows<'_, F> {
    /// The rows of the iteration lie one behind the other.
    fn rows<T: Float>(&self, from: MatRef<'_, T>, mut to: MatMut<'_, T>) -> Result<(), Error>
    where
        F: Fn(&[T], &mut [T], usize) -> c_int,
    {
        let (rows, all) = (from.rows(), area(from.rows(), self.dim));
        let (Some(from), Some(to)) = (from.data().get(..all), to.data().get_mut(..all)) else {
            return Err(Error::too_short(self.what, all, from.data().len()));
        };
        stop_at(self.failed, self.what, (self.call)(from, to, rows))
    }
}

impl<T: Float, F: Fn(&[T], &mut [T], usize) -> c_int> LinearOperator<T> for CalledRows<'_, F> {
    fn dim(&self) -> usize {
        self.dim
    }
    fn apply(&self, _: Level, x: &[T], y: &mut [T], _: &mut [T]) -> Result<(), Error> {
        self.rows(MatRef::new(x, 1, self.dim)?, MatMut::new(y, 1, self.dim)?)
    }
    fn apply_rows(&self, _: Level, x: MatRef<'_, T>, y: MatMut<'_, T>, _: &mut [T]) -> Result<(), Error> {
        self.rows(x, y)
    }
}

impl<T: Float, F: Fn(&[T], &mut [T], usize) -> c_int> Preconditioner<T> for CalledRows<'_, F> {
    fn precondition(&self, _: Level, r: &[T], z: &mut [T], _: &mut [T]) -> Result<(), Error> {
        self.rows(MatRef::new(r, 1, self.dim)?, MatMut::new(z, 1, self.dim)?)
    }
    fn precondition_rows(&self, _: Level, r: MatRef<'_, T>, z: MatMut<'_, T>, _: &mut [T]) -> Result<(), Error> {
        self.rows(r, z)
    }
}

/// Scratch of the courses of so many right-hand sides, in elements, wherever it begins.
const fn courses_len<T>(rows: usize) -> usize {
    let padding = if rows > 0 { align_of::<Column>().saturating_sub(align_of::<T>()) } else { 0 };
    let bytes = all_of(&[area(rows, size_of::<Column>()), padding]);
    if bytes == usize::MAX { bytes } else { bytes.div_ceil(size_of::<T>()) }
}

const fn scratch_len<T>(rows: usize, dim: usize) -> usize {
    all_of(&[courses_len::<T>(rows), cg::conjugate_gradient_rows_scratch_len(dim, rows, 0, 0)])
}

/// Scratch, and the courses of `rows` right-hand sides in front of it.
///
/// # Safety
/// As `slice_mut`.
unsafe fn courses<'a, T>(scratch: *mut T, len: usize, rows: usize, dim: usize) -> Result<(&'a mut [Column], &'a mut [T]), Failure> {
    check("scratch", scratch, len)?;
    let (need, front) = (scratch_len::<T>(rows, dim), courses_len::<T>(rows));
    if len < need || len < front {
        return Err(Error::too_short("scratch", need, len).into());
    }
    if rows == 0 {
        // SAFETY: the caller's promise.
        return Ok((&mut [], unsafe { slice_mut("scratch", scratch, len) }?));
    }
    let skip = scratch.cast::<u8>().align_offset(align_of::<Column>());
    // SAFETY: the first `front` elements have room for the courses and for what is skipped before them, nobody else has them, and
    // each course is written before it is lent out; numbers follow.
    unsafe {
        let at = scratch.cast::<u8>().add(skip).cast::<Column>();
        for i in 0..rows {
            at.add(i).write(Column::default());
        }
        Ok((core::slice::from_raw_parts_mut(at, rows), core::slice::from_raw_parts_mut(scratch.add(front), len - front)))
    }
}

macro_rules! rows {
    ($T:ty; $product:ident $len:ident $cg:ident) => {
        /// Y <- X A, or Z <- R M^-1, for `rows` rows of dim numbers one behind the other: returns 0, or anything else to stop.
        /// There are fewer of them when right-hand sides are finished. It must not unwind.
        #[cfg_attr(doc, doc = "\n```c\n// The matrix diag(d), whose numbers are the context. With `float` for the functions that end in `f32`.\nint product(void *context, const double *x, double *y, size_t rows, size_t dim) {\n    const double *d = context;\n    for (size_t i = 0; i < rows * dim; i++) y[i] = d[i % dim] * x[i];\n    return 0;\n}\n```")]
        pub type $product =
            Option<unsafe extern "C" fn(context: *mut c_void, from: *const $T, to: *mut $T, rows: usize, dim: usize) -> c_int>;

        /// Scratch of conjugate gradients for so many right-hand sides of dim numbers.
        #[cfg_attr(doc, doc = concat!("\n```c\nsize_t len = ", stringify!($len), "(rows, dim);\n```"))]
        #[unsafe(no_mangle)]
        pub extern "C" fn $len(rows: usize, dim: usize) -> usize {
            scratch_len::<$T>(rows, dim)
        }

        /// Solves A x = b for every row b of B by conjugate gradients, from the rows of X that are handed over: B and X are rows x
        /// dim. One product with all that are not finished per step; each has the bits that it has alone, if the products'
        /// rows do. `operator_` and `preconditioner`, which may be null, as in subquad_cg; `watch`, if not null, says what else
        /// is wanted; `reports` has one for each row.
        #[cfg_attr(doc, doc = concat!("\n```c\n// ten systems with the same matrix\n", stringify!($cg), "(0, 10, dim, product, NULL, diagonal, b, x, &stopping, NULL, reports, scratch, ", stringify!($len), "(10, dim), &error);\nfor (int i = 0; i < 10; i++) printf(\"%d: %zu products\\n\", i, reports[i].iterations);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $cg(
            level_number: u8,
            rows: usize,
            dim: usize,
            operator_: $product,
            preconditioner: $product,
            context: *mut c_void,
            b: *const $T,
            x: *mut $T,
            stopping: *const subquad_stopping,
            watch: *const subquad_watch,
            reports: *mut subquad_report,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                let Some(product) = operator_ else { return Err(Failure::Null("operator")) };
                // SAFETY: the caller's promise.
                let (b, x, stopping) = unsafe { (matrix("b", b, rows, dim)?, matrix_mut("x", x, rows, dim)?, one("stopping", stopping)?) };
                let (reports, (courses, scratch)) =
                    // SAFETY: the caller's promise.
                    unsafe { (slice_mut("reports", reports, rows)?, courses(scratch, scratch_len, rows, dim)?) };
                let stopping =
                    Stopping { relative: stopping.relative, absolute: stopping.absolute, max_iterations: stopping.max_iterations };
                let failed = Cell::new(None);
                let failed = &failed;
                // SAFETY: the caller's function, with so many rows to read and as many to write.
                let call = |x: &[$T], y: &mut [$T], rows| unsafe { product(context, x.as_ptr(), y.as_mut_ptr(), rows, dim) };
                let a = CalledRows { what: "operator", dim, call, failed };
                let level = level(level_number)?;
                // SAFETY: the caller's promise.
                unsafe {
                    watched(watch, context, rows, move |watch| {
                        let done = match preconditioner {
                            None => cg::conjugate_gradient_rows(level, &a, &Identity, b, x, stopping, watch, courses, scratch),
                            Some(product) => {
                                let call = |r: &[$T], z: &mut [$T], rows| product(context, r.as_ptr(), z.as_mut_ptr(), rows, dim);
                                let m = CalledRows { what: "preconditioner", dim, call, failed };
                                cg::conjugate_gradient_rows(level, &a, &m, b, x, stopping, watch, courses, scratch)
                            }
                        };
                        outcome(done, failed)?;
                        reports.iter_mut().zip(courses.iter()).for_each(|(to, course)| put_report(course.report(), to));
                        Ok(courses)
                    })
                }
            })
        }
    };
}

rows! { f32; subquad_rows_product_f32 subquad_cg_rows_scratch_len_f32 subquad_cg_rows_f32 }
rows! { f64; subquad_rows_product_f64 subquad_cg_rows_scratch_len_f64 subquad_cg_rows_f64 }

/// Hands what is wanted to an iteration, and what it found out about its courses back.
///
/// # Safety
/// As `one`, if the description is not null, and as `slice_mut`, for its history and for as many norms as there are rows.
unsafe fn watched<'a>(
    watch: *const subquad_watch,
    context: *mut c_void,
    rows: usize,
    iterate: impl FnOnce(&mut Watch<'_>) -> Result<&'a mut [Column], Failure>,
) -> Result<(), Failure> {
    if watch.is_null() {
        return iterate(&mut Watch::default()).map(drop);
    }
    // SAFETY: the caller's promise.
    let watch = unsafe { one("watch", watch) }?;
    let check = match watch.check {
        0 => cg::Check::Trust,
        1 => cg::Check::Report,
        2 => cg::Check::Insist,
        other => return Err(Error::value("watch: check", "0, 1 or 2", Figure::Count(other as usize)).into()),
    };
    // SAFETY: the caller's promise.
    let history = unsafe { slice_mut("watch: history", watch.history, watch.history_len) }?;
    let norms = if watch.true_residual_norms.is_null() { 0 } else { rows };
    // SAFETY: the caller's promise.
    let norms = unsafe { slice_mut("watch: true_residual_norms", watch.true_residual_norms, norms) }?;
    let mut tell = |at: &Iteration| {
        let Some(callback) = watch.callback else { return ControlFlow::Continue(()) };
        let &Iteration { iterations, residual_norm, rhs_norm, unfinished } = at;
        // SAFETY: the caller's function.
        let stop = unsafe { callback(context, &subquad_iteration { iterations, residual_norm, rhs_norm, unfinished }) } != 0;
        if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let callback: Option<Callback<'_>> = if watch.callback.is_some() { Some(&mut tell) } else { None };
    let courses = iterate(&mut Watch { history, callback, check, patience: watch.patience })?;
    norms.iter_mut().zip(courses).for_each(|(to, course)| *to = course.report().true_residual_norm.unwrap_or(f64::NAN));
    Ok(())
}
