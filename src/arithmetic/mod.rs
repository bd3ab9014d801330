//! The numbers a loss is evaluated over.
//!
//! [`Scalar`] is what a gradient needs: field operations and a square root. [`Base`] is a scalar that can hold data and
//! multiply matrices: floats, double-double, a [`PrimeField`]. An exact one is a [`Field`]. Every other scalar is a fixed number of *planes* of
//! its base, so that products of matrices are products of the base whatever the scalar ([`product`]): [`Jet`]s are truncated Taylor
//! series, [`Fan`]s a value with its slopes in several directions, [`Lanes`] several numbers side by side. [`Real`] adds order and magnitude, [`Float`] the decompositions and
//! integrators that exist for `f32` and `f64` alone.
//!
//! ```
//! use sharpflow::arithmetic::{FirstField, Jet, Scalar};
//!
//! // d/dx √x at 4 is 1/4.
//! let root = Jet::<f64, 2>::line(4.0, 1.0).sqrt();
//! assert_eq!(root.0, [2.0, 0.25]);
//! // Exactly 1/3, as a float is not: in a prime field.
//! let third = FirstField::constant(1.0) / FirstField::constant(3.0);
//! assert_eq!(third + third + third, FirstField::constant(1.0));
//! ```

mod ball;
mod base;
mod enclosure;
mod fan;
mod jet;
mod lanes;
mod matrix_vector;
mod prime;
pub mod product;
mod rounding;
mod transcendental;

use std::fmt::Debug;
use std::ops::{Add, Div, Mul, Neg, Sub};

use faer::{MatMut, MatRef};

pub use ball::Ball;
pub use enclosure::Enclosure;
pub use fan::Fan;
pub use jet::Jet;
pub use lanes::Lanes;
pub use prime::{FirstField, PrimeField, SecondField};
/// Double-double arithmetic, about 31 decimal digits.
pub use qd::Quad;
pub use rounding::Rounding;
pub use transcendental::Transcendental;

/// An element of a field with square roots, stored as a fixed number of base numbers.
pub trait Scalar:
    Copy
    + Debug
    + PartialEq
    + Send
    + Sync
    + 'static
    + Neg<Output = Self>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
{
    /// The number type of data and matrices.
    type Base: Base;
    /// How many base numbers make one scalar.
    const PLANES: usize;

    /// The constant `x`.
    fn from_base(x: Self::Base) -> Self;
    /// The square root; NaN (in floats) outside its domain.
    fn sqrt(self) -> Self;
    /// The base numbers of a slice, scalar after scalar.
    fn planes(slice: &[Self]) -> &[Self::Base];
    /// Mutable [`Scalar::planes`].
    fn planes_mut(slice: &mut [Self]) -> &mut [Self::Base];

    /// The function's value. The result is not a number (undefined) where the base has no such function, as a prime field.
    #[inline]
    fn transcendental(self, _function: Transcendental) -> Self {
        Self::constant(f64::NAN)
    }

    /// Whether matrices of this scalar are multiplied entry by entry, because vector instructions work within an entry.
    const BY_ENTRIES: bool = false;

    /// Σ a(i)·b(i) for 0 ≤ i ≤ last, in this order. A prime field adds up before it reduces.
    #[inline(always)]
    fn sum_of_products(last: usize, factors: impl Fn(usize) -> (Self, Self)) -> Self {
        let (a, b) = factors(0);
        let mut sum = a * b;
        for i in 1..=last {
            let (a, b) = factors(i);
            sum = sum + a * b;
        }
        sum
    }

    /// Calls `visit(i, j, k)` for every product of planes that a product of scalars adds up: plane k += plane i · plane j. This function is
    /// not called where matrices are multiplied [by entries](Scalar::BY_ENTRIES).
    #[inline]
    fn plane_products(visit: &mut impl FnMut(usize, usize, usize)) {
        visit(0, 0, 0);
    }

    /// `positive` where this value without its infinitesimals is positive, else `other`. Each of several numbers side by side is chosen on its own.
    #[inline]
    fn choose(self, positive: Self, other: Self) -> Self {
        if Self::planes(&[self])[0].is_positive() { positive } else { other }
    }

    /// The value without its infinitesimals.
    #[inline]
    fn without_infinitesimals(self) -> Self {
        Self::from_base(Self::planes(&[self])[0])
    }

    /// The constant `x`, rounded to the base.
    #[inline]
    fn constant(x: f64) -> Self {
        Self::from_base(Self::Base::from_f64(x))
    }
}

/// A scalar that holds data and multiplies matrices.
pub trait Base: Scalar<Base = Self> {
    /// Whether loops over it gain from the processor's vector instructions.
    const VECTORIZED: bool;

    /// Whether [`Base::is_positive`] answers for every number: an enclosure around 0 has no sign.
    const HAS_SIGNS: bool;

    /// Whether [`Scalar::transcendental`] has values here.
    const HAS_TRANSCENDENTALS: bool;

    /// Whether results are exact, so that one reciprocal serves many quotients.
    const IS_EXACT: bool;

    /// The nearest representable number.
    fn from_f64(x: f64) -> Self;

