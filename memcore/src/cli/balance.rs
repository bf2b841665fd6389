//! `memcore balance`.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

use super::question::instant;
use super::{Common, format};
use crate::error::{Error, Result};
use crate::model::{Clock, Selection, Span, SystemClock};
use crate::runtime::{BalanceRequest, BalanceRole as Role, Every, Memcore, Rule, SiteBalance, StoreOptions};

#[derive(Debug, Args)]
#[command(
    after_help = "Energies are in Wh. In every row import + production + discharged = export + charged + consumption + residual. \
What is not measured counts nothing, and coverage says how much of the time that is. Without --load, what is left over is \
consumption. Works beside a running server."
)]
pub(super) struct Balance {
    /// The site, such as home1: its devices named grid, pv and battery (pv2, pv-east) are taken; the others have no role
    #[arg(value_name = "SITE", required_unless_present_any = ["grid", "pv", "battery", "load"],
        conflicts_with_all = ["grid", "pv", "battery", "load"])]
    of: Option<String>,
    /// Power at the grid connection, import positive: home1.grid.power
    #[arg(long, value_name = "SERIES")]
    grid: Vec<Selection>,
    /// Power of PV, wind, a generator; production is negative
    #[arg(long, value_name = "SERIES")]
    pv: Vec<Selection>,
    /// Power of storage; charging is positive
    #[arg(long, value_name = "SERIES")]
    battery: Vec<Selection>,
    /// Power of what uses energy: home1.house.power
    #[arg(long, value_name = "SERIES")]
    load: Vec<Selection>,
    /// From this instant on: 2026-11-25T00:00:00Z, or so long ago: 24h
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Before this instant, or so long ago
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// One row a bucket: 15m, 1h, 1d, 1w, 1mo, 1y
    #[arg(long, value_name = "LENGTH")]
    every: Option<String>,
    /// The zone whose clocks and calendar the buckets follow, such as Europe/Berlin
    #[arg(long, value_name = "ZONE", requires = "every")]
    tz: Option<String>,
    /// What flows both ways within such a time is netted
    #[arg(long, value_name = "LENGTH", default_value = "1m")]
    step: Span,
    /// The longest silence over which a value holds: 15m; each channel's own by default
    #[arg(long, value_name = "LENGTH")]
    max_gap: Option<Span>,
    /// How a value goes over into the next: step trapezoid
    #[arg(long)]
    rule: Option<Rule>,
    /// How to print it; a table in a terminal, CSV otherwise
    #[arg(long, value_enum)]
    format: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Csv,
    Json,
}

impl Balance {
    pub(super) fn run(&self, common: &Common) -> Result<u8> {
        let config = common.config(None)?;
        let memcore = Memcore::open_read_only(&config.path, StoreOptions::default())?;
        let request = self.request(&memcore)?;
        let found = memcore.balance(&request)?;
        let read = found.series.iter().map(|(series, role)| format!("{} {series}", role.name())).collect::<Vec<_>>();
        format::note(&format!("balance of {}", read.join(", ")));
        let default = if format::is_terminal() { Format::Table } else { Format::Csv };
        match self.format.unwrap_or(default) {
            Format::Table => print_table(&found),
            Format::Csv => print_csv(&found),
            Format::Json => print_json(&found),
        }?;
        Ok(0)
    }

    fn request(&self, memcore: &Memcore) -> Result<BalanceRequest> {
        let now = SystemClock::default().now();
        let mut request = BalanceRequest::new().step(self.step);
        if let Some(site) = &self.of {
            let told = memcore.roles(site).map_err(|e| e.context("name them with --grid, --pv, --battery and --load"))?;
            request = told.iter().fold(request, |request, (series, role)| request.part(*role, series));
        }
        let named = [
            (Role::Grid, &self.grid),
            (Role::Production, &self.pv),
            (Role::Storage, &self.battery),
            (Role::Load, &self.load),
        ];
        for (role, selections) in named {
            request = selections.iter().fold(request, |request, selection| request.part(role, selection));
        }
        if let Some(from) = &self.from {
            request = request.from(instant("--from", from, now)?);
        }
        if let Some(to) = &self.to {
            request = request.to(instant("--to", to, now)?);
        }
        if let Some(every) = &self.every {
            request = request.every(Every::parse(every, self.tz.as_deref())?);
        }
        request = self.max_gap.into_iter().fold(request, BalanceRequest::max_gap);
        Ok(self.rule.into_iter().fold(request, BalanceRequest::rule))
    }
}

/// A share of one half is 50 % for people.
fn is_share(column: &str) -> bool {
    matches!(column, "residual_share" | "self_consumption" | "self_sufficiency" | "coverage")
}

/// The name of a column for programs: with its unit.
fn field(column: &str) -> String {
    if is_share(column) { column.to_owned() } else { format!("{column}_wh") }
}

fn print_table(found: &SiteBalance) -> Result<bool> {
    let columns = found.balance.columns();
    let titles: Vec<String> = columns.iter().map(|(name, _)| name.replace('_', " ")).collect();
    let header: Vec<&str> = ["from"].into_iter().chain(titles.iter().map(String::as_str)).collect();
    let mut table = format::table(&header);
    format::right(&mut table, &(1..header.len()).collect::<Vec<_>>());
    for (row, start) in found.borders.iter().take(columns[0].1.len()).enumerate() {
        let cell = |(name, column): &(&str, &[f64])| match column[row] {
            value if value.is_nan() => "-".to_owned(),
            value if is_share(name) => format!("{:.1} %", value * 100.0),
            value => format!("{value:.1} Wh"),
        };
        let cells = columns.iter().map(cell);
        table.add_row([start.to_string()].into_iter().chain(cells));
    }
    format::print(&table.to_string())
}

fn print_csv(found: &SiteBalance) -> Result<bool> {
    let failed = |e| Error::io("write the result", std::io::Error::other(e));
    let columns = found.balance.columns();
    let mut csv = csv::Writer::from_writer(Vec::new());
    let header = ["from".to_owned(), "to".to_owned()].into_iter().chain(columns.iter().map(|(name, _)| field(name)));
    csv.write_record(header).map_err(failed)?;
    for (row, pair) in found.borders.windows(2).enumerate() {
        // The shortest text that reads back as the same number; what is unknown is an empty cell.
        let cell =
            |(_, column): &(&str, &[f64])| if column[row].is_nan() { String::new() } else { column[row].to_string() };
        let times = [pair[0].to_string(), pair[1].to_string()];
        csv.write_record(times.into_iter().chain(columns.iter().map(cell))).map_err(failed)?;
    }
    let text = csv.into_inner().map_err(|e| Error::io("write the result", e.into_error()))?;
    format::print(String::from_utf8_lossy(&text).trim_end())
}

fn print_json(found: &SiteBalance) -> Result<bool> {
    let columns = found.balance.columns();
    for (row, pair) in found.borders.windows(2).enumerate() {
        let mut line = Map::new();
        line.insert("from".to_owned(), pair[0].to_string().into());
        line.insert("to".to_owned(), pair[1].to_string().into());
        // JSON knows no NaN: null.
        line.extend(columns.iter().map(|(name, column)| (field(name), Value::from(column[row]))));
        if !format::print(&format::json(&line)?)? {
            return Ok(false);
        }
    }
    Ok(true)
}
