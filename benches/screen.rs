//! What a rotation before quantising is worth: pairs of neuron and query that the bytes leave open, and times.
//!
//! `cargo bench --bench screen` prints a JSON line for each kind of weights, length and share that fires: the shares that stay open,
//! which need no clock, and the times of the scan over packed weights, of the screen and of the rotated screen, a batch of queries
//! and one query, in turns, minima. `--quick`: fewer neurons, and the shares alone.

use std::hint::black_box;
use std::time::Instant;

use subquad::halfspace::{Hits, Packed, Reporter, Rotated, Screened, peak};
use subquad::{Level, MatRef, random};

const QUERIES: usize = 128;

fn gaussian(n: usize, purpose: u32) -> Vec<f32> {
    let mut x = vec![0.0; n];
    random::gaussian(&mut random::stream(7, purpose), &mut x);
    x
}

fn unit(mut x: Vec<f32>, d: usize) -> Vec<f32> {
    for row in x.chunks_mut(d) {
        let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter_mut().for_each(|x| *x /= norm);
    }
    x
}

/// Student's t with two degrees: Gaussian over the root of an exponential number.
fn student(n: usize) -> Vec<f32> {
    let (x, u, v) = (gaussian(n, 1), gaussian(n, 2), gaussian(n, 3));
    x.iter().zip(u.iter().zip(&v)).map(|(x, (u, v))| x / ((u * u + v * v) / 2.0).sqrt()).collect()
}

/// Gaussian rows, two numbers of each 30 times as large.
fn spikes(m: usize, d: usize) -> Vec<f32> {
    let mut w = gaussian(m * d, 1);
    for (r, row) in w.chunks_mut(d).enumerate() {
        row[r * 7 % d] *= 30.0;
        row[(r * 13 + 5) % d] *= 30.0;
    }
    w
}

/// The hidden layer after a few hundred steps of Adam, far from where it began: a function of few coordinates.
#[cfg(feature = "std")]
fn trained(m: usize, d: usize) -> Vec<f32> {
    use subquad::train::{Method, TwoLayer};
    let n = 512;
    let x = unit(gaussian(n * d, 4), d);
    let y: Vec<f32> = x.chunks(d).map(|x| (8.0 * x[0]).sin() + 8.0 * x[1] * x[2]).collect();
    let (x, y) = (MatRef::new(&x, n, d).unwrap(), MatRef::new(&y, n, 1).unwrap());
    let builder = TwoLayer::builder().method(Method::Adam).learning_rate(0.03).width(m).steps(200).tolerance(0.0).seed(1);
    let mut run = builder.number_of_threads(1).build(x, y).unwrap();
    let before = run.train_mse();
    while run.step().unwrap().is_some() {}
    let w = run.weights();
    eprintln!("trained: mean squared error {before:.3} before, {:.4} after", run.train_mse());
    (0..m).flat_map(|r| w.row(r).unwrap().to_vec()).collect()
}

fn words(bytes: usize) -> Vec<u64> {
    vec![0; bytes.div_ceil(8)]
}

