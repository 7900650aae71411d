//! Preconditioners that need nothing but a matrix's diagonal or its factor.

use super::Preconditioner;
use crate::blas::{cholesky_solve, cholesky_solve_scratch_len};
use crate::error::{Error, expect_length, expect_positive};
use crate::matrix::{MatMut, MatRef};
use crate::scratch::area;
use crate::simd::{Float, Level};

/// No preconditioner: M = I.
///
/// ```
/// use subquad::{Level, cg::{Identity, Preconditioner}};
///
/// let mut z = [0.0f32; 2];
/// Identity.precondition(Level::detect(), &[3.0, 4.0], &mut z, &mut [])?;
/// assert_eq!(z, [3.0, 4.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Identity;

impl<T: Float> Preconditioner<T> for Identity {
    fn precondition(&self, _: Level, r: &[T], z: &mut [T], _: &mut [T]) -> Result<(), Error> {
        expect_length("precondition: z", r.len(), z.len())?;
        z.copy_from_slice(r);
        Ok(())
    }

    fn is_identity(&self) -> bool {
        true
    }
}

/// `M = diag(d)`, each entry for as many neighbouring numbers as a sample has outputs.
///
/// ```
/// use subquad::{Level, cg::{Jacobi, Preconditioner}};
///
/// // Two samples of two outputs each.
/// let mut z = [0.0; 4];
/// Jacobi::new(&[1.0, 10.0], 2)?.precondition(Level::detect(), &[5.0, 6.0, 50.0, 60.0], &mut z, &mut [])?;
/// assert_eq!(z, [5.0, 6.0, 5.0, 6.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Jacobi<'a, T> {
    diagonal: &'a [T],
    outputs: usize,
}

impl<'a, T: Float> Jacobi<'a, T> {
    /// Takes the diagonal, and for how many outputs it serves: vectors have `d.len() outputs` numbers, those of a sample
    /// next to each other.
    ///
    /// # Errors
    /// [`Error::Value`] where an entry is not positive and finite.
    ///
    /// ```
    /// use subquad::cg::Jacobi;
    ///
    /// assert!(Jacobi::new(&[1.0f32, 10.0], 2).is_ok());
    /// assert!(Jacobi::new(&[1.0f32, 0.0], 2).is_err());
    /// ```
    pub fn new(diagonal: &'a [T], outputs: usize) -> Result<Self, Error> {
        for (i, &entry) in diagonal.iter().enumerate() {
            expect_positive("Jacobi: diagonal", entry, i)?;
        }
        Ok(Self { diagonal, outputs })
    }
}

impl<T: Float> Preconditioner<T> for Jacobi<'_, T> {
    fn precondition(&self, _: Level, r: &[T], z: &mut [T], _: &mut [T]) -> Result<(), Error> {
        expect_length("Jacobi: r", area(self.diagonal.len(), self.outputs), r.len())?;
        expect_length("Jacobi: z", r.len(), z.len())?;
        let outputs = self.outputs.max(1);
        for ((z, r), &d) in z.chunks_exact_mut(outputs).zip(r.chunks_exact(outputs)).zip(self.diagonal) {
            z.iter_mut().zip(r).for_each(|(z, &r)| *z = r / d);
        }
        Ok(())
    }
}

/// `M = L L^T` for every output alike, with the factor that [`cholesky`](crate::blas::cholesky) leaves.
///
/// ```
/// use subquad::cg::{Preconditioner, SharedCholesky};
/// use subquad::{Level, MatRef, blas};
///
/// // L = (2 0; 1 3), two outputs: M^-1 is applied to each.
/// let l = [2.0f64, 0.0, 1.0, 3.0];
/// let m = SharedCholesky::new(MatRef::new(&l, 2, 2)?, 2)?;
/// let mut z = [0.0; 4];
/// m.precondition(Level::detect(), &[4.0, 0.0, 11.0, 9.0], &mut z, &mut [0.0; blas::cholesky_solve_scratch_len(2)])?;
/// assert_eq!(z, [0.5, -0.5, 1.0, 1.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SharedCholesky<'a, T> {
    factor: MatRef<'a, T>,
    outputs: usize,
}

impl<'a, T: Float> SharedCholesky<'a, T> {
    /// Takes L in the lower triangle of an n x n matrix, and for how many outputs it serves: vectors have `n outputs`
    /// numbers, those of a sample next to each other.
    ///
    /// # Errors
    /// [`Error::Length`] unless the factor is square, [`Error::Value`] where its diagonal is not positive and finite.
    ///
    /// ```
    /// use subquad::{MatRef, cg::SharedCholesky};
    ///
    /// assert!(SharedCholesky::new(MatRef::new(&[2.0f32, 0.0, 1.0, 3.0], 2, 2)?, 10).is_ok());
    /// assert!(SharedCholesky::new(MatRef::new(&[2.0f32, 0.0, 1.0, -3.0], 2, 2)?, 10).is_err());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn new(factor: MatRef<'a, T>, outputs: usize) -> Result<Self, Error> {
        expect_length("SharedCholesky: columns of the factor", factor.rows(), factor.cols())?;
        for i in 0..factor.rows() {
            expect_positive("SharedCholesky: diagonal of the factor", factor.get(i, i).unwrap_or_default(), i)?;
        }
        Ok(Self { factor, outputs })
    }
}

impl<T: Float> Preconditioner<T> for SharedCholesky<'_, T> {
    fn scratch_len(&self) -> usize {
        cholesky_solve_scratch_len(self.factor.rows())
    }

    fn precondition(&self, level: Level, r: &[T], z: &mut [T], scratch: &mut [T]) -> Result<(), Error> {
        expect_length("SharedCholesky: r", area(self.factor.rows(), self.outputs), r.len())?;
        expect_length("SharedCholesky: z", r.len(), z.len())?;
        z.copy_from_slice(r);
        cholesky_solve(level, self.factor, MatMut::new(z, self.factor.rows(), self.outputs)?, scratch)
    }
}
