//! History without any network: open a folder, write, ask.
//!
//! `cargo run -p memcore-examples --example embedded`

use memcore::model::{Timestamp, Unit};
use memcore::{Aggregate, Every, Query};

fn main() -> memcore::Result<()> {
    let folder = std::env::temp_dir().join(format!("memcore-embedded-{}", std::process::id()));
    let mem = memcore::open(&folder)?;

    // A kilowatt on the longest day of the year in Berlin: the night on which clocks go back.
    let start: Timestamp = "2025-10-26T00:00:00+02:00".parse()?;
    let times: Vec<_> =
        (0..25 * 60).map(|minute| Timestamp::from_micros(start.as_micros() + minute * 60_000_000)).collect();
    let written = mem.write(&"home1.house.power".parse()?, &times, &vec![Some(1.0); times.len()], Some(Unit::Kilowatt))?;

    let days = Query::of("home1.*.power")?
        .every(Every::parse("1d", Some("Europe/Berlin"))?)
        .aggregate(Aggregate::Mean)
        .aggregate(Aggregate::Count);
    for series in mem.query(&days)?.series() {
        let (mean, count) = (series.column("mean").map(|mean| mean.value(0)), series.counts().map(|count| count.value(0)));
        println!("{}: {written} written; that day has {count:?} minutes of {mean:?} W", series.series());
    }
    mem.close()?;
    std::fs::remove_dir_all(&folder).map_err(|e| memcore::Error::io("clean up", e))
}
