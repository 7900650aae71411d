//! Where answers go: per query a count and a row of indices, in the caller's memory.

use crate::error::{Error, expect_length};
use crate::scratch::area;
use crate::simd::Simd;

/// The answers to a batch of queries: per query how many neurons fire, and a row with room for some of them.
///
/// The count is always the true one. A row holds the first `room` indices, ascending; what stands in a row behind
/// its answers is not specified. A query whose count exceeds the room is asked again with more.
///
/// ```
/// use subquad::halfspace::{Hits, scan, scan_scratch_len};
/// use subquad::{Level, MatRef};
///
/// let w = [1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0];
/// let x = [2.0, 0.5];
/// let (mut counts, mut indices, mut values) = ([0; 1], [0; 2], [0.0; 2]);
/// let mut hits = Hits::new(&mut counts, &mut indices, 2)?.with_values(&mut values)?;
/// let mut scratch = vec![0.0; scan_scratch_len(2, 3)];
/// scan(Level::detect(), MatRef::new(&w, 3, 2)?, MatRef::new(&x, 1, 2)?, 1.0, &mut hits, &mut scratch)?;
/// assert_eq!(hits.count(0), 2);
/// assert_eq!(hits.indices(0), [0, 2]);
/// assert_eq!(hits.values(0), [2.0, 2.5]);
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Debug)]
pub struct Hits<'a, T> {
    counts: &'a mut [u32],
    indices: &'a mut [u32],
    values: Option<&'a mut [T]>,
    room: usize,
}

impl<'a, T> Hits<'a, T> {
    /// Room for `room` indices of each of `counts.len()` queries: `indices` has exactly `counts.len() * room` elements.
    /// Both may hold anything.
    ///
    /// ```
    /// use subquad::halfspace::Hits;
    ///
    /// // Two queries, room for three neurons each.
    /// assert!(Hits::<f32>::new(&mut [0; 2], &mut [0; 6], 3).is_ok());
    /// assert!(Hits::<f32>::new(&mut [0; 2], &mut [0; 3], 3).is_err());
    /// ```
    pub fn new(counts: &'a mut [u32], indices: &'a mut [u32], room: usize) -> Result<Self, Error> {
        expect_length("hits: indices, against queries x room", area(counts.len(), room), indices.len())?;
        Ok(Self { counts, indices, values: None, room })
    }

