//! The Walsh-Hadamard transform: all sizes, types, levels, batches and columns, next to a crate from crates.io, the loop that everybody
//! writes, and a plain copy. Every measured function is first compared with the definition's fast form.
//!
//! `cargo bench --bench hadamard -- <filter>`; what the figures mean is in benches/README.md. `-- tables` prints the tables there instead: each
//! size against the limits of the same minute, batches against one transform of as many numbers, lengths q 2^p against powers of two,
//! in turns and the least of many rounds.

#![allow(missing_docs, reason = "made by criterion's macros")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group};
use subquad::hadamard::{Order, Signs, Transform, fwht, is_len, outputs_scratch_len};
use subquad::{Element, Float, Level, MatMut};

mod common;
use common::{Limit, testing};

/// Zeros stay zeros: in-place repetition neither overflows nor meets subnormals, and no timing depends on values. They are written, since
/// pages that nobody has written to are all the same one, and copies of it come out of the first-level cache.
fn zeros<T: Element>(n: usize) -> Vec<T> {
    let mut x = vec![T::zeroed(); n];
    black_box(&mut x).fill(T::zeroed());
    x
}

/// The loop that everybody writes.
fn triple_loop(x: &mut [f32]) {
    let mut h = 1;
    while h < x.len() {
        for i in (0..x.len()).step_by(2 * h) {
            for j in i..i + h {
                (x[j], x[j + h]) = (x[j] + x[j + h], x[j] - x[j + h]);
            }
        }
        h *= 2;
    }
}

fn check() {
    for p in 0..=16 {
        let x: Vec<f32> = (0..1u32 << p).map(|i| (i.wrapping_mul(2_654_435_761) >> 16) as f32).collect();
        let mut expected = x.clone();
        triple_loop(&mut expected);
        for level in Level::available() {
            let mut y = x.clone();
            fwht(level, &mut y).unwrap();
            assert_eq!(y, expected, "{level}, 2^{p}");
        }
        let mut y = x.clone();
        fwht::core::fwht_slice(&mut y).unwrap();
        assert_eq!(y, expected, "fwht, 2^{p}");
    }
}

fn group<'c>(c: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = c.benchmark_group(name);
    group.sample_size(20).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(800));
    group
}

fn sizes<T: Element>(c: &mut Criterion, name: &str) {
    for bytes in [false, true] {
        // The same runs counted in elements and in bytes: once for the adders, once for the memory. Bytes only where memory matters.
        let mut group = group(c, &format!("hadamard/{name}{}", if bytes { "/bytes" } else { "" }));
        for p in if bytes { 20..=24 } else { 5..=24 } {
            let n = 1usize << p;
            let mut x = zeros::<T>(n);
            group.throughput(if bytes { Throughput::Bytes((n * size_of::<T>()) as u64) } else { Throughput::Elements(n as u64) });
            for level in Level::available() {
                group.bench_function(BenchmarkId::new(level.name(), n), |b| b.iter(|| fwht(level, black_box(&mut x[..])).unwrap()));
            }
            let y = zeros::<T>(n);
            group.bench_function(BenchmarkId::new("copy", n), |b| b.iter(|| black_box(&mut x[..]).copy_from_slice(black_box(&y))));
        }
    }
}

fn powers_of_two(c: &mut Criterion) {
    check();
    sizes::<f32>(c, "f32");
    sizes::<f64>(c, "f64");
    sizes::<i32>(c, "i32");
    sizes::<i16>(c, "i16");
}

fn peers(c: &mut Criterion) {
    let mut group = group(c, "hadamard/peers");
    for p in [5, 8, 10, 13, 16, 20, 22] {
        let n = 1usize << p;
        let mut x = zeros::<f32>(n);
        group.throughput(Throughput::Elements(n as u64));
        let level = Level::detect();
        group.bench_function(BenchmarkId::new("subquad", n), |b| b.iter(|| fwht(level, black_box(&mut x[..])).unwrap()));
        group.bench_function(BenchmarkId::new("fwht 0.1", n), |b| b.iter(|| fwht::core::fwht_slice(black_box(&mut x[..])).unwrap()));
        group.bench_function(BenchmarkId::new("triple loop", n), |b| b.iter(|| triple_loop(black_box(&mut x[..]))));
    }
}

