//! The network's products over several threads, with the same bits for any number of them.
//!
//! Every output row of a forward pass, and every weight's gradient, is one chain of additions that no other row takes
//! part in. So samples are shared out in the one case and neurons in the other, and who computes what does not show in
//! the result. Only the fused product with the Gram matrix adds over neurons for all samples: several threads take it
//! apart into its two halves, which add in the same order.

use super::settings::Builder;
use super::tangents::grow;
use crate::relu::{PatternMut, PatternRef, pattern, two_layer};
use crate::{Error, Level, MatMut, MatRef};

/// How the products of a run are computed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kernels {
    pub level: Level,
    pub threads: usize,
}

/// Runs every part, on as many threads as there are to be had.
#[cfg(feature = "parallel")]
pub(super) fn each<T: Send>(parts: impl Iterator<Item = T>, run: impl Fn(T) -> Result<(), Error> + Sync + Send) -> Result<(), Error> {
    use rayon::iter::{IntoParallelIterator, ParallelIterator};
    let parts: Vec<T> = parts.collect();
    match parts.len() {
        0 | 1 => parts.into_iter().try_for_each(run),
        _ => parts.into_par_iter().try_for_each(run),
    }
}

/// Runs every part, one after the other.
#[cfg(not(feature = "parallel"))]
pub(super) fn each<T: Send>(mut parts: impl Iterator<Item = T>, run: impl Fn(T) -> Result<(), Error> + Sync + Send) -> Result<(), Error> {
    parts.try_for_each(run)
}

impl Kernels {
    pub fn new(settings: &Builder) -> Self {
        Self { level: settings.level, threads: settings.threads() }
    }

    /// Rows of a part, a multiple of `unit`: none is left without work where there is enough of it.
    pub fn share(self, rows: usize, unit: usize) -> usize {
        rows.div_ceil(self.threads).div_ceil(unit).max(1) * unit
    }

    /// F of X, and which neurons fire, one bit each, where that is wanted.
    pub fn forward(
        self,
        x: MatRef<'_, f32>,
        w: MatRef<'_, f32>,
        a: MatRef<'_, f32>,
        shift: f32,
        bits: Option<&mut [u64]>,
        f: &mut [f32],
        scratch: &mut Vec<f32>,
    ) -> Result<(), Error> {
        let (n, d, m, c) = (x.rows(), x.cols(), w.rows(), a.rows());
        let (rows, words, len) = (self.share(n, 8), pattern::words_per_sample(m), two_layer::forward_scratch_len(d, m, c));
        grow(scratch, len * n.div_ceil(rows));
        let mut none: [u64; 0] = [];
        let (wanted, bits) = match bits {
            Some(bits) => (true, bits),
            None => (false, &mut none[..]),
        };
        let mut bits = bits.chunks_mut((rows * words).max(1));
        let parts = f.chunks_mut((rows * c).max(1)).zip(scratch.chunks_mut(len.max(1))).enumerate();
        let parts = parts.map(|(at, (f, scratch))| (at, bits.next().unwrap_or_default(), f, scratch));
        each(parts, |(at, bits, f, scratch)| {
            let x = x.row_range(at * rows, rows);
            let pattern = if wanted { Some(PatternMut::new(bits, x.rows(), m)?) } else { None };
            two_layer::forward(self.level, x, w, a, shift, pattern, MatMut::new(f, x.rows(), c)?, scratch)
        })
    }

    /// J V
    pub fn jvp(
        self,
        x: MatRef<'_, f32>,
        a: MatRef<'_, f32>,
        pattern: PatternRef<'_>,
        v: MatRef<'_, f32>,
        out: &mut [f32],
        scratch: &mut Vec<f32>,
    ) -> Result<(), Error> {
        grow(scratch, self.jvp_scratch_len(x, a));
        self.jvp_in(x, a, pattern, v, out, scratch)
    }

