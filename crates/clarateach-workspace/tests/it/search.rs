//! Finding files and lines.

use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::seat::{Answer, Seat, until};

fn outcome(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.code())
}

async fn search(seat: &Seat, query: &str) -> Value {
    let answer = seat.get(&format!("/search?{query}")).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.text());
    answer.json()
}

async fn paths(seat: &Seat, query: &str) -> Vec<String> {
    let found = search(seat, query).await;
    let matches = found["matches"].as_array().unwrap().iter();
    matches
        .map(|each| each["path"].as_str().unwrap().to_owned())
        .collect()
}

fn plant(seat: &Seat) {
    for folder in [
        "src/deep",
        "node_modules/x",
        ".git",
        "target/debug",
        ".home",
        "docs",
    ] {
        std::fs::create_dir_all(seat.root().join(folder)).unwrap();
    }
    for (path, content) in [
        (".gitignore", "target/\n*.log\n!keep.log\n"),
        ("docs/.gitignore", "/private*\n"),
        ("docs/private.md", "needle"),
        ("docs/public.md", "a Needle\nneedles and needle\n"),
        (
            "src/main.rs",
            "fn main() {\r\n    let ü🐍 = \"needle\";\r\n}\r\n",
        ),
        ("src/deep/main_test.rs", "// nothing"),
        ("node_modules/x/main.rs", "needle"),
        (".git/main", "needle"),
        ("target/debug/main", "needle"),
        (".home/main", "needle"),
        ("out.log", "needle"),
        ("keep.log", "needle"),
        (".env", "needle"),
    ] {
        seat.write(path, content);
    }
    seat.write("binary", b"needle\0needle");
}

#[tokio::test]
async fn names_are_found_the_best_first() {
    let seat = Seat::start().await;
    plant(&seat);
    let found = paths(&seat, "q=main").await;
    assert_eq!(found, ["src/main.rs", "src/deep/main_test.rs"]);
    // Fuzzy, and every word counts.
    assert_eq!(paths(&seat, "q=dmtst").await, ["src/deep/main_test.rs"]);
    assert_eq!(
        paths(&seat, "q=deep%20main").await,
        ["src/deep/main_test.rs"]
    );
    assert!(paths(&seat, "q=MAIN").await.is_empty(), "capitals count");
    assert_eq!(paths(&seat, "q=MAIN&case=insensitive").await.len(), 2);
    assert_eq!(paths(&seat, "q=%5Esrc/.*rs%24&regex=true").await.len(), 2);
    assert_eq!(paths(&seat, "q=main&path=src/deep").await.len(), 1);
    assert_eq!(paths(&seat, "q=&glob=*.md").await, ["docs/public.md"]);
    assert!(paths(&seat, "q=main&all=true").await.len() > 4);
    let cut = search(&seat, "q=main&limit=1").await;
    assert_eq!(
        cut,
        json!({"matches": [{"path": "src/main.rs", "name": "main.rs", "kind": "file"}],
            "truncated": true, "reason": "limit"})
    );
}

#[tokio::test]
async fn lines_are_found_where_an_editor_shows_them() {
    let seat = Seat::start().await;
    plant(&seat);
    let found = search(&seat, "q=needle&in=contents").await;
    let place = |each: &Value| {
        format!(
            "{}:{}:{}-{}",
            each["path"].as_str().unwrap(),
            each["line"],
            each["column"],
            each["end_column"]
        )
    };
    let places: Vec<_> = found["matches"]
        .as_array()
        .unwrap()
        .iter()
        .map(place)
        .collect();
    assert_eq!(
        places,
        [
            ".env:1:1-7",
            "docs/public.md:1:3-9",
            "docs/public.md:2:1-7",
            "docs/public.md:2:13-19",
            "keep.log:1:1-7",
            // ü is one unit, 🐍 two.
            "src/main.rs:2:16-22",
        ]
    );
    assert_eq!(found["matches"][5]["text"], "    let ü🐍 = \"needle\";");
    assert_eq!(found["matches"][5]["text_column"], 1);
    assert_eq!(
        (&found["truncated"], &found["files_skipped"]),
        (&json!(false), &json!(1))
    );
    let count = async |query: &str| paths(&seat, &format!("in=contents&{query}")).await.len();
    assert_eq!(count("q=needle&case=sensitive").await, 5);
    assert_eq!(count("q=needle&word=true").await, 5);
    assert_eq!(count("q=Needle").await, 1);
    assert_eq!(count("q=n..dle%5Cb&regex=true").await, 5);
    assert_eq!(count("q=n..dle").await, 0);
    assert_eq!(count("q=needle&glob=*.md").await, 3);
    assert_eq!(count("q=needle&glob=!*.md").await, 3);
    assert_eq!(count("q=needle&path=docs").await, 3);
    assert_eq!(count("q=needle&all=true").await, 12);
    assert_eq!(count("q=needle&limit=2").await, 2);
}

