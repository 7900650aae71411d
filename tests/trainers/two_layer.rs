//! The Gauss-Newton trainer: one step against a dense one in f64, its promises on real data, and its troubles.

use crate::oracle::{Dense, levels, numbers};
use crate::samples;
use subquad::train::{GaussNewton, PreconditionerChoice, Status, Step, TrainError};
use subquad::{Level, MatRef};

/// The handwritten digits as a table: inputs centred, each row of norm sqrt(1 - .09), .3 appended; one-hot targets.
struct Digits {
    x: Vec<f32>,
    y: Vec<f32>,
    labels: Vec<usize>,
}

const INPUTS: usize = 65;

/// Under emulation everything takes fifty times as long: a part of the images and of the neurons must do.
const NATIVE: bool = cfg!(target_arch = "x86_64");

fn width(neurons: usize) -> usize {
    if NATIVE { neurons } else { neurons / 4 }
}

impl Digits {
    /// Every `every`-th image, statistics from these alone.
    fn load(every: usize) -> Self {
        let text = include_str!("../../src/bin/subquad/digits.csv");
        let every = if NATIVE { every } else { 12 * every };
        let rows: Vec<Vec<f64>> =
            text.lines().skip(1).step_by(every).map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect();
        let mean: Vec<f64> = (0..64).map(|k| rows.iter().map(|row| row[k]).sum::<f64>() / rows.len() as f64).collect();
        let mut digits = Self { x: Vec::new(), y: Vec::new(), labels: Vec::new() };
        for row in &rows {
            let centred: Vec<f64> = (0..64).map(|k| row[k] - mean[k]).collect();
            let norm = centred.iter().map(|x| x * x).sum::<f64>().sqrt();
            digits.x.extend(centred.iter().map(|x| (x / norm * 0.91f64.sqrt()) as f32));
            digits.x.push(0.3);
            let label = row[64] as usize;
            digits.y.extend((0..10).map(|c| f32::from(u8::from(c == label))));
            digits.labels.push(label);
        }
        digits
    }
    fn n(&self) -> usize {
        self.labels.len()
    }
    fn x(&self) -> MatRef<'_, f32> {
        MatRef::new(&self.x, self.n(), INPUTS).unwrap()
    }
    fn y(&self) -> MatRef<'_, f32> {
        MatRef::new(&self.y, self.n(), 10).unwrap()
    }
}

fn run(mut trainer: GaussNewton) -> (GaussNewton, Vec<Step>) {
    let mut steps = Vec::new();
    while let Some(step) = trainer.step().unwrap() {
        steps.push(step);
    }
    (trainer, steps)
}

/// The network in f64: pre-activations, outputs, and the Jacobian, dense.
fn dense(trainer: &GaussNewton, x: MatRef<'_, f32>, shift: f64) -> (Dense, Dense) {
    let (w, a, x) = (Dense::of(trainer.weights()), Dense::of(trainer.signs()), Dense::of(x));
    let scale = 1.0 / (w.rows as f64).sqrt();
    let z = x.times(&w.t());
    let f = z.map(|z| (z - shift).max(0.0)).times(&a.t()).map(|f| f * scale);
    let (c, d) = (a.rows, x.cols);
    let jacobian = Dense::from_fn(x.rows * c, w.rows * d, |ic, rk| {
        let (i, o, r, k) = (ic / c, ic % c, rk / d, rk % d);
        if z.at(i, r) > shift { scale * a.at(o, r) * x.at(i, k) } else { 0.0 }
    });
    (f, jacobian)
}

/// Solves A x = b by Gaussian elimination.
fn solve(a: &Dense, b: &[f64]) -> Vec<f64> {
    let n = b.len();
    let mut rows: Vec<Vec<f64>> = (0..n).map(|i| a.data[i * n..(i + 1) * n].iter().copied().chain([b[i]]).collect()).collect();
    for p in 0..n {
        let best = (p..n).max_by(|&i, &j| rows[i][p].abs().total_cmp(&rows[j][p].abs())).unwrap();
        rows.swap(p, best);
        for i in p + 1..n {
            let factor = rows[i][p] / rows[p][p];
            let pivot = rows[p].clone();
            rows[i].iter_mut().zip(&pivot).skip(p).for_each(|(x, pivot)| *x -= factor * pivot);
        }
    }
    let mut x = vec![0.0; n];
    for i in (0..n).rev() {
        x[i] = (rows[i][n] - (i + 1..n).map(|k| rows[i][k] * x[k]).sum::<f64>()) / rows[i][i];
    }
    x
}

