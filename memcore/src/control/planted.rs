//! Faults that tests plant, to see that they are found. There are none in what is built for use.

/// A fault in what keeps a site safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::control) enum Planted {
    /// Circuits are not looked at.
    CircuitsIgnored,
    /// Phases are not looked at, only their sum.
    PhasesIgnored,
    /// A silent meter goes on to be believed.
    SilenceIgnored,
    /// Rows of a backlog are taken for the present.
    HistoryBelieved,
    /// Stores are filled and emptied beyond their bounds.
    ChargeIgnored,
    /// A limit from outside that is silent holds no more.
    FailsafeForgotten,
    /// Something may start and stop as it likes.
    TimesIgnored,
    /// What rounding and ramps did to the sums is left.
    SumsUnchecked,
    /// Ramps are jumped.
    RampsIgnored,
    /// Powers are given that an asset cannot take.
    StepsIgnored,
    /// What forms an island is commanded.
    IslandIgnored,
}

#[cfg(test)]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Planted>> = const { std::cell::Cell::new(None) };
}

/// Plants a fault in what runs on this thread.
#[cfg(test)]
pub(in crate::control) fn plant(fault: Option<Planted>) {
    PLANTED.set(fault);
}

/// Whether a fault is planted.
#[cfg(test)]
pub(in crate::control) fn planted(fault: Planted) -> bool {
    PLANTED.get() == Some(fault)
}

/// Whether a fault is planted: never.
#[cfg(not(test))]
pub(in crate::control) const fn planted(_: Planted) -> bool {
    false
}
