//! What sketches draw from their streams, by the definitions.

use rand_core::Rng;
use subquad::random::{self, stream};

/// Rows p_j of H D times x, by the definition: the signs of one stream, the p_j of the next.
pub fn hadamard_rows(x: &[f64], rows: usize, seed: u64, purpose: u32) -> Vec<f64> {
    let mut signs = vec![0.0f64; x.len()];
    random::signs(&mut stream(seed, purpose), &mut signs);
    let (mut rng, padded) = (stream(seed, purpose + 1), x.len().next_power_of_two() as u128);
    let positions = (0..rows).map(|_| ((u128::from(rng.next_u64()) * padded) >> 64) as usize);
    let entry = |p: usize| {
        let minus = |i: usize| (p & i).count_ones() % 2 == 1;
        signs.iter().zip(x).enumerate().map(|(i, (d, &x))| if minus(i) { -d * x } else { d * x }).sum()
    };
    positions.map(entry).collect()
}

/// Into which bucket an index goes, and its sign: a polynomial of the third degree modulo 2^61 - 1.
pub fn bucket(index: usize, rows: usize, seed: u64, purpose: u32) -> (usize, f64) {
    const PRIME: u128 = (1 << 61) - 1;
    let mut rng = stream(seed, purpose);
    let c: [u128; 4] = std::array::from_fn(|_| u128::from(rng.next_u64() >> 3) % PRIME);
    let hash = c.iter().rev().fold(0, |sum, c| (sum * index as u128 + c) % PRIME);
    ((hash / 2) as usize % rows, if hash % 2 == 0 { 1.0 } else { -1.0 })
}
