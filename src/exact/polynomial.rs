//! Polynomials in one unknown over a finite field, and their roots.

use rand::Rng;

use crate::arithmetic::Field;

/// c₀ + c₁x + …, with a last coefficient other than 0; the polynomial 0 has no coefficients.
#[derive(Clone, Debug, PartialEq)]
pub struct Polynomial<F>(Vec<F>);

impl<F: Field> Polynomial<F> {
    /// The polynomial of these coefficients, that of 1 first.
    pub fn new(mut coefficients: Vec<F>) -> Self {
        while coefficients.last().is_some_and(|&last| last == F::constant(0.0)) {
            coefficients.pop();
        }
        Self(coefficients)
    }

    /// x + c.
    fn unknown_plus(c: F) -> Self {
        Self(vec![c, F::constant(1.0)])
    }

    /// The coefficients, that of 1 first.
    pub fn coefficients(&self) -> &[F] {
        &self.0
    }

    /// Its degree; that of 0 is 0 as well.
    pub fn degree(&self) -> usize {
        self.0.len().saturating_sub(1)
    }

    /// Its value at x.
    pub fn at(&self, x: F) -> F {
        self.0.iter().rev().fold(F::constant(0.0), |sum, &c| sum * x + c)
    }

    /// Its derivative.
    pub fn derivative(&self) -> Self {
        let terms = self.0.iter().enumerate().skip(1);
        Self::new(terms.map(|(k, &c)| F::from_integer(k as u64) * c).collect())
    }

    fn minus(mut self, other: &Self) -> Self {
        let longest = self.0.len().max(other.0.len());
        self.0.resize(longest, F::constant(0.0));
        self.0.iter_mut().zip(&other.0).for_each(|(a, &b)| *a = *a - b);
        Self::new(self.0)
    }

    fn times(&self, other: &Self) -> Self {
        let mut product = vec![F::constant(0.0); (self.0.len() + other.0.len()).saturating_sub(1)];
        for (i, &a) in self.0.iter().enumerate() {
            other.0.iter().enumerate().for_each(|(j, &b)| product[i + j] = product[i + j] + a * b);
        }
        Self::new(product)
    }

    /// Quotient and remainder of the division by a polynomial other than 0.
    fn divided_by(mut self, divisor: &Self) -> (Self, Self) {
        let Some(&leading) = divisor.0.last() else { return (Self(vec![]), self) };
        let mut quotient = vec![F::constant(0.0); (self.0.len() + 1).saturating_sub(divisor.0.len())];
        for place in (0..quotient.len()).rev() {
            let factor = self.0[place + divisor.degree()] / leading;
            quotient[place] = factor;
            divisor.0.iter().enumerate().for_each(|(k, &c)| self.0[place + k] = self.0[place + k] - factor * c);
        }
        self.0.truncate(divisor.degree());
        (Self::new(quotient), Self::new(self.0))
    }

    /// The greatest common divisor, with leading coefficient 1.
    fn common_divisor(self, other: Self) -> Self {
        let (mut a, mut b) = (self, other);
        while !b.0.is_empty() {
            (a, b) = (b.clone(), a.divided_by(&b).1);
        }
        let leading = a.0.last().copied().unwrap_or(F::constant(1.0));
        Self(a.0.iter().map(|&c| c / leading).collect())
    }

    /// self^exponent modulo a polynomial.
    fn power_modulo(&self, mut exponent: u64, modulus: &Self) -> Self {
        let reduced = |p: Self| p.divided_by(modulus).1;
        let (mut base, mut power) = (reduced(self.clone()), reduced(Self(vec![F::constant(1.0)])));
        while exponent > 0 {
            if exponent & 1 == 1 {
                power = reduced(power.times(&base));
            }
            base = reduced(base.times(&base));
            exponent >>= 1;
        }
        power
    }

    /// Its different roots in the field. xᵖ − x has every element of the field as a root, so that the greatest common divisor with it
    /// is the product of the linear factors; that is split by (x + s)^((p−1)/2) − 1 for random s, which half of the elements have as a root (Cantor
    /// and Zassenhaus). The order of the roots depends on the random numbers.
    pub fn roots(&self, random: &mut impl Rng) -> Vec<F> {
        if self.degree() == 0 {
            return vec![];
        }
        let unknown = Self::unknown_plus(F::constant(0.0));
        let every = unknown.power_modulo(F::ORDER, self).minus(&unknown);
        let mut whole = vec![every.common_divisor(self.clone())];
        let mut roots = Vec::new();
        while let Some(factor) = whole.pop() {
            match factor.degree() {
                0 => {}
                1 => roots.push(-factor.0[0]),
                _ => {
                    let shifted = Self::unknown_plus(F::from_integer(random.next_u64()));
                    let half = shifted.power_modulo((F::ORDER - 1) / 2, &factor);
                    let part = half.minus(&Self(vec![F::constant(1.0)])).common_divisor(factor.clone());
                    whole.push(factor.divided_by(&part).0);
                    whole.push(part);
                }
            }
        }
        roots
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arithmetic::PrimeField;
    use crate::data::{Stream, generator};
    use proptest::prelude::*;

    type Small = PrimeField<103>;

    proptest! {
        /// The roots found are those that trying every element finds.
        #[test]
        fn roots_are_those_of_all_elements(coefficients in prop::collection::vec(0u64..103, 1..7), seed: u64) {
            let polynomial = Polynomial::new(coefficients.into_iter().map(Small::new).collect());
            prop_assume!(!polynomial.coefficients().is_empty());
            let mut roots = polynomial.roots(&mut generator(seed, Stream::Test));
            roots.sort_by_key(|root| (0..103).find(|&n| Small::new(n) == *root));
            let tried: Vec<_> = (0..103).map(Small::new).filter(|&x| polynomial.at(x) == Small::new(0)).collect();
            prop_assert_eq!(roots, tried);
        }

        #[test]
        fn a_quotient_and_a_remainder_make_the_polynomial_again(
            coefficients in prop::collection::vec(0u64..103, 0..8), divisor in prop::collection::vec(0u64..103, 1..5)
        ) {
            let [whole, divisor] = [coefficients, divisor].map(|c| Polynomial::new(c.into_iter().map(Small::new).collect()));
            prop_assume!(!divisor.coefficients().is_empty());
            let (quotient, remainder) = whole.clone().divided_by(&divisor);
            prop_assert!(remainder.coefficients().len() < divisor.coefficients().len());
            prop_assert_eq!(whole.minus(&quotient.times(&divisor)), remainder);
        }
    }
}
