//! A list of candidates with a skin, as molecular dynamics keeps its neighbours.
//!
//! For each sample x_i, the neurons whose value exceeded `b - rho |x_i|` when the list was built. By Cauchy-Schwarz a
//! neuron that has moved by less than rho since then fires only if it is on the list; how far each has moved is
//! measured. Values from that time decide about the neurons on the list too: one that has not moved at all is not
//! looked at again, one that has moved little seldom needs a product. What the papers call the stability of the firing
//! pattern, as a data structure.
//!
//! Source: L. Verlet, *Computer "Experiments" on Classical Fluids I*, 1967, section 2; Z. Song, L. Zhang, R. Zhang,
//! *Training Multi-Layer Over-Parametrized Neural Network in Subquadratic Time*, ITCS 2024, for the stability.

mod follow;
mod query;

use core::marker::PhantomData;

use super::bytes::{self, Check, Index, Kind};
use super::{SANE, scan, size};
use crate::error::Error;
use crate::float::Real;
use crate::scratch::{all_of, area};
use crate::simd::Float;

/// Entries that are looked at together: vectors of one or several of them.
const ENTRIES: usize = 32;

/// Which neurons fire on which of n fixed samples, while the weights move.
///
/// The weights stay with the caller: the index remembers those that the lists were built with. Every query is handed
/// the weights as they were handed to the last [`update_all`](Self::update_all) (or, row by row, to
/// [`update`](Self::update)).
///
/// # Storage
/// The samples and the weights once, two numbers per neuron, and `room` times an index and a value per sample. A sample
/// with more candidates than there is room for is answered by looking at all neurons: right, and a product each.
///
/// # Cost
/// A query looks at the kept values of its candidates, and computes the products of those that lie closer to the
/// threshold than they have moved. Neurons that have moved by more than rho are on everybody's list.
///
/// # Formula, source
/// `<w_r, x_i>` changes by at most `|w_r - before_r| |x_i|`: a neuron that has moved by less than rho fires on sample i only if it exceeded
/// `b - rho |x_i|` before. A list with a skin, as in L. Verlet, *Computer "Experiments" on Classical Fluids I*, 1967, section 2; that few neurons move
/// far, as in Z. Song, L. Zhang, R. Zhang, ITCS 2024.
///
/// ```
/// use subquad::halfspace::{Candidates, Hits, Watcher};
/// use subquad::{Level, MatRef};
///
/// let level = Level::detect();
/// let mut w = [1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0];
/// let x = [2.0, 0.5];
/// let mut bytes = vec![0u64; Candidates::<&[u8], f32>::storage_len(3, 2, 1, 3) / 8];
/// let mut scratch = vec![0.0; Candidates::<&[u8], f32>::build_scratch_len(3, 2, 1)];
/// let (first, x) = (MatRef::new(&w, 3, 2)?, MatRef::new(&x, 1, 2)?);
/// let mut index = Candidates::build(level, first, x, 1.0, 0.5, 3, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?;
///
/// w[3] = 1.2;
/// let w = MatRef::new(&w, 3, 2)?;
/// index.update_all(level, w)?;
/// let (mut counts, mut indices) = ([0; 1], [0; 3]);
/// let mut hits = Hits::new(&mut counts, &mut indices, 3)?;
/// index.query_batch(level, w, 1.0, &mut hits, &mut [])?;
/// assert_eq!(hits.indices(0), [0, 2]);
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Candidates<B, T> {
    index: Index<B>,
    float: PhantomData<T>,
}

/// What the header remembers.
#[derive(Clone, Copy)]
struct State {
    /// Neurons that have moved by more than rho.
    hot: u64,
    threshold: f64,
    rho: f64,
    /// Since the lists were built.
    updates: u64,
    rebuilds: u64,
    /// The farthest that a neuron has moved that has not moved by more than rho.
    most: f64,
    /// Whether the lists are half as long again as what fired when they were built.
    wide: u64,
}

impl State {
    fn read(from: [u64; 8]) -> Self {
        Self {
            hot: from[0],
            threshold: f64::from_bits(from[1]),
            rho: f64::from_bits(from[2]),
            updates: from[3],
            rebuilds: from[4],
            most: f64::from_bits(from[5]),
            wide: from[6],
        }
    }
    fn words(self) -> [u64; 8] {
        [self.hot, self.threshold.to_bits(), self.rho.to_bits(), self.updates, self.rebuilds, self.most.to_bits(), self.wide, 0]
    }
}

