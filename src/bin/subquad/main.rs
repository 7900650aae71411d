//! The program `subquad`: trains wide ReLU networks by Gauss-Newton, and predicts with them.
//!
//! Exit codes: 0 done, 1 the data, the files or the numbers are at fault, 2 the command line is (what can be told
//! without opening a file), 130 somebody interrupted it.
#![deny(unsafe_code)]

mod args;
mod bench;
mod deep;
mod folds;
#[macro_use]
mod how;
mod info;

mod interrupt;
mod manual;
mod page;
mod plot;
mod predict;
mod problem;
mod report;
mod train;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use subquad::train::TrainError;

/// Why the program ends without having done its work.
enum Failure {
    /// The command line asks for something that cannot be.
    Usage(String),
    /// Data, files or numbers are at fault.
    Fault(String),
    /// Somebody pressed Ctrl-C: what was kept, and what was not.
    Interrupted(String),
}

impl From<TrainError> for Failure {
    fn from(error: TrainError) -> Self {
        match error {
            TrainError::Setting { .. } => Self::Usage(error.to_string()),
            _ => Self::Fault(error.to_string()),
        }
    }
}

impl From<subquad::Error> for Failure {
    fn from(error: subquad::Error) -> Self {
        Self::Fault(error.to_string())
    }
}

fn main() -> ExitCode {
    let done = match args::Cli::parse().command {
        None => train::run(&args::Train::defaults()),
        Some(args::Command::Train(args)) => match args.deep.is_asked_for() {
            Ok(true) => match args.how.for_two_layers_alone() {
                Some(option) => Err(Failure::Usage(format!("{option} is for two-layer networks, not for --model deep"))),
                None => deep::train(&args),
            },
            Ok(false) => train::run(&args),
            Err(failure) => Err(failure),
        },
        Some(args::Command::Predict(args)) => predict::run(&args),
        Some(args::Command::Bench(args)) => bench::run(&args),
        Some(args::Command::Info) => info::run(),
        Some(args::Command::Completions { shell }) => manual::completions(shell),
        Some(args::Command::Man) => manual::page(),
    };
    let (code, message) = match done {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Fault(message)) => (1, message),
        Err(Failure::Usage(message)) => (2, message),
        Err(Failure::Interrupted(message)) => (interrupt::EXIT_CODE, message),
    };
    // Nobody is left to tell if this fails.
    let _ = writeln!(std::io::stderr(), "error: {message}");
    ExitCode::from(code)
}
