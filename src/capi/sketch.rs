//! Sketches, and random numbers.

use core::ffi::c_int;

use super::{Failure, guard, level, matrix, matrix_mut, one_mut, slice, slice_mut, subquad_error};
use crate::random;
use crate::relu::{PatternRef, pattern};
use crate::sketch::{Factor, Srht, TensorSketch, TensorSrht, law};
use crate::{Error, Figure};

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

/// Scratch of a TensorSketch by `rows` numbers, a power of two; 0 where there is none.
#[cfg_attr(doc, doc = "\n```c\nassert(subquad_tensor_sketch_scratch_len(64) == 256);\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_tensor_sketch_scratch_len(rows: usize) -> usize {
    TensorSketch::new((1, 1), rows, 0).map_or(0, |sketch| sketch.scratch_len())
}

/// Scratch of the SRHT of a Jacobian of m neurons on d inputs; 0 where there is none.
#[cfg_attr(doc, doc = "\n```c\nassert(subquad_srht_jacobian_scratch_len(5, 100) == 512 + 5 + 100);\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_srht_jacobian_scratch_len(d: usize, m: usize) -> usize {
    Srht::new(d.saturating_mul(m), 1, 0).map_or(0, |sketch| sketch.jacobian_scratch_len(d, m))
}

/// Scratch of the TensorSRHT of a Jacobian of m neurons on d inputs; 0 where there is none.
#[cfg_attr(doc, doc = "\n```c\nassert(subquad_tensor_srht_jacobian_scratch_len(20, 1000) == 1024 + 32);\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_tensor_srht_jacobian_scratch_len(d: usize, m: usize) -> usize {
    subquad_tensor_srht_scratch_len(m, d)
}

/// Scratch of the TensorSketch, by `rows` numbers, of a Jacobian of m neurons on d inputs; 0 where there is none.
#[cfg_attr(doc, doc = "\n```c\nassert(subquad_tensor_sketch_jacobian_scratch_len(5, 100, 64) == 4 * 64 + 5 + 100);\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_tensor_sketch_jacobian_scratch_len(d: usize, m: usize, rows: usize) -> usize {
    TensorSketch::new((m, d), rows, 0).map_or(0, |sketch| sketch.jacobian_scratch_len())
}

/// Bounds of what a sketch of so many rows for each sample, more than 1, leaves of any spectrum: for subquad_fixed_step.
#[cfg_attr(doc, doc = "\n```c\ndouble low, high;\nsubquad_sketch_law(4, &low, &high, &error); // 4/9 and 4\n```")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subquad_sketch_law(rows_per_sample: f64, low: *mut f64, high: *mut f64, error: *mut subquad_error) -> c_int {
    guard(error, || {
        // SAFETY: the caller's promise.
        let (low, high) = unsafe { (one_mut("low", low)?, one_mut("high", high)?) };
        if rows_per_sample.is_nan() || rows_per_sample <= 1.0 {
            return Err(
                Error::limited("sketch: rows for each sample", "more than", Figure::Count(1), Figure::number(rows_per_sample)).into()
            );
        }
        let bounds = law(rows_per_sample);
        (*low, *high) = (bounds.low, bounds.high);
        Ok(())
    })
}

/// A factor of a tensor product: `count` numbers, all of them where there are no indices.
///
/// # Safety
/// As `slice`, for the indices, if they are not null, and for the numbers.
unsafe fn factor<'a, T>(what: &'static str, indices: *const usize, count: usize, numbers: *const T) -> Result<Factor<'a, T>, Failure> {
    // SAFETY: the caller's promise.
    let values = unsafe { slice(what, numbers, count) }?;
    if indices.is_null() {
        return Ok(Factor::Dense(values));
    }
    // SAFETY: the caller's promise.
    Ok(Factor::Sparse { indices: unsafe { slice(what, indices, count) }?, values })
}

