#![no_main]
#[path = "../../tests/bodies/sketch.rs"]
mod sketch;
#[path = "../../tests/bodies/source.rs"]
#[allow(dead_code, reason = "not every target reads everything")]
mod source;
#[path = "../../tests/bodies/streams.rs"]
#[allow(dead_code, reason = "not every target reads everything")]
mod streams;
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sketch::sketch(bytes));
