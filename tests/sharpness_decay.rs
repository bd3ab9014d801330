#[path = "common/claims.rs"]
mod claims;
mod common;

use proptest::prelude::*;

proptest! {
    #![proptest_config(common::cases(4))]

    #[test]
    fn confirmed_on_random_instances(instance in claims::instances()) {
        claims::check_ladder("sharpness_decay", instance, 1)?;
    }
}
