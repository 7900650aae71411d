//! The Walsh-Hadamard transform against its definition, on every level, on every path.

use quickcheck::{QuickCheck, TestResult};
use subquad::hadamard::{Order, Signs, Transform, fwht, fwht_array, is_len, is_minus, len_above, len_below, outputs_scratch_len};
use subquad::{Element, Error, Figure, Float, Level, MatMut, MatRef};

/// A number type of the tests: its bits, and how an integer becomes one.
trait Number: Element + std::fmt::Debug {
    fn of(i: i64) -> Self;
    fn bits(self) -> u64;
    fn sum(self, other: Self) -> Self;
    fn difference(self, other: Self) -> Self;
    fn product(self, other: Self) -> Self;
    fn minus(self) -> Self;
}

macro_rules! number {
    ($T:ty, $bits:expr, $sum:expr, $difference:expr, $product:expr, $minus:expr) => {
        impl Number for $T {
            fn of(i: i64) -> Self {
                i as $T
            }
            fn bits(self) -> u64 {
                $bits(self)
            }
            fn sum(self, other: Self) -> Self {
                $sum(self, other)
            }
            fn difference(self, other: Self) -> Self {
                $difference(self, other)
            }
            fn product(self, other: Self) -> Self {
                $product(self, other)
            }
            fn minus(self) -> Self {
                $minus(self)
            }
        }
    };
}
// All NaN are one: their payload is not promised.
number!(f32, |x: f32| if x.is_nan() { u64::MAX } else { u64::from(x.to_bits()) }, |a, b| a + b, |a, b| a - b, |a, b| a * b, |a: f32| -a);
number!(f64, |x: f64| if x.is_nan() { u64::MAX } else { x.to_bits() }, |a, b| a + b, |a, b| a - b, |a, b| a * b, |a: f64| -a);
number!(i32, |x| x as u64, i32::wrapping_add, i32::wrapping_sub, i32::wrapping_mul, i32::wrapping_neg);
number!(i16, |x| x as u64, i16::wrapping_add, i16::wrapping_sub, i16::wrapping_mul, i16::wrapping_neg);

fn bits<T: Number>(x: &[T]) -> Vec<u64> {
    x.iter().map(|&x| x.bits()).collect()
}

/// Numbers with many digits, some of them zeros of both signs.
fn noise<T: Number>(n: usize, seed: u64) -> Vec<T> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let third = T::of(7);
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let x = T::of((state >> 33) as i64 - (1 << 30)).product(third);
            match state >> 60 {
                0 => T::of(0),
                1 => T::of(0).minus(),
                _ => x,
            }
        })
        .collect()
}

/// Small integers: every sum is exact in every type.
fn small<T: Number>(n: usize, seed: u64) -> Vec<T> {
    (0..n as u64).map(|i| T::of((i.wrapping_add(seed).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 61) as i64 - 4)).collect()
}

/// The definition: y_i = sum_j +-x_j, the sign being that of the matrix. Exact.
fn oracle<T: Number>(x: &[T]) -> Vec<T> {
    let n = x.len();
    (0..n).map(|i| (0..n).fold(T::of(0), |sum, j| if is_minus(n, i, j) { sum.difference(x[j]) } else { sum.sum(x[j]) })).collect()
}

/// The documented order of additions, one after the other.
fn reference<T: Number>(x: &[T], scale: Option<T>) -> Vec<T> {
    let n = x.len();
    let mut y = x.to_vec();
    let q = match n >> n.trailing_zeros() {
        1 => 1,
        odd => 4 * odd,
    };
    let m = n / q;
    let mut h = 1;
    while h < m {
        for i in (0..n).filter(|i| i & h == 0) {
            (y[i], y[i + h]) = (y[i].sum(y[i + h]), y[i].difference(y[i + h]));
        }
        h *= 2;
    }
    if q > 1 {
        let x = y.clone();
        for (i, y) in y.iter_mut().enumerate() {
            let signed = |j: usize| if is_minus(n, i / m * m, j * m) { x[j * m + i % m].minus() } else { x[j * m + i % m] };
            let group = |g: usize| signed(4 * g).sum(signed(4 * g + 1)).sum(signed(4 * g + 2).sum(signed(4 * g + 3)));
            *y = (1..q / 4).fold(group(0), |sum, g| sum.sum(group(g)));
        }
    }
    scale.map_or(y.clone(), |c| y.iter().map(|&y| y.product(c)).collect())
}

