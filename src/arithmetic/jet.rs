//! Truncated Taylor polynomials.

use std::array;
use std::ops::{Add, Div, Mul, Neg, Sub};

use bytemuck::TransparentWrapper;

use super::{Base, Scalar, Transcendental};

/// c₀ + c₁ε + … with N coefficients, modulo εᴺ.
///
/// A gradient run on w + εv returns Taylor coefficients along v: with g(ε) = ∇L(w + εv), coefficient 1 is ∇²L(w)v and
/// coefficient 2 is ½∇³L(w)[v, v].
#[derive(Clone, Copy, Debug, PartialEq, TransparentWrapper)]
#[repr(transparent)]
pub struct Jet<T, const N: usize>(pub [T; N]);

impl<T: Scalar, const N: usize> Jet<T, N> {
    /// value + ε·slope.
    pub fn line(value: T, slope: T) -> Self {
        Jet(array::from_fn(|k| match k {
            0 => value,
            1 => slope,
            _ => T::constant(0.0),
        }))
    }
}

/// Division by a number, for many dividends.
#[inline(always)]
pub(super) fn divider<T: Scalar>(divisor: T) -> impl Fn(T) -> T {
    let reciprocal = if const { T::Base::IS_EXACT } { T::constant(1.0) / divisor } else { divisor };
    move |x| if const { T::Base::IS_EXACT } { x * reciprocal } else { x / divisor }
}

/// Does `work` on jets. For exact arithmetic this is a call of a function that is not inlined: the code for a jet is long there, and a copy of it in every
/// kernel would take the compiler minutes.
#[inline(always)]
fn apart<T: Scalar, const N: usize>(
    a: Jet<T, N>,
    b: Jet<T, N>,
    work: impl Fn(&Jet<T, N>, &Jet<T, N>) -> Jet<T, N>,
) -> Jet<T, N> {
    #[inline(never)]
    fn called<T: Scalar, const N: usize>(
        a: &Jet<T, N>,
        b: &Jet<T, N>,
        work: impl Fn(&Jet<T, N>, &Jet<T, N>) -> Jet<T, N>,
    ) -> Jet<T, N> {
        work(a, b)
    }
    if const { T::Base::IS_EXACT } { called(&a, &b, work) } else { work(&a, &b) }
}

/// A jet of coefficients. (`array::from_fn` is not inlined where the closure is large.)
#[inline(always)]
fn jet<T: Scalar, const N: usize>(coefficient: impl Fn(usize) -> T) -> Jet<T, N> {
    let mut jet = [coefficient(0); N];
    for (k, slot) in jet.iter_mut().enumerate().skip(1) {
        *slot = coefficient(k);
    }
    Jet(jet)
}

impl<T: Scalar, const N: usize> Neg for Jet<T, N> {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        apart(self, self, |a, _| jet(|k| -a.0[k]))
    }
}

impl<T: Scalar, const N: usize> Add for Jet<T, N> {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        apart(self, other, |a, b| jet(|k| a.0[k] + b.0[k]))
    }
}

impl<T: Scalar, const N: usize> Sub for Jet<T, N> {
    type Output = Self;
    #[inline]
    fn sub(self, other: Self) -> Self {
        apart(self, other, |a, b| jet(|k| a.0[k] - b.0[k]))
    }
}

impl<T: Scalar, const N: usize> Mul for Jet<T, N> {
    type Output = Self;
    #[inline]
    fn mul(self, other: Self) -> Self {
        apart(self, other, |a, b| jet(|k| T::sum_of_products(k, |i| (a.0[i], b.0[k - i]))))
    }
}

impl<T: Scalar, const N: usize> Div for Jet<T, N> {
    type Output = Self;
    /// Solves quotient·other = self coefficient by coefficient.
    #[allow(clippy::suspicious_arithmetic_impl, reason = "division of series is made of products and differences")]
    #[inline]
    fn div(self, other: Self) -> Self {
        apart(self, other, |a, b| {
            let divide = divider(b.0[0]);
            let mut quotient = [T::constant(0.0); N];
            for k in 0..N {
                let known = (0..k).fold(a.0[k], |sum, i| sum - quotient[i] * b.0[k - i]);
                quotient[k] = divide(known);
            }
            Jet(quotient)
        })
    }
}

impl<T: Scalar, const N: usize> Scalar for Jet<T, N> {
    type Base = T::Base;
    const PLANES: usize = N * T::PLANES;
    const BY_ENTRIES: bool = T::BY_ENTRIES;

    #[inline]
    fn from_base(x: T::Base) -> Self {
        Self::line(T::from_base(x), T::constant(0.0))
    }

    /// Solves root·root = self coefficient by coefficient.
    #[inline]
    fn sqrt(self) -> Self {
        apart(self, self, |of, _| {
            let mut root = [T::constant(0.0); N];
            root[0] = of.0[0].sqrt();
            let divide = divider(root[0] + root[0]);
            for k in 1..N {
                let known = (1..k).fold(of.0[k], |sum, i| sum - root[i] * root[k - i]);
                root[k] = divide(known);
            }
            Jet(root)
        })
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
        function.series(self)
    }

    #[inline]
    fn plane_products(visit: &mut impl FnMut(usize, usize, usize)) {
        for k in 0..N {
            for i in 0..=k {
                T::plane_products(&mut |a, b, c| {
                    visit(i * T::PLANES + a, (k - i) * T::PLANES + b, k * T::PLANES + c);
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    /// √((1+ε)³)/(1−ε) has the coefficients 1, 5/2, 23/8, 45/16 (binomial series times the geometric one).
    #[test]
    fn product_quotient_and_root_match_the_binomial_series() {
        let one_plus = Jet::<f64, 4>::line(1.0, 1.0);
        let one_minus = Jet::<f64, 4>::line(1.0, -1.0);
        let jet = (one_plus * one_plus * one_plus).sqrt() / one_minus;
        for (got, want) in jet.0.iter().zip([1.0, 2.5, 2.875, 2.8125]) {
            assert_relative_eq!(*got, want, max_relative = 1e-15);
        }
    }

    #[test]
    fn nested_jets_have_as_many_planes_as_numbers() {
        let jets = [Jet([Jet([1.0f64, 2.0]), Jet([3.0, 4.0])]); 3];
        assert_eq!(Jet::<Jet<f64, 2>, 2>::planes(&jets).len(), 12);
    }
}
