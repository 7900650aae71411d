//! Tables in memory: features, targets, the split into a training and a test part, and the coding of targets.

mod matrix;
pub use matrix::Matrix;

use std::collections::HashMap;

use crate::train::TrainError;

/// The kind of target that is wanted.
///
/// ```
/// use subquad::train::{Target, Task};
///
/// // Digits: classes by themselves, numbers if that is asked for.
/// let digits = ["3", "1", "3", "1"].map(String::from);
/// assert!(matches!(Target::from_text("digit", &digits, Task::Auto), Ok(Target::Classes { .. })));
/// assert!(matches!(Target::from_text("digit", &digits, Task::Regression), Ok(Target::Values { .. })));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Task {
    /// Decide by the values: see [`Target::from_text`].
    #[default]
    Auto,
    /// Every value is the label of a class.
    Classification,
    /// Every value is a number to be predicted.
    Regression,
}

/// What is to be predicted, for every row of a table.
///
/// ```
/// use subquad::train::Target;
///
/// let kind = Target::classes("kind", vec!["cat".into(), "dog".into()], vec![0, 1, 1])?;
/// let size = Target::values(vec!["size".into()], vec![0.3, 0.5, 0.9])?;
/// assert_eq!((kind.len(), size.len()), (3, 3));
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Target {
    /// One of several classes.
    Classes {
        /// The target's name.
        name: String,
        /// The labels of the classes.
        labels: Vec<String>,
        /// The class of every row, as an index into `labels`.
        of_row: Vec<u32>,
    },
    /// One or more numbers.
    Values {
        /// The names of the numbers: one per column of `values`.
        names: Vec<String>,
        /// The numbers, row after row.
        values: Vec<f64>,
    },
}

/// At most this many different integers are taken for classes.
const MOST_INTEGER_CLASSES: usize = 32;

impl Target {
    /// Classes: `of_row` holds an index into `labels` for every row.
    ///
    /// # Errors
    /// When an index has no label, a label comes twice, or all rows are of one class.
    ///
    /// ```
    /// # use subquad::train::Target;
    /// assert!(Target::classes("kind", vec!["cat".into(), "dog".into()], vec![0, 1]).is_ok());
    /// let error = Target::classes("kind", vec!["cat".into()], vec![0, 1]).unwrap_err();
    /// assert_eq!(error.to_string(), "target 'kind': class 1 has no label; there are 1 labels");
    /// ```
    pub fn classes(name: impl Into<String>, labels: Vec<String>, of_row: Vec<u32>) -> Result<Self, TrainError> {
        let name = name.into();
        if let Some(&index) = of_row.iter().find(|&&index| index as usize >= labels.len()) {
            return Err(TrainError::data(format!("target '{name}': class {index} has no label; there are {} labels", labels.len())));
        }
        let mut seen = HashMap::new();
        if let Some(twice) = labels.iter().find(|&label| seen.insert(label.clone(), ()).is_some()) {
            return Err(TrainError::data(format!("target '{name}': two classes are called '{twice}'")));
        }
        if let Some(&first) = of_row.first()
            && of_row.len() > 1
            && of_row.iter().all(|&index| index == first)
        {
            return Err(TrainError::data(format!(
                "target '{name}' is constant: all {} rows have the label '{}', so there is nothing to learn",
                of_row.len(),
                labels[first as usize]
            )));
        }
        Ok(Self::Classes { name, labels, of_row })
    }

