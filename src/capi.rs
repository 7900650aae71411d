//! The C face (feature `capi`): every kernel, and prediction, as plain C functions. `src/capi/subquad.h` is made from it.
//!
//! # Conventions
//! * Every function that can fail returns a code, `SUBQUAD_OK` = 0 or one of the others, and takes a
//!   [`subquad_error`] last: where it is not null, it gets the code and a sentence with the figures. There is no state
//!   between calls, and every function may be called from any thread.
//! * Levels come first: 0 is the best of the processor; see [`subquad_level_name`].
//! * Matrices are dense and row-major; shapes are arguments, lengths follow from them. Scratch is the caller's, of as
//!   many elements as the function `.._scratch_len` of the same name says, or more; it may hold anything.
//! * A null pointer is an error, unless the shapes say that nothing is read through it. Lengths that overflow are
//!   errors. Nothing unwinds into C: a panic, should there be one, is `SUBQUAD_PANIC` with feature `std`, and aborts
//!   without it.
//!
//! # Safety
//! What no function can check is the caller's to keep, for all of them: a pointer that is not null points to as many
//! elements as its shape says, initialised where they are read, aligned as their type is, and not written by anybody
//! else during the call; buffers that are written overlap nothing else.
//!
//! ```c
//! #include "subquad.h"
//! #include <stdio.h>
//!
//! int main(void) {
//!     float x[4] = {1, 2, 3, 4};
//!     subquad_error error;
//!     if (subquad_fwht_f32(0, x, 4, &error) != SUBQUAD_OK) {
//!         puts(error.message);
//!         return 1;
//!     }
//!     printf("%g %g %g %g\n", x[0], x[1], x[2], x[3]); // 10 -2 -4 0
//! }
//! ```
//!
//! # What is not here, on purpose
//! Every kernel has a function; a test goes through them. These have another shape in C, or no use:
//! * operators and preconditioners by name (tangents; Jacobi, a shared Cholesky factor, a sketched one): in C both are callbacks,
//!   and each of these is one call of `subquad_gram_product`, `subquad_cholesky_solve` or a loop in them
//! * conjugate gradients with a watch on one right-hand side: `subquad_cg_rows` with one row
//! * one vector, one query, one sample: a count of 1. Counts without indices: a room of 0
//! * views of arrays, and what they say of themselves (strides, ranges, places): the arrays are the caller's; matrices are dense
//! * matrices stored as bfloat16: what is drawn at random is drawn in Rust
//! * functions of several threads: the caller's threads may take rows, queries or samples each
//! * [`limits`](crate::limits), what a machine can do at most: for benchmarks
//! * training, and everything else in Rust's own terms that is no kernel; models are read, and asked
//!
//! # Linking
//! The package builds a Rust library only, so that nobody else pays for another one. For C, ask for what you need:
//! `cargo rustc --release --lib --features capi --crate-type staticlib` (or `cdylib`); feature `io` adds models.

// Examples stand in `cfg_attr(doc, ..)`, and not in comments like all others: the header is made from the comments, and
// wants none of them.

#![allow(unsafe_code)]
#![allow(non_camel_case_types, reason = "names of C")]
#![allow(clippy::missing_safety_doc, reason = "the module's documentation says it for all")]

mod ball_tree;
mod blas;
mod candidates;
mod choice;
mod deep;
mod fired;
mod halfspace;
mod low_rank;
mod max_tree;
#[cfg(feature = "io")]
mod model;
mod network;
mod sketch;
mod solve;
mod solve_rows;
mod sparse;
mod transform;

pub use ball_tree::*;
pub use blas::*;
pub use candidates::*;
pub use choice::*;
pub use deep::*;
pub use fired::*;
pub use halfspace::*;
pub use low_rank::*;
pub use max_tree::*;
#[cfg(feature = "io")]
pub use model::*;
pub use network::*;
pub use sketch::*;
pub use solve::*;
pub use solve_rows::*;
pub use sparse::*;
pub use transform::*;

use core::ffi::{CStr, c_char, c_int};
use core::fmt::{self, Write};

use crate::{Error, Figure, Level, MatMut, MatRef};

