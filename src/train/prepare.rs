//! The preparation of features, fitted on the training part and stored in the model.

use crate::Error;
use crate::train::TrainError;
use crate::train::data::{Matrix, check_rows};

/// What happens to the columns after their mean is taken off.
///
/// ```
/// use subquad::train::{ColumnScaling, Matrix, Preparation, PrepareOptions};
///
/// // An age and a pressure: their ranges differ, so z-scores are taken.
/// let features = Matrix::new(vec![20.0, 1000.0, 30.0, 1900.0], 2, 2)?;
/// assert!(Preparation::fit(&features, &[0, 1], PrepareOptions::default())?.is_zscore());
/// let options = PrepareOptions { columns: ColumnScaling::Centre, ..PrepareOptions::default() };
/// assert!(!Preparation::fit(&features, &[0, 1], options)?.is_zscore());
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColumnScaling {
    /// Z-scores where the columns have different units, else nothing.
    ///
    /// The rule: columns share their unit if the median of their ranges (max - min, over the columns that are not
    /// constant) is at least half of the range of all of them together. The pixels of an image do; a table with an age
    /// next to a blood pressure does not. Measured: z-scores of pixels blow up those that hardly ever light up (digits:
    /// test MSE .0087 and .0099 on two splits, against .0077 and .0083 without).
    #[default]
    Auto,
    /// Nothing: distances between columns mean something, as with pixels.
    Centre,
    /// Each column is divided by its standard deviation.
    ZScore,
}

/// How rows get the length that the theory asks for: 1.
///
/// Measured: on images both do alike (digits, five splits: the same steps, the same test MSE to 2 %). On tables `Unit`
/// throws away what the distance from the mean says: a smooth function of three features has a test MSE of 0.22 with
/// it and 0.001 without, and a class that is a ball around the mean cannot be learnt at all.
///
/// ```
/// use subquad::train::{Matrix, Preparation, PrepareOptions, RowScaling};
///
/// // Rows at distances 1 and 3 from the mean 0: kept apart, or both brought to norm 1.
/// let features = Matrix::new(vec![-3.0, -1.0, 1.0, 3.0], 4, 1)?;
/// let at = |rows| {
///     let options = PrepareOptions { rows, constant: 0.0, ..PrepareOptions::default() };
///     let prepared = Preparation::fit(&features, &[0, 1, 2, 3], options)?.apply(&features, &[2, 3])?;
///     Ok::<_, subquad::train::TrainError>(prepared.row(1)[0] / prepared.row(0)[0])
/// };
/// assert!((at(RowScaling::Global)? - 3.0).abs() < 1e-6);
/// assert!((at(RowScaling::Unit)? - 1.0).abs() < 1e-6);
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RowScaling {
    /// One factor for all rows, so that the mean square norm is 1. Keeps magnitudes.
    #[default]
    Global,
    /// Every row gets norm 1. Keeps the direction from the mean only.
    Unit,
}

/// Choices for [`Preparation::fit`].
///
/// ```
/// use subquad::train::PrepareOptions;
///
/// assert_eq!(PrepareOptions::default().constant, 0.3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PrepareOptions {
    /// The columns.
    pub columns: ColumnScaling,
    /// The rows.
    pub rows: RowScaling,
    /// The constant feature c that is appended, 0 <= c < 1: through it every neuron has a bias.
    pub constant: f32,
}

impl Default for PrepareOptions {
    fn default() -> Self {
        Self { columns: ColumnScaling::Auto, rows: RowScaling::Global, constant: 0.3 }
    }
}

/// How a row of p features becomes the p + 1 inputs of the network:
///
/// `z_j = (x_j - mean_j) factor_j`, then `z <- s z` with `s = sqrt(1 - c^2) / |z|` (or one s for all rows), then c is
/// appended. A prepared row has norm 1 (with one s for all: on average over the training part). A row that equals the
/// mean stays zero and has norm c. A column that is constant in the training part has factor 0: nothing was learnt
/// about it, so it must not speak later.
///
/// Statistics and arithmetic are in f64, one row after the other in a fixed order: the same on every platform.
///
/// ```
/// use subquad::train::{Matrix, Preparation, PrepareOptions};
///
/// let features = Matrix::new(vec![-1.0, 5.0, 1.0, 5.0], 2, 2)?;
/// let preparation = Preparation::fit(&features, &[0, 1], PrepareOptions { constant: 0.6, ..PrepareOptions::default() })?;
/// let x = preparation.apply(&features, &[0, 1])?;
/// // Of norm 1, with the constant last; the second column says nothing.
/// assert!(x.row(0).iter().zip([-0.8, 0.0, 0.6]).all(|(x, wanted)| (x - wanted).abs() < 1e-6));
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Preparation {
    pub(crate) means: Vec<f64>,
    pub(crate) factors: Vec<f64>,
    /// One factor for all rows; `None`: every row its own.
    pub(crate) scale: Option<f64>,
    pub(crate) constant: f32,
}

