//! What a step of a deep network solves: the damped Gram matrix over the trained layers, and what preconditions it.

use std::cell::{Cell, RefCell};

use super::network::Rows;
use super::numbers::Numbers;
use super::settings::DeepPreconditioner;
use crate::blas::{self, Definite};
use crate::cg::{LinearOperator, Preconditioner};
use crate::relu::deep::{combine, gram_product, gram_product_scratch_len};
use crate::sketch::{Factor, TensorSketch, TensorSrht};
use crate::sparse::{overlap, overlap_scratch_len};
use crate::{Error, Figure, Level, MatMut, MatRef};

/// One trained layer: its gradients, the places they are on, and `P = H H^T` of the layer below.
pub(super) struct Part<'a> {
    pub g: &'a [f32],
    pub h: &'a Rows,
    pub below: &'a Rows,
    pub p: &'a [f32],
}

/// `K + damping I`, as a product over the neurons that fire.
pub(super) struct System<'a> {
    pub parts: Vec<Part<'a>>,
    pub n: usize,
    pub c: usize,
    pub damping: f32,
    pub progress: RefCell<&'a mut dyn FnMut(usize)>,
    pub products: Cell<usize>,
}

impl System<'_> {
    /// Multiply-adds of a product.
    pub fn work(&self) -> u64 {
        self.parts.iter().map(|part| part.h.columns().pairs() + 2 * (self.c * part.h.len()) as u64).sum()
    }
}

impl LinearOperator<f32> for System<'_> {
    fn dim(&self) -> usize {
        self.n * self.c
    }

    fn scratch_len(&self) -> usize {
        self.parts.iter().map(|part| gram_product_scratch_len(part.h.len(), part.h.columns().longest())).max().unwrap_or(0)
    }

    fn apply(&self, level: Level, u: &[f32], out: &mut [f32], scratch: &mut [f32]) -> Result<(), Error> {
        (self.progress.borrow_mut())(self.products.get());
        self.products.set(self.products.get() + 1);
        out.fill(0.0);
        for part in &self.parts {
            let (p, u) = (MatRef::new(part.p, self.n, self.n)?, MatRef::new(u, self.n, self.c)?);
            let out = MatMut::new(out, self.n, self.c)?;
            gram_product(level, part.h.with(self.c, part.g), part.h.columns(), p, u, out, scratch)?;
        }
        blas::axpy(level, self.damping, u, out)
    }
}

/// One n x n Cholesky factor that all outputs share.
#[derive(Clone, Debug)]
pub(super) struct MeanFactor {
    /// Its lower triangle.
    factor: Vec<f32>,
    n: usize,
    outputs: usize,
}

impl Preconditioner<f32> for MeanFactor {
    fn scratch_len(&self) -> usize {
        blas::cholesky_solve_scratch_len(self.n)
    }

    fn precondition(&self, level: Level, r: &[f32], z: &mut [f32], scratch: &mut [f32]) -> Result<(), Error> {
        z.copy_from_slice(r);
        blas::cholesky_solve(level, MatRef::new(&self.factor, self.n, self.n)?, MatMut::new(z, self.n, self.outputs)?, scratch)
    }
}

impl MeanFactor {
    /// Of the exact Gram matrix, or of a sketch of it; and the multiply-adds it took.
    pub fn new(
        system: &System<'_>,
        choice: DeepPreconditioner,
        level: Level,
        seed: u64,
        scratch: &mut Numbers,
    ) -> Result<(Self, u64), Error> {
        let (n, c) = (system.n, system.c);
        let (mut gram, mut work) = match choice {
            DeepPreconditioner::TensorSrht { rows } => sketched(system, Sketch::Srht(rows), level, seed, scratch)?,
            DeepPreconditioner::TensorSketch { rows } => sketched(system, Sketch::Count(rows), level, seed, scratch)?,
            _ => exact(system, level, scratch)?,
        };
        work += (n * n * n / 6) as u64;
        let diagonal = || (0..n).map(|i| i * (n + 1));
        let mean = diagonal().map(|i| f64::from(gram[i])).sum::<f64>() / n.max(1) as f64;
        scratch.grow(blas::cholesky_scratch_len(n));
        let mut jitter = 0.0f32;
        loop {
            let mut factor = gram.clone();
            for i in diagonal() {
                factor[i] += system.damping + jitter;
            }
            if blas::cholesky(level, MatMut::new(&mut factor, n, n)?, scratch)? == Definite::Yes {
                gram.clear();
                return Ok((Self { factor, n, outputs: c }, work));
            }
            // Duplicates make it singular; where nobody fires at all, any positive diagonal will do.
            let least = if mean > 0.0 { mean as f32 * f32::EPSILON * 10.0 } else { 1.0 };
            jitter = if jitter == 0.0 { least } else { jitter * 10.0 };
            if !jitter.is_finite() {
                return Err(Error::value("Gram matrix", "finite", Figure::number(jitter.into())));
            }
        }
    }
}

