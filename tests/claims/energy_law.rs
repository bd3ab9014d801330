use crate::judging;
use sharpflow::data::Dataset;
use sharpflow_theorems::evidence::{Check, Verdict};
use sharpflow_theorems::experiments::{Growth, GrowthRecord, OPTIMIZERS};
use sharpflow_theorems::instance::{FAMILIES, Instance, integral};
use sharpflow_theorems::progress::Progress;

/// The optimizers that are run, by their places in [`OPTIMIZERS`].
const GRADIENT_DESCENT: usize = 0;
const MOMENTUM: [usize; 2] = [1, 2];
const RMSPROP: [usize; 2] = [3, 4];

/// ∫κ over an instance's runs and the twins tried on them, where they are short enough; the claim is confirmed there.
fn check(instance: &Instance, optimizer: usize) -> Option<(f64, Vec<String>)> {
    let record = GrowthRecord::new(instance, OPTIMIZERS[optimizer], &Progress::default()).unwrap();
    let judge = judging::of::<Growth>("energy_law");
    if record.runs.is_empty() {
        return None;
    }
    let evidence = judging::decided(judge((instance, &record)).ok()?);
    assert_eq!(evidence.verdict, Verdict::Confirmed, "{}: {}", instance.name, evidence.reason);
    for constant in &evidence.estimates {
        assert!(constant.estimate.contains(1.0) && constant.estimate.half_width < 0.2, "{constant:?}");
    }
    let growth = integral(&record.path, f64::INFINITY, |law| OPTIMIZERS[optimizer].constants().energy_rate(law));
    Some((growth, evidence.twins.iter().map(|twin| twin.what.to_string()).collect()))
}

/// The first draw of a family that is admitted and whose ∫κ dτ suits.
fn admitted(name: &str, suits: fn(f64) -> bool) -> Instance {
    let family = FAMILIES.iter().find(|family| family.architecture == name).unwrap();
    let suits = |instance: &Instance| suits(instance.plan.energy_growth);
    (0..100).find_map(|seed| family.instance(seed).ok().filter(suits)).expect("an instance")
}

/// Oscillations that grow and that die out, and every constant of κ somewhere told from its twins.
#[test]
fn confirmed_on_networks_with_either_sign_and_every_twin() {
    let instances = [
        admitted("circle", |growth| growth > 0.3),
        admitted("circle", |growth| growth < -0.3),
        admitted("matrix_completion", |_| true),
        admitted("rms_norm", |_| true),
    ];
    let found: Vec<_> = instances.iter().filter_map(|instance| check(instance, GRADIENT_DESCENT)).collect();
    assert!(found.iter().any(|(growth, _)| *growth > 0.3) && found.iter().any(|(growth, _)| *growth < -0.3));
    let mut tried: Vec<String> = found.into_iter().flat_map(|(_, twins)| twins).collect();
    tried.sort();
    tried.dedup();
    // Twins of the rate R(e) are named after the energies at which they differ; the others are κ's constants.
    let (of_rate, of_growth): (Vec<_>, Vec<_>) = tried.iter().partition(|twin| twin.starts_with("r "));
    assert_eq!(of_growth.len(), 11, "{of_growth:?}");
    assert!(!of_rate.is_empty());
}

/// Momentum's own part of κ, each of its constants told from its twins.
#[test]
fn confirmed_under_momentum() {
    let instances = [admitted("circle", |_| true), admitted("matrix_completion", |_| true)];
    let found = MOMENTUM.map(|optimizer| {
        let runs = instances.iter().filter_map(|instance| check(instance, optimizer));
        runs.flat_map(|(_, twins)| twins).collect::<Vec<_>>()
    });
    assert!(found.iter().all(|twins| !twins.is_empty()), "{found:?}");
    let tried = found.concat();
    for what in ["32μ/(1-μ)² left out", "24 for 32", "32μ/(1-μ) for 32μ/(1-μ)²", "32μ/(1-μ)³ for 32μ/(1-μ)²"]
    {
        assert!(tried.iter().any(|twin| twin == what), "{what}: {tried:?}");
    }
}

