//! The server's memory with 1,000 seats and idle WebSockets. The seats are simulated ones, inside the server, so that the
//! figures are more than a server of real seats has: the seats' ends of all connections are in them.

use anyhow::{Context, Result};
use serde_json::json;

use super::all_join;
use crate::report::{Report, Table};
use crate::served::{Programs, Served};
use crate::statistics::rounded;

const WORKSHOPS: usize = 5;
const SEATS: usize = 200;
const QUICK_SEATS: usize = 5;
/// Idle WebSockets a seat.
const SOCKETS: [usize; 3] = [0, 1, 4];
const MIB: f64 = 1024.0 * 1024.0;

pub(super) async fn measure(programs: &Programs, quick: bool, report: &mut Report) -> Result<()> {
    let seats = if quick { QUICK_SEATS } else { SEATS };
    eprintln!("  memory with {} simulated seats", WORKSHOPS * seats);
    let simulated = ["--provider", "simulated", "--insecure-dev"];
    let served = Served::start(programs, &simulated).await?;
    let resident = || {
        let process = served.process.as_ref().context("it runs")?;
        anyhow::Ok(process.memory()?.rss)
    };
    let before = resident()?;
    let mut learners = Vec::new();
    for number in 0..WORKSHOPS {
        let body = json!({"name": format!("Workshop {number}"), "seats": seats});
        let workshop = served.api.create(body).await?;
        learners.extend(all_join(&served.api, &workshop, seats).await?);
    }
    let mut table = Table::new(
        "the server's memory, simulated seats inside it included",
        &["seats", "idle WebSockets", "MiB", "KiB a WebSocket"],
    );
    table.row(&["0".into(), "0".into(), mebibytes(before), String::new()]);
    let (mut sockets, mut values, mut none) = (Vec::new(), Vec::new(), 0);
    for wanted in SOCKETS {
        while sockets.len() < wanted * learners.len() {
            let endpoint = &learners[sockets.len() % learners.len()].endpoint;
            let (socket, _) = endpoint.open("/files-events", None).await?;
            sockets.push(socket);
        }
        let now = resident()?;
        if wanted == 0 {
            none = now;
        }
        #[expect(clippy::cast_precision_loss, reason = "a figure to read")]
        let each = now.saturating_sub(none) as f64 / 1024.0 / sockets.len().max(1) as f64;
        table.row(&[
            learners.len().to_string(),
            sockets.len().to_string(),
            mebibytes(now),
            if wanted == 0 {
                String::new()
            } else {
                format!("{each:.1}")
            },
        ]);
        values.push(json!({"seats": learners.len(), "sockets": sockets.len(), "resident_bytes": now, "kib_a_socket": rounded(each, 1)}));
    }
    report.add(table);
    report.set("memory", json!({"empty_bytes": before, "with": values}));
    Ok(())
}

fn mebibytes(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a figure to read")]
    let mebibytes = bytes as f64 / MIB;
    format!("{mebibytes:.1}")
}
