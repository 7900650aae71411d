//! Transforms, sketches, vectors and matrices.

use crate::armed;
use crate::oracle::{levels, numbers, signs};
use subquad::blas::{self, Triangle};
use subquad::hadamard::{self, Order, Signs, Transform};
use subquad::relu::{PatternRef, pattern};
use subquad::simd::{Element, Float};
use subquad::sketch::{Factor, Srht, TensorSketch, TensorSrht, law};
use subquad::{Error, Level, MatMut, MatRef, limits, random, scratch};

fn transforms<T: Element>(level: Level) {
    // In registers, in one and in several blocks, and of lengths that are no powers of two.
    for n in [1, 8, 12, 256, 320, 1 << 14, 28 << 9] {
        let (mut x, source) = (vec![T::zeroed(); 3 * n], vec![T::zeroed(); 3 * n]);
        let words = vec![0x5555_5555_5555_5555; n.div_ceil(64)];
        let (mut out, mut room) = ([T::zeroed(); 2], vec![T::zeroed(); hadamard::outputs_scratch_len(n, 2)]);
        armed(|| {
            hadamard::fwht(level, &mut x[..n])?;
            let orders = if n.is_power_of_two() { &[Order::Natural, Order::Dyadic, Order::Sequency][..] } else { &[Order::Natural] };
            for &order in orders {
                for signs in [Signs::None, Signs::Bits(&words), Signs::Seed(3)] {
                    let _ = signs.is_minus(0);
                    let transform = Transform::new().signs(signs).order(order);
                    Transform::run(&transform, level, &mut x[..n])?;
                    transform.run_from(level, &source[..n / 2], &mut x[..n])?;
                    Transform::rows(&transform, level, MatMut::new(&mut x, 3, n)?)?;
                    transform.rows_from(level, MatRef::new(&source, 3, n)?, MatMut::new(&mut x, 3, n)?)?;
                    transform.columns(level, MatMut::new(&mut x, n, 3)?)?;
                    if n.is_power_of_two() {
                        Transform::outputs(&transform, level, &source[..n], n, &[0, n - 1], &mut out, &mut room)?;
                    }
                }
            }
            Ok::<(), Error>(())
        })
        .unwrap();
    }
    let mut array = [T::zeroed(); 64];
    armed(|| hadamard::fwht_array(level, &mut array));
}

fn sketches<T: Float>(level: Level) {
    let (n, d, m, s) = (5, 4, 70, 32);
    let (u, v) = (numbers::<T>(m, 1), numbers::<T>(d, 2));
    let (x, a) = (numbers::<T>(n * d, 3), signs::<T>(m, 4));
    let words = vec![0x9E37_79B9_7F4A_7C15; pattern::pattern_len(n, m)];
    let (mut y, mut room) = (vec![T::ZERO; n * s], vec![T::ZERO; 4096]);
    armed(|| {
        let (x, pattern) = (MatRef::new(&x, n, d)?, PatternRef::new(&words, n, m)?);
        let srht = Srht::new(m, s, 1)?;
        Srht::accumulate(&srht, level, &u, &mut y[..s], &mut room[..Srht::scratch_len(&srht)])?;
        let srht = Srht::new(m * d, s, 1)?;
        let need = srht.jacobian_scratch_len(d, m);
        Srht::jacobian(&srht, level, x, &a, pattern, MatMut::new(&mut y, n, s)?, &mut room[..need])?;
        let tensor = TensorSrht::new((m, d), s, 1)?;
        let need = TensorSrht::scratch_len(&tensor);
        TensorSrht::accumulate(&tensor, level, &u, &v, &mut y[..s], &mut room[..need])?;
        TensorSrht::jacobian(&tensor, level, x, &a, pattern, MatMut::new(&mut y, n, s)?, &mut room[..need])?;
        let hashed = TensorSketch::new((m, d), s, 1)?;
        TensorSketch::accumulate(&hashed, level, &u[..], &v[..], &mut y[..s], &mut room)?;
        let sparse = Factor::Sparse { indices: &[1, 69], values: &u[..2] };
        TensorSketch::accumulate(&hashed, level, sparse, &v[..], &mut y[..s], &mut room)?;
        TensorSketch::jacobian(&hashed, level, x, &a, pattern, MatMut::new(&mut y, n, s)?, &mut room)?;
        assert!(law(64.0).high > 0.0);
        Ok::<(), Error>(())
    })
    .unwrap();
}

