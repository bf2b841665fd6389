//! Whether bytes are one CBOR item of the kinds that messages are made of, seen without recursion and without allocation.

use super::code::Code;
use super::problem::{DEPTH_MAX, Problem};

/// Which items a message may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowed {
    /// What JSON can say: no bytes, no tags, no NaN.
    Control,
    /// Typed arrays too, and floats of any kind.
    Data,
}

/// Checks that a message is one whole item, well-formed to its last byte.
pub(super) fn check(message: &[u8], allowed: Allowed) -> Result<(), Problem> {
    let length = item(message, allowed, 0)?;
    if length == message.len() {
        return Ok(());
    }
    Err(bad_frame(format!("{} bytes stand behind the message within its length", message.len() - length)))
}

/// How long the item is that the bytes begin with; it stands `outside` levels deep in its message.
pub(super) fn item(bytes: &[u8], allowed: Allowed, outside: usize) -> Result<usize, Problem> {
    let mut rest = bytes;
    // How many items are still to come at each level.
    let (mut left, mut level) = ([0u64; DEPTH_MAX + 1], outside);
    left[level] = 1;
    loop {
        while left[level] == 0 {
            if level == outside {
                return Ok(bytes.len() - rest.len());
            }
            level -= 1;
        }
        left[level] -= 1;
        let head = Head::read(&mut rest)?;
        let Some(inside) = head.body(&mut rest, allowed)? else { continue };
        if level == DEPTH_MAX {
            return Err(Problem::too_deep());
        }
        level += 1;
        left[level] = inside;
    }
}

fn bad_frame(detail: impl Into<String>) -> Problem {
    Problem::new(Code::BadFrame, detail)
}

fn cut() -> Problem {
    bad_frame("the message ends in the middle of an item")
}

/// The first bytes of an item: what it is, and a number of items or bytes, or the value itself (RFC 8949, 3).
struct Head {
    major: u8,
    info: u8,
    argument: u64,
}

impl Head {
    fn read(rest: &mut &[u8]) -> Result<Self, Problem> {
        let first = *rest.split_off_first().ok_or_else(cut)?;
        let (major, info) = (first >> 5, first & 0x1f);
        let width = match info {
            0..=23 => return Ok(Self { major, info, argument: u64::from(info) }),
            24..=27 => 1 << (info - 24),
            31 if (2..=5).contains(&major) => {
                return Err(Problem::new(Code::BadMessage, "an item of indefinite length, expected a definite one"));
            }
            _ => return Err(bad_frame(format!("no CBOR item begins with 0x{first:02x}"))),
        };
        let bytes = rest.split_off(..width).ok_or_else(cut)?;
        let argument = bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        Ok(Self { major, info, argument })
    }

    /// Passes over what belongs to the item itself; how many items are inside it, where it is of a kind that has some.
    fn body(&self, rest: &mut &[u8], allowed: Allowed) -> Result<Option<u64>, Problem> {
        let refused = |what: &str| Err(Problem::new(Code::BadMessage, format!("{what} where none belongs")));
        match self.major {
            2 if allowed == Allowed::Control => refused("a string of bytes"),
            6 if allowed == Allowed::Control => refused("a tag"),
            2 => self.string(rest).map(|_| None),
            3 => match std::str::from_utf8(self.string(rest)?) {
                Ok(_) => Ok(None),
                Err(_) => Err(Problem::new(Code::BadMessage, "text that is no UTF-8")),
            },
            4 => Ok(Some(self.argument)),
            5 => self.argument.checked_mul(2).map(Some).ok_or_else(cut),
            6 => Ok(Some(1)),
            7 if allowed == Allowed::Control && !self.is_finite() => {
                Err(Problem::new(Code::BadValue, "NaN or an infinity, expected a finite number"))
            }
            // Such a simple value has a shorter form, and only that one is CBOR.
            7 if self.info == 24 && self.argument < 32 => Err(bad_frame("a simple value in no form of CBOR")),
            _ => Ok(None),
        }
    }

    fn string<'a>(&self, rest: &mut &'a [u8]) -> Result<&'a [u8], Problem> {
        usize::try_from(self.argument).ok().and_then(|length| rest.split_off(..length)).ok_or_else(cut)
    }

    /// Whether it is no float, or one whose exponent is not all ones.
    fn is_finite(&self) -> bool {
        match self.info {
            25 => self.argument & 0x7c00 != 0x7c00,
            26 => self.argument & 0x7f80_0000 != 0x7f80_0000,
            27 => f64::from_bits(self.argument).is_finite(),
            _ => true,
        }
    }
}
