//! What was wrong with a message, or with part of it, and what of it is said aloud.

use super::code::Code;

const DETAIL_CHARS: usize = 300;

/// How many refused values are told apart in one message; the rest is only counted (P31).
const PROBLEMS_MAX: usize = 16;

/// How deep a message may nest (P9).
pub(crate) const DEPTH_MAX: usize = 32;

/// What a peer said, made fit for logs and messages: not long, and without control characters.
pub(crate) fn plain(text: &str) -> String {
    text.chars().take(DETAIL_CHARS).fold(String::new(), |mut plain, c| {
        match c {
            '"' | '\'' | '\\' => plain.push(c),
            c => plain.extend(c.escape_debug()),
        }
        plain
    })
}

/// What of a name is quoted back to its sender.
pub(crate) fn shorten(text: &str) -> &str {
    text.char_indices().nth(64).map_or(text, |(end, _)| &text[..end])
}

/// Why part of a message was set aside.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Problem {
    pub(crate) channel: Option<String>,
    pub(crate) code: Code,
    pub(crate) detail: String,
}

impl Problem {
    /// One that concerns a whole message.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { channel: None, code, detail: detail.into() }
    }

    pub(crate) fn too_deep() -> Self {
        Self::new(Code::TooDeep, format!("nested deeper than {DEPTH_MAX} levels"))
    }

    /// The fault of a message that serde could not read, by its own words.
    pub(crate) fn of_serde(text: String) -> Self {
        let code = if text.contains("unknown field") { Code::UnknownField } else { Code::BadMessage };
        Self::new(code, text)
    }

    /// The fault of a message that says a version: another version may well have other fields (P40).
    pub(crate) fn or_version(self, version: Option<u64>) -> Self {
        match version {
            Some(version) if version != u64::from(super::VERSION) => {
                let expected = super::VERSION;
                Self::new(Code::BadVersion, format!("version {version} is not spoken here, expected {expected}"))
            }
            _ => self,
        }
    }
}

/// What was set aside of one message: the first few by name, the rest as a count.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    pub(crate) named: Vec<Problem>,
    pub(crate) more: u64,
}

impl Problems {
    pub(crate) fn add(&mut self, channel: Option<&str>, code: Code, detail: impl FnOnce() -> String) {
        if self.named.len() < PROBLEMS_MAX {
            let channel = channel.map(|name| shorten(name).to_owned());
            self.named.push(Problem { channel, code, detail: detail() });
        } else {
            self.more += 1;
        }
    }
}

/// Why a whole message was refused, with its number where that was read before the fault.
pub(crate) type Unreadable = (Option<u64>, Problem);
