//! Sums over vectors, and their updates.

use super::bounds::Sum;
use super::source::{Source, is_wide};
use subquad::simd::Float;
use subquad::{Level, blas};

/// Any numbers: sums within their roundings, updates element by element as the definition has them.
pub fn vectors(bytes: &[u8]) {
    if is_wide(bytes) { of_numbers::<f64>(bytes) } else { of_numbers::<f32>(bytes) }
}

fn of_numbers<T: Float>(bytes: &[u8]) {
    let mut source = Source(bytes);
    let n = source.below(400);
    let kind = source.kind();
    let (x, y) = (source.numbers::<T>(n, kind), source.numbers::<T>(n, kind));
    let a = source.numbers::<T>(1, kind)[0];
    let sum = |y: &[T]| Sum::of(x.iter().zip(y).map(|(x, y)| (x.to_f64(), y.to_f64())));
    let (inner, square) = (sum(&y), sum(&x));
    let of_two = |a: T, x: T, y: T| {
        let mut sum = Sum::of([(a.to_f64(), x.to_f64())].into_iter());
        sum.add(y.to_f64());
        sum
    };
    for level in Level::available() {
        // A product and n - 1 sums, in any order; zeros behind the end add nothing.
        inner.check(blas::dot(level, &x, &y).expect("as long"), n + 1, || format!("{level}: dot of {n}"));
        square.check(blas::norm_squared(level, &x), n + 1, || format!("{level}: |x|^2 of {n}"));
        if x.iter().chain(&y).any(|x| x.is_nan()) {
            assert!(blas::dot(level, &x, &y).expect("as long").is_nan(), "{level}: a NaN is lost");
        }
        let (mut added, mut turned, mut scaled) = (y.clone(), y.clone(), x.clone());
        blas::axpy(level, a, &x, &mut added).expect("as long");
        blas::xpby(level, &x, a, &mut turned).expect("as long");
        blas::scale(level, a, &mut scaled);
        for i in 0..n {
            of_two(a, x[i], y[i]).check(added[i], 2, || format!("{level}: {} + {a} {}", y[i], x[i]));
            of_two(a, y[i], x[i]).check(turned[i], 2, || format!("{level}: {} + {a} {}", x[i], y[i]));
            let wanted = a * x[i];
            assert!(scaled[i] == wanted || wanted.is_nan() && scaled[i].is_nan(), "{level}: {a} {} is not {}", x[i], scaled[i]);
        }
        assert!(blas::dot(level, &x, &[]).is_err() == (n > 0), "{level}: lengths");
    }
    let most = blas::max_abs(&x);
    let wanted = x.iter().map(|x| x.abs().to_f64()).fold(0.0, f64::max);
    assert!(if x.iter().any(|x| x.is_nan()) { most.is_nan() } else { most.to_f64() == wanted }, "{most}, should be {wanted}");
}
