//! A trained network with everything it needs to predict: preparation, coding, names; saved and loaded as safetensors.

use crate::relu::two_layer;
use crate::train::coding::{Coding, Prediction, Score, Truth};
use crate::train::data::{Columns, Matrix};
use crate::train::prepare::Preparation;
use crate::train::{TrainError, data};
use crate::{Error, Level, MatMut, MatRef};

/// A two-layer ReLU network `m^(-1/2) phi(X W^T) A^T`, with the preparation of its inputs and the meaning of its outputs.
///
/// ```
/// use subquad::{Level, train::{Coding, Dataset, Model, Preparation, PrepareOptions, Target, TwoLayer}};
///
/// let sign = Target::classes("sign", vec!["minus".into(), "plus".into()], vec![0, 0, 1, 1])?;
/// let data = Dataset::new(vec!["t".into()], vec![-2.0, -1.0, 1.0, 2.0], sign)?;
/// let all = [0, 1, 2, 3];
/// let preparation = Preparation::fit(data.features(), &all, PrepareOptions::default())?;
/// let coding = Coding::fit(data.target(), &all)?;
/// let (x, y) = (preparation.apply(data.features(), &all)?, coding.encode(data.target(), &all)?);
/// let mut run = TwoLayer::builder().width(64).tolerance(1e-3).build(x.as_ref(), y.as_ref())?;
/// while run.step()?.is_some() {}
/// let model = Model::new(data.columns().clone(), preparation, coding, 0.0, run.weights(), run.signs())?;
/// assert_eq!(model.predict(Level::detect(), data.features(), &[3])?[0].to_string(), "plus");
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    columns: Columns,
    preparation: Preparation,
    coding: Coding,
    shift: f32,
    /// W, m x d.
    weights: Matrix,
    /// A, C x m.
    signs: Matrix,
}

/// Rows that go through the network at once: enough for a kernel to be busy, few enough to stay in the cache.
const BLOCK: usize = 64;

fn owned(view: MatRef<'_, f32>) -> Result<Matrix, Error> {
    let mut data = Vec::with_capacity(view.rows() * view.cols());
    for i in 0..view.rows() {
        data.extend((0..view.cols()).filter_map(|j| view.get(i, j)));
    }
    Matrix::new(data, view.rows(), view.cols())
}

impl Model {
    /// A model from its parts: the weights W (m x d) and signs A (C x m) of a trained network.
    ///
    /// # Errors
    /// When the shapes disagree or a number is not finite.
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
    /// assert_eq!(model.width(), 64);
    /// // Weights of as many inputs as the preparation makes, and nothing else.
    /// let (columns, preparation, coding) = (model.columns().clone(), model.preparation().clone(), model.coding().clone());
    /// assert!(Model::new(columns, preparation, coding, 0.0, model.weights().t(), model.signs()).is_err());
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn new(
        columns: Columns,
        preparation: Preparation,
        coding: Coding,
        shift: f32,
        weights: MatRef<'_, f32>,
        signs: MatRef<'_, f32>,
    ) -> Result<Self, TrainError> {
        let this = Self { columns, preparation, coding, shift, weights: owned(weights)?, signs: owned(signs)? };
        this.check().map_err(TrainError::data)?;
        Ok(this)
    }

