//! What the engine itself says of a seat's container: every switch that isolates it, as one file to review.

use bollard::query_parameters::InspectContainerOptions;
use serde_json::Value;

use super::fixture::{scene, workshop};

#[tokio::test]
async fn a_real_seats_container_is_as_written_down() {
    scene(|world| async move {
        let spec = workshop();
        world.prepared(&spec).await;
        let seat = world.seat(&spec, 1).await;
        let inspected = world
            .docker
            .inspect_container(&seat.id, None::<InspectContainerOptions>)
            .await
            .unwrap();
        let data = world.data().display().to_string();
        let runtime = world.config.runtime_dir.display().to_string();
        let known = |text: &str| {
            let text = text.replace(&data, "<data>").replace(&runtime, "<runtime>");
            let text = text.replace(&spec.id.to_string(), "<workshop>");
            let text = text.replace(&world.config.instance.to_string(), "<instance>");
            match text.split_once("seccomp=") {
                // `seccomp.rs` has a test of its own for what is in it.
                Some(_) => "seccomp=<profile>".to_owned(),
                None => text,
            }
        };
        let mut said = serde_json::json!({
            "config": inspected.config,
            "host_config": inspected.host_config,
            "mounts": inspected.mounts,
            "apparmor": inspected.app_armor_profile,
        });
        redact(&mut said, &known);
        for (place, field) in [("config", "Image"), ("config", "Hostname")] {
            said[place][field] = "<of the seat>".into();
        }
        // Engines of other versions mask more.
        let host = said["host_config"].as_object_mut().unwrap();
        for (list, needed) in [
            (
                "MaskedPaths",
                &["/proc/kcore", "/proc/keys", "/sys/firmware"][..],
            ),
            ("ReadonlyPaths", &["/proc/sys", "/proc/sysrq-trigger"]),
        ] {
            let there = host.remove(list).unwrap();
            let there = there.as_array().unwrap();
            assert!(
                needed.iter().all(|path| there.contains(&(*path).into())),
                "{list}: {there:?}"
            );
        }
        for of_the_engine in ["ConsoleSize", "Runtime"] {
            host.remove(of_the_engine);
        }
        let mounts = said["mounts"].as_array_mut().unwrap();
        mounts.sort_by_key(|mount| mount["Destination"].to_string());
        let labels = said["config"]["Labels"].as_object_mut().unwrap();
        labels.insert("clarateach.spec".to_owned(), "<digest>".into());
        // Of the image, not of ours.
        labels.retain(|name, _| name.starts_with("clarateach.") && name != "clarateach.inputs");
        let env = said["config"]["Env"].as_array_mut().unwrap();
        env.retain(|it| !it.as_str().unwrap().starts_with("NODE_VERSION"));
        insta::assert_json_snapshot!(said);
    })
    .await;
}

/// Puts names for what is another in every run, and drops what says nothing, so that engines of other versions agree.
fn redact(value: &mut Value, known: &impl Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = known(text),
        Value::Array(all) => all.iter_mut().for_each(|it| redact(it, known)),
        Value::Object(fields) => {
            fields.values_mut().for_each(|it| redact(it, known));
            fields.retain(|_, it| !is_nothing(it));
        }
        _ => {}
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(all) => all.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) => false,
    }
}
