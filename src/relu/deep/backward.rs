//! The sparse backward pass: rows that fire above, columns that fire below, and nothing else of the weights.

use crate::error::{Error, expect_length};
use crate::scratch::{area, take};
use crate::simd::{Float, Level, Simd};
use crate::sparse::{BLOCK, PANEL, Panels, SparseRef, Support};

/// Rows whose entries are collected at once.
const ROWS: usize = 4;
/// Samples that pass a block of the weights together, at most: their places in it are kept on the stack.
const SAMPLES: usize = 256;
/// Results of those samples in a block: half a megabyte of f32, beside the block in the second-level cache.
const RESULTS: usize = 128 * 1024;

/// Scratch of [`backward_panels`], in elements: the collected entries of some rows.
pub const fn backward_panels_scratch_len(longest: usize) -> usize {
    area(ROWS, longest)
}

/// `e[i, c, j] = sum_r W[r, j] g[i, c, r]` over the rows r that fire above, for the columns j that fire below.
///
/// # Shapes
/// g n x m of depth C; B = W^T in panels (entry (j, r) is W\[r, j\]); `below` n x m'; `e` C times as many numbers as
/// `below` has places, in the order of a [`SparseRef`] of depth C; it may hold anything before.
///
/// # Errors
/// [`Error::Length`] where shapes disagree, [`Error::TooShort`] if scratch is less than
/// [`backward_panels_scratch_len`]`(below.longest())`.
///
/// # Cost
/// For each sample k k' entries of W, each used for C outputs.
pub fn backward_panels<T: Float>(
    level: Level,
    g: SparseRef<'_, T>,
    b: Panels<'_, T>,
    below: Support<'_>,
    e: &mut [T],
    scratch: &mut [T],
) -> Result<(), Error> {
    expect_length("backward: columns of B", g.support().cols(), b.cols())?;
    expect_length("backward: rows of B", below.cols(), b.rows())?;
    expect_length("backward: rows", g.rows(), below.rows())?;
    expect_length("backward: result", area(g.depth(), below.len()), e.len())?;
    let (scratch, _) = take(scratch, backward_panels_scratch_len(below.longest()))?;
    backward_entry(level, g, b, below, e, scratch);
    Ok(())
}

multiversion! {
    fn backward_entry<T: Float>(g: SparseRef<'_, T>, b: Panels<'_, T>, below: Support<'_>, e: &mut [T], scratch: &mut [T]) = backward_body;
}

#[inline(always)]
fn backward_body<T: Float, S: Simd<T>>(s: S, g: SparseRef<'_, T>, b: Panels<'_, T>, below: Support<'_>, e: &mut [T], scratch: &mut [T]) {
    e.fill(T::ZERO);
    let depth = g.depth();
    let each = (depth * below.len() * BLOCK.min(b.rows()) / (below.rows().max(1) * b.rows().max(1))).max(1);
    let group = (RESULTS / each).clamp(1, SAMPLES);
    let mut next = [0u32; SAMPLES];
    let mut inside = [(0u32, 0u32); SAMPLES];
    for from in (0..g.rows()).step_by(group) {
        let samples = group.min(g.rows() - from);
        for block in (0..b.rows()).step_by(BLOCK) {
            // Which columns of each sample are in the block; rows are taken panel by panel, in order.
            next.fill(0);
            for (i, inside) in inside.iter_mut().take(samples).enumerate() {
                let columns = below.row(from + i);
                let first = columns.partition_point(|&j| (j as usize) < block);
                let last = columns.partition_point(|&j| (j as usize) < block + BLOCK);
                *inside = (first as u32, last as u32);
            }
            for p in 0..b.count() {
                for (i, (next, &(first, last))) in (from..).zip(next.iter_mut().zip(&inside).take(samples)) {
                    let above = g.support().row(i);
                    let begin = *next as usize;
                    let rest = above.get(begin..).unwrap_or_default();
                    let count = rest.iter().take_while(|&&r| (r as usize) < (p + 1) * PANEL).count();
                    *next = (begin + count) as u32;
                    let (first, last) = (first as usize, last as usize);
                    let (place, k) = (below.range(i), above.len());
                    let columns = below.row(i).get(first..last).unwrap_or_default();
                    if count == 0 || columns.is_empty() {
                        continue;
                    }
                    let stride = place.len();
                    let Some(e) = e.get_mut(depth * place.start + first..depth * place.end) else { continue };
                    for (at, rows) in (begin..).step_by(ROWS).zip(rest[..count].chunks(ROWS)) {
                        let gs = g.stack(i).get(at..).unwrap_or_default();
                        match rows.len() {
                            1 => some_rows::<T, S, 1>(s, b, p, rows, gs, k, columns, e, stride, scratch),
                            2 => some_rows::<T, S, 2>(s, b, p, rows, gs, k, columns, e, stride, scratch),
                            3 => some_rows::<T, S, 3>(s, b, p, rows, gs, k, columns, e, stride, scratch),
                            _ => some_rows::<T, S, 4>(s, b, p, rows, gs, k, columns, e, stride, scratch),
                        }
                    }
                }
            }
        }
    }
}

/// R rows of one panel: their entries in the columns are collected once, and added to every output's result.
#[inline(always)]
fn some_rows<T: Float, S: Simd<T>, const R: usize>(
    s: S,
    b: Panels<'_, T>,
    p: usize,
    rows: &[u32],
    g: &[T],
    k: usize,
    columns: &[u32],
    e: &mut [T],
    stride: usize,
    scratch: &mut [T],
) {
    let n = columns.len();
    if n == 0 {
        return;
    }
    let mut offset = [0; R];
    for (offset, &r) in offset.iter_mut().zip(rows) {
        *offset = r as usize % PANEL;
    }
    let Some(entries) = scratch.get_mut(..R * n) else { return };
    let mut runs = entries.chunks_exact_mut(n);
    let runs: [&mut [T]; R] = core::array::from_fn(|_| runs.next().unwrap_or_default());
    for (at, &j) in columns.iter().enumerate() {
        let piece = b.piece(p, j as usize);
        for q in 0..R {
            if let (Some(to), Some(&w)) = (runs[q].get_mut(at), piece.get(offset[q])) {
                *to = w;
            }
        }
    }
    let runs = runs.map(|run| s.chunks(run));
    for (c, e) in e.chunks_mut(stride).enumerate() {
        let Some(e) = e.get_mut(..n) else { continue };
        let mut x = [s.splat(T::ZERO); R];
        for (q, x) in x.iter_mut().enumerate() {
            *x = s.splat(g.get(c * k + q).copied().unwrap_or(T::ZERO));
        }
        let (chunks, tail) = s.chunks_mut(e);
        for (v, e) in chunks.iter_mut().enumerate() {
            let mut sum = s.load(e);
            for q in 0..R {
                if let Some(w) = runs[q].0.get(v) {
                    sum = s.mul_add(x[q], s.load(w), sum);
                }
            }
            s.store(e, sum);
        }
        if !tail.is_empty() {
            let mut sum = s.load_part(tail);
            for q in 0..R {
                sum = s.mul_add(x[q], s.load_part(runs[q].1), sum);
            }
            s.store_part(tail, sum);
        }
    }
}
