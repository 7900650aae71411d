//! This crate's kernels next to those of other crates and to what the machine can do: both in one process, taking
//! turns, the least processor time of each. One thread.
//!
//!     cargo run --release -- [all | products | popcount | gemm | factor | cg]
//!
//! Every pair of results is compared before it is timed.

use std::hint::black_box;
use std::time::{Duration, Instant};

use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::linalg::cholesky::llt::factor as llt;
use faer::linalg::qr::no_pivoting::factor as householder;
use faer::matrix_free::conjugate_gradient as faer_cg;
use faer::matrix_free::{InitialGuessStatus, LinOp, Precond};
use faer::{Accum, MatMut as FaerMut, MatRef as FaerRef, Par};
use subquad::cg::{self, Identity, Jacobi, LinearOperator, Preconditioner, Stopping};
use subquad::relu::{PatternMut, PatternRef, gram, pattern, two_layer};
use subquad::{Error, Level, MatMut, MatRef, blas, random};

/// Seconds that this thread has had a processor: what others do on it in the meantime does not count.
fn processor_seconds() -> f64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to the struct it is handed.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut now) };
    now.tv_sec as f64 + 1e-9 * now.tv_nsec as f64
}

/// The least processor time of each of several functions, which take turns.
fn race<const N: usize>(mut all: [&mut dyn FnMut(); N]) -> [f64; N] {
    let mut best = [f64::INFINITY; N];
    for run in all.iter_mut() {
        run();
    }
    let begun = Instant::now();
    let mut rounds = 0;
    while rounds < 7 || (begun.elapsed() < Duration::from_millis(1500) && rounds < 400) {
        for (run, best) in all.iter_mut().zip(&mut best) {
            let start = processor_seconds();
            run();
            *best = best.min(processor_seconds() - start);
        }
        rounds += 1;
    }
    best.map(|seconds| 1e3 * seconds)
}

fn gaussian(n: usize, stream: u32) -> Vec<f32> {
    let mut x = vec![0.0; n];
    random::gaussian(&mut random::stream(1, stream), &mut x);
    x
}

fn unit(mut x: Vec<f32>, d: usize) -> Vec<f32> {
    for row in x.chunks_mut(d) {
        let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter_mut().for_each(|x| *x /= norm);
    }
    x
}

fn close(a: &[f32], b: &[f32], share: f64) {
    assert_eq!(a.len(), b.len());
    let norm = |x: &mut dyn Iterator<Item = f32>| x.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let (off, size) = (norm(&mut a.iter().zip(b).map(|(a, b)| a - b)), norm(&mut b.iter().copied()));
    assert!(off <= share * size, "off by {off} of {size}");
}

/// Multiply-adds per nanosecond of this level's multiply-add units, in f32: a product whose factors lie in the first-level
/// cache is not more than this; measured as sixteen independent chains on registers.
fn peak() -> f64 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx512f") {
        use std::arch::x86_64::*;
        #[target_feature(enable = "avx512f")]
        unsafe fn chains(rounds: usize) -> f32 {
            let (a, b) = (_mm512_set1_ps(0.999), _mm512_set1_ps(1e-3));
            let mut sums: [__m512; 16] = std::array::from_fn(|i| _mm512_set1_ps(black_box(i as f32)));
            for _ in 0..rounds {
                for sum in &mut sums {
                    *sum = _mm512_fmadd_ps(*sum, a, b);
                }
            }
            _mm512_reduce_add_ps(sums.into_iter().reduce(|a, b| _mm512_add_ps(a, b)).unwrap())
        }
        let rounds = 200_000;
        let [ms] = race([&mut || {
            // SAFETY: the feature has just been found.
            black_box(unsafe { chains(black_box(rounds)) });
        }]);
        return (16 * 16 * rounds) as f64 / ms / 1e6;
    }
    f64::NAN
}

