//! What the files of all models say in JSON of the table that they were trained on: the names of its columns, and what a target stands for.

use serde_json::{Value, json};

use super::coding::Coding;
use super::data::Columns;

/// The description of a model; what is particular to its kind is added to it.
pub(super) fn of(format: &str, version: u64, columns: &Columns, coding: &Coding) -> Value {
    json!({
        "format": format,
        "version": version,
        "written_by": concat!("subquad ", env!("CARGO_PKG_VERSION")),
        "features": columns.features,
        "named": columns.named,
        "target": columns.target,
        "target_position": columns.target_position,
        "more_targets": columns.more_targets,
        "coding": match coding {
            Coding::Classes { labels } => json!({ "labels": labels }),
            Coding::Values { names, .. } => json!({ "values": names }),
        },
    })
}

/// Means and deviations of a target, which the file holds as tensors: none of classes.
pub(super) fn statistics(coding: &Coding) -> (&[f64], &[f64]) {
    match coding {
        Coding::Classes { .. } => (&[], &[]),
        Coding::Values { means, deviations, .. } => (means, deviations),
    }
}

fn strings(value: &Value, what: &str) -> Result<Vec<String>, String> {
    let list = value.as_array().ok_or_else(|| format!("damaged: the list of {what} is missing"))?;
    list.iter().map(|x| x.as_str().map(String::from).ok_or_else(|| format!("damaged: the list of {what} holds something else"))).collect()
}

/// The names of the columns that a description holds.
pub(super) fn columns(about: &Value) -> Result<Columns, String> {
    Ok(Columns {
        features: strings(&about["features"], "feature names")?,
        target: about["target"].as_str().ok_or("damaged: the name of the target is missing")?.into(),
        target_position: about["target_position"].as_u64().ok_or("damaged: the place of the target is missing")? as usize,
        more_targets: match &about["more_targets"] {
            Value::Null => Vec::new(),
            list => serde_json::from_value(list.clone()).map_err(|_| "damaged: the list of further targets holds something else")?,
        },
        named: about["named"].as_bool().ok_or("damaged: whether the columns had names is missing")?,
    })
}

/// What a target stands for; `tensor` reads a tensor by its name.
pub(super) fn coding(about: &Value, tensor: impl Fn(&str) -> Result<Vec<f64>, String>) -> Result<Coding, String> {
    match (&about["coding"]["labels"], &about["coding"]["values"]) {
        (Value::Null, Value::Null) => Err("damaged: the coding of the target is missing".into()),
        (labels, Value::Null) => Ok(Coding::Classes { labels: strings(labels, "class labels")? }),
        (Value::Null, names) => Ok(Coding::Values {
            names: strings(names, "target names")?,
            means: tensor("target_mean")?,
            deviations: tensor("target_deviation")?,
        }),
        _ => Err("damaged: the target is of classes, and of numbers".into()),
    }
}
