//! The doctor: what is wrong with a file or with history, before it does harm. Pure: columns in, findings out.

mod report;

pub use report::{Checkup, Declaration, Finding, FindingKind, Line, Mark, Plot, Report, RowRange, Severity};
