//! How targets become a network's outputs, and outputs become predictions and scores.

use std::fmt;

use super::data::{Matrix, Target, check_rows};
use crate::Error;
use crate::train::TrainError;

/// How targets become a network's outputs, and outputs become predictions.
///
/// * More than two classes: one output each, 1 for the class and 0 for the others; the prediction is the largest.
/// * Two classes: one output, -1 for the first and +1 for the second; the prediction is its sign.
/// * Numbers: one output each, minus the mean, divided by the standard deviation (of the training part).
///
/// ```
/// use subquad::train::{Coding, Target};
///
/// let kind = Target::classes("kind", vec!["cat".into(), "dog".into(), "eel".into()], vec![0, 1, 2])?;
/// let coding = Coding::fit(&kind, &[0, 1, 2])?;
/// assert_eq!(coding.encode(&kind, &[2, 0])?.data(), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
/// assert_eq!(coding.decode(&[0.1, 0.7, 0.2]).to_string(), "dog");
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Coding {
    /// Classes, by their labels.
    Classes {
        /// The labels: at least two.
        labels: Vec<String>,
    },
    /// Numbers.
    Values {
        /// Their names.
        names: Vec<String>,
        /// Their means.
        means: Vec<f64>,
        /// Their standard deviations, above 0.
        deviations: Vec<f64>,
    },
}

/// What a model says about one row.
///
/// ```
/// use subquad::train::Prediction;
///
/// assert_eq!(Prediction::Class { index: 1, label: "dog".into() }.to_string(), "dog");
/// assert_eq!(Prediction::Values(vec![1.5, 2.0]).to_string(), "1.5,2");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Prediction {
    /// The class, and its label.
    Class {
        /// Index into the labels.
        index: usize,
        /// The label as it was in the training table.
        label: String,
    },
    /// The numbers, in the units of the training table.
    Values(Vec<f64>),
}

impl fmt::Display for Prediction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Class { label, .. } => f.write_str(label),
            Self::Values(values) => {
                for (i, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if i == 0 { "" } else { "," })?;
                }
                Ok(())
            }
        }
    }
}

/// What is known about one row's target.
///
/// ```
/// use subquad::train::{Coding, Truth};
///
/// let coding = Coding::Classes { labels: vec!["cat".into(), "dog".into()] };
/// assert_eq!(coding.truth_from_text("dog"), Ok(Truth::Class(1)));
/// assert_eq!(coding.truth_from_text("yak"), Ok(Truth::UnknownClass("yak".into())));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Truth {
    /// Nothing: the cell is empty.
    Missing,
    /// Its class.
    Class(usize),
    /// A class that the model has never seen.
    UnknownClass(String),
    /// Its numbers.
    Values(Vec<f64>),
}

/// How well a model's outputs agree with the truth.
///
/// ```
/// use subquad::train::{Coding, Matrix, Truth};
///
/// // Two classes are one output: -1 and +1. Right, and wrong.
/// let coding = Coding::Classes { labels: vec!["cat".into(), "dog".into()] };
/// let score = coding.score(&Matrix::new(vec![1.0, 1.0], 2, 1)?, &[Truth::Class(1), Truth::Class(0)])?;
/// assert_eq!((score.correct, score.accuracy(), score.mse), (Some(1), Some(0.5), 2.0));
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Rows whose truth is known.
    pub rows: usize,
    /// Mean square error over rows and outputs, in the network's units (z-scored for regression). Rows of a class that
    /// the model has never seen have no code and do not count here. NaN if no row counts.
    pub mse: f64,
    /// Rows whose class is right; `None` for regression.
    pub correct: Option<usize>,
    /// Rows of a class that the model has never seen (they count as wrong).
    pub unknown: usize,
}