fn batches(c: &mut Criterion) {
    let mut group = group(c, "hadamard/batches");
    let level = Level::detect();
    for (rows, n) in [(65536, 64), (65536, 128), (16384, 256), (4096, 1024), (4096, 768), (512, 8192)] {
        let mut x = zeros::<f32>(rows * n);
        group.throughput(Throughput::Elements((rows * n) as u64));
        group.bench_function(BenchmarkId::new("rows", format!("{rows}x{n}")), |b| {
            b.iter(|| Transform::new().rows(level, MatMut::new(black_box(&mut x), rows, n).unwrap()).unwrap())
        });
        #[cfg(feature = "parallel")]
        group.bench_function(BenchmarkId::new("rows_parallel", format!("{rows}x{n}")), |b| {
            b.iter(|| Transform::new().rows_parallel(level, MatMut::new(black_box(&mut x), rows, n).unwrap()).unwrap())
        });
        // The same numbers as columns: n rows of as many transforms.
        group.bench_function(BenchmarkId::new("columns", format!("{n}x{rows}")), |b| {
            b.iter(|| Transform::new().columns(level, MatMut::new(black_box(&mut x), n, rows).unwrap()).unwrap())
        });
        #[cfg(feature = "parallel")]
        group.bench_function(BenchmarkId::new("columns_parallel", format!("{n}x{rows}")), |b| {
            b.iter(|| Transform::new().columns_parallel(level, MatMut::new(black_box(&mut x), n, rows).unwrap()).unwrap())
        });
    }
}

fn other_lengths(c: &mut Criterion) {
    let mut group = group(c, "hadamard/q");
    let level = Level::detect();
    for n in [512, 768, 1024, 1280, 1792, 2048, 3072, 4096, 5120, 8192, 10240, 14336, 16384, 28672, 32768] {
        let mut x = zeros::<f32>(n);
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(BenchmarkId::new("fwht", n), |b| b.iter(|| fwht(level, black_box(&mut x[..])).unwrap()));
    }
}

fn variants(c: &mut Criterion) {
    let mut group = group(c, "hadamard/variants");
    let level = Level::detect();
    for p in [10, 16, 22] {
        let n = 1usize << p;
        let (x, mut y) = (zeros::<f32>(n), zeros::<f32>(n));
        group.throughput(Throughput::Elements(n as u64));
        let plain = Transform::new();
        group.bench_function(BenchmarkId::new("out of place", n), |b| b.iter(|| plain.run_from(level, black_box(&x), &mut y).unwrap()));
        group.bench_function(BenchmarkId::new("half of it zeros", n), |b| {
            b.iter(|| plain.run_from(level, black_box(&x[..n / 2]), &mut y).unwrap())
        });
        let bits = vec![0x5A5A_1234_FFFF_0F0Fu64; n.div_ceil(64)];
        let (packed, seeded) = (plain.signs(Signs::Bits(&bits)), plain.signs(Signs::Seed(1)));
        group.bench_function(BenchmarkId::new("signs from bits", n), |b| b.iter(|| packed.run(level, black_box(&mut y)).unwrap()));
        group.bench_function(BenchmarkId::new("signs from a seed", n), |b| b.iter(|| seeded.run(level, black_box(&mut y)).unwrap()));
        let unit = plain.orthonormal();
        group.bench_function(BenchmarkId::new("orthonormal", n), |b| b.iter(|| unit.run(level, black_box(&mut y)).unwrap()));
        for (name, order) in [("dyadic order", Order::Dyadic), ("sequency order", Order::Sequency)] {
            let ordered = plain.order(order);
            group.bench_function(BenchmarkId::new(name, n), |b| b.iter(|| ordered.run(level, black_box(&mut y)).unwrap()));
        }
        let chosen: Vec<usize> = (0..n / 1024).map(|i| i * 999_983 % n).collect();
        let mut scratch = zeros::<f32>(outputs_scratch_len(n, chosen.len()));
        group.bench_function(BenchmarkId::new("one output of 1024", n), |b| {
            b.iter(|| plain.outputs(level, black_box(&x), n, &chosen, &mut y[..chosen.len()], &mut scratch).unwrap())
        });
        #[cfg(feature = "parallel")]
        group.bench_function(BenchmarkId::new("threads", n), |b| b.iter(|| plain.run_parallel(level, black_box(&mut y)).unwrap()));
    }
}

/// Seconds of each, the least of many rounds, in which all take turns.
fn in_turns<const K: usize>(budget: Duration, mut all: [&mut dyn FnMut(); K]) -> [f64; K] {
    let once = |run: &mut dyn FnMut(), times: u32| {
        let begun = Instant::now();
        (0..times).for_each(|_| run());
        begun.elapsed().as_secs_f64() / f64::from(times)
    };
    let times: [u32; K] = std::array::from_fn(|k| {
        once(all[k], 1);
        ((100e-6 / once(all[k], 1).max(1e-9)) as u32).clamp(1, 10_000)
    });
    let mut least = [f64::INFINITY; K];
    let begun = Instant::now();
    let mut rounds = 0;
    while rounds < 5 || begun.elapsed() < budget {
        for ((least, run), times) in least.iter_mut().zip(&mut all).zip(times) {
            *least = least.min(once(*run, times));
        }
        rounds += 1;
    }
    least
}

