//! Γ in closed form against Γ from derivatives alone.

use std::sync::Arc;

use crate::common::{cases, data_with_kernel, normal_vector};
use faer::Mat;
use proptest::prelude::*;
use sharpflow::arithmetic::{Float, Real, add_scaled, apply, distance, dot, norm, scale};
use sharpflow::data::Dataset;
use sharpflow::dense::symmetric_eigen;
use sharpflow::descent::{Descent, ProjectedGradientDescent};
use sharpflow::loss::{Derivatives, LinearRegression, Loss};
use sharpflow::minimizers::{Geometry, LinearRegressionMinimizers, Minimizers, MinimizersError, NumericMinimizers};
use sharpflow::sharpness::{HessianKind, spherical_sharpness};
use sharpflow::sphere::{make_tangent, project};

/// Both routes at one point: λ₁, v₁, G, and the nearest point to a displaced one. Returns whether λ₁ was simple enough to ask.
fn check_routes_agree<T: Float>(data: &Dataset, angle: f64, seed: u64) -> bool {
    let loss = LinearRegression::<T>::new(data).unwrap();
    let mut closed = LinearRegressionMinimizers::new(&loss).unwrap();
    let d = loss.dimension();
    let random: Vec<T> = normal_vector(d, seed).into_iter().map(T::from_f64).collect();
    let point = closed.at_angle(angle, &random).unwrap();
    let mut exact = Geometry::new(d);
    closed.geometry(&point, &mut exact).unwrap();
    let conditioning = loss.conditioning(&point);
    // An entry of ∇²L errs by this, and a spectrum that spans more than the bound leaves is no test of either route.
    let error = 4.0 * conditioning.rounding * conditioning.condition;
    let sharpness = exact.sharpness.to_f64();
    if exact.relative_gap() < 0.05 || error > 1e-3 * sharpness {
        return false;
    }
    // So is a least normal eigenvalue that rounding reaches.
    let hessian = Derivatives::new(&loss).hessian(&point);
    let least = symmetric_eigen(hessian.as_ref()).unwrap().values[closed.rank() - 2].to_f64();
    if error > 1e-3 * least || sharpness > 1e3 * least {
        return false;
    }
    let mut numeric = NumericMinimizers::through(&loss, &point).unwrap();
    assert_eq!(numeric.manifold_dimension(), closed.manifold_dimension());
    let mut found = Geometry::new(d);
    found.direction.copy_from_slice(&exact.direction);
    numeric.geometry(&point, &mut found).unwrap();
    assert!((found.sharpness - exact.sharpness).to_f64().abs() <= error);
    assert!((found.next_sharpness - exact.next_sharpness).to_f64().abs() <= error);
    let of_vector = 2.0 * error / (sharpness * exact.relative_gap());
    assert!(distance(&found.direction, &exact.direction).to_f64() <= of_vector);
    // G is ∇³L[v₁, v₁]/λ₁, projected: the third derivative's own error, and v₁'s.
    let third = 16.0 * conditioning.curvature * conditioning.condition / sharpness;
    let of_gradient = third * (of_vector + error / sharpness);
    assert!(distance(&found.log_gradient, &exact.log_gradient).to_f64() <= of_gradient);

    // A point off Γ along a normal direction comes back to where it left.
    let mut off = point.clone();
    // Small against the curvature radius of the loss, the inverse of the normalization's condition.
    let displacement = 0.01 / conditioning.condition;
    add_scaled(&mut off, T::from_f64(displacement), &exact.direction);
    let (mut a, mut b) = (point.clone(), point.clone());
    closed.nearest(&off, &mut a).unwrap();
    let returned = distance(&a, &point).to_f64();
    assert!(returned <= 64.0 * d as f64 * T::UNIT_ROUNDOFF, "{returned}");
    // The Newton steps stop where the gradient's rounding, over the least normal eigenvalue, is all that is left.
    numeric.nearest(&off, &mut b).unwrap();
    assert!(distance(&a, &b).to_f64() <= 4.0 * conditioning.rounding / least);
    true
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn closed_form_and_derivatives_agree(data in data_with_kernel(), angle in 0.0..1.3f64, seed: u64) {
        prop_assume!(check_routes_agree::<f64>(&data, angle, seed));
    }

    #[test]
    fn closed_form_and_derivatives_agree_in_single_precision(seed: u64, angle in 0.0..1.0f64) {
        prop_assume!(check_routes_agree::<f32>(&Dataset::random(4, 6, seed), angle, seed));
    }

    /// w* is a solution (Xw* = y) in the row space (w* = Xᵀa): together these single it out, whatever the decomposition.
    #[test]
    fn the_minimum_norm_solution_solves_and_has_no_kernel_part(data in data_with_kernel(), seed: u64) {
        let loss = LinearRegression::<f64>::new(&data).unwrap();
        let mut minimizers = LinearRegressionMinimizers::new(&loss).unwrap();
        prop_assert!(minimizers.interpolates());
        let (n, d) = (loss.targets().len(), loss.dimension());
        let mut solution = minimizers.minimum_norm_direction().to_vec();
        scale(&mut solution, minimizers.minimum_norm());
        let mut residual = vec![0.0; n];
        apply(loss.features(), &solution, &mut residual);
        add_scaled(&mut residual, -1.0, loss.targets());
        let conditioning = loss.conditioning(minimizers.minimum_norm_direction());
        let unit = f64::UNIT_ROUNDOFF * 64.0 * d as f64 * conditioning.condition.powi(2);
        prop_assert!(norm(&residual) <= unit * norm(loss.targets()));
        // A kernel vector is w* turned by a right angle along Γ.
        let point = minimizers.at_angle(1.0, &normal_vector(d, seed)).unwrap();
        let mut kernel = point;
        add_scaled(&mut kernel, -1f64.cos(), minimizers.minimum_norm_direction());
        project(&mut kernel);
        let mut image = vec![0.0; n];
        apply(loss.features(), &kernel, &mut image);
        let along = dot(&kernel, minimizers.minimum_norm_direction());
        prop_assert!(along.abs() <= 64.0 * d as f64 * f64::UNIT_ROUNDOFF);
        let largest: f64 = loss.features().norm_l2();
        prop_assert!(norm(&image) <= 1e2 * d as f64 * f64::UNIT_ROUNDOFF * largest);
    }

    #[test]
    fn the_two_sharpnesses_are_those_of_their_hessians(data in data_with_kernel(), seed: u64) {
        check_sharpness::<f64>(&data, seed);
        check_sharpness::<f32>(&data, seed);
    }
}

