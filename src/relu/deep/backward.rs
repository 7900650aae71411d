//! The sparse backward pass: rows that fire above, columns that fire below, and nothing else of the weights.

use crate::error::{Error, expect_length};
use crate::scratch::{all_of, area, take};
use crate::simd::{Float, Level, Simd};
use crate::sparse::{BLOCK, PANEL, Panels, SparseRef, Support, side_by_side};

/// Rows whose entries are collected at once.
const ROWS: usize = 4;
/// Columns of a block: with the 64 rows of a panel a quarter of a megabyte of f32.
const COLUMNS: usize = BLOCK;
/// Samples that pass a block of the weights together, at most: their places in it are kept on the stack.
const SAMPLES: usize = 256;
/// More than the lanes of any vector.
const PAD: usize = 32;

/// Columns of a sample that can be in one block, in whole vectors.
const fn padded(longest: usize) -> usize {
    let most = if longest < COLUMNS { longest } else { COLUMNS };
    most.next_multiple_of(PAD)
}

/// Whether vectors go along the outputs, and fill at least half of their lanes: then an entry of the weights is used where it
/// lies. Else they go along the columns, whose entries have to be collected first.
const fn along_outputs(depth: usize, lanes: usize) -> bool {
    depth.next_multiple_of(lanes) <= 2 * depth
}

/// Scratch of [`backward_panels`], in elements: the results of all samples in a block, in whole vectors, and the collected
/// entries of some rows.
///
/// ```
/// use subquad::relu::deep::backward_panels_scratch_len;
///
/// // Beyond a block's columns the longest row does not matter.
/// assert_eq!(backward_panels_scratch_len(1, 1 << 20), backward_panels_scratch_len(1, 1 << 15));
/// ```
pub const fn backward_panels_scratch_len(depth: usize, longest: usize) -> usize {
    area(padded(longest), all_of(&[ROWS, area(SAMPLES, area(2, depth))]))
}

/// `e[i, c, j] = sum_r W[r, j] g[i, c, r]` over the rows r that fire above, for the columns j that fire below.
///
/// # Shapes
/// g n x m of depth C; B = W^T in panels (entry (j, r) is W\[r, j\]); `below` n x m'; `e` C times as many numbers as
/// `below` has places, in the order of a [`SparseRef`] of depth C; it may hold anything before.
///
/// # Errors
/// [`Error::Length`] where shapes disagree, [`Error::TooShort`] if scratch is less than
/// [`backward_panels_scratch_len`]`(C, below.longest())`.
///
/// # Cost
/// For each sample k k' entries of W, each used for C outputs.
///
/// ```
/// use subquad::relu::deep::{backward_panels, backward_panels_scratch_len};
/// use subquad::sparse::{Panels, SparseRef, Support};
///
/// // W has the rows (1, 2, 3) and (5, 6, 7). Above, the second neuron fires, with gradient 2; below, inputs 0 and 2.
/// let g = SparseRef::new(Support::new(&[0, 1], &[1], 2)?, 1, &[2.0f32])?;
/// let transposed = Panels::row_major(&[1.0, 5.0, 2.0, 6.0, 3.0, 7.0], 3, 2)?;
/// let (mut e, mut scratch) = ([0.0; 2], vec![0.0; backward_panels_scratch_len(1, 2)]);
/// backward_panels(subquad::Level::detect(), g, transposed, Support::new(&[0, 2], &[0, 2], 3)?, &mut e, &mut scratch)?;
/// assert_eq!(e, [10.0, 14.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
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
    let longest = below.longest();
    let (scratch, _) = take(scratch, backward_panels_scratch_len(g.depth(), longest))?;
    // Without places a stack may be of any depth, and there is nothing to write.
    if !e.is_empty() {
        backward_entry(level, g, b, below, padded(longest), e, scratch);
    }
    Ok(())
}

multiversion! {
    fn backward_entry<T: Float>(
        g: SparseRef<'_, T>, b: Panels<'_, T>, below: Support<'_>, most: usize, e: &mut [T], scratch: &mut [T],
    ) = backward_body;
}