macro_rules! jacobian {
    ($T:ty; $name:ident $lengths:expr, $Sketch:ty, $scratch:literal) => {
        /// Y <- Y + S J^T, column by column (n x rows), for one output of the two-layer network, whose gradients are the
        /// rows of J: X n x d, its output weights a (m), the pattern n x m.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($name), "(0, n, d, m, rows, 7, x, a, words, y, scratch, ", $scratch, ", &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            level_number: u8,
            n: usize,
            d: usize,
            m: usize,
            rows: usize,
            seed: u64,
            x: *const $T,
            a: *const $T,
            words: *const u64,
            y: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (x, a, y) = unsafe { (matrix("x", x, n, d)?, slice("a", a, m)?, matrix_mut("y", y, n, rows)?) };
                // SAFETY: the caller's promise.
                let scratch = unsafe { slice_mut("scratch", scratch, scratch_len) }?;
                // SAFETY: the caller's promise.
                let pattern = PatternRef::new(unsafe { slice("words", words, pattern::pattern_len(n, m)) }?, n, m)?;
                let lengths: fn(usize, usize) -> Result<_, Failure> = $lengths;
                Ok(<$Sketch>::new(lengths(m, d)?, rows, seed)?.jacobian(level(level_number)?, x, a, pattern, y, scratch)?)
            })
        }
    };
}
jacobian! { f32; subquad_srht_jacobian_f32 |m, d| super::area("neurons x inputs", m, d), Srht, "subquad_srht_jacobian_scratch_len(d, m)" }
jacobian! { f32; subquad_tensor_srht_jacobian_f32 |m, d| Ok((m, d)), TensorSrht, "subquad_tensor_srht_jacobian_scratch_len(d, m)" }
jacobian! { f32; subquad_tensor_sketch_jacobian_f32 |m, d| Ok((m, d)), TensorSketch, "subquad_tensor_sketch_jacobian_scratch_len(d, m, rows)" }
jacobian! { f64; subquad_srht_jacobian_f64 |m, d| super::area("neurons x inputs", m, d), Srht, "subquad_srht_jacobian_scratch_len(d, m)" }
jacobian! { f64; subquad_tensor_srht_jacobian_f64 |m, d| Ok((m, d)), TensorSrht, "subquad_tensor_srht_jacobian_scratch_len(d, m)" }
jacobian! { f64; subquad_tensor_sketch_jacobian_f64 |m, d| Ok((m, d)), TensorSketch, "subquad_tensor_sketch_jacobian_scratch_len(d, m, rows)" }

macro_rules! sketches {
    ($T:ty; $srht:ident $tensor_srht:ident $gaussian:ident $signs:ident $tensor_sketch:ident) => {
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

        /// y <- y + S (u (x) v), the TensorSketch of factors of `left` and `right` numbers by `rows`, a power of two. A
        /// factor is given by `left` numbers, or, where its indices are not null, by the `u_count` of them that are not
        /// zero.
        #[cfg_attr(doc, doc = concat!("\n```c\nsize_t at = 123; // u is zero but for this entry, v has two numbers\n", stringify!($tensor_sketch), "(0, 1000, 2, 64, 7, &at, 1, u, NULL, 2, v, y, scratch, subquad_tensor_sketch_scratch_len(64), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $tensor_sketch(
            level_number: u8,
            left: usize,
            right: usize,
            rows: usize,
            seed: u64,
            u_indices: *const usize,
            u_count: usize,
            u: *const $T,
            v_indices: *const usize,
            v_count: usize,
            v: *const $T,
            y: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (u, v) = unsafe { (factor("u", u_indices, u_count, u)?, factor("v", v_indices, v_count, v)?) };
                // SAFETY: the caller's promise.
                let (y, scratch) = unsafe { (slice_mut("y", y, rows)?, slice_mut("scratch", scratch, scratch_len)?) };
                Ok(TensorSketch::new((left, right), rows, seed)?.accumulate(level(level_number)?, u, v, y, scratch)?)
            })
        }
    };
}

sketches! { f32; subquad_srht_f32 subquad_tensor_srht_f32 subquad_gaussian_f32 subquad_signs_f32 subquad_tensor_sketch_f32 }
sketches! { f64; subquad_srht_f64 subquad_tensor_srht_f64 subquad_gaussian_f64 subquad_signs_f64 subquad_tensor_sketch_f64 }
