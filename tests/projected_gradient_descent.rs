#[path = "common/claims.rs"]
mod claims;
mod common;

use claims::{decided, measure_steps};
use common::cases;
use proptest::prelude::*;
use sharpflow_theorems::evidence::Verdict;

proptest! {
    #![proptest_config(cases(8))]

    #[test]
    fn confirmed_in_every_arithmetic(seed: u64) {
        let measured = measure_steps("projected_gradient_descent", seed);
        prop_assert_eq!(measured.len(), 3);
        for measurement in measured {
            let evidence = decided(measurement);
            prop_assert_eq!(evidence.verdict, Verdict::Confirmed, "{}", evidence.reason);
            prop_assert!(evidence.twins.len() >= 2);
        }
    }
}
