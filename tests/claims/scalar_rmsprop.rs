use crate::judging;
use sharpflow::descent::{Optimizer, Rmsprop};
use sharpflow::flow::FlowConstants;
use sharpflow_theorems::evidence::Verdict;
use sharpflow_theorems::experiments::{DynamicsRecord, OtherDynamics};
use sharpflow_theorems::instance::{FAMILIES, Instance};
use sharpflow_theorems::progress::Progress;

/// Of the first draws that are judged each C_b is confirmed on some, and none is refuted.
#[test]
fn confirmed_without_the_sphere() {
    let instances = (0..60).filter_map(|seed| Instance::without_sphere(seed).ok());
    let measured = instances.map(|instance| judging::measured("scalar_rmsprop", 0, &[instance]));
    let evidence: Vec<_> = measured.flatten().take(12).map(judging::decided).collect();
    assert_eq!(evidence.len(), 12);
    for decay in ["C_b = 1", "C_b = 4"] {
        let mut verdicts = evidence.iter().filter(|e| e.instance.ends_with(decay)).map(|e| (e.verdict, &e.reason));
        assert!(verdicts.clone().any(|(verdict, _)| verdict == Verdict::Confirmed), "{decay}");
        // The constants fitted to a confirmed run's points are the flow's.
        for one in evidence.iter().filter(|e| e.instance.ends_with(decay) && e.verdict == Verdict::Confirmed) {
            // Those that its path can tell.
            assert!(one.estimates.iter().any(|constant| constant.what == "numerator a"), "{}", one.instance);
            for constant in &one.estimates {
                assert!(constant.estimate.contains(constant.theory().unwrap()), "{}: {constant:?}", one.instance);
            }
        }
        let allowed = |verdict| matches!(verdict, Verdict::Confirmed | Verdict::HypothesisFailed);
        assert!(verdicts.all(|(verdict, _)| allowed(verdict)), "{decay}: {verdicts:?}");
    }
}

/// There the flow of twice the speed meets a crossing of eigenvalues before the runs end: the twin is told by what comes before.
#[test]
fn a_twin_that_meets_a_crossing_is_told() {
    let family = FAMILIES.iter().find(|family| family.architecture == "rms_norm").unwrap();
    let instance = family.instance(9).unwrap();
    let records: Vec<DynamicsRecord> = DynamicsRecord::optimizers(&instance)
        .map(|optimizer| DynamicsRecord::new(&instance, optimizer, &Progress::default()).unwrap())
        .collect();
    let rmsprop = Rmsprop { decay: 1.0 };
    let record = records.iter().find(|record| record.optimizer.setting() == rmsprop.setting()).unwrap();
    let law = rmsprop.flow();
    let faster = FlowConstants { numerator: 2.0 * law.numerator, ..law };
    assert!(instance.flow_over(law, record.horizon).is_ok() && instance.flow_over(faster, record.horizon).is_err());
    let judge = judging::of::<OtherDynamics>("scalar_rmsprop");
    let evidence = judging::decided(judge((&instance, record)).unwrap());
    assert_eq!(evidence.verdict, Verdict::Confirmed, "{}", evidence.reason);
}
