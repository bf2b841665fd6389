//! The balance of a site: what it took, made, kept and used, and what that cost.

use std::ops::Range;
use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::parts;
#[cfg(test)]
use super::tariff::Price;
use super::tariff::Prices;
use crate::control::CheckedModel;
use crate::energy::{self, Balance, Role};
use crate::error::{Error, Result};
use crate::model::{SeriesName, Span, Timestamp};
use crate::rest::api::Api;
use crate::rest::extract::{Json, Path, Query};
use crate::rest::problem::Problem;
use crate::rest::resources::readings;
use crate::rest::times;
use crate::rest::within::Place;
use crate::runtime::{BalanceRequest, Every, Memcore, SiteBalance};

/// Where prices change, energy is counted in such steps.
const PRICE_STEP: Span = Span::from_seconds(900);
/// How long a value holds where a channel does not say.
const HOLDS: Span = Span::from_seconds(900);
/// The longest time of a balance: eleven years.
const LONGEST: Span = Span::from_seconds(11 * 366 * 86_400);
/// Rows of an answer.
const ROWS_MAX: i64 = 10_000;

/// Which time.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct BalanceQuery {
    /// From this instant on: RFC 3339, microseconds since the epoch, or so long ago, `-7d`. The first sample without it.
    from: Option<String>,
    /// Before this instant, likewise. Behind the last sample without it.
    to: Option<String>,
    /// One row a bucket: `15m`, `1h`, `1d`, `1mo`; a day without it.
    every: Option<String>,
    /// The zone whose calendar the buckets follow; that of the site where it is controlled, otherwise UTC.
    zone: Option<String>,
}

/// The balance of a site.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BalanceAnswer {
    /// The zone whose calendar the rows follow.
    zone: String,
    /// Where it starts.
    from_us: i64,
    /// Where it ends, exclusive.
    to_us: i64,
    /// The currency of cost and revenue; null where no tariff is known.
    #[schema(required)]
    currency: Option<String>,
    /// One a bucket.
    rows: Vec<BalanceRow>,
    /// The whole time in one row.
    total: BalanceRow,
    /// Which series were read, and as what.
    parts: Vec<BalancePart>,
}

/// A series of the balance.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BalancePart {
    /// Such as `home1.pv.power`.
    series: String,
    /// `grid`, `production`, `storage` or `load`.
    role: &'static str,
}

/// The balance of some time. What is not measured counts nothing, and `coverage` says so; null is unknown.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct BalanceRow {
    /// Where it starts.
    from_us: i64,
    /// Where it ends, exclusive.
    to_us: i64,
    /// Taken from the grid.
    #[schema(required)]
    import_wh: Option<f64>,
    /// Given to the grid.
    #[schema(required)]
    export_wh: Option<f64>,
    /// Made on the site.
    #[schema(required)]
    produced_wh: Option<f64>,
    /// Put into storage.
    #[schema(required)]
    charged_wh: Option<f64>,
    /// Taken from storage.
    #[schema(required)]
    discharged_wh: Option<f64>,
    /// Used.
    #[schema(required)]
    consumed_wh: Option<f64>,
    /// What no device explains; null where no load is measured.
    #[schema(required)]
    unexplained_wh: Option<f64>,
    /// Which share of the time is measured, 0 to 1.
    coverage: f64,
    /// Which share of what was made stayed on the site.
    #[schema(required)]
    self_consumption: Option<f64>,
    /// Which share of what was used was not imported.
    #[schema(required)]
    self_sufficiency: Option<f64>,
    /// What the import cost, by the tariff; of what is measured and has a price.
    #[schema(required)]
    cost: Option<f64>,
    /// What the export brought.
    #[schema(required)]
    revenue: Option<f64>,
}

/// The balance of a site, by day, month or any length.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/sites/{site}/balance", operation_id = "balance", tag = "energy", params(Place, BalanceQuery),
    responses(
        (status = 200, body = BalanceAnswer),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn balance(
    State(api): State<Api>,
    Path(place): Path<Place>,
    Query(asked): Query<BalanceQuery>,
) -> Result<Json<BalanceAnswer>, Problem> {
    let now = api.server().clock().now();
    let at = |field, text: &Option<String>| text.as_deref().map(|text| times::instant(field, text, now)).transpose();
    let (from, to) = (at("from", &asked.from)?, at("to", &asked.to)?);
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        return Err(Problem::invalid("to", format!("from is {from} and to is {to}, expected from before to")));
    }
    place.check(api.server())?;
    let model = parts::controlled(api.server(), &place);
    let of_site = model.as_ref().map_or("UTC", |model| &model.model().zone);
    let zone = asked.zone.as_deref().unwrap_or(of_site).to_owned();
    energy::zone_of(&zone).map_err(|e| Problem::from(e).at("zone"))?;
    let every = asked.every.as_deref().unwrap_or("1d");
    let every = Every::parse(every, Some(&zone)).map_err(|e| Problem::from(e).at("every"))?;
    let memcore = api.server().memcore().clone();
    let question = Balanced { place, model, from, to, every, zone };
    Ok(Json(readings::read(&api, move || question.answer(&memcore)).await?))
}

