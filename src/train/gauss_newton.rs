//! Gauss-Newton for the two-layer network.
//!
//! With r = F - Y and V = W - W(0), a step minimises the linearised loss
//!
//! ```text
//! |r + J s|^2 / 2 + mu |V + s|^2 / 2 + lambda |s|^2 / 2
//! ```
//!
//! over the step s, where mu is the ridge towards the start that the caller asks for (`damping`, 0 by default) and
//! lambda the Levenberg-Marquardt term that the trainer adapts. The minimiser lies in the row space of J and the line
//! of V: with t = mu + lambda,
//!
//! ```text
//! s = -(mu / t) V - J^T g,    (K + t I) g = r - (mu / t) J V,    K = J J^T
//! ```
//!
//! so that all work is with n C unknowns instead of m d. The system is solved by conjugate gradients to a tenth of its
//! residual (more exactness saves no step), preconditioned by one n x n Cholesky factor that all outputs share and
//! that usually serves the whole run (other preconditioners, and the paper's own iteration, are a matter of the settings).
//!
//! Both are measured in the mean diagonal entry of K at the start, so that they mean the same for every shift and every
//! scale of the inputs. lambda starts at .02. A step that does not lower the loss is taken back and tried
//! again with 8 lambda. lambda falls to an eighth when the loss falls to a quarter, or by three quarters of what the
//! linear model promised, and is 0 below 1e-7. That keeps undamped speed where the model holds, and survives
//! conflicting labels on near-duplicates, which undamped steps do not. After an accepted step lambda rises only if next
//! to nothing of the promise came true: on noisy targets steps that keep two percent of it still arrive first
//! (diabetes, 4096 neurons, to an MSE of 1e-6: 36 steps; with the usual quarter the run stalls at 3e-4).
//!
//! Source: van den Brand, Peng, Song, Weinstein, ITCS 2021, algorithm 1, with the exact Gram matrix instead of its
//! sketch; Levenberg 1944, Marquardt 1963.

use std::time::Instant;

use super::TrainError;
use super::init;
use super::preconditioner::Faithful;
use super::settings::Builder;
use super::tangents::{SharedFactor, Tangents, grow};
use crate::blas;
use crate::cg::{self, Identity, Stopping, conjugate_gradient};
use crate::relu::{PatternMut, PatternRef, pattern, two_layer};
use crate::{MatMut, MatRef};

/// Whether training goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// There are steps to take.
    Running,
    /// The training error is as small as was asked for.
    Converged,
    /// The loss is at a minimum, or next to one: two steps in turn lowered it by less than one part in 10^4.
    Settled,
    /// As many steps as were allowed.
    StepLimit,
    /// No step lowers the loss any more, however short.
    Stalled,
}

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Counted from 1.
    pub step: usize,
    /// Mean of (F - Y)^2 over samples and outputs, after the step.
    pub train_mse: f64,
    /// |F - Y| after the step, over |F - Y| before it.
    pub residual_ratio: f64,
    /// Products with the Gram matrix, over all attempts.
    pub cg_iterations: usize,
    /// What was added to the Gram matrix's diagonal, in units of its mean at the start: the asked-for damping and the
    /// adapted one.
    pub damping: f64,
    /// Share of the firing pattern that the step changed.
    pub flipped: f64,
    /// Share of the firing pattern that fires, after the step.
    pub fired: f64,
    /// Wall time.
    pub seconds: f64,
    /// Attempts that were taken back because they did not lower the loss.
    pub rejected: usize,
}

/// Where a long step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being computed.
    pub phase: &'static str,
    /// Parts done.
    pub done: usize,
    /// Parts in all, as far as is known: 0 if it is not.
    pub total: usize,
}

