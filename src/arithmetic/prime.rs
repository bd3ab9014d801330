//! Prime fields: exact arithmetic in which an algebraic identity holds or does not.

use std::fmt;
use std::ops::{Add, Div, Mul, Neg, Sub};

use faer::{MatMut, MatRef};

use super::{Base, Field, Scalar};

/// An element of F(P) for a prime P, below 2⁶⁰ or within 2²⁹ below 2⁶¹, with P ≡ 3 (mod 4), or *undefined*, which absorbs every operation as NaN does.
///
/// Squares play the positive numbers: −1 is no square, and the canonical root a^((P+1)/4) of a square is itself a square,
/// so that √(ab) = √a·√b. Undefined are quotients by 0, roots of non-squares and every transcendental function.
#[derive(Clone, Copy)]
pub struct PrimeField<const P: u64>(u64);

/// F(2⁶¹ − 1).
pub type FirstField = PrimeField<{ (1 << 61) - 1 }>;
/// F(2⁶¹ − 229): a second prime, since one can divide a coefficient of a wrong identity.
pub type SecondField = PrimeField<{ (1 << 61) - 229 }>;

const UNDEFINED: u64 = u64::MAX;

impl<const P: u64> PrimeField<P> {
    /// `n` modulo P.
    pub fn new(n: u64) -> Self {
        Self(n % P)
    }

    fn power(self, mut exponent: u64) -> Self {
        let (mut base, mut power) = (self, Self(1));
        while exponent > 0 {
            if exponent & 1 == 1 {
                power = power * base;
            }
            base = base * base;
            exponent >>= 1;
        }
        power
    }

    /// A number with a fraction, or one that is large or no number. 1/2 is (P + 1)/2.
    fn from_fraction(x: f64) -> Self {
        if !x.is_finite() {
            return Self(UNDEFINED);
        }
        let exponent_bits = ((x.to_bits() >> 52) & 0x7ff) as i32;
        let fraction = x.to_bits() & ((1 << 52) - 1);
        let (mantissa, exponent) =
            if exponent_bits == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent_bits - 1075) };
        let two = if exponent < 0 { Self(P.div_ceil(2)) } else { Self(2) };
        let magnitude = Self::new(mantissa) * two.power(exponent.unsigned_abs().into());
        if x < 0.0 { -magnitude } else { magnitude }
    }

    /// x modulo P for x < 2¹²³. A prime just below 2⁶¹ needs no division: 2⁶¹ = 2⁶¹ − P modulo P.
    #[inline(always)]
    const fn reduce(x: u128) -> u64 {
        const BITS: u32 = 61;
        const LOW: u128 = (1 << BITS) - 1;
        let rest = (1u64 << BITS).wrapping_sub(P);
        if P < 1 << 60 {
            return (x % P as u128) as u64;
        }
        // Each fold takes `rest` times what stands above 2⁶¹: it leaves less than 2⁶¹·(1 + rest) at first, and less than 2P at last.
        let x = (x >> BITS) * rest as u128 + (x & LOW);
        let x = (x >> BITS) as u64 * rest + (x & LOW) as u64;
        if x >= P { x - P } else { x }
    }

    #[inline(always)]
    fn defined(self, other: Self, value: impl FnOnce(u64, u64) -> u64) -> Self {
        if self.is_defined() && other.is_defined() { Self(value(self.0, other.0)) } else { Self(UNDEFINED) }
    }
}

/// A sum of products that is reduced at its end.
#[derive(Default)]
struct SumOfProducts<const P: u64> {
    sum: u128,
    is_undefined: bool,
}

impl<const P: u64> SumOfProducts<P> {
    /// Adds a·b < 2¹²². The sum never reaches 2¹²³, because a sum from 2¹²² on is brought below P.
    #[inline(always)]
    fn add(&mut self, a: PrimeField<P>, b: PrimeField<P>) {
        const FULL: u128 = 1 << 122;
        if !(a.is_defined() && b.is_defined()) {
            self.is_undefined = true;
            return;
        }
        self.sum += u128::from(a.0) * u128::from(b.0);
        if self.sum >= FULL {
            self.sum = PrimeField::<P>::reduce(self.sum).into();
        }
    }

    #[inline(always)]
    fn reduced(self) -> PrimeField<P> {
        PrimeField(if self.is_undefined { UNDEFINED } else { PrimeField::<P>::reduce(self.sum) })
    }
}

/// Undefined equals nothing, itself included.
impl<const P: u64> PartialEq for PrimeField<P> {
    fn eq(&self, other: &Self) -> bool {
        self.is_defined() && self.0 == other.0
    }
}

impl<const P: u64> fmt::Debug for PrimeField<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_defined() { write!(f, "{}", self.0) } else { f.write_str("undefined") }
    }
}

impl<const P: u64> Neg for PrimeField<P> {
    type Output = Self;
    fn neg(self) -> Self {
        Self(0) - self
    }
}

impl<const P: u64> Add for PrimeField<P> {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        self.defined(other, |a, b| if a + b >= P { a + b - P } else { a + b })
    }
}

impl<const P: u64> Sub for PrimeField<P> {
    type Output = Self;
    #[inline]
    fn sub(self, other: Self) -> Self {
        self.defined(other, |a, b| if a >= b { a - b } else { a + (P - b) })
    }
}

