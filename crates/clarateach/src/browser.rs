//! What a seat's browser engine is to the platform: plain data, one constant an engine.
//!
//! Providers start one by its [`BrowserEngine::environment`]; the gateway lets through what
//! [`BrowserEngine::paths`] lists and logs in for the visitor. Nobody else knows how an engine speaks.

mod neko;
mod selkies;

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub use neko::NEKO;
pub use selkies::SELKIES;

/// How an engine is started, asked, entered and watched.
#[derive(Debug, PartialEq, Eq)]
pub struct BrowserEngine {
    /// As in `CLARATEACH_BROWSER_ENGINE`.
    pub name: &'static str,
    /// The image where no other is configured.
    pub image: &'static str,
    /// What its container runs; empty: what its image says.
    pub command: &'static [&'static str],
    /// Path that answers `200` while the engine works, without credentials.
    pub health: &'static str,
    /// Parameter of the health path's query with a challenge, to which the body is the answer
    /// ([`BrowserAccess::answer`]): what listens at the port is this start's engine, and nothing of
    /// the learner's. `None`: the engine can't prove itself, and gets no credentials.
    pub challenge: Option<&'static str>,
    /// What visitors reach; everything else is shut.
    pub paths: &'static [AllowedPath],
    /// How the gateway logs in for a visitor.
    pub credentials: Credentials,
    /// Variables of its container.
    pub environment: &'static [(&'static str, Value)],
    /// How the picture travels.
    pub media: Media,
}

/// Every engine that there is.
pub const ENGINES: [&BrowserEngine; 2] = [&SELKIES, &NEKO];

/// A path that visitors may ask for; queries are not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AllowedPath {
    /// Exactly this one, with `GET` or `HEAD`.
    Exact(&'static str),
    /// Everything below this one, which ends with a slash, with `GET` or `HEAD`.
    Below(&'static str),
    /// Exactly this one, as a WebSocket.
    Socket(&'static str),
}

/// How a request asks for a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// `GET` or `HEAD`.
    Read,
    /// A WebSocket upgrade.
    Socket,
    /// Any other method.
    Other,
}

/// How the gateway logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credentials {
    /// `Authorization: Basic` on every request (RFC 7617).
    Basic {
        /// The engine's user.
        user: &'static str,
    },
    /// Two parameters in the query of the socket's path, which visitors can't set themselves.
    Query {
        /// The socket's path.
        path: &'static str,
        /// Parameter with a name that is shown to nobody.
        user: &'static str,
        /// Parameter with the password.
        password: &'static str,
    },
}

/// What a variable of the container holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// The same for every seat.
    Text(&'static str),
    /// Password of whoever controls the browser.
    Control,
    /// Password of whoever watches.
    View,
    /// The key that [`BrowserEngine::challenge`] is answered with.
    Nonce,
    /// `1280x720`.
    Size,
    /// `1280x720@25`.
    SizeAndRate,
    /// `25,8-25`: pictures a second, and what a client may choose.
    Rates,
    /// What Firefox shows first; left out where nothing is set.
    StartUrl,
    /// Where clients reach the media port; left out where it is unknown.
    PublicIp,
}

/// How the picture travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// Inside the engine's WebSocket.
    Socket,
    /// As WebRTC by one UDP port, the same inside and outside.
    Udp {
        /// The port.
        port: u16,
    },
}

/// Whether a visitor controls the browser or watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visit {
    /// With mouse and keyboard.
    Control,
    /// Without.
    View,
}

/// The screen that a browser starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    /// Pixels.
    pub width: u16,
    /// Pixels.
    pub height: u16,
    /// Pictures a second at the most.
    pub rate: u16,
}

impl Default for Screen {
    fn default() -> Self {
        Self {
            width: 1280,
            height: 720,
            rate: 25,
        }
    }
}

