//! Trees of maxima over pre-activations that are kept.
//!
//! One tree per sample: its leaves are the values of all neurons on that sample, and above every 32 of them stands
//! their maximum, and so on up. A query goes down where the maximum is above the threshold. When a neuron moves, one leaf
//! of each tree changes, and the maxima above it.
//!
//! With neurons and samples exchanged it is the other tree, of one neuron over all samples: which samples does this
//! neuron fire on; a neuron that moves then changes one tree as a whole.
//!
//! Source: the correlation trees of Z. Song, L. Zhang, R. Zhang, *Training Multi-Layer Over-Parametrized Neural Network
//! in Subquadratic Time*, ITCS 2024, with 32 children in place of two.

use core::marker::PhantomData;

use super::bytes::{self, Check, Index, Kind};
use super::hits::{Hits, put_bits};
use super::scan::{self, BLOCK};
use super::{Watcher, check_watch};
use crate::error::{Error, Figure, expect_length};
use crate::matrix::MatRef;
use crate::scratch::{all_of, area, part, part_mut, split, take};
use crate::simd::{Float, Level, Simd};

/// 32^7 leaves are more than an index of 32 bits can name.
const MOST_LEVELS: usize = 7;

/// Which neurons fire on which of n fixed samples, at any threshold, from kept values.
///
/// # Storage
/// n (m + m / 32 + ..) numbers and the samples: for few samples, or few neurons.
///
/// # Cost
/// A query that finds k neurons looks at no more than 32 k log32(m) numbers, and at least at m / 1024 or 32. An update
/// is n products of length d and 32 n log32(m) comparisons.
///
/// # Source
/// The correlation trees of Z. Song, L. Zhang, R. Zhang, *Training Multi-Layer Over-Parametrized Neural Network in Subquadratic Time*, ITCS 2024,
/// with 32 children in place of two.
///
/// ```
/// use subquad::halfspace::{Hits, MaxTree, Watcher};
/// use subquad::{Level, MatRef};
///
/// let level = Level::detect();
/// let (w, x) = ([1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], [2.0, 0.5]);
/// let mut bytes = vec![0u64; MaxTree::<&[u8], f32>::storage_len(3, 2, 1) / 8];
/// let mut scratch = vec![0.0; MaxTree::<&[u8], f32>::build_scratch_len(3, 2)];
/// let (w, x) = (MatRef::new(&w, 3, 2)?, MatRef::new(&x, 1, 2)?);
/// let mut index = MaxTree::build(level, w, x, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?;
/// index.update(level, 1, &[0.0, 3.0])?;
/// let (mut counts, mut indices) = ([0; 1], [0; 3]);
/// let mut hits = Hits::new(&mut counts, &mut indices, 3)?;
/// index.query(level, w, 0, 1.0, &mut hits, &mut scratch)?;
/// assert_eq!(hits.indices(0), [0, 1, 2]);
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MaxTree<B, T> {
    index: Index<B>,
    float: PhantomData<T>,
}

/// Numbers on each level of a tree, leaves first; whole blocks.
#[derive(Clone, Copy)]
struct Shape {
    levels: usize,
    wide: [usize; MOST_LEVELS],
}

impl Shape {
    const fn new(m: usize) -> Self {
        let mut wide = [0; MOST_LEVELS];
        wide[0] = area(m.div_ceil(BLOCK), BLOCK);
        let mut levels = 1;
        while wide[levels - 1] > BLOCK && levels < MOST_LEVELS {
            wide[levels] = (wide[levels - 1] / BLOCK).div_ceil(BLOCK) * BLOCK;
            levels += 1;
        }
        Self { levels, wide }
    }
    /// Numbers of one tree.
    const fn tree(&self) -> usize {
        all_of(&self.wide)
    }
    const fn first(&self, level: usize) -> usize {
        let (mut sum, mut l) = (0, 0);
        while l < level && l < MOST_LEVELS {
            sum += self.wide[l];
            l += 1;
        }
        sum
    }
    /// The numbers of one level of a tree.
    #[inline(always)]
    fn level<'a, T>(&self, tree: &'a [T], level: usize) -> &'a [T] {
        part(tree, self.first(level), self.wide.get(level).copied().unwrap_or_default())
    }
}

