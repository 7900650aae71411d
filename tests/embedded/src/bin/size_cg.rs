//! Conjugate gradients with a diagonal operator.
#![no_std]
#![no_main]

use core::hint::black_box;
use subquad::cg::{self, Identity, LinearOperator, Stopping};
use subquad::{Error, Level};

const N: usize = 64;
const SCRATCH: usize = cg::conjugate_gradient_scratch_len(N, 0, 0);

struct Diagonal<'a>(&'a [f32]);

impl LinearOperator<f32> for Diagonal<'_> {
    fn dim(&self) -> usize {
        self.0.len()
    }
    fn apply(&self, _: Level, x: &[f32], y: &mut [f32], _: &mut [f32]) -> Result<(), Error> {
        y.iter_mut().zip(x).zip(self.0).for_each(|((y, x), d)| *y = d * x);
        Ok(())
    }
}

struct Memory {
    a: [f32; N],
    b: [f32; N],
    x: [f32; N],
    scratch: [f32; SCRATCH],
}

subquad_embedded::program! { memory: Memory = Memory { a: [1.0; N], b: [1.0; N], x: [0.0; N], scratch: [0.0; SCRATCH] }; {
    let stopping = Stopping { relative: 1e-5, absolute: 0.0, max_iterations: black_box(64) };
    cg::conjugate_gradient(Level::detect(), &Diagonal(&memory.a), &Identity, &memory.b, &mut memory.x, stopping, &mut memory.scratch)
} }