impl Preparation {
    /// The preparation for the rows of `features` that are named in `train`.
    ///
    /// # Errors
    /// When there is no row or no feature, every feature is constant, or the constant is out of its range.
    ///
    /// ```
    /// # use subquad::train::{Matrix, Preparation, PrepareOptions};
    /// let constant = Matrix::new(vec![5.0, 5.0], 2, 1)?;
    /// assert!(Preparation::fit(&constant, &[0, 1], PrepareOptions::default()).is_err()); // nothing to learn from
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn fit(features: &Matrix, train: &[usize], options: PrepareOptions) -> Result<Self, TrainError> {
        let p = features.cols();
        check_rows(train, features.rows())?;
        if !(0.0..1.0).contains(&options.constant) {
            return Err(TrainError::setting("constant feature", "at least 0 and below 1", options.constant));
        }
        if train.is_empty() || p == 0 {
            return Err(TrainError::data(format!("nothing to prepare: {} rows of {p} features", train.len())));
        }
        let n = train.len() as f64;
        let rows = || train.iter().map(|&row| features.row(row));
        let mut means = vec![0.0f64; p];
        let (mut least, mut most) = (vec![f32::INFINITY; p], vec![f32::NEG_INFINITY; p]);
        for row in rows() {
            for (j, &x) in row.iter().enumerate() {
                means[j] += f64::from(x) / n;
                least[j] = least[j].min(x);
                most[j] = most[j].max(x);
            }
        }
        let varies: Vec<bool> = least.iter().zip(&most).map(|(least, most)| least < most).collect();
        if !varies.contains(&true) {
            return Err(TrainError::data(format!(
                "every feature is constant in the training part, {} rows of {p} features, so there is nothing to learn from",
                train.len()
            )));
        }
        let zscore = match options.columns {
            ColumnScaling::Centre => false,
            ColumnScaling::ZScore => true,
            ColumnScaling::Auto => !share_unit(&least, &most),
        };
        let mut squares = vec![0.0f64; p];
        for row in rows() {
            for (j, &x) in row.iter().enumerate() {
                squares[j] += (f64::from(x) - means[j]).powi(2) / n;
            }
        }
        let factors: Vec<f64> = varies
            .iter()
            .zip(&squares)
            .map(|(&varies, square)| {
                if !varies {
                    0.0
                } else if zscore {
                    1.0 / square.sqrt()
                } else {
                    1.0
                }
            })
            .collect();
        let unit = (1.0 - f64::from(options.constant).powi(2)).sqrt();
        let scale = match options.rows {
            RowScaling::Unit => None,
            RowScaling::Global => {
                Some(unit / squares.iter().zip(&factors).map(|(square, factor)| square * factor * factor).sum::<f64>().sqrt())
            }
        };
        let this = Self { means, factors, scale, constant: options.constant };
        this.check().map_err(TrainError::data)?;
        Ok(this)
    }

    /// What a file may not say.
    pub(crate) fn check(&self) -> Result<(), String> {
        let finite = |xs: &[f64]| xs.iter().all(|x| x.is_finite());
        if self.means.len() != self.factors.len() {
            return Err(format!("{} means, but {} factors", self.means.len(), self.factors.len()));
        }
        if !finite(&self.means) || !finite(&self.factors) || !self.scale.is_none_or(|s| s.is_finite() && s > 0.0) {
            return Err("the statistics of the features are not finite numbers".into());
        }
        if !(0.0..1.0).contains(&self.constant) {
            return Err(format!("the constant feature is {}, not at least 0 and below 1", self.constant));
        }
        Ok(())
    }

