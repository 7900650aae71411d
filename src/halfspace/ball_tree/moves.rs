//! Neurons that move, come and go.

use core::cmp::Ordering;

use super::super::scan::BLOCK;
use super::{BallTree, NONE, PartsMut, distance, lane_mut, norm, rounded_up, sane};
use crate::error::{Error, Figure, expect_length};
use crate::scratch::part;
use crate::simd::{Float, Level};

impl<B: AsRef<[u8]> + AsMut<[u8]>, T: Float> BallTree<B, T> {
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
            return Err(Error::less("update: neuron", m, r));
        }
        let Some(old) = self.parts().place(r) else {
            return Err(Error::value("update: neuron", "one that is there", Figure::Count(r)));
        };
        let squeezed = self.parts_mut().relocate(old, r, row);
        self.note(squeezed, 0);
        Ok(())
    }

    /// Neuron r, which is not there, comes at `row`: to a free place in the leaf whose centre is nearest, in one of that
    /// leaf's 31 neighbours, or wherever there is one. There always is: leaves are built with a place in eight free, and
    /// `insert` fills no more than m in all. Nothing is rebuilt; when the free places near where they are wanted are used up,
    /// [`is_worn`](Self::is_worn) says so. The index is no longer sealed.
    ///
    /// # Errors
    /// [`Error::Length`] unless the row has length d; [`Error::Value`] if r is not less than m, the number that the index was
    /// built for, or if neuron r is there.
    ///
    /// # Cost
    /// As [`update`](Self::update), and a look at all places where there is none free nearby.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, BallTree}};
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let mut bytes = vec![0u64; BallTree::<&[u8], f32>::storage_len(3, 2) / 8];
    /// # let mut scratch = vec![0.0; BallTree::<&[u8], f32>::build_scratch_len(3, 2)];
    /// let mut tree = BallTree::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?; // (1, 0), (0, 1), (1, 1)
    /// assert!(tree.insert(Level::detect(), 1, &[2.0, 0.0]).is_err()); // it is there
    /// tree.delete(1)?;
    /// tree.insert(Level::detect(), 1, &[2.0, 0.0])?;
    /// assert!(tree.verify(MatRef::new(&[1.0, 0.0, 2.0, 0.0, 1.0, 1.0], 3, 2)?).is_ok());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn insert(&mut self, _: Level, r: usize, row: &[T]) -> Result<(), Error> {
        let [m, d, ..] = self.index.dims;
        expect_length("insert: length of the row", d, row.len())?;
        if r >= m {
            return Err(Error::less("insert: neuron", m, r));
        }
        if self.contains(r) {
            return Err(Error::value("insert: neuron", "one that is not there", Figure::Count(r)));
        }
        let Some(squeezed) = self.parts_mut().enter(r, row) else {
            return Err(Error::limited(
                "insert: free places of the tree",
                "(unless the bytes were damaged) at least",
                Figure::Count(1),
                Figure::Count(0),
            ));
        };
        self.note(squeezed, -1);
        Ok(())
    }

    /// Neuron r is no longer there: nothing reports it until it is [inserted](Self::insert) again. Its place is free; the ball
    /// of a leaf that is empty vanishes. The index is no longer sealed.
    ///
    /// # Errors
    /// [`Error::Value`] if there is no neuron r.
    ///
    /// # Cost
    /// d writes, and 32 comparisons for each level where a ball vanishes.
    ///
    /// ```
    /// # use subquad::{Level, MatRef, halfspace::{Check, Hits, Reporter, BallTree}};
    /// # let w = MatRef::new(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2)?;
    /// # let mut bytes = vec![0u64; BallTree::<&[u8], f32>::storage_len(3, 2) / 8];
    /// # let mut scratch = vec![0.0; BallTree::<&[u8], f32>::build_scratch_len(3, 2)];
    /// let mut tree = BallTree::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), &mut scratch)?; // (1, 0), (0, 1), (1, 1)
    /// tree.delete(2)?;
    /// let (mut count, mut scratch) = ([0], vec![0.0; tree.scratch_len()]);
    /// let mut hits = Hits::new(&mut count, &mut [], 0)?;
    /// tree.query(Level::detect(), &[2.0, 0.5], 1.0, &mut hits, &mut scratch)?;
    /// assert_eq!((hits.count(0), tree.len(), tree.neurons()), (1, 2, 3)); // only (1, 0) is left above 1
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn delete(&mut self, r: usize) -> Result<(), Error> {
        let m = self.index.dims[0];
        if r >= m {
            return Err(Error::less("delete: neuron", m, r));
        }
        let Some(place) = self.parts().place(r) else {
            return Err(Error::value("delete: neuron", "one that is there", Figure::Count(r)));
        };
        self.parts_mut().vacate(place, r);
        self.note(false, 1);
        Ok(())
    }

    /// Remembers a change: whether it was squeezed, and how many neurons left.
    fn note(&mut self, squeezed: bool, left: i64) {
        let mut state = self.index.state();
        state[0] = state[0].saturating_add(1);
        state[1] = state[1].saturating_add(squeezed.into());
        state[2] = state[2].saturating_add_signed(left);
        self.index.set_state(state);
    }
}

