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
use super::damping::{self, ATTEMPTS, INNER_TOLERANCE, MOST_ITERATIONS, SETTLED};
use super::fired::FiredSets;
use super::gradient::{self, FEW_FIRE};
use super::kernels::Kernels;
use super::listed::{Listed, mark};
use super::method::{Algorithm, Problem, Progress, Shape, State, Status, Step, fired, squares, view};
use super::preconditioner::Faithful;
use super::settings::{Lookup, Over};
use super::tangents::{SharedFactor, Tangents, grow};
use crate::cg::{self, Identity, Stopping, conjugate_gradient};
use crate::relu::{PatternRef, pattern};
use crate::{MatRef, blas};

/// A factor of an earlier pattern or damping is replaced once it needs more iterations than this.
const STALE_ITERATIONS: usize = 8;

/// Gauss-Newton: it owns its samples and its network.
#[derive(Debug)]
pub(super) struct GaussNewton {
    problem: Problem,
    kernels: Kernels,
    /// The samples, each times the root of its weight, where there are weights: what the tangents see.
    scaled: Vec<f32>,
    a: Vec<f32>,
    w: Vec<f32>,
    /// The start, where there is a ridge towards it; else nothing.
    w0: Vec<f32>,
    next_w: Vec<f32>,
    pattern: Vec<u64>,
    next_pattern: Vec<u64>,
    /// Who fires, as lists, where few do; of the weights that were evaluated last.
    sets: Option<Listed>,
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
    /// The firing pattern it was made from: with it, a run that is taken up again makes the same factor.
    pattern: Vec<u64>,
}

impl GaussNewton {
    /// Draws the network and runs it once; sizes and numbers have been checked.
    pub fn start(problem: Problem) -> Result<Self, TrainError> {
        let Shape { n, d, m, c } = problem.shape;
        let start = problem.start();
        let words = pattern::pattern_len(n, m);
        let w0 = if problem.settings.damping > 0.0 { start.weights.clone() } else { Vec::new() };
        let mut scaled = if problem.roots.is_empty() { Vec::new() } else { problem.x.clone() };
        for (row, &root) in scaled.chunks_exact_mut(d).zip(&problem.roots) {
            row.iter_mut().for_each(|x| *x *= root);
        }
        let mut run = GaussNewton {
            kernels: Kernels::new(&problem.settings),
            problem,
            scaled,
            a: start.signs,
            next_w: start.weights.clone(),
            w: start.weights,
            w0,
            pattern: vec![0; words],
            next_pattern: vec![0; words],
            sets: None,
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
        };
        run.evaluate()?;
        std::mem::swap(&mut run.pattern, &mut run.next_pattern);
        std::mem::swap(&mut run.residual, &mut run.next_residual);
        run.list()?;
        let mean = run.mean_diagonal();
        // Where nobody fires at all there is nothing to measure in, and nothing to train.
        run.unit = if mean > 0.0 { mean } else { 1.0 };
        run.ridge = f64::from(run.problem.settings.damping) * run.unit;
        run.adapted = damping::raised(0.0, run.unit);
        Ok(run)
    }

    /// Takes some samples of a larger problem, weights, and a damping in units of the mean diagonal.
    pub fn load(&mut self, from: &Problem, rows: &[u32], w: &[f32], damping: f64) -> Result<(), TrainError> {
        let Shape { d, c, .. } = self.shape();
        for (k, &row) in rows.iter().enumerate() {
            let row = row as usize;
            self.problem.x[k * d..(k + 1) * d].copy_from_slice(&from.x[row * d..(row + 1) * d]);
            self.problem.y[k * c..(k + 1) * c].copy_from_slice(&from.y[row * c..(row + 1) * c]);
            if let Some(&root) = from.roots.get(row) {
                self.problem.roots[k] = root;
            }
        }
        self.w.copy_from_slice(w);
        self.adapted = damping * self.unit;
        self.dual.fill(0.0);
        let x = std::mem::take(&mut self.problem.x);
        let done = self.replace_samples(&x);
        self.problem.x = x;
        done
    }

    /// Damps the next step by at least this, in units of the mean diagonal.
    pub fn damp(&mut self, least: f64) {
        self.adapted = self.adapted.max(least * self.unit);
    }

