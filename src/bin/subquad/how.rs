//! The options that say how to train, and what to keep of it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use subquad::train::{Attack, AttackedStep, Ball, Init, Lookup, Method, Over};

use crate::args::{at_least_zero, fraction, positive};

#[derive(Args)]
pub struct How {
    /// How to train
    #[arg(long, value_enum, default_value = "gauss-newton", help_heading = "Method")]
    pub method: MethodArg,

    /// The first weights: in pairs that cancel each other, or independent
    #[arg(long, value_enum, default_value = "paired", help_heading = "Method")]
    pub init: InitArg,

    /// Length of a step of gradient descent [default: 1 / largest eigenvalue of the Gram matrix] or Adam [default: 0.01]
    #[arg(long, value_name = "ETA", value_parser = above_zero, allow_negative_numbers = true, help_heading = "Method")]
    pub learning_rate: Option<f32>,

    /// How gradient descent finds the neurons that fire; the result is the same, bit by bit
    #[arg(long, value_enum, default_value = "auto", help_heading = "Method")]
    pub lookup: LookupArg,

    /// What the lookup is kept over
    #[arg(long, value_enum, default_value = "data", help_heading = "Method")]
    pub lookup_over: OverArg,

    /// Train the output weights too (gradient, adam)
    #[arg(long, help_heading = "Method")]
    pub train_outputs: bool,

    /// Adversary: the ball that it moves a sample in
    #[arg(long, value_enum, default_value = "l2", help_heading = "Method")]
    pub ball: BallArg,

    /// Adversary: the ball's radius; the prepared rows have norm about 1
    #[arg(long, value_name = "R", default_value_t = 0.3, value_parser = at_least_zero::<f32>, allow_negative_numbers = true, help_heading = "Method")]
    pub radius: f32,

    /// Adversary: steps of an attack in training
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = positive, allow_negative_numbers = true, help_heading = "Method")]
    pub attack_steps: usize,

    /// Adversary: length of its steps [default: 2.5 radius / steps]
    #[arg(long, value_name = "R", value_parser = at_least_zero::<f32>, allow_negative_numbers = true, help_heading = "Method")]
    pub attack_step: Option<f32>,

    /// The step taken on attacked samples
    #[arg(long, value_enum, default_value = "gradient", help_heading = "Method")]
    pub attacked_step: AttackedStepArg,

    /// Attack the trained network too, with 50 steps, and say what it still gets right (classes)
    #[arg(long, help_heading = "Method")]
    pub robust: bool,

    /// Let every class weigh the same, however many rows it has
    #[arg(long, value_enum, default_value = "none", help_heading = "Data")]
    pub class_weights: ClassWeightsArg,

    /// Share of the training rows held out to stop early by; the best step is kept
    #[arg(long, value_name = "F", default_value_t = 0.0, value_parser = fraction, allow_negative_numbers = true, help_heading = "Data")]
    pub validation: f64,

    /// Steps without a better validation error before training stops [default: 5, 50 for gradient and adam]
    #[arg(long, value_name = "K", value_parser = positive, allow_negative_numbers = true, help_heading = "Data")]
    pub patience: Option<usize>,

    /// Cross-validate: train k times, each time tested on another k-th of the rows
    #[arg(long, value_name = "K", value_parser = positive, allow_negative_numbers = true, help_heading = "Data",
        conflicts_with_all = ["out", "plot", "checkpoint", "report"])]
    pub folds: Option<usize>,

    /// File to keep the run in, so that it can be taken up again: every few steps, and when it is interrupted
    #[arg(long, value_name = "FILE", help_heading = "Long runs")]
    pub checkpoint: Option<PathBuf>,

    /// Steps between checkpoints
    #[arg(long, value_name = "K", default_value_t = 10, value_parser = positive, allow_negative_numbers = true, help_heading = "Long runs")]
    pub checkpoint_every: usize,

    /// Go on where the checkpoint is, with the same bits; from the start if there is none yet
    #[arg(long, requires = "checkpoint", help_heading = "Long runs")]
    pub resume: bool,

    /// Memory to keep below, as 500M or 4G: Gauss-Newton goes round in blocks of samples if need be [default: what is free]
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "Long runs")]
    pub memory: Option<u64>,

    /// Threads; the result does not depend on them [default: all, where the program was built with them]
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true, help_heading = "Long runs")]
    pub threads: Option<usize>,

    /// Where to write a report of the run: one page that needs no other file
    #[arg(long, value_name = "REPORT.html", help_heading = "Long runs")]
    pub report: Option<PathBuf>,
}