    /// Numbers: `values` holds one number per name for every row.
    ///
    /// # Errors
    /// When there is no name, the lengths disagree, a number is not finite, or one of the columns is constant.
    ///
    /// ```
    /// # use subquad::train::Target;
    /// // Two numbers for each of three rows.
    /// assert_eq!(Target::values(vec!["u".into(), "v".into()], vec![1.0, 10.0, 2.0, 20.0, 3.0, 30.0])?.len(), 3);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn values(names: Vec<String>, values: Vec<f64>) -> Result<Self, TrainError> {
        let k = names.len();
        if k == 0 || !values.len().is_multiple_of(k) {
            return Err(TrainError::data(format!("{} target values cannot be shared out to {k} columns", values.len())));
        }
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(TrainError::data(format!("target '{}', row {}: {} is not a finite number", names[at % k], at / k + 1, values[at])));
        }
        for (j, name) in names.iter().enumerate() {
            let mut column = values.iter().skip(j).step_by(k);
            if let Some(first) = column.next()
                && values.len() > k
                && column.all(|value| value == first)
            {
                return Err(TrainError::data(format!(
                    "target '{name}' is constant: all {} rows have the value {first}, so there is nothing to learn",
                    values.len() / k
                )));
            }
        }
        Ok(Self::Values { names, values })
    }

    /// A target from the cells of a table's column, none of them missing.
    ///
    /// With [`Task::Auto`] these are classes:
    /// * text;
    /// * integers, if there are at most two different ones, or at most 32 and each of them twice on average.
    ///
    /// Everything else is regression. A column of many different numbers with some text in between is neither: that
    /// is an error which names the text. Classes are ordered by their number, or else by their label; numerals that
    /// mean the same number (`3`, `3.0`) are one class, called as it was written first.
    ///
    /// # Errors
    /// The row at fault (if it is a single one), and what is wrong.
    ///
    /// ```
    /// # use subquad::train::{Target, Task};
    /// let Ok(Target::Classes { labels, of_row, .. }) = Target::from_text("grade", &["b", "a", "b"].map(String::from), Task::Auto) else { panic!() };
    /// assert_eq!((labels, of_row), (vec!["a".into(), "b".into()], vec![1, 0, 1]));
    /// ```
    pub fn from_text(name: &str, cells: &[String], task: Task) -> Result<Self, (Option<usize>, String)> {
        let numbers: Vec<Option<f64>> = cells.iter().map(|cell| cell.parse::<f64>().ok().filter(|x| x.is_finite())).collect();
        let text = numbers.iter().position(Option::is_none);
        let mut distinct: Vec<f64> = numbers.iter().flatten().copied().collect();
        distinct.sort_by(f64::total_cmp);
        distinct.dedup();
        let all = |e: TrainError| (None, e.to_string());
        let classes = match (task, text) {
            (Task::Classification, _) => true,
            (Task::Regression, None) => false,
            (Task::Regression, Some(row)) => {
                return Err((Some(row), format!("'{}' is text; regression needs numbers", cells[row])));
            }
            (Task::Auto, None) => {
                let few = distinct.len() <= 2 || (distinct.len() <= MOST_INTEGER_CLASSES && cells.len() >= 2 * distinct.len());
                few && distinct.iter().all(|x| x.fract() == 0.0)
            }
            (Task::Auto, Some(row)) => {
                if distinct.len() > MOST_INTEGER_CLASSES || distinct.iter().any(|x| x.fract() != 0.0) {
                    let others = numbers.iter().flatten().count();
                    return Err((
                        Some(row),
                        format!(
                            "'{}' is text, but {others} other values of this target are numbers; if they are labels, ask for classification",
                            cells[row]
                        ),
                    ));
                }
                let labels: HashMap<&str, ()> = cells.iter().map(|cell| (cell.as_str(), ())).collect();
                if labels.len() == cells.len() && cells.len() > 2 {
                    return Err((
                        None,
                        format!(
                            "every one of the {} rows has a label of its own: a name rather than a class; if they are classes, ask for classification",
                            cells.len()
                        ),
                    ));
                }
                true
            }
        };
        if !classes {
            return Self::values(vec![name.into()], numbers.into_iter().flatten().collect()).map_err(all);
        }
        // Numerals compare as numbers, text as text: the key of a label says which.
        let key = |row: usize| if text.is_none() { format!("{:?}", numbers[row].unwrap_or(0.0) + 0.0) } else { cells[row].clone() };
        let mut index_of: HashMap<String, usize> = HashMap::new();
        let mut first_row = Vec::new();
        let mut of_row = Vec::with_capacity(cells.len());
        for row in 0..cells.len() {
            let index = *index_of.entry(key(row)).or_insert_with(|| {
                first_row.push(row);
                first_row.len() - 1
            });
            of_row.push(index);
        }
        let mut order: Vec<usize> = (0..first_row.len()).collect();
        order.sort_by(|&a, &b| match (numbers[first_row[a]], numbers[first_row[b]]) {
            (Some(x), Some(y)) => x.total_cmp(&y),
            (x, y) => y.is_some().cmp(&x.is_some()).then_with(|| cells[first_row[a]].cmp(&cells[first_row[b]])),
        });
        let mut rank = vec![0u32; order.len()];
        for (place, &index) in order.iter().enumerate() {
            rank[index] = place as u32;
        }
        let labels = order.iter().map(|&index| cells[first_row[index]].clone()).collect();
        Self::classes(name, labels, of_row.into_iter().map(|index| rank[index]).collect()).map_err(all)
    }

    /// Number of rows.
    ///
    /// ```
    /// # use subquad::train::Target;
    /// assert_eq!(Target::values(vec!["size".into()], vec![0.3, 0.5, 0.9])?.len(), 3);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn len(&self) -> usize {
        match self {
            Self::Classes { of_row, .. } => of_row.len(),
            Self::Values { names, values } => values.len() / names.len(),
        }
    }

    /// Whether there are no rows.
    ///
    /// ```
    /// # use subquad::train::Target;
    /// assert!(!Target::values(vec!["size".into()], vec![0.3, 0.5])?.is_empty());
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of the target; several names are joined.
    ///
    /// ```
    /// # use subquad::train::Target;
    /// assert_eq!(Target::values(vec!["u".into(), "v".into()], vec![1.0, 10.0, 2.0, 20.0])?.name(), "u, v");
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn name(&self) -> String {
        match self {
            Self::Classes { name, .. } => name.clone(),
            Self::Values { names, .. } => names.join(", "),
        }
    }
}

