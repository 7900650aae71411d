//! What the fuzz targets of files do with their bytes; ordinary tests of the same bodies are in `tests/trainers/fuzz_files.rs`.

use subquad::train::{
    Coding, Columns, Dataset, Deep, DeepModel, Header, Matrix, Model, TableOptions, Target, Task, TrainError, TwoLayer, read_base,
    read_dataset_from, read_rows_from,
};
use subquad::{Level, MatRef};

/// Any bytes as a table: a data set or a message, whatever is asked of it; and rows for a model, which are those of the data set.
pub fn table(bytes: &[u8]) {
    let mut choices = vec![TableOptions::default()];
    for target in [None, Some("a"), Some("b,c1")] {
        let target = target.map(str::to_string);
        choices.push(TableOptions { target: target.clone(), task: Task::Regression, header: Header::Present });
        choices.push(TableOptions { target, task: Task::Classification, header: Header::Absent });
    }
    for options in choices {
        match read_dataset_from(bytes, "fuzz.csv", &options) {
            Ok(data) => {
                assert!(data.rows() > 0 && data.features().data().iter().all(|x| x.is_finite()));
                if let Ok(split) = data.split(0.3, 1) {
                    assert_eq!(split.train.len() + split.test.len(), data.rows());
                }
                same_rows(bytes, &data, options.header);
            }
            Err(error) => assert!(error.to_string().contains("fuzz.csv"), "{error}"),
        }
    }
    let (columns, coding) = other();
    for header in [Header::Auto, Header::Present, Header::Absent] {
        match read_rows_from(bytes, "fuzz.csv", header, &columns, &coding) {
            Ok(rows) => {
                let n = rows.lines.len();
                assert!((rows.features.rows(), rows.features.cols()) == (n, 2) && rows.features.data().iter().all(|x| x.is_finite()));
                assert!(rows.truth.is_none_or(|truth| truth.len() == n) && rows.lines.is_sorted_by(|a, b| a < b));
            }
            Err(error) => assert!(error.to_string().contains("fuzz.csv"), "{error}"),
        }
    }
}

/// What a table was learned from is read again as rows for the model: the same numbers on the same lines.
fn same_rows(bytes: &[u8], data: &Dataset, header: Header) {
    let all: Vec<usize> = (0..data.rows()).collect();
    let Ok(coding) = Coding::fit(data.target(), &all) else { return };
    let rows = read_rows_from(bytes, "fuzz.csv", header, data.columns(), &coding).expect("a table that was read before");
    assert_eq!(rows.features.data(), data.features().data());
    assert!(rows.truth.is_some_and(|truth| truth.len() == data.rows()), "the target's column is there");
    assert!(rows.lines.iter().enumerate().all(|(row, &line)| data.line(row) == Some(line)), "{:?}", rows.lines);
}

/// Columns and coding of another table.
fn other() -> (Columns, Coding) {
    let target = Target::classes("kind", vec!["x".into(), "1".into()], vec![0, 1]).expect("two classes");
    let data = Dataset::new(vec!["a".into(), "b".into()], vec![1.0, 2.0, 3.0, 5.0], target).expect("two rows");
    let coding = Coding::fit(data.target(), &[0, 1]).expect("two classes");
    (data.columns().clone(), coding)
}

/// Any bytes as a model: one that predicts, on every level the same but for rounding, or a message.
pub fn model(bytes: &[u8]) {
    match Model::from_bytes(bytes, "fuzz.safetensors") {
        Ok(model) => {
            let p = model.preparation().features();
            let features = Matrix::new((0..2 * p).map(|k| 0.5 - (k % 7) as f32).collect(), 2, p).expect("two rows");
            let outputs: Vec<(Level, Result<Matrix, TrainError>)> =
                Level::available().map(|level| (level, model.outputs(level, &features, &[0, 1]))).collect();
            for (level, _) in &outputs {
                let _ = model.predict(*level, &features, &[1]);
            }
            let Ok(x) = model.preparation().apply(&features, &[0, 1]) else { return };
            check_outputs(&model, &x, &outputs);
        }
        Err(error) => assert!(error.to_string().contains("fuzz.safetensors"), "{error}"),
    }
}

