//! `subquad train`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value;
use subquad::train::{
    Chosen, Coding, Columns, Dataset, GaussNewton, Matrix, Model, Prediction, Preparation, PrepareOptions, RowScaling, Score, Split,
    Status, Step, TableOptions, TrainError, Truth, check_writable, read_dataset, read_dataset_from, write_atomically,
};

use crate::Failure;
use crate::args::{Train, keep_apart};
use crate::plot;
use crate::report::{Live, count, counted, images, percent, sci, seconds, sparkline};

/// The built-in data: see digits.LICENSE.md next to it.
const DIGITS: &str = include_str!("digits.csv");
const DIGITS_NAME: &str = "handwritten digits (built in)";

/// Everything that is known before the first step.
struct Problem {
    data: Dataset,
    split: Split,
    preparation: Preparation,
    coding: Coding,
    x: Matrix,
    y: Matrix,
}

pub fn run(args: &Train) -> Result<(), Failure> {
    let outputs = [("--out", args.out.as_deref()), ("--plot", args.plot.as_deref())];
    keep_apart(&outputs, &args.data.as_deref().into_iter().collect::<Vec<_>>())?;
    // Not after an hour of training.
    for path in outputs.into_iter().filter_map(|(_, path)| path) {
        check_writable(path)?;
    }
    let mut live = Live::new(args.json);
    let problem = prepare(args)?;
    check_memory(args, &problem)?;
    let mut builder = GaussNewton::builder()
        .width(args.width)
        .shift(args.shift)
        .preconditioner(args.preconditioner.into())
        .tolerance(args.tolerance)
        .steps(args.steps)
        .seed(args.seed)
        .level(args.level);
    if let Some(damping) = args.damping {
        builder = builder.damping(damping);
    }
    if let Some(rows) = args.sketch_rows {
        builder = builder.sketch_rows(rows);
    }
    if let Some(step) = args.faithful {
        builder = builder.faithful(step.into());
    }
    let chosen = builder.chosen_preconditioner(problem.x.rows(), problem.x.cols(), problem.y.cols());
    let start = Instant::now();
    let mut trainer = builder.build(problem.x.as_ref(), problem.y.as_ref())?;
    introduce(&mut live, args, &problem, &chosen);
    let first = trainer.train_mse();
    live.head(first);
    let mut steps: Vec<Step> = Vec::new();
    let interrupted = loop {
        match trainer.step_with(&mut |progress| live.progress(progress)) {
            Ok(Some(step)) => {
                live.step(&step);
                steps.push(step);
            }
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    live.end_of_steps();
    let spent = start.elapsed().as_secs_f64();
    let status = trainer.status();
    if let Some(error) = interrupted {
        return Err(rescue(args, &mut live, &problem, &trainer, steps.len(), error));
    }

    let Problem { data, split, preparation, coding, .. } = &problem;
    let columns: Columns = data.columns().clone();
    let model = Model::new(columns, preparation.clone(), coding.clone(), args.shift, trainer.weights(), trainer.signs())?;
    drop(trainer);
    // Saved first: whatever fails from here on, the model is there.
    let mut faults = Vec::new();
    if let Some(out) = &args.out {
        faults.extend(save(&model, out));
    }
    let on = |rows: &[usize]| -> Result<(Matrix, Score, Vec<Truth>), TrainError> {
        let truth = coding.truth(data.target(), rows)?;
        let outputs = model.outputs(args.level, data.features(), rows)?;
        let score = coding.score(&outputs, &truth)?;
        Ok((outputs, score, truth))
    };
    let (_, train, _) = on(&split.train)?;
    let train = Score { mse: steps.last().map_or(train.mse, |step| step.train_mse), ..train };
    let test = if split.test.is_empty() { None } else { Some(on(&split.test)?) };
    let test_score = test.as_ref().map(|(_, score, _)| *score);
    live.event(&[
        ("event", "done".into()),
        ("steps", steps.len().into()),
        ("train_mse", train.mse.into()),
        ("train_accuracy", train.accuracy().into()),
        ("test_mse", test_score.map(|score| score.mse).into()),
        ("test_accuracy", test_score.and_then(|score| score.accuracy()).into()),
        ("seconds", spent.into()),
        ("level", args.level.name().into()),
        ("preconditioner", chosen.name().into()),
        ("preconditioner_reason", chosen.reason.clone().into()),
        ("samples", data.rows().into()),
        ("features", data.features().cols().into()),
        ("outputs", coding.outputs().into()),
        ("width", args.width.into()),
        ("train_samples", split.train.len().into()),
        ("test_samples", split.test.len().into()),
        (
            "status",
            Value::from(match status {
                Status::Converged => "converged",
                Status::StepLimit => "step limit",
                Status::Settled => "settled",
                Status::Stalled => "stalled",
                _ => "running",
            }),
        ),
    ]);
    if let Some(path) = &args.plot {
        let title = format!("{}, width {}", data.source(), count(args.width));
        let drawn =
            plot::draw(&title, first, &steps, args.tolerance).map_err(|problem| format!("cannot draw {}: {problem}", path.display()));
        faults.extend(drawn.and_then(|svg| write_atomically(path, svg.as_bytes()).map_err(|error| error.to_string())).err());
    }

    let mut mses = vec![first];
    mses.extend(steps.iter().map(|step| step.train_mse));
    conclude(&mut live, args, status, &mses, spent);
    scores(&mut live, &train, test_score.as_ref());
    if let Some((outputs, score, truth)) = &test {
        if coding.is_classes() {
            confusions(&mut live, &problem, outputs, truth, args.data.is_none());
        } else {
            variance(&mut live, args, &problem, score, truth);
        }
    }
    farewell(&mut live, args, faults.is_empty());
    if faults.is_empty() { Ok(()) } else { Err(Failure::Fault(faults.join("\nerror: "))) }
}

fn prepare(args: &Train) -> Result<Problem, Failure> {
    let options = TableOptions { target: args.target.clone(), task: args.task.into(), header: args.header.into() };
    let data = match &args.data {
        Some(path) => read_dataset(path, &options)?,
        None => read_dataset_from(DIGITS.as_bytes(), DIGITS_NAME, &options)?,
    };
    let split = data.split(args.test_fraction, args.seed)?;
    let options = PrepareOptions { columns: args.columns.into(), rows: args.rows.into(), ..PrepareOptions::default() };
    let preparation = Preparation::fit(data.features(), &split.train, options)?;
    let coding = Coding::fit(data.target(), &split.train)?;
    let x = preparation.apply(data.features(), &split.train)?;
    let y = coding.encode(data.target(), &split.train)?;
    Ok(Problem { data, split, preparation, coding, x, y })
}

/// Refuses what this machine's memory cannot hold, where it says how much it has: nothing is gained by being killed.
fn check_memory(args: &Train, problem: &Problem) -> Result<(), Failure> {
    let (n, d, c, m) = (problem.x.rows() as f64, problem.x.cols() as f64, problem.y.cols() as f64, args.width as f64);
    // Weights, their proposal, their start or a step; the inputs twice; the factor and its Gram matrix; two patterns.
    let needed = 4.0 * (3.0 * m * d + m * c + 2.0 * n * d + 8.0 * n * c + 2.0 * n * n) + n * m / 4.0;
    let Ok(about) = std::fs::read_to_string("/proc/meminfo") else { return Ok(()) };
    let available = about.lines().find_map(|line| line.strip_prefix("MemAvailable:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    match available.map(|kilobytes| 1024.0 * kilobytes) {
        Some(bytes) if needed > bytes => Err(Failure::Fault(format!(
            "{} rows at width {} need about {:.1} GB of memory, {:.1} GB are free: choose a smaller --width",
            count(problem.x.rows()),
            count(args.width),
            needed / 1e9,
            bytes / 1e9
        ))),
        _ => Ok(()),
    }
}

fn introduce(live: &mut Live, args: &Train, problem: &Problem, chosen: &Chosen) {
    let Problem { data, split, preparation, coding, x, y } = problem;
    let target = &data.columns().target;
    let what = match coding {
        Coding::Classes { labels } => format!("{} ('{target}')", counted(labels.len(), "class", "classes")),
        _ => format!("a number ('{target}')"),
    };
    let ignored: Vec<String> = preparation.ignored().filter_map(|j| data.columns().features.get(j).cloned()).collect();
    let columns = if preparation.is_zscore() { "columns z-scored" } else { "columns centred" };
    let rows = if preparation.rows() == RowScaling::Unit { "each row scaled to norm 1" } else { "all rows scaled by one factor" };
    let ignored = match ignored.len() {
        0 => String::new(),
        1..=4 => format!("; constant, so ignored: {}", ignored.join(", ")),
        more => format!("; {more} constant columns ignored"),
    };
    let header = if data.columns().named { "" } else { ", no header" };
    live.say(&format!("subquad {}: a wide two-layer ReLU network, trained by Gauss-Newton", env!("CARGO_PKG_VERSION")));
    live.say("");
    let features = counted(data.features().cols(), "feature", "features");
    live.say(&format!("  data       {}: {} rows, {features}{header}", data.source(), count(data.rows())));
    live.say(&format!("  target     {what}"));
    live.say(&format!("  split      {} to train, {} to test (seed {})", count(split.train.len()), count(split.test.len()), args.seed));
    live.say(&format!("  prepared   {columns}, {rows}{ignored}"));
    let weights = count(args.width.saturating_mul(x.cols()));
    live.say(&format!("  network    {} -> {} -> {}, {weights} weights to train", x.cols(), count(args.width), y.cols()));
    live.say(&format!("  machine    {}", args.level));
    live.say(&format!("  systems    preconditioner {}: {}", chosen.name(), chosen.reason));
    live.say("");
}

/// What to do when a step fails: keep what the steps before it have learnt.
fn rescue(args: &Train, live: &mut Live, problem: &Problem, trainer: &GaussNewton, steps: usize, error: TrainError) -> Failure {
    if let Some(out) = args.out.as_deref().filter(|_| steps > 0) {
        let (columns, preparation, coding) = (problem.data.columns().clone(), problem.preparation.clone(), problem.coding.clone());
        if let Ok(model) = Model::new(columns, preparation, coding, args.shift, trainer.weights(), trainer.signs()) {
            match save(&model, out) {
                None => live.warn(&format!("the model after {} is saved in {}", counted(steps, "step", "steps"), out.display())),
                Some(fault) => live.warn(&format!("error: {fault}")),
            }
        }
    }
    error.into()
}

/// Saves the model: where it was asked for, or else somewhere. What went wrong, if something did.
fn save(model: &Model, out: &Path) -> Option<String> {
    let fault = model.save(out).err()?;
    let name = format!("subquad-{}.safetensors", std::process::id());
    for directory in [PathBuf::from("."), std::env::temp_dir()] {
        let path = directory.join(&name);
        if model.save(&path).is_ok() {
            return Some(format!("{fault}; the model is in {} instead", path.display()));
        }
    }
    Some(format!("{fault}; the model is lost, no other place took it either"))
}

fn conclude(live: &mut Live, args: &Train, status: Status, mses: &[f64], spent: f64) {
    let (steps, last) = (counted(mses.len() - 1, "step", "steps"), sci(mses.last().copied().unwrap_or(f64::NAN)));
    let goal = sci(args.tolerance);
    live.say("");
    live.say(&match status {
        Status::Converged => format!("Reached a training MSE of {last} (goal {goal}) in {steps} and {}.", seconds(spent)),
        Status::Stalled => {
            format!("No step lowers the loss any more: training MSE {last} (goal {goal}) after {steps} and {}.", seconds(spent))
        }
        _ => format!("Took all of {steps} in {}: training MSE {last}, goal {goal}; more with --steps.", seconds(spent)),
    });
    live.say(&format!("  {}   log MSE, start to end", sparkline(mses)));
    live.say("");
}

fn scores(live: &mut Live, train: &Score, test: Option<&Score>) {
    let named = [("training", Some(train)), ("test", test)];
    live.say(if train.correct.is_some() { "                   MSE    accuracy" } else { "                   MSE   (target z-scored)" });
    for (name, score) in named {
        let Some(score) = score else { continue };
        let accuracy =
            score.correct.map(|correct| format!("   {:>9}   ({} of {})", percent(correct, score.rows), count(correct), count(score.rows)));
        live.say(&format!("  {name:<10} {:>9}{}", sci(score.mse), accuracy.unwrap_or_default()));
    }
}

/// How much of the target's variance the model explains on the test rows, and how far off it is in the target's own units.
fn variance(live: &mut Live, args: &Train, problem: &Problem, score: &Score, truth: &[Truth]) {
    let Coding::Values { names, deviations, .. } = &problem.coding else { return };
    let ([_], [deviation]) = (&names[..], &deviations[..]) else { return };
    let values: Vec<f64> = truth.iter().filter_map(|truth| if let Truth::Values(v) = truth { v.first().copied() } else { None }).collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let spread = values.iter().map(|x| ((x - mean) / deviation).powi(2)).sum::<f64>() / values.len() as f64;
    let typical = score.mse.sqrt() * deviation;
    live.say("");
    let explained = 100.0 * (1.0 - score.mse / spread);
    if values.len() < 2 || !explained.is_finite() {
        live.say(&format!("On the test rows it is typically off by {}.", sci(typical)));
    } else if explained > 0.0 {
        live.say(&format!("On the test rows it explains {explained:.0} % of the variance and is typically off by {}.", sci(typical)));
    } else {
        live.say(&format!("On the test rows it does no better than their mean; it is typically off by {}.", sci(typical)));
    }
    // Interpolating noisy targets costs test accuracy; there is a remedy.
    if args.damping.is_none() && score.mse > 0.05 && score.mse > 0.5 * spread && problem.data.rows() > 20 {
        live.say("If the target is noisy, a fixed damping smooths: try --damping 1, or more.");
    }
}

fn confusions(live: &mut Live, problem: &Problem, outputs: &Matrix, truth: &[Truth], digits: bool) {
    let Coding::Classes { labels } = &problem.coding else { return };
    let mut pairs: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (i, truth) in truth.iter().enumerate() {
        if let (Truth::Class(is), Prediction::Class { index: read, .. }) = (truth, problem.coding.decode(outputs.row(i)))
            && *is != read
        {
            *pairs.entry((*is, read)).or_default() += 1;
            wrong.push((problem.split.test[i], *is, read));
        }
    }
    live.say("");
    if wrong.is_empty() {
        live.say("Not one test row is wrong.");
        return;
    }
    let mut pairs: Vec<((usize, usize), usize)> = pairs.into_iter().collect();
    pairs.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    let shown: Vec<String> = pairs
        .iter()
        .take(4)
        .map(|((is, read), times)| {
            format!("{} for {}{}", labels[*is], labels[*read], if *times > 1 { format!(" ({times} times)") } else { String::new() })
        })
        .collect();
    live.say(&format!("Mistaken: {}{}", shown.join(", "), if pairs.len() > 4 { ", .." } else { "." }));
    if digits {
        let shown: Vec<(String, &[f32])> = wrong
            .iter()
            .take(3)
            .map(|&(row, is, read)| (format!("a {}, read as {}", labels[is], labels[read]), problem.data.features().row(row)))
            .collect();
        live.say("");
        for line in images(&shown) {
            live.say(&format!("  {line}"));
        }
    }
}

fn farewell(live: &mut Live, args: &Train, whole: bool) {
    live.say("");
    if whole && let Some(out) = &args.out {
        live.say(&format!("Model saved in {0}. Use it: subquad predict {0} DATA.csv", out.display()));
    } else if args.out.is_none() {
        live.say("Keep the network with --out MODEL.safetensors; `subquad train --help` lists all there is.");
    }
    if whole && let Some(plot) = &args.plot {
        live.say(&format!("Course of the training drawn in {}.", plot.display()));
    }
}
