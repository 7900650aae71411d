//! The trainers: what they promise, on made-up data and on real.
#![cfg(feature = "std")]

#[path = "../oracle/mod.rs"]
mod oracle;

mod deep;
#[cfg(feature = "io")]
mod fuzz_files;
mod gradient;
mod refusals;
mod two_layer;
mod variants;

use subquad::MatRef;
use subquad::random::{gaussian, stream};

/// Rows of length one, in directions that look random.
fn samples(n: usize, d: usize, seed: u64) -> Vec<f32> {
    let mut x = vec![0.0f32; n * d];
    gaussian(&mut stream(seed, 0), &mut x);
    for row in x.chunks_mut(d) {
        let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter_mut().for_each(|x| *x /= norm);
    }
    x
}

/// What has to agree where two runs are the same.
fn bits(m: MatRef<'_, f32>) -> Vec<u32> {
    m.data().iter().map(|x| x.to_bits()).collect()
}