/// `m^(-1/2) sum_r a_r max(<x, w_r> - b, 0)`, in f64: each term meets the d + 1 roundings of a product, that of the shift, of a, of m - 1
/// sums, and two of m^(-1/2). Where a neuron fires by rounding alone, it does so by no more than that.
fn check_outputs(model: &Model, x: &Matrix, outputs: &[(Level, Result<Matrix, TrainError>)]) {
    let (w, a, shift) = (model.weights(), model.signs(), f64::from(model.shift()));
    let (d, m) = (w.cols(), w.rows());
    let number = |x: Option<f32>| f64::from(x.unwrap_or_default());
    let scale = 1.0 / (m as f64).sqrt();
    for (i, o) in (0..x.rows()).flat_map(|i| (0..a.rows()).map(move |o| (i, o))) {
        let (mut wanted, mut size) = (0.0, 0.0);
        for r in 0..m {
            let (mut z, mut terms) = (-shift, shift);
            for (k, &x) in x.row(i).iter().enumerate() {
                let product = f64::from(x) * number(w.get(r, k));
                (z, terms) = (z + product, terms + product.abs());
            }
            wanted += scale * number(a.get(o, r)) * z.max(0.0);
            size += scale * number(a.get(o, r)).abs() * terms;
        }
        for (level, outputs) in outputs {
            match outputs {
                Ok(outputs) => {
                    let found = f64::from(outputs.row(i)[o]);
                    let (n, unit) = ((d + m + 6) as f64, f64::from(f32::EPSILON) / 2.0);
                    let allowed = n * unit / (1.0 - n * unit) * size * (1.0 + 1e-6) + n * (m as f64) * f64::from(f32::from_bits(1));
                    assert!((found - wanted).abs() <= allowed, "{level}: output {o} of row {i} is {found}, should be {wanted}");
                }
                Err(error) => assert!(size > 1e30, "{level}: {error}"),
            }
        }
    }
}

/// Any bytes as a deep model: one that predicts on every level, or a message.
pub fn deep_model(bytes: &[u8]) {
    match DeepModel::from_bytes(bytes, "fuzz.safetensors") {
        Ok(model) => {
            let p = model.preparation().features();
            let row = Matrix::new(vec![0.5; p], 1, p).expect("one row");
            for level in Level::available() {
                if let Ok(outputs) = model.outputs(level, &row, &[0]) {
                    assert!(outputs.data().iter().all(|x| x.is_finite()), "{level}");
                }
                let _ = model.predict(level, &row, &[0]);
            }
        }
        Err(error) => assert!(error.to_string().contains("fuzz.safetensors"), "{error}"),
    }
}

/// Samples and what is wanted of them, for runs that are taken up.
const SAMPLES: ([f32; 8], [f32; 4]) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);

/// A run of two layers at its start.
pub fn two_layers() -> TwoLayer {
    let (x, y) = (MatRef::new(&SAMPLES.0, 4, 2).expect("4 x 2"), MatRef::new(&SAMPLES.1, 4, 1).expect("4 x 1"));
    TwoLayer::builder().width(64).steps(3).seed(1).build(x, y).expect("a small run")
}

/// A deep run at its start.
pub fn layers() -> Deep {
    let (x, y) = (MatRef::new(&SAMPLES.0, 4, 2).expect("4 x 2"), MatRef::new(&SAMPLES.1, 4, 1).expect("4 x 1"));
    Deep::builder().width(64).seed(1).build(x, y).expect("a small run")
}

/// Any bytes as a checkpoint: a run that goes on, or a message.
pub fn checkpoint(bytes: &[u8]) {
    let mut run = two_layers();
    match run.resume(bytes, "fuzz.run") {
        Ok(()) => drop(run.step()),
        Err(error) => assert!(error.to_string().contains("fuzz.run"), "{error}"),
    }
}

/// Any bytes as the checkpoint of a deep run.
pub fn deep_checkpoint(bytes: &[u8]) {
    let mut run = layers();
    match run.resume(bytes, "fuzz.run") {
        Ok(()) => drop(run.step()),
        Err(error) => assert!(error.to_string().contains("fuzz.run"), "{error}"),
    }
}

/// Any bytes as a file of first weights: matrices of finite numbers that fit together, or a message.
pub fn base(bytes: &[u8]) {
    // The file is mapped: there has to be one, for each process and thread.
    let path = std::env::temp_dir().join(format!("subquad-base-{}-{:?}", std::process::id(), std::thread::current().id()));
    std::fs::write(&path, bytes).expect("a file for a moment");
    match read_base(&path) {
        Ok((layers, width)) => {
            for (l, layer) in layers.iter().enumerate() {
                let numbers = (**layer).as_ref();
                assert!(numbers.iter().all(|x| x.is_finite()), "layer {l}");
                assert!(if l == 0 { width == 0 || numbers.len() % width == 0 } else { numbers.len() == width * width }, "layer {l}");
            }
        }
        Err(error) => assert!(error.to_string().contains("subquad-base"), "{error}"),
    }
    std::fs::remove_file(&path).expect("the file of a moment ago");
}