/// The C_b of scalar RMSprop in all its places, told from twins, with either sign of κ.
#[test]
fn confirmed_for_scalar_rmsprop() {
    let instances = [
        admitted("circle", |growth| growth > 0.3),
        admitted("circle", |growth| growth < -0.3),
        admitted("matrix_completion", |_| true),
        Instance::new("random".into(), &Dataset::random(8, 12, 3), 1.1, 3).unwrap(),
    ];
    let found = RMSPROP.map(|optimizer| {
        let runs = instances.iter().filter_map(|instance| check(instance, optimizer));
        runs.collect::<Vec<_>>()
    });
    for of_decay in &found {
        assert!(of_decay.iter().any(|(growth, _)| *growth < -0.3), "{of_decay:?}");
    }
    assert!(found.concat().iter().any(|(growth, _)| *growth > 0.3), "{found:?}");
    let tried: Vec<String> = found.concat().into_iter().flat_map(|(_, twins)| twins).collect();
    for what in ["4C_b for 8C_b", "K = C_b + ‖G‖²", "K = 4C_b + ‖G‖²", "C_b = 2", "3q for 4q", "⟨G, ∇‖G‖²⟩ left out"]
    {
        assert!(tried.iter().any(|twin| twin == what), "{what}: {tried:?}");
    }
}

/// Starts that scatter so much that an interval could hold a twin's gain as well as the law's: no confirmation.
#[test]
fn a_growth_that_is_hardly_known_confirms_nothing() {
    let instance = admitted("circle", |growth| growth < -0.3);
    let mut record = GrowthRecord::new(&instance, OPTIMIZERS[GRADIENT_DESCENT], &Progress::default()).unwrap();
    let judge = judging::of::<Growth>("energy_law");
    let finest = record.runs.iter().map(|run| run.intrinsic_lr).fold(f64::INFINITY, f64::min);
    let verdicts = [0.0, 0.02, 0.02, 0.08].map(|more: f64| {
        for (k, run) in record.runs.iter_mut().filter(|run| run.intrinsic_lr == finest).enumerate() {
            // Of the two starts of each energy, one goes up and the other down.
            let scatter = if k < 4 { more } else { -more };
            let end = run.readings.last().unwrap().tau;
            run.readings.iter_mut().for_each(|swung| swung.energy *= (scatter * swung.tau / end).exp());
        }
        let evidence = judging::decided(judge((&instance, &record)).unwrap());
        let first = &evidence.statements[0];
        let (Check::Limit { apart, .. }, Some(mean)) = (&first.check, &first.mean) else { panic!("no limit") };
        let is_known = mean.value.abs() + mean.half_width < 0.3;
        assert_eq!(evidence.verdict == Verdict::Confirmed, is_known, "{mean:?}: {}", evidence.reason);
        assert!(mean.contains(0.0) && *apart == 0.3, "{mean:?}");
        evidence.verdict
    });
    assert_eq!((verdicts[0], verdicts[3]), (Verdict::Confirmed, Verdict::Inconclusive));
}

/// The rung below the finest one narrows every bound.
#[test]
fn a_finer_rung_tells_more() {
    let instance = admitted("circle", |growth| growth < -0.3);
    let mut record = GrowthRecord::new(&instance, OPTIMIZERS[GRADIENT_DESCENT], &Progress::default()).unwrap();
    let judge = judging::of::<Growth>("energy_law");
    let widths = |record: &GrowthRecord| -> Vec<f64> {
        let statements = judging::decided(judge((&instance, record)).unwrap()).statements;
        statements.into_iter().map(|statement| statement.mean.unwrap().half_width).collect()
    };
    let before = widths(&record);
    record.add_finer(&instance, &Progress::default()).unwrap();
    let after = widths(&record);
    assert!(
        before.len() == 4 && before.iter().zip(&after).all(|(before, after)| after < before),
        "{before:?} {after:?}"
    );
}
