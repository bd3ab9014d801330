//! The loss against its definition, its derivatives against differences in double-double, and the calculus of scale
//! invariance.

use crate::common::{cases, data_with_kernel, normal_vector};
use approx::assert_relative_eq;
use proptest::prelude::*;
use sharpflow::arithmetic::{Base, Quad, Real, add_scaled, apply, distance, dot, norm, scale};
use sharpflow::data::Dataset;
use sharpflow::loss::{Derivatives, Evaluator, LinearRegression, Loss};
use sharpflow::sphere::project;

/// Mean squared error of the batch-normalized output given the targets' mean and scale, straight from that sentence.
fn by_definition(data: &Dataset, w: &[f64]) -> f64 {
    let n = data.targets.len();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / n as f64;
    let deviation = |values: &[f64]| {
        let mean = mean(values);
        (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64).sqrt()
    };
    let output: Vec<f64> = (0..n).map(|i| w.iter().enumerate().map(|(j, w)| data.features[(i, j)] * w).sum()).collect();
    let (m, s) = (mean(&output), deviation(&output));
    let (target_mean, target_scale) = (mean(&data.targets), deviation(&data.targets));
    let errors = output.iter().zip(&data.targets);
    errors.map(|(u, y)| (target_mean + target_scale * (u - m) / s - y).powi(2)).sum::<f64>() / n as f64
}

fn cast<T: Base>(w: &[f64]) -> Vec<T> {
    w.iter().map(|&x| T::from_f64(x)).collect()
}

/// ⟨∇L(w), w⟩ = 0, ∇L(cw) = ∇L(w)/c, ∇²L(w)w = −∇L(w), ∇³L(w)[w, w] = 2∇L(w), within rounding.
fn check_scale_calculus<T: Real>(data: &Dataset, w: &[f64], c: f64) {
    let loss = LinearRegression::<T>::new(data).unwrap();
    let mut derivatives = Derivatives::new(&loss);
    let mut theta: Vec<T> = cast(w);
    project(&mut theta);
    let d = theta.len();
    let conditioning = loss.conditioning(&theta);
    // The k-th derivative is worse conditioned than the gradient by the condition of the normalization to the k-th power.
    let bound = |order: i32| 16.0 * conditioning.rounding * conditioning.condition.powi(order);
    let (value, gradient) = derivatives.gradient(&theta);
    let gradient = gradient.to_vec();
    let zero = T::from_f64(0.0);
    let mut image = vec![zero; d];
    assert!(dot(&gradient, &theta).to_f64().abs() <= bound(0));
    derivatives.hessian_vector(&theta, &theta, &mut image);
    add_scaled(&mut image, T::from_f64(1.0), &gradient);
    assert!(norm(&image).to_f64() <= bound(1));
    derivatives.third_derivative(&theta, &theta, &mut image);
    add_scaled(&mut image, T::from_f64(-2.0), &gradient);
    assert!(norm(&image).to_f64() <= bound(2));
    let mut rescaled = theta.clone();
    scale(&mut rescaled, T::from_f64(c));
    let (value_there, there) = derivatives.gradient(&rescaled);
    let mut there = there.to_vec();
    scale(&mut there, T::from_f64(c));
    assert!(distance(&there, &gradient).to_f64() <= bound(1));
    let relative = 8.0 * (d as f64) * conditioning.condition * T::UNIT_ROUNDOFF;
    let scale_of_loss = 4.0 * loss.target_variance().to_f64();
    assert!((value_there - value).to_f64().abs() <= relative * scale_of_loss);
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn the_loss_is_the_error_of_the_normalized_output(data in data_with_kernel(), seed: u64) {
        let loss = LinearRegression::<f64>::new(&data).unwrap();
        let w = normal_vector(loss.dimension(), seed);
        let (value, _) = Evaluator::<_, f64>::new(&loss).evaluate(&w);
        prop_assume!(value > 1e-6);
        assert_relative_eq!(value, by_definition(&data, &w), max_relative = 1e-9);
    }

    #[test]
    fn scale_calculus_holds_in_every_arithmetic(data in data_with_kernel(), seed: u64, power in -3i32..=3) {
        let w = normal_vector(data.features.ncols(), seed);
        let c = 1.7f64.powi(power);
        check_scale_calculus::<f32>(&data, &w, c);
        check_scale_calculus::<f64>(&data, &w, c);
        check_scale_calculus::<Quad>(&data, &w, c);
    }

    /// Differences in double-double with step 2⁻³⁰ err by about 2⁻⁶⁰ of the third derivative ahead: far below f64's rounding.
    #[test]
    fn derivatives_are_the_differences_of_the_one_before(data in data_with_kernel(), seed: u64) {
        let double = LinearRegression::<f64>::new(&data).unwrap();
        let precise = LinearRegression::<Quad>::new(&data).unwrap();
        let d = double.dimension();
        let mut theta = normal_vector(d, seed);
        let mut v = normal_vector(d, seed ^ 1);
        project(&mut theta);
        project(&mut v);
        let conditioning = double.conditioning(&theta);
        prop_assume!(conditioning.condition < 100.0);
        let mut derivatives = Derivatives::new(&double);
        let mut reference = Derivatives::new(&precise);
        let step = Quad::from_f64(2f64.powi(-30));
        let directions = cast::<Quad>(&v);
        for order in 1..=3 {
            let mut found = vec![0.0; d];
            match order {
                1 => derivatives.hessian_vector(&theta, &v, &mut found),
                2 => derivatives.third_derivative(&theta, &v, &mut found),
                _ => derivatives.fourth_derivative(&theta, &v, &mut found),
            }
            let mut lower = |sign: f64| -> Vec<Quad> {
                let mut at = cast::<Quad>(&theta);
                add_scaled(&mut at, Quad::from_f64(sign) * step, &directions);
                let mut out = vec![Quad::from_f64(0.0); d];
                match order {
                    1 => out.copy_from_slice(reference.gradient(&at).1),
                    2 => reference.hessian_vector(&at, &directions, &mut out),
                    _ => reference.third_derivative(&at, &directions, &mut out),
                }
                out
            };
            let (ahead, behind) = (lower(1.0), lower(-1.0));
            let expected: Vec<f64> =
                ahead.iter().zip(&behind).map(|(&a, &b)| ((a - b) / (step + step)).to_f64()).collect();
            let bound = 64.0 * conditioning.rounding * (2.0 * conditioning.condition).powi(order);
            prop_assert!(distance(&found, &expected) <= bound, "order {}: {} > {}", order, distance(&found, &expected), bound);
            prop_assert!(norm(&expected) > 1e3 * bound, "the check could not fail");
        }
    }
}

