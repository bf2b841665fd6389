//! From when until when a certificate is valid, read out of its bytes.
//!
//! Only for telling people and for renewal in time: whether a certificate is to be trusted is TLS's to decide.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::model::Timestamp;

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// The version of a certificate, which stands before its number where it is not the first version.
const VERSION: u8 = 0xa0;

/// When the first certificate of a PEM text ends.
pub(super) fn pem_end(pem: &str) -> Option<Timestamp> {
    end(&CertificateDer::from_pem_slice(pem.as_bytes()).ok()?)
}

/// When a certificate ends; `None` for bytes that are none.
pub(super) fn end(certificate: &[u8]) -> Option<Timestamp> {
    // RFC 5280, 4.1: Certificate { TBSCertificate { version, serialNumber, signature, issuer, validity { notBefore, notAfter
    let (certificate, _) = element(certificate, SEQUENCE)?;
    let (mut rest, _) = element(certificate, SEQUENCE)?;
    if rest.first() == Some(&VERSION) {
        rest = element(rest, VERSION)?.1;
    }
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        rest = element(rest, tag)?.1;
    }
    let (validity, _) = element(rest, SEQUENCE)?;
    let (_, _, after) = tagged(validity)?;
    let (tag, text, _) = tagged(after)?;
    instant(tag, std::str::from_utf8(text).ok()?)
}

/// The content of an element of that tag, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = tagged(bytes)?;
    (found == tag).then_some((content, rest))
}

/// Tag, content and rest of the first element (X.690, 8.1).
fn tagged(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// `YYMMDDHHMMSSZ`, where years below 50 are of this century, or `YYYYMMDDHHMMSSZ` (RFC 5280, 4.1.2.5).
fn instant(tag: u8, text: &str) -> Option<Timestamp> {
    let century = |text: &str| text.get(..2)?.parse::<u8>().ok().map(|year| if year < 50 { "20" } else { "19" });
    let text = match tag {
        UTC_TIME => format!("{}{text}", century(text)?),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let part = |from: usize, to: usize| text.get(from..to);
    let date = format!("{}-{}-{}", part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let time = format!("{}:{}:{}Z", part(8, 10)?, part(10, 12)?, part(12, 14)?);
    (text.get(14..) == Some("Z")).then(|| format!("{date}T{time}").parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    fn certificate(year: i32) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["localhost".into()]).unwrap();
        params.not_after = date_time_ymd(year, 7, 9);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn the_end_is_read_in_both_forms_of_time() {
        for (year, end_of) in
            [(2031, "2031-07-09T00:00:00Z"), (2049, "2049-07-09T00:00:00Z"), (2051, "2051-07-09T00:00:00Z")]
        {
            assert_eq!(end(&certificate(year)), Some(end_of.parse().unwrap()));
        }
    }

    #[test]
    fn what_is_cut_or_something_else_has_no_end() {
        let whole = certificate(2031);
        // The end stands in the first half; a piece that does not hold the outer element whole is refused all the same.
        assert!((0..whole.len()).all(|length| end(&whole[..length]).is_none()));
        for bytes in [&b""[..], b"hello", &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], &[0x30, 0x02, 0x30, 0x00], &[0xff; 64]] {
            assert_eq!(end(bytes), None);
        }
    }
}
