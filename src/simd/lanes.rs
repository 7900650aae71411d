//! What every instruction set's file says of its vectors, once: the macros that turn names of intrinsics into
//! implementations of [`Lanes`](super::Lanes) and [`Simd`](super::Simd).
//!
//! Functions, not closures, are handed over: a closure is a function without the instruction set's features, in which
//! intrinsics may stay calls.

/// `lanes! { Token, element, lanes, vector; load .., store .., splat .., add .., sub .., hadamard .. }`
///
/// Where an instruction set loads and stores parts of a vector under a mask, `parts (mask type) load, store` names how;
/// elsewhere a part goes through an array on the stack.
#[allow(unused_macros, reason = "targets without vectors")]
macro_rules! lanes {
    ($Isa:ident, $T:ty, $n:literal, $V:ty; load $load:path, store $store:path, splat $splat:path, add $add:path, sub $sub:path,
     hadamard $hadamard:path $(: $below:literal)? $(, parts ($Mask:ty) $load_part:path, $store_part:path)?) => {
        #[allow(unused_unsafe, reason = "safe where the features are compiled in")]
        impl $crate::simd::Lanes<$T> for $Isa {
            const LANES: usize = $n;
            type Chunk = [$T; $n];
            type V = $V;

            #[inline(always)]
            fn chunks(self, x: &[$T]) -> (&[[$T; $n]], &[$T]) {
                x.as_chunks()
            }
            #[inline(always)]
            fn chunks_mut(self, x: &mut [$T]) -> (&mut [[$T; $n]], &mut [$T]) {
                x.as_chunks_mut()
            }
            #[inline(always)]
            fn load(self, x: &[$T; $n]) -> $V {
                // SAFETY: the token proves the features; the array is the memory of one vector, the load unaligned.
                unsafe { $load(x.as_ptr().cast()) }
            }
            #[inline(always)]
            fn store(self, to: &mut [$T; $n], v: $V) {
                // SAFETY: the token proves the features; the array is the memory of one vector, the store unaligned.
                unsafe { $store(to.as_mut_ptr().cast(), v) }
            }
            lanes!(@parts $T, $n, $V $(, $Mask, $load_part, $store_part)?);
            #[inline(always)]
            fn splat(self, x: $T) -> $V {
                // SAFETY: the token proves the features.
                unsafe { $splat(x) }
            }
            #[inline(always)]
            fn add(self, a: $V, b: $V) -> $V {
                // SAFETY: the token proves the features.
                unsafe { $add(a, b) }
            }
            #[inline(always)]
            fn sub(self, a: $V, b: $V) -> $V {
                // SAFETY: the token proves the features.
                unsafe { $sub(a, b) }
            }
            #[inline(always)]
            fn hadamard_lanes(self, v: $V) -> $V {
                $hadamard($($below,)? v)
            }
        }
    };
    (@parts $T:ty, $n:literal, $V:ty) => {
        #[inline(always)]
        fn load_part(self, x: &[$T]) -> $V {
            let mut chunk = [<$T>::default(); $n];
            chunk.iter_mut().zip(x).for_each(|(to, &from)| *to = from);
            $crate::simd::Lanes::<$T>::load(self, &chunk)
        }
        #[inline(always)]
        fn store_part(self, to: &mut [$T], v: $V) {
            let mut chunk = [<$T>::default(); $n];
            $crate::simd::Lanes::<$T>::store(self, &mut chunk, v);
            to.iter_mut().zip(chunk).for_each(|(to, from)| *to = from);
        }
    };
    (@parts $T:ty, $n:literal, $V:ty, $Mask:ty, $load_part:path, $store_part:path) => {
        #[inline(always)]
        fn load_part(self, x: &[$T]) -> $V {
            let mask = ((1u64 << x.len().min($n)) - 1) as $Mask;
            // SAFETY: the token proves the features; only lanes inside the slice are read.
            unsafe { $load_part(mask, x.as_ptr()) }
        }
        #[inline(always)]
        fn store_part(self, to: &mut [$T], v: $V) {
            let mask = ((1u64 << to.len().min($n)) - 1) as $Mask;
            // SAFETY: the token proves the features; only lanes inside the slice are written.
            unsafe { $store_part(to.as_mut_ptr(), mask, v) }
        }
    };
}
#[allow(unused_imports, reason = "targets without vectors")]
pub(in crate::simd) use lanes;

/// `simd! { Token, float, vector; mul .., mul_add .., gt .., keep .., sum .. }`
#[allow(unused_macros, reason = "targets without vectors")]
macro_rules! simd {
    ($Isa:ident, $T:ty, $V:ty; mul $mul:path, mul_add $mul_add:path, gt $gt:path, keep $keep:path, sum $sum:path) => {
        #[allow(unused_unsafe, reason = "safe where the features are compiled in")]
        impl $crate::simd::Simd<$T> for $Isa {
            #[inline(always)]
            fn mul(self, a: $V, b: $V) -> $V {
                // SAFETY: the token proves the features.
                unsafe { $mul(a, b) }
            }
            #[inline(always)]
            fn mul_add(self, a: $V, b: $V, c: $V) -> $V {
                // SAFETY: the token proves the features.
                unsafe { $mul_add(a, b, c) }
            }
            #[inline(always)]
            fn gt(self, a: $V, b: $V) -> u64 {
                $gt(a, b)
            }
            #[inline(always)]
            fn keep(self, bits: u64, v: $V) -> $V {
                $keep(bits, v)
            }
            #[inline(always)]
            fn sum(self, v: $V) -> $T {
                $sum(v)
            }
        }
    };
}
#[allow(unused_imports, reason = "targets without vectors")]
pub(super) use simd;
