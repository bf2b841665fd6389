//! The smallest set of limits that cannot hold together, and the shortest span of steps in which they cannot.

use std::ops::Range;

use super::ConflictingLimit;
use super::limits::{self, Ample, Limit};
use crate::model::Span;
use crate::optimize::solve::{Found, Memory, found};
use crate::optimize::{Asset, Options, Profile, Site};

/// Any plan will do where the question is whether there is one.
const ANY_GAP: f64 = 1e6;

/// The limits, each with the span; empty where the engines cannot tell.
pub(super) fn smallest(site: &Site, options: &Options) -> Vec<ConflictingLimit> {
    let question = Question::new(site, options);
    let all = limits::of_site(site);
    let whole = 0..site.horizon.len();
    let mut kept = all.clone();
    if !question.conflict(&kept, &all, &whole) {
        return Vec::new();
    }
    for limit in &all {
        let without: Vec<Limit> = kept.iter().copied().filter(|other| other != limit).collect();
        if question.conflict(&without, &all, &whole) {
            kept = without;
        }
    }
    let span = question.shortest(&kept, &all, whole);
    let conflicting = |limit: &Limit| ConflictingLimit {
        part: limit.part(site),
        limit: limit.field(site),
        steps: (span.start, span.end - 1),
        says: limit.says(site, &span),
    };
    kept.iter().map(conflicting).collect()
}

/// A site without its prices, to be asked whether some limits can hold.
struct Question<'a> {
    free: Site,
    ample: Ample,
    options: &'a Options,
    /// When it is enough, where there is a limit of time: a set that conflicts is an answer, too, where it is not the smallest.
    late_at: Option<Span>,
}

impl<'a> Question<'a> {
    fn new(site: &Site, options: &'a Options) -> Self {
        let mut free = site.clone();
        free.smoothness.clear();
        (free.stay, free.reserve) = (None, None);
        free.shortage_per_kwh = Some(0.0);
        for asset in &mut free.assets {
            if let Asset::Grid(grid) = asset {
                (grid.buy_per_kwh, grid.sell_per_kwh) = (0.0.into(), 0.0.into());
                grid.demand_charges.clear();
                (grid.quadratic_per_kw2h, grid.exclusive) = (0.0, false);
            }
        }
        let ample = ample(&free);
        let limit = options.time_limit.filter(|_| options.clock.is_some());
        let late_at = limit.map(|limit| Span::from_micros(options.now().as_micros().saturating_add(limit.as_micros())));
        Self { free, ample, options, late_at }
    }

    /// Whether some limits, in a span of steps, cannot hold while all others are lifted. Only an engine's word that no plan exists
    /// counts: what it cannot tell is no conflict.
    fn conflict(&self, kept: &[Limit], all: &[Limit], span: &Range<usize>) -> bool {
        if self.late_at.is_some_and(|late_at| self.options.now() >= late_at) {
            return false;
        }
        let mut site = self.free.clone();
        for limit in all {
            let span = if kept.contains(limit) { span.clone() } else { 0..0 };
            if span != (0..site.horizon.len()) {
                limit.lift(&mut site, &span, self.ample);
            }
        }
        let options = Options { gap: ANY_GAP, ..self.options.clone() };
        matches!(found(&site, &options, &mut Memory::default()), Ok(Found::Infeasible))
    }

    /// The shortest span that ends as early as one can, by halving.
    fn shortest(&self, kept: &[Limit], all: &[Limit], whole: Range<usize>) -> Range<usize> {
        let mut end = (whole.start, whole.end);
        while end.1 - end.0 > 1 {
            let middle = (end.0 + end.1) / 2;
            if self.conflict(kept, all, &(0..middle)) {
                end.1 = middle;
            } else {
                end.0 = middle;
            }
        }
        let mut start = (0, end.1);
        while start.1 - start.0 > 1 {
            let middle = (start.0 + start.1) / 2;
            if self.conflict(kept, all, &(middle..end.1)) {
                start.0 = middle;
            } else {
                start.1 = middle;
            }
        }
        start.0..end.1
    }
}

/// More power than the site can use at once, and more energy than it can use in all.
fn ample(site: &Site) -> Ample {
    let most = |profile: &Profile| profile.values().iter().fold(0.0, |most: f64, value| most.max(*value));
    let shortest_h = site.horizon.step_hours().into_iter().fold(1.0, f64::min);
    let of_asset = |asset: &Asset| match asset {
        Asset::Grid(grid) => {
            grid.import_limit_w.as_ref().map_or(0.0, most) + grid.export_limit_w.as_ref().map_or(0.0, most)
        }
        Asset::Pv(source) => most(&source.available_w),
        Asset::Battery(battery) => {
            let held = battery.capacity_wh / shortest_h / battery.charge_efficiency;
            most(&battery.charge_limit_w) + most(&battery.discharge_limit_w) + held
        }
        Asset::Ev(ev) => ev.charging.bands_w().last().map_or(0.0, |band| band.1) + ev.discharge_limit_w,
        Asset::Deferrable(load) => load.shape_w.iter().copied().fold(load.power_w.max(0.0), f64::max),
        Asset::HeatPump(pump) => most(&pump.max_w),
        Asset::Genset(genset) => genset.max_w,
        Asset::Load(load) => most(&load.power_w),
    };
    let links: f64 = site.links.iter().map(|link| most(&link.limit_w)).sum();
    let w = 1_000.0 + 2.0 * (links + site.assets.iter().map(of_asset).sum::<f64>());
    Ample { w, wh: w * site.horizon.step_hours().into_iter().sum::<f64>().max(1.0) }
}
