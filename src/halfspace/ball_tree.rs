//! A tree of balls around the weights: `<w, x> <= <c, x> + rho |x|` for all weights in the ball of centre c and radius
//! rho.
//!
//! The tree is flat. Leaves are blocks of 32 places, of which some stay free for neurons that move. The balls of 32
//! leaves are a block too, tested like one: centres lie in lanes, and their products with the query are the same chains
//! of multiply-adds. The balls of 32 such blocks are a block of the next level, up to a single one.
//!
//! Source: S. Omohundro, *Five Balltree Construction Algorithms*, 1989; P. Ram, A. Gray, *Maximum Inner-Product Search
//! Using Cone Trees*, KDD 2012, section 3, for the bound.

use core::cmp::Ordering;
use core::marker::PhantomData;

use super::bytes::{self, Check, Index, Kind};
use super::hits::{Hits, put_bits};
use super::scan::{self, BLOCK};
use super::values;
use super::{Reporter, check_query, size};
use crate::error::{Error, expect_length};
use crate::float::Real;
use crate::matrix::MatRef;
use crate::scratch::{all_of, area, part, split, take};
use crate::simd::{Float, Level, Simd};

/// Neurons of a leaf when it is built; the other places are free.
const FILL: usize = 28;
/// No neuron, no place.
const NONE: u32 = u32::MAX;
/// 32^7 leaves are more than an index of 32 bits can name.
const MOST_LEVELS: usize = 7;
/// Steps towards the least ball around a leaf's weights.
const SHRINK: usize = 24;

/// The weights in a tree of balls.
///
/// For few dimensions, up to about ten, or clustered weights: elsewhere every ball reaches every half-space, and the
/// tree is a scan with a detour.
///
/// # Storage
/// 32 / 28 of the weights, 1 / 32 of that again for the balls, 8 bytes per neuron.
///
/// # Cost
/// Per query the product with the centres of the balls that were reached, and with all weights of the leaves reached.
///
/// # Formula, source
/// `<w, x> <= <c, x> + rho |x|` for all weights in the ball of centre c and radius rho. S. Omohundro, *Five Balltree Construction Algorithms*, 1989;
/// P. Ram, A. Gray, *Maximum Inner-Product Search Using Cone Trees*, KDD 2012, section 3, for the bound.
///
/// ```
/// use subquad::{Level, MatRef, halfspace::{BallTree, Hits, Reporter}};
///
/// let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
/// let mut bytes = vec![0u64; BallTree::<&[u8], f32>::storage_len(3, 2) / 8];
/// let mut scratch = vec![0.0; BallTree::<&[u8], f32>::build_scratch_len(3, 2)];
/// let tree = BallTree::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?;
/// let (mut counts, mut indices, mut scratch) = ([0], [0; 3], vec![0.0; tree.scratch_len()]);
/// let mut hits = Hits::new(&mut counts, &mut indices, 3)?;
/// tree.query(Level::detect(), &[2.0, 0.5], 1.0, &mut hits, &mut scratch)?;
/// assert_eq!(hits.indices(0), [0, 2]);
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BallTree<B, T> {
    index: Index<B>,
    float: PhantomData<T>,
}

/// How many balls each level has: leaves first, then what encloses 32 of the level below, up to at most 32.
#[derive(Clone, Copy)]
struct Shape {
    d: usize,
    levels: usize,
    balls: [usize; MOST_LEVELS],
}

impl Shape {
    const fn new(m: usize, d: usize) -> Self {
        let mut balls = [0; MOST_LEVELS];
        balls[0] = m.div_ceil(FILL);
        let mut levels = 1;
        while balls[levels - 1] > BLOCK && levels < MOST_LEVELS {
            balls[levels] = balls[levels - 1].div_ceil(BLOCK);
            levels += 1;
        }
        Self { d, levels, balls }
    }
    const fn leaves(&self) -> usize {
        self.balls[0]
    }
    /// Blocks that describe the balls of all levels.
    const fn blocks(&self) -> usize {
        self.first_block(self.levels)
    }
    /// The first block of a level's balls.
    const fn first_block(&self, level: usize) -> usize {
        let (mut sum, mut l) = (0, 0);
        while l < level && l < MOST_LEVELS {
            sum += self.balls[l].div_ceil(BLOCK);
            l += 1;
        }
        sum
    }
    /// The place of a ball among all of them.
    const fn ball(&self, level: usize, i: usize) -> usize {
        self.first_block(level) * BLOCK + i
    }
    /// Leaves below ball i of a level.
    fn leaves_below(&self, level: usize, i: usize) -> core::ops::Range<usize> {
        let wide = BLOCK.pow(level as u32);
        (i * wide).min(self.leaves())..((i + 1) * wide).min(self.leaves())
    }
}

