//! The triangular factor of tall matrices: by Householder reflections, blocked, and by the Cholesky factor of A^T A.
//!
//! A matrix is handed over by its columns (row j of the argument is column j of A), as sketches write them: then a
//! reflector lies in line, where it was found.

use super::cholesky::{Definite, cholesky, cholesky_scratch_len};
use super::gemm::{gemm, gemm_scratch_len, syrk, syrk_scratch_len};
use super::triangular::{panel_scratch_len, right_solve_entry};
use super::vector::{axpy_body, dot_body, max_abs};
use crate::error::{Error, expect_length};
use crate::matrix::{MatMut, MatRef};
use crate::scratch::{all_of, any_of, area, copy, part, part_mut, take};
use crate::simd::{Float, Level, Simd};

/// Columns whose reflections reach the columns right of them as one matrix product.
const BLOCK: usize = 64;
/// Columns of a block that are reflected one by one; those right of them in the block get them as one product too. As
/// wide as the widest panel of a product: a narrower one fills half a tile.
const PANEL: usize = 32;

/// Scratch of [`qr`], in elements: a block's corner of R and its triangle, its products with the other columns, and
/// room to multiply.
///
/// ```
/// assert!(subquad::blas::qr_scratch_len(10_000, 1000) < 10_000 * 1000);
/// ```
pub const fn qr_scratch_len(rows: usize, cols: usize) -> usize {
    all_of(&[
        area(BLOCK, BLOCK),
        BLOCK,
        area(BLOCK, BLOCK),
        area(cols, BLOCK),
        any_of(&[
            syrk_scratch_len(BLOCK, rows),
            gemm_scratch_len(cols, BLOCK, rows),
            gemm_scratch_len(cols, rows, BLOCK),
            panel_scratch_len(BLOCK),
        ]),
    ])
}

/// `A = Q R`: finds R, and forgets Q.
///
/// # Shapes
/// A s x n, given by its columns: row j of `columns` (n x s) is column j of A. Overwrites the lower triangle of
/// `columns` by R^T: R\[i]\[j] is entry (j, i), for i <= j and i < s. What stands right of the diagonal is meaningless
/// afterwards. With s >= n, `columns.as_ref().col_range(0, n)` is the factor L of `A^T A = L L^T` that
/// [`cholesky_solve`](super::cholesky_solve) takes, up to the signs of its columns.
///
/// # Errors
/// [`Error::TooShort`] if scratch is less than [`qr_scratch_len`]`(s, n)`.
///
/// # Numerics
/// Backward stable, column by column: R is the exact factor of a matrix whose columns are off by at most a small
/// multiple of `s n eps` of their norm, whatever their scale. Diagonal entries have either sign. A column that depends
/// on those before it leaves about `eps` of its norm on the diagonal; one of zeros leaves zero.
///
/// # Cost
/// 2 n^2 (s - n / 3) flops, nearly all of them in [`gemm`].
///
/// # Source
/// Householder 1958; blocks as in Puglisi, *Modification of the Householder method based on the compact WY
/// representation*, 1992: `H_1 .. H_k = I - V T V^T` where `T^-1` is the upper triangle of `V^T V`, its diagonal halved.
///
/// ```
/// use subquad::{Level, MatMut, blas};
///
/// // A has the columns (3, 4) and (1, 1).
/// let mut columns = [3.0f64, 4.0, 1.0, 1.0];
/// let mut scratch = vec![0.0; blas::qr_scratch_len(2, 2)];
/// blas::qr(Level::detect(), MatMut::new(&mut columns, 2, 2)?, &mut scratch)?;
/// assert!((columns[0].abs() - 5.0).abs() < 1e-14);
/// assert!((columns[2] * columns[0] - 7.0).abs() < 1e-14, "R^T R = A^T A");
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn qr<T: Float>(level: Level, mut columns: MatMut<'_, T>, scratch: &mut [T]) -> Result<(), Error> {
    let (n, s) = (columns.rows(), columns.cols());
    let (scratch, _) = take(scratch, qr_scratch_len(s, n))?;
    let (corner, scratch) = take(scratch, BLOCK * BLOCK)?;
    let (diagonal, scratch) = take(scratch, BLOCK)?;
    let steps = n.min(s);
    let mut from = 0;
    while from < steps {
        let block = BLOCK.min(steps - from);
        let (mut these, others) = columns.reborrow().block(from, from, n, s).split_rows(block);
        let mut done = 0;
        while done < block {
            let some = PANEL.min(block - done);
            let (mut panel, rest) = these.reborrow().block(done, done, block, s).split_rows(some);
            reflect_entry(level, panel.reborrow(), diagonal.get_mut(done..).unwrap_or_default());
            if rest.rows() > 0 {
                lift(&mut panel, corner);
                apply(level, panel.as_ref(), rest, scratch)?;
                put_back(&mut panel, corner);
            }
            done += some;
        }
        if others.rows() > 0 {
            lift(&mut these, corner);
            apply(level, these.as_ref(), others, scratch)?;
            put_back(&mut these, corner);
        }
        for (j, &x) in diagonal.iter().take(block).enumerate() {
            if let Some(to) = these.row(j).and_then(|row| row.get_mut(j)) {
                *to = x;
            }
        }
        from += block;
    }
    Ok(())
}

