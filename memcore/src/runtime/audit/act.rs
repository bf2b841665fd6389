//! What the audit trail says: who did what, when. Never a secret.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::control::Proposal;
use crate::error::{Error, Result};
use crate::model::{
    Command, CommandId, CommandState, DeviceName, Name, PointRate, ProofKind, SeriesName, Span, Timestamp, shorten,
};

/// One line of the trail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Rises by one with each line.
    pub number: u64,
    /// When, by the server's clock.
    #[serde(rename = "time_us")]
    pub time: Timestamp,
    /// At whose wish: `program` for the one that the server runs in, `uid 1000` for a user of this machine; of what devices and
    /// the server itself do, nobody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub act: Act,
    /// The hash of the line before.
    pub previous: String,
    /// The SHA-256 of this line without its hash.
    pub hash: String,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Act {
    /// A server began to listen.
    Started {
        /// Where.
        address: SocketAddr,
    },
    /// A server was shut down in order.
    Stopped,
    /// A device was enrolled; an earlier enrolment of it ended.
    Enrolled {
        /// The device.
        device: DeviceName,
        /// How it proves itself.
        proof: ProofKind,
        /// Whether by a simulation.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        simulated: bool,
    },
    /// A device was given a new proof.
    Rotated {
        /// The device.
        device: DeviceName,
        /// How it proves itself from now on.
        proof: ProofKind,
        /// Until when its earlier proofs log in at the longest.
        earlier_until_us: Timestamp,
    },
    /// A device's enrolment was ended.
    Revoked {
        /// The device.
        device: DeviceName,
    },
    /// It was set how many points a device may send; what the configuration says for all, where there is no rate.
    Limited {
        /// The device.
        device: DeviceName,
        /// The rate.
        rate: Option<PointRate>,
    },
    /// A device logged in.
    Login {
        /// The device.
        device: DeviceName,
        /// Which of its proofs it showed: the `id` in the list of devices.
        proof: String,
        /// From where.
        address: SocketAddr,
        /// The number of its session.
        epoch: u64,
    },
    /// A login was refused.
    LoginRefused {
        /// From where.
        address: SocketAddr,
        /// Whose proof was shown, or guessed at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        device: Option<DeviceName>,
        /// Who the peer said it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        claimed: Option<DeviceName>,
        /// Why: a code of `docs/protocol.md`.
        code: String,
        /// For a person.
        detail: String,
    },
    /// A device logged in while it had a session: the earlier one was fenced.
    Takeover {
        /// The device.
        device: DeviceName,
        /// From where the earlier session came.
        earlier: SocketAddr,
        /// From where the later one comes.
        address: SocketAddr,
        /// The number of the later session.
        epoch: u64,
    },
    /// A device sends more than it may, and is read more slowly.
    Quota {
        /// The device.
        device: DeviceName,
        /// What it may send.
        rate: PointRate,
    },
    /// The gateway shows a new certificate.
    CertificateReloaded {
        /// When it ends.
        ends_us: Option<Timestamp>,
    },
    /// What lies in the certificate files cannot be used.
    CertificateRefused {
        /// Why.
        reason: String,
    },
    /// A command was issued.
    Command {
        /// Which.
        id: CommandId,
        /// The channel it is for.
        target: SeriesName,
        /// The value, in base unit and passive sign.
        value: f64,
        /// How long it holds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lease_us: Option<Span>,
        /// What holds after the lease.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fallback: Option<f64>,
        /// When it is no longer delivered.
        expires_us: Timestamp,
        /// Whether it is for safety.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        safety: bool,
    },
    /// A command came to its end.
    CommandEnded {
        /// Which.
        id: CommandId,
        /// The channel it was for.
        target: SeriesName,
        /// What became of it.
        #[serde(flatten)]
        end: CommandState,
    },
    /// Control of the site was paused: it orders nothing.
    ControlPaused,
    /// Control of the site goes on.
    ControlResumed,
    /// A person wished for something.
    Proposed {
        /// In whose name.
        actor: Name,
        /// For whom.
        wished_for: String,
        /// The power, in W.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        power_w: Option<f64>,
        /// The least power, in W.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        low_w: Option<f64>,
        /// The most power, in W.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        high_w: Option<f64>,
        /// How urgent it is.
        priority: u8,
        /// For how long it stands.
        valid_for_us: Span,
        /// Why.
        reason: String,
    },
    /// A person took wishes back.
    Withdrawn {
        /// In whose name.
        actor: Name,
        /// For whom; for all where nobody is named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wished_for: Option<String>,
    },
    /// A person signed in.
    SignedIn {
        /// Who.
        user: String,
        /// By what: `password`, `oidc`, or the link `first`, `user`, `reset` or `sign_in`.
        method: String,
        /// The id of the session.
        session: String,
        /// From where.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<IpAddr>,
    },
    /// A person did not get in.
    SignInRefused {
        /// Whose name was said, where there is such a user: what else was typed may be a password.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// Why: `credentials`, or what signing in by OpenID Connect ended in.
        code: String,
        /// From where.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<IpAddr>,
    },
    /// A session was ended by its user.
    SignedOut {
        /// Who.
        user: String,
        /// The id of the session.
        session: String,
    },
    /// A person chose another password.
    PasswordChanged {
        /// Who.
        user: String,
    },
    /// A user was made.
    UserInvited {
        /// Who.
        user: String,
        /// The role at each operator; at `*` for all.
        roles: BTreeMap<String, String>,
    },
    /// A user was changed.
    UserChanged {
        /// Who.
        user: String,
        /// All roles from now on, where they were set.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        roles: Option<BTreeMap<String, String>>,
        /// Whether the user is shut out, where that was set.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        disabled: Option<bool>,
    },
    /// A user's role at an operator, or at all (`*`), was set or taken away.
    RoleSet {
        /// Who.
        user: String,
        /// Where.
        operator: String,
        /// The role; nothing where it was taken away.
        role: Option<String>,
    },
    /// A link was made, by which a user chooses another password (`reset`) or signs in (`sign_in`).
    LinkMade {
        /// For whom.
        user: String,
        /// Which.
        link: String,
    },
    /// A user was removed.
    UserRemoved {
        /// Who.
        user: String,
    },
    /// An API token was made.
    TokenCreated {
        /// Whose.
        user: String,
        /// Its id.
        token: String,
        /// What it may.
        scopes: Vec<String>,
    },
    /// An API token was ended.
    TokenRevoked {
        /// Whose.
        user: String,
        /// Its id.
        token: String,
    },
    /// Somebody took note of an alarm.
    AlarmAcknowledged {
        /// Whose.
        operator: Name,
        /// Which.
        alarm: Name,
    },
    /// A rule of alarms was made or changed.
    AlarmRuleSet {
        /// Whose.
        operator: Name,
        /// Which.
        rule: Name,
        /// What it is called.
        name: String,
        /// Whether it watches.
        enabled: bool,
    },
    /// A rule of alarms was removed.
    AlarmRuleRemoved {
        /// Whose.
        operator: Name,
        /// Which.
        rule: Name,
    },
    /// A notifier was made or changed.
    NotifierSet {
        /// Whose.
        operator: Name,
        /// Which.
        notifier: Name,
        /// What it is called.
        name: String,
    },
    /// A notifier was removed.
    NotifierRemoved {
        /// Whose.
        operator: Name,
        /// Which.
        notifier: Name,
    },
    /// What happened too often to be told one by one, since the last such line.
    Counted {
        /// Logins.
        logins: u64,
        /// Refused logins.
        refused_logins: u64,
        /// Takeovers.
        takeovers: u64,
        /// Quotas.
        quotas: u64,
        /// Sign-ins of people.
        #[serde(default, skip_serializing_if = "is_none")]
        sign_ins: u64,
        /// Refused sign-ins of people.
        #[serde(default, skip_serializing_if = "is_none")]
        refused_sign_ins: u64,
    },
    /// The last line had no end, as a crash leaves it, and was cut off.
    Resumed {
        /// How many bytes.
        cut_bytes: u64,
    },
    /// The trail was not as it had been left: lines are missing, or were changed.
    Disturbed {
        /// The number of the last line as it was left.
        left_at: u64,
        /// The number of the last line that was found.
        found: u64,
    },
}

