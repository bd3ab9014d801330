use super::precise::{MOST_WEIGHTS, PreciseLoss, QUICKLY_RESOLVED, resolve, rounded_hessian};
use super::rank::{at_noise, has_rank, rank_on_manifold, spectral_rank};
use super::{Geometry, Minimizers, MinimizersError};
use crate::arithmetic::{Float, Rounding, add_scaled, apply, dot, norm, scale};
use crate::dense::{DenseError, Eigen, symmetric_eigen, tall_svd};
use crate::loss::{Derivatives, Loss};
use crate::sharpness::{SharpnessError, top};
use crate::sphere::Space;
use faer::Mat;
use std::sync::Arc;

/// Γ of any loss, through its derivatives alone: eigenpairs of ∇²L, and ∇³L[v₁, v₁].
///
/// There are two ways. If L = ½‖r‖² and the N residuals r vanish on Γ, then ∇²L = JᵀJ there, with J = ∂r/∂w. Only the singular values and vectors of J
/// are needed: a point costs N rows of J and O(DN²) arithmetic, and no matrix of D×D is formed. Otherwise a point costs O(D) Hessian–vector
/// products and O(D³) arithmetic, which suits D up to a few hundred.
pub struct NumericMinimizers<L, T: Float> {
    pub(super) derivatives: Derivatives<L, T>,
    pub(super) rank: usize,
    pub(super) space: Space,
    pub(super) frame: Option<Frame<T>>,
    /// Whether Γ is where the residuals vanish.
    pub(super) by_residuals: bool,
    /// The loss in double-double, for what doubles leave open.
    precise: Option<Arc<dyn PreciseLoss>>,
}

/// ∇²L at a point and its eigenpairs. They are kept because callers ask much of one point, and the frame of a near point guides to the next.
pub(super) struct Frame<T: Float> {
    pub point: Vec<T>,
    /// ∇²L; `None` where JᵀJ stands for it.
    pub hessian: Option<Mat<T>>,
    /// The eigenpairs of ∇²L: all of them, or the first N or D of JᵀJ, whichever is less.
    pub eigen: Eigen<T>,
    /// The values that decide the rank: the eigenvalues, or the singular values of J, which have twice as many digits.
    pub spectrum: Vec<T>,
}

impl<T: Float> Frame<T> {
    /// ∇²L and its eigenpairs at a point.
    pub fn at<L: Loss<T>>(derivatives: &mut Derivatives<L, T>, point: &[T]) -> Result<Self, DenseError> {
        Self::of(derivatives.hessian(point), point)
    }

    fn of(hessian: Mat<T>, point: &[T]) -> Result<Self, DenseError> {
        let eigen = symmetric_eigen(hessian.as_ref())?;
        let spectrum = eigen.values.clone();
        Ok(Self { point: point.to_vec(), hessian: Some(hessian), eigen, spectrum })
    }

