//! Names of users, and of what is theirs.

use crate::error::{Error, Result};
use crate::model::shorten;

use super::caller::UserName;

const NAME_MAX: usize = 64;
const SHOWN_MAX: usize = 128;

impl UserName {
    /// A name to sign in with. Capital letters are taken for small ones.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a text that is not 1 to 64 of `a-z 0-9 . _ + @ -`.
    pub fn new(text: &str) -> Result<Self> {
        let fits = !text.is_empty() && text.len() <= NAME_MAX && text.bytes().all(fits);
        if fits {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        let shown = shorten(text);
        Err(Error::invalid(format!(
            "user is {shown:?}, expected 1 to {NAME_MAX} of a-z 0-9 . _ + @ - such as eva@example.org"
        )))
    }
}

fn fits(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._+@-".contains(&byte)
}

impl std::fmt::Display for UserName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for UserName {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::new(text)
    }
}

impl TryFrom<String> for UserName {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        Self::new(&text)
    }
}

impl From<UserName> for String {
    fn from(name: UserName) -> Self {
        name.0
    }
}

/// Checks a name that is only shown: 1 to 128 characters, none of which controls how others are shown.
pub(super) fn check_shown(field: &str, text: &str) -> Result<()> {
    let length = text.chars().count();
    if length == 0 || length > SHOWN_MAX || text.trim().is_empty() {
        return Err(Error::invalid(format!("{field} has {length} characters, expected 1 to {SHOWN_MAX}")));
    }
    match text.chars().find(|c| controls(*c)) {
        Some(c) => Err(Error::invalid(format!("{field} has {c:?} in it, expected no control characters"))),
        None => Ok(()),
    }
}

/// Control characters, and those of Unicode that turn the direction of what follows.
fn controls(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_by_what_can_stand_in_a_path_and_has_no_double() {
        assert_eq!(UserName::new("Eva@Example.ORG").unwrap().as_str(), "eva@example.org");
        let long = "x".repeat(65);
        for text in ["", "eva x", "eva/..", "<b>", "évà", "eva\n", "eva\u{202e}", long.as_str()] {
            assert!(UserName::new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_name_to_be_shown_may_be_of_any_writing() {
        for text in ["Eva Müller", "王小明", "<script>alert(1)</script>", "O'Neill \"Bob\""] {
            check_shown("display_name", text).unwrap();
        }
        let long = "x".repeat(129);
        for text in ["", "  ", "a\nb", "a\u{202e}b", "a\0", long.as_str()] {
            assert!(check_shown("display_name", text).is_err(), "{text:?}");
        }
    }
}
