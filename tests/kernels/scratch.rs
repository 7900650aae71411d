//! Scratch: what it holds and how long it is beyond the need makes no difference, and one element short is an error.

use crate::oracle::{levels, numbers, signs};
#[cfg(all(feature = "std", not(target_family = "wasm")))]
use crate::public;
use subquad::hadamard::{Order, Signs, Transform, outputs_scratch_len};
use subquad::relu::{PatternMut, PatternRef, gram, pattern, two_layer};
use subquad::simd::Float;
use subquad::sketch::{Srht, TensorSketch, TensorSrht};
use subquad::{Error, Level, MatMut, MatRef, blas};

mod halfspace;
mod iterations;
mod layers;

/// Runs a kernel with clean, dirty, longer and too short scratch; the kernel returns all that it found, as bits.
#[track_caller]
fn proves<T: Float>(what: &str, need: usize, mut kernel: impl FnMut(&mut [T]) -> Result<Vec<u64>, Error>) {
    let wanted = kernel(&mut vec![T::ZERO; need]).unwrap_or_else(|e| panic!("{what}: {e}"));
    for fill in [f64::NAN, f64::INFINITY, -1e30, 3.0] {
        let mut exact = vec![T::from_f64(fill); need];
        assert_eq!(kernel(&mut exact).as_deref(), Ok(&wanted[..]), "{what}: scratch full of {fill}");
        // What lies behind the need stays as it was.
        let mut longer = vec![T::from_f64(fill); need + 37];
        longer[need..].fill(T::from_f64(7.0));
        assert_eq!(kernel(&mut longer).as_deref(), Ok(&wanted[..]), "{what}: longer scratch full of {fill}");
        // At another address modulo everything.
        assert_eq!(kernel(&mut longer[1..]).as_deref(), Ok(&wanted[..]), "{what}: scratch that is aligned to nothing");
    }
    if need > 0 {
        let refused = kernel(&mut vec![T::ZERO; need - 1]).expect_err(what).to_string();
        assert_eq!(refused, format!("scratch: needs at least {need} elements, found {}", need - 1), "{what}");
    }
}

fn bits<T: Float>(x: &[T]) -> Vec<u64> {
    x.iter().map(|x| x.to_f64().to_bits()).collect()
}

fn lower<T: Float>(x: &[T], n: usize) -> Vec<u64> {
    (0..n).flat_map(|i| bits(&x[i * n..i * n + i + 1])).collect()
}

fn linear_algebra<T: Float>(level: Level) {
    for (m, n, k) in [(1, 1, 1), (7, 13, 300), (30, 33, 5), (3, 0, 2)] {
        let (a, b, c0) = (numbers::<T>(m * k, 1), numbers::<T>(k * n, 2), numbers::<T>(m * n, 3));
        let (a, b) = (MatRef::new(&a, m, k).unwrap(), MatRef::new(&b, k, n).unwrap());
        proves("gemm", blas::gemm_scratch_len(m, n, k), |s: &mut [T]| {
            let mut c = c0.clone();
            blas::gemm(level, T::ONE, a, b, T::ONE, MatMut::new(&mut c, m, n).unwrap(), s).map(|()| bits(&c))
        });
        proves("syrk", blas::syrk_scratch_len(m, k), |s: &mut [T]| {
            let mut c = vec![T::ONE; m * m];
            blas::syrk(level, T::ONE, a, T::ONE, MatMut::new(&mut c, m, m).unwrap(), s).map(|()| lower(&c, m))
        });
        proves("qr", blas::qr_scratch_len(k, m), |s: &mut [T]| {
            let mut c = numbers::<T>(m * k, 1);
            blas::qr(level, MatMut::new(&mut c, m, k).unwrap(), s)?;
            Ok((0..m).flat_map(|i| bits(&c[i * k..i * k + (i + 1).min(k)])).collect())
        });
        proves("cholesky_qr", blas::cholesky_qr_scratch_len(k, m), |s: &mut [f64]| {
            let mut c = vec![T::ZERO; m * m];
            blas::cholesky_qr(level, a, MatMut::new(&mut c, m, m).unwrap(), s).map(|_| lower(&c, m))
        });
        let mut definite = vec![T::ZERO; m * m];
        let mut room = vec![T::ZERO; blas::syrk_scratch_len(m, k)];
        blas::syrk(level, T::ONE, a, T::ZERO, MatMut::new(&mut definite, m, m).unwrap(), &mut room).unwrap();
        definite.iter_mut().step_by(m + 1).for_each(|x| *x += T::ONE);
        proves("cholesky", blas::cholesky_scratch_len(m), |s: &mut [T]| {
            let mut l = definite.clone();
            blas::cholesky(level, MatMut::new(&mut l, m, m).unwrap(), s).map(|_| lower(&l, m))
        });
        let l = MatRef::new(&definite, m, m).unwrap();
        proves("cholesky_solve", blas::cholesky_solve_scratch_len(m), |s: &mut [T]| {
            let mut c = c0.clone();
            blas::cholesky_solve(level, l, MatMut::new(&mut c, m, n).unwrap(), s).map(|()| bits(&c))
        });
        proves("triangular_solve", blas::triangular_solve_scratch_len(m), |s: &mut [T]| {
            let mut c = c0.clone();
            blas::triangular_solve(level, blas::Triangle::Lower, l, MatMut::new(&mut c, m, n).unwrap(), s).map(|()| bits(&c))
        });
    }
}

