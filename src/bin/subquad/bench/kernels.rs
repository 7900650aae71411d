//! The kernels, each against its limit.

use std::hint::black_box;

use subquad::cg::{self, Identity, LinearOperator, Status, Stopping};
use subquad::relu::{PatternMut, PatternRef, pattern as bits, two_layer};
use subquad::sketch::TensorSrht;
use subquad::{Error, Level, MatMut, MatRef, blas, hadamard, limits, random, relu};

use super::{Limit, Row, Runner};
use crate::Failure;

/// Rounds of the loops that only compute: some tens of microseconds.
const ROUNDS: usize = 10_000;

pub fn gaussian(n: usize, seed: u64) -> Vec<f32> {
    let mut x = vec![0.0; n];
    random::gaussian(&mut random::stream(seed, 0), &mut x);
    x
}

/// What was computed must be what is so.
pub fn expect(what: &str, level: Level, found: f64, right: f64, tolerance: f64) -> Result<(), Failure> {
    if (found - right).abs() <= tolerance {
        return Ok(());
    }
    Err(Failure::Fault(format!("{what} at level {level}: found {found}, right is {right}; please report this")))
}

fn dot(x: impl Iterator<Item = f32>, y: impl Iterator<Item = f32>) -> f64 {
    x.zip(y).map(|(x, y)| f64::from(x) * f64::from(y)).sum()
}

fn flops(bench: &Runner<'_>, level: Level) -> f64 {
    let seconds = bench.time(|| {
        black_box(limits::multiply_adds::<f32>(level, ROUNDS, black_box(0.5)));
    });
    limits::flops::<f32>(level, ROUNDS) as f64 / seconds
}

fn adds(bench: &Runner<'_>, level: Level) -> f64 {
    let seconds = bench.time(|| {
        black_box(limits::additions::<f32>(level, ROUNDS, black_box(0.5)));
    });
    limits::adds::<f32>(level, ROUNDS) as f64 / seconds
}

fn words(bench: &Runner<'_>, level: Level) -> f64 {
    let seconds = bench.time(|| {
        black_box(limits::counted_bits::<f32>(level, ROUNDS, black_box(0x1234_5678_9ABC_DEF0)));
    });
    limits::words::<f32>(level, ROUNDS) as f64 / seconds
}

/// Bytes a second out of the first-level cache.
fn reads(bench: &Runner<'_>, level: Level) -> f64 {
    let x = [1.0f32; 6144];
    let seconds = bench.time(|| {
        black_box(limits::read(level, black_box(&x)));
    });
    size_of_val(&x) as f64 / seconds
}

