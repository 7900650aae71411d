//! The factor R of a matrix by reflections.
#![no_std]
#![no_main]

use core::hint::black_box;
use subquad::{Error, Level, MatMut, blas};

const ROWS: usize = 48;
const COLS: usize = 12;
const SCRATCH: usize = blas::qr_scratch_len(ROWS, COLS);

struct Memory {
    columns: [f32; COLS * ROWS],
    scratch: [f32; SCRATCH],
}

subquad_embedded::program! { memory: Memory = Memory { columns: [0.0; COLS * ROWS], scratch: [0.0; SCRATCH] }; run(memory) }

fn run(memory: &mut Memory) -> Result<(), Error> {
    let (rows, cols) = black_box((ROWS, COLS));
    blas::qr(Level::detect(), MatMut::new(&mut memory.columns, cols, rows)?, &mut memory.scratch)
}
