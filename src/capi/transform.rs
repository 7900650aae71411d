//! The Walsh-Hadamard transform.

use core::ffi::c_int;

use super::{Failure, guard, level, matrix, matrix_mut, one, slice, slice_mut, subquad_error};
use crate::hadamard::{self, Order, Signs, Transform};
use crate::{Element, Error, Figure};

/// y = c P H D x: how a transform differs from H itself. All zero is H.
#[cfg_attr(
    doc,
    doc = "\n```c\nsubquad_transform how = {0};\nhow.order = 2;   // sequency\nhow.scaling = 2; // orthonormal\nsubquad_transform_rows_f32(0, &how, x, rows, 256, &error);\n```"
)]
#[repr(C)]
pub struct subquad_transform {
    /// Order of the outputs: 0 natural, 1 dyadic, 2 sequency.
    pub order: u32,
    /// Signs of the inputs: 0 none, 1 from `seed`, 2 from `bits`.
    pub signs: u32,
    /// Seed of the signs.
    pub seed: u64,
    /// Input i is negated where bit i % 64 of word i / 64 is 1.
    pub bits: *const u64,
    /// Words behind `bits`.
    pub words: usize,
    /// Factor: 0 none, 1 `factor`, 2 the inverse root of the length (floats only).
    pub scaling: u32,
    /// The factor, converted to the type of the numbers.
    pub factor: f64,
}

/// The signs, order and factor of a description. Null is H itself.
///
/// # Safety
/// As `slice`, for the description and for its bits.
unsafe fn described<'a, T: Element>(
    how: *const subquad_transform,
    factor: impl FnOnce(f64) -> T,
    orthonormal: impl FnOnce(Transform<'a, T>) -> Result<Transform<'a, T>, Failure>,
) -> Result<Transform<'a, T>, Failure> {
    if how.is_null() {
        return Ok(Transform::new());
    }
    // SAFETY: the caller's promise.
    let how = unsafe { one("transform", how) }?;
    let order = match how.order {
        0 => Order::Natural,
        1 => Order::Dyadic,
        2 => Order::Sequency,
        other => return Err(Error::value("transform: order", "0, 1 or 2", Figure::Count(other as usize)).into()),
    };
    let signs = match how.signs {
        0 => Signs::None,
        1 => Signs::Seed(how.seed),
        // SAFETY: the caller's promise.
        2 => Signs::Bits(unsafe { slice("transform: bits", how.bits, how.words) }?),
        other => return Err(Error::value("transform: signs", "0, 1 or 2", Figure::Count(other as usize)).into()),
    };
    let plain = Transform::new().signs(signs).order(order);
    match how.scaling {
        0 => Ok(plain),
        1 => Ok(plain.scaled(factor(how.factor))),
        2 => orthonormal(plain),
        other => Err(Error::value("transform: scaling", "0, 1 or 2", Figure::Count(other as usize)).into()),
    }
}

macro_rules! transforms {
    ($T:ty, $orthonormal:expr; $fwht:ident $rows:ident $columns:ident $rows_from:ident $outputs:ident) => {
        /// x <- H x, in place: n = 2^p, or 12, 20 or 28 times 2^p.
        #[cfg_attr(doc, doc = concat!("\n```c\n// x = {1, 2, 3, 4} becomes {10, -2, -4, 0}\nif (", stringify!($fwht), "(0, x, 4, &error) != SUBQUAD_OK) puts(error.message);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $fwht(level_number: u8, x: *mut $T, n: usize, error: *mut subquad_error) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let x = unsafe { slice_mut("x", x, n) }?;
                Ok(hadamard::fwht(level(level_number)?, x)?)
            })
        }

        /// Transforms every row of a matrix of rows x cols numbers, as described; null for H itself.
        #[cfg_attr(doc, doc = concat!("\n```c\n// {1, 2; 3, 4} becomes {3, -1; 7, -1}\n", stringify!($rows), "(0, NULL, x, 2, 2, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $rows(
            level_number: u8,
            how: *const subquad_transform,
            x: *mut $T,
            rows: usize,
            cols: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (how, x) = unsafe { (described(how, |c| c as $T, $orthonormal)?, matrix_mut("x", x, rows, cols)?) };
                Ok(how.rows(level(level_number)?, x)?)
            })
        }

        /// Transforms every column of a matrix of rows x cols numbers, as described; null for H itself.
        #[cfg_attr(doc, doc = concat!("\n```c\n// {1, 2; 3, 4} becomes {4, 6; -2, -2}\n", stringify!($columns), "(0, NULL, x, 2, 2, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $columns(
            level_number: u8,
            how: *const subquad_transform,
            x: *mut $T,
            rows: usize,
            cols: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (how, x) = unsafe { (described(how, |c| c as $T, $orthonormal)?, matrix_mut("x", x, rows, cols)?) };
                Ok(how.columns(level(level_number)?, x)?)
            })
        }

        /// Transforms every row of a matrix of rows x cols numbers into a row of rows x n numbers, as if zeros followed;
        /// the source stays as it is.
        #[cfg_attr(doc, doc = concat!("\n```c\n// {1, 2, 3}, and a zero, become {6, 2, 0, -4}\n", stringify!($rows_from), "(0, NULL, x, 1, 3, y, 4, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $rows_from(
            level_number: u8,
            how: *const subquad_transform,
            source: *const $T,
            rows: usize,
            cols: usize,
            to: *mut $T,
            n: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let how = unsafe { described(how, |c| c as $T, $orthonormal) }?;
                // SAFETY: the caller's promise.
                let (source, to) = unsafe { (matrix("source", source, rows, cols)?, matrix_mut("to", to, rows, n)?) };
                Ok(how.rows_from(level(level_number)?, source, to)?)
            })
        }

        /// Some outputs of the transform of n = 2^p numbers, of which the first `len` are given and the others are zero:
        /// `out[j]` is output `chosen[j]`, with the bits of the whole transform. `chosen` and `out` have `count` numbers.
        #[cfg_attr(doc, doc = concat!("\n```c\nsize_t chosen[2] = {3, 0}; // of {1, 2, 3, 4}: 0 and 10\n", stringify!($outputs), "(0, NULL, x, 4, 4, chosen, 2, out, scratch, subquad_outputs_scratch_len(4, 2), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $outputs(
            level_number: u8,
            how: *const subquad_transform,
            source: *const $T,
            len: usize,
            n: usize,
            chosen: *const usize,
            count: usize,
            out: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let how = unsafe { described(how, |c| c as $T, $orthonormal) }?;
                // SAFETY: the caller's promise.
                let (source, chosen) = unsafe { (slice("source", source, len)?, slice("chosen", chosen, count)?) };
                // SAFETY: the caller's promise.
                let (out, scratch) = unsafe { (slice_mut("out", out, count)?, slice_mut("scratch", scratch, scratch_len)?) };
                Ok(how.outputs(level(level_number)?, source, n, chosen, out, scratch)?)
            })
        }
    };
}

