//! Half-space reporting: the fused scan, and what every other structure makes of the same queries.
//!
//! Gaussian weights and queries of length 1, so that a threshold says what share fires. `batch` asks 512 queries
//! together, `one` a single one; compare with `benches/peers/halfspace.py`, which prints the same cases. One thread.

#![allow(missing_docs, reason = "made by criterion's macros")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use subquad::halfspace::{BallTree, Candidates, Hits, MaxTree, Packed, Reporter, Screened, scan, scan_scratch_len};
use subquad::train::GaussNewton;
use subquad::{Level, MatRef, random};

const QUERIES: usize = 512;
const SHARES: [(&str, f32); 3] = [("0.1%", 3.0902), ("2%", 2.0537), ("10%", 1.2816)];

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

fn words(bytes: usize) -> Vec<u64> {
    vec![0; bytes.div_ceil(8)]
}

fn bytes(words: &mut [u64]) -> &mut [u8] {
    bytemuck::cast_slice_mut(words)
}

fn structures(c: &mut Criterion) {
    let level = Level::detect();
    for (m, d) in [(65_536, 16), (65_536, 64), (65_536, 256), (262_144, 8)] {
        let (w, x) = (gaussian(m * d, 0), unit(gaussian(QUERIES * d, 1), d));
        let (w, xs) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, QUERIES, d).unwrap());
        let mut memory = (
            words(Packed::<&[u8], f32>::storage_len(m, d)),
            words(Screened::<&[u8], f32>::storage_len(m, d)),
            words(BallTree::<&[u8], f32>::storage_len(m, d)),
        );
        let mut scratch = vec![0.0; scan_scratch_len(d, m) + BallTree::<&[u8], f32>::build_scratch_len(m, d) + 1_000_000];
        let packed = Packed::build(w, bytes(&mut memory.0)).unwrap();
        let screened = Screened::build(w, bytes(&mut memory.1)).unwrap();
        let tree = BallTree::build(w, bytes(&mut memory.2), &mut scratch).unwrap();
        let all: [(&str, &dyn Reporter<f32>); 3] = [("packed", &packed), ("screened", &screened), ("ball tree", &tree)];
        for (share, b) in SHARES {
            let room = m / 4;
            let (mut counts, mut indices) = (vec![0; QUERIES], vec![0; QUERIES * room]);
            for n in [QUERIES, 1] {
                let mut group = c.benchmark_group(format!("halfspace/{}/m={m}/d={d}/{share}", if n == 1 { "one" } else { "batch" }));
                group.throughput(Throughput::Elements((n * m) as u64));
                let x = xs.row_range(0, n);
                let mut hits = Hits::new(&mut counts[..n], &mut indices[..n * room], room).unwrap();
                group.bench_function(BenchmarkId::from_parameter("scan"), |bench| {
                    bench.iter(|| scan(level, w, black_box(x), b, &mut hits, &mut scratch).unwrap());
                });
                // The results are asserted where they are measured.
                let wanted: usize = (0..n).map(|i| hits.count(i)).sum();
                for (name, index) in all {
                    group.bench_function(BenchmarkId::from_parameter(name), |bench| {
                        bench.iter(|| index.query_batch(level, black_box(x), b, &mut hits, &mut scratch).unwrap());
                    });
                    assert_eq!((0..n).map(|i| hits.count(i)).sum::<usize>(), wanted, "{name}");
                }
            }
        }
    }
}

/// The weights of a Gauss-Newton run, step by step: lists and trees that follow them, against the scan.
fn moving(c: &mut Criterion) {
    let level = Level::detect();
    let (n, d, m) = (256, 64, 16_384);
    let x = unit(gaussian(n * d, 3), d);
    let y: Vec<f32> = (0..n).map(|i| (3.0 * x[i * d]).sin()).collect();
    let b = (0.4 * (m as f32).ln()).sqrt();
    let xs = MatRef::new(&x, n, d).unwrap();
    let targets = MatRef::new(&y, n, 1).unwrap();
    let mut run = GaussNewton::builder().width(m).shift(b).steps(4).tolerance(0.0).seed(1).build(xs, targets).unwrap();
    let room = m / 4;
    let mut memory = words(Candidates::<&[u8], f32>::storage_len(m, d, n, room));
    let mut scratch = vec![0.0; Candidates::<&[u8], f32>::scratch_len(m, d, n)];
    let mut lists = Candidates::build(level, run.weights(), xs, b, 0.1, room, bytes(&mut memory), &mut scratch).unwrap();
    let (mut counts, mut indices) = (vec![0; n], vec![0; n * room]);
    let mut hits = Hits::new(&mut counts, &mut indices, room).unwrap();
    while let Some(step) = run.step().unwrap() {
        let w = run.weights();
        lists.advance(level, w, &mut scratch).unwrap();
        let mut group = c.benchmark_group(format!("halfspace/gauss-newton/step={}", step.step));
        group.bench_function("scan", |bench| bench.iter(|| scan(level, w, xs, b, &mut hits, &mut scratch).unwrap()));
        let wanted: usize = (0..n).map(|i| hits.count(i)).sum();
        group.bench_function("candidates", |bench| bench.iter(|| lists.query_batch(level, w, &mut hits).unwrap()));
        assert_eq!((0..n).map(|i| hits.count(i)).sum::<usize>(), wanted);
        group.bench_function("candidates, drift measured", |bench| {
            bench.iter(|| {
                lists.update_all(level, w).unwrap();
                lists.query_batch(level, w, &mut hits).unwrap();
            });
        });
    }
    let mut memory = words(MaxTree::<&[u8], f32>::storage_len(m, d, n));
    let mut scratch = vec![0.0; MaxTree::<&[u8], f32>::scratch_len(m, d)];
    let mut tree = MaxTree::build(level, run.weights(), xs, bytes(&mut memory), &mut scratch).unwrap();
    let mut group = c.benchmark_group("halfspace/max tree");
    group.bench_function("query", |bench| bench.iter(|| tree.query_batch(level, b, &mut hits, &mut scratch).unwrap()));
    let row = run.weights().row(7).unwrap();
    group.bench_function("update of one neuron", |bench| bench.iter(|| tree.update(level, 7, black_box(row)).unwrap()));
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    targets = structures, moving
}
criterion_main!(benches);
