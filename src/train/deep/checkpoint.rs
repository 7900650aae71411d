//! Checkpoints: everything that a run's settings and samples do not determine, so that it can be taken up again, bit by bit the same.
//!
//! A safetensors file of format `deep-run`: the updates of all layers as in a model, and
//!
//! | tensor | type | |
//! |---|---|---|
//! | `update.l.flushes` | U64 | how the first steps' updates were written into the weights: 1 sparsely, 2 densely |
//! | `seen` | U64, layers | how many of them were when the layer's outputs were computed |
//! | `course` | F64 | damping, its unit, steps without progress |
//! | `history` | F64 | what every step did |
//!
//! Pre-activations are not kept: taking up costs a forward pass and the folding of the updates, in the order of the run, and drawing or
//! reading the first weights.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::tensors::{Reader, Writer};
use super::trainer::Deep;
use crate::low_rank::Flush;
use crate::train::run::{STEP_NUMBERS, numbers_of, step_of};
use crate::train::{Status, TrainError, write_atomically};

const FORMAT: &str = "deep-run";
const VERSION: u64 = 1;

impl Deep {
    /// The settings and samples that further steps depend on, by name.
    fn identity(&self) -> Result<Vec<(&'static str, String)>, TrainError> {
        let (settings, inputs) = (&self.settings, self.network.layers[0].weights.get().inputs());
        Ok(vec![
            ("seed", settings.seed.to_string()),
            ("number of layers", settings.layers.to_string()),
            ("width", settings.width.to_string()),
            ("shift", self.network.shift.to_string()),
            ("form", format!("{:?}", settings.form)),
            ("first weights", format!("{:?}", settings.weights)),
            ("base", if settings.base.is_empty() { "none".into() } else { format!("{:016x}", super::format::checksum(&settings.base)) }),
            ("list of trained layers", format!("{:?}", settings.trained()?)),
            ("flush policy", format!("{:?}", settings.flush)),
            ("preconditioner", format!("{:?}", settings.preconditioner)),
            ("choice of one layer at a time", settings.one_by_one.to_string()),
            ("level", settings.level.name().into()),
            ("samples", self.n.to_string()),
            ("inputs", inputs.to_string()),
            ("outputs", self.c.to_string()),
            ("training data", format!("{:016x}", self.samples)),
        ])
    }

    /// The state of the run as the bytes of a file.
    ///
    /// # Errors
    /// When a name is too long for a header.
    ///
    /// ```
    /// # use subquad::train::Deep;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let run = Deep::builder().width(64).build(x, y)?;
    /// assert!(!run.checkpoint()?.is_empty());
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn checkpoint(&self) -> Result<Vec<u8>, TrainError> {
        let identity: Map<String, Value> = self.identity()?.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let mut file = Writer::default();
        file.updates(&self.network);
        for (l, layer) in self.network.layers.iter().enumerate() {
            file.u64s(&format!("update.{}.flushes", l + 1), layer.flushes.iter().map(|flush| u64::from(*flush == Flush::Dense) + 1));
        }
        file.u64s("seen", self.seen.iter().map(|&seen| seen as u64));
        file.f64s("course", &[self.adapted, self.unit, self.quiet_steps as f64]);
        file.f64s("history", &self.history.iter().flat_map(numbers_of).collect::<Vec<_>>());
        // Why a run ended that would not go on with more steps, or with another tolerance.
        let end = if matches!(self.status, Status::Settled | Status::Stalled) { self.status.name() } else { Status::Running.name() };
        file.finish("the checkpoint", &json!({ "format": FORMAT, "version": VERSION, "run": identity, "status": end }))
    }

    /// Writes the state of the run to a file, whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be written; an old file is then untouched.
    ///
    /// ```
    /// # use subquad::train::Deep;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let path = directory.path().join("run");
    /// let mut run = Deep::builder().width(64).build(x, y)?;
    /// run.step()?;
    /// run.save_checkpoint(&path)?;
    /// let mut other = Deep::builder().width(64).build(x, y)?;
    /// other.load_checkpoint(&path)?;
    /// assert_eq!(other.train_mse().to_bits(), run.train_mse().to_bits());
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn save_checkpoint(&self, path: &Path) -> Result<(), TrainError> {
        write_atomically(path, &self.checkpoint()?)
    }

