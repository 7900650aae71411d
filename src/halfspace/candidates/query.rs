//! Queries: kept values first, then products of those that are too near the threshold.

use super::super::hits::{Hits, low_bits};
use super::super::scan::{self, decide};
use super::super::{Watcher, check_watch, values};
use super::{Candidates, ENTRIES, Parts, moved_to};
use crate::error::{Error, Figure, expect_contiguous, expect_length};
use crate::matrix::MatRef;
use crate::scratch::part;
use crate::simd::{Float, Level, MOST_LANES, Simd};

/// Neurons whose products with a sample are formed side by side.
const TOGETHER: usize = 8;

impl<T: Float> Parts<'_, T> {
    /// What the norm of neuron r's weights cannot exceed.
    #[inline(always)]
    fn longest(&self, r: usize) -> T {
        let (norm, drift) = (self.norms.get(r).copied(), self.drift.get(r).copied());
        norm.unwrap_or(T::INFINITY) + drift.unwrap_or(T::INFINITY)
    }
}

impl<B: AsRef<[u8]>, T: Float> Watcher<T> for Candidates<B, T> {
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
        0
    }
    fn query_from(
        &self,
        level: Level,
        w: MatRef<'_, T>,
        first: usize,
        threshold: T,
        hits: &mut Hits<'_, T>,
        _: &mut [T],
    ) -> Result<(), Error> {
        check_watch(self, w, first, hits)?;
        let [m, d, _, room] = self.index.dims;
        if d > 0 && m > 0 {
            expect_contiguous("query: column stride of W", w.col_stride())?;
        }
        let state = self.state();
        // Whoever fires at a higher threshold is on the list of the lower one.
        if threshold.to_f64() < state.threshold || state.threshold.is_nan() && !threshold.is_nan() {
            return Err(Error::limited(
                "query: threshold",
                "at least that of the lists,",
                Figure::number(state.threshold),
                Figure::number(threshold.to_f64()),
            ));
        }
        hits.clear();
        if threshold < T::INFINITY {
            query_entry(level, self.parts(), w, room, first, threshold, state.hot as usize, T::from_f64(state.most), hits);
        }
        Ok(())
    }
    fn verify(&self, _: Level, w: MatRef<'_, T>, _: &mut [T]) -> Result<(), Error> {
        let ([m, d, _, room], parts, state) = (self.index.dims, self.parts(), self.state());
        expect_length("verify: rows of W", m, w.rows())?;
        expect_length("verify: columns of W", d, w.cols())?;
        let mut hot = 0;
        for (r, (&drift, &norm)) in parts.drift.iter().zip(parts.norms).enumerate() {
            let wanted = moved_to(part(parts.before, r * d, d), norm, |k| w.get(r, k).unwrap_or_default());
            // A vector's sum of squares may differ in its last bits.
            if !(drift == wanted || drift.to_f64() >= wanted.to_f64() * (1.0 - 1e-5) && wanted > T::ZERO) {
                let (wanted, found) = (Figure::number(wanted.to_f64()), Figure::number(drift.to_f64()));
                return Err(Error::at("verify: drift of the neurons", "at least what they have moved,", wanted, found, r));
            }
            if drift.to_f64() > state.rho {
                let listed = parts.hot.get(hot).copied();
                if listed != Some(r as u32) {
                    let found = listed.map_or(Figure::Nothing, |id| Figure::Count(id as usize));
                    return Err(Error::at("verify: neurons that have moved far", "all on their list, next", Figure::Count(r), found, hot));
                }
                hot += 1;
            }
        }
        expect_length("verify: neurons that have moved far", hot, state.hot as usize)?;
        let unsound = parts.counts.iter().enumerate().position(|(i, &count)| {
            count as usize <= room && {
                let ids = part(parts.ids, i * room, count as usize);
                !(ids.is_sorted_by(|a, b| a < b) && ids.last().is_none_or(|&last| (last as usize) < m))
            }
        });
        let Some(i) = unsound else { return Ok(()) };
        Err(Error::at("verify: candidates", "ascending, and neurons of the network, less than", Figure::Count(m), Figure::Nothing, i))
    }
}

