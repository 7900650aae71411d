//! The same products where few neurons fire: entry by entry of the pattern, nothing for those that are silent.
//!
//! Neurons are taken a word of the pattern at a time: their 64 rows of weights or gradients stay in the first-level
//! cache while all samples pass, and each sample's word is walked bit by bit. An entry costs 2 (d + C) flops, a word
//! the branch that ends its walk.

use super::normaliser;
use crate::blas::{axpy_body, dot_body};
use crate::matrix::{MatMut, MatRef};
use crate::relu::pattern::PatternRef;
use crate::scratch::{all_of, area};
use crate::simd::{Float, Level, Simd};

/// Neurons of a word.
const WORD: usize = 64;

/// Output weights of a neuron, filled up to whole vectors.
const fn padded(c: usize) -> usize {
    if c == 1 { 1 } else { c.div_ceil(16).saturating_mul(16) }
}

/// Scratch of all three: a word's gradients and output weights, one sample's sums.
pub(super) const fn scratch_len(d: usize, c: usize) -> usize {
    all_of(&[area(WORD, d), area(WORD + 1, padded(c))])
}

/// Whether entry by entry is faster than all neurons: from the share that fires, and what an entry costs against a
/// register tile.
///
/// Measured at n = 1024, m = 16384 on AVX-512, f32 (percent of neurons firing at which both take the same time; the
/// product's is between): C = 1: d = 16: ..; the line below stays under all of them.
pub(super) fn pays<T: Float>(level: Level, x: MatRef<'_, T>, c: usize, pattern: PatternRef<'_>) -> bool {
    if x.col_stride() != 1 || pattern.neurons() < WORD {
        return false;
    }
    let entries = pattern.samples() as u64 * pattern.neurons() as u64;
    // An entry's own work shrinks with the vectors; what surrounds it does not.
    let (d, c) = (x.cols() as u64, c as u64);
    let fired = pattern.count(level);
    fired.saturating_mul(ENTRY + 2 * d + 4 * c) < entries.saturating_mul(d + c)
}

/// What surrounds an entry's multiply-adds, in multiply-adds of a tile.
const ENTRY: u64 = 128;

