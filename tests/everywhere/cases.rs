//! The kernels on fixed inputs, for any platform: no std, no heap, every buffer as long as a const function says.
//!
//! This one file is compiled into the programs for microcontrollers and wasm, and into their build scripts, which run
//! it on the host: the platform compares what it finds with what the host found.
#![allow(dead_code, reason = "each program uses its part")]

use subquad::blas::{self, Definite};
use subquad::cg::{self, LinearOperator, Preconditioner, Status, Stopping};
use subquad::hadamard::{Order, Signs, Transform, fwht};
use subquad::halfspace::{BallTree, Check, Hits, Packed, Reporter, Screened, scan, scan_scratch_len};
use subquad::relu::{PatternMut, PatternRef, gram, pattern, two_layer};
use subquad::scratch::any_of;
use subquad::sketch::TensorSrht;
use subquad::{Error, Figure, Level, MatMut, MatRef, random};

/// Samples, inputs, neurons, outputs of the network.
pub const N: usize = 20;
pub const D: usize = 6;
pub const M: usize = 200;
pub const C: usize = 2;
/// Neurons, inputs and queries of half-space reporting.
pub const NEURONS: usize = 300;
pub const DIM: usize = 5;
pub const QUERIES: usize = 9;
const THRESHOLD: f32 = 1.5;
const ROOM: usize = 120;
/// The transform's greatest length here.
pub const LEN: usize = 1024;

pub const BALL_TREE_LEN: usize = BallTree::<&[u8], f32>::storage_len(NEURONS, DIM);
pub const SCREENED_LEN: usize = Screened::<&[u8], f32>::storage_len(NEURONS, DIM);
pub const PACKED_LEN: usize = Packed::<&[u8], f32>::storage_len(NEURONS, DIM);

// Constants, not calls: then the compiler sees that the buffers are long enough.
const FORWARD: usize = two_layer::forward_scratch_len(D, M, C);
const JVP: usize = two_layer::jvp_scratch_len(D, M, C);
const VJP: usize = two_layer::vjp_scratch_len(D, M, C);
const GRAM: usize = gram::gram_scratch_len(N, D);
const CHOLESKY: usize = blas::cholesky_scratch_len(N);
const SCAN: usize = scan_scratch_len(DIM, NEURONS);
const OPERATOR: usize = two_layer::gram_product_scratch_len(D, M, C);
const SOLVE: usize = blas::cholesky_solve_scratch_len(N);
const ITERATION: usize = cg::conjugate_gradient_scratch_len(N * C, OPERATOR, SOLVE);
/// Room for whatever runs.
pub const SCRATCH: usize = any_of(&[
    ITERATION,
    FORWARD,
    JVP,
    VJP,
    GRAM,
    CHOLESKY,
    SCAN,
    BallTree::<&[u8], f32>::build_scratch_len(NEURONS, DIM),
    BallTree::<&[u8], f32>::query_scratch_len(NEURONS, DIM),
    Screened::<&[u8], f32>::query_scratch_len(NEURONS, DIM),
    Packed::<&[u8], f32>::query_scratch_len(NEURONS, DIM),
]);

/// Indexes that the host built.
#[derive(Clone, Copy)]
pub struct Indexes<'a> {
    pub ball_tree: &'a [u8],
    pub screened: &'a [u8],
    pub packed: &'a [u8],
}

/// All memory that the kernels get: static on a microcontroller.
pub struct Memory {
    pub signal: [f32; LEN],
    pub x: [f32; N * D],
    pub w: [f32; M * D],
    pub a: [f32; C * M],
    pub y: [f32; N * C],
    pub f: [f32; N * C],
    pub u: [f32; N * C],
    pub step: [f32; M * D],
    pub k: [f32; N * N],
    pub words: [u64; pattern::pattern_len(N, M)],
    pub neurons: [f32; NEURONS * DIM],
    pub queries: [f32; QUERIES * DIM],
    pub counts: [u32; QUERIES],
    pub indices: [u32; QUERIES * ROOM],
    pub values: [f32; QUERIES * ROOM],
    pub scratch: [f32; SCRATCH],
}

