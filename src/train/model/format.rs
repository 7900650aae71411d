//! The file: numbers are tensors (little-endian, bit by bit), names are one JSON text in the metadata.
//!
//! | tensor | type and shape | |
//! |---|---|---|
//! | `weights` | F32 m x d | W |
//! | `signs` | F32 C x m | A |
//! | `shift` | F32 1 | b |
//! | `constant` | F32 1 | the constant feature |
//! | `mean`, `factor` | F64 p | preparation of the columns |
//! | `scale` | F64 1 or 0 | one factor for all rows; empty: every row its own |
//! | `target_mean`, `target_deviation` | F64 C or 0 | for regression |

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

use super::Model;
use crate::train::data::Matrix;
use crate::train::prepare::Preparation;
use crate::train::{TrainError, description, write_atomically};

/// The key in the metadata, and the name and version inside it.
const KEY: &str = "subquad";
const FORMAT: &str = "two-layer-relu";
const VERSION: u64 = 1;
/// No model has a longer header; foreign files can claim anything.
const MOST_HEADER: u64 = 64 << 20;

fn bytes_of(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn bytes_of_f32(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

impl Model {
    /// The model as the bytes of a safetensors file.
    ///
    /// # Errors
    /// When the names are too long for a header.
    ///
    /// ```
    /// # use subquad::{Level, train::{Coding, Dataset, Model, Preparation, PrepareOptions, Target, TwoLayer}};
    /// # let sign = Target::classes("sign", vec!["minus".into(), "plus".into()], vec![0, 0, 1, 1])?;
    /// # let data = Dataset::new(vec!["t".into()], vec![-2.0, -1.0, 1.0, 2.0], sign)?;
    /// # let all = [0, 1, 2, 3];
    /// # let preparation = Preparation::fit(data.features(), &all, PrepareOptions::default())?;
    /// # let coding = Coding::fit(data.target(), &all)?;
    /// # let (x, y) = (preparation.apply(data.features(), &all)?, coding.encode(data.target(), &all)?);
    /// # let mut run = TwoLayer::builder().width(64).tolerance(1e-3).seed(1).build(x.as_ref(), y.as_ref())?;
    /// # while run.step()?.is_some() {}
    /// // Trained on -2, -1, 1, 2 and their signs.
    /// let model = Model::new(data.columns().clone(), preparation, coding, 0.0, run.weights(), run.signs())?;
    /// assert_eq!(Model::from_bytes(&model.to_bytes()?, "memory")?, model);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn to_bytes(&self) -> Result<Vec<u8>, TrainError> {
        let about = description::of(FORMAT, VERSION, &self.columns, &self.coding);
        let (means, deviations) = description::statistics(&self.coding);
        let scale: Vec<f64> = self.preparation.scale.into_iter().collect();
        let (m, d, c) = (self.weights.rows(), self.weights.cols(), self.signs.rows());
        let parts = [
            ("weights", Dtype::F32, vec![m, d], bytes_of_f32(self.weights.data())),
            ("signs", Dtype::F32, vec![c, m], bytes_of_f32(self.signs.data())),
            ("shift", Dtype::F32, vec![1], bytes_of_f32(&[self.shift])),
            ("constant", Dtype::F32, vec![1], bytes_of_f32(&[self.preparation.constant])),
            ("mean", Dtype::F64, vec![d - 1], bytes_of(&self.preparation.means)),
            ("factor", Dtype::F64, vec![d - 1], bytes_of(&self.preparation.factors)),
            ("scale", Dtype::F64, vec![scale.len()], bytes_of(&scale)),
            ("target_mean", Dtype::F64, vec![means.len()], bytes_of(means)),
            ("target_deviation", Dtype::F64, vec![deviations.len()], bytes_of(deviations)),
        ];
        let problem = |error: safetensors::SafeTensorError| TrainError::model("the model", error.to_string());
        let mut views = Vec::with_capacity(parts.len());
        for (name, dtype, shape, bytes) in &parts {
            views.push((*name, TensorView::new(*dtype, shape.clone(), bytes).map_err(problem)?));
        }
        safetensors::serialize(views, Some(HashMap::from([(KEY.to_string(), about.to_string())]))).map_err(problem)
    }

    /// Writes the model to a file, whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be written; an old file is then untouched.
    ///
    /// ```
    /// # use subquad::{Level, train::{Coding, Dataset, Model, Preparation, PrepareOptions, Target, TwoLayer}};
    /// # let sign = Target::classes("sign", vec!["minus".into(), "plus".into()], vec![0, 0, 1, 1])?;
    /// # let data = Dataset::new(vec!["t".into()], vec![-2.0, -1.0, 1.0, 2.0], sign)?;
    /// # let all = [0, 1, 2, 3];
    /// # let preparation = Preparation::fit(data.features(), &all, PrepareOptions::default())?;
    /// # let coding = Coding::fit(data.target(), &all)?;
    /// # let (x, y) = (preparation.apply(data.features(), &all)?, coding.encode(data.target(), &all)?);
    /// # let mut run = TwoLayer::builder().width(64).tolerance(1e-3).seed(1).build(x.as_ref(), y.as_ref())?;
    /// # while run.step()?.is_some() {}
    /// // Trained on -2, -1, 1, 2 and their signs.
    /// let model = Model::new(data.columns().clone(), preparation, coding, 0.0, run.weights(), run.signs())?;
    /// # let directory = tempfile::tempdir().unwrap();
    /// model.save(&directory.path().join("sign.safetensors"))?;
    /// assert!(model.save(&directory.path().join("no such directory").join("sign.safetensors")).is_err());
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn save(&self, path: &Path) -> Result<(), TrainError> {
        write_atomically(path, &self.to_bytes()?)
    }

    /// Reads a model from a file: the very same numbers, bit by bit.
    ///
    /// # Errors
    /// When the file cannot be read, is no model of this crate, is damaged, or its parts disagree.
    ///
    /// ```
    /// # use subquad::{Level, train::{Coding, Dataset, Model, Preparation, PrepareOptions, Target, TwoLayer}};
    /// # let sign = Target::classes("sign", vec!["minus".into(), "plus".into()], vec![0, 0, 1, 1])?;
    /// # let data = Dataset::new(vec!["t".into()], vec![-2.0, -1.0, 1.0, 2.0], sign)?;
    /// # let all = [0, 1, 2, 3];
    /// # let preparation = Preparation::fit(data.features(), &all, PrepareOptions::default())?;
    /// # let coding = Coding::fit(data.target(), &all)?;
    /// # let (x, y) = (preparation.apply(data.features(), &all)?, coding.encode(data.target(), &all)?);
    /// # let mut run = TwoLayer::builder().width(64).tolerance(1e-3).seed(1).build(x.as_ref(), y.as_ref())?;
    /// # while run.step()?.is_some() {}
    /// // Trained on -2, -1, 1, 2 and their signs.
    /// let model = Model::new(data.columns().clone(), preparation, coding, 0.0, run.weights(), run.signs())?;
    /// # let directory = tempfile::tempdir().unwrap();
    /// let path = directory.path().join("sign.safetensors");
    /// model.save(&path)?;
    /// assert_eq!(Model::load(&path)?, model);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn load(path: &Path) -> Result<Self, TrainError> {
        let source = path.display().to_string();
        let failed = |error| TrainError::file(path, "read", error);
        let mut file = File::open(path).map_err(failed)?;
        let found = file.metadata().map_err(failed)?;
        if found.is_dir() {
            return Err(TrainError::model(source, "is a directory, not a model file"));
        }
        // The header is looked at before the rest is read: a foreign file may be large.
        let mut bytes = Vec::new();
        (&mut file).take(8).read_to_end(&mut bytes).map_err(failed)?;
        let header = header_len(&bytes).map_err(|problem| TrainError::model(&source, problem))?;
        (&mut file).take(header).read_to_end(&mut bytes).map_err(failed)?;
        about(&bytes).map_err(|problem| TrainError::model(&source, problem))?;
        file.read_to_end(&mut bytes).map_err(failed)?;
        Self::from_bytes(&bytes, &source)
    }

    /// A model from the bytes of its file; `source` is its name in messages.
    ///
    /// # Errors
    /// When this is no model of this crate, is damaged, or its parts disagree.
    ///
    /// ```
    /// use subquad::train::Model;
    ///
    /// let error = Model::from_bytes(b"something else", "memory").unwrap_err();
    /// assert!(error.to_string().starts_with("memory"));
    /// ```
    pub fn from_bytes(bytes: &[u8], source: &str) -> Result<Self, TrainError> {
        parse(bytes).map_err(|problem| TrainError::model(source, problem))
    }
}

