//! The two-layer network forward, and which neurons fire.
#![no_std]
#![no_main]

use core::hint::black_box;
use subquad::relu::{PatternMut, pattern, two_layer};
use subquad::{Error, Level, MatMut, MatRef};

const N: usize = 16;
const D: usize = 8;
const M: usize = 128;
const SCRATCH: usize = two_layer::forward_scratch_len(D, M, 1);

struct Memory {
    x: [f32; N * D],
    w: [f32; M * D],
    a: [f32; M],
    words: [u64; pattern::pattern_len(N, M)],
    out: [f32; N],
    scratch: [f32; SCRATCH],
}

subquad_embedded::program! {
    memory: Memory = Memory { x: [0.0; N * D], w: [0.0; M * D], a: [0.0; M], words: [0; pattern::pattern_len(N, M)], out: [0.0; N],
        scratch: [0.0; SCRATCH] };
    run(memory)
}

fn run(memory: &mut Memory) -> Result<(), Error> {
    let (n, d, m) = black_box((N, D, M));
    let x = MatRef::new(&memory.x, n, d)?;
    let w = MatRef::new(&memory.w, m, d)?;
    let a = MatRef::new(&memory.a, 1, m)?;
    let pattern = PatternMut::new(&mut memory.words, n, m)?;
    two_layer::forward(Level::detect(), x, w, a, 0.5, Some(pattern), MatMut::new(&mut memory.out, n, 1)?, &mut memory.scratch)
}
