//! What `clarateach status` sees of an installation, without its server.

use clarateach::provider::Provider;
use clarateach::provider::docker::residue;

use super::fixture::{scene, workshop};

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
