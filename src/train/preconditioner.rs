//! The preconditioners of a run: which there are, which one pays, and how each is made.

use super::TrainError;
use super::settings::{Builder, PreconditionerChoice};
use super::tangents::grow;
use crate::blas::{self, Definite};
use crate::cg::{self, LinearOperator, Preconditioner, Stopping};
use crate::relu::{PatternRef, gram, pattern};
use crate::sketch::{self, Bounds, FixedStep, Sketched, Srht, TensorSketch, TensorSrht};
use crate::{Error, Figure, Level, MatMut, MatRef};

/// How the systems of a run are solved, beside the choice of the preconditioner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Solver {
    pub sketch_rows: Option<usize>,
    pub faithful: Option<Faithful>,
}

/// The published iteration, a gradient iteration with a fixed step and a sketch, in place of conjugate gradients.
///
/// ```
/// use subquad::train::{Faithful, TwoLayer};
///
/// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
/// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
/// let mut run = TwoLayer::builder().width(64).faithful(Faithful::Safe).build(x, y)?;
/// assert!(run.step()?.unwrap().residual_ratio < 1.0);
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Faithful {
    /// The step 1 of the paper: for one output, and sketches of at least 64 rows for each sample; with fewer it diverges.
    Unit,
    /// `2 / (low^2 + high^2)` for the bounds of the spectrum: the upper one measured by a few products, the lower one the
    /// Gaussian law's. Converges for every sketch and for any number of outputs.
    Safe,
}

impl Builder {
    /// Rows of the sketch, for the preconditioners that are made from one: at least one for each sample. Default 4 for each
    /// sample, and [`SAFE_ROWS`](sketch::SAFE_ROWS) with [`faithful`](Self::faithful). A TensorSketch takes the next power of
    /// two.
    ///
    /// ```
    /// use subquad::train::{PreconditionerChoice, TwoLayer};
    ///
    /// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
    /// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
    /// let settings = TwoLayer::builder().width(64).preconditioner(PreconditionerChoice::TensorSrht);
    /// assert!(settings.clone().sketch_rows(16).build(x, y).is_ok());
    /// assert!(settings.sketch_rows(3).build(x, y).is_err()); // fewer than samples
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    #[must_use]
    pub fn sketch_rows(mut self, rows: usize) -> Self {
        self.solver.sketch_rows = Some(rows);
        self
    }

    /// Solve the systems as the paper does, instead of by conjugate gradients. Default: no.
    ///
    /// ```
    /// use subquad::train::{Faithful, PreconditionerChoice, TwoLayer};
    ///
    /// // The paper's iteration comes with the paper's sketch.
    /// let chosen = TwoLayer::builder().faithful(Faithful::Safe).chosen_preconditioner(100, 10, 1);
    /// assert_eq!(chosen.preconditioner, PreconditionerChoice::Srht);
    /// ```
    #[must_use]
    pub fn faithful(mut self, step: Faithful) -> Self {
        self.solver.faithful = Some(step);
        self
    }

    /// What `auto` stands for here, with its reason, or the choice that was made; for n samples of d numbers and C outputs.
    ///
    /// ```
    /// use subquad::train::{PreconditionerChoice, TwoLayer};
    ///
    /// let chosen = TwoLayer::builder().chosen_preconditioner(1000, 64, 10);
    /// assert_ne!(chosen.preconditioner, PreconditionerChoice::Auto);
    /// assert!(!chosen.reason.is_empty());
    /// ```
    pub fn chosen_preconditioner(&self, n: usize, d: usize, outputs: usize) -> Chosen {
        if self.preconditioner != PreconditionerChoice::Auto {
            return Chosen { preconditioner: self.preconditioner, reason: "as asked for".into() };
        }
        if self.solver.faithful.is_some() {
            let reason = "the sketch of the paper, whose iteration was asked for".into();
            return Chosen { preconditioner: PreconditionerChoice::Srht, reason };
        }
        cheapest(&Costs { n, d, m: self.width, c: outputs, shift: self.shift > 0.0, level: self.level })
    }

