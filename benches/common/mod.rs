//! What all benchmarks share: data from a seed, checks, and a kernel's share of what the machine can do at most.
#![allow(dead_code, reason = "each benchmark uses its part")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput};
use subquad::{Float, Level, MatMut, MatRef, limits, random};

/// Ten samples in about a second for each figure.
pub fn criterion() -> Criterion {
    Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(800))
}

/// Whether this run only tests that the benchmarks run (`-- --test`).
pub fn testing() -> bool {
    std::env::args().any(|arg| arg == "--test")
}

/// Normal numbers.
pub fn gaussian<T: Float>(n: usize, stream: u32) -> Vec<T> {
    let mut x = vec![T::ZERO; n];
    random::gaussian(&mut random::stream(1, stream), &mut x);
    x
}

/// Signs.
pub fn signs<T: Float>(n: usize, stream: u32) -> Vec<T> {
    let mut x = vec![T::ZERO; n];
    random::signs(&mut random::stream(1, stream), &mut x);
    x
}

/// Rows of length d, each scaled to norm 1.
pub fn unit(mut x: Vec<f32>, d: usize) -> Vec<f32> {
    for row in x.chunks_mut(d) {
        let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter_mut().for_each(|x| *x /= norm);
    }
    x
}

pub fn mat<T>(x: &[T], rows: usize, cols: usize) -> MatRef<'_, T> {
    MatRef::new(x, rows, cols).unwrap()
}

pub fn mat_mut<T>(x: &mut [T], rows: usize, cols: usize) -> MatMut<'_, T> {
    MatMut::new(x, rows, cols).unwrap()
}

/// The inner product, in f64 and one term after the other.
pub fn inner<T: Float>(a: impl IntoIterator<Item = T>, b: impl IntoIterator<Item = T>) -> f64 {
    a.into_iter().zip(b).map(|(a, b)| a.to_f64() * b.to_f64()).sum()
}

/// One number against its definition.
#[track_caller]
pub fn near(found: f64, wanted: f64, tolerance: f64) {
    assert!((found - wanted).abs() <= tolerance, "{found} instead of {wanted}");
}

/// Two results as a whole: the distance between them over the length of the second.
#[track_caller]
pub fn close<T: Float>(found: &[T], wanted: &[T], share: f64) {
    assert_eq!(found.len(), wanted.len());
    let off: f64 = found.iter().zip(wanted).map(|(a, b)| (a.to_f64() - b.to_f64()).powi(2)).sum();
    let size: f64 = wanted.iter().map(|b| b.to_f64().powi(2)).sum();
    assert!(off.sqrt() <= share * size.sqrt(), "off by {} of {}", off.sqrt(), size.sqrt());
}

/// The least seconds that `work` takes, tried for a while.
pub fn least<R>(budget: Duration, mut work: impl FnMut() -> R) -> f64 {
    let mut best = f64::INFINITY;
    let begun = Instant::now();
    let mut times = 1u32;
    while best.is_infinite() || begun.elapsed() < budget {
        // Short work is repeated until the clock sees it.
        let start = Instant::now();
        for _ in 0..times {
            black_box(work());
        }
        let took = start.elapsed();
        if took < Duration::from_micros(30) && times < 1 << 20 {
            times *= 4;
        } else {
            best = best.min(took.as_secs_f64() / f64::from(times));
        }
    }
    best
}

/// What bounds a kernel.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    /// Multiply-adds in registers.
    MultiplyAdds,
    /// Additions in registers.
    Additions,
    /// 64-bit words ANDed, counted and added in registers.
    Words,
    /// Bytes read from an array of so many.
    Read(usize),
    /// Bytes read and written by a copy between arrays of so many together.
    Copy(usize),
}

