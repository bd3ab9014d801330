use sharpflow_theorems::evidence::Verdict;
use sharpflow_theorems::evidence::{Input, Status};
use sharpflow_theorems::records::{Progress, SEEDS};
use sharpflow_theorems::registry::find;
use sharpflow_theorems::runner::{Source, Store, Study, run};

#[test]
fn confirmed_on_the_digits_and_undone_by_no_seed_of_the_study() {
    let study = |seed| Study {
        claims: vec![find("held_out_error").unwrap()],
        seed,
        regressions: 0,
        networks: 0,
        input: Input::BuiltIn,
        source: Source::BuiltIn,
    };
    let found = run(&study(1), &Progress::default(), &|_| {}, &Store::none()).unwrap();
    assert_eq!(found.summary.status, Status::Complete);
    let claim = &found.claims[0];
    assert_eq!(claim.verdict, Verdict::Confirmed, "{}", claim.reason);
    let evidence = &claim.instances[0];
    assert!(evidence.twins.len() >= 2);
    // e^{−2τ} with τ = 4 and φ = 1.2: log λ₁ falls by log(1 + tan²1.2) − log(1 + tan²1.2·e^{−8}), whatever the data.
    let tangent = 1.2f64.tan().powi(2);
    let expected = tangent.ln_1p() - (tangent * (-8f64).exp()).ln_1p();
    let fall = evidence.estimates.iter().find(|e| e.what == "fall of log λ₁").unwrap();
    assert!((fall.estimate.value - expected).abs() < 10.0 * 1e-5f64.sqrt(), "{} {expected}", fall.estimate.value);
    assert_eq!(SEEDS, 20);
}
