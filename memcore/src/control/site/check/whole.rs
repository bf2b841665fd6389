//! What the site says as a whole: names, times, groups, limits from outside, prices, islands, planning.

use std::collections::HashMap;

use super::report::{Allowed, Part, Report};
use crate::control::StrategyConfig;
use crate::control::site::{Asset, ExternalLimit, Group, Island, Planning, Role, ShareBy, SiteModel, Tariff};
use crate::energy::zone_of;
use crate::model::{Currency, Name, Span};
use crate::optimize::MAX_STEPS;

/// A site of more parts than this is several.
const PARTS_MAX: usize = 1_000;
/// Below this many W a limit is none: the number is in kW.
const IN_KW_W: f64 = 25.0;
const DAY: Span = Span::from_seconds(86_400);

/// Whether there are few enough parts to look at each.
pub(super) fn sizes(report: &mut Report, model: &SiteModel) -> bool {
    let counts = [
        ("asset", model.assets.len()),
        ("circuit", model.circuits.len()),
        ("group", model.groups.len()),
        ("external", model.externals.len()),
        ("strategy", model.strategies.len()),
    ];
    for (what, count) in counts.into_iter().filter(|(_, count)| *count > PARTS_MAX) {
        report
            .of("site", model.site.as_str())
            .fault(what, format_args!("is there {count} times, expected at most {PARTS_MAX}"));
    }
    if model.assets.is_empty() {
        report.of("site", model.site.as_str()).fault("asset", "is not given, expected at least one");
    }
    report.is_good()
}

/// Everything that is wished for or told of by name has a name of its own.
pub(super) fn names(report: &mut Report, model: &SiteModel) {
    let mut seen: HashMap<&str, &str> = HashMap::new();
    let assets = model.assets.iter().map(|asset| ("asset", &asset.name));
    let circuits = model.circuits.iter().map(|circuit| ("circuit", &circuit.name));
    let groups = model.groups.iter().map(|group| ("group", &group.name));
    let externals = model.externals.iter().map(|external| ("external", &external.name));
    for (kind, name) in assets.chain(circuits).chain(groups).chain(externals) {
        if let Some(other) = seen.insert(name.as_str(), kind) {
            let what = if other == kind { format!("another {other}") } else { format!("{} {other}", article(other)) };
            report.of(kind, name.as_str()).fault("name", format_args!("is {name}, as {what} is called already"));
        }
    }
}

/// Strategies are told apart by their names; no two of one kind without one.
pub(super) fn strategies(report: &mut Report, model: &SiteModel) {
    let names: Vec<_> = model.strategies.iter().map(StrategyConfig::name).collect();
    for (at, name) in names.iter().enumerate().filter(|(at, name)| names[..*at].contains(name)) {
        let hint = if model.strategies[at].name.is_none() { ": give it a name of its own" } else { "" };
        let why = format_args!("is {name}, as another strategy is called already{hint}");
        report.of("strategy", name.as_str()).fault("name", why);
    }
}

fn article(kind: &str) -> &'static str {
    if kind.starts_with(['a', 'e']) { "an" } else { "a" }
}

/// Zone, tick and lease.
pub(super) fn clocks(report: &mut Report, model: &SiteModel) {
    let part = &mut report.of("site", model.site.as_str());
    if let Err(e) = zone_of(&model.zone) {
        let why = e.message().strip_prefix("zone ").unwrap_or(e.message());
        part.fault("zone", why);
    }
    let tick_good = part.span("tick", model.tick, Span::from_millis(50), Span::from_seconds(60));
    let lease_good = part.span("lease", model.lease, Span::from_millis(150), DAY);
    if !(tick_good && lease_good) {
        return;
    }
    let three = Span::from_micros(3 * model.tick.as_micros());
    if model.lease < three {
        let (lease, tick) = (model.lease, model.tick);
        part.fault(
            "lease",
            format_args!("is {lease}, expected at least {three}: three ticks of {tick}, so that it is renewed"),
        );
    }
    for asset in model.assets.iter().filter(|asset| asset.setpoint.is_some() && asset.period > model.lease) {
        let (lease, period, name) = (model.lease, asset.period, &asset.name);
        part.fault("lease", format_args!("is {lease}, expected at least {period}: asset {name} reports that seldom"));
    }
}

