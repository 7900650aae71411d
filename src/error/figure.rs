//! The figures that errors carry: counts, numbers and bits, which can be compared like the errors that hold them.

use core::fmt;

/// A figure of an [`Error`](crate::Error).
///
/// ```
/// use subquad::Figure;
///
/// assert_eq!((Figure::Count(7).to_string(), Figure::number(-0.1).to_string()), ("7".into(), "-0.1".into()));
/// assert_eq!(Figure::number(f64::NAN), Figure::number(f64::NAN)); // the same bits
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Figure {
    /// What is wrong has no figure, or there is no limit.
    Nothing,
    /// A length, an index, a number of things.
    Count(usize),
    /// A number with a fraction.
    Number(Number),
    /// A word of which the bits count: a checksum, an address.
    Bits(u64),
}

impl Figure {
    /// A number with a fraction.
    ///
    /// ```
    /// use subquad::Figure;
    /// assert!(matches!(Figure::number(0.5), Figure::Number(half) if half.get() == 0.5));
    /// ```
    pub const fn number(x: f64) -> Self {
        Self::Number(Number(x.to_bits()))
    }

    /// The count, or 0 where it is none.
    #[cfg(feature = "capi")]
    pub(crate) const fn count(self) -> usize {
        match self {
            Self::Count(count) => count,
            _ => 0,
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Nothing => f.write_str("nothing"),
            Self::Count(count) => count.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Bits(bits) => write!(f, "{bits:#x}"),
        }
    }
}

/// A double that is equal to another when their bits are: two NaN are, 0 and -0 are not.
///
/// ```
/// use subquad::Figure;
///
/// let Figure::Number(x) = Figure::number(1e300) else { unreachable!() };
/// assert_eq!((x.get(), x.to_string()), (1e300, "1e300".to_string()));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Number(u64);

impl Number {
    /// The double.
    ///
    /// ```
    /// # use subquad::Figure;
    /// assert!(matches!(Figure::number(-2.5), Figure::Number(x) if x.get() == -2.5));
    /// ```
    pub const fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// With as many digits as tell it apart from others; of a number that single precision holds, as many as it needs there.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let x = self.get();
        let (single, plain) = (x as f32, x == 0.0 || x.abs() >= 1e-5 && x.abs() < 1e9 || !x.is_finite());
        match (f64::from(single) == x, plain) {
            (true, true) => single.fmt(f),
            (true, false) => write!(f, "{single:e}"),
            (false, true) => x.fmt(f),
            (false, false) => write!(f, "{x:e}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Figure;

    #[test]
    fn numbers_are_short_and_exact() {
        let wanted = [(0.1f32.into(), "0.1"), (0.1, "0.1"), (-1.0, "-1"), (-0.0, "-0"), (1.0 / 3.0, "0.3333333333333333")];
        let far = [(1e300, "1e300"), (1e-7f32.into(), "1e-7"), (1.2e15, "1.2e15"), (3e9, "3e9"), (65536.5, "65536.5")];
        let none = [(f64::NAN, "NaN"), (f64::INFINITY, "inf"), (f64::NEG_INFINITY, "-inf")];
        for (x, text) in wanted.into_iter().chain(far).chain(none) {
            assert_eq!(Figure::number(x).to_string(), text);
            assert_eq!(format!("{:?}", Figure::number(x)), format!("Number({x:?})"));
        }
        assert_eq!((Figure::Nothing.to_string(), Figure::Bits(0x2a).to_string()), ("nothing".into(), "0x2a".into()));
    }
}
