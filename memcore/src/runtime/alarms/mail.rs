//! News as a mail in plain text.

use std::time::Duration;

use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::{SUBMISSION_PORT, SUBMISSIONS_PORT};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::config::{SmtpConfig, SmtpTls};
use super::courier::Failure;
use crate::alarms::{Alarm, Bundle, Note, Telling};
use crate::error::{Error, Result};
use crate::model::{Timestamp, shorten};

/// From the connection to the last answer.
const WITHIN: Duration = Duration::from_secs(30);
/// The longest address, RFC 5321.
const ADDRESS_MAX: usize = 254;
/// The longest subject, so that it stays one line where mails are listed.
const SUBJECT_MAX: usize = 160;

/// The most that is told of what went wrong: enough for why a certificate is not good.
const PROBLEM_MAX: usize = 240;
/// How a certificate begins in PEM.
const MARK: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// Nobody answers such a mail by a machine (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }
    fn parse(_: &str) -> std::result::Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }
    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".into())
    }
}

/// Checks an address of mail.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid), naming it.
pub(super) fn check_address(text: &str) -> Result<Address> {
    let parsed = text.parse::<Address>().ok().filter(|_| text.len() <= ADDRESS_MAX && text.is_ascii());
    // No quoted local parts: nobody has one, and they may hold anything.
    parsed.filter(|_| !text.contains(['"', ' ', '\r', '\n', '\0'])).ok_or_else(|| {
        Error::invalid(format!("to holds {:?}, expected addresses such as ada@energy.example", shorten(text)))
    })
}

pub(super) async fn send(
    smtp: &SmtpConfig,
    to: &[String],
    bundle: &Bundle,
    link: Option<&str>,
) -> std::result::Result<(), Failure> {
    let for_good = |e: &Error| Failure::for_good(e.message());
    let mut message = Message::builder().from(smtp.sender().map_err(|e| for_good(&e))?).header(AutoSubmitted);
    for address in to {
        message = message.to(Mailbox::new(None, check_address(address).map_err(|e| for_good(&e))?));
    }
    let message = message.subject(subject(bundle)).body(body(bundle, link));
    let message = message.map_err(|e| Failure::for_good(format!("the mail cannot be written: {e}")))?;
    let transport = transport(smtp)?;
    match tokio::time::timeout(WITHIN, transport.send(message)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(e)) => Err(failure(&e)),
        Err(_) => Err(Failure::for_now("the mail server did not answer in time")),
    }
}

fn transport(smtp: &SmtpConfig) -> std::result::Result<AsyncSmtpTransport<Tokio1Executor>, Failure> {
    // "Dangerous" is that it begins without TLS.
    let plain = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&smtp.server);
    let builder = match smtp.tls {
        SmtpTls::Starttls => plain.port(SUBMISSION_PORT).tls(Tls::Required(tls(smtp)?)),
        SmtpTls::Tls => plain.port(SUBMISSIONS_PORT).tls(Tls::Wrapper(tls(smtp)?)),
        SmtpTls::None => plain,
    };
    let builder = smtp.port.into_iter().fold(builder.timeout(Some(WITHIN)), |builder, port| builder.port(port));
    let secret = smtp.secret().map_err(|e| Failure::for_now(e.message()))?;
    let builder = match (&smtp.user, secret) {
        (Some(user), Some(secret)) => builder.credentials(Credentials::new(user.clone(), secret.reveal().to_owned())),
        _ => builder,
    };
    Ok(builder.build())
}

/// Whose certificates are good: those that the system trusts, or where the configuration names who signs, theirs alone.
fn tls(smtp: &SmtpConfig) -> std::result::Result<TlsParameters, Failure> {
    let parameters = TlsParameters::builder(smtp.server.clone());
    let parameters = match smtp.signers().map_err(|e| Failure::for_now(e.message()))? {
        Some(pem) => {
            let none = || Failure::for_now("alarms.smtp.ca holds no certificate, expected some in PEM");
            if !pem.windows(MARK.len()).any(|window| window == MARK) {
                return Err(none());
            }
            let signers = Certificate::from_pem(&pem).map_err(|_| none())?;
            parameters.certificate_store(CertificateStore::None).add_root_certificate(signers)
        }
        None => parameters,
    };
    parameters.build().map_err(|e| failure(&e))
}

fn failure(e: &lettre::transport::smtp::Error) -> Failure {
    let said: String = one_line(&e.to_string()).chars().take(PROBLEM_MAX).collect();
    let text = format!("the mail server: {said}");
    if e.is_permanent() { Failure::for_good(text) } else { Failure::for_now(text) }
}

/// One alarm by its name, several by their number.
fn subject(bundle: &Bundle) -> String {
    let worst = bundle.notes.first().map_or("info", |note| note.alarm.severity.name());
    let count = bundle.notes.len() as u64 + bundle.more;
    let text = match &bundle.notes[..] {
        [note] if count == 1 => {
            let state = match note.what {
                Telling::Cleared => "cleared: ",
                Telling::Reminder => "still: ",
                Telling::Raised => "",
            };
            format!("[{worst}] {state}{} ({})", note.alarm.rule_name, note.alarm.subject)
        }
        _ if bundle.notes.iter().all(|note| note.what == Telling::Cleared) => format!("{count} alarms cleared"),
        _ => format!("[{worst}] {count} alarms"),
    };
    one_line(&text).chars().take(SUBJECT_MAX).collect()
}

fn body(bundle: &Bundle, link: Option<&str>) -> String {
    let mut text: Vec<String> = bundle.notes.iter().map(of_note).collect();
    if bundle.more > 0 {
        text.push(format!("and {} more\n", bundle.more));
    }
    if let Some(link) = link {
        text.push(format!("{}/#/alarms\n", link.trim_end_matches('/')));
    }
    text.join("\n")
}

fn of_note(Note { what, alarm }: &Note) -> String {
    let Alarm { severity, rule_name, message, subject, .. } = alarm;
    let what = if *what == Telling::Reminder { "still raised" } else { what.name() };
    let mut lines = vec![
        format!("{} {what}: {}", severity.name().to_uppercase(), one_line(rule_name)),
        format!("  {}", one_line(message)),
        format!("  about   {}", one_line(subject)),
        format!("  raised  {}", to_second(alarm.raised)),
    ];
    if alarm.count > 1 {
        lines.push(format!("  count   {} times, last {}", alarm.count, to_second(alarm.last_raised)));
    }
    lines.extend(alarm.cleared.map(|cleared| format!("  cleared {}", to_second(cleared))));
    lines.push(String::new());
    lines.join("\n")
}

fn to_second(time: Timestamp) -> Timestamp {
    Timestamp::from_seconds(time.as_micros().div_euclid(1_000_000))
}

/// Text from outside ends no line of a mail.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
