//! Gauss-Newton by lists and in blocks, adversarial training, real tables: what a run of the other methods has to show.

use crate::oracle::{levels, numbers};
use crate::{bits, samples};
use subquad::MatRef;
use subquad::train::{
    Attack, AttackedStep, Ball, Builder, Coding, Dataset, Lookup, Method, Model, Over, Preparation, PrepareOptions, Status, Step, Target,
    TrainError, TwoLayer,
};

fn run(builder: Builder, x: MatRef<'_, f32>, y: MatRef<'_, f32>) -> (TwoLayer, Vec<Step>) {
    let mut run = builder.build(x, y).unwrap();
    let steps = run.steps().map(|step| step.unwrap()).collect();
    (run, steps)
}

/// Fired sets of any structure lead to the same run, and next to the dense one.
#[test]
fn gauss_newton_by_lists_is_gauss_newton() {
    let (n, d, m, c) = (50, 10, 2048, 2);
    let (x, y) = (samples(n, d, 1), numbers::<f32>(n * c, 2));
    let (x, y) = (MatRef::new(&x, n, d).unwrap(), MatRef::new(&y, n, c).unwrap());
    for level in levels() {
        let with = |lookup, over| run(TwoLayer::builder().width(m).shift(1.6).lookup(lookup, over).level(level).steps(8).seed(3), x, y);
        let (dense, wanted) = with(Lookup::Dense, Over::Data);
        assert_eq!(dense.status(), Status::Converged, "{level} {wanted:?}");
        let (auto, _) = with(Lookup::Auto, Over::Data);
        for lookup in [Lookup::MaxTree, Lookup::Scan, Lookup::Candidates, Lookup::Screened] {
            for over in [Over::Weights, Over::Data] {
                let (listed, steps) = with(lookup, over);
                assert_eq!(bits(listed.weights()), bits(auto.weights()), "{level} {lookup:?} over {over:?}");
                assert!(steps.len().abs_diff(wanted.len()) <= 1);
                for (a, b) in steps.iter().zip(&wanted).take(2) {
                    // Products are summed in another order, and solved to a tenth.
                    assert!((a.train_mse / b.train_mse - 1.0).abs() < 0.1, "{level} {lookup:?}: {a:?} {b:?}");
                    assert!((a.fired - b.fired).abs() < 1e-3 && a.cg_iterations.abs_diff(b.cg_iterations) <= 1);
                }
            }
        }
    }
}

#[test]
fn threads_do_not_show() {
    let (n, d, m, c) = (75, 7, 640, 2);
    let (x, y) = (samples(n, d, 4), numbers::<f32>(n * c, 5));
    let (x, y) = (MatRef::new(&x, n, d).unwrap(), MatRef::new(&y, n, c).unwrap());
    let ways = [
        TwoLayer::builder(),
        TwoLayer::builder().damping(1.0),
        TwoLayer::builder().shift(1.7),
        TwoLayer::builder().method(Method::Adam),
        TwoLayer::builder().method(Method::Gradient).shift(1.7),
        TwoLayer::builder().method(Method::Adversarial),
        TwoLayer::builder().method(Method::Adversarial).shift(1.7).attacked_step(AttackedStep::Gradient),
        TwoLayer::builder().block(30),
    ];
    for (way, builder) in ways.into_iter().enumerate() {
        let with = |threads| run(builder.clone().width(m).steps(4).tolerance(0.0).number_of_threads(threads), x, y);
        let (one, steps) = with(1);
        for threads in [2, 3, 8] {
            let (many, same) = with(threads);
            assert_eq!(bits(many.weights()), bits(one.weights()), "way {way}, {threads} threads");
            assert!(steps.iter().zip(&same).all(|(a, b)| a.train_mse.to_bits() == b.train_mse.to_bits()), "way {way}");
        }
    }
}

/// Blocks in turn arrive where all samples together do.
#[test]
fn blocks_arrive_too() {
    let (n, d, m) = (300, 8, 2048);
    let x = samples(n, d, 6);
    let y: Vec<f32> = x.chunks(d).map(|x| (2.0 * x[0]).sin() + x[1] * x[2]).collect();
    let (x, y) = (MatRef::new(&x, n, d).unwrap(), MatRef::new(&y, n, 1).unwrap());
    for block in [64, 128, 299] {
        let (blocks, steps) = run(TwoLayer::builder().width(m).block(block).steps(40).tolerance(1e-4).seed(7), x, y);
        assert_eq!(blocks.status(), Status::Converged, "{block}: {steps:?}");
        let mut before = blocks.first_mse();
        for step in &steps {
            assert!(step.train_mse < before);
            before = step.train_mse;
        }
    }
    // A block of all samples is no block.
    let (whole, _) = run(TwoLayer::builder().width(m).block(n).seed(7), x, y);
    let (plain, _) = run(TwoLayer::builder().width(m).seed(7), x, y);
    assert_eq!(bits(whole.weights()), bits(plain.weights()));
}

