//! What stands for a profile, and the numbers that it stands for.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::samples::Samples;
use super::{SiteRequest, reading, tree};
use crate::error::{Error, Result};
use crate::model::{LabelPosition, SeriesName, Span, Timestamp, Unit};
use crate::optimize::{ClearSky, Forecast, Horizon, Method};
use crate::runtime::{Memcore, StoreOptions};

/// How old the last value of a history may be when the plan begins, unless told.
const MAX_AGE: Span = Span::from_seconds(86_400);
/// So much history a forecast is made from.
const HISTORY_DAYS: i64 = 7 * 5;

/// A table in place of a profile.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfileSource {
    /// A file, named from the site's folder: CSV, Parquet, Arrow and the others that an import reads.
    pub(super) file: Option<PathBuf>,
    /// The column of the file.
    pub(super) column: Option<String>,
    /// The column of times, where it is not found by itself.
    pub(super) time: Option<String>,
    /// The unit of the column; that of the field unless told.
    pub(super) unit: Option<Unit>,
    /// The zone of times without one, and of days and weekdays of a forecast.
    pub(super) zone: Option<String>,
    /// What times of the column name: the `start` of their interval, or its `end`.
    pub(super) label: Option<LabelPosition>,
    /// For a CSV file without times: when its first row begins...
    #[serde(default, deserialize_with = "time")]
    pub(super) start: Option<Timestamp>,
    /// ... and how long each row is.
    #[serde(default, deserialize_with = "span")]
    pub(super) step: Option<Span>,
    /// A series of a history: `home1.load.power`.
    series: Option<String>,
    /// The folder of the history, named from the site's folder.
    store: Option<PathBuf>,
    /// `none`, `persistence`, `yesterday`, `weekday:4`, `weekday-median:4`, `clear_sky`.
    forecast: Option<String>,
    /// How old the last value may be when the plan begins; a day unless told.
    #[serde(default, deserialize_with = "span")]
    max_age: Option<Span>,
    /// How long a value holds where no other follows; three times the usual distance of values unless told.
    #[serde(default, deserialize_with = "span")]
    pub(super) max_gap: Option<Span>,
    /// What each number is multiplied with; 1 unless told.
    scale: Option<f64>,
    lat: Option<f64>,
    lon: Option<f64>,
    tilt: Option<f64>,
    azimuth: Option<f64>,
    kwp: Option<f64>,
    losses: Option<f64>,
}

fn span<'de, D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Option<Span>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| text.parse()).transpose().map_err(serde::de::Error::custom)
}

fn time<'de, D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| text.parse()).transpose().map_err(serde::de::Error::custom)
}

/// Reads what stands for profiles.
pub(super) struct Sources<'a> {
    horizon: Horizon,
    request: &'a SiteRequest,
    pub(super) notices: Vec<String>,
    #[cfg(feature = "rest")]
    within: Option<&'a super::Within>,
    #[cfg(feature = "rest")]
    seen: usize,
}

impl<'a> Sources<'a> {
    pub(super) fn new(horizon: Horizon, request: &'a SiteRequest) -> Self {
        Self {
            horizon,
            request,
            notices: Vec::new(),
            #[cfg(feature = "rest")]
            within: None,
            #[cfg(feature = "rest")]
            seen: 0,
        }
    }

    /// For a text of somebody else.
    #[cfg(feature = "rest")]
    pub(super) fn within(self, within: &'a super::Within) -> Self {
        Self { within: Some(within), ..self }
    }

    /// Whether it may be read: of nobody's files and stores, and of one site.
    #[cfg(feature = "rest")]
    fn check_reach(&mut self, source: &ProfileSource) -> Result<()> {
        let Some(within) = self.within else { return Ok(()) };
        self.seen += 1;
        if self.seen > within.sources {
            return Err(Error::invalid(format!("more than {} profiles are to be read, expected numbers", within.sources)));
        }
        if source.file.is_some() || source.store.is_some() {
            let message = "files and other stores are not read here, expected numbers, a series of this site or clear_sky";
            return Err(Error::invalid(message));
        }
        let Some(series) = &source.series else { return Ok(()) };
        let device = series.parse::<SeriesName>()?.device;
        if device.operator == within.operator && device.site == within.site {
            return Ok(());
        }
        Err(Error::invalid(format!("series is {series}, expected one of {}/{}", within.operator, within.site)))
    }

