//! Definitions in f64, eight lines each: what every kernel is held against. And what the tests share: numbers, levels,
//! dirty memory, tolerances.
#![allow(dead_code, reason = "each test file uses its part")]

use subquad::simd::Float;
use subquad::sparse::{self, Columns, SparseRef, Support};
use subquad::{Level, MatRef};

/// Every level of this machine, announced once.
pub fn levels() -> impl Iterator<Item = Level> {
    Level::available()
}

/// Numbers between -1 and 1 that look random: splitmix64 of the index.
pub fn numbers<T: Float>(n: usize, seed: u64) -> Vec<T> {
    (0..n as u64)
        .map(|i| {
            let mut z = (i ^ seed.rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(seed);
            z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
            T::from_f64((z ^ z >> 31) as i64 as f64 / 9.3e18)
        })
        .collect()
}

/// +1 and -1.
pub fn signs<T: Float>(n: usize, seed: u64) -> Vec<T> {
    numbers::<T>(n, seed).into_iter().map(|x| if x.to_f64() < 0.0 { -T::ONE } else { T::ONE }).collect()
}

/// Scratch as a kernel may find it.
pub fn dirty<T: Float>(n: usize) -> Vec<T> {
    vec![T::from_f64(f64::NAN); n]
}

/// Room for an index of half-space reporting, where it may begin, dirty.
pub fn words(bytes: usize) -> Vec<u64> {
    vec![0x7FF8_7FC0_FFFF_FFFF; bytes.div_ceil(8)]
}

/// Places of sparse rows that look random, row by row and column by column; about every third of all.
pub struct Places {
    cols: usize,
    by_row: (Vec<usize>, Vec<u32>),
    by_column: (Vec<usize>, Vec<u32>, Vec<u32>),
}

impl Places {
    pub fn new(rows: usize, cols: usize, seed: u64) -> Self {
        let chances = numbers::<f64>(rows * cols, seed);
        let (mut starts, mut indices) = (vec![0], Vec::new());
        for i in 0..rows {
            indices.extend((0..cols as u32).filter(|&j| chances[i * cols + j as usize] > 0.33));
            starts.push(indices.len());
        }
        let k = indices.len();
        let mut by_column = (vec![0; cols + 1], vec![0; k], vec![0; k]);
        let support = Support::new(&starts, &indices, cols).unwrap();
        sparse::transpose(support, &mut by_column.0, &mut by_column.1, &mut by_column.2).unwrap();
        Self { cols, by_row: (starts, indices), by_column }
    }
    pub fn support(&self) -> Support<'_> {
        Support::new(&self.by_row.0, &self.by_row.1, self.cols).unwrap()
    }
    pub fn columns(&self) -> Columns<'_> {
        Columns::new(&self.by_column.0, &self.by_column.1, &self.by_column.2).unwrap()
    }
    /// Numbers for the places, of a depth.
    pub fn numbers<T: Float>(&self, depth: usize, seed: u64) -> Vec<T> {
        numbers(self.support().len() * depth, seed)
    }
    /// The matrix with these numbers.
    pub fn with<'a, T>(&'a self, values: &'a [T]) -> SparseRef<'a, T> {
        SparseRef::new(self.support(), values.len().checked_div(self.support().len()).unwrap_or(1), values).unwrap()
    }
}

/// In f64, dense and row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    pub rows: usize,
    pub cols: usize,
    pub data: Vec<f64>,
}

impl Dense {
    pub fn from_fn(rows: usize, cols: usize, f: impl Fn(usize, usize) -> f64) -> Self {
        Self { rows, cols, data: (0..rows * cols).map(|k| f(k / cols.max(1), k % cols.max(1))).collect() }
    }
    pub fn of<T: Float>(m: MatRef<'_, T>) -> Self {
        Self::from_fn(m.rows(), m.cols(), |i, j| m.get(i, j).unwrap().to_f64())
    }
    pub fn at(&self, i: usize, j: usize) -> f64 {
        self.data[i * self.cols + j]
    }
    pub fn t(&self) -> Self {
        Self::from_fn(self.cols, self.rows, |i, j| self.at(j, i))
    }
    pub fn times(&self, b: &Self) -> Self {
        assert_eq!(self.cols, b.rows);
        Self::from_fn(self.rows, b.cols, |i, j| (0..self.cols).map(|k| self.at(i, k) * b.at(k, j)).sum())
    }
    pub fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self { data: self.data.iter().map(|&x| f(x)).collect(), ..*self }
    }
    /// Entry by entry.
    pub fn with(&self, b: &Self, f: impl Fn(f64, f64) -> f64) -> Self {
        assert_eq!((self.rows, self.cols), (b.rows, b.cols));
        Self { data: self.data.iter().zip(&b.data).map(|(&a, &b)| f(a, b)).collect(), ..*self }
    }
    pub fn max_abs(&self) -> f64 {
        self.data.iter().fold(0.0, |m, x| m.max(x.abs()))
    }
}

/// What a test allows, in units of T::EPSILON times the sum of absolute terms.
pub mod allowed {
    /// One chain of n multiply-adds, or fewer in several.
    pub fn sum_of_products(n: usize) -> f64 {
        n as f64 + 2.0
    }
    /// |L L^T - A| relative to |L| |L|^T.
    pub fn cholesky(n: usize) -> f64 {
        n as f64 + 8.0
    }
    /// |R^T R - A^T A| relative to the columns' norms: each of n reflections of s numbers adds a few roundings, which
    /// mostly cancel.
    pub fn qr(s: usize, n: usize) -> f64 {
        2.0 * ((s * n) as f64).sqrt() + 16.0
    }
}

/// Panics with the worst entry unless `|found - wanted| <= units * eps * size` everywhere.
#[track_caller]
pub fn assert_close<T: Float>(found: &[T], wanted: &[f64], size: &[f64], units: f64, what: &str) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    for (i, ((&f, &w), &s)) in found.iter().zip(wanted).zip(size).enumerate() {
        let (error, bound) = ((f.to_f64() - w).abs(), units * T::EPSILON.to_f64() * s);
        assert!(error <= bound, "{what}: entry {i} is {f}, should be {w:e}: off by {error:e}, allowed {bound:e}");
    }
}
