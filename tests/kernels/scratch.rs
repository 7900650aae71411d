//! Scratch: what it holds and how long it is beyond the need makes no difference, and one element short is an error.

use crate::oracle::{levels, numbers, signs};
use subquad::cg::{self, LinearOperator, Stopping};
use subquad::hadamard::{Order, Signs, Transform, outputs_scratch_len};
use subquad::halfspace::{BallTree, Candidates, Hits, MaxTree, Packed, Reporter, Rotated, Screened, Watcher, scan, scan_scratch_len};
use subquad::relu::{PatternMut, PatternRef, gram, pattern, two_layer};
use subquad::simd::Float;
use subquad::sketch::{Srht, TensorSketch, TensorSrht};
use subquad::{Error, Level, MatMut, MatRef, blas};

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

struct Tridiagonal(usize);
impl<T: Float> LinearOperator<T> for Tridiagonal {
    fn dim(&self) -> usize {
        self.0
    }
    fn scratch_len(&self) -> usize {
        3
    }
    fn apply(&self, _: Level, x: &[T], y: &mut [T], scratch: &mut [T]) -> Result<(), Error> {
        assert!(scratch.len() >= 3);
        scratch[..3].fill(T::from_f64(f64::NAN));
        let at = |i: usize| x.get(i).copied().unwrap_or(T::ZERO);
        y.iter_mut().enumerate().for_each(|(i, y)| *y = T::from_f64(3.0) * at(i) - at(i.wrapping_sub(1)) - at(i + 1));
        Ok(())
    }
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
    let b = numbers::<T>(50, 4);
    let stopping = Stopping { relative: 1e-4, absolute: 0.0, max_iterations: 60 };
    proves("conjugate_gradient", cg::conjugate_gradient_scratch_len(50, 3, 0), |s: &mut [T]| {
        let mut x = vec![T::ZERO; 50];
        cg::conjugate_gradient(level, &Tridiagonal(50), &cg::Identity, &b, &mut x, stopping, s).map(|_| bits(&x))
    });
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
        transform.outputs(level, &u, 256, &[0, 255, 7, 7], &mut out, s).map(|()| bits(&out))
    });
    let mut y = vec![T::ZERO; 32];
    let srht = Srht::new(50, 32, 1).unwrap();
    proves("Srht", srht.scratch_len(), |s: &mut [T]| {
        y.fill(T::ZERO);
        srht.accumulate(level, &u, &mut y, s).map(|()| bits(&y))
    });
    let tensor = TensorSrht::new((50, 33), 32, 1).unwrap();
    proves("TensorSrht", tensor.scratch_len(), |s: &mut [T]| {
        y.fill(T::ZERO);
        tensor.accumulate(level, &u, &v, &mut y, s).map(|()| bits(&y))
    });
    let hashed = TensorSketch::new((50, 33), 32, 1).unwrap();
    proves("TensorSketch", hashed.scratch_len(), |s: &mut [T]| {
        y.fill(T::ZERO);
        hashed.accumulate(level, u.as_slice(), v.as_slice(), &mut y, s).map(|()| bits(&y))
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
        srht.jacobian(level, x, &a, p, MatMut::new(&mut y, n, 32).unwrap(), s).map(|()| bits(&y))
    });
    let hashed = TensorSketch::new((m, d), 32, 1).unwrap();
    proves("TensorSketch: Jacobian", hashed.jacobian_scratch_len(), |s: &mut [T]| {
        y.fill(T::ZERO);
        hashed.jacobian(level, x, &a, p, MatMut::new(&mut y, n, 32).unwrap(), s).map(|()| bits(&y))
    });
}

