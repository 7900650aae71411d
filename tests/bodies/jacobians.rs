//! Sketches of the two-layer network's Jacobian, and of sparse factors.

use super::bounds::gamma;
use super::source::{Kind, Source, is_wide};
use super::streams::{bucket, hadamard_rows};
use subquad::relu::{PatternRef, pattern};
use subquad::simd::Float;
use subquad::sketch::{Factor, Srht, TensorSketch, TensorSrht};
use subquad::{Level, MatMut, MatRef};

/// Rows of the Jacobian go through a sketch as the definition has it; so do factors of which only some numbers are given.
pub fn jacobians(bytes: &[u8]) {
    if is_wide(bytes) { of_numbers::<f64>(bytes) } else { of_numbers::<f32>(bytes) }
}

/// What a sketch of one row adds, and the sum of absolute terms of each of its numbers.
struct Wanted {
    values: Vec<f64>,
    size: f64,
    roundings: usize,
}

impl Wanted {
    /// To numbers that were 1 before.
    fn check<T: Float>(&self, found: &[T], what: impl Fn() -> String) {
        for (j, (found, value)) in found.iter().zip(&self.values).enumerate() {
            let allowed = (gamma::<T>(self.roundings) + gamma::<f64>(self.roundings)) * self.size + gamma::<T>(1) * (1.0 + value.abs());
            let error = (found.to_f64() - 1.0 - value).abs();
            assert!(error <= allowed, "{}: number {j} is {found}, should be 1 + {value}: off by {error:e}, allowed {allowed:e}", what());
        }
    }
}

fn size(x: &[f64]) -> f64 {
    x.iter().map(|x| x.abs()).sum()
}

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn log2(n: usize) -> usize {
    n.next_power_of_two().ilog2() as usize
}

/// Of n numbers each goes through log2(N) sums, behind the roundings of itself and of a scale.
fn srht(x: &[f64], rows: usize, seed: u64) -> Wanted {
    let scale = 1.0 / (rows.max(1) as f64).sqrt();
    let values = hadamard_rows(x, rows, seed, 0).iter().map(|y| scale * y).collect();
    Wanted { values, size: scale * size(x), roundings: log2(x.len()) + 8 }
}

fn tensor_srht(u: &[f64], v: &[f64], rows: usize, seed: u64) -> Wanted {
    let scale = 1.0 / (rows.max(1) as f64).sqrt();
    let (left, right) = (hadamard_rows(u, rows, seed, 0), hadamard_rows(v, rows, seed, 2));
    let values = left.iter().zip(&right).map(|(u, v)| scale * u * v).collect();
    Wanted { values, size: scale * size(u) * size(v), roundings: log2(u.len()) + log2(v.len()) + 10 }
}

/// The rounding of the convolution is relative to the whole: 4 log2(s) eps |u| |v| by its documentation, and that of the factors before it.
/// Numbers that share a bucket make its sum as large as that of their sizes.
fn tensor_sketch(u: &[f64], v: &[f64], rows: usize, seed: u64) -> Wanted {
    let mut values = vec![0.0; rows];
    let (mut left, mut right) = (vec![0.0; rows], vec![0.0; rows]);
    u.iter().enumerate().for_each(|(i, u)| left[bucket(i, rows, seed, 0).0] += u.abs());
    v.iter().enumerate().for_each(|(i, v)| right[bucket(i, rows, seed, 1).0] += v.abs());
    for (&x, (h, f)) in u.iter().zip((0..).map(|i| bucket(i, rows, seed, 0))) {
        for (&y, (g, e)) in v.iter().zip((0..).map(|i| bucket(i, rows, seed, 1))) {
            values[(h + g) % rows] += f * x * e * y;
        }
    }
    Wanted { values, size: norm(&left) * norm(&right), roundings: 8 * log2(rows) + u.len() + v.len() + 10 }
}

