//! The command line.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use subquad::Level;
use subquad::train::{ColumnScaling, Faithful, Header, PreconditionerChoice, RowScaling, Task};

use crate::Failure;
use crate::choice;
use crate::deep::DeepArgs;
use crate::how::{How, MethodArg};

#[derive(Parser)]
#[command(
    version,
    about = "Trains wide ReLU networks of two layers or more, by Gauss-Newton and otherwise, and predicts with them.",
    after_help = "Without a command, trains on the handwritten digits that come with the program.\n\n\
        Examples:\n  \
        subquad\n  \
        subquad train data.csv --target price --out model.safetensors --plot loss.svg\n  \
        subquad predict model.safetensors new.csv --out predictions.csv\n\n\
        Exit codes: 0 done, 1 the data or the numbers are at fault, 2 the command line is, 130 interrupted."
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Subcommand)]
pub enum Command {
    /// Trains a network on a table
    Train(Box<Train>),
    /// Predicts the target for every row of a table
    Predict(Predict),
    /// Measures the kernels on this machine, against what it can do at most
    Bench(crate::bench::Bench),
    /// Shows what this machine has and what the program uses
    Info,
    /// Writes what a shell needs to complete this program's command lines
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Writes the manual page
    Man,
}

#[derive(Args)]
pub struct Train {
    /// Table to learn from [default: handwritten digits, built in]
    #[arg(value_name = "DATA.csv")]
    pub data: Option<PathBuf>,

    /// Column to predict; several numbers with commas between them [default: the last]
    #[arg(long, value_name = "COLUMN")]
    pub target: Option<String>,

    /// What the target is; auto: text and small sets of integers are classes
    #[arg(long, value_enum, default_value = "auto")]
    pub task: TaskArg,

    /// Whether the first row holds the names of the columns
    #[arg(long, value_enum, default_value = "auto")]
    pub header: HeaderArg,

    /// Number of hidden neurons, even: they come in pairs
    #[arg(long, value_name = "M", default_value_t = 4096, value_parser = width, allow_negative_numbers = true)]
    pub width: usize,

    /// Shift b of the neurons: they fire above it
    #[arg(long, value_name = "B", default_value_t = 0.0, value_parser = at_least_zero::<f32>, allow_negative_numbers = true)]
    pub shift: f32,

    /// Most steps to take [default: 50, 1000 for gradient and adam, 150 against an adversary]
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    pub steps: Option<usize>,

    /// Training MSE that is good enough
    #[arg(long, value_name = "MSE", default_value_t = 1e-6, value_parser = at_least_zero::<f64>, allow_negative_numbers = true)]
    pub tolerance: f64,

    /// Ridge towards the first weights, for noisy targets: 1 to 10 smooth, 0 fits as well as the data let it [default: 0]
    #[arg(long, value_name = "MU", value_parser = at_least_zero::<f32>, allow_negative_numbers = true)]
    pub damping: Option<f32>,

    /// What preconditions the conjugate gradient
    #[arg(long, value_enum, default_value = "auto")]
    pub preconditioner: PreconditionerArg,

    /// Rows of the sketch that preconditions, at least one for each training sample [default: 4 for each]
    #[arg(long, value_name = "S", value_parser = positive, allow_negative_numbers = true)]
    pub sketch_rows: Option<usize>,

    /// The paper's own iteration instead of conjugate gradients: its unit step, for one output and a sketch of at least 64
    /// rows for each sample, or a step that is safe for every sketch
    #[arg(long, value_enum, value_name = "STEP", num_args = 0..=1, default_missing_value = "unit")]
    pub faithful: Option<FaithfulArg>,

    /// Scaling of the columns after centring; auto: z-scores where units differ
    #[arg(long, value_enum, default_value = "auto")]
    pub columns: ColumnsArg,

    /// Scaling of the rows: all by one factor, or each to norm 1
    #[arg(long, value_enum, default_value = "global")]
    pub rows: RowsArg,

    /// Share of the rows kept for testing; 0: none
    #[arg(long, value_name = "F", default_value_t = 0.2, value_parser = fraction, allow_negative_numbers = true)]
    pub test_fraction: f64,

    /// Seed of the split and of the first weights
    #[arg(long, value_name = "S", default_value_t = 0, allow_negative_numbers = true)]
    pub seed: u64,

    /// Instruction set: auto, or one that `subquad info` lists
    #[arg(long, default_value = "auto", value_parser = level)]
    pub level: Level,

    /// Where to save the model
    #[arg(long, value_name = "MODEL.safetensors")]
    pub out: Option<PathBuf>,

