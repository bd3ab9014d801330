//! Discrete dynamics: symmetries, conserved parts, and traces that converge to the flow on random instances.

use crate::common::{cases, data_with_kernel, normal_vector};
use proptest::prelude::*;
use sharpflow::arithmetic::{Float, add_scaled, distance, dot, norm, scale};
use sharpflow::data::Dataset;
use sharpflow::descent::{Descent, EdgeStart, GradientDescent, HeavyBall, ScalarRmsprop, StepError, every, run};
use sharpflow::flow::angle_at;
use sharpflow::loss::{Evaluator, LinearRegression, Loss};
use sharpflow::measure::{Oscillation, Tracker, slow_period};
use sharpflow::minimizers::{Geometry, LinearRegressionMinimizers, Minimizers, NumericMinimizers};
use sharpflow::sphere::{Space, direction};

proptest! {
    #![proptest_config(cases(48))]

    /// (w, η, λ) → (cw, c²η, λ/c²) changes no θ: with c a power of 2 not a bit of it.
    #[test]
    fn the_symmetry_of_scale_holds_to_the_bit(
        data in data_with_kernel(), seed: u64, power in -8i32..=8, rate in 1e-3..1.0f64, decay in 1e-6..0.5f64,
    ) {
        let loss = LinearRegression::<f64>::new(&data).unwrap();
        let w = normal_vector(loss.dimension(), seed);
        let c = 2f64.powi(power);
        let scaled: Vec<f64> = w.iter().map(|w| c * w).collect();
        let mut one = GradientDescent::new(&loss, rate, decay, &w).unwrap();
        let mut other = GradientDescent::new(&loss, c * c * rate, decay, &scaled).unwrap();
        for _ in 0..50 {
            one.step();
            other.step();
        }
        let mut rescaled = other.weights().to_vec();
        scale(&mut rescaled, 1.0 / c);
        prop_assert_eq!(one.weights(), &rescaled[..]);
    }

    /// ∇L lies in range Xᵀ, so the kernel part of w shrinks by exactly 1 − ηλ a step.
    #[test]
    fn the_kernel_part_only_decays(data in data_with_kernel(), seed: u64, decay in 1e-5..0.1f64) {
        let loss = LinearRegression::<f64>::new(&data).unwrap();
        let mut minimizers = LinearRegressionMinimizers::new(&loss).unwrap();
        let d = loss.dimension();
        let mut kernel = minimizers.at_angle(1.0, &normal_vector(d, seed)).unwrap();
        add_scaled(&mut kernel, -1f64.cos(), minimizers.minimum_norm_direction());
        let w = normal_vector(d, seed ^ 1);
        let before = dot(&w, &kernel);
        let mut descent = GradientDescent::new(&loss, 0.1, decay, &w).unwrap();
        let steps = 100;
        let mut largest = norm(&w);
        for _ in 0..steps {
            descent.step();
            largest = largest.max(norm(descent.weights()));
        }
        let expected = before * (1.0 - decay).powi(steps);
        let rounding = 4.0 * f64::EPSILON * f64::from(steps) * (d as f64) * largest * 8.0;
        prop_assert!((dot(descent.weights(), &kernel) - expected).abs() <= rounding);
    }
}

proptest! {
    #![proptest_config(cases(12))]

    /// The trace's distance to the flow is O(√(ηλ)): a hundredth of ηλ brings it down by 10, up to next-order terms.
    #[test]
    fn traces_converge_to_the_flow(n in 4usize..10, more in 1usize..6, angle in 0.6..1.25f64, seed: u64) {
        let data = Dataset::random(n, n + more, seed);
        let loss = LinearRegression::<f64>::new(&data).unwrap();
        let mut minimizers = LinearRegressionMinimizers::new(&loss).unwrap();
        let d = loss.dimension();
        let start = minimizers.at_angle(angle, &normal_vector(d, seed)).unwrap();
        let mut geometry = Geometry::new(d);
        minimizers.geometry(&start, &mut geometry).unwrap();
        let quartic = NumericMinimizers::through(&loss, &start).unwrap().energy_law(&start).unwrap().quartic;
        // Hypotheses of the theory, measured at the start: λ₁ simple, and first order leading at the top of the ladder.
        let top = (geometry.edge_stiffness() / (2.0 * quartic)).powi(2).min(1e-3);
        prop_assume!(geometry.relative_gap() > 4.0 * top.sqrt() && top > 1e-4);
        let mut sups = Vec::new();
        for intrinsic_lr in [top, top / 100.0] {
            let edge = EdgeStart::at_energy(intrinsic_lr, 0.3, 1.0);
            let weights = edge.weights(&start, &geometry, 0.5);
            let mut descent = GradientDescent::new(&loss, 0.5, intrinsic_lr, &weights).unwrap();
            let mut theta = start.clone();
            let mut sup = 0.0f64;
            let mut flow = minimizers.clone();
            let whole = run(&mut descent, (1.0 / intrinsic_lr) as u64, every(13), |_| true, |step, weights, _, _| {
                direction(weights, &mut theta);
                let point = flow.at_angle(angle_at(angle, step as f64 * intrinsic_lr), &start).unwrap();
                sup = sup.max(distance(&theta, &point));
                true
            });
            prop_assert!(whole);
            sups.push(sup);
        }
        // Order between ¼ and 1: √100 = 10 is the theory's, 100^¼ the least that the claim demands.
        let fall = sups[0] / sups[1];
        prop_assert!(fall > 100f64.powf(0.25) && fall < 100.0, "the error fell from {} to {}", sups[0], sups[1]);
    }
}

