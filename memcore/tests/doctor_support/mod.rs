//! Sites with known faults: a generator of clean telemetry, faults that are planted into it, and a score of what the doctor
//! finds. The tests and the figures share it; everything follows from a seed.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub(crate) mod faults;
pub(crate) mod random;
pub(crate) mod score;
pub(crate) mod sites;
