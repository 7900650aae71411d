//! The two number types of the numeric kernels.

use core::fmt::{Debug, Display};
use core::iter::Sum;
use core::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

/// What every number type offers to the scalar code around the kernels.
///
/// Sealed by [`Float`](crate::simd::Float): it is `f32` and `f64` and nothing else, so that kernels need no
/// specialisation and no hidden conversions.
///
/// ```
/// use subquad::Real;
///
/// fn root_mean_square<T: Real>(x: &[T]) -> T {
///     let sum: T = x.iter().map(|&x| x * x).sum();
///     (sum / T::from_f64(x.len() as f64)).sqrt()
/// }
/// assert_eq!(root_mean_square(&[1.0f32, 7.0]), 5.0);
/// assert_eq!(root_mean_square(&[1.0f64, 7.0]), 5.0);
/// ```
pub trait Real:
    Copy
    + Debug
    + Display
    + Default
    + PartialEq
    + PartialOrd
    + Send
    + Sync
    + 'static
    + bytemuck::Pod
    + Neg<Output = Self>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + Sum
{
    /// 0
    const ZERO: Self;
    /// 1
    const ONE: Self;
    /// The distance from 1 to the next number.
    const EPSILON: Self;
    /// Above every finite number.
    const INFINITY: Self;

    /// Rounds to nearest.
    ///
    /// ```
    /// use subquad::Real;
    ///
    /// assert_eq!(f32::from_f64(0.1), 0.1f32);
    /// ```
    fn from_f64(x: f64) -> Self;
    /// Exact.
    ///
    /// ```
    /// use subquad::Real;
    ///
    /// assert_eq!(0.5f32.to_f64(), 0.5f64);
    /// ```
    fn to_f64(self) -> f64;
    /// Correctly rounded, also without std.
    ///
    /// ```
    /// assert_eq!(subquad::Real::sqrt(9.0f32), 3.0);
    /// ```
    fn sqrt(self) -> Self;
    /// Clears the sign bit.
    ///
    /// ```
    /// assert_eq!(subquad::Real::abs(-2.0f64), 2.0);
    /// ```
    fn abs(self) -> Self;
    /// Neither infinite nor NaN.
    ///
    /// ```
    /// use subquad::Real;
    ///
    /// assert!(!Real::is_finite(f32::INFINITY) && !Real::is_finite(f32::NAN) && Real::is_finite(f32::MAX));
    /// ```
    fn is_finite(self) -> bool;
    /// No number.
    ///
    /// ```
    /// assert!(subquad::Real::is_nan(0.0f32 / 0.0));
    /// ```
    fn is_nan(self) -> bool;
}

macro_rules! real {
    ($T:ident, $sqrt:path) => {
        impl Real for $T {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const EPSILON: Self = $T::EPSILON;
            const INFINITY: Self = $T::INFINITY;

            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                x as $T
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                // The same bits: std has the processor's instruction.
                #[cfg(feature = "std")]
                return <$T>::sqrt(self);
                #[cfg(not(feature = "std"))]
                $sqrt(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $T::abs(self)
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                $T::is_finite(self)
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                $T::is_nan(self)
            }
        }
    };
}

real!(f32, libm::sqrtf);
real!(f64, libm::sqrt);
