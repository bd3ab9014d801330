#[path = "common/claims.rs"]
mod claims;
mod common;

use proptest::prelude::*;
use sharpflow_theorems::evidence::Verdict;

proptest! {
    #![proptest_config(common::cases(2))]

    #[test]
    fn confirmed_or_outgrown_on_random_instances(instance in claims::instances()) {
        prop_assume!(instance.is_ok());
        let measured = claims::measure_dynamics("heavy_ball", &instance.unwrap());
        // One μ or both may not be judged, where runs do not come far enough.
        prop_assume!(!measured.is_empty());
        for measurement in measured {
            let evidence = claims::decided(measurement);
            // Momentum can make the swings outgrow the theory's range; then that is said, and nothing else.
            let outgrown = evidence.verdict == Verdict::HypothesisFailed;
            let confirmed = evidence.verdict == Verdict::Confirmed;
            prop_assert!(confirmed || outgrown, "{}: {}", evidence.instance, evidence.reason);
        }
    }
}

#[test]
fn confirmed_where_the_swings_stay_small() {
    let data = sharpflow::data::Dataset::random(8, 12, 3);
    let instance = sharpflow_theorems::instance::Instance::new("random".into(), &data, 1.1, 3).unwrap();
    let measured = claims::measure_dynamics("heavy_ball", &instance);
    assert_eq!(measured.len(), 2);
    for measurement in measured {
        let evidence = claims::decided(measurement);
        assert_eq!(evidence.verdict, Verdict::Confirmed, "{}: {}", evidence.instance, evidence.reason);
    }
}
