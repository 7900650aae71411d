//! Conjugate gradients, a hundred iterations, on the same operator and the same preconditioner: faer's.

use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::matrix_free::conjugate_gradient as faer_cg;
use faer::matrix_free::{IdentityPrecond, InitialGuessStatus, LinOp, Precond};
use faer::prelude::ReborrowMut;
use faer::{MatMut as FaerMut, MatRef as FaerRef, Par};
use subquad::cg::{self, Identity, LinearOperator, Preconditioner, Stopping};
use subquad::{Error, Level};

use crate::race::{gaussian, race};

const ITERATIONS: usize = 100;
const ALIKE: usize = 10;

/// A chain of springs of uneven strength, with something that holds each: tridiagonal, positive definite.
#[derive(Debug)]
struct Chain<T> {
    springs: Vec<T>,
    diagonal: Vec<T>,
}

/// The diagonal's inverse.
#[derive(Debug)]
struct Diagonal<'a, T>(&'a [T]);

macro_rules! float {
    ($T:ty) => {
        impl Chain<$T> {
            fn new(n: usize) -> Self {
                let springs: Vec<$T> = (0..n + 1).map(|i| 1.0 + (i * i % 97) as $T).collect();
                let diagonal = (0..n).map(|i| springs[i] + springs[i + 1] + 0.1).collect();
                Self { springs, diagonal }
            }
            // One loop for both: what differs is the solver.
            fn times(&self, x: &[$T], y: &mut [$T]) {
                let n = x.len();
                let (s, d) = (&self.springs[..n + 1], &self.diagonal[..n]);
                for (((y, x), s), d) in y[1..n - 1].iter_mut().zip(x.windows(3)).zip(s[1..].windows(2)).zip(&d[1..]) {
                    *y = d * x[1] - s[0] * x[0] - s[1] * x[2];
                }
                y[0] = d[0] * x[0] - s[1] * x[1];
                y[n - 1] = d[n - 1] * x[n - 1] - s[n - 1] * x[n - 2];
            }
        }
        impl LinearOperator<$T> for Chain<$T> {
            fn dim(&self) -> usize {
                self.diagonal.len()
            }
            fn apply(&self, _: Level, x: &[$T], y: &mut [$T], _: &mut [$T]) -> Result<(), Error> {
                self.times(x, y);
                Ok(())
            }
        }
        impl LinOp<$T> for Chain<$T> {
            fn apply_scratch(&self, _: usize, _: Par) -> StackReq {
                StackReq::EMPTY
            }
            fn nrows(&self) -> usize {
                self.diagonal.len()
            }
            fn ncols(&self) -> usize {
                self.diagonal.len()
            }
            fn apply(&self, mut out: FaerMut<'_, $T>, rhs: FaerRef<'_, $T>, _: Par, _: &mut MemStack) {
                let x = rhs.col(0).try_as_col_major().unwrap().as_slice();
                self.times(x, out.rb_mut().col_mut(0).try_as_col_major_mut().unwrap().as_slice_mut());
            }
            fn conj_apply(&self, out: FaerMut<'_, $T>, rhs: FaerRef<'_, $T>, par: Par, stack: &mut MemStack) {
                LinOp::apply(self, out, rhs, par, stack);
            }
        }
        impl Diagonal<'_, $T> {
            fn solve(&self, r: &[$T], z: &mut [$T]) {
                z.iter_mut().zip(r).zip(self.0).for_each(|((z, r), d)| *z = r / d);
            }
        }
        impl Preconditioner<$T> for Diagonal<'_, $T> {
            fn precondition(&self, _: Level, r: &[$T], z: &mut [$T], _: &mut [$T]) -> Result<(), Error> {
                self.solve(r, z);
                Ok(())
            }
        }
        impl LinOp<$T> for Diagonal<'_, $T> {
            fn apply_scratch(&self, _: usize, _: Par) -> StackReq {
                StackReq::EMPTY
            }
            fn nrows(&self) -> usize {
                self.0.len()
            }
            fn ncols(&self) -> usize {
                self.0.len()
            }
            fn apply(&self, mut out: FaerMut<'_, $T>, rhs: FaerRef<'_, $T>, _: Par, _: &mut MemStack) {
                let r = rhs.col(0).try_as_col_major().unwrap().as_slice();
                self.solve(r, out.rb_mut().col_mut(0).try_as_col_major_mut().unwrap().as_slice_mut());
            }
            fn conj_apply(&self, out: FaerMut<'_, $T>, rhs: FaerRef<'_, $T>, par: Par, stack: &mut MemStack) {
                LinOp::apply(self, out, rhs, par, stack);
            }
        }
        impl Precond<$T> for Diagonal<'_, $T> {}
        impl Chain<$T> {
            fn compare(n: usize, jacobi: bool) {
                let level = Level::detect();
                let chain = Self::new(n);
                let b: Vec<$T> = gaussian(n, 5).into_iter().map(<$T>::from).collect();
                let diagonal = Diagonal(&chain.diagonal);
                let identity = IdentityPrecond { dim: n };
                let mut scratch = vec![0.0; cg::conjugate_gradient_scratch_len(n, 0, 0)];
                let mut memory = MemBuffer::new(faer_cg::conjugate_gradient_scratch(&diagonal, &chain, 1, Par::Seq));
                let tiny = <$T>::MIN_POSITIVE;
                let mut mine = |x: &mut Vec<$T>, iterations: usize| {
                    x.fill(0.0);
                    let stopping = Stopping { relative: 0.0, absolute: f64::from(tiny), max_iterations: iterations };
                    let report = if jacobi {
                        cg::conjugate_gradient(level, &chain, &diagonal, &b, x, stopping, &mut scratch)
                    } else {
                        cg::conjugate_gradient(level, &chain, &Identity, &b, x, stopping, &mut scratch)
                    };
                    assert_eq!(report.unwrap().iterations, iterations);
                };
                let mut theirs = |x: &mut Vec<$T>, iterations: usize| {
                    x.fill(0.0);
                    let params = faer_cg::CgParams {
                        // `Zero` would leave its residual uninitialised in this version.
                        initial_guess: InitialGuessStatus::MaybeNonZero,
                        abs_tolerance: tiny,
                        rel_tolerance: 0.0,
                        max_iters: iterations,
                        ..Default::default()
                    };
                    let (x, b) = (FaerMut::from_column_major_slice_mut(x, n, 1), FaerRef::from_column_major_slice(&b, n, 1));
                    let stack = MemStack::new(&mut memory);
                    let ended = if jacobi {
                        faer_cg::conjugate_gradient(x, &diagonal, &chain, b, params, |_| {}, Par::Seq, stack)
                    } else {
                        faer_cg::conjugate_gradient(x, identity, &chain, b, params, |_| {}, Par::Seq, stack)
                    };
                    assert!(matches!(ended, Err(faer_cg::CgError::NoConvergence { .. })), "{ended:?}");
                };
                let (mut x, mut y) = (vec![0.0; n], vec![0.0; n]);
                // The same iterates to rounding: after a few, as what rounding adds grows from one to the next.
                mine(&mut x, ALIKE);
                theirs(&mut y, ALIKE);
                let size = y.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
                let off = x.iter().zip(&y).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt() / size;
                assert!(off < if size_of::<$T>() == 4 { 1e-4 } else { 1e-12 }, "{off}");
                let name = if jacobi { "Jacobi" } else { "none" };
                let case = format!("{}, n = {n}, {name}", stringify!($T));
                race("cg", &case, &mut [("", &mut || mine(&mut x, ITERATIONS)), ("faer 0.24", &mut || theirs(&mut y, ITERATIONS))]);
            }
        }
    };
}
float!(f32);
float!(f64);

pub fn run() {
    for n in [1000, 10_000, 100_000] {
        for jacobi in [false, true] {
            Chain::<f32>::compare(n, jacobi);
            Chain::<f64>::compare(n, jacobi);
        }
    }
}