/// Conjugate gradients are stopped at this share of their first residual.
const INNER_TOLERANCE: f64 = 0.1;
/// A factor of an earlier pattern or damping is replaced once it needs more iterations than this.
const STALE_ITERATIONS: usize = 8;
/// Iterations of a system whose preconditioner is as good as it gets.
const MOST_ITERATIONS: usize = 1000;
/// Where the adapted damping starts, in units of the mean diagonal.
const FIRST_DAMPING: f64 = 0.02;
/// A step that kept less than this share of its promise damps the next one more ..
const BAD_GAIN: f64 = 0.02;
/// .. and one that kept more than this, less.
const GOOD_GAIN: f64 = 0.75;
/// A run has settled when two steps in turn lower the loss by less than this share of it.
const SETTLED: f64 = 1e-4;
/// Attempts of one step, each damped eight times as much as the one before.
const ATTEMPTS: usize = 16;

/// Samples, their features, neurons, outputs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub n: usize,
    pub d: usize,
    pub m: usize,
    pub c: usize,
}

/// A training run: it owns its samples and its network, and is driven step by step.
///
/// ```
/// use subquad::MatRef;
/// use subquad::train::{GaussNewton, Status};
///
/// // Four points on the unit circle, one output: the sign of the product of their coordinates.
/// let x = [0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6];
/// let y = [1.0, -1.0, 1.0, -1.0];
/// let mut run = GaussNewton::builder().width(256).seed(1).build(MatRef::new(&x, 4, 2)?, MatRef::new(&y, 4, 1)?)?;
/// while let Some(step) = run.step()? {
///     assert!(step.residual_ratio < 1.0);
/// }
/// assert_eq!(run.status(), Status::Converged);
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Debug)]
pub struct GaussNewton {
    settings: Builder,
    shape: Shape,
    x: Vec<f32>,
    y: Vec<f32>,
    a: Vec<f32>,
    w: Vec<f32>,
    /// The start, where there is a ridge towards it; else nothing.
    w0: Vec<f32>,
    next_w: Vec<f32>,
    pattern: Vec<u64>,
    next_pattern: Vec<u64>,
    /// F - Y
    residual: Vec<f32>,
    next_residual: Vec<f32>,
    /// g of the last step: where the next one starts from, with damping.
    dual: Vec<f32>,
    factor: Option<Factor>,
    /// Products with the Gram matrix that the last system took.
    products: usize,
    /// What damping is measured in: the mean diagonal entry of K at the start.
    unit: f64,
    /// mu
    ridge: f64,
    /// lambda
    adapted: f64,
    step: usize,
    /// Steps in turn that hardly lowered the loss.
    quiet_steps: usize,
    status: Status,
    scratch: Vec<f32>,
}

#[derive(Clone, Debug)]
struct Factor {
    solve: SharedFactor,
    /// The step it was made in, and the damping it was made with.
    made: (usize, f64),
}

impl GaussNewton {
    /// Settings to begin with.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Draws the network and runs it once; sizes and numbers have been checked.
    pub(super) fn start(settings: Builder, shape: Shape, x: Vec<f32>, y: Vec<f32>) -> Result<Self, TrainError> {
        let Shape { n, d, m, c } = shape;
        let start = init::paired(m, d, c, settings.seed);
        let words = pattern::pattern_len(n, m);
        let w0 = if settings.damping > 0.0 { start.weights.clone() } else { Vec::new() };
        let mut run = GaussNewton {
            shape,
            x,
            y,
            a: start.signs,
            next_w: start.weights.clone(),
            w: start.weights,
            w0,
            pattern: vec![0; words],
            next_pattern: vec![0; words],
            residual: vec![0.0; n * c],
            next_residual: vec![0.0; n * c],
            dual: vec![0.0; n * c],
            factor: None,
            products: 0,
            ridge: 0.0,
            unit: 0.0,
            adapted: 0.0,
            step: 0,
            quiet_steps: 0,
            status: Status::Running,
            scratch: Vec::new(),
            settings,
        };
        run.evaluate()?;
        std::mem::swap(&mut run.pattern, &mut run.next_pattern);
        std::mem::swap(&mut run.residual, &mut run.next_residual);
        let mean = run.mean_diagonal();
        // Where nobody fires at all there is nothing to measure in, and nothing to train.
        run.unit = if mean > 0.0 { mean } else { 1.0 };
        run.ridge = f64::from(run.settings.damping) * run.unit;
        run.adapted = FIRST_DAMPING * run.unit;
        Ok(run)
    }

