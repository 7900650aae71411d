//! Gradient descent and Adam, over all samples.
//!
//! ```text
//! W <- W - rate J^T (F - Y)
//! ```
//!
//! Dense, that is two products of the whole network. On the neurons that fire alone ([`Lookup`]) it is the same run, bit
//! by bit: the fired sets are exact, and all sums are added in one order.
//!
//! Source: Song, Yang, Zhang, *Does Preprocessing Help Training Over-parameterized Neural Networks?*, NeurIPS 2021,
//! both algorithms: structures over the weights, asked by sample and updated for the neurons that moved; and over the
//! data, asked by neuron. Adam: Kingma and Ba, ICLR 2015.

use std::time::Instant;

use super::TrainError;
use super::fired::FiredSets;
use super::kernels::{Kernels, each};
use super::method::{Algorithm, Problem, Progress, Shape, State, Status, Step, fired, squares, view};
use super::settings::{Lookup, Method, Over};
use super::tangents::grow;
use crate::relu::{FiredRef, PatternRef, fired as lists, pattern};
use crate::{Error, MatMut, MatRef, blas};

/// Products with the Gram matrix that find the largest eigenvalue well enough.
const POWER_STEPS: usize = 12;
/// Share of the pattern below which lists are faster than dense products.
pub(super) const FEW_FIRE: f64 = 0.06;
/// Adam's decay rates, and what keeps it from dividing by zero.
const BETAS: (f32, f32) = (0.9, 0.999);
const EPSILON: f32 = 1e-8;

/// Gradient descent, dense or by lists; Adam.
#[derive(Debug)]
pub(super) struct Gradient {
    problem: Problem,
    kernels: Kernels,
    rate: f32,
    /// mu
    ridge: f64,
    a: Vec<f32>,
    w: Vec<f32>,
    w0: Vec<f32>,
    sets: Sets,
    gradient: Vec<f32>,
    /// F - Y
    residual: Vec<f32>,
    moments: Option<Moments>,
    step: usize,
    status: Status,
    scratch: Vec<f32>,
}

/// Who fires.
#[derive(Debug)]
enum Sets {
    Dense { pattern: Vec<u64>, before: Vec<u64> },
    Listed(Box<FiredSets>),
}

/// What Adam remembers of hidden and output weights' gradients.
#[derive(Debug)]
struct Moments {
    first: [Vec<f32>; 2],
    second: [Vec<f32>; 2],
}

impl Gradient {
    /// Draws the network and runs it once.
    pub fn start(problem: Problem) -> Result<Self, TrainError> {
        let Shape { n, d, m, c } = problem.shape;
        let settings = &problem.settings;
        let (adam, start, kernels) = (settings.method == Method::Adam, problem.start(), Kernels::new(settings));
        let mut scratch = Vec::new();
        let mut pattern = vec![0; pattern::pattern_len(n, m)];
        let mut residual = vec![0.0; n * c];
        let (w, a) = (view(&start.weights, m, d), view(&start.signs, c, m));
        kernels.forward(problem.x(), w, a, settings.shift, Some(&mut pattern), &mut residual, &mut scratch)?;
        let share = fired(&pattern, problem.shape).count(settings.level) as f64 / (n * m) as f64;
        let rate = match settings.learning_rate {
            Some(rate) => rate,
            None if adam => 0.01,
            None => {
                let most = largest_eigenvalue(&problem, kernels, a, fired(&pattern, problem.shape), &mut scratch)?;
                if most > 0.0 { (1.0 / most) as f32 } else { 1.0 }
            }
        };
        let ridge = f64::from(settings.damping) * share * squares(&problem.x) / n as f64;
        let listed = match settings.lookup {
            _ if settings.damping > 0.0 || (adam && !settings.train_outputs) => false,
            Lookup::Auto => share < FEW_FIRE || settings.train_outputs,
            Lookup::Dense => settings.train_outputs,
            _ => true,
        };
        if !listed && !matches!(settings.lookup, Lookup::Auto | Lookup::Dense) {
            return Err(TrainError::setting("lookup", "auto or dense, with damping or Adam: all neurons move then", settings.lookup));
        }
        let sets = if listed {
            let lookup = if matches!(settings.lookup, Lookup::Auto | Lookup::Dense) { Lookup::Candidates } else { settings.lookup };
            let over = if settings.lookup == Lookup::Auto { Over::Data } else { settings.over };
            let sets = FiredSets::new(kernels, lookup, over, problem.x(), w, settings.shift)?;
            Sets::Listed(Box::new(sets))
        } else {
            Sets::Dense { before: pattern.clone(), pattern }
        };
        let outputs = if settings.train_outputs { c * m } else { 0 };
        let zeros = || [vec![0.0; m * d], vec![0.0; outputs]];
        let mut run = Self {
            kernels,
            rate,
            ridge,
            w0: if ridge > 0.0 { start.weights.clone() } else { Vec::new() },
            a: start.signs,
            w: start.weights,
            gradient: if listed && !adam { Vec::new() } else { vec![0.0; m * d] },
            sets,
            residual,
            moments: if adam { Some(Moments { first: zeros(), second: zeros() }) } else { None },
            step: 0,
            status: Status::Running,
            scratch,
            problem,
        };
        // Lists sum as dense products do, unless the output weights are no signs any more.
        run.problem.residual(&mut run.residual)?;
        Ok(run)
    }