impl Act {
    /// Every kind, as `kind` in the trail.
    pub const KINDS: [&str; 37] = [
        "started",
        "stopped",
        "enrolled",
        "rotated",
        "revoked",
        "limited",
        "login",
        "login_refused",
        "takeover",
        "quota",
        "certificate_reloaded",
        "certificate_refused",
        "command",
        "command_ended",
        "control_paused",
        "control_resumed",
        "proposed",
        "withdrawn",
        "signed_in",
        "sign_in_refused",
        "signed_out",
        "password_changed",
        "user_invited",
        "user_changed",
        "role_set",
        "link_made",
        "user_removed",
        "token_created",
        "token_revoked",
        "alarm_acknowledged",
        "alarm_rule_set",
        "alarm_rule_removed",
        "notifier_set",
        "notifier_removed",
        "counted",
        "resumed",
        "disturbed",
    ];

    /// The kind, as in the trail.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Stopped => "stopped",
            Self::Enrolled { .. } => "enrolled",
            Self::Rotated { .. } => "rotated",
            Self::Revoked { .. } => "revoked",
            Self::Limited { .. } => "limited",
            Self::Login { .. } => "login",
            Self::LoginRefused { .. } => "login_refused",
            Self::Takeover { .. } => "takeover",
            Self::Quota { .. } => "quota",
            Self::CertificateReloaded { .. } => "certificate_reloaded",
            Self::CertificateRefused { .. } => "certificate_refused",
            Self::Command { .. } => "command",
            Self::CommandEnded { .. } => "command_ended",
            Self::ControlPaused => "control_paused",
            Self::ControlResumed => "control_resumed",
            Self::Proposed { .. } => "proposed",
            Self::Withdrawn { .. } => "withdrawn",
            Self::SignedIn { .. } => "signed_in",
            Self::SignInRefused { .. } => "sign_in_refused",
            Self::SignedOut { .. } => "signed_out",
            Self::PasswordChanged { .. } => "password_changed",
            Self::UserInvited { .. } => "user_invited",
            Self::UserChanged { .. } => "user_changed",
            Self::RoleSet { .. } => "role_set",
            Self::LinkMade { .. } => "link_made",
            Self::UserRemoved { .. } => "user_removed",
            Self::TokenCreated { .. } => "token_created",
            Self::TokenRevoked { .. } => "token_revoked",
            Self::AlarmAcknowledged { .. } => "alarm_acknowledged",
            Self::AlarmRuleSet { .. } => "alarm_rule_set",
            Self::AlarmRuleRemoved { .. } => "alarm_rule_removed",
            Self::NotifierSet { .. } => "notifier_set",
            Self::NotifierRemoved { .. } => "notifier_removed",
            Self::Counted { .. } => "counted",
            Self::Resumed { .. } => "resumed",
            Self::Disturbed { .. } => "disturbed",
        }
    }

    /// The device that it is about, where it is about one.
    #[must_use]
    pub fn device(&self) -> Option<&DeviceName> {
        match self {
            Self::Enrolled { device, .. }
            | Self::Rotated { device, .. }
            | Self::Revoked { device }
            | Self::Limited { device, .. }
            | Self::Login { device, .. }
            | Self::Takeover { device, .. }
            | Self::Quota { device, .. } => Some(device),
            Self::LoginRefused { device, claimed, .. } => device.as_ref().or(claimed.as_ref()),
            Self::Command { target, .. } | Self::CommandEnded { target, .. } => Some(&target.device),
            _ => None,
        }
    }

    pub(crate) fn proposed(proposal: &Proposal) -> Self {
        let Proposal { actor, target, power_w, low_w, high_w, priority, reason, valid_for } = proposal.clone();
        let (wished_for, priority, valid_for_us) = (target.to_string(), priority.get(), valid_for);
        Self::Proposed { actor, wished_for, power_w, low_w, high_w, priority, valid_for_us, reason }
    }

    pub(crate) fn issued(command: &Command) -> Self {
        let Command { id, target, value, expires, lease, fallback, safety } = command.clone();
        Self::Command { id, target, value, lease_us: lease, fallback, expires_us: expires, safety }
    }
}

