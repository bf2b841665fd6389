//! `memcore audit`.

use clap::Args;

use super::{Common, format};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Clock, DeviceName, Span, SystemClock, Timestamp};
use crate::runtime::{AuditEntry, AuditQuery, AuditReport, read_audit, verify_audit};

/// Who enrolled, revoked, logged in and commanded; and whether that record is whole
#[derive(Debug, Args)]
pub(super) struct Audit {
    /// From that time on, or for so long: 2026-06-21T00:00:00Z, 24h
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Timestamp>,
    /// About that device
    #[arg(long)]
    device: Option<DeviceName>,
    /// Of that kind, such as login_refused
    #[arg(long)]
    kind: Option<String>,
    /// So many lines at most, the latest
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    limit: usize,
    /// JSON lines, as they stand in the trail
    #[arg(long)]
    json: bool,
    /// Check every line's hash, and that none is missing; exit code 1 where something is wrong
    #[arg(long, conflicts_with_all = ["since", "device", "kind", "limit"])]
    verify: bool,
}

impl Audit {
    pub(super) fn run(&self, common: &Common) -> Result<u8> {
        let site = common.config(None)?.path;
        if self.verify {
            return self.tell(&verify_audit(&site)?);
        }
        let mut query = AuditQuery { since: self.since, limit: self.limit, ..AuditQuery::default() };
        (query.device, query.kind) = (self.device.clone(), self.kind.clone());
        let log = read_audit(&site, &query)?;
        let mut table = format::table(&["time", "by", "what", "device", "details"]);
        for entry in &log.entries {
            if self.json {
                format::print(&text(entry)?)?;
            } else {
                table.add_row(row(entry)?);
            }
        }
        if !self.json {
            format::print(&table.to_string())?;
        }
        if log.unreadable > 0 {
            format::note(&format!("lines that cannot be read: {}; `memcore audit --verify` says which", log.unreadable));
        }
        Ok(0)
    }

    fn tell(&self, report: &AuditReport) -> Result<u8> {
        if self.json {
            format::print(&text(report)?)?;
            return Ok(u8::from(!report.is_whole()));
        }
        let AuditReport { entries, first, last, hash, .. } = report;
        format::print(&format!("{entries} lines, from number {first} to {last}; the last has the hash {hash}"))?;
        for fault in &report.faults {
            format::print(&format!("{}, line {}: {}", fault.file.display(), fault.line, fault.what))?;
        }
        match report.faults_in_all {
            0 => drop(format::print("the trail is whole")?),
            count => format::note(&format!("memcore: faults in the audit trail: {count}")),
        }
        Ok(u8::from(!report.is_whole()))
    }
}

fn since(text: &str) -> Result<Timestamp> {
    match text.parse::<Span>() {
        Ok(span) => Ok(SystemClock::default().now().saturating_add(Span::from_micros(-span.as_micros()))),
        Err(_) => text.parse(),
    }
}

fn text(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))
}

/// What a kind has beside what all have stands in the last column, as it stands in the trail: JSON escapes what is no text.
fn row(entry: &AuditEntry) -> Result<[String; 5]> {
    let value = serde_json::to_value(entry).map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))?;
    let common = ["number", "time_us", "by", "kind", "device", "previous", "hash"];
    let details = value
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, value)| !common.contains(&name.as_str()) && !value.is_null());
    let details = details.map(|(name, value)| format!("{name} {}", value.as_str().map_or(value.to_string(), escaped)));
    Ok([
        entry.time.to_string(),
        entry.by.as_deref().map_or("-".into(), escaped),
        entry.act.kind().to_owned(),
        entry.act.device().map_or("-".into(), ToString::to_string),
        details.collect::<Vec<_>>().join(", "),
    ])
}

/// Nothing in the trail moves a terminal's cursor.
fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_and_not_obeyed() {
        assert_eq!(escaped("a\u{1b}[2Jb\nü"), "a\\u{1b}[2Jb\\nü");
    }
}
