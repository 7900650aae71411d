//! Files: deep models, and pre-trained matrices.
//!
//! A model is a safetensors file of format `deep-relu`. Its metadata hold one JSON text under the key `subquad`: the names,
//! the coding, and the settings that the first weights follow from. The update of layer l is low-rank, `sum_f u_f v_f^T`,
//! in sparse rows:
//!
//! | tensor | type and shape | |
//! |---|---|---|
//! | `update.l.ranks` | U64, steps | terms of each step |
//! | `update.l.u.starts`, `.indices`, `.values` | U64 terms + 1, U32, F32 | the left factors |
//! | `update.l.v.starts`, `.indices`, `.values` | U64 terms + 1, U32, F32 | the right factors |
//! | `constant`, `mean`, `factor`, `scale`, `target_mean`, `target_deviation` | | as for two layers |
//!
//! Pre-trained matrices are F32 tensors `layers.l.weight` (outputs x inputs, PyTorch's order) or `layers.l.weight_t` (inputs x outputs), l from 1.
//! Each is divided by the root mean square of its entries: layers are normalised, so only the shift sees their scale.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};

use super::model::{Course, DeepModel};
use super::network::{Block, Network, Rows};
use super::settings::{Base, DeepBuilder, Firing, FirstWeights};
use super::trainer::Deep;
use crate::relu::deep::Form;
use crate::train::data::Columns;
use crate::train::{Coding, Preparation, TrainError, write_atomically};

const KEY: &str = "subquad";
const FORMAT: &str = "deep-relu";
const VERSION: u64 = 1;
/// No model has a longer header.
const MOST_HEADER: u64 = 64 << 20;

fn bytes<const N: usize>(parts: impl Iterator<Item = [u8; N]>) -> Vec<u8> {
    parts.flatten().collect()
}

/// A checksum of matrices, so that another file of the same name is noticed: FNV-1a over their bits.
fn checksum(base: &[Base]) -> u64 {
    base.iter()
        .flat_map(|matrix| (**matrix).as_ref())
        .fold(0xCBF2_9CE4_8422_2325, |hash: u64, x| (hash ^ u64::from(x.to_bits())).wrapping_mul(0x0000_0100_0000_01B3))
}

/// What a file is written from.
struct Parts<'a> {
    columns: &'a Columns,
    preparation: &'a Preparation,
    coding: &'a Coding,
    settings: &'a DeepBuilder,
    network: &'a Network,
    course: Course,
}

