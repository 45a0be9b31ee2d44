//! Settings as they are given, and the configuration that they make.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;

use super::read::{cidr_from_text, cidrs_from_texts, from_text};
use super::{
    Config, ConfigError, DockerReach, IdleAfter, Isolation, Length, LogFormat, PauseAfter,
    ProviderKind, StandbyAtStop, StandbyPlans,
};
use crate::browser::{BrowserEngine, SELKIES};
use crate::feed::FeedTimes;
use crate::model::{Cidr, PresenceTimes, ScheduleTimes, Standby};
use crate::origins::PreviewPorts;
use crate::room::{Machine, Room, RoomChoice};

/// Settings as given: by flag or environment, and again as the file's content.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct Settings {
    /// Address to listen on [default: 127.0.0.1:8080]
    #[arg(long, env = "CLARATEACH_LISTEN", value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// URL by which people reach this server, e.g. http://198.18.0.1:8080; join links are built from it
    /// [default: from the domain, or the listening address]
    #[arg(long, env = "CLARATEACH_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// Let the class in the room in: listen on every interface, at the port of --listen, and make join
    /// links of this machine's best address, or of the one given here
    #[arg(long, env = "CLARATEACH_ROOM", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "ADDRESS")]
    pub room: Option<RoomChoice>,
    /// DNS domain whose names lead here; seats get hosts of their own below it. Empty: local mode
    #[arg(long, env = "CLARATEACH_DOMAIN", value_name = "DOMAIN")]
    pub domain: Option<String>,
    /// Directory of the database, keys and seats' disks; made when missing, for this user only
    /// [default: ./data]
    #[arg(long, env = "CLARATEACH_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// What makes the seats [default: docker]
    #[arg(long, env = "CLARATEACH_PROVIDER")]
    pub provider: Option<ProviderKind>,
    /// Image of seats whose workshop names none [default: clarateach/workspace:latest]
    #[arg(long, env = "CLARATEACH_IMAGE", value_name = "IMAGE")]
    pub image: Option<String>,
    /// How long a workshop lasts that names no end: as in `90m`, `12h` or `7d`; `none`: until it is
    /// deleted [default: 7d]
    #[arg(long, env = "CLARATEACH_DEFAULT_LENGTH", value_name = "TIME")]
    #[serde(default, deserialize_with = "from_text")]
    pub default_length: Option<Length>,
    /// End workshops that nobody uses: no key typed, no file changed and no processor time in any seat for
    /// so long, as in `90m`, `12h` or `3d`; 30m to 30d. It is warned of, and never ends one before a time
    /// that its instructor named [default: none]
    #[arg(long, env = "CLARATEACH_IDLE_AFTER", value_name = "TIME")]
    #[serde(default, deserialize_with = "from_text")]
    pub idle_after: Option<IdleAfter>,
    /// Make seats even where the machine can't give each of them all that its limits allow: the kernel
    /// may kill some then, and disks may fill
    #[arg(long, env = "CLARATEACH_ALLOW_OVERCOMMIT", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub allow_overcommit: Option<bool>,
    /// Workshops made ahead with the defaults, so that who asks for one has it at once: SEATSxWORKSHOPS,
    /// comma-separated, as in `10x1` [default: none]
    #[arg(long, env = "CLARATEACH_STANDBY", value_name = "SEATSxWORKSHOPS")]
    #[serde(default, deserialize_with = "from_text")]
    pub standby: Option<StandbyPlans>,
    /// What becomes of those that nobody asked for when the server stops [default: keep]
    #[arg(long, env = "CLARATEACH_STANDBY_AT_STOP")]
    pub standby_at_stop: Option<StandbyAtStop>,
    /// How seats' browsers are streamed: selkies, or neko, which nobody ran with ClaraTeach yet
    /// [default: selkies]
    #[arg(long, env = "CLARATEACH_BROWSER_ENGINE", value_name = "ENGINE")]
    pub browser_engine: Option<String>,
    /// Image of seats' browsers [default: the engine's own, clarateach/browser:latest]
    #[arg(long, env = "CLARATEACH_BROWSER_IMAGE", value_name = "IMAGE")]
    pub browser_image: Option<String>,
    /// How long nobody looks at a seat's browser before it is frozen, as in `90s` or `5m`; `none`: it
    /// never is. The next who opens it finds it as it was [default: 5m]
    #[arg(long, env = "CLARATEACH_BROWSER_PAUSE_AFTER", value_name = "TIME")]
    #[serde(default, deserialize_with = "from_text")]
    pub browser_pause_after: Option<PauseAfter>,
    /// Browsers on demand at once, over all workshops; whoever comes later waits for a place. Fewer where
    /// the machine has no room for so many [default: as many as the machine has room for]
    #[arg(long, env = "CLARATEACH_BROWSERS_MAX", value_name = "BROWSERS")]
    pub browsers_max: Option<u64>,
    /// File with the instructor's password, read at every start; sets it without the set-up link
    #[arg(long, env = "CLARATEACH_INSTRUCTOR_PASSWORD_FILE", value_name = "FILE")]
    pub instructor_password_file: Option<PathBuf>,
    /// IPv4 network that seats' subnets are carved from, a /24 a workshop [default: 198.18.0.0/15]
    #[arg(long, env = "CLARATEACH_SEAT_NETWORKS", value_name = "CIDR")]
    #[serde(default, deserialize_with = "cidr_from_text")]
    pub seat_networks: Option<Cidr>,
    /// How seats are reached: at their own addresses (bridge), or by ports published on 127.0.0.1 (published)
    /// where those lead nowhere from here: Docker Desktop, Colima, rootless engines [default: auto]
    #[arg(long, env = "CLARATEACH_DOCKER_REACH")]
    pub docker_reach: Option<DockerReach>,
    /// Make seats even where the firewall can't be set: they would reach this machine and each other
    #[arg(long, env = "CLARATEACH_ALLOW_WEAK_ISOLATION", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub allow_weak_isolation: Option<bool>,
    /// Allow what is only safe on a developer's machine: the simulated provider
    #[arg(long, env = "CLARATEACH_INSECURE_DEV", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub insecure_dev: Option<bool>,
    /// In-seat server to use instead of the one in this binary
    #[arg(long, env = "CLARATEACH_SEAT_SERVER", value_name = "FILE")]
    pub workspace_binary: Option<PathBuf>,
    /// CA bundle that seats trust; a school's intercepting proxy has its certificate there
    /// [default: this machine's own bundle]
    #[arg(long, env = "CLARATEACH_SEAT_CA_FILE", value_name = "FILE")]
    pub seat_ca_file: Option<PathBuf>,
    /// Ports of this machine, FIRST-LAST, each for one port of a seat where the class comes by address
    /// (a room): let them through the firewall. `none`: no previews there [default: 20000-20999]
    #[arg(long, env = "CLARATEACH_PREVIEW_PORTS", value_name = "FIRST-LAST")]
    #[serde(default, deserialize_with = "from_text")]
    pub preview_ports: Option<PreviewPorts>,
    /// Networks of proxies in front whose X-Forwarded-For is believed, comma-separated [default: none]
    #[arg(
        long,
        env = "CLARATEACH_TRUSTED_PROXIES",
        value_name = "CIDR",
        value_delimiter = ','
    )]
    #[serde(default, deserialize_with = "cidrs_from_texts")]
    pub trusted_proxies: Option<Vec<Cidr>>,
    /// Connections at a time; a few more are told to come back, the rest closed. Fewer where the limit
    /// of open files says so [default: 20000]
    #[arg(long, env = "CLARATEACH_MAX_CONNECTIONS", value_name = "COUNT")]
    pub max_connections: Option<usize>,
    /// Connections of one client address at a time; a class behind one router is one address
    /// [default: 10000]
    #[arg(
        long,
        env = "CLARATEACH_MAX_CONNECTIONS_PER_ADDRESS",
        value_name = "COUNT"
    )]
    pub max_connections_per_address: Option<usize>,
    /// Requests and live connections of one seat at a time; all who look at a port that is open to the
    /// class count there [default: 1024]
    #[arg(
        long,
        env = "CLARATEACH_MAX_CONNECTIONS_PER_SEAT",
        value_name = "COUNT"
    )]
    pub max_connections_per_seat: Option<usize>,
    /// Requests that wait for their answers at a time; more are answered 503 [default: 4096]
    #[arg(long, env = "CLARATEACH_MAX_REQUESTS", value_name = "COUNT")]
    pub max_requests: Option<usize>,
    /// How to write the log [default: text on a terminal, otherwise json]
    #[arg(long, env = "CLARATEACH_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
    /// What to log, as in `info` or `clarateach=debug` [default: info]
    #[arg(long, env = "CLARATEACH_LOG", value_name = "FILTER")]
    pub log: Option<String>,
}
impl Settings {
    /// These settings, and the file's where these say nothing.
    fn or(self, file: Self) -> Self {
        Self {
            listen: self.listen.or(file.listen),
            public_url: self.public_url.or(file.public_url),
            room: self.room.or(file.room),
            domain: self.domain.or(file.domain),
            data_dir: self.data_dir.or(file.data_dir),
            provider: self.provider.or(file.provider),
            image: self.image.or(file.image),
            default_length: self.default_length.or(file.default_length),
            idle_after: self.idle_after.or(file.idle_after),
            allow_overcommit: self.allow_overcommit.or(file.allow_overcommit),
            standby: self.standby.or(file.standby),
            standby_at_stop: self.standby_at_stop.or(file.standby_at_stop),
            browser_engine: self.browser_engine.or(file.browser_engine),
            browser_image: self.browser_image.or(file.browser_image),
            browser_pause_after: self.browser_pause_after.or(file.browser_pause_after),
            browsers_max: self.browsers_max.or(file.browsers_max),
            instructor_password_file: self
                .instructor_password_file
                .or(file.instructor_password_file),
            seat_networks: self.seat_networks.or(file.seat_networks),
            docker_reach: self.docker_reach.or(file.docker_reach),
            allow_weak_isolation: self.allow_weak_isolation.or(file.allow_weak_isolation),
            insecure_dev: self.insecure_dev.or(file.insecure_dev),
            workspace_binary: self.workspace_binary.or(file.workspace_binary),
            seat_ca_file: self.seat_ca_file.or(file.seat_ca_file),
            preview_ports: self.preview_ports.or(file.preview_ports),
            trusted_proxies: self.trusted_proxies.or(file.trusted_proxies),
            max_connections: self.max_connections.or(file.max_connections),
            max_connections_per_address: self
                .max_connections_per_address
                .or(file.max_connections_per_address),
            max_connections_per_seat: self
                .max_connections_per_seat
                .or(file.max_connections_per_seat),
            max_requests: self.max_requests.or(file.max_requests),
            log_format: self.log_format.or(file.log_format),
            log: self.log.or(file.log),
        }
    }

