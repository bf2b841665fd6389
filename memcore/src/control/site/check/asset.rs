//! What an asset may say: fields that fit its role, powers that fit each other.

use super::report::{Allowed, Part, written};
use super::stores;
use crate::control::site::{Asset, PhaseUse, Role, SetpointUnit};
use crate::model::Span;

/// Below this many W a charger, battery or genset is none: the number is in kW.
const IN_KW_W: f64 = 25.0;
/// Nothing runs or rests longer than this by force.
const LONGEST_MINIMUM: Span = Span::from_seconds(86_400);

/// Everything that an asset says by itself.
pub(super) fn asset(part: &mut Part<'_>, asset: &Asset) {
    fitting(part, asset);
    let range = asset.range();
    if range_fits(part, asset) {
        powers(part, asset, range);
        control(part, asset, range);
        stores::stores(part, asset, range);
    }
    conductors(part, asset);
    times(part, asset);
}

/// The field was given, though a role has no use for it.
fn fitting(part: &mut Part<'_>, asset: &Asset) {
    use Role::{Battery, Charger, Genset, HeatPump, Load, Switch};
    let role = asset.role;
    let fits = |roles: &[Role]| roles.contains(&role);
    let controlled = !role.is_meter();
    let given = [
        ("setpoint", asset.setpoint.is_some(), controlled, "what is controlled: a meter only measures"),
        ("phase_setpoint", asset.phase_setpoint.is_some(), fits(&[Charger]), "a charger"),
        ("soc", asset.soc.is_some(), fits(&[Battery, Charger]), "a battery or charger"),
        ("connected", asset.connected.is_some(), fits(&[Charger]), "a charger"),
        ("temperature", asset.temperature.is_some(), fits(&[HeatPump]), "a heat pump"),
        ("range_w", asset.range_w.is_some(), controlled, "what draws or gives power: a meter only measures"),
        ("least_w", asset.least_w != 0.0, controlled && role != Switch, "what is controlled in steps or without"),
        ("step_w", asset.step_w.is_some(), controlled && role != Switch, "what is controlled in steps"),
        ("levels_w", !asset.levels_w.is_empty(), controlled, "what is controlled in levels"),
        ("ramp_w_per_s", asset.ramp_w_per_s.is_some(), controlled && role != Switch, "what is controlled by its power"),
        ("min_on", asset.min_on.is_some(), controlled, "what is controlled"),
        ("min_off", asset.min_off.is_some(), controlled, "what is controlled"),
        ("safe_w", asset.safe_w.is_some(), controlled, "what is controlled"),
        ("shed_order", asset.shed_order.is_some(), fits(&[Load, Switch, HeatPump, Charger]), "what can be shed: a load"),
        ("storage", asset.storage.is_some(), fits(&[Battery]), "a battery"),
        ("vehicle", asset.vehicle.is_some(), fits(&[Charger]), "a charger"),
        ("fuel", asset.fuel.is_some(), fits(&[Genset]), "a genset"),
        ("heat", asset.heat.is_some(), fits(&[HeatPump]), "a heat pump"),
        ("cop", asset.cop.is_some(), fits(&[HeatPump]), "a heat pump"),
    ];
    for (field, _, _, whose) in given.into_iter().filter(|(_, given, fits, _)| *given && !fits) {
        part.fault(field, format_args!("does not fit role {role}: it is for {whose}"));
    }
}

/// The range is there where it must be, its ends are in order, and their signs fit the role.
fn range_fits(part: &mut Part<'_>, asset: &Asset) -> bool {
    let role = asset.role;
    if !levels_fit(part, asset) {
        return false;
    }
    let Some([low, high]) = asset.range() else {
        let needed = asset.setpoint.is_some() || role == Role::Battery;
        if needed && !role.is_meter() {
            part.fault("range_w", format_args!("is not given, expected such as {}", example(role)));
        }
        return !needed;
    };
    let is = written([low, high]);
    if !(part.number("range_w", low, Allowed::Any) && part.number("range_w", high, Allowed::Any)) {
        return false;
    }
    if low > high {
        part.fault("range_w", format_args!("is {is}, expected the lower power first: {}", written([high, low])));
        return false;
    }
    let sources = role.is_source() && (high > 0.0 || low == 0.0);
    let loads = matches!(role, Role::HeatPump | Role::Load | Role::Switch) && (low < 0.0 || high == 0.0);
    if sources {
        let meant = if low >= 0.0 && high > 0.0 { written([-high, 0.0]) } else { written([low.min(-1.0), 0.0]) };
        part.fault("range_w", format_args!("is {is}, expected such as {meant}: power flows out of a {role}"));
    } else if loads {
        let meant = written([0.0, high.max(-low)]);
        part.fault("range_w", format_args!("is {is}, expected such as {meant}: power flows into a {role}"));
    } else if low > 0.0 || high < 0.0 || low == high {
        let hint = "it must be able to do nothing; the least power while it runs is least_w";
        part.fault("range_w", format_args!("is {is}, expected from zero or below to zero or above: {hint}"));
    } else if role == Role::Charger && high == 0.0 {
        part.fault("range_w", format_args!("is {is}, expected such as [0, 11000]: a charger takes power in"));
    } else {
        return true;
    }
    false
}

