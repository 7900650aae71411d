//! Candidate lists: for each of n samples that stay, the neurons that may fire while none moves farther than a skin.

use core::ffi::c_int;

use super::halfspace::{change, hits};
use super::{guard, level, matrix, one_mut, slice, slice_mut, subquad_error};
use crate::Level;
use crate::halfspace::{Candidates, Check, Watcher};

/// How candidate lists stand.
#[cfg_attr(
    doc,
    doc = "\n```c\nsubquad_candidates state;\nsubquad_candidates_state_f32(bytes, bytes_len, true, &state, &error);\nprintf(\"%zu samples, at most %zu candidates\\n\", state.n, state.most);\n```"
)]
#[repr(C)]
pub struct subquad_candidates {
    /// Neurons.
    pub m: usize,
    /// Their numbers.
    pub d: usize,
    /// Samples.
    pub n: usize,
    /// The skin.
    pub rho: f64,
    /// Neurons that have moved farther than that, and are looked at on every sample.
    pub hot: usize,
    /// How often the lists were built anew.
    pub rebuilds: u64,
    /// The largest number of candidates of a sample, whether or not there was room for them.
    pub most: usize,
}

macro_rules! candidates {
    ($T:ty; $len:ident $scratch_len:ident $build:ident $query:ident $query_from:ident $update:ident $update_all:ident $advance:ident
        $rebuild:ident $seal:ident $verify:ident $state:ident) => {
        /// Bytes of the lists of n samples over m neurons of d numbers, with room for so many candidates each.
        #[cfg_attr(doc, doc = concat!("\n```c\nunsigned char *bytes = malloc(", stringify!($len), "(m, d, n, m / 10));\n```"))]
        #[unsafe(no_mangle)]
        pub extern "C" fn $len(m: usize, d: usize, n: usize, room: usize) -> usize {
            Candidates::<&[u8], $T>::storage_len(m, d, n, room)
        }

        /// Scratch of all functions of the lists; those that take none need none.
        #[cfg_attr(doc, doc = concat!("\n```c\nsize_t len = ", stringify!($scratch_len), "(m, d, n);\n```"))]
        #[unsafe(no_mangle)]
        pub extern "C" fn $scratch_len(m: usize, d: usize, n: usize) -> usize {
            Candidates::<&[u8], $T>::build_scratch_len(m, d, n)
        }

        /// Builds the lists for the rows of X (n x d) and a threshold over W (m x d) into `bytes`, which begin at a
        /// multiple of 8: with a skin of rho, and room for so many candidates of a sample (one that has more is scanned).
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($build), "(0, m, d, n, w, x, 1, 0.1, room, bytes, bytes_len, scratch, ", stringify!($scratch_len), "(m, d, n), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $build(
            level_number: u8,
            m: usize,
            d: usize,
            n: usize,
            w: *const $T,
            x: *const $T,
            threshold: $T,
            rho: f64,
            room: usize,
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
                Ok(Candidates::build(level(level_number)?, w, x, threshold, rho, room, bytes, scratch).map(|_| ())?)
            })
        }

        /// Reports, for each of the n samples, the neurons that fire: as subquad_scan does. W, m x d, are the weights as
        /// they are now, after the lists were told of them; the threshold is at least that of the lists.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($query), "(0, bytes, bytes_len, false, m, d, w, n, 1, 100, counts, indices, NULL, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $query(
            level_number: u8,
            bytes: *const u8,
            bytes_len: usize,
            check: bool,
            m: usize,
            d: usize,
            w: *const $T,
            n: usize,
            threshold: $T,
            room: usize,
            counts: *mut u32,
            indices: *mut u32,
            values: *mut $T,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (bytes, w) = unsafe { (slice("bytes", bytes, bytes_len)?, matrix("w", w, m, d)?) };
                // SAFETY: the caller's promise.
                let mut hits = unsafe { hits(n, room, counts, indices, values) }?;
                let lists = Candidates::<_, $T>::open(bytes, if check { Check::Everything } else { Check::Header })?;
                Ok(lists.query_batch(level(level_number)?, w, threshold, &mut hits, &mut [])?)
            })
        }

        /// As the query, for `count` of the samples: `first` and those after it.
        #[cfg_attr(doc, doc = concat!("\n```c\n// sample 3 alone\n", stringify!($query_from), "(0, bytes, bytes_len, false, m, d, w, 3, 1, 1, 100, &count, indices, NULL, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $query_from(
            level_number: u8,
            bytes: *const u8,
            bytes_len: usize,
            check: bool,
            m: usize,
            d: usize,
            w: *const $T,
            first: usize,
            count: usize,
            threshold: $T,
            room: usize,
            counts: *mut u32,
            indices: *mut u32,
            values: *mut $T,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (bytes, w) = unsafe { (slice("bytes", bytes, bytes_len)?, matrix("w", w, m, d)?) };
                // SAFETY: the caller's promise.
                let mut hits = unsafe { hits(count, room, counts, indices, values) }?;
                let lists = Candidates::<_, $T>::open(bytes, if check { Check::Everything } else { Check::Header })?;
                Ok(lists.query_from(level(level_number)?, w, first, threshold, &mut hits, &mut [])?)
            })
        }

        /// Neuron r has moved to `row`, d numbers; the checksum is written anew if `seal`.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($update), "(bytes, bytes_len, 7, row, d, false, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $update(
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
                change(Candidates::<_, $T>::open(bytes, Check::Header)?, seal, |lists| lists.update(Level::detect(), r, row))
            })
        }

        /// The weights are W (m x d) now: measures how far each neuron has moved, and leaves the lists as they are.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($update_all), "(0, bytes, bytes_len, m, d, w, false, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $update_all(
            level_number: u8,
            bytes: *mut u8,
            bytes_len: usize,
            m: usize,
            d: usize,
            w: *const $T,
            seal: bool,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (bytes, w) = unsafe { (slice_mut("bytes", bytes, bytes_len)?, matrix("w", w, m, d)?) };
                let level = level(level_number)?;
                change(Candidates::<_, $T>::open(bytes, Check::Header)?, seal, |lists| lists.update_all(level, w))
            })
        }

        /// The weights are W (m x d) now: measures how far each neuron has moved, and builds the lists anew where too many
        /// have moved too far, which `rebuilt`, if not null, says.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($advance), "(0, bytes, bytes_len, m, d, w, false, NULL, scratch, scratch_len, &error); // once for each step of a training\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $advance(
            level_number: u8,
            bytes: *mut u8,
            bytes_len: usize,
            m: usize,
            d: usize,
            w: *const $T,
            seal: bool,
            rebuilt: *mut bool,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                let (bytes, w, scratch) =
                    // SAFETY: the caller's promise.
                    unsafe { (slice_mut("bytes", bytes, bytes_len)?, matrix("w", w, m, d)?, slice_mut("scratch", scratch, scratch_len)?) };
                let level = level(level_number)?;
                let anew = change(Candidates::<_, $T>::open(bytes, Check::Header)?, seal, |lists| lists.advance(level, w, scratch))?;
                if !rebuilt.is_null() {
                    // SAFETY: the caller's promise.
                    *unsafe { one_mut("rebuilt", rebuilt) }? = anew;
                }
                Ok(())
            })
        }

        /// Builds the lists anew, for W (m x d) as it is now, with a skin of rho.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($rebuild), "(0, bytes, bytes_len, m, d, w, 0.2, true, scratch, scratch_len, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $rebuild(
            level_number: u8,
            bytes: *mut u8,
            bytes_len: usize,
            m: usize,
            d: usize,
            w: *const $T,
            rho: f64,
            seal: bool,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                let (bytes, w, scratch) =
                    // SAFETY: the caller's promise.
                    unsafe { (slice_mut("bytes", bytes, bytes_len)?, matrix("w", w, m, d)?, slice_mut("scratch", scratch, scratch_len)?) };
                let level = level(level_number)?;
                change(Candidates::<_, $T>::open(bytes, Check::Header)?, seal, |lists| lists.rebuild(level, w, rho, scratch))
            })
        }

        /// Writes the checksum of the lists anew, after changes that did not.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($seal), "(bytes, bytes_len, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $seal(bytes: *mut u8, bytes_len: usize, error: *mut subquad_error) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let bytes = unsafe { slice_mut("bytes", bytes, bytes_len) }?;
                change(Candidates::<_, $T>::open(bytes, Check::Header)?, true, |_| Ok(()))
            })
        }

        /// Whether these are sound lists, which have been told of exactly these weights, W m x d.
        #[cfg_attr(doc, doc = concat!("\n```c\nif (", stringify!($verify), "(bytes, bytes_len, m, d, w, &error) != SUBQUAD_OK) puts(error.message);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $verify(
            bytes: *const u8,
            bytes_len: usize,
            m: usize,
            d: usize,
            w: *const $T,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (bytes, w) = unsafe { (slice("bytes", bytes, bytes_len)?, matrix("w", w, m, d)?) };
                Ok(Candidates::<_, $T>::open(bytes, Check::Header)?.verify(Level::detect(), w, &mut [])?)
            })
        }

        /// How lists stand. `check`: read all bytes first and compare their checksum.
        #[cfg_attr(doc, doc = concat!("\n```c\nsubquad_candidates state;\n", stringify!($state), "(bytes, bytes_len, false, &state, &error);\nif (state.hot > m / 20) ", stringify!($rebuild), "(0, bytes, bytes_len, m, d, w, state.rho, false, scratch, scratch_len, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $state(
            bytes: *const u8,
            bytes_len: usize,
            check: bool,
            to: *mut subquad_candidates,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (bytes, to) = unsafe { (slice("bytes", bytes, bytes_len)?, one_mut("to", to)?) };
                let lists = Candidates::<_, $T>::open(bytes, if check { Check::Everything } else { Check::Header })?;
                let (m, d, n, rho) = (lists.neurons(), lists.dim(), lists.samples(), lists.rho());
                *to = subquad_candidates { m, d, n, rho, hot: lists.hot(), rebuilds: lists.rebuilds(), most: lists.most_candidates() };
                Ok(())
            })
        }
    };
}

candidates! { f32; subquad_candidates_len_f32 subquad_candidates_scratch_len_f32 subquad_candidates_build_f32 subquad_candidates_query_f32
subquad_candidates_query_from_f32 subquad_candidates_update_f32 subquad_candidates_update_all_f32 subquad_candidates_advance_f32
subquad_candidates_rebuild_f32 subquad_candidates_seal_f32 subquad_candidates_verify_f32 subquad_candidates_state_f32 }
candidates! { f64; subquad_candidates_len_f64 subquad_candidates_scratch_len_f64 subquad_candidates_build_f64 subquad_candidates_query_f64
subquad_candidates_query_from_f64 subquad_candidates_update_f64 subquad_candidates_update_all_f64 subquad_candidates_advance_f64
subquad_candidates_rebuild_f64 subquad_candidates_seal_f64 subquad_candidates_verify_f64 subquad_candidates_state_f64 }
