//! Candidate lists by neuron: the samples each neuron can have come to fire on since its list was made.

use super::TrainError;
use super::fired::{Answers, Bytes, Lists, QUERIES, of, of_mut, words};
use super::kernels::{Kernels, each};
use super::method::view;
use super::tangents::grow;
use crate::halfspace::{Check, Packed, Reporter};
use crate::relu::fired;
use crate::{Error, Level, MatRef};

/// For each neuron the samples that it can have come to fire on since its list was made.
///
/// A list holds every sample with `<w_r, x_i> > b - (rho_r + slack) |x|`, where |x| is that of the longest sample. While
/// the neuron has moved by no more than rho_r since, no other sample can fire. Each neuron's list is made anew by itself,
/// when that is used up: then rho_r is set to a few of its last steps. `slack` covers the rounding errors of the values.
///
/// Nor is every candidate looked at in every step: each keeps what it was worth when it was last looked at, and is left
/// alone while the neuron has not gone far enough since to lift it above the threshold.
#[derive(Debug)]
pub(super) struct Skins {
    /// The samples, packed for a scan.
    packed: Bytes,
    /// Above every |x_i|.
    longest: f32,
    /// One for each thread.
    blocks: Vec<Block>,
}

/// The lists of some neurons that lie together, and all that is known of them.
#[derive(Debug, Default)]
struct Block {
    first: usize,
    neurons: Vec<Neuron>,
    /// The samples of all lists.
    candidates: Vec<u32>,
    /// For each of them `z - drift |x|`, when it was last looked at: with the drift of today times |x| added, no less
    /// than its value.
    bounds: Vec<f32>,
    /// What rounding can move a neuron by in one step.
    grain: f32,
    /// What rounding can do to values, in units of the samples' length.
    slack: f32,
    scratch: Vec<f32>,
}

#[derive(Clone, Debug)]
struct Neuron {
    /// How far it has moved since its list was made, at most; infinite before that.
    drift: f32,
    rho: f32,
    /// The last move.
    last: f32,
    /// Where its list lies, how long it is, and how much room it has.
    at: usize,
    len: u32,
    room: u32,
}

/// Skins to choose from: neurons with the same one are asked about together.
const SKINS: [f32; 5] = [0.0, 0.02, 0.06, 0.15, 0.35];
/// Steps that a skin should last.
const LASTS: f32 = 8.0;

/// What a value has to exceed so that it may be above `shift` after a move by `by`, with samples no longer than `longest`.
fn threshold(shift: f32, by: f32, longest: f32) -> f32 {
    let threshold = shift - by * longest - 1e-30;
    let threshold = threshold - threshold.abs() * f32::EPSILON;
    if threshold.is_nan() { f32::NEG_INFINITY } else { threshold }
}

impl Skins {
    pub fn new(kernels: Kernels, x: MatRef<'_, f32>, m: usize) -> Result<Self, TrainError> {
        let mut packed = words(Packed::<&[u8], f32>::storage_len(x.rows(), x.cols()));
        Packed::build(x, of_mut(&mut packed))?;
        let norm = |i: usize| x.row(i).unwrap_or_default().iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        let longest = (0..x.rows()).map(norm).fold(0.0, f64::max) * (1.0 + 1e-6);
        let share = kernels.share(m, 64);
        let unknown = Neuron { drift: f32::INFINITY, rho: 0.0, last: 0.0, at: 0, len: 0, room: 0 };
        let block = |first| Block { first, neurons: vec![unknown.clone(); share.min(m - first)], ..Block::default() };
        Ok(Self { packed, longest: longest as f32, blocks: (0..m).step_by(share).map(block).collect() })
    }

    /// Moves add up; each is rounded up, and so is what rounding does to the weights themselves.
    pub fn moved(&mut self, moved: &[f32]) {
        for block in &mut self.blocks {
            for (neuron, &by) in block.neurons.iter_mut().zip(moved.get(block.first..).unwrap_or_default()) {
                if by != 0.0 {
                    neuron.drift = (neuron.drift + by) * (1.0 + 1e-5) + block.grain;
                    neuron.last = by;
                }
            }
        }
    }

    /// Which samples each neuron fires on, and its values there.
    pub fn find(&mut self, level: Level, x: MatRef<'_, f32>, w: MatRef<'_, f32>, shift: f32, lists: &mut Lists) -> Result<(), Error> {
        let index = Packed::open(of(&self.packed), Check::Header)?;
        let (longest, alone) = (self.longest, self.blocks.len() == 1);
        // Each block lists its own neurons; then the parts are put one behind the other.
        let mut parts: Vec<Lists> = self.blocks.iter().map(|_| Lists::default()).collect();
        if alone {
            std::mem::swap(&mut parts[0], lists);
        }
        each(self.blocks.iter_mut().zip(&mut parts), |(block, lists)| {
            block.renew(level, &index, w, shift, longest)?;
            block.find(level, x, w, shift, longest, lists)
        })?;
        if alone {
            std::mem::swap(&mut parts[0], lists);
            return Ok(());
        }
        lists.starts.clear();
        lists.samples.clear();
        lists.values.clear();
        lists.starts.push(0);
        for part in &parts {
            let (before, len) = (lists.samples.len(), part.len());
            lists.starts.extend(part.starts.iter().skip(1).map(|start| before + start));
            lists.samples.extend_from_slice(&part.samples[..len]);
            lists.values.extend_from_slice(&part.values[..len]);
        }
        Ok(())
    }
}

