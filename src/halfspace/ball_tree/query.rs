//! Down from the top, into the balls that reach the half-space.

use super::super::hits::{Hits, low_bits, put_bits};
use super::super::scan::{self, BLOCK};
use super::super::{Reporter, SANE, check_query, size, values, verify_rows};
use super::{BallTree, NONE, Parts, distance, lane, number, sane};
use crate::error::{Error, Figure};
use crate::matrix::MatRef;
use crate::scratch::{part, split, take};
use crate::simd::{Float, Level, Simd};

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
        // Of neurons that are not there W may say anything.
        verify_rows(self, w, |r, k| match parts.place(r) {
            Some(place) => parts.leaves.get(number(place, k, d)).copied(),
            None => w.get(r, k),
        })?;
        let shape = parts.shape;
        let found = parts.ids.iter().filter(|&&id| id != NONE).count();
        for wanted in [self.len(), (0..self.neurons()).filter(|&r| parts.place(r).is_some()).count()] {
            if found != wanted {
                let (wanted, found) = (Figure::Count(wanted), Figure::Count(found));
                return Err(Error::limited("verify: places of the tree that are taken", "as many as neurons,", wanted, found));
            }
        }
        for (place, &id) in parts.ids.iter().enumerate() {
            let row = || lane(parts.leaves, place, d);
            let free = id == NONE && row().all(T::is_nan);
            if !free && parts.places.get(id as usize) != Some(&(place as u32)) {
                return Err(Error::at(
                    "verify: places of the tree",
                    "one per neuron, the others free",
                    Figure::Nothing,
                    Figure::Count(id as usize),
                    place,
                ));
            }
            if free {
                continue;
            }
            for ball in shape.around(place) {
                // Where there is no ball, NaN.
                let radius = parts.radii.get(ball).map_or(f64::NAN, |rho| rho.to_f64());
                let far = distance(parts.centres, ball, row(), d);
                let known = sane(row()) && far <= radius;
                if !known && radius != f64::INFINITY {
                    let (far, radius) = (Figure::number(far), Figure::number(radius));
                    return Err(Error::at(
                        "verify: balls of the tree",
                        "around all their weights, their radii at least",
                        far,
                        radius,
                        ball,
                    ));
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
        let known = most == 0.0 || SANE.contains(&most);
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
                let inside = low_bits(inside.min(BLOCK));
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
