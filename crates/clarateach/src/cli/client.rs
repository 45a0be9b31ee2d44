//! The public HTTP API, as this program's commands call it: JSON in, JSON out, over http or https.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::anyhow;
use bytes::Bytes;
use clarateach_protocol::error::{ErrorBody, ErrorDetail};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::failure::{Exit, Failure};
use super::origin::ServerUrl;
use super::{tls, token_store};

/// For calls that wait for nothing but the database.
const SHORT: Duration = Duration::from_secs(60);
/// For calls that wait until seats are made or gone; an image may have to be pulled first.
const LONG: Duration = Duration::from_secs(60 * 60);
/// Until a server took the connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Bytes of an answer at the most.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// Which server, and who asks.
#[derive(clap::Args)]
pub(super) struct Remote {
    /// Server that commands over the API talk to: http://localhost:8080, https://class.example.org
    #[arg(
        long,
        global = true,
        env = "CLARATEACH_SERVER",
        value_name = "URL",
        default_value = "http://localhost:8080",
        help_heading = "Commands over the API"
    )]
    server: String,
    /// API token [default: what `token create --save` saved for this server]
    #[arg(
        long,
        global = true,
        env = "CLARATEACH_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true,
        help_heading = "Commands over the API"
    )]
    token: Option<String>,
    /// More certificate authorities to trust (PEM), beside this machine's: for a server with a certificate of
    /// your own
    #[arg(
        long,
        global = true,
        env = "CLARATEACH_CA_FILE",
        value_name = "FILE",
        help_heading = "Commands over the API"
    )]
    ca_file: Option<PathBuf>,
}

impl Remote {
    /// A client with the token that was given, or else with the one saved for this server.
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        let server = self.server()?;
        let credential = match self.given_token() {
            Some(token) => Some(Credential::Token(token)),
            None => token_store::read(server.as_str())?.map(|saved| Credential::Saved(saved.token)),
        };
        self.client_with(credential)
    }

    /// The token of the flag or the variable; an empty one is none.
    pub(super) fn given_token(&self) -> Option<String> {
        let token = self.token.as_deref().map(str::trim);
        token
            .filter(|token| !token.is_empty())
            .map(ToOwned::to_owned)
    }

    /// Looked at here and not by the parser: `serve` doesn't care what the variable holds.
    pub(super) fn server(&self) -> anyhow::Result<ServerUrl> {
        self.server.parse().map_err(|problem| {
            Failure::usage(format!("--server {:?}: {problem}", self.server)).into()
        })
    }

    pub(super) fn client_with(&self, credential: Option<Credential>) -> anyhow::Result<Client> {
        let server = self.server()?;
        let tls = match server.as_str().starts_with("https:") {
            true => tls::trusting(self.ca_file.as_deref())?,
            false => tls::trusting_nobody(),
        };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT));
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        Ok(Client {
            server,
            credential,
            http: HyperClient::builder(TokioExecutor::new()).build(connector),
        })
    }
}

/// What says who asks.
#[derive(Clone)]
pub(super) enum Credential {
    /// `ct_…`, as it was given.
    Token(String),
    /// `ct_…`, saved for this server.
    Saved(String),
    /// `name=value` of a session.
    Cookie(String),
}

/// A client of one server.
pub(super) struct Client {
    server: ServerUrl,
    credential: Option<Credential>,
    http: HyperClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// An answer that is no error.
pub(super) struct Answer {
    pub(super) body: Value,
    pub(super) cookie: Option<String>,
}

impl Client {
    /// The server's origin.
    pub(super) fn origin(&self) -> &str {
        self.server.as_str()
    }

    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        Ok(self.call(Method::GET, path, &[], None).await?.body)
    }

    pub(super) async fn delete(&self, path: &str) -> anyhow::Result<()> {
        self.call(Method::DELETE, path, &[], None).await.map(drop)
    }

    pub(super) async fn post(&self, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        Ok(self.call(Method::POST, path, &[], body).await?.body)
    }

