//! Who may connect: the registry of enrolled devices, in one small file that is replaced as a whole.
//!
//! Revoking is deleting an entry. After a rotation a device has two proofs for a while; its session lasts as long as its
//! enrolment, whichever of them opened it.

mod entries;
#[cfg(test)]
mod tests;
mod uses;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock, RwLockReadGuard};
use std::time::{Duration, SystemTime};

use serde::Serialize;

pub(super) use self::entries::{Check, StoredProof};
use self::entries::{Device, Entries, Unread};
use self::uses::{Uses, beside};
use super::certificates::Certificates;
use super::credentials::{Issued, Issuing, Proof, Proven, random_hex};
use super::private_file;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{DeviceName, DeviceProof, PointRate, ProofKind, Span, Timestamp};
use crate::protocol::Bundle;

/// Proofs of one device that are good at a time. Full-policy: a rotation is refused.
const PROOFS_MAX: usize = 4;

/// How much of a key people are shown.
const ID_LENGTH: usize = 8;

/// An enrolled device, as listed: nothing secret.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Enrolled {
    /// The device.
    pub device: DeviceName,
    /// When it was enrolled.
    pub enrolled: Timestamp,
    /// Whether it is an emulated device, enrolled by a simulation.
    pub simulated: bool,
    /// How many points it may send, where that is set for it.
    pub rate: Option<PointRate>,
    /// What it may prove itself by, the newest first.
    pub proofs: Vec<DeviceProof>,
}

/// The enrolled devices of a site. Several processes may use the file: a change by one is seen by the others.
#[derive(Debug, Clone)]
pub struct Registry {
    path: Arc<PathBuf>,
    loaded: Arc<RwLock<Loaded>>,
    /// Rises whenever what is loaded may have changed.
    generation: Arc<AtomicU64>,
    uses: Arc<Mutex<Uses>>,
}

#[derive(Debug)]
struct Loaded {
    stamp: Option<Stamp>,
    entries: Entries,
    next_lapse: Option<Timestamp>,
}

/// Tells one state of a file from another.
type Stamp = (SystemTime, u64, u64);

impl Registry {
    /// Opens the registry file, which need not exist yet.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) where the file is no registry, [`Unsupported`](ErrorKind::Unsupported) where it is of
    /// a newer version; it is left as it is.
    pub fn open(path: &Path) -> Result<Self> {
        let loaded = Arc::new(RwLock::new(load(path)?));
        let (generation, uses) = (Arc::default(), Arc::new(Mutex::new(Uses::open(beside(path)))));
        Ok(Self { path: Arc::new(path.to_owned()), loaded, generation, uses })
    }

    /// Enrols a device; what is returned is shown once. An earlier enrolment of the same device ends.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) where the registry cannot be written.
    pub fn enroll(&self, device: &DeviceName, kind: ProofKind, issuing: &Issuing<'_>) -> Result<Bundle> {
        let issued = issuing.issue(device, kind)?;
        let fresh = new_device(false, issuing.now, &issued)?;
        self.change(issuing.now, |entries| {
            entries.enroll(device, fresh);
            Ok(())
        })?;
        Ok(issued.bundle)
    }

    /// Enrols a device with a new secret, shown in the bundle and stored only as a salted hash.
    ///
    /// # Errors
    /// As [`enroll`](Self::enroll).
    pub fn enroll_secret(
        &self,
        device: &DeviceName,
        server: &str,
        certificates: &Certificates,
        now: Timestamp,
    ) -> Result<Bundle> {
        self.enroll(device, ProofKind::Secret, &Issuing { server, certificates, now })
    }

    /// Enrols many devices at once, in the order given: the file is written once for all of them. Earlier enrolments of the
    /// same devices end; of one that stands twice, the last counts.
    ///
    /// # Errors
    /// As [`enroll`](Self::enroll); then none of them is enrolled.
    pub fn enroll_many(&self, devices: &[DeviceName], kind: ProofKind, issuing: &Issuing<'_>) -> Result<Vec<Bundle>> {
        let mut bundles = Vec::with_capacity(devices.len());
        let mut fresh = Vec::with_capacity(devices.len());
        for device in devices {
            let issued = issuing.issue(device, kind)?;
            fresh.push((device, new_device(false, issuing.now, &issued)?));
            bundles.push(issued.bundle);
        }
        self.change(issuing.now, |entries| {
            fresh.into_iter().for_each(|(name, device)| entries.enroll(name, device));
            Ok(())
        })?;
        Ok(bundles)
    }

