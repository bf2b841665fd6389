//! Chance, reproducibly: one ChaCha stream a device, and values that wander around zero.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::model::Span;

/// The random numbers of one device: the same for the same seed and name, whatever other devices there are.
///
/// The key is the seed, the stream number is the FNV-1a hash of the name, and the cipher is `ChaCha8`: nothing of it
/// depends on the platform or on a library's taste in seeding.
#[derive(Debug, Clone)]
pub struct RandomStream(ChaCha8Rng);

impl RandomStream {
    /// The stream of that name under that seed.
    #[must_use]
    pub fn new(seed: u64, name: &str) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut generator = ChaCha8Rng::from_seed(key);
        generator.set_stream(
            name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
            }),
        );
        Self(generator)
    }

    /// Evenly spread in `[low, high)`.
    pub(crate) fn uniform(&mut self, low: f64, high: f64) -> f64 {
        let fraction = (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        low + (high - low) * fraction
    }

    /// Whether something happens that has that probability.
    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        self.uniform(0.0, 1.0) < probability
    }

    /// Near enough to a standard normal value, and never beyond 3.5: the sum of four uniform values, scaled to
    /// variance 1 (Irwin-Hall). It costs one draw and no transcendental function.
    pub(crate) fn normal(&mut self) -> f64 {
        let bits = self.0.next_u64();
        let sum: u64 = (0..4).map(|part| (bits >> (16 * part)) & 0xffff).sum();
        (sum as f64 - 131_070.0) / 65_536.0 * 1.732_050_807_568_877_2
    }
}

/// A value that wanders around zero with a standard deviation and a memory: an Ornstein-Uhlenbeck process in its exact
/// discretisation, so that any length of step gives the same statistics.
#[derive(Debug, Clone)]
pub(crate) struct Drift {
    value: f64,
    deviation: f64,
    memory: f64,
    /// What belongs to the last length of step: kept fraction and size of the shock.
    step: (Span, f64, f64),
}

impl Drift {
    /// Starts somewhere in its stationary spread; `memory` is the time constant in seconds.
    pub(crate) fn new(deviation: f64, memory: f64, stream: &mut RandomStream) -> Self {
        Self { value: deviation * stream.normal(), deviation, memory, step: (Span::default(), 1.0, 0.0) }
    }

    pub(crate) fn step(&mut self, step: Span, stream: &mut RandomStream) -> f64 {
        if self.step.0 != step {
            let kept = libm::exp(-step.as_seconds().max(0.0) / self.memory);
            self.step = (step, kept, self.deviation * (1.0 - kept * kept).sqrt());
        }
        let (_, kept, shock) = self.step;
        self.value = kept * self.value + shock * stream.normal();
        self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_numbers_of_a_stream_are_fixed_for_ever() {
        let mut stream = RandomStream::new(1, "home1.hem");
        let first = [stream.uniform(0.0, 1.0), stream.normal()];
        assert_eq!(first.map(f64::to_bits), [4_601_452_670_145_511_144, 13_817_050_652_236_992_277], "{first:?}");
    }

    #[test]
    fn normal_values_have_mean_zero_and_deviation_one() {
        let mut stream = RandomStream::new(7, "x");
        let values: Vec<f64> = (0..100_000).map(|_| stream.normal()).collect();
        let mean = values.iter().sum::<f64>() / 1e5;
        let variance = values.iter().map(|v| v * v).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
    }

    #[test]
    fn a_drift_spreads_the_same_in_short_and_in_long_steps() {
        for seconds in [1, 900] {
            let mut stream = RandomStream::new(3, "drift");
            let mut drift = Drift::new(2.0, 300.0, &mut stream);
            let n = 200_000;
            let sum: f64 = (0..n).map(|_| drift.step(Span::from_seconds(seconds), &mut stream).powi(2)).sum();
            let deviation = (sum / f64::from(n)).sqrt();
            assert!((deviation - 2.0).abs() < 0.25, "step {seconds} s: {deviation}");
        }
    }
}
