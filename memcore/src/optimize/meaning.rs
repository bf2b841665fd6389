//! What the finer words of a site mean on its horizon, said once for every engine and for the verifier: sessions of vehicles, runs of
//! deferrable loads, least times of machines, prices of what is missing.

use std::ops::Range;

use super::checked::Checked;
use super::{Building, Deferrable, Ev, Genset, Heat, HeatPump, Reserve, Session, Source, Tank};
use crate::model::Span;

/// Hours of an optional length of time.
pub(in crate::optimize) fn hours_of(span: Span) -> f64 {
    span.as_micros() as f64 / 3.6e9
}

impl Checked<'_> {
    /// What a source can give in a step, in W: a forecast below zero is zero.
    pub(in crate::optimize) fn available_w(&self, source: &Source, step: usize) -> f64 {
        source.available_w.at(step).max(0.0)
    }

    /// The most energy that a vehicle may hold in a session, in Wh; never less than it comes with.
    pub(in crate::optimize) fn session_limit_wh(&self, ev: &Ev, session: &Session) -> f64 {
        session.limit_wh.map_or(ev.capacity_wh, |limit| limit.min(ev.capacity_wh)).max(session.initial_wh)
    }

    /// The energy that a vehicle should hold at the end of the last step of a session, in Wh. Where the session goes on past the
    /// horizon, that is its target less what the rest of the session can still charge. A target above the session's limit is the limit.
    pub(in crate::optimize) fn session_target_wh(&self, ev: &Ev, session: &Session) -> f64 {
        let rest = session.departure.since(self.site.horizon.end());
        let most_w = ev.charging.bands_w().iter().fold(0.0_f64, |most, band| most.max(band.1));
        let still = hours_of(rest).max(0.0) * most_w * ev.charge_efficiency;
        (session.target_wh.min(self.session_limit_wh(ev, session)) - still).max(0.0)
    }

    /// Whether a vehicle goes on with what it began before the horizon: to charge in a step of its first session is then no start.
    pub(in crate::optimize) fn goes_on_charging(&self, ev: &Ev, first: usize) -> bool {
        ev.initially_charging && first == 0
    }

    /// What a kWh missing at a vehicle's departure costs.
    pub(in crate::optimize) fn ev_shortfall_per_kwh(&self, ev: &Ev) -> f64 {
        ev.shortfall_per_kwh.unwrap_or(self.shortage_per_kwh)
    }

    /// The steps in which a deferrable load may run. A run that goes on from before the horizon begins with its first step.
    pub(in crate::optimize) fn run_window(&self, load: &Deferrable) -> Range<usize> {
        let horizon = &self.site.horizon;
        let earliest = if load.running { None } else { load.earliest };
        horizon.steps_within(earliest.unwrap_or(horizon.start()), load.latest.unwrap_or(horizon.end()))
    }

    /// The steps that a run in one go may begin with: one that goes on from before begins with the first.
    pub(in crate::optimize) fn run_starts(&self, load: &Deferrable) -> Range<usize> {
        let window = self.run_window(load);
        if load.running { window.start..window.end.min(window.start + 1) } else { window }
    }

    /// The steps of a whole run in one go that begins with a step; None where it would not be over with its window.
    pub(in crate::optimize) fn whole_run(&self, load: &Deferrable, first: usize) -> Option<Range<usize>> {
        let borders = self.site.horizon.borders();
        let run = first..first + self.steps_to_cover(first, load.run_time);
        let is_over = borders[run.end] >= borders[first].saturating_add(load.run_time);
        (!run.is_empty() && is_over && run.end <= self.run_window(load).end).then_some(run)
    }

    /// Whether a run in one go may be cut short: where no whole one fits, or where the site says itself what an hour less costs.
    /// Otherwise it is whole or is not: half a washing is none.
    pub(in crate::optimize) fn may_be_cut(&self, load: &Deferrable) -> bool {
        load.shortfall_per_h.is_some() || !self.run_starts(load).any(|first| self.whole_run(load, first).is_some())
    }

    /// The hours that a deferrable load is to run: what it runs less than that is its shortfall. A run in whole steps may be longer.
    pub(in crate::optimize) fn run_hours(&self, load: &Deferrable) -> f64 {
        hours_of(load.run_time)
    }

    /// Whether a load that runs in several goes may be started in a step: its least time on, which nothing cuts short, is over before its
    /// window ends.
    pub(in crate::optimize) fn may_start(&self, load: &Deferrable, step: usize) -> bool {
        let (borders, end) = (self.site.horizon.borders(), self.run_window(load).end);
        let least = load.min_on.unwrap_or_default();
        step < end && borders[step].saturating_add(least) <= borders[end]
    }

    /// What each hour that a deferrable load could not run costs: unless told, the price of shortage of its (mean) power for an hour.
    pub(in crate::optimize) fn run_shortfall_per_h(&self, load: &Deferrable) -> f64 {
        let mean_w = match load.shape_w.len() {
            0 => load.power_w,
            steps => load.shape_w.iter().sum::<f64>() / steps as f64,
        };
        load.shortfall_per_h.unwrap_or(self.shortage_per_kwh * mean_w / 1000.0)
    }

    /// For how many steps from the first on a genset must go on as it was: on where it ran, off where it stood.
    pub(in crate::optimize) fn steps_bound(&self, genset: &Genset) -> usize {
        let least = if genset.initially_on { genset.min_up } else { genset.min_down };
        self.steps_left(least, genset.initial_since)
    }

    /// The same of a heat pump. What ran before goes on for no longer than it may, and than its tank takes the heat: a least time is no
    /// reason to have no plan.
    pub(in crate::optimize) fn pump_steps_bound(&self, pump: &HeatPump) -> usize {
        if !pump.initially_on {
            return self.steps_left(pump.min_off, pump.initial_since);
        }
        let mut held_wh = if let Heat::Tank(tank) = &pump.heat { tank.initial_wh } else { 0.0 };
        let mut goes_on = |step: &usize| {
            if let Heat::Tank(tank) = &pump.heat {
                let net_w = pump.min_w * pump.cop.at(*step) - tank.demand_w.at(*step);
                held_wh = (self.kept(tank.loss_per_hour, *step) * held_wh + net_w * self.hours[*step]).max(0.0);
                if held_wh > tank.capacity_wh {
                    return false;
                }
            }
            pump.max_w.at(*step) >= pump.min_w
        };
        (0..self.steps_left(pump.min_on, pump.initial_since)).take_while(|step| goes_on(step)).count()
    }

    /// How many steps are left of a least time that has been served for a while.
    fn steps_left(&self, least: Option<Span>, since: Option<Span>) -> usize {
        match (least, since) {
            (Some(least), Some(since)) => {
                self.steps_to_cover(0, Span::from_micros((least.as_micros() - since.as_micros()).max(0)))
            }
            _ => 0,
        }
    }

    /// How much a genset's power may change from the step before to this one while it runs, in W: its ramp over the length of this step.
    pub(in crate::optimize) fn ramp_w(&self, genset: &Genset, step: usize) -> Option<f64> {
        genset.ramp_w_per_min.map(|ramp| ramp * 60.0 * self.hours[step])
    }

    /// What a kWh of heat that is missing costs.
    pub(in crate::optimize) fn unmet_per_kwh(&self, tank: &Tank) -> f64 {
        tank.unmet_per_kwh.unwrap_or(self.shortage_per_kwh)
    }

    /// What a kelvin outside comfort costs an hour.
    pub(in crate::optimize) fn discomfort_per_k_h(&self, building: &Building) -> f64 {
        building.discomfort_per_k_h.unwrap_or(self.shortage_per_kwh)
    }

    /// For how many hours a battery must be able to give its reserve, and what each kWh of reserve that is missing costs.
    pub(in crate::optimize) fn reserve_terms(&self, reserve: &Reserve) -> (f64, f64) {
        (reserve.duration.map_or(1.0, hours_of), reserve.shortfall_per_kwh.unwrap_or(self.shortage_per_kwh))
    }
}
