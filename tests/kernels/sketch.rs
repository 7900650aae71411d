//! Sketches against the matrices they stand for, at every level; what they promise on average; and what they are for:
//! condition numbers and iteration counts on the digits.

use crate::oracle::{Dense, assert_close, dirty, levels, numbers, signs};
use quickcheck::{TestResult, quickcheck};
use rand_core::Rng;
use subquad::blas::{self, Triangle};
use subquad::cg::{self, LinearOperator, Preconditioner, Status, Stopping};
use subquad::random::{self, stream};
use subquad::relu::{PatternMut, PatternRef, gram, pattern, two_layer};
use subquad::simd::Float;
use subquad::sketch::{Bounds, Factor, FixedStep, Sketched, Srht, TensorSketch, TensorSrht, fixed_step, fixed_step_scratch_len, law};
use subquad::{Error, Level, MatMut, MatRef};

/// Rows p_j of H D for the padded length, and the p_j: what a stored sketch would hold.
fn hadamard_rows(len: usize, rows: usize, seed: u64, purpose: u32) -> Dense {
    let padded = len.next_power_of_two();
    let mut d = vec![0.0f64; len];
    random::signs(&mut stream(seed, purpose), &mut d);
    let mut rng = stream(seed, purpose + 1);
    // The top bits: all of the padded length, whatever the number of rows.
    let positions: Vec<usize> = (0..rows).map(|_| ((u128::from(rng.next_u64()) * padded as u128) >> 64) as usize).collect();
    Dense::from_fn(rows, len, |j, i| if (positions[j] & i).count_ones().is_multiple_of(2) { d[i] } else { -d[i] })
}

fn srht_matrix(len: usize, rows: usize, seed: u64) -> Dense {
    hadamard_rows(len, rows, seed, 0).map(|x| x / (rows as f64).sqrt())
}

/// The matrix on u (x) v, entry (a, b) in column a len(v) + b.
fn tensor_srht_matrix((m, d): (usize, usize), rows: usize, seed: u64) -> Dense {
    let (left, right) = (hadamard_rows(m, rows, seed, 0), hadamard_rows(d, rows, seed, 2));
    Dense::from_fn(rows, m * d, |j, k| left.at(j, k / d) * right.at(j, k % d) / (rows as f64).sqrt())
}

fn tensor<T: Float>(u: &[T], v: &[T]) -> Dense {
    Dense::from_fn(u.len() * v.len(), 1, |k, _| u[k / v.len()].to_f64() * v[k % v.len()].to_f64())
}

/// y + S x against what was found, allowing `units`.
#[track_caller]
fn assert_sketch<T: Float>(found: &[T], before: &[T], s: &Dense, x: &Dense, units: f64, what: &str) {
    let before = Dense::of(MatRef::new(before, before.len(), 1).unwrap());
    let wanted = s.times(x).with(&before, |p, y| p + y);
    let size = s.map(f64::abs).times(&x.map(f64::abs)).with(&before, |p, y| p + y.abs());
    assert_close(found, &wanted.data, &size.data, units, what);
}

fn dense<T: Float>() {
    for len in [0, 1, 2, 3, 5, 8, 31, 64, 65, 100, 200] {
        for rows in [0, 1, 7, 40] {
            for offset in [0, 1] {
                let seed = (len * 100 + rows) as u64;
                let x = &numbers::<T>(len + offset, seed)[offset..];
                let before = numbers::<T>(rows, seed + 1);
                let sketch = Srht::new(len, rows, seed).unwrap();
                let mut bits: Option<Vec<T>> = None;
                for level in levels() {
                    let mut y = before.clone();
                    let mut scratch = dirty::<T>(sketch.scratch_len() + offset);
                    sketch.accumulate(level, x, &mut y, &mut scratch[offset..]).unwrap();
                    let what = format!("{level} {len} -> {rows}");
                    let dx = Dense::of(MatRef::new(x, len, 1).unwrap());
                    assert_sketch(&y, &before, &srht_matrix(len, rows, seed), &dx, 12.0, &what);
                    assert_eq!(bits.get_or_insert(y.clone()), &y, "{what}: the same bits at every level");
                }
            }
        }
    }
}

#[test]
fn srht_f32() {
    dense::<f32>();
}

#[test]
fn srht_f64() {
    dense::<f64>();
}

fn tensors<T: Float>() {
    for (m, d) in [(0, 3), (1, 1), (3, 2), (5, 8), (64, 3), (70, 17), (33, 1)] {
        for rows in [0, 1, 6, 50] {
            let seed = (m * 100 + d * 10 + rows) as u64;
            let (u, v) = (numbers::<T>(m, seed), numbers::<T>(d, seed + 1));
            let before = numbers::<T>(rows, seed + 2);
            let sketch = TensorSrht::new((m, d), rows, seed).unwrap();
            let mut bits: Option<Vec<T>> = None;
            for level in levels() {
                let mut y = before.clone();
                let mut scratch = dirty::<T>(sketch.scratch_len());
                sketch.accumulate(level, &u, &v, &mut y, &mut scratch).unwrap();
                let what = format!("{level} {m} x {d} -> {rows}");
                assert_sketch(&y, &before, &tensor_srht_matrix((m, d), rows, seed), &tensor(&u, &v), 24.0, &what);
                assert_eq!(bits.get_or_insert(y.clone()), &y, "{what}: the same bits at every level");
            }
        }
    }
}

#[test]
fn tensor_srht_f32() {
    tensors::<f32>();
}

#[test]
fn tensor_srht_f64() {
    tensors::<f64>();
}

/// As [`TensorSketch::new`] says, by arithmetic modulo 2^61 - 1: the bucket, and the sign.
fn bucket(index: usize, rows: usize, seed: u64, purpose: u32) -> (usize, f64) {
    const PRIME: u128 = (1 << 61) - 1;
    let mut rng = stream(seed, purpose);
    let c: [u128; 4] = std::array::from_fn(|_| u128::from(rng.next_u64() >> 3) % PRIME);
    let x = index as u128;
    let hash = ((((c[3] * x % PRIME + c[2]) * x) % PRIME + c[1]) * x + c[0]) % PRIME;
    ((hash / 2) as usize % rows, if hash.is_multiple_of(2) { 1.0 } else { -1.0 })
}

