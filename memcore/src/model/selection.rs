//! Which series: a pattern over their names, and conditions on what they are known by.
//!
//! Written `home1.*.power{phase=L1,quantity=power,role!=backup,room=~"kit*"}`. `=` and `!=` compare whole values, `=~` and
//! `!~` take `*` for any text. A value with anything but letters, digits and `_-./%*:+` stands in quotes, in which `\"` and
//! `\\` are themselves. A label that a channel does not have is the empty text. Without a pattern, every series of the
//! default operator is meant.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::channel::Channel;
use super::label::{self, LabelName};
use super::name::{SeriesName, shorten};
use super::pattern::Pattern;
use crate::error::{Error, Result};

/// More conditions than this are no question of a person.
const CONDITIONS_MAX: usize = 64;

/// Selects series by their names and by conditions that all must hold.
///
/// Conditions are on labels, or on what every channel has: `operator`, `site`, `device`, `channel`, `series`, `quantity`,
/// `unit` (in which the source reports), `kind`, `sign`, `writable`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Selection {
    pattern: Pattern,
    conditions: Vec<Condition>,
}

/// One condition, such as `phase=L1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Condition {
    name: String,
    test: Test,
    value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Test {
    Is,
    IsNot,
    Like,
    NotLike,
}

impl Test {
    /// Longer ones first, so that `=~` is not read as `=`.
    const ALL: [(&'static str, Self); 4] =
        [("=~", Self::Like), ("!~", Self::NotLike), ("!=", Self::IsNot), ("=", Self::Is)];

    fn symbol(self) -> &'static str {
        Self::ALL.iter().find(|(_, test)| *test == self).map_or("=", |(symbol, _)| symbol)
    }
}

impl Selection {
    /// Every series of every operator.
    #[must_use]
    pub fn all() -> Self {
        Pattern::all().into()
    }

    /// What the names must be like.
    #[must_use]
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// Whether nothing but the name matters.
    #[must_use]
    pub fn is_unconditional(&self) -> bool {
        self.conditions.is_empty()
    }

    /// Whether the series with that description is selected.
    #[must_use]
    pub fn matches(&self, series: &SeriesName, channel: &Channel) -> bool {
        self.pattern.matches(series) && self.describes(series, channel)
    }

    /// Whether the conditions hold, whatever the name is.
    #[must_use]
    pub fn describes(&self, series: &SeriesName, channel: &Channel) -> bool {
        self.conditions.iter().all(|condition| condition.holds(series, channel))
    }

    /// The only series that can be meant, where the name has no wildcard and there are no conditions.
    #[must_use]
    pub fn exact(&self) -> Option<SeriesName> {
        if self.conditions.is_empty() { self.pattern.exact() } else { None }
    }
}

impl Condition {
    fn holds(&self, series: &SeriesName, channel: &Channel) -> bool {
        let device = &series.device;
        let own;
        let have = match self.name.as_str() {
            "operator" => device.operator.as_str(),
            "site" => device.site.as_str(),
            "device" => device.device.as_str(),
            "channel" => series.channel.as_str(),
            "series" => {
                own = series.to_string();
                &own
            }
            "quantity" => channel.quantity.name(),
            "unit" => channel.unit.symbol(),
            "kind" => {
                own = word(&channel.kind);
                &own
            }
            "sign" => {
                own = word(&channel.sign);
                &own
            }
            "writable" if channel.writable => "true",
            "writable" => "false",
            name => channel.labels.get(name).map_or("", |value| value.as_str()),
        };
        match self.test {
            Test::Is => have == self.value,
            Test::IsNot => have != self.value,
            Test::Like => like(&self.value, have),
            Test::NotLike => !like(&self.value, have),
        }
    }

