//! The program, driven as a person at a terminal would.
#![cfg(feature = "cli")]

mod deep;
/// How numbers are written: a file of the program, with its unit tests.
#[allow(dead_code)]
#[path = "../../src/bin/subquad/report.rs"]
mod report;
mod runs;
mod tables;

use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

fn room() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn command(room: &TempDir, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_subquad"));
    command.args(args).current_dir(room.path()).stdin(Stdio::null());
    command
}

fn subquad(room: &TempDir, args: &[&str]) -> Output {
    command(room, args).output().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// Exit code 0, or the test fails with what the program said.
fn good(room: &TempDir, args: &[&str]) -> Output {
    let output = subquad(room, args);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
    output
}

fn events(output: &Output) -> Vec<Value> {
    stdout(output).lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}