impl<const P: u64> Mul for PrimeField<P> {
    type Output = Self;
    #[inline]
    fn mul(self, other: Self) -> Self {
        self.defined(other, |a, b| Self::reduce(u128::from(a) * u128::from(b)))
    }
}

impl<const P: u64> Div for PrimeField<P> {
    type Output = Self;
    /// The inverse is 1/a = a^(P−2), by Fermat's theorem.
    #[allow(clippy::suspicious_arithmetic_impl, reason = "the inverse is a power")]
    fn div(self, other: Self) -> Self {
        if other.0 == 0 { Self(UNDEFINED) } else { self * other.power(P - 2) }
    }
}

impl<const P: u64> Scalar for PrimeField<P> {
    type Base = Self;
    const PLANES: usize = 1;

    #[inline]
    fn from_base(x: Self) -> Self {
        x
    }

    fn sqrt(self) -> Self {
        let root = self.power(P.div_ceil(4));
        if root * root == self { root } else { Self(UNDEFINED) }
    }

    #[inline(always)]
    fn sum_of_products(last: usize, factors: impl Fn(usize) -> (Self, Self)) -> Self {
        let mut sum = SumOfProducts::default();
        (0..=last).for_each(|i| {
            let (a, b) = factors(i);
            sum.add(a, b);
        });
        sum.reduced()
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

impl<const P: u64> Base for PrimeField<P> {
    const VECTORIZED: bool = false;
    const HAS_SIGNS: bool = true;
    const HAS_TRANSCENDENTALS: bool = false;
    const IS_EXACT: bool = true;

    /// Exact: a finite `f64` is an integer times a power of two.
    #[inline]
    fn from_f64(x: f64) -> Self {
        const {
            assert!(P < 1 << 61 && P % 4 == 3, "roots are canonical for these primes alone");
            assert!(P < 1 << 60 || (1 << 61) - P < 1 << 29, "products are reduced for these primes alone");
        }
        const WHOLE: f64 = (1u64 << f64::MANTISSA_DIGITS) as f64;
        let whole = x.abs() as u64;
        if whole as f64 == x.abs() && x.abs() < WHOLE {
            let magnitude = Self::new(whole);
            return if x < 0.0 { -magnitude } else { magnitude };
        }
        Self::from_fraction(x)
    }

    fn is_positive(self) -> bool {
        self.is_square()
    }

    fn matrix_product(mut out: MatMut<'_, Self>, accumulate: bool, a: MatRef<'_, Self>, b: MatRef<'_, Self>) {
        for j in 0..b.ncols() {
            for i in 0..a.nrows() {
                let mut sum = SumOfProducts::default();
                a.row(i).iter().zip(b.col(j).iter()).for_each(|(&a, &b)| sum.add(a, b));
                let sum = sum.reduced();
                out[(i, j)] = if accumulate { out[(i, j)] + sum } else { sum };
            }
        }
    }
}

impl<const P: u64> Field for PrimeField<P> {
    const ORDER: u64 = P;

    fn from_integer(n: u64) -> Self {
        Self::new(n)
    }

    fn to_integer(self) -> u64 {
        self.0
    }

    fn is_defined(self) -> bool {
        self.0 != UNDEFINED
    }

    fn is_square(self) -> bool {
        self.is_defined() && self.power((P - 1) / 2).0 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check<const P: u64>(a: u64, b: u64, x: f64, y: f64) {
        let (a, b) = (PrimeField::<P>::new(a), PrimeField::<P>::new(b));
        // Products and sums of integers below P are those of u128, reduced.
        assert_eq!((a * b).0, (u128::from(a.0) * u128::from(b.0) % u128::from(P)) as u64);
        assert_eq!((a + b).0, ((u128::from(a.0) + u128::from(b.0)) % u128::from(P)) as u64);
        assert!(a - b + b == a && (b == PrimeField::new(0) || a / b * b == a));
        // Of a and −a one is a square; the root of a square is a square, and multiplicative.
        if a.0 != 0 {
            assert!(a.is_square() ^ (-a).is_square());
        }
        let (a, b) = (a * a, b * b);
        assert!(a.sqrt() * a.sqrt() == a && (a * b).sqrt() == a.sqrt() * b.sqrt());
        assert!(a.0 == 0 || a.sqrt().is_square());
        // Dyadic rationals map exactly: sums of two 20-bit numbers do not round.
        let of = PrimeField::<P>::from_f64;
        assert!(of(x) + of(y) == of(x + y) && of(x) * of(y) == of(x * y));
    }

    proptest! {
        #[test]
        fn it_is_a_field_with_roots(a: u64, b: u64, x in -1_000_000i32..1_000_000, y in -1_000_000i32..1_000_000) {
            let (x, y) = (f64::from(x) / 1024.0, f64::from(y) / 1024.0);
            check::<{ FirstField::ORDER }>(a, b, x, y);
            check::<{ SecondField::ORDER }>(a, b, x, y);
        }
    }

    #[test]
    fn what_is_undefined_stays_so_and_equals_nothing() {
        let zero = FirstField::new(0);
        let undefined = [FirstField::new(1) / zero, FirstField::from_f64(f64::NAN), (-FirstField::new(1)).sqrt()];
        for x in undefined {
            assert!(!x.is_defined() && x != x && !(x * zero).is_defined() && !(-x).is_defined() && !x.is_square());
        }
        assert!(zero.sqrt() == zero);
    }
}
