//! The fused scan: a matrix product whose epilogue compares and compresses. The yardstick of every other structure,
//! and the definition of their answer.

use super::hits::{Hits, low_bits, where_any};
use crate::blas::tile::{self, with_rows};
use crate::error::{Error, expect_length};
use crate::matrix::MatRef;
use crate::scratch::{all_of, area, split, take};
use crate::simd::{Float, Level, MOST_LANES, Simd};

/// Neurons of a block: d rows of 32 numbers, one lane per neuron. The same at every level, so that blocks can lie in
/// a file; the widest panel is one block, narrower ones are strips of it.
pub(super) const BLOCK: usize = tile::MOST_WIDTH;
/// Numbers of a group's blocks: 512 KiB of f32, a quarter of a second-level cache.
const GROUP_LEN: usize = 128 * 1024;
/// Blocks that a single query meets at once: with fewer, its multiply-adds wait for each other.
const ABREAST: usize = 4;

/// Blocks whose neurons are reported together: whether a single block has any nobody can foresee.
const TOGETHER: usize = 16;

/// Blocks of a group, so that they fit the cache together.
pub(super) const fn group(d: usize, m: usize) -> usize {
    let fit = GROUP_LEN / BLOCK / if d == 0 { 1 } else { d };
    let fit = if fit == 0 { 1 } else { fit };
    let all = m.div_ceil(BLOCK);
    if all < fit { all } else { fit }
}

/// Scratch of [`scan`], in elements: a group's blocks, a tile's queries.
///
/// ```
/// use subquad::halfspace::scan_scratch_len;
///
/// // A group of neurons at a time: from some width on, no more.
/// assert_eq!(scan_scratch_len(64, 1 << 20), scan_scratch_len(64, 1 << 16));
/// ```
pub const fn scan_scratch_len(d: usize, m: usize) -> usize {
    all_of(&[area(area(group(d, m), BLOCK), d), area(tile::MOST_ROWS, d)])
}

/// Reports, for each row x of X, every r with `<w_r, x> > b`.
///
/// # Shapes
/// W m x d and X n x d, any strides; m at most 2^32 - 1; room in `hits` for n queries.
///
/// # Errors
/// [`Error::Length`] where shapes disagree, [`Error::TooShort`] if scratch is less than [`scan_scratch_len`]`(d, m)`,
/// [`Error::Overflow`] if m does not fit the indices.
///
/// # Numerics
/// As the [module](super) says: one chain of multiply-adds per value. With d = 0 every value is 0.
///
/// # Cost
/// 2 n m d flops, and m d copies: the weights are packed, a group of neurons at a time, so that all queries meet the
/// group in the cache. Nothing of size n x m is written.
///
/// ```
/// use subquad::halfspace::{Hits, scan, scan_scratch_len};
/// use subquad::{Level, MatRef};
///
/// // One neuron (1, 1), three queries, of which the last exceeds 1.
/// let (w, x) = (MatRef::new(&[1.0, 1.0], 1, 2)?, MatRef::new(&[0.5, 0.25, 0.5, 0.5, 0.5, 0.75], 3, 2)?);
/// let (mut counts, mut indices, mut scratch) = ([0; 3], [0; 3], vec![0.0; scan_scratch_len(2, 1)]);
/// let mut hits = Hits::new(&mut counts, &mut indices, 1)?;
/// scan(Level::detect(), w, x, 1.0, &mut hits, &mut scratch)?;
/// assert_eq!([0, 1, 2].map(|i| hits.count(i)), [0, 0, 1]);
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn scan<T: Float>(
    level: Level,
    w: MatRef<'_, T>,
    x: MatRef<'_, T>,
    threshold: T,
    hits: &mut Hits<'_, T>,
    scratch: &mut [T],
) -> Result<(), Error> {
    expect_length("scan: columns of X, against columns of W", w.cols(), x.cols())?;
    expect_length("scan: queries of the hits, against rows of X", x.rows(), hits.queries())?;
    if u32::try_from(w.rows()).is_err() {
        return Err(Error::index("scan: number of neurons as a 32-bit index", w.rows() as u64));
    }
    scan_with(level, w, x, &[threshold], hits, scratch)
}

