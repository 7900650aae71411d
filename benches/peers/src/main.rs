//! This crate's kernels next to those of other crates: both in one process, taking turns, one thread.
//!
//!     cargo run --release -- [transforms ffht products pattern factors cg spatial]
//!
//! prints a JSON line for each peer and case; `run.py` makes tables of them, with what the Python libraries take. Every
//! pair of results is compared before it is timed. The clock is that of the process, so that other programs do not count
//! (but the caches that they empty do).

mod cg;
mod factors;
mod matrices;
mod race;
mod spatial;
mod transforms;

fn main() {
    let which: Vec<String> = std::env::args().skip(1).collect();
    let all: [(&str, fn()); 7] = [
        ("transforms", transforms::run),
        ("ffht", transforms::against_ffht),
        ("products", matrices::products),
        ("pattern", matrices::pattern),
        ("factors", factors::run),
        ("cg", cg::run),
        ("spatial", spatial::run),
    ];
    for (name, run) in all {
        if which.is_empty() || which.iter().any(|asked| asked == name) {
            run();
        }
    }
}
