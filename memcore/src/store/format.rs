//! What all files of a store begin with: eight letters, a version, a checksum. This layout never changes (S1).

use crate::error::{Error, ErrorKind, Result};

/// The version that this code writes; older ones are read, newer ones refused and left alone (S2).
pub(super) const VERSION: u32 = 2;
pub(super) const HEADER: usize = 16;

/// The first bytes of a file.
pub(super) fn header(magic: &[u8; 8]) -> [u8; HEADER] {
    header_of_version(magic, VERSION)
}

fn header_of_version(magic: &[u8; 8], version: u32) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..8].copy_from_slice(magic);
    bytes[8..12].copy_from_slice(&version.to_le_bytes());
    let checksum = crc32c::crc32c(&bytes[..12]);
    bytes[12..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// Checks the first bytes of the file `name`.
pub(super) fn check_header(name: &str, bytes: &[u8], magic: &[u8; 8]) -> Result<()> {
    let Some(header) = bytes.first_chunk::<HEADER>() else {
        return Err(Error::new(ErrorKind::Damaged, format!("{name} has {} bytes, expected a header", bytes.len())));
    };
    let version = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
    if *header != header_of_version(magic, version) {
        return Err(Error::new(ErrorKind::Damaged, format!("the header of {name} fails its checksum")));
    }
    if version == 0 || version > VERSION {
        let message = format!("{name} has format version {version}, this memcore knows versions up to {VERSION}");
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    Ok(())
}

/// The version of a file whose first bytes were checked.
pub(super) fn version_of(bytes: &[u8]) -> u32 {
    bytes.get(8..12).and_then(|version| version.try_into().ok()).map_or(0, u32::from_le_bytes)
}

/// The number at the end of a file's name: `log-000000000000002a` is 42.
pub(super) fn number_in(name: &str, prefix: &str) -> Option<u64> {
    let digits = name.strip_prefix(prefix)?.strip_prefix('-')?;
    if digits.len() == 16 { u64::from_str_radix(digits, 16).ok() } else { None }
}

/// The name of a numbered file.
pub(super) fn numbered(prefix: &str, number: u64) -> String {
    format!("{prefix}-{number:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_versions_are_told_apart_from_damage() {
        let magic = b"MEMCTEST";
        check_header("f", &header(magic), magic).unwrap();
        let newer = check_header("f", &header_of_version(magic, VERSION + 1), magic).unwrap_err();
        assert_eq!(newer.kind(), ErrorKind::Unsupported);
        let mut flipped = header(magic);
        flipped[9] ^= 1;
        assert_eq!(check_header("f", &flipped, magic).unwrap_err().kind(), ErrorKind::Damaged);
        assert_eq!(check_header("f", &[1, 2], magic).unwrap_err().kind(), ErrorKind::Damaged);
    }

    #[test]
    fn numbered_names_are_read_back() {
        assert_eq!(number_in(&numbered("log", 42), "log"), Some(42));
        assert_eq!(number_in("log-2a", "log"), None);
        assert_eq!(number_in("LOCK", "log"), None);
    }
}
