//! Which samples each neuron fires on, found by one of the structures of [`halfspace`](crate::halfspace), and kept as
//! the weights move.

use super::TrainError;
use super::kernels::Kernels;
use super::method::view;
use super::settings::{Lookup, Over};
use super::skins::Skins;
use super::tangents::grow;
use crate::halfspace::{BallTree, Candidates, Check, Hits, MaxTree, Packed, Reporter, Screened, Watcher, scan, scan_scratch_len};
use crate::relu::FiredRef;
use crate::{Error, Level, MatRef};

/// The lists of all neurons.
#[derive(Clone, Debug, Default)]
pub(super) struct Lists {
    /// m + 1
    pub starts: Vec<usize>,
    /// Behind the last entry there may be room for more, with anything in it.
    pub samples: Vec<u32>,
    pub values: Vec<f32>,
}

impl Lists {
    pub fn view(&self, n: usize) -> Result<FiredRef<'_, f32>, Error> {
        let len = self.len();
        FiredRef::new(&self.starts, &self.samples[..len], &self.values[..len], n)
    }

    /// Entries of all lists.
    pub fn len(&self) -> usize {
        self.starts.last().copied().unwrap_or(0)
    }
}

/// Bytes of an index, which have to begin at a multiple of 8.
pub(super) type Bytes = Vec<u64>;

pub(super) fn words(bytes: usize) -> Bytes {
    vec![0; bytes.div_ceil(8)]
}

pub(super) fn of(words: &Bytes) -> &[u8] {
    bytemuck::cast_slice(words)
}

pub(super) fn of_mut(words: &mut Bytes) -> &mut [u8] {
    bytemuck::cast_slice_mut(words)
}

/// A structure, and what it is kept over.
#[derive(Debug)]
enum Structure {
    /// Asked by sample; the index is over the weights.
    Scan,
    Screened(Bytes),
    BallTree(Bytes),
    MaxTree(Bytes),
    Candidates(Bytes),
    /// Asked by neuron; the index is over the samples.
    ScanOfData(Bytes),
    ScreenedData(Bytes),
    BallTreeOfData(Bytes),
    /// One tree per neuron over the samples.
    MaxTreeOfNeurons(Bytes),
    CandidatesOfNeurons(Skins),
}

/// Finds the fired sets of weights that move, and keeps what it finds them by.
#[derive(Debug)]
pub(super) struct FiredSets {
    structure: Structure,
    kernels: Kernels,
    shift: f32,
    pub lists: Lists,
    /// Answers that fit a query's row, so far.
    room: usize,
    scratch: Vec<f32>,
}

/// Queries that are asked together.
pub(super) const QUERIES: usize = 512;
/// The skin of candidate lists over weights, in units of the inputs' length.
const RHO: f64 = 0.1;

