//! The sparse backward pass: rows that fire above, columns that fire below, and nothing else of the weights.

use crate::error::{Error, expect_length};
use crate::float::Real;
use crate::scratch::{all_of, area, part, split, take};
use crate::simd::{Level, Reads, Stored};
use crate::sparse::{BLOCK, PANEL, Panels, SparseRef, Support, side_by_side};

/// Rows whose entries are collected at once.
const ROWS: usize = 4;
/// Columns whose sums are in registers at once.
const ABREAST: usize = 6;
/// Samples that pass a block of the weights together, at most: their places in it are kept on the stack.
const SAMPLES: usize = 256;
/// More than the lanes of any vector.
const PAD: usize = 32;

/// A block of the weights: so many columns, of as many panels of rows. It stays in the second-level cache while all samples pass: a quarter
/// or half a megabyte of f32.
#[derive(Clone, Copy)]
struct Block {
    columns: usize,
    panels: usize,
}

/// Where vectors go along the columns: as many as there can be.
const LONG: Block = Block { columns: BLOCK, panels: 1 };
/// Where they go along the outputs: nearly a square, so that a result that was fetched takes a sample's rows in four panels.
const SQUARE: Block = Block { columns: BLOCK / 2, panels: 4 };

/// Columns of a sample that can be in one block, in whole vectors.
const fn padded(longest: usize) -> usize {
    let most = if longest < LONG.columns { longest } else { LONG.columns };
    most.next_multiple_of(PAD)
}

/// Whether vectors go along the outputs, and fill at least half of their lanes: then an entry of the weights is used where it
/// lies. Else they go along the columns, whose entries have to be collected first.
const fn along_outputs(depth: usize, lanes: usize) -> bool {
    depth.next_multiple_of(lanes) <= 2 * depth
}

/// Scratch of [`backward_panels`], in elements, for so many places in the longest row above and in the longest one below: the results of
/// all samples in a block and the gradients that go into them, in whole vectors, and the collected entries of some rows.
///
/// ```
/// use subquad::relu::deep::backward_panels_scratch_len;
///
/// // Beyond a block's columns the longest row below does not matter.
/// assert_eq!(backward_panels_scratch_len(1, 50, 1 << 20), backward_panels_scratch_len(1, 50, 1 << 15));
/// ```
pub const fn backward_panels_scratch_len(depth: usize, above: usize, below: usize) -> usize {
    let vectors = area(SAMPLES, area(2, depth));
    all_of(&[area(padded(below), all_of(&[ROWS, vectors])), area(above, vectors)])
}

/// `e[i, c, j] = sum_r W[r, j] g[i, c, r]` over the rows r that fire above, for the columns j that fire below.
///
/// # Shapes
/// g n x m of depth C; B = W^T in panels (entry (j, r) is W\[r, j\]); `below` n x m'; `e` C times as many numbers as
/// `below` has places, in the order of a [`SparseRef`] of depth C; it may hold anything before.
///
/// # Errors
/// [`Error::Length`] where shapes disagree, [`Error::TooShort`] if scratch is less than
/// [`backward_panels_scratch_len`]`(C, g.support().longest(), below.longest())`.
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
/// let transposed = Panels::row_major(&[1.0f32, 5.0, 2.0, 6.0, 3.0, 7.0], 3, 2)?;
/// let (mut e, mut scratch) = ([0.0; 2], vec![0.0; backward_panels_scratch_len(1, 1, 2)]);
/// backward_panels(subquad::Level::detect(), g, transposed, Support::new(&[0, 2], &[0, 2], 3)?, &mut e, &mut scratch)?;
/// assert_eq!(e, [10.0, 14.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn backward_panels<E: Stored>(
    level: Level,
    g: SparseRef<'_, E::Number>,
    b: Panels<'_, E>,
    below: Support<'_>,
    e: &mut [E::Number],
    scratch: &mut [E::Number],
) -> Result<(), Error> {
    expect_length("backward: columns of B", g.support().cols(), b.cols())?;
    expect_length("backward: rows of B", below.cols(), b.rows())?;
    expect_length("backward: rows", g.rows(), below.rows())?;
    expect_length("backward: result", area(g.depth(), below.len()), e.len())?;
    let (above, longest) = (g.support().longest(), below.longest());
    let (scratch, _) = take(scratch, backward_panels_scratch_len(g.depth(), above, longest))?;
    // Without places a stack may be of any depth, and there is nothing to write.
    if !e.is_empty() {
        backward_entry(level, g, b, below, above, padded(longest), e, scratch);
    }
    Ok(())
}

