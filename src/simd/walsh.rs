//! What the Walsh-Hadamard transform asks of a vector beyond sums, and the only pointers it needs: strided columns of
//! vectors, checked once.

use core::marker::PhantomData;

use super::{Lanes, Scalar};

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod avx2;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod avx512;
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
mod neon;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;

/// A vector inside a Walsh-Hadamard transform: f32, f64, i32 and i16 (integers wrap).
///
/// ```
/// use subquad::simd::{Lanes, Scalar, Walsh};
///
/// fn butterfly<S: Walsh<i32>>(s: S, a: S::V, b: S::V) -> (S::V, S::V) {
///     (s.add(a, b), s.sub(a, b))
/// }
/// assert_eq!(butterfly(Scalar, 7, 3), (10, 4));
/// ```
pub trait Walsh<T>: Lanes<T> {
    /// The stages h = 1, 2, .. below `n` of the lanes: the transforms of `LANES / n` pieces of n elements.
    ///
    /// n is a power of two; from `LANES` on this is [`hadamard_lanes`](Lanes::hadamard_lanes).
    ///
    /// ```
    /// use subquad::simd::{Scalar, Walsh};
    ///
    /// assert_eq!(Walsh::<i32>::hadamard_below(Scalar, 1, 5), 5); // no stage is below 1
    /// ```
    fn hadamard_below(self, n: usize, v: Self::V) -> Self::V;
    /// -v where the bit is 1: lane i in bit i, bits above the lanes are ignored. Integers wrap.
    ///
    /// ```
    /// use subquad::simd::{Scalar, Walsh};
    ///
    /// assert_eq!([1, 0].map(|bits| Walsh::<i32>::negate(Scalar, bits, 5)), [-5, 5]);
    /// ```
    fn negate(self, bits: u64, v: Self::V) -> Self::V;
    /// a b, rounded once; integers wrap.
    ///
    /// ```
    /// use subquad::simd::{Scalar, Walsh};
    ///
    /// assert_eq!(Walsh::<i16>::times(Scalar, 300, 300), 300i16.wrapping_mul(300));
    /// ```
    fn times(self, a: Self::V, b: Self::V) -> Self::V;

    /// [`load`](Lanes::load) of `x`, then all stages of the lanes. `same` is `x` once more, where the compiler does not know that it is:
    /// two loads that permute on the way are cheaper than one and two permutations.
    ///
    /// ```
    /// use subquad::simd::{Scalar, Walsh};
    ///
    /// let x = 5i32;
    /// assert_eq!(Walsh::<i32>::load_hadamard(Scalar, &x, &x), 5);
    /// ```
    #[inline(always)]
    fn load_hadamard(self, x: &Self::Chunk, same: &Self::Chunk) -> Self::V {
        let _ = same;
        self.hadamard_below(Self::LANES, self.load(x))
    }
    /// -v in all lanes, or v.
    ///
    /// ```
    /// use subquad::simd::{Scalar, Walsh};
    ///
    /// assert_eq!([true, false].map(|minus| Walsh::<i32>::negate_if(Scalar, minus, 5)), [-5, 5]);
    /// ```
    #[inline(always)]
    fn negate_if(self, minus: bool, v: Self::V) -> Self::V {
        if minus { self.negate(u64::MAX, v) } else { v }
    }
}

macro_rules! scalar {
    ($T:ty, $negate:expr, $times:expr) => {
        impl Walsh<$T> for Scalar {
            #[inline(always)]
            fn hadamard_below(self, _: usize, v: $T) -> $T {
                v
            }
            #[inline(always)]
            fn negate(self, bits: u64, v: $T) -> $T {
                if bits & 1 == 1 { $negate(v) } else { v }
            }
            #[inline(always)]
            fn times(self, a: $T, b: $T) -> $T {
                $times(a, b)
            }
        }
    };
}
scalar!(f32, core::ops::Neg::neg, core::ops::Mul::mul);
scalar!(f64, core::ops::Neg::neg, core::ops::Mul::mul);
scalar!(i32, i32::wrapping_neg, i32::wrapping_mul);
scalar!(i16, i16::wrapping_neg, i16::wrapping_mul);

/// Columns of R vectors, one after the other, each read and then written: in place, or from one slice to another.
///
/// Row r of column c begins at element `c * step + r * row` of its slice; both sides have their own strides.
pub(crate) struct Walk<'a, T, S, const R: usize> {
    vectors: S,
    from: *const T,
    to: *mut T,
    from_row: usize,
    to_row: usize,
    from_step: usize,
    to_step: usize,
    left: usize,
    ahead: usize,
    data: PhantomData<&'a mut [T]>,
}

/// Strides of one side of a [`Walk`], in elements.
#[derive(Clone, Copy)]
pub(crate) struct Strides {
    /// From a row of a column to the next.
    pub row: usize,
    /// From a column to the next.
    pub step: usize,
}