impl FiredSets {
    /// Builds the structure for weights as they are, and finds the lists.
    pub fn new(
        kernels: Kernels,
        lookup: Lookup,
        over: Over,
        x: MatRef<'_, f32>,
        w: MatRef<'_, f32>,
        shift: f32,
    ) -> Result<Self, TrainError> {
        let (n, d, m, level) = (x.rows(), x.cols(), w.rows(), kernels.level);
        let mut scratch = Vec::new();
        let structure = match (lookup, over) {
            (Lookup::Screened, Over::Weights) => {
                let mut bytes = words(Screened::<&[u8], f32>::storage_len(m, d));
                Screened::build(w, of_mut(&mut bytes))?;
                Structure::Screened(bytes)
            }
            (Lookup::Screened, Over::Data) => {
                let mut bytes = words(Screened::<&[u8], f32>::storage_len(n, d));
                Screened::build(x, of_mut(&mut bytes))?;
                Structure::ScreenedData(bytes)
            }
            (Lookup::BallTree, Over::Weights) => {
                let mut bytes = words(BallTree::<&[u8], f32>::storage_len(m, d));
                grow(&mut scratch, BallTree::<&[u8], f32>::build_scratch_len(m, d));
                BallTree::build(w, of_mut(&mut bytes), &mut scratch)?;
                Structure::BallTree(bytes)
            }
            (Lookup::BallTree, Over::Data) => {
                let mut bytes = words(BallTree::<&[u8], f32>::storage_len(n, d));
                grow(&mut scratch, BallTree::<&[u8], f32>::build_scratch_len(n, d));
                BallTree::build(x, of_mut(&mut bytes), &mut scratch)?;
                Structure::BallTreeOfData(bytes)
            }
            (Lookup::MaxTree, Over::Weights) => {
                let mut bytes = words(MaxTree::<&[u8], f32>::storage_len(m, d, n));
                grow(&mut scratch, MaxTree::<&[u8], f32>::build_scratch_len(m, d));
                MaxTree::build(level, w, x, of_mut(&mut bytes), &mut scratch)?;
                Structure::MaxTree(bytes)
            }
            (Lookup::MaxTree, Over::Data) => {
                let mut bytes = words(MaxTree::<&[u8], f32>::storage_len(n, d, m));
                grow(&mut scratch, MaxTree::<&[u8], f32>::build_scratch_len(n, d));
                MaxTree::build(level, x, w, of_mut(&mut bytes), &mut scratch)?;
                Structure::MaxTreeOfNeurons(bytes)
            }
            (Lookup::Candidates, Over::Weights) => {
                let room = (m / 8).max(64).min(m);
                let mut bytes = words(Candidates::<&[u8], f32>::storage_len(m, d, n, room));
                grow(&mut scratch, Candidates::<&[u8], f32>::build_scratch_len(m, d, n));
                let index = Candidates::build(level, w, x, shift, RHO, room, of_mut(&mut bytes), &mut scratch)?;
                let most = index.most_candidates();
                if most > room {
                    bytes = words(Candidates::<&[u8], f32>::storage_len(m, d, n, m));
                    Candidates::build(level, w, x, shift, RHO, m, of_mut(&mut bytes), &mut scratch)?;
                }
                Structure::Candidates(bytes)
            }
            (Lookup::Scan, Over::Weights) => Structure::Scan,
            (Lookup::Scan, Over::Data) => {
                let mut bytes = words(Packed::<&[u8], f32>::storage_len(n, d));
                Packed::build(x, of_mut(&mut bytes))?;
                Structure::ScanOfData(bytes)
            }
            _ => Structure::CandidatesOfNeurons(Skins::new(kernels, x, m)?),
        };
        let mut sets = Self { structure, kernels, shift, lists: Lists::default(), room: 64, scratch };
        sets.find(x, w)?;
        Ok(sets)
    }

    /// The weights have moved, each neuron by no more than `moved`; finds the lists anew.
    pub fn follow(&mut self, x: MatRef<'_, f32>, w: MatRef<'_, f32>, moved: &[f32]) -> Result<(), TrainError> {
        let (level, d) = (self.kernels.level, x.cols());
        let went: Vec<u32> = (0..w.rows() as u32).filter(|&r| moved[r as usize] != 0.0).collect();
        let row = |r: u32| w.row(r as usize).unwrap_or_default();
        match &mut self.structure {
            Structure::Screened(bytes) => {
                if went.len() * 4 > w.rows() {
                    Screened::build(w, of_mut(bytes))?;
                } else {
                    let mut index = Screened::open(of_mut(bytes), Check::Header)?;
                    went.iter().try_for_each(|&r| index.update(level, r as usize, row(r)))?;
                }
            }
            Structure::BallTree(bytes) => {
                let mut index = BallTree::open(of_mut(bytes), Check::Header)?;
                went.iter().try_for_each(|&r| index.update(level, r as usize, row(r)))?;
                if index.is_worn() {
                    grow(&mut self.scratch, BallTree::<&[u8], f32>::rebalance_scratch_len(w.rows(), d));
                    index.rebalance(&mut self.scratch)?;
                }
            }
            Structure::MaxTree(bytes) => {
                let mut index = MaxTree::open(of_mut(bytes), Check::Header)?;
                let rows: Vec<f32> = went.iter().flat_map(|&r| row(r)).copied().collect();
                grow(&mut self.scratch, MaxTree::<&[u8], f32>::build_scratch_len(w.rows(), d));
                index.update_batch(level, &went, view(&rows, went.len(), d), &mut self.scratch)?;
            }
            Structure::MaxTreeOfNeurons(bytes) => {
                let mut index = MaxTree::open(of_mut(bytes), Check::Header)?;
                grow(&mut self.scratch, MaxTree::<&[u8], f32>::build_scratch_len(x.rows(), d));
                for &r in &went {
                    index.replace(level, r as usize, row(r), x, &mut self.scratch)?;
                }
            }
            Structure::Candidates(bytes) => {
                let mut index = Candidates::open(of_mut(bytes), Check::Header)?;
                grow(&mut self.scratch, Candidates::<&[u8], f32>::build_scratch_len(w.rows(), d, x.rows()));
                index.advance(level, w, &mut self.scratch)?;
            }
            Structure::CandidatesOfNeurons(skins) => skins.moved(moved),
            Structure::Scan | Structure::ScanOfData(_) | Structure::ScreenedData(_) | Structure::BallTreeOfData(_) => {}
        }
        self.find(x, w)
    }

