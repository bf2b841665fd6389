//! An array against the sun, where the site's position is known: by how much its times are off, which end of their interval
//! labels name, and a position that cannot be right.

use super::daylight::Changes;
use super::finding::{DAY, HOUR, MINUTE, Place, Subject, instant, length, span};
use super::points::{Sorted, median};
use super::report::{Finding, FindingKind, Severity};
use super::solar::{Solar, SunDay, with_picture};
use super::zones;
use crate::model::LabelPosition;

/// The share of the peak from which on light is counted: little enough that it is the sky's and not that of one direction, so
/// that a roof to the east or west moves the day by minutes only.
const LIGHT: f64 = 0.006;
/// Minutes by which roofs and hills move the middle of the day (one standard deviation).
const SITE: f64 = 9.0;
/// Minutes from which on it is the clock, and what they must be beyond half a cadence.
const CLOCK: f64 = 40.0;
const BEYOND: f64 = 2.0 * SITE;
/// Shorter intervals have labels that no sun tells.
const SHORTEST: i64 = 10 * MINUTE;
/// From that length on, the two labels lie farther apart than roofs and hills move a day.
const LONG: i64 = 25 * MINUTE;
/// Longer intervals do not tell the hours that local times are ahead.
const LONGEST: i64 = 24 * MINUTE;
/// Days that are needed to tell a clock, and a label.
const DAYS: usize = 7;
/// An error of the median in minutes with which nothing is said.
const UNSURE: f64 = 8.0;
const DAYS_OF_LABEL: usize = 12;

/// What an array's days say of its times and its position. `saves` is whether clocks are known to change in these times.
pub(super) fn against_the_sun(
    subject: &Subject<'_>,
    solar: &Solar,
    position: (f64, f64),
    changes: &Changes,
    saves: bool,
) -> Vec<Finding> {
    let Some(sky) = Sky::of(subject, solar) else { return Vec::new() };
    let mut found = Vec::from_iter(seasons(subject, &sky, position));
    // Local times without a zone may be ahead by any hours.
    if changes.naive() && changes.zone.is_none() {
        found.extend(ahead_of_utc(subject, &sky, position, changes, saves));
        return found;
    }
    let late = sky.late(position.1, changes, saves);
    if late.error > UNSURE {
        return found;
    }
    let clock = Some(&late).filter(|late| late.minutes.abs() > CLOCK.max(sky.half() + BEYOND));
    let clock = clock.and_then(|late| other_clock(subject, &sky, late, position, (changes, saves)));
    // Where clocks are known to change in these times, that is to be mended first.
    let label = if clock.is_some() || saves { None } else { label(subject, &sky, &late) };
    found.extend(clock.or(label));
    found
}

/// The days of an array by the light of the sky.
struct Sky {
    days: Vec<SunDay>,
    cadence: i64,
}

/// How much later than the sun the middle of the days lies, in minutes, and how far that may be off by chance.
struct Late {
    minutes: f64,
    error: f64,
}

impl Sky {
    fn of(subject: &Subject<'_>, solar: &Solar) -> Option<Self> {
        let cadence = subject.cadence?;
        let points = &subject.points;
        let step = (points.len() / 20_000) | 1;
        let night = |at: &usize| solar.off_noon(points.times[*at]) > 10 * HOUR;
        let dark: Vec<f64> =
            (0..points.len()).step_by(step).filter(night).map(|at| solar.production(points.values[at]).max(0.0)).collect();
        let offset = Sorted::of(dark.into_iter()).at(0.9);
        let days = solar.days_above(subject, cadence, LIGHT * solar.peak + 2.0 * offset);
        (days.len() >= DAYS).then_some(Self { days, cadence })
    }

    /// Half a cadence in minutes: by so much a label lies before or behind the middle of its interval.
    fn half(&self) -> f64 {
        self.cadence as f64 / MINUTE as f64 / 2.0
    }