/// All is well.
pub const SUBQUAD_OK: c_int = 0;
/// A pointer is null that must not be.
pub const SUBQUAD_NULL: c_int = 1;
/// A slice or a dimension has the wrong length.
pub const SUBQUAD_LENGTH: c_int = 2;
/// A buffer is too short.
pub const SUBQUAD_TOO_SHORT: c_int = 3;
/// There is no Walsh-Hadamard transform of this length.
pub const SUBQUAD_TRANSFORM_LENGTH: c_int = 4;
/// A number is outside its range.
pub const SUBQUAD_VALUE: c_int = 5;
/// A dimension, or a product of dimensions, is too large.
pub const SUBQUAD_OVERFLOW: c_int = 6;
/// A callback returned something other than 0.
pub const SUBQUAD_CALLBACK: c_int = 7;
/// A model could not be read, or cannot be asked this.
pub const SUBQUAD_MODEL: c_int = 8;
/// A defect of the library.
pub const SUBQUAD_PANIC: c_int = 9;

/// What went wrong.
#[cfg_attr(
    doc,
    doc = r#"
```
use subquad::capi::{SUBQUAD_TRANSFORM_LENGTH, subquad_error, subquad_fwht_f32};

let (mut x, mut error) = ([1.0f32; 5], subquad_error { code: 0, expected: 0, found: 0, message: [0; 256] });
// SAFETY: five numbers, and an error's memory.
let code = unsafe { subquad_fwht_f32(0, x.as_mut_ptr(), x.len(), &mut error) };
assert_eq!((code, error.found, error.expected), (SUBQUAD_TRANSFORM_LENGTH, 5, 8)); // 8 is the next length there is
```"#
)]
#[repr(C)]
pub struct subquad_error {
    /// One of the codes.
    pub code: c_int,
    /// The length that fits or that is enough, or the limit of a number that has to be a count; of a callback, what it returned. 0 where
    /// there is no such count: a limit that is no count, and the factors of a product that overflows, are in the message alone.
    pub expected: usize,
    /// The length or the count that was handed over; 0 where there is none, as with a shift or a tolerance, which the message has.
    pub found: usize,
    /// A sentence with the figures, ended by a zero; cut off where it is longer.
    pub message: [c_char; 256],
}

/// What a function found to complain about.
pub(super) enum Failure {
    Null(&'static str),
    Callback(&'static str, c_int),
    Of(Error),
    #[cfg(feature = "io")]
    Model(crate::train::TrainError),
    #[cfg(feature = "std")]
    Panic,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Of(error)
    }
}

#[cfg(feature = "io")]
impl From<crate::train::TrainError> for Failure {
    fn from(error: crate::train::TrainError) -> Self {
        Self::Model(error)
    }
}

impl Failure {
    fn code(&self) -> c_int {
        match self {
            Self::Null(_) => SUBQUAD_NULL,
            Self::Callback(..) => SUBQUAD_CALLBACK,
            Self::Of(Error::Length { .. }) => SUBQUAD_LENGTH,
            Self::Of(Error::TooShort { .. }) => SUBQUAD_TOO_SHORT,
            Self::Of(Error::TransformLength { .. }) => SUBQUAD_TRANSFORM_LENGTH,
            Self::Of(Error::Value { .. }) => SUBQUAD_VALUE,
            Self::Of(Error::Overflow { .. }) => SUBQUAD_OVERFLOW,
            #[cfg(feature = "io")]
            Self::Model(_) => SUBQUAD_MODEL,
            #[cfg(feature = "std")]
            Self::Panic => SUBQUAD_PANIC,
        }
    }

    fn figures(&self) -> (usize, usize) {
        match *self {
            Self::Of(Error::Length { expected, found, .. }) => (expected, found),
            Self::Of(Error::TooShort { needed, found, .. }) => (needed, found),
            Self::Of(Error::TransformLength { found, below, above }) => (above.or(below).unwrap_or_default(), found),
            Self::Of(Error::Value { limit, found, .. }) => (limit.count(), found.count()),
            Self::Callback(_, code) => (code as usize, 0),
            _ => (0, 0),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null(what) => write!(f, "{what}: the pointer is null"),
            Self::Callback(what, code) => write!(f, "{what}: the callback returned {code}"),
            Self::Of(error) => write!(f, "{error}"),
            #[cfg(feature = "io")]
            Self::Model(error) => write!(f, "{error}"),
            #[cfg(feature = "std")]
            Self::Panic => f.write_str("a defect of the library: please report it"),
        }
    }
}

/// Text into a C string of fixed length: what does not fit is cut off, between characters.
struct Text<'a> {
    to: &'a mut [c_char],
    len: usize,
}

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            let mut bytes = [0; 4];
            let bytes = c.encode_utf8(&mut bytes).as_bytes();
            let end = self.len + bytes.len();
            // One place is left for the zero.
            let Some(to) = self.to.get_mut(self.len..end).filter(|_| end < 256) else { return Err(fmt::Error) };
            to.iter_mut().zip(bytes).for_each(|(to, &byte)| *to = byte as c_char);
            self.len = end;
        }
        Ok(())
    }
}