fn is_none(count: &u64) -> bool {
    *count == 0
}

/// Which lines of the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditQuery {
    /// From then on.
    pub since: Option<Timestamp>,
    /// Before then.
    pub until: Option<Timestamp>,
    /// Before the line of that number.
    pub before: Option<u64>,
    /// At that one's wish, as [`AuditEntry::by`] says it.
    pub by: Option<String>,
    /// About that device.
    pub device: Option<DeviceName>,
    /// Of that kind: one of [`Act::KINDS`].
    pub kind: Option<String>,
    /// So many at most, the latest; 1,000 unless told otherwise.
    pub limit: usize,
}

impl Default for AuditQuery {
    fn default() -> Self {
        Self { since: None, until: None, before: None, by: None, device: None, kind: None, limit: 1000 }
    }
}

impl AuditQuery {
    pub(super) fn check(&self) -> Result<()> {
        match &self.kind {
            Some(kind) if !Act::KINDS.contains(&kind.as_str()) => {
                let expected = Act::KINDS.join(", ");
                Err(Error::invalid(format!("kind is {:?}, expected one of {expected}", shorten(kind))))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn selects(&self, entry: &AuditEntry) -> bool {
        self.since.is_none_or(|since| entry.time >= since)
            && self.until.is_none_or(|until| entry.time < until)
            && self.before.is_none_or(|before| entry.number < before)
            && self.by.as_ref().is_none_or(|by| entry.by.as_ref() == Some(by))
            && self.device.as_ref().is_none_or(|device| entry.act.device() == Some(device))
            && self.kind.as_ref().is_none_or(|kind| entry.act.kind() == kind)
    }
}