    /// The samples have been moved: what was made for the others is made anew, and the run is not settled.
    pub fn replace_samples(&mut self, x: &[f32]) -> Result<(), TrainError> {
        let d = self.shape().d;
        self.problem.x.clear();
        self.problem.x.extend_from_slice(x);
        if !self.scaled.is_empty() {
            self.scaled.copy_from_slice(x);
            for (row, &root) in self.scaled.chunks_exact_mut(d).zip(&self.problem.roots) {
                row.iter_mut().for_each(|x| *x *= root);
            }
        }
        self.next_w.copy_from_slice(&self.w);
        // Lists may be kept over the samples: built anew for these.
        self.sets = None;
        self.evaluate()?;
        std::mem::swap(&mut self.pattern, &mut self.next_pattern);
        std::mem::swap(&mut self.residual, &mut self.next_residual);
        self.list()?;
        self.factor = None;
        self.quiet_steps = 0;
        self.status = Status::Running;
        Ok(())
    }

    fn shape(&self) -> Shape {
        self.problem.shape
    }

    /// The samples as the tangents see them.
    fn tangent_x(&self) -> MatRef<'_, f32> {
        let Shape { n, d, .. } = self.problem.shape;
        view(if self.scaled.is_empty() { &self.problem.x } else { &self.scaled }, n, d)
    }

    fn take_step(&mut self, progress: &mut dyn FnMut(Progress)) -> Result<Option<Step>, TrainError> {
        if self.status == Status::Running && self.train_mse() <= self.problem.settings.tolerance {
            self.status = Status::Converged;
        }
        if self.status == Status::Running && self.step >= self.problem.settings.steps {
            self.status = Status::StepLimit;
        }
        if self.status != Status::Running {
            return Ok(None);
        }
        let begun = Instant::now();
        let level = self.problem.settings.level;
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
                self.back()?;
                self.adapted = damping::raised(self.adapted, self.unit);
                continue;
            }
            // What the linear model promised, its own system taken as solved:
            // r + J s = r - (mu / t) J V - K g = t g.
            let promised = total * total * squares(&self.dual) + ridge * self.distance_squared(&self.next_w);
            self.adapted = damping::adapted(self.adapted, self.unit, loss, next_loss, promised);
            let flipped = fired(&self.pattern, self.shape()).flips(level, fired(&self.next_pattern, self.shape()))?;
            std::mem::swap(&mut self.w, &mut self.next_w);
            std::mem::swap(&mut self.pattern, &mut self.next_pattern);
            std::mem::swap(&mut self.residual, &mut self.next_residual);
            self.step += 1;
            self.quiet_steps = if loss - next_loss < SETTLED * loss { self.quiet_steps + 1 } else { 0 };
            let entries = (self.shape().n * self.shape().m) as f64;
            let step = Step {
                step: self.step,
                train_mse: self.train_mse(),
                validation_mse: None,
                residual_ratio: (after / before).sqrt(),
                cg_iterations,
                damping: total / self.unit,
                flipped: flipped as f64 / entries,
                fired: fired(&self.pattern, self.shape()).count(level) as f64 / entries,
                seconds: begun.elapsed().as_secs_f64(),
                rejected,
                moved: self
                    .sets
                    .as_ref()
                    .map_or(1.0, |sets| sets.moved.iter().filter(|&&by| by != 0.0).count() as f64 / self.shape().m as f64),
                robust_mse: None,
            };
            self.status = if step.train_mse <= self.problem.settings.tolerance {
                Status::Converged
            } else if self.quiet_steps == 2 {
                Status::Settled
            } else if self.step >= self.problem.settings.steps {
                Status::StepLimit
            } else {
                Status::Running
            };
            return Ok(Some(step));
        }
        self.status = if ridge > 0.0 { Status::Settled } else { Status::Stalled };
        Ok(None)
    }

    /// Keeps lists from now on, where few enough fire; those of `w`.
    fn list(&mut self) -> Result<(), TrainError> {
        let Shape { n, d, m, .. } = self.shape();
        let settings = &self.problem.settings;
        let share = fired(&self.pattern, self.problem.shape).count(settings.level) as f64 / (n * m) as f64;
        let lookup = match settings.lookup {
            Lookup::Dense => return Ok(()),
            Lookup::Auto if share >= FEW_FIRE => return Ok(()),
            Lookup::Auto => Lookup::Candidates,
            other => other,
        };
        let over = if settings.lookup == Lookup::Auto { Over::Data } else { settings.over };
        let found = FiredSets::new(self.kernels, lookup, over, self.problem.x(), view(&self.w, m, d), settings.shift)?;
        self.sets = Some(Listed { found, of: self.w.clone(), moved: vec![0.0; m] });
        Ok(())
    }

    /// The lists are those of weights that were given up: back to those that are kept.
    fn back(&mut self) -> Result<(), TrainError> {
        let Shape { d, m, .. } = self.shape();
        match &mut self.sets {
            Some(sets) => sets.follow(self.problem.x(), view(&self.w, m, d)),
            None => Ok(()),
        }
    }

    /// The factor that a step made from this pattern.
    fn factor_of(&mut self, pattern: Vec<u64>, made: (usize, f64)) -> Result<Option<Factor>, TrainError> {
        let Shape { d, m, c, .. } = self.shape();
        let Some(source) = self.problem.settings.source(view(&self.a, c, m), fired(&pattern, self.shape()), d) else { return Ok(None) };
        let mut solve = SharedFactor::default();
        let mut scratch = std::mem::take(&mut self.scratch);
        let done = solve.compute(self.problem.settings.level, self.tangent_x(), &source, made.1 as f32, self.shape().c, &mut scratch);
        self.scratch = scratch;
        done?;
        Ok(Some(Factor { solve, made, pattern }))
    }

    /// Solves `(K + total I) g = rhs` to a tenth of what is left, and leaves g in `dual`; the products it took.
    fn solve(&mut self, rhs: &[f32], total: f64, progress: &mut dyn FnMut(Progress)) -> Result<usize, TrainError> {
        let level = self.problem.settings.level;
        let Shape { n, d, m, c } = self.shape();
        let scaled = if self.scaled.is_empty() { &self.problem.x } else { &self.scaled };
        let (x, a, pattern) = (view(scaled, n, d), view(&self.a, c, m), fired(&self.pattern, self.problem.shape));
        let source = self.problem.settings.source(a, pattern, d);
        // As many as last time, until it turns out to be more.
        let expected = self.products;
        let mut report_products = |done: usize| {
            progress(Progress { phase: "solving", done, total: if expected == 0 { 0 } else { expected.max(done + 1) } });
        };
        let tangents = Tangents {
            kernels: self.kernels,
            x,
            a,
            pattern,
            lists: self.sets.as_ref().map(|sets| sets.found.lists.view(n)).transpose()?,
            damping: total as f32,
            progress: std::cell::RefCell::new(&mut report_products),
            products: 0.into(),
        };

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
        let keep = |factor: &Factor| factor.made == fresh || !(factor.solve.is_cheap() || self.problem.settings.solver.faithful.is_some());
        if !self.factor.as_ref().is_some_and(keep) {
            self.factor = None;
        }
        loop {
            if let (Some(source), None) = (&source, &self.factor) {
                let mut solve = SharedFactor::default();
                solve.compute(level, x, source, total as f32, c, &mut self.scratch)?;
                self.factor = Some(Factor { solve, made: fresh, pattern: self.pattern.clone() });
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
                Some(Factor { solve, .. }) if self.problem.settings.solver.faithful.is_some() => {
                    let step = self.problem.settings.solver.faithful.unwrap_or(Faithful::Safe);
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
        let Shape { n, d, m, c } = self.shape();
        let scaled = if self.scaled.is_empty() { &self.problem.x } else { &self.scaled };
        let pattern = fired(&self.pattern, self.problem.shape);
        let (x, a, u) = (view(scaled, n, d), view(&self.a, c, m), view(&self.dual, n, c));
        if let Some(sets) = &mut self.sets {
            // The same bits, from the lists.
            self.next_w.fill(0.0);
            let lists = sets.found.lists.view(n)?;
            gradient::descend(self.kernels, x, a, lists, u, -1.0, &mut self.next_w, &mut sets.moved, &mut self.scratch)?;
        } else {
            self.kernels.vjp(x, a, pattern, u, &mut self.next_w, &mut self.scratch)?;
        }
        blas::xpby(self.problem.settings.level, &self.w, -1.0, &mut self.next_w)?;
        if share > 0.0 {
            for ((next, &w), &w0) in self.next_w.iter_mut().zip(&self.w).zip(&self.w0) {
                *next -= share * (w - w0);
            }
        }
        Ok(())
    }

    /// The residual and the pattern of `next_w`.
    fn evaluate(&mut self) -> Result<(), TrainError> {
        let Shape { d, m, c, .. } = self.shape();
        let (w, a) = (view(&self.next_w, m, d), view(&self.a, c, m));
        let shift = self.problem.settings.shift;
        if let Some(sets) = &mut self.sets {
            sets.follow(self.problem.x(), w)?;
            let lists = sets.found.lists.view(self.problem.shape.n)?;
            gradient::outputs(self.kernels, lists, a, d, shift, &mut self.next_residual, &mut self.scratch)?;
            mark(lists, &mut self.next_pattern);
            return self.problem.residual(&mut self.next_residual);
        }
        let pattern = Some(&mut self.next_pattern[..]);
        self.kernels.forward(self.problem.x(), w, a, shift, pattern, &mut self.next_residual, &mut self.scratch)?;
        self.problem.residual(&mut self.next_residual)
    }

    /// J V with V = W - W(0), where there is a ridge.
    fn drift_of_outputs(&mut self) -> Result<Vec<f32>, TrainError> {
        if self.w0.is_empty() {
            return Ok(Vec::new());
        }
        let Shape { n, d, m, c } = self.shape();
        let drift: Vec<f32> = self.w.iter().zip(&self.w0).map(|(w, w0)| w - w0).collect();
        let mut out = vec![0.0; n * c];
        let mut scratch = std::mem::take(&mut self.scratch);
        let (a, pattern) = (view(&self.a, c, m), fired(&self.pattern, self.problem.shape));
        self.kernels.jvp(self.tangent_x(), a, pattern, view(&drift, m, d), &mut out, &mut scratch)?;
        self.scratch = scratch;
        Ok(out)
    }

    /// |W - W(0)|^2, where there is a ridge.
    fn distance_squared(&self, w: &[f32]) -> f64 {
        w.iter().zip(&self.w0).map(|(w, w0)| f64::from(w - w0).powi(2)).sum()
    }

    /// trace(K) / (n C): the mean over samples of |x|^2 times the share of neurons that fire.
    fn mean_diagonal(&self) -> f64 {
        let Shape { n, m, .. } = self.shape();
        let level = self.problem.settings.level;
        let (x, pattern) = (self.tangent_x(), fired(&self.pattern, self.problem.shape));
        let norm = |i: usize| f64::from(blas::norm_squared(level, x.row(i).unwrap_or_default()));
        let sum: f64 = (0..n).map(|i| norm(i) * pattern.overlap(level, i, i) as f64).sum();
        sum / (n * m) as f64
    }
}

impl Algorithm for GaussNewton {
    fn step(&mut self, progress: &mut dyn FnMut(Progress)) -> Result<Option<Step>, TrainError> {
        self.take_step(progress)
    }

    fn status(&self) -> Status {
        self.status
    }

    fn weights(&self) -> MatRef<'_, f32> {
        view(&self.w, self.problem.shape.m, self.problem.shape.d)
    }

    fn signs(&self) -> MatRef<'_, f32> {
        view(&self.a, self.problem.shape.c, self.problem.shape.m)
    }

    fn train_mse(&self) -> f64 {
        squares(&self.residual) / self.residual.len() as f64
    }

    fn pattern(&self) -> Option<PatternRef<'_>> {
        Some(fired(&self.pattern, self.problem.shape))
    }

    fn save(&self, to: &mut State) {
        to.put_status(self.status);
        to.put("step", self.step as f64);
        to.put("quiet steps", self.quiet_steps as f64);
        to.put("products", self.products as f64);
        to.put("adapted damping", self.adapted);
        to.put_floats("weights", &self.w);
        to.put_floats("dual", &self.dual);
        to.put("factored", f64::from(u8::from(self.factor.is_some())));
        if let Some(factor) = &self.factor {
            to.put("factor step", factor.made.0 as f64);
            to.put("factor damping", factor.made.1);
            to.words.push(("factor pattern".into(), factor.pattern.clone()));
        }
    }

    fn restore(&mut self, from: &State) -> Result<(), TrainError> {
        self.status = from.status()?;
        self.step = from.count("step")?;
        self.quiet_steps = from.count("quiet steps")?;
        self.products = from.count("products")?;
        self.adapted = from.number("adapted damping")?;
        from.floats("dual", &mut self.dual)?;
        from.floats("weights", &mut self.next_w)?;
        self.evaluate()?;
        std::mem::swap(&mut self.pattern, &mut self.next_pattern);
        std::mem::swap(&mut self.residual, &mut self.next_residual);
        self.w.copy_from_slice(&self.next_w);
        self.factor = None;
        if from.count("factored")? == 1 {
            let made = (from.count("factor step")?, from.number("factor damping")?);
            let pattern = from.words("factor pattern", self.pattern.len())?.to_vec();
            self.factor = self.factor_of(pattern, made)?;
        }
        Ok(())
    }
}
