#![no_main]
#[path = "../../tests/bodies/bounds.rs"]
#[allow(dead_code, reason = "not every target reads everything")]
mod bounds;
#[path = "../../tests/bodies/definite.rs"]
mod definite;
#[path = "../../tests/bodies/source.rs"]
#[allow(dead_code, reason = "not every target reads everything")]
mod source;
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| definite::definite(bytes));
