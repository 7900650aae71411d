//! What the lines of a matrix may be stored as: its numbers themselves, or something shorter that becomes them in registers.

use super::level::Sealed;
use super::{Float, Scalar, Simd, Stored};

/// Columns of a line.
///
/// ```
/// assert_eq!(subquad::simd::LINE, 64);
/// ```
pub const LINE: usize = 64;

/// Two bfloat16: the upper halves of two f32, rounded. Half the memory, a tenth of the digits.
///
/// In a line of a matrix, columns c and c + 16 share a word, c being below 16 in each 32: so that a vector of words becomes two vectors of
/// neighbouring columns.
///
/// ```
/// use subquad::simd::Bf16x2;
///
/// let both = Bf16x2::new(1.5, -1.0 / 3.0);
/// assert_eq!((both.low(), both.high()), (1.5, -0.333984375)); // eight significant bits
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Bf16x2(u32);

// SAFETY: a transparent u32.
unsafe impl bytemuck::Zeroable for Bf16x2 {}
// SAFETY: a transparent u32.
unsafe impl bytemuck::Pod for Bf16x2 {}
impl Sealed for Bf16x2 {}

/// The upper half of a number, rounded to the nearest, ties to even. NaN stays NaN.
const fn round(x: f32) -> u32 {
    let bits = x.to_bits();
    if x.is_nan() { bits >> 16 | 0x40 } else { (bits + 0x7FFF + (bits >> 16 & 1)) >> 16 }
}

impl Bf16x2 {
    /// Rounds two numbers to the nearest bfloat16, ties to even.
    ///
    /// ```
    /// use subquad::simd::Bf16x2;
    ///
    /// assert_eq!(Bf16x2::new(1.00390625, 1.01171875).low(), 1.0); // a tie, to even
    /// assert_eq!(Bf16x2::new(1.00390625, 1.01171875).high(), 1.015625);
    /// ```
    pub const fn new(low: f32, high: f32) -> Self {
        Self(round(high) << 16 | round(low))
    }

    /// The first number.
    ///
    /// ```
    /// assert_eq!(subquad::simd::Bf16x2::new(2.0, 3.0).low(), 2.0);
    /// ```
    pub const fn low(self) -> f32 {
        f32::from_bits(self.0 << 16)
    }

    /// The second number.
    ///
    /// ```
    /// assert_eq!(subquad::simd::Bf16x2::new(2.0, 3.0).high(), 3.0);
    /// ```
    pub const fn high(self) -> f32 {
        f32::from_bits(self.0 & 0xFFFF_0000)
    }
}

/// Reading the lines of a matrix, vector by vector.
///
/// ```
/// use subquad::simd::{Bf16x2, Reads, Scalar};
///
/// let line = [Bf16x2::new(2.0, 3.0); 32];
/// // Columns 0 .. 16 are low halves, columns 16 .. 32 high ones.
/// let read = |v| Reads::<Bf16x2>::read(Scalar, &line, v);
/// assert_eq!((read(0), read(16)), (2.0, 3.0));
/// ```
pub trait Reads<E: Stored>: Simd<E::Number> {
    /// The columns `v LANES ..` of a line; zeros where there are none.
    ///
    /// ```
    /// use subquad::simd::{Reads, Scalar};
    ///
    /// assert_eq!(Reads::<f64>::read(Scalar, &core::array::from_fn(|c| c as f64), 5), 5.0);
    /// ```
    fn read(self, line: &E::Line, v: usize) -> Self::V;

    /// As [`read`](Self::read), of a line that ends early.
    ///
    /// ```
    /// use subquad::simd::{Reads, Scalar};
    ///
    /// assert_eq!(Reads::<f64>::read_part(Scalar, &[1.0, 2.0], 1), 2.0);
    /// assert_eq!(Reads::<f64>::read_part(Scalar, &[1.0, 2.0], 2), 0.0);
    /// ```
    fn read_part(self, line: &[E], v: usize) -> Self::V;
}

