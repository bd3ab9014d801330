//! A number with a bound on its error: the running error analysis of a computation in doubles.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::{Base, Real, Scalar, Transcendental};

/// A double, and how far the real number that it stands for may lie from it. Each operation adds its own rounding to what its operands'
/// errors become, to first order in the unit roundoff and a margin of 2⁻⁴⁰ for the rest, so that a computation in other arithmetic has the bound
/// in proportion. The last digits of the bound are not rigorous; those of an [`Enclosure`](super::Enclosure) are. The bound is infinite where an
/// operation is undefined for some number within the operands' bounds: a quotient by 0, the root of a negative number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ball {
    pub center: f64,
    pub radius: f64,
}

/// The factor that covers the rounding of the bounds themselves and the products of errors.
const MARGIN: f64 = 1.0 + 1.0 / (1u64 << 40) as f64;

impl Ball {
    fn new(center: f64, radius: f64) -> Self {
        let rounded = (radius + f64::UNIT_ROUNDOFF * center.abs()) * MARGIN;
        Self { center, radius: if rounded.is_nan() || !center.is_finite() { f64::INFINITY } else { rounded } }
    }

    /// Whether anything is known of the number.
    pub fn is_bounded(self) -> bool {
        self.center.is_finite() && self.radius.is_finite()
    }
}

impl Neg for Ball {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        Self { center: -self.center, radius: self.radius }
    }
}

impl Add for Ball {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        Self::new(self.center + other.center, self.radius + other.radius)
    }
}

impl Sub for Ball {
    type Output = Self;
    #[inline]
    fn sub(self, other: Self) -> Self {
        Self::new(self.center - other.center, self.radius + other.radius)
    }
}

impl Mul for Ball {
    type Output = Self;
    #[inline]
    fn mul(self, other: Self) -> Self {
        let radius = self.center.abs() * other.radius + (other.center.abs() + other.radius) * self.radius;
        // An exact 0 times a number with an infinite bound is still 0.
        let nothing = |ball: Self| ball.center == 0.0 && ball.radius == 0.0;
        let radius = if nothing(self) || nothing(other) { 0.0 } else { radius };
        Self::new(self.center * other.center, radius)
    }
}

impl Div for Ball {
    type Output = Self;
    #[inline]
    fn div(self, other: Self) -> Self {
        let quotient = self.center / other.center;
        let least = other.center.abs() - other.radius;
        let radius = if least > 0.0 { (self.radius + quotient.abs() * other.radius) / least } else { f64::INFINITY };
        Self::new(quotient, radius)
    }
}

impl Scalar for Ball {
    type Base = Self;
    const PLANES: usize = 1;

    #[inline]
    fn from_base(x: Self) -> Self {
        x
    }

    #[inline]
    fn sqrt(self) -> Self {
        let least = self.center - self.radius;
        // |√(x + e) − √x| = |e|/(√(x + e) + √x).
        let root = self.center.max(0.0).sqrt();
        let radius = match least {
            _ if self.radius == 0.0 && self.center >= 0.0 => 0.0,
            least if least >= 0.0 => self.radius / (root + least.sqrt()),
            _ => f64::INFINITY,
        };
        Self::new(root, radius)
    }

    #[inline]
    fn planes(slice: &[Self]) -> &[Self] {
        slice
    }

    #[inline]
    fn planes_mut(slice: &mut [Self]) -> &mut [Self] {
        slice
    }

    fn transcendental(self, function: Transcendental) -> Self {
        let Self { center, radius } = self;
        let value = center.transcendental(function);
        // The largest slope on the ball.
        let slope = match function {
            Transcendental::Exponential => (center + radius).exp(),
            Transcendental::Logarithm if center > radius => 1.0 / (center - radius),
            Transcendental::Logarithm => f64::INFINITY,
            Transcendental::Tanh | Transcendental::Softplus | Transcendental::Sine | Transcendental::Cosine => 1.0,
            Transcendental::Logistic => 0.25,
            // 2/√π, rounded up.
            Transcendental::ErrorFunction => std::f64::consts::FRAC_2_SQRT_PI.next_up(),
        };
        let carried = if radius == 0.0 { 0.0 } else { slope * radius };
        // A function of the mathematical library is right to a few units in the last place.
        Self::new(value, carried + 4.0 * f64::UNIT_ROUNDOFF * value.abs())
    }
}

impl Base for Ball {
    const VECTORIZED: bool = false;
    const HAS_SIGNS: bool = true;
    const HAS_TRANSCENDENTALS: bool = true;
    const IS_EXACT: bool = false;

    fn from_f64(x: f64) -> Self {
        Self { center: x, radius: 0.0 }
    }

    fn is_positive(self) -> bool {
        self.center > 0.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::arithmetic::Quad;

    /// x³/(1 + √(x² + y)) − tanh(xy), whose parts cancel for some.
    fn computed<T: Scalar>(x: T, y: T) -> T {
        let root = (x * x + y).sqrt();
        x * x * x / (T::constant(1.0) + root) - (x * y).transcendental(Transcendental::Tanh)
    }

    proptest! {
        /// What double-double sees of a computation's error lies within the bound.
        #[test]
        fn the_bound_holds(x in -10.0..10.0f64, y in 0.0..10.0f64) {
            let ball = computed(Ball::from_f64(x), Ball::from_f64(y));
            let precise = computed(Quad::from_f64(x), Quad::from_f64(y));
            prop_assert_eq!(ball.center, computed(x, y));
            prop_assert!((precise - Quad::from_f64(ball.center)).to_f64().abs() <= ball.radius);
            prop_assert!(ball.radius <= 1e3 * f64::UNIT_ROUNDOFF * (1.0 + x.abs().powi(3)));
        }
    }

    #[test]
    fn what_is_not_known_has_no_bound() {
        let near_zero = Ball { center: 1e-20, radius: 1e-19 };
        let one = Ball::from_f64(1.0);
        assert!(!(one / near_zero).is_bounded());
        assert!(!Ball { center: -1e-20, radius: 1e-19 }.sqrt().is_bounded());
        assert!((one / Ball::from_f64(0.0)).radius.is_infinite());
        assert!(Ball::from_f64(0.0).sqrt().is_bounded());
    }
}