/// The places of assets that are named; whoever is not there or is there twice is a fault.
fn members<'m>(part: &mut Part<'_>, model: &'m SiteModel, names: &[Name]) -> Vec<&'m Asset> {
    let mut found: Vec<&Asset> = Vec::with_capacity(names.len());
    for (at, name) in names.iter().enumerate() {
        match model.assets.iter().find(|asset| asset.name == *name) {
            _ if names[..at].contains(name) => {
                part.fault("members", format_args!("holds {name} twice, expected each once"));
            }
            None => part.fault("members", format_args!("holds {name}, expected the name of an asset")),
            Some(asset) if asset.role.is_meter() => {
                part.fault(
                    "members",
                    format_args!("holds {name} of role {}, expected what draws or gives power", asset.role),
                );
            }
            Some(asset) => found.push(asset),
        }
    }
    found
}

pub(super) fn group(report: &mut Report, model: &SiteModel, group: &Group) {
    let part = &mut report.of("group", group.name.as_str());
    if group.members.is_empty() {
        part.fault("members", "is empty, expected the names of assets");
        return;
    }
    let found = members(part, model, &group.members);
    if found.len() == group.members.len() && found.iter().all(|asset| asset.setpoint.is_none()) {
        part.fault("members", "holds no asset with a setpoint, expected at least one that is controlled");
    }
    let without = found.iter().find(|asset| asset.soc.is_none());
    if let Some(without) = without.filter(|_| group.share_by == ShareBy::Soc) {
        let name = &without.name;
        part.fault(
            "share_by",
            format_args!("is soc, though {name} has no channel `soc`: expected headroom, efficiency or order"),
        );
    }
}

pub(super) fn external(report: &mut Report, model: &SiteModel, external: &ExternalLimit) {
    let part = &mut report.of("external", external.name.as_str());
    let limits = [("limit_w", external.limit_w), ("failsafe_w", Some(external.failsafe_w))];
    for (field, limit) in limits {
        let Some(limit) = limit.filter(|_| part.optional(field, limit, Allowed::ZeroOrAbove)) else { continue };
        if limit > 0.0 && limit < IN_KW_W {
            part.fault(field, format_args!("is {limit} W: did you mean {} W?", 1_000.0 * limit));
        }
    }
    if let Some(limit) = external.limit_w.filter(|limit| external.failsafe_w > *limit) {
        let failsafe = external.failsafe_w;
        part.notice(
            "failsafe_w",
            format_args!("is {failsafe} W, above limit_w of {limit} W: silence allows more than the limit"),
        );
    }
    part.span("silent_after", external.silent_after, Span::from_seconds(1), DAY);
    part.span("min_duration", external.min_duration, Span::default(), DAY);
    if external.members.is_empty() {
        if model.assets.iter().all(|asset| asset.role != Role::GridMeter) {
            part.fault("members", "is not given, which means the grid connection, but no asset is of role grid_meter");
        }
        return;
    }
    let found = members(part, model, &external.members);
    if found.iter().all(|asset| asset.setpoint.is_none()) && found.len() == external.members.len() {
        part.notice("members", "holds no asset with a setpoint: nothing can keep the limit");
    }
}

/// Currencies of which a kWh costs tenths, not tens.
const LARGE_CURRENCIES: [Currency; 4] = [Currency::EUR, Currency::USD, Currency::GBP, Currency::CHF];