impl Memory {
    pub const fn new() -> Self {
        Self {
            signal: [0.0; LEN],
            x: [0.0; N * D],
            w: [0.0; M * D],
            a: [0.0; C * M],
            y: [0.0; N * C],
            f: [0.0; N * C],
            u: [0.0; N * C],
            step: [0.0; M * D],
            k: [0.0; N * N],
            words: [0; pattern::pattern_len(N, M)],
            neurons: [0.0; NEURONS * DIM],
            queries: [0.0; QUERIES * DIM],
            counts: [0; QUERIES],
            indices: [0; QUERIES * ROOM],
            values: [0.0; QUERIES * ROOM],
            scratch: [0.0; SCRATCH],
        }
    }

    /// The inputs of all cases, from a seed; scratch is made dirty.
    fn fill(&mut self) {
        random::gaussian(&mut random::stream(1, 0), &mut self.signal);
        random::gaussian(&mut random::stream(1, 1), &mut self.x);
        random::gaussian(&mut random::stream(1, 2), &mut self.w);
        random::signs(&mut random::stream(1, 3), &mut self.a);
        random::gaussian(&mut random::stream(1, 4), &mut self.y);
        random::gaussian(&mut random::stream(1, 5), &mut self.u);
        weights(&mut self.neurons);
        random::gaussian(&mut random::stream(2, 1), &mut self.queries);
        self.scratch.fill(f32::NAN);
    }
}

/// The neurons of half-space reporting.
pub fn weights(to: &mut [f32]) {
    random::gaussian(&mut random::stream(2, 0), to);
}

/// What a case found: all its bits, folded, and some of its numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    pub bits: u64,
    pub sample: [f32; 8],
}

impl Outcome {
    fn of(numbers: &[f32]) -> Self {
        let step = (numbers.len() / 8).max(1);
        let sample = core::array::from_fn(|i| numbers.get(i * step).copied().unwrap_or_default());
        Self { bits: numbers.iter().fold(FOLD, |bits, x| fold(bits, x.to_bits().into())), sample }
    }
    fn of_words(words: impl Iterator<Item = u64>) -> Self {
        Self { bits: words.fold(FOLD, fold), sample: [0.0; 8] }
    }
    /// Whether the samples agree but for rounding.
    pub fn is_close(&self, other: &Self) -> bool {
        self.sample.iter().zip(&other.sample).all(|(a, b)| (a - b).abs() <= 1e-4 * (1.0 + a.abs()))
    }
}

const FOLD: u64 = 0xCBF2_9CE4_8422_2325;
fn fold(bits: u64, word: u64) -> u64 {
    (bits ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23)
}

