//! A tree of balls around the weights: `<w, x> <= <c, x> + rho |x|` for all weights in the ball of centre c and radius
//! rho.
//!
//! The tree is flat. Leaves are blocks of 32 places, of which some stay free for neurons that move. The balls of 32
//! leaves are a block too, tested like one: centres lie in lanes, and their products with the query are the same chains
//! of multiply-adds. The balls of 32 such blocks are a block of the next level, up to a single one.
//!
//! Neurons that move take a free place near where they are, neurons that come do too, and neurons that go free theirs. Balls grow around
//! what comes, and vanish where nothing is left, but never shrink; `is_worn` says when the free places are used up, or the balls
//! larger than they need be, and `rebalance` builds the tree anew from the weights it holds.
//!
//! # Cones
//! The other bound for a group, by the largest norm and the largest angle to an axis, `|w| |x| cos(max(0, phi - omega))` (Ram and Gray,
//! section 4), is not kept. Of 1171 leaves of 28 neurons each, m = 32768, the balls that a unit query reaches, the cones, and
//! those that both bounds let it reach:
//!
//! | weights | d | fired | ball | cone | both |
//! |---|---|---|---|---|---|
//! | Gaussian | 4 | 0.1 % | 2.9 % | 3.5 % | 2.7 % |
//! | Gaussian | 8 | 0.1 % | 15.3 % | 29.0 % | 15.2 % |
//! | Gaussian | 8 | 2 % | 47.1 % | 62.5 % | 47.0 % |
//! | Student's t, 2 degrees | 8 | 0.1 % | 3.2 % | 4.7 % | 2.8 % |
//! | Student's t, 2 degrees | 8 | 2 % | 55.2 % | 67.9 % | 54.2 % |
//! | clusters of 64 | 8 | 0.1 % | 2.2 % | 3.7 % | 2.1 % |
//! | clusters of 64 directions, norms over two decades | 8 | 0.1 % | 4.9 % | 8.4 % | 4.8 % |
//!
//! An axis, an angle and a norm for each ball would double what is read of it; they save a leaf in a hundred of those reached, in
//! eight where heavy tails make the norms of a leaf differ and few are reached anyway.
//!
//! Source: S. Omohundro, *Five Balltree Construction Algorithms*, 1989; P. Ram, A. Gray, *Maximum Inner-Product Search
//! Using Cone Trees*, KDD 2012, section 3, for the bound.

mod build;
mod moves;
mod query;
mod select;

use core::marker::PhantomData;

use super::bytes::{self, Check, Index, Kind};
use super::scan::BLOCK;
use super::size;
use crate::error::Error;
use crate::float::Real;
use crate::scratch::{all_of, area, part, part_mut};
use crate::simd::Float;

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
    /// The balls around a place, that of its leaf first.
    fn around(self, place: usize) -> impl Iterator<Item = usize> {
        (0..self.levels).scan(place / BLOCK, move |at, level| {
            let ball = self.ball(level, *at);
            *at /= BLOCK;
            Some(ball)
        })
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
    /// Where a neuron lies; nowhere if it is not there.
    places: &'a [u32],
}

impl<T> Parts<'_, T> {
    /// Where neuron r lies, if it is there.
    fn place(&self, r: usize) -> Option<usize> {
        let place = *self.places.get(r)? as usize;
        (place < self.ids.len()).then_some(place)
    }
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

/// The d numbers of lane `at % 32` of block `at / 32`; none where there is no such block.
fn lane<T: Float>(blocks: &[T], at: usize, d: usize) -> impl Iterator<Item = T> {
    part(blocks.as_chunks::<BLOCK>().0, at / BLOCK * d, d).iter().map(move |numbers| numbers[at % BLOCK])
}

/// [`lane`], to write.
fn lane_mut<T: Float>(blocks: &mut [T], at: usize, d: usize) -> impl Iterator<Item = &mut T> {
    part_mut(blocks.as_chunks_mut::<BLOCK>().0, at / BLOCK * d, d).iter_mut().map(move |numbers| &mut numbers[at % BLOCK])
}

/// The distance between two points, one of them in a block.
fn distance<T: Float>(blocks: &[T], at: usize, point: impl Iterator<Item = T>, d: usize) -> f64 {
    let square = |(x, y): (T, T)| {
        let x = x.to_f64() - y.to_f64();
        x * x
    };
    Real::sqrt(lane(blocks, at, d).zip(point).map(square).sum::<f64>())
}

/// The distance of a point in a block from the origin.
fn norm<T: Float>(blocks: &[T], at: usize, d: usize) -> f64 {
    distance(blocks, at, core::iter::repeat(T::ZERO), d)
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

    /// Scratch of queries, in elements: what [`Reporter::scratch_len`](crate::halfspace::Reporter::scratch_len) says of an open index, for static buffers.
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

    /// Changes since the tree was built: neurons that moved, came or went.
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

    /// Neurons that are there: m but for those that were [deleted](Self::delete), or have never been
    /// [inserted](Self::insert).
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, BallTree}};
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let mut bytes = vec![0u64; BallTree::<&[u8], f32>::storage_len(3, 2) / 8];
    /// # let mut scratch = vec![0.0; BallTree::<&[u8], f32>::build_scratch_len(3, 2)];
    /// let mut tree = BallTree::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?; // (1, 0), (0, 1), (1, 1)
    /// tree.delete(0)?;
    /// assert_eq!((tree.len(), tree.neurons()), (2, 3));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn len(&self) -> usize {
        self.index.dims[0].saturating_sub(usize::try_from(self.index.state()[2]).unwrap_or(usize::MAX))
    }

    /// Whether no neuron is there.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, BallTree}};
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let mut bytes = vec![0u64; BallTree::<&[u8], f32>::storage_len(3, 2) / 8];
    /// # let mut scratch = vec![0.0; BallTree::<&[u8], f32>::build_scratch_len(3, 2)];
    /// let mut tree = BallTree::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?; // (1, 0), (0, 1), (1, 1)
    /// assert!(!tree.is_empty());
    /// (0..3).try_for_each(|r| tree.delete(r))?;
    /// assert!(tree.is_empty());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether neuron r is there.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, BallTree}};
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let mut bytes = vec![0u64; BallTree::<&[u8], f32>::storage_len(3, 2) / 8];
    /// # let mut scratch = vec![0.0; BallTree::<&[u8], f32>::build_scratch_len(3, 2)];
    /// let mut tree = BallTree::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?; // (1, 0), (0, 1), (1, 1)
    /// tree.delete(1)?;
    /// assert_eq!([0, 1, 2, 3].map(|r| tree.contains(r)), [true, false, true, false]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn contains(&self, r: usize) -> bool {
        self.parts().place(r).is_some()
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

#[cfg(test)]
mod tests {
    use super::rounded_up;

    /// The written bound, and not much more: `rho + 3 (d + 4) eps (|c| + rho)`.
    #[test]
    fn radii_hold_what_rounding_adds() {
        let eps = f64::from(f32::EPSILON);
        for (rho, centre, d) in [(1.0, 1.0, 8), (1e-6, 1000.0, 8), (1e-6, 1000.0, 100), (2.0, 0.0, 1)] {
            let (least, found) = (rho + 3.0 * (d + 4) as f64 * eps * (centre + rho), f64::from(rounded_up::<f32>(rho, centre, d)));
            assert!(found >= least * (1.0 - 1e-7) && found <= least * (1.0 + 4e-6), "{rho} {centre} {d}: {found} for {least}");
        }
    }
}
