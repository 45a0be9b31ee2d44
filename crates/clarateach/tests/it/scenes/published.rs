//! Seats that are reached by published ports: a class on this machine by force, and on engines elsewhere.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::process::Command;

use super::super::app::Client;
use super::super::docker::host;
use super::super::in_seat;
use super::classroom::{Classroom, Engine, scene_of};
use super::elsewhere::{Forwarder, Namespace};
use super::engine::{Containers, SecondEngine};
use super::learner::Learner;
use super::served::Served;
use super::wait::{until, within};

const HELPER: &str = "clarateach/firewall:latest";
const PUBLISHED: [&str; 2] = ["--docker-reach", "published"];

/// A program of the learner's, by its own origin.
async fn sees_own_port(class: &mut Classroom) {
    let line = "mkdir -p site && echo mine > site/index.html && (cd site && python3 -m http.server 8123 --bind 127.0.0.1 >/dev/null 2>&1 &) ; echo be''gan";
    class.terminal.answers(line, "began").await;
    let path = "/origins";
    let body = json!({"kind": "port", "port": 8123});
    let url = class.learner.ask_json(Method::POST, path, body).await;
    assert_eq!(url.status, StatusCode::OK, "{url:?}");
    let url = url.json()["url"].as_str().unwrap().to_owned();
    let (name, ticket) = url
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let client = Client::at(class.served.listen);
    let host = [("host", name)];
    let entered = client
        .send(Method::GET, &format!("/{ticket}"), &host, "")
        .await;
    assert!(entered.status.is_redirection(), "{entered:?}");
    let cookie = entered.cookie().unwrap();
    let headers = [("host", name), ("cookie", cookie.as_str())];
    until("the learner's page", async || {
        let page = client.send(Method::GET, "/", &headers, "").await;
        (page.status == StatusCode::OK).then(|| assert_eq!(page.text, "mine\n"))
    })
    .await;
}

/// Where a seat's file service is published.
fn published(class: &Classroom, number: u16) -> String {
    let name = class.container(number);
    class
        .engine
        .docker(&["port", &name, "3002/tcp"])
        .trim()
        .to_owned()
}

/// Helper containers of the installation that a seat belongs to.
fn helpers(engine: &Engine, instance: &str) -> String {
    let instance = format!("label=clarateach.instance={instance}");
    let filters = [
        "--filter",
        "label=clarateach.type=firewall",
        "--filter",
        &instance,
    ];
    let mut words = vec!["ps", "-aq"];
    words.extend(filters);
    engine.docker(&words)
}

