use std::ops::{Add, Div, Mul, Sub};

/// A number that is known up to an error, and what is computed of such numbers. The rounding of the computation itself is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measured {
    pub value: f64,
    pub error: f64,
}

impl Measured {
    /// A number without error.
    pub const fn exactly(value: f64) -> Self {
        Self { value, error: 0.0 }
    }

    /// The largest size that it may have.
    pub fn size(self) -> f64 {
        self.value.abs() + self.error
    }

    /// Its square.
    pub fn square(self) -> Self {
        self * self
    }
}

impl Add for Measured {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        Self { value: self.value + other.value, error: self.error + other.error }
    }
}

impl Sub for Measured {
    type Output = Self;
    #[inline]
    fn sub(self, other: Self) -> Self {
        Self { value: self.value - other.value, error: self.error + other.error }
    }
}

impl Mul for Measured {
    type Output = Self;
    #[inline]
    fn mul(self, other: Self) -> Self {
        let error = self.error * other.size() + self.value.abs() * other.error;
        Self { value: self.value * other.value, error }
    }
}

impl Div for Measured {
    type Output = Self;
    /// The error is infinite where the divisor may be 0.
    #[inline]
    fn div(self, other: Self) -> Self {
        let least = other.value.abs() - other.error;
        let value = self.value / other.value;
        let error = (self.error + value.abs() * other.error) / least;
        Self { value, error: if least > 0.0 { error } else { f64::INFINITY } }
    }
}
