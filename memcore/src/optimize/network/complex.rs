//! Complex numbers, as far as alternating current needs them.

use std::ops::{Add, Div, Mul, Sub};

/// A complex number.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Complex {
    pub(super) re: f64,
    pub(super) im: f64,
}

impl Complex {
    pub(super) const fn new(re: f64, im: f64) -> Self {
        Self { re, im }
    }

    /// Of that length and angle, in radians.
    pub(super) fn polar(length: f64, angle: f64) -> Self {
        Self::new(length * angle.cos(), length * angle.sin())
    }

    pub(super) fn conjugate(self) -> Self {
        Self::new(self.re, -self.im)
    }

    /// Its length. By a square root alone, which has the same bits everywhere.
    pub(super) fn length(self) -> f64 {
        self.squared().sqrt()
    }

    /// The square of its length.
    pub(super) fn squared(self) -> f64 {
        self.re * self.re + self.im * self.im
    }
}

impl Add for Complex {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::new(self.re + other.re, self.im + other.im)
    }
}

impl Sub for Complex {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self::new(self.re - other.re, self.im - other.im)
    }
}

impl Mul for Complex {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self::new(self.re * other.re - self.im * other.im, self.re * other.im + self.im * other.re)
    }
}

impl Div for Complex {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let numerator = self * other.conjugate();
        Self::new(numerator.re / other.squared(), numerator.im / other.squared())
    }
}
