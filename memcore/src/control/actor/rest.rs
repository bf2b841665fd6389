//! What the rest of the site draws beside some assets, though meters tell late.
//!
//! The rest is the grid's power less that of the assets. While these move, or the grid meter cannot have told yet what they did, the
//! two readings belong to different moments and their difference is none of the site's: such readings are passed over. A controller
//! that answers the rest therefore never answers its own doing a second time, which is what makes late meters swing.

use std::time::Duration;

use super::{Measure, View};

/// Follows the rest of a site.
#[derive(Debug, Clone)]
pub(super) struct Rest {
    members: Vec<usize>,
    /// Changes up to this are no movement, in W.
    still_w: f64,
    /// How late the grid meter tells what the assets did.
    meter_delay: Duration,
    /// How long the assets may take to do what was decided; readings are passed over no longer than that.
    settle: Duration,
    known: Option<Known>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    given_w: f64,
    asked_w: f64,
    asked_at: Duration,
    moved_at: Option<Duration>,
    taken_at: Duration,
    rest_w: f64,
}

/// What was seen of the site.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Seen {
    /// The grid's power, in W.
    pub(super) grid_w: f64,
    /// What the rest draws, in W, as far as is known.
    pub(super) rest_w: f64,
    /// What was decided for the assets less what they give, in W.
    pub(super) lag_w: f64,
    /// Whether all of that is of now: not while assets move.
    pub(super) settled: bool,
}

impl Rest {
    pub(super) fn new(members: Vec<usize>, still_w: f64, meter_delay: Duration, settle: Duration) -> Self {
        Self { members, still_w, meter_delay, settle, known: None }
    }

    /// Looks at the site; None, and all is forgotten, where the grid meter or an asset is not known for the present.
    pub(super) fn look(&mut self, view: &View<'_>) -> Option<Seen> {
        let powers = || self.members.iter().map(|place| view.power_w(*place));
        let Some((grid_w, given_w)) = view.grid_w().zip(powers().sum::<Option<f64>>()) else {
            self.known = None;
            return None;
        };
        let told_at = view.situation.last(view.model.grid?, Measure::Power)?.seen;
        let decided = self.members.iter().map(|place| (view.decided_w[*place], view.power_w(*place).unwrap_or_default()));
        let asked_w = decided.map(|(asked, given)| if asked.is_nan() { given } else { asked }).sum::<f64>();
        let now = view.now.elapsed;
        let rest_w = grid_w - given_w;
        let first = Known { given_w, asked_w, asked_at: now, moved_at: None, taken_at: now, rest_w };
        let known = self.known.get_or_insert(first);
        if (asked_w - known.asked_w).abs() > 1.0 {
            known.asked_at = now;
        }
        let follows = (asked_w - given_w).abs() <= self.still_w || now.saturating_sub(known.asked_at) >= self.settle;
        if !follows || (given_w - known.given_w).abs() > self.still_w {
            known.moved_at = Some(now);
        }
        (known.asked_w, known.given_w) = (asked_w, given_w);
        let told = known.moved_at.is_none_or(|moved_at| told_at >= moved_at + self.meter_delay);
        let settled = told || now.saturating_sub(known.taken_at) >= self.settle;
        if settled {
            (known.taken_at, known.rest_w) = (now, rest_w);
        }
        Some(Seen { grid_w, rest_w: known.rest_w, lag_w: asked_w - given_w, settled })
    }
}
