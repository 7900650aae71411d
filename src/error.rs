//! The one error type of the kernels: `Copy`, without allocation, and always with the figures that there are.

mod figure;

pub use figure::{Figure, Number};

use core::fmt;

use crate::Float;

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
///
/// A number that is outside its range comes with its limit, and with its place where there are several:
///
/// ```
/// use subquad::{Error, Figure, Level, cg::Jacobi, sparse::Support};
///
/// let error = Support::new(&[0, 2], &[1, 7], 7).unwrap_err();
/// let (limit, found) = (Figure::Count(7), Figure::Count(7));
/// assert_eq!(error, Error::Value { what: "support: columns of a row", expected: "less than", limit, found, at: Some(1) });
/// assert_eq!(error.to_string(), "support: columns of a row: must be less than 7, found 7 at place 1");
///
/// let error = Jacobi::new(&[1.0f32, -0.1], 1).unwrap_err();
/// assert_eq!(error.to_string(), "Jacobi: diagonal: must be positive and finite, found -0.1 at place 1");
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
        /// What it has to be, in words; with a limit, the words before it: "less than".
        expected: &'static str,
        /// The limit, where it is a figure.
        limit: Figure,
        /// What was handed over, where it is a figure.
        found: Figure,
        /// Of several numbers, the place of the one that is at fault, counted from 0.
        at: Option<usize>,
    },
    /// A dimension, or the product of two, is too large.
    Overflow {
        /// The product.
        what: &'static str,
        /// What is multiplied; the second is 1 where it is one figure alone.
        factors: (u64, u64),
        /// As many bits are there for it.
        bits: u32,
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

    /// A number that is outside its range: for operators and preconditioners of one's own.
    ///
    /// ```
    /// use subquad::{Error, Figure};
    ///
    /// let error = Error::value("operator: damping", "positive", Figure::number(-0.5));
    /// assert_eq!(error.to_string(), "operator: damping: must be positive, found -0.5");
    /// ```
    #[cold]
    pub const fn value(what: &'static str, expected: &'static str, found: Figure) -> Self {
        Self::Value { what, expected, limit: Figure::Nothing, found, at: None }
    }

    /// A number that is on the wrong side of a limit.
    #[cold]
    pub(crate) const fn limited(what: &'static str, expected: &'static str, limit: Figure, found: Figure) -> Self {
        Self::Value { what, expected, limit, found, at: None }
    }

    /// One number of several.
    #[cold]
    pub(crate) const fn at(what: &'static str, expected: &'static str, limit: Figure, found: Figure, at: usize) -> Self {
        Self::Value { what, expected, limit, found, at: Some(at) }
    }

    /// An index of something that there is less of.
    #[cold]
    pub(crate) const fn less(what: &'static str, than: usize, found: usize) -> Self {
        Self::limited(what, "less than", Figure::Count(than), Figure::Count(found))
    }

    /// A product of two figures, or one figure and 1, that does not fit a `usize`.
    #[cold]
    pub(crate) const fn overflow(what: &'static str, left: usize, right: usize) -> Self {
        Self::Overflow { what, factors: (left as u64, right as u64), bits: usize::BITS }
    }

    /// A number that indices of 32 bits cannot count up to.
    #[cold]
    pub(crate) const fn index(what: &'static str, found: u64) -> Self {
        Self::Overflow { what, factors: (found, 1), bits: 32 }
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
            Self::Value { what, expected, limit, found, at } => {
                write!(f, "{what}: must be {expected}")?;
                if limit != Figure::Nothing {
                    write!(f, "{}{limit}", if expected.is_empty() { "" } else { " " })?;
                }
                if found != Figure::Nothing {
                    write!(f, ", found {found}")?;
                }
                match at {
                    Some(at) if found == Figure::Nothing => write!(f, ", which fails at place {at}"),
                    Some(at) => write!(f, " at place {at}"),
                    None => Ok(()),
                }
            }
            Self::Overflow { what, factors: (left, 1), bits } => write!(f, "{what}: {left} does not fit {bits} bits"),
            Self::Overflow { what, factors: (left, right), bits } => write!(f, "{what}: {left} x {right} does not fit {bits} bits"),
        }
    }
}

impl core::error::Error for Error {}

/// Checks one length against the one that fits.
#[inline]
pub(crate) const fn expect_length(what: &'static str, expected: usize, found: usize) -> Result<(), Error> {
    if expected == found { Ok(()) } else { Err(Error::length(what, expected, found)) }
}

/// Checks that neighbours lie side by side.
#[inline]
pub(crate) const fn expect_contiguous(what: &'static str, stride: usize) -> Result<(), Error> {
    if stride == 1 { Ok(()) } else { Err(Error::limited(what, "", Figure::Count(1), Figure::Count(stride))) }
}

/// Checks a shift or a damping.
#[inline]
pub(crate) fn expect_not_negative<T: Float>(what: &'static str, x: T) -> Result<(), Error> {
    if x >= T::ZERO && x.is_finite() { Ok(()) } else { Err(Error::value(what, "finite and not negative", Figure::number(x.to_f64()))) }
}

/// Checks an entry of a diagonal that is divided by.
#[inline]
pub(crate) fn expect_positive<T: Float>(what: &'static str, x: T, at: usize) -> Result<(), Error> {
    if x > T::ZERO && x.is_finite() {
        return Ok(());
    }
    Err(Error::at(what, "positive and finite", Figure::Nothing, Figure::number(x.to_f64()), at))
}

/// Checks a tolerance, which may be infinite.
#[inline]
pub(crate) fn expect_tolerance(what: &'static str, x: f64) -> Result<(), Error> {
    if x >= 0.0 { Ok(()) } else { Err(Error::value(what, "a number, and not negative", Figure::number(x))) }
}

/// Starts of lists of which number `i + 1` is less than number i, or more than the last.
#[cold]
pub(crate) fn descending(what: &'static str, starts: &[usize], i: usize) -> Error {
    let figure = |i: usize| starts.get(i).map_or(Figure::Nothing, |&start| Figure::Count(start));
    let (here, next) = (figure(i), figure(i + 1));
    if starts.get(i) > starts.get(i + 1) {
        Error::at(what, "ascending, so at least", here, next, i + 1)
    } else {
        Error::at(what, "ascending, so at most", figure(starts.len().saturating_sub(1)), next, i + 1)
    }
}
