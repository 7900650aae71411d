//! Trees of maxima: a tree over the neurons' values for each of n samples that stay.

use core::ffi::c_int;

use super::halfspace::{change, hits};
use super::{guard, level, matrix, one_mut, slice, slice_mut, subquad_error};
use crate::MatRef;
use crate::halfspace::{Check, MaxTree, Watcher};

macro_rules! max_tree {
    ($T:ty; $len:ident $scratch_len:ident $build:ident $query:ident $query_from:ident $update:ident $replace:ident $seal:ident
        $verify:ident $shape:ident) => {
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

        /// As the query, for `count` of the samples: `first` and those after it.
        #[cfg_attr(doc, doc = concat!("\n```c\n// sample 3 alone\n", stringify!($query_from), "(0, bytes, bytes_len, false, 3, 1, 1, 100, &count, indices, NULL, scratch, scratch_len, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $query_from(
            level_number: u8,
            bytes: *const u8,
            bytes_len: usize,
            check: bool,
            first: usize,
            count: usize,
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
                let mut hits = unsafe { hits(count, room, counts, indices, values) }?;
                let trees = MaxTree::<_, $T>::open(bytes, if check { Check::Everything } else { Check::Header })?;
                let w = MatRef::with_strides(&[0.0], trees.neurons(), trees.dim(), 0, 0)?;
                Ok(trees.query_from(level(level_number)?, w, first, threshold, &mut hits, scratch)?)
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

        /// Writes the checksum of the trees anew, after changes that did not.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($seal), "(bytes, bytes_len, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $seal(bytes: *mut u8, bytes_len: usize, error: *mut subquad_error) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let bytes = unsafe { slice_mut("bytes", bytes, bytes_len) }?;
                change(MaxTree::<_, $T>::open(bytes, Check::Header)?, true, |_| Ok(()))
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

        /// Of trees that were stored: m neurons of d numbers, n samples. `check`: read all bytes and compare their checksum.
        #[cfg_attr(doc, doc = concat!("\n```c\nsize_t m, d, n;\n", stringify!($shape), "(bytes, bytes_len, true, &m, &d, &n, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $shape(
            bytes: *const u8,
            bytes_len: usize,
            check: bool,
            m: *mut usize,
            d: *mut usize,
            n: *mut usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (bytes, m, d, n) = unsafe { (slice("bytes", bytes, bytes_len)?, one_mut("m", m)?, one_mut("d", d)?, one_mut("n", n)?) };
                let trees = MaxTree::<_, $T>::open(bytes, if check { Check::Everything } else { Check::Header })?;
                (*m, *d, *n) = (trees.neurons(), trees.dim(), trees.samples());
                Ok(())
            })
        }
    };
}

max_tree! { f32; subquad_max_tree_len_f32 subquad_max_tree_scratch_len_f32 subquad_max_tree_build_f32 subquad_max_tree_query_f32
subquad_max_tree_query_from_f32 subquad_max_tree_update_f32 subquad_max_tree_replace_f32 subquad_max_tree_seal_f32 subquad_max_tree_verify_f32
subquad_max_tree_shape_f32 }
max_tree! { f64; subquad_max_tree_len_f64 subquad_max_tree_scratch_len_f64 subquad_max_tree_build_f64 subquad_max_tree_query_f64
subquad_max_tree_query_from_f64 subquad_max_tree_update_f64 subquad_max_tree_replace_f64 subquad_max_tree_seal_f64 subquad_max_tree_verify_f64
subquad_max_tree_shape_f64 }