    /// One call. An answer that is an error becomes one, with the server's message.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> anyhow::Result<Answer> {
        let waits = (path.starts_with("/api/workshops") || path.starts_with("/api/images"))
            && matches!(method, Method::POST | Method::DELETE);
        let deadline = if waits { LONG } else { SHORT };
        let request = self.request(method, path, headers, body)?;
        tokio::time::timeout(deadline, self.send(request))
            .await
            .map_err(|_| {
                let problem = format!(
                    "{} gave no answer in {} s",
                    self.server.as_str(),
                    deadline.as_secs()
                );
                Failure::new(Exit::Unreachable, "unreachable", problem)
            })?
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> anyhow::Result<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server.as_str()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request = match &self.credential {
            Some(Credential::Token(token) | Credential::Saved(token)) => {
                request.header(header::AUTHORIZATION, format!("Bearer {token}"))
            }
            Some(Credential::Cookie(cookie)) => request.header(header::COOKIE, cookie),
            None => request,
        };
        let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        // Never with the value: it may be a token.
        request
            .body(Full::new(body))
            .map_err(|_| anyhow!("a token, key or name holds a character that no HTTP header can"))
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
        let response = self
            .http
            .request(request)
            .await
            .map_err(|error| self.unreachable(&error))?;
        let (parts, body) = response.into_parts();
        let bytes = Limited::new(body, MAX_ANSWER)
            .collect()
            .await
            .map_err(|error| self.not_answered(&format!("cut its answer off: {error}")))?
            .to_bytes();
        if !parts.status.is_success() {
            return Err(self.refusal(parts.status, &parts.headers, &bytes).into());
        }
        let cookie = parts
            .headers
            .get(header::SET_COOKIE)
            .and_then(|cookie| cookie.to_str().ok())
            .and_then(|cookie| cookie.split(';').next())
            .map(ToOwned::to_owned);
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).map_err(|_| {
                self.not_answered("answered what is no JSON. Hint: is that a ClaraTeach server?")
            })?
        };
        Ok(Answer { body, cookie })
    }

    fn not_answered(&self, problem: &str) -> Failure {
        let server = &self.server.as_str();
        Failure::new(
            Exit::Unreachable,
            "unreachable",
            format!("{server} {problem}"),
        )
    }

    fn unreachable(&self, error: &hyper_util::client::legacy::Error) -> Failure {
        let cause = std::error::Error::source(error).map_or_else(|| error.to_string(), deepest);
        let hint = if cause.contains("certificate") {
            "a CA of your own is trusted with --ca-file FILE (CLARATEACH_CA_FILE), or once it is in this machine's store"
        } else if self.server.is_loopback() {
            "start it with `clarateach serve`, or name another one with --server or CLARATEACH_SERVER"
        } else {
            "check the address and the network; --server or CLARATEACH_SERVER names another one"
        };
        let message = format!(
            "cannot reach {}: {cause}. Hint: {hint}",
            self.server.as_str()
        );
        Failure::new(Exit::Unreachable, "unreachable", message)
    }

    /// The server's own words, and what to do where it is about who asks.
    fn refusal(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failure {
        let Ok(ErrorBody { error }) = serde_json::from_slice(body) else {
            let elsewhere = headers
                .get(header::LOCATION)
                .and_then(|to| to.to_str().ok());
            let hint = match elsewhere.filter(|_| status.is_redirection()) {
                Some(to) => {
                    format!("that server is elsewhere now, see {to}: name it with --server")
                }
                None => "is that a ClaraTeach server?".to_owned(),
            };
            return self.not_answered(&format!("answered {status}. Hint: {hint}"));
        };
        let hint = self.hint(&error);
        Failure::of_server(error, &hint)
    }

    fn hint(&self, error: &ErrorDetail) -> String {
        let server = &self.server.as_str();
        let hint = match error.code.as_str() {
            "unauthenticated" => {
                let others = token_store::origins();
                let elsewhere = if others.is_empty() {
                    String::new()
                } else {
                    format!(" (tokens are saved for {}: --server)", others.join(", "))
                };
                return format!(
                    "`clarateach token create --save` makes a token for {server} and keeps it for these commands{elsewhere}"
                );
            }
            "bad_token" => match &self.credential {
                Some(Credential::Saved(_)) => {
                    return format!(
                        "the token that was saved for {server} is stale: `clarateach token create --save` replaces it"
                    );
                }
                _ => {
                    "the token of --token or CLARATEACH_TOKEN was sent, which comes before a saved one; \
                     `clarateach token create --save --password-file FILE` makes another"
                }
            },
            "setup_required" => {
                "`clarateach setup-link`, on the server's machine, shows that link again"
            }
            "overcommit" => "`--allow-overcommit` makes them all the same",
            "wrong_host" => "use http://localhost:8080 on the server's machine, or its public URL",
            _ => "",
        };
        hint.to_owned()
    }
}

fn deepest(mut error: &(dyn std::error::Error + 'static)) -> String {
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
