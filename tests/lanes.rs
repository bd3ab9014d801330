//! Numbers side by side: each lane is what it would be alone.

mod common;

use common::{cases, data_with_kernel, normal_vector};
use proptest::prelude::*;
use sharpflow::arithmetic::{Base, Lanes, Quad, Real, distance, norm};
use sharpflow::descent::{Descent, GradientDescent};
use sharpflow::loss::{Evaluator, LinearRegression, Loss};
use sharpflow::network::zoo::ZOO;
use sharpflow::network::{Network, NetworkLoss};

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
