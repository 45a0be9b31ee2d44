//! More workshops at once than the engine's own address pools have networks for (31).

use std::time::Instant;

use anyhow::Result;
use serde_json::json;
use tokio::task::JoinSet;

use super::{Bench, progress};
use crate::report::Report;
use crate::served::{self, Served, milliseconds};

const WORKSHOPS: usize = 60;
const QUICK_WORKSHOPS: usize = 2;

pub(super) async fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let count = if bench.quick {
        QUICK_WORKSHOPS
    } else {
        WORKSHOPS
    };
    progress(&format!("{count} workshops at once"));
    let served = Served::start(bench.programs, &[]).await?;
    let began = Instant::now();
    let mut making = JoinSet::new();
    for number in 0..count {
        let api = served.api.clone();
        making.spawn(async move {
            let body = json!({"name": format!("Workshop {number}"), "seats": 1});
            let workshop = api.create(body).await?;
            served::all_echo(&api, &workshop, 1).await
        });
    }
    while let Some(made) = making.join_next().await {
        made??;
    }
    let took = milliseconds(began.elapsed());
    report.note(&format!(
        "{count} workshops of one seat asked for at once: all have echoed after {took:.0} ms"
    ));
    report.set(
        "many",
        json!({"workshops": count, "echoed_ms": took.round()}),
    );
    Ok(())
}