    /// Everything that the parts of a model have to agree on.
    fn check(&self) -> Result<(), String> {
        let agree = |what: &str, expected: usize, found: usize| {
            if expected == found { Ok(()) } else { Err(format!("{what}: expected {expected}, found {found}")) }
        };
        let p = self.columns.features.len();
        if p == 0 || self.weights.rows() == 0 {
            return Err(format!("a network of {p} features and {} neurons computes nothing", self.weights.rows()));
        }
        self.preparation.check()?;
        agree("features of the preparation", p, self.preparation.features())?;
        agree("columns of the weights (features + 1)", p + 1, self.weights.cols())?;
        agree("columns of the output signs (neurons)", self.weights.rows(), self.signs.cols())?;
        agree("rows of the output signs (outputs)", self.coding.outputs(), self.signs.rows())?;
        match &self.coding {
            Coding::Classes { labels } => {
                if labels.len() < 2 {
                    return Err(format!("{} classes: expected at least 2", labels.len()));
                }
            }
            Coding::Values { names, means, deviations } => {
                agree("means of the target", names.len(), means.len())?;
                agree("columns of the target", names.len(), 1 + self.columns.more_targets.len())?;
                agree("standard deviations of the target", names.len(), deviations.len())?;
                if !means.iter().all(|x| x.is_finite()) || !deviations.iter().all(|x| x.is_finite() && *x > 0.0) {
                    return Err("the statistics of the target are not finite numbers".into());
                }
            }
        }
        if !(self.shift.is_finite() && self.shift >= 0.0) {
            return Err(format!("the shift is {}, not a finite number of at least 0", self.shift));
        }
        for (what, matrix) in [("weight", &self.weights), ("output sign", &self.signs)] {
            if let Some(at) = matrix.data().iter().position(|x| !x.is_finite()) {
                let (i, j) = (at / matrix.cols(), at % matrix.cols());
                return Err(format!("{what} ({i}, {j}) is {}, not a finite number", matrix.data()[at]));
            }
        }
        Ok(())
    }

    /// The names of the columns it was trained on.
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
    /// assert_eq!(model.columns().target, "sign");
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The preparation of its inputs.
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
    /// assert_eq!(model.preparation().features(), 1);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn preparation(&self) -> &Preparation {
        &self.preparation
    }

    /// The meaning of its outputs.
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
    /// assert!(model.coding().is_classes());
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn coding(&self) -> &Coding {
        &self.coding
    }

    /// The shift b of its neurons.
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
    /// assert_eq!(model.shift(), 0.0);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn shift(&self) -> f32 {
        self.shift
    }

    /// The hidden weights, m x d.
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
    /// assert_eq!((model.weights().rows(), model.weights().cols()), (64, 2));
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn weights(&self) -> MatRef<'_, f32> {
        self.weights.as_ref()
    }

    /// The output signs, C x m.
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
    /// assert_eq!((model.signs().rows(), model.signs().cols()), (1, 64));
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn signs(&self) -> MatRef<'_, f32> {
        self.signs.as_ref()
    }

    /// Number of hidden neurons.
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
    /// assert_eq!(model.width(), 64);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn width(&self) -> usize {
        self.weights.rows()
    }

    /// The outputs for the rows named: rows x outputs, in the network's units.
    ///
    /// A row's outputs do not depend on the rows around it: bit by bit the same, alone or among others.
    ///
    /// # Errors
    /// When the number of features differs, a row does not exist, or an output leaves the range of f32.
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
    /// let f = model.outputs(Level::detect(), data.features(), &[0, 3])?;
    /// assert!((f.row(0)[0] + 1.0).abs() < 0.2 && (f.row(1)[0] - 1.0).abs() < 0.2); // -1 and +1 were learnt
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn outputs(&self, level: Level, features: &Matrix, rows: &[usize]) -> Result<Matrix, TrainError> {
        data::check_rows(rows, features.rows())?;
        let (d, m, c) = (self.weights.cols(), self.weights.rows(), self.signs.rows());
        let mut out = vec![0.0f32; rows.len() * c];
        let mut scratch = vec![0.0f32; two_layer::forward_scratch_len(d, m, c)];
        for (rows, out) in rows.chunks(BLOCK).zip(out.chunks_mut(BLOCK * c)) {
            let x = self.preparation.apply(features, rows)?;
            let (w, a) = (self.weights.as_ref(), self.signs.as_ref());
            two_layer::forward(level, x.as_ref(), w, a, self.shift, None, MatMut::new(out, rows.len(), c)?, &mut scratch)?;
        }
        if let Some(at) = out.iter().position(|f| !f.is_finite()) {
            return Err(TrainError::Numbers {
                problem: format!(
                    "the output for row {} leaves the range of numbers: its features are too far from the training data",
                    rows[at / c] + 1
                ),
            });
        }
        Ok(Matrix::new(out, rows.len(), c)?)
    }

    /// The predictions for the rows named.
    ///
    /// # Errors
    /// As [`Model::outputs`].
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
    /// let answers = model.predict(Level::detect(), data.features(), &[0, 3])?;
    /// assert_eq!((answers[0].to_string(), answers[1].to_string()), ("minus".into(), "plus".into()));
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn predict(&self, level: Level, features: &Matrix, rows: &[usize]) -> Result<Vec<Prediction>, TrainError> {
        let outputs = self.outputs(level, features, rows)?;
        Ok((0..outputs.rows()).map(|i| self.coding.decode(outputs.row(i))).collect())
    }

    /// How well it does on the rows named.
    ///
    /// # Errors
    /// As [`Model::outputs`], and when `truth` has another number of rows.
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
    /// let truth = model.coding().truth(data.target(), &all)?;
    /// assert_eq!(model.score(Level::detect(), data.features(), &all, &truth)?.accuracy(), Some(1.0));
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn score(&self, level: Level, features: &Matrix, rows: &[usize], truth: &[Truth]) -> Result<Score, TrainError> {
        self.coding.score(&self.outputs(level, features, rows)?, truth)
    }
}

