#![no_main]
#[path = "../../tests/bodies/bounds.rs"]
#[allow(dead_code, reason = "not every target reads everything")]
mod bounds;
#[path = "../../tests/bodies/source.rs"]
#[allow(dead_code, reason = "not every target reads everything")]
mod source;
#[path = "../../tests/bodies/vectors.rs"]
mod vectors;
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vectors::vectors(bytes));
