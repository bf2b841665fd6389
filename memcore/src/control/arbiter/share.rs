//! How the power of a group is shared out among its members.

use crate::control::ShareBy;

/// A member that can take some of what is shared out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taker {
    pub(super) place: usize,
    /// Where it stands, in W; after sharing, what it comes to.
    pub(super) at_w: f64,
    pub(super) low_w: f64,
    pub(super) high_w: f64,
    /// Between zero and this, on either side, it cannot run.
    pub(super) least_w: f64,
    /// Whether it runs already: who runs goes on before another is started.
    pub(super) running: bool,
    /// The share of power that does what it is for: of what it takes, and of what it gives.
    pub(super) efficiency: (f64, f64),
    /// What it can still take, and what it can still give, in Wh.
    pub(super) room_wh: (f64, f64),
}

impl Taker {
    /// What it can still move in that direction, in W.
    fn can(&self, up: bool) -> f64 {
        let can = if up { self.high_w - self.at_w } else { self.at_w - self.low_w };
        can.max(0.0)
    }

    /// Whether it came to a power that it cannot run with.
    fn stuck(&self) -> bool {
        self.at_w != 0.0 && self.at_w.abs() < self.least_w * (1.0 - 1e-9) && self.low_w <= 0.0 && self.high_w >= 0.0
    }
}

/// Moves takers by an amount in all, in W, positive or negative, each inside its bounds. Says what nobody could take.
///
/// Whoever would come to less than its least power is left out, those that do not run first, and its share returns to the others.
pub(super) fn share(by: ShareBy, amount_w: f64, takers: &mut [Taker]) -> f64 {
    let up = amount_w > 0.0;
    let from: Vec<Taker> = takers.to_vec();
    let mut out = vec![false; takers.len()];
    loop {
        let rest = match by {
            ShareBy::Headroom | ShareBy::Soc => evenly(by, amount_w.abs(), up, takers, &out),
            ShareBy::Order | ShareBy::Efficiency => one_by_one(by, amount_w.abs(), up, takers, &out),
        };
        // Who is left out: of those that cannot run with their share the last that does not run yet.
        let stuck = (0..takers.len()).filter(|i| !out[*i] && takers[*i].stuck()).max_by_key(|i| (!takers[*i].running, *i));
        let Some(leaves) = stuck else { return if up { rest } else { -rest } };
        takers.copy_from_slice(&from);
        out[leaves] = true;
    }
}

/// All at once, by their weights; who has enough leaves the rest to the others.
fn evenly(by: ShareBy, amount_w: f64, up: bool, takers: &mut [Taker], out: &[bool]) -> f64 {
    let mut rest = amount_w;
    let mut full: Vec<bool> = takers.iter().zip(out).map(|(taker, out)| *out || taker.can(up) <= 0.0).collect();
    let weights: Vec<f64> = takers.iter().map(|taker| weight(by, taker, up)).collect();
    while rest > 0.0 {
        let open = (0..takers.len()).filter(|i| !full[*i]);
        let total: f64 = open.clone().map(|i| weights[i]).sum();
        if open.clone().next().is_none() {
            break;
        }
        let count = open.clone().count() as f64;
        let part = |i: usize| if total > 0.0 { rest * weights[i] / total } else { rest / count };
        let filled: Vec<usize> = open.clone().filter(|i| part(*i) >= takers[*i].can(up)).collect();
        if filled.is_empty() {
            let parts: Vec<(usize, f64)> = open.map(|i| (i, part(i))).collect();
            parts.into_iter().for_each(|(i, part)| takers[i].at_w += if up { part } else { -part });
            return 0.0;
        }
        for i in filled {
            rest -= takers[i].can(up);
            takers[i].at_w = if up { takers[i].high_w } else { takers[i].low_w };
            full[i] = true;
        }
    }
    rest.max(0.0)
}

fn weight(by: ShareBy, taker: &Taker, up: bool) -> f64 {
    match by {
        ShareBy::Soc if up => taker.room_wh.0.max(0.0),
        ShareBy::Soc => taker.room_wh.1.max(0.0),
        _ => taker.can(up),
    }
}

/// One after the other.
fn one_by_one(by: ShareBy, amount_w: f64, up: bool, takers: &mut [Taker], out: &[bool]) -> f64 {
    let mut order: Vec<usize> = (0..takers.len()).filter(|i| !out[*i]).collect();
    if by == ShareBy::Efficiency {
        let efficiency = |taker: &Taker| if up { taker.efficiency.0 } else { taker.efficiency.1 };
        let key = |i: usize| (efficiency(&takers[i]), takers[i].running);
        order.sort_by(|a, b| key(*b).partial_cmp(&key(*a)).unwrap_or(std::cmp::Ordering::Equal));
    }
    let mut rest = amount_w;
    for i in order {
        let part = rest.min(takers[i].can(up));
        takers[i].at_w += if up { part } else { -part };
        rest -= part;
    }
    rest.max(0.0)
}
