//! One number for every step, or one for all of them.

use std::fmt;

use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

/// A value over the horizon: the same in every step, or one per step.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Profile {
    /// The same in every step.
    Constant(f64),
    /// One per step; as many as the horizon has steps.
    Steps(Vec<f64>),
}

impl Profile {
    /// The value in a step. NaN past the end, which [`Site::check`](super::Site::check) refuses.
    #[must_use]
    pub fn at(&self, step: usize) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Steps(values) => values.get(step).copied().unwrap_or(f64::NAN),
        }
    }

    /// How many values there are; None for a constant.
    #[must_use]
    pub fn len(&self) -> Option<usize> {
        match self {
            Self::Constant(_) => None,
            Self::Steps(values) => Some(values.len()),
        }
    }

    /// Whether it holds no value at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// The values that it holds, one for a constant.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        match self {
            Self::Constant(value) => std::slice::from_ref(value),
            Self::Steps(values) => values,
        }
    }

    /// Its least and its highest value. What is no number is neither.
    pub(in crate::optimize) fn extremes(&self) -> (f64, f64) {
        // Eight at a time, none of which waits for another.
        let (mut least, mut most) = ([f64::INFINITY; 8], [f64::NEG_INFINITY; 8]);
        let (eights, rest) = self.values().as_chunks::<8>();
        for eight in eights {
            for ((value, least), most) in eight.iter().zip(&mut least).zip(&mut most) {
                *least = if value < least { *value } else { *least };
                *most = if value > most { *value } else { *most };
            }
        }
        let values = || rest.iter().copied();
        let least = values().chain(least).fold(f64::INFINITY, f64::min);
        (least, values().chain(most).fold(f64::NEG_INFINITY, f64::max))
    }

    /// The part that belongs to a range of steps.
    #[must_use]
    pub fn part(&self, steps: std::ops::Range<usize>) -> Self {
        match self {
            Self::Constant(value) => Self::Constant(*value),
            Self::Steps(values) => Self::Steps(values.get(steps).unwrap_or_default().to_vec()),
        }
    }

    /// Every value through a function.
    #[must_use]
    pub fn map(&self, change: impl Fn(f64) -> f64) -> Self {
        match self {
            Self::Constant(value) => Self::Constant(change(*value)),
            Self::Steps(values) => Self::Steps(values.iter().map(|value| change(*value)).collect()),
        }
    }
}

/// Read without a detour: a year of steps is long, and what is wrong is said as it is.
impl<'de> Deserialize<'de> for Profile {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Given;

        impl<'de> Visitor<'de> for Given {
            type Value = Profile;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or one number per step")
            }

            fn visit_f64<E>(self, value: f64) -> Result<Profile, E> {
                Ok(Profile::Constant(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Profile, E> {
                Ok(Profile::Constant(value as f64))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Profile, E> {
                Ok(Profile::Constant(value as f64))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut steps: A) -> Result<Profile, A::Error> {
                let mut values = Vec::with_capacity(steps.size_hint().unwrap_or(0).min(super::MAX_STEPS));
                while let Some(value) = steps.next_element()? {
                    values.push(value);
                }
                Ok(Profile::Steps(values))
            }
        }

        from.deserialize_any(Given)
    }
}

impl Default for Profile {
    /// Not given, which [`Site::check`](super::Site::check) refuses where a value is needed.
    fn default() -> Self {
        Self::Constant(f64::NAN)
    }
}

impl From<f64> for Profile {
    fn from(value: f64) -> Self {
        Self::Constant(value)
    }
}

impl From<Vec<f64>> for Profile {
    fn from(values: Vec<f64>) -> Self {
        Self::Steps(values)
    }
}

impl From<&[f64]> for Profile {
    fn from(values: &[f64]) -> Self {
        Self::Steps(values.to_vec())
    }
}

impl<const N: usize> From<[f64; N]> for Profile {
    fn from(values: [f64; N]) -> Self {
        Self::Steps(values.to_vec())
    }
}
