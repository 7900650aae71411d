//! The values of chosen rows: each a chain of its own, in the order of the definition.

use crate::simd::{Abreast, Float, MOST_LANES, Simd};

/// The values of rows, in the order of the definition, each a chain of its own. `row` gives the numbers of a neuron,
/// `step` apart.
#[inline(always)]
pub(crate) fn values_of<'a, T: Float, S: Simd<T>>(
    s: S,
    x: &[T],
    step: usize,
    indices: &[u32],
    values: &mut [T],
    row: impl Fn(u32) -> &'a [T],
) {
    if step != 1 || S::LANES == 1 {
        values_in_blocks(s, x, step, indices, values, row);
    } else if S::LANES > 4 {
        side_by_side::<T, S, 2>(s, x, indices, values, row);
    } else {
        // Short vectors, more of them, so that chains do not wait for themselves.
        side_by_side::<T, S, 4>(s, x, indices, values, row);
    }
}

/// As [`values_of`], of contiguous rows, a row in each lane of G vectors.
#[inline(always)]
fn side_by_side<'a, T: Float, S: Simd<T>, const G: usize>(s: S, x: &[T], indices: &[u32], values: &mut [T], row: impl Fn(u32) -> &'a [T]) {
    let mut at = 0;
    while at < indices.len() {
        let left = &indices[at..];
        // One vector for a few that are left.
        let taken = if G > 1 && left.len() > S::LANES {
            let some = &left[..left.len().min(G * S::LANES)];
            let sums = chains::<T, S, G>(s, x, some, &row);
            let mut from = at;
            for sum in sums {
                let to = values.get_mut(from..(from + S::LANES).min(at + some.len())).unwrap_or_default();
                s.store_part(to, sum);
                from += S::LANES;
            }
            some.len()
        } else {
            let some = &left[..left.len().min(S::LANES)];
            let [sum] = chains::<T, S, 1>(s, x, some, &row);
            s.store_part(values.get_mut(at..at + some.len()).unwrap_or_default(), sum);
            some.len()
        };
        at += taken;
    }
}

/// The values of up to G LANES rows; behind the last one, the first again, for nothing.
#[inline(always)]
fn chains<'a, T: Float, S: Simd<T>, const G: usize>(s: S, x: &[T], indices: &[u32], row: &impl Fn(u32) -> &'a [T]) -> [S::V; G] {
    let mut sums = [s.splat(T::ZERO); G];
    let first = row(indices.first().copied().unwrap_or_default());
    let Some(rows) = Abreast::new(first, x.len()) else { return sums };
    let mut groups = [rows; G];
    for (rows, indices) in groups.iter_mut().zip(indices.chunks(S::LANES)) {
        for (lane, &i) in indices.iter().enumerate() {
            rows.put(lane, row(i));
        }
    }
    let (eights, rest) = x.as_chunks::<8>();
    let mut k = 0;
    for x in eights {
        // As much at a time as there are registers for.
        if S::REGISTERS >= 32 {
            along::<T, S, 2, G>(s, x, &groups, k, &mut sums);
        } else {
            along::<T, S, 1, G>(s, &x[..4], &groups, k, &mut sums);
            along::<T, S, 1, G>(s, &x[4..], &groups, k + 4, &mut sums);
        }
        k += 8;
    }
    let (fours, tail) = rest.as_chunks::<4>();
    for x in fours {
        along::<T, S, 1, G>(s, x, &groups, k, &mut sums);
        k += 4;
    }
    for &x in tail {
        for (sum, rows) in sums.iter_mut().zip(&groups) {
            let mut column = [T::ZERO; MOST_LANES];
            for (row, to) in column.iter_mut().take(S::LANES).enumerate() {
                *to = rows.get(row, k).unwrap_or_default();
            }
            *sum = s.mul_add(s.splat(x), s.load_part(&column), *sum);
        }
        k += 1;
    }
    sums
}

/// `sum += x_0 row_k + x_1 row_(k+1) + ..`, 4 Q products in this order, of all groups in turns: each sum waits for its last.
#[inline(always)]
fn along<T: Float, S: Simd<T>, const Q: usize, const G: usize>(
    s: S,
    x: &[T],
    groups: &[Abreast<'_, T>; G],
    k: usize,
    sums: &mut [S::V; G],
) {
    let mut columns = [[[s.splat(T::ZERO); 4]; Q]; G];
    for (columns, rows) in columns.iter_mut().zip(groups) {
        *columns = s.turn::<Q>(rows, k);
    }
    for (j, &x) in x.iter().enumerate() {
        for (sum, columns) in sums.iter_mut().zip(&columns) {
            if let Some(&column) = columns.as_flattened().get(j) {
                *sum = s.mul_add(s.splat(x), column, *sum);
            }
        }
    }
}

/// Chains that are computed together, so that they do not wait for themselves.
const CHAINS: usize = 8;

/// As [`values_of`], one number at a time: of rows whose numbers lie apart, and where there are no vectors.
#[inline(always)]
fn values_in_blocks<'a, T: Float, S: Simd<T>>(s: S, x: &[T], step: usize, indices: &[u32], values: &mut [T], row: impl Fn(u32) -> &'a [T]) {
    for (indices, values) in indices.chunks(CHAINS).zip(values.chunks_mut(CHAINS)) {
        // Behind the last one, the first again, for nothing.
        let rows: [&[T]; CHAINS] = core::array::from_fn(|at| row(indices.get(at).or(indices.first()).copied().unwrap_or_default()));
        let mut sums = [T::ZERO; CHAINS];
        for (k, &x) in x.iter().enumerate() {
            for (sum, row) in sums.iter_mut().zip(&rows) {
                *sum = s.mul_add_one(x, row.get(k * step).copied().unwrap_or_default(), *sum);
            }
        }
        values.iter_mut().zip(sums).for_each(|(to, sum)| *to = sum);
    }
}