/// Runs a function's body, reports its failure, and keeps panics on this side of the border.
fn guard(error: *mut subquad_error, body: impl FnOnce() -> Result<(), Failure>) -> c_int {
    #[cfg(feature = "std")]
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).unwrap_or(Err(Failure::Panic));
    #[cfg(not(feature = "std"))]
    let done = body();
    let code = done.as_ref().err().map_or(SUBQUAD_OK, Failure::code);
    if !error.is_null() {
        let mut report = subquad_error { code, expected: 0, found: 0, message: [0; 256] };
        if let Err(failure) = &done {
            (report.expected, report.found) = failure.figures();
            // Cut off where it is too long.
            let _ = write!(Text { to: &mut report.message, len: 0 }, "{failure}");
        }
        // SAFETY: not null, so it points to an error's memory: the caller's promise.
        unsafe { error.write(report) };
    }
    code
}

/// The elements behind a pointer.
///
/// # Safety
/// The module's promise, for `len` elements and a lifetime that ends with the call.
unsafe fn slice<'a, T>(what: &'static str, at: *const T, len: usize) -> Result<&'a [T], Failure> {
    check(what, at, len)?;
    // SAFETY: the caller's promise; null and misaligned pointers and impossible lengths have been turned away.
    Ok(if len == 0 { &[] } else { unsafe { core::slice::from_raw_parts(at, len) } })
}

/// The elements behind a pointer, to write.
///
/// # Safety
/// As [`slice`], and that nothing else reads or writes them.
unsafe fn slice_mut<'a, T>(what: &'static str, at: *mut T, len: usize) -> Result<&'a mut [T], Failure> {
    check(what, at, len)?;
    // SAFETY: the caller's promise; null and misaligned pointers and impossible lengths have been turned away.
    Ok(if len == 0 { &mut [] } else { unsafe { core::slice::from_raw_parts_mut(at, len) } })
}

fn check<T>(what: &'static str, at: *const T, len: usize) -> Result<(), Failure> {
    if len == 0 {
        return Ok(());
    }
    if at.is_null() {
        return Err(Failure::Null(what));
    }
    if !at.is_aligned() {
        return Err(Error::limited(what, "aligned to a multiple of", Figure::Count(align_of::<T>()), Figure::Bits(at.addr() as u64)).into());
    }
    match len.checked_mul(size_of::<T>()) {
        Some(bytes) if isize::try_from(bytes).is_ok() => Ok(()),
        _ => Err(Error::Overflow { what, factors: (len as u64, size_of::<T>() as u64), bits: usize::BITS - 1 }.into()),
    }
}

fn area(what: &'static str, rows: usize, cols: usize) -> Result<usize, Failure> {
    rows.checked_mul(cols).ok_or_else(|| Error::overflow(what, rows, cols).into())
}

/// A dense matrix behind a pointer.
///
/// # Safety
/// As [`slice`].
unsafe fn matrix<'a, T>(what: &'static str, at: *const T, rows: usize, cols: usize) -> Result<MatRef<'a, T>, Failure> {
    // SAFETY: the caller's promise.
    Ok(MatRef::new(unsafe { slice(what, at, area(what, rows, cols)?) }?, rows, cols)?)
}

/// A dense matrix behind a pointer, to write.
///
/// # Safety
/// As [`slice_mut`].
unsafe fn matrix_mut<'a, T>(what: &'static str, at: *mut T, rows: usize, cols: usize) -> Result<MatMut<'a, T>, Failure> {
    // SAFETY: the caller's promise.
    Ok(MatMut::new(unsafe { slice_mut(what, at, area(what, rows, cols)?) }?, rows, cols)?)
}

/// One value behind a pointer.
///
/// # Safety
/// As [`slice`].
unsafe fn one<'a, T>(what: &'static str, at: *const T) -> Result<&'a T, Failure> {
    // SAFETY: the caller's promise.
    unsafe { slice(what, at, 1) }?.first().ok_or(Failure::Null(what))
}

