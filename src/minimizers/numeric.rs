use faer::Mat;

use super::rank::spectral_rank;
use super::{Geometry, Minimizers, MinimizersError};
use crate::arithmetic::{Float, add_scaled, apply, dot, norm, scale};
use crate::dense::{Eigen, symmetric_eigen};
use crate::loss::{Derivatives, Loss};
use crate::sharpness::top;
use crate::sphere::{direction, make_tangent, project};

/// Γ of any loss, through its derivatives alone: dense eigenpairs of ∇²L, and ∇³L[v₁, v₁].
///
/// A point costs O(D) Hessian–vector products and O(D³) arithmetic; meant for D up to a few hundred.
pub struct NumericMinimizers<'a, L, T: Float> {
    pub(super) derivatives: Derivatives<'a, L, T>,
    pub(super) rank: usize,
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

    /// Γ of a loss whose rank there is known, as [`NumericMinimizers::rank`] of another says it.
    pub fn of_rank(loss: &'a L, rank: usize) -> Self {
        Self { derivatives: Derivatives::new(loss), rank }
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

    /// [`Minimizers::nearest`], with the length of every step handed to `observe`: from the second on each is of the order of the
    /// square of the one before, until rounding is all that is left.
    ///
    /// # Errors
    /// See [`Minimizers::nearest`].
    pub fn nearest_observed(
        &mut self,
        theta: &[T],
        point: &mut [T],
        mut observe: impl FnMut(f64),
    ) -> Result<(), MinimizersError> {
        const ITERATIONS: usize = 40;
        // Steps this short converge quadratically.
        const QUADRATIC: f64 = 1e-2;
        let mut unit = theta.to_vec();
        direction(theta, &mut unit);
        point.copy_from_slice(&unit);
        let (mut step, mut before) = (Step::default(), f64::INFINITY);
        for _ in 0..ITERATIONS {
            step = self.step(&unit, point)?;
            observe(step.length);
            // Below √u a converging step shrinks; one that does not is rounding, which the gradient's own error can raise above
            // the tolerance.
            let stalled = before <= T::UNIT_ROUNDOFF.sqrt()
                && step.length > 0.5 * before
                && step.length <= before.max(step.tolerance);
            // The next step would be of the order of this one's square; what made this one of the last one's says how large. It
            // is not taken where it is rounding.
            let next = step.length * (step.length / before) * (step.length / before);
            let reached = before <= QUADRATIC && next <= step.tolerance;
            if step.length <= step.tolerance || stalled || reached {
                project(point);
                return self.check_reached(point, step.least_curvature);
            }
            before = step.length;
        }
        let Step { length, tolerance, .. } = step;
        Err(MinimizersError::NotConverged { iterations: ITERATIONS, step: length, tolerance })
    }

    /// A stationary point need not lie on Γ, nor be the nearest there.
    fn check_reached(&mut self, point: &[T], least_curvature: f64) -> Result<(), MinimizersError> {
        let eigen = symmetric_eigen(self.derivatives.hessian(point).as_ref())?;
        self.check_rank(&eigen)?;
        if least_curvature > 0.0 { Ok(()) } else { Err(MinimizersError::Focal { curvature: least_curvature }) }
    }

    fn check_rank(&self, eigen: &Eigen<T>) -> Result<(), MinimizersError> {
        let (rank, expected) = (rank_of(eigen)?, self.rank);
        if rank == expected { Ok(()) } else { Err(MinimizersError::RankChanged { rank, expected }) }
    }

    /// One Newton step for the point x of the cone over Γ nearest to θ: stationary for ½‖x − θ‖² under ∇L(x) = 0.
    ///
    /// With the multiplier μ = H⁺(θ − x) and C = ∇³L(x)[μ], the step is n + t: n = −H⁺∇L(x) in the normal space, and t in the
    /// tangent space with (I + C)t = θ − x − Cn there. C is what the curvature of Γ adds; without it convergence is linear.
    /// Derivation: `proofs-notes/nearest_point.md`.
    fn step(&mut self, theta: &[T], point: &mut [T]) -> Result<Step, MinimizersError> {
        let (zero, one) = (T::from_f64(0.0), T::from_f64(1.0));
        let (dimension, rank) = (point.len(), self.rank);
        let eigen = symmetric_eigen(self.derivatives.hessian(point).as_ref())?;
        let least = eigen.values[rank - 1].to_f64();
        if !(least > 0.0) {
            // The Newton step would climb: θ is too far from Γ for its Hessian to have Γ's signature.
            return Err(MinimizersError::NotAMinimum { eigenvalue: least, noise: 0.0 });
        }
        let (normal, tangent) = (eigen.vectors.get(.., ..rank), eigen.vectors.get(.., rank..));
        let free = dimension - rank;
        let mut offset = theta.to_vec();
        add_scaled(&mut offset, -one, point);
        let pseudoinverse = |v: &[T]| {
            let (mut coefficients, mut image) = (vec![zero; rank], vec![zero; dimension]);
            apply(normal.transpose(), v, &mut coefficients);
            coefficients.iter_mut().zip(&eigen.values).for_each(|(c, &value)| *c /= value);
            apply(normal, &coefficients, &mut image);
            image
        };
        let multiplier = pseudoinverse(&offset);
        let mut step = pseudoinverse(self.derivatives.gradient(point).1);
        scale(&mut step, -one);
        let mut curvature = vec![zero; dimension];
        self.derivatives.mixed_third_derivative(point, &multiplier, &step, &mut curvature);
        add_scaled(&mut offset, -one, &curvature);
        let mut right = vec![zero; free];
        apply(tangent.transpose(), &offset, &mut right);
        let mut matrix = Mat::from_fn(free, free, |_, _| zero);
        let mut column = vec![zero; free];
        for j in 0..free {
            let direction: Vec<T> = (0..dimension).map(|i| tangent[(i, j)]).collect();
            self.derivatives.mixed_third_derivative(point, &multiplier, &direction, &mut curvature);
            apply(tangent.transpose(), &curvature, &mut column);
            column[j] += one;
            column.iter().enumerate().for_each(|(i, &entry)| matrix[(i, j)] = entry);
        }
        let curved = symmetric_eigen(matrix.as_ref())?;
        let least_curvature = curved.values[free - 1].to_f64();
        // Beyond a focal point of Γ the second derivative of the distance is not positive: there the plain step is taken.
        if least_curvature > 0.0 {
            let mut coefficients = vec![zero; free];
            apply(curved.vectors.transpose(), &right, &mut coefficients);
            coefficients.iter_mut().zip(&curved.values).for_each(|(c, &value)| *c /= value);
            apply(curved.vectors.as_ref(), &coefficients, &mut right);
        }
        apply(tangent, &right, &mut curvature);
        add_scaled(&mut step, one, &curvature);
        add_scaled(point, one, &step);
        let condition = eigen.values[0].to_f64() / least;
        let tolerance = 64.0 * dimension as f64 * T::UNIT_ROUNDOFF * condition;
        Ok(Step { length: norm(&step).to_f64(), tolerance, least_curvature })
    }
}

