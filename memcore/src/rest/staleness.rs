//! When a value is too old to be shown as what is.

use crate::model::{Channel, Kind, Span, Timestamp};

/// A channel that says nothing of its age is stale after so long.
const USUAL: Span = Span::from_seconds(300);
/// So many cadences may pass without a value.
const CADENCES: i64 = 3;
/// What comes every second may be late by more than three.
const LEAST: Span = Span::from_seconds(15);

/// How old the latest value of a channel may be: what the channel declares, else three times its cadence, else five minutes. A state
/// that is only sent when it changes, and declares nothing, does not age.
pub(super) fn max_age(channel: &Channel) -> Option<Span> {
    let by_cadence = |cadence: Span| Span::from_micros(cadence.as_micros().saturating_mul(CADENCES)).max(LEAST);
    let usual = matches!(channel.kind, Kind::Gauge | Kind::Counter).then_some(USUAL);
    channel.max_age.or(channel.cadence.map(by_cadence)).or(usual)
}

/// Whether a value of that time is stale by now.
pub(super) fn is_stale(channel: &Channel, time: Timestamp, now: Timestamp) -> bool {
    max_age(channel).is_some_and(|most| now.since(time) > most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Quantity, Unit};

    #[test]
    fn what_a_channel_declares_goes_before_what_is_usual() {
        let seconds = Span::from_seconds;
        let power = || Channel::gauge("power", Unit::Watt).unwrap();
        assert_eq!(max_age(&power().build().unwrap()), Some(seconds(300)));
        assert_eq!(max_age(&power().cadence(seconds(60)).build().unwrap()), Some(seconds(180)));
        assert_eq!(max_age(&power().cadence(seconds(1)).build().unwrap()), Some(seconds(15)));
        assert_eq!(max_age(&power().cadence(seconds(60)).max_age(seconds(10)).build().unwrap()), Some(seconds(10)));
        let switch = Channel::of("switch", Quantity::Switch, Unit::OnOff).unwrap().build().unwrap();
        assert_eq!(max_age(&switch), None);
        let (then, channel) = (Timestamp::from_seconds(0), power().build().unwrap());
        assert!(
            !is_stale(&channel, then, Timestamp::from_seconds(300))
                && is_stale(&channel, then, Timestamp::from_seconds(301))
        );
    }
}
