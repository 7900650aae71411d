//! A sketch: the subsampled randomised transform of one vector.
#![no_std]
#![no_main]

use core::hint::black_box;
use subquad::sketch::Srht;
use subquad::{Error, Level};

const LEN: usize = 200;
const ROWS: usize = 32;
/// The next power of two.
const SCRATCH: usize = 256;

struct Memory {
    x: [f32; LEN],
    y: [f32; ROWS],
    scratch: [f32; SCRATCH],
}

subquad_embedded::program! { memory: Memory = Memory { x: [0.0; LEN], y: [0.0; ROWS], scratch: [0.0; SCRATCH] }; run(memory) }

fn run(memory: &mut Memory) -> Result<(), Error> {
    let (len, rows, seed) = black_box((LEN, ROWS, 7));
    Srht::new(len, rows, seed)?.accumulate(Level::detect(), &memory.x, &mut memory.y, &mut memory.scratch)
}
