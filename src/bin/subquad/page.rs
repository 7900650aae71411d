//! `--report`: the run on one page of HTML that needs no other file.

use std::fmt::Write as _;

use subquad::train::{Coding, Matrix, Prediction, Score, Step, Truth};

use crate::args::Train;
use crate::plot;
use crate::problem::Problem;
use crate::report::{percent, sci, seconds};

/// What a run has found out.
pub struct Findings<'a> {
    pub problem: &'a Problem,
    pub first: f64,
    pub steps: &'a [Step],
    pub status: &'a str,
    pub seconds: f64,
    pub train: Score,
    /// Outputs, score and truth of the test rows, if there are any.
    pub test: Option<(&'a Matrix, Score, &'a [Truth])>,
    pub robust: Option<(usize, usize)>,
}

/// Worst rows that are listed.
const WORST: usize = 20;
/// A confusion matrix of more classes than this is no table any more.
const MOST_CLASSES: usize = 40;

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn row(to: &mut String, name: &str, value: &str) {
    let _ = writeln!(to, "<tr><th>{}</th><td>{}</td></tr>", escape(name), escape(value));
}

/// An SVG as part of a page: without what makes it a document.
fn inline(svg: &str) -> &str {
    svg.find("<svg").map_or("", |at| &svg[at..])
}

