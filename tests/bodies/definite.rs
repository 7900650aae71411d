//! Cholesky factors, and solving with them.

use super::bounds::{Sum, gamma};
use super::source::{Kind, Source, is_wide};
use subquad::blas::{self, Definite};
use subquad::cg::{Preconditioner, SharedCholesky};
use subquad::simd::Float;
use subquad::sketch::Sketched;
use subquad::{Level, MatMut, MatRef};

const SHAPE: &str = "as many numbers as the shape says";

/// Any bits give a factor or a diagnosis: the factor's product is the matrix, and what is said to be left on the diagonal is what is left.
pub fn definite(bytes: &[u8]) {
    if is_wide(bytes) { of_numbers::<f64>(bytes) } else { of_numbers::<f32>(bytes) }
}

fn of_numbers<T: Float>(bytes: &[u8]) {
    let mut source = Source(bytes);
    let (n, outputs) = (source.below(90), source.below(4) + 1);
    let kind = source.kind();
    let how = source.byte() % 3;
    let mut a = source.numbers::<T>(n * n, kind);
    match how {
        // Dominant, so definite.
        0 if kind != Kind::Any => (0..n).for_each(|i| a[i * n + i] = T::from_f64(9.0 * n as f64 + 1.0)),
        // B B^T of few columns, so on the border, and a little above it or below.
        1 => {
            let (rank, jitter) = (source.below(n + 1), f64::from(source.byte() as i8) / 16.0);
            let b = a.clone();
            for (i, j) in (0..n).flat_map(|i| (0..n).map(move |j| (i, j))) {
                let inner: f64 = (0..rank).map(|k| b[i * n + k].to_f64() * b[j * n + k].to_f64()).sum();
                a[i * n + j] = T::from_f64(inner + if i == j { jitter } else { 0.0 });
            }
        }
        _ => {}
    }
    let b = source.numbers::<T>(n * outputs, kind);
    for level in Level::available() {
        let (found, l) = factor(level, n, &a);
        match found {
            Definite::Yes => {
                check_factor(level, n, &a, &l);
                check_solutions(level, n, &l, &b, outputs, kind);
            }
            Definite::No { pivot, value } => {
                assert!(pivot < n && !(value > 0.0 && value.is_finite()), "{level} {n}: {pivot} {value}");
                assert!(how != 0 || kind == Kind::Any, "{level} {n}: dominant, but {value} is left of pivot {pivot}");
                check_diagnosis(level, n, &a, pivot, value);
            }
        }
    }
}

/// The factor of a matrix of which nothing above the diagonal is to be read.
fn factor<T: Float>(level: Level, n: usize, a: &[T]) -> (Definite, Vec<T>) {
    let unset = T::from_f64(f64::NAN);
    let mut l: Vec<T> = (0..n * n).map(|at| if at % n > at / n { unset } else { a[at] }).collect();
    let mut scratch = vec![unset; blas::cholesky_scratch_len(n)];
    let found = blas::cholesky(level, MatMut::new(&mut l, n, n).expect(SHAPE), &mut scratch).expect("square");
    (found, l)
}

fn row<T: Float>(l: &[T], n: usize, i: usize, len: usize) -> impl Iterator<Item = f64> + '_ {
    l[i * n..i * n + len].iter().map(|x| x.to_f64())
}

/// `A = L L^T`: an entry is a chain of at most n multiply-adds, each of two roundings where it is not fused, then a root, or the product with a
/// rounded inverse. Multiplied out, no term of `L L^T` has met more than n + 2 roundings; where an entry of L falls below the normal numbers, what
/// it loses meets the pivot again.
fn check_factor<T: Float>(level: Level, n: usize, a: &[T], l: &[T]) {
    assert!((0..n).all(|i| l[i * n + i] > T::ZERO), "{level} {n}: a factor's diagonal");
    for (i, j) in (0..n).flat_map(|i| (0..=i).map(move |j| (i, j))) {
        let mut product = Sum::of(row(l, n, i, j + 1).zip(row(l, n, j, j + 1)));
        product.lost += l[j * n + j].to_f64();
        product.check(a[i * n + j], n + 2, || format!("{level} {n}: L L^T at ({i}, {j})"));
    }
}

/// `L L^T X = B`: both substitutions are exact for factors off by n + 2 roundings each.
fn check_solutions<T: Float>(level: Level, n: usize, l: &[T], b: &[T], outputs: usize, kind: Kind) {
    let unset = T::from_f64(f64::NAN);
    let mut x = b.to_vec();
    let mut scratch = vec![unset; blas::cholesky_solve_scratch_len(n)];
    let factor = MatRef::new(l, n, n).expect(SHAPE);
    blas::cholesky_solve(level, factor, MatMut::new(&mut x, n, outputs).expect(SHAPE), &mut scratch).expect("shapes fit");
    for o in 0..outputs {
        let column = |i: usize| x[i * outputs + o].to_f64();
        let back: Vec<Sum> = (0..n).map(|k| Sum::of((k..n).map(|i| (l[i * n + k].to_f64(), column(i))))).collect();
        for i in 0..n {
            let mut product = Sum::default();
            (0..=i).for_each(|k| product.plus(back[k].times(l[i * n + k].to_f64())));
            // What falls below the normal numbers, or above, on the way is divided and multiplied by large numbers later.
            let mild = (0..n).all(|k| l[k * n + k].to_f64() > 1e-10 && column(k).abs() < 1e20 && back[k].size < 1e20);
            if mild && kind != Kind::Any {
                product.check(b[i * outputs + o], 2 * (n + 2), || format!("{level} {n}: L L^T x at {i} of output {o}"));
            }
        }
    }
    // Those that only hand it on.
    let mut z = vec![unset; n * outputs];
    let same = |z: &[T]| z.iter().zip(&x).all(|(z, x)| z == x || z.is_nan() && x.is_nan());
    SharedCholesky::new(factor, outputs).expect("positive").precondition(level, b, &mut z, &mut scratch).expect("lengths fit");
    assert!(same(&z), "{level} {n}: the factor as a preconditioner");
    z.fill(unset);
    Sketched::new(factor, n, outputs).expect("positive").precondition(level, b, &mut z, &mut scratch).expect("lengths fit");
    assert!(same(&z), "{level} {n}: the factor of a sketch as a preconditioner");
}

/// With more on the diagonal the pivot is no obstacle, and its row of the factor tells what was left of it.
fn check_diagnosis<T: Float>(level: Level, n: usize, a: &[T], pivot: usize, value: f64) {
    let (to, diagonal) = (pivot + 1, a[pivot * n + pivot].to_f64());
    let mut corner: Vec<T> = (0..to * to).map(|at| a[at / to * n + at % to]).collect();
    let more = T::from_f64(2.0 * (diagonal.abs() + value.abs()) + 1.0);
    if !more.is_finite() {
        return;
    }
    corner[to * to - 1] = more;
    let (found, l) = factor(level, to, &corner);
    assert_eq!(found, Definite::Yes, "{level} {n}: {more} instead of {diagonal} on the diagonal at {pivot}, where {value} was left");
    let mut left = Sum::of(row(&l, to, pivot, pivot).map(|x| (x, -x)));
    left.add(diagonal);
    if left.is_sane::<T>() {
        let allowed = left.allowed::<T>(n + 2) + gamma::<T>(n + 2) * value.abs();
        assert!((left.value - value).abs() <= allowed, "{level} {n}: {} is left at {pivot}, not {value}", left.value);
    }
}
