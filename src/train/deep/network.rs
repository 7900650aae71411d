//! A deep network as a trainer and a model hold it: first weights, what was added to them, and passes through both.

use std::sync::Arc;

use super::numbers::Numbers;
use crate::low_rank::{Flush, Update};
use crate::random::{gaussian, stream};
use crate::relu::deep::{Form, Structured, Weights, activate};
use crate::simd::{Bf16x2, Stored};
use crate::sparse::{Columns, PANEL, Panels, PanelsMut, SparseRef, Support, pack, panels_len, times_panels, transpose, unpack};
use crate::{Error, Level, MatMut, MatRef, blas};

/// Sparse rows of depth 1 that own their parts: what a layer says to all samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rows {
    pub starts: Vec<usize>,
    pub indices: Vec<u32>,
    pub values: Vec<f32>,
    /// |u_i|, where it is the output of a layer.
    pub norms: Vec<f32>,
    pub cols: usize,
    by_column: (Vec<usize>, Vec<u32>, Vec<u32>),
}

impl Rows {
    /// Puts the parts together.
    pub fn new(starts: Vec<usize>, indices: Vec<u32>, values: Vec<f32>, norms: Vec<f32>, cols: usize) -> Result<Self, Error> {
        let len = indices.len();
        let mut by_column = (vec![0; cols + 1], vec![0; len], vec![0; len]);
        transpose(Support::new(&starts, &indices, cols)?, &mut by_column.0, &mut by_column.1, &mut by_column.2)?;
        SparseRef::new(Support::new(&starts, &indices, cols)?, 1, &values)?;
        Ok(Self { starts, indices, values, norms, cols, by_column })
    }

    /// The samples themselves, each brought to norm 1 (a sample of zeros stays one): every place is there.
    pub fn samples(x: MatRef<'_, f32>) -> Result<Self, Error> {
        let (n, d) = (x.rows(), x.cols());
        let mut values = Vec::with_capacity(n * d);
        for i in 0..n {
            let row: Vec<f32> = (0..d).map(|k| x.get(i, k).unwrap_or(0.0)).collect();
            let norm = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
            let scale = if norm > 0.0 { 1.0 / norm } else { 0.0 };
            values.extend(row.iter().map(|&x| (f64::from(x) * scale) as f32));
        }
        let indices = (0..n * d).map(|k| (k % d) as u32).collect();
        Self::new((0..=n).map(|i| i * d).collect(), indices, values, vec![1.0; n], d)
    }

    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    pub fn len(&self) -> usize {
        self.indices.len()
    }

    pub fn support(&self) -> Support<'_> {
        Support::again(&self.starts, &self.indices, self.cols)
    }

    pub fn columns(&self) -> Columns<'_> {
        Columns::new(&self.by_column.0, &self.by_column.1, &self.by_column.2).expect("made by transposition")
    }

    /// Other numbers on the same places.
    pub fn with<'a>(&'a self, depth: usize, values: &'a [f32]) -> SparseRef<'a, f32> {
        SparseRef::new(self.support(), depth, values).expect("numbers for all places")
    }

    pub fn get(&self) -> SparseRef<'_, f32> {
        self.with(1, &self.values)
    }

    /// Places that are in one of two supports only.
    pub fn flips(&self, other: &Self) -> usize {
        (0..self.rows())
            .map(|i| {
                let (a, b) = (self.support_row(i), other.support_row(i));
                let (mut p, mut q, mut both) = (0, 0, 0);
                while p < a.len() && q < b.len() {
                    both += usize::from(a[p] == b[q]);
                    let (x, y) = (a[p], b[q]);
                    p += usize::from(x <= y);
                    q += usize::from(y <= x);
                }
                a.len() + b.len() - 2 * both
            })
            .sum()
    }

    fn support_row(&self, i: usize) -> &[u32] {
        &self.indices[self.starts[i]..self.starts[i + 1]]
    }
}

/// The first weights of a layer.
#[derive(Clone)]
pub(crate) enum Matrix {
    /// Dense, our own, as they were drawn: W^T in panels of bfloat16.
    Halves { data: Numbers<Bf16x2>, inputs: usize, outputs: usize },
    /// Dense, our own, updates folded in: W^T in panels.
    Panels { data: Numbers, inputs: usize, outputs: usize },
    /// Dense, somebody else's, never written: W^T row by row.
    Borrowed { data: Arc<dyn AsRef<[f32]> + Send + Sync>, scale: f32, inputs: usize, outputs: usize },
    /// From seeds.
    Structured(Structured),
}

