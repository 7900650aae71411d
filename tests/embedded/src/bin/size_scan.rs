//! The fused scan: products with all neurons, and which are above the threshold.
#![no_std]
#![no_main]

use core::hint::black_box;
use subquad::halfspace::{Hits, scan, scan_scratch_len};
use subquad::{Error, Level, MatRef};

const M: usize = 300;
const D: usize = 5;
const N: usize = 4;
const ROOM: usize = 100;
const SCRATCH: usize = scan_scratch_len(D, M);

struct Memory {
    w: [f32; M * D],
    x: [f32; N * D],
    counts: [u32; N],
    indices: [u32; N * ROOM],
    scratch: [f32; SCRATCH],
}

subquad_embedded::program! {
    memory: Memory = Memory { w: [0.0; M * D], x: [0.0; N * D], counts: [0; N], indices: [0; N * ROOM], scratch: [0.0; SCRATCH] };
    run(memory)
}

fn run(memory: &mut Memory) -> Result<(), Error> {
    let (m, d, n) = black_box((M, D, N));
    let (w, x) = (MatRef::new(&memory.w, m, d)?, MatRef::new(&memory.x, n, d)?);
    let mut hits = Hits::new(&mut memory.counts, &mut memory.indices, ROOM)?;
    scan(Level::detect(), w, x, 1.0, &mut hits, &mut memory.scratch)
}