fn example(role: Role) -> &'static str {
    match role {
        Role::Battery => "[-5000, 5000]",
        Role::Pv | Role::Genset => "[-8000, 0]",
        Role::Charger => "[0, 11000]",
        _ => "[0, 3000]",
    }
}

/// Levels ascend and hold zero.
fn levels_fit(part: &mut Part<'_>, asset: &Asset) -> bool {
    let levels = &asset.levels_w;
    if levels.is_empty() {
        return true;
    }
    if !levels.iter().all(|level| part.number("levels_w", *level, Allowed::Any)) {
        return false;
    }
    let why = if levels.windows(2).any(|pair| pair[0] >= pair[1]) {
        "expected in ascending order, each once"
    } else if !levels.contains(&0.0) {
        "expected 0 among them: it must be able to do nothing"
    } else if let Some([low, high]) = asset.range_w
        && levels.iter().any(|level| *level < low || *level > high)
    {
        part.fault("levels_w", format_args!("is {levels:?}, expected within range_w of {}", written([low, high])));
        return false;
    } else {
        return true;
    };
    part.fault("levels_w", format_args!("is {levels:?}, {why}"));
    false
}

/// Least power, steps, ramp, what is safe and what is assumed fit the range.
fn powers(part: &mut Part<'_>, asset: &Asset, range: Option<[f64; 2]>) {
    let least_good = part.number("least_w", asset.least_w, Allowed::ZeroOrAbove);
    let step_good = part.optional("step_w", asset.step_w, Allowed::AboveZero);
    part.optional("ramp_w_per_s", asset.ramp_w_per_s, Allowed::AboveZero);
    let safe_good = part.optional("safe_w", asset.safe_w, Allowed::Any);
    let assumed_good = part.optional("assumed_w", asset.assumed_w, Allowed::Any);
    if asset.step_w.is_some() && !asset.levels_w.is_empty() {
        part.fault("step_w", "is given beside levels_w, expected one of them");
    }
    let Some([low, high]) = range else { return };
    let is = written([low, high]);
    let reach = [-low, high].into_iter().filter(|side| *side > 0.0).fold(f64::INFINITY, f64::min);
    if least_good && asset.least_w > reach {
        part.fault("least_w", format_args!("is {}, expected at most {reach}: range_w is {is}", asset.least_w));
    }
    if let Some(step) = asset.step_w.filter(|step| step_good && *step > high - low) {
        part.fault("step_w", format_args!("is {step}, expected at most {}: range_w is {is}", high - low));
    }
    if let Some(level) = asset.levels_w.iter().find(|level| **level != 0.0 && level.abs() < asset.least_w) {
        part.fault("levels_w", format_args!("holds {level}, expected 0 or at least least_w of {}", asset.least_w));
    }
    if safe_good {
        safe(part, asset, [low, high]);
    }
    if let Some(assumed) = asset.assumed_w.filter(|assumed| assumed_good && (*assumed < low || *assumed > high)) {
        part.fault("assumed_w", format_args!("is {assumed}, expected within range_w of {is}"));
    }
    in_kw(part, asset, [low, high]);
}

/// What is safe can be done.
fn safe(part: &mut Part<'_>, asset: &Asset, [low, high]: [f64; 2]) {
    let safe = asset.safe();
    let on_off = asset.setpoint_unit == SetpointUnit::OnOff || asset.role == Role::Switch;
    if safe < low || safe > high {
        part.fault("safe_w", format_args!("is {safe}, expected within range_w of {}", written([low, high])));
    } else if safe != 0.0 && safe.abs() < asset.least_w {
        let least = asset.least_w;
        part.fault(
            "safe_w",
            format_args!("is {safe}, expected 0 or at least least_w of {least}: between them it cannot run"),
        );
    } else if !asset.levels_w.is_empty() && !asset.levels_w.contains(&safe) {
        part.fault("safe_w", format_args!("is {safe}, expected one of levels_w: {:?}", asset.levels_w));
    } else if on_off && asset.levels_w.is_empty() && safe != 0.0 && safe != low && safe != high {
        let on = if high > 0.0 { high } else { low };
        part.fault("safe_w", format_args!("is {safe}, expected 0 (off) or {on} (on)"));
    } else if let Some(step) = asset.step_w.filter(|step| *step > 0.0 && (safe / step).fract().abs() > 1e-9) {
        part.fault("safe_w", format_args!("is {safe}, expected a multiple of step_w of {step}"));
    }
}

