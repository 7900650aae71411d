//! Kernels for training over-parametrized ReLU networks.
#![cfg_attr(not(feature = "std"), no_std)]
#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod error;
mod float;
mod matrix;
pub mod scratch;
#[macro_use]
pub mod simd;
pub mod blas;
pub mod cg;
pub mod hadamard;
pub mod halfspace;
pub mod random;
pub mod relu;
pub mod sketch;
#[cfg(feature = "std")]
pub mod train;

pub use error::Error;
pub use float::Real;
pub use matrix::{MatMut, MatRef};
pub use simd::{Float, Level};

#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../README.md")]
struct Readme;