    /// Number of features that come in.
    ///
    /// ```
    /// # use subquad::train::{Matrix, Preparation, PrepareOptions};
    /// let features = Matrix::new(vec![-1.0, 5.0, 1.0, 5.0], 2, 2)?; // the second column is constant
    /// let preparation = Preparation::fit(&features, &[0, 1], PrepareOptions::default())?;
    /// assert_eq!(preparation.features(), 2);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn features(&self) -> usize {
        self.means.len()
    }

    /// Number of inputs that go out: one more.
    ///
    /// ```
    /// # use subquad::train::{Matrix, Preparation, PrepareOptions};
    /// let features = Matrix::new(vec![-1.0, 5.0, 1.0, 5.0], 2, 2)?; // the second column is constant
    /// let preparation = Preparation::fit(&features, &[0, 1], PrepareOptions::default())?;
    /// assert_eq!(preparation.inputs(), 3); // and the constant
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn inputs(&self) -> usize {
        self.means.len() + 1
    }

    /// Whether columns are divided by their standard deviations (a column whose factor is neither 0 nor 1 says so).
    ///
    /// ```
    /// # use subquad::train::{Matrix, Preparation, PrepareOptions};
    /// let features = Matrix::new(vec![-1.0, 5.0, 1.0, 5.0], 2, 2)?; // the second column is constant
    /// let preparation = Preparation::fit(&features, &[0, 1], PrepareOptions::default())?;
    /// assert!(!preparation.is_zscore()); // one column varies, so there are no units to reconcile
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn is_zscore(&self) -> bool {
        self.factors.iter().any(|&factor| factor != 0.0 && factor != 1.0)
    }

    /// Columns that are ignored, because they were constant in the training part.
    ///
    /// ```
    /// # use subquad::train::{Matrix, Preparation, PrepareOptions};
    /// let features = Matrix::new(vec![-1.0, 5.0, 1.0, 5.0], 2, 2)?; // the second column is constant
    /// let preparation = Preparation::fit(&features, &[0, 1], PrepareOptions::default())?;
    /// assert_eq!(preparation.ignored().collect::<Vec<_>>(), [1]);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn ignored(&self) -> impl Iterator<Item = usize> {
        self.factors.iter().enumerate().filter(|(_, factor)| **factor == 0.0).map(|(j, _)| j)
    }

    /// How rows are scaled.
    ///
    /// ```
    /// # use subquad::train::RowScaling;
    /// # use subquad::train::{Matrix, Preparation, PrepareOptions};
    /// let features = Matrix::new(vec![-1.0, 5.0, 1.0, 5.0], 2, 2)?; // the second column is constant
    /// let preparation = Preparation::fit(&features, &[0, 1], PrepareOptions::default())?;
    /// assert_eq!(preparation.rows(), RowScaling::Global);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn rows(&self) -> RowScaling {
        if self.scale.is_some() { RowScaling::Global } else { RowScaling::Unit }
    }

    /// The network's inputs for the rows named.
    ///
    /// # Errors
    /// When the number of features differs, or a row does not exist.
    ///
    /// ```
    /// # use subquad::train::{Matrix, Preparation, PrepareOptions};
    /// let features = Matrix::new(vec![-1.0, 5.0, 1.0, 5.0], 2, 2)?; // the second column is constant
    /// let preparation = Preparation::fit(&features, &[0, 1], PrepareOptions::default())?;
    /// let x = preparation.apply(&features, &[1])?;
    /// assert_eq!((x.rows(), x.cols(), x.row(0)[2]), (1, 3, 0.3));
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn apply(&self, features: &Matrix, rows: &[usize]) -> Result<Matrix, TrainError> {
        check_rows(rows, features.rows())?;
        if features.cols() != self.features() {
            return Err(Error::length("features: columns", self.features(), features.cols()).into());
        }
        let d = self.inputs();
        let mut data = vec![0.0f32; rows.len() * d];
        let mut z = vec![0.0f64; d - 1];
        for (out, &row) in data.chunks_exact_mut(d).zip(rows) {
            self.row(features.row(row), &mut z, out);
        }
        Ok(Matrix::new(data, rows.len(), d)?)
    }

    fn row(&self, x: &[f32], z: &mut [f64], out: &mut [f32]) {
        let mut square = 0.0;
        for (j, z) in z.iter_mut().enumerate() {
            *z = (f64::from(x[j]) - self.means[j]) * self.factors[j];
            square += *z * *z;
        }
        let unit = (1.0 - f64::from(self.constant).powi(2)).sqrt();
        let scale = self.scale.unwrap_or(if square > 0.0 { unit / square.sqrt() } else { 0.0 });
        for (out, z) in out.iter_mut().zip(z) {
            // Far outside the training range one global factor may leave the range of f32: stay finite.
            *out = (*z * scale).clamp(-f64::from(f32::MAX), f64::from(f32::MAX)) as f32;
        }
        out[x.len()] = self.constant;
    }
}

