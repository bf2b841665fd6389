//! The doctor: what is wrong with a file or with history, before it does harm. Pure: columns in, findings out.
//!
//! [`examine`] takes [`Series`] as they stand in a file, in its order and with its doubles, and gives a [`Report`]. It says only
//! what the values themselves show: each finding has the rows, a confidence, what to declare, and a picture. A false alarm costs
//! more than a fault that goes unseen, so every detector measures a series against its own habit first.
//!
//! A confidence is so set that on generated sites with known faults at least that share of such findings was right (the table
//! stands in `docs/doctor.md`); real sites are wilder than generated ones, so look before you act below 0.9.

mod agree;
mod balance;
mod charge;
mod counter;
mod daylight;
mod digits;
mod draw;
mod examine;
mod finding;
mod frozen;
mod html;
mod night;
mod order;
mod partners;
mod plot;
mod points;
mod report;
mod sentinel;
mod series;
mod solar;
mod spike;
mod sun;
mod timeline;
mod unit;
mod zones;

pub use examine::examine;
pub use report::{Checkup, Declaration, Finding, FindingKind, Line, Mark, Plot, Report, RowRange, Severity};
pub use series::{Examination, Role, Series};
