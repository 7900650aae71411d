//! ReLU networks: firing patterns, forward passes, Jacobian-vector products, Gram matrices.
//!
//! The two-layer network, with n samples X (n x d), m neurons W (m x d), C outputs with fixed weights A (C x m) and a
//! shift b >= 0:
//!
//! ```text
//! Z = X W^T                             n x m   pre-activations
//! D = [Z > b]                           n x m   the firing pattern, one bit each
//! F = m^(-1/2) max(Z - b, 0) A^T        n x C   outputs
//! J V   = m^(-1/2) (D o (X V^T)) A^T    n x C   for V m x d: how F moves with W
//! J^T U = m^(-1/2) (D o (U A))^T X      m x d   for U n x C
//! K = J J^T                             nC x nC the Gram matrix of the tangents
//! ```
//!
//! Source: van den Brand, Peng, Song, Weinstein, *Training (Overparametrized) Neural Networks in Near-Linear Time*,
//! ITCS 2021, section 2; the shift is that of Song, Zhang, Zhang, ITCS 2024.

pub mod deep;
pub mod fired;
pub mod gram;
pub mod pattern;
mod tangents;
pub mod two_layer;

pub use fired::FiredRef;
pub use pattern::{PatternMut, PatternRef};
pub use tangents::Tangents;
