//! Sites with known faults: a generator of clean telemetry, faults that are planted into it, and a score of what the doctor
//! finds. The tests and the figures share it; everything follows from a seed.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod faults;
pub mod random;
pub mod score;
pub mod sites;
