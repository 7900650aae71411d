//! The run: it owns its samples and its network, and is driven step by step.

use std::sync::Arc;
use std::time::Instant;

use super::network::{Block, Network, Rows, When};
use super::numbers::Numbers;
use super::parts::{Phase, Work};
use super::settings::{DeepBuilder, Firing};
use crate::low_rank::Flush;
use crate::relu::deep::Form;
use crate::train::damping::{self, ATTEMPTS, SETTLED};
use crate::train::run::{FNV, hash_of};
use crate::train::{Progress, Status, Step, TrainError};
use crate::{MatRef, blas};

/// A training run of a deep network.
///
/// ```
/// use subquad::train::{Deep, Status};
///
/// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
/// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
/// let mut run = Deep::builder().width(256).tolerance(1e-3).build(x, y)?;
/// while run.step()?.is_some() {}
/// assert_eq!(run.status(), Status::Converged);
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Debug)]
pub struct Deep {
    pub(super) settings: DeepBuilder,
    pub(super) network: Network,
    pub(super) n: usize,
    pub(super) c: usize,
    /// Of the samples and their targets, as they were given.
    pub(super) samples: u64,
    /// Y + F_0
    pub(super) y: Vec<f32>,
    /// Trained layers, counted from 0, ascending.
    pub(super) trained: Vec<usize>,
    /// Pre-activations of the lowest trained layer.
    pub(super) z: Numbers,
    /// What every layer says, the samples themselves first.
    pub(super) h: Vec<Arc<Rows>>,
    /// How many updates of each layer were in its weights when its part of `h` was computed: another order of the same sums is other bits.
    pub(super) seen: Vec<usize>,
    /// H H^T below each trained layer: the first never changes.
    pub(super) p: Vec<Vec<f32>>,
    /// F - Y - F_0
    pub(super) residual: Vec<f32>,
    pub(super) dual: Vec<f32>,
    pub(super) unit: f64,
    pub(super) adapted: f64,
    pub(super) quiet_steps: usize,
    pub(super) status: Status,
    pub(super) history: Vec<Step>,
    pub(super) phase: Phase,
    /// The first pass, from the samples to the outputs.
    first_pass: Work,
    pub(super) scratch: Numbers,
    /// Room for pre-activations, kept: new memory of this size comes page by page.
    pub(super) spare: (Numbers, Numbers),
}

