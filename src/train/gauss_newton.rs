//! Stub: replaced by the trainer. Gauss-Newton with rejection, by plain conjugate gradient without preconditioner.
#![allow(missing_docs)]
use crate::relu::{PatternMut, PatternRef, pattern::pattern_len, two_layer};
use crate::train::TrainError;
use crate::{Level, MatMut, MatRef};
use rand_core::{Rng, SeedableRng};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreconditionerChoice {
    Auto,
    Exact,
    Analytic,
    None,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Running,
    Converged,
    StepLimit,
    Stalled,
}
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub step: usize,
    pub train_mse: f64,
    pub residual_ratio: f64,
    pub cg_iterations: usize,
    pub damping: f64,
    pub flipped: f64,
    pub fired: f64,
    pub seconds: f64,
    pub rejected: usize,
}
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub phase: &'static str,
    pub done: usize,
    pub total: usize,
}
#[derive(Clone, Debug)]
pub struct Builder {
    width: usize,
    shift: f32,
    damping: Option<f32>,
    level: Level,
    tolerance: f64,
    steps: usize,
    seed: u64,
}
impl Builder {
    pub fn width(mut self, v: usize) -> Self {
        self.width = v;
        self
    }
    pub fn shift(mut self, v: f32) -> Self {
        self.shift = v;
        self
    }
    pub fn damping(mut self, v: f32) -> Self {
        self.damping = Some(v);
        self
    }
    pub fn preconditioner(self, _: PreconditionerChoice) -> Self {
        self
    }
    pub fn tolerance(mut self, v: f64) -> Self {
        self.tolerance = v;
        self
    }
    pub fn steps(mut self, v: usize) -> Self {
        self.steps = v;
        self
    }
    pub fn seed(mut self, v: u64) -> Self {
        self.seed = v;
        self
    }
    pub fn level(mut self, v: Level) -> Self {
        self.level = v;
        self
    }
    pub fn build(self, x: MatRef<'_, f32>, y: MatRef<'_, f32>) -> Result<GaussNewton, TrainError> {
        if self.width == 0 || self.width % 2 != 0 {
            return Err(TrainError::setting("width", "even and at least 2", self.width));
        }
        let (n, d, c, m) = (x.rows(), x.cols(), y.cols(), self.width);
        let mut rng = rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(self.seed);
        let mut w = vec![0f32; m * d];
        let mut a = vec![0f32; c * m];
        for i in 0..m * d / 2 {
            let mut s = -6.0;
            for _ in 0..12 {
                s += (rng.next_u32() as f64 / 2f64.powi(32)) as f32;
            }
            w[i] = s;
            w[i + m * d / 2] = s;
        }
        for o in 0..c {
            for r in 0..m / 2 {
                let s = if rng.next_u32() & 1 == 0 { 1.0 } else { -1.0 };
                a[o * m + r] = s;
                a[o * m + r + m / 2] = -s;
            }
        }
        let x: Vec<f32> = (0..n).flat_map(|i| x.row(i).unwrap().to_vec()).collect();
        let y: Vec<f32> = (0..n).flat_map(|i| y.row(i).unwrap().to_vec()).collect();
        let (scratch, words) = (vec![0f32; two_layer::gram_product_scratch_len(d, m, c)], vec![0u64; pattern_len(n, m)]);
        let status = Status::Running;
        let mut this = GaussNewton { b: self, n, d, c, m, x, y, w, a, words, r: vec![], scratch, mu: None, step: 0, status };
        let (r, words) = this.residual(&this.w.clone())?;
        (this.r, this.words) = (r, words);
        Ok(this)
    }
}
#[derive(Debug)]
pub struct GaussNewton {
    b: Builder,
    n: usize,
    d: usize,
    c: usize,
    m: usize,
    x: Vec<f32>,
    y: Vec<f32>,
    w: Vec<f32>,
    a: Vec<f32>,
    words: Vec<u64>,
    r: Vec<f32>,
    scratch: Vec<f32>,
    mu: Option<f32>,
    step: usize,
    status: Status,
}
fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| *a as f64 * *b as f64).sum()
}
impl GaussNewton {
    pub fn builder() -> Builder {
        Builder { width: 4096, shift: 0.0, damping: None, level: Level::detect(), tolerance: 1e-6, steps: 30, seed: 0 }
    }
    fn residual(&mut self, w: &[f32]) -> Result<(Vec<f32>, Vec<u64>), TrainError> {
        let (n, d, c, m) = (self.n, self.d, self.c, self.m);
        let (mut f, mut words) = (vec![0f32; n * c], vec![0u64; pattern_len(n, m)]);
        let (x, w, a) = (MatRef::new(&self.x, n, d)?, MatRef::new(w, m, d)?, MatRef::new(&self.a, c, m)?);
        let bits = PatternMut::new(&mut words, n, m)?;
        two_layer::forward(self.b.level, x, w, a, self.b.shift, Some(bits), MatMut::new(&mut f, n, c)?, &mut self.scratch)?;
        f.iter_mut().zip(&self.y).for_each(|(f, y)| *f -= y);
        Ok((f, words))
    }
    pub fn step(&mut self) -> Result<Option<Step>, TrainError> {
        self.step_with(&mut |_| ())
    }
    pub fn step_with(&mut self, progress: &mut dyn FnMut(Progress)) -> Result<Option<Step>, TrainError> {
        if self.status != Status::Running {
            return Ok(None);
        }
        let (n, d, c, m) = (self.n, self.d, self.c, self.m);
        let start = std::time::Instant::now();
        let before = dot(&self.r, &self.r);
        let (x, a) = (self.x.clone(), self.a.clone());
        let (x, a) = (MatRef::new(&x, n, d)?, MatRef::new(&a, c, m)?);
        let words = self.words.clone();
        let old = PatternRef::new(&words, n, m)?;
        let mut cg_iterations = 0;
        for rejected in 0..12 {
            let mu = self.b.damping.unwrap_or(*self.mu.get_or_insert(0.02 * 0.5)) as f64;
            let mut g = vec![0f32; n * c];
            let mut kp = vec![0f32; n * c];
            let mut r = self.r.clone();
            let mut p = r.clone();
            let mut rr = before;
            let mut it = 0;
            while it < 100 && rr > 0.01 * before {
                progress(Progress { phase: "conjugate gradient", done: it, total: 100 });
                let (u, out) = (MatRef::new(&p, n, c)?, MatMut::new(&mut kp, n, c)?);
                two_layer::gram_product(self.b.level, x, a, old, u, out, &mut self.scratch)?;
                kp.iter_mut().zip(&p).for_each(|(k, p)| *k += mu as f32 * p);
                let pkp = dot(&p, &kp);
                if !(pkp > 0.0) {
                    break;
                }
                let alpha = (rr / pkp) as f32;
                for i in 0..r.len() {
                    g[i] += alpha * p[i];
                    r[i] -= alpha * kp[i];
                }
                let new = dot(&r, &r);
                let beta = (new / rr) as f32;
                rr = new;
                for i in 0..r.len() {
                    p[i] = r[i] + beta * p[i];
                }
                it += 1;
            }
            cg_iterations += it;
            let mut dw = vec![0f32; m * d];
            two_layer::vjp(self.b.level, x, a, old, MatRef::new(&g, n, c)?, MatMut::new(&mut dw, m, d)?, &mut self.scratch)?;
            let w: Vec<f32> = self.w.iter().zip(&dw).map(|(w, d)| w - d).collect();
            let (r, words) = self.residual(&w)?;
            let after = dot(&r, &r);
            if after.is_nan() || after >= before {
                if self.b.damping.is_some() {
                    break;
                }
                self.mu = Some(8.0 * mu.max(1e-6) as f32);
                continue;
            }
            if after < before / 4.0 {
                self.mu = Some(if mu < 1e-7 { 0.0 } else { mu as f32 / 8.0 });
            }
            let new = PatternRef::new(&words, n, m)?;
            let all = (n * m) as f64;
            let (flipped, fired) = (new.flips(self.b.level, old)? as f64 / all, new.count(self.b.level) as f64 / all);
            (self.w, self.r, self.words) = (w, r, words);
            self.step += 1;
            let train_mse = after / self.r.len() as f64;
            if train_mse <= self.b.tolerance {
                self.status = Status::Converged;
            } else if self.step >= self.b.steps {
                self.status = Status::StepLimit;
            }
            let seconds = start.elapsed().as_secs_f64();
            let residual_ratio = (after / before).sqrt();
            return Ok(Some(Step {
                step: self.step,
                train_mse,
                residual_ratio,
                cg_iterations,
                damping: mu,
                flipped,
                fired,
                seconds,
                rejected,
            }));
        }
        self.status = Status::Stalled;
        Ok(None)
    }
    pub fn weights(&self) -> MatRef<'_, f32> {
        MatRef::new(&self.w, self.m, self.d).unwrap()
    }
    pub fn signs(&self) -> MatRef<'_, f32> {
        MatRef::new(&self.a, self.c, self.m).unwrap()
    }
    pub fn status(&self) -> Status {
        self.status
    }
}