/// A range that is so small that it must be in kW.
fn in_kw(part: &mut Part<'_>, asset: &Asset, [low, high]: [f64; 2]) {
    let largest = high.max(-low);
    if largest >= IN_KW_W || largest == 0.0 {
        return;
    }
    let (is, meant) = (written([low, high]), written([1_000.0 * low, 1_000.0 * high]));
    match asset.role {
        Role::Battery | Role::Charger | Role::Genset => {
            part.fault("range_w", format_args!("is {is} W, which no {} has: did you mean {meant}?", asset.role));
        }
        _ => part.notice("range_w", format_args!("is {is} W: if it is in kW, give {meant}")),
    }
}

/// What controls it fits together.
fn control(part: &mut Part<'_>, asset: &Asset, range: Option<[f64; 2]>) {
    let role = asset.role;
    if asset.setpoint.is_none() {
        uncontrolled(part, asset);
        return;
    }
    if role == Role::Charger && asset.least_w <= 0.0 && asset.levels_w.is_empty() {
        let hint = "no car charges with less than 6 A: 1380 W on one phase of 230 V, 4140 W on three";
        part.fault("least_w", format_args!("is not given, expected such as 1380: {hint}"));
    }
    match asset.setpoint_unit {
        SetpointUnit::OnOff if role == Role::Battery => {
            part.fault("setpoint_unit", "is on_off, expected w or a: a battery is not only switched");
        }
        SetpointUnit::OnOff => on_off(part, asset, range),
        SetpointUnit::A if role == Role::Switch => {
            part.fault("setpoint_unit", "is a, expected on_off: a switch is only switched");
        }
        // Of a switch, `w` is what nobody said.
        SetpointUnit::W if role == Role::Switch => on_off(part, asset, range),
        SetpointUnit::A | SetpointUnit::W => {}
    }
}

fn on_off(part: &mut Part<'_>, asset: &Asset, range: Option<[f64; 2]>) {
    let levels = &asset.levels_w;
    if !levels.is_empty() && levels.len() != 2 {
        part.fault(
            "levels_w",
            format_args!("is {levels:?}, expected two where the setpoint is on_off: 0 and what it draws"),
        );
    }
    if let Some([low, high]) = range.filter(|[low, high]| *low < 0.0 && *high > 0.0) {
        let is = written([low, high]);
        part.fault("range_w", format_args!("is {is}, expected one direction where the setpoint is on_off"));
    }
    if let Some(step) = asset.step_w {
        part.fault("step_w", format_args!("is {step}, expected none where the setpoint is on_off"));
    }
}

/// What only matters to something that is controlled.
fn uncontrolled(part: &mut Part<'_>, asset: &Asset) {
    if asset.phase_setpoint.is_some() {
        part.fault("setpoint", "is not given, though phase_setpoint is: expected both");
    }
    if asset.shed_order.is_some() {
        part.fault("setpoint", "is not given, though shed_order is: what nobody switches cannot be shed");
    }
    let idle = [
        ("step_w", asset.step_w.is_some()),
        ("ramp_w_per_s", asset.ramp_w_per_s.is_some()),
        ("min_on", asset.min_on.is_some()),
        ("min_off", asset.min_off.is_some()),
        ("safe_w", asset.safe_w.is_some()),
    ];
    if !asset.role.is_meter() {
        for (field, _) in idle.into_iter().filter(|(_, given)| *given) {
            part.notice(field, "has no effect: without a setpoint it is not controlled");
        }
    }
}

/// Phases, volts and currents.
fn conductors(part: &mut Part<'_>, asset: &Asset) {
    part.number("volts", asset.volts, Allowed::Within(20.0, 1_000_000.0));
    match (asset.phases, &asset.phase_setpoint) {
        (PhaseUse::Switched, _) if asset.role != Role::Charger => {
            part.fault("phases", format_args!("is switched, expected l1, l2, l3 or three for role {}", asset.role));
        }
        (PhaseUse::Switched, None) => {
            part.fault("phase_setpoint", "is not given, expected the channel that takes 1 or 3: phases is switched");
        }
        (phases, Some(_)) if phases != PhaseUse::Switched && asset.role == Role::Charger => {
            part.fault("phases", "is not switched, though phase_setpoint is given: expected switched");
        }
        _ => {}
    }
    let currents = asset.currents.len();
    let single = matches!(asset.phases, PhaseUse::L1 | PhaseUse::L2 | PhaseUse::L3);
    if !matches!(currents, 0 | 1 | 3) {
        part.fault("currents", format_args!("has {currents} channels, expected 1 or 3, L1 first"));
    } else if currents == 3 && single {
        part.fault("currents", "has 3 channels, expected 1: it is on one phase");
    } else if currents == 1 && !single {
        part.fault("currents", "has 1 channel, expected 3, L1 first: it is on three phases");
    }
}

fn times(part: &mut Part<'_>, asset: &Asset) {
    part.span("period", asset.period, Span::from_millis(10), Span::from_seconds(3_600));
    for (field, span) in [("min_on", asset.min_on), ("min_off", asset.min_off)] {
        if let Some(span) = span {
            part.span(field, span, Span::default(), LONGEST_MINIMUM);
        }
    }
}
