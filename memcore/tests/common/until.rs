//! Waiting for what must come, without a clock in the assertion.

use std::time::Duration;

/// Waits until something is so; a test that waits in vain for half a minute has failed.
pub(crate) async fn until(what: &str, mut reached: impl FnMut() -> bool) {
    for _ in 0..1500 {
        if reached() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what} was not reached in time");
}
