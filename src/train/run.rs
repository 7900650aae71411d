//! A training run of a two-layer network: a method, what watches over it, and what can be taken up again.

use super::error::TrainError;
use super::kernels::Kernels;
use super::method::{Algorithm, Problem, Progress, Shape, State, Status, Step, squares, view};
use super::settings::{Builder, Method};
use super::{adversarial, blocks, gauss_newton, gradient};
use crate::relu::PatternRef;
use crate::{MatRef, blas};

/// A training run: it owns its samples and its network, and is driven step by step.
///
/// ```
/// use subquad::MatRef;
/// use subquad::train::{Status, TwoLayer};
///
/// // Four points on the unit circle, one output: the sign of the product of their coordinates.
/// let x = [0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6];
/// let y = [1.0, -1.0, 1.0, -1.0];
/// let mut run = TwoLayer::builder().width(256).seed(1).build(MatRef::new(&x, 4, 2)?, MatRef::new(&y, 4, 1)?)?;
/// for step in run.steps() {
///     assert!(step?.residual_ratio < 1.0);
/// }
/// assert_eq!(run.status(), Status::Converged);
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Debug)]
pub struct TwoLayer {
    settings: Builder,
    shape: Shape,
    /// What tells these samples from others.
    samples: u64,
    algorithm: Box<dyn Algorithm>,
    validation: Option<Validation>,
    /// The first error, before any step.
    first_mse: f64,
    history: Vec<Step>,
    scratch: Vec<f32>,
}

/// Rows that a run is judged by while it trains.
#[derive(Debug)]
struct Validation {
    x: Vec<f32>,
    y: Vec<f32>,
    rows: usize,
    patience: usize,
    best: Best,
}

/// The best step so far, by the validation rows.
#[derive(Clone, Debug)]
struct Best {
    step: usize,
    mse: f64,
    weights: Vec<f32>,
    signs: Vec<f32>,
}

/// The steps of a run, one after the other: see [`TwoLayer::steps`].
///
/// ```
/// use subquad::train::TwoLayer;
///
/// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
/// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
/// let mut run = TwoLayer::builder().width(64).tolerance(1e-3).build(x, y)?;
/// let course = run.steps().map(|step| step.map(|step| step.train_mse)).collect::<Result<Vec<_>, _>>()?;
/// assert!(course.last().unwrap() <= &1e-3);
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Debug)]
pub struct Steps<'a> {
    run: &'a mut TwoLayer,
}

impl Iterator for Steps<'_> {
    type Item = Result<Step, TrainError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.run.step().transpose()
    }
}

impl TwoLayer {
    /// Settings to begin with.
    ///
    /// ```
    /// use subquad::train::TwoLayer;
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// assert_eq!(TwoLayer::builder().build(x, y)?.weights().rows(), 4096); // a default
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Draws the network and runs it once; sizes and numbers have been checked.
    pub(super) fn start(problem: Problem) -> Result<Self, TrainError> {
        let (settings, shape) = (problem.settings.clone(), problem.shape);
        let samples = [&problem.x, &problem.y, &problem.roots].iter().fold(FNV, |hash, part| hash_of(hash, part));
        let algorithm: Box<dyn Algorithm> = match settings.method {
            Method::GaussNewton if settings.block > 0 && settings.block < shape.n => Box::new(blocks::Blocks::start(problem)?),
            Method::GaussNewton => Box::new(gauss_newton::GaussNewton::start(problem)?),
            Method::Gradient | Method::Adam => Box::new(gradient::Gradient::start(problem)?),
            Method::Adversarial => Box::new(adversarial::Adversarial::start(problem)?),
        };
        let first_mse = algorithm.train_mse();
        Ok(Self { settings, shape, samples, algorithm, validation: None, first_mse, history: Vec::new(), scratch: Vec::new() })
    }

