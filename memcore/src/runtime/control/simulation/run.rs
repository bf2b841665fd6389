//! The loop: time passes for the site, what devices report goes to the controller, what it orders goes to the devices.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::body::Body;
use super::fault::{Agenda, AssetFault, Hangable, SiteFault};
use super::limits::Limits;
use super::options::SimulationOptions;
use super::outside::Outside;
use super::prices::PriceWalk;
use super::record::Record;
use super::scenario::{Act, Event, FaultKind, Happening};
use super::site::LiveSite;
use crate::control::{
    Actor, CheckedModel, Controller, Moment, Order, PlanNews, Priority, Proposal, SiteModel, Target, actors,
};
use crate::error::{Error, Result};
use crate::model::{CommandState, Name, Sample, SeriesName, Span, Timestamp, Unit};
use crate::runtime::control::planner::{Columns, PlannerOptions, PlanningHistory, SitePlanner, Written};
use crate::sim::RandomStream;

/// The monotonic clock does not begin at zero: devices have been there for longer than any of their minimum times.
const BEGINS: Duration = Duration::from_secs(86_400);

/// How a car stays that was plugged in by an event: until one takes it away.
const FOR_EVER: Timestamp = Timestamp::MAX;

/// Counts of what happened.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) steps: u64,
    pub(super) decisions: u64,
    pub(super) orders: u64,
    pub(super) refusals: u64,
    pub(super) leases_ended: u64,
    pub(super) plans: u64,
    pub(super) starts: u64,
}

/// Something worth a line in a table of what happened.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Noted {
    pub(super) at: Timestamp,
    pub(super) what: String,
}

/// Lines that are kept. Full-policy: more are only counted.
const NOTES_MAX: usize = 10_000;

/// A simulation under way.
pub(super) struct Run {
    pub(super) options: SimulationOptions,
    pub(super) model: Arc<CheckedModel>,
    pub(super) site: LiveSite,
    pub(super) controller: Option<Controller>,
    /// Makes plans, and what it remembers outlives a power cut as the store does.
    planner: Option<SitePlanner>,
    pub(super) record: Record,
    pub(super) counts: Counts,
    pub(super) notes: Vec<Noted>,
    elapsed: Duration,
    prices: PriceWalk,
    outside: Outside,
    limits: Limits,
    agenda: Agenda,
    asset_faults: Vec<AssetFault>,
    site_fault: SiteFault,
    hangs: Vec<(Name, Arc<AtomicBool>)>,
    /// Reports on their way, in the order in which they come. Full-policy: as many as are reported within `delay`.
    late: VecDeque<(Duration, SeriesName, Sample)>,
    chance: RandomStream,
}

impl Run {
    pub(super) fn new(model: &SiteModel, options: SimulationOptions) -> Result<Self> {
        options.check()?;
        let model = stretched(model, options.step).check()?;
        let site = LiveSite::new(&model, &options)?;
        let tariff = model.model().tariff.as_ref();
        let tariff = (tariff.and_then(|t| t.buy_per_kwh), tariff.and_then(|t| t.sell_per_kwh));
        let limits = Limits::new(&model);
        let mut run = Self {
            prices: PriceWalk::new(&options.prices, tariff, options.seed, options.from, options.length),
            record: Record::new(&model, options.step, options.row_length(), limits.count()),
            agenda: Agenda::new(&options.events),
            outside: Outside::new(&model),
            asset_faults: vec![AssetFault::default(); model.assets().len()],
            site_fault: SiteFault::default(),
            chance: RandomStream::new(options.seed, "losses on the link"),
            model: Arc::new(model),
            controller: None,
            planner: None,
            counts: Counts::default(),
            notes: Vec::new(),
            elapsed: BEGINS,
            hangs: Vec::new(),
            late: VecDeque::new(),
            limits,
            site,
            options,
        };
        run.check_events()?;
        run.start()?;
        Ok(run)
    }

