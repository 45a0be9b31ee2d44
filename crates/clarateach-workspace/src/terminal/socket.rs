//! One WebSocket attached to one terminal: turns messages into calls of the session and back.

use std::sync::Arc;

use bytes::Bytes;
use clarateach_protocol::terminal::{AttachQuery, ClientFrame, Mode, ServerFrame, close};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};
use tokio_util::sync::CancellationToken;

use super::registry::Terminal;
use super::session::{ClientId, Input, Next};
use super::{Patience, Size};

/// Connections that one terminal serves at most.
pub(crate) const MAX_CLIENTS: usize = 64;
/// A message from a page; it cuts longer pastes.
const MAX_MESSAGE_BYTES: usize = 256 * 1024;
/// Allocated for each connection at once.
const READ_BUFFER_BYTES: usize = 4 * 1024;
/// Output frames are at most 32 KiB and leave when they are complete.
const WRITE_BUFFER_BYTES: usize = 32 * 1024;
/// How long the client has to answer a close frame.
const CLOSE_PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The client left, or the network did.
    Left,
    /// We close, with a code and a reason.
    Close(u16, &'static str),
}

const TOO_SLOW: End = End::Close(close::TOO_SLOW, "too slow: resume when you can");
const GONE: End = End::Close(close::GONE, "terminal is gone");
const STOPPING: End = End::Close(close::STOPPING, "seat is stopping");

/// RFC 6455, section 7.4.1, has these codes.
const NO_WEBSOCKET: End = End::Close(1002, "not a WebSocket frame");
const NO_TEXT: End = End::Close(1007, "a text frame that is not UTF-8");
const TOO_LARGE: End = End::Close(1009, "a message is at most 256 KiB: send several");

/// A client's place in a terminal; leaving it detaches.
struct Attachment {
    terminal: Arc<Terminal>,
    id: ClientId,
    wake: Arc<Notify>,
    /// Something was sent that is to be acknowledged.
    owing: Notify,
    /// The client asked whether anybody is there.
    asked: Notify,
}

impl Drop for Attachment {
    fn drop(&mut self) {
        self.terminal.session.lock().detach(self.id);
        self.terminal.wake.notify_one();
    }
}

/// Serves an upgraded connection until either side ends it.
pub(crate) async fn serve(
    upgraded: Upgraded,
    terminal: Arc<Terminal>,
    query: AttachQuery,
    mode: Mode,
    patience: Patience,
    stop: CancellationToken,
) {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES));
    let io = TokioIo::new(upgraded);
    let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let (id, wake) = terminal.session.lock().attach(&query, mode, Instant::now());
    terminal.wake.notify_one();
    let attachment = Attachment {
        terminal,
        id,
        wake,
        owing: Notify::new(),
        asked: Notify::new(),
    };
    let (mut sink, mut stream) = socket.split();
    let end = tokio::select! {
        end = send_output(&mut sink, &attachment, patience) => end,
        end = receive_input(&mut stream, &attachment, patience) => end,
        () = await_overdue_ack(&attachment) => TOO_SLOW,
        () = stop.cancelled() => STOPPING,
    };
    drop(attachment);
    if let End::Close(code, reason) = end {
        // A client that answers in time learns the code; the others see the connection end.
        let _ = timeout(CLOSE_PATIENCE, say_goodbye(sink, stream, code, reason)).await;
    }
}

async fn send_output(
    sink: &mut SplitSink<Socket, Message>,
    attachment: &Attachment,
    patience: Patience,
) -> End {
    let first_ping = Instant::now() + patience.ping_interval;
    let mut pings = interval_at(first_ping, patience.ping_interval);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let next = attachment
            .terminal
            .session
            .lock()
            .next(attachment.id, Instant::now());
        let sent = match next {
            Next::Frame(frame) => sink.send(message_of(&frame)).await,
            Next::Output(bytes) => {
                attachment.owing.notify_one();
                sink.send(Message::Binary(bytes)).await
            }
            Next::TooSlow => return TOO_SLOW,
            Next::Ended => return GONE,
            Next::Wait => tokio::select! {
                () = attachment.wake.notified() => Ok(()),
                () = attachment.asked.notified() => sink.send(message_of(&ServerFrame::Pong)).await,
                _ = pings.tick() => sink.send(Message::Ping(Bytes::new())).await,
            },
        };
        if sent.is_err() {
            return End::Left;
        }
    }
}

