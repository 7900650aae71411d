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

use core::marker::PhantomData;

use super::bytes::{self, Check, Index, Kind};
use super::hits::Hits;
use super::scan::{self, decide};
use super::values;
use super::{SANE, Watcher, check_watch, size};
use crate::error::{Error, expect_length};
use crate::float::Real;
use crate::matrix::MatRef;
use crate::scratch::{all_of, area, take};
use crate::simd::{Float, Level, Simd};

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
/// with more candidates than there is room for is answered by looking at all neurons: right, and slow.
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

impl<B: AsRef<[u8]>, T: Float> Watcher<T> for Candidates<B, T> {
    fn neurons(&self) -> usize {
        self.index.dims[0]
    }
    fn dim(&self) -> usize {
        self.index.dims[1]
    }
    fn samples(&self) -> usize {
        self.index.dims[2]
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn query_from(
        &self,
        level: Level,
        w: MatRef<'_, T>,
        first: usize,
        threshold: T,
        hits: &mut Hits<'_, T>,
        _: &mut [T],
    ) -> Result<(), Error> {
        check_watch(self, w, first, hits)?;
        let [m, d, _, room] = self.index.dims;
        if w.col_stride() != 1 && d > 0 && m > 0 {
            return Err(Error::value("query: column stride of W", "1"));
        }
        let state = self.state();
        // Whoever fires at a higher threshold is on the list of the lower one.
        if threshold.to_f64() < state.threshold || state.threshold.is_nan() && !threshold.is_nan() {
            return Err(Error::value("query: threshold", "at least that of the lists"));
        }
        hits.clear();
        if threshold < T::INFINITY {
            query_entry(level, self.parts(), w, room, first, threshold, state.hot as usize, T::from_f64(state.most), hits);
        }
        Ok(())
    }
    fn verify(&self, _: Level, w: MatRef<'_, T>, _: &mut [T]) -> Result<(), Error> {
        let ([m, d, _, room], parts, state) = (self.index.dims, self.parts(), self.state());
        expect_length("verify: rows of W", m, w.rows())?;
        expect_length("verify: columns of W", d, w.cols())?;
        let mut hot = 0;
        for r in 0..m {
            let row = |k: usize| w.get(r, k).unwrap_or_default();
            let wanted = parts.moved_to(r, d, row);
            // A vector's sum of squares may differ in its last bits.
            if !(parts.drift[r] == wanted || parts.drift[r].to_f64() >= wanted.to_f64() * (1.0 - 1e-5) && wanted > T::ZERO) {
                return Err(Error::value("verify: drift of the neurons", "at least what they have moved"));
            }
            if parts.drift[r].to_f64() > state.rho {
                if parts.hot.get(hot) != Some(&(r as u32)) {
                    return Err(Error::value("verify: neurons that have moved far", "all on their list"));
                }
                hot += 1;
            }
        }
        expect_length("verify: neurons that have moved far", hot, state.hot as usize)?;
        let sound = parts.counts.iter().enumerate().all(|(i, &count)| {
            count as usize > room || {
                let ids = &parts.ids[i * room..i * room + count as usize];
                ids.is_sorted_by(|a, b| a < b) && ids.last().is_none_or(|&last| (last as usize) < m)
            }
        });
        if sound { Ok(()) } else { Err(Error::value("verify: candidates", "ascending, and neurons of the network")) }
    }
}

impl<T: Float> Parts<'_, T> {
    /// The bound for a row, computed in f64.
    fn moved_to(&self, r: usize, d: usize, row: impl Fn(usize) -> T) -> T {
        moved_to(&self.before[r * d..(r + 1) * d], self.norms[r], row)
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

impl<B: AsRef<[u8]> + AsMut<[u8]>, T: Float> Candidates<B, T> {
    /// Builds the lists for the rows of X, n x d, at a threshold, by a scan of W, m x d, with a margin of `rho |x_i|`;
    /// both with any strides. Seals the index.
    ///
    /// # Errors
    /// As [`Packed::build`](super::Packed::build); [`Error::Value`] unless `rho` is finite and not negative;
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
        let length = Self::storage_len(m, d, n, room);
        let mut built =
            Self { index: Index::create(bytes, Kind::Candidates, size_of::<T>(), [m, d, n, room], length)?, float: PhantomData };
        let parts = built.parts_mut();
        for i in 0..n {
            let row = &mut parts.samples[i * d..(i + 1) * d];
            row.iter_mut().enumerate().for_each(|(k, to)| *to = x.get(i, k).unwrap_or_default());
            parts.lengths[i] = self::length(row.iter().copied());
        }
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
        self.list(level, w, rho, scratch)?;
        let state = self.state();
        self.index.set_state(State { rebuilds: state.rebuilds + 1, ..state }.words());
        Ok(())
    }

    fn list(&mut self, level: Level, w: MatRef<'_, T>, rho: f64, scratch: &mut [T]) -> Result<(), Error> {
        let [m, d, n, room] = self.index.dims;
        if !(rho >= 0.0 && rho <= *SANE.end()) {
            return Err(Error::value("candidates: rho", "finite and not negative"));
        }
        let (scratch, _) = take(scratch, Self::build_scratch_len(m, d, n))?;
        let (thresholds, scratch) = scratch.split_at_mut(n);
        let state = self.state();
        let parts = self.parts_mut();
        for r in 0..m {
            let row = &mut parts.before[r * d..(r + 1) * d];
            row.iter_mut().enumerate().for_each(|(k, to)| *to = w.get(r, k).unwrap_or_default());
            parts.norms[r] = length(row.iter().copied());
        }
        parts.drift.fill(T::ZERO);
        for (to, length) in thresholds.iter_mut().zip(parts.lengths.iter()) {
            // Rounded down, whatever happens in T.
            let skin = rho * length.to_f64() * (1.0 + 1e-4) + 1e-5 * state.threshold.abs() + 1e-30;
            *to = T::from_f64(state.threshold - skin);
        }
        let x = MatRef::new(parts.samples, n, d)?;
        let mut hits = Hits::new(parts.counts, parts.ids, room)?.with_values(parts.values)?;
        scan::scan_with(level, w, x, thresholds, &mut hits, scratch)?;
        let (mut listed, mut fired) = (0u64, 0u64);
        for (i, &count) in parts.counts.iter().enumerate() {
            listed += u64::from(count);
            let values = parts.values[i * room..].iter().take(room.min(count as usize));
            fired += values.filter(|&z| z.to_f64() > state.threshold).count() as u64;
        }
        for (count, length) in parts.counts.iter_mut().zip(parts.lengths.iter()) {
            if !length.is_finite() {
                // No bound holds: all neurons are candidates.
                *count = u32::MAX;
            }
        }
        let wide = u64::from(listed > fired + fired / 2);
        self.index.set_state(State { hot: 0, rho, updates: 0, most: 0.0, wide, ..state }.words());
        Ok(())
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
            return Err(Error::value("update: neuron", "less than m"));
        }
        let mut state = self.state();
        let rho = state.rho;
        let parts = self.parts_mut();
        let drift = moved_to(&parts.before[r * d..(r + 1) * d], parts.norms[r], |k| row[k]);
        parts.drift[r] = drift;
        let len = (state.hot as usize).min(m);
        match (parts.hot[..len].binary_search(&(r as u32)), drift.to_f64() > rho) {
            (Err(at), true) if len < m => {
                parts.hot[..len + 1].copy_within(at..len, at + 1);
                parts.hot[at] = r as u32;
                state.hot += 1;
            }
            (Ok(at), false) => {
                parts.hot[..len].copy_within(at + 1.., at);
                state.hot -= 1;
            }
            _ => {}
        }
        if drift.to_f64() <= rho && drift.to_f64() > state.most {
            state.most = drift.to_f64();
        }
        state.updates += 1;
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
        if w.col_stride() != 1 && d > 0 && m > 0 {
            return Err(Error::value("update: column stride of W", "1"));
        }
        let mut state = self.state();
        let parts = self.parts_mut();
        let (hot, most) = drift_entry(level, parts.before, parts.norms, parts.drift, parts.hot, w, state.rho);
        (state.hot, state.most) = (hot as u64, most.to_f64());
        state.updates += 1;
        self.index.set_state(state.words());
        Ok(())
    }

