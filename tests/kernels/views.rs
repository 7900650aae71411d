//! Matrices whose rows overlap, as the windows of a series do, or that are one row, one column or one number again and again: the same bits
//! as of a copy, whatever scratch held.

use crate::oracle::{dirty, levels, numbers, signs, words};
use subquad::halfspace::{BallTree, Candidates, Hits, MaxTree, Packed, Reporter, Screened, Watcher, scan, scan_scratch_len};
use subquad::relu::{PatternMut, PatternRef, gram, pattern, two_layer};
use subquad::simd::Float;
use subquad::sketch::{Srht, TensorSrht};
use subquad::{Level, MatMut, MatRef, blas};

fn bits<T: Float>(x: &[T]) -> Vec<u64> {
    x.iter().map(|x| x.to_f64().to_bits()).collect()
}

/// Strides of rows and columns, those first whose columns lie next to each other: windows, one apart and two; a row again; a column again; a number again; columns two apart.
const STRIDES: [(usize, usize); 6] = [(1, 1), (2, 1), (0, 1), (1, 0), (0, 0), (3, 2)];

/// What `run` makes of a view, it makes of its copy.
#[track_caller]
fn same<T: Float>(what: &str, rows: usize, cols: usize, seed: u64, run: impl FnMut(MatRef<'_, T>) -> Vec<u64>) {
    same_of(&STRIDES, what, rows, cols, seed, run);
}

#[track_caller]
fn same_of<T: Float>(
    strides: &[(usize, usize)],
    what: &str,
    rows: usize,
    cols: usize,
    seed: u64,
    mut run: impl FnMut(MatRef<'_, T>) -> Vec<u64>,
) {
    let data = numbers::<T>(4 * (rows + cols) + 9, seed);
    for &(row, col) in strides {
        let view = MatRef::with_strides(&data, rows, cols, row, col).unwrap();
        let copy: Vec<T> = (0..rows * cols).map(|k| view.get(k / cols, k % cols).unwrap()).collect();
        let wanted = run(MatRef::new(&copy, rows, cols).unwrap());
        assert!(run(view) == wanted, "{what}: {rows} x {cols}, strides {row} and {col}");
    }
}

fn dense<T: Float>(level: Level, m: usize, n: usize, k: usize) {
    let other = numbers::<T>(k * n, 2);
    let other = MatRef::new(&other, k, n).unwrap();
    same::<T>("gemm", m, k, 1, |a| {
        let (mut c, mut s) = (vec![T::ZERO; m * n], dirty(blas::gemm_scratch_len(m, n, k)));
        blas::gemm(level, T::ONE, a, other, T::ZERO, MatMut::new(&mut c, m, n).unwrap(), &mut s).unwrap();
        bits(&c)
    });
    same::<T>("gemm, on the right", k, n, 1, |b| {
        let left = MatRef::new(other.data(), n, k).unwrap();
        let (mut c, mut s) = (vec![T::ZERO; n * n], dirty(blas::gemm_scratch_len(n, n, k)));
        blas::gemm(level, T::ONE, left, b, T::ZERO, MatMut::new(&mut c, n, n).unwrap(), &mut s).unwrap();
        bits(&c)
    });
    same::<T>("syrk", m, k, 1, |a| {
        let (mut c, mut s) = (vec![T::ZERO; m * m], dirty(blas::syrk_scratch_len(m, k)));
        blas::syrk(level, T::ONE, a, T::ZERO, MatMut::new(&mut c, m, m).unwrap(), &mut s).unwrap();
        bits(&c)
    });
}

fn networks<T: Float>(level: Level, (n, d, m, c): (usize, usize, usize, usize)) {
    let (w, a, u) = (numbers::<T>(m * d, 2), signs::<T>(c * m, 3), numbers::<T>(n * c, 4));
    let (w, a, u) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&a, c, m).unwrap(), MatRef::new(&u, n, c).unwrap());
    let x = numbers::<T>(n * d, 1);
    let x = MatRef::new(&x, n, d).unwrap();
    let forward = |x: MatRef<'_, T>, w: MatRef<'_, T>, a: MatRef<'_, T>| {
        let (mut f, mut fires) = (vec![T::ZERO; n * c], vec![0; pattern::pattern_len(n, m)]);
        let mut s = dirty(two_layer::forward_scratch_len(d, m, c));
        let to = PatternMut::new(&mut fires, n, m).unwrap();
        two_layer::forward(level, x, w, a, T::ZERO, Some(to), MatMut::new(&mut f, n, c).unwrap(), &mut s).unwrap();
        [fires, bits(&f)].concat()
    };
    same("forward, X", n, d, 1, |x| forward(x, w, a));
    same("forward, W", m, d, 2, |w| forward(x, w, a));
    same("forward, A", c, m, 3, |a| forward(x, w, a));
    // Few that fire, and many: sums along the ones, where columns lie next to each other, or over all.
    for (sieve, strides) in [(0x0000_0100_0000_0001, &STRIDES[..3]), (0x9E37_79B9_7F4A_7C15u64, &STRIDES[..])] {
        let last = u64::MAX >> ((64 - m % 64) % 64);
        let each = pattern::words_per_sample(m);
        let fires: Vec<u64> =
            (0..n * each).map(|i| sieve.rotate_left(i as u32 * 7) & if (i + 1).is_multiple_of(each) { last } else { u64::MAX }).collect();
        let p = PatternRef::new(&fires, n, m).unwrap();
        let jvp = |x: MatRef<'_, T>, a: MatRef<'_, T>, v: MatRef<'_, T>| {
            let (mut f, mut s) = (vec![T::ZERO; n * c], dirty(two_layer::jvp_scratch_len(d, m, c)));
            two_layer::jvp(level, x, a, p, v, MatMut::new(&mut f, n, c).unwrap(), &mut s).unwrap();
            bits(&f)
        };
        same_of(strides, "jvp, X", n, d, 1, |x| jvp(x, a, w));
        same_of(strides, "jvp, A", c, m, 1, |a| jvp(x, a, w));
        same_of(strides, "jvp, V", m, d, 1, |v| jvp(x, a, v));
        let vjp = |x: MatRef<'_, T>, a: MatRef<'_, T>, u: MatRef<'_, T>| {
            let (mut g, mut s) = (vec![T::ZERO; m * d], dirty(two_layer::vjp_scratch_len(d, m, c)));
            two_layer::vjp(level, x, a, p, u, MatMut::new(&mut g, m, d).unwrap(), &mut s).unwrap();
            bits(&g)
        };
        same_of(strides, "vjp, X", n, d, 1, |x| vjp(x, a, u));
        same_of(strides, "vjp, A", c, m, 1, |a| vjp(x, a, u));
        same_of(strides, "vjp, U", n, c, 1, |u| vjp(x, a, u));
        let product = |x: MatRef<'_, T>, a: MatRef<'_, T>, u: MatRef<'_, T>| {
            let (mut f, mut s) = (vec![T::ZERO; n * c], dirty(two_layer::gram_product_scratch_len(d, m, c)));
            two_layer::gram_product(level, x, a, p, u, MatMut::new(&mut f, n, c).unwrap(), &mut s).unwrap();
            bits(&f)
        };
        same_of(strides, "gram_product, X", n, d, 1, |x| product(x, a, u));
        same_of(strides, "gram_product, A", c, m, 1, |a| product(x, a, u));
        same_of(strides, "gram_product, U", n, c, 1, |u| product(x, a, u));
        same::<T>("gram", n, d, 1, |x| {
            let (mut k, mut s) = (vec![T::ZERO; n * n], dirty(gram::gram_scratch_len(n, d)));
            gram::gram(level, x, p, MatMut::new(&mut k, n, n).unwrap(), &mut s).unwrap();
            bits(&k)
        });
        let weights = a.row(0).unwrap();
        same::<T>("sketches of the Jacobian", n, d, 1, |x| {
            let (srht, tensor) = (Srht::new(m * d, 32, 1).unwrap(), TensorSrht::new((m, d), 32, 1).unwrap());
            let (mut y, mut z) = (vec![T::ZERO; n * 32], vec![T::ZERO; n * 32]);
            let mut s = dirty(srht.jacobian_scratch_len(d, m) + tensor.scratch_len());
            srht.jacobian(level, x, weights, p, MatMut::new(&mut y, n, 32).unwrap(), &mut s).unwrap();
            tensor.jacobian(level, x, weights, p, MatMut::new(&mut z, n, 32).unwrap(), &mut s).unwrap();
            bits(&[y, z].concat())
        });
    }
}

