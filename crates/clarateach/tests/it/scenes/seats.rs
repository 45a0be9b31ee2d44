//! What happens to a learner's seat of a real engine: it dies in every way that seats die in, and comes
//! back by itself with files, learner and key.

use super::classroom::scene;
use super::super::docker::host;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_seat_comes_back() {
    scene(async |class| {
        let container = class.container(1);
        let watch = class.watch().await;
        host("docker", &["kill", &container]);
        class.heals(watch, &["killed"]).await;
        class.neighbour_noticed_nothing().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seat_stopped_by_hand_comes_back() {
    scene(async |class| {
        let container = class.container(1);
        let watch = class.watch().await;
        host("docker", &["stop", &container]);
        class.heals(watch, &["stopped"]).await;
        class.neighbour_noticed_nothing().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seat_restarted_by_hand_is_taken_over() {
    scene(async |class| {
        let container = class.container(1);
        let watch = class.watch().await;
        host("docker", &["restart", "-t", "0", &container]);
        class.heals(watch, &["seat_restarted", "killed", "stopped"]).await;
        class.neighbour_noticed_nothing().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seat_removed_by_hand_is_made_again() {
    scene(async |class| {
        let container = class.container(1);
        let watch = class.watch().await;
        host("docker", &["rm", "-f", &container]);
        class.heals(watch, &["seat_removed", "killed"]).await;
        class.neighbour_noticed_nothing().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_takes_all_memory_dies_alone() {
    scene(async |class| {
        let shell = class.terminal.epoch.clone();
        class.terminal.answers("tail /dev/zero", "Killed").await;
        class.terminal.answers("echo $((40 + 2))", "42").await;
        assert_eq!(class.terminal.epoch, shell);
        assert_eq!(class.seat(1).await["status"], "occupied");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_memory_disks_leave_room_for_a_shell() {
    scene(async |class| {
        let fill = "head -c 1G /dev/zero > /tmp/x; head -c 1G /dev/zero > /dev/shm/x; echo full $?";
        class.terminal.answers(fill, "full 1").await;
        class.terminal.answers("exec bash -c 'echo $((40 + 2))'", "42").await;
        class.terminal.is_cut().await;
        // The next shell.
        class.is_whole().await;
        class.terminal.answers("echo $((40 + 3))", "43").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seat_that_ran_out_of_memory_comes_back() {
    scene(async |class| {
        let watch = class.watch().await;
        // The kernel kills the worst: the server, which is made so here, before any of many small ones.
        let inspect = ["inspect", "--format", "{{.State.Pid}}", &class.container(1)];
        let server = host("docker", &inspect);
        std::fs::write(format!("/proc/{}/oom_score_adj", server.trim()), "1000").unwrap();
        let small = "(x=$(head -c 8M /dev/zero | tr '\\0' x); sleep 60) &";
        class.terminal.types(&format!("for n in $(seq 20); do {small} done")).await;
        class.heals(watch, &["out_of_memory"]).await;
        class.neighbour_noticed_nothing().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_removed_by_hand_is_made_again() {
    scene(async |class| {
        let network = format!("clarateach-{}", class.id());
        let containers = [class.container(1), class.container(2)];
        let watch = class.watch().await;
        for container in &containers {
            host("docker", &["network", "disconnect", "-f", &network, container]);
        }
        host("docker", &["network", "rm", &network]);
        class.heals(watch, &["network_lost"]).await;
        class.neighbour_is_back().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebooted_machine_brings_the_class_back() {
    scene(async |class| {
        class.served.kill().await;
        for number in [1, 2] {
            host("docker", &["kill", &class.container(number)]);
        }
        host("nft", &["delete", "table", "inet", &class.table]);
        class.unmount_disks();
        class.served.start_again().await;
        class.learner.is_served().await;
        class.is_whole().await;
        class.neighbour_is_back().await;
    })
    .await;
}
