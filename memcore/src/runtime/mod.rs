//! The only wiring: the embedded face, and with feature `gateway` a server made of gateway, bus, recorder and store.

mod balance;
mod bulk;
mod cells;
mod doctor;
mod embedded;
mod fleet;
mod frame;
mod network;
mod progress;
mod quality;
#[cfg_attr(
    not(feature = "files"),
    allow(dead_code, unused_imports, reason = "files need more of a stream than its batches")
)]
mod stream;
mod write;

pub use balance::{BalanceRequest, SiteBalance};
pub use bulk::Bulk;
pub use cells::{numbers, times};
pub use control::{Columns, PlannerOptions, PlannerTick, PlanningHistory, PlanningSteps, SitePlanner, Written};
pub use embedded::{Memcore, open, restore};
pub use fleet::plan_many;
pub use frame::FrameOptions;
pub use network::read_network;
pub use progress::Progress;
pub use stream::RecordStream;
pub use write::Column;

#[cfg(feature = "cli")]
pub(crate) use self::descriptors::raise as raise_descriptors;
#[cfg(feature = "cli")]
pub(crate) use crate::doctor::{Examination, Finding, FindingKind, Report, Role, Severity};
#[cfg(feature = "cli")]
pub(crate) use crate::energy::Role as BalanceRole;
#[cfg(feature = "cli")]
pub(crate) use crate::optimize::network::{
    BindingLimit, Branch, BranchFlow, DcDispatch, DcOptions, DcOutcome, Network, NetworkAnswer, NetworkInfeasible,
    NetworkQuestion, PowerFlow, RadialFlow, ShedLoad, VoltageDispatch, VoltageOutcome,
};
#[cfg(feature = "cli")]
pub(crate) use crate::optimize::{
    Backtest, Cost, Engine as PlanEngine, Foresight, Naive, Options as PlanOptions, Outcome, Plan, Site,
    State as PlanState, Status, Undecided, Walk, backtest,
};
#[cfg(feature = "cli")]
pub(crate) use crate::protocol::Encoding;
pub use crate::store::{
    Aggregate, BackupReport, Chart, ChartMethod, CompactOptions, CompactReport, Deleted, Every, Gaps, Query, QueryResult,
    Rule, SeriesResult, StoreOptions, StoreStats,
};

#[cfg(feature = "rest")]
mod accounts_config;
#[cfg(feature = "rest")]
mod alarms;
#[cfg(feature = "gateway")]
mod audit;
#[cfg(feature = "gateway")]
mod command_journal;
#[cfg(feature = "gateway")]
mod command_list;
#[cfg(all(test, feature = "gateway", feature = "client"))]
mod command_model;
#[cfg(feature = "gateway")]
mod commander;
#[cfg(feature = "gateway")]
mod commands;
#[cfg(feature = "gateway")]
mod config;
mod control;
#[cfg(feature = "gateway")]
mod core;
#[cfg(feature = "gateway")]
mod descriptors;
#[cfg(feature = "rest")]
mod events;
#[cfg(feature = "files")]
mod export;
#[cfg(all(feature = "adapters", any(feature = "gateway", feature = "sim")))]
mod hem;
#[cfg(feature = "rest")]
mod http_config;
#[cfg(feature = "gateway")]
mod identity;
#[cfg(feature = "files")]
mod import;
#[cfg(feature = "gateway")]
mod ingest;
#[cfg(feature = "gateway")]
mod links;
#[cfg(feature = "gateway")]
mod live;
#[cfg(all(feature = "gateway", feature = "client"))]
mod load;
#[cfg(feature = "gateway")]
mod local_socket;
#[cfg(feature = "gateway")]
mod payload;
#[cfg(feature = "files")]
mod plan;
#[cfg(any(feature = "rest", all(feature = "gateway", feature = "client")))]
#[cfg_attr(not(feature = "client"), allow(dead_code, reason = "a load is measured with the client"))]
mod process;
#[cfg(feature = "gateway")]
mod recorder;
#[cfg(feature = "gateway")]
mod secrets;
#[cfg(feature = "gateway")]
mod server;
#[cfg(feature = "gateway")]
mod sizes;
#[cfg(feature = "gateway")]
mod store_config;

