#![no_main]
#[path = "../../tests/bodies/bounds.rs"]
#[allow(dead_code, reason = "not every target reads everything")]
mod bounds;
#[path = "../../tests/bodies/deep.rs"]
mod deep;
#[path = "../../tests/bodies/source.rs"]
#[allow(dead_code, reason = "not every target reads everything")]
mod source;
#[path = "../../tests/bodies/sparse_case.rs"]
#[allow(dead_code, reason = "not every target reads everything")]
mod sparse_case;
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| deep::deep(bytes));