fn of_numbers<T: Float>(bytes: &[u8]) {
    let mut source = Source(bytes);
    let (n, d, m) = (source.below(4), source.below(9), source.below(20));
    let rows = source.below(40);
    let seed = u64::from(source.u32());
    let kind = if source.byte().is_multiple_of(2) { Kind::Exact } else { Kind::Rough };
    let (x, a) = (source.numbers::<T>(n * d, kind), source.numbers::<T>(m, kind));
    let words: Vec<u64> = (0..pattern::pattern_len(n, m)).map(|_| u64::from(source.u32()) & ((1 << m) - 1)).collect();
    let Ok(fired) = PatternRef::new(&words, n, m) else { return };
    let x_ref = MatRef::new(&x, n, d).expect("n d numbers");
    let unset = T::from_f64(f64::NAN);
    let hashed_rows = rows.next_power_of_two();
    let masked = |i: usize| -> Vec<f64> {
        let scale = 1.0 / (m.max(1) as f64).sqrt();
        (0..m).map(|r| if fired.fires(i, r) { scale * a[r].to_f64() } else { 0.0 }).collect()
    };
    let row = |i: usize| -> Vec<f64> { x[i * d..(i + 1) * d].iter().map(|x| x.to_f64()).collect() };
    let whole = Srht::new(m * d, rows, seed).expect("short");
    let tensor = TensorSrht::new((m, d), rows, seed).expect("short");
    let hashed = TensorSketch::new((m, d), hashed_rows, seed).expect("a power of two");
    // Some numbers of two factors, some of them at the same place.
    let places = |source: &mut Source<'_>, len: usize| -> Vec<usize> {
        (0..source.below(6)).filter(|_| len > 0).map(|_| source.below(len.max(1))).collect()
    };
    let (left, right) = (places(&mut source, m), places(&mut source, d));
    let (u, v) = (source.numbers::<T>(left.len(), kind), source.numbers::<T>(right.len(), kind));
    for level in Level::available() {
        let mut y = vec![T::ONE; n * rows];
        let mut scratch = vec![unset; whole.jacobian_scratch_len(d, m)];
        whole.jacobian(level, x_ref, &a, fired, MatMut::new(&mut y, n, rows).expect("fits"), &mut scratch).expect("shapes fit");
        let mut z = vec![T::ONE; n * rows];
        let mut scratch = vec![unset; tensor.scratch_len()];
        tensor.jacobian(level, x_ref, &a, fired, MatMut::new(&mut z, n, rows).expect("fits"), &mut scratch).expect("shapes fit");
        let mut t = vec![T::ONE; n * hashed_rows];
        let mut scratch = vec![unset; hashed.jacobian_scratch_len()];
        hashed.jacobian(level, x_ref, &a, fired, MatMut::new(&mut t, n, hashed_rows).expect("fits"), &mut scratch).expect("shapes fit");
        for i in 0..n {
            let (u, v) = (masked(i), row(i));
            let outer: Vec<f64> = u.iter().flat_map(|u| v.iter().map(move |v| u * v)).collect();
            let shape = || format!("{level}: row {i} of {n}, {m} x {d} to {rows}");
            srht(&outer, rows, seed).check(&y[i * rows..(i + 1) * rows], || format!("{}: Hadamard", shape()));
            tensor_srht(&u, &v, rows, seed).check(&z[i * rows..(i + 1) * rows], || format!("{}: two of them", shape()));
            let wanted = tensor_sketch(&u, &v, hashed_rows, seed);
            wanted.check(&t[i * hashed_rows..(i + 1) * hashed_rows], || format!("{}: hashed", shape()));
        }

        let mut t = vec![T::ONE; hashed_rows];
        let mut scratch = vec![unset; hashed.scratch_len()];
        let (few, others) = (Factor::Sparse { indices: &left, values: &u }, Factor::Sparse { indices: &right, values: &v });
        hashed.accumulate(level, few, others, &mut t, &mut scratch).expect("within both");
        let full = |len: usize, places: &[usize], values: &[T]| {
            let mut all = vec![0.0; len];
            places.iter().zip(values).for_each(|(&at, x)| all[at] += x.to_f64());
            all
        };
        let (of_u, of_v) = (full(m, &left, &u), full(d, &right, &v));
        let mut wanted = tensor_sketch(&of_u, &of_v, hashed_rows, seed);
        // What makes up for itself has been rounded all the same.
        wanted.size = u.iter().map(|x| x.to_f64().abs()).sum::<f64>() * v.iter().map(|x| x.to_f64().abs()).sum::<f64>();
        wanted.check(&t, || format!("{level}: {left:?} and {right:?} of {m} x {d}"));
        let beyond = Factor::Sparse { indices: &[m], values: &[T::ONE] };
        assert!(hashed.accumulate(level, beyond, others, &mut t, &mut scratch).is_err(), "{level}: an index beyond");
    }
}
