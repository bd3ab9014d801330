#[path = "common/claims.rs"]
mod claims;
mod common;

use proptest::prelude::*;
use sharpflow_theorems::evidence::Verdict;

proptest! {
    #![proptest_config(common::cases(2))]

    #[test]
    fn confirmed_on_random_instances(instance in claims::instances()) {
        prop_assume!(instance.is_ok());
        let measured = claims::measure_dynamics("heavy_ball", &instance.unwrap());
        prop_assert_eq!(measured.len(), 2);
        for measurement in measured {
            let evidence = claims::decided(measurement);
            prop_assert_eq!(evidence.verdict, Verdict::Confirmed, "{}: {}", evidence.instance, evidence.reason);
        }
    }
}