#[cfg(feature = "cli")]
pub(crate) use self::alarms::{AlarmRequest, AlarmResponse, ListedRule, ask as ask_alarms};
#[cfg(feature = "rest")]
pub(crate) use self::control::OWN_DEVICES;
#[cfg(feature = "cli")]
pub(crate) use self::control::{explain_from as explain_decision, said_time};
#[cfg(feature = "gateway")]
pub use self::core::ServerStats;
#[cfg(feature = "rest")]
pub(crate) use self::process::memory_in_use;
#[cfg(feature = "cli")]
pub(crate) use crate::adapters::hem::{BoardOptions, BoardState, HemBoard, HemQuantity, NODES, NodeValues};
#[cfg(feature = "cli")]
pub(crate) use crate::control::{Outcome as WishOutcome, Priority, Proposal, Role as AssetRole, Target};
#[cfg(feature = "gateway")]
pub use crate::gateway::{Enrolled, ServerCertificate};
#[cfg(feature = "rest")]
pub(crate) use crate::protocol::Bundle;
#[cfg(feature = "rest")]
pub use accounts_config::{AccountsConfig, OidcConfig, RecordsConfig};
#[cfg(feature = "rest")]
pub use alarms::{AlarmCounts, AlarmList, AlarmQuery, AlarmStats, AlarmUpdates, Alarms, AlarmsConfig, SmtpConfig, SmtpTls};
#[cfg(feature = "cli")]
pub(crate) use audit::say_once;
#[cfg(feature = "gateway")]
pub use audit::{Act, AuditEntry, AuditFault, AuditLog, AuditQuery, AuditReport, read_audit, verify_audit};
#[cfg(feature = "gateway")]
pub use command_list::{CommandQuery, CommandRecord, CommandWish};
#[cfg(feature = "gateway")]
pub use commands::{CommandRequest, CommandTicket};
#[cfg(feature = "gateway")]
pub use config::{AuditConfig, BusConfig, Config, GatewayConfig};
#[cfg(feature = "gateway")]
pub use control::{
    ActorStatus, Answered, AssetStatus, ControlConfig, ControlEvent, ControlEvents, ControlStatus, Decided, Delays,
    Explanation, Input, LimitedBy, LogStatus, OnStop, Paused, PlanFollowed, PlanHeld, SiteModelFormat, Snapshot,
    SnapshotAsset, TickStatus, parse_site_model, read_site_model, write_site_model,
};
#[cfg(feature = "rest")]
pub use events::{EventQuery, StoredEvent, read_events};
#[cfg(all(feature = "adapters", feature = "sim"))]
pub use hem::{EmulatorOptions, HemEmulator};
#[cfg(all(feature = "adapters", feature = "gateway"))]
pub use hem::{HemBoardConfig, HemConfig, HemServeConfig, ServedHem};
#[cfg(feature = "rest")]
pub use http_config::{HttpConfig, HttpTls, ProxyNetwork};
#[cfg(feature = "gateway")]
pub use identity::{Enrolment, OVERLAP_DEFAULT};
#[cfg(feature = "rest")]
pub(crate) use live::Batches;
#[cfg(feature = "gateway")]
pub use live::{Events, Readings};
#[cfg(all(feature = "gateway", feature = "client"))]
pub use load::{
    Arrivals, LoadOptions, LoadProgress, LoadReport, Percentiles, Sendings, ServerMemory, ServerTime, run_load,
    run_load_worker,
};
#[cfg(all(feature = "adapters", feature = "gateway"))]
pub use local_socket::LocalHem;
#[cfg(feature = "gateway")]
pub use local_socket::{LocalClient, LocalStatus};
#[cfg(feature = "gateway")]
pub use server::{Server, ServerHandle, serve};
#[cfg(feature = "gateway")]
pub use store_config::{RetentionRule, StoreConfig, Sync};
#[cfg(feature = "sim")]
mod simulate;
#[cfg(feature = "sim")]
pub use crate::sim::{Simulation, SimulationReport, Speed};
#[cfg(all(feature = "gateway", feature = "files"))]
pub use control::{
    Act as ScenarioAct, ActorsOf, AssetFigures, Event as ScenarioEvent, Expectation, FaultKind, Happening, HomeDay,
    PriceSeries, Prices, RecordedPower, Scenario, ScenarioReport, SimulatedControl, SimulationFigures, SimulationOptions,
    Violation, home_day, run_scenario, simulate_control,
};
#[cfg(feature = "files")]
pub use doctor::{Examined, examine_file, mapping_of};
#[cfg(feature = "files")]
pub use export::{ExportOptions, ExportReport, FileFormat, export_file, export_to};
#[cfg(feature = "files")]
pub use import::{
    ColumnMapping, Dialect, FileMapping, FirstRow, ImportReport, ImportRequest, ImportedSeries, LongMapping, Mapping,
    RefusedRow, RefusedRows, SkippedTimes, TimeForm, TimeMapping, Understood, UnderstoodColumn, UnderstoodTime,
    import_file,
};
#[cfg(feature = "files")]
pub use plan::{SiteRequest, parse_site, read_site};
#[cfg(feature = "rest")]
pub(crate) use plan::{Within, parse_site_within};
#[cfg(feature = "sim")]
pub use simulate::{ReplayRequest, SimulationRequest, replay, simulate};
