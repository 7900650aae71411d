//! Stub: replaced by the kernels.
#![allow(missing_docs)]
pub mod two_layer;
