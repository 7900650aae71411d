//! `subquad train`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use subquad::train::{
    Attack, Chosen, Coding, Columns, Matrix, Model, Prediction, Score, Status, Step, TrainError, Truth, TwoLayer, check_writable,
    write_atomically,
};

use crate::Failure;
use crate::args::{Train, keep_apart};
use crate::how::{BallArg, MethodArg};
use crate::page::{self, Findings};
use crate::problem::{Problem, introduce, read};
use crate::report::{Live, count, counted, images, percent, sci, seconds, sparkline};
use crate::{folds, interrupt, plot};

pub fn run(args: &Train) -> Result<(), Failure> {
    let outputs = [
        ("--out", args.out.as_deref()),
        ("--plot", args.plot.as_deref()),
        ("--checkpoint", args.how.checkpoint.as_deref()),
        ("--report", args.how.report.as_deref()),
    ];
    keep_apart(&outputs, &args.data.as_deref().into_iter().collect::<Vec<_>>())?;
    // Not after an hour of training.
    for path in outputs.into_iter().filter_map(|(_, path)| path) {
        check_writable(path)?;
    }
    interrupt::listen();
    if let Some(k) = args.how.folds {
        return folds::run(args, k);
    }
    let mut live = Live::new(args.json);
    let data = read(args)?;
    let split = data.split(args.test_fraction, args.seed)?;
    let problem = Problem::new(args, data, split)?;
    let chosen = problem.preconditioner(args);

    if let (Some(n @ 2..), false) = (args.how.threads, cfg!(feature = "parallel")) {
        live.warn(&format!("note: this program was built without threads, so --threads {n} is one; build it with --features cli,parallel"));
    }
    // What cannot be is refused before anything is said.
    let start = Instant::now();
    let mut trainer = problem.run(args)?;
    introduce(&mut live, args, &problem);
    let first = trainer.first_mse();
    take_up(args, &mut live, &mut trainer)?;
    live.head(first, !problem.validation.is_empty());
    let mut since = 0;
    let interrupted = loop {
        match trainer.step_with(&mut |progress| live.progress(progress)) {
            Ok(Some(step)) => {
                live.step(&step);
                since += 1;
            }
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
        let asked = interrupt::asked();
        if let Some(path) = args.how.checkpoint.as_deref().filter(|_| asked || since >= args.how.checkpoint_every) {
            trainer.save_checkpoint(path)?;
            since = 0;
        }
        if asked {
            live.end_of_steps();
            return Err(broken_off(args, &mut live, &problem, &trainer));
        }
    };
    // The end, too, is something to take up: with more steps, or another tolerance.
    if let (Some(path), None) = (&args.how.checkpoint, &interrupted) {
        trainer.save_checkpoint(path)?;
    }
    let steps: Vec<Step> = trainer.history().to_vec();
    live.end_of_steps();
    let spent = start.elapsed().as_secs_f64();
    let status = trainer.status();
    if let Some(error) = interrupted {
        return Err(rescue(args, &mut live, &problem, &trainer, steps.len(), error));
    }

    let Problem { data, split, preparation, coding, .. } = &problem;
    let columns: Columns = data.columns().clone();
    let best = trainer.best().map(|(step, mse, ..)| (step, mse));
    let (weights, signs) = trainer.network();
    let model = Model::new(columns, preparation.clone(), coding.clone(), args.shift, weights, signs)?;
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
    // The same number as in the last line, where that is of these weights.
    let same = best.is_none_or(|(step, _)| step == steps.len()) && problem.weights.is_empty();
    let train = Score { mse: steps.last().filter(|_| same).map_or(train.mse, |step| step.train_mse), ..train };
    let test = if split.test.is_empty() { None } else { Some(on(&split.test)?) };
    let test_score = test.as_ref().map(|(_, score, _)| *score);
    let robust = if args.how.robust || args.how.method == MethodArg::Adversarial { robustness(args, &problem, &model)? } else { None };
    live.event(&[
        ("event", "done".into()),
        ("steps", steps.len().into()),
        ("train_mse", train.mse.into()),
        ("train_accuracy", train.accuracy().into()),
        ("test_mse", test_score.map(|score| score.mse).into()),
        ("test_accuracy", test_score.and_then(|score| score.accuracy()).into()),
        ("seconds", spent.into()),
        ("level", args.level.name().into()),
        ("preconditioner", chosen.as_ref().map(Chosen::name).into()),
        ("preconditioner_reason", chosen.as_ref().map(|chosen| chosen.reason.clone()).into()),
        ("samples", data.rows().into()),
        ("features", data.features().cols().into()),
        ("outputs", coding.outputs().into()),
        ("width", args.width.into()),
        ("train_samples", split.train.len().into()),
        ("test_samples", split.test.len().into()),
        ("status", if status == Status::Running { "stalled" } else { status.name() }.into()),
        ("robust_accuracy", robust.map(|(held, of)| held as f64 / of as f64).into()),
        ("best_step", best.map(|(step, _)| step).into()),
        ("validation_mse", best.map(|(_, mse)| mse).into()),
    ]);
    if let Some(path) = &args.plot {
        let title = format!("{}, width {}", data.source(), count(args.width));
        let drawn =
            plot::draw(&title, first, &steps, args.tolerance).map_err(|problem| format!("cannot draw {}: {problem}", path.display()));
        faults.extend(drawn.and_then(|svg| write_atomically(path, svg.as_bytes()).map_err(|error| error.to_string())).err());
    }

    if let Some(path) = &args.how.report {
        let found = Findings {
            problem: &problem,
            first,
            steps: &steps,
            status: status.name(),
            seconds: spent,
            train,
            test: test.as_ref().map(|(outputs, score, truth)| (outputs, *score, &truth[..])),
            robust,
        };
        let written = page::write(args, &found).map_err(|problem| format!("cannot write {}: {problem}", path.display()));
        faults.extend(written.and_then(|page| write_atomically(path, page.as_bytes()).map_err(|error| error.to_string())).err());
    }

    let mut mses = vec![first];
    mses.extend(steps.iter().map(|step| step.train_mse));
    conclude(&mut live, args, status, &mses, spent);
    if let Some((step, mse)) = best {
        live.say(&format!("Kept: step {step}, the best on the validation rows (MSE {}).", sci(mse)));
        live.say("");
    }
    scores(&mut live, &train, test_score.as_ref());
    if let Some((held, of)) = robust {
        let (ball, radius) = (if args.how.ball == BallArg::L2 { "Euclidean ball" } else { "cube" }, args.how.radius);
        let (share, held, of) = (percent(held, of), count(held), count(of));
        live.say(&format!(
            "  attacked             {share:>9}   ({held} of {of} hold in a {ball} of radius {radius}, {EVALUATION_STEPS} steps)"
        ));
    }
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

/// Steps of an attack that judges.
const EVALUATION_STEPS: usize = 50;

/// How many test rows (training rows, where there are none) hold under attack; nothing for numbers.
fn robustness(args: &Train, problem: &Problem, model: &Model) -> Result<Option<(usize, usize)>, Failure> {
    let Problem { data, split, coding, .. } = problem;
    if !coding.is_classes() {
        return Ok(None);
    }
    let rows = if split.test.is_empty() { &split.train } else { &split.test };
    let attack = Attack { steps: EVALUATION_STEPS, step: 0.0, ..args.how.attack() };
    let held = model.robust(args.level, data.features(), rows, &coding.truth(data.target(), rows)?, attack)?;
    Ok(Some((held.iter().filter(|&&held| held).count(), rows.len())))
}

/// Goes on where the checkpoint is, if that is wanted and there is one.
fn take_up(args: &Train, live: &mut Live, trainer: &mut TwoLayer) -> Result<(), Failure> {
    let Some(path) = args.how.checkpoint.as_deref().filter(|path| args.how.resume && path.metadata().is_ok_and(|m| m.len() > 0)) else {
        return Ok(());
    };
    trainer.load_checkpoint(path)?;
    let steps = trainer.history().len();
    live.say(&format!("Taken up after {} from {}.", counted(steps, "step", "steps"), path.display()));
    live.say("");
    live.event(&[("event", "resumed".into()), ("step", steps.into()), ("train_mse", trainer.train_mse().into())]);
    Ok(())
}

/// What to say when somebody ends the run, and what to keep.
fn broken_off(args: &Train, live: &mut Live, problem: &Problem, trainer: &TwoLayer) -> Failure {
    let steps = counted(trainer.history().len(), "step", "steps");
    let mut kept = Vec::new();
    if let Some(path) = &args.how.checkpoint {
        kept.push(format!("the run is in {0}: go on with --checkpoint {0} --resume", path.display()));
    }
    if let Some(out) = &args.out {
        let (weights, signs) = trainer.network();
        let (columns, preparation, coding) = (problem.data.columns().clone(), problem.preparation.clone(), problem.coding.clone());
        match Model::new(columns, preparation, coding, args.shift, weights, signs).map(|model| save(&model, out)) {
            Ok(None) => kept.push(format!("the model is in {}", out.display())),
            Ok(Some(fault)) => live.warn(&format!("error: {fault}")),
            Err(error) => live.warn(&format!("error: {error}")),
        }
    }
    let kept = if kept.is_empty() { "nothing of it is kept, for want of --checkpoint or --out".into() } else { kept.join("; ") };
    Failure::Interrupted(format!("interrupted after {steps}; {kept}"))
}

/// What to do when a step fails: keep what the steps before it have learnt.
fn rescue(args: &Train, live: &mut Live, problem: &Problem, trainer: &TwoLayer, steps: usize, error: TrainError) -> Failure {
    if let Some(out) = args.out.as_deref().filter(|_| steps > 0) {
        let (columns, preparation, coding) = (problem.data.columns().clone(), problem.preparation.clone(), problem.coding.clone());
        let (weights, signs) = trainer.network();
        if let Ok(model) = Model::new(columns, preparation, coding, args.shift, weights, signs) {
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
        Status::Stopped => {
            format!("Stopped after {steps} and {}: the validation error falls no more; training MSE {last}.", seconds(spent))
        }
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
    if whole && let Some(report) = &args.how.report {
        live.say(&format!("Report of the run written to {}.", report.display()));
    }
}
