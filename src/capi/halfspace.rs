//! Half-space reporting: a scan, and four kinds of index in the caller's bytes.

use core::ffi::c_int;

use super::{Failure, guard, level, matrix, one_mut, slice, slice_mut, subquad_error};
use crate::halfspace::{BallTree, Check, Hits, Moving, Packed, Reporter, Rotated, Screened, scan, scan_scratch_len};
use crate::{Error, Figure, Float, Level};

/// The kinds of index.
#[derive(Clone, Copy)]
enum Kind {
    Packed,
    Screened,
    BallTree,
    Rotated,
}

fn kind(number: u32) -> Result<Kind, Failure> {
    match number {
        1 => Ok(Kind::Packed),
        2 => Ok(Kind::Screened),
        4 => Ok(Kind::BallTree),
        6 => Ok(Kind::Rotated),
        _ => {
            let expected = "1 (packed), 2 (screened), 4 (ball tree) or 6 (rotated)";
            Err(Error::value("kind of index", expected, Figure::Count(number as usize)).into())
        }
    }
}

/// Scratch of a scan of m neurons of d numbers.
#[cfg_attr(doc, doc = "\n```c\nfloat *scratch = malloc(subquad_scan_scratch_len(d, m) * sizeof(float));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_scan_scratch_len(d: usize, m: usize) -> usize {
    scan_scratch_len(d, m)
}

macro_rules! by_kind {
    ($T:ty, $kind:expr, $Index:ident => $body:expr) => {
        match $kind {
            Kind::Packed => {
                type $Index<B> = Packed<B, $T>;
                $body
            }
            Kind::Screened => {
                type $Index<B> = Screened<B, $T>;
                $body
            }
            Kind::BallTree => {
                type $Index<B> = BallTree<B, $T>;
                $body
            }
            Kind::Rotated => {
                type $Index<B> = Rotated<B, $T>;
                $body
            }
        }
    };
}

