//! The flow of linear regression with batch normalization, in closed form.

use sharpflow::arithmetic::{distance, norm};
use sharpflow::flow::{Flow, FlowConstants, FlowError, angle_at, integrate};
use sharpflow::loss::Loss;
use sharpflow::measure::{ErrorModel, LadderPoint, worst};
use sharpflow::minimizers::{Geometry, Minimizers, MinimizersError, NumericMinimizers};

use crate::evidence::{Check, Constant, Measurement, Statement, Strength};
use crate::hypotheses::of_ladder;
use crate::instance::Instance;
use crate::records::{LadderRecord, Run};
use crate::theorem::{Judge, PAPER, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "linear_regression_flow",
    title: "Linear regression with BN: tan φ(τ) = tan φ(0)·e^(-τ)",
    strength: Strength::Limit,
    statement: "On linear regression with batch normalization the flow's angle φ to the minimum-norm solution obeys \
                tan φ(τ) = tan φ(0)·e^(-τ), so λ₁(τ)/λ₁(∞) = 1 + tan²φ(0)·e^(-2τ); GD with weight decay follows it",
    latex: r"\tan\varphi(\tau)=\tan\varphi(0)\,e^{-\tau},\qquad \lambda_1(\tau)/\lambda_1(\infty)=1+\tan^2\varphi(0)\,e^{-2\tau}",
    hypotheses: &["X has a kernel, so that Γ is no single point", "those of the sharpness-reduction flow"],
    source: PAPER,
    judge: Judge::Ladder(judge),
};

/// Local error of the flow integrated over the numeric Γ.
const TOLERANCE: f64 = 1e-9;

fn judge(instance: &Instance, record: &LadderRecord) -> Option<Measurement> {
    let angle = instance.plan.angle;
    let flow = numeric_flow(instance);
    let sharpness = numeric_sharpness(instance, record);
    let tangent = |run: &Run, k: usize| instance.minimizers.angle(run.point(k)).tan();
    let by_angle =
        |law: fn(f64, f64) -> f64| move |run: &Run, k: usize| tangent(run, k) / law(angle, run.times[k]).tan() - 1.0;
    let order = |what, deviation: &dyn Fn(&Run, usize) -> f64| Statement {
        what,
        check: Check::Order {
            points: errors(instance, record, deviation),
            model: ErrorModel::Leading,
            above: 0.25,
            holding: None,
            // tan φ of a point known to a few units of rounding in each coordinate.
            floor: 64.0 * f64::EPSILON / angle.cos(),
        },
    };
    Some(Measurement {
        instance: instance.name.clone(),
        hypotheses: of_ladder(instance, record),
        statements: vec![
            order("tan φ along GD+WD", &by_angle(angle_at)),
            by_sharpness("λ₁ of the Hessian along GD+WD", instance, &sharpness, 1.0),
            agreement("flow on the numeric Γ", instance, &flow, |tau| angle_at(angle, tau)),
        ],
        twins: vec![
            order("tan φ ∝ e^(-2τ)", &by_angle(|angle, tau| angle_at(angle, 2.0 * tau))),
            order("tan φ ∝ e^(-τ/2)", &by_angle(|angle, tau| angle_at(angle, tau / 2.0))),
            order("φ ∝ e^(-τ)", &by_angle(|angle, tau| angle * (-tau).exp())),
            order("sin φ ∝ e^(-τ)", &by_angle(|angle, tau| (angle.sin() * (-tau).exp()).asin())),
            by_sharpness("λ₁ law with e^(-τ)", instance, &sharpness, 0.5),
            agreement("flow: φ ∝ e^(-τ)", instance, &flow, |tau| angle * (-tau).exp()),
        ],
        constants: vec![rate(instance, record)],
    })
}

/// λ₁ along one run, by the route that knows only derivatives.
struct SharpnessPath {
    start: usize,
    parameter: f64,
    /// (τ, λ₁), at every 16th reading.
    values: Vec<(f64, f64)>,
}

fn numeric_sharpness(instance: &Instance, record: &LadderRecord) -> Result<Vec<SharpnessPath>, MinimizersError> {
    let mut numeric = NumericMinimizers::through(&instance.loss, &instance.start)?;
    let mut geometry = Geometry::new(instance.loss.dimension());
    let runs = record.runs.iter();
    runs.map(|run| {
        let places = run.window(0.0, instance.plan.horizon).step_by(16);
        let values = places.map(|k| {
            numeric.geometry(run.point(k), &mut geometry)?;
            Ok((run.times[k], geometry.sharpness))
        });
        let values = values.collect::<Result<_, MinimizersError>>()?;
        Ok(SharpnessPath { start: run.start, parameter: run.intrinsic_lr, values })
    })
    .collect()
}

