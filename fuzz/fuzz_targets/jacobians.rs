#![no_main]
#[path = "../../tests/bodies/bounds.rs"]
#[allow(dead_code, reason = "not every target reads everything")]
mod bounds;
#[path = "../../tests/bodies/jacobians.rs"]
mod jacobians;
#[path = "../../tests/bodies/source.rs"]
#[allow(dead_code, reason = "not every target reads everything")]
mod source;
#[path = "../../tests/bodies/streams.rs"]
#[allow(dead_code, reason = "not every target reads everything")]
mod streams;
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| jacobians::jacobians(bytes));
