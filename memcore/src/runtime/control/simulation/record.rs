//! What a simulation keeps: rows of powers and states, energy and money, what was switched, what was broken, and every change of mind.

use serde::Serialize;

use super::site::LiveSite;
use crate::control::{AssetDecision, CheckedModel, Decision, Fault, Role};
use crate::model::{CommandState, Span, Timestamp};

/// Violations that are kept one by one. Full-policy: more are only counted.
const VIOLATIONS_MAX: usize = 1_000;

/// Changes of decisions that are kept. Full-policy: the oldest half goes, and is counted.
const TOLD_MAX: usize = 400_000;

/// Below this power a device is taken to rest, in W.
const REST_W: f64 = 1.0;

/// Columns of the table: one value a row.
#[derive(Debug, Clone, Default)]
pub(super) struct AssetColumns {
    pub(super) power_w: Vec<f64>,
    /// None where it is not controlled.
    pub(super) decided_w: Option<Vec<f64>>,
    pub(super) soc: Option<Vec<Option<f64>>>,
    pub(super) temperature: Option<Vec<f64>>,
}

/// A limit that was broken.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Violation {
    /// Which, in the words of the site.
    pub what: String,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
    /// The worst value in that time, in the unit of the limit.
    pub worst: f64,
    /// The limit.
    pub limit: f64,
}

/// Energy and money so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Sums {
    pub(super) import_wh: f64,
    pub(super) export_wh: f64,
    pub(super) produced_wh: f64,
    pub(super) consumed_wh: f64,
    pub(super) bought: f64,
    pub(super) sold: f64,
    pub(super) fuel: f64,
    pub(super) wear: f64,
    pub(super) peak_w: f64,
    pub(super) dark_s: f64,
    /// The interval of the demand charge that runs, and the energy in it.
    interval: (i64, f64),
}

/// What one asset did.
#[derive(Debug, Clone, Default)]
pub(super) struct AssetSums {
    pub(super) taken_wh: f64,
    pub(super) given_wh: f64,
    pub(super) switchings: u64,
    pub(super) turns: u64,
    on: Option<bool>,
    direction: f64,
    pub(super) low_soc: f64,
    pub(super) high_soc: f64,
}

/// A decision that differs from the one before.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) at: Timestamp,
    pub(super) place: usize,
    pub(super) decision: AssetDecision,
    /// What was not as it should be.
    pub(super) faults: Vec<Fault>,
    /// What the device last said to an order.
    pub(super) answer: Option<CommandState>,
}

/// A limit that is broken since some time.
#[derive(Debug, Clone, Copy)]
struct Broken {
    since: Timestamp,
    worst: f64,
    last: Timestamp,
}

/// What a simulation keeps.
pub(super) struct Record {
    row_steps: usize,
    in_row: usize,
    pub(super) times: Vec<Timestamp>,
    pub(super) assets: Vec<AssetColumns>,
    pub(super) grid_w: Vec<f64>,
    pub(super) buy: Vec<f64>,
    pub(super) sell: Vec<f64>,
    sums: Vec<f64>,
    grid_sum: f64,
    pub(super) total: Sums,
    pub(super) of_assets: Vec<AssetSums>,
    broken: Vec<Option<Broken>>,
    pub(super) violations: Vec<Violation>,
    pub(super) violations_more: u64,
    pub(super) told: Vec<Told>,
    pub(super) told_forgotten: u64,
    last: Vec<Option<AssetDecision>>,
    answers: Vec<Option<CommandState>>,
    /// Whether the last that was told of an asset waits for what the device says.
    unanswered: Vec<bool>,
    interval: Span,
    grace: Span,
}

