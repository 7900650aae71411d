//! The sparse backward pass: rows that fire above, columns that fire below, and nothing else of the weights.

use crate::error::{Error, expect_length};
use crate::scratch::{area, take};
use crate::simd::{Float, Level, Simd};
use crate::sparse::{PANEL, Panels, SparseRef, Support};

/// Rows whose entries are collected at once.
const ROWS: usize = 4;
/// Results of the samples that pass a panel together: half a megabyte of f32, beside the panel in the second-level cache.
const GROUP: usize = 128 * 1024;

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
    let each = (depth * below.len() / below.rows().max(1)).max(1);
    let group = (GROUP / each).max(1);
    for from in (0..g.rows()).step_by(group) {
        for p in 0..b.count() {
            for i in from..g.rows().min(from + group) {
                let above = g.support().row(i);
                let first = above.partition_point(|&r| (r as usize) < p * PANEL);
                let last = above.partition_point(|&r| (r as usize) < (p + 1) * PANEL);
                let place = below.range(i);
                let (columns, k) = (below.row(i), above.len());
                let Some(e) = e.get_mut(depth * place.start..depth * place.end) else { continue };
                let mut at = first;
                while at < last {
                    let rows = above.get(at..last.min(at + ROWS)).unwrap_or_default();
                    let gs = g.stack(i).get(at..).unwrap_or_default();
                    match rows.len() {
                        1 => some_rows::<T, S, 1>(s, b, p, rows, gs, k, columns, e, scratch),
                        2 => some_rows::<T, S, 2>(s, b, p, rows, gs, k, columns, e, scratch),
                        3 => some_rows::<T, S, 3>(s, b, p, rows, gs, k, columns, e, scratch),
                        _ => some_rows::<T, S, 4>(s, b, p, rows, gs, k, columns, e, scratch),
                    }
                    at += ROWS;
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
    for (c, e) in e.chunks_exact_mut(n).enumerate() {
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