    /// Where to draw the course of the training
    #[arg(long, value_name = "LOSS.svg")]
    pub plot: Option<PathBuf>,

    /// Print JSON lines on standard output and nothing else there
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub how: How,

    #[command(flatten)]
    pub deep: DeepArgs,
}

impl Train {
    /// Most steps to take.
    pub fn steps(&self) -> usize {
        self.steps.unwrap_or(match self.how.method {
            MethodArg::Gradient | MethodArg::Adam => 1000,
            MethodArg::Adversarial => 150,
            MethodArg::GaussNewton => 50,
        })
    }

    /// What the program does when it is told nothing.
    pub fn defaults() -> Self {
        #[derive(Parser)]
        struct Alone {
            #[command(flatten)]
            train: Train,
        }
        Alone::parse_from(["subquad"]).train
    }
}

#[derive(Args)]
pub struct Predict {
    /// Model that `subquad train --out` saved
    #[arg(value_name = "MODEL.safetensors")]
    pub model: PathBuf,

    /// Table with the model's features, with or without its target
    #[arg(value_name = "DATA.csv")]
    pub data: PathBuf,

    /// Where to write the predictions, one per line [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Whether the first row holds the names of the columns
    #[arg(long, value_enum, default_value = "auto")]
    pub header: HeaderArg,

    /// Instruction set: auto, or one that `subquad info` lists
    #[arg(long, default_value = "auto", value_parser = level)]
    pub level: Level,
}

choice!(TaskArg for Task { Auto => Auto, Classification => Classification, Regression => Regression });
choice!(HeaderArg for Header { Auto => Auto, Yes => Present, No => Absent });
choice!(PreconditionerArg for PreconditionerChoice {
    Auto => Auto, Exact => Exact, Analytic => Analytic, Neurons => Neurons, Srht => Srht, TensorSrht => TensorSrht,
    TensorSketch => TensorSketch, Jacobi => Jacobi, None => None,
});
choice!(FaithfulArg for Faithful { Unit => Unit, Safe => Safe });
choice!(ColumnsArg for ColumnScaling { Auto => Auto, Centre => Centre, Zscore => ZScore });
choice!(RowsArg for RowScaling { Unit => Unit, Global => Global });

fn width(text: &str) -> Result<usize, String> {
    // A limit that no machine of today reaches in this program: a slip of the finger should not ask for all its memory.
    const MOST: usize = 1 << 24;
    match text.parse::<usize>() {
        Ok(m) if m >= 2 && m % 2 == 0 && m <= MOST => Ok(m),
        Ok(m) if m % 2 == 1 => Err("must be even: neurons come in pairs of opposite output".into()),
        Ok(0) => Err("must be at least 2".into()),
        _ => Err(format!("must be an even number from 2 to {MOST}")),
    }
}

pub fn positive(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| "must be a whole number of at least 1".into())
}

pub fn at_least_zero<T: std::str::FromStr + Into<f64> + Copy>(text: &str) -> Result<T, String> {
    let number = text.parse::<T>().ok().filter(|x| (0.0..f64::INFINITY).contains(&(*x).into()));
    number.ok_or_else(|| "must be a finite number of at least 0".into())
}

pub fn fraction(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|x| (0.0..1.0).contains(x)).ok_or_else(|| "must be at least 0 and below 1".into())
}

fn level(text: &str) -> Result<Level, String> {
    if text == "auto" { Ok(Level::detect()) } else { text.parse::<Level>().map_err(|error| error.to_string()) }
}

/// Whether two names mean one file, as far as can be told: the same path, or the same existing file behind it.
fn same(a: &Path, b: &Path) -> bool {
    let real = |path: &Path| std::fs::canonicalize(path).or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.into());
    real(a) == real(b)
}

/// No output may be written over an input or another output.
pub fn keep_apart(outputs: &[(&str, Option<&Path>)], inputs: &[&Path]) -> Result<(), Failure> {
    for (i, (name, output)) in outputs.iter().enumerate() {
        let Some(output) = output else { continue };
        // Devices and pipes may be named twice.
        if output.exists() && !output.is_file() {
            continue;
        }
        if let Some(input) = inputs.iter().find(|input| same(output, input)) {
            return Err(Failure::Usage(format!("{name} {} would overwrite the input {}", output.display(), input.display())));
        }
        if let Some((other, _)) = outputs[..i].iter().find(|(_, other)| other.is_some_and(|other| same(output, other))) {
            return Err(Failure::Usage(format!("{other} and {name} name the same file, {}", output.display())));
        }
    }
    Ok(())
}
