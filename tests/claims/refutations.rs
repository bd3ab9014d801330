//! Checks that cannot fail are defects: here they are made to.

use crate::judging::{self, decided, measured, measured_by, stable_record};
use sharpflow::data::Dataset;
use sharpflow::minimizers::MinimizersError;
use sharpflow_theorems::assumption::Assumption;
use sharpflow_theorems::evidence::{
    Check, Constant, Hypothesis, Measurement, Outcome, Rungs, Statement, Values, Verdict,
};
use sharpflow_theorems::experiments::{Growth, HeldOut, Scope, StableDescents};
use sharpflow_theorems::instance::{FAMILIES, Instance, Rejected};
use sharpflow_theorems::registry::REGISTRY;

/// Every twin, put in its claim's place, is refuted by the claim's own data; and the claim, in a twin's place, is not rejected.
#[test]
fn a_twin_in_its_claims_place_is_refuted() {
    let data = Dataset::random(8, 12, 3);
    let instance = Instance::new("random".into(), &data, 1.1, 3).unwrap();
    let circle = (0..100).find_map(|seed| FAMILIES[0].instance(seed).ok()).unwrap();
    // The digits' own experiment costs too much to be made twice; `held_out_error` asks for its twins.
    let claims: Vec<_> = REGISTRY.into_iter().filter(|claim| claim.on::<HeldOut>().is_none()).collect();
    let growing: Vec<_> = claims.iter().copied().filter(|claim| claim.on::<Growth>().is_some()).collect();
    let mut found = measured_by(&claims, 5, &[instance]);
    found.extend(measured_by(&growing, 5, &[circle]));
    // Under momentum swings may outgrow the range of the energy law.
    found.retain(|(claim, measured)| {
        let grows = growing.iter().any(|one| one.id == claim);
        !grows || decided(measured.clone()).verdict != Verdict::HypothesisFailed
    });
    for claim in claims {
        let mut measured = found.iter().filter(|(id, _)| id == claim.id).map(|(_, measurement)| measurement).peekable();
        assert!(measured.peek().is_some(), "{}: nothing measured", claim.id);
        for measurement in measured {
            for twin in measurement.twins.clone() {
                let what = twin.what.clone();
                let swapped = Measurement { statements: vec![twin], ..measurement.clone() };
                assert_eq!(decided(swapped).verdict, Verdict::Refuted, "{}: {what}", claim.id);
            }
            for statement in measurement.statements.clone() {
                let what = statement.what.clone();
                let swapped = Measurement { twins: vec![statement], ..measurement.clone() };
                assert_eq!(decided(swapped).verdict, Verdict::Inconclusive, "{}: {what}", claim.id);
            }
        }
    }
}

/// A run that never leaves the stable regime is held against the claim that it does, not left out.
#[test]
fn a_run_that_stays_refutes_the_exit() {
    let instance = Instance::new("random".into(), &Dataset::random(8, 12, 3), 1.1, 3).unwrap();
    let mut record = stable_record(&instance, 5);
    let run = &mut record.runs[0];
    run.steps = vec![run.steps[0]; 20_000];
    run.stayed = true;
    let judge = judging::of::<StableDescents>("stable_regime_exit");
    assert_eq!(decided(judge((&[record], Scope::Path)).unwrap()).verdict, Verdict::Refuted);
}

fn measurement() -> Measurement {
    let bound = |what: &'static str, ratio| Statement { what: what.into(), check: Check::bound([0.5, ratio]) };
    Measurement {
        instance: "made up".into(),
        hypotheses: vec![Hypothesis {
            of: Assumption::ScaleInvariance,
            what: "h".into(),
            measured: 0.5,
            bound: 1.0,
            place: String::new(),
        }],
        statements: vec![bound("claim", 0.9)],
        twins: vec![bound("twin", 2.0)],
        constants: vec![],
        sensitivity: vec![],
    }
}

#[test]
fn verdicts_are_what_they_say() {
    assert_eq!(decided(measurement()).verdict, Verdict::Confirmed);
    let with = |change: fn(&mut Measurement)| {
        let mut measurement = measurement();
        change(&mut measurement);
        decided(measurement).verdict
    };
    assert_eq!(with(|m| m.hypotheses[0].measured = 1.1), Verdict::HypothesisFailed);
    assert_eq!(with(|m| m.statements[0].check = Check::bound([0.5, 1.1, 0.5])), Verdict::Refuted);
    assert_eq!(with(|m| m.twins[0].check = Check::bound([0.9])), Verdict::Inconclusive);
    assert_eq!(with(|m| m.twins.clear()), Verdict::Inconclusive);
    assert_eq!(with(|m| m.statements.clear()), Verdict::Inconclusive);
    assert!(Verdict::Refuted < Verdict::HypothesisFailed && Verdict::HypothesisFailed < Verdict::Inconclusive);
}

