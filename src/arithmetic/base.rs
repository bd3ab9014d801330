//! The base numbers: `f32` and `f64` on faer's kernels, double-double on a plain loop.

use std::hint::black_box;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use pulp::Arch;
use qd::Quad;

use super::matrix_vector::matrix_vector_product;
use super::{Base, Real, Scalar, Transcendental};

pub(super) fn naive_product<B: Base>(mut out: MatMut<'_, B>, accumulate: bool, a: MatRef<'_, B>, b: MatRef<'_, B>) {
    for j in 0..b.ncols() {
        for i in 0..a.nrows() {
            let start = if accumulate { out[(i, j)] } else { B::from_f64(0.0) };
            out[(i, j)] = (0..a.ncols()).fold(start, |sum, k| sum + a[(i, k)] * b[(k, j)]);
        }
    }
}

fn accumulation(accumulate: bool) -> Accum {
    if accumulate { Accum::Add } else { Accum::Replace }
}

macro_rules! scalar_of_one_plane {
    ($real:ty, $sqrt:path, $transcendental:path) => {
        impl Scalar for $real {
            type Base = Self;
            const PLANES: usize = 1;

            #[inline]
            fn from_base(x: Self) -> Self {
                x
            }
            #[inline]
            fn sqrt(self) -> Self {
                $sqrt(self)
            }
            #[inline]
            fn planes(slice: &[Self]) -> &[Self] {
                slice
            }
            #[inline]
            fn planes_mut(slice: &mut [Self]) -> &mut [Self] {
                slice
            }
            #[inline]
            fn transcendental(self, function: Transcendental) -> Self {
                $transcendental(function, self)
            }
        }
    };
}

scalar_of_one_plane!(f32, f32::sqrt, Transcendental::single);
scalar_of_one_plane!(f64, f64::sqrt, Transcendental::double);
scalar_of_one_plane!(Quad, Quad::sqrt, Transcendental::quad);

/// faer's kernels leave the upper halves of the vector registers in use, and every scalar function after them runs an order of
/// magnitude slower (measured: a tanh of 20 ns takes 700). A compiled vector function clears these upper halves at its end.
#[inline]
fn leave_vector_mode() {
    let mut x = black_box([1.0f64; 8]);
    Arch::new().dispatch(|| x.iter_mut().for_each(|x| *x += *x));
    black_box(&x);
}

impl Base for f32 {
    const VECTORIZED: bool = true;
    const HAS_SIGNS: bool = true;
    const HAS_TRANSCENDENTALS: bool = true;
    const IS_EXACT: bool = false;

    #[inline]
    fn from_f64(x: f64) -> Self {
        x as f32
    }

    fn is_positive(self) -> bool {
        self > 0.0
    }

    fn matrix_product(out: MatMut<'_, f32>, accumulate: bool, a: MatRef<'_, f32>, b: MatRef<'_, f32>) {
        matmul(out, accumulation(accumulate), a, b, 1.0, Par::Seq);
        leave_vector_mode();
    }
}

impl Base for f64 {
    const VECTORIZED: bool = true;
    const HAS_SIGNS: bool = true;
    const HAS_TRANSCENDENTALS: bool = true;
    const IS_EXACT: bool = false;

    #[inline]
    fn from_f64(x: f64) -> Self {
        x
    }

    fn is_positive(self) -> bool {
        self > 0.0
    }

    fn matrix_product(mut out: MatMut<'_, f64>, accumulate: bool, a: MatRef<'_, f64>, b: MatRef<'_, f64>) {
        if !matrix_vector_product(out.as_mut(), accumulate, a, b) {
            matmul(out, accumulation(accumulate), a, b, 1.0, Par::Seq);
            leave_vector_mode();
        }
    }
}

impl Base for Quad {
    const VECTORIZED: bool = false;
    const HAS_SIGNS: bool = true;
    const HAS_TRANSCENDENTALS: bool = true;
    const IS_EXACT: bool = false;

    #[inline]
    fn from_f64(x: f64) -> Self {
        Quad::from_f64(x)
    }

    fn is_positive(self) -> bool {
        self.0 > 0.0
    }
}

impl Real for f32 {
    const UNIT_ROUNDOFF: f64 = 1.0 / (1u64 << 24) as f64;
    const LARGEST: f64 = f32::MAX as f64;

    #[inline]
    fn to_f64(self) -> f64 {
        self.into()
    }
}

impl Real for f64 {
    const UNIT_ROUNDOFF: f64 = 1.0 / (1u64 << 53) as f64;
    const LARGEST: f64 = f64::MAX;

    #[inline]
    fn to_f64(self) -> f64 {
        self
    }
}

/// Double-double operations err by at most 10·2⁻¹⁰⁶ (the quotient; sums and products by less): 2⁻¹⁰² bounds them all.
impl Real for Quad {
    const UNIT_ROUNDOFF: f64 = f64::UNIT_ROUNDOFF * f64::UNIT_ROUNDOFF * 16.0;
    const LARGEST: f64 = f64::MAX;

    #[inline]
    fn to_f64(self) -> f64 {
        self.0
    }
}
