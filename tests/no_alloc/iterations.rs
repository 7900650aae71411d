//! Conjugate gradients, least squares, gradient steps.

use std::ops::ControlFlow;

use crate::armed;
use crate::oracle::{levels, numbers};
use subquad::cg::{
    self, Column, Identity, Iteration, Jacobi, LeastSquaresStopping, LinearOperator, Preconditioner, SharedCholesky, Stopping,
    TallOperator, Watch,
};
use subquad::simd::Float;
use subquad::sketch::{Bounds, FixedStep, Sketched, fixed_step};
use subquad::{Error, Level, MatMut, MatRef};

const N: usize = 100;

/// A diagonal matrix.
struct Scaled;
impl<T: Float> LinearOperator<T> for Scaled {
    fn dim(&self) -> usize {
        N
    }
    fn apply(&self, _: Level, x: &[T], y: &mut [T], _: &mut [T]) -> Result<(), Error> {
        y.iter_mut().zip(x).enumerate().for_each(|(i, (y, &x))| *y = T::from_f64(1.0 + i as f64) * x);
        Ok(())
    }
}
impl<T: Float> TallOperator<T> for Scaled {
    fn rows(&self) -> usize {
        N
    }
    fn cols(&self) -> usize {
        N
    }
    fn apply(&self, level: Level, x: &[T], y: &mut [T], scratch: &mut [T]) -> Result<(), Error> {
        LinearOperator::apply(self, level, x, y, scratch)
    }
    fn apply_transpose(&self, level: Level, y: &[T], x: &mut [T], scratch: &mut [T]) -> Result<(), Error> {
        LinearOperator::apply(self, level, y, x, scratch)
    }
}

/// Every preconditioner, one right-hand side and several, watched and not.
fn preconditioned<T: Float>(level: Level, by: &impl Preconditioner<T>, room: &mut [T]) {
    let (b, mut x) = (numbers::<T>(3 * N, 6), vec![T::ZERO; 3 * N]);
    let stopping = Stopping { relative: 1e-6, absolute: 0.0, max_iterations: 200 };
    let (mut columns, mut history) = ([Column::default(); 3], [0.0; 50]);
    armed(|| {
        Preconditioner::precondition(by, level, &b[..N], &mut x[..N], room)?;
        by.precondition_rows(level, MatRef::new(&b, 3, N)?, MatMut::new(&mut x, 3, N)?, room)?;
        x.fill(T::ZERO);
        let need = Preconditioner::scratch_len(by).max(Preconditioner::rows_scratch_len(by, 3));
        assert!(need < room.len() && (by.is_identity() || need + 1 > 0));
        cg::conjugate_gradient(level, &Scaled, by, &b[..N], &mut x[..N], stopping, room)?;
        let mut seen = |at: &Iteration| if at.iterations < 150 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
        let mut watch = Watch { history: &mut history, callback: Some(&mut seen), check: cg::Check::Insist, patience: 40 };
        x.fill(T::ZERO);
        cg::conjugate_gradient_watched(level, &Scaled, by, &b[..N], &mut x[..N], stopping, &mut watch, room)?;
        let rows = MatMut::new(&mut x, 3, N)?;
        cg::conjugate_gradient_rows(level, &Scaled, by, MatRef::new(&b, 3, N)?, rows, stopping, &mut watch, &mut columns, room)?;
        assert!(columns[0].report().rhs_norm > 0.0);
        Ok::<(), Error>(())
    })
    .unwrap();
}

fn iterations<T: Float>(level: Level) {
    let mut room = vec![T::ZERO; 1 << 14];
    let diagonal = vec![T::from_f64(7.0); N];
    let mut factor = vec![T::ZERO; N * N];
    factor.iter_mut().step_by(N + 1).for_each(|x| *x = T::from_f64(3.0));
    let factor = MatRef::new(&factor, N, N).unwrap();
    let (jacobi, shared, sketched) =
        armed(|| Ok::<_, Error>((Jacobi::new(&diagonal, 1)?, SharedCholesky::new(factor, 1)?, Sketched::new(factor, 6400, 1)?))).unwrap();
    preconditioned(level, &Identity, &mut room);
    preconditioned(level, &jacobi, &mut room);
    preconditioned(level, &shared, &mut room);
    preconditioned(level, &sketched, &mut room);
    let (b, mut x) = (numbers::<T>(N, 6), vec![T::ZERO; 2 * N]);
    let stopping = Stopping { relative: 1e-6, absolute: 0.0, max_iterations: 50 };
    armed(|| {
        let step = FixedStep::Within(Bounds { low: 0.01, high: 12.0 });
        fixed_step(level, &Scaled, &sketched, step, &b, &mut x[..N], stopping, &mut room)?;
        let stopping = LeastSquaresStopping { relative: 1e-2, gradient: 1e-2, max_iterations: 50 };
        x.fill(T::ZERO);
        cg::least_squares(level, &Scaled, &b, 1.0, &mut x[..N], stopping, &mut room)?;
        // What the traits do by themselves.
        let (from, to) = (MatRef::new(&diagonal, 1, N)?, MatMut::new(&mut x[..N], 1, N)?);
        LinearOperator::<T>::apply_rows(&Scaled, level, from, to, &mut room)?;
        let need = LinearOperator::<T>::rows_scratch_len(&Scaled, 2) + LinearOperator::<T>::scratch_len(&Scaled);
        assert!(need + TallOperator::<T>::scratch_len(&Scaled) + LinearOperator::<T>::dim(&Scaled) >= N);
        assert!(TallOperator::<T>::rows(&Scaled) == TallOperator::<T>::cols(&Scaled));
        TallOperator::<T>::apply(&Scaled, level, &b, &mut x[..N], &mut room)?;
        TallOperator::<T>::apply_transpose(&Scaled, level, &b, &mut x[..N], &mut room)
    })
    .unwrap();
}

#[test]
fn iterations_allocate_nothing() {
    for level in levels() {
        iterations::<f32>(level);
        iterations::<f64>(level);
    }
}
