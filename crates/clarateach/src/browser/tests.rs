//! Both engines word for word, and what the contract makes of them.

use super::*;

fn start() -> BrowserStart {
    BrowserStart {
        screen: Screen::default(),
        start_url: Some("http://localhost:8000/".to_owned()),
        public_ip: Some(IpAddr::from([203, 0, 113, 7])),
        control: Secret("control-secret".to_owned()),
        view: Secret("view-secret".to_owned()),
        nonce: Secret("start-nonce".to_owned()),
    }
}

fn golden(engine: &BrowserEngine) -> String {
    let variables = engine.environment(&start());
    let variables = variables
        .iter()
        .map(|(name, value)| format!("{name}={value}\n"));
    let paths = engine.paths.iter().map(|path| format!("{path:?}\n"));
    format!(
        "{:?}, media {:?}, health {}, challenge {:?}\n{}\n{}\n{}",
        engine.credentials,
        engine.media,
        engine.health,
        engine.challenge,
        engine.command.join("\n"),
        paths.collect::<String>(),
        variables.collect::<String>()
    )
}

#[test]
fn selkies_is_told_this() {
    insta::assert_snapshot!(golden(&SELKIES));
}

#[test]
fn neko_is_told_this() {
    insta::assert_snapshot!(golden(&NEKO));
}

#[test]
fn names_lead_to_engines() {
    for engine in ENGINES {
        assert_eq!(BrowserEngine::named(engine.name), Some(engine));
    }
    assert_eq!(BrowserEngine::named("chromium"), None);
}

#[test]
fn what_opens_a_start_is_read_back_from_its_variables() {
    for engine in ENGINES {
        let start = BrowserStart::new(Screen::default());
        let variables = engine.environment(&start);
        let variables = variables
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        let access = engine.access(&variables.collect()).unwrap();
        assert_eq!(access.control, start.control);
        assert_eq!(access.nonce.is_some(), engine.challenge.is_some());
        assert_eq!(engine.access(&HashMap::new()), None);
    }
    let view = SELKIES.environment(&start());
    let view = view.iter().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(
        SELKIES.access(&view.collect()).unwrap().view,
        Some(start().view)
    );
}

#[test]
fn only_the_listed_paths_are_open() {
    use Asking::{Other, Read, Socket};
    let open = [
        (&SELKIES, Read, "/"),
        (&SELKIES, Read, "/assets/index-BpOBp7NB.js"),
        (&SELKIES, Socket, "/api/websockets"),
        (&NEKO, Read, "/js/app.js"),
        (&NEKO, Socket, "/ws"),
    ];
    for (engine, asking, path) in open {
        assert!(
            engine.allows(asking, path),
            "{} {path} is shut",
            engine.name
        );
    }
    let shut = [
        (&SELKIES, Other, "/"),
        (&SELKIES, Read, "/api/health"),
        (&SELKIES, Read, "/api/websockets"),
        (&SELKIES, Socket, "/"),
        (&SELKIES, Socket, "/api/webrtc/signaling"),
        (&SELKIES, Socket, "/api/ws"),
        (&SELKIES, Read, "/api/tokens"),
        (&SELKIES, Other, "/api/tokens"),
        (&SELKIES, Other, "/api/switch"),
        (&SELKIES, Other, "/api/upload"),
        (&SELKIES, Read, "/api/files/"),
        (&SELKIES, Read, "/api/screenshot"),
        (&SELKIES, Read, "/api/sessions"),
        (&SELKIES, Read, "/api/recording"),
        (&SELKIES, Read, "/assets/../api/screenshot"),
        (&SELKIES, Read, "/assets/%2e%2e/api/screenshot"),
        (&SELKIES, Read, "/assets//api"),
        (&SELKIES, Read, "/assets/..\\api"),
        (&SELKIES, Read, "/assetsx"),
        (&NEKO, Read, "/api/members"),
        (&NEKO, Other, "/api/login"),
        (&NEKO, Socket, "/api/ws"),
        (&NEKO, Read, "/metrics"),
        (&NEKO, Read, "/screenshot.jpg"),
    ];
    for (engine, asking, path) in shut {
        assert!(
            !engine.allows(asking, path),
            "{} {path} is open",
            engine.name
        );
    }
}

#[test]
fn the_gateway_logs_in_for_the_visitor() {
    let access = BrowserAccess {
        control: start().control,
        view: Some(start().view),
        nonce: None,
    };
    let login = |engine: &BrowserEngine, visit, path| match engine.login(&access, visit, path) {
        Some(Login::Authorization(Secret(text)) | Login::Query(Secret(text))) => text,
        None => String::new(),
    };
    // seat:control-secret, seat:view-secret
    let control = login(&SELKIES, Visit::Control, "/");
    assert_eq!(control, "Basic c2VhdDpjb250cm9sLXNlY3JldA==");
    assert_ne!(login(&SELKIES, Visit::View, "/"), control);
    let socket = login(&NEKO, Visit::Control, "/ws");
    assert_eq!(socket, "username=seat&password=control-secret");
    let socket = login(&NEKO, Visit::View, "/ws");
    assert_eq!(socket, "username=seat&password=view-secret");
    assert_eq!(login(&NEKO, Visit::Control, "/"), "");
    let blind = BrowserAccess {
        view: None,
        ..access.clone()
    };
    assert_eq!(SELKIES.login(&blind, Visit::View, "/"), None);
}

#[test]
fn a_challenge_is_answered_with_the_starts_nonce() {
    let access = |nonce: Option<&str>| BrowserAccess {
        control: start().control,
        view: None,
        nonce: nonce.map(|nonce| Secret(nonce.to_owned())),
    };
    // RFC 4231, test case 2.
    let answer = access(Some("Jefe")).answer("what do ya want for nothing?");
    let right = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert_eq!(answer.as_deref(), Some(right));
    assert_eq!(access(None).answer("x"), None);
}

#[test]
fn secrets_are_new_each_time_and_shown_nowhere() {
    let (one, two) = (
        BrowserStart::new(Screen::default()),
        BrowserStart::new(Screen::default()),
    );
    assert_ne!(one.control, two.control);
    assert_ne!(one.nonce, two.nonce);
    assert_eq!(one.control.reveal().len(), 48);
    let shown = format!("{one:?}");
    assert!(!shown.contains(one.control.reveal()), "{shown}");
}
