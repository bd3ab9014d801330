use super::precise::{MOST_WEIGHTS, PreciseLoss, resolve, rounded_hessian};
use super::rank::{has_rank, rank_on_manifold, spectral_rank};
use super::{Geometry, Minimizers, MinimizersError};
use crate::arithmetic::{Float, add_scaled, apply, dense_rounding, dot, scale};
use crate::dense::{DenseError, Eigen, symmetric_eigen};
use crate::loss::{Derivatives, Loss};
use crate::sharpness::{SharpnessError, top};
use crate::sphere::Space;
use faer::Mat;
use std::sync::Arc;

/// Γ of any loss, through its derivatives alone: dense eigenpairs of ∇²L, and ∇³L[v₁, v₁].
///
/// A point costs O(D) Hessian–vector products and O(D³) arithmetic; meant for D up to a few hundred.
pub struct NumericMinimizers<L, T: Float> {
    pub(super) derivatives: Derivatives<L, T>,
    pub(super) rank: usize,
    pub(super) space: Space,
    pub(super) frame: Option<Frame<T>>,
    /// The loss in double-double, for what doubles leave open.
    precise: Option<Arc<dyn PreciseLoss>>,
}

/// ∇²L at a point and its eigenpairs. They are kept because callers ask much of one point, and the frame of a near point guides to the next.
pub(super) struct Frame<T: Float> {
    pub point: Vec<T>,
    pub hessian: Mat<T>,
    pub eigen: Eigen<T>,
}

impl<T: Float> Frame<T> {
    /// ∇²L and its eigenpairs at a point.
    pub fn at<L: Loss<T>>(derivatives: &mut Derivatives<L, T>, point: &[T]) -> Result<Self, DenseError> {
        Self::of(derivatives.hessian(point), point)
    }

    fn of(hessian: Mat<T>, point: &[T]) -> Result<Self, DenseError> {
        let eigen = symmetric_eigen(hessian.as_ref())?;
        Ok(Self { point: point.to_vec(), hessian, eigen })
    }
}

impl<L: Loss<T>, T: Float> NumericMinimizers<L, T> {
    /// Γ through `point` ∈ Γ (a unit vector). The rank of ∇²L there, found from the gap in its spectrum, is the rank that
    /// every other point must have.
    ///
    /// # Errors
    /// An ambiguous rank, or a negative eigenvalue.
    pub fn through(loss: L, point: &[T]) -> Result<Self, MinimizersError> {
        Self::of_rank(loss, 0).through_point(point)
    }

    /// The same with a loss that is known in double-double, which decides a rank that doubles leave open, and gives the Hessian where
    /// they leave its top eigenpair no accuracy.
    ///
    /// # Errors
    /// A negative eigenvalue; a rank that is ambiguous in double-double as well.
    pub fn through_precisely(
        loss: L,
        precise: Arc<dyn PreciseLoss>,
        space: Space,
        point: &[T],
    ) -> Result<Self, MinimizersError> {
        Self::of_rank(loss, 0).in_space(space).with_precise(precise).through_point(point)
    }

    fn through_point(mut self, point: &[T]) -> Result<Self, MinimizersError> {
        let precise = self.precise.clone().filter(|_| point.len() <= MOST_WEIGHTS);
        let eigen = &self.frame(point)?.1.eigen;
        self.rank = match precise {
            None => rank_of(eigen)?,
            Some(precise) => match rank_on_manifold(&eigen.values, noise::<T>(point.len())) {
                Err(MinimizersError::AmbiguousRank { .. } | MinimizersError::NotAMinimum { .. }) => {
                    resolve(&*precise, point, &self.space)?.rank
                }
                found => found?,
            },
        };
        Ok(self)
    }

    /// Adds the same loss in double-double.
    pub fn with_precise(self, precise: Arc<dyn PreciseLoss>) -> Self {
        Self { precise: Some(precise), ..self }
    }

    /// Γ of a loss whose rank there is known, as [`NumericMinimizers::rank`] of another says it.
    pub fn of_rank(loss: L, rank: usize) -> Self {
        Self { derivatives: Derivatives::new(loss), rank, space: Space::Sphere, frame: None, precise: None }
    }

