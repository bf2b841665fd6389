//! Instants and lengths as requests say them.
//!
//! An instant is RFC 3339 with a zone, integer microseconds since the epoch, `now`, or a length before now: `-24h`. Now is the server's.

use super::problem::Problem;
use crate::error::Error;
use crate::model::{Span, Timestamp};

/// The instant that a parameter says.
///
/// # Errors
/// 400, naming the parameter.
pub(super) fn instant(field: &str, text: &str, now: Timestamp) -> Result<Timestamp, Problem> {
    if text == "now" {
        return Ok(now);
    }
    if let Ok(micros) = text.parse() {
        return Ok(Timestamp::from_micros(micros));
    }
    if let Ok(ago) = text.strip_prefix('-').unwrap_or(text).parse::<Span>() {
        return Ok(now.saturating_add(Span::from_micros(-ago.as_micros())));
    }
    // The plus of a zone that nobody encoded is a space by now.
    let zoned = text.replace(' ', "+");
    let read: Result<Timestamp, Error> = text.parse().or_else(|e| zoned.parse().map_err(|_| e));
    read.map_err(|e| {
        Problem::invalid(field, format!("{field}: {}, microseconds since the epoch, now or -24h", e.message()))
    })
}

/// From and to, each absent or an instant: the `usual` length up to now where neither is said, and up to now or that length where one is.
///
/// # Errors
/// 400, naming the parameter; also where nothing lies between.
pub(super) fn range(
    from: Option<&str>,
    to: Option<&str>,
    usual: Span,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), Problem> {
    let to_is = to.map_or(Ok(now), |text| instant("to", text, now))?;
    let usual_from = to_is.saturating_add(Span::from_micros(-usual.as_micros()));
    let from_is = from.map_or(Ok(usual_from), |text| instant("from", text, now))?;
    if from_is >= to_is {
        let field = if to.is_some() { "to" } else { "from" };
        return Err(Problem::invalid(field, format!("from is {from_is} and to is {to_is}, expected from before to")));
    }
    Ok((from_is, to_is))
}

/// The length that a parameter says: `15m`.
///
/// # Errors
/// 400, naming the parameter.
pub(super) fn length(field: &str, text: &str) -> Result<Span, Problem> {
    text.parse().map_err(|e: Error| Problem::invalid(field, format!("{field}: {}", e.message())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    #[test]
    fn an_instant_is_said_in_four_ways() {
        let noon = "2026-06-21T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("now", NOW),
            ("-1h", Timestamp::from_seconds(1_000_000 - 3600)),
            ("1h", Timestamp::from_seconds(1_000_000 - 3600)),
            ("-5", Timestamp::from_micros(-5)),
            ("1782043200000000", noon),
            ("2026-06-21T12:00:00Z", noon),
            ("2026-06-21T14:00:00+02:00", noon),
            ("2026-06-21T14:00:00 02:00", noon),
        ] {
            assert_eq!(instant("from", text, NOW).unwrap(), expected, "{text}");
        }
        for text in ["", "yesterday", "2026-06-21", "2026-06-21T12:00:00", "--1h", "99999999999999999999", "-"] {
            let problem = instant("at", text, NOW).unwrap_err();
            assert_eq!((problem.status, problem.field.as_deref()), (400, Some("at")), "{text}");
        }
    }

    #[test]
    fn a_range_has_something_between_its_ends() {
        let day = Span::from_seconds(86_400);
        let range = |from, to| range(from, to, day, NOW);
        assert_eq!(range(None, None).unwrap(), (Timestamp::from_seconds(1_000_000 - 86_400), NOW));
        assert_eq!(range(Some("0"), Some("1")).unwrap(), (Timestamp::from_micros(0), Timestamp::from_micros(1)));
        assert_eq!(range(Some("now"), None).unwrap_err().field.as_deref(), Some("from"));
        assert_eq!(range(Some("2"), Some("1")).unwrap_err().field.as_deref(), Some("to"));
        assert_eq!(range(None, Some(&i64::MIN.to_string())).unwrap_err().field.as_deref(), Some("to"));
    }
}
