//! The calculus of scale invariance on every architecture; and that it is refuted where a loss has none.

use crate::judging;
use sharpflow_theorems::evidence::Verdict;

#[test]
fn confirmed_on_every_architecture() {
    for measurement in judging::measured("scale_invariance", 3, &[]) {
        let evidence = judging::decided(measurement);
        assert_eq!(evidence.verdict, Verdict::Confirmed, "{}: {}", evidence.instance, evidence.reason);
        // Five identities in both fields and in floats, with all their twins.
        assert_eq!((evidence.statements.len(), evidence.twins.len()), (10, 28));
        assert!(evidence.estimates[0].estimate.value < -60.0, "{:?}", evidence.estimates[0]);
    }
}