fn networks<T: Float>(level: Level) {
    for (n, d, m, c) in [(1, 1, 1, 1), (19, 6, 150, 3), (133, 3, 65, 2), (4, 0, 7, 1), (3, 2, 0, 1)] {
        let (x, w, a, u) = (numbers::<T>(n * d, 1), numbers::<T>(m * d, 2), signs::<T>(c * m, 3), numbers::<T>(n * c, 4));
        let (x, w) = (MatRef::new(&x, n, d).unwrap(), MatRef::new(&w, m, d).unwrap());
        let (a, u) = (MatRef::new(&a, c, m).unwrap(), MatRef::new(&u, n, c).unwrap());
        let mut words = vec![0; pattern::pattern_len(n, m)];
        proves("forward", two_layer::forward_scratch_len(d, m, c), |s: &mut [T]| {
            words.fill(u64::MAX);
            let mut f = vec![T::ZERO; n * c];
            let pattern = PatternMut::new(&mut words, n, m).unwrap();
            two_layer::forward(level, x, w, a, T::ZERO, Some(pattern), MatMut::new(&mut f, n, c).unwrap(), s)?;
            Ok(words.iter().copied().chain(bits(&f)).collect())
        });
        let p = PatternRef::new(&words, n, m).unwrap();
        proves("jvp", two_layer::jvp_scratch_len(d, m, c), |s: &mut [T]| {
            let mut f = vec![T::ZERO; n * c];
            two_layer::jvp(level, x, a, p, w, MatMut::new(&mut f, n, c).unwrap(), s).map(|()| bits(&f))
        });
        proves("vjp", two_layer::vjp_scratch_len(d, m, c), |s: &mut [T]| {
            let mut g = vec![T::ZERO; m * d];
            two_layer::vjp(level, x, a, p, u, MatMut::new(&mut g, m, d).unwrap(), s).map(|()| bits(&g))
        });
        for first in (0..m).step_by(64) {
            let count = 70.min(m - first);
            proves("vjp_rows", two_layer::vjp_scratch_len(d, count, c), |s: &mut [T]| {
                let mut g = vec![T::ZERO; count * d];
                two_layer::vjp_rows(level, x, a, p, u, first, MatMut::new(&mut g, count, d).unwrap(), s).map(|()| bits(&g))
            });
        }
        proves("gram_product", two_layer::gram_product_scratch_len(d, m, c), |s: &mut [T]| {
            let mut f = vec![T::ZERO; n * c];
            two_layer::gram_product(level, x, a, p, u, MatMut::new(&mut f, n, c).unwrap(), s).map(|()| bits(&f))
        });
        proves("gram", gram::gram_scratch_len(n, d), |s: &mut [T]| {
            let mut k = vec![T::ZERO; n * n];
            gram::gram(level, x, p, MatMut::new(&mut k, n, n).unwrap(), s).map(|()| lower(&k, n))
        });
        proves("analytic_gram", gram::gram_scratch_len(n, d), |s: &mut [T]| {
            let mut k = vec![T::ZERO; n * n];
            gram::analytic_gram(level, x, T::ONE, MatMut::new(&mut k, n, n).unwrap(), s).map(|()| lower(&k, n))
        });
    }
}

