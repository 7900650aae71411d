//! The two-layer network against its definition, finite differences and itself, at every level.

use crate::oracle::{Dense, assert_close, dirty, levels, numbers, signs};
use quickcheck::{TestResult, quickcheck};
use subquad::relu::two_layer::{
    forward, forward_scratch_len, gram_product, gram_product_scratch_len, jvp, jvp_scratch_len, vjp, vjp_rows, vjp_scratch_len,
};
use subquad::relu::{PatternMut, PatternRef, gram, pattern};
use subquad::simd::Float;
use subquad::{Error, Level, MatMut, MatRef};

/// A network and what the definitions say of it, in f64.
struct Case<T> {
    n: usize,
    d: usize,
    m: usize,
    c: usize,
    shift: T,
    x: Vec<T>,
    w: Vec<T>,
    a: Vec<T>,
    words: Vec<u64>,
}

impl<T: Float> Case<T> {
    fn new(n: usize, d: usize, m: usize, c: usize, shift: f64, seed: u64) -> Self {
        let (x, w, a) = (numbers(n * d, seed), numbers(m * d, seed + 1), numbers(c * m, seed + 2));
        let mut case = Self { n, d, m, c, shift: T::from_f64(shift), x, w, a, words: vec![0; pattern::pattern_len(n, m)] };
        let z = case.z();
        for i in 0..n {
            for r in 0..m {
                if z.at(i, r) > shift {
                    case.words[i * m.div_ceil(64) + r / 64] |= 1 << (r % 64);
                }
            }
        }
        case
    }
    fn x(&self) -> MatRef<'_, T> {
        MatRef::new(&self.x, self.n, self.d).unwrap()
    }
    fn w(&self) -> MatRef<'_, T> {
        MatRef::new(&self.w, self.m, self.d).unwrap()
    }
    fn a(&self) -> MatRef<'_, T> {
        MatRef::new(&self.a, self.c, self.m).unwrap()
    }
    fn pattern(&self) -> PatternRef<'_> {
        PatternRef::new(&self.words, self.n, self.m).unwrap()
    }
    fn z(&self) -> Dense {
        Dense::of(self.x()).times(&Dense::of(self.w()).t())
    }
    fn d(&self) -> Dense {
        Dense::from_fn(self.n, self.m, |i, r| f64::from(u8::from(self.pattern().fires(i, r))))
    }
    fn scale(&self) -> f64 {
        1.0 / (self.m.max(1) as f64).sqrt()
    }

    /// F and the sum of its absolute terms.
    fn outputs(&self) -> (Dense, Dense) {
        let b = self.shift.to_f64();
        let phi = self.z().map(|z| (z - b).max(0.0));
        let a = Dense::of(self.a()).t();
        let size = Dense::of(self.x()).map(f64::abs).times(&Dense::of(self.w()).map(f64::abs).t()).map(|z| z + b);
        (phi.times(&a).map(|f| f * self.scale()), size.times(&a.map(f64::abs)).map(|f| f * self.scale()))
    }
    fn jvp(&self, v: &Dense) -> Dense {
        let z = Dense::of(self.x()).times(&v.t());
        z.with(&self.d(), |z, d| z * d).times(&Dense::of(self.a()).t()).map(|f| f * self.scale())
    }
    fn vjp(&self, u: &Dense) -> Dense {
        let s = u.times(&Dense::of(self.a())).with(&self.d(), |u, d| u * d);
        s.t().times(&Dense::of(self.x())).map(|g| g * self.scale())
    }
    /// The same network with every number replaced by its absolute value: bounds for rounding errors.
    fn sizes(&self) -> Self {
        let abs = |v: &[T]| v.iter().map(|x| x.abs()).collect();
        Self { x: abs(&self.x), w: abs(&self.w), a: abs(&self.a), words: self.words.clone(), ..*self }
    }
    fn units(&self) -> f64 {
        (self.m + self.d + 4) as f64
    }

    fn run_forward(&self, level: Level) -> (Vec<T>, Vec<u64>) {
        let (mut f, mut words) = (dirty(self.n * self.c), vec![u64::MAX; self.words.len()]);
        let mut scratch = dirty(forward_scratch_len(self.d, self.m, self.c));
        let pattern = PatternMut::new(&mut words, self.n, self.m).unwrap();
        let out = MatMut::new(&mut f, self.n, self.c).unwrap();
        forward(level, self.x(), self.w(), self.a(), self.shift, Some(pattern), out, &mut scratch).unwrap();
        (f, words)
    }
    fn run_jvp(&self, level: Level, v: &[T]) -> Vec<T> {
        let mut out = dirty(self.n * self.c);
        let mut scratch = dirty(jvp_scratch_len(self.d, self.m, self.c));
        let (v, view) = (MatRef::new(v, self.m, self.d).unwrap(), MatMut::new(&mut out, self.n, self.c).unwrap());
        jvp(level, self.x(), self.a(), self.pattern(), v, view, &mut scratch).unwrap();
        out
    }
    fn run_vjp(&self, level: Level, u: &[T]) -> Vec<T> {
        let mut out = dirty(self.m * self.d);
        let mut scratch = dirty(vjp_scratch_len(self.d, self.m, self.c));
        let (u, view) = (MatRef::new(u, self.n, self.c).unwrap(), MatMut::new(&mut out, self.m, self.d).unwrap());
        vjp(level, self.x(), self.a(), self.pattern(), u, view, &mut scratch).unwrap();
        out
    }
    fn run_product(&self, level: Level, u: &[T]) -> Vec<T> {
        let mut out = dirty(self.n * self.c);
        let mut scratch = dirty(gram_product_scratch_len(self.d, self.m, self.c));
        let (u, view) = (MatRef::new(u, self.n, self.c).unwrap(), MatMut::new(&mut out, self.n, self.c).unwrap());
        gram_product(level, self.x(), self.a(), self.pattern(), u, view, &mut scratch).unwrap();
        out
    }
}