    /// Rows to judge the run by: after every step the error on them is measured, and training stops when it has not
    /// fallen for `patience` steps. [`best`](Self::best) is that step then, and [`network`](Self::network) its network.
    ///
    /// # Errors
    /// [`TrainError::Data`] where X and Y do not fit the run.
    ///
    /// ```
    /// use subquad::train::TwoLayer;
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = TwoLayer::builder().width(64).build(x.row_range(0, 3), y.row_range(0, 3))?;
    /// run.validate(x.row_range(3, 1), y.row_range(3, 1), 5)?;
    /// assert!(run.step()?.unwrap().validation_mse.is_some());
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn validate(&mut self, x: MatRef<'_, f32>, y: MatRef<'_, f32>, patience: usize) -> Result<(), TrainError> {
        let Shape { d, c, .. } = self.shape;
        if x.rows() == 0 || x.rows() != y.rows() || x.cols() != d || y.cols() != c {
            let (n, k) = (x.rows(), y.rows());
            return Err(TrainError::data(format!(
                "validation rows: expected inputs n x {d} and targets n x {c}, found {n} x {} and {k} x {}",
                x.cols(),
                y.cols()
            )));
        }
        let flat = |m: MatRef<'_, f32>| (0..m.rows()).flat_map(move |i| (0..m.cols()).filter_map(move |j| m.get(i, j))).collect();
        let best = Best { step: 0, mse: f64::INFINITY, weights: Vec::new(), signs: Vec::new() };
        let mut validation = Validation { rows: x.rows(), x: flat(x), y: flat(y), patience, best };
        let mse = self.mse_of(&validation)?;
        validation.best = self.here(mse);
        self.validation = Some(validation);
        Ok(())
    }

    /// The network as it is now.
    fn here(&self, mse: f64) -> Best {
        let (weights, signs) = (self.weights().data().to_vec(), self.signs().data().to_vec());
        Best { step: self.history.len(), mse, weights, signs }
    }