    /// The same for a loss that is not scale-invariant, with Γ a manifold in ℝᴰ.
    pub fn in_space(self, space: Space) -> Self {
        Self { space, ..self }
    }

    /// The rank of ∇²L on Γ: the codimension of Γ in S.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// The derivatives, and the eigenpairs of ∇²L at a point, computed anew where the last point was another.
    pub(super) fn frame(&mut self, point: &[T]) -> Result<(&mut Derivatives<L, T>, &Frame<T>), DenseError> {
        let known = self.frame.take().filter(|frame| frame.point == point);
        let frame = match known {
            Some(frame) => frame,
            None => Frame::at(&mut self.derivatives, point)?,
        };
        Ok((&mut self.derivatives, self.frame.insert(frame)))
    }

    /// The same at a point of Γ, whose rank is checked.
    pub(super) fn frame_of_rank(
        &mut self,
        point: &[T],
    ) -> Result<(&mut Derivatives<L, T>, &Frame<T>), MinimizersError> {
        let (rank, precise) = (self.rank, self.precise.clone());
        let frame = self.frame(point)?.1;
        has_rank(&frame.eigen.values, noise::<T>(frame.eigen.values.len()), rank)?;
        // A Hessian whose parts cancel is not symmetric beyond rounding.
        let found = top(frame.hessian.as_ref(), &frame.eigen);
        if let (Err(SharpnessError::NotConverged { .. }), Some(precise)) = (found, precise) {
            self.frame = Some(Frame::of(rounded_hessian(&*precise, point), point)?);
        }
        Ok(self.frame(point)?)
    }
}

impl<L: Loss<T>, T: Float> Minimizers<T> for NumericMinimizers<L, T> {
    fn space(&self) -> Space {
        self.space.clone()
    }

    fn dimension(&self) -> usize {
        self.derivatives.dimension()
    }

    fn manifold_dimension(&self) -> usize {
        let of_space = self.dimension() - self.space.codimension();
        of_space - self.rank
    }

    fn nearest(&mut self, theta: &[T], point: &mut [T]) -> Result<(), MinimizersError> {
        if self.approach(theta, point)? { Ok(()) } else { self.nearest_observed(theta, point, |_| {}) }
    }

    fn geometry(&mut self, point: &[T], geometry: &mut Geometry<T>) -> Result<(), MinimizersError> {
        let (rank, space) = (self.rank, self.space.clone());
        let (derivatives, Frame { hessian, eigen, .. }) = self.frame_of_rank(point)?;
        let mut sharpness = top(hessian.as_ref(), eigen)?;
        if dot(&sharpness.vector, &geometry.direction).to_f64() < 0.0 {
            scale(&mut sharpness.vector, T::from_f64(-1.0));
        }
        geometry.sharpness = sharpness.value;
        geometry.next_sharpness = sharpness.next;
        geometry.direction.copy_from_slice(&sharpness.vector);
        geometry.check_simple()?;
        // ∇λ₁ = ∇³L[v₁, v₁] for a simple eigenvalue; its part along Γ is what is neither radial nor normal.
        let slope = &mut geometry.log_gradient;
        derivatives.third_derivative(point, &geometry.direction, slope);
        scale(slope, T::from_f64(1.0) / geometry.sharpness);
        let normal = eigen.vectors.get(.., ..rank);
        let mut coefficients = vec![T::from_f64(0.0); rank];
        let mut normal_part = vec![T::from_f64(0.0); point.len()];
        apply(normal.transpose(), slope, &mut coefficients);
        apply(normal, &coefficients, &mut normal_part);
        add_scaled(slope, T::from_f64(-1.0), &normal_part);
        space.make_tangent(point, slope);
        Ok(())
    }
}

/// The relative size rounding gives an eigenvalue that vanishes.
pub(super) fn noise<T: Float>(dimension: usize) -> f64 {
    dense_rounding::<T>(dimension)
}

pub(super) fn rank_of<T: Float>(eigen: &Eigen<T>) -> Result<usize, MinimizersError> {
    spectral_rank(&eigen.values, noise::<T>(eigen.values.len()))
}
