//! The inputs on which the fuzz targets' bodies run as ordinary tests: fixed ones, and for as long as wanted others.

use std::time::{Duration, Instant, SystemTime};

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

/// Calls the body of a target with each of those, with its `seeds` (the inputs by which fuzzing has reached something new, see
/// fuzz/seeds.py), with lengths from nothing to more than any body reads, each with several fillings, and, where the environment's FUZZ_SECONDS says so, with new ones as long as that; or with FUZZ_INPUT alone, which is what a finding prints.
pub fn on_inputs(seeds: &[u8], body: impl Fn(&[u8])) {
    let told = |bytes: &[u8]| {
        let input = Input(bytes);
        body(input.0);
    };
    if let Ok(hex) = std::env::var("FUZZ_INPUT") {
        let digits: Vec<u8> = hex.chars().map(|digit| digit.to_digit(16).expect("hexadecimal digits") as u8).collect();
        return told(&digits.chunks(2).map(|two| two.iter().fold(0, |byte, digit| byte * 16 + digit)).collect::<Vec<_>>());
    }
    let known: Vec<&[u8]> = FOUND.iter().copied().chain(unpacked(seeds)).collect();
    assert!(known.len() > FOUND.len() + 50, "{} seeds", known.len() - FOUND.len());
    known.iter().for_each(|bytes| told(bytes));
    (0..160).for_each(|i| told(&fixed(i)));
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(0);
    if seconds > 0 {
        let until = Instant::now() + Duration::from_secs(seconds);
        let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_nanos() as u64);
        let seed = std::env::var("FUZZ_SEED").ok().and_then(|seed| u64::from_str_radix(&seed, 16).ok()).unwrap_or_else(now);
        (0..).take_while(|_| Instant::now() < until).for_each(|i| told(&random(&known, &mut stream(seed, i))));
    }
}

/// One input after the other, each behind its length in two bytes.
fn unpacked(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (len, rest) = data.split_first_chunk()?;
        let (one, rest) = rest.split_at(u16::from_le_bytes(*len).into());
        data = rest;
        Some(one)
    })
}

/// Tells what it was when a test fails on it.
struct Input<'a>(&'a [u8]);

impl Drop for Input<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let hex: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
            eprintln!("to see it again: FUZZ_INPUT={hex}");
        }
    }
}

fn fixed(i: u64) -> Vec<u8> {
    let mut rng = stream(i, 0);
    let len = [0, 1, 2, 3, 7, 16, 64, 300, 2000, 20_000][i as usize % 10];
    let mut bytes = vec![0; len];
    rng.fill_bytes(&mut bytes);
    // Sparse ones reach small shapes and many zeros.
    if i.is_multiple_of(3) {
        bytes.iter_mut().enumerate().filter(|(k, _)| k % 2 == 1).for_each(|(_, byte)| *byte = 0);
    }
    bytes
}

/// Any bytes, or known ones with some of them changed; stretches of zeros, of ones and of a few values, which reach small shapes,
/// equal numbers and those that are none.
fn random(known: &[&[u8]], rng: &mut impl Rng) -> Vec<u8> {
    let mut below = |n: usize| rng.next_u32() as usize % n;
    let mut bytes = match below(2) {
        0 => known[below(known.len())].to_vec(),
        _ => {
            let most = [8, 64, 512, 4096][below(4)];
            (0..below(most)).map(|_| below(256) as u8).collect()
        }
    };
    for _ in 0..below(6) {
        let few = [0, 0, 0xFF, 1, 0x7F, 0x80, below(256) as u8];
        let from = below(bytes.len() + 1);
        let len = below(bytes.len() - from + 1);
        let value = below(few.len() + 1);
        bytes[from..from + len].iter_mut().for_each(|byte| *byte = few.get(value).copied().unwrap_or_else(|| few[below(few.len())]));
    }
    bytes
}
