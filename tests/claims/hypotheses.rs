//! The hypotheses, measured on records in which one of them is violated: each is measured by the amount planted, and named.

use crate::judging;
use sharpflow_theorems::experiments::{
    DEEP, DynamicsRecord, ENERGIES, Growth, GrowthRecord, HeldOut, Ladder, LadderRecord, OPTIMIZERS, OtherDynamics,
    Points, Run, Scope, StableDescents, SwingRecord, Swings,
};
use sharpflow_theorems::progress::Progress;
use std::f64::consts::PI;

use crate::judging::{decided, measured_by, smooth_records, stable_record};
use sharpflow::data::Dataset;
use sharpflow::descent::{EdgeConstants, EdgeStart};
use sharpflow::krylov::KrylovOptions;
use sharpflow::loss::{Derivatives, Loss};
use sharpflow::measure::Reading;
use sharpflow::sharpness::{HessianKind, largest_sharpnesses};
use sharpflow_theorems::assumption::Assumption;
use sharpflow_theorems::evidence::{Measurement, Verdict};
use sharpflow_theorems::instance::{FAMILIES, Instance};
use sharpflow_theorems::registry::REGISTRY;

fn regression() -> Instance {
    Instance::new("random".into(), &Dataset::random(8, 12, 3), 1.1, 3).unwrap()
}

fn circle() -> Instance {
    (0..100).find_map(|seed| FAMILIES[0].instance(seed).ok()).unwrap()
}

/// What a hypothesis was measured as over its bound, and where.
fn measured(measurement: &Measurement, name: &str) -> (f64, String) {
    let found = measurement.hypotheses.iter().find(|hypothesis| hypothesis.what.starts_with(name));
    let found = found.unwrap_or_else(|| panic!("{name} is not measured"));
    let over = if found.bound == 0.0 { found.measured } else { found.measured / found.bound };
    (over, found.place.clone())
}

fn assert_near(found: f64, expected: f64, what: &str) {
    // Nothing but rounding is between them.
    assert!((found / expected - 1.0).abs() < 1e-12, "{what}: {found}, planted {expected}");
}

