use crate::judging;
use sharpflow_theorems::evidence::{Check, Statement, Status, Values, Verdict};
use sharpflow_theorems::experiments::{Ending, HeldOut, HeldOutRecord, Path, SEEDS, SeedRecord};
use sharpflow_theorems::population::{Population, Source};
use sharpflow_theorems::progress::Progress;
use sharpflow_theorems::registry::find;
use sharpflow_theorems::runner::{Store, Study, run};

#[test]
fn confirmed_on_the_digits_and_undone_by_no_seed_of_the_study() {
    let study = |seed| Study {
        claims: vec![find("held_out_error").unwrap()],
        population: Population { seed, regressions: 0, networks: 0, source: Source::BuiltIn },
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
    // Both runs of every seed are kept as a table.
    let table = found.tables.iter().find(|table| table.kind == "held-out").expect("a table");
    let with = |decay: f64| table.rows.iter().filter(|row| row[1] == decay).count();
    assert!(with(1.0) >= 20 && with(0.0) == with(1.0), "{} {}", with(1.0), with(0.0));
}

/// What is compared, in numbers: two made-up seeds.
#[test]
fn falls_are_compared_seed_by_seed() {
    let path = |errors: [f64; 2], logs: [f64; 2], accuracies: [f64; 2]| {
        let ending = |k: usize| Ending {
            sharpness: f64::exp(logs[k]),
            training_error: 1e-3,
            held_out_error: errors[k],
            accuracy: accuracies[k],
        };
        // Half of the fall by τ = ½.
        let middle = Ending { held_out_error: 0.5 * (errors[0] + errors[1]), ..ending(0) };
        let along = vec![(0.0, ending(0)), (0.25, ending(0)), (0.5, middle), (1.0, ending(1))];
        Path { start: ending(0), end: ending(1), along }
    };
    // Flows that fall by half, a quarter and all of what the run does.
    let seed = |seed, decay: Path, control| {
        let fall = decay.start.held_out_error - decay.end.held_out_error;
        let predicted = [0.5, 0.25, 1.0]
            .map(|part| Ending { held_out_error: decay.start.held_out_error - part * fall, ..decay.start });
        SeedRecord { seed, decay, control, predicted }
    };
    let record = HeldOutRecord {
        seeds: vec![
            seed(0, path([0.5, 0.2], [3.0, 1.0], [0.7, 0.9]), path([0.5, 0.4], [3.0, 2.5], [0.7, 0.75])),
            seed(1, path([0.6, 0.2], [4.0, 1.0], [0.6, 0.9]), path([0.6, 0.55], [4.0, 3.75], [0.6, 0.625])),
        ],
    };
    let judge = judging::of::<HeldOut>("held_out_error");
    let found = judge(&record).unwrap();
    let values = |statement: &Statement| match &statement.check {
        Check::Positive { values } => values.clone(),
        _ => panic!("{} is no sign", statement.what),
    };
    let near = |found: &[f64], expected: [f64; 2]| {
        assert!(
            found.len() == 2 && found.iter().zip(expected).all(|(f, e)| (f - e).abs() < 1e-14),
            "{found:?} {expected:?}"
        );
    };
    assert_eq!((found.statements.len(), found.twins.len()), (5, 2));
    // Falls of the error are 0.3 and 0.4, half of them by τ = ½, the controls' 0.1 and 0.05; of log λ₁ 2 and 3, the controls' 0.5 and 0.25.
    for (statement, expected) in
        found.statements.iter().zip([[0.3, 0.4], [0.2, 0.35], [1.0, 2.5], [0.015, 0.02], [0.015, 0.02]])
    {
        near(&values(statement), expected);
    }
    for (twin, expected) in
        found.twins.iter().zip([[1.1 * 0.075 - 0.15, 1.1 * 0.1 - 0.2], [0.15 - 0.9 * 0.3, 0.2 - 0.9 * 0.4]])
    {
        near(&values(twin), expected);
    }
    let constant = |what: &str| match &found.constants.iter().find(|constant| constant.what == what).unwrap().values {
        Values::Drawn { values } => values.clone(),
        _ => panic!("{what} is no report"),
    };
    near(&constant("accuracy's rise"), [0.2, 0.3]);
    near(&constant("accuracy's rise, λ = 0"), [0.05, 0.025]);
    near(&constant("fall of log λ₁"), [2.0, 3.0]);
    near(&constant("held-out error, end"), [0.2, 0.2]);
}
