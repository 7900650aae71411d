//! The table of instruction sets, their tokens, [`Level`], and the macro that makes one entry per row.

use super::stored::LINE;
use super::{Bf16x2, Reads, Simd, Walsh};
use crate::float::Real;

/// Hands the table to a macro: best first, one row per instruction set, as `[cfg] Token name (features)`.
///
/// x86 rows ask for SSE2 at compile time: on soft-float targets such as `x86_64-unknown-none`, AVX kernels would
/// compile, without a warning, into calls of soft-float routines.
macro_rules! for_each_isa {
    ($then:ident $sig:tt) => {
        $then! { $sig
            [all(target_arch = "x86_64", target_feature = "sse2")] Avx512 avx512
                ("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512vbmi2", "avx512vpopcntdq", "avx512vnni", "avx2", "fma", "bmi2", "popcnt");
            [all(target_arch = "x86_64", target_feature = "sse2")] Avx2 avx2 ("avx2", "fma", "bmi2", "popcnt");
            [all(target_arch = "aarch64", target_feature = "neon")] Neon neon ("neon");
            [all(target_arch = "wasm32", target_feature = "simd128")] Simd128 simd128 ("simd128");
        }
    };
}

/// Whether the processor has a feature: asked at run time under `std` (or by `cpuid`), else what was compiled in.
#[cfg(all(feature = "std", target_arch = "x86_64"))]
macro_rules! has {
    ($f:tt) => {
        std::arch::is_x86_feature_detected!($f)
    };
}
#[cfg(all(feature = "cpuid", not(feature = "std"), target_arch = "x86_64", target_feature = "sse2"))]
macro_rules! has {
    ($f:tt) => {
        (cfg!(target_feature = $f) || super::cpuid::has($f))
    };
}
#[cfg(not(any(
    all(feature = "std", target_arch = "x86_64"),
    all(feature = "cpuid", not(feature = "std"), target_arch = "x86_64", target_feature = "sse2")
)))]
#[allow(unused_macros, reason = "targets without a row ask nothing")]
macro_rules! has {
    ($f:tt) => {
        cfg!(target_feature = $f)
    };
}

/// Only this module's types implement its traits.
pub trait Sealed {}

/// The token of plain code: always there.
///
/// ```
/// use subquad::{Level, hadamard::fwht, simd::Scalar};
///
/// let mut x = [1.0f32, 2.0];
/// fwht(Level::Scalar(Scalar), &mut x)?;
/// assert_eq!(x, [3.0, -1.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scalar;
impl Sealed for Scalar {}

