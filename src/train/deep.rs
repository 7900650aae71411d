//! Gauss-Newton for deep networks, in time subquadratic in the width.
//!
//! The step is that of the two-layer trainer, `(K + lambda I) g = F - F_0 - Y`, `W_l <- W_l - J_l^T g`; the network that of
//! [`relu::deep`](crate::relu::deep). What makes it subquadratic:
//! * forward passes gather the columns that fire, backward passes read the entries that fire above and below;
//! * `J_l^T g` is a sum of n outer products of sparse vectors, and stays one: a [`low_rank`](crate::low_rank) update, written into the weights
//!   only where that is cheaper;
//! * the lowest trained layer sees the same inputs at every step, so its pre-activations are kept and moved by
//!   `(H H^T) S`: with W_1 frozen and L = 2, nothing of size m^2 is touched after the first pass;
//! * the initial function F_0 is subtracted from all outputs: it is large, random, and would stay in the predictions.
//!
//! Memory, in bytes, for L layers of m neurons, of which T are trained, n samples, C outputs, a share p that fires, after s steps:
//!
//! ```text
//! 2 m^2 (L - 1)                  Gaussian first weights; nothing for Hadamard ones, nor for mapped ones
//! 4 m^2 (T - 1)                  those that updates are folded into, if any are
//! 2048 C p m                     gradients of 256 samples that pass backward together, side by side; nothing for Hadamard weights
//! 12 n m                         pre-activations of the lowest trained layer, those of a candidate, and those of the layer at hand
//! 4 n^2 (T + 2)                  inputs' Gram matrices, the mean one and its factor
//! p n m (16 L + 4 C T + 20 s T)  who fires, row by row and column by column; gradients; the updates, which are kept
//! ```
//!
//! ```
//! use subquad::MatRef;
//! use subquad::train::{Deep, Firing, Status};
//!
//! let x = [0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6];
//! let y = [1.0, -1.0, 1.0, -1.0];
//! let settings = Deep::builder().layers(2).width(512).firing(Firing::Share(0.2)).seed(1);
//! let mut run = settings.build(MatRef::new(&x, 4, 2)?, MatRef::new(&y, 4, 1)?)?;
//! while let Some(step) = run.step()? {
//!     assert!(step.residual_ratio < 1.0);
//! }
//! assert_eq!(run.status(), Status::Converged);
//! # Ok::<(), subquad::train::TrainError>(())
//! ```

#[cfg(feature = "io")]
mod base;
#[cfg(feature = "io")]
mod checkpoint;
#[cfg(feature = "io")]
mod format;
#[cfg(feature = "io")]
#[allow(unsafe_code, reason = "one call: there is no mapping of files without")]
mod mapped;
mod model;
mod network;
mod numbers;
mod parts;
mod settings;
mod share;
mod system;
#[cfg(feature = "io")]
mod tensors;
mod trainer;

#[cfg(feature = "io")]
pub use base::read_base;
pub use model::DeepModel;
pub use parts::{Phase, Work};
pub use settings::{Base, DeepBuilder, DeepPreconditioner, Firing, FirstWeights, FlushPolicy};
pub use trainer::Deep;
