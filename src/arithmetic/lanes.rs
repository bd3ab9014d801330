//! Numbers side by side.

use std::array;
use std::ops::{Add, Div, Mul, Neg, Sub};

use bytemuck::TransparentWrapper;

use super::{Base, Scalar, Transcendental};

/// N numbers side by side, each calculated with on its own: N runs from different starts for little more than the price of one.
#[derive(Clone, Copy, Debug, PartialEq, TransparentWrapper)]
#[repr(transparent)]
pub struct Lanes<T, const N: usize>(pub [T; N]);

impl<T: Base, const N: usize> Lanes<T, N> {
    /// Vectors side by side, as far as the shortest of them goes.
    pub fn side_by_side(vectors: [&[T]; N]) -> Vec<Self> {
        let shortest = vectors.iter().map(|vector| vector.len()).min().unwrap_or(0);
        (0..shortest).map(|i| Lanes(vectors.map(|vector| vector[i]))).collect()
    }

    /// One of the vectors, counted from 0.
    ///
    /// # Panics
    /// Where `lane` is N or more.
    pub fn lane(slice: &[Self], lane: usize, out: &mut [T]) {
        out.iter_mut().zip(slice).for_each(|(out, lanes)| *out = lanes.0[lane]);
    }
}

impl<T: Base, const N: usize> Neg for Lanes<T, N> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Lanes(array::from_fn(|k| -self.0[k]))
    }
}

macro_rules! lane_by_lane {
    ($($operation:ident, $method:ident, $sign:tt;)*) => {
        $(impl<T: Base, const N: usize> $operation for Lanes<T, N> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Lanes(array::from_fn(|k| self.0[k] $sign other.0[k]))
            }
        })*
    };
}

lane_by_lane! { Add, add, +; Sub, sub, -; Mul, mul, *; Div, div, /; }

impl<T: Base, const N: usize> Scalar for Lanes<T, N> {
    type Base = T;
    const PLANES: usize = N;
    const BY_ENTRIES: bool = true;

    #[inline(always)]
    fn from_base(x: T) -> Self {
        Lanes([x; N])
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        Lanes(self.0.map(Scalar::sqrt))
    }

    #[inline]
    fn planes(slice: &[Self]) -> &[T] {
        Self::peel_slice(slice).as_flattened()
    }

    #[inline]
    fn planes_mut(slice: &mut [Self]) -> &mut [T] {
        Self::peel_slice_mut(slice).as_flattened_mut()
    }

    #[inline]
    fn transcendental(self, function: Transcendental) -> Self {
        Lanes(self.0.map(|x| x.transcendental(function)))
    }

    #[inline]
    fn choose(self, positive: Self, other: Self) -> Self {
        Lanes(array::from_fn(|k| self.0[k].choose(positive.0[k], other.0[k])))
    }

    #[inline]
    fn without_infinitesimals(self) -> Self {
        self
    }
}
