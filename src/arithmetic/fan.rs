//! A value with its slopes in several directions.

use std::ops::{Add, Div, Mul, Neg, Sub};

use bytemuck::TransparentWrapper;

use super::jet::divider;
use super::{Base, Scalar, Transcendental};

/// A value, and after it its derivatives in N − 1 directions: c₀ + Σ cₖεₖ where all products εᵢεₖ vanish.
///
/// A gradient run on w + Σ εₖvₖ returns N − 1 Hessian–vector products ∇²L(w)vₖ, and it calculates everything that depends on w alone only once. Over
/// [`Jet`](super::Jet)s of fans it returns mixed derivatives.
#[derive(Clone, Copy, Debug, PartialEq, TransparentWrapper)]
#[repr(transparent)]
pub struct Fan<T, const N: usize>(pub [T; N]);

impl<T: Scalar, const N: usize> Fan<T, N> {
    /// The fan of a value and of the slopes `slope(k)`, k ≥ 1. In floats the slope of place 0 is calculated too, because vector instructions
    /// take all places at once; the value then replaces it. (`array::from_fn` is not inlined where T is large.)
    #[inline(always)]
    fn of(value: T, slope: impl Fn(usize) -> T) -> Self {
        let first = usize::from(const { T::Base::IS_EXACT });
        let mut fan = [value; N];
        (first..N).for_each(|k| fan[k] = slope(k));
        fan[0] = value;
        Fan(fan)
    }

    /// The fan of all places.
    #[inline(always)]
    fn each(place: impl Fn(usize) -> T) -> Self {
        let mut fan = [place(0); N];
        (1..N).for_each(|k| fan[k] = place(k));
        Fan(fan)
    }
}

impl<T: Scalar, const N: usize> Neg for Fan<T, N> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self::each(|k| -self.0[k])
    }
}

impl<T: Scalar, const N: usize> Add for Fan<T, N> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self::each(|k| self.0[k] + other.0[k])
    }
}

impl<T: Scalar, const N: usize> Sub for Fan<T, N> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self::each(|k| self.0[k] - other.0[k])
    }
}

impl<T: Scalar, const N: usize> Mul for Fan<T, N> {
    type Output = Self;
    #[allow(clippy::suspicious_arithmetic_impl, reason = "the rule of Leibniz has a sum")]
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        let (a, b) = (self.0[0], other.0[0]);
        Self::of(a * b, |k| a * other.0[k] + self.0[k] * b)
    }
}

impl<T: Scalar, const N: usize> Div for Fan<T, N> {
    type Output = Self;
    #[allow(clippy::suspicious_arithmetic_impl, reason = "slopes of a quotient are made of products and differences")]
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        let divide = divider(other.0[0]);
        let quotient = divide(self.0[0]);
        Self::of(quotient, |k| divide(self.0[k] - quotient * other.0[k]))
    }
}

impl<T: Scalar, const N: usize> Scalar for Fan<T, N> {
    type Base = T::Base;
    const PLANES: usize = N * T::PLANES;
    const BY_ENTRIES: bool = true;

    #[inline(always)]
    fn from_base(x: T::Base) -> Self {
        Self::of(T::from_base(x), |_| T::constant(0.0))
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        let root = self.0[0].sqrt();
        let divide = divider(root + root);
        Self::of(root, |k| divide(self.0[k]))
    }

    #[inline]
    fn planes(slice: &[Self]) -> &[T::Base] {
        T::planes(Self::peel_slice(slice).as_flattened())
    }

    #[inline]
    fn planes_mut(slice: &mut [Self]) -> &mut [T::Base] {
        T::planes_mut(Self::peel_slice_mut(slice).as_flattened_mut())
    }

    #[inline]
    fn transcendental(self, function: Transcendental) -> Self {
        let value = self.0[0].transcendental(function);
        let derivative = function.derivative(self.0[0], value);
        Self::of(value, |k| derivative * self.0[k])
    }
}

#[cfg(test)]
mod tests {
    use super::super::Jet;
    use super::*;

    /// Each slope is that of a jet along its direction alone.
    #[test]
    fn slopes_are_those_of_jets() {
        let (x, y) = ([1.5, 0.5, -1.0, 2.0], [0.75, 0.25, 3.0, -0.5]);
        let of_fans = |x: Fan<f64, 4>, y: Fan<f64, 4>| ((x * y - y) / x).sqrt().transcendental(Transcendental::Tanh);
        let of_jets = |x: Jet<f64, 2>, y: Jet<f64, 2>| ((x * y - y) / x).sqrt().transcendental(Transcendental::Tanh);
        let fan = of_fans(Fan(x), Fan(y));
        for k in 1..4 {
            let jet = of_jets(Jet([x[0], x[k]]), Jet([y[0], y[k]]));
            assert_eq!([fan.0[0], fan.0[k]], jet.0);
        }
    }
}
