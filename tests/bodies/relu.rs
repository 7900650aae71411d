//! The two-layer network by its patterns.

use super::bounds::Sum;
use super::network::Network;
use super::source::{Kind, Source, is_wide};
use subquad::relu::{PatternMut, PatternRef, gram, pattern, two_layer};
use subquad::simd::Float;
use subquad::{Level, MatMut, MatRef};

const SHAPE: &str = "as many numbers as the shape says";

/// Any weights: who fires, outputs, products with the Jacobian and Gram matrices are what the definitions say, to rounding, wherever
/// no sum overflows; nobody fires on NaN; levels that fuse agree on who fires.
pub fn relu(bytes: &[u8]) {
    if is_wide(bytes) { of_numbers::<f64>(bytes) } else { of_numbers::<f32>(bytes) }
}

fn of_numbers<T: Float>(bytes: &[u8]) {
    let mut source = Source(bytes);
    let network = Network::<T>::take(&mut source, 12, 1.0 / 64.0);
    let definition = Definition::of(&network);
    let (n, d, m, c) = network.shape;
    let (x, w, a, u, shift) = (network.x(), network.w(), network.a(), network.u(), network.shift);
    let from = source.below(m / 64 + 1) * 64;
    let mut first: Option<(Level, Vec<u64>)> = None;
    for level in Level::available() {
        let mut words = vec![u64::MAX; pattern::pattern_len(n, m)];
        let mut scratch = vec![T::from_f64(f64::NAN); two_layer::gram_product_scratch_len(d, m, c)];
        let (mut f, mut g) = (unset::<T>(n * c), unset::<T>(n * c));
        let to = PatternMut::new(&mut words, n, m).expect(SHAPE);
        two_layer::forward(level, x, w, a, shift, Some(to), MatMut::new(&mut f, n, c).expect(SHAPE), &mut scratch).expect("shapes fit");
        let fired = PatternRef::new(&words, n, m).expect(SHAPE);
        definition.check_pattern::<T>(level, network.kind, fired);
        two_layer::gram_product(level, x, a, fired, u, MatMut::new(&mut g, n, c).expect(SHAPE), &mut scratch).expect("shapes fit");
        let (mut jv, mut jtu, mut part) = (unset::<T>(n * c), unset::<T>(m * d), unset::<T>((m - from) * d));
        two_layer::vjp(level, x, a, fired, u, MatMut::new(&mut jtu, m, d).expect(SHAPE), &mut scratch).expect("shapes fit");
        let v = MatRef::new(&jtu, m, d).expect(SHAPE);
        two_layer::jvp(level, x, a, fired, v, MatMut::new(&mut jv, n, c).expect(SHAPE), &mut scratch).expect("shapes fit");
        let to = MatMut::new(&mut part, m - from, d).expect(SHAPE);
        two_layer::vjp_rows(level, x, a, fired, u, from, to, &mut scratch).expect("shapes fit");
        assert!(same(&part, &jtu[from * d..]), "{level}: rows from {from} on are those of the whole");

        // Each term meets the d of a product, the m of a sum, a factor of A, what the shift and m^(-1/2) take, which is itself rounded.
        let outputs = definition.outputs(fired);
        (0..n * c).for_each(|at| outputs[at].check(f[at], d + m + 6, || format!("{level}: output {at}")));
        // As many outputs, their factors, m^(-1/2) and its product, and n samples.
        let back = definition.vjp(fired);
        (0..m * d).for_each(|at| back[at].check(jtu[at], n + c + 5, || format!("{level}: J^T U at {at}, {n} x {d} x {m}")));
        let given: Vec<Sum> = jtu.iter().map(|x| x.to_f64()).map(|x| Sum { value: x, size: x.abs(), peak: x.abs(), lost: 0.0 }).collect();
        let forth = definition.jvp(fired, &given);
        (0..n * c).for_each(|at| forth[at].check(jv[at], d + m + 6, || format!("{level}: J V at {at}")));
        if network.kind != Kind::Any {
            // Both after each other, in whatever order.
            let both = definition.jvp(fired, &back);
            (0..n * c).for_each(|at| both[at].check(g[at], d + m + n + c + 11, || format!("{level}: K U at {at}")));
        }
        check_gram(level, &definition, &network, fired);

        let fuses = ["avx2", "avx512", "neon"].contains(&level.name());
        if let Some((other, pattern)) = &first {
            if fuses || network.kind == Kind::Exact {
                assert_eq!(pattern, &words, "{level} and {other} differ on who fires");
            }
        } else {
            first = Some((level, words));
        }
    }
}

fn unset<T: Float>(n: usize) -> Vec<T> {
    vec![T::from_f64(f64::NAN); n]
}

fn same<T: Float>(a: &[T], b: &[T]) -> bool {
    a.iter().zip(b).all(|(a, b)| bytemuck::bytes_of(a) == bytemuck::bytes_of(b) || a.is_nan() && b.is_nan())
}

