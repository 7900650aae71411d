//! Candidate lists by neuron: the samples each neuron can have come to fire on since its list was made.

use super::TrainError;
use super::fired::{Answers, Bytes, Lists, QUERIES, of, of_mut, words};
use super::kernels::{Kernels, each};
use super::method::view;
use super::tangents::grow;
use crate::halfspace::{Check, Packed, Reporter};
use crate::relu::fired;
use crate::{Error, MatRef};

/// For each neuron the samples that it can have come to fire on since its list was made.
///
/// A list holds every sample with `<w_r, x_i> > b - (rho_r + slack) |x|`, where |x| is that of the longest sample. While
/// the neuron has moved by no more than rho_r since, no other sample can fire. Each neuron's list is made anew by itself,
/// when that is used up: then rho_r is set to a few of its last steps. `slack` covers the rounding errors of the values.
#[derive(Debug)]
pub(super) struct Skins {
    /// The samples, packed for a scan.
    packed: Bytes,
    /// Above every |x_i|.
    longest: f32,
    /// How far each neuron has moved since its list was made, at most; infinite before that.
    drift: Vec<f32>,
    rho: Vec<f32>,
    /// The last move.
    last: Vec<f32>,
    /// Where each list lies, how long it is, and how much room it has.
    places: Vec<(usize, u32, u32)>,
    lists: Vec<u32>,
    /// What rounding can move a neuron by in one step.
    grain: f32,
}

/// Skins to choose from: neurons with the same one are asked about together.
const SKINS: [f32; 5] = [0.0, 0.02, 0.06, 0.15, 0.35];
/// Steps that a skin should last.
const LASTS: f32 = 8.0;

impl Skins {
    pub fn new(x: MatRef<'_, f32>, m: usize) -> Result<Self, TrainError> {
        let mut packed = words(Packed::<&[u8], f32>::storage_len(x.rows(), x.cols()));
        Packed::build(x, of_mut(&mut packed))?;
        let norm = |i: usize| x.row(i).unwrap_or_default().iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        let longest = (0..x.rows()).map(norm).fold(0.0, f64::max) * (1.0 + 1e-6);
        Ok(Self {
            packed,
            longest: longest as f32,
            drift: vec![f32::INFINITY; m],
            rho: vec![0.0; m],
            last: vec![0.0; m],
            places: vec![(0, 0, 0); m],
            lists: Vec::new(),
            grain: 0.0,
        })
    }

    /// Moves add up; each is rounded up, and so is what rounding does to the weights themselves.
    pub fn moved(&mut self, moved: &[f32]) {
        for ((drift, last), &by) in self.drift.iter_mut().zip(&mut self.last).zip(moved) {
            if by != 0.0 {
                *drift = (*drift + by) * (1.0 + 1e-5) + self.grain;
                *last = by;
            }
        }
    }

    pub fn find(
        &mut self,
        kernels: Kernels,
        x: MatRef<'_, f32>,
        w: MatRef<'_, f32>,
        shift: f32,
        lists: &mut Lists,
        scratch: &mut Vec<f32>,
    ) -> Result<(), Error> {
        self.renew(kernels, x, w, shift, scratch)?;
        let m = w.rows();
        let rows = kernels.share(m, 64);
        let (places, all) = (&self.places, &self.lists);
        // Each part lists its own neurons; then the parts are put one behind the other.
        let mut parts: Vec<(usize, Lists)> = (0..m.div_ceil(rows)).map(|at| (at * rows, Lists::default())).collect();
        if let [(_, only)] = &mut parts[..] {
            std::mem::swap(only, lists);
        }
        each(parts.iter_mut(), |(first, lists)| {
            let Lists { starts, samples, values } = lists;
            let places = &places[*first..m.min(*first + rows)];
            starts.clear();
            starts.push(0);
            let most: usize = places.iter().map(|place| place.1 as usize).sum();
            // Room for all candidates; who fires is put in front, without a branch. What is left from before may stay.
            if samples.len() < most {
                samples.resize(most, 0);
                values.resize(most, 0.0);
            }
            let mut len = 0;
            let mut z = Vec::new();
            for (k, &(from, count, _)) in places.iter().enumerate() {
                let candidates = &all[from..from + count as usize];
                z.resize(candidates.len(), 0.0);
                let row = w.row(*first + k).unwrap_or_default();
                fired::values(kernels.level, x, row, candidates, &mut z)?;
                for (&i, &z) in candidates.iter().zip(&z) {
                    (samples[len], values[len]) = (i, z);
                    len += usize::from(z > shift);
                }
                starts.push(len);
            }
            samples.truncate(len);
            values.truncate(len);
            Ok(())
        })?;
        if parts.len() == 1 {
            std::mem::swap(&mut parts[0].1, lists);
            return Ok(());
        }
        lists.starts.clear();
        lists.samples.clear();
        lists.values.clear();
        lists.starts.push(0);
        for (_, part) in &parts {
            let before = lists.samples.len();
            lists.starts.extend(part.starts.iter().skip(1).map(|start| before + start));
            lists.samples.extend_from_slice(&part.samples);
            lists.values.extend_from_slice(&part.values);
        }
        Ok(())
    }

