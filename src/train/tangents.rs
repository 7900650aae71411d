//! What a Gauss-Newton step solves: the damped Gram matrix of all outputs' tangents.

use std::cell::{Cell, RefCell};

pub(super) use super::preconditioner::SharedFactor;
use crate::blas;
use crate::cg::LinearOperator;
use crate::relu::{PatternRef, two_layer};
use crate::{Error, Level, MatMut, MatRef};

/// `K + damping I` for all n C outputs, as a product.
pub(super) struct Tangents<'a> {
    pub x: MatRef<'a, f32>,
    pub a: MatRef<'a, f32>,
    pub pattern: PatternRef<'a>,
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
        two_layer::gram_product_scratch_len(self.x.cols(), self.a.cols(), self.a.rows())
    }

    fn apply(&self, level: Level, u: &[f32], out: &mut [f32], scratch: &mut [f32]) -> Result<(), Error> {
        (self.progress.borrow_mut())(self.products.get());
        self.products.set(self.products.get() + 1);
        let (n, c) = (self.x.rows(), self.a.rows());
        two_layer::gram_product(level, self.x, self.a, self.pattern, MatRef::new(u, n, c)?, MatMut::new(out, n, c)?, scratch)?;
        blas::axpy(level, self.damping, u, out)
    }
}

/// Makes scratch at least this long.
pub(super) fn grow(scratch: &mut Vec<f32>, len: usize) {
    if scratch.len() < len {
        scratch.resize(len, 0.0);
    }
}
