//! Γ ⊂ S, the manifold of minimizers of a scale-invariant loss, and the sharpness along it.
//!
//! At a point p of Γ the Hessian vanishes on the tangent space of Γ and is positive on the normal space; λ₁(p) is its largest eigenvalue, v₁(p) the
//! eigenvector, and G(p) = ∇_Γ log λ₁ = Π_Γ ∇³L(p)[v₁, v₁]/λ₁ what the flow follows. [`LinearRegressionMinimizers`] knows Γ in closed form,
//! [`NumericMinimizers`] from derivatives alone.
//!
//! ```
//! use sharpflow::data::Dataset;
//! use sharpflow::loss::LinearRegression;
//! use sharpflow::minimizers::{Geometry, LinearRegressionMinimizers, Minimizers, NumericMinimizers};
//!
//! let loss = LinearRegression::<f64>::new(&Dataset::random(6, 9, 0))?;
//! let mut closed = LinearRegressionMinimizers::new(&loss)?;
//! let point = closed.at_angle(0.7, &[1.0; 9])?;
//! let mut numeric = NumericMinimizers::through(&loss, &point)?;
//! let (mut a, mut b) = (Geometry::new(9), Geometry::new(9));
//! closed.geometry(&point, &mut a)?;
//! numeric.geometry(&point, &mut b)?;
//! assert!((a.sharpness / b.sharpness - 1.0).abs() < 1e-10);
//! assert!(a.log_gradient.iter().zip(&b.log_gradient).all(|(a, b)| (a - b).abs() < 1e-8));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod descend;
mod energy;
mod linear_regression;
mod nearest;
mod numeric;
mod precise;
mod rank;
mod train;

use thiserror::Error;

use crate::arithmetic::{Float, Real, Rounding, dot};
use crate::data::RankError;
use crate::dense::DenseError;
use crate::sharpness::SharpnessError;
use crate::sphere::Space;

pub use descend::descend;
pub use energy::EnergyLaw;
pub use linear_regression::LinearRegressionMinimizers;
pub use numeric::{NumericMinimizers, interpolates};
pub use precise::PreciseLoss;
pub use train::train;

/// The quantities of Γ at one of its points p that the theory needs.
#[derive(Clone, Debug)]
pub struct Geometry<T> {
    /// λ₁(p), the spherical sharpness.
    pub sharpness: T,
    /// λ₂(p), the next eigenvalue (with multiplicity; 0 where the normal space is a line).
    pub next_sharpness: T,
    /// v₁(p), the unit top eigenvector; normal to Γ, its sign continued from the buffer's earlier content.
    pub direction: Vec<T>,
    /// G = ∇_Γ log λ₁(p), tangent to Γ.
    pub log_gradient: Vec<T>,
}

impl<T: Real> Geometry<T> {
    /// A buffer for D weights.
    pub fn new(dimension: usize) -> Self {
        let zero = T::from_f64(0.0);
        Self {
            sharpness: zero,
            next_sharpness: zero,
            direction: vec![zero; dimension],
            log_gradient: vec![zero; dimension],
        }
    }

    /// ‖G‖².
    pub fn log_gradient_square(&self) -> T {
        dot(&self.log_gradient, &self.log_gradient)
    }

    /// K = 4 + ‖G‖², the stiffness of δ against h² at the edge of stability.
    pub fn edge_stiffness(&self) -> T {
        T::from_f64(4.0) + self.log_gradient_square()
    }

    /// λ₁ must stand apart from λ₂ by more than rounding, or it has no derivative.
    fn check_simple(&self) -> Result<(), MinimizersError> {
        let relative_gap = self.relative_gap();
        if relative_gap.is_nan() {
            return Err(MinimizersError::LeftDomain);
        }
        let noise = Rounding::of::<T>().of_dense(self.direction.len());
        if relative_gap > noise { Ok(()) } else { Err(MinimizersError::NotSimple { relative_gap }) }
    }

    /// 1 − λ₂/λ₁ ∈ [0, 1]: 0 where λ₁ is not simple.
    pub fn relative_gap(&self) -> f64 {
        1.0 - (self.next_sharpness / self.sharpness).to_f64()
    }
}

/// The manifold of minimizers Γ of a loss.
///
/// Methods take `&mut self` for the buffers they work in; a clone is independent.
pub trait Minimizers<T: Float> {
    /// D, the number of weights.
    fn dimension(&self) -> usize;

    /// Where Γ lies.
    fn space(&self) -> Space;

    /// The dimension of Γ itself: 0 where it is a single point and the flow stands still.
    fn manifold_dimension(&self) -> usize;

