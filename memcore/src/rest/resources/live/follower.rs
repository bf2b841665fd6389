//! One listener: what it hears next, whatever it listens with.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::entry::{Chunk, Frame};
use super::filter::Filter;
use super::hub::{Caught, Hub, Joined, Seat};
use crate::accounts::Caller;
use crate::error::{ErrorKind, Result};
use crate::rest::api::Api;
use crate::rest::guard::HostCaller;
use crate::rest::problem::Problem;
use crate::rest::traffic::LiveView;

/// How often it is looked whether the listener may still listen.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A beat comes with every so many looks.
const BEAT_EVERY: u32 = 5;

/// What a listener hears.
#[derive(Debug)]
pub(super) enum Heard {
    /// News.
    Chunk(Arc<Chunk>),
    /// A word of the server's own.
    Word(Frame),
    /// The last word.
    End(Frame),
}

/// Who listens, and how far it is.
#[derive(Debug)]
pub(super) struct Follower {
    api: Api,
    hub: Arc<Hub>,
    filter: Filter,
    caller: Arc<Caller>,
    /// Whether the program that embeds the API vouches for it: then nobody else is asked again.
    vouched: bool,
    /// Asks whether it may still listen.
    looking: Option<JoinHandle<Result<Option<Arc<Caller>>>>>,
    state: Stage,
    /// Whether the server, or its API, ends.
    ended: watch::Receiver<Option<&'static str>>,
    ending: watch::Receiver<bool>,
    /// When it is looked again whether it may still listen.
    look_at: Instant,
    looks: u32,
    over: bool,
    _seat: Seat,
    _counted: LiveView,
}

#[derive(Debug)]
enum Stage {
    /// It has not been greeted.
    New { resume: Option<String> },
    /// It is told what it missed behind that number.
    Behind(u64),
    /// It hears what comes.
    Up(Joined),
}

