//! What every way of training a two-layer network has in common.

use std::fmt;

use super::settings::Builder;
use super::{TrainError, init};
use crate::relu::PatternRef;
use crate::{MatRef, blas};

/// Whether training goes on.
///
/// ```
/// use subquad::train::{Status, TwoLayer};
///
/// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
/// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
/// let mut run = TwoLayer::builder().width(64).steps(1).tolerance(0.0).build(x, y)?;
/// assert_eq!(run.status(), Status::Running);
/// while run.step()?.is_some() {}
/// assert_eq!(run.status(), Status::StepLimit);
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
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
    /// The error on the validation rows has not fallen for as many steps as patience allows.
    Stopped,
}

impl Status {
    /// All of them, with the names that files and programs call them by.
    pub const NAMES: [(Status, &'static str); 6] = [
        (Self::Running, "running"),
        (Self::Converged, "converged"),
        (Self::Settled, "settled"),
        (Self::StepLimit, "step limit"),
        (Self::Stalled, "stalled"),
        (Self::Stopped, "stopped early"),
    ];

    /// Its name.
    ///
    /// ```
    /// use subquad::train::Status;
    ///
    /// assert_eq!(Status::StepLimit.name(), "step limit");
    /// ```
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(status, _)| *status == self).map_or("", |(_, name)| name)
    }
}

/// What one step did.
///
/// ```
/// use subquad::train::TwoLayer;
///
/// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
/// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
/// let mut run = TwoLayer::builder().width(64).build(x, y)?;
/// let step = run.step()?.unwrap();
/// assert_eq!(step.step, 1);
/// assert!(step.train_mse < run.first_mse() && step.cg_iterations > 0);
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Step {
    /// Counted from 1.
    pub step: usize,
    /// Mean of (F - Y)^2 over samples (each with its weight) and outputs, after the step.
    pub train_mse: f64,
    /// The same over the validation rows, if there are any.
    pub validation_mse: Option<f64>,
    /// |F - Y| after the step, over |F - Y| before it.
    pub residual_ratio: f64,
    /// Products with the Gram matrix, over all attempts; 0 for methods without one.
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
    /// Share of the neurons that the step moved.
    pub moved: f64,
    /// The error on the samples as an adversary has moved them, before the step, where the method has one.
    pub robust_mse: Option<f64>,
}

/// Where a long step is.
///
/// ```
/// use subquad::train::TwoLayer;
///
/// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
/// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
/// let mut phases = Vec::new();
/// TwoLayer::builder().width(64).build(x, y)?.step_with(&mut |progress| phases.push(progress.phase))?;
/// assert!(!phases.is_empty());
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being computed.
    pub phase: &'static str,
    /// Parts done.
    pub done: usize,
    /// Parts in all, as far as is known: 0 if it is not.
    pub total: usize,
}

/// Samples, their features, neurons, outputs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub n: usize,
    pub d: usize,
    pub m: usize,
    pub c: usize,
}

/// The samples of a run, and what it is asked to do with them.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub settings: Builder,
    pub shape: Shape,
    /// n x d
    pub x: Vec<f32>,
    /// n x C
    pub y: Vec<f32>,
    /// Square roots of the samples' weights, whose mean is 1; none: all of them 1.
    pub roots: Vec<f32>,
}

impl Problem {
    pub fn x(&self) -> MatRef<'_, f32> {
        view(&self.x, self.shape.n, self.shape.d)
    }

    /// F becomes (F - Y), each row times the root of its weight.
    pub fn residual(&self, f: &mut [f32]) -> Result<(), TrainError> {
        blas::axpy(self.settings.level, -1.0, &self.y, f)?;
        for (row, &root) in f.chunks_exact_mut(self.shape.c).zip(&self.roots) {
            row.iter_mut().for_each(|f| *f *= root);
        }
        Ok(())
    }

    /// The network to start from.
    pub fn start(&self) -> init::Start {
        let Shape { d, m, c, .. } = self.shape;
        init::draw(self.settings.init, m, d, c, self.settings.seed)
    }
}