/// The length of the header, from the first 8 bytes.
fn header_len(bytes: &[u8]) -> Result<u64, String> {
    let Some(first) = bytes.first_chunk::<8>() else {
        return Err(format!("not a model: a safetensors file starts with 8 bytes of length, this one has {} bytes", bytes.len()));
    };
    let len = u64::from_le_bytes(*first);
    if !(2..=MOST_HEADER).contains(&len) {
        return Err("not a model: this is not a safetensors file".into());
    }
    Ok(len)
}

/// What the header says about the model: its format and version are known.
fn about(bytes: &[u8]) -> Result<Value, String> {
    let len = header_len(bytes)? as usize;
    let Some(header) = bytes.get(8..8 + len) else {
        return Err(format!("not a model, or cut off: its header should have {len} bytes, found {}", bytes.len() - 8));
    };
    let header: Value = serde_json::from_slice(header).map_err(|_| "not a model: this is not a safetensors file".to_string())?;
    let Some(text) = header.get("__metadata__").and_then(|metadata| metadata.get(KEY)).and_then(Value::as_str) else {
        return Err("a safetensors file, but not a model of subquad: its metadata does not name the format".into());
    };
    let about: Value = serde_json::from_str(text).map_err(|error| format!("damaged: the description is not JSON ({error})"))?;
    let format = about.get("format").and_then(Value::as_str).unwrap_or("");
    if format != FORMAT {
        return Err(format!("a model of another kind: expected the format '{FORMAT}', found '{format}'"));
    }
    match about.get("version").and_then(Value::as_u64) {
        Some(VERSION) => Ok(about),
        Some(other) => Err(format!("a model of format version {other}; this program reads version {VERSION}")),
        None => Err("damaged: the format version is missing".into()),
    }
}

