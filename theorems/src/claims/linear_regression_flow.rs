//! The flow of linear regression with batch normalization, in closed form.

use sharpflow::arithmetic::{distance, norm};
use sharpflow::flow::{Flow, FlowConstants, FlowError, angle_at, integrate};
use sharpflow::loss::Loss;
use sharpflow::measure::worst;
use sharpflow::minimizers::{Geometry, Minimizers, MinimizersError, NumericMinimizers};

use crate::assumption::OF_REGRESSIONS;
use crate::checks::{constant, falls};
use crate::evidence::{Check, Constant, Measurement, Statement, Strength};
use crate::experiment::{Judged, NotJudged, On};
use crate::experiments::{Ladder, LadderRecord, Run, of_regression};
use crate::instance::{Instance, Regression};
use crate::theorem::{Concerns, PAPER, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "linear_regression_flow",
    title: "Linear regression with BN: tan φ(τ) = tan φ(0)·e^(-τ)",
    strength: Strength::Limit,
    statement: "On linear regression with batch normalization the flow's angle φ to the minimum-norm solution obeys \
                tan φ(τ) = tan φ(0)·e^(-τ), so λ₁(τ)/λ₁(∞) = 1 + tan²φ(0)·e^(-2τ); GD with weight decay follows it",
    latex: r"\tan\varphi(\tau)=\tan\varphi(0)\,e^{-\tau},\qquad \lambda_1(\tau)/\lambda_1(\infty)=1+\tan^2\varphi(0)\,e^{-2\tau}",
    hypotheses: OF_REGRESSIONS,
    source: PAPER,
    coefficients: None,
    concerns: Concerns::LinearRegressions,
    judged_on: &[&On::<Ladder>(judge)],
};

/// Local error of the flow integrated over the numeric Γ.
const TOLERANCE: f64 = 1e-9;

fn judge((instance, record): (&Instance, &LadderRecord)) -> Judged {
    let Some(regression) = instance.loss.regression() else { return Err(NotJudged::Unconcerned) };
    let angle = regression.angle;
    let flow = numeric_flow((instance, regression));
    let least = instance.geometry.sharpness * angle.cos().powi(2);
    let tangent = |run: &Run, k: usize| regression.minimizers.angle(run.point(k)).tan();
    let by_angle =
        |law: fn(f64, f64) -> f64| move |run: &Run, k: usize| tangent(run, k) / law(angle, run.times[k]).tan() - 1.0;
    let by_sharpness = |rate: f64| {
        move |run: &Run, k: usize| {
            let predicted = 1.0 + (angle.tan() * (-rate * run.times[k]).exp()).powi(2);
            run.sharpness[k] / least / predicted - 1.0
        }
    };
    // tan φ of a point known to a few units of rounding in each coordinate.
    let floor = 64.0 * f64::EPSILON / angle.cos();
    let order = |what: &'static str, deviation: &dyn Fn(&Run, usize) -> f64| {
        falls(what, record, floor, |run| worst(run.window(0.0, instance.plan.horizon).map(|k| deviation(run, k).abs())))
    };
    Ok(Measurement {
        instance: instance.name.clone(),
        hypotheses: of_regression(instance, regression, record),
        statements: vec![
            order("tan φ along GD+WD", &by_angle(angle_at)),
            order("λ₁ along GD+WD", &by_sharpness(1.0)),
            sharpness_law("λ₁ of the Hessian there: λ₁(w*)/cos²φ", (instance, regression), record, 2),
            agreement("flow on the numeric Γ", (instance, regression), &flow, |tau| angle_at(angle, tau)),
        ],
        twins: vec![
            order("tan φ ∝ e^(-2τ)", &by_angle(|angle, tau| angle_at(angle, 2.0 * tau))),
            order("tan φ ∝ e^(-τ/2)", &by_angle(|angle, tau| angle_at(angle, tau / 2.0))),
            order("φ ∝ e^(-τ)", &by_angle(|angle, tau| angle * (-tau).exp())),
            order("sin φ ∝ e^(-τ)", &by_angle(|angle, tau| (angle.sin() * (-tau).exp()).asin())),
            order("λ₁ law with e^(-τ)", &by_sharpness(0.5)),
            sharpness_law("λ₁ of the Hessian: λ₁(w*)/cos φ", (instance, regression), record, 1),
            agreement("flow: φ ∝ e^(-τ)", (instance, regression), &flow, |tau| angle * (-tau).exp()),
        ],
        constants: vec![rate((instance, regression), record)],
        sensitivity: vec![],
    })
}