/// Whose balance, in which time.
struct Balanced {
    place: Place,
    model: Option<Arc<CheckedModel>>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    every: Every,
    zone: String,
}

impl Balanced {
    fn answer(&self, memcore: &Memcore) -> Result<BalanceAnswer> {
        let parts = self.parts(memcore)?;
        let (from, to) = self.ends(memcore, &parts)?;
        self.check(from, to)?;
        let prices = match &self.model {
            Some(model) => Prices::read(memcore, model, (from, to))?,
            None => Prices::none(),
        };
        let steps = if prices.vary() { Every::Fixed(PRICE_STEP) } else { self.every.clone() };
        let mut request = BalanceRequest::new().from(from).to(to).every(steps);
        for (series, role) in &parts {
            request = request.part(*role, series);
        }
        if parts.iter().any(|(series, _)| says_nothing(memcore, series)) {
            request = request.max_gap(HOLDS);
        }
        let found = memcore.balance(&request)?;
        let rows = energy::buckets(from, to, &self.every)?;
        self.told(&found, &rows, &prices)
    }

    fn told(&self, found: &SiteBalance, rows: &[Timestamp], prices: &Prices) -> Result<BalanceAnswer> {
        let steps = &found.borders[..found.borders.len().saturating_sub(1)];
        let end = |row: &Timestamp| steps.partition_point(|start| start < row);
        let ends: Vec<usize> = rows.iter().skip(1).map(end).collect();
        let gathered = found.balance.gather(&ends)?;
        let whole = found.balance.gather(&[steps.len()])?;
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let spans = starts.zip(&ends).map(|(start, end)| start..*end);
        let row = |(at, (pair, steps)): (usize, (&[Timestamp], Range<usize>))| {
            BalanceRow::new(&gathered, at, (pair[0], pair[1])).priced(found, steps, prices)
        };
        let all = (rows[0], rows[rows.len() - 1]);
        let currency = self.model.as_ref().filter(|model| model.model().tariff.is_some());
        Ok(BalanceAnswer {
            zone: self.zone.clone(),
            from_us: all.0.as_micros(),
            to_us: all.1.as_micros(),
            currency: currency.map(|model| model.model().currency.to_string()),
            rows: rows.windows(2).zip(spans).enumerate().map(row).collect(),
            total: BalanceRow::new(&whole, 0, all).priced(found, 0..steps.len(), prices),
            parts: found.series.iter().map(BalancePart::of).collect(),
        })
    }

    fn parts(&self, memcore: &Memcore) -> Result<Vec<(SeriesName, Role)>> {
        if let Some(model) = &self.model {
            let known = |part: &parts::FlowPart| memcore.store().channel(&part.power).is_some();
            return Ok(parts::of_model(model)
                .into_iter()
                .filter(known)
                .map(|part| (part.power.clone(), part.role()))
                .collect());
        }
        let Place { operator, site } = &self.place;
        memcore.roles(&format!("{operator}/{site}"))
    }

    /// The range, where it is open up to the first and the last sample.
    fn ends(&self, memcore: &Memcore, parts: &[(SeriesName, Role)]) -> Result<(Timestamp, Timestamp)> {
        let (mut first, mut last) = (None, None);
        if self.from.is_none() || self.to.is_none() {
            for (series, _) in parts {
                for (_, stats) in memcore.series_stats(series)? {
                    first = [first, stats.first].into_iter().flatten().min();
                    last = last.max(stats.last);
                }
            }
        }
        let behind = last.map(|last| last.saturating_add(Span::from_micros(1)));
        match (self.from.or(first), self.to.or(behind)) {
            (Some(from), Some(to)) if from < to => Ok((from, to)),
            _ => Err(Error::not_found("the site has no sample in that time, expected `from` and `to` around some")),
        }
    }

    fn check(&self, from: Timestamp, to: Timestamp) -> Result<()> {
        let length = to.since(from);
        if length > LONGEST {
            return Err(Error::invalid(format!("from is {from} and to is {to}, expected at most {LONGEST} between")));
        }
        if length.as_micros() / self.every.shortest().max(1) > ROWS_MAX {
            let every = &self.every;
            return Err(Error::invalid(format!("every is {every}, expected at most {ROWS_MAX} rows: a longer one")));
        }
        Ok(())
    }
}

/// Whether a channel does not say how long its values hold.
fn says_nothing(memcore: &Memcore, series: &SeriesName) -> bool {
    memcore.store().channel(series).is_some_and(|channel| channel.max_age.or(channel.cadence).is_none())
}

