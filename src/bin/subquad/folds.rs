//! `subquad train --folds`: cross-validation.

use subquad::train::{Model, Score};

use crate::Failure;
use crate::args::Train;
use crate::interrupt;
use crate::problem::{Problem, introduce, read};
use crate::report::{Live, percent, sci, seconds};

/// Trains once for every fold, each time tested on the rows that were left out, and sums up.
pub fn run(args: &Train, folds: usize) -> Result<(), Failure> {
    let mut live = Live::new(args.json);
    let data = read(args)?;
    let splits = data.folds(folds, args.seed)?;
    let mut scores: Vec<Score> = Vec::new();
    for (k, split) in splits.into_iter().enumerate() {
        let problem = Problem::new(args, data.clone(), split)?;
        if k == 0 {
            introduce(&mut live, args, &problem);
            let classes = if problem.coding.is_classes() { "    accuracy" } else { "" };
            live.say(&format!("  fold   steps   training MSE   test MSE{classes}       time"));
        }
        let begun = std::time::Instant::now();
        let mut run = problem.run(args)?;
        while run.step_with(&mut |progress| live.progress(progress))?.is_some() {
            if interrupt::asked() {
                live.end_of_steps();
                return Err(Failure::Interrupted(format!("interrupted in fold {} of {folds}", k + 1)));
            }
        }
        let (weights, signs) = run.network();
        let model = Model::new(data.columns().clone(), problem.preparation.clone(), problem.coding.clone(), args.shift, weights, signs)?;
        let truth = problem.coding.truth(data.target(), &problem.split.test)?;
        let score = model.score(args.level, data.features(), &problem.split.test, &truth)?;
        let spent = begun.elapsed().as_secs_f64();
        let steps = run.history().len();
        live.event(&[
            ("event", "fold".into()),
            ("fold", (k + 1).into()),
            ("steps", steps.into()),
            ("status", run.status().name().into()),
            ("train_mse", run.train_mse().into()),
            ("test_mse", score.mse.into()),
            ("test_accuracy", score.accuracy().into()),
            ("seconds", spent.into()),
        ]);
        let accuracy = score.correct.map_or(String::new(), |correct| format!("   {:>9}", percent(correct, score.rows)));
        let (train, test) = (sci(run.train_mse()), sci(score.mse));
        live.say(&format!("  {:>4}   {steps:>5}   {train:>12}   {test:>8}{accuracy}   {:>8}", k + 1, seconds(spent)));
        scores.push(score);
    }
    live.end_of_steps();
    let (mean, deviation) = moments(scores.iter().map(|score| score.mse));
    let accuracies: Vec<f64> = scores.iter().filter_map(Score::accuracy).collect();
    let (accuracy, spread) = moments(accuracies.iter().copied());
    live.say("");
    live.say(&format!("Test MSE {} on average over {folds} folds, standard deviation {}.", sci(mean), sci(deviation)));
    let classes = !accuracies.is_empty();
    if classes {
        live.say(&format!("Accuracy {:.2} %, standard deviation {:.2} points.", 100.0 * accuracy, 100.0 * spread));
    } else {
        // Targets are z-scored by the rest of the rows, so that their variance is next to 1.
        live.say(&format!("About {:.0} % of the variance is explained.", 100.0 * (1.0 - mean)));
    }
    let some = |x: f64| serde_json::Value::from(if classes { Some(x) } else { None });
    live.event(&[
        ("event", "done".into()),
        ("folds", folds.into()),
        ("test_mse", mean.into()),
        ("test_mse_deviation", deviation.into()),
        ("test_accuracy", some(accuracy)),
        ("test_accuracy_deviation", some(spread)),
    ]);
    Ok(())
}

fn moments(x: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = x.clone().count() as f64;
    let mean = x.clone().sum::<f64>() / n;
    (mean, (x.map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt())
}
