//! Text from outside becomes names, patterns, times, spans, units and channels: nothing panics, and what was taken is read
//! again as it is written.

#![no_main]

use std::fmt::Display;
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use memcore::model::{Channel, ChannelName, CommandId, DeviceName, Name, Pattern, Quantity, SeriesName, Span, Timestamp, Unit};

fuzz_target!(|text: &str| {
    reads_as_written::<Name>(text);
    reads_as_written::<ChannelName>(text);
    reads_as_written::<DeviceName>(text);
    reads_as_written::<CommandId>(text);
    reads_as_written::<Timestamp>(text);
    reads_as_written::<Span>(text);
    reads_as_written::<Unit>(text);
    reads_as_written::<Quantity>(text);
    if let Some(series) = reads_as_written::<SeriesName>(text) {
        assert!(Pattern::from(&series).matches(&series), "{series} does not match itself");
    }
    if let Some(pattern) = reads_as_written::<Pattern>(text)
        && let Some(series) = pattern.exact()
    {
        assert!(pattern.matches(&series), "{pattern} does not match its only series");
    }
    if let Ok(channel) = serde_json::from_str::<Channel>(text)
        && channel.check().is_ok()
    {
        let written = serde_json::to_string(&channel).expect("a channel is written as JSON");
        let again: Channel = serde_json::from_str(&written).expect("a written channel is read");
        channel.check_compatible(&again).expect("a channel is compatible with itself");
    }
});

fn reads_as_written<T: FromStr + Display + PartialEq>(text: &str) -> Option<T> {
    let taken: T = text.parse().ok()?;
    let written = taken.to_string();
    assert!(written.parse::<T>().is_ok_and(|again| again == taken), "{text:?} is written as {written:?}");
    Some(taken)
}
