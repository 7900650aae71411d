//! The trainers: what they promise, on made-up data and on real.
#![cfg(feature = "std")]

#[path = "../oracle/mod.rs"]
mod oracle;

mod deep;
mod gradient;
mod two_layer;
mod variants;
