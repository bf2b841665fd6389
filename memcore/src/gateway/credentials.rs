//! What devices show to prove who they are, and how it is made and checked.
//!
//! A secret is 256 random bits, so a salted HMAC-SHA-256 is as safe as a slow hash would be, and a thousand reconnecting
//! devices do not cost seconds of CPU. A client certificate is known by its fingerprint.

use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

use super::certificates::{Certificates, hex, pem_fingerprint};
use super::registry::{Check, StoredProof};
use super::validity::pem_end;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{DeviceName, ProofKind, Timestamp};
use crate::protocol::Bundle;

/// What a device shows to prove who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof<'a> {
    /// The secret of its enrolment: `mc_KEY_SECRET`.
    Secret(&'a str),
    /// The SHA-256 of its client certificate, which TLS has verified.
    Certificate(&'a str),
}

impl<'a> Proof<'a> {
    /// The registry's key that it names, and what must fit it; `None` for a text that is no credential.
    pub(super) fn parts(self) -> Option<(&'a str, Option<&'a str>)> {
        match self {
            Self::Certificate(fingerprint) => Some((fingerprint, None)),
            Self::Secret(text) => {
                let (key, secret) = text.strip_prefix("mc_")?.split_once('_')?;
                Some((key, Some(secret)))
            }
        }
    }
}

/// A device that has proved itself, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The device.
    pub device: DeviceName,
    /// The key id of its secret, or the fingerprint of its certificate: nothing secret.
    pub key: String,
    /// Which enrolment of the device that belongs to: its session lasts as long as the registry
    /// [holds](super::Registry::holds) it.
    pub enrolment: String,
}

/// A new proof: under which key it is stored, what is stored, and what the device is given.
pub(super) struct Issued {
    pub(super) key: String,
    pub(super) stored: StoredProof,
    pub(super) bundle: Bundle,
}

/// Where a device reaches its server, and who signs for both.
#[derive(Debug, Clone, Copy)]
pub struct Issuing<'a> {
    /// `host:port` for the bundle.
    pub server: &'a str,
    /// The site's certificates.
    pub certificates: &'a Certificates,
    /// When.
    pub now: Timestamp,
}

impl Issuing<'_> {
    /// Makes a proof of that kind.
    pub(super) fn issue(&self, device: &DeviceName, kind: ProofKind) -> Result<Issued> {
        let mut bundle = Bundle {
            device: device.clone(),
            server: self.server.to_owned(),
            ca_pem: self.certificates.ca_pem(),
            credential: None,
            certificate_pem: None,
            key_pem: None,
        };
        let (key, ends_us, check) = match kind {
            ProofKind::Secret => {
                let (key, secret, salt) = (random_hex::<8>()?, random_hex::<32>()?, random_hex::<16>()?);
                bundle.credential = Some(format!("mc_{key}_{secret}"));
                (key, None, Check::Secret { hmac_sha256: salted_hash(&salt, &secret), salt })
            }
            ProofKind::Certificate => {
                let issued = self.certificates.issue_client(device, self.now)?;
                let (key, ends) = (pem_fingerprint(&issued.certificate_pem)?, pem_end(&issued.certificate_pem));
                (bundle.certificate_pem, bundle.key_pem) = (Some(issued.certificate_pem), Some(issued.key_pem));
                (key, ends, Check::Certificate {})
            }
        };
        let stored = StoredProof { issued_us: self.now, until_us: None, ends_us, check };
        Ok(Issued { key, stored, bundle })
    }
}

impl StoredProof {
    /// Whether what was shown beside the key fits.
    pub(super) fn fits(&self, secret: Option<&str>) -> bool {
        match (&self.check, secret) {
            (Check::Certificate {}, None) => true,
            (Check::Secret { salt, hmac_sha256 }, Some(secret)) => matches_hash(salt, secret, hmac_sha256),
            _ => false,
        }
    }
}

/// So many random bytes from the operating system, as text.
pub(crate) fn random_hex<const N: usize>() -> Result<String> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Error::new(ErrorKind::Internal, "the operating system gives no random bytes"))?;
    Ok(hex(&bytes))
}

/// A number from 0 to 1 that nobody can foresee; a half where the operating system gives none.
pub(super) fn chance() -> f64 {
    let mut bytes = [0; 4];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}

/// The salt is the key of the HMAC, so that every enrolment hashes differently.
fn salted_hash(salt: &str, secret: &str) -> String {
    hex(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, salt.as_bytes()), secret.as_bytes()).as_ref())
}

/// Compares without telling by its time where the first difference is.
fn matches_hash(salt: &str, secret: &str, stored: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, salt.as_bytes());
    unhex(stored).is_some_and(|tag| hmac::verify(&key, secret.as_bytes(), &tag).is_ok())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    digits.map(|pair| pair.filter(|pair| pair.len() == 2).and_then(|pair| u8::from_str_radix(pair, 16).ok())).collect()
}
