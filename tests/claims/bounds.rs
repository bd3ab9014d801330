//! The bounds of the stable regime in numbers, on one made-up descent.

use crate::judging;
use sharpflow_theorems::experiments::{Scope, SmoothLosses, StableDescents, StableRecord, StableRun, StableStep};
use std::f64::consts::PI;

use sharpflow::enclosure::{Maximum, SphereBounds};
use sharpflow_theorems::evidence::{Check, Measurement};

/// ρ of the path, that of its first step, and of all of S.
const SHARPNESS: [(Scope, f64); 2] = [(Scope::Path, 1.25), (Scope::Sphere, 1.5)];

/// ηλ = 0.1, and η̃ = 0.2, 0.3, 0.9, 1.6: η̃ρ passes ½ at step 2, 1 at step 2 and 1½ at step 3, for either ρ.
fn record() -> StableRecord {
    let step = |effective_lr: f64, gradient_square, loss, lacks, sharpness| StableStep {
        effective_lr,
        gradient_square,
        loss,
        lacks,
        sharpness,
        resolution: 0.0,
        radial: 0.0,
    };
    let steps = vec![
        step(0.2, 1.0, 3.0, 0.01, 1.25),
        step(0.3, 0.25, 2.0, 0.01, 1.0),
        step(0.9, 0.16, 1.5, 0.05, 1.125),
        step(1.6, 0.0, 1.0, 3e-28, 0.5),
    ];
    let maximum = |lower, upper| Maximum { lower, upper, place: vec![] };
    StableRecord {
        name: "made up".into(),
        bounds: Some(SphereBounds {
            sharpness: maximum(1.2, 1.5),
            tangential_sharpness: maximum(0.8, 0.9),
            largest_loss: maximum(3.0, 3.5),
            least_loss: maximum(-0.5, -0.25),
        }),
        runs: vec![StableRun { intrinsic_lr: 0.1, steps, stayed: false, cut: false }],
        steps: vec![],
    }
}

/// measured/bound of a statement or a twin.
fn ratios(measurement: &Measurement, what: &str) -> Vec<f64> {
    let mut checks = measurement.statements.iter().chain(&measurement.twins);
    match &checks.find(|statement| statement.what == what).expect(what).check {
        Check::Bound { ratios, .. } => ratios.clone(),
        _ => panic!("{what} is no bound"),
    }
}

fn assert_near(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    let near = |(found, expected): (&f64, &f64)| (found / expected - 1.0).abs() < 1e-13;
    assert!(found.iter().zip(expected).all(near), "{found:?} {expected:?}");
}