/// [`scan`] with a threshold for each query, or one for all; shapes have been checked.
pub(super) fn scan_with<T: Float>(
    level: Level,
    w: MatRef<'_, T>,
    x: MatRef<'_, T>,
    thresholds: &[T],
    hits: &mut Hits<'_, T>,
    scratch: &mut [T],
) -> Result<(), Error> {
    let (scratch, _) = take(scratch, scan_scratch_len(w.cols(), w.rows()))?;
    hits.clear();
    scan_entry(level, w, x, thresholds, hits, scratch);
    Ok(())
}

multiversion! {
    fn scan_entry<T: Float>(w: MatRef<'_, T>, x: MatRef<'_, T>, thresholds: &[T], hits: &mut Hits<'_, T>, scratch: &mut [T]) = scan_body;
}

#[inline(always)]
fn scan_body<T: Float, S: Simd<T>>(s: S, w: MatRef<'_, T>, x: MatRef<'_, T>, thresholds: &[T], hits: &mut Hits<'_, T>, scratch: &mut [T]) {
    let (m, d) = (w.rows(), w.cols());
    let group = group(d, m);
    let (blocks, strip) = split(scratch, group * BLOCK * d);
    let mut from = 0;
    while from < m {
        let neurons = (group * BLOCK).min(m - from);
        pack(w.row_range(from, neurons), blocks);
        scan_blocks(s, Blocks { numbers: blocks, d, from, neurons }, x, thresholds, hits, strip);
        from += neurons;
    }
}

/// Copies rows into blocks, zeros behind the last one.
#[inline(always)]
pub(super) fn pack<T: Float>(w: MatRef<'_, T>, to: &mut [T]) {
    let d = w.cols();
    if d == 0 {
        return;
    }
    let (data, stride, step) = (w.data(), w.row_stride(), w.col_stride().max(1));
    if w.col_stride() == 0 {
        return repeat(w, to);
    }
    for (block, to) in to.chunks_exact_mut((BLOCK * d).max(1)).take(w.rows().div_ceil(BLOCK)).enumerate() {
        let (to, _) = to.as_chunks_mut::<BLOCK>();
        for lane in 0..BLOCK {
            let r = block * BLOCK + lane;
            let row = if r < w.rows() { data.get(r * stride..).unwrap_or_default() } else { &[] };
            if row.is_empty() {
                to.iter_mut().for_each(|to| to[lane] = T::ZERO);
            } else if step == 1 {
                to.iter_mut().zip(row).for_each(|(to, &x)| to[lane] = x);
            } else {
                to.iter_mut().zip(row.iter().step_by(step)).for_each(|(to, &x)| to[lane] = x);
            }
        }
    }
}

/// [`pack`], of rows whose columns are all the same number.
#[cold]
fn repeat<T: Float>(w: MatRef<'_, T>, to: &mut [T]) {
    let (to, _) = to.as_chunks_mut::<BLOCK>();
    for (block, to) in to.chunks_exact_mut(w.cols().max(1)).take(w.rows().div_ceil(BLOCK)).enumerate() {
        for to in to {
            for (lane, to) in to.iter_mut().enumerate() {
                *to = w.get(block * BLOCK + lane, 0).unwrap_or(T::ZERO);
            }
        }
    }
}

/// Packed neurons `from .. from + neurons`, one block after another.
#[derive(Clone, Copy)]
pub(super) struct Blocks<'a, T> {
    pub numbers: &'a [T],
    pub d: usize,
    pub from: usize,
    pub neurons: usize,
}