/// The mean diagonal entry of K = J J^T: what damping is measured in.
fn mean_diagonal(jacobian: &Dense) -> f64 {
    jacobian.data.iter().map(|x| x * x).sum::<f64>() / jacobian.rows as f64
}

/// With one output the preconditioner is the inverse: a step is the exact minimiser of the damped linear model.
#[test]
fn a_step_is_the_damped_gauss_newton_step() {
    let (n, d, m) = (12, 4, 64);
    let (x, y) = (samples(n, d, 1), numbers::<f32>(n, 2));
    let (x, y) = (MatRef::new(&x, n, d).unwrap(), MatRef::new(&y, n, 1).unwrap());
    for (level, (shift, ridge)) in levels().flat_map(|level| [(0.0, 0.0), (0.3, 0.0), (0.0, 0.5)].map(|case| (level, case))) {
        let settings = GaussNewton::builder().width(m).shift(shift as f32).damping(ridge).level(level).seed(3);
        let mut trainer = settings.build(x, y).unwrap();
        let start = Dense::of(trainer.weights());
        let unit = mean_diagonal(&dense(&trainer, x, shift).1);
        for number in 0..2 {
            let before = Dense::of(trainer.weights());
            let (f, jacobian) = dense(&trainer, x, shift);
            let step = trainer.step().unwrap().unwrap();
            // (J^T J + t I) s = -(J^T r + mu V), t = mu + lambda
            let t = step.damping * unit;
            let mu = f64::from(ridge) * unit;
            let gram = jacobian.t().times(&jacobian);
            let damped = Dense::from_fn(m * d, m * d, |i, j| gram.at(i, j) + if i == j { t } else { 0.0 });
            let residual = Dense { rows: n, cols: 1, data: f.data.iter().zip(y.data()).map(|(f, &y)| f - f64::from(y)).collect() };
            let drift = before.with(&start, |w, w0| w - w0);
            let gradient = jacobian.t().times(&residual);
            let rhs: Vec<f64> = gradient.data.iter().zip(&drift.data).map(|(g, v)| -(g + mu * v)).collect();
            let wanted = solve(&damped, &rhs);
            let found = Dense::of(trainer.weights()).with(&before, |w, b| w - b);
            let size = wanted.iter().map(|s| s * s).sum::<f64>().sqrt();
            let error = found.data.iter().zip(&wanted).map(|(f, w)| (f - w).powi(2)).sum::<f64>().sqrt();
            // The first step's factor is its system's own: exact but for rounding. The second reuses it, and its system is
            // solved to a tenth.
            let allowed = if number == 0 { 2e-3 } else { 0.11 };
            assert!(error <= allowed * size, "{level} b={shift} mu={ridge} step {number}: off by {error:e} of {size:e}");
            let (f, _) = dense(&trainer, x, shift);
            let mse = f.data.iter().zip(y.data()).map(|(f, &y)| (f - f64::from(y)).powi(2)).sum::<f64>() / n as f64;
            assert!((step.train_mse - mse).abs() <= 1e-4 * mse + 1e-12, "{level}: reported {} true {mse}", step.train_mse);
        }
    }
}

