//! The trainer of deep networks: its promises on the handwritten digits, and every way to do the same.
#![cfg(feature = "std")]

use subquad::low_rank::Flush;
use subquad::relu::deep::Form;
use subquad::train::{Deep, DeepBuilder, DeepPreconditioner, FirstWeights, Firing, FlushPolicy, Status, Step, TrainError};
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
        let text = include_str!("../src/bin/subquad/digits.csv");
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
