//! Neurons into leaves, balls around them.

use core::marker::PhantomData;

use super::super::bytes::{Index, Kind};
use super::super::scan::BLOCK;
use super::select::least_first;
use super::{BallTree, NONE, PartsMut, SHRINK, distance, lane, lane_mut, norm, number, rounded_up, sane};
use crate::error::Error;
use crate::matrix::MatRef;
use crate::scratch::{part, split, take};
use crate::simd::Float;

impl<B: AsRef<[u8]> + AsMut<[u8]>, T: Float> BallTree<B, T> {
    /// Builds the tree over W, m x d with any strides, and seals the index: halves are split at the median along the
    /// direction in which they extend most.
    ///
    /// # Errors
    /// As [`Packed::build`](crate::halfspace::Packed::build), and [`Error::TooShort`] if scratch is less than
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
        Self::build_with_room(w, w.rows(), bytes, scratch)
    }

    /// [`build`](Self::build) with room for `most` neurons: those behind the rows of W are not there yet, and
    /// can be [inserted](Self::insert). Lengths of storage and scratch are those of `most` neurons; [`verify`](crate::halfspace::Reporter::verify) wants
    /// as many rows, of which those that are not there may be anything.
    ///
    /// # Errors
    /// As there; [`Error::TooShort`] if W has more than `most` rows.
    ///
    /// ```
    /// use subquad::{Level, MatRef, halfspace::{BallTree, Reporter}};
    ///
    /// let mut bytes = vec![0u64; BallTree::<&[u8], f32>::storage_len(100, 2) / 8];
    /// let mut scratch = vec![0.0; BallTree::<&[u8], f32>::build_scratch_len(100, 2)];
    /// let none = MatRef::<f32>::new(&[], 0, 2)?;
    /// let mut tree = BallTree::build_with_room(none, 100, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?;
    /// assert!(tree.is_empty());
    /// tree.insert(Level::detect(), 42, &[1.0, 2.0])?;
    /// assert_eq!((tree.len(), tree.neurons(), tree.contains(42)), (1, 100, true));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn build_with_room(w: MatRef<'_, T>, most: usize, bytes: B, scratch: &mut [T]) -> Result<Self, Error> {
        let (there, d) = (w.rows(), w.cols());
        if there > most {
            return Err(Error::too_short("build: room for neurons", there, most));
        }
        let (scratch, _) = take(scratch, Self::build_scratch_len(most, d))?;
        let index = Index::create(bytes, Kind::BallTree, size_of::<T>(), [most, d, 0, 0], Self::storage_len(most, d))?;
        let mut built = Self { index, float: PhantomData };
        let mut parts = built.parts_mut();
        parts.places.iter_mut().enumerate().for_each(|(r, place)| *place = if r < there { 0 } else { NONE });
        parts.arrange(w, scratch);
        built.index.set_state([0, 0, (most - there) as u64, 0, 0, 0, 0, 0]);
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
        let (rows, scratch) = split(scratch, m * d);
        let parts = self.parts();
        for (r, row) in rows.chunks_exact_mut(d.max(1)).enumerate() {
            // What is not there has no place: any row will do.
            if let Some(place) = parts.place(r) {
                row.iter_mut().zip(lane(parts.leaves, place, d)).for_each(|(to, x)| *to = x);
            }
        }
        let rows = MatRef::new(rows, m, d)?;
        let there = self.parts_mut().arrange(rows, scratch);
        self.index.set_state([0, 0, (m - there) as u64, 0, 0, 0, 0, 0]);
        Ok(())
    }
}

