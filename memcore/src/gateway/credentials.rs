//! Who may connect: the registry of enrolled devices, in one small file that is replaced as a whole.
//!
//! A secret is 256 random bits, so a salted HMAC-SHA-256 is as safe as a slow hash would be, and a thousand reconnecting
//! devices do not cost seconds of CPU. A client certificate is known by its fingerprint: revoking it is deleting a line.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::SystemTime;

use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use super::certificates::{Certificates, hex, pem_fingerprint};
use super::private_file;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{DeviceName, Timestamp};
use crate::protocol::Bundle;

/// What a device shows to prove who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof<'a> {
    /// The secret of its enrolment: `mc_KEY_SECRET`.
    Secret(&'a str),
    /// The SHA-256 of its client certificate, which TLS has verified.
    Certificate(&'a str),
}

/// A device that has proved itself, and by what: its session lasts for as long as the registry [holds](Registry::holds) that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The device.
    pub device: DeviceName,
    /// The key id of its secret, or the fingerprint of its certificate: nothing secret.
    pub key: String,
}

/// An enrolled device, as listed: nothing secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Enrolled {
    /// The device.
    pub device: DeviceName,
    /// `secret` or `certificate`.
    pub proof: &'static str,
    /// When it was enrolled.
    pub enrolled: Timestamp,
    /// Whether it is an emulated device, enrolled by a simulation.
    pub simulated: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    device: DeviceName,
    enrolled_us: Timestamp,
    /// Enrolled by a simulation, which may end this enrolment again; never one of a real device.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    simulated: bool,
    #[serde(flatten)]
    proof: StoredProof,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredProof {
    Secret { salt: String, hmac_sha256: String },
    Certificate { fingerprint: String },
}

/// Entries by key id (secrets) or fingerprint (certificates).
type Entries = BTreeMap<String, Entry>;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    version: u32,
    devices: Entries,
}

/// The enrolled devices of a site. Several processes may use the file: a change by one is seen by the others.
#[derive(Debug, Clone)]
pub struct Registry {
    path: Arc<PathBuf>,
    loaded: Arc<RwLock<Loaded>>,
}

#[derive(Debug)]
struct Loaded {
    stamp: Option<(SystemTime, u64)>,
    entries: Entries,
}

impl Registry {
    /// Opens the registry file, which need not exist yet.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) where the file is no registry; it is left as it is.
    pub fn open(path: &Path) -> Result<Self> {
        let loaded = load(path)?;
        Ok(Self { path: Arc::new(path.to_owned()), loaded: Arc::new(RwLock::new(loaded)) })
    }

    /// Enrols a device with a new secret, shown in the bundle and stored only as a salted hash. An earlier enrolment of
    /// the same device ends.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) where the registry cannot be written.
    pub fn enroll_secret(
        &self,
        device: &DeviceName,
        server: &str,
        certificates: &Certificates,
        now: Timestamp,
    ) -> Result<Bundle> {
        let (entry, key, credential) = new_secret(device, false, now)?;
        self.put(&key, entry, |_| Ok(()))?;
        Ok(secret_bundle(device, server, certificates, credential))
    }

    /// Enrols many devices at once, in the order given: the file is written once for all of them. Earlier enrolments of the
    /// same devices end; of one that stands twice, the last counts.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) where the registry cannot be written; then none of them is enrolled.
    pub fn enroll_secrets(
        &self,
        devices: &[DeviceName],
        server: &str,
        certificates: &Certificates,
        now: Timestamp,
    ) -> Result<Vec<Bundle>> {
        let mut bundles = Vec::with_capacity(devices.len());
        let mut fresh = Vec::with_capacity(devices.len());
        for device in devices {
            let (entry, key, credential) = new_secret(device, false, now)?;
            fresh.push((key, entry));
            bundles.push(secret_bundle(device, server, certificates, credential));
        }
        self.change(|entries| {
            let anew: HashSet<&DeviceName> = devices.iter().collect();
            entries.retain(|_, entry| !anew.contains(&entry.device));
            let last: HashMap<DeviceName, (String, Entry)> =
                fresh.into_iter().map(|(key, entry)| (entry.device.clone(), (key, entry))).collect();
            entries.extend(last.into_values());
            Ok(())
        })?;
        Ok(bundles)
    }