/// A kernel on its inputs.
pub type Run = fn(Level, &mut Memory, Indexes<'_>) -> Result<Outcome, Error>;

/// The name of a case, whether its bits are promised to be the same at every level, and what it does.
pub const CASES: [(&str, bool, Run); 17] = [
    ("random numbers", true, random_numbers),
    ("fwht f32 1024", true, fwht_f32),
    ("fwht i16 256", true, fwht_i16),
    ("fwht f64 12 x 8", true, fwht_f64),
    ("Transform, all options", true, transform),
    ("TensorSRHT", true, tensor_srht),
    ("forward: pattern", true, forward_pattern),
    ("forward: outputs", false, forward_outputs),
    ("JVP", false, jvp),
    ("VJP", false, vjp),
    ("Gram, Cholesky", false, gram_cholesky),
    ("conjugate gradient", false, conjugate_gradient),
    ("scan", true, scanned),
    ("packed scan from flash", true, packed),
    ("ball tree from flash", true, ball_tree),
    ("screened scan from flash", true, screened),
    ("Gauss-Newton step", false, gauss_newton),
];

pub fn prepare(memory: &mut Memory) {
    memory.fill();
}

fn random_numbers(_: Level, memory: &mut Memory, _: Indexes<'_>) -> Result<Outcome, Error> {
    Ok(Outcome::of(&memory.w))
}

pub fn fwht_f32(level: Level, memory: &mut Memory, _: Indexes<'_>) -> Result<Outcome, Error> {
    fwht(level, &mut memory.signal)?;
    Ok(Outcome::of(&memory.signal))
}

fn fwht_i16(level: Level, memory: &mut Memory, _: Indexes<'_>) -> Result<Outcome, Error> {
    let mut x = [0i16; 256];
    x.iter_mut().zip(&memory.signal).for_each(|(to, &x)| *to = (x * 5000.0) as i16);
    fwht(level, &mut x)?;
    Ok(Outcome::of_words(x.iter().map(|&x| x as u16 as u64)))
}

fn fwht_f64(level: Level, memory: &mut Memory, _: Indexes<'_>) -> Result<Outcome, Error> {
    let mut x = [0f64; 96];
    x.iter_mut().zip(&memory.signal).for_each(|(to, &x)| *to = f64::from(x) / 3.0);
    fwht(level, &mut x)?;
    Ok(Outcome::of_words(x.iter().map(|x| x.to_bits())))
}

fn transform(level: Level, memory: &mut Memory, _: Indexes<'_>) -> Result<Outcome, Error> {
    let random = Transform::new().signs(Signs::Seed(7)).orthonormal();
    random.order(Order::Sequency).run(level, &mut memory.signal[..512])?;
    random.order(Order::Dyadic).rows(level, MatMut::new(&mut memory.signal[512..], 4, 128)?)?;
    random.columns(level, MatMut::new(&mut memory.signal[..480], 80, 6)?)?;
    Ok(Outcome::of(&memory.signal))
}

fn tensor_srht(level: Level, memory: &mut Memory, _: Indexes<'_>) -> Result<Outcome, Error> {
    let sketch = TensorSrht::new((20, 37), 64, 3)?;
    let (u, v) = memory.signal.split_at(20);
    memory.step[..64].fill(0.0);
    sketch.accumulate(level, u, &v[..37], &mut memory.step[..64], &mut memory.scratch)?;
    Ok(Outcome::of(&memory.step[..64]))
}

/// The forward pass, which leaves the pattern.
fn forward(level: Level, memory: &mut Memory) -> Result<(), Error> {
    two_layer::forward(
        level,
        MatRef::new(&memory.x, N, D)?,
        MatRef::new(&memory.w, M, D)?,
        MatRef::new(&memory.a, C, M)?,
        0.25,
        Some(PatternMut::new(&mut memory.words, N, M)?),
        MatMut::new(&mut memory.f, N, C)?,
        &mut memory.scratch[..FORWARD],
    )
}

fn forward_pattern(level: Level, memory: &mut Memory, _: Indexes<'_>) -> Result<Outcome, Error> {
    forward(level, memory)?;
    Ok(Outcome::of_words(memory.words.iter().copied()))
}

pub fn forward_outputs(level: Level, memory: &mut Memory, _: Indexes<'_>) -> Result<Outcome, Error> {
    forward(level, memory)?;
    Ok(Outcome::of(&memory.f))
}

pub fn jvp(level: Level, memory: &mut Memory, _: Indexes<'_>) -> Result<Outcome, Error> {
    forward(level, memory)?;
    random::gaussian(&mut random::stream(3, 0), &mut memory.step);
    two_layer::jvp(
        level,
        MatRef::new(&memory.x, N, D)?,
        MatRef::new(&memory.a, C, M)?,
        PatternRef::new(&memory.words, N, M)?,
        MatRef::new(&memory.step, M, D)?,
        MatMut::new(&mut memory.f, N, C)?,
        &mut memory.scratch[..JVP],
    )?;
    Ok(Outcome::of(&memory.f))
}

fn vjp(level: Level, memory: &mut Memory, _: Indexes<'_>) -> Result<Outcome, Error> {
    forward(level, memory)?;
    gradient(level, memory)?;
    Ok(Outcome::of(&memory.step))
}

/// `step <- J^T u`
fn gradient(level: Level, memory: &mut Memory) -> Result<(), Error> {
    two_layer::vjp(
        level,
        MatRef::new(&memory.x, N, D)?,
        MatRef::new(&memory.a, C, M)?,
        PatternRef::new(&memory.words, N, M)?,
        MatRef::new(&memory.u, N, C)?,
        MatMut::new(&mut memory.step, M, D)?,
        &mut memory.scratch[..VJP],
    )
}

/// What is added to the diagonal.
const DAMPING: f32 = 0.01;

/// The factor of one output's Gram matrix, damped.
fn factor(level: Level, memory: &mut Memory) -> Result<Definite, Error> {
    gram::gram(
        level,
        MatRef::new(&memory.x, N, D)?,
        PatternRef::new(&memory.words, N, M)?,
        MatMut::new(&mut memory.k, N, N)?,
        &mut memory.scratch[..GRAM],
    )?;
    memory.k.iter_mut().step_by(N + 1).for_each(|x| *x += DAMPING);
    blas::cholesky(level, MatMut::new(&mut memory.k, N, N)?, &mut memory.scratch[..CHOLESKY])
}

fn gram_cholesky(level: Level, memory: &mut Memory, _: Indexes<'_>) -> Result<Outcome, Error> {
    forward(level, memory)?;
    if factor(level, memory)? != Definite::Yes {
        return Err(Error::value("factor", "one of a definite matrix", Figure::Nothing));
    }
    // What stands above the diagonal is of no meaning.
    for i in 0..N {
        memory.k[i * N + i + 1..(i + 1) * N].fill(0.0);
    }
    Ok(Outcome::of(&memory.k))
}

/// `K + damping`, K the Gram matrix of the tangents of all outputs.
struct Damped<'a> {
    x: MatRef<'a, f32>,
    a: MatRef<'a, f32>,
    pattern: PatternRef<'a>,
}

