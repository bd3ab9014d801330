//! Where projected gradient descent is stable at a point of Γ.

use sharpflow::arithmetic::{Rounding, add_scaled, distance, dot, norm};
use sharpflow::descent::{Descent, ProjectedGradientDescent};
use sharpflow::loss::{Derivatives, Loss};
use sharpflow::minimizers::{Minimizers, MinimizersError};

use crate::assumption::OF_POINTS;
use crate::evidence::{Check, Measurement, Statement, Strength};
use crate::experiment::{Judged, On};
use crate::experiments::{Points, of_points};
use crate::instance::{Instance, Place};
use crate::sensitivity::{noticed, tells};
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
    coefficients: None,
    concerns: Concerns::Every,
    judged_on: &[&On::<Points>(judge)],
};

/// h of the start. Both h² and rounding over h are far below the multiplier's distance from −1.
const DISPLACEMENT: f64 = 1e-5;
/// Steps over which the distance to Γ shrinks or grows.
const STEPS: usize = 20;
/// The length of a start off Γ in every normal direction.
const ASIDE: f64 = 1e-6;
/// η̃λ₁ on either side of the threshold.
const BELOW: [f64; 2] = [1.9, 1.98];
const ABOVE: [f64; 2] = [2.02, 2.05];

fn judge(instance: &Instance) -> Judged {
    let places = || instance.path.iter().step_by(4);
    let products = || BELOW.into_iter().chain(ABOVE);
    let multipliers: Vec<(f64, Multiplier)> = places()
        .flat_map(|place| products().map(move |product| (product, Multiplier::measured(instance, place, product))))
        .collect();
    let multiplier = |what: &'static str, law: &dyn Fn(f64) -> f64| {
        let ratio = |(product, found): &(f64, Multiplier)| (found.value - law(*product)).abs() / found.bound;
        Statement { what: what.into(), check: Check::bound(multipliers.iter().map(ratio)) }
    };
    let swings: Vec<Option<Aside>> = places()
        .flat_map(|place| products().map(move |product| Aside::measured(instance, place, product).ok()))
        .collect();
    // The distance to Γ after `STEPS` from a start off Γ in every normal direction, if the multiplier along u_k is 1 − factor·η̃λ_k.
    let grows = |what: &'static str, factor: f64| {
        let ratio = |aside: &Option<Aside>| aside.as_ref().map_or(f64::NAN, |aside| aside.ratio(factor));
        Statement { what: what.into(), check: Check::bound(swings.iter().map(ratio)) }
    };
    // On an ill-conditioned Γ the distance itself is known too little to tell a threshold near 2 from 2.
    let is_told = |factor: f64| swings.iter().flatten().any(|aside| aside.tells(factor));
    let thresholds = [
        ("distance to Γ, threshold at 1.9", 1.9),
        ("distance to Γ, threshold at 2.1", 2.1),
        ("distance to Γ, threshold at 2.02", 2.02),
    ];
    let told = thresholds.into_iter().map(|(what, at)| (what, 2.0 / at)).filter(|&(_, factor)| is_told(factor));
    Ok(Measurement {
        instance: instance.name.clone(),
        hypotheses: of_points(instance),
        statements: vec![
            multiplier("multiplier along v₁: 1 - η̃λ₁", &|product| 1.0 - product),
            grows("distance to Γ, with 1 - η̃λ_k in every normal direction", 1.0),
        ],
        twins: [
            multiplier("multiplier 1 - η̃λ₁/2", &|product| 1.0 - 0.5 * product),
            multiplier("multiplier η̃λ₁ - 1", &|product| product - 1.0),
            multiplier("multiplier 1.001 - η̃λ₁", &|product| 1.001 - product),
        ]
        .into_iter()
        .chain(told.map(|(what, factor)| grows(what, factor)))
        .collect(),
        constants: vec![],
        sensitivity: vec![
            noticed("1 of the multiplier 1 - η̃λ₁", 1.0, |one| multiplier("", &|product| one - product).check),
            noticed("2 of η̃λ₁ < 2", 2.0, |two| grows("", 2.0 / two).check),
        ],
    })
}

