//! The settings of a deep run, and what is checked before it begins.

use std::sync::Arc;

use super::network::Matrix;
use super::parts::EXPECTED_STEPS;
use super::trainer::Deep;
use crate::low_rank::{Flush, Situation, cheapest};
use crate::relu::deep::{Form, fired_share, shift_for};
use crate::train::TrainError;
use crate::{Level, MatRef};

/// How many neurons fire.
///
/// ```
/// use subquad::train::{Deep, Firing};
///
/// // Of normal numbers, a share of 0.5 exceeds 0.
/// assert!(Deep::builder().firing(Firing::Share(0.5)).shift()?.abs() < 1e-9);
/// assert_eq!(Deep::builder().firing(Firing::Shift(1.5)).shift()?, 1.5);
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Firing {
    /// About this share of them, above 0 and at most 1/2: the shift that Gaussian weights want, and for [pre-trained](DeepBuilder::base)
    /// ones the shift at which so many fire on up to 128 of the samples, over all layers (0 where fewer fire even there).
    Share(f64),
    /// Those above this shift, in units of a pre-activation's standard deviation.
    Shift(f64),
}

/// Where a layer's first weights come from.
///
/// ```
/// use subquad::train::{Deep, FirstWeights};
///
/// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
/// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
/// let mut run = Deep::builder().width(256).weights(FirstWeights::Hadamard).build(x, y)?;
/// assert!(run.step()?.unwrap().residual_ratio < 1.0);
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FirstWeights {
    /// Independent normal numbers: m^2 of them for each layer but the first. They are rounded to bfloat16, in which they take half the
    /// memory, and a pass through them little more than half the time.
    #[default]
    Gaussian,
    /// Hadamard transforms and random signs: nothing is stored.
    Hadamard,
}

/// What becomes of an update after its step, in layers above the lowest trained one (that one needs none of it).
///
/// ```
/// use subquad::{low_rank::Flush, train::{Deep, FlushPolicy}};
///
/// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
/// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
/// let settings = Deep::builder().layers(3).width(256).flush(FlushPolicy::Always(Flush::Sparse));
/// assert!(settings.build(x, y)?.step()?.is_some());
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlushPolicy {
    /// The cheapest by [`low_rank::cheapest`](crate::low_rank::cheapest).
    #[default]
    Auto,
    /// Always this one; weights that cannot be written stay as they are.
    Always(Flush),
}

/// What preconditions the conjugate gradients.
///
/// ```
/// use subquad::train::{Deep, DeepPreconditioner};
///
/// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
/// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
/// let settings = Deep::builder().width(256).preconditioner(DeepPreconditioner::TensorSrht { rows: 8 });
/// assert!(settings.build(x, y)?.step()?.unwrap().residual_ratio < 1.0);
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeepPreconditioner {
    /// The mean over outputs of the exact Gram matrix.
    #[default]
    Exact,
    /// A TensorSRHT of the gradients, added over layers.
    TensorSrht {
        /// Rows of the sketch for each sample.
        rows: usize,
    },
    /// A TensorSketch of the gradients, added over layers.
    TensorSketch {
        /// Rows of the sketch for each sample, rounded up so that all are a power of two.
        rows: usize,
    },
    /// None.
    None,
}

/// A pre-trained matrix: W^T, inputs x outputs, row by row. It is read where it is and never written.
///
/// ```
/// use std::sync::Arc;
/// use subquad::train::Base;
///
/// let base: Base = Arc::new(vec![1.0f32; 6]); // 2 inputs x 3 outputs
/// assert_eq!((*base).as_ref().len(), 6);
/// ```
pub type Base = Arc<dyn AsRef<[f32]> + Send + Sync>;

/// Settings of a deep run; each has a default that works.
///
/// ```
/// use subquad::train::Deep;
///
/// let settings = Deep::builder().layers(3).width(512).seed(1);
/// assert_eq!((settings.hidden_layers(), settings.trained()?), (3, vec![2, 3]));
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone)]
pub struct DeepBuilder {
    pub(super) layers: usize,
    pub(super) width: usize,
    pub(super) firing: Firing,
    pub(super) form: Form,
    pub(super) weights: FirstWeights,
    pub(super) base: Vec<Base>,
    pub(super) base_path: Option<std::path::PathBuf>,
    pub(super) trained: Vec<usize>,
    pub(super) flush: FlushPolicy,
    pub(super) preconditioner: DeepPreconditioner,
    pub(super) one_by_one: bool,
    pub(super) tolerance: f64,
    pub(super) steps: usize,
    pub(super) seed: u64,
    pub(super) level: Level,
}

impl std::fmt::Debug for DeepBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { layers, width, firing, form, weights, trained, seed, .. } = self;
        write!(f, "DeepBuilder {{ {layers} layers of {width}, {firing:?}, {form:?}, {weights:?}, trained {trained:?}, seed {seed} }}")
    }
}