/// Whether `columns` columns of `rows` vectors lie in a slice of `len` elements.
#[inline(always)]
fn fits(len: usize, at: Strides, rows: usize, columns: usize, lanes: usize) -> bool {
    if columns == 0 {
        return true;
    }
    if rows > 64 || at.row > usize::MAX / 64 {
        return false; // no slice is that long, and below that the first product does not overflow
    }
    let Some(right) = (columns - 1).checked_mul(at.step) else { return false };
    match ((rows - 1) * at.row).checked_add(right) {
        Some(last) => last <= len && lanes <= len - last,
        None => false,
    }
}

impl<'a, T, S: Lanes<T>, const R: usize> Walk<'a, T, S, R> {
    /// Over a slice, in place; nothing at all if a column would leave it.
    #[inline(always)]
    pub(crate) fn in_place(vectors: S, x: &'a mut [T], at: Strides, columns: usize) -> Self {
        let left = if fits(x.len(), at, R, columns, S::LANES) { columns } else { 0 };
        debug_assert_eq!(left, columns);
        let to = x.as_mut_ptr();
        Self {
            vectors,
            from: to.cast_const(),
            to,
            from_row: at.row,
            to_row: at.row,
            from_step: at.step,
            to_step: at.step,
            left,
            ahead: 0,
            data: PhantomData,
        }
    }

    /// From one slice to another; nothing at all if a column would leave one of them.
    #[inline(always)]
    pub(crate) fn between(vectors: S, from: &'a [T], source: Strides, to: &'a mut [T], target: Strides, columns: usize) -> Self {
        let inside = fits(from.len(), source, R, columns, S::LANES) && fits(to.len(), target, R, columns, S::LANES);
        debug_assert!(inside);
        Self {
            vectors,
            from: from.as_ptr(),
            to: to.as_mut_ptr(),
            from_row: source.row,
            to_row: target.row,
            from_step: source.step,
            to_step: target.step,
            left: if inside { columns } else { 0 },
            ahead: 0,
            data: PhantomData,
        }
    }

    /// Asks for the cache lines of what lies so many elements behind, as a hint, before each column.
    #[inline(always)]
    pub(crate) fn ahead(self, ahead: usize) -> Self {
        Self { ahead, ..self }
    }

    /// The next column. Only one is alive at a time, so that columns of an in-place walk may share elements.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Option<Column<'_, T, S, R>> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        if self.ahead > 0 {
            let mut r = 0;
            while r < R {
                prefetch(self.from.wrapping_add(r * self.from_row + self.ahead));
                r += 1;
            }
        }
        let column =
            Column { vectors: self.vectors, from: self.from, to: self.to, from_row: self.from_row, to_row: self.to_row, data: PhantomData };
        // One step behind the last column may lie outside the slice: `wrapping_add` may point there, and the pointer
        // is not used again.
        self.from = self.from.wrapping_add(self.from_step);
        self.to = self.to.wrapping_add(self.to_step);
        Some(column)
    }
}

/// R vectors of a [`Walk`].
pub(crate) struct Column<'w, T, S, const R: usize> {
    vectors: S,
    from: *const T,
    to: *mut T,
    from_row: usize,
    to_row: usize,
    data: PhantomData<&'w mut T>,
}

impl<T, S: Walsh<T>, const R: usize> Column<'_, T, S, R> {
    /// Row r, for r < R.
    #[inline(always)]
    fn row(&self, r: usize) -> &S::Chunk {
        // SAFETY: the walk was checked to hold R rows of `LANES` elements in every column, `Chunk` is the memory of
        // as many elements, and nothing else borrows the slice while `self` lives.
        unsafe { &*self.from.add(r * self.from_row).cast::<S::Chunk>() }
    }

    /// The vectors.
    #[inline(always)]
    pub(crate) fn load(&self) -> [S::V; R] {
        let mut v = [self.vectors.load(self.row(0)); R];
        let mut r = 1;
        while r < R {
            v[r] = self.vectors.load(self.row(r));
            r += 1;
        }
        v
    }

    /// The vectors, each transformed.
    #[inline(always)]
    pub(crate) fn load_hadamard(&self) -> [S::V; R] {
        let again = Self { from: opaque(self.from), ..*self };
        let mut v = [self.vectors.load_hadamard(self.row(0), again.row(0)); R];
        let mut r = 1;
        while r < R {
            v[r] = self.vectors.load_hadamard(self.row(r), again.row(r));
            r += 1;
        }
        v
    }

    /// Writes the vectors, the last one first: where the rows push one another out of a set of the cache, those that were read last are
    /// still there, and the others do not push them out in turn before they are met (a tenth of the time of 28 rows 2 KiB apart).
    #[inline(always)]
    pub(crate) fn store(self, v: &[S::V; R]) {
        let mut r = R;
        while r > 0 {
            r -= 1;
            // SAFETY: as in `row`; the reference made there is gone.
            let to = unsafe { &mut *self.to.add(r * self.to_row).cast::<S::Chunk>() };
            self.vectors.store(to, v[r]);
        }
    }
}

