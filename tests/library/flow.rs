//! The integrated flow against its closed form.

use crate::common::{cases, data_with_kernel, normal_vector};
use ode_solvers::dop_shared::FloatNumber;
use proptest::prelude::*;
use sharpflow::arithmetic::{Float, Real, distance};
use sharpflow::data::Dataset;
use sharpflow::flow::{FlowConstants, FlowError, angle_at, integrate};
use sharpflow::loss::{LinearRegression, Loss};
use sharpflow::minimizers::{Geometry, LinearRegressionMinimizers, Minimizers, MinimizersError, NumericMinimizers};
use sharpflow::sphere::Space;

/// The largest gap between the flow over closed-form Γ and tan φ(τ) = tan φ(0)e^{−τ}, over what the integrator may err by.
fn worst_ratio<T>(data: &Dataset, angle: f64, seed: u64, constants: FlowConstants, tolerance: f64) -> f64
where
    T: Float + FloatNumber,
    f64: From<T>,
{
    const END: f64 = 2.0;
    let loss = LinearRegression::<T>::new(data).unwrap();
    let mut minimizers = LinearRegressionMinimizers::new(&loss).unwrap();
    let d = loss.dimension();
    let number = <T as sharpflow::arithmetic::Base>::from_f64;
    let towards: Vec<T> = normal_vector(d, seed).into_iter().map(number).collect();
    let start = minimizers.at_angle(angle, &towards).unwrap();
    let flow = integrate(&mut minimizers, constants, &start, END, tolerance).unwrap();
    let mut state = start.clone();
    let mut worst = 0.0f64;
    for k in 0..=20 {
        let tau = END * k as f64 / 20.0;
        flow.at(tau, &mut state);
        let expected = minimizers.at_angle(angle_at(angle, tau), &start).unwrap();
        // Steps of local error √D·tolerance·2, carried on by e^τ at most; and rounding, which f32 feels.
        let local = 2.0 * tolerance + 16.0 * <T as Real>::UNIT_ROUNDOFF;
        let bound = 2.0 * (flow.steps() + 1) as f64 * (d as f64).sqrt() * local * tau.exp();
        worst = worst.max(distance(&state, &expected).to_f64() / bound);
    }
    worst
}

proptest! {
    #![proptest_config(cases(32))]

    #[test]
    fn the_flow_is_its_closed_form(data in data_with_kernel(), angle in 0.0..1.5f64, seed: u64) {
        let law = FlowConstants::SHARPNESS_REDUCTION;
        prop_assert!(worst_ratio::<f64>(&data, angle, seed, law, 1e-10) <= 1.0);
        prop_assert!(worst_ratio::<f32>(&data, angle.min(1.2), seed, law, 1e-5) <= 1.0);
    }

    #[test]
    fn a_flow_of_other_constants_is_not(data in data_with_kernel(), angle in 0.3..1.5f64, seed: u64, which in 0usize..3) {
        let mut twin = FlowConstants::SHARPNESS_REDUCTION;
        match which {
            0 => twin.numerator *= 1.01,
            1 => twin.offset *= 1.01,
            _ => twin.slope *= 1.01,
        }
        prop_assert!(worst_ratio::<f64>(&data, angle, seed, twin, 1e-10) > 1.0);
    }
}

#[test]
fn the_closed_form_keeps_its_digits_at_the_ends() {
    assert_eq!(angle_at(0.0, 1.0), 0.0);
    let straight = std::f64::consts::FRAC_PI_2 - 1e-12;
    assert!((angle_at(straight, 40.0).tan() / (straight.tan() * (-40f64).exp()) - 1.0).abs() < 1e-12);
}

#[test]
fn a_flow_over_derivatives_alone_is_the_same_flow() {
    let data = Dataset::random(6, 9, 3);
    let loss = LinearRegression::<f64>::new(&data).unwrap();
    let mut closed = LinearRegressionMinimizers::new(&loss).unwrap();
    let start = closed.at_angle(1.0, &normal_vector(9, 4)).unwrap();
    let mut numeric = NumericMinimizers::through(&loss, &start).unwrap();
    let law = FlowConstants::SHARPNESS_REDUCTION;
    let flow = integrate(&mut numeric, law, &start, 1.0, 1e-9).unwrap();
    let mut state = start.clone();
    flow.at(1.0, &mut state);
    let expected = closed.at_angle(angle_at(1.0, 1.0), &start).unwrap();
    let bound = 4.0 * f64::from(flow.steps()) * 3.0 * 1e-9 * 1f64.exp();
    assert!(distance(&state, &expected) <= bound);
}

