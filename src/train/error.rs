//! The error type of everything that trains: a sentence for a person, with the place.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::Error;

/// Why training, or something around it, cannot go on.
///
/// Its text says what was expected, what was found, and where.
///
/// ```
/// use subquad::train::{TrainError, TwoLayer};
///
/// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
/// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
/// let error = TwoLayer::builder().width(63).build(x, y).unwrap_err();
/// assert!(matches!(error, TrainError::Setting { name: "width", .. }));
/// assert_eq!(error.to_string(), "width: must be even and at least 2: neurons start in pairs, found 63");
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum TrainError {
    /// A file that cannot be read or written.
    File {
        /// The file.
        path: PathBuf,
        /// What was being done: "read", "write".
        action: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// A table that is not one, or a cell that is not what its column asks for.
    Table {
        /// The file, or what stands for it.
        source: String,
        /// The line, counted from 1.
        line: Option<u64>,
        /// The column's number, counted from 1, and its name.
        column: Option<(usize, String)>,
        /// What is wrong.
        problem: String,
    },
    /// Data that cannot be learnt from, or that do not fit together.
    Data {
        /// What is wrong.
        problem: String,
    },
    /// A file that is not a model, or a damaged one.
    Model {
        /// The file, or what stands for it.
        source: String,
        /// What is wrong.
        problem: String,
    },
    /// A setting outside its range.
    Setting {
        /// The setting.
        name: &'static str,
        /// What it has to be.
        expected: &'static str,
        /// What it was.
        found: String,
    },
    /// The numbers left the range of finite ones.
    Numbers {
        /// Where, and what to try.
        problem: String,
    },
    /// Arguments that a kernel refused.
    Kernel(Error),
}

impl TrainError {
    /// Data that cannot be learnt from.
    #[cold]
    pub(crate) fn data(problem: impl Into<String>) -> Self {
        Self::Data { problem: problem.into() }
    }

    /// A setting outside its range.
    #[cold]
    pub(crate) fn setting(name: &'static str, expected: &'static str, found: impl fmt::Display) -> Self {
        Self::Setting { name, expected, found: found.to_string() }
    }

    /// A file that cannot be read or written.
    #[cold]
    #[cfg_attr(not(feature = "io"), allow(dead_code, reason = "only files ask for it"))]
    pub(crate) fn file(path: &Path, action: &'static str, source: std::io::Error) -> Self {
        Self::File { path: path.into(), action, source }
    }

    /// A file that is no model.
    #[cold]
    #[cfg_attr(not(feature = "io"), allow(dead_code, reason = "only files ask for it"))]
    pub(crate) fn model(source: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Model { source: source.into(), problem: problem.into() }
    }
}

impl From<Error> for TrainError {
    fn from(error: Error) -> Self {
        Self::Kernel(error)
    }
}

impl fmt::Display for TrainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, action, source } => match source.kind() {
                std::io::ErrorKind::NotFound if *action == "read" => write!(f, "{}: no such file", path.display()),
                _ => write!(f, "cannot {action} {}: {source}", path.display()),
            },
            Self::Table { source, line, column, problem } => {
                f.write_str(source)?;
                if let Some(line) = line {
                    write!(f, ", line {line}")?;
                }
                if let Some((number, name)) = column {
                    write!(f, ", column {number} '{name}'")?;
                }
                write!(f, ": {problem}")
            }
            Self::Data { problem } | Self::Numbers { problem } => f.write_str(problem),
            Self::Model { source, problem } => write!(f, "{source}: {problem}"),
            Self::Setting { name, expected, found } => write!(f, "{name}: must be {expected}, found {found}"),
            Self::Kernel(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for TrainError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { source, .. } => Some(source),
            Self::Kernel(error) => Some(error),
            _ => None,
        }
    }
}