impl Record {
    pub(super) fn new(model: &CheckedModel, step: Span, row: Span, limits: usize) -> Self {
        let columns = model.assets().iter().map(|asset| AssetColumns {
            power_w: Vec::new(),
            decided_w: asset.setpoint.is_some().then(Vec::new),
            soc: matches!(asset.role, Role::Battery | Role::Charger).then(Vec::new),
            temperature: (asset.role == Role::HeatPump).then(Vec::new),
        });
        let assets = model.assets().len();
        let of_asset = AssetSums { low_soc: f64::INFINITY, high_soc: f64::NEG_INFINITY, ..AssetSums::default() };
        let tariff = model.model().tariff.as_ref();
        let interval = tariff.and_then(|tariff| tariff.demand_interval).unwrap_or(Span::from_seconds(900));
        Self {
            row_steps: usize::try_from(row.as_micros() / step.as_micros()).unwrap_or(1).max(1),
            in_row: 0,
            times: Vec::new(),
            assets: columns.collect(),
            grid_w: Vec::new(),
            buy: Vec::new(),
            sell: Vec::new(),
            sums: vec![0.0; assets],
            grid_sum: 0.0,
            total: Sums::default(),
            of_assets: vec![of_asset; assets],
            broken: vec![None; limits],
            violations: Vec::new(),
            violations_more: 0,
            told: Vec::new(),
            told_forgotten: 0,
            last: vec![None; assets],
            answers: vec![None; assets],
            unanswered: vec![false; assets],
            interval,
            // Control answers a step later, and a fuse bears a little more for minutes.
            grace: Span::from_micros((2 * step.as_micros()).max(10_000_000)),
        }
    }

    /// A step has passed.
    pub(super) fn step(&mut self, model: &CheckedModel, site: &LiveSite, decided: &[f64], prices: (f64, f64), step: Span) {
        let hours = step.as_seconds() / 3600.0;
        let (now, grid_w) = (site.world.now(), site.grid_w());
        self.money(model, site, grid_w, prices, hours);
        for (place, asset) in site.assets.iter().enumerate() {
            let sums = &mut self.of_assets[place];
            sums.taken_wh += asset.power_w.max(0.0) * hours;
            sums.given_wh += (-asset.power_w).max(0.0) * hours;
            self.sums[place] += asset.power_w;
            if let Some(soc) = asset.soc() {
                sums.low_soc = sums.low_soc.min(soc);
                sums.high_soc = sums.high_soc.max(soc);
            }
            if model.assets()[place].setpoint.is_some() {
                sums.switched(decided.get(place).copied().unwrap_or(f64::NAN));
            }
        }
        self.grid_sum += grid_w;
        self.in_row += 1;
        if self.in_row == self.row_steps {
            self.row(site, decided, prices, now, step);
        }
    }

    fn money(&mut self, model: &CheckedModel, site: &LiveSite, grid_w: f64, (buy, sell): (f64, f64), hours: f64) {
        let (consumed_w, produced_w) = site.consumed_and_produced(model);
        let total = &mut self.total;
        let (bought, sold) = (grid_w.max(0.0) * hours, (-grid_w).max(0.0) * hours);
        total.import_wh += bought;
        total.export_wh += sold;
        total.consumed_wh += consumed_w * hours;
        total.produced_wh += produced_w * hours;
        total.bought += bought / 1e3 * buy;
        total.sold += sold / 1e3 * sell;
        if site.world.island().is_some_and(crate::sim::Island::is_dark) {
            total.dark_s += hours * 3600.0;
        }
        for (asset, described) in site.assets.iter().zip(model.assets()) {
            let given_kwh = (-asset.power_w).max(0.0) * hours / 1e3;
            if let Some(storage) = &described.storage {
                total.wear += given_kwh * storage.wear_per_kwh;
            }
            if let Some(fuel) = &described.described.fuel
                && asset.power_w < -REST_W
            {
                total.fuel += given_kwh * fuel.marginal_per_kwh + hours * fuel.no_load_per_h;
            }
        }
        let length = self.interval.as_micros().max(1);
        let interval = (site.world.now().as_micros() - 1).div_euclid(length);
        if interval != total.interval.0 {
            total.interval = (interval, 0.0);
        }
        total.interval.1 += grid_w * hours;
        let mean = total.interval.1 / (self.interval.as_seconds() / 3600.0);
        total.peak_w = total.peak_w.max(mean);
    }

    fn row(&mut self, site: &LiveSite, decided: &[f64], (buy, sell): (f64, f64), now: Timestamp, step: Span) {
        let steps = self.in_row as f64;
        self.times.push(now.saturating_add(Span::from_micros(-step.as_micros() * self.in_row as i64)));
        for (place, columns) in self.assets.iter_mut().enumerate() {
            columns.power_w.push(self.sums[place] / steps);
            self.sums[place] = 0.0;
            if let Some(column) = &mut columns.decided_w {
                column.push(decided.get(place).copied().unwrap_or(f64::NAN));
            }
            if let Some(column) = &mut columns.soc {
                column.push(site.assets[place].soc());
            }
            if let Some(column) = &mut columns.temperature {
                column.push(site.assets[place].temperature().unwrap_or(f64::NAN));
            }
        }
        self.grid_w.push(self.grid_sum / steps);
        self.buy.push(buy);
        self.sell.push(sell);
        (self.grid_sum, self.in_row) = (0.0, 0);
    }