    fn each_late(&self, longitude: f64, ahead: impl Fn(i64) -> i64) -> Vec<f64> {
        let late = |day: &SunDay| {
            let noon = (day.start + DAY / 2) as f64 + day.late;
            (noon - solar_noon(ahead(noon as i64), noon as i64, longitude)) / MINUTE as f64
        };
        self.days.iter().map(late).collect()
    }

    /// As the times say; of clocks that change, in winter.
    fn late(&self, longitude: f64, changes: &Changes, saves: bool) -> Late {
        let each = self.each_late(longitude, |time| changes.to_utc_offset(time));
        let late = Late::of(each.clone());
        match Levels::of(&each) {
            levels if saves && levels.are_two() => Late { minutes: levels.early, ..late },
            _ => late,
        }
    }
}

/// Where most of the days lie: those of winter are the earlier ones where clocks change.
struct Levels {
    early: f64,
    late: f64,
    median: f64,
}

impl Levels {
    fn of(each: &[f64]) -> Self {
        let sorted = Sorted::of(each.iter().copied());
        Self { early: sorted.at(0.2), late: sorted.at(0.8), median: sorted.median() }
    }

    fn are_two(&self) -> bool {
        self.late - self.early > CLOCK
    }
}

impl Late {
    fn of(mut each: Vec<f64>) -> Self {
        let minutes = median(&mut each);
        let mut apart: Vec<f64> = each.iter().map(|late| (late - minutes).abs()).collect();
        // The spread of one day from the median of all, and from that the error of their median.
        let error = 1.25 * 1.4826 * median(&mut apart) / (each.len() as f64).sqrt();
        Self { minutes, error }
    }
}

/// Times that are hours off; or a longitude with the wrong sign.
fn other_clock(
    subject: &Subject<'_>,
    sky: &Sky,
    late: &Late,
    (latitude, longitude): (f64, f64),
    (changes, saves): (&Changes, bool),
) -> Option<Finding> {
    let label = match subject.series.label {
        Some(LabelPosition::End) => sky.half(),
        Some(LabelPosition::Start) => -sky.half(),
        // Nobody said: where the interval is long, as it fits whole hours best.
        None => {
            let rest = |label: &f64| ((late.minutes - label) / 60.0 - ((late.minutes - label) / 60.0).round()).abs();
            [-sky.half(), 0.0, sky.half()].into_iter().min_by(|a, b| (rest(a) + 1e-9).total_cmp(&rest(b)))?
        }
    };
    let hours = ((late.minutes - label) / 30.0).round() / 2.0;
    if hours.abs() < 1.0 {
        return None;
    }
    let message = format!(
        "the sun's day lies {} {} in these times than the sun stands at {latitude}, {longitude}: they are not {}, but about {} h {} it",
        length((late.minutes.abs().round() as i64) * MINUTE),
        if late.minutes > 0.0 { "later" } else { "earlier" },
        match &changes.zone {
            Some(zone) if changes.naive() => format!("of {zone}"),
            _ => "UTC".to_owned(),
        },
        hours.abs(),
        if late.minutes > 0.0 { "ahead of" } else { "behind" }
    );
    let mirrored = sky.late(-longitude, changes, saves).minutes.abs() <= CLOCK && hours.abs() >= 2.0;
    let repair = match mirrored {
        true => format!(
            "see whether the longitude should be {}, where the sun fits; else read the file again with the zone of its times",
            -longitude
        ),
        false => "read the file again with the zone of its times".to_owned(),
    };
    let finding = Finding::new(FindingKind::ClockShift, Severity::Fault, 0.85, message).of(subject.name());
    let last = subject.points.len() - 1;
    let finding = finding.at(subject, &[Place::of(0, last)], 0);
    Some(with_picture(finding, subject, subject.points.times[last / 2]).repair(&repair))
}