impl Runner<'_> {
    /// Times `work` of `amount` units between two measurements of its limit, of which the greater counts.
    fn against(
        &mut self,
        name: (&'static str, String),
        level: Level,
        amount: f64,
        unit: &'static str,
        limit: (Limit, fn(&Runner<'_>, Level) -> f64),
        work: impl FnMut(),
    ) {
        let before = limit.1(self, level);
        let seconds = self.time(work);
        let most = before.max(limit.1(self, level));
        let rate = amount / seconds;
        self.row(Row { kernel: name.0, case: name.1, level, seconds, rate, unit, limit: limit.0, share: rate / most });
    }
}

/// The limits themselves.
pub fn limits(bench: &mut Runner<'_>, level: Level) {
    for (case, unit, limit, work, rate) in [
        ("multiply-adds in registers", "Gflop/s", Limit::Flops, limits::flops::<f32>(level, ROUNDS), flops(bench, level)),
        ("additions in registers", "Gadd/s", Limit::Adds, limits::adds::<f32>(level, ROUNDS), adds(bench, level)),
        ("words ANDed and counted", "Gword/s", Limit::Words, limits::words::<f32>(level, ROUNDS), words(bench, level)),
    ] {
        bench.row(Row { kernel: "limit", case: case.into(), level, seconds: work as f64 / rate, rate, unit, limit, share: 1.0 });
    }
    let n = 1 << 24;
    let (x, mut y) = (vec![1.0f32; n], vec![0.0f32; n]);
    let seconds = bench.time(|| {
        black_box(limits::read(level, black_box(&x)));
    });
    let copy = bench.time(|| black_box(&mut y[..]).copy_from_slice(black_box(&x)));
    let bytes = (4 * n) as f64;
    bench.row(Row {
        kernel: "limit",
        case: "read, 64 MiB".into(),
        level,
        seconds,
        rate: bytes / seconds,
        unit: "GB/s",
        limit: Limit::Copies,
        share: copy / seconds,
    });
}

pub fn hadamard(bench: &mut Runner<'_>, level: Level) -> Result<(), Failure> {
    for p in [8u32, 10, 12, 14, 16, 18, 20, 22] {
        let n = 1usize << p;
        let mut x = gaussian(n, 3);
        let j = n / 3;
        let right = dot(x.iter().enumerate().map(|(i, &x)| if (i & j).count_ones() % 2 == 1 { -x } else { x }), std::iter::repeat(1.0));
        hadamard::fwht(level, &mut x)?;
        expect("transform", level, f64::from(x[j]), right, 1e-5 * n as f64)?;
        x.fill(0.0); // it would overflow otherwise
        let case = format!("n = 2^{p}");
        if p < 20 {
            let amount = (n * p as usize) as f64;
            bench.against(("hadamard", case), level, amount, "Gadd/s", (Limit::Adds, adds), || {
                let _ = hadamard::fwht(level, black_box(&mut x));
            });
        } else {
            let y = vec![0.0f32; n];
            let copy = bench.time(|| black_box(&mut x[..]).copy_from_slice(black_box(&y)));
            let seconds = bench.time(|| {
                let _ = hadamard::fwht(level, black_box(&mut x));
            });
            let rate = (8 * n) as f64 / seconds;
            bench.row(Row { kernel: "hadamard", case, level, seconds, rate, unit: "GB/s", limit: Limit::Copies, share: copy / seconds });
        }
    }
    Ok(())
}

pub fn gemm(bench: &mut Runner<'_>, level: Level) -> Result<(), Failure> {
    let n = 512;
    let (a, b, mut c) = (gaussian(n * n, 1), gaussian(n * n, 2), vec![0.0; n * n]);
    let mut scratch = vec![0.0; blas::gemm_scratch_len(n, n, n)];
    let (a, b) = (MatRef::new(&a, n, n)?, MatRef::new(&b, n, n)?);
    let right = dot((0..n).filter_map(|k| a.get(7, k)), (0..n).filter_map(|k| b.get(k, 11)));
    blas::gemm(level, 1.0, a, b, 0.0, MatMut::new(&mut c, n, n)?, &mut scratch)?;
    expect("gemm", level, f64::from(c[7 * n + 11]), right, 1e-3)?;
    let amount = 2.0 * (n * n * n) as f64;
    let work = || {
        let _ = MatMut::new(&mut c, n, n).and_then(|c| blas::gemm(level, 1.0, black_box(a), b, 0.0, c, &mut scratch));
    };
    bench.against(("gemm", format!("{n} x {n} x {n}")), level, amount, "Gflop/s", (Limit::Flops, flops), work);
    Ok(())
}

pub fn cholesky(bench: &mut Runner<'_>, level: Level) -> Result<(), Failure> {
    let n = 1024;
    let spd: Vec<f32> = (0..n * n).map(|k| if k % (n + 1) == 0 { 2.0 * n as f32 } else { (k % 17) as f32 / 17.0 }).collect();
    let mut scratch = vec![0.0; blas::cholesky_scratch_len(n)];
    let mut l = spd.clone();
    if blas::cholesky(level, MatMut::new(&mut l, n, n)?, &mut scratch)? != blas::Definite::Yes {
        return Err(Failure::Fault(format!("cholesky at level {level}: found a positive definite matrix to be none; please report this")));
    }
    let (i, j) = (n - 1, n / 2);
    let right = f64::from(spd[i * n + j]);
    let found = dot((0..=j).map(|k| l[i * n + k]), (0..=j).map(|k| l[j * n + k]));
    expect("cholesky", level, found, right, 1e-2)?;
    let amount = (n * n * n) as f64 / 3.0;
    let work = || {
        l.copy_from_slice(&spd);
        let _ = MatMut::new(&mut l, n, n).and_then(|l| blas::cholesky(level, l, &mut scratch));
    };
    bench.against(("cholesky", format!("n = {n}, copy included")), level, amount, "Gflop/s", (Limit::Flops, flops), work);
    Ok(())
}

pub fn relu(bench: &mut Runner<'_>, level: Level) -> Result<(), Failure> {
    let (n, d, m) = (512, 64, 4096);
    for c in [1, 10] {
        let (x, w, v) = (gaussian(n * d, 1), gaussian(m * d, 2), gaussian(m * d, 3));
        let a: Vec<f32> = gaussian(c * m, 4).iter().map(|x| x.signum()).collect();
        let (x, w, v, a) = (MatRef::new(&x, n, d)?, MatRef::new(&w, m, d)?, MatRef::new(&v, m, d)?, MatRef::new(&a, c, m)?);
        let room = two_layer::forward_scratch_len(d, m, c)
            .max(two_layer::jvp_scratch_len(d, m, c))
            .max(two_layer::vjp_scratch_len(d, m, c))
            .max(two_layer::gram_product_scratch_len(d, m, c));
        let (mut f, mut g, mut scratch) = (vec![0.0; n * c], vec![0.0; m * d], vec![0.0; room]);
        let mut words = vec![0; bits::pattern_len(n, m)];
        let fired = PatternMut::new(&mut words, n, m)?;
        two_layer::forward(level, x, w, a, 0.0, Some(fired), MatMut::new(&mut f, n, c)?, &mut scratch)?;
        let fired = PatternRef::new(&words, n, m)?;
        two_layer::jvp(level, x, a, fired, v, MatMut::new(&mut f, n, c)?, &mut scratch)?;
        let row = |of: MatRef<'_, f32>, r: usize, i: usize| dot((0..d).filter_map(|k| of.get(r, k)), (0..d).filter_map(|k| x.get(i, k)));
        let right: f64 =
            (0..m).filter(|&r| fired.fires(5, r)).map(|r| f64::from(a.get(c - 1, r).unwrap_or(0.0)) * row(v, r, 5)).sum::<f64>()
                / (m as f64).sqrt();
        expect("jvp", level, f64::from(f[5 * c + c - 1]), right, 1e-3)?;
        // <J v, J v> = <v, J^T J v>
        let u = f.clone();
        let us = MatRef::new(&u, n, c)?;
        two_layer::vjp(level, x, a, fired, us, MatMut::new(&mut g, m, d)?, &mut scratch)?;
        let (left, squares) = (dot(v.data().iter().copied(), g.iter().copied()), dot(u.iter().copied(), u.iter().copied()));
        expect("vjp", level, left, squares, 1e-4 * squares)?;
        // <u, K u> = |J^T u|^2
        two_layer::gram_product(level, x, a, fired, us, MatMut::new(&mut f, n, c)?, &mut scratch)?;
        let (left, squares) = (dot(u.iter().copied(), f.iter().copied()), dot(g.iter().copied(), g.iter().copied()));
        expect("gram product", level, left, squares, 1e-4 * squares)?;

        let amount = 2.0 * (n * m * (d + c)) as f64;
        let case = |name: &str| format!("{name}, n={n} d={d} m={m} C={c}");
        let limit: (Limit, fn(&Runner<'_>, Level) -> f64) = (Limit::Flops, flops);
        bench.against(("relu", case("J v")), level, amount, "Gflop/s", limit, || {
            let _ = MatMut::new(&mut f, n, c).and_then(|f| two_layer::jvp(level, x, a, fired, black_box(v), f, &mut scratch));
        });
        bench.against(("relu", case("J^T u")), level, amount, "Gflop/s", limit, || {
            let _ = MatMut::new(&mut g, m, d).and_then(|g| two_layer::vjp(level, x, a, fired, black_box(us), g, &mut scratch));
        });
        bench.against(("relu", case("K u")), level, 2.0 * amount, "Gflop/s", limit, || {
            let _ = MatMut::new(&mut f, n, c).and_then(|f| two_layer::gram_product(level, x, a, fired, black_box(us), f, &mut scratch));
        });
    }
    Ok(())
}

pub fn pattern(bench: &mut Runner<'_>, level: Level) -> Result<(), Failure> {
    for m in [4096, 65_536] {
        let n = 512;
        let words_of = bits::words_per_sample(m);
        let words_in: Vec<u64> =
            (0..n * words_of).map(|k| (k as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left((k % 64) as u32)).collect();
        let fired = PatternRef::new(&words_in, n, m)?;
        let mut out = vec![0.0f32; n * n];
        relu::gram::overlaps(level, fired, MatMut::new(&mut out, n, n)?)?;
        let right: u32 = fired.sample(9).iter().zip(fired.sample(4)).map(|(a, b)| (a & b).count_ones()).sum();
        expect("overlaps", level, f64::from(out[9 * n + 4]), f64::from(right), 0.0)?;
        let amount = (n * (n + 1) / 2 * words_of) as f64;
        bench.against(("pattern", format!("n = {n}, m = {m}")), level, amount, "Gword/s", (Limit::Words, words), || {
            let _ = MatMut::new(&mut out, n, n).and_then(|out| relu::gram::overlaps(level, black_box(fired), out));
        });
    }
    Ok(())
}

/// A diagonal operator: one pass over two vectors, so that the solver's own passes are what is seen.
struct Diagonal(Vec<f32>);

impl LinearOperator<f32> for Diagonal {
    fn dim(&self) -> usize {
        self.0.len()
    }
    fn apply(&self, _: Level, x: &[f32], y: &mut [f32], _: &mut [f32]) -> Result<(), Error> {
        y.iter_mut().zip(x).zip(&self.0).for_each(|((y, x), a)| *y = a * x);
        Ok(())
    }
}

pub fn cg(bench: &mut Runner<'_>, level: Level) -> Result<(), Failure> {
    let n = 1000;
    let operator = Diagonal((0..n).map(|i| 1.0 + 99.0 * i as f32 / n as f32).collect());
    let (b, mut x, mut scratch) = (gaussian(n, 1), vec![0.0; n], vec![0.0; cg::conjugate_gradient_scratch_len(n, 0, 0)]);
    let stopping = Stopping { relative: 1e-4, absolute: 0.0, max_iterations: 200 };
    let report = cg::conjugate_gradient(level, &operator, &Identity, &b, &mut x, stopping, &mut scratch)?;
    if report.status != Status::Converged {
        return Err(Failure::Fault(format!("conjugate gradient at level {level}: {:?}; please report this", report.status)));
    }
    let error = (0..n).map(|i| f64::from(operator.0[i] * x[i] - b[i]).powi(2)).sum::<f64>().sqrt();
    expect("conjugate gradient's residual", level, error, 0.0, 2e-4 * dot(b.iter().copied(), b.iter().copied()).sqrt())?;
    // What an iteration reads, at least: d, p (twice), q (twice), x, r (twice).
    let amount = (report.iterations * 8 * 4 * n) as f64;
    let case = format!("n = {n}, {} iterations", report.iterations);
    bench.against(("cg", case), level, amount, "GB/s", (Limit::Reads, reads), || {
        x.fill(0.0);
        let _ = cg::conjugate_gradient(level, &operator, &Identity, black_box(&b), &mut x, stopping, &mut scratch);
    });
    Ok(())
}

pub fn sketch(bench: &mut Runner<'_>, level: Level) -> Result<(), Failure> {
    let (n, d, m, s) = (64, 64, 4096usize, 256);
    let (mut x, a) = (gaussian(n * d, 1), vec![1.0; m]);
    x.chunks_exact_mut(d).for_each(|row| {
        let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter_mut().for_each(|x| *x /= norm);
    });
    // Half of the neurons fire.
    let mut words = vec![0; bits::pattern_len(n, m)];
    words.iter_mut().enumerate().for_each(|(k, word)| *word = 0x5555_5555_5555_5555u64.rotate_left((k % 2) as u32));
    let fired = PatternRef::new(&words, n, m)?;
    let sketch = TensorSrht::new((m, d), s, 7)?;
    let (mut y, mut scratch) = (vec![0.0; n * s], vec![0.0; sketch.scratch_len()]);
    sketch.jacobian(level, MatRef::new(&x, n, d)?, &a, fired, MatMut::new(&mut y, n, s)?, &mut scratch)?;
    // |J|^2 = sum_i |x_i|^2 |S_i| / m = n / 2, and the sketch keeps lengths.
    expect("TensorSRHT of the Jacobian", level, dot(y.iter().copied(), y.iter().copied()), n as f64 / 2.0, n as f64 / 10.0)?;
    // The transforms of the masked output weights and of the samples.
    let amount = (n * (m * m.ilog2() as usize + d * d.ilog2() as usize)) as f64;
    bench.against(("sketch", format!("TensorSRHT, n={n} d={d} m={m} s={s}")), level, amount, "Gadd/s", (Limit::Adds, adds), || {
        y.fill(0.0);
        let to = MatMut::new(&mut y, n, s);
        let _ = MatRef::new(&x, n, d).and_then(|x| sketch.jacobian(level, x, &a, black_box(fired), to?, &mut scratch));
    });
    Ok(())
}