/// A matrix that cannot be written, times a number.
struct Scaled<'a> {
    panels: Panels<'a, f32>,
    scale: f32,
}

impl Weights<f32> for Scaled<'_> {
    fn outputs(&self) -> usize {
        self.panels.outputs()
    }

    fn inputs(&self) -> usize {
        self.panels.inputs()
    }

    fn forward_scratch_len(&self, places: usize) -> usize {
        self.panels.forward_scratch_len(places)
    }

    fn forward(
        &self,
        level: Level,
        h: (SparseRef<'_, f32>, Columns<'_>),
        mut z: MatMut<'_, f32>,
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        self.panels.forward(level, h, z.reborrow(), scratch)?;
        (0..z.rows()).for_each(|i| blas::scale(level, self.scale, z.row(i).unwrap_or_default()));
        Ok(())
    }

    fn backward_scratch_len(&self, depth: usize, above: usize, below: usize) -> usize {
        self.panels.backward_scratch_len(depth, above, below)
    }

    fn backward(&self, level: Level, g: SparseRef<'_, f32>, below: Support<'_>, e: &mut [f32], scratch: &mut [f32]) -> Result<(), Error> {
        self.panels.backward(level, g, below, e, scratch)?;
        blas::scale(level, self.scale, e);
        Ok(())
    }
}

impl std::fmt::Debug for Matrix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self {
            Self::Halves { .. } => "halves",
            Self::Panels { .. } => "panels",
            Self::Borrowed { .. } => "borrowed",
            Self::Structured(_) => "structured",
        };
        write!(f, "{kind} {} x {}", self.get().outputs(), self.get().inputs())
    }
}

impl Matrix {
    /// Independent standard normal numbers, rounded to bfloat16: stream `16 + layer` of the seed, in the order of the panels. What is random
    /// needs no more digits, and memory is what a pass through it waits for.
    pub fn gaussian(outputs: usize, inputs: usize, seed: u64, layer: usize) -> Self {
        let mut data = Numbers::zeros(panels_len(inputs, outputs) / Bf16x2::COLUMNS);
        let (mut rng, mut line) = (stream(seed, 16 + layer as u32), [0.0f32; PANEL]);
        for to in data.chunks_exact_mut(PANEL / Bf16x2::COLUMNS) {
            gaussian(&mut rng, &mut line);
            line.iter().enumerate().for_each(|(c, &x)| Bf16x2::put(to, c, x));
        }
        Self::Halves { data, inputs, outputs }
    }

    /// The same numbers with all digits, to be written to.
    fn widen(&mut self) -> Result<(), Error> {
        if let Self::Halves { data, inputs, outputs } = self {
            let mut wide = Numbers::zeros(panels_len(*inputs, *outputs));
            unpack(Panels::packed(data, *inputs, *outputs)?, &mut wide)?;
            *self = Self::Panels { data: wide, inputs: *inputs, outputs: *outputs };
        }
        Ok(())
    }

    /// From Hadamard transforms and signs.
    pub fn structured(outputs: usize, inputs: usize, seed: u64, layer: usize) -> Result<Self, Error> {
        Ok(Self::Structured(Structured::new(outputs, inputs, seed.wrapping_add(0x9E37 * (layer as u64 + 1)))?))
    }

    /// The products.
    pub fn get(&self) -> Box<dyn Weights<f32> + '_> {
        match self {
            Self::Halves { data, inputs, outputs } => Box::new(Panels::packed(data, *inputs, *outputs).expect("checked when it was made")),
            Self::Panels { data, inputs, outputs } => Box::new(Panels::packed(data, *inputs, *outputs).expect("checked when it was made")),
            Self::Borrowed { data, scale, inputs, outputs } => {
                let panels = Panels::row_major((**data).as_ref(), *inputs, *outputs).expect("checked when it was made");
                Box::new(Scaled { panels, scale: *scale })
            }
            Self::Structured(weights) => Box::new(*weights),
        }
    }

    /// Multiply-adds of a forward pass of sparse rows with so many places in all.
    pub fn forward_work(&self, samples: usize, places: usize) -> u64 {
        match self {
            Self::Structured(weights) => {
                let (n, blocks) = (weights.block() as u64, Weights::<f32>::outputs(weights).div_ceil(weights.block()) as u64);
                samples as u64 * blocks * 2 * n * u64::from(n.ilog2())
            }
            _ => places as u64 * self.get().outputs() as u64,
        }
    }
}

