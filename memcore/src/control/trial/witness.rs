//! What must always hold, looked at from outside: by what flows, and by what was decided.

use super::world::{DELAY, World};
use crate::control::shape::swings::{TURNS, WITHIN, deadband_w};
use crate::control::{AssetDecision, Cause, CheckedAsset, Decision, PhaseUse, Role, SetpointUnit, Steps};

/// What numbers may be off by, in W.
const SLACK_W: f64 = 2.0;

/// What measures may be off by, as a share of a limit.
const NEAR: f64 = 0.02;

#[derive(Debug, Default)]
struct Watched {
    last_w: Option<f64>,
    /// When it was last told to start or stop.
    changed: u64,
    ends_w: Option<(f64, f64)>,
    turns: Vec<u64>,
}

/// Who watches a trial.
pub(super) struct Witness {
    assets: Vec<Watched>,
    /// Since when each circuit carries too much, in and out.
    over: Vec<[Option<u64>; 2]>,
    forming_over: Option<u64>,
    island_since: Option<u64>,
    present_since: u64,
}

impl Witness {
    pub(super) fn new(world: &World) -> Self {
        let assets = world.model.assets.iter().map(|_| Watched::default()).collect();
        let over = vec![[None; 2]; world.model.circuits.len()];
        Self { assets, over, forming_over: None, island_since: None, present_since: 0 }
    }

    /// Looks at a second. What is broken is told.
    pub(super) fn look(&mut self, world: &World, decision: &Decision) -> Result<(), String> {
        match (world.present, self.island_since) {
            (true, Some(_)) => (self.island_since, self.present_since) = (None, world.second),
            (false, None) => self.island_since = Some(world.second),
            _ => {}
        }
        for (place, decided) in decision.assets.iter().enumerate() {
            if decided.is_none() {
                (self.assets[place].last_w, self.assets[place].ends_w) = (None, None);
            }
            if let Some(decided) = decided {
                self.asset(world, place, decided).map_err(|broken| {
                    let asset = &world.model.assets[place];
                    format!("{} ({:?}) at {} W: {broken}; {:?}", asset.name, asset.role, decided.power_w, decided.limits)
                })?;
            }
        }
        self.circuits(world)?;
        self.external(world, decision)?;
        self.island(world, decision)
    }

    fn asset(&mut self, world: &World, place: usize, decided: &AssetDecision) -> Result<(), String> {
        let (asset, thing, power_w) = (&world.model.assets[place], &world.things[place], decided.power_w);
        if !can_take(asset, decided) {
            return Err("it cannot take that".to_owned());
        }
        if let (Some(storage), Some(soc)) = (&asset.storage, thing.told_soc) {
            if soc <= storage.min_soc && power_w < -SLACK_W {
                return Err(format!("it is emptied at a charge of {soc}"));
            }
            if soc >= storage.max_soc && power_w > SLACK_W {
                return Err(format!("it is filled at a charge of {soc}"));
            }
        }
        if silent(world, place) && power_w > asset.safe_w.max(asset.least_w).max(0.0) + SLACK_W {
            return Err("its meter is silent, and it draws".to_owned());
        }
        let main = &world.model.circuits[0];
        let alone = self.island_since.is_some() || world.second < self.present_since + 70;
        let unknown = main.meter.is_some_and(|meter| silent_powers(world, meter)) && !alone && asset.role != Role::Pv;
        if unknown && power_w > asset.safe_w.max(asset.least_w).max(0.0) + SLACK_W {
            return Err("the meter of the grid is silent, and it draws".to_owned());
        }
        self.times(world, place, decided)?;
        self.ramp(world, place, decided)?;
        self.turns(world, place, decided)
    }

    fn times(&mut self, world: &World, place: usize, decided: &AssetDecision) -> Result<(), String> {
        let (asset, watched) = (&world.model.assets[place], &mut self.assets[place]);
        let (is, was) = (decided.power_w != 0.0, watched.last_w.is_some_and(|last_w| last_w != 0.0));
        if is == was {
            return Ok(());
        }
        let since = world.second - watched.changed;
        watched.changed = world.second;
        if is && since < asset.min_off.as_secs() {
            return Err(format!("it had rested for {since} s"));
        }
        if !is && since < asset.min_on.as_secs() && !for_safety(decided) {
            return Err(format!("it had run for {since} s"));
        }
        Ok(())
    }

