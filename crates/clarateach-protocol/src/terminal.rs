//! The terminal protocol's text frames (`clarateach.terminal.v1`).
//!
//! Binary frames are terminal bytes in both directions; text frames are this JSON and take effect at
//! their place among the binary ones. `offset` counts a PTY process's output bytes from 0.

use serde::{Deserialize, Serialize};

use crate::id::TerminalName;

/// The WebSocket subprotocol's name.
pub const SUBPROTOCOL: &str = "clarateach.terminal.v1";
/// Output bytes that the server keeps for a client to resume from.
pub const RING_BYTES: usize = 1024 * 1024;
/// Output bytes that the server sends at most past the client's last ack.
pub const WINDOW_BYTES: u64 = 256 * 1024;
/// Seconds between the server's pings.
pub const PING_INTERVAL_SECONDS: u64 = 10;
/// Seconds of silence after which the server closes.
pub const SILENCE_LIMIT_SECONDS: u64 = 25;
/// Seconds without an ack after which a client that owes one is closed.
pub const ACK_DEADLINE_SECONDS: u64 = 5;

/// The seat's own close codes (RFC 6455, section 7.4.2: 4000–4999 are private use).
pub mod close {
    /// The terminal is gone: closed or exited.
    pub const GONE: u16 = 4404;
    /// The client fell behind; it resumes when it can.
    pub const TOO_SLOW: u16 = 4408;
    /// The seat is stopping (RFC 6455 "going away").
    pub const STOPPING: u16 = 1001;
}

/// What a credential allows: look, or also touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Output only; input and changes are refused.
    View,
    /// Everything that the scope covers.
    Control,
}

/// Query of `GET /terminal`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachQuery {
    /// Which terminal; `main` when it isn't said.
    #[serde(default = "TerminalName::main")]
    pub name: TerminalName,
    /// Columns of the client's screen.
    #[serde(default = "default_cols")]
    pub cols: u16,
    /// Rows of the client's screen.
    #[serde(default = "default_rows")]
    pub rows: u16,
    /// The PTY process that the client saw last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
    /// The output bytes of it that the client has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// `view` to only look; a view token has no choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
}

fn default_cols() -> u16 {
    80
}

fn default_rows() -> u16 {
    24
}

/// Text frames from the seat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame {
    /// The first frame of every connection.
    Attached {
        /// Which terminal.
        name: TerminalName,
        /// Random id of its PTY process.
        epoch: String,
        /// Where counting begins: the client's own offset when resumed.
        offset: u64,
        /// So many of the following bytes redraw the screen; not counted, not acknowledged.
        replay_bytes: u64,
        /// Whether the client's screen is still right; otherwise it resets its emulator.
        resumed: bool,
        /// The PTY's columns now.
        cols: u16,
        /// The PTY's rows now.
        rows: u16,
        /// What this connection may do.
        mode: Mode,
        /// Bytes sent at most past the last ack.
        window: u64,
    },
    /// The PTY has another size now.
    Resized {
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
    },
    /// The program set a title.
    Title {
        /// The title as text, control characters removed.
        title: String,
    },
    /// The process ended; the last frame before close code [`close::GONE`].
    Exited {
        /// Its exit code; 128 + signal when a signal ended it.
        code: i32,
    },
    /// The answer to [`ClientFrame::Ping`]; several may be answered by one.
    Pong,
}

/// Text frames from the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ClientFrame {
    /// The client's screen has another size.
    Resize {
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
    },
    /// Everything below is drawn: absolute, monotone, never beyond what was sent.
    Ack {
        /// Position in the output, in bytes.
        offset: u64,
    },
    /// "Are you there?" Pages see nothing of WebSocket's own pings (RFC 6455, section 5.5.2) and would take
    /// a connection that died without a word for a quiet one. No sign of a person's.
    Ping {},
}

/// `GET /terminals`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalList {
    /// Every terminal of the seat, oldest first.
    pub terminals: Vec<TerminalInfo>,
}

/// One terminal, as listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalInfo {
    /// Its name.
    pub name: TerminalName,
    /// Random id of its PTY process.
    pub epoch: String,
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
    /// Set by the program; empty at first.
    pub title: String,
    /// Connections attached now.
    pub clients: usize,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// When it last printed something; RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_output_at: Option<String>,
    /// When somebody last typed; RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_input_at: Option<String>,
    /// The program in the foreground, as the kernel names it (15 bytes at most).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Its working directory: relative to `/workspace` (empty for itself) if it is below, else absolute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
}

/// `POST /terminals`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateTerminal {
    /// A free name is chosen when it isn't said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<TerminalName>,
    /// Columns, 80 when it isn't said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cols: Option<u16>,
    /// Rows, 24 when it isn't said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u16>,
    /// Working directory, relative to `/workspace`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn frames_read_as_the_contract_writes_them() {
        let frame: ClientFrame =
            serde_json::from_str(r#"{"type":"resize","cols":120,"rows":30}"#).unwrap();
        assert_eq!(
            frame,
            ClientFrame::Resize {
                cols: 120,
                rows: 30
            }
        );
        let text = serde_json::to_string(&ServerFrame::Exited { code: 137 }).unwrap();
        assert_eq!(text, r#"{"type":"exited","code":137}"#);
        let ping: ClientFrame = serde_json::from_str(r#"{"type":"ping"}"#).unwrap();
        assert_eq!(ping, ClientFrame::Ping {});
        let text = serde_json::to_string(&ServerFrame::Pong).unwrap();
        assert_eq!(text, r#"{"type":"pong"}"#);
    }

    #[test]
    fn unknown_frames_and_fields_are_refused() {
        for wrong in [
            r#"{"type":"ack"}"#,
            r#"{"type":"ack","offset":-1}"#,
            r#"{"type":"ack","offset":1,"x":1}"#,
            r#"{"type":"exec"}"#,
            r#"{"type":"ping","x":1}"#,
            "[]",
            "",
        ] {
            assert!(
                serde_json::from_str::<ClientFrame>(wrong).is_err(),
                "{wrong} was taken"
            );
        }
    }

    proptest! {
        #[test]
        fn client_frames_survive_the_wire(cols: u16, rows: u16, offset: u64) {
            for frame in [ClientFrame::Resize { cols, rows }, ClientFrame::Ack { offset }, ClientFrame::Ping {}] {
                let text = serde_json::to_string(&frame).unwrap();
                prop_assert_eq!(serde_json::from_str::<ClientFrame>(&text).unwrap(), frame);
            }
        }

        #[test]
        fn any_text_as_a_frame_never_panics(text in ".{0,200}") {
            let _ = serde_json::from_str::<ClientFrame>(&text);
        }
    }
}
