//! Γ of the networks: that they interpolate, the nearest point and its rate, λ₁ and its gradient along Γ.

use crate::common::normal_vector;
use sharpflow::arithmetic::{add_scaled, distance, dot, norm, scale};
use sharpflow::descent::EdgeConstants;
use sharpflow::loss::{Derivatives, Evaluator, Loss};
use sharpflow::minimizers::{Geometry, Minimizers, MinimizersError, NumericMinimizers, descend};
use sharpflow::network::NetworkLoss;
use sharpflow::network_file::zoo::{ZOO, find};
use sharpflow::sphere::{Space, make_tangent, project};

fn loss_of(name: &str) -> NetworkLoss<f64> {
    NetworkLoss::new(&find(name).unwrap().network(&[]).unwrap()).unwrap()
}

/// A point of Γ: of those that some starts lead to, minima of loss 0, the one whose normal curvatures are most alike. Where one is tiny beside
/// the largest, rounding is all that is seen of the steps of Newton's method.
fn minimum(loss: &NetworkLoss<f64>) -> Vec<f64> {
    let reached = (0..20).filter_map(|seed| {
        let point = descend(loss, None, &normal_vector(loss.dimension(), seed), Space::Sphere, 2000).ok()?;
        let (value, _) = Evaluator::<_, f64>::new(loss).evaluate(&point);
        let rank = NumericMinimizers::through(loss, &point).ok()?.rank();
        let eigen = sharpflow::dense::symmetric_eigen(Derivatives::new(loss).hessian(&point).as_ref()).ok()?;
        (value < 1e-22).then(|| (eigen.values[0] / eigen.values[rank - 1], point))
    });
    reached.min_by(|a, b| a.0.total_cmp(&b.0)).expect("a minimum").1
}

/// An architecture interpolates: minima of loss 0 exist, the Hessian's rank there is that of the data, and Γ has a dimension.
#[test]
fn every_architecture_interpolates() {
    for architecture in ZOO {
        let loss = loss_of(architecture.name);
        let point = minimum(&loss);
        let minimizers = NumericMinimizers::through(&loss, &point).unwrap();
        let samples = match architecture.name {
            "circle" => 3,
            "matrix_completion" => 9,
            "convolution" | "attention" => 4,
            _ => 6,
        };
        // A batch norm takes two dimensions of the outputs away: the mean and the size.
        assert_eq!(minimizers.rank(), samples - 2, "{}", architecture.name);
        assert!(minimizers.manifold_dimension() > 0);
    }
}

/// θ − p normal to Γ at p, the point found again from there, and each step of the order of the square of the one before.
#[test]
fn the_nearest_point_is_nearest_and_found_quadratically() {
    for name in ["batch_norm", "matrix_completion", "layer_norm", "deep_rms_norm", "weight_norm", "attention"] {
        let loss = loss_of(name);
        let start = minimum(&loss);
        let mut minimizers = NumericMinimizers::through(&loss, &start).unwrap();
        let d = loss.dimension();
        let mut orders = Vec::new();
        for seed in 0..6 {
            let mut theta = start.clone();
            let mut away = normal_vector(d, seed);
            project(&mut away);
            scale(&mut away, 0.03);
            add_scaled(&mut theta, 1.0, &away);
            project(&mut theta);
            let (mut point, mut lengths) = (theta.clone(), Vec::new());
            minimizers.nearest_observed(&theta, &mut point, |length| lengths.push(length)).unwrap();
            assert!((norm(&point) - 1.0).abs() < 1e-14);
            // On Γ, and θ − p has no part along it.
            let mut derivatives = Derivatives::new(&loss);
            let hessian = derivatives.hessian(&point);
            let eigen = sharpflow::dense::symmetric_eigen(hessian.as_ref()).unwrap();
            let rounding = 1e-12 * eigen.values[0] / eigen.values[minimizers.rank() - 1];
            assert!(norm(derivatives.gradient(&point).1) <= rounding * eigen.values[0], "{name}");
            let mut offset = theta.clone();
            add_scaled(&mut offset, -1.0, &point);
            make_tangent(&point, &mut offset);
            // p is known to rounding, and with it ∇²L to ∇³L times that, which turns the vectors of the value 0 by so much over the
            // smallest other eigenvalue.
            let mut third = eigen.vector(0);
            derivatives.third_derivative(&point, &eigen.vector(0), &mut third);
            let turned = rounding * norm(&third) / eigen.values[minimizers.rank() - 1];
            for k in minimizers.rank()..d {
                let mut along = eigen.vector(k);
                make_tangent(&point, &mut along);
                let part = dot(&along, &offset).abs();
                assert!(part <= rounding + turned * norm(&offset), "{name}: {part}");
            }
            // Nearer than its neighbours on Γ.
            let mut geometry = Geometry::new(d);
            minimizers.geometry(&point, &mut geometry).unwrap();
            let mut aside = point.clone();
            add_scaled(&mut aside, 0.01 / norm(&geometry.log_gradient), &geometry.log_gradient);
            let mut neighbour = point.clone();
            minimizers.nearest(&aside, &mut neighbour).unwrap();
            assert!(distance(&theta, &neighbour) > distance(&theta, &point));
            // s₁, s₂ = C·s₁², s₃ = C·s₂²: the order is 2 whatever C, as long as rounding is far below.
            let triples = lengths.windows(3).filter(|s| s[0] < 0.1 && s[1] < 1e-2 && s[2] > 1e2 * rounding);
            orders.extend(triples.map(|s| (s[2] / s[1]).ln() / (s[1] / s[0]).ln()));
        }
        orders.sort_by(f64::total_cmp);
        let median = orders[orders.len() / 2];
        println!("{name}: order {median:.2}, of {} triples of steps, from {:.2}", orders.len(), orders[0]);
        assert!(orders.len() >= 6 && median > 1.8, "{name}: {orders:?}");
    }
}

