//! Training, with allocation and files: tables, their preparation, the trainers, and the models they make.
//!
//! ```
//! use subquad::Level;
//! use subquad::train::{Coding, Dataset, GaussNewton, Model, Preparation, PrepareOptions, Target};
//!
//! // Sixty points on a spiral; the class says whether they are in its inner half.
//! let points: Vec<f32> = (0..60).flat_map(|i| [(i as f32 * 0.2).sin() * i as f32, (i as f32 * 0.2).cos() * i as f32]).collect();
//! let inner = (0..60).map(|i| u32::from(i < 30)).collect();
//! let target = Target::classes("part", vec!["outer".into(), "inner".into()], inner)?;
//! let data = Dataset::new(vec!["x".into(), "y".into()], points, target)?;
//!
//! let split = data.split(0.25, 7)?;
//! let preparation = Preparation::fit(data.features(), &split.train, PrepareOptions::default())?;
//! let coding = Coding::fit(data.target(), &split.train)?;
//! let x = preparation.apply(data.features(), &split.train)?;
//! let y = coding.encode(data.target(), &split.train)?;
//!
//! let mut run = GaussNewton::builder().width(128).tolerance(1e-3).steps(20).seed(1).build(x.as_ref(), y.as_ref())?;
//! while let Some(step) = run.step()? {
//!     println!("step {}: MSE {:.1e}", step.step, step.train_mse);
//! }
//! let model = Model::new(data.columns().clone(), preparation, coding, 0.0, run.weights(), run.signs())?;
//! let answers = model.predict(Level::detect(), data.features(), &split.test)?;
//! assert_eq!(answers.len(), 15);
//! # Ok::<(), subquad::train::TrainError>(())
//! ```
// What a checkpoint asks of a run is written whatever the features are; without `io` nobody asks.
#![cfg_attr(not(feature = "io"), allow(dead_code))]

mod adversarial;
mod blocks;
mod coding;
mod damping;
mod data;
mod deep;
mod error;
mod fired;
mod gauss_newton;
mod gradient;
mod init;
mod kernels;
mod listed;
mod method;
mod model;
mod preconditioner;
mod prepare;
mod run;
mod settings;
mod skins;
mod split;
mod tangents;

#[cfg(feature = "io")]
mod checkpoint;
#[cfg(feature = "io")]
mod csv;
#[cfg(feature = "io")]
mod file;

#[cfg(feature = "ndarray")]
mod ndarray;

#[cfg(feature = "io")]
pub use self::csv::{Header, Rows, TableOptions, read_dataset, read_dataset_from, read_rows, read_rows_from};
#[cfg(feature = "io")]
pub use self::file::{check_writable, write_atomically};
pub use coding::{Coding, Prediction, Score, Truth};
pub use data::{Columns, Dataset, Matrix, Target, Task};
#[cfg(feature = "io")]
pub use deep::read_base;
pub use deep::{Base, Deep, DeepBuilder, DeepModel, DeepPreconditioner, Firing, FirstWeights, FlushPolicy, Phase, Work};
pub use error::TrainError;
pub use init::Init;
pub use method::{Progress, Status, Step};
pub use model::Model;
pub use preconditioner::{Chosen, Faithful};
pub use prepare::{ColumnScaling, Preparation, PrepareOptions, RowScaling};
pub use run::{Steps, TwoLayer};
pub use settings::{Attack, AttackedStep, Ball, Builder, Lookup, Method, Over, PreconditionerChoice};
pub use split::Split;

/// A run by its default method.
pub type GaussNewton = TwoLayer;
