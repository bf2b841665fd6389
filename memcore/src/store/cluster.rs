//! Which chunks of a device overlap in time, and which of them are worth merging. Works on what the manifest says of chunks;
//! nothing is read here.
//!
//! Sealing cuts rows at the ends of clusters (S33), so late rows overlap only what they correct. Three rules then keep a device
//! tidy; all merge what nothing else lies between, so the result may take an order above all (S34):
//! - In a cluster of more than [`DEEP`] sealings the latest are merged, as many as do not outweigh those after them
//!   [`OUTWEIGHS`] times. What remains is each more than that many times what lies above it: of 65,536 rows at most
//!   `1 + log5(65,536)`, less than 8, in a chunk's own time. A row that is written again finds itself with at least a
//!   quarter more: at most 50 times (`log1.25(65,536)`) for rows that come one by one, about 8 times in practice.
//! - A large overlay ([`LARGE`]) that nothing below it outweighs is merged at once: a file that is imported again is found to
//!   say nothing new. Each such merge doubles what it takes in.
//! - [`MANY`] or more small clusters that follow each other in time are merged, unless one is larger than twice all others:
//!   a row is written again at most 22 times (`log1.5(32,768 / 4)`) before it lies in a chunk that is not small.

use super::chunk::ChunkPlace;
use super::erasure::Erasure;
use super::table::Table;

/// As many sealings may overlap before some of them are merged.
pub(super) const DEEP: usize = 4;
/// A chunk is not rewritten for rows of which there is less than one for so many of its own.
const OUTWEIGHS: u64 = 4;
/// An overlay of one part of `seal_rows` in so many is large.
const LARGE: u64 = 8;
/// Small clusters in a row that are merged into one.
const MANY: usize = 8;

/// Chunks whose spans overlap, directly or through others of them.
#[derive(Debug, Clone)]
pub(super) struct Cluster<'a> {
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) rows: u64,
    /// In order of arrival.
    pub(super) chunks: Vec<&'a ChunkPlace>,
}

/// The clusters of a device, in order of time.
pub(super) fn clusters(chunks: &[ChunkPlace]) -> Vec<Cluster<'_>> {
    let mut by_time: Vec<&ChunkPlace> = chunks.iter().collect();
    by_time.sort_by_key(|chunk| chunk.first);
    let mut clusters: Vec<Cluster<'_>> = Vec::new();
    for chunk in by_time {
        match clusters.last_mut() {
            Some(cluster) if chunk.first <= cluster.last => {
                cluster.last = cluster.last.max(chunk.last);
                cluster.rows += u64::from(chunk.rows);
                cluster.chunks.push(chunk);
            }
            _ => clusters.push(Cluster {
                first: chunk.first,
                last: chunk.last,
                rows: u64::from(chunk.rows),
                chunks: vec![chunk],
            }),
        }
    }
    clusters.iter_mut().for_each(|cluster| cluster.chunks.sort_by_key(|chunk| (chunk.order, chunk.first)));
    clusters
}

impl Cluster<'_> {
    /// Rows of each sealing or merging, the earliest first, and where its chunks begin. Layers that were made together
    /// belong together: there are as many as versions of the values, however often they are merged.
    fn sealings(&self) -> Vec<(u64, usize)> {
        let mut sealings: Vec<(u64, usize)> = Vec::new();
        let mut current = None;
        for (at, chunk) in self.chunks.iter().enumerate() {
            let lowest = chunk.order.saturating_sub(u64::from(chunk.layer));
            if current != Some(lowest) {
                sealings.push((0, at));
                current = Some(lowest);
            }
            sealings.last_mut().expect("just pushed").0 += u64::from(chunk.rows);
        }
        sealings
    }

    /// The latest chunks that are worth merging.
    fn overlay(&self, seal_rows: u64) -> Option<&[&ChunkPlace]> {
        let sealings = self.sealings();
        let deep = sealings.len() > DEEP;
        let (mut above, mut from) = (0, None);
        for (rows, at) in sealings.iter().rev() {
            let large = above * LARGE >= seal_rows && *rows <= above;
            if above > 0 && (large || (deep && *rows <= OUTWEIGHS * above)) {
                from = Some(*at);
            }
            above += rows;
        }
        from.map(|from| &self.chunks[from..])
    }

    /// Whether rewriting would leave fewer chunks, values or erasures.
    pub(super) fn is_untidy(&self, erasures: &[Erasure], forgets: bool) -> bool {
        let layered = self.chunks.iter().any(|chunk| chunk.layer > 0);
        self.sealings().len() > 1 || (forgets && layered) || self.is_erased(erasures)
    }

    pub(super) fn is_erased(&self, erasures: &[Erasure]) -> bool {
        let hidden = |chunk: &&ChunkPlace| erasures.iter().any(|e| e.concerns(chunk.order, chunk.first, chunk.last));
        self.chunks.iter().any(hidden)
    }
}