/// The whole page.
pub fn write(args: &Train, found: &Findings<'_>) -> Result<String, String> {
    let Problem { data, split, validation, coding, x, y, .. } = found.problem;
    let mut page = String::from(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>subquad: a training run</title><style>\n\
         body{font:15px/1.45 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}\n\
         table{border-collapse:collapse;margin:.7em 0}th,td{padding:.15em .8em .15em 0;text-align:left;vertical-align:top}\n\
         td.n,th.n{text-align:right;padding:.15em .5em;font-variant-numeric:tabular-nums}td.d{background:#dbe9ff}td.x{background:#ffdcd6}\n\
         h2{margin-top:1.6em;font-size:1.15em;border-bottom:1px solid #ccc}svg{max-width:100%;height:auto}\n</style></head><body>\n",
    );
    let _ = writeln!(page, "<h1>{}</h1>", escape(data.source()));
    let _ = writeln!(page, "<h2>Result</h2><table>");
    row(&mut page, "ended", &format!("{} after {} steps and {}", found.status, found.steps.len(), seconds(found.seconds)));
    let mut score = |name: &str, score: &Score| {
        let accuracy =
            score.correct.map_or(String::new(), |right| format!(", accuracy {} ({right} of {})", percent(right, score.rows), score.rows));
        row(&mut page, name, &format!("MSE {}{accuracy}", sci(score.mse)));
    };
    score("training rows", &found.train);
    if let Some((_, test, _)) = &found.test {
        score("test rows", test);
    }
    if let Some((held, of)) = found.robust {
        row(&mut page, "under attack", &format!("{} of the rows hold ({held} of {of}), radius {}", percent(held, of), args.how.radius));
    }
    page += "</table>\n<h2>Settings</h2><table>\n";
    row(&mut page, "program", concat!("subquad ", env!("CARGO_PKG_VERSION")));
    row(&mut page, "command line", &std::env::args().skip(1).collect::<Vec<_>>().join(" "));
    row(&mut page, "target", &data.target().name());
    let kept =
        format!("{} to train, {} to validate, {} to test (seed {})", split.train.len(), validation.len(), split.test.len(), args.seed);
    row(&mut page, "rows", &kept);
    row(&mut page, "network", &format!("{} inputs, {} neurons, {} outputs, shift {}", x.cols(), args.width, y.cols(), args.shift));
    row(&mut page, "damping", &args.damping.map_or("only as the steps need it".into(), |mu| mu.to_string()));
    row(&mut page, "limits", &format!("{} steps, training MSE {}", args.steps(), sci(args.tolerance)));
    row(&mut page, "instruction set", &args.level.to_string());
    page += "</table>\n<h2>Course</h2>\n";
    let drawn = plot::draw("", found.first, found.steps, args.tolerance).map_err(|problem| problem.to_string())?;
    page += inline(&drawn);
    if let Some((outputs, _, truth)) = &found.test {
        match coding {
            Coding::Classes { labels } => confusion(&mut page, labels, coding, outputs, truth),
            _ => residuals(&mut page, coding, outputs, truth)?,
        }
        worst(&mut page, found.problem, outputs, truth);
    }
    page += "</body></html>\n";
    Ok(page)
}

/// Rows are what is true, columns what was read.
fn confusion(page: &mut String, labels: &[String], coding: &Coding, outputs: &Matrix, truth: &[Truth]) {
    let k = labels.len();
    if k > MOST_CLASSES {
        return;
    }
    let mut counts = vec![0usize; k * k];
    for (i, truth) in truth.iter().enumerate() {
        if let (Truth::Class(is), Prediction::Class { index, .. }) = (truth, coding.decode(outputs.row(i))) {
            counts[is * k + index] += 1;
        }
    }
    *page += "\n<h2>Test rows: true class by row, predicted class by column</h2>\n<table><tr><th></th>";
    for label in labels {
        let _ = write!(page, "<th class=\"n\">{}</th>", escape(label));
    }
    *page += "</tr>\n";
    for (is, label) in labels.iter().enumerate() {
        let _ = write!(page, "<tr><th>{}</th>", escape(label));
        for read in 0..k {
            let class = match (is == read, counts[is * k + read]) {
                (true, _) => "n d",
                (false, 0) => "n",
                _ => "n x",
            };
            let _ = write!(page, "<td class=\"{class}\">{}</td>", counts[is * k + read]);
        }
        *page += "</tr>\n";
    }
    *page += "</table>\n";
}

/// For each target what was predicted against what is true.
fn residuals(page: &mut String, coding: &Coding, outputs: &Matrix, truth: &[Truth]) -> Result<(), String> {
    let Coding::Values { names, .. } = coding else { return Ok(()) };
    *page += "\n<h2>Test rows: predicted against true</h2>\n";
    for (o, name) in names.iter().enumerate() {
        let mut points = Vec::new();
        for (i, truth) in truth.iter().enumerate() {
            if let (Truth::Values(is), Prediction::Values(read)) = (truth, coding.decode(outputs.row(i))) {
                points.push((is[o], read[o]));
            }
        }
        if !points.is_empty() {
            *page += inline(&plot::predictions(name, &points).map_err(|problem| problem.to_string())?);
        }
    }
    Ok(())
}

/// The test rows that are furthest off.
fn worst(page: &mut String, problem: &Problem, outputs: &Matrix, truth: &[Truth]) {
    let Problem { data, split, coding, .. } = problem;
    let mut rows: Vec<(f64, usize, String, String)> = Vec::new();
    for (i, truth) in truth.iter().enumerate() {
        let Ok(alone) = Matrix::new(outputs.row(i).to_vec(), 1, outputs.cols()) else { continue };
        let Ok(code) = coding.score(&alone, std::slice::from_ref(truth)) else { continue };
        let is = match (truth, coding) {
            (Truth::Class(class), Coding::Classes { labels }) => labels[*class].clone(),
            (Truth::Values(values), _) => values.iter().map(|x| sci(*x)).collect::<Vec<_>>().join(", "),
            _ => continue,
        };
        let read = match coding.decode(outputs.row(i)) {
            Prediction::Class { label, .. } => label,
            Prediction::Values(values) => values.iter().map(|x| sci(*x)).collect::<Vec<_>>().join(", "),
            other => other.to_string(),
        };
        rows.push((code.mse, split.test[i], is, read));
    }
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    *page +=
        "\n<h2>Worst test rows</h2>\n<table><tr><th class=\"n\">line</th><th class=\"n\">MSE</th><th>true</th><th>predicted</th></tr>\n";
    for (mse, at, is, read) in rows.into_iter().take(WORST) {
        let line = data.line(at).map_or_else(|| (at + 1).to_string(), |line| line.to_string());
        let (mark, is, read) = (if is == read { "" } else { " class=\"x\"" }, escape(&is), escape(&read));
        let _ = writeln!(page, "<tr><td class=\"n\">{line}</td><td class=\"n\">{}</td><td>{is}</td><td{mark}>{read}</td></tr>", sci(mse));
    }
    *page += "</table>\n";
}
