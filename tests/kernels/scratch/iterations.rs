//! Scratch of conjugate gradients, least squares, gradient steps, and of the operators that they run with.

use super::{bits, proves};
use crate::oracle::{levels, numbers, signs};
use subquad::cg::{
    self, Column, Identity, LeastSquaresStopping, LinearOperator, Preconditioner, SharedCholesky, Stopping, TallOperator, Watch,
};
use subquad::relu::{PatternRef, Tangents};
use subquad::simd::Float;
use subquad::sketch::{Bounds, FixedStep, Sketched, fixed_step, fixed_step_scratch_len};
use subquad::{Error, Level, MatMut, MatRef};

const N: usize = 50;

/// A matrix that spoils the scratch that it asked for.
struct Tridiagonal;
impl<T: Float> LinearOperator<T> for Tridiagonal {
    fn dim(&self) -> usize {
        N
    }
    fn scratch_len(&self) -> usize {
        3
    }
    fn apply(&self, _: Level, x: &[T], y: &mut [T], scratch: &mut [T]) -> Result<(), Error> {
        assert!(scratch.len() >= 3);
        scratch[..3].fill(T::from_f64(f64::NAN));
        let at = |i: usize| x.get(i).copied().unwrap_or(T::ZERO);
        y.iter_mut().enumerate().for_each(|(i, y)| *y = T::from_f64(3.0) * at(i) - at(i.wrapping_sub(1)) - at(i + 1));
        Ok(())
    }
}
impl<T: Float> TallOperator<T> for Tridiagonal {
    fn rows(&self) -> usize {
        N
    }
    fn cols(&self) -> usize {
        N
    }
    fn scratch_len(&self) -> usize {
        3
    }
    fn apply(&self, level: Level, x: &[T], y: &mut [T], scratch: &mut [T]) -> Result<(), Error> {
        LinearOperator::apply(self, level, x, y, scratch)
    }
    fn apply_transpose(&self, level: Level, y: &[T], x: &mut [T], scratch: &mut [T]) -> Result<(), Error> {
        LinearOperator::apply(self, level, y, x, scratch)
    }
}

fn preconditioned<T: Float>(level: Level, by: &impl Preconditioner<T>) {
    let b = numbers::<T>(3 * N, 4);
    let rows = MatRef::new(&b, 3, N).unwrap();
    let stopping = Stopping { relative: 1e-4, absolute: 0.0, max_iterations: 60 };
    let (one, several) = (by.scratch_len(), by.rows_scratch_len(3));
    proves("conjugate_gradient", cg::conjugate_gradient_scratch_len(N, 3, one), |s: &mut [T]| {
        let mut x = vec![T::ZERO; N];
        cg::conjugate_gradient(level, &Tridiagonal, by, &b[..N], &mut x, stopping, s).map(|_| bits(&x))
    });
    proves("conjugate_gradient_watched", cg::conjugate_gradient_scratch_len(N, 3, one), |s: &mut [T]| {
        let (mut x, mut history) = (vec![T::ZERO; N], [0.0; 60]);
        let mut watch = Watch { history: &mut history, check: cg::Check::Insist, ..Watch::default() };
        let report = cg::conjugate_gradient_watched(level, &Tridiagonal, by, &b[..N], &mut x, stopping, &mut watch, s)?;
        Ok([bits(&x), bits(&history), bits(&[report.residual_norm, report.iterations as f64])].concat())
    });
    proves("conjugate_gradient_rows", cg::conjugate_gradient_rows_scratch_len(N, 3, 3, several), |s: &mut [T]| {
        let (mut x, mut columns) = (vec![T::ZERO; 3 * N], [Column::default(); 3]);
        let (to, mut watch) = (MatMut::new(&mut x, 3, N).unwrap(), Watch::default());
        cg::conjugate_gradient_rows(level, &Tridiagonal, by, rows, to, stopping, &mut watch, &mut columns, s)?;
        Ok([bits(&x), bits(&columns.map(|column| column.report().residual_norm))].concat())
    });
}

