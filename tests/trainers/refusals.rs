//! Every way in which the trainers refuse settings, data and files, and what they say: the figure that is at fault, and where.

use std::sync::Arc;

use crate::oracle::numbers;
use crate::samples;
use subquad::train::{
    Attack, Base, Builder, Coding, Dataset, Deep, DeepBuilder, DeepPreconditioner, Faithful, Firing, Lookup, Matrix, Method, Model, Over,
    PreconditionerChoice, Preparation, PrepareOptions, Target, TrainError, TwoLayer,
};
use subquad::{Level, MatRef};

/// Compares every refusal with its text, and names all that differ.
fn refusals(table: Vec<(&str, Result<(), TrainError>)>) {
    let mut wrong = String::new();
    for (wanted, found) in table {
        let found = found.err().map_or("(nothing was refused)".to_string(), |error| error.to_string());
        if found != wanted {
            wrong += &format!("\nwanted: {wanted}\nfound:  {found}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn names(n: usize) -> Vec<String> {
    (1..=n).map(|j| format!("f{j}")).collect()
}

fn size(values: &[f64]) -> Target {
    Target::values(vec!["size".into()], values.to_vec()).unwrap()
}

fn kind(of_row: &[u32]) -> Target {
    Target::classes("kind", vec!["cat".into(), "dog".into()], of_row.to_vec()).unwrap()
}

#[test]
fn settings_of_two_layers() {
    let (x, y) = (samples(4, 2, 1), numbers::<f32>(8, 2));
    let (x, y) = (MatRef::new(&x, 4, 2).unwrap(), MatRef::new(&y, 4, 2).unwrap());
    let build = |settings: Builder| settings.build(x, y).map(drop);
    let new = || TwoLayer::builder().width(64);
    let attack = |radius, step| new().method(Method::Adversarial).attack(Attack { radius, step, ..Attack::default() });
    let listed = new().method(Method::Gradient).damping(1.0).lookup(Lookup::Scan, Over::Data);
    let trees = new().method(Method::Adversarial).lookup(Lookup::MaxTree, Over::Data);
    let even = "width: must be even and at least 2: neurons start in pairs, found";
    let space = "width: must be small enough for this machine's address space, found";
    let weights = "weights of rows: expected 4 finite numbers, none of them negative and not all of them 0; found";
    refusals(vec![
        (&format!("{even} 0"), build(new().width(0))),
        (&format!("{even} 7"), build(new().width(7))),
        (&format!("{space} {}", usize::MAX - 1), build(new().width(usize::MAX - 1))),
        ("shift: must be a finite number, and not negative, found -1", build(new().shift(-1.0))),
        ("shift: must be a finite number, and not negative, found NaN", build(new().shift(f32::NAN))),
        ("damping: must be a finite number, and not negative, found -0.5", build(new().damping(-0.5))),
        ("damping: must be a finite number, and not negative, found inf", build(new().damping(f32::INFINITY))),
        ("attack radius: must be a finite number, and not negative, found -0.1", build(attack(-0.1, 0.0))),
        ("attack step: must be a finite number, and not negative, found NaN", build(attack(0.1, f32::NAN))),
        ("learning rate: must be a finite number above 0, found 0", build(new().learning_rate(0.0))),
        ("learning rate: must be a finite number above 0, found inf", build(new().learning_rate(f32::INFINITY))),
        ("tolerance: must be a number, and not negative, found NaN", build(new().tolerance(f64::NAN))),
        ("tolerance: must be a number, and not negative, found -0.001", build(new().tolerance(-1e-3))),
        ("output weights: must be fixed, unless gradient descent or Adam trains them, found trained", build(new().train_outputs(true))),
        ("lookup: must be auto or dense, with damping or Adam: all neurons move then, found scan", build(listed)),
        (
            "lookup: must be auto, dense, scan, screened or ball-tree against an adversary: samples are new in every round, found max-tree",
            build(trees),
        ),
        (&format!("{weights} 3 with the sum 3"), build(new().row_weights(&[1.0; 3]))),
        (&format!("{weights} 4 with the sum 0"), build(new().row_weights(&[0.0; 4]))),
        (&format!("{weights} 4 with the sum 2"), build(new().row_weights(&[1.0, 1.0, 1.0, -1.0]))),
        (
            "sketch rows: must be left out unless the preconditioner is a sketch, found 9",
            build(new().preconditioner(PreconditionerChoice::Exact).sketch_rows(9)),
        ),
        (
            "sketch rows: must be at least one for each training sample, found 3 for 4 samples",
            build(new().preconditioner(PreconditionerChoice::TensorSrht).sketch_rows(3)),
        ),
        (
            "preconditioner: must be srht, tensor-srht or tensor-sketch with the paper's iteration, which stands on a sketch, found exact",
            build(new().preconditioner(PreconditionerChoice::Exact).faithful(Faithful::Safe)),
        ),
        (
            "outputs: must be one with the paper's unit step, because a sketch of one output does not bound the spectrum of several: take \
             the safe step, found 2",
            build(new().preconditioner(PreconditionerChoice::TensorSrht).faithful(Faithful::Unit)),
        ),
        (
            "training needs as many rows of inputs as of targets, and at least one number in each: found inputs 4 x 2 and targets 3 x 2",
            new().build(x, y.row_range(0, 3)).map(drop),
        ),
        (
            "inputs: row 1, column 1 holds NaN, which cannot be learnt from",
            new().build(MatRef::new(&[1.0, 0.0, 0.0, f32::NAN], 2, 2).unwrap(), y.row_range(0, 2)).map(drop),
        ),
        (
            "targets: row 0, column 1 holds inf, which cannot be learnt from",
            new().build(x.row_range(0, 1), MatRef::new(&[1.0, f32::INFINITY], 1, 2).unwrap()).map(drop),
        ),
        (
            "an adversary needs at least one feature besides the constant one, found 1 in all",
            new().method(Method::Adversarial).build(MatRef::new(&[1.0; 4], 4, 1).unwrap(), y).map(drop),
        ),
        (
            "validation rows: expected inputs n x 2 and targets n x 2, found 3 x 2 and 4 x 2",
            new().build(x, y).and_then(|mut run| run.validate(x.row_range(0, 3), y, 5)),
        ),
    ]);
}

#[test]
fn settings_of_deep_networks() {
    let (x, y) = (samples(4, 2, 1), numbers::<f32>(4, 2));
    let (x, y) = (MatRef::new(&x, 4, 2).unwrap(), MatRef::new(&y, 4, 1).unwrap());
    let build = |settings: DeepBuilder| settings.build(x, y).map(drop);
    let new = || Deep::builder().width(64);
    let base = |numbers: Vec<f32>| -> Base { Arc::new(numbers) };
    let mut bad = vec![1.0f32; 128];
    bad[5] = f32::NAN;
    refusals(vec![
        ("layers: must be from 1 to 64, found 0", build(new().layers(0))),
        ("layers: must be from 1 to 64, found 65", build(new().layers(65))),
        ("width: must be at least 1, found 0", build(new().width(0))),
        (&format!("width: must be small enough for this machine's address space, found {}", usize::MAX), build(new().width(usize::MAX))),
        ("tolerance: must be a number, and not negative, found -1", build(new().tolerance(-1.0))),
        ("fired: must be above 0 and at most 0.5, found 0.6", build(new().firing(Firing::Share(0.6)))),
        ("shift: must be a finite number, and not negative, found -2", build(new().firing(Firing::Shift(-2.0)))),
        ("train layers: must be numbers from 1 to the number of layers, found 0 of 2", build(new().train_layers(&[0, 1]))),
        ("train layers: must be numbers from 1 to the number of layers, found 3 of 2", build(new().train_layers(&[3]))),
        (
            "sketch rows for each sample: must be from 1 to 1024, found 0",
            build(new().preconditioner(DeepPreconditioner::TensorSrht { rows: 0 })),
        ),
        (
            "sketch rows for each sample: must be from 1 to 1024, found 1025",
            build(new().preconditioner(DeepPreconditioner::TensorSketch { rows: 1025 })),
        ),
        ("base: must be one matrix for each layer, found 1 for 2 layers", build(new().base(vec![base(vec![1.0; 128])]))),
        ("base: layer 1 has 127 numbers, expected 2 inputs x 64 outputs", build(new().layers(1).base(vec![base(vec![1.0; 127])]))),
        ("base: layer 1, number 5 is NaN, not a finite number", build(new().layers(1).base(vec![base(bad)]))),
        (
            "training needs as many rows of inputs as of targets, and at least one number in each: found inputs 4 x 2 and targets 3 x 1",
            new().build(x, y.row_range(0, 3)).map(drop),
        ),
        (
            "inputs: row 0, column 1 is not a finite number, which cannot be learnt from: inf",
            new().build(MatRef::new(&[1.0, f32::INFINITY], 1, 2).unwrap(), y.row_range(0, 1)).map(drop),
        ),
    ]);
}

#[test]
fn tables_and_their_parts() {
    let table = || Dataset::new(names(1), (0..4u8).map(f32::from).collect(), size(&[1.0, 2.0, 3.0, 4.0])).unwrap();
    let constant = Matrix::new(vec![5.0; 4], 2, 2).unwrap();
    let varied = Matrix::new(vec![1.0, 2.0], 2, 1).unwrap();
    let prepare = |constant| Preparation::fit(&varied, &[0, 1], PrepareOptions { constant, ..PrepareOptions::default() }).map(drop);
    let two = Target::values(vec!["u".into(), "v".into()], vec![1.0, 2.0, 3.0, 5.0]).unwrap();
    let classes = Coding::fit(&kind(&[0, 1]), &[0, 1]).unwrap();
    let bird = Target::classes("kind", vec!["cat".into(), "bird".into()], vec![0, 1]).unwrap();
    let of = |labels: &[&str], of_row: &[u32]| {
        Target::classes("kind", labels.iter().map(|label| label.to_string()).collect(), of_row.to_vec()).map(drop)
    };
    refusals(vec![
        ("target 'kind': class 2 has no label; there are 2 labels", of(&["cat", "dog"], &[0, 2])),
        ("target 'kind': two classes are called 'cat'", of(&["cat", "cat"], &[0, 1])),
        ("target 'kind' is constant: all 2 rows have the label 'dog', so there is nothing to learn", of(&["cat", "dog"], &[1, 1])),
        ("3 target values cannot be shared out to 2 columns", Target::values(names(2), vec![1.0; 3]).map(drop)),
        ("1 target values cannot be shared out to 0 columns", Target::values(vec![], vec![1.0]).map(drop)),
        ("target 'f2', row 2: NaN is not a finite number", Target::values(names(2), vec![1.0, 2.0, 3.0, f64::NAN]).map(drop)),
        (
            "target 'f1' is constant: all 2 rows have the value 7, so there is nothing to learn",
            Target::values(names(1), vec![7.0; 2]).map(drop),
        ),
        ("the table: there is no feature, only the target 'size'", Dataset::new(vec![], vec![], size(&[1.0, 2.0])).map(drop)),
        ("the table: training needs at least two rows, found 1", Dataset::new(names(1), vec![1.0], size(&[1.0])).map(drop)),
        ("the table: two features are called 'f'", Dataset::new(vec!["f".into(), "f".into()], vec![1.0; 4], size(&[1.0, 2.0])).map(drop)),
        (
            "the table, row 2, feature 'f1': inf is not a finite number",
            Dataset::new(names(1), vec![1.0, f32::INFINITY], size(&[1.0, 2.0])).map(drop),
        ),
        ("matrix: rows x columns: expected 2, found 3", Dataset::new(names(1), vec![1.0; 3], size(&[1.0, 2.0])).map(drop)),
        ("test fraction: must be at least 0 and below 1, found 1", table().split(1.0, 7).map(drop)),
        ("test fraction: must be at least 0 and below 1, found -0.5", table().split(-0.5, 7).map(drop)),
        ("validation fraction: must be at least 0 and below 1, found 1.5", table().hold_out(&[0, 1], 1.5, 7).map(drop)),
        ("validation fraction: must be at least 0 and below 1, found NaN", table().hold_out(&[0, 1], f64::NAN, 7).map(drop)),
        ("the table: no row can be spared for validation, found 1 to take it from", table().hold_out(&[0], 0.5, 7).map(drop)),
        ("there is no row 4; the table has 4", table().hold_out(&[0, 4], 0.5, 7).map(drop)),
        ("folds: must be at least 2, and not more than there are rows, found 1 for 4 rows", table().folds(1, 7).map(drop)),
        ("folds: must be at least 2, and not more than there are rows, found 5 for 4 rows", table().folds(5, 7).map(drop)),
        ("constant feature: must be at least 0 and below 1, found 1", prepare(1.0)),
        ("constant feature: must be at least 0 and below 1, found -0.1", prepare(-0.1)),
        ("nothing to prepare: 0 rows of 1 features", Preparation::fit(&varied, &[], PrepareOptions::default()).map(drop)),
        ("there is no row 2; the table has 2", Preparation::fit(&varied, &[2], PrepareOptions::default()).map(drop)),
        (
            "every feature is constant in the training part, 2 rows of 2 features, so there is nothing to learn from",
            Preparation::fit(&constant, &[0, 1], PrepareOptions::default()).map(drop),
        ),
        ("the training part of target 'kind' has one class only: 'dog' in all 2 rows", Coding::fit(&kind(&[0, 1, 1]), &[1, 2]).map(drop)),
        ("the training part of target 'kind' has one class only: none, for there is no row", Coding::fit(&kind(&[0, 1]), &[]).map(drop)),
        ("the training part of target 'size' is constant: 2 in all 2 rows", Coding::fit(&size(&[1.0, 2.0, 2.0]), &[1, 2]).map(drop)),
        (
            "the values of target 'size' are too large or too close to each other: their mean is 0, their deviation inf",
            Coding::fit(&size(&[1e300, -1e300]), &[0, 1]).map(drop),
        ),
        ("there is no row 2; the table has 2", Coding::fit(&size(&[1.0, 2.0]), &[0, 2]).map(drop)),
        (
            "the coding is for another kind of target than 'size': for classes, found 1 columns of numbers",
            classes.encode(&size(&[1.0, 2.0]), &[0]).map(drop),
        ),
        (
            "the coding is for another kind of target than 'size': for 2 columns of numbers, found 1 columns of numbers",
            Coding::fit(&two, &[0, 1]).unwrap().truth(&size(&[1.0, 2.0]), &[0]).map(drop),
        ),
        ("target 'kind' has a class that the coding does not know: 'bird'", classes.encode(&bird, &[1]).map(drop)),
    ]);
}

/// A network of so many features that predicts the target.
fn model(target: Target) -> Result<Model, TrainError> {
    let data = Dataset::new(names(1), (0..4u8).map(f32::from).collect(), target)?;
    let all = [0, 1, 2, 3];
    let preparation = Preparation::fit(data.features(), &all, PrepareOptions::default())?;
    let coding = Coding::fit(data.target(), &all)?;
    let (x, y) = (preparation.apply(data.features(), &all)?, coding.encode(data.target(), &all)?);
    let run = TwoLayer::builder().width(16).build(x.as_ref(), y.as_ref())?;
    Model::new(data.columns().clone(), preparation, coding, 0.0, run.weights(), run.signs())
}

#[test]
fn questions_to_a_network() {
    let numbers = model(size(&[1.0, 2.0, 4.0, 8.0])).unwrap();
    let features = Matrix::new(vec![1.0, f32::MAX], 2, 1).unwrap();
    refusals(vec![
        (
            "an attack on the class needs classes; this network predicts numbers, 'size'",
            numbers.robust(Level::detect(), &features, &[0], &[], Attack::default()).map(drop),
        ),
        ("there is no row 2; the table has 2", numbers.outputs(Level::detect(), &features, &[2]).map(drop)),
    ]);
}

#[cfg(feature = "ndarray")]
#[test]
fn views_with_strides() {
    use ndarray::{Array2, s};
    let whole = Array2::<f32>::zeros((4, 6));
    let refused = |view: ndarray::ArrayView2<'_, f32>| MatRef::try_from(view).map(drop).map_err(TrainError::from);
    let such = "must be that of a whole array by rows or by columns (see as_standard_layout), such as";
    refusals(vec![
        (&format!("ndarray view: stride of the rows: {such} 3, found 6"), refused(whole.slice(s![.., ..3]))),
        (&format!("ndarray view: stride of the columns: {such} 1, found 2"), refused(whole.slice(s![.., ..;2]))),
        (&format!("ndarray view: stride of the columns: {such} 1, found -1"), refused(whole.slice(s![.., ..;-1]))),
    ]);
}

/// The first place of some bytes overwritten by as many others.
#[cfg(feature = "io")]
fn edited(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap_or_else(|| panic!("{from}"));
    [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat()
}

#[cfg(feature = "io")]
#[test]
fn files_of_another_kind_or_version() {
    let (x, y) = (samples(4, 2, 1), numbers::<f32>(4, 2));
    let (x, y) = (MatRef::new(&x, 4, 2).unwrap(), MatRef::new(&y, 4, 1).unwrap());
    let run = |width| TwoLayer::builder().width(width).build(x, y).unwrap();
    let deep = |width| Deep::builder().width(width).build(x, y).unwrap();
    let (of_run, of_deep) = (run(64).checkpoint().unwrap(), deep(64).checkpoint().unwrap());
    let model = model(size(&[1.0, 2.0, 4.0, 8.0])).unwrap().to_bytes().unwrap();
    let version = |bytes: &[u8]| edited(bytes, r#"version\":1"#, r#"version\":7"#);
    let mut stepped = deep(64);
    stepped.step().unwrap();
    let taken = stepped.history().len();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model");
    let loaded = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        Model::load(&path).map(drop)
    };
    let at = path.display().to_string();
    refusals(vec![
        ("here: a checkpoint of another version, 7; this program reads version 1", run(64).resume(&version(&of_run), "here")),
        ("here: not a checkpoint of subquad: expected the format 'two-layer-run', found \"deep-run\"", run(64).resume(&of_deep, "here")),
        ("here: the checkpoint is of another run: its width is 64, that of this run is 32", run(32).resume(&of_run, "here")),
        ("here: a checkpoint of format version 7; this program reads version 1", deep(64).resume(&version(&of_deep), "here")),
        (
            "here: not a checkpoint of a deep network: expected the format 'deep-run', found \"two-layer-run\"",
            deep(64).resume(&of_run, "here"),
        ),
        ("here: of another run: its width is 64, that of this run is 32", deep(32).resume(&of_deep, "here")),
        (&format!("a run that has taken steps cannot take up another one: it has taken {taken}"), stepped.resume(&of_deep, "here")),
        (&format!("{at}: a model of format version 7; this program reads version 1"), loaded(&version(&model))),
        (&format!("{at}: a model of another kind: expected the format 'two-layer-relu', found 'two-layer-run'"), loaded(&of_run)),
        (&format!("{}: is a directory, not a model file", directory.path().display()), Model::load(directory.path()).map(drop)),
        (&format!("{at}.other: no such file"), Model::load(&directory.path().join("model.other")).map(drop)),
        (&format!("{at}.other: no such file"), run(64).load_checkpoint(&directory.path().join("model.other"))),
    ]);
}

#[cfg(feature = "io")]
#[test]
fn tables_of_text() {
    use subquad::train::{Header, TableOptions, Task, read_dataset_from};
    let read = |text: &str, target: Option<&str>, task: Task| {
        let options = TableOptions { target: target.map(String::from), task, header: Header::Auto };
        read_dataset_from(text.as_bytes(), "t.csv", &options).map(drop)
    };
    let auto = |text: &str| read(text, None, Task::Auto);
    let both = |text: &str, task| read(text, Some("u,v"), task);
    refusals(vec![
        ("t.csv: the file is empty", auto("")),
        ("t.csv: not a text file", auto("a\0b")),
        ("t.csv, line 1: there is a header, but no row of data below it", auto("a,b\n")),
        ("t.csv, line 1, column 2 '': this column has no name in the header", auto("a,,t\n1,2,3\n")),
        ("t.csv, line 1, column 2 'a': column 1 has the same name", auto("a,a,t\n1,2,3\n")),
        ("t.csv, line 3: expected 2 columns as in line 1, found 3", auto("a,t\n1,2\n1,2,3\n")),
        ("t.csv, line 2: this is the only row of data; training needs at least two", auto("a,t\n1,2\n")),
        (
            "t.csv, line 1: there is one column only, so no feature; it seems to be separated by semicolons, expected commas",
            auto("a;t\n1;2\n"),
        ),
        ("t.csv, line 3, column 1 'a': '1e39' is too large for single precision", auto("a,t\n1,2\n1e39,3\n")),
        ("t.csv, line 3, column 1 'a': NaN is not a number to learn from", auto("a,t\n1,2\nNaN,3\n")),
        ("t.csv, line 3, column 1 'a': '-inf' is not a finite number", auto("a,t\n1,2\n-inf,3\n")),
        ("t.csv, line 3, column 1 'a': the value is missing", auto("a,t\n1,2\n,3\n")),
        (
            "t.csv, line 3, column 1 'a': 'x' is text; features have to be numbers (encode the column, or leave it out)",
            auto("a,t\n1,2\nx,3\n"),
        ),
        ("t.csv, line 3, column 2 't': the target is missing", auto("a,t\n1,2\n1,\n")),
        ("t.csv, line 3, column 2 't': 'inf' is not a finite number", auto("a,t\n1,2\n1,inf\n")),
        ("t.csv, line 3, column 2 't': 'x' is text; regression needs numbers", read("a,t\n1,2\n1,x\n", None, Task::Regression)),
        ("t.csv, line 3, column 3 'v': 'x' is text; several targets have to be numbers", both("a,u,v\n1,2,3\n1,2,x\n", Task::Auto)),
        ("t.csv, column 2 'u': several targets are numbers, not classes", both("a,u,v\n1,2,3\n2,3,4\n", Task::Classification)),
        ("t.csv, column 2 'u': this target is named twice", read("a,u,v\n1,2,3\n2,3,4\n", Some("u,u"), Task::Auto)),
    ]);
}