/// The sections.
struct Parts<'a, T> {
    /// n x d
    samples: &'a [T],
    /// Above `|x_i|`; infinite where bounds do not hold.
    lengths: &'a [T],
    /// Weights as they were, m x d, and above their norms; infinite where bounds do not hold.
    before: &'a [T],
    norms: &'a [T],
    /// Above `|<w_r, x> - <before_r, x>| / |x|`, rounding errors included; 0 only where the row has not changed.
    drift: &'a [T],
    /// Neurons whose drift is above rho, ascending.
    hot: &'a [u32],
    /// Candidates, n rows of `room`, and their values as they were.
    counts: &'a [u32],
    ids: &'a [u32],
    values: &'a [T],
}

/// The same, to write.
struct PartsMut<'a, T> {
    samples: &'a mut [T],
    lengths: &'a mut [T],
    before: &'a mut [T],
    norms: &'a mut [T],
    drift: &'a mut [T],
    hot: &'a mut [u32],
    counts: &'a mut [u32],
    ids: &'a mut [u32],
    values: &'a mut [T],
}

/// A norm to rely on, or infinity.
fn length<T: Float>(row: impl Iterator<Item = T>) -> T {
    let (most, norm) = size(row);
    if most == 0.0 || SANE.contains(&most) { T::from_f64(norm * (1.0 + 1e-6)) } else { T::INFINITY }
}

/// The bound to store for a row that has moved by `far > 0` from one of norm `norm`.
fn drift_of<T: Float>(far: f64, norm: T, d: usize) -> T {
    let norm = norm.to_f64();
    // Not so small that products underflow; NaN stays.
    let far = if far < *SANE.start() { *SANE.start() } else { far };
    let bound = far * (1.0 + 1e-6) + 3.0 * (d + 4) as f64 * T::EPSILON.to_f64() * (norm + far);
    if far.is_finite() && bound <= *SANE.end() { T::from_f64(bound) } else { T::INFINITY }
}

impl<B: AsRef<[u8]>, T: Float> Candidates<B, T> {
    /// Bytes of an index over m neurons of length d and n samples, each with room for `room` candidates.
    ///
    /// ```
    /// use subquad::halfspace::Candidates;
    ///
    /// // A candidate more for each of 1000 samples is an index and a value more for each.
    /// let (ten, eleven) = (Candidates::<&[u8], f32>::storage_len(64, 8, 1000, 10), Candidates::<&[u8], f32>::storage_len(64, 8, 1000, 11));
    /// assert!(eleven - ten >= 8 * 1000);
    /// ```
    pub const fn storage_len(m: usize, d: usize, n: usize, room: usize) -> usize {
        let size = size_of::<T>();
        bytes::index_len(&[
            bytes::section_len(area(n, d), size),
            bytes::section_len(n, size),
            bytes::section_len(area(m, d), size),
            bytes::section_len(m, size),
            bytes::section_len(m, size),
            bytes::section_len(m, 4),
            bytes::section_len(n, 4),
            bytes::section_len(area(n, room), 4),
            bytes::section_len(area(n, room), size),
        ])
    }

    /// Scratch of [`build`](Self::build), [`rebuild`](Self::rebuild) and [`advance`](Self::advance), in elements.
    ///
    /// ```
    /// use subquad::halfspace::Candidates;
    ///
    /// let scratch = vec![0.0f32; Candidates::<&[u8], f32>::build_scratch_len(64, 8, 1000)];
    /// assert!(!scratch.is_empty());
    /// ```
    pub const fn build_scratch_len(m: usize, d: usize, n: usize) -> usize {
        all_of(&[scan::scan_scratch_len(d, m), n])
    }

    /// Scratch of queries, in elements: none.
    ///
    /// ```
    /// use subquad::halfspace::Candidates;
    ///
    /// assert_eq!(Candidates::<&[u8], f32>::query_scratch_len(64, 8, 1000), 0);
    /// ```
    pub const fn query_scratch_len(m: usize, d: usize, n: usize) -> usize {
        let _ = (m, d, n);
        0
    }