multiversion! {
    fn reflect_entry<T: Float>(panel: MatMut<'_, T>, diagonal: &mut [T]) = reflect;
}

/// Reflects column after column, and the later ones of the panel with each: row j holds R before its j-th entry, its
/// reflector from there on. R's diagonal goes aside.
#[inline(always)]
fn reflect<T: Float, S: Simd<T>>(s: S, mut panel: MatMut<'_, T>, diagonal: &mut [T]) {
    for (j, diagonal) in diagonal.iter_mut().enumerate().take(panel.rows()) {
        let (mut this, mut later) = panel.reborrow().block(j, j, usize::MAX, usize::MAX).split_rows(1);
        let Some(v) = this.row(0) else { return };
        // So that no square over- or underflows.
        let size = max_abs(v);
        *diagonal = T::ZERO;
        if size == T::ZERO {
            continue;
        }
        v.iter_mut().for_each(|x| *x /= size);
        let norm = dot_body(s, v, v).sqrt();
        let Some(first) = v.first_mut() else { return };
        let signed = if *first < T::ZERO { -norm } else { norm };
        *first += signed;
        *diagonal = -(signed * size);
        // 2 / |v|^2
        let factor = T::ONE / (signed * *first);
        for l in 0..later.rows() {
            if let Some(row) = later.row(l) {
                let by = -(factor * dot_body(s, v, row));
                axpy_body(s, by, v, row);
            }
        }
    }
}

/// Puts the entries before the reflectors aside and zeros in their place, where products want them.
fn lift<T: Float>(panel: &mut MatMut<'_, T>, corner: &mut [T]) {
    for j in 0..panel.rows() {
        let row = part_mut(panel.row(j).unwrap_or_default(), 0, j);
        copy(row, part_mut(corner, j * BLOCK, j));
        row.fill(T::ZERO);
    }
}

fn put_back<T: Float>(panel: &mut MatMut<'_, T>, corner: &[T]) {
    for j in 0..panel.rows() {
        copy(part(corner, j * BLOCK, j), part_mut(panel.row(j).unwrap_or_default(), 0, j));
    }
}

/// Reflects the columns in `others` by all reflectors in the rows of `v`, the first one first:
/// `C <- C - ((C V^T) L^-T) V`, where L is the lower triangle of `V V^T` with its diagonal halved.
fn apply<T: Float>(level: Level, v: MatRef<'_, T>, mut others: MatMut<'_, T>, scratch: &mut [T]) -> Result<(), Error> {
    let (k, n) = (v.rows(), others.rows());
    let (l, scratch) = take(scratch, BLOCK * BLOCK)?;
    let (w, scratch) = take(scratch, area(n, k))?;
    let mut l = MatMut::with_stride(l, k, k, BLOCK)?;
    syrk(level, T::ONE, v, T::ZERO, l.reborrow(), scratch)?;
    for j in 0..k {
        if let Some(x) = l.row(j).and_then(|row| row.get_mut(j)) {
            // A reflector of zeros reflects nothing; its row and column of L are zeros too.
            *x = if *x == T::ZERO { T::ONE } else { T::from_f64(0.5) * *x };
        }
    }
    gemm(level, T::ONE, others.as_ref(), v.t(), T::ZERO, MatMut::new(w, n, k)?, scratch)?;
    right_solve_entry(level, l.as_ref(), MatMut::new(w, n, k)?, &mut [], scratch);
    gemm(level, -T::ONE, MatRef::new(w, n, k)?, v, T::ONE, others.reborrow(), scratch)
}

/// Rows of A whose f64 copies are multiplied at once.
const DEPTH: usize = 256;
/// What [`cholesky_qr`] adds to the diagonal, in units of the trace.
const JITTER: f64 = 1e-12;

/// Scratch of [`cholesky_qr`], in f64 elements: A^T A, some rows of A, and room for their product and its factor.
///
/// ```
/// // Never grows with the rows of A.
/// assert_eq!(subquad::blas::cholesky_qr_scratch_len(10_000, 50), subquad::blas::cholesky_qr_scratch_len(100, 50));
/// ```
pub const fn cholesky_qr_scratch_len(_rows: usize, cols: usize) -> usize {
    all_of(&[area(cols, cols), area(cols, DEPTH), any_of(&[syrk_scratch_len(cols, DEPTH), cholesky_scratch_len(cols)])])
}

/// `A^T A + 1e-12 trace(A^T A) I = R^T R`, all in f64: half the work of [`qr`], for matrices that are not nearly
/// singular.
///
/// # Shapes
/// A s x n by its columns, as in [`qr`]: `columns` is n x s, with any strides. R^T goes to the lower triangle of `out`,
/// n x n; above the diagonal nothing is written.
///
/// # Errors
/// [`Error::Length`] where shapes disagree, [`Error::TooShort`] if scratch is less than
/// [`cholesky_qr_scratch_len`]`(s, n)`. A matrix of zeros, or one with a NaN, is not an error but the report
/// [`Definite::No`]; then `out` is left alone.
///
/// # Numerics
/// The square of A's condition number meets f64's precision: R is good to about `1e-16 cond^2`, and singular values
/// below 1e-6 of the largest are drowned in the jitter, which in turn makes every matrix but zero definite. The
/// diagonal is positive.
///
/// # Cost
/// n^2 s flops, and n^3 / 3.
///
/// # Source
/// Yamamoto et al., *Roundoff error analysis of the CholeskyQR2 algorithm*, 2015.
///
/// ```
/// use subquad::{Level, MatMut, MatRef, blas::{self, Definite}};
///
/// // A has the columns (3, 4) and (1, 1).
/// let columns = [3.0f32, 4.0, 1.0, 1.0];
/// let mut r = [0.0; 4];
/// let mut scratch = vec![0.0; blas::cholesky_qr_scratch_len(2, 2)];
/// let found = blas::cholesky_qr(Level::detect(), MatRef::new(&columns, 2, 2)?, MatMut::new(&mut r, 2, 2)?, &mut scratch)?;
/// assert_eq!((found, r[0], r[2]), (Definite::Yes, 5.0, 1.4));
/// # Ok::<(), subquad::Error>(())
/// ```
pub fn cholesky_qr<T: Float>(level: Level, columns: MatRef<'_, T>, mut out: MatMut<'_, T>, scratch: &mut [f64]) -> Result<Definite, Error> {
    let (n, s) = (columns.rows(), columns.cols());
    expect_length("cholesky_qr: rows of R", n, out.rows())?;
    expect_length("cholesky_qr: columns of R", n, out.cols())?;
    let (scratch, _) = take(scratch, cholesky_qr_scratch_len(s, n))?;
    let (gram, scratch) = take(scratch, area(n, n))?;
    let (copy, scratch) = take(scratch, area(n, DEPTH))?;
    gram.fill(0.0);
    // Without columns there is nothing to sum, however long they are.
    let s = if n == 0 { 0 } else { s };
    for from in (0..s).step_by(DEPTH) {
        let some = columns.col_range(from, DEPTH);
        let copy = copy.get_mut(..n * some.cols()).unwrap_or_default();
        for (i, row) in copy.chunks_exact_mut(some.cols().max(1)).enumerate() {
            for (k, to) in row.iter_mut().enumerate() {
                *to = some.get(i, k).unwrap_or(T::ZERO).to_f64();
            }
        }
        syrk(level, 1.0, MatRef::new(copy, n, some.cols())?, 1.0, MatMut::new(gram, n, n)?, scratch)?;
    }
    let next = n.saturating_add(1);
    let trace: f64 = gram.iter().step_by(next).sum();
    gram.iter_mut().step_by(next).for_each(|x| *x += JITTER * trace);
    let found = cholesky(level, MatMut::new(gram, n, n)?, scratch)?;
    if found == Definite::Yes {
        for (i, row) in gram.chunks_exact(n.max(1)).enumerate() {
            if let Some(to) = out.row(i) {
                to.iter_mut().zip(row).take(i + 1).for_each(|(to, &x)| *to = T::from_f64(x));
            }
        }
    }
    Ok(found)
}