    /// Refuses what cannot converge, or cannot be.
    pub(super) fn check_solver(&self, n: usize, d: usize, outputs: usize) -> Result<(), TrainError> {
        let rows = self.rows_of_sketch(n);
        let chosen = self.chosen_preconditioner(n, d, outputs).preconditioner;
        let sketched = is_sketch(chosen);
        if let Some(asked) = self.solver.sketch_rows {
            if !sketched {
                return Err(TrainError::setting("sketch rows", "left out unless the preconditioner is a sketch", asked));
            }
            if asked < n {
                return Err(TrainError::setting(
                    "sketch rows",
                    "at least one for each training sample",
                    format!("{asked} for {n} samples"),
                ));
            }
        }
        if self.solver.faithful.is_some() && !sketched {
            let expected = "srht, tensor-srht or tensor-sketch with the paper's iteration, which stands on a sketch";
            return Err(TrainError::setting("preconditioner", expected, format!("{chosen:?}").to_lowercase()));
        }
        if self.solver.faithful == Some(Faithful::Unit) {
            if outputs > 1 {
                let expected = "one with the paper's unit step, because a sketch of one output does not bound the spectrum of several: \
                    take the safe step";
                return Err(TrainError::setting("outputs", expected, outputs));
            }
            if rows < sketch::SAFE_ROWS.saturating_mul(n) {
                let expected = "at least 64 for each training sample with the paper's unit step, which diverges where the sketch \
                    leaves an eigenvalue above the root of 2; take more rows, or the safe step";
                return Err(TrainError::setting("sketch rows", expected, format!("{rows} for {n} samples")));
            }
        }
        let fits = rows.checked_add(n).and_then(|wide| wide.checked_mul(n)).and_then(|len| len.checked_mul(4));
        if sketched && fits.is_none_or(|bytes| bytes > isize::MAX as usize) {
            return Err(TrainError::setting("sketch rows", "small enough for this machine's address space", rows));
        }
        Ok(())
    }

    fn rows_of_sketch(&self, n: usize) -> usize {
        let each = if self.solver.faithful == Some(Faithful::Unit) { sketch::SAFE_ROWS } else { 4 };
        self.solver.sketch_rows.unwrap_or(each.saturating_mul(n))
    }

    /// What the preconditioner of this run is made from, if it has one.
    pub(super) fn source<'a>(&self, a: MatRef<'a, f32>, pattern: PatternRef<'a>, d: usize) -> Option<Source<'a>> {
        let n = pattern.samples();
        let kind = match self.chosen_preconditioner(n, d, a.rows()).preconditioner {
            PreconditionerChoice::None => return None,
            PreconditionerChoice::Analytic => return Some(Source::Analytic(self.shift)),
            PreconditionerChoice::Jacobi => return Some(Source::Diagonal(pattern)),
            PreconditionerChoice::Neurons => return Some(Source::Counted(pattern, some_neurons(pattern.neurons()))),
            PreconditionerChoice::Srht => SketchKind::Srht,
            PreconditionerChoice::TensorSrht => SketchKind::TensorSrht,
            PreconditionerChoice::TensorSketch => SketchKind::TensorSketch,
            _ => return Some(Source::Counted(pattern, pattern.neurons())),
        };
        Some(Source::Sketch { kind, a, pattern, rows: self.rows_of_sketch(n), seed: self.seed })
    }
}

fn is_sketch(choice: PreconditionerChoice) -> bool {
    matches!(choice, PreconditionerChoice::Srht | PreconditionerChoice::TensorSrht | PreconditionerChoice::TensorSketch)
}

/// A quarter of the neurons, whole words of the pattern: of a paired start they are all different.
fn some_neurons(m: usize) -> usize {
    m.min((m / 4).div_ceil(64).max(1) * 64)
}

