#[path = "common/claims.rs"]
mod claims;
mod common;

use proptest::prelude::*;
use sharpflow_theorems::records::Scope;

proptest! {
    #![proptest_config(common::seeds(2))]

    #[test]
    fn confirmed_along_the_paths_of_random_instances(instance in claims::instances(), seed in any::<u64>()) {
        prop_assume!(instance.is_ok());
        claims::check_stable("stable_regime_exit", &[claims::stable_record(&instance.unwrap(), seed)], Scope::Path)?;
    }

    #[test]
    fn confirmed_on_the_whole_sphere(seed in any::<u64>()) {
        claims::check_stable("stable_regime_exit", &claims::smooth_records(seed), Scope::Sphere)?;
    }
}
