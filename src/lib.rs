//! Wide ReLU networks trained by Gauss-Newton, and the kernels that this takes: hand-vectorised and `no_std`, each of use on its own.
//!
//! These pages can be read in order: the method, the kernels, the trainers. Every room says what it computes (the formula), on what (the
//! shapes), at what cost, and where it comes from; every item shows itself at work.
//!
//! # The method
//! Take n samples X (n x d) with targets Y (n x C), and a network of m neurons W (m x d) whose output signs A (C x m) stay as they are:
//!
//! ```text
//! F(W) = m^(-1/2) max(X W^T, 0) A^T          n x C
//! ```
//!
//! It is over-parametrised where m is much larger than n. Gradient descent then fits any targets, in very many steps. Gauss-Newton needs a
//! handful: it takes the network for what it is to first order, F + J s for a step s of the weights, and goes to where that meets Y by the
//! shortest step there is. J, nC x md, holds the derivatives of all outputs by all weights.
//!
//! ```text
//! r = F - Y                                  what is wrong: nC numbers
//! (K + t I) g = r,    K = J J^T              one unknown for each sample and output, not one for each weight
//! W <- W - J^T g
//! ```
//!
//! The wider the network, the less any neuron has to move, the fewer of them begin or cease to fire, and the better the first order holds;
//! the damping t covers the rest, and vanishes where nothing is left to cover. In the limit of infinite width K is positive definite
//! unless two samples are parallel.
//!
//! Neither J nor K is ever formed. K g = J (J^T g) is a pass through the network and one back, 2 n m (d + C) operations each, and conjugate
//! gradients need few of them, because a good preconditioner is cheap: the Gram matrix of a single output,
//! `K[i][j] = <x_i, x_j> |S_i and S_j| / m`, where S_i are the neurons that fire on sample i, counted as bits. Or J is sketched, which is what
//! makes a step's cost near-linear in theory. In networks of several layers the derivative by a layer's weights is the product of two vectors
//! for each sample and output, zero wherever a neuron does not fire: where few do, a step costs what fires, and not the square of the width.
//!
//! Sources: van den Brand, Peng, Song, Weinstein, *Training (Overparametrized) Neural Networks in Near-Linear Time*, ITCS 2021; Song, Zhang,
//! Zhang, *Training Multi-Layer Over-Parametrized Neural Network in Subquadratic Time*, ITCS 2024.
//!
//! # The kernels, in the order in which they stand on each other
//! 1. [`simd`]: vectors of five instruction sets behind one trait, and [`Level`], the value that chooses among them
//! 2. [`blas`]: sums of products, matrix products over one register tile, Cholesky, QR
//! 3. [`hadamard`]: the fast Walsh-Hadamard transform
//! 4. [`cg`]: conjugate gradients with a truthful report
//! 5. [`sparse`]: rows of what fires, and products with them
//! 6. [`relu`]: firing patterns, forward passes, Jacobian-vector products, Gram matrices; networks of several layers
//! 7. [`low_rank`]: a large matrix and what was added to it, kept apart
//! 8. [`halfspace`]: which neurons fire on an input
//! 9. [`sketch`]: SRHT, TensorSRHT and TensorSketch, and the regression that they precondition
//!
//! Beside them: [`random`], weights and signs from a seed; [`scratch`], the arithmetic of room; [`limits`], what a core can do at most.
//!
//! # The trainers, and the way in from C
//! 10. `train` (feature `std`): tables, their preparation, the trainers, the models they make
//! 11. `capi` (feature `capi`): the kernels and prediction as functions of C
//!
//! # The conventions of all of them
//! * **The level comes first.** [`Level::detect`] finds the best of the machine; tests, benchmarks and fuzzers name each.
//! * **Flat buffers, the caller's memory.** Kernels take slices, or [`MatRef`] and [`MatMut`] over them. What needs room
//!   says how much through a `const fn NAME_scratch_len(dims)`, in elements; scratch is the last argument, may be longer,
//!   may hold anything, and needs no alignment. Nothing below `train` allocates.
//! * **Arguments are checked once, at the door.** An [`Error`] names the argument, what was expected and what was found:
//!   lengths, limits and their places as [figures](Figure), the factors of a product that is too large. What a computation finds out
//!   on its way is part of its report, not an error.
//! * **Numerics are stated** with each kernel: the order of additions, what is bit-identical over levels, error bounds.
//!
//! ```
//! use subquad::relu::two_layer;
//! use subquad::{Level, MatMut, MatRef};
//!
//! // One sample, two neurons, one output.
//! let (x, w, a) = ([3.0f32, 1.0], [1.0, 0.0, 0.0, 1.0], [1.0, -1.0]);
//! let (mut f, mut scratch) = ([0.0], [0.0; two_layer::forward_scratch_len(2, 2, 1)]);
//! let (x, w, a) = (MatRef::new(&x, 1, 2)?, MatRef::new(&w, 2, 2)?, MatRef::new(&a, 1, 2)?);
//! two_layer::forward(Level::detect(), x, w, a, 0.0, None, MatMut::new(&mut f, 1, 1)?, &mut scratch)?;
//! assert!((f[0] - (3.0 - 1.0) / 2f32.sqrt()).abs() < 1e-6);
//! # Ok::<(), subquad::Error>(())
//! ```
#![cfg_attr(not(any(feature = "std", test)), no_std)]
#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod error;
mod float;
mod matrix;
pub mod scratch;
#[macro_use]
pub mod simd;
pub mod blas;
#[cfg(feature = "capi")]
pub mod capi;
pub mod cg;
pub mod hadamard;
pub mod halfspace;
pub mod limits;
pub mod low_rank;
pub mod random;
pub mod relu;
pub mod sketch;
pub mod sparse;
#[cfg(feature = "std")]
pub mod train;

pub use error::{Error, Figure, Number};
pub use float::Real;
pub use matrix::{MatMut, MatRef};
pub use simd::{Element, Float, Level};

#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../README.md")]
struct Readme;
