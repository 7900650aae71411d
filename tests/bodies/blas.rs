//! Matrix products.

use super::bounds::Sum;
use super::source::{Kind, Source, is_wide};
use subquad::simd::Float;
use subquad::{Level, MatMut, MatRef, blas};

/// Products of exact numbers are exact, those of others within their roundings; whatever the factors, the strides, and what was
/// there before.
pub fn blas(bytes: &[u8]) {
    if is_wide(bytes) { of_numbers::<f64>(bytes) } else { of_numbers::<f32>(bytes) }
}

/// A matrix as it may lie in memory: its rows or its columns next to each other, with or without a gap.
struct Stored<T> {
    data: Vec<T>,
    shape: (usize, usize),
    strides: (usize, usize),
}

impl<T: Float> Stored<T> {
    fn take(source: &mut Source<'_>, rows: usize, cols: usize, kind: Kind) -> Self {
        let how = source.byte();
        let gap = usize::from(how / 64);
        let strides = if how.is_multiple_of(2) { (cols + gap, 1) } else { (1, rows + gap) };
        let mut data = vec![T::from_f64(f64::NAN); rows * cols + rows.max(cols) * gap];
        let numbers = source.numbers::<T>(rows * cols, kind);
        for (at, x) in numbers.into_iter().enumerate() {
            data[at / cols * strides.0 + at % cols * strides.1] = x;
        }
        Self { data, shape: (rows, cols), strides }
    }
    fn get(&self) -> MatRef<'_, T> {
        MatRef::with_strides(&self.data, self.shape.0, self.shape.1, self.strides.0, self.strides.1).expect("all of them are there")
    }
    fn at(&self, i: usize, j: usize) -> f64 {
        self.data[i * self.strides.0 + j * self.strides.1].to_f64()
    }
}

fn of_numbers<T: Float>(bytes: &[u8]) {
    let mut source = Source(bytes);
    let (m, n, k) = (source.below(40), source.below(80), source.below(300));
    let kind = source.kind();
    let (a, b) = (Stored::<T>::take(&mut source, m, k, kind), Stored::<T>::take(&mut source, k, n, kind));
    let how = source.byte();
    let alpha = [1.0, 2.0, -1.0, 0.5][usize::from(how) % 4];
    let beta = [0.0, 1.0, -1.0, 0.5][usize::from(how / 4) % 4];
    let gap = usize::from(how / 16) % 3;
    let before = source.numbers::<T>(m * n, kind);
    let rows: Vec<f64> = (0..m * k).map(|at| a.at(at / k, at % k)).collect();
    let columns: Vec<f64> = (0..k * n).map(|at| b.at(at % k, at / k)).collect();
    let entry = |x: &[f64], y: &[f64], before: Option<f64>| {
        let mut sum = Sum::of(x.iter().copied().zip(y.iter().copied()));
        // Alpha goes to B first: what falls below the normal numbers then meets A.
        sum.peak += 2.0 * y.iter().fold(0.0, |most: f64, y| if y.abs() <= most { most } else { y.abs() });
        sum.lost += x.iter().map(|x| x.abs()).sum::<f64>();
        let mut sum = sum.times(alpha);
        before.into_iter().for_each(|before| sum.add(beta * before));
        sum
    };
    let times = |beta: f64, x: T| (beta != 0.0).then(|| x.to_f64());
    let product: Vec<Sum> =
        (0..m * n).map(|at| entry(&rows[at / n * k..][..k], &columns[at % n * k..][..k], times(beta, before[at]))).collect();
    // A A^T, below and on the diagonal, with the first column of what was before.
    let old = |i: usize, j: usize| before.get(i + j).copied().unwrap_or(T::ONE);
    let square: Vec<(usize, usize, Sum)> = (0..m)
        .flat_map(|i| (0..=i).map(move |j| (i, j)))
        .map(|(i, j)| (i, j, entry(&rows[i * k..][..k], &rows[j * k..][..k], times(beta, old(i, j)))))
        .collect();
    let judge = |found: T, wanted: &Sum, what: &dyn Fn() -> String| {
        if kind == Kind::Exact {
            assert_eq!(found.to_f64(), wanted.value, "{}", what());
        }
        // Alpha b, beta c, then k multiply-adds, of two roundings each where they are not fused.
        wanted.check(found, k + 3, what);
    };
    for level in Level::available() {
        let unset = T::from_f64(f64::NAN);
        let mut scratch = vec![unset; blas::gemm_scratch_len(m, n, k)];
        let mut c = vec![T::from_f64(0.25); m * (n + gap)];
        let start = |x: T| if beta == 0.0 { unset } else { x };
        (0..m * n).for_each(|at| c[at / n * (n + gap) + at % n] = start(before[at]));
        let to = MatMut::with_stride(&mut c, m, n, n + gap).expect("with gaps");
        blas::gemm(level, T::from_f64(alpha), a.get(), b.get(), T::from_f64(beta), to, &mut scratch).expect("shapes fit");
        for (i, row) in c.chunks((n + gap).max(1)).enumerate().take(m) {
            let what = |j: usize| format!("{level} {m}x{n}x{k}, {alpha} A B + {beta} C at ({i}, {j})");
            row.iter().zip(&product[i * n..(i + 1) * n]).enumerate().for_each(|(j, (&x, wanted))| judge(x, wanted, &|| what(j)));
            assert!(row[n..].iter().all(|&x| x == T::from_f64(0.25)), "{level}: between the rows of C");
        }
        let mut scratch = vec![unset; blas::syrk_scratch_len(m, k)];
        let mut c = vec![unset; m * m];
        square.iter().for_each(|&(i, j, _)| c[i * m + j] = start(old(i, j)));
        let to = MatMut::new(&mut c, m, m).expect("square");
        blas::syrk(level, T::from_f64(alpha), a.get(), T::from_f64(beta), to, &mut scratch).expect("shapes fit");
        for (i, j, wanted) in &square {
            judge(c[i * m + j], wanted, &|| format!("{level} {m}x{k}, {alpha} A A^T + {beta} C at ({i}, {j})"));
        }
    }
}
