//! Header fields between clients, seats and learners' programs: no credential and no hop-by-hop field passes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| clarateach_fuzz::check_headers(data));