#[inline(always)]
fn backward_body<T: Float, S: Simd<T>>(
    s: S,
    g: SparseRef<'_, T>,
    b: Panels<'_, T>,
    below: Support<'_>,
    most: usize,
    e: &mut [T],
    scratch: &mut [T],
) {
    let depth = g.depth();
    let along_outputs = along_outputs(depth, S::LANES);
    // Numbers of a sample's results: a vector or more for each column, or one row of whole vectors for each output.
    let room = |columns: usize| {
        if along_outputs { columns * depth.next_multiple_of(S::LANES) } else { columns.next_multiple_of(S::LANES) * depth }
    };
    let (entries, results) = scratch.split_at_mut(ROWS * most);
    // Whether most lines (of 16 entries, say) are wanted by some sample.
    let wanted =
        g.support().len() as f64 * below.len() as f64 / g.rows().max(1) as f64 * SAMPLES.min(g.rows()) as f64 / g.rows().max(1) as f64;
    let busy = wanted * 16.0 > b.rows() as f64 * b.cols() as f64;
    let mut next = [0u32; SAMPLES];
    let mut inside = [(0u32, 0u32); SAMPLES];
    for from in (0..g.rows()).step_by(SAMPLES) {
        let samples = SAMPLES.min(g.rows() - from);
        for block in (0..b.rows()).step_by(COLUMNS) {
            // Which columns of each sample are in the block; rows are taken panel by panel, in order.
            next.fill(0);
            for (i, inside) in inside.iter_mut().take(samples).enumerate() {
                let columns = below.row(from + i);
                let first = columns.partition_point(|&j| (j as usize) < block);
                let last = columns.partition_point(|&j| (j as usize) < block + COLUMNS);
                *inside = (first as u32, last as u32);
                if let Some(results) = results.get_mut(i * room(most)..i * room(most) + room(last - first)) {
                    results.fill(T::ZERO);
                }
            }
            for p in 0..b.count() {
                let (panel, step) = b.panel_from(p, block);
                for (i, (next, &(first, last))) in next.iter_mut().zip(&inside).take(samples).enumerate() {
                    if busy {
                        let rows = COLUMNS.min(b.rows() - block);
                        b.fetch_ahead(p + 1, block + i * rows / samples..block + (i + 1) * rows / samples);
                    }
                    let above = g.support().row(from + i);
                    let begin = *next as usize;
                    let rest = above.get(begin..).unwrap_or_default();
                    let count = rest.iter().take_while(|&&r| (r as usize) < (p + 1) * PANEL).count();
                    *next = (begin + count) as u32;
                    let columns = below.row(from + i).get(first as usize..last as usize).unwrap_or_default();
                    if count == 0 || columns.is_empty() {
                        continue;
                    }
                    let Some(results) = results.get_mut(i * room(most)..i * room(most) + room(columns.len())) else { continue };
                    for (at, rows) in (begin..).step_by(ROWS).zip(rest[..count].chunks(ROWS)) {
                        let part = Part { rows, at, g: g.stack(from + i), k: above.len(), depth, columns, block, panel, step };
                        match (along_outputs, rows.len()) {
                            (true, 1) => outputs_of_rows::<T, S, 1>(s, part, results),
                            (true, 2) => outputs_of_rows::<T, S, 2>(s, part, results),
                            (true, 3) => outputs_of_rows::<T, S, 3>(s, part, results),
                            (true, _) => outputs_of_rows::<T, S, 4>(s, part, results),
                            (_, 1) => columns_of_rows::<T, S, 1>(s, part, results, entries),
                            (_, 2) => columns_of_rows::<T, S, 2>(s, part, results, entries),
                            (_, 3) => columns_of_rows::<T, S, 3>(s, part, results, entries),
                            _ => columns_of_rows::<T, S, 4>(s, part, results, entries),
                        }
                    }
                }
            }
            for (i, &(first, last)) in inside.iter().take(samples).enumerate() {
                let (place, n) = (below.range(from + i), (last - first) as usize);
                let Some(e) = e.get_mut(depth * place.start..depth * place.end) else { continue };
                let results = results.get(i * room(most)..).unwrap_or_default();
                // From one output to the next, and from one column to the next.
                let (far, near) = if along_outputs { (1, depth.next_multiple_of(S::LANES)) } else { (n.next_multiple_of(S::LANES), 1) };
                for (c, e) in e.chunks_exact_mut(place.len().max(1)).enumerate() {
                    let Some(e) = e.get_mut(first as usize..last as usize) else { continue };
                    let results = results.get(c * far..).unwrap_or_default();
                    e.iter_mut().zip(results.iter().step_by(near.max(1))).for_each(|(e, &result)| *e = result);
                }
            }
        }
    }
}

