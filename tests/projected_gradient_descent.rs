#[path = "common/claims.rs"]
mod claims;
mod common;

use proptest::prelude::*;

proptest! {
    #![proptest_config(common::cases(8))]

    #[test]
    fn confirmed_in_every_arithmetic(seed: u64) {
        claims::check_steps("projected_gradient_descent", seed)?;
    }
}
