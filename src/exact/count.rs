//! How large the coefficients of a law are as algebraic expressions, counted by the calculation of the law itself.

use std::ops::{Add, Div, Mul, Neg, Sub};

use faer::Mat;

use super::minimum::{Eigenpair, Minimum};
use super::quantities::Law;
use crate::arithmetic::{Base, Field, Scalar};
use crate::loss::Loss;

/// The largest number of atoms in a term of an expression. Factors above and below the fraction's line are counted. The sizes of a product's or a quotient's
/// parts are added, a sum has the larger size of its parts, and 0 has the size −∞.
///
/// An atom is an entry of w, of a derivative of L, of H⁺, of P, of R or of v, or one of the numbers drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Size(pub f64);

impl Size {
    /// One atom.
    pub const ATOM: Self = Self(1.0);
    const ZERO: Self = Self(f64::NEG_INFINITY);
    /// A number that is not drawn.
    const NUMBER: Self = Self(0.0);
}

impl Neg for Size {
    type Output = Self;
    fn neg(self) -> Self {
        self
    }
}

impl Add for Size {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.max(other.0))
    }
}

impl Sub for Size {
    type Output = Self;
    #[allow(clippy::suspicious_arithmetic_impl, reason = "terms are counted")]
    fn sub(self, other: Self) -> Self {
        self + other
    }
}

impl Mul for Size {
    type Output = Self;
    #[allow(clippy::suspicious_arithmetic_impl, reason = "factors are counted")]
    fn mul(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Div for Size {
    type Output = Self;
    #[allow(clippy::suspicious_arithmetic_impl, reason = "factors are counted")]
    fn div(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Scalar for Size {
    type Base = Self;
    const PLANES: usize = 1;

    fn from_base(x: Self) -> Self {
        x
    }

    fn sqrt(self) -> Self {
        self
    }

    fn planes(slice: &[Self]) -> &[Self] {
        slice
    }

    fn planes_mut(slice: &mut [Self]) -> &mut [Self] {
        slice
    }
}

impl Base for Size {
    const VECTORIZED: bool = false;
    const HAS_SIGNS: bool = true;
    const HAS_TRANSCENDENTALS: bool = false;
    const IS_EXACT: bool = true;

    fn from_f64(x: f64) -> Self {
        if x == 0.0 { Self::ZERO } else { Self::NUMBER }
    }

    fn is_positive(self) -> bool {
        true
    }
}

impl Field for Size {
    const ORDER: u64 = u64::MAX;

    fn from_integer(n: u64) -> Self {
        Self::from_f64(n as f64)
    }

    fn to_integer(self) -> u64 {
        self.0 as u64
    }

    fn is_defined(self) -> bool {
        true
    }

    fn is_square(self) -> bool {
        true
    }
}

/// A loss of which every derivative at the point of Γ is an atom: ∇L = t₂Δ + t₃Δ² + t₄Δ³ for an offset Δ. Sums over weights take the largest of equal sizes, so that one weight
/// does for all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Atoms;

impl Loss<Size> for Atoms {
    fn dimension(&self) -> usize {
        1
    }

    fn scratch(&self) -> usize {
        0
    }

    fn evaluate<S: Scalar<Base = Size>>(&self, w: &[S], gradient: &mut [S], _: &mut [S]) -> S {
        let mut offset = [w[0]];
        S::planes_mut(&mut offset)[0] = Size::ZERO;
        let (atom, offset) = (S::from_base(Size::ATOM), offset[0]);
        gradient[0] = atom * (offset + offset * offset + offset * offset * offset);
        gradient[0] * offset
    }
}

impl Minimum<Size> {
    /// A point of which everything is an atom.
    pub(super) fn atoms() -> Self {
        let matrix = || Mat::from_fn(1, 1, |_, _| Size::ATOM);
        Self {
            weights: vec![Size::ATOM],
            hessian: matrix(),
            rank: 1,
            kernel: matrix(),
            onto_kernel: matrix(),
            pseudo_inverse: matrix(),
        }
    }
}

impl Eigenpair<Size> {
    /// An eigenpair of which everything is an atom.
    pub(super) fn atoms() -> Self {
        let resolvent = Mat::from_fn(1, 1, |_, _| Size::ATOM);
        Self { value: Size::ATOM, vector: vec![Size::ATOM], square: Size(2.0), resolvent }
    }
}

/// The size of what a law compares.
pub(super) fn of_laws(laws: &[Law<Size>]) -> f64 {
    let sides = laws.iter().flat_map(|law| law.found.iter().chain(&law.stated));
    sides.map(|size| size.0).fold(1.0, f64::max)
}