#[test]
fn outside_its_domain_the_loss_is_not_finite() {
    let data = Dataset::random(4, 6, 0);
    let loss = LinearRegression::<f64>::new(&data).unwrap();
    let (value, _) = Evaluator::<_, f64>::new(&loss).evaluate(&[0.0; 6]);
    assert!(!value.is_finite());
}

proptest! {
    #![proptest_config(cases(48))]

    /// In its principal components a regression is the same function: L′(Vᵀw) = L(w), with the gradients Vᵀ∇L and products of ∇²L.
    #[test]
    fn principal_components_change_no_value(n in 4usize..12, d in 3usize..16, seed in any::<u64>()) {
        let data = Dataset::random(n, d, seed);
        let (components, targets) = data.principal_components().unwrap();
        let rank = components.rank();
        let plain = LinearRegression::<f64>::new(&data).unwrap();
        let rotated = LinearRegression::<f64>::in_components(&components, &targets).unwrap();
        prop_assert_eq!(rotated.sample_count(), n);
        let weights = Dataset::random(rotated.dimension(), 2, !seed).features;
        let (mut inner, along) = (weights.col_as_slice(0).to_vec(), weights.col_as_slice(1));
        inner[rank..].fill(0.0);
        project(&mut inner);
        // A weight of the kernel moves nothing.
        inner[rank..].fill(0.5);
        let lift = |v: &[f64]| {
            let mut lifted = vec![0.0; d];
            apply(components.right.as_ref(), &v[..rank], &mut lifted);
            lifted
        };
        let (outer, outer_along) = (lift(&inner), lift(along));
        let (mut of_plain, mut of_rotated) = (Derivatives::new(&plain), Derivatives::new(&rotated));
        let (mut image, mut rotated_image) = (outer.clone(), inner.clone());
        of_plain.hessian_vector(&outer, &outer_along, &mut image);
        of_rotated.hessian_vector(&inner, along, &mut rotated_image);
        let (value, gradient) = of_plain.gradient(&outer);
        let (rotated_value, rotated_gradient) = of_rotated.gradient(&inner);
        // Each of a hundred roundings is relative to ‖X‖/‖Xθ‖, once for the gradient and twice for a product.
        let conditioning = plain.conditioning(&outer);
        let rounding = 100.0 * f64::EPSILON * conditioning.condition.powi(2);
        prop_assert!((value - rotated_value).abs() <= rounding * (1.0 + value));
        for (whole, found) in [(gradient, rotated_gradient), (&image[..], &rotated_image[..])] {
            let mut expected = vec![0.0; rank];
            apply(components.right.transpose(), whole, &mut expected);
            let scale = norm(&expected) + conditioning.curvature;
            let apart = expected.iter().zip(found).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            prop_assert!(apart <= rounding * scale, "{} above {}", apart, rounding * scale);
        }
        prop_assert!(rotated_gradient[rank..].iter().all(|&g| g == 0.0));
    }
}