/// Shapes around tiles (6, 14 rows), panels (2 to 32 neurons), words (64), blocks of samples (128), groups (1024).
fn shapes() -> impl Iterator<Item = (usize, usize, usize, usize)> {
    let edges = [(1, 1, 2, 1), (2, 3, 5, 1), (7, 2, 64, 2), (13, 5, 63, 3), (15, 14, 65, 1), (29, 17, 130, 10), (3, 4, 33, 17)];
    let empty = [(0, 3, 4, 1), (3, 0, 4, 1), (3, 2, 0, 1), (3, 2, 4, 0)];
    edges.into_iter().chain(empty).chain([(129, 3, 40, 2), (5, 3, 1100, 2), (2, 300, 500, 1), (2, 2100, 70, 1)])
}

fn against_the_definition<T: Float>() {
    for (n, d, m, c) in shapes() {
        // With the last one few neurons fire, or none: the products then go entry by entry.
        for shift in [0.0, 0.4, 0.75 * (d as f64).sqrt()] {
            let case = Case::<T>::new(n, d, m, c, shift, 11);
            let sizes = case.sizes();
            let (v, u) = (numbers::<T>(m * d, 21), numbers::<T>(n * c, 22));
            let (dv, du) = (Dense::of(MatRef::new(&v, m, d).unwrap()), Dense::of(MatRef::new(&u, n, c).unwrap()));
            for level in levels() {
                let what = format!("{level} n={n} d={d} m={m} C={c} b={shift}");
                let (f, words) = case.run_forward(level);
                let (wanted, size) = case.outputs();
                assert_close(&f, &wanted.data, &size.data, case.units(), &format!("forward {what}"));
                // A neuron within rounding of the threshold may go either way; these numbers keep clear of it.
                assert_eq!(words, case.words, "pattern {what}");

                let size = sizes.jvp(&dv.map(f64::abs));
                assert_close(&case.run_jvp(level, &v), &case.jvp(&dv).data, &size.data, case.units(), &format!("jvp {what}"));
                let units = (n + c + 4) as f64;
                let size = sizes.vjp(&du.map(f64::abs));
                assert_close(&case.run_vjp(level, &u), &case.vjp(&du).data, &size.data, units, &format!("vjp {what}"));
                let (wanted, size) = (case.jvp(&case.vjp(&du)), sizes.jvp(&sizes.vjp(&du.map(f64::abs))));
                let units = units + case.units();
                assert_close(&case.run_product(level, &u), &wanted.data, &size.data, units, &format!("K u {what}"));
            }
        }
    }
}

#[test]
fn against_the_definition_f32() {
    against_the_definition::<f32>();
}

#[test]
fn against_the_definition_f64() {
    against_the_definition::<f64>();
}

#[test]
fn jvp_is_the_derivative_of_forward() {
    let case = Case::<f64>::new(9, 4, 70, 3, 0.2, 5);
    let v = numbers::<f64>(70 * 4, 6);
    for level in levels() {
        let step = 1e-6;
        let moved = |sign: f64| {
            let w = case.w.iter().zip(&v).map(|(w, v)| w + sign * step * v).collect();
            Case { x: case.x.clone(), a: case.a.clone(), words: case.words.clone(), w, ..case }.run_forward(level)
        };
        let ((up, pattern_up), (down, pattern_down)) = (moved(1.0), moved(-1.0));
        assert_eq!((&pattern_up, &pattern_down), (&case.words, &case.words), "no neuron crosses the threshold");
        let wanted: Vec<f64> = up.iter().zip(&down).map(|(u, d)| (u - d) / (2.0 * step)).collect();
        for (found, wanted) in case.run_jvp(level, &v).iter().zip(&wanted) {
            assert!((found - wanted).abs() < 1e-8, "{level}: {found} {wanted}");
        }
    }
}

#[test]
fn vjp_is_the_transpose_of_jvp() {
    for level in levels() {
        for (n, d, m, c) in shapes() {
            let case = Case::<f64>::new(n, d, m, c, 0.1, 31);
            let (v, u) = (numbers::<f64>(m * d, 32), numbers::<f64>(n * c, 33));
            let left: f64 = case.run_jvp(level, &v).iter().zip(&u).map(|(a, b)| a * b).sum();
            let right: f64 = case.run_vjp(level, &u).iter().zip(&v).map(|(a, b)| a * b).sum();
            let size = case.sizes().jvp(&Dense { rows: m, cols: d, data: v.iter().map(|v| v.abs()).collect() });
            let size: f64 = size.data.iter().zip(&u).map(|(a, b)| a * b.abs()).sum();
            assert!((left - right).abs() <= 1e-13 * size, "{level} {n} {d} {m} {c}: {left} {right}");
        }
    }
}

