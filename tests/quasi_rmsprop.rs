#[path = "common/claims.rs"]
mod claims;
mod common;

use proptest::prelude::*;
use sharpflow_theorems::evidence::Verdict;

proptest! {
    #![proptest_config(common::cases(8))]

    #[test]
    fn confirmed_in_every_arithmetic(seed: u64) {
        claims::check_steps("quasi_rmsprop", seed)?;
    }
}

#[test]
fn confirmed_on_every_architecture() {
    for measurement in claims::measure_identities("quasi_rmsprop", 4) {
        let evidence = claims::decided(measurement);
        assert_eq!(evidence.verdict, Verdict::Confirmed, "{}: {}", evidence.instance, evidence.reason);
    }
}