/// A preconditioner, and why.
///
/// ```
/// use subquad::train::{PreconditionerChoice, TwoLayer};
///
/// let chosen = TwoLayer::builder().preconditioner(PreconditionerChoice::TensorSrht).chosen_preconditioner(1000, 64, 10);
/// assert_eq!((chosen.name(), chosen.reason.as_str()), ("tensor-srht", "as asked for"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Never [`PreconditionerChoice::Auto`].
    pub preconditioner: PreconditionerChoice,
    /// For people.
    pub reason: String,
}

impl Chosen {
    /// As the command line spells it.
    ///
    /// ```
    /// use subquad::train::{Chosen, PreconditionerChoice};
    ///
    /// assert_eq!(Chosen { preconditioner: PreconditionerChoice::Exact, reason: String::new() }.name(), "exact");
    /// ```
    pub fn name(&self) -> &'static str {
        match self.preconditioner {
            PreconditionerChoice::Auto => "auto",
            PreconditionerChoice::None => "none",
            PreconditionerChoice::Jacobi => "jacobi",
            PreconditionerChoice::Exact => "exact",
            PreconditionerChoice::Analytic => "analytic",
            PreconditionerChoice::Neurons => "neurons",
            PreconditionerChoice::Srht => "srht",
            PreconditionerChoice::TensorSrht => "tensor-srht",
            PreconditionerChoice::TensorSketch => "tensor-sketch",
        }
    }
}

/// The sizes of a problem, for the cost model.
struct Costs {
    n: usize,
    d: usize,
    m: usize,
    c: usize,
    shift: bool,
    level: Level,
}

/// Steps of an ordinary run: one factor serves all of them.
const STEPS: f64 = 4.0;

impl Costs {
    /// Cycles of a vector operation's worth of elements: lanes of f32 times operations per cycle, as measured.
    fn vector(&self) -> f64 {
        match self.level.name() {
            "avx512" => 24.0,
            "avx2" => 14.0,
            "scalar" => 1.0,
            _ => 7.0,
        }
    }

    /// Cycles to count one word of an intersection.
    fn word(&self) -> f64 {
        match self.level.name() {
            "avx512" => 0.2,
            "avx2" => 0.8,
            "scalar" => 6.0,
            _ => 1.5,
        }
    }

    /// Cycles of one product with the Gram matrix.
    fn product(&self) -> f64 {
        2.0 * self.n as f64 * self.m as f64 * (self.d + self.c) as f64 / self.vector()
    }

    /// Cycles to make it, and iterations of a system to a tenth of its residual: those of digits, as measured.
    fn of(&self, choice: PreconditionerChoice) -> (f64, f64) {
        let (n, m, d) = (self.n as f64, self.m as f64, self.d as f64);
        let pairs = 0.5 * n * n;
        // Factored at half the speed of a product.
        let factor = pairs * d / self.vector() + n * n * n / 3.0 / self.vector();
        let counted = |m: f64| factor + pairs * (m / 64.0) * self.word();
        let padded = |x: f64| x.log2().ceil().exp2();
        let several = if self.c > 1 { 4.0 } else { 1.0 };
        match choice {
            PreconditionerChoice::Exact => (counted(m), several),
            PreconditionerChoice::Neurons => (counted(m / 4.0), several + 3.0),
            // An arc sine, or a quadrature of 24 points.
            PreconditionerChoice::Analytic => (factor + pairs * if self.shift { 1500.0 } else { 80.0 }, several + 2.0),
            PreconditionerChoice::Srht | PreconditionerChoice::TensorSrht => {
                let s = 4.0 * n;
                let transform = if choice == PreconditionerChoice::Srht { padded(m * d) } else { padded(m) + padded(d) };
                (n * (transform * transform.log2() / self.vector() * 2.0 + 4.0 * s) + 2.0 * n * n * s / self.vector(), several + 4.0)
            }
            _ => (n, 80.0),
        }
    }

