//! Gradient descent by every lookup, Adam, and what a run of any method can do: stop early, be taken up again.

use crate::oracle::{Dense, levels, numbers};
use crate::{bits, samples};
use subquad::train::{Init, Lookup, Method, Over, Status, Step, TrainError, TwoLayer};
use subquad::{Level, MatRef};

const LOOKUPS: [Lookup; 5] = [Lookup::Scan, Lookup::Screened, Lookup::MaxTree, Lookup::BallTree, Lookup::Candidates];

/// One step in f64: W - rate J^T (F - Y).
fn descended(run: &TwoLayer, x: MatRef<'_, f32>, y: MatRef<'_, f32>, shift: f64, rate: f64) -> Dense {
    let (w, a, x, y) = (Dense::of(run.weights()), Dense::of(run.signs()), Dense::of(x), Dense::of(y));
    let scale = 1.0 / (w.rows as f64).sqrt();
    let z = x.times(&w.t());
    let r = z.map(|z| (z - shift).max(0.0)).times(&a.t()).map(|f| f * scale).with(&y, |f, y| f - y);
    let masked = r.times(&a).with(&z, |u, z| if z > shift { u * scale } else { 0.0 });
    w.with(&masked.t().times(&x), |w, g| w - rate * g)
}

#[test]
fn a_step_is_the_gradient_step() {
    let (n, d, m, c) = (20, 5, 96, 3);
    let (x, y) = (samples(n, d, 1), numbers::<f32>(n * c, 2));
    let (x, y) = (MatRef::new(&x, n, d).unwrap(), MatRef::new(&y, n, c).unwrap());
    for level in levels() {
        for (shift, lookup) in [(0.0, Lookup::Dense), (0.7, Lookup::Dense), (0.7, Lookup::Candidates)] {
            let builder = TwoLayer::builder().width(m).shift(shift).method(Method::Gradient).lookup(lookup, Over::Data);
            let mut run = builder.learning_rate(0.5).level(level).seed(3).build(x, y).unwrap();
            for _ in 0..3 {
                let wanted = descended(&run, x, y, f64::from(shift), 0.5);
                run.step().unwrap().unwrap();
                let off = Dense::of(run.weights()).with(&wanted, |f, w| (f - w).abs());
                assert!(off.data.iter().all(|off| *off < 1e-5), "{level} {lookup:?}");
            }
        }
    }
}

/// Every structure, over weights and over data, takes the dense run's steps, bit by bit.
#[test]
fn every_lookup_is_the_dense_run() {
    let shapes: &[(usize, usize, usize, usize, f32)] =
        &[(40, 6, 700, 1, 1.0), (33, 9, 1300, 3, 0.8), (70, 33, 260, 2, 0.5), (5, 1, 2, 1, 0.0), (90, 70, 2100, 1, 1.3)];
    for &(n, d, m, c, shift) in shapes {
        let (x, y) = (samples(n, d, 4), numbers::<f32>(n * c, 5));
        let (x, y) = (MatRef::new(&x, n, d).unwrap(), MatRef::new(&y, n, c).unwrap());
        for level in levels() {
            let start = |lookup, over, threads| {
                let builder = TwoLayer::builder().width(m).shift(shift).method(Method::Gradient).lookup(lookup, over).steps(12);
                builder.level(level).seed(6).number_of_threads(threads).tolerance(0.0).build(x, y).unwrap()
            };
            let mut dense = start(Lookup::Dense, Over::Data, 1);
            let mut others: Vec<(Lookup, Over, TwoLayer)> = Vec::new();
            for lookup in LOOKUPS {
                for over in [Over::Weights, Over::Data] {
                    others.push((lookup, over, start(lookup, over, 1)));
                }
            }
            others.push((Lookup::Candidates, Over::Data, start(Lookup::Candidates, Over::Data, 3)));
            others.push((Lookup::Dense, Over::Data, start(Lookup::Dense, Over::Data, 3)));
            let mut mses = vec![dense.train_mse()];
            while let Some(step) = dense.step().unwrap() {
                mses.push(step.train_mse);
                for (lookup, over, other) in &mut others {
                    let same = other.step().unwrap().unwrap();
                    let place = format!("{level} n={n} d={d} m={m} {lookup:?} over {over:?}, step {}", step.step);
                    assert_eq!(bits(other.weights()), bits(dense.weights()), "{place}");
                    assert_eq!(same.train_mse.to_bits(), step.train_mse.to_bits(), "{place}");
                    assert_eq!(same.fired, step.fired, "{place}");
                }
            }
            assert_eq!(mses.len(), 13);
            assert!(mses[12] <= mses[0], "{mses:?}");
        }
    }
}

