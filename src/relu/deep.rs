//! Deep networks of shifted ReLUs, in time that grows with the neurons that fire.
//!
//! L hidden layers of m neurons, n samples, C outputs with fixed weights A (C x m, +1 and -1):
//!
//! ```text
//! z_l = W_l h_(l-1)                 W_1 m x d, W_l m x m, entries of variance 1; h_0 the input, of norm 1
//! u_l = z_l - b  where z_l > b      soft; or z_l itself: hard; 0 elsewhere
//! h_l = u_l / |u_l|                 every sample on its own
//! F   = A h_L
//! ```
//!
//! A sample fires on k = p m neurons, p = P(N(0, 1) > b). Without the normalisation norms drift, samples die, and the
//! Gram matrix becomes singular within two layers. Its derivative is exact and stays on the neurons that fire. For the
//! gradients of output c with respect to z_l:
//!
//! ```text
//! e_(L,c) = A_c,   e_(l,c) = W_(l+1)^T g_(l+1,c)            needed where l fires only: k x k entries of W
//! g_(l,c) = D_l (e - h <h, e>) / |u_l|
//! dF_c / dW_l = g_(l,c) h_(l-1)^T                            rank one
//! K = J J^T = sum_l (G_l G_l^T) o (H_(l-1) H_(l-1)^T)        over the layers that are trained
//! ```
//!
//! A forward pass gathers columns, n m k; a backward pass touches n k^2 entries; a product with K touches, for every
//! neuron, the pairs of samples that fire on it: n^2 p k.
//!
//! Source: Song, Zhang, Zhang, *Training Multi-Layer Over-Parametrized Neural Network in Subquadratic Time*, ITCS 2024.
//!
//! # Shapes
//! What fires is a [`Support`](crate::sparse::Support) for each layer, n rows of about k places in m columns; gradients are stacks over it, of depth
//! C; a layer's weights are anything that has [`Weights`].
//!
//! Next: [`low_rank`](crate::low_rank).

mod activation;
mod backward;
mod product;
mod structured;
mod weights;

pub use activation::{Form, activate, fired_share, output_gradients, paper_shift, shift_for, unnormalise};
pub use backward::{backward_panels, backward_panels_scratch_len};
pub use product::{combine, gram_product, gram_product_scratch_len};
pub use structured::Structured;
pub use weights::Weights;
