//! News as a POST of JSON, signed, to where the guard lets it.

use std::error::Error as StdError;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use ring::hmac;
use serde::Serialize;

use super::courier::Failure;
use super::guard::{Allowed, Forbidden, Guarded, Lookup};
use crate::alarms::{Alarm, Bundle};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Timestamp;
use crate::outbound;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// From name to status line.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// Posts to webhooks.
#[derive(Debug)]
pub(super) struct Webhooks {
    /// Made for the first one: most servers have none, and it holds every certificate that the system trusts.
    client: OnceLock<Client>,
    guarded: Guarded,
    allowed: Arc<Allowed>,
}

/// What is posted.
#[derive(Serialize)]
struct Body<'a> {
    version: u32,
    delivery: &'a str,
    sent_us: Timestamp,
    alarms: Vec<Told<'a>>,
    more: u64,
}

#[derive(Serialize)]
struct Told<'a> {
    what: &'static str,
    #[serde(flatten)]
    alarm: &'a Alarm,
}

impl Webhooks {
    pub(super) fn new(allowed: Allowed, lookup: Arc<dyn Lookup>) -> Self {
        let allowed = Arc::new(allowed);
        Self { client: OnceLock::new(), guarded: Guarded { allowed: allowed.clone(), lookup }, allowed }
    }

    fn client(&self) -> Result<&Client> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = Client::builder()
            .tls_backend_preconfigured(outbound::tls()?)
            .dns_resolver(self.guarded.clone())
            .redirect(Policy::none())
            // A proxy would connect to what the guard never sees.
            .no_proxy()
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .pool_max_idle_per_host(0)
            .user_agent(concat!("memcore/", env!("CARGO_PKG_VERSION")))
            .build();
        let failed = |e: reqwest::Error| Error::new(ErrorKind::Internal, "webhooks cannot be sent").caused_by(e);
        let client = client.map_err(failed)?;
        Ok(self.client.get_or_init(|| client))
    }

    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) for an address that must not be reached.
    pub(super) fn check(&self, url: &str) -> Result<()> {
        self.allowed.check(url).map(drop)
    }

    pub(super) async fn send(
        &self,
        url: &str,
        secret: Option<&str>,
        bundle: &Bundle,
        delivery: &str,
        now: Timestamp,
    ) -> Result<(), Failure> {
        // Again: what was allowed once need not be now.
        let url = self.allowed.check(url).map_err(|e| Failure::for_good(e.message()))?;
        let told = bundle.notes.iter().map(|note| Told { what: note.what.name(), alarm: &note.alarm });
        let body = Body { version: 1, delivery, sent_us: now, alarms: told.collect(), more: bundle.more };
        let body = serde_json::to_vec(&body).map_err(|e| Failure::for_good(e.to_string()))?;
        let client = self.client().map_err(|e| Failure::for_good(e.message()))?;
        let mut request = client.post(url).header("content-type", "application/json");
        request = request.header("memcore-delivery", delivery);
        if let Some(secret) = secret {
            request = request.header("memcore-signature", signature(secret, now, &body));
        }
        // What it answers beyond its status is nobody's business: the body is not read.
        let answer = request.body(body).send().await.map_err(|e| failure(&e))?;
        judge(answer.status())
    }
}

/// `t=<seconds>,v1=<HMAC-SHA256 of "<seconds>.<body>" by the secret, in hex>`: the time keeps an old message from being new again.
fn signature(secret: &str, now: Timestamp, body: &[u8]) -> String {
    let seconds = now.as_micros().div_euclid(1_000_000);
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let mut signing = hmac::Context::with_key(&key);
    signing.update(format!("{seconds}.").as_bytes());
    signing.update(body);
    let hex: String = signing.sign().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={seconds},v1={hex}")
}

fn judge(status: StatusCode) -> Result<(), Failure> {
    let again = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    match status {
        status if status.is_success() => Ok(()),
        status if status.is_server_error() || again.contains(&status) => {
            Err(Failure::for_now(format!("it answered {}", status.as_u16())))
        }
        status => Err(Failure::for_good(format!("it answered {}", status.as_u16()))),
    }
}

/// What went wrong, without the address: it may hold a secret.
fn failure(e: &reqwest::Error) -> Failure {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(e);
    while let Some(inner) = cause {
        if let Some(forbidden) = inner.downcast_ref::<Forbidden>() {
            // It may lead elsewhere later; the guard looks again.
            return Failure::for_now(format!("{forbidden}: expected a public one, or one that alarms.webhook_allow names"));
        }
        cause = inner.source();
    }
    Failure::for_now(match e {
        e if e.is_timeout() => "it did not answer in time",
        e if e.is_connect() => "it cannot be reached: no address, no connection, or no certificate that is good",
        _ => "the connection broke off",
    })
}