/// Every length up to where a first-level block ends, and some beyond the blocks of every cache level.
fn lengths() -> Vec<usize> {
    let mut lengths: Vec<usize> = (1..=20000).filter(|&n| is_len(n)).collect();
    lengths.extend([1 << 15, 1 << 16, 1 << 17, 20 << 11]);
    lengths
}

/// On the optimised build only: these take their time.
fn long_lengths() -> Vec<usize> {
    vec![1 << 18, 1 << 19, 28 << 15, 1 << 20, 1 << 21, 1 << 22, 1 << 23, 12 << 18]
}

/// Between walls of numbers that must not change; odd addresses.
fn fenced<T: Number>(n: usize, shift: usize, f: impl FnOnce(&mut [T])) -> Vec<T> {
    let wall = T::of(77);
    let mut all = vec![wall; n + 2 * 40];
    f(&mut all[shift..shift + n]);
    assert!(all[..shift].iter().chain(&all[shift + n..]).all(|&x| x == wall), "{n}: wrote outside");
    all[shift..shift + n].to_vec()
}

fn definition<T: Number>() {
    for n in (1..=1100).filter(|&n| is_len(n)) {
        let x = small::<T>(n, n as u64);
        let expected = oracle(&x);
        assert_eq!(bits(&reference(&x, None)), bits(&expected), "the reference itself, {n}");
        for level in Level::available() {
            let mut y = x.clone();
            fwht(level, &mut y).unwrap();
            assert_eq!(bits(&y), bits(&expected), "{level}, {n}");
        }
    }
}

#[test]
fn the_definition() {
    definition::<f32>();
    definition::<f64>();
    definition::<i32>();
    definition::<i16>();
}

#[test]
fn entries_of_two_to_the_p_are_parities() {
    for n in [1usize, 2, 8, 64] {
        for i in 0..n {
            for j in 0..n {
                assert_eq!(is_minus(n, i, j), (i & j).count_ones() % 2 == 1);
            }
        }
    }
}

