//! A trained network with everything it needs to predict: preparation, coding, names; saved and loaded as safetensors.

#[cfg(feature = "io")]
mod format;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{PrepareOptions, RowScaling};
    use rand_core::{Rng, SeedableRng};

    fn numbers(n: usize, seed: u64) -> Vec<f32> {
        let mut rng = rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(seed);
        (0..n).map(|_| rng.next_u32() as i32 as f32 / 1e9).collect()
    }

    pub(super) fn features() -> Matrix {
        Matrix::new(numbers(200 * 5, 1), 200, 5).unwrap()
    }

    fn model(coding: Coding, rows: RowScaling) -> Model {
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

    pub(super) fn bits(matrix: &Matrix) -> Vec<u32> {
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
}