/// ⟨K h²⟩ = 2ηλ, the period π/√(2ηλ), and the sign of h at every step.
#[test]
fn the_oscillation_at_the_edge_has_its_mean_square_and_period() {
    let intrinsic_lr = 1e-5;
    let data = Dataset::random(12, 20, 2);
    let loss = LinearRegression::<f64>::new(&data).unwrap();
    let mut minimizers = LinearRegressionMinimizers::new(&loss).unwrap();
    let start = minimizers.at_angle(0.5, &normal_vector(20, 2)).unwrap();
    let mut geometry = Geometry::new(20);
    minimizers.geometry(&start, &mut geometry).unwrap();
    let weights = EdgeStart::at_energy(intrinsic_lr, 0.05, 0.0).weights(&start, &geometry, 0.1);
    let mut descent = GradientDescent::new(&loss, 0.1, intrinsic_lr, &weights).unwrap();
    let mut tracker = Tracker::new(minimizers);
    let mut oscillation = Oscillation::default();
    run(
        &mut descent,
        40_000,
        every(1),
        |_| true,
        |step, weights, effective, _| {
            oscillation.add(step, &tracker.read(weights, effective).unwrap());
            true
        },
    );
    let summary = oscillation.summary();
    assert!(summary.oscillations > 20);
    assert_eq!(summary.sign_failures, 0);
    // Both averages err by O(√(ηλ)) relative at most, here 3·10⁻³; the period of a swing of energy e is longer by e/6.
    let tolerance = 3.0 * intrinsic_lr.sqrt();
    assert!((summary.mean_square / (2.0 * intrinsic_lr) - 1.0).abs() < tolerance, "{summary:?}");
    let period = summary.period / slow_period(intrinsic_lr);
    assert!((period - 1.0).abs() < 0.05 / 6.0 + tolerance, "{period}");
}

/// A whole run in one float: start, steps, readings against Γ. tan φ falls by e over τ = 1 and δ stays in its window, up to the
/// O(√(ηλ)) of the theory; rounding of 1000 steps is far below it in either float.
fn check_a_run<T: Float>() {
    let intrinsic_lr = 1e-3;
    let data = Dataset::random(12, 20, 2);
    let loss = LinearRegression::<T>::new(&data).unwrap();
    let mut minimizers = LinearRegressionMinimizers::new(&loss).unwrap();
    let towards: Vec<T> = normal_vector(20, 2).into_iter().map(T::from_f64).collect();
    let start = minimizers.at_angle(1.0, &towards).unwrap();
    let mut geometry = Geometry::new(20);
    minimizers.geometry(&start, &mut geometry).unwrap();
    let weights = EdgeStart::at_energy(intrinsic_lr, 0.1, 0.0).weights(&start, &geometry, 0.1);
    let mut descent = GradientDescent::new(&loss, 0.1, intrinsic_lr, &weights).unwrap();
    let mut tracker = Tracker::new(minimizers.clone());
    let mut oscillation = Oscillation::default();
    let mut angle = f64::NAN;
    let whole = run(
        &mut descent,
        1000,
        every(1),
        |_| true,
        |step, weights, effective, _| {
            oscillation.add(step, &tracker.read(weights, effective.to_f64()).unwrap());
            angle = minimizers.angle(tracker.point());
            true
        },
    );
    let summary = oscillation.summary();
    let scale = intrinsic_lr.sqrt();
    assert!(whole && summary.sign_failures == 0, "{summary:?}");
    assert!((1f64.tan() / angle.tan() / 1f64.exp() - 1.0).abs() < 2.0 * scale, "{angle}");
    assert!(summary.largest_offset < 4.0 * scale && summary.least_displacement > 1e-3 * scale, "{summary:?}");
}

