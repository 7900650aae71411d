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
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The preparation of its inputs.
    pub fn preparation(&self) -> &Preparation {
        &self.preparation
    }

    /// The meaning of its outputs.
    pub fn coding(&self) -> &Coding {
        &self.coding
    }

    /// Hidden layers.
    pub fn layers(&self) -> usize {
        self.network.layers.len()
    }

    /// Neurons of a layer.
    pub fn width(&self) -> usize {
        self.network.width()
    }

    /// Rank of what training added, over all layers.
    pub fn rank(&self) -> usize {
        self.network.layers.iter().flat_map(|layer| &layer.blocks).map(|block| block.u.rows()).sum()
    }

    /// The outputs for the rows named: rows x outputs, in the network's units.
    ///
    /// # Errors
    /// When the number of features differs, a row does not exist, or an output leaves the range of f32.
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
    pub fn predict(&self, level: Level, features: &Matrix, rows: &[usize]) -> Result<Vec<Prediction>, TrainError> {
        let outputs = self.outputs(level, features, rows)?;
        Ok((0..outputs.rows()).map(|i| self.coding.decode(outputs.row(i))).collect())
    }

    /// How well it does on the rows named.
    ///
    /// # Errors
    /// As [`outputs`](Self::outputs), and when `truth` has another number of rows.
    pub fn score(&self, level: Level, features: &Matrix, rows: &[usize], truth: &[Truth]) -> Result<Score, TrainError> {
        self.coding.score(&self.outputs(level, features, rows)?, truth)
    }
}