    /// Puts numbers in place of every table that stands for a profile.
    pub(super) fn fill(&mut self, value: &mut Value, path: &mut Vec<String>) -> Result<()> {
        let stands_for_one = |object: &serde_json::Map<String, Value>| {
            ["file", "series", "forecast"].iter().any(|key| object.contains_key(*key))
        };
        match value {
            Value::Object(object) if stands_for_one(object) => {
                let place = tree::shown(path);
                let source: ProfileSource = tree::at_path(&place, value.take())?;
                #[cfg(feature = "rest")]
                self.check_reach(&source).map_err(|e| e.context(&place))?;
                let field = path.last().cloned().unwrap_or_default();
                let numbers = self.numbers(&source, &field, &place).map_err(|e| e.context(place))?;
                *value = numbers.into();
            }
            Value::Object(object) => {
                for (key, value) in object {
                    path.push(key.clone());
                    self.fill(value, path)?;
                    path.pop();
                }
            }
            Value::Array(values) => {
                for (place, value) in values.iter_mut().enumerate() {
                    path.push(format!("[{place}]"));
                    self.fill(value, path)?;
                    path.pop();
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn numbers(&mut self, source: &ProfileSource, field: &str, place: &str) -> Result<Vec<f64>> {
        let mut numbers = match (&source.file, &source.series, source.forecast.as_deref()) {
            (Some(file), None, None | Some("none")) => {
                let samples = reading::file(&self.folder().join(file), source)?;
                self.over_horizon(&samples, place)?
            }
            (None, Some(series), forecast) => self.of_series(source, series, forecast, field, place)?,
            (None, None, Some("clear_sky")) => self.clear_sky(source)?,
            _ => {
                return Err(Error::invalid(
                    "expected { file, column }, { series } or { forecast = \"clear_sky\", lat, lon, tilt, azimuth, kwp }, one of them",
                ));
            }
        };
        if let Some(scale) = source.scale {
            numbers.iter_mut().for_each(|number| *number *= scale);
        }
        Ok(numbers)
    }

    fn folder(&self) -> &Path {
        self.request.folder.as_deref().unwrap_or(Path::new(""))
    }

    fn over_horizon(&mut self, samples: &Samples, place: &str) -> Result<Vec<f64>> {
        let (means, bridged) = samples.means(&self.horizon)?;
        if bridged > 0 {
            self.notices
                .push(format!("{place}: in {bridged} steps a part was not measured, and the rest stands for all of it"));
        }
        Ok(means)
    }

    fn of_series(
        &mut self,
        source: &ProfileSource,
        series: &str,
        forecast: Option<&str>,
        field: &str,
        place: &str,
    ) -> Result<Vec<f64>> {
        let name: SeriesName = series.parse()?;
        let opened = match &source.store {
            Some(store) => Some(Memcore::open_read_only(&self.folder().join(store), StoreOptions::default())?),
            None => self.request.history.clone(),
        };
        let memcore =
            opened.ok_or_else(|| Error::invalid(format!("series {series} without a store, expected store = \"site\"")))?;
        // What a source gives is negative in a history: power flows out of it.
        let sign = if field == "available_w" { -1.0 } else { 1.0 };
        let method = match forecast.filter(|_| !self.request.truth) {
            None | Some("none") => None,
            Some(text) => Some(text.parse::<Method>()?),
        };
        let Some(method) = method else {
            let (from, to) = (self.horizon.start(), self.horizon.end());
            let samples = reading::series(&memcore, &name, (from, to), source)?.scaled(sign);
            return self.over_horizon(&samples, place);
        };
        let past = self.past()?;
        let samples = reading::series(&memcore, &name, (past.start(), past.end()), source)?.scaled(sign);
        self.check_age(&samples, source, series)?;
        let came = samples.means_or_nan(&past);
        let zone = source.zone.as_deref().unwrap_or("UTC");
        let made = Forecast::from_past(method, zone, &past, &came, &self.horizon, &[])?;
        self.notices.push(format!("{place}: forecast by {method} from {series} until {}", past.end()));
        Ok(made.values)
    }

    /// The steps before the horizon that forecasts are made from, as long as its first.
    fn past(&self) -> Result<Horizon> {
        let start = self.horizon.start();
        let step = self.horizon.borders()[1].since(start).as_micros();
        let steps = (HISTORY_DAYS * 86_400_000_000) / step;
        let first = Timestamp::from_micros(start.as_micros() - steps * step);
        Horizon::even(first, Span::from_micros(step), usize::try_from(steps).unwrap_or(1).max(1))
    }

    /// A history that ends too long before the plan begins says nothing of it.
    fn check_age(&self, samples: &Samples, source: &ProfileSource, series: &str) -> Result<()> {
        let start = self.horizon.start();
        let most = source.max_age.unwrap_or(MAX_AGE);
        let hours = |span: Span| format!("{:.1} h", span.as_seconds() / 3_600.0);
        match samples.end() {
            Some(last) if start.since(last) <= most => Ok(()),
            Some(last) => Err(Error::invalid(format!(
                "series {series} ends at {last}, {} before the plan begins at {start}: expected at most {} (max_age)",
                hours(start.since(last)),
                hours(most)
            ))),
            None => Err(Error::not_found(format!("series {series} has no value in the five weeks before {start}"))),
        }
    }

    fn clear_sky(&self, source: &ProfileSource) -> Result<Vec<f64>> {
        let told = |name: &str, value: Option<f64>| {
            value.ok_or_else(|| Error::invalid(format!("clear_sky needs {name}, expected lat, lon, tilt, azimuth and kwp")))
        };
        let (latitude, longitude) = (told("lat", source.lat)?, told("lon", source.lon)?);
        let (tilt, azimuth, kwp) = (told("tilt", source.tilt)?, told("azimuth", source.azimuth)?, told("kwp", source.kwp)?);
        let mut sky = ClearSky::new(latitude, longitude, tilt, azimuth, kwp * 1000.0);
        sky.losses = source.losses.unwrap_or(sky.losses);
        sky.power_w(&self.horizon)
    }
}
