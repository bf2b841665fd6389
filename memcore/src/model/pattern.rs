//! Patterns over series, with the wildcards of NATS: `*` is one part between dots, a closing `>` is one or more.

use std::fmt;
use std::str::FromStr;

use super::name::{OPERATOR_DEFAULT, SeriesName, shorten};
use crate::error::{Error, Result};

/// Selects series: `home1.*.power`, `home1.hem.>`, `*/*.meter.power`. Without an operator, `local` is meant.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    operator: String,
    parts: Vec<String>,
    /// The pattern ended in `>`.
    open: bool,
}

impl Pattern {
    /// Every series of every operator.
    #[must_use]
    pub fn all() -> Self {
        Self { operator: "*".into(), parts: Vec::new(), open: true }
    }

    /// Whether the series is selected.
    #[must_use]
    pub fn matches(&self, series: &SeriesName) -> bool {
        let name = &series.device;
        if self.operator != "*" && self.operator != name.operator.as_str() {
            return false;
        }
        let mut have = [name.site.as_str(), name.device.as_str()].into_iter().chain(series.channel.as_str().split('.'));
        for part in &self.parts {
            match have.next() {
                Some(text) if part == "*" || part == text => {}
                _ => return false,
            }
        }
        // `>` stands for one or more parts; without it nothing may be left over.
        have.next().is_some() == self.open
    }

    /// The only series that can match, when the pattern has no wildcard.
    #[must_use]
    pub fn exact(&self) -> Option<SeriesName> {
        (!self.open).then(|| format!("{}/{}", self.operator, self.parts.join(".")).parse().ok()).flatten()
    }
}

impl FromStr for Pattern {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let refuse = |what: &str| {
            Error::invalid(format!("pattern is {:?}: {what}, expected such as `home1.*.power` or `home1.>`", shorten(text)))
        };
        let (operator, rest) = text.split_once('/').unwrap_or((OPERATOR_DEFAULT, text));
        let mut parts: Vec<String> = rest.split('.').map(str::to_owned).collect();
        let open = parts.last().is_some_and(|part| part == ">");
        if open {
            parts.pop();
        }
        let word =
            |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        for part in parts.iter().map(String::as_str).chain([operator]) {
            if part != "*" && !word(part) {
                return Err(refuse(&format!("{:?} is neither a name nor a wildcard", shorten(part))));
            }
        }
        if !open && parts.len() < 3 {
            return Err(refuse("fewer than three parts"));
        }
        Ok(Self { operator: operator.to_owned(), parts, open })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.operator != OPERATOR_DEFAULT {
            write!(f, "{}/", self.operator)?;
        }
        f.write_str(&self.parts.join("."))?;
        if self.open {
            f.write_str(if self.parts.is_empty() { ">" } else { ".>" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl From<&SeriesName> for Pattern {
    fn from(series: &SeriesName) -> Self {
        let name = &series.device;
        let parts = [name.site.as_str(), name.device.as_str()].into_iter().chain(series.channel.as_str().split('.'));
        Self { operator: name.operator.to_string(), parts: parts.map(str::to_owned).collect(), open: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_select_as_in_nats() {
        for (pattern, series, expected) in [
            ("home1.*.power", "home1.pv.power", true),
            ("home1.*.power", "home2.pv.power", false),
            ("home1.*.power", "home1.hem.node3.power", false),
            ("home1.hem.*.power", "home1.hem.node3.power", true),
            ("home1.hem.>", "home1.hem.node3.power", true),
            ("home1.>", "home1.pv.power", true),
            (">", "home1.pv.power", true),
            (">", "acme/home1.pv.power", false),
            ("*/>", "acme/home1.pv.power", true),
            ("home1.pv.power.>", "home1.pv.power", false),
            ("home1.pv.power", "home1.pv.power", true),
        ] {
            let matched = pattern.parse::<Pattern>().unwrap().matches(&series.parse().unwrap());
            assert_eq!(matched, expected, "{pattern} on {series}");
        }
        assert!(Pattern::all().matches(&"acme/home1.pv.power".parse().unwrap()));
    }

    #[test]
    fn only_names_and_wildcards_are_patterns() {
        for text in
            ["", "home1", "home1.pv", "home1..power", "home1.>.power", "ho me.pv.power", "home1.p*.power", "../a.b.c"]
        {
            assert!(text.parse::<Pattern>().is_err(), "{text:?}");
        }
        assert_eq!("home1.*.power".parse::<Pattern>().unwrap().exact(), None);
        assert_eq!("home1.pv.power".parse::<Pattern>().unwrap().exact(), Some("home1.pv.power".parse().unwrap()));
    }
}