    /// What events name must be there.
    fn check_events(&self) -> Result<()> {
        let external = |name: &Name| self.model.model().externals.iter().any(|known| known.name == *name);
        for Event { what, .. } in &self.options.events {
            let (of, fits, expected) = match what {
                Happening::Fault { kind: FaultKind::ActorHangs, .. } | Happening::Fault { of: None, .. } => continue,
                Happening::Fault { kind: FaultKind::ExternalSilent, of: Some(of), .. } => {
                    (of, external(of), "external limit")
                }
                Happening::Act { act: Act::Dim, of, .. } => (of, external(of), "external limit"),
                Happening::Fault { of: Some(of), .. } | Happening::Act { of, .. } => {
                    (of, self.model.place(of.as_str()).is_some(), "asset")
                }
            };
            if !fits {
                return Err(Error::invalid(format!("event of {of}: the site has no {expected} of that name")));
            }
        }
        Ok(())
    }

    /// Devices and the server start.
    fn start(&mut self) -> Result<()> {
        self.site.begin(BEGINS);
        if self.options.cars_by_events {
            for asset in &self.site.assets {
                if let Body::Charger(charger) = &mut asset.driven().body {
                    charger.unplug(FOR_EVER);
                }
            }
        }
        if self.options.control {
            self.start_controller()?;
        }
        if self.options.control && self.options.plans {
            let mut history = Columns::default();
            self.write_prices(&mut history)?;
            self.planner = SitePlanner::here(&self.model, history, PlannerOptions::default())?;
        }
        Ok(())
    }

    /// The prices, where the tariff takes them from series: all are known in advance, as a day-ahead market's are for a day.
    fn write_prices(&self, history: &mut Columns) -> Result<()> {
        let (times, buy, sell) = self.prices.columns(self.options.from, self.options.length);
        for (series, values) in [(self.model.buy_series(), buy), (self.model.sell_series(), sell)] {
            let Some(series) = series else { continue };
            let column = Written { channel: series.channel.clone(), values, unit: Unit::Fraction };
            history.write(&series.device, times, &[column])?;
        }
        Ok(())
    }

    fn start_controller(&mut self) -> Result<()> {
        let mut actors = actors(&self.model)?;
        if let Some(more) = &self.options.actors {
            actors.extend(more(&self.model)?);
        }
        let hung: Vec<Name> =
            self.hangs.iter().filter(|(_, hangs)| hangs.load(Ordering::Relaxed)).map(|(name, _)| name.clone()).collect();
        self.hangs.clear();
        let mut wrapped: Vec<Box<dyn Actor>> = Vec::new();
        for actor in actors {
            let (actor, name, hangs) = Hangable::new(actor);
            hangs.store(hung.contains(&name), Ordering::Relaxed);
            self.hangs.push((name, hangs));
            wrapped.push(Box::new(actor));
        }
        self.controller = Some(Controller::new((*self.model).clone(), wrapped));
        self.counts.starts += 1;
        Ok(())
    }

    /// The present, as the server's clocks tell it.
    pub(super) fn now(&self) -> Moment {
        let wall = self.site.world.now().saturating_add(self.site_fault.wall_offset);
        Moment { wall, elapsed: self.elapsed }
    }

    /// One step.
    pub(super) fn step(&mut self) -> Result<()> {
        let step = self.options.step;
        self.happen(self.site.world.now())?;
        self.elapsed += step.to_duration();
        for fell in self.site.advance(step, self.elapsed) {
            self.counts.leases_ended += 1;
            let name = self.model.assets()[fell.place].name.clone();
            self.note(format!("the lease of {name} ended: it falls back to {:.0}", fell.value));
        }
        self.counts.steps += 1;
        let prices = self.prices.at(self.site.world.now());
        if self.controller.is_some() && !self.site_fault.power_cut {
            self.report();
            self.decide(prices);
        }
        let (now, decided) = (self.site.world.now(), self.controller.as_ref().map_or(&[][..], Controller::decided_w));
        self.record.step(&self.model, &self.site, decided, prices, step);
        self.limits.check(&self.model, &self.site, &self.outside, &mut self.record, now);
        Ok(())
    }

