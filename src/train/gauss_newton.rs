//! Stub: replaced by the trainer. Undamped Gauss-Newton with plain conjugate gradient, in plain loops.
#![allow(missing_docs)]
use crate::train::TrainError;
use crate::{Level, MatRef};
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
    damping: f32,
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
        self.damping = v;
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
    pub fn level(self, _: Level) -> Self {
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
        let r = y.iter().map(|y| -y).collect();
        let mut this = GaussNewton { b: self, n, d, c, m, x, y, w, a, dd: vec![], r, step: 0, status: Status::Running };
        this.residual();
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
    dd: Vec<bool>,
    r: Vec<f32>,
    step: usize,
    status: Status,
}
fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
impl GaussNewton {
    pub fn builder() -> Builder {
        Builder { width: 4096, shift: 0.0, damping: 0.0, tolerance: 1e-6, steps: 30, seed: 0 }
    }
    fn residual(&mut self) -> f64 {
        let s = 1.0 / (self.m as f32).sqrt();
        let mut dd = Vec::with_capacity(self.n * self.m);
        for i in 0..self.n {
            let h: Vec<f32> = (0..self.m)
                .map(|r| (dot(&self.x[i * self.d..][..self.d], &self.w[r * self.d..][..self.d]) - self.b.shift).max(0.0))
                .collect();
            dd.extend(h.iter().map(|h| *h > 0.0));
            for o in 0..self.c {
                self.r[i * self.c + o] = s * dot(&h, &self.a[o * self.m..][..self.m]) - self.y[i * self.c + o];
            }
        }
        let flips = dd.iter().zip(&self.dd).filter(|(a, b)| a != b).count();
        self.dd = dd;
        flips as f64 / self.dd.len() as f64
    }
    fn jt(&self, u: &[f32]) -> Vec<f32> {
        let s = 1.0 / (self.m as f32).sqrt();
        let mut g = vec![0f32; self.m * self.d];
        for i in 0..self.n {
            for r in 0..self.m {
                if self.dd[i * self.m + r] {
                    let t: f32 = s * (0..self.c).map(|o| u[i * self.c + o] * self.a[o * self.m + r]).sum::<f32>();
                    for k in 0..self.d {
                        g[r * self.d + k] += t * self.x[i * self.d + k];
                    }
                }
            }
        }
        g
    }
    fn j(&self, v: &[f32]) -> Vec<f32> {
        let s = 1.0 / (self.m as f32).sqrt();
        let mut f = vec![0f32; self.n * self.c];
        for i in 0..self.n {
            for r in 0..self.m {
                if self.dd[i * self.m + r] {
                    let t = s * dot(&self.x[i * self.d..][..self.d], &v[r * self.d..][..self.d]);
                    for o in 0..self.c {
                        f[i * self.c + o] += t * self.a[o * self.m + r];
                    }
                }
            }
        }
        f
    }
    pub fn step(&mut self) -> Result<Option<Step>, TrainError> {
        self.step_with(&mut |_| ())
    }
    pub fn step_with(&mut self, progress: &mut dyn FnMut(Progress)) -> Result<Option<Step>, TrainError> {
        if self.status != Status::Running {
            return Ok(None);
        }
        let start = std::time::Instant::now();
        let before = dot(&self.r, &self.r);
        let mut g = vec![0f32; self.r.len()];
        let mut r = self.r.clone();
        let mut p = r.clone();
        let mut rr = before;
        let mut it = 0;
        while it < 100 && rr > 0.01 * before {
            progress(Progress { phase: "conjugate gradient", done: it, total: 100 });
            let mut kp = self.j(&self.jt(&p));
            kp.iter_mut().zip(&p).for_each(|(k, p)| *k += self.b.damping * p);
            let alpha = rr / dot(&p, &kp);
            for i in 0..r.len() {
                g[i] += alpha * p[i];
                r[i] -= alpha * kp[i];
            }
            let new = dot(&r, &r);
            let beta = new / rr;
            rr = new;
            for i in 0..r.len() {
                p[i] = r[i] + beta * p[i];
            }
            it += 1;
        }
        let dw = self.jt(&g);
        self.w.iter_mut().zip(&dw).for_each(|(w, d)| *w -= d);
        let flipped = self.residual();
        let after = dot(&self.r, &self.r);
        if !after.is_finite() {
            return Err(TrainError::Numbers { problem: "the loss is not finite any more".into() });
        }
        self.step += 1;
        let train_mse = after as f64 / self.r.len() as f64;
        if train_mse <= self.b.tolerance {
            self.status = Status::Converged;
        } else if self.step >= self.b.steps {
            self.status = Status::StepLimit;
        }
        let fired = self.dd.iter().filter(|d| **d).count() as f64 / self.dd.len() as f64;
        let (damping, seconds) = (self.b.damping as f64, start.elapsed().as_secs_f64());
        let residual_ratio = (after as f64 / before as f64).sqrt();
        Ok(Some(Step { step: self.step, train_mse, residual_ratio, cg_iterations: it, damping, flipped, fired, seconds, rejected: 0 }))
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