/// What a step added to a layer: `sum_f u_f v_f^T` on the samples it was made of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Block {
    /// The places of U; its numbers are `u_values`.
    pub u: Arc<Rows>,
    pub u_values: Vec<f32>,
    pub v: Arc<Rows>,
}

impl Block {
    pub fn update(&self) -> Update<'_, f32> {
        Update::new((self.u.with(1, &self.u_values), self.u.columns()), (self.v.get(), self.v.columns())).expect("made of the same samples")
    }
}

/// A layer: first weights and what was added.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub weights: Matrix,
    pub blocks: Vec<Block>,
    /// How the first ones were written into the weights; the others are apart.
    pub flushes: Vec<Flush>,
}

impl Layer {
    /// Writes all blocks that are still apart into the weights; and the multiply-adds it took.
    pub fn fold(&mut self, level: Level, flush: Flush, scratch: &mut Numbers) -> Result<u64, Error> {
        if flush == Flush::Never {
            return Ok(0);
        }
        self.fold_as(level, &vec![flush; self.blocks.len() - self.flushes.len()], scratch)
    }

    /// Writes as many blocks into the weights as there are flushes, if they can be written to.
    pub fn fold_as(&mut self, level: Level, flushes: &[Flush], scratch: &mut Numbers) -> Result<u64, Error> {
        if !flushes.is_empty() {
            self.weights.widen()?;
        }
        let Matrix::Panels { data, inputs, outputs } = &mut self.weights else { return Ok(0) };
        let mut work = 0;
        let mut w = PanelsMut::packed(data, *inputs, *outputs)?;
        for &flush in flushes {
            let Some(block) = self.blocks.get(self.flushes.len()) else { break };
            let update = block.update();
            if flush == Flush::Sparse {
                update.fold_sparse(&mut w)?;
                let places = |s: Support<'_>, i: usize| s.row(i).len() as u64;
                work += (0..update.rank()).map(|f| places(update.left().support(), f) * places(update.right().support(), f)).sum::<u64>();
            } else {
                scratch.grow(update.fold_dense_scratch_len());
                update.fold_dense(level, &mut w, scratch)?;
                work += (update.rank() * w.rows() * w.cols()) as u64;
            }
            self.flushes.push(flush);
        }
        Ok(work)
    }
}

/// Which weights a pass goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// W(0).
    Start,
    /// W(0) and everything added to it.
    Now,
}

/// All layers, and the output weights.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub layers: Vec<Layer>,
    /// C x m.
    pub a: Vec<f32>,
    pub outputs: usize,
    /// A^T in panels.
    a_panels: Vec<f32>,
    pub shift: f32,
    pub form: Form,
}

impl Network {
    pub fn new(weights: Vec<Matrix>, a: Vec<f32>, outputs: usize, shift: f32, form: Form) -> Result<Self, Error> {
        let m = weights.last().map_or(0, |w| w.get().outputs());
        let mut a_panels = vec![0.0; panels_len(m, outputs)];
        pack(MatRef::new(&a, outputs, m)?.t(), &mut a_panels)?;
        let layers = weights.into_iter().map(|weights| Layer { weights, blocks: Vec::new(), flushes: Vec::new() }).collect();
        Ok(Self { layers, a, outputs, a_panels, shift, form })
    }

