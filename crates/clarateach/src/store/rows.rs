//! How domain values stand in columns: one reader and one writer for each.

use std::collections::BTreeSet;
use std::time::Duration;

use clarateach_protocol::code::JoinCode;
use clarateach_protocol::id::{Generation, SeatKey, SeatNumber, WorkshopId};
use rusqlite::Row;
use rusqlite::types::Type;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::model::{
    Assignment, BrowserPolicy, EgressPolicy, ObservedSeat, Reason, Resources, Seat, SeatCondition,
    Secrets, Workshop, WorkshopKind, WorkshopSpec, WorkshopStatus,
};

/// Milliseconds since 1970 UTC.
pub(super) fn millis(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

pub(super) fn time(millis: i64) -> rusqlite::Result<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000)
        .map_err(|error| broken("time", error))
}

/// A column holds what this version never wrote.
fn broken(
    what: &'static str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    tracing::error!(what, %error, "a stored value cannot be read");
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error))
}

pub(super) fn parse<T: std::str::FromStr>(
    row: &Row<'_>,
    column: &'static str,
) -> rusqlite::Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    row.get::<_, String>(column)?
        .parse()
        .map_err(|error| broken(column, error))
}

/// The words of a closed set, in one table for both directions.
macro_rules! words {
    ($name:ident, $read:ident, $type:ty { $($variant:ident = $word:literal),+ $(,)? }) => {
        pub(super) fn $name(value: $type) -> &'static str {
            match value { $(<$type>::$variant => $word),+ }
        }
        pub(super) fn $read(word: &str) -> rusqlite::Result<$type> {
            match word {
                $($word => Ok(<$type>::$variant),)+
                other => Err(rusqlite::Error::FromSqlConversionFailure(0, Type::Text, format!("unknown word {other:?}").into())),
            }
        }
    };
}

words!(workshop_status, read_workshop_status, WorkshopStatus {
    Scheduled = "scheduled", Provisioning = "provisioning", Ready = "ready", Ending = "ending", Ended = "ended", Failed = "failed",
});
words!(condition, read_condition, SeatCondition {
    Provisioning = "provisioning", Ready = "ready", Recovering = "recovering", Failed = "failed", Terminating = "terminating",
});
words!(browser, read_browser, BrowserPolicy { OnDemand = "on_demand", Always = "always", Off = "off" });

/// The stored form of an egress policy.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum EgressColumn {
    Open,
    None,
    Allow(Vec<String>),
}

pub(super) fn egress(policy: &EgressPolicy) -> String {
    let column = match policy {
        EgressPolicy::Open => EgressColumn::Open,
        EgressPolicy::None => EgressColumn::None,
        EgressPolicy::Allow(networks) => {
            EgressColumn::Allow(networks.iter().map(ToString::to_string).collect())
        }
    };
    serde_json::to_string(&column).expect("strings serialise")
}

fn read_egress(text: &str) -> rusqlite::Result<EgressPolicy> {
    Ok(
        match serde_json::from_str(text).map_err(|error| broken("egress", error))? {
            EgressColumn::Open => EgressPolicy::Open,
            EgressColumn::None => EgressPolicy::None,
            EgressColumn::Allow(networks) => EgressPolicy::Allow(
                networks
                    .iter()
                    .map(|network| network.parse().map_err(|error| broken("egress", error)))
                    .collect::<rusqlite::Result<_>>()?,
            ),
        },
    )
}

pub(super) fn secrets(env: &Secrets) -> String {
    serde_json::to_string(&env.0).expect("strings serialise")
}

fn reason(row: &Row<'_>) -> rusqlite::Result<Option<Reason>> {
    let code: Option<String> = row.get("reason_code")?;
    let message: Option<String> = row.get("reason_message")?;
    Ok(code.map(|code| Reason {
        code,
        message: message.unwrap_or_default(),
    }))
}

pub(super) fn resources(row: &Row<'_>) -> rusqlite::Result<Resources> {
    Ok(Resources {
        memory_mib: row.get("memory_mib")?,
        cpu_millis: row.get("cpu_millis")?,
        pids: row.get("pids")?,
        disk_mib: row.get("disk_mib")?,
    })
}

