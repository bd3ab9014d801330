#[path = "common/claims.rs"]
mod claims;
mod common;

use proptest::prelude::*;
use sharpflow_theorems::evidence::Verdict;
use sharpflow_theorems::instance::FAMILIES;

proptest! {
    #![proptest_config(common::cases(4))]

    #[test]
    fn confirmed_on_random_instances(instance in claims::instances()) {
        claims::check_ladder("stability_threshold", instance, 0)?;
    }
}

/// There the image of the fixed vector that starts are made from lies almost along −v₁, so that a part along v₁ would cancel it.
#[test]
fn a_start_off_the_manifold_has_a_part_along_the_sharpest_direction() {
    let family = FAMILIES.iter().find(|family| family.architecture == "rms_norm").unwrap();
    let evidence =
        claims::decided(claims::measure_ladder("stability_threshold", &family.instance(181_897_281).unwrap()));
    assert_eq!(evidence.verdict, Verdict::Confirmed, "{}", evidence.reason);
}
