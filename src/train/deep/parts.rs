//! The parts of a step: gradients, the Gram matrices of inputs, the system, the directions, and what they lead to.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

use super::network::{Block, Matrix, Rows, When, pairs, query, row_step};
use super::numbers::Numbers;
use super::settings::{DeepPreconditioner, FlushPolicy};
use super::system::{MeanFactor, Part, System};
use super::trainer::{Deep, squares};
use crate::cg::{self, Identity, LinearOperator, Preconditioner, Stopping, conjugate_gradient};
use crate::low_rank::{Situation, cheapest};
use crate::relu::deep::{combine, output_gradients, unnormalise};
use crate::sparse::{Panels, overlap, overlap_scratch_len, spread, spread_scratch_len};
use crate::train::damping::{INNER_TOLERANCE, MOST_ITERATIONS};
use crate::train::{Progress, TrainError};
use crate::{MatMut, MatRef, blas};

/// Steps that a run is expected to take, for the choice of what becomes of updates.
pub(super) const EXPECTED_STEPS: usize = 4;

/// What a part of a step cost.
///
/// ```
/// # use subquad::train::Deep;
/// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
/// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
/// let mut run = Deep::builder().width(256).tolerance(1e-3).build(x, y)?;
/// assert!(run.first_pass_work().operations > 0);
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// Wall time.
    pub seconds: f64,
    /// Multiply-adds, counted.
    pub operations: u64,
}

/// The parts of a step.
///
/// ```
/// # use subquad::train::Deep;
/// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
/// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
/// let mut run = Deep::builder().width(256).tolerance(1e-3).build(x, y)?;
/// run.step()?;
/// let phases = run.phases();
/// assert!(phases.forward.operations > 0 && phases.product.operations > 0);
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Phase {
    /// Passes through the network.
    pub forward: Work,
    /// Gradients of all outputs.
    pub backward: Work,
    /// The Gram matrices of the layers' inputs, and the preconditioner.
    pub gram: Work,
    /// Products with the Gram matrix.
    pub product: Work,
    /// Factored updates, and folding them.
    pub update: Work,
}

/// What a step would lead to.
pub(super) struct Candidate {
    pub z: Option<Numbers>,
    pub h: Vec<Arc<Rows>>,
    pub residual: Vec<f32>,
}

impl Deep {
    /// `g_(l, c)` of every layer from the lowest active one up, on the neurons that fire; nothing for layers below.
    pub(super) fn gradients(&mut self, lowest: usize) -> Result<Vec<Vec<f32>>, TrainError> {
        let begun = Instant::now();
        let (level, layers, c) = (self.settings.level, self.network.layers.len(), self.c);
        let mut all = vec![Vec::new(); layers];
        let mut operations = 0;
        for l in (lowest..layers).rev() {
            let h = &self.h[l + 1];
            let mut e = vec![0.0; c * h.len()];
            if l + 1 == layers {
                output_gradients(MatRef::new(&self.network.a, c, h.cols)?, h.support(), &mut e)?;
            } else {
                let above = &self.h[l + 2];
                let (g, layer) = (above.with(c, &all[l + 1]), &self.network.layers[l + 1]);
                let (fired_above, fired) = (above.support(), h.support());
                let weights = layer.weights.get();
                self.scratch.grow(weights.backward_scratch_len(c, fired_above.longest(), fired.longest()));
                weights.backward(level, g, h.support(), &mut e, &mut self.scratch)?;
                operations += c as u64
                    * match layer.weights {
                        Matrix::Structured(_) => layer.weights.forward_work(self.n, 0),
                        _ => (0..self.n).map(|i| (fired_above.row(i).len() * fired.row(i).len()) as u64).sum(),
                    };
                for block in &layer.blocks[layer.flushes.len()..] {
                    let update = block.update();
                    self.scratch.grow(update.transposed_query_scratch_len(c));
                    update.transposed_query(level, g, h.support(), &mut e, &mut self.scratch)?;
                    operations += c as u64 * (pairs(block.u.columns(), above.columns()) + pairs(block.v.columns(), h.columns()));
                }
            }
            unnormalise(level, h.get(), &h.norms, c, &mut e)?;
            operations += 2 * e.len() as u64;
            all[l] = e;
        }
        self.phase.backward = Work { seconds: begun.elapsed().as_secs_f64(), operations };
        Ok(all)
    }

    /// `H H^T` below every trained layer, as far as it changed.
    pub(super) fn input_products(&mut self) -> Result<(), TrainError> {
        let begun = Instant::now();
        for t in 0..self.trained.len() {
            if t > 0 || self.p.is_empty() {
                self.products_below(t)?;
            }
        }
        self.phase.gram.seconds += begun.elapsed().as_secs_f64();
        Ok(())
    }