/// Off Γ, against the definitions: the Euclidean λ₁ solves ∇²L v = λ₁v, the tangential one P∇²LP v = λ₁v with v ⊥ θ; both are the
/// largest, as no Rayleigh quotient of a random vector exceeds them; and they differ, which on Γ they do not.
fn check_sharpness<T: Float>(data: &Dataset, seed: u64) {
    let loss = LinearRegression::<T>::new(data).unwrap();
    let d = loss.dimension();
    let random = |seed| -> Vec<T> { normal_vector(d, seed).into_iter().map(T::from_f64).collect() };
    let mut theta = random(seed);
    project(&mut theta);
    let mut derivatives = Derivatives::new(&loss);
    let conditioning = loss.conditioning(&theta);
    let error = 8.0 * conditioning.rounding * conditioning.condition;
    let euclidean = spherical_sharpness(&mut derivatives, &theta, HessianKind::Euclidean).unwrap();
    let tangential = spherical_sharpness(&mut derivatives, &theta, HessianKind::Tangential).unwrap();
    let mut quotient = |v: &[T], tangent: bool| -> (f64, f64) {
        let mut v = v.to_vec();
        if tangent {
            make_tangent(&theta, &mut v);
        }
        project(&mut v);
        let mut image = v.clone();
        derivatives.hessian_vector(&theta, &v, &mut image);
        if tangent {
            make_tangent(&theta, &mut image);
        }
        let value = dot(&v, &image);
        add_scaled(&mut image, -value, &v);
        (value.to_f64(), norm(&image).to_f64())
    };
    for (found, tangent) in [(&euclidean, false), (&tangential, true)] {
        let (value, residual) = quotient(&found.vector, tangent);
        assert!((value - found.value.to_f64()).abs() <= error && residual <= 2.0 * error, "{value} {residual} {error}");
        for other in 1..20 {
            assert!(quotient(&random(seed ^ other), tangent).0 <= found.value.to_f64() + error);
        }
    }
    assert!(dot(&tangential.vector, &theta).to_f64().abs() <= error / tangential.value.to_f64().abs());
    assert!(euclidean.value.to_f64() >= tangential.value.to_f64() - error);
}

