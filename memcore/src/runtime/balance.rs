//! The energy balance of a site, out of its history.

use super::embedded::Memcore;
use crate::energy::{self, Balance, Every, Part, Role, Rule};
use crate::error::{Error, Result};
use crate::model::{Channel, Quantity, Selection, SeriesName, Span, Timestamp};
use crate::store::{Aggregate, Gaps, Query, SeriesResult};

const SECONDS_PER_HOUR: f64 = 3600.0;
/// What flows in and out within this time is netted, where the request says nothing else.
const STEP: Span = Span::from_seconds(60);

/// Whose balance is asked for, over which time.
#[derive(Debug, Clone, PartialEq)]
pub struct BalanceRequest {
    parts: Vec<(Role, Selection)>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    every: Option<Every>,
    step: Span,
    rule: Rule,
    max_gap: Option<Span>,
}

impl Default for BalanceRequest {
    fn default() -> Self {
        let (parts, rule) = (Vec::new(), Rule::default());
        Self { parts, from: None, to: None, every: None, step: STEP, rule, max_gap: None }
    }
}

impl BalanceRequest {
    /// Of no series yet, over all of their time, in one row.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the selected series of power, which all do this.
    #[must_use]
    pub fn part(mut self, role: Role, series: impl Into<Selection>) -> Self {
        self.parts.push((role, series.into()));
        self
    }

    /// Only from this instant on; the first sample of any part by default.
    #[must_use]
    pub fn from(mut self, from: Timestamp) -> Self {
        self.from = Some(from);
        self
    }

    /// Only before this instant; the last sample of any part by default.
    #[must_use]
    pub fn to(mut self, to: Timestamp) -> Self {
        self.to = Some(to);
        self
    }

    /// One row a bucket.
    #[must_use]
    pub fn every(mut self, every: Every) -> Self {
        self.every = Some(every);
        self
    }

    /// Import and export, charging and discharging are told apart from step to step, a minute by default: what flows both ways
    /// within one step is netted. A step of which a series is not wholly measured counts nothing, and `coverage` says so.
    #[must_use]
    pub fn step(mut self, step: Span) -> Self {
        self.step = step;
        self
    }

    /// How a value goes over into the next.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rule = rule;
        self
    }

    /// The longest silence over which a value holds; otherwise each channel's own.
    #[must_use]
    pub fn max_gap(mut self, longest: Span) -> Self {
        self.max_gap = Some(longest);
        self
    }
}

/// The energy balance of a site, a row a bucket. Energies are in Wh.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SiteBalance {
    /// Where each bucket starts, and where the last one ends.
    pub borders: Vec<Timestamp>,
    /// What flowed in each of them.
    pub balance: Balance,
    /// Which series were read, and as what.
    pub series: Vec<(SeriesName, Role)>,
}

impl Memcore {
    /// The energy balance of a site: what it imported, exported, made, kept and used, and what no device explains.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where a part selects no series; [`Invalid`](crate::ErrorKind::Invalid) for a series
    /// that is not of power or has two roles, a range that is reversed, and as [`query`](Self::query).
    pub fn balance(&self, request: &BalanceRequest) -> Result<SiteBalance> {
        let series = self.series_of(request)?;
        let (from, to) = self.range_of(request, &series)?;
        let borders = match &request.every {
            Some(every) => energy::buckets(from, to, every)?,
            None => vec![from, to],
        };
        let mut found = Balance::default();
        for pair in borders.windows(2) {
            let steps = self.steps(request, &series, (pair[0], pair[1]))?;
            found.append(&steps.gather(&[steps.coverage.len()])?.over(SECONDS_PER_HOUR));
        }
        Ok(SiteBalance { borders, balance: found, series })
    }

    /// What each of the site's series of power does, told by the name of its device: `grid`, `pv` and `battery`, alone or with a
    /// number or a further word behind it (`pv2`, `pv-east`). Others have no role: what a site uses follows from these.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where the site has no series, or none of the grid; [`Invalid`](crate::ErrorKind::Invalid)
    /// for what is no name of a site.
    pub fn roles(&self, site: &str) -> Result<Vec<(SeriesName, Role)>> {
        let all = self.series(format!("{site}.*.power").parse::<Selection>().map_err(|e| e.context("site"))?);
        let role = |(series, channel): (SeriesName, Channel)| {
            let role = role_of(series.device.device.as_str()).filter(|_| channel.quantity == Quantity::Power)?;
            Some((series, role))
        };
        let roles: Vec<_> = all.into_iter().filter_map(role).collect();
        if !roles.iter().any(|(_, role)| *role == Role::Grid) {
            let message =
                format!("site {site} has no device named grid with power, expected its series to be named by role");
            return Err(Error::not_found(message));
        }
        Ok(roles)
    }