    /// Enrols an emulated device with a secret. Only an enrolment by an earlier simulation ends, unless `replace` says so.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) where the device is enrolled otherwise: it may be a real one, which would be cut off
    /// for good. [`Io`](ErrorKind::Io) where the registry cannot be written.
    pub fn enroll_simulated(
        &self,
        device: &DeviceName,
        server: &str,
        certificates: &Certificates,
        replace: bool,
        now: Timestamp,
    ) -> Result<Bundle> {
        let (entry, key, credential) = new_secret(device, true, now)?;
        self.put(&key, entry, |earlier| {
            if earlier.simulated || replace {
                return Ok(());
            }
            let message = format!(
                "device {device} is enrolled and was not by a simulation: to simulate it would end the enrolment of the real one"
            );
            Err(Error::new(ErrorKind::Conflict, message))
        })?;
        Ok(secret_bundle(device, server, certificates, credential))
    }

    /// Enrols a device with a client certificate. An earlier enrolment of the same device ends.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) where the registry cannot be written.
    pub fn enroll_certificate(
        &self,
        device: &DeviceName,
        server: &str,
        certificates: &Certificates,
        now: Timestamp,
    ) -> Result<Bundle> {
        let issued = certificates.issue_client(device, now)?;
        let fingerprint = pem_fingerprint(&issued.certificate_pem)?;
        let proof = StoredProof::Certificate { fingerprint: fingerprint.clone() };
        let entry = Entry { device: device.clone(), enrolled_us: now, simulated: false, proof };
        self.put(&fingerprint, entry, |_| Ok(()))?;
        Ok(Bundle {
            device: device.clone(),
            server: server.to_owned(),
            ca_pem: certificates.ca_pem().to_owned(),
            credential: None,
            certificate_pem: Some(issued.certificate_pem),
            key_pem: Some(issued.key_pem),
        })
    }

    /// Ends a device's enrolment.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) where the device is not enrolled.
    pub fn revoke(&self, device: &DeviceName) -> Result<()> {
        self.change(|entries| {
            let before = entries.len();
            entries.retain(|_, entry| entry.device != *device);
            if entries.len() == before {
                return Err(Error::not_found(format!("device {device} is not enrolled")));
            }
            Ok(())
        })
    }

    /// The enrolled devices, by name.
    #[must_use]
    pub fn list(&self) -> Vec<Enrolled> {
        let loaded = self.loaded.read().unwrap_or_else(|e| e.into_inner());
        let listed = loaded.entries.values().map(|entry| Enrolled {
            device: entry.device.clone(),
            proof: if matches!(entry.proof, StoredProof::Secret { .. }) { "secret" } else { "certificate" },
            enrolled: entry.enrolled_us,
            simulated: entry.simulated,
        });
        let mut listed: Vec<_> = listed.collect();
        listed.sort_by(|a, b| a.device.cmp(&b.device));
        listed
    }

    /// Who that proof belongs to.
    ///
    /// # Errors
    /// [`Unauthorized`](ErrorKind::Unauthorized), with the same text whatever is wrong: a guesser learns nothing.
    pub fn verify(&self, proof: Proof<'_>) -> Result<Proven> {
        let refuse = || Error::new(ErrorKind::Unauthorized, "the credential is unknown, wrong or revoked");
        let (key, secret) = match proof {
            Proof::Certificate(fingerprint) => (fingerprint, None),
            Proof::Secret(text) => {
                let parts = text.strip_prefix("mc_").and_then(|rest| rest.split_once('_'));
                let (key, secret) = parts.ok_or_else(refuse)?;
                (key, Some(secret))
            }
        };
        let loaded = self.loaded.read().unwrap_or_else(|e| e.into_inner());
        let entry = loaded.entries.get(key).ok_or_else(refuse)?;
        let proved = match (&entry.proof, secret) {
            (StoredProof::Certificate { fingerprint }, None) => fingerprint == key,
            (StoredProof::Secret { salt, hmac_sha256 }, Some(secret)) => matches_hash(salt, secret, hmac_sha256),
            _ => false,
        };
        if proved { Ok(Proven { device: entry.device.clone(), key: key.to_owned() }) } else { Err(refuse()) }
    }

