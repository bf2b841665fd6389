//! `memcore plan`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::question::instant;
use super::steps::{self, SiteArgs};
use super::{Common, format};
use crate::error::{Error, Result};
use crate::model::{Clock, SystemClock};
use crate::runtime::{Outcome, Plan, PlanState, Site, Status, Undecided};

/// What there is to know.
const ABOUT: &str = "The file says what the site is made of: docs/optimization.md. Power is in W, energy in Wh, times in UTC. \
Exit code 0 where there is a plan, 3 where its limits conflict (which, and what would mend it, is said), 4 where a limit of time \
was reached before there was any plan, 1 where the file or an option makes no sense.";

/// The width of a chart where nobody says.
const WIDTH: usize = 120;
/// A longer table is cut in the middle.
const TABLE_ROWS: usize = 200;

/// What batteries, vehicles, heat pumps, gensets and loads should do, at the least cost
#[derive(Debug, Args)]
#[command(after_help = ABOUT)]
pub(super) struct PlanCommand {
    /// The site: a TOML or JSON file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    site: SiteArgs,
    /// The state that the site is in, as JSON: of an earlier plan, or measured
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Write the state that the plan leaves after its first steps, for the next plan
    #[arg(long, value_name = "FILE")]
    next_state: Option<PathBuf>,
    /// After how many steps that state is
    #[arg(long, value_name = "STEPS", default_value_t = 1, requires = "next_state")]
    after: usize,
    /// Say how the plan came about: engine, proof, notices
    #[arg(long)]
    explain: bool,
    /// One JSON object in place of text
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// The steps as CSV in place of text
    #[arg(long)]
    csv: bool,
    /// Write the steps, or a picture of them, by the ending: .csv .json .arrow .parquet .svg; may be given several times
    #[arg(long, value_name = "FILE")]
    out: Vec<PathBuf>,
    /// The table of all steps too
    #[arg(long)]
    table: bool,
}

impl PlanCommand {
    pub(super) fn run(&self, common: &Common) -> Result<u8> {
        let now = SystemClock::default().now();
        let (site, notices) = self.site.read(&self.file, common, false, now)?;
        let site = match &self.state {
            Some(state) => site.at_state(&read_state(state)?).map_err(|e| e.context(state.display()))?,
            None => site,
        };
        self.site.warn(&notices);
        let outcome = site.solve(&self.site.options()?).map_err(|e| e.context(self.file.display()))?;
        if let Outcome::Plan(plan) = &outcome {
            self.keep(&site, plan)?;
        }
        self.say(&outcome)?;
        Ok(match outcome.status() {
            Status::Infeasible => 3,
            Status::Undecided => 4,
            _ => 0,
        })
    }

    /// Writes what is to be kept of a plan.
    fn keep(&self, site: &Site, plan: &Plan) -> Result<()> {
        if let Some(file) = &self.next_state {
            let state = plan.state_after(site, self.after)?;
            steps::write(file, &format::json(&state)?)?;
        }
        for file in &self.out {
            match file.extension().and_then(|ending| ending.to_str()) {
                Some("json") => steps::write(file, &format::json(plan)?)?,
                Some("svg") => steps::write(file, &plan.chart().to_svg())?,
                _ => steps::write_batch(file, &plan.to_record_batch()?)?,
            }
        }
        Ok(())
    }

    fn say(&self, outcome: &Outcome) -> Result<()> {
        if self.json {
            return format::print(&format::json(outcome)?).map(drop);
        }
        match outcome {
            Outcome::Plan(plan) if self.csv => format::print(&steps::csv_text(&plan.to_record_batch()?)?).map(drop),
            Outcome::Plan(plan) => self.show(plan, outcome),
            Outcome::Infeasible(infeasible) => {
                format::print(&infeasible.text)?;
                let mut table = format::table(&["limit", "says", "from step", "to step"]);
                for limit in &infeasible.conflict {
                    let name = format!("{}.{}", limit.part, limit.limit);
                    table.add_row([name, limit.says.clone(), limit.steps.0.to_string(), limit.steps.1.to_string()]);
                }
                format::print(&table.to_string()).map(drop)
            }
            Outcome::Undecided(Undecided { why, bound }) => {
                format::print(&format!("no plan yet: {why} (none can cost less than {bound:.4})")).map(drop)
            }
        }
    }

    fn show(&self, plan: &Plan, outcome: &Outcome) -> Result<()> {
        let money = plan.currency;
        format::print(&format!(
            "{}: {:.4} {money} for {} steps from {} on (gap {:.2} %), by {}\n",
            plan.status.name(),
            plan.objective,
            plan.horizon.len(),
            plan.horizon.start(),
            plan.gap() * 100.0,
            plan.engine.engine.name()
        ))?;
        format::print(&plan.chart().to_text(WIDTH))?;
        format::print(&format!("\n{}", steps::costs(&plan.costs, plan.objective, money)))?;
        for violation in &plan.violations {
            format::print(&format!("not met: {}", violation.text))?;
        }
        if self.table {
            format::print(&format!("\n{}", table(plan)))?;
        }
        if self.explain {
            format::print(&format!("\n{}", outcome.explain()))?;
        }
        Ok(())
    }
}

/// Every step: what each part does in it, and what energy is worth.
fn table(plan: &Plan) -> String {
    let columns: Vec<(String, &[f64])> = plan
        .columns()
        .map(|(_, _, name, values)| (name, values))
        .filter(|(_, values)| values.iter().any(|value| *value != 0.0))
        .chain(plan.prices.iter().map(|price| (format!("{}.price", price.bus), &price.per_kwh[..])))
        .collect();
    let header: Vec<&str> = ["time"].into_iter().chain(columns.iter().map(|(name, _)| name.as_str())).collect();
    let mut table = format::table(&header);
    format::right(&mut table, &(1..header.len()).collect::<Vec<_>>());
    let steps = plan.horizon.len();
    for (step, start) in plan.horizon.starts().iter().enumerate() {
        let is_cut = steps > TABLE_ROWS && (TABLE_ROWS / 2..steps - TABLE_ROWS / 2).contains(&step);
        if is_cut {
            if step == TABLE_ROWS / 2 {
                table.add_row([format!("... {} steps more; --csv or --out has all", steps - TABLE_ROWS)]);
            }
            continue;
        }
        let cells = columns.iter().map(|(_, values)| format::number(values[step]));
        table.add_row([start.to_string()].into_iter().chain(cells));
    }
    table.to_string()
}

fn read_state(file: &Path) -> Result<PlanState> {
    let text = std::fs::read_to_string(file).map_err(|e| Error::io(format!("read {}", file.display()), e))?;
    serde_json::from_str(&text)
        .map_err(|e| Error::invalid(format!("{}, line {}: {e}", file.display(), e.line())).caused_by(e))
}

/// When a horizon begins, as the command line says it.
pub(super) fn begin(
    flag: &str,
    text: Option<&str>,
    now: crate::model::Timestamp,
) -> Result<Option<crate::model::Timestamp>> {
    text.map(|text| instant(flag, text, now)).transpose()
}