fn judged(claim: &str, scope: Scope) -> Measurement {
    match scope {
        Scope::Path => judging::of::<StableDescents>(claim)((&[record()], scope)).unwrap(),
        Scope::Sphere => judging::of::<SmoothLosses>(claim)((&[record()], scope)).unwrap(),
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
    for (scope, sharpnesses) in [(Scope::Path, [1.25, 1.0, 1.125, 0.5]), (Scope::Sphere, [1.5; 4])] {
        let found = judged("descent_lemma", scope);
        // Last, a step without gradient: rounding alone, 2¹² units of 2⁻¹⁰² in ρ.
        let lacks = [0.01, 0.01, 0.05, 3e-28];
        let over = |taken: [f64; 3]| {
            let rounding = sharpnesses[3] * 2f64.powi(-90);
            [lacks[0] / taken[0], lacks[1] / taken[1], lacks[2] / taken[2], lacks[3] / rounding]
        };
        // η̃²‖∇L‖² is 0.04, 0.0225, 0.1296.
        let with = |factor: f64| {
            let [first, second, third, _] = sharpnesses.map(|sharpness| factor * sharpness);
            over([first * 0.04, second * 0.0225, third * 0.1296])
        };
        assert_near(&ratios(&found, "1 - η̃ρ/2"), &with(0.5));
        assert_near(&ratios(&found, "1 - 0.45η̃ρ"), &with(0.45));
        assert_near(&ratios(&found, "1 - η̃ρ/4"), &with(0.25));
        assert_near(&ratios(&found, "1/2 in place of 1 - η̃ρ/2"), &over([0.1, 0.0375, 0.072]));
    }
}

#[test]
fn the_small_gradient() {
    for (scope, sharpness) in SHARPNESS {
        let found = judged("small_gradient", scope);
        // ε = 1½, 1, ½: falls of the loss of 1.5, 1.5, 2, least ‖∇L‖² of 0.25, 0.25, 0.16.
        let with = |factor: f64, growth: f64, falls: [f64; 3]| {
            [
                0.25 / (factor * sharpness * falls[0] / 1.5 * growth / (0.5 - 0.2 * sharpness)),
                0.25 / (factor * sharpness * falls[1] / 1.0 * growth / (1.0 - 0.2 * sharpness)),
                0.16 / (factor * sharpness * falls[2] / 0.5 * growth / (1.5 - 0.2 * sharpness)),
            ]
        };
        let (falls, growth) = ([1.5, 1.5, 2.0], 1.0 / 0.81 - 1.0);
        assert_near(&ratios(&found, "ΔL the fall of the loss"), &with(2.0, growth, falls));
        assert_near(&ratios(&found, "1.8 in place of 2"), &with(1.8, growth, falls));
        assert_near(&ratios(&found, "1 in place of 2"), &with(1.0, growth, falls));
        assert_near(&ratios(&found, "(1-ηλ)⁻¹ in place of (1-ηλ)⁻²"), &with(2.0, 1.0 / 0.9 - 1.0, falls));
        if scope == Scope::Sphere {
            assert_near(&ratios(&found, "ΔL = ρπ²/2"), &with(2.0, growth, [0.5 * PI * PI * sharpness; 3]));
        }
    }
}

#[test]
fn the_exit() {
    for (scope, sharpness) in SHARPNESS {
        let found = judged("stable_regime_exit", scope);
        // Σ η̃²‖∇L‖² up to steps 2, 2 and 3, and S_ε.
        let (sums, steps) = ([0.0625, 0.0625, 0.1921], [2.0, 2.0, 3.0]);
        let logarithms = [0.5f64, 1.0, 1.5].map(|product| (product / (0.2 * sharpness)).ln());
        let along = [2.0 * 0.5 * 1.5 / 1.5, 2.0 * 1.0 * 1.5 / 1.0, 2.0 * 1.5 * 2.0 / 0.5].map(|s| s / sharpness);
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
        // The sums last less than two steps at ηλ = 0.1, which does not notice them, and more at ηλ = 0.01.
        assert!(found.twins.iter().all(|twin| twin.what != "S_ε left out of the time"));
        let mut slow = record();
        slow.runs[0].intrinsic_lr = 0.01;
        let slow = match scope {
            Scope::Path => judging::of::<StableDescents>("stable_regime_exit")((&[slow], scope)).unwrap(),
            Scope::Sphere => judging::of::<SmoothLosses>("stable_regime_exit")((&[slow], scope)).unwrap(),
        };
        let without = all.map(|k| steps[k] / (1.0 + (logarithms[k] / -(2.0 * 0.99f64.ln())).floor()));
        assert_near(&ratios(&slow, "S_ε left out of the time"), &without);
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
    let judge = judging::of::<StableDescents>("small_gradient");
    assert!(ratios(&judge((&[beyond], Scope::Path)).unwrap(), "ΔL the fall of the loss").is_empty());
    let mut unknown = record();
    unknown.bounds = None;
    let judge = judging::of::<StableDescents>("descent_lemma");
    let unknown = ratios(&judge((&[unknown], Scope::Sphere)).unwrap(), "1 - η̃ρ/2");
    assert!(unknown.len() == 4 && unknown.iter().all(|ratio| ratio.is_nan()));
}
