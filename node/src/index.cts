/** The embeddable energy manager: devices over TLS, history, plans and control in one core. */
import native = require("../native.cjs");

export {
  ClosedError,
  ConflictError,
  ConnectionError,
  DamagedError,
  InternalError,
  InvalidError,
  IoError,
  LimitReachedError,
  LockedError,
  MemcoreError,
  NotFoundError,
  ReadOnlyError,
  TimeoutError,
  UnauthorizedError,
  UnsupportedError,
} from "./errors.cjs";
export type { ErrorCode, Retry } from "./errors.cjs";

export type {
  Asset,
  BatteryAsset,
  Building,
  Charging,
  DeferrableAsset,
  DemandCharge,
  EvAsset,
  GensetAsset,
  GridAsset,
  HeatPumpAsset,
  HorizonLike,
  Link,
  LoadAsset,
  Profile,
  Reserve,
  Session,
  SiteOptions,
  SourceAsset,
  Tank,
  Terminal,
} from "./assets.cjs";
export { SiteBalance } from "./balance.cjs";
export type { BalanceOptions, BalanceSelections } from "./balance.cjs";
export { Control, ControlEvents, Explanation } from "./control.cjs";
export type {
  Actor,
  ActorOptions,
  ActorStatus,
  AssetStatus,
  AssetView,
  ControlEvent,
  ControlStatus,
  Decided,
  Delays,
  FollowedWish,
  OrderState,
  ProposalStatus,
  ProposeOptions,
  SiteModelLike,
  Think,
  View,
  Wish,
  Wishes,
  WishTarget,
} from "./control.cjs";
export { SimulatedControl, simulateControl, simulateScenario } from "./control-simulation.cjs";
export type {
  AssetFigures,
  LimitViolation,
  PriceTable,
  ScenarioOptions,
  SimulateControlOptions,
  SimulatedActor,
  SimulationFigures,
  SimulationPrices,
} from "./control-simulation.cjs";
export { connect, Device } from "./device.cjs";
export type { BufferStatus, ClockOffset, CommandHandler, DeviceOptions, LinkState, ReadHandler, RowValues } from "./device.cjs";
export { doctor, Finding, Report } from "./doctor.cjs";
export type { Checkup, Declaration, DoctorOptions, ExamineOptions, FindingKind, LookOptions, Picture } from "./doctor.cjs";
export * as energy from "./energy.cjs";
export { Bulk } from "./bulk.cjs";
export type { BulkOptions, Progress } from "./bulk.cjs";
export { QUALITIES } from "./columns.cjs";
export type { Quality, QualityLike, Values, WriteOptions } from "./columns.cjs";
export { HemBoard, HemEmulator, HemEndpoint } from "./hem.cjs";
export type { HemBoardOptions, HemBoardState, HemEmulatorOptions, HemQuantity, HemServeOptions } from "./hem.cjs";
export { Memcore, memory, open, restore } from "./history.cjs";
export type {
  Aggregate,
  BackupReport,
  ChannelOptions,
  ChannelRules,
  CompactOptions,
  CompactReport,
  ExportOptions,
  ExportReport,
  ImportOptions,
  ImportReport,
  OpenOptions,
  QueryOptions,
  RefusedRow,
  SeriesDescription,
  SeriesStats,
  Stats,
  Understood,
  VerifyReport,
  WorkOptions,
} from "./history.cjs";
export { Events, LiveStream, Subscription } from "./live.cjs";
export type { CommandState, Event } from "./live.cjs";
export { Network } from "./network.cjs";
export type {
  BindingLimit,
  BranchFlow,
  BusVoltage,
  DcDispatch,
  DcOptions,
  GenerationCost,
  GeneratorPower,
  NetworkBranch,
  NetworkBus,
  NetworkDispatch,
  NetworkEngine,
  NetworkGenerator,
  NetworkInfeasible,
  NetworkLoad,
  NetworkOptions,
  NetworkSolveOptions,
  PowerFlow,
  RadialFlow,
  VoltageDispatch,
} from "./network.cjs";
export { Plan, PlanChart, Planner, PlanPart, Site, solveMany } from "./plan.cjs";
export type {
  Certificate,
  ConflictingLimit,
  CostItem,
  Engine,
  EngineReport,
  PlanColumn,
  PlanPanel,
  PlannerOptions,
  PlanSeries,
  PlanStatus,
  Relaxation,
  SolveManyOptions,
  SolveOptions,
  Violation,
} from "./plan.cjs";
export { Reading } from "./reading.cjs";
export { QueryResult, SeriesResult } from "./result.cjs";
export type { Column, Row, Wide } from "./result.cjs";
export { AlarmChanges, Alarms } from "./alarms.cjs";
export type { Alarm, AlarmChange, AlarmOptions, AlarmRule, NotifierSettings, Severity } from "./alarms.cjs";
export { Accounts } from "./asked.cjs";
export type { Answer, Scope } from "./asked.cjs";
export { createRouter } from "./router.cjs";
export type { FastifyLike, Router, RouterOptions } from "./router.cjs";
export type { Authenticate, HostUser, Role } from "./router-mount.cjs";
export { serve, Server } from "./server.cjs";
export type {
  AuditEntry,
  AuditOptions,
  AuditReport,
  Bundle,
  CommandOptions,
  CommandResult,
  DeviceProof,
  DeviceStatus,
  PastEventsOptions,
  ServeOptions,
  ServerCertificate,
  ServerStats,
} from "./server.cjs";
export { simulate, Simulation } from "./simulation.cjs";
export type { SimulateOptions, SimulationReport } from "./simulation.cjs";
export { SiteModel } from "./site-model.cjs";
export type {
  AssetRole,
  ModelAsset,
  ModelCircuit,
  ModelExternal,
  ModelFuel,
  ModelHeat,
  ModelIsland,
  ModelPlanning,
  ModelStorage,
  ModelTariff,
  ModelVehicle,
  SiteModelOptions,
} from "./site-model.cjs";
export type { Duration, TemporalInstant, TimeLike, TimesLike } from "./time.cjs";

/** The version of memcore. */
export const version: string = native.version();
