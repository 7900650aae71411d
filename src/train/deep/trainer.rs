//! The run: it owns its samples and its network, and is driven step by step.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

use super::model::{Course, DeepModel};
use super::network::{Block, Network, Rows, When, grow, pairs, query};
use super::settings::{DeepBuilder, DeepPreconditioner, FlushPolicy};
use super::system::{MeanFactor, Part, System};
use crate::cg::{self, Identity, LinearOperator, Preconditioner, Stopping, conjugate_gradient};
use crate::low_rank::{Situation, cheapest};
use crate::relu::deep::{Form, combine, output_gradients, unnormalise};
use crate::sparse::{Panels, overlap, overlap_scratch_len, spread, spread_scratch_len};
use crate::train::damping::{self, ATTEMPTS, INNER_TOLERANCE, MOST_ITERATIONS, SETTLED};
use crate::train::{Progress, Status, Step, TrainError};
use crate::{MatMut, MatRef, blas};

/// Steps that a run is expected to take, for the choice of what becomes of updates.
const EXPECTED_STEPS: usize = 4;

/// What a part of a step cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// Wall time.
    pub seconds: f64,
    /// Multiply-adds, counted.
    pub operations: u64,
}

/// The parts of a step.
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

/// A training run of a deep network.
#[derive(Debug)]
pub struct Deep {
    pub(super) settings: DeepBuilder,
    pub(super) network: Network,
    n: usize,
    c: usize,
    /// Y + F_0
    y: Vec<f32>,
    /// Trained layers, counted from 0, ascending.
    trained: Vec<usize>,
    /// Pre-activations of the lowest trained layer.
    z: Vec<f32>,
    /// What every layer says, the samples themselves first.
    h: Vec<Arc<Rows>>,
    /// H H^T below each trained layer: the first never changes.
    p: Vec<Vec<f32>>,
    /// F - Y - F_0
    residual: Vec<f32>,
    dual: Vec<f32>,
    unit: f64,
    adapted: f64,
    step: usize,
    quiet_steps: usize,
    status: Status,
    phase: Phase,
    /// The first pass, from the samples to the outputs.
    first_pass: Work,
    scratch: Vec<f32>,
}

/// What a step would lead to.
struct Candidate {
    z: Option<Vec<f32>>,
    h: Vec<Arc<Rows>>,
    residual: Vec<f32>,
}

impl Deep {
    /// Settings to begin with.
    pub fn builder() -> DeepBuilder {
        DeepBuilder::default()
    }

    pub(super) fn start(
        settings: DeepBuilder,
        shift: f32,
        trained: Vec<usize>,
        x: MatRef<'_, f32>,
        y: MatRef<'_, f32>,
    ) -> Result<Self, TrainError> {
        let (n, d, c, m) = (x.rows(), x.cols(), y.cols(), settings.width);
        let weights = (0..settings.layers).map(|l| settings.matrix(l, d)).collect::<Result<Vec<_>, _>>()?;
        let mut a = vec![0.0; c * m];
        crate::random::signs(&mut crate::random::stream(settings.seed, 1), &mut a);
        let network = Network::new(weights, a, c, shift, settings.form)?;
        let mut run = Self {
            network,
            n,
            c,
            y: (0..n).flat_map(|i| (0..c).map(move |j| y.get(i, j).unwrap_or(0.0))).collect(),
            trained: trained.iter().map(|l| l - 1).collect(),
            z: Vec::new(),
            h: vec![Arc::new(Rows::samples(x)?)],
            p: Vec::new(),
            residual: vec![0.0; n * c],
            dual: vec![0.0; n * c],
            unit: 0.0,
            adapted: 0.0,
            step: 0,
            quiet_steps: 0,
            status: Status::Running,
            phase: Phase::default(),
            first_pass: Work::default(),
            scratch: Vec::new(),
            settings,
        };
        run.first_pass()?;
        Ok(run)
    }

    /// From the samples to the outputs: F_0.
    fn first_pass(&mut self) -> Result<(), TrainError> {
        let begun = Instant::now();
        let level = self.settings.level;
        let mut operations = 0;
        for l in 0..self.network.layers.len() {
            let (z, work) = self.network.pre(level, l, &self.h[l], When::Now, &mut self.scratch)?;
            operations += work;
            self.h.push(Arc::new(self.network.fire(level, &z, self.n)?));
            if l == self.trained[0] {
                self.z = z;
            }
        }
        let f0 = self.network.read(level, &self.h[self.h.len() - 1])?;
        for ((y, r), f0) in self.y.iter_mut().zip(&mut self.residual).zip(&f0) {
            *r = -*y;
            *y += f0;
        }
        self.first_pass = Work { seconds: begun.elapsed().as_secs_f64(), operations };
        Ok(())
    }

