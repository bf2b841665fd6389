//! How many files and connections the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit as far as the process may, and says where it stands; none where there is no limit.
pub(crate) fn raise() -> Option<usize> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = match (current, maximum) {
        (Some(current), maximum) if maximum.is_none_or(|maximum| current < maximum) => {
            // Where that is not allowed after all, things stay as they are.
            let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
            getrlimit(Resource::Nofile).current
        }
        (current, _) => current,
    };
    raised.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX))
}

/// How many connections there is room for: the store's files, and whoever administers the server, need descriptors even when every
/// device of a city calls at once. None where there is no limit.
pub(crate) fn room() -> Option<usize> {
    let limit = getrlimit(Resource::Nofile).current?;
    Some(beside_files(usize::try_from(limit).unwrap_or(usize::MAX)))
}

/// A fortieth of the descriptors is kept, 64 at least, and never more than half.
fn beside_files(limit: usize) -> usize {
    limit - (limit / 40).max(64).min(limit / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_keep_their_share() {
        assert_eq!([20_000, 1024, 256, 64, 0].map(beside_files), [19_500, 960, 192, 32, 0]);
    }
}
