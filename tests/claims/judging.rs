//! Judging one claim on records of one's own, as the runner does.

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use sharpflow::data::Dataset;
use sharpflow_theorems::evidence::{InstanceEvidence, Measurement};
use sharpflow_theorems::experiment::{Experiment, Judged};
use sharpflow_theorems::experiments::{EXPERIMENTS, StableRecord};
use sharpflow_theorems::instance::{Instance, Rejected};
use sharpflow_theorems::judging::Found;
use sharpflow_theorems::population::{Population, Source};
use sharpflow_theorems::progress::Progress;
use sharpflow_theorems::registry::find;
use sharpflow_theorems::theorem::Theorem;
use sharpflow_theorems::verdict::{decide, level_of_one};

/// As many intervals as a default study has, so that a single instance is held to the same confidence.
const FAMILY: usize = 150;

/// `cases` cases; failing seeds are printed, shrunk and kept beside the suites as `*.regressions`.
pub fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        max_shrink_iters: 64,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

/// Decides at the confidence of a default study.
pub fn decided(measurement: Measurement) -> InstanceEvidence {
    decide(measurement, level_of_one(FAMILY))
}

/// What a claim measures on the records of an experiment.
pub fn of<E: Experiment>(claim: &str) -> for<'a> fn(E::Seen<'a>) -> Judged {
    find(claim).unwrap().on::<E>().unwrap_or_else(|| panic!("{claim} is not judged on {}", E::NAME))
}

/// All that some claims measure, on the population of a seed as a whole and on some instances: each experiment is made once for all of them.
pub fn measured_by(claims: &[&'static Theorem], seed: u64, instances: &[Instance]) -> Vec<(String, Measurement)> {
    let population = Population { seed, regressions: 0, networks: 0, source: Source::BuiltIn };
    let parts = EXPERIMENTS.iter().flat_map(|experiment| experiment.parts(claims, &population, instances));
    let done = parts.map(|part| part.done(&Progress::default()).unwrap().unwrap().0);
    let found = done.flatten().map(|finding| (finding.claim, finding.found));
    found
        .filter_map(|(claim, found)| match found {
            Found::Measured(measurement) => Some((claim, measurement)),
            Found::Skipped(_) => None,
        })
        .collect()
}

/// The same of one claim.
pub fn measured(claim: &str, seed: u64, instances: &[Instance]) -> Vec<Measurement> {
    let found = measured_by(&[find(claim).unwrap()], seed, instances);
    found.into_iter().map(|(_, measurement)| measurement).collect()
}

/// Instances over random shapes, data, angles and directions, as drawn; those not admitted are to be assumed away.
pub fn instances() -> impl Strategy<Value = Result<Instance, String>> {
    (6usize..12, 1usize..7, 0.8..1.25f64, any::<u64>()).prop_map(|(n, more, angle, seed)| {
        let data = Dataset::random(n, n + more, seed);
        let name = format!("random {n}×{} (seed {seed}, angle {angle})", n + more);
        let instance = Instance::new(name, &data, angle, seed).map_err(|error: Rejected| error.to_string())?;
        // Ladders that start lower cost more than a test may.
        if instance.plan.intrinsic_lrs[0] < 3e-4 { Err("too slow for a test".into()) } else { Ok(instance) }
    })
}

/// Descents of an instance from the stable regime.
pub fn stable_record(instance: &Instance, seed: u64) -> StableRecord {
    StableRecord::of_instance(instance, seed, &Progress::default()).unwrap().unwrap()
}

/// Those of losses smooth on all of S.
pub fn smooth_records(seed: u64) -> Vec<StableRecord> {
    StableRecord::smooth(seed, &Progress::default()).unwrap().unwrap()
}
