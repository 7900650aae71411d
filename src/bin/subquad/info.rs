//! `subquad info`.

use subquad::Level;

use crate::Failure;
use crate::report::Out;

pub fn run() -> Result<(), Failure> {
    let here: Vec<&str> = Level::available().map(Level::name).collect();
    let elsewhere: Vec<&str> = Level::NAMES.iter().copied().filter(|name| !here.contains(name)).collect();
    let threads = std::thread::available_parallelism().map_or_else(|_| "unknown".into(), |n| n.to_string());
    let mut out = Out::default();
    for (name, value) in [
        ("subquad", env!("CARGO_PKG_VERSION").to_string()),
        ("machine", format!("{} {}, {threads} threads", std::env::consts::OS, std::env::consts::ARCH)),
        ("levels", here.join(", ")),
        ("used", format!("{} (choose another with --level)", Level::detect())),
        ("elsewhere", elsewhere.join(", ")),
        ("models", "safetensors, formats two-layer-relu and deep-relu, version 1".into()),
        ("data", "1,797 handwritten digits from the UCI repository (E. Alpaydin, C. Kaynak 1998, CC BY 4.0), built in".into()),
        ("licence", env!("CARGO_PKG_LICENSE").into()),
    ] {
        out.line(&format!("{name:<10} {value}"));
    }
    Ok(())
}