/// The names of a table's columns, as a model remembers them.
///
/// ```
/// # use subquad::train::{Dataset, Target};
/// let kind = Target::classes("kind", vec!["cat".into(), "dog".into()], vec![0, 1])?;
/// let data = Dataset::new(vec!["weight".into(), "age".into()], vec![4.0, 2.0, 30.0, 7.0], kind)?;
/// assert_eq!(data.columns().features, ["weight", "age"]);
/// assert_eq!((data.columns().target.as_str(), data.columns().target_position), ("kind", 2));
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// The features, in the order of the columns of the feature matrix.
    pub features: Vec<String>,
    /// The target; the first of several.
    pub target: String,
    /// Which column of the table the target was, counted from 0 over all columns.
    pub target_position: usize,
    /// Further targets, with their positions: several numbers can be predicted together.
    pub more_targets: Vec<(String, usize)>,
    /// Whether the names were written in the table; otherwise they were made up (`c1`, `c2`, ..).
    pub named: bool,
}

/// A table to learn from: features, a target, and their names.
///
/// ```
/// use subquad::train::{Dataset, Target};
///
/// let kind = Target::classes("kind", vec!["cat".into(), "dog".into()], vec![0, 1])?;
/// let data = Dataset::new(vec!["weight".into(), "age".into()], vec![4.0, 2.0, 30.0, 7.0], kind)?;
/// assert_eq!((data.rows(), data.features().row(1)), (2, &[30.0, 7.0][..]));
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    source: String,
    columns: Columns,
    features: Matrix,
    target: Target,
    lines: Vec<u64>,
}