    /// Makes the lists anew of all neurons that have left their skins.
    fn renew(&mut self, kernels: Kernels, x: MatRef<'_, f32>, w: MatRef<'_, f32>, shift: f32, scratch: &mut Vec<f32>) -> Result<(), Error> {
        let (n, d) = (x.rows(), x.cols());
        let mut classes: [Vec<usize>; SKINS.len()] = Default::default();
        for r in 0..w.rows() {
            // A drift that is no number is no promise either.
            let inside = self.drift[r] <= self.rho[r];
            if !inside {
                let wanted = LASTS * self.last[r];
                let class = if self.drift[r].is_finite() { SKINS.iter().position(|&s| s >= wanted) } else { Some(2) };
                classes[class.unwrap_or(SKINS.len() - 1).max(1)].push(r);
            }
        }
        let index = Packed::open(of(&self.packed), Check::Header)?;
        for (class, neurons) in classes.iter().enumerate() {
            // Their norms decide how much of the skin goes to rounding: the longest of a batch for all of it.
            for batch in neurons.chunks(QUERIES * kernels.threads) {
                let rows: Vec<f32> = batch.iter().flat_map(|&r| w.row(r).unwrap_or_default()).copied().collect();
                let norm =
                    rows.chunks_exact(d.max(1)).map(|row| row.iter().map(|&w| f64::from(w).powi(2)).sum::<f64>()).fold(0.0, f64::max);
                let rho = SKINS[class];
                self.grain = self.grain.max(f32::EPSILON * (norm.sqrt() as f32 + rho));
                let slack = 4.0 * (d + 4) as f32 * f32::EPSILON * (norm.sqrt() as f32 + rho);
                let threshold = shift - (rho + slack) * self.longest - 1e-30;
                let threshold = threshold - threshold.abs() * f32::EPSILON;
                let share = batch.len().div_ceil(kernels.threads).max(1);
                let len = index.scratch_len();
                grow(scratch, len * kernels.threads);
                let mut answers: Vec<Answers> = batch.chunks(share).map(|_| Answers::default()).collect();
                let parts = rows.chunks(share * d.max(1)).zip(answers.iter_mut()).zip(scratch.chunks_mut(len.max(1)));
                each(parts, |((rows, answers), scratch)| {
                    let queries = view(rows, rows.len() / d.max(1), d);
                    let mut room = (n / 8).clamp(1, n);
                    loop {
                        answers.resize(queries.rows(), room);
                        index.query_batch(kernels.level, queries, threshold, &mut answers.hits()?, scratch)?;
                        let wanted = answers.counts.iter().max().map_or(0, |&most| most as usize);
                        if wanted <= room {
                            return Ok(());
                        }
                        room = wanted;
                    }
                })?;
                for (neurons, answers) in batch.chunks(share).zip(&answers) {
                    for (k, &r) in neurons.iter().enumerate() {
                        let (samples, _) = answers.row(k);
                        let place = &mut self.places[r];
                        if samples.len() > place.2 as usize {
                            let room = samples.len() + samples.len() / 4 + 2;
                            *place = (self.lists.len(), 0, room as u32);
                            self.lists.resize(self.lists.len() + room, 0);
                        }
                        place.1 = samples.len() as u32;
                        self.lists[place.0..place.0 + samples.len()].copy_from_slice(samples);
                        (self.drift[r], self.rho[r]) = (0.0, rho);
                    }
                }
            }
        }
        // Lists that moved leave holes: closed when they are half of it.
        let used: usize = self.places.iter().map(|place| place.2 as usize).sum();
        if self.lists.len() > 2 * used + 1024 {
            let mut packed = Vec::with_capacity(used);
            for place in &mut self.places {
                let from = place.0;
                place.0 = packed.len();
                packed.extend_from_slice(&self.lists[from..from + place.2 as usize]);
            }
            self.lists = packed;
        }
        Ok(())
    }
}
