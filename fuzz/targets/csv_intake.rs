//! See `hub::exchange::fuzzing::csv_intake`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hub::exchange::fuzzing::csv_intake(data));
