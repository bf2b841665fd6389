//! The fields of a reply, as boards write them: almost JSON, with `nan` where printf had one, and rubbish behind.

use super::message::{NODES, NoReply};

/// The value of a field: what stands between its quotes or delimiters, one or many.
pub(super) enum Field<'a> {
    One(&'a [u8]),
    /// The first ones, and how many there were.
    Many {
        items: [&'a [u8]; NODES],
        length: usize,
    },
}

/// Goes through an object of scalars and lists of scalars. JSON proper is too strict for boards: printf writes `nan`.
pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Hands over each field of the object at the start, up to the brace that ends it.
    pub(super) fn object(&mut self, mut field: impl FnMut(&'a [u8], Field<'a>)) -> Result<(), NoReply> {
        if self.next() != Some(b'{') {
            return Err(NoReply::NoObject);
        }
        loop {
            match self.next().ok_or(NoReply::Truncated)? {
                b'}' => return Ok(()),
                b'"' => {}
                _ => return Err(NoReply::NoObject),
            }
            let name = self.text()?;
            if self.next().ok_or(NoReply::Truncated)? != b':' {
                return Err(NoReply::NoObject);
            }
            field(name, self.value()?);
            match self.next().ok_or(NoReply::Truncated)? {
                b',' => {}
                b'}' => return Ok(()),
                _ => return Err(NoReply::NoObject),
            }
        }
    }

    fn value(&mut self) -> Result<Field<'a>, NoReply> {
        if self.peek().ok_or(NoReply::Truncated)? != b'[' {
            return self.scalar().map(Field::One);
        }
        self.at += 1;
        let (mut items, mut length) = ([&[][..]; NODES], 0);
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Field::Many { items, length });
        }
        loop {
            let item = self.scalar()?;
            if let Some(place) = items.get_mut(length) {
                *place = item;
            }
            length += 1;
            match self.next().ok_or(NoReply::Truncated)? {
                b',' => {}
                b']' => return Ok(Field::Many { items, length }),
                _ => return Err(NoReply::NoObject),
            }
        }
    }

    /// Text without its quotes, or anything else up to what ends it.
    fn scalar(&mut self) -> Result<&'a [u8], NoReply> {
        if self.peek() == Some(b'"') {
            self.at += 1;
            return self.text();
        }
        let from = self.at;
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b',' | b']' | b'}' => return Ok(self.bytes[from..self.at].trim_ascii_end()),
                b'{' | b'[' | b'"' | b'\0' => return Err(NoReply::NoObject),
                _ => self.at += 1,
            }
        }
        Err(NoReply::Truncated)
    }

    /// Up to the closing quote. Boards escape nothing.
    fn text(&mut self) -> Result<&'a [u8], NoReply> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|byte| *byte == b'"').ok_or(NoReply::Truncated)?;
        self.at += length + 1;
        Ok(&rest[..length])
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }
}