fn tensor_sketch_matrix((m, d): (usize, usize), rows: usize, seed: u64) -> Dense {
    let mut s = Dense::from_fn(rows, m * d, |_, _| 0.0);
    for k in 0..m * d {
        let ((h, f), (g, e)) = (bucket(k / d, rows, seed, 0), bucket(k % d, rows, seed, 1));
        s.data[(h + g) % rows * m * d + k] += f * e;
    }
    s
}

/// As [`assert_sketch`], but rounding is relative to the whole.
#[track_caller]
fn assert_convolution<T: Float>(found: &[T], before: &[T], s: &Dense, x: &Dense, what: &str) {
    let wanted = s.times(x);
    let all: f64 = x.data.iter().map(|x| x.abs()).sum();
    let wanted: Vec<f64> = wanted.data.iter().zip(before).map(|(w, y)| w + y.to_f64()).collect();
    let size: Vec<f64> = before.iter().map(|y| y.to_f64().abs() + all).collect();
    assert_close(found, &wanted, &size, 8.0 + 4.0 * (s.rows as f64).log2(), what);
}

fn convolutions<T: Float>() {
    for (m, d) in [(0, 3), (1, 1), (3, 2), (5, 8), (64, 3), (70, 17), (33, 1)] {
        for rows in [1, 2, 4, 8, 32, 64, 256] {
            for scale in [1.0, 1e6] {
                let seed = (m * 100 + d * 10 + rows) as u64;
                let (u, v) = (numbers::<T>(m, seed), numbers::<T>(d, seed + 1));
                let u: Vec<T> = u.into_iter().map(|x| T::from_f64(scale * x.to_f64())).collect();
                let before = numbers::<T>(rows, seed + 2);
                let sketch = TensorSketch::new((m, d), rows, seed).unwrap();
                let matrix = tensor_sketch_matrix((m, d), rows, seed);
                let mut bits: Option<Vec<T>> = None;
                for level in levels() {
                    let mut y = before.clone();
                    let mut scratch = dirty::<T>(sketch.scratch_len() + 1);
                    sketch.accumulate(level, &u[..], &v[..], &mut y, &mut scratch[1..]).unwrap();
                    let what = format!("{level} {m} x {d} -> {rows}");
                    assert_convolution(&y, &before, &matrix, &tensor(&u, &v), &what);
                    assert_eq!(bits.get_or_insert(y.clone()), &y, "{what}: the same bits at every level");
                    // Every number at its index, the first one in two parts; buckets may add up in another order.
                    let (mut indices, mut values): (Vec<usize>, Vec<T>) = u.iter().copied().enumerate().rev().unzip();
                    if let Some(last) = values.last_mut() {
                        *last = T::from_f64(0.5) * *last;
                        values.push(values[values.len() - 1]);
                        indices.push(0);
                    }
                    let sparse = Factor::Sparse { indices: &indices, values: &values };
                    let mut y = before.clone();
                    sketch.accumulate(level, sparse, &v[..], &mut y, &mut scratch[1..]).unwrap();
                    assert_convolution(&y, &before, &matrix, &tensor(&u, &v), &what);
                }
            }
        }
    }
}

/// Factors whose squares, or whose quotients, no number could hold, while it holds their products.
fn scales<T: Float>() {
    let (m, d, rows) = (70, 17, 64);
    let (large, medium) = if size_of::<T>() == 4 { (1e30, 1e18) } else { (1e250, 1e150) };
    for (left, right) in [(large, 1.0 / large), (1.0 / large, large), (medium, medium), (1.0 / medium, 1.0 / medium), (large, 1.0)] {
        let of_size = |n: usize, by: f64, seed: u64| -> Vec<T> { numbers::<f64>(n, seed).iter().map(|x| T::from_f64(by * x)).collect() };
        let (u, v) = (of_size(m, left, 1), of_size(d, right, 2));
        let before = of_size(rows, left * right, 3);
        let sketch = TensorSketch::new((m, d), rows, 4).unwrap();
        for level in levels() {
            let mut y = before.clone();
            sketch.accumulate(level, &u[..], &v[..], &mut y, &mut dirty(sketch.scratch_len())).unwrap();
            let matrix = tensor_sketch_matrix((m, d), rows, 4);
            assert_convolution(&y, &before, &matrix, &tensor(&u, &v), &format!("{level}: {left:e} by {right:e}"));
        }
    }
}

#[test]
fn the_scale_of_the_factors_does_not_matter() {
    scales::<f32>();
    scales::<f64>();
}

/// The product with a factor of zeros is nothing, and so is what it adds: no rounding of the other factor, which goes through the same
/// transform, none of its squares, and no quotient of norms.
fn zeros_add_nothing<T: Float>() {
    let (m, d) = (70, 17);
    for rows in [1, 4, 64, 256] {
        let large = T::from_f64(if size_of::<T>() == 4 { 1e30 } else { 1e250 });
        let (u, v) = (numbers::<T>(m, 1), numbers::<T>(d, 2));
        let of_size = |x: &[T]| x.iter().map(|&x| large * x).collect::<Vec<T>>();
        let (much_u, much_v, zeros) = (of_size(&u), of_size(&v), vec![T::ZERO; m]);
        let sketch = TensorSketch::new((m, d), rows, 3).unwrap();
        for level in levels() {
            let none = &zeros[..d];
            for (u, v) in [(&u, none), (&zeros, &v), (&much_u, none), (&zeros, &much_v), (&zeros, none)] {
                let mut y = vec![T::ZERO; rows];
                sketch.accumulate(level, &u[..], v, &mut y, &mut dirty(sketch.scratch_len())).unwrap();
                assert!(y.iter().all(|&y| y == T::ZERO), "{level} {rows} rows: {y:?}");
            }
        }
    }
}

#[test]
fn a_factor_of_zeros_adds_nothing() {
    zeros_add_nothing::<f32>();
    zeros_add_nothing::<f64>();
}

#[test]
fn tensor_sketch_f32() {
    convolutions::<f32>();
}

#[test]
fn tensor_sketch_f64() {
    convolutions::<f64>();
}

/// A network's firing pattern at random: three of eight neurons fire.
fn firing(n: usize, m: usize, seed: u64) -> Vec<u64> {
    let mut words = vec![0; pattern::pattern_len(n, m)];
    let fires = numbers::<f64>(n * m, seed);
    for (k, _) in fires.iter().enumerate().filter(|(_, x)| **x > 0.25) {
        words[k / m * m.div_ceil(64) + k % m / 64] |= 1 << (k % m % 64);
    }
    words
}

