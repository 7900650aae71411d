//! Large transforms and batches on the threads of rayon's pool.

use std::vec::Vec;

use rayon::prelude::*;

use super::{Order, Rows, Transform, batch, odd_part, order, rows, run_columns, run_pieces, schedule};
use crate::error::Error;
use crate::matrix::MatMut;
use crate::simd::{Element, Level};

/// Bytes below which a task is not worth its hand-over.
const TASK: usize = 64 << 10;

impl<T: Element> Transform<'_, T> {
    /// [`run`](Self::run) on the threads of rayon's pool: the same bits. (Feature `parallel`.)
    ///
    /// Blocks of the second-level cache's size are finished by one thread each; then columns are dealt out, in strips that
    /// are copied, transformed, and copied back. Allocates one strip per task; short transforms run on the calling thread.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_parallel(&self, level: Level, x: &mut [T]) -> Result<(), Error> {
        let n = x.len();
        let scale = self.check(n)?;
        let q = odd_part(n);
        let m = n / q;
        let outer = schedule::outer_len::<T>(m);
        if outer == n || size_of_val(x) < 4 * TASK {
            return self.run(level, x);
        }
        let signs = self.signs;
        x.par_chunks_mut(outer).enumerate().for_each(|(i, x)| {
            let rows = Rows { n: outer, count: 1, stride: outer, advance: 0 };
            batch(level, x, rows, None, signs, i * outer, None);
        });
        // What is left are the columns of n / outer rows.
        let count = n / outer;
        let width = (TASK / size_of::<T>() / count).max(64 / size_of::<T>());
        let mut strips: Vec<Vec<&mut [T]>> = Vec::new();
        strips.resize_with(outer.div_ceil(width), || Vec::with_capacity(count));
        for row in x.chunks_exact_mut(outer) {
            for (strip, piece) in strips.iter_mut().zip(row.chunks_mut(width)) {
                strip.push(piece);
            }
        }
        strips.into_par_iter().for_each_init(Vec::new, |copy: &mut Vec<T>, mut strip| {
            let width = strip[0].len();
            copy.clear();
            strip.iter().for_each(|piece| copy.extend_from_slice(piece));
            let below = m / outer;
            for piece in copy.chunks_exact_mut(below * width) {
                run_columns(level, piece, below, width, width, if q == 1 { scale } else { None });
            }
            if q > 1 {
                run_pieces(level, copy, q, below, width, width, scale);
            }
            for (piece, done) in strip.iter_mut().zip(copy.chunks_exact(width)) {
                piece.copy_from_slice(done);
            }
        });
        order::permute(self.order, n, |i, j| x.swap(i, j));
        Ok(())
    }

    /// [`rows`](Self::rows) on the threads of rayon's pool: the same bits. (Feature `parallel`.)
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    pub fn rows_parallel(&self, level: Level, mut x: MatMut<'_, T>) -> Result<(), Error> {
        let (count, n, stride) = (x.rows(), x.cols(), x.stride());
        let scale = self.check(n)?;
        let (signs, order) = (self.signs, self.order);
        let group = (TASK / size_of::<T>() / n).max(1);
        let end = if count == 0 { 0 } else { (count - 1) * stride + n };
        x.data()[..end].par_chunks_mut(group * stride).for_each(|x| {
            let here = x.len().div_ceil(stride);
            rows(level, x, here, n, stride, None, signs, scale);
            if order != Order::Natural {
                for row in x.chunks_mut(stride) {
                    order::permute(order, n, |i, j| row.swap(i, j));
                }
            }
        });
        Ok(())
    }
}
