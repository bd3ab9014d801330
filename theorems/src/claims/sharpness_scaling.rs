//! Ordinary sharpness depends on the scale of the weights, spherical sharpness does not.

use sharpflow::arithmetic::Rounding;
use sharpflow::krylov::{KrylovError, KrylovOptions};
use sharpflow::loss::Derivatives;
use sharpflow::sharpness::{HessianKind, largest_sharpnesses};
use sharpflow::sphere::project;

use crate::assumption::OF_POINTS;
use crate::evidence::{Check, Measurement, Statement, Strength};
use crate::experiment::{Judged, On};
use crate::experiments::{Points, of_points};
use crate::instance::{Instance, Place};
use crate::theorem::{Concerns, PAPER, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "sharpness_scaling",
    title: "Scaling of the sharpness",
    strength: Strength::Exact,
    statement: "For a scale-invariant loss λ₁(∇²L(cw)) = c⁻² λ₁(∇²L(w)): the ordinary sharpness says nothing about the \
                function; λ₁ at w/‖w‖ does not change with c",
    latex: r"\lambda_1(\nabla^2L(cw))=c^{-2}\lambda_1(\nabla^2L(w)),\qquad \lambda_1\bigl(cw/\|cw\|\bigr)=\lambda_1\bigl(w/\|w\|\bigr)",
    hypotheses: OF_POINTS,
    source: PAPER,
    coefficients: None,
    concerns: Concerns::Every,
    judged_on: &[&On::<Points>(judge)],
};

/// c, with the powers of it that the twins have.
const FACTORS: [f64; 4] = [1e-3, 0.3, 7.0, 1e3];

fn judge(instance: &Instance) -> Judged {
    let ordinary =
        |what: &'static str, power: i32| statement(what, instance, |place, c| ratio(instance, place, c, power, false));
    let spherical =
        |what: &'static str, power: i32| statement(what, instance, |place, c| ratio(instance, place, c, power, true));
    Ok(Measurement {
        instance: instance.name.clone(),
        hypotheses: of_points(instance),
        statements: vec![ordinary("ordinary λ₁ ∝ c⁻²", -2), spherical("spherical λ₁ ∝ c⁰", 0)],
        twins: vec![
            ordinary("ordinary λ₁ ∝ c⁻¹", -1),
            ordinary("ordinary λ₁ ∝ c⁰", 0),
            ordinary("ordinary λ₁ ∝ c⁻³", -3),
            spherical("spherical λ₁ ∝ c⁻²", -2),
        ],
        constants: vec![],
        sensitivity: vec![],
    })
}

fn statement(
    what: &'static str,
    instance: &Instance,
    ratio: impl Fn(&Place, f64) -> Result<f64, KrylovError>,
) -> Statement {
    let places = instance.path.iter().step_by(8);
    let ratios: Result<Vec<f64>, _> = places.flat_map(|place| FACTORS.map(|c| ratio(place, c))).collect();
    let check = match ratios {
        Ok(ratios) => Check::bound(ratios),
        Err(error) => Check::Missing { reason: error.to_string() },
    };
    Statement { what: what.into(), check }
}

/// |λ₁ at cw over cᵖλ₁ at w − 1|, over the residuals of both eigenpairs and the rounding of a Hessian's products. The point of Γ is in
/// closed form or from dense eigenpairs, λ₁ here from products alone.
fn ratio(instance: &Instance, place: &Place, c: f64, power: i32, spherical: bool) -> Result<f64, KrylovError> {
    let mut derivatives = Derivatives::new(&instance.loss);
    let options = KrylovOptions { pairs: 1, dense_up_to: 0, ..KrylovOptions::default() };
    let mut far: Vec<f64> = place.point.iter().map(|x| c * x).collect();
    if spherical {
        project(&mut far);
    }
    let found = largest_sharpnesses(&mut derivatives, &far, HessianKind::Euclidean, &options, None)?;
    let Some(pair) = found.pairs.first().filter(|_| found.converged) else { return Ok(f64::NAN) };
    let expected = place.geometry.sharpness * c.powi(power);
    let relative = pair.residual / pair.value.abs() + instance.loss.curvature_rounding(place);
    Ok((pair.value / expected - 1.0).abs() / (relative + 2.0 * Rounding::of::<f64>().of_dense(far.len())))
}
