//! How many connections and requests there may be.

use super::{ConfigError, Settings};
use crate::limits::{SeatLimits, ServerLimits};

impl Settings {
    /// The limits that these settings make, defaults filled in.
    pub(super) fn limits(&self) -> Result<(ServerLimits, SeatLimits), ConfigError> {
        let (mut server, mut seat) = (ServerLimits::default(), SeatLimits::default());
        let given = [
            (
                "max_connections",
                self.max_connections,
                &mut server.connections,
            ),
            ("max_requests", self.max_requests, &mut server.requests),
            (
                "max_connections_per_seat",
                self.max_connections_per_seat,
                &mut seat.exchanges,
            ),
        ];
        for (setting, count, limit) in given {
            if let Some(count) = count {
                *limit = at_least_one(setting, count)?;
            }
        }
        // Half of all, where only all was said: one network is not to keep the others out.
        server.connections_per_address =
            match (self.max_connections_per_address, self.max_connections) {
                (Some(count), _) => at_least_one("max_connections_per_address", count)?,
                (None, Some(all)) => all.div_ceil(2),
                (None, None) => server.connections_per_address,
            };
        Ok((server, seat))
    }
}

fn at_least_one(setting: &'static str, count: usize) -> Result<usize, ConfigError> {
    if count == 0 {
        return Err(ConfigError::Setting {
            setting,
            problem: "0 would let nobody in. Hint: leave it out for the default".to_owned(),
        });
    }
    Ok(count)
}
