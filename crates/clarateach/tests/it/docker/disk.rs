//! Seats' disks: a limit each, and nothing that outlives its seat.

use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use clarateach::provider::{Provider, SeatSpec};
use clarateach_protocol::id::Generation;

use super::fixture::{host, scene, seat, workshop};

#[tokio::test]
async fn a_full_disk_is_its_own_seats_trouble() {
    scene(|world| async move {
        let spec = workshop();
        world.prepared(&spec).await;
        let (one, two) = (world.seat(&spec, 1).await, world.seat(&spec, 2).await);
        let write = |mib| format!("dd if=/dev/zero of=/workspace/x bs=1M count={mib}");
        let filled = world.sh(&one, &write(100)).await;
        assert!(filled.stderr.contains("No space left"), "{filled:?}");
        world.sh(&two, &write(16)).await.ok();
        let after = "rm /workspace/x && echo works > /workspace/y";
        world.sh(&one, after).await.ok();
        let mount = "grep ' /workspace ' /proc/mounts";
        let mount = world.sh(&one, mount).await.ok();
        assert!(mount.contains("nosuid,nodev"), "{mount}");
    })
    .await;
}

#[tokio::test]
async fn an_empty_disk_takes_no_room_and_is_private() {
    scene(|world| async move {
        let mut spec = workshop();
        spec.resources.disk_mib = 2048;
        world.prepared(&spec).await;
        let key = world.seat(&spec, 1).await.key();
        let folder = world.seat_folder(&key);
        let file = folder.join("g1.ext4").metadata().unwrap();
        assert_eq!(file.len(), 2048 << 20);
        assert!(file.blocks() * 512 < 4 << 20, "{} blocks", file.blocks());
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
        let folder = folder.metadata().unwrap();
        assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    })
    .await;
}

#[tokio::test]
async fn kept_files_come_back_and_the_others_room_is_given_back() {
    scene(|world| async move {
        let spec = workshop();
        world.prepared(&spec).await;
        let first = world.seat(&spec, 1).await;
        let (key, folder) = (first.key(), world.seat_folder(&first.key()));
        world.sh(&first, "echo kept > /workspace/file").await.ok();
        let generations = |numbers: &[u32]| numbers.iter().copied().map(Generation).collect();
        for _ in 0..2 {
            let keep: BTreeSet<Generation> = generations(&[1, 2]);
            world.provider.retire(&key, &keep).await.unwrap();
        }
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        assert!(!mounts.contains(&*folder.to_string_lossy()), "{mounts}");

        let second = world.provider.create(&seat(&spec, 1, 2)).await.unwrap();
        assert_eq!(second.files, generations(&[1, 2]));
        assert_eq!(world.provider.list(None).await.unwrap(), [second.clone()]);
        world.sh(&second, "test ! -e /workspace/file").await.ok();
        world
            .provider
            .retire(&key, &generations(&[1]))
            .await
            .unwrap();
        let undone = SeatSpec {
            disk: Generation(1),
            ..seat(&spec, 1, 3)
        };
        let third = world.provider.create(&undone).await.unwrap();
        assert_eq!(world.sh(&third, "cat /workspace/file").await.ok(), "kept");
        assert_eq!(third.files, generations(&[1]));

        // What is kept beside a seat that runs goes without its noticing.
        std::fs::write(folder.join("g2.ext4"), "old").unwrap();
        world
            .provider
            .discard(&key, &generations(&[1]))
            .await
            .unwrap();
        assert_eq!(world.provider.list(None).await.unwrap(), [third.clone()]);
        assert_eq!(world.sh(&third, "cat /workspace/file").await.ok(), "kept");
    })
    .await;
}

#[tokio::test]
async fn what_a_kill_left_half_done_is_no_obstacle_and_goes_with_the_seat() {
    scene(|world| async move {
        let spec = workshop();
        world.prepared(&spec).await;
        let made = world.seat(&spec, 1).await;
        world.provider.destroy(&made.key()).await.unwrap();
        let folder = world.seat_folder(&made.key());
        assert!(!folder.exists());

        // Half a copy of the template, and a loop device that was never mounted.
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("g2.ext4.1-1.tmp"), "half").unwrap();
        let again = world.restarted();
        let second = again.create(&seat(&spec, 1, 2)).await.unwrap();
        let disk = "grep -c '^/dev/loop.* /workspace ext4' /proc/mounts";
        assert_eq!(world.sh(&second, disk).await.ok(), "1");
        let stray = folder.join("stray");
        std::fs::write(&stray, vec![0; 1 << 20]).unwrap();
        host("losetup", &["--find", &stray.to_string_lossy()]);
        again.destroy(&second.key()).await.unwrap();
        assert!(!folder.exists());
    })
    .await;
}
