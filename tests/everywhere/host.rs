//! What a build script does on the host: it builds the indexes that the program finds in flash, runs all cases, and
//! writes down what it found.

use std::fmt::Write as _;
use std::path::Path;

use subquad::halfspace::{BallTree, Packed, Screened};
use subquad::{Level, MatRef};

use super::cases::{self, BALL_TREE_LEN, CASES, DIM, Indexes, Memory, NEURONS, PACKED_LEN, SCREENED_LEN};

/// The indexes, as words, so that they begin where they have to.
pub struct Built {
    ball_tree: Vec<u64>,
    screened: Vec<u64>,
    packed: Vec<u64>,
}

pub fn build() -> Built {
    let mut weights = vec![0.0f32; NEURONS * DIM];
    cases::weights(&mut weights);
    let w = MatRef::new(&weights, NEURONS, DIM).unwrap();
    let words = |bytes: usize| vec![0u64; bytes / 8];
    let mut built = Built { ball_tree: words(BALL_TREE_LEN), screened: words(SCREENED_LEN), packed: words(PACKED_LEN) };
    let mut scratch = vec![f32::NAN; BallTree::<&[u8], f32>::build_scratch_len(NEURONS, DIM)];
    BallTree::build(w, bytemuck::cast_slice_mut::<_, u8>(&mut built.ball_tree), &mut scratch).unwrap();
    Screened::build(w, bytemuck::cast_slice_mut::<_, u8>(&mut built.screened)).unwrap();
    Packed::build(w, bytemuck::cast_slice_mut::<_, u8>(&mut built.packed)).unwrap();
    built
}

impl Built {
    pub fn indexes(&self) -> Indexes<'_> {
        let bytes = bytemuck::cast_slice;
        Indexes { ball_tree: bytes(&self.ball_tree), screened: bytes(&self.screened), packed: bytes(&self.packed) }
    }
}

/// Every case at a level of the host.
pub fn outcomes(level: Level, indexes: Indexes<'_>) -> Vec<cases::Outcome> {
    let mut memory = Box::new(Memory::new());
    let run = |&(name, _, run): &(&str, bool, cases::Run)| {
        cases::prepare(&mut memory);
        run(level, &mut memory, indexes).unwrap_or_else(|error| panic!("{name} at {level} on the host: {error}"))
    };
    CASES.iter().map(run).collect()
}

/// Writes the indexes and `expected.rs` to the directory.
#[allow(dead_code, reason = "for build scripts")]
pub fn write(to: &Path) {
    let built = build();
    let indexes = built.indexes();
    for (name, bytes) in [("ball_tree", indexes.ball_tree), ("screened", indexes.screened), ("packed", indexes.packed)] {
        std::fs::write(to.join(name), bytes).unwrap();
    }
    let scalar = Level::available().last().unwrap();
    let mut text = format!("pub static EXPECTED: [Outcome; {}] = [\n", CASES.len());
    for outcome in outcomes(scalar, indexes) {
        let sample = outcome.sample.map(|x| format!("f32::from_bits({})", x.to_bits())).join(", ");
        writeln!(text, "    Outcome {{ bits: {}, sample: [{sample}] }},", outcome.bits).unwrap();
    }
    text += "];\n";
    std::fs::write(to.join("expected.rs"), text).unwrap();
}