/// Integers have no inverse roots.
fn no_root<T>(_: Transform<'_, T>) -> Result<Transform<'_, T>, Failure> {
    Err(Error::value("transform: scaling of integers", "0 or 1", Figure::Count(2)).into())
}

transforms! { f32, |how| Ok(how.orthonormal()); subquad_fwht_f32 subquad_transform_rows_f32 subquad_transform_columns_f32
subquad_transform_rows_from_f32 subquad_transform_outputs_f32 }
transforms! { f64, |how| Ok(how.orthonormal()); subquad_fwht_f64 subquad_transform_rows_f64 subquad_transform_columns_f64
subquad_transform_rows_from_f64 subquad_transform_outputs_f64 }
transforms! { i32, no_root; subquad_fwht_i32 subquad_transform_rows_i32 subquad_transform_columns_i32
subquad_transform_rows_from_i32 subquad_transform_outputs_i32 }
transforms! { i16, no_root; subquad_fwht_i16 subquad_transform_rows_i16 subquad_transform_columns_i16
subquad_transform_rows_from_i16 subquad_transform_outputs_i16 }

/// Whether there is a transform of this length.
#[cfg_attr(doc, doc = "\n```c\nassert(subquad_fwht_is_len(768) && !subquad_fwht_is_len(9));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_fwht_is_len(n: usize) -> bool {
    hadamard::is_len(n)
}

/// The shortest length of a transform that is at least n; 0 where there is none.
#[cfg_attr(doc, doc = "\n```c\nassert(subquad_fwht_len_above(9) == 12 && subquad_fwht_len_above(1000) == 1024);\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_fwht_len_above(n: usize) -> usize {
    hadamard::len_above(n).unwrap_or(0)
}

/// The longest length of a transform that is at most n; 0 where there is none.
#[cfg_attr(doc, doc = "\n```c\nassert(subquad_fwht_len_below(9) == 8 && subquad_fwht_len_below(1000) == 896);\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_fwht_len_below(n: usize) -> usize {
    hadamard::len_below(n).unwrap_or(0)
}

/// Whether entry i, j of H is -1, of n rows; of no meaning where there is no transform of this length.
#[cfg_attr(
    doc,
    doc = "\n```c\nassert(subquad_fwht_is_minus(4, 3, 1) && !subquad_fwht_is_minus(4, 3, 3)); // its last row is 1, -1, -1, 1\n```"
)]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_fwht_is_minus(n: usize, i: usize, j: usize) -> bool {
    hadamard::is_minus(n, i, j)
}

/// Whether input i is negated where the signs are made from this seed.
#[cfg_attr(doc, doc = "\n```c\nfloat sign = subquad_seed_is_minus(7, i) ? -1 : 1; // of a transform with .signs = 1, .seed = 7\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_seed_is_minus(seed: u64, i: usize) -> bool {
    Signs::Seed(seed).is_minus(i)
}

/// The row in natural order that stands at place k of n = 2^p rows in this order (1 dyadic, 2 sequency); k in any other.
#[cfg_attr(doc, doc = "\n```c\nassert(subquad_order_natural(1, 1, 4) == 2 && subquad_order_natural(2, 3, 4) == 1);\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_order_natural(order: u32, k: usize, n: usize) -> usize {
    match order {
        1 => Order::Dyadic.natural(k, n),
        2 => Order::Sequency.natural(k, n),
        _ => k,
    }
}

/// Scratch of `count` outputs of a transform of n numbers.
#[cfg_attr(doc, doc = "\n```c\nfloat *scratch = malloc(subquad_outputs_scratch_len(n, count) * sizeof(float));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_outputs_scratch_len(n: usize, count: usize) -> usize {
    hadamard::outputs_scratch_len(n, count)
}
