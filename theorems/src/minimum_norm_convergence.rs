//! Gradient descent with weight decay finds the minimum-norm interpolant, the flattest point of Γ.

use faer::Mat;
use sharpflow::arithmetic::distance;
use sharpflow::data::Dataset;
use sharpflow::loss::{LinearRegression, Loss};
use sharpflow::measure::{ErrorModel, LadderPoint};
use sharpflow::minimizers::{Geometry, LinearRegressionMinimizers, Minimizers, NumericMinimizers};
use sharpflow::sphere::project;

use crate::evidence::{Check, Measurement, Statement};
use crate::instance::{Instance, Rejected, convergence_window};
use crate::records::LadderRecord;
use crate::theorem::{Judge, PAPER, Strength, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "minimum_norm_convergence",
    title: "Convergence to the minimum-norm interpolant",
    strength: Strength::Limit,
    statement: "On linear regression with batch normalization GD with weight decay goes from its start on Γ to the \
                minimum-norm solution w*, the unique minimizer of spherical sharpness on Γ: from τ = ½ log(1/ηλ) on, \
                ‖θ - w*/‖w*‖‖ vanishes with ηλ",
    latex: r"\|\theta_t-w^*/\|w^*\|\|\to 0\ (\eta\lambda\to 0,\ t\,\eta\lambda\ge\tfrac12\log\tfrac1{\eta\lambda}),\qquad w^*=X^+y=\arg\min_\Gamma\lambda_1",
    hypotheses: &["X has a kernel, so that Γ is no single point", "those of the sharpness-reduction flow"],
    source: PAPER,
    judge: Judge::Ladder(judge),
};

fn judge(instance: &Instance, record: &LadderRecord) -> Option<Measurement> {
    if !instance.plan.to_convergence {
        return None;
    }
    let order = |what, target: &[f64]| Statement {
        what,
        check: Check::Order {
            points: distances(record, target),
            model: ErrorModel::Leading,
            above: 0.25,
            holding: None,
            floor: f64::EPSILON,
        },
    };
    let undefined = || vec![f64::NAN; instance.loss.dimension()];
    let other_norm = standardized_solution(instance).unwrap_or_else(|_| undefined());
    let solution = instance.minimizers.minimum_norm_direction();
    Some(Measurement {
        instance: instance.name.clone(),
        hypotheses: record.hypotheses.clone(),
        statements: vec![
            order("distance to w*", solution),
            flattest("λ₁(w*) ≤ λ₁ on Γ", instance, |least, other| least / other),
        ],
        twins: vec![
            order("to the start", &instance.start),
            order("to the least norm in standardized features", &other_norm),
            order("to the first gradient's direction Xᵀy", &correlations(instance)),
            flattest("λ₁(w*) ≥ λ₁ on Γ", instance, |least, other| other / least),
        ],
        constants: vec![],
    })
}

/// The sup of ‖θ − target‖ over each run's last window.
fn distances(record: &LadderRecord, target: &[f64]) -> Vec<LadderPoint> {
    let runs = record.runs.iter();
    runs.map(|run| {
        let (from, to) = convergence_window(run.intrinsic_lr);
        let readings = run.window(from, to).map(|k| distance(run.theta(k), target));
        LadderPoint {
            start: run.start,
            parameter: run.intrinsic_lr,
            error: readings.fold(f64::NAN, |worst, e| if e.is_nan() { e } else { worst.max(e) }),
        }
    })
    .collect()
}

/// A comparison of λ₁ at w* with λ₁ along the path from the start to it, by the route that knows only derivatives.
fn flattest(what: &'static str, instance: &Instance, compare: fn(f64, f64) -> f64) -> Statement {
    const PLACES: usize = 8;
    let ratios = || -> Result<Vec<f64>, Rejected> {
        let mut minimizers = instance.minimizers.clone();
        let mut numeric = NumericMinimizers::through(&instance.loss, &instance.start)?;
        let mut geometry = Geometry::new(instance.loss.dimension());
        let mut sharpness = |angle: f64| -> Result<f64, Rejected> {
            let point = minimizers.at_angle(angle, &instance.start)?;
            numeric.geometry(&point, &mut geometry)?;
            Ok(geometry.sharpness)
        };
        let least = sharpness(0.0)?;
        (1..=PLACES).map(|k| Ok(compare(least, sharpness(instance.plan.angle * k as f64 / PLACES as f64)?))).collect()
    };
    Statement { what, check: Check::Bound { ratios: ratios().unwrap_or_else(|_| vec![f64::NAN]) } }
}

/// The direction of the solution of least norm after every feature is scaled to variance 1: on Γ, but not the flattest point.
fn standardized_solution(instance: &Instance) -> Result<Vec<f64>, Rejected> {
    let features = instance.loss.features();
    let (n, d) = (features.nrows(), features.ncols());
    let deviation = |j: usize| {
        let square: f64 = (0..n).map(|i| features[(i, j)].powi(2)).sum();
        if square > 0.0 { (square / n as f64).sqrt() } else { 1.0 }
    };
    let deviations: Vec<f64> = (0..d).map(deviation).collect();
    let scaled = Dataset {
        features: Mat::from_fn(n, d, |i, j| features[(i, j)] / deviations[j]),
        targets: instance.loss.targets().to_vec(),
    };
    let minimizers = LinearRegressionMinimizers::new(&LinearRegression::<f64>::new(&scaled)?)?;
    let solution = minimizers.minimum_norm_direction().iter();
    let mut unscaled: Vec<f64> = solution.zip(&deviations).map(|(w, s)| w / s).collect();
    project(&mut unscaled);
    Ok(unscaled)
}

/// Π(Xᵀy).
fn correlations(instance: &Instance) -> Vec<f64> {
    let features = instance.loss.features();
    let targets = instance.loss.targets().iter().enumerate();
    let mut direction: Vec<f64> =
        (0..features.ncols()).map(|j| targets.clone().map(|(i, y)| features[(i, j)] * y).sum()).collect();
    project(&mut direction);
    direction
}