/// Samples and weights may lie along any strides.
#[test]
fn transposed_inputs_are_the_same_inputs() {
    let case = Case::<f32>::new(17, 9, 70, 2, 0.1, 41);
    let turned =
        |m: MatRef<'_, f32>| -> Vec<f32> { (0..m.cols()).flat_map(|j| (0..m.rows()).map(move |i| m.get(i, j).unwrap())).collect() };
    let (x, w, a) = (turned(case.x()), turned(case.w()), turned(case.a()));
    let x = MatRef::new(&x, 9, 17).unwrap().t();
    let w = MatRef::new(&w, 9, 70).unwrap().t();
    let a = MatRef::new(&a, 70, 2).unwrap().t();
    let u = numbers::<f32>(34, 42);
    let u_turned = turned(MatRef::new(&u, 17, 2).unwrap());
    let u_view = MatRef::new(&u_turned, 2, 17).unwrap().t();
    for level in levels() {
        let mut scratch = dirty(gram_product_scratch_len(9, 70, 2));
        let mut f = [0.0; 34];
        forward(level, x, w, a, case.shift, None, MatMut::new(&mut f, 17, 2).unwrap(), &mut scratch).unwrap();
        assert_eq!(f.as_slice(), case.run_forward(level).0);
        gram_product(level, x, a, case.pattern(), u_view, MatMut::new(&mut f, 17, 2).unwrap(), &mut scratch).unwrap();
        assert_eq!(f.as_slice(), case.run_product(level, &u));
        let mut g = [0.0; 630];
        vjp(level, x, a, case.pattern(), u_view, MatMut::new(&mut g, 70, 9).unwrap(), &mut scratch).unwrap();
        assert_eq!(g.as_slice(), case.run_vjp(level, &u));
    }
}

/// Few firing neurons are walked one by one, but a sum of gradients is the same chain: the silent ones add zero. Samples
/// across strides take the way of the tiles, so both can be seen.
#[test]
fn few_neurons_give_the_same_gradients_to_the_bit() {
    for (n, d, m, c) in [(37, 40, 200, 1), (21, 33, 130, 3), (70, 70, 64, 17), (200, 65, 1029, 2)] {
        let case = Case::<f32>::new(n, d, m, c, 0.75 * (d as f64).sqrt(), 55);
        let share = case.pattern().count(Level::detect()) as f64 / (n * m) as f64;
        assert!(share > 0.005 && share < 0.12, "{share}");
        let turned: Vec<f32> = (0..d).flat_map(|k| (0..n).map(move |i| (i, k))).map(|(i, k)| case.x[i * d + k]).collect();
        let x = MatRef::new(&turned, d, n).unwrap().t();
        let u = numbers::<f32>(n * c, 56);
        let view = MatRef::new(&u, n, c).unwrap();
        for level in levels() {
            let (mut scratch, mut dense) = (dirty(gram_product_scratch_len(d, m, c)), dirty(m * d));
            vjp(level, x, case.a(), case.pattern(), view, MatMut::new(&mut dense, m, d).unwrap(), &mut scratch).unwrap();
            assert_eq!(case.run_vjp(level, &u), dense, "{level} n={n} d={d} m={m} C={c}");
            let mut product = dirty(n * c);
            gram_product(level, x, case.a(), case.pattern(), view, MatMut::new(&mut product, n, c).unwrap(), &mut scratch).unwrap();
            let few = case.run_product(level, &u);
            let size = product.iter().fold(0.0f32, |m, x| m.max(x.abs()));
            assert!(few.iter().zip(&product).all(|(f, p)| (f - p).abs() <= 1e-5 * size), "{level}: another order, the same sums");
        }
    }
}

/// The same where not the inputs but what they meet lies across: u, and v.
#[test]
fn few_neurons_and_turned_arguments() {
    for (n, d, m, c) in [(37, 40, 200, 2), (21, 33, 130, 3)] {
        let case = Case::<f64>::new(n, d, m, c, 0.75 * (d as f64).sqrt(), 55);
        let turn = |x: &[f64], rows: usize, cols: usize| -> Vec<f64> { (0..cols * rows).map(|k| x[k % rows * cols + k / rows]).collect() };
        let (u, v) = (numbers::<f64>(n * c, 56), numbers::<f64>(m * d, 57));
        let (across_u, across_v) = (turn(&u, n, c), turn(&v, m, d));
        let (u_view, v_view) = (MatRef::new(&across_u, c, n).unwrap().t(), MatRef::new(&across_v, d, m).unwrap().t());
        for level in levels() {
            let (mut scratch, place) = (dirty(gram_product_scratch_len(d, m, c)), format!("{level} n={n} C={c}"));
            let close = |x: &[f64], y: &[f64]| x.iter().zip(y).all(|(x, y)| (x - y).abs() <= 1e-12);
            let (mut rows, mut outputs, mut product) = (dirty(m * d), dirty(n * c), dirty(n * c));
            vjp(level, case.x(), case.a(), case.pattern(), u_view, MatMut::new(&mut rows, m, d).unwrap(), &mut scratch).unwrap();
            assert!(close(&rows, &case.run_vjp(level, &u)), "{place}: vjp");
            jvp(level, case.x(), case.a(), case.pattern(), v_view, MatMut::new(&mut outputs, n, c).unwrap(), &mut scratch).unwrap();
            assert!(close(&outputs, &case.run_jvp(level, &v)), "{place}: jvp");
            gram_product(level, case.x(), case.a(), case.pattern(), u_view, MatMut::new(&mut product, n, c).unwrap(), &mut scratch)
                .unwrap();
            assert!(close(&product, &case.run_product(level, &u)), "{place}: K u");
        }
    }
}