/// However large it is: θ₀ is a unit vector with ⟨θ₀, v₁⟩ = h.
#[test]
fn a_start_has_the_displacement_it_was_asked_for() {
    let loss = LinearRegression::<f64>::new(&Dataset::random(6, 9, 2)).unwrap();
    let mut minimizers = LinearRegressionMinimizers::new(&loss).unwrap();
    let point = minimizers.at_angle(0.5, &normal_vector(9, 2)).unwrap();
    let mut geometry = Geometry::new(9);
    minimizers.geometry(&point, &mut geometry).unwrap();
    for kick in [-40.0, 0.1, 1.0, 60.0] {
        let edge = EdgeStart { intrinsic_lr: 1e-4, kick, edge_offset: 0.0 };
        let h = edge.displacement(&geometry);
        let theta = edge.theta(&point, &geometry, &Space::Sphere);
        assert!((norm(&theta) - 1.0).abs() < 1e-14);
        assert!((dot(&theta, &geometry.direction) - h).abs() < 1e-14, "{h}");
    }
}

/// Heavy ball and RMSprop step by step, written out over the loss's own gradient.
#[test]
fn steps_with_memory_are_what_they_say() {
    let loss = LinearRegression::<f64>::new(&Dataset::random(6, 9, 2)).unwrap();
    let mut evaluator = Evaluator::new(&loss);
    let start = normal_vector(9, 2);
    let (lr, decay, momentum) = (0.1, 1e-2, 0.5);
    let velocity = normal_vector(9, 3);
    let mut ball = HeavyBall::new(&loss, lr, lr * decay, momentum, [&start, &velocity]).unwrap();
    let (mut w, mut m) = (start.clone(), velocity);
    for _ in 0..5 {
        assert!((ball.effective_learning_rate() - lr / ((1.0 + momentum - lr * decay) * dot(&w, &w))).abs() < 1e-14);
        ball.step();
        let gradient = evaluator.evaluate(&w).1;
        m = (0..9).map(|k| momentum * m[k] + gradient[k] + decay * w[k]).collect();
        w = (0..9).map(|k| w[k] - lr * m[k]).collect();
        assert!(distance(ball.weights(), &w) < 1e-13, "{:?} {w:?}", ball.weights());
    }

    for space in [Space::Sphere, Space::Euclidean] {
        let mut rmsprop = ScalarRmsprop::new(&loss, lr, 2.0, (&start, space.clone()), 3.0).unwrap();
        let (mut w, mut v) = (start.clone(), 3.0);
        space.restrict(&mut w);
        for _ in 0..5 {
            assert!((rmsprop.effective_learning_rate() - lr / f64::sqrt(v)).abs() < 1e-14);
            rmsprop.step();
            let gradient = evaluator.evaluate(&w).1.to_vec();
            w = (0..9).map(|k| w[k] - lr / f64::sqrt(v) * gradient[k]).collect();
            space.restrict(&mut w);
            // β = 1 − C_b η².
            v = (1.0 - 2.0 * lr * lr) * v + 2.0 * lr * lr * dot(&gradient, &gradient);
            assert!(distance(rmsprop.weights(), &w) < 1e-13);
        }
    }
}

#[test]
fn a_run_follows_the_flow_in_either_float() {
    check_a_run::<f32>();
    check_a_run::<f64>();
}

#[test]
fn hyperparameters_out_of_their_domain_are_named() {
    let loss = LinearRegression::<f64>::new(&Dataset::random(4, 6, 0)).unwrap();
    let w = [1.0; 6];
    let new = |rate, decay, w: &[f64]| GradientDescent::new(&loss, rate, decay, w).map(|_| ()).unwrap_err();
    assert_eq!(new(0.0, 0.1, &w), StepError::LearningRate(0.0));
    assert!(matches!(new(f64::NAN, 0.1, &w), StepError::LearningRate(_)));
    assert_eq!(new(1.0, 1.0, &w), StepError::IntrinsicLearningRate(1.0));
    assert_eq!(new(1.0, -0.1, &w), StepError::IntrinsicLearningRate(-0.1));
    assert_eq!(new(1.0, 0.1, &w[..5]), StepError::Dimension { found: 5, expected: 6 });
    let broken = [1.0, 1.0, f64::INFINITY, 1.0, 1.0, 1.0];
    assert!(matches!(new(1.0, 0.1, &broken), StepError::NotFinite { index: 2, .. }));
}