/// Gram matrices of the tangents, and what they are made of; above the diagonal they may hold anything.
fn check_gram<T: Float>(level: Level, definition: &Definition, network: &Network<T>, fired: PatternRef<'_>) {
    let (n, d, m, _) = network.shape;
    let (mut counts, mut room) = (unset::<T>(n * n), unset::<T>(gram::gram_scratch_len(n, d)));
    gram::overlaps(level, fired, MatMut::new(&mut counts, n, n).expect(SHAPE)).expect("shapes fit");
    let mut finite = unset::<T>(n * n);
    gram::gram(level, network.x(), fired, MatMut::new(&mut finite, n, n).expect(SHAPE), &mut room).expect("shapes fit");
    let mut limit = unset::<T>(n * n);
    let to = MatMut::new(&mut limit, n, n).expect(SHAPE);
    gram::analytic_gram(level, network.x(), network.shift, to, &mut room).expect("shapes fit");
    for (i, j) in (0..n).flat_map(|i| (0..n).map(move |j| (i, j))) {
        if j > i {
            assert!(counts[i * n + j].is_nan(), "{level}: overlaps above the diagonal are not written");
            continue;
        }
        let both = (0..m).filter(|&r| fired.fires(i, r) && fired.fires(j, r)).count() as f64;
        assert_eq!(counts[i * n + j].to_f64(), both, "{level}: overlap of {i} and {j}");
        // The product's d, 1 / m and its product, and the count's.
        let inner = definition.inner(i, j);
        let by_row = (0..d).map(|k| definition.x[i * d + k].abs()).sum::<f64>();
        let mut wanted = inner.times(1.0 / m.max(1) as f64).times(both);
        // 1 / m may go to either row first, and what it loses there meets the other.
        wanted.lost += (by_row + (0..d).map(|k| definition.x[j * d + k].abs()).sum::<f64>()) * both;
        wanted.check(finite[i * n + j], d + 5, || format!("{level}: Gram matrix at ({i}, {j})"));
    }
    if network.kind == Kind::Any || n == 0 {
        return;
    }
    // The limit takes an integral for each entry: a few.
    for (i, j) in [(0, 0), (n - 1, 0), (n - 1, n / 2), (n / 2, n / 2)] {
        let (low, high) = definition.limit::<T>(i, j, network.shift.to_f64());
        let found = limit[i * n + j].to_f64();
        assert!(low <= found && found <= high, "{level}: limit at ({i}, {j}): {found}, should be from {low} to {high}");
    }
}

/// The network in f64.
struct Definition {
    shape: (usize, usize, usize, usize),
    x: Vec<f64>,
    w: Vec<f64>,
    a: Vec<f64>,
    u: Vec<f64>,
    shift: f64,
    /// Of each sample and neuron.
    z: Vec<Sum>,
}

impl Definition {
    fn of<T: Float>(network: &Network<T>) -> Self {
        fn all<T: Float>(a: MatRef<'_, T>) -> Vec<f64> {
            a.data().iter().map(|x| x.to_f64()).collect()
        }
        let (n, d, m, _) = network.shape;
        let (x, w) = (all(network.x()), all(network.w()));
        let z = (0..n * m).map(|at| Sum::of((0..d).map(|k| (x[at / m * d + k], w[at % m * d + k])))).collect();
        Self { shape: network.shape, z, x, w, a: all(network.a()), u: all(network.u()), shift: network.shift.to_f64() }
    }

    /// z > b, wherever rounding leaves no doubt; and never on NaN.
    fn check_pattern<T: Float>(&self, level: Level, kind: Kind, fired: PatternRef<'_>) {
        let (n, d, m, _) = self.shape;
        for (i, r) in (0..n).flat_map(|i| (0..m).map(move |r| (i, r))) {
            let z = &self.z[i * m + r];
            if (0..d).any(|k| self.x[i * d + k].is_nan() || self.w[r * d + k].is_nan()) {
                assert!(!fired.fires(i, r), "{level}: fires on NaN");
            }
            // d products and as many sums.
            let doubt = if kind == Kind::Exact { 0.0 } else { z.allowed::<T>(d + 1) };
            if z.is_sane::<T>() && !((z.value - self.shift).abs() <= doubt && doubt > 0.0) {
                assert_eq!(fired.fires(i, r), z.value > self.shift, "{level}: sample {i}, neuron {r}: {} against {}", z.value, self.shift);
            }
        }
    }

    /// `m^(-1/2) sum_r a_r (z_r - b)` over those that fire.
    fn outputs(&self, fired: PatternRef<'_>) -> Vec<Sum> {
        let (n, _, m, c) = self.shape;
        let output = |i: usize, o: usize| {
            let mut sum = Sum::default();
            for r in 0..m {
                let mut z = self.z[i * m + r];
                z.add(-self.shift);
                if fired.fires(i, r) {
                    sum.plus(z.times(self.a[o * m + r]));
                } else {
                    // Those that do not fire are computed as well.
                    sum.plus(Sum { peak: z.size + z.peak, ..Sum::default() });
                }
            }
            sum.times(1.0 / (m.max(1) as f64).sqrt())
        };
        (0..n * c).map(|at| output(at / c, at % c)).collect()
    }

