//! See `hub::exchange::fuzzing::part_upload`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hub::exchange::fuzzing::part_upload(data));
