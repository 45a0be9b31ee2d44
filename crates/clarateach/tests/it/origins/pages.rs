//! Pages of ours at own origins: they lead back, wait, and carry nothing of whoever asked.

use super::world::{SILENT, World, echo, program};
use crate::proxy::client::Ask;
use serde_json::json;
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn who_has_no_cookie_is_led_to_the_workspace_and_back() {
    let upstream = echo().await;
    let world = World::serving(&upstream).await;
    let host = format!("5173--3--ws-abcdefgh.localhost:{}", world.address.port());
    let ask = |path: &str| Ask {
        address: world.address,
        text: format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n"),
    };
    let page = ask("/a/b?q=%22%3E%3Cscript%3E&x='\"><script>"
        .replace(['"', '<', '>'], "%3C")
        .as_str())
    .field("Accept", "text/html")
    .send()
    .await;
    assert_eq!(page.status, 401);
    let text = page.text();
    assert!(text.contains("port 5173 of seat 3"), "{text}");
    let link = format!(
        "href=\"http://localhost:{}/seat/ws-abcdefgh/3?open=5173&amp;path=/a/b%3Fq%3D",
        world.address.port()
    );
    assert!(text.contains(&link), "{text}");
    assert!(!text.contains("<script"), "{text}");
    let policy = page.field("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(
        policy.contains(&format!(
            "frame-ancestors 'self' http://localhost:{}",
            world.address.port()
        )),
        "{policy}"
    );
    assert_eq!(page.field("referrer-policy"), Some("no-referrer"));
    assert_eq!(
        page.field("cross-origin-opener-policy"),
        Some("same-origin")
    );
    let program_asks = ask("/api").field("Accept", "*/*").send().await;
    assert_eq!(program_asks.error(), (401, "not_entered".to_owned()));
    assert_eq!(upstream.seen(), "", "something reached the seat");
}

#[tokio::test]
async fn where_nothing_listens_the_page_looks_again_by_itself() {
    let upstream = echo().await;
    let world = World::serving(&upstream).await;
    let body = json!({"kind": "port", "port": SILENT});
    let ada = world.enter("localhost", &world.ada(), 3, body).await;
    let page = ada.visit("/").send().await;
    assert_eq!(page.status, 503);
    assert_eq!(page.field("retry-after"), Some("2"));
    assert!(
        page.text()
            .contains("<meta http-equiv=\"refresh\" content=\"2\">"),
        "{}",
        page.text()
    );
    assert!(
        page.text().contains("python3 -m http.server 9999"),
        "{}",
        page.text()
    );
    let fetched = ada.fetch("GET", "/api").send().await;
    assert_eq!(fetched.error(), (503, "nothing_listens".to_owned()));
    assert_eq!(fetched.field("retry-after"), Some("2"));
}

#[tokio::test]
async fn a_seat_that_is_coming_back_is_said() {
    let world = World::start().await;
    let ada = world.ada_in("localhost").await;
    let page = ada.visit("/").send().await;
    assert_eq!(page.status, 503);
    assert!(page.text().contains("coming back"), "{}", page.text());
}

#[tokio::test]
async fn a_program_that_speaks_no_http_is_said() {
    for answer in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "",
    ] {
        let upstream = program(move |mut stream, _, _| async move {
            let _ = stream.write_all(answer.as_bytes()).await;
        })
        .await;
        let world = World::serving(&upstream).await;
        let ada = world.ada_in("localhost").await;
        let page = ada.visit("/").send().await;
        assert_eq!(page.status, 502, "{answer:?}");
        assert!(page.text().contains("no web page"), "{}", page.text());
        assert_eq!(ada.fetch("GET", "/").send().await.status, 502);
    }
}

#[tokio::test]
async fn our_own_paths_never_reach_a_program() {
    let upstream = echo().await;
    let world = World::serving(&upstream).await;
    let ada = world.ada_in("localhost").await;
    for path in [
        "/.clarateach/",
        "/.clarateach/x",
        "/.clarateach/enter/",
        "/.clarateach/check/x",
    ] {
        assert_eq!(ada.visit(path).send().await.status, 404, "{path}");
    }
    assert_eq!(
        ada.fetch("POST", "/.clarateach/enter").send().await.status,
        405
    );
    assert_eq!(upstream.seen(), "", "something reached the seat");
}