impl Parts<'_> {
    fn to_bytes(&self) -> Result<Vec<u8>, TrainError> {
        let (target, means, deviations) = match self.coding {
            Coding::Classes { labels } => (json!({ "labels": labels }), &[][..], &[][..]),
            Coding::Values { names, means, deviations } => (json!({ "values": names }), &means[..], &deviations[..]),
        };
        let settings = self.settings;
        let about = json!({
            "format": FORMAT,
            "version": VERSION,
            "written_by": concat!("subquad ", env!("CARGO_PKG_VERSION")),
            "features": self.columns.features,
            "named": self.columns.named,
            "target": self.columns.target,
            "target_position": self.columns.target_position,
            "more_targets": self.columns.more_targets,
            "coding": target,
            "layers": settings.layers,
            "width": settings.width,
            "outputs": self.network.outputs,
            "shift_bits": self.network.shift.to_bits(),
            "form": if settings.form == Form::Soft { "soft" } else { "hard" },
            "weights": if settings.weights == FirstWeights::Gaussian { "gaussian" } else { "hadamard" },
            "seed": settings.seed.to_string(),
            "trained": settings.trained()?,
            "base": settings.base_path.as_ref().map(|path| path.display().to_string()),
            "base_checksum": if settings.base.is_empty() { None } else { Some(checksum(&settings.base).to_string()) },
            "steps": self.course.steps,
            "damping_bits": self.course.adapted.to_bits().to_string(),
            "unit_bits": self.course.unit.to_bits().to_string(),
        });
        let preparation = self.preparation;
        let scale: Vec<f64> = preparation.scale.into_iter().collect();
        let f64s = |x: &[f64]| bytes(x.iter().map(|x| x.to_le_bytes()));
        let mut parts: Vec<(String, Dtype, Vec<u8>)> = vec![
            ("constant".into(), Dtype::F32, preparation.constant.to_le_bytes().to_vec()),
            ("mean".into(), Dtype::F64, f64s(&preparation.means)),
            ("factor".into(), Dtype::F64, f64s(&preparation.factors)),
            ("scale".into(), Dtype::F64, f64s(&scale)),
            ("target_mean".into(), Dtype::F64, f64s(means)),
            ("target_deviation".into(), Dtype::F64, f64s(deviations)),
        ];
        for (l, layer) in self.network.layers.iter().enumerate().filter(|(_, layer)| !layer.blocks.is_empty()) {
            let name = |what: &str| format!("update.{}.{what}", l + 1);
            parts.push((name("ranks"), Dtype::U64, bytes(layer.blocks.iter().map(|block| (block.u.rows() as u64).to_le_bytes()))));
            for side in ["u", "v"] {
                let (mut starts, mut indices, mut values) = (vec![0u64], vec![], vec![]);
                for block in &layer.blocks {
                    let (rows, numbers) = if side == "u" { (&block.u, &block.u_values) } else { (&block.v, &block.v.values) };
                    let from = starts[starts.len() - 1];
                    starts.extend(rows.starts[1..].iter().map(|&at| from + at as u64));
                    indices.extend_from_slice(&rows.indices);
                    values.extend_from_slice(numbers);
                }
                parts.push((name(&format!("{side}.starts")), Dtype::U64, bytes(starts.iter().map(|x| x.to_le_bytes()))));
                parts.push((name(&format!("{side}.indices")), Dtype::U32, bytes(indices.iter().map(|x: &u32| x.to_le_bytes()))));
                parts.push((name(&format!("{side}.values")), Dtype::F32, bytes(values.iter().map(|x: &f32| x.to_le_bytes()))));
            }
        }
        let problem = |error: safetensors::SafeTensorError| TrainError::model("the model", error.to_string());
        let mut views = Vec::with_capacity(parts.len());
        for (name, dtype, data) in &parts {
            let size = if matches!(dtype, Dtype::F32 | Dtype::U32) { 4 } else { 8 };
            views.push((name.as_str(), TensorView::new(*dtype, vec![data.len() / size], data).map_err(problem)?));
        }
        safetensors::serialize(views, Some(HashMap::from([(KEY.to_string(), about.to_string())]))).map_err(problem)
    }
}

impl Deep {
    /// Writes what [`DeepModel::new`] and [`DeepModel::save`] would, while the run goes on: a run that is killed can be taken up by
    /// [`resume`](Self::resume).
    ///
    /// # Errors
    /// When the file cannot be written; an old file is then untouched.
    ///
    /// ```
    /// use subquad::train::{Coding, Deep, DeepModel, Preparation, PrepareOptions};
    /// # use subquad::train::{Dataset, Target};
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let data = Dataset::new(vec!["t".into()], vec![-1.0, 1.0], Target::values(vec!["u".into()], vec![3.0, 5.0])?)?;
    /// # let preparation = Preparation::fit(data.features(), &[0, 1], PrepareOptions::default())?;
    /// # let coding = Coding::fit(data.target(), &[0, 1])?;
    /// # let (x, y) = (preparation.apply(data.features(), &[0, 1])?, coding.encode(data.target(), &[0, 1])?);
    /// # let path = directory.path().join("run.safetensors");
    ///
    /// let mut run = Deep::builder().width(64).build(x.as_ref(), y.as_ref())?;
    /// run.step()?;
    /// run.save(&path, data.columns(), &preparation, &coding)?; // and the run goes on
    /// assert_eq!(DeepModel::load(&path)?.width(), 64);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn save(&self, path: &Path, columns: &Columns, preparation: &Preparation, coding: &Coding) -> Result<(), TrainError> {
        let parts = Parts { columns, preparation, coding, settings: &self.settings, network: &self.network, course: self.course() };
        write_atomically(path, &parts.to_bytes()?)
    }
}

