//! The settings of a run, and what is checked before it begins.

mod choices;
pub use choices::{Attack, AttackedStep, Ball, Lookup, Method, Over, PreconditionerChoice};

use super::method::{Problem, Shape};
use super::preconditioner::Solver;
use super::run::TwoLayer;
use crate::train::{Init, TrainError};
use crate::{Level, MatRef};

/// Settings of a run; each has a default that works.
///
/// ```
/// use subquad::train::TwoLayer;
///
/// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
/// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
/// let settings = TwoLayer::builder().width(64).tolerance(1e-3).seed(1);
/// let (mut one, mut another) = (settings.clone().build(x, y)?, settings.build(x, y)?);
/// assert_eq!(one.step()?.unwrap().train_mse, another.step()?.unwrap().train_mse); // the same run
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    pub(super) width: usize,
    pub(super) shift: f32,
    pub(super) damping: f32,
    pub(super) preconditioner: PreconditionerChoice,
    pub(super) solver: Solver,
    pub(super) tolerance: f64,
    pub(super) steps: usize,
    pub(super) seed: u64,
    pub(super) level: Level,
    pub(super) init: Init,
    pub(super) method: Method,
    pub(super) learning_rate: Option<f32>,
    pub(super) lookup: Lookup,
    pub(super) over: Over,
    pub(super) attack: Attack,
    pub(super) attacked: AttackedStep,
    pub(super) train_outputs: bool,
    pub(super) threads: usize,
    pub(super) block: usize,
    pub(super) row_weights: Vec<f32>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            width: 4096,
            shift: 0.0,
            damping: 0.0,
            preconditioner: PreconditionerChoice::Auto,
            solver: Solver::default(),
            tolerance: 1e-6,
            steps: 50,
            seed: 0,
            level: Level::detect(),
            init: Init::Paired,
            method: Method::GaussNewton,
            learning_rate: None,
            lookup: Lookup::Auto,
            over: Over::Data,
            attack: Attack::default(),
            attacked: AttackedStep::Gradient,
            train_outputs: false,
            threads: 0,
            block: 0,
            row_weights: Vec::new(),
        }
    }
}

impl Builder {
    /// How to train. Default [`Method::GaussNewton`].
    ///
    /// ```
    /// use subquad::train::{Method, TwoLayer};
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = TwoLayer::builder().width(64).method(Method::Adam).build(x, y)?;
    /// assert_eq!(run.step()?.unwrap().cg_iterations, 0); // no system is solved
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// How the first weights are drawn. Default [`Init::Paired`].
    ///
    /// ```
    /// use subquad::train::{Init, TwoLayer};
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// // Without pairs the width may be odd.
    /// assert!(TwoLayer::builder().width(63).init(Init::Gaussian).build(x, y).is_ok());
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn init(mut self, init: Init) -> Self {
        self.init = init;
        self
    }

    /// The length of a gradient step or of Adam's. Default: for gradients 1 over the largest eigenvalue of the Gram
    /// matrix at the start, for Adam 0.01.
    ///
    /// ```
    /// use subquad::train::TwoLayer;
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// assert!(TwoLayer::builder().width(64).learning_rate(0.0).build(x, y).is_err());
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn learning_rate(mut self, rate: f32) -> Self {
        self.learning_rate = Some(rate);
        self
    }