/// An infinite u gives infinity where a firing neuron is shared, and leaves the other samples alone; it meets no padding,
/// which would turn it into NaN.
#[test]
fn an_infinite_right_hand_side_of_few_neurons() {
    for (n, d, m) in [(37, 33, 200), (70, 5, 64), (70, 16, 64), (3, 129, 130)] {
        let mut case = Case::<f32>::new(n, d, m, 1, 0.0, 60);
        (case.words, case.x) = (spotted(n, m, 29, (usize::MAX, 0)), case.x.iter().map(|x| x.abs()).collect());
        let mut u = numbers::<f32>(n, 61);
        u[1] = f32::INFINITY;
        let row = |i: usize| &case.words[i * m.div_ceil(64)..(i + 1) * m.div_ceil(64)];
        for level in levels() {
            for (i, y) in case.run_product(level, &u).into_iter().enumerate() {
                let shared = row(i).iter().zip(row(1)).any(|(a, b)| a & b != 0);
                assert!(if shared { y == f32::INFINITY } else { y.is_finite() }, "{level} n={n} d={d} m={m} row {i}: {y}");
            }
        }
    }
}

/// What a model predicts for a row must not depend on the rows it comes with.
#[test]
fn a_row_alone_gives_the_same_bits() {
    let case = Case::<f32>::new(47, 6, 1500, 3, 0.1, 51);
    for level in levels() {
        let (all, words) = case.run_forward(level);
        for i in 0..47 {
            let mut f = [0.0; 3];
            let mut bits = vec![0; pattern::pattern_len(1, 1500)];
            let mut scratch = dirty(forward_scratch_len(6, 1500, 3));
            let pattern = PatternMut::new(&mut bits, 1, 1500).unwrap();
            let out = MatMut::new(&mut f, 1, 3).unwrap();
            forward(level, case.x().row_range(i, 1), case.w(), case.a(), case.shift, Some(pattern), out, &mut scratch).unwrap();
            assert_eq!(f, all[3 * i..3 * i + 3], "{level} row {i}");
            assert_eq!(bits, words[24 * i..24 * (i + 1)]);
        }
    }
}

/// A pattern that nobody computed: one bit of so many, and one tile of 64 samples and 64 neurons that fires as a whole.
fn spotted(n: usize, m: usize, every: usize, dense: (usize, usize)) -> Vec<u64> {
    let mut words = vec![0; pattern::pattern_len(n, m)];
    for (i, r) in (0..n).flat_map(|i| (0..m).map(move |r| (i, r))) {
        let inside = i / 64 == dense.0 && r / 64 == dense.1;
        if inside || (i * m + r).is_multiple_of(every) {
            words[i * m.div_ceil(64) + r / 64] |= 1 << (r % 64);
        }
    }
    words
}

/// Where few fire on the whole, but all of them in one corner.
#[test]
fn a_dense_corner_of_a_silent_network() {
    for (n, d, m, c) in [(130, 40, 1029, 1), (128, 33, 700, 3)] {
        for dense in [(0, 0), (1, 7), (1, 10), (9, 9)] {
            let words = spotted(n, m, 97, dense);
            let case = Case::<f64> { words, ..Case::new(n, d, m, c, 0.0, 57) };
            let sizes = case.sizes();
            let (v, u) = (numbers::<f64>(m * d, 58), numbers::<f64>(n * c, 59));
            let (dv, du) = (Dense::of(MatRef::new(&v, m, d).unwrap()), Dense::of(MatRef::new(&u, n, c).unwrap()));
            for level in levels() {
                let what = format!("{level} n={n} m={m} C={c} dense at {dense:?}");
                let size = sizes.jvp(&dv.map(f64::abs));
                assert_close(&case.run_jvp(level, &v), &case.jvp(&dv).data, &size.data, case.units(), &format!("jvp {what}"));
                let (units, size) = ((n + c + 4) as f64, sizes.vjp(&du.map(f64::abs)));
                assert_close(&case.run_vjp(level, &u), &case.vjp(&du).data, &size.data, units, &format!("vjp {what}"));
                let (wanted, size) = (case.jvp(&case.vjp(&du)), sizes.jvp(&sizes.vjp(&du.map(f64::abs))));
                assert_close(&case.run_product(level, &u), &wanted.data, &size.data, units + case.units(), &format!("K u {what}"));
            }
        }
    }
}