    fn ramp(&mut self, world: &World, place: usize, decided: &AssetDecision) -> Result<(), String> {
        let (asset, watched) = (&world.model.assets[place], &mut self.assets[place]);
        let last_w = watched.last_w.replace(decided.power_w);
        let Some(last_w) = last_w.filter(|_| asset.ramp_w_per_s.is_finite()) else { return Ok(()) };
        let jumps = (decided.power_w - last_w).abs() > asset.ramp_w_per_s + SLACK_W;
        // Towards zero safety does not wait; what begins anew begins where it is measured.
        let known = world.second > 10 && world.present && world.second > self.present_since + 70;
        if jumps && known && !for_safety(decided) {
            return Err(format!("it jumps from {last_w} W"));
        }
        Ok(())
    }

    fn turns(&mut self, world: &World, place: usize, decided: &AssetDecision) -> Result<(), String> {
        let (asset, watched) = (&world.model.assets[place], &mut self.assets[place]);
        let power_w = decided.power_w;
        let (end_w, before_w) = watched.ends_w.unwrap_or((power_w, power_w));
        let goes_on = (power_w - end_w) * (end_w - before_w) >= 0.0;
        if goes_on {
            watched.ends_w = Some((power_w, before_w));
        } else if (power_w - end_w).abs() >= deadband_w(asset) {
            watched.ends_w = Some((power_w, end_w));
            if !for_safety(decided) {
                watched.turns.push(world.second);
            }
        }
        let ten_minutes = 2 * WITHIN.as_secs();
        watched.turns.retain(|turn| turn + ten_minutes > world.second);
        // Twice as many as in half the time, and those back from where safety had moved it.
        if watched.turns.len() > 2 * TURNS + 4 {
            return Err(format!("it turns {} times in ten minutes", watched.turns.len()));
        }
        Ok(())
    }

    fn circuits(&mut self, world: &World) -> Result<(), String> {
        for (at, circuit) in world.model.circuits.iter().enumerate() {
            let patience = patience(world, at);
            let blind = circuit.meter.is_some_and(|meter| silent_powers(world, meter)) || (at == 0 && !world.present);
            let (flow, rest) = (world.flow(at), beside(world, at));
            let currents = circuit.meter.is_some_and(|meter| !world.model.assets[meter].described.currents.is_empty());
            let of_phase = circuit.limit_a * circuit.volts;
            for (side, sign) in [(0, 1.0), (1, -1.0)] {
                let of_all = if side == 0 { circuit.import_w } else { circuit.export_w }.min(of_phase * 3.0);
                let over = |flow: [f64; 3]| {
                    let all = sign * flow.iter().sum::<f64>() > of_all * (1.0 + NEAR) + SLACK_W;
                    all || (currents && flow.iter().any(|power_w| sign * power_w > of_phase * (1.0 + NEAR) + SLACK_W))
                };
                let near = |rest: [f64; 3]| {
                    let all = sign * rest.iter().sum::<f64>() > of_all;
                    all || rest.iter().any(|power_w| sign * power_w > of_phase)
                };
                let is = over(flow) && !near(rest[side]) && !blind;
                let since = is.then(|| self.over[at][side].unwrap_or(world.second));
                self.over[at][side] = since;
                if since.is_some_and(|since| world.second - since > patience) {
                    let way = if side == 0 { "draws" } else { "gives" };
                    return Err(format!("circuit {} {way} {flow:?} W for {patience} s, {rest:?} beside", circuit.name));
                }
            }
        }
        Ok(())
    }

    /// What is limited from outside, when its members are all that is limited.
    fn external(&self, world: &World, decision: &Decision) -> Result<(), String> {
        let Some(external) = world.model.externals.first().filter(|external| !external.members.is_empty()) else {
            return Ok(());
        };
        let moved = external.members.iter().filter(|place| world.model.assets[**place].role != Role::Pv);
        let sum_w = moved.filter_map(|place| decision.assets[*place].as_ref()).map(|decided| decided.power_w).sum::<f64>();
        let forming_w = world.model.forming.filter(|forming| decision.assets[*forming].is_none());
        let silence = world.signalled.map_or(u64::MAX, |signalled| world.second - signalled);
        let limit_w = match world.signal {
            // The first is believed at once where the wall clock is right, else after a while.
            Some(signal) if silence == 0 && world.first_signal.is_some_and(|first| first + 20 < world.second) => signal,
            _ if silence > 31 && world.signal.is_none() => external.failsafe_w,
            _ => return Ok(()),
        };
        if sum_w > limit_w.max(0.0) + SLACK_W && forming_w.is_none() {
            return Err(format!("what is limited to {limit_w} W from outside is told {sum_w} W"));
        }
        Ok(())
    }

