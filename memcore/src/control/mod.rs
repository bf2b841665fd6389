//! Control: many wishes, one safe decision. Pure: without I/O, and time is an argument.
//!
//! ```text
//! readings --> Situation --+--> Actor::propose --> Book --\
//!                          |                               arbitrate --> shape --> Decision --> Orders (leased commands)
//!                          +--> interlocks ---------------/
//! ```
//!
//! An [`Actor`] proposes; it cannot command. Interlocks say what safety allows, wishes are nested inside it by priority, what
//! results is shaped to what each device can do, and every step of that is kept in the [`Decision`], which can be asked why. The
//! rules, numbered, are `docs/control.md`.

mod actor;
mod arbiter;
mod controller;
mod decision;
mod explain;
mod interlock;
mod moment;
mod orders;
mod planning;
mod planted;
mod proposal;
mod shape;
mod site;
mod situation;
#[cfg(test)]
mod stage;
mod status;
#[cfg(test)]
mod trial;

pub use actor::{
    Actor, Day, Droop, DroopBy, FnActor, FollowPlan, GensetControl, Hold, LoadShedding, PeakShaving, Schedule,
    SelfConsumption, StrategyConfig, StrategyKind, SurplusCharging, TimeOfUse, View, Window, actors,
};
pub use arbiter::Book;
pub use controller::Controller;
pub use decision::{AssetDecision, Cause, Decision, Limited, Order, Wish};
pub use interlock::{Allowed, Fault, Interlocks, SumLimit};
pub use moment::Moment;
pub use planning::{
    Derived, Deviation, Expected, InTurn, PlanAnswer, PlanFailure, PlanLook, PlanNews, PlanRequest, PlannedPowers,
    PlanningGrid, Reason, Replanner, Solved, StepDeviations, Tracker, Triggers,
};
pub use proposal::{Outcome, Priority, Proposal, ProposalId, ProposalOutcome, Target};
pub use site::{
    Asset, CheckedAsset, CheckedCircuit, CheckedExternal, CheckedGroup, CheckedModel, Circuit, ExternalLimit, Fuel, Group,
    Heat, HeatBuilding, HeatTank, Island, Part as ModelPart, PhaseUse, Planning, Role, Setpoint, SetpointUnit, ShareBy,
    SiteModel, Steps, Storage, Tariff, Vehicle,
};
pub use situation::{Demand, Live, Measure, Run, Situation};
pub use status::{OrderStatus, StandingProposal};
