//! Sums of sparse terms of rank one: what training adds to a wide layer.

use core::ffi::c_int;

use super::sparse::{columns, described, panels_mut, support};
use super::{
    Failure, area, guard, level, matrix_mut, slice_mut, subquad_columns, subquad_error, subquad_sparse_f32, subquad_sparse_f64,
    subquad_support,
};
use crate::low_rank::{Flush, Situation, Update, cheapest};

/// What is cheapest to do with an update of so many samples, for so many passes to come: 0 to leave it apart, 1 to fold it in where it
/// is not zero, 2 to fold it in as a dense product. `fired` is the share of the layer's `width` neurons that fires.
#[cfg_attr(doc, doc = "\n```c\nassert(subquad_low_rank_cheapest(256, 10, 4096, 0.034, 40) == 1);\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_low_rank_cheapest(samples: usize, outputs: usize, width: usize, fired: f64, passes: usize) -> u32 {
    match cheapest(Situation { samples, outputs, width, fired, passes }) {
        Flush::Never => 0,
        Flush::Sparse => 1,
        Flush::Dense => 2,
    }
}

macro_rules! low_rank {
    ($T:ty; $sparse:ident $update:ident $read:ident $query_len:ident $query:ident $transposed_len:ident $transposed:ident $fold_sparse:ident
        $fold_dense_len:ident $fold_dense:ident) => {
        /// sum_f u_f v_f^T: rows of U (rank x outputs) and of V (rank x inputs), both of depth 1, with their columns.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($update), " update = {u, u_columns, v, v_columns};\n```"))]
        #[repr(C)]
        #[derive(Clone, Copy)]
        pub struct $update {
            /// U
            pub u: $sparse,
            /// The columns of U.
            pub u_columns: subquad_columns,
            /// V
            pub v: $sparse,
            /// The columns of V.
            pub v_columns: subquad_columns,
        }

        /// # Safety
        /// As `slice`, for the description and everything that it points to.
        unsafe fn $read<'a>(at: *const $update) -> Result<Update<'a, $T>, Failure> {
            // SAFETY: the caller's promise.
            unsafe {
                let at: &$update = super::one("update", at)?;
                let u = (described("u", &at.u)?, columns("u_columns", &at.u_columns)?);
                let v = (described("v", &at.v)?, columns("v_columns", &at.v_columns)?);
                Ok(Update::new(u, v)?)
            }
        }

        /// Scratch of a query of n rows; 0 for an update that is none.
        #[cfg_attr(doc, doc = concat!("\n```c\nsize_t len = ", stringify!($query_len), "(&update, n);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $query_len(update: *const $update, n: usize) -> usize {
            // SAFETY: the caller's promise.
            unsafe { $read(update) }.map_or(0, |update| update.query_scratch_len(n))
        }

        /// Z <- Z + alpha X V U^T, what the update adds to X W^T: X n x inputs of depth 1 with its columns, Z n x outputs.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($query), "(0, &update, 1, &x, &x_columns, z, scratch, ", stringify!($query_len), "(&update, n), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $query(
            level_number: u8,
            update: *const $update,
            alpha: $T,
            x: *const $sparse,
            x_columns: *const subquad_columns,
            z: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (update, x, x_columns) = unsafe { ($read(update)?, described("x", x)?, columns("x_columns", x_columns)?) };
                // SAFETY: the caller's promise.
                let z = unsafe { matrix_mut("z", z, x.rows(), update.left().support().cols()) }?;
                // SAFETY: the caller's promise.
                let scratch = unsafe { slice_mut("scratch", scratch, scratch_len) }?;
                Ok(update.query(level(level_number)?, alpha, (x, x_columns), z, scratch)?)
            })
        }

        /// Scratch of a transposed query with `depth` outputs of the network; 0 for an update that is none.
        #[cfg_attr(doc, doc = concat!("\n```c\nsize_t len = ", stringify!($transposed_len), "(&update, depth);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $transposed_len(update: *const $update, depth: usize) -> usize {
            // SAFETY: the caller's promise.
            unsafe { $read(update) }.map_or(0, |update| update.transposed_query_scratch_len(depth))
        }

        /// `e[i][c][j] += sum_f v_f[j] <u_f, g_(i, c)>` for the inputs j in row i of `below`, what the update adds to W^T g:
        /// g of any depth, e in the order of a stack of that depth over `below`.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($transposed), "(0, &update, &g, &below, e, scratch, ", stringify!($transposed_len), "(&update, g.depth), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $transposed(
            level_number: u8,
            update: *const $update,
            g: *const $sparse,
            below: *const subquad_support,
            e: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (update, g) = unsafe { ($read(update)?, described("g", g)?) };
                // SAFETY: the caller's promise.
                let below = unsafe { support("below", below) }?;
                // SAFETY: the caller's promise.
                let (e, scratch) = unsafe { (slice_mut("e", e, area("e", g.depth(), below.len())?)?, slice_mut("scratch", scratch, scratch_len)?) };
                Ok(update.transposed_query(level(level_number)?, g, below, e, scratch)?)
            })
        }

        /// Adds the update, entry by entry, to W^T (inputs x outputs), packed into panels.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($fold_sparse), "(&update, inputs, outputs, panels, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $fold_sparse(
            update: *const $update,
            inputs: usize,
            outputs: usize,
            w: *mut $T,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (update, mut w) = unsafe { ($read(update)?, panels_mut("w", w, inputs, outputs)?) };
                Ok(update.fold_sparse(&mut w)?)
            })
        }

        /// Scratch of adding the update densely; 0 for one that is none.
        #[cfg_attr(doc, doc = concat!("\n```c\nsize_t len = ", stringify!($fold_dense_len), "(&update);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $fold_dense_len(update: *const $update) -> usize {
            // SAFETY: the caller's promise.
            unsafe { $read(update) }.map_or(0, |update| update.fold_dense_scratch_len())
        }

        /// Adds the update, by matrix products, to W^T (inputs x outputs), packed into panels.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($fold_dense), "(0, &update, inputs, outputs, panels, scratch, ", stringify!($fold_dense_len), "(&update), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $fold_dense(
            level_number: u8,
            update: *const $update,
            inputs: usize,
            outputs: usize,
            w: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (update, mut w) = unsafe { ($read(update)?, panels_mut("w", w, inputs, outputs)?) };
                // SAFETY: the caller's promise.
                let scratch = unsafe { slice_mut("scratch", scratch, scratch_len) }?;
                Ok(update.fold_dense(level(level_number)?, &mut w, scratch)?)
            })
        }
    };
}

low_rank! { f32; subquad_sparse_f32 subquad_low_rank_f32 read_f32 subquad_low_rank_query_scratch_len_f32 subquad_low_rank_query_f32
subquad_low_rank_transposed_scratch_len_f32 subquad_low_rank_transposed_f32 subquad_low_rank_fold_sparse_f32
subquad_low_rank_fold_dense_scratch_len_f32 subquad_low_rank_fold_dense_f32 }
low_rank! { f64; subquad_sparse_f64 subquad_low_rank_f64 read_f64 subquad_low_rank_query_scratch_len_f64 subquad_low_rank_query_f64
subquad_low_rank_transposed_scratch_len_f64 subquad_low_rank_transposed_f64 subquad_low_rank_fold_sparse_f64
subquad_low_rank_fold_dense_scratch_len_f64 subquad_low_rank_fold_dense_f64 }
