//! A low-rank update of sparse factors: what it adds to products with the matrix and its transpose, and to the matrix.
#![no_std]
#![no_main]

use core::hint::black_box;
use subquad::low_rank::Update;
use subquad::scratch::{all_of, any_of, area};
use subquad::simd::MOST_LANES;
use subquad::sparse::{Columns, PanelsMut, SparseRef, Support, overlap_scratch_len, panels_len, spread_scratch_len};
use subquad::{Error, Level, MatMut};

/// Terms, and samples: one matrix is both factors and the samples.
const N: usize = 4;
const D: usize = 16;
/// Places of the sparse rows.
const K: usize = 12;
/// As `Update::query_scratch_len` has it, and `Update::transposed_query_scratch_len`.
const SCRATCH: usize = any_of(&[
    all_of(&[area(N, N), any_of(&[overlap_scratch_len(1, N, N), spread_scratch_len(K)])]),
    all_of(&[2 * K, area(N, MOST_LANES)]),
]);

struct Memory {
    starts: [usize; N + 1],
    indices: [u32; K],
    values: [f32; K],
    columns: [usize; D + 1],
    rows: [u32; K],
    places: [u32; K],
    panels: [f32; panels_len(D, D)],
    out: [f32; N * D],
    back: [f32; K],
    scratch: [f32; SCRATCH],
}

subquad_embedded::program! {
    memory: Memory = Memory { starts: [0; N + 1], indices: [0; K], values: [0.0; K], columns: [0; D + 1], rows: [0; K], places: [0; K],
        panels: [0.0; panels_len(D, D)], out: [0.0; N * D], back: [0.0; K], scratch: [0.0; SCRATCH] };
    run(memory)
}

fn run(memory: &mut Memory) -> Result<(), Error> {
    let (n, d) = black_box((N, D));
    let a = SparseRef::new(Support::new(&memory.starts, &memory.indices, d)?, 1, &memory.values)?;
    let sides = (a, Columns::new(&memory.columns, &memory.rows, &memory.places)?);
    let update = Update::new(sides, sides)?;
    update.query(Level::detect(), 1.0, sides, MatMut::new(&mut memory.out, n, d)?, &mut memory.scratch)?;
    update.transposed_query(Level::detect(), a, a.support(), &mut memory.back, &mut memory.scratch)?;
    update.fold_sparse(&mut PanelsMut::packed(&mut memory.panels, d, d)?)
}
