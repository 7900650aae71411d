//! Nothing below the trainers allocates: an allocator that aborts is armed around every kernel.

mod oracle;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use oracle::{levels, numbers, signs};
use subquad::cg::{self, Identity, LinearOperator, Stopping};
use subquad::relu::{PatternMut, PatternRef, Tangents, gram, pattern, two_layer};
use subquad::simd::Float;
use subquad::{Error, Level, MatMut, MatRef, blas, hadamard, random};

struct Armed;

thread_local! {
    static ARMED: Cell<bool> = const { Cell::new(false) };
}

#[allow(unsafe_code, reason = "an allocator is unsafe by its nature")]
// SAFETY: everything is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Armed {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if ARMED.get() {
            ARMED.set(false); // the message allocates
            eprintln!("a kernel asked for {} bytes", layout.size());
            std::process::abort();
        }
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Armed = Armed;

fn armed<R>(kernel: impl FnOnce() -> R) -> R {
    ARMED.set(true);
    let result = kernel();
    ARMED.set(false);
    result
}

struct Scaled;
impl<T: Float> LinearOperator<T> for Scaled {
    fn dim(&self) -> usize {
        100
    }
    fn apply(&self, _: Level, x: &[T], y: &mut [T], _: &mut [T]) -> Result<(), Error> {
        y.iter_mut().zip(x).enumerate().for_each(|(i, (y, &x))| *y = T::from_f64(1.0 + i as f64) * x);
        Ok(())
    }
}

fn kernels<T: Float>(level: Level) {
    let (n, d, m, c) = (37, 11, 130, 3);
    let (x, w, a, u) = (numbers::<T>(n * d, 1), numbers::<T>(m * d, 2), signs::<T>(c * m, 3), numbers::<T>(n * c, 4));
    let (x, w, a, u) =
        (MatRef::new(&x, n, d).unwrap(), MatRef::new(&w, m, d).unwrap(), MatRef::new(&a, c, m).unwrap(), MatRef::new(&u, n, c).unwrap());
    let mut words = vec![0; pattern::pattern_len(n, m)];
    let (mut f, mut g, mut k) = (vec![T::ZERO; n * c], vec![T::ZERO; m * d], vec![T::ZERO; n * n]);
    let mut scratch = vec![T::ZERO; 1 << 20];
    let mut v = numbers::<T>(256, 5);
    let (b, mut z) = (numbers::<T>(100, 6), vec![T::ZERO; 100]);
    let mut rng = random::stream(1, 2);
    armed(|| {
        hadamard::fwht(level, &mut v).unwrap();
        random::gaussian(&mut rng, &mut v);
        random::signs(&mut rng, &mut v);
        let pattern = PatternMut::new(&mut words, n, m).unwrap();
        two_layer::forward(level, x, w, a, T::ZERO, Some(pattern), MatMut::new(&mut f, n, c).unwrap(), &mut scratch).unwrap();
        let pattern = PatternRef::new(&words, n, m).unwrap();
        assert!(pattern.count(level) > 0);
        two_layer::jvp(level, x, a, pattern, w, MatMut::new(&mut f, n, c).unwrap(), &mut scratch).unwrap();
        two_layer::vjp(level, x, a, pattern, u, MatMut::new(&mut g, m, d).unwrap(), &mut scratch).unwrap();
        two_layer::gram_product(level, x, a, pattern, u, MatMut::new(&mut f, n, c).unwrap(), &mut scratch).unwrap();
        gram::analytic_gram(level, x, T::ONE, MatMut::new(&mut k, n, n).unwrap(), &mut scratch).unwrap();
        gram::gram(level, x, pattern, MatMut::new(&mut k, n, n).unwrap(), &mut scratch).unwrap();
        for i in 0..n {
            k[i * n + i] += T::ONE;
        }
        blas::cholesky(level, MatMut::new(&mut k, n, n).unwrap(), &mut scratch).unwrap();
        blas::cholesky_solve(level, MatRef::new(&k, n, n).unwrap(), MatMut::new(&mut f, n, c).unwrap(), &mut scratch).unwrap();
        blas::gemm(level, T::ONE, x, x.t(), T::ZERO, MatMut::new(&mut k, n, n).unwrap(), &mut scratch).unwrap();
        let stopping = Stopping { relative: 1e-6, absolute: 0.0, max_iterations: 200 };
        cg::conjugate_gradient(level, &Scaled, &Identity, &b, &mut z, stopping, &mut scratch).unwrap();
        let (row, mut columns) = (MatRef::new(&b, 1, 100).unwrap(), [cg::Column::default()]);
        let mut watch = cg::Watch { check: cg::Check::Insist, ..cg::Watch::default() };
        let solution = MatMut::new(&mut z, 1, 100).unwrap();
        cg::conjugate_gradient_rows(level, &Scaled, &Identity, row, solution, stopping, &mut watch, &mut columns, &mut scratch).unwrap();
        let tangents = Tangents::new(x, a, pattern, T::ONE).unwrap();
        let stopping = cg::LeastSquaresStopping { relative: 1e-2, gradient: 1e-2, max_iterations: 9 };
        cg::least_squares(level, &tangents, &f, 1.0, &mut g, stopping, &mut scratch).unwrap();
    });
}

#[test]
fn kernels_allocate_nothing() {
    for level in levels() {
        kernels::<f32>(level);
        kernels::<f64>(level);
    }
}
