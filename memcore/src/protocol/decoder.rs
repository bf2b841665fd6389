//! Framing: cuts a stream of bytes into messages, and holds what is incomplete (P6).

use std::ops::Range;

use super::code::Code;

/// Collects bytes and hands out whole messages (JSON: lines without their `\n`). Short input is not an error.
///
/// It never holds more than the limit plus what one call of [`push`](Self::push) brings.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// Where the first message that was not handed out begins.
    start: usize,
    /// Up to where the buffer was searched for an end of line.
    searched: usize,
}

impl Decoder {
    /// Adds what arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.searched -= self.start;
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message of at most `limit` bytes; `None` where more bytes are needed.
    ///
    /// # Errors
    /// [`Code::TooLarge`] as soon as a message is known to exceed the limit, complete or not (P7).
    pub fn next(&mut self, limit: usize) -> Result<Option<&[u8]>, Code> {
        Ok(self.next_range(limit)?.map(|range| &self.buffer[range]))
    }

    fn next_range(&mut self, limit: usize) -> Result<Option<Range<usize>>, Code> {
        while let Some(found) = memchr::memchr(b'\n', &self.buffer[self.searched..]) {
            let (start, end) = (self.start, self.searched + found);
            (self.start, self.searched) = (end + 1, end + 1);
            if end - start > limit {
                return Err(Code::TooLarge);
            }
            let line = &self.buffer[start..end];
            let from = start + (line.len() - line.trim_ascii_start().len());
            let length = line.trim_ascii().len();
            // A blank line is nothing: some senders end lines with `\r\n`, some send white space to keep alive.
            if length > 0 {
                return Ok(Some(from..from + length));
            }
        }
        self.searched = self.buffer.len();
        if self.buffer.len() - self.start > limit { Err(Code::TooLarge) } else { Ok(None) }
    }

    /// Whether a message was begun and not finished.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.buffer.len() > self.start
    }

    /// How many bytes wait to be handed out.
    #[must_use]
    pub fn held(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// Gives memory back when nothing is held: an idle connection costs next to nothing.
    pub fn shrink(&mut self) {
        if !self.is_partial() {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(decoder: &mut Decoder, limit: usize) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| decoder.next(limit).unwrap().map(<[u8]>::to_vec)).collect()
    }

    #[test]
    fn every_split_point_gives_the_same_messages() {
        let stream = b"{\"a\":1}\n\r\n  {\"b\":2}\r\n\n{\"c\":3}\n";
        for split in 0..=stream.len() {
            let mut decoder = Decoder::default();
            decoder.push(&stream[..split]);
            let mut got = lines(&mut decoder, 100);
            decoder.push(&stream[split..]);
            got.extend(lines(&mut decoder, 100));
            assert_eq!(got, [b"{\"a\":1}", b"{\"b\":2}", b"{\"c\":3}"], "split at {split}");
            assert!(!decoder.is_partial());
        }
    }

    #[test]
    fn the_limit_holds_for_whole_and_for_unfinished_messages() {
        let mut decoder = Decoder::default();
        decoder.push(b"12345678\n");
        assert_eq!(decoder.next(8).unwrap(), Some(&b"12345678"[..]));
        decoder.push(b"123456789\n");
        assert_eq!(decoder.next(8), Err(Code::TooLarge));
        let mut decoder = Decoder::default();
        decoder.push(b"123456789");
        assert_eq!(decoder.next(8), Err(Code::TooLarge));
    }
}