/// Row i of J, as a column, from the definition.
fn gradient<T: Float>(x: MatRef<'_, T>, a: &[T], pattern: PatternRef<'_>, i: usize) -> Dense {
    let (d, m) = (x.cols(), a.len());
    Dense::from_fn(m * d, 1, |k, _| {
        let fires = f64::from(u8::from(pattern.fires(i, k / d)));
        fires * a[k / d].to_f64() * x.get(i, k % d).unwrap().to_f64() / (m as f64).sqrt()
    })
}

fn jacobians<T: Float>() {
    for (n, m, d, rows) in [(0, 3, 2, 4), (1, 1, 1, 3), (4, 5, 3, 9), (3, 64, 5, 10), (5, 70, 17, 8), (2, 130, 1, 6), (2, 4, 0, 3)] {
        let seed = (m * 10 + d) as u64;
        let numbers_of_x = numbers::<T>(n * d, seed);
        let (a, words) = (signs::<T>(m, seed), firing(n, m, seed));
        let pattern = PatternRef::new(&words, n, m).unwrap();
        let matrices = [srht_matrix(m * d, rows, seed), tensor_srht_matrix((m, d), rows, seed), tensor_sketch_matrix((m, d), 16, seed)];
        for (level, transposed) in levels().flat_map(|level| [(level, false), (level, true)]) {
            let x = if transposed { MatRef::new(&numbers_of_x, d, n).unwrap().t() } else { MatRef::new(&numbers_of_x, n, d).unwrap() };
            for (which, s) in matrices.iter().enumerate() {
                let stride = s.rows + 2;
                let canary = T::from_f64(77.0);
                let mut y = vec![canary; n * stride];
                let before = |i: usize| numbers::<T>(s.rows, (seed + 1) ^ i as u64);
                (0..n).for_each(|i| y[i * stride..][..s.rows].copy_from_slice(&before(i)));
                let view = MatMut::with_stride(&mut y, n, s.rows, stride).unwrap();
                match which {
                    0 => {
                        let sketch = Srht::new(m * d, rows, seed).unwrap();
                        let mut scratch = dirty::<T>(sketch.jacobian_scratch_len(d, m));
                        sketch.jacobian(level, x, &a, pattern, view, &mut scratch)
                    }
                    1 => {
                        let sketch = TensorSrht::new((m, d), rows, seed).unwrap();
                        let mut scratch = dirty::<T>(sketch.scratch_len());
                        sketch.jacobian(level, x, &a, pattern, view, &mut scratch)
                    }
                    _ => {
                        let sketch = TensorSketch::new((m, d), 16, seed).unwrap();
                        let mut scratch = dirty::<T>(sketch.jacobian_scratch_len());
                        sketch.jacobian(level, x, &a, pattern, view, &mut scratch)
                    }
                }
                .unwrap();
                for i in 0..n {
                    let what = format!("{level} n={n} m={m} d={d} sketch {which} row {i}");
                    let row = &y[i * stride..(i + 1) * stride];
                    if which < 2 {
                        assert_sketch(&row[..s.rows], &before(i), s, &gradient(x, &a, pattern, i), 30.0, &what);
                    } else {
                        assert_convolution(&row[..s.rows], &before(i), s, &gradient(x, &a, pattern, i), &what);
                    }
                    assert!(row[s.rows..].iter().all(|&x| x == canary), "stays inside: {what}");
                }
            }
        }
    }
}

#[test]
fn rows_of_the_jacobian_f32() {
    jacobians::<f32>();
}

#[test]
fn rows_of_the_jacobian_f64() {
    jacobians::<f64>();
}

/// Mean of S^T S over many seeds against the identity, entry by entry: seven standard errors, from the samples' own
/// variance; every diagonal entry may have none.
fn assert_unbiased(draw: impl Fn(u64) -> Dense) {
    const DRAWS: u64 = 3000;
    let n = draw(0).cols;
    let (mut sum, mut squares) = (vec![0.0; n * n], vec![0.0; n * n]);
    for seed in 0..DRAWS {
        let s = draw(seed);
        for (k, x) in s.t().times(&s).data.into_iter().enumerate() {
            sum[k] += x;
            squares[k] += x * x;
        }
    }
    for k in 0..n * n {
        let (mean, mean_square) = (sum[k] / DRAWS as f64, squares[k] / DRAWS as f64);
        let error = ((mean_square - mean * mean).max(0.0) / DRAWS as f64).sqrt();
        let wanted = f64::from(u8::from(k / n == k % n));
        assert!((mean - wanted).abs() <= 7.0 * error + 1e-12, "entry {k} of {n} x {n}: {mean} +- {error}");
    }
}

/// The sketch's matrix, found by sketching unit vectors.
fn of_units(rows: usize, (m, d): (usize, usize), run: impl Fn(&[f64], &[f64], &mut [f64])) -> Dense {
    let mut s = Dense::from_fn(rows, m * d, |_, _| 0.0);
    for k in 0..m * d {
        let (mut u, mut v, mut y) = (vec![0.0; m], vec![0.0; d], vec![0.0; rows]);
        (u[k / d], v[k % d]) = (1.0, 1.0);
        run(&u, &v, &mut y);
        (0..rows).for_each(|j| s.data[j * m * d + k] = y[j]);
    }
    s
}

#[test]
fn lengths_are_kept_on_average() {
    let level = Level::detect();
    assert_unbiased(|seed| {
        let sketch = Srht::new(6, 3, seed).unwrap();
        of_units(3, (6, 1), |x, _, y| sketch.accumulate(level, x, y, &mut [0.0; 8]).unwrap())
    });
    assert_unbiased(|seed| {
        let sketch = TensorSrht::new((3, 3), 4, seed).unwrap();
        of_units(4, (3, 3), |u, v, y| sketch.accumulate(level, u, v, y, &mut [0.0; 8]).unwrap())
    });
    assert_unbiased(|seed| {
        let sketch = TensorSketch::new((3, 3), 4, seed).unwrap();
        let mut scratch = vec![0.0; sketch.scratch_len()];
        let scratch = std::cell::RefCell::new(&mut scratch);
        of_units(4, (3, 3), |u, v, y| sketch.accumulate(level, u, v, y, &mut scratch.borrow_mut()).unwrap())
    });
}

