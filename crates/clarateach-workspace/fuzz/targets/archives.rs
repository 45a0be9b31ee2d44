//! Archives: whatever they hold, nothing is written beside the folder and no link leads out of it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| clarateach_workspace::fuzzing::check_archive(data));
