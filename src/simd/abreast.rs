//! Rows that are read side by side: one in each lane of a vector.

use core::marker::PhantomData;

/// Lanes of the widest vector: f32 in 512 bits.
pub const MOST_LANES: usize = 16;

/// As many rows as the widest vector has lanes, each of at least the same number of elements, checked once.
/// [`Report::turn`](super::Report::turn) reads them.
///
/// ```
/// use subquad::simd::{Abreast, MOST_LANES};
///
/// // One row in every lane, but another in lane 1.
/// let mut rows = Abreast::new(&[1.0f32, 2.0, 3.0], 3).unwrap();
/// rows.put(1, &[10.0, 20.0, 30.0]);
/// assert_eq!((rows.get(0, 2), rows.get(1, 2), rows.get(MOST_LANES - 1, 2)), (Some(3.0), Some(30.0), Some(3.0)));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Abreast<'a, T> {
    starts: [*const T; MOST_LANES],
    len: usize,
    data: PhantomData<&'a [T]>,
}

impl<'a, T: Copy> Abreast<'a, T> {
    /// The first `len` elements of one row in every lane; `None` where it is shorter.
    ///
    /// ```
    /// use subquad::simd::Abreast;
    ///
    /// assert_eq!(Abreast::new(&[1.0, 2.0], 2).unwrap().get(3, 1), Some(2.0));
    /// assert!(Abreast::new(&[1.0, 2.0], 3).is_none());
    /// ```
    #[inline(always)]
    pub fn new(row: &'a [T], len: usize) -> Option<Self> {
        if row.len() < len { None } else { Some(Self { starts: [row.as_ptr(); MOST_LANES], len, data: PhantomData }) }
    }

    /// The first `len` elements of another row in one lane; nothing happens where it is shorter, or there is no such lane.
    ///
    /// ```
    /// use subquad::simd::Abreast;
    ///
    /// let mut rows = Abreast::new(&[1.0, 2.0], 2).unwrap();
    /// rows.put(1, &[5.0, 6.0, 7.0]);
    /// rows.put(0, &[9.0]); // too short
    /// assert_eq!((rows.get(0, 0), rows.get(1, 0)), (Some(1.0), Some(5.0)));
    /// ```
    #[inline(always)]
    pub fn put(&mut self, lane: usize, row: &'a [T]) {
        if let (Some(start), true) = (self.starts.get_mut(lane), row.len() >= self.len) {
            *start = row.as_ptr();
        }
    }

    /// Element k of a row.
    ///
    /// ```
    /// use subquad::simd::Abreast;
    ///
    /// let rows = Abreast::new(&[1.0, 2.0], 2).unwrap();
    /// assert_eq!((rows.get(0, 1), rows.get(0, 2), rows.get(99, 0)), (Some(2.0), None, None));
    /// ```
    #[inline(always)]
    pub fn get(&self, row: usize, k: usize) -> Option<T> {
        let start = *self.starts.get(row)?;
        // SAFETY: `new` or `put` saw a slice of at least `len` elements there, borrowed for 'a.
        if k < self.len { Some(unsafe { *start.add(k) }) } else { None }
    }

    /// Whether elements k .. k + n are there.
    #[inline(always)]
    pub(super) fn has(&self, k: usize, n: usize) -> bool {
        k <= self.len && self.len - k >= n
    }

    /// Where element k of a row lies; inside the row where [`has`](Self::has) said so.
    #[inline(always)]
    #[allow(dead_code, reason = "targets without vectors")]
    pub(super) fn at(&self, row: usize, k: usize) -> *const T {
        self.starts[row].wrapping_add(k)
    }
}
