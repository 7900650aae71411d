//! The fuzz targets' bodies that read files, on a fixed set of inputs.

#[path = "../bodies/files.rs"]
mod files;
#[path = "../bodies/inputs.rs"]
mod inputs;

use inputs::on_inputs;
use rand_core::Rng;
use subquad::random::stream;

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

#[test]
fn model() {
    use subquad::train::{Coding, Dataset, Model, Preparation, PrepareOptions, Target};
    on_inputs(include_bytes!("../bodies/seeds/model"), files::model);
    // A real one, with a byte changed, cut off, or doubled.
    let target = Target::classes("kind", vec!["x".into(), "y".into(), "z".into()], vec![0, 1, 2, 0]).unwrap();
    let data = Dataset::new(vec!["a".into(), "b".into()], vec![1.0, 2.0, 3.0, 5.0, 4.0, 1.0, 0.0, 7.0], target).unwrap();
    let rows = [0, 1, 2, 3];
    let preparation = Preparation::fit(data.features(), &rows, PrepareOptions::default()).unwrap();
    let coding = Coding::fit(data.target(), &rows).unwrap();
    let (w, a) = (vec![0.5; 12], vec![1.0; 12]);
    let (w, a) = (subquad::MatRef::new(&w, 4, 3).unwrap(), subquad::MatRef::new(&a, 3, 4).unwrap());
    let bytes = Model::new(data.columns().clone(), preparation, coding, 0.0, w, a).unwrap().to_bytes().unwrap();
    files::model(&bytes);
    for at in 0..bytes.len() {
        files::model(&bytes[..at]);
        for change in [1, 128, 255] {
            let mut bytes = bytes.clone();
            bytes[at] ^= change;
            files::model(&bytes);
        }
    }
}
