//! What an iteration does to its vectors, each of them read once.

use crate::blas::dot_body;
use crate::simd::{Float, Level, Simd};

/// Squared lengths after a step.
#[derive(Clone, Copy)]
pub(super) struct Norms<T> {
    pub r: T,
    pub p: T,
    pub x: T,
}

multiversion! {
    fn move_entry<T: Float>(alpha: T, p: &[T], q: &[T], x: &mut [T], r: &mut [T]) -> Norms<T> = move_body;
}

/// `x <- x + alpha p`, `r <- r - alpha q`, and how long all of them are; all of one length.
pub(super) fn move_along<T: Float>(level: Level, alpha: T, p: &[T], q: &[T], x: &mut [T], r: &mut [T]) -> Norms<T> {
    move_entry(level, alpha, p, q, x, r)
}

/// Two vectors of each are summed side by side: six chains, which hide the latency of an addition.
const CHAINS: usize = 2;

#[inline(always)]
fn move_body<T: Float, S: Simd<T>>(s: S, alpha: T, p: &[T], q: &[T], x: &mut [T], r: &mut [T]) -> Norms<T> {
    let (up, down) = (s.splat(alpha), s.splat(-alpha));
    let ((ps, p), (qs, q)) = (s.chunks(p), s.chunks(q));
    let ((xs, x), (rs, r)) = (s.chunks_mut(x), s.chunks_mut(r));
    let mut sums = [[s.splat(T::ZERO); 3]; CHAINS];
    let (p_pairs, p_rest) = ps.as_chunks::<CHAINS>();
    let (q_pairs, q_rest) = qs.as_chunks::<CHAINS>();
    let (x_pairs, x_rest) = xs.as_chunks_mut::<CHAINS>();
    let (r_pairs, r_rest) = rs.as_chunks_mut::<CHAINS>();
    for (((p, q), x), r) in p_pairs.iter().zip(q_pairs).zip(x_pairs).zip(r_pairs) {
        for i in 0..CHAINS {
            let pv = s.load(&p[i]);
            let xv = s.mul_add(up, pv, s.load(&x[i]));
            let rv = s.mul_add(down, s.load(&q[i]), s.load(&r[i]));
            s.store(&mut x[i], xv);
            s.store(&mut r[i], rv);
            sums[i] = [s.mul_add(rv, rv, sums[i][0]), s.mul_add(pv, pv, sums[i][1]), s.mul_add(xv, xv, sums[i][2])];
        }
    }
    for (((p, q), x), r) in p_rest.iter().zip(q_rest).zip(x_rest).zip(r_rest) {
        let pv = s.load(p);
        let xv = s.mul_add(up, pv, s.load(x));
        let rv = s.mul_add(down, s.load(q), s.load(r));
        s.store(x, xv);
        s.store(r, rv);
        sums[0] = [s.mul_add(rv, rv, sums[0][0]), s.mul_add(pv, pv, sums[0][1]), s.mul_add(xv, xv, sums[0][2])];
    }
    if !p.is_empty() {
        let pv = s.load_part(p);
        let xv = s.mul_add(up, pv, s.load_part(x));
        let rv = s.mul_add(down, s.load_part(q), s.load_part(r));
        s.store_part(x, xv);
        s.store_part(r, rv);
        sums[1] = [s.mul_add(rv, rv, sums[1][0]), s.mul_add(pv, pv, sums[1][1]), s.mul_add(xv, xv, sums[1][2])];
    }
    let total = |i: usize| s.sum(s.add(sums[0][i], sums[1][i]));
    Norms { r: total(0), p: total(1), x: total(2) }
}

multiversion! {
    fn inner_entry<T: Float>(x: &[T], y: &[T]) -> T = dot_body;
}

/// `<x, y>` of two vectors of one length.
pub(super) fn inner<T: Float>(level: Level, x: &[T], y: &[T]) -> f64 {
    inner_entry(level, x, y).to_f64()
}
