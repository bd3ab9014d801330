#[path = "common/claims.rs"]
mod claims;
mod common;

use claims::{decided, instances, measure_ladder};
use common::cases;
use proptest::prelude::*;
use sharpflow_theorems::evidence::Verdict;

proptest! {
    #![proptest_config(cases(3))]

    #[test]
    fn confirmed_on_random_instances(instance in instances()) {
        prop_assume!(instance.is_ok());
        let evidence = decided(measure_ladder("minimum_norm_convergence", &instance.unwrap()));
        prop_assert_eq!(evidence.verdict, Verdict::Confirmed, "{}", evidence.reason);
        prop_assert!(evidence.twins.len() >= 2);
    }
}
