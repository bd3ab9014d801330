//! The nearest point where it is hard to find: beyond a focal point, at the end of its digits, on Γ itself.

use crate::common::normal_vector;
use sharpflow::arithmetic::{Real, Scalar, distance, norm};
use sharpflow::dense::symmetric_eigen;
use sharpflow::loss::{Derivatives, Loss};
use sharpflow::minimizers::{MinimizersError, NumericMinimizers, descend};
use sharpflow::network::NetworkLoss;
use sharpflow::network_file::zoo::find;
use sharpflow::sphere::Space;

/// ½(x²/4 + y² − 1)²: Γ is an ellipse, whose curvature radius at (2, 0) is ½.
#[derive(Clone)]
struct Ellipse;

impl Loss<f64> for Ellipse {
    fn dimension(&self) -> usize {
        2
    }
    fn scratch(&self) -> usize {
        0
    }
    fn evaluate<S: Scalar<Base = f64>>(&self, w: &[S], gradient: &mut [S], _: &mut [S]) -> S {
        let number = S::from_base;
        let excess = w[0] * w[0] * number(0.25) + w[1] * w[1] - number(1.0);
        gradient[0] = excess * w[0] * number(0.5);
        gradient[1] = excess * w[1] * number(2.0);
        number(0.5) * excess * excess
    }
}

#[test]
fn a_point_of_the_ellipse_is_nearest_up_to_the_centre_of_its_curvature() {
    let mut minimizers = NumericMinimizers::of_rank(&Ellipse, 1).in_space(Space::Euclidean);
    let mut point = [0.0; 2];
    // At (1.5 + c, 0) the second derivative of ½ distance² along Γ, over that of the arc, is 1 − (0.5 − c)/0.5 = 2c.
    for beyond in [0.1, 1e-3] {
        minimizers.nearest_observed(&[1.5 + beyond, 0.0], &mut point, |_| {}).unwrap();
        assert!(distance(&point, &[2.0, 0.0]) < 1e-13, "{point:?}");
        let MinimizersError::Focal { curvature } =
            minimizers.nearest_observed(&[1.5 - beyond, 0.0], &mut point, |_| {}).unwrap_err()
        else {
            panic!("no focal point")
        };
        // It is that of the point before the last step, which is shorter than the root of rounding.
        assert!((curvature + 2.0 * beyond).abs() < 1e-7, "{curvature}");
    }
}

/// ½((y + c) − c)² + ½·2⁻³²·y on ℝ², c = 3·2¹⁹: digits of y below 2⁻³² are lost, and the slope is never 0 on those that are left.
#[derive(Clone)]
struct Coarse;

const LOST: f64 = (3u64 << 19) as f64;
const UNIT: f64 = 1.0 / (1u64 << 32) as f64;

impl Loss<f64> for Coarse {
    fn dimension(&self) -> usize {
        2
    }
    fn scratch(&self) -> usize {
        0
    }
    fn evaluate<S: Scalar<Base = f64>>(&self, w: &[S], gradient: &mut [S], _: &mut [S]) -> S {
        let number = S::from_base;
        let kept = (w[1] + number(LOST)) - number(LOST);
        gradient[0] = number(0.0) * w[0];
        gradient[1] = kept + number(0.5 * UNIT);
        number(0.5) * kept * kept + number(0.5 * UNIT) * w[1]
    }
}

/// Steps that only rounding keeps from shrinking end, and steps that still shrink do not.
#[test]
fn rounding_above_the_tolerance_ends_the_steps() {
    let mut minimizers = NumericMinimizers::of_rank(&Coarse, 1).in_space(Space::Euclidean);
    for height in [0.3, -0.2, 1e-3, 0.7 * UNIT] {
        let (mut point, mut steps) = ([0.0; 2], Vec::new());
        minimizers.nearest_observed(&[0.5, height], &mut point, |length| steps.push(length)).unwrap();
        assert!(point[0] == 0.5 && point[1].abs() <= 2.0 * UNIT, "{point:?}");
        assert!(steps.len() <= 4, "{steps:?}");
    }
}

/// A step is not taken where the one before shows it to be rounding; on Γ itself the first is.
#[test]
fn no_step_is_taken_to_learn_nothing() {
    for name in ["circle", "matrix_completion", "layer_norm"] {
        let loss = NetworkLoss::<f64>::new(&find(name).unwrap().network(&[]).unwrap()).unwrap();
        let dimension = loss.dimension();
        let reached = |seed| descend(&loss, None, &normal_vector(dimension, seed), Space::Sphere, 2000).ok();
        let start = (0..20).find_map(reached).expect("a minimum");
        let mut minimizers = NumericMinimizers::through(&loss, &start).unwrap();
        let values = symmetric_eigen(Derivatives::new(&loss).hessian(&start).as_ref()).unwrap().values;
        let tolerance = 64.0 * dimension as f64 * f64::UNIT_ROUNDOFF * values[0] / values[minimizers.rank() - 1];
        let mut spared = 0;
        for size in [0.0, 1e-6, 1e-4, 1e-2, 3e-2] {
            let mut theta = start.clone();
            theta.iter_mut().enumerate().for_each(|(k, x)| *x += size * (2.0 + 3.0 * k as f64).cos());
            let length = norm(&theta);
            theta.iter_mut().for_each(|x| *x /= length);
            let (mut point, mut steps) = (start.clone(), Vec::new());
            minimizers.nearest_observed(&theta, &mut point, |length| steps.push(length)).unwrap();
            if size == 0.0 {
                assert_eq!(steps.len(), 1, "{name}: {steps:?}");
            }
            // All but the last left something for the next, by a margin for the change of λ between the points.
            for pair in steps[..steps.len() - 1].windows(2) {
                let next = pair[1] * (pair[1] / pair[0]).powi(2);
                assert!(pair[0] > 1e-2 || next > 0.5 * tolerance, "{name}: {steps:?}, {tolerance:e}");
            }
            spared += usize::from(steps[steps.len() - 1] > 2.0 * tolerance);
        }
        assert!(spared > 0, "{name}: every last step was rounding");
    }
}
