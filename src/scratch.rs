//! Arithmetic for scratch lengths, and taking pieces off a scratch slice.
//!
//! A kernel that needs room says how much through a `const fn NAME_scratch_len(dims) -> usize`, in elements. Scratch
//! is the last argument, may be longer than needed, may hold anything, and needs no alignment.
//!
//! Needs at the same time add up ([`all_of`]), needs one after the other share ([`any_of`]), a matrix needs rows x columns ([`area`]); all of
//! them saturate. Constant time, and mostly compile time.

use crate::error::Error;

/// Room for several things that live at the same time. Saturates: a need that overflows can never be met, so the
/// length check at the kernel's door fails instead of wrapping.
///
/// ```
/// use subquad::scratch::all_of;
///
/// assert_eq!(all_of(&[100, 20, 3]), 123);
/// assert_eq!(all_of(&[usize::MAX, 1]), usize::MAX);
/// ```
pub const fn all_of(parts: &[usize]) -> usize {
    let mut sum = 0usize;
    let mut i = 0;
    while i < parts.len() {
        sum = sum.saturating_add(parts[i]);
        i += 1;
    }
    sum
}

/// Room for several things that are never alive together.
///
/// ```
/// // Two phases of one computation use the same room, one after the other.
/// assert_eq!(subquad::scratch::any_of(&[100, 20, 3]), 100);
/// ```
pub const fn any_of(parts: &[usize]) -> usize {
    let mut most = 0usize;
    let mut i = 0;
    while i < parts.len() {
        if parts[i] > most {
            most = parts[i];
        }
        i += 1;
    }
    most
}

/// Room for a matrix; saturating like [`all_of`].
///
/// ```
/// assert_eq!(subquad::scratch::area(3, 4), 12);
/// ```
pub const fn area(rows: usize, cols: usize) -> usize {
    rows.saturating_mul(cols)
}

/// Splits the first `len` elements off.
///
/// ```
/// let mut scratch = [0.0f32; 10];
/// let (residual, rest) = subquad::scratch::take(&mut scratch, 4)?;
/// assert_eq!((residual.len(), rest.len()), (4, 6));
/// assert!(subquad::scratch::take(rest, 7).is_err());
/// # Ok::<(), subquad::Error>(())
/// ```
#[inline]
pub fn take<T>(scratch: &mut [T], len: usize) -> Result<(&mut [T], &mut [T]), Error> {
    let found = scratch.len();
    scratch.split_at_mut_checked(len).ok_or(Error::too_short("scratch", len, found))
}

/// The first `len` elements and those behind; fewer where there are no more.
///
/// For pieces of what a kernel's door has checked: like [`part`], it leaves the compiler no way to panic, which code for
/// bare machines would have to carry.
#[inline(always)]
pub(crate) fn split<T>(x: &mut [T], len: usize) -> (&mut [T], &mut [T]) {
    let len = len.min(x.len());
    x.split_at_mut(len)
}

/// `len` elements from `from` on; none where there are not as many.
#[inline(always)]
pub(crate) fn part<T>(x: &[T], from: usize, len: usize) -> &[T] {
    x.get(from..).and_then(|x| x.get(..len)).unwrap_or_default()
}

/// [`part`], to write.
#[inline(always)]
pub(crate) fn part_mut<T>(x: &mut [T], from: usize, len: usize) -> &mut [T] {
    x.get_mut(from..).and_then(|x| x.get_mut(..len)).unwrap_or_default()
}

/// Copies as many numbers as both have.
#[inline(always)]
pub(crate) fn copy<T: Copy>(from: &[T], to: &mut [T]) {
    to.iter_mut().zip(from).for_each(|(to, &x)| *to = x);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_add_up_and_never_wrap() {
        assert_eq!(all_of(&[]), 0);
        assert_eq!(all_of(&[1, 2, 3]), 6);
        assert_eq!(all_of(&[usize::MAX, 2]), usize::MAX);
        assert_eq!(any_of(&[]), 0);
        assert_eq!(any_of(&[1, 7, 3]), 7);
        assert_eq!(area(usize::MAX / 2, 3), usize::MAX);
    }

    #[test]
    fn taking_too_much_names_both_lengths() {
        let mut buffer = [0u8; 4];
        assert_eq!(take(&mut buffer, 5).unwrap_err(), Error::too_short("scratch", 5, 4));
        let (head, rest) = take(&mut buffer, 3).unwrap();
        assert_eq!((head.len(), rest.len()), (3, 1));
    }
}