fn parse(bytes: &[u8]) -> Result<Model, String> {
    let about = about(bytes)?;
    let file = SafeTensors::deserialize(bytes).map_err(|error| format!("cut off or damaged: {error}"))?;
    let tensor = |name: &str, dtype: Dtype, dims: usize| -> Result<TensorView<'_>, String> {
        let tensor = file.tensor(name).map_err(|_| format!("damaged: the tensor '{name}' is missing"))?;
        if tensor.dtype() != dtype || tensor.shape().len() != dims {
            return Err(format!(
                "damaged: the tensor '{name}' should be {dtype:?} with {dims} dimensions, found {:?} with {}",
                tensor.dtype(),
                tensor.shape().len()
            ));
        }
        Ok(tensor)
    };
    let f32s = |name: &str, dims: usize| -> Result<(Vec<f32>, Vec<usize>), String> {
        let tensor = tensor(name, Dtype::F32, dims)?;
        Ok((tensor.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(), tensor.shape().to_vec()))
    };
    let f64s = |name: &str| -> Result<Vec<f64>, String> {
        Ok(tensor(name, Dtype::F64, 1)?.data().as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect())
    };
    let one = |name: &str| -> Result<f32, String> {
        match f32s(name, 1)?.0[..] {
            [x] => Ok(x),
            ref more => Err(format!("damaged: the tensor '{name}' should have 1 element, found {}", more.len())),
        }
    };
    let matrix = |name: &str| -> Result<Matrix, String> {
        let (data, shape) = f32s(name, 2)?;
        Matrix::new(data, shape[0], shape[1]).map_err(|error| format!("damaged: the tensor '{name}': {error}"))
    };
    let (coding, columns) = (description::coding(&about, f64s)?, description::columns(&about)?);
    let scale = match f64s("scale")?[..] {
        [] => None,
        [scale] => Some(scale),
        ref more => return Err(format!("damaged: the tensor 'scale' should have 0 or 1 elements, found {}", more.len())),
    };
    let preparation = Preparation { means: f64s("mean")?, factors: f64s("factor")?, scale, constant: one("constant")? };
    let model = Model { columns, preparation, coding, shift: one("shift")?, weights: matrix("weights")?, signs: matrix("signs")? };
    model.check().map_err(|problem| format!("damaged: {problem}"))?;
    Ok(model)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{bits, features, models};
    use super::*;
    use crate::Level;

    #[test]
    fn a_saved_model_is_the_same_bit_by_bit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("model.safetensors");
        let all: Vec<usize> = (0..200).collect();
        for model in models() {
            model.save(&path).unwrap();
            let loaded = Model::load(&path).unwrap();
            assert_eq!(loaded, model);
            for level in Level::available() {
                let (a, b) = (model.outputs(level, &features(), &all).unwrap(), loaded.outputs(level, &features(), &all).unwrap());
                assert_eq!(bits(&a), bits(&b));
            }
            assert_eq!(model.to_bytes().unwrap(), loaded.to_bytes().unwrap(), "the file is a function of the model");
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn damaged_and_foreign_files_are_refused() {
        let bytes = models()[1].to_bytes().unwrap();
        let refused = |bytes: &[u8]| match Model::from_bytes(bytes, "x") {
            Err(TrainError::Model { problem, .. }) => problem,
            other => panic!("{other:?}"),
        };
        for len in 0..bytes.len() {
            refused(&bytes[..len]);
        }
        refused(&[&bytes[..], b"more"].concat());
        assert!(refused(b"a,b,c\n1,2,3\n").contains("not a safetensors file"));
        assert!(refused(&[0xff; 64]).contains("not a safetensors file"));
        assert!(refused(&[&100u64.to_le_bytes()[..], b"{}"].concat()).contains("cut off"));
        assert!(refused(&[&2u64.to_le_bytes()[..], b"{}"].concat()).contains("not a model of subquad"));
        // The same file with one thing changed in its header, which keeps its length.
        let swap = |from: &str, to: &str| {
            assert_eq!(from.len(), to.len());
            let at = bytes.windows(from.len()).position(|w| w == from.as_bytes()).unwrap_or_else(|| panic!("no {from}"));
            let mut bytes = bytes.clone();
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
            refused(&bytes)
        };
        assert!(swap("two-layer-relu", "two-layer-tanh").contains("another kind"));
        assert!(swap("version\\\":1", "version\\\":9").contains("version 9"));
        assert!(swap("class 6", "class\\\"").contains("damaged"));
        assert!(swap("[38,6]", "[6,38]").contains("damaged"));
        assert!(swap("[7,38]", "[38,7]").contains("damaged"));
        assert!(swap("\"weights\"", "\"weighty\"").contains("'weights' is missing"));
        assert!(swap("\"F32\"", "\"I32\"").contains("damaged"));
        // A weight that is not a number. The file ends with F32 tensors.
        let mut bytes = bytes.clone();
        let end = bytes.len();
        bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
        assert!(refused(&bytes).contains("not a finite number"));
    }
}