impl DeepModel {
    /// The model as the bytes of a safetensors file.
    ///
    /// # Errors
    /// When the names are too long for a header.
    ///
    /// ```
    /// # use subquad::{Level, train::{Coding, Dataset, DeepModel, Preparation, PrepareOptions, Target, Deep}};
    /// # let sign = Target::classes("sign", vec!["minus".into(), "plus".into()], vec![0, 0, 1, 1])?;
    /// # let data = Dataset::new(vec!["t".into()], vec![-2.0, -1.0, 1.0, 2.0], sign)?;
    /// # let all = [0, 1, 2, 3];
    /// # let preparation = Preparation::fit(data.features(), &all, PrepareOptions::default())?;
    /// # let coding = Coding::fit(data.target(), &all)?;
    /// # let (x, y) = (preparation.apply(data.features(), &all)?, coding.encode(data.target(), &all)?);
    /// # let mut run = Deep::builder().width(256).tolerance(1e-3).seed(1).build(x.as_ref(), y.as_ref())?;
    /// # while run.step()?.is_some() {}
    /// // Trained on -2, -1, 1, 2 and their signs.
    /// let model = DeepModel::new(data.columns().clone(), preparation, coding, run)?;
    /// assert_eq!(DeepModel::from_bytes(&model.to_bytes()?, "memory")?.rank(), model.rank());
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn to_bytes(&self) -> Result<Vec<u8>, TrainError> {
        let Self { columns, preparation, coding, settings, network, course } = self;
        Parts { columns, preparation, coding, settings, network, course: *course }.to_bytes()
    }

    /// Writes the model to a file, whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be written; an old file is then untouched.
    ///
    /// ```
    /// # use subquad::{Level, train::{Coding, Dataset, DeepModel, Preparation, PrepareOptions, Target, Deep}};
    /// # let sign = Target::classes("sign", vec!["minus".into(), "plus".into()], vec![0, 0, 1, 1])?;
    /// # let data = Dataset::new(vec!["t".into()], vec![-2.0, -1.0, 1.0, 2.0], sign)?;
    /// # let all = [0, 1, 2, 3];
    /// # let preparation = Preparation::fit(data.features(), &all, PrepareOptions::default())?;
    /// # let coding = Coding::fit(data.target(), &all)?;
    /// # let (x, y) = (preparation.apply(data.features(), &all)?, coding.encode(data.target(), &all)?);
    /// # let mut run = Deep::builder().width(256).tolerance(1e-3).seed(1).build(x.as_ref(), y.as_ref())?;
    /// # while run.step()?.is_some() {}
    /// // Trained on -2, -1, 1, 2 and their signs.
    /// let model = DeepModel::new(data.columns().clone(), preparation, coding, run)?;
    /// # let directory = tempfile::tempdir().unwrap();
    /// model.save(&directory.path().join("sign.safetensors"))?;
    /// assert!(directory.path().join("sign.safetensors").exists());
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn save(&self, path: &Path) -> Result<(), TrainError> {
        write_atomically(path, &self.to_bytes()?)
    }

