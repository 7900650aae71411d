//! Neurons into leaves, balls around them.

use core::cmp::Ordering;
use core::marker::PhantomData;

use super::super::bytes::{Index, Kind};
use super::super::scan::BLOCK;
use super::{BallTree, NONE, PartsMut, SHRINK, distance, number, rounded_up, sane};
use crate::error::Error;
use crate::matrix::MatRef;
use crate::scratch::take;
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
        let (rows, scratch) = scratch.split_at_mut(m * d);
        let mut parts = self.parts_mut();
        for (row, &place) in rows.chunks_exact_mut(d.max(1)).zip(parts.places.iter()) {
            // What is not there has no place: any row will do.
            if (place as usize) < parts.ids.len() {
                row.iter_mut().enumerate().for_each(|(k, to)| *to = parts.leaves[number(place as usize, k, d)]);
            }
        }
        let rows = MatRef::new(rows, m, d)?;
        let there = parts.arrange(rows, scratch);
        self.index.set_state([0, 0, (m - there) as u64, 0, 0, 0, 0, 0]);
        Ok(())
    }
}

impl<T: Float> PartsMut<'_, T> {
    /// Distributes the neurons that have a place over leaves and draws the balls. How many there are.
    fn arrange(&mut self, w: MatRef<'_, T>, scratch: &mut [T]) -> usize {
        let (m, d) = (self.places.len(), w.cols());
        let (keys, scratch) = scratch.split_at_mut(m);
        let (order, direction) = scratch.split_at_mut(m);
        let order: &mut [u32] = bytemuck::try_cast_slice_mut(order).unwrap_or_default();
        let mut there = 0;
        for (r, place) in self.places.iter_mut().enumerate() {
            if (*place as usize) < self.ids.len() {
                order[there] = r as u32;
                there += 1;
            }
            *place = NONE;
        }
        let order = &mut order[..there];
        self.leaves.fill(T::from_f64(f64::NAN));
        self.ids.fill(NONE);

        // Ranges of `order` and of leaves that still have to be split; the second part, never the larger, is taken first, so that 64 are enough.
        let mut stack = [(0usize, 0usize, 0usize, 0usize); 64];
        stack[0] = (0, there, 0, self.shape.leaves());
        let mut waiting = usize::from(there > 0);
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
            // In 32 bits the product would wrap, from 458,753 neurons on.
            let part = (len as u64 * left as u64).div_ceil(leaves as u64) as usize;
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
            stack[waiting] = (from, part, leaf, left);
            stack[waiting + 1] = (from + part, len - part, leaf + left, leaves - left);
            waiting += 2;
        }
        self.radii.fill(T::from_f64(f64::NAN));
        for level in 0..self.shape.levels {
            for i in 0..self.shape.balls[level] {
                self.draw(level, i);
            }
        }
        there
    }

    pub(super) fn put(&mut self, place: usize, r: u32, row: impl Fn(usize) -> T) {
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
        if count == 0.0 {
            return;
        }
        if !known {
            self.radii[ball] = T::INFINITY;
            return;
        }
        for k in 0..d {
            let sum: f64 = places().map(|place| self.leaves[number(place, k, d)].to_f64()).sum();
            self.centres[number(ball, k, d)] = T::from_f64(sum / count);
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

    pub(super) fn norm_of_centre(&self, ball: usize) -> f64 {
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