multiversion! {
    fn query_entry<T: Float>(parts: Parts<'_, T>, w: MatRef<'_, T>, room: usize, first: usize, threshold: T, hot: usize,
        most: T, hits: &mut Hits<'_, T>) = query_body;
}

#[inline(always)]
fn query_body<T: Float, S: Simd<T>>(
    s: S,
    parts: Parts<'_, T>,
    w: MatRef<'_, T>,
    room: usize,
    first: usize,
    threshold: T,
    hot: usize,
    most: T,
    hits: &mut Hits<'_, T>,
) {
    let d = w.cols();
    let gamma = T::from_f64(4.0 * (d + 4) as f64 * T::EPSILON.to_f64());
    let hot = parts.hot.get(..hot).unwrap_or_default();
    for answer in 0..hits.queries() {
        let i = first + answer;
        let x = parts.samples.get(i * d..(i + 1) * d).unwrap_or_default();
        let count = parts.counts.get(i).map_or(0, |&count| count as usize);
        let length = parts.lengths.get(i).copied().unwrap_or(T::INFINITY);
        let asked = Question { parts: &parts, w, x, threshold, length, slack: gamma * length };
        if count > room {
            asked.everybody(s, answer, hits);
        } else {
            let ids = parts.ids.get(i * room..i * room + count).unwrap_or_default();
            let values = parts.values.get(i * room..i * room + count).unwrap_or_default();
            asked.listed(s, ids, values, hot, s.splat(most * length), answer, hits);
        }
        if hits.wants_values() {
            let (indices, values) = hits.unfilled(answer, 0);
            values::values_of(s, x, 1, indices, values, |r| asked.row(r));
        }
    }
}

/// Which neurons are above the threshold on a sample x?
struct Question<'a, T> {
    parts: &'a Parts<'a, T>,
    w: MatRef<'a, T>,
    x: &'a [T],
    threshold: T,
    /// The norm of x.
    length: T,
    /// A product is wrong by at most this times the norm of its row.
    slack: T,
}

impl<'a, T: Float> Question<'a, T> {
    #[inline(always)]
    fn row(&self, r: u32) -> &'a [T] {
        self.w.row(r as usize).unwrap_or_default()
    }

    /// The answer for one neuron, from its weights.
    #[inline(always)]
    fn fires<S: Simd<T>>(&self, s: S, r: u32) -> bool {
        decide(s, self.x, self.row(r), self.threshold, self.slack * self.parts.longest(r as usize))
    }

    /// The answer for a candidate whose value was z when its list was made.
    #[inline(always)]
    fn still_fires<S: Simd<T>>(&self, s: S, r: u32, z: T) -> bool {
        let moved = self.parts.drift.get(r as usize).copied().unwrap_or(T::INFINITY) * self.length;
        if z - moved > self.threshold {
            true
        } else if z + moved <= self.threshold {
            false
        } else {
            self.fires(s, r)
        }
    }

    /// A sample that has a list: its candidates, and the neurons that have moved far, which may not be among them.
    /// Nobody else's value has changed by more than `far`.
    #[inline(always)]
    fn listed<S: Simd<T>>(&self, s: S, ids: &[u32], values: &[T], hot: &[u32], far: S::V, answer: usize, hits: &mut Hits<'_, T>) {
        let mut hot = hot.iter().copied().peekable();
        let over = s.splat(self.threshold);
        for (ids, values) in ids.chunks(ENTRIES).zip(values.chunks(ENTRIES)) {
            // What nobody can have crossed who is not hot; those come by themselves.
            let (mut certain, mut possible, mut lane) = (0u64, 0u64, 0);
            for values in values.chunks(S::LANES) {
                let z = s.load_part(values);
                certain |= s.gt(s.sub(z, far), over) << lane;
                possible |= s.gt(s.add(z, far), over) << lane;
                lane += S::LANES;
            }
            let inside = low_bits(ids.len());
            let mut open = possible & !certain & inside;
            let mut fires = certain & inside;
            while open != 0 {
                let lane = open.trailing_zeros() as usize;
                open &= open - 1;
                let (Some(&r), Some(&z)) = (ids.get(lane), values.get(lane)) else { break };
                fires |= u64::from(self.still_fires(s, r, z)) << lane;
            }
            // Neurons that have moved far come in between, whether or not they were candidates.
            let mut done = 0;
            while let Some(far) = hot.next_if(|&far| ids.last().is_some_and(|&last| far <= last)) {
                let at = ids.partition_point(|&r| r < far);
                hits.put_some(s, answer, ids.get(done..at).unwrap_or_default(), fires >> done);
                hits.put_some(s, answer, &[far], self.fires(s, far).into());
                // Damaged bytes need not ascend.
                done = done.max(at + usize::from(ids.get(at) == Some(&far)));
            }
            hits.put_some(s, answer, ids.get(done..).unwrap_or_default(), fires.checked_shr(done as u32).unwrap_or_default());
        }
        for far in hot {
            hits.put_some(s, answer, &[far], self.fires(s, far).into());
        }
    }

    /// A sample that has no list: all neurons.
    #[inline(always)]
    fn everybody<S: Simd<T>>(&self, s: S, answer: usize, hits: &mut Hits<'_, T>) {
        let m = self.w.rows();
        for first in (0..m).step_by(TOGETHER) {
            // Behind the last one, the last again, for nothing.
            let (mut ids, mut rows, mut slacks) = ([0; TOGETHER], [&[][..]; TOGETHER], [T::ZERO; MOST_LANES]);
            for k in 0..TOGETHER {
                let r = (first + k).min(m - 1);
                ids[k] = r as u32;
                rows[k] = self.row(r as u32);
                slacks[k] = self.parts.longest(r) * self.slack;
            }
            let fires = scan::decide_rows::<T, S, TOGETHER>(s, self.x, &rows, self.threshold, &slacks);
            hits.put_some(s, answer, ids.get(..(m - first).min(TOGETHER)).unwrap_or_default(), fires.into());
        }
    }
}
