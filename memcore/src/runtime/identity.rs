//! Who may connect, as people set it: enrolment, rotation, revocation, limits; and what a server does about it by the clock.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

use super::audit::{Act, AuditLog, AuditQuery, AuditReport, read_audit, say_once, verify_audit};
use super::commands::PROGRAM;
use super::config::Config;
use super::core::Core;
use super::server::ServerHandle;
use crate::error::Result;
use crate::gateway::{
    Certificates, Enrolled, Issuing, Link, Proven, RefusedLogin, Registry, Reloaded, ServerCertificate, proof_id,
};
use crate::model::{Clock, DeviceName, EventKind, PointRate, ProofKind, Span, SystemClock, Timestamp};
use crate::protocol::{Bundle, Code};

/// How long an earlier proof stays good after a rotation, unless it is said: long enough for a device that is away for some days.
pub const OVERLAP_DEFAULT: Span = Span::from_seconds(7 * 86_400);

impl ServerHandle {
    /// Enrols a device; what is returned is shown once. An earlier enrolment of the same device ends, and its session.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) where the registry cannot be written.
    pub fn enroll(&self, device: &DeviceName, proof: ProofKind) -> Result<Bundle> {
        self.core.audit.check_room()?;
        let bundle = self.core.registry.enroll(device, proof, &self.issuing(&self.server()))?;
        self.core.links.close_where(|other, _| other == device, Code::Revoked, "enrolled anew");
        self.say(Act::Enrolled { device: device.clone(), proof, simulated: false });
        Ok(bundle)
    }

    /// Enrols many devices at once with secrets, in the order given: thousands take no longer than the one write of the
    /// registry. Earlier enrolments of the same devices end, and their sessions.
    ///
    /// # Errors
    /// As [`enroll`](Self::enroll); then none of them is enrolled.
    pub fn enroll_many(&self, devices: &[DeviceName]) -> Result<Vec<Bundle>> {
        self.core.audit.check_room()?;
        let proof = ProofKind::Secret;
        let bundles = self.core.registry.enroll_many(devices, proof, &self.issuing(&self.server()))?;
        self.core.close_revoked();
        for device in devices {
            self.say(Act::Enrolled { device: device.clone(), proof, simulated: false });
        }
        Ok(bundles)
    }

    /// Enrols an emulated device with a secret. Only an enrolment by an earlier simulation ends.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) where the device is enrolled otherwise, [`Io`](crate::ErrorKind::Io) where the
    /// registry cannot be written.
    pub fn enroll_simulated(&self, device: &DeviceName) -> Result<Bundle> {
        self.core.audit.check_room()?;
        let bundle = self.core.registry.enroll_simulated(device, false, &self.issuing(&self.server()))?;
        self.core.close_revoked();
        self.say(Act::Enrolled { device: device.clone(), proof: ProofKind::Secret, simulated: true });
        Ok(bundle)
    }

    /// Gives a device a new proof; what is returned is shown once. Its earlier proofs stay good for logins for `overlap`, and
    /// its session goes on. [`devices`](Self::devices) tells which of them it uses. Where a proof was stolen,
    /// [`enroll`](Self::enroll) anew: that ends the session, too.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where the device is not enrolled,
    /// [`LimitReached`](crate::ErrorKind::LimitReached) where four proofs of it are good already,
    /// [`Invalid`](crate::ErrorKind::Invalid) for an overlap below zero.
    pub fn rotate(&self, device: &DeviceName, proof: ProofKind, overlap: Span) -> Result<Bundle> {
        self.core.audit.check_room()?;
        let server = self.server();
        let issuing = self.issuing(&server);
        let bundle = self.core.registry.rotate(device, proof, overlap, &issuing)?;
        self.say(rotated(device, proof, issuing.now.saturating_add(overlap)));
        Ok(bundle)
    }

    /// Ends a device's enrolment, with all its proofs, and its session.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where the device is not enrolled.
    pub fn revoke(&self, device: &DeviceName) -> Result<()> {
        self.core.registry.revoke(device, self.core.clock.now())?;
        self.core.close_revoked();
        self.say(Act::Revoked { device: device.clone() });
        Ok(())
    }

