//! WebSockets: the same messages, and what is followed can change meanwhile.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use axum::http::{HeaderMap, header};

use super::filter::Filter;
use super::follower::{Follower, Heard};
use super::{LiveRequest, LiveSubscription};
use crate::rest::problem::Problem;

/// The largest message of a client, in bytes.
pub(super) const MESSAGE_BYTES: usize = 64 << 10;
/// A client that takes nothing for so long is gone.
const SEND_WITHIN: Duration = Duration::from_secs(30);
/// Asked for too much: the closing code of RFC 6455 for what violates a policy.
const POLICY: u16 = 1008;
/// The server goes away.
const AWAY: u16 = 1001;

/// Serves a listener until either side ends it.
pub(super) async fn serve(mut socket: WebSocket, mut follower: Follower) {
    loop {
        let more = tokio::select! {
            heard = follower.next() => tell(&mut socket, heard).await,
            message = socket.recv() => take(&mut socket, &mut follower, message).await,
        };
        if !more {
            return;
        }
    }
}

async fn tell(socket: &mut WebSocket, heard: Option<Heard>) -> bool {
    match heard {
        Some(Heard::Chunk(chunk)) => {
            for message in chunk.messages() {
                if !send(socket, Message::Text(message.clone())).await {
                    return false;
                }
            }
            true
        }
        Some(Heard::Word(frame)) => send(socket, Message::Text(frame.message())).await,
        Some(Heard::End(frame)) => {
            let said = send(socket, Message::Text(frame.message())).await;
            said && close(socket, AWAY, "end").await
        }
        None => close(socket, AWAY, "end").await,
    }
}

/// Takes a message of the client in, and says whether to go on.
async fn take(socket: &mut WebSocket, follower: &mut Follower, message: Option<Result<Message, axum::Error>>) -> bool {
    let text = match message {
        Some(Ok(Message::Text(text))) => text,
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => return true,
        Some(Ok(Message::Binary(_))) => return close(socket, POLICY, "expected text").await,
        Some(Ok(Message::Close(_)) | Err(_)) | None => return false,
    };
    let changed = wanted(follower.filter(), &text).and_then(|filter| follower.change(filter));
    match changed {
        Ok(()) => true,
        Err(problem) => close(socket, POLICY, &problem.detail).await,
    }
}

fn wanted(before: &Filter, text: &str) -> Result<Filter, Problem> {
    let request: LiveRequest = serde_json::from_str(text).map_err(|e| Problem::invalid("subscribe", e.to_string()))?;
    let LiveSubscription { topics, series, site } = request.subscribe;
    let (topics, series) = (topics.unwrap_or_default(), series.unwrap_or_default());
    Filter::new(before.operator().clone(), site.as_deref(), &topics, &series)
}

async fn send(socket: &mut WebSocket, message: Message) -> bool {
    matches!(tokio::time::timeout(SEND_WITHIN, socket.send(message)).await, Ok(Ok(())))
}

/// Says why it ends. Always false: there is nothing to go on with.
async fn close(socket: &mut WebSocket, code: u16, reason: &str) -> bool {
    // A reason has 123 bytes at most (RFC 6455, 5.5).
    let end = reason.char_indices().map(|(at, _)| at).take_while(|at| *at <= 120).last().unwrap_or(0);
    let reason = if reason.len() > 120 { &reason[..end] } else { reason };
    send(socket, Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
    false
}

/// A browser opens a socket for whatever page asks: where a cookie proves who it is, the page must be ours.
pub(super) fn check_origin(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    let own = |origin: &str| {
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
    };
    match text(header::ORIGIN) {
        Some(origin) if own(origin) => Ok(()),
        Some(origin) => {
            let origin = crate::model::shorten(origin);
            Err(Problem::forbidden(format!("Origin is {origin:?}, expected that of this server")))
        }
        None => Err(Problem::forbidden("Origin is missing, expected that of this server")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_opened_by_our_own_page_alone() {
        for (origin, host, allowed) in [
            (Some("https://mem.example"), "mem.example", true),
            (Some("http://127.0.0.1:8080"), "127.0.0.1:8080", true),
            (Some("https://evil.example"), "mem.example", false),
            (Some("https://mem.example.evil.example"), "mem.example", false),
            (Some("https://mem.example:444"), "mem.example", false),
            (Some("null"), "mem.example", false),
            (Some(""), "", false),
            (None, "mem.example", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            assert_eq!(check_origin(&headers).is_ok(), allowed, "{origin:?} at {host}");
        }
    }
}
