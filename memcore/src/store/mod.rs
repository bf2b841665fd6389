//! Series on disk or in memory: a checksummed log with group commit, sealed compressed chunks, recovery, queries.
//!
//! A batch goes to the log and to the device's *head* in memory. When a head is full, a background thread seals it into a
//! compressed *chunk*, and the log is trimmed. A query reads chunks and heads alike. Formats and invariants (S1, S2, ...)
//! are in `docs/storage.md`. The disk stands behind [`Disk`], so that tests can take it away at any moment.

mod arrival_runs;
mod arrivals;
mod backup;
mod batch_frame;
mod chunk;
mod chunk_file;
mod chunk_v1;
mod cluster;
mod column;
mod compact;
mod cost;
mod cursor;
mod deletion;
mod device;
mod directories;
mod disk;
mod downsample;
mod erasure;
mod follow;
mod format;
mod handles;
mod latest;
mod layers;
mod log;
mod manifest;
mod marks;
mod merge;
mod options;
mod pack;
mod pages;
mod paging;
mod query;
mod recovery;
mod registration;
mod repair;
mod requalify;
mod result;
mod retention;
mod rows;
mod scan;
mod seal;
mod shared;
mod simulated;
mod snapshot;
mod space;
mod state;
mod stats;
#[allow(clippy::module_inception, reason = "the type that the module is named after")]
mod store;
mod stream;
mod summary;
mod table;
mod times;
mod verify;
mod wire;

pub use backup::{BackupReport, restore};
pub use compact::{CompactOptions, CompactReport};
pub use cost::Cost;
pub use deletion::Deleted;
pub use disk::{Disk, DiskFile};
pub use options::{StoreOptions, SyncPolicy};
pub use query::{
    Aggregate, CalendarUnit, Chart, ChartMethod, Every, Gaps, Percentile, Query, QueryResult, Rule, SeriesResult,
};
pub use repair::{RepairReport, repair, repair_on};
pub use retention::{DevicePattern, RetentionReport};
pub use simulated::SimulatedDisk;
pub use stats::{SeriesStats, StoreStats};
pub use store::{Store, Ticket};
pub use stream::QueryStream;
pub use verify::{Damage, VerifyReport};
