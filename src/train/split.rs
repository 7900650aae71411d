//! Which rows train, which validate, which test.

use rand_core::Rng;

use super::data::{Dataset, Target, check_rows};
use crate::random::stream;
use crate::train::TrainError;

/// The streams of random numbers that share rows out; the first ones start the network.
const SPLIT: u32 = 8;
const VALIDATION: u32 = 9;
const FOLDS: u32 = 10;

impl Dataset {
    /// Shares the rows out, by a shuffle that depends on nothing but `seed` and the target.
    ///
    /// Of n rows, `n * test_fraction`, rounded up, go into the test part, but at least one, and at least one stays for
    /// training. Classes are shared out in proportion (largest remainder), and every class keeps a row for training.
    /// A fraction of exactly 0 means: no test part.
    ///
    /// # Errors
    /// When the fraction is not in 0 <= f < 1, or no row can be spared for testing.
    ///
    /// ```
    /// # use subquad::train::{Dataset, Target};
    /// # let size = Target::values(vec!["size".into()], (0..10).map(f64::from).collect())?;
    /// let data = Dataset::new(vec!["weight".into()], (0..10u8).map(f32::from).collect(), size)?; // ten rows
    /// let split = data.split(0.25, 7)?;
    /// assert_eq!((split.train.len(), split.test.len()), (7, 3)); // 2.5 rounded up
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn split(&self, test_fraction: f64, seed: u64) -> Result<Split, TrainError> {
        if !(0.0..1.0).contains(&test_fraction) {
            return Err(TrainError::setting("test fraction", "at least 0 and below 1", test_fraction));
        }
        self.split_of((0..self.rows()).collect(), test_fraction, seed, SPLIT)
    }

    /// Sets part of some rows aside to validate by: those in `test` of the result. Otherwise as
    /// [`split`](Self::split).
    ///
    /// # Errors
    /// As [`split`](Self::split), and when there is no such row.
    ///
    /// ```
    /// # use subquad::train::{Dataset, Target};
    /// # let size = Target::values(vec!["size".into()], (0..10).map(f64::from).collect())?;
    /// let data = Dataset::new(vec!["weight".into()], (0..10u8).map(f32::from).collect(), size)?; // ten rows
    /// let split = data.split(0.2, 7)?;
    /// let again = data.hold_out(&split.train, 0.25, 7)?;
    /// assert_eq!((again.train.len(), again.test.len(), split.test.len()), (6, 2, 2)); // train, validate, test
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn hold_out(&self, rows: &[usize], fraction: f64, seed: u64) -> Result<Split, TrainError> {
        check_rows(rows, self.rows())?;
        if !(0.0..1.0).contains(&fraction) {
            return Err(TrainError::setting("validation fraction", "at least 0 and below 1", fraction));
        }
        if rows.len() < 2 && fraction > 0.0 {
            return Err(TrainError::data(format!(
                "{}: no row can be spared for validation, found {} to take it from",
                self.source(),
                rows.len()
            )));
        }
        self.split_of(rows.to_vec(), fraction, seed, VALIDATION)
    }

    /// Cuts the rows into k parts as equal as can be, classes in proportion, and tests on each in turn.
    ///
    /// # Errors
    /// When k is not from 2 to the number of rows.
    ///
    /// ```
    /// # use subquad::train::{Dataset, Target};
    /// # let size = Target::values(vec!["size".into()], (0..10).map(f64::from).collect())?;
    /// let data = Dataset::new(vec!["weight".into()], (0..10u8).map(f32::from).collect(), size)?; // ten rows
    /// let folds = data.folds(5, 7)?;
    /// let mut tested: Vec<usize> = folds.iter().flat_map(|fold| fold.test.clone()).collect();
    /// tested.sort();
    /// assert_eq!(tested, (0..10).collect::<Vec<_>>()); // every row once
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn folds(&self, k: usize, seed: u64) -> Result<Vec<Split>, TrainError> {
        if k < 2 || k > self.rows() {
            return Err(TrainError::setting(
                "folds",
                "at least 2, and not more than there are rows",
                format!("{k} for {} rows", self.rows()),
            ));
        }
        let mut rng = stream(seed, FOLDS);
        let mut fold_of = vec![0; self.rows()];
        let mut next = 0;
        for group in &mut self.groups((0..self.rows()).collect()) {
            shuffle(&mut rng, group);
            for &row in group.iter() {
                fold_of[row] = next % k;
                next += 1;
            }
        }
        let of = |fold: usize| {
            let (test, train) = (0..self.rows()).partition(|&row| fold_of[row] == fold);
            Split { train, test }
        };
        Ok((0..k).map(of).collect())
    }

    /// The rows of each class; of a target of numbers, all together.
    fn groups(&self, rows: Vec<usize>) -> Vec<Vec<usize>> {
        match self.target() {
            Target::Classes { labels, of_row, .. } => {
                let mut groups = vec![Vec::new(); labels.len()];
                for row in rows {
                    groups[of_row[row] as usize].push(row);
                }
                groups
            }
            Target::Values { .. } => vec![rows],
        }
    }

