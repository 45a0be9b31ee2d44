//! Cookies at own origins: ours never reach a program, a program's never reach us or each other.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| clarateach_fuzz::check_cookies(data));