/// The sections.
struct Parts<'a, T> {
    shape: Shape,
    /// The neurons of the leaves, in blocks; NaN where a place is free, so that it never fires.
    leaves: &'a [T],
    /// Centres, in blocks, level by level.
    centres: &'a [T],
    /// NaN where there is no ball, infinite where nothing is known.
    radii: &'a [T],
    /// Which neuron lies in a place.
    ids: &'a [u32],
    /// Where a neuron lies.
    places: &'a [u32],
}

/// The same, to write.
struct PartsMut<'a, T> {
    shape: Shape,
    leaves: &'a mut [T],
    centres: &'a mut [T],
    radii: &'a mut [T],
    ids: &'a mut [u32],
    places: &'a mut [u32],
}

/// Where number k of lane `at % 32` of block `at / 32` lies.
#[inline(always)]
const fn number(at: usize, k: usize, d: usize) -> usize {
    at / BLOCK * BLOCK * d + k * BLOCK + at % BLOCK
}

/// The distance between two points, one of them in a block.
fn distance<T: Float>(blocks: &[T], at: usize, point: impl Fn(usize) -> f64, d: usize) -> f64 {
    let square = |k| {
        let x = blocks[number(at, k, d)].to_f64() - point(k);
        x * x
    };
    Real::sqrt((0..d).map(square).sum::<f64>())
}

/// The radius to store: that of the points, and what the rounding of both products may add. |c| + rho bounds |w|.
fn rounded_up<T: Float>(rho: f64, centre: f64, d: usize) -> T {
    let slack = 3.0 * (d + 4) as f64 * T::EPSILON.to_f64();
    T::from_f64(rho * (1.0 + 1e-6) + slack * (centre + rho))
}

/// Whether bounds hold for a row: neither NaN nor numbers that underflow or overflow in products.
fn sane<T: Float>(row: impl Iterator<Item = T>) -> bool {
    let (most, _) = size(row);
    most == 0.0 || super::SANE.contains(&most)
}

impl<B: AsRef<[u8]>, T: Float> BallTree<B, T> {
    /// Bytes of an index over m neurons of length d.
    ///
    /// ```
    /// use subquad::halfspace::BallTree;
    ///
    /// // Less than twice the weights themselves.
    /// assert!(BallTree::<&[u8], f32>::storage_len(1 << 16, 8) < 2 * (1 << 16) * 8 * 4);
    /// ```
    pub const fn storage_len(m: usize, d: usize) -> usize {
        let shape = Shape::new(m, d);
        let (places, balls) = (area(shape.leaves(), BLOCK), area(shape.blocks(), BLOCK));
        bytes::index_len(&[
            bytes::section_len(area(places, d), size_of::<T>()),
            bytes::section_len(area(balls, d), size_of::<T>()),
            bytes::section_len(balls, size_of::<T>()),
            bytes::section_len(places, 4),
            bytes::section_len(m, 4),
        ])
    }

    /// Scratch of [`build`](Self::build), in elements.
    ///
    /// ```
    /// use subquad::halfspace::BallTree;
    ///
    /// let scratch = vec![0.0f32; BallTree::<&[u8], f32>::build_scratch_len(1000, 8)];
    /// assert!(!scratch.is_empty());
    /// ```
    pub const fn build_scratch_len(m: usize, d: usize) -> usize {
        all_of(&[m, m, area(3, d)])
    }

    /// Scratch of [`rebalance`](Self::rebalance), in elements.
    ///
    /// ```
    /// use subquad::halfspace::BallTree;
    ///
    /// // The weights have to stand somewhere while the tree is built.
    /// assert!(BallTree::<&[u8], f32>::rebalance_scratch_len(1000, 8) >= 1000 * 8);
    /// ```
    pub const fn rebalance_scratch_len(m: usize, d: usize) -> usize {
        all_of(&[area(m, d), Self::build_scratch_len(m, d)])
    }