/// λ₁(τ)/λ₁(0) against (1 + tan²φ(0)·e^(−2·rate·τ))/(1 + tan²φ(0)).
fn by_sharpness(
    what: &'static str,
    instance: &Instance,
    paths: &Result<Vec<SharpnessPath>, MinimizersError>,
    rate: f64,
) -> Statement {
    let square = instance.plan.angle.tan().powi(2);
    let deviation = |path: &SharpnessPath| {
        let first = path.values.first().map_or(f64::NAN, |v| v.1);
        let of = |&(tau, sharpness): &(f64, f64)| {
            let predicted = (1.0 + square * (-2.0 * rate * tau).exp()) / (1.0 + square);
            (sharpness / first / predicted - 1.0).abs()
        };
        LadderPoint { start: path.start, parameter: path.parameter, error: worst(path.values.iter().map(of)) }
    };
    let check = match paths {
        Ok(paths) => Check::Order {
            points: paths.iter().map(deviation).collect(),
            model: ErrorModel::Leading,
            above: 0.25,
            holding: None,
            floor: 64.0 * f64::EPSILON / instance.plan.angle.cos(),
        },
        Err(error) => Check::Missing { reason: error.to_string() },
    };
    Statement { what, check }
}

fn errors(instance: &Instance, record: &LadderRecord, deviation: &dyn Fn(&Run, usize) -> f64) -> Vec<LadderPoint> {
    let runs = record.runs.iter();
    runs.map(|run| {
        let readings = run.window(0.0, instance.plan.horizon).map(|k| deviation(run, k).abs());
        LadderPoint { start: run.start, parameter: run.intrinsic_lr, error: worst(readings) }
    })
    .collect()
}

/// The flow integrated through derivatives alone.
fn numeric_flow(instance: &Instance) -> Result<Flow<f64>, FlowError> {
    let source = |source| FlowError::RightHandSide { tau: 0.0, source };
    let mut numeric = NumericMinimizers::through(&instance.loss, &instance.start).map_err(source)?;
    let law = FlowConstants::SHARPNESS_REDUCTION;
    integrate(&mut numeric, law, &instance.start, instance.plan.horizon, TOLERANCE)
}

/// That flow against a law of its angle, over the integrator's error bound.
fn agreement(
    what: &'static str,
    instance: &Instance,
    flow: &Result<Flow<f64>, FlowError>,
    law: impl Fn(f64) -> f64,
) -> Statement {
    const PLACES: usize = 9;
    let compared = |flow: &Flow<f64>| -> Result<Vec<f64>, MinimizersError> {
        let mut minimizers = instance.minimizers.clone();
        let mut point = vec![0.0; instance.loss.dimension()];
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
        Ok(Ok(ratios)) => Check::Bound { ratios },
        Ok(Err(error)) => Check::Missing { reason: error.to_string() },
        Err(error) => Check::Missing { reason: error.to_string() },
    };
    Statement { what, check }
}

/// Each accepted step errs by at most √D·tolerance·(1 + ‖ζ‖) in norm, and the flow, whose slope has Lipschitz constant 1 in
/// the angle, carries an error on by e^τ at most; the interpolant between steps is allowed as much again.
fn error_bound(steps: u32, size: f64, dimension: usize, tau: f64) -> f64 {
    2.0 * f64::from(steps) * (dimension as f64).sqrt() * TOLERANCE * (1.0 + size) * tau.exp()
}

/// The rate r of tan φ ∝ e^(−rτ), by least squares through the known start.
fn rate(instance: &Instance, record: &LadderRecord) -> Constant {
    let start = instance.plan.angle.tan().ln();
    let of = |run: &Run| {
        let (mut square, mut along) = (0.0, 0.0);
        for k in run.window(0.0, instance.plan.horizon) {
            let fallen = start - instance.minimizers.angle(run.point(k)).tan().ln();
            square += run.times[k] * run.times[k];
            along += run.times[k] * fallen;
        }
        along / square
    };
    let rung = |k: usize| -> Vec<f64> { record.rung(instance, k).map(of).collect() };
    Constant::of_rungs("rate of tan φ", 1.0, rung(0), &rung(1))
}