impl LinearOperator<f32> for Damped<'_> {
    fn dim(&self) -> usize {
        N * C
    }
    fn scratch_len(&self) -> usize {
        OPERATOR
    }
    fn apply(&self, level: Level, x: &[f32], y: &mut [f32], scratch: &mut [f32]) -> Result<(), Error> {
        two_layer::gram_product(level, self.x, self.a, self.pattern, MatRef::new(x, N, C)?, MatMut::new(y, N, C)?, scratch)?;
        blas::axpy(level, DAMPING, x, y)
    }
}

struct Factor<'a>(MatRef<'a, f32>);

impl Preconditioner<f32> for Factor<'_> {
    fn scratch_len(&self) -> usize {
        SOLVE
    }
    fn precondition(&self, level: Level, r: &[f32], z: &mut [f32], scratch: &mut [f32]) -> Result<(), Error> {
        z.iter_mut().zip(r).for_each(|(z, &r)| *z = r);
        blas::cholesky_solve(level, self.0, MatMut::new(z, N, C)?, scratch)
    }
}

/// `u <- (K + damping)^-1 y`, by conjugate gradients.
fn solve(level: Level, memory: &mut Memory) -> Result<(), Error> {
    memory.u.fill(0.0);
    let report = cg::conjugate_gradient(
        level,
        &Damped { x: MatRef::new(&memory.x, N, D)?, a: MatRef::new(&memory.a, C, M)?, pattern: PatternRef::new(&memory.words, N, M)? },
        &Factor(MatRef::new(&memory.k, N, N)?),
        &memory.y,
        &mut memory.u,
        Stopping { relative: 1e-5, absolute: 0.0, max_iterations: 100 },
        &mut memory.scratch[..ITERATION],
    )?;
    if report.status != Status::Converged {
        return Err(Error::value("report", "converged", Figure::Nothing));
    }
    Ok(())
}