impl Deep {
    /// Settings to begin with.
    ///
    /// ```
    /// use subquad::train::Deep;
    ///
    /// assert_eq!(Deep::builder().hidden_layers(), 2); // a default
    /// ```
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
        let mut network = Network::new(weights, a, c, shift, settings.form)?;
        if let (Firing::Share(share), false) = (settings.firing, settings.base.is_empty()) {
            network.fire_share(settings.level, share, x)?;
        }
        let mut run = Self {
            network,
            n,
            c,
            y: (0..n).flat_map(|i| (0..c).map(move |j| y.get(i, j).unwrap_or(0.0))).collect(),
            trained: trained.iter().map(|l| l - 1).collect(),
            z: Numbers::default(),
            samples: [x, y].iter().fold(FNV, |hash, part| (0..n).fold(hash, |hash, i| hash_of(hash, &row(*part, i)))),
            h: vec![Arc::new(Rows::samples(x)?)],
            seen: vec![0; settings.layers],
            p: Vec::new(),
            residual: vec![0.0; n * c],
            dual: vec![0.0; n * c],
            unit: 0.0,
            adapted: 0.0,
            quiet_steps: 0,
            status: Status::Running,
            history: Vec::new(),
            phase: Phase::default(),
            first_pass: Work::default(),
            scratch: Numbers::default(),
            spare: (Numbers::default(), Numbers::default()),
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
            operations += self.network.pre(level, l, &self.h[l], When::Now, &mut self.spare.1, &mut self.scratch)?;
            self.h.push(Arc::new(self.network.fire(level, &self.spare.1, self.n)?));
            if l == self.trained[0] {
                self.z.clone_from(&self.spare.1);
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

    /// Makes the state again that the updates of the layers led to, bit by bit: their numbers are there, what was folded is not yet, and
    /// `seen` says how much of it was when each layer's outputs were computed.
    pub(super) fn replay(&mut self, flushes: &[Vec<Flush>], seen: &[usize]) -> Result<(), TrainError> {
        let (level, lowest) = (self.settings.level, self.trained[0]);
        self.p.clear();
        self.products_below(0)?;
        let mut z = std::mem::take(&mut self.z);
        for k in 0..self.network.layers[lowest].blocks.len() {
            self.spread(&self.network.layers[lowest].blocks[k].clone(), 1.0, &mut z)?;
        }
        self.h.truncate(lowest + 1);
        for l in lowest..self.network.layers.len() {
            let (before, after) = flushes[l].split_at(seen[l]);
            self.network.layers[l].fold_as(level, before, &mut self.scratch)?;
            let rows = if l == lowest {
                self.network.fire(level, &z, self.n)?
            } else {
                self.network.pre(level, l, &self.h[l], When::Now, &mut self.spare.1, &mut self.scratch)?;
                self.network.fire(level, &self.spare.1, self.n)?
            };
            self.network.layers[l].fold_as(level, after, &mut self.scratch)?;
            self.h.push(Arc::new(rows));
        }
        self.z = z;
        self.seen = seen.to_vec();
        self.residual = self.network.read(level, &self.h[self.h.len() - 1])?;
        Ok(blas::axpy(level, -1.0, &self.y, &mut self.residual)?)
    }

    /// The steps so far, those before a checkpoint too.
    ///
    /// ```
    /// # use subquad::train::Deep;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = Deep::builder().width(64).build(x, y)?;
    /// assert!(run.history().is_empty());
    /// run.step()?;
    /// assert_eq!(run.history()[0].step, 1);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn history(&self) -> &[Step] {
        &self.history
    }

    /// Whether there are steps to take, or why there are none.
    ///
    /// ```
    /// # use subquad::train::Status;
    /// # use subquad::train::Deep;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = Deep::builder().width(256).tolerance(1e-3).build(x, y)?;
    /// assert_eq!(run.status(), Status::Running);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn status(&self) -> Status {
        self.status
    }

    /// Mean of (F - F_0 - Y)^2 over samples and outputs.
    ///
    /// ```
    /// # use subquad::train::Deep;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = Deep::builder().width(256).tolerance(1e-3).build(x, y)?;
    /// assert_eq!(run.train_mse(), 1.0); // F - F_0 = 0, and Y is 1 and -1
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn train_mse(&self) -> f64 {
        squares(&self.residual) / self.residual.len() as f64
    }

    /// `F - F_0` on the training samples, n x C.
    ///
    /// ```
    /// # use subquad::train::Deep;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = Deep::builder().width(256).tolerance(1e-3).build(x, y)?;
    /// while run.step()?.is_some() {}
    /// assert!(run.fitted(y).iter().zip([1.0, -1.0, 1.0, -1.0]).all(|(f, y)| (f - y).abs() < 0.1));
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn fitted(&self, y: MatRef<'_, f32>) -> Vec<f32> {
        (0..self.n * self.c).map(|k| self.residual[k] + y.get(k / self.c, k % self.c).unwrap_or(0.0)).collect()
    }

    /// `F - F_0` on other samples, k x C.
    ///
    /// # Errors
    /// [`TrainError::Kernel`] unless they have as many inputs.
    ///
    /// ```
    /// # use subquad::train::Deep;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = Deep::builder().width(256).tolerance(1e-3).build(x, y)?;
    /// assert_eq!(run.outputs(x)?, [0.0; 4]); // before the first step
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn outputs(&self, x: MatRef<'_, f32>) -> Result<Vec<f32>, TrainError> {
        Ok(self.network.outputs(self.settings.level, x, When::Now)?)
    }

