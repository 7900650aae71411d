//! Models: load, ask, free.

use core::ffi::{CStr, c_char, c_int};
use std::boxed::Box;
use std::path::Path;
use std::vec::Vec;

use super::{Failure, guard, level, one, one_mut, slice, slice_mut, subquad_error};
use crate::Level;
use crate::train::{Coding, DeepModel, Matrix, Model, Prediction, Preparation, TrainError};
use crate::{Error, Figure};

/// The kinds of network that a file may hold.
enum Network {
    TwoLayer(Model),
    Deep(DeepModel),
}

impl Network {
    fn load(path: &Path) -> Result<Self, TrainError> {
        if DeepModel::is_one(path) { DeepModel::load(path).map(Self::Deep) } else { Model::load(path).map(Self::TwoLayer) }
    }
    fn from_bytes(bytes: &[u8]) -> Result<Self, TrainError> {
        if DeepModel::is_one_in(bytes) {
            DeepModel::from_bytes(bytes, "bytes").map(Self::Deep)
        } else {
            Model::from_bytes(bytes, "bytes").map(Self::TwoLayer)
        }
    }
    fn preparation(&self) -> &Preparation {
        match self {
            Self::TwoLayer(model) => model.preparation(),
            Self::Deep(model) => model.preparation(),
        }
    }
    fn coding(&self) -> &Coding {
        match self {
            Self::TwoLayer(model) => model.coding(),
            Self::Deep(model) => model.coding(),
        }
    }
    fn predict(&self, level: Level, features: &Matrix, rows: &[usize]) -> Result<Vec<Prediction>, TrainError> {
        match self {
            Self::TwoLayer(model) => model.predict(level, features, rows),
            Self::Deep(model) => model.predict(level, features, rows),
        }
    }
}

// What the header promises of threads.
const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<Network>();
};

/// A trained model, of two layers or deep; it is read only, and may be asked from several threads at once.
#[cfg_attr(
    doc,
    doc = "\n```c\nsubquad_model *model = NULL;\nsubquad_model_load(\"model.safetensors\", &model, &error);\nsubquad_model_free(model);\n```"
)]
pub struct subquad_model {
    model: Network,
}

/// Reads a model from a file, which `subquad train` wrote. `path` is UTF-8, ended by a zero; the model that is put behind `to` is to be freed.
#[cfg_attr(
    doc,
    doc = "\n```c\nsubquad_model *model = NULL;\nif (subquad_model_load(\"model.safetensors\", &model, &error) != SUBQUAD_OK) puts(error.message);\n```"
)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subquad_model_load(path: *const c_char, to: *mut *mut subquad_model, error: *mut subquad_error) -> c_int {
    guard(error, || {
        if path.is_null() {
            return Err(Failure::Null("path"));
        }
        // SAFETY: the caller's promise: it ends with a zero.
        let path = unsafe { CStr::from_ptr(path) }
            .to_str()
            .map_err(|error| Error::at("path", "UTF-8", Figure::Nothing, Figure::Nothing, error.valid_up_to()))?;
        // SAFETY: the caller's promise.
        let to = unsafe { one_mut("to", to) }?;
        *to = Box::into_raw(Box::new(subquad_model { model: Network::load(Path::new(path))? }));
        Ok(())
    })
}

/// Reads a model from the bytes of a file. Of a deep one whose first weights came from another file, that file is read.
#[cfg_attr(
    doc,
    doc = "\n```c\nextern const unsigned char file[];\nextern const size_t file_len;\nsubquad_model_from_bytes(file, file_len, &model, &error);\n```"
)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subquad_model_from_bytes(
    bytes: *const u8,
    len: usize,
    to: *mut *mut subquad_model,
    error: *mut subquad_error,
) -> c_int {
    guard(error, || {
        // SAFETY: the caller's promise.
        let (bytes, to) = unsafe { (slice("bytes", bytes, len)?, one_mut("to", to)?) };
        *to = Box::into_raw(Box::new(subquad_model { model: Network::from_bytes(bytes)? }));
        Ok(())
    })
}

/// Frees a model; null is no model.
#[cfg_attr(doc, doc = "\n```c\nsubquad_model_free(model);\nmodel = NULL;\n```")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subquad_model_free(model: *mut subquad_model) {
    if !model.is_null() {
        // SAFETY: the caller's promise: it came from one of the functions above, and is freed once.
        drop(unsafe { Box::from_raw(model) });
    }
}

/// Features of a row; 0 for null.
#[cfg_attr(doc, doc = "\n```c\nfloat *row = calloc(subquad_model_features(model), sizeof(float));\n```")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subquad_model_features(model: *const subquad_model) -> usize {
    // SAFETY: the caller's promise.
    unsafe { model.as_ref() }.map_or(0, |model| model.model.preparation().features())
}

