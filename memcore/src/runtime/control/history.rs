//! What the log's thread does beside: decisions become series of the store, and prices are looked up.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::log::{ControlEvent, Decided};
use super::steer::Control;
use crate::control::{CheckedModel, Tariff};
use crate::error::Result;
use crate::model::{Batch, Channel, ChannelName, DeviceName, Name, SeriesName, Span, Timestamp, Unit};
use crate::router::{Message, Subject};
use crate::runtime::core::Core;
use crate::runtime::payload;

/// The device under which decisions stand: `SITE.control.ASSET.power`.
pub(super) const DEVICE: &str = "control";

/// How often prices are looked up, and for how long one is believed.
const PRICES_EVERY: Duration = Duration::from_secs(30);
const PRICE_HOLDS: Span = Span::from_seconds(86_400);

/// The series of what was decided: `SITE.control.ASSET.power`, and the bounds that held, `.low` and `.high`.
#[derive(Debug)]
pub(super) struct DecidedSeries {
    device: DeviceName,
    channels: BTreeMap<Name, Arc<[ChannelName]>>,
}

impl DecidedSeries {
    pub(super) fn register(core: &Core, model: &CheckedModel) -> Result<Self> {
        let site = model.model();
        let device = DeviceName::new(site.operator.as_str(), site.site.as_str(), DEVICE)?;
        let (mut channels, mut described) = (BTreeMap::new(), Vec::new());
        for asset in model.assets().iter().filter(|asset| asset.setpoint.is_some()) {
            for part in ["power", "low", "high"] {
                described.push(Channel::gauge(&format!("{}.{part}", asset.name), Unit::Watt)?.build()?);
            }
            let named = described[described.len() - 3..].iter().map(|channel| channel.name.clone());
            channels.insert(asset.name.clone(), named.collect());
        }
        core.memcore.store().register(&device, &described)?;
        Ok(Self { device, channels })
    }

    /// Puts decisions on the bus, where viewers see them and the recorder stores them. Full-policy: dropped, for the log has them.
    fn publish(&self, core: &Core, decided: &[&Decided]) -> Result<()> {
        let mut rows: BTreeMap<&Name, Rows> = BTreeMap::new();
        for decided in decided {
            let (times, columns) = rows.entry(&decided.asset).or_default();
            times.push(decided.time);
            for (column, value) in columns.iter_mut().zip([Some(decided.power_w), decided.low_w, decided.high_w]) {
                column.push(value);
            }
        }
        for (asset, (times, columns)) in rows {
            let Some(channels) = self.channels.get(asset) else { continue };
            let batch = Batch::new(self.device.clone(), channels.clone(), times, columns.concat())?;
            let _ = core.bus.try_publish(Message::new(Subject::data(&self.device), payload::encode(&batch)))?;
        }
        Ok(())
    }
}

/// Times, and the columns of power and bounds.
type Rows = (Vec<Timestamp>, [Vec<Option<f64>>; 3]);

/// What there is to do beside the log.
pub(super) struct Chores {
    control: Weak<Control>,
    series: DecidedSeries,
    prices: Option<Prices>,
    looked: Option<Instant>,
}

impl Chores {
    pub(super) fn new(control: &Arc<Control>, series: DecidedSeries) -> Self {
        // A planner looks at prices by itself.
        let prices = Prices::of(&control.model).filter(|_| control.model.model().planning.is_none());
        Self { prices, control: Arc::downgrade(control), series, looked: None }
    }

    /// Those events were written.
    pub(super) fn go_on(&mut self, events: &[ControlEvent]) {
        let Some(control) = self.control.upgrade() else { return };
        let Some(core) = control.core.upgrade() else { return };
        let decided = events.iter().filter_map(|event| match event {
            ControlEvent::Decided(decided) => Some(&**decided),
            _ => None,
        });
        if let Err(error) = self.series.publish(&core, &decided.collect::<Vec<_>>()) {
            tracing::debug!(%error, "decisions are not in the store");
        }
        if self.looked.is_none_or(|looked| looked.elapsed() >= PRICES_EVERY)
            && let Some(prices) = &self.prices
        {
            self.looked = Some(Instant::now());
            let (buy, sell) = prices.at(&core, control.moment().wall);
            // Where a decision hangs, prices come too late anyway.
            control.heart_soon().into_iter().for_each(|mut heart| heart.controller.set_prices(buy, sell));
        }
    }
}

/// Where prices come from.
struct Prices {
    tariff: Tariff,
    buy: Option<SeriesName>,
    sell: Option<SeriesName>,
}

impl Prices {
    fn of(model: &CheckedModel) -> Option<Self> {
        let site = model.model();
        let tariff = site.tariff.clone()?;
        let series = |written: &Option<String>| {
            let (device, channel) = written.as_deref()?.split_once(':')?;
            let device = DeviceName::new(site.operator.as_str(), site.site.as_str(), device).ok()?;
            Some(device.channel(channel.parse().ok()?))
        };
        let (buy, sell) = (series(&tariff.buy_series), series(&tariff.sell_series));
        Some(Self { tariff, buy, sell })
    }

    fn at(&self, core: &Core, now: Timestamp) -> (Option<f64>, Option<f64>) {
        let of = |series: &Option<SeriesName>| {
            let found = core.memcore.at(series.as_ref()?, now).ok()?;
            let (_, sample) = found.first()?;
            (now.since(sample.time) <= PRICE_HOLDS).then_some(sample.value)
        };
        (of(&self.buy).or(self.tariff.buy_per_kwh), of(&self.sell).or(self.tariff.sell_per_kwh))
    }
}
