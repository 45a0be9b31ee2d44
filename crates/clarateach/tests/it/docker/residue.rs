//! What `clarateach status` sees of an installation, without its server.

use clarateach::provider::docker::residue;
use clarateach::provider::{Provider, Removal};

use super::fixture::{IMAGE, host, scene, workshop};

#[tokio::test]
async fn everything_of_an_installation_is_seen_and_nothing_of_another() {
    scene(|world| async move {
        let instance = &world.config.instance;
        let spec = workshop();
        world.prepared(&spec).await;
        let seat = world.seat(&spec, 1).await;
        let found = residue(Some(instance), world.data()).await;
        assert_eq!(found.containers, [seat.key().to_string()]);
        assert_eq!(found.networks, [format!("clarateach-{}", spec.id)]);
        assert_eq!(
            found.firewall_tables,
            [format!("clarateach_{instance}_{}", spec.id.short())]
        );
        let folder = world.data().join("seats").join(spec.id.to_string());
        assert!(found.mounts.iter().all(|point| point.starts_with(&folder)));
        assert_eq!(found.disks, [folder]);
        assert_eq!((found.mounts.len(), found.loop_devices.len()), (1, 1));
        assert_eq!(found.unknown, Vec::<String>::new());

        let elsewhere = tempfile::tempdir().unwrap();
        let other = "zzzzzzzz".parse().unwrap();
        let others = residue(Some(&other), elsewhere.path()).await;
        assert!(others.is_nothing(), "{others:?}");

        world.provider.destroy_workshop(&spec.id).await.unwrap();
        let left = residue(Some(instance), world.data()).await;
        assert!(left.is_nothing(), "{left:?}");
    })
    .await;
}

#[tokio::test]
async fn what_a_killed_server_left_of_looking_into_an_image_goes_at_the_next_start() {
    scene(|world| async move {
        let ours = world.config.instance.to_string();
        let leave = |instance: &str| {
            let instance = format!("clarateach.instance={instance}");
            let labels = [
                "--label",
                &instance,
                "--label",
                "clarateach.type=inspection",
            ];
            host(
                "docker",
                &[&["create"], &labels[..], &[IMAGE, "true"]].concat(),
            )
        };
        let (mine, others) = (leave(&ours), leave("zzzzzzzz"));
        world.restarted().list_workshops().await.unwrap();
        let left = host("docker", &["ps", "--all", "--quiet", "--no-trunc"]);
        host("docker", &["rm", others.trim()]);
        assert!(!left.contains(mine.trim()), "it is still there");
        assert!(left.contains(others.trim()), "it was somebody else's");
    })
    .await;
}

#[tokio::test]
async fn a_container_that_somebody_plugged_in_outlives_the_workshops_network() {
    scene(|world| async move {
        let spec = workshop();
        world.prepared(&spec).await;
        let network = format!("clarateach-{}", spec.id);
        let name = format!("guest-{}", spec.id);
        let run = [
            "run",
            "--detach",
            "--rm",
            "--name",
            &name,
            "--network",
            &network,
        ];
        host(
            "docker",
            &[&run[..], &["--entrypoint", "sleep", IMAGE, "600"]].concat(),
        );
        let removal = world.provider.destroy_workshop(&spec.id).await;
        let running = host(
            "docker",
            &[
                "inspect",
                "--format",
                "{{.State.Running}} {{json .NetworkSettings.Networks}}",
                &name,
            ],
        );
        host("docker", &["rm", "--force", &name]);
        assert_eq!(removal.unwrap(), Removal::Whole);
        assert_eq!(running.trim(), "true {}");
    })
    .await;
}