/// The largest number that is not NaN.
#[inline(always)]
fn largest<T: Float>(x: &[T]) -> T {
    x.iter().fold(-T::INFINITY, |most, &x| if x > most { x } else { most })
}

/// Recomputes the maxima of a tree above one leaf, or above all.
fn raise<T: Float>(tree: &mut [T], shape: Shape, mut leaf: Option<usize>) {
    let [leaves, above @ ..] = shape.wide;
    let (mut below, mut rest) = split(tree, leaves);
    for &wide in above.iter().take(shape.levels - 1) {
        let (above, behind) = split(rest, wide);
        let blocks = below.as_chunks::<BLOCK>().0;
        match &mut leaf {
            Some(at) => {
                *at /= BLOCK;
                if let (Some(to), Some(block)) = (above.get_mut(*at), blocks.get(*at)) {
                    *to = largest(block);
                }
            }
            None => {
                above.fill(-T::INFINITY);
                above.iter_mut().zip(blocks).for_each(|(to, block)| *to = largest(block));
            }
        }
        (below, rest) = (above, behind);
    }
}

impl<B: AsRef<[u8]>, T: Float> MaxTree<B, T> {
    /// Bytes of an index over m neurons of length d and n samples.
    ///
    /// ```
    /// use subquad::halfspace::MaxTree;
    ///
    /// // Every value is kept: twice the samples, about twice the bytes.
    /// assert!(MaxTree::<&[u8], f32>::storage_len(1024, 8, 100) > 1024 * 100 * 4);
    /// ```
    pub const fn storage_len(m: usize, d: usize, n: usize) -> usize {
        bytes::index_len(&[
            bytes::section_len(area(area(n.div_ceil(BLOCK), BLOCK), d), size_of::<T>()),
            bytes::section_len(area(n, Shape::new(m).tree()), size_of::<T>()),
        ])
    }

    /// Scratch of everything here, in elements; of queries alone it is [less](Self::query_scratch_len).
    ///
    /// ```
    /// use subquad::halfspace::MaxTree;
    ///
    /// let scratch = vec![0.0f32; MaxTree::<&[u8], f32>::build_scratch_len(1024, 8)];
    /// assert!(scratch.len() < 100 * 1024);
    /// ```
    pub const fn build_scratch_len(m: usize, d: usize) -> usize {
        // With no columns at all, a block's values still want their room.
        all_of(&[area(BLOCK + 1, if d == 0 { 1 } else { d }), 2 * m.div_ceil(BLOCK)])
    }

    /// Scratch of queries, in elements: what [`Watcher::scratch_len`] says of an open index, for static buffers.
    ///
    /// ```
    /// use subquad::halfspace::MaxTree;
    ///
    /// assert!(MaxTree::<&[u8], f32>::query_scratch_len(1024, 8) < 1024);
    /// ```
    pub const fn query_scratch_len(m: usize, d: usize) -> usize {
        let _ = d;
        // The blocks reached, of two levels.
        2 * m.div_ceil(BLOCK)
    }

    /// A view over the bytes of an index: see [`Packed::open`](super::Packed::open).
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, MaxTree, Watcher}};
    /// # let (level, mut bytes) = (Level::detect(), vec![0u64; MaxTree::<&[u8], f32>::storage_len(3, 2, 1) / 8]);
    /// # let mut scratch = vec![0.0; MaxTree::<&[u8], f32>::build_scratch_len(3, 2)];
    /// let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// let x = MatRef::new(&[2.0, 0.5], 1, 2)?;
    /// let mut trees = MaxTree::build(level, w, x, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?;
    /// assert_eq!(MaxTree::<_, f32>::open(bytemuck::cast_slice::<u64, u8>(&bytes), Check::Everything)?.samples(), 1);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn open(bytes: B, check: Check) -> Result<Self, Error> {
        let length = |[m, d, n, _]: [usize; 4]| Self::storage_len(m, d, n);
        Ok(Self { index: Index::open(bytes, Kind::MaxTree, size_of::<T>(), check, length)?, float: PhantomData })
    }

    /// The samples in blocks, and the trees.
    fn parts(&self) -> (&[T], &[T]) {
        let [m, d, n, _] = self.index.dims;
        let rest = &mut self.index.body();
        let samples = bytes::next(rest, n.div_ceil(BLOCK) * BLOCK * d);
        (samples, bytes::next(rest, n * Shape::new(m).tree()))
    }
}