    /// The error on the validation rows.
    fn mse_of(&mut self, rows: &Validation) -> Result<f64, TrainError> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut f = vec![0.0; rows.y.len()];
        let x = view(&rows.x, rows.rows, self.shape.d);
        let (w, a, kernels) = (self.algorithm.weights(), self.algorithm.signs(), Kernels::new(&self.settings));
        kernels.forward(x, w, a, self.settings.shift, None, &mut f, &mut scratch)?;
        self.scratch = scratch;
        blas::axpy(self.settings.level, -1.0, &rows.y, &mut f)?;
        Ok(squares(&f) / f.len() as f64)
    }

    /// The hidden weights, m x d: those of the last step.
    ///
    /// ```
    /// # use subquad::train::TwoLayer;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = TwoLayer::builder().width(64).tolerance(1e-4).seed(1).build(x, y)?;
    /// assert_eq!((run.weights().rows(), run.weights().cols()), (64, 2));
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn weights(&self) -> MatRef<'_, f32> {
        self.algorithm.weights()
    }

    /// The output weights, C x m: signs, unless they were trained.
    ///
    /// ```
    /// # use subquad::train::TwoLayer;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = TwoLayer::builder().width(64).tolerance(1e-4).seed(1).build(x, y)?;
    /// assert!(run.signs().data().iter().all(|a| a.abs() == 1.0));
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn signs(&self) -> MatRef<'_, f32> {
        self.algorithm.signs()
    }

    /// Which neurons fire on which sample, where the method keeps that.
    ///
    /// ```
    /// # use subquad::train::TwoLayer;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = TwoLayer::builder().width(64).tolerance(1e-4).seed(1).build(x, y)?;
    /// let pattern = run.pattern().unwrap();
    /// assert_eq!((pattern.samples(), pattern.neurons()), (4, 64));
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn pattern(&self) -> Option<PatternRef<'_>> {
        self.algorithm.pattern()
    }

    /// The network of the step that did best on the validation rows: its number, its error there, its weights and
    /// signs. `None` without validation rows.
    ///
    /// ```
    /// # use subquad::train::TwoLayer;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = TwoLayer::builder().width(64).tolerance(1e-4).seed(1).build(x, y)?;
    /// assert!(run.best().is_none()); // nothing to judge by
    /// run.validate(x, y, 5)?;
    /// assert_eq!(run.best().unwrap().0, 0); // the start, until a step is better
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn best(&self) -> Option<(usize, f64, MatRef<'_, f32>, MatRef<'_, f32>)> {
        let Shape { d, m, c, .. } = self.shape;
        self.validation.as_ref().map(|v| (v.best.step, v.best.mse, view(&v.best.weights, m, d), view(&v.best.signs, c, m)))
    }

    /// The weights and signs to keep: of the best step where there are validation rows, else of the last.
    ///
    /// ```
    /// # use subquad::train::TwoLayer;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = TwoLayer::builder().width(64).tolerance(1e-4).seed(1).build(x, y)?;
    /// let (weights, signs) = run.network();
    /// assert_eq!((weights.rows(), signs.cols()), (64, 64));
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn network(&self) -> (MatRef<'_, f32>, MatRef<'_, f32>) {
        self.best().map_or_else(|| (self.weights(), self.signs()), |(_, _, weights, signs)| (weights, signs))
    }

    /// Whether there are steps to take, or why there are none.
    ///
    /// ```
    /// use subquad::train::Status;
    /// # use subquad::train::TwoLayer;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = TwoLayer::builder().width(64).tolerance(1e-4).seed(1).build(x, y)?;
    /// assert_eq!(run.status(), Status::Running);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn status(&self) -> Status {
        let waited = |v: &Validation| self.history.len() - v.best.step >= v.patience;
        match self.algorithm.status() {
            Status::Running if self.validation.as_ref().is_some_and(waited) => Status::Stopped,
            status => status,
        }
    }

    /// Mean of (F - Y)^2 over samples, each with its weight, and outputs.
    ///
    /// ```
    /// # use subquad::train::TwoLayer;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = TwoLayer::builder().width(64).tolerance(1e-4).seed(1).build(x, y)?;
    /// run.step()?;
    /// assert!(run.train_mse() < 1.0);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn train_mse(&self) -> f64 {
        self.algorithm.train_mse()
    }

    /// The same before the first step.
    ///
    /// ```
    /// # use subquad::train::TwoLayer;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = TwoLayer::builder().width(64).tolerance(1e-4).seed(1).build(x, y)?;
    /// run.step()?;
    /// assert!((run.first_mse() - 1.0).abs() < 1e-9); // the network was 0, Y is 1 and -1
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn first_mse(&self) -> f64 {
        self.first_mse
    }

    /// The steps taken, also those before the run was taken up again.
    ///
    /// ```
    /// # use subquad::train::TwoLayer;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = TwoLayer::builder().width(64).tolerance(1e-4).seed(1).build(x, y)?;
    /// let step = run.step()?.unwrap();
    /// assert_eq!(run.history(), [step]);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn history(&self) -> &[Step] {
        &self.history
    }

    /// The steps still to take, as an iterator: it ends with the run, or whenever the caller stops asking.
    ///
    /// ```
    /// # use subquad::train::TwoLayer;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = TwoLayer::builder().width(64).tolerance(1e-4).seed(1).build(x, y)?;
    /// for step in run.steps().take(2) {
    ///     assert!(step?.train_mse < 1.0);
    /// }
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn steps(&mut self) -> Steps<'_> {
        Steps { run: self }
    }

    /// Takes a step; `None` when the run is over ([`status`](Self::status) says why).
    ///
    /// # Errors
    /// [`TrainError::Numbers`] when the numbers leave the range of f32. The network is then as it was before the step.
    ///
    /// ```
    /// # use subquad::train::TwoLayer;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = TwoLayer::builder().width(64).tolerance(1e-4).seed(1).build(x, y)?;
    /// while let Some(step) = run.step()? {
    ///     assert!(step.residual_ratio < 1.0);
    /// }
    /// assert!(run.train_mse() < 1e-3);
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
    /// # use subquad::train::TwoLayer;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = TwoLayer::builder().width(64).tolerance(1e-4).seed(1).build(x, y)?;
    /// let mut calls = 0;
    /// run.step_with(&mut |progress| calls += usize::from(progress.done <= progress.total || progress.total == 0))?;
    /// assert!(calls > 0);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn step_with(&mut self, progress: &mut dyn FnMut(Progress)) -> Result<Option<Step>, TrainError> {
        if self.status() == Status::Stopped {
            return Ok(None);
        }
        let Some(mut step) = self.algorithm.step(progress)? else { return Ok(None) };
        if let Some(mut validation) = self.validation.take() {
            let mse = self.mse_of(&validation);
            if let Ok(mse) = mse {
                step.validation_mse = Some(mse);
                self.history.push(step);
                if mse < validation.best.mse {
                    validation.best = self.here(mse);
                }
            }
            self.validation = Some(validation);
            mse?;
        } else {
            self.history.push(step);
        }
        Ok(Some(step))
    }

    /// What a run must have in common with another one to go on where that stopped.
    fn identity(&self) -> Vec<(String, String)> {
        let Shape { n, d, m, c } = self.shape;
        let mut list = self.settings.identity();
        let rows = self.validation.as_ref().map_or(0, |v| hash_of(hash_of(FNV, &v.x), &v.y));
        for (name, value) in [("samples", n), ("inputs", d), ("width", m), ("outputs", c)] {
            list.push((name.into(), value.to_string()));
        }
        list.push(("training data".into(), format!("{:016x}", self.samples)));
        list.push(("validation data".into(), format!("{rows:016x}")));
        list
    }

    /// Everything that the run has to remember.
    pub(super) fn state(&self) -> (Vec<(String, String)>, State) {
        let mut state = State::default();
        self.algorithm.save(&mut state);
        state.numbers.push(("history".into(), self.history.iter().flat_map(numbers_of).collect()));
        if let Some(Validation { best, .. }) = &self.validation {
            state.put("best step", best.step as f64);
            state.put("best mse", best.mse);
            state.put_floats("best weights", &best.weights);
            state.put_floats("best signs", &best.signs);
        }
        (self.identity(), state)
    }

    /// Goes on where another run with the same settings and data was.
    pub(super) fn take_up(&mut self, identity: &[(String, String)], state: &State) -> Result<(), TrainError> {
        for (name, here) in self.identity() {
            match identity.iter().find(|(other, _)| *other == name) {
                Some((_, there)) if *there == here => {}
                Some((_, there)) => {
                    return Err(TrainError::data(format!(
                        "the checkpoint is of another run: its {name} is {there}, that of this run is {here}"
                    )));
                }
                None => return Err(TrainError::data(format!("the checkpoint does not say its {name}"))),
            }
        }
        let table = state.numbers.iter().find(|(name, _)| name == "history").map(|(_, x)| &x[..]).unwrap_or_default();
        self.history = table.chunks_exact(STEP_NUMBERS).map(step_of).collect();
        self.algorithm.restore(state)?;
        if let Some(validation) = &mut self.validation {
            let best = &mut validation.best;
            best.step = state.count("best step")?.min(self.history.len());
            best.mse = state.number("best mse")?;
            state.floats("best weights", &mut best.weights)?;
            state.floats("best signs", &mut best.signs)?;
        }
        Ok(())
    }
}

