#[path = "common/claims.rs"]
mod claims;
mod common;

use proptest::prelude::*;
use sharpflow_theorems::evidence::Verdict;
use sharpflow_theorems::instance::Instance;

proptest! {
    #![proptest_config(common::cases(2))]

    #[test]
    fn confirmed_on_random_instances(instance in claims::instances()) {
        prop_assume!(instance.is_ok());
        let measured = claims::measure_dynamics("scalar_rmsprop", &instance.unwrap());
        // An instance whose runs do not come far enough is not judged.
        prop_assume!(!measured.is_empty());
        prop_assert_eq!(measured.len(), 2);
        for measurement in measured {
            let evidence = claims::decided(measurement);
            prop_assert_eq!(evidence.verdict, Verdict::Confirmed, "{}: {}", evidence.instance, evidence.reason);
        }
    }
}

/// Of the first admitted draws: each C_b is confirmed on some, and none is refuted.
#[test]
fn confirmed_without_the_sphere() {
    let instances = (0..40).filter_map(|seed| Instance::without_sphere(seed).ok()).take(3);
    let measured = instances.flat_map(|instance| claims::measure_dynamics("scalar_rmsprop", &instance));
    let evidence: Vec<_> = measured.map(claims::decided).collect();
    for decay in ["C_b = 1", "C_b = 4"] {
        let mut verdicts = evidence.iter().filter(|e| e.instance.ends_with(decay)).map(|e| e.verdict);
        assert!(verdicts.clone().any(|verdict| verdict == Verdict::Confirmed), "{decay}");
        assert!(verdicts.all(|verdict| matches!(verdict, Verdict::Confirmed | Verdict::HypothesisFailed)), "{decay}");
    }
}
