//! Sketches: a few random sums of a long vector's entries that keep its length, and so the geometry of a tall matrix.
//!
//! A sketch S has s rows, `E[S^T S] = I`, and is drawn from a seed: its signs and samples are made anew wherever they
//! are needed, the same on every platform, and never stored.
//!
//! * [`Srht`], of any vector: signs, a Walsh-Hadamard transform, s of its numbers
//! * [`TensorSrht`], of `u (x) v` without forming it: both factors transformed, s products of two of their numbers
//! * [`TensorSketch`], the same for factors that are sparse: both thrown into s buckets, which are convolved
//!
//! All of them *add* to what they are handed, so that the sketches of several layers' Jacobians add up:
//! `Y = sum_l S_l J_l^T`, each with a seed of its own. Y lies by its columns: row i belongs to sample i and has s
//! numbers. That is how [`qr`](crate::blas::qr) wants it, whose R [`Sketched`] takes as a preconditioner
//! `R^-1 R^-T` of `J J^T`; [`fixed_step`] is the paper's own iteration with it.
//!
//! Whatever the matrix, the condition number that is left follows [`law`]: 34, 9, 4.4, 2.8 for s = 2, 4, 8, 16 n.
//!
//! Source: van den Brand, Peng, Song, Weinstein, *Training (Overparametrized) Neural Networks in Near-Linear Time*,
//! ITCS 2021; Song, Zhang, Zhang, *Training Multi-Layer Over-Parametrized Neural Network in Subquadratic Time*,
//! ITCS 2024.
//!
//! # Shapes
//! A vector of N numbers becomes s; J, n x N, becomes Y, n x s (by its columns), and R is n x n.
//!
//! # Cost
//! N log2 N for a vector ([`Srht`]); M log2 M + N log2 N + 2 s for a tensor product of M and N numbers ([`TensorSrht`]); what is not zero, and
//! 10 s log2 s ([`TensorSketch`]).
//!
//! Next: [`random`](crate::random), [`limits`](crate::limits), and then the trainers, `train`.

mod regression;
mod srht;
mod tensor_sketch;
mod tensor_srht;
mod transform;

pub use regression::{Bounds, FixedStep, SAFE_ROWS, Sketched, fixed_step, fixed_step_scratch_len, law};
pub use srht::Srht;
pub use tensor_sketch::{Factor, TensorSketch};
pub use tensor_srht::TensorSrht;
