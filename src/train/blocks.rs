//! Gauss-Newton in blocks of samples, for as many samples as there are: memory for the square of a block is enough.
//!
//! A step of the run is a round over all blocks. Each block takes one damped Gauss-Newton step on the network as the
//! blocks before it have left it, so that what they have learnt is carried over in the weights. Blocks are drawn anew in
//! every round. After a round all samples are looked at: a round that did not lower the loss is taken back, and tried
//! again with more damping, which lets a block change less of what the others have learnt.
//!
//! Source: block Gauss-Seidel on the normal equations, with the damping of Levenberg and Marquardt; Bertsekas,
//! *Incremental least squares methods and the extended Kalman filter*, SIAM J. Optimization, 1996.

use std::time::Instant;

use rand_core::Rng;

use super::TrainError;
use super::gauss_newton::GaussNewton;
use super::kernels::Kernels;
use super::method::{Algorithm, Problem, Progress, Shape, State, Status, Step, squares, view};
use crate::MatRef;
use crate::random::stream;

/// Where damping starts, in units of the mean diagonal entry of the Gram matrix.
const FIRST_DAMPING: f64 = 0.1;
/// A round is tried this often.
const ATTEMPTS: usize = 8;
/// A run has settled when two rounds in turn lower the loss by less than this share of it.
const SETTLED: f64 = 1e-3;
/// Rows that are evaluated together: their outputs' scratch does not grow with the table.
const ROWS: usize = 8192;

/// Gauss-Newton in blocks.
#[derive(Debug)]
pub(super) struct Blocks {
    problem: Problem,
    kernels: Kernels,
    /// The step of a block.
    inner: GaussNewton,
    a: Vec<f32>,
    w: Vec<f32>,
    /// F - Y of all samples.
    residual: Vec<f32>,
    /// In units of the mean diagonal.
    damping: f64,
    step: usize,
    quiet: usize,
    status: Status,
    scratch: Vec<f32>,
}

impl Blocks {
    pub fn start(problem: Problem) -> Result<Self, TrainError> {
        let Shape { d, m, c, .. } = problem.shape;
        let block = problem.settings.block;
        let mut settings = problem.settings.clone();
        (settings.tolerance, settings.steps, settings.block) = (0.0, usize::MAX, 0);
        // Ridge and loss are shared out alike.
        settings.damping *= block as f32 / problem.shape.n as f32;
        let first = Problem {
            shape: Shape { n: block, d, m, c },
            x: problem.x[..block * d].to_vec(),
            y: problem.y[..block * c].to_vec(),
            roots: problem.roots.iter().take(block).copied().collect(),
            settings,
        };
        let start = problem.start();
        let mut run = Self {
            kernels: Kernels::new(&problem.settings),
            inner: GaussNewton::start(first)?,
            a: start.signs,
            w: start.weights,
            residual: vec![0.0; problem.y.len()],
            damping: FIRST_DAMPING,
            step: 0,
            quiet: 0,
            status: Status::Running,
            scratch: Vec::new(),
            problem,
        };
        run.evaluate()?;
        Ok(run)
    }

    /// The residual of all samples.
    fn evaluate(&mut self) -> Result<(), TrainError> {
        let Shape { n, d, m, c } = self.problem.shape;
        let (w, a, shift) = (view(&self.w, m, d), view(&self.a, c, m), self.problem.settings.shift);
        for (first, f) in (0..n).step_by(ROWS).zip(self.residual.chunks_mut(ROWS * c)) {
            let x = self.problem.x().row_range(first, ROWS);
            self.kernels.forward(x, w, a, shift, None, f, &mut self.scratch)?;
        }
        self.problem.residual(&mut self.residual)
    }

    /// The samples in the order of a round.
    fn order(&self, attempt: usize) -> Vec<u32> {
        let round = (self.step * ATTEMPTS + attempt) as u64;
        let mut rng = stream(self.problem.settings.seed ^ round.wrapping_mul(0x9e37_79b9_7f4a_7c15), 3);
        let mut order: Vec<u32> = (0..self.problem.shape.n as u32).collect();
        for i in (1..order.len()).rev() {
            // A bias of 2^-32 hurts no shuffle of blocks.
            order.swap(i, ((u128::from(rng.next_u64()) * (i as u128 + 1)) >> 64) as usize);
        }
        order
    }
}

impl Algorithm for Blocks {
    fn step(&mut self, progress: &mut dyn FnMut(Progress)) -> Result<Option<Step>, TrainError> {
        if self.train_mse() <= self.problem.settings.tolerance {
            self.status = Status::Converged;
        } else if self.step >= self.problem.settings.steps {
            self.status = Status::StepLimit;
        }
        if self.status != Status::Running {
            return Ok(None);
        }
        let begun = Instant::now();
        let (n, block) = (self.problem.shape.n, self.problem.settings.block);
        let blocks = n.div_ceil(block);
        let before = squares(&self.residual);
        let kept = self.w.clone();
        let mut cg_iterations = 0;
        for rejected in 0..ATTEMPTS {
            let order = self.order(rejected);
            let (mut flipped, mut fires) = (0.0, 0.0);
            for at in 0..blocks {
                progress(Progress { phase: "round of blocks", done: at, total: blocks });
                // The last one is filled up with samples of the one before.
                let first = (at * block).min(n - block);
                self.inner.load(&self.problem, &order[first..first + block], &self.w, self.damping)?;
                if let Some(step) = self.inner.step(&mut |_| {})? {
                    cg_iterations += step.cg_iterations;
                    flipped += step.flipped / blocks as f64;
                    fires += step.fired / blocks as f64;
                    self.w.copy_from_slice(self.inner.weights().data());
                }
            }
            self.evaluate()?;
            let after = squares(&self.residual);
            let damping = self.damping;
            if after.is_nan() || after >= before {
                self.damping *= 8.0;
                self.w.copy_from_slice(&kept);
                continue;
            }
            // Fast: the blocks agree. Slow: each undoes much of what the others did.
            if after < 0.25 * before {
                self.damping /= 4.0;
            } else if after > 0.8 * before {
                self.damping *= 2.0;
            }
            self.step += 1;
            self.quiet = if before - after < SETTLED * before { self.quiet + 1 } else { 0 };
            let step = Step {
                step: self.step,
                train_mse: self.train_mse(),
                residual_ratio: (after / before).sqrt(),
                cg_iterations,
                damping,
                flipped,
                fired: fires,
                seconds: begun.elapsed().as_secs_f64(),
                rejected,
                moved: 1.0,
                ..Step::default()
            };
            if step.train_mse <= self.problem.settings.tolerance {
                self.status = Status::Converged;
            } else if self.quiet == 2 {
                self.status = Status::Settled;
            } else if self.step >= self.problem.settings.steps {
                self.status = Status::StepLimit;
            }
            return Ok(Some(step));
        }
        self.evaluate()?;
        self.status = Status::Stalled;
        Ok(None)
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

    fn save(&self, to: &mut State) {
        to.put_status(self.status);
        to.put("step", self.step as f64);
        to.put("quiet rounds", self.quiet as f64);
        to.put("damping", self.damping);
        to.put_floats("weights", &self.w);
    }

    fn restore(&mut self, from: &State) -> Result<(), TrainError> {
        self.status = from.status()?;
        self.step = from.count("step")?;
        self.quiet = from.count("quiet rounds")?;
        self.damping = from.number("damping")?;
        from.floats("weights", &mut self.w)?;
        self.evaluate()
    }
}