    /// The lists of these weights, as the structure knows them; over weights, the samples may be any.
    pub fn find(&mut self, x: MatRef<'_, f32>, w: MatRef<'_, f32>) -> Result<(), TrainError> {
        let (n, m, shift, level) = (x.rows(), w.rows(), self.shift, self.kernels.level);
        let Self { structure, lists, room, scratch, .. } = self;
        match structure {
            Structure::Scan => {
                grow(scratch, scan_scratch_len(x.cols(), m));
                let ask = |from: usize, k: usize, hits: &mut Hits<'_, f32>, scratch: &mut [f32]| {
                    scan(level, w, x.row_range(from, k), shift, hits, scratch)
                };
                by_sample(n, m, room, lists, scratch, ask)?;
            }
            Structure::Screened(bytes) => ask_index(&Screened::open(of(bytes), Check::Header)?, level, x, shift, room, scratch, |a, s| {
                by_sample(n, m, a.0, lists, s, a.1)
            })?,
            Structure::BallTree(bytes) => ask_index(&BallTree::open(of(bytes), Check::Header)?, level, x, shift, room, scratch, |a, s| {
                by_sample(n, m, a.0, lists, s, a.1)
            })?,
            Structure::ScanOfData(bytes) => ask_index(&Packed::open(of(bytes), Check::Header)?, level, w, shift, room, scratch, |a, s| {
                by_neuron(n, m, a.0, lists, s, a.1)
            })?,
            Structure::ScreenedData(bytes) => {
                ask_index(&Screened::open(of(bytes), Check::Header)?, level, w, shift, room, scratch, |a, s| {
                    by_neuron(n, m, a.0, lists, s, a.1)
                })?;
            }
            Structure::BallTreeOfData(bytes) => {
                ask_index(&BallTree::open(of(bytes), Check::Header)?, level, w, shift, room, scratch, |a, s| {
                    by_neuron(n, m, a.0, lists, s, a.1)
                })?;
            }
            Structure::MaxTree(bytes) => {
                let index = MaxTree::open(of(bytes), Check::Header)?;
                grow(scratch, MaxTree::<&[u8], f32>::build_scratch_len(m, x.cols()));
                by_sample(n, m, room, lists, scratch, |from, _, hits, scratch| index.query_from(level, w, from, shift, hits, scratch))?;
            }
            Structure::MaxTreeOfNeurons(bytes) => {
                let index = MaxTree::open(of(bytes), Check::Header)?;
                grow(scratch, MaxTree::<&[u8], f32>::build_scratch_len(n, x.cols()));
                by_neuron(n, m, room, lists, scratch, |from, _, hits, scratch| index.query_from(level, x, from, shift, hits, scratch))?;
            }
            Structure::Candidates(bytes) => {
                let index = Candidates::open(of(bytes), Check::Header)?;
                by_sample(n, m, room, lists, scratch, |from, _, hits, _| index.query_from(level, w, from, shift, hits, &mut []))?;
            }
            Structure::CandidatesOfNeurons(skins) => skins.find(level, x, w, shift, lists)?,
        }
        Ok(())
    }
}

/// Answers of a chunk of queries.
#[derive(Default)]
pub(super) struct Answers {
    pub counts: Vec<u32>,
    indices: Vec<u32>,
    values: Vec<f32>,
    room: usize,
}

