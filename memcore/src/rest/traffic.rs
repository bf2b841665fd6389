//! What is asked, counted: requests by route and status, live views that are open.

use std::sync::atomic::{AtomicU64, Ordering};

use super::access::Route;

/// The statuses that are told apart; others count as the last.
const STATUSES: [u16; 24] =
    [200, 201, 202, 204, 206, 303, 304, 400, 401, 403, 404, 405, 408, 409, 412, 413, 415, 421, 429, 500, 501, 503, 101, 0];

/// Counts since the start. Taking one waits for nobody.
#[derive(Debug)]
pub(super) struct Traffic {
    by_route: Vec<[AtomicU64; STATUSES.len()]>,
    live: AtomicU64,
}

impl Default for Traffic {
    fn default() -> Self {
        let by_route = Route::ALL.iter().map(|_| Default::default()).collect();
        Self { by_route, live: AtomicU64::new(0) }
    }
}

impl Traffic {
    /// A request of that route was answered so.
    pub(super) fn answered(&self, route: Route, status: u16) {
        let place = STATUSES.iter().position(|known| *known == status).unwrap_or(STATUSES.len() - 1);
        self.by_route[route as usize][place].fetch_add(1, Ordering::Relaxed);
    }

    /// A live view has opened; it has closed when what is returned is dropped.
    pub(super) fn live_view(self: &std::sync::Arc<Self>) -> LiveView {
        self.live.fetch_add(1, Ordering::Relaxed);
        LiveView(self.clone())
    }

    /// How many live views are open.
    pub(super) fn live(&self) -> u64 {
        self.live.load(Ordering::Relaxed)
    }

    /// How many requests were answered.
    pub(super) fn requests(&self) -> u64 {
        self.each().map(|(.., count)| count).sum()
    }

    /// How often each route was answered with each status, where it was; other statuses are 0.
    pub(super) fn each(&self) -> impl Iterator<Item = (Route, u16, u64)> {
        let routes = Route::ALL.iter().zip(&self.by_route);
        let counts = routes.flat_map(|(route, counts)| {
            STATUSES.iter().zip(counts).map(|(status, count)| (*route, *status, count.load(Ordering::Relaxed)))
        });
        counts.filter(|(.., count)| *count > 0)
    }
}

/// A live view that is open.
#[derive(Debug)]
pub(super) struct LiveView(std::sync::Arc<Traffic>);

impl Drop for LiveView {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn each_answer_counts_once_and_views_end() {
        let traffic = Arc::new(Traffic::default());
        traffic.answered(Route::Health, 200);
        traffic.answered(Route::Health, 200);
        traffic.answered(Route::NotifierTest, 418);
        assert_eq!(traffic.each().collect::<Vec<_>>(), [(Route::Health, 200, 2), (Route::NotifierTest, 0, 1)]);
        assert_eq!(traffic.requests(), 3);
        let view = traffic.live_view();
        assert_eq!(traffic.live(), 1);
        drop(view);
        assert_eq!(traffic.live(), 0);
    }
}
