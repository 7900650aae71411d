//! Rows that are read side by side: one in each lane of a vector.

use core::marker::PhantomData;

/// Lanes of the widest vector: f32 in 512 bits.
pub const MOST_LANES: usize = 16;

/// As many rows as the widest vector has lanes, each of at least the same number of elements, checked once.
/// [`Report::turn`](super::Report::turn) reads them.
#[derive(Clone, Copy, Debug)]
pub struct Abreast<'a, T> {
    starts: [*const T; MOST_LANES],
    len: usize,
    data: PhantomData<&'a [T]>,
}

impl<'a, T: Copy> Abreast<'a, T> {
    /// The first `len` elements of one row in every lane; `None` where it is shorter.
    #[inline(always)]
    pub fn new(row: &'a [T], len: usize) -> Option<Self> {
        if row.len() < len { None } else { Some(Self { starts: [row.as_ptr(); MOST_LANES], len, data: PhantomData }) }
    }

    /// The first `len` elements of another row in one lane; nothing happens where it is shorter, or there is no such lane.
    #[inline(always)]
    pub fn put(&mut self, lane: usize, row: &'a [T]) {
        if let (Some(start), true) = (self.starts.get_mut(lane), row.len() >= self.len) {
            *start = row.as_ptr();
        }
    }

    /// Element k of a row.
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
