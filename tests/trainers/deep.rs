//! The trainer of deep networks: its promises on the handwritten digits, and every way to do the same.

use subquad::low_rank::Flush;
use subquad::relu::deep::Form;
use subquad::train::{Deep, DeepBuilder, DeepPreconditioner, Firing, FirstWeights, FlushPolicy, Status, Step, TrainError};
use subquad::{Level, MatRef};

/// The digits, cut in two: every fifth image is for testing.
struct Digits {
    train: Part,
    test: Part,
}

struct Part {
    x: Vec<f32>,
    y: Vec<f32>,
    labels: Vec<usize>,
}

const INPUTS: usize = 65;

/// Under emulation everything takes fifty times as long.
const NATIVE: bool = cfg!(target_arch = "x86_64");

impl Part {
    fn x(&self) -> MatRef<'_, f32> {
        MatRef::new(&self.x, self.labels.len(), INPUTS).unwrap()
    }
    fn y(&self) -> MatRef<'_, f32> {
        MatRef::new(&self.y, self.labels.len(), 10).unwrap()
    }
    /// Share of the labels that are the largest output.
    fn accuracy(&self, outputs: &[f32]) -> f64 {
        let right = outputs.chunks_exact(10).zip(&self.labels).filter(|(f, label)| f.iter().all(|x| *x <= f[**label])).count();
        right as f64 / self.labels.len() as f64
    }
}

impl Digits {
    fn load(every: usize) -> Self {
        let text = include_str!("../../src/bin/subquad/digits.csv");
        let rows: Vec<Vec<f64>> =
            text.lines().skip(1).step_by(every).map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect();
        let is_test = |i: usize| i % 5 == 4;
        let trained = rows.iter().enumerate().filter(|(i, _)| !is_test(*i)).count() as f64;
        let mean: Vec<f64> =
            (0..64).map(|k| rows.iter().enumerate().filter(|(i, _)| !is_test(*i)).map(|(_, row)| row[k]).sum::<f64>() / trained).collect();
        let part = |test: bool| {
            let mut part = Part { x: vec![], y: vec![], labels: vec![] };
            for (_, row) in rows.iter().enumerate().filter(|(i, _)| is_test(*i) == test) {
                let centred: Vec<f64> = row[..64].iter().zip(&mean).map(|(x, m)| x - m).collect();
                let norm = centred.iter().map(|x| x * x).sum::<f64>().sqrt();
                part.x.extend(centred.iter().map(|x| (x * 0.91f64.sqrt() / norm) as f32));
                part.x.push(0.3);
                let label = row[64] as usize;
                part.y.extend((0..10).map(|c| f32::from(u8::from(c == label))));
                part.labels.push(label);
            }
            part
        };
        Self { train: part(false), test: part(true) }
    }
}

fn run(builder: DeepBuilder, data: &Digits) -> (Deep, Vec<Step>) {
    let mut run = builder.build(data.train.x(), data.train.y()).unwrap();
    let mut steps = vec![];
    while let Some(step) = run.step().unwrap() {
        println!("{step:?}\n    {:?}", run.phases());
        steps.push(step);
    }
    (run, steps)
}

/// The promise: MSE 1e-6 in at most five steps, each of which leaves a third or less.
#[test]
fn digits_to_a_millionth_in_five_steps() {
    if !NATIVE {
        return;
    }
    let data = Digits::load(1);
    assert!((1437..=1438).contains(&data.train.labels.len()));
    for layers in [2, 3] {
        let (run, steps) = run(Deep::builder().layers(layers).width(2048).firing(Firing::Share(0.1)), &data);
        assert_eq!(run.status(), Status::Converged, "{layers} layers");
        assert!(steps.len() <= 5, "{layers} layers: {} steps", steps.len());
        for step in &steps {
            assert!(step.residual_ratio <= 1.0 / 3.0, "{layers} layers, step {}: {}", step.step, step.residual_ratio);
        }
        let accuracy = data.test.accuracy(&run.outputs(data.test.x()).unwrap());
        println!("{layers} layers: accuracy {accuracy}, updates {:?}", run.updates());
        assert!(accuracy >= if layers == 2 { 0.97 } else { 0.85 }, "{layers} layers: {accuracy}");
    }
}