    /// Goes on where another run stood when its model was written: the same samples, and settings that differ at most in what does
    /// not make the network (steps, tolerance, preconditioner, level, what becomes of updates).
    ///
    /// # Errors
    /// [`TrainError::Data`] if the model is of another network.
    pub fn resume(&mut self, model: &DeepModel) -> Result<(), TrainError> {
        let (ours, theirs) = (&self.settings, &model.settings);
        let same = self.step == 0
            && ours.layers == theirs.layers
            && ours.width == theirs.width
            && ours.weights == theirs.weights
            && ours.seed == theirs.seed
            && ours.form == theirs.form
            && ours.trained()? == theirs.trained()?
            && ours.base.len() == theirs.base.len()
            && self.network.shift == model.network.shift
            && self.network.outputs == model.network.outputs;
        if !same {
            return Err(TrainError::data("the model to go on from is of another network, or of another seed"));
        }
        model.check().map_err(TrainError::data)?;
        let level = self.settings.level;
        for (layer, other) in self.network.layers.iter_mut().zip(&model.network.layers) {
            layer.blocks.clone_from(&other.blocks);
            layer.folded = 0;
        }
        self.h.truncate(1);
        for l in 0..self.network.layers.len() {
            let (z, _) = self.network.pre(level, l, &self.h[l], When::Now, &mut self.scratch)?;
            self.h.push(Arc::new(self.network.fire(level, &z, self.n)?));
            if l == self.trained[0] {
                self.z = z;
            }
        }
        let mut residual = self.network.read(level, &self.h[self.h.len() - 1])?;
        blas::axpy(level, -1.0, &self.y, &mut residual)?;
        self.residual = residual;
        let Course { steps, adapted, unit } = model.course;
        (self.step, self.adapted, self.unit) = (steps, adapted, unit);
        self.p.clear();
        self.status = Status::Running;
        Ok(())
    }

    /// Where the run stands.
    pub(super) fn course(&self) -> Course {
        Course { steps: self.step, adapted: self.adapted, unit: self.unit }
    }

    /// Whether there are steps to take, or why there are none.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Mean of (F - F_0 - Y)^2 over samples and outputs.
    pub fn train_mse(&self) -> f64 {
        squares(&self.residual) / self.residual.len() as f64
    }

    /// `F - F_0` on the training samples, n x C.
    pub fn fitted(&self, y: MatRef<'_, f32>) -> Vec<f32> {
        (0..self.n * self.c).map(|k| self.residual[k] + y.get(k / self.c, k % self.c).unwrap_or(0.0)).collect()
    }

    /// `F - F_0` on other samples, k x C.
    ///
    /// # Errors
    /// [`TrainError::Kernel`] unless they have as many inputs.
    pub fn outputs(&self, x: MatRef<'_, f32>) -> Result<Vec<f32>, TrainError> {
        Ok(self.network.outputs(self.settings.level, x, When::Now)?)
    }

    /// What the parts of the last step cost.
    pub fn phases(&self) -> Phase {
        self.phase
    }

    /// What the pass before the first step cost.
    pub fn first_pass_work(&self) -> Work {
        self.first_pass
    }

    /// The shift b.
    pub fn shift(&self) -> f32 {
        self.network.shift
    }

    /// Share of the neurons that fire, over all layers.
    pub fn fired(&self) -> f64 {
        let entries = (self.n * self.network.width() * self.network.layers.len()) as f64;
        self.h[1..].iter().map(|h| h.len() as f64).sum::<f64>() / entries
    }

    /// Updates that are held apart from the weights, over all layers: (kept, folded).
    pub fn updates(&self) -> (usize, usize) {
        self.network.layers.iter().fold((0, 0), |(kept, folded), layer| (kept + layer.blocks.len() - layer.folded, folded + layer.folded))
    }

    /// Takes a step; `None` when the run is over ([`status`](Self::status) says why).
    ///
    /// # Errors
    /// [`TrainError::Numbers`] when the numbers leave the range of f32. The network is then as it was before the step.
    pub fn step(&mut self) -> Result<Option<Step>, TrainError> {
        self.step_with(&mut |_| {})
    }