/// 512-bit population counts per nanosecond, registers only.
fn popcount_peak() -> f64 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx512vpopcntdq") {
        use std::arch::x86_64::*;
        #[target_feature(enable = "avx512f,avx512vpopcntdq")]
        unsafe fn chains(rounds: usize) -> i64 {
            let mut all: [__m512i; 16] = std::array::from_fn(|i| _mm512_set1_epi64(i as i64 * 0x1234_5678_9abc));
            for _ in 0..rounds {
                for x in &mut all {
                    *x = _mm512_popcnt_epi64(*x);
                    // Kept from being folded.
                    // SAFETY: no instruction at all.
                    unsafe { std::arch::asm!("/* {0} */", inout(zmm_reg) *x, options(nomem, nostack, preserves_flags)) };
                }
            }
            _mm512_reduce_add_epi64(all.into_iter().reduce(|a, b| _mm512_add_epi64(a, b)).unwrap())
        }
        let rounds = 200_000;
        let [ms] = race([&mut || {
            // SAFETY: the feature has just been found.
            black_box(unsafe { chains(black_box(rounds)) });
        }]);
        return (16 * rounds) as f64 / ms / 1e6;
    }
    f64::NAN
}

fn products() {
    let level = Level::detect();
    println!("two-layer products, n = 1024, m = 16384; level {level}; milliseconds, and multiply-adds per ns of the dense work");
    println!("{:>5} {:>4} {:>7} | {:>8} {:>8} {:>8} | {:>8} {:>8} {:>8} | share of peak (jvp, vjp)", "d", "C", "fired", "jvp", "vjp", "K u", "jvp", "vjp", "K u");
    let peak = peak();
    let (n, m) = (1024, 16384);
    for (d, c) in [(64, 1), (64, 10), (16, 1), (256, 1)] {
        let (x, w) = (unit(gaussian(n * d, 1), d), gaussian(m * d, 2));
        let mut a = vec![0.0f32; c * m];
        random::signs(&mut random::stream(1, 3), &mut a);
        let u = gaussian(n * c, 4);
        let (x, w, a, u) = (MatRef::new(&x, n, d).unwrap(), MatRef::new(&w, m, d).unwrap(), MatRef::new(&a, c, m).unwrap(), MatRef::new(&u, n, c).unwrap());
        // Shares 50, 30, 20, 15, 10, 5, 2, 1 percent.
        for b in [0.0, 0.5244, 0.8416, 1.0364, 1.2816, 1.6449, 2.0537, 2.3263] {
            if (d, c) != (64, 1) && ![0.0, 0.8416, 1.2816, 1.6449].contains(&b) {
                continue;
            }
            let mut words = vec![0; pattern::pattern_len(n, m)];
            let (mut f, mut g, mut k) = (vec![0.0f32; n * c], vec![0.0f32; m * d], vec![0.0f32; n * c]);
            let mut scratch = vec![0.0f32; two_layer::gram_product_scratch_len(d, m, c)];
            two_layer::forward(level, x, w, a, b, Some(PatternMut::new(&mut words, n, m).unwrap()), MatMut::new(&mut f, n, c).unwrap(), &mut scratch).unwrap();
            let pattern = PatternRef::new(&words, n, m).unwrap();
            let fired = pattern.count(level) as f64 / (n * m) as f64;
            let (mut s1, mut s2) = (scratch.clone(), scratch.clone());
            let times = race([
                &mut || two_layer::jvp(level, x, a, pattern, w, MatMut::new(&mut f, n, c).unwrap(), &mut s1).unwrap(),
                &mut || two_layer::vjp(level, x, a, pattern, u, MatMut::new(&mut g, m, d).unwrap(), &mut s2).unwrap(),
                &mut || two_layer::gram_product(level, x, a, pattern, u, MatMut::new(&mut k, n, c).unwrap(), &mut scratch).unwrap(),
            ]);
            // K u is J of J^T u.
            two_layer::jvp(level, x, a, pattern, MatRef::new(&g, m, d).unwrap(), MatMut::new(&mut f, n, c).unwrap(), &mut s1).unwrap();
            close(&k, &f, 1e-4);
            let work = (n * m * (d + c)) as f64 / 1e6;
            let rates = [work / times[0], work / times[1], 2.0 * work / times[2]];
            println!(
                "{d:>5} {c:>4} {:>6.1}% | {:>8.2} {:>8.2} {:>8.2} | {:>8.1} {:>8.1} {:>8.1} | {:.2} {:.2}",
                100.0 * fired, times[0], times[1], times[2], rates[0], rates[1], rates[2], rates[0] / peak, rates[1] / peak
            );
        }
    }
}

