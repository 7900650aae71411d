//! Half-space reporting: which neurons fire on this input, exactly.
//!
//! Given weights W (m x d), a query x and a threshold b, report every r with `<w_r, x> > b`: ascending, with values on
//! request, for one query or a batch.
//!
//! # One answer
//! Every structure of this module reports the same set, bit for bit, because there is one definition of the value:
//! `<w_r, x>` is one chain of multiply-adds that starts from 0 and takes k in ascending order, as in
//! [`two_layer::forward`](crate::relu::two_layer::forward). Multiply-adds are fused on levels that fuse, so that a
//! neuron within rounding of the threshold may differ between levels, never between structures of one level.
//!
//! # NaN
//! A value that is NaN does not fire: neither do rows or queries that contain NaN, nor anything at a threshold that is
//! NaN. Infinities follow IEEE arithmetic.

mod hits;
mod scan;

pub use hits::Hits;
pub use scan::{scan, scan_scratch_len};