/// A day that lies half a cadence after the sun where it should lie half a cadence before: labels name the end of intervals.
fn label(subject: &Subject<'_>, sky: &Sky, late: &Late) -> Option<Finding> {
    let by_end = late.minutes > 0.0;
    let right = if by_end { LabelPosition::End } else { LabelPosition::Start };
    let declared = subject.series.label.unwrap_or_default();
    let half = sky.half();
    // Within a quarter of a cadence of the sun, values may be those of one moment.
    let clear = late.minutes.abs() > half / 2.0 + late.error && late.minutes.abs() < 1.5 * half + SITE;
    if declared == right || sky.cadence < SHORTEST || sky.days.len() < DAYS_OF_LABEL || !clear {
        return None;
    }
    let certain = late.minutes.abs() / SITE.hypot(late.error);
    let confidence = (0.5 + 0.3 * certain / 1.2).min(0.85);
    let severity = if confidence >= 0.8 && sky.cadence >= LONG { Severity::Warning } else { Severity::Note };
    let (name, word) = if by_end { ("end", "later") } else { ("start", "earlier") };
    let message = format!(
        "the sun's day lies {} min {word} than the sun stands; labelled by the {name} of its intervals of {} it would lie {} min {word}{}",
        late.minutes.abs().round(),
        length(sky.cadence),
        half,
        if sky.cadence >= 50 * MINUTE { ". Or the clock is an hour off" } else { "" }
    );
    let finding = Finding::new(FindingKind::Label, severity, confidence, message).of(subject.name());
    let middle = subject.points.len() / 2;
    let finding = finding.counting(subject.points.len()).at(subject, &[Place::of(middle, middle)], 0);
    let finding = finding.spanning(subject.points.times[0], subject.points.times[subject.points.len() - 1]);
    let finding = with_picture(finding, subject, subject.points.times[middle]);
    Some(finding.declare(subject.name(), "label", name).declare(subject.name(), "cadence", span(sky.cadence)))
}

/// By how many hours local times without a zone are ahead of UTC, and which zone has such clocks there.
fn ahead_of_utc(
    subject: &Subject<'_>,
    sky: &Sky,
    (_, longitude): (f64, f64),
    changes: &Changes,
    saves: bool,
) -> Option<Finding> {
    let each = sky.each_late(longitude, |_| 0);
    let levels = Levels::of(&each);
    let two_levels = saves && levels.are_two();
    let late = if two_levels { levels.early } else { levels.median };
    let whole = (late / 60.0).round();
    // Few zones lie at half hours; with long intervals hours are not told.
    let hours = if (late - whole * 60.0).abs() <= 2.0 * SITE { whole } else { (late / 30.0).round() / 2.0 };
    let unsure = Late::of(each).error > UNSURE || sky.days.len() < DAYS_OF_LABEL;
    if unsure || sky.cadence > LONGEST || (levels.are_two() && !two_levels) {
        return None;
    }
    let spanned = changes.spans_both(subject.points.times[0], subject.points.times[subject.points.len() - 1]);
    let message = format!(
        "by the sun these local times are {} h {} UTC{}",
        hours.abs(),
        if hours >= 0.0 { "ahead of" } else { "behind" },
        if two_levels { " in winter and an hour more in summer" } else { "" }
    );
    let finding = Finding::new(FindingKind::ClockShift, Severity::Note, 0.8, message).of(subject.name());
    let middle = subject.points.times[subject.points.len() / 2];
    let finding = with_picture(finding.spanning(subject.points.times[0], middle), subject, middle);
    Some(match zones::of_offset(hours, longitude) {
        Some(clocks) if two_levels => zones::declared(finding, clocks),
        // Over a year without a change: clocks that keep one offset. These names count westwards.
        _ if spanned && !saves && hours.fract() == 0.0 => {
            finding.declare_file("zone", format!("Etc/GMT{:+}", -hours as i64))
        }
        _ => finding.repair("declare the zone of the times: one with these hours"),
    })
}