/// At w*, where G = 0 and nothing drifts, projected gradient descent with η̃λ₁ = 2 + δ has an orbit of period two whose amplitude
/// obeys δ = −qh² + O(h⁴): q measured without a single derivative.
#[test]
fn the_quartic_coefficient_is_that_of_the_period_two_orbit() {
    let data = Dataset::random(6, 9, 11);
    let loss = LinearRegression::<f64>::new(&data).unwrap();
    let mut minimizers = LinearRegressionMinimizers::new(&loss).unwrap();
    let point = minimizers.minimum_norm_direction().to_vec();
    let mut geometry = Geometry::new(9);
    minimizers.geometry(&point, &mut geometry).unwrap();
    let quartic = NumericMinimizers::through(&loss, &point).unwrap().energy_law(&point).unwrap().quartic;
    assert!(quartic < 0.0, "{quartic}");
    let measured = |delta: f64| {
        let mut start = point.clone();
        add_scaled(&mut start, (delta / -quartic).sqrt(), &geometry.direction);
        let mut descent = ProjectedGradientDescent::new(&loss, (2.0 + delta) / geometry.sharpness, &start);
        for _ in 0..200_000 {
            descent.step();
        }
        let here = dot(descent.weights(), &geometry.direction);
        descent.step();
        let there = dot(descent.weights(), &geometry.direction);
        -delta / (0.5 * (here - there)).powi(2)
    };
    // The error is O(δ): a quarter of δ leaves a quarter of it, so Richardson's extrapolation removes it.
    let (coarse, fine) = (measured(4e-4), measured(1e-4));
    let extrapolated = fine + (fine - coarse) / 3.0;
    assert!((extrapolated / quartic - 1.0).abs() < 1e-3, "{coarse} {fine} {quartic}");
}

#[test]
fn without_interpolation_the_routes_still_agree() {
    // Ten samples of three features, each feature twice: rank 3, a kernel of dimension 3, and no interpolation.
    let narrow = Dataset::random(10, 3, 5);
    let data = Dataset::new(Mat::from_fn(10, 6, |i, j| narrow.features[(i, j % 3)]), narrow.targets);
    let loss = LinearRegression::<f64>::new(&data).unwrap();
    let minimizers = LinearRegressionMinimizers::new(&loss).unwrap();
    assert!(!minimizers.interpolates());
    assert_eq!((minimizers.rank(), minimizers.manifold_dimension()), (3, 3));
    assert!(check_routes_agree::<f64>(&data, 0.9, 1));
}

#[test]
fn what_has_no_manifold_is_named() {
    let of = |data: &Dataset| {
        LinearRegressionMinimizers::new(&LinearRegression::<f64>::new(data).unwrap()).map(|_| ()).unwrap_err()
    };
    let features = |f: fn(usize, usize) -> f64| Dataset::new(Mat::from_fn(5, 4, f), vec![1.0, -2.0, 0.5, 3.0, 1.5]);
    assert!(matches!(of(&features(|_, j| j as f64)), MinimizersError::Flat { rank: 0 }));
    assert!(matches!(of(&features(|i, j| (i * j) as f64)), MinimizersError::Flat { rank: 1 }));
    let tall = Dataset::random(12, 4, 0);
    let loss = LinearRegression::<f64>::new(&tall).unwrap();
    let mut minimizers = LinearRegressionMinimizers::new(&loss).unwrap();
    assert_eq!(minimizers.manifold_dimension(), 0);
    assert_eq!(minimizers.at_angle(0.0, &[1.0; 4]).as_deref(), Ok(minimizers.clone().minimum_norm_direction()));
    let off = minimizers.at_angle(0.5, &[1.0, 0.0, 0.0, 0.0]).unwrap_err();
    assert_eq!(off, MinimizersError::SinglePoint { rank: 4, dimension: 4 });
    for angle in [1.6, -0.1, f64::NAN] {
        assert!(matches!(minimizers.at_angle(angle, &[1.0; 4]), Err(MinimizersError::Angle { .. })));
    }
    let behind: Vec<f64> = minimizers.minimum_norm_direction().iter().map(|w| -w).collect();
    let mut point = vec![0.0; 4];
    assert!(matches!(minimizers.nearest(&behind, &mut point), Err(MinimizersError::NoNearestPoint { .. })));
    assert!(matches!(minimizers.nearest(&[f64::NAN; 4], &mut point), Err(MinimizersError::NoNearestPoint { .. })));
}

