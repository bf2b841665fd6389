//! What energy costs in the time ahead: by the tariff, or by series that are known up to some time; beyond it as a day before.

use jiff::tz::TimeZone;

use super::history::{PlanningHistory, Steps};
use crate::control::CheckedModel;
use crate::error::{Error, Result};
use crate::model::{SeriesName, Span, Timestamp};
use crate::optimize::Horizon;

/// So far back prices are looked at, for those that are not known yet.
const BACK: Span = Span::from_seconds(8 * 86_400);
const DAY: i64 = 86_400_000_000;
/// A price holds until the next, but no longer than this.
const HOLDS: i64 = DAY;

/// A price as the tariff has it.
#[derive(Debug, Clone)]
enum Price {
    Same(f64),
    Series(SeriesName),
}

/// What a kWh costs now, as far as that is known: bought, sold.
pub(super) type PricesNow = (Option<f64>, Option<f64>);

/// Prices as a series has them, in order of time.
type Values = Vec<(Timestamp, f64)>;

/// The prices of a site.
#[derive(Debug)]
pub(super) struct Prices {
    buy: Option<Price>,
    sell: Price,
    zone: TimeZone,
    /// What the last plan was made with: the end of its horizon, and the values of both series until then.
    planned: Option<(Timestamp, [Values; 2])>,
    /// The highest mean of the month, and until when it was looked at.
    peak: Option<(Timestamp, f64)>,
}

impl Prices {
    pub(super) fn new(model: &CheckedModel) -> Self {
        let tariff = model.model().tariff.as_ref();
        let price =
            |series: Option<&SeriesName>, same: Option<f64>| series.cloned().map(Price::Series).or(same.map(Price::Same));
        Self {
            buy: price(model.buy_series(), tariff.and_then(|tariff| tariff.buy_per_kwh)),
            sell: price(model.sell_series(), tariff.and_then(|tariff| tariff.sell_per_kwh)).unwrap_or(Price::Same(0.0)),
            zone: model.zone().clone(),
            planned: None,
            peak: None,
        }
    }

    /// Prices bought and sold in each step; none of what is bought where the site has no tariff.
    ///
    /// # Errors
    /// Invalid where a series knows none.
    pub(super) fn expect(
        &mut self,
        history: &mut dyn PlanningHistory,
        horizon: &Horizon,
        said: &mut Vec<String>,
    ) -> Result<(Vec<f64>, Vec<f64>)> {
        let (buy, buy_values) = match self.buy.clone() {
            Some(buy) => self.column(history, &buy, horizon, said)?,
            None => (Vec::new(), Vec::new()),
        };
        let (sell, sell_values) = self.column(history, &self.sell.clone(), horizon, said)?;
        let ahead =
            |values: Vec<(Timestamp, f64)>| values.into_iter().filter(|(time, _)| *time >= horizon.start()).collect();
        self.planned = Some((horizon.end(), [ahead(buy_values), ahead(sell_values)]));
        Ok((buy, sell))
    }

    /// Whether prices of the last plan's time have changed since, and what they are now.
    ///
    /// # Errors
    /// Those of the history.
    pub(super) fn look(&self, history: &mut dyn PlanningHistory, now: Timestamp) -> Result<(bool, PricesNow)> {
        let mut have_changed = false;
        let mut both = [None, None];
        for (place, price) in [self.buy.as_ref(), Some(&self.sell)].into_iter().enumerate() {
            match price {
                None => {}
                Some(Price::Same(price)) => both[place] = Some(*price),
                Some(Price::Series(series)) => {
                    let until =
                        self.planned.as_ref().map_or(now, |(end, _)| *end).max(now.saturating_add(Span::from_micros(1)));
                    let values = history.values(series, now.saturating_add(Span::from_micros(-HOLDS)), until)?;
                    let past = values.partition_point(|(time, _)| *time <= now);
                    both[place] = values[..past].last().map(|(_, value)| *value);
                    if let Some((_, planned)) = &self.planned {
                        let known = &planned[place];
                        let known = &known[known.partition_point(|(time, _)| *time <= now)..];
                        have_changed |= *known != values[past..];
                    }
                }
            }
        }
        Ok((have_changed, (both[0], both[1])))
    }

