//! Intervals that enclose what a computation in real numbers would give.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::{Base, Scalar};

/// All real numbers from `lower` to `upper`. Each operation rounds outwards, so that its result encloses every result on numbers of
/// its operands. Where some result is undefined (a quotient by 0, the root of a negative number), the interval is the whole line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Enclosure {
    pub lower: f64,
    pub upper: f64,
}

impl Enclosure {
    /// The interval of which nothing is known.
    pub const WHOLE: Self = Self { lower: f64::NEG_INFINITY, upper: f64::INFINITY };

    /// The interval of two numbers in order; the whole line where they are none.
    pub fn new(lower: f64, upper: f64) -> Self {
        if lower <= upper { Self { lower, upper } } else { Self::WHOLE }
    }

    /// The point in the middle, as far as floats have it.
    pub fn middle(self) -> f64 {
        0.5 * self.lower + 0.5 * self.upper
    }

    /// How far either end is from the middle, at most.
    pub fn radius(self) -> f64 {
        (self.upper - self.middle()).max(self.middle() - self.lower).next_up()
    }

    /// One unit of rounding outwards: each bound was the nearest float to its number.
    fn outwards(lower: f64, upper: f64) -> Self {
        Self::new(lower.next_down(), upper.next_up())
    }
}

impl Neg for Enclosure {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        Self { lower: -self.upper, upper: -self.lower }
    }
}

impl Add for Enclosure {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        Self::outwards(self.lower + other.lower, self.upper + other.upper)
    }
}

impl Sub for Enclosure {
    type Output = Self;
    #[inline]
    fn sub(self, other: Self) -> Self {
        Self::outwards(self.lower - other.upper, self.upper - other.lower)
    }
}

impl Mul for Enclosure {
    type Output = Self;
    #[inline]
    fn mul(self, other: Self) -> Self {
        let products =
            [self.lower * other.lower, self.lower * other.upper, self.upper * other.lower, self.upper * other.upper];
        // 0·∞ is undefined, and comparisons would pass over it.
        if products.iter().any(|product| product.is_nan()) {
            return Self::WHOLE;
        }
        let [a, b, c, d] = products;
        Self::outwards(a.min(b).min(c.min(d)), a.max(b).max(c.max(d)))
    }
}

impl Div for Enclosure {
    type Output = Self;
    #[allow(clippy::suspicious_arithmetic_impl, reason = "a quotient is a product with an enclosure of the inverse")]
    #[inline]
    fn div(self, other: Self) -> Self {
        if other.lower <= 0.0 && other.upper >= 0.0 {
            return Self::WHOLE;
        }
        self * Self::outwards(1.0 / other.upper, 1.0 / other.lower)
    }
}

impl Scalar for Enclosure {
    type Base = Self;
    const PLANES: usize = 1;

    #[inline]
    fn from_base(x: Self) -> Self {
        x
    }

    #[inline]
    fn sqrt(self) -> Self {
        if self.lower < 0.0 { Self::WHOLE } else { Self::outwards(self.lower.sqrt(), self.upper.sqrt()) }
    }

    #[inline]
    fn planes(slice: &[Self]) -> &[Self] {
        slice
    }

    #[inline]
    fn planes_mut(slice: &mut [Self]) -> &mut [Self] {
        slice
    }
}

impl Base for Enclosure {
    const VECTORIZED: bool = false;
    const HAS_SIGNS: bool = false;
    const HAS_TRANSCENDENTALS: bool = false;
    const IS_EXACT: bool = false;

    #[inline]
    fn from_f64(x: f64) -> Self {
        Self::new(x, x)
    }

    fn is_positive(self) -> bool {
        self.lower > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use qd::Quad;

    fn interval() -> impl Strategy<Value = (Enclosure, f64)> {
        (-3.0..3.0f64, 0.0..1.0f64, 0.0..1.0f64)
            .prop_map(|(lower, width, part)| (Enclosure::new(lower, lower + width), lower + part * width))
            .prop_filter("rounding may put it outside", |(x, inside)| (x.lower..=x.upper).contains(inside))
    }

    proptest! {
        /// Double-double results of numbers inside lie inside, and sums are no wider than they must be.
        #[test]
        fn operations_enclose(((x, a), (y, b)) in (interval(), interval())) {
            let (p, q) = (Quad::from(a), Quad::from(b));
            let holds = |enclosure: Enclosure, value: Quad| {
                let value = value.0;
                enclosure.lower <= value && value <= enclosure.upper
            };
            prop_assert!(holds(x + y, p + q));
            prop_assert!(holds(x - y, p - q));
            prop_assert!(holds(x * y, p * q));
            prop_assert!(holds(x / y, p / q) || b == 0.0);
            prop_assert!(holds((x * x).sqrt(), (p * p).sqrt()));
            prop_assert!((x + y).radius() <= x.radius() + y.radius() + 1e-14);
        }
    }

    #[test]
    fn what_is_undefined_is_the_whole_line() {
        let around_zero = Enclosure::new(-1.0, 2.0);
        assert_eq!(Enclosure::from_f64(1.0) / around_zero, Enclosure::WHOLE);
        assert_eq!(around_zero.sqrt(), Enclosure::WHOLE);
        assert_eq!(Enclosure::from_f64(0.0) * Enclosure::WHOLE, Enclosure::WHOLE);
        assert_eq!(Enclosure::new(f64::NAN, 1.0), Enclosure::WHOLE);
    }
}
