//! The two-layer network's Jacobian as an operator: for least squares on it, and for systems with its Gram matrix.

use super::pattern::PatternRef;
use super::two_layer::{gram_product, gram_product_scratch_len, jvp, jvp_scratch_len, vjp, vjp_scratch_len};
use crate::blas::axpy;
use crate::cg::{LinearOperator, TallOperator};
use crate::error::{Error, expect_length, expect_not_negative};
use crate::matrix::{MatMut, MatRef};
use crate::scratch::{any_of, area};
use crate::simd::{Float, Level};

/// `J`, n C x m d: the derivative of the outputs by the weights. Vectors of outputs hold those of a sample next to each
/// other, vectors of weights those of a neuron.
///
/// As a [`TallOperator`] it is J; as a [`LinearOperator`] it is `J J^T + damping I`.
///
/// ```
/// use subquad::cg::{self, LeastSquaresStopping, Status};
/// use subquad::relu::{PatternRef, Tangents};
/// use subquad::{Level, MatRef};
///
/// // Two samples, three neurons of which the first fires on both and the others on one each.
/// let (x, a, bits) = ([1.0f64, 0.0, 0.6, 0.8], [1.0, -1.0, 1.0], [0b011, 0b101]);
/// let tangents = Tangents::new(MatRef::new(&x, 2, 2)?, MatRef::new(&a, 1, 3)?, PatternRef::new(&bits, 2, 3)?, 0.0)?;
/// let (mut step, mut scratch) = ([0.0; 6], vec![0.0; cg::least_squares_scratch_len(2, 6, cg::TallOperator::scratch_len(&tangents))]);
/// let stopping = LeastSquaresStopping { relative: 1e-10, gradient: 0.0, max_iterations: 9 };
/// let report = cg::least_squares(Level::detect(), &tangents, &[1.0, -1.0], 0.0, &mut step, stopping, &mut scratch)?;
/// assert_eq!((report.status, report.iterations), (Status::Converged, 1));
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Tangents<'a, T> {
    x: MatRef<'a, T>,
    a: MatRef<'a, T>,
    pattern: PatternRef<'a>,
    damping: T,
}

impl<'a, T: Float> Tangents<'a, T> {
    /// X n x d, A C x m, any strides; D n x m.
    ///
    /// # Errors
    /// [`Error::Length`] where shapes disagree, [`Error::Value`] if the damping is negative or not finite.
    ///
    /// ```
    /// use subquad::{MatRef, cg::LinearOperator, relu::{PatternRef, Tangents}};
    ///
    /// let (x, a) = (MatRef::new(&[1.0, 0.0, 0.6, 0.8], 2, 2)?, MatRef::new(&[1.0, -1.0, 1.0], 1, 3)?);
    /// let tangents = Tangents::new(x, a, PatternRef::new(&[0b011, 0b101], 2, 3)?, 1e-3)?;
    /// assert_eq!(tangents.dim(), 2); // samples x outputs
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn new(x: MatRef<'a, T>, a: MatRef<'a, T>, pattern: PatternRef<'a>, damping: T) -> Result<Self, Error> {
        expect_length("Tangents: samples of the pattern", x.rows(), pattern.samples())?;
        expect_length("Tangents: neurons of the pattern", a.cols(), pattern.neurons())?;
        expect_not_negative("Tangents: damping", damping.to_f64())?;
        Ok(Self { x, a, pattern, damping })
    }

    fn shape(&self) -> (usize, usize, usize, usize) {
        (self.x.rows(), self.x.cols(), self.a.cols(), self.a.rows())
    }
}

impl<T: Float> TallOperator<T> for Tangents<'_, T> {
    fn rows(&self) -> usize {
        area(self.x.rows(), self.a.rows())
    }

    fn cols(&self) -> usize {
        area(self.a.cols(), self.x.cols())
    }

    fn scratch_len(&self) -> usize {
        let (_, d, m, c) = self.shape();
        any_of(&[jvp_scratch_len(d, m, c), vjp_scratch_len(d, m, c)])
    }

    fn apply(&self, level: Level, v: &[T], out: &mut [T], scratch: &mut [T]) -> Result<(), Error> {
        let (n, d, m, c) = self.shape();
        jvp(level, self.x, self.a, self.pattern, MatRef::new(v, m, d)?, MatMut::new(out, n, c)?, scratch)
    }

    fn apply_transpose(&self, level: Level, u: &[T], out: &mut [T], scratch: &mut [T]) -> Result<(), Error> {
        let (n, d, m, c) = self.shape();
        vjp(level, self.x, self.a, self.pattern, MatRef::new(u, n, c)?, MatMut::new(out, m, d)?, scratch)
    }
}

impl<T: Float> LinearOperator<T> for Tangents<'_, T> {
    fn dim(&self) -> usize {
        area(self.x.rows(), self.a.rows())
    }

    fn scratch_len(&self) -> usize {
        let (_, d, m, c) = self.shape();
        gram_product_scratch_len(d, m, c)
    }

    fn apply(&self, level: Level, u: &[T], out: &mut [T], scratch: &mut [T]) -> Result<(), Error> {
        let (n, _, _, c) = self.shape();
        gram_product(level, self.x, self.a, self.pattern, MatRef::new(u, n, c)?, MatMut::new(out, n, c)?, scratch)?;
        axpy(level, self.damping, u, out)
    }
}