    /// `H H^T` below the trained layer of number t.
    pub(super) fn products_below(&mut self, t: usize) -> Result<(), TrainError> {
        let (level, n, l) = (self.settings.level, self.n, self.trained[t]);
        let below = &self.h[l];
        let mut p = vec![0.0; n * n];
        if l == 0 {
            // The samples have no zeros to be skipped.
            self.scratch.grow(blas::syrk_scratch_len(n, below.cols));
            let x = MatRef::new(&below.values, n, below.cols)?;
            blas::syrk(level, 1.0, x, 0.0, MatMut::new(&mut p, n, n)?, &mut self.scratch)?;
            self.phase.gram.operations += (n * n / 2 * below.cols) as u64;
        } else {
            let both = (below.get(), below.columns());
            self.scratch.grow(overlap_scratch_len(1, n, n));
            overlap(level, both, both, true, MatMut::new(&mut p, n, n)?, &mut self.scratch)?;
            self.phase.gram.operations += below.columns().pairs() / 2;
        }
        for i in 0..n {
            for j in 0..i {
                p[j * n + i] = p[i * n + j];
            }
        }
        if t < self.p.len() {
            self.p[t] = p
        } else {
            self.p.push(p)
        }
        Ok(())
    }

    /// Solves `(K + lambda I) g = r` to a tenth, and leaves g in `dual`.
    pub(super) fn solve(
        &mut self,
        active: &[usize],
        gradients: &[Vec<f32>],
        progress: &mut dyn FnMut(Progress),
    ) -> Result<usize, TrainError> {
        let begun = Instant::now();
        let level = self.settings.level;
        let mut told = |done: usize| progress(Progress { phase: "solving", done, total: 0 });
        let parts: Vec<Part<'_>> = active
            .iter()
            .map(|&l| Part {
                g: &gradients[l],
                h: &self.h[l + 1],
                below: &self.h[l],
                p: &self.p[self.trained.iter().position(|&t| t == l).unwrap_or(0)],
            })
            .collect();
        if self.unit == 0.0 {
            let trace: f64 = parts
                .iter()
                .map(|part| {
                    let (all, n) = (part.h.with(self.c, part.g), self.n);
                    (0..n).map(|i| squares(all.stack(i)) * f64::from(part.p[i * n + i])).sum::<f64>()
                })
                .sum();
            let mean = trace / (self.n * self.c) as f64;
            self.unit = if mean > 0.0 { mean } else { 1.0 };
        }
        let system =
            System { parts, n: self.n, c: self.c, damping: self.adapted as f32, progress: RefCell::new(&mut told), products: 0.into() };
        let factor = match self.settings.preconditioner {
            DeepPreconditioner::None => None,
            choice => {
                let seed = self.settings.seed.wrapping_add(0x5EED + self.history.len() as u64);
                let (factor, work) = MeanFactor::new(&system, choice, level, seed, &mut self.scratch)?;
                self.phase.gram.operations += work;
                Some(factor)
            }
        };
        self.phase.gram.seconds += begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        self.dual.fill(0.0);
        let stopping = Stopping { relative: INNER_TOLERANCE, absolute: f64::from(f32::MIN_POSITIVE), max_iterations: MOST_ITERATIONS };
        let preconditioner = factor.as_ref().map_or(0, |factor| factor.scratch_len());
        self.scratch.grow(cg::conjugate_gradient_scratch_len(self.n * self.c, system.scratch_len(), preconditioner));
        let (b, g) = (&self.residual, &mut self.dual);
        let report = match &factor {
            Some(factor) => conjugate_gradient(level, &system, factor, b, g, stopping, &mut self.scratch)?,
            None => conjugate_gradient(level, &system, &Identity, b, g, stopping, &mut self.scratch)?,
        };
        if report.status == cg::Status::NotFinite {
            return Err(TrainError::Numbers { problem: "the system of a step is not finite".into() });
        }
        let products = system.products.get();
        self.phase.product.operations += products as u64 * system.work();
        self.phase.product.seconds += begun.elapsed().as_secs_f64();
        Ok(products)
    }

    /// `-J_l^T g` of every active layer, factored.
    pub(super) fn directions(&mut self, active: &[usize], gradients: &[Vec<f32>]) -> Result<Vec<(usize, Block)>, TrainError> {
        let begun = Instant::now();
        let dual = MatRef::new(&self.dual, self.n, self.c)?;
        let mut blocks = Vec::new();
        for &l in active {
            let h = &self.h[l + 1];
            let mut s = vec![0.0; h.len()];
            combine(self.settings.level, h.with(self.c, &gradients[l]), dual, &mut s)?;
            s.iter_mut().for_each(|s| *s = -*s);
            self.phase.update.operations += (self.c * h.len()) as u64;
            blocks.push((l, Block { u: h.clone(), u_values: s, v: self.h[l].clone() }));
        }
        self.phase.update.seconds += begun.elapsed().as_secs_f64();
        Ok(blocks)
    }

