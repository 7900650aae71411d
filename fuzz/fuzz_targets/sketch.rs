#![no_main]
#[path = "../../tests/bodies/sketch.rs"]
mod sketch;
#[path = "../../tests/bodies/source.rs"]
#[allow(dead_code, reason = "not every target reads everything")]
mod source;
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sketch::sketch(bytes));
