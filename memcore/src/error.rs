//! One error for the whole crate: what kind it is, whether a retry is safe, what was being done, to what.
//!
//! The list of [`ErrorKind`]s is the single source for the Python exception classes and for the `code` of Node errors.

use std::error::Error as StdError;
use std::fmt;

/// The result of every fallible operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, coarse enough to act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument, a file or a message does not say what it must; the text names the field, the value and what was expected.
    Invalid,
    /// A channel, device, command or file that was asked for does not exist.
    NotFound,
    /// Something of that name exists already with another meaning.
    Conflict,
    /// A credential is missing, wrong or revoked.
    Unauthorized,
    /// A stated limit (size, rate, quota, queue) was reached.
    LimitReached,
    /// The operation did not end in its time.
    Timeout,
    /// The other side cannot be reached, or the connection was lost.
    Connection,
    /// The store, server or subscription was closed.
    Closed,
    /// Another process holds the store for writing.
    Locked,
    /// The store takes no more writes, after a disk error or because the disk is full.
    ReadOnly,
    /// Stored bytes fail their checksum or break an invariant.
    Damaged,
    /// Stored data or a peer is of a version that this one does not know.
    Unsupported,
    /// The operating system refused an operation.
    Io,
    /// A defect of memcore itself.
    Internal,
}

impl ErrorKind {
    /// Every kind, in a fixed order.
    pub const ALL: [Self; 14] = [
        Self::Invalid,
        Self::NotFound,
        Self::Conflict,
        Self::Unauthorized,
        Self::LimitReached,
        Self::Timeout,
        Self::Connection,
        Self::Closed,
        Self::Locked,
        Self::ReadOnly,
        Self::Damaged,
        Self::Unsupported,
        Self::Io,
        Self::Internal,
    ];

    /// The stable code: `err.code` in Python and Node, `code` in JSON.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Invalid => "INVALID",
            Self::NotFound => "NOT_FOUND",
            Self::Conflict => "CONFLICT",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::LimitReached => "LIMIT_REACHED",
            Self::Timeout => "TIMEOUT",
            Self::Connection => "CONNECTION",
            Self::Closed => "CLOSED",
            Self::Locked => "LOCKED",
            Self::ReadOnly => "READ_ONLY",
            Self::Damaged => "DAMAGED",
            Self::Unsupported => "UNSUPPORTED",
            Self::Io => "IO",
            Self::Internal => "INTERNAL",
        }
    }

    /// The kind with that [code](Self::code).
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// Whether doing the same again can help, and whether it can do harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retry {
    /// The same call will fail the same way.
    Never,
    /// Nothing happened: the same call may be repeated.
    Safe,
    /// It may or may not have happened: look before repeating.
    CheckFirst,
}

/// An error with its kind, retry advice, context and cause.
pub struct Error {
    kind: ErrorKind,
    retry: Retry,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `kind` whose message says what was wrong, with which value, and what was expected.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let retry = match kind {
            ErrorKind::Timeout | ErrorKind::Connection => Retry::CheckFirst,
            ErrorKind::LimitReached | ErrorKind::Locked => Retry::Safe,
            _ => Retry::Never,
        };
        Self { kind, retry, message: message.into(), source: None }
    }

    /// Shorthand for [`ErrorKind::Invalid`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// Shorthand for [`ErrorKind::NotFound`].
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// An operating system error with what was being done: `io("create /data/store", e)`.
    pub fn io(doing: impl fmt::Display, source: std::io::Error) -> Self {
        Self::new(ErrorKind::Io, format!("cannot {doing}: {source}")).caused_by(source)
    }

    /// Replaces the retry advice.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Keeps the underlying error as [source](StdError::source).
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Puts what was being done in front of the message: `store site/: lock is held`.
    #[must_use]
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }

    /// What went wrong, coarse enough to act on.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The stable code of the [kind](Self::kind).
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }

    /// Whether the same call may be repeated.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.retry
    }

    /// The text without the kind.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.code(), self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|e| e as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_found_again() {
        for kind in ErrorKind::ALL {
            assert_eq!(ErrorKind::from_code(kind.code()), Some(kind));
        }
    }

    #[test]
    fn context_reads_from_the_outside_in() {
        let e = Error::invalid("`lease` is -3 s, expected a positive duration").context("command home1.battery.power");
        assert_eq!(e.to_string(), "command home1.battery.power: `lease` is -3 s, expected a positive duration");
        assert_eq!(e.retry(), Retry::Never);
    }
}