/// Numbers that a prediction has: 1 for classes, as many as there are targets for regression; 0 for null.
#[cfg_attr(doc, doc = "\n```c\ndouble *answers = calloc(n * subquad_model_answers(model), sizeof(double));\n```")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subquad_model_answers(model: *const subquad_model) -> usize {
    // SAFETY: the caller's promise.
    unsafe { model.as_ref() }.map_or(0, |model| if model.model.coding().is_classes() { 1 } else { model.model.coding().outputs() })
}

/// Whether its network is deep; false for null.
#[cfg_attr(doc, doc = "\n```c\nputs(subquad_model_is_deep(model) ? \"deep\" : \"two layers\");\n```")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subquad_model_is_deep(model: *const subquad_model) -> bool {
    // SAFETY: the caller's promise.
    unsafe { model.as_ref() }.is_some_and(|model| matches!(model.model, Network::Deep(_)))
}

/// Whether its answers are numbers of classes.
#[cfg_attr(doc, doc = "\n```c\nprintf(subquad_model_is_classes(model) ? \"class %.0f\\n\" : \"%g\\n\", answers[0]);\n```")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subquad_model_is_classes(model: *const subquad_model) -> bool {
    // SAFETY: the caller's promise.
    unsafe { model.as_ref() }.is_some_and(|model| model.model.coding().is_classes())
}

/// The label of a class as UTF-8, into `room` bytes, ended by a zero. `needed`, if not null, is how many it takes.
#[cfg_attr(
    doc,
    doc = "\n```c\nchar label[64];\nif (subquad_model_label(model, (size_t)answers[0], label, sizeof label, NULL, &error) == SUBQUAD_OK) puts(label);\n```"
)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subquad_model_label(
    model: *const subquad_model,
    class: usize,
    to: *mut c_char,
    room: usize,
    needed: *mut usize,
    error: *mut subquad_error,
) -> c_int {
    guard(error, || {
        // SAFETY: the caller's promise.
        let model = unsafe { one("model", model) }?;
        let Coding::Classes { labels } = model.model.coding() else {
            return Err(Error::value("model", "one of classes", Figure::Nothing).into());
        };
        let Some(label) = labels.get(class) else {
            return Err(Error::too_short("model: classes", class.saturating_add(1), labels.len()).into());
        };
        if !needed.is_null() {
            // SAFETY: the caller's promise.
            *unsafe { one_mut("needed", needed) }? = label.len() + 1;
        }
        if room <= label.len() {
            return Err(Error::too_short("room", label.len() + 1, room).into());
        }
        // SAFETY: the caller's promise.
        let to = unsafe { slice_mut("to", to, room) }?;
        for (to, byte) in to.iter_mut().zip(label.bytes().chain([0])) {
            *to = byte as c_char;
        }
        Ok(())
    })
}

/// Predicts for n rows of as many features as the model has: `to` gets n x answers numbers, classes by their index.
#[cfg_attr(
    doc,
    doc = "\n```c\n// one row of a model with one answer\ndouble answer;\nsubquad_model_predict(0, model, 1, subquad_model_features(model), row, &answer, 1, &error);\n```"
)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subquad_model_predict(
    level_number: u8,
    model: *const subquad_model,
    n: usize,
    features: usize,
    x: *const f32,
    to: *mut f64,
    to_len: usize,
    error: *mut subquad_error,
) -> c_int {
    guard(error, || {
        // SAFETY: the caller's promise.
        let (model, x) = unsafe { (one("model", model)?, slice("x", x, super::area("x", n, features)?)?) };
        // SAFETY: the caller's promise.
        let (answers, to) = unsafe { (subquad_model_answers(model), slice_mut("to", to, to_len)?) };
        crate::error::expect_length("to", super::area("to", n, answers)?, to.len())?;
        let rows: Vec<usize> = (0..n).collect();
        let predictions = model.model.predict(level(level_number)?, &Matrix::new(x.to_vec(), n, features)?, &rows)?;
        for (to, prediction) in to.chunks_mut(answers.max(1)).zip(predictions) {
            match prediction {
                Prediction::Class { index, .. } => to.fill(index as f64),
                Prediction::Values(values) => to.iter_mut().zip(values).for_each(|(to, value)| *to = value),
                #[allow(unreachable_patterns, reason = "a kind of prediction may be added")]
                _ => return Err(Error::value("model", "one of classes or numbers", Figure::Nothing).into()),
            }
        }
        Ok(())
    })
}