    /// Sets how many points a device may send, from now on; without a rate, what the configuration says for all.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where the device is not enrolled.
    pub fn limit(&self, device: &DeviceName, rate: Option<PointRate>) -> Result<()> {
        self.core.registry.limit(device, rate, self.core.clock.now())?;
        self.core.links.limit(|device| self.core.rate_of(device));
        self.say(Act::Limited { device: device.clone(), rate });
        Ok(())
    }

    /// The server's certificate, as it stands.
    #[must_use]
    pub fn certificate(&self) -> ServerCertificate {
        self.core.certificates.server()
    }

    /// Reads the audit trail. It waits until what was done so far is written.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for an unknown kind, [`Io`](crate::ErrorKind::Io) where it cannot be read.
    pub fn audit(&self, query: &AuditQuery) -> Result<AuditLog> {
        self.core.audit.flush();
        read_audit(&self.core.site, query)
    }

    /// Checks that the audit trail is whole.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) where it cannot be read.
    pub fn verify_audit(&self) -> Result<AuditReport> {
        self.core.audit.flush();
        verify_audit(&self.core.site)
    }

    /// Says in the audit trail what was done beside the server, and by whom.
    #[cfg(feature = "rest")]
    pub(crate) fn say_by(&self, by: Option<String>, act: Act) {
        self.core.audit.say(by, act);
    }

    /// Whether there is room in the audit trail for what a person asks for: asked before it is done.
    ///
    /// # Errors
    /// [`LimitReached`](crate::ErrorKind::LimitReached) where the disk has not taken lines for too long.
    #[cfg(feature = "rest")]
    pub(crate) fn check_audit(&self) -> Result<()> {
        self.core.audit.check_room()
    }

    fn say(&self, act: Act) {
        self.core.audit.say(Some(self.author.as_deref().unwrap_or(PROGRAM).to_owned()), act);
    }

    /// A device on this machine can use the bundle as it is; elsewhere the host part is to be replaced.
    fn server(&self) -> String {
        format!("localhost:{}", self.address().port())
    }

    fn issuing<'a>(&'a self, server: &'a str) -> Issuing<'a> {
        Issuing { server, certificates: &self.core.certificates, now: self.core.clock.now() }
    }
}

fn rotated(device: &DeviceName, proof: ProofKind, earlier_until_us: Timestamp) -> Act {
    Act::Rotated { device: device.clone(), proof, earlier_until_us }
}

impl Core {
    /// What files and the clock say of identity. It reads files: not for a thread that serves the network.
    pub(crate) fn look_after_identity(&self) {
        self.refresh_registry();
        self.watch_certificates();
    }

    /// Rereads the registry; devices lose their session where their enrolment has ended. They are looked at whoever has found
    /// the change: a login or an enrolment may have read it before.
    fn refresh_registry(&self) {
        let registry = &self.registry;
        if let Err(error) = registry.refresh() {
            // A half-written or corrupt file keeps the old entries in use.
            tracing::warn!(%error, "the device registry cannot be read; the earlier one stays in use");
        }
        let now = (self.clock.now(), self.clock.monotonic());
        if let Err(error) = registry.lapse(now.0).and_then(|_| registry.save_uses(Some(now.1))) {
            tracing::warn!(%error, "the device registry cannot be written");
        }
        let generation = registry.generation();
        if self.enrolments_seen.swap(generation, Ordering::AcqRel) != generation {
            self.close_revoked();
            self.links.limit(|device| self.rate_of(device));
        }
    }

    /// Ends the sessions of devices whose enrolment has ended.
    pub(crate) fn close_revoked(&self) {
        let revoked = |device: &DeviceName, link: &Link| !self.registry.holds(device, link.enrolment());
        self.links.close_where(revoked, Code::Revoked, "no longer enrolled, or enrolled anew");
    }

