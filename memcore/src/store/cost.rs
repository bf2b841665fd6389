//! What an answer has cost: what was read, decoded, or had from summaries alone.

use std::fmt;

/// What answering a query took. Counted for every query; `Display` gives it as lines for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Cost {
    /// Sealed chunks that were looked into.
    pub chunks: u64,
    /// Pages whose values were decoded.
    pub pages_decoded: u64,
    /// Pages that were answered by their summaries.
    pub pages_summarized: u64,
    /// Values that were decoded, those of pages that hold one value all along included.
    pub points_decoded: u64,
    /// Values that were answered by summaries.
    pub points_summarized: u64,
    /// Bytes of chunks that were read.
    pub bytes_read: u64,
    /// Values that were read from memory, since they are not sealed yet.
    pub unsealed_points: u64,
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, more: Self) {
        self.chunks += more.chunks;
        self.pages_decoded += more.pages_decoded;
        self.pages_summarized += more.pages_summarized;
        self.points_decoded += more.points_decoded;
        self.points_summarized += more.points_summarized;
        self.bytes_read += more.bytes_read;
        self.unsealed_points += more.unsealed_points;
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "chunks read        {:>12}", self.chunks)?;
        writeln!(f, "bytes read         {:>12}", self.bytes_read)?;
        writeln!(f, "pages decoded      {:>12}  ({} points)", self.pages_decoded, self.points_decoded)?;
        writeln!(f, "pages summarized   {:>12}  ({} points)", self.pages_summarized, self.points_summarized)?;
        write!(f, "unsealed points    {:>12}", self.unsealed_points)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_as_a_table() {
        let mut cost = Cost { chunks: 2, pages_decoded: 3, points_decoded: 1440, ..Cost::default() };
        cost += Cost { pages_summarized: 9, points_summarized: 4320, ..cost };
        let text = cost.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "chunks read                   4");
        assert_eq!(lines[2], "pages decoded                 6  (2880 points)");
        assert_eq!(lines[3], "pages summarized              9  (4320 points)");
    }
}
