//! Every operation of every level against arrays.

use std::vec::Vec;

use super::{Element, Float, Level, Simd, Token, Walsh};

/// Numbers whose sums and products are exact in both floats.
fn numbers<T: Float>(n: usize, seed: u32) -> Vec<T> {
    (0..n as u32).map(|i| T::from_f64(f64::from((i + seed).wrapping_mul(2_654_435_761) >> 22) - 512.0)).collect()
}

fn lanes_of<T: Float, S: Simd<T>>(s: S, v: S::V) -> Vec<T> {
    let mut out = vec![T::ZERO; S::LANES];
    s.store(&mut s.chunks_mut(&mut out).0[0], v);
    out
}

#[inline(always)]
fn arithmetic<T: Float, S: Simd<T>>(s: S) {
    let n = S::LANES;
    let (a, b, c) = (numbers::<T>(n, 1), numbers::<T>(n, 50), numbers::<T>(n, 99));
    let at = |x: &[T]| s.load(&s.chunks(x).0[0]);
    let (va, vb, vc) = (at(&a), at(&b), at(&c));
    let map = |f: fn(T, T, T) -> T| (0..n).map(|i| f(a[i], b[i], c[i])).collect::<Vec<_>>();
    assert_eq!(lanes_of(s, s.add(va, vb)), map(|a, b, _| a + b));
    assert_eq!(lanes_of(s, s.sub(va, vb)), map(|a, b, _| a - b));
    assert_eq!(lanes_of(s, s.mul(va, vb)), map(|a, b, _| a * b));
    assert_eq!(lanes_of(s, s.mul_add(va, vb, vc)), map(|a, b, c| a * b + c));
    assert_eq!(lanes_of(s, s.splat(a[0])), vec![a[0]; n]);
    assert_eq!(s.sum(va), a.iter().copied().sum());
    let bits = s.gt(va, vb);
    for i in 0..n {
        assert_eq!(bits >> i & 1 == 1, a[i] > b[i], "lane {i}");
    }
    assert_eq!(bits >> n, 0, "no bits above the lanes");
    assert_eq!(s.gt(va, va), 0);
    let nan = s.splat(T::from_f64(f64::NAN));
    assert_eq!((s.gt(nan, va), s.gt(va, nan)), (0, 0));
    for bits in [0, 1, 0b0110, 0b1010_0101_1100_0011, u64::MAX] {
        let kept: Vec<T> = (0..n).map(|i| if bits >> i & 1 == 1 { a[i] } else { T::ZERO }).collect();
        assert_eq!(lanes_of(s, s.keep(bits, va)), kept);
        assert_eq!(
            lanes_of(s, s.keep(bits, nan)).iter().filter(|x| x.to_f64().is_nan()).count(),
            (0..n).filter(|i| bits >> i & 1 == 1).count()
        );
    }
}

#[inline(always)]
fn sum_order<T: Float, S: Simd<T>>(s: S) {
    // Numbers whose sum depends on the order: halves are added until one is left.
    let a: Vec<T> = (0..S::LANES).map(|i| T::from_f64(1e8 * f64::from(i as u32 % 3) + 0.1 * f64::from(i as u32 + 1))).collect();
    let mut halves = a.clone();
    while halves.len() > 1 {
        let (low, high) = halves.split_at(halves.len() / 2);
        halves = low.iter().zip(high).map(|(&l, &h)| l + h).collect();
    }
    assert_eq!(s.sum(s.load(&s.chunks(&a).0[0])), halves[0]);
}

#[inline(always)]
fn parts<T: Float, S: Simd<T>>(s: S) {
    for len in 0..=2 * S::LANES + 1 {
        let x = numbers::<T>(len, 7);
        let inside = len.min(S::LANES);
        let v = s.load_part(&x);
        let mut expected = vec![T::ZERO; S::LANES];
        expected[..inside].copy_from_slice(&x[..inside]);
        assert_eq!(lanes_of(s, v), expected, "load {len}");
        let full = s.splat(T::ONE);
        let mut to = vec![T::from_f64(7.0); len + 3];
        s.store_part(&mut to[1..1 + len], full);
        assert!(to[1..1 + inside].iter().all(|&x| x == T::ONE), "store {len}");
        assert!(to[1 + inside..].iter().chain(&to[..1]).all(|&x| x == T::from_f64(7.0)), "store {len} stays inside");
        let mut x = x;
        assert_eq!(s.chunks(&x).0.len(), len / S::LANES);
        assert_eq!(s.chunks(&x).1.len(), len % S::LANES);
        assert_eq!(s.chunks_mut(&mut x).1.len(), len % S::LANES);
    }
}

#[inline(always)]
fn hadamard<T: Float, S: Simd<T>>(s: S) {
    let x = numbers::<T>(S::LANES, 3);
    let expected: Vec<T> =
        (0..S::LANES).map(|i| x.iter().enumerate().map(|(j, &x)| if (i & j).count_ones() % 2 == 0 { x } else { -x }).sum()).collect();
    assert_eq!(lanes_of(s, s.hadamard_lanes(s.load(&s.chunks(&x).0[0]))), expected);
}