    /// A view over the bytes of an index: see [`Packed::open`](super::Packed::open).
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Candidates, Check, Hits, Watcher}};
    /// # let mut bytes = vec![0u64; Candidates::<&[u8], f32>::storage_len(3, 2, 1, 3) / 8];
    /// # let mut scratch = vec![0.0; Candidates::<&[u8], f32>::build_scratch_len(3, 2, 1)];
    /// # let (w, x) = (MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?, MatRef::new(&[2.0, 0.5], 1, 2)?);
    /// # let to = bytemuck::cast_slice_mut::<u64, u8>(&mut bytes);
    /// // Neurons (1, 0), (0, 1), (1, 1), sample (2, 1/2): threshold 1, skin 1/2, room for 3.
    /// let mut lists = Candidates::build(Level::detect(), w, x, 1.0, 0.5, 3, to, &mut scratch)?;
    /// assert_eq!(Candidates::<_, f32>::open(bytemuck::cast_slice::<u64, u8>(&bytes), Check::Everything)?.rho(), 0.5);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn open(bytes: B, check: Check) -> Result<Self, Error> {
        let length = |[m, d, n, room]: [usize; 4]| Self::storage_len(m, d, n, room);
        Ok(Self { index: Index::open(bytes, Kind::Candidates, size_of::<T>(), check, length)?, float: PhantomData })
    }

    fn state(&self) -> State {
        State::read(self.index.state())
    }

    /// The skin.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Candidates, Check, Hits, Watcher}};
    /// # let mut bytes = vec![0u64; Candidates::<&[u8], f32>::storage_len(3, 2, 1, 3) / 8];
    /// # let mut scratch = vec![0.0; Candidates::<&[u8], f32>::build_scratch_len(3, 2, 1)];
    /// # let (w, x) = (MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?, MatRef::new(&[2.0, 0.5], 1, 2)?);
    /// # let to = bytemuck::cast_slice_mut::<u64, u8>(&mut bytes);
    /// // Neurons (1, 0), (0, 1), (1, 1), sample (2, 1/2): threshold 1, skin 1/2, room for 3.
    /// let mut lists = Candidates::build(Level::detect(), w, x, 1.0, 0.5, 3, to, &mut scratch)?;
    /// assert_eq!(lists.rho(), 0.5);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn rho(&self) -> f64 {
        self.state().rho
    }

    /// Neurons that have moved by more than rho, and are looked at on every sample.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Candidates, Check, Hits, Watcher}};
    /// # let mut bytes = vec![0u64; Candidates::<&[u8], f32>::storage_len(3, 2, 1, 3) / 8];
    /// # let mut scratch = vec![0.0; Candidates::<&[u8], f32>::build_scratch_len(3, 2, 1)];
    /// # let (w, x) = (MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?, MatRef::new(&[2.0, 0.5], 1, 2)?);
    /// # let to = bytemuck::cast_slice_mut::<u64, u8>(&mut bytes);
    /// // Neurons (1, 0), (0, 1), (1, 1), sample (2, 1/2): threshold 1, skin 1/2, room for 3.
    /// let mut lists = Candidates::build(Level::detect(), w, x, 1.0, 0.5, 3, to, &mut scratch)?;
    /// lists.update(Level::detect(), 1, &[0.0, 2.0])?; // moved by 1, which is more than 0.5
    /// assert_eq!(lists.hot(), 1);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn hot(&self) -> usize {
        self.state().hot as usize
    }

    /// How often the lists were built anew.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Candidates, Check, Hits, Watcher}};
    /// # let mut bytes = vec![0u64; Candidates::<&[u8], f32>::storage_len(3, 2, 1, 3) / 8];
    /// # let mut scratch = vec![0.0; Candidates::<&[u8], f32>::build_scratch_len(3, 2, 1)];
    /// # let (w, x) = (MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?, MatRef::new(&[2.0, 0.5], 1, 2)?);
    /// # let to = bytemuck::cast_slice_mut::<u64, u8>(&mut bytes);
    /// // Neurons (1, 0), (0, 1), (1, 1), sample (2, 1/2): threshold 1, skin 1/2, room for 3.
    /// let mut lists = Candidates::build(Level::detect(), w, x, 1.0, 0.5, 3, to, &mut scratch)?;
    /// lists.rebuild(Level::detect(), w, 0.25, &mut scratch)?;
    /// assert_eq!((lists.rebuilds(), lists.rho()), (1, 0.25));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn rebuilds(&self) -> u64 {
        self.state().rebuilds
    }

    /// The largest number of candidates of a sample, whether or not there was room for them: what `room` should be.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Candidates, Check, Hits, Watcher}};
    /// # let mut bytes = vec![0u64; Candidates::<&[u8], f32>::storage_len(3, 2, 1, 3) / 8];
    /// # let mut scratch = vec![0.0; Candidates::<&[u8], f32>::build_scratch_len(3, 2, 1)];
    /// # let (w, x) = (MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?, MatRef::new(&[2.0, 0.5], 1, 2)?);
    /// # let to = bytemuck::cast_slice_mut::<u64, u8>(&mut bytes);
    /// // Neurons (1, 0), (0, 1), (1, 1), sample (2, 1/2): threshold 1, skin 1/2, room for 3.
    /// let mut lists = Candidates::build(Level::detect(), w, x, 1.0, 0.5, 3, to, &mut scratch)?;
    /// // 2 and 5/2 exceed 1 - rho |x|, which is about -0.03; so does 1/2.
    /// assert_eq!(lists.most_candidates(), 3);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn most_candidates(&self) -> usize {
        self.parts().counts.iter().max().map_or(0, |&most| most as usize)
    }

    fn parts(&self) -> Parts<'_, T> {
        let [m, d, n, room] = self.index.dims;
        let rest = &mut self.index.body();
        Parts {
            samples: bytes::next(rest, n * d),
            lengths: bytes::next(rest, n),
            before: bytes::next(rest, m * d),
            norms: bytes::next(rest, m),
            drift: bytes::next(rest, m),
            hot: bytes::next(rest, m),
            counts: bytes::next(rest, n),
            ids: bytes::next(rest, n * room),
            values: bytes::next(rest, n * room),
        }
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>, T: Float> Candidates<B, T> {
    fn parts_mut(&mut self) -> PartsMut<'_, T> {
        let [m, d, n, room] = self.index.dims;
        let rest = &mut self.index.body_mut();
        PartsMut {
            samples: bytes::next_mut(rest, n * d),
            lengths: bytes::next_mut(rest, n),
            before: bytes::next_mut(rest, m * d),
            norms: bytes::next_mut(rest, m),
            drift: bytes::next_mut(rest, m),
            hot: bytes::next_mut(rest, m),
            counts: bytes::next_mut(rest, n),
            ids: bytes::next_mut(rest, n * room),
            values: bytes::next_mut(rest, n * room),
        }
    }
}

