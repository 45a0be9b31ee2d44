//! What a seat is made from, in words: for its digest, and for labels that can be read back.

use crate::model::{BrowserPolicy, EgressPolicy, Resources};

/// As in `allow 10.0.0.0/8 192.0.2.0/24`.
pub(super) fn egress(policy: &EgressPolicy) -> String {
    match policy {
        EgressPolicy::Open => "open".to_owned(),
        EgressPolicy::None => "none".to_owned(),
        EgressPolicy::Allow(networks) => {
            let networks: Vec<_> = networks.iter().map(ToString::to_string).collect();
            format!("allow {}", networks.join(" "))
        }
    }
}

pub(super) fn read_egress(text: &str) -> Option<EgressPolicy> {
    match text {
        "open" => Some(EgressPolicy::Open),
        "none" => Some(EgressPolicy::None),
        _ => {
            let networks = text.strip_prefix("allow ")?.split_whitespace();
            let networks = networks.map(str::parse).collect::<Result<_, _>>().ok()?;
            Some(EgressPolicy::Allow(networks))
        }
    }
}

pub(super) fn browser(policy: BrowserPolicy) -> &'static str {
    match policy {
        BrowserPolicy::OnDemand => "on_demand",
        BrowserPolicy::Always => "always",
        BrowserPolicy::Off => "off",
    }
}

pub(super) fn read_browser(text: &str) -> Option<BrowserPolicy> {
    [
        BrowserPolicy::OnDemand,
        BrowserPolicy::Always,
        BrowserPolicy::Off,
    ]
    .into_iter()
    .find(|policy| browser(*policy) == text)
}

/// Memory and disk in MiB, CPU in thousandths.
pub(super) fn resources(resources: Resources) -> String {
    let Resources {
        memory_mib,
        cpu_millis,
        pids,
        disk_mib,
    } = resources;
    format!("{memory_mib} {cpu_millis} {pids} {disk_mib}")
}

pub(super) fn read_resources(text: &str) -> Option<Resources> {
    let numbers = text.split(' ').map(|it| it.parse().ok());
    let numbers: Vec<u32> = numbers.collect::<Option<_>>()?;
    let [memory_mib, cpu_millis, pids, disk_mib] = numbers.try_into().ok()?;
    Some(Resources {
        memory_mib,
        cpu_millis,
        pids,
        disk_mib,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lead_back_to_what_they_were_written_for() {
        let networks = ["10.0.0.0/8", "192.0.2.0/24"].map(|it| it.parse().unwrap());
        for policy in [
            EgressPolicy::Open,
            EgressPolicy::None,
            EgressPolicy::Allow(networks.to_vec()),
            EgressPolicy::Allow(Vec::new()),
        ] {
            assert_eq!(read_egress(&egress(&policy)), Some(policy));
        }
        for policy in [
            BrowserPolicy::OnDemand,
            BrowserPolicy::Always,
            BrowserPolicy::Off,
        ] {
            assert_eq!(read_browser(browser(policy)), Some(policy));
        }
        let some = Resources {
            memory_mib: 1,
            cpu_millis: 2,
            pids: 3,
            disk_mib: 4,
        };
        assert_eq!(read_resources(&resources(some)), Some(some));
        assert_eq!(
            (read_egress("allow x"), read_resources("1 2 3")),
            (None, None)
        );
    }
}