#[tokio::test]
async fn what_cannot_be_searched_for_is_told() {
    let seat = Seat::start().await;
    for (query, field) in [
        ("q=(&regex=true&in=contents", "q"),
        ("q=&in=contents", "q"),
        ("q=a%5Cnb&regex=true&in=contents", "q"),
        ("q=x&glob=%5B", "glob"),
        ("q=x&limit=0", "limit"),
        ("q=x&in=everything", "in"),
        ("q=x&colour=red", "query"),
    ] {
        let answer = seat.get(&format!("/search?{query}")).await;
        assert_eq!(
            outcome(&answer),
            (400, "invalid_input".to_owned()),
            "{query}"
        );
        assert_eq!(answer.json()["error"]["field"], field, "{query}");
    }
    let pattern = "(((a{100}){100}){100})";
    let huge = seat
        .get(&format!("/search?q={pattern}&regex=true&in=contents"))
        .await;
    assert_eq!(huge.status, 400);
    assert_eq!(seat.get("/search?q=x&path=missing").await.status, 404);
    assert_eq!(seat.get("/search?q=x&path=..").await.status, 400);
}

#[tokio::test]
async fn searches_stay_below_the_root_and_never_hang() {
    let seat = Seat::start().await;
    let outside = seat.folder.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("secret"), "needle").unwrap();
    symlink(&outside, seat.root().join("link")).unwrap();
    symlink(outside.join("secret"), seat.root().join("file")).unwrap();
    symlink(outside.join("secret"), seat.root().join(".gitignore")).unwrap();
    symlink(".", seat.root().join("loop")).unwrap();
    std::process::Command::new("mkfifo")
        .arg(seat.root().join("pipe"))
        .status()
        .unwrap();
    seat.write("here", "needle");
    // The control: through the link it is there.
    assert_eq!(seat.read("link/secret"), "needle");
    assert_eq!(
        paths(&seat, "q=needle&in=contents&all=true").await,
        ["here"]
    );
    assert!(paths(&seat, "q=secret").await.is_empty());
    let led = seat.get("/search?q=needle&in=contents&path=link").await;
    assert_eq!(led.status, 403);
}

#[tokio::test]
async fn a_search_ends_in_time_and_with_its_client() {
    let seat = Seat::start().await;
    // Looks at every byte of many megabytes, far longer than five seconds in all.
    let line = format!("{}\n", "a".repeat(9_999_000));
    for n in 0..40 {
        seat.write(&format!("f{n:02}"), &line);
    }
    let slow = "in=contents&regex=true&q=(a%7Ca.)%7B1,40%7Db";
    let begun = Instant::now();
    let answer = tokio::time::timeout(
        Duration::from_millis(300),
        seat.get(&format!("/search?{slow}")),
    )
    .await;
    if answer.is_ok() {
        println!("the whole search took {:?}", begun.elapsed());
    }
    // Two more at once find places: the first gave up its own.
    until("places for two", async || {
        let both = tokio::join!(
            seat.get("/search?q=f0&limit=1"),
            seat.get("/search?q=f1&limit=1")
        );
        both.0.status == 200 && both.1.status == 200
    })
    .await;
    let begun = Instant::now();
    let found = search(&seat, slow).await;
    println!("{:?}: {found}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(9));
}
