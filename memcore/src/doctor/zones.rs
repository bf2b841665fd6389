//! Which zone has the clocks that a file shows: told by the rule, by the hour at which they change, and by the site's longitude.

use super::daylight::Changes;
use super::report::Finding;

/// The clocks of one zone, and of all that change together with it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Clocks {
    pub(super) zone: &'static str,
    family: &'static str,
    /// Where else clocks show the same.
    also: &'static str,
    /// The local hour that is skipped and repeated, where that tells it from others of its family.
    hour: Option<i64>,
    /// Hours ahead of UTC in winter.
    pub(super) offset: f64,
    /// The longitudes between which people live by it, with those where others do too.
    west: f64,
    east: f64,
}

const fn clocks(
    zone: &'static str,
    family: &'static str,
    also: &'static str,
    hour: Option<i64>,
    offset: f64,
    (west, east): (f64, f64),
) -> Clocks {
    Clocks { zone, family, also, hour, offset, west, east }
}

/// Rules since 2007 (tz database). In Europe all clocks change at 01:00 UTC, so the local hour tells the zone; in America and
/// Australia each zone changes at its own two o'clock.
const ALL: [Clocks; 12] = [
    clocks("Europe/London", "Europe", "Dublin, Lisbon", Some(1), 0.0, (-11.0, 2.0)),
    clocks("Europe/Berlin", "Europe", "Paris, Madrid, Rome, Vienna, Warsaw", Some(2), 1.0, (-9.5, 31.5)),
    clocks("Europe/Helsinki", "Europe", "Athens, Bucharest, Sofia, Kyiv", Some(3), 2.0, (19.0, 41.0)),
    clocks("America/St_Johns", "North America", "", None, -3.5, (-60.0, -52.0)),
    clocks("America/Halifax", "North America", "Bermuda", None, -4.0, (-69.0, -57.0)),
    clocks("America/New_York", "North America", "Toronto, Detroit", None, -5.0, (-90.0, -63.0)),
    clocks("America/Chicago", "North America", "Winnipeg", None, -6.0, (-105.0, -84.5)),
    clocks("America/Denver", "North America", "Edmonton", None, -7.0, (-120.0, -100.0)),
    clocks("America/Los_Angeles", "North America", "Vancouver", None, -8.0, (-125.0, -114.0)),
    clocks("America/Anchorage", "North America", "", None, -9.0, (-180.0, -129.0)),
    clocks("Australia/Adelaide", "Australia", "", None, 9.5, (129.0, 141.5)),
    clocks("Australia/Sydney", "Australia", "Melbourne, Hobart", None, 10.0, (140.5, 154.0)),
];

/// All clocks that agree with what is known.
pub(super) fn candidates(family: &str, hour: Option<i64>, longitude: Option<f64>) -> Vec<&'static Clocks> {
    let agrees = |clocks: &&Clocks| {
        clocks.family == family
            && (clocks.hour.is_none() || hour.is_none() || clocks.hour == hour)
            && longitude.is_none_or(|longitude| (clocks.west..=clocks.east).contains(&longitude))
    };
    ALL.iter().filter(agrees).collect()
}

/// Says which zone to declare: that which is known, else the one that alone has these clocks, else those that may.
pub(super) fn advised(finding: Finding, changes: &Changes, family: &str, hour: Option<i64>) -> Finding {
    if let Some(zone) = &changes.zone {
        return finding.declare_file("zone", zone.clone());
    }
    let all = candidates(family, hour, changes.longitude);
    let names: Vec<&str> = all.iter().map(|clocks| clocks.zone).collect();
    match all[..] {
        [only] if changes.naive() => declared(finding, only),
        [only] => finding.repair(&format!("read the file again as local times of the zone {}", only.zone)),
        [] => finding.repair(&format!("declare the zone of the times, one of {family}")),
        _ => finding.repair(&format!("declare the zone of the times, one of {}", names.join(", "))),
    }
}

/// With these clocks as the zone of the file.
pub(super) fn declared(finding: Finding, clocks: &Clocks) -> Finding {
    let finding = finding.declare_file("zone", clocks.zone);
    if clocks.also.is_empty() {
        return finding;
    }
    let repair = format!("declare this zone, or that of the site where it shows the same: {}", clocks.also);
    finding.repair(&repair)
}

/// The clocks with that offset in winter of all that may be at a longitude; none where several or none have it.
pub(super) fn of_offset(hours: f64, longitude: f64) -> Option<&'static Clocks> {
    let fits = |clocks: &&Clocks| clocks.offset == hours && (clocks.west..=clocks.east).contains(&longitude);
    let mut found = ALL.iter().filter(fits);
    found.next().filter(|_| found.next().is_none())
}

/// Adds to what there is to do.
pub(super) fn add(finding: Finding, text: &str) -> Finding {
    let repair = match &finding.repair {
        Some(known) => format!("{known}; {text}"),
        None => text.to_owned(),
    };
    finding.repair(&repair)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(family: &str, hour: Option<i64>, longitude: Option<f64>) -> Vec<&'static str> {
        candidates(family, hour, longitude).iter().map(|clocks| clocks.zone).collect()
    }

    #[test]
    fn in_europe_the_hour_tells_the_zone_and_elsewhere_the_longitude_does() {
        assert_eq!(names("Europe", Some(2), None), ["Europe/Berlin"]);
        assert_eq!(names("Europe", Some(1), None), ["Europe/London"]);
        assert_eq!(names("Europe", None, Some(11.0)), ["Europe/Berlin"]);
        // Barcelona or Cardiff: the longitude alone does not say.
        assert_eq!(names("Europe", None, Some(-3.0)), ["Europe/London", "Europe/Berlin"]);
        assert_eq!(names("North America", Some(2), Some(-75.0)), ["America/New_York"]);
        assert_eq!(names("North America", Some(2), None).len(), 7);
        assert_eq!(of_offset(-7.0, -105.2).unwrap().zone, "America/Denver");
        assert_eq!(of_offset(3.0, -105.2), None);
    }

    #[test]
    fn every_zone_has_the_offset_and_the_hour_that_the_table_says() {
        for clocks in ALL {
            let zone = super::super::daylight::named(clocks.zone).unwrap();
            let offset = |text: &str| {
                let time: crate::model::Timestamp = text.parse().unwrap();
                f64::from(zone.to_offset(jiff::Timestamp::from_microsecond(time.as_micros()).unwrap()).seconds()) / 3600.0
            };
            let all = [offset("2024-01-15T12:00:00Z"), offset("2024-07-15T12:00:00Z")];
            let (winter, summer) = (all[0].min(all[1]), all[0].max(all[1]));
            assert_eq!((winter, summer), (clocks.offset, clocks.offset + 1.0), "{}", clocks.zone);
            if let Some(hour) = clocks.hour {
                // 2024-03-31T01:00Z is the instant at which all of Europe changes.
                assert_eq!(offset("2024-03-31T00:59:00Z") + 1.0, hour as f64, "{}", clocks.zone);
            }
        }
    }
}
