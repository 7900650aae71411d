#![no_main]
#[path = "../../tests/bodies/files.rs"]
#[allow(dead_code, reason = "each target runs one body")]
mod files;
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| files::deep_checkpoint(bytes));
