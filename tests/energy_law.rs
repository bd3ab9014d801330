#[path = "common/claims.rs"]
mod claims;
mod common;

use proptest::prelude::*;
use sharpflow_theorems::evidence::Verdict;
use sharpflow_theorems::instance::{FAMILIES, Instance};
use sharpflow_theorems::records::{GrowthRecord, Progress};
use sharpflow_theorems::registry::find;
use sharpflow_theorems::theorem::Judge;

/// The twins tried on an instance, whose runs are short enough; the claim is confirmed there.
fn check(instance: &Instance) -> Option<Vec<String>> {
    let record = GrowthRecord::new(instance, &Progress::default()).unwrap().unwrap();
    let Judge::Growth(judge) = find("energy_law").unwrap().judge else { panic!("judged on other runs") };
    if record.runs.is_empty() {
        return None;
    }
    let evidence = claims::decided(judge(instance, &record)?);
    assert_eq!(evidence.verdict, Verdict::Confirmed, "{}: {}", instance.name, evidence.reason);
    for constant in &evidence.estimates {
        assert!(constant.estimate.contains(1.0) && constant.estimate.half_width < 0.2, "{constant:?}");
    }
    Some(evidence.twins.iter().map(|twin| twin.what.to_string()).collect())
}

proptest! {
    #![proptest_config(common::cases(2))]

    #[test]
    fn confirmed_on_random_instances(instance in claims::instances()) {
        prop_assume!(instance.is_ok());
        prop_assume!(check(&instance.unwrap()).is_some());
    }
}

/// Oscillations that grow and that die out, and every constant of κ somewhere told from its twins.
#[test]
fn confirmed_on_networks_with_either_sign_and_every_twin() {
    let admitted = |name: &str, suits: fn(f64) -> bool| {
        let family = FAMILIES.iter().find(|family| family.architecture == name).unwrap();
        let suits = |instance: &Instance| suits(instance.plan.energy_growth);
        (0..100).find_map(|seed| family.instance(seed).ok().filter(suits)).expect("an instance")
    };
    let instances = [
        admitted("circle", |growth| growth > 0.3),
        admitted("circle", |growth| growth < -0.3),
        admitted("matrix_completion", |_| true),
        admitted("rms_norm", |_| true),
    ];
    let mut tried: Vec<String> = instances.iter().filter_map(check).flatten().collect();
    tried.sort();
    tried.dedup();
    assert_eq!(tried.len(), 9, "{tried:?}");
}
