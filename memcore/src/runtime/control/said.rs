//! Times as people of a site say them.

use jiff::civil;
use jiff::tz::TimeZone;

use crate::error::{Error, Result};
use crate::model::{Span, Timestamp};

/// A time as a person says it: with a zone, by the clock of the site, or so long ago.
pub(crate) fn said_time(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    if let Ok(span) = text.parse::<Span>() {
        return Ok(now.saturating_add(Span::from_micros(-span.as_micros())));
    }
    let local = zone.to_datetime(jiff::Timestamp::from_microsecond(now.as_micros()).unwrap_or_default());
    let wrong =
        || Error::invalid(format!("time is {text:?}, expected 14:05, \"2026-06-21 14:05\", 2026-06-21T14:05:00Z or 10m"));
    let at = |date_time: civil::DateTime| {
        let instant = zone.to_timestamp(date_time).map_err(|_| wrong())?;
        Ok(Timestamp::from_micros(instant.as_microsecond()))
    };
    if let Ok(date_time) = text.parse::<civil::DateTime>() {
        return at(date_time);
    }
    let time: civil::Time = text.parse().map_err(|_| wrong())?;
    match at(local.date().to_datetime(time))? {
        // The last one is meant.
        later if later > now => at(local.date().yesterday().map_err(|_| wrong())?.to_datetime(time)),
        time => Ok(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_of_the_site_say_them() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let now: Timestamp = "2026-06-21T10:00:00Z".parse().unwrap();
        for (text, time) in [
            ("11:05", "2026-06-21T09:05:00Z"),
            ("14:05", "2026-06-20T12:05:00Z"),
            ("14:05:30", "2026-06-20T12:05:30Z"),
            ("2026-01-02 14:05", "2026-01-02T13:05:00Z"),
            ("2026-01-02T14:05:00+02:00", "2026-01-02T12:05:00Z"),
            ("10m", "2026-06-21T09:50:00Z"),
        ] {
            assert_eq!(
                said_time(text, now, &zone).unwrap().to_string(),
                time.parse::<Timestamp>().unwrap().to_string(),
                "{text}"
            );
        }
        for text in ["noon", "25:00", "2026-13-01 00:00", ""] {
            assert!(said_time(text, now, &zone).unwrap_err().message().contains("14:05"), "{text}");
        }
    }
}