    fn jvp_scratch_len(self, x: MatRef<'_, f32>, a: MatRef<'_, f32>) -> usize {
        two_layer::jvp_scratch_len(x.cols(), a.cols(), a.rows()) * x.rows().div_ceil(self.share(x.rows(), 8))
    }

    fn jvp_in(
        self,
        x: MatRef<'_, f32>,
        a: MatRef<'_, f32>,
        pattern: PatternRef<'_>,
        v: MatRef<'_, f32>,
        out: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        let (m, c) = (a.cols(), a.rows());
        let (rows, words) = (self.share(x.rows(), 8), pattern::words_per_sample(m));
        let len = two_layer::jvp_scratch_len(x.cols(), m, c);
        let by_entries = two_layer::by_entries(self.level, x, c, pattern);
        let parts = out.chunks_mut((rows * c).max(1)).zip(pattern.words().chunks((rows * words).max(1)));
        each(parts.zip(scratch.chunks_mut(len.max(1))).enumerate(), |(at, ((out, words), scratch))| {
            let x = x.row_range(at * rows, rows);
            let pattern = PatternRef::new(words, x.rows(), m)?;
            two_layer::jvp_of_part(self.level, x, a, pattern, v, by_entries, MatMut::new(out, x.rows(), c)?, scratch)
        })
    }

    /// J^T U, m x d.
    pub fn vjp(
        self,
        x: MatRef<'_, f32>,
        a: MatRef<'_, f32>,
        pattern: PatternRef<'_>,
        u: MatRef<'_, f32>,
        out: &mut [f32],
        scratch: &mut Vec<f32>,
    ) -> Result<(), Error> {
        grow(scratch, self.vjp_scratch_len(x, a));
        self.vjp_in(x, a, pattern, u, out, scratch)
    }

    fn vjp_scratch_len(self, x: MatRef<'_, f32>, a: MatRef<'_, f32>) -> usize {
        two_layer::vjp_scratch_len(x.cols(), a.cols(), a.rows()) * a.cols().div_ceil(self.share(a.cols(), 64))
    }

    fn vjp_in(
        self,
        x: MatRef<'_, f32>,
        a: MatRef<'_, f32>,
        pattern: PatternRef<'_>,
        u: MatRef<'_, f32>,
        out: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        let (d, m) = (x.cols(), a.cols());
        let (rows, len) = (self.share(m, 64), two_layer::vjp_scratch_len(d, m, a.rows()));
        each(out.chunks_mut((rows * d).max(1)).zip(scratch.chunks_mut(len.max(1))).enumerate(), |(at, (out, scratch))| {
            let k = out.len() / d.max(1);
            two_layer::vjp_rows(self.level, x, a, pattern, u, at * rows, MatMut::new(out, k, d)?, scratch)
        })
    }

    /// Scratch of [`gram_product`](Self::gram_product).
    pub fn gram_product_scratch_len(self, x: MatRef<'_, f32>, a: MatRef<'_, f32>) -> usize {
        if self.threads < 2 {
            return two_layer::gram_product_scratch_len(x.cols(), a.cols(), a.rows());
        }
        a.cols() * x.cols() + self.vjp_scratch_len(x, a).max(self.jvp_scratch_len(x, a))
    }

    /// J J^T U
    pub fn gram_product(
        self,
        x: MatRef<'_, f32>,
        a: MatRef<'_, f32>,
        pattern: PatternRef<'_>,
        u: MatRef<'_, f32>,
        out: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        let (n, d, m, c) = (x.rows(), x.cols(), a.cols(), a.rows());
        if self.threads < 2 {
            return two_layer::gram_product(self.level, x, a, pattern, u, MatMut::new(out, n, c)?, scratch);
        }
        let (gradient, scratch) = crate::scratch::take(scratch, m * d)?;
        self.vjp_in(x, a, pattern, u, gradient, scratch)?;
        self.jvp_in(x, a, pattern, MatRef::new(gradient, m, d)?, out, scratch)
    }
}