#[cfg(feature = "io")]
mod format {
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
    use serde_json::{Value, json};

    use super::Model;
    use crate::train::coding::Coding;
    use crate::train::data::{Columns, Matrix};
    use crate::train::prepare::Preparation;
    use crate::train::{TrainError, write_atomically};

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
            let (target, means, deviations) = match &self.coding {
                Coding::Classes { labels } => (json!({ "labels": labels }), &[][..], &[][..]),
                Coding::Values { names, means, deviations } => (json!({ "values": names }), &means[..], &deviations[..]),
            };
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
            });
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
        let strings = |value: Option<&Value>, what: &str| -> Result<Vec<String>, String> {
            let list = value.and_then(Value::as_array).ok_or_else(|| format!("damaged: the list of {what} is missing"))?;
            list.iter()
                .map(|x| x.as_str().map(String::from).ok_or_else(|| format!("damaged: the list of {what} holds something else")))
                .collect()
        };
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
        let coding = about.get("coding").cloned().unwrap_or_default();
        let coding = match (coding.get("labels"), coding.get("values")) {
            (labels @ Some(_), None) => Coding::Classes { labels: strings(labels, "class labels")? },
            (None, names @ Some(_)) => Coding::Values {
                names: strings(names, "target names")?,
                means: f64s("target_mean")?,
                deviations: f64s("target_deviation")?,
            },
            _ => return Err("damaged: the coding of the target is missing".into()),
        };
        let columns = Columns {
            features: strings(about.get("features"), "feature names")?,
            target: about.get("target").and_then(Value::as_str).ok_or("damaged: the name of the target is missing")?.into(),
            target_position: about.get("target_position").and_then(Value::as_u64).ok_or("damaged: the place of the target is missing")?
                as usize,
            more_targets: match about.get("more_targets") {
                None => Vec::new(),
                Some(list) => {
                    serde_json::from_value(list.clone()).map_err(|_| "damaged: the list of further targets holds something else")?
                }
            },
            named: about.get("named").and_then(Value::as_bool).ok_or("damaged: whether the columns had names is missing")?,
        };
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{PrepareOptions, RowScaling};
    use rand_core::{Rng, SeedableRng};

    fn numbers(n: usize, seed: u64) -> Vec<f32> {
        let mut rng = rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(seed);
        (0..n).map(|_| rng.next_u32() as i32 as f32 / 1e9).collect()
    }

    fn features() -> Matrix {
        Matrix::new(numbers(200 * 5, 1), 200, 5).unwrap()
    }

    pub(super) fn model(coding: Coding, rows: RowScaling) -> Model {
        let (p, m, c) = (5, 38, coding.outputs());
        let train: Vec<usize> = (0..150).collect();
        let preparation = Preparation::fit(&features(), &train, PrepareOptions { rows, ..Default::default() }).unwrap();
        let names = (0..p).map(|i| format!("f {i}, \"é\"")).collect();
        let more = if coding.is_classes() { 0 } else { coding.outputs() - 1 };
        let more_targets = (0..more).map(|k| (format!("t{k}"), 3 + k)).collect();
        let columns = Columns { features: names, target: "t".into(), target_position: 2, more_targets, named: true };
        let weights = numbers(m * (p + 1), 2);
        let signs: Vec<f32> = numbers(c * m, 3).iter().map(|x| x.signum()).collect();
        Model::new(columns, preparation, coding, 0.125, MatRef::new(&weights, m, p + 1).unwrap(), MatRef::new(&signs, c, m).unwrap())
            .unwrap()
    }

    pub(super) fn models() -> Vec<Model> {
        let labels = |n: usize| Coding::Classes { labels: (0..n).map(|i| format!("class {i}")).collect() };
        let values = Coding::Values { names: vec!["a".into(), "b".into()], means: vec![1.5, -0.1], deviations: vec![3.25, 1e-3] };
        vec![model(labels(2), RowScaling::Unit), model(labels(7), RowScaling::Global), model(values, RowScaling::Unit)]
    }

    fn bits(matrix: &Matrix) -> Vec<u32> {
        matrix.data().iter().map(|x| x.to_bits()).collect()
    }

    #[test]
    fn a_row_is_predicted_alike_alone_and_among_others() {
        let all: Vec<usize> = (0..200).collect();
        for model in models() {
            for level in Level::available() {
                let together = model.outputs(level, &features(), &all).unwrap();
                for size in [1, 2, 3, 5, 7, 13, 64, 65, 127] {
                    for rows in all.chunks(size) {
                        let part = model.outputs(level, &features(), rows).unwrap();
                        let same: Vec<u32> = rows.iter().flat_map(|&row| together.row(row)).map(|x| x.to_bits()).collect();
                        assert_eq!(bits(&part), same, "{level}, blocks of {size}");
                    }
                }
                assert_eq!(model.outputs(level, &features(), &[]).unwrap().rows(), 0);
            }
        }
    }

    #[test]
    fn outputs_are_the_formula() {
        for model in models() {
            let rows = [3, 150, 199];
            let x = model.preparation().apply(&features(), &rows).unwrap();
            for level in Level::available() {
                let out = model.outputs(level, &features(), &rows).unwrap();
                for i in 0..rows.len() {
                    for o in 0..model.signs.rows() {
                        let mut f = 0.0f64;
                        for r in 0..model.width() {
                            let z: f64 = x.row(i).iter().zip(model.weights.row(r)).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
                            f += (z - f64::from(model.shift)).max(0.0) * f64::from(model.signs.row(o)[r]);
                        }
                        f /= (model.width() as f64).sqrt();
                        assert!((f - f64::from(out.row(i)[o])).abs() < 1e-5 * (1.0 + f.abs()), "{level}");
                    }
                }
            }
        }
    }

    #[test]
    fn parts_that_disagree_are_refused() {
        let ok = models().remove(1);
        let refused = |change: &dyn Fn(&mut Model)| {
            let mut model = ok.clone();
            change(&mut model);
            model.check().unwrap_err()
        };
        assert_eq!(ok.check(), Ok(()));
        refused(&|m| m.columns.features.truncate(4));
        refused(&|m| m.preparation.means.truncate(4));
        refused(&|m| m.preparation.scale = Some(f64::NAN));
        refused(&|m| m.coding = Coding::Classes { labels: vec!["a".into()] });
        refused(&|m| m.coding = Coding::Values { names: vec!["a".into(); 7], means: vec![0.0; 7], deviations: vec![0.0; 7] });
        refused(&|m| m.shift = -1.0);
        refused(&|m| m.shift = f32::NAN);
        refused(&|m| m.weights = Matrix::new(vec![0.0; 37 * 6], 37, 6).unwrap());
        let problem = refused(&|m| {
            let mut data = m.weights.data().to_vec();
            data[8] = f32::INFINITY;
            m.weights = Matrix::new(data, 38, 6).unwrap();
        });
        assert!(problem.contains("(1, 2)"), "{problem}");
        assert!(ok.outputs(Level::detect(), &Matrix::new(vec![0.0; 8], 2, 4).unwrap(), &[0]).is_err());
        assert!(ok.outputs(Level::detect(), &features(), &[200]).is_err());
    }

    #[cfg(feature = "io")]
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

    #[cfg(feature = "io")]
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
