//! How well the doctor does: what it finds of what was planted, and how much of what it says was.

use std::collections::BTreeMap;

use memcore::doctor::{Finding, FindingKind, Severity, examine};

use super::faults::{Fault, Planted};
use super::random::Random;
use super::sites::{DAY, SITES, Site};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Score {
    pub(crate) planted: usize,
    pub(crate) found: usize,
    /// Findings of that kind that were right, and that were not; notes count only where a note is what is due.
    pub(crate) right: usize,
    pub(crate) wrong: usize,
}

impl Score {
    pub(crate) fn recall(self) -> f64 {
        self.found as f64 / self.planted.max(1) as f64
    }

    pub(crate) fn precision(self) -> f64 {
        if self.right + self.wrong == 0 { 1.0 } else { self.right as f64 / (self.right + self.wrong) as f64 }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) kinds: BTreeMap<FindingKind, Score>,
    /// Of faults that are a part of their kind: how many were planted and how many found. The kind counts them too.
    pub(crate) faults: BTreeMap<&'static str, Score>,
    /// Clean sites, and warnings and faults on them.
    pub(crate) clean: usize,
    pub(crate) alarms: usize,
    /// What went wrong, for people who mend it.
    pub(crate) misses: Vec<String>,
    pub(crate) false_alarms: Vec<String>,
    /// Findings that have no picture, or one that shows nothing.
    pub(crate) without_picture: Vec<String>,
    /// Confidence given and whether it was right.
    pub(crate) given: Vec<(f64, bool)>,
}

pub(crate) fn score(seeds: std::ops::Range<u64>) -> Table {
    let mut table = Table::default();
    for seed in seeds {
        for which in 0..SITES.len() {
            clean(&mut table, which, seed);
            for fault in Fault::all() {
                faulty(&mut table, which, seed, fault);
            }
        }
    }
    table
}

fn clean(table: &mut Table, which: usize, seed: u64) {
    let mut site = Site::new(which, seed);
    clean_as_it_is(table, &site, seed);
    if site.position.is_some() {
        site.options.position = site.position;
        clean_as_it_is(table, &site, seed);
    }
}

fn clean_as_it_is(table: &mut Table, site: &Site, seed: u64) {
    let report = examine(&site.series(), &site.options).unwrap();
    table.clean += 1;
    pictures(table, site, &report.findings);
    for finding in report.findings.iter().filter(|finding| finding.severity > Severity::Note) {
        table.alarms += 1;
        wrong(table, site, seed, finding, "clean");
    }
}

fn wrong(table: &mut Table, site: &Site, seed: u64, finding: &Finding, of: &str) {
    table.kinds.entry(finding.kind).or_default().wrong += 1;
    table.given.push((finding.confidence, false));
    table
        .false_alarms
        .push(format!("{} seed {seed} {of}: {:?} {:?} {}", site.what, finding.kind, finding.series, finding.message));
}

fn pictures(table: &mut Table, site: &Site, findings: &[Finding]) {
    let shows = |finding: &Finding| finding.plot.lines.iter().any(|line| line.values.iter().any(Option::is_some));
    let without = findings.iter().filter(|finding| !shows(finding));
    table.without_picture.extend(without.map(|finding| format!("{}: {:?} {}", site.what, finding.kind, finding.message)));
}

fn faulty(table: &mut Table, which: usize, seed: u64, fault: Fault) {
    let mut site = Site::new(which, seed);
    let mut random = Random::new(seed * 977 + which as u64 * 31 + fault.number());
    let Some(planted) = fault.plant(&mut site, &mut random) else { return };
    let kind = planted.kind;
    let report = examine(&site.series(), &site.options).unwrap();
    pictures(table, &site, &report.findings);
    let hit = report.findings.iter().any(|finding| fits(&planted, finding));
    let part = fault.name().map(|name| table.faults.entry(name).or_default());
    for score in part.into_iter().chain([table.kinds.entry(kind).or_default()]) {
        score.planted += 1;
        score.found += usize::from(hit);
    }
    if !hit {
        table.misses.push(format!("{} seed {seed} {fault:?}: {planted:?}", site.what));
    }
    for finding in &report.findings {
        if fits(&planted, finding) {
            table.kinds.entry(kind).or_default().right += 1;
            table.given.push((finding.confidence, true));
        } else if finding.severity > Severity::Note && !planted.also.contains(&finding.kind) {
            wrong(table, &site, seed, finding, &format!("{fault:?}"));
        }
    }
}

/// Whether a finding is of what was planted: kind, series and time.
fn fits(planted: &Planted, finding: &Finding) -> bool {
    let of_series = planted.series.as_ref().is_none_or(|series| finding.series.contains(series));
    let (from, to) = (finding.from.map_or(i64::MIN, |t| t.as_micros()), finding.to.map_or(i64::MAX, |t| t.as_micros()));
    let overlap = from <= planted.to + DAY && planted.from <= to + DAY;
    finding.kind == planted.kind && of_series && overlap
}

impl Table {
    /// As a table of Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut text = "| kind | planted | recall | findings | precision |\n|---|---|---|---|---|\n".to_owned();
        for (kind, score) in &self.kinds {
            text += &format!(
                "| {} | {} | {:.2} | {} | {:.2} |\n",
                kind.name(),
                score.planted,
                score.recall(),
                score.right + score.wrong,
                score.precision()
            );
        }
        text += "\n| among them | planted | recall |\n|---|---|---|\n";
        for (name, score) in &self.faults {
            text += &format!("| {name} | {} | {:.2} |\n", score.planted, score.recall());
        }
        text + &format!("\n{} clean sites, {} warnings or faults on them\n", self.clean, self.alarms)
    }

    /// The share of findings that were right, by the confidence that was given.
    pub(crate) fn calibration(&self) -> Vec<(f64, usize, f64)> {
        let bands = [(0.0, 0.82), (0.82, 0.92), (0.92, 0.96), (0.96, 1.01)];
        let band = |(low, high): (f64, f64)| {
            let of: Vec<bool> =
                self.given.iter().filter(|(c, _)| (low..high).contains(c)).map(|(_, right)| *right).collect();
            let right = of.iter().filter(|right| **right).count();
            (low, of.len(), right as f64 / of.len().max(1) as f64)
        };
        bands.into_iter().map(band).collect()
    }
}