impl<T: Float, S: Simd<T>> Reads<T> for S {
    #[inline(always)]
    fn read_part(self, line: &[T], v: usize) -> Self::V {
        self.load_part(line.get(v * S::LANES..).unwrap_or_default())
    }
    #[inline(always)]
    fn read(self, line: &T::Line, v: usize) -> Self::V {
        match self.chunks(line.as_ref()).0.get(v) {
            Some(chunk) => self.load(chunk),
            None => self.splat(T::ZERO),
        }
    }
}

/// Words of two bfloat16, as vectors.
///
/// ```
/// use subquad::simd::{Bf16x2, Scalar, Widen};
///
/// let word = Bf16x2::new(2.0, 3.0);
/// assert_eq!((Scalar.low(&word), Scalar.high(&word)), (2.0, 3.0));
/// ```
pub trait Widen: Simd<f32> {
    /// Memory of a vector of words.
    type Words: Copy;
    /// Cuts a slice into vectors of words; what is left is left out.
    ///
    /// ```
    /// use subquad::simd::{Bf16x2, Scalar, Widen};
    ///
    /// assert_eq!(Scalar.words(&[Bf16x2::default(); 3]).len(), 3);
    /// ```
    fn words(self, x: &[Bf16x2]) -> &[Self::Words];
    /// The first number of each.
    ///
    /// ```
    /// use subquad::simd::{Bf16x2, Scalar, Widen};
    ///
    /// assert_eq!(Scalar.low(&Bf16x2::new(2.0, 3.0)), 2.0);
    /// ```
    fn low(self, x: &Self::Words) -> Self::V;
    /// The second number of each.
    ///
    /// ```
    /// use subquad::simd::{Bf16x2, Scalar, Widen};
    ///
    /// assert_eq!(Scalar.high(&Bf16x2::new(2.0, 3.0)), 3.0);
    /// ```
    fn high(self, x: &Self::Words) -> Self::V;
}

impl<S: Widen> Reads<Bf16x2> for S {
    #[inline(always)]
    fn read_part(self, line: &[Bf16x2], v: usize) -> Self::V {
        let mut whole = [Bf16x2::default(); LINE / 2];
        whole.iter_mut().zip(line).for_each(|(to, &from)| *to = from);
        Reads::<Bf16x2>::read(self, &whole, v)
    }
    #[inline(always)]
    fn read(self, line: &<Bf16x2 as Stored>::Line, v: usize) -> Self::V {
        let column = v * S::LANES;
        match self.words(line).get((column / 32 * 16 + column % 16) / S::LANES) {
            Some(words) if (column / 16).is_multiple_of(2) => self.low(words),
            Some(words) => self.high(words),
            None => self.splat(0.0),
        }
    }
}

impl Widen for Scalar {
    type Words = Bf16x2;

    #[inline(always)]
    fn words(self, x: &[Bf16x2]) -> &[Bf16x2] {
        x
    }
    #[inline(always)]
    fn low(self, x: &Bf16x2) -> f32 {
        x.low()
    }
    #[inline(always)]
    fn high(self, x: &Bf16x2) -> f32 {
        x.high()
    }
}

/// `widen! { Token, lanes, vector; low .., high .. }`: functions of a pointer to a vector of words.
#[allow(unused_macros, reason = "targets without vectors")]
macro_rules! widen {
    ($Isa:ident, $n:literal, $V:ty; low $low:path, high $high:path) => {
        impl $crate::simd::Widen for $Isa {
            type Words = [$crate::simd::Bf16x2; $n];

            #[inline(always)]
            fn words(self, x: &[$crate::simd::Bf16x2]) -> &[Self::Words] {
                x.as_chunks().0
            }
            #[inline(always)]
            fn low(self, x: &Self::Words) -> $V {
                $low(x)
            }
            #[inline(always)]
            fn high(self, x: &Self::Words) -> $V {
                $high(x)
            }
        }
    };
}
#[allow(unused_imports, reason = "targets without vectors")]
pub(in crate::simd) use widen;