    /// The network moved by `length` times the blocks.
    pub(super) fn evaluate(&mut self, blocks: &[(usize, Block)], length: f32) -> Result<Candidate, TrainError> {
        let begun = Instant::now();
        let (level, n, lowest) = (self.settings.level, self.n, self.trained[0]);
        let block_of = |l: usize| blocks.iter().find(|(layer, _)| *layer == l).map(|(_, block)| block);
        let mut h: Vec<Arc<Rows>> = self.h[..=lowest].to_vec();
        let mut operations = 0;
        let mut moved = None;
        for l in lowest..self.network.layers.len() {
            let block = block_of(l);
            let same_below = Arc::ptr_eq(&h[l], &self.h[l]);
            if block.is_none() && same_below {
                h.push(self.h[l + 1].clone());
                continue;
            }
            if l == lowest {
                // The same inputs as ever: Z moves by (H H^T) S.
                let mut z = std::mem::take(&mut self.spare.0);
                z.fit(self.z.len());
                z.copy_from_slice(&self.z);
                if let Some(block) = block {
                    operations += self.spread(block, length, &mut z)?;
                }
                h.push(Arc::new(self.network.fire(level, &z, n)?));
                moved = Some(z);
            } else {
                let mut z = std::mem::take(&mut self.spare.1);
                operations += self.network.pre(level, l, &h[l], When::Now, &mut z, &mut self.scratch)?;
                if let Some(block) = block {
                    operations += query(level, block, length, &h[l], &mut z, &mut self.scratch)?;
                }
                h.push(Arc::new(self.network.fire(level, &z, n)?));
                self.spare.1 = z;
            }
        }
        let mut residual = self.network.read(level, &h[h.len() - 1])?;
        operations += (self.c * h[h.len() - 1].len()) as u64;
        blas::axpy(level, -1.0, &self.y, &mut residual)?;
        self.phase.forward.operations += operations;
        self.phase.forward.seconds += begun.elapsed().as_secs_f64();
        Ok(Candidate { z: moved, h, residual })
    }

    /// What an update of the lowest trained layer adds to its pre-activations: its inputs never change, so `(H H^T) S` is known.
    pub(super) fn spread(&mut self, block: &Block, length: f32, z: &mut [f32]) -> Result<u64, TrainError> {
        let (n, update) = (self.n, block.update());
        self.scratch.grow(spread_scratch_len(block.u.len()));
        let p = Panels::row_major(&self.p[0], n, n)?;
        let m = block.u.cols;
        let z = MatMut::with_stride(z, n, m, row_step(m))?;
        spread(self.settings.level, length, update.left(), block.u.columns(), p, z, &mut self.scratch)?;
        Ok((n * block.u.len()) as u64)
    }

    /// Decides what becomes of the last step's updates; asked when another step follows, because none is worth folding after the last.
    pub(super) fn flush(&mut self) -> Result<(), TrainError> {
        let begun = Instant::now();
        // The lowest trained layer's own weights are not used any more.
        for &l in &self.trained[1..] {
            let layer = &mut self.network.layers[l];
            let Some(block) = layer.blocks.get(layer.flushes.len()..).and_then(<[Block]>::last) else { continue };
            let fired = block.u.len() as f64 / (self.n * block.u.cols).max(1) as f64;
            let flush = match self.settings.flush {
                FlushPolicy::Always(flush) => flush,
                FlushPolicy::Auto => {
                    let passes = EXPECTED_STEPS.saturating_sub(self.history.len()).max(1);
                    cheapest(Situation { samples: self.n, outputs: self.c, width: self.settings.width, fired, passes })
                }
            };
            self.phase.update.operations += layer.fold(self.settings.level, flush, &mut self.scratch)?;
        }
        self.phase.update.seconds += begun.elapsed().as_secs_f64();
        Ok(())
    }

    /// Makes a candidate the state, and keeps its blocks.
    pub(super) fn take(&mut self, blocks: Vec<(usize, Block)>, length: f32, candidate: Candidate) -> Result<(), TrainError> {
        let begun = Instant::now();
        for (l, mut block) in blocks {
            if length != 1.0 {
                block.u_values.iter_mut().for_each(|s| *s *= length);
            }
            self.network.layers[l].blocks.push(block);
        }
        if let Some(z) = candidate.z {
            self.spare.0 = std::mem::replace(&mut self.z, z);
        }
        for (l, seen) in self.seen.iter_mut().enumerate() {
            if !Arc::ptr_eq(&self.h[l + 1], &candidate.h[l + 1]) {
                *seen = self.network.layers[l].flushes.len();
            }
        }
        self.h = candidate.h;
        self.residual = candidate.residual;
        self.phase.update.seconds += begun.elapsed().as_secs_f64();
        Ok(())
    }
}
