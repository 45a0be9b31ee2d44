//! What people may type: one function a kind of field, each saying what would be right.

use std::collections::BTreeMap;

use super::Error;
use crate::model::{Resources, Secrets};

const MAX_NAME_CHARACTERS: usize = 80;
const MAX_ENV_VARIABLES: usize = 64;
const MAX_ENV_VALUE_BYTES: usize = 8 * 1024;
const MAX_IMAGE_BYTES: usize = 255;

/// A name that people read: trimmed, 1 to 80 characters, nothing invisible that changes how it reads.
pub(crate) fn name(field: &'static str, text: &str) -> Result<String, Error> {
    let name = text.trim();
    if name.is_empty() {
        return Err(Error::invalid(field, "a name is missing"));
    }
    if name.chars().count() > MAX_NAME_CHARACTERS {
        return Err(Error::invalid(
            field,
            format!("a name has at most {MAX_NAME_CHARACTERS} characters"),
        ));
    }
    if name.chars().any(is_deceptive) {
        return Err(Error::invalid(
            field,
            "a name can't hold control characters or text-direction marks",
        ));
    }
    Ok(name.to_owned())
}

/// Control characters, and those that reorder or hide text (Unicode TR 36, section 2.10.2).
fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{061c}')
}

/// A variable's name, as shells take it.
pub(super) fn env_name(field: &'static str, name: &str) -> Result<(), Error> {
    let bytes = name.as_bytes();
    let right = matches!(bytes, [first, ..] if first.is_ascii_alphabetic() || *first == b'_')
        && bytes.len() <= 128
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    if right {
        Ok(())
    } else {
        Err(Error::invalid(
            field,
            "a variable's name has letters, digits and _, and begins with no digit",
        ))
    }
}

fn env_value(field: &'static str, value: &str) -> Result<(), Error> {
    if value.len() > MAX_ENV_VALUE_BYTES {
        return Err(Error::invalid(
            field,
            format!("a value has at most {MAX_ENV_VALUE_BYTES} bytes"),
        ));
    }
    if value.contains('\0') {
        return Err(Error::invalid(field, "a value can't hold a NUL character"));
    }
    Ok(())
}

/// The environment of every shell: `env`, and the API key under its name.
pub(crate) fn environment(
    env: BTreeMap<String, String>,
    api_key: Option<String>,
    api_key_name: Option<String>,
) -> Result<Secrets, Error> {
    if env.len() > MAX_ENV_VARIABLES {
        return Err(Error::invalid(
            "env",
            format!("at most {MAX_ENV_VARIABLES} variables"),
        ));
    }
    for (name, value) in &env {
        env_name("env", name)?;
        env_value("env", value)?;
    }
    let mut all = env;
    if let Some(name) = &api_key_name {
        env_name("api_key_name", name)?;
        if api_key.is_none() {
            return Err(Error::invalid(
                "api_key_name",
                "a name for the API key needs an api_key",
            ));
        }
    }
    if let Some(key) = api_key {
        env_value("api_key", &key)?;
        all.insert(
            api_key_name.unwrap_or_else(|| "ANTHROPIC_API_KEY".to_owned()),
            key,
        );
    }
    Ok(Secrets(all))
}

/// An OCI image reference, by its characters; the engine knows the rest.
pub(super) fn image(text: &str) -> Result<String, Error> {
    let right = (1..=MAX_IMAGE_BYTES).contains(&text.len())
        && text
            .bytes()
            .next()
            .is_some_and(|first| first.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte));
    if right {
        Ok(text.to_owned())
    } else {
        Err(Error::invalid(
            "image",
            "expected an image reference like python:3.13 or clarateach/workspace:latest",
        ))
    }
}

/// Limits that a seat can live with.
pub(super) fn resources(resources: Resources) -> Result<Resources, Error> {
    let within = |what: &str, value: u32, range: std::ops::RangeInclusive<u32>| {
        if range.contains(&value) {
            Ok(())
        } else {
            let (least, most) = range.into_inner();
            Err(Error::invalid(
                "resources",
                format!("{what} must be from {least} to {most}"),
            ))
        }
    };
    within("memory_mb", resources.memory_mib, 64..=65_536)?;
    within("cpu_millis", resources.cpu_millis, 50..=64_000)?;
    within("pids", resources.pids, 32..=32_768)?;
    within("disk_mb", resources.disk_mib, 64..=1_048_576)?;
    Ok(resources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_cannot_deceive() {
        assert_eq!(name("name", "  Ada Lovelace ").unwrap(), "Ada Lovelace");
        assert_eq!(name("name", "名前 🦀 <b>").unwrap(), "名前 🦀 <b>");
        for wrong in [
            "",
            "   ",
            "a\nb",
            "a\u{7}",
            "a\u{202e}b",
            "\u{feff}a",
            "a\0",
        ] {
            assert!(name("name", wrong).is_err(), "{wrong:?} was taken");
        }
        assert!(name("name", &"é".repeat(80)).is_ok());
        assert!(name("name", &"é".repeat(81)).is_err());
    }

    #[test]
    fn the_api_key_gets_its_name() {
        let env = environment(BTreeMap::new(), Some("k".to_owned()), None).unwrap();
        assert_eq!(
            env.0.get("ANTHROPIC_API_KEY").map(String::as_str),
            Some("k")
        );
        let env = environment(
            BTreeMap::new(),
            Some("k".to_owned()),
            Some("OTHER".to_owned()),
        )
        .unwrap();
        assert_eq!(env.0.keys().collect::<Vec<_>>(), ["OTHER"]);
        assert!(environment(BTreeMap::new(), None, Some("OTHER".to_owned())).is_err());
        assert!(
            environment(
                BTreeMap::from([("A=B".to_owned(), String::new())]),
                None,
                None
            )
            .is_err()
        );
        assert!(
            environment(
                BTreeMap::from([("A".to_owned(), "a\0".to_owned())]),
                None,
                None
            )
            .is_err()
        );
    }

    #[test]
    fn images_are_references() {
        for right in [
            "debian",
            "clarateach/workspace:latest",
            "ghcr.io/a/b@sha256:0123",
        ] {
            assert!(image(right).is_ok(), "{right}");
        }
        for wrong in ["", "-v", "a b", "a;b", "../x"] {
            assert!(image(wrong).is_err(), "{wrong}");
        }
    }
}