impl Default for DeepBuilder {
    fn default() -> Self {
        Self {
            layers: 2,
            width: 2048,
            firing: Firing::Share(0.1),
            form: Form::Soft,
            weights: FirstWeights::Gaussian,
            base: Vec::new(),
            base_path: None,
            trained: Vec::new(),
            flush: FlushPolicy::Auto,
            preconditioner: DeepPreconditioner::Exact,
            one_by_one: false,
            tolerance: 1e-6,
            steps: 50,
            seed: 0,
            level: Level::detect(),
        }
    }
}

impl DeepBuilder {
    /// Hidden layers L. Default 2.
    ///
    /// ```
    /// use subquad::train::Deep;
    ///
    /// assert_eq!(Deep::builder().layers(4).hidden_layers(), 4);
    /// ```
    #[must_use]
    pub fn layers(mut self, layers: usize) -> Self {
        self.layers = layers;
        self
    }

    /// Neurons m of every layer. Default 2048.
    ///
    /// ```
    /// use subquad::train::Deep;
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// assert!(Deep::builder().width(0).build(x, y).is_err());
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn width(mut self, neurons: usize) -> Self {
        self.width = neurons;
        self
    }

    /// Default: a share of 0.1.
    ///
    /// ```
    /// use subquad::train::{Deep, Firing};
    ///
    /// assert!(Deep::builder().firing(Firing::Share(0.9)).shift().is_err()); // above one half
    /// ```
    #[must_use]
    pub fn firing(mut self, firing: Firing) -> Self {
        self.firing = firing;
        self
    }

    /// Soft or hard. Default soft; hard comes with a line search.
    ///
    /// ```
    /// use subquad::{relu::deep::Form, train::Deep};
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// assert!(Deep::builder().width(256).form(Form::Hard).build(x, y)?.step()?.is_some());
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// Default Gaussian.
    ///
    /// ```
    /// use subquad::train::{Deep, FirstWeights};
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// assert!(Deep::builder().width(256).weights(FirstWeights::Hadamard).build(x, y).is_ok());
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn weights(mut self, weights: FirstWeights) -> Self {
        self.weights = weights;
        self
    }

    /// Pre-trained matrices, one for each layer, instead of random ones: the first of d x m numbers, the others of m x m. They are read
    /// where they are, and never written. Their products are divided by the root mean square of their entries: layers are normalised, so
    /// only the shift would see their scale.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use subquad::train::{Base, Deep};
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let (first, second): (Base, Base) = (Arc::new(vec![1.0f32; 2 * 16]), Arc::new(vec![1.0f32; 16]));
    /// assert!(Deep::builder().width(16).base(vec![first, second]).build(x, y).is_err()); // the second wants 16 x 16
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn base(mut self, matrices: Vec<Base>) -> Self {
        self.base = matrices;
        self
    }

    /// The file that they come from, for models to find them again.
    ///
    /// ```
    /// use subquad::train::Deep;
    ///
    /// assert_eq!(Deep::builder().base_path("weights.safetensors").hidden_layers(), 2);
    /// ```
    #[must_use]
    pub fn base_path(mut self, path: impl Into<std::path::PathBuf>) -> Self {
        self.base_path = Some(path.into());
        self
    }

