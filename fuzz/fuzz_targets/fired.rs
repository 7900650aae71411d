#![no_main]
#[path = "../../tests/bodies/fired.rs"]
mod fired;
#[path = "../../tests/bodies/network.rs"]
#[allow(dead_code, reason = "not every target reads everything")]
mod network;
#[path = "../../tests/bodies/source.rs"]
#[allow(dead_code, reason = "not every target reads everything")]
mod source;
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fired::fired(bytes));
