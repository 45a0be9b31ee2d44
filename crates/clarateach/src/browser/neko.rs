//! Neko 3.1 over WebRTC, in its makers' image. Never run here: no machine of ours reaches its registry.
//!
//! Names of variables are those of its documentation, <https://neko.m1k1o.net/docs/v3/configuration>.

use super::AllowedPath::{Below, Exact, Socket};
use super::Value::{Control, PublicIp, SizeAndRate, Text, View};
use super::{BrowserEngine, Credentials, Media};

/// What members may do, all of it said: `types.MemberProfile` of its sources.
const CONTROLS: &str = r#"{"is_admin":false,"can_login":true,"can_connect":true,"can_watch":true,"can_host":true,"can_share_media":false,"can_access_clipboard":true,"sends_inactive_cursor":false,"can_see_inactive_cursors":false}"#;
const WATCHES: &str = r#"{"is_admin":false,"can_login":true,"can_connect":true,"can_watch":true,"can_host":false,"can_share_media":false,"can_access_clipboard":false,"sends_inactive_cursor":false,"can_see_inactive_cursors":false}"#;

/// Its image means to start as root and to write everywhere. Here it is the seat's user from the
/// beginning, as its programs become anyway, and writes to the container's tmpfs alone.
const BEGIN: &str = r#"set -eu
cp -R /home/neko/. "$HOME"
mkdir -p /run/neko/log /run/neko/programs "$XDG_RUNTIME_DIR" /tmp/.X11-unix
chmod 0700 "$XDG_RUNTIME_DIR"
chmod 1777 /tmp/.X11-unix
mend() {
  sed -e '/^user=root$/d' -e '/^chown=/d' -e 's#^files=.*#files=/run/neko/programs/*.conf#'     -e 's#/var/log/neko/#/run/neko/log/#' -e 's#_maxbytes=100MB#_maxbytes=1MB#' -e 's#_backups=10#_backups=0#'     -e 's#/var/run/#/run/neko/#' -e "s#/home/%(ENV_USER)s#$HOME#" "$1" > "$2"
}
mend /etc/neko/supervisord.conf /run/neko/supervisord.conf
for program in /etc/neko/supervisord/*.conf; do mend "$program" "/run/neko/programs/${program##*/}"; done
exec /usr/bin/supervisord -c /run/neko/supervisord.conf
"#;

/// The engine of the seeds: unproven.
pub const NEKO: BrowserEngine = BrowserEngine {
    name: "neko",
    image: "ghcr.io/m1k1o/neko/firefox:3.1",
    command: &["/bin/sh", "-c", BEGIN],
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
        // Two kinds of members there are, each with a password: here both are users, of whom one may
        // only watch. Nobody is an admin.
        ("NEKO_MEMBER_MULTIUSER_ADMIN_PASSWORD", Control),
        ("NEKO_MEMBER_MULTIUSER_ADMIN_PROFILE", Text(CONTROLS)),
        ("NEKO_MEMBER_MULTIUSER_USER_PASSWORD", View),
        ("NEKO_MEMBER_MULTIUSER_USER_PROFILE", Text(WATCHES)),
        ("NEKO_SESSION_IMPLICIT_HOSTING", Text("true")),
        // Its client fails with them.
        ("NEKO_SESSION_COOKIE_ENABLED", Text("false")),
        ("NEKO_LEGACY", Text("true")),
        ("NEKO_DESKTOP_SCREEN", SizeAndRate),
        ("NEKO_FILETRANSFER_ENABLED", Text("false")),
        ("NEKO_CHAT_ENABLED", Text("false")),
        ("NEKO_CAPTURE_MICROPHONE_ENABLED", Text("false")),
        ("NEKO_CAPTURE_VIDEO_CODEC", Text("vp8")),
        // Single pictures, made when one is asked for: `clarateach doctor` looks at them.
        ("NEKO_CAPTURE_SCREENCAST_ENABLED", Text("true")),
        ("NEKO_WEBRTC_UDPMUX", Text("59000")),
        // Without it Neko asks the internet for this machine's address.
        ("NEKO_WEBRTC_NAT1TO1", PublicIp),
        ("NEKO_WEBRTC_ICELITE", Text("true")),
    ],
    media: Media::Udp { port: 59_000 },
};
