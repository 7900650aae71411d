//! `subquad bench`: what the kernels reach on this machine, as shares of what it can do at most.

mod halfspace;
mod kernels;

use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use serde_json::json;
use subquad::Level;

use crate::Failure;
use crate::report::{Out, json};

#[derive(Args)]
pub struct Bench {
    /// Kernels to measure [default: all]
    #[arg(value_enum, value_name = "KERNEL")]
    kernels: Vec<Kernel>,

    /// Level to measure [default: all that this machine has]
    #[arg(long, value_name = "LEVEL")]
    level: Option<Level>,

    /// Seconds for each figure
    #[arg(long, value_name = "S", default_value_t = 0.25, value_parser = seconds)]
    seconds: f64,

    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds".to_string())?;
    if (0.0..=60.0).contains(&seconds) { Ok(seconds) } else { Err("expected 0 to 60 seconds".into()) }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kernel {
    /// Walsh-Hadamard transforms
    Hadamard,
    /// Matrix products
    Gemm,
    /// Cholesky factorisation
    Cholesky,
    /// Jacobian-vector products of the two-layer network, and those with its Gram matrix
    Relu,
    /// The Gram matrix of firing patterns by counting bits
    Pattern,
    /// Conjugate gradients with an operator that costs next to nothing
    Cg,
    /// Sketches of the two-layer network's Jacobian
    Sketch,
    /// Which neurons fire: every structure against the scan
    Halfspace,
}

/// What bounds a kernel.
#[derive(Clone, Copy)]
enum Limit {
    /// Multiply-adds in registers.
    Flops,
    /// Additions in registers.
    Adds,
    /// Counted words in registers.
    Words,
    /// Copies of the same array.
    Copies,
    /// Reads of an array in the first-level cache.
    Reads,
    /// The fused scan in the same run.
    Scan,
}

impl Limit {
    const fn name(self) -> &'static str {
        match self {
            Self::Flops => "multiply-adds",
            Self::Adds => "additions",
            Self::Words => "counted bits",
            Self::Copies => "copy",
            Self::Reads => "reads (L1)",
            Self::Scan => "scan",
        }
    }
}

/// A figure.
struct Row {
    kernel: &'static str,
    case: String,
    level: Level,
    seconds: f64,
    /// Work per second, in units of the limit.
    rate: f64,
    unit: &'static str,
    limit: Limit,
    /// `rate` over that of the limit, measured before and after.
    share: f64,
}

/// The clock, and where figures go.
struct Runner<'a> {
    budget: Duration,
    json: bool,
    out: &'a mut Out,
    rows: Vec<Row>,
}

impl Runner<'_> {
    /// The least seconds that `work` took, within the budget, and at least three times.
    fn time(&self, mut work: impl FnMut()) -> f64 {
        let mut best = f64::INFINITY;
        let start = Instant::now();
        let mut runs = 0;
        while runs < 3 || (start.elapsed() < self.budget && runs < 10_000) {
            // Short work is repeated until the clock sees it.
            let mut times = 1u32;
            let took = loop {
                let start = Instant::now();
                for _ in 0..times {
                    work();
                }
                let took = start.elapsed();
                if took > Duration::from_micros(20) || times >= 1 << 20 {
                    break took.as_secs_f64() / f64::from(times);
                }
                times *= 4;
            };
            best = best.min(took);
            runs += 1;
        }
        best
    }

    fn row(&mut self, row: Row) {
        if self.json {
            self.out.line(&json(&[
                ("kernel", json!(row.kernel)),
                ("case", json!(row.case)),
                ("level", json!(row.level.name())),
                ("seconds", json!(row.seconds)),
                ("rate", json!(row.rate)),
                ("unit", json!(row.unit)),
                ("limit", json!(row.limit.name())),
                ("share", json!(row.share)),
            ]));
        } else {
            let share = match row.limit {
                Limit::Scan => format!("{:>6.2} x the scan", row.share),
                limit => format!("{:>5.0} % of {}", 100.0 * row.share, limit.name()),
            };
            self.out.line(&format!(
                "{:<9} {:<38} {:<7} {:>10} {:>7.2} {:<8} {share}",
                row.kernel,
                row.case,
                row.level.name(),
                time(row.seconds),
                row.rate / 1e9,
                row.unit,
            ));
        }
        self.rows.push(row);
    }
}

