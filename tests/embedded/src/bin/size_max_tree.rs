//! Queries of max trees in flash.
#![no_std]
#![no_main]

use core::hint::black_box;
use subquad::halfspace::{Check, Hits, MaxTree, Watcher};
use subquad::{Error, Level, MatRef};

const M: usize = 300;
const D: usize = 5;
const N: usize = 4;
const SCRATCH: usize = MaxTree::<&[u8], f32>::query_scratch_len(M, D);
const LEN: usize = MaxTree::<&[u8], f32>::storage_len(M, D, N);

struct Memory {
    index: [u64; LEN / 8],
    w: [f32; M * D],
    counts: [u32; 1],
    indices: [u32; M],
    scratch: [f32; SCRATCH],
}

subquad_embedded::program! {
    memory: Memory = Memory { index: [0; LEN / 8], w: [0.0; M * D], counts: [0], indices: [0; M], scratch: [0.0; SCRATCH] };
    run(memory)
}

fn run(memory: &mut Memory) -> Result<(), Error> {
    // SAFETY: words are bytes.
    let bytes = unsafe { core::slice::from_raw_parts(memory.index.as_ptr().cast::<u8>(), LEN) };
    let index = MaxTree::<_, f32>::open(bytes, Check::Header)?;
    let (m, d, sample) = black_box((M, D, N - 1));
    let mut hits = Hits::new(&mut memory.counts, &mut memory.indices, M)?;
    index.query(Level::detect(), MatRef::new(&memory.w, m, d)?, sample, 1.0, &mut hits, &mut memory.scratch)
}
