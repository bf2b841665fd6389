//! Which limit of the site a row or a bound of a program stands for, so that a conflict can be told in the site's words.

/// Where a limit belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::optimize) enum Place {
    /// A part: an asset, or a link after all assets.
    Part(usize),
    /// A bus, in the order of `Checked::buses`.
    Bus(usize),
}

/// A hard limit of the site in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::optimize) struct Tag {
    pub(in crate::optimize) place: Place,
    /// The field that sets it (`import_limit_w`), or `balance` of a bus.
    pub(in crate::optimize) limit: &'static str,
    pub(in crate::optimize) step: usize,
}

impl Tag {
    /// A limit of a part.
    pub(in crate::optimize) const fn part(part: usize, limit: &'static str, step: usize) -> Self {
        Self { place: Place::Part(part), limit, step }
    }

    /// The balance of a bus.
    pub(in crate::optimize) const fn balance(bus: usize, step: usize) -> Self {
        Self { place: Place::Bus(bus), limit: "balance", step }
    }
}