/// Large moves use skins up, small ones do not: the lists must be right either way.
#[test]
fn skins_hold_for_steps_of_any_length() {
    let (n, d, m) = (60, 12, 600);
    let (x, y) = (samples(n, d, 7), numbers::<f32>(n, 8));
    let (x, y) = (MatRef::new(&x, n, d).unwrap(), MatRef::new(&y, n, 1).unwrap());
    for rate in [1e-6, 0.01, 3.0, 100.0] {
        let start = |lookup| {
            let builder = TwoLayer::builder().width(m).shift(0.9).method(Method::Gradient).lookup(lookup, Over::Data).steps(25);
            builder.learning_rate(rate).tolerance(0.0).seed(9).build(x, y).unwrap()
        };
        let (mut dense, mut listed) = (start(Lookup::Dense), start(Lookup::Candidates));
        loop {
            match (dense.step(), listed.step()) {
                (Ok(Some(_)), Ok(Some(_))) => assert_eq!(bits(dense.weights()), bits(listed.weights()), "{rate}"),
                (Ok(None), Ok(None)) | (Err(TrainError::Numbers { .. }), Err(TrainError::Numbers { .. })) => break,
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn adam_and_trained_outputs_lower_the_loss() {
    let (n, d, m, c) = (50, 8, 256, 2);
    let (x, y) = (samples(n, d, 10), numbers::<f32>(n * c, 11));
    let (x, y) = (MatRef::new(&x, n, d).unwrap(), MatRef::new(&y, n, c).unwrap());
    for method in [Method::Adam, Method::Gradient] {
        for outputs in [false, true] {
            for init in [Init::Paired, Init::Gaussian] {
                let builder = TwoLayer::builder().width(m).method(method).train_outputs(outputs).init(init).steps(150).tolerance(0.0);
                let mut run = builder.seed(1).build(x, y).unwrap();
                let signs = bits(run.signs());
                let (first, steps) = (run.train_mse(), run.steps().map(|step| step.unwrap()).collect::<Vec<Step>>());
                assert!(run.train_mse() < 0.2 * first, "{method:?} {outputs} {init:?}: {first} {}", run.train_mse());
                assert_eq!((steps.len(), run.status()), (150, Status::StepLimit));
                assert_eq!(bits(run.signs()) != signs, outputs);
                // The error is that of the weights handed out.
                let (w, a) = (Dense::of(run.weights()), Dense::of(run.signs()));
                let f = Dense::of(x).times(&w.t()).map(|z| z.max(0.0)).times(&a.t()).map(|f| f / (m as f64).sqrt());
                let mse = f.with(&Dense::of(y), |f, y| (f - y).powi(2)).data.iter().sum::<f64>() / (n * c) as f64;
                assert!((run.train_mse() / mse - 1.0).abs() < 1e-4, "{method:?} {outputs}");
            }
        }
    }
}

/// A sample of weight 2 is two samples, one of weight 0 is none.
#[test]
fn weights_of_rows_are_repetitions() {
    let (n, d, c) = (12, 4, 2);
    let (x, y) = (samples(n, d, 12), numbers::<f32>(n * c, 13));
    let weights: Vec<f32> = (0..n).map(|i| [1.0, 2.0, 0.0][i % 3]).collect();
    let repeated: Vec<usize> = (0..n).flat_map(|i| vec![i; weights[i] as usize]).collect();
    let pick = |from: &[f32], k: usize| repeated.iter().flat_map(|&i| from[i * k..(i + 1) * k].to_vec()).collect::<Vec<f32>>();
    let (xs, ys) = (pick(&x, d), pick(&y, c));
    let k = repeated.len();
    for method in [Method::GaussNewton, Method::Gradient, Method::Adam] {
        let builder = || TwoLayer::builder().width(512).method(method).learning_rate(0.1).tolerance(0.0).seed(1);
        let (x, y) = (MatRef::new(&x, n, d).unwrap(), MatRef::new(&y, n, c).unwrap());
        let mut weighted = builder().row_weights(&weights).build(x, y).unwrap();
        let mut plain = builder().build(MatRef::new(&xs, k, d).unwrap(), MatRef::new(&ys, k, c).unwrap()).unwrap();
        // Weights have a mean of 1, repetitions count as often as they are: with other sizes the damping differs.
        for step in 0..3 {
            let (a, b) = (weighted.step().unwrap().unwrap(), plain.step().unwrap().unwrap());
            let close = (a.train_mse / b.train_mse - 1.0).abs();
            assert!(close < if method == Method::GaussNewton { 0.3 } else { 1e-3 }, "{method:?} step {step}: {a:?} {b:?}");
        }
    }
    let (x, y) = (MatRef::new(&x, n, d).unwrap(), MatRef::new(&y, n, c).unwrap());
    for bad in [vec![1.0; n - 1], vec![0.0; n], vec![-1.0; n], vec![f32::NAN; n]] {
        assert!(TwoLayer::builder().row_weights(&bad).build(x, y).is_err());
    }
}

/// Noise is learnt by heart after the signal is: the validation rows notice.
#[test]
fn training_stops_where_validation_is_best() {
    let (n, d) = (120, 6);
    let x = samples(2 * n, d, 14);
    let noise = numbers::<f32>(2 * n, 15);
    let y: Vec<f32> = (0..2 * n).map(|i| x[i * d] + 1.5 * noise[i]).collect();
    let part = |from: usize| (MatRef::new(&x[from * d..][..n * d], n, d).unwrap(), MatRef::new(&y[from..][..n], n, 1).unwrap());
    let ((train_x, train_y), (x, y)) = (part(0), part(n));
    for method in [Method::GaussNewton, Method::Gradient, Method::Adam] {
        let builder = TwoLayer::builder().width(1024).method(method).steps(2000).tolerance(0.0).seed(2);
        let mut run = builder.build(train_x, train_y).unwrap();
        run.validate(x, y, 4).unwrap();
        let steps: Vec<Step> = run.steps().map(|step| step.unwrap()).collect();
        assert_eq!(run.status(), Status::Stopped, "{method:?}");
        let (best, mse, weights, signs) = run.best().unwrap();
        let lowest = steps.iter().filter_map(|step| step.validation_mse).fold(f64::INFINITY, f64::min);
        if best > 0 {
            assert_eq!((mse, steps[best - 1].validation_mse), (lowest, Some(lowest)), "{method:?}");
        } else {
            assert!(mse <= lowest);
        }
        assert_eq!(steps.len(), best + 4);
        assert_eq!(bits(run.network().0), bits(weights));
        // The weights kept are those that had this error.
        let f = Dense::of(x).times(&Dense::of(weights).t()).map(|z| z.max(0.0)).times(&Dense::of(signs).t());
        let f = f.map(|f| f / 32.0).with(&Dense::of(y), |f, y| (f - y).powi(2));
        assert!((f.data.iter().sum::<f64>() / n as f64 / mse - 1.0).abs() < 1e-4);
    }
    let mut run = TwoLayer::builder().width(16).build(train_x, train_y).unwrap();
    assert!(run.validate(x, part(0).0, 1).is_err());
}

#[test]
fn runs_can_be_sent_to_another_thread() {
    let (x, y) = (samples(9, 3, 16), numbers::<f32>(9, 17));
    let mut run = TwoLayer::builder().width(64).build(MatRef::new(&x, 9, 3).unwrap(), MatRef::new(&y, 9, 1).unwrap()).unwrap();
    let mse = std::thread::spawn(move || {
        run.steps().take(2).for_each(|step| assert!(step.is_ok()));
        run.train_mse()
    });
    assert!(mse.join().unwrap() < 0.1);
}

#[cfg(feature = "io")]
#[test]
fn a_run_taken_up_again_ends_as_one_that_was_never_stopped() {
    let (n, d, m, c) = (40, 6, 512, 2);
    let (x, y) = (samples(n, d, 18), numbers::<f32>(n * c, 19));
    let (x, y) = (MatRef::new(&x, n, d).unwrap(), MatRef::new(&y, n, c).unwrap());
    let (valid_x, valid_y) = (samples(9, d, 20), numbers::<f32>(9 * c, 21));
    let (valid_x, valid_y) = (MatRef::new(&valid_x, 9, d).unwrap(), MatRef::new(&valid_y, 9, c).unwrap());
    let ways: Vec<subquad::train::Builder> = vec![
        TwoLayer::builder(),
        TwoLayer::builder().damping(0.5),
        TwoLayer::builder().shift(1.0).method(Method::Gradient),
        TwoLayer::builder().method(Method::Gradient).train_outputs(true),
        TwoLayer::builder().method(Method::Adam).row_weights(&[2.0; 40]),
        TwoLayer::builder().method(Method::Adversarial),
        TwoLayer::builder().block(16),
    ];
    for (way, builder) in ways.into_iter().enumerate() {
        for stop in [0, 1, 3, 5] {
            let start = |steps: usize| {
                let mut run = builder.clone().width(m).steps(steps).tolerance(0.0).seed(4).build(x, y).unwrap();
                run.validate(valid_x, valid_y, 100).unwrap();
                run
            };
            let mut whole = start(9);
            whole.steps().for_each(|step| assert!(step.is_ok()));
            let mut first = start(stop.max(1));
            first.steps().take(stop).for_each(|step| assert!(step.is_ok()));
            let kept = first.checkpoint().unwrap();
            drop(first);
            let mut second = start(9);
            second.step().unwrap(); // whatever it has done before
            second.resume(&kept, "kept").unwrap();
            assert_eq!(second.history().len(), stop);
            second.steps().for_each(|step| assert!(step.is_ok()));
            assert_eq!(bits(second.weights()), bits(whole.weights()), "way {way}, stopped after {stop}");
            assert_eq!(bits(second.network().0), bits(whole.network().0), "way {way}, stopped after {stop}");
            let timeless = |run: &TwoLayer| run.history().iter().map(|s| format!("{:?}", Step { seconds: 0.0, ..*s })).collect::<Vec<_>>();
            assert_eq!(timeless(&second), timeless(&whole), "way {way}, stopped after {stop}");
            assert_eq!(second.status(), whole.status());

            // Another run's state, or a damaged one, is refused.
            let mut other = builder.clone().width(m).seed(5).build(x, y).unwrap();
            other.validate(valid_x, valid_y, 100).unwrap();
            assert!(other.resume(&kept, "kept").unwrap_err().to_string().contains("its seed is 4"), "way {way}");
            for len in (0..kept.len()).step_by(997) {
                assert!(other.resume(&kept[..len], "kept").is_err());
            }
        }
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    let (x, y) = (samples(4, 3, 22), numbers::<f32>(4, 23));
    let (x, y) = (MatRef::new(&x, 4, 3).unwrap(), MatRef::new(&y, 4, 1).unwrap());
    let builder = TwoLayer::builder;
    for bad in [
        builder().learning_rate(0.0),
        builder().learning_rate(f32::NAN),
        builder().train_outputs(true),
        builder().width(5),
        builder().method(Method::Gradient).damping(1.0).lookup(Lookup::Scan, Over::Data),
        builder().method(Method::Adam).lookup(Lookup::Screened, Over::Weights),
    ] {
        assert!(matches!(bad.clone().build(x, y), Err(TrainError::Setting { .. })), "{bad:?}");
    }
    assert!(builder().width(5).init(Init::Gaussian).level(Level::detect()).build(x, y).is_ok());
}