    pub fn width(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.weights.get().outputs())
    }

    /// Pre-activations of layer l, of outputs m of the layer below; and the multiply-adds it took. `z` may hold anything before.
    pub fn pre(&self, level: Level, l: usize, h: &Rows, when: When, z: &mut Numbers, scratch: &mut Numbers) -> Result<u64, Error> {
        let layer = &self.layers[l];
        let weights = layer.weights.get();
        let (n, m) = (h.rows(), weights.outputs());
        z.fit(n * row_step(m));
        scratch.grow(weights.forward_scratch_len(h.len()));
        weights.forward(level, (h.get(), h.columns()), MatMut::with_stride(z, n, m, row_step(m))?, scratch)?;
        let mut work = layer.weights.forward_work(n, h.len());
        // W(0) with folded updates is had by taking them off again.
        let (blocks, sign) = match when {
            When::Now => (&layer.blocks[layer.flushes.len()..], 1.0),
            When::Start => (&layer.blocks[..layer.flushes.len()], -1.0),
        };
        for block in blocks {
            work += query(level, block, sign, h, z, scratch)?;
        }
        Ok(work)
    }

    /// Who fires on these pre-activations.
    pub fn fire(&self, level: Level, z: &[f32], n: usize) -> Result<Rows, Error> {
        let m = self.width();
        let expected = (crate::relu::deep::fired_share(f64::from(self.shift)) * 1.2 * (n * m) as f64) as usize + 64;
        let (mut starts, mut norms) = (vec![0; n + 1], vec![0.0; n]);
        let mut room = expected.min(n * m);
        loop {
            let (mut indices, mut values) = (vec![0; room], vec![0.0; room]);
            let view = MatRef::with_strides(z, n, m, row_step(m), 1)?;
            let found = activate(level, self.form, self.shift, view, &mut starts, &mut indices, &mut values, &mut norms)?;
            if found <= room {
                indices.truncate(found);
                values.truncate(found);
                return Rows::new(starts, indices, values, norms, m);
            }
            room = found;
        }
    }

    /// `F = A h`, n x C.
    pub fn read(&self, level: Level, h: &Rows) -> Result<Vec<f32>, Error> {
        let mut f = vec![0.0; h.rows() * self.outputs];
        let a = Panels::packed(&self.a_panels, self.width(), self.outputs)?;
        times_panels(level, h.get(), a, false, MatMut::new(&mut f, h.rows(), self.outputs)?)?;
        Ok(f)
    }

    /// Outputs for samples that are not the trainer's: `F - F_0`, or with `start` `F_0` alone.
    pub fn outputs(&self, level: Level, x: MatRef<'_, f32>, when: When) -> Result<Vec<f32>, Error> {
        let (mut scratch, mut z) = (Numbers::default(), Numbers::default());
        let input = Rows::samples(x)?;
        let mut first = None;
        let mut now: Option<Rows> = None;
        for l in 0..self.layers.len() {
            // As long as nothing was added below, both passes are one.
            let moved = when == When::Now && (now.is_some() || !self.layers[l].blocks.is_empty());
            let below = first.as_ref().unwrap_or(&input);
            if moved {
                let h = now.as_ref().unwrap_or(below);
                self.pre(level, l, h, When::Now, &mut z, &mut scratch)?;
                now = Some(self.fire(level, &z, x.rows())?);
            }
            self.pre(level, l, below, When::Start, &mut z, &mut scratch)?;
            first = Some(self.fire(level, &z, x.rows())?);
        }
        let read = |h: &Option<Rows>| h.as_ref().map_or(Ok(vec![0.0; x.rows() * self.outputs]), |h| self.read(level, h));
        match when {
            When::Start => read(&first),
            When::Now => {
                let (mut f, f0) = (read(&now)?, read(&first)?);
                if now.is_some() {
                    f.iter_mut().zip(&f0).for_each(|(f, f0)| *f -= f0);
                }
                Ok(f)
            }
        }
    }
}

/// Numbers from the pre-activations of one sample to those of the next: a power of two apart, they would share a handful of the caches' sets.
pub(crate) const fn row_step(m: usize) -> usize {
    if m.is_multiple_of(512) { m + 16 } else { m }
}

/// `Z += alpha X V U^T`; and the multiply-adds it took.
pub(crate) fn query(level: Level, block: &Block, alpha: f32, h: &Rows, z: &mut [f32], scratch: &mut Numbers) -> Result<u64, Error> {
    let update = block.update();
    scratch.grow(update.query_scratch_len(h.rows()));
    let m = block.u.cols;
    update.query(level, alpha, (h.get(), h.columns()), MatMut::with_stride(z, h.rows(), m, row_step(m))?, scratch)?;
    Ok(pairs(block.v.columns(), h.columns()) + (h.rows() * block.u.len()) as u64)
}

/// Pairs of rows that share a column.
pub(crate) fn pairs(a: Columns<'_>, b: Columns<'_>) -> u64 {
    (0..a.cols()).map(|r| (a.column(r).0.len() * b.column(r).0.len()) as u64).sum()
}