    /// What devices and the channels outside say.
    fn report(&mut self) {
        let now = self.now();
        let Some(controller) = &mut self.controller else { return };
        let (world, loss, delay) = (&self.site.world, self.options.loss, self.options.delay.to_duration());
        let (chance, late, planner) = (&mut self.chance, &mut self.late, &mut self.planner);
        let mut arrive = |series: &SeriesName, sample: Sample| {
            if controller.read(series, sample, now)
                && let Some(planner) = planner
            {
                planner.measured(series, sample);
            }
        };
        let mut tell = |series: &SeriesName, value: f64| {
            if loss > 0.0 && chance.happens(loss) {
                return;
            }
            let sample = Sample { time: now.wall, value };
            match delay {
                Duration::ZERO => arrive(series, sample),
                _ => late.push_back((now.elapsed + delay, series.clone(), sample)),
            }
        };
        for (asset, fault) in self.site.assets.iter_mut().zip(&self.asset_faults) {
            if asset.due > now.elapsed {
                continue;
            }
            asset.due = now.elapsed + asset.period;
            if !fault.silent && !fault.link_lost {
                asset.report(world, fault.frozen, &mut tell);
            }
        }
        self.outside.report(world, &mut tell);
        while self.late.front().is_some_and(|(due, ..)| *due <= now.elapsed) {
            let Some((_, series, sample)) = self.late.pop_front() else { break };
            arrive(&series, sample);
        }
    }

    fn decide(&mut self, (buy, sell): (f64, f64)) {
        let now = self.now();
        let mut news = Vec::new();
        let Some(controller) = &mut self.controller else { return };
        if let Some(planner) = &mut self.planner {
            let told = planner.tick(controller, now);
            let planned = told.news.iter().filter(|news| matches!(news, PlanNews::Planned { .. })).count();
            self.counts.plans += planned as u64;
            let other = told.news.iter().filter(|news| !matches!(news, PlanNews::Planned { .. }));
            news.extend(other.map(PlanNews::to_string));
        }
        controller.set_prices(Some(buy), Some(sell));
        let decision = controller.tick(now);
        self.counts.decisions += 1;
        self.record.decided(&decision, self.site.world.now());
        for order in &decision.orders {
            self.order(order, now);
        }
        news.into_iter().for_each(|news| self.note(news));
    }

    fn order(&mut self, order: &Order, now: Moment) {
        self.counts.orders += 1;
        if self.asset_faults[order.asset].link_lost {
            // As a server says of a device that is away: it was not delivered in time.
            if let Some(controller) = &mut self.controller {
                controller.answered(order.number, &CommandState::Expired, now);
            }
            return;
        }
        let answer = self.site.assets[order.asset].take(order, now.elapsed, now.wall);
        if let CommandState::Refused { reason, .. } = &answer {
            self.counts.refusals += 1;
            let name = self.model.assets()[order.asset].name.clone();
            self.note(format!("{name} refuses {:.1}: {reason}", order.value));
        }
        if let Some(controller) = &mut self.controller {
            controller.answered(order.number, &answer, now);
        }
        self.record.answered(order.asset, answer);
    }

    pub(super) fn note(&mut self, what: String) {
        if self.notes.len() < NOTES_MAX && self.notes.last().is_none_or(|last| last.what != what) {
            self.notes.push(Noted { at: self.site.world.now(), what });
        }
    }

    /// What begins and ends now.
    fn happen(&mut self, now: Timestamp) -> Result<()> {
        while let Some((place, begins)) = self.agenda.due(now) {
            let event = self.options.events[place].clone();
            self.note(format!("{}{}", if begins { "" } else { "end of " }, told(&event.what)));
            match event.what {
                Happening::Fault { kind, of, span } => self.fault(kind, of.as_ref(), span, begins)?,
                Happening::Act { act, of, value } => self.act(act, &of, value, begins, event.until),
            }
        }
        Ok(())
    }

