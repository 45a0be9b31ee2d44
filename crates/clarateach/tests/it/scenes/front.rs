//! A socket in front of the machine's engine that passes everything on, or hangs, or answers that it failed.

use std::path::PathBuf;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

const ENGINE: &str = "/var/run/docker.sock";
const FAILURE: &str = r#"{"message":"no space left on device"}"#;

/// What becomes of what the server asks of its engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    Works,
    /// Takes connections, says nothing.
    Hangs,
    /// 500, whatever is asked.
    Fails,
}

/// The socket; it goes when it is dropped.
pub(super) struct Front {
    folder: TempDir,
    mode: watch::Sender<Engine>,
    _tasks: JoinSet<()>,
}

impl Front {
    pub(super) fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("engine.sock")).unwrap();
        let (mode, modes) = watch::channel(Engine::Works);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, modes));
        Self {
            folder,
            mode,
            _tasks: tasks,
        }
    }

    /// From now on; what was under way is cut, but a hanging engine keeps whoever waits waiting.
    pub(super) fn now(&self, mode: Engine) {
        self.mode.send_replace(mode);
    }

    /// As `DOCKER_HOST` takes it.
    pub(super) fn host(&self) -> String {
        format!("unix://{}", self.path().display())
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("engine.sock")
    }
}

async fn accept(listener: UnixListener, modes: watch::Receiver<Engine>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(stream, modes.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(mut client: UnixStream, mut modes: watch::Receiver<Engine>) {
    let mode = *modes.borrow_and_update();
    match mode {
        Engine::Works => {
            let Ok(mut engine) = UnixStream::connect(ENGINE).await else {
                return;
            };
            let next = tokio::select! {
                _ = copy_bidirectional(&mut client, &mut engine) => return,
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
            let length = FAILURE.len();
            let answer = format!(
                "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\n\
                 Content-Length: {length}\r\nConnection: close\r\n\r\n{FAILURE}"
            );
            let _ = client.write_all(answer.as_bytes()).await;
            let _ = client.shutdown().await;
        }
    }
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
