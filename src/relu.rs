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
//!
//! * [`two_layer`]: these products, fused, from a firing pattern; [`Tangents`], J as an operator for [`cg`](crate::cg)
//! * [`pattern`]: D as bits
//! * [`gram`]: K of one output, counted from bits, and its limit for infinitely many neurons
//! * [`fired`]: the same products from lists of what fires
//! * [`deep`]: networks of several layers
//!
//! # Cost
//! F, J V and J^T U take 2 n m (d + C) flops each, K U twice as many; from lists of k firing neurons a sample, 2 n k (d + C).
//!
//! Next: [`two_layer`], and after this room [`low_rank`](crate::low_rank).

pub mod deep;
pub mod fired;
pub mod gram;
pub mod pattern;
mod tangents;
pub mod two_layer;

pub use fired::FiredRef;
pub use pattern::{PatternMut, PatternRef};
pub use tangents::Tangents;