impl Block {
    fn find(
        &mut self,
        level: Level,
        x: MatRef<'_, f32>,
        w: MatRef<'_, f32>,
        shift: f32,
        longest: f32,
        Lists { starts, samples, values }: &mut Lists,
    ) -> Result<(), Error> {
        let lengths = self.neurons.iter().map(|neuron| neuron.len as usize);
        let (most, longest_list): (usize, usize) = (lengths.clone().sum(), lengths.max().unwrap_or(0));
        // Room for all candidates; what is left there from before may stay.
        if samples.len() < most {
            samples.resize(most, 0);
            values.resize(most, 0.0);
        }
        let (mut looked_at, mut places, mut z) = (vec![0; longest_list], vec![0; longest_list], vec![0.0; longest_list]);
        let mut len = 0;
        starts.clear();
        starts.push(0);
        for (k, neuron) in self.neurons.iter().enumerate() {
            let list = neuron.at..neuron.at + neuron.len as usize;
            let (candidates, bounds) = (&self.candidates[list.clone()], &mut self.bounds[list]);
            let least = threshold(shift, neuron.drift + self.slack, longest);
            let mut some = 0;
            // Who is looked at, and then who fires, is put in front, without a branch.
            for (at, (&i, &bound)) in (0u32..).zip(candidates.iter().zip(bounds.iter())) {
                (looked_at[some], places[some]) = (i, at);
                // What is no number is looked at.
                some += usize::from(bound >= least || bound.is_nan());
            }
            fired::values(level, x, w.row(self.first + k).unwrap_or_default(), &looked_at[..some], &mut z[..some])?;
            let far = neuron.drift * longest;
            for ((&i, &at), &z) in looked_at[..some].iter().zip(&places).zip(&z) {
                bounds[at as usize] = z - far;
                (samples[len], values[len]) = (i, z);
                len += usize::from(z > shift);
            }
            starts.push(len);
        }
        Ok(())
    }

    /// Makes the lists anew of all neurons that have left their skins.
    fn renew(&mut self, level: Level, index: &Packed<&[u8], f32>, w: MatRef<'_, f32>, shift: f32, longest: f32) -> Result<(), Error> {
        let (n, d) = (index.neurons(), w.cols());
        let mut classes: [Vec<usize>; SKINS.len()] = Default::default();
        for (k, neuron) in self.neurons.iter().enumerate() {
            // A drift that is no number is no promise either.
            let inside = neuron.drift <= neuron.rho;
            if !inside {
                let wanted = LASTS * neuron.last;
                let class = if neuron.drift.is_finite() { SKINS.iter().position(|&s| s >= wanted) } else { Some(2) };
                classes[class.unwrap_or(SKINS.len() - 1).max(1)].push(k);
            }
        }
        let (mut rows, mut answers, mut room) = (Vec::new(), Answers::default(), (n / 8).clamp(1, n.max(1)));
        for (class, neurons) in classes.iter().enumerate() {
            // Their norms decide how much of the skin goes to rounding: the longest of a batch for all of it.
            for batch in neurons.chunks(QUERIES) {
                rows.clear();
                batch.iter().for_each(|&k| rows.extend_from_slice(w.row(self.first + k).unwrap_or_default()));
                let norm =
                    rows.chunks_exact(d.max(1)).map(|row| row.iter().map(|&w| f64::from(w).powi(2)).sum::<f64>()).fold(0.0, f64::max);
                let rho = SKINS[class];
                let reach = norm.sqrt() as f32 + rho;
                self.grain = self.grain.max(f32::EPSILON * reach);
                self.slack = self.slack.max(4.0 * (d + 4) as f32 * f32::EPSILON * reach);
                let least = threshold(shift, rho + self.slack, longest);
                grow(&mut self.scratch, index.scratch_len());
                loop {
                    answers.resize(batch.len(), room);
                    index.query_batch(level, view(&rows, batch.len(), d), least, &mut answers.hits()?, &mut self.scratch)?;
                    let wanted = answers.counts.iter().max().map_or(0, |&most| most as usize);
                    if wanted <= room {
                        break;
                    }
                    room = wanted;
                }
                for (k, &r) in batch.iter().enumerate() {
                    let ((samples, values), neuron) = (answers.row(k), &mut self.neurons[r]);
                    if samples.len() > neuron.room as usize {
                        let room = samples.len() + samples.len() / 4 + 2;
                        (neuron.at, neuron.room) = (self.candidates.len(), room as u32);
                        self.candidates.resize(neuron.at + room, 0);
                        self.bounds.resize(neuron.at + room, 0.0);
                    }
                    (neuron.drift, neuron.rho, neuron.len) = (0.0, rho, samples.len() as u32);
                    self.candidates[neuron.at..][..samples.len()].copy_from_slice(samples);
                    self.bounds[neuron.at..][..samples.len()].copy_from_slice(values);
                }
            }
        }
        self.close_holes();
        Ok(())
    }

    /// Lists that moved leave holes: closed when they are half of it.
    fn close_holes(&mut self) {
        let used: usize = self.neurons.iter().map(|neuron| neuron.room as usize).sum();
        if self.candidates.len() <= 2 * used + 1024 {
            return;
        }
        let (mut candidates, mut bounds) = (Vec::with_capacity(used), Vec::with_capacity(used));
        for neuron in &mut self.neurons {
            let room = neuron.at..neuron.at + neuron.room as usize;
            neuron.at = candidates.len();
            candidates.extend_from_slice(&self.candidates[room.clone()]);
            bounds.extend_from_slice(&self.bounds[room]);
        }
        (self.candidates, self.bounds) = (candidates, bounds);
    }
}