    /// Whether what once proved a device still does: not after a revocation or a later enrolment of the same device.
    #[must_use]
    pub fn holds(&self, key: &str) -> bool {
        self.loaded.read().unwrap_or_else(|e| e.into_inner()).entries.contains_key(key)
    }

    /// Reads the file again if another process has changed it; true when it did. An unreadable file keeps the old entries.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) where the file is no registry any more.
    pub fn refresh(&self) -> Result<bool> {
        if stamp(&self.path) == self.loaded.read().unwrap_or_else(|e| e.into_inner()).stamp {
            return Ok(false);
        }
        let fresh = load(&self.path)?;
        *self.loaded.write().unwrap_or_else(|e| e.into_inner()) = fresh;
        Ok(true)
    }

    /// Takes the place of the device's earlier entry, if `may_end` has nothing against that.
    fn put(&self, key: &str, entry: Entry, may_end: impl Fn(&Entry) -> Result<()>) -> Result<()> {
        self.change(|entries| {
            entries.values().filter(|other| other.device == entry.device).try_for_each(may_end)?;
            entries.retain(|_, other| other.device != entry.device);
            entries.insert(key.to_owned(), entry);
            Ok(())
        })
    }

    /// Changes the file under a lock, starting from what it holds now.
    fn change(&self, edit: impl FnOnce(&mut Entries) -> Result<()>) -> Result<()> {
        if let Some(folder) = self.path.parent() {
            private_file::create_folder(folder)?;
        }
        let _lock = private_file::lock(&self.path.with_extension("lock"))?;
        let mut entries = load(&self.path)?.entries;
        edit(&mut entries)?;
        let contents = Contents { version: 1, devices: entries };
        let text = serde_json::to_vec_pretty(&contents)
            .map_err(|e| Error::new(ErrorKind::Internal, format!("cannot write the registry: {e}")))?;
        private_file::replace(&self.path, &text)?;
        *self.loaded.write().unwrap_or_else(|e| e.into_inner()) = load(&self.path)?;
        Ok(())
    }
}

/// An entry for a new secret, its key, and the credential that is shown once.
fn new_secret(device: &DeviceName, simulated: bool, now: Timestamp) -> Result<(Entry, String, String)> {
    let (key, secret, salt) = (random_hex::<8>()?, random_hex::<32>()?, random_hex::<16>()?);
    let proof = StoredProof::Secret { hmac_sha256: salted_hash(&salt, &secret), salt };
    let credential = format!("mc_{key}_{secret}");
    Ok((Entry { device: device.clone(), enrolled_us: now, simulated, proof }, key, credential))
}

fn secret_bundle(device: &DeviceName, server: &str, certificates: &Certificates, credential: String) -> Bundle {
    Bundle {
        device: device.clone(),
        server: server.to_owned(),
        ca_pem: certificates.ca_pem().to_owned(),
        credential: Some(credential),
        certificate_pem: None,
        key_pem: None,
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.ino()))
}