/// A way to train: one step after the other, with a state that can be kept and taken up again.
pub(super) trait Algorithm: Send + fmt::Debug {
    /// Takes a step, or says by [`status`](Self::status) why there is none.
    fn step(&mut self, progress: &mut dyn FnMut(Progress)) -> Result<Option<Step>, TrainError>;

    fn status(&self) -> Status;

    /// W, m x d.
    fn weights(&self) -> MatRef<'_, f32>;

    /// A, C x m.
    fn signs(&self) -> MatRef<'_, f32>;

    /// Mean of the squared residuals, weighted.
    fn train_mse(&self) -> f64;

    /// Which neurons fire on which sample, where the method keeps that.
    fn pattern(&self) -> Option<PatternRef<'_>> {
        None
    }

    /// Everything that the settings and the samples do not determine.
    fn save(&self, to: &mut State);

    /// Takes a state up again, of a run with the same settings and samples: from here on bit by bit the same.
    fn restore(&mut self, from: &State) -> Result<(), TrainError>;
}

/// Named numbers, vectors and words: what a run has to remember.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    pub numbers: Vec<(String, Vec<f64>)>,
    pub floats: Vec<(String, Vec<f32>)>,
    pub words: Vec<(String, Vec<u64>)>,
}

fn lacks(name: &str) -> TrainError {
    TrainError::data(format!("the state of the run lacks '{name}', or holds another number of them"))
}

impl State {
    pub fn put(&mut self, name: &str, number: f64) {
        self.numbers.push((name.into(), vec![number]));
    }

    pub fn put_floats(&mut self, name: &str, floats: &[f32]) {
        self.floats.push((name.into(), floats.to_vec()));
    }

    pub fn number(&self, name: &str) -> Result<f64, TrainError> {
        match self.numbers.iter().find(|(n, _)| n == name).map(|(_, x)| &x[..]) {
            Some(&[x]) => Ok(x),
            _ => Err(lacks(name)),
        }
    }

    /// A count.
    pub fn count(&self, name: &str) -> Result<usize, TrainError> {
        match self.number(name)? {
            x if (0.0..9e15).contains(&x) && x.fract() == 0.0 => Ok(x as usize),
            _ => Err(lacks(name)),
        }
    }

    pub fn floats(&self, name: &str, to: &mut [f32]) -> Result<(), TrainError> {
        match self.floats.iter().find(|(n, x)| n == name && x.len() == to.len()) {
            Some((_, x)) if x.iter().all(|x| x.is_finite()) => {
                to.copy_from_slice(x);
                Ok(())
            }
            _ => Err(lacks(name)),
        }
    }

    pub fn words(&self, name: &str, len: usize) -> Result<&[u64], TrainError> {
        self.words.iter().find(|(n, x)| n == name && x.len() == len).map(|(_, x)| &x[..]).ok_or_else(|| lacks(name))
    }

    pub fn put_status(&mut self, status: Status) {
        self.put("status", Status::NAMES.iter().position(|(s, _)| *s == status).unwrap_or(0) as f64);
    }

    /// What stood in the way of another step, unless that was a setting: limits may have changed.
    pub fn status(&self) -> Result<Status, TrainError> {
        match Status::NAMES.get(self.count("status")?) {
            Some((Status::Converged | Status::StepLimit, _)) => Ok(Status::Running),
            Some((status, _)) => Ok(*status),
            None => Err(lacks("status")),
        }
    }
}

pub(super) fn view(data: &[f32], rows: usize, cols: usize) -> MatRef<'_, f32> {
    MatRef::new(data, rows, cols).expect("the run's buffers have the run's shape")
}

pub(super) fn fired(words: &[u64], shape: Shape) -> PatternRef<'_> {
    PatternRef::new(words, shape.n, shape.m).expect("the run's buffers have the run's shape")
}

pub(super) fn squares(x: &[f32]) -> f64 {
    x.iter().map(|&x| f64::from(x) * f64::from(x)).sum()
}