    /// Keeps what was decided otherwise than before: beyond a small change of power, whose wish, and what limits.
    pub(super) fn decided(&mut self, decision: &Decision, now: Timestamp) {
        for (place, decided) in decision.assets.iter().enumerate() {
            let Some(decided) = decided else { continue };
            if self.last[place].as_ref().is_some_and(|last| same(last, decided)) {
                continue;
            }
            if self.told.len() == TOLD_MAX {
                self.told.drain(..TOLD_MAX / 2);
                self.told_forgotten += TOLD_MAX as u64 / 2;
            }
            // What became of an earlier order says nothing of the one that follows now.
            let is_ordered = decision.orders.iter().any(|order| order.asset == place);
            let answer = if is_ordered { None } else { self.answers[place].clone() };
            self.unanswered[place] = is_ordered;
            let faults = decision.faults.clone();
            self.told.push(Told { at: now, place, decision: decided.clone(), faults, answer });
            self.last[place] = Some(decided.clone());
        }
    }

    /// What a device said to an order.
    pub(super) fn answered(&mut self, place: usize, answer: CommandState) {
        if std::mem::take(&mut self.unanswered[place])
            && let Some(told) = self.told.iter_mut().rfind(|told| told.place == place)
        {
            told.answer = Some(answer.clone());
        }
        self.answers[place] = Some(answer);
    }

    /// Whether a limit holds at this step; what breaks it for longer than control needs to answer is a violation.
    pub(super) fn check(
        &mut self,
        limit: usize,
        now: Timestamp,
        broken: Option<f64>,
        what: impl FnOnce() -> (String, f64),
    ) {
        match (broken, &mut self.broken[limit]) {
            (Some(value), Some(known)) => {
                known.worst = if value.abs() > known.worst.abs() { value } else { known.worst };
                known.last = now;
            }
            (Some(value), none) => *none = Some(Broken { since: now, worst: value, last: now }),
            (None, Some(_)) => self.mend(limit, what),
            (None, None) => {}
        }
    }

    /// The limit holds again.
    pub(super) fn mend(&mut self, limit: usize, what: impl FnOnce() -> (String, f64)) {
        let Some(known) = self.broken[limit].take() else { return };
        if known.last.since(known.since) < self.grace {
            return;
        }
        if self.violations.len() >= VIOLATIONS_MAX {
            self.violations_more += 1;
            return;
        }
        let (what, limit) = what();
        self.violations.push(Violation { what, from: known.since, to: known.last, worst: known.worst, limit });
    }

    /// Violations so far, those that last included.
    pub(super) fn violated(&self) -> u64 {
        let lasting = self.broken.iter().flatten().filter(|known| known.last.since(known.since) >= self.grace);
        self.violations.len() as u64 + self.violations_more + lasting.count() as u64
    }

    /// The last decision of an asset at that time or before it.
    pub(super) fn told_of(&self, place: usize, at: Timestamp) -> Option<&Told> {
        let until = self.told.partition_point(|told| told.at <= at);
        self.told[..until].iter().rev().find(|told| told.place == place)
    }

    /// Whose wish the asset follows.
    pub(super) fn by(&self, place: usize) -> &str {
        let wish = self.last[place].as_ref().and_then(|last| last.wish.as_ref());
        wish.map_or("default", |wish| wish.actor.as_str())
    }
}

impl AssetSums {
    fn switched(&mut self, decided_w: f64) {
        if decided_w.is_nan() {
            return;
        }
        let on = decided_w.abs() > REST_W;
        self.switchings += u64::from(self.on.is_some_and(|before| before != on));
        self.on = Some(on);
        if on {
            self.turns += u64::from(self.direction * decided_w < 0.0);
            self.direction = decided_w.signum();
        }
    }
}

/// The least change of a power that is worth telling, in W.
const TOLD_W: f64 = 50.0;

fn same(one: &AssetDecision, other: &AssetDecision) -> bool {
    (one.power_w - other.power_w).abs() < TOLD_W
        && (one.power_w == 0.0) == (other.power_w == 0.0)
        && one.wish.as_ref().map(|wish| &wish.actor) == other.wish.as_ref().map(|wish| &wish.actor)
        && one.limits.iter().map(|limited| limited.cause).eq(other.limits.iter().map(|limited| limited.cause))
}
