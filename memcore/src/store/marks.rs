//! How far each boot of a device has come in its own numbering: what is a repetition, what may be acknowledged.

use std::collections::VecDeque;

use crate::model::SequencePosition;

/// The boots that are remembered, the latest last: more would let a device that restarts for ever fill the memory.
const BOOTS: usize = 8;
/// Appended batches that may wait to become durable; when there are more, every other one is forgotten, and only makes the
/// known durable sequence lag.
const WAITING: usize = 64;

/// The marks of one device.
#[derive(Debug, Clone, Default)]
pub(super) struct Marks {
    boots: VecDeque<Boot>,
}

#[derive(Debug, Clone)]
struct Boot {
    id: u64,
    appended: u64,
    /// The frame of the last appended batch.
    frame: u64,
    durable: u64,
    /// Frame and sequence of batches not known durable, rising.
    waiting: VecDeque<(u64, u64)>,
}

impl Boot {
    fn settle(&mut self, durable_frame: u64) {
        while let Some((_, sequence)) = self.waiting.front().copied().filter(|(frame, _)| *frame <= durable_frame) {
            self.durable = self.durable.max(sequence);
            self.waiting.pop_front();
        }
    }
}

impl Marks {
    /// The frame that holds the batch, or a later batch of that boot, where it was appended before.
    pub(super) fn repeated(&self, position: SequencePosition) -> Option<u64> {
        let boot = self.boots.iter().rev().find(|boot| boot.id == position.boot)?;
        (position.sequence <= boot.appended).then_some(boot.frame)
    }

    /// Records a batch that was appended as `frame`.
    pub(super) fn append(&mut self, position: SequencePosition, frame: u64, durable_frame: u64) {
        let boot = self.boot(position.boot);
        boot.settle(durable_frame);
        boot.appended = boot.appended.max(position.sequence);
        boot.frame = frame;
        if boot.waiting.len() == WAITING {
            let mut keep = false;
            boot.waiting.retain(|_| {
                keep = !keep;
                keep
            });
        }
        boot.waiting.push_back((frame, boot.appended));
    }

    /// What the manifest knows of a boot; everything in it is durable.
    pub(super) fn restore(&mut self, boot: u64, sequence: u64) {
        let boot = self.boot(boot);
        boot.appended = boot.appended.max(sequence);
        boot.durable = boot.durable.max(sequence);
    }

    fn boot(&mut self, id: u64) -> &mut Boot {
        match self.boots.iter().position(|boot| boot.id == id) {
            Some(at) => &mut self.boots[at],
            None => {
                if self.boots.len() == BOOTS {
                    self.boots.pop_front();
                }
                self.boots.push_back(Boot { id, appended: 0, frame: 0, durable: 0, waiting: VecDeque::new() });
                self.boots.back_mut().expect("just pushed")
            }
        }
    }

    /// The highest sequence of the boot that is known durable.
    pub(super) fn durable(&self, boot: u64, durable_frame: u64) -> u64 {
        let Some(boot) = self.boots.iter().find(|known| known.id == boot) else { return 0 };
        let waited = boot.waiting.iter().rev().find(|(frame, _)| *frame <= durable_frame);
        waited.map_or(boot.durable, |(_, sequence)| boot.durable.max(*sequence))
    }

    /// Boot and durable sequence of all, the latest last: for the manifest.
    pub(super) fn all_durable(&self, durable_frame: u64) -> Vec<(u64, u64)> {
        let durable = self.boots.iter().map(|boot| (boot.id, self.durable(boot.id, durable_frame)));
        durable.filter(|(_, sequence)| *sequence > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(boot: u64, sequence: u64) -> SequencePosition {
        SequencePosition { boot, sequence }
    }

    #[test]
    fn only_what_is_durable_is_acknowledged_and_nothing_is_taken_twice() {
        let mut marks = Marks::default();
        marks.append(at(7, 1), 10, 9);
        marks.append(at(7, 2), 11, 9);
        assert_eq!((marks.durable(7, 9), marks.durable(7, 10), marks.durable(7, 11)), (0, 1, 2));
        assert_eq!((marks.repeated(at(7, 2)), marks.repeated(at(7, 3)), marks.repeated(at(8, 1))), (Some(11), None, None));
    }

    #[test]
    fn the_mark_moves_on_however_far_the_disk_lags() {
        let mut marks = Marks::default();
        for sequence in 1..=10_000 {
            marks.append(at(1, sequence), sequence, sequence.saturating_sub(500));
        }
        assert!(marks.durable(1, 9_500) > 8_000);
        assert_eq!(marks.durable(1, 10_000), 10_000);
    }

    #[test]
    fn a_device_that_restarts_for_ever_fills_nothing() {
        let mut marks = Marks::default();
        (0..1000).for_each(|boot| marks.append(at(boot, 5), boot + 1, boot + 1));
        assert_eq!(marks.all_durable(2000).len(), BOOTS);
        assert_eq!((marks.durable(999, 2000), marks.durable(0, 2000)), (5, 0));
    }
}
