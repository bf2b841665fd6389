//! The embeddable energy manager: takes in devices over TLS, routes their messages, keeps their history, commands them.
//!
//! - [`open`] a folder and write and [`Query`] history, as with a database file.
//! - [`serve`] it, and devices connect to it over TLS; see them live, and command them, through a [`ServerHandle`].
//! - [`client`] is the other side: an SDK for devices. [`simulate`] emulates a street of them (feature `sim`).
//!
//! ```
//! use memcore::model::{Timestamp, Unit};
//! use memcore::{Every, Query};
//! # fn main() -> memcore::Result<()> {
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("site");
//! let mem = memcore::open(&path)?;
//! let noon: Timestamp = "2026-06-21T12:00:00Z".parse()?;
//! mem.write(&"home1.pv.power".parse()?, &[noon], &[Some(-1.466)], Some(Unit::Kilowatt))?;
//!
//! let days = Query::of("home1.*.power")?.every(Every::parse("1d", Some("Europe/Berlin"))?);
//! assert_eq!(mem.query(&days)?.series()[0].column("mean").unwrap().value(0), -1466.0);
//! # Ok(()) }
//! ```
//!
//! Values are in the base unit of their quantity and in passive sign: positive flows into the device, so that PV is
//! negative. Each feature is described in `Cargo.toml`; without any, what needs no network is there.

#![forbid(unsafe_code)]

#[cfg(feature = "rest")]
pub mod accounts;
#[cfg(feature = "adapters")]
pub mod adapters;
pub mod alarms;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "client")]
pub mod client;
pub mod control;
pub mod doctor;
pub mod energy;
mod error;
#[cfg(feature = "gateway")]
pub mod gateway;
#[cfg(any(feature = "gateway", feature = "client"))]
mod journal;
pub mod model;
pub mod optimize;
#[cfg(feature = "rest")]
mod outbound;
pub mod protocol;
#[cfg(feature = "rest")]
mod records;
#[cfg(feature = "rest")]
pub mod rest;
pub mod router;
mod runtime;
#[cfg(feature = "sim")]
pub mod sim;
pub mod store;

pub use error::{Error, ErrorKind, Result, Retry};
pub use model::ProofKind;
#[cfg(feature = "rest")]
pub use runtime::{
    AccountsConfig, AlarmCounts, AlarmList, AlarmQuery, AlarmStats, AlarmUpdates, Alarms, AlarmsConfig, EventQuery,
    HttpConfig, HttpTls, OidcConfig, ProxyNetwork, RecordsConfig, SmtpConfig, SmtpTls, StoredEvent, read_events,
};
#[cfg(feature = "gateway")]
pub use runtime::{
    Act, AuditConfig, AuditEntry, AuditFault, AuditLog, AuditQuery, AuditReport, BusConfig, CommandQuery, CommandRecord,
    CommandRequest, CommandTicket, CommandWish, Config, Enrolled, Enrolment, Events, GatewayConfig, LocalClient,
    LocalStatus, OVERLAP_DEFAULT, Readings, RetentionRule, Server, ServerCertificate, ServerHandle, ServerStats,
    StoreConfig, Sync, read_audit, serve, verify_audit,
};
#[cfg(feature = "gateway")]
pub use runtime::{
    ActorStatus, Answered, AssetStatus, ControlConfig, ControlEvent, ControlEvents, ControlStatus, Decided, Delays,
    Explanation, Input, LimitedBy, LogStatus, OnStop, Paused, PlanFollowed, PlanHeld, Snapshot, SnapshotAsset, TickStatus,
};
pub use runtime::{
    Aggregate, BackupReport, BalanceRequest, Bulk, Chart, ChartMethod, Column, CompactOptions, CompactReport, Deleted,
    Every, FrameOptions, Gaps, Memcore, Progress, Query, QueryResult, RecordStream, Rule, SeriesResult, SiteBalance,
    StoreOptions, StoreStats, open, plan_many, read_network, restore,
};
#[cfg(feature = "gateway")]
pub use runtime::{SiteModelFormat, parse_site_model, read_site_model, write_site_model};
/// A load on a server, measured: what `memcore bench-link` does.
#[cfg(all(feature = "gateway", feature = "client"))]
pub mod load {
    pub use crate::runtime::{
        Arrivals, LoadOptions, LoadProgress, LoadReport, Percentiles, Sendings, ServerMemory, ServerTime, run_load,
        run_load_worker,
    };
}
#[cfg(feature = "files")]
pub use runtime::{
    ColumnMapping, Dialect, Examined, ExportOptions, ExportReport, FileFormat, FileMapping, FirstRow, ImportReport,
    ImportRequest, ImportedSeries, LongMapping, Mapping, RefusedRow, RefusedRows, SiteRequest, SkippedTimes, TimeForm,
    TimeMapping, Understood, UnderstoodColumn, UnderstoodTime, examine_file, export_file, export_to, import_file,
    mapping_of, parse_site, read_site,
};
#[cfg(all(feature = "adapters", feature = "sim"))]
pub use runtime::{EmulatorOptions, HemEmulator};
#[cfg(all(feature = "adapters", feature = "gateway"))]
pub use runtime::{HemBoardConfig, HemConfig, HemServeConfig, LocalHem, ServedHem};
#[cfg(feature = "sim")]
pub use runtime::{ReplayRequest, Simulation, SimulationReport, SimulationRequest, Speed, replay, simulate};

/// The planner in the loop: keeps a [`control::Controller`] with a plan, from a history and prices.
pub mod planning {
    pub use crate::runtime::{Columns, PlannerOptions, PlannerTick, PlanningHistory, PlanningSteps, SitePlanner, Written};
}

/// Control against a simulated site: the live code under a virtual clock.
#[cfg(all(feature = "gateway", feature = "files"))]
pub mod simulation {
    pub use crate::runtime::{
        ActorsOf, AssetFigures, Expectation, FaultKind, Happening, HomeDay, PriceSeries, Prices, RecordedPower, Scenario,
        ScenarioAct, ScenarioEvent, ScenarioReport, SimulatedControl, SimulationFigures, SimulationOptions, Violation,
        home_day, run_scenario, simulate_control,
    };
}

/// Columns of Arrow, of whatever type, as instants and numbers.
pub mod arrow {
    pub use crate::runtime::{numbers, times};
}