    /// Enrols an emulated device with a secret. Only an enrolment by an earlier simulation ends, unless `replace` says so.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) where the device is enrolled otherwise: it may be a real one, which would be cut off
    /// for good. [`Io`](ErrorKind::Io) where the registry cannot be written.
    pub fn enroll_simulated(&self, device: &DeviceName, replace: bool, issuing: &Issuing<'_>) -> Result<Bundle> {
        let issued = issuing.issue(device, ProofKind::Secret)?;
        let fresh = new_device(true, issuing.now, &issued)?;
        self.change(issuing.now, |entries| {
            if entries.get(device).is_some_and(|earlier| !earlier.simulated && !replace) {
                let message = format!(
                    "device {device} is enrolled and was not by a simulation: to simulate it would end the enrolment of the \
                     real one"
                );
                return Err(Error::new(ErrorKind::Conflict, message));
            }
            entries.enroll(device, fresh);
            Ok(())
        })?;
        Ok(issued.bundle)
    }

    /// Gives a device a new proof. The earlier ones stay good for logins for `overlap`; nobody's session ends by it.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) where the device is not enrolled, [`LimitReached`](ErrorKind::LimitReached) where
    /// four proofs of it are good already, [`Invalid`](ErrorKind::Invalid) for an overlap below zero,
    /// [`Io`](ErrorKind::Io) where the registry cannot be written.
    pub fn rotate(&self, device: &DeviceName, kind: ProofKind, overlap: Span, issuing: &Issuing<'_>) -> Result<Bundle> {
        if overlap.as_micros() < 0 {
            return Err(Error::invalid(format!("overlap is {overlap}, expected 0s (now) or more")));
        }
        let Issued { key, stored, bundle } = issuing.issue(device, kind)?;
        self.change(issuing.now, |entries| {
            if !entries.rotate(device, key, stored, issuing.now.saturating_add(overlap)) {
                return Err(not_enrolled(device));
            }
            entries.lapse(issuing.now);
            let good = entries.get(device).map_or(0, |device| device.proofs.len());
            if good > PROOFS_MAX {
                let message = format!(
                    "device {device} has {PROOFS_MAX} good proofs: rotate with an overlap of 0s, which ends the earlier ones"
                );
                return Err(Error::new(ErrorKind::LimitReached, message));
            }
            Ok(())
        })?;
        Ok(bundle)
    }

    /// Ends a device's enrolment, and with it all its proofs.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) where the device is not enrolled.
    pub fn revoke(&self, device: &DeviceName, now: Timestamp) -> Result<()> {
        self.change(now, |entries| entries.revoke(device).map(drop).ok_or_else(|| not_enrolled(device)))
    }

    /// Sets how many points a device may send; `None` is what the configuration says for all.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) where the device is not enrolled.
    pub fn limit(&self, device: &DeviceName, rate: Option<PointRate>, now: Timestamp) -> Result<()> {
        self.change(now, |entries| if entries.limit(device, rate) { Ok(()) } else { Err(not_enrolled(device)) })
    }

    /// How many points that device may send, where that is set for it.
    #[must_use]
    pub fn rate_of(&self, device: &DeviceName) -> Option<PointRate> {
        self.read().entries.get(device)?.rate
    }

    /// The enrolled devices, by name.
    #[must_use]
    pub fn list(&self) -> Vec<Enrolled> {
        let (loaded, uses) = (self.read(), self.uses());
        let listed = loaded.entries.devices().map(|(name, device)| Enrolled {
            device: name.clone(),
            enrolled: device.enrolled_us,
            simulated: device.simulated,
            rate: device.rate,
            proofs: proofs_of(device, &uses),
        });
        listed.collect()
    }

    /// Who that proof belongs to.
    ///
    /// # Errors
    /// [`Unauthorized`](ErrorKind::Unauthorized), with the same text whatever is wrong: a guesser learns nothing.
    pub fn verify(&self, proof: Proof<'_>, now: Timestamp) -> Result<Proven> {
        let refuse = || Error::new(ErrorKind::Unauthorized, "the credential is unknown, wrong or revoked");
        let (key, secret) = proof.parts().ok_or_else(refuse)?;
        let loaded = self.read();
        let (name, device, stored) = loaded.entries.find(key).ok_or_else(refuse)?;
        if !stored.fits(secret) || !stored.is_good(now) {
            return Err(refuse());
        }
        Ok(Proven { device: name.clone(), key: key.to_owned(), enrolment: device.enrolment.clone() })
    }

    /// Whose proof that is, or pretends to be: of a guess, the device whose key it names.
    #[must_use]
    pub fn named(&self, proof: Proof<'_>) -> Option<DeviceName> {
        let (key, _) = proof.parts()?;
        self.read().entries.find(key).map(|(name, ..)| name.clone())
    }

    /// Whether that enrolment of the device stands: not after a revocation or a later enrolment.
    #[must_use]
    pub fn holds(&self, device: &DeviceName, enrolment: &str) -> bool {
        self.read().entries.get(device).is_some_and(|device| device.enrolment == enrolment)
    }