/// All queries against a group of blocks.
#[inline(always)]
pub(super) fn scan_blocks<T: Float, S: Simd<T>>(
    s: S,
    blocks: Blocks<'_, T>,
    x: MatRef<'_, T>,
    thresholds: &[T],
    hits: &mut Hits<'_, T>,
    strip: &mut [T],
) {
    let n = x.rows();
    let mut i = 0;
    while i < n {
        let rows = tile::next_rows(n - i, tile::rows(S::REGISTERS));
        if rows == 1 {
            one_query(s, blocks, x.row_range(i, 1), i, thresholds, hits, strip);
        } else {
            with_rows!(rows, queries::<T, S>(s, blocks, x.row_range(i, rows), i, thresholds, hits, strip));
        }
        i += rows;
    }
}

/// Panels that lie side by side in a block.
#[inline(always)]
pub(super) const fn strips<T: Float, S: Simd<T>>() -> usize {
    BLOCK / tile::width::<T, S>()
}

/// One threshold for all queries, or each its own.
#[inline(always)]
fn threshold_of<T: Float>(thresholds: &[T], i: usize) -> T {
    thresholds.get(i).or(thresholds.first()).copied().unwrap_or(T::INFINITY)
}

/// J queries against all strips.
#[inline(always)]
fn queries<T: Float, S: Simd<T>, const J: usize>(
    s: S,
    blocks: Blocks<'_, T>,
    x: MatRef<'_, T>,
    i: usize,
    thresholds: &[T],
    hits: &mut Hits<'_, T>,
    strip: &mut [T],
) {
    let (d, width) = (blocks.d, tile::width::<T, S>());
    let x = tile::interleave::<T, J>(x, strip);
    let mut over = [T::ZERO; J];
    for (j, over) in over.iter_mut().enumerate() {
        *over = threshold_of(thresholds, i + j);
    }
    // A value is at hand now, and a lone lane's comparison is a branch anyway.
    let at_once = hits.wants_values() || S::LANES == 1;
    let mut base = 0;
    while base < blocks.neurons {
        let mut fired = [[0u32; TOGETHER]; J];
        let together = TOGETHER.min((blocks.neurons - base).div_ceil(BLOCK));
        let mut at = 0;
        while at < together {
            let base = base + at * BLOCK;
            // With d = 0 a block is empty, and every sum is 0.
            let block = blocks.numbers.get(base / BLOCK * BLOCK * d..).unwrap_or_default();
            let pairs = s.chunks(&block[..(BLOCK * d).min(block.len())]).0.as_chunks::<2>().0;
            for strip in 0..strips::<T, S>() {
                let first = base + strip * width;
                if first >= blocks.neurons {
                    break;
                }
                let mut acc = [[s.splat(T::ZERO); 2]; J];
                accumulate(s, &mut acc, x, pairs, strip);
                let inside = low_bits(blocks.neurons - first);
                for (j, &z) in acc.iter().enumerate() {
                    let over = s.splat(over[j]);
                    let bits = (s.gt(z[0], over) | s.gt(z[1], over) << S::LANES) & inside;
                    if at_once {
                        hits.put(s, i + j, (blocks.from + first) as u32, bits, z);
                    } else {
                        fired[j][at] |= (bits << (strip * width)) as u32;
                    }
                }
            }
            at += 1;
        }
        if !at_once {
            for (j, fired) in fired.iter().enumerate() {
                for &at in where_any(fired.iter().copied(), &mut [0; TOGETHER]) {
                    let (at, bits) = (usize::from(at), fired.get(usize::from(at)).copied().unwrap_or_default());
                    hits.put_block(s, i + j, (blocks.from + base + at * BLOCK) as u32, bits);
                }
            }
        }
        base += TOGETHER * BLOCK;
    }
}

