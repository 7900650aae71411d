//! What a Gauss-Newton step solves: the damped Gram matrix of all outputs' tangents.

use std::cell::{Cell, RefCell};

use super::kernels::{Kernels, each};
pub(super) use super::preconditioner::SharedFactor;
use crate::blas;
use crate::cg::LinearOperator;
use crate::relu::{FiredRef, PatternRef, fired};
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

/// Makes scratch at least this long.
pub(super) fn grow(scratch: &mut Vec<f32>, len: usize) {
    if scratch.len() < len {
        scratch.resize(len, 0.0);
    }
}