/// A random text that nobody but platform and engine know; shown in no log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// 192 random bits as hex digits, which need no quoting anywhere.
    ///
    /// # Panics
    /// When the operating system has no randomness: nothing could be safe then.
    #[must_use]
    pub fn random() -> Self {
        let mut bytes = [0_u8; 24];
        getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
        Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The text itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What opens one start of a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrowserAccess {
    /// For whoever controls it.
    pub control: Secret,
    /// For whoever watches; `None`: the engine knows no such thing.
    pub view: Option<Secret>,
    /// What it proves itself with; `None`: it can't.
    pub nonce: Option<Secret>,
}

impl BrowserAccess {
    /// The right answer to a challenge: HMAC-SHA256 of it under the start's nonce, as hex digits. The
    /// nonce itself never passes the port, which a learner can read along or bind first.
    #[must_use]
    pub fn answer(&self, challenge: &str) -> Option<String> {
        let Secret(nonce) = self.nonce.as_ref()?;
        let mut mac = Hmac::<Sha256>::new_from_slice(nonce.as_bytes())
            .expect("HMAC takes keys of any length");
        mac.update(challenge.as_bytes());
        let answer = mac.finalize().into_bytes();
        Some(answer.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// The way to one start of a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrowserDoor {
    /// What runs there.
    pub engine: &'static BrowserEngine,
    /// Where it answers.
    pub address: SocketAddr,
    /// The start of the seat that it belongs to.
    pub incarnation: String,
    /// What opens it.
    pub access: BrowserAccess,
}

/// What one start of a browser is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrowserStart {
    /// Its screen.
    pub screen: Screen,
    /// What it shows first.
    pub start_url: Option<String>,
    /// This machine's address as clients reach it.
    pub public_ip: Option<IpAddr>,
    /// Password of whoever controls it.
    pub control: Secret,
    /// Password of whoever watches.
    pub view: Secret,
    /// What it proves itself with.
    pub nonce: Secret,
}

impl BrowserStart {
    /// A start with new secrets.
    #[must_use]
    pub fn new(screen: Screen) -> Self {
        Self {
            screen,
            start_url: None,
            public_ip: None,
            control: Secret::random(),
            view: Secret::random(),
            nonce: Secret::random(),
        }
    }
}

/// What the gateway adds to a visitor's request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// Value of `Authorization`, in place of any.
    Authorization(Secret),
    /// The query of the socket's path, in place of any.
    Query(Secret),
}

impl BrowserEngine {
    /// The engine of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        ENGINES.into_iter().find(|engine| engine.name == name)
    }

    /// Variables of the container of one start.
    #[must_use]
    pub fn environment(&self, start: &BrowserStart) -> Vec<(&'static str, String)> {
        let Screen {
            width,
            height,
            rate,
        } = start.screen;
        let text = |value| match value {
            Value::Text(text) => Some(text.to_owned()),
            Value::Control => Some(start.control.0.clone()),
            Value::View => Some(start.view.0.clone()),
            Value::Nonce => Some(start.nonce.0.clone()),
            Value::Size => Some(format!("{width}x{height}")),
            Value::SizeAndRate => Some(format!("{width}x{height}@{rate}")),
            Value::Rates => Some(format!("{rate},8-{rate}")),
            Value::StartUrl => start.start_url.clone(),
            Value::PublicIp => start.public_ip.map(|ip| ip.to_string()),
        };
        let variables = self.environment.iter();
        variables
            .filter_map(|(name, value)| Some((*name, text(*value)?)))
            .collect()
    }

    /// What opens a browser that runs, read back from its container's variables: nobody else keeps it.
    #[must_use]
    pub fn access(&self, environment: &HashMap<&str, &str>) -> Option<BrowserAccess> {
        let find = |wanted: Value| {
            let (name, _) = self
                .environment
                .iter()
                .find(|(_, value)| *value == wanted)?;
            let text = environment.get(name).filter(|text| !text.is_empty())?;
            Some(Secret((*text).to_owned()))
        };
        Some(BrowserAccess {
            control: find(Value::Control)?,
            view: find(Value::View),
            nonce: find(Value::Nonce),
        })
    }

    /// Whether a visitor may ask for a path, which has no query.
    #[must_use]
    pub fn allows(&self, asking: Asking, path: &str) -> bool {
        // What the engine might understand as another path.
        let odd = path.contains(['%', '\\', ';']) || path.contains("//") || path.contains("/.");
        !odd && self.paths.iter().any(|allowed| match *allowed {
            AllowedPath::Exact(exact) => asking == Asking::Read && path == exact,
            AllowedPath::Below(folder) => asking == Asking::Read && path.starts_with(folder),
            AllowedPath::Socket(exact) => asking == Asking::Socket && path == exact,
        })
    }

    /// What a visitor's request for a path is given; `None` where it needs nothing, or where the
    /// engine has no such visit.
    #[must_use]
    pub fn login(&self, access: &BrowserAccess, visit: Visit, path: &str) -> Option<Login> {
        let Secret(password) = match visit {
            Visit::Control => &access.control,
            Visit::View => access.view.as_ref()?,
        };
        match self.credentials {
            Credentials::Basic { user } => {
                let pair = STANDARD.encode(format!("{user}:{password}"));
                Some(Login::Authorization(Secret(format!("Basic {pair}"))))
            }
            Credentials::Query {
                path: socket,
                user,
                password: parameter,
            } => (path == socket)
                .then(|| Login::Query(Secret(format!("{user}=seat&{parameter}={password}")))),
        }
    }
}

#[cfg(test)]
mod tests;