    /// The hidden weights, m x d.
    pub fn weights(&self) -> MatRef<'_, f32> {
        view(&self.w, self.shape.m, self.shape.d)
    }

    /// The output signs, C x m.
    pub fn signs(&self) -> MatRef<'_, f32> {
        view(&self.a, self.shape.c, self.shape.m)
    }

    /// Whether there are steps to take, or why there are none.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Which neurons fire on which sample.
    pub fn pattern(&self) -> PatternRef<'_> {
        fired(&self.pattern, self.shape)
    }

    /// Mean of (F - Y)^2 over samples and outputs.
    pub fn train_mse(&self) -> f64 {
        squares(&self.residual) / self.residual.len() as f64
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
        let level = self.settings.level;
        let ridge = self.ridge;
        let before = squares(&self.residual);
        let loss = before + ridge * self.distance_squared(&self.w);
        let drift = self.drift_of_outputs()?;
        let mut cg_iterations = 0;
        for rejected in 0..ATTEMPTS {
            let total = ridge + self.adapted;
            let share = if total > 0.0 { (ridge / total) as f32 } else { 0.0 };
            // (K + t I) g = r - (mu / t) J V
            let mut rhs = self.residual.clone();
            if share > 0.0 {
                blas::axpy(level, -share, &drift, &mut rhs)?;
            }
            cg_iterations += self.solve(&rhs, total, progress)?;
            self.propose(share)?;
            self.evaluate()?;
            let after = squares(&self.next_residual);
            let next_loss = after + ridge * self.distance_squared(&self.next_w);
            // A loss that is no number is no success either.
            if next_loss.is_nan() || next_loss >= loss {
                self.adapted = if self.adapted > 0.0 { 8.0 * self.adapted } else { FIRST_DAMPING * self.unit };
                continue;
            }
            // What the linear model promised, its own system taken as solved:
            // r + J s = r - (mu / t) J V - K g = t g.
            let promised = total * total * squares(&self.dual) + ridge * self.distance_squared(&self.next_w);
            let gain = (loss - next_loss) / (loss - promised).max(f64::MIN_POSITIVE);
            if gain < BAD_GAIN {
                self.adapted = if self.adapted > 0.0 { 8.0 * self.adapted } else { FIRST_DAMPING * self.unit };
            } else if next_loss <= loss / 4.0 || gain > GOOD_GAIN {
                self.adapted = if self.adapted / 8.0 < 1e-7 * self.unit { 0.0 } else { self.adapted / 8.0 };
            }
            let flipped = self.pattern().flips(level, fired(&self.next_pattern, self.shape))?;
            std::mem::swap(&mut self.w, &mut self.next_w);
            std::mem::swap(&mut self.pattern, &mut self.next_pattern);
            std::mem::swap(&mut self.residual, &mut self.next_residual);
            self.step += 1;
            self.quiet_steps = if loss - next_loss < SETTLED * loss { self.quiet_steps + 1 } else { 0 };
            let entries = (self.shape.n * self.shape.m) as f64;
            let step = Step {
                step: self.step,
                train_mse: self.train_mse(),
                residual_ratio: (after / before).sqrt(),
                cg_iterations,
                damping: total / self.unit,
                flipped: flipped as f64 / entries,
                fired: self.pattern().count(level) as f64 / entries,
                seconds: begun.elapsed().as_secs_f64(),
                rejected,
            };
            self.status = if step.train_mse <= self.settings.tolerance {
                Status::Converged
            } else if self.quiet_steps == 2 {
                Status::Settled
            } else if self.step >= self.settings.steps {
                Status::StepLimit
            } else {
                Status::Running
            };
            return Ok(Some(step));
        }
        self.status = if ridge > 0.0 { Status::Settled } else { Status::Stalled };
        Ok(None)
    }

    /// Solves `(K + total I) g = rhs` to a tenth of what is left, and leaves g in `dual`; the products it took.
    fn solve(&mut self, rhs: &[f32], total: f64, progress: &mut dyn FnMut(Progress)) -> Result<usize, TrainError> {
        let level = self.settings.level;
        let Shape { n, d, m, c } = self.shape;
        let (x, a, pattern) = (view(&self.x, n, d), view(&self.a, c, m), fired(&self.pattern, self.shape));
        let source = self.settings.source(a, pattern, d);
        // As many as last time, until it turns out to be more.
        let expected = self.products;
        let mut report_products = |done: usize| {
            progress(Progress { phase: "solving", done, total: if expected == 0 { 0 } else { expected.max(done + 1) } });
        };
        let tangents =
            Tangents { x, a, pattern, damping: total as f32, progress: std::cell::RefCell::new(&mut report_products), products: 0.into() };

        // With a ridge the last g is nearly this one: what it leaves is the right-hand side, and a tenth of that is
        // enough. Without one, g belongs to a residual that is gone.
        let warm = self.ridge > 0.0 && self.dual.iter().any(|&g| g != 0.0);
        let mut left = rhs.to_vec();
        if warm {
            let mut product = vec![0.0; n * c];
            grow(&mut self.scratch, cg::LinearOperator::scratch_len(&tangents));
            cg::LinearOperator::apply(&tangents, level, &self.dual, &mut product, &mut self.scratch)?;
            blas::axpy(level, -1.0, &product, &mut left)?;
        } else {
            self.dual.fill(0.0);
        }
        let mut change = vec![0.0; n * c];
        let fresh = (self.step, total);
        // The paper's iteration stands or falls with its sketch.
        let keep = |factor: &Factor| factor.made == fresh || !(factor.solve.is_cheap() || self.settings.solver.faithful.is_some());
        if !self.factor.as_ref().is_some_and(keep) {
            self.factor = None;
        }
        loop {
            if let (Some(source), None) = (&source, &self.factor) {
                let mut solve = SharedFactor::default();
                solve.compute(level, x, source, total as f32, c, &mut self.scratch)?;
                self.factor = Some(Factor { solve, made: fresh });
            }
            let stale = self.factor.as_ref().is_some_and(|factor| factor.made != fresh);
            let stopping = Stopping {
                relative: INNER_TOLERANCE,
                absolute: f64::from(f32::MIN_POSITIVE),
                max_iterations: if stale { 2 * STALE_ITERATIONS } else { MOST_ITERATIONS },
            };
            let preconditioner = self.factor.as_ref().map_or(0, |factor| cg::Preconditioner::<f32>::scratch_len(&factor.solve));
            let need = cg::conjugate_gradient_scratch_len(n * c, cg::LinearOperator::scratch_len(&tangents), preconditioner);
            grow(&mut self.scratch, need);
            let report = match &self.factor {
                Some(Factor { solve, .. }) if self.settings.solver.faithful.is_some() => {
                    let step = self.settings.solver.faithful.unwrap_or(Faithful::Safe);
                    solve.faithful(level, &tangents, step, &left, &mut change, stopping, &mut self.scratch)?
                }
                Some(factor) => conjugate_gradient(level, &tangents, &factor.solve, &left, &mut change, stopping, &mut self.scratch)?,
                None => conjugate_gradient(level, &tangents, &Identity, &left, &mut change, stopping, &mut self.scratch)?,
            };
            let failed = match report.status {
                cg::Status::Converged => false,
                // The best there is of this system: the step is judged by the loss, as any other.
                cg::Status::IterationLimit | cg::Status::IndefiniteOperator => stale,
                cg::Status::NotFinite => {
                    return Err(TrainError::Numbers {
                        problem: "the system of a step is not finite: are the inputs of about unit norm?".into(),
                    });
                }
                _ => stale,
            };
            if stale && (failed || report.iterations > STALE_ITERATIONS) {
                self.factor = None;
            }
            if !failed {
                blas::axpy(level, 1.0, &change, &mut self.dual)?;
                self.products = tangents.products.get();
                return Ok(self.products);
            }
        }
    }

    /// `W + s` with `s = -(mu / t) V - J^T g`.
    fn propose(&mut self, share: f32) -> Result<(), TrainError> {
        let Shape { n, d, m, c } = self.shape;
        grow(&mut self.scratch, two_layer::vjp_scratch_len(d, m, c));
        two_layer::vjp(
            self.settings.level,
            view(&self.x, n, d),
            view(&self.a, c, m),
            fired(&self.pattern, self.shape),
            view(&self.dual, n, c),
            MatMut::new(&mut self.next_w, m, d)?,
            &mut self.scratch,
        )?;
        blas::xpby(self.settings.level, &self.w, -1.0, &mut self.next_w)?;
        if share > 0.0 {
            for ((next, &w), &w0) in self.next_w.iter_mut().zip(&self.w).zip(&self.w0) {
                *next -= share * (w - w0);
            }
        }
        Ok(())
    }

    /// The residual and the pattern of `next_w`.
    fn evaluate(&mut self) -> Result<(), TrainError> {
        let Shape { n, d, m, c } = self.shape;
        grow(&mut self.scratch, two_layer::forward_scratch_len(d, m, c));
        two_layer::forward(
            self.settings.level,
            view(&self.x, n, d),
            view(&self.next_w, m, d),
            view(&self.a, c, m),
            self.settings.shift,
            Some(PatternMut::new(&mut self.next_pattern, n, m)?),
            MatMut::new(&mut self.next_residual, n, c)?,
            &mut self.scratch,
        )?;
        blas::axpy(self.settings.level, -1.0, &self.y, &mut self.next_residual)?;
        Ok(())
    }

    /// J V with V = W - W(0), where there is a ridge.
    fn drift_of_outputs(&mut self) -> Result<Vec<f32>, TrainError> {
        if self.w0.is_empty() {
            return Ok(Vec::new());
        }
        let Shape { n, d, m, c } = self.shape;
        let drift: Vec<f32> = self.w.iter().zip(&self.w0).map(|(w, w0)| w - w0).collect();
        let mut out = vec![0.0; n * c];
        grow(&mut self.scratch, two_layer::jvp_scratch_len(d, m, c));
        two_layer::jvp(
            self.settings.level,
            view(&self.x, n, d),
            view(&self.a, c, m),
            fired(&self.pattern, self.shape),
            view(&drift, m, d),
            MatMut::new(&mut out, n, c)?,
            &mut self.scratch,
        )?;
        Ok(out)
    }

    /// |W - W(0)|^2, where there is a ridge.
    fn distance_squared(&self, w: &[f32]) -> f64 {
        w.iter().zip(&self.w0).map(|(w, w0)| f64::from(w - w0).powi(2)).sum()
    }

    /// trace(K) / (n C): the mean over samples of |x|^2 times the share of neurons that fire.
    fn mean_diagonal(&self) -> f64 {
        let Shape { n, d, m, .. } = self.shape;
        let level = self.settings.level;
        let pattern = self.pattern();
        let sum: f64 =
            (0..n).map(|i| f64::from(blas::norm_squared(level, &self.x[i * d..(i + 1) * d])) * pattern.overlap(level, i, i) as f64).sum();
        sum / (n * m) as f64
    }
}

fn view(data: &[f32], rows: usize, cols: usize) -> MatRef<'_, f32> {
    MatRef::new(data, rows, cols).expect("the run's buffers have the run's shape")
}

fn fired(words: &[u64], shape: Shape) -> PatternRef<'_> {
    PatternRef::new(words, shape.n, shape.m).expect("the run's buffers have the run's shape")
}

fn squares(x: &[f32]) -> f64 {
    x.iter().map(|&x| f64::from(x) * f64::from(x)).sum()
}
