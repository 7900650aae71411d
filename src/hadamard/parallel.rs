//! Large transforms and batches on the threads of rayon's pool.

use std::vec::Vec;

use rayon::prelude::*;

use super::{Order, Rows, Signs, Transform, batch, odd_part, order, rows, run_columns, run_pieces, schedule};
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
    ///
    /// ```
    /// use subquad::{Level, hadamard::Transform};
    ///
    /// let mut x = vec![1i32; 1 << 18];
    /// Transform::new().run_parallel(Level::detect(), &mut x)?;
    /// assert_eq!((x[0], x[1]), (1 << 18, 0));
    /// # Ok::<(), subquad::Error>(())
    /// ```
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
        let below = m / outer;
        strips(x, n / outer, outer, outer, |x, width| {
            for piece in x.chunks_exact_mut(below * width) {
                run_columns(level, piece, below, width, width, Signs::None, 0, if q == 1 { scale } else { None });
            }
            if q > 1 {
                run_pieces(level, x, q, below, width, width, scale);
            }
        });
        order::permute(self.order, n, |i, j| x.swap(i, j));
        Ok(())
    }

    /// [`rows`](Self::rows) on the threads of rayon's pool: the same bits. (Feature `parallel`.)
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    ///
    /// ```
    /// use subquad::{Level, MatMut, hadamard::Transform};
    ///
    /// let mut x = vec![1i32; 1000 * 256];
    /// Transform::new().rows_parallel(Level::detect(), MatMut::new(&mut x, 1000, 256)?)?;
    /// assert_eq!(x[999 * 256..][..2], [256, 0]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
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

    /// [`columns`](Self::columns) on the threads of rayon's pool: the same bits. (Feature `parallel`.)
    ///
    /// Columns are dealt out in strips that are copied, transformed, and copied back. Allocates one strip per task.
    ///
    /// # Errors
    /// As [`columns`](Self::columns).
    ///
    /// ```
    /// use subquad::{Level, MatMut, hadamard::Transform};
    ///
    /// let mut x = vec![1i32; 256 * 1000];
    /// Transform::new().columns_parallel(Level::detect(), MatMut::new(&mut x, 256, 1000)?)?;
    /// assert_eq!((x[999], x[1999]), (256, 0));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn columns_parallel(&self, level: Level, mut x: MatMut<'_, T>) -> Result<(), Error> {
        let (n, width, stride) = (x.rows(), x.cols(), x.stride());
        self.check(n)?;
        if n == 1 || n * width * size_of::<T>() < 4 * TASK {
            return self.columns(level, x);
        }
        let end = (n - 1) * stride + width;
        strips(&mut x.data()[..end], n, width, stride, |x, width| {
            // The length was checked above, and a strip is a matrix: nothing is left to go wrong.
            if let Ok(strip) = MatMut::new(x, n, width) {
                let done = self.columns(level, strip);
                debug_assert!(done.is_ok());
            }
        });
        Ok(())
    }
}

/// Does `work` on all columns of a matrix of `count` rows, `stride` apart, in strips without gaps, of a width that it is told.
fn strips<T: Element>(x: &mut [T], count: usize, width: usize, stride: usize, work: impl Fn(&mut [T], usize) + Sync) {
    let strip = (TASK / size_of::<T>() / count).max(64 / size_of::<T>());
    let mut strips: Vec<Vec<&mut [T]>> = Vec::new();
    strips.resize_with(width.div_ceil(strip), || Vec::with_capacity(count));
    for row in x.chunks_mut(stride) {
        for (strip, piece) in strips.iter_mut().zip(row[..width].chunks_mut(strip)) {
            strip.push(piece);
        }
    }
    strips.into_par_iter().for_each_init(Vec::new, |copy: &mut Vec<T>, mut strip| {
        let width = strip[0].len();
        copy.clear();
        strip.iter().for_each(|piece| copy.extend_from_slice(piece));
        work(copy, width);
        for (piece, done) in strip.iter_mut().zip(copy.chunks_exact(width)) {
            piece.copy_from_slice(done);
        }
    });
}
