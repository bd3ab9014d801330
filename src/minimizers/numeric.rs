use super::rank::spectral_rank;
use super::{Geometry, Minimizers, MinimizersError};
use crate::arithmetic::{Float, add_scaled, apply, distance, dot, scale};
use crate::dense::{Eigen, symmetric_eigen};
use crate::loss::{Derivatives, Loss};
use crate::sharpness::top;
use crate::sphere::{direction, make_tangent, project};

/// Γ of any loss, through its derivatives alone: dense eigenpairs of ∇²L, and ∇³L[v₁, v₁].
///
/// A point costs O(D) Hessian–vector products and O(D³) arithmetic; meant for D up to a few hundred.
pub struct NumericMinimizers<'a, L, T: Float> {
    derivatives: Derivatives<'a, L, T>,
    rank: usize,
}

impl<'a, L: Loss<T>, T: Float> NumericMinimizers<'a, L, T> {
    /// Γ through `point` ∈ Γ (a unit vector). The rank of ∇²L there, found from the gap in its spectrum, is the rank that
    /// every other point must have.
    ///
    /// # Errors
    /// An ambiguous rank, or a negative eigenvalue.
    pub fn through(loss: &'a L, point: &[T]) -> Result<Self, MinimizersError> {
        let mut derivatives = Derivatives::new(loss);
        let rank = rank_of(&symmetric_eigen(derivatives.hessian(point).as_ref())?)?;
        Ok(Self { derivatives, rank })
    }

    /// The rank of ∇²L on Γ: the codimension of Γ in S.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// q = ∇⁴L(v₁, v₁, v₁, v₁)/(3λ₁) − Σ_k ⟨∇³L[v₁, v₁], u_k⟩²/(λ₁λ_k) at a point of Γ, over the normal eigenpairs (λ_k, u_k): an
    /// oscillation of amplitude h along v₁ centres δ = η̃λ₁ − 2 at −q h².
    ///
    /// # Errors
    /// No eigenpairs.
    pub fn quartic_coefficient(&mut self, point: &[T]) -> Result<f64, MinimizersError> {
        let eigen = symmetric_eigen(self.derivatives.hessian(point).as_ref())?;
        let top = eigen.vector(0);
        let mut derivative = vec![T::from_f64(0.0); point.len()];
        self.derivatives.fourth_derivative(point, &top, &mut derivative);
        let quartic = dot(&derivative, &top).to_f64() / 3.0;
        self.derivatives.third_derivative(point, &top, &mut derivative);
        let response = (0..self.rank).map(|k| {
            let along = dot(&derivative, &eigen.vector(k)).to_f64();
            along * along / eigen.values[k].to_f64()
        });
        Ok((quartic - response.sum::<f64>()) / eigen.values[0].to_f64())
    }

    /// One Gauss–Newton step towards p(θ); returns its length and the length that rounding alone can give it.
    ///
    /// In the normal space it is Newton's for ∇L = 0. Along Γ it goes to the part of θ in span(p, T_pΓ), and errs by
    /// ‖θ − p‖ times the curvature of Γ in S: convergence is linear with that factor, immediate where Γ is a great sphere.
    fn step(&mut self, theta: &[T], point: &mut [T]) -> Result<(f64, f64), MinimizersError> {
        let eigen = symmetric_eigen(self.derivatives.hessian(point).as_ref())?;
        let (_, gradient) = self.derivatives.gradient(point);
        let normal = eigen.vectors.get(.., ..self.rank);
        let zero = T::from_f64(0.0);
        let (mut of_theta, mut of_gradient) = (vec![zero; self.rank], vec![zero; self.rank]);
        apply(normal.transpose(), theta, &mut of_theta);
        apply(normal.transpose(), gradient, &mut of_gradient);
        let mut correction = vec![zero; point.len()];
        apply(normal, &of_theta, &mut correction);
        let radial = dot(theta, point) - dot(&correction, point);
        // θ/radial − p, its normal part exchanged for the Newton step.
        let mut next = theta.to_vec();
        scale(&mut next, T::from_f64(1.0) / radial);
        add_scaled(&mut next, T::from_f64(-1.0), point);
        apply(normal.transpose(), &next, &mut of_theta);
        for (c, (&g, &value)) in of_theta.iter_mut().zip(of_gradient.iter().zip(&eigen.values)) {
            *c = -*c - g / value;
        }
        apply(normal, &of_theta, &mut correction);
        for (n, (&c, &p)) in next.iter_mut().zip(correction.iter().zip(point.iter())) {
            *n = *n + c + p;
        }
        project(&mut next);
        let length = distance(&next, point).to_f64();
        point.copy_from_slice(&next);
        let least = eigen.values[self.rank - 1].to_f64();
        if !(least > 0.0) {
            // The Newton step would climb: θ is too far from Γ for its Hessian to have Γ's signature.
            return Err(MinimizersError::NotAMinimum { eigenvalue: least, noise: 0.0 });
        }
        let condition = eigen.values[0].to_f64() / least;
        Ok((length, 64.0 * point.len() as f64 * T::UNIT_ROUNDOFF * condition))
    }
}