/// The chunks that are to be merged next, where some are. Nothing that stays lies between them.
pub(super) fn worth_merging(chunks: &[ChunkPlace], seal_rows: usize) -> Option<Vec<ChunkPlace>> {
    let clusters = clusters(chunks);
    let owned = |chunks: &[&ChunkPlace]| chunks.iter().map(|chunk| (*chunk).clone()).collect();
    clusters
        .iter()
        .find_map(|cluster| cluster.overlay(seal_rows as u64))
        .map(owned)
        .or_else(|| Some(small_run(&clusters, seal_rows as u64)?.iter().flat_map(|c| owned(&c.chunks)).collect::<Vec<_>>()))
}

/// Small clusters that follow each other.
fn small_run<'a, 'c>(clusters: &'a [Cluster<'c>], seal_rows: u64) -> Option<&'a [Cluster<'c>]> {
    let is_small = |cluster: &Cluster<'_>| cluster.rows * 2 <= seal_rows;
    let runs = clusters.chunk_by(|a, b| is_small(a) && is_small(b)).filter(|run| run.len() >= MANY);
    runs.filter_map(|run| (0..=run.len() - MANY).find_map(|start| balanced(&run[start..], seal_rows))).next()
}

/// The longest stretch from the start of the run that is worth merging; it ends where a chunk is full.
fn balanced<'a, 'c>(run: &'a [Cluster<'c>], seal_rows: u64) -> Option<&'a [Cluster<'c>]> {
    let (mut rows, mut largest, mut worth) = (0, 0, None);
    for (count, cluster) in (1..).zip(run) {
        rows += cluster.rows;
        largest = largest.max(cluster.rows);
        // Rewriting a large one for a few new rows, again and again, would cost more than it gains.
        if count >= MANY && largest <= 2 * (rows - largest) {
            worth = Some(count);
        }
        if count >= MANY && rows >= seal_rows {
            break;
        }
    }
    worth.map(|count| &run[..count])
}

