//! Regression with a sketch: the preconditioner it makes, and the paper's iteration.

use crate::blas::{axpy, cholesky_solve, cholesky_solve_scratch_len, norm_squared};
use crate::cg::{LinearOperator, Preconditioner, Report, Status, Stopping};
use crate::error::{Error, Figure, expect_length, expect_tolerance};
use crate::matrix::{MatMut, MatRef};
use crate::scratch::{all_of, any_of, area, take};
use crate::simd::{Float, Level};

/// The preconditioner `(R^T R)^-1 = R^-1 R^-T` of `J J^T`, from the triangular factor R of a sketch `Y = S J^T`; shared by
/// all outputs of a network.
///
/// A damped system `J J^T + mu I` wants `sqrt(mu)` times the n x n identity as n more rows of the sketch (columns of Y as
/// it lies), before the factorisation.
///
/// ```
/// use subquad::{Level, MatRef, blas, cg::Preconditioner, sketch::Sketched};
///
/// // R^T = (2 0; 1 3): R^T R = (4 2; 2 10), and (R^T R) (1, 1) = (6, 12).
/// let preconditioner = Sketched::new(MatRef::new(&[2.0f64, 0.0, 1.0, 3.0], 2, 2)?, 8, 1)?;
/// let mut z = [0.0; 2];
/// preconditioner.precondition(Level::detect(), &[6.0, 12.0], &mut z, &mut [0.0; blas::cholesky_solve_scratch_len(2)])?;
/// assert_eq!(z, [1.0, 1.0]);
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Sketched<'a, T> {
    /// R^T, in the lower triangle.
    factor: MatRef<'a, T>,
    rows: usize,
    outputs: usize,
}

impl<'a, T: Float> Sketched<'a, T> {
    /// Takes R^T in the lower triangle of an n x n matrix, as [`qr`](crate::blas::qr) and
    /// [`cholesky_qr`](crate::blas::cholesky_qr) leave it (in the first n columns); the rows that the sketch had; and for
    /// how many outputs it serves: vectors have `n outputs` numbers, those of a sample next to each other.
    ///
    /// # Errors
    /// [`Error::Length`] unless the factor is square, [`Error::TooShort`] if the sketch had fewer rows than columns,
    /// [`Error::Value`] where the diagonal of R has a zero or something that is no number: samples whose gradients are
    /// zero, or more samples than weights. Damp the system, or leave such samples out.
    ///
    /// ```
    /// use subquad::{MatRef, sketch::Sketched};
    ///
    /// let factor = MatRef::new(&[2.0f64, 0.0, 1.0, 3.0], 2, 2)?;
    /// assert!(Sketched::new(factor, 8, 1).is_ok());
    /// assert!(Sketched::new(factor, 1, 1).is_err()); // one row cannot have had two independent columns
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn new(factor: MatRef<'a, T>, sketch_rows: usize, outputs: usize) -> Result<Self, Error> {
        let n = factor.rows();
        expect_length("Sketched: columns of the factor", n, factor.cols())?;
        if sketch_rows < n {
            return Err(Error::too_short("Sketched: rows of the sketch, one for each sample", n, sketch_rows));
        }
        for i in 0..n {
            let entry = factor.get(i, i).unwrap_or_default();
            if entry == T::ZERO || !entry.is_finite() {
                return Err(Error::at(
                    "Sketched: diagonal of R",
                    "finite and not zero",
                    Figure::Nothing,
                    Figure::number(entry.to_f64()),
                    i,
                ));
            }
        }
        Ok(Self { factor, rows: sketch_rows, outputs })
    }
}

impl<T: Float> Preconditioner<T> for Sketched<'_, T> {
    fn scratch_len(&self) -> usize {
        cholesky_solve_scratch_len(self.factor.rows())
    }

    fn precondition(&self, level: Level, r: &[T], z: &mut [T], scratch: &mut [T]) -> Result<(), Error> {
        expect_length("Sketched: r", area(self.factor.rows(), self.outputs), r.len())?;
        expect_length("Sketched: z", r.len(), z.len())?;
        z.copy_from_slice(r);
        cholesky_solve(level, self.factor, MatMut::new(z, self.factor.rows(), self.outputs)?, scratch)
    }
}

/// Bounds of the eigenvalues of `R^-T J J^T R^-1`.
///
/// ```
/// use subquad::sketch::{Bounds, FixedStep};
///
/// let bounds = Bounds { low: 0.5, high: 1.5 };
/// assert_eq!(bounds.condition(), 3.0);
/// assert!(matches!(FixedStep::Within(bounds), FixedStep::Within(_)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// No eigenvalue is less; positive.
    pub low: f64,
    /// No eigenvalue is more.
    pub high: f64,
}

impl Bounds {
    /// The condition number they allow.
    ///
    /// ```
    /// assert_eq!(subquad::sketch::Bounds { low: 0.5, high: 2.0 }.condition(), 4.0);
    /// ```
    pub const fn condition(&self) -> f64 {
        self.high / self.low
    }
}

