//! Losses, and every derivative of them from one gradient.

mod derivatives;
mod linear_regression;

use crate::arithmetic::{Base, Scalar};

pub use derivatives::{Derivatives, Evaluator};
pub use linear_regression::{GradientConditioning, LinearRegression};

/// A loss L on ℝᴰ∖{0} with data of type `T`, evaluated with its gradient over any scalar built on `T`.
///
/// Implementors write the gradient once; Hessian–vector products and third derivatives are [`Derivatives`] of it.
pub trait Loss<T: Base>: Sync {
    /// D, the number of weights.
    fn dimension(&self) -> usize;

    /// How many scalars of scratch [`Loss::evaluate`] needs.
    fn scratch(&self) -> usize;

    /// Writes what every evaluation reads from its scratch (of the length asked for), once and for all.
    fn prepare<S: Scalar<Base = T>>(&self, _scratch: &mut [S]) {}

    /// Returns L(w) and writes ∇L(w). `w` and `gradient` have length D, `scratch` the length asked for; it
    /// was prepared, and nothing else has written there. Allocates nothing. Outside the domain of L the result is not finite.
    fn evaluate<S: Scalar<Base = T>>(&self, w: &[S], gradient: &mut [S], scratch: &mut [S]) -> S;
}
