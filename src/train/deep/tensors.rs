//! What deep models and checkpoints have in common: tensors of one dimension, a description in JSON, and the updates of the layers.

use std::collections::HashMap;
use std::sync::Arc;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

use super::network::{Block, Network, Rows};
use crate::train::TrainError;

/// The key of the description among the file's metadata.
pub(super) const KEY: &str = "subquad";

/// A file that is being put together.
#[derive(Default)]
pub(super) struct Writer {
    parts: Vec<(String, Dtype, Vec<u8>)>,
}

impl Writer {
    fn put<const N: usize>(&mut self, name: &str, dtype: Dtype, numbers: impl Iterator<Item = [u8; N]>) {
        self.parts.push((name.into(), dtype, numbers.flatten().collect()));
    }

    pub fn f64s(&mut self, name: &str, x: &[f64]) {
        self.put(name, Dtype::F64, x.iter().map(|x| x.to_le_bytes()));
    }

    pub fn f32s(&mut self, name: &str, x: &[f32]) {
        self.put(name, Dtype::F32, x.iter().map(|x| x.to_le_bytes()));
    }

    pub fn u64s(&mut self, name: &str, x: impl Iterator<Item = u64>) {
        self.put(name, Dtype::U64, x.map(u64::to_le_bytes));
    }

    /// What was added to every layer.
    pub fn updates(&mut self, network: &Network) {
        for (l, layer) in network.layers.iter().enumerate().filter(|(_, layer)| !layer.blocks.is_empty()) {
            let name = |what: &str| format!("update.{}.{what}", l + 1);
            self.u64s(&name("ranks"), layer.blocks.iter().map(|block| block.u.rows() as u64));
            for side in ["u", "v"] {
                let (mut starts, mut indices, mut values) = (vec![0u64], vec![], vec![]);
                for block in &layer.blocks {
                    let (rows, numbers) = if side == "u" { (&block.u, &block.u_values) } else { (&block.v, &block.v.values) };
                    let from = starts[starts.len() - 1];
                    starts.extend(rows.starts[1..].iter().map(|&at| from + at as u64));
                    indices.extend_from_slice(&rows.indices);
                    values.extend_from_slice(numbers);
                }
                self.u64s(&name(&format!("{side}.starts")), starts.into_iter());
                self.put(&name(&format!("{side}.indices")), Dtype::U32, indices.into_iter().map(u32::to_le_bytes));
                self.f32s(&name(&format!("{side}.values")), &values);
            }
        }
    }

    /// The bytes of the file; `what` is its name in messages.
    pub fn finish(self, what: &str, about: &Value) -> Result<Vec<u8>, TrainError> {
        let problem = |error: safetensors::SafeTensorError| TrainError::model(what, error.to_string());
        let mut views = Vec::with_capacity(self.parts.len());
        for (name, dtype, data) in &self.parts {
            let size = if matches!(dtype, Dtype::F32 | Dtype::U32) { 4 } else { 8 };
            views.push((name.as_str(), TensorView::new(*dtype, vec![data.len() / size], data).map_err(problem)?));
        }
        safetensors::serialize(views, Some(HashMap::from([(KEY.to_string(), about.to_string())]))).map_err(problem)
    }
}

/// A file that is being read.
pub(super) struct Reader<'a> {
    file: SafeTensors<'a>,
}

impl<'a> Reader<'a> {
    /// The tensors and the description, if it is of this format; `what` says what it should be.
    pub fn new(bytes: &'a [u8], what: &str, format: &str, version: u64) -> Result<(Self, Value), String> {
        let file = SafeTensors::deserialize(bytes).map_err(|error| format!("not {what}, cut off or damaged: {error}"))?;
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
        let text = metadata.metadata().as_ref().and_then(|metadata| metadata.get(KEY));
        let text = text.ok_or(format!("a safetensors file, but not {what} of subquad: its metadata does not name the format"))?;
        let about: Value = serde_json::from_str(text).map_err(|error| format!("damaged: the description is not JSON ({error})"))?;
        if about["format"] != format {
            return Err(format!("not {what} of a deep network: expected the format '{format}', found {}", about["format"]));
        }
        if about["version"] != version {
            return Err(format!("{what} of format version {}; this program reads version {version}", about["version"]));
        }
        Ok((Self { file }, about))
    }