    /// Scratch of queries, in elements: what [`Reporter::scratch_len`] says of an open index, for static buffers.
    ///
    /// ```
    /// use subquad::halfspace::BallTree;
    ///
    /// assert!(BallTree::<&[u8], f32>::query_scratch_len(1000, 8) < 1000 * 8);
    /// ```
    pub const fn query_scratch_len(m: usize, d: usize) -> usize {
        // The query; the balls reached, of two levels; which neurons fire, one bit each, and one for 32 of those.
        let words = m.div_ceil(32);
        all_of(&[d, 2 * m.div_ceil(FILL), words, words.div_ceil(32)])
    }

    /// A view over the bytes of an index: see [`Packed::open`](super::Packed::open).
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, BallTree}};
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let mut bytes = vec![0u64; BallTree::<&[u8], f32>::storage_len(3, 2) / 8];
    /// # let mut scratch = vec![0.0; BallTree::<&[u8], f32>::build_scratch_len(3, 2)];
    /// let mut tree = BallTree::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?; // (1, 0), (0, 1), (1, 1)
    /// assert_eq!(BallTree::<_, f32>::open(bytemuck::cast_slice::<u64, u8>(&bytes), Check::Everything)?.neurons(), 3);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn open(bytes: B, check: Check) -> Result<Self, Error> {
        let index = Index::open(bytes, Kind::BallTree, size_of::<T>(), check, |[m, d, ..]| Self::storage_len(m, d))?;
        Ok(Self { index, float: PhantomData })
    }

    /// Neurons that moved since the tree was built.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, BallTree}};
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let mut bytes = vec![0u64; BallTree::<&[u8], f32>::storage_len(3, 2) / 8];
    /// # let mut scratch = vec![0.0; BallTree::<&[u8], f32>::build_scratch_len(3, 2)];
    /// let mut tree = BallTree::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?; // (1, 0), (0, 1), (1, 1)
    /// assert_eq!(tree.moved(), 0);
    /// tree.update(Level::detect(), 0, &[3.0, 0.0])?;
    /// assert_eq!(tree.moved(), 1);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn moved(&self) -> u64 {
        self.index.state()[0]
    }

    /// Whether neurons have moved so often, or found so few free places near them, that the tree should be built
    /// [anew](Self::rebalance). Answers are right in any case.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, BallTree}};
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let mut bytes = vec![0u64; BallTree::<&[u8], f32>::storage_len(3, 2) / 8];
    /// # let mut scratch = vec![0.0; BallTree::<&[u8], f32>::build_scratch_len(3, 2)];
    /// let mut tree = BallTree::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?; // (1, 0), (0, 1), (1, 1)
    /// assert!(!tree.is_worn()); // it has just been built
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn is_worn(&self) -> bool {
        let [moved, squeezed, ..] = self.index.state();
        let m = self.index.dims[0] as u64;
        moved > 2 * m || squeezed > m / 8
    }

    fn parts(&self) -> Parts<'_, T> {
        let [m, d, ..] = self.index.dims;
        let shape = Shape::new(m, d);
        let (places, balls) = (shape.leaves() * BLOCK, shape.blocks() * BLOCK);
        let rest = &mut self.index.body();
        Parts {
            shape,
            leaves: bytes::next(rest, places * d),
            centres: bytes::next(rest, balls * d),
            radii: bytes::next(rest, balls),
            ids: bytes::next(rest, places),
            places: bytes::next(rest, m),
        }
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>, T: Float> BallTree<B, T> {
    /// Builds the tree over W, m x d with any strides, and seals the index: halves are split at the median along the
    /// direction in which they extend most.
    ///
    /// # Errors
    /// As [`Packed::build`](super::Packed::build), and [`Error::TooShort`] if scratch is less than
    /// [`build_scratch_len`](Self::build_scratch_len)`(m, d)`.
    ///
    /// # Cost
    /// About 10 m d log2(m / 28) flops.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, BallTree}};
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let mut bytes = vec![0u64; BallTree::<&[u8], f32>::storage_len(3, 2) / 8];
    /// # let mut scratch = vec![0.0; BallTree::<&[u8], f32>::build_scratch_len(3, 2)];
    /// let mut tree = BallTree::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?; // (1, 0), (0, 1), (1, 1)
    /// assert!(tree.verify(w).is_ok());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn build(w: MatRef<'_, T>, bytes: B, scratch: &mut [T]) -> Result<Self, Error> {
        let (m, d) = (w.rows(), w.cols());
        let (scratch, _) = take(scratch, Self::build_scratch_len(m, d))?;
        let index = Index::create(bytes, Kind::BallTree, size_of::<T>(), [m, d, 0, 0], Self::storage_len(m, d))?;
        let mut built = Self { index, float: PhantomData };
        built.parts_mut().arrange(w, scratch);
        built.index.seal();
        Ok(built)
    }

    /// Builds the tree anew from the weights it holds.
    ///
    /// # Errors
    /// [`Error::TooShort`] if scratch is less than [`rebalance_scratch_len`](Self::rebalance_scratch_len)`(m, d)`.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, BallTree}};
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let mut bytes = vec![0u64; BallTree::<&[u8], f32>::storage_len(3, 2) / 8];
    /// # let mut scratch = vec![0.0; BallTree::<&[u8], f32>::build_scratch_len(3, 2)];
    /// let mut tree = BallTree::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?; // (1, 0), (0, 1), (1, 1)
    /// tree.update(Level::detect(), 0, &[3.0, 0.0])?;
    /// tree.rebalance(&mut vec![0.0; BallTree::<&[u8], f32>::rebalance_scratch_len(3, 2)])?;
    /// assert_eq!(tree.moved(), 0);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn rebalance(&mut self, scratch: &mut [T]) -> Result<(), Error> {
        let [m, d, ..] = self.index.dims;
        let (scratch, _) = take(scratch, Self::rebalance_scratch_len(m, d))?;
        let (rows, scratch) = scratch.split_at_mut(m * d);
        let mut parts = self.parts_mut();
        for (r, &place) in parts.places.iter().enumerate() {
            for k in 0..d {
                rows[r * d + k] = parts.leaves.get(number(place as usize, k, d)).copied().unwrap_or_default();
            }
        }
        let rows = MatRef::new(rows, m, d)?;
        parts.arrange(rows, scratch);
        self.index.set_state([0; 8]);
        Ok(())
    }

    /// Neuron r has moved to `row`: it leaves its place, and goes to a free one in the leaf whose centre is nearest, or
    /// in one of that leaf's 31 neighbours; with none free there it stays in its place. Balls on the way grow. The
    /// index is no longer sealed.
    ///
    /// # Errors
    /// [`Error::Length`] unless the row has length d; [`Error::Value`] if there is no neuron r.
    ///
    /// # Cost
    /// About 64 d log32(m / 28) flops.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, BallTree}};
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let mut bytes = vec![0u64; BallTree::<&[u8], f32>::storage_len(3, 2) / 8];
    /// # let mut scratch = vec![0.0; BallTree::<&[u8], f32>::build_scratch_len(3, 2)];
    /// let mut tree = BallTree::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?; // (1, 0), (0, 1), (1, 1)
    /// tree.update(Level::detect(), 1, &[2.0, 0.0])?;
    /// assert!(tree.verify(MatRef::new(&[1.0, 0.0, 2.0, 0.0, 1.0, 1.0], 3, 2)?).is_ok());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn update(&mut self, _: Level, r: usize, row: &[T]) -> Result<(), Error> {
        let [m, d, ..] = self.index.dims;
        expect_length("update: length of the row", d, row.len())?;
        if r >= m {
            return Err(Error::value("update: neuron", "less than m"));
        }
        let mut state = self.index.state();
        let mut parts = self.parts_mut();
        let squeezed = parts.relocate(r, row);
        state[0] = state[0].saturating_add(1);
        state[1] = state[1].saturating_add(squeezed.into());
        self.index.set_state(state);
        Ok(())
    }

    /// Writes the checksum that [`Check::Everything`] asks for.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, BallTree}};
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let mut bytes = vec![0u64; BallTree::<&[u8], f32>::storage_len(3, 2) / 8];
    /// # let mut scratch = vec![0.0; BallTree::<&[u8], f32>::build_scratch_len(3, 2)];
    /// let mut tree = BallTree::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?; // (1, 0), (0, 1), (1, 1)
    /// tree.update(Level::detect(), 1, &[2.0, 0.0])?;
    /// tree.seal();
    /// assert!(BallTree::<_, f32>::open(bytemuck::cast_slice::<u64, u8>(&bytes), Check::Everything).is_ok());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn seal(&mut self) {
        self.index.seal();
    }

    fn parts_mut(&mut self) -> PartsMut<'_, T> {
        let [m, d, ..] = self.index.dims;
        let shape = Shape::new(m, d);
        let (places, balls) = (shape.leaves() * BLOCK, shape.blocks() * BLOCK);
        let rest = &mut self.index.body_mut();
        PartsMut {
            shape,
            leaves: bytes::next_mut(rest, places * d),
            centres: bytes::next_mut(rest, balls * d),
            radii: bytes::next_mut(rest, balls),
            ids: bytes::next_mut(rest, places),
            places: bytes::next_mut(rest, m),
        }
    }
}

