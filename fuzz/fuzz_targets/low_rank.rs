#![no_main]
#[path = "../../tests/bodies/low_rank.rs"]
mod low_rank;
#[path = "../../tests/bodies/source.rs"]
#[allow(dead_code, reason = "not every target reads everything")]
mod source;
#[path = "../../tests/bodies/sparse_case.rs"]
#[allow(dead_code, reason = "not every target reads everything")]
mod sparse_case;
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| low_rank::low_rank(bytes));