    fn fault(&mut self, kind: FaultKind, of: Option<&Name>, span: Option<Span>, begins: bool) -> Result<()> {
        let place = of.and_then(|of| self.model.place(of.as_str()));
        match kind {
            FaultKind::MeterFrozen => self.each(place, |fault| fault.frozen = begins),
            FaultKind::MeterSilent => self.each(place, |fault| fault.silent = begins),
            FaultKind::LinkLost => self.each(place, |fault| fault.link_lost = begins),
            FaultKind::DeviceRefuses | FaultKind::DeviceIgnores | FaultKind::DeviceForgets => {
                let Some(place) = place else { return Ok(()) };
                let mut driven = self.site.assets[place].driven();
                match kind {
                    FaultKind::DeviceRefuses => driven.refuses = begins,
                    FaultKind::DeviceIgnores => driven.ignores = begins,
                    _ => driven.forgets = span.filter(|_| begins).map(Span::to_duration),
                }
            }
            FaultKind::ClockJump => {
                self.site_fault.wall_offset = if begins { span.unwrap_or_default() } else { Span::default() };
            }
            FaultKind::ActorHangs => {
                let stuck = self.hangs.iter().filter(|(name, _)| of.is_none_or(|of| of == name));
                stuck.for_each(|(_, hangs)| hangs.store(begins, Ordering::Relaxed));
            }
            FaultKind::PowerCut => {
                self.site_fault.power_cut = begins;
                self.controller = None;
                if !begins && self.options.control {
                    self.start_controller()?;
                }
            }
            FaultKind::GridOutage => self.site.set_grid(!begins)?,
            FaultKind::ExternalSilent => self.outside.silence(&self.model, of, begins),
        }
        Ok(())
    }

    fn each(&mut self, place: Option<usize>, mut set: impl FnMut(&mut AssetFault)) {
        match place {
            Some(place) => set(&mut self.asset_faults[place]),
            None => self.asset_faults.iter_mut().for_each(set),
        }
    }

    fn act(&mut self, act: Act, of: &Name, value: Option<f64>, begins: bool, until: Option<Timestamp>) {
        let place = self.model.place(of.as_str());
        match act {
            Act::Dim => self.outside.dim(&self.model, of, value, begins),
            Act::Plug | Act::Unplug => {
                let Some(place) = place else { return };
                let capacity = self.model.assets()[place].described.vehicle.as_ref().map(|vehicle| vehicle.capacity_wh);
                if let Body::Charger(charger) = &mut self.site.assets[place].driven().body {
                    match (act, begins) {
                        (Act::Plug, true) => {
                            let need = capacity.unwrap_or(40_000.0) * (1.0 - value.unwrap_or(0.3));
                            charger.plug(need, FOR_EVER);
                        }
                        _ => charger.unplug(FOR_EVER),
                    }
                }
            }
            Act::Wish => self.wish(of, value, begins, until),
        }
    }

    /// A person's wish.
    fn wish(&mut self, of: &Name, value: Option<f64>, begins: bool, until: Option<Timestamp>) {
        let now = self.now();
        let (Some(controller), Ok(person), Ok(priority)) = (&mut self.controller, Name::new("person"), Priority::new(60))
        else {
            return;
        };
        // It ends by its own validity.
        if !begins {
            return;
        }
        let length = until.map_or(Span::from_seconds(3_600), |until| until.since(self.site.world.now()));
        let wish =
            Proposal::power(person, Target::Asset(of.clone()), value.unwrap_or(0.0), priority, "a person asks for it");
        if let Err(refused) = controller.propose(wish.valid_for(length), now) {
            self.note(format!("the wish for {of} is refused: {}", refused.message()));
        }
    }
}

/// Where steps are longer than a model's periods, those become a step, and a lease ten of them: it is renewed after a third of it,
/// and what a device did of an order is seen before.
fn stretched(model: &SiteModel, step: Span) -> SiteModel {
    let mut model = model.clone();
    model.tick = model.tick.max(step);
    model.lease = model.lease.max(Span::from_micros(10 * step.as_micros()));
    model.assets.iter_mut().for_each(|asset| asset.period = asset.period.max(step));
    model.externals.iter_mut().for_each(|external| {
        external.silent_after = external.silent_after.max(Span::from_micros(3 * step.as_micros()));
    });
    model
}

fn told(what: &Happening) -> String {
    let name = |of: &Option<Name>| of.as_ref().map_or(String::new(), |of| format!(" of {of}"));
    match what {
        Happening::Fault { kind, of, span } => {
            let span = span.map_or(String::new(), |span| format!(" ({span})"));
            format!("{}{}{span}", words(&format!("{kind:?}")), name(of))
        }
        Happening::Act { act, of, value } => {
            let value = value.map_or(String::new(), |value| format!(" {value}"));
            format!("{} {of}{value}", words(&format!("{act:?}")))
        }
    }
}

/// `MeterSilent` as `meter silent`.
fn words(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}