    /// Goes on where another run was, from the bytes of its checkpoint: every further step is bit by bit what that run would have done. Both
    /// must have been built with the same settings from the same data at the same level; only the number of steps and the tolerance may
    /// differ. `source` is the name of the bytes in messages.
    ///
    /// # Errors
    /// When these are no bytes of a checkpoint, or of another run: what differs. The run must not be used then.
    ///
    /// ```
    /// # use subquad::train::Deep;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = Deep::builder().width(64).build(x, y)?;
    /// run.step()?;
    /// let mut other = Deep::builder().width(64).build(x, y)?;
    /// other.resume(&run.checkpoint()?, "a run in memory")?;
    /// assert_eq!(other.history().len(), 1);
    /// assert!(Deep::builder().width(32).build(x, y)?.resume(&run.checkpoint()?, "a wider run").is_err());
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn resume(&mut self, bytes: &[u8], source: &str) -> Result<(), TrainError> {
        let failed = |problem: String| TrainError::model(source, problem);
        let (file, about) = Reader::new(bytes, "a checkpoint", FORMAT, VERSION).map_err(failed)?;
        if !self.history.is_empty() {
            return Err(TrainError::data(format!(
                "a run that has taken steps cannot take up another one: it has taken {}",
                self.history.len()
            )));
        }
        for (name, here) in self.identity()? {
            match about["run"][name].as_str() {
                Some(there) if there == here => {}
                Some(there) => return Err(failed(format!("of another run: its {name} is {there}, that of this run is {here}"))),
                None => return Err(failed(format!("damaged: it does not say its {name}"))),
            }
        }
        let layers = self.network.layers.len();
        file.updates(&mut self.network).map_err(failed)?;
        let mut flushes = Vec::with_capacity(layers);
        let seen = file.u64s("seen").map_err(failed)?;
        for l in 0..layers {
            let list = file.u64s(&format!("update.{}.flushes", l + 1)).map_err(failed)?;
            let (blocks, n) = (&self.network.layers[l].blocks, self.n);
            let seen = *seen.get(l).filter(|_| seen.len() == layers).ok_or_else(|| failed("damaged: 'seen'".into()))?;
            if list.len() > blocks.len() || seen > list.len() || blocks.iter().any(|block| block.u.rows() != n || block.v.rows() != n) {
                return Err(failed(format!("damaged: the updates of layer {}", l + 1)));
            }
            flushes.push(list.iter().map(|&how| if how == 2 { Flush::Dense } else { Flush::Sparse }).collect());
        }
        let history = file.f64s("history").map_err(failed)?;
        let &[adapted, unit, quiet] = &file.f64s("course").map_err(failed)?[..] else { return Err(failed("damaged: 'course'".into())) };
        if history.len() % STEP_NUMBERS != 0 || ![adapted, unit, quiet].iter().all(|x| *x >= 0.0 && x.is_finite()) {
            return Err(failed("damaged: the course of the run".into()));
        }
        (self.adapted, self.unit, self.quiet_steps) = (adapted, unit, quiet as usize);
        let ended = |status: &Status| about["status"] == status.name();
        self.status = [Status::Settled, Status::Stalled].into_iter().find(ended).unwrap_or(Status::Running);
        if history.is_empty() {
            return Ok(());
        }
        self.history = history.chunks_exact(STEP_NUMBERS).map(step_of).collect();
        self.replay(&flushes, &seen)
    }

    /// [`resume`](Self::resume) from a file.
    ///
    /// # Errors
    /// As [`resume`](Self::resume), and when the file cannot be read.
    ///
    /// ```
    /// # use subquad::train::Deep;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let path = directory.path().join("run");
    /// let mut run = Deep::builder().width(64).build(x, y)?;
    /// run.step()?;
    /// run.save_checkpoint(&path)?;
    /// let mut other = Deep::builder().width(64).build(x, y)?;
    /// other.load_checkpoint(&path)?;
    /// assert_eq!(other.train_mse().to_bits(), run.train_mse().to_bits());
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn load_checkpoint(&mut self, path: &Path) -> Result<(), TrainError> {
        let bytes = std::fs::read(path).map_err(|error| TrainError::file(path, "read", error))?;
        self.resume(&bytes, &path.display().to_string())
    }
}
