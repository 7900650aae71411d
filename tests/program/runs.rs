//! Drives the built program through what long and careful runs need: interruption, validation, folds, several targets.

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{command, events, good, room, stdout};

fn bad(room: &TempDir, code: i32, args: &[&str], expected: &str) {
    let output = command(room, args).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {message}");
    assert!(message.contains(expected) && !message.contains("panicked"), "{args:?}: expected '{expected}' in '{message}'");
}

/// Noisy numbers: two smooth targets of three features.
fn surface(rows: usize) -> String {
    let mut text = String::from("a,b,c,up,down\n");
    for i in 0..rows {
        let x: [f64; 3] = std::array::from_fn(|k| (1.7 * (i * 3 + k + 1) as f64 * (k as f64 + 1.3)).sin());
        let noise = 0.3 * (i as f64 * 12.9898).sin();
        writeln!(text, "{},{},{},{},{}", x[0], x[1], x[2], 10.0 * x[0] * x[1] + noise, 5.0 - 100.0 * x[2] + noise).unwrap();
    }
    text
}

/// A rare class in a corner.
fn rare(rows: usize) -> String {
    let mut text = String::from("a,b,kind\n");
    for i in 0..rows {
        let x: [f64; 2] = std::array::from_fn(|k| (2.3 * (i * 2 + k + 1) as f64 * (k as f64 + 0.7)).sin());
        let noise = 0.4 * (i as f64 * 78.233).sin();
        writeln!(text, "{},{},{}", x[0], x[1], if x[0] + x[1] + noise > 1.2 { "rare" } else { "common" }).unwrap();
    }
    text
}