/// Days that are long where they should be short: the other hemisphere.
fn seasons(subject: &Subject<'_>, sky: &Sky, (latitude, longitude): (f64, f64)) -> Option<Finding> {
    let expected: Vec<f64> = sky.days.iter().map(|day| day_length(day.start + DAY / 2, latitude)).collect();
    let seen: Vec<f64> = sky.days.iter().map(|day| day.length / HOUR as f64).collect();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (expected_mean, seen_mean) = (mean(&expected), mean(&seen));
    let (mut both, mut of_expected, mut of_seen) = (0.0, 0.0, 0.0);
    for (expected, seen) in expected.iter().zip(&seen) {
        let (e, s) = (expected - expected_mean, seen - seen_mean);
        both += e * s;
        of_expected += e * e;
        of_seen += s * s;
    }
    let spread = (of_expected / expected.len() as f64).sqrt();
    let agreement = both / (of_expected * of_seen).sqrt().max(1e-12);
    if expected.len() < 60 || spread < 0.6 || agreement > -0.7 {
        return None;
    }
    let message = format!(
        "its days grow longer where those at {latitude}, {longitude} grow shorter: the position lies on the other side of the \
         equator, or the dates are half a year off (the first is {})",
        instant(subject.points.times[0])
    );
    let finding = Finding::new(FindingKind::ClockShift, Severity::Warning, 0.9, message).of(subject.name());
    let last = subject.points.len() - 1;
    let finding = finding.at(subject, &[Place::of(0, last)], 0);
    Some(finding.repair(&format!("see whether the latitude should be {}, and the order of day and month", -latitude)))
}

/// Hours from sunrise to sunset. Declination: P. I. Cooper, "The absorption of radiation in solar stills", Solar Energy 12(3),
/// 333 (1969).
fn day_length(time: i64, latitude: f64) -> f64 {
    let turn = std::f64::consts::TAU * (284.0 + (time - YEAR_2000) as f64 / DAY as f64) / 365.2425;
    let declination = 23.45_f64.to_radians() * turn.sin();
    let cosine = -latitude.to_radians().tan() * declination.tan();
    cosine.clamp(-1.0, 1.0).acos() / std::f64::consts::TAU * 48.0
}

/// 2000-01-01T00:00:00Z.
const YEAR_2000: i64 = 946_684_800_000_000;

/// When the sun stands highest on the day of that time, in times `offset` microseconds ahead of UTC.
///
/// Equation of time: J. W. Spencer, "Fourier series representation of the position of the sun", Search 2(5), 172 (1971).
fn solar_noon(offset: i64, time: i64, longitude: f64) -> f64 {
    const YEAR: f64 = 365.2425 * DAY as f64;
    let angle = std::f64::consts::TAU * ((time - YEAR_2000) as f64 / YEAR).rem_euclid(1.0);
    let ((s1, c1), (s2, c2)) = (angle.sin_cos(), (2.0 * angle).sin_cos());
    let equation = 0.000_007_5 + 0.001_868 * c1 - 0.032_077 * s1 - 0.014_615 * c2 - 0.040_849 * s2;
    let turn = 0.5 - longitude / 360.0 - equation / std::f64::consts::TAU;
    let noon = turn * DAY as f64 + offset as f64;
    let days = ((time as f64 - noon) / DAY as f64).round();
    noon + days * DAY as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<crate::model::Timestamp>().unwrap().as_micros()
    }

    #[test]
    fn the_sun_is_highest_when_the_almanac_says() {
        // 2024-06-20 at Greenwich: 12:01:45 UTC.
        let noon = at("2024-06-20T12:00:00Z");
        assert!((solar_noon(0, noon, 0.0) - noon as f64 - 105e6).abs() < 60e6);
        assert!((solar_noon(HOUR, noon, 15.0) - noon as f64 - 105e6).abs() < 60e6);
    }

    #[test]
    fn days_are_as_long_as_the_almanac_says() {
        // Berlin: 16 h 50 min from sunrise to sunset on 2024-06-20, 7 h 39 min on 2024-12-21, refraction included.
        assert!((day_length(at("2024-06-20T12:00:00Z"), 52.5) - 16.7).abs() < 0.3);
        assert!((day_length(at("2024-12-21T12:00:00Z"), 52.5) - 7.5).abs() < 0.3);
        assert!((day_length(at("2024-12-21T12:00:00Z"), -52.5) - 16.7).abs() < 0.4);
    }
}