fn instance(class: &Classroom) -> String {
    let label = "{{index .Config.Labels \"clarateach.instance\"}}";
    let said = class
        .engine
        .docker(&["inspect", "-f", label, &class.container(1)]);
    said.trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_class_works_by_published_ports() {
    let served = Served::docker_with(&PUBLISHED).await;
    let (engine, image) = (Engine::default(), "clarateach/workspace:latest");
    let mut installation = String::new();
    scene_of(served, engine.clone(), image, async |class| {
        installation = instance(class);
        let before = published(class, 1);
        assert!(before.starts_with("127.0.0.1:"), "{before}");
        assert_ne!(helpers(&class.engine, &installation), "");
        class.is_isolated().await;
        sees_own_port(class).await;

        // Another start has other ports.
        let watch = class.watch().await;
        class.engine.docker(&["kill", &class.container(1)]);
        class.heals(watch, &["killed"]).await;
        class.neighbour_noticed_nothing().await;
        assert_ne!(published(class, 1), before);

        // Another server finds them where they are, with their shells.
        class
            .terminal
            .answers("mark=$((6 * 7)); echo is $mark", "is 42")
            .await;
        class.served.kill().await;
        class.served.start_again().await;
        class.instructor = class.served.instructor().await;
        let shell = class.terminal.epoch.clone();
        class.terminal = class.learner.terminal().await;
        assert_eq!(class.terminal.epoch, shell, "another shell");
        class.terminal.answers("echo still $mark", "still 42").await;
        class.is_isolated().await;
    })
    .await;
    assert_eq!(helpers(&engine, &installation), "", "the helper is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seats_that_come_back_with_their_engine_are_found_at_other_ports() {
    let mut engine = SecondEngine::start(Containers::Stop).await;
    engine.load_image(HELPER);
    let served = Served::docker_at_with(engine.host(), &PUBLISHED).await;
    let (client, image) = (engine.client(), engine.image);
    scene_of(served, client, image, async |class| {
        let before = published(class, 1);
        let watch = class.watch().await;
        engine.stop().await;
        class.terminal.is_cut().await;
        // Whoever has it now is nobody's seat.
        let _taken = until("the seat's port to be free", async || {
            std::net::TcpListener::bind(&before).ok()
        })
        .await;
        engine.start_again().await;
        class
            .heals(
                watch,
                &[
                    "seat_silent",
                    "engine_unreachable",
                    "stopped",
                    "killed",
                    "engine_restarted",
                ],
            )
            .await;
        class.neighbour_is_back().await;
        assert_ne!(published(class, 1), before);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shells_go_on_by_published_ports_while_their_engine_is_away() {
    let mut engine = SecondEngine::start(Containers::LiveOn).await;
    engine.load_image(HELPER);
    let served = Served::docker_at_with(engine.host(), &PUBLISHED).await;
    let (client, image) = (engine.client(), engine.image);
    scene_of(served, client, image, async |class| {
        // The engine's forwarders end with it, and seats can't be reached; their programs go on.
        let watch = class.watch().await;
        engine.stop().await;
        let reasons = ["seat_silent", "engine_unreachable"];
        until("a seat that is not reached", async || {
            watch.find("recovering", &reasons)
        })
        .await;
        engine.start_again().await;
        class.learner.has("poem.txt", "roses are red").await;
        let shell = class.terminal.epoch.clone();
        class.terminal = class.learner.terminal().await;
        assert_eq!(class.terminal.epoch, shell, "another shell");
        class.is_isolated().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shells_go_on_though_somebody_takes_their_ports_while_their_engine_is_away() {
    let mut engine = SecondEngine::start(Containers::LiveOn).await;
    engine.load_image(HELPER);
    let served = Served::docker_at_with(engine.host(), &PUBLISHED).await;
    let (client, image) = (engine.client(), engine.image);
    scene_of(served, client, image, async |class| {
        let before = published(class, 1);
        let watch = class.watch().await;
        engine.stop().await;
        let _taken = until("the seat's port to be free", async || {
            std::net::TcpListener::bind(&before).ok()
        })
        .await;
        let reasons = ["seat_silent", "engine_unreachable"];
        until("a seat that is not reached", async || {
            watch.find("recovering", &reasons)
        })
        .await;
        engine.start_again().await;
        class.learner.has("poem.txt", "roses are red").await;
        let shell = class.terminal.epoch.clone();
        class.terminal = class.learner.terminal().await;
        assert_eq!(class.terminal.epoch, shell, "another shell");
        assert_ne!(published(class, 1), before);
        class.is_isolated().await;
    })
    .await;
}

/// What `clarateach doctor` says of an engine's network.
async fn diagnosed(engine: &SecondEngine, data: &std::path::Path, reach: &str) -> Value {
    let mut doctor = Command::new(env!("CARGO_BIN_EXE_clarateach"));
    let doctor = doctor
        .args(["doctor", "--json", "--data-dir"])
        .arg(data)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("DOCKER_HOST", engine.host())
        .env("CLARATEACH_DOCKER_REACH", reach)
        .env("CLARATEACH_SEAT_SERVER", in_seat::server());
    let said = within("the doctor", doctor.output()).await.unwrap();
    let said: Value = serde_json::from_slice(&said.stdout).unwrap();
    let findings = said["findings"].as_array().unwrap();
    let of_network = findings.iter().find(|it| it["code"] == "engine_network");
    of_network.unwrap_or_else(|| panic!("{said}")).clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_nobody_here_can_reach_is_refused_in_words() {
    let name = format!("ct-away-{}", std::process::id());
    let engine = SecondEngine::start_in(Namespace::make(&name)).await;
    let served = Served::docker_at_with(engine.host(), &[]).await;
    let instructor = served.instructor().await;
    let class = json!({"name": "Class", "seats": 1, "image": engine.image, "resources": {"memory_mb": 128, "disk_mb": 64}});
    let refused = instructor.post("/api/workshops", class.clone()).await;
    assert_eq!(refused.code(), "isolation_unavailable", "{refused:?}");
    assert!(
        refused.text.contains("./x images --only firewall"),
        "{refused:?}"
    );

    engine.load_image(HELPER);
    let refused = instructor.post("/api/workshops", class.clone()).await;
    assert_eq!(
        refused.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "{refused:?}"
    );
    assert_eq!(refused.code(), "seats_unreachable", "{refused:?}");
    assert!(
        refused
            .text
            .contains("run the server where the engine runs"),
        "{refused:?}"
    );
    let said = diagnosed(&engine, &served.data().with_file_name("other"), "auto").await;
    assert_eq!(said["level"], "error", "{said}");
    assert!(
        said["message"]
            .as_str()
            .unwrap()
            .contains("network namespace"),
        "{said}"
    );
    let workshops = instructor.get("/api/workshops").await.json();
    assert_eq!(workshops["workshops"], json!([]), "{workshops}");

    // Told to reach seats at their addresses all the same, it says why it can't.
    let said = diagnosed(&engine, &served.data().with_file_name("other"), "bridge").await;
    assert_eq!(said["level"], "error", "{said}");
    assert_eq!(said["remedy"], "leave out --docker-reach bridge", "{said}");
    let stubborn = Served::docker_at_with(engine.host(), &["--docker-reach", "bridge"]).await;
    let play = stubborn.play(async |served| {
        let made = served
            .instructor()
            .await
            .post("/api/workshops", class)
            .await;
        assert!(made.text.contains("is not on this machine"), "{made:?}");
        assert!(made.text.contains("--docker-reach published"), "{made:?}");
    });
    play.await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_class_works_on_an_engine_whose_network_is_elsewhere() {
    let name = format!("ct-far-{}", std::process::id());
    let engine = SecondEngine::start_in(Namespace::make(&name)).await;
    let _forwarder = Forwarder::start(engine.namespace(), engine.client());
    // Whoever accepts it has seats without a helper, too.
    let weak = Served::docker_at_with(engine.host(), &["--allow-weak-isolation"]).await;
    let play = weak.play(async |served| {
        let class = json!({"name": "Class", "seats": 1, "image": engine.image, "resources": {"memory_mb": 128, "disk_mb": 64}});
        let made = served.instructor().await.post("/api/workshops", class).await;
        assert_eq!(made.json()["status"], "ready", "{made:?}");
    });
    play.await;
    engine.load_image(HELPER);
    let served = Served::docker_at_with(engine.host(), &[]).await;
    let said = diagnosed(&engine, &served.data().with_file_name("other"), "auto").await;
    assert_eq!(said["level"], "good", "{said}");
    let client = engine.client();
    served
        .play(async |served| {
            let instructor = served.instructor().await;
            let class = json!({"name": "Class", "seats": 2, "image": engine.image, "resources": {"memory_mb": 128, "disk_mb": 64}});
            let made = instructor.post("/api/workshops", class).await;
            assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
            let made = made.json();
            assert_eq!(made["status"], "ready", "{made}");
            let ada = Learner::join(served.listen, &made, "Ada").await;
            let mut terminal = ada.terminal().await;
            terminal.answers("echo $((40 + 2))", "42").await;
            ada.save("poem.txt", "roses are red").await;

            // Rules and isolated ports are there, and not here.
            let id = made["id"].as_str().unwrap();
            let short = id.strip_prefix("ws-").unwrap();
            let bridge = format!("ct-{short}");
            assert!(!host("nft", &["list", "tables"]).contains(short));
            assert!(!host("ip", &["link"]).contains(&bridge));
            let far = engine.namespace();
            assert!(far.run("nft", &["list", "tables"]).contains(short));
            let links = far.run("bridge", &["-d", "link"]);
            let of_seats = links.split("\n").collect::<Vec<_>>();
            let of_seats = of_seats.chunks(2).map(|two| two.join(" "));
            let of_seats: Vec<_> = of_seats.filter(|it| it.contains(&bridge)).collect();
            assert_eq!(of_seats.len(), 2, "{links}");
            assert!(of_seats.iter().all(|it| it.contains("isolated on")), "{links}");

            // The neighbour is silent; with nothing in the way it would answer.
            let network = format!("{{{{(index .NetworkSettings.Networks \"clarateach-{id}\").IPAddress}}}}");
            let neighbour = client.docker(&["inspect", "-f", &network, &format!("{id}-seat-02")]);
            let ask = format!("timeout 2 bash -c '</dev/tcp/{}/3002' 2>/dev/null", neighbour.trim());
            terminal.answers(&format!("{ask} && echo he''ard || echo sil''ent"), "silent").await;
            far.run("nft", &["flush", "ruleset"]);
            for line in links.lines().filter(|it| it.contains(&bridge)) {
                let port = line.split([' ', '@', ':']).nth(2).unwrap();
                far.run("bridge", &["link", "set", "dev", port, "isolated", "off"]);
            }
            // The kernel remembers for a moment that nobody answered there.
            terminal.answers(&format!("until {ask}; do sleep 0.2; done; echo he''ard"), "heard").await;
        })
        .await;
    let left = helpers_of_any(&engine.client());
    assert_eq!(left, "", "containers are left");
    assert!(
        !engine
            .namespace()
            .run("nft", &["list", "tables"])
            .contains("clarateach")
    );
}

/// Everything of ours on an engine that is a test's own.
fn helpers_of_any(engine: &Engine) -> String {
    engine.docker(&["ps", "-aq", "--filter", "label=clarateach.instance"])
}
