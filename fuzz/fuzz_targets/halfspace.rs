#![no_main]
#[path = "../../tests/bodies/bounds.rs"]
#[allow(dead_code, reason = "not every target reads everything")]
mod bounds;
#[path = "../../tests/bodies/halfspace.rs"]
mod halfspace;
#[path = "../../tests/bodies/source.rs"]
#[allow(dead_code, reason = "not every target reads everything")]
mod source;
#[path = "../../tests/bodies/words.rs"]
#[allow(dead_code, reason = "not every target reads everything")]
mod words;
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| halfspace::halfspace(bytes));