    /// How gradient descent finds the neurons that fire, and over what. Default: whatever is faster, over the data.
    ///
    /// ```
    /// use subquad::train::{Lookup, Method, Over, TwoLayer};
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let settings = TwoLayer::builder().width(64).shift(0.5).method(Method::Gradient).lookup(Lookup::MaxTree, Over::Data);
    /// assert!(settings.build(x, y)?.step()?.unwrap().fired < 0.5);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn lookup(mut self, lookup: Lookup, over: Over) -> Self {
        (self.lookup, self.over) = (lookup, over);
        self
    }

    /// What [`Method::Adversarial`] trains against.
    ///
    /// ```
    /// use subquad::train::{Attack, TwoLayer};
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let attack = Attack { radius: -1.0, ..Attack::default() };
    /// assert!(TwoLayer::builder().width(64).attack(attack).build(x, y).is_err());
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn attack(mut self, attack: Attack) -> Self {
        self.attack = attack;
        self
    }

    /// How [`Method::Adversarial`] trains on what the attack found.
    ///
    /// ```
    /// use subquad::train::{AttackedStep, Method, TwoLayer};
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let settings = TwoLayer::builder().width(64).method(Method::Adversarial).attacked_step(AttackedStep::Gradient);
    /// assert!(settings.build(x, y)?.step()?.unwrap().robust_mse.is_some());
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn attacked_step(mut self, step: AttackedStep) -> Self {
        self.attacked = step;
        self
    }

    /// Whether gradient methods train the output weights too. Default: only the hidden ones are.
    ///
    /// ```
    /// use subquad::train::{Method, TwoLayer};
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = TwoLayer::builder().width(64).method(Method::Adam).train_outputs(true).build(x, y)?;
    /// run.step()?;
    /// assert!(run.signs().data().iter().any(|a| a.abs() != 1.0)); // signs no longer
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn train_outputs(mut self, train: bool) -> Self {
        self.train_outputs = train;
        self
    }

    /// Threads to use, with the feature `parallel`; 0: as many as there are. The result does not depend on it.
    ///
    /// ```
    /// use subquad::train::TwoLayer;
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let (mut one, mut two) = (TwoLayer::builder().width(64).number_of_threads(1).build(x, y)?, TwoLayer::builder().width(64).number_of_threads(2).build(x, y)?);
    /// assert_eq!(one.step()?.unwrap().train_mse, two.step()?.unwrap().train_mse);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn number_of_threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Samples of a Gauss-Newton step: with fewer than there are, steps go round in blocks, and memory for the square of
    /// a block is enough. 0, the default: all.
    ///
    /// ```
    /// use subquad::train::TwoLayer;
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = TwoLayer::builder().width(64).block(2).build(x, y)?; // two blocks of two samples
    /// assert!(run.step()?.unwrap().residual_ratio < 1.0);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn block(mut self, samples: usize) -> Self {
        self.block = samples;
        self
    }

    /// A weight for every sample: its squares in the loss count that often. They are scaled to a mean of 1. Default: all
    /// count alike.
    ///
    /// ```
    /// use subquad::train::TwoLayer;
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// assert!(TwoLayer::builder().width(64).row_weights(&[1.0, 1.0, 2.0, 0.0]).build(x, y).is_ok());
    /// assert!(TwoLayer::builder().width(64).row_weights(&[1.0, 1.0]).build(x, y).is_err()); // four samples
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn row_weights(mut self, weights: &[f32]) -> Self {
        self.row_weights = weights.to_vec();
        self
    }

    /// How many threads there will be.
    pub(super) fn threads(&self) -> usize {
        #[cfg(feature = "parallel")]
        return if self.threads == 0 { rayon::current_num_threads() } else { self.threads };
        #[cfg(not(feature = "parallel"))]
        1
    }

    /// What a checkpoint must agree on: all that the bits of a run depend on, the data aside.
    pub(super) fn identity(&self) -> Vec<(String, String)> {
        let Attack { ball, radius, steps, step } = self.attack;
        let mut list = vec![
            ("method".into(), format!("{:?}", self.method)),
            ("seed".into(), self.seed.to_string()),
            ("shift".into(), self.shift.to_string()),
            ("damping".into(), self.damping.to_string()),
            ("preconditioner".into(), format!("{:?}", self.preconditioner)),
            ("solver".into(), format!("{:?}", self.solver)),
            ("level".into(), self.level.name().into()),
            ("initialisation".into(), format!("{:?}", self.init)),
            ("learning rate".into(), self.learning_rate.map_or("automatic".into(), |rate| rate.to_string())),
            ("choice to train the outputs".into(), self.train_outputs.to_string()),
            ("block".into(), self.block.to_string()),
        ];
        if self.method == Method::Adversarial {
            list.push(("attack".into(), format!("{ball:?} {radius} {steps} {step} {:?}", self.attacked)));
        }
        list
    }

    /// Neurons m: even for the paired start. Default 4096.
    ///
    /// ```
    /// use subquad::train::TwoLayer;
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// assert_eq!(TwoLayer::builder().width(64).build(x, y)?.weights().rows(), 64);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn width(mut self, neurons: usize) -> Self {
        self.width = neurons;
        self
    }

    /// The shift b >= 0 of the ReLU: fewer neurons fire. Default 0.
    ///
    /// ```
    /// use subquad::{Level, train::TwoLayer};
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let fired = |shift| Ok::<_, subquad::train::TrainError>(TwoLayer::builder().width(64).shift(shift).build(x, y)?.pattern().unwrap().count(Level::detect()));
    /// assert!(fired(1.0)? < fired(0.0)?);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn shift(mut self, shift: f32) -> Self {
        self.shift = shift;
        self
    }

    /// Ridge mu >= 0 towards the start: `mu k |W - W(0)|^2 / 2` is added to the loss `|F - Y|^2 / 2`, where k is the mean
    /// diagonal entry of the Gram matrix at the start (about |x|^2 / 2 without a shift). Default 0.
    ///
    /// ```
    /// use subquad::train::TwoLayer;
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mse = |ridge| Ok::<_, subquad::train::TrainError>(TwoLayer::builder().width(64).damping(ridge).build(x, y)?.step()?.unwrap().train_mse);
    /// assert!(mse(1.0)? > mse(0.0)?); // the ridge holds the weights back
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn damping(mut self, ridge: f32) -> Self {
        self.damping = ridge;
        self
    }

    /// Default [`PreconditionerChoice::Auto`].
    ///
    /// ```
    /// use subquad::train::{PreconditionerChoice, TwoLayer};
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let settings = TwoLayer::builder().preconditioner(PreconditionerChoice::Exact);
    /// assert_eq!(settings.chosen_preconditioner(4, 2, 1).preconditioner, PreconditionerChoice::Exact);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn preconditioner(mut self, choice: PreconditionerChoice) -> Self {
        self.preconditioner = choice;
        self
    }

    /// The training MSE to stop at. Default 1e-6.
    ///
    /// ```
    /// use subquad::train::{Status, TwoLayer};
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = TwoLayer::builder().width(64).tolerance(0.5).build(x, y)?;
    /// while run.step()?.is_some() {}
    /// assert_eq!(run.status(), Status::Converged);
    /// assert!(run.train_mse() <= 0.5);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn tolerance(mut self, mse: f64) -> Self {
        self.tolerance = mse;
        self
    }

    /// Steps at most. Default 50.
    ///
    /// ```
    /// use subquad::train::TwoLayer;
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = TwoLayer::builder().width(64).tolerance(0.0).steps(2).build(x, y)?;
    /// assert!(run.steps().count() <= 2);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn steps(mut self, most: usize) -> Self {
        self.steps = most;
        self
    }

    /// Where weights and signs come from. Default 0.
    ///
    /// ```
    /// use subquad::train::TwoLayer;
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let first_weight = |seed| Ok::<_, subquad::train::TrainError>(TwoLayer::builder().width(64).seed(seed).build(x, y)?.weights().get(0, 0));
    /// assert_eq!(first_weight(1)?, first_weight(1)?);
    /// assert_ne!(first_weight(1)?, first_weight(2)?);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Default: the best of this machine.
    ///
    /// ```
    /// use subquad::{Level, train::TwoLayer};
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// for level in Level::available() {
    ///     let run = TwoLayer::builder().width(64).level(level).build(x, y)?;
    ///     assert!((run.first_mse() - 1.0).abs() < 1e-9, "{level}");
    /// }
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Takes the samples (X n x d, rows of norm about 1; Y n x C), draws the network, and runs it once.
    ///
    /// # Errors
    /// [`TrainError::Setting`] where a setting is out of range, [`TrainError::Data`] where X and Y do not fit or hold
    /// something that is no number.
    ///
    /// ```
    /// use subquad::{MatRef, train::TwoLayer};
    ///
    /// let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// let run = TwoLayer::builder().width(64).build(MatRef::new(&x, 4, 2)?, MatRef::new(&y, 4, 1)?)?;
    /// assert_eq!((run.weights().cols(), run.signs().rows()), (2, 1)); // d, C
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn build(self, x: MatRef<'_, f32>, y: MatRef<'_, f32>) -> Result<TwoLayer, TrainError> {
        TwoLayer::start(self.problem(x, y)?)
    }

    /// Checks everything, and copies the samples.
    pub(super) fn problem(mut self, x: MatRef<'_, f32>, y: MatRef<'_, f32>) -> Result<Problem, TrainError> {
        let (n, d, c, m) = (x.rows(), x.cols(), y.cols(), self.width);
        if m == 0 || (self.init == Init::Paired && !m.is_multiple_of(2)) {
            return Err(TrainError::setting("width", "even and at least 2: neurons start in pairs", m));
        }
        let not_negative = |name: &'static str, x: f32| match x >= 0.0 && x.is_finite() {
            true => Ok(()),
            false => Err(TrainError::setting(name, "a finite number, and not negative", x)),
        };
        not_negative("shift", self.shift)?;
        not_negative("damping", self.damping)?;
        not_negative("attack radius", self.attack.radius)?;
        not_negative("attack step", self.attack.step)?;
        if self.learning_rate.is_some_and(|rate| !(rate > 0.0 && rate.is_finite())) {
            return Err(TrainError::setting("learning rate", "a finite number above 0", self.learning_rate.unwrap_or_default()));
        }
        if self.tolerance.is_nan() || self.tolerance < 0.0 {
            return Err(TrainError::setting("tolerance", "a number, and not negative", self.tolerance));
        }
        if self.train_outputs && !matches!(self.method, Method::Gradient | Method::Adam) {
            return Err(TrainError::setting("output weights", "fixed, unless gradient descent or Adam trains them", "trained"));
        }
        if y.rows() != n || n == 0 || d == 0 || c == 0 {
            return Err(TrainError::data(format!(
                "training needs as many rows of inputs as of targets, and at least one number in each: found inputs {n} x {d} and targets {} x {c}",
                y.rows()
            )));
        }
        self.check_solver(if self.block == 0 { n } else { self.block.min(n) }, d, c)?;
        let weights = std::mem::take(&mut self.row_weights);
        let sum: f64 = weights.iter().map(|&w| f64::from(w)).sum();
        if !weights.is_empty() && (weights.len() != n || weights.iter().any(|w| w.is_nan() || *w < 0.0) || sum <= 0.0 || !sum.is_finite()) {
            return Err(TrainError::data(format!(
                "weights of rows: expected {n} finite numbers, none of them negative and not all of them 0; found {} with the sum {sum}",
                weights.len()
            )));
        }
        let roots = weights.iter().map(|&w| (f64::from(w) * n as f64 / sum).sqrt() as f32).collect();
        let collect = |m: MatRef<'_, f32>, what: &str| -> Result<Vec<f32>, TrainError> {
            let mut all = Vec::with_capacity(m.rows() * m.cols());
            for i in 0..m.rows() {
                for j in 0..m.cols() {
                    let number = m.get(i, j).unwrap_or(f32::NAN);
                    if !number.is_finite() {
                        return Err(TrainError::data(format!("{what}: row {i}, column {j} holds {number}, which cannot be learnt from")));
                    }
                    all.push(number);
                }
            }
            Ok(all)
        };
        // Sizes that overflow, or that no machine holds, are told before anything is allocated.
        let fits = |parts: &[usize]| {
            parts.iter().try_fold(4usize, |product, &part| product.checked_mul(part)).is_some_and(|bytes| bytes <= isize::MAX as usize)
        };
        let block = if self.block == 0 { n } else { self.block.min(n) };
        if !(fits(&[m, d]) && fits(&[m, c]) && fits(&[block, block]) && fits(&[n, c]) && fits(&[block, m.div_ceil(32)])) {
            return Err(TrainError::setting("width", "small enough for this machine's address space", m));
        }
        Ok(Problem { settings: self, shape: Shape { n, d, m, c }, x: collect(x, "inputs")?, y: collect(y, "targets")?, roots })
    }
}