/// Positions fill the padded transform evenly, however few rows are drawn.
#[test]
fn rows_come_from_all_of_the_transform() {
    let level = Level::detect();
    // Unit vectors 0 and 2^b tell bit b of a position: sketches of them agree, but for their signs, where it is 0.
    for b in 0..6 {
        let mut ones = 0;
        for seed in 0..400 {
            let sketch = Srht::new(64, 4, seed).unwrap();
            let run = |i: usize| {
                let (mut x, mut y) = ([0.0f64; 64], [0.0; 4]);
                x[i] = 1.0;
                sketch.accumulate(level, &x, &mut y, &mut [0.0; 64]).unwrap();
                y
            };
            let (zero, this) = (run(0), run(1 << b));
            let mut d = [0.0f64; 64];
            random::signs(&mut stream(seed, 0), &mut d);
            ones += zero.iter().zip(this).filter(|(z, t)| (*z * t * d[0] * d[1 << b]) < 0.0).count();
        }
        // 1600 fair coins: six standard deviations are 120.
        assert!((680..=920).contains(&ones), "bit {b}: {ones} of 1600");
    }
}

/// The digits as the program prepares them (centred, rows of norm sqrt(1 - .09), a constant .3 behind), and a network.
struct Digits {
    n: usize,
    d: usize,
    m: usize,
    x: Vec<f32>,
    a: Vec<f32>,
    words: Vec<u64>,
}

impl Digits {
    fn new(n: usize, m: usize) -> Self {
        let rows: Vec<Vec<f64>> = include_str!("../../src/bin/subquad/digits.csv")
            .lines()
            .skip(1)
            .map(|line| line.split(',').take(64).map(|x| x.parse().unwrap()).collect())
            .collect();
        let mean: Vec<f64> = (0..64).map(|k| rows.iter().map(|row| row[k]).sum::<f64>() / rows.len() as f64).collect();
        let d = 65;
        let mut x = Vec::new();
        for row in rows.iter().take(n) {
            let row: Vec<f64> = row.iter().zip(&mean).map(|(x, mean)| x - mean).collect();
            let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
            x.extend(row.iter().map(|x| (x / norm * 0.91f64.sqrt()) as f32));
            x.push(0.3);
        }
        let mut w = vec![0.0; m * d];
        random::gaussian(&mut stream(1, 0), &mut w);
        let a = signs::<f32>(m, 2);
        let mut words = vec![0; pattern::pattern_len(n, m)];
        let mut f = vec![0.0; n];
        two_layer::forward(
            Level::detect(),
            MatRef::new(&x, n, d).unwrap(),
            MatRef::new(&w, m, d).unwrap(),
            MatRef::new(&a, 1, m).unwrap(),
            0.0,
            Some(PatternMut::new(&mut words, n, m).unwrap()),
            MatMut::new(&mut f, n, 1).unwrap(),
            &mut vec![0.0; two_layer::forward_scratch_len(d, m, 1)],
        )
        .unwrap();
        Self { n, d, m, x, a, words }
    }

    fn x(&self) -> MatRef<'_, f32> {
        MatRef::new(&self.x, self.n, self.d).unwrap()
    }

    fn pattern(&self) -> PatternRef<'_> {
        PatternRef::new(&self.words, self.n, self.m).unwrap()
    }

    /// J J^T in f64, both triangles.
    fn gram(&self) -> Dense {
        let x: Vec<f64> = self.x.iter().map(|&x| f64::from(x)).collect();
        let mut k = vec![0.0; self.n * self.n];
        gram::gram(
            Level::detect(),
            MatRef::new(&x, self.n, self.d).unwrap(),
            self.pattern(),
            MatMut::new(&mut k, self.n, self.n).unwrap(),
            &mut vec![0.0; gram::gram_scratch_len(self.n, self.d)],
        )
        .unwrap();
        Dense::from_fn(self.n, self.n, |i, j| k[i.max(j) * self.n + i.min(j)])
    }

    /// R^T of a sketch in f32, to f64.
    fn factor(&self, which: &str, rows: usize, seed: u64) -> Vec<f64> {
        let level = Level::detect();
        let mut y = vec![0.0f32; self.n * rows];
        let view = MatMut::new(&mut y, self.n, rows).unwrap();
        match which {
            "srht" => {
                let sketch = Srht::new(self.m * self.d, rows, seed).unwrap();
                let mut scratch = dirty(sketch.jacobian_scratch_len(self.d, self.m));
                sketch.jacobian(level, self.x(), &self.a, self.pattern(), view, &mut scratch)
            }
            "tensor_srht" => {
                let sketch = TensorSrht::new((self.m, self.d), rows, seed).unwrap();
                sketch.jacobian(level, self.x(), &self.a, self.pattern(), view, &mut dirty(sketch.scratch_len()))
            }
            _ => {
                let sketch = TensorSketch::new((self.m, self.d), rows, seed).unwrap();
                sketch.jacobian(level, self.x(), &self.a, self.pattern(), view, &mut dirty(sketch.jacobian_scratch_len()))
            }
        }
        .unwrap();
        blas::qr(level, MatMut::new(&mut y, self.n, rows).unwrap(), &mut dirty(blas::qr_scratch_len(rows, self.n))).unwrap();
        (0..self.n * self.n).map(|k| f64::from(y[k / self.n * rows + k % self.n])).collect()
    }
}

struct Symmetric(Dense);

impl LinearOperator<f64> for Symmetric {
    fn dim(&self) -> usize {
        self.0.rows
    }
    fn apply(&self, level: Level, x: &[f64], y: &mut [f64], _: &mut [f64]) -> Result<(), Error> {
        for (i, y) in y.iter_mut().enumerate() {
            *y = blas::dot(level, &self.0.data[i * x.len()..][..x.len()], x)?;
        }
        Ok(())
    }
}

/// The least and the largest eigenvalue of R^-T K R^-1, by power iterations with Rayleigh quotients.
fn spectrum(k: &Dense, factor: &[f64]) -> Bounds {
    let (n, level) = (k.rows, Level::detect());
    let l = MatRef::new(factor, n, n).unwrap();
    let mut scratch = vec![0.0; blas::cholesky_scratch_len(n).max(blas::triangular_solve_scratch_len(n))];
    let mut b = k.clone();
    for _ in 0..2 {
        blas::triangular_solve(level, Triangle::Lower, l, MatMut::new(&mut b.data, n, n).unwrap(), &mut scratch).unwrap();
        b = b.t();
    }
    let b = b.with(&b.t(), |x, y| 0.5 * (x + y));
    let mut l = b.data.clone();
    let found = blas::cholesky(level, MatMut::new(&mut l, n, n).unwrap(), &mut scratch).unwrap();
    assert_eq!(found, blas::Definite::Yes);
    let mut inverse = Dense::from_fn(n, n, |i, j| f64::from(u8::from(i == j)));
    let view = MatMut::new(&mut inverse.data, n, n).unwrap();
    blas::cholesky_solve(level, MatRef::new(&l, n, n).unwrap(), view, &mut scratch).unwrap();
    let power = |matrix: Dense| {
        let (matrix, mut v, mut rayleigh) = (Symmetric(matrix), numbers::<f64>(n, 3), 0.0);
        for _ in 0..300 {
            let norm = blas::norm_squared(level, &v).sqrt();
            v.iter_mut().for_each(|v| *v /= norm);
            let mut w = vec![0.0; n];
            matrix.apply(level, &v, &mut w, &mut []).unwrap();
            rayleigh = blas::dot(level, &v, &w).unwrap();
            v = w;
        }
        rayleigh
    };
    Bounds { high: power(b), low: 1.0 / power(inverse) }
}