/// Whether columns share their unit: the median of their ranges is at least half of the range of all together.
fn share_unit(least: &[f32], most: &[f32]) -> bool {
    let mut ranges: Vec<f64> =
        least.iter().zip(most).map(|(least, most)| f64::from(*most) - f64::from(*least)).filter(|range| *range > 0.0).collect();
    ranges.sort_by(f64::total_cmp);
    let varying = || least.iter().zip(most).filter(|(least, most)| least < most);
    let low = varying().fold(f64::INFINITY, |low, (least, _)| low.min(f64::from(*least)));
    let high = varying().fold(f64::NEG_INFINITY, |high, (_, most)| high.max(f64::from(*most)));
    ranges[ranges.len() / 2] >= 0.5 * (high - low)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn norm(row: &[f32]) -> f64 {
        row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt()
    }

    fn table() -> Matrix {
        // An age, a constant, a blood pressure.
        let rows = [[20.0f32, 5.0, 900.0], [30.0, 5.0, 1000.0], [40.0, 5.0, 1250.0], [70.0, 9.0, 100.0]];
        Matrix::new(rows.concat(), 4, 3).unwrap()
    }

    #[test]
    fn rows_have_norm_one_and_end_with_the_constant() {
        for rows in [RowScaling::Unit, RowScaling::Global] {
            for columns in [ColumnScaling::Auto, ColumnScaling::Centre, ColumnScaling::ZScore] {
                let preparation = Preparation::fit(&table(), &[0, 1, 2], PrepareOptions { rows, columns, constant: 0.3 }).unwrap();
                let x = preparation.apply(&table(), &[0, 1, 2, 3]).unwrap();
                assert_eq!((x.rows(), x.cols()), (4, 4));
                assert_eq!(preparation.is_zscore(), columns != ColumnScaling::Centre);
                assert_eq!(preparation.ignored().collect::<Vec<_>>(), [1]);
                assert!((0..4).all(|i| x.row(i)[3] == 0.3 && x.row(i)[1] == 0.0), "a column that was constant stays silent");
                let mean_square = (0..3).map(|i| norm(x.row(i)).powi(2)).sum::<f64>() / 3.0;
                assert!((mean_square - 1.0).abs() < 1e-6, "{mean_square}");
                if rows == RowScaling::Unit {
                    assert!((0..4).all(|i| (norm(x.row(i)) - 1.0).abs() < 1e-6));
                } else {
                    assert!(norm(x.row(3)) > 1.5, "a far row stays far");
                }
            }
        }
    }

    #[test]
    fn statistics_come_from_the_training_part_alone() {
        let preparation =
            Preparation::fit(&table(), &[0, 2], PrepareOptions { columns: ColumnScaling::ZScore, ..Default::default() }).unwrap();
        assert_eq!(preparation.means, [30.0, 5.0, 1075.0]);
        assert_eq!(preparation.factors, [0.1, 0.0, 1.0 / 175.0]);
    }

    #[test]
    fn a_row_at_the_mean_is_silent_and_nothing_divides_by_zero() {
        let x = Matrix::new(vec![-1.0, 1.0, 0.0], 3, 1).unwrap();
        let preparation = Preparation::fit(&x, &[0, 1, 2], PrepareOptions::default()).unwrap();
        assert_eq!(preparation.apply(&x, &[2]).unwrap().data(), &[0.0, 0.3]);
        let preparation = Preparation::fit(&x, &[0, 1, 2], PrepareOptions { rows: RowScaling::Unit, ..Default::default() }).unwrap();
        assert_eq!(preparation.apply(&x, &[2]).unwrap().data(), &[0.0, 0.3]);
        let constant = Matrix::new(vec![2.0; 3], 3, 1).unwrap();
        assert!(Preparation::fit(&constant, &[0, 1, 2], PrepareOptions::default()).is_err());
        assert!(Preparation::fit(&x, &[], PrepareOptions::default()).is_err());
        assert!(Preparation::fit(&x, &[3], PrepareOptions::default()).is_err());
        for c in [-0.1, 1.0, f32::NAN] {
            assert!(Preparation::fit(&x, &[0, 1], PrepareOptions { constant: c, ..Default::default() }).is_err());
        }
    }

    #[test]
    fn extreme_values_stay_finite() {
        let x = Matrix::new(vec![f32::MAX, -f32::MAX, 1e-45, 0.0, f32::MAX, 3e-45], 3, 2).unwrap();
        for rows in [RowScaling::Unit, RowScaling::Global] {
            for columns in [ColumnScaling::Auto, ColumnScaling::Centre, ColumnScaling::ZScore] {
                let preparation = Preparation::fit(&x, &[1, 2], PrepareOptions { rows, columns, constant: 0.3 }).unwrap();
                assert!(preparation.apply(&x, &[0, 1, 2]).unwrap().data().iter().all(|x| x.is_finite()));
            }
        }
    }

    #[test]
    fn the_rule_for_units() {
        // Pixels, some of which hardly ever light up.
        assert!(share_unit(&[0.0, 0.0, 0.0, 0.0], &[16.0, 15.0, 0.0, 1.0]));
        assert!(!share_unit(&[19.0, 1.0, 18.0], &[79.0, 2.0, 42.0]), "age, sex, body mass");
        assert!(!share_unit(&[0.0, 1000.0], &[1.0, 1001.0]), "equal ranges in different places");
        assert!(share_unit(&[0.0, 3.0], &[1.0, 3.0]), "constant columns have no say");
    }
}
