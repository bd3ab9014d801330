//! The nearest point of Γ. Derivation: `proofs-notes/nearest_point.md`.

use faer::Mat;

use super::numeric::Frame;
use super::{MinimizersError, NumericMinimizers};
use crate::arithmetic::{Float, Rounding, add_scaled, apply, norm, scale};
use crate::dense::{Eigen, symmetric_eigen};
use crate::loss::Loss;

/// The most weights for which a Newton step, with its matrices of D×D, is taken where Γ is known without them.
const MOST_DENSE: usize = 300;

/// A Newton step's length, the length that rounding alone can give it, and the least eigenvalue of I + C along Γ.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    length: f64,
    tolerance: f64,
    least_curvature: f64,
}

impl<L: Loss<T>, T: Float> NumericMinimizers<L, T> {
    /// Finds the nearest point by steps with a frozen derivative, that of the last point's frame or else of θ's own. Such a step costs
    /// one gradient and one Hessian–vector product; a Newton step costs about D of both. Returns whether the steps converged: each must
    /// be much shorter than the one before.
    pub(super) fn approach(&mut self, theta: &[T], point: &mut [T]) -> Result<bool, MinimizersError> {
        let mut unit = theta.to_vec();
        self.space.restrict(&mut unit);
        let known = self.frame.is_some() && self.approach_in_frame(&unit, point);
        if !known {
            self.frame(&unit)?;
            if !self.approach_in_frame(&unit, point) {
                return Ok(false);
            }
        }
        self.space.restrict(point);
        self.frame_of_rank(point)?;
        Ok(true)
    }

    /// Solves ∇L(x) = 0, x − θ + ∇²L(x)μ = 0 from x = θ, μ = 0 with C = 0 and ∇²L, N, Z of the frame in the equations of a step.
    fn approach_in_frame(&mut self, theta: &[T], point: &mut [T]) -> bool {
        const ITERATIONS: usize = 30;
        const RATIO: f64 = 0.25;
        let (zero, one) = (T::from_f64(0.0), T::from_f64(1.0));
        let Some(Frame { eigen, .. }) = &self.frame else { return false };
        let least = eigen.values[self.rank - 1].to_f64();
        if !(least > 0.0) {
            return false;
        }
        let dimension = theta.len();
        let tolerance = tolerance(eigen, self.rank);
        let normal = eigen.vectors.get(.., ..self.rank);
        let mut coefficients = vec![zero; self.rank];
        let (mut gradient, mut pulled) = (vec![zero; dimension], vec![zero; dimension]);
        let (mut multiplier, mut step) = (vec![zero; dimension], vec![zero; dimension]);
        point.copy_from_slice(theta);
        let mut before = f64::INFINITY;
        for _ in 0..ITERATIONS {
            self.derivatives.gradient_and_hessian_vector(point, &multiplier, &mut gradient, &mut pulled);
            // This is the residual of θ − x = ∇²L(x)μ.
            for (q, (&t, &x)) in pulled.iter_mut().zip(theta.iter().zip(point.iter())) {
                *q = t - x - *q;
            }
            // n = −H⁺∇L(x) and, in the normal space, H dμ = pulled − n.
            apply(normal.transpose(), &gradient, &mut coefficients);
            coefficients.iter_mut().zip(&eigen.values).for_each(|(c, &value)| *c = -*c / value);
            apply(normal, &coefficients, &mut step);
            add_scaled(&mut pulled, -one, &step);
            apply(normal.transpose(), &pulled, &mut coefficients);
            let mut length = norm(&coefficients).to_f64();
            // The step is n and the tangent part of what is missing.
            add_scaled(&mut step, one, &pulled);
            apply(normal, &coefficients, &mut gradient);
            add_scaled(&mut step, -one, &gradient);
            coefficients.iter_mut().zip(&eigen.values).for_each(|(c, &value)| *c /= value);
            apply(normal, &coefficients, &mut gradient);
            add_scaled(&mut multiplier, one, &gradient);
            add_scaled(point, one, &step);
            length += norm(&step).to_f64();
            // The next step is predicted from the ratio of the last two. It is not taken where it would be rounding alone.
            if length <= tolerance || (before.is_finite() && length * length <= tolerance * before) {
                return true;
            }
            if !(length <= RATIO * before) {
                return false;
            }
            before = length;
        }
        false
    }

