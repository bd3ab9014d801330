//! Numbers side by side: each lane, and each direction, is what it would be alone.

use crate::common::{cases, data_with_kernel, normal_vector};
use faer::Mat;
use proptest::prelude::*;
use sharpflow::arithmetic::{Base, Lanes, Quad, Real, apply, distance, norm};
use sharpflow::descent::{Descent, GradientDescent};
use sharpflow::loss::{Derivatives, Evaluator, LinearRegression, Loss};
use sharpflow::network::{Network, NetworkLoss};
use sharpflow::network_file::zoo::ZOO;

fn cast<T: Base>(w: &[f64]) -> Vec<T> {
    w.iter().map(|&x| T::from_f64(x)).collect()
}

/// In double-double, where lanes and single numbers differ by the order of sums alone: 10⁻³² of the largest term.
fn check_network(network: &Network, seed: u64) {
    let loss = NetworkLoss::<Quad>::new(network).unwrap();
    let points = [0, 1, 2].map(|k| cast::<Quad>(&normal_vector(loss.dimension(), seed ^ k)));
    let lanes = Lanes::side_by_side(points.each_ref().map(Vec::as_slice));
    let mut together = Evaluator::<_, Lanes<Quad, 3>>::new(&loss);
    let mut alone = Evaluator::<_, Quad>::new(&loss);
    let (values, gradients) = together.evaluate(&lanes);
    for (k, point) in points.iter().enumerate() {
        let (value, gradient) = alone.evaluate(point);
        let mut of_lane = point.clone();
        Lanes::lane(gradients, k, &mut of_lane);
        assert!((values.0[k] - value).to_f64().abs() <= 1e-26 * (1.0 + value.to_f64().abs()), "{network}");
        assert!(distance(&of_lane, gradient).to_f64() <= 1e-26 * (1.0 + norm(gradient).to_f64()), "{network}");
    }
}

#[test]
fn every_architecture_of_the_zoo_is_the_same_in_lanes() {
    for architecture in ZOO {
        check_network(&architecture.network(&[]).unwrap(), 3);
    }
}

/// Many directions at one point, in blocks of which the last is not full: ∇²L and ∇³L[u, ·] column by column. In double-double, as above.
#[test]
fn directions_together_are_as_each_alone() {
    for architecture in ZOO {
        let loss = NetworkLoss::<Quad>::new(&architecture.network(&[]).unwrap()).unwrap();
        let d = loss.dimension();
        let [w, u] = [1, 2].map(|seed| cast::<Quad>(&normal_vector(d, seed)));
        let directions = Mat::from_fn(d, 11, |i, j| Quad::from_f64(normal_vector(d, 3 + j as u64)[i]));
        let (mut together, mut alone) = (Derivatives::new(&loss), Derivatives::new(&loss));
        let hessian = together.hessian(&w);
        let mut mixed = directions.clone();
        together.mixed_third_derivatives(&w, &u, directions.as_ref(), mixed.as_mut());
        let close = |found: &[Quad], expected: &[Quad]| {
            let bound = 1e-24 * (1.0 + norm(expected).to_f64());
            assert!(distance(found, expected).to_f64() <= bound, "{}", architecture.name);
        };
        let mut expected = w.clone();
        for j in 0..directions.ncols() {
            let direction = directions.col_as_slice(j);
            let mut image = w.clone();
            apply(hessian.as_ref(), direction, &mut image);
            alone.hessian_vector(&w, direction, &mut expected);
            close(&image, &expected);
            alone.mixed_third_derivative(&w, &u, direction, &mut expected);
            close(mixed.col_as_slice(j), &expected);
        }
    }
}

/// What is known of a point from one direction serves the next one, and that of another point does not. The same bits.
#[test]
fn a_point_met_before_is_as_a_new_one() {
    for architecture in ZOO {
        let loss = NetworkLoss::<f64>::new(&architecture.network(&[]).unwrap()).unwrap();
        let d = loss.dimension();
        let [w, other, v, u] = [1, 2, 3, 4].map(|seed| normal_vector(d, seed));
        let mut used = Derivatives::new(&loss);
        let (mut found, mut expected) = (vec![0.0; d], vec![0.0; d]);
        for (point, direction) in [(&w, &u), (&w, &v), (&w, &u), (&other, &u), (&w, &u)] {
            used.hessian_vector(point, direction, &mut found);
            Derivatives::new(&loss).hessian_vector(point, direction, &mut expected);
            assert_eq!(found, expected, "{}", architecture.name);
            used.third_derivative(point, direction, &mut found);
            Derivatives::new(&loss).third_derivative(point, direction, &mut expected);
            assert_eq!(found, expected, "{}", architecture.name);
        }
    }
}

/// Functions that choose: each lane chooses on its own.
#[test]
fn each_lane_has_its_own_kinks_and_maxima() {
    let text = |node: &str| {
        format!(
            "[weights]\nw = [5, 4]\n[constants]\ny = {{ shape = [5, 4], normal = 1 }}\n[nodes]\n{node}\nloss = {{ op = \"mean_squared_error\", of = [\"n\", \"y\"] }}\n"
        )
    };
    for node in [
        "n = { op = \"relu\", of = \"w\" }",
        "m = { op = \"maximum\", of = \"w\", axes = [1] }\nn = { op = \"subtract\", of = [\"w\", \"m\"] }",
        "n = { op = \"softmax\", of = \"w\", axis = 1 }",
    ] {
        check_network(&Network::from_toml(&text(node), &[]).unwrap(), 5);
    }
}

proptest! {
    #![proptest_config(cases(24))]

    /// Eight runs in doubles against each in double-double, within the bound on a gradient's rounding.
    #[test]
    fn eight_regressions_step_as_each_alone(data in data_with_kernel(), seed in any::<u64>()) {
        let (loss, precise) = (LinearRegression::<f64>::new(&data).unwrap(), LinearRegression::<Quad>::new(&data).unwrap());
        let starts: [Vec<f64>; 8] = std::array::from_fn(|k| normal_vector(loss.dimension(), seed ^ k as u64));
        let lanes = Lanes::side_by_side(starts.each_ref().map(Vec::as_slice));
        let (learning_rate, intrinsic_lr) = (0.1, 1e-3);
        let mut together = GradientDescent::<_, Lanes<f64, 8>>::new(&loss, learning_rate, intrinsic_lr, &lanes).unwrap();
        let seen = together.step();
        for (k, start) in starts.iter().enumerate() {
            let mut alone = GradientDescent::new(&precise, learning_rate, intrinsic_lr, &cast::<Quad>(start)).unwrap();
            let expected = alone.step();
            let mut stepped = start.clone();
            Lanes::lane(together.weights(), k, &mut stepped);
            let length = norm(start);
            let theta: Vec<f64> = start.iter().map(|x| x / length).collect();
            // The gradient's rounding at w is that at θ over ‖w‖; the step rounds each weight twice more.
            let bound = learning_rate * loss.conditioning(&theta).rounding / length + 4.0 * f64::EPSILON * length;
            let error = distance(&cast::<Quad>(&stepped), alone.weights()).to_f64();
            prop_assert!(error <= bound, "{error} {bound}");
            let variance = loss.target_variance();
            let loss_error = (expected.loss.to_f64() - seen.loss.0[k]).abs();
            prop_assert!(loss_error <= loss.conditioning(&theta).rounding + 64.0 * f64::EPSILON * variance, "{loss_error}");
        }
    }
}
