//! Wishes nested by priority (C3), before limits on sums: what each asset is to do, who moved it there, and what is claimed in
//! which order.

use super::book::Standing;
use super::share::{Taker, share};
use super::taker::Takers;
use super::{close, safe_bounds};
use crate::control::{Cause, CheckedModel, Interlocks, Limited, ProposalId, ShareBy};

/// Bounds, and why no less and no more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) low_w: f64,
    pub(super) high_w: f64,
    pub(super) low_by: Cause,
    pub(super) high_by: Cause,
}

impl Bounds {
    /// Whether something can still move inside.
    fn free(&self) -> bool {
        !close(self.low_w, self.high_w)
    }

    /// The nearest power inside.
    pub(super) fn nearest(&self, power_w: f64) -> f64 {
        power_w.max(self.low_w).min(self.high_w)
    }

    /// What keeps a power out.
    fn keeps_out(&self, power_w: f64) -> Cause {
        if power_w > self.high_w { self.high_by } else { self.low_by }
    }

    fn raise(&mut self, low_w: f64, by: Cause) {
        if low_w > self.low_w {
            (self.low_w, self.low_by) = (low_w.min(self.high_w), by);
        }
    }

    fn lower(&mut self, high_w: f64, by: Cause) {
        if high_w < self.high_w {
            (self.high_w, self.high_by) = (high_w.max(self.low_w), by);
        }
    }
}

/// An asset while wishes are nested.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) controlled: bool,
    /// What it does while nobody wishes, in W.
    default_w: f64,
    pub(super) bounds: Bounds,
    /// What it is to do; its default while nobody wished.
    pub(super) target_w: f64,
    /// The wish that it follows, by its place in the book.
    pub(super) leader: Option<usize>,
    /// Whether its leader wished for a power, and not only for bounds.
    pub(super) firm: bool,
    /// What moved it away from what its leader wished.
    pub(super) limits: Vec<Limited>,
}

impl Slot {
    /// Back to its default, where only the bounds of that wish moved it away: they may ask for less now.
    fn let_go(&mut self, rank: usize) {
        if self.leader == Some(rank) && !self.firm {
            (self.leader, self.target_w) = (None, self.bounds.nearest(self.default_w));
            self.limits.clear();
        }
    }

    /// It follows that wish now.
    fn lead(&mut self, rank: usize, target_w: f64) {
        (self.leader, self.firm, self.target_w) = (Some(rank), true, target_w);
        self.limits.clear();
    }
}

/// Bounds of the sum of several assets, that hold for every later wish.
#[derive(Debug, Clone)]
pub(super) struct Together<'a> {
    pub(super) by: usize,
    pub(super) id: ProposalId,
    pub(super) members: &'a [usize],
    pub(super) low_w: f64,
    pub(super) high_w: f64,
    /// The power that was wished for, as far as bounds let it.
    pub(super) power_w: Option<f64>,
}

/// A power that a wish claims for an asset.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    /// Whose, by its place in the book: the first comes first.
    pub(super) rank: usize,
    pub(super) place: usize,
    pub(super) power_w: f64,
}

/// Wishes nested.
pub(super) struct Nest<'a> {
    pub(super) slots: Vec<Slot>,
    pub(super) together: Vec<Together<'a>>,
    pub(super) claims: Vec<Claim>,
    /// What kept each wish from being as it was meant, and whether it left any freedom; by its place in the book.
    pub(super) kept_out: Vec<Option<(Cause, bool)>>,
    takers: &'a Takers<'a>,
}

impl<'a> Nest<'a> {
    /// Nests all wishes that stand inside what safety allows.
    pub(super) fn of(model: &CheckedModel, interlocks: &Interlocks, book: &'a [Standing], takers: &'a Takers<'a>) -> Self {
        let slots = model.assets.iter().zip(&interlocks.allowed).map(|(asset, allowed)| {
            let bounds = safe_bounds(allowed);
            let target_w = bounds.nearest(asset.safe_w);
            let (controlled, default_w) = (asset.setpoint.is_some(), asset.safe_w);
            Slot { controlled, default_w, bounds, target_w, leader: None, firm: false, limits: Vec::new() }
        });
        let mut nest = Self {
            slots: slots.collect(),
            together: Vec::new(),
            claims: Vec::with_capacity(book.len() * 2),
            kept_out: vec![None; book.len()],
            takers,
        };
        for (rank, standing) in book.iter().enumerate() {
            match standing.members[..] {
                [place] => nest.wish(rank, standing, place),
                _ => nest.wish_together(rank, standing),
            }
        }
        nest
    }

