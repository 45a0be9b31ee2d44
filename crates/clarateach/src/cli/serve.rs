//! `clarateach serve`.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Context;
use clap::CommandFactory;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::{Cli, ConfigArgs, print_out};
use crate::app::App;
use crate::config::{Config, LogFormat, Settings, unknown_variables};
use crate::qr::Paper;
use crate::reach::Reach;

#[derive(clap::Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Read and show the configuration, then stop
    #[arg(long)]
    check_config: bool,
}

pub(super) fn run(args: ServeArgs) -> anyhow::Result<()> {
    let settings = args.config.settings()?;
    if args.check_config {
        print_out(&settings.resolve()?.to_string());
        return Ok(());
    }
    start_log(&settings)?;
    for name in unknown_variables(&known_variables()) {
        tracing::warn!(
            name,
            "this variable is set, and this version does not know it"
        );
    }
    let config = settings.resolve()?;
    super::runtime()?.block_on(serve(config))
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let app = App::start(config).await?;
    print_out(&format!(
        "ClaraTeach {} is at {}/",
        env!("CARGO_PKG_VERSION"),
        app.public_url
    ));
    if let Some(room) = &app.room {
        let paper = if std::io::stdout().is_terminal() {
            Paper::Terminal
        } else {
            Paper::Plain
        };
        print_out(&super::room::invitation(
            room,
            &app.public_url,
            app.listen.port(),
            paper,
        ));
    }
    if let Some(link) = &app.setup_link {
        print_out(&format!(
            "\nSet the instructor's password with this link; it works once:\n\n    {link}\n"
        ));
    }
    tracing::info!(listen = %app.listen, "listening");
    let (reach, in_room) = (app.reach(), app.room.is_some());
    app.run_until(async move {
        let stop = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        let telling = async {
            tell_reach(reach, in_room).await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = stop => {}
            () = telling => {}
            () = tell_tasks() => {}
        }
        tracing::info!("stopping; seats stay as they are");
    })
    .await
}

/// Tells once that another device got through.
async fn tell_reach(reach: Reach, in_room: bool) {
    let mut changes = reach.subscribe();
    loop {
        let view = *changes.borrow_and_update();
        if view.is_complete() {
            tracing::info!("another device got a page and a live connection");
            if in_room {
                print_out(
                    "Another device reached this server, with a live connection: the class can come.",
                );
            }
            return;
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// Tells every second how many tasks there are, where the log has `runtime=debug`: for soaks, and for
/// whoever suspects a leak.
async fn tell_tasks() {
    if !tracing::enabled!(target: "runtime", tracing::Level::DEBUG) {
        return std::future::pending().await;
    }
    let mut looks = tokio::time::interval(Duration::from_secs(1));
    loop {
        looks.tick().await;
        let metrics = tokio::runtime::Handle::current().metrics();
        let (tasks, workers) = (metrics.num_alive_tasks(), metrics.num_workers());
        tracing::debug!(target: "runtime", tasks, workers, "running");
    }
}

pub(super) fn start_log(settings: &Settings) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(settings.log.as_deref().unwrap_or("info"))
        .context("--log is not a filter")?
        // Its lines carry paths of the machine that built this.
        .add_directive("rusqlite_migration=warn".parse()?);
    let format = settings
        .log_format
        .unwrap_or(if std::io::stderr().is_terminal() {
            LogFormat::Text
        } else {
            LogFormat::Json
        });
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).with_span_list(false).init(),
    }
    Ok(())
}

/// Every variable that some command's arguments read.
fn known_variables() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut commands = vec![Cli::command()];
    while let Some(command) = commands.pop() {
        let read = command.get_arguments().filter_map(clap::Arg::get_env);
        names.extend(read.filter_map(|name| name.to_str().map(ToOwned::to_owned)));
        commands.extend(command.get_subcommands().cloned());
    }
    names
}