/// Some rows of a gradient are those rows of the whole, wherever they begin, by tiles and by entries.
#[test]
fn rows_of_a_gradient_are_those_of_the_whole() {
    for (n, d, m, c, shift) in [(37, 9, 330, 2, 0.1), (37, 40, 330, 2, 5.0), (70, 33, 1029, 1, 4.5), (20, 3, 64, 1, 0.0)] {
        let case = Case::<f32>::new(n, d, m, c, shift, 61);
        let u = numbers::<f32>(n * c, 62);
        for level in levels() {
            let whole = case.run_vjp(level, &u);
            for first in (0..m).step_by(64) {
                for rows in [0, 1, 17, 64, 100].into_iter().filter(|rows| first + rows <= m).chain([m - first]) {
                    let mut found = dirty(rows * d);
                    let mut scratch = dirty(vjp_scratch_len(d, rows, c));
                    let (u, out) = (MatRef::new(&u, n, c).unwrap(), MatMut::new(&mut found, rows, d).unwrap());
                    vjp_rows(level, case.x(), case.a(), case.pattern(), u, first, out, &mut scratch).unwrap();
                    assert_eq!(found, whole[first * d..(first + rows) * d], "{level} m={m}: {rows} from {first}");
                }
            }
        }
    }
}

/// Bits behind the last neuron are nobody's.
#[test]
fn neurons_that_are_not_there_do_not_fire() {
    let pattern = PatternRef::new(&[u64::MAX; 4], 2, 65).unwrap();
    assert!((0..2).all(|i| (0..65).all(|r| pattern.fires(i, r)) && (65..200).all(|r| !pattern.fires(i, r))));
    assert!(!pattern.fires(2, 0));
}

/// Multiples of one sample: the correlation is 1, or what rounding made of it.
#[test]
fn parallel_samples_have_correlation_one() {
    let (n, d) = (40, 7);
    let first = numbers::<f64>(d, 83);
    let x: Vec<f64> = (0..n * d).map(|at| first[at % d] * (0.1 + (at / d) as f64 * 0.077)).collect();
    let norm = |i: usize| x[i * d..(i + 1) * d].iter().map(|x| x * x).sum::<f64>().sqrt();
    for (level, shift) in levels().flat_map(|level| [0.0, 0.3].map(|shift| (level, shift))) {
        let (mut k, mut scratch) = (dirty(n * n), dirty(gram::gram_scratch_len(n, d)));
        gram::analytic_gram(level, MatRef::new(&x, n, d).unwrap(), shift, MatMut::new(&mut k, n, n).unwrap(), &mut scratch).unwrap();
        for (i, j) in (0..n).flat_map(|i| (0..=i).map(move |j| (i, j))) {
            // Both exceed where the shorter one does.
            let wanted = norm(i) * norm(j) * 0.5 * libm::erfc(shift / norm(i).min(norm(j)) / 2f64.sqrt());
            assert!((k[i * n + j] - wanted).abs() <= 1e-7 * norm(i) * norm(j), "{level} b={shift} ({i}, {j}): {} {wanted}", k[i * n + j]);
        }
    }
}

#[test]
fn exactly_on_the_threshold_does_not_fire_and_neither_does_nan() {
    for level in levels() {
        let x = [1.0f32, 1.0, f32::NAN];
        let w = [0.5f32, 0.5000001, f32::NAN, 0.0];
        let (mut f, mut words) = ([0.0f32; 3], [u64::MAX; 3]);
        let mut scratch = dirty(forward_scratch_len(1, 4, 1));
        let (x, w) = (MatRef::new(&x, 3, 1).unwrap(), MatRef::new(&w, 4, 1).unwrap());
        let a = MatRef::new(&[1.0f32; 4], 1, 4).unwrap();
        let pattern = PatternMut::new(&mut words, 3, 4).unwrap();
        forward(level, x, w, a, 0.5, Some(pattern), MatMut::new(&mut f, 3, 1).unwrap(), &mut scratch).unwrap();
        assert_eq!(words, [0b0010, 0b0010, 0], "{level}");
        assert_eq!(f[2], 0.0);
    }
}

#[test]
fn counted_gram_is_the_float_gram() {
    for (n, d, m) in [(0, 2, 5), (1, 3, 64), (3, 2, 1), (5, 3, 700), (17, 4, 513), (32, 2, 64), (9, 3, 4100)] {
        let case = Case::<f32>::new(n, d, m, 1, 0.1, 61);
        let counts = case.d().times(&case.d().t());
        for level in levels() {
            let mut out = vec![7.0f32; n * n];
            gram::overlaps(level, case.pattern(), MatMut::new(&mut out, n, n).unwrap()).unwrap();
            let mut k = dirty::<f64>(n * n);
            let x = Case::<f64>::new(n, d, m, 1, 0.1, 61);
            let mut scratch = dirty::<f64>(gram::gram_scratch_len(n, d));
            gram::gram(level, x.x(), case.pattern(), MatMut::new(&mut k, n, n).unwrap(), &mut scratch).unwrap();
            let inner = Dense::of(x.x()).times(&Dense::of(x.x()).t());
            for (i, j) in (0..n).flat_map(|i| (0..=i).map(move |j| (i, j))) {
                let count = counts.at(i, j);
                assert_eq!(f64::from(out[i * n + j]), count, "{level} n={n} m={m} ({i}, {j})");
                assert_eq!(case.pattern().overlap(level, i, j) as f64, count);
                let wanted = inner.at(i, j) * count / m as f64;
                assert!((k[i * n + j] - wanted).abs() <= 1e-14 * (d as f64 + 3.0), "{level} ({i}, {j})");
            }
            assert!((0..n).all(|i| out[i * n + i + 1..(i + 1) * n].iter().all(|&x| x == 7.0)), "{level}: above the diagonal");
            assert_eq!(case.pattern().count(level) as f64, case.d().data.iter().sum::<f64>());
            let other = Case::<f32>::new(n, d, m, 1, 0.3, 61);
            let flips = case.d().with(&other.d(), |a, b| (a - b).abs()).data.iter().sum::<f64>();
            assert_eq!(case.pattern().flips(level, other.pattern()).unwrap() as f64, flips);
        }
    }
}