impl<B: AsRef<[u8]>, T: Float> Watcher<T> for MaxTree<B, T> {
    fn neurons(&self) -> usize {
        self.index.dims[0]
    }
    fn dim(&self) -> usize {
        self.index.dims[1]
    }
    fn samples(&self) -> usize {
        self.index.dims[2]
    }
    fn scratch_len(&self) -> usize {
        Self::query_scratch_len(self.neurons(), self.dim())
    }
    fn query_from(
        &self,
        level: Level,
        w: MatRef<'_, T>,
        first: usize,
        threshold: T,
        hits: &mut Hits<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), Error> {
        check_watch(self, w, first, hits)?;
        let (scratch, _) = take(scratch, self.scratch_len())?;
        hits.clear();
        query_entry(level, self.parts().1, self.neurons(), first, threshold, hits, scratch);
        Ok(())
    }
    fn verify(&self, level: Level, w: MatRef<'_, T>, scratch: &mut [T]) -> Result<(), Error> {
        let [m, d, n, _] = self.index.dims;
        expect_length("verify: rows of W", m, w.rows())?;
        expect_length("verify: columns of W", d, w.cols())?;
        let (scratch, _) = take(scratch, Self::build_scratch_len(m, d))?;
        let (samples, trees) = self.parts();
        let shape = Shape::new(m);
        let (row, scratch) = split(scratch, d);
        let (values, _) = split(scratch, BLOCK.min(n));
        for r in 0..m {
            row.iter_mut().enumerate().for_each(|(k, to)| *to = w.get(r, k).unwrap_or_default());
            for (from, trees) in (0..n).step_by(BLOCK).zip(trees.chunks((shape.tree() * BLOCK).max(1))) {
                values_entry(level, part(samples, from * d, BLOCK * d), row, values);
                for (leaf, z) in trees.iter().skip(r).step_by(shape.tree().max(1)).zip(values.iter()) {
                    let (found, wanted) = (leaf.to_f64(), z.to_f64());
                    if leaf != z && !(found.is_nan() && wanted.is_nan()) {
                        let (wanted, found) = (Figure::number(wanted), Figure::number(found));
                        return Err(Error::at("verify: values in the trees", "those of the weights,", wanted, found, r));
                    }
                }
            }
        }
        for tree in trees.chunks(shape.tree().max(1)) {
            for level in 1..shape.levels {
                let (below, above) = (shape.level(tree, level - 1), shape.level(tree, level));
                let mut pairs = below.chunks(BLOCK).map(largest).zip(above).enumerate();
                if let Some((place, (wanted, found))) = pairs.find(|(_, (below, above))| below != *above) {
                    let (wanted, found) = (Figure::number(wanted.to_f64()), Figure::number(found.to_f64()));
                    return Err(Error::at("verify: maxima in the trees", "those of the numbers below,", wanted, found, place));
                }
            }
        }
        Ok(())
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>, T: Float> MaxTree<B, T> {
    /// Builds a tree for each row of X, n x d, over the rows of W, m x d, both with any strides; seals the index.
    ///
    /// # Errors
    /// As [`Packed::build`](super::Packed::build); [`Error::TooShort`] if scratch is less than
    /// [`build_scratch_len`](Self::build_scratch_len)`(m, d)`.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, MaxTree, Watcher}};
    /// # let (level, mut bytes) = (Level::detect(), vec![0u64; MaxTree::<&[u8], f32>::storage_len(3, 2, 1) / 8]);
    /// # let mut scratch = vec![0.0; MaxTree::<&[u8], f32>::build_scratch_len(3, 2)];
    /// let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// let x = MatRef::new(&[2.0, 0.5], 1, 2)?;
    /// let mut trees = MaxTree::build(level, w, x, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?;
    /// assert_eq!((trees.neurons(), trees.samples()), (3, 1));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn build(level: Level, w: MatRef<'_, T>, x: MatRef<'_, T>, bytes: B, scratch: &mut [T]) -> Result<Self, Error> {
        let (m, d, n) = (w.rows(), w.cols(), x.rows());
        expect_length("max tree: columns of X, against columns of W", d, x.cols())?;
        let (scratch, _) = take(scratch, Self::build_scratch_len(m, d))?;
        let length = Self::storage_len(m, d, n);
        let index = Index::create(bytes, Kind::MaxTree, size_of::<T>(), [m, d, n, 0], length)?;
        let mut built = Self { index, float: PhantomData };
        let (samples, trees) = built.parts_mut();
        scan::pack(x, samples);
        let shape = Shape::new(m);
        trees.fill(-T::INFINITY);
        let (block, row) = split(scratch, BLOCK * d);
        let (row, _) = split(row, d);
        for from in (0..m).step_by(BLOCK) {
            scan::pack(w.row_range(from, BLOCK), block);
            let neurons = BLOCK.min(m - from);
            for (i, tree) in trees.chunks_mut(shape.tree().max(1)).enumerate() {
                row.iter_mut().enumerate().for_each(|(k, to)| *to = x.get(i, k).unwrap_or_default());
                values_entry(level, block, row, part_mut(tree, from, neurons));
            }
        }
        trees.chunks_mut(shape.tree().max(1)).for_each(|tree| raise(tree, shape, None));
        built.index.seal();
        Ok(built)
    }

    /// Neuron r has moved to `row`. The index is no longer sealed.
    ///
    /// # Errors
    /// [`Error::Length`] unless the row has length d; [`Error::Value`] if there is no neuron r.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, MaxTree, Watcher}};
    /// # let (level, mut bytes) = (Level::detect(), vec![0u64; MaxTree::<&[u8], f32>::storage_len(3, 2, 1) / 8]);
    /// # let mut scratch = vec![0.0; MaxTree::<&[u8], f32>::build_scratch_len(3, 2)];
    /// let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// let x = MatRef::new(&[2.0, 0.5], 1, 2)?;
    /// let mut trees = MaxTree::build(level, w, x, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?;
    /// trees.update(level, 0, &[0.0, 0.0])?;
    /// let mut count = [0];
    /// let mut hits = Hits::new(&mut count, &mut [], 0)?;
    /// trees.query(level, w, 0, 1.0, &mut hits, &mut vec![0.0; MaxTree::<&[u8], f32>::build_scratch_len(3, 2)])?;
    /// assert_eq!(hits.count(0), 1); // only neuron 2
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn update(&mut self, level: Level, r: usize, row: &[T]) -> Result<(), Error> {
        let [m, d, n, _] = self.index.dims;
        expect_length("update: length of the row", d, row.len())?;
        if r >= m {
            return Err(Error::less("update: neuron", m, r));
        }
        let (samples, trees) = self.parts_mut();
        let shape = Shape::new(m);
        for (from, trees) in (0..n).step_by(BLOCK).zip(trees.chunks_mut((shape.tree() * BLOCK).max(1))) {
            let mut values = [T::ZERO; BLOCK];
            values_entry(level, part(samples, from * d, BLOCK * d), row, &mut values);
            for (tree, z) in trees.chunks_mut(shape.tree().max(1)).zip(values) {
                let Some(leaf) = tree.get_mut(r) else { continue };
                *leaf = z;
                raise(tree, shape, Some(r));
            }
        }
        Ok(())
    }

    /// Neurons `rows[0], rows[1], ..` have moved to the rows of W, any strides.
    ///
    /// # Errors
    /// As [`update`](Self::update), before anything is changed; [`Error::TooShort`] if scratch is less than
    /// [`build_scratch_len`](Self::build_scratch_len)`(m, d)`.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, MaxTree, Watcher}};
    /// # let (level, mut bytes) = (Level::detect(), vec![0u64; MaxTree::<&[u8], f32>::storage_len(3, 2, 1) / 8]);
    /// # let mut scratch = vec![0.0; MaxTree::<&[u8], f32>::build_scratch_len(3, 2)];
    /// let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// let x = MatRef::new(&[2.0, 0.5], 1, 2)?;
    /// let mut trees = MaxTree::build(level, w, x, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?;
    /// let (moved, mut scratch) = (MatRef::new(&[0.0, 0.0, 3.0, 0.0], 2, 2)?, vec![0.0; MaxTree::<&[u8], f32>::build_scratch_len(3, 2)]);
    /// trees.update_batch(level, &[0, 1], moved, &mut scratch)?;
    /// let after = MatRef::new(&[0.0, 0.0, 3.0, 0.0, 1.0, 1.0], 3, 2)?;
    /// assert!(trees.verify(level, after, &mut scratch).is_ok());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn update_batch(&mut self, level: Level, rows: &[u32], w: MatRef<'_, T>, scratch: &mut [T]) -> Result<(), Error> {
        let [m, d, n, _] = self.index.dims;
        expect_length("update: rows of W, against neurons", rows.len(), w.rows())?;
        expect_length("update: columns of W", d, w.cols())?;
        if let Some((i, &r)) = rows.iter().enumerate().find(|&(_, &r)| r as usize >= m) {
            return Err(Error::at("update: neuron", "less than", Figure::Count(m), Figure::Count(r as usize), i));
        }
        let (scratch, _) = take(scratch, Self::build_scratch_len(m, d))?;
        let (row, _) = split(scratch, d);
        let (samples, trees) = self.parts_mut();
        let shape = Shape::new(m);
        for (j, &r) in rows.iter().enumerate() {
            row.iter_mut().enumerate().for_each(|(k, to)| *to = w.get(j, k).unwrap_or_default());
            for (from, trees) in (0..n).step_by(BLOCK).zip(trees.chunks_mut((shape.tree() * BLOCK).max(1))) {
                let mut values = [T::ZERO; BLOCK];
                values_entry(level, part(samples, from * d, BLOCK * d), row, &mut values);
                trees.iter_mut().skip(r as usize).step_by(shape.tree().max(1)).zip(values).for_each(|(leaf, z)| *leaf = z);
            }
        }
        // Above few leaves path by path, above many once.
        for tree in trees.chunks_mut(shape.tree().max(1)) {
            if rows.len() < m / BLOCK {
                rows.iter().for_each(|&r| raise(tree, shape, Some(r as usize)));
            } else {
                raise(tree, shape, None);
            }
        }
        Ok(())
    }