fn steps(k: &Symmetric, m: &impl Preconditioner<f64>, relative: f64) -> usize {
    let n = k.dim();
    let (b, mut x) = (numbers::<f64>(n, 9), vec![0.0; n]);
    let stopping = Stopping { relative, absolute: 0.0, max_iterations: 500 };
    let mut scratch = dirty(cg::conjugate_gradient_scratch_len(n, 0, m.scratch_len()));
    let report = cg::conjugate_gradient(Level::detect(), k, m, &b, &mut x, stopping, &mut scratch).unwrap();
    assert_eq!(report.status, Status::Converged);
    report.iterations
}

/// The Gaussian law, whatever the matrix: K's own condition number is hundreds here.
#[test]
fn condition_numbers_on_the_digits_follow_the_law() {
    let digits = Digits::new(256, 512);
    let k = digits.gram();
    let exact = {
        let mut l = k.data.clone();
        blas::cholesky(Level::detect(), MatMut::new(&mut l, 256, 256).unwrap(), &mut vec![0.0; blas::cholesky_scratch_len(256)]).unwrap();
        l
    };
    assert!((spectrum(&k, &exact).condition() - 1.0).abs() < 1e-6, "the exact factor leaves nothing");
    let identity: Vec<f64> = Dense::from_fn(256, 256, |i, j| f64::from(u8::from(i == j))).data;
    let own = spectrum(&k, &identity).condition();
    println!("condition of K {own:.0}");
    assert!(own > 300.0);
    // Sketches of tensor products spread further than the law, and count sketches furthest.
    for (which, band) in [("srht", 0.85..1.1), ("tensor_srht", 0.85..1.4), ("tensor_sketch", 0.85..1.8)] {
        for (ratio, coarse, fine) in [(2, 21, 54), (4, 11, 32), (8, 7, 22), (16, 6, 17)] {
            let law = law(ratio as f64);
            for seed in 0..3 {
                let factor = digits.factor(which, ratio * digits.n, seed);
                let found = spectrum(&k, &factor);
                let sketched = Sketched::new(MatRef::new(&factor, 256, 256).unwrap(), ratio * 256, 1).unwrap();
                let k = Symmetric(k.clone());
                let counts = [1e-2, 1e-8].map(|relative| steps(&k, &sketched, relative));
                println!("{which} {ratio}n: {:.2} law {:.2} ({found:?}), steps {counts:?}", found.condition(), law.condition());
                let share = found.condition() / law.condition();
                assert!(band.contains(&share), "{which} {ratio}n seed {seed}: {} of the law", share);
                assert!(counts[0] <= coarse && counts[1] <= fine, "{which} {ratio}n seed {seed}: {counts:?}");
            }
        }
    }
}

/// Nearly the same sample twice: K's condition number grows a thousandfold, the one that is left does not.
#[test]
fn the_condition_of_the_problem_does_not_matter() {
    let mut digits = Digits::new(100, 512);
    let factor = digits.factor("srht", 400, 5);
    let before = spectrum(&digits.gram(), &factor).condition();
    let (d, words) = (digits.d, pattern::words_per_sample(digits.m));
    for i in 0..10 {
        let (from, to) = (i * d, (99 - i) * d);
        digits.x.copy_within(from..from + d, to);
        digits.x[to] += 1e-2;
        digits.words.copy_within(i * words..(i + 1) * words, (99 - i) * words);
    }
    let k = digits.gram();
    let identity = Dense::from_fn(100, 100, |i, j| f64::from(u8::from(i == j))).data;
    let own = spectrum(&k, &identity).condition();
    let after = spectrum(&k, &digits.factor("srht", 400, 5)).condition();
    println!("own {own:.0}, left {before:.2} and {after:.2}");
    assert!(own > 1e5 && (after / before - 1.0).abs() < 0.5, "own {own:.0}, left {before:.2} and {after:.2}");
}

fn faithful(k: &Dense, factor: &[f64], rows: usize, step: FixedStep, stopping: Stopping) -> Result<cg::Report, Error> {
    let n = k.rows;
    let sketched = Sketched::new(MatRef::new(factor, n, n)?, rows, 1)?;
    let operator = Symmetric(k.clone());
    let (b, mut g) = (numbers::<f64>(n, 4), vec![0.0; n]);
    let mut scratch = dirty(fixed_step_scratch_len(n, 0, sketched.scratch_len()));
    let report = fixed_step(Level::detect(), &operator, &sketched, step, &b, &mut g, stopping, &mut scratch)?;
    // The residual that is reported is that of what is handed back.
    let mut product = vec![0.0; n];
    operator.apply(Level::detect(), &g, &mut product, &mut [])?;
    let truth = product.iter().zip(&b).map(|(p, b)| (b - p).powi(2)).sum::<f64>().sqrt();
    assert!(report.status == Status::NotFinite || (truth - report.residual_norm).abs() <= 1e-9 * (truth + report.rhs_norm));
    Ok(report)
}

