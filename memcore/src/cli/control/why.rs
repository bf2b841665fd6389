//! `memcore why`: what was decided, and why.

use clap::Args;
use jiff::civil;
use jiff::tz::TimeZone;

use super::super::{Common, format};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Clock, Span, SystemClock, Timestamp};
use crate::runtime::{Explanation, LocalClient, explain_decision};

/// Why an asset was as it was: what was decided, whose wish that followed, what limited it, what the device answered
#[derive(Debug, Args)]
pub(in crate::cli) struct Why {
    /// An asset, or a series of it such as home1.battery.power
    asked: String,
    /// When, by the clock of the site: 14:05 (the last one), "2026-06-21 14:05"; with its zone 2026-06-21T14:05:00Z; or so long ago,
    /// 10m. Now where it is not given
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// JSON
    #[arg(long)]
    json: bool,
}

impl Why {
    pub(in crate::cli) async fn run(&self, common: &Common) -> Result<u8> {
        let config = common.config(None)?;
        let model = config.control.model_of(&config.path).ok().flatten();
        let zone = model.map_or_else(|| "UTC".to_owned(), |(_, model)| model.zone);
        let tz = TimeZone::get(&zone).unwrap_or(TimeZone::UTC);
        let now = SystemClock::default().now();
        let at = self.at.as_deref().map_or(Ok(now), |text| read_time(text, now, &tz))?;
        let explanation = match LocalClient::of(&config.path).why(&self.asked, at).await {
            // A site that is stopped, or not controlled any more, has its log all the same.
            Err(e) if e.kind() == ErrorKind::Connection => explain_decision(&config.path, &self.asked, at, &zone)?,
            explained => explained?,
        };
        if self.json {
            format::print(&format::json(&explanation)?)?;
        } else {
            format::print(&page(&explanation))?;
        }
        Ok(u8::from(explanation.decided.is_none()))
    }
}

fn page(explanation: &Explanation) -> String {
    let Some(decided) = &explanation.decided else { return explanation.sentence.clone() };
    let watts =
        |bound: Option<f64>, none: &str| bound.map_or(none.to_owned(), |bound| format!("{} W", format::number(bound)));
    let bounds = format!("{} to {}", watts(decided.low_w, "no least"), watts(decided.high_w, "no most"));
    let mut lines = vec![explanation.sentence.clone(), String::new(), format!("allowed   {bounds}")];
    lines.extend(decided.command.iter().map(|id| format!("order     {id} to {}", decided.target)));
    if !decided.inputs.is_empty() {
        let mut table = format::table(&["input", "what", "value", "age"]);
        format::right(&mut table, &[2, 3]);
        for input in &decided.inputs {
            let age = format!("{:.1} s", input.age.as_seconds());
            table.add_row([input.series.to_string(), input.what.clone(), format::number(input.value), age]);
        }
        lines.extend([String::new(), table.to_string()]);
    }
    lines.join("\n")
}

/// A time as a person says it: with a zone, by the clock of the site, or so long ago.
fn read_time(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    if let Ok(span) = text.parse::<Span>() {
        return Ok(now.saturating_add(Span::from_micros(-span.as_micros())));
    }
    let local = zone.to_datetime(jiff::Timestamp::from_microsecond(now.as_micros()).unwrap_or_default());
    let wrong =
        || Error::invalid(format!("--at is {text:?}, expected 14:05, \"2026-06-21 14:05\", 2026-06-21T14:05:00Z or 10m"));
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
                read_time(text, now, &zone).unwrap().to_string(),
                time.parse::<Timestamp>().unwrap().to_string(),
                "{text}"
            );
        }
        for text in ["noon", "25:00", "2026-13-01 00:00", ""] {
            assert!(read_time(text, now, &zone).unwrap_err().message().contains("14:05"), "{text}");
        }
    }
}
