#[path = "common/claims.rs"]
mod claims;
mod common;

use proptest::prelude::*;

proptest! {
    #![proptest_config(common::cases(3))]

    #[test]
    fn confirmed_on_random_instances(instance in claims::instances()) {
        claims::check_ladder("minimum_norm_convergence", instance, 0)?;
    }
}
