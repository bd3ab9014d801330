//! Scale-invariant losses L(w) and every derivative of them.
//!
//! A loss evaluates its value and gradient over any [`Scalar`]. All else comes of that one gradient: over jets w + εv its
//! Taylor coefficients are ∇²L(w)v, ∇³L(w)[v, v] and ∇⁴L(w)[v, v, v]. No derivative is a difference, and none is written twice.
//!
//! ```
//! use sharpflow::data::Dataset;
//! use sharpflow::loss::{Derivatives, LinearRegression};
//!
//! let loss = LinearRegression::<f64>::new(&Dataset::random(6, 9, 0))?;
//! let mut derivatives = Derivatives::new(&loss);
//! let w: Vec<f64> = (1..=9).map(f64::from).collect();
//! let gradient = derivatives.gradient(&w).1.to_vec();
//! let mut image = vec![0.0; 9];
//! derivatives.hessian_vector(&w, &w, &mut image);
//! // Scale invariance: ∇²L(w)w = −∇L(w).
//! assert!(image.iter().zip(&gradient).all(|(h, g)| (h + g).abs() < 1e-14));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod derivatives;
mod linear_regression;

use std::sync::Arc;

use crate::arithmetic::{Base, Scalar};

pub use derivatives::{Derivatives, Evaluator};
pub use linear_regression::{GradientConditioning, LinearRegression};

/// A loss L on ℝᴰ∖{0} with data of type `T`, evaluated with its gradient over any scalar built on `T`.
///
/// An object made from a loss holds a copy of the loss. A reference to a loss, or an [`Arc`] of one, is itself a loss: give that for a large one.
///
/// Implementors write the gradient once; Hessian–vector products and third derivatives are [`Derivatives`] of it.
pub trait Loss<T: Base>: Send + Sync + Clone {
    /// D, the number of weights.
    fn dimension(&self) -> usize;

    /// How many scalars of scratch [`Loss::evaluate`] needs.
    fn scratch(&self) -> usize;

    /// Writes what every evaluation reads from its scratch (of the length asked for), once and for all.
    fn prepare<S: Scalar<Base = T>>(&self, _scratch: &mut [S]) {}

    /// Returns L(w) and writes ∇L(w). `w` and `gradient` have length D, `scratch` the length asked for; it
    /// was prepared, and nothing else has written there. Allocates nothing. Outside the domain of L the result is not finite.
    fn evaluate<S: Scalar<Base = T>>(&self, w: &[S], gradient: &mut [S], scratch: &mut [S]) -> S;

    /// The same, where the last evaluation with this `gradient` and `scratch` had a `w` that differed from this `w` by infinitesimals at most.
    /// Parts that do not depend on the infinitesimals need not be calculated again.
    fn evaluate_again<S: Scalar<Base = T>>(&self, w: &[S], gradient: &mut [S], scratch: &mut [S]) -> S {
        self.evaluate(w, gradient, scratch)
    }

    /// N, where the loss is known to be L = ½‖r(w)‖² with N residuals r; 0 where nothing of the kind is known.
    fn residuals(&self) -> usize {
        0
    }

    /// Writes r(w) of length N, and `gradient ← Jᵀm` of length D with J = ∂r/∂w, for multipliers m of length N. Only called where N > 0; the
    /// scratch is as [`Loss::evaluate`] has it.
    fn evaluate_residuals<S: Scalar<Base = T>>(
        &self,
        _w: &[S],
        _multipliers: &[S],
        _residuals: &mut [S],
        _gradient: &mut [S],
        _scratch: &mut [S],
    ) {
    }
}

/// A loss that is held by a pointer.
macro_rules! pointed {
    ($pointer:ty) => {
        impl<T: Base, L: Loss<T>> Loss<T> for $pointer {
            fn dimension(&self) -> usize {
                (**self).dimension()
            }

            fn scratch(&self) -> usize {
                (**self).scratch()
            }

            fn prepare<S: Scalar<Base = T>>(&self, scratch: &mut [S]) {
                (**self).prepare(scratch);
            }

            fn evaluate<S: Scalar<Base = T>>(&self, w: &[S], gradient: &mut [S], scratch: &mut [S]) -> S {
                (**self).evaluate(w, gradient, scratch)
            }

            fn evaluate_again<S: Scalar<Base = T>>(&self, w: &[S], gradient: &mut [S], scratch: &mut [S]) -> S {
                (**self).evaluate_again(w, gradient, scratch)
            }

            fn residuals(&self) -> usize {
                (**self).residuals()
            }

            fn evaluate_residuals<S: Scalar<Base = T>>(
                &self,
                w: &[S],
                multipliers: &[S],
                residuals: &mut [S],
                gradient: &mut [S],
                scratch: &mut [S],
            ) {
                (**self).evaluate_residuals(w, multipliers, residuals, gradient, scratch);
            }
        }
    };
}

pointed!(&L);
pointed!(Arc<L>);