macro_rules! halfspace {
    ($T:ty; $scan:ident $len:ident $query_len:ident $build_len:ident $build:ident $build_rotated:ident $query:ident
        $query_counting:ident $update:ident $seal:ident $verify:ident $shape:ident $seed:ident) => {
        /// Reports, for each row x of X (n x d), every row w of W (m x d) with <w, x> > threshold: `counts` (n) are the
        /// true counts, row i of `indices` (n x room) has the first `room` of them, ascending, and `values`, if not
        /// null, their values. With a room of 0 it only counts, and `indices` may be null; so do all queries.
        #[cfg_attr(doc, doc = concat!("\n```c\n// one query, room for 100 neurons, no values\n", stringify!($scan), "(0, m, d, 1, w, x, 1, 100, &count, indices, NULL, scratch, subquad_scan_scratch_len(d, m), &error);\nfor (uint32_t i = 0; i < count && i < 100; i++) printf(\"%u fires\\n\", indices[i]);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $scan(
            level_number: u8,
            m: usize,
            d: usize,
            n: usize,
            w: *const $T,
            x: *const $T,
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
                let (w, x, scratch) =
                    // SAFETY: the caller's promise.
                    unsafe { (matrix("w", w, m, d)?, matrix("x", x, n, d)?, slice_mut("scratch", scratch, scratch_len)?) };
                // SAFETY: the caller's promise.
                let mut hits = unsafe { hits(n, room, counts, indices, values) }?;
                Ok(scan(level(level_number)?, w, x, threshold, &mut hits, scratch)?)
            })
        }

        /// Bytes of an index over m neurons of d numbers; the largest number where there is no such kind. Kinds: 1
        /// packed, 2 screened, 4 ball tree, 6 rotated.
        #[cfg_attr(doc, doc = concat!("\n```c\nunsigned char *bytes = malloc(", stringify!($len), "(2, m, d)); // of a screened index\n```"))]
        #[unsafe(no_mangle)]
        pub extern "C" fn $len(kind_number: u32, m: usize, d: usize) -> usize {
            kind(kind_number).map_or(usize::MAX, |kind| by_kind!($T, kind, Index => Index::<&[u8]>::storage_len(m, d)))
        }

        /// Scratch of a query.
        #[cfg_attr(doc, doc = concat!("\n```c\nsize_t len = ", stringify!($query_len), "(2, m, d); // of a screened index\n```"))]
        #[unsafe(no_mangle)]
        pub extern "C" fn $query_len(kind_number: u32, m: usize, d: usize) -> usize {
            kind(kind_number).map_or(usize::MAX, |kind| by_kind!($T, kind, Index => Index::<&[u8]>::query_scratch_len(m, d)))
        }

        /// Scratch of building: 0 but for the ball tree.
        #[cfg_attr(doc, doc = concat!("\n```c\nsize_t len = ", stringify!($build_len), "(4, m, d); // of a ball tree\n```"))]
        #[unsafe(no_mangle)]
        pub extern "C" fn $build_len(kind_number: u32, m: usize, d: usize) -> usize {
            kind(kind_number).map_or(usize::MAX, |kind| match kind {
                Kind::BallTree => BallTree::<&[u8], $T>::build_scratch_len(m, d),
                Kind::Packed | Kind::Screened | Kind::Rotated => 0,
            })
        }

        /// Builds an index over W (m x d) into `bytes`, which begin at a multiple of 8. They may be stored, and used
        /// again anywhere. A rotated one is of seed 0.
        #[cfg_attr(doc, doc = concat!("\n```c\n// a screened index, which needs no scratch\n", stringify!($build), "(2, m, d, w, bytes, bytes_len, NULL, 0, &error);\nfwrite(bytes, 1, bytes_len, file);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $build(
            kind_number: u32,
            m: usize,
            d: usize,
            w: *const $T,
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
                match kind(kind_number)? {
                    Kind::Packed => Packed::build(w, bytes).map(|_| ())?,
                    Kind::Screened => Screened::build(w, bytes).map(|_| ())?,
                    Kind::BallTree => BallTree::build(w, bytes, scratch).map(|_| ())?,
                    Kind::Rotated => Rotated::build(Level::detect(), w, 0, bytes).map(|_| ())?,
                }
                Ok(())
            })
        }

        /// Builds a rotated index, of kind 6, with a seed of its own: as the function that builds any kind, and with the
        /// same bytes at every level. It needs no scratch.
        #[cfg_attr(doc, doc = concat!("\n```c\nsize_t bytes_len = ", stringify!($len), "(6, m, d);\n", stringify!($build_rotated), "(0, m, d, w, 42, bytes, bytes_len, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $build_rotated(
            level_number: u8,
            m: usize,
            d: usize,
            w: *const $T,
            seed: u64,
            bytes: *mut u8,
            bytes_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (w, bytes) = unsafe { (matrix("w", w, m, d)?, slice_mut("bytes", bytes, bytes_len)?) };
                Ok(Rotated::build(level(level_number)?, w, seed, bytes).map(|_| ())?)
            })
        }

        /// Answers n queries of d numbers from an index, as the scan does. `check`: read all bytes first and compare
        /// their checksum; without it damaged bytes may give wrong answers, and do no other harm.
        #[cfg_attr(doc, doc = concat!("\n```c\n// one query of a screened index, after a check of its bytes\n", stringify!($query), "(0, 2, bytes, bytes_len, true, 1, d, x, 1, 100, &count, indices, NULL, scratch, scratch_len, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $query(
            level_number: u8,
            kind_number: u32,
            bytes: *const u8,
            bytes_len: usize,
            check: bool,
            n: usize,
            d: usize,
            x: *const $T,
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
                let (bytes, x, scratch) =
                    // SAFETY: the caller's promise.
                    unsafe { (slice("bytes", bytes, bytes_len)?, matrix("x", x, n, d)?, slice_mut("scratch", scratch, scratch_len)?) };
                // SAFETY: the caller's promise.
                let mut hits = unsafe { hits(n, room, counts, indices, values) }?;
                let (level, check) = (level(level_number)?, if check { Check::Everything } else { Check::Header });
                by_kind!($T, kind(kind_number)?, Index => {
                    Ok(Index::open(bytes, check)?.query_batch(level, x, threshold, &mut hits, scratch)?)
                })
            })
        }

        /// Answers as the query does, from an index of bytes (kinds 2 and 6), and says how many pairs of a neuron and a
        /// query the bytes left open, of which the weights themselves had to be read.
        #[cfg_attr(doc, doc = concat!("\n```c\n// of a rotated index: what fires is counted and not listed\nuint64_t open;\n", stringify!($query_counting), "(0, 6, bytes, bytes_len, false, 1, d, x, 1, 0, &count, NULL, NULL, &open, scratch, scratch_len, &error);\nprintf(\"%.1f %% left open\\n\", 100. * open / m);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $query_counting(
            level_number: u8,
            kind_number: u32,
            bytes: *const u8,
            bytes_len: usize,
            check: bool,
            n: usize,
            d: usize,
            x: *const $T,
            threshold: $T,
            room: usize,
            counts: *mut u32,
            indices: *mut u32,
            values: *mut $T,
            open: *mut u64,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                let (bytes, x, scratch) =
                    // SAFETY: the caller's promise.
                    unsafe { (slice("bytes", bytes, bytes_len)?, matrix("x", x, n, d)?, slice_mut("scratch", scratch, scratch_len)?) };
                // SAFETY: the caller's promise.
                let (mut hits, open) = unsafe { (hits(n, room, counts, indices, values)?, one_mut("open", open)?) };
                let (level, check) = (level(level_number)?, if check { Check::Everything } else { Check::Header });
                *open = match kind(kind_number)? {
                    Kind::Screened => Screened::open(bytes, check)?.query_batch_counting(level, x, threshold, &mut hits, scratch)?,
                    Kind::Rotated => Rotated::open(bytes, check)?.query_batch_counting(level, x, threshold, &mut hits, scratch)?,
                    Kind::Packed | Kind::BallTree => {
                        return Err(Error::value("kind of index that counts", "2 (screened) or 6 (rotated)", Figure::Count(kind_number as usize)).into());
                    }
                };
                Ok(())
            })
        }

        /// Neuron r has moved to `row`, d numbers; the index's checksum is written anew if `seal`, which reads all bytes.
        #[cfg_attr(doc, doc = concat!("\n```c\n// neuron 7 of a packed index has moved; more will, so the checksum can wait\n", stringify!($update), "(1, bytes, bytes_len, 7, row, d, false, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $update(
            kind_number: u32,
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
                by_kind!($T, kind(kind_number)?, Index => {
                    change(Index::open(bytes, Check::Header)?, seal, |index| index.update(Level::detect(), r, row))
                })
            })
        }

        /// Writes the checksum of an index anew, after changes that did not.
        #[cfg_attr(doc, doc = concat!("\n```c\nfor (size_t r = 0; r < m; r++) ", stringify!($update), "(1, bytes, bytes_len, r, w + r * d, d, false, &error);\n", stringify!($seal), "(1, bytes, bytes_len, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $seal(kind_number: u32, bytes: *mut u8, bytes_len: usize, error: *mut subquad_error) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let bytes = unsafe { slice_mut("bytes", bytes, bytes_len) }?;
                by_kind!($T, kind(kind_number)?, Index => change(Index::open(bytes, Check::Header)?, true, |_| Ok(())))
            })
        }

        /// Whether this is a sound index over exactly these weights, W m x d.
        #[cfg_attr(doc, doc = concat!("\n```c\nif (", stringify!($verify), "(1, bytes, bytes_len, m, d, w, &error) != SUBQUAD_OK) puts(error.message);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $verify(
            kind_number: u32,
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
                by_kind!($T, kind(kind_number)?, Index => Ok(Index::open(bytes, Check::Header)?.verify(w)?))
            })
        }

        /// Of an index that was stored: m neurons of d numbers. `check`: read all bytes and compare their checksum.
        #[cfg_attr(doc, doc = concat!("\n```c\nsize_t m, d;\nif (", stringify!($shape), "(1, bytes, bytes_len, true, &m, &d, &error) != SUBQUAD_OK) puts(error.message); // damaged, or of another kind\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $shape(
            kind_number: u32,
            bytes: *const u8,
            bytes_len: usize,
            check: bool,
            m: *mut usize,
            d: *mut usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (bytes, m, d) = unsafe { (slice("bytes", bytes, bytes_len)?, one_mut("m", m)?, one_mut("d", d)?) };
                let check = if check { Check::Everything } else { Check::Header };
                (*m, *d) = by_kind!($T, kind(kind_number)?, Index => {
                    let index = Index::open(bytes, check)?;
                    (index.neurons(), index.dim())
                });
                Ok(())
            })
        }

        /// The seed of a rotated index.
        #[cfg_attr(doc, doc = concat!("\n```c\nuint64_t seed;\n", stringify!($seed), "(bytes, bytes_len, &seed, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $seed(bytes: *const u8, bytes_len: usize, seed: *mut u64, error: *mut subquad_error) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (bytes, seed) = unsafe { (slice("bytes", bytes, bytes_len)?, one_mut("seed", seed)?) };
                *seed = Rotated::<_, $T>::open(bytes, Check::Header)?.seed();
                Ok(())
            })
        }
    };
}

