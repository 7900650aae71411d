//! Which structure for which work.

/// What there is to do.
///
/// ```
/// use subquad::halfspace::{Structure, Workload, auto};
///
/// // A layer of 4096 neurons on 784 pixels, asked once about a whole batch and then trained further.
/// let work = Workload { m: 4096, d: 784, n: 128, fired: 0.3, drift: None, reuse: 0 };
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
}

/// The structures of this module.
///
/// ```
/// use subquad::halfspace::{Structure, Workload, auto};
///
/// // The samples stay, and the weights have hardly moved.
/// let work = Workload { m: 4096, d: 784, n: 1000, fired: 0.02, drift: Some(0.001), reuse: 1 };
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
    /// [`BallTree`](super::BallTree)
    BallTree,
    /// [`Candidates`](super::Candidates)
    Candidates,
}

/// The structure that was fastest for work like this, on a machine with AVX-512; all of them answer alike.
///
/// * Samples that stay, and a drift that leaves the lists short: candidates.
/// * Weights that are asked too seldom to be worth an index: the scan, which packs a group at a time.
/// * A single query, weights that do not fit the second-level cache: reading them takes the time, so bytes instead of
///   floats, or, with up to eight numbers and few neurons firing, only those leaves of a tree that are reached.
/// * A batch: the scan is bound by arithmetic. Bytes take a fourth of it, but every neuron near the threshold costs a
///   product of floats, so that they pay for long rows and few neurons firing. The tree does not.
///
/// ```
/// use subquad::halfspace::{Structure, Workload, auto};
///
/// let work = Workload { m: 65_536, d: 64, n: 1, fired: 0.02, drift: None, reuse: 100 };
/// assert_eq!(auto(work), Structure::Screened);
/// assert_eq!(auto(Workload { n: 512, ..work }), Structure::Packed);
/// assert_eq!(auto(Workload { m: 262_144, d: 8, fired: 0.001, ..work }), Structure::BallTree);
/// assert_eq!(auto(Workload { drift: Some(0.01), ..work }), Structure::Candidates);
/// assert_eq!(auto(Workload { reuse: 0, ..work }), Structure::Scan);
/// ```
pub fn auto(work: Workload) -> Structure {
    let Workload { m, d, n, fired, drift, reuse } = work;
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
        Structure::Screened
    } else {
        Structure::Packed
    }
}