macro_rules! define {
    ({} $([$cfg:meta] $Isa:ident $isa:ident ($($f:tt),+);)*) => {
        $(
            /// A proof that this processor has the instruction set.
            ///
            /// ```
            /// use subquad::Level;
            ///
            /// // A level of this kind holds the proof; who has none gets the plain one.
            /// assert!(Level::available().any(|level| matches!(level, Level::Scalar(_))));
            /// ```
            #[cfg($cfg)]
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub struct $Isa(());
            #[cfg($cfg)]
            impl Sealed for $Isa {}
            #[cfg($cfg)]
            impl $Isa {
                /// The token, without asking the processor. For bare metal, where nobody can be asked.
                ///
                /// # Safety
                /// Safe where the same features are enabled; `unsafe` anywhere else, where the caller vouches for them:
                /// the processor has them, and the system saves their registers.
                ///
                /// ```
                /// # #[cfg(target_arch = "x86_64")]
                /// if subquad::simd::Avx2::detect().is_some() {
                ///     // SAFETY: the processor has just been asked.
                ///     let token = unsafe { subquad::simd::Avx2::assume() };
                ///     assert_eq!(subquad::Level::Avx2(token).name(), "avx2");
                /// }
                /// ```
                #[inline]
                #[target_feature($(enable = $f),+)]
                pub fn assume() -> Self {
                    Self(())
                }

                /// The token, if the processor has the instruction set.
                ///
                /// ```
                /// # #[cfg(target_arch = "x86_64")]
                /// if let Some(token) = subquad::simd::Avx2::detect() {
                ///     assert_eq!(subquad::Level::Avx2(token).name(), "avx2");
                /// }
                /// ```
                #[allow(unused_unsafe, reason = "safe where the features are compiled in")]
                pub fn detect() -> Option<Self> {
                    if $(has!($f))&&+ {
                        // SAFETY: every feature named on `assume` has just been found.
                        Some(unsafe { Self::assume() })
                    } else {
                        None
                    }
                }
            }
        )*

        /// Which instruction set a kernel uses: one byte, held by the caller, the first argument of every kernel.
        ///
        /// ```
        /// use subquad::Level;
        ///
        /// let level = Level::detect();
        /// let mut x = [1.0f32, 0.0, 0.0, 0.0];
        /// subquad::hadamard::fwht(level, &mut x)?;
        /// assert_eq!(x, [1.0; 4]);
        /// # Ok::<(), subquad::Error>(())
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Level {
            $(
                /// Proven by its token.
                #[cfg($cfg)]
                $Isa($Isa),
            )*
            /// Plain code, on every machine.
            Scalar(Scalar),
        }

        impl Level {
            /// The names of all levels of all machines, best first.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($isa),)* "scalar"];

            /// Every level that this processor has, best first; the last is the scalar one.
            ///
            /// ```
            /// use subquad::{Level, hadamard::fwht};
            ///
            /// for level in Level::available() {
            ///     let mut x = [7, 3];
            ///     fwht(level, &mut x)?;
            ///     assert_eq!(x, [10, 4], "{level}");
            /// }
            /// assert_eq!(Level::available().last().unwrap().name(), "scalar");
            /// # Ok::<(), subquad::Error>(())
            /// ```
            pub fn available() -> impl Iterator<Item = Self> {
                [
                    $(#[cfg($cfg)] $Isa::detect().map(Self::$Isa),)*
                    Some(Self::Scalar(Scalar)),
                ].into_iter().flatten()
            }

            /// As [`Level::NAMES`] spells it.
            ///
            /// ```
            /// use subquad::Level;
            ///
            /// let name = Level::detect().name();
            /// assert!(Level::NAMES.contains(&name));
            /// assert_eq!(name.parse(), Ok(Level::detect()));
            /// ```
            pub const fn name(self) -> &'static str {
                match self {
                    $(#[cfg($cfg)] Self::$Isa(_) => stringify!($isa),)*
                    Self::Scalar(_) => "scalar",
                }
            }
        }

        /// A type that lies in vectors. Sealed.
        ///
        /// ```
        /// use subquad::{Element, Level, hadamard::fwht};
        ///
        /// fn sum_and_difference<T: Element>(mut pair: [T; 2]) -> [T; 2] {
        ///     fwht(Level::detect(), &mut pair).expect("2 is a power of two");
        ///     pair
        /// }
        /// assert_eq!(sum_and_difference([7i16, 3]), [10, 4]);
        /// assert_eq!(sum_and_difference([0.75f64, 0.25]), [1.0, 0.5]);
        /// ```
        pub trait Element: bytemuck::Pod + PartialEq + Send + Sync + Sealed {
            $(
                /// Its vectors at this level.
                #[cfg($cfg)]
                type $Isa: Walsh<Self> + From<$Isa>;
            )*
            /// Its "vectors" at the scalar level: one element.
            type Scalar: Walsh<Self> + From<Scalar>;
        }

        /// The floats of the kernels: `f32` and `f64`. Sealed.
        ///
        /// ```
        /// use subquad::{Float, Level, blas};
        ///
        /// fn length<T: Float>(x: &[T]) -> T {
        ///     blas::norm_squared(Level::detect(), x).sqrt()
        /// }
        /// assert_eq!(length(&[3.0f32, 4.0]), 5.0);
        /// ```
        pub trait Float: Real + Element + Stored<Number = Self> {
            $(
                /// Its vectors at this level.
                #[cfg($cfg)]
                type $Isa: Simd<Self> + From<$Isa>;
            )*
            /// Its "vectors" at the scalar level: one element.
            type Scalar: Simd<Self> + From<Scalar>;
        }

        /// What the numbers of a matrix lie in memory as: `f32` and `f64` themselves, and two bfloat16 in a word, which are read as `f32`.
        /// Sealed.
        ///
        /// ```
        /// use subquad::simd::{Bf16x2, Stored};
        ///
        /// fn bytes_of_a_line<E: Stored>() -> usize {
        ///     size_of::<E::Line>()
        /// }
        /// assert_eq!((bytes_of_a_line::<f64>(), bytes_of_a_line::<f32>(), bytes_of_a_line::<Bf16x2>()), (512, 256, 128));
        /// ```
        pub trait Stored: bytemuck::Pod + Send + Sync + Sealed {
            /// What it is read as.
            type Number: Float;
            /// A line of [`LINE`] columns.
            type Line: Copy + AsRef<[Self]>;
            /// Columns in an element.
            const COLUMNS: usize;

            /// Cuts a slice into lines.
            ///
            /// ```
            /// use subquad::simd::{Bf16x2, Stored};
            ///
            /// assert_eq!(Bf16x2::lines(&[Bf16x2::default(); 100]).len(), 3);
            /// ```
            fn lines(x: &[Self]) -> &[Self::Line];

            /// The key of a column of the line that begins at element `from`: what [`pick`](Self::pick) understands.
            ///
            /// ```
            /// use subquad::simd::Stored;
            ///
            /// assert_eq!(f32::key(100, 5), 105);
            /// ```
            fn key(from: usize, column: usize) -> usize;

            /// The number of a key, if there is one.
            ///
            /// ```
            /// use subquad::simd::{Bf16x2, Stored};
            ///
            /// let line = [Bf16x2::new(2.0, 3.0); 32];
            /// assert_eq!(Bf16x2::pick(&line, Bf16x2::key(0, 16)), Some(3.0));
            /// ```
            fn pick(x: &[Self], key: usize) -> Option<Self::Number>;

            /// Writes a column of the line that is here, as near as it can be stored.
            ///
            /// ```
            /// use subquad::simd::{Bf16x2, Stored};
            ///
            /// let mut line = [Bf16x2::default(); 32];
            /// Bf16x2::put(&mut line, 16, 3.0);
            /// assert_eq!(line[0], Bf16x2::new(0.0, 3.0));
            /// ```
            fn put(line: &mut [Self], column: usize, x: Self::Number);

            $(
                /// Vectors that read it at this level.
                #[cfg($cfg)]
                type $Isa: Reads<Self> + From<$Isa>;
            )*
            /// "Vectors" that read it at the scalar level.
            type Scalar: Reads<Self> + From<Scalar>;
        }
    };
}
for_each_isa!(define {});

impl Level {
    /// The best level of this processor: found at run time under `std` (or feature `cpuid`), else what was
    /// compiled in.
    ///
    /// ```
    /// use subquad::Level;
    ///
    /// assert_eq!(Some(Level::detect()), Level::available().next());
    /// ```
    pub fn detect() -> Self {
        Self::available().next().unwrap_or(Self::Scalar(Scalar))
    }
}

impl core::fmt::Display for Level {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

/// No level of this name on this processor.
///
/// ```
/// use subquad::Level;
///
/// let unknown = "avx3".parse::<Level>().unwrap_err();
/// assert!(!unknown.exists_elsewhere);
/// assert!(unknown.to_string().starts_with("no such level; this processor has"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownLevel {
    /// Some other machine has it: the name is right, the processor is not.
    pub exists_elsewhere: bool,
}

impl core::fmt::Display for UnknownLevel {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(if self.exists_elsewhere {
            "this processor does not have that level; it has"
        } else {
            "no such level; this processor has"
        })?;
        for (i, level) in Level::available().enumerate() {
            write!(f, "{}{level}", if i == 0 { " " } else { ", " })?;
        }
        Ok(())
    }
}