    fn tensor(&self, name: &str, dtype: Dtype) -> Result<&'a [u8], String> {
        let tensor = self.file.tensor(name).map_err(|_| format!("damaged: the tensor '{name}' is missing"))?;
        if tensor.dtype() != dtype || tensor.shape().len() != 1 {
            return Err(format!("damaged: the tensor '{name}' should be {dtype:?} with one dimension"));
        }
        Ok(tensor.data())
    }

    pub fn f64s(&self, name: &str) -> Result<Vec<f64>, String> {
        Ok(self.tensor(name, Dtype::F64)?.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect())
    }

    pub fn f32s(&self, name: &str) -> Result<Vec<f32>, String> {
        Ok(self.tensor(name, Dtype::F32)?.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
    }

    fn u32s(&self, name: &str) -> Result<Vec<u32>, String> {
        Ok(self.tensor(name, Dtype::U32)?.as_chunks().0.iter().map(|b| u32::from_le_bytes(*b)).collect())
    }

    pub fn u64s(&self, name: &str) -> Result<Vec<usize>, String> {
        Ok(self.tensor(name, Dtype::U64)?.as_chunks().0.iter().map(|b| u64::from_le_bytes(*b) as usize).collect())
    }

    /// What was added to every layer of a network: its blocks are replaced.
    pub fn updates(&self, network: &mut Network) -> Result<(), String> {
        for (l, layer) in network.layers.iter_mut().enumerate() {
            let name = |what: &str| format!("update.{}.{what}", l + 1);
            layer.blocks.clear();
            if self.file.tensor(&name("ranks")).is_err() {
                continue;
            }
            let ranks = self.u64s(&name("ranks"))?;
            let (out, inside) = (layer.weights.get().outputs(), layer.weights.get().inputs());
            let damaged = |what: String| format!("damaged: the update of layer {}: {what}", l + 1);
            let side = |side: &str, cols: usize| -> Result<Vec<Rows>, String> {
                let (starts, indices) = (self.u64s(&name(&format!("{side}.starts")))?, self.u32s(&name(&format!("{side}.indices")))?);
                let values = self.f32s(&name(&format!("{side}.values")))?;
                if indices.len() != values.len() {
                    return Err(damaged(format!("{} places, {} numbers", indices.len(), values.len())));
                }
                if !values.iter().all(|x| x.is_finite()) {
                    return Err(damaged("it holds something that is not a finite number".into()));
                }
                let mut blocks = Vec::new();
                let mut at = 0usize;
                for &rank in &ranks {
                    let starts =
                        at.checked_add(rank).and_then(|end| starts.get(at..=end)).ok_or_else(|| damaged("terms are missing".into()))?;
                    let (from, to) = (starts[0], starts[starts.len() - 1]);
                    let (Some(indices), Some(values)) = (indices.get(from..to), values.get(from..to)) else {
                        return Err(damaged("places are missing".into()));
                    };
                    let starts = starts.iter().map(|at| at.checked_sub(from)).collect::<Option<Vec<_>>>();
                    let starts = starts.ok_or_else(|| damaged("starts do not ascend".into()))?;
                    let rows =
                        Rows::new(starts, indices.to_vec(), values.to_vec(), vec![], cols).map_err(|error| damaged(error.to_string()))?;
                    blocks.push(rows);
                    at += rank;
                }
                Ok(blocks)
            };
            for (mut u, v) in side("u", out)?.into_iter().zip(side("v", inside)?) {
                let u_values = std::mem::take(&mut u.values);
                u.values = vec![0.0; u_values.len()];
                layer.blocks.push(Block { u: Arc::new(u), u_values, v: Arc::new(v) });
            }
        }
        Ok(())
    }
}