/// Every fourth digit; a test part; plain training against adversarial, judged by attacks of 50 steps.
#[test]
fn adversarial_training_holds_where_plain_training_does_not() {
    let text = include_str!("../../src/bin/subquad/digits.csv");
    let rows: Vec<Vec<f32>> = text.lines().skip(1).step_by(4).map(|line| line.split(',').map(|x| x.parse().unwrap()).collect()).collect();
    let labels = (0..10).map(|k| k.to_string()).collect();
    let target = Target::classes("digit", labels, rows.iter().map(|row| row[64] as u32).collect()).unwrap();
    let names = (0..64).map(|k| format!("p{k}")).collect();
    let data = Dataset::new(names, rows.iter().flat_map(|row| row[..64].to_vec()).collect(), target).unwrap();
    let split = data.split(0.2, 1).unwrap();
    let options = PrepareOptions { rows: subquad::train::RowScaling::Unit, ..Default::default() };
    let preparation = Preparation::fit(data.features(), &split.train, options).unwrap();
    let coding = Coding::fit(data.target(), &split.train).unwrap();
    let (x, y) = (preparation.apply(data.features(), &split.train).unwrap(), coding.encode(data.target(), &split.train).unwrap());
    let truth = coding.truth(data.target(), &split.test).unwrap();
    let level = subquad::Level::detect();
    for (ball, radius) in [(Ball::L2, 0.3), (Ball::LInfinity, 0.05)] {
        let attack = Attack { ball, radius, steps: 10, step: 0.0 };
        let judged = |builder: Builder| {
            let (run, steps) = run(builder.width(512).attack(attack).seed(1), x.as_ref(), y.as_ref());
            let (weights, signs) = run.network();
            let model = Model::new(data.columns().clone(), preparation.clone(), coding.clone(), 0.0, weights, signs).unwrap();
            let clean = model.score(level, data.features(), &split.test, &truth).unwrap().accuracy().unwrap();
            let held = model.robust(level, data.features(), &split.test, &truth, Attack { steps: 50, ..attack }).unwrap();
            let none = model.robust(level, data.features(), &split.test, &truth, Attack { radius: 0.0, ..attack }).unwrap();
            let share = |held: &[bool]| held.iter().filter(|&&held| held).count() as f64 / held.len() as f64;
            assert_eq!(share(&none), clean, "a ball of radius 0 is the sample");
            (clean, share(&held), steps)
        };
        let (clean, fragile, _) = judged(TwoLayer::builder());
        assert!(fragile < clean, "{ball:?}");
        for (step, rounds) in [(AttackedStep::GaussNewton, 12), (AttackedStep::Gradient, 80)] {
            let builder = TwoLayer::builder().method(Method::Adversarial).attacked_step(step).steps(rounds);
            let (clean, robust, steps) = judged(builder);
            // Few damped steps hold a little better, many short ones much.
            let gain = if step == AttackedStep::Gradient { 0.05 } else { 0.0 };
            assert!(robust > fragile + gain, "{ball:?} {step:?}: plain {fragile}, adversarial {robust}, clean {clean}");
            assert!(clean > 0.85, "{ball:?} {step:?}: {clean}");
            assert!(steps.iter().skip(1).all(|step| step.robust_mse.unwrap() > 0.0));
        }
    }
}

#[test]
fn adversaries_refuse_what_cannot_be_indexed() {
    let (x, y) = (samples(4, 3, 8), numbers::<f32>(4, 9));
    let (x, y) = (MatRef::new(&x, 4, 3).unwrap(), MatRef::new(&y, 4, 1).unwrap());
    let builder = || TwoLayer::builder().width(16).method(Method::Adversarial);
    for lookup in [Lookup::MaxTree, Lookup::Candidates] {
        assert!(matches!(builder().lookup(lookup, Over::Weights).build(x, y), Err(TrainError::Setting { .. })));
    }
    assert!(builder().attack(Attack { radius: f32::NAN, ..Attack::default() }).build(x, y).is_err());
    assert!(builder().attack(Attack { step: -1.0, ..Attack::default() }).build(x, y).is_err());
}

/// The tables of the UCI repository that lie here: cross-validated, with a damping that smooths.
#[cfg(feature = "io")]
#[test]
fn real_tables_are_learnt() {
    use subquad::train::{TableOptions, read_dataset};
    for (file, rows, least) in [("wine.csv", 178, 0.95), ("breast_cancer.csv", 569, 0.95)] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(file);
        let data = read_dataset(&path, &TableOptions::default()).unwrap();
        assert_eq!(data.rows(), rows);
        let (mut right, mut all) = (0, 0);
        for split in data.folds(4, 1).unwrap() {
            let preparation = Preparation::fit(data.features(), &split.train, PrepareOptions::default()).unwrap();
            let coding = Coding::fit(data.target(), &split.train).unwrap();
            let (x, y) = (preparation.apply(data.features(), &split.train).unwrap(), coding.encode(data.target(), &split.train).unwrap());
            let (run, _) = run(TwoLayer::builder().width(512).damping(10.0).seed(1), x.as_ref(), y.as_ref());
            let model = Model::new(data.columns().clone(), preparation, coding.clone(), 0.0, run.weights(), run.signs()).unwrap();
            let truth = coding.truth(data.target(), &split.test).unwrap();
            let score = model.score(subquad::Level::detect(), data.features(), &split.test, &truth).unwrap();
            right += score.correct.unwrap();
            all += score.rows;
        }
        assert!(right as f64 / all as f64 >= least, "{file}: {right} of {all}");
    }
}
