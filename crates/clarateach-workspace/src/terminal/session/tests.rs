//! Scenes of the protocol without PTY, WebSocket or clock.
