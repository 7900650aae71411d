//! On the host: the indexes that the module carries, and what the cases have to find.

#[path = "../everywhere/cases.rs"]
mod cases;
#[path = "../everywhere/host.rs"]
mod host;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../everywhere");
    host::write(std::path::Path::new(&std::env::var_os("OUT_DIR").unwrap()));
}