impl Limit {
    pub const fn name(self) -> &'static str {
        match self {
            Self::MultiplyAdds => "multiply-adds",
            Self::Additions => "additions",
            Self::Words => "counted words",
            Self::Read(_) => "bytes read",
            Self::Copy(_) => "bytes copied",
        }
    }

    /// The most of it that there is in a second.
    pub fn rate<T: Float>(self, level: Level, budget: Duration) -> f64 {
        const ROUNDS: usize = 10_000;
        let half = T::from_f64(0.5);
        match self {
            Self::MultiplyAdds => {
                let seconds = least(budget, || limits::multiply_adds::<T>(level, ROUNDS, black_box(half)));
                limits::flops::<T>(level, ROUNDS) as f64 / 2.0 / seconds
            }
            Self::Additions => {
                let seconds = least(budget, || limits::additions::<T>(level, ROUNDS, black_box(half)));
                limits::adds::<T>(level, ROUNDS) as f64 / seconds
            }
            Self::Words => {
                let seconds = least(budget, || limits::counted_bits::<T>(level, ROUNDS, black_box(0x1234_5678_9ABC_DEF0)));
                limits::words::<T>(level, ROUNDS) as f64 / seconds
            }
            Self::Read(bytes) => {
                let x = vec![half; bytes / size_of::<T>()];
                bytes as f64 / least(budget, || limits::read(level, black_box(&x)))
            }
            Self::Copy(bytes) => {
                let (x, mut y) = (vec![half; bytes / 2 / size_of::<T>()], vec![T::ZERO; bytes / 2 / size_of::<T>()]);
                bytes as f64 / least(budget, || limits::copy(level, black_box(half), black_box(&x), black_box(&mut y)))
            }
        }
    }
}

/// A benchmark of `amount` operations of the limit's kind. Before criterion's figures it prints the share of the limit, which
/// is measured before and after the kernel: both meet the same minute's clock.
pub fn bench<T: Float, R>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: BenchmarkId,
    level: Level,
    limit: Limit,
    amount: usize,
    mut work: impl FnMut() -> R,
) {
    group.throughput(Throughput::Elements(amount as u64));
    let mut said = testing();
    group.bench_function(id, |bencher| {
        if !said {
            said = true;
            let budget = Duration::from_millis(60);
            let before = limit.rate::<T>(level, budget);
            let rate = amount as f64 / least(2 * budget, &mut work);
            let most = before.max(limit.rate::<T>(level, budget));
            println!("share: {:.2} of {} ({:.2} of {:.2} G/s, {level})", rate / most, limit.name(), rate / 1e9, most / 1e9);
        }
        bencher.iter(&mut work);
    });
}

/// A benchmark without a limit, of `amount` elements.
pub fn plain<R>(group: &mut BenchmarkGroup<'_, WallTime>, id: BenchmarkId, amount: usize, mut work: impl FnMut() -> R) {
    group.throughput(Throughput::Elements(amount as u64));
    group.bench_function(id, |bencher| bencher.iter(&mut work));
}

/// The handwritten digits that the program has built in, the first `rows` of them, prepared as it does by itself where
/// units do not differ: (inputs, targets, rows, columns of the inputs).
pub fn digits(rows: usize) -> (Vec<f32>, Vec<f32>, usize, usize) {
    let text = include_str!("../../src/bin/subquad/digits.csv");
    let table: Vec<Vec<f32>> =
        text.lines().skip(1).take(rows).map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect();
    let n = table.len();
    let mean: Vec<f32> = (0..64).map(|k| table.iter().map(|row| row[k]).sum::<f32>() / n as f32).collect();
    let (mut x, mut y) = (vec![], vec![]);
    for row in &table {
        let centred: Vec<f32> = row[..64].iter().zip(&mean).map(|(x, m)| x - m).collect();
        let norm = centred.iter().map(|x| x * x).sum::<f32>().sqrt();
        x.extend(centred.iter().map(|x| x * 0.91f32.sqrt() / norm));
        x.push(0.3);
        y.extend((0..10).map(|c| f32::from(u8::from(c == row[64] as usize))));
    }
    (x, y, n, 65)
}