/// C = A B^T by the crates: all row-major, A n x k, B n x k.
fn by_faer(a: &[f32], b: &[f32], c: &mut [f32], n: usize, k: usize) {
    let (a, b) = (FaerRef::from_row_major_slice(a, n, k), FaerRef::from_row_major_slice(b, n, k));
    let c = FaerMut::from_row_major_slice_mut(c, n, n);
    faer::linalg::matmul::matmul(c, Accum::Replace, a, b.transpose(), 1.0f32, Par::Seq);
}

fn by_gemm(a: &[f32], b: &[f32], c: &mut [f32], n: usize, k: usize) {
    // SAFETY: the slices hold the matrices.
    unsafe {
        gemm::gemm(
            n, n, k, c.as_mut_ptr(), 1, n as isize, false, a.as_ptr(), 1, k as isize, b.as_ptr(), k as isize, 1, 0.0f32, 1.0f32, false, false,
            false, gemm::Parallelism::None,
        );
    }
}

fn by_matrixmultiply(a: &[f32], b: &[f32], c: &mut [f32], n: usize, k: usize) {
    // SAFETY: the slices hold the matrices.
    unsafe { matrixmultiply::sgemm(n, k, n, 1.0, a.as_ptr(), k as isize, 1, b.as_ptr(), 1, k as isize, 0.0, c.as_mut_ptr(), n as isize, 1) }
}

fn popcount() {
    let level = Level::detect();
    let (n, d) = (1024, 8);
    let limit = popcount_peak();
    println!("pattern Gram, n = {n}; level {level}; port limit {limit:.2} vectors of 512 bits per ns; milliseconds");
    println!("{:>6} | {:>8} | {:>8} {:>8} {:>8} | ratio to the fastest | share of the port limit", "m", "overlaps", "faer", "gemm", "matrixm.");
    for m in [4096, 16384, 65536] {
        let (x, w) = (unit(gaussian(n * d, 1), d), gaussian(m * d, 2));
        let a = vec![1.0f32; m];
        let (x, w) = (MatRef::new(&x, n, d).unwrap(), MatRef::new(&w, m, d).unwrap());
        let mut words = vec![0; pattern::pattern_len(n, m)];
        let mut f = vec![0.0f32; n];
        let mut scratch = vec![0.0f32; two_layer::forward_scratch_len(d, m, 1)];
        let a = MatRef::new(&a, 1, m).unwrap();
        two_layer::forward(level, x, w, a, 0.0, Some(PatternMut::new(&mut words, n, m).unwrap()), MatMut::new(&mut f, n, 1).unwrap(), &mut scratch).unwrap();
        let pattern = PatternRef::new(&words, n, m).unwrap();
        let dense: Vec<f32> = (0..n).flat_map(|i| (0..m).map(move |r| f32::from(u8::from(pattern.fires(i, r))))).collect();
        let (mut ours, mut c1, mut c2, mut c3) = (vec![0.0f32; n * n], vec![0.0f32; n * n], vec![0.0f32; n * n], vec![0.0f32; n * n]);
        gram::overlaps(level, pattern, MatMut::new(&mut ours, n, n).unwrap()).unwrap();
        by_faer(&dense, &dense, &mut c1, n, m);
        by_gemm(&dense, &dense, &mut c2, n, m);
        by_matrixmultiply(&dense, &dense, &mut c3, n, m);
        for i in 0..n {
            assert_eq!(ours[i * n..=i * n + i], c1[i * n..=i * n + i]);
            assert!(c1[i * n..=i * n + i] == c2[i * n..=i * n + i] && c1[i * n..=i * n + i] == c3[i * n..=i * n + i]);
        }
        let mine = race([&mut || gram::overlaps(level, pattern, MatMut::new(&mut ours, n, n).unwrap()).unwrap()])[0];
        let [faer, gemm, mm] = race([
            &mut || by_faer(&dense, &dense, &mut c1, n, m),
            &mut || by_gemm(&dense, &dense, &mut c2, n, m),
            &mut || by_matrixmultiply(&dense, &dense, &mut c3, n, m),
        ]);
        let again = race([&mut || gram::overlaps(level, pattern, MatMut::new(&mut ours, n, n).unwrap()).unwrap()])[0];
        let mine = mine.min(again);
        let vectors = (n * (n + 1) / 2) as f64 * (m as f64 / 512.0);
        println!(
            "{m:>6} | {mine:>8.2} | {faer:>8.2} {gemm:>8.2} {mm:>8.2} | {:>6.1} | {:.2}",
            faer.min(gemm).min(mm) / mine,
            vectors / (mine * 1e6) / limit
        );
    }
}

