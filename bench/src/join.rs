//! `./x bench join`: a whole class joins in one burst, each learner on a connection of their own, all sent at one moment
//! whatever the answers take (open loop), with `synchronous=FULL`. Seats are simulated: a join never waits for one.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::arguments::{Common, Rounds};
use crate::machine::Machine;
use crate::report::{self, Report, Table};
use crate::served::{Api, Programs, Served, milliseconds};
use crate::statistics::{median, percentile, rounded};

/// Nothing hangs longer than this; it ends the whole process.
const LIMIT: Duration = Duration::from_secs(300);
const LEARNERS: usize = 200;
const QUICK_LEARNERS: usize = 20;
/// Between making the clients and the burst: all are there by then.
const LEAD: Duration = Duration::from_millis(200);
/// Joins one after the other, for a baseline.
const ONE_BY_ONE: usize = 50;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    programs: Programs,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    rounds: Rounds,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    report::end_after(LIMIT);
    let mut report = Report::new("join");
    let machine = Machine::look();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(measure(arguments, &mut report))?;
    report.set("machine", machine.finish());
    report.set(
        "versions",
        json!({"clarateach": arguments.programs.version()}),
    );
    report.finish(arguments.common.results())
}

async fn measure(arguments: &Arguments, report: &mut Report) -> Result<()> {
    let learners = if arguments.common.quick {
        QUICK_LEARNERS
    } else {
        LEARNERS
    };
    let rounds = arguments.rounds.count(&arguments.common);
    let simulated = ["--provider", "simulated", "--insecure-dev"];
    let mut served = Served::start(&arguments.programs, &simulated).await?;
    let (mut p50, mut p99, mut whole, mut single, mut cpu) =
        (vec![], vec![], vec![], vec![], vec![]);
    for round in 1..=rounds {
        eprintln!("  {learners} joins in one burst: round {round} of {rounds}");
        single.push(one_by_one(&served.api, learners.min(ONE_BY_ONE)).await?);
        let workshop = served
            .api
            .create(json!({"name": "Burst", "seats": learners}))
            .await?;
        let before = served.cpu()?;
        let burst = burst(&served.api, &workshop, learners).await?;
        cpu.push(milliseconds(served.cpu()?.saturating_sub(before)));
        let late = join(&served.api, &workshop, "Late").await?;
        ensure!(
            late.0 == 409 && late.1["error"]["code"] == "no_seats",
            "one too many was told {} {}",
            late.0,
            late.1
        );
        // What was acknowledged outlives a kill.
        served.kill()?;
        served.start_again().await?;
        is_kept(&served.api, &workshop, &burst.seats).await?;
        served.api.delete(&workshop).await?;
        p50.push(median(&burst.took));
        p99.push(percentile(&burst.took, 0.99));
        whole.push(percentile(&burst.took, 1.0));
    }
    let title = format!("{learners} joins sent at one moment, ms (medians of {rounds} bursts)");
    let mut table = Table::new(
        &title,
        &[
            "p50",
            "p99",
            "last",
            "one alone, p50",
            "last / one alone",
            "CPU time of the server",
        ],
    );
    let ratio = median(&whole) / median(&single);
    table.row(&[
        format!("{:.1}", median(&p50)),
        format!("{:.1}", median(&p99)),
        format!("{:.1}", median(&whole)),
        format!("{:.1}", median(&single)),
        format!("{ratio:.1}"),
        format!("{:.1}", median(&cpu)),
    ]);
    report.add(table);
    report.note("every join was answered 200 with a seat of its own, one too many 409, and all were there after kill -9");
    let all = |values: &[f64]| values.iter().map(|it| rounded(*it, 2)).collect::<Vec<_>>();
    report.set(
        "burst",
        json!({"learners": learners, "p50_ms": all(&p50), "p99_ms": all(&p99), "last_ms": all(&whole), "one_alone_ms": all(&single), "server_cpu_ms": all(&cpu)}),
    );
    Ok(())
}

struct Burst {
    /// Milliseconds from the moment at which all were sent.
    took: Vec<f64>,
    /// Whose each seat is.
    seats: BTreeMap<u64, String>,
}

async fn burst(api: &Api, workshop: &Value, learners: usize) -> Result<Burst> {
    let at = tokio::time::Instant::now() + LEAD;
    let mut clients = JoinSet::new();
    for number in 0..learners {
        let (api, workshop) = (api.clone(), workshop.clone());
        clients.spawn(async move {
            tokio::time::sleep_until(at).await;
            let name = format!("Learner {number}");
            let (status, answer) = join(&api, &workshop, &name).await?;
            let took = at.elapsed();
            ensure!(status == 200, "{name} was told {status} {answer}");
            let seat = answer["seat"].as_u64().context("a seat")?;
            Ok((took, seat, name))
        });
    }
    let (mut took, mut seats) = (Vec::new(), BTreeMap::new());
    while let Some(joined) = clients.join_next().await {
        let (time, seat, name) = joined??;
        took.push(milliseconds(time));
        let before = seats.insert(seat, name);
        ensure!(before.is_none(), "seat {seat} was given twice");
    }
    Ok(Burst { took, seats })
}

async fn join(api: &Api, workshop: &Value, name: &str) -> Result<(u16, Value)> {
    let body = json!({"code": workshop["code"], "name": name, "request_id": name});
    let answer = api.post("/api/join", body).await?;
    Ok((answer.status, answer.body))
}

/// Joins that wait for each other: their median.
async fn one_by_one(api: &Api, learners: usize) -> Result<f64> {
    let workshop = api
        .create(json!({"name": "One by one", "seats": learners}))
        .await?;
    let mut took = Vec::new();
    for number in 0..learners {
        let began = Instant::now();
        let (status, answer) = join(api, &workshop, &format!("Learner {number}")).await?;
        took.push(milliseconds(began.elapsed()));
        ensure!(status == 200, "{status} {answer}");
    }
    api.delete(&workshop).await?;
    Ok(median(&took))
}

async fn is_kept(api: &Api, workshop: &Value, seats: &BTreeMap<u64, String>) -> Result<()> {
    let id = workshop["id"].as_str().context("an id")?;
    let shown = api
        .get(&format!("/api/workshops/{id}"))
        .await?
        .expect(200)?;
    for seat in shown["seats"].as_array().context("seats")? {
        let number = seat["number"].as_u64().context("a number")?;
        let name = seat["learner"]["name"].as_str();
        ensure!(
            name == seats.get(&number).map(String::as_str),
            "seat {number} is {name:?}'s"
        );
    }
    Ok(())
}