/// Each hypothesis of the flow fails, by its name, on a record in which it is violated, and on no other account.
#[test]
fn planted_violations_are_named() {
    let judge = judging::of::<Ladder>("sharpness_reduction_flow");
    let instance = regression();
    let mut sound = LadderRecord::new(&instance, &Progress::default()).unwrap();
    assert_eq!(decided(judge((&instance, &sound)).unwrap()).verdict, Verdict::Confirmed);
    // Every start has the energy it was given, ½, up to the second order that its h and δ leave out.
    for run in &sound.runs {
        assert!((run.energy - 0.5).abs() < 10.0 * run.intrinsic_lr.sqrt(), "{}", run.energy);
    }
    type Violation = (&'static str, fn(&mut Run));
    let violations: [Violation; 6] = [
        ("the first steps are gradient descent's", |run| run.step_error = 1.01),
        ("scale invariance", |run| run.invariance = 1.01),
        ("bounded starting energy", |run| run.energy = 1.01),
        ("the start is near Γ", |run| run.swings[0].reading.distance_to_manifold = 5.0 * run.intrinsic_lr.sqrt()),
        ("the start is at the edge", |run| run.swings[0].reading.edge_offset = -4.04 * run.intrinsic_lr.sqrt()),
        ("|h| above rounding", |run| run.oscillation.least_displacement = 1e-13),
    ];
    for (name, violate) in violations {
        let was = {
            let run = &sound.runs[11];
            (run.step_error, run.invariance, run.energy, run.oscillation, run.swings[0])
        };
        violate(&mut sound.runs[11]);
        let evidence = decided(judge((&instance, &sound)).unwrap());
        assert_eq!(evidence.verdict, Verdict::HypothesisFailed, "{name}");
        assert!(evidence.reason.contains(name), "{name}: {}", evidence.reason);
        let run = &mut sound.runs[11];
        (run.step_error, run.invariance, run.energy, run.oscillation, run.swings[0]) = was;
    }
    // λ₂ next to λ₁ at one place of the predicted path.
    let mut double = instance.clone();
    double.path[3].geometry.next_sharpness = 0.9999 * double.path[3].geometry.sharpness;
    let evidence = decided(judge((&double, &sound)).unwrap());
    assert!(evidence.reason.starts_with("λ₁ is simple"), "{}", evidence.reason);
}

/// A run that leaves the edge after its start refutes pinning, and is no failed hypothesis.
#[test]
fn leaving_the_edge_refutes_pinning() {
    let instance = regression();
    let mut record = LadderRecord::new(&instance, &Progress::default()).unwrap();
    let judge = judging::of::<Ladder>("pinning");
    for run in &mut record.runs {
        let count = run.swings.len();
        run.swings[count / 8..].iter_mut().for_each(|swing| swing.reading.edge_offset += 0.2);
    }
    let evidence = decided(judge((&instance, &record)).unwrap());
    assert_eq!(evidence.verdict, Verdict::Refuted, "{}", evidence.reason);
}

/// What a claim prints as its hypotheses is what its experiments measure, no more and no less.
#[test]
fn printed_hypotheses_are_those_measured() {
    let claims: Vec<_> = REGISTRY.into_iter().filter(|claim| claim.on::<HeldOut>().is_none()).collect();
    let found = measured_by(&claims, 5, &[regression()]);
    for claim in claims {
        let of_claim = found.iter().filter(|(id, _)| id == claim.id);
        let mut measured: Vec<Assumption> =
            of_claim.flat_map(|(_, measurement)| &measurement.hypotheses).map(|hypothesis| hypothesis.of).collect();
        measured.sort();
        measured.dedup();
        let mut printed = claim.hypotheses.to_vec();
        printed.sort();
        assert_eq!(measured, printed, "{}", claim.id);
    }
}

/// The largest |h| and |δ| of an oscillation of energy e, doubled, in units of √ε where K = 4: the window of runs.
fn window(energy: f64) -> (f64, f64) {
    // x > 0 with −x + ½(e^{2x} − 1) = e, by bisection.
    let (mut below, mut above) = (0.0, 4.0);
    for _ in 0..200 {
        let x = 0.5 * (below + above);
        if -x + 0.5 * (2f64 * x).exp_m1() < energy { below = x } else { above = x }
    }
    (2.0 * below.exp() * 0.5f64.sqrt(), 2.0 * (8.0 * energy).sqrt())
}

/// Readings in which one of the shared hypotheses is violated, with what it must be measured as: on a rung, in a window, in a dimension. The
/// first two are of starts.
fn violations(
    rung: f64,
    (near, edge): (f64, f64),
    dimension: usize,
    unit_roundoff: f64,
) -> [(&'static str, Reading, f64); 3] {
    let reading = Reading {
        sharpness: 1.0,
        relative_gap: 1.0,
        displacement: 1.0,
        edge_offset: 0.0,
        log_gradient_square: 0.0,
        distance_to_manifold: 0.0,
    };
    let offset = -7.0 * edge * rung.sqrt();
    let noise = 1e3 * unit_roundoff * (dimension as f64 * PI / (2.0 * rung).sqrt()).sqrt();
    [
        ("the start is near Γ", Reading { distance_to_manifold: 3.0 * near * rung.sqrt(), ..reading }, 3.0),
        ("the start is at the edge", Reading { edge_offset: offset, ..reading }, 7.0),
        ("|h| above rounding", Reading { displacement: -noise / 9.0, ..reading }, 9.0),
    ]
}

#[test]
fn short_swings_are_held_to_the_window_of_their_energy() {
    let judge = judging::of::<Swings>("energy");
    // Deep swings are made where the energy law lets them keep their energy.
    let rate = |instance: &Instance| EdgeConstants::GRADIENT_DESCENT.energy_rate(&instance.path[0].law).abs();
    let drawn = (0..100).filter_map(|seed| FAMILIES[0].instance(seed).ok());
    let instance = drawn.min_by(|a, b| rate(a).total_cmp(&rate(b))).unwrap();
    let mut record = SwingRecord::new(&instance, &Progress::default()).unwrap();
    let dimension = instance.loss.dimension();
    for energy in [ENERGIES[1], DEEP] {
        let k = record.swings.iter().rposition(|run| run.energy == energy).expect("swings of that energy");
        let (lr, unit_roundoff) = (record.swings[k].intrinsic_lr, record.swings[k].rounding.unit());
        // Deep ones sink so low that they are made in double-double.
        assert_eq!(unit_roundoff < 1e-20, energy == DEEP);
        let prefix = if energy == DEEP { "deep swings, " } else { "" };
        for (name, reading, expected) in violations(lr, window(energy), dimension, unit_roundoff) {
            let was = std::mem::replace(&mut record.swings[k].readings[0].1, reading);
            let (found, place) = measured(&judge((&instance, &record)).unwrap(), &format!("{prefix}{name}"));
            assert_near(found, expected, name);
            assert!(place.contains(&format!("start {}", record.swings[k].start)), "{place}");
            record.swings[k].readings[0].1 = was;
        }
    }
}

#[test]
fn growing_swings_are_held_to_the_window_of_their_largest_start() {
    let judge = judging::of::<Growth>("energy_law");
    let instance = regression();
    for (k, momentum, least_stiffness) in [(0, 0.0, 4.0), (1, 0.25, 4.0), (3, 0.0, 2.0)] {
        let mut record = GrowthRecord::new(&instance, OPTIMIZERS[k], &Progress::default()).unwrap();
        let largest = record.runs.iter().map(|run| run.start_energy).fold(0.0, f64::max);
        let (near, edge) = window(largest);
        let near = near * f64::sqrt(4.0 / least_stiffness);
        let slower = f64::sqrt((1.0 - momentum) / (1.0 + momentum));
        let (rung, window) = (record.runs[2].intrinsic_lr, (slower * near, slower * edge));
        for (name, reading, expected) in violations(rung, window, instance.loss.dimension(), 0.5 * f64::EPSILON) {
            let was = std::mem::replace(&mut record.runs[2].readings[0].reading, reading);
            assert_near(measured(&judge((&instance, &record)).unwrap(), name).0, expected, name);
            record.runs[2].readings[0].reading = was;
        }
    }
}

#[test]
fn other_dynamics_are_held_to_the_window_of_an_energy_of_eight() {
    let instance = regression();
    let mut records: Vec<DynamicsRecord> = DynamicsRecord::optimizers(&instance)
        .map(|optimizer| DynamicsRecord::new(&instance, optimizer, &Progress::default()).unwrap())
        .collect();
    records.retain(|record| !record.runs.is_empty());
    let under_momentum = records.iter().filter(|record| record.optimizer.constants().momentum > 0.0).count();
    assert!(under_momentum > 0 && under_momentum < records.len());
    for mut record in records {
        let claim = if record.optimizer.constants().momentum > 0.0 { "heavy_ball" } else { "scalar_rmsprop" };
        let judge = judging::of::<OtherDynamics>(claim);
        let slower =
            f64::sqrt((1.0 - record.optimizer.constants().momentum) / (1.0 + record.optimizer.constants().momentum));
        // |h| is of the size of √(2ε/K), K ≥ 2C_b.
        let window = (slower * 4.0 * (2.0 / record.optimizer.constants().decay).sqrt(), slower * 8.0);
        let (rung, dimension) = (record.runs[1].intrinsic_lr, instance.loss.dimension());
        for (name, reading, expected) in violations(rung, window, dimension, 0.5 * f64::EPSILON) {
            let was = std::mem::replace(&mut record.runs[1].readings[0], reading);
            assert_near(measured(&judge((&instance, &record)).unwrap(), name).0, expected, name);
            record.runs[1].readings[0] = was;
        }
        // A start at rest makes h₁ = −(1 + 2μ)h₀, twice the bound.
        let momentum = record.optimizer.constants().momentum;
        if momentum > 0.0 {
            let first = record.runs[1].readings[0].displacement;
            record.runs[1].readings[1].displacement = -(1.0 + 2.0 * momentum) * first;
            assert_near(measured(&judge((&instance, &record)).unwrap(), "momentum in phase").0, 2.0, "at rest");
        }
    }
}

#[test]
fn the_stable_regime_needs_scale_invariance_and_a_sharpness_that_is_known() {
    let judge = judging::of::<StableDescents>("descent_lemma");
    let mut path = [stable_record(&regression(), 5)];
    path[0].steps[1].radial = 4.0;
    let runs = path[0].runs.len();
    assert!(path[0].runs.iter().all(|run| !run.cut));
    for run in path[0].runs.iter_mut().take(3) {
        run.cut = true;
    }
    let found = judge((&path, Scope::Path)).unwrap();
    assert_eq!(measured(&found, "scale invariance").0, 4.0);
    assert_eq!(measured(&found, "ρ is known along the runs").0, 3.0 / (0.5 * runs as f64));
    let mut smooth = smooth_records(5);
    let bounds = smooth[1].bounds.as_mut().unwrap();
    bounds.sharpness.upper = 1.5 * bounds.sharpness.lower;
    let name = smooth[1].name.clone();
    let (found, place) = measured(&judge((&smooth, Scope::Sphere)).unwrap(), "ρ on all of S");
    assert_near(found, 10.0, "half of ρ over a twentieth");
    assert_eq!(place, name);
    smooth[1].bounds = None;
    assert!(measured(&judge((&smooth, Scope::Sphere)).unwrap(), "ρ on all of S").0.is_nan());
}

/// λ₂ near λ₁ at one place of the predicted path, and a λ₁ there that is not the Hessian's.
#[test]
fn places_of_the_path_are_held_to_a_simple_sharpness_and_its_value() {
    const WRONG: f64 = 1e-4;
    let judge = judging::of::<Points>("stability_threshold");
    for instance in [regression(), circle()] {
        let mut double = instance.clone();
        double.path[3].geometry.next_sharpness = 0.9995 * double.path[3].geometry.sharpness;
        let (found, place) = measured(&judge(&double).unwrap(), "λ₁ is simple");
        assert_near(found, 0.9995 / 0.999, "λ₂ over 0.999λ₁");
        assert_eq!(place, format!("at τ = {:.3}", double.path[3].tau));

        let mut wrong = instance.clone();
        let place = &mut wrong.path[4];
        let sharpness = place.geometry.sharpness;
        place.geometry.sharpness *= 1.0 + WRONG;
        let (point, tau, place) = (place.point.clone(), place.tau, place.clone());
        // What rounding may make of λ₁, relatively to the planted one.
        let relative = match instance.loss.regression() {
            Some(regression) => {
                let conditioning = regression.loss.conditioning(&point);
                3.0 * conditioning.rounding * conditioning.condition / (sharpness * (1.0 + WRONG))
            }
            None => {
                let options = KrylovOptions { pairs: 1, dense_up_to: 0, ..KrylovOptions::default() };
                let mut derivatives = Derivatives::new(&instance.loss);
                let found = largest_sharpnesses(&mut derivatives, &point, HessianKind::Euclidean, &options, None);
                let residual = found.unwrap().pairs[0].residual;
                residual / (sharpness * (1.0 + WRONG))
                    + 64.0 * point.len() as f64 * f64::EPSILON
                    + instance.loss.curvature_rounding(&place)
            }
        };
        let expected = WRONG / (1.0 + WRONG) / relative;
        let (found, place) = measured(&judge(&wrong).unwrap(), "constant rank");
        // λ₁'s own error is within the bound.
        assert!((found - expected).abs() <= 1.0, "{found} {expected}");
        assert_eq!(place, format!("at τ = {tau:.3}"));
    }
}

/// |h|_eq e^x of the window is where the start of that energy is highest.
#[test]
fn the_window_is_that_of_a_start() {
    for energy in [ENERGIES[0], ENERGIES[1]] {
        let kick = EdgeStart::at_energy(1e-4, energy, 0.0).kick;
        assert_near(kick * 2f64.sqrt(), window(energy).0, "the highest start");
    }
}
