//! Rules of what is switched: gensets, heat pumps, deferrable loads, with their least times; and of the reserve.

use super::walk::{Owner, Walk, tolerance};
use crate::model::Span;
use crate::optimize::{Asset, Deferrable, Genset, Heat, HeatPump, Quantity};

/// Which steps something is on in. What is neither on nor off is refused on the way.
fn states(walk: &mut Walk<'_>, part: usize) -> Vec<bool> {
    let on = walk.column(part, Quantity::On);
    walk.hold(Owner::Part(part), "`on` is neither 0 nor 1", |step| {
        // A state that is wrong by a thousandth is wrong by more than any tolerance of powers.
        (1e3 * on[step].abs().min((on[step] - 1.0).abs()), 0.0)
    });
    on.iter().map(|on| *on > 0.5).collect()
}

/// Off without power; on within a band.
fn band(walk: &mut Walk<'_>, part: usize, on: &[bool], min_w: f64, max_w: impl Fn(usize) -> f64) {
    let power = walk.column(part, Quantity::Power);
    walk.hold(Owner::Part(part), "power_w while it is off", |step| (if on[step] { 0.0 } else { power[step] }, max_w(step)));
    walk.hold(Owner::Part(part), "power_w is below min_w while it runs", |step| {
        (if on[step] { min_w - power[step] } else { 0.0 }, max_w(step))
    });
    walk.hold(Owner::Part(part), "power_w is above max_w", |step| {
        (if on[step] { power[step] - max_w(step) } else { 0.0 }, max_w(step))
    });
}

/// What was switched in a step stays so for a least time, or to the horizon's end.
fn least_time(
    walk: &mut Walk<'_>,
    part: usize,
    rule: &'static str,
    states: &[bool],
    before: bool,
    least: [Option<Span>; 2],
) {
    let mut last = before;
    for (step, state) in states.iter().enumerate() {
        if *state != last {
            let [up, down] = least;
            let steps = if *state { up } else { down }.map_or(0, |least| walk.checked.steps_to_cover(step, least));
            let kept = states[step..step + steps].iter().all(|later| later == state);
            walk.must(Owner::Part(part), rule, step, kept);
        }
        last = *state;
    }
}

pub(super) fn genset(walk: &mut Walk<'_>, part: usize, genset: &Genset) {
    let owner = Owner::Part(part);
    let on = states(walk, part);
    band(walk, part, &on, genset.min_w, |_| genset.max_w);
    let rule = "switched before its least time up or down is over";
    least_time(walk, part, rule, &on, genset.initially_on, [genset.min_up, genset.min_down]);
    let bound = walk.checked.steps_bound(genset);
    walk.must(owner, rule, 0, on[..bound].iter().all(|on| *on == genset.initially_on));
    if let Some(available) = &genset.available {
        walk.hold(owner, "runs while it is not available", |step| {
            (if on[step] && available.at(step) <= 0.0 { f64::INFINITY } else { 0.0 }, 0.0)
        });
    }
    ramps(walk, part, genset, &on);
    let (power, reserve) = (walk.column(part, Quantity::Power), walk.column(part, Quantity::Reserve));
    walk.hold(owner, "reserve_w is more than it could give more", |step| {
        let could = if on[step] { genset.max_w - power[step] } else { 0.0 };
        (reserve[step] - could, genset.max_w)
    });
}

fn ramps(walk: &mut Walk<'_>, part: usize, genset: &Genset, on: &[bool]) {
    let power = walk.column(part, Quantity::Power);
    let checked = walk.checked;
    walk.hold(Owner::Part(part), "power_w changes faster than ramp_w_per_min", |step| {
        let (ran, before) = match step {
            0 => (genset.initially_on, genset.initial_w.unwrap_or(f64::NAN)),
            _ => (on[step - 1], power[step - 1]),
        };
        match checked.ramp_w(genset, step) {
            Some(ramp) if ran && on[step] && !before.is_nan() => ((power[step] - before).abs() - ramp, genset.max_w),
            _ => (0.0, 0.0),
        }
    });
}

pub(super) fn heat_pump(walk: &mut Walk<'_>, part: usize, pump: &HeatPump) {
    let on = states(walk, part);
    band(walk, part, &on, pump.min_w, |step| pump.max_w.at(step));
    let rule = "switched before its least time on or off is over";
    least_time(walk, part, rule, &on, pump.initially_on, [pump.min_on, pump.min_off]);
    let bound = walk.checked.pump_steps_bound(pump);
    walk.must(Owner::Part(part), rule, 0, on[..bound].iter().all(|on| *on == pump.initially_on));
    let (power, heat) = (walk.column(part, Quantity::Power), walk.column(part, Quantity::Heat));
    walk.hold(Owner::Part(part), "heat_w is not power_w times cop", |step| {
        ((heat[step] - power[step] * pump.cop.at(step)).abs(), heat[step])
    });
    match &pump.heat {
        Heat::Tank(tank) => super::stores::tank(walk, part, tank),
        Heat::Building(building) => super::stores::building(walk, part, building),
    }
}