    /// The values too: as many as there are indices.
    ///
    /// ```
    /// # use subquad::halfspace::Hits;
    /// let (mut counts, mut indices, mut values) = ([0; 2], [0; 6], [0.0f32; 6]);
    /// assert!(Hits::new(&mut counts, &mut indices, 3)?.with_values(&mut values).is_ok());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn with_values(self, values: &'a mut [T]) -> Result<Self, Error> {
        expect_length("hits: values, against indices", self.indices.len(), values.len())?;
        Ok(Self { values: Some(values), ..self })
    }

    /// The place of query i alone.
    ///
    /// # Errors
    /// [`Error::Value`] if there is no such query.
    ///
    /// ```
    /// # use subquad::halfspace::Hits;
    /// // Query 1 of two, whose neurons 7 and 9 fire.
    /// let (mut counts, mut indices) = ([1, 2], [4, 0, 7, 9]);
    /// let mut hits = Hits::<f32>::new(&mut counts, &mut indices, 2)?;
    /// assert_eq!(hits.only(1)?.indices(0), [7, 9]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn only(&mut self, i: usize) -> Result<Hits<'_, T>, Error> {
        let queries = self.counts.len();
        let (from, to) = (i.saturating_mul(self.room), i.saturating_add(1).saturating_mul(self.room));
        match (self.counts.get_mut(i..i.saturating_add(1)), self.indices.get_mut(from..to)) {
            (Some(counts), Some(indices)) => {
                let values = self.values.as_mut().and_then(|values| values.get_mut(from..to));
                Ok(Hits { counts, indices, values, room: self.room })
            }
            _ => Err(Error::less("hits: query", queries, i)),
        }
    }

    /// Number of queries.
    ///
    /// ```
    /// # use subquad::halfspace::Hits;
    /// assert_eq!(Hits::<f32>::new(&mut [0; 2], &mut [0; 6], 3)?.queries(), 2);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn queries(&self) -> usize {
        self.counts.len()
    }

    /// Indices that fit a row.
    ///
    /// ```
    /// # use subquad::halfspace::Hits;
    /// assert_eq!(Hits::<f32>::new(&mut [0; 2], &mut [0; 6], 3)?.room(), 3);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn room(&self) -> usize {
        self.room
    }

    /// How many neurons fire on query i, whether or not there was room for them.
    ///
    /// ```
    /// # use subquad::halfspace::Hits;
    /// // A count may exceed the room.
    /// assert_eq!(Hits::<f32>::new(&mut [1, 5], &mut [0; 4], 2)?.count(1), 5);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn count(&self, i: usize) -> usize {
        self.counts.get(i).map_or(0, |&count| count as usize)
    }

    /// Whether every query had room enough.
    ///
    /// ```
    /// # use subquad::halfspace::Hits;
    /// assert!(Hits::<f32>::new(&mut [1, 2], &mut [0; 4], 2)?.complete());
    /// assert!(!Hits::<f32>::new(&mut [1, 5], &mut [0; 4], 2)?.complete());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn complete(&self) -> bool {
        self.counts.iter().all(|&count| count as usize <= self.room)
    }

    /// The neurons that fire on query i, ascending: all of them, or as many as there was room for.
    ///
    /// ```
    /// # use subquad::halfspace::Hits;
    /// let (mut counts, mut indices) = ([1, 2], [4, 0, 7, 9]);
    /// let hits = Hits::<f32>::new(&mut counts, &mut indices, 2)?;
    /// assert_eq!((hits.indices(0), hits.indices(1)), (&[4][..], &[7, 9][..]));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn indices(&self, i: usize) -> &[u32] {
        let len = self.count(i).min(self.room);
        self.indices.get(i * self.room..).and_then(|row| row.get(..len)).unwrap_or_default()
    }

    /// `<w_r, x_i>` of those neurons; empty where values were not asked for.
    ///
    /// ```
    /// # use subquad::halfspace::Hits;
    /// let (mut counts, mut indices, mut values) = ([1, 2], [4, 0, 7, 9], [1.5, 0.0, 2.5, 3.5]);
    /// let hits = Hits::new(&mut counts, &mut indices, 2)?.with_values(&mut values)?;
    /// assert_eq!(hits.values(1), [2.5, 3.5]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn values(&self, i: usize) -> &[T] {
        let len = self.count(i).min(self.room);
        self.values.as_deref().and_then(|values| values.get(i * self.room..)).and_then(|row| row.get(..len)).unwrap_or_default()
    }

    /// Nobody fires.
    pub(super) fn clear(&mut self) {
        self.counts.fill(0);
    }

    /// Appends the lanes of two vectors whose bit is set, the first lane being neuron `base`.
    #[inline(always)]
    pub(super) fn put<S: Simd<T>>(&mut self, s: S, i: usize, base: u32, bits: u64, z: [S::V; 2]) {
        if bits == 0 {
            return;
        }
        let Some(count) = self.counts.get_mut(i) else { return };
        let at = *count as usize;
        *count += bits.count_ones();
        if at >= self.room {
            return;
        }
        let second = at + (bits & low_bits(S::LANES)).count_ones() as usize;
        let (first, last) = (i * self.room, (i + 1) * self.room);
        let Some(row) = self.indices.get_mut(first..last) else { return };
        if let Some(to) = row.get_mut(at..) {
            s.put_indices(bits, base, to);
        }
        if let Some(to) = row.get_mut(second..) {
            s.put_indices(bits >> S::LANES, base + S::LANES as u32, to);
        }
        if let Some(values) = &mut self.values
            && let Some(row) = values.get_mut(first..last)
        {
            if let Some(to) = row.get_mut(at..) {
                s.put_values(bits, z[0], to);
            }
            if let Some(to) = row.get_mut(second..) {
                s.put_values(bits >> S::LANES, z[1], to);
            }
        }
    }
}

