//! Least squares with a diagonal operator.
#![no_std]
#![no_main]

use core::hint::black_box;
use subquad::cg::{self, LeastSquares, LeastSquaresStopping, TallOperator};
use subquad::{Error, Level};

const N: usize = 64;
const SCRATCH: usize = cg::least_squares_scratch_len(N, N, 0);

struct Diagonal<'a>(&'a [f32]);

impl TallOperator<f32> for Diagonal<'_> {
    fn rows(&self) -> usize {
        self.0.len()
    }
    fn cols(&self) -> usize {
        self.0.len()
    }
    fn apply(&self, _: Level, x: &[f32], y: &mut [f32], _: &mut [f32]) -> Result<(), Error> {
        y.iter_mut().zip(x).zip(self.0).for_each(|((y, x), d)| *y = d * x);
        Ok(())
    }
    fn apply_transpose(&self, level: Level, y: &[f32], x: &mut [f32], scratch: &mut [f32]) -> Result<(), Error> {
        self.apply(level, y, x, scratch)
    }
}

struct Memory {
    a: [f32; N],
    b: [f32; N],
    x: [f32; N],
    scratch: [f32; SCRATCH],
}

subquad_embedded::program! {
    memory: Memory = Memory { a: [1.0; N], b: [1.0; N], x: [0.0; N], scratch: [0.0; SCRATCH] };
    run(memory)
}

fn run(memory: &mut Memory) -> Result<LeastSquares, Error> {
    let stopping = LeastSquaresStopping { relative: 1e-5, gradient: 1e-5, max_iterations: black_box(64) };
    cg::least_squares(Level::detect(), &Diagonal(&memory.a), &memory.b, 0.1, &mut memory.x, stopping, &mut memory.scratch)
}