impl<T: Float> PartsMut<'_, T> {
    /// Distributes the neurons over leaves and draws the balls.
    fn arrange(&mut self, w: MatRef<'_, T>, scratch: &mut [T]) {
        let (m, d) = (w.rows(), w.cols());
        let (keys, scratch) = scratch.split_at_mut(m);
        let (order, direction) = scratch.split_at_mut(m);
        let order: &mut [u32] = bytemuck::try_cast_slice_mut(order).unwrap_or_default();
        let order = &mut order[..m];
        order.iter_mut().enumerate().for_each(|(i, id)| *id = i as u32);
        self.leaves.fill(T::from_f64(f64::NAN));
        self.ids.fill(NONE);

        // Ranges of `order` and of leaves that still have to be split; the smaller part is taken first, so that 64 are enough.
        let mut stack = [(0usize, 0usize, 0usize, 0usize); 64];
        stack[0] = (0, m, 0, self.shape.leaves());
        let mut waiting = usize::from(m > 0);
        while waiting > 0 {
            waiting -= 1;
            let (from, len, leaf, leaves) = stack[waiting];
            if leaves == 1 {
                for (lane, &r) in order[from..from + len].iter().enumerate() {
                    self.put(leaf * BLOCK + lane, r, |k| w.get(r as usize, k).unwrap_or_default());
                }
                continue;
            }
            // A power of two of leaves, so that the balls of whole blocks are parts of the same tree.
            let left = leaves.div_ceil(2).next_power_of_two();
            let left = if left >= leaves { left / 2 } else { left };
            let part = (len * left).div_ceil(leaves);
            let order = &mut order[from..from + len];
            extent(w, order, direction);
            for &r in order.iter() {
                let key = (0..d).map(|k| w.get(r as usize, k).unwrap_or_default() * direction[k]).sum::<T>();
                keys[r as usize] = if key.is_finite() { key } else { T::INFINITY };
            }
            if part < len {
                order.select_nth_unstable_by(part, |&a, &b| {
                    keys[a as usize].partial_cmp(&keys[b as usize]).unwrap_or(Ordering::Equal).then(a.cmp(&b))
                });
            }
            let halves = [(from, part, leaf, left), (from + part, len - part, leaf + left, leaves - left)];
            let larger = usize::from(halves[1].3 > halves[0].3);
            stack[waiting] = halves[larger];
            stack[waiting + 1] = halves[1 - larger];
            waiting += 2;
        }
        self.radii.fill(T::from_f64(f64::NAN));
        for level in 0..self.shape.levels {
            for i in 0..self.shape.balls[level] {
                self.draw(level, i);
            }
        }
    }

    fn put(&mut self, place: usize, r: u32, row: impl Fn(usize) -> T) {
        let d = self.shape.d;
        self.ids[place] = r;
        self.places[r as usize] = place as u32;
        (0..d).for_each(|k| self.leaves[number(place, k, d)] = row(k));
    }

    /// Draws ball i of a level around the neurons below it.
    fn draw(&mut self, level: usize, i: usize) {
        let (d, ball) = (self.shape.d, self.shape.ball(level, i));
        let below = self.shape.leaves_below(level, i);
        let places = || (below.start * BLOCK..below.end * BLOCK).filter(|&place| self.ids[place] != NONE);
        let mut count = 0.0;
        let mut known = true;
        (0..d).for_each(|k| self.centres[number(ball, k, d)] = T::ZERO);
        for place in places() {
            count += 1.0;
            known &= sane((0..d).map(|k| self.leaves[number(place, k, d)]));
        }
        if !known {
            self.radii[ball] = T::INFINITY;
            return;
        }
        for k in 0..d {
            let sum: f64 = places().map(|place| self.leaves[number(place, k, d)].to_f64()).sum();
            self.centres[number(ball, k, d)] = T::from_f64(if count > 0.0 { sum / count } else { 0.0 });
        }
        // Steps towards the farthest neuron, ever shorter: M. Badoiu, K. Clarkson, Smaller core-sets for balls, 2003.
        for step in 0..if level == 0 { SHRINK } else { SHRINK / 4 } {
            let (_, far) = self.farthest(ball, places());
            let share = 1.0 / (step + 4) as f64;
            for k in 0..d {
                let (c, w) = (self.centres[number(ball, k, d)].to_f64(), self.leaves[number(far, k, d)].to_f64());
                self.centres[number(ball, k, d)] = T::from_f64(c + share * (w - c));
            }
        }
        let rho = self.farthest(ball, places()).0;
        let centre = self.norm_of_centre(ball);
        self.radii[ball] = rounded_up(rho, centre, d);
    }

    fn norm_of_centre(&self, ball: usize) -> f64 {
        distance(self.centres, ball, |_| 0.0, self.shape.d)
    }

    /// The largest distance of a ball's centre from some places, and where.
    fn farthest(&self, ball: usize, places: impl Iterator<Item = usize>) -> (f64, usize) {
        let d = self.shape.d;
        places.fold((0.0, 0), |(most, at), place| {
            let far = distance(self.centres, ball, |k| self.leaves[number(place, k, d)].to_f64(), d);
            if far >= most { (far, place) } else { (most, at) }
        })
    }

    /// Moves a neuron. Whether there was no room for it where it belongs.
    fn relocate(&mut self, r: usize, row: &[T]) -> bool {
        let d = self.shape.d;
        // Damaged bytes may name any place.
        let old = (self.places[r] as usize).min(self.ids.len() - 1);
        let known = sane(row.iter().copied());
        let mut place = old;
        let mut squeezed = false;
        if known {
            // Down to the nearest leaf.
            let (mut block, mut leaf) = (0, 0);
            for level in (0..self.shape.levels).rev() {
                leaf = self.nearest(level, block, row, |_| true).unwrap_or(old / BLOCK);
                block = leaf;
            }
            if leaf != old / BLOCK {
                let free = |ids: &[u32], leaf: usize| ids[leaf * BLOCK..(leaf + 1) * BLOCK].iter().position(|&id| id == NONE);
                let to = free(self.ids, leaf).map(|lane| (leaf, lane)).or_else(|| {
                    let ids = &*self.ids;
                    let leaf = self.nearest(0, leaf / BLOCK, row, |leaf| leaf == old / BLOCK || free(ids, leaf).is_some())?;
                    free(ids, leaf).map(|lane| (leaf, lane))
                });
                match to {
                    Some((leaf, lane)) if leaf != old / BLOCK => place = leaf * BLOCK + lane,
                    _ => squeezed = true,
                }
            }
        }
        if place != old {
            self.ids[old] = NONE;
            (0..d).for_each(|k| self.leaves[number(old, k, d)] = T::from_f64(f64::NAN));
        }
        self.put(place, r as u32, |k| row[k]);
        for level in 0..self.shape.levels {
            let ball = self.shape.ball(level, place / BLOCK / BLOCK.pow(level as u32));
            let rho: T = if known {
                let far = distance(self.centres, ball, |k| row[k].to_f64(), d);
                rounded_up(far, self.norm_of_centre(ball), d)
            } else {
                T::INFINITY
            };
            if rho > self.radii[ball] {
                self.radii[ball] = rho;
            }
        }
        squeezed
    }

    /// The ball of a block whose centre is nearest to a row, among those wanted.
    fn nearest(&self, level: usize, block: usize, row: &[T], wanted: impl Fn(usize) -> bool) -> Option<usize> {
        let balls = block * BLOCK..((block + 1) * BLOCK).min(self.shape.balls[level]);
        let far = |i| distance(self.centres, self.shape.ball(level, i), |k| row[k].to_f64(), self.shape.d);
        balls.filter(|&i| wanted(i)).map(|i| (far(i), i)).min_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal)).map(|(_, i)| i)
    }
}