    fn island(&mut self, world: &World, decision: &Decision) -> Result<(), String> {
        let Some(forming) = world.model.forming.filter(|_| self.island_since.is_some()) else {
            self.forming_over = None;
            return Ok(());
        };
        if decision.assets[forming].is_some() {
            return Err("what forms the island is commanded".to_owned());
        }
        let asset = &world.model.assets[forming];
        let controlled = |place: &usize| world.model.assets[*place].setpoint.is_some() && *place != forming;
        let drawn = (0..world.things.len()).filter(controlled).map(|place| world.things[place].power_w).sum::<f64>();
        let gives_w = -world.things[forming].power_w;
        let over = gives_w > -asset.low_w + SLACK_W && gives_w - drawn < -asset.low_w - 600.0 && !silent(world, forming);
        let since = over.then(|| self.forming_over.unwrap_or(world.second));
        self.forming_over = since;
        let patience = patience(world, 0);
        if since.is_some_and(|since| world.second - since > patience) {
            return Err(format!("what forms the island gives {gives_w} W for {patience} s"));
        }
        Ok(())
    }
}

/// How long a circuit may carry too much: until all of it was told, has followed, and is measured.
fn patience(world: &World, circuit: usize) -> u64 {
    let members = world.model.circuits[circuit].members.iter().chain(&world.model.circuits[circuit].meter);
    let slowest = members.map(|place| world.model.assets[*place].silent_after.as_secs()).max().unwrap_or(0);
    slowest.max(10) * 5 / 4 + 2 * DELAY + 2 * slowest / 3 + 2
}

/// What a circuit carries beside what can be moved to keep its limit: in, and out.
fn beside(world: &World, circuit: usize) -> [[f64; 3]; 2] {
    let flow = world.flow(circuit);
    let mut beside = [flow, flow];
    for member in &world.model.circuits[circuit].members {
        let asset = &world.model.assets[*member];
        for (side, beside) in beside.iter_mut().enumerate() {
            if asset.setpoint.is_some() && (side == 1 || asset.role != Role::Pv) {
                let drawn = world.drawn(*member);
                *beside = [beside[0] - drawn[0], beside[1] - drawn[1], beside[2] - drawn[2]];
            }
        }
    }
    beside
}

fn silent(world: &World, place: usize) -> bool {
    let after = world.model.assets[place].silent_after.as_secs();
    world.things[place].told.is_none_or(|told| world.second > told + after + 1)
}

/// A meter reports all or nothing.
fn silent_powers(world: &World, meter: usize) -> bool {
    silent(world, meter)
}

fn for_safety(decided: &AssetDecision) -> bool {
    decided.limits.iter().any(|limit| {
        !matches!(
            limit.cause,
            Cause::Actor(_)
                | Cause::Default
                | Cause::Shared
                | Cause::Capability
                | Cause::Ramp
                | Cause::Steps
                | Cause::MinOn
                | Cause::MinOff
                | Cause::Oscillation
        )
    })
}

fn can_take(asset: &CheckedAsset, decided: &AssetDecision) -> bool {
    let (power_w, size_w) = (decided.power_w, decided.power_w.abs());
    if power_w == 0.0 {
        return true;
    }
    let least_w = match (asset.phases, decided.phases) {
        (PhaseUse::Switched, 3) => 3.0 * asset.least_w,
        _ => asset.least_w,
    };
    let most_w = if (asset.phases, decided.phases) == (PhaseUse::Switched, 1) { asset.high_w / 3.0 } else { asset.high_w };
    let fits = match &asset.steps {
        Steps::Continuous => true,
        Steps::Every(step_w) => (size_w / step_w - (size_w / step_w).round()).abs() < 1e-6,
        Steps::Levels(levels) => levels.iter().any(|level| (level - power_w).abs() < 1e-6),
    };
    let switched = asset.setpoint.as_ref().is_some_and(|setpoint| setpoint.unit == SetpointUnit::OnOff);
    let on_off = !switched || power_w == asset.high_w;
    power_w.is_finite()
        && power_w >= asset.low_w - 1e-6
        && power_w <= most_w + 1e-6
        && size_w >= least_w - 1e-6
        && fits
        && on_off
}