/// Widths that a debug build trains in a moment.
fn small() -> DeepBuilder {
    Deep::builder().width(512).firing(Firing::Share(0.15))
}

/// Everything a dense step of the same network computes, in f64 and by definition.
mod dense {
    pub struct Net {
        pub w: Vec<Vec<Vec<f64>>>,
        pub a: Vec<Vec<f64>>,
        pub shift: f64,
    }

    pub struct Pass {
        pub h: Vec<Vec<f64>>,
        pub norms: Vec<f64>,
        pub f: Vec<f64>,
    }

    fn times(w: &[Vec<f64>], x: &[f64]) -> Vec<f64> {
        w.iter().map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum()).collect()
    }

    pub fn dot(x: &[f64], y: &[f64]) -> f64 {
        x.iter().zip(y).map(|(x, y)| x * y).sum()
    }

    impl Net {
        pub fn pass(&self, x: &[f64]) -> Pass {
            let norm = dot(x, x).sqrt();
            let (mut h, mut norms) = (vec![x.iter().map(|x| x / norm).collect::<Vec<f64>>()], vec![]);
            for w in &self.w {
                let u: Vec<f64> = times(w, h.last().unwrap()).iter().map(|z| if *z > self.shift { z - self.shift } else { 0.0 }).collect();
                let norm = dot(&u, &u).sqrt();
                h.push(u.iter().map(|u| u / norm).collect());
                norms.push(norm);
            }
            let f = times(&self.a, h.last().unwrap());
            Pass { h, norms, f }
        }

        /// dF_c / dz_l for every layer.
        pub fn gradients(&self, pass: &Pass, c: usize) -> Vec<Vec<f64>> {
            let layers = self.w.len();
            let mut e = self.a[c].clone();
            let mut all = vec![vec![]; layers];
            for l in (0..layers).rev() {
                let h = &pass.h[l + 1];
                let fired: Vec<f64> = e.iter().zip(h).map(|(e, h)| if *h > 0.0 { *e } else { 0.0 }).collect();
                let along = dot(h, &fired);
                let g: Vec<f64> = fired.iter().zip(h).map(|(e, h)| (e - h * along) / pass.norms[l]).collect();
                let below = self.w[l][0].len();
                e = (0..below).map(|j| self.w[l].iter().zip(&g).map(|(row, g)| row[j] * g).sum()).collect();
                all[l] = g;
            }
            all
        }
    }

    /// A x = b by elimination with pivots.
    pub fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
        let n = b.len();
        for k in 0..n {
            let pivot = (k..n).max_by(|&i, &j| a[i][k].abs().total_cmp(&a[j][k].abs())).unwrap();
            a.swap(k, pivot);
            b.swap(k, pivot);
            for i in k + 1..n {
                let factor = a[i][k] / a[k][k];
                let (above, below) = a.split_at_mut(i);
                below[0].iter_mut().zip(&above[k]).skip(k).for_each(|(to, x)| *to -= factor * x);
                b[i] -= factor * b[k];
            }
        }
        for k in (0..n).rev() {
            let rest: f64 = (k + 1..n).map(|j| a[k][j] * b[j]).sum();
            b[k] = (b[k] - rest) / a[k][k];
        }
        b
    }
}

fn numbers(len: usize, seed: u64) -> Vec<f32> {
    let mut x = vec![0.0f32; len];
    subquad::random::gaussian(&mut subquad::random::stream(seed, 0), &mut x);
    x
}

