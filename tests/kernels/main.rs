//! The kernels against their definitions, at every level: a file for each room of the library. One program, because each one
//! compiles the kernels anew. `cargo test --test kernels cg::` runs the tests of one file.

#[path = "../oracle/mod.rs"]
mod oracle;
#[cfg(all(feature = "std", not(target_family = "wasm")))]
#[path = "../public/mod.rs"]
mod public;

mod bf16;
mod blas;
mod cg;
mod deep;
mod errors;
#[cfg(feature = "std")]
mod everywhere;
mod fired;
mod fuzz_bodies;
mod hadamard;
mod halfspace;
mod halfspace_lists;
mod halfspace_moving;
mod halfspace_trees;
#[cfg(all(feature = "std", not(target_family = "wasm")))]
mod nothing;
mod qr;
mod relu;
mod scratch;
mod sketch;
mod sparse;
mod views;
