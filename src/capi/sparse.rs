//! Sparse rows, their columns, and products with dense matrices.

use core::ffi::c_int;

use super::{Failure, area, guard, level, matrix, matrix_mut, one, slice, slice_mut, subquad_error};
use crate::sparse::{self, Columns, Panels, PanelsMut, SparseRef, Support, overlap_scratch_len, panels_len, spread_scratch_len};

/// Where sparse rows have their numbers: row i at the columns `indices[starts[i]]` to `indices[starts[i + 1] - 1]`, which
/// ascend.
#[cfg_attr(
    doc,
    doc = "\n```c\n// the rows (x, 0) and (x, x)\nsize_t starts[] = {0, 1, 3};\nuint32_t indices[] = {0, 0, 1};\nsubquad_support support = {.rows = 2, .cols = 2, .starts = starts, .indices = indices};\n```"
)]
#[repr(C)]
#[derive(Clone, Copy)]
pub struct subquad_support {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// rows + 1 numbers, the first of them 0.
    pub starts: *const usize,
    /// `starts[rows]` numbers, each less than cols.
    pub indices: *const u32,
}

/// The same places column by column, as subquad_transpose finds them: the numbers of column r are in the rows
/// `rows[starts[r]]` to `rows[starts[r + 1] - 1]`, and `places` says which of that row's numbers each is.
#[cfg_attr(
    doc,
    doc = "\n```c\n// of the rows (x, 0) and (x, x)\nsize_t starts[] = {0, 2, 3};\nuint32_t rows[] = {0, 1, 1}, places[] = {0, 0, 1};\nsubquad_columns columns = {.cols = 2, .starts = starts, .rows = rows, .places = places};\n```"
)]
#[repr(C)]
#[derive(Clone, Copy)]
pub struct subquad_columns {
    /// Columns.
    pub cols: usize,
    /// cols + 1 numbers, the first of them 0.
    pub starts: *const usize,
    /// `starts[cols]` numbers.
    pub rows: *const u32,
    /// `starts[cols]` numbers.
    pub places: *const u32,
}

/// Places behind a pointer.
///
/// # Safety
/// As `slice`, for the description, its starts, and as many indices as they say.
pub(super) unsafe fn support<'a>(what: &'static str, at: *const subquad_support) -> Result<Support<'a>, Failure> {
    // SAFETY: the caller's promise.
    let &subquad_support { rows, cols, starts, indices } = unsafe { one(what, at) }?;
    // SAFETY: the caller's promise.
    unsafe {
        let starts = slice("support: starts", starts, rows.saturating_add(1))?;
        let indices = slice("support: indices", indices, starts.last().copied().unwrap_or(0))?;
        Ok(Support::new(starts, indices, cols)?)
    }
}

/// Columns behind a pointer.
///
/// # Safety
/// As `slice`, for the description, its starts, and as many rows and places as they say.
pub(super) unsafe fn columns<'a>(what: &'static str, at: *const subquad_columns) -> Result<Columns<'a>, Failure> {
    // SAFETY: the caller's promise.
    let &subquad_columns { cols, starts, rows, places } = unsafe { one(what, at) }?;
    // SAFETY: the caller's promise.
    unsafe {
        let starts = slice("columns: starts", starts, cols.saturating_add(1))?;
        let len = starts.last().copied().unwrap_or(0);
        Ok(Columns::new(starts, slice("columns: rows", rows, len)?, slice("columns: places", places, len)?)?)
    }
}

/// Finds the places of each column: `starts` gets cols + 1 numbers, `rows` and `places` as many as there are places.
#[cfg_attr(
    doc,
    doc = "\n```c\nsubquad_transpose(&support, starts, rows, places, &error);\nsubquad_columns columns = {support.cols, starts, rows, places};\n```"
)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subquad_transpose(
    of: *const subquad_support,
    starts: *mut usize,
    rows: *mut u32,
    places: *mut u32,
    error: *mut subquad_error,
) -> c_int {
    guard(error, || {
        // SAFETY: the caller's promise.
        unsafe {
            let of = support("of", of)?;
            let starts = slice_mut("starts", starts, of.cols().saturating_add(1))?;
            Ok(sparse::transpose(of, starts, slice_mut("rows", rows, of.len())?, slice_mut("places", places, of.len())?)?)
        }
    })
}