    /// [`update_all`](Self::update_all), and a [`rebuild`](Self::rebuild) if more than one neuron in 512 has moved by
    /// more than rho, or if the lists are longer than the drift needs them to be; with a skin of the
    /// farthest that a neuron has moved per update, between 4 and 16 times the mean. Whether they were rebuilt.
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
        let rho = most.clamp(4.0 * mean, 16.0 * mean) / state.updates.max(1) as f64;
        if !crowded && rho > state.rho / 4.0 {
            return Ok(false);
        }
        self.rebuild(level, w, rho, scratch)?;
        Ok(true)
    }

    /// Writes the checksum that [`Check::Everything`] asks for.
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

/// [`moved_to`] for the few rows that a vector's sum of squares does not do for.
#[cold]
#[inline(never)]
fn moved_far<T: Float>(before: &[T], norm: T, now: &[T]) -> T {
    moved_to(before, norm, |k| now.get(k).copied().unwrap_or_default())
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
        let (mut squares, mut differ) = (s.splat(T::ZERO), 0);
        for (a, b) in a.iter().zip(b) {
            let (a, b) = (s.load(a), s.load(b));
            let apart = s.sub(a, b);
            squares = s.mul_add(apart, apart, squares);
            differ |= s.gt(a, b) | s.gt(b, a);
        }
        if !a_tail.is_empty() {
            let (a, b) = (s.load_part(a_tail), s.load_part(b_tail));
            let apart = s.sub(a, b);
            squares = s.mul_add(apart, apart, squares);
            differ |= s.gt(a, b) | s.gt(b, a);
        }
        let squares = s.sum(squares);
        let still = squares == T::ZERO && differ == 0;
        let apart = s.sqrt_one(squares);
        let bound = apart * factor + slack * (norm + apart);
        *to = if still { T::ZERO } else { bound };
        if !(still | (squares >= least && squares <= most && norm <= most)) {
            *to = moved_far(before, norm, now);
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

multiversion! {
    fn query_entry<T: Float>(parts: Parts<'_, T>, w: MatRef<'_, T>, room: usize, first: usize, threshold: T, hot: usize,
        most: T, hits: &mut Hits<'_, T>) = query_body;
}

#[inline(always)]
fn query_body<T: Float, S: Simd<T>>(
    s: S,
    parts: Parts<'_, T>,
    w: MatRef<'_, T>,
    room: usize,
    first: usize,
    threshold: T,
    hot: usize,
    most: T,
    hits: &mut Hits<'_, T>,
) {
    let (m, d) = (w.rows(), w.cols());
    let gamma = T::from_f64(4.0 * (d + 4) as f64 * T::EPSILON.to_f64());
    let hot = parts.hot.get(..hot).unwrap_or_default();
    for answer in 0..hits.queries() {
        let i = first + answer;
        let x = parts.samples.get(i * d..(i + 1) * d).unwrap_or_default();
        let row = |r: u32| w.row(r as usize).unwrap_or_default();
        let count = parts.counts.get(i).map_or(0, |&count| count as usize);
        if count > room {
            for r in 0..m as u32 {
                let z = scan::value_of(s, x, row(r));
                if z > threshold {
                    hits.put_one(answer, r, z);
                }
            }
            continue;
        }
        let length = parts.lengths.get(i).copied().unwrap_or(T::INFINITY);
        let ids = parts.ids.get(i * room..i * room + count).unwrap_or_default();
        let values = parts.values.get(i * room..i * room + count).unwrap_or_default();
        let mut hot = hot.iter().copied().peekable();
        let over = s.splat(threshold);
        let far = s.splat(most * length);
        for (ids, values) in ids.chunks(ENTRIES).zip(values.chunks(ENTRIES)) {
            // What nobody can have crossed who is not hot; those come by themselves.
            let (mut certain, mut possible, mut lane) = (0u64, 0u64, 0);
            for values in values.chunks(S::LANES) {
                let z = s.load_part(values);
                certain |= s.gt(s.sub(z, far), over) << lane;
                possible |= s.gt(s.add(z, far), over) << lane;
                lane += S::LANES;
            }
            let inside = super::hits::low_bits(ids.len());
            let mut open = possible & !certain & inside;
            let mut fires = certain & inside;
            while open != 0 {
                let lane = open.trailing_zeros() as usize;
                open &= open - 1;
                let r = ids.get(lane).copied().unwrap_or_default();
                let z = values.get(lane).copied().unwrap_or_default();
                let drift = parts.drift.get(r as usize).copied().unwrap_or(T::INFINITY);
                let above = if z - drift * length > threshold {
                    true
                } else if z + drift * length <= threshold {
                    false
                } else {
                    let norm = parts.norms.get(r as usize).map_or(T::INFINITY, |&norm| norm + drift);
                    decide(s, x, row(r), threshold, gamma * norm * length)
                };
                fires |= u64::from(above) << lane;
            }
            // Neurons that have moved far come in between, whether or not they were candidates.
            let mut done = 0;
            while let Some(far) = hot.next_if(|&far| ids.last().is_some_and(|&last| far <= last)) {
                let at = ids.partition_point(|&r| r < far);
                hits.put_some(s, answer, ids.get(done..at).unwrap_or_default(), fires >> done);
                hits.put_some(s, answer, &[far], u64::from(scan::value_of(s, x, row(far)) > threshold));
                // Damaged bytes need not ascend.
                done = done.max(at + usize::from(ids.get(at) == Some(&far)));
            }
            hits.put_some(s, answer, ids.get(done..).unwrap_or_default(), fires.checked_shr(done as u32).unwrap_or_default());
        }
        for far in hot {
            hits.put_some(s, answer, &[far], u64::from(scan::value_of(s, x, row(far)) > threshold));
        }
        if hits.wants_values() {
            let (indices, values) = hits.unfilled(answer, 0);
            values::values_of(s, x, 1, indices, values, row);
        }
    }
}