/// The bound for a row that was `before`, computed in f64. 0 for the same bits, and for zeros of either sign: those
/// give the same values.
fn moved_to<T: Float>(before: &[T], norm: T, row: impl Fn(usize) -> T) -> T {
    let same = |(k, &x): (usize, &T)| x == row(k) || x.to_f64().to_bits() == row(k).to_f64().to_bits();
    if before.iter().enumerate().all(same) {
        return T::ZERO;
    }
    let square = |(k, &x): (usize, &T)| {
        let far = row(k).to_f64() - x.to_f64();
        far * far
    };
    drift_of(Real::sqrt(before.iter().enumerate().map(square).sum::<f64>()), norm, before.len())
}

#[cfg(test)]
mod tests {
    use super::super::SANE;
    use super::{drift_of, length};

    /// The written bounds, and not much more: `|w|`, and `far + 3 (d + 4) eps (|w| + far)`.
    #[test]
    fn bounds_hold_and_are_tight() {
        assert_eq!(length([0.0f64; 3].into_iter()), 0.0);
        let norm = length([3.0f64, 4.0].into_iter());
        assert!(norm > 5.000_004 && norm < 5.000_006, "{norm}");
        for row in [[1e-16, 0.0], [2e15, 0.0], [f64::NAN, 1.0], [f64::INFINITY, 1.0]] {
            assert_eq!(length(row.into_iter()), f64::INFINITY, "{row:?}");
        }
        let eps = f64::from(f32::EPSILON);
        for (far, norm, d) in [(1.0, 1.0f32, 8), (1e-3, 1000.0, 8), (1e-3, 1000.0, 200), (5.0, 0.0, 1), (1e-10, 1e-10, 3)] {
            let (least, found) = (far + 3.0 * (d + 4) as f64 * eps * (f64::from(norm) + far), f64::from(drift_of(far, norm, d)));
            assert!(found >= least * (1.0 - 1e-7) && found <= least * (1.0 + 4e-6), "{far} {norm} {d}: {found} for {least}");
        }
        // Below what products can tell: as far as the smallest that they can.
        assert_eq!(drift_of(1e-300, 0.0f64, 1), drift_of(*SANE.start(), 0.0f64, 1));
        assert_eq!(drift_of(0.0, 1.0f64, 1), drift_of(*SANE.start(), 1.0f64, 1));
        for far in [f64::NAN, f64::INFINITY, 1.3e15] {
            assert_eq!(drift_of(far, 1.0f32, 1), f32::INFINITY);
        }
        assert_eq!(drift_of(1.0, f32::INFINITY, 1), f32::INFINITY);
        assert_eq!(drift_of(1.0, 1e36f32, 1), f32::INFINITY);
    }
}
