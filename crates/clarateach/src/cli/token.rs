//! `clarateach token …`: the first one is made with the instructor's password.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::ask;
use super::client::{Client, Credential, Remote};
use super::failure::Failure;
use super::table::{Kind, Output, Paper, plain_text, table, text};
use super::token_store::{self, Place, Saved};

#[derive(clap::Args)]
pub(super) struct TokenArgs {
    #[command(flatten)]
    output: Output,
    #[command(subcommand)]
    command: Command,
}

impl TokenArgs {
    pub(super) fn is_json(&self) -> bool {
        self.output.json
    }
}

const CREATE_EXAMPLES: &str = "\
Examples:
  clarateach token create --save
  clarateach --server https://class.example.org token create --save
  clarateach token create --name ci --password-file password.txt > token.txt

A saved token is sent to the server that made it, and to no other.";

#[derive(Subcommand)]
enum Command {
    /// Make an API token, with the instructor's password or with --token
    #[command(after_help = CREATE_EXAMPLES)]
    Create(CreateArgs),
    /// List your API tokens; their text can't be read again
    List,
    /// Revoke an API token: it opens nothing any more
    Revoke {
        /// Its id, tk-…
        id: String,
    },
}

#[derive(clap::Args)]
struct CreateArgs {
    /// What it is for
    #[arg(long, default_value = "command line")]
    name: String,
    /// Keep it for these commands and this server instead of printing it: below
    /// ~/.config/clarateach/tokens, for you only
    #[arg(long)]
    save: bool,
    /// File with the instructor's password; without it, a terminal is asked
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Whose password, where there are several instructors
    #[arg(long, value_name = "NAME")]
    instructor: Option<String>,
}

pub(super) async fn run(args: TokenArgs, remote: &Remote) -> anyhow::Result<()> {
    let output = args.output;
    match args.command {
        Command::Create(create) => create_token(&output, create, remote).await,
        Command::List => {
            let list = remote.client()?.get("/api/tokens").await?;
            output.print(&list, || tokens_table(Paper::of_stdout(), &list["tokens"]));
            Ok(())
        }
        Command::Revoke { id } => {
            let right = id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            if !right || id.is_empty() {
                let problem =
                    format!("{id:?} is no token's id: `clarateach token list` shows them");
                return Err(Failure::usage(problem).into());
            }
            let client = remote.client()?;
            client.delete(&format!("/api/tokens/{id}")).await?;
            token_store::forget(client.origin(), &id)?;
            output.print(&json!({"revoked": id}), || format!("{id} is revoked"));
            Ok(())
        }
    }
}

async fn create_token(output: &Output, args: CreateArgs, remote: &Remote) -> anyhow::Result<()> {
    // Made ready first: a token that can't be kept is not made.
    let place = args.save.then(Place::prepare).transpose()?;
    let given = remote
        .given_token()
        .filter(|_| args.password_file.is_none());
    let created = match given {
        Some(token) => {
            let client = remote.client_with(Some(Credential::Token(token)))?;
            create_as(&client, &args.name).await?
        }
        None => {
            let password = password(args.password_file.as_deref(), remote).await?;
            let session = sign_in(remote, &password, args.instructor.as_deref()).await?;
            let created = create_as(&session, &args.name).await;
            // A session that stays ends by itself; the token must not be lost over it.
            let _ = session.delete("/api/session").await;
            created?
        }
    };
    match place {
        None => output.print(&created, || plain_text(&created["token"])),
        Some(place) => {
            let path = place.keep(&Saved {
                server: remote.server()?.as_str().to_owned(),
                id: text(&created["id"]),
                token: text(&created["token"]),
            })?;
            let saved = json!({"id": created["id"], "name": created["name"], "saved": path});
            output.print(&saved, || {
                format!(
                    "{} is saved in {}",
                    plain_text(&saved["id"]),
                    path.display()
                )
            });
        }
    }
    Ok(())
}

async fn create_as(client: &Client, name: &str) -> anyhow::Result<Value> {
    client
        .post("/api/tokens", Some(json!({"name": name})))
        .await
}

async fn sign_in(
    remote: &Remote,
    password: &str,
    instructor: Option<&str>,
) -> anyhow::Result<Client> {
    let mut body = json!({"password": password});
    if let Some(name) = instructor {
        body["name"] = name.into();
    }
    let cookie = remote
        .client_with(None)?
        .call(Method::POST, "/api/session", &[], Some(body))
        .await?
        .cookie
        .context("the server opened no session. Hint: is that a ClaraTeach server?")?;
    remote.client_with(Some(Credential::Cookie(cookie)))
}

fn tokens_table(paper: Paper, tokens: &Value) -> String {
    let rows: Vec<_> = tokens
        .as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .map(|token| ["id", "created_at", "last_used_at", "name"].map(|field| text(&token[field])))
        .collect();
    if rows.is_empty() {
        return "no API tokens".to_owned();
    }
    let heads = [
        ("ID", Kind::Fixed),
        ("CREATED", Kind::Fixed),
        ("LAST USED", Kind::Fixed),
        ("NAME", Kind::Text),
    ];
    table(paper, heads, &rows)
}

async fn password(file: Option<&Path>, remote: &Remote) -> anyhow::Result<String> {
    match file {
        Some(path) => {
            let text = fs::read_to_string(path)
                .with_context(|| format!("cannot read the password in {}", path.display()))?;
            Ok(text.trim_end_matches(['\r', '\n']).to_owned())
        }
        None if ask::is_possible() => {
            let server = remote.server()?;
            ask::password(&format!("Instructor's password for {}: ", server.as_str())).await
        }
        None => bail!(
            "the instructor's password is needed, and there is no terminal to ask on. Hint: give --password-file"
        ),
    }
}