/// Some rows of one panel in the columns of one sample in one block.
struct Part<'a, T> {
    rows: &'a [u32],
    /// The sample's gradients, k for each output, and where these rows are among them.
    g: &'a [T],
    k: usize,
    at: usize,
    depth: usize,
    columns: &'a [u32],
    block: usize,
    /// The panel from the block's first row on, and the elements from one row to the next.
    panel: &'a [T],
    step: usize,
}

/// Column by column, R entries are added to a vector of outputs, each times its row's gradients.
#[inline(always)]
fn outputs_of_rows<T: Float, S: Simd<T>, const R: usize>(s: S, part: Part<'_, T>, results: &mut [T]) {
    let Part { rows, g, k, at, depth, columns, block, panel, step } = part;
    let places: [usize; R] = core::array::from_fn(|q| rows.get(q).map_or(0, |&r| r as usize % PANEL));
    let vectors = depth.div_ceil(S::LANES);
    for v in 0..vectors {
        let x: [S::V; R] = core::array::from_fn(|q| side_by_side(s, g, k, at + q, v * S::LANES));
        let add = |results: &mut [S::Chunk], line: &[T; PANEL]| {
            if let Some(result) = results.get_mut(v) {
                let mut sum = s.load(result);
                for (&x, &place) in x.iter().zip(&places) {
                    sum = s.mul_add(x, s.splat(line[place % PANEL]), sum);
                }
                s.store(result, sum);
            }
        };
        let results = s.chunks_mut(results).0.chunks_exact_mut(vectors);
        if step == PANEL {
            let (lines, _) = panel.as_chunks();
            for (results, &j) in results.zip(columns) {
                if let Some(line) = lines.get(j as usize - block) {
                    add(results, line);
                }
            }
        } else {
            for (results, &j) in results.zip(columns) {
                let line = panel.get((j as usize - block) * step..).unwrap_or_default();
                // The last line may end early, and has no places behind its end.
                match line.first_chunk() {
                    Some(line) => add(results, line),
                    None => add(results, &core::array::from_fn(|r| line.get(r).copied().unwrap_or(T::ZERO))),
                }
            }
        }
    }
}

/// The entries of R rows are collected once, and added to every output's result.
#[inline(always)]
fn columns_of_rows<T: Float, S: Simd<T>, const R: usize>(s: S, part: Part<'_, T>, results: &mut [T], entries: &mut [T]) {
    let Part { rows, g, k, at, columns, block, panel, step, .. } = part;
    let width = columns.len().next_multiple_of(S::LANES);
    let Some(entries) = entries.get_mut(..R * width) else { return };
    for (run, &r) in entries.chunks_exact_mut(width).zip(rows) {
        let panel = panel.get(r as usize % PANEL..).unwrap_or_default();
        let (now, behind) = run.split_at_mut(columns.len());
        for (to, &j) in now.iter_mut().zip(columns) {
            if let Some(&w) = panel.get((j as usize - block) * step) {
                *to = w;
            }
        }
        behind.fill(T::ZERO);
    }
    let (entries, _) = s.chunks(entries);
    let vectors = width / S::LANES;
    let mut runs = entries.chunks_exact(vectors);
    let runs: [&[S::Chunk]; R] = core::array::from_fn(|_| runs.next().unwrap_or_default());
    for (c, results) in s.chunks_mut(results).0.chunks_exact_mut(vectors).enumerate() {
        let mut x = [s.splat(T::ZERO); R];
        for (q, x) in x.iter_mut().enumerate() {
            *x = s.splat(g.get(c * k + at + q).copied().unwrap_or(T::ZERO));
        }
        for (v, result) in results.iter_mut().enumerate() {
            let mut sum = s.load(result);
            for q in 0..R {
                if let Some(w) = runs[q].get(v) {
                    sum = s.mul_add(x[q], s.load(w), sum);
                }
            }
            s.store(result, sum);
        }
    }
}
