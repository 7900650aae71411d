//! Lists are made, and the weights move away from where they were.

use core::marker::PhantomData;

use super::super::bytes::{Index, Kind};
use super::super::hits::Hits;
use super::super::{SANE, scan};
use super::{Candidates, State, length, moved_to};
use crate::error::{Error, Figure, expect_contiguous, expect_length};
use crate::matrix::MatRef;
use crate::scratch::{part, part_mut, split, take};
use crate::simd::{Float, Level, Simd};

impl<B: AsRef<[u8]> + AsMut<[u8]>, T: Float> Candidates<B, T> {
    /// Builds the lists for the rows of X, n x d, at a threshold, by a scan of W, m x d, with a margin of `rho |x_i|`;
    /// both with any strides. Seals the index.
    ///
    /// # Errors
    /// As [`Packed::build`](crate::halfspace::Packed::build); [`Error::Value`] unless `rho` is finite and not negative;
    /// [`Error::TooShort`] if scratch is less than [`build_scratch_len`](Self::build_scratch_len)`(m, d, n)`.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Candidates, Check, Hits, Watcher}};
    /// # let mut bytes = vec![0u64; Candidates::<&[u8], f32>::storage_len(3, 2, 1, 3) / 8];
    /// # let mut scratch = vec![0.0; Candidates::<&[u8], f32>::build_scratch_len(3, 2, 1)];
    /// # let (w, x) = (MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?, MatRef::new(&[2.0, 0.5], 1, 2)?);
    /// # let to = bytemuck::cast_slice_mut::<u64, u8>(&mut bytes);
    /// // Neurons (1, 0), (0, 1), (1, 1), sample (2, 1/2): threshold 1, skin 1/2, room for 3.
    /// let mut lists = Candidates::build(Level::detect(), w, x, 1.0, 0.5, 3, to, &mut scratch)?;
    /// assert_eq!((lists.neurons(), lists.samples(), lists.hot()), (3, 1, 0));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn build(
        level: Level,
        w: MatRef<'_, T>,
        x: MatRef<'_, T>,
        threshold: T,
        rho: f64,
        room: usize,
        bytes: B,
        scratch: &mut [T],
    ) -> Result<Self, Error> {
        let (m, d, n) = (w.rows(), w.cols(), x.rows());
        expect_length("candidates: columns of X, against columns of W", d, x.cols())?;
        let needed = Self::storage_len(m, d, n, room);
        let mut built =
            Self { index: Index::create(bytes, Kind::Candidates, size_of::<T>(), [m, d, n, room], needed)?, float: PhantomData };
        let parts = built.parts_mut();
        keep(x, parts.samples, parts.lengths);
        built.index.set_state(State { hot: 0, threshold: threshold.to_f64(), rho, updates: 0, rebuilds: 0, most: 0.0, wide: 0 }.words());
        built.list(level, w, rho, scratch)?;
        built.index.seal();
        Ok(built)
    }

    /// Builds the lists anew, for weights as they are now. The index is no longer sealed.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Candidates, Check, Hits, Watcher}};
    /// # let mut bytes = vec![0u64; Candidates::<&[u8], f32>::storage_len(3, 2, 1, 3) / 8];
    /// # let mut scratch = vec![0.0; Candidates::<&[u8], f32>::build_scratch_len(3, 2, 1)];
    /// # let (w, x) = (MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?, MatRef::new(&[2.0, 0.5], 1, 2)?);
    /// # let to = bytemuck::cast_slice_mut::<u64, u8>(&mut bytes);
    /// // Neurons (1, 0), (0, 1), (1, 1), sample (2, 1/2): threshold 1, skin 1/2, room for 3.
    /// let mut lists = Candidates::build(Level::detect(), w, x, 1.0, 0.5, 3, to, &mut scratch)?;
    /// lists.update(Level::detect(), 1, &[0.0, 2.0])?;
    /// lists.rebuild(Level::detect(), MatRef::new(&[1.0, 0.0, 0.0, 2.0, 1.0, 1.0], 3, 2)?, 0.5, &mut scratch)?;
    /// assert_eq!(lists.hot(), 0); // how far a neuron has moved is counted anew
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn rebuild(&mut self, level: Level, w: MatRef<'_, T>, rho: f64, scratch: &mut [T]) -> Result<(), Error> {
        let [m, d, ..] = self.index.dims;
        expect_length("rebuild: rows of W", m, w.rows())?;
        expect_length("rebuild: columns of W", d, w.cols())?;
        self.list_anew(level, w, rho, scratch).map(drop)
    }

    fn list_anew(&mut self, level: Level, w: MatRef<'_, T>, rho: f64, scratch: &mut [T]) -> Result<usize, Error> {
        let homeless = self.list(level, w, rho, scratch)?;
        let state = self.state();
        self.index.set_state(State { rebuilds: state.rebuilds.wrapping_add(1), ..state }.words());
        Ok(homeless)
    }

    /// Lists anew; for how many samples there is no room, though a narrower skin might find it.
    fn list(&mut self, level: Level, w: MatRef<'_, T>, rho: f64, scratch: &mut [T]) -> Result<usize, Error> {
        let [m, d, n, room] = self.index.dims;
        if !(rho >= 0.0 && rho <= *SANE.end()) {
            return Err(Error::limited("candidates: rho", "not negative, and at most", Figure::number(*SANE.end()), Figure::number(rho)));
        }
        let (scratch, _) = take(scratch, Self::build_scratch_len(m, d, n))?;
        let (thresholds, scratch) = split(scratch, n);
        let state = self.state();
        let parts = self.parts_mut();
        keep(w, parts.before, parts.norms);
        parts.drift.fill(T::ZERO);
        for (to, length) in thresholds.iter_mut().zip(parts.lengths.iter()) {
            // Rounded down, whatever happens in T.
            let skin = rho * length.to_f64() * (1.0 + 1e-4) + 1e-5 * state.threshold.abs() + 1e-30;
            *to = T::from_f64(state.threshold - skin);
        }
        let x = MatRef::new(parts.samples, n, d)?;
        let mut hits = Hits::new(parts.counts, parts.ids, room)?.with_values(parts.values)?;
        scan::scan_with(level, w, x, thresholds, &mut hits, scratch)?;
        let (mut listed, mut fired, mut homeless) = (0u64, 0u64, 0);
        for (i, &count) in parts.counts.iter().enumerate() {
            let count = room.min(count as usize);
            listed += count as u64;
            let values = part(parts.values, i * room, count).iter();
            fired += values.filter(|&z| z.to_f64() > state.threshold).count() as u64;
        }
        for (count, length) in parts.counts.iter_mut().zip(parts.lengths.iter()) {
            if length.is_finite() {
                homeless += usize::from(*count as usize > room);
            } else {
                // No bound holds: all neurons are candidates.
                *count = u32::MAX;
            }
        }
        let wide = u64::from(listed > fired + fired / 2);
        self.index.set_state(State { hot: 0, rho, updates: 0, most: 0.0, wide, ..state }.words());
        Ok(homeless)
    }

    /// Neuron r has moved to `row`. The index is no longer sealed.
    ///
    /// # Errors
    /// [`Error::Length`] unless the row has length d; [`Error::Value`] if there is no neuron r.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Candidates, Check, Hits, Watcher}};
    /// # let mut bytes = vec![0u64; Candidates::<&[u8], f32>::storage_len(3, 2, 1, 3) / 8];
    /// # let mut scratch = vec![0.0; Candidates::<&[u8], f32>::build_scratch_len(3, 2, 1)];
    /// # let (w, x) = (MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?, MatRef::new(&[2.0, 0.5], 1, 2)?);
    /// # let to = bytemuck::cast_slice_mut::<u64, u8>(&mut bytes);
    /// // Neurons (1, 0), (0, 1), (1, 1), sample (2, 1/2): threshold 1, skin 1/2, room for 3.
    /// let mut lists = Candidates::build(Level::detect(), w, x, 1.0, 0.5, 3, to, &mut scratch)?;
    /// lists.update(Level::detect(), 1, &[0.0, 4.0])?;
    /// let w = MatRef::new(&[1.0, 0.0, 0.0, 4.0, 1.0, 1.0], 3, 2)?;
    /// let mut count = [0];
    /// let mut hits = Hits::new(&mut count, &mut [], 0)?;
    /// lists.query(Level::detect(), w, 0, 1.0, &mut hits, &mut [])?;
    /// assert_eq!(hits.count(0), 3);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn update(&mut self, _: Level, r: usize, row: &[T]) -> Result<(), Error> {
        let [m, d, ..] = self.index.dims;
        expect_length("update: length of the row", d, row.len())?;
        if r >= m {
            return Err(Error::less("update: neuron", m, r));
        }
        let mut state = self.state();
        let rho = state.rho;
        let parts = self.parts_mut();
        let norm = parts.norms.get(r).copied().unwrap_or(T::INFINITY);
        let drift = moved_to(part(parts.before, r * d, d), norm, |k| row.get(k).copied().unwrap_or_default());
        if let Some(to) = parts.drift.get_mut(r) {
            *to = drift;
        }
        let len = (state.hot as usize).min(m);
        match (parts.hot.get(..len).unwrap_or_default().binary_search(&(r as u32)), drift.to_f64() > rho) {
            (Err(at), true) if len < m => {
                // Those behind it move up by one place.
                let mut next = r as u32;
                parts.hot.iter_mut().take(len + 1).skip(at).for_each(|place| core::mem::swap(place, &mut next));
                state.hot += 1;
            }
            (Ok(at), false) => {
                // And down again; the last place keeps what it has.
                let behind = part_mut(parts.hot, at, len - at);
                let mut next = behind.last().copied().unwrap_or_default();
                behind.iter_mut().rev().for_each(|place| core::mem::swap(place, &mut next));
                state.hot -= 1;
            }
            _ => {}
        }
        if drift.to_f64() <= rho && drift.to_f64() > state.most {
            state.most = drift.to_f64();
        }
        state.updates = state.updates.wrapping_add(1);
        self.index.set_state(state.words());
        Ok(())
    }

    /// The weights are these now: measures how far each neuron has moved since the lists were built. W is m x d, its
    /// columns next to each other. The index is no longer sealed.
    ///
    /// # Errors
    /// [`Error::Length`] where shapes disagree, [`Error::Value`] if W has a column stride.
    ///
    /// # Cost
    /// One pass over the weights, then and now.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Candidates, Check, Hits, Watcher}};
    /// # let mut bytes = vec![0u64; Candidates::<&[u8], f32>::storage_len(3, 2, 1, 3) / 8];
    /// # let mut scratch = vec![0.0; Candidates::<&[u8], f32>::build_scratch_len(3, 2, 1)];
    /// # let (w, x) = (MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?, MatRef::new(&[2.0, 0.5], 1, 2)?);
    /// # let to = bytemuck::cast_slice_mut::<u64, u8>(&mut bytes);
    /// // Neurons (1, 0), (0, 1), (1, 1), sample (2, 1/2): threshold 1, skin 1/2, room for 3.
    /// let mut lists = Candidates::build(Level::detect(), w, x, 1.0, 0.5, 3, to, &mut scratch)?;
    /// lists.update_all(Level::detect(), MatRef::new(&[1.0, 0.0, 0.0, 1.25, 1.0, 1.0], 3, 2)?)?;
    /// assert_eq!(lists.hot(), 0); // 1/4 is less than rho
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn update_all(&mut self, level: Level, w: MatRef<'_, T>) -> Result<(), Error> {
        let [m, d, ..] = self.index.dims;
        expect_length("update: rows of W", m, w.rows())?;
        expect_length("update: columns of W", d, w.cols())?;
        if d > 0 && m > 0 {
            expect_contiguous("update: column stride of W", w.col_stride())?;
        }
        let mut state = self.state();
        let parts = self.parts_mut();
        let (hot, most) = if w.row_stride() < d {
            drift_of_overlapping(parts.before, parts.norms, parts.drift, parts.hot, w, state.rho)
        } else {
            drift_entry(level, parts.before, parts.norms, parts.drift, parts.hot, w, state.rho)
        };
        (state.hot, state.most) = (hot as u64, most.to_f64());
        state.updates = state.updates.wrapping_add(1);
        self.index.set_state(state.words());
        Ok(())
    }

    /// [`update_all`](Self::update_all), and a [`rebuild`](Self::rebuild) if more than one neuron in 512 has moved by
    /// more than rho, or if the lists are longer than the drift needs them to be; with a skin of the farthest that a
    /// neuron has moved per update, between 4 and 16 times the mean. Where more than one sample in sixteen finds no room
    /// for its candidates then, the skin becomes a quarter of that, a sixteenth, a 64th; if none of these does, the
    /// first again: five scans at most. Whether the lists were rebuilt.
    ///
    /// # Errors
    /// As those.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Candidates, Check, Hits, Watcher}};
    /// # let mut bytes = vec![0u64; Candidates::<&[u8], f32>::storage_len(3, 2, 1, 3) / 8];
    /// # let mut scratch = vec![0.0; Candidates::<&[u8], f32>::build_scratch_len(3, 2, 1)];
    /// # let (w, x) = (MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?, MatRef::new(&[2.0, 0.5], 1, 2)?);
    /// # let to = bytemuck::cast_slice_mut::<u64, u8>(&mut bytes);
    /// // Neurons (1, 0), (0, 1), (1, 1), sample (2, 1/2): threshold 1, skin 1/2, room for 3.
    /// let mut lists = Candidates::build(Level::detect(), w, x, 1.0, 0.5, 3, to, &mut scratch)?;
    /// // One neuron of three has moved by more than rho: that is more than one in 512.
    /// let w = MatRef::new(&[1.0, 0.0, 0.0, 4.0, 1.0, 1.0], 3, 2)?;
    /// assert!(lists.advance(Level::detect(), w, &mut scratch)?);
    /// assert_eq!(lists.rebuilds(), 1);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn advance(&mut self, level: Level, w: MatRef<'_, T>, scratch: &mut [T]) -> Result<bool, Error> {
        self.update_all(level, w)?;
        let state = self.state();
        let moved = || self.parts().drift.iter().map(|x| x.to_f64()).filter(|&x| x > 0.0 && x < *SANE.end());
        let crowded = state.hot > self.index.dims[0] as u64 / 512;
        if !crowded && state.wide == 0 {
            return Ok(false);
        }
        let mean = moved().sum::<f64>() / moved().count().max(1) as f64;
        let most = moved().fold(0.0, f64::max);
        // As `clamp`, which panics where its limits are not numbers.
        let far = if most > 16.0 * mean { 16.0 * mean } else { most };
        let far = if far < 4.0 * mean { 4.0 * mean } else { far };
        // Beyond that no bound holds, and none would help.
        let rho = (far / state.updates.max(1) as f64).min(*SANE.end());
        if !crowded && rho > state.rho / 4.0 {
            return Ok(false);
        }
        // A few samples may look at everybody; more of them are to find room.
        let few = self.index.dims[2] / 16;
        let mut homeless = self.list_anew(level, w, rho, scratch)?;
        for narrow in [rho / 4.0, rho / 16.0, rho / 64.0] {
            if homeless > few && rho > 0.0 {
                homeless = self.list_anew(level, w, narrow, scratch)?;
            }
        }
        if homeless > few && rho > 0.0 {
            // There is no such skin: then one that lasts.
            self.list_anew(level, w, rho, scratch)?;
        }
        Ok(true)
    }

    /// Writes the checksum that [`Check::Everything`](crate::halfspace::Check::Everything) asks for.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Candidates, Check, Hits, Watcher}};
    /// # let mut bytes = vec![0u64; Candidates::<&[u8], f32>::storage_len(3, 2, 1, 3) / 8];
    /// # let mut scratch = vec![0.0; Candidates::<&[u8], f32>::build_scratch_len(3, 2, 1)];
    /// # let (w, x) = (MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?, MatRef::new(&[2.0, 0.5], 1, 2)?);
    /// # let to = bytemuck::cast_slice_mut::<u64, u8>(&mut bytes);
    /// // Neurons (1, 0), (0, 1), (1, 1), sample (2, 1/2): threshold 1, skin 1/2, room for 3.
    /// let mut lists = Candidates::build(Level::detect(), w, x, 1.0, 0.5, 3, to, &mut scratch)?;
    /// lists.update(Level::detect(), 1, &[0.0, 4.0])?;
    /// lists.seal();
    /// assert!(Candidates::<_, f32>::open(bytemuck::cast_slice::<u64, u8>(&bytes), Check::Everything).is_ok());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn seal(&mut self) {
        self.index.seal();
    }
}