/// The steps with a frozen derivative, in the frame of the point read before, come to where Newton's do.
#[test]
fn the_nearest_point_does_not_depend_on_how_it_is_sought() {
    for name in ["batch_norm", "matrix_completion", "layer_norm", "deep_rms_norm", "weight_norm", "attention"] {
        let loss = loss_of(name);
        let start = minimum(&loss);
        let mut minimizers = NumericMinimizers::through(&loss, &start).unwrap();
        let mut newton = NumericMinimizers::of_rank(&loss, minimizers.rank());
        let mut geometry = Geometry::new(loss.dimension());
        let (mut point, mut other) = (start.clone(), start.clone());
        for seed in 0..8 {
            let mut theta = point.clone();
            let mut away = normal_vector(loss.dimension(), seed);
            project(&mut away);
            add_scaled(&mut theta, 3e-3, &away);
            project(&mut theta);
            newton.nearest_observed(&theta, &mut other, |_| {}).unwrap();
            minimizers.nearest(&theta, &mut point).unwrap();
            minimizers.geometry(&point, &mut geometry).unwrap();
            let eigen = sharpflow::dense::symmetric_eigen(Derivatives::new(&loss).hessian(&point).as_ref()).unwrap();
            let rounding = 1e-12 * eigen.values[0] / eigen.values[minimizers.rank() - 1];
            assert!(distance(&point, &other) <= rounding, "{name}: {:e}", distance(&point, &other));
        }
    }
}

/// The gradient of log λ₁ along Γ against the difference of λ₁ at points of Γ on both sides.
#[test]
fn the_slope_of_sharpness_is_its_difference_along_the_manifold() {
    for name in ["batch_norm", "matrix_completion", "rms_norm", "weight_standardization", "convolution"] {
        let loss = loss_of(name);
        let point = minimum(&loss);
        let mut minimizers = NumericMinimizers::through(&loss, &point).unwrap();
        let d = loss.dimension();
        let mut geometry = Geometry::new(d);
        minimizers.geometry(&point, &mut geometry).unwrap();
        let slope = geometry.log_gradient.clone();
        let step = 1e-5 / norm(&slope);
        let mut log_sharpness = |sign: f64| {
            let mut aside = point.clone();
            add_scaled(&mut aside, sign * step, &slope);
            let mut at = aside.clone();
            minimizers.nearest(&aside, &mut at).unwrap();
            minimizers.geometry(&at, &mut geometry).unwrap();
            geometry.sharpness.ln()
        };
        let difference = (log_sharpness(1.0) - log_sharpness(-1.0)) / (2.0 * step);
        let square = dot(&slope, &slope);
        assert!((difference / square - 1.0).abs() < 1e-4, "{name}: {difference} {square}");
    }
}