/// A Γ on which λ₁ comes near to λ₂ where the first coordinate falls.
struct Crossing;

impl Minimizers<f64> for Crossing {
    fn space(&self) -> Space {
        Space::Sphere
    }

    fn dimension(&self) -> usize {
        2
    }
    fn manifold_dimension(&self) -> usize {
        1
    }
    fn nearest(&mut self, theta: &[f64], point: &mut [f64]) -> Result<(), MinimizersError> {
        point.copy_from_slice(theta);
        Ok(())
    }
    fn geometry(&mut self, point: &[f64], geometry: &mut Geometry<f64>) -> Result<(), MinimizersError> {
        geometry.sharpness = 1.0;
        geometry.next_sharpness = if point[0] < 0.9 { 1.0 - 1e-4 } else { 0.0 };
        geometry.log_gradient.copy_from_slice(&[point[1], -point[0]]);
        Ok(())
    }
}

#[test]
fn a_flow_ends_where_the_sharpness_is_hardly_simple() {
    let law = FlowConstants::SHARPNESS_REDUCTION;
    let failed = integrate(&mut Crossing, law, &[1.0, 0.0], 10.0, 1e-8).map(|_| ()).unwrap_err();
    let source = |failed: &FlowError| match failed {
        FlowError::RightHandSide { source, .. } => Some(*source),
        _ => None,
    };
    assert!(matches!(source(&failed), Some(MinimizersError::NotSimple { .. })), "{failed}");
}

#[test]
fn the_interval_and_the_tolerance_are_each_looked_at() {
    let law = FlowConstants::SHARPNESS_REDUCTION;
    for (end, tolerance) in
        [(0.0, 1e-8), (-1.0, 1e-8), (f64::INFINITY, 1e-8), (1.0, 0.0), (1.0, f64::INFINITY), (1.0, -1.0)]
    {
        let failed = integrate(&mut Crossing, law, &[1.0, 0.0], end, tolerance).map(|_| ()).unwrap_err();
        assert!(matches!(failed, FlowError::Domain { .. }), "{end} {tolerance}: {failed}");
    }
    let flow = integrate(&mut Crossing, law, &[1.0, 0.0], 0.25, 1e-8).unwrap();
    assert_eq!(flow.end(), 0.25);
}

/// A Γ whose right-hand side fails beyond a time that only the state knows.
struct Failing;

impl Minimizers<f64> for Failing {
    fn space(&self) -> Space {
        Space::Sphere
    }

    fn dimension(&self) -> usize {
        2
    }
    fn manifold_dimension(&self) -> usize {
        1
    }
    fn nearest(&mut self, theta: &[f64], point: &mut [f64]) -> Result<(), MinimizersError> {
        point.copy_from_slice(theta);
        if theta[0] < 0.9 {
            return Err(MinimizersError::NoNearestPoint { cosine: theta[0] });
        }
        Ok(())
    }
    fn geometry(&mut self, point: &[f64], geometry: &mut Geometry<f64>) -> Result<(), MinimizersError> {
        geometry.sharpness = 1.0;
        geometry.log_gradient.copy_from_slice(&[point[1], -point[0]]);
        Ok(())
    }
}

#[test]
fn a_flow_that_fails_says_where() {
    let law = FlowConstants::SHARPNESS_REDUCTION;
    let failed = integrate(&mut Failing, law, &[1.0, 0.0], 10.0, 1e-8).map(|_| ()).unwrap_err();
    assert!(matches!(failed, FlowError::RightHandSide { tau, .. } if tau > 0.0), "{failed}");
    let failed = integrate(&mut Failing, law, &[f64::NAN, 0.0], 1.0, 1e-8).map(|_| ()).unwrap_err();
    assert!(matches!(failed, FlowError::NotFinite { .. }), "{failed}");
}
