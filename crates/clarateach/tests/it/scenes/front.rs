//! A socket in front of the machine's engine that passes everything on, or hangs, or answers that it failed, or that a
//! network is in use.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

const ENGINE: &str = "/var/run/docker.sock";
const FAILURE: &str = r#"{"message":"no space left on device"}"#;
/// What an engine says whose count of a network's endpoints is off by one, until it is restarted (moby 20.10).
const IN_USE: &str = r#"{"message":"error while removing network: network has active endpoints"}"#;

/// What becomes of what the server asks of its engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    Works,
    /// Takes connections, says nothing.
    Hangs,
    /// 500, whatever is asked.
    Fails,
    /// Works, but removes no network: each is in use, by nobody.
    KeepsNetworks,
}

/// The socket; it goes when it is dropped.
pub(super) struct Front {
    folder: TempDir,
    mode: watch::Sender<Engine>,
    leaving: Arc<Leaving>,
    _tasks: JoinSet<()>,
}

impl Front {
    pub(super) fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("engine.sock")).unwrap();
        let (mode, modes) = watch::channel(Engine::Works);
        let mut tasks = JoinSet::new();
        let leaving = Arc::<Leaving>::default();
        tasks.spawn(accept(listener, modes, leaving.clone()));
        Self {
            folder,
            mode,
            leaving,
            _tasks: tasks,
        }
    }

    /// From now on; what was under way is cut, but a hanging engine keeps whoever waits waiting.
    pub(super) fn now(&self, mode: Engine) {
        self.mode.send_replace(mode);
    }

    /// The most containers that were ever leaving networks together, while it kept those.
    pub(super) fn most_leaving_at_once(&self) -> usize {
        self.leaving.most.load(Ordering::SeqCst)
    }

    /// As `DOCKER_HOST` takes it.
    pub(super) fn host(&self) -> String {
        format!("unix://{}", self.path().display())
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("engine.sock")
    }
}

/// Containers that are leaving a network: asked for, and not answered yet.
#[derive(Default)]
struct Leaving {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Leaving {
    fn begin(&self) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
    }

    fn end(&self) {
        self.now.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn accept(listener: UnixListener, modes: watch::Receiver<Engine>, leaving: Arc<Leaving>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(stream, modes.clone(), leaving.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(mut client: UnixStream, mut modes: watch::Receiver<Engine>, leaving: Arc<Leaving>) {
    let mode = *modes.borrow_and_update();
    match mode {
        Engine::Works | Engine::KeepsNetworks => {
            let Ok(mut engine) = UnixStream::connect(ENGINE).await else {
                return;
            };
            let next = tokio::select! {
                () = pass_on(&mut client, &mut engine, mode, &leaving) => return,
                _ = modes.changed() => *modes.borrow(),
            };
            drop(engine);
            if next == Engine::Hangs {
                silent(&mut client, &mut modes).await;
            }
        }
        Engine::Hangs => silent(&mut client, &mut modes).await,
        Engine::Fails => {
            let mut asked = [0; 16 * 1024];
            // Whoever hangs up gets no answer.
            let _ = client.read(&mut asked).await;
            let _ = client
                .write_all(answer("500 Internal Server Error", FAILURE).as_bytes())
                .await;
            let _ = client.shutdown().await;
        }
    }
}

/// Until either hangs up, or the answer was ours.
async fn pass_on(
    client: &mut UnixStream,
    engine: &mut UnixStream,
    mode: Engine,
    leaving: &Leaving,
) {
    if mode == Engine::Works {
        let _ = copy_bidirectional(client, engine).await;
        return;
    }
    let (mut asked, mut answered) = ([0; 16 * 1024], [0; 16 * 1024]);
    let mut leaves = false;
    loop {
        // A request here is one write, and the next one waits for its answer.
        let passed = tokio::select! {
            read = client.read(&mut asked) => match read {
                Ok(length @ 1..) => {
                    let line = first_line(&asked[..length]);
                    if line.starts_with("DELETE ") && line.contains("/networks/") {
                        let refusal = answer("403 Forbidden", IN_USE);
                        let _ = client.write_all(refusal.as_bytes()).await;
                        return;
                    }
                    if line.starts_with("POST ") && line.contains("/disconnect") {
                        leaving.begin();
                        leaves = true;
                    }
                    engine.write_all(&asked[..length]).await
                }
                _ => return,
            },
            read = engine.read(&mut answered) => match read {
                Ok(length @ 1..) => {
                    if std::mem::take(&mut leaves) {
                        leaving.end();
                    }
                    client.write_all(&answered[..length]).await
                }
                _ => return,
            },
        };
        if passed.is_err() {
            return;
        }
    }
}

fn first_line(request: &[u8]) -> &str {
    let line = request.split(|byte| *byte == b'\r').next();
    line.and_then(|line| std::str::from_utf8(line).ok())
        .unwrap_or_default()
}

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// Until the engine is another, or the client has gone.
async fn silent(client: &mut UnixStream, modes: &mut watch::Receiver<Engine>) {
    let mut ignored = [0; 1024];
    loop {
        tokio::select! {
            read = client.read(&mut ignored) => if !matches!(read, Ok(1..)) { return },
            _ = modes.changed() => return,
        }
    }
}