/// Matrices that fit into registers, into a tile, and into no cache at once.
fn algebra<T: Float>(level: Level) {
    for (m, n, k) in [(1, 1, 1), (7, 13, 300), (70, 33, 40), (3, 0, 2)] {
        let (a, b) = (numbers::<T>(m * k, 1), numbers::<T>(k * n, 2));
        let (mut c, mut square, mut columns, mut sides) =
            (vec![T::ZERO; m * n], vec![T::ZERO; m * m], numbers::<T>(m * k, 3), numbers::<T>(m * n, 4));
        let (mut room, mut wide) = (vec![T::ZERO; 1 << 17], vec![0.0f64; blas::cholesky_qr_scratch_len(k, m)]);
        armed(|| {
            let (a, b) = (MatRef::new(&a, m, k)?, MatRef::new(&b, k, n)?);
            blas::gemm(level, T::ONE, a, b, T::ZERO, MatMut::new(&mut c, m, n)?, &mut room)?;
            blas::gemm(level, T::ONE, b.t(), a.t(), T::ZERO, MatMut::new(&mut c, n, m)?, &mut room)?;
            blas::syrk(level, T::ONE, a, T::ZERO, MatMut::new(&mut square, m, m)?, &mut room)?;
            square.iter_mut().step_by(m + 1).for_each(|x| *x += T::ONE);
            blas::cholesky(level, MatMut::new(&mut square, m, m)?, &mut room)?;
            blas::cholesky_solve(level, MatRef::new(&square, m, m)?, MatMut::new(&mut sides, m, n)?, &mut room)?;
            for triangle in [Triangle::Lower, Triangle::Upper] {
                blas::triangular_solve(level, triangle, MatRef::new(&square, m, m)?, MatMut::new(&mut sides, m, n)?, &mut room)?;
            }
            blas::cholesky_qr(level, a, MatMut::new(&mut square, m, m)?, &mut wide)?;
            blas::qr(level, MatMut::new(&mut columns, m, k)?, &mut room)
        })
        .unwrap();
    }
    let (x, mut y) = (numbers::<T>(1000, 1), numbers::<T>(1000, 2));
    let mut rng = random::stream(1, 2);
    armed(|| {
        blas::axpy(level, T::ONE, &x, &mut y)?;
        blas::xpby(level, &x, T::ONE, &mut y)?;
        blas::scale(level, T::ONE, &mut y);
        assert!(blas::dot(level, &x, &x)? == blas::norm_squared(level, &x) && blas::max_abs(&y) > T::ZERO);
        random::gaussian(&mut rng, &mut y);
        random::signs(&mut rng, &mut y);
        Ok::<(), Error>(())
    })
    .unwrap();
}

fn views_and_limits<T: Float>(level: Level) {
    let (mut x, mut y) = (numbers::<T>(1200, 1), numbers::<T>(1200, 2));
    armed(|| {
        let matrix = MatRef::new(&y, 30, 40)?;
        assert!(MatRef::row(&matrix.row_range(1, 5), 4).is_some() && MatRef::get(&matrix.col_range(1, 5), 29, 4).is_some());
        let (above, below) = MatMut::new(&mut x, 30, 40)?.split_rows(10);
        assert!(MatMut::row(&mut above.block(1, 1, 3, 3), 2).is_some() && below.rows() == 20);
        let (first, rest) = scratch::take(&mut x, 100)?;
        assert!(first.len() + rest.len() == 1200);
        limits::copy(level, T::ONE, &y, &mut x);
        y[0] = limits::multiply_adds(level, 2, T::ONE) + limits::additions(level, 2, T::ONE);
        assert!(limits::counted_bits::<T>(level, 2, 1) > 0);
        y[1] = limits::read(level, &x);
        assert!(limits::flops::<T>(level, 2) + limits::adds::<T>(level, 2) + limits::words::<T>(level, 2) > 0);
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn dense_kernels_allocate_nothing() {
    for level in levels() {
        transforms::<f32>(level);
        transforms::<f64>(level);
        transforms::<i32>(level);
        transforms::<i16>(level);
        sketches::<f32>(level);
        sketches::<f64>(level);
        algebra::<f32>(level);
        algebra::<f64>(level);
        views_and_limits::<f32>(level);
        views_and_limits::<f64>(level);
    }
}