    /// What can be seen to hold for no channel whatever is a mistake.
    fn check(&self) -> Result<()> {
        let known = match (self.name.as_str(), self.test) {
            ("kind", Test::Is | Test::IsNot) => &["gauge", "counter", "state", "event"][..],
            ("sign", Test::Is | Test::IsNot) => &["passive", "generator"],
            ("writable", Test::Is | Test::IsNot) => &["true", "false"],
            _ => return Ok(()),
        };
        if known.contains(&self.value.as_str()) {
            return Ok(());
        }
        Err(Error::invalid(format!("{} is {:?}, expected one of {}", self.name, shorten(&self.value), known.join(" "))))
    }
}

/// The word that JSON has for it.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// Whether the text is as the pattern says, in which `*` is any text, none included. Takes no longer than the product of
/// both lengths.
fn like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

impl FromStr for Selection {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let (pattern, conditions) = match text.split_once('{') {
            None => (text, None),
            Some((pattern, conditions)) => (pattern.trim(), Some(conditions)),
        };
        let pattern = if pattern.is_empty() && conditions.is_some() { ">" } else { pattern };
        let pattern: Pattern = pattern.parse()?;
        let conditions = match conditions {
            None => Vec::new(),
            Some(rest) => {
                Reader { rest }.conditions().map_err(|e| e.context(format_args!("selection {:?}", shorten(text))))?
            }
        };
        Ok(Self { pattern, conditions })
    }
}

/// Reads what stands after the opening brace.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn conditions(mut self) -> Result<Vec<Condition>> {
        let mut conditions = Vec::new();
        loop {
            self.rest = self.rest.trim_start();
            if let Some(after) = self.rest.strip_prefix('}') {
                return match after.trim() {
                    "" => Ok(conditions),
                    after => Err(Error::invalid(format!("{:?} after the conditions, expected nothing", shorten(after)))),
                };
            }
            if conditions.len() == CONDITIONS_MAX {
                return Err(Error::invalid(format!("more than {CONDITIONS_MAX} conditions")));
            }
            conditions.push(self.condition()?);
            self.rest = self.rest.trim_start();
            match self.rest.strip_prefix(',') {
                Some(rest) => self.rest = rest,
                None if self.rest.starts_with('}') => {}
                None if self.rest.is_empty() => return Err(Error::invalid("the conditions do not end, expected `}`")),
                None => {
                    let found = shorten(self.rest);
                    return Err(Error::invalid(format!("{found:?} after a condition, expected `,` or `}}`")));
                }
            }
        }
    }

    fn condition(&mut self) -> Result<Condition> {
        let end = self.rest.find(['=', '!', ',', '}']).unwrap_or(self.rest.len());
        let name = self.rest[..end].trim_end().to_owned();
        self.rest = &self.rest[end..];
        let found = Test::ALL.iter().find(|(symbol, _)| self.rest.starts_with(symbol));
        let Some((symbol, test)) = found else {
            return Err(Error::invalid(format!(
                "condition {:?} compares nothing, expected such as phase=L1, role!=backup or room=~\"kit*\"",
                shorten(&name)
            )));
        };
        if !label::OWN.contains(&name.as_str()) {
            LabelName::new(&name)?;
        }
        self.rest = self.rest[symbol.len()..].trim_start();
        let value = if self.rest.starts_with('"') { self.quoted()? } else { self.bare(&name)? };
        let condition = Condition { name, test: *test, value };
        condition.check()?;
        Ok(condition)
    }

    fn bare(&mut self, name: &str) -> Result<String> {
        let end = self.rest.find(|c| !is_bare(c)).unwrap_or(self.rest.len());
        let (value, rest) = self.rest.split_at(end);
        if value.is_empty() {
            return Err(Error::invalid(format!(
                "condition on {name} has no value, expected such as {name}=text or {name}=\"any text\""
            )));
        }
        self.rest = rest;
        Ok(value.to_owned())
    }

    fn quoted(&mut self) -> Result<String> {
        let mut value = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(value);
                }
                '\\' => match chars.next() {
                    Some((_, c @ ('"' | '\\'))) => value.push(c),
                    _ => return Err(Error::invalid("`\\` in quotes, expected `\\\"` or `\\\\`")),
                },
                c => value.push(c),
            }
        }
        Err(Error::invalid(format!("{} does not end, expected a closing quote", shorten(self.rest))))
    }
}

fn is_bare(c: char) -> bool {
    c.is_alphanumeric() || "_-./%*:+".contains(c)
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pattern.fmt(f)?;
        for (at, Condition { name, test, value }) in self.conditions.iter().enumerate() {
            write!(f, "{}{name}{}", if at == 0 { '{' } else { ',' }, test.symbol())?;
            if !value.is_empty() && value.chars().all(is_bare) {
                f.write_str(value)?;
            } else {
                write!(f, "\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))?;
            }
        }
        f.write_str(if self.conditions.is_empty() { "" } else { "}" })
    }
}

impl From<Pattern> for Selection {
    fn from(pattern: Pattern) -> Self {
        Self { pattern, conditions: Vec::new() }
    }
}

