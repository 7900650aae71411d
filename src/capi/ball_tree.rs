//! Ball trees: neurons that come and go, and the tree's rearrangement. Their queries are those of any index, of kind 4.

use core::ffi::c_int;

use super::halfspace::change;
use super::{guard, matrix, slice, slice_mut, subquad_error};
use crate::Level;
use crate::halfspace::{BallTree, Check};

macro_rules! ball_tree {
    ($T:ty; $build_with_room:ident $insert:ident $delete:ident $contains:ident $present:ident $moved:ident $is_worn:ident
        $rebalance_len:ident $rebalance:ident) => {
        /// Builds a ball tree over W (m x d) with room for `most` neurons: those from m on are not there yet, and can be
        /// inserted. Lengths of bytes and scratch are those of `most` neurons, and so are the rows that verifying wants, of
        /// which those that are not there may be anything.
        #[cfg_attr(doc, doc = concat!("\n```c\n// nobody is there at first, a hundred may come\nsize_t len = subquad_index_len_", stringify!($T), "(4, 100, d), room = subquad_build_scratch_len_", stringify!($T), "(4, 100, d);\n", stringify!($build_with_room), "(0, d, NULL, 100, bytes, len, scratch, room, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $build_with_room(
            m: usize,
            d: usize,
            w: *const $T,
            most: usize,
            bytes: *mut u8,
            bytes_len: usize,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                let (w, bytes, scratch) =
                    // SAFETY: the caller's promise.
                    unsafe { (matrix("w", w, m, d)?, slice_mut("bytes", bytes, bytes_len)?, slice_mut("scratch", scratch, scratch_len)?) };
                Ok(BallTree::build_with_room(w, most, bytes, scratch).map(|_| ())?)
            })
        }

        /// Neuron r, which is not in the ball tree, comes, as `row`, d numbers; the checksum is written anew if `seal`.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($insert), "(bytes, bytes_len, 42, row, d, true, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $insert(
            bytes: *mut u8,
            bytes_len: usize,
            r: usize,
            row: *const $T,
            d: usize,
            seal: bool,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (bytes, row) = unsafe { (slice_mut("bytes", bytes, bytes_len)?, slice("row", row, d)?) };
                change(BallTree::<_, $T>::open(bytes, Check::Header)?, seal, |tree| tree.insert(Level::detect(), r, row))
            })
        }

        /// Neuron r leaves the ball tree; the checksum is written anew if `seal`.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($delete), "(bytes, bytes_len, 42, true, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $delete(bytes: *mut u8, bytes_len: usize, r: usize, seal: bool, error: *mut subquad_error) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let bytes = unsafe { slice_mut("bytes", bytes, bytes_len) }?;
                change(BallTree::<_, $T>::open(bytes, Check::Header)?, seal, |tree| tree.delete(r))
            })
        }

        /// Whether neuron r is in a ball tree; false for what is none.
        #[cfg_attr(doc, doc = concat!("\n```c\nif (!", stringify!($contains), "(bytes, bytes_len, 42)) ", stringify!($insert), "(bytes, bytes_len, 42, row, d, true, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $contains(bytes: *const u8, bytes_len: usize, r: usize) -> bool {
            // SAFETY: the caller's promise.
            let Ok(bytes) = (unsafe { slice("bytes", bytes, bytes_len) }) else { return false };
            BallTree::<_, $T>::open(bytes, Check::Header).is_ok_and(|tree| tree.contains(r))
        }

        /// Neurons that are in a ball tree; 0 for what is none.
        #[cfg_attr(doc, doc = concat!("\n```c\nprintf(\"%zu of %zu places are taken\\n\", ", stringify!($present), "(bytes, bytes_len), most);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $present(bytes: *const u8, bytes_len: usize) -> usize {
            // SAFETY: the caller's promise.
            let Ok(bytes) = (unsafe { slice("bytes", bytes, bytes_len) }) else { return 0 };
            BallTree::<_, $T>::open(bytes, Check::Header).map_or(0, |tree| tree.len())
        }

        /// Changes since a ball tree was built: neurons that moved, came or went; 0 for what is none.
        #[cfg_attr(doc, doc = concat!("\n```c\nuint64_t changes = ", stringify!($moved), "(bytes, bytes_len);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $moved(bytes: *const u8, bytes_len: usize) -> u64 {
            // SAFETY: the caller's promise.
            let Ok(bytes) = (unsafe { slice("bytes", bytes, bytes_len) }) else { return 0 };
            BallTree::<_, $T>::open(bytes, Check::Header).map_or(0, |tree| tree.moved())
        }

        /// Whether so much has moved in a ball tree that its balls are worth rearranging; false for what is none.
        #[cfg_attr(doc, doc = concat!("\n```c\nif (", stringify!($is_worn), "(bytes, bytes_len)) ", stringify!($rebalance), "(bytes, bytes_len, true, scratch, scratch_len, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $is_worn(bytes: *const u8, bytes_len: usize) -> bool {
            // SAFETY: the caller's promise.
            let Ok(bytes) = (unsafe { slice("bytes", bytes, bytes_len) }) else { return false };
            BallTree::<_, $T>::open(bytes, Check::Header).is_ok_and(|tree| tree.is_worn())
        }

        /// Scratch of rearranging a ball tree.
        #[cfg_attr(doc, doc = concat!("\n```c\nsize_t len = ", stringify!($rebalance_len), "(m, d);\n```"))]
        #[unsafe(no_mangle)]
        pub extern "C" fn $rebalance_len(m: usize, d: usize) -> usize {
            BallTree::<&[u8], $T>::rebalance_scratch_len(m, d)
        }

        /// Rearranges a ball tree for the neurons as they are now; the checksum is written anew if `seal`.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($rebalance), "(bytes, bytes_len, true, scratch, ", stringify!($rebalance_len), "(m, d), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $rebalance(
            bytes: *mut u8,
            bytes_len: usize,
            seal: bool,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (bytes, scratch) = unsafe { (slice_mut("bytes", bytes, bytes_len)?, slice_mut("scratch", scratch, scratch_len)?) };
                change(BallTree::<_, $T>::open(bytes, Check::Header)?, seal, |tree| tree.rebalance(scratch))
            })
        }
    };
}

ball_tree! { f32; subquad_build_with_room_f32 subquad_insert_f32 subquad_delete_f32 subquad_contains_f32 subquad_present_f32 subquad_moved_f32
subquad_is_worn_f32 subquad_rebalance_scratch_len_f32 subquad_rebalance_f32 }
ball_tree! { f64; subquad_build_with_room_f64 subquad_insert_f64 subquad_delete_f64 subquad_contains_f64 subquad_present_f64 subquad_moved_f64
subquad_is_worn_f64 subquad_rebalance_scratch_len_f64 subquad_rebalance_f64 }
