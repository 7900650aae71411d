//! The settings of a run, and what is checked before it begins.

use super::gauss_newton::{GaussNewton, Shape};
use super::preconditioner::Solver;
use crate::train::TrainError;
use crate::{Level, MatRef};

/// Which preconditioner the conjugate gradients use. All but `None` approximate the Gram matrix of one output, and serve
/// every output alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PreconditionerChoice {
    /// The cheapest by a cost model of the sizes and the level; [`Builder::chosen_preconditioner`] says which, and why.
    #[default]
    Auto,
    /// The Cholesky factor of one output's Gram matrix, counted from the firing pattern.
    Exact,
    /// The same in the limit of infinite width: independent of the neurons.
    Analytic,
    /// The diagonal of the exact one: hardly better than none where rows have one norm, and as cheap.
    Jacobi,
    /// The exact one of a quarter of the neurons: condition numbers of 2.4 to 5 for a quarter of the counting.
    Neurons,
    /// The QR factor of an SRHT of the Jacobian, as the paper has it.
    Srht,
    /// That of a TensorSRHT, which is far cheaper to make.
    TensorSrht,
    /// That of a TensorSketch, for sparse inputs and few neurons firing.
    TensorSketch,
    /// None: about twenty times as many iterations.
    None,
}

/// Settings of a run; each has a default that works.
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
        }
    }
}

impl Builder {
    /// Neurons m: even, for the paired start. Default 4096.
    #[must_use]
    pub fn width(mut self, neurons: usize) -> Self {
        self.width = neurons;
        self
    }

    /// The shift b >= 0 of the ReLU: fewer neurons fire. Default 0.
    #[must_use]
    pub fn shift(mut self, shift: f32) -> Self {
        self.shift = shift;
        self
    }

    /// Ridge mu >= 0 towards the start: `mu k |W - W(0)|^2 / 2` is added to the loss `|F - Y|^2 / 2`, where k is the mean
    /// diagonal entry of the Gram matrix at the start (about |x|^2 / 2 without a shift). Default 0.
    #[must_use]
    pub fn damping(mut self, ridge: f32) -> Self {
        self.damping = ridge;
        self
    }

    /// Default [`PreconditionerChoice::Auto`].
    #[must_use]
    pub fn preconditioner(mut self, choice: PreconditionerChoice) -> Self {
        self.preconditioner = choice;
        self
    }

    /// The training MSE to stop at. Default 1e-6.
    #[must_use]
    pub fn tolerance(mut self, mse: f64) -> Self {
        self.tolerance = mse;
        self
    }

    /// Steps at most. Default 50.
    #[must_use]
    pub fn steps(mut self, most: usize) -> Self {
        self.steps = most;
        self
    }

    /// Where weights and signs come from. Default 0.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Default: the best of this machine.
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
    pub fn build(self, x: MatRef<'_, f32>, y: MatRef<'_, f32>) -> Result<GaussNewton, TrainError> {
        let (n, d, c, m) = (x.rows(), x.cols(), y.cols(), self.width);
        if m == 0 || !m.is_multiple_of(2) {
            return Err(TrainError::setting("width", "even and at least 2: neurons start in pairs", m));
        }
        if !(self.shift >= 0.0 && self.shift.is_finite()) {
            return Err(TrainError::setting("shift", "a finite number, and not negative", self.shift));
        }
        if !(self.damping >= 0.0 && self.damping.is_finite()) {
            return Err(TrainError::setting("damping", "a finite number, and not negative", self.damping));
        }
        if self.tolerance.is_nan() || self.tolerance < 0.0 {
            return Err(TrainError::setting("tolerance", "a number, and not negative", self.tolerance));
        }
        if y.rows() != n || n == 0 || d == 0 || c == 0 {
            return Err(TrainError::data(format!(
                "training needs as many rows of inputs as of targets, and at least one number in each: found inputs {n} x {d} and targets {} x {c}",
                y.rows()
            )));
        }
        self.check_solver(n, d, c)?;
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
        if !(fits(&[m, d]) && fits(&[m, c]) && fits(&[n, n]) && fits(&[n, c]) && fits(&[n, m.div_ceil(32)])) {
            return Err(TrainError::setting("width", "small enough for this machine's address space", m));
        }
        GaussNewton::start(self, Shape { n, d, m, c }, collect(x, "inputs")?, collect(y, "targets")?)
    }
}