fn reporting<T: Float>(level: Level, (m, d, n): (usize, usize, usize)) {
    let (w, x, b) = (numbers::<T>(m * d, 2), numbers::<T>(n * d, 3), T::from_f64(0.1));
    let (w, x) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, n, d).unwrap());
    let ask = |to: &mut dyn FnMut(&mut Hits<'_, T>, &mut [T])| {
        let (mut counts, mut indices, mut values) = (vec![9; n], vec![9; n * m], dirty::<T>(n * m));
        let mut hits = Hits::new(&mut counts, &mut indices, m).unwrap().with_values(&mut values).unwrap();
        to(&mut hits, &mut dirty(60_000));
        assert!(hits.complete());
        let ids = (0..n).flat_map(|i| hits.indices(i).iter().map(|&r| u64::from(r)).chain([u64::MAX]));
        ids.chain((0..n).flat_map(|i| bits(hits.values(i)))).collect::<Vec<u64>>()
    };
    assert!(scan_scratch_len(d, m) <= 60_000);
    same("scan, W", m, d, 2, |w| ask(&mut |hits, s| scan(level, w, x, b, hits, s).unwrap()));
    same("scan, X", n, d, 3, |x| ask(&mut |hits, s| scan(level, w, x, b, hits, s).unwrap()));
    let each =
        [BallTree::<&[u8], T>::storage_len(m, d), Screened::<&[u8], T>::storage_len(m, d), MaxTree::<&[u8], T>::storage_len(m, d, n)];
    let mut memory = words(each.iter().sum());
    let memory: &mut [u8] = bytemuck::cast_slice_mut(&mut memory);
    macro_rules! reporter {
        ($Index:ident, $($scratch:expr)?) => {
            same(stringify!($Index), m, d, 2, |w| {
                let index = $Index::build(w, &mut *memory $(, $scratch)?).unwrap();
                ask(&mut |hits, s| index.query_batch(level, x, b, hits, s).unwrap())
            });
            let index = $Index::build(w, &mut *memory $(, $scratch)?).unwrap();
            same(concat!(stringify!($Index), ", queries"), n, d, 3, |x| ask(&mut |hits, s| index.query_batch(level, x, b, hits, s).unwrap()));
        };
    }
    reporter!(Packed,);
    reporter!(Screened,);
    reporter!(BallTree, &mut dirty(60_000));
    same("MaxTree, W", m, d, 2, |w| {
        let trees = MaxTree::build(level, w, x, &mut *memory, &mut dirty(60_000)).unwrap();
        ask(&mut |hits, s| trees.query_batch(level, w, b, hits, s).unwrap())
    });
    same("MaxTree, X", n, d, 3, |x| {
        let trees = MaxTree::build(level, w, x, &mut *memory, &mut dirty(60_000)).unwrap();
        ask(&mut |hits, s| trees.query_batch(level, w, b, hits, s).unwrap())
    });
    same("MaxTree, rows that moved", 3, d, 4, |to| {
        let mut trees = MaxTree::build(level, w, x, &mut *memory, &mut dirty(60_000)).unwrap();
        trees.update_batch(level, &[0, 2, m as u32 - 1], to, &mut dirty(60_000)).unwrap();
        ask(&mut |hits, s| trees.query_batch(level, w, b, hits, s).unwrap())
    });
}