/// Numbers that stand for a step in a file.
pub(super) const STEP_NUMBERS: usize = 12;

pub(super) fn numbers_of(step: &Step) -> [f64; STEP_NUMBERS] {
    [
        step.step as f64,
        step.train_mse,
        step.validation_mse.unwrap_or(f64::NAN),
        step.residual_ratio,
        step.cg_iterations as f64,
        step.damping,
        step.flipped,
        step.fired,
        step.seconds,
        step.rejected as f64,
        step.moved,
        step.robust_mse.unwrap_or(f64::NAN),
    ]
}

pub(super) fn step_of(x: &[f64]) -> Step {
    let some = |x: f64| if x.is_nan() { None } else { Some(x) };
    Step {
        step: x[0] as usize,
        train_mse: x[1],
        validation_mse: some(x[2]),
        residual_ratio: x[3],
        cg_iterations: x[4] as usize,
        damping: x[5],
        flipped: x[6],
        fired: x[7],
        seconds: x[8],
        rejected: x[9] as usize,
        moved: x[10],
        robust_mse: some(x[11]),
    }
}

/// FNV-1a, over the bits of numbers.
pub(super) const FNV: u64 = 0xcbf2_9ce4_8422_2325;

pub(super) fn hash_of(hash: u64, numbers: &[f32]) -> u64 {
    numbers.iter().fold(hash, |hash, x| (hash ^ u64::from(x.to_bits())).wrapping_mul(0x100_0000_01b3))
}