/// The deviation of λ₁ at the projected iterates from λ₁(w*)/cosᵖφ, over rounding. Both are computed from derivatives alone.
fn sharpness_law(
    what: &'static str,
    (instance, regression): (&Instance, &Regression),
    record: &LadderRecord,
    power: i32,
) -> Statement {
    let ratios = || -> Result<Vec<f64>, MinimizersError> {
        let mut numeric = NumericMinimizers::through(&regression.loss, &instance.start)?;
        let mut geometry = Geometry::new(regression.loss.dimension());
        // λ₁ at a point and its relative error: entries of ∇²L err like the gradient, times the condition.
        let mut known = |point: &[f64]| -> Result<(f64, f64), MinimizersError> {
            numeric.geometry(point, &mut geometry)?;
            let conditioning = regression.loss.conditioning(point);
            Ok((geometry.sharpness, 3.0 * conditioning.rounding * conditioning.condition / geometry.sharpness))
        };
        let (least, error_of_least) = known(regression.minimizers.minimum_norm_direction())?;
        let places =
            record.runs.iter().flat_map(|run| run.window(0.0, instance.plan.horizon).step_by(64).map(|k| run.point(k)));
        let ratio = |point: &[f64]| {
            let (sharpness, error) = known(point)?;
            let law = least / regression.minimizers.angle(point).cos().powi(power);
            Ok((sharpness / law - 1.0).abs() / (error + error_of_least))
        };
        places.map(ratio).collect()
    };
    let check = match ratios() {
        Ok(ratios) => Check::bound(ratios),
        Err(error) => Check::Missing { reason: error.to_string() },
    };
    Statement { what: what.into(), check }
}

/// The flow integrated through derivatives alone.
fn numeric_flow((instance, regression): (&Instance, &Regression)) -> Result<Flow<f64>, FlowError> {
    let source = |source| FlowError::RightHandSide { tau: 0.0, source };
    let mut numeric = NumericMinimizers::through(&regression.loss, &instance.start).map_err(source)?;
    let law = FlowConstants::SHARPNESS_REDUCTION;
    integrate(&mut numeric, law, &instance.start, instance.plan.horizon, TOLERANCE)
}

/// That flow against a law of its angle, over the integrator's error bound.
fn agreement(
    what: &'static str,
    (instance, regression): (&Instance, &Regression),
    flow: &Result<Flow<f64>, FlowError>,
    law: impl Fn(f64) -> f64,
) -> Statement {
    const PLACES: usize = 9;
    let compared = |flow: &Flow<f64>| -> Result<Vec<f64>, MinimizersError> {
        let mut minimizers = regression.minimizers.clone();
        let mut point = vec![0.0; regression.loss.dimension()];
        (1..PLACES)
            .map(|k| {
                let tau = instance.plan.horizon * k as f64 / (PLACES - 1) as f64;
                flow.at(tau, &mut point);
                let expected = minimizers.at_angle(law(tau), &instance.start)?;
                Ok(distance(&point, &expected) / error_bound(flow.steps(), norm(&point), point.len(), tau))
            })
            .collect()
    };
    let check = match flow.as_ref().map(compared) {
        Ok(Ok(ratios)) => Check::bound(ratios),
        Ok(Err(error)) => Check::Missing { reason: error.to_string() },
        Err(error) => Check::Missing { reason: error.to_string() },
    };
    Statement { what: what.into(), check }
}

/// Each accepted step errs by at most √D·tolerance·(1 + ‖ζ‖) in norm, and the flow, whose slope has Lipschitz constant 1 in
/// the angle, carries an error on by e^τ at most; the interpolant between steps is allowed as much again.
fn error_bound(steps: u32, size: f64, dimension: usize, tau: f64) -> f64 {
    2.0 * f64::from(steps) * (dimension as f64).sqrt() * TOLERANCE * (1.0 + size) * tau.exp()
}

/// The rate r of tan φ ∝ e^(−rτ), by least squares through the known start.
fn rate((instance, regression): (&Instance, &Regression), record: &LadderRecord) -> Constant {
    let start = regression.angle.tan().ln();
    let of = |run: &Run| {
        let (mut square, mut along) = (0.0, 0.0);
        for k in run.window(0.0, instance.plan.horizon) {
            let fallen = start - regression.minimizers.angle(run.point(k)).tan().ln();
            square += run.times[k] * run.times[k];
            along += run.times[k] * fallen;
        }
        along / square
    };
    // The nearest twin has half the rate.
    constant("rate of tan φ", (1.0, 0.5), record, of)
}