    /// `m^(-1/2) sum_r a_r <x, v_r>` over those that fire.
    fn jvp(&self, fired: PatternRef<'_>, v: &[Sum]) -> Vec<Sum> {
        let (n, d, m, c) = self.shape;
        let inner = |i: usize, r: usize| {
            let mut sum = Sum::default();
            (0..d).for_each(|k| sum.plus(v[r * d + k].times(self.x[i * d + k])));
            sum
        };
        let mut out = vec![Sum::default(); n * c];
        for (i, r) in (0..n).flat_map(|i| (0..m).map(move |r| (i, r))) {
            let z = inner(i, r);
            for o in 0..c {
                let unheard = Sum { peak: z.size + z.peak, ..Sum::default() };
                out[i * c + o].plus(if fired.fires(i, r) { z.times(self.a[o * m + r]) } else { unheard });
            }
        }
        out.iter().map(|sum| sum.times(1.0 / (m.max(1) as f64).sqrt())).collect()
    }

    /// `m^(-1/2) sum_i <u_i, a_r> x_i` over the samples on which r fires.
    fn vjp(&self, fired: PatternRef<'_>) -> Vec<Sum> {
        let (n, d, m, c) = self.shape;
        let norm = 1.0 / (m.max(1) as f64).sqrt();
        let mut out = vec![Sum::default(); m * d];
        for (i, r) in (0..n).flat_map(|i| (0..m).map(move |r| (i, r))) {
            let back = Sum::of((0..c).map(|o| (self.u[i * c + o], self.a[o * m + r]))).times(norm);
            for k in 0..d {
                let x = self.x[i * d + k];
                // Where nothing fires there may be a product with zero.
                let unheard = Sum { peak: back.peak + x.abs(), ..Sum::default() };
                out[r * d + k].plus(if fired.fires(i, r) { back.times(x) } else { unheard });
            }
        }
        out
    }

    fn inner(&self, i: usize, j: usize) -> Sum {
        let d = self.shape.1;
        Sum::of((0..d).map(|k| (self.x[i * d + k], self.x[j * d + k])))
    }

    /// Between which numbers `<x_i, x_j> P(z_i > b, z_j > b)` lies, computed from rows whose products were rounded. The probability grows
    /// with the correlation (Slepian's lemma) and falls with both thresholds, so that it is between its values at the ends of each.
    fn limit<T: Float>(&self, i: usize, j: usize, shift: f64) -> (f64, f64) {
        let d = self.shape.1;
        let (inner, square, other) = (self.inner(i, j), self.inner(i, i).value, self.inner(j, j).value);
        let (norm, next) = (square.sqrt(), other.sqrt());
        if norm == 0.0 || next == 0.0 {
            return (0.0, 0.0);
        }
        // Of a product d + 1 roundings; of norms half as much. Some in f64 behind that.
        let off = super::bounds::gamma::<T>(d + 1) + 1e-14;
        let correlation = if i == j { 1.0 } else { inner.value / (norm * next) };
        let at = |sign: f64| {
            let (h, k) = (shift / norm * (1.0 - sign * off), shift / next * (1.0 - sign * off));
            let correlation = if i == j { 1.0 } else { (correlation + sign * 2.0 * off).clamp(-1.0, 1.0) };
            let (probability, error) = both_exceed(h, k, correlation);
            // What the documentation allows, and the error of this integral.
            probability + sign * (1e-9 + error)
        };
        let (low, high) = (at(-1.0), at(1.0));
        let room = inner.allowed::<T>(d + 3);
        let ends = [(inner.value - room) * low, (inner.value - room) * high, (inner.value + room) * low, (inner.value + room) * high];
        (ends.iter().copied().fold(f64::INFINITY, f64::min), ends.iter().copied().fold(f64::NEG_INFINITY, f64::max))
    }
}

/// P(y > h, z > k) for standard normal y, z, and how wrong it may be: y = s cos t and z = s cos (t - angle) of a point whose distance s is
/// beyond both lines, which in the direction t has the probability exp(-s^2 / 2).
fn both_exceed(h: f64, k: f64, correlation: f64) -> (f64, f64) {
    use core::f64::consts::{FRAC_PI_2, PI};
    const POINTS: usize = 1000;
    let angle = correlation.acos();
    if h == 0.0 && k == 0.0 {
        return ((PI - angle) / (2.0 * PI), 1e-15);
    }
    let (from, to) = (angle - FRAC_PI_2, FRAC_PI_2);
    let step = (to - from) / POINTS as f64;
    let at = |t: f64| {
        let beyond = |h: f64, cos: f64| if h <= 0.0 { 0.0 } else { h / cos.max(1e-300) };
        let s = beyond(h, t.cos()).max(beyond(k, (t - angle).cos()));
        (-0.5 * s * s).exp()
    };
    let sum: f64 = (0..POINTS).map(|p| at(from + (p as f64 + 0.5) * step)).sum();
    // The integrand rises once and falls once, by 1 at most; midpoints are off by half a step for each unit of that.
    (sum * step / (2.0 * PI), step / (2.0 * PI))
}
