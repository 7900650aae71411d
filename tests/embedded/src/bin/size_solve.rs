//! A Cholesky factor, and a solution with a triangle of it.
#![no_std]
#![no_main]

use core::hint::black_box;
use subquad::blas::{self, Triangle};
use subquad::scratch::any_of;
use subquad::{Error, Level, MatMut, MatRef};

const N: usize = 24;
const C: usize = 2;
const SCRATCH: usize = any_of(&[blas::cholesky_scratch_len(N), blas::triangular_solve_scratch_len(N)]);

struct Memory {
    a: [f32; N * N],
    b: [f32; N * C],
    scratch: [f32; SCRATCH],
}

subquad_embedded::program! { memory: Memory = Memory { a: [0.0; N * N], b: [0.0; N * C], scratch: [0.0; SCRATCH] }; run(memory) }

fn run(memory: &mut Memory) -> Result<(), Error> {
    let (n, c, triangle) = black_box((N, C, Triangle::Lower));
    let level = Level::detect();
    blas::cholesky(level, MatMut::new(&mut memory.a, n, n)?, &mut memory.scratch)?;
    let (l, b) = (MatRef::new(&memory.a, n, n)?, MatMut::new(&mut memory.b, n, c)?);
    blas::triangular_solve(level, triangle, l, b, &mut memory.scratch)
}