#[test]
fn the_papers_iteration_converges_from_64_rows_per_sample_on() {
    let digits = Digits::new(64, 512);
    let k = digits.gram();
    let stopping = Stopping { relative: 1e-6, absolute: 0.0, max_iterations: 400 };
    for which in ["srht", "tensor_srht"] {
        for seed in 0..3 {
            let factor = digits.factor(which, 64 * 64, seed);
            let report = faithful(&k, &factor, 64 * 64, FixedStep::Unit, stopping).unwrap();
            println!("{which} 64n: {report:?}, {:?}", spectrum(&k, &factor));
            assert_eq!(report.status, Status::Converged, "{which} {seed}");
            let refused = faithful(&k, &factor, 64 * 64 - 1, FixedStep::Unit, stopping).unwrap_err();
            assert_eq!(
                refused.to_string(),
                "fixed_step: rows of the sketch for a step of 1, 64 for each sample: needs at least 4096 elements, found 4095"
            );
        }
    }
    // What it is refused for: a step of 1 with 16 rows per sample.
    let factor = digits.factor("srht", 16 * 64, 0);
    let report = faithful(&k, &factor, 16 * 64, FixedStep::Within(Bounds { low: 1.0, high: 1.0 }), stopping).unwrap();
    assert!(report.status != Status::Converged && report.residual_norm > report.rhs_norm, "{report:?}");
    // The safe step converges there, and with 4 rows, as fast as its bounds promise; also where large entries share a
    // bucket, and 64 rows are not enough for a step of 1.
    for (which, rows) in [("srht", 4), ("srht", 16), ("tensor_sketch", 64)] {
        let factor = digits.factor(which, rows * 64, u64::from(which == "srht"));
        let Bounds { low, high } = spectrum(&k, &factor);
        let bounds = Bounds { low: 0.99 * low, high: 1.01 * high };
        let report = faithful(&k, &factor, rows * 64, FixedStep::Within(bounds), Stopping { max_iterations: 5000, ..stopping }).unwrap();
        println!("{which} {rows}n: {report:?}");
        let left = 1.0 - 2.0 / (1.0 + bounds.condition().powi(2));
        // |r| may be larger than the norm that shrinks by the condition number of R^T.
        let promised = ((1e-6f64 / 1e3).ln() / left.ln()).ceil() as usize;
        assert!(report.status == Status::Converged && report.iterations <= promised, "{which} {rows}n: {report:?}, promised {promised}");
    }
}

/// Where both K and the preconditioner are the identity, a step of s leaves `|1 - s|` of the residual.
#[test]
fn steps_are_as_long_as_the_bounds_say() {
    let identity = Dense::from_fn(40, 40, |i, j| f64::from(u8::from(i == j)));
    let step = FixedStep::Within(Bounds { low: 0.5, high: 1.5 });
    for (relative, iterations) in [(0.3, 1), (0.1, 2), (1e-3, 5)] {
        let stopping = Stopping { relative, absolute: 0.0, max_iterations: 10 };
        let report = faithful(&identity, &identity.data, 40, step, stopping).unwrap();
        let left = report.rhs_norm * 0.2f64.powi(iterations);
        assert!(report.status == Status::Converged && report.iterations == iterations as usize, "{report:?}");
        assert!((report.residual_norm - left).abs() < 1e-12 * report.rhs_norm, "{report:?}");
    }
    let Bounds { low, high } = law(4.0);
    assert!((low - 4.0 / 9.0).abs() < 1e-12 && (high - 4.0).abs() < 1e-12);
}

#[test]
fn arguments_are_checked() {
    let level = Level::detect();
    let length = |what, expected, found| Err(Error::Length { what, expected, found });
    let sketch = Srht::new(5, 3, 0).unwrap();
    assert_eq!((sketch.len(), sketch.rows(), sketch.scratch_len(), sketch.is_empty()), (5, 3, 8, false));
    assert!(Srht::new(0, 3, 0).unwrap().is_empty());
    let run =
        |x: usize, y: usize, scratch: usize| sketch.accumulate(level, &[1.0f32; 9][..x], &mut [0.0; 9][..y], &mut [0.0; 9][..scratch]);
    assert_eq!(run(4, 3, 8), length("Srht: x", 5, 4));
    assert_eq!(run(5, 4, 8), length("Srht: y", 3, 4));
    assert_eq!(run(5, 3, 7), Err(Error::TooShort { what: "scratch", needed: 8, found: 7 }));
    assert_eq!(run(5, 3, 8), Ok(()));
    assert!(matches!(Srht::new(usize::MAX, 3, 0), Err(Error::Overflow { .. })));
    assert!(matches!(TensorSrht::new((2, usize::MAX), 3, 0), Err(Error::Overflow { .. })));
    assert!(matches!(TensorSketch::new((2, 2), 12, 0), Err(Error::TransformLength { found: 12, below: Some(8), above: Some(16) })));

    let sketch = TensorSrht::new((4, 2), 3, 0).unwrap();
    assert_eq!((sketch.lens(), sketch.rows(), sketch.scratch_len()), ((4, 2), 3, 6));
    assert!(sketch.accumulate(level, &[1.0f32; 3], &[1.0; 2], &mut [0.0; 3], &mut [0.0; 6]).is_err());
    assert!(sketch.accumulate(level, &[1.0f32; 4], &[1.0; 3], &mut [0.0; 3], &mut [0.0; 6]).is_err());
    assert!(sketch.accumulate(level, &[1.0f32; 4], &[1.0; 2], &mut [0.0; 4], &mut [0.0; 6]).is_err());
    assert!(sketch.accumulate(level, &[1.0f32; 4], &[1.0; 2], &mut [0.0; 3], &mut [0.0; 5]).is_err());

    let sketch_by_buckets = TensorSketch::new((4, 2), 8, 0).unwrap();
    assert_eq!((sketch_by_buckets.lens(), sketch_by_buckets.rows(), sketch_by_buckets.scratch_len()), ((4, 2), 8, 32));
    let run = |u: Factor<'_, f32>, y: usize, scratch: usize| {
        sketch_by_buckets.accumulate(level, u, [1.0f32; 2].as_slice(), &mut [0.0; 9][..y], &mut [0.0; 32][..scratch])
    };
    let values = &[1.0f32; 5];
    assert_eq!(run(Factor::Dense(values), 8, 32), length("TensorSketch: u", 4, 5));
    assert_eq!(run(Factor::Sparse { indices: &[1], values }, 8, 32), length("TensorSketch: u", 1, 5));
    let beyond = Factor::Sparse { indices: &[3, 4], values: &values[..2] };
    assert_eq!(run(beyond, 8, 32), Err(Error::TooShort { what: "TensorSketch: u", needed: 5, found: 4 }));
    assert_eq!(run(Factor::Dense(&values[..4]), 9, 32), length("TensorSketch: y", 8, 9));
    assert_eq!(run(Factor::Dense(&values[..4]), 8, 31), Err(Error::TooShort { what: "scratch", needed: 32, found: 31 }));

    let (x, words) = ([1.0f32; 10], [0b1011u64; 5]);
    let (x, pattern) = (MatRef::new(&x, 5, 2).unwrap(), PatternRef::new(&words, 5, 4).unwrap());
    let jacobian = |x: MatRef<'_, f32>, a: usize, rows: usize, cols: usize, scratch: usize| {
        let mut y = vec![0.0; rows * cols];
        let y = MatMut::new(&mut y, rows, cols).unwrap();
        sketch.jacobian(level, x, &[1.0; 9][..a], pattern, y, &mut [0.0; 6][..scratch])
    };
    assert_eq!(jacobian(x, 4, 5, 3, 6), Ok(()));
    assert_eq!(jacobian(x.row_range(0, 4), 4, 5, 3, 6), length("jacobian: samples of the pattern", 4, 5));
    assert_eq!(jacobian(x, 3, 5, 3, 6), length("jacobian: neurons of the pattern", 3, 4));
    assert_eq!(jacobian(x, 4, 4, 3, 6), length("jacobian: rows of Y, against samples", 5, 4));
    assert_eq!(jacobian(x, 4, 5, 2, 6), length("jacobian: columns of Y, against rows of the sketch", 3, 2));
    assert_eq!(jacobian(x.col_range(0, 1), 4, 5, 3, 6), length("jacobian: columns of X", 2, 1));
    assert!(jacobian(x, 4, 5, 3, 5).is_err());
    let mut y = [0.0; 15];
    let wrong = Srht::new(7, 3, 0).unwrap();
    let found = wrong.jacobian(level, x, &[1.0; 4], pattern, MatMut::new(&mut y, 5, 3).unwrap(), &mut [0.0; 99]);
    assert_eq!(found, length("jacobian: length of the sketched vectors, against neurons x inputs", 8, 7));

    let factor = [1.0f64, 0.0, 0.5, 0.0];
    let factor = MatRef::new(&factor, 2, 2).unwrap();
    assert!(matches!(Sketched::new(factor, 4, 1), Err(Error::Value { .. })), "a zero on the diagonal");
    assert!(matches!(Sketched::new(factor.row_range(0, 1), 4, 1), Err(Error::Length { .. })));
    assert!(matches!(Sketched::new(factor, 1, 1), Err(Error::TooShort { needed: 2, found: 1, .. })));
    let k = Dense::from_fn(2, 2, |i, j| f64::from(u8::from(i == j)));
    let stopping = Stopping { relative: 1e-6, absolute: 0.0, max_iterations: 4 };
    for bounds in [(0.0, 1.0), (2.0, 1.0), (1.0, f64::INFINITY), (f64::NAN, 1.0)] {
        let step = FixedStep::Within(Bounds { low: bounds.0, high: bounds.1 });
        assert!(matches!(faithful(&k, &k.data, 4, step, stopping), Err(Error::Value { .. })), "{bounds:?}");
    }
    let negative = Stopping { relative: -1.0, ..stopping };
    assert!(faithful(&k, &k.data, 128, FixedStep::Unit, negative).is_err());
    assert_eq!(faithful(&k, &k.data, 128, FixedStep::Unit, stopping).unwrap().iterations, 1);
    // Of no samples no rows are 64 for each.
    let nobody = Dense::from_fn(0, 0, |_, _| 0.0);
    assert_eq!(faithful(&nobody, &nobody.data, 0, FixedStep::Unit, stopping).unwrap().status, Status::Converged);
}