fn transforms_and_sketches<T: Float>(level: Level) {
    let (u, v) = (numbers::<T>(50, 1), numbers::<T>(33, 2));
    let transform = Transform::new().signs(Signs::Seed(3)).order(Order::Sequency);
    proves("outputs", outputs_scratch_len(256, 4), |s: &mut [T]| {
        let mut out = [T::ZERO; 4];
        Transform::outputs(&transform, level, &u, 256, &[0, 255, 7, 7], &mut out, s).map(|()| bits(&out))
    });
    let mut y = vec![T::ZERO; 32];
    let srht = Srht::new(50, 32, 1).unwrap();
    proves("Srht", srht.scratch_len(), |s: &mut [T]| {
        y.fill(T::ZERO);
        Srht::accumulate(&srht, level, &u, &mut y, s).map(|()| bits(&y))
    });
    let tensor = TensorSrht::new((50, 33), 32, 1).unwrap();
    proves("TensorSrht", tensor.scratch_len(), |s: &mut [T]| {
        y.fill(T::ZERO);
        TensorSrht::accumulate(&tensor, level, &u, &v, &mut y, s).map(|()| bits(&y))
    });
    let hashed = TensorSketch::new((50, 33), 32, 1).unwrap();
    proves("TensorSketch", hashed.scratch_len(), |s: &mut [T]| {
        y.fill(T::ZERO);
        TensorSketch::accumulate(&hashed, level, u.as_slice(), v.as_slice(), &mut y, s).map(|()| bits(&y))
    });
    let (n, d, m) = (5, 4, 70);
    let (x, a) = (numbers::<T>(n * d, 3), signs::<T>(m, 4));
    let x = MatRef::new(&x, n, d).unwrap();
    let words: Vec<u64> = (0..n as u64).flat_map(|i| [0x9E37_79B9_7F4A_7C15u64.rotate_left(i as u32 * 7), i % 64]).collect();
    let p = PatternRef::new(&words, n, m).unwrap();
    let mut y = vec![T::ZERO; n * 32];
    let srht = Srht::new(m * d, 32, 1).unwrap();
    proves("Srht: Jacobian", srht.jacobian_scratch_len(d, m), |s: &mut [T]| {
        y.fill(T::ZERO);
        Srht::jacobian(&srht, level, x, &a, p, MatMut::new(&mut y, n, 32).unwrap(), s).map(|()| bits(&y))
    });
    let tensor = TensorSrht::new((m, d), 32, 1).unwrap();
    proves("TensorSrht: Jacobian", tensor.scratch_len(), |s: &mut [T]| {
        y.fill(T::ZERO);
        TensorSrht::jacobian(&tensor, level, x, &a, p, MatMut::new(&mut y, n, 32).unwrap(), s).map(|()| bits(&y))
    });
    let hashed = TensorSketch::new((m, d), 32, 1).unwrap();
    proves("TensorSketch: Jacobian", hashed.jacobian_scratch_len(), |s: &mut [T]| {
        y.fill(T::ZERO);
        TensorSketch::jacobian(&hashed, level, x, &a, p, MatMut::new(&mut y, n, 32).unwrap(), s).map(|()| bits(&y))
    });
}

#[test]
fn scratch_of_every_kernel() {
    for level in levels() {
        linear_algebra::<f32>(level);
        linear_algebra::<f64>(level);
        networks::<f32>(level);
        networks::<f64>(level);
        transforms_and_sketches::<f32>(level);
        transforms_and_sketches::<f64>(level);
    }
}

/// Whoever adds a function that wants scratch proves here, or in the folder of this name, that any will do. (Of `take` scratch is all.)
#[test]
#[cfg(all(feature = "std", not(target_family = "wasm")))]
fn no_function_is_left_out() {
    let tests = [
        include_str!("scratch.rs"),
        include_str!("scratch/halfspace.rs"),
        include_str!("scratch/iterations.rs"),
        include_str!("scratch/layers.rs"),
    ];
    let all = public::functions();
    let missing = public::missing(&all, &tests.concat(), |f| f.signature.contains("scratch: &mut [") && !f.signature.starts_with("take<"));
    assert!(missing.is_empty(), "no test of their scratch: {missing:#?}");
}