multiversion! {
    pub(super) fn jvp_entry<T: Float>(x: MatRef<'_, T>, a: MatRef<'_, T>, pattern: PatternRef<'_>, v: MatRef<'_, T>,
        out: MatMut<'_, T>, scratch: &mut [T]) = jvp_body;
}
multiversion! {
    pub(super) fn vjp_entry<T: Float>(x: MatRef<'_, T>, a: MatRef<'_, T>, pattern: PatternRef<'_>, u: MatRef<'_, T>, first: usize,
        out: MatMut<'_, T>, scratch: &mut [T]) = vjp_body;
}
multiversion! {
    pub(super) fn gram_product_entry<T: Float>(x: MatRef<'_, T>, a: MatRef<'_, T>, pattern: PatternRef<'_>, u: MatRef<'_, T>,
        out: MatMut<'_, T>, scratch: &mut [T]) = gram_product_body;
}

/// `to[r][c] = m^(-1/2) A[c][first + r]` for a word's neurons, zeros behind the last output.
#[inline(always)]
fn pack_outputs<T: Float>(a: MatRef<'_, T>, first: usize, to: &mut [T]) {
    let scale: T = normaliser(a.cols());
    for (r, to) in to.chunks_exact_mut(padded(a.rows())).take(WORD).enumerate() {
        for (c, to) in to.iter_mut().enumerate() {
            *to = scale * a.get(c, first + r).unwrap_or(T::ZERO);
        }
    }
}

/// `F[i] += sum_r (<x_i, v_r>) a_r` over a word's neurons that fire.
#[inline(always)]
fn outputs_of_word<T: Float, S: Simd<T>>(
    s: S,
    x: MatRef<'_, T>,
    pattern: PatternRef<'_>,
    word: usize,
    v: MatRef<'_, T>,
    weights: &[T],
    sums: &mut [T],
    out: &mut MatMut<'_, T>,
) {
    let wide = sums.len();
    for i in 0..x.rows() {
        let mut bits = pattern.sample(i).get(word).copied().unwrap_or(0);
        if bits == 0 {
            continue;
        }
        let (Some(row), Some(to)) = (x.row(i), out.row(i)) else { continue };
        if let [to] = to {
            let mut sum = *to;
            while bits != 0 {
                let r = bits.trailing_zeros() as usize;
                bits &= bits - 1;
                if let (Some(v), Some(&weight)) = (v.row(r), weights.get(r)) {
                    sum = s.mul_add_one(dot_body(s, row, v), weight, sum);
                }
            }
            *to = sum;
            continue;
        }
        sums.fill(T::ZERO);
        while bits != 0 {
            let r = bits.trailing_zeros() as usize;
            bits &= bits - 1;
            if let (Some(v), Some(weights)) = (v.row(r), weights.get(r * wide..(r + 1) * wide)) {
                axpy_body(s, dot_body(s, row, v), weights, sums);
            }
        }
        to.iter_mut().zip(sums.iter()).for_each(|(to, &sum)| *to += sum);
    }
}

/// `G[r] += (u_i . a_r) x_i` over a word's neurons that fire: each number one chain over the samples, in order.
#[inline(always)]
fn gradients_of_word<T: Float, S: Simd<T>>(
    s: S,
    x: MatRef<'_, T>,
    pattern: PatternRef<'_>,
    word: usize,
    u: MatRef<'_, T>,
    weights: &[T],
    g: &mut MatMut<'_, T>,
) {
    let wide = padded(u.cols());
    for i in 0..x.rows() {
        let mut bits = pattern.sample(i).get(word).copied().unwrap_or(0);
        if bits == 0 {
            continue;
        }
        let (Some(row), Some(u)) = (x.row(i), u.row(i)) else { continue };
        while bits != 0 {
            let r = bits.trailing_zeros() as usize;
            bits &= bits - 1;
            if let (Some(g), Some(weights)) = (g.row(r), weights.get(r * wide..(r + 1) * wide)) {
                let masked = u.iter().zip(weights).fold(T::ZERO, |sum, (&u, &weight)| s.mul_add_one(u, weight, sum));
                axpy_body(s, masked, row, g);
            }
        }
    }
}

#[inline(always)]
fn jvp_body<T: Float, S: Simd<T>>(
    s: S,
    x: MatRef<'_, T>,
    a: MatRef<'_, T>,
    pattern: PatternRef<'_>,
    v: MatRef<'_, T>,
    mut out: MatMut<'_, T>,
    scratch: &mut [T],
) {
    let (sums, weights) = scratch.split_at_mut(padded(a.rows()));
    for word in 0..v.rows().div_ceil(WORD) {
        pack_outputs(a, word * WORD, weights);
        outputs_of_word(s, x, pattern, word, v.row_range(word * WORD, WORD), weights, sums, &mut out);
    }
}

#[inline(always)]
fn vjp_body<T: Float, S: Simd<T>>(
    s: S,
    x: MatRef<'_, T>,
    a: MatRef<'_, T>,
    pattern: PatternRef<'_>,
    u: MatRef<'_, T>,
    first: usize,
    mut out: MatMut<'_, T>,
    scratch: &mut [T],
) {
    for word in 0..out.rows().div_ceil(WORD) {
        let mut g = out.reborrow().block(word * WORD, 0, WORD, usize::MAX);
        for r in 0..g.rows() {
            g.row(r).into_iter().for_each(|row| row.fill(T::ZERO));
        }
        pack_outputs(a, first + word * WORD, scratch);
        gradients_of_word(s, x, pattern, first / WORD + word, u, scratch, &mut g);
    }
}

#[inline(always)]
fn gram_product_body<T: Float, S: Simd<T>>(
    s: S,
    x: MatRef<'_, T>,
    a: MatRef<'_, T>,
    pattern: PatternRef<'_>,
    u: MatRef<'_, T>,
    mut out: MatMut<'_, T>,
    scratch: &mut [T],
) {
    let d = x.cols();
    let (g, scratch) = scratch.split_at_mut(WORD * d);
    let (sums, weights) = scratch.split_at_mut(padded(a.rows()));
    for word in 0..a.cols().div_ceil(WORD) {
        g.fill(T::ZERO);
        pack_outputs(a, word * WORD, weights);
        if let Ok(mut g) = MatMut::new(g, WORD, d) {
            gradients_of_word(s, x, pattern, word, u, weights, &mut g);
            outputs_of_word(s, x, pattern, word, g.as_ref(), weights, sums, &mut out);
        }
    }
}
