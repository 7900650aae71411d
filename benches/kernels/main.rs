//! Every kernel at every level, one file for each room; one program, so that the kernels are compiled once.
//!
//! `cargo bench --bench kernels -- <filter>`, where the first part of a name is its room: `blas/`, `cg/`, `relu/`, `halfspace/`,
//! `sketch/`. (Walsh-Hadamard transforms: `hadamard.rs`.) Every result is compared before it is timed.

#![allow(missing_docs, reason = "made by criterion's macros")]

#[path = "../common/mod.rs"]
mod common;

mod blas;
mod cg;
mod halfspace;
mod relu;
mod sketch;

criterion::criterion_main!(blas::benches, cg::benches, relu::benches, halfspace::benches, sketch::benches);