/// The mean over outputs of the Gram matrix's diagonal blocks, `sum_l P_l o sum_c G_(l,c) G_(l,c)^T / C`, lower triangle.
fn exact(system: &System<'_>, level: Level, scratch: &mut Numbers) -> Result<(Vec<f32>, u64), Error> {
    let (n, c) = (system.n, system.c);
    let (mut gram, mut work) = (vec![0.0f32; n * n], 0);
    let mut q = vec![0.0f32; n * n];
    for part in &system.parts {
        q.fill(0.0);
        let g = (part.h.with(c, part.g), part.h.columns());
        scratch.grow(overlap_scratch_len(c, n, n));
        overlap(level, g, g, true, MatMut::new(&mut q, n, n)?, scratch)?;
        work += g.1.pairs() / 2 * c as u64 + (n * n / 2) as u64;
        for i in 0..n {
            let row = i * n..i * n + i + 1;
            for ((k, &q), &p) in gram[row.clone()].iter_mut().zip(&q[row.clone()]).zip(&part.p[row]) {
                *k += q * p / c as f32;
            }
        }
    }
    Ok((gram, work))
}

enum Sketch {
    Srht(usize),
    Count(usize),
}

/// `Y Y^T`, Y = sum_l S_l (G_l (.) H_(l-1)), where G_l is a random combination of the outputs' gradients: its expectation
/// over signs and sketches is the mean that [`exact`] computes.
fn sketched(system: &System<'_>, sketch: Sketch, level: Level, seed: u64, scratch: &mut Numbers) -> Result<(Vec<f32>, u64), Error> {
    let (n, c) = (system.n, system.c);
    let (Sketch::Srht(rows) | Sketch::Count(rows)) = sketch;
    let s = if matches!(sketch, Sketch::Count(_)) { (rows * n).next_power_of_two() } else { rows * n };
    let mut y = vec![0.0f32; n * s];
    let mut work = (n * n * s / 2) as u64;
    let mut coefficients = vec![0.0f32; c];
    crate::random::signs(&mut crate::random::stream(seed, 0), &mut coefficients);
    coefficients.iter_mut().for_each(|x| *x /= (c as f32).sqrt());
    let u: Vec<f32> = (0..n).flat_map(|_| coefficients.iter().copied()).collect();
    for (l, part) in system.parts.iter().enumerate() {
        let lens = (part.h.cols, part.below.cols);
        let seed = seed.wrapping_mul(31).wrapping_add(l as u64 + 1);
        let mut g = vec![0.0f32; part.h.len()];
        combine(level, part.h.with(c, part.g), MatRef::new(&u, n, c)?, &mut g)?;
        let (g, h) = (part.h.with(1, &g), part.below.get());
        let widen = |row: &[u32]| row.iter().map(|&r| r as usize).collect::<Vec<_>>();
        match sketch {
            Sketch::Srht(_) => {
                let sketch = TensorSrht::new(lens, s, seed)?;
                scratch.grow(sketch.scratch_len());
                let (mut left, mut right) = (vec![0.0f32; lens.0], vec![0.0f32; lens.1]);
                for (i, y) in y.chunks_exact_mut(s).enumerate() {
                    left.fill(0.0);
                    right.fill(0.0);
                    g.support().row(i).iter().zip(g.row(i, 0)).for_each(|(&r, &x)| left[r as usize] = x);
                    h.support().row(i).iter().zip(h.row(i, 0)).for_each(|(&r, &x)| right[r as usize] = x);
                    sketch.accumulate(level, &left, &right, y, scratch)?;
                }
                let fwht = |n: usize| n.next_power_of_two() * n.next_power_of_two().ilog2() as usize;
                work += (n * (fwht(lens.0) + fwht(lens.1) + 2 * s)) as u64;
            }
            Sketch::Count(_) => {
                let sketch = TensorSketch::new(lens, s, seed)?;
                scratch.grow(sketch.scratch_len());
                for (i, y) in y.chunks_exact_mut(s).enumerate() {
                    let (left, right) = (widen(g.support().row(i)), widen(h.support().row(i)));
                    let left = Factor::Sparse { indices: &left, values: g.row(i, 0) };
                    let right = Factor::Sparse { indices: &right, values: h.row(i, 0) };
                    sketch.accumulate(level, left, right, y, scratch)?;
                }
                work += (n * 5 * s * s.ilog2() as usize) as u64;
            }
        }
    }
    let mut gram = vec![0.0f32; n * n];
    scratch.grow(blas::syrk_scratch_len(n, s));
    blas::syrk(level, 1.0, MatRef::new(&y, n, s)?, 0.0, MatMut::new(&mut gram, n, n)?, scratch)?;
    Ok((gram, work))
}
