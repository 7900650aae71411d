//! Training against an adversary: every round each sample is moved, inside a ball around it, to where the loss is high;
//! then the weights take a step on the samples as they have been moved.
//!
//! ```text
//! x~ <- project(x~ + length * ascent(dL/dx)),    dL/dx_i = m^(-1/2) W^T (D_i o A^T u_i)
//! ```
//!
//! The attacked samples are new in every round, so that only an index over the weights can say who fires on them: where
//! few do, one is built once a round and asked by every step of the attack.
//!
//! Source: Gao, Qin, Song, Wang, *A Sublinear Adversarial Training Algorithm*, arXiv 2208.05395; the attack is that of
//! Madry et al., ICLR 2018.

use std::time::Instant;

use super::TrainError;
use super::coding::{Coding, Truth};
use super::data::Matrix;
use super::fired::FiredSets;
use super::gauss_newton::GaussNewton;
use super::gradient::{self, Gradient};
use super::kernels::Kernels;
use super::method::{Algorithm, Problem, Progress, Shape, State, Status, Step, squares, view};
use super::model::Model;
use super::settings::{Attack, AttackedStep, Ball, Lookup, Over};
use super::tangents::grow;
use crate::relu::{PatternRef, fired as lists, pattern};
use crate::{Level, MatMut, MatRef, blas};

/// What the adversary is after.
#[derive(Clone, Copy)]
enum Goal<'a> {
    /// A large `|F - Y|`; Y n x C.
    Squares(&'a [f32]),
    /// Another class than this one: the difference between the best other output and its own.
    Class(&'a [usize]),
}

impl Goal<'_> {
    /// The loss's derivative by the outputs F of sample i.
    fn pull(self, i: usize, f: &[f32], to: &mut [f32]) {
        match self {
            Goal::Squares(y) => to.iter_mut().zip(f).zip(&y[i * f.len()..]).for_each(|((to, f), y)| *to = f - y),
            Goal::Class(of_row) if f.len() == 1 => to[0] = if of_row[i] == 1 { -1.0 } else { 1.0 },
            Goal::Class(of_row) => {
                let class = of_row[i];
                let other = (0..f.len()).filter(|&o| o != class).max_by(|&a, &b| f[a].total_cmp(&f[b])).unwrap_or(class);
                to.fill(0.0);
                to[class] -= 1.0;
                to[other] += 1.0;
            }
        }
    }
}

/// Damping of a Gauss-Newton step, at least, in units of the mean diagonal entry of the Gram matrix: undamped, rounds
/// undo each other (digits: no better than plain training).
const LEAST_DAMPING: f64 = 1.0;

/// Rows that are attacked together in an evaluation.
const ROWS: usize = 512;

/// Finds where a network does badly.
#[derive(Clone, Copy, Debug)]
struct Adversary {
    kernels: Kernels,
    attack: Attack,
    /// How to find who fires, where few do: `None` for dense products.
    lookup: Option<Lookup>,
}