/// Orthogonal features of equal length and targets symmetric in three of them: μ₁ is double.
#[test]
fn a_double_sharpness_is_named() {
    let features = Mat::from_fn(6, 4, |i, j| match (i / 2 == j, i % 2) {
        (true, 0) => 1.0,
        (true, _) => -1.0,
        _ => 0.0,
    });
    let data = Dataset::new(features, vec![1.0, -1.0, 1.0, -1.0, 1.0, -1.0]);
    let loss = LinearRegression::<f64>::new(&data).unwrap();
    let mut closed = LinearRegressionMinimizers::new(&loss).unwrap();
    let point = closed.at_angle(0.5, &[0.0, 0.0, 0.0, 1.0]).unwrap();
    let mut numeric = NumericMinimizers::through(&loss, &point).unwrap();
    for error in [
        numeric.geometry(&point, &mut Geometry::new(4)).unwrap_err(),
        closed.geometry(&point, &mut Geometry::new(4)).unwrap_err(),
    ] {
        assert!(matches!(error, MinimizersError::NotSimple { .. }), "{error}");
    }
    let along = closed.minimum_norm_direction().to_vec();
    assert_eq!(closed.at_angle(0.5, &along).unwrap_err(), MinimizersError::NoKernelPart);
}

/// Orthogonal features of which the first alone is fitted, so that w* is the top singular vector, with either sign, and the last a zero.
#[test]
fn the_normal_space_is_known_where_the_solution_is_a_singular_vector() {
    for sign in [1.0, -1.0] {
        let features = Mat::from_fn(6, 4, |i, j| match (i / 2 == j, i % 2) {
            (true, 0) => 3.0 - j as f64,
            (true, _) => j as f64 - 3.0,
            _ => 0.0,
        });
        let data = Dataset::new(features, vec![sign, -sign, 0.0, 0.0, 0.0, 0.0]);
        let loss = LinearRegression::<f64>::new(&data).unwrap();
        let mut minimizers = LinearRegressionMinimizers::new(&loss).unwrap();
        assert!(distance(minimizers.minimum_norm_direction(), &[sign, 0.0, 0.0, 0.0]) < 1e-15);
        let mut point = vec![0.0; 4];
        minimizers.nearest(&[0.6 * sign, 0.3, -0.2, 0.8], &mut point).unwrap();
        assert!(distance(&point, &[0.6 * sign, 0.0, 0.0, 0.8]) < 1e-14, "{point:?}");
        // A kernel vector is as far from w* as from −w*.
        let found = minimizers.nearest(&[0.0, 0.0, 0.0, 1.0], &mut point);
        assert_eq!(found, Err(MinimizersError::NoNearestPoint { cosine: 0.0 }));
    }
}

/// A direction counts whatever its length, and so does that it is w* up to rounding.
#[test]
fn the_length_of_a_direction_does_not_matter() {
    let loss = LinearRegression::<f64>::new(&Dataset::random(6, 9, 11)).unwrap();
    let mut minimizers = LinearRegressionMinimizers::new(&loss).unwrap();
    let towards = normal_vector(9, 1);
    let solution = minimizers.minimum_norm_direction().to_vec();
    let point = minimizers.at_angle(0.7, &towards).unwrap();
    for length in [1e-30, 1.0, 1e30] {
        let scaled = |v: &[f64]| -> Vec<f64> { v.iter().map(|x| length * x).collect() };
        assert!(distance(&minimizers.at_angle(0.7, &scaled(&towards)).unwrap(), &point) < 1e-14);
        assert_eq!(minimizers.at_angle(0.7, &scaled(&solution)), Err(MinimizersError::NoKernelPart));
    }
    assert_eq!(minimizers.at_angle(0.7, &[0.0; 9]), Err(MinimizersError::NoKernelPart));
}

/// What holds a loss by a pointer of its own borrows from nothing: it can be kept in a structure, or handed to another thread.
#[test]
fn minimizers_can_own_their_loss() {
    fn kept<T: Send + 'static>(value: T) -> T {
        value
    }
    let loss = Arc::new(LinearRegression::<f64>::new(&Dataset::random(6, 9, 1)).unwrap());
    let mut closed = LinearRegressionMinimizers::new(&*loss).unwrap();
    let point = closed.at_angle(0.7, &normal_vector(9, 1)).unwrap();
    let mut owned = kept(NumericMinimizers::through(loss.clone(), &point).unwrap());
    let mut borrowed = NumericMinimizers::through(&*loss, &point).unwrap();
    let (mut a, mut b) = (Geometry::new(9), Geometry::new(9));
    owned.geometry(&point, &mut a).unwrap();
    borrowed.geometry(&point, &mut b).unwrap();
    assert_eq!(a.sharpness, b.sharpness);
}