/// A multiplier along v₁, and how far off it may be: the odd part of h₊ over h, for one step from p ± h v₁.
struct Multiplier {
    value: f64,
    bound: f64,
}

impl Multiplier {
    fn measured(instance: &Instance, place: &Place, product: f64) -> Self {
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
        let value = (right.1 - left.1) / (right.0 - left.0);
        let mut fourth = v.clone();
        Derivatives::new(&instance.loss).fourth_derivative(&place.point, v, &mut fourth);
        // The gradient's odd part has ∇⁴L[v₁, v₁, v₁]h³/6 next, Π's relative change is ½(η̃λ₁h)², and θ₀ is projected itself.
        let next = DISPLACEMENT * DISPLACEMENT * (effective * norm(&fourth) / 6.0 + product * product + 1.0);
        let rounding = 2.0 * Rounding::of::<f64>().of_dense(v.len()) * (1.0 + product) / DISPLACEMENT;
        Self { value, bound: 2.0 * next + rounding }
    }
}

/// The distance to Γ after [`STEPS`] from a start off Γ, in equal parts along every normal eigenvector, and how far off it may be.
struct Aside {
    distance: f64,
    bound: f64,
    /// The part along each eigenvector, and η̃λ_k.
    part: f64,
    products: Vec<f64>,
}

impl Aside {
    fn measured(instance: &Instance, place: &Place, product: f64) -> Result<Self, MinimizersError> {
        let mut minimizers = instance.minimizers();
        let dimension = instance.loss.dimension();
        let effective = product / place.geometry.sharpness;
        let normal = instance.normal_eigenpairs(&place.point)?;
        // Equal parts along all normal directions.
        let count = normal.values.len();
        let part = ASIDE / (count as f64).sqrt();
        let mut aside = vec![0.0; dimension];
        (0..count).for_each(|k| add_scaled(&mut aside, part, &normal.vector(k)));
        let mut start = place.point.clone();
        add_scaled(&mut start, 1.0, &aside);
        let mut third = vec![0.0; dimension];
        Derivatives::new(&instance.loss).third_derivative(&place.point, &aside, &mut third);
        let mut descent = ProjectedGradientDescent::new(&instance.loss, effective, &start);
        (0..STEPS).for_each(|_| {
            descent.step();
        });
        let mut point = start.clone();
        minimizers.nearest(descent.weights(), &mut point)?;
        let distance = distance(descent.weights(), &point);
        // A step neglects ½η̃∇³L[aside, aside] and the curvature of S and Γ, of the size ‖aside‖², and rounds; the multipliers let
        // no error grow by more than this.
        let grows = (1.0 - product).abs().max(1.0).powi(STEPS as i32);
        let neglected = effective * norm(&third) + (1.0 + product) * ASIDE * ASIDE;
        let rounding = 2.0 * Rounding::of::<f64>().of_dense(dimension) * (1.0 + product)
            + product * instance.loss.curvature_rounding(place);
        // Rounding moves the nearest point by its condition, λ₁/λ_r.
        let least = normal.values.last().copied().unwrap_or(place.geometry.sharpness);
        let of_nearest = 2.0 * Rounding::of::<f64>().of_dense(dimension) * place.geometry.sharpness / least;
        let bound = STEPS as f64 * grows * grows * (2.0 * neglected + rounding) + of_nearest;
        let products = normal.values.iter().map(|value| effective * value).collect();
        Ok(Self { distance, bound, part, products })
    }

    /// |distance − law| over its bound, if the part along u_k is multiplied by 1 − factor·η̃λ_k in every step.
    fn ratio(&self, factor: f64) -> f64 {
        (self.distance - self.law(factor)).abs() / self.bound
    }

    /// The distance if the part along u_k is multiplied by 1 − factor·η̃λ_k in every step.
    fn law(&self, factor: f64) -> f64 {
        let multiplied = |product: &f64| self.part * (1.0 - factor * product).powi(STEPS as i32);
        self.products.iter().map(|product| multiplied(product).powi(2)).sum::<f64>().sqrt()
    }

    /// Whether a factor other than 1 predicts a distance that is told from the law's.
    fn tells(&self, factor: f64) -> bool {
        tells((self.law(factor) - self.law(1.0)).abs(), 2.0 * self.bound)
    }
}