/// One value behind a pointer, to write.
///
/// # Safety
/// As [`slice_mut`].
unsafe fn one_mut<'a, T>(what: &'static str, at: *mut T) -> Result<&'a mut T, Failure> {
    // SAFETY: the caller's promise.
    unsafe { slice_mut(what, at, 1) }?.first_mut().ok_or(Failure::Null(what))
}

/// The names of the levels, by number.
const LEVELS: [&CStr; 6] = [c"best", c"scalar", c"avx2", c"avx512", c"neon", c"simd128"];

fn level(number: u8) -> Result<Level, Failure> {
    let name = LEVELS.get(usize::from(number)).and_then(|name| name.to_str().ok()).unwrap_or_default();
    if number == 0 {
        return Ok(Level::detect());
    }
    name.parse().map_err(|_| Error::value("level", "one that this processor has", Figure::Count(number.into())).into())
}

/// The version of the library, as its package has it.
#[cfg_attr(
    doc,
    doc = r#"
```
use std::ffi::CStr;

// SAFETY: text of the library's own, ended by a zero.
let version = unsafe { CStr::from_ptr(subquad::capi::subquad_version()) };
assert_eq!(version.to_bytes().iter().filter(|&&c| c == b'.').count(), 2); // 0.1.0
```"#
)]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_version() -> *const c_char {
    const VERSION: &[u8] = concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes();
    VERSION.as_ptr().cast()
}

/// What a code means, in a few words; never null.
#[cfg_attr(
    doc,
    doc = r#"
```
use std::ffi::CStr;
use subquad::capi::{SUBQUAD_TOO_SHORT, subquad_message};

// SAFETY: text of the library's own, ended by a zero.
let text = unsafe { CStr::from_ptr(subquad_message(SUBQUAD_TOO_SHORT)) };
assert_eq!(text, c"a buffer is too short");
```"#
)]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_message(code: c_int) -> *const c_char {
    let text = match code {
        SUBQUAD_OK => c"all is well",
        SUBQUAD_NULL => c"a pointer is null that must not be",
        SUBQUAD_LENGTH => c"a length or a dimension is wrong",
        SUBQUAD_TOO_SHORT => c"a buffer is too short",
        SUBQUAD_TRANSFORM_LENGTH => c"there is no Walsh-Hadamard transform of this length",
        SUBQUAD_VALUE => c"a number is outside its range",
        SUBQUAD_OVERFLOW => c"a product of dimensions does not fit the address space",
        SUBQUAD_CALLBACK => c"a callback failed",
        SUBQUAD_MODEL => c"a model could not be read or cannot be asked this",
        SUBQUAD_PANIC => c"a defect of the library",
        _ => c"no such code",
    };
    text.as_ptr()
}

/// The name of a level: 0 "best", 1 "scalar", 2 "avx2", 3 "avx512", 4 "neon", 5 "simd128"; null for other numbers.
#[cfg_attr(
    doc,
    doc = r#"
```
use std::ffi::CStr;
use subquad::capi::subquad_level_name;

// SAFETY: text of the library's own, ended by a zero.
assert_eq!(unsafe { CStr::from_ptr(subquad_level_name(1)) }, c"scalar");
assert!(subquad_level_name(77).is_null());
```"#
)]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_level_name(number: u8) -> *const c_char {
    LEVELS.get(usize::from(number)).map_or(core::ptr::null(), |name| name.as_ptr())
}

/// Whether the processor has a level.
#[cfg_attr(
    doc,
    doc = r#"
```
use subquad::capi::subquad_level_is_available;

assert!(subquad_level_is_available(0) && subquad_level_is_available(1)); // the best, and plain code
assert!(!subquad_level_is_available(77));
```"#
)]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_level_is_available(number: u8) -> bool {
    level(number).is_ok()
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;

    #[test]
    fn panics_stay_on_this_side() {
        let mut error = subquad_error { code: 0, expected: 1, found: 1, message: [1; 256] };
        // As a panic does, but without a message on the screen.
        let code = guard(&raw mut error, || std::panic::resume_unwind(std::boxed::Box::new("a defect")));
        assert_eq!((code, error.code, error.expected, error.found), (SUBQUAD_PANIC, SUBQUAD_PANIC, 0, 0));
        // SAFETY: `guard` ends its messages by a zero.
        let message = unsafe { core::ffi::CStr::from_ptr(error.message.as_ptr()) };
        assert_eq!(message, c"a defect of the library: please report it");
        assert_eq!(guard(&raw mut error, || Ok(())), SUBQUAD_OK);
        assert_eq!(error.code, SUBQUAD_OK);
    }
}