multiversion! {
    fn backward_entry<E: Stored>(
        g: SparseRef<'_, E::Number>, b: Panels<'_, E>, below: Support<'_>, above: usize, most: usize, e: &mut [E::Number], scratch: &mut [E::Number],
    ) = backward_body;
}

#[inline(always)]
fn backward_body<E: Stored, S: Reads<E>>(
    s: S,
    g: SparseRef<'_, E::Number>,
    b: Panels<'_, E>,
    below: Support<'_>,
    above: usize,
    most: usize,
    e: &mut [E::Number],
    scratch: &mut [E::Number],
) {
    let depth = g.depth();
    let along_outputs = along_outputs(depth, S::LANES);
    let Block { columns: height, panels: breadth } = if along_outputs { SQUARE } else { LONG };
    let vector = depth.next_multiple_of(S::LANES);
    // Numbers of a sample's results: a vector or more for each column, or one row of whole vectors for each output.
    let room = |columns: usize| if along_outputs { columns * vector } else { columns.next_multiple_of(S::LANES) * depth };
    let (entries, rest) = split(scratch, ROWS * most);
    let (results, gradients) = split(rest, SAMPLES * most * 2 * depth);
    // Whether most lines (of 16 entries, say) are wanted by some sample.
    let wanted =
        g.support().len() as f64 * below.len() as f64 / g.rows().max(1) as f64 * SAMPLES.min(g.rows()) as f64 / g.rows().max(1) as f64;
    let busy = wanted * 16.0 > b.rows() as f64 * b.cols() as f64;
    let mut next = [0u32; SAMPLES];
    let mut inside = [(0u32, 0u32); SAMPLES];
    let mut keys = [0; SQUARE.panels * PANEL];
    for from in (0..g.rows()).step_by(SAMPLES) {
        let samples = SAMPLES.min(g.rows() - from);
        if along_outputs {
            // Every place's gradients of all outputs, side by side.
            for (i, to) in (from..from + samples).zip(gradients.chunks_exact_mut((above * vector).max(1))) {
                let (stack, k) = (g.stack(i), g.support().row(i).len());
                for (at, to) in to.chunks_exact_mut(vector.max(1)).take(k).enumerate() {
                    for (v, to) in s.chunks_mut(to).0.iter_mut().enumerate() {
                        s.store(to, side_by_side(s, stack, k, at, v * S::LANES));
                    }
                }
            }
        }
        for block in (0..b.rows()).step_by(height) {
            // Which columns of each sample are in the block; rows are taken panel by panel, in order.
            next.fill(0);
            for (i, inside) in inside.iter_mut().take(samples).enumerate() {
                let first = if block == 0 { 0 } else { inside.1 };
                let rest = below.row(from + i).get(first as usize..).unwrap_or_default();
                let count = rest.iter().take_while(|&&j| (j as usize) < block + height).count();
                *inside = (first, first + count as u32);
                if let Some(results) = results.get_mut(i * room(most)..i * room(most) + room(count)) {
                    results.fill(E::Number::ZERO);
                }
            }
            for p in (0..b.count()).step_by(breadth) {
                let (panel, step) = b.panel_from(p, block);
                // The block that comes next, a part of it with every sample.
                let (later, rows) = if p + breadth < b.count() { (p + breadth, block) } else { (0, block + height) };
                let tall = height.min(b.rows().saturating_sub(rows));
                for (i, (next, &(first, last))) in next.iter_mut().zip(&inside).take(samples).enumerate() {
                    if busy {
                        for later in later..later + breadth {
                            b.fetch_ahead(later, rows + i * tall / samples..rows + (i + 1) * tall / samples);
                        }
                    }
                    let fired = g.support().row(from + i);
                    let begin = *next as usize;
                    let rest = fired.get(begin..).unwrap_or_default();
                    let count = rest.iter().take_while(|&&r| (r as usize) < (p + breadth) * PANEL).count();
                    *next = (begin + count) as u32;
                    let rest = part(rest, 0, count);
                    let columns = below.row(from + i).get(first as usize..last as usize).unwrap_or_default();
                    if count == 0 || columns.is_empty() {
                        continue;
                    }
                    let Some(results) = results.get_mut(i * room(most)..i * room(most) + room(columns.len())) else { continue };
                    if along_outputs {
                        let x = gradients.get((i * above + begin) * vector..).unwrap_or_default();
                        let mut extent = 0;
                        for (key, &r) in keys.iter_mut().zip(rest) {
                            *key = E::key((r as usize / PANEL - p) * b.panel_step(), r as usize % PANEL);
                            extent = extent.max(*key / E::COLUMNS + 1);
                        }
                        let part = Square { x, keys: part(&keys, 0, count), extent, columns, block, panel, step };
                        outputs_of_columns(s, part, vector / S::LANES, results);
                        continue;
                    }
                    for (at, rows) in (begin..).step_by(ROWS).zip(rest.chunks(ROWS)) {
                        let part = Part { rows, at, g: g.stack(from + i), k: fired.len(), columns, block, panel, step };
                        match rows.len() {
                            1 => columns_of_rows::<E, S, 1>(s, part, results, entries),
                            2 => columns_of_rows::<E, S, 2>(s, part, results, entries),
                            3 => columns_of_rows::<E, S, 3>(s, part, results, entries),
                            _ => columns_of_rows::<E, S, 4>(s, part, results, entries),
                        }
                    }
                }
            }
            for (i, &(first, last)) in inside.iter().take(samples).enumerate() {
                let (place, n) = (below.range(from + i), (last - first) as usize);
                let Some(e) = e.get_mut(depth * place.start..depth * place.end) else { continue };
                let results = results.get(i * room(most)..).unwrap_or_default();
                // From one output to the next, and from one column to the next.
                let (far, near) = if along_outputs { (1, vector) } else { (n.next_multiple_of(S::LANES), 1) };
                for (c, e) in e.chunks_exact_mut(place.len().max(1)).enumerate() {
                    let Some(e) = e.get_mut(first as usize..last as usize) else { continue };
                    let results = results.get(c * far..).unwrap_or_default();
                    e.iter_mut().zip(results.iter().step_by(near.max(1))).for_each(|(e, &result)| *e = result);
                }
            }
        }
    }
}