    /// These settings over those of `path`; without a path, over `./clarateach.toml` where it is.
    ///
    /// # Errors
    /// When the file can't be read or holds something unknown.
    pub fn with_file(self, path: Option<&Path>) -> Result<Self, ConfigError> {
        let (path, must_exist) =
            path.map_or((Path::new("clarateach.toml"), false), |path| (path, true));
        match std::fs::read_to_string(path) {
            Ok(text) => match toml::from_str(&text) {
                Ok(file) => Ok(self.or(file)),
                Err(source) => Err(ConfigError::Parse {
                    path: path.to_owned(),
                    source: Box::new(source),
                }),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_exist => Ok(self),
            Err(source) => Err(ConfigError::Read {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// The configuration that these settings make, defaults filled in.
    ///
    /// # Errors
    /// When settings contradict each other.
    pub fn resolve(self) -> Result<Config, ConfigError> {
        let not_empty = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let provider = self.provider.unwrap_or(ProviderKind::Docker);
        if provider == ProviderKind::Simulated && self.insecure_dev != Some(true) {
            return Err(ConfigError::Setting {
                setting: "provider",
                problem: "simulated seats isolate nobody. Hint: add --insecure-dev, on a developer's machine only".to_owned(),
            });
        }
        let seat_networks = match self.seat_networks {
            Some(pool) => pool,
            None => "198.18.0.0/15".parse().expect("the default is a network"),
        };
        if seat_networks.prefix() > 24 {
            return Err(ConfigError::Setting {
                setting: "seat_networks",
                problem: format!("{seat_networks} is too small: each workshop takes a /24"),
            });
        }
        let (server_limits, seat_limits) = self.limits()?;
        let browser_engine = match not_empty(self.browser_engine) {
            None => &SELKIES,
            Some(name) => BrowserEngine::named(&name).ok_or_else(|| ConfigError::Setting {
                setting: "browser_engine",
                problem: format!("there is no engine {name:?}. Hint: selkies or neko"),
            })?,
        };
        let listen = self
            .listen
            .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080)));
        let (public_url, domain) = (not_empty(self.public_url), not_empty(self.domain));
        let names = (public_url.as_deref(), domain.as_deref());
        let room = match self.room {
            None | Some(RoomChoice::Off) => None,
            Some(RoomChoice::Best) => Some(choose_room(None, names, seat_networks)?),
            Some(RoomChoice::Named(name)) => Some(choose_room(Some(&name), names, seat_networks)?),
        };
        let data_dir = self.data_dir.unwrap_or_else(|| PathBuf::from("data"));
        Ok(Config {
            listen: room
                .as_ref()
                .map_or(listen, |room| room.listen(listen.port())),
            public_url,
            room,
            domain,
            // Docker needs absolute paths, and a later change of directory must not move the data.
            data_dir: std::path::absolute(&data_dir).map_err(|source| ConfigError::Read {
                path: data_dir,
                source,
            })?,
            provider,
            image: not_empty(self.image)
                .unwrap_or_else(|| "clarateach/workspace:latest".to_owned()),
            default_length: self.default_length.unwrap_or_default(),
            idle_after: self.idle_after.unwrap_or_default(),
            standby: Standby {
                plans: self.standby.unwrap_or_default().0,
                at_stop: self.standby_at_stop.unwrap_or_default().into(),
            },
            allow_overcommit: self.allow_overcommit == Some(true),
            schedule: ScheduleTimes::default(),
            browser_engine,
            browser_image: not_empty(self.browser_image)
                .unwrap_or_else(|| browser_engine.image.to_owned()),
            browser_pause_after: self.browser_pause_after.unwrap_or_default(),
            browsers_max: self.browsers_max,
            instructor_password_file: self.instructor_password_file,
            seat_networks,
            isolation: if self.allow_weak_isolation == Some(true) {
                Isolation::Weak
            } else {
                Isolation::Required
            },
            docker_reach: self.docker_reach.unwrap_or_default(),
            seat_ca_file: self.seat_ca_file,
            preview_ports: self.preview_ports.unwrap_or_default(),
            trusted_proxies: self.trusted_proxies.unwrap_or_default(),
            server_limits,
            seat_limits,
            workspace_binary: self.workspace_binary,
            presence: PresenceTimes::default(),
            feed: FeedTimes::default(),
        })
    }
}

fn choose_room(
    name: Option<&str>,
    (public_url, domain): (Option<&str>, Option<&str>),
    seat_networks: Cidr,
) -> Result<Room, ConfigError> {
    let clash = |problem: &str| ConfigError::Setting {
        setting: "room",
        problem: problem.to_owned(),
    };
    match (name, public_url, domain) {
        (_, _, Some(_)) => Err(clash(
            "a room is found by address, a domain by name. Hint: leave out --room or --domain",
        )),
        (Some(_), Some(_), None) => Err(clash(
            "both name the address that people use. Hint: leave out --public-url, or the address of --room",
        )),
        (None, Some(_), None) => Ok(Room::at_public_url()),
        (_, None, None) => Ok(Room::choose(name, &Machine::read()?, seat_networks)?),
    }
}