/// What a Gaussian sketch of `rows_per_sample > 1` rows for each sample leaves of any matrix's spectrum, in the limit of
/// many samples: `1 / (1 + q)^2` to `1 / (1 - q)^2`, where `q = rows_per_sample^(-1/2)` (Marchenko and Pastur 1967). An
/// [`Srht`](super::Srht) keeps to it; the sketches of tensor products spread a little further.
///
/// ```
/// assert!((subquad::sketch::law(4.0).condition() - 9.0).abs() < 1e-12);
/// ```
pub fn law(rows_per_sample: f64) -> Bounds {
    let q = crate::Real::sqrt(1.0 / rows_per_sample);
    Bounds { low: 1.0 / ((1.0 + q) * (1.0 + q)), high: 1.0 / ((1.0 - q) * (1.0 - q)) }
}

/// Rows of the sketch, for each sample, from which [`FixedStep::Unit`] is accepted. It diverges where an eigenvalue
/// exceeds sqrt(2), which by [`law`] is below 39.5; finite sketches need the margin, and a
/// [`TensorSrht`](super::TensorSrht) uses most of it. A [`TensorSketch`](super::TensorSketch) of few samples may exceed it
/// even so, where large entries of a short factor share a bucket: it wants [`FixedStep::Within`].
///
/// ```
/// use subquad::sketch::{SAFE_ROWS, law};
///
/// // What the law leaves: no eigenvalue where the unit step would diverge, above sqrt(2).
/// assert!(law(SAFE_ROWS as f64).high < 2f64.sqrt());
/// ```
pub const SAFE_ROWS: usize = 64;

/// The step of [`fixed_step`].
///
/// ```
/// use subquad::sketch::{FixedStep, SAFE_ROWS, law};
///
/// // Few rows for each sample: the unit step would be refused, one within the law's bounds is not.
/// let rows_per_sample = 4.0;
/// let step = if rows_per_sample >= SAFE_ROWS as f64 { FixedStep::Unit } else { FixedStep::Within(law(rows_per_sample)) };
/// assert!(matches!(step, FixedStep::Within(bounds) if bounds.high < 4.1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FixedStep {
    /// 1, the paper's: for sketches of at least [`SAFE_ROWS`] rows for each sample.
    Unit,
    /// `2 / (low^2 + high^2)`, the best fixed one for spectra inside these bounds: converges whatever the sketch, as
    /// long as they hold.
    Within(Bounds),
}

/// Scratch of [`fixed_step`], in elements: three vectors, and what the operator or the preconditioner needs.
///
/// ```
/// assert_eq!(subquad::sketch::fixed_step_scratch_len(100, 50, 70), 3 * 100 + 70);
/// ```
pub const fn fixed_step_scratch_len(dim: usize, operator: usize, preconditioner: usize) -> usize {
    all_of(&[area(3, dim), any_of(&[operator, preconditioner])])
}

