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

    /// The largest |x|.
    pub fn magnitude(self) -> f64 {
        self.lower.abs().max(self.upper.abs())
    }

    /// |x|.
    pub fn absolute(self) -> Self {
        let least = if self.lower <= 0.0 && self.upper >= 0.0 { 0.0 } else { self.lower.abs().min(self.upper.abs()) };
        Self::new(least, self.magnitude())
    }

    /// What lies in both intervals, which enclose the same number.
    pub fn both(self, other: Self) -> Self {
        Self::new(self.lower.max(other.lower), self.upper.min(other.upper))
    }

    /// The natural logarithm; the whole line where some number is not positive.
    ///
    /// Only the four operations are trusted, not a library's logarithm (`proofs-notes/certified_tracking.md`).
    pub fn ln(self) -> Self {
        if !(self.lower > 0.0 && self.upper < f64::INFINITY) {
            return Self::WHOLE;
        }
        Self::new(logarithm(self.lower).lower, logarithm(self.upper).upper)
    }

    /// One unit of rounding outwards: each bound was the nearest float to its number.
    fn outwards(lower: f64, upper: f64) -> Self {
        Self::new(lower.next_down(), upper.next_up())
    }
}

/// log 2 lies next to the float that is nearest to it.
const LN_2: Enclosure =
    Enclosure { lower: std::f64::consts::LN_2.next_down(), upper: std::f64::consts::LN_2.next_up() };

/// log x = k log 2 + 2 artanh z of a finite x = m·2ᵏ > 0 with ¾ ≤ m < 1½, z = (m − 1)/(m + 1).
fn logarithm(x: f64) -> Enclosure {
    const SUBNORMAL: f64 = (1u64 << 54) as f64;
    const EXPONENT: u64 = 0x7ff << 52;
    let (x, shift) = if x < f64::MIN_POSITIVE { (x * SUBNORMAL, 54) } else { (x, 0) };
    let exponent = (x.to_bits() >> 52) as i32 - 1023 - shift;
    let fraction = f64::from_bits(x.to_bits() & !EXPONENT | 1.0f64.to_bits());
    let (m, k) = if fraction < 1.5 { (fraction, exponent) } else { (0.5 * fraction, exponent + 1) };
    let (m, one) = (Enclosure::from_f64(m), Enclosure::from_f64(1.0));
    Enclosure::from_f64(f64::from(k)) * LN_2 + twice_artanh((m - one) / (m + one))
}

/// 2 artanh z = 2zΣz²ⁱ/(2i + 1) for |z| ≤ 1/3. The terms from `TERMS` on add up to between 0 and z²ᴺ/((2N + 1)(1 − z²)).
fn twice_artanh(z: Enclosure) -> Enclosure {
    const TERMS: u32 = 18;
    let exactly = Enclosure::from_f64;
    let (one, square) = (exactly(1.0), z * z);
    let odd = |i: u32| exactly(f64::from(2 * i + 1));
    let power = (0..TERMS).fold(one, |power, _| power * square);
    let rest = (power / (odd(TERMS) * (one - square))).magnitude();
    let sum = (0..TERMS).rev().fold(exactly(0.0), |sum, i| one / odd(i) + square * sum);
    exactly(2.0) * z * (sum + Enclosure::new(0.0, rest))
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

    proptest! {
        /// The double-double logarithm lies inside, and the ends are a few units of rounding apart.
        #[test]
        fn logarithms_enclose(exponent in -300.0..300.0f64) {
            let x = 10f64.powf(exponent);
            let found = Enclosure::from_f64(x).ln();
            let value = Quad::from_f64(x).transcendental(crate::arithmetic::Transcendental::Logarithm);
            prop_assert!(Quad::from_f64(found.lower) <= value && value <= Quad::from_f64(found.upper), "{x:e}");
            prop_assert!(found.radius() <= 8.0 * f64::EPSILON * found.magnitude().max(0.1), "{x:e}: {found:?}");
        }
    }

    #[test]
    fn logarithms_at_their_limits() {
        let ln = |x: f64| Enclosure::from_f64(x).ln();
        let of_two = twice_artanh(Enclosure::from_f64(1.0) / Enclosure::from_f64(3.0));
        assert!(of_two.radius() < 2e-15 && of_two.lower < LN_2.upper && LN_2.lower < of_two.upper);
        let one = ln(1.0);
        assert!(one.lower <= 0.0 && one.upper >= 0.0 && one.radius() < 1e-300);
        // 2⁻¹⁰⁷⁴, the least positive double.
        let least = ln(f64::from_bits(1));
        let expected = -1074.0 * std::f64::consts::LN_2;
        assert!((least.middle() - expected).abs() < 1e-12);
        assert_eq!(ln(0.0), Enclosure::WHOLE);
        assert_eq!(ln(-1.0), Enclosure::WHOLE);
        assert_eq!(ln(f64::INFINITY), Enclosure::WHOLE);
        let wide = Enclosure::new(1.0, 2.0).ln();
        assert!(wide.lower <= 0.0 && wide.upper >= std::f64::consts::LN_2 && wide.upper < 0.7);
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