impl How {
    pub fn attack(&self) -> Attack {
        Attack { ball: self.ball.into(), radius: self.radius, steps: self.attack_steps, step: self.attack_step.unwrap_or(0.0) }
    }

    /// What of this only two-layer networks know, if it was asked for.
    pub fn for_two_layers_alone(&self) -> Option<&'static str> {
        [
            ("--method", self.method != MethodArg::GaussNewton),
            ("--init gaussian", self.init != InitArg::Paired),
            ("--train-outputs", self.train_outputs),
            ("--robust", self.robust),
            ("--class-weights", self.class_weights != ClassWeightsArg::None),
            ("--validation", self.validation > 0.0),
            ("--folds", self.folds.is_some()),
            ("--report", self.report.is_some()),
        ]
        .into_iter()
        .find_map(|(name, asked)| asked.then_some(name))
    }

    /// Whether steps are many and short.
    pub fn is_gradient(&self) -> bool {
        matches!(self.method, MethodArg::Gradient | MethodArg::Adam)
    }
}

/// A choice of the command line that stands for one of the library's.
#[macro_export]
macro_rules! choice {
    ($Name:ident for $Target:ident { $($Variant:ident => $Value:ident),+ $(,)? }) => {
        #[derive(Clone, Copy, ValueEnum, PartialEq, Eq)]
        pub enum $Name { $($Variant),+ }

        impl From<$Name> for $Target {
            fn from(choice: $Name) -> Self {
                match choice { $($Name::$Variant => Self::$Value),+ }
            }
        }
    };
}

choice!(MethodArg for Method { GaussNewton => GaussNewton, Gradient => Gradient, Adam => Adam, Adversarial => Adversarial });
choice!(InitArg for Init { Paired => Paired, Gaussian => Gaussian });
choice!(LookupArg for Lookup {
    Auto => Auto, Dense => Dense, Scan => Scan, Screened => Screened, MaxTree => MaxTree, BallTree => BallTree, Candidates => Candidates,
});
choice!(OverArg for Over { Weights => Weights, Data => Data });
choice!(BallArg for Ball { L2 => L2, LInfinity => LInfinity });
choice!(AttackedStepArg for AttackedStep { GaussNewton => GaussNewton, Gradient => Gradient });

#[derive(Clone, Copy, ValueEnum, PartialEq, Eq)]
pub enum ClassWeightsArg {
    None,
    Balanced,
}

fn above_zero(text: &str) -> Result<f32, String> {
    text.parse().ok().filter(|x: &f32| *x > 0.0 && x.is_finite()).ok_or_else(|| "must be a finite number above 0".into())
}

/// 500M, 4G, 1.5GB: in powers of ten.
fn size(text: &str) -> Result<u64, String> {
    let number = text.trim_end_matches(['b', 'B']);
    let (number, unit) = match number.chars().last() {
        Some('k' | 'K') => (&number[..number.len() - 1], 1e3),
        Some('m' | 'M') => (&number[..number.len() - 1], 1e6),
        Some('g' | 'G') => (&number[..number.len() - 1], 1e9),
        Some('t' | 'T') => (&number[..number.len() - 1], 1e12),
        _ => (number, 1.0),
    };
    let bytes = number.trim().parse::<f64>().ok().map(|x| x * unit).filter(|x| (1e6..1e18).contains(x));
    bytes.map(|x| x as u64).ok_or_else(|| "must be a size of at least a megabyte, like 500M or 4G".into())
}
