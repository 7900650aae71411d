//! A trained deep network with everything it needs to predict.

use super::network::{Network, When};
use super::settings::DeepBuilder;
use super::trainer::Deep;
use crate::train::data::{Columns, Matrix, check_rows};
use crate::train::{Coding, Prediction, Preparation, Score, TrainError, Truth};
use crate::{Level, MatRef};

/// Rows that go through the network at once: columns that are gathered serve many of them.
const BLOCK: usize = 256;

/// A deep network `F - F_0`, with the preparation of its inputs and the meaning of its outputs.
///
/// Its first weights are not part of it but known by their seed, or by the file they come from; what training added is, as low-rank factors.
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
/// assert_eq!(model.predict(Level::detect(), data.features(), &[3])?[0].to_string(), "plus");
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Debug)]
pub struct DeepModel {
    pub(super) columns: Columns,
    pub(super) preparation: Preparation,
    pub(super) coding: Coding,
    pub(super) settings: DeepBuilder,
    pub(super) network: Network,
}

impl DeepModel {
    /// A model from a run, which is over then.
    ///
    /// # Errors
    /// [`TrainError::Data`] when the parts disagree.
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
    /// assert_eq!((model.layers(), model.width()), (2, 256));
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn new(columns: Columns, preparation: Preparation, coding: Coding, run: Deep) -> Result<Self, TrainError> {
        let model = Self { columns, preparation, coding, settings: run.settings, network: run.network };
        model.check().map_err(TrainError::data)?;
        Ok(model)
    }

    /// Everything that the parts of a model have to agree on.
    pub(super) fn check(&self) -> Result<(), String> {
        let agree = |what: &str, expected: usize, found: usize| {
            if expected == found { Ok(()) } else { Err(format!("{what}: expected {expected}, found {found}")) }
        };
        self.preparation.check()?;
        agree("features of the preparation", self.columns.features.len(), self.preparation.features())?;
        agree("inputs of the first layer (features + 1)", self.preparation.inputs(), self.network.layers[0].weights.get().inputs())?;
        agree("outputs", self.coding.outputs(), self.network.outputs)?;
        for (l, layer) in self.network.layers.iter().enumerate() {
            let weights = layer.weights.get();
            for block in &layer.blocks {
                agree(&format!("layer {}: rows of an update", l + 1), weights.outputs(), block.u.cols)?;
                agree(&format!("layer {}: columns of an update", l + 1), weights.inputs(), block.v.cols)?;
                if !block.u_values.iter().chain(&block.v.values).all(|x| x.is_finite()) {
                    return Err(format!("layer {}: an update holds something that is not a finite number", l + 1));
                }
            }
        }
        Ok(())
    }

    /// The names of the columns it was trained on.
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
    /// assert_eq!(model.columns().target, "sign");
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The preparation of its inputs.
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
    /// assert_eq!(model.preparation().features(), 1);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn preparation(&self) -> &Preparation {
        &self.preparation
    }

    /// The meaning of its outputs.
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
    /// assert!(model.coding().is_classes());
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn coding(&self) -> &Coding {
        &self.coding
    }

    /// Hidden layers.
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
    /// assert_eq!(model.layers(), 2);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn layers(&self) -> usize {
        self.network.layers.len()
    }

    /// Neurons of a layer.
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
    /// assert_eq!(model.width(), 256);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn width(&self) -> usize {
        self.network.width()
    }

    /// Rank of what training added, over all layers.
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
    /// assert_eq!(model.rank() % 4, 0); // one term for each sample and step
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn rank(&self) -> usize {
        self.network.layers.iter().flat_map(|layer| &layer.blocks).map(|block| block.u.rows()).sum()
    }

    /// The outputs for the rows named: rows x outputs, in the network's units.
    ///
    /// # Errors
    /// When the number of features differs, a row does not exist, or an output leaves the range of f32.
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
    /// let f = model.outputs(Level::detect(), data.features(), &[0, 3])?;
    /// assert!(f.row(0)[0] < 0.0 && f.row(1)[0] > 0.0);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn outputs(&self, level: Level, features: &Matrix, rows: &[usize]) -> Result<Matrix, TrainError> {
        check_rows(rows, features.rows())?;
        let c = self.network.outputs;
        let mut out = Vec::with_capacity(rows.len() * c);
        for rows in rows.chunks(BLOCK) {
            let x = self.preparation.apply(features, rows)?;
            let x: MatRef<'_, f32> = x.as_ref();
            out.extend(self.network.outputs(level, x, When::Now)?);
        }
        if let Some(at) = out.iter().position(|f: &f32| !f.is_finite()) {
            return Err(TrainError::Numbers { problem: format!("the output for row {} leaves the range of numbers", rows[at / c] + 1) });
        }
        Ok(Matrix::new(out, rows.len(), c)?)
    }

    /// The predictions for the rows named.
    ///
    /// # Errors
    /// As [`outputs`](Self::outputs).
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
    /// assert_eq!(model.predict(Level::detect(), data.features(), &[0])?[0].to_string(), "minus");
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn predict(&self, level: Level, features: &Matrix, rows: &[usize]) -> Result<Vec<Prediction>, TrainError> {
        let outputs = self.outputs(level, features, rows)?;
        Ok((0..outputs.rows()).map(|i| self.coding.decode(outputs.row(i))).collect())
    }

    /// How well it does on the rows named.
    ///
    /// # Errors
    /// As [`outputs`](Self::outputs), and when `truth` has another number of rows.
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
    /// let truth = model.coding().truth(data.target(), &all)?;
    /// assert_eq!(model.score(Level::detect(), data.features(), &all, &truth)?.correct, Some(4));
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn score(&self, level: Level, features: &Matrix, rows: &[usize], truth: &[Truth]) -> Result<Score, TrainError> {
        self.coding.score(&self.outputs(level, features, rows)?, truth)
    }
}