/// A duration for people.
fn time(seconds: f64) -> String {
    if seconds < 1e-6 {
        format!("{:.1} ns", seconds * 1e9)
    } else if seconds < 1e-3 {
        format!("{:.2} us", seconds * 1e6)
    } else {
        format!("{:.2} ms", seconds * 1e3)
    }
}

pub fn run(args: &Bench) -> Result<(), Failure> {
    let levels: Vec<Level> = match args.level {
        Some(level) => vec![level],
        None => Level::available().collect(),
    };
    let wants = |kernel| args.kernels.is_empty() || args.kernels.contains(&kernel);
    let mut out = Out::default();
    let mut bench = Runner { budget: Duration::from_secs_f64(args.seconds), json: args.json, out: &mut out, rows: Vec::new() };
    if !args.json {
        bench.out.line("One thread, f32. Every result is checked before it is timed; times are the least of many.");
        bench.out.line(&format!("{:<9} {:<38} {:<7} {:>10} {:>7}", "kernel", "case", "level", "time", "G/s"));
    }
    for &level in &levels {
        kernels::limits(&mut bench, level);
        if wants(Kernel::Hadamard) {
            kernels::hadamard(&mut bench, level)?;
        }
        if wants(Kernel::Gemm) {
            kernels::gemm(&mut bench, level)?;
        }
        if wants(Kernel::Cholesky) {
            kernels::cholesky(&mut bench, level)?;
        }
        if wants(Kernel::Relu) {
            kernels::relu(&mut bench, level)?;
        }
        if wants(Kernel::Pattern) {
            kernels::pattern(&mut bench, level)?;
        }
        if wants(Kernel::Cg) {
            kernels::cg(&mut bench, level)?;
        }
        if wants(Kernel::Sketch) {
            kernels::sketch(&mut bench, level)?;
        }
    }
    if wants(Kernel::Halfspace) {
        halfspace::run(&mut bench, args.level.unwrap_or_else(Level::detect))?;
    }
    if !args.json && bench.rows.iter().any(|row| row.level.name() == "scalar" && !matches!(row.limit, Limit::Scan) && row.share > 1.05) {
        bench.out.line("Scalar limits are those of one number at a time; the compiler packs several into a register where it can: hence shares above 100 %.");
    }
    let verdict = verdict(&bench.rows, &levels);
    let detected = Level::detect();
    if let Some((best, ratio)) = verdict {
        if args.json {
            out.line(&json(&[("best_level", json!(best.name())), ("detected", json!(detected.name())), ("over_the_next", json!(ratio))]));
        } else {
            let verdict = if best == detected {
                "which is what is used without --level".to_string()
            } else {
                format!("but {detected} is used without --level: give --level {best} on this machine")
            };
            out.line(&format!("The fastest level is {best}, {ratio:.2} times the next by the geometric mean, {verdict}."));
        }
    }
    Ok(())
}

/// The fastest level by the geometric mean over the cases that all levels have, and how far ahead of the next it is.
fn verdict(rows: &[Row], levels: &[Level]) -> Option<(Level, f64)> {
    let mut means: Vec<(Level, f64)> = Vec::new();
    for &level in levels {
        let of = |row: &&Row| row.level == level && !matches!(row.limit, Limit::Scan) && row.kernel != "limit";
        let logs: Vec<f64> = rows.iter().filter(of).map(|row| row.seconds.ln()).collect();
        if !logs.is_empty() {
            means.push((level, logs.iter().sum::<f64>() / logs.len() as f64));
        }
    }
    means.sort_by(|a, b| a.1.total_cmp(&b.1));
    match means.as_slice() {
        [first, second, ..] => Some((first.0, (second.1 - first.1).exp())),
        _ => None,
    }
}