    fn run(&self, choice: PreconditionerChoice) -> f64 {
        let (made, iterations) = self.of(choice);
        let solved = if matches!(choice, PreconditionerChoice::None | PreconditionerChoice::Jacobi) { 0.0 } else { 2.0 };
        let applied = solved * (self.n as f64).powi(2) * self.c.max(16) as f64 / self.vector();
        made + STEPS * iterations * (self.product() + applied)
    }
}

/// What makes a run of four steps cheapest, by the cost model.
fn cheapest(costs: &Costs) -> Chosen {
    const CANDIDATES: [PreconditionerChoice; 6] = [
        PreconditionerChoice::Exact,
        PreconditionerChoice::Analytic,
        PreconditionerChoice::Neurons,
        PreconditionerChoice::TensorSrht,
        PreconditionerChoice::Srht,
        PreconditionerChoice::Jacobi,
    ];
    let mut ranked = CANDIDATES.map(|preconditioner| (costs.run(preconditioner), Chosen { preconditioner, reason: String::new() }));
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
    let [(cost, best), (second, next), ..] = ranked;
    let (made, iterations) = costs.of(best.preconditioner);
    let reason = format!(
        "cheapest for n = {}, m = {}, d = {}, C = {} on {}: an estimated {:.1e} cycles to make and {iterations} iterations a step, {:.1e} in \
         a run of four steps; next {} with {:.1e}",
        costs.n,
        costs.m,
        costs.d,
        costs.c,
        costs.level,
        made,
        cost,
        next.name(),
        second
    );
    Chosen { reason, ..best }
}

