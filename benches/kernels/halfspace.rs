//! Half-space reporting: the fused scan, and what every other structure makes of the same queries: build, one query,
//! a batch of 512, update.
//!
//! Gaussian weights and queries of length 1, so that a threshold says what share fires. Every structure must name the very
//! neurons that the scan names. Shares: a single query is bound by reading the weights, a batch by multiply-adds.
//! `peers` has the same cases by other libraries.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group};
use subquad::halfspace::{BallTree, Candidates, Hits, MaxTree, Packed, Reporter, Screened, Watcher, scan, scan_scratch_len};
use subquad::train::GaussNewton;
use subquad::{Level, MatRef};

use crate::common::{Limit, bench, gaussian, inner, mat, plain, unit};

const QUERIES: usize = 512;
/// Shares that fire, and the thresholds that they belong to.
const SHARES: [(&str, f32); 3] = [("0.1%", 3.0902), ("2%", 2.0537), ("10%", 1.2816)];

fn words(bytes: usize) -> Vec<u64> {
    vec![0; bytes.div_ceil(8)]
}

fn bytes(words: &mut [u64]) -> &mut [u8] {
    bytemuck::cast_slice_mut(words)
}

/// What was reported, query by query.
fn found(hits: &Hits<'_, f32>) -> Vec<Vec<u32>> {
    assert!(hits.complete());
    (0..hits.queries()).map(|i| hits.indices(i).to_vec()).collect()
}

/// The scan against the definition, on one query: entries nearer to the threshold than rounding may go either way.
fn check_scan(w: MatRef<'_, f32>, x: MatRef<'_, f32>, b: f32, found: &[u32]) {
    for r in 0..w.rows() {
        let z = inner(w.row(r).unwrap().to_vec(), x.row(0).unwrap().to_vec()) - f64::from(b);
        assert!(z.abs() < 1e-4 || (z > 0.0) == found.binary_search(&(r as u32)).is_ok(), "neuron {r}, {z} above the threshold");
    }
}

fn fixed(c: &mut Criterion) {
    let best = Level::detect();
    for (m, d) in [(65_536, 16), (65_536, 64), (65_536, 256), (262_144, 8)] {
        let (w, x) = (gaussian(m * d, 0), unit(gaussian(QUERIES * d, 1), d));
        let (w, xs) = (mat(&w, m, d), mat(&x, QUERIES, d));
        let mut memory = (
            words(Packed::<&[u8], f32>::storage_len(m, d)),
            words(Screened::<&[u8], f32>::storage_len(m, d)),
            words(BallTree::<&[u8], f32>::storage_len(m, d)),
        );
        let mut scratch = vec![0.0; BallTree::<&[u8], f32>::build_scratch_len(m, d)];
        let mut group = c.benchmark_group(format!("halfspace/m={m}/d={d}/build"));
        let id = |name: &str| BenchmarkId::from_parameter(name);
        plain(&mut group, id("packed"), m, || Packed::build(black_box(w), bytes(&mut memory.0)).is_ok());
        plain(&mut group, id("screened"), m, || Screened::build(black_box(w), bytes(&mut memory.1)).is_ok());
        plain(&mut group, id("ball tree"), m, || BallTree::build(black_box(w), bytes(&mut memory.2), &mut scratch).is_ok());
        group.finish();
        let mut packed = Packed::build(w, bytes(&mut memory.0)).unwrap();
        let mut screened = Screened::build(w, bytes(&mut memory.1)).unwrap();
        let mut tree = BallTree::build(w, bytes(&mut memory.2), &mut scratch).unwrap();
        let all: [(&str, &dyn Reporter<f32>); 3] = [("packed", &packed), ("screened", &screened), ("ball tree", &tree)];
        let need = all.iter().map(|(_, index)| index.scratch_len()).max().unwrap_or(0).max(scan_scratch_len(d, m));
        scratch.resize(scratch.len().max(need), 0.0);
        let room = m / 4;
        let (mut counts, mut indices) = (vec![0; QUERIES], vec![0; QUERIES * room]);
        for (share, b) in SHARES {
            for n in [QUERIES, 1] {
                let mut group = c.benchmark_group(format!("halfspace/m={m}/d={d}/{share}/{}", if n == 1 { "one" } else { "batch" }));
                let x = xs.row_range(0, n);
                let (limit, amount) = if n == 1 { (Limit::Read(4 * m * d), 4 * m * d) } else { (Limit::MultiplyAdds, n * m * d) };
                let mut hits = Hits::new(&mut counts[..n], &mut indices[..n * room], room).unwrap();
                scan(best, w, x, b, &mut hits, &mut scratch).unwrap();
                let wanted = found(&hits);
                check_scan(w, x, b, &wanted[0]);
                // Other levels where a single query is asked.
                for level in Level::available().filter(|level| *level == best || n == 1) {
                    scan(level, w, x, b, &mut hits, &mut scratch).unwrap();
                    assert_eq!(found(&hits), wanted, "{level}");
                    bench::<f32, _>(&mut group, BenchmarkId::new("scan", level), level, limit, amount, || {
                        scan(level, w, black_box(x), b, &mut hits, &mut scratch).unwrap();
                    });
                    for (name, index) in all {
                        index.query_batch(level, x, b, &mut hits, &mut scratch).unwrap();
                        assert_eq!(found(&hits), wanted, "{name}, {level}");
                        bench::<f32, _>(&mut group, BenchmarkId::new(name, level), level, limit, amount, || {
                            index.query_batch(level, black_box(x), b, &mut hits, &mut scratch).unwrap();
                        });
                    }
                }
            }
        }
        let mut group = c.benchmark_group(format!("halfspace/m={m}/d={d}/update of one neuron"));
        let mut r = 0;
        let mut next = || {
            r = (r + 40_503) % m;
            (r, w.row(r).unwrap())
        };
        plain(&mut group, id("packed"), 1, || {
            let (r, row) = next();
            packed.update(best, r, black_box(row)).unwrap();
        });
        plain(&mut group, id("screened"), 1, || {
            let (r, row) = next();
            screened.update(best, r, black_box(row)).unwrap();
        });
        plain(&mut group, id("ball tree"), 1, || {
            let (r, row) = next();
            tree.update(best, r, black_box(row)).unwrap();
        });
        // The rows were written over themselves.
        packed.verify(w).unwrap();
        screened.verify(w).unwrap();
        tree.verify(w).unwrap();
    }
}

