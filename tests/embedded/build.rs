//! On the host: the linker's memory map, the indexes for flash, and what the cases have to find.

#[path = "../everywhere/cases.rs"]
mod cases;
#[path = "../everywhere/host.rs"]
mod host;

use std::path::PathBuf;

fn main() {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap());
    std::fs::copy("memory.x", out.join("memory.x")).unwrap();
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rerun-if-changed=memory.x");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../everywhere");
    host::write(&out);
}
