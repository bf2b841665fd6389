//! Quotes that nobody closed. One in a remark would make the rest of a file, whatever it measured, a single cell.

use std::io::{BufRead, Read, Result};

/// A cell may go on over so many lines, where a quote that closes follows.
const LINES_MAX: usize = 64;

/// The longest line. What is longer is no table of measurements.
const LINE_MAX: usize = 64 << 20;

/// Passes text on line by line, without the quotes of lines of which one is left open: unless a later line closes it, and no
/// line up to there is a row by itself. Holds a block of lines at a time, so long as no line is longer.
pub(super) struct Quotes<R> {
    inner: R,
    delimiter: u8,
    /// How many delimiters a row has.
    cuts: usize,
    /// Lines that are read; those from `given` to `ready` may be passed on.
    text: Vec<u8>,
    given: usize,
    ready: usize,
    /// Where the last whole line ends.
    whole: usize,
    ended: bool,
}

impl<R: BufRead> Quotes<R> {
    pub(super) fn new(inner: R, delimiter: u8, width: usize) -> Self {
        Self {
            inner,
            delimiter,
            cuts: width.saturating_sub(1),
            text: Vec::new(),
            given: 0,
            ready: 0,
            whole: 0,
            ended: false,
        }
    }

    /// Makes more lines ready, where there are any.
    fn advance(&mut self) -> Result<()> {
        while self.given == self.ready && !(self.ended && self.ready == self.text.len()) {
            if !self.ended {
                self.read_on()?;
            }
            self.judge(self.whole);
        }
        Ok(())
    }

    fn read_on(&mut self) -> Result<()> {
        self.text.drain(..self.given);
        (self.ready, self.whole, self.given) = (self.ready - self.given, self.whole - self.given, 0);
        let (block, known) = (self.inner.fill_buf()?, self.text.len());
        let length = block.len();
        self.text.extend_from_slice(block);
        self.inner.consume(length);
        self.ended = length == 0;
        match memchr::memrchr(b'\n', &self.text[known..]) {
            _ if self.ended => self.whole = known,
            Some(end) => self.whole = known + end + 1,
            None if self.text.len() - self.whole > LINE_MAX => {
                let message = format!("a line is longer than {} MiB, expected CSV", LINE_MAX >> 20);
                return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, message));
            }
            None => {}
        }
        Ok(())
    }

    /// Makes the lines up to `end` ready; those behind a quote that is open wait until it is known what it is.
    fn judge(&mut self, end: usize) {
        while let Some(quote) = memchr::memchr(b'"', &self.text[self.ready..end]) {
            let quote = self.ready + quote;
            let start =
                memchr::memrchr(b'\n', &self.text[self.ready..quote]).map_or(self.ready, |line| self.ready + line + 1);
            let line_end = self.line_end(start, end);
            self.ready = line_end;
            if self.is_open(start, line_end) {
                match self.closed(start, line_end, end) {
                    Closed::At(closed) => self.ready = closed,
                    Closed::Never => self.without_quotes(start, line_end),
                    Closed::Unknown => {
                        self.ready = start;
                        return;
                    }
                }
            }
        }
        self.ready = end;
    }

    fn line_end(&self, start: usize, end: usize) -> usize {
        memchr::memchr(b'\n', &self.text[start..end]).map_or(end, |line| start + line + 1)
    }

    fn is_open(&self, start: usize, end: usize) -> bool {
        memchr::memchr_iter(b'"', &self.text[start..end]).count() % 2 == 1
    }

    fn is_row(&self, start: usize, end: usize) -> bool {
        memchr::memchr_iter(self.delimiter, &self.text[start..end]).count() >= self.cuts.max(1)
    }

    /// Whether a quote that a line leaves open is closed by a later one, with the lines between being no rows.
    fn closed(&self, first: usize, line_end: usize, end: usize) -> Closed {
        let mut start = line_end;
        for _ in 0..LINES_MAX {
            if start == end {
                let is_whole = self.ended && end == self.text.len();
                return if is_whole || end - first > LINE_MAX { Closed::Never } else { Closed::Unknown };
            }
            let next = self.line_end(start, end);
            if self.is_row(start, next) {
                return Closed::Never;
            }
            if self.is_open(start, next) {
                return Closed::At(next);
            }
            start = next;
        }
        Closed::Never
    }

    fn without_quotes(&mut self, start: usize, end: usize) {
        self.text[start..end].iter_mut().filter(|byte| **byte == b'"').for_each(|byte| *byte = b' ');
    }
}

enum Closed {
    At(usize),
    Never,
    /// More lines are to be read.
    Unknown,
}

impl<R: BufRead> Read for Quotes<R> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        self.advance()?;
        let length = into.len().min(self.ready - self.given);
        into[..length].copy_from_slice(&self.text[self.given..self.given + length]);
        self.given += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn read(text: &str, block: usize) -> String {
        let mut read = String::new();
        Quotes::new(BufReader::with_capacity(block, text.as_bytes()), b',', 3).read_to_string(&mut read).unwrap();
        read
    }

    #[test]
    fn a_quote_that_nobody_closes_takes_no_later_row_with_it() {
        for (text, expected) in [
            ("1,2,\"oops\n3,4,fine\n5,6,7", "1,2, oops\n3,4,fine\n5,6,7"),
            ("1,2,\"oops\n3,4,\"again\n5,6,7\n", "1,2, oops\n3,4, again\n5,6,7\n"),
            ("1,2,\"oops", "1,2, oops"),
            // What is closed is left as it is, on one line or on several.
            ("1,2,\"a, b\"\n3,4,\"say \"\"so\"\"\"\n", "1,2,\"a, b\"\n3,4,\"say \"\"so\"\"\"\n"),
            ("1,2,\"first\nsecond\nthird\"\n3,4,5\n", "1,2,\"first\nsecond\nthird\"\n3,4,5\n"),
            ("1,\"first\nsecond\",2\n3,4,\"x\n5,6,7\n", "1,\"first\nsecond\",2\n3,4, x\n5,6,7\n"),
            ("", ""),
            ("no end", "no end"),
        ] {
            for block in [1, 2, 3, 7, 1024] {
                assert_eq!(read(text, block), expected, "in blocks of {block}");
            }
        }
    }

    #[test]
    fn a_line_without_an_end_is_an_error() {
        let mut quotes = Quotes::new(BufReader::new(std::io::repeat(b'1')), b',', 3);
        let e = std::io::copy(&mut quotes, &mut std::io::sink()).unwrap_err();
        assert_eq!(e.to_string(), "a line is longer than 64 MiB, expected CSV");
    }
}