fn products_of_matrices() {
    let level = Level::detect();
    let peak = peak();
    println!("C = A B^T, n x n x n, f32, level {level}; milliseconds; peak {peak:.1} multiply-adds per ns");
    println!("{:>6} | {:>8} {:>8} | {:>8} {:>8} {:>8} | ours / fastest | share of peak (gemm, syrk)", "n", "ours", "syrk", "faer", "gemm", "matrixm.");
    for n in [128, 256, 512, 1024, 2048] {
        let (a, b) = (gaussian(n * n, 1), gaussian(n * n, 2));
        let (mut c, mut c0, mut c1, mut c2, mut c3) = (vec![0.0f32; n * n], vec![0.0f32; n * n], vec![0.0f32; n * n], vec![0.0f32; n * n], vec![0.0f32; n * n]);
        let mut scratch = vec![0.0f32; blas::gemm_scratch_len(n, n, n) + blas::syrk_scratch_len(n, n)];
        let mut scratch2 = scratch.clone();
        let (av, bv) = (MatRef::new(&a, n, n).unwrap(), MatRef::new(&b, n, n).unwrap());
        let times = race([
            &mut || blas::gemm(level, 1.0, av, bv.t(), 0.0, MatMut::new(&mut c, n, n).unwrap(), &mut scratch).unwrap(),
            &mut || blas::syrk(level, 1.0, av, 0.0, MatMut::new(&mut c0, n, n).unwrap(), &mut scratch2).unwrap(),
            &mut || by_faer(&a, &b, &mut c1, n, n),
            &mut || by_gemm(&a, &b, &mut c2, n, n),
            &mut || by_matrixmultiply(&a, &b, &mut c3, n, n),
        ]);
        close(&c, &c1, 1e-5);
        close(&c, &c2, 1e-5);
        close(&c, &c3, 1e-5);
        let best = times[2].min(times[3]).min(times[4]);
        let work = (n * n * n) as f64 / 1e6;
        println!(
            "{n:>6} | {:>8.2} {:>8.2} | {:>8.2} {:>8.2} {:>8.2} | {:.2} | {:.2} {:.2}",
            times[0], times[1], times[2], times[3], times[4], times[0] / best, work / times[0] / peak, 0.5 * work / times[1] / peak
        );
    }
}

fn factorisations() {
    let level = Level::detect();
    println!("factorisations, f32, level {level}; milliseconds (each with a copy of the matrix)");
    println!("{:>12} | {:>8} {:>8} | ours / faer", "", "ours", "faer");
    for n in [512, 1024, 2048, 4096] {
        let k = 64;
        let b = gaussian(n * k, 1);
        let mut spd = vec![0.0f32; n * n];
        by_faer(&b, &b, &mut spd, n, k);
        (0..n).for_each(|i| spd[i * n + i] += 10.0);
        let (mut ours, mut theirs) = (spd.clone(), spd.clone());
        let mut scratch = vec![0.0f32; blas::cholesky_scratch_len(n)];
        let mut memory = MemBuffer::new(llt::cholesky_in_place_scratch::<f32>(n, Par::Seq, Default::default()));
        let [mine, faer] = race([
            &mut || {
                ours.copy_from_slice(&spd);
                let found = blas::cholesky(level, MatMut::new(&mut ours, n, n).unwrap(), &mut scratch).unwrap();
                assert_eq!(found, blas::Definite::Yes);
            },
            &mut || {
                theirs.copy_from_slice(&spd);
                // Symmetric, so that columns may stand for rows: that is the order they like.
                let a = FaerMut::from_column_major_slice_mut(&mut theirs, n, n);
                llt::cholesky_in_place(a, Default::default(), Par::Seq, MemStack::new(&mut memory), Default::default()).unwrap();
            },
        ]);
        for (i, j) in [(n - 1, 0), (n - 1, n / 2), (n - 1, n - 1), (n / 2, n / 3)] {
            assert!((ours[i * n + j] - theirs[j * n + i]).abs() < 1e-3 * ours[i * n + i].abs());
        }
        println!("{:>12} | {mine:>8.2} {faer:>8.2} | {:.2}", format!("chol {n}"), mine / faer);
    }
    for (s, n) in [(512, 512), (2048, 512), (1024, 1024), (4096, 1024), (2048, 2048), (4096, 4096)] {
        // n columns of length s.
        let columns = gaussian(s * n, 2);
        let (mut ours, mut theirs) = (columns.clone(), columns.clone());
        let mut scratch = vec![0.0f32; blas::qr_scratch_len(s, n)];
        let block = householder::recommended_block_size::<f32>(s, n);
        let mut coefficients = vec![0.0f32; block * s.min(n)];
        let mut memory = MemBuffer::new(householder::qr_in_place_scratch::<f32>(s, n, block, Par::Seq, Default::default()));
        let [mine, faer] = race([
            &mut || {
                ours.copy_from_slice(&columns);
                blas::qr(level, MatMut::new(&mut ours, n, s).unwrap(), &mut scratch).unwrap();
            },
            &mut || {
                theirs.copy_from_slice(&columns);
                let a = FaerMut::from_column_major_slice_mut(&mut theirs, s, n);
                let q = FaerMut::from_column_major_slice_mut(&mut coefficients, block, s.min(n));
                householder::qr_in_place(a, q, Par::Seq, MemStack::new(&mut memory), Default::default());
            },
        ]);
        for j in [0, n / 2, n - 1] {
            assert!((ours[j * s + j].abs() - theirs[j * s + j].abs()).abs() < 1e-3 * ours[0].abs(), "{} {}", ours[j * s + j], theirs[j * s + j]);
        }
        println!("{:>12} | {mine:>8.2} {faer:>8.2} | {:.2}", format!("qr {s}x{n}"), mine / faer);
    }
}