impl<T: Float> PartsMut<'_, T> {
    /// Distributes the neurons that have a place over leaves and draws the balls. How many there are.
    fn arrange(&mut self, w: MatRef<'_, T>, scratch: &mut [T]) -> usize {
        let (m, d) = (self.places.len(), w.cols());
        let (keys, scratch) = split(scratch, m);
        let (order, scratch) = split(scratch, m);
        let order: &mut [u32] = bytemuck::try_cast_slice_mut(order).unwrap_or_default();
        let rows = self.places.iter().zip(0..).filter(|&(&place, _)| (place as usize) < self.ids.len());
        let there = rows.clone().count();
        order.iter_mut().zip(rows).for_each(|(to, (_, r))| *to = r);
        self.places.fill(NONE);
        self.leaves.fill(T::from_f64(f64::NAN));
        self.ids.fill(NONE);

        let weight = |r: u32, k| w.get(r as usize, k).unwrap_or_default();
        // Those that are in no leaf yet.
        let mut left = order;
        for leaf in 0..self.shape.leaves() {
            // Down to the leaf from the root; what begins with this leaf is cut in two on the way.
            let (mut first, mut leaves, mut len) = (0, self.shape.leaves(), there);
            while leaves > 1 {
                // A power of two of leaves, so that the balls of whole blocks are parts of the same tree.
                let low = leaves.div_ceil(2).next_power_of_two();
                // In 32 bits the product would wrap, from 458,753 neurons on.
                let few = (len as u64 * low as u64).div_ceil(leaves as u64) as usize;
                if leaf == first && few < len {
                    let (rows, _) = split(left, len);
                    let direction = extent(w, rows, scratch);
                    for (key, &r) in keys.iter_mut().zip(rows.iter()) {
                        let along = direction.iter().enumerate().map(|(k, &x)| weight(r, k) * x).sum::<T>();
                        *key = if along.is_finite() { along } else { T::INFINITY };
                    }
                    least_first(few, keys, rows);
                }
                if leaf < first + low {
                    (leaves, len) = (low, few);
                } else {
                    (first, leaves, len) = (first + low, leaves - low, len - few);
                }
            }
            let (rows, rest) = split(left, len);
            for (place, &r) in (leaf * BLOCK..).zip(rows.iter()) {
                self.put(place, r, (0..d).map(|k| weight(r, k)));
            }
            left = rest;
        }
        self.radii.fill(T::from_f64(f64::NAN));
        for (level, balls) in self.shape.balls.into_iter().enumerate().take(self.shape.levels) {
            (0..balls).for_each(|i| self.draw(level, i));
        }
        there
    }

    pub(super) fn put(&mut self, place: usize, r: u32, row: impl Iterator<Item = T>) {
        let (Some(id), Some(kept)) = (self.ids.get_mut(place), self.places.get_mut(r as usize)) else { return };
        (*id, *kept) = (r, place as u32);
        lane_mut(self.leaves, place, self.shape.d).zip(row).for_each(|(to, x)| *to = x);
    }

    /// Draws ball i of a level around the neurons below it.
    fn draw(&mut self, level: usize, i: usize) {
        let (d, ball) = (self.shape.d, self.shape.ball(level, i));
        let Self { shape, leaves, centres, ids, .. } = self;
        let Some(radius) = self.radii.get_mut(ball) else { return };
        let below = shape.leaves_below(level, i);
        let ids = part(ids, below.start * BLOCK, below.len() * BLOCK);
        let places = || (below.start * BLOCK..).zip(ids).filter(|&(_, &id)| id != NONE).map(|(place, _)| place);
        let mut count = 0.0;
        let mut known = true;
        lane_mut(centres, ball, d).for_each(|c| *c = T::ZERO);
        for place in places() {
            count += 1.0;
            known &= sane(lane(leaves, place, d));
        }
        if count == 0.0 {
            return;
        }
        if !known {
            *radius = T::INFINITY;
            return;
        }
        for (k, c) in lane_mut(centres, ball, d).enumerate() {
            let sum: f64 = places().filter_map(|place| leaves.get(number(place, k, d))).map(|x| x.to_f64()).sum();
            *c = T::from_f64(sum / count);
        }
        // The largest distance of the centre from some neuron, and where that lies.
        let farthest = |centres: &[T]| {
            places().fold((0.0, 0), |(most, at), place| {
                let far = distance(centres, ball, lane(leaves, place, d), d);
                if far >= most { (far, place) } else { (most, at) }
            })
        };
        // Steps towards the farthest neuron, ever shorter: M. Badoiu, K. Clarkson, Smaller core-sets for balls, 2003.
        for step in 0..if level == 0 { SHRINK } else { SHRINK / 4 } {
            let (_, far) = farthest(centres);
            let share = 1.0 / (step + 4) as f64;
            for (c, w) in lane_mut(centres, ball, d).zip(lane(leaves, far, d)) {
                let (from, to) = (c.to_f64(), w.to_f64());
                *c = T::from_f64(from + share * (to - from));
            }
        }
        let (rho, _) = farthest(centres);
        *radius = rounded_up(rho, norm(centres, ball, d), d);
    }
}

/// The direction, a unit vector roughly, in which some rows extend most: three steps of the power method from the axis
/// of the largest variance. Rows that are not finite do not count.
fn extent<'a, T: Float>(w: MatRef<'_, T>, rows: &[u32], scratch: &'a mut [T]) -> &'a [T] {
    let d = w.cols();
    let (direction, rest) = split(scratch, d);
    let (mean, sum) = split(rest, d);
    // A thousand rows say as much as all.
    let step = rows.len().div_ceil(1024).max(1);
    let sample = || rows.iter().step_by(step).map(|&r| r as usize);
    let at = |r: usize, k: usize| w.get(r, k).filter(|x| x.is_finite()).unwrap_or_default();
    let count = T::from_f64(sample().count().max(1) as f64);
    let mut most = (T::ZERO, 0);
    for (k, (mean, direction)) in mean.iter_mut().zip(direction.iter_mut()).enumerate() {
        *mean = sample().map(|r| at(r, k) / count).sum();
        let variance = sample().map(|r| (at(r, k) - *mean) * (at(r, k) - *mean) / count).sum::<T>();
        *direction = T::ZERO;
        if variance > most.0 {
            most = (variance, k);
        }
    }
    let Some(axis) = direction.get_mut(most.1) else { return direction };
    *axis = T::ONE;
    let off = |r: usize| mean.iter().enumerate().map(move |(k, &mean)| at(r, k) - mean);
    for _ in 0..3 {
        sum.fill(T::ZERO);
        for r in sample() {
            let along = off(r).zip(direction.iter()).map(|(x, &y)| x * y).sum::<T>();
            sum.iter_mut().zip(off(r)).for_each(|(sum, x)| *sum += along * x);
        }
        let most = sum.iter().fold(T::ZERO, |most, x| if x.abs() > most { x.abs() } else { most });
        if !(most > T::ZERO && most.is_finite()) {
            break;
        }
        direction.iter_mut().zip(sum.iter()).for_each(|(to, &x)| *to = x / most);
    }
    direction
}
