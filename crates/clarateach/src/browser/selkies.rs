//! Selkies 2.1 over WebSocket, in our own image: `images/browser`.
//!
//! Names of variables and routes are those of the wheel's `settings.py` and `stream_server.py`.

use super::AllowedPath::{Below, Exact, Socket};
use super::Value::{Control, Nonce, Rates, StartUrl, Text, View};
use super::{BrowserEngine, Credentials, Media};

/// The engine that ClaraTeach builds itself.
pub const SELKIES: BrowserEngine = BrowserEngine {
    name: "selkies",
    image: "clarateach/browser:latest",
    command: &[],
    health: "/api/health",
    // The image's own addition: `rootfs/usr/share/clarateach/stream.py`.
    challenge: Some("challenge"),
    paths: &[
        Exact("/"),
        Exact("/api/status"),
        Below("/assets/"),
        // Decodes sound where the visitor's web browser has no decoder for it.
        Below("/codecs/libopus-wasm/"),
        Exact("/favicon.ico"),
        Exact("/icon.png"),
        Exact("/icon-512.png"),
        Exact("/manifest.json"),
        Socket("/api/websockets"),
    ],
    credentials: Credentials::Basic { user: "seat" },
    environment: &[
        // Ours, read by the image's start script. The picture follows the viewer's panel up to this.
        ("CLARATEACH_SCREEN", Text("1920x1200")),
        ("CLARATEACH_START_URL", StartUrl),
        ("CLARATEACH_BROWSER_NONCE", Nonce),
        ("SELKIES_PUBLIC", Text("true")),
        ("SELKIES_PORT", Text("3003")),
        ("SELKIES_MODE", Text("websockets")),
        ("SELKIES_ENABLE_DUAL_MODE", Text("false")),
        ("SELKIES_ENABLE_BASIC_AUTH", Text("true")),
        ("SELKIES_BASIC_AUTH_USER", Text("seat")),
        ("SELKIES_BASIC_AUTH_PASSWORD", Control),
        ("SELKIES_BASIC_AUTH_VIEWONLY_PASSWORD", View),
        // Who frames the origin is the gateway's to say.
        ("SELKIES_FRAME_ANCESTORS", Text("*")),
        ("SELKIES_FRAMERATE", Rates),
        // Firefox knows nothing of a fine screen's density: at its pixels, a page would be shown at half its size.
        ("SELKIES_USE_CSS_SCALING", Text("true|locked")),
        // Pictures for pages without WebCodecs: plain http by address, in a room.
        ("SELKIES_ENCODER", Text("h264enc,jpeg")),
        ("SELKIES_USE_CPU", Text("true")),
        ("SELKIES_GPU_ID", Text("-1")),
        ("SELKIES_AUTO_GPU", Text("false")),
        // Many seats share the machine: one thread encodes a seat's picture.
        ("SELKIES_CPU_ENCODE_THREADING", Text("false|locked")),
        // A still screen costs nothing.
        ("SELKIES_VIDEO_STREAMING_MODE", Text("false|locked")),
        // Off until somebody turns it on, for their own page: the image's `sound.py`. TCP loses nothing.
        ("SELKIES_AUDIO_ENABLED", Text("true|locked")),
        ("SELKIES_AUDIO_ON_START", Text("false|locked")),
        ("SELKIES_AUDIO_BITRATE", Text("96000")),
        ("SELKIES_AUDIO_FRAME_DURATION_MS", Text("20")),
        ("SELKIES_AUDIO_REDUNDANCY", Text("false|locked")),
        ("SELKIES_MICROPHONE_ENABLED", Text("false|locked")),
        ("SELKIES_WEBCAM_ENABLED", Text("false|locked")),
        ("SELKIES_GAMEPAD_ENABLED", Text("false|locked")),
        ("SELKIES_COMMAND_ENABLED", Text("false|locked")),
        ("SELKIES_FILE_TRANSFERS", Text("none")),
        ("SELKIES_PRINTING_ENABLED", Text("false|locked")),
        ("SELKIES_SECOND_SCREEN", Text("false|locked")),
        // An instructor who takes over, and a learner's second tab, control beside the first; without it they end it.
        ("SELKIES_ENABLE_SHARING", Text("true|locked")),
        ("SELKIES_ENABLE_COLLAB", Text("false|locked")),
        ("SELKIES_ENABLE_PLAYER2", Text("false|locked")),
        ("SELKIES_ENABLE_PLAYER3", Text("false|locked")),
        ("SELKIES_ENABLE_PLAYER4", Text("false|locked")),
        ("SELKIES_ENABLE_METRICS_HTTP", Text("false")),
        // WebRTC is not used; its defaults name servers on the internet.
        ("SELKIES_STUN_HOST", Text("")),
        ("SELKIES_TURN_HOST", Text("")),
        ("SELKIES_TURN_SHARED_SECRET", Text("")),
        ("SELKIES_UI_TITLE", Text("Browser")),
        ("SELKIES_UI_SHOW_LOGO", Text("false")),
        ("SELKIES_UI_SHOW_SIDEBAR", Text("false")),
    ],
    media: Media::Socket,
};
