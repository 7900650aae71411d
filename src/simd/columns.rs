//! Walking J strided streams in step: the broadcast side of every register tile.

use core::marker::PhantomData;

/// Yields, for p = 0 .. depth, the J numbers `a[p * step + j * stride]`.
///
/// The bounds are checked once, at construction. With a check per number instead, a tile of 12 x 2 vectors
/// spends a third of its instructions on comparisons and can no longer broadcast straight from memory.
pub(crate) struct Columns<'a, T, const J: usize> {
    at: *const T,
    stride: usize,
    step: usize,
    left: usize,
    data: PhantomData<&'a [T]>,
}

/// The walk over `a`, or `None` if it would leave the slice.
#[inline(always)]
pub(crate) fn columns<T, const J: usize>(a: &[T], stride: usize, step: usize, depth: usize) -> Option<Columns<'_, T, J>> {
    if depth > 0 && J > 0 {
        let last = (depth - 1).checked_mul(step)?.checked_add((J - 1).checked_mul(stride)?)?;
        if last >= a.len() {
            return None;
        }
    }
    Some(Columns { at: a.as_ptr(), stride, step, left: depth, data: PhantomData })
}

impl<T: Copy, const J: usize> Iterator for Columns<'_, T, J> {
    type Item = [T; J];

    #[inline(always)]
    fn next(&mut self) -> Option<[T; J]> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let at = self.at;
        let stride = self.stride;
        // One step behind the last column may lie outside the slice: `wrapping_add` may point there, and the pointer
        // is not read again.
        self.at = at.wrapping_add(self.step);
        let mut column = [const { core::mem::MaybeUninit::uninit() }; J];
        let mut j = 0;
        while j < J {
            // SAFETY: `columns` checked that the element at (depth - 1) * step + (J - 1) * stride lies in the slice;
            // all others come before it, and the slice is borrowed for as long as `self` lives.
            column[j] = core::mem::MaybeUninit::new(unsafe { *at.add(j * stride) });
            j += 1;
        }
        // SAFETY: all J elements have just been written.
        Some(unsafe { core::mem::transmute_copy::<[core::mem::MaybeUninit<T>; J], [T; J]>(&column) })
    }
}

#[cfg(test)]
mod tests {
    use super::columns;

    #[test]
    fn walks_rows_and_columns_and_stops_at_the_end() {
        let a: [u32; 12] = core::array::from_fn(|i| i as u32);
        let mut down = columns::<_, 3>(&a, 4, 1, 4).unwrap(); // a 3 x 4 matrix, column by column
        assert_eq!(down.next(), Some([0, 4, 8]));
        assert_eq!(down.next(), Some([1, 5, 9]));
        assert_eq!(down.last(), Some([3, 7, 11]));
        let across = columns::<_, 4>(&a, 1, 4, 3).unwrap(); // row by row
        assert_eq!(across.last(), Some([8, 9, 10, 11]));
        assert!(columns::<_, 3>(&a, 4, 1, 5).is_none());
        assert!(columns::<_, 2>(&a, usize::MAX, 1, 2).is_none());
        assert!(columns::<u32, 2>(&[], 1, 1, 0).unwrap().next().is_none());
    }
}