    /// A wish for one asset.
    fn wish(&mut self, rank: usize, standing: &'a Standing, place: usize) {
        let room = self.room(&[place]);
        let proposal = &standing.proposal;
        self.narrow(rank, standing, place, room);
        let slot = &mut self.slots[place];
        match proposal.power_w {
            Some(power_w) => {
                let target_w = room.nearest(power_w);
                let kept_out = (!close(target_w, power_w)).then(|| room.keeps_out(power_w));
                if room.free() || !slot.firm {
                    slot.lead(rank, target_w);
                    slot.limits.extend(kept_out.map(|cause| Limited { cause, from_w: power_w, to_w: target_w }));
                    self.claim(rank, place, target_w);
                }
                self.kept_out[rank] = kept_out.map(|cause| (cause, room.free()));
            }
            None => {
                let target_w = room.nearest(slot.bounds.nearest(slot.target_w));
                let least_w = slot.bounds.nearest(0.0);
                self.moved(rank, standing.id, place, target_w);
                if least_w != 0.0 {
                    self.claim(rank, place, least_w);
                }
            }
        }
        self.settle();
    }

    /// Narrows the bounds of an asset as a wish asks, as far as the room that is left allows.
    fn narrow(&mut self, rank: usize, standing: &Standing, place: usize, room: Bounds) {
        let proposal = &standing.proposal;
        let exact = proposal.power_w.filter(|_| proposal.low_w.is_none() && proposal.high_w.is_none());
        let by = Cause::Actor(standing.id.0);
        for (wished, lowest) in [(proposal.low_w.or(exact), true), (proposal.high_w.or(exact), false)] {
            let Some(wished) = wished else { continue };
            let granted = room.nearest(wished);
            let binds = if lowest { wished > granted } else { wished < granted };
            if binds && !close(wished, granted) {
                self.kept_out[rank] = Some((room.keeps_out(wished), room.free()));
            }
            let bounds = &mut self.slots[place].bounds;
            if lowest { bounds.raise(granted, by) } else { bounds.lower(granted, by) }
        }
    }

    /// A wish for several assets together.
    fn wish_together(&mut self, rank: usize, standing: &'a Standing) {
        let (members, proposal) = (&standing.members[..], &standing.proposal);
        let room = self.room(members);
        let exact = proposal.power_w.filter(|_| proposal.low_w.is_none() && proposal.high_w.is_none());
        let low_w = proposal.low_w.or(exact).map_or(f64::NEG_INFINITY, |low| room.nearest(low));
        let high_w = proposal.high_w.or(exact).map_or(f64::INFINITY, |high| room.nearest(high));
        let wished = [
            proposal.power_w,
            proposal.low_w.filter(|low| *low > room.high_w),
            proposal.high_w.filter(|h| *h < room.low_w),
        ];
        let kept_out = wished.into_iter().flatten().find(|wished| !close(room.nearest(*wished), *wished));
        self.kept_out[rank] = kept_out.map(|wished| (room.keeps_out(wished), room.free()));
        let power_w = proposal.power_w.map(|power| room.nearest(power));
        self.together.push(Together { by: rank, id: standing.id, members, low_w, high_w, power_w });
        if let (Some(wished), Some(power_w)) = (proposal.power_w, power_w) {
            self.hand_out(rank, standing, wished, power_w);
        }
        self.settle();
    }