fn load(path: &Path) -> Result<Loaded> {
    // Taken before the read: a change in between is seen at the next refresh.
    let stamp = stamp(path);
    let Some(text) = private_file::read(path)? else { return Ok(Loaded { stamp: None, entries: Entries::new() }) };
    let wrong = |what: String| Error::invalid(format!("{} is no device registry: {what}", path.display()));
    let contents: Contents = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
    if contents.version != 1 {
        let message = format!("{} has version {}, expected 1", path.display(), contents.version);
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    Ok(Loaded { stamp, entries: contents.devices })
}

/// So many random bytes from the operating system, as text.
pub(crate) fn random_hex<const N: usize>() -> Result<String> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Error::new(ErrorKind::Internal, "the operating system gives no random bytes"))?;
    Ok(hex(&bytes))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::Identity;

    const NOW: Timestamp = Timestamp::from_seconds(1_763_000_000);

    fn site(folder: &Path) -> (Registry, Certificates) {
        let own = Identity::OwnAuthority { names: vec![] };
        (Registry::open(&folder.join("devices.json")).unwrap(), Certificates::open(&folder.join("tls"), &own, NOW).unwrap())
    }

    #[test]
    fn a_secret_proves_its_device_until_it_is_revoked_and_is_nowhere_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        let (registry, certificates) = site(folder.path());
        let device: DeviceName = "home1.hem".parse().unwrap();
        let bundle = registry.enroll_secret(&device, "localhost:23123", &certificates, NOW).unwrap();
        let credential = bundle.credential.unwrap();
        assert_eq!(registry.verify(Proof::Secret(&credential)).unwrap().device, device);

        let secret = credential.rsplit('_').next().unwrap();
        let stored = std::fs::read_to_string(folder.path().join("devices.json")).unwrap();
        assert!(!stored.contains(secret));

        let last = if credential.ends_with('0') { '1' } else { '0' };
        let wrong = format!("{}{last}", &credential[..credential.len() - 1]);
        for bad in [wrong.as_str(), "mc_", "mc__", "", "mc_0011223344556677_00", "mc_ä_ö"] {
            let e = registry.verify(Proof::Secret(bad)).unwrap_err();
            assert_eq!((e.kind(), e.message()), (ErrorKind::Unauthorized, "the credential is unknown, wrong or revoked"));
        }
        registry.revoke(&device).unwrap();
        assert!(registry.verify(Proof::Secret(&credential)).is_err());
        assert_eq!(registry.revoke(&device).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn enrolling_again_ends_the_earlier_credential() {
        let folder = tempfile::tempdir().unwrap();
        let (registry, certificates) = site(folder.path());
        let device: DeviceName = "home1.pv".parse().unwrap();
        let first = registry.enroll_secret(&device, "h:1", &certificates, NOW).unwrap().credential.unwrap();
        let proven = registry.verify(Proof::Secret(&first)).unwrap();
        assert!(registry.holds(&proven.key));
        let second = registry.enroll_certificate(&device, "h:1", &certificates, NOW).unwrap();
        assert!(registry.verify(Proof::Secret(&first)).is_err());
        assert!(!registry.holds(&proven.key));
        let fingerprint = pem_fingerprint(&second.certificate_pem.unwrap()).unwrap();
        assert_eq!(registry.verify(Proof::Certificate(&fingerprint)).unwrap(), Proven { device, key: fingerprint });
        assert_eq!(registry.list().len(), 1);
    }

    #[test]
    fn a_simulation_takes_no_real_devices_place_unless_it_is_told_to() {
        let folder = tempfile::tempdir().unwrap();
        let (registry, certificates) = site(folder.path());
        let device: DeviceName = "home1.hem".parse().unwrap();
        let simulate = |replace| registry.enroll_simulated(&device, "h:1", &certificates, replace, NOW);
        simulate(false).unwrap();
        simulate(false).unwrap();
        assert!(registry.list()[0].simulated);

        // The real one arrives, and stays.
        let real = registry.enroll_secret(&device, "h:1", &certificates, NOW).unwrap().credential.unwrap();
        let e = simulate(false).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Conflict);
        assert!(e.message().contains("home1.hem"), "{e}");
        assert_eq!(registry.verify(Proof::Secret(&real)).unwrap().device, device);
        simulate(true).unwrap();
        assert!(registry.verify(Proof::Secret(&real)).is_err());
        assert_eq!(registry.list().len(), 1);
    }

    #[test]
    fn another_process_sees_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let (writer, certificates) = site(folder.path());
        let reader = Registry::open(&folder.path().join("devices.json")).unwrap();
        assert!(!reader.refresh().unwrap());
        writer.enroll_secret(&"home1.pv".parse().unwrap(), "h:1", &certificates, NOW).unwrap();
        assert!(reader.refresh().unwrap());
        assert_eq!(reader.list().len(), 1);
    }

    #[test]
    fn a_corrupt_registry_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("devices.json");
        std::fs::write(&path, "{]").unwrap();
        assert!(Registry::open(&path).unwrap_err().message().contains("devices.json is no device registry"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{]");
    }
}
