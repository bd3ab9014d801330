#[path = "common/claims.rs"]
mod claims;
mod common;

use claims::{decided, instances, measure_ladder};
use common::cases;
use proptest::prelude::*;
use sharpflow_theorems::evidence::Verdict;

proptest! {
    #![proptest_config(cases(4))]

    #[test]
    fn confirmed_on_random_instances_with_its_constants(instance in instances()) {
        prop_assume!(instance.is_ok());
        let evidence = decided(measure_ladder("sharpness_reduction_flow", &instance.unwrap()));
        prop_assert_eq!(evidence.verdict, Verdict::Confirmed, "{}", evidence.reason);
        prop_assert!(evidence.twins.len() >= 2 && !evidence.estimates.is_empty());
        for constant in &evidence.estimates {
            let theory = constant.theory.unwrap();
            prop_assert!(constant.estimate.contains(theory), "{} = {:?}", constant.what, constant.estimate);
            // An interval that holds everything says nothing.
            prop_assert!(constant.estimate.half_width < 0.1 * theory, "{} = {:?}", constant.what, constant.estimate);
        }
    }
}