    /// Sample i has moved to `point`: one tree as a whole, from the weights W, m x d with any strides. In the transposed
    /// tree, whose "samples" are neurons, this is the update of a neuron.
    ///
    /// # Errors
    /// [`Error::Length`] where shapes disagree, [`Error::Value`] if there is no sample i, [`Error::TooShort`] if
    /// scratch is less than [`build_scratch_len`](Self::build_scratch_len)`(m, d)`.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, MaxTree, Watcher}};
    /// # let (level, mut bytes) = (Level::detect(), vec![0u64; MaxTree::<&[u8], f32>::storage_len(3, 2, 1) / 8]);
    /// # let mut scratch = vec![0.0; MaxTree::<&[u8], f32>::build_scratch_len(3, 2)];
    /// let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// let x = MatRef::new(&[2.0, 0.5], 1, 2)?;
    /// let mut trees = MaxTree::build(level, w, x, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?;
    /// let mut scratch = vec![0.0; MaxTree::<&[u8], f32>::build_scratch_len(3, 2)];
    /// trees.replace(level, 0, &[0.0, 4.0], w, &mut scratch)?;
    /// let (mut counts, mut indices) = ([0], [0; 3]);
    /// let mut hits = Hits::new(&mut counts, &mut indices, 3)?;
    /// trees.query(level, w, 0, 1.0, &mut hits, &mut scratch)?;
    /// assert_eq!(hits.indices(0), [1, 2]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn replace(&mut self, level: Level, i: usize, point: &[T], w: MatRef<'_, T>, scratch: &mut [T]) -> Result<(), Error> {
        let [m, d, n, _] = self.index.dims;
        expect_length("replace: length of the sample", d, point.len())?;
        expect_length("replace: rows of W", m, w.rows())?;
        expect_length("replace: columns of W", d, w.cols())?;
        if i >= n {
            return Err(Error::less("replace: sample", n, i));
        }
        let (scratch, _) = take(scratch, Self::build_scratch_len(m, d))?;
        let (block, _) = split(scratch, BLOCK * d);
        let (samples, trees) = self.parts_mut();
        let shape = Shape::new(m);
        let columns = part_mut(samples, i / BLOCK * BLOCK * d, BLOCK * d).as_chunks_mut::<BLOCK>().0;
        columns.iter_mut().zip(point).for_each(|(lanes, &x)| lanes[i % BLOCK] = x);
        let tree = part_mut(trees, i * shape.tree(), shape.tree());
        for from in (0..m).step_by(BLOCK) {
            scan::pack(w.row_range(from, BLOCK), block);
            values_entry(level, block, point, part_mut(tree, from, BLOCK.min(m - from)));
        }
        raise(tree, shape, None);
        Ok(())
    }

    /// Writes the checksum that [`Check::Everything`] asks for.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, MaxTree, Watcher}};
    /// # let (level, mut bytes) = (Level::detect(), vec![0u64; MaxTree::<&[u8], f32>::storage_len(3, 2, 1) / 8]);
    /// # let mut scratch = vec![0.0; MaxTree::<&[u8], f32>::build_scratch_len(3, 2)];
    /// let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// let x = MatRef::new(&[2.0, 0.5], 1, 2)?;
    /// let mut trees = MaxTree::build(level, w, x, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?;
    /// trees.update(level, 0, &[0.0, 0.0])?;
    /// trees.seal();
    /// assert!(MaxTree::<_, f32>::open(bytemuck::cast_slice::<u64, u8>(&bytes), Check::Everything).is_ok());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn seal(&mut self) {
        self.index.seal();
    }

    fn parts_mut(&mut self) -> (&mut [T], &mut [T]) {
        let [m, d, n, _] = self.index.dims;
        let rest = &mut self.index.body_mut();
        let samples = bytes::next_mut(rest, n.div_ceil(BLOCK) * BLOCK * d);
        (samples, bytes::next_mut(rest, n * Shape::new(m).tree()))
    }
}