    /// Fired sets, outputs and residual of the weights as they are; `moved` says how far each neuron went.
    fn evaluate(&mut self, moved: &[f32]) -> Result<(), TrainError> {
        let Shape { d, m, c, .. } = self.problem.shape;
        let (x, w, a) = (self.problem.x(), view(&self.w, m, d), view(&self.a, c, m));
        let shift = self.problem.settings.shift;
        match &mut self.sets {
            Sets::Dense { pattern, before } => {
                std::mem::swap(pattern, before);
                self.kernels.forward(x, w, a, shift, Some(pattern), &mut self.residual, &mut self.scratch)?;
            }
            Sets::Listed(sets) => {
                sets.follow(x, w, moved)?;
                outputs(self.kernels, sets.lists.view(x.rows())?, a, d, shift, &mut self.residual, &mut self.scratch)?;
            }
        }
        self.problem.residual(&mut self.residual)
    }

    /// The samples have been moved: everything is found anew.
    pub fn replace_samples(&mut self, x: &[f32]) -> Result<(), TrainError> {
        self.problem.x.copy_from_slice(x);
        let Shape { d, m, .. } = self.problem.shape;
        if let Sets::Listed(sets) = &mut self.sets {
            let settings = &self.problem.settings;
            let w = view(&self.w, m, d);
            **sets = FiredSets::new(self.kernels, settings.lookup, settings.over, self.problem.x(), w, settings.shift)?;
        }
        self.evaluate(&vec![f32::MAX; m])
    }

    /// The residual as the gradient sees it: each row once more times the root of its weight.
    fn pull(&self) -> Vec<f32> {
        let mut pull = self.residual.clone();
        for (row, &root) in pull.chunks_exact_mut(self.problem.shape.c).zip(&self.problem.roots) {
            row.iter_mut().for_each(|r| *r *= root);
        }
        pull
    }

    /// Moves the weights; how far each neuron went, where somebody has to know.
    fn descend(&mut self) -> Result<Vec<f32>, TrainError> {
        let Shape { n, d, m, c } = self.problem.shape;
        let (pull, rate, level) = (self.pull(), self.rate, self.problem.settings.level);
        let (x, u) = (view(&self.problem.x, n, d), view(&pull, n, c));
        let mut of_outputs = Vec::new();
        if self.problem.settings.train_outputs
            && let Sets::Listed(sets) = &self.sets
        {
            of_outputs = gradient_of_outputs(sets.lists.view(n)?, u, m, self.problem.settings.shift);
        }
        let mut moved = Vec::new();
        match (&self.sets, &mut self.moments) {
            (Sets::Listed(sets), None) => {
                moved.resize(m, 0.0);
                descend(self.kernels, x, view(&self.a, c, m), sets.lists.view(n)?, u, rate, &mut self.w, &mut moved, &mut self.scratch)?;
                blas::axpy(level, -rate, &of_outputs, if of_outputs.is_empty() { &mut [] } else { &mut self.a })?;
            }
            (Sets::Dense { pattern, .. }, None) => {
                let pattern = fired(pattern, self.problem.shape);
                self.kernels.vjp(x, view(&self.a, c, m), pattern, u, &mut self.gradient, &mut self.scratch)?;
                if self.ridge > 0.0 {
                    let pull = self.ridge as f32;
                    self.gradient.iter_mut().zip(&self.w).zip(&self.w0).for_each(|((g, w), w0)| *g += pull * (w - w0));
                }
                blas::axpy(level, -rate, &self.gradient, &mut self.w)?;
            }
            (sets, Some(moments)) => {
                match sets {
                    Sets::Dense { pattern, .. } => {
                        let pattern = fired(pattern, self.problem.shape);
                        self.kernels.vjp(x, view(&self.a, c, m), pattern, u, &mut self.gradient, &mut self.scratch)?;
                    }
                    Sets::Listed(sets) => {
                        moved.resize(m, 0.0);
                        self.gradient.fill(0.0);
                        let (a, lists) = (view(&self.a, c, m), sets.lists.view(n)?);
                        descend(self.kernels, x, a, lists, u, -1.0, &mut self.gradient, &mut moved, &mut self.scratch)?;
                    }
                }
                if self.ridge > 0.0 {
                    let pull = self.ridge as f32;
                    self.gradient.iter_mut().zip(&self.w).zip(&self.w0).for_each(|((g, w), w0)| *g += pull * (w - w0));
                }
                // Steps are of the loss's mean, which changes nothing but the size of what keeps from dividing by zero.
                let (mean, t) = (1.0 / self.residual.len() as f32, self.step as i32 + 1);
                let fix = (1.0 - BETAS.0.powi(t), 1.0 - BETAS.1.powi(t));
                for (k, (weights, gradient)) in [(&mut self.w, &self.gradient), (&mut self.a, &of_outputs)].into_iter().enumerate() {
                    let (first, second) = (&mut moments.first[k], &mut moments.second[k]);
                    for (((w, &g), first), second) in weights.iter_mut().zip(gradient).zip(first.iter_mut()).zip(second.iter_mut()) {
                        let g = g * mean;
                        *first = BETAS.0 * *first + (1.0 - BETAS.0) * g;
                        *second = BETAS.1 * *second + (1.0 - BETAS.1) * g * g;
                        *w -= rate * (*first / fix.0) / ((*second / fix.1).sqrt() + EPSILON);
                    }
                }
                // All of them went as far as that, at most: no skin is worth keeping.
                moved.fill(f32::MAX);
            }
        }
        Ok(moved)
    }
}