#[inline(always)]
fn words<S: Token>(s: S) {
    let a: Vec<u64> = (0..S::WORDS as u64 * 3 + 1).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
    let b: Vec<u64> = a.iter().map(|x| x.rotate_left(17) | 0xFFFF_0000).collect();
    let mut acc = s.zero_words();
    for (x, y) in s.word_chunks(&a).0.iter().zip(s.word_chunks(&b).0) {
        acc = s.count_and(acc, s.load_words(x), s.load_words(y));
    }
    let inside = a.len() / S::WORDS * S::WORDS;
    assert_eq!(s.word_chunks(&a).1.len(), a.len() - inside);
    assert_eq!(s.sum_words(acc), (0..inside).map(|i| u64::from((a[i] & b[i]).count_ones())).sum::<u64>());
    let ones = [u64::MAX; 8];
    let full = s.load_words(&s.word_chunks(&ones).0[0]);
    assert_eq!(s.sum_words(s.count_and(s.zero_words(), full, full)), 64 * S::WORDS as u64);
    let mut four = [acc, full, s.zero_words(), acc];
    four[1] = s.count_and(acc, full, full);
    four[2] = s.count_and(s.zero_words(), full, s.load_words(&s.word_chunks(&a).0[0]));
    assert_eq!(s.sum_four(four), four.map(|x| s.sum_words(x)));
    for word in [0, 1, 1 << 63, u64::MAX, u64::MAX >> 31, u64::MAX >> 32, u64::MAX >> 33, u64::MAX << 5, 0x1111].into_iter().chain(a) {
        for base in [0, 64, 4032] {
            let mut places = [7; 64];
            let wanted: Vec<u16> = (0..64).filter(|&bit| word >> bit & 1 == 1).map(|bit| base + bit).collect();
            let count = s.set_bits(word, base, &mut places);
            assert_eq!(places[..count], wanted, "{word:x}, {base}");
        }
    }
}

multiversion! { fn run_arithmetic<T: Float>() = arithmetic; }
multiversion! { fn run_sum_order<T: Float>() = sum_order; }
multiversion! { fn run_parts<T: Float>() = parts; }
multiversion! { fn run_hadamard<T: Float>() = hadamard; }
multiversion! { fn run_words() = words; }

/// The first vector of x, stages below n; how many lanes it has.
#[inline(always)]
fn below<T: Element, S: Walsh<T>>(s: S, x: &[T], n: usize, out: &mut [T]) -> usize {
    s.store(&mut s.chunks_mut(out).0[0], s.hadamard_below(n, s.load(&s.chunks(x).0[0])));
    S::LANES
}

multiversion! { fn run_below<T: Element>(x: &[T], n: usize, out: &mut [T]) -> usize = below; }

fn pieces<T: Element + PartialEq + core::fmt::Debug>(level: Level, from: fn(i16) -> T) {
    let x: Vec<i16> = (0..64).map(|i: i16| (i * 37) % 101 - 50).collect();
    let given: Vec<T> = x.iter().map(|&x| from(x)).collect();
    for n in [1, 2, 4, 8, 16, 32, 64] {
        let mut out = given.clone();
        let lanes = run_below(level, &given, n, &mut out);
        let n = n.min(lanes);
        for (i, &found) in out.iter().enumerate().take(lanes) {
            let piece = i / n * n;
            let wanted = (piece..piece + n).map(|j| if (i & j & (n - 1)).count_ones() % 2 == 0 { x[j] } else { -x[j] }).sum();
            assert_eq!(found, from(wanted), "{level} stages below {n}, lane {i} of {lanes}");
        }
    }
}

/// Pieces of a vector that are shorter than it: each its own transform.
#[test]
fn pieces_of_a_vector_are_transforms() {
    for level in Level::available() {
        pieces::<f32>(level, f32::from);
        pieces::<f64>(level, f64::from);
        pieces::<i32>(level, i32::from);
        pieces::<i16>(level, |x| x);
    }
}

#[test]
fn every_operation_at_every_level() {
    for level in Level::available() {
        run_arithmetic::<f32>(level);
        run_arithmetic::<f64>(level);
        run_sum_order::<f32>(level);
        run_sum_order::<f64>(level);
        run_parts::<f32>(level);
        run_parts::<f64>(level);
        run_hadamard::<f32>(level);
        run_hadamard::<f64>(level);
        run_words(level);
    }
}

#[test]
fn levels_parse_as_they_print() {
    for level in Level::available() {
        assert_eq!(level.name().parse(), Ok(level));
        assert!(Level::NAMES.contains(&level.name()));
    }
    assert!(!"sse9".parse::<Level>().unwrap_err().exists_elsewhere);
    assert_eq!(Level::available().last().map(Level::name), Some("scalar"));
    assert_eq!(Some(Level::detect()), Level::available().next());
}

/// A machine that lacks a level skips its tests silently; where the environment asks for one, that is a failure.
#[test]
fn the_level_that_the_environment_requires_is_here() {
    let here: Vec<_> = Level::available().map(Level::name).collect();
    println!("levels under test: {}", here.join(", "));
    for name in Level::NAMES.iter().filter(|name| !here.contains(name)) {
        println!("skipped: {name} is not on this machine");
    }
    if let Ok(required) = std::env::var("REQUIRE_LEVEL") {
        for name in required.split(',').filter(|name| !name.is_empty()) {
            assert!(here.contains(&name), "REQUIRE_LEVEL={name}, but this machine has {here:?}");
        }
    }
}

/// Names are read as they are written, and an error names those that there are.
#[test]
fn levels_have_names() {
    let all: Vec<Level> = Level::available().collect();
    for level in &all {
        assert_eq!(std::format!("{level}"), level.name());
        assert_eq!(level.name().parse::<Level>().unwrap().name(), level.name());
    }
    let names: Vec<&str> = all.iter().map(|level| level.name()).collect();
    let unknown = "avx3".parse::<Level>().unwrap_err();
    assert!(!unknown.exists_elsewhere);
    assert_eq!(std::format!("{unknown}"), std::format!("no such level; this processor has {}", names.join(", ")));
}