    fn column(
        &self,
        history: &mut dyn PlanningHistory,
        price: &Price,
        horizon: &Horizon,
        said: &mut Vec<String>,
    ) -> Result<(Vec<f64>, Values)> {
        let series = match price {
            Price::Same(price) => return Ok((vec![*price; horizon.len()], Vec::new())),
            Price::Series(series) => series,
        };
        let from = horizon.start().saturating_add(Span::from_micros(-BACK.as_micros()));
        let values = history.values(series, from, horizon.end())?;
        let Some(known_until) = known_until(&values) else {
            return Err(Error::invalid(format!(
                "no price of {series} is known, nor of the week before {}",
                horizon.start()
            )));
        };
        let mut guessed = 0;
        let mut column = Vec::with_capacity(horizon.len());
        for pair in horizon.borders().windows(2) {
            let known = mean(&values, known_until, pair[0].as_micros(), pair[1].as_micros());
            guessed += usize::from(known.is_none());
            let known = known.or_else(|| (1..=7).find_map(|days| self.days_before(&values, known_until, pair, days)));
            column.push(known.or(values.last().map(|(_, value)| *value)).unwrap_or(0.0));
        }
        if guessed > 0 {
            let known_until = Timestamp::from_micros(known_until);
            said.push(format!(
                "prices of {series} are known until {known_until}: those of {guessed} steps are taken from a day before"
            ));
        }
        Ok((column, values))
    }

    /// The price at the same wall-clock time so many days before.
    fn days_before(&self, values: &[(Timestamp, f64)], known_until: i64, step: &[Timestamp], days: i64) -> Option<f64> {
        let offset = |micros: i64| {
            let time = jiff::Timestamp::from_microsecond(micros).ok()?;
            Some(i64::from(self.zone.to_offset(time).seconds()) * 1_000_000)
        };
        let (start, length) = (step[0].as_micros(), step[1].since(step[0]).as_micros());
        let guess = start - days * DAY;
        let begins = guess + offset(start)? - offset(guess)?;
        mean(values, known_until, begins, begins + length)
    }

    /// The highest mean import of an interval in the month of a time, on the clock of a zone.
    ///
    /// # Errors
    /// Those of the history.
    pub(super) fn peak_so_far_w(
        &mut self,
        history: &mut dyn PlanningHistory,
        series: &SeriesName,
        max_gap: Span,
        (interval, now): (Span, Timestamp),
        zone: &TimeZone,
    ) -> Result<f64> {
        let length = interval.as_micros().max(1);
        let until = now.as_micros() - now.as_micros().rem_euclid(length);
        let first = month_start(now, zone);
        let (from, peak) = match self.peak {
            Some((looked, peak)) if looked.as_micros() >= first && looked.as_micros() <= until => {
                (looked.as_micros(), peak)
            }
            _ => (first + (length - first.rem_euclid(length)) % length, 0.0),
        };
        let count = usize::try_from((until - from) / length).unwrap_or(0);
        let steps = Steps { start: Timestamp::from_micros(from), step: interval, count };
        let means = if count == 0 { Vec::new() } else { history.means(series, steps, max_gap)? };
        // NaN is above nothing.
        let peak = means.into_iter().fold(peak, f64::max);
        self.peak = Some((Timestamp::from_micros(until), peak));
        Ok(peak)
    }
}

/// When the month of a time began, in microseconds; the time itself where there is no calendar.
fn month_start(now: Timestamp, zone: &TimeZone) -> i64 {
    let local = jiff::Timestamp::from_microsecond(now.as_micros()).map(|time| zone.to_datetime(time));
    let first =
        local.and_then(|local| zone.to_ambiguous_timestamp(local.date().first_of_month().at(0, 0, 0, 0)).compatible());
    first.map_or(now.as_micros(), |first| first.as_microsecond())
}

/// Until when prices are known: the last one holds as long as prices usually do.
fn known_until(values: &[(Timestamp, f64)]) -> Option<i64> {
    let (last, _) = values.last()?;
    let mut distances: Vec<i64> = values.windows(2).map(|pair| pair[1].0.since(pair[0].0).as_micros()).collect();
    distances.sort_unstable();
    let usual = distances.get(distances.len() / 2).copied().unwrap_or(3_600_000_000);
    Some(last.as_micros() + usual.min(HOLDS))
}

/// The mean price over a stretch of which at least a half is known.
fn mean(values: &[(Timestamp, f64)], known_until: i64, begins: i64, ends: i64) -> Option<f64> {
    let first = values.partition_point(|(time, _)| time.as_micros() <= begins).saturating_sub(1);
    let (mut sum, mut known) = (0.0, 0_i64);
    for (place, (time, value)) in values.iter().enumerate().skip(first) {
        let from = time.as_micros();
        if from >= ends {
            break;
        }
        let until = values.get(place + 1).map_or(known_until, |(next, _)| next.as_micros()).min(from + HOLDS);
        let length = (until.min(ends) - from.max(begins)).max(0);
        sum += value * length as f64;
        known += length;
    }
    (2 * known >= ends - begins).then(|| sum / known as f64)
}
