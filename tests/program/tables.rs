//! Drives the built program: every good and every bad case that a person at a terminal can bring about.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use subquad::Level;
use subquad::train::{Header, Model, read_rows};
use tempfile::TempDir;

use crate::{command, events, good, room, stderr, stdout, subquad};

/// This exit code, one message that contains this text, nothing on standard output, no panic, no new file.
fn bad(room: &TempDir, code: i32, args: &[&str], expected: &str) {
    let files = || {
        let mut names: Vec<_> = fs::read_dir(room.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = files();
    let output = subquad(room, args);
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {message}");
    assert!(message.contains(expected), "{args:?}: expected '{expected}' in '{message}'");
    assert!(message.starts_with("error: "), "{args:?}: {message}");
    assert!(code == 2 || message.lines().count() == 1, "one clear message, found: {message}");
    assert!(!message.contains("panicked"), "{args:?}: {message}");
    assert_eq!(stdout(&output), "", "{args:?}");
    assert_eq!(before, files(), "{args:?}");
}

fn write(room: &TempDir, name: &str, text: &str) {
    fs::write(room.path().join(name), text).unwrap();
}

fn read(room: &TempDir, name: &str) -> String {
    fs::read_to_string(room.path().join(name)).unwrap()
}

/// Three clouds of points in the plane, called red, green and blue, one after the other.
fn clouds(rows: usize) -> String {
    let mut text = String::from("x,y,colour\n");
    for i in 0..rows {
        let (centre, name) = [((0.0, 3.0), "red"), ((3.0, -2.0), "green"), ((-3.0, -2.0), "blue")][i % 3];
        let angle = i as f64 * 2.399_963;
        let radius = 0.1 + (i as f64 * 0.618_034).fract();
        writeln!(text, "{:.5},{:.5},{name}", centre.0 + radius * angle.cos(), centre.1 + radius * angle.sin()).unwrap();
    }
    text
}

/// A smooth function of three features in different units.
fn curve(rows: usize) -> String {
    let mut text = String::from("age,pressure,share,price\n");
    for i in 0..rows {
        let (a, b, c) = ((i as f64 * 0.618_034).fract(), (i as f64 * 0.754_878).fract(), (i as f64 * 0.569_84).fract());
        let price = 1000.0 + 300.0 * (a * 2.0).sin() - 200.0 * b * c;
        writeln!(text, "{:.3},{:.2},{:.5},{price:.3}", 20.0 + 60.0 * a, 900.0 + 200.0 * b, c).unwrap();
    }
    text
}

const STEP_KEYS: &str = r#"{"event":"step","step":1,"train_mse":"#;

#[test]
fn json_is_all_there_is_on_standard_output() {
    let room = room();
    let output = good(&room, &["train", "--json", "--width", "512", "--steps", "1"]);
    assert_eq!(stderr(&output), "");
    assert!(stdout(&output).starts_with(STEP_KEYS));
    let events = events(&output);
    let (done, steps) = events.split_last().unwrap();
    assert!(!steps.is_empty());
    for (i, step) in steps.iter().enumerate() {
        assert_eq!((step["event"].as_str(), step["step"].as_u64()), (Some("step"), Some(i as u64 + 1)));
        for key in ["train_mse", "residual_ratio", "damping", "flipped", "fired", "seconds"] {
            assert!(step[key].is_number(), "{key}: {step}");
        }
        assert!(step["cg_iterations"].is_u64());
    }
    assert_eq!(done["event"], "done");
    for (key, expected) in
        [("steps", steps.len()), ("samples", 1797), ("features", 64), ("outputs", 10), ("width", 512), ("train_samples", 1437)]
    {
        assert_eq!(done[key].as_u64(), Some(expected as u64), "{key}");
    }
    for key in ["train_mse", "train_accuracy", "test_mse", "test_accuracy", "seconds"] {
        assert!(done[key].is_number(), "{key}: {done}");
    }
    assert_eq!(done["level"].as_str(), Some(Level::detect().name()));
    assert_eq!(done["train_mse"], steps.last().unwrap()["train_mse"]);
}

#[test]
fn regression_has_no_accuracy_and_lowers_the_loss() {
    let room = room();
    write(&room, "curve.csv", &curve(80));
    let output = good(&room, &["train", "curve.csv", "--json", "--width", "256", "--steps", "8", "--tolerance", "1e-4"]);
    let events = events(&output);
    let done = events.last().unwrap();
    assert!(done["train_accuracy"].is_null() && done["test_accuracy"].is_null());
    assert_eq!((done["outputs"].as_u64(), done["features"].as_u64()), (Some(1), Some(3)));
    assert!(done["train_mse"].as_f64().unwrap() < 0.1, "{done}");
    assert!(done["test_mse"].as_f64().unwrap() < 0.3, "{done}");
}

#[test]
fn a_person_gets_a_report() {
    let room = room();
    write(&room, "clouds.csv", &clouds(60));
    let output = good(&room, &["train", "clouds.csv", "--width", "256", "--steps", "20", "--tolerance", "1e-3"]);
    let text = stdout(&output);
    for expected in
        ["60 rows, 2 features", "3 classes ('colour')", "48 to train, 12 to test", "Reached a training MSE", "accuracy", "100 %"]
    {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    assert!(!text.contains('\u{1b}'), "no escape sequences where nobody watches");
    assert_eq!(stderr(&output), "");
    let output = good(&room, &["train", "--width", "256", "--steps", "1"]);
    assert!(stdout(&output).contains("read as"), "{}", stdout(&output));
}

#[test]
fn a_saved_model_predicts_with_the_original_labels() {
    let room = room();
    write(&room, "clouds.csv", &clouds(90));
    let train = [
        "train",
        "clouds.csv",
        "--width",
        "256",
        "--steps",
        "20",
        "--tolerance",
        "1e-3",
        "--json",
        "--test-fraction",
        "0",
        "--out",
        "m.safetensors",
    ];
    let output = good(&room, &train);
    let done = events(&output).pop().unwrap();
    assert!(done["test_mse"].is_null() && done["test_accuracy"].is_null());
    assert_eq!(done["train_accuracy"].as_f64(), Some(1.0));

    let output = good(&room, &["predict", "m.safetensors", "clouds.csv"]);
    let lines: Vec<&str> = stdout(&output).lines().collect();
    let labels: Vec<String> = clouds(90).lines().skip(1).map(|line| line.rsplit(',').next().unwrap().into()).collect();
    assert_eq!(lines, labels);
    assert!(stderr(&output).contains("accuracy 100 % (90 of 90 rows)"), "{}", stderr(&output));

    good(&room, &["predict", "m.safetensors", "clouds.csv", "--out", "p.csv"]);
    assert_eq!(read(&room, "p.csv"), stdout(&output));

    // Columns in another order, no target, one row; and rows without names.
    write(&room, "some.csv", "y,x\n3,0\n");
    let output = good(&room, &["predict", "m.safetensors", "some.csv"]);
    assert_eq!((stdout(&output), stderr(&output)), ("red\n", ""));
    write(&room, "bare.csv", "0,3\n3,-2\n");
    assert_eq!(stdout(&good(&room, &["predict", "m.safetensors", "bare.csv"])), "red\ngreen\n");
    // A label that was never seen, and one that is not known.
    write(&room, "odd.csv", "x,y,colour\n0,3,red\n3,-2,violet\n-3,-2,\n");
    let output = good(&room, &["predict", "m.safetensors", "odd.csv"]);
    assert_eq!(stdout(&output), "red\ngreen\nblue\n");
    assert!(stderr(&output).contains("accuracy 50.0 % (1 of 2 rows)") && stderr(&output).contains("never seen"));

    // The file holds the network that was trained: the same run gives the same bytes.
    let first = fs::read(room.path().join("m.safetensors")).unwrap();
    good(&room, &train);
    assert_eq!(first, fs::read(room.path().join("m.safetensors")).unwrap());
    let mut files: Vec<_> = fs::read_dir(room.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, ["bare.csv", "clouds.csv", "m.safetensors", "odd.csv", "p.csv", "some.csv"]);
}

#[test]
fn predicted_numbers_are_the_models() {
    let room = room();
    write(&room, "curve.csv", &curve(60));
    good(&room, &["train", "curve.csv", "--width", "128", "--steps", "3", "--out", "m.safetensors"]);
    for level in Level::available() {
        let output = good(&room, &["predict", "m.safetensors", "curve.csv", "--level", level.name()]);
        let model = Model::load(&room.path().join("m.safetensors")).unwrap();
        let rows = read_rows(&room.path().join("curve.csv"), Header::Auto, model.columns(), model.coding()).unwrap();
        let all: Vec<usize> = (0..60).collect();
        let outputs = model.outputs(level, &rows.features, &all).unwrap();
        for (i, line) in stdout(&output).lines().enumerate() {
            let subquad::train::Prediction::Values(values) = model.coding().decode(outputs.row(i)) else { panic!() };
            assert_eq!(line.parse::<f32>().unwrap(), values[0] as f32);
        }
        assert_eq!(stdout(&output).lines().count(), 60);
        assert!(stderr(&output).contains("MSE") && stderr(&output).contains("60 rows"));
    }
}

#[test]
fn labels_with_commas_are_quoted() {
    let room = room();
    write(&room, "d.csv", "x,t\n-3,\"a, b\"\n-2,\"a, b\"\n2,\"say \"\"c\"\"\"\n3,\"say \"\"c\"\"\"\n");
    good(&room, &["train", "d.csv", "--width", "32", "--steps", "3", "--test-fraction", "0", "--out", "m.safetensors"]);
    assert_eq!(stdout(&good(&room, &["predict", "m.safetensors", "d.csv"])), "\"a, b\"\n\"a, b\"\n\"say \"\"c\"\"\"\n\"say \"\"c\"\"\"\n");
}

#[test]
fn every_choice_of_the_command_line_works() {
    let room = room();
    write(&room, "clouds.csv", &clouds(30));
    let base = ["train", "clouds.csv", "--steps", "1", "--json", "--width"];
    let wide = [&base[..], &["64"]].concat();
    for level in Level::available() {
        let output = good(&room, &[&wide[..], &["--level", level.name()]].concat());
        assert_eq!(events(&output).last().unwrap()["level"], level.name());
    }
    for extra in [
        &["--preconditioner", "exact"][..],
        &["--preconditioner", "analytic"],
        &["--preconditioner", "none"],
        &["--preconditioner", "auto"],
        &["--preconditioner", "jacobi"],
        &["--preconditioner", "neurons"],
        &["--preconditioner", "srht"],
        &["--preconditioner", "tensor-srht", "--sketch-rows", "200"],
        &["--preconditioner", "tensor-sketch"],
        &["--faithful", "safe"],
        &["--preconditioner", "tensor-srht", "--faithful", "safe", "--sketch-rows", "100"],
        &["--damping", "0.5"],
        &["--shift", "0.5"],
        &["--seed", "18446744073709551615"],
        &["--target", "colour", "--task", "classification", "--header", "yes"],
        &["--target", "y"],
        &["--target", "y", "--task", "regression"],
        &["--columns", "centre", "--rows", "global"],
        &["--columns", "zscore", "--rows", "unit"],
        &["--level", "auto"],
        &["--tolerance", "0"],
    ] {
        // The colour is text, so it can only be the target.
        if extra.contains(&"y") {
            bad(&room, 1, &[&wide[..], extra].concat(), "clouds.csv, line 2, column 3 'colour': 'red' is text");
        } else {
            good(&room, &[&wide[..], extra].concat());
        }
    }
    good(&room, &[&base[..], &["2"]].concat());
    let output = good(&room, &["train", "clouds.csv", "--width", "64", "--steps", "50", "--tolerance", "1e300", "--json"]);
    assert_eq!(events(&output).last().unwrap()["status"], "converged");
}

/// The choice and its reason are told, and the paper's iteration is refused where it would diverge.
#[test]
fn preconditioners_are_reported_and_the_unit_step_is_guarded() {
    let room = room();
    let lines: String = (0..60).map(|i| format!("{},{},{}\n", (i * 7) % 11, (i * 5) % 13, (i as f64 * 0.3).sin())).collect();
    write(&room, "line.csv", &format!("a,b,y\n{lines}"));
    let base = ["train", "line.csv", "--width", "512", "--steps", "3"];
    let output = good(&room, &[&base[..], &["--json"]].concat());
    let done = events(&output).pop().unwrap();
    assert_eq!(done["preconditioner"], "exact");
    assert!(done["preconditioner_reason"].as_str().unwrap().contains("m = 512"));
    assert!(stdout(&good(&room, &base)).contains("preconditioner exact: cheapest for n = 48"));
    assert!(stdout(&good(&room, &[&base[..], &["--preconditioner", "jacobi"]].concat())).contains("preconditioner jacobi: as asked for"));
    let faithful = [&base[..], &["--faithful"]].concat();
    let told = stdout(&good(&room, &faithful)).to_string();
    assert!(told.contains("preconditioner srht"), "{told}");
    bad(&room, 2, &[&faithful[..], &["--sketch-rows", "300"]].concat(), "at least 64 for each training sample");
    bad(&room, 2, &[&base[..], &["--sketch-rows", "300"]].concat(), "sketch rows");
    bad(&room, 2, &[&base[..], &["--preconditioner", "srht", "--sketch-rows", "10"]].concat(), "10 for 48 samples");
    bad(&room, 2, &[&faithful[..], &["--preconditioner", "exact"]].concat(), "stands on a sketch");
    write(&room, "clouds.csv", &clouds(30));
    bad(&room, 2, &["train", "clouds.csv", "--width", "64", "--faithful"], "take the safe step");
}

#[test]
fn info_help_and_version() {
    let room = room();
    let output = good(&room, &["info"]);
    for level in Level::available() {
        assert!(stdout(&output).contains(level.name()));
    }
    assert!(stdout(&output).contains("CC BY 4.0"));
    assert!(stdout(&good(&room, &["--help"])).contains("Exit codes"));
    assert!(stdout(&good(&room, &["train", "--help"])).contains("--preconditioner"));
    assert!(stdout(&good(&room, &["--version"])).contains(env!("CARGO_PKG_VERSION")));
    for shell in ["bash", "zsh", "fish"] {
        assert!(stdout(&good(&room, &["completions", shell])).contains("preconditioner"), "{shell}");
    }
    assert!(stdout(&good(&room, &["man"])).starts_with(".ie"));
}

#[test]
fn the_self_test_says_what_share_of_the_limit_is_reached() {
    let room = room();
    let output = good(&room, &["bench", "gemm", "--seconds", "0", "--level", "scalar", "--json"]);
    let rows: Vec<serde_json::Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let gemm = rows.iter().find(|row| row["kernel"] == "gemm").unwrap();
    assert!(gemm["share"].as_f64().unwrap() > 0.0 && gemm["level"] == "scalar");
    bad(&room, 2, &["bench", "nothing"], "invalid value 'nothing'");
    bad(&room, 2, &["bench", "--seconds", "61"], "0 to 60 seconds");
}

#[test]
fn the_plot_is_a_whole_svg() {
    let room = room();
    write(&room, "clouds.csv", &clouds(60));
    good(&room, &["train", "clouds.csv", "--width", "32", "--steps", "2", "--plot", "loss.svg"]);
    let svg = read(&room, "loss.svg");
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    for expected in ["\nMSE\n", "residual ratio", "CG iterations", "fires, %", "width 32", "goal 1e-6"] {
        assert!(svg.contains(expected), "{expected}");
    }
}

#[test]
fn tables_at_fault() {
    let room = room();
    let rows = "1,2,a\n2,1,b\n1,1,a\n";
    for (text, expected) in [
        ("", "the file is empty"),
        ("a,b,t\n", "d.csv, line 1: there is a header, but no row of data below it"),
        ("a,b,t\n1,2,x\n", "d.csv, line 2: this is the only row"),
        (&format!("a,b,t\n{rows}1,2\n"), "d.csv, line 5: expected 3 columns as in line 1, found 2"),
        (&format!("a,b,t\n{rows}1,NaN,a\n"), "d.csv, line 5, column 2 'b': NaN"),
        (&format!("a,b,t\n{rows}-inf,1,a\n"), "d.csv, line 5, column 1 'a': '-inf' is not a finite number"),
        (&format!("a,b,t\n{rows}1,1e40,a\n"), "d.csv, line 5, column 2 'b': '1e40' is too large"),
        (&format!("a,b,t\n{rows}1,,a\n"), "d.csv, line 5, column 2 'b': the value is missing"),
        (&format!("a,b,t\n{rows}1,1,\n"), "d.csv, line 5, column 3 't': the target is missing"),
        (&format!("a,b,t\n{rows}1,tall,a\n"), "d.csv, line 5, column 2 'b': 'tall' is text"),
        ("a,b,t\n1,2,x\n3,4,x\n", "d.csv, column 3 't': target 't' is constant"),
        ("a,b,t\n1,2,1.5\n3,4,1.5\n", "d.csv, column 3 't': target 't' is constant"),
        ("a,b,t\n1,2,1.5\n3,4,z\n3,4,2.5\n", "d.csv, line 3, column 3 't': 'z' is text"),
        ("a,a,t\n1,2,x\n3,4,y\n", "d.csv, line 1, column 2 'a': column 1 has the same name"),
        ("t\n1\n2\n", "there is one column only"),
        ("a;t\n1;2\n2;3\n", "separated by semicolons"),
        ("5.1,setosa\n4.9,virginica\n", "d.csv, line 1: the first row may hold names or data"),
        ("a,t\n1,x\n2,y\n", "no row can be spared for testing"),
        ("a,t\n1,x\n1,y\n1,y\n1,x\n", "every feature is constant"),
        ("a\0b", "not a text file"),
    ] {
        write(&room, "d.csv", text);
        bad(&room, 1, &["train", "d.csv", "--width", "8", "--out", "m.safetensors", "--plot", "p.svg"], expected);
        bad(&room, 1, &["train", "d.csv", "--width", "8", "--json"], expected);
    }
    bad(&room, 1, &["train", "nowhere.csv"], "nowhere.csv: no such file");
    bad(&room, 1, &["train", "."], "directory");
    write(&room, "d.csv", &clouds(12));
    bad(&room, 1, &["train", "d.csv", "--target", "hue"], "there is no column 'hue'; the columns are 'x', 'y', 'colour'");
    bad(&room, 1, &["train", "d.csv", "--task", "regression"], "d.csv, line 2, column 3 'colour': 'red' is text");
    write(&room, "d.csv", "a,t\n1,1.5\n2,1.5\n3,2.5\n");
    // Which row stays for training depends on the seed: the message on the row does not.
    let seed = (0..20).map(|seed| seed.to_string()).find(|seed| {
        let output = subquad(&room, &["train", "d.csv", "--width", "8", "--steps", "1", "--test-fraction", "0.3", "--seed", seed]);
        output.status.code() == Some(1)
    });
    bad(&room, 1, &["train", "d.csv", "--test-fraction", "0.3", "--seed", &seed.unwrap()], "the training part of target 't' is constant");
}

#[test]
fn command_lines_at_fault() {
    let room = room();
    write(&room, "d.csv", &clouds(12));
    for (args, expected) in [
        (&["train", "d.csv", "--width", "0"][..], "--width"),
        (&["train", "d.csv", "--width", "7"], "must be even"),
        (&["train", "d.csv", "--width", "-2"], "--width"),
        (&["train", "d.csv", "--width", "1e3"], "--width"),
        (&["train", "d.csv", "--width", "99999999999999999999"], "--width"),
        (&["train", "d.csv", "--shift", "-1"], "at least 0"),
        (&["train", "d.csv", "--shift", "nan"], "at least 0"),
        (&["train", "d.csv", "--steps", "0"], "at least 1"),
        (&["train", "d.csv", "--tolerance", "inf"], "at least 0"),
        (&["train", "d.csv", "--damping", "-0.1"], "at least 0"),
        (&["train", "d.csv", "--damping", "1e39"], "at least 0"),
        (&["train", "d.csv", "--test-fraction", "1"], "below 1"),
        (&["train", "d.csv", "--test-fraction", "-0.2"], "below 1"),
        (&["train", "d.csv", "--seed", "-1"], "--seed"),
        (&["train", "d.csv", "--task", "ranking"], "--task"),
        (&["train", "d.csv", "--preconditioner", "magic"], "--preconditioner"),
        (&["train", "d.csv", "--level", "avx1024"], "no such level"),
        (
            &["train", "d.csv", "--level", if cfg!(target_arch = "x86_64") { "neon" } else { "avx2" }],
            "this processor does not have that level",
        ),
        (&["train", "d.csv", "more.csv"], "more.csv"),
        (&["train", "--wide"], "--wide"),
        (&["learn"], "learn"),
        (&["predict", "m.safetensors"], "DATA.csv"),
        (&["train", "d.csv", "--out", "d.csv"], "would overwrite the input"),
        (&["train", "d.csv", "--plot", "./d.csv"], "would overwrite the input"),
        (&["train", "d.csv", "--out", "x", "--plot", "./x"], "name the same file"),
        (&["predict", "m.safetensors", "d.csv", "--out", "d.csv"], "would overwrite the input"),
    ] {
        bad(&room, 2, args, expected);
    }
}

#[test]
fn models_at_fault() {
    let room = room();
    write(&room, "d.csv", &clouds(30));
    good(&room, &["train", "d.csv", "--width", "16", "--steps", "1", "--out", "m.safetensors"]);
    let predict = ["predict", "x.safetensors", "d.csv", "--out", "p.csv"];
    bad(&room, 1, &predict, "x.safetensors: no such file");
    bad(&room, 1, &["predict", "d.csv", "m.safetensors"], "d.csv: not a model");
    bad(&room, 1, &["predict", ".", "d.csv"], "directory");
    let bytes = fs::read(room.path().join("m.safetensors")).unwrap();
    for len in [0, 7, 8, 100, bytes.len() / 2, bytes.len() - 1] {
        fs::write(room.path().join("x.safetensors"), &bytes[..len]).unwrap();
        bad(&room, 1, &predict, "x.safetensors: ");
    }
    fs::write(room.path().join("x.safetensors"), [&u64::MAX.to_le_bytes()[..], b"{}"].concat()).unwrap();
    bad(&room, 1, &predict, "x.safetensors: not a model");
    fs::write(room.path().join("x.safetensors"), [&(1u64 << 25).to_le_bytes()[..], b"{}"].concat()).unwrap();
    bad(&room, 1, &predict, "x.safetensors: not a model, or cut off");

    write(&room, "other.csv", "x,z,id,colour\n1,2,3,red\n");
    let predict = ["predict", "m.safetensors", "other.csv", "--out", "p.csv"];
    bad(&room, 1, &predict, "other.csv, line 1: the table does not fit the model: it lacks 'y'; the model does not know 'z', 'id'");
    write(&room, "other.csv", "x,y\n1,2\n1,oops\n");
    bad(&room, 1, &predict, "other.csv, line 3, column 2 'y': 'oops' is text");
    write(&room, "other.csv", "x,y\n");
    bad(&room, 1, &predict, "no row of data");
    bad(&room, 1, &["predict", "m.safetensors", "d.csv", "--out", "no/p.csv"], "cannot write no/p.csv");
}

#[test]
fn places_are_checked_before_the_training() {
    let room = room();
    write(&room, "d.csv", &clouds(30));
    // Wide enough to take hours: the answer comes at once.
    let base = ["train", "d.csv", "--width", "16777216"];
    bad(&room, 1, &[&base[..], &["--out", "no/m.safetensors"]].concat(), "cannot write no/m.safetensors: there is no directory no");
    bad(&room, 1, &[&base[..], &["--plot", "no/p.svg"]].concat(), "cannot write no/p.svg");
    bad(&room, 1, &[&base[..], &["--out", "."]].concat(), "it is a directory");
    bad(&room, 1, &[&base[..], &["--out", "d.csv/m"]].concat(), "cannot write d.csv/m");
}

#[cfg(target_os = "linux")]
#[test]
fn what_memory_cannot_hold_is_refused() {
    let room = room();
    // 40,000 features times 16,777,216 neurons: 8 TB.
    let row = |x: u32| format!("{}{}\n", format!("{x},").repeat(40_000), x % 2);
    write(&room, "d.csv", &(1..6).map(row).collect::<String>());
    bad(&room, 1, &["train", "d.csv", "--width", "16777216"], "GB of memory");
}

#[cfg(unix)]
#[test]
fn a_reader_that_leaves_does_not_cost_the_model() {
    let room = room();
    write(&room, "d.csv", &clouds(60));
    for extra in [&["--json"][..], &[]] {
        let out = ["train", "d.csv", "--width", "64", "--steps", "3", "--out", "m.safetensors"];
        let mut child = command(&room, &[&out[..], extra].concat()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
        assert!(Model::load(&room.path().join("m.safetensors")).is_ok());
        fs::remove_file(room.path().join("m.safetensors")).unwrap();
    }
    good(&room, &["train", "d.csv", "--width", "64", "--steps", "1", "--out", "m.safetensors"]);
    let mut child = command(&room, &["predict", "m.safetensors", "d.csv"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_one_message() {
    let room = room();
    if !Path::new("/dev/full").exists() {
        return;
    }
    write(&room, "d.csv", &clouds(30));
    // The model cannot go where it was asked to: it goes somewhere else, and the program says where.
    let output = subquad(&room, &["train", "d.csv", "--width", "16", "--steps", "1", "--out", "/dev/full"]);
    assert_eq!(output.status.code(), Some(1));
    let place = stderr(&output).split("the model is in ").nth(1).unwrap().split(" instead").next().unwrap();
    assert!(Model::load(&room.path().join(place)).is_ok(), "{}", stderr(&output));
    good(&room, &["train", "d.csv", "--width", "16", "--steps", "1", "--out", "m.safetensors"]);
    bad(&room, 1, &["predict", "m.safetensors", "d.csv", "--out", "/dev/full"], "cannot write /dev/full");
}

#[test]
#[ignore = "the whole of it: a minute on an ordinary machine"]
fn the_program_alone_trains_on_the_digits() {
    let room = room();
    let output = good(&room, &["train", "--json"]);
    let events = events(&output);
    let (done, steps) = events.split_last().unwrap();
    assert!(done["train_mse"].as_f64().unwrap() <= 1e-6 && steps.len() <= 5, "{done}");
    assert!(done["test_accuracy"].as_f64().unwrap() >= 0.98, "{done}");
    assert!(steps.iter().all(|step| step["residual_ratio"].as_f64().unwrap() <= 1.0 / 3.0));
    assert!(stdout(&good(&room, &[])).contains("Reached a training MSE"));
}