fn message_of(frame: &ServerFrame) -> Message {
    Message::text(serde_json::to_string(frame).expect("frames serialise"))
}

async fn receive_input(
    stream: &mut SplitStream<Socket>,
    attachment: &Attachment,
    patience: Patience,
) -> End {
    loop {
        let message = match timeout(patience.silence_limit, stream.next()).await {
            Err(_) => return End::Close(close::TOO_SLOW, "silent for too long"),
            Ok(Some(Ok(message))) => message,
            Ok(Some(Err(error))) => return ended_by(&error),
            Ok(None) => return End::Left,
        };
        let understood = match message {
            Message::Binary(bytes) => {
                take_input(attachment, &bytes).await;
                Ok(())
            }
            Message::Text(text) => take_frame(attachment, text.as_str()),
            Message::Close(_) => return End::Left,
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(()),
        };
        if let Err(reason) = understood {
            return End::Close(CloseCode::Protocol.into(), reason);
        }
    }
}

/// A client that breaks the rules is told; most errors are a client or a network that left.
fn ended_by(error: &Error) -> End {
    match error {
        Error::Capacity(_) => TOO_LARGE,
        Error::Utf8(_) => NO_TEXT,
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => End::Left,
        Error::Protocol(_) => NO_WEBSOCKET,
        _ => End::Left,
    }
}

/// Waits while the program doesn't take what was typed before.
async fn take_input(attachment: &Attachment, bytes: &[u8]) {
    let terminal = &attachment.terminal;
    let mut room = std::pin::pin!(terminal.input_room.notified());
    loop {
        // Listening before looking: what happens in between is not missed.
        room.as_mut().enable();
        if !terminal.session.lock().is_input_full() {
            break;
        }
        room.as_mut().await;
        room.set(terminal.input_room.notified());
    }
    let mut session = terminal.session.lock();
    match session.type_input(attachment.id, bytes) {
        Input::Ignored => return,
        Input::Taken => {}
        Input::Control(byte) => {
            // As the line discipline does with what it has: an interrupt empties the queue.
            if terminal.tty.interrupts(byte) {
                session.overtake();
                terminal.tty.flush_input();
            }
        }
    }
    drop(session);
    terminal.wake.notify_one();
}

fn take_frame(attachment: &Attachment, text: &str) -> Result<(), &'static str> {
    let frame: ClientFrame =
        serde_json::from_str(text).map_err(|_| "not a frame of clarateach.terminal.v1")?;
    let Attachment { terminal, id, .. } = attachment;
    match frame {
        ClientFrame::Resize { cols, rows } => {
            let size = Size::clamped(cols, rows);
            terminal.session.lock().resize(*id, size);
        }
        ClientFrame::Ack { offset } => terminal
            .session
            .lock()
            .ack(*id, offset, Instant::now())
            .map_err(|_| "ack went back, or beyond what was sent")?,
        ClientFrame::Ping {} => {
            // Output that is under way answers as well; this waits until there is none.
            attachment.asked.notify_one();
            return Ok(());
        }
    }
    terminal.wake.notify_one();
    Ok(())
}

/// Returns when the client owes an ack for too long.
async fn await_overdue_ack(attachment: &Attachment) {
    loop {
        let due = attachment.terminal.session.lock().ack_due(attachment.id);
        match due {
            Some(due) if due <= Instant::now() => return,
            Some(due) => sleep_until(due).await,
            None => attachment.owing.notified().await,
        }
    }
}

/// Sends a close frame and reads until the client's own, or, where there are no frames any more, until the end:
/// closing TCP over unread input would make the kernel throw the frame away.
async fn say_goodbye(
    mut sink: SplitSink<Socket, Message>,
    mut stream: SplitStream<Socket>,
    code: u16,
    reason: &'static str,
) {
    let frame = CloseFrame {
        code: CloseCode::from(code),
        reason: reason.into(),
    };
    if sink.send(Message::Close(Some(frame))).await.is_err() {
        return;
    }
    while let Some(Ok(message)) = stream.next().await {
        if message.is_close() {
            return;
        }
    }
    if let Ok(mut socket) = sink.reunite(stream) {
        let mut rest = [0; READ_BUFFER_BYTES];
        while let Ok(1..) = socket.get_mut().read(&mut rest).await {}
    }
}