    /// What the parts of the last step cost.
    ///
    /// ```
    /// # use subquad::train::Deep;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = Deep::builder().width(256).tolerance(1e-3).build(x, y)?;
    /// run.step()?;
    /// assert!(run.phases().backward.operations > 0);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn phases(&self) -> Phase {
        self.phase
    }

    /// What the pass before the first step cost.
    ///
    /// ```
    /// # use subquad::train::Deep;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = Deep::builder().width(256).tolerance(1e-3).build(x, y)?;
    /// assert!(run.first_pass_work().seconds >= 0.0);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn first_pass_work(&self) -> Work {
        self.first_pass
    }

    /// The shift b.
    ///
    /// ```
    /// # use subquad::train::Deep;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = Deep::builder().width(256).tolerance(1e-3).build(x, y)?;
    /// assert!((run.shift() - 1.2816).abs() < 1e-4); // exceeded by one normal number in ten
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn shift(&self) -> f32 {
        self.network.shift
    }

    /// Share of the neurons that fire, over all layers.
    ///
    /// ```
    /// # use subquad::train::Deep;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = Deep::builder().width(256).tolerance(1e-3).build(x, y)?;
    /// assert!(run.fired() > 0.02 && run.fired() < 0.3); // about a tenth
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn fired(&self) -> f64 {
        let entries = (self.n * self.network.width() * self.network.layers.len()) as f64;
        self.h[1..].iter().map(|h| h.len() as f64).sum::<f64>() / entries
    }

    /// Updates that are held apart from the weights, over all layers: (kept, folded).
    ///
    /// ```
    /// # use subquad::train::Deep;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = Deep::builder().width(256).tolerance(1e-3).build(x, y)?;
    /// assert_eq!(run.updates(), (0, 0));
    /// run.step()?;
    /// assert_eq!(run.updates(), (1, 0)); // the one trained layer's
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn updates(&self) -> (usize, usize) {
        self.network
            .layers
            .iter()
            .fold((0, 0), |(kept, folded), layer| (kept + layer.blocks.len() - layer.flushes.len(), folded + layer.flushes.len()))
    }

    /// Takes a step; `None` when the run is over ([`status`](Self::status) says why).
    ///
    /// # Errors
    /// [`TrainError::Numbers`] when the numbers leave the range of f32. The network is then as it was before the step.
    ///
    /// ```
    /// # use subquad::train::Deep;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = Deep::builder().width(256).tolerance(1e-3).build(x, y)?;
    /// let step = run.step()?.unwrap();
    /// assert_eq!(step.step, 1);
    /// assert!(step.train_mse < 1.0);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn step(&mut self) -> Result<Option<Step>, TrainError> {
        self.step_with(&mut |_| {})
    }

    /// [`step`](Self::step), telling now and then where it is.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    ///
    /// ```
    /// # use subquad::train::Deep;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = Deep::builder().width(256).tolerance(1e-3).build(x, y)?;
    /// let mut phases = Vec::new();
    /// run.step_with(&mut |progress| phases.push(progress.phase))?;
    /// assert!(!phases.is_empty());
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn step_with(&mut self, progress: &mut dyn FnMut(Progress)) -> Result<Option<Step>, TrainError> {
        if self.status == Status::Running && self.train_mse() <= self.settings.tolerance {
            self.status = Status::Converged;
        }
        if self.status == Status::Running && self.history.len() >= self.settings.steps {
            self.status = Status::StepLimit;
        }
        if self.status != Status::Running {
            return Ok(None);
        }
        let begun = Instant::now();
        self.phase = Phase::default();
        let active =
            if self.settings.one_by_one { vec![self.trained[self.history.len() % self.trained.len()]] } else { self.trained.clone() };
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
                self.spare.0 = candidate.z.unwrap_or_default();
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
            self.quiet_steps = if before - after < SETTLED * before { self.quiet_steps + 1 } else { 0 };
            let step = Step {
                step: self.history.len() + 1,
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
            self.history.push(step);
            self.status = if step.train_mse <= self.settings.tolerance {
                Status::Converged
            } else if self.quiet_steps == 2 * active.len().max(self.trained.len()) {
                Status::Settled
            } else if self.history.len() >= self.settings.steps {
                Status::StepLimit
            } else {
                Status::Running
            };
            return Ok(Some(step));
        }
        self.status = Status::Stalled;
        Ok(None)
    }
}

pub(super) fn squares(x: &[f32]) -> f64 {
    x.iter().map(|&x| f64::from(x) * f64::from(x)).sum()
}

fn row(x: MatRef<'_, f32>, i: usize) -> Vec<f32> {
    (0..x.cols()).map(|k| x.get(i, k).unwrap_or(0.0)).collect()
}
