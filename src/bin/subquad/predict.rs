//! `subquad predict`.

use std::io::{ErrorKind, Write};
use std::path::Path;

use subquad::train::{Coding, Model, Prediction, check_writable, read_rows, write_atomically};

use crate::Failure;
use crate::args::{Predict, keep_apart};
use crate::report::{count, percent, sci};

pub fn run(args: &Predict) -> Result<(), Failure> {
    keep_apart(&[("--out", args.out.as_deref())], &[&args.model, &args.data])?;
    if let Some(out) = &args.out {
        check_writable(out)?;
    }
    if subquad::train::DeepModel::is_one(&args.model) {
        return crate::deep::predict(args);
    }
    let model = Model::load(&args.model)?;
    let rows = read_rows(&args.data, args.header.into(), model.columns(), model.coding())?;
    let all: Vec<usize> = (0..rows.features.rows()).collect();
    let outputs = model.outputs(args.level, &rows.features, &all)?;
    let text = lines(&model, (0..outputs.rows()).map(|i| model.coding().decode(outputs.row(i))))?;
    write(args.out.as_deref(), &text)?;

    let mut notes = Vec::new();
    if let Some(truth) = &rows.truth {
        let score = model.coding().score(&outputs, truth)?;
        if let Some(correct) = score.correct.filter(|_| score.rows > 0) {
            notes.push(format!("accuracy {} ({} of {} rows)", percent(correct, score.rows), count(correct), count(score.rows)));
            if score.unknown > 0 {
                notes.push(format!("{} of these rows have a label that the model has never seen", count(score.unknown)));
            }
        } else if let Coding::Values { deviations, .. } = model.coding()
            && score.rows > 0
        {
            notes.push(format!("MSE {} on z-scored targets ({} rows)", sci(score.mse), count(score.rows)));
            if let [deviation] = deviations[..] {
                notes.push(format!("typical error {:.4}", score.mse.sqrt() * deviation));
            }
        }
    }
    if let Some(out) = &args.out {
        notes.push(format!("{} predictions written to {}", count(all.len()), out.display()));
    }
    for note in notes {
        // The predictions are out; a closed standard error spoils nothing.
        let _ = writeln!(std::io::stderr(), "{note}");
    }
    Ok(())
}

/// One line per prediction, quoted as CSV where a label needs it.
fn lines(model: &Model, predictions: impl Iterator<Item = Prediction>) -> Result<Vec<u8>, Failure> {
    // As many digits as single precision has; targets beyond its range are printed in full.
    let number = |x: f64| if x == 0.0 || (1e-30..1e30).contains(&x.abs()) { (x as f32).to_string() } else { x.to_string() };
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::with_capacity(16 * model.coding().outputs()));
    for prediction in predictions {
        let written = match prediction {
            Prediction::Class { label, .. } => writer.write_record([label]),
            Prediction::Values(values) => writer.write_record(values.iter().map(|x| number(*x))),
            _ => writer.write_record([prediction.to_string()]),
        };
        written.map_err(|error| Failure::Fault(error.to_string()))?;
    }
    writer.into_inner().map_err(|error| Failure::Fault(error.to_string()))
}

fn write(out: Option<&Path>, text: &[u8]) -> Result<(), Failure> {
    let Some(out) = out else {
        let mut stdout = std::io::stdout().lock();
        return match stdout.write_all(text).and_then(|()| stdout.flush()) {
            // Whoever reads has read enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(Failure::Fault(format!("cannot write to standard output: {error}"))),
            Ok(()) => Ok(()),
        };
    };
    Ok(write_atomically(out, text)?)
}