/// F by lists, every group of neurons by itself, then added up in their order.
pub(super) fn outputs(
    kernels: Kernels,
    sets: FiredRef<'_, f32>,
    a: MatRef<'_, f32>,
    d: usize,
    shift: f32,
    f: &mut [f32],
    scratch: &mut Vec<f32>,
) -> Result<(), Error> {
    let (n, m, c) = (sets.samples(), a.cols(), a.rows());
    let (groups, len) = (lists::groups(d, m), lists::outputs_scratch_len(n, d, m, c));
    f.fill(0.0);
    grow(scratch, (len + n * c) * kernels.threads);
    let (parts, rest) = scratch.split_at_mut(n * c * kernels.threads);
    for first in (0..groups).step_by(kernels.threads) {
        let now = kernels.threads.min(groups - first);
        let jobs = parts.chunks_mut((n * c).max(1)).zip(rest.chunks_mut(len.max(1))).take(now).enumerate();
        each(jobs, |(at, (part, scratch))| {
            lists::outputs_of_group(kernels.level, sets, a, d, first + at, shift, MatMut::new(part, n, c)?, scratch)
        })?;
        for part in parts.chunks(n * c).take(now) {
            f.iter_mut().zip(part).for_each(|(f, part)| *f += part);
        }
    }
    Ok(())
}

/// `W <- W - rate J^T U` by lists.
pub(super) fn descend(
    kernels: Kernels,
    x: MatRef<'_, f32>,
    a: MatRef<'_, f32>,
    sets: FiredRef<'_, f32>,
    u: MatRef<'_, f32>,
    rate: f32,
    w: &mut [f32],
    moved: &mut [f32],
    scratch: &mut Vec<f32>,
) -> Result<(), Error> {
    let (d, len) = (x.cols(), lists::descend_scratch_len(x.cols(), a.rows()));
    let share = kernels.share(moved.len(), 64);
    grow(scratch, len * kernels.threads);
    let parts = w.chunks_mut(share * d).zip(moved.chunks_mut(share)).zip(scratch.chunks_mut(len)).enumerate();
    each(parts, |(at, ((w, moved), scratch))| {
        let w = MatMut::new(w, moved.len(), d)?;
        lists::descend(kernels.level, x, a, sets, u, rate, at * share, w, moved, scratch)
    })
}

/// m^(-1/2) U^T max(Z - b, 0), C x m.
fn gradient_of_outputs(sets: FiredRef<'_, f32>, u: MatRef<'_, f32>, m: usize, shift: f32) -> Vec<f32> {
    let (c, scale) = (u.cols(), 1.0 / (m as f32).sqrt());
    let mut gradient = vec![0.0; c * m];
    for r in 0..m {
        let (samples, values) = sets.of(r);
        for (&i, &z) in samples.iter().zip(values) {
            for (o, &u) in u.row(i as usize).unwrap_or_default().iter().enumerate() {
                gradient[o * m + r] += scale * u * (z - shift);
            }
        }
    }
    gradient
}

