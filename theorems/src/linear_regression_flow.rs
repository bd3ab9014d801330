//! The flow of linear regression with batch normalization, in closed form.

use sharpflow::arithmetic::{distance, norm};
use sharpflow::flow::{FlowConstants, FlowError, angle_at, integrate};
use sharpflow::loss::Loss;
use sharpflow::measure::{ErrorModel, LadderPoint};
use sharpflow::minimizers::NumericMinimizers;

use crate::evidence::{Check, Constant, Measurement, Statement};
use crate::instance::Instance;
use crate::records::{LadderRecord, Run};
use crate::sharpness_reduction_flow::constant;
use crate::theorem::{Judge, PAPER, Strength, Theorem};

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
    let least = instance.geometry.sharpness * angle.cos().powi(2);
    let tangent = |run: &Run, k: usize| instance.minimizers.angle(run.point(k)).tan();
    let by_angle =
        |law: fn(f64, f64) -> f64| move |run: &Run, k: usize| tangent(run, k) / law(angle, run.times[k]).tan() - 1.0;
    let by_sharpness = |rate: f64| {
        move |run: &Run, k: usize| {
            let predicted = 1.0 + (angle.tan() * (-rate * run.times[k]).exp()).powi(2);
            run.sharpness[k] / least / predicted - 1.0
        }
    };
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
        hypotheses: record.hypotheses.clone(),
        statements: vec![
            order("tan φ along GD+WD", &by_angle(angle_at)),
            order("λ₁ along GD+WD", &by_sharpness(1.0)),
            agreement("flow on the numeric Γ", instance, |tau| angle_at(angle, tau)),
        ],
        twins: vec![
            order("tan φ ∝ e^(-2τ)", &by_angle(|angle, tau| angle_at(angle, 2.0 * tau))),
            order("tan φ ∝ e^(-τ/2)", &by_angle(|angle, tau| angle_at(angle, tau / 2.0))),
            order("φ ∝ e^(-τ)", &by_angle(|angle, tau| angle * (-tau).exp())),
            order("sin φ ∝ e^(-τ)", &by_angle(|angle, tau| (angle.sin() * (-tau).exp()).asin())),
            order("λ₁ law with e^(-τ)", &by_sharpness(0.5)),
            agreement("flow: φ ∝ e^(-τ)", instance, |tau| angle * (-tau).exp()),
        ],
        constants: vec![rate(instance, record)],
    })
}

fn errors(instance: &Instance, record: &LadderRecord, deviation: &dyn Fn(&Run, usize) -> f64) -> Vec<LadderPoint> {
    let runs = record.runs.iter();
    runs.map(|run| {
        let readings = run.window(0.0, instance.plan.horizon).map(|k| deviation(run, k).abs());
        LadderPoint {
            start: run.start,
            parameter: run.intrinsic_lr,
            error: readings.fold(0.0, |worst, e| if e.is_nan() || e > worst { e } else { worst }),
        }
    })
    .collect()
}

/// The flow integrated through derivatives alone against a law of its angle, over the integrator's error bound.
fn agreement(what: &'static str, instance: &Instance, law: impl Fn(f64) -> f64) -> Statement {
    const PLACES: usize = 9;
    let integrated = || -> Result<Vec<f64>, FlowError> {
        let source = |source| FlowError::RightHandSide { tau: 0.0, source };
        let mut numeric = NumericMinimizers::through(&instance.loss, &instance.start).map_err(source)?;
        let constants = FlowConstants::SHARPNESS_REDUCTION;
        let end = instance.plan.horizon;
        let flow = integrate(&mut numeric, constants, &instance.start, end, TOLERANCE)?;
        let mut minimizers = instance.minimizers.clone();
        let mut point = vec![0.0; instance.loss.dimension()];
        (1..PLACES)
            .map(|k| {
                let tau = end * k as f64 / (PLACES - 1) as f64;
                flow.at(tau, &mut point);
                let expected = minimizers.at_angle(law(tau), &instance.start).map_err(source)?;
                Ok(distance(&point, &expected) / error_bound(flow.steps(), norm(&point), point.len(), tau))
            })
            .collect()
    };
    Statement { what, check: Check::Bound { ratios: integrated().unwrap_or_else(|_| vec![f64::NAN]) } }
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
    constant("rate of tan φ", 1.0, rung(0), &rung(1))
}