/// Weights from elsewhere are not Gaussian: what fires is counted, not believed.
#[test]
fn a_share_of_pre_trained_neurons_fires() {
    let (n, d, c, m) = (300, 7, 2, 192);
    let (x, y) = (numbers(n * d, 1), numbers(n * c, 2));
    let skewed = |len: usize, seed: u64| numbers(len, seed).into_iter().map(|w| w.powi(3) + 0.7).collect::<Vec<f32>>();
    let run = |bases: &[Vec<f32>], share: f64| {
        let base = bases.iter().map(|b| std::sync::Arc::new(b.clone()) as subquad::train::Base).collect();
        let builder = Deep::builder().layers(bases.len()).width(m).firing(Firing::Share(share)).base(base);
        builder.build(MatRef::new(&x, n, d).unwrap(), MatRef::new(&y, n, c).unwrap()).unwrap()
    };
    let bases = [skewed(d * m, 3), skewed(m * m, 4), skewed(m * m, 5)];
    for share in [0.05, 0.2, 0.5] {
        let run = run(&bases, share);
        // 100 of the 300 samples were asked.
        assert!((run.fired() - share).abs() <= 0.1 * share, "{share}: {} at {}", run.fired(), run.shift());
        let gaussian = Deep::builder().firing(Firing::Share(share)).shift().unwrap();
        assert!((f64::from(run.shift()) - gaussian).abs() > 0.05, "{share}: {}", run.shift());
    }
    // Where nothing ever fires, no shift helps.
    let run = run(&[numbers(d * m, 3), vec![-1.0; m * m]], 0.4);
    assert_eq!(run.shift(), 0.0);
    assert!(run.fired() < 0.4);
}

/// One whole step against a dense one in f64, whose system is solved exactly: conjugate gradients stop at a tenth, so the
/// two differ by that much of the step, and no more.
#[test]
fn a_step_is_the_dense_step() {
    let (n, d, c, shift) = (12, 7, 2, 0.6);
    let (x, y) = (numbers(n * d, 1), numbers(n * c, 2));
    // Pre-activations of 512 neurons lie further apart than they are many.
    for (m, trained) in [(192, &[1usize, 2, 3][..]), (192, &[2, 3]), (192, &[3]), (192, &[2]), (192, &[1]), (512, &[1, 2, 3])] {
        let bases: Vec<Vec<f32>> = vec![numbers(d * m, 3), numbers(m * m, 4), numbers(m * m, 5)];
        let base = bases.iter().map(|b| std::sync::Arc::new(b.clone()) as subquad::train::Base).collect();
        let builder = Deep::builder().layers(3).width(m).firing(Firing::Shift(shift)).base(base).train_layers(trained).seed(9);
        let mut run = builder.build(MatRef::new(&x, n, d).unwrap(), MatRef::new(&y, n, c).unwrap()).unwrap();
        let mut signs = vec![0.0f32; c * m];
        subquad::random::signs(&mut subquad::random::stream(9, 1), &mut signs);
        let matrix = |b: &[f32], rows: usize| -> Vec<Vec<f64>> {
            let inputs = b.len() / rows;
            (0..rows).map(|r| (0..inputs).map(|j| f64::from(b[j * rows + r])).collect()).collect()
        };
        // A base's products are divided by the root mean square of its entries.
        let units: Vec<f64> =
            bases.iter().map(|b| (b.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>() / b.len() as f64).sqrt()).collect();
        let unit = |w: Vec<Vec<f64>>, by: f64| w.into_iter().map(|row| row.into_iter().map(|x| x / by).collect()).collect();
        let mut net = dense::Net {
            w: bases.iter().zip(&units).map(|(b, &by)| unit(matrix(b, m), by)).collect(),
            a: signs.chunks(m).map(|row| row.iter().map(|&x| f64::from(x)).collect()).collect(),
            shift: f64::from(shift as f32),
        };
        let samples: Vec<Vec<f64>> = x.chunks(d).map(|row| row.iter().map(|&x| f64::from(x)).collect()).collect();
        let passes: Vec<dense::Pass> = samples.iter().map(|x| net.pass(x)).collect();
        let gradients: Vec<Vec<Vec<f64>>> = (0..n * c).map(|k| net.gradients(&passes[k / c], k % c)).collect();
        let entry = |p: usize, q: usize| -> f64 {
            let layer = |l: usize| dense::dot(&gradients[p][l], &gradients[q][l]) * dense::dot(&passes[p / c].h[l], &passes[q / c].h[l]);
            trained.iter().map(|l| layer(l - 1)).sum()
        };
        let k: Vec<Vec<f64>> = (0..n * c).map(|p| (0..n * c).map(|q| entry(p, q)).collect()).collect();
        let r: Vec<f64> = y.iter().map(|&y| -f64::from(y)).collect();
        let g = dense::solve(k, r.clone());
        for (p, g) in g.iter().enumerate() {
            for l in trained.iter().map(|l| l - 1) {
                for (row, s) in net.w[l].iter_mut().zip(&gradients[p][l]) {
                    row.iter_mut().zip(&passes[p / c].h[l]).for_each(|(w, h)| *w -= g * s * h);
                }
            }
        }
        let moved: Vec<f64> = samples
            .iter()
            .zip(&passes)
            .flat_map(|(x, first)| {
                let now = net.pass(x).f;
                now.into_iter().zip(first.f.clone()).map(|(f, f0)| f - f0).collect::<Vec<_>>()
            })
            .collect();
        let step = run.step().unwrap().unwrap();
        let found = run.fitted(MatRef::new(&y, n, c).unwrap());
        let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
        let off = norm(&mut found.iter().zip(&moved).map(|(&f, m)| f64::from(f) - m));
        let size = norm(&mut r.iter().copied());
        assert!(off <= 0.2 * size, "{trained:?}: {off} of {size}, ratio {}", step.residual_ratio);
        // What it says of its own samples is what it says of them as strangers.
        let again = run.outputs(MatRef::new(&x, n, d).unwrap()).unwrap();
        for (a, b) in found.iter().zip(&again) {
            assert!((a - b).abs() < 2e-4, "{trained:?}: {a} {b}");
        }
    }
}

