//! `clarateach token …`: the first one is made with the instructor's password.

use std::fs;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Subcommand;
use http::Method;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use serde_json::{Value, json};

use super::client::{Client, Credential, Remote, token_file};
use super::table::{Output, table, text};

#[derive(clap::Args)]
pub(super) struct TokenArgs {
    #[command(flatten)]
    output: Output,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make an API token, with the instructor's password or with --token
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
    /// Keep it for these commands instead of printing it: in ~/.config/clarateach/token, for you only
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
            output.print(&list, || tokens_table(&list["tokens"]));
            Ok(())
        }
        Command::Revoke { id } => {
            let right = id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            if !right || id.is_empty() {
                bail!("{id:?} is no token's id: `clarateach token list` shows them");
            }
            let client = remote.client()?;
            client.delete(&format!("/api/tokens/{id}")).await?;
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
            let client = remote.client_with(Some(Credential::Token(token)));
            create_as(&client, &args.name).await?
        }
        None => {
            let password = password(args.password_file.as_deref())?;
            let session = sign_in(remote, &password, args.instructor.as_deref()).await?;
            let created = create_as(&session, &args.name).await;
            // A session that stays ends by itself; the token must not be lost over it.
            let _ = session.delete("/api/session").await;
            created?
        }
    };
    match place {
        None => output.print(&created, || text(&created["token"])),
        Some(place) => {
            let path = place.keep(created["token"].as_str().unwrap_or_default())?;
            let saved = json!({"id": created["id"], "name": created["name"], "saved": path});
            output.print(&saved, || {
                format!("{} is saved in {}", text(&saved["id"]), path.display())
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
        .client_with(None)
        .call(Method::POST, "/api/session", &[], Some(body))
        .await?
        .cookie
        .context("the server opened no session. Hint: is that a ClaraTeach server?")?;
    Ok(remote.client_with(Some(Credential::Cookie(cookie))))
}

fn tokens_table(tokens: &Value) -> String {
    let rows: Vec<_> = tokens
        .as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .map(|token| ["id", "created_at", "last_used_at", "name"].map(|field| text(&token[field])))
        .collect();
    if rows.is_empty() {
        return "no API tokens".to_owned();
    }
    table(["ID", "CREATED", "LAST USED", "NAME"], &rows)
}

/// Where a token is to be kept: written aside, for this user only, and renamed.
struct Place {
    aside: tempfile::NamedTempFile,
    path: PathBuf,
}

impl Place {
    fn prepare() -> anyhow::Result<Self> {
        let path = token_file()?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        let cannot = || format!("cannot keep a token in {}", folder.display());
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(cannot)?;
        // Files of this kind are 0600.
        let aside = tempfile::NamedTempFile::new_in(folder).with_context(cannot)?;
        Ok(Self { aside, path })
    }

    fn keep(mut self, token: &str) -> anyhow::Result<PathBuf> {
        writeln!(self.aside, "{token}")
            .and_then(|()| self.aside.as_file().sync_all())
            .and_then(|()| self.aside.persist(&self.path).map_err(|error| error.error))
            .with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok(self.path)
    }
}

fn password(file: Option<&Path>) -> anyhow::Result<String> {
    let typed = match file {
        Some(path) => fs::read_to_string(path)
            .with_context(|| format!("cannot read the password in {}", path.display()))?,
        None if std::io::stdin().is_terminal() => ask_password()?,
        None => bail!(
            "the instructor's password is needed, and there is no terminal to ask on. Hint: give --password-file"
        ),
    };
    Ok(typed.trim_end_matches(['\r', '\n']).to_owned())
}

/// Asks on the terminal, which shows nothing of what is typed.
fn ask_password() -> anyhow::Result<String> {
    let stdin = std::io::stdin();
    let before = tcgetattr(&stdin).context("cannot read the terminal's settings")?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    eprint!("Instructor's password: ");
    tcsetattr(&stdin, OptionalActions::Flush, &silent).context("cannot silence the terminal")?;
    let mut line = String::new();
    let read = stdin.read_line(&mut line);
    tcsetattr(&stdin, OptionalActions::Flush, &before).context("cannot restore the terminal")?;
    eprintln!();
    read.context("cannot read the password")?;
    Ok(line)
}