    /// Which layers are trained, counted from 1. Default: all but the first; with one layer, that one.
    ///
    /// ```
    /// use subquad::train::Deep;
    ///
    /// assert_eq!(Deep::builder().layers(3).train_layers(&[3, 1]).trained()?, [1, 3]);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn train_layers(mut self, layers: &[usize]) -> Self {
        self.trained = layers.to_vec();
        self
    }

    /// Default: the cheapest.
    ///
    /// ```
    /// use subquad::{low_rank::Flush, train::{Deep, FlushPolicy}};
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = Deep::builder().layers(3).width(256).flush(FlushPolicy::Always(Flush::Never)).tolerance(0.0).build(x, y)?;
    /// run.step()?;
    /// assert_eq!(run.updates().1, 0); // nothing is folded into the weights
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn flush(mut self, policy: FlushPolicy) -> Self {
        self.flush = policy;
        self
    }

    /// Default: the exact one.
    ///
    /// ```
    /// use subquad::train::{Deep, DeepPreconditioner};
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = Deep::builder().width(256).preconditioner(DeepPreconditioner::None).build(x, y)?;
    /// assert!(run.step()?.unwrap().cg_iterations > 0);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn preconditioner(mut self, choice: DeepPreconditioner) -> Self {
        self.preconditioner = choice;
        self
    }

    /// Trains one layer per step, in turn, instead of all of them jointly. Default false.
    ///
    /// ```
    /// use subquad::train::Deep;
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// assert!(Deep::builder().layers(3).width(256).one_by_one(true).build(x, y)?.step()?.is_some());
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn one_by_one(mut self, yes: bool) -> Self {
        self.one_by_one = yes;
        self
    }

    /// The training MSE to stop at. Default 1e-6.
    ///
    /// ```
    /// use subquad::train::Deep;
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = Deep::builder().width(256).tolerance(0.5).build(x, y)?;
    /// while run.step()?.is_some() {}
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
    /// use subquad::train::{Deep, Status};
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = Deep::builder().width(256).tolerance(0.0).steps(1).build(x, y)?;
    /// while run.step()?.is_some() {}
    /// assert_eq!(run.status(), Status::StepLimit);
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
    /// use subquad::train::Deep;
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mse = |seed| Ok::<_, subquad::train::TrainError>(Deep::builder().width(256).seed(seed).build(x, y)?.step()?.unwrap().train_mse);
    /// assert_eq!(mse(1)?, mse(1)?);
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
    /// use subquad::{Level, train::Deep};
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// assert!(Deep::builder().width(256).level(Level::detect()).build(x, y).is_ok());
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// The shift, whichever way it was given; of a share that [pre-trained](Self::base) weights shall have, the one of Gaussian weights, near
    /// which the search for theirs begins.
    ///
    /// # Errors
    /// [`TrainError::Setting`] where it is out of range.
    ///
    /// ```
    /// use subquad::train::Deep;
    ///
    /// // One in ten normal numbers exceeds 1.2816.
    /// assert!((Deep::builder().shift()? - 1.2816).abs() < 1e-4);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn shift(&self) -> Result<f64, TrainError> {
        match self.firing {
            Firing::Share(p) => shift_for(p).map_err(|_| TrainError::setting("fired", "above 0 and at most 0.5", p)),
            Firing::Shift(b) if b >= 0.0 && b.is_finite() => Ok(b),
            Firing::Shift(b) => Err(TrainError::setting("shift", "a finite number, and not negative", b)),
        }
    }

    /// Hidden layers.
    ///
    /// ```
    /// use subquad::train::Deep;
    ///
    /// assert_eq!(Deep::builder().hidden_layers(), 2);
    /// ```
    pub const fn hidden_layers(&self) -> usize {
        self.layers
    }

    /// The layers that are trained, ascending, counted from 1.
    ///
    /// # Errors
    /// [`TrainError::Setting`] where one does not exist.
    ///
    /// ```
    /// use subquad::train::Deep;
    ///
    /// assert_eq!(Deep::builder().layers(3).trained()?, [2, 3]); // all but the first
    /// assert!(Deep::builder().layers(3).train_layers(&[4]).trained().is_err());
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn trained(&self) -> Result<Vec<usize>, TrainError> {
        let mut trained = self.trained.clone();
        if trained.is_empty() {
            trained = (2..=self.layers).collect();
        }
        if trained.is_empty() {
            trained = vec![1];
        }
        trained.sort_unstable();
        trained.dedup();
        match trained.iter().find(|&&l| l == 0 || l > self.layers) {
            Some(l) => {
                Err(TrainError::setting("train layers", "numbers from 1 to the number of layers", format!("{l} of {}", self.layers)))
            }
            None => Ok(trained),
        }
    }

    /// Bytes that a run of five steps on n samples with c outputs takes, about: the table of [`train::deep`](crate::train) added up.
    ///
    /// # Errors
    /// As [`trained`](Self::trained) and [`shift`](Self::shift).
    ///
    /// ```
    /// use subquad::train::{Deep, FirstWeights};
    ///
    /// let (stored, seeds) = (Deep::builder().width(4096), Deep::builder().width(4096).weights(FirstWeights::Hadamard));
    /// assert!(stored.memory(256, 10)? - seeds.memory(256, 10)? > 2.0 * 4096.0 * 4096.0); // of the second layer
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn memory(&self, n: usize, c: usize) -> Result<f64, TrainError> {
        let (m, samples, layers, outputs) = (self.width as f64, n as f64, self.layers as f64, c as f64);
        let (fired, trained) = (fired_share(self.shift()?), self.trained()?.len() as f64);
        let folded = match self.flush {
            FlushPolicy::Always(flush) => flush != Flush::Never,
            FlushPolicy::Auto => {
                cheapest(Situation { samples: n, outputs: c, width: self.width, fired, passes: EXPECTED_STEPS - 1 }) != Flush::Never
            }
        };
        let stored = self.weights == FirstWeights::Gaussian || !self.base.is_empty();
        let weights = if stored && self.base.is_empty() {
            m * m * (2.0 * (layers - 1.0) + if folded { 4.0 * (trained - 1.0) } else { 0.0 })
        } else {
            0.0
        };
        let passing = if stored { 2048.0 * outputs * fired * m } else { 0.0 };
        let lists = fired * samples * m * (16.0 * layers + trained * (4.0 * outputs + 20.0 * 5.0));
        Ok(weights + passing + 12.0 * samples * m + 4.0 * samples * samples * (trained + 2.0) + lists)
    }

    /// The first weights of layer l, counted from 0, on d inputs.
    pub(super) fn matrix(&self, l: usize, d: usize) -> Result<Matrix, TrainError> {
        let (outputs, inputs) = (self.width, if l == 0 { d } else { self.width });
        if let Some(base) = self.base.get(l) {
            let found = (**base).as_ref();
            if Some(found.len()) != inputs.checked_mul(outputs) {
                return Err(TrainError::data(format!(
                    "base: layer {} has {} numbers, expected {inputs} inputs x {outputs} outputs",
                    l + 1,
                    found.len()
                )));
            }
            if let Some(at) = found.iter().position(|x| !x.is_finite()) {
                return Err(TrainError::data(format!("base: layer {}, number {at} is {}, not a finite number", l + 1, found[at])));
            }
            let square = found.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>() / found.len().max(1) as f64;
            let scale = if square > 0.0 { (1.0 / square.sqrt()) as f32 } else { 1.0 };
            return Ok(Matrix::Borrowed { data: base.clone(), scale, inputs, outputs });
        }
        Ok(match self.weights {
            FirstWeights::Gaussian => Matrix::gaussian(outputs, inputs, self.seed, l),
            FirstWeights::Hadamard => Matrix::structured(outputs, inputs, self.seed, l)?,
        })
    }

    /// Takes the samples (X n x d, Y n x C), draws the network, and runs it once. Samples are brought to norm 1.
    ///
    /// # Errors
    /// [`TrainError::Setting`] where a setting is out of range, [`TrainError::Data`] where X and Y do not fit or hold something that
    /// is no number.
    ///
    /// ```
    /// use subquad::{MatRef, train::Deep};
    ///
    /// let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// let run = Deep::builder().width(256).build(MatRef::new(&x, 4, 2)?, MatRef::new(&y, 4, 1)?)?;
    /// assert_eq!(run.train_mse(), 1.0); // F - F_0 = 0
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn build(self, x: MatRef<'_, f32>, y: MatRef<'_, f32>) -> Result<Deep, TrainError> {
        let (n, d, c, m) = (x.rows(), x.cols(), y.cols(), self.width);
        if self.layers == 0 || self.layers > 64 {
            return Err(TrainError::setting("layers", "from 1 to 64", self.layers));
        }
        if m == 0 {
            return Err(TrainError::setting("width", "at least 1", m));
        }
        if self.tolerance.is_nan() || self.tolerance < 0.0 {
            return Err(TrainError::setting("tolerance", "a number, and not negative", self.tolerance));
        }
        if !self.base.is_empty() && self.base.len() != self.layers {
            return Err(TrainError::setting(
                "base",
                "one matrix for each layer",
                format!("{} for {} layers", self.base.len(), self.layers),
            ));
        }
        if let DeepPreconditioner::TensorSrht { rows } | DeepPreconditioner::TensorSketch { rows } = self.preconditioner
            && !(1..=1024).contains(&rows)
        {
            return Err(TrainError::setting("sketch rows for each sample", "from 1 to 1024", rows));
        }
        if y.rows() != n || n == 0 || d == 0 || c == 0 {
            return Err(TrainError::data(format!(
                "training needs as many rows of inputs as of targets, and at least one number in each: found inputs {n} x {d} and targets {} x {c}",
                y.rows()
            )));
        }
        for (what, numbers) in [("inputs", x), ("targets", y)] {
            for i in 0..n {
                if let Some(j) = (0..numbers.cols()).find(|&j| !numbers.get(i, j).is_some_and(f32::is_finite)) {
                    return Err(TrainError::data(format!(
                        "{what}: row {i}, column {j} is not a finite number, which cannot be learnt from: {}",
                        numbers.get(i, j).unwrap_or_default()
                    )));
                }
            }
        }
        let fits = |parts: &[usize]| {
            parts.iter().try_fold(4usize, |product, &part| product.checked_mul(part)).is_some_and(|bytes| bytes <= isize::MAX as usize)
        };
        let dense = self.weights == FirstWeights::Gaussian && self.layers > 1;
        if m > u32::MAX as usize || !(fits(&[m, d.max(64)]) && fits(&[m, n, c]) && fits(&[n, n]) && (!dense || fits(&[m, m + 64]))) {
            return Err(TrainError::setting("width", "small enough for this machine's address space", m));
        }
        let (shift, trained) = (self.shift()?, self.trained()?);
        Deep::start(self, shift as f32, trained, x, y)
    }
}