/// Keeps the rows of a matrix, and their norms.
fn keep<T: Float>(from: MatRef<'_, T>, rows: &mut [T], norms: &mut [T]) {
    let d = from.cols();
    for (r, norm) in norms.iter_mut().enumerate() {
        let row = part_mut(rows, r * d, d);
        row.iter_mut().enumerate().for_each(|(k, to)| *to = from.get(r, k).unwrap_or_default());
        *norm = length(row.iter().copied());
    }
}

/// As [`drift_entry`], for rows that overlap or are all the same one: pieces of the data are not rows then.
#[cold]
#[inline(never)]
fn drift_of_overlapping<T: Float>(before: &[T], norms: &[T], drift: &mut [T], hot: &mut [u32], w: MatRef<'_, T>, rho: f64) -> (usize, T) {
    let (mut far, mut farthest) = (0, T::ZERO);
    for (r, (to, (before, &norm))) in drift.iter_mut().zip(before.chunks_exact(w.cols().max(1)).zip(norms)).enumerate() {
        *to = moved_to(before, norm, |k| w.get(r, k).unwrap_or_default());
        if to.to_f64() > rho {
            if let Some(place) = hot.get_mut(far) {
                *place = r as u32;
            }
            far += 1;
        } else if *to > farthest {
            farthest = *to;
        }
    }
    (far, farthest)
}

