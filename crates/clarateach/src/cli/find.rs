//! Which workshop is meant: by id, join code or name.

use clarateach_protocol::code::JoinCode;
use clarateach_protocol::id::WorkshopId;
use serde_json::Value;

use super::client::Client;
use super::failure::{Exit, Failure};
use super::table::{plain_text, text};

/// The id of the workshop that `named` means. An id is taken as it is; a join code or a name is looked
/// up among the workshops that have not ended, and must mean exactly one of them.
pub(super) async fn workshop(client: &Client, named: &str) -> anyhow::Result<WorkshopId> {
    if let Ok(id) = named.parse() {
        return Ok(id);
    }
    let list = client.get("/api/workshops").await?;
    let found = meant(
        list["workshops"].as_array().map_or(&[], Vec::as_slice),
        named,
    );
    match found[..] {
        [] => {
            let message = format!(
                "there is no workshop “{named}”: expected an id (ws-…), a join code or a name. Hint: `clarateach workshop list` shows them"
            );
            Err(Failure::new(Exit::Failed, "not_found", message).into())
        }
        [one] => Ok(text(&one["id"]).parse()?),
        _ => {
            let candidates: Vec<String> = found
                .iter()
                .map(|workshop| {
                    let field = |name: &str| plain_text(&workshop[name]);
                    format!(
                        "{} “{}” ({}, {})",
                        field("id"),
                        field("name"),
                        field("code"),
                        field("status")
                    )
                })
                .collect();
            let message = format!(
                "“{named}” means {} workshops: {}. Hint: say the id or the join code",
                found.len(),
                candidates.join("; ")
            );
            Err(Failure::new(Exit::Failed, "ambiguous", message).into())
        }
    }
}

/// Those of that code or exactly that name; without any, those whose name differs in case only.
fn meant<'a>(workshops: &'a [Value], named: &str) -> Vec<&'a Value> {
    let code = named.parse::<JoinCode>().ok().map(|code| code.to_string());
    let named = named.trim();
    let exact = |workshop: &&Value| {
        workshop["name"] == named || code.as_deref().is_some_and(|code| workshop["code"] == code)
    };
    let found: Vec<&Value> = workshops.iter().filter(exact).collect();
    if !found.is_empty() {
        return found;
    }
    let lower = named.to_lowercase();
    workshops
        .iter()
        .filter(|workshop| text(&workshop["name"]).to_lowercase() == lower)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_workshop_is_meant_by_its_name_or_its_code() {
        let list = [
            json!({"id": 1, "name": "Rust 101", "code": "7K3Q-9XWD"}),
            json!({"id": 2, "name": "rust 101", "code": "AAAA-AAAA"}),
            json!({"id": 3, "name": "Go", "code": "BBBB-BBBB"}),
            json!({"id": 4, "name": "7k3q9xwd", "code": "CCCC-CCCC"}),
        ];
        let ids = |named: &str| -> Vec<u64> {
            let found = meant(&list, named);
            found
                .iter()
                .map(|one| one["id"].as_u64().unwrap())
                .collect()
        };
        assert_eq!(ids("Rust 101"), [1]);
        assert_eq!(ids("RUST 101"), [1, 2]);
        assert_eq!(ids(" go "), [3]);
        assert_eq!(ids("7k3q 9xwd"), [1]);
        // A name that looks like another one's code is not guessed about.
        assert_eq!(ids("7k3q9xwd"), [1, 4]);
        assert!(ids("Rust").is_empty());
    }
}