halfspace! { f32; subquad_scan_f32 subquad_index_len_f32 subquad_query_scratch_len_f32 subquad_build_scratch_len_f32 subquad_build_f32
subquad_build_rotated_f32 subquad_query_f32 subquad_query_counting_f32 subquad_update_f32 subquad_seal_f32 subquad_verify_f32
subquad_index_shape_f32 subquad_rotated_seed_f32 }
halfspace! { f64; subquad_scan_f64 subquad_index_len_f64 subquad_query_scratch_len_f64 subquad_build_scratch_len_f64 subquad_build_f64
subquad_build_rotated_f64 subquad_query_f64 subquad_query_counting_f64 subquad_update_f64 subquad_seal_f64 subquad_verify_f64
subquad_index_shape_f64 subquad_rotated_seed_f64 }

/// Changes an index, and writes its checksum anew if asked to.
pub(super) fn change<T: Float, I: Moving<T>, R>(
    mut index: I,
    seal: bool,
    by: impl FnOnce(&mut I) -> Result<R, Error>,
) -> Result<R, Failure> {
    let done = by(&mut index)?;
    if seal {
        index.seal();
    }
    Ok(done)
}

/// Where answers go.
///
/// # Safety
/// As `slice_mut`, for n counts, n x room indices, and as many values, if they are not null.
pub(super) unsafe fn hits<'a, T>(
    n: usize,
    room: usize,
    counts: *mut u32,
    indices: *mut u32,
    values: *mut T,
) -> Result<Hits<'a, T>, Failure> {
    let all = super::area("indices: queries x room", n, room)?;
    // SAFETY: the caller's promise.
    let hits = unsafe { Hits::new(slice_mut("counts", counts, n)?, slice_mut("indices", indices, all)?, room)? };
    if values.is_null() {
        return Ok(hits);
    }
    // SAFETY: the caller's promise.
    Ok(hits.with_values(unsafe { slice_mut("values", values, all) }?)?)
}
