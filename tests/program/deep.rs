//! The program with deep networks: training, files, predictions, going on, and what is refused.

use std::fs;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::{good, subquad};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
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

fn read(room: &TempDir, name: &str) -> Vec<u8> {
    fs::read(room.path().join(name)).unwrap()
}

/// Killed in the middle, without any chance to tidy up, and taken up again: the same model, byte by byte.
#[cfg(unix)]
#[test]
fn a_run_that_was_killed_ends_as_one_that_was_not() {
    let room = tempfile::tempdir().unwrap();
    rings(&room);
    let ways: [&[&str]; 4] = [
        &["--layers", "3", "--train-layers", "1,2,3", "--flush", "sparse"],
        &["--layers", "3", "--flush", "never", "--weights", "hadamard"],
        &["--layers", "3", "--flush", "dense", "--one-by-one"],
        &["--layers", "2", "--form", "hard"],
    ];
    for way in ways {
        let common = with(&[way, &["--tolerance", "0", "--steps", "12"]].concat());
        good(&room, &[&common[..], &["--out", "whole.safetensors"]].concat());
        let resume = [&common[..], &["--out", "parts.safetensors", "--checkpoint", "run", "--checkpoint-every", "1", "--resume"]].concat();
        let _ = fs::remove_file(room.path().join("run"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_subquad"));
        let command = command.args(&resume).current_dir(room.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let begun = std::time::Instant::now();
        while fs::metadata(room.path().join("run")).map_or(0, |m| m.len()) == 0 {
            assert!(begun.elapsed().as_secs() < 120, "{way:?}: no checkpoint");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let output = good(&room, &resume);
        assert!(text(&output.stdout).contains("Taken up after"), "{way:?}: {}", text(&output.stdout));
        assert!(read(&room, "whole.safetensors") == read(&room, "parts.safetensors"), "{way:?}: another model");
        good(&room, &resume);
        assert!(read(&room, "whole.safetensors") == read(&room, "parts.safetensors"), "{way:?}: not over at its end");
        bad(&room, 1, &[&resume[..], &["--seed", "9"]].concat(), "of another run: its seed is 0");
    }
    let bytes = read(&room, "run");
    for at in (0..bytes.len()).step_by(bytes.len() / 24) {
        fs::write(room.path().join("run"), &bytes[..at]).unwrap();
        if at > 0 {
            bad(&room, 1, &with(&["--layers", "2", "--form", "hard", "--checkpoint", "run", "--resume"]), "not a checkpoint");
        }
        let mut changed = bytes.clone();
        changed[at] ^= 0x40;
        fs::write(room.path().join("run"), &changed).unwrap();
        let output = subquad(&room, &with(&["--layers", "2", "--form", "hard", "--steps", "2", "--checkpoint", "run", "--resume"]));
        assert!(matches!(output.status.code(), Some(0 | 1)), "{at}");
        assert!(!text(&output.stderr).contains("panicked"), "{at}: {}", text(&output.stderr));
    }
    good(&room, &with(&["--out", "model.safetensors", "--steps", "1"]));
    bad(&room, 1, &with(&["--checkpoint", "model.safetensors", "--resume"]), "not a checkpoint");
    bad(&room, 2, &with(&["--resume"]), "--checkpoint");
    bad(&room, 2, &with(&["--checkpoint", "rings.csv"]), "overwrite");
}

/// Ctrl-C: the step is finished, the run and the model are kept, the exit code says why.
#[cfg(unix)]
#[test]
fn ctrl_c_keeps_the_run() {
    let room = tempfile::tempdir().unwrap();
    rings(&room);
    let args = with(&["--one-by-one", "--layers", "3", "--tolerance", "0", "--steps", "100000", "--checkpoint", "run", "--out", "model"]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_subquad"));
    let command = command.args(&args).args(["--checkpoint-every", "2"]).current_dir(room.path()).stdin(Stdio::null());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let message = text(&output.stderr);
    // A run of this size may have settled by then.
    if output.status.code() == Some(130) {
        assert!(message.contains("interrupted after") && message.contains("go on with --checkpoint run --resume"), "{message}");
    } else {
        assert_eq!(output.status.code(), Some(0), "{message}");
    }
    assert!(fs::metadata(room.path().join("run")).unwrap().len() > 0);
    good(&room, &["predict", "model", "rings.csv"]);
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
    // Numbers that do not lie on multiples of four bytes are copied, and are the same numbers.
    let header = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let shifted = [&(header as u64 + 1).to_le_bytes()[..], &file[8..8 + header], b" ", &file[8 + header..]].concat();
    fs::write(room.path().join("shifted.safetensors"), shifted).unwrap();
    good(&room, &["train", "rings.csv", "--model", "deep", "--fired", "0.3", "--base", "shifted.safetensors", "--out", "shifted"]);
    let said = |model: &str| text(&good(&room, &["predict", model, "rings.csv"]).stdout);
    assert_eq!(said("tuned.safetensors"), said("shifted"));
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