    fn split_of(&self, rows: Vec<usize>, test_fraction: f64, seed: u64, purpose: u32) -> Result<Split, TrainError> {
        let n = rows.len();
        if test_fraction == 0.0 {
            return Ok(Split { train: rows, test: Vec::new() });
        }
        // Rounded up as everybody does it, but not for a rounding error of the product.
        let wanted = ((n as f64 * test_fraction - 1e-9).ceil() as usize).clamp(1, n - 1);
        let mut groups = self.groups(rows);
        let spare: usize = groups.iter().map(|group| group.len().saturating_sub(1)).sum();
        if spare == 0 {
            return Err(TrainError::data(format!(
                "{}: no row can be spared for testing, because each of the {} classes has only one; train without a test part (test fraction 0) or bring more rows",
                self.source(),
                groups.iter().filter(|group| !group.is_empty()).count()
            )));
        }
        let mut rng = stream(seed, purpose);
        let mut quota: Vec<usize> = groups.iter().map(|group| group.len() * wanted / n).collect();
        let mut order: Vec<usize> = (0..groups.len()).collect();
        order.sort_by_key(|&g| std::cmp::Reverse(groups[g].len() * wanted % n));
        for (quota, group) in quota.iter_mut().zip(&groups) {
            *quota = (*quota).min(group.len().saturating_sub(1));
        }
        let mut missing = wanted.min(spare) - quota.iter().sum::<usize>().min(wanted.min(spare));
        while missing > 0 {
            for &g in &order {
                if missing > 0 && quota[g] + 1 < groups[g].len() {
                    quota[g] += 1;
                    missing -= 1;
                }
            }
        }
        let (mut train, mut test) = (Vec::with_capacity(n - wanted), Vec::with_capacity(wanted));
        for (group, &quota) in groups.iter_mut().zip(&quota) {
            shuffle(&mut rng, group);
            test.extend(&group[..quota]);
            train.extend(&group[quota..]);
        }
        train.sort_unstable();
        test.sort_unstable();
        Ok(Split { train, test })
    }
}

fn shuffle(rng: &mut impl Rng, rows: &mut [usize]) {
    for i in (1..rows.len()).rev() {
        rows.swap(i, below(rng, i as u64 + 1) as usize);
    }
}

/// A number in `0..n`, every one as likely: multiply and reject, so that no value is favoured.
fn below(rng: &mut impl Rng, n: u64) -> u64 {
    let least = n.wrapping_neg() % n;
    loop {
        let product = u128::from(rng.next_u64()) * u128::from(n);
        if product as u64 >= least {
            return (product >> 64) as u64;
        }
    }
}

/// Which rows train and which test; both in ascending order.
///
/// ```
/// # use subquad::train::{Dataset, Target};
/// # let size = Target::values(vec!["size".into()], (0..10).map(f64::from).collect())?;
/// let data = Dataset::new(vec!["weight".into()], (0..10u8).map(f32::from).collect(), size)?; // ten rows
/// let split = data.split(0.0, 7)?; // no test part
/// assert_eq!((split.train, split.test), ((0..10).collect(), vec![]));
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Rows to learn from.
    pub train: Vec<usize>,
    /// Rows to be judged by.
    pub test: Vec<usize>,
}

#[cfg(test)]
mod tests {
    use super::super::data::tests::{classes, set};
    use super::*;

    #[test]
    fn folds_test_every_row_once_and_share_out_classes() {
        let of_row: Vec<u32> = (0..50).map(|i| u32::from(i % 5 == 0)).collect();
        let data = classes(&of_row);
        let folds = data.folds(5, 3).unwrap();
        let mut tested = [0; 50];
        for fold in &folds {
            assert_eq!((fold.train.len(), fold.test.len()), (40, 10));
            assert_eq!(fold.test.iter().filter(|&&row| of_row[row] == 1).count(), 2);
            fold.test.iter().for_each(|&row| tested[row] += 1);
            assert!(fold.train.iter().all(|row| !fold.test.contains(row)));
        }
        assert!(tested.iter().all(|&times| times == 1));
        assert_eq!(folds, data.folds(5, 3).unwrap());
        assert_ne!(folds, data.folds(5, 4).unwrap());
        let values = set(Target::values(vec!["t".into()], (0..7).map(f64::from).collect()).unwrap());
        assert_eq!(values.folds(7, 0).unwrap().len(), 7);
        assert!(values.folds(8, 0).is_err() && values.folds(1, 0).is_err());
    }

    #[test]
    fn rows_are_held_out_of_those_named() {
        let data = classes(&[0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
        let rows = [1, 2, 3, 4, 5, 6, 7, 8];
        let held = data.hold_out(&rows, 0.25, 1).unwrap();
        assert_eq!((held.train.len(), held.test.len()), (6, 2));
        assert!(held.train.iter().chain(&held.test).all(|row| rows.contains(row)));
        assert_eq!(data.hold_out(&rows, 0.0, 1).unwrap().train, rows);
        assert!(data.hold_out(&[11], 0.5, 1).is_err() && data.hold_out(&[1], 0.5, 1).is_err());
    }
}
