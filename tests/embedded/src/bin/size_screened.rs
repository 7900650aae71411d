//! Queries of a screened index in flash.
#![no_std]
#![no_main]

use subquad::halfspace::{Check, Hits, Reporter, Screened};
use subquad::{Error, Level};

const M: usize = 300;
const D: usize = 5;
const SCRATCH: usize = Screened::<&[u8], f32>::query_scratch_len(M, D);
const LEN: usize = Screened::<&[u8], f32>::storage_len(M, D);

struct Memory {
    index: [u64; LEN / 8],
    x: [f32; D],
    counts: [u32; 1],
    indices: [u32; M],
    scratch: [f32; SCRATCH],
}

subquad_embedded::program! {
    memory: Memory = Memory { index: [0; LEN / 8], x: [0.0; D], counts: [0], indices: [0; M], scratch: [0.0; SCRATCH] };
    run(memory)
}

fn run(memory: &mut Memory) -> Result<(), Error> {
    // SAFETY: words are bytes.
    let bytes = unsafe { core::slice::from_raw_parts(memory.index.as_ptr().cast::<u8>(), LEN) };
    let index = Screened::<_, f32>::open(bytes, Check::Header)?;
    let mut hits = Hits::new(&mut memory.counts, &mut memory.indices, M)?;
    index.query(Level::detect(), &memory.x, 1.0, &mut hits, &mut memory.scratch)
}