    fn watch_certificates(&self) {
        match self.certificates.refresh(self.clock.now()) {
            None => {}
            Some(Reloaded::Taken(ends)) => {
                tracing::info!(ends = ?ends.map(|ends| ends.to_string()), "the server's certificate was exchanged");
                self.audit.say(None, Act::CertificateReloaded { ends_us: ends });
                self.note(EventKind::CertificateReloaded { ends });
            }
            Some(Reloaded::Refused(reason)) => {
                tracing::warn!(%reason, "the server's certificate stays as it was: the new one is refused");
                self.audit.say(None, Act::CertificateRefused { reason: reason.clone() });
                self.note(EventKind::CertificateRefused { reason });
            }
        }
    }

    /// How many points that device may send.
    pub(crate) fn rate_of(&self, device: &DeviceName) -> Option<PointRate> {
        self.registry.rate_of(device).or(self.rate)
    }

    /// A device has logged in, and maybe fenced a session of its own.
    pub(crate) fn logged_in(&self, proven: &Proven, address: SocketAddr, epoch: u64, fenced: Option<SocketAddr>) {
        let Proven { device, key, .. } = proven;
        self.registry.note_use(key, self.clock.now());
        let proof = proof_id(key).to_owned();
        self.audit.say(None, Act::Login { device: device.clone(), proof, address, epoch });
        if let Some(earlier) = fenced {
            self.audit.say(None, Act::Takeover { device: device.clone(), earlier, address, epoch });
        }
    }

    /// A login was refused: one line a second in the log, whatever knocks.
    pub(crate) fn login_refused(&self, login: RefusedLogin) {
        let RefusedLogin { peer, code, detail, named, claimed } = login;
        let now = self.clock.monotonic();
        let mut complaints = self.complaints.lock().unwrap_or_else(|e| e.into_inner());
        if complaints.0.is_some_and(|last| now.saturating_sub(last) < Duration::from_secs(1)) {
            complaints.1 += 1;
        } else {
            let (claimed, omitted) = (claimed.as_ref().map(ToString::to_string), complaints.1);
            let device = named.as_ref().map(ToString::to_string);
            tracing::warn!(%peer, %code, ?device, ?claimed, omitted, "a login was refused");
            *complaints = (Some(now), 0);
        }
        drop(complaints);
        let act = Act::LoginRefused { address: peer, device: named, claimed, code: code.to_string(), detail };
        self.audit.say(None, act);
    }

    /// Writes what is still to be written of logins and of the trail. It waits for the disk.
    pub(crate) fn end_identity(&self, served: bool) {
        if let Err(error) = self.registry.save_uses(None) {
            tracing::warn!(%error, "the last logins cannot be written");
        }
        if served {
            self.audit.say(None, Act::Stopped);
        }
        self.audit.close();
    }
}

/// The same, with the validity of client certificates judged by that clock.
pub(crate) fn by_clock(config: &ServerConfig, clock: Arc<dyn Clock>) -> Arc<ServerConfig> {
    let mut config = config.clone();
    config.time_provider = Arc::new(ByClock(clock));
    Arc::new(config)
}

#[derive(Debug)]
struct ByClock(Arc<dyn Clock>);

impl TimeProvider for ByClock {
    fn current_time(&self) -> Option<UnixTime> {
        let micros = u64::try_from(self.0.now().as_micros()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_micros(micros)))
    }
}

/// The enrolment of a site, with or without a server running on it. What is done stands in the audit trail, under the user of
/// the process.
#[derive(Debug)]
pub struct Enrolment {
    registry: Registry,
    certificates: Certificates,
    server: String,
    site: PathBuf,
    audit_bytes: u64,
}

impl Enrolment {
    /// Opens the enrolment of the site that `config` describes, making its CA on the first use.
    ///
    /// # Errors
    /// As [`Server::start`](super::Server::start).
    pub fn open(config: &Config) -> Result<Self> {
        let path: &Path = &config.path;
        crate::gateway::create_private_folder(path)?;
        let certificates = Certificates::open(&path.join("tls"), &config.gateway.identity()?, now())?;
        let registry = Registry::open(&path.join("devices.json"))?;
        let host = config.gateway.names.first().map_or("localhost", String::as_str);
        let server = format!("{host}:{}", config.gateway.listen.port());
        Ok(Self { registry, certificates, server, site: path.to_owned(), audit_bytes: config.audit.max_size })
    }