impl Dataset {
    /// A table from numbers in memory: `features` holds one number per name for every row of the target.
    ///
    /// # Errors
    /// When there are fewer than two rows or no feature, the lengths disagree, a name comes twice, or a number is
    /// not finite.
    ///
    /// ```
    /// # use subquad::train::{Dataset, Target};
    /// let size = Target::values(vec!["size".into()], vec![0.3, 0.5])?;
    /// assert!(Dataset::new(vec!["weight".into()], vec![4.0, f32::NAN], size.clone()).is_err());
    /// assert!(Dataset::new(vec!["weight".into()], vec![4.0, 30.0], size).is_ok());
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn new(names: Vec<String>, features: Vec<f32>, target: Target) -> Result<Self, TrainError> {
        let mut targets = match &target {
            Target::Classes { name, .. } => vec![name.clone()],
            Target::Values { names, .. } => names.clone(),
        };
        let first = targets.remove(0);
        let more_targets = targets.into_iter().enumerate().map(|(k, name)| (name, names.len() + 1 + k)).collect();
        let columns = Columns { target_position: names.len(), more_targets, features: names, target: first, named: true };
        Self::with_places("the table".into(), columns, features, target, Vec::new())
    }

    pub(crate) fn with_places(
        source: String,
        columns: Columns,
        features: Vec<f32>,
        target: Target,
        lines: Vec<u64>,
    ) -> Result<Self, TrainError> {
        let (n, p) = (target.len(), columns.features.len());
        if p == 0 {
            return Err(TrainError::data(format!("{source}: there is no feature, only the target '{}'", columns.target)));
        }
        if n < 2 {
            return Err(TrainError::data(format!("{source}: training needs at least two rows, found {n}")));
        }
        let mut seen = HashMap::new();
        if let Some(twice) = columns.features.iter().find(|&name| seen.insert(name.clone(), ()).is_some()) {
            return Err(TrainError::data(format!("{source}: two features are called '{twice}'")));
        }
        let features = Matrix::new(features, n, p)?;
        if let Some(at) = features.data().iter().position(|x| !x.is_finite()) {
            let name = &columns.features[at % p];
            return Err(TrainError::data(format!(
                "{source}, row {}, feature '{name}': {} is not a finite number",
                at / p + 1,
                features.data()[at]
            )));
        }
        Ok(Self { source, columns, features, target, lines })
    }

    /// The features, one row per sample.
    ///
    /// ```
    /// # use subquad::train::{Dataset, Target};
    /// let data = Dataset::new(vec!["weight".into()], vec![4.0, 30.0], Target::values(vec!["size".into()], vec![0.3, 0.5])?)?;
    /// assert_eq!(data.features().row(0), [4.0]);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn features(&self) -> &Matrix {
        &self.features
    }

    /// What is to be predicted.
    ///
    /// ```
    /// # use subquad::train::{Dataset, Target};
    /// let data = Dataset::new(vec!["weight".into()], vec![4.0, 30.0], Target::values(vec!["size".into()], vec![0.3, 0.5])?)?;
    /// assert_eq!(data.target().name(), "size");
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The names.
    ///
    /// ```
    /// # use subquad::train::{Dataset, Target};
    /// let data = Dataset::new(vec!["weight".into()], vec![4.0, 30.0], Target::values(vec!["size".into()], vec![0.3, 0.5])?)?;
    /// assert_eq!(data.columns().features, ["weight"]);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// Number of rows.
    ///
    /// ```
    /// # use subquad::train::{Dataset, Target};
    /// let data = Dataset::new(vec!["weight".into()], vec![4.0, 30.0], Target::values(vec!["size".into()], vec![0.3, 0.5])?)?;
    /// assert_eq!(data.rows(), 2);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn rows(&self) -> usize {
        self.features.rows()
    }

    /// Where the table comes from.
    ///
    /// ```
    /// # use subquad::train::{Dataset, Target};
    /// let data = Dataset::new(vec!["weight".into()], vec![4.0, 30.0], Target::values(vec!["size".into()], vec![0.3, 0.5])?)?;
    /// assert_eq!(data.source(), "the table"); // a file would be named
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The line of a row in its file, if it came from one.
    ///
    /// ```
    /// # use subquad::train::{Dataset, Target};
    /// let data = Dataset::new(vec!["weight".into()], vec![4.0, 30.0], Target::values(vec!["size".into()], vec![0.3, 0.5])?)?;
    /// assert_eq!(data.line(0), None); // not from a file
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn line(&self, row: usize) -> Option<u64> {
        self.lines.get(row).copied()
    }
}

