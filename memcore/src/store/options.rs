//! What may be chosen when a store is opened.

use std::time::Duration;

use super::retention::DevicePattern;
use crate::error::{Error, Result};
use crate::model::{DeviceName, Span};

/// When what was appended is made to survive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SyncPolicy {
    /// `commit` returns when the disk has it; one sync serves all who wait.
    #[default]
    Each,
    /// `commit` returns when the operating system has it; the disk is synced this often. A crash of the process loses
    /// nothing that was committed, a power cut at most this much.
    Interval(Duration),
    /// `commit` returns when the operating system has it, which writes when it likes. Sealing and closing still sync.
    Os,
}

/// How a store behaves. Made with [`StoreOptions::default`] and its setters.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StoreOptions {
    /// When data becomes durable.
    pub sync: SyncPolicy,
    /// A device's rows are sealed into a compressed chunk when there are this many of them.
    pub seal_rows: usize,
    /// The size to which log segments grow.
    pub segment_bytes: u64,
    /// When the log holds more than this, the devices whose rows are the oldest in it are sealed early, so that it can be
    /// trimmed. At twice as much, `append` waits. It bounds the time to open, and the memory that unsealed rows take.
    pub log_bytes: u64,
    /// How many rows may wait to be sealed before `append` waits for the disk.
    pub unsealed_rows: usize,
    /// The quota of channels of one device.
    pub max_channels_per_device: usize,
    /// How long data are kept, counted from their time; for ever where it is none.
    pub keep: Option<Span>,
    /// How long data of these devices are kept, in place of [`keep`](Self::keep). The first rule that matches holds.
    pub retention: Vec<(DevicePattern, Span)>,
    /// The most that the store takes of the disk: chunks, log and manifest. Beyond it the oldest chunks go.
    pub max_bytes: Option<u64>,
    /// How many bytes of the file system appends leave free, or 5 % of it where that is less; 0 for none. Sealing, deletes
    /// and retention may use them.
    pub reserve_bytes: u64,
    /// The quota of devices of the store.
    pub max_devices: usize,
    /// Whether queries leave out sealed chunks that fail their checksum, and say so in their result, instead of failing.
    pub skip_damaged: bool,
    /// Whether values that later ones replaced are kept, so that as-of queries find what was known. Without them such a query
    /// knows a row of several versions only from the arrival of the last on.
    pub keep_superseded: bool,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            sync: SyncPolicy::Each,
            seal_rows: 65_536,
            segment_bytes: 16 << 20,
            log_bytes: 256 << 20,
            unsealed_rows: 16 * 65_536,
            max_channels_per_device: 4096,
            max_devices: 100_000,
            keep: None,
            retention: Vec::new(),
            max_bytes: None,
            reserve_bytes: 64 << 20,
            skip_damaged: false,
            keep_superseded: true,
        }
    }
}

impl StoreOptions {
    /// Sets [`sync`](Self::sync).
    #[must_use]
    pub fn sync(mut self, sync: SyncPolicy) -> Self {
        self.sync = sync;
        self
    }
    /// Sets [`seal_rows`](Self::seal_rows), at least 1 and at most 1,048,576.
    #[must_use]
    pub fn seal_rows(mut self, rows: usize) -> Self {
        self.seal_rows = rows.clamp(1, 1 << 20);
        self
    }
    /// Sets [`segment_bytes`](Self::segment_bytes), at least 4 KiB.
    #[must_use]
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes.max(4096);
        self
    }
    /// Sets [`log_bytes`](Self::log_bytes), at least 8 KiB.
    #[must_use]
    pub fn log_bytes(mut self, bytes: u64) -> Self {
        self.log_bytes = bytes.max(8192);
        self
    }
    /// Sets [`unsealed_rows`](Self::unsealed_rows).
    #[must_use]
    pub fn unsealed_rows(mut self, rows: usize) -> Self {
        self.unsealed_rows = rows.max(1);
        self
    }
    /// Sets [`max_channels_per_device`](Self::max_channels_per_device).
    #[must_use]
    pub fn max_channels_per_device(mut self, channels: usize) -> Self {
        self.max_channels_per_device = channels;
        self
    }
    /// Sets [`keep`](Self::keep).
    #[must_use]
    pub fn keep(mut self, span: impl Into<Option<Span>>) -> Self {
        self.keep = span.into();
        self
    }
    /// Adds a rule to [`retention`](Self::retention), after those that are there.
    #[must_use]
    pub fn keep_for(mut self, devices: DevicePattern, span: Span) -> Self {
        self.retention.push((devices, span));
        self
    }
    /// Sets [`max_bytes`](Self::max_bytes). The log is bounded to a quarter of it.
    #[must_use]
    pub fn max_bytes(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.max_bytes = bytes.into();
        self
    }

    /// What the types do not say: that data are kept for some time at least.
    pub(super) fn check(&self) -> Result<()> {
        let spans = self.retention.iter().map(|(_, span)| *span).chain(self.keep);
        match spans.into_iter().find(|span| span.as_micros() <= 0) {
            Some(span) => Err(Error::invalid(format!("time to keep is {span}, expected more than nothing"))),
            None => Ok(()),
        }
    }

    /// How long data of that device are kept.
    pub(super) fn keep_of(&self, device: &DeviceName) -> Option<Span> {
        let rule = self.retention.iter().find(|(devices, _)| devices.matches(device));
        rule.map(|(_, span)| *span).or(self.keep)
    }

    pub(super) fn keeps_all(&self) -> bool {
        self.keep.is_none() && self.retention.is_empty() && self.max_bytes.is_none()
    }

    /// The log cannot be given up, so that it must not take what the chunks are meant to have.
    pub(super) fn bounded_by_size(mut self) -> Self {
        if let Some(most) = self.max_bytes {
            let (log, segment) = (self.log_bytes.min(most / 4), self.segment_bytes.min(most / 16));
            self = self.log_bytes(log).segment_bytes(segment);
        }
        self
    }
    /// Sets [`reserve_bytes`](Self::reserve_bytes).
    #[must_use]
    pub fn reserve_bytes(mut self, bytes: u64) -> Self {
        self.reserve_bytes = bytes;
        self
    }
    /// Sets [`max_devices`](Self::max_devices).
    #[must_use]
    pub fn max_devices(mut self, devices: usize) -> Self {
        self.max_devices = devices;
        self
    }
    /// Sets [`skip_damaged`](Self::skip_damaged).
    #[must_use]
    pub fn skip_damaged(mut self, skip: bool) -> Self {
        self.skip_damaged = skip;
        self
    }
    /// Sets [`keep_superseded`](Self::keep_superseded).
    #[must_use]
    pub fn keep_superseded(mut self, keep: bool) -> Self {
        self.keep_superseded = keep;
        self
    }
}
