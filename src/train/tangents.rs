//! What a Gauss-Newton step solves: the damped Gram matrix of all outputs' tangents, and its preconditioner.

use std::cell::{Cell, RefCell};

use super::kernels::{Kernels, each};
use crate::blas::{self, Definite};
use crate::cg::{LinearOperator, Preconditioner};
use crate::relu::{FiredRef, PatternRef, fired, gram};
use crate::{Error, Level, MatMut, MatRef};

/// `K + damping I` for all n C outputs, as a product.
pub(super) struct Tangents<'a> {
    pub kernels: Kernels,
    pub x: MatRef<'a, f32>,
    pub a: MatRef<'a, f32>,
    pub pattern: PatternRef<'a>,
    /// Who fires, as lists, where few do: then the product is done by them.
    pub lists: Option<FiredRef<'a, f32>>,
    pub damping: f32,
    /// Told before every product how many went before it.
    pub progress: RefCell<&'a mut dyn FnMut(usize)>,
    pub products: Cell<usize>,
}

impl LinearOperator<f32> for Tangents<'_> {
    fn dim(&self) -> usize {
        self.x.rows() * self.a.rows()
    }

    fn scratch_len(&self) -> usize {
        match self.lists {
            Some(_) => listed_scratch_len(self.x, self.a),
            None => self.kernels.gram_product_scratch_len(self.x, self.a),
        }
    }

    fn apply(&self, level: Level, u: &[f32], out: &mut [f32], scratch: &mut [f32]) -> Result<(), Error> {
        (self.progress.borrow_mut())(self.products.get());
        self.products.set(self.products.get() + 1);
        let matrix = MatRef::new(u, self.x.rows(), self.a.rows())?;
        match self.lists {
            Some(lists) => listed_product(level, self.x, self.a, lists, matrix, out, scratch)?,
            None => self.kernels.gram_product(self.x, self.a, self.pattern, matrix, out, scratch)?,
        }
        blas::axpy(level, self.damping, u, out)
    }
}

/// Parts of the neurons whose contributions are added up in order: fixed, so that threads do not show.
const PARTS: usize = 8;

/// A part's result and what it needs, for all parts.
fn listed_scratch_len(x: MatRef<'_, f32>, a: MatRef<'_, f32>) -> usize {
    PARTS * (x.rows() * a.rows() + fired::descend_scratch_len(x.cols(), a.rows()))
}

/// `J J^T U` by lists.
fn listed_product(
    level: Level,
    x: MatRef<'_, f32>,
    a: MatRef<'_, f32>,
    lists: FiredRef<'_, f32>,
    u: MatRef<'_, f32>,
    out: &mut [f32],
    scratch: &mut [f32],
) -> Result<(), Error> {
    let (n, c, m) = (x.rows(), a.rows(), a.cols());
    let (len, share) = (fired::descend_scratch_len(x.cols(), c), m.div_ceil(PARTS).max(1));
    let (parts, rest) = crate::scratch::take(scratch, PARTS * n * c)?;
    parts.fill(0.0);
    each(parts.chunks_mut((n * c).max(1)).zip(rest.chunks_mut(len.max(1))).enumerate(), |(at, (part, scratch))| {
        fired::gram_product(level, x, a, lists, u, at * share, share, MatMut::new(part, n, c)?, scratch)
    })?;
    out.fill(0.0);
    for part in parts.chunks((n * c).max(1)) {
        out.iter_mut().zip(part).for_each(|(out, part)| *out += part);
    }
    Ok(())
}

/// `(K_1 + damping I)^-1` for every output alike, by the Cholesky factor of one output's Gram matrix.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedFactor {
    /// n x n, the lower triangle.
    factor: Vec<f32>,
    n: usize,
    outputs: usize,
}

/// Which Gram matrix is factored.
pub(super) enum Source<'a> {
    /// That of the neurons there are, counted from their pattern.
    Counted(PatternRef<'a>),
    /// That of infinitely many, for this shift.
    Analytic(f32),
}

impl SharedFactor {
    /// Factors anew. Duplicate samples make the matrix singular: then the least multiple of the identity that helps is
    /// added, tried in powers of ten.
    pub fn compute(
        &mut self,
        level: Level,
        x: MatRef<'_, f32>,
        source: &Source<'_>,
        damping: f32,
        outputs: usize,
        scratch: &mut Vec<f32>,
    ) -> Result<(), Error> {
        let n = x.rows();
        self.factor.resize(n * n, 0.0);
        (self.n, self.outputs) = (n, outputs);
        grow(scratch, blas::cholesky_scratch_len(n).max(gram::gram_scratch_len(n, x.cols())));
        let mut jitter = 0.0;
        loop {
            let mut k = MatMut::new(&mut self.factor, n, n)?;
            match *source {
                Source::Counted(pattern) => gram::gram(level, x, pattern, k.reborrow(), scratch)?,
                Source::Analytic(shift) => gram::analytic_gram(level, x, shift, k.reborrow(), scratch)?,
            }
            let diagonal = || (0..n).map(|i| i * (n + 1));
            let mean = diagonal().map(|i| f64::from(self.factor[i])).sum::<f64>() / n.max(1) as f64;
            for i in diagonal() {
                self.factor[i] += damping + jitter;
            }
            if blas::cholesky(level, MatMut::new(&mut self.factor, n, n)?, scratch)? == Definite::Yes {
                return Ok(());
            }
            // A mean of zero: nobody fires at all. Any positive diagonal will do.
            let least = if mean > 0.0 { mean as f32 * f32::EPSILON * 10.0 } else { 1.0 };
            jitter = if jitter == 0.0 { least } else { jitter * 10.0 };
            if !jitter.is_finite() {
                return Err(Error::value("Gram matrix", "finite"));
            }
        }
    }
}

impl Preconditioner<f32> for SharedFactor {
    fn scratch_len(&self) -> usize {
        blas::cholesky_solve_scratch_len(self.n)
    }

    fn precondition(&self, level: Level, r: &[f32], z: &mut [f32], scratch: &mut [f32]) -> Result<(), Error> {
        z.copy_from_slice(r);
        blas::cholesky_solve(level, MatRef::new(&self.factor, self.n, self.n)?, MatMut::new(z, self.n, self.outputs)?, scratch)
    }
}

/// Makes scratch at least this long.
pub(super) fn grow(scratch: &mut Vec<f32>, len: usize) {
    if scratch.len() < len {
        scratch.resize(len, 0.0);
    }
}