    /// Whether a file says that it is such a model. A file that cannot be read does not.
    ///
    /// ```
    /// # use subquad::{Level, train::{Coding, Dataset, DeepModel, Preparation, PrepareOptions, Target, Deep}};
    /// # let sign = Target::classes("sign", vec!["minus".into(), "plus".into()], vec![0, 0, 1, 1])?;
    /// # let data = Dataset::new(vec!["t".into()], vec![-2.0, -1.0, 1.0, 2.0], sign)?;
    /// # let all = [0, 1, 2, 3];
    /// # let preparation = Preparation::fit(data.features(), &all, PrepareOptions::default())?;
    /// # let coding = Coding::fit(data.target(), &all)?;
    /// # let (x, y) = (preparation.apply(data.features(), &all)?, coding.encode(data.target(), &all)?);
    /// # let mut run = Deep::builder().width(256).tolerance(1e-3).seed(1).build(x.as_ref(), y.as_ref())?;
    /// # while run.step()?.is_some() {}
    /// // Trained on -2, -1, 1, 2 and their signs.
    /// let model = DeepModel::new(data.columns().clone(), preparation, coding, run)?;
    /// # let directory = tempfile::tempdir().unwrap();
    /// let path = directory.path().join("sign.safetensors");
    /// assert!(!DeepModel::is_one(&path)); // no such file
    /// model.save(&path)?;
    /// assert!(DeepModel::is_one(&path));
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn is_one(path: &Path) -> bool {
        header(path).is_some_and(|header| {
            let about = header.get("__metadata__").and_then(|m| m.get(KEY)).and_then(Value::as_str);
            about.and_then(|text| serde_json::from_str::<Value>(text).ok()).is_some_and(|about| about["format"] == FORMAT)
        })
    }

    /// Reads a model from a file. First weights are drawn anew from their seed, or read from the file that they were read from before.
    ///
    /// # Errors
    /// When the file cannot be read, is no such model, is damaged, or its parts disagree.
    ///
    /// ```
    /// # use subquad::{Level, train::{Coding, Dataset, DeepModel, Preparation, PrepareOptions, Target, Deep}};
    /// # let sign = Target::classes("sign", vec!["minus".into(), "plus".into()], vec![0, 0, 1, 1])?;
    /// # let data = Dataset::new(vec!["t".into()], vec![-2.0, -1.0, 1.0, 2.0], sign)?;
    /// # let all = [0, 1, 2, 3];
    /// # let preparation = Preparation::fit(data.features(), &all, PrepareOptions::default())?;
    /// # let coding = Coding::fit(data.target(), &all)?;
    /// # let (x, y) = (preparation.apply(data.features(), &all)?, coding.encode(data.target(), &all)?);
    /// # let mut run = Deep::builder().width(256).tolerance(1e-3).seed(1).build(x.as_ref(), y.as_ref())?;
    /// # while run.step()?.is_some() {}
    /// // Trained on -2, -1, 1, 2 and their signs.
    /// let model = DeepModel::new(data.columns().clone(), preparation, coding, run)?;
    /// # let directory = tempfile::tempdir().unwrap();
    /// let path = directory.path().join("sign.safetensors");
    /// model.save(&path)?;
    /// assert_eq!(DeepModel::load(&path)?.width(), 256);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn load(path: &Path) -> Result<Self, TrainError> {
        let source = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|error| TrainError::file(path, "read", error))?;
        Self::from_bytes(&bytes, &source)
    }

    /// A model from the bytes of its file; `source` is its name in messages.
    ///
    /// # Errors
    /// When this is no model of this kind, is damaged, or its parts disagree.
    ///
    /// ```
    /// use subquad::train::DeepModel;
    ///
    /// assert!(DeepModel::from_bytes(b"something else", "memory").is_err());
    /// ```
    pub fn from_bytes(bytes: &[u8], source: &str) -> Result<Self, TrainError> {
        parse(bytes).map_err(|problem| TrainError::model(source, problem))
    }
}

