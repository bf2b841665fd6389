//! Whether a site is about to go dark: more is drawn than the grid or what forms it may give, the frequency falls, the battery of an
//! island is empty.

use std::time::Duration;

use super::checks::{below, grid_meter, in_watts, length, measures, within};
use super::{LoadShedding, Measure, View};
use crate::control::{CheckedModel, Role};
use crate::error::{Error, Result};

/// How a site is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Condition {
    /// So many W are too much; zero where it is not known how many.
    Bad(f64),
    /// Neither bad nor known to be well.
    Unsure,
    Well,
}

/// Watches a site. What is not known is neither bad nor well.
#[derive(Debug)]
pub(super) struct Distress {
    import_limit_w: Option<f64>,
    /// What forms the grid of an island, and the most that it can give, in W.
    forming: Option<(usize, f64)>,
    overload_for: Duration,
    /// Since when there is an overload.
    overload: Option<Duration>,
    /// Bad below the first, well from the second on, as the asset at that place measures it.
    hz: Option<(f64, f64, usize)>,
    /// Bad below the first, well from the second on.
    soc: Option<(f64, f64)>,
    batteries: Vec<usize>,
}

impl Distress {
    pub(super) fn new(settings: &LoadShedding, model: &CheckedModel) -> Result<Self> {
        let batteries: Vec<usize> =
            (0..model.assets.len()).filter(|place| model.assets[*place].role == Role::Battery).collect();
        let import_limit_w = settings.import_limit_w.map(|limit_w| in_watts("import_limit_w", limit_w)).transpose()?;
        if import_limit_w.is_some() {
            grid_meter(model)?;
        }
        let forming =
            model.forming.map(|place| (place, -model.assets[place].low_w)).filter(|(_, most_w)| most_w.is_finite());
        let distress = Self {
            import_limit_w,
            forming,
            overload_for: length("overload_for", settings.overload_for)?,
            overload: None,
            hz: hz(settings, model)?,
            soc: soc(settings, model, &batteries)?,
            batteries,
        };
        match distress {
            Self { import_limit_w: None, forming: None, hz: None, soc: None, .. } => {
                Err(Error::invalid("nothing says when to shed, expected import_limit_w, under_hz or island_soc"))
            }
            distress => Ok(distress),
        }
    }

    /// How the site is now; well only if `back_w` more from the grid would do.
    pub(super) fn look(&mut self, back_w: f64, view: &View<'_>) -> Condition {
        let (mut bad, mut well, mut excess_w) = (false, true, 0.0);
        if let Some((drawn_w, limit_w)) = self.supply(view) {
            excess_w = drawn_w.map_or(0.0, |drawn_w| (drawn_w - limit_w).max(0.0));
            self.overload = (excess_w > 0.0).then(|| self.overload.unwrap_or(view.now.elapsed));
            bad |= self.overload.is_some_and(|since| view.now.elapsed.saturating_sub(since) >= self.overload_for);
            well &= drawn_w.is_some_and(|drawn_w| drawn_w + back_w <= limit_w);
        }
        if let Some((under, back, meter)) = self.hz {
            let hz = view.fresh(meter, Measure::Frequency);
            bad |= hz.is_some_and(|hz| hz < under);
            well &= hz.is_some_and(|hz| hz >= back);
        }
        if let Some((under, back)) = self.soc.filter(|_| view.grid_present() != Some(true)) {
            let socs = || self.batteries.iter().map(|place| view.fresh(*place, Measure::Soc));
            bad |= socs().flatten().any(|soc| soc < under);
            well &= socs().all(|soc| soc.is_some_and(|soc| soc >= back));
        }
        match (bad, well) {
            (true, _) => Condition::Bad(excess_w),
            (_, true) => Condition::Well,
            _ => Condition::Unsure,
        }
    }

    /// What the site draws from the grid or from what forms it, where that is known, and the most that it may, in W.
    fn supply(&self, view: &View<'_>) -> Option<(Option<f64>, f64)> {
        if view.grid_present() == Some(false) {
            return self.forming.map(|(place, most_w)| (view.power_w(place).map(|power_w| -power_w), most_w));
        }
        self.import_limit_w.map(|limit_w| (view.grid_w(), limit_w))
    }
}

fn hz(settings: &LoadShedding, model: &CheckedModel) -> Result<Option<(f64, f64, usize)>> {
    let meter = measures(model, settings.meter.as_ref(), Measure::Frequency);
    let island = model.model.island.is_some() && meter.is_ok();
    let Some(under) = settings.under_hz.or(island.then_some(49.0)) else { return Ok(None) };
    let back = within("back_hz", settings.back_hz.unwrap_or(under + 0.5), 10.0, 100.0)?;
    below(("under_hz", within("under_hz", under, 10.0, 100.0)?), ("back_hz", back))?;
    Ok(Some((under, back, meter?)))
}

fn soc(settings: &LoadShedding, model: &CheckedModel, batteries: &[usize]) -> Result<Option<(f64, f64)>> {
    let lowest = batteries.iter().filter_map(|place| model.assets[*place].storage.as_ref()).map(|storage| storage.min_soc);
    let lowest = lowest.reduce(f64::max).filter(|_| model.model.island.is_some());
    let Some(under) = settings.island_soc.or(lowest.map(|lowest| lowest + 0.05)) else { return Ok(None) };
    let back = within("back_soc", settings.back_soc.unwrap_or(under + 0.1), 0.0, 1.0)?;
    below(("island_soc", within("island_soc", under, 0.0, 1.0)?), ("back_soc", back))?;
    Ok(Some((under, back)))
}