/// The direction, a unit vector roughly, in which some rows extend most: three steps of the power method from the axis
/// of the largest variance. Rows that are not finite do not count.
fn extent<T: Float>(w: MatRef<'_, T>, rows: &[u32], to: &mut [T]) {
    let d = w.cols();
    let (direction, rest) = to.split_at_mut(d);
    let (mean, sum) = rest.split_at_mut(d);
    // A thousand rows say as much as all.
    let step = rows.len().div_ceil(1024).max(1);
    let sample = || rows.iter().step_by(step).map(|&r| r as usize);
    let at = |r: usize, k: usize| w.get(r, k).filter(|x| x.is_finite()).unwrap_or_default();
    let count = T::from_f64(sample().count().max(1) as f64);
    let mut most = (T::ZERO, 0);
    for k in 0..d {
        mean[k] = sample().map(|r| at(r, k) / count).sum();
        let variance = sample().map(|r| (at(r, k) - mean[k]) * (at(r, k) - mean[k]) / count).sum::<T>();
        direction[k] = T::ZERO;
        if variance > most.0 {
            most = (variance, k);
        }
    }
    if d == 0 {
        return;
    }
    direction[most.1] = T::ONE;
    for _ in 0..3 {
        sum.fill(T::ZERO);
        for r in sample() {
            let along = (0..d).map(|k| (at(r, k) - mean[k]) * direction[k]).sum::<T>();
            (0..d).for_each(|k| sum[k] += along * (at(r, k) - mean[k]));
        }
        let most = sum.iter().fold(T::ZERO, |most, x| if x.abs() > most { x.abs() } else { most });
        if !(most > T::ZERO && most.is_finite()) {
            return;
        }
        direction.iter_mut().zip(sum.iter()).for_each(|(to, &x)| *to = x / most);
    }
}