    /// JᵀJ and its eigenpairs at a point, and whether the residuals vanish there.
    fn by_residuals<L: Loss<T>>(derivatives: &mut Derivatives<L, T>, point: &[T]) -> Result<(Self, bool), DenseError> {
        let (residuals, rows) = derivatives.residuals_and_jacobian(point);
        let svd = tall_svd(rows)?;
        let largest = svd.values.first().map_or(0.0, |value| value.to_f64());
        let vanish = norm(&residuals).to_f64() <= noise::<T>(point.len()) * largest;
        let values = svd.values.iter().map(|&value| value * value).collect();
        let eigen = Eigen { values, vectors: svd.left };
        Ok((Self { point: point.to_vec(), hessian: None, eigen, spectrum: svd.values }, vanish))
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

    /// The same with a loss that is also known in double-double. Double-double decides a rank that doubles leave open. It also gives the Hessian
    /// where the top eigenpair has no accuracy in doubles.
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
        if self.derivatives.residuals() > 0 {
            let (frame, vanish) = Frame::by_residuals(&mut self.derivatives, point)?;
            (self.by_residuals, self.frame) = (vanish, vanish.then_some(frame));
        }
        let precise = self.precise.clone().filter(|_| point.len() <= MOST_WEIGHTS);
        let by_residuals = self.by_residuals;
        let Frame { eigen, spectrum, .. } = self.frame(point)?.1;
        self.rank = match precise {
            _ if by_residuals => rank_on_manifold(spectrum, noise::<T>(point.len()))?,
            None => rank_of(eigen)?,
            Some(precise) => match rank_on_manifold(spectrum, noise::<T>(point.len())) {
                // What was dropped is not at the noise of the Hessian: only the point's own error may explain it. Double-double knows the
                // point better, where Newton's method finds it.
                Ok(rank) if point.len() <= QUICKLY_RESOLVED && !at_noise(spectrum, noise::<T>(point.len()), rank) => {
                    resolve(&*precise, point, &self.space).map_or(rank, |resolved| resolved.rank)
                }
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
        Self {
            derivatives: Derivatives::new(loss),
            rank,
            space: Space::Sphere,
            frame: None,
            by_residuals: false,
            precise: None,
        }
    }

    /// Γ is where the residuals of the loss vanish, as [`NumericMinimizers::is_by_residuals`] of another says it.
    pub fn with_residuals(self, by_residuals: bool) -> Self {
        Self { by_residuals, ..self }
    }

    /// Whether L = ½‖r‖² and r vanished at the first point, up to rounding: Γ is known by the N residuals.
    pub fn is_by_residuals(&self) -> bool {
        self.by_residuals
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
    pub(super) fn frame(&mut self, point: &[T]) -> Result<(&mut Derivatives<L, T>, &Frame<T>), MinimizersError> {
        let known = self.frame.take().filter(|frame| frame.point == point);
        let frame = match known {
            Some(frame) => Ok(frame),
            None if self.by_residuals => Frame::by_residuals(&mut self.derivatives, point).map(|(frame, _)| frame),
            None => Frame::at(&mut self.derivatives, point),
        };
        let frame = frame.map_err(|error| match error {
            DenseError::NotFinite { .. } => MinimizersError::LeftDomain,
            error => error.into(),
        })?;
        Ok((&mut self.derivatives, self.frame.insert(frame)))
    }

    /// The same at a point of Γ, whose rank is checked.
    pub(super) fn frame_of_rank(
        &mut self,
        point: &[T],
    ) -> Result<(&mut Derivatives<L, T>, &Frame<T>), MinimizersError> {
        let (rank, precise) = (self.rank, self.precise.clone());
        let frame = self.frame(point)?.1;
        has_rank(&frame.spectrum, noise::<T>(point.len()), rank)?;
        // A Hessian whose parts cancel is not symmetric beyond rounding.
        let found = frame.hessian.as_ref().map(|hessian| top(hessian.as_ref(), &frame.eigen));
        if let (Some(Err(SharpnessError::NotConverged { .. })), Some(precise)) = (found, precise) {
            self.frame = Some(Frame::of(rounded_hessian(&*precise, point), point)?);
        }
        self.frame(point)
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
        let mut vector = eigen.vector(0);
        geometry.sharpness = match hessian {
            Some(hessian) => top(hessian.as_ref(), eigen)?.value,
            // The residuals vanish at the point up to rounding, and ∇²L differs from JᵀJ by as much: its own quotient at v₁ has an error of second order.
            None => {
                let mut image = vector.clone();
                derivatives.hessian_vector(point, &vector, &mut image);
                dot(&vector, &image)
            }
        };
        if dot(&vector, &geometry.direction).to_f64() < 0.0 {
            scale(&mut vector, T::from_f64(-1.0));
        }
        geometry.next_sharpness = eigen.values.get(1).copied().unwrap_or(T::from_f64(0.0));
        geometry.direction.copy_from_slice(&vector);
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

/// Whether L = ½‖r‖² and r vanishes at a point, of length D, up to rounding: beside that, ∇²L = JᵀJ + Σ rᵢ∇²rᵢ is JᵀJ.
///
/// # Errors
/// A Jacobian that is not finite.
pub fn interpolates<T: Float, L: Loss<T>>(loss: L, point: &[T]) -> Result<bool, MinimizersError> {
    let mut derivatives = Derivatives::new(loss);
    if derivatives.residuals() == 0 {
        return Ok(false);
    }
    Ok(Frame::by_residuals(&mut derivatives, point)?.1)
}

/// The relative size rounding gives an eigenvalue that vanishes.
pub(super) fn noise<T: Float>(dimension: usize) -> f64 {
    Rounding::of::<T>().of_dense(dimension)
}

pub(super) fn rank_of<T: Float>(eigen: &Eigen<T>) -> Result<usize, MinimizersError> {
    spectral_rank(&eigen.values, noise::<T>(eigen.values.len()))
}
