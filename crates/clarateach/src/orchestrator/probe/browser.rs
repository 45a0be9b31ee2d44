//! Whether a seat's browser is there: its engine proves itself twice, on a connection each.
//!
//! The images answer only once there is a window to see, so this is also whether Firefox runs.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};

use crate::browser::BrowserDoor;
use crate::browsers::{PORT_TAKEN, ProofError, prove};
use crate::model::Reason;
use crate::provider::ProviderError;

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(100);
/// For a connection, or a whole answer.
const STEP: Duration = Duration::from_secs(5);
/// Right answers in a row that count.
const ANSWERS: u32 = 2;
/// Wrong answers in a row that count: one may be of a program that is just being ended.
const WRONG_ANSWERS: u32 = 10;

/// Why a browser can't be used.
#[derive(Debug, thiserror::Error)]
pub(in crate::orchestrator) enum BrowserError {
    /// It doesn't run any more.
    #[error("the browser is gone")]
    Gone,
    /// It could not be found.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// Something else has its port.
    #[error(
        "a program in the seat has port {port}, which its browser needs. Hint: stop that program, and open the browser again"
    )]
    PortTaken {
        /// Which port.
        port: u16,
    },
    /// It shows nothing.
    #[error("the browser showed nothing within {} s", .0.as_secs())]
    Silent(Duration),
    /// It has no way to prove itself.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl BrowserError {
    /// The error as people read it.
    pub(in crate::orchestrator) fn reason(&self) -> Reason {
        let code = match self {
            Self::Gone => "gone",
            Self::Provider(error) => error.code(),
            Self::PortTaken { .. } => PORT_TAKEN,
            Self::Silent(_) => "deadline",
            Self::Proof(_) => "no_proof",
        };
        Reason::new(code, self.to_string())
    }
}

/// Waits until the browser behind a door proved itself.
pub(in crate::orchestrator) async fn probe(
    door: &BrowserDoor,
    after: Duration,
) -> Result<(), BrowserError> {
    let deadline = Instant::now() + after;
    let (mut right, mut wrong) = (0, 0);
    let mut pause = interval(PAUSE);
    pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let asking = async {
        loop {
            pause.tick().await;
            match ask(door).await {
                Some(Ok(())) => (right, wrong) = (right + 1, 0),
                Some(Err(ProofError::Impossible)) => return Err(ProofError::Impossible.into()),
                Some(Err(ProofError::Impostor)) => (right, wrong) = (0, wrong + 1),
                // Not there yet, or about to end: whatever it is, it is asked again.
                Some(Err(ProofError::Broken(_) | ProofError::Silent(_))) | None => right = 0,
            }
            if right == ANSWERS {
                return Ok(());
            }
            if wrong == WRONG_ANSWERS {
                let port = door.address.port();
                return Err(BrowserError::PortTaken { port });
            }
        }
    };
    timeout_at(deadline, asking)
        .await
        .map_err(|_| BrowserError::Silent(after))?
}

/// One question; `None`: nothing listens.
async fn ask(door: &BrowserDoor) -> Option<Result<(), ProofError>> {
    let stream = timeout(STEP, TcpStream::connect(door.address)).await;
    let stream = stream.ok()?.ok()?;
    let shaken = http1::handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.ok()?;
    let mut proof = std::pin::pin!(prove(&mut sender, Empty::new(), door));
    Some(tokio::select! {
        proof = &mut proof => proof,
        // Whoever closes has said what there is to say.
        _ = connection => proof.await,
    })
}