    /// `point ← p(θ)`, the point of Γ nearest to θ: θ − p is normal to Γ at p. θ need not be a unit vector.
    ///
    /// # Errors
    /// There is no nearest point, or none was found.
    fn nearest(&mut self, theta: &[T], point: &mut [T]) -> Result<(), MinimizersError>;

    /// Fills `geometry` at a point of Γ.
    ///
    /// # Errors
    /// λ₁ not simple, or no eigenpairs.
    fn geometry(&mut self, point: &[T], geometry: &mut Geometry<T>) -> Result<(), MinimizersError>;
}

impl<T: Float, M: Minimizers<T> + ?Sized> Minimizers<T> for Box<M> {
    fn dimension(&self) -> usize {
        (**self).dimension()
    }

    fn space(&self) -> Space {
        (**self).space()
    }

    fn manifold_dimension(&self) -> usize {
        (**self).manifold_dimension()
    }

    fn nearest(&mut self, theta: &[T], point: &mut [T]) -> Result<(), MinimizersError> {
        (**self).nearest(theta, point)
    }

    fn geometry(&mut self, point: &[T], geometry: &mut Geometry<T>) -> Result<(), MinimizersError> {
        (**self).geometry(point, geometry)
    }
}

/// Why Γ, or a point of it, is not known.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub enum MinimizersError {
    #[error(transparent)]
    Dense(#[from] DenseError),
    #[error(transparent)]
    Sharpness(#[from] SharpnessError),
    #[error(transparent)]
    Rank(#[from] RankError),
    #[error("the loss has no curvature at its minimum (the features have rank {rank}, and 2 is the least)")]
    Flat { rank: usize },
    #[error("the targets are uncorrelated with every feature (R = {correlation:e}): no direction minimizes the loss")]
    NoFit { correlation: f64 },
    #[error(
        "the rank is ambiguous: eigenvalue {rank} is {eigenvalue:.1e} of the largest, too near the {noise:.1e} that rounding may give a vanishing one"
    )]
    AmbiguousRank { rank: usize, eigenvalue: f64, noise: f64 },
    #[error("Γ is a single point (rank {rank} in {dimension} dimensions, no kernel): the flow stands still")]
    SinglePoint { rank: usize, dimension: usize },
    #[error("no nearest point on Γ: the cosine to the minimum-norm solution is {cosine:.3}, not positive")]
    NoNearestPoint { cosine: f64 },
    #[error("the angle {angle} is not in [0, π/2): no point of Γ is there")]
    Angle { angle: f64 },
    #[error("the direction has no part in the kernel beyond rounding: no point of Γ lies that way")]
    NoKernelPart,
    #[error(
        "the nearest point on Γ was not found in {iterations} iterations (last step {step:e}, tolerance {tolerance:e})"
    )]
    NotConverged { iterations: usize, step: f64, tolerance: f64 },
    #[error("no nearest point on Γ: θ lies beyond a focal point of it (curvature of the distance {curvature:.3})")]
    Focal { curvature: f64 },
    #[error("the loss {loss:e} does not fall any more, and its gradient {gradient:e} is not 0: no minimum was reached")]
    NoDescent { loss: f64, gradient: f64 },
    #[error("no minimum was reached in {steps} steps (gradient {gradient:e}, tolerance {tolerance:e})")]
    NoMinimum { steps: usize, gradient: f64, tolerance: f64 },
    #[error("the loss is no number there: outside its domain, or off the smooth piece of a loss with kinks")]
    LeftDomain,
    #[error("the loss or its gradient is no number at step {step} of the descent")]
    NotANumber { step: usize },
    #[error("not a minimum: the Hessian has the eigenvalue {eigenvalue:e} (rounding explains {noise:e})")]
    NotAMinimum { eigenvalue: f64, noise: f64 },
    #[error("the rank of the Hessian changed along Γ: {rank} here, {expected} at the first point")]
    RankChanged { rank: usize, expected: usize },
    #[error(
        "the nearest point on Γ was not found by short steps, and Newton's need dense matrices: {weights} weights are more than {most}"
    )]
    TooLarge { weights: usize, most: usize },
    #[error("λ₁ is not simple: 1 − λ₂/λ₁ = {relative_gap:e}")]
    NotSimple { relative_gap: f64 },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 64·D·u, and a unit of rounding more.
    #[test]
    fn a_sharpness_is_simple_beyond_rounding() {
        let unit = f64::UNIT_ROUNDOFF;
        let with_gap = |gap: f64| Geometry { sharpness: 1.0, next_sharpness: 1.0 - gap, ..Geometry::new(10) };
        assert!(with_gap(641.0 * unit).check_simple().is_ok());
        let relative_gap = 640.0 * unit;
        assert_eq!(with_gap(relative_gap).check_simple(), Err(MinimizersError::NotSimple { relative_gap }));
    }
}