impl Follower {
    /// # Errors
    /// 403 where the caller may not hear a topic, 429 where too many listen.
    pub(super) fn new(
        api: Api,
        hub: Arc<Hub>,
        filter: Filter,
        resume: Option<String>,
        (request, caller): (Parts, Arc<Caller>),
    ) -> Result<Self, Problem> {
        may(&caller, &filter)?;
        let ending = api.ending();
        if *ending.borrow() {
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, ErrorKind::Closed.code(), "the server shuts down"));
        }
        let full = || {
            let (status, code) = (StatusCode::TOO_MANY_REQUESTS, ErrorKind::LimitReached.code());
            Problem::new(status, code, "too many listen already, expected some of them to end first")
        };
        let seat = hub.enter().ok_or_else(full)?;
        let look_at = Instant::now() + LOOK_EVERY;
        let counted = api.inner.traffic.live_view();
        let vouched = request.extensions.get::<HostCaller>().is_some();
        let (ended, state) = (hub.ended(), Stage::New { resume });
        Ok(Self {
            api,
            hub,
            filter,
            caller,
            vouched,
            looking: None,
            state,
            ended,
            ending,
            look_at,
            looks: 0,
            over: false,
            _seat: seat,
            _counted: counted,
        })
    }

    /// Listens to something else from now on.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(super) fn change(&mut self, filter: Filter) -> Result<(), Problem> {
        may(&self.caller, &filter)?;
        self.filter = filter;
        self.state = Stage::New { resume: None };
        Ok(())
    }

    pub(super) fn filter(&self) -> &Filter {
        &self.filter
    }

    /// What is heard next; none when it is over. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Option<Heard> {
        loop {
            if self.over {
                return None;
            }
            if self.ended.borrow_and_update().is_some() || *self.ending.borrow_and_update() {
                return self.end("shutdown");
            }
            // Whoever was not read for long is looked at again before it hears more.
            if Instant::now() >= self.look_at
                && let Some(heard) = self.look_again().await
            {
                return Some(heard);
            }
            let heard = match &mut self.state {
                Stage::New { resume } => {
                    let resume = resume.take();
                    self.greet(resume)
                }
                Stage::Behind(after) => {
                    let after = *after;
                    self.catch_up(after)
                }
                Stage::Up(_) => self.listen().await,
            };
            if heard.is_some() {
                return heard;
            }
        }
    }

    /// Waits for what comes; none where there is something else to do first.
    async fn listen(&mut self) -> Option<Heard> {
        let Stage::Up(joined) = &mut self.state else { return None };
        let received = tokio::select! {
            biased;
            () = tokio::time::sleep_until(self.look_at) => return None,
            _ = self.ended.changed() => return None,
            _ = self.ending.changed() => return None,
            received = joined.from.recv() => received,
        };
        let chunk = match received {
            Ok(chunk) => chunk,
            Err(RecvError::Lagged(_)) => return None,
            Err(RecvError::Closed) => return self.end("shutdown"),
        };
        let lost = chunk.before.saturating_sub(joined.sent);
        joined.sent = chunk.before + chunk.frames.len() as u64;
        // It was in what this listener was told when it began.
        if chunk.last <= joined.cursor {
            return None;
        }
        joined.cursor = chunk.last;
        if lost > 0 { Some(Self::lost(lost, &chunk)) } else { Some(Heard::Chunk(chunk)) }
    }

    /// The first word: where the listener is.
    fn greet(&mut self, resume: Option<String>) -> Option<Heard> {
        let known = resume.as_deref().map(|cursor| self.hub.number(cursor));
        let (cursor, resumed) = match known {
            Some(Some(number)) => (number, true),
            // One of another server, or none of ours: what came after it is not known.
            Some(None) => {
                self.state = Stage::Behind(u64::MAX);
                return Some(self.hello(self.hub.flushed(), false));
            }
            None => {
                let Some(joined) = self.hub.join(&self.filter) else { return self.end("too_many_filters") };
                let cursor = joined.cursor;
                self.state = Stage::Up(joined);
                return Some(self.hello(cursor, false));
            }
        };
        self.state = Stage::Behind(cursor);
        Some(self.hello(cursor, resumed))
    }

    fn hello(&self, number: u64, resumed: bool) -> Heard {
        let cursor = self.hub.cursor(number);
        let data = json!({"now_us": self.now_us(), "cursor": cursor, "resumed": resumed});
        Heard::Word(word("hello", Some(cursor), &data))
    }

    fn catch_up(&mut self, after: u64) -> Option<Heard> {
        match self.hub.catch_up(&self.filter, after) {
            None => self.end("too_many_filters"),
            Some(Caught::More(chunk)) => {
                self.state = Stage::Behind(chunk.last);
                (!chunk.frames.is_empty()).then(|| Heard::Chunk(Arc::new(chunk)))
            }
            Some(Caught::Up(joined)) => {
                self.state = Stage::Up(joined);
                None
            }
            Some(Caught::Gone(joined)) => {
                let cursor = self.hub.cursor(joined.cursor);
                self.state = Stage::Up(joined);
                Some(Heard::Word(word("reset", Some(cursor), &json!({"now_us": self.now_us()}))))
            }
        }
    }

    /// It was too slow: first it hears that, then what there is.
    fn lost(count: u64, chunk: &Chunk) -> Heard {
        let mut frames = vec![word("lost", None, &json!({"count": count}))];
        let copy = |frame: &Frame| Frame { topic: frame.topic, id: frame.id.clone(), data: frame.data.clone() };
        frames.extend(chunk.frames.iter().map(copy));
        Heard::Chunk(Arc::new(Chunk::new(frames, chunk.last, chunk.before)))
    }

    /// Whether it may still listen; and from time to time a beat.
    async fn look_again(&mut self) -> Option<Heard> {
        if !self.vouched {
            let (accounts, caller) = (self.api.accounts().clone(), self.caller.clone());
            // A task of its own: a client that makes this future be dropped again and again puts nothing off.
            let looking = self.looking.get_or_insert_with(|| tokio::spawn(async move { accounts.again(&caller).await }));
            let found = looking.await;
            self.looking = None;
            match found {
                Ok(Ok(Some(caller))) if may(&caller, &self.filter).is_ok() => self.caller = caller,
                // The records may be busy for a moment: nobody is sent away for that.
                Ok(Err(_)) => {}
                Ok(Ok(_)) | Err(_) => return self.end("unauthorized"),
            }
        }
        self.look_at = Instant::now() + LOOK_EVERY;
        self.looks += 1;
        if !self.looks.is_multiple_of(BEAT_EVERY) {
            return None;
        }
        let flushed = self.hub.flushed();
        let Stage::Up(joined) = &mut self.state else { return None };
        // Where nothing waits, everything up to there was heard, or was not for this listener.
        if joined.from.is_empty() {
            joined.cursor = joined.cursor.max(flushed);
        }
        let cursor = self.hub.cursor(joined.cursor);
        Some(Heard::Word(word("beat", Some(cursor), &json!({"now_us": self.now_us()}))))
    }

    fn end(&mut self, reason: &str) -> Option<Heard> {
        self.over = true;
        Some(Heard::End(word("end", None, &json!({"reason": reason}))))
    }

    fn now_us(&self) -> i64 {
        self.api.server().clock().now().as_micros()
    }
}

fn may(caller: &Caller, filter: &Filter) -> Result<(), Problem> {
    let refused = filter.topics().iter().find(|topic| !caller.may(topic.role(), Some(filter.operator())));
    match refused {
        Some(topic) => Err(Problem::forbidden(format!("topic {} takes another role at the operator", topic.name()))),
        None => Ok(()),
    }
}

fn word(topic: &'static str, id: Option<String>, data: &serde_json::Value) -> Frame {
    Frame { topic, id, data: Bytes::from(data.to_string()) }
}