multiversion! {
    fn values_entry<T: Float>(block: &[T], x: &[T], to: &mut [T]) = values_body;
}

/// The products of one row with those of a block.
#[inline(always)]
fn values_body<T: Float, S: Simd<T>>(s: S, block: &[T], x: &[T], to: &mut [T]) {
    let block = block.get(..BLOCK * x.len()).unwrap_or_default();
    for (strip, to) in to.chunks_mut(2 * S::LANES).enumerate() {
        let z = scan::strip_of_block(s, block, x.as_chunks::<1>().0, strip);
        let (low, high) = split(to, S::LANES);
        s.store_part(low, z[0]);
        s.store_part(high, z[1]);
    }
}

multiversion! {
    fn query_entry<T: Float>(trees: &[T], m: usize, first: usize, threshold: T, hits: &mut Hits<'_, T>, scratch: &mut [T]) = query_body;
}

#[inline(always)]
fn query_body<T: Float, S: Simd<T>>(s: S, trees: &[T], m: usize, first: usize, threshold: T, hits: &mut Hits<'_, T>, scratch: &mut [T]) {
    let shape = Shape::new(m);
    let blocks = m.div_ceil(BLOCK);
    let scratch: &mut [u32] = bytemuck::try_cast_slice_mut(scratch).unwrap_or_default();
    let (mut here, rest) = split(scratch, blocks);
    let (mut below, _) = split(rest, blocks);
    let over = s.splat(threshold);
    if blocks == 0 {
        return;
    }
    for answer in 0..hits.queries() {
        let tree = trees.get((first + answer) * shape.tree()..).unwrap_or_default();
        if let Some(root) = here.first_mut() {
            *root = 0;
        }
        let mut reached = 1;
        for level in (0..shape.levels).rev() {
            let numbers = shape.level(tree, level);
            let mut found = 0;
            for &block in here.iter().take(reached) {
                let numbers = numbers.get(block as usize * BLOCK..(block as usize + 1) * BLOCK).unwrap_or_default();
                let (mut bits, mut lane) = (0u64, 0);
                for pair in s.chunks(numbers).0.as_chunks::<2>().0 {
                    let z = [s.load(&pair[0]), s.load(&pair[1])];
                    let some = s.gt(z[0], over) | s.gt(z[1], over) << S::LANES;
                    if level == 0 {
                        let r = block as usize * BLOCK + lane;
                        let some = some & super::hits::low_bits(m.saturating_sub(r));
                        hits.put(s, answer, r as u32, some, z);
                    }
                    bits |= some << lane;
                    lane += 2 * S::LANES;
                }
                if level > 0 {
                    put_bits(s, bits as u32, block * BLOCK as u32, below.get_mut(found..).unwrap_or_default());
                    found = (found + (bits as u32).count_ones() as usize).min(below.len());
                }
            }
            (here, below) = (below, here);
            reached = found;
        }
    }
}
