#![no_main]
#[path = "../../tests/bodies/least_squares.rs"]
mod least_squares;
#[path = "../../tests/bodies/source.rs"]
#[allow(dead_code, reason = "not every target reads everything")]
mod source;
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| least_squares::least_squares(bytes));
