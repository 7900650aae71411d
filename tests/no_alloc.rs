//! Nothing below the trainers allocates: an allocator that aborts is armed around every kernel.

mod oracle;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use oracle::{levels, numbers, signs};
use subquad::cg::{self, Identity, LinearOperator, Stopping};
use subquad::halfspace::{
    BallTree, Candidates, Check, Hits, MaxTree, Moving, Packed, Reporter, Rotated, Screened, Watcher, peak, scan, scan_scratch_len,
};
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

fn reporting<T: Float>(level: Level) {
    let (m, d, n) = (150, 12, 5);
    let (w, x, row) = (numbers::<T>(m * d, 1), numbers::<T>(n * d, 2), numbers::<T>(d, 3));
    let (ws, xs) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, n, d).unwrap());
    let (mut counts, mut indices, mut values) = (vec![0; n], vec![0; n * m], vec![T::ZERO; n * m]);
    let mut words = vec![0u64; MaxTree::<&[u8], T>::storage_len(m, d, n) + Candidates::<&[u8], T>::storage_len(m, d, n, m)];
    let mut scratch = vec![T::ZERO; scan_scratch_len(d, m) + BallTree::<&[u8], T>::rebalance_scratch_len(m, d) + 40_000];
    let (b, scratch) = (T::from_f64(0.1), &mut scratch[..]);
    let mut hits = Hits::new(&mut counts, &mut indices, m).unwrap().with_values(&mut values).unwrap();
    armed(|| scan(level, ws, xs, b, &mut hits, scratch)).unwrap();
    fn ask<T: Float>(
        index: Result<impl Reporter<T> + Moving<T>, Error>,
        level: Level,
        xs: MatRef<'_, T>,
        row: &[T],
        hits: &mut Hits<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), Error> {
        let mut index = index?;
        index.query_batch(level, xs, T::from_f64(0.1), hits, scratch)?;
        index.update(level, 3, row)?;
        index.query(level, row, T::from_f64(0.1), &mut hits.only(0)?, scratch)?;
        index.seal();
        Ok(())
    }
    let memory: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
    armed(|| ask(Packed::build(ws, &mut *memory), level, xs, &row, &mut hits, scratch)).unwrap();
    armed(|| Packed::<_, T>::open(&*memory, Check::Everything).map(drop)).unwrap();
    armed(|| ask(Screened::build(ws, &mut *memory), level, xs, &row, &mut hits, scratch)).unwrap();
    armed(|| ask(Rotated::build(level, ws, 1, &mut *memory), level, xs, &row, &mut hits, scratch)).unwrap();
    armed(|| Rotated::<_, T>::open(&*memory, Check::Everything).and_then(|index| index.verify(ws).or(Ok(())))).unwrap();
    assert!(armed(|| peak(ws)) > 0.0);
    armed(|| ask(BallTree::build(ws, &mut *memory, scratch), level, xs, &row, &mut hits, scratch)).unwrap();
    armed(|| {
        let mut tree = BallTree::<_, T>::open(&mut *memory, Check::Everything)?;
        (0..m).try_for_each(|r| tree.delete(r))?;
        (0..m).try_for_each(|r| tree.insert(level, r, &row))?;
        tree.rebalance(scratch)
    })
    .unwrap();
    armed(|| {
        let mut trees = MaxTree::build(level, ws, xs, &mut *memory, scratch)?;
        trees.update(level, 3, &row)?;
        trees.query_batch(level, ws, b, &mut hits, scratch)
    })
    .unwrap();
    armed(|| {
        let mut lists = Candidates::build(level, ws, xs, b, 0.1, m, &mut *memory, scratch)?;
        lists.update(level, 3, ws.row(3).unwrap_or_default())?;
        lists.query_batch(level, ws, b, &mut hits, &mut [])?;
        lists.advance(level, ws, scratch).map(drop)
    })
    .unwrap();
}

#[test]
fn kernels_allocate_nothing() {
    for level in levels() {
        kernels::<f32>(level);
        kernels::<f64>(level);
        reporting::<f32>(level);
        reporting::<f64>(level);
    }
}