pub(super) fn tariff(report: &mut Report, model: &SiteModel, tariff: &Tariff) {
    let part = &mut report.of("tariff", "");
    let prices = [
        ("buy_per_kwh", tariff.buy_per_kwh, "buy_series", &tariff.buy_series),
        ("sell_per_kwh", tariff.sell_per_kwh, "sell_series", &tariff.sell_series),
    ];
    for (field, price, series_field, series) in prices {
        let good = part.optional(field, price, Allowed::Any);
        if let (Some(price), Some(series)) = (price, series) {
            part.fault(field, format_args!("is {price} beside {series_field} of {series:?}, expected one of them"));
        }
        if let Some(Err(e)) = series.as_ref().map(|series| model.site_series(series)) {
            part.fault(series_field, e);
        }
        if let Some(price) = price.filter(|price| good && *price > 3.0 && LARGE_CURRENCIES.contains(&model.currency)) {
            let currency = model.currency;
            part.notice(field, format_args!("is {price} {currency}/kWh: if it is in hundredths, give {}", price / 100.0));
        }
    }
    if let (Some(buy), Some(sell)) = (tariff.buy_per_kwh, tariff.sell_per_kwh)
        && sell > buy
    {
        part.notice("sell_per_kwh", format_args!("is {sell}, more than buy_per_kwh of {buy}: plans buy in order to sell"));
    }
    part.optional("demand_per_kw", tariff.demand_per_kw, Allowed::ZeroOrAbove);
    if let Some(interval) = tariff.demand_interval {
        part.span("demand_interval", interval, Span::from_seconds(60), DAY);
        if tariff.demand_per_kw.is_none() {
            part.fault("demand_interval", "is given without demand_per_kw, expected both");
        }
    }
}

pub(super) fn island(report: &mut Report, model: &SiteModel, island: &Island) {
    let part = &mut report.of("island", "");
    if let Some(name) = &island.forming {
        match model.assets.iter().find(|asset| asset.name == *name) {
            None => part.fault("forming", format_args!("is {name}, expected the name of an asset")),
            Some(asset) if !matches!(asset.role, Role::Battery | Role::Genset) => {
                part.fault("forming", format_args!("is {name} of role {}, expected a battery or genset", asset.role));
            }
            Some(_) => {}
        }
    }
    part.number("reserve_w", island.reserve_w, Allowed::ZeroOrAbove);
    if !part.number("reserve_soc", island.reserve_soc, Allowed::Share) {
        return;
    }
    let stores = model.assets.iter().filter_map(|asset| Some((&asset.name, asset.storage.as_ref()?)));
    for (name, storage) in stores.filter(|(_, storage)| storage.max_soc <= island.reserve_soc) {
        let (reserve, most) = (island.reserve_soc, storage.max_soc);
        part.fault("reserve_soc", format_args!("is {reserve}, expected below storage.max_soc of {name}: {most}"));
    }
}

pub(super) fn planning(report: &mut Report, planning: &Planning) {
    let part = &mut report.of("planning", "");
    let good = [
        part.span("every", planning.every, Span::from_seconds(10), DAY),
        part.span("step", planning.step, Span::from_seconds(60), DAY),
        part.span("ahead", planning.ahead, Span::from_seconds(60), Span::from_seconds(366 * 86_400)),
        part.span("valid_for", planning.valid_for, Span::from_seconds(10), Span::from_seconds(7 * 86_400)),
    ];
    part.number("soc_off", planning.soc_off, Allowed::Efficiency);
    part.number("load_off_w", planning.load_off_w, Allowed::AboveZero);
    if good.contains(&false) {
        return;
    }
    let (ahead, step) = (planning.ahead, planning.step);
    if ahead < step {
        part.fault("ahead", format_args!("is {ahead}, expected at least one step of {step}"));
    } else if ahead.as_micros() % step.as_micros() != 0 {
        part.fault("ahead", format_args!("is {ahead}, expected a whole number of steps of {step}"));
    } else if ahead.as_micros() / step.as_micros() > MAX_STEPS as i64 {
        part.fault("ahead", format_args!("is {ahead}, expected at most {MAX_STEPS} steps of {step}"));
    }
    if planning.valid_for < planning.every {
        let (valid, every) = (planning.valid_for, planning.every);
        part.fault(
            "valid_for",
            format_args!("is {valid}, expected at least `every` of {every}: no plan would hold in between"),
        );
    }
}
