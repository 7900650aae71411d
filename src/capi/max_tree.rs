//! Trees of maxima: a tree over the neurons' values for each of n samples that stay.

use core::ffi::c_int;

use super::halfspace::{change, hits};
use super::{guard, level, matrix, slice, slice_mut, subquad_error};
use crate::MatRef;
use crate::halfspace::{Check, MaxTree, Watcher};

macro_rules! max_tree {
    ($T:ty; $len:ident $scratch_len:ident $build:ident $query:ident $update:ident $replace:ident $verify:ident) => {
        /// Bytes of the trees of m neurons of d numbers over n samples.
        #[cfg_attr(doc, doc = concat!("\n```c\nunsigned char *bytes = malloc(", stringify!($len), "(m, d, n));\n```"))]
        #[unsafe(no_mangle)]
        pub extern "C" fn $len(m: usize, d: usize, n: usize) -> usize {
            MaxTree::<&[u8], $T>::storage_len(m, d, n)
        }

        /// Scratch of all functions of the trees.
        #[cfg_attr(doc, doc = concat!("\n```c\nsize_t len = ", stringify!($scratch_len), "(m, d);\n```"))]
        #[unsafe(no_mangle)]
        pub extern "C" fn $scratch_len(m: usize, d: usize) -> usize {
            MaxTree::<&[u8], $T>::build_scratch_len(m, d).max(MaxTree::<&[u8], $T>::query_scratch_len(m, d))
        }

        /// Builds the trees over W (m x d) for the rows of X (n x d) into `bytes`, which begin at a multiple of 8.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($build), "(0, m, d, n, w, x, bytes, bytes_len, scratch, ", stringify!($scratch_len), "(m, d), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $build(
            level_number: u8,
            m: usize,
            d: usize,
            n: usize,
            w: *const $T,
            x: *const $T,
            bytes: *mut u8,
            bytes_len: usize,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (w, x) = unsafe { (matrix("w", w, m, d)?, matrix("x", x, n, d)?) };
                // SAFETY: the caller's promise.
                let (bytes, scratch) = unsafe { (slice_mut("bytes", bytes, bytes_len)?, slice_mut("scratch", scratch, scratch_len)?) };
                Ok(MaxTree::build(level(level_number)?, w, x, bytes, scratch).map(|_| ())?)
            })
        }

        /// Reports, for each of the n samples, the neurons whose value exceeds the threshold: as subquad_scan does.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($query), "(0, bytes, bytes_len, true, n, 1, 100, counts, indices, NULL, scratch, scratch_len, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $query(
            level_number: u8,
            bytes: *const u8,
            bytes_len: usize,
            check: bool,
            n: usize,
            threshold: $T,
            room: usize,
            counts: *mut u32,
            indices: *mut u32,
            values: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (bytes, scratch) = unsafe { (slice("bytes", bytes, bytes_len)?, slice_mut("scratch", scratch, scratch_len)?) };
                // SAFETY: the caller's promise.
                let mut hits = unsafe { hits(n, room, counts, indices, values) }?;
                let trees = MaxTree::<_, $T>::open(bytes, if check { Check::Everything } else { Check::Header })?;
                // Of the weights the trees ask the shape alone.
                let w = MatRef::with_strides(&[0.0], trees.neurons(), trees.dim(), 0, 0)?;
                Ok(trees.query_batch(level(level_number)?, w, threshold, &mut hits, scratch)?)
            })
        }

        /// The `count` neurons of a list have moved: `rows`, count x d, are theirs as they are now. The checksum is written
        /// anew if `seal`.
        #[cfg_attr(doc, doc = concat!("\n```c\nuint32_t moved[] = {3, 7};\n", stringify!($update), "(0, bytes, bytes_len, moved, 2, d, rows, true, scratch, scratch_len, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $update(
            level_number: u8,
            bytes: *mut u8,
            bytes_len: usize,
            neurons: *const u32,
            count: usize,
            d: usize,
            rows: *const $T,
            seal: bool,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (bytes, neurons) = unsafe { (slice_mut("bytes", bytes, bytes_len)?, slice("neurons", neurons, count)?) };
                // SAFETY: the caller's promise.
                let (rows, scratch) = unsafe { (matrix("rows", rows, count, d)?, slice_mut("scratch", scratch, scratch_len)?) };
                let level = level(level_number)?;
                change(MaxTree::<_, $T>::open(bytes, Check::Header)?, seal, |trees| trees.update_batch(level, neurons, rows, scratch))
            })
        }

        /// Sample i is `point` from now on, d numbers; W is m x d, as it is now.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($replace), "(0, bytes, bytes_len, 0, point, m, d, w, true, scratch, scratch_len, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $replace(
            level_number: u8,
            bytes: *mut u8,
            bytes_len: usize,
            i: usize,
            point: *const $T,
            m: usize,
            d: usize,
            w: *const $T,
            seal: bool,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (bytes, point) = unsafe { (slice_mut("bytes", bytes, bytes_len)?, slice("point", point, d)?) };
                // SAFETY: the caller's promise.
                let (w, scratch) = unsafe { (matrix("w", w, m, d)?, slice_mut("scratch", scratch, scratch_len)?) };
                let level = level(level_number)?;
                change(MaxTree::<_, $T>::open(bytes, Check::Header)?, seal, |trees| trees.replace(level, i, point, w, scratch))
            })
        }

        /// Whether these are sound trees over exactly these weights, W m x d.
        #[cfg_attr(doc, doc = concat!("\n```c\nif (", stringify!($verify), "(0, bytes, bytes_len, m, d, w, scratch, scratch_len, &error) != SUBQUAD_OK) puts(error.message);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $verify(
            level_number: u8,
            bytes: *const u8,
            bytes_len: usize,
            m: usize,
            d: usize,
            w: *const $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                let (bytes, w, scratch) =
                    // SAFETY: the caller's promise.
                    unsafe { (slice("bytes", bytes, bytes_len)?, matrix("w", w, m, d)?, slice_mut("scratch", scratch, scratch_len)?) };
                Ok(MaxTree::<_, $T>::open(bytes, Check::Header)?.verify(level(level_number)?, w, scratch)?)
            })
        }
    };
}

max_tree! { f32; subquad_max_tree_len_f32 subquad_max_tree_scratch_len_f32 subquad_max_tree_build_f32 subquad_max_tree_query_f32
subquad_max_tree_update_f32 subquad_max_tree_replace_f32 subquad_max_tree_verify_f32 }
max_tree! { f64; subquad_max_tree_len_f64 subquad_max_tree_scratch_len_f64 subquad_max_tree_build_f64 subquad_max_tree_query_f64
subquad_max_tree_update_f64 subquad_max_tree_replace_f64 subquad_max_tree_verify_f64 }
