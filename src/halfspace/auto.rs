//! Which structure for which work.

use super::size;
use crate::float::Real;
use crate::matrix::MatRef;
use crate::simd::Float;

/// What there is to do.
///
/// ```
/// use subquad::halfspace::{Structure, Workload, auto};
///
/// // A layer of 4096 neurons on 784 pixels, asked once about a whole batch and then trained further.
/// let work = Workload { m: 4096, d: 784, n: 128, fired: 0.3, drift: None, reuse: 0, peak: 1.0 };
/// assert_eq!(auto(work), Structure::Scan);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Workload {
    /// Neurons.
    pub m: usize,
    /// Their length.
    pub d: usize,
    /// Queries that come together.
    pub n: usize,
    /// The share of neurons that fires, about.
    pub fired: f64,
    /// For queries that stay the same while the weights move: how far a neuron moves between two of them, relative to
    /// the standard deviation of the values of all neurons on a query of length 1. `None` for queries that are new.
    pub drift: Option<f64>,
    /// How often the weights are asked before they change; 0 for weights that change every time.
    pub reuse: usize,
    /// How uneven the numbers of a row are: what [`peak`] says of the weights; 1 where that is not known.
    pub peak: f64,
}

/// The largest number of a row, by that of a row of as many Gaussian numbers with the same norm, about: the mean over all rows
/// of `max |w_rk| sqrt(d) / |w_r| / sqrt(2 ln(2 d) - ln ln(2 d) - ln pi)`. 1 for Gaussian rows; what is much more has few large numbers
/// among many small ones, and is better quantised [rotated](super::Rotated). Rows that are zero or not finite do not
/// count. One pass over W, m x d with any strides.
///
/// ```
/// use subquad::{MatRef, halfspace::peak};
///
/// let even = [1.0f32, -1.0, 1.0, 1.0, -1.0, 1.0, -1.0, 1.0];
/// let uneven = [0.0f32, 0.1, 0.0, 0.0, 9.0, 0.0, 0.1, 0.0];
/// assert!(peak(MatRef::new(&even, 1, 8)?) < 1.0);
/// assert!(peak(MatRef::new(&uneven, 1, 8)?) > 1.5);
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn peak<T: Float>(w: MatRef<'_, T>) -> f64 {
    let d = w.cols() as f64;
    let (mut sum, mut rows) = (0.0, 0.0);
    // Rows of no numbers have no norm, however many they are.
    let with_numbers = if w.cols() == 0 { 0 } else { w.rows() };
    for r in 0..with_numbers {
        let (most, norm) = size((0..w.cols()).filter_map(|k| w.get(r, k)));
        if norm > 0.0 && norm.is_finite() {
            sum += most * Real::sqrt(d) / norm;
            rows += 1.0;
        }
    }
    // The largest of d Gaussian numbers, of either sign: its median, roughly, and never below that of one.
    let ln = libm::log(2.0 * d);
    let gaussian = Real::sqrt((2.0 * ln - libm::log(ln.max(1.0)) - 1.1447).max(1.0));
    if rows > 0.0 { sum / rows / gaussian } else { 1.0 }
}

/// The structures of this module.
///
/// ```
/// use subquad::halfspace::{Structure, Workload, auto};
///
/// // The samples stay, and the weights have hardly moved.
/// let work = Workload { m: 4096, d: 784, n: 1000, fired: 0.02, drift: Some(0.001), reuse: 1, peak: 1.0 };
/// assert_eq!(auto(work), Structure::Candidates);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Structure {
    /// [`scan`](super::scan()): nothing is kept.
    Scan,
    /// [`Packed`](super::Packed)
    Packed,
    /// [`Screened`](super::Screened)
    Screened,
    /// [`Rotated`](super::Rotated)
    Rotated,
    /// [`BallTree`](super::BallTree)
    BallTree,
    /// [`Candidates`](super::Candidates)
    Candidates,
}

/// Rows above this [`peak`] are rotated. At 1, a rotation changes nothing but the columns that it adds (784 become 896: a tenth slower);
/// at 1.8 and above a batch at 2 % fired took 1.3 to 3.1 times as long without it, a single query 1.2 to 4.2 times.
const UNEVEN: f64 = 1.25;

/// The structure that was fastest for work like this, on a machine with AVX-512; all of them answer alike.
///
/// * Samples that stay, and a drift that leaves the lists short: candidates.
/// * Weights that are asked too seldom to be worth an index: the scan, which packs a group at a time.
/// * A single query, weights that do not fit the second-level cache: reading them takes the time, so bytes instead of
///   floats, or, with up to eight numbers and few neurons firing, only those leaves of a tree that are reached.
/// * A batch: the scan is bound by arithmetic. Bytes take a fourth of it, but every neuron near the threshold costs a
///   product of floats, so that they pay for long rows and few neurons firing. The tree does not.
/// * Bytes, of rows with few large numbers: rotated.
///
/// ```
/// use subquad::halfspace::{Structure, Workload, auto};
///
/// let work = Workload { m: 65_536, d: 64, n: 1, fired: 0.02, drift: None, reuse: 100, peak: 1.0 };
/// assert_eq!(auto(work), Structure::Screened);
/// assert_eq!(auto(Workload { peak: 2.0, ..work }), Structure::Rotated);
/// assert_eq!(auto(Workload { n: 512, ..work }), Structure::Packed);
/// assert_eq!(auto(Workload { m: 262_144, d: 8, fired: 0.001, ..work }), Structure::BallTree);
/// assert_eq!(auto(Workload { drift: Some(0.01), ..work }), Structure::Candidates);
/// assert_eq!(auto(Workload { reuse: 0, ..work }), Structure::Scan);
/// ```
pub fn auto(work: Workload) -> Structure {
    let Workload { m, d, n, fired, drift, reuse, peak } = work;
    if drift.is_some_and(|drift| drift < 0.2) && fired < 0.2 {
        return Structure::Candidates;
    }
    // Queries that an index answers before it is built anew; building reads and writes every weight a few times.
    let queries = n.saturating_mul(reuse);
    if queries < 8 {
        return Structure::Scan;
    }
    let few = n < 8;
    let numbers = m.saturating_mul(d);
    if few && d <= 8 && m >= 1 << 16 && fired <= 0.002 && queries >= 64 {
        Structure::BallTree
    } else if few && numbers >= 1 << 19 && d >= 16 && fired <= 0.05 || !few && (d >= 48 && fired <= 0.002 || d >= 192 && fired <= 0.02) {
        if peak > UNEVEN { Structure::Rotated } else { Structure::Screened }
    } else {
        Structure::Packed
    }
}
