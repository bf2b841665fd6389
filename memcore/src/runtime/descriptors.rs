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
