//! What the benchmarks measure of control's ticks, in small: that an actor that blocks and a store that compacts keep no tick from coming.
//! How late they come is a figure, not a test.
#![cfg(all(feature = "gateway", feature = "client"))]

#[path = "../../benches/src/control_jitter.rs"]
mod control_jitter;

use std::time::Duration;

use memcore::model::Span;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ticks_come_while_an_actor_blocks_and_the_store_compacts() {
    let folder = tempfile::tempdir().unwrap();
    let jitter = control_jitter::measure(folder.path(), Span::from_millis(50), Duration::from_secs(3)).await.unwrap();
    let (ticks, blocked) = (&jitter.status.ticks, &jitter.status.actors[0]);
    println!("{ticks:?}, {} compactions, {} points", jitter.compactions, jitter.written);
    assert!(jitter.compactions > 0 && jitter.written > 0);
    assert_eq!((blocked.asked, blocked.overran, blocked.busy), (1, 1, true), "nobody waits for it");
    // Each tick was kept, or is counted as missed.
    assert!(ticks.count > 0 && ticks.count + ticks.missed >= 40, "{ticks:?}");
}