/// However updates are kept, and whatever preconditions: the same steps, the same predictions.
#[test]
fn flushes_and_preconditioners_agree() {
    let data = Digits::load(if NATIVE { 6 } else { 24 });
    let three = || small().layers(3).train_layers(&[1, 2, 3]).steps(3);
    let mut first: Option<(Vec<Step>, Vec<f32>)> = None;
    for flush in [Flush::Never, Flush::Sparse, Flush::Dense] {
        let (run, steps) = run(three().flush(FlushPolicy::Always(flush)), &data);
        let outputs = run.outputs(data.test.x()).unwrap();
        let (kept, folded) = run.updates();
        // The lowest layer's updates, and the last step's, are never folded.
        let wanted = if flush == Flush::Never { 0 } else { 2 * (steps.len() - 1) };
        assert_eq!((kept, folded), (3 * steps.len() - wanted, wanted), "{flush:?}");
        let own = run.outputs(data.train.x()).unwrap();
        let fitted = run.fitted(data.train.y());
        assert!(own.iter().zip(&fitted).all(|(a, b)| (a - b).abs() < 1e-3), "{flush:?}: the samples as strangers");
        if let Some((wanted, others)) = &first {
            assert_eq!(steps.len(), wanted.len());
            for (a, b) in steps.iter().zip(wanted) {
                assert!((a.residual_ratio / b.residual_ratio - 1.0).abs() < 0.05, "{flush:?}: {a:?} {b:?}");
            }
            assert!(outputs.iter().zip(others).all(|(a, b)| (a - b).abs() < 1e-3), "{flush:?}");
        } else {
            first = Some((steps, outputs));
        }
    }
    let choices = [
        DeepPreconditioner::Exact,
        DeepPreconditioner::TensorSrht { rows: 4 },
        DeepPreconditioner::TensorSketch { rows: 4 },
        DeepPreconditioner::None,
    ];
    let iterations: Vec<usize> = choices
        .iter()
        .map(|&choice| {
            let (run, steps) = run(small().layers(2).preconditioner(choice), &data);
            assert_eq!(run.status(), Status::Converged, "{choice:?}");
            steps.iter().map(|step| step.cg_iterations).sum()
        })
        .collect();
    println!("products in all: {choices:?} {iterations:?}");
    assert!(iterations[0] < iterations[3]);
}

