//! The site's own certificate authority: made on the first start, it signs for the server and for devices.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PublicKeyData,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};

use super::{ClientCertificate, pem_fingerprint};
use crate::error::{Error, Result};
use crate::gateway::private_file;
use crate::gateway::validity::end as certificate_end;
use crate::model::{DeviceName, Span, Timestamp};

const CA_DAYS: i64 = 20 * 365;
pub(super) const SERVER_DAYS: i64 = 2 * 365;
const DEVICE_DAYS: i64 = 5 * 365;
const RENEW_DAYS: i64 = 30;
const DAY: Span = Span::from_seconds(86_400);

#[derive(Serialize, Deserialize, PartialEq)]
struct Issued {
    /// The fingerprint of the CA: a new CA needs a new server certificate too.
    ca: String,
    names: Vec<String>,
    ends: String,
}

fn signing(e: rcgen::Error) -> Error {
    Error::new(crate::error::ErrorKind::Internal, format!("cannot make a certificate: {e}")).caused_by(e)
}

pub(super) fn open_ca(folder: &Path, now: Timestamp) -> Result<(String, KeyPair)> {
    let (pem_path, key_path) = (folder.join("ca.pem"), folder.join("ca.key"));
    match (private_file::read(&pem_path)?, private_file::read(&key_path)?) {
        (Some(pem), Some(key)) => {
            let key = KeyPair::from_pem(&key)
                .map_err(|e| Error::invalid(format!("{} holds no private key: {e}", key_path.display())))?;
            check_pair(&pem_path, &pem, &key_path, &key)?;
            Ok((pem, key))
        }
        // The key is written first: without the certificate beside it, nobody can have trusted it yet.
        (None, _) => {
            let key = KeyPair::generate().map_err(signing)?;
            let mut params = ca_params();
            validity(&mut params, now, CA_DAYS);
            let pem = params.self_signed(&key).map_err(signing)?.pem();
            private_file::replace(&key_path, key.serialize_pem().as_bytes())?;
            private_file::replace(&pem_path, pem.as_bytes())?;
            Ok((pem, key))
        }
        (Some(_), None) => Err(Error::invalid(format!(
            "{} is missing beside ca.pem: restore it, or remove ca.pem to start with a new CA (devices must be enrolled again)",
            key_path.display()
        ))),
    }
}

/// Certificates signed by another CA's key would be refused by everyone, with messages that lead nowhere near the cause.
fn check_pair(pem_path: &Path, pem: &str, key_path: &Path, key: &KeyPair) -> Result<()> {
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|e| Error::invalid(format!("{} is no PEM certificate: {e}", pem_path.display())))?;
    // A certificate holds its public key in the very bytes in which the key gives it.
    if memchr::memmem::find(&certificate, &key.subject_public_key_info()).is_some() {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{} is not the key of {}: restore the two that belong together, or remove both to start with a new CA (devices must \
         be enrolled again)",
        key_path.display(),
        pem_path.display()
    )))
}

/// Issues a client certificate to a device.
pub(super) fn issue(device: &DeviceName, ca_key: &KeyPair, now: Timestamp) -> Result<ClientCertificate> {
    let key = KeyPair::generate().map_err(signing)?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, device.to_string());
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    validity(&mut params, now, DEVICE_DAYS);
    let certificate = params.signed_by(&key, &authority(ca_key)).map_err(signing)?;
    Ok(ClientCertificate { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
}

/// Whether a certificate of the own CA that ends then is to be renewed.
pub(super) fn renewal_due(ends: Option<Timestamp>, now: Timestamp) -> bool {
    ends.is_some_and(|ends| ends.since(now).as_micros() <= RENEW_DAYS * DAY.as_micros())
}

fn ca_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "memcore site CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn authority(key: &KeyPair) -> Issuer<'static, &KeyPair> {
    Issuer::new(ca_params(), key)
}

fn validity(params: &mut CertificateParams, now: Timestamp, days: i64) {
    // A day of grace for devices whose clock is behind.
    let seconds = now.as_micros() / 1_000_000;
    let at = |offset_days: i64| {
        let civil = jiff::Timestamp::from_second(seconds + offset_days * 86_400).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let date = civil.to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
        rcgen::date_time_ymd(i32::from(date.year()), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    params.not_before = at(-1);
    params.not_after = at(days);
}

pub(super) fn issue_server(folder: &Path, ca_pem: &str, ca_key: &KeyPair, names: &[String], now: Timestamp) -> Result<()> {
    let ca = pem_fingerprint(ca_pem)?;
    let all: Vec<String> =
        ["localhost", "127.0.0.1", "::1"].into_iter().map(str::to_owned).chain(names.iter().cloned()).collect();
    let record_path = folder.join("server.json");
    let record = private_file::read(&record_path)?.and_then(|text| serde_json::from_str::<Issued>(&text).ok());
    let fresh = |issued: &Issued| {
        let ends = issued.ends.parse::<Timestamp>().unwrap_or(Timestamp::MIN);
        issued.ca == ca && issued.names == all && !renewal_due(Some(ends), now)
    };
    if record.as_ref().is_some_and(fresh) && folder.join("server.pem").exists() && folder.join("server.key").exists() {
        return Ok(());
    }
    let key = KeyPair::generate().map_err(signing)?;
    let mut params = CertificateParams::new(all.clone())
        .map_err(|e| Error::invalid(format!("gateway.names: {names:?} has what is no host name or address: {e}")))?;
    params.distinguished_name.push(DnType::CommonName, "memcore gateway");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    validity(&mut params, now, SERVER_DAYS);
    let certificate = params.signed_by(&key, &authority(ca_key)).map_err(signing)?;
    let later = now.saturating_add(Span::from_micros(SERVER_DAYS * DAY.as_micros()));
    let ends = certificate_end(certificate.der()).unwrap_or(later).to_string();
    private_file::replace(&folder.join("server.key"), key.serialize_pem().as_bytes())?;
    private_file::replace(&folder.join("server.pem"), certificate.pem().as_bytes())?;
    let record = serde_json::to_vec_pretty(&Issued { ca, names: all, ends }).unwrap_or_default();
    private_file::replace(&record_path, &record)
}