impl<T: Float> PartsMut<'_, T> {
    /// Moves a neuron from its old place. Whether there was no room for it where it belongs.
    fn relocate(&mut self, old: usize, r: usize, row: &[T]) -> bool {
        let home = old / BLOCK;
        let mut squeezed = false;
        let mut place = old;
        if sane(row.iter().copied()) {
            let leaf = self.nearest_leaf(row);
            if leaf != home {
                let to = self.free_near(leaf, Some(home), row);
                match to {
                    Some(to) if to / BLOCK != home => place = to,
                    _ => squeezed = true,
                }
            }
        }
        if place != old {
            self.vacate(old, r);
        }
        self.settle(place, r, row);
        squeezed
    }

    /// Finds a place for a neuron that is not there. Whether it was not where it belongs; none if there is none at all.
    fn enter(&mut self, r: usize, row: &[T]) -> Option<bool> {
        let leaf = self.nearest_leaf(row);
        if let Some(place) = self.free_near(leaf, None, row) {
            self.settle(place, r, row);
            return Some(false);
        }
        // Blocks of leaves that lie next to each other are parts of the same ball, mostly.
        let (block, blocks) = (leaf / BLOCK, self.shape.leaves().div_ceil(BLOCK));
        let place = (1..blocks).find_map(|far| {
            let sides = [block.checked_sub(far), Some(block + far).filter(|&to| to < blocks)];
            sides.into_iter().flatten().find_map(|block| self.free_near(block * BLOCK, None, row))
        })?;
        self.settle(place, r, row);
        Some(true)
    }

    /// Down to the leaf whose centre is nearest.
    fn nearest_leaf(&self, row: &[T]) -> usize {
        (0..self.shape.levels).rev().fold(0, |block, level| self.nearest(level, block, row, |_| true).unwrap_or(0))
    }

    /// A free place in this leaf, or in the nearest of its block that has one; of `home`, any.
    fn free_near(&self, leaf: usize, home: Option<usize>, row: &[T]) -> Option<usize> {
        let free = |leaf: usize| {
            let ids = self.ids.get(leaf * BLOCK..(leaf + 1) * BLOCK)?;
            ids.iter().position(|&id| id == NONE).map(|lane| leaf * BLOCK + lane)
        };
        free(leaf).or_else(|| {
            let leaf = self.nearest(0, leaf / BLOCK, row, |leaf| Some(leaf) == home || free(leaf).is_some())?;
            if Some(leaf) == home { Some(leaf * BLOCK) } else { free(leaf) }
        })
    }

    /// Writes a neuron into a place, and lets the balls around it grow.
    fn settle(&mut self, place: usize, r: usize, row: &[T]) {
        let d = self.shape.d;
        let known = sane(row.iter().copied());
        self.put(place, r as u32, row.iter().copied());
        for ball in self.shape.around(place) {
            let Some(radius) = self.radii.get_mut(ball) else { return };
            // Where there was no ball, one around this neuron.
            let first = radius.is_nan();
            if first {
                lane_mut(self.centres, ball, d).zip(row).for_each(|(to, &x)| *to = if known { x } else { T::ZERO });
            }
            let rho: T = if known {
                let far = distance(self.centres, ball, row.iter().copied(), d);
                rounded_up(far, norm(self.centres, ball, d), d)
            } else {
                T::INFINITY
            };
            if first || rho > *radius {
                *radius = rho;
            }
        }
    }

    /// Frees the place of neuron r. Balls around nothing vanish.
    fn vacate(&mut self, place: usize, r: usize) {
        let (Some(id), Some(kept)) = (self.ids.get_mut(place), self.places.get_mut(r)) else { return };
        (*id, *kept) = (NONE, NONE);
        lane_mut(self.leaves, place, self.shape.d).for_each(|x| *x = T::from_f64(f64::NAN));
        if part(self.ids, place / BLOCK * BLOCK, BLOCK).iter().any(|&id| id != NONE) {
            return;
        }
        for ball in self.shape.around(place) {
            let Some(radius) = self.radii.get_mut(ball) else { return };
            *radius = T::from_f64(f64::NAN);
            if part(self.radii, ball / BLOCK * BLOCK, BLOCK).iter().any(|rho| !rho.is_nan()) {
                return;
            }
        }
    }

    /// The ball of a block whose centre is nearest to a row, among those wanted.
    fn nearest(&self, level: usize, block: usize, row: &[T], wanted: impl Fn(usize) -> bool) -> Option<usize> {
        let balls = block * BLOCK..((block + 1) * BLOCK).min(*self.shape.balls.get(level)?);
        let far = |i| distance(self.centres, self.shape.ball(level, i), row.iter().copied(), self.shape.d);
        balls.filter(|&i| wanted(i)).map(|i| (far(i), i)).min_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal)).map(|(_, i)| i)
    }
}
