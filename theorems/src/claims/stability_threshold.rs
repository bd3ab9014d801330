//! Where projected gradient descent is stable at a point of Γ.

use sharpflow::arithmetic::{add_scaled, dense_rounding, distance, dot, norm, scale};
use sharpflow::descent::{Descent, ProjectedGradientDescent};
use sharpflow::loss::{Derivatives, Loss};
use sharpflow::measure::worst;
use sharpflow::minimizers::{Minimizers, MinimizersError};

use crate::assumption::OF_POINTS;
use crate::evidence::{Check, Measurement, Statement, Strength};
use crate::experiment::{Judged, On};
use crate::experiments::{Points, of_points};
use crate::instance::{Instance, Place};
use crate::theorem::{Concerns, PAPER, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "stability_threshold",
    title: "Threshold of stability",
    strength: Strength::Bound,
    statement: "At a point of Γ, projected GD of constant step size η̃ contracts in every normal direction if and only if \
                η̃λ₁ < 2; at η̃λ₁ = 2 the multiplier along v₁, 1 - η̃λ₁, passes -1",
    latex: r"h_{t+1}=(1-\tilde\eta\lambda_1)\,h_t+O(h_t^2),\qquad |1-\tilde\eta\lambda_k|<1\ \forall k\iff\tilde\eta\lambda_1<2",
    hypotheses: OF_POINTS,
    source: PAPER,
    concerns: Concerns::Every,
    judged_on: &[&On::<Points>(judge)],
};

/// h of the start. Both h² and rounding over h are far below the multiplier's distance from −1.
const DISPLACEMENT: f64 = 1e-5;
/// Steps in which a distance to Γ must have shrunk, or grown.
const STEPS: usize = 200;
/// η̃λ₁ on either side of the threshold.
const BELOW: [f64; 2] = [1.9, 1.98];
const ABOVE: [f64; 2] = [2.02, 2.05];

fn judge(instance: &Instance) -> Judged {
    let places = || instance.path.iter().step_by(4);
    let multiplier = |what: &'static str, law: fn(f64) -> f64| {
        let products = || BELOW.into_iter().chain(ABOVE);
        let ratios =
            places().flat_map(|place| products().map(move |product| multiplier(instance, place, product, law)));
        Statement { what: what.into(), check: Check::bound(ratios) }
    };
    // Growth of the distance to Γ over `STEPS`: below the threshold it must be under 1, above it over 1.
    let contracts = |what: &'static str, products: [f64; 2], shrinks: bool| {
        let ratio = |place: &Place, product: f64| match growth(instance, place, product) {
            Ok(growth) if shrinks => growth,
            Ok(growth) => 1.0 / growth,
            Err(_) => f64::NAN,
        };
        let ratios = places().flat_map(|place| products.map(|product| ratio(place, product)));
        Statement { what: what.into(), check: Check::bound(ratios) }
    };
    Ok(Measurement {
        instance: instance.name.clone(),
        hypotheses: of_points(instance),
        statements: vec![
            multiplier("multiplier along v₁: 1 - η̃λ₁", |product| 1.0 - product),
            contracts("η̃λ₁ below 2: every normal direction contracts", BELOW, true),
            contracts("η̃λ₁ above 2: it does not", ABOVE, false),
        ],
        twins: vec![
            multiplier("multiplier 1 - η̃λ₁/2", |product| 1.0 - 0.5 * product),
            multiplier("multiplier η̃λ₁ - 1", |product| product - 1.0),
            multiplier("multiplier 1.001 - η̃λ₁", |product| 1.001 - product),
            contracts("threshold at 1.9: above it nothing contracts", [1.95, 1.98], false),
            contracts("threshold at 2.1: below it everything contracts", [2.02, 2.05], true),
        ],
        constants: vec![],
    })
}

/// |multiplier − law| over its bound. The multiplier is the odd part of h₊ over h, for one step from p ± h v₁.
fn multiplier(instance: &Instance, place: &Place, product: f64, law: fn(f64) -> f64) -> f64 {
    let (sharpness, v) = (place.geometry.sharpness, &place.geometry.direction);
    let effective = product / sharpness;
    let along = |theta: &[f64]| {
        let gap: Vec<f64> = theta.iter().zip(&place.point).map(|(t, p)| t - p).collect();
        dot(&gap, v)
    };
    let step = |h: f64| {
        let mut start = place.point.clone();
        add_scaled(&mut start, h, v);
        let mut descent = ProjectedGradientDescent::new(&instance.loss, effective, &start);
        let before = along(descent.weights());
        descent.step();
        (before, along(descent.weights()))
    };
    let (right, left) = (step(DISPLACEMENT), step(-DISPLACEMENT));
    let multiplier = (right.1 - left.1) / (right.0 - left.0);
    let mut fourth = v.clone();
    Derivatives::new(&instance.loss).fourth_derivative(&place.point, v, &mut fourth);
    // The gradient's odd part has ∇⁴L[v₁, v₁, v₁]h³/6 next, Π's relative change is ½(η̃λ₁h)², and θ₀ is projected itself.
    let next = DISPLACEMENT * DISPLACEMENT * (effective * norm(&fourth) / 6.0 + product * product + 1.0);
    let rounding = 2.0 * dense_rounding::<f64>(v.len()) * (1.0 + product) / DISPLACEMENT;
    (multiplier - law(product)).abs() / (2.0 * next + rounding)
}

/// How much the distance to Γ grows in [`STEPS`] from a start off Γ in every normal direction.
fn growth(instance: &Instance, place: &Place, product: f64) -> Result<f64, MinimizersError> {
    let mut minimizers = instance.minimizers();
    // A displacement of equal parts along all normal directions, from the Hessian's image of a fixed vector, and along v₁.
    let dimension = instance.loss.dimension();
    let probe: Vec<f64> = (0..dimension).map(|k| (1.0 + k as f64).sin()).collect();
    let mut normal = probe.clone();
    Derivatives::new(&instance.loss).hessian_vector(&place.point, &probe, &mut normal);
    let length = norm(&normal);
    scale(&mut normal, 1e-9 / length);
    // The part along v₁ has the same sign as the image's part along v₁, so that the two do not cancel.
    let direction = &place.geometry.direction;
    let side = 1e-9f64.copysign(dot(&normal, direction));
    add_scaled(&mut normal, side, direction);
    let mut start = place.point.clone();
    add_scaled(&mut start, 1.0, &normal);
    let mut descent = ProjectedGradientDescent::new(&instance.loss, product / place.geometry.sharpness, &start);
    let mut point = start.clone();
    let mut away = |theta: &[f64]| -> Result<f64, MinimizersError> {
        minimizers.nearest(theta, &mut point)?;
        Ok(distance(theta, &point))
    };
    let before = away(descent.weights())?;
    (0..STEPS).for_each(|_| {
        descent.step();
    });
    let after = away(descent.weights())?;
    Ok(worst([after / before]))
}
