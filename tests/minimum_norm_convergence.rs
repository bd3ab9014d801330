#[path = "common/claims.rs"]
mod claims;
mod common;

use faer::Mat;
use proptest::prelude::*;
use sharpflow::data::Dataset;
use sharpflow_theorems::evidence::Verdict;
use sharpflow_theorems::instance::Instance;

proptest! {
    #![proptest_config(common::cases(3))]

    #[test]
    fn confirmed_on_random_instances(instance in claims::instances()) {
        claims::check_ladder("minimum_norm_convergence", instance, 0)?;
    }
}

/// Features that no scaling can mix, as only zeros can be added to a solution: their weighted norms have the same least solution, which is
/// then no twin.
#[test]
fn a_target_that_is_the_solution_is_no_twin() {
    let random = Dataset::random(8, 4, 3);
    let features = Mat::from_fn(8, 6, |i, j| if j < 4 { random.features[(i, j)] } else { 0.0 });
    let data = Dataset::new(features, random.targets);
    let instance = Instance::new("zeros".into(), &data, 1.1, 3).unwrap();
    let measured = claims::measure_ladder("minimum_norm_convergence", &instance);
    let twins: Vec<_> = measured.twins.iter().map(|twin| twin.what.as_ref()).collect();
    assert_eq!(twins, ["to the start", "to the correlations Xᵀy", "λ₁(w*) ≥ λ₁ on Γ"]);
    assert_eq!(claims::decided(measured).verdict, Verdict::Confirmed);
}
