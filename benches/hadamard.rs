//! The Walsh-Hadamard transform: all sizes, types, levels, batches and columns, next to a crate from crates.io, the loop that everybody
//! writes, and a plain copy. Every measured function is first compared with the definition's fast form.
//!
//! `cargo bench --bench hadamard -- <filter>`; what the figures mean is in benches/README.md.

#![allow(missing_docs, reason = "made by criterion's macros")]

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use subquad::hadamard::{Order, Signs, Transform, fwht, outputs_scratch_len};
use subquad::{Element, Level, MatMut};

/// Zeros stay zeros: in-place repetition neither overflows nor meets subnormals, and no timing depends on values.
fn zeros<T: Element>(n: usize) -> Vec<T> {
    vec![T::zeroed(); n]
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

criterion_group!(benches, powers_of_two, peers, batches, other_lengths, variants);
criterion_main!(benches);
