//! What one core of this machine can do at most, at every level: multiply-adds, additions, counted bits, reads and copies.
//!
//! `cargo bench --bench limits [-- --json]`. Everything else is measured as a share of one of these, in the same minute.
//! Arrays: 24 KiB lie in the first-level cache of nearly every machine, 512 KiB in the second-level cache of most,
//! 256 MiB in memory.

use std::time::Duration;

use subquad::{Float, Level, limits};

mod common;
use common::{Limit, testing};

fn row<T: Float>(level: Level, json: bool, budget: Duration) {
    let float = std::any::type_name::<T>();
    let [l1, l2, memory] = [24 << 10, 512 << 10, if testing() { 1 << 20 } else { 256 << 20 }];
    let all = [
        ("multiply-adds", Limit::MultiplyAdds),
        ("additions", Limit::Additions),
        ("counted words", Limit::Words),
        ("read L1", Limit::Read(l1)),
        ("read L2", Limit::Read(l2)),
        ("read memory", Limit::Read(memory)),
        ("copy L1", Limit::Copy(l1)),
        ("copy L2", Limit::Copy(l2)),
        ("copy memory", Limit::Copy(memory)),
    ];
    let rates = all.map(|(name, limit)| (name, limit.rate::<T>(level, budget) / 1e9));
    if json {
        for (name, rate) in rates {
            println!("{{\"level\":\"{level}\",\"float\":\"{float}\",\"limit\":\"{name}\",\"giga_per_second\":{rate:.3}}}");
        }
    } else {
        print!("| {level}, {float} |");
        rates.iter().for_each(|(_, rate)| print!(" {rate:.1} |"));
        println!();
    }
}

/// The loops compute what they say: few rounds, whose results are known.
fn check() {
    for level in Level::available() {
        let lanes = limits::adds::<f64>(level, 1) as f64 / 12.0;
        assert_eq!(limits::additions::<f64>(level, 7, 0.5), 12.0 * lanes * 4.0, "{level}");
        assert_eq!(limits::multiply_adds::<f64>(level, 2, 0.5), 12.0 * lanes * 0.875, "{level}");
        let words = limits::words::<f32>(level, 1);
        assert_eq!(limits::counted_bits::<f32>(level, 2, 7), words * 11, "{level}");
        let x: Vec<f32> = (0..1000u16).map(f32::from).collect();
        assert_eq!(limits::read(level, &x), 499_500.0, "{level}");
        let mut y = vec![0.0; 1000];
        limits::copy(level, 1.0, &x, &mut y);
        assert_eq!(x, y, "{level}");
    }
}

fn main() {
    check();
    let json = std::env::args().any(|arg| arg == "--json");
    let budget = Duration::from_millis(if testing() { 1 } else { 300 });
    if !json {
        println!("One core, in 10^9 a second; reads and copies in bytes, a copy's both ways.");
        println!("| level | multiply-adds | additions | counted words | read L1 | L2 | memory | copy L1 | L2 | memory |");
        println!("|---|---|---|---|---|---|---|---|---|---|");
    }
    for level in Level::available() {
        row::<f32>(level, json, budget);
        row::<f64>(level, json, budget);
    }
}