/// A hint that memory will be read soon. Any address will do.
#[inline(always)]
fn prefetch<T>(x: *const T) {
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    // SAFETY: part of SSE; the instruction never faults.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(x.cast())
    }
    #[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
    let _ = x;
}

/// The same pointer, of which the compiler no longer knows that it is the same.
#[inline(always)]
fn opaque<T>(x: *const T) -> *const T {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        let mut same = x;
        #[allow(clippy::pointers_in_nomem_asm_block, reason = "nothing is read through the pointer here")]
        // SAFETY: an empty instruction: it touches neither memory nor registers, and hands the pointer back.
        unsafe {
            core::arch::asm!("/* {0} */", inout(reg) same, options(pure, nomem, nostack, preserves_flags))
        };
        same
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    x
}

/// Elements from the start of the slice to the next cache line, or 0 where elements do not meet its border.
#[inline(always)]
pub(crate) fn to_cache_line<T>(x: &[T]) -> usize {
    let left = (64 - x.as_ptr().addr() % 64) % 64;
    if left.is_multiple_of(size_of::<T>()) { left / size_of::<T>() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::{Strides, Walk, fits, to_cache_line};
    use crate::simd::Scalar;

    /// Against the last element that a walk reads, for all small shapes; and shapes whose products overflow.
    #[test]
    fn a_walk_fits_if_its_last_vector_does() {
        for (len, lanes) in (0..40).flat_map(|len| [1, 4].map(|lanes| (len, lanes))) {
            for (rows, columns) in (1..5).flat_map(|rows| (0..5).map(move |columns| (rows, columns))) {
                for (row, step) in (0..8).flat_map(|row| (0..8).map(move |step| (row, step))) {
                    let end = (0..rows).flat_map(|r| (0..columns).map(move |c| r * row + c * step + lanes)).max().unwrap_or(0);
                    let found = fits(len, Strides { row, step }, rows, columns, lanes);
                    assert_eq!(found, end <= len, "{rows} rows {row} apart, {columns} columns {step} apart, {lanes} lanes in {len}");
                }
            }
        }
        let huge = usize::MAX / 2 + 1;
        for (row, step, rows, columns) in
            [(huge, 1, 3, 1), (1, huge, 1, 3), (usize::MAX, 0, 2, 1), (0, usize::MAX, 1, 2), (huge / 2, huge, 3, 2)]
        {
            assert!(!fits(1000, Strides { row, step }, rows, columns, 1), "{rows} rows {row} apart, {columns} columns {step} apart");
        }
        assert!(
            !fits(1000, Strides { row: usize::MAX / 64 + 1, step: 0 }, 65, 1, 1)
                && !fits(usize::MAX, Strides { row: 1, step: 1 }, 65, 1, 1)
        );
        assert!(fits(64 * 9, Strides { row: 9, step: 1 }, 64, 9, 1));
        assert!(fits(usize::MAX, Strides { row: usize::MAX / 64, step: 1 }, 64, 1, 1), "the largest distance of rows");
    }

    #[cfg(debug_assertions)]
    fn between(from: usize, to: usize) -> usize {
        let (from, mut to) = (std::vec![1.0f32; from], std::vec![0.0f32; to]);
        let at = Strides { row: 2, step: 1 };
        let mut walk = Walk::<f32, Scalar, 2>::between(Scalar, &from, at, &mut to, at, 2);
        let mut columns = 0;
        while walk.next().is_some() {
            columns += 1;
        }
        columns
    }

    #[test]
    #[cfg(debug_assertions)]
    fn a_walk_between_slices_that_hold_it() {
        assert_eq!(between(4, 4), 2);
    }
    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "inside")]
    fn no_walk_from_a_slice_that_is_too_short() {
        between(3, 4);
    }
    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "inside")]
    fn no_walk_to_a_slice_that_is_too_short() {
        between(4, 3);
    }

    #[test]
    fn the_next_line_of_the_cache() {
        let x = [0u8; 200];
        for from in 0..64 {
            let rest = &x[from..];
            assert!((rest.as_ptr().addr() + to_cache_line(rest)).is_multiple_of(64) && to_cache_line(rest) < 64);
        }
        let words = [0.0f64; 20];
        for from in 0..8 {
            let rest = &words[from..];
            assert!((rest.as_ptr().addr() + 8 * to_cache_line(rest)).is_multiple_of(64) && to_cache_line(rest) < 8);
        }
        // Three bytes an element: only every third place meets a border.
        let odd = [[0u8; 3]; 100];
        for from in 0..64 {
            let rest = &odd[from..];
            let at = rest.as_ptr().addr() + 3 * to_cache_line(rest);
            assert!(at.is_multiple_of(64) || to_cache_line(rest) == 0);
        }
    }
}