    /// Enrols a device; what is returned is shown once. An earlier enrolment of the same device ends.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) where the registry or the audit trail cannot be written.
    pub fn enroll(&self, device: &DeviceName, proof: ProofKind, server: Option<&str>) -> Result<Bundle> {
        let bundle = self.registry.enroll(device, proof, &self.issuing(server))?;
        self.say(vec![Act::Enrolled { device: device.clone(), proof, simulated: false }])?;
        Ok(bundle)
    }

    /// Enrols many devices at once with secrets, in the order given: thousands take no longer than the one write of the
    /// registry. Earlier enrolments of the same devices end.
    ///
    /// # Errors
    /// As [`enroll`](Self::enroll); where the registry cannot be written none of them is enrolled.
    pub fn enroll_many(&self, devices: &[DeviceName], server: Option<&str>) -> Result<Vec<Bundle>> {
        let proof = ProofKind::Secret;
        let bundles = self.registry.enroll_many(devices, proof, &self.issuing(server))?;
        let acts = devices.iter().map(|device| Act::Enrolled { device: device.clone(), proof, simulated: false });
        self.say(acts.collect())?;
        Ok(bundles)
    }

    /// Enrols an emulated device with a secret. Only an enrolment by an earlier simulation ends, unless `replace` says so.
    ///
    /// # Errors
    /// As [`ServerHandle::enroll_simulated`].
    pub fn enroll_simulated(&self, device: &DeviceName, server: Option<&str>, replace: bool) -> Result<Bundle> {
        let bundle = self.registry.enroll_simulated(device, replace, &self.issuing(server))?;
        self.say(vec![Act::Enrolled { device: device.clone(), proof: ProofKind::Secret, simulated: true }])?;
        Ok(bundle)
    }

    /// Gives a device a new proof, as [`ServerHandle::rotate`].
    ///
    /// # Errors
    /// As [`ServerHandle::rotate`].
    pub fn rotate(&self, device: &DeviceName, proof: ProofKind, overlap: Span, server: Option<&str>) -> Result<Bundle> {
        let issuing = self.issuing(server);
        let bundle = self.registry.rotate(device, proof, overlap, &issuing)?;
        self.say(vec![rotated(device, proof, issuing.now.saturating_add(overlap))])?;
        Ok(bundle)
    }

    /// Sets how many points a device may send; a running server keeps to it within seconds.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where the device is not enrolled.
    pub fn limit(&self, device: &DeviceName, rate: Option<PointRate>) -> Result<()> {
        self.registry.limit(device, rate, now())?;
        self.say(vec![Act::Limited { device: device.clone(), rate }])
    }

    /// Where a device reaches the server, unless the enrolment is told otherwise: `host:port`.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Ends a device's enrolment, with all its proofs; a running server drops its session within seconds.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where the device is not enrolled.
    pub fn revoke(&self, device: &DeviceName) -> Result<()> {
        self.registry.revoke(device, now())?;
        self.say(vec![Act::Revoked { device: device.clone() }])
    }

    /// The enrolled devices, by name.
    #[must_use]
    pub fn list(&self) -> Vec<Enrolled> {
        self.registry.list()
    }

    fn issuing<'a>(&'a self, server: Option<&'a str>) -> Issuing<'a> {
        Issuing { server: server.unwrap_or(&self.server), certificates: &self.certificates, now: now() }
    }

    fn say(&self, acts: Vec<Act>) -> Result<()> {
        let said = say_once(&self.site, self.audit_bytes, now(), acts);
        said.map_err(|e| e.context("it is done, but does not stand in the audit trail"))
    }
}

fn now() -> Timestamp {
    SystemClock::default().now()
}