impl Adversary {
    /// Moves the rows of `x`, which begin at the samples `from`; `seen` gets the outputs before every move and at the end.
    fn perturb(
        &self,
        (w, a, shift): (MatRef<'_, f32>, MatRef<'_, f32>, f32),
        from: MatRef<'_, f32>,
        goal: Goal<'_>,
        x: &mut [f32],
        scratch: &mut Vec<f32>,
        mut seen: impl FnMut(&[f32]),
    ) -> Result<(), TrainError> {
        let (n, d, m, c) = (from.rows(), from.cols(), w.rows(), a.rows());
        let Attack { ball, radius, steps, step } = self.attack;
        let step = if step > 0.0 { step } else { 2.5 * radius / steps.max(1) as f32 };
        let (mut f, mut u, mut slope) = (vec![0.0; n * c], vec![0.0; n * c], vec![0.0; n * d]);
        let mut bits = vec![0; if self.lookup.is_none() { pattern::pattern_len(n, m) } else { 0 }];
        let mut turned = vec![0; if self.lookup.is_none() { pattern::pattern_len(m, n) } else { 0 }];
        let mut index = match self.lookup {
            Some(lookup) => Some(FiredSets::new(self.kernels, lookup, Over::Weights, view(x, n, d), w, shift)?),
            None => None,
        };
        for round in 0..=steps {
            if let Some(sets) = &mut index {
                if round > 0 {
                    sets.find(view(x, n, d), w)?;
                }
                gradient::outputs(self.kernels, sets.lists.view(n)?, a, d, shift, &mut f, scratch)?;
            } else {
                self.kernels.forward(view(x, n, d), w, a, shift, Some(&mut bits), &mut f, scratch)?;
            }
            seen(&f);
            if round == steps {
                break;
            }
            for (i, (f, u)) in f.chunks_exact(c).zip(u.chunks_exact_mut(c)).enumerate() {
                goal.pull(i, f, u);
            }
            if let Some(sets) = &index {
                slope.fill(0.0);
                grow(scratch, lists::descend_scratch_len(d, c));
                let (u, slope) = (view(&u, n, c), MatMut::new(&mut slope, n, d)?);
                lists::input_gradient(self.kernels.level, w, a, sets.lists.view(n)?, u, slope, scratch)?;
            } else {
                // Samples and neurons exchanged it is the product J^T U, but for a factor that no step depends on.
                transpose(&bits, n, m, &mut turned);
                let pattern = PatternRef::new(&turned, m, n)?;
                self.kernels.vjp(w, view(&u, n, c).t(), pattern, a.t(), &mut slope, scratch)?;
            }
            for ((x, slope), i) in x.chunks_exact_mut(d).zip(slope.chunks_exact(d)).zip(0..) {
                // The last number is the constant feature's.
                let free = d - 1;
                let (x, slope, at) = (&mut x[..free], &slope[..free], &from.row(i).unwrap_or_default()[..free]);
                match ball {
                    Ball::L2 => {
                        let norm = squares(slope).sqrt() as f32;
                        if norm > 0.0 {
                            x.iter_mut().zip(slope).for_each(|(x, s)| *x += step * (s / norm));
                        }
                        let away = x.iter().zip(at).map(|(x, at)| f64::from(x - at).powi(2)).sum::<f64>().sqrt() as f32;
                        if away > radius {
                            x.iter_mut().zip(at).for_each(|(x, at)| *x = at + (*x - at) * (radius / away));
                        }
                    }
                    Ball::LInfinity => {
                        for ((x, s), at) in x.iter_mut().zip(slope).zip(at) {
                            let sign = if *s > 0.0 {
                                1.0
                            } else if *s < 0.0 {
                                -1.0
                            } else {
                                0.0
                            };
                            *x = (*x + step * sign).clamp(at - radius, at + radius);
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// The pattern of n samples and m neurons, as one of m samples and n neurons.
fn transpose(bits: &[u64], n: usize, m: usize, to: &mut [u64]) {
    let (wide, tall) = (pattern::words_per_sample(m), pattern::words_per_sample(n));
    for i in (0..n).step_by(64) {
        for word in 0..wide {
            let mut block: [u64; 64] = std::array::from_fn(|k| bits.get((i + k) * wide + word).filter(|_| i + k < n).copied().unwrap_or(0));
            // Exchange halves of halves: Hacker's Delight, 7-3.
            let (mut j, mut mask) = (32, 0x0000_0000_ffff_ffffu64);
            while j != 0 {
                let mut k = 0;
                while k < 64 {
                    let t = ((block[k] >> j) ^ block[k + j]) & mask;
                    block[k] ^= t << j;
                    block[k + j] ^= t;
                    k = (k + j + 1) & !j;
                }
                j >>= 1;
                mask ^= mask << j;
            }
            for (k, &row) in block.iter().enumerate().take(m - (64 * word).min(m)) {
                to[(64 * word + k) * tall + i / 64] = row;
            }
        }
    }
}

/// Rounds of attack and step.
#[derive(Debug)]
pub(super) struct Adversarial {
    adversary: Adversary,
    /// The samples as they are.
    x: Vec<f32>,
    /// As they have been moved.
    moved: Vec<f32>,
    inner: Inner,
    shape: Shape,
    shift: f32,
    tolerance: f64,
    steps: usize,
    level: Level,
    y: Vec<f32>,
    /// Of the samples as they are.
    train_mse: f64,
    step: usize,
    status: Status,
    scratch: Vec<f32>,
}

/// What steps on the moved samples.
#[derive(Debug)]
enum Inner {
    GaussNewton(Box<GaussNewton>),
    Gradient(Box<Gradient>),
}

impl Inner {
    fn get(&mut self) -> &mut dyn Algorithm {
        match self {
            Inner::GaussNewton(inner) => &mut **inner,
            Inner::Gradient(inner) => &mut **inner,
        }
    }
    fn see(&self) -> &dyn Algorithm {
        match self {
            Inner::GaussNewton(inner) => &**inner,
            Inner::Gradient(inner) => &**inner,
        }
    }
    fn attacked(&mut self, x: &[f32]) -> Result<(), TrainError> {
        match self {
            Inner::GaussNewton(inner) => {
                inner.damp(LEAST_DAMPING);
                inner.replace_samples(x)
            }
            Inner::Gradient(inner) => inner.replace_samples(x),
        }
    }
}

impl Adversarial {
    pub fn start(mut problem: Problem) -> Result<Self, TrainError> {
        let (shape, kernels) = (problem.shape, Kernels::new(&problem.settings));
        let settings = problem.settings.clone();
        if shape.d < 2 {
            return Err(TrainError::data(format!(
                "an adversary needs at least one feature besides the constant one, found {} in all",
                shape.d
            )));
        }
        let lookup = match settings.lookup {
            Lookup::Dense => None,
            // The share of a Gaussian beyond the shift: where few fire, and not all of the network is read anyway.
            Lookup::Auto if settings.shift < 1.5 => None,
            Lookup::Auto => Some(Lookup::Scan),
            Lookup::MaxTree | Lookup::Candidates => {
                return Err(TrainError::setting(
                    "lookup",
                    "auto, dense, scan, screened or ball-tree against an adversary: samples are new in every round",
                    settings.lookup,
                ));
            }
            other => Some(other),
        };
        // Limits are this method's own; neither does the inner one stop.
        problem.settings.tolerance = 0.0;
        problem.settings.steps = usize::MAX;
        problem.settings.lookup = if lookup.is_some() { Lookup::Scan } else { Lookup::Dense };
        problem.settings.over = Over::Weights;
        let (x, y) = (problem.x.clone(), problem.y.clone());
        let inner = match settings.attacked {
            AttackedStep::GaussNewton => Inner::GaussNewton(Box::new(GaussNewton::start(problem)?)),
            AttackedStep::Gradient => Inner::Gradient(Box::new(Gradient::start(problem)?)),
        };
        let train_mse = inner.see().train_mse();
        Ok(Self {
            adversary: Adversary { kernels, attack: settings.attack, lookup },
            moved: x.clone(),
            x,
            inner,
            shape,
            shift: settings.shift,
            tolerance: settings.tolerance,
            steps: settings.steps,
            level: settings.level,
            y,
            train_mse,
            step: 0,
            status: Status::Running,
            scratch: Vec::new(),
        })
    }

    /// The error on the samples as they are.
    fn measure(&mut self) -> Result<(), TrainError> {
        let Shape { n, d, c, .. } = self.shape;
        let mut f = vec![0.0; n * c];
        let (w, a) = (self.inner.see().weights(), self.inner.see().signs());
        self.adversary.kernels.forward(view(&self.x, n, d), w, a, self.shift, None, &mut f, &mut self.scratch)?;
        blas::axpy(self.level, -1.0, &self.y, &mut f)?;
        self.train_mse = squares(&f) / f.len() as f64;
        Ok(())
    }
}

impl Algorithm for Adversarial {
    fn step(&mut self, progress: &mut dyn FnMut(Progress)) -> Result<Option<Step>, TrainError> {
        if self.step >= self.steps {
            self.status = Status::StepLimit;
        }
        if self.status != Status::Running {
            return Ok(None);
        }
        let begun = Instant::now();
        let Shape { n, d, .. } = self.shape;
        progress(Progress { phase: "attacking", done: 0, total: 0 });
        self.moved.copy_from_slice(&self.x);
        let network = (self.inner.see().weights(), self.inner.see().signs(), self.shift);
        self.adversary.perturb(network, view(&self.x, n, d), Goal::Squares(&self.y), &mut self.moved, &mut self.scratch, |_| {})?;
        self.inner.attacked(&self.moved)?;
        let (robust, before) = (self.inner.see().train_mse(), self.train_mse);
        if robust <= self.tolerance {
            self.status = Status::Converged;
            return Ok(None);
        }
        let Some(step) = self.inner.get().step(progress)? else {
            self.status = Status::Stalled;
            return Ok(None);
        };
        self.step += 1;
        self.measure()?;
        if self.step >= self.steps {
            self.status = Status::StepLimit;
        }
        Ok(Some(Step {
            step: self.step,
            train_mse: self.train_mse,
            residual_ratio: (self.train_mse / before).sqrt(),
            robust_mse: Some(robust),
            seconds: begun.elapsed().as_secs_f64(),
            ..step
        }))
    }

    fn status(&self) -> Status {
        self.status
    }

    fn weights(&self) -> MatRef<'_, f32> {
        self.inner.see().weights()
    }

    fn signs(&self) -> MatRef<'_, f32> {
        self.inner.see().signs()
    }

    fn train_mse(&self) -> f64 {
        self.train_mse
    }

    fn save(&self, to: &mut State) {
        let mut inner = State::default();
        self.inner.see().save(&mut inner);
        let prefix = |name: String| format!("inner {name}");
        to.numbers.extend(inner.numbers.into_iter().map(|(name, x)| (prefix(name), x)));
        to.floats.extend(inner.floats.into_iter().map(|(name, x)| (prefix(name), x)));
        to.words.extend(inner.words.into_iter().map(|(name, x)| (prefix(name), x)));
        to.put_status(self.status);
        to.put("step", self.step as f64);
        to.put_floats("moved samples", &self.moved);
    }

    fn restore(&mut self, from: &State) -> Result<(), TrainError> {
        fn mine<T: Clone>(list: &[(String, T)]) -> Vec<(String, T)> {
            list.iter().filter_map(|(name, x)| Some((name.strip_prefix("inner ")?.to_string(), x.clone()))).collect()
        }
        let inner = State { numbers: mine(&from.numbers), floats: mine(&from.floats), words: mine(&from.words) };
        self.status = from.status()?;
        self.step = from.count("step")?;
        from.floats("moved samples", &mut self.moved)?;
        self.inner.attacked(&self.moved)?;
        self.inner.get().restore(&inner)?;
        self.measure()
    }
}

impl Model {
    /// Of the rows named, those that keep their class under attack: moved anywhere the attack looks, after every one of
    /// its steps. Rows that are wrong already do not. The goal of the attack is another class, whichever is next.
    ///
    /// # Errors
    /// As [`Model::outputs`]; [`TrainError::Data`] for a network that predicts numbers.
    ///
    /// ```
    /// use subquad::train::Attack;
    /// # use subquad::{Level, train::{Coding, Dataset, Model, Preparation, PrepareOptions, Target, TwoLayer}};
    /// # let sign = Target::classes("sign", vec!["minus".into(), "plus".into()], vec![0, 0, 1, 1])?;
    /// # let data = Dataset::new(vec!["t".into()], vec![-2.0, -1.0, 1.0, 2.0], sign)?;
    /// # let all = [0, 1, 2, 3];
    /// # let preparation = Preparation::fit(data.features(), &all, PrepareOptions::default())?;
    /// # let coding = Coding::fit(data.target(), &all)?;
    /// # let (x, y) = (preparation.apply(data.features(), &all)?, coding.encode(data.target(), &all)?);
    /// # let mut run = TwoLayer::builder().width(64).tolerance(1e-3).seed(1).build(x.as_ref(), y.as_ref())?;
    /// # while run.step()?.is_some() {}
    /// // Trained on -2, -1, 1, 2 and their signs.
    /// let model = Model::new(data.columns().clone(), preparation, coding, 0.0, run.weights(), run.signs())?;
    /// let truth = model.coding().truth(data.target(), &all)?;
    /// let attack = Attack { radius: 1e-3, ..Attack::default() }; // so small that nothing changes its class
    /// assert_eq!(model.robust(Level::detect(), data.features(), &all, &truth, attack)?, [true; 4]);
    /// # Ok::<(), subquad::train::TrainError>(())
    /// ```
    pub fn robust(
        &self,
        level: Level,
        features: &Matrix,
        rows: &[usize],
        truth: &[Truth],
        attack: Attack,
    ) -> Result<Vec<bool>, TrainError> {
        if let Coding::Values { names, .. } = self.coding() {
            let names = names.join("', '");
            return Err(TrainError::data(format!("an attack on the class needs classes; this network predicts numbers, '{names}'")));
        }
        let class_of = |truth: &Truth| if let Truth::Class(class) = truth { Some(*class) } else { None };
        let mut held: Vec<bool> = truth.iter().map(|truth| class_of(truth).is_some()).collect();
        let threads = 1;
        let adversary = Adversary { kernels: Kernels { level, threads }, attack, lookup: None };
        let (c, mut scratch) = (self.signs().rows(), Vec::new());
        for ((rows, truth), held) in rows.chunks(ROWS).zip(truth.chunks(ROWS)).zip(held.chunks_mut(ROWS)) {
            let x = self.preparation().apply(features, rows)?;
            let classes: Vec<usize> = truth.iter().map(|truth| class_of(truth).unwrap_or(0)).collect();
            let mut moved = x.data().to_vec();
            let network = (self.weights(), self.signs(), self.shift());
            adversary.perturb(network, x.as_ref(), Goal::Class(&classes), &mut moved, &mut scratch, |f| {
                for ((held, f), &class) in held.iter_mut().zip(f.chunks_exact(c)).zip(&classes) {
                    *held &= self.coding().class(f) == class;
                }
            })?;
        }
        Ok(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_transposed() {
        for (n, m) in [(1, 1), (3, 70), (64, 64), (65, 130), (200, 63)] {
            let mut bits = vec![0u64; pattern::pattern_len(n, m)];
            let fires = |i: usize, r: usize| (i * 31 + r * 17 + i * r) % 5 < 2;
            for i in 0..n {
                for r in (0..m).filter(|&r| fires(i, r)) {
                    bits[i * m.div_ceil(64) + r / 64] |= 1 << (r % 64);
                }
            }
            let mut turned = vec![u64::MAX; pattern::pattern_len(m, n)];
            transpose(&bits, n, m, &mut turned);
            let turned = PatternRef::new(&turned, m, n).unwrap();
            assert!((0..n).all(|i| (0..m).all(|r| turned.fires(r, i) == fires(i, r))), "{n} x {m}");
            let last = turned.words().chunks(n.div_ceil(64)).all(|row| n % 64 == 0 || row[n / 64] >> (n % 64) == 0);
            assert!(last, "bits behind the last sample");
        }
    }

    /// The attack stays in its ball, leaves the constant alone, and raises the loss; by lists it is the same.
    #[test]
    fn attacks_stay_in_the_ball_and_do_harm() {
        let (n, d, m, c) = (30, 6, 400, 2);
        let mut x = vec![0.0f32; n * d];
        crate::random::gaussian(&mut crate::random::stream(1, 0), &mut x);
        let (mut w, mut a) = (vec![0.0f32; m * d], vec![0.0f32; c * m]);
        crate::random::gaussian(&mut crate::random::stream(1, 1), &mut w);
        crate::random::signs(&mut crate::random::stream(1, 2), &mut a);
        let y = vec![0.25; n * c];
        let classes: Vec<usize> = (0..n).map(|i| i % c).collect();
        for ball in [Ball::L2, Ball::LInfinity] {
            for goal in [Goal::Squares(&y), Goal::Class(&classes)] {
                let mut ends = Vec::new();
                for lookup in [None, Some(Lookup::Scan), Some(Lookup::Screened)] {
                    let attack = Attack { ball, radius: 0.3, steps: 8, step: 0.0 };
                    let adversary = Adversary { kernels: Kernels { level: Level::detect(), threads: 1 }, attack, lookup };
                    let (mut moved, mut seen) = (x.clone(), Vec::new());
                    let network = (view(&w, m, d), view(&a, c, m), 0.8);
                    adversary.perturb(network, view(&x, n, d), goal, &mut moved, &mut Vec::new(), |f| seen.push(f.to_vec())).unwrap();
                    let loss = |f: &[f32]| -> f64 {
                        match goal {
                            Goal::Squares(y) => f.iter().zip(y).map(|(f, y)| f64::from(f - y).powi(2)).sum(),
                            Goal::Class(of) => of.iter().enumerate().map(|(i, &k)| f64::from(f[i * c + 1 - k] - f[i * c + k])).sum(),
                        }
                    };
                    assert_eq!(seen.len(), 9);
                    assert!(loss(&seen[8]) > loss(&seen[0]) + 0.1);
                    for (moved, x) in moved.chunks(d).zip(x.chunks(d)) {
                        let far: Vec<f64> = moved.iter().zip(x).map(|(m, x)| f64::from(m - x).abs()).collect();
                        assert_eq!(far[d - 1], 0.0);
                        let far = match ball {
                            Ball::L2 => far.iter().map(|x| x * x).sum::<f64>().sqrt(),
                            Ball::LInfinity => far.iter().copied().fold(0.0, f64::max),
                        };
                        assert!(far <= 0.3 * (1.0 + 1e-5), "{far}");
                    }
                    ends.push(loss(&seen[8]));
                }
                assert!(ends.iter().all(|end| (end / ends[0] - 1.0).abs() < 1e-3), "{ends:?}");
            }
        }
    }
}