/// Numbers of a matrix packed into panels.
#[cfg_attr(doc, doc = "\n```c\nfloat *panels = malloc(subquad_panels_len(rows, cols) * sizeof(float));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_panels_len(rows: usize, cols: usize) -> usize {
    panels_len(rows, cols)
}

/// Scratch of spreading sparse rows of so many places in all.
#[cfg_attr(doc, doc = "\n```c\nfloat *scratch = malloc(subquad_spread_scratch_len(starts[rows]) * sizeof(float));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_spread_scratch_len(places: usize) -> usize {
    spread_scratch_len(places)
}

/// Scratch of the inner products of sparse rows.
#[cfg_attr(doc, doc = "\n```c\nfloat *scratch = malloc(subquad_overlap_scratch_len(depth, rows_a, rows_b) * sizeof(float));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_overlap_scratch_len(depth: usize, rows_a: usize, rows_b: usize) -> usize {
    overlap_scratch_len(depth, rows_a, rows_b)
}

/// Descriptions with numbers, which the kernels of one type of float share.
pub(super) trait Described<'a> {
    /// What the pointers are.
    type To;
    /// # Safety
    /// As `slice`, for everything that the description points to.
    unsafe fn read(&self) -> Result<Self::To, Failure>;
}

/// What a description behind a pointer is of.
///
/// # Safety
/// As `slice`, for the description and everything that it points to.
pub(super) unsafe fn described<'a, D: Described<'a> + 'a>(what: &'static str, at: *const D) -> Result<D::To, Failure> {
    // SAFETY: the caller's promise.
    unsafe { one(what, at)?.read() }
}

macro_rules! matrices {
    ($T:ty; $sparse:ident $panels:ident) => {
        /// Stacks of sparse rows: `depth` numbers for every place, row by row, and within a row first all of the first
        /// of the stack.
        #[cfg_attr(doc, doc = concat!("\n```c\n// (2, 0) and (3, 5)\n", stringify!($T), " numbers[] = {2, 3, 5}; // with `float` for f32, `double` for f64\n", stringify!($sparse), " h = {support, 1, numbers};\n```"))]
        #[repr(C)]
        #[derive(Clone, Copy)]
        pub struct $sparse {
            /// The places.
            pub support: subquad_support,
            /// Numbers for each place.
            pub depth: usize,
            /// depth times as many numbers as there are places.
            pub values: *const $T,
        }

        /// A dense matrix, row-major, or packed into panels of 64 columns, which is faster.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($panels), " b = {rows, cols, false, numbers}; // row-major\n```"))]
        #[repr(C)]
        #[derive(Clone, Copy)]
        pub struct $panels {
            /// Rows.
            pub rows: usize,
            /// Columns.
            pub cols: usize,
            /// Whether it is packed.
            pub packed: bool,
            /// rows x cols numbers, or subquad_panels_len of them.
            pub numbers: *const $T,
        }

        impl<'a> Described<'a> for $sparse {
            type To = SparseRef<'a, $T>;
            unsafe fn read(&self) -> Result<Self::To, Failure> {
                // SAFETY: the caller's promise.
                unsafe {
                    let places = support("sparse: support", &self.support)?;
                    let values = slice("sparse: values", self.values, area("sparse: values", self.depth, places.len())?)?;
                    Ok(SparseRef::new(places, self.depth, values)?)
                }
            }
        }

        impl<'a> Described<'a> for $panels {
            type To = Panels<'a, $T>;
            unsafe fn read(&self) -> Result<Self::To, Failure> {
                let &Self { rows, cols, packed, numbers } = self;
                let all = area("panels: numbers", rows, cols)?;
                // SAFETY: the caller's promise.
                let numbers = unsafe { slice("panels: numbers", numbers, if packed { panels_len(rows, cols) } else { all }) }?;
                Ok(if packed { Panels::packed(numbers, rows, cols)? } else { Panels::row_major(numbers, rows, cols)? })
            }
        }
    };
}

matrices! { f32; subquad_sparse_f32 subquad_panels_f32 }
matrices! { f64; subquad_sparse_f64 subquad_panels_f64 }