    /// A device has logged in with that proof.
    pub fn note_use(&self, key: &str, now: Timestamp) {
        self.uses().note(key, now);
    }

    /// Writes down who last logged in with what, where there is something new: once a minute at most, or at once where no
    /// time is given.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) where the file cannot be written.
    pub fn save_uses(&self, monotonic: Option<Duration>) -> Result<()> {
        let due = {
            let loaded = self.read();
            self.uses().due(monotonic, |key| loaded.entries.find(key).is_some())?
        };
        due.map_or(Ok(()), |(path, text)| private_file::replace(&path, &text))
    }

    /// Takes out the proofs whose time after a rotation is over; true where there were some.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) where the registry cannot be written; they log nobody in all the same.
    pub fn lapse(&self, now: Timestamp) -> Result<bool> {
        if self.read().next_lapse.is_none_or(|next| now < next) {
            return Ok(false);
        }
        self.change(now, |_| Ok(())).map(|()| true)
    }

    /// Reads the file again if another process has changed it; true when it did. An unreadable file keeps the old entries.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) where the file is no registry any more.
    pub fn refresh(&self) -> Result<bool> {
        if stamp(&self.path) == self.read().stamp {
            return Ok(false);
        }
        let fresh = load(&self.path)?;
        self.load(fresh);
        Ok(true)
    }

    /// Rises whenever the entries may have changed: who has seen one need not look again until there is another.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn load(&self, loaded: Loaded) {
        *self.loaded.write().unwrap_or_else(|e| e.into_inner()) = loaded;
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    fn read(&self) -> RwLockReadGuard<'_, Loaded> {
        self.loaded.read().unwrap_or_else(|e| e.into_inner())
    }

    fn uses(&self) -> MutexGuard<'_, Uses> {
        self.uses.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Changes the file under a lock, starting from what it holds now; what has lapsed goes with it.
    fn change(&self, now: Timestamp, edit: impl FnOnce(&mut Entries) -> Result<()>) -> Result<()> {
        if let Some(folder) = self.path.parent() {
            private_file::create_folder(folder)?;
        }
        let _lock = private_file::lock(&self.path.with_extension("lock"))?;
        let mut entries = load(&self.path)?.entries;
        edit(&mut entries)?;
        entries.lapse(now);
        let text =
            entries.to_json().map_err(|e| Error::new(ErrorKind::Internal, format!("cannot write the registry: {e}")))?;
        private_file::replace(&self.path, &text)?;
        let loaded = Loaded { stamp: stamp(&self.path), next_lapse: entries.next_lapse(), entries };
        self.load(loaded);
        Ok(())
    }
}

/// What people see of a key.
#[must_use]
pub fn proof_id(key: &str) -> &str {
    key.get(..ID_LENGTH).unwrap_or(key)
}

fn new_device(simulated: bool, now: Timestamp, Issued { key, stored, .. }: &Issued) -> Result<Device> {
    let proofs = BTreeMap::from([(key.clone(), stored.clone())]);
    Ok(Device { enrolment: random_hex::<8>()?, enrolled_us: now, simulated, rate: None, proofs })
}

fn proofs_of(device: &Device, uses: &Uses) -> Vec<DeviceProof> {
    let proofs = device.proofs.iter().map(|(key, stored)| DeviceProof {
        id: proof_id(key).to_owned(),
        kind: stored.kind(),
        issued: stored.issued_us,
        until: stored.until_us,
        ends: stored.ends_us,
        last_used: uses.of(key),
    });
    let mut proofs: Vec<_> = proofs.collect();
    // Of those handed out in one moment, the one without an end is the newest.
    proofs.sort_by_key(|proof| std::cmp::Reverse((proof.issued, proof.until.is_none())));
    proofs
}

fn not_enrolled(device: &DeviceName) -> Error {
    Error::not_found(format!("device {device} is not enrolled"))
}

fn stamp(path: &Path) -> Option<Stamp> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.ino(), metadata.len()))
}

fn load(path: &Path) -> Result<Loaded> {
    // Taken before the read: a change in between is seen at the next refresh.
    let stamp = stamp(path);
    let Some(text) = private_file::read(path)? else {
        return Ok(Loaded { stamp: None, entries: Entries::default(), next_lapse: None });
    };
    let entries = Entries::from_json(&text).map_err(|unread| match unread {
        Unread::Wrong(what) => Error::invalid(format!("{} is no device registry: {what}", path.display())),
        Unread::Version(version) => {
            let message = format!("{} has version {version}, expected 1 or 2", path.display());
            Error::new(ErrorKind::Unsupported, message)
        }
    })?;
    Ok(Loaded { stamp, next_lapse: entries.next_lapse(), entries })
}
