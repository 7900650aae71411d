//! Sparse rows times a matrix in panels, and inner products of sparse rows.
#![no_std]
#![no_main]

use core::hint::black_box;
use subquad::sparse::{Columns, Panels, SparseRef, Support, overlap, overlap_scratch_len, panels_len, times_panels, transpose};
use subquad::{Error, Level, MatMut};

const N: usize = 4;
const D: usize = 16;
const M: usize = 24;
/// Places of the sparse rows.
const K: usize = 12;
const SCRATCH: usize = overlap_scratch_len(1, N, N);

struct Memory {
    starts: [usize; N + 1],
    indices: [u32; K],
    values: [f32; K],
    columns: [usize; D + 1],
    rows: [u32; K],
    places: [u32; K],
    panels: [f32; panels_len(D, M)],
    out: [f32; N * M],
    gram: [f32; N * N],
    scratch: [f32; SCRATCH],
}

subquad_embedded::program! {
    memory: Memory = Memory { starts: [0; N + 1], indices: [0; K], values: [0.0; K], columns: [0; D + 1], rows: [0; K], places: [0; K],
        panels: [0.0; panels_len(D, M)], out: [0.0; N * M], gram: [0.0; N * N], scratch: [0.0; SCRATCH] };
    run(memory)
}

fn run(memory: &mut Memory) -> Result<(), Error> {
    let (n, d, m) = black_box((N, D, M));
    let level = Level::detect();
    let support = Support::new(&memory.starts, &memory.indices, d)?;
    transpose(support, &mut memory.columns, &mut memory.rows, &mut memory.places)?;
    let columns = Columns::new(&memory.columns, &memory.rows, &memory.places)?;
    let a = SparseRef::new(support, 1, &memory.values)?;
    times_panels(level, a, Panels::packed(&memory.panels, d, m)?, false, MatMut::new(&mut memory.out, n, m)?)?;
    overlap(level, (a, columns), (a, columns), true, MatMut::new(&mut memory.gram, n, n)?, &mut memory.scratch)
}
