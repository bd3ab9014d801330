use super::MinimizersError;
use super::numeric::noise;
use crate::arithmetic::{Float, add_scaled, apply, norm, scale};
use crate::dense::tall_svd;
use crate::loss::{Derivatives, Loss};
use crate::sphere::Space;

/// Hessian–vector products that estimate the largest curvature at a start.
const PRODUCTS: usize = 20;
/// 2/η̃ in units of the largest curvature at the start: the sharpest minimum at which gradient descent can stay.
const SHARPEST: f64 = 4.0;
/// Steps of Gauss and Newton's method. Near its end each squares the error.
const GAUSS_NEWTON_STEPS: usize = 200;
/// The largest damping: steps as short as gradient descent's, and shorter.
const MOST_DAMPED: f64 = 1e6;

/// A point near a minimum of a loss, by `steps` of gradient descent from `start`, whose step is constant on the sphere.
///
/// A minimum with λ₁ > 2/η̃ repels gradient descent, so that it does not end in the cusps that a loss has where a normalization divides by
/// nearly nothing. 2/η̃ is four times the largest curvature at the start. Where L = ½‖r‖², Gauss and Newton's method ends on Γ if the residuals can
/// vanish near by.
///
/// # Errors
/// The loss is no number at the start, or on the way.
pub fn train<T: Float, L: Loss<T>>(
    loss: &L,
    start: &[T],
    space: &Space,
    steps: usize,
) -> Result<Vec<T>, MinimizersError> {
    let mut derivatives = Derivatives::new(loss);
    let mut point = start.to_vec();
    space.restrict(&mut point);
    let curvature = largest_curvature(&mut derivatives, &point);
    let rate = T::from_f64(-2.0 / (SHARPEST * curvature));
    for step in 0..steps {
        let (value, gradient) = derivatives.gradient(&point);
        let size = norm(gradient).to_f64();
        if !(value.to_f64().is_finite() && size.is_finite() && curvature > 0.0) {
            return Err(MinimizersError::NotANumber { step });
        }
        if size <= T::UNIT_ROUNDOFF * curvature {
            break;
        }
        add_scaled(&mut point, rate, gradient);
        space.restrict(&mut point);
    }
    if derivatives.residuals() > 0 { gauss_newton(&mut derivatives, point, space) } else { Ok(point) }
}

/// ‖∇²L‖ at a point, by the power method from the gradient.
fn largest_curvature<T: Float, L: Loss<T>>(derivatives: &mut Derivatives<L, T>, point: &[T]) -> f64 {
    let mut vector = derivatives.gradient(point).1.to_vec();
    let mut image = vector.clone();
    for _ in 0..PRODUCTS {
        let length = norm(&vector);
        scale(&mut vector, T::from_f64(1.0) / length);
        derivatives.hessian_vector(point, &vector, &mut image);
        vector.copy_from_slice(&image);
    }
    norm(&image).to_f64()
}

/// Takes steps −Jᵀ(JJᵀ + ν)⁻¹r until the loss falls no more (Levenberg and Marquardt). If a step does not let the loss fall, ν is raised; after a step that
/// does, ν is lowered.
fn gauss_newton<T: Float, L: Loss<T>>(
    derivatives: &mut Derivatives<L, T>,
    mut point: Vec<T>,
    space: &Space,
) -> Result<Vec<T>, MinimizersError> {
    let mut damping = 1e-3;
    let mut value = derivatives.gradient(&point).0.to_f64();
    for _ in 0..GAUSS_NEWTON_STEPS {
        let (residuals, rows) = derivatives.residuals_and_jacobian(&point);
        let svd = tall_svd(rows)?;
        let largest = svd.values.first().map_or(0.0, |value| value.to_f64());
        let mut along = vec![T::from_f64(0.0); svd.values.len()];
        apply(svd.right.transpose(), &residuals, &mut along);
        loop {
            let damped = |sigma: f64| -sigma / (sigma * sigma + damping * largest * largest);
            let steps = along.iter().zip(&svd.values);
            let coefficients: Vec<T> = steps.map(|(&r, s)| T::from_f64(damped(s.to_f64())) * r).collect();
            let mut next = point.clone();
            apply(svd.left.as_ref(), &coefficients, &mut next);
            add_scaled(&mut next, T::from_f64(1.0), &point);
            space.restrict(&mut next);
            let found = derivatives.gradient(&next).0.to_f64();
            if found < value {
                (point, value, damping) = (next, found, 0.1 * damping);
                break;
            }
            if norm(&residuals).to_f64() <= noise::<T>(point.len()) * largest || damping > MOST_DAMPED {
                return Ok(point);
            }
            damping *= 10.0;
        }
        damping = damping.max(T::UNIT_ROUNDOFF * T::UNIT_ROUNDOFF);
    }
    Ok(point)
}