/// The minimum of the regularised loss lies at kinks, where no gradient vanishes: so the run's end is held against the
/// minimum of the loss linearised at the start, which it must beat, and against the gradient it began with.
#[test]
fn a_ridge_ends_below_the_minimum_of_the_linear_model() {
    let (n, d, m, c) = (30, 5, width(4000), 2);
    let (x, y) = (samples(n, d, 4), numbers::<f32>(n * c, 5));
    let (x, y) = (MatRef::new(&x, n, d).unwrap(), MatRef::new(&y, n, c).unwrap());
    for (level, damping) in levels().flat_map(|level| [0.1, 1.0, 10.0].map(|damping| (level, damping))) {
        let mut trainer = GaussNewton::builder().width(m).damping(damping as f32).level(level).seed(6).build(x, y).unwrap();
        let start = Dense::of(trainer.weights());
        let (_, jacobian) = dense(&trainer, x, 0.0);
        let ridge = damping * mean_diagonal(&jacobian);
        let residual =
            |f: &Dense| Dense { rows: n * c, cols: 1, data: f.data.iter().zip(y.data()).map(|(f, &y)| f - f64::from(y)).collect() };
        // The network is zero at the start: V = J^T (K + mu I)^-1 Y.
        let gram = jacobian.times(&jacobian.t());
        let damped = Dense::from_fn(n * c, n * c, |i, j| gram.at(i, j) + if i == j { ridge } else { 0.0 });
        let dual = solve(&damped, &y.data().iter().map(|&y| f64::from(y)).collect::<Vec<_>>());
        let drift = jacobian.t().times(&Dense { rows: n * c, cols: 1, data: dual });
        let z = Dense::of(x).times(&Dense::from_fn(m, d, |r, k| start.at(r, k) + drift.at(r * d + k, 0)).t());
        let a = Dense::of(trainer.signs()).t().map(|a| a / (m as f64).sqrt());
        let squares = |m: &Dense| m.data.iter().map(|x| x * x).sum::<f64>();
        let linear = squares(&residual(&z.map(|z| z.max(0.0)).times(&a))) + ridge * squares(&drift);
        let begun = jacobian.t().times(&residual(&Dense::from_fn(n, c, |_, _| 0.0)));

        while trainer.step().unwrap().is_some() {}
        assert_eq!(trainer.status(), Status::Settled, "{level}");
        let (f, jacobian) = dense(&trainer, x, 0.0);
        let drift = Dense::of(trainer.weights()).with(&start, |w, w0| w - w0);
        let found = squares(&residual(&f)) + ridge * squares(&drift);
        assert!(found <= linear, "{level} mu={ridge}: {found} against {linear}");
        let pull = jacobian.t().times(&residual(&f)).data;
        let left = pull.iter().zip(&drift.data).map(|(p, v)| (p + ridge * v).powi(2)).sum::<f64>().sqrt();
        assert!(left <= 0.1 * squares(&begun).sqrt(), "{level} mu={ridge}: gradient {left:e} of {:e}", squares(&begun).sqrt());
    }
}

/// Ratio at most 1/3 in every step, 1e-6 in at most five, and the same path at every level.
#[test]
fn the_promise_holds_on_the_digits() {
    let digits = Digits::load(1);
    let mut paths = Vec::new();
    for level in levels() {
        let trainer = GaussNewton::builder().width(width(4096)).level(level).seed(1).build(digits.x(), digits.y()).unwrap();
        assert!((trainer.train_mse() - 0.1).abs() < 1e-6, "the paired start is zero");
        let (trainer, steps) = run(trainer);
        assert_eq!(trainer.status(), Status::Converged);
        assert!(steps.len() <= 5, "{level}: {steps:?}");
        assert!(steps.iter().all(|step| step.residual_ratio <= 1.0 / 3.0), "{level}: {steps:?}");
        assert!(steps.iter().all(|step| step.cg_iterations <= 16 && step.rejected == 0), "{level}: {steps:?}");
        assert!(steps.iter().all(|step| (step.fired - 0.5).abs() < 0.05 && step.flipped < 0.1), "{level}: {steps:?}");
        paths.push(steps);
    }
    for path in &paths {
        assert_eq!(path.len(), paths[0].len());
        for (step, first) in path.iter().zip(&paths[0]).filter(|(step, _)| step.train_mse > 1e-7) {
            assert!((step.train_mse / first.train_mse - 1.0).abs() < 0.01, "{step:?} {first:?}");
        }
    }
}

#[test]
fn every_preconditioner_leads_to_the_same_place() {
    use PreconditionerChoice as Choice;
    let digits = Digits::load(if NATIVE { 8 } else { 1 });
    let choices =
        [Choice::Exact, Choice::Analytic, Choice::Neurons, Choice::Srht, Choice::TensorSrht, Choice::TensorSketch, Choice::Jacobi];
    let iterations = |settings: subquad::train::Builder| {
        let (trainer, steps) = run(settings.build(digits.x(), digits.y()).unwrap());
        assert_eq!(trainer.status(), Status::Converged);
        steps.iter().map(|step| step.cg_iterations).sum::<usize>()
    };
    let settings = || GaussNewton::builder().width(width(2048)).seed(2);
    let none = iterations(settings().preconditioner(Choice::None));
    let found = choices.map(|choice| iterations(settings().preconditioner(choice)));
    // Fewer samples are better conditioned.
    let share = if NATIVE { 4 } else { 2 };
    assert!(found[0] < none / share && found[1] < none / share, "{none}: {found:?}");
    assert!(found[2..6].iter().all(|&some| some < none / 2), "{none}: {found:?}");
    assert!(found[6] <= none + none / 4, "{none}: {found:?}");
    // More rows make a better sketch.
    let many = iterations(settings().preconditioner(Choice::Srht).sketch_rows(16 * digits.n()));
    assert!(many <= found[3], "{many} {found:?}");
}