fn header(path: &Path) -> Option<Value> {
    use std::io::Read;
    let mut file = std::fs::File::open(path).ok()?;
    let mut len = [0; 8];
    file.read_exact(&mut len).ok()?;
    let len = u64::from_le_bytes(len);
    if !(2..=MOST_HEADER).contains(&len) {
        return None;
    }
    let mut text = Vec::new();
    file.take(len).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

fn parse(bytes: &[u8]) -> Result<DeepModel, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| format!("not a model, cut off or damaged: {error}"))?;
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
    let text = metadata.metadata().as_ref().and_then(|metadata| metadata.get(KEY));
    let text = text.ok_or("a safetensors file, but not a model of subquad: its metadata does not name the format")?;
    let about: Value = serde_json::from_str(text).map_err(|error| format!("damaged: the description is not JSON ({error})"))?;
    if about["format"] != FORMAT {
        return Err(format!("a model of another kind: expected the format '{FORMAT}', found {}", about["format"]));
    }
    if about["version"] != VERSION {
        return Err(format!("a model of format version {}; this program reads version {VERSION}", about["version"]));
    }
    let strings = |value: &Value, what: &str| -> Result<Vec<String>, String> {
        let list = value.as_array().ok_or_else(|| format!("damaged: the list of {what} is missing"))?;
        list.iter()
            .map(|x| x.as_str().map(String::from).ok_or_else(|| format!("damaged: the list of {what} holds something else")))
            .collect()
    };
    let number = |what: &str| about[what].as_u64().ok_or_else(|| format!("damaged: '{what}' is missing"));
    let written = |what: &str| {
        let text = about[what].as_str().and_then(|text| text.parse::<u64>().ok());
        text.ok_or_else(|| format!("damaged: '{what}' is missing"))
    };
    let tensor = |name: &str, dtype: Dtype| -> Result<&[u8], String> {
        let tensor = file.tensor(name).map_err(|_| format!("damaged: the tensor '{name}' is missing"))?;
        if tensor.dtype() != dtype || tensor.shape().len() != 1 {
            return Err(format!("damaged: the tensor '{name}' should be {dtype:?} with one dimension"));
        }
        Ok(tensor.data())
    };
    let f64s =
        |name: &str| Ok::<_, String>(tensor(name, Dtype::F64)?.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect::<Vec<_>>());
    let f32s =
        |name: &str| Ok::<_, String>(tensor(name, Dtype::F32)?.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect::<Vec<_>>());
    let u32s =
        |name: &str| Ok::<_, String>(tensor(name, Dtype::U32)?.as_chunks().0.iter().map(|b| u32::from_le_bytes(*b)).collect::<Vec<_>>());
    let u64s = |name: &str| {
        Ok::<_, String>(tensor(name, Dtype::U64)?.as_chunks().0.iter().map(|b| u64::from_le_bytes(*b) as usize).collect::<Vec<_>>())
    };

    let coding = match (&about["coding"]["labels"], &about["coding"]["values"]) {
        (labels @ Value::Array(_), Value::Null) => Coding::Classes { labels: strings(labels, "class labels")? },
        (Value::Null, names @ Value::Array(_)) => {
            Coding::Values { names: strings(names, "target names")?, means: f64s("target_mean")?, deviations: f64s("target_deviation")? }
        }
        _ => return Err("damaged: the coding of the target is missing".into()),
    };
    match &coding {
        Coding::Classes { labels } if labels.len() < 2 => return Err(format!("damaged: {} classes", labels.len())),
        Coding::Values { names, means, deviations }
            if names.is_empty()
                || names.len() != means.len()
                || names.len() != deviations.len()
                || !means.iter().all(|x| x.is_finite())
                || !deviations.iter().all(|x| x.is_finite() && *x > 0.0) =>
        {
            return Err("damaged: the statistics of the target".into());
        }
        _ => {}
    }
    let columns = Columns {
        features: strings(&about["features"], "feature names")?,
        target: about["target"].as_str().ok_or("damaged: the name of the target is missing")?.into(),
        target_position: number("target_position")? as usize,
        more_targets: match &about["more_targets"] {
            Value::Null => Vec::new(),
            list => serde_json::from_value(list.clone()).map_err(|_| "damaged: the list of further targets holds something else")?,
        },
        named: about["named"].as_bool().ok_or("damaged: whether the columns had names is missing")?,
    };
    let constant = f32s("constant")?;
    let &[constant] = &constant[..] else { return Err("damaged: the constant feature".into()) };
    let preparation = Preparation { means: f64s("mean")?, factors: f64s("factor")?, scale: f64s("scale")?.first().copied(), constant };

    let (layers, width, outputs) = (number("layers")? as usize, number("width")? as usize, number("outputs")? as usize);
    let inputs = columns.features.len() + 1;
    // A damaged header should not ask for all memory there is.
    if !(1..=64).contains(&layers) || !(1..=1 << 26).contains(&width) || outputs != coding.outputs() || inputs > 1 << 26 {
        return Err(format!("damaged: a network of {layers} layers, {width} neurons and {outputs} outputs"));
    }
    let shift = f32::from_bits(number("shift_bits")? as u32);
    if !(shift >= 0.0 && shift.is_finite()) {
        return Err(format!("damaged: the shift is {shift}"));
    }
    let trained = about["trained"].as_array().ok_or("damaged: 'trained' is missing")?;
    let trained: Vec<usize> = trained.iter().filter_map(Value::as_u64).map(|l| l as usize).collect();
    let mut settings = DeepBuilder::default()
        .layers(layers)
        .width(width)
        .firing(Firing::Shift(f64::from(shift)))
        .form(if about["form"] == "hard" { Form::Hard } else { Form::Soft })
        .weights(if about["weights"] == "hadamard" { FirstWeights::Hadamard } else { FirstWeights::Gaussian })
        .train_layers(&trained)
        .seed(written("seed")?);
    settings.trained().map_err(|error| format!("damaged: {error}"))?;
    if let Some(path) = about["base"].as_str() {
        let path = PathBuf::from(path);
        let (base, _) = read_base(&path).map_err(|error| format!("its first weights: {error}"))?;
        if checksum(&base) != written("base_checksum")? {
            return Err(format!("its first weights: {} is not the file that it was trained on", path.display()));
        }
        settings.base = base;
        settings.base_path = Some(path);
    } else if about["base_checksum"].is_string() {
        return Err("its first weights were handed over without a file's name, so they cannot be found again".into());
    }
    let weights = (0..layers).map(|l| settings.matrix(l, inputs)).collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    let mut a = vec![0.0; outputs * width];
    crate::random::signs(&mut crate::random::stream(settings.seed, 1), &mut a);
    let mut network = Network::new(weights, a, outputs, shift, settings.form).map_err(|error| error.to_string())?;
    for (l, layer) in network.layers.iter_mut().enumerate() {
        let name = |what: &str| format!("update.{}.{what}", l + 1);
        if file.tensor(&name("ranks")).is_err() {
            continue;
        }
        let ranks = u64s(&name("ranks"))?;
        let (out, inside) = (layer.weights.get().outputs(), layer.weights.get().inputs());
        let damaged = |what: String| format!("damaged: the update of layer {}: {what}", l + 1);
        let side = |side: &str, cols: usize| -> Result<Vec<Rows>, String> {
            let (starts, indices) = (u64s(&name(&format!("{side}.starts")))?, u32s(&name(&format!("{side}.indices")))?);
            let values = f32s(&name(&format!("{side}.values")))?;
            if indices.len() != values.len() {
                return Err(damaged(format!("{} places, {} numbers", indices.len(), values.len())));
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
    let course = Course {
        steps: number("steps")? as usize,
        adapted: f64::from_bits(written("damping_bits")?),
        unit: f64::from_bits(written("unit_bits")?),
    };
    if !(course.adapted >= 0.0 && course.adapted.is_finite() && course.unit >= 0.0 && course.unit.is_finite()) {
        return Err("damaged: the damping is not a finite number".into());
    }
    let model = DeepModel { columns, preparation, coding, settings, network, course };
    model.check().map_err(|problem| format!("damaged: {problem}"))?;
    Ok(model)
}

/// Reads pre-trained matrices, one for each layer, for [`DeepBuilder::base`]; and their common width.
///
/// The file is safetensors, with F32 tensors `layers.l.weight` (outputs x inputs, as PyTorch has it) or `layers.l.weight_t` (inputs
/// x outputs), l = 1, 2, .. The first layer has one input more than there are features: the constant 0.3, that is 1 / 0.3
/// times its bias. Other biases do not exist here. Each matrix is divided by the root mean square of its entries. In PyTorch:
///
/// ```python
/// from safetensors.torch import save_file
/// import torch
///
/// linear = [m for m in model.modules() if isinstance(m, torch.nn.Linear)][:-1]      # hidden layers
/// tensors = {f"layers.{l}.weight": m.weight.detach().float().contiguous() for l, m in enumerate(linear, 1)}
/// bias = linear[0].bias.detach().float()[:, None] / 0.3
/// tensors["layers.1.weight"] = torch.cat([tensors["layers.1.weight"], bias], 1).contiguous()
/// save_file(tensors, "weights.safetensors")
/// ```
///
/// # Errors
/// When the file cannot be read, or holds no such tensors.
///
/// ```
/// use safetensors::{Dtype, tensor::TensorView};
/// use subquad::train::read_base;
///
/// # let directory = tempfile::tempdir().unwrap();
/// let path = directory.path().join("weights.safetensors");
/// let ones: Vec<u8> = [1.0f32; 6].iter().flat_map(|x| x.to_le_bytes()).collect();
/// let layer = TensorView::new(Dtype::F32, vec![3, 2], &ones).unwrap(); // 3 neurons, 2 inputs
/// std::fs::write(&path, safetensors::serialize([("layers.1.weight", layer)], None).unwrap()).unwrap();
/// let (matrices, width) = read_base(&path)?;
/// assert_eq!((matrices.len(), width), (1, 3));
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
pub fn read_base(path: &Path) -> Result<(Vec<Base>, usize), TrainError> {
    let source = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| TrainError::file(path, "read", error))?;
    let failed = |problem: String| TrainError::model(&source, problem);
    let file = SafeTensors::deserialize(&bytes).map_err(|error| failed(format!("not a safetensors file, cut off or damaged: {error}")))?;
    let (mut base, mut width): (Vec<Base>, usize) = (Vec::new(), 0);
    for l in 1.. {
        let across = file.tensor(&format!("layers.{l}.weight_t"));
        let (tensor, turned) = match (across, file.tensor(&format!("layers.{l}.weight"))) {
            (Ok(tensor), _) => (tensor, true),
            (_, Ok(tensor)) => (tensor, false),
            _ => break,
        };
        let &[rows, cols] = tensor.shape() else {
            return Err(failed(format!("layer {l}: expected a matrix, found {} dimensions", tensor.shape().len())));
        };
        if tensor.dtype() != Dtype::F32 {
            return Err(failed(format!("layer {l}: expected F32, found {:?}", tensor.dtype())));
        }
        let numbers: Vec<f32> = tensor.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        if let Some(at) = numbers.iter().position(|x| !x.is_finite()) {
            return Err(failed(format!("layer {l}, number {at} is {}, not a finite number", numbers[at])));
        }
        let square = numbers.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>() / numbers.len().max(1) as f64;
        let scale = if square > 0.0 { (1.0 / square.sqrt()) as f32 } else { 1.0 };
        let (inputs, outputs) = if turned { (rows, cols) } else { (cols, rows) };
        let matrix: Vec<f32> = if turned {
            numbers.iter().map(|x| x * scale).collect()
        } else {
            (0..inputs).flat_map(|j| numbers.iter().skip(j).step_by(inputs).map(|x| x * scale)).collect()
        };
        if l > 1 && (inputs != width || outputs != width) {
            return Err(failed(format!("layer {l}: expected {width} x {width}, found {outputs} outputs x {inputs} inputs")));
        }
        width = outputs;
        base.push(Arc::new(matrix));
    }
    if base.is_empty() {
        return Err(failed("no tensor is called layers.1.weight or layers.1.weight_t".into()));
    }
    Ok((base, width))
}
