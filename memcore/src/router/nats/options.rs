//! Which server, how much it keeps, how long things may take.

use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Error, Result};

/// Settings of a `NatsBus`; [`new`](Self::new) gives working ones.
#[derive(Clone)]
#[non_exhaustive]
pub struct NatsOptions {
    /// Where NATS is: `nats://host:4222`, several joined by commas, `tls://` for TLS.
    pub url: String,
    /// A NATS credentials file, where the server asks for one.
    pub credentials: Option<PathBuf>,
    /// The stream of `mem.>`.
    pub stream: String,
    /// The stream of `dead.>`.
    pub dead_stream: String,
    /// How long messages are kept. A recorder that is away for longer misses the oldest. 7 days unless set.
    pub max_age: Duration,
    /// How many bytes of the server's disk both streams reserve, an eighth of them for the dead; beyond it the oldest messages go.
    /// 4 GB unless set.
    pub max_bytes: u64,
    /// On how many servers of a cluster each message is stored.
    pub replicas: usize,
    /// How long a message id is remembered. An outage longer than this can let a repetition through. 2 minutes unless set.
    pub dedup_window: Duration,
    /// Most messages in hand between `publish` and the server's acknowledgement, above all while NATS is away.
    pub spool_messages: usize,
    /// Most payload bytes in hand, likewise.
    pub spool_bytes: usize,
    /// After so long without an acknowledgement a recorder gets a message again.
    pub ack_wait: Duration,
    /// How long a message that was given back waits before it comes again.
    pub redelivery_delay: Duration,
    /// How long the first connection, and each request to the server, may take.
    pub timeout: Duration,
    /// How long `close` waits for messages in hand to be stored.
    pub close_wait: Duration,
}

impl NatsOptions {
    /// Settings for the server at `url`.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            credentials: None,
            stream: "MEM".into(),
            dead_stream: "DEAD".into(),
            max_age: Duration::from_secs(7 * 24 * 3600),
            max_bytes: 4_000_000_000,
            replicas: 1,
            dedup_window: Duration::from_secs(120),
            spool_messages: 8192,
            spool_bytes: 64 << 20,
            ack_wait: Duration::from_secs(30),
            redelivery_delay: Duration::from_secs(1),
            timeout: Duration::from_secs(5),
            close_wait: Duration::from_secs(10),
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        let within = |field: &str, value: u64, max: u64| {
            if (1..=max).contains(&value) {
                return Ok(());
            }
            Err(Error::invalid(format!("nats `{field}` is {value}, expected 1 to {max}")))
        };
        within("spool_messages", self.spool_messages as u64, 1 << 20)?;
        within("spool_bytes", self.spool_bytes as u64, u64::from(u32::MAX))?;
        within("max_bytes", self.max_bytes, i64::MAX as u64)?;
        within("replicas", self.replicas as u64, 5)?;
        if self.dedup_window > self.max_age {
            let (window, age) = (self.dedup_window, self.max_age);
            return Err(Error::invalid(format!("nats `dedup_window` is {window:?}, expected at most `max_age` {age:?}")));
        }
        for (field, name) in [("stream", &self.stream), ("dead_stream", &self.dead_stream)] {
            if crate::model::Name::new(name).is_err() {
                return Err(Error::invalid(format!("nats `{field}` is {name:?}, expected 1 to 64 of A-Z a-z 0-9 _ -")));
            }
        }
        Ok(())
    }

    /// Each stream with its subjects and the most that it keeps.
    pub(super) fn streams(&self) -> [(&str, &'static str, i64); 2] {
        let dead = (self.max_bytes / 8).max(1);
        let kept = |bytes: u64| i64::try_from(bytes.max(1)).unwrap_or(i64::MAX);
        [(&self.stream, "mem.>", kept(self.max_bytes - dead)), (&self.dead_stream, "dead.>", kept(dead))]
    }

    /// The address without user and password, for messages.
    pub(super) fn shown_url(&self) -> String {
        let parts = self.url.split(',').map(|url| {
            let (scheme, rest) =
                url.split_once("://").map_or(("", url), |(_, rest)| (&url[..url.len() - rest.len()], rest));
            format!("{scheme}{}", rest.rsplit_once('@').map_or(rest, |(_, host)| host))
        });
        parts.collect::<Vec<_>>().join(",")
    }
}

/// Passwords in the address stay out of logs.
impl std::fmt::Debug for NatsOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NatsOptions").field("url", &self.shown_url()).field("stream", &self.stream).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        let options = NatsOptions::new("nats://ann:secret@a:4222,tls://token@b:4222,c");
        assert_eq!(options.shown_url(), "nats://a:4222,tls://b:4222,c");
        assert!(!format!("{options:?}").contains("secret"));
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let mut options = NatsOptions::new("nats://a");
        assert!(options.check().is_ok());
        options.spool_messages = 0;
        assert!(options.check().unwrap_err().message().contains("`spool_messages` is 0"));
        options.spool_messages = 1;
        options.stream = "a.b".into();
        assert!(options.check().unwrap_err().message().contains("`stream` is \"a.b\""));
    }
}