fn reporting<T: Float>(level: Level) {
    for (m, d, n) in [(1, 1, 1), (170, 5, 17), (40, 0, 2), (1000, 3, 1)] {
        let (w, x) = (numbers::<T>(m * d, 1), numbers::<T>(n * d, 2));
        let (w, x) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, n, d).unwrap());
        let b = T::from_f64(0.1);
        let words = |bytes: usize| vec![0u64; bytes / 8];
        let ask = |to: &mut dyn FnMut(&mut Hits<'_, T>) -> Result<(), Error>| {
            let (mut counts, mut indices, mut values) = (vec![9; n], vec![9; n * m], vec![T::ZERO; n * m]);
            let mut hits = Hits::new(&mut counts, &mut indices, m)?.with_values(&mut values)?;
            to(&mut hits)?;
            let ids = (0..n).flat_map(|i| hits.indices(i).iter().map(|&r| u64::from(r)).chain([u64::MAX]));
            Ok(ids.chain((0..n).flat_map(|i| bits(hits.values(i)))).collect::<Vec<u64>>())
        };
        proves("scan", scan_scratch_len(d, m), |s: &mut [T]| ask(&mut |hits| scan(level, w, x, b, hits, s)));
        let mut room = words(Packed::<&[u8], T>::storage_len(m, d));
        let packed = Packed::<_, T>::build(w, bytemuck::cast_slice_mut::<_, u8>(&mut room)).unwrap();
        proves("Packed", packed.scratch_len(), |s: &mut [T]| ask(&mut |hits| packed.query_batch(level, x, b, hits, s)));
        let mut room = words(Screened::<&[u8], T>::storage_len(m, d));
        let screened = Screened::<_, T>::build(w, bytemuck::cast_slice_mut::<_, u8>(&mut room)).unwrap();
        proves("Screened", screened.scratch_len(), |s: &mut [T]| ask(&mut |hits| screened.query_batch(level, x, b, hits, s)));
        let mut room = words(Rotated::<&[u8], T>::storage_len(m, d));
        let rotated = Rotated::<_, T>::build(level, w, 1, bytemuck::cast_slice_mut::<_, u8>(&mut room)).unwrap();
        proves("Rotated", rotated.scratch_len(), |s: &mut [T]| ask(&mut |hits| rotated.query_batch(level, x, b, hits, s)));
        let mut room = words(BallTree::<&[u8], T>::storage_len(m, d));
        proves("BallTree: build", BallTree::<&[u8], T>::build_scratch_len(m, d), |s: &mut [T]| {
            BallTree::<_, T>::build(w, bytemuck::cast_slice_mut::<_, u8>(&mut room), s)?;
            Ok(room.clone())
        });
        let mut balls =
            BallTree::<_, T>::open(bytemuck::cast_slice_mut::<_, u8>(&mut room), subquad::halfspace::Check::Everything).unwrap();
        proves("BallTree", balls.scratch_len(), |s: &mut [T]| ask(&mut |hits| balls.query_batch(level, x, b, hits, s)));
        proves("BallTree: rebalance", BallTree::<&[u8], T>::rebalance_scratch_len(m, d), |s: &mut [T]| {
            balls.rebalance(s)?;
            let mut other = vec![T::ZERO; balls.scratch_len()];
            ask(&mut |hits| balls.query_batch(level, x, b, hits, &mut other))
        });
        let need = MaxTree::<&[u8], T>::build_scratch_len(m, d);
        let mut room = words(MaxTree::<&[u8], T>::storage_len(m, d, n));
        proves("MaxTree: build", need, |s: &mut [T]| {
            MaxTree::<_, T>::build(level, w, x, bytemuck::cast_slice_mut::<_, u8>(&mut room), s)?;
            Ok(room.clone())
        });
        let maxima = MaxTree::<_, T>::open(bytemuck::cast_slice::<_, u8>(&room), subquad::halfspace::Check::Everything).unwrap();
        proves("MaxTree", maxima.scratch_len(), |s: &mut [T]| ask(&mut |hits| maxima.query_batch(level, w, b, hits, s)));
        let need = Candidates::<&[u8], T>::build_scratch_len(m, d, n);
        let mut room = words(Candidates::<&[u8], T>::storage_len(m, d, n, m));
        proves("Candidates: build", need, |s: &mut [T]| {
            { Candidates::<_, T>::build(level, w, x, b, 0.1, m, bytemuck::cast_slice_mut::<_, u8>(&mut room), s).map(drop) }
                .map(|()| Vec::new())
        });
    }
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
        reporting::<f32>(level);
        reporting::<f64>(level);
    }
}