/// One factor serves several outputs: vectors have those of a sample next to each other.
#[test]
fn a_factor_serves_all_outputs() {
    for level in levels() {
        let l = [2.0f64, f64::NAN, 1.0, 4.0];
        let sketched = Sketched::new(MatRef::new(&l, 2, 2).unwrap(), 8, 3).unwrap();
        let r = numbers::<f64>(6, 1);
        let mut z = dirty::<f64>(6);
        let mut scratch = dirty(sketched.scratch_len());
        sketched.precondition(level, &r, &mut z, &mut scratch).unwrap();
        let dl = Dense { rows: 2, cols: 2, data: vec![2.0, 0.0, 1.0, 4.0] };
        let back = dl.times(&dl.t()).times(&Dense { rows: 2, cols: 3, data: z });
        assert_close(&back.data, &r, &[20.0; 6], 4.0, &level.to_string());
        assert!(sketched.precondition(level, &r[..4], &mut [0.0; 4], &mut scratch).is_err());
        assert!(sketched.precondition(level, &r, &mut [0.0; 4], &mut scratch).is_err());
    }
}

/// `J J^T` for all outputs of a network, as the trainer applies it.
struct Tangents<'a> {
    digits: &'a Digits,
    outputs: MatRef<'a, f32>,
    damping: f32,
}

impl LinearOperator<f32> for Tangents<'_> {
    fn dim(&self) -> usize {
        self.digits.n * self.outputs.rows()
    }
    fn scratch_len(&self) -> usize {
        two_layer::gram_product_scratch_len(self.digits.d, self.digits.m, self.outputs.rows())
    }
    fn apply(&self, level: Level, u: &[f32], out: &mut [f32], scratch: &mut [f32]) -> Result<(), Error> {
        let (n, c) = (self.digits.n, self.outputs.rows());
        let (u_view, out_view) = (MatRef::new(u, n, c)?, MatMut::new(out, n, c)?);
        two_layer::gram_product(level, self.digits.x(), self.outputs, self.digits.pattern(), u_view, out_view, scratch)?;
        blas::axpy(level, self.damping, u, out)
    }
}