    /// [`step`](Self::step), telling now and then where it is.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn step_with(&mut self, progress: &mut dyn FnMut(Progress)) -> Result<Option<Step>, TrainError> {
        if self.status == Status::Running && self.train_mse() <= self.settings.tolerance {
            self.status = Status::Converged;
        }
        if self.status == Status::Running && self.step >= self.settings.steps {
            self.status = Status::StepLimit;
        }
        if self.status != Status::Running {
            return Ok(None);
        }
        let begun = Instant::now();
        self.phase = Phase::default();
        let active = if self.settings.one_by_one { vec![self.trained[self.step % self.trained.len()]] } else { self.trained.clone() };
        self.flush()?;
        progress(Progress { phase: "gradients", done: 0, total: 0 });
        let gradients = self.gradients(active[0])?;
        self.input_products()?;
        let before = squares(&self.residual);
        let mut cg_iterations = 0;
        let mut length = 1.0f32;
        let mut blocks: Vec<(usize, Block)> = Vec::new();
        for rejected in 0..ATTEMPTS {
            // A hard ReLU jumps: along one direction, ever shorter. A soft one: another direction, damped.
            if rejected == 0 || self.settings.form == Form::Soft {
                cg_iterations += self.solve(&active, &gradients, progress)?;
                blocks = self.directions(&active, &gradients)?;
            } else {
                length *= 0.5;
            }
            progress(Progress { phase: "evaluating", done: 0, total: 0 });
            let candidate = self.evaluate(&blocks, length)?;
            let after = squares(&candidate.residual);
            if after.is_nan() || after >= before {
                if self.settings.form == Form::Soft {
                    self.adapted = damping::raised(self.adapted, self.unit);
                }
                continue;
            }
            let lambda = self.adapted;
            // What the linear model promised is r + J s = lambda g.
            let promised = lambda * lambda * squares(&self.dual);
            // Shorter steps along one direction promise nothing, and damping would not bend them.
            if self.settings.form == Form::Soft {
                self.adapted = damping::adapted(lambda, self.unit, before, after, promised);
            }
            let entries = (self.n * self.network.width() * self.network.layers.len()) as f64;
            let flipped: usize =
                self.h[1..].iter().zip(&candidate.h[1..]).map(|(a, b)| if Arc::ptr_eq(a, b) { 0 } else { a.flips(b) }).sum();
            self.take(blocks, length, candidate)?;
            self.step += 1;
            self.quiet_steps = if before - after < SETTLED * before { self.quiet_steps + 1 } else { 0 };
            let step = Step {
                step: self.step,
                train_mse: self.train_mse(),
                residual_ratio: (after / before).sqrt(),
                cg_iterations,
                damping: if self.unit > 0.0 { lambda / self.unit } else { 0.0 },
                flipped: flipped as f64 / entries,
                fired: self.fired(),
                seconds: begun.elapsed().as_secs_f64(),
                rejected,
                ..Step::default()
            };
            self.status = if step.train_mse <= self.settings.tolerance {
                Status::Converged
            } else if self.quiet_steps == 2 * active.len().max(self.trained.len()) {
                Status::Settled
            } else if self.step >= self.settings.steps {
                Status::StepLimit
            } else {
                Status::Running
            };
            return Ok(Some(step));
        }
        self.status = Status::Stalled;
        Ok(None)
    }

    /// `g_(l, c)` of every layer from the lowest active one up, on the neurons that fire; nothing for layers below.
    fn gradients(&mut self, lowest: usize) -> Result<Vec<Vec<f32>>, TrainError> {
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
                grow(&mut self.scratch, weights.backward_scratch_len(c, h.support().longest()));
                weights.backward(level, g, h.support(), &mut e, &mut self.scratch)?;
                operations += c as u64
                    * match layer.weights {
                        super::network::Matrix::Structured(_) => layer.weights.forward_work(self.n, 0),
                        _ => (0..self.n).map(|i| (fired_above.row(i).len() * fired.row(i).len()) as u64).sum(),
                    };
                for block in &layer.blocks[layer.folded..] {
                    let update = block.update();
                    grow(&mut self.scratch, update.transposed_query_scratch_len(c));
                    update.transposed_query(level, (g, above.columns()), h.support(), &mut e, &mut self.scratch)?;
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
    fn input_products(&mut self) -> Result<(), TrainError> {
        let begun = Instant::now();
        let (level, n) = (self.settings.level, self.n);
        for (t, &l) in self.trained.iter().enumerate() {
            if t == 0 && !self.p.is_empty() {
                continue;
            }
            let below = &self.h[l];
            let mut p = vec![0.0; n * n];
            if l == 0 {
                // The samples have no zeros to be skipped.
                grow(&mut self.scratch, blas::syrk_scratch_len(n, below.cols));
                let x = MatRef::new(&below.values, n, below.cols)?;
                blas::syrk(level, 1.0, x, 0.0, MatMut::new(&mut p, n, n)?, &mut self.scratch)?;
                self.phase.gram.operations += (n * n / 2 * below.cols) as u64;
            } else {
                let both = (below.get(), below.columns());
                grow(&mut self.scratch, overlap_scratch_len(1, n, n));
                overlap(level, both, both, true, MatMut::new(&mut p, n, n)?, &mut self.scratch)?;
                self.phase.gram.operations += below.columns().pairs() / 2;
            }
            for i in 0..n {
                for j in 0..i {
                    p[j * n + i] = p[i * n + j];
                }
            }
            if t < self.p.len() { self.p[t] = p } else { self.p.push(p) }
        }
        self.phase.gram.seconds += begun.elapsed().as_secs_f64();
        Ok(())
    }

    /// Solves `(K + lambda I) g = r` to a tenth, and leaves g in `dual`.
    fn solve(&mut self, active: &[usize], gradients: &[Vec<f32>], progress: &mut dyn FnMut(Progress)) -> Result<usize, TrainError> {
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
                let seed = self.settings.seed.wrapping_add(0x5EED + self.step as u64);
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
        grow(&mut self.scratch, cg::conjugate_gradient_scratch_len(self.n * self.c, system.scratch_len(), preconditioner));
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
    fn directions(&mut self, active: &[usize], gradients: &[Vec<f32>]) -> Result<Vec<(usize, Block)>, TrainError> {
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
    fn evaluate(&mut self, blocks: &[(usize, Block)], length: f32) -> Result<Candidate, TrainError> {
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
            let z = if l == lowest {
                // The same inputs as ever: Z moves by (H H^T) S.
                let mut z = self.z.clone();
                if let Some(block) = block {
                    let update = block.update();
                    grow(&mut self.scratch, spread_scratch_len(block.u.len()));
                    let p = Panels::row_major(&self.p[0], n, n)?;
                    let out = MatMut::new(&mut z, n, block.u.cols)?;
                    spread(level, length, update.left(), block.u.columns(), p, out, &mut self.scratch)?;
                    operations += (n * block.u.len()) as u64;
                }
                z
            } else {
                let (mut z, work) = self.network.pre(level, l, &h[l], When::Now, &mut self.scratch)?;
                operations += work;
                if let Some(block) = block {
                    operations += query(level, block, length, &h[l], &mut z, &mut self.scratch)?;
                }
                z
            };
            h.push(Arc::new(self.network.fire(level, &z, n)?));
            if l == lowest {
                moved = Some(z);
            }
        }
        let mut residual = self.network.read(level, &h[h.len() - 1])?;
        operations += (self.c * h[h.len() - 1].len()) as u64;
        blas::axpy(level, -1.0, &self.y, &mut residual)?;
        self.phase.forward.operations += operations;
        self.phase.forward.seconds += begun.elapsed().as_secs_f64();
        Ok(Candidate { z: moved, h, residual })
    }

    /// Decides what becomes of the last step's updates; asked when another step follows, because none is worth folding after the last.
    fn flush(&mut self) -> Result<(), TrainError> {
        let begun = Instant::now();
        // The lowest trained layer's own weights are not used any more.
        for &l in &self.trained[1..] {
            let layer = &mut self.network.layers[l];
            let Some(block) = layer.blocks.get(layer.folded..).and_then(<[Block]>::last) else { continue };
            let fired = block.u.len() as f64 / (self.n * block.u.cols).max(1) as f64;
            let flush = match self.settings.flush {
                FlushPolicy::Always(flush) => flush,
                FlushPolicy::Auto => {
                    let passes = EXPECTED_STEPS.saturating_sub(self.step).max(1);
                    cheapest(Situation { samples: self.n, outputs: self.c, width: self.settings.width, fired, passes })
                }
            };
            self.phase.update.operations += layer.fold(self.settings.level, flush, &mut self.scratch)?;
        }
        self.phase.update.seconds += begun.elapsed().as_secs_f64();
        Ok(())
    }

    /// Makes a candidate the state, and keeps its blocks.
    fn take(&mut self, blocks: Vec<(usize, Block)>, length: f32, candidate: Candidate) -> Result<(), TrainError> {
        let begun = Instant::now();
        for (l, mut block) in blocks {
            if length != 1.0 {
                block.u_values.iter_mut().for_each(|s| *s *= length);
            }
            self.network.layers[l].blocks.push(block);
        }
        if let Some(z) = candidate.z {
            self.z = z;
        }
        self.h = candidate.h;
        self.residual = candidate.residual;
        self.phase.update.seconds += begun.elapsed().as_secs_f64();
        Ok(())
    }
}

fn squares(x: &[f32]) -> f64 {
    x.iter().map(|&x| f64::from(x) * f64::from(x)).sum()
}