    fn series_of(&self, request: &BalanceRequest) -> Result<Vec<(SeriesName, Role)>> {
        let mut found: Vec<(SeriesName, Role)> = Vec::new();
        for (role, selection) in &request.parts {
            let selected = self.series(selection);
            if selected.is_empty() {
                return Err(Error::not_found(format!("{}: no series is {selection}", role.name())));
            }
            for (series, channel) in selected {
                if channel.quantity != Quantity::Power {
                    let (role, quantity) = (role.name(), channel.quantity);
                    return Err(Error::invalid(format!("{role} {series} is of {quantity}, expected power")));
                }
                if let Some((_, other)) = found.iter().find(|(other, _)| *other == series) {
                    let (one, other) = (role.name(), other.name());
                    return Err(Error::invalid(format!("series {series} is {other} and {one}, expected one role")));
                }
                found.push((series, *role));
            }
        }
        if found.is_empty() {
            return Err(Error::invalid(
                "balance of no series, expected at least one of grid, production, storage and load",
            ));
        }
        Ok(found)
    }

    fn range_of(&self, request: &BalanceRequest, series: &[(SeriesName, Role)]) -> Result<(Timestamp, Timestamp)> {
        let (mut from, mut to) = (request.from, request.to);
        if from.is_none() || to.is_none() {
            let (mut first, mut last) = (Timestamp::MAX, Timestamp::MIN);
            for (series, _) in series {
                for (_, stats) in self.series_stats(series)? {
                    first = stats.first.map_or(first, |time| time.min(first));
                    last = stats.last.map_or(last, |time| time.max(last));
                }
            }
            if first > last {
                return Err(Error::not_found(
                    "the series have no sample, so nothing says from when to when: expected `from` and `to`",
                ));
            }
            (from, to) = (from.or(Some(first)), to.or(Some(last)));
        }
        match (from, to) {
            (Some(from), Some(to)) if from <= to => Ok((from, to)),
            (from, to) => {
                let text = |time: Option<Timestamp>| time.map_or("nothing".to_owned(), |time| time.to_string());
                let (from, to) = (text(from), text(to));
                Err(Error::invalid(format!("range is from {from} to {to}, expected the earlier instant first")))
            }
        }
    }

    /// The balance of each step of a bucket in watt seconds: decimals of watts stay decimals, and add up without rounding.
    fn steps(
        &self,
        request: &BalanceRequest,
        series: &[(SeriesName, Role)],
        range: (Timestamp, Timestamp),
    ) -> Result<Balance> {
        let mut columns = Vec::with_capacity(series.len());
        for (series, role) in series {
            let query = Query::new(series).from(range.0).to(range.1).every(Every::Fixed(request.step)).gaps(Gaps::Null);
            let query = query.aggregate(Aggregate::TimeWeightedMean).aggregate(Aggregate::Coverage).rule(request.rule);
            let query = request.max_gap.into_iter().fold(query, Query::max_gap);
            let result = self.query(&query)?;
            let amounts = result.series().first().map(|series| measured(series, range)).unwrap_or_default();
            columns.push((*role, amounts));
        }
        let parts: Vec<Part<'_>> = columns.iter().map(|(role, amounts)| Part { role: *role, amounts }).collect();
        energy::balance(&parts)
    }
}

/// What flowed in each step that was measured from its start to its end, in watt seconds; NaN of the others.
fn measured(series: &SeriesResult, (from, to): (Timestamp, Timestamp)) -> Vec<f64> {
    let (Some(mean), Some(coverage)) = (series.column("time_weighted_mean"), series.column("coverage")) else {
        return Vec::new();
    };
    let starts = series.times().values();
    let amount = |row: usize| {
        // The first and the last step end with the bucket.
        let start = Timestamp::from_micros(starts[row]).max(from);
        let end = starts.get(row + 1).map_or(to, |next| Timestamp::from_micros(*next));
        if coverage.value(row) >= 1.0 { mean.value(row) * end.since(start).as_seconds() } else { f64::NAN }
    };
    (0..starts.len()).map(amount).collect()
}

fn role_of(device: &str) -> Option<Role> {
    let role = |(word, role)| {
        let rest = device.strip_prefix(word)?;
        let ends = rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '_');
        ends.then_some(role)
    };
    [("grid", Role::Grid), ("pv", Role::Production), ("battery", Role::Storage)].into_iter().find_map(role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_told_by_whole_words() {
        for (device, role) in [
            ("grid", Some(Role::Grid)),
            ("pv2", Some(Role::Production)),
            ("pv-east", Some(Role::Production)),
            ("battery_1", Some(Role::Storage)),
            ("pvc", None),
            ("batteryroom", None),
            ("ev", None),
            ("house", None),
        ] {
            assert_eq!(role_of(device), role, "{device}");
        }
    }
}