pub(super) fn deferrable(walk: &mut Walk<'_>, part: usize, load: &Deferrable) {
    let owner = Owner::Part(part);
    let on = states(walk, part);
    let window = walk.checked.run_window(load);
    for step in (0..walk.steps()).filter(|step| on[*step]) {
        walk.must(owner, "runs outside its window", step, window.contains(&step));
    }
    let first = on.iter().position(|on| *on).unwrap_or(0);
    let ran = on.iter().filter(|on| **on).count();
    if load.contiguous {
        let in_one_go = on[first..].iter().take_while(|on| **on).count() == ran;
        walk.must(owner, "does not run in one go", first, in_one_go);
        let longest = walk.checked.steps_to_cover(first, load.run_time);
        walk.must(owner, "runs longer than its run_time", first, ran <= longest);
        let whole = || walk.checked.whole_run(load, first).map(|run| run.len());
        let not_cut = ran == 0 || whole() == Some(ran) || walk.checked.may_be_cut(load);
        walk.must(owner, "is cut short of its run_time", first, not_cut);
        walk.must(owner, "stops though it was running", 0, !load.running || ran == 0 || on[0]);
    } else {
        let hours = |step: usize| if on[step] { walk.checked.hours[step] } else { 0.0 };
        let (total, longest) = (0..on.len()).map(hours).fold((0.0, 0.0_f64), |(sum, max), h| (sum + h, max.max(h)));
        let surplus = total - walk.checked.run_hours(load);
        walk.must(owner, "runs longer than its run_time", first, surplus < longest.max(1e-9));
        least_time(walk, part, "stops before min_on is over", &on, load.running, [load.min_on, None]);
        for start in (0..on.len()).filter(|step| on[*step] && !(if *step == 0 { load.running } else { on[*step - 1] })) {
            let in_time = walk.checked.may_start(load, start);
            walk.must(owner, "starts too late for min_on", start, in_time);
        }
    }
    let power = walk.column(part, Quantity::Power);
    let takes = |step: usize| match (on[step], load.shape_w.is_empty()) {
        (false, _) => 0.0,
        (true, true) => load.power_w,
        (true, false) => load.shape_w.get(step - first).copied().unwrap_or(f64::NAN),
    };
    walk.hold(owner, "power_w is not what the load takes", |step| {
        ((power[step] - takes(step)).abs(), load.power_w.max(power[step]))
    });
}

/// What a battery is counted on for is in it, and could be given beside what it gives.
pub(super) fn battery_reserve(walk: &mut Walk<'_>, part: usize, battery: &crate::optimize::Battery) {
    let (charge, discharge) = (walk.column(part, Quantity::Charge), walk.column(part, Quantity::Discharge));
    let (energy, reserve) = (walk.column(part, Quantity::Energy), walk.column(part, Quantity::Reserve));
    let checked = walk.checked;
    let Some(terms) = checked.site.reserve.as_ref().map(|reserve| checked.reserve_terms(reserve)) else {
        walk.hold(Owner::Part(part), "reserve_w though the site asks for none", |step| (reserve[step], 0.0));
        return;
    };
    walk.hold(Owner::Part(part), "reserve_w is more than it could give more", |step| {
        let limit = checked.battery_limits_w(battery, step).1;
        (reserve[step] + discharge[step] - charge[step] - limit, limit)
    });
    walk.hold(Owner::Part(part), "reserve_w is more than its energy can give", |step| {
        let spare_wh = (energy[step] - checked.energy_bounds(battery, step).min_wh).max(0.0);
        (reserve[step] - spare_wh * battery.discharge_efficiency / terms.0, reserve[step])
    });
}

/// The reserve that is missing in each step, in W; nothing where less is missing than tolerances allow.
pub(super) fn missing_reserve(walk: &Walk<'_>) -> Option<Vec<f64>> {
    let reserve = walk.checked.site.reserve.as_ref()?;
    let mut asked: Vec<f64> = (0..walk.steps()).map(|step| reserve.up_w.at(step)).collect();
    for (part, asset) in walk.checked.assets() {
        let (quantity, share) = match asset {
            Asset::Load(_) => (Quantity::Served, reserve.share_of_load),
            Asset::Pv(_) => (Quantity::Used, reserve.share_of_sources),
            Asset::Battery(_) | Asset::Genset(_) => (Quantity::Reserve, -1.0),
            _ => continue,
        };
        for (asked, of) in asked.iter_mut().zip(walk.column(part, quantity)) {
            *asked += share * of;
        }
    }
    Some(asked.into_iter().map(|missing| if missing > tolerance(0.0) { missing } else { 0.0 }).collect())
}