/// The rows of one sample in a block of a square's shape, and its columns there.
#[derive(Clone, Copy)]
struct Square<'a, E: Stored> {
    /// The rows' gradients, in whole vectors, and the keys of their numbers, from the beginning of each column's line on.
    x: &'a [E::Number],
    keys: &'a [usize],
    /// Elements that the keys want of a line: all lines are as long, so that one comparison serves all of them.
    extent: usize,
    columns: &'a [u32],
    block: usize,
    /// The panels from the block's first column on, and the elements from one column's line to the next.
    panel: &'a [E],
    step: usize,
}

/// Each column's entries in all rows are added to its vectors of outputs, each times its row's gradients.
#[inline(always)]
fn outputs_of_columns<E: Stored, S: Reads<E>>(s: S, part: Square<'_, E>, vectors: usize, results: &mut [E::Number]) {
    let (results, _) = s.chunks_mut(results);
    for (results, columns) in results.chunks_mut((vectors * ABREAST).max(1)).zip(part.columns.chunks(ABREAST)) {
        match columns.len() {
            1 => outputs_abreast::<E, S, 1>(s, part, vectors, columns, results),
            2 => outputs_abreast::<E, S, 2>(s, part, vectors, columns, results),
            3 => outputs_abreast::<E, S, 3>(s, part, vectors, columns, results),
            4 => outputs_abreast::<E, S, 4>(s, part, vectors, columns, results),
            5 => outputs_abreast::<E, S, 5>(s, part, vectors, columns, results),
            _ => outputs_abreast::<E, S, ABREAST>(s, part, vectors, columns, results),
        }
    }
}