/// The paper's iteration reaches what conjugate gradients do: with its unit step for one output, with the safe one for all.
#[test]
fn the_papers_iteration_trains_too() {
    use subquad::train::Faithful;
    let digits = Digits::load(if NATIVE { 16 } else { 2 });
    let one: Vec<f32> = digits.labels.iter().map(|&label| if label % 2 == 0 { 1.0 } else { -1.0 }).collect();
    let (x, one) = (digits.x(), MatRef::new(&one, digits.n(), 1).unwrap());
    let settings = || GaussNewton::builder().width(width(2048)).seed(2);
    for choice in [PreconditionerChoice::Auto, PreconditionerChoice::TensorSrht] {
        let (trainer, _) = run(settings().preconditioner(choice).faithful(Faithful::Unit).build(x, one).unwrap());
        assert_eq!(trainer.status(), Status::Converged, "{choice:?}");
    }
    for (y, rows) in [(one, 4), (digits.y(), 4), (digits.y(), 2)] {
        let (trainer, _) = run(settings().faithful(Faithful::Safe).sketch_rows(rows * digits.n()).build(x, y).unwrap());
        assert_eq!(trainer.status(), Status::Converged, "{rows}");
    }
    let refused = |settings: subquad::train::Builder, y| matches!(settings.build(x, y), Err(TrainError::Setting { .. }));
    assert!(refused(settings().faithful(Faithful::Unit), digits.y()));
    assert!(refused(settings().faithful(Faithful::Unit).sketch_rows(63 * digits.n()), one));
    assert!(refused(settings().faithful(Faithful::Safe).preconditioner(PreconditionerChoice::Analytic), one));
    assert!(refused(settings().preconditioner(PreconditionerChoice::Srht).sketch_rows(digits.n() - 1), one));
    assert!(refused(settings().sketch_rows(1000), one));
    assert!(refused(settings().preconditioner(PreconditionerChoice::Srht).sketch_rows(usize::MAX), one));
}

