//! How a plan leaves: as a table of Arrow, as JSON, as what a chart is drawn from. Every language and the command line share these.

mod chart;
mod json;
mod svg;
mod table;
mod text;
mod told;

pub use chart::{ChartSeries, ChartStyle, Panel, PlanChart};
pub(in crate::optimize) use table::steps_table;
