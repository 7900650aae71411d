//! The trainers, with allocation, threads and files: tables, their preparation, training, and the models it makes.
//!
//! # From a table to a model
//! A [`Dataset`] has features and a [`Target`]. It is [split](Dataset::split); a [`Preparation`] makes inputs of norm about 1 of its features, a
//! [`Coding`] outputs of its target, both fitted on the training part alone; a run takes steps; a [`Model`] keeps all that it takes to predict.
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
//!
//! With feature `io` tables come from CSV files, models and the state of a run go to safetensors files, and what is taken up again goes on with
//! the same bits.
//!
//! # Gauss-Newton
//! For X n x d, W m x d, Y n x C, with the notation of [`relu`](crate::relu), r = F - Y and V = W - W(0), a step s of the weights minimises
//!
//! ```text
//! |r + J s|^2 / 2 + mu |V + s|^2 / 2 + lambda |s|^2 / 2
//! ```
//!
//! mu is the ridge that is [asked for](Builder::damping), 0 unless it is; lambda, the term of Levenberg and Marquardt, adapts: it falls where the
//! loss falls as foreseen, and a step that raises the loss is taken back and tried again with more. With t = mu + lambda the minimiser is
//!
//! ```text
//! s = -(mu / t) V - J^T g,    (K + t I) g = r - (mu / t) J V,    K = J J^T
//! ```
//!
//! in n C unknowns. [Conjugate gradients](crate::cg) solve that to a tenth of its residual; more exactness saves no step.
//!
//! Cost: a product with K is 4 n m (d + C) flops; the exact [preconditioner](PreconditionerChoice), which usually serves the whole run, n^2 m / 128
//! words of bits counted and n^3 / 3 flops. Memory: n^2 + m d + n C numbers and n m bits, or with [blocks](Builder::block) the square of a block in
//! place of n^2.
//!
//! Source: van den Brand, Peng, Song, Weinstein, ITCS 2021, algorithm 1, with the exact Gram matrix unless a sketch is asked for
//! ([`Builder::faithful`] has their iteration); Levenberg 1944, Marquardt 1963.
//!
//! # The other methods
//! * [`Method::Gradient`], `W <- W - rate J^T r`: 4 n m (d + C) flops a step, or, where a [`Lookup`] finds what fires, in proportion to that, with the
//!   same bits. Source: Song, Yang, Zhang, NeurIPS 2021.
//! * [`Method::Adam`], the yardstick: Kingma and Ba, ICLR 2015.
//! * [`Method::Adversarial`]: before each step every sample is moved, inside a [`Ball`], to where the loss is high ([`Attack`]). Source: Gao, Qin, Song,
//!   Wang, arXiv 2208.05395; the attack is that of Madry et al., ICLR 2018.
//!
//! # Deep networks
//! [`Deep`] takes the step layer by layer, on the networks of [`relu::deep`](crate::relu::deep), relative to what they say at the start:
//!
//! ```text
//! (K + lambda I) g = F - F_0 - Y,    W_l <- W_l - J_l^T g,    K = sum_l J_l J_l^T
//! ```
//!
//! With k = p m neurons firing, passes gather the columns that fire, n m k, and the entries that fire above and below, n k^2; `J_l^T g` is a sum of
//! n outer products of sparse vectors, and stays one ([`low_rank`](crate::low_rank)) unless it is cheaper to write it into the weights; the lowest
//! trained layer's pre-activations are moved, not computed anew, so that two layers of which the second is trained touch nothing of size m^2
//! after the first pass. Source: Song, Zhang, Zhang, ITCS 2024.
//!
//! # What can be relied on
//! A seed, the data, the settings and a level determine a run bit by bit, however many threads there are.
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
mod description;
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
///
/// ```
/// use subquad::train::{GaussNewton, Method};
///
/// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
/// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
/// let mut run = GaussNewton::builder().width(64).method(Method::GaussNewton).build(x, y)?; // the default method
/// assert!(run.step()?.unwrap().residual_ratio < 1.0);
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
pub type GaussNewton = TwoLayer;