impl BalancePart {
    fn of((series, role): &(SeriesName, Role)) -> Self {
        Self { series: series.to_string(), role: role.name() }
    }
}

impl BalanceRow {
    fn new(of: &Balance, row: usize, (from, to): (Timestamp, Timestamp)) -> Self {
        let number = |column: &[f64]| column.get(row).copied().filter(|value| value.is_finite());
        Self {
            from_us: from.as_micros(),
            to_us: to.as_micros(),
            import_wh: number(&of.import),
            export_wh: number(&of.export),
            produced_wh: number(&of.production),
            charged_wh: number(&of.charged),
            discharged_wh: number(&of.discharged),
            consumed_wh: number(&of.consumption),
            unexplained_wh: number(&of.residual),
            coverage: number(&of.coverage).unwrap_or(0.0),
            self_consumption: number(&of.self_consumption),
            self_sufficiency: number(&of.self_sufficiency),
            cost: None,
            revenue: None,
        }
    }

    /// With what its steps cost.
    fn priced(mut self, found: &SiteBalance, steps: Range<usize>, prices: &Prices) -> Self {
        let amounts = |column: &[f64]| -> Vec<(i64, f64)> {
            steps.clone().map(|step| (found.borders[step].as_micros(), column[step])).collect()
        };
        self.cost = prices.buy.of(amounts(&found.balance.import).into_iter());
        self.revenue = prices.sell.of(amounts(&found.balance.export).into_iter());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Channel, Name, Unit};

    /// A day of an hour's readings each: 1 kW from the grid, 2 kW of sun at noon.
    fn site() -> Memcore {
        let memcore = Memcore::in_memory();
        let times: Vec<Timestamp> = (0..24).map(|hour| Timestamp::from_seconds(hour * 3600)).collect();
        for (device, power) in [("grid", 1000.0), ("pv", -2000.0)] {
            let series: SeriesName = format!("home1.{device}.power").parse().unwrap();
            let hour = Span::from_seconds(3600);
            let channel = Channel::gauge("power", Unit::Watt).unwrap().cadence(hour).build().unwrap();
            memcore.register(&series, &channel).unwrap();
            let values: Vec<Option<f64>> =
                (0..24).map(|hour| Some(if device == "pv" && hour != 12 { 0.0 } else { power })).collect();
            memcore.write(&series, &times, &values, None).unwrap();
        }
        memcore
    }

    fn asked(every: &str) -> Balanced {
        let name = |text| Name::new(text).unwrap();
        let at = |hours: i64| Some(Timestamp::from_seconds(hours * 3600));
        Balanced {
            place: Place { operator: name("local"), site: name("home1") },
            model: None,
            from: at(0),
            to: at(24),
            every: Every::parse(every, Some("UTC")).unwrap(),
            zone: "UTC".to_owned(),
        }
    }

    #[test]
    fn rows_add_up_to_the_whole() {
        let memcore = site();
        let day = asked("1d").answer(&memcore).unwrap();
        assert_eq!(day.rows.len(), 1);
        assert_eq!(
            (day.total.import_wh, day.total.produced_wh, day.total.consumed_wh),
            (Some(24e3), Some(2e3), Some(26e3))
        );
        assert_eq!(day.rows[0].import_wh, day.total.import_wh);
        let hours = asked("1h").answer(&memcore).unwrap();
        assert_eq!((hours.rows.len(), hours.rows[12].produced_wh, hours.rows[13].produced_wh), (24, Some(2e3), Some(0.0)));
        assert_eq!(hours.currency, None);
    }

    #[test]
    fn money_follows_the_price_of_the_hour() {
        let memcore = site();
        let found = memcore.balance(
            &BalanceRequest::new()
                .part(Role::Grid, "home1.grid.power".parse::<crate::model::Selection>().unwrap())
                .from(Timestamp::from_seconds(0))
                .to(Timestamp::from_seconds(4 * 3600))
                .every(Every::Fixed(PRICE_STEP)),
        );
        let prices = Prices { buy: Price::Series(vec![(0, 0.1), (7_200_000_000, 0.3)]), sell: Price::Same(0.05) };
        let rows = [0, 2, 4].map(|hours| Timestamp::from_seconds(hours * 3600));
        let answer = asked("1h").told(&found.unwrap(), &rows, &prices).unwrap();
        let cost = |row: &BalanceRow| (row.cost.unwrap() * 1e6).round() / 1e6;
        assert_eq!(answer.rows.iter().map(cost).collect::<Vec<_>>(), [0.2, 0.6]);
        assert_eq!((cost(&answer.total), answer.total.revenue), (0.8, Some(0.0)));
    }

    #[test]
    fn more_rows_than_anybody_reads_are_refused() {
        let e = asked("1m").check(Timestamp::from_seconds(0), Timestamp::from_seconds(86_400 * 30)).unwrap_err();
        assert!(e.message().contains("at most"), "{e}");
    }
}