/// Which matrix stands for the Gram matrix.
pub(super) enum Source<'a> {
    /// That of the first so many neurons, counted from their pattern.
    Counted(PatternRef<'a>, usize),
    /// That of infinitely many, for this shift.
    Analytic(f32),
    /// The diagonal of the counted one.
    Diagonal(PatternRef<'a>),
    /// `Y^T Y` for a sketch Y of the Jacobian of the first output.
    Sketch { kind: SketchKind, a: MatRef<'a, f32>, pattern: PatternRef<'a>, rows: usize, seed: u64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SketchKind {
    Srht,
    TensorSrht,
    TensorSketch,
}

/// `(K_1 + damping I)^-1` for every output alike, K_1 being what a [`Source`] names: by a triangular factor, or by a
/// diagonal.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedFactor {
    /// n x n, the lower triangle; or the n numbers of the diagonal.
    factor: Vec<f32>,
    diagonal: bool,
    /// Rows of the sketch that it comes from.
    sketch_rows: Option<usize>,
    n: usize,
    outputs: usize,
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
        (self.n, self.outputs, self.diagonal, self.sketch_rows) = (n, outputs, false, None);
        match source {
            Source::Diagonal(pattern) => self.diagonal(level, x, *pattern, damping),
            Source::Sketch { kind, a, pattern, rows, seed } => self.sketched(level, x, *kind, *a, *pattern, *rows, *seed, damping, scratch),
            _ => self.factored(level, x, source, damping, scratch),
        }
    }

    /// Whether it is made faster than it is worth keeping.
    pub fn is_cheap(&self) -> bool {
        self.diagonal
    }

    fn diagonal(&mut self, level: Level, x: MatRef<'_, f32>, pattern: PatternRef<'_>, damping: f32) -> Result<(), Error> {
        self.diagonal = true;
        let m = pattern.neurons().max(1) as f32;
        let entry = |i: usize| blas::norm_squared(level, x.row(i).unwrap_or_default()) * pattern.overlap(level, i, i) as f32 / m + damping;
        self.factor.clear();
        self.factor.extend((0..self.n).map(entry));
        // A sample on which nobody fires: any positive number will do.
        let most = blas::max_abs(&self.factor);
        let least = if most > 0.0 { f32::EPSILON * most } else { 1.0 };
        self.factor.iter_mut().for_each(|x| *x = x.max(least));
        if most.is_finite() { Ok(()) } else { Err(Error::value("Gram matrix", "finite", Figure::number(most.into()))) }
    }

    fn factored(
        &mut self,
        level: Level,
        x: MatRef<'_, f32>,
        source: &Source<'_>,
        damping: f32,
        scratch: &mut Vec<f32>,
    ) -> Result<(), Error> {
        let n = self.n;
        self.factor.resize(n * n, 0.0);
        grow(scratch, blas::cholesky_scratch_len(n).max(gram::gram_scratch_len(n, x.cols())));
        let some: Vec<u64>;
        let counted = match *source {
            Source::Counted(all, neurons) if neurons < all.neurons() => {
                // The first words of every row.
                let words = pattern::words_per_sample(neurons);
                some = (0..n).flat_map(|i| all.sample(i).iter().take(words).copied()).collect();
                Some(PatternRef::new(&some, n, neurons)?)
            }
            Source::Counted(all, _) => Some(all),
            _ => None,
        };
        let mut jitter = 0.0;
        loop {
            let mut k = MatMut::new(&mut self.factor, n, n)?;
            match (counted, source) {
                (Some(pattern), _) => gram::gram(level, x, pattern, k.reborrow(), scratch)?,
                (_, Source::Analytic(shift)) => gram::analytic_gram(level, x, *shift, k.reborrow(), scratch)?,
                _ => {}
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
                return Err(Error::value("Gram matrix", "finite", Figure::number(jitter.into())));
            }
        }
    }

    /// R^T from the QR factorisation of a sketch, below which stands the root of the damping times the identity.
    fn sketched(
        &mut self,
        level: Level,
        x: MatRef<'_, f32>,
        kind: SketchKind,
        a: MatRef<'_, f32>,
        pattern: PatternRef<'_>,
        rows: usize,
        seed: u64,
        damping: f32,
        scratch: &mut Vec<f32>,
    ) -> Result<(), Error> {
        let (n, d, m) = (self.n, x.cols(), a.cols());
        let rows = if kind == SketchKind::TensorSketch { rows.checked_next_power_of_two().unwrap_or(rows) } else { rows };
        let wide = rows + n;
        let mut y = vec![0.0; n * wide];
        let signs: Vec<f32> = (0..m).map(|r| a.get(0, r).unwrap_or(0.0)).collect();
        let (need, to) = (blas::qr_scratch_len(wide, n), MatMut::with_stride(&mut y, n, rows, wide)?);
        match kind {
            SketchKind::Srht => {
                let Some(weights) = m.checked_mul(d) else { return Err(Error::overflow("neurons x inputs", m, d)) };
                let sketch = Srht::new(weights, rows, seed)?;
                grow(scratch, sketch.jacobian_scratch_len(d, m));
                sketch.jacobian(level, x, &signs, pattern, to, scratch)?;
            }
            SketchKind::TensorSrht => {
                let sketch = TensorSrht::new((m, d), rows, seed)?;
                grow(scratch, sketch.scratch_len());
                sketch.jacobian(level, x, &signs, pattern, to, scratch)?;
            }
            SketchKind::TensorSketch => {
                let sketch = TensorSketch::new((m, d), rows, seed)?;
                grow(scratch, sketch.jacobian_scratch_len());
                sketch.jacobian(level, x, &signs, pattern, to, scratch)?;
            }
        }
        // Samples whose gradients are zero, or equal, leave zeros on the diagonal: a damping within rounding helps.
        let mean = y.iter().map(|y| f64::from(*y).powi(2)).sum::<f64>() / n.max(1) as f64;
        let least = if mean > 0.0 { mean as f32 * f32::EPSILON } else { 1.0 };
        let root = damping.max(least).sqrt();
        for (i, row) in y.chunks_exact_mut(wide).enumerate() {
            row[rows + i] = root;
        }
        grow(scratch, need);
        blas::qr(level, MatMut::new(&mut y, n, wide)?, scratch)?;
        self.factor.clear();
        self.factor.extend(y.chunks_exact(wide).flat_map(|row| &row[..n]));
        self.sketch_rows = Some(rows);
        Ok(())
    }

    /// Solves by the paper's iteration.
    pub fn faithful(
        &self,
        level: Level,
        operator: &impl LinearOperator<f32>,
        step: Faithful,
        b: &[f32],
        g: &mut [f32],
        stopping: Stopping,
        scratch: &mut Vec<f32>,
    ) -> Result<cg::Report, Error> {
        let rows = self.sketch_rows.unwrap_or(0);
        let sketched = Sketched::new(MatRef::new(&self.factor, self.n, self.n)?, rows, self.outputs)?;
        let need = (operator.scratch_len(), Preconditioner::<f32>::scratch_len(&sketched));
        grow(scratch, sketch::fixed_step_scratch_len(operator.dim(), need.0, need.1));
        let step = match step {
            Faithful::Unit => FixedStep::Unit,
            Faithful::Safe => {
                let high = largest(level, operator, &sketched, b, scratch)?;
                // With a row or less for each sample more than the least there is no law; then low is only what it costs.
                let low = if rows > self.n { sketch::law(rows as f64 / self.n as f64).low.min(high) } else { 0.25 * high };
                FixedStep::Within(Bounds { low, high })
            }
        };
        sketch::fixed_step(level, operator, &sketched, step, b, g, stopping, scratch)
    }
}

/// Products that measure the spectrum.
const POWER_STEPS: usize = 12;

/// A bound of the largest eigenvalue of `P K`, from a few steps of the power method and a margin.
fn largest(
    level: Level,
    operator: &impl LinearOperator<f32>,
    preconditioner: &impl Preconditioner<f32>,
    b: &[f32],
    scratch: &mut [f32],
) -> Result<f64, Error> {
    let (mut v, mut q) = (b.to_vec(), vec![0.0; b.len()]);
    let mut most = 0.0;
    for _ in 0..POWER_STEPS {
        let length = f64::from(blas::norm_squared(level, &v)).sqrt();
        if !(length > 0.0 && length.is_finite()) {
            break;
        }
        blas::scale(level, (1.0 / length) as f32, &mut v);
        operator.apply(level, &v, &mut q, scratch)?;
        preconditioner.precondition(level, &q, &mut v, scratch)?;
        most = f64::from(blas::norm_squared(level, &v)).sqrt();
    }
    let most = if most > 0.0 && most.is_finite() { most } else { 1.0 };
    Ok(1.25 * most)
}

impl Preconditioner<f32> for SharedFactor {
    fn scratch_len(&self) -> usize {
        blas::cholesky_solve_scratch_len(self.n)
    }

    fn precondition(&self, level: Level, r: &[f32], z: &mut [f32], scratch: &mut [f32]) -> Result<(), Error> {
        if self.diagonal {
            return cg::Jacobi::new(&self.factor, self.outputs)?.precondition(level, r, z, scratch);
        }
        z.copy_from_slice(r);
        blas::cholesky_solve(level, MatRef::new(&self.factor, self.n, self.n)?, MatMut::new(z, self.n, self.outputs)?, scratch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(n: usize, m: usize, d: usize, c: usize, shift: f32) -> PreconditionerChoice {
        let costs = Costs { n, d, m, c, shift: shift > 0.0, level: Level::detect() };
        let chosen = cheapest(&costs);
        assert!(chosen.reason.contains(&format!("n = {n}")) && chosen.reason.contains("next"), "{}", chosen.reason);
        chosen.preconditioner
    }

    #[test]
    fn the_cost_model_follows_the_sizes() {
        assert_eq!(chosen(1437, 4096, 65, 1, 0.0), PreconditionerChoice::Exact);
        assert_eq!(chosen(1437, 4096, 65, 10, 0.5), PreconditionerChoice::Exact, "a quadrature for each pair is dear");
        // No Cholesky factor of 10^5 rows pays for four short steps.
        assert_eq!(chosen(100_000, 256, 8, 1, 0.0), PreconditionerChoice::Jacobi);
    }
}