/// An array that begins at a cache line, as far as its numbers can: the vector, and where.
fn at_a_line<T: Element>(n: usize) -> (Vec<T>, usize) {
    let x = zeros::<T>(n + 64);
    let at = x.as_ptr().align_offset(64).min(64);
    (x, at)
}

fn size_table<T: Float>(level: Level, budget: Duration) {
    println!("\n{level}, {}: microseconds, share of the additions in registers, times a copy\n", std::any::type_name::<T>());
    println!("| N | us | limit | x copy |\n|---|---|---|---|");
    for p in 5..=if testing() { 8 } else { 24 } {
        let n = 1usize << p;
        let ((mut x, at), (mut y, to), (z, from)) = (at_a_line::<T>(n), at_a_line::<T>(n), at_a_line::<T>(n));
        let before = Limit::Additions.rate::<T>(level, budget / 20);
        let [ours, copy] = in_turns(
            budget,
            [&mut || fwht(level, black_box(&mut x[at..at + n])).unwrap(), &mut || {
                black_box(&mut y[to..to + n]).copy_from_slice(black_box(&z[from..from + n]))
            }],
        );
        let most = before.max(Limit::Additions.rate::<T>(level, budget / 20));
        println!("| 2^{p} | {:.3} | {:.0} % | {:.2} |", 1e6 * ours, 100.0 * (n * p) as f64 / ours / most, ours / copy);
    }
}

fn batch_table(level: Level, budget: Duration) {
    println!("\n{level}, f32: nanoseconds for each number\n\n| rows x length | single | rows | columns |\n|---|---|---|---|");
    for (rows, n) in [(65536usize, 64usize), (65536, 128), (16384, 256), (4096, 1024), (4096, 768), (2048, 4096), (512, 8192)] {
        let (rows, total) = if testing() { (64, 64 * n) } else { (rows, rows * n) };
        let single = (1..=total).rev().find(|&n| is_len(n)).unwrap();
        let ((mut x, at), (mut y, to), (mut z, from)) = (at_a_line::<f32>(total), at_a_line::<f32>(total), at_a_line::<f32>(total));
        let all = Transform::new();
        let [one, in_rows, in_columns] = in_turns(
            budget,
            [
                &mut || fwht(level, black_box(&mut x[at..at + single])).unwrap(),
                &mut || all.rows(level, MatMut::new(black_box(&mut y[to..to + total]), rows, n).unwrap()).unwrap(),
                &mut || all.columns(level, MatMut::new(black_box(&mut z[from..from + total]), n, rows).unwrap()).unwrap(),
            ],
        );
        let each = |seconds: f64, numbers: usize| 1e9 * seconds / numbers as f64;
        println!("| {rows} x {n} | {:.3} | {:.3} | {:.3} |", each(one, single), each(in_rows, total), each(in_columns, total));
    }
}

fn length_table(level: Level, budget: Duration) {
    println!("\n{level}, f32: time for each number over that of the next power of two\n\n| N | below | above |\n|---|---|---|");
    let short = [96usize, 192, 320, 384, 448, 640, 768, 896, 1280, 1536, 1792, 3072, 5120];
    let long = [10240usize, 12288, 14336, 20480, 24576, 28672, 40960, 57344, 81920, 12 << 16, 20 << 16, 28 << 16];
    for n in short.into_iter().chain(long).filter(|&n| !testing() || n < 1000) {
        let below = 1usize << n.ilog2();
        let ((mut x, at), (mut y, to), (mut z, from)) = (at_a_line::<f32>(n), at_a_line::<f32>(below), at_a_line::<f32>(2 * below));
        let [this, low, high] = in_turns(
            budget,
            [
                &mut || fwht(level, black_box(&mut x[at..at + n])).unwrap(),
                &mut || fwht(level, black_box(&mut y[to..to + below])).unwrap(),
                &mut || fwht(level, black_box(&mut z[from..from + 2 * below])).unwrap(),
            ],
        );
        let each = this / n as f64;
        println!("| {n} | {:.2} | {:.2} |", each / (low / below as f64), each / (high / (2 * below) as f64));
    }
}

fn tables() {
    check();
    let budget = Duration::from_millis(if testing() { 1 } else { 400 });
    for level in Level::available().filter(|level| level.name() != "scalar") {
        size_table::<f32>(level, budget);
        size_table::<f64>(level, budget);
    }
    batch_table(Level::detect(), budget);
    length_table(Level::detect(), budget);
}

criterion_group!(benches, powers_of_two, peers, batches, other_lengths, variants);

fn main() {
    if std::env::args().any(|arg| arg == "tables") {
        return tables();
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
