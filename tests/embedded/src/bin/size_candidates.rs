//! Lists of candidates: weights that have moved, and a query.
#![no_std]
#![no_main]

use core::hint::black_box;
use subquad::halfspace::{Candidates, Check, Hits, Watcher};
use subquad::{Error, Level, MatRef};

const M: usize = 300;
const D: usize = 5;
const N: usize = 4;
const ROOM: usize = 100;
const LEN: usize = Candidates::<&[u8], f32>::storage_len(M, D, N, ROOM);

struct Memory {
    index: [u64; LEN / 8],
    w: [f32; M * D],
    counts: [u32; 1],
    indices: [u32; M],
}

subquad_embedded::program! {
    memory: Memory = Memory { index: [0; LEN / 8], w: [0.0; M * D], counts: [0], indices: [0; M] };
    run(memory)
}

fn run(memory: &mut Memory) -> Result<(), Error> {
    // SAFETY: words are bytes.
    let bytes = unsafe { core::slice::from_raw_parts_mut(memory.index.as_mut_ptr().cast::<u8>(), LEN) };
    let mut lists = Candidates::<_, f32>::open(bytes, Check::Header)?;
    let (m, d, sample) = black_box((M, D, N - 1));
    let w = MatRef::new(&memory.w, m, d)?;
    lists.update_all(Level::detect(), w)?;
    let mut hits = Hits::new(&mut memory.counts, &mut memory.indices, M)?;
    lists.query(Level::detect(), w, sample, 1.0, &mut hits, &mut [])
}
