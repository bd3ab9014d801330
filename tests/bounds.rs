//! The bounds of the stable regime in numbers, on one made-up descent.

use std::f64::consts::PI;

use sharpflow::enclosure::{Maximum, SphereBounds};
use sharpflow_theorems::evidence::{Check, Measurement};
use sharpflow_theorems::records::{Scope, StableRecord, StableRun, StableStep};
use sharpflow_theorems::registry::find;
use sharpflow_theorems::theorem::Judge;

const SHARPNESS: f64 = 1.25;

/// ηλ = 0.1, and η̃ρ = 0.25, 0.375, 1.125, 2: it passes ½ at step 2, 1 at step 2 and 1½ at step 3.
fn record() -> StableRecord {
    let step = |effective_lr: f64, gradient_square, loss, lacks| StableStep {
        effective_lr,
        gradient_square,
        loss,
        lacks,
        sharpness: SHARPNESS,
        resolution: 0.0,
        radial: 0.0,
    };
    let steps = vec![
        step(0.2, 1.0, 3.0, 0.01),
        step(0.3, 0.25, 2.0, 0.01),
        step(0.9, 0.16, 1.5, 0.05),
        step(1.6, 0.0, 1.0, 3e-28),
    ];
    let maximum = |lower, upper| Maximum { lower, upper, place: vec![] };
    StableRecord {
        name: "made up".into(),
        bounds: Some(SphereBounds {
            sharpness: maximum(1.2, SHARPNESS),
            tangential_sharpness: maximum(0.8, 0.9),
            largest_loss: maximum(3.0, 3.5),
            least_loss: maximum(-0.5, -0.25),
        }),
        runs: vec![StableRun { intrinsic_lr: 0.1, steps, stayed: false }],
        steps: vec![],
    }
}

/// measured/bound of a statement or a twin.
fn ratios(measurement: &Measurement, what: &str) -> Vec<f64> {
    let mut checks = measurement.statements.iter().chain(&measurement.twins);
    match &checks.find(|statement| statement.what == what).expect(what).check {
        Check::Bound { ratios } => ratios.clone(),
        _ => panic!("{what} is no bound"),
    }
}

fn assert_near(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    let near = |(found, expected): (&f64, &f64)| (found / expected - 1.0).abs() < 1e-13;
    assert!(found.iter().zip(expected).all(near), "{found:?} {expected:?}");
}

fn judged(claim: &str, scope: Scope) -> Measurement {
    match find(claim).unwrap().judge {
        Judge::Stable(judge) => judge(&[record()], scope),
        Judge::Sphere(judge) => judge(&[record()]),
        _ => panic!("{claim} is not about the stable regime"),
    }
}

#[test]
fn the_range_of_the_loss() {
    let found = judged("loss_range", Scope::Sphere);
    // The largest range there can be over the least π²ρ/2; a twin the other way round.
    assert_near(&ratios(&found, "ρ of the Hessian on the sphere"), &[3.25 / (PI * PI / 2.0 * 0.8)]);
    assert_near(&ratios(&found, "ρ of ∇²L"), &[3.25 / (PI * PI / 2.0 * 1.2)]);
    assert_near(&ratios(&found, "ρπ²/4"), &[2.5 / (PI * PI / 4.0 * 0.9)]);
    assert_near(&ratios(&found, "ρπ"), &[2.5 / (PI * 0.9)]);
    assert_near(&ratios(&found, "4ρ"), &[2.5 / 3.6]);
}

#[test]
fn the_descent_lemma() {
    let found = judged("descent_lemma", Scope::Path);
    // Last, a step without gradient: rounding alone, 2¹² units of 2⁻¹⁰² in ρ.
    let rounding = SHARPNESS * 2f64.powi(-90);
    let with =
        |factor: f64| [0.01 / (factor * 0.05), 0.01 / (factor * 0.028125), 0.05 / (factor * 0.162), 3e-28 / rounding];
    assert_near(&ratios(&found, "1 - η̃ρ/2"), &with(0.5));
    assert_near(&ratios(&found, "1 - 0.45η̃ρ"), &with(0.45));
    assert_near(&ratios(&found, "1 - η̃ρ/4"), &with(0.25));
    let half = [0.01 / 0.1, 0.01 / 0.0375, 0.05 / 0.072, 3e-28 / rounding];
    assert_near(&ratios(&found, "1/2 in place of 1 - η̃ρ/2"), &half);
}

