//! Gradient descent with weight decay finds the minimum-norm interpolant, the flattest point of Γ.

use sharpflow::arithmetic::distance;
use sharpflow::dense::symmetric_eigen;
use sharpflow::descent::EdgeConstants;
use sharpflow::measure::worst;
use sharpflow::minimizers::MinimizersError;
use sharpflow::sphere::project;

use crate::assumption::OF_REGRESSIONS;
use crate::checks::falls;
use crate::evidence::{Check, Measurement, Statement, Strength};
use crate::experiment::{Judged, NotJudged, On};
use crate::experiments::{Ladder, LadderRecord, of_regression};
use crate::instance::{Instance, LARGEST_ENERGY, Regression, START_ENERGY, convergence_window};
use crate::sensitivity::tells;
use crate::theorem::{Concerns, PAPER, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "minimum_norm_convergence",
    title: "Convergence to the minimum-norm interpolant",
    strength: Strength::Limit,
    statement: "On linear regression with batch normalization GD with weight decay goes from its start on Γ to the \
                minimum-norm solution w*, the unique minimizer of spherical sharpness on Γ: from τ = ½ log(1/ηλ) on, \
                ‖θ - w*/‖w*‖‖ vanishes with ηλ",
    latex: r"\|\theta_t-w^*/\|w^*\|\|\to 0\ (\eta\lambda\to 0,\ t\,\eta\lambda\ge\tfrac12\log\tfrac1{\eta\lambda}),\qquad w^*=X^+y=\arg\min_\Gamma\lambda_1",
    hypotheses: OF_REGRESSIONS,
    source: PAPER,
    coefficients: None,
    concerns: Concerns::LinearRegressions,
    judged_on: &[&On::<Ladder>(judge)],
};

const OTHER_NORM: &str = "to the least norm of weighted directions";

fn judge((instance, record): (&Instance, &LadderRecord)) -> Judged {
    let Some(regression) = instance.loss.regression() else { return Err(NotJudged::Unconcerned) };
    if !instance.plan.to_convergence {
        let why = format!("{}: its runs are too long to reach the claim's window", instance.name);
        return Err(NotJudged::Because(why));
    }
    let grows =
        EdgeConstants::GRADIENT_DESCENT.energy_rate(&instance.path[0].law) * convergence_window(instance.finest()).1;
    if START_ENERGY * grows.exp() > LARGEST_ENERGY {
        let why = "the energy law lets swings grow too large before the claim's window ends";
        return Err(NotJudged::Because(format!("{}: {why}", instance.name)));
    }
    // The sup of ‖θ − target‖ over each run's last window.
    let order = |what: &'static str, target: &[f64]| {
        falls(what, record, f64::EPSILON, |run| {
            let (from, to) = convergence_window(run.intrinsic_lr);
            worst(run.window(from, to).map(|k| distance(run.theta(k), target)))
        })
    };
    let other_norm = other_norm(instance, regression);
    let solution = regression.minimizers.minimum_norm_direction();
    let correlations = correlations(regression);
    // A target so near w* that the coarsest runs could not tell them apart is no twin on these data.
    let is_told = |target: &[f64]| tells(distance(target, solution), 10.0 * instance.plan.intrinsic_lrs[0].sqrt());
    let mut twins = vec![order("to the start", &instance.start)];
    match &other_norm {
        Ok(target) if is_told(target) => twins.push(order(OTHER_NORM, target)),
        Ok(_) => {}
        Err(error) => {
            let check = Check::Missing { reason: error.to_string() };
            twins.push(Statement { what: OTHER_NORM.into(), check });
        }
    }
    if is_told(&correlations) {
        twins.push(order("to the correlations Xᵀy", &correlations));
    }
    twins.push(flattest("λ₁(w*) ≥ λ₁ on Γ", (instance, regression), |least, other| other / least));
    Ok(Measurement {
        instance: instance.name.clone(),
        hypotheses: of_regression(instance, regression, record),
        statements: vec![
            order("distance to w*", solution),
            flattest("λ₁(w*) ≤ λ₁ on Γ", (instance, regression), |least, other| least / other),
        ],
        twins,
        constants: vec![],
        sensitivity: vec![],
    })
}

/// A comparison of λ₁ at w* with λ₁ along the path from the start to it, by the route that knows only derivatives.
fn flattest(
    what: &'static str,
    (instance, regression): (&Instance, &Regression),
    compare: fn(f64, f64) -> f64,
) -> Statement {
    const PLACES: usize = 8;
    let ratios = || -> Result<Vec<f64>, MinimizersError> {
        let mut minimizers = regression.minimizers.clone();
        let mut sharpness = |angle: f64| -> Result<f64, MinimizersError> {
            let point = minimizers.at_angle(angle, &instance.start)?;
            Ok(symmetric_eigen(instance.loss.precise_hessian(&point).as_ref())?.values[0])
        };
        let least = sharpness(0.0)?;
        (1..=PLACES).map(|k| Ok(compare(least, sharpness(regression.angle * k as f64 / PLACES as f64)?))).collect()
    };
    let check = match ratios() {
        Ok(ratios) => Check::bound(ratios),
        Err(error) => Check::Missing { reason: error.to_string() },
    };
    Statement { what: what.into(), check }
}

/// The point of Γ that is least in a norm with weights 1 and 2 along (ŵ* + k)/√2 and (ŵ* − k)/√2, k being the start's kernel direction:
/// (1 + t)² + 4(1 − t)² is least at t = tan φ = 3/5.
fn other_norm(instance: &Instance, regression: &Regression) -> Result<Vec<f64>, MinimizersError> {
    regression.minimizers.clone().at_angle(0.6f64.atan(), &instance.start)
}

/// Π(Xᵀy).
fn correlations(regression: &Regression) -> Vec<f64> {
    let features = regression.loss.features();
    let targets = regression.loss.targets().iter().enumerate();
    let mut direction: Vec<f64> =
        (0..features.ncols()).map(|j| targets.clone().map(|(i, y)| features[(i, j)] * y).sum()).collect();
    project(&mut direction);
    direction
}