    /// Shares a power out: first among those that nobody wished otherwise for, then inside the bounds of those.
    fn hand_out(&mut self, rank: usize, standing: &Standing, wished_w: f64, power_w: f64) {
        let (led, open): (Vec<usize>, Vec<usize>) = standing.members.iter().partition(|place| self.slots[**place].firm);
        let stands: f64 = led.iter().map(|place| self.slots[*place].target_w).sum();
        let mut takers: Vec<Taker> =
            open.iter().map(|place| self.takers.at_rest(*place, &self.slots[*place].bounds)).collect();
        let start: f64 = takers.iter().map(|taker| taker.at_w).sum();
        let rest = share(standing.share_by, power_w - stands - start, &mut takers);
        for taker in &takers {
            let slot = &mut self.slots[taker.place];
            slot.lead(rank, taker.at_w);
            if let Some((cause, _)) = self.kept_out[rank] {
                slot.limits.push(Limited { cause, from_w: wished_w, to_w: power_w });
            }
            if !close(taker.at_w, power_w) {
                slot.limits.push(Limited { cause: Cause::Shared, from_w: power_w, to_w: taker.at_w });
            }
            self.claim(rank, taker.place, taker.at_w);
        }
        if !close(rest, 0.0) {
            self.shift(rank, standing.id, &led, rest);
        }
    }

    /// Moves an asset for a wish that it need not follow.
    pub(super) fn moved(&mut self, rank: usize, id: ProposalId, place: usize, target_w: f64) {
        let slot = &mut self.slots[place];
        if close(slot.target_w, target_w) {
            return;
        }
        let cause = if slot.leader == Some(rank) { Cause::Shared } else { Cause::Actor(id.0) };
        let from_w = std::mem::replace(&mut slot.target_w, target_w);
        match slot.limits.last_mut() {
            _ if slot.leader.is_none() => slot.leader = Some(rank),
            Some(last) if last.cause == cause => last.to_w = target_w,
            _ => slot.limits.push(Limited { cause, from_w, to_w: target_w }),
        }
    }

    /// Moves assets by an amount in all, as if by a wish.
    fn shift(&mut self, rank: usize, id: ProposalId, places: &[usize], amount_w: f64) -> f64 {
        let slots = &self.slots;
        let takers = places.iter().map(|place| self.takers.at(*place, slots[*place].target_w, &slots[*place].bounds));
        let mut takers: Vec<Taker> = takers.collect();
        let rest = share(ShareBy::Headroom, amount_w, &mut takers);
        for taker in takers {
            self.moved(rank, id, taker.place, taker.at_w);
            self.claim(rank, taker.place, taker.at_w);
        }
        rest
    }

    /// Brings sums back inside the bounds that wishes for several assets set: those move first that follow such a wish or none.
    fn settle(&mut self) {
        for i in 0..self.together.len() {
            let Together { by, id, members, low_w, high_w, .. } = self.together[i];
            for place in members {
                self.slots[*place].let_go(by);
            }
            let sum: f64 = members.iter().map(|place| self.slots[*place].target_w).sum();
            let off = sum.max(low_w).min(high_w) - sum;
            if close(off, 0.0) {
                continue;
            }
            let own = |place: &&usize| !self.slots[**place].firm || self.slots[**place].leader == Some(by);
            let (first, then): (Vec<usize>, Vec<usize>) = members.iter().partition(own);
            let rest = self.shift(by, id, &first, off);
            if !close(rest, 0.0) {
                self.shift(by, id, &then, rest);
            }
        }
    }

    /// Where assets can go together, inside their own bounds and those of all sums that they are in.
    fn room(&self, members: &[usize]) -> Bounds {
        let (first, rest) = members.split_first().expect("a wish is for some asset");
        let mut room = self.slots[*first].bounds;
        for place in rest {
            let bounds = self.slots[*place].bounds;
            room.low_w += bounds.low_w;
            room.high_w += bounds.high_w;
        }
        for together in &self.together {
            let inside = members.iter().all(|place| together.members.contains(place));
            if inside {
                let others = together.members.iter().filter(|place| !members.contains(place));
                let others = others.map(|place| self.slots[*place].bounds);
                let (low, high) = others.fold((0.0, 0.0), |sum, bounds| (sum.0 + bounds.low_w, sum.1 + bounds.high_w));
                let by = Cause::Actor(together.id.0);
                room.raise(together.low_w - high, by);
                room.lower(together.high_w - low, by);
            }
        }
        room
    }

    /// Claims a power for an asset, in the place of what the same wish claimed for it before.
    pub(super) fn claim(&mut self, rank: usize, place: usize, power_w: f64) {
        let same = |claim: &&mut Claim| claim.rank == rank && claim.place == place;
        match self.claims.iter_mut().rev().find(same) {
            Some(claim) => claim.power_w = power_w,
            None => self.claims.push(Claim { rank, place, power_w }),
        }
    }
}