impl<L: Loss<T>, T: Float> Minimizers<T> for NumericMinimizers<'_, L, T> {
    fn dimension(&self) -> usize {
        self.derivatives.dimension()
    }

    fn manifold_dimension(&self) -> usize {
        self.dimension() - 1 - self.rank
    }

    fn nearest(&mut self, theta: &[T], point: &mut [T]) -> Result<(), MinimizersError> {
        const ITERATIONS: usize = 60;
        let mut unit = theta.to_vec();
        direction(theta, &mut unit);
        point.copy_from_slice(&unit);
        let (mut length, mut tolerance) = (f64::INFINITY, 0.0);
        for _ in 0..ITERATIONS {
            let before = length;
            (length, tolerance) = self.step(&unit, point)?;
            // Below √u a converging step at least halves; one that does not is rounding, which the gradient's own error can
            // raise above the tolerance.
            let stalled = before <= T::UNIT_ROUNDOFF.sqrt() && length > 0.5 * before && length <= before.max(tolerance);
            if length <= tolerance || stalled {
                return Ok(());
            }
        }
        Err(MinimizersError::NotConverged { iterations: ITERATIONS, step: length, tolerance })
    }

    fn geometry(&mut self, point: &[T], geometry: &mut Geometry<T>) -> Result<(), MinimizersError> {
        let hessian = self.derivatives.hessian(point);
        let eigen = symmetric_eigen(hessian.as_ref())?;
        let rank = rank_of(&eigen)?;
        if rank != self.rank {
            let expected = self.rank;
            return Err(MinimizersError::RankChanged { rank, expected });
        }
        let mut sharpness = top(hessian.as_ref(), &eigen)?;
        if dot(&sharpness.vector, &geometry.direction).to_f64() < 0.0 {
            scale(&mut sharpness.vector, T::from_f64(-1.0));
        }
        geometry.sharpness = sharpness.value;
        geometry.next_sharpness = sharpness.next;
        geometry.direction.copy_from_slice(&sharpness.vector);
        geometry.check_simple()?;
        // ∇λ₁ = ∇³L[v₁, v₁] for a simple eigenvalue; its part along Γ is what is neither radial nor normal.
        let slope = &mut geometry.log_gradient;
        self.derivatives.third_derivative(point, &geometry.direction, slope);
        scale(slope, T::from_f64(1.0) / geometry.sharpness);
        let normal = eigen.vectors.get(.., ..self.rank);
        let mut coefficients = vec![T::from_f64(0.0); self.rank];
        let mut normal_part = vec![T::from_f64(0.0); point.len()];
        apply(normal.transpose(), slope, &mut coefficients);
        apply(normal, &coefficients, &mut normal_part);
        add_scaled(slope, T::from_f64(-1.0), &normal_part);
        make_tangent(point, slope);
        Ok(())
    }
}

/// The relative size rounding gives an eigenvalue that vanishes.
fn noise<T: Float>(dimension: usize) -> f64 {
    64.0 * dimension as f64 * T::UNIT_ROUNDOFF
}

fn rank_of<T: Float>(eigen: &Eigen<T>) -> Result<usize, MinimizersError> {
    spectral_rank(&eigen.values, noise::<T>(eigen.values.len()))
}
