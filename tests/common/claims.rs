//! Judging one claim on one instance, as the runner does.

use proptest::prelude::*;
use sharpflow::data::Dataset;
use sharpflow_theorems::evidence::{InstanceEvidence, Measurement, Verdict};
use sharpflow_theorems::hypotheses::of_identities;
use sharpflow_theorems::instance::{Instance, Rejected};
use sharpflow_theorems::records::{
    DynamicsRecord, GROWN, GrowthRecord, IdentityRecord, LadderRecord, Progress, Scope, StableRecord, SwingRecord,
    draws,
};
use sharpflow_theorems::registry::find;
use sharpflow_theorems::theorem::Judge;
use sharpflow_theorems::verdict::{decide, level_of_one};

/// As many intervals as a default study has, so that a single instance is held to the same confidence.
const FAMILY: usize = 150;

/// Decides at the confidence of a default study.
pub fn decided(measurement: Measurement) -> InstanceEvidence {
    decide(measurement, level_of_one(FAMILY))
}

/// What a claim's identities measure, an architecture at a time.
#[allow(dead_code, reason = "claims about runs have no use for it")]
pub fn measure_identities(claim: &str, seed: u64) -> Vec<Measurement> {
    let identities = find(claim).unwrap().judge.identities();
    let records = IdentityRecord::all(seed).unwrap();
    records.iter().map(|record| of_identities(record, identities)).collect()
}

/// What a claim about single steps measures, an arithmetic at a time.
#[allow(dead_code, reason = "claims about ladders have no use for it")]
pub fn measure_steps(claim: &str, seed: u64) -> Vec<Measurement> {
    let Judge::Steps(_, judge) = find(claim).unwrap().judge else {
        panic!("{claim} is not judged on steps");
    };
    draws(seed).unwrap().iter().map(|(_, draws)| judge(draws)).collect()
}

/// What a claim about runs measures on one instance.
#[allow(dead_code, reason = "claims about steps have no use for it")]
pub fn measure_ladder(claim: &str, instance: &Instance) -> Measurement {
    let ladder = || LadderRecord::new(instance, &Progress::default()).unwrap().unwrap();
    match find(claim).unwrap().judge {
        Judge::Ladder(judge) => judge(instance, &ladder()),
        Judge::Regression(judge) => judge(instance, instance.loss.regression().unwrap(), &ladder()).unwrap(),
        Judge::Points(judge) => judge(instance),
        Judge::Swings(judge) => judge(instance, &SwingRecord::new(instance, &Progress::default()).unwrap().unwrap()),
        _ => panic!("{claim} is not judged on an instance"),
    }
}

/// What a claim about growth measures on one instance, with every dynamics whose runs are short enough and stay within the hypotheses.
#[allow(dead_code, reason = "other claims have no use for it")]
pub fn measure_growth(claim: &str, instance: &Instance) -> Vec<Measurement> {
    let Judge::Growth(judge) = find(claim).unwrap().judge else { panic!("{claim} is not judged on growth") };
    let records = GROWN.map(|dynamics| GrowthRecord::new(instance, dynamics, &Progress::default()).unwrap().unwrap());
    let runs = records.iter().filter(|record| !record.runs.is_empty());
    let measured = runs.filter_map(|record| judge(instance, record));
    measured.filter(|measured| decided(measured.clone()).verdict != Verdict::HypothesisFailed).collect()
}

/// What a claim about other dynamics measures on one instance.
#[allow(dead_code, reason = "other claims have no use for it")]
pub fn measure_dynamics(claim: &str, instance: &Instance) -> Vec<Measurement> {
    let Judge::Dynamics(about, judge) = find(claim).unwrap().judge else {
        panic!("{claim} is not judged on other dynamics");
    };
    let records = DynamicsRecord::all(instance, &Progress::default()).unwrap().unwrap();
    let run = |record: &&DynamicsRecord| about(record.dynamics) && !record.runs.is_empty();
    records.iter().filter(run).map(|record| judge(instance, record)).collect()
}

/// Instances over random shapes, data, angles and directions, as drawn; those not admitted are to be assumed away.
#[allow(dead_code, reason = "claims about steps have no use for it")]
pub fn instances() -> impl Strategy<Value = Result<Instance, String>> {
    (6usize..12, 1usize..7, 0.8..1.25f64, any::<u64>()).prop_map(|(n, more, angle, seed)| {
        let data = Dataset::random(n, n + more, seed);
        let name = format!("random {n}×{} (seed {seed}, angle {angle})", n + more);
        let instance = Instance::new(name, &data, angle, seed).map_err(|error: Rejected| error.to_string())?;
        // Ladders that start lower cost more than a test may.
        if instance.plan.rungs[0] < 3e-4 { Err("too slow for a test".into()) } else { Ok(instance) }
    })
}

/// The claim is confirmed in every arithmetic.
#[allow(dead_code, reason = "claims about ladders have no use for it")]
pub fn check_steps(claim: &str, seed: u64) -> Result<(), TestCaseError> {
    let measured = measure_steps(claim, seed);
    prop_assert_eq!(measured.len(), 3);
    for measurement in measured {
        let evidence = decided(measurement);
        prop_assert_eq!(evidence.verdict, Verdict::Confirmed, "{}", evidence.reason);
        prop_assert!(evidence.twins.len() >= 2);
    }
    Ok(())
}

/// The claim is confirmed on an admitted instance, with as many constants, each interval holding the theory's and little else.
#[allow(dead_code, reason = "claims about steps have no use for it")]
pub fn check_ladder(claim: &str, instance: Result<Instance, String>, constants: usize) -> Result<(), TestCaseError> {
    prop_assume!(instance.is_ok());
    let evidence = decided(measure_ladder(claim, &instance.unwrap()));
    prop_assert_eq!(evidence.verdict, Verdict::Confirmed, "{}", evidence.reason);
    prop_assert!(evidence.twins.len() >= 2);
    prop_assert_eq!(evidence.estimates.len(), constants);
    for constant in &evidence.estimates {
        let (theory, estimate) = (constant.theory.unwrap(), constant.estimate);
        prop_assert!(estimate.contains(theory), "{} = {:?}", constant.what, estimate);
        prop_assert!(estimate.half_width < 0.1 * theory, "{} = {:?}", constant.what, estimate);
    }
    Ok(())
}

/// Descents of an instance from the stable regime.
#[allow(dead_code, reason = "other claims have no use for it")]
pub fn stable_record(instance: &Instance, seed: u64) -> StableRecord {
    StableRecord::of_instance(instance, seed, &Progress::default()).unwrap().unwrap()
}

/// Those of losses smooth on all of S.
#[allow(dead_code, reason = "other claims have no use for it")]
pub fn smooth_records(seed: u64) -> Vec<StableRecord> {
    StableRecord::smooth(seed, &Progress::default()).unwrap().unwrap()
}

/// The claim is confirmed on descents from the stable regime.
#[allow(dead_code, reason = "other claims have no use for it")]
pub fn check_stable(claim: &str, records: &[StableRecord], scope: Scope) -> Result<(), TestCaseError> {
    let evidence = decided(match find(claim).unwrap().judge {
        Judge::Stable(judge) => judge(records, scope),
        Judge::Sphere(judge) => judge(records),
        _ => panic!("{claim} is not about the stable regime"),
    });
    prop_assert_eq!(evidence.verdict, Verdict::Confirmed, "{}", evidence.reason);
    prop_assert!(evidence.twins.len() >= 2);
    Ok(())
}
