//! Spherical sharpness λ₁(θ): the largest Hessian eigenvalue at a point of the sphere.
//!
//! There are two notions, and this module has both ([`HessianKind`]). They differ off Γ and agree where ∇L(θ) = 0, since ∇²L(θ)θ = −∇L(θ).
//! The spherical sharpness of weights w is λ₁(∇²L(w))·‖w‖², which does not change when w is rescaled.
//!
//! ```
//! use sharpflow::data::Dataset;
//! use sharpflow::krylov::KrylovOptions;
//! use sharpflow::loss::{Derivatives, LinearRegression};
//! use sharpflow::sharpness::{HessianKind, largest_sharpnesses, spherical_sharpness};
//! use sharpflow::sphere::project;
//!
//! let loss = LinearRegression::<f64>::new(&Dataset::random(6, 9, 0))?;
//! let mut derivatives = Derivatives::new(&loss);
//! let mut theta: Vec<f64> = (1..=9).map(f64::from).collect();
//! project(&mut theta);
//! let dense = spherical_sharpness(&mut derivatives, &theta, HessianKind::Euclidean)?;
//! // The same from Hessian–vector products alone.
//! let options = KrylovOptions::default();
//! let found = largest_sharpnesses(&mut derivatives, &theta, HessianKind::Euclidean, &options, None)?;
//! assert!(found.converged && (found.pairs[0].value / dense.value - 1.0).abs() < 1e-9);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use faer::{Mat, MatRef};
use thiserror::Error;

use crate::arithmetic::{Base, Float, Rounding, add_scaled, apply, norm};
use crate::dense::{DenseError, Eigen, symmetric_eigen};
use crate::krylov::{KrylovError, KrylovOptions, LargestEigenpairs, largest_eigenpairs};
use crate::loss::{Derivatives, Loss};
use crate::sphere::make_tangent;

/// Which Hessian's eigenvalue is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HessianKind {
    /// ∇²L(θ) of the loss on ℝᴰ: the spherical sharpness of the paper.
    Euclidean,
    /// P∇²L(θ)P with P = I − θθᵀ: the Riemannian Hessian of L restricted to S (as ⟨∇L(θ), θ⟩ = 0).
    Tangential,
}

/// Why there is no sharpness.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub enum SharpnessError {
    #[error(transparent)]
    Dense(#[from] DenseError),
    /// The residual of the eigenpair is larger than rounding explains.
    #[error("the top eigenpair has residual {residual:e}, above the {bound:e} that rounding explains")]
    NotConverged { residual: f64, bound: f64 },
}

/// The largest algebraic eigenvalue λ₁ of a Hessian, its unit eigenvector and its residual ‖Hv − λ₁v‖.
#[derive(Clone, Debug)]
pub struct SphericalSharpness<T> {
    pub value: T,
    pub vector: Vec<T>,
    pub residual: T,
    /// λ₂, the next eigenvalue (with multiplicity); λ₁ itself where D = 1.
    pub next: T,
}

/// λ₁ of either Hessian at a unit vector θ of length D, by a dense eigendecomposition.
///
/// # Errors
/// A Hessian that is not finite; an eigenpair whose residual exceeds 64·D·u·‖H‖_F (u the unit roundoff), which a
/// backward-stable solver never reaches.
pub fn spherical_sharpness<T: Float, L: Loss<T>>(
    derivatives: &mut Derivatives<L, T>,
    theta: &[T],
    kind: HessianKind,
) -> Result<SphericalSharpness<T>, SharpnessError> {
    let mut hessian = derivatives.hessian(theta);
    if kind == HessianKind::Tangential {
        make_tangential(&mut hessian, theta);
    }
    top(hessian.as_ref(), &symmetric_eigen(hessian.as_ref())?)
}

/// The largest eigenvalues of either Hessian at a unit vector θ of length D, λ₁ first, by Hessian–vector products alone: for D
/// up to millions. `warm` as in [`largest_eigenpairs`].
///
/// # Errors
/// See [`largest_eigenpairs`].
pub fn largest_sharpnesses<T: Float, L: Loss<T>>(
    derivatives: &mut Derivatives<L, T>,
    theta: &[T],
    kind: HessianKind,
    options: &KrylovOptions,
    warm: Option<&[T]>,
) -> Result<LargestEigenpairs<T>, KrylovError> {
    let mut tangent = theta.to_vec();
    let apply = |x: &[T], out: &mut [T]| match kind {
        HessianKind::Euclidean => derivatives.hessian_vector(theta, x, out),
        HessianKind::Tangential => {
            tangent.copy_from_slice(x);
            make_tangent(theta, &mut tangent);
            derivatives.hessian_vector(theta, &tangent, out);
            make_tangent(theta, out);
        }
    };
    largest_eigenpairs(theta.len(), apply, options, warm)
}

/// The top eigenpair of a decomposition, with its residual in the matrix it came from.
pub(crate) fn top<T: Float>(matrix: MatRef<'_, T>, eigen: &Eigen<T>) -> Result<SphericalSharpness<T>, SharpnessError> {
    let dimension = matrix.nrows();
    let vector = eigen.vector(0);
    let mut image = vec![T::from_f64(0.0); dimension];
    apply(matrix, &vector, &mut image);
    add_scaled(&mut image, -eigen.values[0], &vector);
    let residual = norm(&image);
    let frobenius = eigen.values.iter().map(|v| v.to_f64().powi(2)).sum::<f64>().sqrt();
    let bound = Rounding::of::<T>().of_dense(dimension) * frobenius;
    if residual.to_f64() <= bound {
        Ok(SphericalSharpness { value: eigen.values[0], vector, residual, next: eigen.values[1.min(dimension - 1)] })
    } else {
        let residual = residual.to_f64();
        Err(SharpnessError::NotConverged { residual, bound })
    }
}

/// H ← PHP.
fn make_tangential<T: Base>(hessian: &mut Mat<T>, theta: &[T]) {
    let dimension = theta.len();
    let mut image = vec![T::from_f64(0.0); dimension];
    for pass in 0..2 {
        let side = if pass == 0 { hessian.as_ref() } else { hessian.transpose() };
        apply(side, theta, &mut image);
        for i in 0..dimension {
            for j in 0..dimension {
                let removed = if pass == 0 { image[i] * theta[j] } else { theta[i] * image[j] };
                hessian[(i, j)] = hessian[(i, j)] - removed;
            }
        }
    }
}
