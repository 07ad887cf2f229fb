#![no_main]

#[path = "../redaction/mod.rs"]
mod redaction;

libfuzzer_sys::fuzz_target!(|data: &[u8]| redaction::stream(data));