pub fn conjugate_gradient(level: Level, memory: &mut Memory, _: Indexes<'_>) -> Result<Outcome, Error> {
    forward(level, memory)?;
    factor(level, memory)?;
    solve(level, memory)?;
    Ok(Outcome::of(&memory.u))
}

/// One whole step: `w <- w + J^T (J J^T + damping)^-1 (y - f(w))`, and the outputs after it.
pub fn gauss_newton(level: Level, memory: &mut Memory, _: Indexes<'_>) -> Result<Outcome, Error> {
    forward(level, memory)?;
    let before: f32 = memory.y.iter().zip(&memory.f).map(|(y, f)| (y - f) * (y - f)).sum();
    memory.y.iter_mut().zip(&memory.f).for_each(|(y, f)| *y -= f);
    factor(level, memory)?;
    solve(level, memory)?;
    gradient(level, memory)?;
    memory.w.iter_mut().zip(&memory.step).for_each(|(w, step)| *w += step);
    memory.y.iter_mut().zip(&memory.f).for_each(|(y, f)| *y += f);
    forward(level, memory)?;
    let after: f32 = memory.y.iter().zip(&memory.f).map(|(y, f)| (y - f) * (y - f)).sum();
    if after >= 0.25 * before {
        return Err(Error::value("step", "less than a quarter of the loss that was", Figure::Nothing));
    }
    Ok(Outcome::of(&memory.f))
}

/// Counts, indices, and that every query had room.
fn reported(
    memory: &mut Memory,
    ask: impl FnOnce(MatRef<'_, f32>, MatRef<'_, f32>, &mut Hits<'_, f32>, &mut [f32]) -> Result<(), Error>,
) -> Result<Outcome, Error> {
    let neurons = MatRef::new(&memory.neurons, NEURONS, DIM)?;
    let queries = MatRef::new(&memory.queries, QUERIES, DIM)?;
    let mut hits = Hits::new(&mut memory.counts, &mut memory.indices, ROOM)?.with_values(&mut memory.values)?;
    ask(neurons, queries, &mut hits, &mut memory.scratch)?;
    if !hits.complete() {
        return Err(Error::value("hits", "complete", Figure::Nothing));
    }
    let words = (0..QUERIES).flat_map(|i| core::iter::once(hits.count(i) as u64).chain(hits.indices(i).iter().map(|&r| r.into())));
    Ok(Outcome::of_words(words))
}

fn scanned(level: Level, memory: &mut Memory, _: Indexes<'_>) -> Result<Outcome, Error> {
    reported(memory, |w, x, hits, scratch| scan(level, w, x, THRESHOLD, hits, &mut scratch[..SCAN]))
}

fn query(level: Level, memory: &mut Memory, index: &impl Reporter<f32>) -> Result<Outcome, Error> {
    reported(memory, |w, x, hits, scratch| {
        index.verify(w)?;
        index.query_batch(level, x, THRESHOLD, hits, &mut scratch[..index.scratch_len()])
    })
}

pub fn ball_tree(level: Level, memory: &mut Memory, indexes: Indexes<'_>) -> Result<Outcome, Error> {
    query(level, memory, &BallTree::<_, f32>::open(indexes.ball_tree, Check::Everything)?)
}

pub fn screened(level: Level, memory: &mut Memory, indexes: Indexes<'_>) -> Result<Outcome, Error> {
    query(level, memory, &Screened::<_, f32>::open(indexes.screened, Check::Everything)?)
}

pub fn packed(level: Level, memory: &mut Memory, indexes: Indexes<'_>) -> Result<Outcome, Error> {
    query(level, memory, &Packed::<_, f32>::open(indexes.packed, Check::Everything)?)
}