/// A chain of springs of uneven strength, with something that holds each: tridiagonal, positive definite.
#[derive(Debug)]
struct Chain {
    springs: Vec<f64>,
    diagonal: Vec<f64>,
}

impl Chain {
    fn new(n: usize) -> Self {
        let springs: Vec<f64> = (0..n + 1).map(|i| 1.0 + (i * i % 97) as f64).collect();
        let diagonal = (0..n).map(|i| springs[i] + springs[i + 1] + 0.1).collect();
        Self { springs, diagonal }
    }
    fn times(&self, x: &[f64], y: &mut [f64]) {
        let n = x.len();
        for i in 1..n - 1 {
            y[i] = self.diagonal[i] * x[i] - self.springs[i] * x[i - 1] - self.springs[i + 1] * x[i + 1];
        }
        y[0] = self.diagonal[0] * x[0] - self.springs[1] * x[1];
        y[n - 1] = self.diagonal[n - 1] * x[n - 1] - self.springs[n - 1] * x[n - 2];
    }
}

impl LinearOperator<f64> for Chain {
    fn dim(&self) -> usize {
        self.diagonal.len()
    }
    fn apply(&self, _: Level, x: &[f64], y: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
        self.times(x, y);
        Ok(())
    }
}

impl LinOp<f64> for Chain {
    fn apply_scratch(&self, _: usize, _: Par) -> StackReq {
        StackReq::EMPTY
    }
    fn nrows(&self) -> usize {
        self.diagonal.len()
    }
    fn ncols(&self) -> usize {
        self.diagonal.len()
    }
    fn apply(&self, mut out: FaerMut<'_, f64>, rhs: FaerRef<'_, f64>, _: Par, _: &mut MemStack) {
        let x = rhs.col(0).try_as_col_major().unwrap().as_slice();
        self.times(x, out.rb_mut().col_mut(0).try_as_col_major_mut().unwrap().as_slice_mut());
    }
    fn conj_apply(&self, out: FaerMut<'_, f64>, rhs: FaerRef<'_, f64>, par: Par, stack: &mut MemStack) {
        LinOp::apply(self, out, rhs, par, stack);
    }
}

/// The diagonal's inverse, by the same loop for both.
#[derive(Debug)]
struct Diagonal<'a>(&'a [f64]);

impl Diagonal<'_> {
    fn solve(&self, r: &[f64], z: &mut [f64]) {
        z.iter_mut().zip(r).zip(self.0).for_each(|((z, r), d)| *z = r / d);
    }
}

impl Preconditioner<f64> for Diagonal<'_> {
    fn precondition(&self, _: Level, r: &[f64], z: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
        self.solve(r, z);
        Ok(())
    }
}