impl Score {
    /// Share of the rows whose class is right; `None` for regression, and without rows.
    ///
    /// ```
    /// use subquad::train::Score;
    ///
    /// assert_eq!(Score { rows: 4, mse: 0.1, correct: Some(3), unknown: 0 }.accuracy(), Some(0.75));
    /// assert_eq!(Score { rows: 4, mse: 0.1, correct: None, unknown: 0 }.accuracy(), None);
    /// ```
    pub fn accuracy(&self) -> Option<f64> {
        self.correct.filter(|_| self.rows > 0).map(|correct| correct as f64 / self.rows as f64)
    }
}

impl Coding {
    /// The coding of a target, with the statistics of the rows named in `train` only.
    ///
    /// # Errors
    /// When the training part has no row, one class, or one value.
    ///
    /// ```
    /// # use subquad::train::{Coding, Target};
    /// // The mean of 1 and 3 is 2, their deviation 1; the row that does not train has no say.
    /// let coding = Coding::fit(&Target::values(vec!["size".into()], vec![1.0, 3.0, 99.0])?, &[0, 1])?;
    /// assert_eq!(coding, Coding::Values { names: vec!["size".into()], means: vec![2.0], deviations: vec![1.0] });
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn fit(target: &Target, train: &[usize]) -> Result<Self, TrainError> {
        check_rows(train, target.len())?;
        match target {
            Target::Classes { labels, of_row, .. } => {
                let first = train.first().map(|&row| of_row[row]);
                if train.iter().all(|&row| Some(of_row[row]) == first) {
                    return Err(TrainError::data(format!(
                        "the training part of target '{}' has one class only: {}",
                        target.name(),
                        first.map_or("none, for there is no row".into(), |class| format!(
                            "'{}' in all {} rows",
                            labels[class as usize],
                            train.len()
                        ))
                    )));
                }
                Ok(Self::Classes { labels: labels.clone() })
            }
            Target::Values { names, values } => {
                let (k, n) = (names.len(), train.len() as f64);
                let (mut means, mut deviations) = (Vec::new(), Vec::new());
                for j in 0..k {
                    let column = || train.iter().map(|&row| values[row * k + j]);
                    let mean = column().map(|x| x / n).sum::<f64>();
                    let deviation = column().map(|x| (x - mean) * (x - mean) / n).sum::<f64>().sqrt();
                    let first = column().next();
                    if column().all(|x| Some(x) == first) {
                        return Err(TrainError::data(format!(
                            "the training part of target '{}' is constant: {}",
                            names[j],
                            first.map_or("there is no row".into(), |first| format!("{first} in all {} rows", train.len()))
                        )));
                    }
                    if !(mean.is_finite() && deviation.is_finite() && deviation > 0.0) {
                        return Err(TrainError::data(format!(
                            "the values of target '{}' are too large or too close to each other: their mean is {mean}, their deviation {deviation}",
                            names[j]
                        )));
                    }
                    means.push(mean);
                    deviations.push(deviation);
                }
                Ok(Self::Values { names: names.clone(), means, deviations })
            }
        }
    }

    /// Number of outputs.
    ///
    /// ```
    /// # use subquad::train::Coding;
    /// assert_eq!(Coding::Classes { labels: vec!["cat".into(), "dog".into()] }.outputs(), 1);
    /// assert_eq!(Coding::Classes { labels: vec!["cat".into(), "dog".into(), "eel".into()] }.outputs(), 3);
    /// ```
    pub fn outputs(&self) -> usize {
        match self {
            Self::Classes { labels } if labels.len() == 2 => 1,
            Self::Classes { labels } => labels.len(),
            Self::Values { names, .. } => names.len(),
        }
    }

    /// Whether the target is a class.
    ///
    /// ```
    /// # use subquad::train::Coding;
    /// assert!(Coding::Classes { labels: vec!["cat".into(), "dog".into()] }.is_classes());
    /// ```
    pub fn is_classes(&self) -> bool {
        matches!(self, Self::Classes { .. })
    }

