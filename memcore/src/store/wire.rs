//! Bytes out and in: little-endian integers, variable-length integers, texts. Reading never panics, whatever it is given.

use crate::error::{Error, ErrorKind, Result};

/// What a reader says of bytes that end too early or mean nothing.
pub(super) fn damaged(what: &str) -> Error {
    Error::new(ErrorKind::Damaged, format!("stored bytes break off or mean nothing at {what}"))
}

/// Appends an integer in groups of seven bits, the lowest first.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Small negative numbers become small positive ones.
pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

pub(super) fn unzigzag(value: u64) -> i64 {
    ((value >> 1) as i64) ^ -((value & 1) as i64)
}

/// Appends a length and the text.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Takes values from the front of a slice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(|| damaged("bytes"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or_else(|| damaged("a number"))?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64> {
        self.array().map(i64::from_le_bytes)
    }

    pub(super) fn f64(&mut self) -> Result<f64> {
        self.u64().map(f64::from_bits)
    }

    pub(super) fn varint(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(damaged("a variable-length number"))
    }

    /// A count that cannot exceed `most`, so that nothing is allocated on the word of a damaged byte.
    pub(super) fn count(&mut self, most: usize) -> Result<usize> {
        match usize::try_from(self.varint()?) {
            Ok(count) if count <= most => Ok(count),
            _ => Err(damaged("a count")),
        }
    }

    pub(super) fn text(&mut self) -> Result<&'a str> {
        let length = self.count(self.rest.len())?;
        std::str::from_utf8(self.bytes(length)?).map_err(|_| damaged("a text"))
    }

    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_were_written() {
        let mut out = Vec::new();
        let values = [0, 1, 127, 128, 300, u64::MAX];
        values.iter().for_each(|value| put_varint(&mut out, *value));
        let mut reader = Reader::new(&out);
        for value in values {
            assert_eq!(reader.varint().unwrap(), value);
        }
        assert!(reader.is_empty() && reader.varint().is_err());
        for value in [0, -1, 1, i64::MIN, i64::MAX] {
            assert_eq!(unzigzag(zigzag(value)), value);
        }
    }

    #[test]
    fn a_length_beyond_the_end_allocates_nothing() {
        let mut out = Vec::new();
        put_varint(&mut out, u64::MAX / 2);
        assert!(Reader::new(&out).text().is_err());
        assert!(Reader::new(&[0xff; 11]).varint().is_err());
    }
}
