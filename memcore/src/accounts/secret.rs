//! Secrets that are shown once: of sessions, tokens and links. Only their hashes are kept.

use std::fmt::Write;

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use subtle::ConstantTimeEq;

use crate::error::{Error, ErrorKind, Result};

/// Bytes of chance in a secret: what cannot be guessed needs no slow hash.
const BYTES: usize = 32;

/// Digits of a hash that make the id: nothing secret, and nothing from which the secret could be found.
const ID_DIGITS: usize = 24;

/// A new secret: 64 hexadecimal digits.
pub(super) fn new_secret() -> Result<String> {
    let mut bytes = [0_u8; BYTES];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| Error::new(ErrorKind::Io, "the operating system gives no random numbers"))?;
    Ok(hex(&bytes))
}

/// Whether a text has the form of a secret.
pub(super) fn is_secret(text: &str) -> bool {
    text.len() == 2 * BYTES && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// What is kept of a secret, in hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hash(pub(super) String);

impl Hash {
    pub(super) fn of(secret: &str) -> Self {
        Self(hex(digest(&SHA256, secret.as_bytes()).as_ref()))
    }

    /// Under which it is found and listed.
    pub(super) fn id(&self) -> &str {
        self.0.get(..ID_DIGITS).unwrap_or_default()
    }

    /// Whether both are of one secret: it takes as long whatever they are.
    pub(super) fn fits(&self, other: &str) -> bool {
        self.0.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

/// Another secret that follows from one, and from which it cannot be found: so that only one has to be kept.
pub(super) fn derived(purpose: &str, secret: &str) -> String {
    hex(digest(&SHA256, format!("{purpose} {secret}").as_bytes()).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_by_its_hash_alone() {
        let (one, other) = (new_secret().unwrap(), new_secret().unwrap());
        assert!(is_secret(&one) && !is_secret(&one[1..]) && !is_secret(&one.to_uppercase()));
        assert_ne!(one, other);
        let hash = Hash::of(&one);
        assert!(hash.fits(&Hash::of(&one).0) && !hash.fits(&Hash::of(&other).0) && !hash.fits(""));
        assert!(hash.0.starts_with(hash.id()) && hash.id().len() == 24 && !one.contains(hash.id()));
        assert_ne!(derived("csrf", &one), derived("nonce", &one));
    }
}
