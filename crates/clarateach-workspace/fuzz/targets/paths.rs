//! Paths from URLs, queries and archives: whatever is taken stays below the root.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| clarateach_workspace::fuzzing::check_path(data));