/// The weights of a Gauss-Newton run, step by step: lists and trees that follow them, against the scan. Measuring how
/// far the weights went costs the same for few samples as for many, so both are shown.
fn moving(c: &mut Criterion) {
    for n in [256, 1024] {
        run(c, n);
    }
}

fn run(c: &mut Criterion, n: usize) {
    let level = Level::detect();
    let (d, m) = (64, 16_384);
    let x = unit(gaussian(n * d, 3), d);
    let y: Vec<f32> = (0..n).map(|i| (3.0 * x[i * d]).sin()).collect();
    let b = (0.4 * (m as f32).ln()).sqrt();
    let (xs, targets) = (mat(&x, n, d), mat(&y, n, 1));
    let mut run = GaussNewton::builder().width(m).shift(b).steps(4).tolerance(0.0).seed(1).build(xs, targets).unwrap();
    let room = m / 4;
    let mut memory = words(Candidates::<&[u8], f32>::storage_len(m, d, n, room));
    let mut scratch = vec![0.0; Candidates::<&[u8], f32>::build_scratch_len(m, d, n)];
    let mut lists = Candidates::build(level, run.weights(), xs, b, 0.1, room, bytes(&mut memory), &mut scratch).unwrap();
    let (mut counts, mut indices) = (vec![0; n], vec![0; n * room]);
    let mut hits = Hits::new(&mut counts, &mut indices, room).unwrap();
    let id = |name: &str| BenchmarkId::from_parameter(name);
    while let Some(step) = run.step().unwrap() {
        let w = run.weights();
        lists.advance(level, w, &mut scratch).unwrap();
        let mut group = c.benchmark_group(format!("halfspace/gauss-newton/n={n}/step={}", step.step));
        scan(level, w, xs, b, &mut hits, &mut scratch).unwrap();
        let wanted = found(&hits);
        plain(&mut group, id("scan"), n * m, || scan(level, w, black_box(xs), b, &mut hits, &mut scratch).unwrap());
        lists.query_batch(level, w, b, &mut hits, &mut []).unwrap();
        assert_eq!(found(&hits), wanted);
        plain(&mut group, id("candidates"), n * m, || lists.query_batch(level, black_box(w), b, &mut hits, &mut []).unwrap());
        plain(&mut group, id("candidates, drift measured"), n * m, || {
            lists.update_all(level, w).unwrap();
            lists.query_batch(level, black_box(w), b, &mut hits, &mut []).unwrap();
        });
    }
    let w = run.weights();
    scan(level, w, xs, b, &mut hits, &mut scratch).unwrap();
    let wanted = found(&hits);
    let mut memory = words(MaxTree::<&[u8], f32>::storage_len(m, d, n));
    let mut scratch = vec![0.0; MaxTree::<&[u8], f32>::build_scratch_len(m, d)];
    let mut group = c.benchmark_group(format!("halfspace/max tree/n={n}"));
    plain(&mut group, id("build"), n * m, || MaxTree::build(level, w, xs, bytes(&mut memory), &mut scratch).is_ok());
    let mut tree = MaxTree::build(level, w, xs, bytes(&mut memory), &mut scratch).unwrap();
    tree.query_batch(level, w, b, &mut hits, &mut scratch).unwrap();
    assert_eq!(found(&hits), wanted);
    plain(&mut group, id("query"), n * m, || tree.query_batch(level, w, b, &mut hits, &mut scratch).unwrap());
    let row = w.row(7).unwrap();
    plain(&mut group, id("update of one neuron"), n, || tree.update(level, 7, black_box(row)).unwrap());
}

criterion_group! {
    name = benches;
    config = crate::common::criterion();
    targets = fixed, moving
}