/// A Newton step's length, the length that rounding alone can give it, and the least eigenvalue of I + C along Γ.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    length: f64,
    tolerance: f64,
    least_curvature: f64,
}

impl<L: Loss<T>, T: Float> Minimizers<T> for NumericMinimizers<'_, L, T> {
    fn dimension(&self) -> usize {
        self.derivatives.dimension()
    }

    fn manifold_dimension(&self) -> usize {
        self.dimension() - 1 - self.rank
    }

    fn nearest(&mut self, theta: &[T], point: &mut [T]) -> Result<(), MinimizersError> {
        self.nearest_observed(theta, point, |_| {})
    }

    fn geometry(&mut self, point: &[T], geometry: &mut Geometry<T>) -> Result<(), MinimizersError> {
        let hessian = self.derivatives.hessian(point);
        let eigen = symmetric_eigen(hessian.as_ref())?;
        self.check_rank(&eigen)?;
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

/// A minimum of a loss: from `start`, which is no 0, down to where the gradient is rounding.
///
/// Each step divides the gradient's part along an eigenvector of ∇²L by |λ| + ν, and ν is as small as lets the loss fall: far away
/// that is gradient descent, near a minimum Newton's method. Meant for D up to a few hundred, as [`NumericMinimizers`].
///
/// # Errors
/// No minimum within `steps`, a saddle, or a loss that is not finite at the start.
pub fn descend<T: Float, L: Loss<T>>(loss: &L, start: &[T], steps: usize) -> Result<Vec<T>, MinimizersError> {
    let mut derivatives = Derivatives::new(loss);
    let mut point = start.to_vec();
    project(&mut point);
    let (mut value, mut damping) = (derivatives.gradient(&point).0.to_f64(), 1.0);
    let (mut size, mut tolerance) = (f64::INFINITY, 0.0);
    for _ in 0..steps {
        let eigen = symmetric_eigen(derivatives.hessian(&point).as_ref())?;
        let gradient = derivatives.gradient(&point).1.to_vec();
        let sharpness = eigen.values.iter().map(|v| v.to_f64().abs()).fold(0.0, f64::max);
        size = norm(&gradient).to_f64();
        tolerance = noise::<T>(point.len()) * sharpness;
        if size <= tolerance {
            rank_of(&eigen)?;
            return Ok(point);
        }
        let mut along = vec![T::from_f64(0.0); point.len()];
        apply(eigen.vectors.transpose(), &gradient, &mut along);
        loop {
            let mut step: Vec<T> = along.clone();
            let damped = |value: T| T::from_f64(-1.0 / (value.to_f64().abs() + damping * sharpness));
            step.iter_mut().zip(&eigen.values).for_each(|(s, &value)| *s *= damped(value));
            let mut next = point.clone();
            apply(eigen.vectors.as_ref(), &step, &mut next);
            add_scaled(&mut next, T::from_f64(1.0), &point);
            project(&mut next);
            let found = derivatives.gradient(&next).0.to_f64();
            if found < value {
                (point, value, damping) = (next, found, 0.25 * damping);
                break;
            }
            // So short a step changes nothing more: the gradient is as small as this loss's rounding lets it be.
            if damping > 1.0 / T::UNIT_ROUNDOFF {
                return Err(MinimizersError::NoDescent { loss: value, gradient: size });
            }
            damping *= 4.0;
        }
    }
    Err(MinimizersError::NoMinimum { steps, gradient: size, tolerance })
}