/// Waits until a file is there.
fn wait_for(room: &TempDir, name: &str) {
    let begun = Instant::now();
    while !room.path().join(name).exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no {name}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Killed in the middle, without any chance to tidy up, and taken up again: the same model, byte by byte.
#[cfg(unix)]
#[test]
fn a_run_that_was_killed_ends_as_one_that_was_not() {
    let room = room();
    fs::write(room.path().join("d.csv"), surface(150)).unwrap();
    for method in ["gauss-newton", "adam", "gradient"] {
        let steps = if method == "gauss-newton" { "40" } else { "400" };
        let common = ["train", "d.csv", "--target", "up", "--width", "512", "--tolerance", "0", "--method", method, "--steps", steps];
        let with = |more: &[&'static str]| [&common[..], more].concat();
        good(&room, &with(&["--out", "whole.safetensors"]));
        let resume = ["--out", "parts.safetensors", "--checkpoint", "run", "--checkpoint-every", "1", "--resume"];
        let _ = fs::remove_file(room.path().join("run"));
        let mut child = command(&room, &with(&resume)).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_for(&room, "run");
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
        let output = good(&room, &with(&resume));
        assert!(stdout(&output).contains("Taken up after"), "{method}: {}", stdout(&output));
        let bytes = |name: &str| fs::read(room.path().join(name)).unwrap();
        assert!(bytes("whole.safetensors") == bytes("parts.safetensors"), "{method}: another model");
        // At its end there is nothing left to do, with more steps there is.
        good(&room, &with(&resume));
        assert!(bytes("whole.safetensors") == bytes("parts.safetensors"), "{method}");
        bad(&room, 1, &[&with(&resume)[..], &["--seed", "9"]].concat(), "of another run: its seed is 0");
    }
    fs::write(room.path().join("run"), "rubbish").unwrap();
    bad(&room, 1, &["train", "d.csv", "--width", "16", "--checkpoint", "run", "--resume"], "run: not a checkpoint");
    bad(&room, 2, &["train", "d.csv", "--resume"], "--checkpoint");
}

/// Ctrl-C: the step is finished, the run and the model are kept, the exit code says why.
#[cfg(unix)]
#[test]
fn ctrl_c_keeps_the_run() {
    let room = room();
    fs::write(room.path().join("d.csv"), surface(150)).unwrap();
    let args =
        ["train", "d.csv", "--target", "up", "--width", "512", "--tolerance", "0", "--method", "adam", "--steps", "100000", "--json"];
    let args = [&args[..], &["--checkpoint", "run", "--out", "model", "--checkpoint-every", "20"]].concat();
    let child = command(&room, &args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for(&room, "run");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{message}");
    assert!(message.contains("interrupted after") && message.contains("go on with --checkpoint run --resume"), "{message}");
    let last = events(&output).last().unwrap()["step"].as_u64().unwrap();
    // Taken up exactly there.
    let more = (last + 1).to_string();
    let args: Vec<&str> = args.iter().map(|&arg| if arg == "100000" { more.as_str() } else { arg }).collect();
    let output = good(&room, &[&args[..], &["--resume"]].concat());
    let events = events(&output);
    assert_eq!((events[0]["event"].as_str(), events[0]["step"].as_u64()), (Some("resumed"), Some(last)));
    assert_eq!(events[1]["step"].as_u64(), Some(last + 1));
    assert!(room.path().join("model").exists());
}

#[test]
fn validation_keeps_the_best_step() {
    let room = room();
    fs::write(room.path().join("d.csv"), surface(80)).unwrap();
    for method in ["gauss-newton", "adam"] {
        let args = ["train", "d.csv", "--target", "up", "--width", "256", "--tolerance", "0", "--validation", "0.25", "--patience", "3"];
        let output = good(&room, &[&args[..], &["--method", method, "--json", "--learning-rate", "0.1"]].concat());
        let events = events(&output);
        let (done, steps) = events.split_last().unwrap();
        let best = done["best_step"].as_u64().unwrap() as usize;
        let errors: Vec<f64> = steps.iter().map(|step| step["validation_mse"].as_f64().unwrap()).collect();
        let lowest = errors.iter().copied().fold(f64::INFINITY, f64::min);
        assert!(done["validation_mse"].as_f64().unwrap() <= lowest);
        assert!(best == 0 || errors[best - 1] == lowest, "{method}: {best} {errors:?}");
        if done["status"] == "stopped early" {
            assert_eq!(steps.len(), best + 3);
        }
        assert_eq!((done["train_samples"].as_u64(), done["test_samples"].as_u64()), (Some(48), Some(16)));
        let text = stdout(&good(&room, &args)).to_string();
        assert!(text.contains("16 to validate") && text.contains("Kept: step"), "{text}");
    }
}

#[test]
fn folds_are_summed_up() {
    let room = room();
    fs::write(room.path().join("d.csv"), surface(60)).unwrap();
    fs::write(room.path().join("k.csv"), rare(60)).unwrap();
    let output = good(&room, &["train", "k.csv", "--width", "64", "--folds", "4", "--json", "--steps", "3"]);
    let events = events(&output);
    assert_eq!(events.len(), 5);
    let mean = events[..4].iter().map(|fold| fold["test_accuracy"].as_f64().unwrap()).sum::<f64>() / 4.0;
    assert!((events[4]["test_accuracy"].as_f64().unwrap() - mean).abs() < 1e-12);
    let text = stdout(&good(&room, &["train", "d.csv", "--target", "up", "--width", "64", "--folds", "3", "--steps", "3"])).to_string();
    assert!(text.contains("over 3 folds") && text.contains("of the variance"), "{text}");
    bad(&room, 2, &["train", "d.csv", "--folds", "100"], "folds: must be");
    bad(&room, 2, &["train", "d.csv", "--folds", "3", "--out", "m"], "cannot be used with");
}

#[test]
fn several_numbers_are_predicted_together() {
    let room = room();
    fs::write(room.path().join("d.csv"), surface(200)).unwrap();
    good(&room, &["train", "d.csv", "--target", "down,up", "--width", "1024", "--out", "m.safetensors"]);
    // In other columns, without the targets, by name.
    let table: Vec<Vec<String>> = surface(200).lines().map(|line| line.split(',').map(String::from).collect()).collect();
    let turned: String = table.iter().map(|row| format!("{},{},{}\n", row[2], row[0], row[1])).collect();
    fs::write(room.path().join("turned.csv"), turned).unwrap();
    let plain = good(&room, &["predict", "m.safetensors", "d.csv"]);
    assert_eq!(stdout(&plain), stdout(&good(&room, &["predict", "m.safetensors", "turned.csv"])));
    let note = String::from_utf8_lossy(&plain.stderr).to_string();
    assert!(note.contains("MSE") && note.contains("200 rows"), "{note}");
    for (line, row) in stdout(&plain).lines().zip(&table[1..]) {
        let found: Vec<f64> = line.split(',').map(|x| x.parse().unwrap()).collect();
        let (up, down): (f64, f64) = (row[3].parse().unwrap(), row[4].parse().unwrap());
        assert_eq!(found.len(), 2);
        assert!((found[0] - down).abs() < 15.0 && (found[1] - up).abs() < 5.0, "{found:?} {row:?}");
    }
    bad(&room, 1, &["train", "d.csv", "--target", "up,sideways"], "there is no column 'sideways'");
    bad(&room, 1, &["train", "d.csv", "--target", "up,up"], "named twice");
    bad(&room, 1, &["train", "d.csv", "--target", "up,down", "--task", "classification"], "not classes");
}

#[test]
fn balanced_classes_find_the_rare_one() {
    let room = room();
    fs::write(room.path().join("d.csv"), rare(400)).unwrap();
    let found = |weights: &str| {
        let args = ["train", "d.csv", "--width", "256", "--damping", "3", "--seed", "1", "--class-weights", weights, "--out", "m"];
        good(&room, &args);
        let said = good(&room, &["predict", "m", "d.csv"]);
        stdout(&said).lines().filter(|line| *line == "rare").count()
    };
    assert!(found("balanced") > found("none"), "{} {}", found("balanced"), found("none"));
    fs::write(room.path().join("n.csv"), surface(50)).unwrap();
    bad(&room, 2, &["train", "n.csv", "--target", "up", "--class-weights", "balanced"], "there are no classes");
}

/// The same network whatever finds the neurons that fire, and however many threads there are.
#[test]
fn lookups_and_threads_change_nothing() {
    let room = room();
    fs::write(room.path().join("d.csv"), surface(100)).unwrap();
    let model = |more: &[&str]| {
        let args = ["train", "d.csv", "--target", "up", "--width", "128", "--shift", "1", "--steps", "6", "--out", "m"];
        good(&room, &[&args[..], more].concat());
        fs::read(room.path().join("m")).unwrap()
    };
    let plain = model(&["--method", "gradient", "--lookup", "dense"]);
    for lookup in ["auto", "scan", "screened", "max-tree", "ball-tree", "candidates"] {
        for over in ["weights", "data"] {
            assert!(model(&["--method", "gradient", "--lookup", lookup, "--lookup-over", over]) == plain, "{lookup} over {over}");
        }
    }
    for method in ["gauss-newton", "adam", "adversarial"] {
        assert!(model(&["--method", method, "--threads", "1"]) == model(&["--method", method, "--threads", "3"]), "{method}");
    }
    bad(&room, 2, &["train", "d.csv", "--target", "up", "--method", "adam", "--lookup", "scan"], "lookup: must be");
}