/// N columns at once: their sums stay in registers while the rows pass.
#[inline(always)]
fn outputs_abreast<E: Stored, S: Reads<E>, const N: usize>(
    s: S,
    Square { x, keys, extent, block, panel, step, .. }: Square<'_, E>,
    vectors: usize,
    columns: &[u32],
    results: &mut [S::Chunk],
) {
    let Some(columns) = columns.first_chunk::<N>() else { return };
    let mut lines: [&[E]; N] = [&[]; N];
    for (line, &j) in lines.iter_mut().zip(columns) {
        let from = (j as usize - block) * step;
        let Some(part) = panel.get(from..from + extent) else { return };
        *line = part;
    }
    let (x, _) = s.chunks(x);
    for v in 0..vectors {
        let mut sums = [s.splat(E::Number::ZERO); N];
        for (q, sum) in sums.iter_mut().enumerate() {
            if let Some(result) = results.get(q * vectors + v) {
                *sum = s.load(result);
            }
        }
        for (x, &key) in x.chunks_exact(vectors).zip(keys) {
            let Some(x) = x.get(v) else { continue };
            let x = s.load(x);
            for (sum, line) in sums.iter_mut().zip(&lines) {
                if let Some(w) = E::pick(line, key) {
                    *sum = s.mul_add(x, s.splat(w), *sum);
                }
            }
        }
        for (q, sum) in sums.into_iter().enumerate() {
            if let Some(result) = results.get_mut(q * vectors + v) {
                s.store(result, sum);
            }
        }
    }
}

/// Some rows of one panel in the columns of one sample in one block.
struct Part<'a, E: Stored> {
    rows: &'a [u32],
    /// The sample's gradients, k for each output, and where these rows are among them.
    g: &'a [E::Number],
    k: usize,
    at: usize,
    columns: &'a [u32],
    block: usize,
    /// The panel from the block's first row on, and the elements from one row to the next.
    panel: &'a [E],
    step: usize,
}

/// The entries of R rows are collected once, and added to every output's result.
#[inline(always)]
fn columns_of_rows<E: Stored, S: Reads<E>, const R: usize>(s: S, part: Part<'_, E>, results: &mut [E::Number], entries: &mut [E::Number]) {
    let Part { rows, g, k, at, columns, block, panel, step } = part;
    let width = columns.len().next_multiple_of(S::LANES);
    let Some(entries) = entries.get_mut(..R * width) else { return };
    for (run, &r) in entries.chunks_exact_mut(width).zip(rows) {
        let key = E::key(0, r as usize % PANEL);
        let (now, behind) = run.split_at_mut(columns.len());
        for (to, &j) in now.iter_mut().zip(columns) {
            if let Some(w) = E::pick(panel, key + (j as usize - block) * step * E::COLUMNS) {
                *to = w;
            }
        }
        behind.fill(E::Number::ZERO);
    }
    let (entries, _) = s.chunks(entries);
    let vectors = width / S::LANES;
    let mut runs: [&[S::Chunk]; R] = [&[]; R];
    for (run, entries) in runs.iter_mut().zip(entries.chunks_exact(vectors)) {
        *run = entries;
    }
    for (c, results) in s.chunks_mut(results).0.chunks_exact_mut(vectors).enumerate() {
        let mut x = [s.splat(E::Number::ZERO); R];
        for (q, x) in x.iter_mut().enumerate() {
            *x = s.splat(g.get(c * k + at + q).copied().unwrap_or(E::Number::ZERO));
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