fn iterations<T: Float>(level: Level) {
    let b = numbers::<T>(3 * N, 5);
    let mut factor = vec![T::ZERO; N * N];
    factor.iter_mut().step_by(N + 1).for_each(|x| *x = T::from_f64(2.0));
    let factor = MatRef::new(&factor, N, N).unwrap();
    let (shared, sketched) = (SharedCholesky::new(factor, 1).unwrap(), Sketched::new(factor, 64 * N, 1).unwrap());
    preconditioned::<T>(level, &Identity);
    preconditioned(level, &shared);
    preconditioned(level, &sketched);
    proves("precondition", Preconditioner::<T>::scratch_len(&shared), |s: &mut [T]| {
        let mut z = vec![T::ZERO; N];
        Preconditioner::precondition(&shared, level, &b[..N], &mut z, s).map(|()| bits(&z))
    });
    proves("precondition_rows", Preconditioner::<T>::rows_scratch_len(&shared, 3), |s: &mut [T]| {
        let mut z = vec![T::ZERO; 3 * N];
        shared.precondition_rows(level, MatRef::new(&b, 3, N).unwrap(), MatMut::new(&mut z, 3, N).unwrap(), s).map(|()| bits(&z))
    });
    proves("least_squares", cg::least_squares_scratch_len(N, N, 3), |s: &mut [T]| {
        let mut x = vec![T::ZERO; N];
        let stopping = LeastSquaresStopping { relative: 1e-5, gradient: 1e-5, max_iterations: 40 };
        let report = cg::least_squares(level, &Tridiagonal, &b[..N], 0.5, &mut x, stopping, s)?;
        Ok([bits(&x), bits(&[report.residual_norm, report.gradient_norm])].concat())
    });
    let need = fixed_step_scratch_len(N, 3, Preconditioner::<T>::scratch_len(&sketched));
    for from in [T::ZERO, T::ONE] {
        proves("fixed_step", need, |s: &mut [T]| {
            let mut g = vec![from; N];
            let stopping = Stopping { relative: 1e-4, absolute: 0.0, max_iterations: 60 };
            // The spectrum of K / 4.
            let step = FixedStep::Within(Bounds { low: 0.25, high: 1.25 });
            let report = fixed_step(level, &Tridiagonal, &sketched, step, &b[..N], &mut g, stopping, s)?;
            Ok([bits(&g), bits(&[report.residual_norm, report.iterations as f64])].concat())
        });
    }
}

/// The Jacobian as an operator.
fn tangents<T: Float>(level: Level) {
    let (n, d, m, c) = (5, 4, 70, 2);
    let (x, a, u, v) = (numbers::<T>(n * d, 1), signs::<T>(c * m, 2), numbers::<T>(2 * n * c, 3), numbers::<T>(m * d, 4));
    let words: Vec<u64> = (0..n as u64).flat_map(|i| [0x9E37_79B9_7F4A_7C15u64.rotate_left(i as u32 * 7), i]).collect();
    let pattern = PatternRef::new(&words, n, m).unwrap();
    let operator = Tangents::new(MatRef::new(&x, n, d).unwrap(), MatRef::new(&a, c, m).unwrap(), pattern, T::ONE).unwrap();
    let (tall, square) = (TallOperator::scratch_len(&operator), LinearOperator::scratch_len(&operator));
    // Two products share one need: the larger one is asked of neither, so that an element less may still do.
    let enough = |need: usize| vec![T::from_f64(f64::NAN); need];
    let (mut j, mut jt) = (vec![T::ZERO; n * c], vec![T::ZERO; m * d]);
    TallOperator::apply(&operator, level, &v, &mut j, &mut enough(tall)).unwrap();
    TallOperator::apply_transpose(&operator, level, &u[..n * c], &mut jt, &mut enough(tall)).unwrap();
    assert!(j.iter().chain(&jt).all(|x| x.is_finite()), "{level}");
    proves("Tangents", square, |s: &mut [T]| {
        let mut out = vec![T::ZERO; n * c];
        LinearOperator::apply(&operator, level, &u[..n * c], &mut out, s).map(|()| bits(&out))
    });
    proves("Tangents: rows", LinearOperator::rows_scratch_len(&operator, 2), |s: &mut [T]| {
        let mut out = vec![T::ZERO; 2 * n * c];
        let (from, to) = (MatRef::new(&u, 2, n * c).unwrap(), MatMut::new(&mut out, 2, n * c).unwrap());
        operator.apply_rows(level, from, to, s).map(|()| bits(&out))
    });
}

#[test]
fn scratch_of_iterations() {
    for level in levels() {
        iterations::<f32>(level);
        iterations::<f64>(level);
        tangents::<f32>(level);
        tangents::<f64>(level);
    }
}