impl<B: AsRef<[u8]>, T: Float> Reporter<T> for BallTree<B, T> {
    fn neurons(&self) -> usize {
        self.index.dims[0]
    }
    fn dim(&self) -> usize {
        self.index.dims[1]
    }
    fn scratch_len(&self) -> usize {
        let [m, d, ..] = self.index.dims;
        Self::query_scratch_len(m, d)
    }
    fn query_batch(&self, level: Level, x: MatRef<'_, T>, threshold: T, hits: &mut Hits<'_, T>, scratch: &mut [T]) -> Result<(), Error> {
        check_query(self, x, hits)?;
        let (scratch, _) = take(scratch, self.scratch_len())?;
        hits.clear();
        if threshold < T::INFINITY {
            tree_entry(level, self.parts(), x, threshold, hits, scratch);
        }
        Ok(())
    }
    fn verify(&self, w: MatRef<'_, T>) -> Result<(), Error> {
        let (parts, d) = (self.parts(), self.dim());
        super::verify_rows(self, w, |r, k| parts.leaves.get(number(parts.places[r] as usize, k, d)).copied())?;
        let shape = parts.shape;
        for (place, &id) in parts.ids.iter().enumerate() {
            let free = id == NONE && (0..d).all(|k| parts.leaves[number(place, k, d)].to_f64().is_nan());
            if !free && parts.places.get(id as usize) != Some(&(place as u32)) {
                return Err(Error::value("verify: places of the tree", "one per neuron, the others free"));
            }
            if free || id == NONE {
                continue;
            }
            let row = |k| parts.leaves[number(place, k, d)];
            for level in 0..shape.levels {
                let ball = shape.ball(level, place / BLOCK / BLOCK.pow(level as u32));
                let far = distance(parts.centres, ball, |k| row(k).to_f64(), d);
                let known = sane((0..d).map(row)) && far <= parts.radii[ball].to_f64();
                if !known && parts.radii[ball] != T::INFINITY {
                    return Err(Error::value("verify: balls of the tree", "around all their weights"));
                }
            }
        }
        Ok(())
    }
}