/// So many neurons that a block has four samples, or two: every pair is counted once, whatever block it is in.
#[test]
fn counted_gram_in_blocks() {
    for (n, words) in [(11, 16_000), (9, 30_000)] {
        let m = words * 64 - 5;
        let mut state = 1u64;
        let mut bits: Vec<u64> = (0..n * words)
            .map(|_| {
                state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(99);
                state ^ (state >> 29)
            })
            .collect();
        bits.chunks_mut(words).for_each(|sample| sample[words - 1] &= u64::MAX >> 5);
        let pattern = PatternRef::new(&bits, n, m).unwrap();
        let x: Vec<f64> = numbers(n * 2, 62);
        let x = MatRef::new(&x, n, 2).unwrap();
        let inner = Dense::of(x).times(&Dense::of(x).t());
        for level in levels() {
            let (mut counts, mut k) = (vec![7.0f64; n * n], dirty(n * n));
            gram::overlaps(level, pattern, MatMut::new(&mut counts, n, n).unwrap()).unwrap();
            gram::gram(level, x, pattern, MatMut::new(&mut k, n, n).unwrap(), &mut dirty(gram::gram_scratch_len(n, 2))).unwrap();
            for (i, j) in (0..n).flat_map(|i| (0..=i).map(move |j| (i, j))) {
                let count = bits[i * words..(i + 1) * words].iter().zip(&bits[j * words..]).map(|(a, b)| (a & b).count_ones()).sum::<u32>();
                assert_eq!(counts[i * n + j], f64::from(count), "{level} ({i}, {j})");
                let wanted = inner.at(i, j) * f64::from(count) / m as f64;
                assert!((k[i * n + j] - wanted).abs() <= 1e-14, "{level} ({i}, {j})");
            }
        }
    }
}

/// K u from the operator equals K u from the dense matrix, whose blocks the counted Gram gives for one output.
#[test]
fn operator_and_dense_gram_agree() {
    let case = Case { a: signs(300, 73), ..Case::<f64>::new(21, 5, 300, 1, 0.1, 71) };
    let u = numbers::<f64>(21, 72);
    for level in levels() {
        let mut k = vec![0.0; 21 * 21];
        let mut scratch = dirty(gram::gram_scratch_len(21, 5));
        gram::gram(level, case.x(), case.pattern(), MatMut::new(&mut k, 21, 21).unwrap(), &mut scratch).unwrap();
        let product = case.run_product(level, &u);
        for i in 0..21 {
            let dense: f64 = (0..21).map(|j| k[i.max(j) * 21 + i.min(j)] * u[j]).sum();
            assert!((dense - product[i]).abs() < 1e-12, "{level} row {i}: {dense} {}", product[i]);
        }
    }
}

/// A damped step found on J itself is the one found on its Gram matrix: `(J^T J + t)^-1 J^T b = J^T (J J^T + t)^-1 b`.
#[test]
fn steps_by_least_squares_and_by_the_gram_matrix_agree() {
    use subquad::cg::{self, Identity, LeastSquaresStopping, Status, Stopping};
    use subquad::relu::Tangents;
    for (n, d, m, c) in [(9, 3, 70, 2), (4, 5, 130, 1)] {
        let case = Case::<f64>::new(n, d, m, c, 0.1, 75);
        let b = numbers::<f64>(n * c, 76);
        for (level, damping) in levels().flat_map(|level| [(level, 0.0), (level, 0.02)]) {
            let tangents = Tangents::new(case.x(), case.a(), case.pattern(), damping).unwrap();
            let mut step = vec![0.0; m * d];
            let mut scratch = dirty(cg::least_squares_scratch_len(n * c, m * d, cg::TallOperator::scratch_len(&tangents)));
            let stopping = LeastSquaresStopping { relative: 0.0, gradient: 1e-12, max_iterations: 500 };
            let report = cg::least_squares(level, &tangents, &b, damping, &mut step, stopping, &mut scratch).unwrap();
            assert_eq!(report.status, Status::Converged);
            let mut g = vec![0.0; n * c];
            let mut scratch = dirty(cg::conjugate_gradient_scratch_len(n * c, cg::LinearOperator::scratch_len(&tangents), 0));
            let stopping = Stopping { relative: 1e-12, absolute: 0.0, max_iterations: 500 };
            let report = cg::conjugate_gradient(level, &tangents, &Identity, &b, &mut g, stopping, &mut scratch).unwrap();
            assert_eq!(report.status, Status::Converged);
            let wanted = case.run_vjp(level, &g);
            let size = wanted.iter().fold(0.0f64, |m, x| m.max(x.abs()));
            assert!(step.iter().zip(&wanted).all(|(s, w)| (s - w).abs() < 1e-7 * size), "{level} n={n} damping {damping}");
        }
    }
    let case = Case::<f64>::new(4, 2, 5, 2, 0.0, 1);
    assert!(matches!(Tangents::new(case.x(), case.a().t(), case.pattern(), 0.0), Err(Error::Length { expected: 2, found: 5, .. })));
    assert!(matches!(Tangents::new(case.x(), case.a(), case.pattern(), -1.0), Err(Error::Value { .. })));
}

