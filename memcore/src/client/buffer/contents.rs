//! What a folder holds when it is opened: whose it is, its segments, and where the numbers go on.

use super::medium::{Medium, read_all};
use super::segment::{FORMAT, Segment, scan};
use super::{IDENTITY, Identity, SEGMENT_ROWS, SUFFIX};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Channel, CommandRules, DeviceName};

/// What a folder holds when it is opened.
pub(super) struct Contents {
    identity: Option<Identity>,
    pub(super) segments: Vec<Segment>,
    /// The first number of the run that begins now (B4).
    pub(super) next: u64,
    pub(super) acknowledged: u64,
    pub(super) damaged: u64,
    /// Whether the end of the last segment is torn, which was counted as one row.
    torn: bool,
}

impl Contents {
    pub(super) fn read(medium: &dyn Medium) -> Result<Self> {
        let doing = |what: &str, e| Error::io(format!("{what} of the buffer {}", medium.path().display()), e);
        let mut names = medium.list().map_err(|e| doing("list the files", e))?;
        names.retain(|name| name.ends_with(SUFFIX));
        names.sort_unstable();
        let mut contents = Self { identity: None, segments: Vec::new(), next: 1, acknowledged: 0, damaged: 0, torn: false };
        if let Ok(file) = medium.open(IDENTITY) {
            let json = read_all(&*file).map_err(|e| doing("read the identity", e))?;
            // One that is damaged stands in the head of every segment too.
            contents.identity = serde_json::from_slice(&json).ok();
        }
        for name in names {
            let file = medium.open(&name).map_err(|e| doing(&format!("open {name}"), e))?;
            let first = name.strip_suffix(SUFFIX).and_then(|number| number.parse::<u64>().ok());
            let scanned = scan(&name, file)?;
            contents.next = contents.next.max(first.unwrap_or(0).saturating_add(SEGMENT_ROWS));
            contents.acknowledged = contents.acknowledged.max(scanned.acknowledged);
            let is_torn = scanned.torn > 0;
            match scanned.segment {
                Some(segment) => {
                    contents.damaged += scanned.missing + u64::from(is_torn);
                    contents.add(segment, is_torn);
                }
                // Made, and never written to.
                None if scanned.bytes == 0 => medium.remove(&name).map_err(|e| doing(&format!("remove {name}"), e))?,
                // Not even its head: kept for a person to look at, under a name that is no segment's.
                None => {
                    contents.damaged += scanned.rows.max(1);
                    medium.rename(&name, &format!("{name}.damaged")).map_err(|e| doing(&format!("rename {name}"), e))?;
                }
            }
        }
        Ok(contents)
    }

    fn add(&mut self, segment: Segment, is_torn: bool) {
        self.next = self.next.max(segment.last + 1);
        if let Some(before) = self.segments.last()
            && before.begin.run == segment.begin.run
        {
            // Within a run numbers go on from segment to segment, so what a torn end has cost is known after all.
            let missing = segment.begin.first.saturating_sub(before.last + 1);
            self.damaged += missing.saturating_sub(u64::from(self.torn));
        }
        self.torn = is_torn;
        self.segments.push(segment);
    }

    /// Whose the buffer is, which must be this device.
    pub(super) fn identity(&self, medium: &dyn Medium, device: &DeviceName, boot: u64) -> Result<Identity> {
        let headed = self.segments.last().map(|segment| &segment.begin);
        let headed = headed.map(|begin| Identity { format: FORMAT, device: begin.device.clone(), boot: begin.boot });
        let new = Identity { format: FORMAT, device: device.clone(), boot };
        let identity = self.identity.clone().or(headed).unwrap_or(new);
        let shown = medium.path().display();
        if identity.format != FORMAT {
            let message =
                format!("the buffer {shown} has format {}, expected {FORMAT}: it was left as it is", identity.format);
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        if identity.device != *device {
            let owner = &identity.device;
            let message = format!(
                "the buffer {shown} is that of {owner}, the enrolment that of {device}: expected a folder of its own"
            );
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        Ok(identity)
    }

    /// The channels of a session: those that are reported, and those that only rows of earlier runs have.
    pub(super) fn today(&self, declared: &[Channel]) -> Vec<Channel> {
        let mut today = declared.to_vec();
        // The latest description of a channel that is no longer reported; it takes no commands.
        for segment in self.segments.iter().rev().filter(|segment| segment.last > self.acknowledged) {
            for channel in segment.channels.iter() {
                if !today.iter().any(|known| known.name == channel.name) {
                    today.push(Channel { writable: false, rules: CommandRules::default(), ..channel.clone() });
                }
            }
        }
        today
    }
}
