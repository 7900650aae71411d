//! A sparse matrix from a fuzz target's bytes.

use super::source::Source;
use subquad::simd::Float;
use subquad::sparse::{Columns, SparseRef, Support, transpose};

/// A sparse matrix with its columns.
pub struct Sparse<T> {
    cols: usize,
    starts: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<T>,
    depth: usize,
    columns: (Vec<usize>, Vec<u32>, Vec<u32>),
}

impl<T: Float> Sparse<T> {
    /// Small integers at random places; with `wild`, columns that belong to something else.
    pub fn take(source: &mut Source<'_>, rows: usize, cols: usize, depth: usize, wild: bool) -> Self {
        let (mut starts, mut indices) = (vec![0], Vec::new());
        for _ in 0..rows {
            let dense = source.byte() % 4;
            indices.extend((0..cols as u32).filter(|_| source.byte() % 4 <= dense && dense > 0));
            starts.push(indices.len());
        }
        let values = (0..depth * indices.len()).map(|_| T::from_f64(f64::from(source.byte() as i8 % 4))).collect();
        let mut columns = (vec![0; cols + 1], vec![0; indices.len()], vec![0; indices.len()]);
        let support = Support::new(&starts, &indices, cols).expect("ascending");
        transpose(support, &mut columns.0, &mut columns.1, &mut columns.2).expect("as many as there are");
        if wild {
            columns.1.iter_mut().chain(&mut columns.2).filter(|x| (**x + 1) % 3 == 0).for_each(|x| *x = source.u32());
        }
        Self { cols, starts, indices, values, depth, columns }
    }
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }
    pub fn depth(&self) -> usize {
        self.depth
    }
    pub fn values(&self) -> &[T] {
        &self.values
    }
    pub fn support(&self) -> Support<'_> {
        Support::new(&self.starts, &self.indices, self.cols).expect("checked before")
    }
    pub fn get(&self) -> (SparseRef<'_, T>, Columns<'_>) {
        let (starts, rows, places) = &self.columns;
        let values = SparseRef::new(self.support(), self.depth, &self.values).expect("as many as there are");
        (values, Columns::new(starts, rows, places).expect("ascending"))
    }
    /// Part c, with its zeros.
    pub fn dense(&self, c: usize) -> Vec<f64> {
        let mut all = vec![0.0; self.rows() * self.cols];
        for i in 0..self.rows() {
            let row = self.support().row(i).iter().zip(self.get().0.row(i, c));
            row.for_each(|(&j, x)| all[i * self.cols + j as usize] = x.to_f64());
        }
        all
    }
}