#[test]
fn shifted_networks_train_too() {
    let digits = Digits::load(8);
    for (choice, shift) in [(PreconditionerChoice::Exact, 0.5), (PreconditionerChoice::Analytic, 0.5), (PreconditionerChoice::Auto, 1.0)] {
        let settings = GaussNewton::builder().width(width(4096)).shift(shift).preconditioner(choice).seed(2);
        let (trainer, steps) = run(settings.build(digits.x(), digits.y()).unwrap());
        assert_eq!(trainer.status(), Status::Converged, "{choice:?} {steps:?}");
        let share = 0.5 * libm::erfc(f64::from(shift) / 2f64.sqrt());
        assert!((steps[0].fired - share).abs() < 0.03, "b={shift}: {} of {share} fire", steps[0].fired);
    }
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_does_not() {
    let digits = Digits::load(20);
    let weights = |seed| {
        let (trainer, _) = run(GaussNewton::builder().width(512).seed(seed).build(digits.x(), digits.y()).unwrap());
        trainer.weights().data().to_vec()
    };
    assert_eq!(weights(1), weights(1));
    assert_ne!(weights(1), weights(2));
}

/// Near-copies of samples, a third of them with another label: no function fits both. The loss must fall in every step
/// and end at the noise floor, half of each conflicting pair's distance.
#[test]
fn conflicting_near_duplicates_do_not_break_it() {
    let mut digits = Digits::load(4);
    let (n, copies, relabelled) = if NATIVE { (digits.n(), 60, 20) } else { (digits.n(), 18, 6) };
    let noise = numbers::<f32>(copies * INPUTS, 7);
    for copy in 0..copies {
        let of = copy * 7 % n;
        let x: Vec<f32> = (0..INPUTS).map(|k| digits.x[of * INPUTS + k] + 1e-3 * noise[copy * INPUTS + k]).collect();
        digits.x.extend(x);
        let label = if copy < relabelled { (digits.labels[of] + 3) % 10 } else { digits.labels[of] };
        digits.y.extend((0..10).map(|c| f32::from(u8::from(c == label))));
        digits.labels.push(label);
    }
    let trainer = GaussNewton::builder().width(width(2048)).seed(3).build(digits.x(), digits.y()).unwrap();
    let mut before = trainer.train_mse();
    let (trainer, steps) = run(trainer);
    for step in &steps {
        assert!(step.train_mse < before, "{steps:?}");
        before = step.train_mse;
    }
    // Of each conflicting pair four numbers are off by one half.
    let floor = relabelled as f64 * 4.0 * 0.25 / (digits.n() * 10) as f64;
    assert!(trainer.train_mse() < 1.05 * floor, "{} against a floor of {floor}: {steps:?}", trainer.train_mse());
    assert_eq!(trainer.status(), Status::Settled);
}

#[test]
fn exact_duplicates_and_silent_samples_are_no_trouble() {
    let mut x = samples(10, 3, 8);
    let again = x[..15].to_vec();
    x.extend(again); // five exact duplicates
    x.extend([0.0; 3]); // a sample on which nobody fires
    let mut y = numbers::<f32>(16, 9);
    for i in 0..5 {
        y[10 + i] = y[i];
    }
    y[15] = 0.0;
    for level in levels() {
        let (x, y) = (MatRef::new(&x, 16, 3).unwrap(), MatRef::new(&y, 16, 1).unwrap());
        let (trainer, steps) = run(GaussNewton::builder().width(1024).level(level).build(x, y).unwrap());
        assert_eq!(trainer.status(), Status::Converged, "{level} {steps:?}");
    }
}

#[test]
fn the_smallest_problems() {
    for (n, d, c, m) in [(1, 1, 1, 2), (1, 2, 3, 2), (2, 1, 1, 4)] {
        let (x, y) = (numbers::<f32>(n * d, 10), numbers::<f32>(n * c, 11));
        let (x, y) = (MatRef::new(&x, n, d).unwrap(), MatRef::new(&y, n, c).unwrap());
        let trainer = GaussNewton::builder().width(m).build(x, y).unwrap();
        let before = trainer.train_mse();
        let (trainer, _) = run(trainer);
        assert!(trainer.train_mse() <= before && trainer.status() != Status::Running);
    }
    // Targets that are met before the first step.
    let (x, y) = ([1.0f32], [0.0f32]);
    let mut trainer = GaussNewton::builder().width(2).build(MatRef::new(&x, 1, 1).unwrap(), MatRef::new(&y, 1, 1).unwrap()).unwrap();
    assert_eq!((trainer.step().unwrap(), trainer.status()), (None, Status::Converged));
}

#[test]
fn limits_and_progress() {
    let digits = Digits::load(20);
    let settings = GaussNewton::builder().width(512).tolerance(0.0);
    let (trainer, steps) = run(settings.clone().steps(2).build(digits.x(), digits.y()).unwrap());
    assert_eq!((trainer.status(), steps.len()), (Status::StepLimit, 2));
    assert_eq!(run(settings.clone().steps(0).build(digits.x(), digits.y()).unwrap()).1, []);
    let mut told = 0;
    let mut trainer = settings.build(digits.x(), digits.y()).unwrap();
    let step = trainer.step_with(&mut |progress| told += usize::from(progress.phase == "solving")).unwrap().unwrap();
    assert!(told >= step.cg_iterations && told > 0);
}

#[test]
fn bad_settings_and_data_are_told() {
    let x = samples(4, 2, 1);
    let y = numbers::<f32>(4, 2);
    let (x, y) = (MatRef::new(&x, 4, 2).unwrap(), MatRef::new(&y, 4, 1).unwrap());
    let builder = GaussNewton::builder;
    let says = |settings: subquad::train::Builder, part: &str| {
        let error = settings.build(x, y).unwrap_err();
        assert!(matches!(error, TrainError::Setting { .. }));
        assert!(error.to_string().contains(part), "{error}");
    };
    says(builder().width(0), "width: must be even");
    says(builder().width(7), "found 7");
    says(builder().width(usize::MAX - 1), "address space");
    says(builder().shift(-1.0), "shift");
    says(builder().shift(f32::NAN), "shift");
    says(builder().damping(-1.0), "damping");
    says(builder().damping(f32::INFINITY), "damping");
    says(builder().tolerance(f64::NAN), "tolerance");
    let mut bad = x.data().to_vec();
    bad[3] = f32::NAN;
    let error = builder().width(2).build(MatRef::new(&bad, 4, 2).unwrap(), y).unwrap_err().to_string();
    assert!(error.contains("inputs: row 1, column 1 holds NaN"), "{error}");
    let error = builder().width(2).build(x, y.row_range(0, 3)).unwrap_err().to_string();
    assert!(error.contains("4 x 2") && error.contains("3 x 1"), "{error}");
    assert!(builder().width(2).build(x.row_range(0, 0), y.row_range(0, 0)).is_err());
    assert!(builder().width(2).level(Level::detect()).build(x, y).is_ok());
}
