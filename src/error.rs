//! The one error type of the kernels: small, `Copy`, and always with the figures.

use core::fmt;

/// What a caller handed over that a kernel cannot work with.
///
/// Everything here can be told *before* any work is done. What a computation finds out on the way (a system that
/// did not converge, a matrix that is not positive definite) is part of its report, never an error.
///
/// ```
/// use subquad::{Error, Level, hadamard::fwht};
///
/// let error = fwht(Level::detect(), &mut [0.0f32; 5]).unwrap_err();
/// assert_eq!(error, Error::TransformLength { found: 5, below: Some(4), above: Some(8) });
/// assert_eq!(error.to_string(), "no Walsh-Hadamard transform of length 5; the nearest valid lengths are 4 and 8");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A slice or a dimension has the wrong length.
    Length {
        /// The argument, and which of its dimensions.
        what: &'static str,
        /// The length that fits.
        expected: usize,
        /// The length that was handed over.
        found: usize,
    },
    /// A buffer is too short.
    TooShort {
        /// The argument.
        what: &'static str,
        /// The least length that is enough.
        needed: usize,
        /// The length that was handed over.
        found: usize,
    },
    /// A Walsh-Hadamard transform does not exist for this length.
    TransformLength {
        /// The length that was handed over.
        found: usize,
        /// The nearest valid length below, if there is one.
        below: Option<usize>,
        /// The nearest valid length above, if it fits a `usize`.
        above: Option<usize>,
    },
    /// A number is outside its range, or not a number.
    Value {
        /// The argument.
        what: &'static str,
        /// What it has to be.
        expected: &'static str,
    },
    /// A product of dimensions does not fit a `usize`.
    Overflow {
        /// The product.
        what: &'static str,
    },
}

impl Error {
    #[cold]
    pub(crate) const fn length(what: &'static str, expected: usize, found: usize) -> Self {
        Self::Length { what, expected, found }
    }

    #[cold]
    pub(crate) const fn too_short(what: &'static str, needed: usize, found: usize) -> Self {
        Self::TooShort { what, needed, found }
    }

    #[cold]
    pub(crate) const fn value(what: &'static str, expected: &'static str) -> Self {
        Self::Value { what, expected }
    }

    #[cold]
    pub(crate) const fn overflow(what: &'static str) -> Self {
        Self::Overflow { what }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Length { what, expected, found } => write!(f, "{what}: expected {expected}, found {found}"),
            Self::TooShort { what, needed, found } => write!(f, "{what}: needs at least {needed} elements, found {found}"),
            Self::TransformLength { found, below, above } => {
                write!(f, "no Walsh-Hadamard transform of length {found}; the nearest valid lengths are ")?;
                match (below, above) {
                    (Some(below), Some(above)) => write!(f, "{below} and {above}"),
                    (Some(only), None) | (None, Some(only)) => write!(f, "{only}"),
                    (None, None) => f.write_str("none"),
                }
            }
            Self::Value { what, expected } => write!(f, "{what}: must be {expected}"),
            Self::Overflow { what } => write!(f, "{what} does not fit this machine's address space"),
        }
    }
}

impl core::error::Error for Error {}

/// Checks one length against the one that fits.
#[inline]
pub(crate) const fn expect_length(what: &'static str, expected: usize, found: usize) -> Result<(), Error> {
    if expected == found { Ok(()) } else { Err(Error::length(what, expected, found)) }
}