#[test]
fn hadamard_weights_hard_neurons_and_one_layer_at_a_time() {
    let data = Digits::load(if NATIVE { 4 } else { 24 });
    for layers in [1, 2, 3] {
        for weights in [FirstWeights::Gaussian, FirstWeights::Hadamard] {
            let builder = small().layers(layers).weights(weights);
            let (run, steps) = run(builder.width(1024), &data);
            assert_eq!(run.status(), Status::Converged, "{layers} {weights:?}");
            assert!(steps.len() <= 6, "{layers} {weights:?}: {} steps", steps.len());
        }
    }
    let (alone, steps) = run(small().layers(3).one_by_one(true).steps(8), &data);
    assert!(alone.train_mse() < 1e-5, "{}", alone.train_mse());
    assert!(steps.windows(2).all(|two| two[1].train_mse < two[0].train_mse));
    let (hard, steps) = run(small().layers(2).form(Form::Hard).steps(6), &data);
    assert!(steps.windows(2).all(|two| two[1].train_mse < two[0].train_mse), "a line search never goes up");
    assert!(matches!(hard.status(), Status::StepLimit | Status::Stalled | Status::Converged | Status::Settled));
    println!("hard: {}", hard.train_mse());
}

#[test]
fn troubles_are_told() {
    let (x, y) = ([0.6f32, 0.8, -0.8, 0.6], [1.0f32, -1.0]);
    let (xs, ys) = (MatRef::new(&x, 2, 2).unwrap(), MatRef::new(&y, 2, 1).unwrap());
    let refused = |builder: DeepBuilder| builder.build(xs, ys).map(|_| ()).unwrap_err();
    let tiny = || Deep::builder().width(64).firing(Firing::Share(0.3));
    for builder in [
        tiny().layers(0),
        tiny().layers(65),
        tiny().width(0),
        tiny().width(usize::MAX / 2),
        tiny().firing(Firing::Share(0.0)),
        tiny().firing(Firing::Share(0.7)),
        tiny().firing(Firing::Shift(-1.0)),
        tiny().firing(Firing::Shift(f64::NAN)),
        tiny().train_layers(&[0]),
        tiny().train_layers(&[1, 3]),
        tiny().tolerance(f64::NAN),
        tiny().preconditioner(DeepPreconditioner::TensorSrht { rows: 0 }),
    ] {
        let text = format!("{builder:?}");
        assert!(matches!(refused(builder), TrainError::Setting { .. }), "{text}");
    }
    let bad = [f32::NAN, 0.0, 1.0, 0.0];
    assert!(matches!(tiny().build(MatRef::new(&bad, 2, 2).unwrap(), ys), Err(TrainError::Data { .. })));
    let short = vec![std::sync::Arc::new(vec![0.0f32; 5]) as subquad::train::Base; 2];
    assert!(matches!(tiny().base(short).build(xs, ys), Err(TrainError::Data { .. })));
    // Nobody fires at all: nothing can be learnt, nothing breaks.
    let mut dead = tiny().firing(Firing::Shift(30.0)).build(xs, ys).unwrap();
    assert_eq!(dead.step().unwrap(), None);
    assert_eq!(dead.status(), Status::Stalled);
    // The same sample twice, with labels that contradict each other: the mean is the best there is.
    let twice = [0.6f32, 0.8, 0.6, 0.8];
    let mut run = tiny().width(256).steps(30).build(MatRef::new(&twice, 2, 2).unwrap(), ys).unwrap();
    while run.step().unwrap().is_some() {}
    assert!((run.train_mse() - 1.0).abs() < 1e-3, "{}", run.train_mse());
    for level in Level::available() {
        let mut run = tiny().level(level).width(256).build(xs, ys).unwrap();
        while run.step().unwrap().is_some() {}
        assert_eq!(run.status(), Status::Converged, "{level}");
    }
}
