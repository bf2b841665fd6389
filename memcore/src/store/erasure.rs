//! A deleted range of a device: rows of earlier chunks that no query gives any more.

/// Hides rows from `first` to `last`, both included, of chunks whose order is below its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Erasure {
    /// None: of every column.
    pub(super) column: Option<u32>,
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) order: u64,
}
