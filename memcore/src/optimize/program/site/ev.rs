//! A vehicle: its sessions, the powers that its charger can give, its target at each departure.

use super::{Builder, Cell, KILO};
use crate::optimize::program::linear::{Column, Row};
use crate::optimize::{Ev, Quantity, Session};

/// Where a schedule of a vehicle is read from, and how its energy goes.
struct Cells {
    charge: Vec<Cell>,
    discharge: Vec<Cell>,
    energy: Vec<Cell>,
    rows: Vec<Option<Row>>,
}

/// The choice of a band in a step: a column that is 1 where the vehicle charges within it.
struct Choice {
    bands: Vec<Column>,
}

impl Builder<'_, '_> {
    pub(super) fn ev(&mut self, part: usize, ev: &Ev) {
        let away = || vec![Cell::Zero; self.checked.steps()];
        let mut cells = Cells { charge: away(), discharge: away(), energy: away(), rows: vec![None; self.checked.steps()] };
        for session in &ev.sessions {
            self.session(part, ev, session, &mut cells);
        }
        self.output(part, Quantity::Charge, cells.charge);
        self.output(part, Quantity::Discharge, cells.discharge);
        self.output(part, Quantity::Energy, cells.energy);
        self.transitions.push((part, cells.rows));
    }

    fn session(&mut self, part: usize, ev: &Ev, session: &Session, cells: &mut Cells) {
        let steps = self.checked.session_steps(session);
        let mut energy = self.given(session.initial_wh / KILO);
        let limit = self.checked.session_limit_wh(ev, session) / KILO;
        let mut charges = Vec::with_capacity(steps.len());
        let mut choices: Vec<Choice> = Vec::with_capacity(steps.len());
        for step in steps.clone() {
            let hours = self.hours(step);
            let (charge, choice) = self.charging(part, ev, step);
            let after = self.program.column(0.0, 0.0..=limit);
            let mut terms = vec![(after, 1.0), (energy, -1.0), (charge, -hours * ev.charge_efficiency)];
            if ev.discharge_limit_w > 0.0 {
                let discharge = self.discharging(part, ev, step, charge, &choice);
                terms.push((discharge, hours / ev.discharge_efficiency));
                cells.discharge[step] = Cell::Kilo(discharge);
            }
            cells.rows[step] = Some(self.program.equal(0.0, terms));
            cells.charge[step] = Cell::Kilo(charge);
            cells.energy[step] = Cell::Kilo(after);
            charges.push(charge);
            choices.push(choice);
            energy = after;
        }
        if steps.is_empty() {
            return;
        }
        let asked = self.given(self.checked.session_target_wh(ev, session) / KILO);
        let short = self.program.column(self.checked.ev_shortfall_per_kwh(ev), 0.0..=f64::INFINITY);
        self.program.at_least(0.0, [(energy, 1.0), (short, 1.0), (asked, -1.0)]);
        if ev.start_cost != 0.0 {
            self.charging_starts(ev, &charges, &choices, self.checked.goes_on_charging(ev, steps.start));
        }
    }

    /// The power of a step: zero, or within one of the charger's bands. `min * chosen <= power <= max * chosen`, summed over bands of which
    /// at most one is chosen, is the convex hull of that.
    fn charging(&mut self, part: usize, ev: &Ev, step: usize) -> (Column, Choice) {
        let bands = ev.charging.bands_w();
        let most = bands.iter().fold(0.0_f64, |most, band| most.max(band.1)) / KILO;
        let charge = self.program.column(0.0, 0.0..=most);
        self.flow(part, step, charge, 1.0);
        if bands.iter().any(|band| band.0 <= 0.0) && bands.len() == 1 {
            return (charge, Choice { bands: Vec::new() });
        }
        let chosen: Vec<Column> = bands.iter().map(|_| self.program.binary(0.0)).collect();
        let scaled = |end: fn(&(f64, f64)) -> f64| {
            let terms = chosen.iter().zip(&bands).map(move |(column, band)| (*column, -end(band) / KILO));
            terms.collect::<Vec<_>>()
        };
        let (mins, maxs) = (scaled(|band| band.0), scaled(|band| band.1));
        self.program.at_most(0.0, maxs.into_iter().chain([(charge, 1.0)]));
        self.program.at_least(0.0, mins.into_iter().chain([(charge, 1.0)]));
        if chosen.len() > 1 {
            self.program.at_most(1.0, chosen.iter().map(|column| (*column, 1.0)));
        }
        (charge, Choice { bands: chosen })
    }

    fn discharging(&mut self, part: usize, ev: &Ev, step: usize, charge: Column, choice: &Choice) -> Column {
        let most = ev.discharge_limit_w / KILO;
        let discharge = self.program.column(self.hours(step) * ev.wear_per_kwh, 0.0..=most);
        self.flow(part, step, discharge, -1.0);
        if choice.bands.is_empty() {
            self.pair([charge, discharge], self.checked.bus_of[part], step);
        } else {
            let charging = choice.bands.iter().map(|column| (*column, most));
            self.program.at_most(most, charging.chain([(discharge, 1.0)]));
        }
        discharge
    }

    /// A start for each time that it begins to charge; one for the session where the charger goes down to nothing.
    fn charging_starts(&mut self, ev: &Ev, charges: &[Column], choices: &[Choice], goes_on: bool) {
        let pauses = ev.pause_is_stop();
        if !pauses && goes_on {
            return;
        }
        if !pauses {
            let charged = self.program.binary(ev.start_cost);
            for charge in charges {
                let most = self.program.upper[charge.0];
                self.program.at_most(0.0, [(*charge, 1.0), (charged, -most)]);
            }
            return;
        }
        let mut before: Vec<(Column, f64)> = Vec::new();
        if goes_on {
            before.push((self.given(1.0), -1.0));
        }
        for choice in choices {
            let start = self.program.column(ev.start_cost, 0.0..=1.0);
            let now = choice.bands.iter().map(|column| (*column, 1.0));
            self.program.at_most(0.0, now.chain([(start, -1.0)]).chain(before.iter().copied()));
            before = choice.bands.iter().map(|column| (*column, -1.0)).collect();
        }
    }
}
