//! When a vehicle must charge with all power to be ready for its departure.

use std::time::Duration;

use super::View;
use crate::control::CheckedAsset;
use crate::model::Timestamp;

/// The departure of a charger's vehicle.
#[derive(Debug, Clone)]
pub(super) struct Departure {
    /// How much earlier than it must it charges.
    ready_before: Duration,
    /// The departure for which it charges with all power, once it has to: it does so until then or until it has its target.
    until: Option<Timestamp>,
}

impl Departure {
    pub(super) fn new(ready_before: Duration) -> Self {
        Self { ready_before, until: None }
    }

    /// The vehicle is away.
    pub(super) fn forget(&mut self) {
        self.until = None;
    }

    /// The departure for which it has to charge with all power by now. None where its state of charge is not known.
    pub(super) fn presses(&mut self, asset: &CheckedAsset, soc: Option<f64>, view: &View<'_>) -> Option<Timestamp> {
        let (vehicle, soc) = asset.described.vehicle.as_ref().zip(soc)?;
        let now = view.now.wall;
        if soc >= vehicle.target_soc {
            self.until = None;
        } else if self.until.is_none_or(|until| until <= now) {
            let lacks_wh = (vehicle.target_soc - soc) * vehicle.capacity_wh / vehicle.charge_efficiency;
            let takes_s = (lacks_wh / asset.high_w * 3_600.0).clamp(0.0, 1e6);
            let takes = Duration::from_secs_f64(takes_s) + self.ready_before;
            let departure = asset.departure.and_then(|time| time.next_after(now, &view.model.zone));
            self.until = departure.filter(|departure| departure.since(now).to_duration() <= takes);
        }
        self.until
    }
}