fn main() {
    let quick = std::env::args().any(|arg| arg == "--quick" || arg == "--test");
    let level = Level::detect();
    for d in [64usize, 256, 784] {
        let m = if quick { 4096 } else { (1usize << 24) / d.next_power_of_two() };
        let mut kinds = vec![("gaussian", m, gaussian(m * d, 1)), ("student", m, student(m * d)), ("spikes", m, spikes(m, d))];
        #[cfg(feature = "std")]
        if d == 64 {
            let m = if quick { 512 } else { 4096 };
            kinds.push(("trained", m, trained(m, d)));
        }
        for (kind, m, w) in &mut kinds {
            let (m, kind) = (*m, *kind);
            let (w, x) = (MatRef::new(w, m, d).unwrap(), unit(gaussian(QUERIES * d, 9), d));
            let xs = MatRef::new(&x, QUERIES, d).unwrap();
            let mut memory = (
                words(Packed::<&[u8], f32>::storage_len(m, d)),
                words(Screened::<&[u8], f32>::storage_len(m, d)),
                words(Rotated::<&[u8], f32>::storage_len(m, d)),
            );
            let packed = Packed::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut memory.0)).unwrap();
            let plain = Screened::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut memory.1)).unwrap();
            let rotated = Rotated::build(level, w, 1, bytemuck::cast_slice_mut::<u64, u8>(&mut memory.2)).unwrap();
            let mut scratch = vec![0.0; rotated.scratch_len().max(packed.scratch_len())];
            // All values of one query say which threshold is exceeded by which share.
            let (mut counts, mut indices, mut values) = (vec![0; QUERIES], vec![0; QUERIES * m], vec![0.0; QUERIES * m]);
            let mut all = Hits::new(&mut counts, &mut indices, m).unwrap().with_values(&mut values).unwrap();
            packed.query_batch(level, xs, f32::NEG_INFINITY, &mut all, &mut scratch).unwrap();
            let mut sorted: Vec<f32> = (0..16).flat_map(|i| all.values(i).to_vec()).collect();
            sorted.sort_by(f32::total_cmp);
            for share in [0.001, 0.02, 0.1] {
                let b = sorted[(sorted.len() as f64 * (1.0 - share)) as usize];
                let mut hits = Hits::new(&mut counts, &mut indices, m).unwrap();
                packed.query_batch(level, xs, b, &mut hits, &mut scratch).unwrap();
                let wanted: Vec<Vec<u32>> = (0..QUERIES).map(|i| hits.indices(i).to_vec()).collect();
                let mut open = [0.0; 2];
                for (rotate, open) in [false, true].into_iter().zip(&mut open) {
                    let left = if rotate {
                        rotated.query_batch_counting(level, xs, b, &mut hits, &mut scratch).unwrap()
                    } else {
                        plain.query_batch_counting(level, xs, b, &mut hits, &mut scratch).unwrap()
                    };
                    assert!((0..QUERIES).all(|i| hits.indices(i) == wanted[i]), "{kind}: not what the scan says");
                    *open = 100.0 * left as f64 / (m * QUERIES) as f64;
                }
                let all: [&dyn Reporter<f32>; 3] = [&packed, &plain, &rotated];
                let mut least = [[f64::INFINITY; 3]; 2];
                for (n, least) in [QUERIES, 1].into_iter().zip(&mut least).filter(|_| !quick) {
                    let mut hits = Hits::new(&mut counts[..n], &mut indices[..n * m], m).unwrap();
                    for _ in 0..if n == 1 { 60 } else { 8 } {
                        for (index, least) in all.iter().zip(least.iter_mut()) {
                            let begun = Instant::now();
                            index.query_batch(level, black_box(xs.row_range(0, n)), b, &mut hits, &mut scratch).unwrap();
                            *least = least.min(begun.elapsed().as_secs_f64());
                        }
                    }
                }
                let times = |[packed, plain, rotated]: [f64; 3]| {
                    format!(
                        "\"packed_us\":{:.1},\"screened_us\":{:.1},\"rotated_us\":{:.1},\"screened_by_rotated\":{:.2}",
                        1e6 * packed,
                        1e6 * plain,
                        1e6 * rotated,
                        plain / rotated
                    )
                };
                let timed =
                    if quick { String::new() } else { format!(",\"batch\":{{{}}},\"one\":{{{}}}", times(least[0]), times(least[1])) };
                println!(
                    "{{\"weights\":\"{kind}\",\"m\":{m},\"d\":{d},\"fired_percent\":{},\"peak\":{:.2},\"level\":\"{level}\",\
                     \"open_percent\":{:.3},\"open_percent_rotated\":{:.3}{timed}}}",
                    100.0 * share,
                    peak(w),
                    open[0],
                    open[1],
                );
            }
        }
    }
}
