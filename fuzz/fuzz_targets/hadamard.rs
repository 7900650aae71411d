#![no_main]
#[path = "../../tests/bodies/hadamard.rs"]
mod hadamard;
#[path = "../../tests/bodies/source.rs"]
#[allow(dead_code, reason = "not every target reads everything")]
mod source;
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hadamard::hadamard(bytes));
