//! A whole Gauss-Newton step: forward pass, Gram matrix, Cholesky, conjugate gradients, gradient.
#![no_std]
#![no_main]

#[path = "../../../everywhere/cases.rs"]
mod cases;

use subquad::Level;

const NOTHING: cases::Indexes<'static> = cases::Indexes { ball_tree: &[], screened: &[], packed: &[] };

subquad_embedded::program! { memory: cases::Memory = cases::Memory::new(); cases::gauss_newton(Level::detect(), memory, NOTHING) }
