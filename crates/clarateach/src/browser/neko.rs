//! Neko 3.1 over WebRTC, in its makers' image. Never run here: no machine of ours reaches its registry.
//!
//! Names of variables are those of its documentation, <https://neko.m1k1o.net/docs/v3/configuration>.

use super::AllowedPath::{Below, Exact, Socket};
use super::Value::{Control, Nobody, PublicIp, SizeAndRate, Text};
use super::{BrowserEngine, Credentials, Media};

/// The engine of the seeds: unproven.
pub const NEKO: BrowserEngine = BrowserEngine {
    name: "neko",
    image: "ghcr.io/m1k1o/neko/firefox:3.1",
    health: "/health",
    challenge: None,
    paths: &[
        Exact("/"),
        Exact("/index.html"),
        Exact("/favicon.ico"),
        Exact("/site.webmanifest"),
        Exact("/emoji.json"),
        Exact("/keyboard_layouts.json"),
        Below("/css/"),
        Below("/fonts/"),
        Below("/img/"),
        Below("/js/"),
        Socket("/ws"),
    ],
    credentials: Credentials::Query {
        path: "/ws",
        user: "username",
        password: "password",
    },
    environment: &[
        ("NEKO_SERVER_BIND", Text(":3003")),
        ("NEKO_SERVER_PROXY", Text("true")),
        // Open to everybody by default.
        ("NEKO_SERVER_METRICS", Text("false")),
        // `noauth` would make every visitor an admin, who may stream anywhere.
        ("NEKO_MEMBER_PROVIDER", Text("multiuser")),
        ("NEKO_MEMBER_MULTIUSER_USER_PASSWORD", Control),
        ("NEKO_MEMBER_MULTIUSER_ADMIN_PASSWORD", Nobody),
        ("NEKO_SESSION_IMPLICIT_HOSTING", Text("true")),
        // Its client fails with them.
        ("NEKO_SESSION_COOKIE_ENABLED", Text("false")),
        ("NEKO_LEGACY", Text("true")),
        ("NEKO_DESKTOP_SCREEN", SizeAndRate),
        ("NEKO_FILETRANSFER_ENABLED", Text("false")),
        ("NEKO_CHAT_ENABLED", Text("false")),
        ("NEKO_CAPTURE_MICROPHONE_ENABLED", Text("false")),
        ("NEKO_CAPTURE_VIDEO_CODEC", Text("vp8")),
        ("NEKO_WEBRTC_UDPMUX", Text("59000")),
        // Without it Neko asks the internet for this machine's address.
        ("NEKO_WEBRTC_NAT1TO1", PublicIp),
        ("NEKO_WEBRTC_ICELITE", Text("true")),
    ],
    media: Media::Udp { port: 59_000 },
};