impl Answers {
    pub fn hits(&mut self) -> Result<Hits<'_, f32>, Error> {
        Hits::new(&mut self.counts, &mut self.indices, self.room)?.with_values(&mut self.values)
    }
    pub fn row(&self, k: usize) -> (&[u32], &[f32]) {
        let (from, len) = (k * self.room, self.counts[k] as usize);
        (&self.indices[from..from + len], &self.values[from..from + len])
    }
    pub fn resize(&mut self, queries: usize, room: usize) {
        self.room = room;
        self.counts.resize(queries, 0);
        self.indices.resize(queries * room, 0);
        self.values.resize(queries * room, 0.0);
    }
}

/// Asks queries `from .. from + k` of an index into hits.
trait Ask: FnMut(usize, usize, &mut Hits<'_, f32>, &mut [f32]) -> Result<(), Error> {}
impl<F: FnMut(usize, usize, &mut Hits<'_, f32>, &mut [f32]) -> Result<(), Error>> Ask for F {}

/// Calls `then` with a way to ask the index about the rows of `queries`.
fn ask_index(
    index: &impl Reporter<f32>,
    level: Level,
    queries: MatRef<'_, f32>,
    shift: f32,
    room: &mut usize,
    scratch: &mut Vec<f32>,
    then: impl FnOnce(
        (&mut usize, &mut dyn FnMut(usize, usize, &mut Hits<'_, f32>, &mut [f32]) -> Result<(), Error>),
        &mut Vec<f32>,
    ) -> Result<(), Error>,
) -> Result<(), Error> {
    grow(scratch, index.scratch_len());
    let mut ask = |from: usize, k: usize, hits: &mut Hits<'_, f32>, scratch: &mut [f32]| {
        index.query_batch(level, queries.row_range(from, k), shift, hits, scratch)
    };
    then((room, &mut ask), scratch)
}

/// All answers, a chunk at a time, each with room enough.
fn in_chunks(
    queries: usize,
    most: usize,
    room: &mut usize,
    scratch: &mut [f32],
    mut ask: impl Ask,
    mut take: impl FnMut(usize, &Answers),
) -> Result<(), Error> {
    let mut answers = Answers::default();
    let mut from = 0;
    while from < queries {
        let k = QUERIES.min(queries - from);
        answers.resize(k, (*room).min(most.max(1)));
        ask(from, k, &mut answers.hits()?, scratch)?;
        let wanted = answers.counts.iter().max().map_or(0, |&most| most as usize);
        if wanted > answers.room {
            *room = wanted + wanted / 4;
            continue;
        }
        take(from, &answers);
        from += k;
    }
    Ok(())
}

/// Asked by neuron, answers are the lists.
fn by_neuron(n: usize, m: usize, room: &mut usize, lists: &mut Lists, scratch: &mut [f32], ask: impl Ask) -> Result<(), Error> {
    lists.starts.clear();
    lists.samples.clear();
    lists.values.clear();
    lists.starts.push(0);
    let Lists { starts, samples, values } = lists;
    in_chunks(m, n, room, scratch, ask, |_, answers| {
        for k in 0..answers.counts.len() {
            let (i, z) = answers.row(k);
            samples.extend_from_slice(i);
            values.extend_from_slice(z);
            starts.push(samples.len());
        }
    })
}

/// Asked by sample, answers are turned round: counted, then dealt out in the order of the samples.
fn by_sample(n: usize, m: usize, room: &mut usize, lists: &mut Lists, scratch: &mut [f32], ask: impl Ask) -> Result<(), Error> {
    let (mut ends, mut neurons, mut found) = (vec![0usize], Vec::new(), Vec::new());
    in_chunks(n, m, room, scratch, ask, |_, answers| {
        for k in 0..answers.counts.len() {
            let (r, z) = answers.row(k);
            neurons.extend_from_slice(r);
            found.extend_from_slice(z);
            ends.push(neurons.len());
        }
    })?;
    lists.starts.clear();
    lists.starts.resize(m + 1, 0);
    neurons.iter().for_each(|&r: &u32| lists.starts[r as usize + 1] += 1);
    for r in 0..m {
        lists.starts[r + 1] += lists.starts[r];
    }
    let mut next = lists.starts.clone();
    lists.samples.resize(neurons.len(), 0);
    lists.values.resize(neurons.len(), 0.0);
    for i in 0..n {
        for at in ends[i]..ends[i + 1] {
            let to = &mut next[neurons[at] as usize];
            lists.samples[*to] = i as u32;
            lists.values[*to] = found[at];
            *to += 1;
        }
    }
    Ok(())
}
