//! Least squares.

use super::source::{Kind, Source, is_wide};
use subquad::cg::{self, LeastSquaresStopping, Status, TallOperator};
use subquad::simd::Float;
use subquad::{Error, Level};

/// A matrix by its rows.
struct Rows<'a, T>(&'a [T], usize);
impl<T: Float> TallOperator<T> for Rows<'_, T> {
    fn rows(&self) -> usize {
        self.0.len().checked_div(self.1).unwrap_or(0)
    }
    fn cols(&self) -> usize {
        self.1
    }
    fn apply(&self, _: Level, x: &[T], y: &mut [T], _: &mut [T]) -> Result<(), Error> {
        y.iter_mut().zip(self.0.chunks(self.1.max(1))).for_each(|(y, row)| *y = row.iter().zip(x).map(|(&a, &x)| a * x).sum());
        Ok(())
    }
    fn apply_transpose(&self, _: Level, y: &[T], x: &mut [T], _: &mut [T]) -> Result<(), Error> {
        x.fill(T::ZERO);
        for (&y, row) in y.iter().zip(self.0.chunks(self.1.max(1))) {
            x.iter_mut().zip(row).for_each(|(x, &a)| *x += a * y);
        }
        Ok(())
    }
}

/// Any matrix, right-hand side and damping: it ends, and what it says of its residual and its gradient is true.
pub fn least_squares(bytes: &[u8]) {
    if is_wide(bytes) { of_numbers::<f64>(bytes) } else { of_numbers::<f32>(bytes) }
}

fn of_numbers<T: Float>(bytes: &[u8]) {
    let mut source = Source(bytes);
    let (rows, cols) = (source.below(30), source.below(12));
    let kind = source.kind();
    let any = kind == Kind::Any;
    let (j, b) = (source.numbers::<T>(rows * cols, kind), source.numbers::<T>(if cols == 0 { 0 } else { rows }, kind));
    let damping = f64::from(source.byte()) / 64.0;
    let j = Rows(&j, cols);
    let stopping = LeastSquaresStopping { relative: 1e-4, gradient: 1e-4, max_iterations: source.below(60) };
    for level in Level::available() {
        let (mut x, mut scratch) = (vec![T::ZERO; cols], vec![T::from_f64(f64::NAN); cg::least_squares_scratch_len(b.len(), cols, 0)]);
        let found = cg::least_squares(level, &j, &b, damping, &mut x, stopping, &mut scratch).expect("lengths fit");
        assert!(found.iterations <= stopping.max_iterations, "{level}");
        match found.status {
            Status::Converged | Status::Stagnated => {}
            Status::IterationLimit => assert_eq!(found.iterations, stopping.max_iterations, "{level}"),
            Status::Breakdown | Status::NotFinite => assert!(any, "{level}: {:?} of small numbers", found.status),
            other => panic!("{level}: {other:?}"),
        }
        if any {
            continue;
        }
        let product = |row: &[T]| -> f64 { row.iter().zip(&x).map(|(a, x)| a.to_f64() * x.to_f64()).sum() };
        let r: Vec<f64> = b.iter().zip(j.0.chunks(cols.max(1))).map(|(b, row)| b.to_f64() - product(row)).collect();
        let slope = |k: usize| -> f64 { r.iter().zip(0..).map(|(r, i)| r * j.0[i * cols + k].to_f64()).sum() };
        let gradient = (0..cols).map(|k| (slope(k) - damping * x[k].to_f64()).powi(2)).sum::<f64>().sqrt();
        let residual = r.iter().map(|r| r * r).sum::<f64>().sqrt();
        // Entries of J are 8 at most; the recurrences drift by roundings of what passed through them.
        let size = 8.0 * ((rows * cols) as f64).sqrt();
        let most =
            b.iter().map(|b| b.to_f64().powi(2)).sum::<f64>().sqrt() + size * x.iter().map(|x| x.to_f64().powi(2)).sum::<f64>().sqrt();
        assert!(
            (residual - found.residual_norm).abs() <= 839.0 * T::EPSILON.to_f64() * most,
            "{level}: residual {residual}, said {}",
            found.residual_norm
        );
        let allowed = 839.0 * T::EPSILON.to_f64() * (size + damping) * most;
        assert!((gradient - found.gradient_norm).abs() <= allowed, "{level}: gradient {gradient}, said {}", found.gradient_norm);
    }
}
