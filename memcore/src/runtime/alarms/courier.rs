//! Takes messages to those who are to know, by whatever way that is.

use std::sync::Arc;

use super::config::{AlarmsConfig, SmtpConfig};
use super::guard::{Allowed, Lookup, SystemLookup};
use super::mail;
use super::webhook::Webhooks;
use crate::alarms::{Bundle, NotifierSettings, Pace};
use crate::error::{Error, Result};
use crate::model::{Span, Timestamp};

/// The most addresses of one notifier.
const ADDRESSES_MAX: usize = 20;

/// Why a message could not be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) why: String,
    /// Trying again changes nothing.
    pub(super) never: bool,
}

impl Failure {
    pub(super) fn for_now(why: impl Into<String>) -> Self {
        Self { why: why.into(), never: false }
    }

    pub(super) fn for_good(why: impl Into<String>) -> Self {
        Self { why: why.into(), never: true }
    }
}

/// Sends mails and posts to webhooks.
#[derive(Debug)]
pub(super) struct Courier {
    smtp: Option<SmtpConfig>,
    link: Option<String>,
    webhooks: Webhooks,
}

impl Courier {
    pub(super) fn new(config: &AlarmsConfig) -> Result<Self> {
        Self::with_lookup(config, Arc::new(SystemLookup))
    }

    pub(super) fn with_lookup(config: &AlarmsConfig, lookup: Arc<dyn Lookup>) -> Result<Self> {
        let webhooks = Webhooks::new(Allowed::new(&config.webhook_allow)?, lookup);
        Ok(Self { smtp: config.smtp.clone(), link: config.link.clone(), webhooks })
    }

    /// Checks what was said of a notifier.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), naming the field, the value and what was expected.
    pub(super) fn check(&self, settings: &NotifierSettings) -> Result<()> {
        settings.check_name()?;
        match settings {
            NotifierSettings::Email { to, .. } => {
                if self.smtp.is_none() {
                    return Err(Error::invalid(
                        "kind is \"email\", but alarms.smtp is missing: nothing says how mails are sent",
                    ));
                }
                if to.is_empty() || to.len() > ADDRESSES_MAX {
                    let count = to.len();
                    return Err(Error::invalid(format!("to holds {count} addresses, expected 1 to {ADDRESSES_MAX}")));
                }
                to.iter().try_for_each(|address| mail::check_address(address).map(drop))
            }
            NotifierSettings::Webhook { url, secret, .. } => {
                self.webhooks.check(url)?;
                match secret.as_ref().map(|secret| secret.chars().count()) {
                    // Never quoted: it is one.
                    Some(count) if !(16..=256).contains(&count) => {
                        Err(Error::invalid(format!("secret has {count} characters, expected 16 to 256")))
                    }
                    _ => Ok(()),
                }
            }
        }
    }

    pub(super) async fn send(
        &self,
        settings: &NotifierSettings,
        bundle: &Bundle,
        delivery: &str,
        now: Timestamp,
    ) -> Result<(), Failure> {
        match (settings, &self.smtp) {
            (NotifierSettings::Webhook { url, secret, .. }, _) => {
                self.webhooks.send(url, secret.as_deref(), bundle, delivery, now).await
            }
            (NotifierSettings::Email { to, .. }, Some(smtp)) => mail::send(smtp, to, bundle, self.link.as_deref()).await,
            (NotifierSettings::Email { .. }, None) => Err(Failure::for_now("alarms.smtp is missing")),
        }
    }
}

/// A person reads mails, a program what is posted.
pub(super) fn pace(settings: &NotifierSettings) -> Pace {
    let seconds = Span::from_seconds;
    match settings {
        NotifierSettings::Email { .. } => Pace { gather: seconds(10), between: seconds(300), urgent: seconds(30) },
        NotifierSettings::Webhook { .. } => Pace { gather: seconds(1), between: seconds(1), urgent: seconds(1) },
    }
}