/// Weights that move to a view: what fires is on the lists, or on the one of those that have moved far.
fn drift<T: Float>(level: Level, (m, d, n): (usize, usize, usize)) {
    let (w, x, b) = (numbers::<T>(m * d, 2), numbers::<T>(n * d, 3), T::from_f64(0.1));
    let (w, x) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, n, d).unwrap());
    let data = numbers::<T>(4 * (m + d), 5);
    for (row, _) in STRIDES.into_iter().filter(|&(_, col)| col == 1) {
        let moved = MatRef::with_strides(&data, m, d, row, 1).unwrap();
        let mut memory = words(Candidates::<&[u8], T>::storage_len(m, d, n, m));
        let to = bytemuck::cast_slice_mut::<u64, u8>(&mut memory);
        let mut lists = Candidates::build(level, w, x, b, 0.01, m, to, &mut dirty(60_000)).unwrap();
        lists.update_all(level, moved).unwrap();
        lists.verify(level, moved, &mut []).unwrap();
        let found = |ask: &mut dyn FnMut(&mut Hits<'_, T>)| {
            let (mut counts, mut indices) = (vec![9; n], vec![9; n * m]);
            let mut hits = Hits::new(&mut counts, &mut indices, m).unwrap();
            ask(&mut hits);
            (0..n).map(|i| hits.indices(i).to_vec()).collect::<Vec<_>>()
        };
        let wanted = found(&mut |hits| scan(level, moved, x, b, hits, &mut dirty(60_000)).unwrap());
        assert_eq!(
            found(&mut |hits| lists.query_batch(level, moved, b, hits, &mut []).unwrap()),
            wanted,
            "{level}: {m} x {d}, {row} apart"
        );
    }
}

#[test]
fn factors_of_products() {
    for level in levels() {
        for (m, n, k) in [(7, 13, 30), (30, 3, 70), (1, 2, 5)] {
            dense::<f32>(level, m, n, k);
            dense::<f64>(level, m, n, k);
        }
    }
}

#[test]
fn samples_and_weights_of_networks() {
    for level in levels() {
        for shape in [(19, 6, 150, 3), (40, 33, 65, 1), (1, 5, 70, 1)] {
            networks::<f32>(level, shape);
            networks::<f64>(level, shape);
        }
    }
}

#[test]
fn neurons_and_queries() {
    for level in levels() {
        for shape in [(170, 5, 17), (40, 20, 3), (3, 9, 1)] {
            reporting::<f32>(level, shape);
            reporting::<f64>(level, shape);
        }
    }
}

#[test]
fn weights_that_move() {
    for level in levels() {
        for shape in [(170, 5, 17), (40, 20, 3), (3, 9, 1)] {
            drift::<f32>(level, shape);
            drift::<f64>(level, shape);
        }
    }
}
