//! Kernels for training over-parametrized ReLU networks, hand-vectorised and `no_std`; and trainers on top of them.
//!
//! # The method
//! A ReLU network that is much wider than it has samples can be trained by Gauss-Newton in a handful of steps: the system
//! of a step has one unknown per sample and output, not one per weight. Two papers showed that each step then costs
//! little more than reading the network once (van den Brand, Peng, Song, Weinstein, ITCS 2021; Song, Zhang, Zhang, ITCS
//! 2024). What they need is few kernels, and each is of use on its own.
//!
//! # The kernels, in the order in which they stand on each other
//! * [`simd`]: vectors of five instruction sets behind one trait, and [`Level`], the value that chooses among them
//! * [`blas`]: sums of products, matrix products over one register tile, Cholesky, QR
//! * [`hadamard`]: the fast Walsh-Hadamard transform
//! * [`cg`]: conjugate gradients with a truthful report
//! * [`sparse`]: rows of what fires, and products with them
//! * [`relu`]: firing patterns, forward passes, Jacobian-vector products, Gram matrices; networks of several layers
//! * [`low_rank`]: a large matrix and what was added to it, kept apart
//! * [`halfspace`]: which neurons fire on an input
//! * [`sketch`]: SRHT, TensorSRHT and TensorSketch, and the regression that they precondition
//! * [`random`]: weights and signs from a seed
//! * [`limits`]: what a core can do at most, to measure against
//! * `train` (feature `std`): the trainers, and what tables and models need
//! * `capi` (feature `capi`): the kernels and prediction as functions of C
//!
//! # The conventions of all of them
//! * **The level comes first.** [`Level::detect`] finds the best of the machine; tests, benchmarks and fuzzers name each.
//! * **Flat buffers, the caller's memory.** Kernels take slices, or [`MatRef`] and [`MatMut`] over them. What needs room
//!   says how much through a `const fn NAME_scratch_len(dims)`, in elements; scratch is the last argument, may be longer,
//!   may hold anything, and needs no alignment. Nothing below `train` allocates.
//! * **Arguments are checked once, at the door.** An [`Error`] names the argument and both figures. What a computation
//!   finds out on its way is part of its report, not an error.
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

pub use error::Error;
pub use float::Real;
pub use matrix::{MatMut, MatRef};
pub use simd::{Element, Float, Level};

#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../README.md")]
struct Readme;
