//! The fixed inputs on which the fuzz targets' bodies run as ordinary tests.

use rand_core::Rng;
use subquad::random::stream;

/// What fuzzing has found, whatever was at fault.
const FOUND: &[&[u8]] = &[
    // Conjugate gradients whose direction's square underflows.
    &[1, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0x2A, 0, 0x49, 0x13, 0x7E],
    // A singular matrix, and a right-hand side outside its range.
    &[0x3F, 0x7D, 0, 0, 0x5D, 0x5D, 0, 0, 0x5D, 0x5D, 0xB0, 0x2C, 0x27, 0xFF, 0xFF, 0xFF, 0xFF],
    // Least squares whose gradient, at the start already, is a small difference.
    &[
        0x79, 0x59, 0x59, 0x59, 0x59, 0x59, 0x59, 0x59, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x94, 0x94, 0x94, 0x94, 0xFF, 0xFF, 0x47,
        0x47, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xC7, 0xF9, 0xFF, 0xFF, 0xFF, 0x77, 0x57, 0x77, 0xFF, 0xF9,
    ],
    // Lists of no neurons.
    &[0x0B, 0, 0xF2, 0, 0, 0, 0, 0, 0xF5, 0xC2, 0xCA],
];

/// Those, and lengths from nothing to more than any body reads, each with several fillings.
pub fn inputs() -> impl Iterator<Item = Vec<u8>> {
    let found = FOUND.iter().map(|bytes| bytes.to_vec());
    found.chain((0..160u64).map(|i| {
        let mut rng = stream(i, 0);
        let len = [0, 1, 2, 3, 7, 16, 64, 300, 2000, 20_000][i as usize % 10];
        let mut bytes = vec![0; len];
        rng.fill_bytes(&mut bytes);
        // Sparse ones reach small shapes and many zeros.
        if i % 3 == 0 {
            bytes.iter_mut().enumerate().filter(|(k, _)| k % 2 == 1).for_each(|(_, byte)| *byte = 0);
        }
        bytes
    }))
}
