//! How times and lengths of time are written in TOML and JSON: RFC 3339 text or microseconds; `15m` or microseconds.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::currency::Currency;
use super::time::{Span, Timestamp};
use crate::error::{Error, Result};

#[derive(Deserialize)]
#[serde(untagged)]
enum Either {
    Micros(i64),
    Text(String),
}

impl Either {
    fn time(self) -> Result<Timestamp> {
        match self {
            Self::Micros(micros) => Ok(Timestamp::from_micros(micros)),
            Self::Text(text) => text.parse(),
        }
    }

    fn span(self) -> Result<Span> {
        match self {
            Self::Micros(micros) => Ok(Span::from_micros(micros)),
            Self::Text(text) => text.parse(),
        }
    }
}

/// An optional instant.
pub(crate) mod instant {
    use super::{Deserialize, Deserializer, Either, Serialize, Serializer, Timestamp};

    pub(crate) fn serialize<S: Serializer>(time: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
        time.map(|time| time.to_string()).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
        let written = Option::<Either>::deserialize(from)?;
        written.map(Either::time).transpose().map_err(serde::de::Error::custom)
    }
}

/// An optional list of instants.
pub(crate) mod instants {
    use super::{Deserialize, Deserializer, Either, Serialize, Serializer, Timestamp};

    pub(crate) fn serialize<S: Serializer>(times: &Option<Vec<Timestamp>>, to: S) -> Result<S::Ok, S::Error> {
        let texts = |times: &Vec<Timestamp>| times.iter().map(Timestamp::to_string).collect::<Vec<_>>();
        times.as_ref().map(texts).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<Timestamp>>, D::Error> {
        let written = Option::<Vec<Either>>::deserialize(from)?;
        let times = |list: Vec<Either>| list.into_iter().map(Either::time).collect();
        written.map(times).transpose().map_err(serde::de::Error::custom)
    }
}

/// An optional length of time.
pub(crate) mod span {
    use super::{Deserialize, Deserializer, Either, Serialize, Serializer, Span};

    pub(crate) fn serialize<S: Serializer>(span: &Option<Span>, to: S) -> Result<S::Ok, S::Error> {
        span.map(|span| span.to_string()).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Span>, D::Error> {
        let written = Option::<Either>::deserialize(from)?;
        written.map(Either::span).transpose().map_err(serde::de::Error::custom)
    }
}

/// An instant that must be given.
pub(crate) mod time {
    use super::{Deserialize, Deserializer, Either, Serialize, Serializer, Timestamp};

    pub(crate) fn serialize<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        time.to_string().serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        Either::deserialize(from)?.time().map_err(serde::de::Error::custom)
    }
}

/// A length of time that must be given.
pub(crate) mod length {
    use super::{Deserialize, Deserializer, Either, Serialize, Serializer, Span};

    pub(crate) fn serialize<S: Serializer>(span: &Span, to: S) -> Result<S::Ok, S::Error> {
        span.to_string().serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Span, D::Error> {
        Either::deserialize(from)?.span().map_err(serde::de::Error::custom)
    }
}

/// A currency as its code.
pub(crate) mod currency {
    use super::{Currency, Deserialize, Deserializer, Error, Serializer};

    pub(crate) fn serialize<S: Serializer>(currency: &Currency, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(currency.code())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Currency, D::Error> {
        String::deserialize(from)?.parse().map_err(|error: Error| serde::de::Error::custom(error))
    }
}