/// NaN in any place — first, middle or last — and the absence of data are never a pass.
#[test]
fn nan_and_nothing_never_pass() {
    let order = |points| Check::Order { points, order: 0.5, missed: 0.0, floor: 0.0, at_least: false };
    for place in 0..3 {
        let mut values = vec![0.5; 3];
        values[place] = f64::NAN;
        let mut measured = measurement();
        measured.hypotheses[0].measured = f64::NAN;
        assert_eq!(decided(measured).verdict, Verdict::HypothesisFailed);
        let limit =
            |values: &[f64]| Check::Limit { values: Rungs::finest(|k| vec![values[k]]), expected: 0.5, apart: 1.0 };
        for check in [limit(&values), Check::bound(values.clone()), Check::Positive { values }] {
            let mut measured = measurement();
            measured.statements[0].check = check;
            assert_eq!(decided(measured).verdict, Verdict::Inconclusive);
        }
    }
    let missing = Check::Missing { reason: "lost".into() };
    for check in [missing, Check::bound([]), Check::Positive { values: vec![] }, order(vec![])] {
        let mut measured = measurement();
        measured.statements[0].check = check.clone();
        assert_eq!(decided(measured).verdict, Verdict::Inconclusive);
        let mut measured = measurement();
        measured.twins[0].check = check;
        assert_eq!(decided(measured).twins[0].outcome, Outcome::Undecided, "a twin without data is not rejected");
    }
    let mut measured = measurement();
    measured.constants = vec![Constant { what: "c".into(), values: Values::Drawn { values: vec![f64::NAN; 8] } }];
    assert!(decided(measured).estimates[0].estimate.value.is_nan());
}

/// Errors that grow as ηλ falls have a negative order, and are refuted rather than mistaken for their mirror image.
#[test]
fn a_diverging_error_is_refuted() {
    let mut measured = measurement();
    let points = (0..40).map(|k| {
        let error = 10f64.powf(0.5 * (k / 8) as f64) * (1.0 + 0.01 * (k % 3) as f64);
        sharpflow::measure::LadderPoint::new(k % 8, 10f64.powi(-(k as i32 / 8) - 2), error)
    });
    measured.statements[0].check =
        Check::Order { points: points.collect(), order: 0.5, missed: 0.0, floor: 0.0, at_least: false };
    assert_eq!(decided(measured).verdict, Verdict::Refuted);
}

/// A double λ₁ is dropped before it runs: orthogonal features of equal length.
#[test]
fn a_double_sharpness_is_not_admitted() {
    let features = faer::Mat::from_fn(6, 4, |i, j| match (i / 2 == j, i % 2) {
        (true, 0) => 1.0,
        (true, _) => -1.0,
        _ => 0.0,
    });
    let data = Dataset::new(features, vec![1.0, -1.0, 1.0, -1.0, 1.0, -1.0]);
    let rejected = Instance::new("double".into(), &data, 1.0, 0).map(|_| ()).unwrap_err();
    assert!(matches!(rejected, Rejected::Minimizers(MinimizersError::NotSimple { .. })), "{rejected}");
}

#[test]
fn the_family_shares_its_confidence() {
    use sharpflow_theorems::verdict::{intervals, level_of_one};
    assert!((1.0 - level_of_one(146) - 1e-3 / 146.0).abs() < 1e-15);
    let data = Dataset::random(8, 12, 3);
    let instance = Instance::new("random".into(), &data, 1.1, 3).unwrap();
    // Phases and rungs are no sample: ladders have no Student interval. Values of drawn seeds have one each.
    assert_eq!(intervals(&measured("sharpness_reduction_flow", 0, &[instance])[0]), 0);
    let drawn = Measurement {
        statements: vec![Statement { what: "s".into(), check: Check::Positive { values: vec![1.0, 2.0] } }],
        constants: vec![Constant { what: "c".into(), values: Values::Drawn { values: vec![1.0, 2.0] } }],
        ..measurement()
    };
    assert_eq!(intervals(&drawn), 2);
}