/// A packed matrix to write.
///
/// # Safety
/// As `slice_mut`, for `panels_len(rows, cols)` numbers.
pub(super) unsafe fn panels_mut<'a, T>(what: &'static str, at: *mut T, rows: usize, cols: usize) -> Result<PanelsMut<'a, T>, Failure> {
    area(what, rows, cols)?;
    // SAFETY: the caller's promise.
    Ok(PanelsMut::packed(unsafe { slice_mut(what, at, panels_len(rows, cols)) }?, rows, cols)?)
}

macro_rules! sparse {
    ($T:ty; $sparse:ident $panels:ident $pack:ident $times_panels:ident $spread:ident $overlap:ident) => {
        /// Packs a matrix, row-major, into panels: `to` gets subquad_panels_len(rows, cols) numbers.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($pack), "(rows, cols, w, panels, &error);\n", stringify!($panels), " b = {rows, cols, true, panels};\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $pack(rows: usize, cols: usize, from: *const $T, to: *mut $T, error: *mut subquad_error) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (from, to) = unsafe { (matrix("from", from, rows, cols)?, slice_mut("to", to, panels_len(rows, cols))?) };
                Ok(sparse::pack(from, to)?)
            })
        }

        /// Out <- A B, or, with `add`, Out <- Out + A B: A of depth 1, Out as many rows as A, as many columns as B.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($times_panels), "(0, &a, &b, false, out, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $times_panels(
            level_number: u8,
            a: *const $sparse,
            b: *const $panels,
            add: bool,
            out: *mut $T,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (a, b) = unsafe { (described("a", a)?, described("b", b)?) };
                // SAFETY: the caller's promise.
                let out = unsafe { matrix_mut("out", out, a.rows(), b.cols()) }?;
                Ok(sparse::times_panels(level(level_number)?, a, b, add, out)?)
            })
        }

        /// Z <- Z + alpha M^T U: U of depth 1 with its columns, M as many rows as U, Z as many rows as M has columns, and
        /// as many columns as U.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($spread), "(0, 1, &u, &columns, &m, z, scratch, subquad_spread_scratch_len(u.support.starts[u.support.rows]), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $spread(
            level_number: u8,
            alpha: $T,
            u: *const $sparse,
            u_columns: *const subquad_columns,
            m: *const $panels,
            z: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (u, u_columns, m) = unsafe { (described("u", u)?, columns("u_columns", u_columns)?, described("m", m)?) };
                // SAFETY: the caller's promise.
                let (z, scratch) = unsafe { (matrix_mut("z", z, m.cols(), u_columns.cols())?, slice_mut("scratch", scratch, scratch_len)?) };
                Ok(sparse::spread(level(level_number)?, alpha, u, u_columns, m, z, scratch)?)
            })
        }

        /// `Out[a][b] += sum_c <A_c[a], B_c[b]>`, the inner products of the rows of two stacks, each with its columns; with
        /// `symmetric` they are the same, and only what stands on and below the diagonal is written.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($overlap), "(0, &h, &columns, &h, &columns, true, out, scratch, subquad_overlap_scratch_len(1, n, n), &error); // H H^T\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $overlap(
            level_number: u8,
            a: *const $sparse,
            a_columns: *const subquad_columns,
            b: *const $sparse,
            b_columns: *const subquad_columns,
            symmetric: bool,
            out: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let a = unsafe { (described("a", a)?, columns("a_columns", a_columns)?) };
                // SAFETY: the caller's promise.
                let b = unsafe { (described("b", b)?, columns("b_columns", b_columns)?) };
                // SAFETY: the caller's promise.
                let (out, scratch) = unsafe { (matrix_mut("out", out, a.0.rows(), b.0.rows())?, slice_mut("scratch", scratch, scratch_len)?) };
                Ok(sparse::overlap(level(level_number)?, a, b, symmetric, out, scratch)?)
            })
        }
    };
}

sparse! { f32; subquad_sparse_f32 subquad_panels_f32 subquad_pack_f32 subquad_times_panels_f32 subquad_spread_f32 subquad_overlap_f32 }
sparse! { f64; subquad_sparse_f64 subquad_panels_f64 subquad_pack_f64 subquad_times_panels_f64 subquad_spread_f64 subquad_overlap_f64 }