/// The probability that two correlated normals both exceed their thresholds, by brute force over one of them.
fn both_exceed(h: f64, k: f64, rho: f64) -> f64 {
    let density = |y: f64| (-y * y / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let tail = |h: f64| 0.5 * libm::erfc(h / 2f64.sqrt());
    let steps = 200_000;
    let width = 12.0 / f64::from(steps);
    let at = |i: i32| k + (f64::from(i) + 0.5) * width;
    (0..steps).map(|i| density(at(i)) * tail((h - rho * at(i)) / (1.0 - rho * rho).sqrt()) * width).sum()
}

#[test]
fn analytic_gram_is_the_expectation() {
    let (n, d) = (8, 4);
    let mut x = numbers::<f64>(n * d, 81);
    let (first, second) = x.split_at_mut(d);
    second[..d].copy_from_slice(&first.iter().map(|x| x + 1e-3).collect::<Vec<_>>()); // nearly parallel
    x[2 * d..3 * d].fill(0.0); // a sample without a direction
    let (head, tail) = x.split_at_mut(3 * d);
    tail[..d].copy_from_slice(&head[..d].iter().map(|x| -x).collect::<Vec<_>>()); // opposite
    let view = MatRef::new(&x, n, d).unwrap();
    for (level, shift) in levels().flat_map(|level| [0.0, 0.3, 1.7].map(|shift| (level, shift))) {
        let mut k = vec![0.0; n * n];
        let mut scratch = dirty(gram::gram_scratch_len(n, d));
        gram::analytic_gram(level, view, shift, MatMut::new(&mut k, n, n).unwrap(), &mut scratch).unwrap();
        for (i, j) in (0..n).flat_map(|i| (0..=i).map(move |j| (i, j))) {
            let inner: f64 = (0..d).map(|p| x[i * d + p] * x[j * d + p]).sum();
            let norm = |i: usize| (0..d).map(|p| x[i * d + p].powi(2)).sum::<f64>().sqrt();
            let wanted = if i == 2 || j == 2 {
                0.0
            } else if i == j {
                inner * 0.5 * libm::erfc(shift / norm(i) / 2f64.sqrt())
            } else if inner / (norm(i) * norm(j)) < -1.0 + 1e-12 {
                0.0
            } else {
                inner * both_exceed(shift / norm(i), shift / norm(j), inner / (norm(i) * norm(j)))
            };
            assert!((k[i * n + j] - wanted).abs() < 1e-8, "{level} b={shift} ({i}, {j}): {} {wanted}", k[i * n + j]);
        }
    }
}

/// The counted Gram of many Gaussian neurons comes close to the analytic one.
#[test]
fn analytic_gram_is_the_limit_of_the_counted_one() {
    let (n, d, m) = (6, 3, 40_000);
    let mut case = Case::<f32>::new(n, d, m, 1, 0.0, 91);
    // Sums of twelve uniform numbers: close enough to normal.
    let parts = numbers::<f32>(12 * m * d, 92);
    case.w = parts.chunks(12).map(|p| p.iter().sum::<f32>() / 2.0).collect();
    for shift in [0.0, 0.5] {
        case.shift = shift;
        let level = Level::detect();
        case.words = case.run_forward(level).1;
        let (mut counted, mut limit) = (vec![0.0; n * n], vec![0.0; n * n]);
        let mut scratch = dirty(gram::gram_scratch_len(n, d));
        gram::gram(level, case.x(), case.pattern(), MatMut::new(&mut counted, n, n).unwrap(), &mut scratch).unwrap();
        gram::analytic_gram(level, case.x(), shift, MatMut::new(&mut limit, n, n).unwrap(), &mut scratch).unwrap();
        for (i, j) in (0..n).flat_map(|i| (0..=i).map(move |j| (i, j))) {
            assert!((counted[i * n + j] - limit[i * n + j]).abs() < 0.02, "b={shift} ({i}, {j})");
        }
    }
}

#[test]
fn shapes_scratch_and_shift_are_checked() {
    let case = Case::<f32>::new(3, 2, 5, 2, 0.0, 1);
    let level = Level::detect();
    let mut out = [0.0; 6];
    let need = forward_scratch_len(2, 5, 2);
    let mut scratch = vec![0.0; need];
    let mut run = |w: MatRef<'_, f32>, a: MatRef<'_, f32>, shift, (rows, cols), scratch: &mut [f32]| {
        let out = MatMut::new(&mut out[..rows * cols], rows, cols).unwrap();
        forward(level, case.x(), w, a, shift, None, out, scratch)
    };
    let is_length = |r: Result<(), Error>, expected, found| matches!(r, Err(Error::Length { expected: e, found: f, .. }) if (e, f) == (expected, found));
    let (w, a) = (case.w(), case.a());
    assert_eq!(run(w, a, 0.0, (3, 2), &mut scratch), Ok(()));
    assert!(is_length(run(w.t(), a, 0.0, (3, 2), &mut scratch), 2, 5));
    assert!(is_length(run(w, a.t(), 0.0, (3, 2), &mut scratch), 5, 2));
    assert!(is_length(run(w, a, 0.0, (2, 2), &mut scratch), 3, 2));
    assert!(is_length(run(w, a, 0.0, (3, 1), &mut scratch), 2, 1));
    for bad in [-0.1, f32::NAN, f32::INFINITY] {
        assert!(matches!(run(w, a, bad, (3, 2), &mut scratch), Err(Error::Value { .. })), "{bad}");
    }
    let short = Error::TooShort { what: "scratch", needed: need, found: need - 1 };
    assert_eq!(run(w, a, 0.0, (3, 2), &mut scratch[..need - 1]), Err(short));

    let other = Case::<f32>::new(4, 2, 70, 2, 0.0, 1);
    let mut big = vec![0.0; 100_000];
    let v = MatMut::new(&mut out, 3, 2).unwrap();
    assert!(is_length(jvp(level, case.x(), a, other.pattern(), w, v, &mut big), 3, 4));
    let v = MatMut::new(&mut out, 3, 2).unwrap();
    assert!(is_length(gram_product(level, case.x(), a, case.pattern(), w.row_range(0, 2), v, &mut big), 3, 2));
    assert_eq!(PatternRef::new(&[0; 3], 2, 65).unwrap_err(), Error::Length { what: "pattern: words", expected: 4, found: 3 });
    assert!(PatternRef::new(&[0; 3], usize::MAX, 65).is_err());
}

quickcheck! {
    /// The network is positively homogeneous: scaling weights and shift by a power of two scales outputs exactly.
    fn outputs_scale_with_the_weights(n: u8, d: u8, m: u8, c: u8, seed: u64) -> TestResult {
        let (n, d, m, c) = (usize::from(n) % 20, usize::from(d) % 9, usize::from(m), usize::from(c) % 4);
        let case = Case::<f32>::new(n, d, m, c, 0.25, seed % 1000);
        let w = case.w.iter().map(|w| w * 4.0).collect();
        let scaled = Case { w, shift: 1.0, x: case.x.clone(), a: case.a.clone(), words: case.words.clone(), ..case };
        TestResult::from_bool(levels().all(|level| {
            let ((f, p), (g, q)) = (case.run_forward(level), scaled.run_forward(level));
            p == q && f.iter().zip(&g).all(|(f, g)| f * 4.0 == *g)
        }))
    }

    /// Every neuron fires: J V is linear in V, and K is symmetric.
    fn the_gram_operator_is_symmetric(n: u8, m: u8, c: u8, seed: u64) -> TestResult {
        let (n, m, c) = (usize::from(n) % 20 + 1, usize::from(m) + 1, usize::from(c) % 4 + 1);
        let case = Case::<f64>::new(n, 3, m, c, 0.1, seed % 1000);
        let (u, v) = (numbers::<f64>(n * c, seed), numbers::<f64>(n * c, seed ^ 5));
        TestResult::from_bool(levels().all(|level| {
            let left: f64 = case.run_product(level, &u).iter().zip(&v).map(|(a, b)| a * b).sum();
            let right: f64 = case.run_product(level, &v).iter().zip(&u).map(|(a, b)| a * b).sum();
            (left - right).abs() < 1e-11 * (n * c) as f64
        }))
    }
}

/// Found by the fuzz target: nobody fires and there is no output, so that rows of output weights have no numbers at all.
#[test]
fn networks_without_outputs() {
    use subquad::relu::two_layer;
    let (n, d, m, c) = (2, 3, 70, 0);
    let (x, v) = (numbers::<f32>(n * d, 1), numbers::<f32>(m * d, 2));
    let (x, v) = (MatRef::new(&x, n, d).unwrap(), MatRef::new(&v, m, d).unwrap());
    let (a, u) = (MatRef::new(&[], c, m).unwrap(), MatRef::new(&[], n, c).unwrap());
    let words = vec![0; pattern::pattern_len(n, m)];
    let fired = PatternRef::new(&words, n, m).unwrap();
    for level in levels() {
        let mut scratch = dirty(two_layer::gram_product_scratch_len(d, m, c).max(two_layer::jvp_scratch_len(d, m, c)));
        let mut g = dirty::<f32>(m * d);
        two_layer::jvp(level, x, a, fired, v, MatMut::new(&mut [], n, c).unwrap(), &mut scratch).unwrap();
        two_layer::gram_product(level, x, a, fired, u, MatMut::new(&mut [], n, c).unwrap(), &mut scratch).unwrap();
        two_layer::vjp(level, x, a, fired, u, MatMut::new(&mut g, m, d).unwrap(), &mut scratch).unwrap();
        assert!(g.iter().all(|&g| g == 0.0));
    }
}
