//! Hosts and paths: what is routed goes to exactly the seat that was spelled.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| clarateach_fuzz::check_routes(data));
