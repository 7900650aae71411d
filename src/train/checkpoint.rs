//! Checkpoints: the whole state of a run in a safetensors file, so that it can be taken up again, bit by bit the same.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value, json};

use super::method::State;
use super::run::TwoLayer;
use crate::train::{TrainError, write_atomically};

const KEY: &str = "subquad";
const FORMAT: &str = "two-layer-run";
const VERSION: u64 = 1;

/// The parts' names carry their kinds: the file is a list of tensors.
fn encode(identity: &[(String, String)], state: &State) -> Result<Vec<u8>, TrainError> {
    let identity: Map<String, Value> = identity.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let about = json!({ "format": FORMAT, "version": VERSION, "run": identity });
    let mut parts: Vec<(String, Dtype, Vec<u8>, usize)> = Vec::new();
    for (name, x) in &state.numbers {
        parts.push((name.clone(), Dtype::F64, x.iter().flat_map(|x| x.to_le_bytes()).collect(), x.len()));
    }
    for (name, x) in &state.floats {
        parts.push((name.clone(), Dtype::F32, x.iter().flat_map(|x| x.to_le_bytes()).collect(), x.len()));
    }
    for (name, x) in &state.words {
        parts.push((name.clone(), Dtype::U64, x.iter().flat_map(|x| x.to_le_bytes()).collect(), x.len()));
    }
    let problem = |error: safetensors::SafeTensorError| TrainError::model("the checkpoint", error.to_string());
    let mut views = Vec::with_capacity(parts.len());
    for (name, dtype, bytes, len) in &parts {
        views.push((name.as_str(), TensorView::new(*dtype, vec![*len], bytes).map_err(problem)?));
    }
    safetensors::serialize(views, Some(HashMap::from([(KEY.to_string(), about.to_string())]))).map_err(problem)
}

fn decode(bytes: &[u8]) -> Result<(Vec<(String, String)>, State), String> {
    let foreign = "not a checkpoint of subquad";
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| format!("{foreign}, or cut off ({error})"))?;
    let text = metadata.metadata().as_ref().and_then(|m| m.get(KEY)).ok_or(foreign)?;
    let about: Value = serde_json::from_str(text).map_err(|_| foreign)?;
    if about.get("format").and_then(Value::as_str) != Some(FORMAT) {
        return Err(format!("{foreign}: expected the format '{FORMAT}', found {}", about["format"]));
    }
    if about.get("version").and_then(Value::as_u64) != Some(VERSION) {
        return Err(format!("a checkpoint of another version, {}; this program reads version {VERSION}", about["version"]));
    }
    let run = about.get("run").and_then(Value::as_object).ok_or("damaged: it does not say of which run it is")?;
    let identity = run.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_string())).collect();
    let file = SafeTensors::deserialize(bytes).map_err(|error| format!("cut off or damaged: {error}"))?;
    let mut state = State::default();
    for (name, tensor) in file.iter() {
        let (name, data) = (name.to_string(), tensor.data());
        match tensor.dtype() {
            Dtype::F64 => state.numbers.push((name, data.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect())),
            Dtype::F32 => state.floats.push((name, data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect())),
            Dtype::U64 => state.words.push((name, data.as_chunks().0.iter().map(|b| u64::from_le_bytes(*b)).collect())),
            other => return Err(format!("damaged: '{name}' is of the type {other:?}")),
        }
    }
    Ok((identity, state))
}

impl TwoLayer {
    /// The state of the run as the bytes of a file.
    ///
    /// # Errors
    /// When a name is too long for a header.
    ///
    /// ```
    /// # use subquad::train::TwoLayer;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = TwoLayer::builder().width(64).tolerance(1e-4).seed(1).build(x, y)?;
    /// run.step()?;
    /// let (bytes, first) = (run.checkpoint()?, run.history()[0]);
    /// let mut again = TwoLayer::builder().width(64).seed(1).build(x, y)?;
    /// again.resume(&bytes, "memory")?;
    /// assert_eq!(again.history(), [first]);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn checkpoint(&self) -> Result<Vec<u8>, TrainError> {
        let (identity, state) = self.state();
        encode(&identity, &state)
    }

    /// Writes the state of the run to a file, whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be written; an old file is then untouched.
    ///
    /// ```
    /// # use subquad::train::TwoLayer;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = TwoLayer::builder().width(64).tolerance(1e-4).seed(1).build(x, y)?;
    /// # let directory = tempfile::tempdir().unwrap();
    /// run.save_checkpoint(&directory.path().join("run.safetensors"))?;
    /// assert!(directory.path().join("run.safetensors").exists());
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn save_checkpoint(&self, path: &Path) -> Result<(), TrainError> {
        write_atomically(path, &self.checkpoint()?)
    }

    /// Goes on where another run was, from the bytes of its checkpoint: every further step is bit by bit what that run
    /// would have done. Both must have been built with the same settings from the same data at the same level; only
    /// the number of threads, of steps, and the tolerance may differ.
    ///
    /// # Errors
    /// When these are no bytes of a checkpoint, or of another run: what differs. The run must not be used then.
    ///
    /// ```
    /// # use subquad::train::TwoLayer;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = TwoLayer::builder().width(64).tolerance(1e-4).seed(1).build(x, y)?;
    /// let error = run.resume(b"something else", "memory").unwrap_err();
    /// assert!(error.to_string().contains("memory"));
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn resume(&mut self, bytes: &[u8], source: &str) -> Result<(), TrainError> {
        let (identity, state) = decode(bytes).map_err(|problem| TrainError::model(source, problem))?;
        self.take_up(&identity, &state).map_err(|error| TrainError::model(source, error.to_string()))
    }

    /// [`resume`](Self::resume) from a file.
    ///
    /// # Errors
    /// As [`resume`](Self::resume), and when the file cannot be read.
    ///
    /// ```
    /// # use subquad::train::TwoLayer;
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let mut run = TwoLayer::builder().width(64).tolerance(1e-4).seed(1).build(x, y)?;
    /// # let directory = tempfile::tempdir().unwrap();
    /// let path = directory.path().join("run.safetensors");
    /// run.step()?;
    /// run.save_checkpoint(&path)?;
    /// let mut again = TwoLayer::builder().width(64).seed(1).build(x, y)?;
    /// again.load_checkpoint(&path)?;
    /// assert_eq!(again.train_mse(), run.train_mse());
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn load_checkpoint(&mut self, path: &Path) -> Result<(), TrainError> {
        let bytes = std::fs::read(path).map_err(|error| TrainError::file(path, "read", error))?;
        self.resume(&bytes, &path.display().to_string())
    }
}