impl From<&Pattern> for Selection {
    fn from(pattern: &Pattern) -> Self {
        pattern.clone().into()
    }
}

impl From<SeriesName> for Selection {
    fn from(series: SeriesName) -> Self {
        Pattern::from(&series).into()
    }
}

impl From<&SeriesName> for Selection {
    fn from(series: &SeriesName) -> Self {
        Pattern::from(series).into()
    }
}

impl From<&Selection> for Selection {
    fn from(selection: &Selection) -> Self {
        selection.clone()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::label::labels;
    use super::super::unit::Unit;
    use super::*;

    fn channel(name: &str, unit: Unit, pairs: &[(&str, &str)]) -> Channel {
        Channel::gauge(name, unit).unwrap().labels(labels(pairs.iter().copied()).unwrap()).build().unwrap()
    }

    #[test]
    fn labels_and_what_every_channel_has_select_alike() {
        let series: SeriesName = "home1.meter.power".parse().unwrap();
        let channel = channel("power", Unit::Kilowatt, &[("phase", "L1"), ("room", "kitchen, left")]);
        for (text, expected) in [
            ("home1.*.power{phase=L1}", true),
            ("home1.*.power{phase=L2}", false),
            ("home2.*.power{phase=L1}", false),
            ("home1.>{quantity=power,unit=kW,kind=gauge,device=meter,site=home1}", true),
            ("{quantity=power}", true),
            ("{quantity=voltage}", false),
            ("{unit=W}", false),
            ("{role!=backup}", true),
            ("{role=\"\"}", true),
            ("{phase!=\"\"}", true),
            ("{phase!=L1}", false),
            ("{room=~\"kit*\"}", true),
            ("{room=~kit*left}", true),
            ("{room=~*chen*}", true),
            ("{room=kit*}", false),
            ("{room!~\"kit*\"}", false),
            ("{room=\"kitchen, left\"}", true),
            ("{ phase = L1 , sign=passive, writable=false }", true),
            ("{series=home1.meter.power,channel=power,operator=local}", true),
            ("home1.meter.power{}", true),
        ] {
            let selection: Selection = text.parse().unwrap();
            assert_eq!(selection.matches(&series, &channel), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_selection_is_named() {
        for (text, word) in [
            ("home1.*.power{phase}", "compares nothing"),
            ("home1.*.power{phase=}", "no value"),
            ("home1.*.power{phase=L1", "do not end"),
            ("home1.*.power{phase=L1 L2}", "\"L2}\" after a condition"),
            ("home1.*.power{phase=L1}x", "after the conditions"),
            ("home1.*.power{Phase=L1}", "label is \"Phase\""),
            ("home1.*.power{room=\"kit}", "closing quote"),
            ("home1.*.power{room=\"a\\n\"}", "`\\`"),
            ("home1.*.power{kind=meter}", "expected one of gauge counter"),
            ("home1.*.power{writable=yes}", "true false"),
            ("home1.p*.power{phase=L1}", "neither a name nor a wildcard"),
            ("home1.*.power{=L1}", "label is \"\""),
        ] {
            let e = text.parse::<Selection>().unwrap_err();
            assert!(e.message().contains(word), "{text}: {e}");
        }
        assert!(format!("{{{}}}", vec!["a=b"; 65].join(",")).parse::<Selection>().is_err());
    }

    #[test]
    fn a_star_takes_any_text_and_never_too_long() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("a*", "a", true),
            ("a*a", "a", false),
            ("*ab*ab", "abab", true),
            ("*ab*ab", "ab", false),
            ("**", "x", true),
            ("a*b*c", "a-b-b-c", true),
        ] {
            assert_eq!(like(pattern, text), expected, "{pattern} on {text}");
        }
        assert!(!like(&"a*".repeat(60), &"a".repeat(59)));
    }

    proptest! {
        #[test]
        fn a_selection_is_read_as_it_is_written(value in "\\PC{0,20}", other in "[a-z*\"\\\\{},=]{0,8}", test in 0..4usize) {
            let condition = |name: &str, value: String| Condition { name: name.into(), test: Test::ALL[test].1, value };
            let pattern: Pattern = "home1.*.power".parse().unwrap();
            let selection = Selection { pattern, conditions: vec![condition("room", value), condition("device", other)] };
            prop_assert_eq!(selection.to_string().parse::<Selection>().unwrap(), selection);
        }
    }
}
