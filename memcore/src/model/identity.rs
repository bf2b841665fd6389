//! By what devices prove who they are, and what they may do: as told to people, nothing secret.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::name::shorten;
use super::time::Timestamp;
use crate::error::{Error, Result};

/// How a device proves itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofKind {
    /// A secret.
    #[default]
    Secret,
    /// A client certificate of the site's CA.
    Certificate,
}

impl ProofKind {
    /// `secret` or `certificate`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Certificate => "certificate",
        }
    }
}

impl fmt::Display for ProofKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ProofKind {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "secret" => Ok(Self::Secret),
            "certificate" => Ok(Self::Certificate),
            other => Err(Error::invalid(format!("proof is {:?}, expected secret or certificate", shorten(other)))),
        }
    }
}

/// One proof of an enrolled device. After a rotation a device has two for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceProof {
    /// Tells the proofs of a device apart; nothing can be proved with it.
    pub id: String,
    /// What it is.
    pub kind: ProofKind,
    /// When it was handed out.
    pub issued: Timestamp,
    /// It logs in until then, after a rotation; without one, for as long as the device is enrolled.
    pub until: Option<Timestamp>,
    /// When the certificate itself ends, where it is one and its end is known.
    pub ends: Option<Timestamp>,
    /// When the device last logged in with it.
    pub last_used: Option<Timestamp>,
}

/// How many points a device may send: a sustained rate, and how far it may run ahead of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PointRate {
    /// Points a second, sustained; above 0.
    pub per_second: f64,
    /// Points that may come at once; 1 at least.
    pub burst: f64,
}

impl PointRate {
    /// A rate with a burst; ten seconds' worth unless told otherwise.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), naming the field, where one is no number from 1 up.
    pub fn new(per_second: f64, burst: Option<f64>) -> Result<Self> {
        let burst = burst.unwrap_or(per_second * 10.0);
        for (field, value) in [("points_per_s", per_second), ("burst", burst)] {
            if !value.is_finite() || value < 1.0 {
                return Err(Error::invalid(format!("{field} is {value}, expected a number of points from 1 up")));
            }
        }
        Ok(Self { per_second, burst })
    }
}

impl fmt::Display for PointRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} points/s, {} at once", self.per_second, self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_that_lets_nothing_through_is_refused_by_its_name() {
        assert_eq!(PointRate::new(100.0, None).unwrap(), PointRate { per_second: 100.0, burst: 1000.0 });
        for (rate, burst, field) in
            [(0.0, None, "points_per_s"), (f64::NAN, None, "points_per_s"), (5.0, Some(0.5), "burst")]
        {
            let e = PointRate::new(rate, burst).unwrap_err();
            assert!(e.message().starts_with(field), "{e}");
        }
    }
}