/// In and out of place, signed and not, scaled and not, at odd addresses: always the bits of the reference.
fn paths<T: Number>(n: usize) {
    let x = noise::<T>(n, n as u64);
    let words: Vec<u64> = noise::<i32>(n.div_ceil(64), 5).iter().map(|&w| (w as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
    let c = T::of(3);
    let signed =
        |signs: Signs<'_>| -> Vec<T> { x.iter().enumerate().map(|(i, &x)| if signs.is_minus(i) { x.minus() } else { x }).collect() };
    let plain = bits(&reference(&x, None));
    let scaled = bits(&reference(&x, Some(c)));
    for (signs, name) in [(Signs::Bits(&words), "bits"), (Signs::Seed(9), "seed")] {
        let expected = bits(&reference(&signed(signs), Some(c)));
        for level in Level::available() {
            let job = Transform::new().signs(signs).scaled(c);
            let y = fenced(n, 3, |y: &mut [T]| {
                y.copy_from_slice(&x);
                job.run(level, y).unwrap();
            });
            assert!(bits(&y) == expected, "{level}, {n}, signs from {name}, in place");
            let y = fenced(n, 16, |y: &mut [T]| job.run_from(level, &x, y).unwrap());
            assert!(bits(&y) == expected, "{level}, {n}, signs from {name}, out of place");
        }
    }
    for level in Level::available() {
        for shift in [0, 1, 16, 37] {
            let y = fenced(n, shift, |y: &mut [T]| {
                y.copy_from_slice(&x);
                fwht(level, y).unwrap();
            });
            assert!(bits(&y) == plain, "{level}, {n}, offset {shift}");
        }
        let y = fenced(n, 5, |y: &mut [T]| Transform::new().run_from(level, &x, y).unwrap());
        assert!(bits(&y) == plain, "{level}, {n}, out of place");
        let y = fenced(n, 7, |y: &mut [T]| Transform::new().scaled(c).run_from(level, &x, y).unwrap());
        assert!(bits(&y) == scaled, "{level}, {n}, scaled");
    }
}

/// Signs from a seed are the bits of SplitMix64's outputs, one after the other: a promise, since nobody stores them.
#[test]
fn signs_of_a_seed_are_bits_of_split_mix() {
    use rand_core::{Rng, SeedableRng};
    for seed in [0, 7, u64::MAX] {
        let mut generator = rand_xoshiro::SplitMix64::from_seed(seed.to_le_bytes());
        let words: Vec<u64> = (0..20).map(|_| generator.next_u64()).collect();
        let (stored, drawn) = (Signs::Bits(&words), Signs::Seed(seed));
        assert!((0..64 * words.len()).all(|i| stored.is_minus(i) == drawn.is_minus(i)));
        assert!((0..64 * words.len()).all(|i| stored.is_minus(i) == (words[i / 64] >> (i % 64) & 1 == 1)));
    }
}

#[test]
fn every_path_has_the_same_bits() {
    for n in lengths() {
        paths::<f32>(n);
        paths::<f64>(n);
        paths::<i32>(n);
        paths::<i16>(n);
    }
}

#[test]
fn every_path_has_the_same_bits_beyond_the_caches() {
    for n in long_lengths() {
        let x = noise::<f32>(n, n as u64);
        let plain = reference(&x, None);
        let wide: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
        let wide_plain = reference(&wide, Some(0.5));
        for level in Level::available() {
            let y = fenced(n, 4, |y: &mut [f32]| Transform::new().run_from(level, &x, y).unwrap());
            assert!(bits(&y) == bits(&plain), "{level}, {n}");
            let y = fenced(n, 6, |y: &mut [f64]| {
                y.copy_from_slice(&wide);
                Transform::new().scaled(0.5).run(level, y).unwrap();
            });
            assert!(bits(&y) == bits(&wide_plain), "{level}, {n}, f64");
            let short: Vec<i16> = small(n, 3);
            let y = fenced(n, 8, |y: &mut [i16]| Transform::new().run_from(level, &short, y).unwrap());
            assert!(bits(&y) == bits(&reference(&short, None)), "{level}, {n}, i16");
        }
    }
}

#[test]
fn a_short_source_is_followed_by_zeros() {
    fn check<T: Number>(n: usize, have: usize) {
        let x = noise::<T>(have, 1);
        for (signs, scale) in
            [(Signs::None, None), (Signs::Seed(4), None), (Signs::None, Some(T::of(-3))), (Signs::Seed(5), Some(T::of(-3)))]
        {
            let mut padded: Vec<T> = x.clone();
            padded.resize(n, T::of(0));
            for (i, x) in padded.iter_mut().enumerate() {
                if signs.is_minus(i) {
                    *x = x.minus();
                }
            }
            let expected = bits(&reference(&padded, scale));
            let job = scale.map_or(Transform::new(), |c| Transform::new().scaled(c)).signs(signs);
            for level in Level::available() {
                let y = fenced(n, 2, |y: &mut [T]| job.run_from(level, &x, y).unwrap());
                assert!(bits(&y) == expected, "{level}, {have} of {n}, {signs:?}, scale {scale:?}");
            }
        }
    }
    for n in (1..600).filter(|&n| is_len(n)).chain([1024, 2048, 3072, 4096, 1 << 14, 28 << 9, 1 << 18]) {
        for have in [0, 1, n / 3, n / 2, n - 1, n] {
            check::<f32>(n, have);
            check::<f64>(n, have);
            check::<i16>(n, have);
            check::<i32>(n, have);
        }
    }
}

fn batches<T: Number>(rows: usize, n: usize, gap: usize) {
    let stride = n + gap;
    let x = noise::<T>(rows * stride, 11);
    let signs = Signs::Seed(3);
    let c = T::of(5);
    let expected = |row: usize, signs: Signs<'_>, order: Order| -> Vec<u64> {
        let x: Vec<T> = x[row * stride..][..n].iter().enumerate().map(|(i, &x)| if signs.is_minus(i) { x.minus() } else { x }).collect();
        let y = reference(&x, Some(c));
        (0..n).map(|k| y[order.natural(k, n)].bits()).collect()
    };
    let orders: &[Order] = if n.is_power_of_two() { &[Order::Natural, Order::Dyadic, Order::Sequency] } else { &[Order::Natural] };
    for level in Level::available() {
        for &order in orders {
            for signs in [Signs::None, signs] {
                let job = Transform::new().signs(signs).scaled(c).order(order);
                let mut y = x.clone();
                job.rows(level, MatMut::with_stride(&mut y, rows, n, stride).unwrap()).unwrap();
                let mut z = vec![T::of(77); rows * (n + 3)];
                let source = MatRef::with_strides(&x, rows, n, stride, 1).unwrap();
                job.rows_from(level, source, MatMut::with_stride(&mut z, rows, n, n + 3).unwrap()).unwrap();
                for row in 0..rows {
                    let expected = expected(row, signs, order);
                    assert!(bits(&y[row * stride..][..n]) == expected, "{level}: row {row} of {rows} x {n}, {signs:?}, {order:?}");
                    assert!(bits(&y[row * stride + n..][..gap]) == bits(&x[row * stride + n..][..gap]), "{level}: gap of {rows} x {n}");
                    assert!(bits(&z[row * (n + 3)..][..n]) == expected, "{level}: row {row} of {rows} x {n}, out of place");
                    assert!(z[row * (n + 3) + n..][..3].iter().all(|&z| z == T::of(77)), "{level}: gap of {rows} x {n}, out of place");
                }
            }
        }
    }
}

#[test]
fn rows_are_transforms() {
    for n in (1..300).filter(|&n| is_len(n)).chain([512, 768, 1024, 4096]) {
        for (rows, gap) in [(0, 0), (1, 0), (2, 0), (5, 0), (3, 7), (33, 1)] {
            batches::<f32>(rows, n, gap);
            batches::<i16>(rows, n, gap);
        }
        batches::<f64>(4, n, 1);
        batches::<i32>(4, n, 1);
    }
}

fn columns<T: Number>(n: usize, width: usize, gap: usize) {
    let stride = width + gap;
    let x = noise::<T>(n * stride, 13);
    let c = T::of(3);
    let orders: &[Order] = if n.is_power_of_two() { &[Order::Natural, Order::Dyadic, Order::Sequency] } else { &[Order::Natural] };
    for &order in orders {
        for signs in [Signs::None, Signs::Seed(3)] {
            let mut expected = x.clone();
            for j in 0..width {
                let column: Vec<T> =
                    (0..n).map(|i| if signs.is_minus(i) { x[i * stride + j].minus() } else { x[i * stride + j] }).collect();
                let y = reference(&column, Some(c));
                (0..n).for_each(|i| expected[i * stride + j] = y[order.natural(i, n)]);
            }
            for level in Level::available() {
                let y = fenced(n * stride, 5, |y: &mut [T]| {
                    y.copy_from_slice(&x);
                    let job = Transform::new().signs(signs).scaled(c).order(order);
                    job.columns(level, MatMut::with_stride(y, n, width, stride).unwrap()).unwrap();
                });
                assert!(bits(&y) == bits(&expected), "{level}: columns of {n} x {width}, stride {stride}, {signs:?}, {order:?}");
            }
        }
    }
}

#[test]
fn columns_are_transforms() {
    for n in (1..60).filter(|&n| is_len(n)).chain([64, 96, 128, 256, 512, 1024, 1536]) {
        for (width, gap) in [(0, 0), (1, 0), (3, 2), (16, 0), (33, 0), (70, 1)] {
            columns::<f32>(n, width, gap);
            columns::<i16>(n, width, gap);
        }
        columns::<f64>(n, 21, 0);
        columns::<i32>(n, 40, 5);
    }
    columns::<f32>(1 << 10, 300, 0);
    columns::<f64>(1 << 13, 9, 0);
}

#[test]
fn orders_are_their_definitions() {
    for p in 0..12 {
        let n = 1usize << p;
        let x = small::<f32>(n, 2);
        let natural = reference(&x, None);
        for order in [Order::Natural, Order::Dyadic, Order::Sequency] {
            for level in Level::available() {
                let mut y = x.clone();
                Transform::new().order(order).run(level, &mut y).unwrap();
                let mut z = vec![f32::NAN; n];
                Transform::new().order(order).run_from(level, &x, &mut z).unwrap();
                for k in 0..n {
                    assert_eq!(y[k], natural[order.natural(k, n)], "{level}, {order:?}, {k} of {n}");
                    assert_eq!(z[k], y[k]);
                }
            }
        }
    }
}

#[test]
fn chosen_outputs_are_those_of_the_whole() {
    fn check<T: Number>(n: usize, have: usize, chosen: &[usize]) {
        let x = noise::<T>(have, 21);
        for order in [Order::Natural, Order::Sequency] {
            let job = Transform::new().signs(Signs::Seed(8)).scaled(T::of(3)).order(order);
            for level in Level::available() {
                let mut whole = vec![T::of(1); n];
                job.run_from(level, &x, &mut whole).unwrap();
                let mut out = vec![T::of(55); chosen.len()];
                let mut scratch = vec![T::of(99); outputs_scratch_len(n, chosen.len()) + 2];
                job.outputs(level, &x, n, chosen, &mut out, &mut scratch).unwrap();
                for (&y, &row) in out.iter().zip(chosen) {
                    assert_eq!(y.bits(), whole[row].bits(), "{level}: {row} of {n}");
                }
                assert!(scratch[scratch.len() - 2..].iter().all(|&x| x == T::of(99)));
            }
        }
    }
    for p in [0, 1, 5, 12, 13, 16, 18] {
        let n = 1usize << p;
        check::<f32>(n, n, &[]);
        check::<f32>(n, n, &[0, n - 1, n / 2, n / 3, n / 3]);
        check::<f64>(n, n - n / 3, &[n / 5, n - 1]);
        check::<i16>(n, n / 2, &(0..300).map(|i| i * 7919 % n).collect::<Vec<_>>());
    }
}

#[test]
fn arrays_are_slices() {
    fn check<const N: usize>() {
        let x: [f32; N] = noise(N, 2).try_into().unwrap();
        for level in Level::available() {
            let mut y = x;
            fwht_array(level, &mut y);
            assert_eq!(bits(&y), bits(&reference(&x, None)), "{level}, {N}");
        }
    }
    check::<1>();
    check::<2>();
    check::<16>();
    check::<40>();
    check::<256>();
    check::<768>();
    check::<2048>();
}

#[test]
fn bad_lengths_name_their_neighbours() {
    let level = Level::detect();
    let error = |n: usize| fwht(level, &mut vec![0.0f32; n]).unwrap_err();
    assert_eq!(error(0), Error::TransformLength { found: 0, below: None, above: Some(1) });
    assert_eq!(error(3), Error::TransformLength { found: 3, below: Some(2), above: Some(4) });
    assert_eq!(error(700), Error::TransformLength { found: 700, below: Some(640), above: Some(768) });
    let mut valid: Vec<usize> = [1, 12, 20, 28].iter().flat_map(|q| (0..13).map(move |p| q << p)).filter(|&n| n < 5000).collect();
    valid.sort_unstable();
    assert!((0..5000).filter(|&n| is_len(n)).eq(valid.iter().copied()));
    for n in 0..2100 {
        assert_eq!(len_below(n), valid.iter().copied().filter(|&v| v <= n).max());
        assert_eq!(len_above(n), valid.iter().copied().find(|&v| v >= n));
    }
    assert_eq!((len_above(usize::MAX), len_below(usize::MAX)), (None, Some(28usize << (usize::BITS - 5))));
    let mut y = [0.0f32; 48];
    let sequency = Transform::new().order(Order::Sequency);
    assert_eq!(sequency.run(level, &mut y), Err(Error::TransformLength { found: 48, below: Some(32), above: Some(64) }));
    let signed = Transform::new().signs(Signs::Bits(&[1]));
    assert_eq!(signed.run(level, &mut [0.0f64; 128]), Err(Error::TooShort { what: "signs", needed: 2, found: 1 }));
    assert_eq!(Transform::new().run_from(level, &[0i32; 9], &mut [0; 8]), Err(Error::TooShort { what: "to", needed: 9, found: 8 }));
    let chosen = [8];
    let some = |scratch: &mut [f32], chosen: &[usize]| Transform::new().outputs(level, &[1.0; 8], 8, chosen, &mut [0.0], scratch);
    let (limit, found) = (Figure::Count(8), Figure::Count(8));
    assert_eq!(some(&mut [0.0; 99], &chosen), Err(Error::Value { what: "chosen", expected: "less than", limit, found, at: Some(0) }));
    assert_eq!(some(&mut [0.0; 7], &[3]), Err(Error::TooShort { what: "scratch", needed: 8, found: 7 }));
}

#[test]
fn orthonormal_keeps_lengths_and_undoes_itself() {
    // An output passes at most 18 roundings at these lengths (log2 N stages, or p + 8 for q = 28, and the factor, itself rounded): a norm changes
    // by at most 18 eps of itself, its square by twice as much.
    fn check<T: Float + Number>() {
        let bound = 36.0 * T::EPSILON.to_f64();
        for n in [1usize, 2, 12, 16, 48, 256, 640, 1024, 3584, 1 << 14] {
            let x: Vec<T> = noise::<i32>(n, 3).iter().map(|&x| T::from_f64(f64::from(x) / 2f64.powi(31))).collect();
            let square = |x: &[T]| x.iter().map(|x| x.to_f64() * x.to_f64()).sum::<f64>();
            for level in Level::available() {
                let mut y = x.clone();
                Transform::new().orthonormal().run(level, &mut y).unwrap();
                assert!((square(&y) - square(&x)).abs() <= bound * square(&x), "{level}: Parseval, {n}");
                Transform::new().orthonormal().run(level, &mut y).unwrap();
                let apart: Vec<T> = x.iter().zip(&y).map(|(&x, &y)| x - y).collect();
                assert!(square(&apart) <= bound * bound * square(&x), "{level}: involution, {n}");
            }
        }
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn nan_and_infinity_reach_every_output() {
    for n in [1usize, 2, 16, 64, 96, 256, 1024, 5120, 1 << 14] {
        for level in Level::available() {
            for place in [0, n / 3, n - 1] {
                let mut x = vec![1.0f32; n];
                x[place] = f32::NAN;
                fwht(level, &mut x).unwrap();
                assert!(x.iter().all(|x| x.is_nan()), "{level}, {n}");
                let mut x = vec![1.0f64; n];
                x[place] = f64::INFINITY;
                fwht(level, &mut x).unwrap();
                assert!(x.iter().all(|x| x.is_infinite()), "{level}, {n}");
            }
            let mut x = vec![0.0f32; n];
            x[0] = f32::INFINITY;
            x[n - 1] = f32::INFINITY;
            let expected = reference(&x, None);
            fwht(level, &mut x).unwrap();
            assert_eq!(bits(&x), bits(&expected), "{level}, {n}: infinities of both signs");
        }
    }
}

/// A length from a byte: all kinds below 4096.
fn length(from: u8) -> usize {
    let valid: Vec<usize> = (1..4096).filter(|&n| is_len(n)).collect();
    valid[from as usize % valid.len()]
}

#[test]
fn twice_is_n_times() {
    fn property(from: u8, seed: u64) -> bool {
        let n = length(from);
        let x = noise::<i32>(n, seed);
        Level::available().all(|level| {
            let mut y = x.clone();
            fwht(level, &mut y).unwrap();
            fwht(level, &mut y).unwrap();
            y.iter().zip(&x).all(|(&y, &x)| y == x.wrapping_mul(n as i32))
        })
    }
    QuickCheck::new().tests(200).quickcheck(property as fn(u8, u64) -> bool);
}

#[test]
fn sums_go_to_sums() {
    fn property(from: u8, seed: u64, factor: i16) -> bool {
        let n = length(from);
        let (a, b) = (noise::<i16>(n, seed), noise::<i16>(n, seed ^ 0xABCD));
        let mix = |a: &[i16], b: &[i16]| -> Vec<i16> { a.iter().zip(b).map(|(a, b)| a.wrapping_add(b.wrapping_mul(factor))).collect() };
        Level::available().all(|level| {
            let of = |x: &[i16]| {
                let mut y = x.to_vec();
                fwht(level, &mut y).unwrap();
                y
            };
            of(&mix(&a, &b)) == mix(&of(&a), &of(&b))
        })
    }
    QuickCheck::new().tests(200).quickcheck(property as fn(u8, u64, i16) -> bool);
}

#[test]
fn levels_agree_on_any_floats() {
    fn property(from: u8, seeds: Vec<u32>) -> TestResult {
        if seeds.is_empty() {
            return TestResult::discard();
        }
        let n = length(from);
        // Any bits: subnormals, infinities and NaN among them.
        let x: Vec<f32> = (0..n).map(|i| f32::from_bits(seeds[i % seeds.len()].wrapping_mul(2 * i as u32 + 1))).collect();
        let expected = bits(&reference(&x, None));
        TestResult::from_bool(Level::available().all(|level| {
            let mut y = x.clone();
            fwht(level, &mut y).unwrap();
            bits(&y) == expected
        }))
    }
    QuickCheck::new().tests(300).quickcheck(property as fn(u8, Vec<u32>) -> TestResult);
}
