//! Text frames of terminals: what is read means the same when it is written and read again.
#![no_main]

use clarateach_protocol::terminal::{ClientFrame, ServerFrame};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(frame) = serde_json::from_slice::<ClientFrame>(data) {
        let text = serde_json::to_string(&frame).expect("frames serialise");
        let again: ClientFrame = serde_json::from_str(&text).expect("what we wrote");
        assert_eq!(again, frame);
    }
    if let Ok(frame) = serde_json::from_slice::<ServerFrame>(data) {
        let text = serde_json::to_string(&frame).expect("frames serialise");
        let again: ServerFrame = serde_json::from_str(&text).expect("what we wrote");
        assert_eq!(again, frame);
    }
});
