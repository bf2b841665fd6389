//! Which chunks of a device overlap in time, and which of them are worth merging. Works on what the manifest says of chunks;
//! nothing is read here.
//!
//! Sealing cuts rows at the ends of clusters (S33), so late rows overlap only what they correct. Two rules then keep a device
//! tidy; both merge what nothing else lies between, so the result may take an order above all (S34):
//! - In a cluster of more than [`DEEP`] sealings the latest are merged, as many as do not outweigh those after them
//!   [`OUTWEIGHS`] times. What remains is each more than that many times what lies above it: of 65,536 rows at most
//!   `1 + log5(65,536)`, less than 8, in a chunk's own time. A row that is written again finds itself with at least a
//!   quarter more: at most 50 times (`log1.25(65,536)`) for rows that come one by one, about 8 times in practice.
//! - [`MANY`] or more small clusters that follow each other in time are merged, unless one is larger than twice all others:
//!   a row is written again at most 22 times (`log1.5(32,768 / 4)`) before it lies in a chunk that is not small.

use super::chunk::ChunkPlace;
use super::erasure::Erasure;
use super::table::Table;

/// As many sealings may overlap before some of them are merged.
pub(super) const DEEP: usize = 4;
/// A chunk is not rewritten for rows of which there is less than one for so many of its own.
const OUTWEIGHS: u64 = 4;
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
    fn overlay(&self) -> Option<&[&ChunkPlace]> {
        let sealings = self.sealings();
        if sealings.len() <= DEEP {
            return None;
        }
        let (mut above, mut from) = (0, None);
        for (rows, at) in sealings.iter().rev() {
            if above > 0 && *rows <= OUTWEIGHS * above {
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
        .find_map(Cluster::overlay)
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