    /// Whether this is positive; in a prime field, whether it is a square other than 0.
    fn is_positive(self) -> bool;

    /// `out ← a·b`, or `out ← out + a·b`. Shapes m×n, m×k, k×n.
    fn matrix_product(out: MatMut<'_, Self>, accumulate: bool, a: MatRef<'_, Self>, b: MatRef<'_, Self>) {
        base::naive_product(out, accumulate, a, b);
    }
}

/// A base in which results are exact, or undefined: a finite field, in which squares play the positive numbers.
pub trait Field: Base {
    /// The number of elements.
    const ORDER: u64;

    /// `n` times one.
    fn from_integer(n: u64) -> Self;

    /// The whole number n below the order for which `from_integer(n)` is this element. If this is undefined, the result is not below the order.
    fn to_integer(self) -> u64;

    /// Whether no operation on the way here was undefined.
    fn is_defined(self) -> bool;

    /// Whether this is a square other than 0.
    fn is_square(self) -> bool;
}

/// An ordered base with a known rounding error.
pub trait Real: Base + PartialOrd {
    /// A bound on the relative error of one operation.
    const UNIT_ROUNDOFF: f64;
    /// The largest finite number, nearly.
    const LARGEST: f64;

    /// The nearest `f64`.
    fn to_f64(self) -> f64;
}

/// `f32` or `f64`: a real whose matrices faer decomposes. What the integrator asks besides is named in [`crate::flow`] alone.
pub trait Float: Real + faer::traits::RealField {}

impl Float for f32 {}
impl Float for f64 {}

/// Does `work`, compiled for the vector instructions that this processor has. No operation is reordered or fused: the bits are
/// those of plain code.
#[inline(always)]
pub(crate) fn vectorized<S: Scalar, R>(work: impl FnOnce() -> R) -> R {
    if const { S::Base::VECTORIZED } { pulp::Arch::new().dispatch(work) } else { work() }
}

/// `out ← a·x` for a data matrix `a` (m×k), `x` of length k and `out` of length m, over any scalar.
pub fn apply<S: Scalar>(a: MatRef<'_, S::Base>, x: &[S], out: &mut [S]) {
    let b = MatRef::from_row_major_slice(S::planes(x), x.len(), S::PLANES);
    let rows = out.len();
    let out = MatMut::from_row_major_slice_mut(S::planes_mut(out), rows, S::PLANES);
    S::Base::matrix_product(out, false, a, b);
}

/// `image ← a·x` and `back ← aᵀ·image` for a data matrix `a` (m×k), with `x` and `back` of length k and `image` of length m. Rows are
/// used twice while they are in the cache: a large matrix is read once.
pub(crate) fn apply_there_and_back<S: Scalar>(a: MatRef<'_, S::Base>, x: &[S], image: &mut [S], back: &mut [S]) {
    const ENTRIES: usize = 1 << 12;
    const FEWEST: usize = 8;
    let rows = (ENTRIES / a.ncols().max(1)).max(FEWEST);
    for (block, image) in image.chunks_mut(rows).enumerate() {
        let a = a.subrows(block * rows, image.len());
        apply(a, x, image);
        let b = MatRef::from_row_major_slice(S::planes(image), image.len(), S::PLANES);
        let dimension = back.len();
        let back = MatMut::from_row_major_slice_mut(S::planes_mut(back), dimension, S::PLANES);
        S::Base::matrix_product(back, block > 0, a.transpose(), b);
    }
}

/// Σ term(i) for i < n, in eight interleaved parts, so that compilers vectorize it and rounding grows with n/8.
#[inline(always)]
pub(crate) fn sum_of<S: Scalar>(n: usize, term: impl Fn(usize) -> S) -> S {
    const LANES: usize = 8;
    let mut lanes = [S::constant(0.0); LANES];
    let blocks = n / LANES;
    for block in 0..blocks {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum = *sum + term(block * LANES + lane);
        }
    }
    for (lane, sum) in lanes.iter_mut().enumerate().take(n % LANES) {
        *sum = *sum + term(blocks * LANES + lane);
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}

/// ⟨a, b⟩, of the shorter length.
#[inline]
pub fn dot<S: Scalar>(a: &[S], b: &[S]) -> S {
    let n = a.len().min(b.len());
    let (a, b) = (&a[..n], &b[..n]);
    sum_of(n, |i| a[i] * b[i])
}

/// ‖a‖.
#[inline]
pub fn norm<S: Scalar>(a: &[S]) -> S {
    dot(a, a).sqrt()
}

/// ‖a − b‖.
#[inline]
pub fn distance<S: Scalar>(a: &[S], b: &[S]) -> S {
    let n = a.len().min(b.len());
    let (a, b) = (&a[..n], &b[..n]);
    sum_of(n, |i| (a[i] - b[i]) * (a[i] - b[i])).sqrt()
}

/// `y ← y + c·x`.
#[inline]
pub fn add_scaled<S: Scalar>(y: &mut [S], c: S, x: &[S]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = *y + c * x;
    }
}

/// `x ← c·x`.
#[inline]
pub fn scale<S: Scalar>(x: &mut [S], c: S) {
    for x in x {
        *x = *x * c;
    }
}
