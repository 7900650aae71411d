//! Gradient descent with half-space reporting against the dense step: one thread, the same run bit by bit.
//!
//! `cargo bench --bench descent` prints a JSON line for each width: n = 1024 samples in d = 64 dimensions, the shift
//! b = sqrt(.4 ln m). Both runs take turns, step by step, and are compared after every one. `--quick`: small widths.

use std::time::Instant;

use subquad::train::{Lookup, Method, Over, TwoLayer};
use subquad::{Level, MatRef, random};

const N: usize = 1024;
const D: usize = 64;
const STEPS: usize = 30;

fn main() {
    let quick = std::env::args().any(|arg| arg == "--quick" || arg == "--test");
    let mut x = vec![0.0f32; N * D];
    random::gaussian(&mut random::stream(1, 0), &mut x);
    for row in x.chunks_mut(D) {
        let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter_mut().for_each(|x| *x /= norm);
    }
    // A smooth function of two directions.
    let y: Vec<f32> = x.chunks(D).map(|x| (4.0 * x[0]).sin() + 4.0 * x[1] * x[2]).collect();
    let (x, y) = (MatRef::new(&x, N, D).unwrap(), MatRef::new(&y, N, 1).unwrap());
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let mut line: Vec<(f64, f64)> = Vec::new();
    for power in if quick { 10..=11 } else { 12..=17 } {
        let m = 1usize << power;
        let shift = (0.4 * (m as f32).ln()).sqrt();
        let start = |lookup| {
            let builder = TwoLayer::builder().method(Method::Gradient).width(m).shift(shift).lookup(lookup, Over::Data);
            builder.steps(STEPS).tolerance(0.0).number_of_threads(1).seed(1).build(x, y).unwrap()
        };
        let built = Instant::now();
        let (mut dense, mut listed) = (start(Lookup::Dense), start(Lookup::Candidates));
        let built = built.elapsed().as_secs_f64();
        let (mut slow, mut fast) = (Vec::new(), Vec::new());
        let mut fired = 0.0;
        while let (Some(a), Some(b)) = (dense.step().unwrap(), listed.step().unwrap()) {
            assert_eq!(a.train_mse.to_bits(), b.train_mse.to_bits(), "another run");
            slow.push(a.seconds);
            fast.push(b.seconds);
            fired = b.fired;
        }
        assert!(dense.weights().data() == listed.weights().data(), "another run");
        let (all_slow, all_fast) = (slow.iter().sum::<f64>() / STEPS as f64, fast.iter().sum::<f64>() / STEPS as f64);
        let (first, slow, fast) = (fast[0], median(slow), median(fast));
        line.push(((m as f64).ln(), fast.ln()));
        println!(
            "{{\"m\":{m},\"n\":{N},\"d\":{D},\"shift\":{shift:.3},\"fired\":{fired:.4},\"level\":\"{}\",\"dense_ms\":{:.2},\"lists_ms\":{:.2},\
             \"ratio\":{:.2},\"mean_dense_ms\":{:.2},\"mean_lists_ms\":{:.2},\"mean_ratio\":{:.2},\"first_step_ms\":{:.2},\"mse\":{:.2e},\"both_built_ms\":{:.0}}}",
            Level::detect(),
            1e3 * slow,
            1e3 * fast,
            slow / fast,
            1e3 * all_slow,
            1e3 * all_fast,
            all_slow / all_fast,
            1e3 * first,
            dense.train_mse(),
            1e3 * built,
        );
    }
    // Least squares: log time against log m.
    let k = line.len() as f64;
    let (mx, my) = (line.iter().map(|p| p.0).sum::<f64>() / k, line.iter().map(|p| p.1).sum::<f64>() / k);
    let slope = line.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum::<f64>() / line.iter().map(|p| (p.0 - mx).powi(2)).sum::<f64>();
    println!("{{\"exponent_of_m\":{slope:.3}}}");
}