#[test]
fn the_small_gradient() {
    for scope in [Scope::Path, Scope::Sphere] {
        let found = judged("small_gradient", scope);
        // ε = 1½, 1, ½: falls of the loss of 1.5, 1.5, 2, least ‖∇L‖² of 0.25, 0.25, 0.16.
        let with = |factor: f64, growth: f64, falls: [f64; 3]| {
            [
                0.25 / (factor * SHARPNESS * falls[0] / 1.5 * growth / 0.25),
                0.25 / (factor * SHARPNESS * falls[1] / 1.0 * growth / 0.75),
                0.16 / (factor * SHARPNESS * falls[2] / 0.5 * growth / 1.25),
            ]
        };
        let (falls, growth) = ([1.5, 1.5, 2.0], 1.0 / 0.81 - 1.0);
        assert_near(&ratios(&found, "ΔL the fall of the loss"), &with(2.0, growth, falls));
        assert_near(&ratios(&found, "1.8 in place of 2"), &with(1.8, growth, falls));
        assert_near(&ratios(&found, "1 in place of 2"), &with(1.0, growth, falls));
        assert_near(&ratios(&found, "(1-ηλ)⁻¹ in place of (1-ηλ)⁻²"), &with(2.0, 1.0 / 0.9 - 1.0, falls));
        if scope == Scope::Sphere {
            assert_near(&ratios(&found, "ΔL = ρπ²/2"), &with(2.0, growth, [0.5 * PI * PI * SHARPNESS; 3]));
        }
    }
}

#[test]
fn the_exit() {
    for scope in [Scope::Path, Scope::Sphere] {
        let found = judged("stable_regime_exit", scope);
        // Σ η̃²‖∇L‖² up to steps 2, 2 and 3, and S_ε.
        let (sums, steps) = ([0.0625, 0.0625, 0.1921], [2.0, 2.0, 3.0]);
        let logarithms = [0.5f64, 1.0, 1.5].map(|product| (product / 0.25).ln());
        let along = [2.0 * 0.5 * 1.5 / 1.5, 2.0 * 1.0 * 1.5 / 1.0, 2.0 * 1.5 * 2.0 / 0.5].map(|s| s / SHARPNESS);
        let all = [0, 1, 2];
        let sum = |bounds: [f64; 3], factor: f64| all.map(|k| sums[k] / (factor * bounds[k]));
        assert_near(&ratios(&found, "Σ η̃²‖∇L‖² ≤ 2(2-ε)ΔL/(ερ)"), &sum(along, 1.0));
        assert_near(&ratios(&found, "0.9 S_ε"), &sum(along, 0.9));
        assert_near(&ratios(&found, "S_ε/2"), &sum(along, 0.5));
        // Steps over 1 + ⌊(log + S_ε)/(2|log(1−ηλ)|)⌋.
        let time = |bounds: [f64; 3], of_logarithm: f64, of_sum: f64, of_decay: f64| {
            all.map(|k| {
                steps[k]
                    / (1.0 + ((of_logarithm * logarithms[k] + of_sum * bounds[k]) / -(of_decay * 0.9f64.ln())).floor())
            })
        };
        assert_near(&ratios(&found, "exit in time, S_ε = 2(2-ε)ΔL/(ερ)"), &time(along, 1.0, 1.0, 2.0));
        assert_near(&ratios(&found, "S_ε left out of the time"), &time(along, 1.0, 0.0, 2.0));
        assert_near(&ratios(&found, "4|log(1-ηλ)|"), &time(along, 1.0, 1.0, 4.0));
        assert_near(&ratios(&found, "2.1|log(1-ηλ)|"), &time(along, 1.0, 1.0, 2.1));
        assert_near(&ratios(&found, "half the logarithm"), &time(along, 0.5, 1.0, 2.0));
        if scope == Scope::Sphere {
            let whole = [0.5 / 1.5, 1.0, 1.5 / 0.5].map(|s| s * PI * PI);
            assert_near(&ratios(&found, "Σ η̃²‖∇L‖² ≤ (2-ε)π²/ε"), &sum(whole, 1.0));
            assert_near(&ratios(&found, "exit in time, S_ε = (2-ε)π²/ε"), &time(whole, 1.0, 1.0, 2.0));
        }
    }
}

/// A run beyond the threshold from its start says nothing; nor does a record without a bound pass.
#[test]
fn what_has_no_exit_or_no_bound() {
    let mut beyond = record();
    beyond.runs[0].steps.drain(..3);
    let Judge::Stable(judge) = find("small_gradient").unwrap().judge else { panic!("no stable runs") };
    assert!(ratios(&judge(&[beyond], Scope::Path), "ΔL the fall of the loss").is_empty());
    let mut unknown = record();
    unknown.bounds = None;
    let Judge::Stable(judge) = find("descent_lemma").unwrap().judge else { panic!("no stable runs") };
    assert!(ratios(&judge(&[unknown], Scope::Sphere), "1 - η̃ρ/2").iter().all(|ratio| ratio.is_nan()));
}