/// The loss that one can draw: λ₁ = 1 + 20x² on the circle z = 0, and G is its logarithm's slope along it.
#[test]
fn the_circle_has_the_sharpness_of_its_formula() {
    let loss = loss_of("circle");
    for angle in [0.3f64, 1.0, 2.0, 4.0] {
        let point = [angle.cos(), angle.sin(), 0.0];
        let mut minimizers = NumericMinimizers::through(&loss, &point).unwrap();
        let mut geometry = Geometry::new(3);
        minimizers.geometry(&point, &mut geometry).unwrap();
        let sharpness = 1.0 + 20.0 * point[0] * point[0];
        assert!((geometry.sharpness - sharpness).abs() < 1e-12 * sharpness);
        let slope = 40.0 * point[0] / sharpness;
        let expected = [slope * (1.0 - point[0] * point[0]), -slope * point[0] * point[1], 0.0];
        assert!(distance(&geometry.log_gradient, &expected) < 1e-11 * (1.0 + slope.abs()));
        // The circle is a great one: what is nearest is straight below.
        let (mut theta, mut nearest) = (point, point);
        theta[2] = 0.2;
        minimizers.nearest(&theta, &mut nearest).unwrap();
        assert!(distance(&nearest, &point) < 1e-12);
    }
}

#[test]
fn what_has_no_nearest_point_is_said() {
    let loss = loss_of("circle");
    let point = [1.0, 0.0, 0.0];
    let mut minimizers = NumericMinimizers::through(&loss, &point).unwrap();
    // The pole is as far from every point of the circle.
    let mut out = point;
    assert!(minimizers.nearest(&[0.0, 0.0, 1.0], &mut out).is_err());
    assert!(minimizers.nearest(&[f64::NAN; 3], &mut out).is_err());
    assert!(matches!(
        descend(&loss, None, &[0.1, 0.2, 0.9], Space::Sphere, 1),
        Err(MinimizersError::NoMinimum { steps: 1, .. })
    ));
    assert!(descend(&loss, None, &[0.0; 3], Space::Sphere, 10).is_err());
}

/// ⟨G, ∇_Γ‖G‖²⟩ on networks by differences of ‖G‖² along Γ, and on linear regression by its closed form, 16 tan²φ(1 + tan²φ).
#[test]
fn the_energy_law_knows_how_the_gradient_changes_along_itself() {
    for name in ["circle", "batch_norm", "matrix_completion", "rms_norm", "weight_norm"] {
        let loss = loss_of(name);
        let start = minimum(&loss);
        let mut minimizers = NumericMinimizers::through(&loss, &start).unwrap();
        let law = minimizers.energy_law(&start).unwrap();
        let mut geometry = Geometry::new(loss.dimension());
        minimizers.geometry(&start, &mut geometry).unwrap();
        let square = geometry.log_gradient_square();
        assert!((law.log_gradient_square / square - 1.0).abs() < 1e-9, "{name}");
        let gradient = geometry.log_gradient.clone();
        // Central differences, extrapolated: the error is of fourth order in the step.
        let mut difference = |step: f64| {
            let step = step / square.sqrt().max(1.0);
            let [after, before] = [step, -step].map(|step| {
                let mut point = start.clone();
                add_scaled(&mut point, step, &gradient);
                let mut nearest = point.clone();
                minimizers.nearest(&point, &mut nearest).unwrap();
                minimizers.geometry(&nearest, &mut geometry).unwrap();
                geometry.log_gradient_square()
            });
            (after - before) / (2.0 * step)
        };
        let step = 1e-3 / square.sqrt().max(1.0);
        let extrapolated = (4.0 * difference(step) - difference(2.0 * step)) / 3.0;
        let relative = (law.slope_along_gradient - extrapolated).abs() / (extrapolated.abs() + square);
        assert!(relative < 1e-5, "{name}: {} {extrapolated}", law.slope_along_gradient);
    }
    let data = sharpflow::data::Dataset::random(8, 12, 3);
    let loss = sharpflow::loss::LinearRegression::<f64>::new(&data).unwrap();
    let mut closed = sharpflow::minimizers::LinearRegressionMinimizers::new(&loss).unwrap();
    let mut rates = Vec::new();
    for angle in [0.3f64, 0.9, 1.2] {
        let point = closed.at_angle(angle, &normal_vector(12, 1)).unwrap();
        let law = NumericMinimizers::through(&loss, &point).unwrap().energy_law(&point).unwrap();
        let tangent = angle.tan().powi(2);
        assert!((law.log_gradient_square / (4.0 * tangent) - 1.0).abs() < 1e-8);
        assert!((law.slope_along_gradient / (16.0 * tangent * (1.0 + tangent)) - 1.0).abs() < 1e-7);
        rates.push(EdgeConstants::GRADIENT_DESCENT.energy_rate(&law));
    }
    // κ is one number along the whole of a linear regression's flow.
    assert!(rates.iter().all(|rate| (rate / rates[0] - 1.0).abs() < 1e-9), "{rates:?}");
}
