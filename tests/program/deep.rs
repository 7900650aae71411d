//! The program with deep networks: training, files, predictions, going on, and what is refused.

use std::fs;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

fn subquad(room: &TempDir, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_subquad"));
    command.args(args).current_dir(room.path()).stdin(Stdio::null());
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn good(room: &TempDir, args: &[&str]) -> Output {
    let output = subquad(room, args);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
    output
}

fn bad(room: &TempDir, code: i32, args: &[&str], expected: &str) {
    let output = subquad(room, args);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {message}");
    assert!(message.contains(expected), "{args:?}: expected '{expected}' in '{message}'");
    assert!(!message.contains("panicked"), "{args:?}: {message}");
}

/// Two rings, and which one a point is on.
fn rings(room: &TempDir) {
    let mut table = String::from("x,y,ring\n");
    for i in 0..120 {
        let (angle, radius) = (i as f64 * 0.37, if i % 2 == 0 { 1.0 } else { 2.0 });
        table += &format!("{:.4},{:.4},{}\n", radius * angle.cos(), radius * angle.sin(), if i % 2 == 0 { "in" } else { "out" });
    }
    fs::write(room.path().join("rings.csv"), table).unwrap();
}

fn done(output: &Output) -> Value {
    let line = text(&output.stdout).lines().last().unwrap().to_string();
    serde_json::from_str(&line).unwrap()
}

const DEEP: [&str; 8] = ["train", "rings.csv", "--model", "deep", "--width", "512", "--fired", "0.2"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    DEEP.iter().copied().chain(more.iter().copied()).collect()
}

#[test]
fn trains_saves_and_predicts() {
    let room = tempfile::tempdir().unwrap();
    rings(&room);
    let ways: [&[&str]; 5] = [
        &[],
        &["--layers", "3", "--train-layers", "2,3", "--flush", "sparse"],
        &["--layers", "3", "--train-layers", "1,3", "--flush", "dense", "--one-by-one", "--steps", "12"],
        &["--weights", "hadamard", "--layers", "3", "--preconditioner", "tensor-srht"],
        &["--form", "hard", "--steps", "5", "--layers", "1", "--preconditioner", "tensor-sketch", "--sketch-rows", "300"],
    ];
    for more in ways {
        let output = good(&room, &with(&[more, &["--out", "model.safetensors", "--plot", "loss.svg", "--json"]].concat()));
        let end = done(&output);
        if !more.contains(&"hard") {
            assert!(end["train_mse"].as_f64().unwrap() < 1e-2, "{more:?}: {end}");
            assert!(end["test_accuracy"].as_f64().unwrap() >= 0.9, "{more:?}: {end}");
        }
        assert!(fs::read_to_string(room.path().join("loss.svg")).unwrap().starts_with("<svg"));
        let all = good(&room, &["predict", "model.safetensors", "rings.csv"]);
        assert_eq!(text(&all.stdout).lines().count(), 120);
        assert!(text(&all.stderr).contains("accuracy"));
        good(&room, &["predict", "model.safetensors", "rings.csv", "--out", "said.csv"]);
        assert_eq!(fs::read(room.path().join("said.csv")).unwrap(), all.stdout);
    }
}

#[test]
fn goes_on_where_it_stopped() {
    let room = tempfile::tempdir().unwrap();
    rings(&room);
    let three = ["--layers", "3", "--json", "--tolerance", "1e-9"];
    let whole = done(&good(&room, &with(&[&three[..], &["--steps", "3"]].concat())));
    good(&room, &with(&[&three[..], &["--steps", "1", "--out", "half.safetensors"]].concat()));
    let rest =
        good(&room, &with(&[&three[..], &["--steps", "3", "--continue-from", "half.safetensors", "--out", "half.safetensors"]].concat()));
    let (whole, rest) = (whole["train_mse"].as_f64().unwrap(), done(&rest)["train_mse"].as_f64().unwrap());
    // Damping and steps go on; sums are taken in another order.
    assert!((whole / rest).ln().abs() < 1.0, "{whole:e} {rest:e}");
    bad(&room, 1, &with(&["--layers", "2", "--continue-from", "half.safetensors"]), "another network");
    bad(&room, 1, &with(&["--layers", "3", "--seed", "5", "--continue-from", "half.safetensors"]), "another network");
}

#[test]
fn pre_trained_weights_are_read_and_left_alone() {
    use safetensors::Dtype;
    use safetensors::tensor::TensorView;
    let room = tempfile::tempdir().unwrap();
    rings(&room);
    let mut numbers = vec![0.0f32; 256 * 3 + 256 * 256];
    subquad::random::gaussian(&mut subquad::random::stream(3, 0), &mut numbers);
    let bytes: Vec<u8> = numbers.iter().flat_map(|x| (x * 0.03).to_le_bytes()).collect();
    let (first, second) = bytes.split_at(256 * 3 * 4);
    let views = [
        ("layers.1.weight", TensorView::new(Dtype::F32, vec![256, 3], first).unwrap()),
        ("layers.2.weight_t", TensorView::new(Dtype::F32, vec![256, 256], second).unwrap()),
    ];
    let file = safetensors::serialize(views, None).unwrap();
    fs::write(room.path().join("base.safetensors"), &file).unwrap();
    let train = ["train", "rings.csv", "--model", "deep", "--fired", "0.3", "--base", "base.safetensors", "--json"];
    let end = done(&good(&room, &[&train[..], &["--out", "tuned.safetensors"]].concat()));
    assert!(end["train_mse"].as_f64().unwrap() < 1e-4, "{end}");
    assert_eq!(fs::read(room.path().join("base.safetensors")).unwrap(), file);
    assert!(fs::metadata(room.path().join("tuned.safetensors")).unwrap().len() > 0);
    good(&room, &["predict", "tuned.safetensors", "rings.csv"]);
    bad(&room, 2, &[&train[..], &["--out", "base.safetensors"]].concat(), "overwrite");
    fs::write(room.path().join("other.safetensors"), &file[..file.len() - 4]).unwrap();
    bad(&room, 1, &["train", "rings.csv", "--model", "deep", "--base", "other.safetensors"], "cut off or damaged");
    let mut changed = file.clone();
    let end = changed.len();
    changed[end - 2] ^= 1;
    fs::write(room.path().join("base.safetensors"), &changed).unwrap();
    bad(&room, 1, &["predict", "tuned.safetensors", "rings.csv"], "not the file");
    fs::remove_file(room.path().join("base.safetensors")).unwrap();
    bad(&room, 1, &["predict", "tuned.safetensors", "rings.csv"], "no such file");
}

#[test]
fn damaged_models_and_wrong_words_are_refused() {
    let room = tempfile::tempdir().unwrap();
    rings(&room);
    good(&room, &with(&["--out", "model.safetensors", "--steps", "1", "--layers", "3"]));
    let bytes = fs::read(room.path().join("model.safetensors")).unwrap();
    let mut seen = 0;
    for at in (0..bytes.len()).step_by(bytes.len() / 40) {
        fs::write(room.path().join("cut.safetensors"), &bytes[..at]).unwrap();
        bad(&room, 1, &["predict", "cut.safetensors", "rings.csv"], "cut.safetensors");
        seen += 1;
    }
    assert!(seen >= 40);
    // One bit of an index, of a start, of a number: refused, or another prediction; never a panic.
    for at in (0..bytes.len()).rev().step_by(bytes.len() / 24) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x40;
        fs::write(room.path().join("bit.safetensors"), &changed).unwrap();
        let output = subquad(&room, &["predict", "bit.safetensors", "rings.csv"]);
        assert!(matches!(output.status.code(), Some(0 | 1)), "{at}");
        assert!(!text(&output.stderr).contains("panicked"), "{at}: {}", text(&output.stderr));
    }
    for (more, expected) in [
        (&["--shift", "1"][..], "one of them"),
        (&["--damping", "1"], "two-layer"),
        (&["--preconditioner", "analytic"], "exact"),
        (&["--train-layers", "3"], "layers"),
        (&["--train-layers", "0"], "from 1 to 64"),
        (&["--layers", "0"], "from 1 to 64"),
    ] {
        bad(&room, 2, &with(more), expected);
    }
    bad(&room, 2, &["train", "rings.csv", "--fired", "0.1"], "--model deep");
    bad(&room, 2, &["train", "rings.csv", "--layers", "3"], "--model deep");
    bad(&room, 2, &["train", "rings.csv", "--model", "deep", "--fired", "0.7"], "at most 0.5");
    bad(&room, 1, &["train", "rings.csv", "--model", "deep", "--width", "16777216"], "hadamard");
    let narrow = good(&room, &["train", "rings.csv", "--model", "deep", "--width", "128", "--layers", "3", "--steps", "1"]);
    assert!(text(&narrow.stderr).contains("fires on about 13 of 128"), "{}", text(&narrow.stderr));
    assert!(text(&narrow.stderr).contains("by heart"));
}
