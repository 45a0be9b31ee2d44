//! The public HTTP API, as this program's commands call it: JSON in, JSON out, plain http.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use bytes::Bytes;
use clap::CommandFactory;
use clarateach_protocol::error::ErrorBody;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// For calls that wait for nothing but the database.
const SHORT: Duration = Duration::from_secs(60);
/// For calls that wait until seats are made or gone; an image may have to be pulled first.
const LONG: Duration = Duration::from_secs(60 * 60);
/// Bytes of an answer at the most.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// Which server, and who asks.
#[derive(clap::Args)]
pub(super) struct Remote {
    /// Server that commands over the API talk to
    #[arg(
        long,
        global = true,
        env = "CLARATEACH_SERVER",
        value_name = "URL",
        default_value = "http://localhost:8080",
        help_heading = "Commands over the API"
    )]
    server: String,
    /// API token [default: what `token create --save` saved]
    #[arg(
        long,
        global = true,
        env = "CLARATEACH_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true,
        help_heading = "Commands over the API"
    )]
    token: Option<String>,
}

/// `http://host[:port]`, and nothing behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerUrl(String);

impl FromStr for ServerUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let uri: Uri = text
            .parse()
            .map_err(|_| "expected a URL such as http://localhost:8080".to_owned())?;
        if uri.scheme_str() == Some("https") {
            return Err("this command speaks plain http: run it on the server's own machine, with http://localhost:8080".to_owned());
        }
        match uri.authority() {
            Some(authority)
                if uri.scheme_str() == Some("http")
                    && uri.path() == "/"
                    && uri.query().is_none()
                    && !authority.as_str().contains('@') =>
            {
                Ok(Self(format!("http://{authority}")))
            }
            _ => Err("expected a URL such as http://localhost:8080".to_owned()),
        }
    }
}

impl Remote {
    /// A client with the token that was given, or else the saved one.
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        let token = match self.given_token() {
            Some(token) => Some(token),
            None => saved_token()?,
        };
        Ok(self.client_with(token.map(Credential::Token)))
    }

    /// The token of the flag or the variable; an empty one is none.
    pub(super) fn given_token(&self) -> Option<String> {
        let token = self.token.as_deref().map(str::trim);
        token
            .filter(|token| !token.is_empty())
            .map(ToOwned::to_owned)
    }

    pub(super) fn client_with(&self, credential: Option<Credential>) -> Client {
        // Looked at here and not by the parser: `serve` doesn't care what the variable holds.
        let server = self.server.parse().unwrap_or_else(|problem: String| {
            let message = format!("--server {:?}: {problem}", self.server);
            super::Cli::command()
                .error(clap::error::ErrorKind::ValueValidation, message)
                .exit()
        });
        Client {
            server,
            credential,
            http: HyperClient::builder(TokioExecutor::new()).build_http(),
        }
    }
}

/// What says who asks.
#[derive(Clone)]
pub(super) enum Credential {
    /// `ct_…`
    Token(String),
    /// `name=value` of a session.
    Cookie(String),
}

/// A client of one server.
pub(super) struct Client {
    server: ServerUrl,
    credential: Option<Credential>,
    http: HyperClient<HttpConnector, Full<Bytes>>,
}

/// An answer that is no error.
pub(super) struct Answer {
    pub(super) body: Value,
    pub(super) cookie: Option<String>,
}

impl Client {
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
        let waits =
            path.starts_with("/api/workshops") && matches!(method, Method::POST | Method::DELETE);
        let deadline = if waits { LONG } else { SHORT };
        let request = self.request(method, path, headers, body)?;
        tokio::time::timeout(deadline, self.send(request))
            .await
            .map_err(|_| {
                anyhow!(
                    "{} gave no answer in {} s",
                    self.server.0,
                    deadline.as_secs()
                )
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
            .uri(format!("{}{path}", self.server.0));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request = match &self.credential {
            Some(Credential::Token(token)) => {
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
        let server = &self.server.0;
        let response = self.http.request(request).await.map_err(|error| {
            let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), deepest);
            anyhow!("cannot reach {server}: {cause}. Hint: start it with `clarateach serve`, or name another one with --server or CLARATEACH_SERVER")
        })?;
        let (parts, body) = response.into_parts();
        let bytes = Limited::new(body, MAX_ANSWER)
            .collect()
            .await
            .map_err(|error| anyhow!("the answer of {server} was cut off: {error}"))?
            .to_bytes();
        if !parts.status.is_success() {
            bail!(self.refusal(parts.status, &bytes));
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
            serde_json::from_slice(&bytes).with_context(|| {
                format!("{server} answered what is no JSON. Hint: is that a ClaraTeach server?")
            })?
        };
        Ok(Answer { body, cookie })
    }

    /// The server's own words, and what to do where it is about who asks.
    fn refusal(&self, status: StatusCode, body: &[u8]) -> String {
        let Ok(ErrorBody { error }) = serde_json::from_slice(body) else {
            return format!(
                "{} answered {status}. Hint: is that a ClaraTeach server?",
                self.server.0
            );
        };
        let hint = match error.code.as_str() {
            "unauthenticated" => {
                ". Hint: `clarateach token create --save` makes a token and keeps it for these commands"
            }
            "bad_token" => {
                ". Hint: `clarateach token create --save --password-file FILE` makes another; \
                 --token and CLARATEACH_TOKEN come before a saved one"
            }
            "setup_required" => ". Hint: `clarateach setup-link` shows that link again",
            "wrong_host" => {
                ". Hint: use http://localhost:8080 on the server's machine, or its public URL"
            }
            _ => "",
        };
        let request = error
            .request_id
            .map(|id| format!(", request {id}"))
            .unwrap_or_default();
        let message = super::table::plain(&error.message);
        format!("{message} ({}{request}){hint}", error.code)
    }
}

fn deepest(mut error: &(dyn std::error::Error + 'static)) -> String {
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// Where `token create --save` keeps the token.
pub(super) fn token_file() -> anyhow::Result<PathBuf> {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let folder = absolute("XDG_CONFIG_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".config")))
        .context("there is no HOME to look for the saved token in. Hint: give --token or CLARATEACH_TOKEN")?;
    Ok(folder.join("clarateach/token"))
}

fn saved_token() -> anyhow::Result<Option<String>> {
    let Ok(path) = token_file() else {
        return Ok(None);
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            Err(error).with_context(|| format!("cannot read the token in {}", path.display()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_plain_http_and_nothing_behind() {
        let parsed = |text: &str| text.parse::<ServerUrl>().map(|url| url.0);
        assert_eq!(
            parsed("http://localhost:8080/").unwrap(),
            "http://localhost:8080"
        );
        assert!(
            parsed("https://class.example.org")
                .unwrap_err()
                .contains("plain http")
        );
        for wrong in [
            "localhost:8080",
            "http://a/b",
            "http://u:p@a",
            "ftp://a",
            "",
        ] {
            assert!(parsed(wrong).is_err(), "{wrong:?} was taken");
        }
    }
}
