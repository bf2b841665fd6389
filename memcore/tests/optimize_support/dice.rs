//! Random numbers from a seed, the same on every machine: splitmix64 (Steele, Lea and Flood 2014).

pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5EED)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From `low` to `high`, both among them.
    pub(crate) fn whole(&mut self, low: i64, high: i64) -> i64 {
        low + (self.next() % (high - low + 1) as u64) as i64
    }

    /// A number of two digits after the point, from `low` to below `high`.
    pub(crate) fn number(&mut self, low: f64, high: f64) -> f64 {
        let share = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        ((low + share * (high - low)) * 100.0).round() / 100.0
    }

    /// True `percent` times of a hundred.
    pub(crate) fn often(&mut self, percent: i64) -> bool {
        self.whole(1, 100) <= percent
    }

    /// One number per step.
    pub(crate) fn numbers(&mut self, steps: usize, low: f64, high: f64) -> Vec<f64> {
        (0..steps).map(|_| self.number(low, high)).collect()
    }

    /// One whole number of thousands per step.
    pub(crate) fn thousands(&mut self, steps: usize, low: i64, high: i64) -> Vec<f64> {
        (0..steps).map(|_| 1_000.0 * self.whole(low, high) as f64).collect()
    }
}
