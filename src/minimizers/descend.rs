use super::MinimizersError;
use super::numeric::{noise, rank_of};
use super::precise::{MOST_WEIGHTS, PreciseLoss, resolve};
use crate::arithmetic::{Float, add_scaled, apply, dot, norm};
use crate::dense::{Eigen, symmetric_eigen};
use crate::loss::{Derivatives, Loss};
use crate::sphere::Space;

/// Descends from `start`, which is not 0, to a minimum of a loss, until the gradient is nothing but rounding.
///
/// Each step divides the gradient's part along an eigenvector of ∇²L by |λ| + ν. The damping ν is lowered after every step and raised until the loss falls.
/// So the steps are those of gradient descent far away from a minimum, and those of Newton's method near one. Meant for D up to a few hundred, as
/// [`NumericMinimizers`](super::NumericMinimizers).
///
/// Where rounding stops the fall before that, `precise`, the loss in double-double, goes on.
///
/// # Errors
/// There is no minimum within `steps`, the descent ends at a saddle, or the loss is not finite at the start.
pub fn descend<T: Float, L: Loss<T>>(
    loss: &L,
    precise: Option<&dyn PreciseLoss>,
    start: &[T],
    space: Space,
    steps: usize,
) -> Result<Vec<T>, MinimizersError> {
    let precise = precise.filter(|_| start.len() <= MOST_WEIGHTS);
    let mut derivatives = Derivatives::new(loss);
    let mut point = start.to_vec();
    space.restrict(&mut point);
    let (mut value, mut damping) = (derivatives.gradient(&point).0.to_f64(), 1.0);
    let (mut size, mut tolerance) = (f64::INFINITY, 0.0);
    for _ in 0..steps {
        let eigen = symmetric_eigen(derivatives.hessian(&point).as_ref())?;
        let gradient = derivatives.gradient(&point).1.to_vec();
        let sharpness = eigen.values.iter().map(|v| v.to_f64().abs()).fold(0.0, f64::max);
        size = norm(&gradient).to_f64();
        tolerance = noise::<T>(point.len()) * sharpness;
        if size <= tolerance {
            // The gradient is rounding beside the largest curvature. Along small curvatures the loss may still fall.
            let cut = noise::<T>(point.len()) * sharpness;
            let next = newton_step(&eigen, &gradient, &point, cut, &space);
            let found = derivatives.gradient(&next).0.to_f64();
            if found < 0.5 * value {
                (point, value) = (next, found);
                continue;
            }
            return match (rank_of(&eigen), precise) {
                (Err(MinimizersError::AmbiguousRank { .. }), _) | (Ok(_), _) => Ok(point),
                (Err(error), None) => Err(error),
                (Err(_), Some(precise)) => Ok(resolve(precise, &point, &space)?.point),
            };
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
            space.restrict(&mut next);
            let found = derivatives.gradient(&next).0.to_f64();
            if found < value {
                (point, value, damping) = (next, found, 0.25 * damping);
                break;
            }
            // A step this short changes nothing more: the gradient is as small as the loss's rounding lets it be.
            if damping > 1.0 / T::UNIT_ROUNDOFF {
                let resolved = precise.map(|precise| resolve(precise, &point, &space));
                return match resolved {
                    Some(Ok(resolved)) => Ok(resolved.point),
                    _ => Err(MinimizersError::NoDescent { loss: value, gradient: size }),
                };
            }
            damping *= 4.0;
        }
    }
    Err(MinimizersError::NoMinimum { steps, gradient: size, tolerance })
}

/// −Σ_k ⟨∇L, u_k⟩u_k/λ_k over the eigenvalues above `cut`, from `point`.
fn newton_step<T: Float>(eigen: &Eigen<T>, gradient: &[T], point: &[T], cut: f64, space: &Space) -> Vec<T> {
    let mut next = point.to_vec();
    for (k, &value) in eigen.values.iter().enumerate().take_while(|(_, value)| value.to_f64() > cut) {
        let vector = eigen.vector(k);
        let along = dot(gradient, &vector) / value;
        add_scaled(&mut next, -along, &vector);
    }
    space.restrict(&mut next);
    next
}