/// In f32 at every level, from the pattern to the solution: one output's sketch, in two layers of half the neurons each,
/// with rows for the damping, preconditions three outputs' system; and for the one output the paper's steps agree.
#[test]
fn layers_and_damping_add_up() {
    let digits = Digits::new(40, 1024);
    let (n, d, m, damping) = (digits.n, digits.d, digits.m, 0.01f32);
    let half: Vec<Vec<u64>> = (0..2)
        .map(|layer| {
            let rows = digits.words.chunks(m / 64);
            rows.flat_map(|row| row[layer * m / 128..(layer + 1) * m / 128].iter().copied()).collect()
        })
        .collect();
    // m^(-1/2) is that of half as many neurons: what is added up is sqrt(2) J.
    let root = 0.5f32.sqrt();
    let rows = 64 * n;
    for level in levels() {
        let width = rows + n;
        let mut y = vec![0.0f32; n * width];
        let (mut plain, mut plain_scratch) = (vec![0.0f32; rows], vec![0.0; 2048]);
        for (layer, half) in half.iter().enumerate() {
            let sketch = TensorSrht::new((m / 2, d), rows, layer as u64).unwrap();
            let a: Vec<f32> = digits.a[layer * m / 2..(layer + 1) * m / 2].iter().map(|a| a * root).collect();
            let pattern = PatternRef::new(half, n, m / 2).unwrap();
            let view = MatMut::with_stride(&mut y, n, rows, width).unwrap();
            sketch.jacobian(level, digits.x(), &a, pattern, view, &mut dirty(sketch.scratch_len())).unwrap();
            // The last row of J once more, by its factors.
            let scale = root / (m as f32 / 2.0).sqrt();
            let u: Vec<f32> = (0..m / 2).map(|r| if pattern.fires(n - 1, r) { digits.a[layer * m / 2 + r] * scale } else { 0.0 }).collect();
            sketch.accumulate(level, &u, &digits.x[(n - 1) * d..], &mut plain, &mut plain_scratch).unwrap();
        }
        assert!(y[(n - 1) * width..].iter().zip(&plain).all(|(y, p)| (y - p).abs() < 1e-5), "{level}: two layers add up");
        (0..n).for_each(|i| y[i * width + rows + i] = damping.sqrt());
        blas::qr(level, MatMut::new(&mut y, n, width).unwrap(), &mut dirty(blas::qr_scratch_len(width, n))).unwrap();
        let factor = MatRef::new(&y, n, width).unwrap().col_range(0, n);

        let outputs = [&digits.a[..], &signs(m, 7), &signs(m, 8)].concat();
        let k = Tangents { digits: &digits, outputs: MatRef::new(&outputs, 3, m).unwrap(), damping };
        let sketched = Sketched::new(factor, rows, 3).unwrap();
        let (b, mut g) = (numbers::<f32>(3 * n, 5), vec![0.0; 3 * n]);
        let stopping = Stopping { relative: 1e-3, absolute: 0.0, max_iterations: 100 };
        let mut scratch = dirty(cg::conjugate_gradient_scratch_len(3 * n, k.scratch_len(), sketched.scratch_len()));
        let report = cg::conjugate_gradient(level, &k, &sketched, &b, &mut g, stopping, &mut scratch).unwrap();
        println!("{level}: {report:?}");
        assert!(report.status == Status::Converged && report.iterations <= 6, "{level}: {report:?}");

        let k = Tangents { outputs: MatRef::new(&digits.a, 1, m).unwrap(), ..k };
        let sketched = Sketched::new(factor, rows, 1).unwrap();
        let mut g = vec![0.0; n];
        let mut scratch = dirty(fixed_step_scratch_len(n, k.scratch_len(), sketched.scratch_len()));
        let report = fixed_step(level, &k, &sketched, FixedStep::Unit, &b[..n], &mut g, stopping, &mut scratch).unwrap();
        println!("{level}: {report:?}");
        assert!(report.status == Status::Converged && report.iterations <= 20, "{level}: {report:?}");
        // A start that is the solution needs no step; short scratch is refused.
        let again = fixed_step(level, &k, &sketched, FixedStep::Unit, &b[..n], &mut g, stopping, &mut scratch).unwrap();
        assert!(again.status == Status::Converged && again.iterations == 0, "{level}: {again:?}");
        let len = scratch.len();
        let short = fixed_step(level, &k, &sketched, FixedStep::Unit, &b[..n], &mut g, stopping, &mut scratch[..len - 1]);
        assert_eq!(short, Err(Error::TooShort { what: "scratch", needed: len, found: len - 1 }));
        g[0] = f32::NAN;
        let report = fixed_step(level, &k, &sketched, FixedStep::Unit, &b[..n], &mut g, stopping, &mut scratch).unwrap();
        assert_eq!(report.status, Status::NotFinite);
    }
}

/// One unknown: k = 8, R = 2, so M^-1 k M^-1 b = b / 2; a step is 2 / (low^2 + high^2) of it, and the tolerance a share of |b|.
#[test]
fn a_step_of_the_papers_iteration() {
    let (k, factor) = (Symmetric(Dense::from_fn(1, 1, |_, _| 8.0)), [2.0]);
    let sketched = Sketched::new(MatRef::new(&factor, 1, 1).unwrap(), 1000, 1).unwrap();
    let run = |step: FixedStep, relative: f64| {
        let (mut g, mut scratch) = ([0.0], dirty(fixed_step_scratch_len(1, 0, sketched.scratch_len())));
        let stopping = Stopping { relative, absolute: 0.0, max_iterations: 1 };
        let report = fixed_step(Level::detect(), &k, &sketched, step, &[100.0], &mut g, stopping, &mut scratch).unwrap();
        (report.status, report.iterations, g[0])
    };
    // 2 / (1/4 + 1) = 8/5: 80, and a residual of 100 - 640.
    assert_eq!(run(FixedStep::Within(Bounds { low: 0.5, high: 1.0 }), 0.0), (Status::IterationLimit, 1, 80.0));
    // 2 / (1/4 + 4) = 8/17.
    assert!((run(FixedStep::Within(Bounds { low: 0.5, high: 2.0 }), 0.0).2 - 400.0 / 17.0).abs() < 1e-12);
    assert_eq!(run(FixedStep::Unit, 5.5).1, 0, "100 is below 550");
    assert_eq!(run(FixedStep::Unit, 0.5).1, 1, "and above 50");
    let bounds = law(4.0);
    assert_eq!((bounds.low, bounds.high), (4.0 / 9.0, 4.0));
    assert!(Srht::new(0, 40, 7).unwrap().is_empty() && !Srht::new(1, 40, 7).unwrap().is_empty());
}

quickcheck! {
    /// Sketches are linear: with powers of two as factors, exactly.
    fn sketches_are_linear(len: u8, rows: u8, seed: u64) -> TestResult {
        let (len, rows) = (usize::from(len), usize::from(rows));
        let sketch = Srht::new(len, rows, seed).unwrap();
        let x = numbers::<f32>(len, seed);
        let double: Vec<f32> = x.iter().map(|x| -2.0 * x).collect();
        TestResult::from_bool(levels().all(|level| {
            let run = |x: &[f32]| {
                let (mut y, mut scratch) = (vec![0.0; rows], dirty(sketch.scratch_len()));
                sketch.accumulate(level, x, &mut y, &mut scratch).unwrap();
                y
            };
            run(&x).iter().zip(run(&double)).all(|(y, z)| -2.0 * y == z)
        }))
    }
}