impl core::error::Error for UnknownLevel {}

impl core::str::FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(name: &str) -> Result<Self, UnknownLevel> {
        Self::available().find(|level| level.name() == name).ok_or(UnknownLevel { exists_elsewhere: Self::NAMES.contains(&name) })
    }
}

macro_rules! families {
    ({ $Trait:ident $T:ty { $($more:tt)* } } $([$cfg:meta] $Isa:ident $isa:ident $fs:tt;)*) => {
        impl $Trait for $T {
            $(#[cfg($cfg)] type $Isa = $Isa;)*
            type Scalar = Scalar;
            $($more)*
        }
    };
}
impl Sealed for f32 {}
impl Sealed for f64 {}
impl Sealed for i32 {}
impl Sealed for i16 {}
for_each_isa!(families { Element f32 {} });
for_each_isa!(families { Element f64 {} });
for_each_isa!(families { Element i32 {} });
for_each_isa!(families { Element i16 {} });
for_each_isa!(families { Float f32 {} });
for_each_isa!(families { Float f64 {} });

/// Numbers that are stored as they are.
macro_rules! themselves {
    ($T:ty) => {
        for_each_isa!(families { Stored $T {
            type Number = $T;
            type Line = [$T; LINE];
            const COLUMNS: usize = 1;

            #[inline(always)]
            fn lines(x: &[$T]) -> &[[$T; LINE]] {
                x.as_chunks().0
            }
            #[inline(always)]
            fn key(from: usize, column: usize) -> usize {
                from + column
            }
            #[inline(always)]
            fn pick(x: &[$T], key: usize) -> Option<$T> {
                x.get(key).copied()
            }
            #[inline(always)]
            fn put(line: &mut [$T], column: usize, x: $T) {
                if let Some(to) = line.get_mut(column) {
                    *to = x;
                }
            }
        } });
    };
}
themselves!(f32);
themselves!(f64);
for_each_isa!(families { Stored Bf16x2 {
    type Number = f32;
    type Line = [Bf16x2; LINE / 2];
    const COLUMNS: usize = 2;

    #[inline(always)]
    fn lines(x: &[Bf16x2]) -> &[[Bf16x2; LINE / 2]] {
        x.as_chunks().0
    }
    /// The word, and in the lowest bit which half.
    #[inline(always)]
    fn key(from: usize, column: usize) -> usize {
        (from + column / 32 * 16 + column % 16) * 2 + column / 16 % 2
    }
    #[inline(always)]
    fn pick(x: &[Bf16x2], key: usize) -> Option<f32> {
        let halves: &[u16] = bytemuck::cast_slice(x);
        let half = halves.get(if cfg!(target_endian = "big") { key ^ 1 } else { key })?;
        Some(f32::from_bits(u32::from(*half) << 16))
    }
    #[inline(always)]
    fn put(line: &mut [Bf16x2], column: usize, x: f32) {
        let key = Self::key(0, column);
        if let Some(to) = line.get_mut(key / 2) {
            *to = if key.is_multiple_of(2) { Bf16x2::new(x, to.high()) } else { Bf16x2::new(to.low(), x) };
        }
    }
} });

/// Makes the public face of a kernel: a function that takes a [`Level`] first and enters the body's copy for it.
///
/// `fn name<T: Float>(..) = body;` calls `body(token, ..)` with a token that is [`Simd<T>`]; with `T: Element` it is
/// [`Walsh<T>`]; without a type the token is the instruction set's own. Each copy is a function of its own, named
/// after the level, so that profilers and `nm` show it. Arguments are checked before, by the caller: a body is entered
/// with sound ones, because every copy carries what it contains.
macro_rules! multiversion {
    ($(#[$m:meta])* $v:vis fn $name:ident<$T:ident: $Bound:ident>($($a:ident: $t:ty),* $(,)?) $(-> $r:ty)? = $body:path;) => {
        $(#[$m])*
        #[allow(unreachable_code, reason = "with the best level compiled in, the last line is not reached")]
        $v fn $name<$T: $crate::simd::$Bound>(level: $crate::simd::Level, $($a: $t),*) $(-> $r)? {
            for_each_isa!(entries { level $body, [$T $Bound] ($($a: $t),*) ($($r)?) });
            let _ = level; // on targets without a row nobody else reads it
            $body(<<$T as $crate::simd::$Bound>::Scalar as From<$crate::simd::Scalar>>::from($crate::simd::Scalar), $($a),*)
        }
    };
    ($(#[$m:meta])* $v:vis fn $name:ident($($a:ident: $t:ty),* $(,)?) $(-> $r:ty)? = $body:path;) => {
        $(#[$m])*
        #[allow(unreachable_code, reason = "with the best level compiled in, the last line is not reached")]
        $v fn $name(level: $crate::simd::Level, $($a: $t),*) $(-> $r)? {
            for_each_isa!(entries { level $body, [] ($($a: $t),*) ($($r)?) });
            let _ = level; // on targets without a row nobody else reads it
            $body($crate::simd::Scalar, $($a),*)
        }
    };
}

#[allow(unused_macros, reason = "targets without a row have no entries")]
macro_rules! entries {
    ($sig:tt $([$cfg:meta] $Isa:ident $isa:ident $fs:tt;)*) => {
        $(#[cfg($cfg)] entry!($Isa $isa $fs $sig);)*
    };
}

#[allow(unused_macros, reason = "targets without a row have no entries")]
macro_rules! entry {
    ($Isa:ident $isa:ident ($($f:tt),+) { $level:ident $body:path, [$T:ident $Bound:ident] ($($a:ident: $t:ty),*) ($($r:ty)?) }) => {
        if let $crate::simd::Level::$Isa(token) = $level {
            #[target_feature($(enable = $f),+)]
            fn $isa<$T: $crate::simd::$Bound>(token: $crate::simd::$Isa, $($a: $t),*) $(-> $r)? {
                $body(<<$T as $crate::simd::$Bound>::$Isa as From<$crate::simd::$Isa>>::from(token), $($a),*)
            }
            #[allow(unused_unsafe, unsafe_code, reason = "safe where the features are compiled in")]
            // SAFETY: the token in `level` proves that the processor has the features.
            return unsafe { $isa::<$T>(token, $($a),*) };
        }
    };
    ($Isa:ident $isa:ident ($($f:tt),+) { $level:ident $body:path, [] ($($a:ident: $t:ty),*) ($($r:ty)?) }) => {
        if let $crate::simd::Level::$Isa(token) = $level {
            #[target_feature($(enable = $f),+)]
            fn $isa(token: $crate::simd::$Isa, $($a: $t),*) $(-> $r)? {
                $body(token, $($a),*)
            }
            #[allow(unused_unsafe, unsafe_code, reason = "safe where the features are compiled in")]
            // SAFETY: the token in `level` proves that the processor has the features.
            return unsafe { $isa(token, $($a),*) };
        }
    };
}
