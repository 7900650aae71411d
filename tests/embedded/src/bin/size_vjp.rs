//! The vector-Jacobian product of the two-layer network.
#![no_std]
#![no_main]

use core::hint::black_box;
use subquad::relu::{PatternRef, pattern, two_layer};
use subquad::{Error, Level, MatMut, MatRef};

const N: usize = 16;
const D: usize = 8;
const M: usize = 128;
const SCRATCH: usize = two_layer::vjp_scratch_len(D, M, 1);

struct Memory {
    x: [f32; N * D],
    u: [f32; N],
    a: [f32; M],
    words: [u64; pattern::pattern_len(N, M)],
    out: [f32; M * D],
    scratch: [f32; SCRATCH],
}

subquad_embedded::program! {
    memory: Memory = Memory { x: [0.0; N * D], u: [0.0; N], a: [0.0; M], words: [0; pattern::pattern_len(N, M)], out: [0.0; M * D],
        scratch: [0.0; SCRATCH] };
    run(memory)
}

fn run(memory: &mut Memory) -> Result<(), Error> {
    let (n, d, m) = black_box((N, D, M));
    let x = MatRef::new(&memory.x, n, d)?;
    let u = MatRef::new(&memory.u, n, 1)?;
    let a = MatRef::new(&memory.a, 1, m)?;
    let pattern = PatternRef::new(&memory.words, n, m)?;
    two_layer::vjp(Level::detect(), x, a, pattern, u, MatMut::new(&mut memory.out, m, d)?, &mut memory.scratch)
}