impl<T> Hits<'_, T> {
    /// Appends `base + bit` for each set bit of a block; values, if wanted, are filled in at the end.
    #[inline(always)]
    pub(super) fn put_block<S: Simd<T>>(&mut self, s: S, i: usize, base: u32, bits: u32) {
        let Some(count) = self.counts.get_mut(i) else { return };
        let at = *count as usize;
        *count += bits.count_ones();
        let Some(row) = self.indices.get_mut(i * self.room..(i + 1) * self.room) else { return };
        put_bits(s, bits, base, row.get_mut(at..).unwrap_or_default());
    }

    /// Appends those of at most 64 neurons whose bit is set; values, if wanted, are filled in at the end.
    #[inline(always)]
    pub(super) fn put_some<S: Simd<T>>(&mut self, s: S, i: usize, ids: &[u32], bits: u64) {
        let Some(count) = self.counts.get_mut(i) else { return };
        let row = self.indices.get_mut(i * self.room..(i + 1) * self.room).unwrap_or_default();
        let (mut at, mut bits) = (*count as usize, bits & low_bits(ids.len()));
        *count += bits.count_ones();
        for ids in ids.chunks(S::LANES) {
            s.put_selected(bits, ids, row.get_mut(at..).unwrap_or_default());
            at += (bits & low_bits(S::LANES)).count_ones() as usize;
            bits = bits.checked_shr(S::LANES as u32).unwrap_or_default();
        }
    }

    /// Whether values are wanted.
    pub(super) const fn wants_values(&self) -> bool {
        self.values.is_some()
    }

    /// The indices of query i from the `from`th on, and where their values go.
    pub(super) fn unfilled(&mut self, i: usize, from: usize) -> (&[u32], &mut [T]) {
        let (end, from) = (self.count(i).min(self.room), from.min(self.room));
        let range = i * self.room + from..i * self.room + end;
        let indices = self.indices.get(range.clone()).unwrap_or_default();
        (indices, self.values.as_mut().and_then(|values| values.get_mut(range)).unwrap_or_default())
    }
}

/// The n lowest bits.
#[inline(always)]
pub(super) const fn low_bits(n: usize) -> u64 {
    if n >= 64 { u64::MAX } else { (1 << n) - 1 }
}

/// The places of those that have bits, ascending, at most as many as there is room for and at most 256. Which those are nobody can foresee, and there is no branch on it.
#[inline(always)]
pub(super) fn where_any(bits: impl Iterator<Item = u32>, to: &mut [u8]) -> &[u8] {
    let mut count = 0;
    for (at, bits) in bits.take(to.len()).enumerate() {
        if let Some(to) = to.get_mut(count) {
            *to = at as u8;
        }
        count += usize::from(bits != 0);
    }
    to.get(..count).unwrap_or_default()
}

/// Writes `base + bit` for each set bit, ascending, as far as there is room.
#[inline(always)]
pub(super) fn put_bits<T, S: Simd<T>>(s: S, mut bits: u32, base: u32, to: &mut [u32]) {
    if S::LANES == 1 {
        for to in to.iter_mut().take(bits.count_ones() as usize) {
            *to = base + bits.trailing_zeros();
            bits &= bits - 1;
        }
        return;
    }
    let (mut lane, mut at) = (0, 0);
    while lane < 32 {
        let part = u64::from(bits) >> lane & low_bits(S::LANES.min(32));
        // A long vector's bits cost less than a branch on whether there are any.
        if (S::LANES >= 8 || part != 0)
            && let Some(to) = to.get_mut(at..)
        {
            s.put_indices(part, base + lane as u32, to);
            at += part.count_ones() as usize;
        }
        lane += S::LANES;
    }
}
