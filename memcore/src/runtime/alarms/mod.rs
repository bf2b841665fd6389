//! Alarms at run time: rules and alarms in the records, what devices say fed to them, those told who are to know.

mod config;

pub use config::AlarmsConfig;