/// [`moved_to`] for the few rows that a vector's sum of squares does not do for.
#[cold]
#[inline(never)]
fn moved_far<T: Float>(before: &[T], norm: T, now: &[T]) -> T {
    moved_to(before, norm, |k| now.get(k).copied().unwrap_or_default())
}

/// Whether no number is above or below its neighbour's.
#[inline(always)]
fn level_with<T: Float, S: Simd<T>>(s: S, now: &[T], before: &[T]) -> bool {
    let ((a, a_tail), (b, b_tail)) = (s.chunks(now), s.chunks(before));
    let mut differ = 0;
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (s.load(a), s.load(b));
        differ |= s.gt(a, b) | s.gt(b, a);
    }
    let (a, b) = (s.load_part(a_tail), s.load_part(b_tail));
    differ |= s.gt(a, b) | s.gt(b, a);
    differ == 0
}

multiversion! {
    fn drift_entry<T: Float>(before: &[T], norms: &[T], drift: &mut [T], hot: &mut [u32], w: MatRef<'_, T>, rho: f64) -> (usize, T) = drift_body;
}

/// Measures all neurons: how many have moved by more than rho, and how far the others at most.
#[inline(always)]
fn drift_body<T: Float, S: Simd<T>>(
    s: S,
    before: &[T],
    norms: &[T],
    drift: &mut [T],
    hot: &mut [u32],
    w: MatRef<'_, T>,
    rho: f64,
) -> (usize, T) {
    let mut farthest = T::ZERO;
    let d = w.cols();
    let slack = T::from_f64(3.0 * (d + 4) as f64 * T::EPSILON.to_f64());
    let factor = T::ONE + slack + T::from_f64(2e-6);
    let (least, most) = (T::from_f64(1e-24), T::from_f64(1e24));
    let mut far = 0;
    if d == 0 {
        drift.fill(T::ZERO);
        return (0, T::ZERO);
    }
    // Rows by iterators: with index arithmetic in it, the compiler vectorises this loop across rows, and badly.
    let rows = w.data().chunks(w.row_stride().max(1)).zip(before.chunks_exact(d)).zip(norms);
    for ((r, to), ((now, before), &norm)) in drift.iter_mut().enumerate().zip(rows) {
        let now = now.get(..d).unwrap_or_default();
        let ((a, a_tail), (b, b_tail)) = (s.chunks(now), s.chunks(before));
        let mut squares = s.splat(T::ZERO);
        for (a, b) in a.iter().zip(b) {
            let apart = s.sub(s.load(a), s.load(b));
            squares = s.mul_add(apart, apart, squares);
        }
        if !a_tail.is_empty() {
            let apart = s.sub(s.load_part(a_tail), s.load_part(b_tail));
            squares = s.mul_add(apart, apart, squares);
        }
        let squares = s.sum(squares);
        let apart = s.sqrt_one(squares);
        // Infinite where the norm is, of rows that no bound holds for.
        *to = apart * factor + slack * (norm + apart);
        if !(squares >= least && squares <= most) {
            *to = if squares == T::ZERO && level_with(s, now, before) { T::ZERO } else { moved_far(before, norm, now) };
        }
        // Ascending; written whether or not it is far, because which is hard to foresee.
        if let Some(place) = hot.get_mut(far) {
            *place = r as u32;
        }
        let beyond = to.to_f64() > rho;
        far += usize::from(beyond);
        farthest = if !beyond && *to > farthest { *to } else { farthest };
    }
    (far, farthest)
}
