//! The fuzz targets' bodies that read files, on a fixed set of inputs.

#[path = "../bodies/files.rs"]
mod files;
#[path = "../bodies/inputs.rs"]
mod inputs;

use inputs::on_inputs;
use rand_core::Rng;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use subquad::random::stream;
use subquad::train::{Coding, Dataset, Deep, DeepModel, Model, Preparation, PrepareOptions, Target};

#[test]
fn table() {
    on_inputs(include_bytes!("../bodies/seeds/table"), files::table);
    let words = ["a", "b", "1", "2.5", "nan", "1e999", ",", ",", "\n", "\n", "\"", " ", "\r\n", "-3", "\u{feff}"];
    for seed in 0..500 {
        let mut rng = stream(seed, 1);
        let text: String = (0..rng.next_u32() % 40).map(|_| words[rng.next_u32() as usize % words.len()]).collect();
        files::table(text.as_bytes());
    }
}

/// Columns, what prepares them, and the coding of a small table.
fn parts() -> (Dataset, Preparation, Coding) {
    let target = Target::classes("kind", vec!["x".into(), "y".into(), "z".into()], vec![0, 1, 2, 0]).unwrap();
    let data = Dataset::new(vec!["a".into(), "b".into()], vec![1.0, 2.0, 3.0, 5.0, 4.0, 1.0, 0.0, 7.0], target).unwrap();
    let rows = [0, 1, 2, 3];
    let preparation = Preparation::fit(data.features(), &rows, PrepareOptions::default()).unwrap();
    let coding = Coding::fit(data.target(), &rows).unwrap();
    (data, preparation, coding)
}

/// Real bytes: as they are, cut off, and with some of them changed: all of the first ones, where a file says what is in it.
fn damaged(body: impl Fn(&[u8]), bytes: &[u8], every: usize) {
    body(bytes);
    for at in (0..bytes.len()).step_by(every) {
        body(&bytes[..at]);
        for change in [1, 128, 255] {
            let mut bytes = bytes.to_vec();
            bytes[at] ^= change;
            body(&bytes);
        }
    }
    // Several at once, and digits for digits, so that what is told of lengths stays legible.
    for seed in 0..300 {
        let mut rng = stream(seed, 2);
        let mut bytes = bytes.to_vec();
        for _ in 0..1 + rng.next_u32() % 3 {
            let at = rng.next_u32() as usize % bytes.len();
            let near = (at..bytes.len()).find(|&at| bytes[at].is_ascii_digit());
            match near {
                Some(at) if seed % 2 == 0 => bytes[at] = b'0' + (rng.next_u32() % 10) as u8,
                _ => bytes[at] = rng.next_u32() as u8,
            }
        }
        body(&bytes);
    }
}

#[test]
fn model() {
    on_inputs(include_bytes!("../bodies/seeds/model"), files::model);
    let (data, preparation, coding) = parts();
    let numbers = |n: usize| (0..n).map(|k| (k as f32 * 0.7).sin()).collect::<Vec<f32>>();
    let (w, a) = (numbers(12), [1.0; 12]);
    let (w, a) = (subquad::MatRef::new(&w, 4, 3).unwrap(), subquad::MatRef::new(&a, 3, 4).unwrap());
    let bytes = Model::new(data.columns().clone(), preparation, coding, 0.0, w, a).unwrap().to_bytes().unwrap();
    damaged(files::model, &bytes, 1);
}

#[test]
fn deep_model() {
    on_inputs(include_bytes!("../bodies/seeds/deep_model"), files::deep_model);
    let (data, preparation, coding) = parts();
    let rows = [0, 1, 2, 3];
    let (x, y) = (preparation.apply(data.features(), &rows).unwrap(), coding.encode(data.target(), &rows).unwrap());
    let mut run = Deep::builder().width(64).seed(1).build(x.as_ref(), y.as_ref()).unwrap();
    run.step().unwrap();
    let bytes = DeepModel::new(data.columns().clone(), preparation, coding, run).unwrap().to_bytes().unwrap();
    damaged(files::deep_model, &bytes, 1 + bytes.len() / 1000);
}

#[test]
fn checkpoint() {
    on_inputs(include_bytes!("../bodies/seeds/checkpoint"), files::checkpoint);
    let mut run = files::two_layers();
    run.step().unwrap();
    let bytes = run.checkpoint().unwrap();
    damaged(files::checkpoint, &bytes, 1 + bytes.len() / 500);
}

#[test]
fn deep_checkpoint() {
    on_inputs(include_bytes!("../bodies/seeds/deep_checkpoint"), files::deep_checkpoint);
    let mut run = files::layers();
    run.step().unwrap();
    let bytes = run.checkpoint().unwrap();
    damaged(files::deep_checkpoint, &bytes, 1 + bytes.len() / 500);
}

#[test]
fn base() {
    on_inputs(include_bytes!("../bodies/seeds/base"), files::base);
    let numbers: Vec<u8> = (0..16).flat_map(|k| (k as f32).to_le_bytes()).collect();
    let layer = |shape: [usize; 2]| TensorView::new(Dtype::F32, shape.to_vec(), &numbers[..4 * shape[0] * shape[1]]).unwrap();
    let tensors = [("layers.1.weight_t", layer([3, 4])), ("layers.2.weight", layer([4, 4]))];
    let bytes = safetensors::serialize(tensors, None).unwrap();
    damaged(files::base, &bytes, 1);
}