/// `acc[j][v] += sum_k x[k][j] block[k][strip][v]`
#[inline(always)]
fn accumulate<T: Float, S: Simd<T>, const J: usize>(s: S, acc: &mut [[S::V; 2]; J], x: &[[T; J]], pairs: &[[S::Chunk; 2]], strip: usize) {
    if strips::<T, S>() == 1 {
        tile::accumulate(s, acc, x.iter(), pairs);
        return;
    }
    let mut sums = *acc;
    for (w, x) in pairs.chunks_exact(strips::<T, S>()).zip(x) {
        let Some(w) = w.get(strip) else { break };
        let (w0, w1) = (s.load(&w[0]), s.load(&w[1]));
        for j in 0..J {
            let x = s.splat(x[j]);
            sums[j][0] = s.mul_add(x, w0, sums[j][0]);
            sums[j][1] = s.mul_add(x, w1, sums[j][1]);
        }
    }
    *acc = sums;
}

/// One query against one strip of a block.
#[inline(always)]
pub(super) fn strip_of_block<T: Float, S: Simd<T>>(s: S, block: &[T], x: &[[T; 1]], strip: usize) -> [S::V; 2] {
    let mut acc = [[s.splat(T::ZERO); 2]; 1];
    accumulate(s, &mut acc, x, s.chunks(block).0.as_chunks::<2>().0, strip);
    acc[0]
}

/// One query against all strips, several of them abreast.
#[inline(always)]
fn one_query<T: Float, S: Simd<T>>(
    s: S,
    blocks: Blocks<'_, T>,
    x: MatRef<'_, T>,
    i: usize,
    thresholds: &[T],
    hits: &mut Hits<'_, T>,
    strip: &mut [T],
) {
    let (d, width, strips) = (blocks.d, tile::width::<T, S>(), strips::<T, S>());
    let x = tile::interleave::<T, 1>(x, strip);
    let over = s.splat(threshold_of(thresholds, i));
    let mut first = 0;
    while first < blocks.neurons {
        // Where the strips abreast begin; behind the last one, the first again, for nothing.
        let mut abreast: [&[[S::Chunk; 2]]; ABREAST] = [&[]; ABREAST];
        for (at, strip) in abreast.iter_mut().enumerate() {
            let r = if first + at * width < blocks.neurons { first + at * width } else { first };
            let block = blocks.numbers.get(r / BLOCK * BLOCK * d..).unwrap_or_default();
            let pairs = s.chunks(&block[..(BLOCK * d).min(block.len())]).0.as_chunks::<2>().0;
            *strip = pairs.get(r % BLOCK / width..).unwrap_or_default();
        }
        let [a, b, c, e] = abreast;
        let mut acc = [[s.splat(T::ZERO); 2]; ABREAST];
        for ((((x, a), b), c), e) in x.iter().zip(a.chunks(strips)).zip(b.chunks(strips)).zip(c.chunks(strips)).zip(e.chunks(strips)) {
            let x = s.splat(x[0]);
            for (acc, w) in acc.iter_mut().zip([a, b, c, e]) {
                let Some(w) = w.first() else { break };
                acc[0] = s.mul_add(x, s.load(&w[0]), acc[0]);
                acc[1] = s.mul_add(x, s.load(&w[1]), acc[1]);
            }
        }
        for &z in &acc {
            if first < blocks.neurons {
                let bits = (s.gt(z[0], over) | s.gt(z[1], over) << S::LANES) & low_bits(blocks.neurons - first);
                hits.put(s, i, (blocks.from + first) as u32, bits, z);
            }
            first += width;
        }
    }
}

/// Whether a neuron fires: a product in any order settles it but for `slack`, which is above the rounding errors of
/// both orders and NaN or infinite where nothing is known; the order of the definition settles the rest.
#[inline(always)]
pub(super) fn decide<T: Float, S: Simd<T>>(s: S, x: &[T], row: &[T], threshold: T, slack: T) -> bool {
    let z = about(s, x, row);
    let (above, below) = (z - slack > threshold, z + slack <= threshold);
    // One branch, nearly always foreseen; which of the two it is need not be.
    if above | below { above } else { value_of(s, x, row) > threshold }
}

