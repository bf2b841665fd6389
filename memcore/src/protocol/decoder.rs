//! Framing: cuts a stream of bytes into messages, and holds what is incomplete (P6, P45).

use std::ops::Range;

use super::code::Code;
use super::encoding::Encoding;

/// How many bytes say how long a CBOR message is.
const LENGTH_BYTES: usize = 4;

/// Collects bytes and hands out whole messages: lines without their `\n`, or CBOR without its length. Short input is not
/// an error.
///
/// It never holds more than the limit plus what one call of [`push`](Self::push) brings: a length is believed only where
/// it keeps to the limit, and makes room for nothing.
#[derive(Debug, Default)]
pub struct Decoder {
    encoding: Encoding,
    buffer: Vec<u8>,
    /// Where the first message that was not handed out begins.
    start: usize,
    /// Up to where the buffer was searched for an end of line.
    searched: usize,
}

impl Decoder {
    /// For messages of that encoding; [`default`](Self::default) is for JSON lines.
    #[must_use]
    pub fn new(encoding: Encoding) -> Self {
        Self { encoding, ..Self::default() }
    }

    /// Adds what arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.searched = self.searched.saturating_sub(self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message of at most `limit` bytes; `None` where more bytes are needed.
    ///
    /// # Errors
    /// [`Code::TooLarge`] as soon as a message is known to exceed the limit, complete or not (P7). Where it ends is then not
    /// looked for: the stream is over.
    pub fn next(&mut self, limit: usize) -> Result<Option<&[u8]>, Code> {
        let range = match self.encoding {
            Encoding::JsonLines => self.next_line(limit),
            Encoding::Cbor => self.next_frame(limit),
        };
        Ok(range?.map(|range| &self.buffer[range]))
    }

    /// A length that exceeds the limit stays where it is, so that nothing behind it is ever taken for a message (P45).
    fn next_frame(&mut self, limit: usize) -> Result<Option<Range<usize>>, Code> {
        while let Some(length) = self.buffer[self.start..].first_chunk::<LENGTH_BYTES>() {
            let length = u32::from_be_bytes(*length) as usize;
            if length > limit {
                return Err(Code::TooLarge);
            }
            let begin = self.start + LENGTH_BYTES;
            if self.buffer.len() - begin < length {
                break;
            }
            self.start = begin + length;
            // A message of no bytes is nothing, as a blank line is: a sign of life.
            if length > 0 {
                return Ok(Some(begin..begin + length));
            }
        }
        Ok(None)
    }

    fn next_line(&mut self, limit: usize) -> Result<Option<Range<usize>>, Code> {
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
            *self = Self::new(self.encoding);
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

    fn frames(bytes: &[u8]) -> Decoder {
        let mut decoder = Decoder::new(Encoding::Cbor);
        decoder.push(bytes);
        decoder
    }

    #[test]
    fn every_split_point_gives_the_same_frames_and_empty_ones_are_none() {
        let stream = b"\0\0\0\x01a\0\0\0\0\0\0\0\x03b\nb\0\0\0\0";
        for split in 0..=stream.len() {
            let mut decoder = frames(&stream[..split]);
            let mut got = lines(&mut decoder, 100);
            decoder.push(&stream[split..]);
            got.extend(lines(&mut decoder, 100));
            assert_eq!(got, [&b"a"[..], b"b\nb"], "split at {split}");
            assert!(!decoder.is_partial());
        }
    }

    #[test]
    fn a_length_is_believed_up_to_the_limit_and_nothing_is_found_behind_one_beyond_it() {
        let limit = 1 << 20;
        let mut decoder = frames(&(limit as u32).to_be_bytes());
        assert_eq!(decoder.next(limit), Ok(None));
        decoder.push(&vec![0xf6; limit]);
        assert_eq!(decoder.next(limit).unwrap().unwrap().len(), limit);
        for length in [limit as u32 + 1, u32::MAX] {
            let mut decoder = frames(&length.to_be_bytes());
            assert_eq!(decoder.next(limit), Err(Code::TooLarge));
            decoder.push(b"\0\0\0\x01a");
            assert_eq!(decoder.next(limit), Err(Code::TooLarge), "the message behind is none");
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