/// Solves `K g = b` by gradient steps of a fixed length, as the paper does: with `B = R^-T K R^-1` and `g = R^-1 z`,
///
/// ```text
/// z <- z - step B (B z - R^-T b)      that is      g <- g - step P K P (K g - b),  P = R^-1 R^-T
/// ```
///
/// from the g that is handed over. Faithful, not fast: [`conjugate_gradient`](crate::cg::conjugate_gradient) with the
/// same preconditioner needs a fraction of the products.
///
/// # Errors
/// [`Error::TooShort`] if the unit step is asked for with fewer than [`SAFE_ROWS`] rows for each sample,
/// [`Error::Value`] unless `0 < low <= high` are finite, or if a tolerance is negative or no number; [`Error::Length`]
/// where lengths disagree, [`Error::TooShort`] if scratch is less than
/// [`fixed_step_scratch_len`]`(dim, operator.scratch_len(), preconditioner.scratch_len())`, and whatever the operator
/// returns. Not to converge is a report, not an error.
///
/// # Numerics
/// The residual that is reported is `|b - K g|`, computed from the g that is handed back. Of each step's error at most
/// `max |1 - step lambda^2|` is left, over the eigenvalues lambda of B. Where the spectrum is wider than the step
/// allows (several outputs that move together are outside of what one output's sketch bounds), residuals grow until
/// the limit, or until [`Status::NotFinite`].
///
/// # Cost
/// Two products and two preconditioners per iteration; `max_iterations` counts iterations, not products.
///
/// # Source
/// van den Brand, Peng, Song, Weinstein, ITCS 2021, algorithm 2.
///
/// ```
/// use subquad::cg::{LinearOperator, Status, Stopping};
/// use subquad::sketch::{FixedStep, Sketched, Srht, fixed_step, fixed_step_scratch_len};
/// use subquad::{Error, Level, MatMut, MatRef, blas};
///
/// // J has the rows (1, 2, 2) and (0, 3, 4).
/// struct Gram;
/// impl LinearOperator<f64> for Gram {
///     fn dim(&self) -> usize {
///         2
///     }
///     fn apply(&self, _: Level, u: &[f64], out: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
///         (out[0], out[1]) = (9.0 * u[0] + 14.0 * u[1], 14.0 * u[0] + 25.0 * u[1]);
///         Ok(())
///     }
/// }
///
/// let level = Level::detect();
/// let (n, s) = (2, 512);
/// let sketch = Srht::new(3, s, 7)?;
/// let mut y = vec![0.0; n * s];
/// for (row, y) in [[1.0, 2.0, 2.0], [0.0, 3.0, 4.0]].iter().zip(y.chunks_mut(s)) {
///     sketch.accumulate(level, row, y, &mut [0.0; 4])?;
/// }
/// blas::qr(level, MatMut::new(&mut y, n, s)?, &mut vec![0.0; blas::qr_scratch_len(s, n)])?;
/// let sketched = Sketched::new(MatRef::new(&y, n, s)?.col_range(0, n), s, 1)?;
///
/// let stopping = Stopping { relative: 1e-6, absolute: 0.0, max_iterations: 100 };
/// let mut g = [0.0; 2];
/// let mut scratch = vec![0.0; fixed_step_scratch_len(2, 0, blas::cholesky_solve_scratch_len(2))];
/// let report = fixed_step(level, &Gram, &sketched, FixedStep::Unit, &[23.0, 39.0], &mut g, stopping, &mut scratch)?;
/// assert_eq!(report.status, Status::Converged);
/// assert!((g[0] - 1.0).abs() < 1e-3 && (g[1] - 1.0).abs() < 1e-3);
/// # Ok::<(), Error>(())
/// ```
pub fn fixed_step<T: Float>(
    level: Level,
    operator: &impl LinearOperator<T>,
    preconditioner: &Sketched<'_, T>,
    step: FixedStep,
    b: &[T],
    g: &mut [T],
    stopping: Stopping,
    scratch: &mut [T],
) -> Result<Report, Error> {
    let n = operator.dim();
    expect_length("fixed_step: b", n, b.len())?;
    expect_length("fixed_step: g", n, g.len())?;
    expect_tolerance("fixed_step: relative tolerance", stopping.relative)?;
    expect_tolerance("fixed_step: absolute tolerance", stopping.absolute)?;
    let needed = area(SAFE_ROWS, preconditioner.factor.rows());
    let length = match step {
        FixedStep::Unit if preconditioner.rows < needed => {
            return Err(Error::too_short(
                "fixed_step: rows of the sketch for a step of 1, 64 for each sample",
                needed,
                preconditioner.rows,
            ));
        }
        FixedStep::Unit => 1.0,
        FixedStep::Within(Bounds { low, high }) => {
            if !(low > 0.0 && low.is_finite()) {
                return Err(Error::value("fixed_step: low bound of the spectrum", "finite and positive", Figure::number(low)));
            }
            if !(low <= high && high.is_finite()) {
                let (low, high) = (Figure::number(low), Figure::number(high));
                return Err(Error::limited("fixed_step: high bound of the spectrum", "finite, and at least", low, high));
            }
            2.0 / (low * low + high * high)
        }
    };
    let (scratch, _) = take(scratch, fixed_step_scratch_len(n, operator.scratch_len(), preconditioner.scratch_len()))?;
    let (r, scratch) = take(scratch, n)?;
    let (p, scratch) = take(scratch, n)?;
    let (q, scratch) = take(scratch, n)?;

    let norm = |v: &[T]| crate::Real::sqrt(norm_squared(level, v).to_f64());
    let rhs_norm = norm(b);
    let enough = (stopping.relative * rhs_norm).max(stopping.absolute);
    let mut iterations = 0;
    r.copy_from_slice(b);
    let mut fresh = g.iter().all(|&g| g == T::ZERO);
    loop {
        if !fresh {
            operator.apply(level, g, q, scratch)?;
            r.copy_from_slice(b);
            axpy(level, -T::ONE, q, r)?;
        }
        fresh = false;
        let residual_norm = norm(r);
        let status = if !residual_norm.is_finite() {
            Status::NotFinite
        } else if residual_norm <= enough {
            Status::Converged
        } else if iterations == stopping.max_iterations {
            Status::IterationLimit
        } else {
            preconditioner.precondition(level, r, p, scratch)?;
            operator.apply(level, p, q, scratch)?;
            preconditioner.precondition(level, q, p, scratch)?;
            axpy(level, T::from_f64(length), p, g)?;
            iterations += 1;
            continue;
        };
        return Ok(Report { status, iterations, residual_norm, rhs_norm, true_residual_norm: Some(residual_norm) });
    }
}