    /// [`Minimizers::nearest`](super::Minimizers::nearest) that also hands the length of every Newton step to `observe`. From the second step on, each
    /// length is of the order of the square of the one before, until only rounding is left.
    ///
    /// # Errors
    /// See [`Minimizers::nearest`](super::Minimizers::nearest).
    pub fn nearest_observed(
        &mut self,
        theta: &[T],
        point: &mut [T],
        mut observe: impl FnMut(f64),
    ) -> Result<(), MinimizersError> {
        const ITERATIONS: usize = 40;
        // Steps this short converge quadratically.
        const QUADRATIC: f64 = 1e-2;
        if self.by_residuals && theta.len() > MOST_DENSE {
            return Err(MinimizersError::TooLarge { weights: theta.len(), most: MOST_DENSE });
        }
        let mut unit = theta.to_vec();
        self.space.restrict(&mut unit);
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
            // Convergence is quadratic: the ratio of this step to the square of the last one predicts the next step's length. A next
            // step that would be rounding alone is not taken.
            let next = step.length * (step.length / before) * (step.length / before);
            let reached = before <= QUADRATIC && next <= step.tolerance;
            if step.length <= step.tolerance || stalled || reached {
                self.space.restrict(point);
                return self.check_reached(point, step.least_curvature);
            }
            before = step.length;
        }
        let Step { length, tolerance, .. } = step;
        Err(MinimizersError::NotConverged { iterations: ITERATIONS, step: length, tolerance })
    }

    /// A stationary point need not lie on Γ, nor be the nearest there.
    fn check_reached(&mut self, point: &[T], least_curvature: f64) -> Result<(), MinimizersError> {
        self.frame_of_rank(point)?;
        if least_curvature > 0.0 { Ok(()) } else { Err(MinimizersError::Focal { curvature: least_curvature }) }
    }

    /// One Newton step for the point x of the cone over Γ nearest to θ: stationary for ½‖x − θ‖² under ∇L(x) = 0.
    ///
    /// With the multiplier μ = H⁺(θ − x) and C = ∇³L(x)[μ], the step is n + t: n = −H⁺∇L(x) in the normal space, and t in the
    /// tangent space with (I + C)t = θ − x − Cn there. C is what the curvature of Γ adds; without it convergence is linear.
    /// Derivation: `proofs-notes/nearest_point.md`.
    fn step(&mut self, theta: &[T], point: &mut [T]) -> Result<Step, MinimizersError> {
        let (zero, one) = (T::from_f64(0.0), T::from_f64(1.0));
        let (dimension, rank) = (point.len(), self.rank);
        let Frame { eigen, .. } = Frame::at(&mut self.derivatives, point)?;
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
        // C of the tangent directions, and last of n.
        let directions = Mat::from_fn(dimension, free + 1, |i, j| if j < free { tangent[(i, j)] } else { step[i] });
        let mut curvature = Mat::from_fn(dimension, free + 1, |_, _| zero);
        self.derivatives.mixed_third_derivatives(point, &multiplier, directions.as_ref(), curvature.as_mut());
        add_scaled(&mut offset, -one, curvature.col_as_slice(free));
        let mut right = vec![zero; free];
        apply(tangent.transpose(), &offset, &mut right);
        let mut matrix = Mat::from_fn(free, free, |i, j| if i == j { one } else { zero });
        T::matrix_product(matrix.as_mut(), true, tangent.transpose(), curvature.get(.., ..free));
        let curved = symmetric_eigen(matrix.as_ref())?;
        let least_curvature = curved.values[free - 1].to_f64();
        // Beyond a focal point of Γ the second derivative of the distance is not positive: there the plain step is taken.
        if least_curvature > 0.0 {
            let mut coefficients = vec![zero; free];
            apply(curved.vectors.transpose(), &right, &mut coefficients);
            coefficients.iter_mut().zip(&curved.values).for_each(|(c, &value)| *c /= value);
            apply(curved.vectors.as_ref(), &coefficients, &mut right);
        }
        apply(tangent, &right, &mut offset);
        add_scaled(&mut step, one, &offset);
        add_scaled(point, one, &step);
        Ok(Step { length: norm(&step).to_f64(), tolerance: tolerance(&eigen, rank), least_curvature })
    }
}

/// How far rounding moves a step through the inverse of ∇²L on the normal space.
fn tolerance<T: Float>(eigen: &Eigen<T>, rank: usize) -> f64 {
    let condition = eigen.values[0].to_f64() / eigen.values[rank - 1].to_f64();
    Rounding::of::<T>().of_dense(eigen.values.len()) * condition
}