multiversion! {
    fn tree_entry<T: Float>(parts: Parts<'_, T>, x: MatRef<'_, T>, threshold: T, hits: &mut Hits<'_, T>, scratch: &mut [T]) = tree_body;
}

#[inline(always)]
fn tree_body<T: Float, S: Simd<T>>(s: S, parts: Parts<'_, T>, x: MatRef<'_, T>, threshold: T, hits: &mut Hits<'_, T>, scratch: &mut [T]) {
    let Parts { shape, leaves, centres, radii, ids, places } = parts;
    let (d, m) = (shape.d, places.len());
    let (row, scratch) = split(scratch, d);
    let scratch: &mut [u32] = bytemuck::try_cast_slice_mut(scratch).unwrap_or_default();
    let (mut here, scratch) = split(scratch, shape.leaves());
    let (mut below, scratch) = split(scratch, shape.leaves());
    let (fired, some) = split(scratch, m.div_ceil(32));
    let some = split(some, m.div_ceil(1024)).0;
    fired.fill(0);
    some.fill(0);
    for i in 0..x.rows() {
        row.iter_mut().enumerate().for_each(|(k, to)| *to = x.get(i, k).unwrap_or_default());
        let (most, norm) = size(row.iter().copied());
        let known = most == 0.0 || super::SANE.contains(&most);
        let query = row.as_chunks::<1>().0;
        // Times an infinite radius it has to be infinite.
        let norm = s.splat(T::from_f64((norm * (1.0 + 1e-6)).max(1e-30)));
        let over = s.splat(threshold);
        let mut reached = 1;
        here.iter_mut().take(1).for_each(|first| *first = 0);
        if shape.leaves() == 0 {
            continue;
        }
        for level in (0..shape.levels).rev() {
            let first = shape.first_block(level);
            let mut found = 0;
            for &block in part(here, 0, reached) {
                let at = first + block as usize;
                let centres = centres.get(at * BLOCK * d..(at + 1) * BLOCK * d).unwrap_or_default();
                let radii = radii.get(at * BLOCK..(at + 1) * BLOCK).unwrap_or_default();
                let mut bits = 0;
                for (strip, radii) in s.chunks(radii).0.as_chunks::<2>().0.iter().enumerate() {
                    let z = scan::strip_of_block(s, centres, query, strip);
                    let (z0, z1) = (s.mul_add(s.load(&radii[0]), norm, z[0]), s.mul_add(s.load(&radii[1]), norm, z[1]));
                    bits |= (s.gt(z0, over) | s.gt(z1, over) << S::LANES) << (strip * 2 * S::LANES);
                }
                let inside = shape.balls.get(level).map_or(0, |&balls| balls).saturating_sub(block as usize * BLOCK);
                let inside = super::hits::low_bits(inside.min(BLOCK));
                let bits = if known { bits & inside } else { inside } as u32;
                put_bits(s, bits, block * BLOCK as u32, below.get_mut(found..).unwrap_or_default());
                found = (found + bits.count_ones() as usize).min(below.len());
            }
            (here, below) = (below, here);
            reached = found;
        }
        for &leaf in part(here, 0, reached) {
            let at = leaf as usize;
            let numbers = leaves.get(at * BLOCK * d..(at + 1) * BLOCK * d).unwrap_or_default();
            let ids = ids.get(at * BLOCK..(at + 1) * BLOCK).unwrap_or_default();
            for strip in 0..scan::strips::<T, S>() {
                let z = scan::strip_of_block(s, numbers, query, strip);
                let mut bits = s.gt(z[0], over) | s.gt(z[1], over) << S::LANES;
                while bits != 0 {
                    let lane = strip * 2 * S::LANES + bits.trailing_zeros() as usize;
                    bits &= bits - 1;
                    // A free place is NaN and gets here only where d = 0.
                    if let Some(&id) = ids.get(lane)
                        && let (Some(word), Some(some)) = (fired.get_mut(id as usize / 32), some.get_mut(id as usize / 1024))
                    {
                        *word |= 1 << (id % 32);
                        *some |= 1 << (id / 32 % 32);
                    }
                }
            }
        }
        // Ascending, whatever the order of the tree.
        for (at, some) in some.iter_mut().enumerate() {
            while *some != 0 {
                let word = at * 32 + some.trailing_zeros() as usize;
                *some &= *some - 1;
                let bits = fired.get_mut(word).map_or(0, core::mem::take);
                hits.put_block(s, i, word as u32 * 32, bits);
            }
        }
        if hits.wants_values() {
            let (indices, values) = hits.unfilled(i, 0);
            values::values_of(s, row, BLOCK, indices, values, |r| {
                let place = places.get(r as usize).copied().unwrap_or_default();
                // Of a damaged index it could be any number: the product below must not overflow.
                let place = (place as usize).min(ids.len());
                leaves.get(number(place, 0, d)..).unwrap_or_default()
            });
        }
    }
}
