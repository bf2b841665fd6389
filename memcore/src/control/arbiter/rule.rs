//! What became of each wish, told by what was decided in the end (C8).

use super::{Rulings, Standing, close};
use crate::control::{AssetDecision, Cause};

/// What became of a wish, as a value that costs nothing to compare.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::control) enum Verdict {
    Granted,
    Limited { by: Cause, to_w: f64 },
    Overridden { by: Cause },
}

/// The verdict on every wish that stands, in the order of the book.
pub(in crate::control) fn verdicts<'a>(
    rulings: &'a Rulings,
    book: &'a [Standing],
    decided: &'a [Option<AssetDecision>],
) -> impl Iterator<Item = Verdict> + 'a {
    (0..book.len()).map(|rank| verdict(rulings, rank, book, decided))
}

fn verdict(rulings: &Rulings, rank: usize, book: &[Standing], decided: &[Option<AssetDecision>]) -> Verdict {
    let standing = &book[rank];
    let of = |place: &usize| decided[*place].as_ref().map_or(0.0, |decided| decided.power_w);
    let to_w: f64 = standing.members.iter().map(of).sum();
    let proposal = &standing.proposal;
    let (low, high) = (proposal.low_w.unwrap_or(f64::NEG_INFINITY), proposal.high_w.unwrap_or(f64::INFINITY));
    let wished_w = proposal.power_w.unwrap_or(to_w.max(low).min(high));
    if close(wished_w, to_w) {
        return Verdict::Granted;
    }
    let (kept_out, free) = rulings.kept_out.get(rank).copied().flatten().unzip();
    let by = standing.members.iter().find_map(|place| cause(rulings, rank, *place, book, decided, kept_out));
    let by = by.or(kept_out).unwrap_or(Cause::Capability);
    let nothing = to_w * wished_w <= 0.0;
    if nothing || free == Some(false) { Verdict::Overridden { by } } else { Verdict::Limited { by, to_w } }
}

/// What keeps an asset from what a wish asked of it: what limited it last where it follows that wish; else what kept the wish out,
/// what limited the asset, or the wish that it follows.
fn cause(
    rulings: &Rulings,
    rank: usize,
    place: usize,
    book: &[Standing],
    decided: &[Option<AssetDecision>],
    kept_out: Option<Cause>,
) -> Option<Cause> {
    let leader = rulings.leaders.get(place).copied().flatten();
    let own = Cause::Actor(book[rank].id.0);
    let limits = decided[place].as_ref()?.limits.iter().rev().map(|limit| limit.cause);
    let last = limits.into_iter().find(|cause| *cause != Cause::Shared && *cause != own);
    if leader == Some(rank) {
        return last;
    }
    kept_out.or(last).or_else(|| leader.map(|leader| Cause::Actor(book[leader].id.0)))
}
