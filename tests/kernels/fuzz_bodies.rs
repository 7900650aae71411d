//! The bodies of the fuzz targets on a fixed set of inputs, so that they stay right between fuzzing sessions.

#[path = "../../fuzz/bodies.rs"]
mod bodies;

use rand_core::Rng;
use subquad::random::stream;

/// Lengths from nothing to more than any body reads, each with several fillings.
fn inputs() -> impl Iterator<Item = Vec<u8>> {
    (0..160u64).map(|i| {
        let mut rng = stream(i, 0);
        let len = [0, 1, 2, 3, 7, 16, 64, 300, 2000, 20_000][i as usize % 10];
        let mut bytes = vec![0; len];
        rng.fill_bytes(&mut bytes);
        // Sparse ones reach small shapes and many zeros.
        if i % 3 == 0 {
            bytes.iter_mut().enumerate().filter(|(k, _)| k % 2 == 1).for_each(|(_, byte)| *byte = 0);
        }
        bytes
    })
}

#[test]
fn hadamard() {
    inputs().for_each(|bytes| bodies::hadamard(&bytes));
}

#[test]
fn blas() {
    inputs().for_each(|bytes| bodies::blas(&bytes));
}

#[test]
fn factors() {
    inputs().for_each(|bytes| bodies::factors(&bytes));
}

#[test]
fn halfspace() {
    inputs().for_each(|bytes| bodies::halfspace(&bytes));
}

#[test]
fn index() {
    inputs().for_each(|bytes| bodies::index(&bytes));
}

#[test]
fn low_rank() {
    inputs().for_each(|bytes| bodies::low_rank(&bytes));
}

#[test]
fn sketch() {
    inputs().for_each(|bytes| bodies::sketch(&bytes));
}

#[test]
fn relu() {
    inputs().for_each(|bytes| bodies::relu(&bytes));
}

#[test]
fn cg() {
    inputs().for_each(|bytes| bodies::cg(&bytes));
}
