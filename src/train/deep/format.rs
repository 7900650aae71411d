//! Files of deep models.
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

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::base::read_base;
use super::model::DeepModel;
use super::network::Network;
use super::settings::{Base, DeepBuilder, Firing, FirstWeights};
use super::tensors::{KEY, Reader, Writer};
use super::trainer::Deep;
use crate::relu::deep::Form;
use crate::train::data::Columns;
use crate::train::{Coding, Preparation, TrainError, description, write_atomically};

const FORMAT: &str = "deep-relu";
const VERSION: u64 = 1;
/// No model has a longer header.
const MOST_HEADER: u64 = 64 << 20;

/// A checksum of matrices, so that another file of the same name is noticed: FNV-1a over their bits.
pub(super) fn checksum(base: &[Base]) -> u64 {
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
}

impl Parts<'_> {
    fn to_bytes(&self) -> Result<Vec<u8>, TrainError> {
        let settings = self.settings;
        let mut about = description::of(FORMAT, VERSION, self.columns, self.coding);
        for (key, value) in [
            ("layers", json!(settings.layers)),
            ("width", json!(settings.width)),
            ("outputs", json!(self.network.outputs)),
            ("shift_bits", json!(self.network.shift.to_bits())),
            ("form", json!(if settings.form == Form::Soft { "soft" } else { "hard" })),
            ("weights", json!(if settings.weights == FirstWeights::Gaussian { "gaussian" } else { "hadamard" })),
            ("seed", json!(settings.seed.to_string())),
            ("trained", json!(settings.trained()?)),
            ("base", json!(settings.base_path.as_ref().map(|path| path.display().to_string()))),
            ("base_checksum", json!(if settings.base.is_empty() { None } else { Some(checksum(&settings.base).to_string()) })),
        ] {
            about[key] = value;
        }
        let (means, deviations) = description::statistics(self.coding);
        let preparation = self.preparation;
        let scale: Vec<f64> = preparation.scale.into_iter().collect();
        let mut file = Writer::default();
        file.f32s("constant", &[preparation.constant]);
        file.f64s("mean", &preparation.means);
        file.f64s("factor", &preparation.factors);
        file.f64s("scale", &scale);
        file.f64s("target_mean", means);
        file.f64s("target_deviation", deviations);
        file.updates(self.network);
        file.finish("the model", &about)
    }
}

impl Deep {
    /// Writes what [`DeepModel::new`] and [`DeepModel::save`] would, while the run goes on.
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
        let parts = Parts { columns, preparation, coding, settings: &self.settings, network: &self.network };
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
        let Self { columns, preparation, coding, settings, network } = self;
        Parts { columns, preparation, coding, settings, network }.to_bytes()
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
        std::fs::File::open(path).is_ok_and(says_so)
    }

    /// Whether these are the bytes of such a model's file: as [`is_one`](Self::is_one).
    ///
    /// ```
    /// assert!(!subquad::train::DeepModel::is_one_in(b"something else"));
    /// ```
    pub fn is_one_in(bytes: &[u8]) -> bool {
        says_so(bytes)
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

fn says_so(file: impl std::io::Read) -> bool {
    header(file).is_some_and(|header| {
        let about = header.get("__metadata__").and_then(|m| m.get(KEY)).and_then(Value::as_str);
        about.and_then(|text| serde_json::from_str::<Value>(text).ok()).is_some_and(|about| about["format"] == FORMAT)
    })
}

fn header(mut file: impl std::io::Read) -> Option<Value> {
    use std::io::Read;
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
    let (file, about) = Reader::new(bytes, "a model", FORMAT, VERSION)?;
    let number = |what: &str| about[what].as_u64().ok_or_else(|| format!("damaged: '{what}' is missing"));
    let written = |what: &str| {
        let text = about[what].as_str().and_then(|text| text.parse::<u64>().ok());
        text.ok_or_else(|| format!("damaged: '{what}' is missing"))
    };
    let coding = description::coding(&about, |name| file.f64s(name))?;
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
    let columns = description::columns(&about)?;
    let constant = file.f32s("constant")?;
    let &[constant] = &constant[..] else { return Err("damaged: the constant feature".into()) };
    let preparation =
        Preparation { means: file.f64s("mean")?, factors: file.f64s("factor")?, scale: file.f64s("scale")?.first().copied(), constant };

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
    file.updates(&mut network)?;
    let model = DeepModel { columns, preparation, coding, settings, network };
    model.check().map_err(|problem| format!("damaged: {problem}"))?;
    Ok(model)
}