/// Every row has to be there.
pub(crate) fn check_rows(rows: &[usize], n: usize) -> Result<(), TrainError> {
    match rows.iter().find(|&&row| row >= n) {
        Some(row) => Err(TrainError::data(format!("there is no row {row}; the table has {n}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::train) fn text(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| cell.to_string()).collect()
    }

    pub(in crate::train) fn set(target: Target) -> Dataset {
        let n = target.len();
        Dataset::new(vec!["x".into()], (0..n).map(|i| i as f32).collect(), target).unwrap()
    }

    pub(in crate::train) fn classes(of_row: &[u32]) -> Dataset {
        let labels = (0..=*of_row.iter().max().unwrap()).map(|i| format!("l{i}")).collect();
        set(Target::classes("t", labels, of_row.to_vec()).unwrap())
    }

    #[test]
    fn kinds_of_targets_are_told_apart() {
        let kind = |cells: &[&str]| Target::from_text("t", &text(cells), Task::Auto).map(|t| matches!(t, Target::Classes { .. }));
        assert_eq!(kind(&["a", "b", "a"]), Ok(true));
        assert_eq!(kind(&["0", "1"]), Ok(true));
        assert_eq!(kind(&["-1", "1", "1.0"]), Ok(true));
        assert_eq!(kind(&["0", "1", "2", "0", "1", "2"]), Ok(true));
        assert_eq!(kind(&["0", "1", "2", "0", "1"]), Ok(false), "three integers in five rows are values");
        assert_eq!(kind(&["0.5", "1.5"]), Ok(false));
        assert_eq!(kind(&["1", "2", "unknown", "1"]), Ok(true));
        let many: Vec<String> = (0..99).map(|i| (i % 33).to_string()).collect();
        assert!(matches!(Target::from_text("t", &many, Task::Auto), Ok(Target::Values { .. })), "33 integers are values");
        let many: Vec<String> = (0..96).map(|i| (i % 32).to_string()).collect();
        assert!(matches!(Target::from_text("t", &many, Task::Auto), Ok(Target::Classes { .. })), "32 integers are classes");
        // A slip of the pen in a column of numbers does not make it a classification.
        let (row, problem) = Target::from_text("t", &text(&["1.5", "2.5", "3,5", "4.5"]), Task::Auto).unwrap_err();
        assert_eq!(row, Some(2));
        assert!(problem.contains("'3,5'"), "{problem}");
        assert!(Target::from_text("t", &text(&["ann", "bob", "eve"]), Task::Auto).unwrap_err().1.contains("of its own"));
        // Asked for, it is what was asked for.
        assert!(matches!(Target::from_text("t", &text(&["ann", "bob", "eve"]), Task::Classification), Ok(Target::Classes { .. })));
        assert!(matches!(Target::from_text("t", &text(&["0", "1", "1"]), Task::Regression), Ok(Target::Values { .. })));
        assert_eq!(Target::from_text("t", &text(&["0", "x"]), Task::Regression).unwrap_err().0, Some(1));
        for task in [Task::Auto, Task::Classification, Task::Regression] {
            assert!(Target::from_text("t", &text(&["7", "7"]), task).unwrap_err().1.contains("constant"));
        }
    }

    #[test]
    fn classes_are_in_numeric_order_and_keep_their_spelling() {
        let target = Target::from_text("t", &text(&["10", "9.0", "9", "-2", "10"]), Task::Classification).unwrap();
        let expected = Target::classes("t", text(&["-2", "9.0", "10"]), vec![2, 1, 1, 0, 2]).unwrap();
        assert_eq!(target, expected);
        let target = Target::from_text("t", &text(&["b", "10", "9", "a", "9.0", "a"]), Task::Classification).unwrap();
        let Target::Classes { labels, .. } = &target else { panic!() };
        assert_eq!(labels, &text(&["9", "9.0", "10", "a", "b"]), "in a column with text all labels are text");
        let zero = Target::from_text("t", &text(&["0", "-0", "1"]), Task::Classification).unwrap();
        assert_eq!(zero, Target::classes("t", text(&["0", "1"]), vec![0, 0, 1]).unwrap());
    }

    #[test]
    fn splits_are_disjoint_complete_stratified_and_repeatable() {
        let of_row: Vec<u32> = (0..100).map(|i| u32::from(i % 10 == 0) + u32::from(i % 4 == 1)).collect();
        let data = classes(&of_row);
        let split = data.split(0.2, 5).unwrap();
        assert_eq!(split, data.split(0.2, 5).unwrap());
        assert_ne!(split, data.split(0.2, 6).unwrap());
        assert_eq!(split.test.len(), 20);
        let mut all = [split.train.clone(), split.test.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
        for class in 0..2 {
            let of = |rows: &[usize]| rows.iter().filter(|&&row| of_row[row] == class).count() as f64;
            assert!((of(&split.test) - 0.2 * of(&all)).abs() < 1.0);
        }
        let values = set(Target::values(vec!["y".into()], (0..50).map(f64::from).collect()).unwrap());
        assert_eq!(values.split(0.3, 0).unwrap().test.len(), 15);
        assert_eq!(values.split(0.0, 0).unwrap().test.len(), 0);
        for bad in [-0.1, 1.0, f64::NAN, f64::INFINITY] {
            assert!(values.split(bad, 0).is_err());
        }
    }

    #[test]
    fn tiny_sets_leave_a_row_on_each_side_and_every_class_trains() {
        for of_row in [&[0u32, 0, 1][..], &[0, 1, 1, 2], &[0, 1, 0, 1], &[0, 1, 2, 3, 3]] {
            for seed in 0..20 {
                for fraction in [1e-9, 0.2, 0.5, 0.999] {
                    let split = classes(of_row).split(fraction, seed).unwrap();
                    assert!(!split.test.is_empty() && !split.train.is_empty());
                    assert_eq!(split.train.len() + split.test.len(), of_row.len());
                    assert!(of_row.iter().all(|class| split.train.iter().any(|&row| of_row[row] == *class)));
                }
            }
        }
        let error = classes(&[0, 1]).split(0.5, 0).unwrap_err().to_string();
        assert!(error.contains("spared"), "{error}");
        let two = set(Target::values(vec!["y".into()], vec![0.0, 1.0]).unwrap());
        assert_eq!(two.split(0.999, 1).unwrap().train.len(), 1);
    }

    #[test]
    fn a_split_shuffles_evenly() {
        let data = set(Target::values(vec!["y".into()], (0..10).map(f64::from).collect()).unwrap());
        let mut count = [0; 10];
        for seed in 0..2000 {
            for row in data.split(0.3, seed).unwrap().test {
                count[row] += 1;
            }
        }
        // 600 expected, standard deviation 20.
        assert!(count.iter().all(|&c| (500..700).contains(&c)), "{count:?}");
    }

    #[test]
    fn tables_that_are_none_are_refused() {
        let target = || Target::values(vec!["y".into()], vec![0.0, 1.0]).unwrap();
        let refused = |names: &[&str], x: Vec<f32>| Dataset::new(text(names), x, target()).unwrap_err().to_string();
        assert!(refused(&["a", "a"], vec![0.0; 4]).contains("'a'"));
        assert!(refused(&["a"], vec![0.0, f32::NAN]).contains("row 2"));
        assert!(refused(&["a"], vec![0.0; 3]).contains("expected 2, found 3"));
        assert!(refused(&[], vec![]).contains("no feature"));
        assert!(Target::classes("t", text(&["a", "a"]), vec![0, 1]).is_err());
        assert!(Target::classes("t", text(&["a"]), vec![0, 1]).is_err());
        assert!(Target::values(vec![], vec![1.0]).is_err());
        assert!(Target::values(text(&["y"]), vec![1.0, f64::INFINITY]).is_err());
    }
}