/// The times at which new rows are cut into pieces: at the ends of the clusters there are, so that no piece joins two of
/// them, and where a piece is full.
pub(super) fn cuts(lowest: &Table, clusters: &[Cluster<'_>], seal_rows: usize) -> Vec<i64> {
    let times = &lowest.times;
    let ends = clusters.iter().flat_map(|cluster| {
        let first = times.partition_point(|time| *time < cluster.first);
        [first, first + times[first..].partition_point(|time| *time <= cluster.last)]
    });
    let mut cuts = Vec::new();
    let mut start = 0;
    for end in ends.chain([times.len()]) {
        cuts.extend((start..end).step_by(seal_rows).skip(usize::from(start == 0)).map(|at| times[at]));
        start = end.max(start);
    }
    cuts
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const SEAL_ROWS: usize = 1024;

    /// A device whose chunks are only times; sealed and merged as the store does it.
    #[derive(Default)]
    struct Device {
        chunks: Vec<ChunkPlace>,
        times: std::collections::HashMap<u64, Vec<i64>>,
        next: u64,
        written_again: u64,
        deepest: usize,
    }

    impl Device {
        fn add(&mut self, times: BTreeSet<i64>, beside: &[ChunkPlace]) {
            let table = Table { times: times.into_iter().collect(), ..Table::default() };
            let cuts = cuts(&table, &clusters(beside), SEAL_ROWS);
            let order = self.next;
            let mut start = 0;
            let ends = cuts.iter().map(|cut| table.times.partition_point(|time| time < cut)).chain([table.times.len()]);
            for end in ends {
                let (piece, file) = (table.times[start..end].to_vec(), self.next);
                let (first, last, rows) = (piece[0], piece[piece.len() - 1], piece.len() as u32);
                let (points, length) = (0, 0);
                self.chunks.push(ChunkPlace {
                    device: 0,
                    file,
                    offset: 0,
                    length,
                    order,
                    layer: 0,
                    rows,
                    points,
                    first,
                    last,
                });
                self.times.insert(file, piece);
                self.next += 1;
                start = end;
            }
        }

        fn seal(&mut self, times: impl IntoIterator<Item = i64>) {
            self.add(times.into_iter().collect(), &self.chunks.clone());
            while let Some(merge) = worth_merging(&self.chunks, SEAL_ROWS) {
                self.chunks.retain(|chunk| !merge.contains(chunk));
                let times: BTreeSet<i64> = merge.iter().flat_map(|chunk| self.times.remove(&chunk.file).unwrap()).collect();
                self.written_again += times.len() as u64;
                self.add(times, &self.chunks.clone());
            }
            let depth = clusters(&self.chunks).iter().map(|cluster| cluster.chunks.len()).max();
            self.deepest = self.deepest.max(depth.unwrap_or(0));
        }
    }

    /// Numbers that look random.
    fn scattered(number: i64, bound: i64) -> i64 {
        (number.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64) >> 20).rem_euclid(bound)
    }

    #[test]
    fn a_reading_at_a_time_in_order_makes_full_chunks() {
        let mut device = Device::default();
        (0..2000).for_each(|hour| device.seal((0..10).map(|row| hour * 10 + row)));
        assert_eq!(device.deepest, 1);
        assert!(device.chunks.len() < 2 * 20_000 / SEAL_ROWS + 24, "{} chunks", device.chunks.len());
        assert!(device.written_again < 8 * 20_000, "{} rows written again", device.written_again);
    }

    #[test]
    fn late_readings_one_by_one_neither_pile_up_nor_rewrite_everything() {
        let mut device = Device::default();
        device.seal((0..40_000).map(|row| row * 10));
        let late = 6_000;
        (0..late).for_each(|number| device.seal([scattered(number, 400_000)]));
        assert!(device.deepest <= 8, "{} chunks overlap", device.deepest);
        assert!(device.chunks.len() < 8 * 50, "{} chunks", device.chunks.len());
        assert!(device.written_again < 20 * late as u64, "{} rows written again", device.written_again);
    }

    #[test]
    fn corrections_all_over_history_stay_where_they_belong() {
        let mut device = Device::default();
        (0..40).for_each(|chunk| device.seal((0..1024).map(|row| (chunk * 1024 + row) * 10)));
        for round in 0..300 {
            device.seal((0..40).map(|chunk| (chunk * 1024 + scattered(round * 40 + chunk, 1024)) * 10 + 1));
        }
        let widest = device.chunks.iter().map(|chunk| chunk.last - chunk.first).max();
        assert!(widest <= Some(10_240), "{widest:?}");
        assert!(device.deepest <= 8 && device.chunks.len() < 8 * 40, "{} deep", device.deepest);
        assert!(device.written_again < 20 * 12_000, "{} rows written again", device.written_again);
    }

    #[test]
    fn a_file_that_is_imported_again_is_merged_at_once() {
        let mut device = Device::default();
        for _ in 0..5 {
            (0..20).for_each(|portion| device.seal((0..1024).map(|row| portion * 1024 + row)));
            assert_eq!((device.chunks.len(), device.deepest), (20, 1));
        }
    }

    #[test]
    fn history_that_arrives_backwards_becomes_full_chunks_too() {
        let mut device = Device::default();
        (0..1000).rev().for_each(|hour| device.seal((0..20).map(|row| hour * 20 + row)));
        assert!(device.chunks.len() < 2 * 20_000 / SEAL_ROWS + 24, "{} chunks", device.chunks.len());
        assert!(device.written_again < 8 * 20_000, "{} rows written again", device.written_again);
    }

    #[test]
    fn versions_that_were_merged_once_are_not_merged_for_ever() {
        let layer = |layer: u32| ChunkPlace {
            device: 0,
            file: 1,
            offset: u64::from(layer),
            length: 0,
            order: 7 + u64::from(layer),
            layer,
            rows: 60,
            points: 0,
            first: 0,
            last: 100,
        };
        let forecast: Vec<ChunkPlace> = (0..96).map(layer).collect();
        assert_eq!(worth_merging(&forecast, SEAL_ROWS), None);
        assert!(!clusters(&forecast)[0].is_untidy(&[], false) && clusters(&forecast)[0].is_untidy(&[], true));
    }
}
