//! Summaries of the energy kernel as bytes.

use super::wire::{Reader, damaged, put_varint};
use crate::energy::Summary;
use crate::error::Result;

impl Summary {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        put_varint(out, self.count);
        put_varint(out, self.rows);
        out.push(u8::from(self.rising));
        out.extend_from_slice(&self.whole.to_le_bytes());
        for value in [self.rest, self.error, self.min, self.max, self.first, self.last] {
            out.extend_from_slice(&value.to_bits().to_le_bytes());
        }
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self> {
        let (count, rows, rising) = (from.varint()?, from.varint()?, from.u8()? != 0);
        let whole = i128::from_le_bytes(from.bytes(16)?.try_into().map_err(|_| damaged("a summary"))?);
        Self { count, rows, whole, rising, ..Self::EMPTY }.with_numbers(from)
    }

    fn with_numbers(self, from: &mut Reader<'_>) -> Result<Self> {
        let (rest, error) = (from.f64()?, from.f64()?);
        let (min, max, first, last) = (from.f64()?, from.f64()?, from.f64()?, from.f64()?);
        Ok(Self { rest, error, min, max, first, last, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_was_written() {
        let mut out = Vec::new();
        let summary = Summary::of(&[1.5, -2.0, 1.0 / 3.0, f64::NAN]);
        summary.write(&mut out);
        assert!(Summary::read(&mut Reader::new(&out)).unwrap().same(&summary));
        for end in 0..out.len() {
            assert!(Summary::read(&mut Reader::new(&out[..end])).is_err());
        }
    }
}
