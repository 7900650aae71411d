#![no_main]
#[path = "../../tests/bodies/blas.rs"]
mod blas;
#[path = "../../tests/bodies/bounds.rs"]
#[allow(dead_code, reason = "not every target reads everything")]
mod bounds;
#[path = "../../tests/bodies/source.rs"]
#[allow(dead_code, reason = "not every target reads everything")]
mod source;
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| blas::blas(bytes));