impl LinOp<f64> for Diagonal<'_> {
    fn apply_scratch(&self, _: usize, _: Par) -> StackReq {
        StackReq::EMPTY
    }
    fn nrows(&self) -> usize {
        self.0.len()
    }
    fn ncols(&self) -> usize {
        self.0.len()
    }
    fn apply(&self, mut out: FaerMut<'_, f64>, rhs: FaerRef<'_, f64>, _: Par, _: &mut MemStack) {
        let r = rhs.col(0).try_as_col_major().unwrap().as_slice();
        self.solve(r, out.rb_mut().col_mut(0).try_as_col_major_mut().unwrap().as_slice_mut());
    }
    fn conj_apply(&self, out: FaerMut<'_, f64>, rhs: FaerRef<'_, f64>, par: Par, stack: &mut MemStack) {
        LinOp::apply(self, out, rhs, par, stack);
    }
}
impl Precond<f64> for Diagonal<'_> {}

use faer::prelude::ReborrowMut;

fn conjugate_gradients() {
    let level = Level::detect();
    println!("conjugate gradients, f64, a tridiagonal operator, level {level}; milliseconds for 100 iterations");
    println!("{:>7} {:>9} | {:>8} {:>8} | faer / ours | |x - x'| / |x'|", "n", "precond.", "ours", "faer");
    for n in [1000, 10_000, 100_000] {
        for jacobi in [false, true] {
            let chain = Chain::new(n);
            let b: Vec<f64> = gaussian(n, 5).into_iter().map(f64::from).collect();
            let (mut ours, mut theirs) = (vec![0.0; n], vec![0.0; n]);
            let ones = vec![1.0; n];
            let diagonal = Diagonal(if jacobi { &chain.diagonal } else { &ones });
            let iterations = 100;
            let mut scratch = vec![0.0; cg::conjugate_gradient_scratch_len(n, 0, 0)];
            let stopping = Stopping { relative: 0.0, absolute: 1e-300, max_iterations: iterations };
            let mut memory = MemBuffer::new(faer_cg::conjugate_gradient_scratch(&diagonal, &chain, 1, Par::Seq));
            let identity = faer::matrix_free::IdentityPrecond { dim: n };
            let mut count = 0;
            let [mine, faer] = race([
                &mut || {
                    ours.fill(0.0);
                    let report = if jacobi {
                        cg::conjugate_gradient(level, &chain, &diagonal, &b, &mut ours, stopping, &mut scratch)
                    } else {
                        cg::conjugate_gradient(level, &chain, &Identity, &b, &mut ours, stopping, &mut scratch)
                    };
                    count = report.unwrap().iterations;
                },
                &mut || {
                    theirs.fill(0.0);
                    let params = faer_cg::CgParams {
                        initial_guess: InitialGuessStatus::Zero,
                        abs_tolerance: 1e-300,
                        rel_tolerance: 0.0,
                        max_iters: iterations,
                        ..Default::default()
                    };
                    let x = FaerMut::from_column_major_slice_mut(&mut theirs, n, 1);
                    let b = FaerRef::from_column_major_slice(&b, n, 1);
                    let ended = if jacobi {
                        faer_cg::conjugate_gradient(x, &diagonal, &chain, b, params, |_| {}, Par::Seq, MemStack::new(&mut memory))
                    } else {
                        faer_cg::conjugate_gradient(x, identity, &chain, b, params, |_| {}, Par::Seq, MemStack::new(&mut memory))
                    };
                    assert!(matches!(ended, Err(faer_cg::CgError::NoConvergence { .. })), "{ended:?}");
                },
            ]);
            assert_eq!(count, iterations);
            let size = theirs.iter().map(|x| x * x).sum::<f64>().sqrt();
            let off = ours.iter().zip(&theirs).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt() / size;
            assert!(off < 1e-9, "{off}");
            println!("{n:>7} {:>9} | {mine:>8.3} {faer:>8.3} | {:.2} | {off:.1e}", if jacobi { "jacobi" } else { "none" }, faer / mine);
        }
    }
    let _ = Jacobi::new(&[1.0f64], 1);
}

fn main() {
    let which = std::env::args().nth(1).unwrap_or_else(|| "all".into());
    let all: [(&str, fn()); 5] =
        [("products", products), ("popcount", popcount), ("gemm", products_of_matrices), ("factor", factorisations), ("cg", conjugate_gradients)];
    for (name, run) in all {
        if which == "all" || which == name {
            run();
            println!();
        }
    }
}
