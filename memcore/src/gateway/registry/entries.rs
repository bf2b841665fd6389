//! What the registry's file holds: devices with their proofs, found by their names and by what they show.
//!
//! Version 2 has a device under its name and its proofs under their keys: the key id of a secret, the fingerprint of a
//! certificate. Version 1 had one proof a device, under the key; it is read as well.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::model::{DeviceName, PointRate, ProofKind, Timestamp};

/// The version that is written.
const VERSION: u32 = 2;

/// The enrolled devices.
#[derive(Debug, Clone, Default)]
pub(super) struct Entries {
    devices: BTreeMap<DeviceName, Device>,
    /// Whose each key is.
    owners: HashMap<String, DeviceName>,
}

/// One enrolled device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Device {
    /// Tells this enrolment from an earlier or later one of the same device: rotation keeps it.
    pub(super) enrolment: String,
    pub(super) enrolled_us: Timestamp,
    /// Enrolled by a simulation, which may end this enrolment again; never one of a real device.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) simulated: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rate: Option<PointRate>,
    pub(super) proofs: BTreeMap<String, StoredProof>,
}

/// What a proof is checked against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::gateway) struct StoredProof {
    pub(in crate::gateway) issued_us: Timestamp,
    /// It logs in until then, after a rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::gateway) until_us: Option<Timestamp>,
    /// When the certificate itself ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::gateway) ends_us: Option<Timestamp>,
    #[serde(flatten)]
    pub(in crate::gateway) check: Check,
}

/// The certificate's fingerprint is its key: there is nothing more to check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::gateway) enum Check {
    Secret { salt: String, hmac_sha256: String },
    Certificate {},
}

impl StoredProof {
    pub(super) fn kind(&self) -> ProofKind {
        match self.check {
            Check::Secret { .. } => ProofKind::Secret,
            Check::Certificate {} => ProofKind::Certificate,
        }
    }

    /// Whether it still logs anybody in.
    pub(in crate::gateway) fn is_good(&self, now: Timestamp) -> bool {
        self.until_us.is_none_or(|until| now < until) && self.ends_us.is_none_or(|ends| now < ends)
    }
}

impl Entries {
    pub(super) fn devices(&self) -> impl Iterator<Item = (&DeviceName, &Device)> {
        self.devices.iter()
    }

    pub(super) fn get(&self, device: &DeviceName) -> Option<&Device> {
        self.devices.get(device)
    }

    /// The device that the key is of, and what is known of both.
    pub(super) fn find(&self, key: &str) -> Option<(&DeviceName, &Device, &StoredProof)> {
        let (name, device) = self.devices.get_key_value(self.owners.get(key)?)?;
        Some((name, device, device.proofs.get(key)?))
    }

    /// Takes the place of an earlier enrolment of that device. What it may send stays as it was set.
    pub(super) fn enroll(&mut self, name: &DeviceName, mut device: Device) {
        if let Some(earlier) = self.revoke(name) {
            device.rate = device.rate.or(earlier.rate);
        }
        for key in device.proofs.keys() {
            self.owners.insert(key.clone(), name.clone());
        }
        self.devices.insert(name.clone(), device);
    }

    /// Ends a device's enrolment.
    pub(super) fn revoke(&mut self, name: &DeviceName) -> Option<Device> {
        let device = self.devices.remove(name)?;
        for key in device.proofs.keys() {
            self.owners.remove(key);
        }
        Some(device)
    }

    /// Adds a proof; the earlier ones are good until `until` at the longest. False where there is no such device.
    pub(super) fn rotate(&mut self, name: &DeviceName, key: String, proof: StoredProof, until: Timestamp) -> bool {
        let Some(device) = self.devices.get_mut(name) else { return false };
        for earlier in device.proofs.values_mut() {
            earlier.until_us = Some(earlier.until_us.map_or(until, |before| before.min(until)));
        }
        self.owners.insert(key.clone(), name.clone());
        device.proofs.insert(key, proof);
        true
    }

    /// Sets what a device may send; `None` is what the configuration says. False where there is no such device.
    pub(super) fn limit(&mut self, name: &DeviceName, rate: Option<PointRate>) -> bool {
        self.devices.get_mut(name).map(|device| device.rate = rate).is_some()
    }

    /// Takes out the proofs whose time after a rotation is over. Their sessions go on: the enrolment stands.
    pub(super) fn lapse(&mut self, now: Timestamp) {
        let owners = &mut self.owners;
        for device in self.devices.values_mut() {
            device.proofs.retain(|key, proof| {
                let stays = proof.until_us.is_none_or(|until| now < until);
                if !stays {
                    owners.remove(key);
                }
                stays
            });
        }
    }

    /// When the next proof's time is over.
    pub(super) fn next_lapse(&self) -> Option<Timestamp> {
        self.devices.values().flat_map(|device| device.proofs.values()).filter_map(|proof| proof.until_us).min()
    }

    pub(super) fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec_pretty(&Contents { version: VERSION, devices: &self.devices })
    }

    /// Reads a file of any version that is known.
    ///
    /// # Errors
    /// Of a file that is none, what is wrong with it; the version of one that is newer.
    pub(super) fn from_json(text: &str) -> Result<Self, Unread> {
        let wrong = |e: serde_json::Error| Unread::Wrong(e.to_string());
        let devices = match serde_json::from_str::<Versioned>(text).map_err(wrong)?.version {
            1 => serde_json::from_str::<ContentsV1>(text).map_err(wrong)?.devices(),
            VERSION => serde_json::from_str::<Contents<BTreeMap<DeviceName, Device>>>(text).map_err(wrong)?.devices,
            other => return Err(Unread::Version(other)),
        };
        let keys =
            devices.iter().flat_map(|(name, device)| device.proofs.keys().map(move |key| (key.clone(), name.clone())));
        let owners = keys.collect();
        Ok(Self { devices, owners })
    }
}

/// Why a file could not be read.
pub(super) enum Unread {
    Wrong(String),
    Version(u32),
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents<D> {
    #[allow(dead_code, reason = "read by itself before the rest")]
    version: u32,
    devices: D,
}

#[derive(Deserialize)]
struct EntryV1 {
    device: DeviceName,
    enrolled_us: Timestamp,
    #[serde(default)]
    simulated: bool,
    #[serde(flatten)]
    proof: ProofV1,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ProofV1 {
    Secret { salt: String, hmac_sha256: String },
    Certificate {},
}

/// As version 1 had them.
type ContentsV1 = Contents<BTreeMap<String, EntryV1>>;

impl ContentsV1 {
    /// The key names the enrolment: a device had one.
    fn devices(self) -> BTreeMap<DeviceName, Device> {
        let devices = self.devices.into_iter().map(|(key, EntryV1 { device, enrolled_us, simulated, proof })| {
            let check = match proof {
                ProofV1::Secret { salt, hmac_sha256 } => Check::Secret { salt, hmac_sha256 },
                ProofV1::Certificate {} => Check::Certificate {},
            };
            let proof = StoredProof { issued_us: enrolled_us, until_us: None, ends_us: None, check };
            let proofs = BTreeMap::from([(key.clone(), proof)]);
            (device, Device { enrolment: key, enrolled_us, simulated, rate: None, proofs })
        });
        devices.collect()
    }
}