/// The largest eigenvalue of the Gram matrix, from below: a few products, started from the residual's signs.
fn largest_eigenvalue(
    problem: &Problem,
    kernels: Kernels,
    a: MatRef<'_, f32>,
    pattern: PatternRef<'_>,
    scratch: &mut Vec<f32>,
) -> Result<f64, TrainError> {
    let Shape { n, d, c, .. } = problem.shape;
    let mut scaled = problem.x.clone();
    for (row, &root) in scaled.chunks_exact_mut(d).zip(&problem.roots) {
        row.iter_mut().for_each(|x| *x *= root);
    }
    let x = view(&scaled, n, d);
    grow(scratch, kernels.gram_product_scratch_len(x, a));
    let mut v = vec![0.0f32; n * c];
    crate::random::gaussian(&mut crate::random::stream(problem.settings.seed, 2), &mut v);
    let (mut product, mut most) = (vec![0.0f32; n * c], 0.0);
    for _ in 0..POWER_STEPS {
        let norm = squares(&v).sqrt();
        if norm.is_nan() || norm == 0.0 {
            break;
        }
        v.iter_mut().for_each(|v| *v = (f64::from(*v) / norm) as f32);
        kernels.gram_product(x, a, pattern, view(&v, n, c), &mut product, scratch)?;
        most = squares(&product).sqrt();
        std::mem::swap(&mut v, &mut product);
    }
    Ok(most)
}

impl Algorithm for Gradient {
    fn step(&mut self, _: &mut dyn FnMut(Progress)) -> Result<Option<Step>, TrainError> {
        if self.train_mse() <= self.problem.settings.tolerance {
            self.status = Status::Converged;
        } else if self.step >= self.problem.settings.steps {
            self.status = Status::StepLimit;
        }
        if self.status != Status::Running {
            return Ok(None);
        }
        let begun = Instant::now();
        let (Shape { n, m, .. }, level) = (self.problem.shape, self.problem.settings.level);
        let before = squares(&self.residual);
        let moved = self.descend()?;
        self.evaluate(&moved)?;
        let after = squares(&self.residual);
        if !after.is_finite() {
            return Err(TrainError::Numbers {
                problem: format!("the loss has left the range of numbers: a learning rate below {} may help", self.rate),
            });
        }
        self.step += 1;
        let entries = (n * m) as f64;
        let (fires, flipped, went) = match &self.sets {
            Sets::Dense { pattern, before } => {
                let pattern = fired(pattern, self.problem.shape);
                (pattern.count(level) as f64, pattern.flips(level, fired(before, self.problem.shape))? as f64 / entries, 1.0)
            }
            Sets::Listed(sets) => (sets.lists.len() as f64, f64::NAN, moved.iter().filter(|&&by| by != 0.0).count() as f64 / m as f64),
        };
        let step = Step {
            step: self.step,
            train_mse: self.train_mse(),
            residual_ratio: (after / before).sqrt(),
            flipped,
            fired: fires / entries,
            moved: went,
            seconds: begun.elapsed().as_secs_f64(),
            ..Step::default()
        };
        if step.train_mse <= self.problem.settings.tolerance {
            self.status = Status::Converged;
        } else if self.step >= self.problem.settings.steps {
            self.status = Status::StepLimit;
        }
        Ok(Some(step))
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
        match &self.sets {
            Sets::Dense { pattern, .. } => Some(fired(pattern, self.problem.shape)),
            Sets::Listed(_) => None,
        }
    }

    fn save(&self, to: &mut State) {
        to.put_status(self.status);
        to.put("step", self.step as f64);
        to.put_floats("weights", &self.w);
        if self.problem.settings.train_outputs {
            to.put_floats("outputs", &self.a);
        }
        if let Some(moments) = &self.moments {
            for (k, name) in ["hidden", "output"].iter().enumerate() {
                to.put_floats(&format!("first {name} moments"), &moments.first[k]);
                to.put_floats(&format!("second {name} moments"), &moments.second[k]);
            }
        }
    }

    fn restore(&mut self, from: &State) -> Result<(), TrainError> {
        self.status = from.status()?;
        self.step = from.count("step")?;
        from.floats("weights", &mut self.w)?;
        if self.problem.settings.train_outputs {
            from.floats("outputs", &mut self.a)?;
        }
        if let Some(moments) = &mut self.moments {
            for (k, name) in ["hidden", "output"].iter().enumerate() {
                from.floats(&format!("first {name} moments"), &mut moments.first[k])?;
                from.floats(&format!("second {name} moments"), &mut moments.second[k])?;
            }
        }
        // Whatever is kept was kept for other weights.
        self.evaluate(&vec![f32::MAX; self.problem.shape.m])
    }
}
