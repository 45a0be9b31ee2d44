//! The whole server, with simulated seats: cookies, numbers and open ports ride through a restart.

use clarateach::config::Config;
use clarateach::room::{Candidates, Room};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::LocalSet;

use super::world::{ROOM, free_ports};
use crate::app::{Answer, Client, TestApp, config};

async fn room(
    dir: &std::path::Path,
    listen: u16,
    ports: clarateach::origins::PreviewPorts,
) -> TestApp {
    let room = Room {
        host: Some(ROOM.to_owned()),
        others: Candidates::default(),
    };
    let mut app = TestApp::start_with(Config {
        listen: room.listen(listen),
        room: Some(room),
        preview_ports: ports,
        ..config(dir)
    })
    .await;
    app.listen = ([127, 0, 0, 1], app.listen.port()).into();
    app
}

async fn call(client: &Client, host: &str, path: &str, token: &str, body: Option<Value>) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("host", host),
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    match body {
        Some(body) => {
            client
                .send(Method::POST, path, &headers, body.to_string())
                .await
        }
        None => client.send(Method::PUT, path, &headers, "").await,
    }
}

/// Goes in by a URL of an own origin; every name leads to this machine.
async fn go(client: &Client, url: &str, cookie: &str) -> Answer {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let port = host.rsplit(':').next().unwrap();
    let mut client = client.clone();
    client.base = format!("http://127.0.0.1:{port}");
    let headers = [("host", host), ("cookie", cookie), ("accept", "text/html")];
    client
        .send(Method::GET, &format!("/{path}"), &headers, "")
        .await
}

#[tokio::test]
async fn a_restart_loses_no_visitor_and_no_number() {
    LocalSet::new()
        .run_until(Box::pin(async {
            let dir = tempfile::tempdir().unwrap();
            let ports = free_ports().await;
            let app = room(dir.path(), 0, ports.clone()).await;
            let instructor = app.instructor().await;
            let workshop = instructor.workshop(2).await;
            let client = app.client();
            let main = app.listen.port();
            let host = format!("{ROOM}:{main}");
            let joined: Vec<Value> = [
                instructor.join(&workshop, "Ada").await,
                instructor.join(&workshop, "Bob").await,
            ]
            .iter()
            .map(Answer::json)
            .collect();
            let below = |who: &Value, route: &str| {
                format!(
                    "/debug/proxy/{}/vm/{}/{route}",
                    workshop["id"].as_str().unwrap(),
                    who["seat"]
                )
            };
            let token = |who: &Value| who["token"].as_str().unwrap().to_owned();
            let (ada, bob) = (&joined[0], &joined[1]);
            let wanted = json!({"kind": "port", "port": 8000});
            let created = call(
                &client,
                &host,
                &below(ada, "origins"),
                &token(ada),
                Some(wanted.clone()),
            )
            .await;
            assert_eq!(created.status, StatusCode::OK, "{created:?}");
            let origin = created.json()["origin"].as_str().unwrap().to_owned();
            let entered = go(&client, created.json()["url"].as_str().unwrap(), "").await;
            let cookie = entered.cookie().unwrap();
            let page = go(&client, &format!("{origin}/"), &cookie).await;
            let own = format!("{}-seat-0{}", workshop["id"].as_str().unwrap(), ada["seat"]);
            assert!(page.text.contains(&own), "{page:?}");
            let opened = call(
                &client,
                &host,
                &below(ada, "open-ports/8000"),
                &token(ada),
                None,
            )
            .await;
            assert_eq!(opened.json(), json!({"ports": [8000]}));

            app.stop().await;
            let app = room(dir.path(), main, ports).await;
            let client = app.client();
            let again = loop {
                let again = go(&client, &format!("{origin}/"), &cookie).await;
                // The seat's processes ended with the simulated engine; it is made again.
                if again.status != StatusCode::SERVICE_UNAVAILABLE {
                    break again;
                }
                tokio::task::yield_now().await;
            };
            assert!(again.text.contains(&own), "{again:?}");
            let created = call(
                &client,
                &host,
                &below(ada, "origins"),
                &token(ada),
                Some(wanted),
            )
            .await;
            assert_eq!(created.json()["origin"], origin.as_str(), "another number");
            let guest = json!({"kind": "port", "port": 8000, "seat": ada["seat"]});
            let guest = call(
                &client,
                &host,
                &below(bob, "origins"),
                &token(bob),
                Some(guest),
            )
            .await;
            assert_eq!(guest.status, StatusCode::OK, "the port is shut: {guest:?}");
            app.stop().await;
        }))
        .await;
}