pub(super) fn workshop(row: &Row<'_>) -> rusqlite::Result<Workshop> {
    let optional_time = |column| row.get::<_, Option<i64>>(column)?.map(time).transpose();
    Ok(Workshop {
        spec: WorkshopSpec {
            id: parse(row, "id")?,
            image: row.get("image")?,
            resources: resources(row)?,
            egress: read_egress(&row.get::<_, String>("egress")?)?,
            browser: read_browser(&row.get::<_, String>("browser")?)?,
        },
        name: row.get("name")?,
        kind: if row.get("standby")? {
            WorkshopKind::Standby
        } else {
            WorkshopKind::Class
        },
        code: parse::<JoinCode>(row, "code")?,
        owner: row.get("owner")?,
        status: read_workshop_status(&row.get::<_, String>("status")?)?,
        reason: reason(row)?,
        env: Secrets(
            serde_json::from_str(&row.get::<_, String>("env")?)
                .map_err(|error| broken("env", error))?,
        ),
        created_at: time(row.get("created_at")?)?,
        starts_at: optional_time("starts_at")?,
        ends_at: optional_time("ends_at")?,
        idle_after: length(row, "idle_after")?,
        kept_until: optional_time("kept_until")?,
    })
}

/// A length of time, stored as milliseconds.
pub(super) fn length(row: &Row<'_>, column: &'static str) -> rusqlite::Result<Option<Duration>> {
    let millis = row.get::<_, Option<i64>>(column)?;
    Ok(millis.map(|millis| Duration::from_millis(u64::try_from(millis).unwrap_or(0))))
}

/// A length of time as it is stored.
pub(super) fn length_millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn number(row: &Row<'_>, column: &'static str) -> rusqlite::Result<SeatNumber> {
    SeatNumber::new(row.get(column)?).map_err(|error| broken(column, error))
}

/// A row of `seats LEFT JOIN assignments` with the columns of [`SEAT_COLUMNS`].
pub(super) fn seat(row: &Row<'_>) -> rusqlite::Result<Seat> {
    let key = SeatKey {
        workshop: parse::<WorkshopId>(row, "workshop")?,
        seat: number(row, "number")?,
    };
    let assignment = match row.get::<_, Option<String>>("assignment_id")? {
        Some(_) => Some(assignment(row)?),
        None => None,
    };
    Ok(Seat {
        key,
        generation: Generation(row.get("generation")?),
        disk: Generation(row.get("disk")?),
        kept: generations(row.get::<_, Option<String>>("kept")?.as_deref())?,
        undo_until: row
            .get::<_, Option<i64>>("undo_until")?
            .map(time)
            .transpose()?,
        observed: ObservedSeat {
            condition: read_condition(&row.get::<_, String>("condition")?)?,
            reason: reason(row)?,
        },
        locked_at: row
            .get::<_, Option<i64>>("locked_at")?
            .map(time)
            .transpose()?,
        assignment,
    })
}

/// Numbers with commas between.
fn generations(text: Option<&str>) -> rusqlite::Result<BTreeSet<Generation>> {
    let numbers = text.unwrap_or_default().split(',');
    numbers
        .filter(|number| !number.is_empty())
        .map(|number| {
            number
                .parse()
                .map(Generation)
                .map_err(|error| broken("kept", error))
        })
        .collect()
}

/// The columns that [`seat`] and [`assignment`] read.
pub(super) const SEAT_COLUMNS: &str = "s.workshop AS workshop, s.number AS number, s.generation AS generation, \
    s.condition AS condition, s.reason_code AS reason_code, s.reason_message AS reason_message, s.locked_at AS locked_at, \
    coalesce(s.disk, s.generation) AS disk, \
    (SELECT group_concat(k.disk) FROM kept_disks k WHERE k.workshop = s.workshop AND k.seat = s.number) AS kept, \
    (SELECT max(k.until) FROM kept_disks k WHERE k.workshop = s.workshop AND k.seat = s.number \
        AND k.assignment IS a.id) AS undo_until, \
    a.id AS assignment_id, a.name AS assignment_name, a.joined_at AS assignment_joined_at";

pub(super) fn assignment(row: &Row<'_>) -> rusqlite::Result<Assignment> {
    Ok(Assignment {
        id: row.get("assignment_id")?,
        seat: SeatKey {
            workshop: parse::<WorkshopId>(row, "workshop")?,
            seat: number(row, "number")?,
        },
        name: row.get("assignment_name")?,
        joined_at: time(row.get("assignment_joined_at")?)?,
    })
}