    /// The truth about the rows of a target.
    ///
    /// ```
    /// # use subquad::train::{Coding, Target, Truth};
    /// let kind = Target::classes("kind", vec!["cat".into(), "dog".into()], vec![0, 1])?;
    /// assert_eq!(Coding::fit(&kind, &[0, 1])?.truth(&kind, &[1])?, [Truth::Class(1)]);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn truth(&self, target: &Target, rows: &[usize]) -> Result<Vec<Truth>, TrainError> {
        check_rows(rows, target.len())?;
        match (self, target) {
            (Self::Classes { labels }, Target::Classes { labels: theirs, of_row, .. }) => {
                let place: Vec<Option<usize>> = theirs.iter().map(|label| labels.iter().position(|l| l == label)).collect();
                let truth = |&row: &usize| {
                    let class = of_row[row] as usize;
                    place[class].map_or_else(|| Truth::UnknownClass(theirs[class].clone()), Truth::Class)
                };
                Ok(rows.iter().map(truth).collect())
            }
            (Self::Values { names, .. }, Target::Values { names: theirs, values }) if names.len() == theirs.len() => {
                Ok(rows.iter().map(|&row| Truth::Values(values[row * names.len()..][..names.len()].to_vec())).collect())
            }
            _ => {
                let here =
                    if let Self::Values { names, .. } = self { format!("{} columns of numbers", names.len()) } else { "classes".into() };
                let there = if let Target::Values { names, .. } = target {
                    format!("{} columns of numbers", names.len())
                } else {
                    "classes".into()
                };
                Err(TrainError::data(format!(
                    "the coding is for another kind of target than '{}': for {here}, found {there}",
                    target.name()
                )))
            }
        }
    }

    /// The truth that a cell of a table tells: its label or number.
    ///
    /// # Errors
    /// What is wrong with the cell.
    ///
    /// ```
    /// # use subquad::train::{Coding, Truth};
    /// let coding = Coding::Values { names: vec!["size".into()], means: vec![2.0], deviations: vec![1.0] };
    /// assert_eq!(coding.truth_from_text("1.5"), Ok(Truth::Values(vec![1.5])));
    /// assert!(coding.truth_from_text("large").is_err());
    /// ```
    pub fn truth_from_text(&self, cell: &str) -> Result<Truth, String> {
        match self {
            Self::Classes { labels } => {
                if let Some(index) = labels.iter().position(|label| label == cell) {
                    return Ok(Truth::Class(index));
                }
                // `3.0` is the class `3` where all labels are numbers.
                let numbers: Option<Vec<f64>> = labels.iter().map(|label| label.parse().ok()).collect();
                if let (Some(numbers), Ok(number)) = (numbers, cell.parse::<f64>())
                    && let Some(index) = numbers.iter().position(|x| *x == number)
                {
                    return Ok(Truth::Class(index));
                }
                Ok(Truth::UnknownClass(cell.into()))
            }
            Self::Values { .. } => match cell.parse::<f64>() {
                Ok(x) if x.is_finite() => Ok(Truth::Values(vec![x])),
                Ok(x) => Err(format!("{x} is not a finite number")),
                Err(_) => Err(format!("'{cell}' is text; the model predicts numbers")),
            },
        }
    }

    /// Writes a row's code; false where it has none.
    fn code(&self, truth: &Truth, out: &mut [f32]) -> bool {
        match (self, truth) {
            (Self::Classes { labels }, &Truth::Class(class)) if labels.len() == 2 => out[0] = if class == 1 { 1.0 } else { -1.0 },
            (Self::Classes { .. }, &Truth::Class(class)) => {
                out.fill(0.0);
                out[class] = 1.0;
            }
            (Self::Values { means, deviations, .. }, Truth::Values(values)) if values.len() == out.len() => {
                for (j, (out, value)) in out.iter_mut().zip(values).enumerate() {
                    *out = ((value - means[j]) / deviations[j]) as f32;
                }
            }
            _ => return false,
        }
        true
    }

    /// The outputs that a perfect network would give for these rows: rows x outputs.
    ///
    /// # Errors
    /// When the target is of another kind, or a row does not exist.
    ///
    /// ```
    /// # use subquad::train::{Coding, Target};
    /// let size = Target::values(vec!["size".into()], vec![1.0, 3.0])?;
    /// assert_eq!(Coding::fit(&size, &[0, 1])?.encode(&size, &[0, 1])?.data(), [-1.0, 1.0]);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn encode(&self, target: &Target, rows: &[usize]) -> Result<Matrix, TrainError> {
        let truth = self.truth(target, rows)?;
        let c = self.outputs();
        let mut data = vec![0.0; rows.len() * c];
        for (out, truth) in data.chunks_exact_mut(c).zip(&truth) {
            if !self.code(truth, out) {
                let class = if let Truth::UnknownClass(class) = truth { class } else { "" };
                return Err(TrainError::data(format!("target '{}' has a class that the coding does not know: '{class}'", target.name())));
            }
        }
        Ok(Matrix::new(data, rows.len(), c)?)
    }

    /// The prediction that one row of outputs means. Of equal outputs the first wins; the sign of 0 is the second class.
    ///
    /// ```
    /// # use subquad::train::{Coding, Prediction};
    /// let coding = Coding::Values { names: vec!["size".into()], means: vec![2.0], deviations: vec![10.0] };
    /// assert_eq!(coding.decode(&[0.5]), Prediction::Values(vec![7.0]));
    /// ```
    pub fn decode(&self, outputs: &[f32]) -> Prediction {
        match self {
            Self::Classes { labels } => {
                let index = self.class(outputs);
                Prediction::Class { index, label: labels[index].clone() }
            }
            Self::Values { means, deviations, .. } => Prediction::Values(
                outputs.iter().zip(means.iter().zip(deviations)).map(|(&f, (mean, deviation))| f64::from(f) * deviation + mean).collect(),
            ),
        }
    }

    pub(super) fn class(&self, outputs: &[f32]) -> usize {
        if self.outputs() == 1 {
            return usize::from(outputs.first().is_some_and(|f| *f >= 0.0));
        }
        let mut best = 0;
        for (i, f) in outputs.iter().enumerate() {
            if *f > outputs[best] {
                best = i;
            }
        }
        best
    }

    /// Compares outputs (rows x outputs) with the truth about the same rows.
    ///
    /// # Errors
    /// When the numbers of rows or of outputs disagree.
    ///
    /// ```
    /// # use subquad::train::{Coding, Matrix, Truth};
    /// let coding = Coding::Classes { labels: vec!["cat".into(), "dog".into(), "eel".into()] };
    /// let outputs = Matrix::new(vec![0.0, 1.0, 0.0, 1.0, 0.0, 0.0], 2, 3)?;
    /// let score = coding.score(&outputs, &[Truth::Class(1), Truth::Missing])?;
    /// assert_eq!((score.rows, score.correct, score.mse), (1, Some(1), 0.0));
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn score(&self, outputs: &Matrix, truth: &[Truth]) -> Result<Score, TrainError> {
        let c = self.outputs();
        if outputs.cols() != c {
            return Err(Error::length("outputs: columns", c, outputs.cols()).into());
        }
        if outputs.rows() != truth.len() {
            return Err(Error::length("outputs: rows", truth.len(), outputs.rows()).into());
        }
        let mut code = vec![0.0f32; c];
        let (mut rows, mut coded, mut correct, mut unknown, mut sum) = (0, 0usize, 0, 0, 0.0);
        for (i, truth) in truth.iter().enumerate() {
            match truth {
                Truth::Missing => continue,
                Truth::UnknownClass(_) => unknown += 1,
                Truth::Class(class) => correct += usize::from(self.class(outputs.row(i)) == *class),
                Truth::Values(_) => {}
            }
            rows += 1;
            if self.code(truth, &mut code) {
                coded += 1;
                sum += code.iter().zip(outputs.row(i)).map(|(y, f)| (f64::from(*f) - f64::from(*y)).powi(2)).sum::<f64>();
            }
        }
        Ok(Score { rows, mse: sum / (coded * c) as f64, correct: self.is_classes().then_some(correct), unknown })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::data::tests::{classes, set, text};

    #[test]
    fn codes_decode_to_what_they_came_from() {
        let rows: Vec<usize> = (0..6).collect();
        for of_row in [[0, 1, 0, 1, 1, 0], [0, 1, 2, 2, 1, 0]] {
            let data = classes(&of_row);
            let coding = Coding::fit(data.target(), &rows).unwrap();
            let y = coding.encode(data.target(), &rows).unwrap();
            assert_eq!(y.cols(), if of_row.contains(&2) { 3 } else { 1 });
            for (row, class) in of_row.into_iter().enumerate() {
                let class = class as usize;
                assert_eq!(coding.decode(y.row(row)), Prediction::Class { index: class, label: format!("l{class}") });
            }
            let score = coding.score(&y, &coding.truth(data.target(), &rows).unwrap()).unwrap();
            assert_eq!((score.rows, score.mse, score.correct, score.unknown), (6, 0.0, Some(6), 0));
        }
        let data = set(Target::values(vec!["a".into(), "b".into()], vec![1.0, -1.0, 3.0, 5.0, 100.0, 200.0]).unwrap());
        let coding = Coding::fit(data.target(), &[0, 1]).unwrap();
        let Coding::Values { means, deviations, .. } = &coding else { panic!() };
        assert_eq!((means[0], deviations[0], means[1], deviations[1]), (2.0, 1.0, 2.0, 3.0));
        let y = coding.encode(data.target(), &[0, 1]).unwrap();
        assert_eq!(y.data(), &[-1.0, -1.0, 1.0, 1.0]);
        assert_eq!(coding.decode(y.row(1)), Prediction::Values(vec![3.0, 5.0]));
    }

    #[test]
    fn statistics_come_from_the_training_part_alone() {
        let data = set(Target::values(vec!["y".into()], vec![1.0, 1.0, 9.0]).unwrap());
        assert!(Coding::fit(data.target(), &[0, 1]).unwrap_err().to_string().contains("constant"));
        assert!(Coding::fit(data.target(), &[0, 2]).is_ok());
        assert!(Coding::fit(data.target(), &[0, 7]).unwrap_err().to_string().contains("no row 7"));
        assert!(Coding::fit(classes(&[0, 0, 1]).target(), &[0, 1]).is_err());
    }

    #[test]
    fn scores_know_missing_and_unknown_truth() {
        let coding = Coding::Classes { labels: text(&["0", "1", "2"]) };
        assert_eq!(coding.truth_from_text("2.0"), Ok(Truth::Class(2)));
        assert_eq!(coding.truth_from_text("x"), Ok(Truth::UnknownClass("x".into())));
        let outputs = Matrix::new(vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0], 3, 3).unwrap();
        let score = coding.score(&outputs, &[Truth::Class(0), Truth::Missing, Truth::UnknownClass("x".into())]).unwrap();
        assert_eq!((score.rows, score.mse, score.correct, score.unknown), (2, 0.0, Some(1), 1));
        assert_eq!(score.accuracy(), Some(0.5));
        assert!(coding.score(&outputs, &[Truth::Missing]).is_err());
        let numbers = Coding::Values { names: text(&["y"]), means: vec![1.0], deviations: vec![2.0] };
        assert!(numbers.truth_from_text("x").is_err() && numbers.truth_from_text("inf").is_err());
        assert_eq!(numbers.truth_from_text("3"), Ok(Truth::Values(vec![3.0])));
    }
}