/// One value, in the order of the definition.
#[inline(always)]
pub(super) fn value_of<T: Float, S: Simd<T>>(s: S, x: &[T], row: &[T]) -> T {
    x.iter().zip(row).fold(T::ZERO, |sum, (&x, &w)| s.mul_add_one(x, w, sum))
}

/// As [`decide`], for R rows, each with a slack of its own, side by side; bit r of the answer is row r's.
#[inline(always)]
pub(super) fn decide_rows<T: Float, S: Simd<T>, const R: usize>(
    s: S,
    x: &[T],
    rows: &[&[T]; R],
    threshold: T,
    slack: &[T; MOST_LANES],
) -> u32 {
    let (x_whole, x_tail) = s.chunks(x);
    let (mut whole, mut tails, mut sums) = ([x_whole; R], [x_tail; R], [s.splat(T::ZERO); R]);
    for r in 0..R {
        let (w, tail) = s.chunks(rows[r]);
        // Rows are as long as x; that they are is told to the compiler.
        whole[r] = w.get(..x_whole.len()).unwrap_or(x_whole);
        tails[r] = tail;
    }
    for (k, x) in x_whole.iter().enumerate() {
        let x = s.load(x);
        for r in 0..R {
            if let Some(w) = whole[r].get(k) {
                sums[r] = s.mul_add(x, s.load(w), sums[r]);
            }
        }
    }
    if !x_tail.is_empty() {
        let x = s.load_part(x_tail);
        for r in 0..R {
            sums[r] = s.mul_add(x, s.load_part(tails[r]), sums[r]);
        }
    }
    let mut z = [T::ZERO; MOST_LANES];
    for r in 0..R {
        z[r] = s.sum(sums[r]);
    }
    let (mut fires, mut known, mut lane) = (0u64, 0u64, 0);
    let over = s.splat(threshold);
    for (z, slack) in s.chunks(&z).0.iter().zip(s.chunks(slack).0).take(R.div_ceil(S::LANES)) {
        let (z, slack) = (s.load(z), s.load(slack));
        let (above, below) = (s.gt(s.sub(z, slack), over), s.gt(over, s.add(z, slack)));
        fires |= above << lane;
        known |= (above | below) << lane;
        lane += S::LANES;
    }
    let mut fires = fires as u32 & ((1 << R) - 1);
    let known = known as u32;
    let mut open = !known & ((1 << R) - 1);
    while open != 0 {
        let r = open.trailing_zeros();
        open &= open - 1;
        let row = rows.get(r as usize).copied().unwrap_or_default();
        fires |= u32::from(value_of(s, x, row) > threshold) << r;
    }
    fires
}

/// `<w, x>` in whatever order is fastest.
#[inline(always)]
fn about<T: Float, S: Simd<T>>(s: S, x: &[T], row: &[T]) -> T {
    let ((x, x_tail), (w, w_tail)) = (s.chunks(x), s.chunks(row));
    let mut sums = [s.splat(T::ZERO); 2];
    let ((x2, x1), (w2, w1)) = (x.as_chunks::<2>(), w.as_chunks::<2>());
    for (x, w) in x2.iter().zip(w2) {
        sums[0] = s.mul_add(s.load(&x[0]), s.load(&w[0]), sums[0]);
        sums[1] = s.mul_add(s.load(&x[1]), s.load(&w[1]), sums[1]);
    }
    for (x, w) in x1.iter().zip(w1) {
        sums[0] = s.mul_add(s.load(x), s.load(w), sums[0]);
    }
    if !x_tail.is_empty() {
        sums[1] = s.mul_add(s.load_part(x_tail), s.load_part(w_tail), sums[1]);
    }
    s.sum(s.add(sums[0], sums[1]))
}
